# `make dist` makes what pgxnclient installs: from the zip, without a network, into a folder of
# its own; a server that finds it there makes the extension and chats.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $root      = abs_path(dirname(__FILE__) . '/../..');
my $scratch   = PostgreSQL::Test::Utils::tempdir();

plan skip_all => 'there is no pgxn (package pgxnclient)' if system('pgxn --version >/dev/null 2>&1') != 0;
chomp(my ($sharedir, $libdir) = qx("$pg_config" --sharedir --pkglibdir));
delete @ENV{ grep { /^MAKE|^MFLAGS$/ } keys %ENV };

# ---- the archive

# Of what a clone holds: a copy has no history, and gets one.
{
	local %ENV = (%ENV, GIT_DIR => "$scratch/repository", GIT_WORK_TREE => $root,
		map { ("GIT_${_}_NAME" => 'test', "GIT_${_}_EMAIL" => 'test@example.org') } 'AUTHOR', 'COMMITTER');
	system_or_bail('git', 'init', '-q');
	system_or_bail('git', 'add', '--all');
	system_or_bail('git', 'commit', '-q', '-m', 'as it is');
	command_ok([ 'make', '-s', '-C', $root, 'dist' ], 'make dist');
}
my ($version) = slurp_file("$root/extension/pg_parley.control") =~ /^default_version = '(.*)'$/m;
my $zip = "$root/pg_parley-$version.zip";
ok -s $zip, "pg_parley-$version.zip";

# ---- from the archive into a folder

# All that belongs to the server is asked of pg_config: this one has folders of its own.
my $ours = "$scratch/pg_config";
chomp(my @folders = qx("$pg_config" --sharedir --pkglibdir --libdir));
system_or_bail('mkdir', '-p', map { $scratch . '/stage' . $_ } @folders);
append_to_file($ours, <<"END");
#!/bin/sh
case \$1 in
--sharedir | --pkglibdir | --libdir | --docdir) printf '%s' '$scratch/stage' ;;
esac
exec '$pg_config' "\$@"
END
chmod 0755, $ours;
{
	local %ENV = (%ENV, with_llvm => 'no', COPT => '-O0', MAKEFLAGS => '-j2', HOME => $scratch, map { ("${_}_proxy" => 'http://127.0.0.1:9') } 'http', 'https');

	command_ok([ 'pgxn', 'install', '--nosudo', '--yes', '--pg_config', $ours, $zip ], 'pgxn install');
}
my @installed = map { -s "$scratch/stage$_" ? () : $_ } "$libdir/pg_parley.so",
  map { "$sharedir/extension/pg_parley$_" } '.control', "--$version.sql";
is "@installed", '', 'library, control file and install script are there';
my $outside = qx(find "$scratch/stage" -type f ! -path '*pg_parley*' ! -path '*/bitcode/*');
is $outside, '', 'and nothing of another name';

# ---- and from there into a database

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', <<"END" . ($node->pg_version >= 18 ? <<"NEW" : <<"DEBIAN"));
shared_preload_libraries = ''
dynamic_library_path = '$scratch/stage$libdir:\$libdir'
END
extension_control_path = '$scratch/stage$sharedir:\$system'
NEW
extension_destdir = '$scratch/stage'
DEBIAN
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE chat ENCODING UTF8 TEMPLATE template0');
command_ok([ 'pgxn', 'load', '--yes', '--pg_config', $ours, '-h', $node->host, '-p', $node->port, '-d', 'chat', $zip ],
	'pgxn load');
is $node->safe_psql('chat', "SELECT extversion FROM pg_extension WHERE extname = 'pg_parley'"), $version,
  'the extension is there, in this version';
is $node->safe_psql('chat', q{
	SET pg_parley.argon2_memory = '64kB';
	SELECT count(chat.signup(name, name || '@example.org', 'correct horse')) FROM unnest('{alice,bob}'::text[]) name;
	BEGIN; DO $$ BEGIN PERFORM chat.act_as(1); END $$;
	SELECT m.content FROM chat.send(((chat.direct('bob')).conversation).id, 'hello') s, chat.message(1, s.seq) m; COMMIT}),
  "2\nhello", 'and chats';

$node->stop;
done_testing;
