# Catching up: cursors, snapshot and live feed are joined so that a client which simply
# applies what it gets sees every message once, in order, whatever commits when.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;
use utf8;

use Test::More;

use Parley;
use Parley::Answer qw(parse);
use Parley::Follower;

my $parley = Parley->start(pushd => 0);

# Both questions of the daemon can be held, before and after they look at the tables.
$parley->sql(<<'SQL');
ALTER FUNCTION chat.gateway_sync(bigint[], bigint[], bigint[], bigint[], int[], int) RENAME TO real_sync;
CREATE FUNCTION chat.gate(n int) RETURNS void LANGUAGE sql VOLATILE SECURITY DEFINER AS
	'SELECT pg_advisory_lock_shared(n); SELECT pg_advisory_unlock_shared(n)';
CREATE FUNCTION chat.gateway_sync(a bigint[], b bigint[], c bigint[], d bigint[], e int[], f int,
	OUT ask int, OUT part text, OUT account_id bigint, OUT number bigint, OUT ver bigint, OUT frame text)
RETURNS SETOF record LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
BEGIN
	PERFORM chat.gate(1);
	RETURN QUERY SELECT * FROM chat.real_sync(a, b, c, d, e, f);
	PERFORM chat.gate(2);
END $$;
ALTER FUNCTION chat.gateway_connect_batch(text[]) RENAME TO real_connect;
CREATE FUNCTION chat.gateway_connect_batch(tokens text[], OUT item int, OUT error text, OUT account_id bigint,
	OUT session_id bigint, OUT expires_at_s bigint, OUT "user" chat.user_info, OUT conversation_ids bigint[],
	OUT vers bigint[], OUT snapshot_xmin bigint, OUT last_seqs bigint[], OUT last_vers bigint[])
RETURNS SETOF record LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
BEGIN
	PERFORM chat.gate(3);
	RETURN QUERY SELECT * FROM chat.real_connect(tokens);
	PERFORM chat.gate(4);
END $$;
SQL
$parley->start_pushd(flags());

my ($alice, $bob, $carol) = $parley->signup(qw(alice bob carol));
my $team = $alice->group('team', $bob, $carol);
my $keeper = $parley->psql;    # closes the gates
my $n = 0;

# No ring: what is about the tables must not be answered from memory.
# A gate is a lock that the question waits for, longer than it would for any other.
sub flags () { return ('ring-bytes' => 0, 'lock-timeout-ms' => 60_000) }

sub close_gate ($gate)
{
	$keeper->query_safe("SELECT pg_advisory_lock($gate)");
	return;
}

sub await_at_gate ($gate)
{
	await(
		sub {
			$parley->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $gate AND NOT granted");
		},
		"the daemon's question stands at gate $gate");
	return;
}

sub open_gate ($gate)
{
	$keeper->query_safe("SELECT pg_advisory_unlock($gate)");
	return;
}

sub cursor ()
{
	return split /\|/, $parley->sql("SELECT last_seq, last_ver FROM chat.conversation_counter WHERE conversation_id = $team");
}

# One commit of everything that can happen to a conversation.
sub happen ($who = $alice)
{
	$who->say($team, 'message ' . ++$n);
	my ($seq) = cursor();
	$who->must($who->call(PATCH => "/conversations/$team/messages/$seq", body => { content => "edited $n" }));
	my $old = 1 + int rand $seq;
	$bob->call(PUT => "/conversations/$team/messages/$old/reactions/%F0%9F%91%8D") if $n % 2;
	$who->call(DELETE => "/conversations/$team/messages/" . ($seq - 2)) if $n % 3 == 0;
	$alice->must($alice->call(PATCH => "/conversations/$team", body => { name => "team $n" }));
	$carol->must($carol->post("/conversations/$team/read", { seq => int $seq }));
	return;
}

