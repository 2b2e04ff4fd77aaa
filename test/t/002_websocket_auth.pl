# Who gets into a WebSocket, in which ways, and when they are put out again.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;
use Parley::Answer qw(shape %SHAPES);
use Parley::Socket;
use Parley::User;

my $parley = Parley->start(flags => { 'auth-timeout-s' => 2 });
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $both = $alice->direct($bob);

my $welcome = {
	type         => 'text',
	user         => { %{ $SHAPES{user} } },
	session_id   => 'int',
	heartbeat_s  => 'int',
	expires_in_s => 'int',
	timeline     => 'text'
};

sub open_socket (%options) { return Parley::Socket->open($parley, %options) }

sub is_refused ($socket, $code, $name)
{
	is $socket->await_close, $code, "$name: closed with $code";
	is_deeply [ $socket->frames('welcome') ], [], "$name: not welcomed";
	return;
}

sub auth ($token, %more) { return { type => 'auth', token => $token, %more } }

# ---- the ways in

subtest 'first frame' => sub {
	my $socket = open_socket;

	$socket->send(auth($alice->token));
	my $frame = $socket->next('welcome');
	my %shape = (%$welcome, user => { %{ $SHAPES{user} }, last_seen => shape($frame->{user}{last_seen}) });
	is_deeply shape($frame), \%shape, 'welcome';
	is $frame->{user}{id}, $alice->id, 'to alice';
	is $frame->{session_id}, $parley->session_id($alice), 'in the session of the token';
	ok !defined $socket->protocol, 'no subprotocol was asked for, none is given';
	is $socket->frames, 1, 'nothing else';
	$socket->close;

	$socket = open_socket;
	$socket->send(auth($alice->token, id => 'the first'));
	is $socket->next('welcome')->{id}, 'the first', 'the answer repeats the id';
	$socket->close;
};

subtest subprotocol => sub {
	my $socket = open_socket(protocols => [ 'chat.v1', 'bearer.' . $alice->token ]);

	is $socket->next('welcome')->{user}{id}, $alice->id, 'welcome';
	is $socket->protocol, 'chat.v1', 'the subprotocol';
	unlike $socket->answer->to_string, qr/bearer/i, 'the token does not come back';
	$socket->close;

	$socket = open_socket(protocols => ['chat.v1']);
	is $socket->protocol, 'chat.v1', 'the subprotocol alone';
	$socket->send(auth($alice->token));
	ok $socket->next('welcome'), 'and the token in a frame';
	$socket->close;
};

subtest header => sub {
	my $socket = open_socket(headers => { Authorization => 'Bearer ' . $alice->token });

	is $socket->next('welcome')->{user}{id}, $alice->id, 'welcome';
	$socket->close;
};

subtest 'keys and sessions' => sub {
	my $token = $alice->token;

	for my $algorithm (qw(EdDSA HS256))
	{
		$parley->sql("SELECT chat.rotate_key('$algorithm')");
		my $socket = $alice->login->connect;
		ok !$socket->is_closed, "a token signed with $algorithm";
		$socket->close;
	}
	my $socket = $alice->with_token($token)->connect;
	ok !$socket->is_closed, 'a token signed with an older key';
	$socket->close;
};

# ---- nothing before the welcome

subtest 'nothing before the welcome' => sub {
	my $stranger = open_socket;
	my $mallet   = open_socket;
	my $watcher  = $bob->connect;

	$mallet->send({ type => 'message', conversation_id => $both, content => 'from nobody' });
	is $mallet->next('error')->{code}, 'unauthenticated', 'sending takes a login';
	$mallet->send({ type => 'read', conversation_id => $both, seq => 1 });
	is $mallet->next('error')->{code}, 'unauthenticated', 'reading too';
	$alice->say($both, "early $_") for 1 .. 5;
	$watcher->message('early 5');
	is $stranger->frames, 0, 'whoever has not logged in hears nothing';
	is $mallet->frames, 2, 'nor does who tried to talk';
	$stranger->send(auth($bob->token));
	$stranger->next('welcome');
	$alice->say($both, 'late');
	$stranger->message('late');
	is_deeply [ map { $_->{type} } $stranger->frames ], [qw(welcome message)],
	  'the welcome is the first, then what comes after it';
	$mallet->send(auth($bob->token));
	ok $mallet->next('welcome'), 'who was refused may still log in';
	is_deeply [ map { $_->{content} } $alice->history($both) ], [ (map { "early $_" } 1 .. 5), 'late' ],
	  'nothing from nobody was stored';
	$_->close for $stranger, $mallet, $watcher;

	# while somebody talks all the time
	my $talk = $alice->connect;
	for my $round (1 .. 20)
	{
		my $socket = open_socket;
		$talk->send({ type => 'message', conversation_id => $both, content => "$round a" });
		$socket->send(auth($bob->token));
		$talk->send({ type => 'message', conversation_id => $both, content => "$round b" });
		$socket->next('welcome');
		$talk->send({ type => 'message', conversation_id => $both, content => "$round c" });
		$socket->message("$round c");
		fail "something came before the welcome" if ($socket->frames)[0]{type} ne 'welcome';
		$socket->close;
	}
	pass 'nothing came before the welcome';
	$talk->close;
};

# ---- tokens that are no good

