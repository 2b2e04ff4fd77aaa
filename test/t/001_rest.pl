# Every REST route: what it answers when all is well, to the last key and type, and with
# which code it refuses.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;
use Parley::Answer qw(shape %SHAPES);
use Parley::User;

my $parley = Parley->start;
my ($alice, $bob, $carol) = $parley->signup(qw(alice bob carol));
my $nobody  = Parley::User->nobody($parley);
my $nothing = 999_999_999;

sub answers ($answer, $status, $shape, $name)
{
	is $answer->status, $status, "$name: $status" or diag $answer->start;
	return is $answer->body, '', "$name: no body" if $status == 204;
	is $answer->type, 'application/json', "$name: JSON";
	is_deeply shape($answer->json), $shape, "$name: shape" or diag $answer->start;
	return $answer->json;
}

sub refuses ($answer, $status, $code, $name)
{
	is $answer->type, 'application/problem+json', "$name: a problem" or return diag $answer->start;
	is $answer->code, $code, "$name: $code" or diag $answer->start;
	is $answer->status, $status, "$name: $status";
	is_deeply shape($answer->json), $SHAPES{problem}, "$name: shape";
	is $answer->json->{status}, $status, "$name: the status inside too";
	is $answer->header('WWW-Authenticate'), 'Bearer', "$name: which scheme" if $status == 401;
	return;
}

# What a shape has in place of its first values.
sub with ($shape, %other)
{
	return { %{ $SHAPES{$shape} }, %other };
}

# ---- sign-up, login, refresh, logout

