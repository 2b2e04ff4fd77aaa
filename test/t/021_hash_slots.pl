# The cap on concurrent password hashes, which holds across databases and needs no preload.
use strict;
use warnings;

use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
pg_parley.argon2_memory = '64kB'
pg_parley.max_concurrent_hashes = 1
CONF
$node->start;
for my $db ('chat', 'other')
{
	$node->safe_psql('postgres', "CREATE DATABASE $db ENCODING UTF8 TEMPLATE template0");
	$node->safe_psql($db, q{CREATE EXTENSION pg_parley; SELECT chat.signup('alice', 'alice@example.org', 'correct horse')});
}

my $slots = q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 3 AND granted};
my $login = q{SELECT coalesce((chat.login('alice', 'correct horse')).error, 'in')};
is $node->safe_psql('chat', "BEGIN; $login; $slots"), "in\n0", 'a slot is free again after the hash, not only at commit';

# One hash that takes seconds: an unknown user costs what the settings say.
my ($out, $err) = ('', '');
my $slow = start [
	'psql', '-XAtq', '-d', $node->connstr('chat'), '-c',
	q{SET pg_parley.argon2_memory = '512MB'; SET pg_parley.argon2_iterations = 12; SELECT (chat.login('nobody', 'x')).error}
  ], '>', \$out, '2>', \$err;
ok $node->poll_query_until('chat', $slots, '1'), 'a slow hash holds the slot';

for my $db ('chat', 'other')
{
	my ($rc, $stdout, $stderr) = $node->psql($db, "\\set VERBOSITY verbose\nSET pg_parley.hash_wait = '20ms'; $login");
	like $stderr, qr/PC008.*too many passwords/, "who waits too long is told so, in database $db";
}
is $node->safe_psql('chat', "SET pg_parley.max_concurrent_hashes = 2; SET pg_parley.hash_wait = 0; $login"), 'in',
  'a second slot is free';

# Who waits long enough gets in; so the slow one is over by then.
is $node->safe_psql('other', "SET pg_parley.hash_wait = '60s'; $login"), 'in', 'who waits gets in';
finish $slow;
is $out, "invalid_credentials\n", 'the slow one had its answer';

is $node->safe_psql('chat', $slots), '0', 'no slot is held at the end';

$node->stop;
done_testing();
