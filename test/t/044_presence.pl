# Who is online: over tabs, reloads and several daemons, and when one of them dies.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;
use Parley::Answer qw(shape);

my %flags = (
	'presence-grace-s' => 1,
	'presence-lease-s' => 3,
	'presence-members' => 3,
	'exchange-tick-ms' => 50);
my $parley = Parley->start(flags => \%flags);
my $beside = $parley->beside;
my ($alice, $bob, $carol, $dave, $erin) = $parley->signup(qw(alice bob carol dave erin));
my $team   = $alice->group('team', $bob, $carol);
my $direct = $alice->direct($bob);

# Bob watches at the first daemon, carol at the other one.
my $watch = $bob->connect;
my $other = $carol->at($beside)->connect;

# What a socket was told of somebody: "online", "offline", …
sub told ($socket, $user)
{
	return map { $_->{is_online} ? 'online' : 'offline' }
	  grep { $_->{user_id} == $user->id } $socket->frames('user_status');
}

# Waits until both watchers were told so, and of nothing else.
sub is_told ($user, $expected, $what)
{
	for my $socket ($watch, $other)
	{
		await(sub { told($socket, $user) >= @$expected }, "$what: @$expected");
		is_deeply [ told($socket, $user) ], $expected, $what;
	}
	return;
}

# By SQL and by REST at either daemon.
sub answers ($user)
{
	return (
		$parley->sql('SELECT is_online::int FROM chat.user_info WHERE id = ' . $user->id),
		map { $bob->at($_)->get('/users/' . $user->id . '/status')->json->{is_online} ? 1 : 0 } $parley, $beside);
}

sub becomes ($user, $expected)
{
	my $what = $user->username . ($expected ? ' is online' : ' is offline');

	await(sub { !grep { $_ != $expected } answers($user) }, $what);
	return pass $what;
}

subtest 'coming and going' => sub {
	my $tab = $alice->connect;

	is_told($alice, ['online'], 'the first tab');
	my ($event) = grep { $_->{user_id} == $alice->id } $other->frames('user_status');
	is_deeply shape($event),
	  { type => 'text', user_id => 'int', username => 'text', is_online => 'bool', last_seen => 'time' }, 'the event';
	is $event->{username}, 'alice', 'of whom';
	becomes($alice, 1);
	my $second = $alice->at($beside)->connect;
	$tab->close;
	$second->close;
	is_told($alice, [qw(online offline)], 'when the last tab of all is closed');
	becomes($alice, 0);
	is_deeply [ told($tab, $alice), told($watch, $bob), told($other, $carol) ], [], 'nobody is told of oneself';
};

subtest 'a reload' => sub {
	my $tab = $alice->connect;

	is_told($alice, [qw(online offline online)], 'back again');
	$tab->close;
	$tab = $alice->connect;    # here
	$tab->close;
	$tab = $alice->at($beside)->connect;    # and at the other daemon
	my $gone = 'SELECT count(*) FROM chat.presence WHERE cardinality(gateways) = 1 AND account_id = ' . $alice->id;
	await(sub { $parley->sql($gone) == 1 }, 'the first daemon has let go');
	$tab->close;
	is_told($alice, [qw(online offline online offline)], 'did not blink');
};

subtest 'strangers and blocks' => sub {
	my $hidden = $dave->connect;
	my $tab    = $erin->connect;
	my $both   = $dave->direct($bob);

	becomes($_, 1) for $dave, $erin;
	$hidden->close;
	becomes($dave, 0);
	await(sub { ((told($watch, $dave))[-1] // '') eq 'offline' }, 'who shares a conversation is told');
	is_deeply [ told($other, $dave), told($tab, $dave), told($watch, $erin) ], [], 'strangers are not';

	$parley->sql_as($bob, 'SELECT FROM chat.block(' . $dave->id . ')');
	my $told = told($watch, $dave);
	$hidden = $dave->connect;
	becomes($dave, 1);
	$tab->close;
	my $marker = $alice->connect;
	await(sub { (told($watch, $alice))[-1] eq 'online' }, 'somebody else is told of');
	is scalar(told($watch, $dave)), $told, 'not who was blocked';
	$_->close for $hidden, $marker;
};

subtest 'a daemon is killed' => sub {
	my $third = $parley->beside;
	my $tab   = $erin->at($third)->connect;

	$erin->group('erins', $bob, $carol);
	becomes($erin, 1);
	my $before = told($watch, $erin);
	my $lease  = $parley->sql("SELECT count(*) FROM chat.gateway WHERE online_until > now()");
	is $lease, 2 + Parley::processes(), 'this one, and all others';
	$third->stop_pushd('KILL');
	await(sub { told($watch, $erin) > $before && told($other, $erin) }, 'the others notice');
	is +(told($watch, $erin))[-1], 'offline', 'and tell so';
	is +(told($other, $erin))[-1], 'offline', 'both';
	becomes($erin, 0);
	is $parley->sql('SELECT count(*) FROM chat.gateway'), 1 + Parley::processes(), 'the dead one is removed';
};

subtest 'a daemon that could not listen' => sub {
	my $listener = q(SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' ORDER BY backend_start DESC LIMIT 1);
	my $pid      = $parley->sql($listener);
	my @before   = told($other, $dave);

	$dave->direct($carol);
	$parley->sql("SELECT pg_terminate_backend($pid)");
	my $tab = $dave->connect;
	await(sub { told($other, $dave) > @before }, 'hears of what it missed');
	is +(told($other, $dave))[-1], 'online', 'as it is';
	$tab->close;
};

subtest 'a large group' => sub {
	my ($frank) = $parley->signup('frank');
	my $large   = $frank->group('large', $alice, $bob, $carol);
	for my $socket ($watch, $other)
	{
		await(sub { grep { $_->{conversation_id} == $large } $socket->frames('member') }, 'the members are known');
	}
	my $tab = $frank->connect;

	my ($count) = await(sub { grep { $_->{conversation_id} == $large } $other->frames('presence') }, 'a count');
	($count) = grep { $_->{conversation_id} == $large } $other->frames('presence');
	is_deeply shape($count), { type => 'text', conversation_id => 'int', online => 'int' }, 'the event';
	is $count->{online}, 3, 'frank, bob and carol';
	await(sub { grep { $_->{conversation_id} == $large } $watch->frames('presence') }, 'at the first daemon, too');
	is_deeply [ told($other, $frank), told($watch, $frank) ], [], 'and no event of the member';
	$tab->close;
	await(sub { ([ $other->frames('presence') ])->[-1]{online} == 2 }, 'one less');
};

subtest 'the database starts again' => sub {
	my $tab = $alice->connect;

	becomes($alice, 1);
	$parley->node->stop('immediate');
	$parley->node->start;
	await(sub { $tab->is_closed }, 'the socket is closed');
	await(sub { $tab = eval { $alice->at($beside)->connect } }, 'the client comes back');
	becomes($alice, 1);
	$tab->close;
	becomes($alice, 0);
};

done_testing;
