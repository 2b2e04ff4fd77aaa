# What the feed does when the server cannot or will not: it says so, serves as well as
# may be, recovers by itself, and loses nothing.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IPC::Run ();
use Test::More;

use Parley;
use Parley::Follower;
use Parley::User;

my $stopped;    # the process that this test holds still

# In front of Parley's own, so that the cluster can end.
END
{
	kill CONT => $stopped if $stopped;
}

my $parley = Parley->start(
	alone    => 1,
	pushd    => 0,
	settings => { max_replication_slots => 1, logical_decoding_work_mem => '1MB' },
	flags    => { 'max-outbox-bytes' => 64 * 1024 * 1024, 'heartbeat-s' => 5, 'pool-wait-ms' => 1000 });
my $nobody = Parley::User->nobody($parley);

sub readyz () { return eval { $nobody->call(GET => 'root:/readyz')->json } // {} }
sub feed_is ($name) { return await(sub { (readyz->{feed} // '') eq $name }, "the feed is $name") }

sub metric ($series) { return $parley->metric($series) }

# What a socket has of a conversation has no hole and nothing twice.
sub is_whole ($socket, $conversation, $name)
{
	my @seqs = map { $_->{seq} } $socket->messages($conversation);
	return is_deeply \@seqs, [ $seqs[0] .. $seqs[-1] ], $name;
}

$parley->sql("SELECT pg_create_physical_replication_slot('somebody')");
$parley->start_pushd;
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $team  = $alice->group('team', $bob);
my $other = $alice->group('other', $bob);
my $his   = $bob->connect;

subtest 'no slot is free' => sub {
	feed_is('table');
	like readyz->{reason}, qr/no replication slot/, 'readyz says why';
	like $parley->log, qr/from the tables \(no replication slot/, 'so does the log';
	is metric('parley_feed'), 1, 'and a metric';
	$alice->say($team, 'by the tables');
	ok $his->message('by the tables'), 'what is said comes';
	$parley->sql("SELECT pg_drop_replication_slot('somebody')");
	my $n = 0;
	await(sub { $alice->say($team, 'one of many ' . ++$n); readyz->{feed} eq 'wal' }, 'the WAL takes over');
	is metric('parley_feed'), 2, 'the metric says so';
	$alice->say($team, 'by the WAL');
	$his->message('by the WAL');
	is_whole($his, $team, 'nothing is lost or doubled on the way');
	ok !$his->is_closed, 'and nobody had to come back';
};

subtest 'a huge transaction' => sub {
	my $many = 200_000;
	my $size = sub { return $1 if `cat /proc/@{[$parley->pid]}/status` =~ /^VmHWM:\s+(\d+)/m };
	my $before = $size->();
	my $hers   = $alice->connect(path => "/ws/chat/$other", headers => { Authorization => 'Bearer ' . $alice->token });

	$parley->sql("SELECT chat.set_rate_limit('send', 'account', NULL, NULL)");
	my $writer = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $parley->node->connstr('chat'), '-c', "BEGIN; UPDATE chat.conversation_counter SET last_seq = last_seq + $many WHERE conversation_id = $team;
		INSERT INTO chat.message (conversation_id, seq, sender_id, sender_name, content, created_at)
			SELECT $team, last_seq - $many + n, @{[$alice->id]}, 'alice', 'huge ' || n, now()
			FROM chat.conversation_counter, generate_series(1, $many) n WHERE conversation_id = $team; COMMIT" ],
		'<', \undef, '>', \my $out, '2>&1');
	await(sub { $writer->pump_nb if $writer->pumpable; !$writer->pumpable }, 'the commit', 60);
	ok $writer->finish, 'the commit' or diag $out;
	$alice->say($other, "while it comes $_") for 1 .. 5;
	ok $hers->message('while it comes 5'), 'others get theirs';
	await(sub { $his->is_closed || ($his->messages($team))[-1]{content} eq "huge $many" }, 'all of it', 120);
	ok !$his->is_closed, 'no heartbeat is missed';
	is_whole($his, $team, 'each message once, in order');
	cmp_ok metric('parley_feed_yields_total'), '>', 0, 'it was taken in shares';
	my $grown = ($size->() - $before) / 1024;
	cmp_ok $grown, '<', 300, sprintf 'memory grew by %d MB at most', $grown;
	$_->close for $his, $hers;
};

subtest 'the walsender is killed under load' => sub {
	$his = $bob->connect;
	for my $round (1 .. 3)
	{
		my $before = ($bob->history($team, 200_000))[-1]{seq};
		$alice->say($team, "before $round");
		$parley->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender'");
		$alice->say($team, "during $round");
		is $his->await_close, 4004, 'clients are told';
		await(sub { $his = eval { $bob->connect } }, 'they are let in again');
		my @missed = map { $_->{content} } $bob->history($team, $before);
		is_deeply \@missed, [ "before $round", "during $round" ], 'and catch up';
		$alice->say($team, "after $round");
		ok $his->message("after $round"), 'and get what comes';
		feed_is('wal');
	}
	$his->close;
};

# Syncs from the tables show what the feed tells only later: it must not come twice.
subtest 'the walsender stands still' => sub {
	$parley->stop_pushd;
	$parley->start_pushd('ring-bytes' => 0);
	feed_is('wal');
	my ($stays, $comes) = map { Parley::Follower->new($bob)->open($parley)->await_synced } 1 .. 2;
	my $last = ($bob->history($other))[-1]{seq};

	$stopped = $parley->sql('SELECT active_pid FROM pg_replication_slots WHERE active');
	kill STOP => $stopped;
	$alice->say($other, "still $_") for 1 .. 3;
	$alice->must($alice->call(PATCH => "/conversations/$other/messages/1", body => { content => 'edited' }));
	$stays->sync->await_synced;
	$comes->close;
	$comes->open($parley)->await_synced;
	is $_->room($other)->{seq}, $last + 3, 'who asks has what the feed has not' for $stays, $comes;
	kill CONT => $stopped;
	undef $stopped;
	$alice->say($other, 'goes on');
	$_->await_cursor($other, $last + 4, 0) for $stays, $comes;
	my @server = map { Parley::Follower->summary($_) } $bob->history($other);
	for my $one ($stays, $comes)
	{
		is_deeply $one->complaints, [], 'each message once, in order';
		my $mine = $one->summaries($other);
		is_deeply $mine, [ @server[ @server - @$mine .. $#server ] ], 'as the server has them';
		$one->close;
	}
};

subtest 'writes are refused' => sub {
	$his = $bob->connect;
	$parley->sql('ALTER SYSTEM SET default_transaction_read_only = on');
	$parley->sql('SELECT pg_reload_conf()');
	await(sub { $alice->post("/conversations/$team/messages", { content => 'x' })->status >= 500 }, 'a refusal');
	is scalar(eval { $bob->history($team, 200_000) } || 0) > 0, 1, 'reading goes on';
	$parley->sql('SET default_transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only');
	$parley->sql('SELECT pg_reload_conf()');
	await(sub { $alice->post("/conversations/$team/messages", { content => 'again' })->status == 201 }, 'writes again');
	ok $his->message('again'), 'and what is said comes, without coming back';
	$his->close;
};

subtest 'no connection is free' => sub {
	my $limit = 1;

	$parley->sql("ALTER ROLE parley_pushd CONNECTION LIMIT $limit");
	$parley->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'parley_pushd'");
	await(sub { $parley->log =~ /too many connections/ }, 'the log says so');
	$parley->sql('ALTER ROLE parley_pushd CONNECTION LIMIT -1');
	feed_is('wal');
	$his = $bob->connect;
	await(sub { eval { $alice->say($team, 'connected again') } }, 'a send');
	ok $his->message('connected again'), 'all goes on by itself';
	$his->close;
};

subtest 'no server' => sub {
	$parley->node->stop('fast');
	feed_is('none');
	is metric('parley_feed'), 0, 'the metric says so';
	is readyz->{slot}, undef, 'there is no slot';
	like readyz->{reason}, qr/./, 'but a reason';
	like $parley->log, qr/warn +feed: \S/, 'in the log, too';
	$parley->node->append_conf('postgresql.conf', 'wal_level = replica');
	$parley->node->start;
	feed_is('table');
	await(sub { (readyz->{reason} // '') =~ /wal_level = logical/ }, 'readyz says that it needs another wal_level');
	like $parley->log, qr/warn +feed: the server needs wal_level/, 'so does the log';
	is metric('parley_feed'), 1, 'and the metric';
	await(sub { $his = eval { $bob->connect } }, 'clients are let in');
	$alice->say($team, 'from now on by the tables');
	ok $his->message('from now on by the tables'), 'and get what is said';
	$his->close;
};

done_testing;
