# `make install` of the extension and of the daemon with `prefix` and `DESTDIR`: what was built
# here is made to run elsewhere, so nothing of it may depend on the tree.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Mojo::File qw(path);
use Test::More;

use Parley;

my $top    = path($FindBin::Bin)->dirname->dirname;
my $folder = path(PostgreSQL::Test::Utils::tempdir());
my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $prefix = '/opt/extras';

delete @ENV{ grep { /^MAKE|^MFLAGS$|^(?:prefix|bindir|datadir|mandir)$/ } keys %ENV };

sub make (@words)
{
	command_ok([ 'make', '-s', "PG_CONFIG=$pg_config", 'with_llvm=no', "DESTDIR=$folder", @words ], "make @words");
	return;
}

sub command_ok ($command, $name)
{
	my $output = qx(@{[ join ' ', map { "'$_'" } @$command ]} 2>&1);
	is $?, 0, $name or diag $output;
	return;
}

sub files ($below)
{
	return [ sort map { $_->to_rel($folder->child($below)) } $folder->child($below)->list_tree->each ];
}

# ---- the extension

chomp(my $version = qx(sed -n "s/^default_version = '\\(.*\\)'/\\1/p" "$top/extension/pg_parley.control"));
my @extension = (
	'lib/postgresql/pg_parley.so',
	"share/postgresql/extension/pg_parley--$version.sql",
	'share/postgresql/extension/pg_parley.control');
make('-C', $top, 'install', "prefix=$prefix");
is_deeply files($prefix), \@extension, 'the extension is below prefix';
is_deeply files(''), [ sort map { substr("$prefix/$_", 1) } @extension ], 'and nowhere else';

# ---- the daemon

make('-C', $top->child('pushd'), 'install', "prefix=$prefix");
my $daemon = $folder->child("$prefix/bin/parley-pushd");
ok -x $daemon, 'the daemon is below prefix';
ok -s $folder->child("$prefix/share/man/man8/parley-pushd.8"), 'with its manual page';
is_deeply [ map { "$_" } @{ files("$prefix/share/pg_parley/web") } ], [ sort map { $_->basename } $top->child('web/dist')->list->each ],
  'and the web UI';

# The program alone, moved with its folder: it finds its web UI beside it.
my $elsewhere = path(PostgreSQL::Test::Utils::tempdir(), 'moved');
rename $folder->child($prefix), $elsewhere or die "$elsewhere: $!";
{
	local %ENV = (%ENV, PARLEY_PUSHD => $elsewhere->child('bin/parley-pushd'));
	delete $ENV{PARLEY_WEB_ROOT};
	my $parley = Parley->start;
	my $page = $parley->call(GET => 'root:/');
	is $page->status, 200, 'moved to another folder, it serves';
	like $page->body, qr/<script[^>]* src="\/?app-/, 'the web UI';
	$parley->stop_pushd;
}

make('-C', $top->child('pushd'), 'uninstall', "prefix=$prefix");
is_deeply [ grep { !/pg_parley|postgresql/ } @{ files('') } ], [], 'uninstall leaves nothing of the daemon';

done_testing;
