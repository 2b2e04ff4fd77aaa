# Every SQL function is called by some file of sql/, and every error of wire.h is met by some test:
# what is added without a test is named here.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(abs_path(__FILE__)) . '/../..';

sub read_all
{
	return join "\n", map { slurp_file($_) } map { glob "$root/$_" } @_;
}

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE chat ENCODING UTF8 TEMPLATE template0');
$node->safe_psql('chat',     'CREATE EXTENSION pg_parley');

# Those that somebody may call: others are for functions of the extension itself.  Triggers are called
# by their tables, and refuse to be called otherwise (sql/trigger.sql).
my @functions = split /\n/, $node->safe_psql('chat', q{
	SELECT DISTINCT p.pronamespace::regnamespace || '.' || p.proname FROM pg_proc p
		WHERE p.pronamespace IN ('chat'::regnamespace, 'jwt'::regnamespace)
		AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
		AND EXISTS (SELECT FROM unnest('{chat_user,chat_gateway,chat_admin}'::name[]) AS role (name)
					WHERE has_function_privilege(role.name, p.oid, 'EXECUTE')) ORDER BY 1});
my $calls = read_all('sql/*.sql');
my @uncalled = grep { $calls !~ /\b\Q$_\E\(/ } @functions;
cmp_ok scalar @functions, '>', 80, 'the catalog has functions';
is "@uncalled", '', 'each of them is called';

my %error = slurp_file("$root/extension/wire.h") =~ /^\tX\([A-Z_]+, "(PC\d{3})", \d+, "(\w+)"/mg;
my $seen = read_all('expected/*.out', 'test/isolation/expected/*.out', 'test/t/*.pl');
my @unmet = grep { $seen !~ /\b(?:$_|$error{$_})\b/ } sort keys %error;
cmp_ok scalar keys %error, '>', 30, 'wire.h has errors';
is join(' ', map { $error{$_} } @unmet), '', 'each of them is met';

# The races that the isolation tests must have.
my $schedule = slurp_file("$root/test/isolation/schedule");
my @races = qw(send_order edit_and_delete join_and_ban refresh direct deferred add_and_close search_index);
is join(' ', grep { $schedule !~ /^test: $_$/m } @races), '', 'the races are run';
is join(' ', sort map { m{(\w+)\.spec$} } glob "$root/test/isolation/specs/*.spec"),
  join(' ', sort $schedule =~ /^test: (\w+)$/mg), 'and every specification';

$node->stop;
done_testing;
