# No commit waits for parley-pushd, whatever synchronous_standby_names says, and a large
# transaction of other tables does not end the feed.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IPC::Run ();
use Test::More;
use Time::HiRes qw(time);

use Parley;

my $parley = Parley->start(alone => 1, feed => 'wal', flags => { 'canary-s' => 0 });
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $team = $alice->group('team', $bob);
my $tab  = $bob->connect;

sub set ($name, $value)
{
	$parley->sql("ALTER SYSTEM SET $name = '$value'");
	return $parley->sql('SELECT pg_reload_conf()');
}

# Each row of pg_stat_replication that is ours.
sub sender ($column)
{
	return $parley->sql("SELECT r.$column FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE s.plugin = 'pg_parley' AND s.temporary");
}

sub finding () { return $parley->sql(q{SELECT ok, problem, remedy FROM chat.health() WHERE "check" = 'synchronous_standby'}) }

sub doctor ()
{
	my $text;

	IPC::Run::run([ Parley::pushd_binary(), 'doctor', '--database=' . $parley->pushd_database ], '>&', \$text);
	return ($text, $? >> 8);
}

subtest 'the position is told as soon as it has moved' => sub {
	$parley->sql('CREATE TABLE elsewhere (i int)');
	for my $write ('INSERT INTO elsewhere VALUES (1)', "SELECT pg_logical_emit_message(false, 'elsewhere', 'x')")
	{
		my $lsn = $parley->sql("$write; SELECT pg_current_wal_insert_lsn()") =~ s/.*\n//sr;
		ok await(sub { $parley->sql("SELECT coalesce(bool_and(flush_lsn >= '$lsn'), false) FROM pg_stat_replication") eq 't' },
			'confirmed', 3), $write;
	}
};

subtest 'any standby will do' => sub {
	is finding, 't||', 'all is well before';
	set(synchronous_standby_names => '*');
	await(sub { sender('sync_state') eq 'sync' }, 'the daemon is a synchronous standby');
	my @took = map {
		my $start = time;
		$parley->sql("INSERT INTO elsewhere VALUES ($_)");
		time - $start
	} 1 .. 10;
	diag join ' ', 'commits took', map { sprintf '%.3f s', $_ } @took;
	is scalar(grep { $_ > 2 } @took), 0, 'a commit of other tables is answered at once' or diag "@took";
	my $start = time;
	$alice->say($team, 'at once');
	$tab->message('at once');
	cmp_ok time - $start, '<', 2, 'and so is a message';

	my ($ok, $problem, $remedy) = split /\|/, finding;
	is $ok, 'f', 'chat.health() calls it a fault';
	like $problem, qr/^synchronous_standby_names matches parley-pushd/, 'and says which';
	my ($text, $status) = doctor();
	is $status, 1, 'so does doctor';
	like $text, qr/^fail synchronous_standby: synchronous_standby_names matches parley-pushd/m, 'by name';
	like $text, qr/^    ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf\(\); -- your standbys by name$/m, 'with its mend';
	$parley->sql($_) for split /(?<=;) /, $remedy =~ s/ --.*//r;
	is finding, 't||', 'which mends it';
	await(sub { sender('sync_state') eq 'async' }, 'no commit waits any more');
};

subtest 'other ways to name it' => sub {
	for my $names ('FIRST 1 (a, "*")', 'ANY 2 (nobody,*)', '"Parley-PushD"', 'a, "parley-pushd"')
	{
		set(synchronous_standby_names => $names);
		await(sub { $parley->sql('SHOW synchronous_standby_names') eq $names }, "it is $names");
		like finding, qr/^f\|/, $names;
	}
	for my $names ('', 'FIRST 1 (a, b)', '"parley-pushd-standby"')
	{
		set(synchronous_standby_names => $names);
		await(sub { $parley->sql('SHOW synchronous_standby_names') eq $names }, "it is $names");
		is finding, 't||', "not $names";
	}
	set(synchronous_standby_names => '');
};

# Nothing is sent while it is decoded, so each end has to hear in between that the other is there.
# (It is put aside to disk in small portions, so that the server's own work leaves no pause.)
subtest 'a large transaction of other tables' => sub {
	my $failures = $parley->metric('parley_feed_failures_total');
	my $sender   = sender('pid');
	my $events   = '';
	my ($said, $recvlogical) = ('');

	$parley->sql("SELECT pg_create_logical_replication_slot('hasty', 'pg_parley')");
	$recvlogical = IPC::Run::start(
		[ 'pg_recvlogical', '--start', '--slot=hasty', '--file=-', '--no-loop', '--fsync-interval=0', '--option=wire=2',
			'--dbname=' . $parley->node->connstr('chat') . " options='-c wal_sender_timeout=1s -c logical_decoding_work_mem=64kB'" ],
		'>' => \$events, '2>' => \$said);
	$parley->sql('INSERT INTO elsewhere SELECT generate_series(1, 1000000)');
	$alice->say($team, 'behind it');
	ok await(sub { $recvlogical->pump_nb; $events =~ /behind it/ || !$recvlogical->pumpable }, 'the other reader gets it', 120), 'another reader is served';
	like $events, qr/behind it/, 'although its server asks every 0.5 s whether it is there' or diag $said;
	ok await(sub { grep { $_->{content} eq 'behind it' } $tab->messages($team) }, 'the message behind it', 120), 'what follows it comes';
	is $parley->metric('parley_feed_failures_total'), $failures, 'the feed was not lost';
	is sender('pid'), $sender, 'its sender is the same';
	$recvlogical->signal('INT');
	$recvlogical->finish;
	unlike PostgreSQL::Test::Utils::slurp_file($parley->node->logfile), qr/replication timeout/, 'no sender took its reader for dead';
};

# A sender that the server gives up after 100 ms would not outlive this stop of the daemon.
subtest 'a server with little patience' => sub {
	set(wal_sender_timeout => '100ms');
	$parley->sql("SELECT pg_drop_replication_slot('hasty')");
	$parley->sql("SELECT pg_terminate_backend(@{[sender('pid')]})");
	await(sub { sender('pid') =~ /^\d+$/ && $parley->call(GET => 'root:/readyz')->status == 200 }, 'the feed streams again');
	my $sender = sender('pid');
	my $timer  = time;
	kill STOP => $parley->pid;
	await(sub { time - $timer > 1 }, 'a second has passed');
	kill CONT => $parley->pid;
	my $his = $bob->connect;
	$alice->say($team, 'after the stop');
	ok $his->message('after the stop'), 'the feed goes on';
	is sender('pid'), $sender, 'with the same sender';
	set(wal_sender_timeout => '60s');
};

done_testing;
