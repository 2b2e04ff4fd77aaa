# The REST routes beyond the thin path: one's account, blocks and reports, groups, what
# happens to a message after it was sent, catch-up, administration.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Mojo::Util qw(encode url_escape);
use Test::More;

use Parley;
use Parley::Answer qw(shape %SHAPES);
use Parley::User;

my $parley = Parley->start(feed => 'wal');
my ($alice, $bob, $carol, $dave) = $parley->signup(qw(alice bob carol dave));
my $nobody  = Parley::User->nobody($parley);
my $nothing = 999_999_999;
my $thumb   = "\x{1F44D}";

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
	is $answer->code, $code, "$name: $code" or diag $answer->start;
	is $answer->status, $status, "$name: $status";
	is_deeply shape($answer->json), $SHAPES{problem}, "$name: shape";
	return;
}

sub with ($shape, %other)
{
	return { %{ $SHAPES{$shape} }, %other };
}

sub patch ($user, $path, $body) { return $user->call(PATCH => $path, body => $body) }
sub put ($user, $path, $body = undef) { return $user->call(PUT => $path, body => $body) }
sub reaction ($path, $emoji) { return "$path/reactions/" . url_escape(encode('UTF-8', $emoji)) }

# ---- one's account

my %profile = (
	id           => 'int',
	username     => 'text',
	email        => 'text',
	display_name => 'text',
	avatar_url   => 'null',
	bio          => 'text',
	first_name   => 'text',
	last_name    => 'null',
	created_at   => 'time');

subtest profile => sub {
	my $changed = answers patch($alice, '/auth/me',
		{ display_name => 'Alice', bio => "two\nlines", first_name => 'Al' }), 200, with(user => bio => 'text'), 'change';

	is $changed->{display_name}, 'Alice', 'the display name';
	is_deeply $alice->get('/auth/me')->json, $changed, 'is so from now on';
	is answers($alice->get('/auth/profile'), 200, \%profile, 'profile')->{first_name}, 'Al', 'what others do not see';
	is_deeply answers(patch($alice, '/auth/me', {}), 200, with(user => bio => 'text'), 'nothing'), $changed,
	  'what is absent stays';
	answers patch($alice, '/auth/me', { bio => undef, display_name => undef }), 200, $SHAPES{user}, 'null';
	is $alice->get('/auth/me')->json->{display_name}, 'alice', 'null takes a value away';
	refuses patch($alice, '/auth/me', { avatar_url => 'javascript:alert(1)' }), 422, 'invalid_argument', 'no address';
	refuses patch($alice, '/auth/me', { bio => 7 }), 422, 'wrong_type', 'a number for text';
};

subtest sessions => sub {
	my $phone = $alice->login;
	my %session = (
		id           => 'int',
		client_info  => 'text',
		created_at   => 'time',
		last_used_at => 'time',
		expires_at   => 'time',
		is_current   => 'bool');
	my $list = answers $alice->get('/auth/sessions'), 200, [ ({%session}) x 2 ], 'sessions';
	my ($mine) = grep { $_->{is_current} } @$list;
	my ($other) = grep { !$_->{is_current} } @$list;

	is $mine->{id}, $parley->session_id($alice), 'the one in use';
	answers $alice->delete("/auth/sessions/$other->{id}"), 204, undef, 'end the other';
	refuses $phone->get('/auth/me'), 401, 'session_revoked', 'which has ended';
	refuses $alice->delete("/auth/sessions/$other->{id}"), 404, 'session_not_found', 'again';
	refuses $bob->delete("/auth/sessions/$mine->{id}"), 404, 'session_not_found', 'of others';
};

