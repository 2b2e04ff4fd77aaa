# deploy/nginx.conf and deploy/haproxy.cfg in front of two daemons with deploy/parley-pushd.conf:
# all of REST and WebSocket through each, the client's address, and a daemon that drains.  Only
# ports, paths and certificates are replaced, and the timeouts of silent connections made shorter.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Digest::SHA qw(sha256_hex);
use IO::Socket::INET;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Test::More;
use Time::HiRes qw(time);

use Parley;
use Parley::Raw;

my $heartbeat_s = 4;
my $silence_s   = 6;    # in place of the 90 s of the examples
my $host        = 'chat.example';
my $origin      = "https://$host";
my $prefix      = '/api/v1';
my $deploy      = path($FindBin::Bin)->dirname->dirname->child('deploy');
my $folder      = PostgreSQL::Test::Utils::tempdir();
my @running;    # process ids of balancers

# In front of Parley's own.
END
{
	my $status = $?;
	kill TERM => @running;
	waitpid $_, 0 for @running;
	$? = $status;
}

sub program ($name)
{
	my ($found) = grep { -x } map { "$_/$name" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin';
	return $found;
}


sub free_ports ($count)
{
	my @held = map { IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') // die "no port: $!" } 1 .. $count;
	return map { $_->sockport } @held;
}

sub make_certificate
{
	system('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
		'-keyout', "$folder/key.pem", '-out', "$folder/cert.pem", '-days', 2, '-subj', "/CN=$host",
		'-addext', "subjectAltName=DNS:$host") == 0 or die 'openssl req';
	path("$folder/both.pem")->spurt(path("$folder/cert.pem")->slurp, path("$folder/key.pem")->slurp);
	return;
}

# ---- the balancers

# An address of this machine that is not the loopback's, as a client's; no packet is sent.
sub own_address
{
	my $socket = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '192.0.2.1', PeerPort => 9) or return;
	return $socket->sockhost;
}

sub nginx_conf ($http, $https, $one, $two)
{
	my $example = $deploy->child('nginx.conf')->slurp;

	$example =~ s/127\.0\.0\.1:8081/127.0.0.1:$one/;
	$example =~ s/127\.0\.0\.1:8082/127.0.0.1:$two/;
	$example =~ s/listen 80;/listen 127.0.0.1:$http;/;
	$example =~ s/listen 443 ssl;/listen 127.0.0.1:$https ssl;/;
	$example =~ s{/etc/nginx/chat\.example\.pem}{$folder/cert.pem};
	$example =~ s{/etc/nginx/chat\.example\.key}{$folder/key.pem};
	$example =~ s/\b90s\b/${silence_s}s/g;
	my $temporary = join '', map { "${_}_temp_path $folder/nginx_$_;\n" } qw(client_body proxy fastcgi uwsgi scgi);
	return "daemon off;\npid $folder/nginx.pid;\nerror_log $folder/nginx.log;\nevents {}\n"
	  . "http {\naccess_log off;\n$temporary$example}\n";
}

sub haproxy_cfg ($http, $https, $one, $two, $probe_one, $probe_two)
{
	my $example = $deploy->child('haproxy.cfg')->slurp;

	$example =~ s/127\.0\.0\.1:8081/127.0.0.1:$one/g;
	$example =~ s/127\.0\.0\.1:8082/127.0.0.1:$two/g;
	$example =~ s/127\.0\.0\.1:9081/127.0.0.1:$probe_one/;
	$example =~ s/127\.0\.0\.1:9082/127.0.0.1:$probe_two/;
	$example =~ s/bind :80$/bind 127.0.0.1:$http/m;
	$example =~ s/bind :443 /bind 127.0.0.1:$https /;
	$example =~ s{/etc/haproxy/chat\.example\.pem}{$folder/both.pem};
	$example =~ s/maxconn 40000/maxconn 400/;
	$example =~ s/\b90s\b/${silence_s}s/;
	return $example;
}

# name => how it is started, its configuration, and how it tells the client's address
my %balancers = (
	nginx   => { command => sub ($file) { ('-c', $file) },        conf => \&nginx_conf,  told_by => 'x-forwarded-for' },
	haproxy => { command => sub ($file) { ('-db', '-f', $file) }, conf => \&haproxy_cfg, told_by => 'proxy-protocol' });

sub listens ($port) { return !!IO::Socket::INET->new("127.0.0.1:$port") }

# The balancer in front of two daemons of its own.
sub start_balancer ($parley, $name)
{
	my $balancer = $balancers{$name};
	my @daemons  = map { $parley->beside('client-address' => $balancer->{told_by}) } 1 .. 2;
	my ($http, $https, @probes) = free_ports(4);
	my $file = path("$folder/$name.conf");

	$file->spurt($balancer->{conf}->($http, $https, (map { $_->port } @daemons), $name eq 'haproxy' ? @probes : ()));
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDIN,  '<',  '/dev/null';
		open STDERR, '>>', "$folder/$name.log";
		open STDOUT, '>&', \*STDERR;
		{ exec 'setpriv', '--pdeathsig', 'TERM', program($name), $balancer->{command}->($file) }
		POSIX::_exit(127);
	}
	push @running, $pid;
	my $front = { name => $name, http => $http, https => $https, probes => \@probes, daemons => \@daemons };
	await(sub { waitpid($pid, POSIX::WNOHANG()) == 0 or die "$name ended: " . path("$folder/$name.log")->slurp; listens($https) }, $name);
	return $front;
}

