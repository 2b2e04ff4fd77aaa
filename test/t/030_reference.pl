# doc/pg_parley.md against the catalog and wire.h: every function with its arguments and an
# example, every error code, and nothing that is not there.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(abs_path(__FILE__)) . '/../..';
my $text = slurp_file("$root/doc/pg_parley.md");

is system("$root/scripts/reference", '--check'), 0, 'the joined reference is up to date';

# ---- functions

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE chat ENCODING UTF8 TEMPLATE template0');
$node->safe_psql('chat',     'CREATE EXTENSION pg_parley');

# As the headings have them: chat.name(argument, argument).
my @functions = split /\n/, $node->safe_psql('chat', q{
	SELECT n.nspname || '.' || p.proname || '(' || coalesce((
			SELECT string_agg(p.proargnames[place], ', ' ORDER BY place)
			FROM generate_subscripts(p.proargnames, 1) AS place
			WHERE p.proargmodes IS NULL OR p.proargmodes[place] IN ('i', 'b', 'v')), '') || ')'
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname IN ('chat', 'jwt') ORDER BY 1});
cmp_ok scalar @functions, '>', 80, 'the catalog has functions';

my %section;
for (split /^(?=##)/m, $text)
{
	$section{$1} = $_ if /\A### (.*)\n/;
}
for my $function (@functions)
{
	my $section = delete $section{$function} // '';

	like $section, qr/^\n.*?^```sql\n.+?^```$/ms, "$function is described, with an example";
}
is_deeply [ sort keys %section ], [], 'no section without its function';

# ---- errors

my %error = slurp_file("$root/extension/wire.h") =~ /^\tX\([A-Z_]+, "(PC\d{3})", \d+, "(\w+)"/mg;
cmp_ok scalar keys %error, '>', 30, 'wire.h has errors';
for my $sqlstate (sort keys %error)
{
	like $text, qr/^\| `$sqlstate` \| `$error{$sqlstate}` \|/m, "$error{$sqlstate} is in the table";
}
my %code = reverse %error;
for my $list ($text =~ /^Errors: (.*?)\n\n/msg)
{
	while ($list =~ /`(PC\d{3})` (\w+)/g)
	{
		is $2, $error{$1} // 'nothing', "$1 is called so" if ($error{$1} // '') ne $2;
	}
	$list =~ s/\([^)]*\)//g;
	my @unknown = grep { !$code{$_} } $list =~ /`([a-z]+_\w+)`/g;
	is "@unknown", '', "unknown in: $list" if @unknown;
}

$node->stop;
done_testing;
