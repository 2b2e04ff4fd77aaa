# What is delivered, in which order and to whom, does not depend on where the events come
# from, nor on how many daemons there are: the suites of that, over again.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IPC::Run ();
use Test::More;

my @variants = (
	[ 'from the tables' => { PARLEY_TEST_FEED => 'table' }, qw(003_delivery 004_order 006_membership 046_authority) ],
	[ 'woken by NOTIFY' => { PARLEY_TEST_FEED => 'notify' }, qw(003_delivery) ],
	[ 'three daemons'   => { PARLEY_TEST_PROCESSES => 3 },   qw(003_delivery 006_membership) ],
	[ 'three daemons, from the tables' => { PARLEY_TEST_FEED => 'table', PARLEY_TEST_PROCESSES => 3 }, qw(003_delivery) ]);

# Where a suite failed, with what it says of it, and its end.
sub failures ($out)
{
	my @lines  = grep { !/ debug / } split /\n/, $out;
	my @failed = grep { $lines[$_] =~ /^\s*not ok/ } 0 .. $#lines;

	return (map({ grep { defined } @lines[ $_ .. $_ + 12 ] } @failed), '...', splice @lines, -10);
}

for my $variant (@variants)
{
	my ($name, $environment, @suites) = @$variant;

	for my $suite (@suites)
	{
		local @ENV{ keys %$environment } = values %$environment;
		local $ENV{TESTDIR} = undef;
		delete $ENV{TESTDIR};
		IPC::Run::run([ $^X, map({ ('-I', $_) } @INC), "$FindBin::Bin/$suite.pl" ], '<', \undef, '>', \my $out, '2>&1');
		my $status = $?;
		is $status, 0, "$name: $suite" or diag join "\n", failures($out);
	}
}

done_testing;
