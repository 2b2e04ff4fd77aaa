# What whoever runs the daemon relies on: readiness that is proved, metrics, logs, reload,
# a drain without a stampede, and what the service manager is told.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Socket qw(SOCK_DGRAM);
use Test::More;

use Parley;
use Parley::Raw;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $notify = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$folder/notify") or die "notify: $!";
my $file   = path("$folder/pushd.conf");
my $stopped;    # the process that this test holds still

# In front of Parley's own, so that the cluster can end.
END
{
	kill CONT => $stopped if $stopped;
}

$file->spurt("canary-s = 1\n");

# PostgreSQL would tell the same socket how it goes, and wait until that is read.
my $parley = Parley->start(alone => 1, feed => 'wal', pushd => 0, flags => { config => "$file", 'log-format' => 'json', 'drain-s' => 2 });
{
	local @ENV{qw(NOTIFY_SOCKET WATCHDOG_USEC)} = ("$folder/notify", 400_000);
	$parley->start_pushd;
}
my ($alice, $bob) = $parley->signup(qw(alice bob));

# What the daemon has told, one string after the other.
my @told;
sub listen_to_daemon
{
	while (IO::Select->new($notify)->can_read(0))
	{
		$notify->recv(my $text, 4096);
		push @told, $text;
	}
	return @told;
}

# Few strings fit into the socket: those of before are out of the way.
sub forget_told
{
	listen_to_daemon();
	@told = ();
	return;
}

sub is_told ($what)
{
	return ok await(sub { grep { /^$what/ } listen_to_daemon() }, "the service manager hears $what"), "tells $what";
}

sub readiness
{
	my $answer = $parley->call(GET => 'root:/readyz');
	return { %{ $answer->json }, http => $answer->status };
}

sub reasons { return join ' ', @{ readiness()->{reasons} } }
sub metrics { return $parley->call(GET => 'root:/metrics')->body }

sub metric ($line)
{
	my ($value) = metrics() =~ /^\Q$line\E (\d+)/m;
	return $value // 0;
}

subtest 'ready' => sub {
	is_told('READY=1');
	is_told('WATCHDOG=1');
	my $ready = await(sub { my $now = readiness(); $now->{canary}{state} eq 'well' && $now }, 'a canary came back');
	is $ready->{http}, 200, 'a canary has come back through the log: 200';
	is_deeply $ready->{reasons}, [], 'nothing stands against it';
	cmp_ok $ready->{canary}{latency_ms}, '>', 0, 'it took a while';
	my $socket = $alice->connect;
	my $before = metric('parley_canaries_total{outcome="sent"}');
	readiness() for 1 .. 30;
	cmp_ok metric('parley_canaries_total{outcome="sent"}') - $before, '<=', 3, 'who asks often does not write often';
	is_deeply [ map { $_->{type} } $socket->frames ], ['welcome'], 'no client sees a canary';
	$socket->close;
};

subtest 'a feed that stands still' => sub {
	my $socket = $alice->connect;
	my $team   = $alice->group('team', $bob);

	$stopped = $parley->sql('SELECT active_pid FROM pg_replication_slots WHERE active');
	like $stopped, qr/^\d+$/, 'one process sends the log';
	kill STOP => $stopped;
	await(sub { reasons() eq 'feed_stalled' }, 'it is noticed');
	is readiness()->{http}, 503, 'who asks gets 503';
	is metric('parley_canary_well'), 0, 'and a metric';
	cmp_ok metric('parley_canaries_total{outcome="late"}'), '>=', 1, 'a counter, too';
	$alice->say($team, 'meanwhile');
	kill CONT => $stopped;
	undef $stopped;
	await(sub { readiness()->{http} == 200 }, 'it is well again');
	is readiness()->{canary}{state}, 'well', 'a canary came back: 200';
	is $socket->message('meanwhile')->{seq}, 1, 'what was said meanwhile comes';
	$socket->close;
};

subtest 'no database' => sub {
	$parley->node->stop('fast');
	await(sub { reasons() =~ /database_down/ }, 'it is noticed');
	is readiness()->{http}, 503, 'who asks gets 503';
	like reasons(), qr/feed_down/, 'the feed is down, too';
	is $parley->call(GET => 'root:/livez')->status, 200, 'the process lives';
	$parley->node->start;
	await(sub { readiness()->{http} == 200 }, 'it is well again');
	pass 'well again';
};

subtest 'metrics' => sub {
	my $text = metrics();
	for my $name (
		qw(parley_commit_to_socket_seconds_bucket parley_outbox_bytes parley_feed_lag_bytes parley_feed_state
		parley_pool_wait_seconds_count parley_pool_waiting parley_http_answers_total parley_refused_total
		parley_loop_turn_seconds_bucket parley_build_info process_resident_memory_bytes process_open_fds
		parley_timeouts_total parley_canary_seconds_bucket parley_http_request_seconds_bucket
		parley_closes_total parley_resumes_total parley_pool_connections))
	{
		like $text, qr/^\Q$name\E[{ ]/m, $name;
	}
	like $text, qr/^parley_http_answers_total\{method="POST",route="\/api\/v1\/conversations",status="201"\} 1$/m,
	  'answers by route and status';
	my %seen;
	my @doubled = grep { $seen{$_}++ } $text =~ /^# TYPE (\S+)/mg;
	is_deeply \@doubled, [], 'no metric twice';
	for my $board (glob "$FindBin::Bin/../../deploy/*dashboard*.json")
	{
		my @expressions = path($board)->slurp =~ /"expr": *"((?:[^"\\]|\\.)*)"/g;
		cmp_ok scalar @expressions, '>', 10, path($board)->basename;
		my @unknown = grep { $text !~ /^\Q$_\E[{ ]/m } map { /\b((?:parley|process)_\w+)/g } @expressions;
		is_deeply \@unknown, [], 'every expression names what there is';
	}
};

