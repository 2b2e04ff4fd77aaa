# Parley/Answer.pm
#	  What came back for a REST call, and the shapes that it may have.
package Parley::Answer;

use Mojo::Base -strict, -signatures;

use B ();
use Mojo::JSON qw(from_json to_json);

use Exporter qw(import);
our @EXPORT_OK = qw(compose parse scalar_type shape %SHAPES);

sub new ($class, $tx)
{
	my $error = $tx->error;

	die "no answer: $error->{message}\n" if $error && !$error->{code};
	return bless { res => $tx->result }, $class;
}

sub status ($self) { return $self->{res}->code }
sub body ($self) { return $self->{res}->body }
sub start ($self) { return substr $self->body, 0, 300 }
sub json ($self) { return parse($self->{res}->body) }
sub header ($self, $name) { return $self->{res}->headers->header($name) }
sub type ($self) { return ($self->header('Content-Type') // '') =~ s/\s*;.*//r }
sub code ($self) { return $self->type eq 'application/problem+json' ? $self->json->{code} : undef }

# JSON as bytes and back.  Mojo's own functions have no mercy on noncharacters like U+FFFE.
sub compose ($value)
{
	my $bytes = to_json($value);
	utf8::encode($bytes);
	return $bytes;
}

sub parse ($bytes)
{
	utf8::decode($bytes) or die "bad UTF-8\n";
	return from_json($bytes);
}

# ---- shapes: JSON with each value replaced by the name of its type

sub scalar_type ($value)
{
	return 'null' if !defined $value;
	return 'bool' if ref $value eq 'JSON::PP::Boolean';
	my $flags = B::svref_2object(\$value)->FLAGS;
	if (!($flags & B::SVp_POK))
	{
		return 'int' if $flags & B::SVp_IOK;
		return 'number' if $flags & B::SVp_NOK;
	}
	return 'time' if $value =~ /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00$/;
	return 'text';
}

sub shape ($value)
{
	return { map { $_ => shape($value->{$_}) } keys %$value } if ref $value eq 'HASH';
	return [ map { shape($_) } @$value ] if ref $value eq 'ARRAY';
	return scalar_type($value);
}

# With the values that the first answer of a new account has.
our %SHAPES = (
	user => {
		id           => 'int',
		username     => 'text',
		display_name => 'text',
		avatar_url   => 'null',
		bio          => 'null',
		is_online    => 'bool',
		last_seen    => 'null'
	},
	message => {
		conversation_id => 'int',
		seq             => 'int',
		sender_id       => 'int',
		sender          => 'text',
		content         => 'text',
		client_id       => 'null',
		reply_to        => 'null',
		created_at      => 'time',
		edited_at       => 'null',
		deleted         => 'bool',
		reactions       => [],
		thread          => 'null',
		pinned          => 'bool',
		attachments     => []
	},
	problem => {
		type   => 'text',
		title  => 'text',
		status => 'int',
		code   => 'text',
		detail => 'text',
		instance => 'text'
	});
$SHAPES{member} = { %{ $SHAPES{user} }, role => 'text', muted_until => 'null' };
$SHAPES{grant}  = {
	user          => $SHAPES{user},
	access_token  => 'text',
	token_type    => 'text',
	expires_in    => 'int',
	refresh_token => 'text'
};
$SHAPES{conversation} = {
	id           => 'int',
	is_group     => 'bool',
	name         => 'text',
	members      => [ $SHAPES{member}, $SHAPES{member} ],
	member_count => 'int',
	last_message => 'null',
	last_seq     => 'int',
	unread       => 'int',
	read_seq     => 'int',
	mentions     => 'int',
	is_public    => 'bool',
	active_at    => 'time'
};

1;
