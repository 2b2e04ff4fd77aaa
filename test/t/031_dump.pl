# pg_dump | psql gives back all but the signing keys: accounts, sessions, messages, positions,
# the audit log, and who may see what.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "pg_parley.argon2_memory = '64kB'");
$node->start;
for my $database ('chat', 'copy')
{
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING UTF8 TEMPLATE template0");
}
$node->safe_psql('chat', q{
	CREATE EXTENSION pg_parley;
	SELECT chat.signup(name, name || '@example.org', 'correct horse') FROM unnest('{alice,bob,carol}'::text[]) name;
	BEGIN; SELECT chat.act_as(1);
	SELECT chat.create_group('cooks', '{bob,carol}');
	SELECT chat.send(1, 'message ' || n) FROM generate_series(1, 10) n;
	SELECT chat.edit(1, 3, 'edited, @bob'); SELECT chat.delete(1, 4); SELECT chat.react(1, 5, '👍'); SELECT chat.pin(1, 6);
	SELECT chat.send(1, 'see', attachments => ARRAY[(chat.attach(1, 'a.txt', 'text/plain', 'text')).id]);
	SELECT chat.block(3);
	COMMIT;
	BEGIN; SELECT chat.act_as(2); SELECT chat.direct('alice'); SELECT chat.mark_read(1, 7); COMMIT;
	SELECT chat.archive(now()); SELECT chat.hold(1, 'case 7'); SELECT chat.set_retention(1, '1 year');
	SELECT chat.audit_seal();});
my ($access, $refresh) = split /\|/,
  $node->safe_psql('chat', q{SELECT access_token, refresh_token FROM chat.login('bob', 'correct horse')});

# The rows of every table that a dump carries, as one hash a table.
my $tables = q{SELECT c.oid::regclass FROM pg_class c JOIN pg_extension e ON c.oid = ANY (e.extconfig)
	WHERE e.extname = 'pg_parley' AND c.relkind = 'r' ORDER BY c.relname};

sub contents
{
	my ($database) = @_;

	return join "\n", map {
		"$_ " . $node->safe_psql($database, "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM $_ t")
	} split /\n/, $node->safe_psql($database, $tables);
}

# Policies, row-level security and rights.
my $rules = q{
	SELECT polrelid::regclass, polname, pg_get_expr(polqual, polrelid) FROM pg_policy ORDER BY 1, 2;
	SELECT oid::regclass, relrowsecurity FROM pg_class WHERE relnamespace = 'chat'::regnamespace AND relkind = 'r' ORDER BY relname;
	SELECT c.relname, a.attname, p.privilege FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0,
		unnest('{SELECT,INSERT,UPDATE}'::text[]) AS p (privilege)
		WHERE c.relnamespace = 'chat'::regnamespace AND has_column_privilege('chat_user', c.oid, a.attnum, p.privilege)
		ORDER BY 1, 2, 3};

my $heads  = $node->safe_psql('chat', 'SELECT jsonb_agg(h) FROM chat.audit_heads() h');
my $before = contents('chat');
like $before, qr/^chat\.message 2\|/m, 'there is something to dump';
like $before, qr/^chat\.archive 1\|/m, 'archived too';
my $history = q{BEGIN; SELECT FROM chat.act_as(2); SELECT md5(string_agg(h::text, '|')), count(*) FROM chat.history(1) h; COMMIT};

# ---- there and back

my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('chat') ], 'dump');
unlike slurp_file($dump), qr/COPY chat\.jwt_key/, 'the signing keys are not in it';
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ],
	'restore without an error');

is contents('copy'), $before, 'every table has the same rows';
is $node->safe_psql('copy', $history), $node->safe_psql('chat', $history), 'every message reads as before';
is $node->safe_psql('copy', $rules), $node->safe_psql('chat', $rules), 'and everybody the same rights';
is $node->safe_psql('copy', "SELECT * FROM chat.audit_verify('$heads')"), '', 'the audit log is whole';

# ---- tokens

my ($rc, $out, $err) = $node->psql('copy', "\\set VERBOSITY verbose\nSELECT chat.authenticate('$access')");
like $err, qr/PC001|PC002/, 'an access token of before is refused';
my ($error, $renewed) = split /\|/,
  $node->safe_psql('copy', "SELECT coalesce(error, 'none'), access_token FROM chat.refresh('$refresh')");
is $error, 'none', 'a refresh token works';
is $node->safe_psql('copy', "BEGIN; SELECT FROM chat.authenticate('$renewed'); SELECT seq, unread FROM chat.conversation(1), chat.send(1, 'after'); COMMIT"),
  '12|4', 'with it the chat goes on where it was';
is $node->safe_psql('copy', q{SELECT coalesce(error, 'none') FROM chat.login('alice', 'correct horse')}), 'none', 'passwords too';
is $node->safe_psql('copy', q{SELECT ("user").id FROM chat.signup('erin', 'erin@example.org', 'correct horse')}), 4,
  'and the sequences go on';

$node->stop;
done_testing;
