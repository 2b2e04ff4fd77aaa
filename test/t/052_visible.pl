# Who is told of a message finds it: a commit is in the WAL a moment before it can be seen,
# and for longer where it waits for a synchronous standby.  Here none exists, so that a
# commit waits until it is cancelled.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IPC::Run ();
use Test::More;

use Parley;

my $parley = Parley->start(feed => 'wal', settings => { synchronous_commit => 'local', synchronous_standby_names => "'nobody'" });
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $team  = $alice->group('team', $bob);
my $tab   = $bob->connect;
my $count = 0;

# A writer whose commit waits.
sub hold ($content)
{
	my $session = $parley->psql;

	$session->query_safe('SET synchronous_commit = on');
	$session->{stdin} .= "BEGIN; SELECT FROM chat.act_as(@{[$alice->id]}); SELECT FROM chat.send($team, '$content'); COMMIT;\n";
	$session->{run}->pump_nb;
	await(sub { $session->{run}->pump_nb; waiting() == 1 }, 'the commit waits');
	return $session;
}

sub waiting () { return $parley->sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") }

sub let_go ($session)
{
	$parley->sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
	await(sub { waiting() == 0 }, 'the commit has ended');
	$session->quit;
	return;
}

# All that was sent to the socket before this has come.
sub settle ()
{
	$tab->send({ type => 'call', id => 'n' . ++$count, method => 'me', params => {} });
	$tab->next('result');
	return;
}

# How many senders wait for it; the event has a name of its own from PostgreSQL 17 on.
sub senders_that_wait ()
{
	return $parley->sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event IN ('Extension', 'ParleyAwaitVisible')");
}

# A busy machine may not look before the wait has ended: then another round does.
subtest 'a commit that cannot be seen yet' => sub {
	my $looked = 0;

	for my $round (1 .. 20)
	{
		my ($session) = hold("held $round");
		settle;
		my $came  = grep { $_->{content} eq "held $round" } $tab->messages($team);
		my $waits = senders_that_wait();
		let_go($session);
		my $seq = $tab->message("held $round")->{seq};
		is $bob->get("/conversations/$team/messages/$seq")->status, 200, 'who is told of it finds it';
		next if !$waits;
		is $came, 0, 'is not told of';
		$looked = 1;
		last;
	}
	ok $looked, 'the sender was seen to wait';
};

# Its reader does not mind that others cannot see it yet.
subtest 'a reader that does not wait' => sub {
	my ($events, $said, $looked) = ('', '', 0);

	$parley->sql("SELECT pg_create_logical_replication_slot('hasty', 'pg_parley')");
	my $reader = IPC::Run::start(
		[ 'pg_recvlogical', '--start', '--slot=hasty', '--file=-', '--no-loop', '--option=wire=2', '--option=await=off', '--dbname=' . $parley->node->connstr('chat') ],
		'>' => \$events, '2>' => \$said);
	for my $round (1 .. 20)
	{
		my ($session) = hold("hasty $round");
		await(sub { $reader->pump_nb; $events =~ /hasty $round"/ }, 'the reader has it');
		$looked = senders_that_wait();
		let_go($session);
		$tab->message("hasty $round");
		last if $looked;
	}
	is $looked, 1, 'it has it while the sender of the daemon waits';
	$reader->signal('INT');
	$reader->finish;
	$parley->sql("SELECT pg_drop_replication_slot('hasty')");
};

subtest 'one that waits for long' => sub {
	my ($session) = hold('for long');

	ok $tab->message('for long'), 'is told of after a while';
	is waiting(), 1, 'although nobody can see it';
	my $other = $alice->group('other', $bob);
	$alice->say($other, 'meanwhile');
	ok $tab->message('meanwhile'), 'and holds up nobody else';
	let_go($session);
	$alice->say($team, 'after');
	$tab->message('after');
	is_deeply [ grep { !/held|hasty/ } map { $_->{content} } $tab->messages($team) ], [ 'for long', 'after' ], 'nothing is lost or doubled';
};

done_testing;
