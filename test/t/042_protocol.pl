# doc/protocol.md against the tables of the code: every frame, event, method, close code,
# error code, limit and field, and nothing that is not there.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(abs_path(__FILE__)) . '/../..';
my $text = slurp_file("$root/doc/protocol.md");
my %pushd     = map { $_ => slurp_file($_) } glob "$root/pushd/*.[ch]";
my %extension = map { $_ => slurp_file($_) } glob "$root/extension/*.[ch] $root/extension/install/*.sql";

# C string constants of several lines joined.
s/"\s*\n\s*"//g for values %pushd, values %extension;

sub source
{
	my ($name) = @_;
	return $pushd{"$root/pushd/$name"};
}

# The rows of the table under a heading line: lists of cells, without backquotes.
sub table
{
	my ($head) = @_;
	my ($rows) = $text =~ /^\Q$head\E\n\|[-|]+\n((?:\|.*\n)+)/m or die "no table: $head\n";

	return map { [ split /\s*\|\s*/, s/^\|\s*|`//gr ] } split /\n/, $rows;
}

sub same
{
	my ($documented, $there, $name) = @_;
	return is_deeply [ sort @$documented ], [ sort @$there ], $name;
}

# ---- frames

my ($frame_types) = source('frames.c') =~ /frame_types\[\] = \{(.*?)^\};/ms;
my @requests = map { $_->[0] } table('| type | fields | answer |');
same \@requests, [ $frame_types =~ /\{"(\w+)"/g ], 'frames of the client';

my ($kinds) = slurp_file("$root/extension/wire.h") =~ /PARLEY_EVENTS\(X\)(.*?)\n\n/s;
my %answers;    # but for those that pushd keeps to itself
$answers{$_} = 1 for grep { !/^(session|canary)$/ } $kinds =~ /'\w', "(\w+)"/g;
$answers{$_} = 1 for join('', map { $pushd{$_} // $extension{$_} } grep { !/openapi|shapes/ } keys %pushd, keys %extension) =~ /\{\\"type\\":\\"(\w+)\\"/g;
same [ map { $_->[0] } table('| type | when |') ], [ keys %answers ], 'frames of the server';

my ($methods) = $text =~ /<!-- methods -->\n(.*?)<!-- \/methods -->/s;
my %callable;
my ($routes) = source('routes.c') =~ /routes\[\] = \{(.*?)^\};/ms;
for my $row (split /^\t(?=\{METHOD_)/m, $routes)
{
	my ($verb, $path, $login) = $row =~ m{^\{METHOD_(\w+), "(?:/api/v1)?([^"]+)",\s*(\w+)} or next;
	my ($name) = $row =~ /\bANSWER_(?:JSON|MADE|LIST|EMPTY)\b.*?\{"(\w+)",/s or next;
	$callable{$name} = "$verb $path" if $login eq 'LOGIN';
}
cmp_ok scalar keys %callable, '>', 40, 'there are methods';
is_deeply { map { $_->[0] => $_->[1] } table('| method | operation |') }, \%callable, 'methods of call';

# ---- fields

# Wherever the code has them: as members of JSON that it reads or writes, as columns.
my $names = join "\n", values %pushd, values %extension;
for my $example ($text =~ /^    (?:→|←|\$) (.*(?:\n       .*)*)/mg)
{
	my @unknown = grep { !/^\d+$/ && $names !~ /\b\Q$_\E\b/ } $example =~ /"(\w+)"\s*:/g;
	is "@unknown", '', 'unknown in: ' . substr $example, 0, 60 if @unknown;
}
for my $type (@requests)
{
	ok $text =~ /^    → \{"type":"$type"/m, "an example of $type";
}
for my $type (sort keys %answers)
{
	ok $text =~ /^    ← \{"type":"$type"/m, "an example of $type";
}
for my $row (table('| type | fields | answer |'))
{
	my ($type, $fields) = @$row;
	for my $example ($text =~ /^    → (\{"type":"$type".*)/mg)
	{
		my %known = map { $_ => 1 } 'type', map { s/\?$//r } $fields =~ /(?:^|,\s*)(\w+\??)/g;
		my $flat = $example =~ s/(?<=:)\{.*\}(?=[,}])/0/r;
		my @unknown = grep { !$known{$_} } $flat =~ /"(\w+)":/g;
		is "@unknown", '', "fields of $type";
	}
}

# ---- codes

my ($closes) = source('closecode.h') =~ /SESSION_CLOSES\(X\)(.*?)\n\n/s;
my %closes = reverse $closes =~ /X\(\w+, (\d+), "(\w+)"\)/g;
is_deeply { map { $_->[1] => $_->[0] } table('| code | name | what to do |') }, \%closes, 'close codes';
for my $code (grep { $_ >= 4000 } values %closes)
{
	my ($row) = grep { $_->[0] == $code } table('| code | name | what to do |');
	is !!($row->[2] =~ /reconnect/), $code < 4500, "$code says whether to reconnect";
}

my %errors;
$errors{$3} = "$2 $1 $4" while $names =~ /^\tX\(\w+, "(PC\d{3})", (\d+), "(\w+)", "([^"]+)"\)/mg;
my $problems = source('problem.h');
$errors{$2} = "$1  $3" while $problems =~ /^\tX\(\w+, (\d+), "(\w+)", "([^"]+)"\)/mg;
cmp_ok scalar keys %errors, '>', 60, 'there are errors';
is_deeply { map { $_->[0] => "$_->[1] $_->[2] $_->[3]" } table('| code | status | SQLSTATE | title |') }, \%errors,
  'error codes';

# ---- limits

my %default = source('config.c') =~ /^\t\{"([a-z-]+)", KEY_\w+, FIELD\(\w+\), "([^"]*)"/mg;
my %unit = (s => 1, ms => 1, B => 1, KiB => 1024, MiB => 1024**2);

sub in_units
{
	my ($key, $value, $unit) = @_;
	my $number = $value =~ s/,//gr * ($unit{ $unit // 'B' } // 1);

	return $key =~ /-ms$/ && ($unit // '') eq 's' ? $number * 1000 : $number;
}

while ($text =~ /`([a-z]+(?:-[a-z]+)+)` \(([\d,]+)(?: (s|ms|KiB|MiB))?\)/g)
{
	my ($key, $value, $unit) = ($1, $2, $3);
	is in_units($key, $value, $unit), $default{$key} // 'no setting', "the default of $key";
}

done_testing;
