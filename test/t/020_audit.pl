# The audit log where it leaves its server: the client's address, a standby, a dump.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\npg_parley.argon2_memory = '64kB'");
$primary->start;
$primary->safe_psql('postgres', 'CREATE DATABASE chat ENCODING UTF8 TEMPLATE template0');
$primary->safe_psql('chat',
	q{CREATE EXTENSION pg_parley; SELECT chat.signup(name, name || '@example.org', 'correct horse') FROM unnest('{alice,bob}'::text[]) name});

# ---- where a client is

my $tcp = 'host=127.0.0.1 dbname=chat port=' . $primary->port;
$primary->safe_psql('chat', q{SELECT chat.login('alice', 'wrong horse', 'a guesser')}, connstr => $tcp);
is $primary->safe_psql('chat', q{SELECT address, agent, role_name = session_user FROM chat.audit(kinds => '{login_failed}')}),
  '127.0.0.1|a guesser|t', 'a refused login is there with its address';
is $primary->safe_psql('chat', q{SELECT count(*) FROM chat.audit(address => '127.0.0.0/8')}), 1, 'and found by its network';

# ---- heads, and rows behind them that are not sealed

$primary->safe_psql('chat', 'SELECT chat.audit_seal()');
my $heads  = $primary->safe_psql('chat', 'SELECT jsonb_agg(h) FROM chat.audit_heads() h');
my $verify = "SELECT * FROM chat.audit_verify('$heads')";
my $rows   = q{SELECT count(*), count(place), md5(string_agg(i::text, ';' ORDER BY id)) FROM chat.audit_info i};
$primary->safe_psql('chat', 'SELECT chat.rotate_key()');
my $expected = $primary->safe_psql('chat', $rows);
like $expected, qr/^4\|3\|/, 'three rows are sealed, one waits';

# ---- a standby verifies, and seals nothing

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is $standby->safe_psql('chat', $verify), '', 'a standby finds nothing wrong';
is $standby->safe_psql('chat', $rows),   $expected, 'and has the same rows';
is $standby->safe_psql('chat', 'SELECT count(*) FROM chat.audit()'), 4, 'and shows them';
$standby->stop;

# ---- a dump carries all of it, and the chain goes on in the copy

my $dump = $primary->basedir . '/dump.sql';
$primary->command_ok([ 'pg_dump', '-f', $dump, $primary->connstr('chat') ], 'dump');
$primary->safe_psql('postgres', 'CREATE DATABASE copy ENCODING UTF8 TEMPLATE template0');
$primary->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $primary->connstr('copy') ], 'restore');
is $primary->safe_psql('copy', $rows),   $expected, 'the copy has the same rows';
is $primary->safe_psql('copy', $verify), '',        'and nothing is wrong with them';

$primary->safe_psql('copy', 'SELECT chat.rotate_key(); SELECT chat.audit_seal()');
is $primary->safe_psql('copy', $verify), '', 'nor with those that came after';
is $primary->safe_psql('copy', 'SELECT count(*) = max(place) AND max(place) = 5 FROM chat.audit_log'), 't', 'in one chain';

# ---- the copy is tampered with: the heads of the original tell

$primary->safe_psql('copy',
	q{ALTER TABLE chat.audit_log DISABLE TRIGGER audit_guard; ALTER TABLE chat.audit_head DISABLE TRIGGER audit_guard;
	  DELETE FROM chat.audit_log WHERE place > 2; DELETE FROM chat.audit_head});
like $primary->safe_psql('copy', $verify), qr/^3\|\|missing\|/, 'rows that were taken away with their heads are missed';

done_testing;
