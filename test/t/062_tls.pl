# TLS: what is spoken and what is not, REST and WebSocket through it, certificates that
# change, and plain HTTP that leads to it.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IO::Socket::INET;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Test::More;

use Parley;
use Parley::Raw;

my $folder = PostgreSQL::Test::Utils::tempdir();

sub make_certificate ($name)
{
	system('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
		'-keyout', "$folder/key.pem", '-out', "$folder/cert.pem", '-days', 2, '-subj', "/CN=$name",
		'-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1') == 0 or die 'openssl req';
	return;
}

sub free_port
{
	return IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport;
}

make_certificate('first');
path("$folder/pushd.conf")->spurt('');
my $redirect = free_port();
my $parley   = Parley->start(
	alone => 1,
	flags => {
		'config'        => "$folder/pushd.conf",
		'tls-cert'      => "$folder/cert.pem",
		'tls-key'       => "$folder/key.pem",
		'redirect-port' => $redirect,
		'drain-s'       => 0
	});
my $port = $parley->port;

sub tunnel (@options) { return Parley::Raw->tls($port, "$folder/cert.pem", @options) }

# One request, its answer.
sub ask ($method, $path, $body = undef, @headers)
{
	my $json = defined $body ? encode_json($body) : '';
	return tunnel()->write(join "\r\n", "$method $path HTTP/1.1", 'Host: localhost', @headers,
		$json ? ('Content-Type: application/json', 'Content-Length: ' . length $json) : (), '', $json)->answer;
}

# What s_client says of a handshake.
sub handshake (@options)
{
	return scalar qx(openssl s_client -connect 127.0.0.1:$port @options </dev/null 2>&1);
}

sub subject { return handshake() =~ /subject=.*?CN ?= ?(\w+)/ ? $1 : 'none' }

sub metric ($line)
{
	my ($value) = ask(GET => '/metrics')->{body} =~ /^\Q$line\E (\d+)/m;
	return $value // 0;
}

subtest 'what is spoken' => sub {
	like handshake('-tls1_3'),                qr/Protocol *: TLSv1\.3|New, TLSv1\.3/,       'TLS 1.3';
	like handshake('-tls1_2'),                qr/New, TLSv1\.2.*Cipher is ECDHE-\S+-(GCM|POLY1305)/s, 'TLS 1.2, forward secrecy';
	like handshake('-tls1_2'),                qr/Secure Renegotiation IS supported/,        'secure renegotiation only';
	unlike handshake('-tls1_1', '-cipher', "'ALL:\@SECLEVEL=0'"), qr/Cipher is [A-Z]/,      'no TLS 1.1';
	unlike handshake('-tls1_2', '-cipher', 'AES128-SHA'),    qr/Cipher is [A-Z]{2}/,        'no cipher without forward secrecy';
	like handshake('-alpn', 'h2,http/1.1'),   qr/ALPN protocol: http\/1\.1/,                'ALPN http/1.1';
	unlike handshake('-alpn', 'h2'),          qr/Cipher is [A-Z]{2}/,                       'and no other';
	cmp_ok metric('parley_refused_total{reason="tls_handshake"}'), '>=', 3, 'refused handshakes are counted';
};