subtest password => sub {
	my $laptop = $bob->login;
	my %change = (old_password => Parley::User->password, new_password => 'battery staple');

	refuses $bob->post('/auth/password', { %change, old_password => 'wrong horse' }),
	  401, 'invalid_credentials', 'the old one is wrong';
	refuses $bob->post('/auth/password', { %change, new_password => 'short' }), 422, 'invalid_password', 'too short';
	refuses $bob->post('/auth/password', { new_password => 'x' }), 422, 'missing_field', 'no old one';
	answers $bob->post('/auth/password', \%change), 204, undef, 'change';
	answers $bob->get('/auth/me'), 200, $SHAPES{user}, 'this session goes on';
	refuses $laptop->get('/auth/me'), 401, 'session_revoked', 'others do not';
	answers $nobody->post('/auth/login', { login => 'bob', password => 'battery staple' }), 200, $SHAPES{grant}, 'login';
};

subtest ticket => sub {
	my $ticket = answers $alice->post('/auth/ticket'), 201, { ticket => 'text', expires_in => 'int' }, 'ticket';

	is $ticket->{expires_in}, 30, 'for half a minute';
};

subtest keys => sub {
	my $answer = $nobody->call(GET => 'root:/.well-known/jwks.json');

	is $answer->status, 200, 'keys: 200';
	is $answer->json->{keys}[0]{kty}, 'OKP', 'the public key';
	ok !exists $answer->json->{keys}[0]{d}, 'and not the secret one';
};

# ---- people

subtest people => sub {
	my $id = $bob->id;

	answers $alice->get("/users/$id/status"), 200,
	  { user_id => 'int', username => 'text', is_online => 'bool', last_seen => 'null' }, 'status';
	refuses $alice->get("/users/$nothing/status"), 404, 'user_not_found', 'of nobody';

	answers put($alice, "/users/$id/block"), 204, undef, 'block';
	answers put($alice, "/users/$id/block"), 204, undef, 'again';
	is_deeply [ map { $_->{username} } @{ answers $alice->get('/users/blocked'), 200, [ $SHAPES{user} ], 'blocked' } ],
	  ['bob'], 'whom';
	is_deeply $bob->get('/users/blocked')->json, [], 'bob is not told';
	refuses $bob->post('/conversations/direct/alice'), 403, 'blocked', 'but refused';
	answers $alice->delete("/users/$id/block"), 204, undef, 'unblock';
	is_deeply $alice->get('/users/blocked')->json, [], 'nobody';
	refuses put($alice, "/users/$nothing/block"), 404, 'user_not_found', 'nobody';
	refuses put($alice, '/users/' . $alice->id . '/block'), 422, 'invalid_argument', 'oneself';
};

# ---- groups

my $team;
subtest group => sub {
	$team = answers($alice->post('/conversations', { name => 'team', usernames => ['bob'], is_public => \1 }),
		201, $SHAPES{conversation}, 'a public group')->{id};
	is answers($carol->post("/conversations/$team/join"), 200,
		with(conversation => members => [ ($SHAPES{member}) x 3 ]), 'join')->{member_count}, 3, 'three of them';
	refuses $carol->post("/conversations/$team/join"), 409, 'already_member', 'twice';

	my $shape = with(conversation => members => [ ($SHAPES{member}) x 3 ]);
	my $both = answers patch($alice, "/conversations/$team", { name => 'crew', is_public => \0 }), 200, $shape, 'both';
	is_deeply [ $both->{name}, !!$both->{is_public} ], [ 'crew', !!0 ], 'name and openness';
	is answers(patch($alice, "/conversations/$team", { name => 'team' }), 200, $shape, 'rename')->{name}, 'team', 'name';
	ok answers(patch($alice, "/conversations/$team", { is_public => \1 }), 200, $shape, 'open')->{is_public}, 'open';
	is answers(patch($alice, "/conversations/$team", {}), 200, $shape, 'nothing')->{name}, 'team', 'as it was';
	refuses patch($bob, "/conversations/$team", { name => 'x' }), 403, 'forbidden', 'rename as a member';
	refuses patch($alice, "/conversations/$team", { name => ' ' }), 422, 'invalid_argument', 'blank';
	refuses patch($alice, "/conversations/$team", { is_public => 1 }), 422, 'wrong_type', 'a number for a boolean';
	refuses patch($dave, "/conversations/$team", {}), 404, 'conversation_not_found', 'of others';
	my $closed = $alice->group('closed');
	refuses $dave->post("/conversations/$closed/join"), 404, 'conversation_not_found', 'join a closed one';
	answers $alice->delete("/conversations/$closed"), 204, undef, 'delete';
	refuses $alice->get("/conversations/$closed"), 404, 'conversation_not_found', 'which is gone';
	refuses $bob->delete("/conversations/$team"), 403, 'forbidden', 'delete as a member';
};

