# ALTER EXTENSION UPDATE makes of an earlier version what CREATE EXTENSION makes: the same
# objects with the same definitions, rights, comments and policies; and what was there stays.
#
# Earlier versions are the frozen install scripts test/upgrade/pg_parley--X.sql.  Upgrade
# scripts are those of the extension and, beside the frozen ones, those that are for no
# version ever released; there a line @install PATTERN stands for rooms of extension/install.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Copy qw(copy);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $stage = $ENV{PARLEY_STAGE}
  or plan skip_all => 'versions are added to a copy of the stage only (PARLEY_STAGE)';
my $root = abs_path(dirname(__FILE__) . '/../..');
chomp(my ($sharedir, $libdir) = qx("@{[$ENV{PG_CONFIG} // 'pg_config']}" --sharedir --pkglibdir));

# ---- a stage with all versions

sub expand
{
	my ($script) = @_;

	return $script =~ s{^\@install (\S+)$}
		{ join "\n", map { slurp_file($_) } sort glob "$root/extension/install/$1" }gemr;
}

my $copy       = PostgreSQL::Test::Utils::tempdir();
my $extensions = "$copy$sharedir/extension";
system_or_bail('mkdir', '-p', $extensions, "$copy$libdir");
copy($_, $extensions) or die "$_: $!" for glob "$stage$sharedir/extension/pg_parley*";
copy("$stage$libdir/pg_parley.so", "$copy$libdir") or die "pg_parley.so: $!";
for my $script (glob "$root/test/upgrade/*.sql")
{
	append_to_file("$extensions/" . basename($script), expand(slurp_file($script)));
}

# Not preloaded: the library of the copy would be a second one beside it.
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', <<"END" . ($node->pg_version >= 18 ? <<"NEW" : <<"DEBIAN"));
shared_preload_libraries = ''
dynamic_library_path = '$copy$libdir:\$libdir'
pg_parley.argon2_memory = '64kB'
END
extension_control_path = '$copy$sharedir:\$system'
NEW
extension_destdir = '$copy'
DEBIAN
$node->start;

# ---- the catalog of an extension, a line for each thing that can differ