subtest 'bad tokens' => sub {
	my $good = $alice->token;
	my ($header, $payload, $signature) = split /\./, $good;
	my %tokens = (
		'no token'            => 'x',
		'empty'               => '',
		'cut off'             => substr($good, 0, -4),
		'no signature'        => "$header.$payload.",
		'another signature'   => "$header.$payload." . (split /\./, $bob->token)[2],
		'another payload'     => join('.', $header, (split /\./, $bob->token)[1], $signature),
		'a refresh token'     => $alice->refresh_token,
		'another key'         => $parley->sql(
			"SELECT jwt.sign('{\"sub\":\"1\",\"sid\":1,\"exp\":99999999999}', repeat('k', 32))"),
		'no such session'     => $parley->token_for($alice, 60, sid => 999_999),
		'a session of others' => $parley->token_for($alice, 60, sid => $parley->session_id($bob)),
		'another account'     => $parley->token_for($alice, 60, sub => '' . $bob->id));

	for my $name (sort keys %tokens)
	{
		my $socket = open_socket;
		$socket->send(auth($tokens{$name}));
		like $socket->next('error')->{code}, qr/^(token_invalid|session_revoked)$/, "$name: an error";
		like $socket->await_close, qr/^450[01]$/, "$name: closed";
	}
	is_refused open_socket(protocols => [ 'chat.v1', 'bearer.x' ]), 4500, 'in the subprotocol';
	is_refused open_socket(headers   => { Authorization => 'Bearer x' }), 4500, 'in the header';

	my $expired = open_socket;
	$expired->send(auth($parley->token_for($alice, -1)));
	is $expired->next('error')->{code}, 'token_expired', 'expired: an error';
	is_refused $expired, 4002, 'expired';

	my $phone = $alice->login;
	$phone->post('/auth/logout');
	my $revoked = open_socket;
	$revoked->send(auth($phone->token));
	is $revoked->next('error')->{code}, 'session_revoked', 'logged out: an error';
	is_refused $revoked, 4501, 'logged out';
};

subtest timeout => sub {
	my ($silent, $refused) = map { open_socket } 1 .. 2;

	$refused->send({ type => 'auth' });
	is $refused->next('error')->{code}, 'missing_field', 'an auth frame without a token';
	is_refused $silent,  4001, 'who says nothing';
	is_refused $refused, 4001, 'who says nothing of use';
	is $silent->close_reason, 'auth_timeout', 'the reason';
};

# ---- the ways out

subtest 'the token expires' => sub {
	my $short = $bob->with_token($parley->token_for($bob, 3));
	my ($stays, $goes) = map { $short->connect } 1 .. 2;

	$stays->send(auth($bob->token, id => 'again'));
	is $stays->next('welcome')->{id}, 'again', 'a token renewed in time';
	$stays->send(auth($alice->token, id => 'other'));
	my $error = $stays->next('error');
	is_deeply [ @$error{qw(id code)} ], [qw(other forbidden)], 'but not for somebody else';
	$stays->send(auth('x', id => 'bad'));
	is $stays->next('error')->{code}, 'token_invalid', 'a bad one is refused';
	is $goes->await_close, 4002, 'the other is closed at the time';
	is $goes->close_reason, 'token_expired', 'the reason';
	$alice->say($both, 'still there?');
	ok $stays->message('still there?'), 'the renewed one stays';
	$stays->close;
};

subtest logout => sub {
	my ($phone, $laptop) = map { $bob->login } 1 .. 2;
	my @phone = map { $phone->connect } 1 .. 2;
	my $other = $laptop->connect;

	$phone->post('/auth/logout');
	is $_->await_close, 4501, 'a socket of the session' for @phone;
	is $phone[0]->close_reason, 'session_revoked', 'the reason';
	$alice->say($both, 'to the laptop');
	ok $other->message('to the laptop'), 'another session stays';

	my $tablet = $bob->login;
	my $third  = $tablet->connect;
	$laptop->post('/auth/logout-all');
	is $_->await_close, 4501, 'every session' for $other, $third;
	$bob = $bob->login;
};

subtest 'a refresh token is used twice' => sub {
	my $phone  = $bob->login;
	my $socket = $phone->connect;
	my $next   = $bob->must(Parley::User->nobody($parley)
		  ->post('/auth/refresh', { refresh_token => $phone->refresh_token }));

	Parley::User->nobody($parley)->post('/auth/refresh', { refresh_token => $_ })
	  for $next->{refresh_token}, $phone->refresh_token;
	is $socket->await_close, 4501, 'its session is closed';
};

subtest 'the account is closed' => sub {
	my $carol  = $parley->signup('carol');
	my $socket = $carol->connect;

	$parley->sql('UPDATE chat.account SET closed_at = now() WHERE id = ' . $carol->id);
	is $socket->await_close, 4502, 'its sockets are closed';
	is $socket->close_reason, 'account_closed', 'the reason';
	is_refused open_socket(headers => { Authorization => 'Bearer ' . $carol->token }), 4501, 'and stay so';
};

subtest 'other pages' => sub {
	my $socket = open_socket(headers => { Origin => 'https://evil.example' });
	is $socket->refused, 403, 'another origin';
	is open_socket(path => '/websocket')->refused, 404, 'another path';
	my $daemon = $parley->alone;
	$socket = Parley::Socket->open($daemon, headers => { Origin => $daemon->url });
	ok !$socket->refused, 'our own origin';
	$socket->close;
};

unlike $parley->whole_log, qr/eyJ[\w-]{10}|\Q@{[$alice->refresh_token]}\E/, 'no token is in the log';

done_testing;
