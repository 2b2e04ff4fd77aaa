# How many buffers a call reads does not grow with what lies behind it: unread counts with the
# number of messages, history with the depth, search with the messages that do not match.
# Counts, not times: EXPLAIN (ANALYZE, BUFFERS) sees the statements inside a function too.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', <<'END');
shared_preload_libraries = ''
wal_level = minimal
max_wal_senders = 0
fsync = off
autovacuum = off
jit = off
max_wal_size = 2GB
END
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE chat ENCODING UTF8 TEMPLATE template0');

# ---- people, conversations and messages, straight into the tables

# Conversations from..to of somebody with account 2, each with so many messages of theirs, half of them read.
sub conversations_of
{
	my ($account, $from, $to, $messages) = @_;

	return <<"SQL";
INSERT INTO chat.conversation (id, is_group, name, created_by)
	SELECT id, true, 'group ' || id, $account FROM generate_series($from, $to) id;
INSERT INTO chat.conversation_counter (conversation_id, last_seq) SELECT id, $messages FROM generate_series($from, $to) id;
INSERT INTO chat.member (conversation_id, account_id, read_seq, ver)
	SELECT id, a.account, CASE a.account WHEN 2 THEN $messages ELSE $messages / 2 END, 1
	FROM generate_series($from, $to) id, unnest(ARRAY[$account, 2]) a (account);
INSERT INTO chat.message (conversation_id, seq, sender_id, sender_name, content, created_at)
	SELECT id, seq, 2, 'writer', 'message ' || seq, now() FROM generate_series($from, $to) id, generate_series(1, $messages) seq;
SQL
}

my ($modest, $busy, $talkative, $deep) = (3, 4, 5, 6);
my ($many, $depth) = (100, 1_000_000);

$node->safe_psql('chat', 'CREATE EXTENSION pg_parley');
$node->safe_psql('chat', join '', "SET session_replication_role = replica;\n",
	"INSERT INTO chat.account (username, email, display_name) SELECT 'user' || n, 'user' || n || '\@example.org', 'User'
		FROM generate_series(1, 6) n;\n",
	conversations_of($modest,    1,    200,  4),
	conversations_of($busy,      1001, 3000, 4),
	conversations_of($talkative, 4001, 4200, $many),
	"UPDATE chat.message SET content = 'a needle in ' || content WHERE conversation_id IN (1, 4001) AND seq = 3");
my $vacuum = 'VACUUM (ANALYZE) chat.account, chat.conversation, chat.conversation_counter, chat.member, chat.message, chat.message_search';
$node->safe_psql('chat', 'SELECT chat.index_messages(100000)');
$node->safe_psql('chat', $vacuum);

# ---- counting

# What a query reads as somebody, the third time: plans and catalogs are in the backend by then.
sub buffers
{
	my ($account, $query) = @_;

	my $plan = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) $query";
	my $told = $node->safe_psql('chat', "BEGIN; DO \$\$ BEGIN PERFORM chat.act_as($account); END \$\$;
		\\o /dev/null\n $plan; $plan;\n\\o\n $plan; COMMIT");
	my $top = decode_json($told)->[0]{Plan};

	return $top->{'Shared Hit Blocks'} + $top->{'Shared Read Blocks'};
}

sub within
{
	my ($more, $less, $allowed, $what) = @_;

	cmp_ok $more - $less, '<=', $allowed, "$what: $less and $more buffers";
	return;
}

cmp_ok buffers($modest, 'SELECT * FROM chat.message'), '>', 100, 'buffers are counted';
cmp_ok buffers($modest, 'SELECT * FROM chat.history(1)'), '>', 3, 'those that a function reads, too';

# ---- unread

is $node->safe_psql('chat', "BEGIN; DO \$\$ BEGIN PERFORM chat.act_as($busy); END \$\$; SELECT * FROM chat.stats(); COMMIT"),
  '2000|8000|4000', 'an account with 2,000 conversations';

my %stats = map { $_ => buffers($_, 'SELECT * FROM chat.stats()') } $modest, $busy, $talkative;
within($stats{$busy} / 2000, $stats{$modest} / 200, 1, 'stats(), a conversation, with 200 and 2,000 of them');
within($stats{$talkative} / 200, $stats{$modest} / 200, 2, "stats(), a conversation, with 4 and $many messages in each");

my %page = map { $_ => buffers($_, 'SELECT * FROM chat.conversations(50)') } $modest, $busy, $talkative;
within($page{$talkative} / 200, $page{$modest} / 200, 5, "conversations(50), a conversation, with 4 and $many messages in each");
within($page{$busy} / 2000, $page{$modest} / 200, 0, 'conversations(50), a conversation, with 200 and 2,000 of them');

# ---- search, by words and by parts of them

sub search_buffers
{
	my ($account, $query) = @_;

	return buffers($account, "SELECT * FROM chat.search('$query')");
}

for my $query ('needle', 'eedl', '"a needle"')
{
	within(search_buffers($talkative, $query), search_buffers($modest, $query), 400,
		"search($query), of 800 messages and of @{[200 * $many]}, with as many conversations");
}

# ---- history

$node->safe_psql('chat', 'SET session_replication_role = replica;' . conversations_of($deep, 5001, 5001, $depth));
$node->safe_psql('chat', $vacuum);

my %one = map { $_->[0] => buffers($_->[0], "SELECT * FROM chat.conversation($_->[1])") }[ $modest, 1 ], [ $busy, 1001 ],
  [ $deep, 5001 ];
within($one{$busy}, $one{$modest}, 3, 'conversation(), of 200 and of 2,000');
within($one{$deep}, $one{$modest}, 6, "conversation(), with 4 and $depth messages");

for my $way ('before', 'after', 'around')
{
	my ($recent, $old) = map { buffers($deep, "SELECT * FROM chat.history(5001, $way => $_)") } $depth - 1000, 1000;
	within($old, $recent, 6, "history($way), 1,000 and @{[$depth - 1000]} messages back");
}
my ($last, $first) =
  map { buffers($deep, "SELECT * FROM chat.sync('{\"5001\": {\"seq\": $_, \"ver\": 1}}', 100)") } $depth - 1000, 1000;
within($first, $last, 6, "sync(), 1,000 and @{[$depth - 1000]} messages behind");
within(buffers($deep, 'SELECT * FROM chat.history(5001)'), buffers($talkative, 'SELECT * FROM chat.history(4001)'), 60,
	"history(), of $depth messages and of $many");

$node->stop;
done_testing;
