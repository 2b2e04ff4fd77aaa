# Who is typing: to the other members at every daemon, to an end that is always told; and
# what daemons tell each other: not in the log, and not to be forged.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Digest::SHA qw(hmac_sha256_hex);
use Test::More;

use Parley;
use Parley::Answer qw(shape);

# Typing that begins at the first daemon does not end by itself within this test, what begins
# at the other one does at once.
my $parley = Parley->start(
	settings => { output_plugin_libraries => "'pg_parley, test_decoding'" },
	flags    => { 'typing-timeout-s' => 60, 'exchange-tick-ms' => 50 });
my $beside = $parley->beside('typing-timeout-s' => 1);
my ($alice, $bob, $carol, $dave) = $parley->signup(qw(alice bob carol dave));
my $team   = $alice->group('team', $bob, $carol);
my $direct = $alice->direct($bob);
my $tab    = $alice->connect;
my $second = $alice->connect;
my $far    = $alice->at($beside)->connect;
my $near   = $bob->connect;
my $other  = $carol->at($beside)->connect;
my %names  = (near => $near, other => $other);

sub types ($socket, $is_typing = \1, $conversation = $team, %more)
{
	return $socket->send({ type => 'typing', conversation_id => $conversation, is_typing => $is_typing, %more });
}

# What bob and carol are told next.
sub is_told ($expected, $what)
{
	is $names{$_}->next('typing')->{is_typing}, $expected, "$what, $_" for sort keys %names;
	return;
}

sub is_refused ($code, $what)
{
	is $tab->next('error')->{code}, $code, $what;
	return;
}

sub payloads ($way, $daemon = $parley)
{
	my $metrics = Parley::User->nobody($daemon)->call(GET => 'root:/metrics')->body;

	return $metrics =~ /^parley_exchange_payloads_total\{way="$way"\} (\d+)/m ? $1 : die "no metric: $metrics";
}

subtest 'beginning and end' => sub {
	types($tab);
	my $event = $other->next('typing');
	is_deeply shape($event),
	  { type => 'text', conversation_id => 'int', user_id => 'int', username => 'text', is_typing => 'bool' },
	  'the event';
	is_deeply [ @$event{qw(conversation_id user_id username)} ], [ $team, $alice->id, 'alice' ], 'who and where';
	is $near->next('typing')->{is_typing}, $event->{is_typing}, 'at the same daemon, too';
	types($tab) for 1 .. 3;
	types($tab, \0);
	is_told(0, 'an end, and nothing for what goes on');

	types($far);
	is_told(1, 'at the other daemon');
	is_told(0, 'which ends by itself');

	types($tab);
	is_told(1, 'again');
	$alice->say($team, 'done');
	is_told(0, 'ended by the message');

	my $leaving = $bob->connect;
	types($leaving, \1, $direct);
	is $second->next('typing')->{user_id}, $bob->id, 'in a direct conversation';
	is $far->next('typing')->{is_typing}, 1, 'of which the other tab hears';
	types($leaving, \0, $direct);
	is $_->next('typing')->{is_typing}, 0, 'and of its end' for $second, $far;
	$leaving->close;
	is_deeply [ grep { $_->{user_id} == $alice->id } map { $_->frames('typing') } $tab, $second, $far ], [],
	  'nobody is told of oneself';
};

subtest 'the last tab is closed' => sub {
	my $leaving = $dave->connect;
	my $both    = $dave->group('two', $carol);

	types($leaving, \1, $both);
	is $other->next('typing')->{user_id}, $dave->id, 'typing';
	$leaving->close;
	is $other->next('typing')->{is_typing}, 0, 'ends with it';
};

subtest 'a daemon is killed' => sub {
	my $third = $parley->beside('typing-timeout-s' => 60);
	my $dying = $alice->at($third)->connect;

	types($dying);
	is $other->next('typing')->{is_typing}, 1, 'typing';
	$third->stop_pushd('KILL');
	is $other->next('typing')->{is_typing}, 0, 'ends where it is seen';
};

subtest 'refusals' => sub {
	my $foreign = $bob->group('without alice', $carol);

	types($tab, \1, $foreign, id => 'a');
	is_deeply [ @{ $tab->next('error') }{qw(code id)} ], [ 'conversation_not_found', 'a' ], 'not a member';
	types($tab, 'yes');
	is_refused('wrong_type', 'not true or false');
	$tab->send({ type => 'typing', conversation_id => $team });
	is_refused('missing_field', 'neither');
	$tab->send({ type => 'typing', is_typing => \1 });
	is_refused('missing_field', 'nowhere');

	$parley->sql_as($bob, 'SELECT FROM chat.block(' . $alice->id . ')');
	types($tab, \1, $direct);
	is_refused('blocked', 'who was blocked');
	my $team_of_bob = $bob->group('of bob', $carol, $dave);
	my $muted       = $dave->connect;
	$parley->sql_as($bob, "SELECT FROM chat.mute($team_of_bob, @{[$dave->id]})");
	types($muted, \1, $team_of_bob);
	is $muted->next('error')->{code}, 'muted', 'who was muted';

	types($muted, \0, $team_of_bob) for 1 .. 40;
	is $muted->next('error')->{code}, 'throttled', 'too many';
	$muted->close;
};

