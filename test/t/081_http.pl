# What HTTP gives to every operation: cookies, other origins, conditions, codings, pages,
# quotas, names of requests, files in pieces, and no waiting for a lock that somebody keeps.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Digest::SHA qw(sha256_hex);
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use Mojo::JSON qw(encode_json);
use Test::More;

use Parley;
use Parley::Raw;
use Parley::User;

my $friend = 'https://friend.example';
my $parley = Parley->start(flags => { 'allowed-origins' => $friend, 'lock-timeout-ms' => 100 });
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $nobody = Parley::User->nobody($parley);
my $team   = $alice->group('team', $bob);
my $own    = $parley->url;
my %login  = (login => 'alice', password => Parley::User->password);

sub is_problem ($answer, $status, $code, $name)
{
	is $answer->status . ' ' . ($answer->code // ''), "$status $code", $name or diag $answer->start;
	return;
}

# ---- cookies

# name => [value, attributes] of the cookies that an answer sets
sub cookies_of ($answer)
{
	return map { /^([^=]+)=([^;]*); (.*)/ ? ($1 => [ $2, $3 ]) : () }
	  @{ $answer->{res}->headers->every_header('Set-Cookie') };
}

sub with_cookies ($cookies, $method, $path, %more)
{
	my $field = join '; ', map { "$_=$cookies->{$_}[0]" } sort keys %$cookies;
	return $nobody->call($method => $path, %more, headers => { Cookie => $field, %{ $more{headers} // {} } });
}

subtest 'cookies' => sub {
	my %body = (body => { %login, cookie => \1 });
	is_problem $nobody->call(POST => '/auth/login', %body), 403, 'origin_forbidden', 'a login that does not say for which page';
	is_problem $nobody->call(POST => '/auth/login', %body, headers => { Origin => 'https://evil.example' }),
	  403, 'origin_forbidden', 'one for a strange page';
	my $answer = $nobody->call(POST => '/auth/login', %body, headers => { Origin => $own });
	is $answer->status, 200, 'one for our own';
	is $answer->json->{access_token}, undef, 'no token for scripts';
	is $answer->json->{refresh_token}, undef, 'of neither kind';
	my %cookies = cookies_of($answer);
	is_deeply [ sort keys %cookies ], [ 'parley_refresh', 'parley_token' ], 'but cookies';
	like $cookies{parley_token}[1], qr{^Path=/; Max-Age=900; HttpOnly; SameSite=Strict$}, 'what the one is for';
	like $cookies{parley_refresh}[1], qr{^Path=/api/v1/auth/refresh; Max-Age=\d+; HttpOnly; SameSite=Strict$}, 'and the other';

	my %access = (parley_token => $cookies{parley_token});
	is with_cookies(\%access, GET => '/auth/me')->json->{username}, 'alice', 'who it is';
	my @say = (POST => "/conversations/$team/messages", body => { content => 'by cookie' });
	is_problem with_cookies(\%access, @say), 403, 'origin_forbidden', 'an act without an origin';
	is_problem with_cookies(\%access, @say, headers => { Origin => 'https://evil.example' }), 403, 'origin_forbidden', 'of another';
	is_problem with_cookies(\%access, @say, headers => { Origin => 'null' }), 403, 'origin_forbidden', 'of nowhere';
	is_problem with_cookies(\%access, @say, headers => { 'Sec-Fetch-Site' => 'cross-site' }), 403, 'origin_forbidden', 'as the browser says';
	is with_cookies(\%access, @say, headers => { Origin => $own })->status, 201, 'of our own page';
	is with_cookies(\%access, @say, headers => { 'Sec-Fetch-Site' => 'same-origin' })->status, 201, 'likewise';
	is with_cookies(\%access, @say, headers => { Origin => $friend })->status, 201, 'of the list';

	my %refresh = (parley_refresh => $cookies{parley_refresh});
	is_problem with_cookies(\%refresh, POST => '/auth/refresh', body => {}), 403, 'origin_forbidden', 'refresh without an origin';
	$answer = with_cookies(\%refresh, POST => '/auth/refresh', body => {}, headers => { Origin => $own });
	is $answer->status, 200, 'refresh';
	my %newer = cookies_of($answer);
	isnt $newer{parley_refresh}[0], $cookies{parley_refresh}[0], 'to other cookies';
	$answer = with_cookies({ parley_token => $newer{parley_token} }, POST => '/auth/logout', headers => { Origin => $own });
	is $answer->status, 204, 'logout';
	my %gone = cookies_of($answer);
	is_deeply [ map { "$gone{$_}[0]|" . ($gone{$_}[1] =~ /Max-Age=0;/) } qw(parley_token parley_refresh) ], [ '|1', '|1' ], 'takes both away';
	is_problem with_cookies({ parley_token => $newer{parley_token} }, GET => '/auth/me'), 401, 'session_revoked', 'and it is over';
	my $plain = $nobody->post('/auth/login', \%login);
	is_deeply { cookies_of($plain) }, {}, 'nobody who did not ask gets cookies';
	ok $plain->json->{access_token}, 'but tokens';
};

# ---- other origins

subtest 'origins' => sub {
	my $answer = $alice->call(GET => '/auth/me', headers => { Origin => $friend });
	is $answer->header('Access-Control-Allow-Origin'), $friend, 'a page of the list may read';
	is $answer->header('Access-Control-Allow-Credentials'), 'true', 'with credentials';
	like $answer->header('Access-Control-Expose-Headers'), qr/etag.*x-request-id/, 'and see our headers';
	like $answer->header('Vary'), qr/origin/, 'which depends on who asks';
	$answer = $alice->call(GET => '/auth/me', headers => { Origin => 'https://evil.example' });
	is $answer->header('Access-Control-Allow-Origin'), undef, 'others may not';

	my %preflight = ('Access-Control-Request-Method' => 'PATCH', 'Access-Control-Request-Headers' => 'authorization');
	$answer = $nobody->call(OPTIONS => '/auth/me', headers => { %preflight, Origin => $friend });
	is $answer->status, 204, 'preflight';
	is $answer->header('Access-Control-Allow-Methods'), 'GET, HEAD, PATCH, DELETE, OPTIONS', 'the methods';
	like $answer->header('Access-Control-Allow-Headers'), qr/authorization, content-type/, 'the headers';
	$answer = $nobody->call(OPTIONS => '/auth/me', headers => { %preflight, Origin => 'https://evil.example' });
	is $answer->status, 204, 'preflight of another';
	is $answer->header('Access-Control-Allow-Origin'), undef, 'says no';
	is $answer->header('Allow'), 'GET, HEAD, PATCH, DELETE, OPTIONS', 'but what there is';
	is_problem $nobody->call(OPTIONS => '/nothing'), 404, 'not_found', 'of nothing';
};

# ---- conditions, codings, names

subtest 'conditions' => sub {
	for my $path ('/auth/me', '/conversations', "/conversations/$team/messages", '/openapi.json')
	{
		my $etag = $alice->get($path)->header('ETag');
		like $etag, qr{^W/"[0-9a-f]{16}"$}, "$path has an ETag";
		my $again = $alice->call(GET => $path, headers => { 'If-None-Match' => "\"other\", $etag" });
		is $again->status, 304, 'which the client has';
		is $again->body, '', 'so nothing comes';
		is $again->header('ETag'), $etag, 'but the ETag';
		is $alice->call(GET => $path, headers => { 'If-None-Match' => '"other"' })->status, 200, 'or it has not';
	}
	my $etag = $alice->get('/conversations')->header('ETag');
	$alice->say($team, 'news');
	is $alice->call(GET => '/conversations', headers => { 'If-None-Match' => $etag })->status, 200, 'after a message it is another';
	is $alice->get('/auth/sessions')->header('ETag'), undef, 'what is not to be kept has none';
};

subtest 'codings' => sub {
	$alice->say($team, "message $_ " . 'lorem ipsum ' x 20) for 1 .. 20;
	my $path  = "/conversations/$team/messages?limit=20";
	my $plain = $alice->call(GET => $path, headers => { 'Accept-Encoding' => 'identity' });
	is $plain->header('Content-Encoding'), undef, 'as it is';
	for my $coding (qw(gzip br))
	{
		my $raw = Parley::Raw->new($parley)->write("GET /api/v1$path HTTP/1.1\r\nHost: x\r\nAccept-Encoding: $coding\r\n"
			  . "Authorization: Bearer @{[$alice->token]}\r\n\r\n")->answer;
		like $raw->{head}, qr/^content-encoding: $coding\r?$/m, $coding;
		like $raw->{head}, qr/^vary: accept-encoding\r?$/m, 'which depends on what is accepted';
		cmp_ok length $raw->{body}, '<', length($plain->body) / 3, 'is much less: ' . length($raw->{body}) . ' of ' . length $plain->body;
		next if $coding ne 'gzip';
		gunzip \$raw->{body}, \my $text or die $GunzipError;
		is $text, $plain->body, 'and the same';
	}
	my $json  = encode_json({%login});
	my $grant = Parley::Raw->new($parley)->write("POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, br\r\n"
		  . "Content-Type: application/json\r\nContent-Length: @{[length $json]}\r\n\r\n$json")->answer;
	is $grant->{status}, 200, 'a login';
	unlike $grant->{head}, qr/^content-encoding/m, 'nothing with a token in it';
};

subtest 'names' => sub {
	is $alice->call(GET => '/auth/me', headers => { 'X-Request-Id' => 'my-request.7' })->header('X-Request-Id'), 'my-request.7', 'a name is kept';
	my $answer = $alice->call(GET => '/nothing', headers => { 'X-Request-Id' => 'lost' });
	is $answer->json->{instance}, 'request:lost', 'and is in the problem';
	like $alice->call(GET => '/auth/me', headers => { 'X-Request-Id' => $_ })->header('X-Request-Id'), qr/^\d+$/, "no name: $_"
	  for 'a b', 'x' x 65, '<script>', "\x{e9}";
	like $parley->log, qr{GET /api/v1/nothing: 404, request lost}, 'and in the log';
};

# ---- pages

subtest 'pages' => sub {
	my ($path, @seqs) = ("/conversations/$team/messages?limit=7");
	while ($path)
	{
		my $answer = $alice->call(GET => $path);
		unshift @seqs, map { $_->{seq} } @{ $answer->json->{messages} };
		my ($next) = ($answer->header('Link') // '') =~ m{^</api/v1([^>]+)>; rel="next"$};
		is !!$next, !!$answer->json->{has_more}, 'has_more and a link';
		$path = $next;
	}
	is_deeply \@seqs, [ 1 .. $seqs[-1] ], 'every message once';

	my @groups = map { $alice->group("group $_") } 1 .. 5;
	$alice->say($_, "x \x{e4}&") for @groups;
	my %seen;
	for ($path = '/conversations?limit=2'; $path;)
	{
		my $answer = $alice->call(GET => $path);
		$seen{ $_->{id} }++ for @{ $answer->json };
		($path) = ($answer->header('Link') // '') =~ m{^</api/v1([^>]+)>; rel="next"$};
	}
	is_deeply \%seen, { map { $_ => 1 } $team, @groups }, 'every conversation once';
	is_problem $alice->get('/conversations', limit => 0), 422, 'invalid_argument', 'none';
	is scalar @{ $alice->get('/conversations', limit => 1000)->json }, 6, 'more than there may be is as many as there may be';
};

# ---- files

my $size = 1_500_000;
my $file = join '', map { pack 'N', $_ * 2_654_435_761 & 0xffffffff } 1 .. $size / 4;

sub upload ($user, $bytes, %more)
{
	my $name = delete $more{name} // 'a.bin';
	my $query = Mojo::Parameters->new(name => $name, %{ delete $more{query} // {} })->to_string;
	return $user->call(
		POST    => "/conversations/$team/attachments?$query",
		body    => $bytes,
		headers => { 'Content-Type' => 'application/octet-stream', %more });
}

subtest 'files' => sub {
	my $made = $alice->must(upload($alice, $file, name => "\x{fc} b.bin", query => { sha256 => sha256_hex($file) }));
	is $made->{size}, $size, 'all bytes';
	is $made->{sha256}, sha256_hex($file), 'in their order';
	is $parley->sql('SELECT count(*) FROM chat.upload'), 0, 'no piece is left';
	$alice->say($team, 'look', attachments => [ $made->{id} ]);
	my $path   = "/conversations/$team/attachments/$made->{id}/content";
	my $answer = $bob->get($path);
	is sha256_hex($answer->body), $made->{sha256}, 'down again';
	is $answer->header('Content-Disposition'), q{attachment; filename="__ b.bin"; filename*=UTF-8''%C3%BC%20b.bin}, 'as a file';
	is $answer->header('ETag'), qq{"$made->{sha256}"}, 'the ETag is the checksum';
	like $answer->header('Content-Security-Policy'), qr/sandbox/, 'nothing runs';
	is $answer->header('X-Content-Type-Options'), 'nosniff', 'nobody guesses';
	is $bob->call(GET => $path, headers => { 'If-None-Match' => $answer->header('ETag') })->status, 304, 'known';
	my $head = $bob->call(HEAD => $path);
	is $head->header('Content-Length'), $size, 'HEAD';

	my %ranges = ('bytes=0-9' => [ 0, 10 ], 'bytes=300000-900000' => [ 300_000, 600_001 ], 'bytes=1499990-' => [ 1_499_990, 10 ],
		'bytes=-7' => [ $size - 7, 7 ], 'bytes=10-99999999' => [ 10, $size - 10 ],
		'bytes=10-9223372036854775807' => [ 10, $size - 10 ]);
	for my $range (sort keys %ranges)
	{
		my ($from, $length) = @{ $ranges{$range} };
		my $part = $bob->call(GET => $path, headers => { Range => $range });
		is $part->status, 206, $range;
		is $part->header('Content-Range'), sprintf('bytes %d-%d/%d', $from, $from + $length - 1, $size), 'which';
		ok $part->body eq substr($file, $from, $length), 'the part';
	}
	is $bob->call(GET => $path, headers => { Range => $_ })->status, 200, "all for $_" for 'bytes=5-1', 'lines=1-2', 'bytes=0-1,5-6', 'bytes=', 'bytes=-', 'bytes=--5';
	is $bob->call(GET => $path, headers => { Range => 'bytes=0-9', 'If-Range' => '"old"' })->status, 200, 'all of what is another now';
	is_problem $bob->call(GET => $path, headers => { Range => 'bytes=1500000-' }), 416, 'range_not_satisfiable', 'beyond';
};

subtest 'files that are refused' => sub {
	is_problem upload($alice, 'x', 'Content-Type' => 'text/html'), 415, 'attachment_type', 'a page';
	is_problem upload($alice, $file, 'Content-Type' => 'image/png'), 422, 'invalid_attachment', 'not what it says';
	is_problem upload($alice, ''), 422, 'invalid_attachment', 'nothing';
	is_problem upload($alice, $file, query => { sha256 => '00' x 32 }), 422, 'invalid_attachment', 'another checksum';
	is_problem upload($alice, 'x', query => { sha256 => 'xyz' }), 422, 'invalid_argument', 'none';
	is_problem upload($alice, 'x', name => '../x'), 422, 'invalid_attachment', 'a path';
	is_problem $nobody->call(POST => "/conversations/$team/attachments?name=x", body => 'x', headers => { 'Content-Type' => 'text/plain' }),
	  401, 'unauthenticated', 'of nobody';
	my $start = "POST /api/v1/conversations/$team/attachments?name=x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer @{[$alice->token]}\r\n"
	  . "Content-Type: text/plain\r\n";
	my $large = Parley::Raw->new($parley)->write($start . "Content-Length: 99999999\r\n\r\n")->answer;
	is $large->{code}, 'payload_too_large', 'too large';
	my $next = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
	my $refused = Parley::Raw->new($parley)->write($start =~ s/text\/plain/text\/html/r
		  . 'Content-Length: ' . (262_144 + length $next) . "\r\n\r\n" . 'x' x 262_144 . $next);
	is $refused->answer->{code}, 'attachment_type', 'after the first piece';
	is $refused->answer->{status}, 0, 'then what is left of it is no request';
	my $raw = Parley::Raw->new($parley)->write($start . "Transfer-Encoding: chunked\r\n\r\n");
	$raw->write(sprintf("%x\r\n", 100_000) . 'a' x 100_000 . "\r\n") for 1 .. 7;
	my $made = $raw->write("0\r\n\r\n")->answer;
	is $made->{status}, 201, 'in chunks';
	like $made->{body}, qr/"size":700000/, 'all of them';

	my $half = Parley::Raw->new($parley)->write($start . "Content-Length: 2000000\r\n\r\n" . 'x' x 700_000);
	await(sub { $parley->sql('SELECT received FROM chat.upload') eq 2 * 262_144 }, 'two pieces are there');
	close $half->{socket};
	await(sub { $parley->sql('SELECT count(*) FROM chat.upload') == 0 }, 'what breaks off is forgotten');
	pass 'what breaks off is forgotten';
};

# ---- locks and quotas

subtest 'a conversation that somebody holds' => sub {
	my $psql = $parley->psql;
	$psql->query_safe("BEGIN; SELECT chat.act_as(@{[$bob->id]}); SELECT chat.send($team, 'mine for a while')");
	my @answers = map { $alice->post("/conversations/$team/messages", { content => 'x' }) } 1 .. 5;
	is_problem $_, 503, 'conversation_busy', 'is busy' for @answers;
	is $answers[0]->header('Retry-After'), 1, 'for a moment';
	is $alice->get('/auth/me')->status, 200, 'and others are served';
	$psql->query_safe('COMMIT');
	$psql->quit;
	is $alice->post("/conversations/$team/messages", { content => 'x' })->status, 201, 'then it is free';
};

subtest 'what PostgreSQL limits' => sub {
	$parley->sql("SELECT chat.set_rate_limit('search', 'account', 1, 1)");
	$alice->get('/search', q => 'x');
	my $answer = $alice->get('/search', q => 'x');
	is_problem $answer, 429, 'throttled', 'the second search';
	cmp_ok $answer->header('Retry-After'), '>', 10, 'may come in a while';
};

subtest 'quotas' => sub {
	my $fields = $alice->get('/auth/me');
	is $fields->header('RateLimit-Policy'), '"read";q=6000;w=60', 'the policy';
	like $fields->header('RateLimit'), qr/^"read";r=\d{4};t=\d+$/, 'and what is left';
	$parley->stop_pushd;
	$parley->start_pushd('rest-quota-percent' => 1);
	my ($last, $served) = (undef, 0);
	for (1 .. 200)
	{
		$last = $alice->get('/auth/me');
		last if $last->status != 200;
		$served++;
	}
	cmp_ok $served, '>=', 60, "$served are served";
	is_problem $last, 429, 'throttled', 'then no more';
	is $last->header('Retry-After'), 1, 'for a second';
	is $last->header('RateLimit') =~ s/t=\d+/t=/r, '"read";r=0;t=', 'nothing is left';
	is $bob->get('/auth/me')->status, 200, 'of one caller alone';
};

done_testing;
