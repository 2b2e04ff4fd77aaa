# `parley-pushd doctor`: a line for each finding, what to paste against it, and its exit code.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IPC::Open3 qw(open3);
use Test::More;

use Parley;

my $parley = Parley->start(alone => 1, pushd => 0, settings => { max_slot_wal_keep_size => '1GB' });
my $binary = Parley::pushd_binary();
my $folder = PostgreSQL::Test::Utils::tempdir();

# What it writes, and its exit code.
sub doctor (%flags)
{
	%flags = ('database' => $parley->pushd_database, 'max-connections' => 100, %flags);
	delete local @ENV{ grep { /^(PG|PARLEY_)/ } keys %ENV };
	my $pid = open3(my $in, my $out, undef, $binary, 'doctor', map { "--$_=$flags{$_}" } sort keys %flags);
	my $text = do { local $/ = undef; <$out> };
	waitpid $pid, 0;
	return ($text, $? >> 8);
}

# What follows `fail NAME: …` or `warn NAME: …`, without its indentation.
sub mend_of ($text, $finding)
{
	my ($mend) = $text =~ /^$finding: [^\n]*\n((?:    [^\n]*\n)+)/m or return '';
	return $mend =~ s/^    //gmr;
}

subtest 'a healthy cluster' => sub {
	my ($text, $status) = doctor();
	is $status, 0, 'exit code 0';
	unlike $text, qr/^fail/m, 'nothing fails' or diag $text;
	like $text, qr/^ok \Q$_\E: ./m, $_
	  for qw(open_files certificate database clock connections writable prepared_transactions replication_right
	  least_rights extension same_version gateway_role encoding wal_level replication_slots signing_key feed);
	is $parley->sql('SELECT count(*) FROM pg_replication_slots'), 0, 'and leaves no slot';
};

subtest 'the local machine' => sub {
	my ($text, $status) = doctor('max-connections' => 1_000_000);
	like $text, qr/^warn open_files: max-connections is 1000000/m, 'too few files';
	like mend_of($text, 'warn open_files'), qr/^LimitNOFILE=\d{7}/, 'and the setting of the unit';
	is $status, 0, 'a warning is no failure';

	my $make = sub ($days) {
		system('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
			'-keyout', "$folder/key.pem", '-out', "$folder/cert.pem", '-days', $days, '-subj', '/CN=localhost') == 0
		  or die 'openssl req';
	};
	my %tls = ('tls-cert' => "$folder/cert.pem", 'tls-key' => "$folder/key.pem");
	$make->(300);
	($text) = doctor(%tls);
	like $text, qr/^ok certificate: good until \d{4}-\d\d-\d\d/m, 'a certificate';
	$make->(3);
	($text) = doctor(%tls);
	like $text, qr/^warn certificate: good until/m, 'one that ends soon';
	unlink "$folder/key.pem" or die;
	($text, $status) = doctor(%tls);
	like $text, qr/^fail certificate: /m, 'a key that is not there';
	is $status, 1, 'is a failure';
};

subtest 'rights are missing, and the mends give them' => sub {
	$parley->sql('CREATE ROLE poor LOGIN');
	my $as_poor = 'user=poor ' . $parley->node->connstr('chat');
	my ($text, $status) = doctor(database => $as_poor);
	is $status, 1, 'exit code 1';
	like $text, qr/^fail replication_right: /m, 'no right of replication';
	like $text, qr/^fail gateway_role: /m, 'not a member';
	unlike $text, qr/^\w+ feed: /m, 'the feed is not tried';
	$parley->sql(mend_of($text, "fail $_")) for qw(replication_right gateway_role);
	($text, $status) = doctor(database => $as_poor);
	is $status, 0, 'pasted: well' or diag $text;
	$parley->node->safe_psql('postgres', 'CREATE DATABASE empty');
	($text, $status) = doctor(database => 'user=poor ' . $parley->node->connstr('empty'));
	like mend_of($text, 'fail extension'), qr/^CREATE EXTENSION pg_parley;/, 'a database without the extension';
};

subtest 'an old transaction' => sub {
	my $psql = $parley->psql;
	$psql->query_safe('BEGIN; CREATE TABLE held ()');
	my ($text, $status) = doctor();
	like $text, qr/^warn feed: no slot within 3s/m, 'the slot waits for it' or diag $text;
	is $status, 0, 'which mends itself';
	$psql->query_safe('ROLLBACK');
	$psql->quit;
};

subtest 'other settings of the server' => sub {
	my $node = $parley->node;
	$node->append_conf('postgresql.conf', "wal_level = replica\nmax_replication_slots = 0\nmax_connections = 8");
	$node->restart;
	my ($text, $status) = doctor();
	is $status, 1, 'exit code 1';
	like $text, qr/^warn wal_level: wal_level is replica/m, 'wal_level';
	like mend_of($text, 'warn wal_level'), qr/^ALTER SYSTEM SET wal_level = logical;/, 'and its mend';
	like $text, qr/^warn replication_slots: /m, 'no slots';
	unlike $text, qr/^\w+ feed: /m, 'so that the feed is not tried: the tables serve';
	like $text, qr/^fail connections: /m, 'no room for the pool';
};

subtest 'no database' => sub {
	my ($text, $status) = doctor(database => 'password=secret-word host');
	like $text, qr/^fail database: the connection string is not valid$/m, 'a broken string';
	unlike $text, qr/secret-word/, 'is not repeated';
	$parley->node->stop;
	($text, $status) = doctor();
	is $status, 1, 'exit code 1';
	is scalar(() = $text =~ /^fail/mg), 1, 'one line of failure';
	like $text, qr/^fail database: connection .*failed: .*\n(?:    .*\n)*\z/m, 'and it is the last' or diag $text;
};

done_testing;