# The follower knows what the tables say.
sub agrees ($follower, $name)
{
	$follower->await_cursor($team, cursor());
	my $room = $follower->room($team);
	is_deeply $follower->complaints, [], "$name: each message once, in order";
	my @truth = grep { exists $room->{messages}{ $_->{seq} } || $_->{seq} > 0 } $bob->history($team);
	is_deeply $follower->summaries($team), [ map { Parley::Follower->summary($_) } @truth ], "$name: all as the tables have it";
	is $room->{name}, "team $n", "$name: the name";
	await(sub { $follower->apply; ($room->{read}{ $carol->id } // 0) >= ($truth[-1]{seq} - 0) }, "$name: how far carol has read");
	return;
}

happen() for 1 .. 3;

subtest 'from nothing' => sub {
	my $follower = Parley::Follower->new($bob)->open($parley)->await_synced;
	agrees($follower, 'all');
	is_deeply $follower->{answer}{conversations}{$team}{status}, 'reset', 'an unknown conversation is reset';
	happen();
	agrees($follower, 'and live');
	$follower->close;
};

my $away = Parley::Follower->new($bob)->open($parley)->await_synced;
my %gates = (
	1 => 'after the question has left, before its snapshot',
	2 => 'after the snapshot, before the answer',
	3 => 'while logging in, before the memberships are read',
	4 => 'while logging in, after that');

for my $gate (sort keys %gates)
{
	subtest "commits $gates{$gate}" => sub {
		$away->close;
		happen();
		close_gate($gate);
		$away->open($parley);
		await_at_gate($gate);
		happen() for 1 .. 2;
		open_gate($gate);
		happen();
		$away->await_synced;
		agrees($away, 'then');
		happen();
		agrees($away, 'and live');
		is $away->{answer}{conversations}{$team}{status}, 'complete', 'the answer is complete';
	};
}

subtest 'commits in all of them' => sub {
	$away->close;
	close_gate($_) for 1 .. 4;
	$away->open($parley);
	for my $gate (3, 4, 1, 2)
	{
		await_at_gate($gate);
		happen();
		open_gate($gate);
	}
	happen();
	agrees($away->await_synced, 'then');
};

subtest 'page by page' => sub {
	$away->close;
	$parley->sql("BEGIN; DO \$\$ BEGIN PERFORM chat.act_as(@{[$alice->id]}); FOR i IN 1 .. 450 LOOP PERFORM chat.send($team, 'bulk ' || i); END LOOP; END \$\$; COMMIT");
	$n++;
	$alice->must($alice->call(PATCH => "/conversations/$team", body => { name => "team $n" }));
	close_gate(2);
	$away->open($parley);
	await_at_gate(2);
	happen();
	open_gate(2);
	agrees($away->await_synced, 'then');
};

subtest 'a removal before the snapshot' => sub {
	my $seq = (cursor())[0];
	$away->close;
	close_gate(1);
	$away->open($parley);
	await_at_gate(1);
	$alice->delete("/conversations/$team/members/" . $bob->id);
	$alice->say($team, 'not for bob');
	open_gate(1);
	$away->await_synced;
	is $away->{answer}{conversations}{$team}{status}, 'gone', 'the conversation is gone';
	is $away->room($team)->{ended}, 'gone', 'and the client is told';
	is_deeply [ grep { ($_->{content} // '') eq 'not for bob' } $away->socket->frames ], [], 'nothing later is seen';
	is_deeply $away->complaints, [], 'no complaint';
	$alice->must($alice->post("/conversations/$team/members", { username => 'bob' }));
};

subtest 'a removal after the snapshot' => sub {
	my $follower = Parley::Follower->new($carol)->open($parley)->await_synced;
	$follower->close;
	$alice->say($team, 'for carol, too');
	close_gate(2);
	$follower->open($parley);
	await_at_gate(2);
	$alice->delete("/conversations/$team/members/" . $carol->id);
	$alice->say($team, 'not for carol');
	open_gate(2);
	$follower->await_synced;
	await(sub { $follower->apply; $follower->room($team)->{ended} }, 'she is told that she was removed');
	is $follower->room($team)->{ended}, 'removed', 'by the member event';
	my @types = map { $_->{type} } grep { ($_->{conversation_id} // 0) == $team } $follower->socket->frames;
	is $types[-1], 'member', 'which is the last of the conversation';
	is_deeply [ grep { ($_->{content} // '') eq 'not for carol' } $follower->socket->frames ], [], 'nothing later is seen';
	ok((grep { ($_->{content} // '') eq 'for carol, too' } $follower->socket->frames), 'what was committed before is');
};

subtest 'a position ahead of the server, as after a failover' => sub {
	my ($seq, $ver) = cursor();
	my $follower = Parley::Follower->new($bob, $team => { seq => $seq + 5, ver => $ver })->open($parley)->await_synced;
	is $follower->room($team)->{resets}, 1, 'is reset';
	is_deeply $follower->complaints, [], 'and then goes on';
	$alice->say($team, 'after the reset');
	$follower->await_cursor($team, $seq + 1, $ver);
	$follower->close;
};

subtest 'what is refused' => sub {
	my $socket = $bob->connect;
	my %bad = (
		invalid_argument => [ { '07' => { seq => 1, ver => 1 } }, { x => { seq => 1, ver => 1 } }, { 7 => { seq => -1, ver => 0 } } ],
		wrong_type => [ [], 'x', { 7 => 1 }, { 7 => { seq => 1 } }, { 7 => { seq => '1', ver => 0 } } ]);
	for my $code (sort keys %bad)
	{
		for my $cursors (@{ $bad{$code} })
		{
			$socket->send({ type => 'sync', id => 'bad', cursors => $cursors });
			is $socket->next('error')->{code}, $code, Mojo::JSON::encode_json([$cursors]);
		}
	}
	$socket->send({ type => 'sync', id => 'only', only => 1 });
	is $socket->next('error')->{code}, 'wrong_type', 'only is true or false';
	$socket->send({ type => 'sync', id => 'none', only => Mojo::JSON::true });
	is_deeply $socket->next('synced'), { type => 'synced', id => 'none', conversations => {} }, 'nothing asked, nothing told';
	my $early = Parley::Socket->open($parley);
	$early->send({ type => 'sync', id => 'early' });
	is $early->next('error')->{code}, 'unauthenticated', 'before any login';
	my $scoped = $bob->connect(path => "/ws/chat/$team", protocols => [ 'chat.v1', 'bearer.' . $bob->token ]);
	$scoped->send({ type => 'sync', id => 's', cursors => { 4711 => { seq => 0, ver => 0 } } });
	is $scoped->next('error')->{code}, 'invalid_argument', 'another conversation on a socket for one';
	$scoped->send({ type => 'sync', id => 's' });
	is_deeply [ keys %{ $scoped->next('synced')->{conversations} } ], [$team], 'a socket for one conversation syncs that';
};

done_testing;
