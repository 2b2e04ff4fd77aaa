# The daemon is told to end wherever it may be: it does so with status 0, in time, and
# leaves nothing open in its loop.  With sanitizers, nothing is used after that, either.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(usleep);

use Parley;
use Parley::Raw;

my $parley = Parley->start(pushd => 0, flags => { 'drain-s' => 0 });
my $folder = PostgreSQL::Test::Utils::tempdir();

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
	  . "-keyout $folder/key.pem -out $folder/cert.pem >/dev/null 2>&1") == 0 or die 'openssl';
my $left = qr/was left open|runtime error|Sanitizer/;
my %tls  = ('tls-cert' => "$folder/cert.pem", 'tls-key' => "$folder/key.pem");

sub ends_well ($name, @signals)
{
	for my $signal (@signals) { kill $signal => $parley->pid }
	await(sub { !$parley->pushd_runs }, "it ends: $name");
	is $parley->{status}, 0, "$name: status 0";
	unlike $parley->log, $left, "$name: nothing is left";
	return;
}

sub says ($pattern, $what) { return await(sub { $parley->log =~ $pattern }, $what) }

# Connections that stay in the middle of something, by the bytes that they have sent.
sub stuck (@bytes)
{
	return map {
		my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $parley->port) or die "connect: $!";
		$socket->syswrite($_) if length;
		$socket
	} @bytes;
}

# Until it listens to signals, the first one simply ends it.
subtest 'during its start' => sub {
	for my $ms (0, 20, 40, 60, 80, 100)
	{
		$parley->spawn_pushd(%tls);
		says(qr/./, 'it has begun');
		usleep($ms * 1000);
		kill TERM => $parley->pid;
		await(sub { !$parley->pushd_runs }, 'it ends');
		ok $parley->{status} == 0 || $parley->{status} == POSIX::SIGTERM(), "after $ms ms: it ends";
		unlike $parley->log, $left, 'and leaves nothing';
	}
};

subtest 'when it cannot start' => sub {
	my $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "listen: $!";

	for my $flags ({ 'listen-port' => $taken->sockport }, { %tls, 'tls-key' => "$folder/cert.pem" })
	{
		$parley->spawn_pushd(%$flags);
		await(sub { !$parley->pushd_runs }, 'it ends');
		is $parley->{status} >> 8, 1, 'status 1';
		unlike $parley->log, $left, 'nothing is left';
	}
};

subtest 'without a database' => sub {
	my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "listen: $!";

	$parley->spawn_pushd(database => 'host=127.0.0.1 dbname=chat port=' . $silent->sockport);
	$silent->accept;
	ends_well('while it connects', 'TERM');
	undef $silent;
	$parley->spawn_pushd(database => 'host=127.0.0.1 dbname=chat port=1');
	says(qr/refused/, 'it is refused');
	ends_well('while it waits to try again', 'TERM');
};

# In all stages of HTTP and WebSocket, and with SQL under way that does not end.
for my $hurry (0, 1)
{
	subtest $hurry ? 'under load, at once' : 'under load' => sub {
		$parley->start_pushd('drain-s' => $hurry ? 30 : 0);
		my $alice   = $parley->signup("alice$hurry");
		my $team    = $alice->group('team');
		my $token   = $alice->token;
		my @sockets = map { Parley::Raw->websocket($parley, $token) } 1 .. 30;
		my $lock    = $parley->psql;

		$lock->query_safe("BEGIN; SELECT FROM chat.conversation_counter WHERE conversation_id = $team FOR UPDATE");
		$_->write(Parley::Raw->bytes(qq({"type":"message","conversation_id":$team,"content":"x"}))) for @sockets[ 0 .. 9 ];
		$_->write(substr Parley::Raw->bytes('{"type":"typing"}'), 0, 9) for @sockets[ 10 .. 19 ];
		my $head  = "HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer $token\r\n";
		my @stuck = stuck(
			'', 'GET /livez HT',
			"POST /api/v1/conversations/$team/messages ${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
			"POST /api/v1/conversations/$team/messages ${head}Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"content\":\"x\"}",
			"POST /api/v1/conversations/$team/attachments?name=a ${head}Content-Type: text/plain\r\nContent-Length: 900000\r\n\r\n" . 'x' x 300_000,
			"GET /api/v1/conversations ${head}\r\n");
		await(sub { $parley->sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0 }, 'somebody waits');
		ends_well('with clients', $hurry ? ('TERM', 'INT') : 'TERM');
		$lock->quit;
	};
}

subtest 'with TLS' => sub {
	my $port = $parley->{port};

	$parley->spawn_pushd(%tls);
	says(qr/ready: https/, 'it is ready');
	my @stuck = stuck('', "\x16\x03\x01");
	my @clients = map { open my $pipe, '|-', "openssl s_client -quiet -connect 127.0.0.1:$port >/dev/null 2>&1" or die; $pipe->autoflush(1); $pipe } 1 .. 3;
	print { $clients[1] } "GET /livez HTTP/1.1\r\nHost:";
	print { $clients[2] } "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	  . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
	local $SIG{PIPE} = 'IGNORE';
	await(sub { `cat /proc/@{[$parley->pid]}/net/tcp | grep -ci ':@{[sprintf '%04X', $port]} .* 01 '` >= 5 }, 'they are connected');
	ends_well('with handshakes under way', 'TERM', 'TERM');
};

done_testing;
