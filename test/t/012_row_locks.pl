# A SQL transaction that stays open holds rows of its own person.  What that person, or
# anybody, asks for meanwhile is not to keep others waiting, still less to fail for them.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;

my $parley = Parley->start;
my ($alice, $bob, $mallet) = $parley->signup(qw(alice bob mallet));
my $team = $alice->group('team', $bob, $mallet);
$alice->say($team, "message $_") for 1 .. 9;

# A transaction of mallet's that stays open.
sub held ($sql)
{
	my $psql = $parley->psql;
	$psql->query_safe("BEGIN; SELECT FROM chat.act_as(@{[$mallet->id]}); $sql");
	return $psql;
}

subtest 'positions' => sub {
	my ($theirs, $ours) = ($mallet->connect, $bob->connect);
	my $psql = held("SELECT FROM chat.mark_read($team, 3)");

	$theirs->send({ type => 'read', id => "held $_", conversation_id => $team, seq => 3 + $_ }) for 1 .. 2;
	for my $seq (1 .. 5)
	{
		$theirs->send({ type => 'delivered', conversation_id => $team, seq => 5 + $_ }) for 1 .. 2;
		$ours->send({ type => 'read', id => "ours $seq", conversation_id => $team, seq => $seq });
		is $ours->next('ack')->{seq}, $seq, 'those of others move on';
	}
	is_deeply [ $ours->frames('error') ], [], 'and none fails';
	is_deeply [ $theirs->frames('ack') ], [], 'the held one waits';
	$psql->query_safe('COMMIT');
	$psql->quit;
	is $theirs->next('ack')->{id}, "held $_", 'and is answered then' for 1 .. 2;
	is_deeply [ $theirs->frames('error') ], [], 'without an error';
	is $parley->sql("SELECT read_seq, delivered_seq FROM chat.member WHERE account_id = @{[$mallet->id]}"), '5|7', 'all has arrived';
};

subtest 'logins' => sub {
	my $psql = $parley->psql;

	$psql->query_safe("BEGIN; SELECT FROM chat.login('alice', 'a wrong password')");
	isnt eval { $alice->login }, undef, 'an attempt that stays open keeps nobody out' or diag $@;
	$psql->quit;
};

done_testing;
