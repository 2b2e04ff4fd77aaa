# Who belongs to a conversation gets everything committed since they came, and nothing
# committed after they went, to the transaction.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;
use Time::HiRes qw(usleep);

use Parley;
use Parley::Answer qw(shape);
use Parley::Socket;

my $parley = Parley->start(pushd => 0);
$parley->sql('ALTER ROLE parley_pushd SET synchronous_commit = local');    # see the last test
$parley->start_pushd;
my ($alice, $bob, $carol) = $parley->signup(qw(alice bob carol));
my $group = $alice->group('group', $bob, $carol);
my $open  = $alice->group('open', $bob, $carol);
my $count = 0;

# Says something where everybody is and waits until these sockets have it: then they
# have all that was committed before.  The table feed keeps the order of a conversation
# only: what was committed before comes with the same poll, and the second marker with a later.
sub settle (@sockets)
{
	for (1 .. (Parley::feed() eq 'wal' ? 1 : 2))
	{
		my $marker = 'settled ' . ++$count;
		$alice->say($open, $marker);
		$_->message($marker) for @sockets;
	}
	return;
}

sub contents ($socket) { return [ map { $_->{content} } $socket->messages($group) ] }

sub remove ($user) { return $alice->delete("/conversations/$group/members/" . $user->id) }
sub add ($user) { return $alice->post("/conversations/$group/members", { username => $user->username }) }

subtest 'removed' => sub {
	my ($hers, $his, $second) = ($carol->connect, $bob->connect, $bob->connect);

	$alice->say($group, 'one');
	remove($bob);
	$alice->say($group, 'two');
	settle($hers, $his, $second);
	is_deeply contents($his), ['one'], 'nothing after the removal';
	is_deeply contents($second), ['one'], 'not in another tab either';
	is_deeply contents($hers), [ 'one', 'two' ], 'the others go on';
	my ($event) = $his->frames('member');
	is_deeply shape($event),
	  { type => 'text', conversation_id => 'int', user_id => 'int', role => 'text', state => 'text', ver => 'int', muted_until => 'null' },
	  'the shape of the event';
	is_deeply [ @$event{qw(conversation_id user_id state)} ], [ $group, $bob->id, 'removed' ], 'he is told';
	is_deeply $hers->frames('member'), $event, 'so are the others';

	$his->send({ type => 'message', conversation_id => $group, content => 'still here?' });
	is $his->next('error')->{code}, 'conversation_not_found', 'he cannot send';
	$his->send({ type => 'read', conversation_id => $group, seq => 1 });
	is $his->next('error')->{code}, 'conversation_not_found', 'nor read';
	$carol->post("/conversations/$group/read", { seq => 1 });
	settle($his);
	is_deeply [ $his->frames('read') ], [], 'he does not see how far others read';
	$_->close for $hers, $his, $second;
};

