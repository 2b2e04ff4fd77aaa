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

# ---- what a newcomer pastes

# The first block of SQL behind a text.
sub example_behind
{
	my ($document, $behind) = @_;

	return $document =~ /\Q$behind\E.*?^```sql\n(.+?)^```$/ms ? $1 : die "nothing behind $behind";
}

my $readme = slurp_file("$root/README.md");
my @pasted = (
	example_behind($text, '# pg_parley') =~ s/^CREATE EXTENSION.*\n//mr,
	example_behind($text, '### chat.report(conversation_id, seq, reason)'),
	example_behind($text, '### chat.report(account_id, reason)'),
	example_behind($text, '### chat.own_conversation_ids()'),
	example_behind($text, '### chat.pre_request()'));

$node->psql('chat', join('', @pasted), on_error_die => 1);
$node->safe_psql('chat', 'DROP TABLE shop_order');
$node->psql('chat', example_behind($readme, '## A message is part of your transaction'), on_error_die => 1);
is $node->safe_psql('chat', q{SELECT string_agg(content, ',' ORDER BY conversation_id) FROM chat.message}),
	'hi,Your tea is on its way', 'the examples that one begins with can be pasted';

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
