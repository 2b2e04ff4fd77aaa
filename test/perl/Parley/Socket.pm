# Parley/Socket.pm
#	  A WebSocket client that notes every frame it gets, in order.
package Parley::Socket;

use Mojo::Base -strict, -signatures;

use Mojo::UserAgent;
use Test::More;

use Parley::Answer qw(compose parse);

# Opens a socket and waits for the handshake.  Options: path, protocols => [...],
# headers => {...}.  See ->refused for a handshake that was not accepted.
sub open ($class, $parley, %options)
{
	my $self = $class->begin($parley, %options);

	Parley::await(sub { $self->has_opened }, 'a handshake at ' . $parley->url);
	return $self;
}

# The same without waiting, for many at once.
sub begin ($class, $parley, %options)
{
	state $agent = Mojo::UserAgent->new(
		connect_timeout    => 10,
		inactivity_timeout => 0,
		request_timeout    => 0,
		max_connections    => 0);
	my $self = bless { frames => [], taken => {} }, $class;
	my $url  = $parley->url($options{path} // '/ws') =~ s/^http/ws/r;

	$agent->websocket(
		$url => $options{headers} // {} => $options{protocols} // [] => sub ($agent, $tx) { $self->opened($tx) });
	return $self;
}

sub has_opened ($self) { return defined $self->{tx} }


sub opened ($self, $tx)
{
	$self->{tx} = $tx;
	if (!$tx->is_websocket)
	{
		$self->{refused} = $tx->res->code // 0;
		return;
	}
	$tx->max_websocket_size(16 * 1024 * 1024);
	$tx->on(text => sub ($tx, $bytes) { eval { $self->take($bytes); 1 } or fail "a frame: $@" });
	$tx->on(binary => sub ($tx, $bytes) { fail 'a binary frame from the server' });
	$tx->on(
		finish => sub ($tx, $code, $reason = undef) {
			$self->{close} = $code // 1006;
			$self->{close_reason} = $reason // '';
		});
	return;
}

# One or more JSON objects, one a line.
sub take ($self, $bytes)
{
	for my $frame (map { parse($_) } split /\n/, $bytes)
	{
		push @{ $self->{frames} }, $frame;
		push @{ $self->{type}{ $frame->{type} } }, $frame;
		next if $frame->{type} ne 'message';
		my $conversation = $frame->{conversation_id};    # as a key the number would become text
		push @{ $self->{conversation}{$conversation} }, $frame;
		$self->{content}{ $frame->{content} } //= $frame;
	}
	return;
}

# The HTTP status of a handshake that was refused.
sub refused ($self) { return $self->{refused} }

sub answer ($self) { return $self->{tx}->res }
sub protocol ($self) { return $self->{tx}->protocol }

sub send ($self, $frame)
{
	return $self->send_bytes(compose($frame));
}

sub send_bytes ($self, $bytes)
{
	$self->{tx}->send({ text => $bytes });
	return $self;
}

sub send_binary ($self, $bytes)
{
	$self->{tx}->send({ binary => $bytes });
	return $self;
}

# ---- what came

# All frames so far, or those of one type.
sub frames ($self, $type = undef)
{
	return @{ (defined $type ? $self->{type}{$type} : $self->{frames}) // [] };
}

sub messages ($self, $conversation = undef)
{
	return defined $conversation ? @{ $self->{conversation}{$conversation} // [] } : $self->frames('message');
}

# The next frame of this type, behind the one that this returned before.
sub next ($self, $type)
{
	my $n = $self->{taken}{$type}++;

	return $self->wait_for(sub { $self->{type}{$type}[$n] }, "a frame of type $type");
}

# The message with this content, whenever it came or comes.
sub message ($self, $content)
{
	return $self->wait_for(sub { $self->{content}{$content} }, "the message \"$content\"");
}

sub wait_for ($self, $condition, $what)
{
	my $found;

	Parley::await(sub { ($found = $condition->()) || defined $self->{close} }, $what);
	return $found // die "the socket was closed ($self->{close}) before $what\n";
}

# ---- the end

sub is_closed ($self) { return defined $self->{close} }

# Waits until the server closes it; the close code.
sub await_close ($self, $seconds = undef)
{
	Parley::await(sub { defined $self->{close} }, 'the server closes the socket', $seconds // ());
	return $self->{close};
}

sub close_reason ($self) { return $self->{close_reason} }

sub close ($self)
{
	$self->{tx}->finish if !defined $self->{close};
	Parley::await(sub { defined $self->{close} }, 'the socket is closed');
	return;
}

1;