subtest 'brought back' => sub {
	my $his = $bob->connect;

	$alice->say($group, 'three');
	settle($his);
	is_deeply contents($his), [], 'who comes back later is still out';
	add($bob);
	$alice->say($group, 'four');
	settle($his);
	is_deeply contents($his), ['four'], 'everything after';
	my ($event) = $his->frames('member');
	is $event->{state}, 'joined', 'he is told';
	is_deeply [ map { $_->{type} } grep { ($_->{conversation_id} // 0) == $group } $his->frames ],
	  [qw(member message)], 'before the first message';
	$his->close;
};

subtest 'in one transaction' => sub {
	my $his = $bob->connect;

	$parley->sql_as($alice, "SELECT FROM chat.send($group, 'before');
		SELECT FROM chat.remove_member($group, @{[$bob->id]}); SELECT FROM chat.send($group, 'after')");
	settle($his);
	is_deeply contents($his), ['before'], 'up to the removal';
	$parley->sql_as($alice, "SELECT FROM chat.send($group, 'before');
		SELECT FROM chat.add_member($group, 'bob'); SELECT FROM chat.send($group, 'since')");
	settle($his);
	is_deeply contents($his), [ 'before', 'since' ], 'from the addition on';
	$parley->sql_as($alice, "SELECT FROM chat.remove_member($group, @{[$bob->id]});
		SELECT FROM chat.add_member($group, 'bob'); SELECT FROM chat.send($group, 'in and out')");
	settle($his);
	is contents($his)->[-1], 'in and out', 'out and in again';
	$parley->node->psql('chat', "BEGIN; SELECT FROM chat.act_as(@{[$alice->id]});
		SELECT FROM chat.remove_member($group, @{[$bob->id]}); ROLLBACK");
	$alice->say($group, 'not removed');
	settle($his);
	is contents($his)->[-1], 'not removed', 'a removal that is rolled back is none';
	$his->close;
};

subtest 'leaves' => sub {
	my ($hers, $his) = ($carol->connect, $bob->connect);

	$carol->post("/conversations/$group/leave");
	$alice->say($group, 'gone');
	settle($hers, $his);
	is_deeply contents($hers), [], 'nothing after';
	is_deeply contents($his), ['gone'], 'the others go on';
	is +($his->frames('member'))[0]{state}, 'left', 'the others are told';
	$_->close for $hers, $his;
};

subtest 'a new conversation' => sub {
	my ($hers, $his) = ($carol->connect, $bob->connect);
	my $new    = $alice->group('new', $bob);
	my $direct = $carol->direct($bob);

	$alice->say($new, 'welcome');
	$carol->say($direct, 'psst');
	settle($hers, $his);
	is_deeply [ map { $_->{content} } $his->messages($new) ], ['welcome'], 'a group comes alive';
	is_deeply [ map { $_->{content} } $his->messages($direct) ], ['psst'], 'a direct conversation too';
	is_deeply [ map { $_->{conversation_id} } grep { $_->{user_id} == $bob->id } $his->frames('member') ],
	  [ $new, $direct ], 'he is told that he belongs to them';
	is_deeply [ $hers->messages($new) ], [], 'for its members only';
	$_->close for $hers, $his;
};

# ---- while somebody connects

# Bob's membership changes at some moment of his connecting.  Something is said at once,
# and again when he is welcomed.  Stopping the daemon for a moment lets the answer about
# his memberships and the feed reach it together, in whichever order.  Returns what he
# heard of the two.
sub race ($change, $secret)
{
	my $socket = Parley::Socket->open($parley);
	my $pid    = $parley->pid;

	$socket->send({ type => 'auth', token => $bob->token });
	Mojo::IOLoop->one_tick;
	kill 'STOP', $pid if rand() < 0.7;
	usleep(rand(3000));
	$change->query_safe('SELECT pg_temp.change()');
	$change->query_safe("SELECT pg_temp.say('early $secret')");
	kill 'CONT', $pid;
	$socket->next('welcome');
	$change->query_safe("SELECT pg_temp.say('late $secret')");
	settle($socket);
	my @heard = grep { /$secret/ } @{ contents($socket) };
	$socket->close;
	return "@heard";
}

sub changing ($sql)
{
	my $session = $parley->psql;

	$session->query_safe("CREATE FUNCTION pg_temp.change() RETURNS void BEGIN ATOMIC
			SELECT chat.act_as(@{[$alice->id]}); $sql;
		END;
		CREATE FUNCTION pg_temp.say(secret text) RETURNS void BEGIN ATOMIC
			SELECT chat.act_as(@{[$alice->id]}); SELECT FROM chat.send($group, secret);
		END");
	return $session;
}

subtest 'while connecting' => sub {
	my $remove = changing("SELECT chat.remove_member($group, @{[$bob->id]})");
	my $add    = changing("SELECT FROM chat.add_member($group, 'bob')");
	my $rounds = Parley::feed() eq 'wal' ? 60 : 10;
	my (@leaked, @missed);

	for my $round (1 .. $rounds)
	{
		push @leaked, race($remove, "secret$round") || ();
		push @missed, $round if race($add, "shared$round") !~ /late/;
	}
	is_deeply \@leaked, [], "removed $rounds times: nothing leaks";
	is_deeply \@missed, [], "added $rounds times: nothing is missed";
	$_->quit for $remove, $add;
};

# A commit is in the log, and so in the feed, a moment before it is visible.  Waiting for
# a standby that does not exist makes the moment as long as one likes.
subtest 'committed but not yet visible' => sub {
	plan skip_all => 'the tables show what is visible' if Parley::feed() ne 'wal';
	my @daemons = ($parley->alone, $parley->siblings);
	my @witness = map { $carol->at($_)->connect } @daemons;
	my ($phone, $laptop) = map { $bob->login } 1 .. 2;

	# Commits in a session of its own, where it hangs; returns what ends that.
	my $hang = sub ($sql, $done) {
		my $session = $parley->psql;
		my $pid     = $session->query_safe('SELECT pg_backend_pid()');

		$session->query_until(qr/go/, "\\echo go\nBEGIN; DO \$\$ BEGIN PERFORM chat.act_as(@{[$alice->id]}); END \$\$; $sql; COMMIT;\n");
		$done->();
		return sub {
			$parley->sql("SELECT pg_cancel_backend($pid)");
			$session->query('SELECT 1');
			$session->quit;
		};
	};
	my $is_last = sub ($socket, $state) { (($socket->frames('member'))[-1] // { state => '' })->{state} eq $state };
	my $member_is = sub ($state) {
		return sub { await(sub { !grep { !$is_last->($_, $state) } @witness }, "every feed says $state") };
	};
	my $visible = sub {
		return $parley->sql("SELECT state FROM chat.member WHERE conversation_id = $group AND account_id = @{[$bob->id]}");
	};

	$alice->post("/conversations/$group/members", { username => 'carol' });
	$alice->post("/conversations/$group/members", { username => 'bob' });
	settle(@witness);
	$parley->sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
	$parley->sql('SELECT pg_reload_conf()');
	await(sub { $parley->sql('SHOW synchronous_standby_names') eq 'nobody' }, 'the new setting');

	my $let_go = $hang->("SELECT FROM chat.remove_member($group, @{[$bob->id]})", $member_is->('removed'));
	is $visible->(), 'joined', 'a removal is in the feed, but not in the tables';
	$_->connect->close for $alice, $carol;
	my $his = $bob->connect;
	$let_go->();
	is $visible->(), 'removed', 'now it is in the tables';
	$alice->say($group, 'hidden removal');
	settle($his);
	is_deeply contents($his), [], 'nothing came to who connected in between';
	$his->close;

	$let_go = $hang->("SELECT FROM chat.add_member($group, 'bob')", $member_is->('joined'));
	is $visible->(), 'removed', 'an addition is in the feed, but not in the tables';
	$_->connect->close for $alice, $carol;
	$his = $bob->connect;
	$let_go->();
	$alice->say($group, 'hidden addition');
	settle($his);
	is_deeply contents($his), ['hidden addition'], 'it came to who connected in between';
	$his->close;

	my @old = map { $phone->at($_)->connect } @daemons;
	$let_go = $hang->("UPDATE chat.session SET ended_at = now(), end_reason = 'logout'
		WHERE id = @{[$parley->session_id($phone)]}", sub { $_->await_close for @old });
	is $phone->get('/auth/me')->status, 200, 'a logout is in the feed, but not in the tables';
	$_->connect->close for $alice, $laptop;
	my $new = Parley::Socket->open($parley, headers => { Authorization => 'Bearer ' . $phone->token });
	is $new->await_close, 4501, 'who connects in between is refused';
	is_deeply [ $new->frames('welcome') ], [], 'and not welcomed';
	$let_go->();

	$parley->sql('ALTER SYSTEM RESET synchronous_standby_names');
	$parley->sql('SELECT pg_reload_conf()');
	$_->close for @witness;
};

done_testing;
