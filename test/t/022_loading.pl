# A second copy of the library in one session is refused, and the session goes on.  (Its
# symbols are those of the first; what registers itself must bear to be asked twice.)
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Test::More;

use Parley;

my $parley = Parley->start;
my $folder = tempdir(CLEANUP => 1);

chmod 0755, $folder;
chomp(my $libdir = qx("@{[$ENV{PG_CONFIG} // 'pg_config']}" --pkglibdir));
copy(($ENV{PARLEY_STAGE} // '') . "$libdir/pg_parley.so", "$folder/copy.so") or die "pg_parley.so: $!";

my ($status, $out, $err) = $parley->node->psql('chat',
	"SET statement_timeout = '10s'; LOAD 'pg_parley'; LOAD '$folder/copy.so'; LOAD '$folder/copy.so'; SELECT 'alive'",
	on_error_stop => 0);
is $out, 'alive', 'the session goes on';
is scalar(() = $err =~ /attempt to redefine parameter/g), 2, 'each try is refused';

done_testing;
