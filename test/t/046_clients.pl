# The client library as it is published, and a plain WebSocket client, at two daemons: both
# come back from every cut and restart, complete.  See test/clients/chat.mjs.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use File::Temp qw(tempdir);
use Mojo::File qw(path);
use Test::More;

use Parley;

my $root = path($FindBin::Bin)->child('../..')->realpath;
my $tsc  = $root->child('web/node_modules/.bin/tsc');

plan skip_all => '`npm ci` has not been run in web/' if !-x $tsc;

# A WebSocket of its own: by default from Node.js 22 on, by this flag from 20.10 on.
my @node = grep { system("$_ -e 'process.exit(typeof WebSocket === \"function\" ? 0 : 1)' 2>/dev/null") == 0 }
  ('node', 'node --experimental-websocket');
plan skip_all => 'this Node.js has no WebSocket' if !@node;

my $library = tempdir(CLEANUP => 1);
system("$tsc", '-p', $root->child('web/client/tsconfig.json'), '--outDir', $library) == 0
  or die "the library does not build\n";
path($library)->child('package.json')->spurt('{"type":"module"}');

my $first   = Parley->start(flags => { 'drain-s' => 1 });
my $second  = $first->beside;
my @daemons = ($first, $second);

open my $chat, '-|', "$node[0] --no-warnings $root/test/clients/chat.mjs $library/index.js @{[map { $_->url } @daemons]} 2>&1"
  or die "node: $!";
while (my $line = <$chat>)
{
	if ($line =~ /^(not )?ok \d+ - (.*)/) { ok !$1, $2 }
	elsif ($line =~ /^# restart (\d)/)
	{
		$daemons[$1]->stop_pushd;
		$daemons[$1]->start_pushd;
	}
	elsif ($line !~ /^1\.\./) { diag $line =~ s/\n//r }
}
ok close($chat), 'node ended well';
done_testing;