subtest roles => sub {
	my $member = "/conversations/$team/members/" . $bob->id;

	is answers(patch($alice, $member, { role => 'admin' }), 200, $SHAPES{member}, 'role')->{role}, 'admin', 'admin';
	refuses patch($alice, $member, { role => 'king' }), 422, 'invalid_argument', 'no such role';
	refuses patch($carol, $member, { role => 'member' }), 403, 'forbidden', 'as a member';
	refuses patch($alice, "/conversations/$team/members/$nothing", { role => 'admin' }), 404, 'user_not_found', 'nobody';
	my $both = answers patch($alice, $member, { role => 'member', muted_until => '2100-01-01T00:00:00Z' }),
	  200, with(member => muted_until => 'time'), 'both';
	is_deeply [ @$both{qw(role muted_until)} ], [ 'member', '2100-01-01T00:00:00+00:00' ], 'role and mute';
	answers patch($alice, $member, {}), 200, with(member => muted_until => 'time'), 'absent stays';
	refuses $bob->post("/conversations/$team/messages", { content => 'x' }), 403, 'muted', 'muted';
	answers patch($alice, $member, { muted_until => undef }), 200, $SHAPES{member}, 'null unmutes';
	refuses patch($alice, $member, { muted_until => 'soon' }), 422, 'invalid_argument', 'no time';
};

subtest bans => sub {
	my $path = "/conversations/$team/bans";
	my $ban  = "$path/" . $carol->id;

	answers put($alice, $ban, { reason => 'advertising' }), 204, undef, 'ban';
	answers put($alice, $ban), 204, undef, 'again';
	is_deeply [ map { $_->{username} } @{ answers $alice->get($path), 200, [ $SHAPES{user} ], 'banned' } ], ['carol'],
	  'whom';
	refuses $bob->get($path), 403, 'forbidden', 'as a member';
	refuses put($bob, $ban), 403, 'forbidden', 'ban as a member';
	refuses $carol->post("/conversations/$team/join"), 403, 'banned', 'join';
	answers $alice->delete($ban), 204, undef, 'unban';
	refuses $alice->delete($ban), 404, 'user_not_found', 'again';
	is $carol->post("/conversations/$team/join")->status, 200, 'join';
};

# ---- messages

my $edited = with(message => edited_at => 'time');
subtest edit => sub {
	my $path = "/conversations/$team/messages/" . $alice->say($team, 'teh')->{seq};

	is answers(patch($alice, $path, { content => 'the' }), 200, $edited, 'edit')->{content}, 'the', 'content';
	is_deeply [ map { $_->{content} } @{ answers $bob->get("$path/revisions"), 200,
		[ ({ revision => 'int', content => 'text', written_at => 'time' }) x 2 ], 'revisions' } ], [qw(teh the)],
	  'all it said';
	refuses patch($bob, $path, { content => 'x' }), 403, 'forbidden', 'of others';
	refuses patch($alice, $path, {}), 422, 'missing_field', 'to what';
	refuses patch($alice, $path, { content => '' }), 422, 'invalid_content', 'to nothing';
	refuses patch($alice, "/conversations/$team/messages/$nothing", { content => 'x' }),
	  404, 'message_not_found', 'nothing';
	refuses $dave->get("$path/revisions"), 404, 'conversation_not_found', 'revisions of others';

	refuses $bob->delete($path), 403, 'forbidden', 'delete as a member';
	answers $alice->delete($path), 204, undef, 'delete';
	answers $alice->delete($path), 204, undef, 'again';
	my $left = answers $bob->get($path), 200, $edited, 'what is left';
	is_deeply [ $left->{content}, !!$left->{deleted} ], [ '', !!1 ], 'is a tombstone';
	is_deeply $bob->get("$path/revisions")->json, [], 'without revisions';
	refuses patch($alice, $path, { content => 'x' }), 409, 'message_deleted', 'edit it';
};

