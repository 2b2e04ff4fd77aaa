# All ways into a WebSocket, sockets for one conversation, and how a login is kept alive.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;
use Parley::Socket;

my $parley = Parley->start(flags => { 'expiry-notice-s' => 3, 'auth-timeout-s' => 60 });
my ($alice, $bob, $carol) = $parley->signup(qw(alice bob carol));
my $team  = $alice->group('team',  $bob, $carol);
my $other = $alice->group('other', $bob);
my @secrets;
my @logs = ($parley, $parley->siblings);

sub open_socket (%options) { return Parley::Socket->open($parley, %options) }

sub ticket ($user)
{
	push @secrets, $user->post('/auth/ticket')->json->{ticket};
	return $secrets[-1];
}

sub is_let_in ($socket, $user, $name)
{
	is $socket->next('welcome')->{user}{id}, $user->id, "$name: welcome";
	$socket->close;
	return;
}

sub is_refused ($socket, $error, $code, $name)
{
	is $socket->next('error')->{code}, $error, "$name: $error";
	is $socket->await_close, $code, "$name: closed with $code";
	is_deeply [ $socket->frames('welcome') ], [], "$name: no welcome";
	return;
}

subtest 'a ticket' => sub {
	my $ticket = ticket($alice);

	is_let_in open_socket(path => "/ws?ticket=$ticket"), $alice, 'the first time';
	is_refused open_socket(path => "/ws?ticket=$ticket"), 'token_invalid', 4500, 'the second time';
	is $parley->sql("SELECT count(*) FROM chat.audit_info WHERE kind = 'ticket_reused'"), 1,
	  'that it was tried is remembered';
	is_refused open_socket(path => '/ws?ticket=x'), 'token_invalid', 4500, 'no ticket of ours';

	my $old = ticket($alice);
	$parley->sql("UPDATE chat.ticket SET expires_at = now() WHERE used_at IS NULL");
	is_refused open_socket(path => "/ws?ticket=$old"), 'token_expired', 4002, 'too late';
	is $parley->sql('SELECT count(*) FROM chat.ticket WHERE used_at IS NULL'), 0, 'and it is used up';

	my $phone = $alice->login;
	my $lost  = ticket($phone);
	$phone->post('/auth/logout');
	is_refused open_socket(path => "/ws?ticket=$lost"), 'session_revoked', 4501, 'of a session that ended';

	my ($one, $two) = map { open_socket(path => '/ws?ticket=' . $_) } (ticket($bob)) x 2;
	Parley::await(sub { ($one->frames) && ($two->frames) }, 'two answers');
	is_deeply [ sort map { ($_->frames)[0]{type} } $one, $two ], [qw(error welcome)],
	  'of two at once one gets in';
};

subtest 'a cookie' => sub {
	my $cookie = 'a=b; parley_token=' . $alice->token;
	my $daemon = $parley->alone;
	my $open   = sub (%headers) { Parley::Socket->open($daemon, headers => { Cookie => $cookie, %headers }) };

	is_let_in $open->(Origin => $daemon->url), $alice, 'from our own page';
	is $open->(Origin => 'https://evil.example')->refused, 403, 'from another page';
	is $open->()->refused, 403, 'from nobody knows where';
	is_let_in $open->(Authorization => 'Bearer ' . $bob->token), $bob, 'whoever brings a token needs no cookie';
};

subtest 'a token in the address' => sub {
	is open_socket(path => '/ws?token=' . $alice->token)->refused, 403, 'is not taken';
	my $daemon = $parley->beside('allow-url-token' => 'on');
	push @logs, $daemon;
	is_let_in(Parley::Socket->open($daemon, path => "$_?token=" . $alice->token), $alice, "where configured: $_")
	  for '/ws', "/ws/chat/$team";
};

sub scoped ($user, $conversation)
{
	my $socket = open_socket(path => "/ws/chat/$conversation", protocols => [ 'chat.v1', 'bearer.' . $user->token ]);
	$socket->next('welcome');
	return $socket;
}

