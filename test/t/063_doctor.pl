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
	  for qw(open_files certificate web_root database clock connections writable prepared_transactions replication_right
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
	like $text, qr/^fail certificate: private key \Q$folder\E\/key.pem: No such file or directory$/m, 'a key that is not there';
	like mend_of($text, 'fail certificate'), qr/^ls -l \Q$folder\E\/cert.pem/, 'and how to look at it';
	is $status, 1, 'is a failure';
	PostgreSQL::Test::Utils::append_to_file("$folder/key.pem", 'x');
	chmod 0, "$folder/key.pem";
	($text) = doctor(%tls);
	like $text, qr/^fail certificate: private key \S+: Permission denied$/m, 'a key that it may not read';

	($text, $status) = doctor('web-root' => "$folder/nowhere");
	like $text, qr/^fail web_root: \S+nowhere\/index.html: No such file or directory$/m, 'no web UI where it should be';
	is $status, 1, 'with which the daemon would not start';
};

# Each with the line to paste against it.
subtest 'the server does not let us in' => sub {
	my $connstr = $parley->node->connstr('chat');
	my $says    = sub ($database, $text, $mend) {
		my ($all, $status) = doctor(database => $database);
		like $all, qr/^fail database: [^\n]*$text/m, $text;
		like mend_of($all, 'fail database'), $mend, 'and its mend';
		is $status, 1, 'exit code 1';
	};
	$says->("user=nobody_here $connstr", 'role "nobody_here" does not exist', qr/^CREATE ROLE parley_pushd LOGIN REPLICATION;/);
	$says->($connstr =~ s/dbname='?chat'?/dbname=none/r . ' user=parley_pushd', 'database "none" does not exist', qr/^CREATE DATABASE chat;/);
	$parley->sql('REVOKE CONNECT ON DATABASE chat FROM PUBLIC');
	$says->($parley->pushd_database, 'permission denied for database', qr/^GRANT CONNECT ON DATABASE chat TO parley_pushd;/);
	$parley->sql('GRANT CONNECT ON DATABASE chat TO PUBLIC');
};

subtest 'another version' => sub {
	my $is = sub ($version) {
		$parley->sql("UPDATE pg_extension SET extversion = '$version' WHERE extname = 'pg_parley'");
		my ($text, $status) = doctor();
		is $status, 0, 'a warning';
		return mend_of($text, 'warn same_version');
	};
	my $ours = $parley->sql("SELECT extversion FROM pg_extension WHERE extname = 'pg_parley'");
	like $is->('0.0.1'), qr/^ALTER EXTENSION pg_parley UPDATE TO '\Q$ours\E';/, 'an older extension';
	like $is->('999.0'), qr/^make pushd/,                                       'an older daemon';
	is $is->($ours), '', 'the same';
};

subtest 'all slots are taken' => sub {
	$parley->sql("SELECT pg_create_physical_replication_slot('full_' || i) FROM generate_series(1, 10) i");
	my ($text, $status) = doctor();
	like $text, qr/^warn replication_slots: all 10 replication slots are taken/m, 'which is said';
	like mend_of($text, 'warn replication_slots'), qr/^ALTER SYSTEM SET max_replication_slots = \d+;/, 'with its mend';
	unlike $text, qr/^\w+ feed: /m, 'and the feed is not tried';
	is $status, 0, 'the tables serve meanwhile';
	$parley->sql('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
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