subtest reactions => sub {
	my $path  = "/conversations/$team/messages/" . $alice->say($team, 'react!')->{seq};
	my @shape = ({ emoji => 'text', count => 'int', user_ids => ['int'] });

	is_deeply answers(put($bob, reaction($path, $thumb)), 200, \@shape, 'react'),
	  [ { emoji => $thumb, count => 1, user_ids => [ $bob->id ] } ], 'who with what';
	is $bob->get($path)->json->{reactions}[0]{count}, 1, 'the message has it';
	put($alice, reaction($path, '#' . "\x{FE0F}\x{20E3}"));
	is_deeply [ map { $_->{username} } @{ answers $alice->get("$path/reactions"), 200,
		[ ({ emoji => 'text', account_id => 'int', username => 'text', created_at => 'time' }) x 2 ], 'all' } ],
	  [qw(bob alice)], 'the first first';
	is_deeply [ map { $_->{username} } @{ $alice->get("$path/reactions", emoji => $thumb)->json } ], ['bob'], 'of one';
	is_deeply answers($bob->call(DELETE => reaction($path, $thumb)), 200, \@shape, 'unreact')->[0]{user_ids},
	  [ $alice->id ], 'what is left';
	refuses put($bob, reaction($path, 'yes')), 422, 'invalid_emoji', 'no emoji';
	refuses put($dave, reaction($path, $thumb)), 404, 'conversation_not_found', 'of others';
};

subtest 'pins, threads, mentions' => sub {
	my $path = "/conversations/$team";
	my $root = $alice->say($team, 'root')->{seq};
	my $reply = $bob->say($team, 'reply, @alice', reply_to => $root)->{seq};

	answers put($alice, "$path/messages/$root/pin"), 204, undef, 'pin';
	is answers($bob->get("$path/pins"), 200, [ $SHAPES{message} ], 'pins')->[0]{seq}, $root, 'which';
	refuses put($bob, "$path/messages/$root/pin"), 403, 'forbidden', 'as a member';
	answers $alice->delete("$path/messages/$root/pin"), 204, undef, 'unpin';
	is_deeply $bob->get("$path/pins")->json, [], 'none';

	my $answer = with(message => reply_to => 'int', thread => 'int');
	is_deeply [ map { $_->{seq} } @{ answers $bob->get("$path/messages/$reply/thread"), 200,
		[ $SHAPES{message}, $answer ], 'thread' } ], [ $root, $reply ], 'from its first message on';
	is_deeply [ map { $_->{seq} } @{ $bob->get("$path/messages/$root/thread", after => $root, limit => 5)->json } ],
	  [$reply], 'page on';
	refuses $bob->get("$path/messages/$nothing/thread"), 404, 'message_not_found', 'of nothing';
	is answers($alice->get("$path/mentions"), 200, [$answer], 'mentions')->[0]{seq}, $reply, 'where';
	is_deeply answers($bob->post("$path/delivered", { seq => $nothing }), 200, { delivered_seq => 'int' }, 'delivered'),
	  { delivered_seq => $reply }, 'not beyond the last';
};

# ---- catch-up

