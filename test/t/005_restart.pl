# The daemon dies, PostgreSQL is restarted, connections break: nothing is lost, and all
# goes on by itself.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IO::Socket::INET;
use IPC::Run ();
use Mojo::File qw(tempdir);
use Test::More;

use Parley;
use Parley::User;

my $parley = Parley->start(alone => 1, feed => 'wal', flags => { 'pool-wait-ms' => 1000 });
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $team   = $alice->group('team', $bob);
my $nobody = Parley::User->nobody($parley);

sub slots () { return $parley->sql('SELECT count(*) FROM pg_replication_slots') }

sub is_ready () { return eval { $nobody->call(GET => 'root:/readyz')->status == 200 } }

# The tables serve while a slot is made.
sub streams () { return eval { $nobody->call(GET => 'root:/readyz')->json->{feed} eq 'wal' } }

sub backend ($condition)
{
	return $parley->sql("SELECT pid FROM pg_stat_activity WHERE usename = 'parley_pushd' AND $condition
		ORDER BY pid LIMIT 1");
}

# A client as it should be: what comes live is put into place by its number, and a hole,
# or what was missed before the welcome, is fetched.
package Reader
{
	use Mojo::Base -strict, -signatures;

	sub new ($class, $user, $conversation)
	{
		return bless { user => $user, conversation => $conversation, seen => {}, fetched => 0 }, $class;
	}

	sub connect ($self)
	{
		Parley::await(sub { $self->{socket} = eval { $self->{user}->connect } }, 'a socket');
		$self->note($self->{user}->history($self->{conversation}, $self->last));
		return $self;
	}

	# Notes what came; false when the socket is closed.
	sub read ($self)
	{
		$self->note($self->{socket}->messages($self->{conversation}));
		return !$self->{socket}->is_closed;
	}

	sub note ($self, @messages)
	{
		for my $message (@messages)
		{
			my $other = $self->{seen}{ $message->{seq} } //= $message->{content};
			die "two messages $message->{seq}" if $other ne $message->{content};
		}
		return;
	}

	sub last ($self)
	{
		my $last = 0;
		$last++ while $self->{seen}{ $last + 1 };
		return $last;
	}
}

subtest 'killed while writers go on' => sub {
	my $total  = 6000;
	my $pause  = 0.002;    # between two of them, so that they go on after the last kill
	my $kills  = 3;
	my $folder = tempdir;
	my $script = $folder->child('writer.sql')->spurt(
		"SELECT format('BEGIN; SELECT FROM chat.act_as(%s); SELECT FROM chat.send(%s, %L); COMMIT; SELECT pg_sleep($pause)',
			@{[$alice->id]}, $team, n) FROM generate_series(1, $total) n\n\\gexec\n");
	my $writer = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $parley->node->connstr('chat'), '-f', $script ],
		'<', \undef, '>', \my $out, '2>&1');
	my $reader = Reader->new($bob, $team)->connect;
	my $killed = 0;

	for my $round (1 .. $kills)
	{
		my $enough = $reader->last + $total / 60;
		await(sub { $reader->read; $reader->last >= $enough }, 'some messages');
		my $before = $reader->last;
		$killed++ if $writer->pumpable;
		$parley->stop_pushd('KILL');
		await(sub { !$reader->read }, 'the client notices');
		await(sub { $parley->sql("SELECT last_seq > $before + 20 FROM chat.conversation_counter
			WHERE conversation_id = $team") eq 't' }, 'the writer goes on');
		$parley->start_pushd;
		$reader->connect;
		cmp_ok $reader->last, '>', $before + 20, "round $round: what was missed is fetched";
	}
	ok $writer->finish, 'the writer ended well' or diag $out;
	is $killed, $kills, 'it was writing all the time';
	await(sub { $reader->read; $reader->last == $total }, "all $total messages");
	is scalar(keys %{ $reader->{seen} }), $total, 'each once';
	is_deeply [ @{ $reader->{seen} }{ 1 .. $total } ], [ 1 .. $total ], 'each in its place';
	await(sub { slots == 1 }, 'the slots of the killed are gone');
	pass 'the dead leave no slot behind';
};

subtest 'PostgreSQL is restarted' => sub {
	for my $mode ('fast', 'immediate')
	{
		my $socket = $bob->connect;
		my $pid    = $parley->pid;

		$parley->node->stop($mode);
		is $socket->await_close, 4004, "$mode: clients are told";
		is $socket->close_reason, 'feed_reset', "$mode: the reason";
		is $nobody->call(GET => 'root:/livez')->status, 200, "$mode: the daemon lives";
		await(sub { !is_ready }, 'it is not ready');
		my $answer = $alice->get('/auth/me');
		is $answer->status, 503, "$mode: REST answers 503";
		is $answer->code, 'unavailable', "$mode: with a code";
		ok $answer->header('Retry-After'), "$mode: and when to come again";
		$parley->node->start;
		await(\&is_ready, 'ready again');
		await(\&streams, 'the WAL streams again');
		my $again = $bob->connect;
		$alice->say($team, "after $mode");
		ok $again->message("after $mode"), "$mode: it goes on by itself";
		is $parley->pid, $pid, "$mode: in the same process";
		is slots, 1, "$mode: with one slot";
		$again->close;
	}
};

subtest 'connections break' => sub {
	my $socket = $bob->connect;

	$parley->sql('SELECT pg_terminate_backend(' . backend("backend_type = 'walsender'") . ')');
	is $socket->await_close, 4004, 'the feed: clients are told';
	await(\&is_ready, 'ready again');
	await(\&streams, 'the WAL streams again');
	$socket = $bob->connect;
	$alice->say($team, 'another feed');
	ok $socket->message('another feed'), 'there is another';

	$parley->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE usename = 'parley_pushd' AND backend_type = 'client backend'");
	await(sub { eval { $alice->say($team, 'another pool') } }, 'the pool to recover');
	ok $socket->message('another pool'), 'the pool: sockets stay';
	$socket->send({ type => 'message', conversation_id => $team, content => 'and can send' });
	ok $socket->next('ack'), 'and can send';
	$socket->close;
};

subtest 'a transaction that is older than the slot' => sub {
	my $session = $parley->psql;

	$session->query_safe('BEGIN; SELECT pg_current_xact_id()');
	$parley->stop_pushd;
	$parley->spawn_pushd;
	await(\&is_ready, 'ready by the tables');
	my ($pid) = map { $session->query_safe('SELECT pg_backend_pid()') } 1;
	await(sub { $parley->log =~ /feed degraded, waiting for pid $pid\b/ }, 'the log says for whom the feed waits');
	my $state = $nobody->call(GET => 'root:/readyz')->json;
	is $state->{feed}, 'table', 'the tables serve meanwhile';
	is $state->{feed_state}, 'creating slot', 'because there is no slot yet';
	is $state->{reason}, "feed degraded, waiting for pid $pid", 'and readyz says for whom';
	my $socket = $bob->connect;
	ok $alice->say($team, 'meanwhile'), 'REST works';
	ok $socket->message('meanwhile'), 'and what is said comes';
	$session->query_safe('COMMIT');
	$session->quit;
	await(sub { $alice->say($team, 'on and on'); $nobody->call(GET => 'root:/readyz')->json->{feed} eq 'wal' },
		'the WAL takes over');
	$alice->say($team, 'by the WAL');
	$socket->message('by the WAL');
	my @seqs = map { $_->{seq} } $socket->messages($team);
	is_deeply \@seqs, [ $seqs[0] .. $seqs[-1] ], 'nothing is lost or doubled';
	ok !$socket->is_closed, 'and nobody has to come back';
	$socket->close;
};

subtest 'the database comes later' => sub {
	$parley->stop_pushd;
	$parley->node->stop('fast');
	$parley->spawn_pushd;
	await(sub { eval { $nobody->call(GET => 'root:/livez')->status == 200 } }, 'alive');
	is $nobody->call(GET => 'root:/readyz')->status, 503, 'alive but not ready';
	unlike $parley->log, qr/ready: http/, 'and does not say so';
	$parley->node->start;
	await(\&is_ready, 'ready');
	await(sub { $parley->log =~ m{ready: http} }, 'the line in the log');
	pass 'then it is';
};

subtest 'the end' => sub {
	my $socket = $bob->connect;

	is $parley->stop_pushd('TERM'), 0, 'SIGTERM: exit status 0';
	is $socket->await_close, 4000, 'clients are told';
	is $socket->close_reason, 'server_shutdown', 'the reason';
	await(sub { slots == 0 }, 'no slot is left');
	is $parley->sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'parley_pushd'"), 0, 'no connection is left';

	my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
	$parley->spawn_pushd('listen-port' => $taken->sockport, 'log-level' => 'info');
	await(sub { !$parley->pushd_runs }, 'a daemon whose port is taken ends');
	isnt $parley->{status}, 0, 'a taken port: exit status';
	my @lines = grep { /^parley-pushd: / } split /\n/, $parley->log;
	is @lines, 1, 'a taken port: one line';
	like $lines[0], qr/@{[$taken->sockport]}/, 'that names it';

	$parley->spawn_pushd('heartbeat-s' => 'often');
	await(sub { !$parley->pushd_runs }, 'a daemon with a wrong setting ends');
	isnt $parley->{status}, 0, 'a wrong setting: exit status';
	like $parley->log, qr/^[^\n]*heartbeat-s[^\n]*often[^\n]*\n\z/, 'a wrong setting: one line';
};

done_testing;
