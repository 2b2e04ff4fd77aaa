# Parley/Raw.pm
#	  A connection, plain or under TLS, that says exactly the bytes it is told, for what no
#	  decent client would say: HTTP heads and WebSocket frames of any kind.
package Parley::Raw;

use Mojo::Base -strict, -signatures;

use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM SOL_SOCKET SO_RCVBUF inet_aton pack_sockaddr_in);
use Time::HiRes qw(time);

use Parley::Answer qw(parse);

my $patience = 15;    # seconds

sub new ($class, $parley)
{
	my $socket = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";
	$socket->setsockopt(SOL_SOCKET, SO_RCVBUF, 4096);    # soon full when nobody reads
	$socket->connect(pack_sockaddr_in($parley->port, inet_aton('127.0.0.1'))) or die "connect: $!";
	$socket->blocking(0);
	return bless { socket => $socket, in => '', ended => 0 }, $class;
}

# The same under TLS: s_client with standard input and output as one socket.  $authority is the
# file of the certificates that are trusted; @options are s_client's.
sub tls ($class, $port, $authority, @options)
{
	socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!";
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDIN,  '<&', $theirs;
		open STDOUT, '>&', $theirs;
		open STDERR, '>', '/dev/null';
		{
			exec 'setpriv', '--pdeathsig', 'KILL', 'openssl', 's_client', '-quiet', '-no_ign_eof', '-CAfile',
			  $authority, '-verify_return_error', @options, '-connect', "127.0.0.1:$port";
		}
		POSIX::_exit(127);
	}
	close $theirs;
	$ours->blocking(0);
	return bless { socket => $ours, in => '', ended => 0 }, $class;
}

# What the other side does not take any more is dropped.
sub write ($self, $bytes)
{
	local $SIG{PIPE} = 'IGNORE';
	my $deadline = time + $patience;

	while (length $bytes && time < $deadline)
	{
		my $written = syswrite $self->{socket}, $bytes;
		if (defined $written)
		{
			substr($bytes, 0, $written) = '';
			next;
		}
		last if !$!{EAGAIN};
		IO::Select->new($self->{socket})->can_write(0.1);
		last if length $self->{in} && $self->{ended};
	}
	return $self;
}

sub read_more ($self)
{
	return 0 if $self->{ended};
	IO::Select->new($self->{socket})->can_read($patience) or die "waited $patience s for an answer\n";
	my $got = sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
	$self->{ended} = 1 if !$got && !(!defined $got && $!{EAGAIN});
	return 1;
}

# ---- HTTP

# One answer: { status, code, body }, with status 0 when the connection ends without.
sub answer ($self)
{
	while ($self->{in} !~ /\r\n\r\n/)
	{
		$self->read_more or return { status => 0, body => $self->{in} };
	}
	my ($head, $rest) = split /\r\n\r\n/, $self->{in}, 2;
	my ($status) = $head =~ m{^HTTP/1\.[01] (\d+)} or die "no HTTP: $head\n";
	my $length = $head =~ /^content-length: (\d+)/im ? $1 : 0;
	while (length $rest < $length)
	{
		$self->read_more or last;
		(undef, $rest) = split /\r\n\r\n/, $self->{in}, 2;
	}
	$self->{in} = substr $rest, $length;
	my $body = substr $rest, 0, $length;
	my $code = $head =~ m{^content-type: application/problem\+json}im ? parse($body)->{code} : undef;
	return { status => $status, code => $code, body => $body, head => $head };
}

# ---- WebSocket

# Upgrades, logs in and waits for the welcome.  `fields`: more of the head, lines with their
# ends; the answer's head is ->{head} then.
sub websocket ($class, $parley, $token, $fields = '')
{
	my $self = $class->new($parley);

	$self->write("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		  . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
		  . "Authorization: Bearer $token\r\n$fields\r\n");
	my $answer = $self->answer;
	$answer->{status} == 101 or die 'no upgrade';
	$self->{head} = $answer->{head};
	my $welcome = $self->frame;
	$welcome->{opcode} == 1 && parse($welcome->{payload})->{type} eq 'welcome' or die 'no welcome';
	return $self;
}

# The bytes of a frame: a client's, with a mask, unless told otherwise.
sub bytes ($class, $payload, %more)
{
	my $first  = ($more{opcode} // 1) | ($more{rsv} // 0) << 4 | (($more{fin} // 1) ? 0x80 : 0);
	my $length = $more{length} // length $payload;
	my $masked = $more{masked} // 1;
	my $bit    = $masked ? 0x80 : 0;
	my $head   = pack 'C', $first;

	$head .=
	    $length < 126    ? pack('C', $bit | $length)
	  : $length < 65_536 ? pack('Cn', $bit | 126, $length)
	  :                    pack('CQ>', $bit | 127, $length);
	return $head . $payload if !$masked;
	return $head . "\x12\x34\x56\x78" . ($payload ^ substr("\x12\x34\x56\x78" x (length($payload) / 4 + 1), 0, length $payload));
}

# The next frame of the server: { opcode, rsv, payload }; opcode 8 also when the connection
# ends without one.
sub frame ($self)
{
	while (1)
	{
		if ($self->{in} =~ /^(.)(.)/s)
		{
			my ($first, $length, $head) = (ord $1, ord($2) & 127, 2);
			($length, $head) = (unpack('xxn', $self->{in}), 4) if $length == 126 && length $self->{in} >= 4;
			($length, $head) = (unpack('xxQ>', $self->{in}), 10) if $length == 127 && length $self->{in} >= 10;
			if (length $self->{in} >= $head + $length && !($length >= 126 && $head == 2))
			{
				my $payload = substr $self->{in}, $head, $length;
				$self->{in} = substr $self->{in}, $head + $length;
				return { opcode => $first & 15, rsv => $first >> 4 & 7, payload => $payload };
			}
		}
		$self->read_more or return { opcode => 8, payload => '' };
	}
}

# What the server answers to something bad: the code of an error frame, or the code of
# the close; "ended" when the connection just ends.
sub complaint ($self)
{
	while (1)
	{
		my $frame = $self->frame;
		if ($frame->{opcode} == 8)
		{
			return length $frame->{payload} >= 2 ? unpack('n', $frame->{payload}) : 'ended';
		}
		next if $frame->{opcode} != 1;
		for my $object (map { parse($_) } split /\n/, $frame->{payload})
		{
			return $object->{code} if $object->{type} eq 'error';
		}
	}
}

1;