subtest signup => sub {
	my %form = (username => 'dave', email => 'dave@example.org', password => 'correct horse');
	my $dave = answers $nobody->post('/auth/signup', { %form, display_name => 'Dave ☕' }),
	  201, $SHAPES{grant}, 'signup';

	is $dave->{user}{username},     'dave',   'the user name';
	is $dave->{user}{display_name}, 'Dave ☕', 'the display name';
	is $dave->{token_type},         'Bearer', 'the type of token';
	cmp_ok $dave->{expires_in}, '>=', 5 * 60, 'the token lives for some minutes';
	is $alice->grant->{user}{display_name}, 'alice', 'the display name, when none is given';
	like $nobody->post('/auth/login', { login => 'dave', password => 'correct horse' })->body,
	  qr/^\{"user":\{"id":\d+,/, 'a grant is compact JSON';
	refuses $nobody->post('/auth/signup', { %form, email    => 'd@example.org' }), 409, 'username_taken', 'taken';
	refuses $nobody->post('/auth/signup', { %form, username => 'DAVE', email => 'd@example.org' }),
	  409, 'username_taken', 'taken in another case';
	refuses $nobody->post('/auth/signup', { %form, username => 'dave2' }), 409, 'email_taken', 'e-mail taken';
	refuses $nobody->post('/auth/signup', { %form, username => 'two words' }), 422, 'invalid_username', 'user name';
	refuses $nobody->post('/auth/signup', { %form, username => 'x', email => 'nowhere' }),
	  422, 'invalid_email', 'e-mail';
	refuses $nobody->post('/auth/signup', { %form, username => 'x', password => 'short' }),
	  422, 'invalid_password', 'password';
	for my $field (sort keys %form)
	{
		my %less = %form;
		delete $less{$field};
		refuses $nobody->post('/auth/signup', \%less), 422, 'missing_field', "signup without $field";
	}
};

subtest login => sub {
	my $grant = answers $nobody->post('/auth/login', { login => 'alice', password => Parley::User->password }),
	  200, $SHAPES{grant}, 'login';

	is $grant->{user}{id}, $alice->id, 'the same account';
	isnt $grant->{refresh_token}, $alice->refresh_token, 'another session';
	answers $nobody->post('/auth/login', { login => 'ALICE@example.org', password => Parley::User->password }),
	  200, $SHAPES{grant}, 'login by e-mail';

	my $wrong   = $nobody->post('/auth/login', { login => 'alice',  password => 'wrong horse' });
	my $unknown = $nobody->post('/auth/login', { login => 'mallet', password => 'wrong horse' });
	refuses $wrong,   401, 'invalid_credentials', 'wrong password';
	refuses $unknown, 401, 'invalid_credentials', 'unknown user';
	my ($first, $second) = map { s/"instance":"request:\K[^"]+//r } $wrong->body, $unknown->body;
	is $first, $second, 'which of the two is not told';
	refuses $nobody->post('/auth/login', { login => 'alice' }), 422, 'missing_field', 'no password';
};

subtest refresh => sub {
	my $phone = $alice->login;
	my $next  = answers $nobody->post('/auth/refresh', { refresh_token => $phone->refresh_token }),
	  200, $SHAPES{grant}, 'refresh';

	answers $phone->with_token($next->{access_token})->get('/auth/me'), 200, $SHAPES{user}, 'the new token';
	answers $nobody->post('/auth/refresh', { refresh_token => $phone->refresh_token }),
	  200, $SHAPES{grant}, 'again, for the answer may have been lost';
	answers $nobody->post('/auth/refresh', { refresh_token => $next->{refresh_token} }),
	  200, $SHAPES{grant}, 'the next';
	refuses $nobody->post('/auth/refresh', { refresh_token => $phone->refresh_token }),
	  401, 'refresh_reused', 'one that was moved on from';
	refuses $nobody->post('/auth/refresh', { refresh_token => $next->{refresh_token} }),
	  401, 'session_revoked', 'which ends the session';
	refuses $phone->get('/auth/me'), 401, 'session_revoked', 'for the access token too';
	refuses $nobody->post('/auth/refresh', { refresh_token => 'never seen' }), 401, 'token_invalid', 'unknown';
	refuses $nobody->post('/auth/refresh'), 422, 'missing_field', 'none';
};

subtest logout => sub {
	my ($phone, $laptop) = map { $bob->login } 1 .. 2;

	answers $phone->post('/auth/logout'), 204, undef, 'logout';
	refuses $phone->get('/auth/me'), 401, 'session_revoked', 'afterwards';
	refuses $nobody->post('/auth/refresh', { refresh_token => $phone->refresh_token }),
	  401, 'session_revoked', 'refresh afterwards';
	answers $laptop->get('/auth/me'), 200, $SHAPES{user}, 'the other session';
	refuses $nobody->post('/auth/logout'), 401, 'unauthenticated', 'logout of nobody';

	answers $laptop->post('/auth/logout-all'), 204, undef, 'logout everywhere';
	refuses $bob->get('/auth/me'), 401, 'session_revoked', 'every session has ended';
	$bob = $bob->login;
};

# ---- people

subtest users => sub {
	answers $alice->get('/auth/me'), 200, $SHAPES{user}, 'me';
	is $alice->get('/auth/me')->json->{id}, $alice->id, 'it is me';
	answers $alice->get('/users/' . $bob->id), 200, $SHAPES{user}, 'a user';
	refuses $alice->get("/users/$nothing"), 404, 'user_not_found', 'no such user';

	my $found = answers $alice->get('/users', search => 'BO'), 200, [ $SHAPES{user} ], 'search';
	is $found->[0]{username}, 'bob', 'bob is found';
	is_deeply $alice->get('/users', search => 'ali')->json, [], 'I am not';
	is_deeply $alice->get('/users', search => '%')->json, [], 'a % is a %';
	is scalar @{ $carol->get('/users', search => '', limit => 2)->json }, 2, 'limit';
	refuses $alice->get('/users'), 422, 'missing_field', 'search for nothing';
	refuses $alice->get('/users', search => 'b', limit => 0), 422, 'invalid_argument', 'limit 0';
	refuses $alice->get('/users', search => 'b', limit => 'x'), 422, 'wrong_type', 'limit x';
};

# ---- conversations

subtest direct => sub {
	my $shape = with(conversation => is_group => 'bool', name => 'null');
	my $made  = answers $alice->post('/conversations/direct/bob'), 201, $shape, 'direct';

	ok !$made->{is_group}, 'no group';
	is_deeply [ sort map { $_->{username} } @{ $made->{members} } ], [qw(alice bob)], 'the two';
	my $again = answers $bob->post('/conversations/direct/Alice'), 200, $shape, 'from the other side';
	is $again->{id}, $made->{id}, 'the same one';
	refuses $alice->post('/conversations/direct/nobody'), 404, 'user_not_found', 'with nobody';
	refuses $alice->post('/conversations/direct/alice'), 422, 'invalid_argument', 'with oneself';
	refuses $alice->post("/conversations/$made->{id}/leave"), 409, 'not_a_group', 'leave it';
	refuses $alice->post("/conversations/$made->{id}/members", { username => 'carol' }),
	  409, 'not_a_group', 'a third';
};

my $team;
subtest group => sub {
	my $made = answers $alice->post('/conversations', { name => 'team', usernames => ['bob'] }),
	  201, $SHAPES{conversation}, 'group';

	$team = $made->{id};
	ok $made->{is_group}, 'a group';
	is $made->{name}, 'team', 'its name';
	is $made->{member_count}, 2, 'two members';
	is_deeply { map { $_->{username} => $_->{role} } @{ $made->{members} } },
	  { alice => 'owner', bob => 'member' }, 'and their roles';
	answers $carol->post('/conversations', { name => 'alone' }), 201,
	  with(conversation => members => [ $SHAPES{member} ]), 'group of one';
	refuses $alice->post('/conversations', { usernames => ['bob'] }), 422, 'missing_field', 'no name';
	refuses $alice->post('/conversations', { name => ' ' }), 422, 'invalid_argument', 'blank name';
	refuses $alice->post('/conversations', { name => 'x', usernames => ['nobody'] }),
	  404, 'user_not_found', 'a member that is nobody';
	refuses $alice->post('/conversations', { name => 'x', usernames => 'bob' }),
	  422, 'wrong_type', 'one name for a list';

	answers $bob->get("/conversations/$team"), 200, $SHAPES{conversation}, 'one';
	refuses $carol->get("/conversations/$team"), 404, 'conversation_not_found', 'of others';
	refuses $alice->get("/conversations/$nothing"), 404, 'conversation_not_found', 'that is none';
};

subtest members => sub {
	my $members = answers $bob->get("/conversations/$team/members"), 200,
	  [ ($SHAPES{member}) x 2 ], 'members';

	is_deeply [ map { $_->{username} } @$members ], [qw(alice bob)], 'by time of joining';
	refuses $carol->get("/conversations/$team/members"), 404, 'conversation_not_found', 'of others';

	my $added = answers $alice->post("/conversations/$team/members", { username => 'carol' }),
	  201, $SHAPES{member}, 'add';
	is $added->{username}, 'carol', 'carol';
	refuses $alice->post("/conversations/$team/members", { username => 'carol' }),
	  409, 'already_member', 'twice';
	refuses $alice->post("/conversations/$team/members", { username => 'nobody' }),
	  404, 'user_not_found', 'nobody';
	refuses $bob->post("/conversations/$team/members", { username => 'dave' }), 403, 'forbidden', 'as member';
	refuses $alice->post("/conversations/$team/members"), 422, 'missing_field', 'whom';

	refuses $bob->delete("/conversations/$team/members/" . $carol->id), 403, 'forbidden', 'remove as member';
	answers $alice->delete("/conversations/$team/members/" . $carol->id), 204, undef, 'remove';
	refuses $alice->delete("/conversations/$team/members/" . $carol->id), 404, 'user_not_found', 'again';
	refuses $carol->get("/conversations/$team"), 404, 'conversation_not_found', 'who was removed';
};

# ---- messages

subtest messages => sub {
	my $uuid = '11111111-2222-4333-8444-555555555555';
	my $sent = answers $alice->post("/conversations/$team/messages", { content => 'eins' }),
	  201, $SHAPES{message}, 'send';

	is $sent->{seq}, 1, 'the first';
	is $sent->{sender}, 'alice', 'its sender';
	is $sent->{sender_id}, $alice->id, 'by id';
	ok !$sent->{deleted}, 'not deleted';
	my $reply = answers $bob->post("/conversations/$team/messages",
		{ content => 'zwei', client_id => uc $uuid, reply_to => 1 }),
	  201, with(message => client_id => 'text', reply_to => 'int', thread => 'int'), 'reply';
	is $reply->{client_id}, $uuid, 'the client id';
	is_deeply answers($bob->post("/conversations/$team/messages",
			{ content => 'whatever', client_id => $uuid }),
		200, shape($reply), 'repeat'), $reply, 'the first result';
	is_deeply answers($alice->get("/conversations/$team/messages/2"), 200, shape($reply), 'one'), $reply,
	  'one message is the same everywhere';

	refuses $alice->post("/conversations/$team/messages"), 422, 'missing_field', 'no content';
	refuses $alice->post("/conversations/$team/messages", { content => " \n" }), 422, 'invalid_content', 'blank';
	refuses $alice->post("/conversations/$team/messages", { content => 'x' x 20_000 }),
	  413, 'content_too_long', 'too long';
	refuses $alice->post("/conversations/$team/messages", { content => 'x', reply_to => 99 }),
	  404, 'message_not_found', 'a reply to nothing';
	refuses $alice->post("/conversations/$team/messages", { content => 'x', client_id => '1' }),
	  422, 'wrong_type', 'no UUID';
	refuses $carol->post("/conversations/$team/messages", { content => 'x' }),
	  404, 'conversation_not_found', 'to others';
	refuses $alice->get("/conversations/$team/messages/99"), 404, 'message_not_found', 'no such message';
	refuses $carol->get("/conversations/$team/messages/1"), 404, 'conversation_not_found', 'of others';
};

subtest history => sub {
	my $long = $alice->group('long', $bob);
	my %page = (messages => [ ($SHAPES{message}) x 3 ], has_more => 'bool');
	my $path = "/conversations/$long/messages";

	$parley->sql_as($alice, "SELECT FROM (SELECT chat.send($long, n::text) FROM generate_series(1, 300) n) s");
	my $pages = sub (%query) {
		my $page = $bob->must($bob->get($path, %query));
		return [ map { $_->{seq} } @{ $page->{messages} } ], $page->{has_more} ? 'more' : 'all';
	};
	answers $bob->get($path, limit => 3), 200, \%page, 'page';
	is_deeply [ $pages->() ], [ [ 251 .. 300 ], 'more' ], 'the newest 50';
	is_deeply [ $pages->(before => 4) ], [ [ 1 .. 3 ], 'all' ], 'before 4';
	is_deeply [ $pages->(before => 101, limit => 2) ], [ [ 99, 100 ], 'more' ], 'two before 101';
	is_deeply [ $pages->(after => 298) ], [ [ 299, 300 ], 'all' ], 'after 298';
	is_deeply [ $pages->(after => 0, limit => 200) ], [ [ 1 .. 200 ], 'more' ], 'the first 200';
	is_deeply [ $pages->(after => 300) ], [ [], 'all' ], 'after all';
	is_deeply [ $pages->(around => 150, limit => 4) ], [ [ 148 .. 151 ], 'more' ], 'around 150';
	is_deeply [ $pages->(limit => 1000) ], [ [ 101 .. 300 ], 'more' ], 'never more than 200';
	refuses $bob->get($path, limit => 0), 422, 'invalid_argument', 'limit 0';
	refuses $bob->get($path, before => 1, after => 1), 422, 'invalid_argument', 'before and after';
	refuses $bob->get($path, before => 'x'), 422, 'wrong_type', 'before x';
	refuses $carol->get($path), 404, 'conversation_not_found', 'of others';

	is_deeply answers($bob->get("/conversations/$long"), 200,
		with(conversation => last_message => $SHAPES{message}), 'conversation')->{last_message}{seq},
	  300, 'the last message';
	is $bob->get("/conversations/$long")->json->{unread}, 300, 'unread';
	is_deeply answers($bob->post("/conversations/$long/read", { seq => 120 }), 200,
		{ read_seq => 'int' }, 'read'), { read_seq => 120 }, 'the position';
	is_deeply $bob->post("/conversations/$long/read", { seq => 3 })->json, { read_seq => 120 }, 'not back';
	is_deeply $bob->post("/conversations/$long/read", { seq => 5000 })->json, { read_seq => 300 }, 'not beyond';
	refuses $bob->post("/conversations/$long/read"), 422, 'missing_field', 'read what';
	refuses $bob->post("/conversations/$long/read", { seq => '3' }), 422, 'wrong_type', 'read a string';
	refuses $carol->post("/conversations/$long/read", { seq => 1 }), 404, 'conversation_not_found', 'of others';
};

subtest conversations => sub {
	my $list = $alice->must($alice->get('/conversations'));

	is_deeply [ map { $_->{name} } @$list ], [ 'long', 'team', undef ], 'the last active first';
	is_deeply shape($list->[1]), with(conversation =>
		last_message => with(message => client_id => 'text', reply_to => 'int', thread => 'int')), 'shape';
	is_deeply [ map { $_->{name} } @{ $alice->get('/conversations', limit => 1)->json } ], ['long'], 'limit';
	is_deeply [ map { $_->{name} }
		  @{ $alice->get('/conversations', limit => 1, before => $list->[0]{active_at}, before_id => $list->[0]{id})->json } ],
	  ['team'], 'the next page';
	my $first = $alice->get('/conversations', limit => 1);
	my ($next) = $first->header('Link') =~ m{^</api/v1(/conversations\?[^>]+)>; rel="next"};
	is_deeply $alice->get($next)->json, [ $list->[1] ], 'is where the answer says';
	is_deeply $parley->signup('erin')->get('/conversations')->json, [], 'none';
	refuses $alice->get('/conversations', limit => -1), 422, 'invalid_argument', 'limit -1';
	refuses $alice->get('/conversations', before => 'no time'), 422, 'invalid_argument', 'before no time';

	my $stats = answers $bob->get('/conversations/stats'), 200,
	  { map { $_ => 'int' } qw(conversations messages unread) }, 'stats';
	is_deeply $stats, { conversations => 3, messages => 302, unread => 0 }, 'how many';
};

subtest leave => sub {
	answers $alice->post("/conversations/$team/leave"), 204, undef, 'leave';
	refuses $alice->post("/conversations/$team/leave"), 404, 'conversation_not_found', 'again';
	is_deeply { map { $_->{username} => $_->{role} } @{ $bob->get("/conversations/$team/members")->json } },
	  { bob => 'owner' }, 'who stays owns it';
};

# ---- what all have in common

subtest unauthenticated => sub {
	for my $call (
		[ POST => '/auth/logout' ], [ POST => '/auth/logout-all' ], [ GET => '/auth/me' ],
		[ GET => '/users?search=a' ], [ GET => '/users/1' ],
		[ GET => '/conversations' ], [ POST => '/conversations', { name => 'x' } ],
		[ GET => '/conversations/stats' ], [ POST => '/conversations/direct/bob' ],
		[ GET => "/conversations/$team" ], [ GET => "/conversations/$team/members" ],
		[ POST => "/conversations/$team/members", { username => 'carol' } ],
		[ DELETE => "/conversations/$team/members/1" ], [ POST => "/conversations/$team/leave" ],
		[ POST => "/conversations/$team/read", { seq => 1 } ],
		[ GET => "/conversations/$team/messages" ], [ GET => "/conversations/$team/messages/1" ],
		[ POST => "/conversations/$team/messages", { content => 'x' } ])
	{
		my ($method, $path, $body) = @$call;
		refuses $nobody->call($method => $path, body => $body), 401, 'unauthenticated', "$method $path";
	}
};

subtest 'no such thing' => sub {
	refuses $alice->get('/nothing'), 404, 'not_found', 'path';
	refuses $alice->get('/users/bob'), 404, 'not_found', 'an id that is none';
	refuses $alice->call(GET => 'root:/api/v2/auth/me'), 404, 'not_found', 'version';
	my $refused = $alice->delete('/auth/profile');
	refuses $refused, 405, 'method_not_allowed', 'DELETE profile';
	is $refused->header('Allow'), 'GET, HEAD, OPTIONS', 'what is allowed';
	is $alice->call(PUT => "/conversations/$team/messages", body => {})->header('Allow'),
	  'GET, HEAD, POST, OPTIONS', 'what else is allowed';
	my $head = $alice->call(HEAD => '/auth/me');
	is $head->status, 200, 'HEAD';
	is $head->body, '', 'HEAD has no body';
};

subtest 'the daemon itself' => sub {
	answers $nobody->call(GET => 'root:/livez'), 200, { status => 'text' }, 'livez';
	is $nobody->call(GET => 'root:/readyz')->status, 200, 'readyz';
	my $metrics = $nobody->call(GET => 'root:/metrics');
	is $metrics->status, 200, 'metrics';
	like $metrics->body, qr/^parley_\w+ \d/m, 'metrics in the text format';
	is $alice->get('/auth/me')->header('Cache-Control'), 'private, no-cache', 'nobody keeps what is mine unasked';
	is $alice->get('/auth/sessions')->header('Cache-Control'), 'no-store', 'nobody keeps an answer';
	is $alice->get('/auth/me')->header('X-Content-Type-Options'), 'nosniff', 'nobody guesses a type';
	refuses $nobody->call(GET => 'root:/ws'), 426, 'upgrade_required', 'GET /ws';
};

done_testing;
