# A client that comes back says all it has to say in one flight, without waiting for `welcome`.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;
use Parley::Socket;

my $parley = Parley->start;
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $room = $alice->group('room', $bob);

sub uuid ($n) { return sprintf '00000000-0000-4000-8000-%012d', $n }

sub auth ($token) { return { type => 'auth', token => $token } }

sub message ($n, $content = "message $n")
{
	return { type => 'message', id => uuid($n), conversation_id => $room, content => $content };
}

# All in one turn of the client's loop.
sub fly ($socket, @frames)
{
	$socket->send($_) for @frames;
	return $socket;
}

sub open_socket (@options) { return Parley::Socket->open($parley, @options) }

sub acks ($socket, $count)
{
	$socket->wait_for(sub { $socket->frames('ack') >= $count }, "$count acks");
	return $socket->frames('ack');
}

subtest 'one flight' => sub {
	my $socket = fly(open_socket(), auth($alice->token), { type => 'sync', id => 's', cursors => {} },
		(map { message($_) } 1 .. 20), { type => 'read', id => 'r', conversation_id => $room, seq => 1 },
		{ type => 'typing', conversation_id => $room, is_typing => Mojo::JSON->true },
		{ type => 'call', id => 'c', method => 'me' });

	my @acks = acks($socket, 21);
	is_deeply [ map { $_->{seq} } grep { $_->{id} ne 'r' } @acks ], [ 1 .. 20 ], 'every message is stored, in order';
	is_deeply [ map { $_->{id} } grep { $_->{id} ne 'r' } @acks ], [ map { uuid($_) } 1 .. 20 ], 'each has its ack';
	is $socket->next('result')->{result}{username}, 'alice', 'a call is answered';
	is $socket->next('synced')->{id}, 's', 'a sync too';
	is_deeply [ $socket->frames('error') ], [], 'nothing is refused';
	is +($socket->frames)[0]{type}, 'welcome', 'nothing comes ahead of the welcome';
	$socket->close;

	my $header = open_socket(headers => { Authorization => 'Bearer ' . $alice->token });
	fly($header, message(21));
	is +(acks($header, 1))[0]{seq}, 21, 'also behind a token in the header';
	$header->close;
};

subtest 'more than may be under way' => sub {
	my @long = map { message(100 + $_, "$_ " . 'x' x 9000) } 1 .. 20;
	my $socket = fly(open_socket(), auth($alice->token), (map { message(200 + $_) } 1 .. 400), @long);

	is_deeply [ map { $_->{seq} } acks($socket, 420) ], [ 22 .. 441 ], 'all are stored, in order';
	is_deeply [ $socket->frames('error') ], [], 'nothing is refused';
	$socket->close;
};

subtest 'a token that is refused' => sub {
	my $socket = fly(open_socket(), auth('x'), map { message(900 + $_) } 1 .. 400);

	is $socket->next('error')->{code}, 'token_invalid', 'says so';
	is $socket->await_close, 4500, 'and closes';
	is_deeply [ map { $_->{code} } $socket->frames('error') ], ['token_invalid'], 'once, not for each frame';
	is_deeply [ $socket->frames('ack') ], [], 'nothing is taken';
	is $parley->sql("SELECT count(*) FROM chat.message WHERE conversation_id = $room"), 441, 'nothing is stored';
};

subtest 'without a token' => sub {
	my $socket = fly(open_socket(), message(950), { type => 'sync', cursors => {} });

	is $socket->next('error')->{code}, 'unauthenticated', 'a message is refused';
	is $socket->next('error')->{code}, 'unauthenticated', 'a sync too';
	fly($socket, auth($alice->token), message(951));
	is +(acks($socket, 1))[0]{id}, uuid(951), 'but not what comes behind a token';
	$socket->close;
};

subtest 'the same again on the next connection' => sub {
	my $cut = fly(open_socket(), auth($alice->token), message(960), message(961));
	$cut->close;
	my $next = fly(open_socket(), auth($alice->token), map { message(960 + $_) } 0 .. 2);
	is_deeply [ map { $_->{seq} } acks($next, 3) ], [ 443 .. 445 ], 'is stored once, in order';
	$next->close;
};

done_testing;
