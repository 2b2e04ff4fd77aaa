# A database of another encoding than UTF8 is refused with one error of ours, also where the server
# checks the install script against that encoding before it runs.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
for my $encoding (qw(SQL_ASCII LATIN1 WIN1251 EUC_JP EUC_CN EUC_KR EUC_TW))
{
	my $database = lc $encoding;

	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING $encoding TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
	my ($status, $out, $error) = $node->psql($database, "\\set VERBOSITY verbose\nCREATE EXTENSION pg_parley");
	like $error, qr/ERROR:  0A000: pg_parley needs a database with encoding UTF8, not $encoding$/m, "$encoding is refused";
	is $node->safe_psql($database, "SELECT count(*) FROM pg_namespace WHERE nspname IN ('chat', 'jwt')"), 0,
	  "nothing is left in the database of $encoding";
}
done_testing;
