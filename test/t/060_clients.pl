# Who the client is, behind which proxy, and how much one client may have.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Mojo::Util qw(b64_encode);
use Test::More;

use Parley;
use Parley::Raw;
use Parley::Socket;

my $parley = Parley->start(alone => 1, flags => { 'canary-s' => 0 });
my ($alice) = $parley->signup('alice');

sub restart (%flags)
{
	$parley->stop_pushd;
	$parley->{flags} = { 'canary-s' => 0, %flags };
	$parley->start_pushd;
	return;
}

sub metric ($series) { return $parley->metric($series) }

# The address that the database has for what was done last.
sub noted
{
	return $parley->sql('SELECT coalesce(host(address), \'nobody\') FROM chat.audit_pending ORDER BY id DESC LIMIT 1');
}

sub login (%headers)
{
	my $answer = $parley->call(
		POST    => '/auth/login',
		body    => { login => 'alice', password => Parley::User->password },
		headers => \%headers);
	return $answer;
}

sub is_noted ($headers, $address, $name)
{
	is login(%$headers)->status, 200, "$name: 200";
	return is noted(), $address, "$name: $address";
}

my $plain = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";

subtest 'nobody is trusted' => sub {
	is_noted({},                                  'nobody', 'the machine itself is nobody');
	is_noted({ 'X-Forwarded-For' => '192.0.2.1' }, 'nobody', 'a header of anybody says nothing');
	is(Parley::Raw->new($parley)->write("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n$plain")->answer->{status},
		400, 'nor does a PROXY header');
};

subtest 'X-Forwarded-For' => sub {
	restart('client-address' => 'x-forwarded-for', 'trusted-proxies' => '127.0.0.0/8, 10.0.0.0/8');
	is_noted({ 'X-Forwarded-For' => '192.0.2.1' }, '192.0.2.1', 'a client');
	is_noted({ 'X-Forwarded-For' => '198.51.100.9, 192.0.2.1' },
		'192.0.2.1', 'what the client itself claims is behind the first that is not trusted');
	is_noted({ 'X-Forwarded-For' => '198.51.100.9, 192.0.2.1, 10.1.2.3' }, '192.0.2.1', 'two proxies');
	is_noted({ 'X-Forwarded-For' => '2001:db8::7' }, '2001:db8::7', 'IPv6');
	is_noted({ 'X-Forwarded-For' => '192.0.2.1, unknown' }, 'nobody', 'an element that is no address ends the walk');
	is_noted({ 'Forwarded' => 'for=192.0.2.1' }, 'nobody', 'the form that is not configured says nothing');
};

subtest 'Forwarded' => sub {
	restart('client-address' => 'forwarded', 'trusted-proxies' => '127.0.0.1');
	is_noted({ Forwarded => 'for=192.0.2.60;proto=http;by=203.0.113.43' }, '192.0.2.60', 'a client');
	is_noted({ Forwarded => 'for=198.51.100.9, proto=https;For="[2001:db8:cafe::17]:4711"' },
		'2001:db8:cafe::17', 'IPv6 with a port');
	is_noted({ Forwarded => 'for=_hidden' }, 'nobody', 'an obfuscated one');
	is_noted({ 'X-Forwarded-For' => '192.0.2.1' }, 'nobody', 'the other form says nothing');
};