subtest 'logs' => sub {
	my $id    = $parley->call(GET => 'root:/nowhere')->header('X-Request-Id');
	my $named = $parley->call(GET => 'root:/n%22o%0Awhere', headers => { 'X-Request-Id' => 'of-the-proxy.7' });
	is $named->header('X-Request-Id'), 'of-the-proxy.7', 'a request keeps the id that it came with';
	my @lines = map { decode_json($_) } split /\n/, $parley->log;
	is_deeply [ grep { !$_->{time} || !$_->{level} || !defined $_->{message} } @lines ], [], 'each line is JSON';
	my ($line) = grep { ($_->{id} // '') eq $id } @lines;
	is $line->{message}, "GET /nowhere: 404, request $id", 'a request is found by the id it was answered with';
	is scalar(grep { $_->{message} =~ /: 404, request of-the-proxy\.7$/ } @lines), 1, 'or by its own';
};

# Writes the file, has it read and waits for a line of the log.
sub reload ($what, $line)
{
	my $start = length $parley->log;

	$file->spurt($what);
	forget_told();
	kill HUP => $parley->pid;
	return await(sub { my $new = substr $parley->log, $start; $new =~ $line && $new =~ /"reloaded/ && $new }, "$line");
}

subtest 'reload' => sub {
	my $log = reload("canary-s = 1\nmax-body-bytes = 1024\npool-size = 5\n", qr/"reloaded"/);
	is_told('RELOADING=1\nMONOTONIC_USEC=\d+');
	is_told('READY=1');
	like $log, qr/"level":"warn","message":"pool-size has changed: that takes a restart"/, 'what takes a restart is named';
	unlike $log, qr/max-body-bytes/, 'what does not is not';
	my $large = sub { $alice->call(PATCH => '/auth/me', body => { bio => 'x' x 1500 })->status };
	is $large->(), 413, 'a new limit holds';

	$log = reload("max-body-bytes = many\n", qr/"reloaded in part/);
	like $log, qr/settings stay as they were: \S+pushd\.conf:1: max-body-bytes: \\"many\\" is not a number/, 'a bad file is named';
	is $large->(), 413, 'and nothing has changed';
	is metric('parley_reloads_total{outcome="failed"}'), 1, 'it is counted';

	reload("canary-s = 1\nmax-connections = 1\n", qr/"reloaded"/);
	my $one = Parley::Raw->new($parley)->write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
	my $two = Parley::Raw->new($parley)->write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
	is $two->answer->{status}, 503, 'one connection too many is told so';
	undef $_ for $one, $two;

	reload("canary-s = 1\nmetrics-access = 10.0.0.0/8\n", qr/"reloaded"/);
	isnt $large->(), 413, 'a setting that is no longer there has its default';
	my $refused = $parley->call(GET => 'root:/metrics');
	is $refused->status, 403,                        'metrics are not for everybody';
	is $refused->type,   'application/problem+json', 'a problem says so';
	unlike $refused->body, qr/parley_/, 'and nothing else';
	is readiness()->{http}, 200, 'readiness is for all';
	reload("canary-s = 1\nmetrics-access = 10.0.0.0/8, 127.0.0.1\n", qr/"reloaded"/);
	is $parley->call(GET => 'root:/metrics')->status, 200, 'but for those who are listed';
};

# Whether the daemon still takes connections.
sub listens
{
	return !!IO::Socket::INET->new('127.0.0.1:' . $parley->port);
}

subtest 'drain' => sub {
	my @sockets = map { $alice->connect } 1 .. 20;
	my $lock    = $parley->psql;
	my $body    = encode_json({ bio => 'before the end' });

	# A request that is under way: the database keeps it waiting.
	$lock->query_safe('BEGIN; SELECT 1 FROM chat.account WHERE id = ' . $bob->id . ' FOR UPDATE');
	my $request = Parley::Raw->new($parley)->write(join "\r\n", 'PATCH /api/v1/auth/me HTTP/1.1', 'Host: x',
		'Authorization: Bearer ' . $bob->token, 'Content-Type: application/json', 'Content-Length: ' . length $body, '', $body);
	await(sub { $parley->sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") }, 'it waits');

	forget_told();
	kill TERM => $parley->pid;
	is_told('STOPPING=1');
	my @after = map { $_->next('reconnect')->{after_ms} } @sockets;
	$lock->query_safe('COMMIT');
	$lock->quit;
	my $answer = $request->answer;
	is $answer->{status}, 200, 'a request that was under way is answered';
	like $answer->{head}, qr/^connection: close/im, 'the last one of its connection';
	ok !listens(), 'nobody is let in any more';
	cmp_ok keys %{ { map { $_ => 1 } @after } }, '>', 10, 'each is told a time of its own';
	is_deeply [ grep { $_ < 0 || $_ > 2000 } @after ], [], 'within the time of the drain';

	my (@order, %gone);
	await(
		sub {
			push @order, grep { $sockets[$_]->is_closed && !$gone{$_}++ } 0 .. $#sockets;
			return @order == @sockets;
		},
		'all are closed');
	is_deeply [ grep { $_->await_close != 4000 } @sockets ], [], 'with 4000';
	is scalar(grep { $after[ $order[$_] ] > $after[ $order[ $_ + 1 ] ] + 200 } 0 .. $#order - 1), 0, 'each at its time';
	await(sub { !$parley->pushd_runs }, 'the daemon ends');
	is $parley->{status}, 0, 'without an error';
	is_deeply [ grep { !/^WATCHDOG=1$/ } listen_to_daemon() ], ['STOPPING=1'], 'and no other word to the service manager';
};

done_testing;