# ---- who uses them

sub tunnel ($front, @options)
{
	return Parley::Raw->tls($front->{https}, "$folder/cert.pem", '-verify_hostname', $host, '-servername', $host, @options);
}

sub request ($method, $path, $body = undef, @fields)
{
	my $bytes = ref $body ? encode_json($body) : $body;

	unshift @fields, 'Content-Type: application/json' if ref $body;
	push @fields, 'Content-Length: ' . length $bytes if defined $bytes;
	return join("\r\n", "$method $path HTTP/1.1", "Host: $host", @fields, '', '') . ($bytes // '');
}

# One request on a connection of its own, its answer.
sub ask ($front, @request)
{
	return tunnel($front)->write(request(@request))->answer;
}

sub bearer ($user) { return "Authorization: Bearer $user->{access_token}" }

# A WebSocket that has been upgraded; @fields are further lines of the head.
sub upgrade ($front, $path, @fields)
{
	my $socket = tunnel($front);
	$socket->write(request(GET => $path, undef, 'Upgrade: websocket', 'Connection: Upgrade',
		'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13', @fields));
	my $answer = $socket->answer;
	@$socket{qw(status head objects)} = (@$answer{qw(status head)}, []);
	return $socket;
}

# The next object that the block likes; the end of the connection counts as one, and so does a
# ping, which is answered.
sub await_any ($socket, $is_it)
{
	while (1)
	{
		while (my $object = shift @{ $socket->{objects} })
		{
			return $object if $is_it->($object);
		}
		my $frame = $socket->frame;
		my $new = { 1 => undef, 8 => { type => 'closed' }, 9 => { type => 'ping' } }->{ $frame->{opcode} };
		push @{ $socket->{objects} }, $new // map { decode_json($_) } split /\n/, $frame->{payload};
		$new->{code} = unpack 'n', $frame->{payload} if $frame->{opcode} == 8;
		$socket->write(Parley::Raw->bytes($frame->{payload}, opcode => 10)) if $frame->{opcode} == 9;
	}
}

sub object ($socket, $type)
{
	my $object = await_any($socket, sub ($object) { $object->{type} eq $type || $object->{type} eq 'closed' });
	return $object;
}

sub say_frame ($socket, $frame) { return $socket->write(Parley::Raw->bytes(encode_json($frame))) }

# The address that the database has for what was done last.
sub noted ($parley)
{
	return $parley->sql('SELECT coalesce(host(address), \'nobody\') FROM chat.audit_pending ORDER BY id DESC LIMIT 1');
}

# ---- what is to work through each

sub check_rest ($front, $user)
{
	my $connection = tunnel($front);
	my $made = $connection->write(request(POST => "$prefix/conversations", { name => 'team' }, bearer($user)))->answer;

	is $made->{status}, 201, 'a conversation is made';
	$user->{team} = decode_json($made->{body})->{id};
	like $made->{head}, qr/^strict-transport-security: max-age=\d+/im, 'HSTS';
	my $messages = "$prefix/conversations/$user->{team}/messages";
	is $connection->write(request(POST => $messages, { content => 'hi' }, bearer($user)))->answer->{status}, 201, 'a message, on the same connection';
	is $connection->write(request(GET => $_, undef, bearer($user)))->answer->{status}, 200, "GET $_"
	  for $messages, "$prefix/conversations", "$prefix/openapi.json", '/livez', '/readyz';
	isnt $connection->write(request(GET => '/metrics'))->answer->{status}, 200, 'metrics are not for all';
	my $me   = "$prefix/auth/me";
	my $etag = ask($front, GET => $me, undef, bearer($user))->{head} =~ /^etag: (\S+)/im ? $1 : 'none';
	is ask($front, GET => $me, undef, bearer($user), "If-None-Match: $etag")->{status}, 304, 'a condition';
	my $chunks = "7\r\n{\"bio\":\r\n6\r\n\"long\"\r\n1\r\n}\r\n0\r\n\r\n";
	is tunnel($front)->write(request(PATCH => $me, undef, bearer($user), 'Content-Type: application/json', 'Transfer-Encoding: chunked') . $chunks)
	  ->answer->{status}, 200, 'a body in chunks';

	my $login = ask($front, POST => "$prefix/auth/login", { login => $user->{user}{username}, password => Parley::User->password, cookie => \1 }, "Origin: $origin");
	is $login->{status}, 200, 'login for a browser';
	like $login->{head}, qr/^set-cookie: __Host-parley_token=[^\r]*; secure/im, 'a cookie for HTTPS only';
	($user->{cookie}) = $login->{head} =~ /^set-cookie: (__Host-parley_token=[^;]+)/im;
	return;
}

sub check_plain ($front)
{
	my $plain = IO::Socket::INET->new("127.0.0.1:$front->{http}") or die "connect: $!";
	$plain->blocking(0);
	my $answer = (bless { socket => $plain, in => '', ended => 0 }, 'Parley::Raw')->write(request(GET => '/a?b=c'))->answer;
	is $answer->{status}, 308, 'plain HTTP is redirected';
	like $answer->{head}, qr{^location: https://chat\.example/a\?b=c\r?$}im, 'to the same place under TLS';
	return;
}

sub check_ways_in ($front, $user)
{
	my $ticket = sub { decode_json(ask($front, POST => "$prefix/auth/ticket", undef, bearer($user))->{body})->{ticket} };
	my %ways = (
		header      => sub { upgrade($front, '/ws', bearer($user)) },
		subprotocol => sub { upgrade($front, '/ws', "Sec-WebSocket-Protocol: chat.v1, bearer.$user->{access_token}") },
		cookie      => sub { upgrade($front, '/ws', "Cookie: $user->{cookie}", "Origin: $origin") },
		ticket      => sub { upgrade($front, '/ws?ticket=' . $ticket->()) },
		'one chat'  => sub { upgrade($front, "/ws/chat/$user->{team}", bearer($user)) },
		frame       => sub { say_frame(upgrade($front, '/ws', "Origin: $origin"), { type => 'auth', token => $user->{access_token} }) });

	for my $way (sort keys %ways)
	{
		my $socket = $ways{$way}->();
		is $socket->{status}, 101, "$way: upgraded";
		is object($socket, 'welcome')->{user}{id}, $user->{user}{id}, "$way: welcome";
		like $socket->{head}, qr/^sec-websocket-protocol: chat\.v1\r?$/im, 'with the subprotocol' if $way eq 'subprotocol';
	}
	is upgrade($front, '/ws', "Cookie: $user->{cookie}", 'Origin: https://elsewhere.example')->{status}, 403, 'another origin is refused';

	my $socket = $ways{header}->();
	object($socket, 'welcome');
	say_frame($socket, { type => 'message', conversation_id => $user->{team}, content => "$_ " . 'x' x 15_000 }) for 1 .. 20;
	my %seen = map { object($socket, 'message')->{seq} => 1 } 1 .. 20;
	is keys %seen, 20, '300 kB there and back';
	return;
}

sub check_files ($front, $user)
{
	# No byte that s_client takes for a command of its user.
	my $bytes = join '', map { pack 'N', $_ * 2654435761 & 0xffffffff | 0x80808080 } 1 .. 750_000;
	my $files = "$prefix/conversations/$user->{team}/attachments";
	my $up    = ask($front, POST => "$files?name=a.bin&sha256=" . sha256_hex($bytes), $bytes, bearer($user), 'Content-Type: application/octet-stream');

	is $up->{status}, 201, '3 MB go up' or return diag $up->{body};
	my $down = ask($front, GET => "$files/" . decode_json($up->{body})->{id} . '/content', undef, bearer($user));
	is $down->{status}, 200, 'and down';
	is sha256_hex($down->{body}), sha256_hex($bytes), 'as they were';
	my $large = tunnel($front)->write(request(POST => "$files?name=b", undef, bearer($user), 'Content-Type: a/b', 'Content-Length: 20000000'))->answer;
	is $large->{status}, 413, '20 MB are refused by their length';
	return;
}

sub check_address ($parley, $front, $user)
{
	my @login = (POST => "$prefix/auth/login", { login => $user->{user}{username}, password => Parley::User->password });
	my @lies  = ('X-Forwarded-For: 198.51.100.9', 'Forwarded: for=198.51.100.9');

	is ask($front, @login, @lies)->{status}, 200, 'a client that claims to be another';
	is noted($parley), 'nobody', 'is not believed';
	my $own = own_address() or return diag 'no address but the loopback\'s: the client\'s was not seen through';
	is tunnel($front, '-bind', "$own:0")->write(request(@login, @lies))->answer->{status}, 200, "a client at $own";
	is noted($parley), $own, 'is known by its address';
	return;
}

# ---- a daemon that goes

sub check_drain ($front, $user)
{
	my ($leaves, $stays) = @{ $front->{daemons} };
	my @sockets = map { upgrade($front, '/ws', bearer($user)) } 1 .. 6;
	object($_, 'welcome') for @sockets;
	my $messages = "$prefix/conversations/$user->{team}/messages";
	my ($posts, $moved) = (0, 0);
	my @failed;
	my $post = sub ($content) {
		my $answer = ask($front, POST => $messages, { content => $content }, bearer($user));
		$posts++;
		push @failed, "$content: $answer->{status}" if $answer->{status} != 201;
	};

	kill TERM => $leaves->pid;
	$post->('meanwhile') while listens($leaves->port);
	$post->('marker');
	for my $socket (@sockets)
	{
		my $last = await_any($socket, sub ($object) { $object->{type} =~ /^(reconnect|closed)$/ || ($object->{content} // '') eq 'marker' });
		next if $last->{type} eq 'message';
		$last = object($socket, 'closed') if $last->{type} eq 'reconnect';
		is $last->{code}, 4000, 'told to come back';
		$moved++;
		$socket = upgrade($front, '/ws', bearer($user));
		is object($socket, 'welcome')->{user}{id}, $user->{user}{id}, 'and welcome';
	}
	$post->('meanwhile') while $leaves->pushd_runs;
	cmp_ok $moved, '>', 0, "$moved of 6 clients moved";
	cmp_ok $moved, '<', 6, 'the others stayed';
	$post->('together');
	is await_any($_, sub ($object) { $object->{type} eq 'closed' || ($object->{content} // '') eq 'together' })->{type},
	  'message', 'all hear it' for @sockets;
	is_deeply \@failed, [], "$posts messages meanwhile, none refused";
	$leaves->start_pushd;
	$stays->stop_pushd;
	await(sub { ask($front, GET => "$prefix/conversations", undef, bearer($user))->{status} == 200 }, 'the first one serves again');
	pass 'the first one serves again';
	$stays->start_pushd;
	return;
}

# ---- all of it

my @present = grep { program($_) } sort keys %balancers;
for my $absent (grep { !program($_) } sort keys %balancers)
{
	diag "skipped: $absent is not installed";
}
plan skip_all => 'neither nginx nor haproxy is installed' if !@present;

# The example of settings, with its lines for a proxy.
my $config = path(PostgreSQL::Test::Utils::tempdir(), 'parley-pushd.conf');
{
	my $example = $deploy->child('parley-pushd.conf')->slurp;
	my @proxy = ('trusted-proxies', 'client-address', 'secure-cookies', 'allowed-origins');
	for my $key (@proxy)
	{
		$example =~ s/^#(?=$key = )//m or BAIL_OUT("the example has no $key");
	}
	open(my $out, '>', $config) or die "$config: $!";
	print {$out} $example;
	close $out;
}
make_certificate();
my $parley = Parley->start(
	pushd => 0,
	flags => {
		'config'      => $config,
		'web-root'    => '',
		'heartbeat-s' => $heartbeat_s,
		'drain-s'     => 1
	});
my %fronts = map { $_ => start_balancer($parley, $_) } @present;

for my $name (@present)
{
	my $front = $fronts{$name};
	my $grant = ask($front, POST => "$prefix/auth/signup",
		{ username => "user_$name", email => "$name\@example.org", password => Parley::User->password });
	is $grant->{status}, 201, "$name: a new account" or BAIL_OUT($grant->{body});
	my $user = decode_json($grant->{body});

	subtest "$name: plain HTTP" => sub { check_plain($front) };
	subtest "$name: REST" => sub { check_rest($front, $user) };
	subtest "$name: ways in" => sub { check_ways_in($front, $user) };
	subtest "$name: files" => sub { check_files($front, $user) };
	subtest "$name: the client's address" => sub { check_address($parley, $front, $user) };
	subtest "$name: a daemon that drains" => sub { check_drain($front, $user) };
	$front->{user} = $user;
}

subtest 'haproxy: probes of one daemon' => sub {
	plan skip_all => 'no haproxy' if !$fronts{haproxy};
	for my $port (@{ $fronts{haproxy}{probes} })
	{
		my $ask = sub ($path) {
			my $socket = IO::Socket::INET->new("127.0.0.1:$port") or die "connect: $!";
			$socket->blocking(0);
			return (bless { socket => $socket, in => '', ended => 0 }, 'Parley::Raw')->write(request(GET => $path))->answer->{status};
		};
		is $ask->('/metrics'), 200, 'metrics, though the daemon wants a header of the proxy';
		is $ask->('/readyz'),  200, 'readiness';
		is $ask->("$prefix/openapi.json"), 403, 'and nothing else';
	}
};

subtest 'silence' => sub {
	my @sockets = map { upgrade($_, '/ws', bearer($_->{user})) } values %fronts;
	my $start   = time;

	object($_, 'welcome') for @sockets;
	for my $n (1 .. 3)
	{
		is object($_, 'ping')->{type}, 'ping', "ping $n" for @sockets;
	}
	cmp_ok time - $start, '>', $silence_s, 'longer than a balancer bears it';
	for my $socket (@sockets)
	{
		say_frame($socket, { type => 'call', id => 'me', method => 'me', params => {} });
		is object($socket, 'result')->{id}, 'me', 'the connection is still there';
	}
};

done_testing;
