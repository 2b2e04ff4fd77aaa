# A call holds the memory of one block, however many it reads: the peak of the backend's own
# memory while archived messages are packed, found, erased, unpacked and purged.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;

my $messages   = 4_200;
my $bytes      = 60_000;    # four to a block
my $limit      = 64 * 1024; # kB, of more than a thousand blocks of 256 kB
my $room       = 3;

my $parley = Parley->start(pushd => 0, settings => { shared_buffers => '1MB', 'pg_parley.max_content_size' => '64kB' });
$parley->sql(<<"SQL");
SELECT chat.signup(n, n || '\@example.org', 'correct horse') FROM unnest('{alice,bob}'::text[]) n;
BEGIN; SELECT chat.act_as(1);
SELECT (chat.create_group('room', '{bob}')).id; SELECT (chat.create_group('other', '{bob}')).id; SELECT (chat.create_group('big', '{bob}')).id;
COMMIT;
SET session_replication_role = replica;
INSERT INTO chat.message (conversation_id, seq, sender_id, sender_name, content, created_at, ver, changed)
	SELECT $room, seq, CASE WHEN seq % 1000 = 1 THEN 2 ELSE 1 END, CASE WHEN seq % 1000 = 1 THEN 'bob' ELSE 'alice' END,
		repeat(md5(seq::text), $bytes / 32), now() - interval '1 day', seq, 'e' FROM generate_series(1, $messages) seq;
UPDATE chat.conversation_counter SET last_seq = $messages, last_ver = $messages WHERE conversation_id = $room;
SQL

# Peak memory of the process, since it was last asked, in kB.  Shared memory is little of it.
sub peak ($pid)
{
	my ($kb) = PostgreSQL::Test::Utils::slurp_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m;
	PostgreSQL::Test::Utils::append_to_file("/proc/$pid/clear_refs", '5');
	return $kb;
}

# In a session of its own that has made its plans before.
sub check ($name, $warm, $sql, $expected)
{
	my $psql = $parley->psql;
	my $pid  = $psql->query_safe('SELECT pg_backend_pid()');

	$psql->query_safe($warm);
	peak($pid);
	my $before = peak($pid);
	my $result = $psql->query_safe($sql);
	my $grown  = peak($pid) - $before;
	is $result, $expected, "$name: done";
	cmp_ok $grown, '<', $limit, "$name: $grown kB at most";
	$psql->quit;
	return;
}

check('archive', 'SELECT count(*) FROM chat.archive', "SELECT messages FROM chat.archive('infinity', 100000)", $messages - 1);
my $blocks = $parley->sql("SELECT count(*) FROM chat.archive WHERE conversation_id = $room");
cmp_ok $blocks, '>', 1000, "$blocks blocks";

my $begin = 'BEGIN; DO $$ BEGIN PERFORM chat.act_as(1); END $$';
check('changes', 'SELECT 1', "SELECT count(*) FROM chat.archived_changes($room, 0, $messages, 100)", 100);
check('history', 'SELECT 1', "$begin; SELECT count(*) FROM chat.history($room, before => 2000, max_results => 20); COMMIT", 20);
check('messages of a sender', 'SELECT 1', "SELECT count(*) FROM chat.archived($room, 0, NULL, 10, true, 2)", 5);

$parley->sql('INSERT INTO chat.erasure (account_id, keeps_content) VALUES (2, false)');
check('erase', 'SELECT 1', 'SELECT chat.erase_content(10000)', 't');
is $parley->sql("SELECT count(*) FROM chat.message WHERE conversation_id = $room AND sender_id = 2 AND deleted_at IS NOT NULL"), 5,
  'all of the sender is erased';
check('purge', 'SELECT 1', "SELECT messages FROM chat.purge('infinity', 100000, NULL, $room)", $messages);
is $parley->sql("SELECT count(*) FROM chat.archive WHERE conversation_id = $room"), 0, 'and nothing is left';

done_testing;