subtest 'PROXY protocol' => sub {
	restart('client-address' => 'proxy-protocol', 'trusted-proxies' => '127.0.0.1', 'max-connections-per-address' => 2);
	my $body = Mojo::JSON::encode_json({ login => 'alice', password => Parley::User->password });
	my $post = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
	  . length($body) . "\r\n\r\n$body";
	my $says = sub ($header, $address, $name) {
		my $raw = Parley::Raw->new($parley);
		$raw->write($_) for ref $header ? @$header : $header;
		is $raw->write($post)->answer->{status}, 200, "$name: 200";
		is noted(), $address, "$name: $address";
	};
	$says->("PROXY TCP4 192.0.2.5 198.51.100.1 56324 443\r\n", '192.0.2.5',   'version 1');
	$says->("PROXY TCP6 2001:db8::5 2001:db8::1 1 2\r\n",      '2001:db8::5', 'version 1, IPv6');
	$says->("PROXY UNKNOWN\r\n",                               'nobody',      'version 1, unknown');
	$says->([ split //, "PROXY TCP4 192.0.2.6 198.51.100.1 1 2\r\n" ], '192.0.2.6', 'byte for byte');
	my $v2 = "\r\n\r\n\0\r\nQUIT\n";
	$says->($v2 . "\x21\x11\0\x0c" . pack('C8n2', 192, 0, 2, 7, 198, 51, 100, 1, 1, 2), '192.0.2.7', 'version 2');
	$says->($v2 . "\x21\x21\0\x24" . pack('H32 H32 n2', '20010db8' . '0' x 23 . '9', '0' x 32, 1, 2), '2001:db8::9', 'version 2, IPv6');
	$says->($v2 . "\x20\0\0\0", 'nobody', 'version 2, the proxy itself');

	is(Parley::Raw->new($parley)->write($_)->answer->{status}, 0, 'no header, no answer')
	  for $plain, "PROXY TCP4 192.0.2 1 2 3\r\n$plain", "PROXY " . 'x' x 200, $v2 . "\x31\0\0\0";

	my $header = "PROXY TCP4 192.0.2.8 198.51.100.1 1 2\r\n$plain";
	my @open   = map { Parley::Raw->new($parley)->write($header) } 1 .. 2;
	is $_->answer->{status}, 200, 'within the limit' for @open;
	my $third = Parley::Raw->new($parley)->write($header)->answer;
	is "$third->{status} $third->{code}", '503 too_many_connections', 'a third connection of one address';
	is(Parley::Raw->new($parley)->write($header =~ s/192.0.2.8/192.0.2.9/r)->answer->{status},
		200, 'another address is not concerned');
	undef @open;
	await(sub { Parley::Raw->new($parley)->write($header)->answer->{status} == 200 }, 'room for the address again');
	my $all = Parley::Raw->new($parley)->write("PROXY UNKNOWN\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")->answer->{body};
	like $all, qr/^parley_refused_total\{reason="proxy_header"\} 4$/m, 'bad headers are counted';
	like $all, qr/^parley_refused_total\{reason="address_full"\} [1-9]/m, 'so are refused connections';
};

subtest 'limits of one client' => sub {
	restart(
		'client-address'              => 'x-forwarded-for',
		'trusted-proxies'             => '127.0.0.1',
		'max-logins-per-minute'       => 3,
		'max-connections-per-account' => 2,
		'max-connections-per-address' => 5);
	my @status = map { login('X-Forwarded-For' => '192.0.2.20')->status } 1 .. 4;
	is_deeply \@status, [ 200, 200, 200, 429 ], 'logins from one address';
	my $answer = login('X-Forwarded-For' => '192.0.2.20');
	is $answer->code, 'throttled', 'the fourth is throttled';
	cmp_ok $answer->header('Retry-After'), '>', 0, 'and told when to come back';
	is login('X-Forwarded-For' => '192.0.2.21')->status, 200, 'another address is not concerned';
	is metric('parley_refused_total{reason="login_rate"}'), 2, 'counted';

	my @sockets = map { $alice->connect } 1 .. 2;
	my $third   = Parley::Socket->open($parley);
	$third->send({ type => 'auth', token => $alice->token });
	is $third->await_close, 4504, 'a third socket of one account';
	is metric('parley_refused_total{reason="account_full"}'), 1, 'counted';
	ok !$_->is_closed, 'the first two stay' for @sockets;
	$sockets[0]->close;
	ok $alice->connect, 'when one has gone, another may come';

	my %from = (headers => { 'X-Forwarded-For' => '2001:db8:1:2::1' });
	my @of_network = map { Parley::Socket->open($parley, %from) } 1 .. 5;
	$from{headers}{'X-Forwarded-For'} = '2001:db8:1:2:ffff::9';
	is(Parley::Socket->open($parley, %from)->refused, 503, 'a network of IPv6 counts as one');
	$_->close for @of_network;
	await(sub { !Parley::Socket->open($parley, %from)->refused }, 'places are given back');
};

subtest 'too many in all' => sub {
	restart('max-connections' => 8);
	my @open = map { Parley::Raw->new($parley)->write($plain) } 1 .. 8;
	is $_->answer->{status}, 200, 'within the limit' for @open;
	my @beyond = map { Parley::Raw->new($parley)->write($plain) } 1 .. 100;
	my %count;
	$count{ $_->answer->{status} }++ for @beyond;
	is $count{503}, 64, 'some are told so';
	is $count{0},   36, 'the others are just closed';
	undef @beyond;
	undef @open;
	await(sub { Parley::Raw->new($parley)->write($plain)->answer->{status} == 200 }, 'room again');
	is metric('parley_refused_total{reason="full"}') >= 100, 1, 'counted';

	my @sockets = map { $alice->connect } 1 .. 7;
	$parley->call(GET => 'root:/livez');    # holds the eighth place
	is(Parley::Socket->open($parley)->refused, 503, 'WebSockets count, too');
	ok !$_->is_closed, 'those that are in stay' for @sockets;
	$_->close for @sockets;
	await(sub { !Parley::Socket->open($parley)->refused }, 'room for a WebSocket again');
};

subtest 'logins again' => sub {
	restart('client-address' => 'x-forwarded-for', 'trusted-proxies' => '127.0.0.1', 'max-logins-per-minute' => 60);
	my %from    = (headers => { 'X-Forwarded-For' => '192.0.2.30' });
	my $refresh = sub { return $parley->call(POST => '/auth/refresh', body => { refresh_token => 'no such token' }, %from)->code };
	my $tries   = 0;
	$tries++ while $refresh->() ne 'throttled' && $tries < 200;
	cmp_ok $tries, '>=', 60, 'a minute\'s tries at once';
	await(sub { $refresh->() ne 'throttled' }, 'another one a second later');
	pass 'a second later there is another';
};

subtest 'slowloris' => sub {
	restart('auth-timeout-s' => 1, 'request-timeout-s' => 2);
	my $socket = Parley::Raw->new($parley);
	$socket->write("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		  . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
	is $socket->answer->{status}, 101, 'a socket that never says who it is';
	my $frame = $socket->frame;
	is unpack('n', $frame->{payload}), 4001, 'is closed';
	await(sub { metric('parley_closes_total{reason="auth_timeout"}') == 1 }, 'and counted');

	my @slow = map { Parley::Raw->new($parley)->write("GET /livez HTTP/1.1\r\n") } 1 .. 100;
	my $start = Time::HiRes::time();
	is $parley->call(GET => 'root:/livez')->status, 200, 'others are served while many are slow';
	my $answer = $slow[0]->answer;
	is $answer->{status}, 408, 'a head that does not end';
	cmp_ok Time::HiRes::time() - $start, '<', 5, 'in time, whatever comes meanwhile';
	await(sub { metric('parley_timeouts_total{stage="head"}') >= 100 }, 'all are counted');
};

subtest 'slow at the entrance, and slow to take an answer' => sub {
	restart(
		'client-address'    => 'proxy-protocol',
		'trusted-proxies'   => '127.0.0.1',
		'request-timeout-s' => 1,
		'max-connections'   => 3);
	my $header = "PROXY UNKNOWN\r\n";
	my $count  = sub ($stage) {
		my $all = Parley::Raw->new($parley)->write("${header}GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")->answer->{body};
		return $all =~ /^parley_timeouts_total\{stage="$stage"\} (\d+)/m ? $1 : 0;
	};
	my $silent = Parley::Raw->new($parley)->write('PROXY TCP4 ');
	my $greedy = Parley::Raw->new($parley)->write($header . "GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" x 100);
	await(sub { $count->('answer') == 1 }, 'who does not take answers is dropped');
	is $silent->answer->{status}, 0, 'who does not say the header gets no answer';
	is $count->($_), 1, "counted: $_" for qw(entrance answer);
	undef $greedy;
	my @open = map { Parley::Raw->new($parley)->write($header . $plain) } 1 .. 3;
	is $_->answer->{status}, 200, 'their places are free' for @open;
};

done_testing;
