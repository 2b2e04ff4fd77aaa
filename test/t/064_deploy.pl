# What deploy/ and doc/operations.md say, against the daemon: settings and metrics exist, every
# setting is documented, and files are what their own programs take (where those are installed).
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::More;

use Parley;

my $top    = path($FindBin::Bin)->dirname->dirname;
my $deploy = $top->child('deploy');
my $folder = PostgreSQL::Test::Utils::tempdir();
my $binary = Parley::pushd_binary();
my $help   = qx("$binary" --help);
my %known  = map { $_ => 1 } $help =~ /^  --([a-z0-9-]+) [^ ]/mg;

sub installed ($program) { return grep { -x "$_/$program" } split /:/, "$ENV{PATH}:/usr/sbin:/sbin" }

my $parley = Parley->start(alone => 1, flags => { 'metrics-access' => '127.0.0.0/8' });

subtest 'the example of settings' => sub {
	# The settings that are not made, too; a file that is not there is a matter of the doctor's.
	my $all = path("$folder/all.conf");
	open(my $out, '>', $all) or die "$all: $!";
	print {$out} $deploy->child('parley-pushd.conf')->slurp =~ s/^#(?=[a-z])//gmr;
	close $out;
	for my $file ($deploy->child('parley-pushd.conf'), $all)
	{
		my $text = qx("$binary" doctor --config "$file" --database "@{[$parley->pushd_database]}" 2>&1);
		like $text, qr/^ok database: answers/m, "all of $file is taken" or diag $text;
	}
};

subtest 'metrics, and the dashboard' => sub {
	my $metrics   = $parley->call(GET => 'root:/metrics')->body;
	my %has       = map { $_ => 1 } $metrics =~ /^# TYPE (\w+)/mg;
	my $dashboard = decode_json($deploy->child('grafana-dashboard.json')->slurp);
	my @names = map { $_->{expr} =~ /\b((?:parley|process)_\w+)/g } map { @{ $_->{targets} } } @{ $dashboard->{panels} };
	cmp_ok scalar(@names), '>', 20, 'names metrics';
	is_deeply [ grep { !$has{ s/_bucket$//r } } @names ], [], 'all of which there are';
	my ($section)  = $top->child('doc/operations.md')->slurp =~ /^## Metrics$(.*?)^## /ms;
	my %documented = map { $_ => 1 } $section =~ /^\| `((?:parley|process)_\w+)` \|/mg;
	is_deeply [ sort keys %documented ], [ sort keys %has ], 'doc/operations.md has exactly those of /metrics';
	is_deeply [ grep { !$has{ s/_bucket$//r } } $section =~ /\b((?:parley|process)_\w+)/g ], [], 'and its alarms name none else';
};

subtest 'doc/operations.md' => sub {
	my ($section)  = $top->child('doc/operations.md')->slurp =~ /^## Settings$(.*?)^## /ms;
	my %documented = $section =~ /^\| `([a-z0-9-]+)` \|[^\n]*\|([^|\n]*)\|$/mg;
	cmp_ok scalar(keys %known), '>', 30, '--help lists settings';
	is_deeply [ sort keys %documented ], [ sort keys %known ], 'it has exactly the settings of --help';
	my %reloaded = map { $_ => 1 } $help =~ /^  --([a-z0-9-]+) [^\n]*(?:\n {4,}[^\n]*)* \*$/mg;
	is_deeply [ sort grep { $documented{$_} =~ /yes/ } keys %documented ], [ sort keys %reloaded ], 'and says of the same that a reload takes them';
};

subtest 'the units' => sub {
	plan skip_all => 'no systemd-analyze' if !installed('systemd-analyze');
	for my $unit ('parley-pushd.service', 'parley-pushd@.service')
	{
		my $copy = path($folder, $unit);
		open(my $out, '>', $copy) or die "$copy: $!";
		print {$out} $deploy->child($unit)->slurp =~ s{/usr/bin/parley-pushd}{$binary}r =~ s/^User=.*\n//mr;
		close $out;
		my $said = qx(systemd-analyze verify "$copy" 2>&1);
		is join('', grep { /\Q$folder\E|parley-pushd/ } split /^/, $said), '', "$unit is taken";
	}
};

done_testing;