subtest sync => sub {
	my %info = (
		conversation_id => 'int',
		status          => 'text',
		seq             => 'int',
		ver             => 'int',
		conversation    => 'null',
		messages        => [ $SHAPES{message} ],
		changed         => [],
		memberships     => [],
		positions       => [ ({ map { $_ => 'int' } qw(user_id read_seq delivered_seq) }) x 3 ]);
	my $first = $bob->must($bob->post('/sync'));
	is_deeply [ map { $_->{conversation_id} } @$first ], [$team], 'without cursors: all';
	is $first->[0]{status}, 'reset', 'from the beginning';
	is_deeply [ sort keys %{ $first->[0] } ],
	  [ sort keys %info ], 'keys';

	my %cursors = ($team => { map { $_ => $first->[0]{$_} } qw(seq ver) });
	is_deeply $bob->must($bob->post('/sync', { cursors => \%cursors })), [], 'nothing is new';
	my $seq = $alice->say($team, 'news')->{seq};
	my $news = $bob->must($bob->post('/sync', { cursors => \%cursors, max_messages => 10 }))->[0];
	is_deeply shape($news), \%info, 'shape';
	is $news->{status}, 'complete', 'up to date';
	is_deeply [ map { $_->{content} } @{ $news->{messages} } ], ['news'], 'what is new';
	patch($alice, "/conversations/$team/messages/$seq", { content => 'changed' });
	$cursors{$team}{seq} = $seq;
	$news = $bob->must($bob->post('/sync', { cursors => \%cursors }))->[0];
	is_deeply [ map { $_->{content} } @{ $news->{changed} } ], ['changed'], 'what has changed';
	refuses $bob->post('/sync', { cursors => [] }), 422, 'wrong_type', 'an array';
	refuses $bob->post('/sync', { cursors => { x => 1 } }), 422, 'invalid_argument', 'no cursors';
	refuses $bob->post('/sync', { max_messages => 0 }), 422, 'invalid_argument', 'no messages';
};

# ---- search

subtest search => sub {
	my $seq = $alice->say($team, 'needle & haystack')->{seq};
	my $hits = $bob->must($bob->get('/search', q => 'needle'));

	is_deeply [ sort keys %{ $hits->[0] } ], [qw(message next_page rank snippet)], 'keys';
	is_deeply shape($hits->[0]{message}), $SHAPES{message}, 'shape of the message';
	is $hits->[0]{message}{seq}, $seq, 'which';
	is $hits->[0]{snippet}, '<mark>needle</mark> &amp; haystack', 'where';
	is_deeply $bob->get('/search', q => 'needle', page => $hits->[0]{next_page})->json, [], 'page on';
	is scalar @{ $bob->get('/search', q => 'needle', conversation_id => $team, from => 'alice', limit => 5,
			newest_first => 'true', before => '2100-01-01', after => '2000-01-01')->json }, 1, 'with every filter';
	is_deeply $dave->get('/search', q => 'needle')->json, [], 'not for others';
	refuses $dave->get('/search', q => 'needle', conversation_id => $team), 404, 'conversation_not_found', 'of others';
	refuses $bob->get('/search'), 422, 'missing_field', 'what';
	refuses $bob->get('/search', q => 'x', limit => 0), 422, 'invalid_argument', 'limit 0';
	refuses $bob->get('/search', q => 'x', before => 'noon?'), 422, 'invalid_argument', 'before no time';

	my $found = answers $dave->get('/search/conversations', q => 'tea'), 200,
	  [ {
		id           => 'int',
		is_group     => 'bool',
		name         => 'text',
		is_public    => 'bool',
		joined       => 'bool',
		member_count => 'int'
	  } ], 'conversations';
	is $found->[0]{id}, $team, 'a public one';
};

# ---- administrators