# $1 is the extension's oid.  Objects by name: oids and the order of creation differ.
my $catalog = q{
WITH e AS (SELECT oid, extversion, extconfig, extcondition FROM pg_extension WHERE extname = 'pg_parley'),
	own AS (SELECT d.classid, d.objid FROM pg_depend d JOIN e ON d.refobjid = e.oid
			WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'),
	r AS (SELECT c.*, c.oid::regclass::text AS name FROM pg_class c
		  WHERE c.oid IN (SELECT objid FROM own WHERE classid = 'pg_class'::regclass))
SELECT 'version', extversion, '', '' FROM e
UNION ALL SELECT 'dumped', t.id::regclass::text, t.condition, '' FROM e, unnest(extconfig, extcondition) t (id, condition)
UNION ALL SELECT 'object', (i).type, (i).identity, coalesce(obj_description(objid, classid::regclass::name), '')
	FROM own, pg_identify_object(classid, objid, 0) i
UNION ALL SELECT 'function', p.oid::regprocedure::text, md5(pg_get_functiondef(p.oid)), coalesce(p.proacl::text, '')
	FROM pg_proc p JOIN own ON own.classid = 'pg_proc'::regclass AND own.objid = p.oid
UNION ALL SELECT 'schema', nspname, coalesce(nspacl::text, ''), ''
	FROM pg_namespace n JOIN own ON own.classid = 'pg_namespace'::regclass AND own.objid = n.oid
UNION ALL SELECT 'relation', name, concat_ws(' ', relkind, relpersistence, relrowsecurity, relforcerowsecurity,
		relreplident, reloptions::text), coalesce(relacl::text, '') FROM r
UNION ALL SELECT 'view', name, md5(pg_get_viewdef(oid)), '' FROM r WHERE relkind = 'v'
UNION ALL SELECT 'column', name || '.' || attname, concat_ws(' ', rank() OVER (PARTITION BY r.oid ORDER BY attnum),
		format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attstorage, attcompression,
		nullif(attcollation, 100)::regcollation, pg_get_expr(d.adbin, d.adrelid), col_description(r.oid, attnum)),
		coalesce(attacl::text, '')
	FROM r JOIN pg_attribute a ON a.attrelid = r.oid AND attnum > 0 AND NOT attisdropped
	LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
UNION ALL SELECT 'constraint', r.name || ' ' || conname, pg_get_constraintdef(c.oid), convalidated::text
	FROM r JOIN pg_constraint c ON c.conrelid = r.oid
UNION ALL SELECT 'index', r.name, pg_get_indexdef(indexrelid), '' FROM r JOIN pg_index ON indrelid = r.oid
UNION ALL SELECT 'trigger', r.name || ' ' || tgname, pg_get_triggerdef(t.oid), tgenabled::text
	FROM r JOIN pg_trigger t ON tgrelid = r.oid AND NOT tgisinternal
UNION ALL SELECT 'policy', r.name || ' ' || polname, concat_ws(' ', polcmd, polpermissive, polroles::regrole[]::text,
		pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), ''
	FROM r JOIN pg_policy ON polrelid = r.oid
UNION ALL SELECT 'sequence', r.name, concat_ws(' ', seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle), ''
	FROM r JOIN pg_sequence ON seqrelid = r.oid
UNION ALL SELECT 'event trigger', evtname, evtevent, concat_ws(' ', evtfoid::regproc, evttags, evtenabled)
	FROM pg_event_trigger
ORDER BY 1, 2, 3, 4};

sub catalog_of
{
	my ($database) = @_;

	return $node->safe_psql($database, $catalog);
}

sub difference
{
	my ($was, $is) = map { { map { $_ => 1 } split /\n/ } } @_;

	return join '', map({ "- $_\n" } sort grep { !$is->{$_} } keys %$was),
		map({ "+ $_\n" } sort grep { !$was->{$_} } keys %$is);
}

sub make_database
{
	my ($name, $create) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name ENCODING UTF8 TEMPLATE template0");
	$node->safe_psql($name, $create);
	return;
}

make_database('fresh', 'CREATE EXTENSION pg_parley');
my $fresh = catalog_of('fresh');
cmp_ok scalar(() = $fresh =~ /^function\|chat\./mg), '>', 100, 'the catalog is seen';

# ---- every earlier version, with people in it

my @versions = map { m{/pg_parley--([^/-]+)\.sql$} } glob "$root/test/upgrade/*.sql";
ok @versions, 'there is an earlier version';

# Whatever can be upgraded from is tried: an upgrade script comes with a frozen install script.
my ($present) = $fresh =~ /^version\|(\S+?)\|/m;
my @sources = split /\n/, $node->safe_psql('fresh', "SELECT source FROM pg_extension_update_paths('pg_parley')
	WHERE target = '$present' AND path IS NOT NULL ORDER BY 1");
is "@sources", "@{[sort @versions]}", "each of them leads to $present, and no other";

for my $version (@versions)
{
	my $database = 'from_' . $version =~ tr/./_/r;

	make_database($database, "CREATE EXTENSION pg_parley VERSION '$version';
		SELECT chat.signup(name, name || '\@example.org', 'correct horse') FROM unnest('{alice,bob}'::text[]) name");
	my ($token, $refresh) = split /\|/,
	  $node->safe_psql($database, q{SELECT access_token, refresh_token FROM chat.login('alice', 'correct horse')});

	my ($status, undef, $error) = $node->psql($database, 'ALTER EXTENSION pg_parley UPDATE');
	is "$status $error", '0 ', "$version is updated";
	is difference($fresh, catalog_of($database)), '', 'to the catalog of a fresh installation';

	is $node->safe_psql($database, "BEGIN; SELECT chat.authenticate('$token');
		SELECT seq FROM chat.send(((chat.direct('bob')).conversation).id, 'as before'); COMMIT"), "1\n1",
	  'who was logged in goes on, and chats';
	is $node->safe_psql($database, "SELECT coalesce(error, 'none') FROM chat.refresh('$refresh')"), 'none', 'refreshes';
	is $node->safe_psql($database, q{SELECT coalesce(error, 'none') FROM chat.login('bob', 'correct horse')}), 'none',
	  'or logs in anew';
	is $node->safe_psql($database, 'SELECT chat.audit_seal() IS NULL; SELECT * FROM chat.audit_verify()'), 'f',
	  'the audit log is whole';
}

$node->stop;
done_testing;
