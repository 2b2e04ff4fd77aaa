# Others use up all connections of the server, while the daemon runs and when it starts: it
# says so, answers by rule what it cannot do, and goes on by itself when there is room.  What
# clients say again until it is taken is there once.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IO::Socket::UNIX;
use Test::More;

use Parley;
use Parley::Socket;
use Parley::User;

my $pool   = 4;
my $room   = 16;    # for those who are no superusers
my $parley = Parley->start(
	alone    => 1,
	settings => { max_connections => $room + 3, superuser_reserved_connections => 3 },
	flags    => { 'pool-size' => $pool, 'pool-wait-ms' => 500, 'max-logins-per-minute' => 0 });
my $nobody = Parley::User->nobody($parley);
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $team = $alice->group('team', $bob);
$parley->sql('CREATE ROLE somebody LOGIN');

# ---- others

my @others;

# One more connection to the server, or nothing: FATAL comes in place of ReadyForQuery.
sub other ()
{
	my $node   = $parley->node;
	my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "connect: $!";
	my $asked  = "user\0somebody\0database\0chat\0\0";
	my $type   = '';

	syswrite $socket, pack('NN', 8 + length $asked, 3 << 16) . $asked;
	while ($type ne 'Z')
	{
		sysread $socket, my $head, 5 or return;
		($type, my $length) = unpack 'aN', $head;
		sysread $socket, my $body, $length - 4;
		return if $type eq 'E';
	}
	return $socket;
}

# All the room that is left.
sub fill ()
{
	while (my $other = other()) { push @others, $other }
	return scalar @others;
}

sub backends ($name) { return $parley->sql("SELECT count(*) FROM pg_stat_activity WHERE usename = '$name' AND backend_type = 'client backend'") }

# A superuser who has just looked at something may still count for a moment.
sub fill_all (@seconds)
{
	return await(sub { fill() == $room }, 'the others have all connections', @seconds);
}

# The daemon's go, and others are quicker, now or the next time.
sub push_out ()
{
	fill();
	await(
		sub {
			$parley->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE usename = 'parley_pushd' AND backend_type = 'client backend'");
			eval { local $SIG{__DIE__}; fill_all(0.2) };
		},
		'the daemon has none');
	return;
}

sub make_room ()
{
	@others = ();
	await(sub { backends('somebody') == 0 }, 'the others are gone');
	return;
}

# ---- what the daemon says

sub readyz () { return $nobody->call(GET => 'root:/readyz') }

sub pool_is ($connections, $what)
{
	return await(sub { readyz()->json->{pool_connections} == $connections }, $what);
}

# ---- load: somebody says something all the time, and again what was not taken

my ($said, %waiting, %refused) = (0);
my $her = $alice->connect;
my $his = $bob->connect;

# What came back since; true while she is connected.
sub listen_to_answers ()
{
	state $seen = 0;
	my @frames = $her->frames;

	for my $frame (@frames[ $seen .. $#frames ])
	{
		next if !defined $frame->{id} || !$waiting{ $frame->{id} };
		if ($frame->{type} eq 'ack') { delete $waiting{ $frame->{id} } }
		elsif ($frame->{type} eq 'error')
		{
			$refused{ $frame->{code} }++;
			$her->send($waiting{ $frame->{id} });
		}
	}
	$seen = @frames;
	return !$her->is_closed;
}

sub say_more ($count)
{
	for (1 .. $count)
	{
		my $id = sprintf '6b1f0f52-0d5e-4c8e-9a41-%012d', ++$said;
		$waiting{$id} = { type => 'message', id => $id, conversation_id => $team, content => "message $said" };
		$her->send($waiting{$id});
	}
	return;
}

sub all_is_said ($what)
{
	await(sub { listen_to_answers() or die "she was sent away\n"; !%waiting }, $what);
	return;
}

subtest 'no room for more' => sub {
	cmp_ok fill(), '>', 0, 'others take what is left';
	say_more(50);
	all_is_said('with the connections that it has, the daemon goes on');
	is_deeply \%refused, {}, 'nothing is refused';
};

subtest 'none at all' => sub {
	say_more(20);
	push_out();
	pool_is(0, 'none is left');
	say_more(20);
	my $answer = $alice->get('/auth/me');
	is $answer->status, 503, 'REST answers 503';
	is $answer->code, 'unavailable', 'with a code';
	ok $answer->header('Retry-After'), 'and when to come again';
	await(sub { listen_to_answers(); $refused{unavailable} }, 'sends are refused');
	is_deeply [ grep { !/^(unavailable|timeout)$/ } keys %refused ], [], 'as something to be tried again';
	is readyz()->status, 503, 'not ready';
	like "@{ readyz()->json->{reasons} }", qr/database_down/, 'and it says why';
	like $parley->log, qr/pool \d: .*(remaining connection slots|too many clients)/, 'so does the log, as the server put it';

	$parley->sql_as($alice, "SELECT seq FROM chat.send($team, 'by SQL')");
	ok $his->message('by SQL'), 'the feed has a connection of another kind: who is there hears on';
	my $late = Parley::Socket->open($parley);
	$late->send({ type => 'auth', token => $bob->token });
	is $late->await_close, 4005, 'who comes is told to come back';

	make_room();
	pool_is($pool, 'the pool is filled again');
	all_is_said('all that was refused is taken');
	is readyz()->status, 200, 'ready';
	my $back = $bob->connect;
	say_more(1);
	ok $back->message("message $said"), 'who comes is let in';
	$back->close;
};

# What clients have said is there once, in the order of the numbers.
subtest 'nothing is lost or doubled' => sub {
	my @expected = sort map({ "message $_" } 1 .. $said), 'by SQL';
	my @history  = $alice->history($team);

	$his->message("message $said");
	is_deeply [ sort map { $_->{content} } @history ], \@expected, 'each message once';
	is_deeply [ map { $_->{content} } $his->messages($team) ], [ map { $_->{content} } @history ], 'each delivered, in order';
	ok !$_->is_closed, 'nobody had to come back' for $her, $his;
	$_->close for $her, $his;
};

subtest 'at the start' => sub {
	$parley->stop_pushd;
	await(sub { backends('parley_pushd') == 0 }, 'its connections are gone');
	fill_all();
	$parley->spawn_pushd;
	await(sub { $parley->log =~ /remaining connection slots|too many clients/ }, 'the log says so');
	is eval { $nobody->call(GET => 'root:/livez')->status }, 200, 'alive';
	is readyz()->status, 503, 'not ready';
	unlike $parley->log, qr/ready: http/, 'and does not say so';
	make_room();
	await(sub { $parley->log =~ /ready: http/ }, 'ready by itself');
	$his = $bob->connect;
	$alice->say($team, 'again');
	ok $his->message('again'), 'and all is well';
	$his->close;
};

done_testing;