subtest 'one conversation' => sub {
	my $socket = scoped($bob, $team);
	my $whole  = $bob->connect;

	is(($socket->frames)[0]{conversation_id}, $team, 'the welcome says which');
	$alice->say($other, 'elsewhere');
	$alice->say($team, 'here');
	$socket->message('here');
	$whole->message('elsewhere');
	is_deeply [ map { $_->{content} } $socket->messages ], ['here'], 'nothing else comes';
	$socket->send({ type => 'message', content => 'short', id => '00000000-0000-4000-8000-000000000001' });
	is $socket->next('ack')->{conversation_id}, $team, 'conversation_id may be left out';
	$socket->send({ type => 'read', seq => 2, id => 'r' });
	is_deeply $socket->next('ack'), { type => 'ack', id => 'r', conversation_id => $team, seq => 2 }, 'everywhere';
	$socket->send({ type => 'message', conversation_id => $other, content => 'x' });
	is $socket->next('error')->{code}, 'invalid_argument', 'but it may not be another';
	$socket->send({ type => 'auth', token => $bob->token, id => 'again' });
	is $socket->next('welcome')->{id}, 'again', 'the login is renewed';

	is_refused open_socket(path => "/ws/chat/$other", headers => { Authorization => 'Bearer ' . $carol->token }),
	  'conversation_not_found', 4503, 'who is not a member';
	is_refused open_socket(path => '/ws/chat/999999', headers => { Authorization => 'Bearer ' . $carol->token }),
	  'conversation_not_found', 4503, 'no such conversation';
	my $late = open_socket(path => "/ws/chat/$other");
	$late->send({ type => 'auth', token => $carol->token });
	is_refused $late, 'conversation_not_found', 4503, 'by a first frame';
	is open_socket(path => $_)->refused, 404, "nothing is at $_" for '/ws/chat/x', '/ws/chat/', '/ws/chat/0';

	my $watcher = scoped($carol, $team);
	$alice->call(DELETE => "/conversations/$team/members/" . $bob->id);
	is $socket->await_close, 4503, 'who is removed is closed';
	is $socket->close_reason, 'not_a_member', 'the reason';
	is(($socket->frames('member'))[-1]{state}, 'removed', 'and is told before');
	ok $watcher->wait_for(sub { $watcher->frames('member') }, 'the others are told'), 'the others are told';
	$alice->say($other, 'still');
	ok $whole->message('still'), 'the whole socket stays';
	$_->close for $watcher, $whole;
};

subtest 'the end of a token' => sub {
	my $short = $carol->with_token($parley->token_for($carol, 5));
	my $renew = $short->connect;
	my $lapse = $short->connect;

	for my $socket ($renew, $lapse)
	{
		my $left = $socket->next('expiring')->{in_s};
		ok $left >= 2 && $left <= 3, "a notice $left s ahead";
	}
	$renew->send({ type => 'auth', token => $carol->token, id => 'more' });
	my $welcome = $renew->next('welcome');
	$welcome = $renew->next('welcome') if !defined $welcome->{id};
	ok $welcome->{id} eq 'more' && $welcome->{expires_in_s} > 60, 'renewed';
	is $lapse->await_close, 4002, 'the other is closed';
	$alice->say($team, 'after that');
	ok $renew->message('after that'), 'the renewed one goes on';
	is $renew->frames('expiring'), 1, 'one notice for a token';
	$renew->close;

	my $last = $carol->with_token($parley->token_for($carol, 2))->connect;
	ok $last->next('expiring')->{in_s} <= 2, 'at once where little is left';
	is(($last->frames)[0]{type}, 'welcome', 'but after the welcome');
	$last->close;
};

push @secrets, map { $_->token, $_->refresh_token } $alice, $bob, $carol;
my $secrets = join '|', map { quotemeta } @secrets;
unlike $_->whole_log, qr/$secrets|eyJ[\w-]{10}/, 'no token and no ticket is in the log of pushd' for @logs;
unlike $parley->node->logfile && Mojo::File->new($parley->node->logfile)->slurp, qr/$secrets/,
  'nor in the one of the server';

done_testing;