subtest 'a socket for one conversation' => sub {
	my $scoped = $carol->connect(path => "/ws/chat/$team", headers => { Authorization => 'Bearer ' . $carol->token });

	$scoped->send({ type => 'typing', is_typing => \1 });
	my ($event) = $near->wait_for(sub { (grep { $_->{user_id} == $carol->id } $near->frames('typing'))[0] }, 'typing');
	is $event->{conversation_id}, $team, 'need not name it';
	$scoped->send({ type => 'typing', is_typing => \0 });
	$near->wait_for(sub { 2 == grep { $_->{user_id} == $carol->id } $near->frames('typing') }, 'its end');
	$scoped->close;
};

# Tells apart what comes from what does not: a later word of alice, and all that came before.
sub typing_until_marker ($socket)
{
	my $before = () = $socket->frames('typing');

	types($tab);
	$socket->wait_for(sub { ($socket->frames('typing'))[-1]{is_typing} }, 'a marker');
	types($tab, \0);
	$socket->wait_for(
		sub { my @all = $socket->frames('typing'); $all[-1]{user_id} == $alice->id && !$all[-1]{is_typing} },
		'its end');
	my @all = $socket->frames('typing');
	return map { $_->{username} } @all[ $before .. $#all ];
}

subtest 'forged notifications' => sub {
	my $key     = pack 'H*', $parley->sql('SELECT chat.gateway_key()');
	my $channel = 'parley_' . substr hmac_sha256_hex('cchannel', $key), 0, 40;
	my $listener = $parley->psql;

	# What the worst enemy could have: the name, and what was once said.
	$listener->query_safe(qq(LISTEN "$channel"));
	is_deeply [ typing_until_marker($other) ], [qw(alice alice)], 'what is genuine comes';
	my ($genuine) = $listener->query_safe('SELECT 1') =~ /with payload "([0-9a-f]{32}\{[^\n]*"alice"[^\n]*\})" received/;
	ok $genuine, 'and was heard by who knows the name of the channel';
	$listener->quit;

	my $json   = '{"g":"1","n":1,"i":[["t",' . $team . ',' . $bob->id . ',"bob",1]]}';
	my @forged = (
		'', $json, '0' x 32, ('0' x 32) . $json,
		substr(hmac_sha256_hex($json, $key), 0, 32) . $json,
		substr(hmac_sha256_hex("p$json", 'guessed'), 0, 32) . $json,
		substr($genuine, 0, 32) . $json,
		$genuine =~ s/"alice"/"mallo"/r,
		'x' x 7900);
	my $refused = payloads('refused', $beside);

	$parley->sql('CREATE ROLE visitor LOGIN IN ROLE chat_user');
	for my $payload (@forged, $genuine)
	{
		my $quoted = $payload =~ s/'/''/gr;
		$parley->sql("SELECT pg_notify('$channel', '$quoted')", extra_params => [ '-U', 'visitor' ]);
	}
	is_deeply [ typing_until_marker($other) ], [qw(alice alice)], 'nothing of it is believed, a repetition included';
	is payloads('refused', $beside) - $refused, scalar @forged, 'and all is counted';
	my (undef, undef, $error) =
	  $parley->node->psql('chat', 'SELECT chat.gateway_key()', extra_params => [ '-U', 'visitor' ]);
	like $error, qr/permission denied/, 'the key is not for everybody';

	# Under the key, but no bulletin: from a gateway gone mad.
	for my $text ('{}', '[]', '{"g":"5","n":1,"i":7}', '{"g":"5","n":2,"i":[[[[]]],["t",7],["s",1,"x",1,null,[-1]],null]}')
	{
		my $sealed = substr(hmac_sha256_hex("p$text", $key), 0, 32) . $text;
		$parley->sql("SELECT pg_notify('$channel', '$sealed')");
	}
	is_deeply [ typing_until_marker($other) ], [qw(alice alice)], 'whatever it says, all goes on';
};

subtest 'the log' => sub {
	plan skip_all => 'nothing is decoded' if Parley::feed() ne 'wal';
	$parley->sql(q(SELECT pg_create_logical_replication_slot('proof', 'test_decoding')));
	my $sent   = payloads('sent');
	my $before = $parley->sql('SELECT pg_current_wal_insert_lsn()');
	my $come   = $dave->connect;

	for (1 .. 5)
	{
		types($tab);
		$other->wait_for(sub { ($other->frames('typing'))[-1]{is_typing} }, 'typing');
		types($tab, \0);
		$other->wait_for(sub { !($other->frames('typing'))[-1]{is_typing} }, 'the end');
	}
	$come->close;
	cmp_ok payloads('sent'), '>', $sent, 'daemons have told each other';
	my $bytes = $parley->sql("SELECT pg_current_wal_insert_lsn() - '$before'");
	diag "$bytes bytes of log for 10 changes and a login, canaries and all";
	is $parley->sql(
		q(SELECT string_agg(data, ' ') FROM pg_logical_slot_get_changes('proof', NULL, NULL)
			WHERE data ~ 'presence|chat\.gateway|typing|alice')), '', 'nothing of it is in the log';
	$parley->sql(q(SELECT pg_drop_replication_slot('proof')));
};

done_testing;