subtest reports => sub {
	my $seq = $bob->say($team, 'buy this')->{seq};

	answers $alice->post("/conversations/$team/messages/$seq/report", { reason => 'advertising' }),
	  201, { report_id => 'int' }, 'report a message';
	my $id = answers($alice->post('/users/' . $bob->id . '/report', { reason => 'a robot' }),
		201, { report_id => 'int' }, 'report an account')->{report_id};
	refuses $alice->post("/conversations/$team/messages/$seq/report"), 422, 'missing_field', 'why';
	refuses $alice->post('/users/' . $alice->id . '/report', { reason => 'x' }), 422, 'invalid_argument', 'oneself';
	refuses $carol->get('/reports'), 403, 'forbidden', 'reports';
	refuses $carol->post("/reports/$id/close", { decision => 'x' }), 403, 'forbidden', 'close one';

	$parley->sql("SELECT chat.grant_admin('dave')");
	my $list = $dave->must($dave->get('/reports'));
	is_deeply [ map { $_->{reason} } @$list ], [ 'advertising', 'a robot' ], 'the oldest first';
	is_deeply shape($list->[1]),
	  {
		(map { $_ => 'int' } qw(id reporter_id account_id)),
		(map { $_ => 'text' } qw(reporter username reason)),
		(map { $_ => 'null' } qw(conversation_id seq content closed_at closed_by decision)),
		created_at => 'time'
	  },
	  'shape';
	answers $dave->post("/reports/$id/close", { decision => 'dismissed' }), 204, undef, 'close';
	refuses $dave->post("/reports/$id/close", { decision => 'x' }), 404, 'report_not_found', 'again';
	is scalar @{ $dave->get('/reports')->json }, 1, 'one is left';
	is scalar @{ $dave->get('/reports', also_closed => 'true')->json }, 2, 'two in all';
	refuses $dave->get('/reports', also_closed => 'maybe'), 422, 'wrong_type', 'neither true nor false';
};

subtest audit => sub {
	refuses $alice->get('/audit'), 403, 'forbidden', 'for administrators';
	my $rows = $dave->must($dave->get('/audit', kinds => 'login,login_failed', account_id => $bob->id));
	is_deeply [ sort keys %{ $rows->[0] } ],
	  [ sort qw(id at kind account_id actor_id session_id conversation_id role_name address agent detail place) ], 'keys';
	is_deeply [ grep { $_->{kind} !~ /^login/ } @$rows ], [], 'by kind';
	is scalar @{ $dave->get('/audit', limit => 1)->json }, 1, 'limit';
	refuses $dave->get('/audit', kinds => 'nonsense'), 422, 'invalid_argument', 'no such kind';
	refuses $dave->get('/audit', address => 'home'), 422, 'invalid_argument', 'no address';
};

# ---- the end of an account

subtest export => sub {
	my $document = $alice->must($alice->get('/auth/export'));

	is_deeply [ sort keys %$document ], [qw(blocked conversations exported_at messages next profile sessions)], 'keys';
	is $document->{profile}{email}, 'alice@example.org', 'the profile';
	is_deeply $alice->must($alice->get('/auth/export', after_conversation_id => $nothing))->{messages}, [], 'page on';
};

subtest 'close the account' => sub {
	my $erin = $parley->signup('erin');

	refuses $erin->call(DELETE => '/auth/me', body => { password => 'wrong horse' }), 401, 'invalid_credentials', 'wrong';
	refuses $erin->delete('/auth/me'), 422, 'missing_field', 'no password';
	answers $erin->call(DELETE => '/auth/me', body => { password => Parley::User->password, keep_content => \0 }),
	  204, undef, 'close';
	refuses $erin->get('/auth/me'), 401, 'session_revoked', 'afterwards';
	is $alice->get('/users/' . $erin->id)->json->{username}, 'deleted-' . $erin->id, 'for others';
};

