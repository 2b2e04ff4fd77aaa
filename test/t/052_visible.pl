# Who is told of a message finds it: a commit is in the WAL a moment before it can be seen,
# and for longer where it waits for a synchronous standby.  Here none exists, so that a
# commit waits until it is cancelled.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;
use Time::HiRes qw(time);

use Parley;

my $parley = Parley->start(feed => 'wal', settings => { synchronous_commit => 'local', synchronous_standby_names => "'nobody'" });
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $team  = $alice->group('team', $bob);
my $tab   = $bob->connect;
my $count = 0;

# A writer whose commit waits; when it began to.
sub hold ($content)
{
	my $session = $parley->psql;
	my $start   = time;

	$session->query_safe('SET synchronous_commit = on');
	$session->{stdin} .= "BEGIN; SELECT FROM chat.act_as(@{[$alice->id]}); SELECT FROM chat.send($team, '$content'); COMMIT;\n";
	$session->{run}->pump_nb;
	await(sub { $session->{run}->pump_nb; waiting() == 1 }, 'the commit waits');
	return ($session, $start);
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

subtest 'a commit that cannot be seen yet' => sub {
	for my $round (1 .. 10)
	{
		my ($session, $start) = hold("held $round");
		settle;
		my $came = grep { $_->{content} eq "held $round" } $tab->messages($team);
		my $soon = time - $start < 0.7;
		let_go($session);
		my $seq = $tab->message("held $round")->{seq};
		is $bob->get("/conversations/$team/messages/$seq")->status, 200, 'who is told of it finds it';
		next if !$soon;    # this machine is too busy to tell
		is $came, 0, 'is not told of';
		last;
	}
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
	is_deeply [ grep { !/held/ } map { $_->{content} } $tab->messages($team) ], [ 'for long', 'after' ], 'nothing is lost or doubled';
};

done_testing;
