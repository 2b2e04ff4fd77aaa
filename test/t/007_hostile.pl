# Wrong and hostile input in every place: each is answered with an error that has a
# code, and nobody else notices anything.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Mojo::File qw(path);
use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64url);
use Test::More;

use Parley;
use Parley::Answer qw(parse);
use Parley::Raw;
use Parley::Socket;
use Parley::User;

my $parley = Parley->start(
	settings => { log_error_verbosity => 'verbose' },
	flags    => { 'heartbeat-s' => 600, 'auth-timeout-s' => 60 });
my ($alice, $bob, $mallet) = $parley->signup(qw(alice bob mallet));
my $team   = $alice->group('team', $bob, $mallet);
my $others = $alice->group('others', $bob);
my $nobody = Parley::User->nobody($parley);
$alice->say($_, 'the first') for $team, $others;

my $witness = $bob->connect;
my $inputs  = 0;

sub backends ()
{
	return $parley->sql("SELECT pid FROM pg_stat_activity WHERE usename = 'parley_pushd' ORDER BY pid");
}
my ($backends, $pid, $postmaster) = (backends, $parley->pid, $parley->node->{_pid});

# Refused means: a status that blames the client, and a problem with a code.
sub refused ($answer, $name)
{
	$inputs++;
	my $good = $answer->status =~ /^4\d\d$/ && ($answer->code // '') =~ /^[a-z_0-9]+$/;
	return ok($good, "$name → " . join ' ', $answer->status, $answer->code // '') || diag $answer->start;
}

# Whatever stands in $sql is text: it must come back as it was.
my @sql = (
	"'; DROP TABLE chat.message; --",
	"' OR '1'='1",
	'$1; SELECT pg_terminate_backend(pg_backend_pid()); --',
	"\\'; SELECT pg_sleep(60); --",
	'{"a":1}\\x27); ROLLBACK; --',
	'%s%n%x $$ $a$ /* -- */ ${jndi:ldap://x}');

# ---- REST: bodies

my %bodies = (
	'no JSON'            => 'content=x',
	'cut off'            => '{"content":"x"',
	'too much'           => '{"content":"x"}}',
	'two objects'        => '{"content":"x"}{"content":"x"}',
	'a key without'      => '{"content"}',
	'single quotes'      => "{'content':'x'}",
	'NaN'                => '{"content":NaN}',
	'a comment'          => '{/*"content"*/}',
	'null'               => 'null',
	'a list'             => '[{"content":"x"}]',
	'a string'           => '"content"',
	'a number'           => '1e999',
	'bad UTF-8'          => "{\"content\":\"\xff\"}",
	'an overlong /'      => "{\"content\":\"\xc0\xaf\"}",
	'a coded surrogate'  => "{\"content\":\"\xed\xa0\x80\"}",
	'beyond Unicode'     => "{\"content\":\"\xf4\x90\x80\x80\"}",
	'half a surrogate'   => '{"content":"\ud800"}',
	'NUL'                => '{"content":"\u0000"}',
	'a real NUL'         => "{\"content\":\"\0\"}",
	'a key twice'        => '{"content":"x","content":"y"}',
	'a huge number'      => '{"seq":' . '9' x 400 . '}',
	'a number too large' => '{"seq":9223372036854775808}',
	'a million levels'   => '[' x 200_000,
	'levels of objects'  => '{"content":' x 5000 . '1' . '}' x 5000,
	'a byte order mark'  => "\xef\xbb\xbf{\"content\":\"x\"}",
	'UTF-16'             => "\xff\xfe{\0\"\0",
	'too large'          => '{"content":"' . 'x' x 300_000 . '"}');
my @with_body = (
	'/auth/signup', '/auth/login', '/auth/refresh', '/conversations',
	"/conversations/$team/messages", "/conversations/$team/members", "/conversations/$team/read");

subtest 'REST: bodies' => sub {
	for my $path (@with_body)
	{
		for my $name (sort keys %bodies)
		{
			refused $mallet->call(
				POST => $path, body => $bodies{$name}, headers => { 'Content-Type' => 'application/json' }),
			  "$path: $name";
		}
	}
	for my $type ('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
		'application/jsonx', 'application/xml', '', '*/*', "application\x01/json")
	{
		refused $mallet->call(
			POST => "/conversations/$team/messages", body => '{"content":"x"}', headers => { 'Content-Type' => $type }),
		  "type \"$type\"";
	}
};

# ---- REST: fields

my @wrong = (1, 1.5, -1, Mojo::JSON->true, [], ['x'], {}, { x => 1 }, [ [] ]);

subtest 'REST: fields of the wrong type' => sub {
	my %good = (
		'/auth/signup'  => { username => 'x', email => 'x@y', password => 'correct horse', display_name => 'x' },
		'/auth/login'   => { login => 'alice', password => 'wrong' },
		'/auth/refresh' => { refresh_token => 'x' },
		'/conversations' => { name => 'x' },
		"/conversations/$team/messages" => { content => 'x', client_id => '00000000-0000-4000-8000-000000000001' },
		"/conversations/$team/members"  => { username => 'x' });

	for my $path (sort keys %good)
	{
		for my $field (sort keys %{ $good{$path} })
		{
			refused $mallet->post($path, { %{ $good{$path} }, $field => $_ }), "$path $field " . encode_json($_)
			  for @wrong[ 0, 3, 5, 7 ];
		}
	}
	refused $mallet->post('/conversations', { name => 'x', usernames => $_ }), 'usernames ' . encode_json($_)
	  for 'bob', 1, {}, [1], [undef], [ ['bob'] ], [ 'bob', {} ], [ ('bob') x 1000 ], [''], ["b\0b"];
	refused $mallet->post("/conversations/$team/read", { seq => $_ }), 'seq ' . encode_json($_)
	  for '1', 1.5, [1], {}, undef, Mojo::JSON->true, '', 'x';
	refused $mallet->post("/conversations/$team/messages", { content => 'x', reply_to => $_ }), 'reply_to ' . encode_json($_)
	  for 0, -1, 999_999, '1', 1.5, [], {}, Mojo::JSON->false;
	refused $mallet->post("/conversations/$team/messages", { content => $_ }), 'content ' . encode_json($_)
	  for '', ' ', "\n\t\r", undef, 'x' x 17_000;
	refused $mallet->post("/conversations/$team/messages", { content => 'x', client_id => $_ }), "client_id $_"
	  for '', 'x', '0' x 36, '00000000-0000-4000-8000-00000000000g', '{00000000-0000-4000-8000-000000000001}',
	  '00000000-0000-4000-8000-000000000001 ';
	refused $nobody->post('/auth/signup', { username => $_, email => 'm@example.org', password => 'correct horse' }),
	  "user name " . encode_json($_)
	  for '', ' ', 'a b', 'a/b', '.', '-x', 'ä', 'a' x 33, "a\n", '<script>', '../x', "\x{202e}x", 'a%00';
	refused $nobody->post('/auth/signup', { username => 'm', email => $_, password => 'correct horse' }), "e-mail $_"
	  for '', '@', 'x@', '@x', 'x y@z', "x\@y\n", 'x@' . 'y' x 300, 'plain';
	refused $nobody->post('/auth/signup', { username => 'm', email => 'm@example.org', password => $_ }), 'password'
	  for '', 'short', 'x' x 5000, '       ';
	refused $nobody->post('/auth/signup',
		{ username => 'm', email => 'm@example.org', password => 'correct horse', display_name => $_ }), 'display name'
	  for '', ' ', 'x' x 101, "a\x{7}b", "a\nb";
	refused $mallet->post('/conversations', { name => $_ }), 'name' for '', "\t", 'x' x 101, "a\x{1b}[2Jb";
};

subtest 'REST: SQL' => sub {
	for my $sql (@sql)
	{
		refused $nobody->post('/auth/signup', { username => $sql, email => 'm@example.org', password => 'correct horse' }),
		  "user name $sql";
		refused $nobody->post('/auth/login', { login => $sql, password => $sql }), "login $sql";
		refused $nobody->post('/auth/refresh', { refresh_token => $sql }), "refresh $sql";
		refused $mallet->post('/conversations', { name => 'x', usernames => [$sql] }), "usernames $sql";
		refused $mallet->post('/conversations/direct/' . Mojo::Util::url_escape($sql)), "direct $sql";
		refused $mallet->get('/conversations', before => $sql), "before $sql";
		refused $mallet->get("/conversations/$team/messages", after => $sql), "after $sql";
		refused $mallet->post("/conversations/$others/members", { username => $sql }), "member $sql";

		$inputs += 4;
		is $mallet->say($team, $sql)->{content}, $sql, "content $sql: is text";
		is $mallet->must($mallet->post('/conversations', { name => $sql }))->{name}, $sql, "name $sql: is text";
		is_deeply $mallet->must($mallet->get('/users', search => $sql)), [], "search $sql: is text";
		is $nobody->call(POST => '/auth/login', body => { login => 'alice', password => Parley::User->password },
			headers => { 'User-Agent' => $sql })->status, 200, "User-Agent $sql: is text";
	}
};

# ---- REST: ids, queries, tokens

subtest 'REST: ids' => sub {
	my @ids = ('0', '-1', '9223372036854775807', '9223372036854775808', '1e3', '0x1', '1.0', '+', 'NaN', 'null',
		'%00', '1%00', '%FF', '%2e%2e', '1%3B', "1'", '%D9%A1', '*', '1%2F2', '9' x 500);
	for my $id (@ids)
	{
		refused $mallet->get("/conversations/$id"), "conversation $id";
		refused $mallet->get("/users/$id"), "user $id";
		refused $mallet->get("/conversations/$team/messages/$id"), "message $id";
		refused $mallet->delete("/conversations/$team/members/$id"), "member $id";
		refused $mallet->post("/conversations/$id/messages", { content => 'x' }), "send to $id";
	}
	refused $mallet->get("/conversations/$others"), 'a conversation of others';
	refused $mallet->get("/conversations/$others/messages"), 'history of others';
	refused $mallet->post("/conversations/$others/messages", { content => 'x' }), 'sending to others';
	refused $mallet->post("/conversations/$others/read", { seq => 1 }), 'reading of others';
	refused $mallet->delete("/conversations/$team/members/" . $alice->id), 'removing the owner';
};

subtest 'REST: queries' => sub {
	refused $mallet->get("/conversations/$team/messages?$_"), "history ?$_"
	  for 'limit=0', 'limit=-1', 'limit=99999999999', 'limit=x', 'limit=1.5', 'limit=', 'limit=%00', 'before=x',
	  'after=9223372036854775808', 'around=', 'around=1%20', 'before=1&after=1', 'before=1&around=1', 'limit=%FF',
	  'limit=' . '9' x 1000;
	refused $mallet->get("/users?$_"), "users ?$_"
	  for '', 'search', 'Search=x', 'search=%FF', 'search=%C0%AF', 'search=x&limit=0', 'search=x&limit=9999999999';
	refused $mallet->get("/conversations?$_"), "conversations ?$_"
	  for 'before=%FF', 'before=2026-99-99', 'limit=-5', 'before=x';
	refused $mallet->get("/conversations/$team/messages?search=x&$_"), "messages ?search=x&$_"
	  for 'page=x', 'page=' . '9' x 5000, 'page=%00', 'page=1.2.3.4.5', 'limit=0';
	refused $mallet->get("/search?$_"), "search ?$_" for '', 'q=x&page=x', 'q=x&newest_first=1', "q=x&conversation_id=$others";
	refused $mallet->get($_), $_ for "/audit?kinds=$sql[0]", '/rate-limits', '/audit/kinds?x=1%00';
	refused $mallet->call(PUT => "/rate-limits/$_", body => { burst => 1, per_minute => 1 }), "rate limit $_"
	  for 'send/account', "'/--", '%ff/account', 'x' x 300 . '/all';
	refused $mallet->call(PUT => "/conversations/$team/language", body => { language => $_ }), "language $_"
	  for @sql, 7, [], 'x' x 100_000;
};

my @files = (
	'name='                           => 'text/plain',
	'name=..%2Fx'                     => 'text/plain',
	'name=%FF'                        => 'text/plain',
	'name=a%00b'                      => 'text/plain',
	'name=a%0D%0AX-Evil:%201'         => 'text/plain',
	'name=' . 'x' x 300               => 'text/plain',
	'name=a&sha256=zz'                => 'text/plain',
	"name=a&sha256=$sql[0]"           => 'text/plain',
	'name=a&sha256=' . '0' x 63       => 'text/plain',
	'name=%E2%80%AEgpj.exe'           => 'text/plain',
	'name=a'                          => 'text/html',
	'name=b'                          => 'image/svg+xml',
	'name=c'                          => 'text/plain; charset=utf-8',
	'name=d'                          => "text/plain' OR '1'='1",
	'name=e'                          => 'x' x 500 . '/y',
	'name=f'                          => 'image/png',
	'nothing=at&all='                 => 'text/plain');

subtest 'REST: files' => sub {
	while (my ($query, $type) = splice @files, 0, 2)
	{
		refused $mallet->call(
			POST    => "/conversations/$team/attachments?$query",
			body    => 'not a picture',
			headers => { 'Content-Type' => $type }), "$type, ?" . substr $query, 0, 40;
	}
	refused $mallet->call(POST => "/conversations/$others/attachments?name=x", body => 'x', headers => { 'Content-Type' => 'text/plain' }),
	  'into a conversation of others';
	my $secret = $bob->must($bob->call(
			POST    => "/conversations/$others/attachments?name=x",
			body    => 'secret',
			headers => { 'Content-Type' => 'text/plain' }))->{id};
	refused $mallet->get("/conversations/$_/attachments/$secret"), "the file of others, $_" for $team, $others;
	refused $mallet->get("/conversations/$_/attachments/$secret/content"), "its content, $_" for $team, $others;
	refused $mallet->delete("/conversations/$_/attachments/$secret"), "its end, $_" for $team, $others;
	refused $mallet->post("/conversations/$team/messages", { content => 'x', attachments => $_ }), 'attachments ' . encode_json($_)
	  for [$secret], ['1'], [1.5], { 1 => 1 }, 'x', [ map { $_ } 1 .. 11 ], [undef], [[1]];

	my $mine = $mallet->must($mallet->call(
			POST    => "/conversations/$team/attachments?name=%22a%25b%22;x=.txt",
			body    => 'mine',
			headers => { 'Content-Type' => 'text/plain' }))->{id};
	my $content = "/conversations/$team/attachments/$mine/content";
	is $mallet->get($content)->header('Content-Disposition'), q{attachment; filename="_a_b_;x=.txt"; filename*=UTF-8''%22a%25b%22%3Bx%3D.txt},
	  'a name cannot leave its quotes';
	for my $range ('bytes=-0', 'bytes=9223372036854775807-', 'bytes=-9223372036854775808', 'bytes=0-9223372036854775808', 'bytes=4-', 'bytes=--1', '=', 'bytes')
	{
		my $answer = $mallet->call(GET => $content, headers => { Range => $range });
		$inputs++;
		ok $answer->status == 416 || ($answer->status == 200 && $answer->body eq 'mine'), "Range: $range → " . $answer->status;
	}
};

subtest 'REST: cookies and origins' => sub {
	my @say = (POST => "/conversations/$team/messages", body => { content => 'x' });
	for my $cookie ('parley_token', 'parley_token=', 'parley_token=x', 'parley_token="x"', '; ; =; parley_token=;;', 'x' x 6000,
		"parley_token=$sql[0]", '__Host-parley_token=x; parley_token=' . $mallet->token, "parley_token	=" . $mallet->token)
	{
		my %headers = (Cookie => $cookie, Origin => $parley->url);
		refused $nobody->call(@say, headers => {%headers}), 'cookie ' . substr $cookie, 0, 40;
	}
	my %cookie = (Cookie => 'parley_token=' . $mallet->token);
	for my $origin ('null', 'https://evil.example', 'http://127.0.0.1', $parley->url . '.evil.example', $parley->url . '/', '://' , 'x' x 3000)
	{
		refused $nobody->call(@say, headers => { %cookie, Origin => $origin }), 'origin ' . substr $origin, 0, 40;
	}
	refused $nobody->call(@say, headers => {%cookie}), 'no origin';
	refused $nobody->call(POST => '/auth/refresh', body => {}, headers => { Cookie => "parley_refresh=$_", Origin => $parley->url }), "refresh by $_"
	  for 'x', $sql[1], 'x' x 4000;
};

my $token = $mallet->token;
my ($header, $payload, $signature) = split /\./, $token;
my $public = $parley->sql('SELECT encode(public_key, \'hex\') FROM chat.jwt_key');
my %tokens = (
	'none'                  => encode_base64url('{"alg":"none","typ":"JWT"}') . ".$payload.",
	'None'                  => encode_base64url('{"alg":"None"}') . ".$payload.$signature",
	'none, signed'          => encode_base64url('{"alg":"none"}') . ".$payload.$signature",
	'no kid'                => encode_base64url('{"alg":"EdDSA"}') . ".$payload.$signature",
	'a kid that is SQL'     => encode_base64url(q({"alg":"EdDSA","kid":"x' OR 1=1 --"})) . ".$payload.$signature",
	'a kid that is a list'  => encode_base64url('{"alg":"EdDSA","kid":[]}') . ".$payload.$signature",
	'signed by the public'  => $parley->sql("SELECT t || '.' || jwt.algorithm_sign(t, convert_from('\\x" . unpack('H*', 'public') . "', 'UTF8'), 'HS256')
		FROM (SELECT replace('$header', 'x', 'x') || '.$payload') s (t)"),
	'HS256 with our key'    => $parley->sql("SELECT jwt.sign('{\"sub\":\"1\",\"sid\":1,\"exp\":9999999999}', '$public')"),
	'expired'               => $parley->token_for($mallet, -10),
	'long expired'          => $parley->token_for($mallet, -10_000_000),
	'without an end'        => $parley->token_for($mallet, 0, exp => undef),
	'an end that is text'   => $parley->token_for($mallet, 0, exp => 'tomorrow'),
	'an end beyond numbers' => $parley->sign_token({ sub => '' . $mallet->id, sid => 1, exp => 1e300 }),
	'of nobody'             => $parley->token_for($mallet, 60, sub => undef),
	'of another'            => $parley->token_for($mallet, 60, sub => '' . $alice->id),
	'of a number'           => $parley->token_for($mallet, 60, sub => 1.5),
	'of SQL'                => $parley->token_for($mallet, 60, sub => $sql[0]),
	'of another session'    => $parley->token_for($mallet, 60, sid => $parley->session_id($alice)),
	'of session -1'         => $parley->token_for($mallet, 60, sid => -1),
	'a list'                => $parley->sign_token([]),
	'critical'              => $parley->sign_token({ sub => '' . $mallet->id }, { crit => ['exp'] }),
	'no payload'            => "$header..$signature",
	'no header'             => ".$payload.$signature",
	'one part'              => $payload,
	'two parts'             => "$header.$payload",
	'four parts'            => "$token.x",
	'dots'                  => '...',
	'truncated'             => substr($token, 0, length($token) - 5),
	'longer'                => $token . 'A',
	'padded'                => "$token==",
	'one bit off'           => substr($token, 0, -10) . (substr($token, -10, 1) eq 'A' ? 'B' : 'A') . substr($token, -9),
	'spaces inside'         => "$header. $payload.$signature",
	'bytes'                 => "\xff\xfe\xfd",
	'a megabyte'            => 'x' x 7000,
	'SQL'                   => $sql[0],
	'a refresh token'       => $mallet->refresh_token);

subtest 'REST: tokens' => sub {
	refused $mallet->with_token($tokens{$_})->get('/auth/me'), "token: $_" for sort keys %tokens;
	refused $nobody->call(GET => '/auth/me', headers => { Authorization => $_ }), "Authorization: $_"
	  for '', 'Bearer', 'Bearer ', "Basic $header", "Token $token", "Bearer$token", "Bearer Bearer $token",
	  "$token", "Bearer $token, Bearer $token", "Bearer $token;";
};

# ---- HTTP that is none

sub http ($bytes) { return Parley::Raw->new($parley)->write($bytes)->answer }

sub http_refused ($bytes, $name)
{
	my $answer = http($bytes);

	$inputs++;
	return ok $answer->{status} =~ /^(4\d\d|501|505)$/ && ($answer->{code} // '') =~ /^[a-z_0-9]+$/,
	  "$name → " . join ' ', $answer->{status}, $answer->{code} // '';
}

subtest 'HTTP' => sub {
	my $host = "Host: localhost\r\n";
	my $auth = "Authorization: Bearer $token\r\n";
	my $json = "Content-Type: application/json\r\n";
	my $send = "POST /api/v1/conversations/$team/messages HTTP/1.1\r\n$host$auth$json";
	my $chunks = "${send}Transfer-Encoding: chunked\r\n\r\n";
	my $up   = "GET /ws HTTP/1.1\r\n${host}Upgrade: websocket\r\nConnection: Upgrade\r\n";
	my $key  = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
	my $v13  = "Sec-WebSocket-Version: 13\r\n";

	my @requests = (
		'no method'            => "/livez HTTP/1.1\r\n$host\r\n",
		'an unknown method'    => "BREW /livez HTTP/1.1\r\n$host\r\n",
		'TRACE'                => "TRACE /livez HTTP/1.1\r\n$host\r\n",
		'CONNECT'              => "CONNECT localhost:5432 HTTP/1.1\r\n$host\r\n",
		'PATCH'                => "PATCH /api/v1/auth/me HTTP/1.1\r\n$host${auth}Content-Length: 2\r\n\r\n{}",
		'lower case'           => "get /livez HTTP/1.1\r\n$host\r\n",
		'no path'              => "GET HTTP/1.1\r\n$host\r\n",
		'no version'           => "GET /livez\r\n$host\r\n",
		'HTTP/9.9'             => "GET /livez HTTP/9.9\r\n$host\r\n",
		'another protocol'     => "GET /livez RTSP/1.0\r\n$host\r\n",
		'no host'              => "GET /livez HTTP/1.1\r\n\r\n",
		'two hosts'            => "GET /livez HTTP/1.1\r\n${host}Host: evil\r\n\r\n",
		'a header without'     => "GET /livez HTTP/1.1\r\n${host}nothing\r\n\r\n",
		'a space before :'     => "GET /livez HTTP/1.1\r\n${host}X-Y : z\r\n\r\n",
		'a folded header'      => "GET /livez HTTP/1.1\r\n${host}X-Y: z\r\n  more\r\n\r\n",
		'NUL in a header'      => "GET /livez HTTP/1.1\r\n${host}X-Y: a\0b\r\n\r\n",
		'a bare CR'            => "GET /livez HTTP/1.1\r\n${host}X-Y: a\rb\r\n\r\n",
		'NUL in the path'      => "GET /liv\0ez HTTP/1.1\r\n$host\r\n",
		'a large header'       => "GET /livez HTTP/1.1\r\n${host}X-Y: " . 'x' x 100_000 . "\r\n\r\n",
		'many headers'         => "GET /livez HTTP/1.1\r\n$host" . join('', map { "X-$_: y\r\n" } 1 .. 2000) . "\r\n",
		'a long path'          => 'GET /' . 'x' x 50_000 . " HTTP/1.1\r\n$host\r\n",
		'up and up'            => "GET /../../../../etc/passwd HTTP/1.1\r\n$host\r\n",
		'up, coded'            => "GET /%2e%2e/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n$host\r\n",
		'up, coded twice'      => "GET /%252e%252e/etc/passwd HTTP/1.1\r\n$host\r\n",
		'up, coded slash'      => "GET /..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\n$host\r\n",
		'up, by backslash'     => "GET /..\\..\\etc\\passwd HTTP/1.1\r\n$host\r\n",
		'two slashes'          => "GET //etc/passwd HTTP/1.1\r\n$host\r\n",
		'bad escapes'          => "GET /%zz%1 HTTP/1.1\r\n$host\r\n",
		'NUL, coded'           => "GET /index.html%00.js HTTP/1.1\r\n$host\r\n",
		'bytes'                => "GET /\xff\xfe HTTP/1.1\r\n$host\r\n",
		'a length of -1'       => "${send}Content-Length: -1\r\n\r\n{}",
		'a length of x'        => "${send}Content-Length: x\r\n\r\n{}",
		'a length of +2'       => "${send}Content-Length: +2\r\n\r\n{}",
		'an endless length'    => "${send}Content-Length: 99999999999999999999\r\n\r\n{}",
		'a large length'       => "${send}Content-Length: 1000000000000\r\n\r\n{}",
		'two lengths'          => "${send}Content-Length: 2\r\nContent-Length: 15\r\n\r\n{}",
		'chunks'               => "${chunks}2\r\n{}\r\n0\r\n\r\n",
		'a chunk of x'         => "${chunks}x\r\n{}\r\n0\r\n\r\n",
		'a chunk of -2'        => "${chunks}-2\r\n{}\r\n0\r\n\r\n",
		'a chunk too long'     => "${chunks}2\r\n{}}\r\n0\r\n\r\n",
		'an endless chunk'     => "${chunks}ffffffffffffffffff\r\n{}",
		'endless chunks'       => $chunks . "1000\r\n@{[ ' ' x 4096 ]}\r\n" x 65,
		'an endless extension' => "${chunks}2;" . 'x' x 10_000,
		'endless trailers'     => "${chunks}0\r\n" . "X-Y: z\r\n" x 2000,
		'a coding in chunks'   => "${send}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		'chunks and a length'  => "${send}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		'TLS'                  => "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" . "\x11" x 32 . "\r\n\r\n",
		'HTTP/2'               => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		'PostgreSQL'           => "\0\0\0\x08\x04\xd2\x16\x2f\r\n\r\n",
		'line feeds'           => "\n\n\n\n\r\n\r\n",
		'a WebSocket elsewhere' => "GET /api/v1/auth/me HTTP/1.1\r\n${host}Upgrade: websocket\r\nConnection: Upgrade\r\n$key$v13\r\n",
		'a WebSocket by POST'  => "POST /ws HTTP/1.1\r\n${host}Upgrade: websocket\r\nConnection: Upgrade\r\n$key${v13}Content-Length: 0\r\n\r\n",
		'no key'               => "$up$v13\r\n",
		'no version of it'     => "$up$key\r\n",
		'version 8'            => "$up${key}Sec-WebSocket-Version: 8\r\n\r\n",
		'another origin'       => "$up$key${v13}Origin: https://evil.example\r\n\r\n",
		'no origin at all'     => "$up$key${v13}Origin: null\r\n\r\n",
		'a huge subprotocol'   => "$up$key${v13}Sec-WebSocket-Protocol: chat.v1, bearer." . 'x' x 20_000 . "\r\n\r\n",
		'a huge token'         => "GET /api/v1/auth/me HTTP/1.1\r\n${host}Authorization: Bearer " . 'x' x 20_000 . "\r\n\r\n");
	while (my ($name, $bytes) = splice @requests, 0, 2)
	{
		http_refused $bytes, $name;
	}
	for my $version ('1.0', '1.1')
	{
		unlike http("GET /../../../../etc/passwd HTTP/$version\r\n$host\r\n")->{body}, qr/root:/, 'no file of ours';
	}
	is http("${send}Content-Length: 15\r\n\r\n{\"content\":\"x\"}")->{status}, 201, 'and this is how it goes';
	is http("${chunks}4;a=b\r\n{\"co\r\nB\r\nntent\":\"x\"}\r\n0\r\nX-Y: z\r\n\r\n")->{status}, 201, 'and in chunks';
};

# ---- WebSocket: what is said

subtest 'WebSocket: frames' => sub {
	my $socket = $mallet->connect;
	my $uuid   = '"00000000-0000-4000-8000-000000000001"';
	my $nobody = Parley::Socket->open($parley);
	my @frames = (
		(map { $bodies{$_} } grep { !/bad UTF-8|overlong|coded|beyond|UTF-16|too large/ } sort keys %bodies),
		'', ' ', "\n", '{}', '{"type":null}', '{"type":1}', '{"type":[]}', '{"type":""}', '{"type":"Message"}',
		'{"type":"nope"}', '{"type":"' . 'x' x 1000 . '"}', '{"type":"__proto__"}', '{"Type":"message"}',
		'{"type":"message"}',
		(map { qq({"type":"message","conversation_id":$_,"content":"x"}) }
			  0, -1, 1.5, 1e3, '1e999', '"1"', 'null', 'true', '[]', '{}', '99999', '9223372036854775807', '9223372036854775808', $others),
		(map { qq({"type":"message","conversation_id":$team,"content":$_}) }
			  1, 'null', 'true', '[]', '{}', '""', '" "', '"\u0000"', '"\ud800"', '"\udc00\ud800"', '"' . 'x' x 20_000 . '"'),
		(map { qq({"type":"message","conversation_id":$team,"content":"x","id":$_}) }
			  1, '[]', '{}', 'true', '"x"', '""', '"' . 'x' x 65 . '"', '"' . '0' x 36 . '"'),
		(map { qq({"type":"message","conversation_id":$team,"content":"x","reply_to":$_}) }
			  0, -1, '"1"', 1.5, '[]', 999_999),
		qq({"type":"message","type":"read","conversation_id":$team,"content":"x"}),
		qq({"type":"message","conversation_id":$team,"content":"x"} {}),
		(map { qq({"type":"read","conversation_id":$team,"seq":$_}) } 0, -1, '"1"', 1.5, 'null', '{}', '9223372036854775808'),
		qq({"type":"read","seq":1}), qq({"type":"read","conversation_id":$others,"seq":1}),
		'{"type":"auth"}', '{"type":"auth","token":1}', '{"type":"auth","token":null}', '{"type":"auth","token":{}}',
		'{"type":"auth","token":""}', '{"type":"auth","token":"' . 'x' x 10_000 . '"}',
		(map { encode_json({ type => 'message', conversation_id => $_, content => 'x' }) } @sql),
		(map { encode_json({ type => 'message', id => $_, conversation_id => $team, content => 'x' }) } @sql),
		(map { encode_json({ type => 'auth', token => $_ }) } @sql),
		'{"type":"message","conversation_id":' . '1' x 60_000 . '}');

	for my $frame (@frames)
	{
		my $name = length $frame > 70 ? substr($frame, 0, 70) . '…' : $frame;
		$inputs++;
		$socket->send_bytes($frame);
		like $socket->next('error')->{code}, qr/^[a-z_0-9]+$/, $name =~ s/\n/\\n/gr;
	}
	for my $frame ('{"type":"typing"}', '{"type":"message"}', qq({"type":"read","conversation_id":$team,"seq":1}), 'x')
	{
		$inputs++;
		$nobody->send_bytes($frame);
		like $nobody->next('error')->{code}, qr/^[a-z_0-9]+$/, "without a login: $frame";
	}
	$inputs += 3;
	$socket->send_binary(encode_json({ type => 'message', conversation_id => $team, content => 'x' }));
	is $socket->next('error')->{code}, 'binary_not_supported', 'binary';
	$socket->send_bytes('x' x 70_000);
	is $socket->next('error')->{code}, 'frame_too_large', 'too large';
	$socket->send_bytes('x' x 5_000_000);
	is $socket->next('error')->{code}, 'frame_too_large', 'far too large';
	for my $sql (@sql)
	{
		$inputs++;
		$socket->send({ type => 'message', conversation_id => $team, content => $sql });
		ok $socket->next('ack'), "content $sql";
	}
	is_deeply [ map { $_->{content} } ($mallet->history($team))[ -@sql .. -1 ] ], \@sql, 'SQL is text';
	$socket->send({ type => 'message', conversation_id => $team, content => 'still here' });
	ok $socket->message('still here'), 'the connection is as good as before';
	$_->close for $socket, $nobody;
};

subtest 'WebSocket: tokens' => sub {
	for my $name (sort keys %tokens)
	{
		next if $tokens{$name} =~ /[^ -~]/;
		my $socket = Parley::Socket->open($parley);
		$inputs++;
		$socket->send({ type => 'auth', token => $tokens{$name} });
		like $socket->await_close, qr/^(4002|450[01])$/, "token: $name";
		is_deeply [ $socket->frames('welcome') ], [], "token: $name: no welcome";
	}
};

# ---- WebSocket: how it is said

sub bytes (@frame) { return Parley::Raw->bytes(@frame) }

subtest 'WebSocket: bytes' => sub {
	my $good  = encode_json({ type => 'message', conversation_id => $team, content => 'x' });
	my @bytes = (
		'reserved bit 1'               => bytes($good, rsv => 4),
		'reserved bit 3'               => bytes($good, rsv => 1),
		'opcode 3'                     => bytes($good, opcode => 3),
		'opcode 11'                    => bytes('x', opcode => 11),
		'opcode 15'                    => bytes('', opcode => 15),
		'a continuation of nothing'    => bytes($good, opcode => 0),
		'a start within a message'     => bytes('{"type":', fin => 0) . bytes($good),
		'a ping in fragments'          => bytes('x', opcode => 9, fin => 0),
		'a close in fragments'         => bytes("\x03\xe8", opcode => 8, fin => 0),
		'a long ping'                  => bytes('x' x 126, opcode => 9),
		'a long close'                 => bytes("\x03\xe8" . 'x' x 200, opcode => 8),
		'a length with the top bit'    => "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" . "\0" x 40,
		'bad UTF-8'                    => bytes("{\"type\":\"\xff\"}"),
		'an overlong character'        => bytes("{\"type\":\"\xc0\xaf\"}"),
		'a surrogate'                  => bytes("{\"type\":\"\xed\xa0\x80\"}"),
		'half a character'             => bytes("{\"type\":\"\xe2\x82"),
		'bad UTF-8 in fragments'       => bytes("{\"type\":\"\xe2", fin => 0) . bytes("\x28\xa1\"}", opcode => 0),
		'binary in fragments'          => bytes($good, opcode => 2, fin => 0) . bytes('', opcode => 0),
		'large in fragments'           => join('', map { bytes('x' x 10_000, opcode => $_ ? 0 : 1, fin => $_ == 9) } 0 .. 9),
		'a close with one byte'        => bytes('x', opcode => 8),
		'a close with code 999'        => bytes(pack('n', 999), opcode => 8),
		'a close with code 1005'       => bytes(pack('n', 1005), opcode => 8),
		'a close with bad UTF-8'       => bytes(pack('n', 1000) . "\xff", opcode => 8),
		'HTTP'                         => "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		'noise'                        => pack('C*', map { ($_ * 131 + 17) % 256 } 1 .. 3000));
	my %answer = (    # of doc/protocol.md; else 1002
		(map { $_ => 'ended' } 'a long ping', 'a long close', 'a length with the top bit', 'a close with one byte'),
		(map { $_ => 'invalid_utf8' } 'bad UTF-8', 'an overlong character', 'a surrogate', 'half a character', 'bad UTF-8 in fragments'),
		'binary in fragments'       => 'binary_not_supported',
		'large in fragments'        => 'frame_too_large',
		'a close with bad UTF-8'    => 1000);
	while (my ($name, $bytes) = splice @bytes, 0, 2)
	{
		my $raw = Parley::Raw->websocket($parley, $token)->write($bytes);
		my $complaint = eval { $raw->complaint } // $@;
		$inputs++;
		is $complaint, $answer{$name} // 1002, $name;
	}

	for my $code (1000, 1001, 3000, 4999)
	{
		my $raw = Parley::Raw->websocket($parley, $token)->write(bytes(pack('n', $code) . 'bye', opcode => 8));
		is $raw->complaint, $code, "close $code is answered with the same";
	}
	my $mixed = Parley::Raw->websocket($parley, $token);
	$mixed->write(bytes('one', opcode => 9) . bytes('{"type":', fin => 0) . bytes('two', opcode => 9)
		  . bytes('', opcode => 0, fin => 0) . bytes('', opcode => 10) . bytes('"nope"}', opcode => 0) . bytes('', opcode => 9));
	my %answers;    # of several pings, one may be answered
	until ($answers{1} && $answers{10})
	{
		my $frame = $mixed->frame;
		push @{ $answers{ $frame->{opcode} } }, $frame->{payload};
		last if $frame->{opcode} == 8;
	}
	is_deeply [ grep { !/^(one|two|)$/ } @{ $answers{10} } ], [], 'pings within a message are answered';
	is parse($answers{1}[0])->{code}, 'unknown_type', 'and the message is whole';

	# RFC 6455 wants such a frame refused; libwebsockets takes it as a message.
	my $bare = Parley::Raw->websocket($parley, $token)->write(bytes($good, masked => 0));
	$inputs++;
	like $bare->frame->{payload}, qr/"(message|ack)"|^\x03\xea/, 'no mask: taken or refused';

	my $raw   = Parley::Raw->websocket($parley, $token);
	my $smile = encode_json({ type => 'message', conversation_id => $team, content => "\x{1f642}" });
	my $odd   = bytes(substr($smile, 0, -4), fin => 0) . bytes('ping', opcode => 9) . bytes(substr($smile, -4), opcode => 0);
	$raw->write($_) for split //, $odd;
	my $frame;
	do { $frame = $raw->frame } until $frame->{payload} =~ /"ack"/ || $frame->{opcode} == 8;
	is $frame->{opcode}, 1, 'a message byte by byte, in fragments with a ping between, is fine';

	for my $cut (1, 5, 13, 40)
	{
		my $half = Parley::Raw->websocket($parley, $token)->write(substr bytes($good), 0, $cut);
		$inputs++;
		close $half->{socket};
	}
	pass 'those who go in the middle of a frame';
};

# ---- and nobody has noticed

subtest 'afterwards' => sub {
	cmp_ok $inputs, '>=', 200, "$inputs inputs";
	is $parley->pid, $pid, 'the daemon is the same process';
	ok $parley->pushd_runs, 'and alive';
	is $parley->sql('SELECT pid FROM pg_stat_activity WHERE backend_type = \'walwriter\'') > 0, 1, 'PostgreSQL too';
	is backends, $backends, 'every connection to the database is the same';
	my $server = path($parley->node->logfile)->slurp;
	unlike $server, qr/PANIC|FATAL|TRAP|terminated by signal|server process/, 'no crash in the log of PostgreSQL';
	unlike $server, qr/ERROR:  XX/, 'no internal error there';
	unlike $parley->log, qr/^\S+ error /m, 'no error in the log of the daemon';
	unlike $_, qr/eyJ[\w-]{10}|\Q@{[$mallet->refresh_token]}\E|correct horse/, 'no token and no password in a log'
	  for $server, $parley->log;

	$alice->say($team, 'all is well');
	ok $witness->message('all is well'), 'a socket from before goes on';
	is scalar($witness->messages($others)), 0, 'nothing came where nothing could be said';
	is $parley->sql('SELECT count(*) FROM chat.account'), 3, 'nobody has signed up';
	my @seqs = map { $_->{seq} } $bob->history($team);
	is_deeply \@seqs, [ 1 .. @seqs ], 'no number is missing';
	is_deeply [ map { $_->{seq} } $witness->messages($team) ], [ 2 .. @seqs ], 'every message has come';
	my $late = $bob->connect;
	$alice->say($team, 'the last');
	ok $late->message('the last'), 'and so does a new one';
	$_->close for $witness, $late;
};

done_testing;