subtest unauthenticated => sub {
	for my $call (
		[ PATCH => '/auth/me', { bio => 'x' } ], [ DELETE => '/auth/me', { password => 'x' } ],
		[ POST => '/auth/password', { old_password => 'x', new_password => 'x' } ], [ POST => '/auth/ticket' ],
		[ GET => '/auth/sessions' ], [ DELETE => '/auth/sessions/1' ], [ GET => '/auth/profile' ],
		[ GET => '/auth/export' ], [ GET => '/users/1/status' ], [ GET => '/users/blocked' ],
		[ PUT => '/users/1/block' ], [ DELETE => '/users/1/block' ], [ POST => '/users/1/report', { reason => 'x' } ],
		[ PATCH => "/conversations/$team", {} ], [ DELETE => "/conversations/$team" ],
		[ POST => "/conversations/$team/join" ], [ PATCH => "/conversations/$team/members/1", {} ],
		[ GET => "/conversations/$team/bans" ], [ PUT => "/conversations/$team/bans/1" ],
		[ DELETE => "/conversations/$team/bans/1" ], [ POST => "/conversations/$team/delivered", { seq => 1 } ],
		[ PATCH => "/conversations/$team/messages/1", { content => 'x' } ],
		[ DELETE => "/conversations/$team/messages/1" ], [ GET => "/conversations/$team/messages/1/revisions" ],
		[ GET => "/conversations/$team/messages/1/thread" ], [ GET => "/conversations/$team/messages/1/reactions" ],
		[ PUT => "/conversations/$team/messages/1/reactions/x" ],
		[ DELETE => "/conversations/$team/messages/1/reactions/x" ], [ PUT => "/conversations/$team/messages/1/pin" ],
		[ DELETE => "/conversations/$team/messages/1/pin" ], [ GET => "/conversations/$team/pins" ],
		[ GET => "/conversations/$team/mentions" ],
		[ POST => "/conversations/$team/messages/1/report", { reason => 'x' } ], [ POST => '/sync', {} ],
		[ GET => '/search?q=x' ], [ GET => '/search/conversations?q=x' ], [ GET => '/audit' ], [ GET => '/reports' ], [ POST => '/reports/1/close', { decision => 'x' } ])
	{
		my ($method, $path, $body) = @$call;
		refuses $nobody->call($method => $path, body => $body), 401, 'unauthenticated', "$method $path";
	}
};

# ---- live

subtest 'what happens reaches the others' => sub {
	my $tab = $carol->connect;
	my $seq = $alice->say($team, 'first')->{seq};
	my $path = "/conversations/$team/messages/$seq";

	$tab->message('first');
	my $message = patch($alice, $path, { content => 'second' })->json;
	my $event = $tab->next('message_updated');
	my $ver = delete $event->{ver};
	is_deeply $event, { %$message, type => 'message_updated' }, 'an edit: the message as REST shows it';

	put($bob, reaction($path, $thumb));
	my %reaction = (type => 'reaction', conversation_id => $team, seq => $seq, user_id => $bob->id, emoji => $thumb);
	is_deeply $tab->next('reaction'), { %reaction, added => Mojo::JSON->true, ver => ++$ver }, 'a reaction';
	$bob->call(DELETE => reaction($path, $thumb));
	is_deeply $tab->next('reaction'), { %reaction, added => Mojo::JSON->false, ver => ++$ver }, 'taken away';

	$bob->post("/conversations/$team/delivered", { seq => $seq });
	is_deeply $tab->next('delivered'),
	  { type => 'delivered', conversation_id => $team, user_id => $bob->id, seq => $seq }, 'a delivery';
	$alice->delete($path);
	is_deeply $tab->next('message_deleted'),
	  { type => 'message_deleted', conversation_id => $team, seq => $seq, ver => ++$ver }, 'a deletion';
	patch($alice, "/conversations/$team", { name => 'crew' });
	is_deeply $tab->next('conversation'),
	  {
		type      => 'conversation',
		id        => $team,
		is_group  => Mojo::JSON->true,
		name      => 'crew',
		is_public => Mojo::JSON->true,
		ver       => ++$ver
	  },
	  'another name';
	$tab->close;
};

done_testing;