my $grant;
subtest 'REST' => sub {
	my $answer = ask(POST => '/api/v1/auth/signup',
		{ username => 'alice', email => 'alice@example.org', password => 'correct horse battery staple' });
	is $answer->{status}, 201, 'a request with a body';
	$grant = decode_json($answer->{body});
	like $answer->{head}, qr/^strict-transport-security: max-age=31536000\r?$/im, 'HSTS';
	like $answer->{head}, qr/^$_/im, $_
	  for 'x-content-type-options: nosniff', 'content-security-policy: ', 'referrer-policy: ', 'cross-origin-opener-policy: same-origin';
	my $connection = tunnel();
	is $connection->write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")->answer->{status}, 200, 'a connection stays' for 1 .. 3;
	is(tunnel()->write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" x 50)->answer->{status}, 200, 'requests in one piece');
};

sub websocket ($whose = $grant)
{
	my $socket = tunnel();
	$socket->write("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		  . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
		  . "Authorization: Bearer $whose->{access_token}\r\n\r\n");
	is $socket->answer->{status}, 101, 'an upgrade';
	is decode_json($socket->frame->{payload})->{type}, 'welcome', 'welcome';
	return $socket;
}

subtest 'WebSocket' => sub {
	my $team = decode_json(ask(POST => '/api/v1/conversations', { name => 'team' }, "Authorization: Bearer $grant->{access_token}")->{body})->{id};
	my ($one, $two) = (websocket(), websocket());
	my %seen;

	for my $n (1 .. 40)
	{
		$one->write(Parley::Raw->bytes(encode_json({
			type => 'message', conversation_id => $team, content => "$n " . 'x' x 15_000 })));
	}
	while (keys %seen < 40)
	{
		my $frame = $two->frame;
		last if $frame->{opcode} == 8;
		for my $object (map { decode_json($_) } split /\n/, $frame->{payload})
		{
			$seen{ $object->{seq} }++ if $object->{type} eq 'message';
		}
	}
	is_deeply [ sort { $a <=> $b } keys %seen ], [ 1 .. 40 ], '600 kB in and out, complete';
	cmp_ok metric('parley_tls_connections'), '>=', 2, 'counted';
	undef $one;
	undef $two;
	await(sub { metric('parley_tls_connections') <= 1 }, 'and forgotten');
};

# Nobody waits for what such a client does not take, and its place has been given away.
my $asleep;
subtest 'a client that takes nothing' => sub {
	my $bob  = decode_json(ask(POST => '/api/v1/auth/signup',
			{ username => 'bob', email => 'bob@example.org', password => 'correct horse battery staple' })->{body});
	my $auth = "Authorization: Bearer $bob->{access_token}";
	my $team = decode_json(ask(POST => '/api/v1/conversations', { name => 'loud' }, $auth)->{body})->{id};

	$asleep = websocket($bob);
	$parley->sql("BEGIN; SELECT FROM chat.act_as($bob->{user}{id});
		SELECT FROM generate_series(1, 1200) n, chat.send($team, n || repeat('x', 15000)); COMMIT");
	await(sub { metric('parley_outbox_bytes') > 0 }, 'it does not read');
	is ask(POST => '/api/v1/auth/logout', undef, $auth)->{status}, 204, 'is told to go';
	await(sub { $parley->log =~ /closing: session_revoked/ }, 'its session ends');
};

subtest 'plain HTTP' => sub {
	is(Parley::Raw->new($parley)->write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")->answer->{status}, 0,
		'gets no answer where TLS is spoken');
	my $plain = bless { socket => IO::Socket::INET->new("127.0.0.1:$redirect"), in => '', ended => 0 }, 'Parley::Raw';
	$plain->{socket}->blocking(0);
	my $answer = $plain->write("GET /a?b=c HTTP/1.1\r\nHost: chat.example:80\r\n\r\n")->answer;
	is $answer->{status}, 308, 'is redirected elsewhere';
	like $answer->{head}, qr{^location: https://chat\.example:$port/a\?b=c\r?$}im, 'to the same place';
};

subtest 'certificates' => sub {
	is subject(), 'first', 'as configured';
	make_certificate('second');
	kill HUP => $parley->pid;
	await(sub { subject() eq 'second' }, 'new files after SIGHUP');
	is subject(), 'second', 'new files after SIGHUP';
	path("$folder/cert.pem")->copy_to("$folder/kept.pem");
	path("$folder/cert.pem")->spurt("garbage\n");
	kill HUP => $parley->pid;
	await(sub { $parley->log =~ /the certificate stays as it was: certificate/ }, 'a bad file is named');
	is subject(), 'second', 'and the old one served on';
	path("$folder/kept.pem")->copy_to("$folder/cert.pem");
};

subtest 'settings' => sub {
	path("$folder/pushd.conf")->spurt("hsts-s = 3600\nallowed-origins = https://a.example\n");
	kill HUP => $parley->pid;
	await(sub { ask(GET => '/livez')->{head} =~ /^strict-transport-security: max-age=3600\r?$/im }, 'HSTS as it is now');
	my $plain = bless { socket => IO::Socket::INET->new("127.0.0.1:$redirect"), in => '', ended => 0 }, 'Parley::Raw';
	$plain->{socket}->blocking(0);
	my $answer = $plain->write("GET / HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n\r\n")->answer;
	is $answer->{status}, 308, 'plain HTTP is redirected as before';
	like $answer->{head}, qr/^access-control-allow-origin: https:\/\/a\.example\r?$/im, 'with the origins of now';
	unlike $answer->{head}, qr/^strict-transport-security/im, 'and without HSTS';
};

subtest 'the client that took nothing' => sub {
	await(sub { metric('parley_tls_connections') == 1 }, 'only the one that asks is left');
	undef $asleep;
	pass 'is gone';
};

subtest 'the end' => sub {
	my $socket = websocket();
	kill TERM => $parley->pid;
	my @frames;
	push @frames, $socket->frame until @frames && $frames[-1]{opcode} == 8;
	is unpack('n', $frames[-1]{payload}), 4000, 'the close comes through';
	await(sub { !$parley->pushd_runs }, 'the daemon ends');
	is $parley->{status}, 0, 'without an error';
};

done_testing;
