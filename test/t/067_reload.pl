# SIGHUP: settings of each kind that changes while the daemon runs take effect at once, for
# what is open where that makes sense, and for what comes.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Mojo::File qw(path);
use Test::More;
use Time::HiRes qw(time);

use Parley;
use Parley::Raw;
use Parley::Socket;

my $file = path(PostgreSQL::Test::Utils::tempdir())->child('pushd.conf');

$file->spurt('');
my $parley = Parley->start(flags => { config => "$file", 'log-level' => undef });
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $both = $alice->direct($bob);

sub metric ($line)
{
	my ($value) = $parley->call(GET => 'root:/metrics')->body =~ /^\Q$line\E (\d+)/m;
	return $value // 0;
}

# Writes the file, has it read and waits until that is done.
sub reload (%settings)
{
	my $counter = 'parley_reloads_total{outcome="ok"}';
	my $before  = metric($counter);

	$file->spurt(map { "$_ = $settings{$_}\n" } sort keys %settings);
	kill HUP => $parley->pid;
	return await(sub { metric($counter) > $before }, 'a reload');
}

sub handshake ($fields)
{
	return Parley::Raw->websocket($parley, $alice->token, $fields)->{head};
}

subtest 'the log' => sub {
	my $what = sub ($path, %settings) {
		my $start = length $parley->log;
		$parley->call(GET => "root:/$path");
		reload(%settings);
		return substr $parley->log, $start;
	};
	my $said = $what->('nowhere', 'log-level' => 'debug', 'log-format' => 'json');
	unlike $said, qr/nowhere/, 'a level that was not wanted';
	like $said, qr/^\{.*"message":"reloaded"/m, 'JSON from then on';
	like $what->('nowhere', 'log-level' => 'warn'), qr/^\{[^\n]*"debug"[^\n]*nowhere/m, 'and more of it';
	unlike $what->('nowhere', 'log-level' => 'warn'), qr/nowhere|reloaded/, 'and less again';
};

subtest 'permessage-deflate' => sub {
	my $offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
	unlike handshake($offer), qr/permessage-deflate/i, 'off';
	reload('permessage-deflate' => 'on');
	like handshake($offer), qr/permessage-deflate/i, 'on';
	reload();
	unlike handshake($offer), qr/permessage-deflate/i, 'and off again';
};

subtest 'allowed-origins' => sub {
	my $rest = sub ($origin) {
		return $parley->call(GET => 'root:/livez', headers => { Origin => $origin })->header('Access-Control-Allow-Origin') // '';
	};
	my $ws = sub ($origin) { return Parley::Socket->open($parley, headers => { Origin => $origin })->refused // 101 };
	my @try = ('https://a.example', 'https://b.example');
	my $all = sub { return join ' ', map { $rest->($_), $ws->($_) } @try };
	is $all->(), ' 403  403', 'nobody is listed';
	reload('allowed-origins' => 'https://a.example');
	is $all->(), 'https://a.example 101  403', 'one is';
	reload('allowed-origins' => 'https://b.example, https://c.example');
	is $all->(), ' 403 https://b.example 101', 'others are in its place';
};

subtest 'expiry-notice-s' => sub {
	my $old = $alice->connect;
	reload('expiry-notice-s' => 3600);
	cmp_ok $old->next('expiring')->{in_s}, '<=', 900, 'a socket that is open is told what is due now';
	my $new = $alice->connect;
	ok $new->next('expiring'), 'so is a new one';
	reload('expiry-notice-s' => 0);
	my $brief = $alice->with_token($parley->token_for($alice, 2))->connect;
	is $brief->await_close, 4002, 'a token that ends';
	is_deeply [ $brief->frames('expiring') ], [], 'without a notice';
	ok !$old->is_closed && !$new->is_closed, 'the others live on';
};

subtest 'heartbeat-s' => sub {
	my $raw = Parley::Raw->websocket($parley, $alice->token);
	reload('heartbeat-s' => 1);
	is $raw->frame->{opcode}, 9, 'a socket that is open is pinged';
	is $raw->frame->{opcode}, 8, 'and dropped when it does not answer';
};

subtest 'limits of WebSockets' => sub {
	reload('max-frame-bytes' => 1024, 'max-connections-per-account' => 1);
	my $socket = $bob->connect;
	$socket->send({ type => 'typing', conversation_id => $both, is_typing => \1, padding => 'x' x 1500 });
	is $socket->next('error')->{code}, 'frame_too_large', 'a frame that was well before';
	my $second = Parley::Socket->open($parley);
	$second->send({ type => 'auth', token => $bob->token });
	is $second->await_close, 4504, 'a second socket';
	reload();
	ok $bob->connect, 'both are well again';
};

subtest 'typing-timeout-s' => sub {
	reload('typing-timeout-s' => 1);
	my ($from, $to) = ($alice->connect, $bob->connect);
	$from->send({ type => 'typing', conversation_id => $both, is_typing => \1 });
	ok $to->next('typing')->{is_typing}, 'somebody types';
	ok !$to->next('typing')->{is_typing}, 'and does not any more';
};

subtest 'REST' => sub {
	my $limit = sub { return $alice->get('/auth/me')->header('RateLimit-Policy') // 'none' };
	like $limit->(), qr/q=6000/, 'the usual quota';
	reload('rest-quota-percent' => 10);
	like $limit->(), qr/q=600\b/, 'a tenth of it';
	reload('rest-quota-percent' => 0);
	is $limit->(), 'none', 'none';

	my $cookie = sub {
		return $parley->call(POST => '/auth/login', body => { login => 'alice', password => Parley::User->password, cookie => \1 },
			headers => { 'Sec-Fetch-Site' => 'same-origin' })->header('Set-Cookie');
	};
	unlike $cookie->(), qr/Secure/, 'a cookie of plain HTTP';
	reload('secure-cookies' => 'always');
	like $cookie->(), qr/Secure/, 'one of HTTPS';

	my $path = '/ws?token=' . $alice->token;
	isnt(Parley::Socket->open($parley, path => $path)->refused, undef, 'a token in the address');
	reload('allow-url-token' => 'on');
	ok(Parley::Socket->open($parley, path => $path)->next('welcome'), 'is taken where that is allowed');
};

subtest 'deadlines of HTTP' => sub {
	reload('request-timeout-s' => 1, 'idle-timeout-s' => 1);
	my $idle = Parley::Raw->new($parley)->write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
	my $head = Parley::Raw->new($parley)->write("GET /livez HTTP/1.1\r\n");
	my $body = Parley::Raw->new($parley)
	  ->write("PATCH /api/v1/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer @{[$alice->token]}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{");

	is $idle->answer->{status}, 200, 'a request';
	is $idle->answer->{status}, 0,   'no other one: the connection ends';
	is $head->answer->{status}, 408, 'a head that does not end';
	is $body->answer->{status}, 408, 'a body that does not end';
	cmp_ok metric("parley_timeouts_total{stage=\"$_\"}"), '>=', 1, "counted: $_" for qw(idle head body);
};

subtest 'the pool' => sub {
	reload('pool-wait-ms' => 100);
	$parley->node->stop('fast');
	my $start = time;
	is $alice->get('/auth/me')->status, 503, 'no database';
	cmp_ok time - $start, '<', 4, 'and no patience';
};

done_testing;
