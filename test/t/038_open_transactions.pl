# A server without preloading, where rate limits are kept in a table: the open transaction of one
# person does not delay the messages of others.  An old snapshot is named by chat.health().
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;

my $parley = Parley->start(settings => { shared_preload_libraries => "''", max_prepared_transactions => 5 });
my ($alice, $bob, $carol) = $parley->signup(qw(alice bob carol));
my $held  = $alice->group('held');
my $team  = $alice->group('team', $bob);
my $other = $bob->group('other', $carol);

sub send_one ($client, $conversation)
{
	my $id = new_id();

	$client->send({ type => 'message', id => $id, conversation_id => $conversation, content => 'x' });
	return $id;
}

# Sends, and waits for the ack, behind those of earlier messages.
sub answered ($client, $conversation)
{
	my $id = send_one($client, $conversation);

	for (1 .. 10)
	{
		return 1 if $client->next('ack')->{id} eq $id;
	}
	return 0;
}

my $ids = 0;
sub new_id { return sprintf '00000000-0000-4000-8000-%012d', ++$ids }

# Alice's bucket is locked by this, whether its row is new or not.
sub open_transaction
{
	my $psql = $parley->psql;

	$psql->query_safe("BEGIN; SELECT FROM chat.authenticate('@{[$alice->token]}'); SELECT FROM chat.send($held, 'held')");
	return $psql;
}

for my $row ('a new row', 'an old row')
{
	subtest "a bucket that is held: $row" => sub {
		$parley->sql('DELETE FROM chat.rate_bucket') if $row eq 'a new row';
		my ($theirs, $ours) = ($alice->connect, $bob->connect);
		my $psql = open_transaction();

		for my $n (1 .. 5)
		{
			send_one($theirs, $team);
			ok answered($ours, $other), "message $n of somebody else is answered";
		}
		is_deeply [ $ours->frames('error') ], [], 'none fails';
		is_deeply [ $theirs->frames('ack') ], [], 'those of the one that holds it wait';
		$psql->query_safe('COMMIT');
		$psql->quit;
		ok answered($theirs, $team), 'until the commit';
	};
}

subtest 'one call' => sub {
	my $psql = open_transaction();
	my $batch = sub (@senders) {
		return $parley->sql("SET lock_timeout = '5s'; SELECT string_agg(coalesce(error, 'sent'), ' ' ORDER BY item) FROM chat.send_batch('{"
			. join(',', map { $_->[0]->id } @senders) . "}', '{" . join(',', map { $_->[1] } @senders)
			. "}', '{" . join(',', ('x') x @senders) . "}', '{" . join(',', ('NULL') x @senders)
			. "}', '{" . join(',', ('NULL') x @senders) . "}', false)");
	};

	is $batch->([ $bob, $other ], [ $alice, $team ], [ $bob, $team ], [ $carol, $other ]), 'sent conversation_busy sent sent',
	  'only the item of the one that holds the bucket is refused';
	$psql->query_safe('COMMIT');
	$psql->quit;
	is $batch->([ $alice, $team ]), 'sent', 'after the commit it is sent';
};

subtest 'a sweep that stays open' => sub {
	my $psql = $parley->psql;

	$parley->sql("UPDATE chat.rate_bucket SET forget_at = '-infinity'");
	$psql->query_safe('BEGIN; DELETE FROM chat.rate_bucket');
	my $ours = $bob->connect;
	ok answered($ours, $other), 'delays nobody';
	$psql->query_safe('COMMIT');
	$psql->quit;
	ok answered($ours, $other), 'and afterwards it goes on';
	cmp_ok $parley->sql('SELECT count(*) FROM chat.rate_bucket'), '>', 0, 'with a row';
};

subtest 'old snapshots' => sub {
	my $problems = sub { $parley->sql(q{SELECT string_agg(problem || ' -> ' || remedy, ' ') FROM chat.health() WHERE "check" = 'old_snapshot'}) };
	# Each subtransaction that writes takes a transaction number.
	my $burn = q{DO $$ BEGIN FOR i IN 1 .. 10100 LOOP BEGIN CREATE TEMP TABLE t (); DROP TABLE t; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN END; END LOOP; END $$};
	my $psql = $parley->psql;
	my $pid = $psql->query_safe('SELECT pg_backend_pid()') =~ s/\s+//gr;

	is $problems->(), '', 'none at first';
	$psql->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM chat.account');
	is $problems->(), '', 'a young one is no problem';
	$parley->sql($burn);
	like $problems->(), qr/^process $pid sees the database as it was \d{5} transactions ago: .* -> SELECT pg_terminate_backend\($pid\);$/,
	  'an old one is named';
	$psql->query_safe('COMMIT');
	is $problems->(), '', 'until it ends';
	$psql->query_safe("BEGIN; CREATE TABLE public.t (); PREPARE TRANSACTION 'of a manager'");
	$parley->sql($burn);
	like $problems->(), qr/^transaction 'of a manager' .* -> ROLLBACK PREPARED 'of a manager'; /, 'so is a prepared transaction';
	$psql->query_safe("ROLLBACK PREPARED 'of a manager'");
	is $problems->(), '', 'until it ends, too';
	$psql->quit;
};

done_testing;
