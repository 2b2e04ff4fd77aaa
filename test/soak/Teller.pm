# Teller.pm
#	  A psql that sends messages for anybody, without waiting.  When the server ends it, the
#	  next one gets what was not answered; the client ids see to it that nothing is said twice.
package Teller;

use Mojo::Base -strict, -signatures;

use IPC::Open2 qw(open2);
use Mojo::IOLoop;

sub new ($class, $conninfo)
{
	return bless { conninfo => $conninfo, asked => {}, lines => '' }, $class;
}

sub psql ($self)
{
	return $self->{stream} if $self->{stream};
	my $pid = open2(my $from, my $to, 'psql', '-XAtq', '-d', $self->{conninfo});
	my $in  = Mojo::IOLoop::Stream->new($from);
	my $out = Mojo::IOLoop::Stream->new($to);
	$_->timeout(0) for $in, $out;
	$in->on(read => sub ($stream, $bytes) { $self->take($bytes) });
	$in->on(close => sub ($stream) { $self->ended($out, $pid) });
	$out->on(error => sub { });
	Mojo::IOLoop->stream($_) for $in, $out;
	return $self->{stream} = $out;
}

sub ended ($self, $out, $pid)
{
	$out->close;
	waitpid $pid, 0;
	@$self{qw(stream lines)} = (undef, '');
	$self->ask($_) for sort keys %{ $self->{asked} };
	return;
}

# Each answer: "said <client id> <seq>" when it was, then "done <client id> <SQLSTATE>".
sub take ($self, $bytes)
{
	$self->{lines} .= $bytes;
	while ($self->{lines} =~ s/^(said|done) (\S+) (\S+)\n//)
	{
		my ($what, $id, $value) = ($1, $2, $3);
		my $asked = $self->{asked}{$id} or next;
		if ($what eq 'said') { $asked->{seq} = $value; next }
		delete $self->{asked}{$id};
		$asked->{then}->($asked->{seq});
	}
	return;
}

sub ask ($self, $id)
{
	my ($account, $room, $content) = @{ $self->{asked}{$id} }{qw(account room content)};

	delete $self->{asked}{$id}{seq};
	$self->psql->write("BEGIN; SELECT FROM chat.act_as($account);\n"
		  . "SELECT 'said $id ' || seq FROM chat.send($room, '$content', '$id');\n"
		  . "COMMIT;\n\\echo done $id :LAST_ERROR_SQLSTATE\n");
	return;
}

# $then gets the number of the message, undef when it was refused.
sub send ($self, $account, $room, $content, $id, $then)
{
	return if $self->{asked}{$id};
	$self->{asked}{$id} = { account => $account, room => $room, content => $content, then => $then };
	$self->ask($id);
	return;
}

sub end ($self)
{
	$self->{stream}->close if $self->{stream};
	return;
}

1;
