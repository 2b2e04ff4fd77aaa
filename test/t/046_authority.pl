# Who loses the right to hear hears nothing more (I5): at every daemon, to the transaction,
# while a stream of messages goes on that never lets up.
#
# The transaction that takes the right away says "last" before that and "never" behind it.
# The tables show what has become of a row, not when: where it cannot be known what was said
# before, whoever goes misses that, too (extension/gateway_feed.c).
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IPC::Run ();
use Mojo::File qw(tempdir);
use Test::More;
use Time::HiRes qw(time);

use Parley;
use Parley::User;

my $parley  = Parley->start(flags => { 'max-logins-per-minute' => 0, 'log-level' => 'info' });
my @daemons = ($parley->alone, $parley->siblings ? $parley->siblings : map { $parley->beside } 1 .. 2);
my ($alice, $witness, $writer) = $parley->signup(qw(alice witness writer));
my $open    = $alice->group('open', $witness, $writer);
my @watch   = everywhere($witness);
my $session = $parley->psql;
my $people  = 0;
my $is_wal  = Parley::feed() eq 'wal';
my @delays_ms;    # from before the COMMIT to the close or the event, at the later daemon

sub everywhere ($user) { return map { $user->at($_)->connect } @daemons }

# ---- the stream: the writer says something in each of his conversations, in turn, until
# the file goes.  The pause is what two watchers in Perl can take.
my $folder = tempdir;
my $goes   = $folder->child('goes')->spurt('');
my $script = $folder->child('stream.sql')->spurt(<<SQL);
CREATE PROCEDURE pg_temp.stream() LANGUAGE plpgsql AS \$\$
DECLARE
	conversation bigint;
BEGIN
	WHILE (pg_stat_file('$goes', true)).size IS NOT NULL LOOP
		FOR conversation IN SELECT conversation_id FROM chat.member
				WHERE account_id = @{[$writer->id]} AND state = 'joined' LOOP
			PERFORM chat.act_as(@{[$writer->id]});
			BEGIN
				PERFORM chat.send(conversation, 'stream');
			EXCEPTION WHEN OTHERS THEN
				NULL; -- the conversation has just ended
			END;
			COMMIT;
			PERFORM pg_sleep(0.002);
		END LOOP;
	END LOOP;
END \$\$;
CALL pg_temp.stream();
SQL
my $connection = $parley->node->connstr('chat');
my $stream     = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $connection, '-f', "$script" ],
	'<', \undef, '>', \my $told, '2>&1');

# ---- one transaction

sub become ($who) { return "DO \$\$ BEGIN PERFORM chat.act_as(@{[$who->id]}); END \$\$" }

sub authenticate ($who) { return "DO \$\$ BEGIN PERFORM chat.authenticate('@{[$who->token]}'); END \$\$" }

sub say_in ($group, $content) { return become($alice), "SELECT FROM chat.send($group, '$content')" }

# Commits it and waits until the condition holds for all the sockets.
sub commit ($statements, $sockets, $condition, $what)
{
	$session->query_safe('BEGIN');
	$session->query_safe($_) for @$statements;
	my $before = time;
	$session->query_safe('COMMIT');
	await(sub { !grep { !$condition->($_) } @$sockets }, $what);
	push @delays_ms, 1000 * (time - $before);
	return;
}

# Then all that was committed until now has come to whoever is there.
sub settle ($group)
{
	my @before = map { scalar $_->messages($open) } @watch;

	$alice->say($open, 'settled ' . ++$people);
	$_->message("settled $people") for @watch;
	await(
		sub { !grep { $watch[$_]->messages($open) < $before[$_] + 10 } 0 .. $#watch },
		'the stream goes on');
	return;
}

sub contents ($socket, $group)
{
	return [ grep { $_ ne 'stream' } map { $_->{content} } $socket->messages($group) ];
}

# Somebody on two devices, each with a socket at each daemon, in a group of their own.
sub newcomer ()
{
	my $user   = $parley->signup('person' . ++$people);
	my %device = (phone => $user, laptop => $user->login);
	my $group  = $alice->group("group $people", $user, $witness, $writer);
	my %sockets = map { $_ => [ everywhere($device{$_}) ] } keys %device;

	for my $socket (map { @$_ } values %sockets)
	{
		await(sub { scalar $socket->messages($group) }, 'the stream');
	}
	return { %device, user => $user, group => $group, sockets => \%sockets };
}

# ---- memberships: the sockets stay, the conversation ends

my %memberships = (
	'removed' => sub ($one) { "SELECT chat.remove_member($one->{group}, @{[$one->{user}->id]})" },
	'banned'  => sub ($one) { "SELECT chat.ban($one->{group}, @{[$one->{user}->id]})" },
	'left'    => sub ($one) { become($one->{user}), "SELECT chat.leave($one->{group})" },
	'removed, by UPDATE' => sub ($one) {
		"WITH taken AS (UPDATE chat.conversation_counter SET last_ver = last_ver + 1
						 WHERE conversation_id = $one->{group} RETURNING last_ver)
		 UPDATE chat.member SET state = 'removed', changed = 'm', ver = last_ver FROM taken
		  WHERE conversation_id = $one->{group} AND account_id = @{[$one->{user}->id]}";
	});

# The own membership has ended.
sub is_end ($one, $frame)
{
	return $frame->{type} eq 'member' && $frame->{user_id} == $one->{user}->id && $frame->{state} ne 'joined';
}

# What a socket got of the group: it ends with the member event.
sub ends_there ($one, $socket, $name)
{
	my @frames = grep { ($_->{conversation_id} // 0) == $one->{group} } $socket->frames;
	my ($end)  = grep { is_end($one, $frames[$_]) } 0 .. $#frames;

	is_deeply [ @frames[ $end + 1 .. $#frames ] ], [], "$name: nothing after the member event";
	return @frames[ $end - 1, $end ];
}

for my $name (sort keys %memberships)
{
	subtest $name => sub {
		my $one     = newcomer();
		my $group   = $one->{group};
		my @sockets = map { @$_ } values %{ $one->{sockets} };

		commit(
			[ say_in($group, 'last'), become($alice), $memberships{$name}->($one), say_in($group, 'never') ],
			\@sockets,
			sub ($socket) { grep { is_end($one, $_) } $socket->frames('member') },
			'the member event');
		$alice->say($group, 'never either');
		settle($group);
		for my $n (0 .. $#sockets)
		{
			my ($before, $event) = ends_there($one, $sockets[$n], "socket $n");
			is $before->{content}, $is_wal || $name !~ /UPDATE/ ? 'last' : 'stream', "socket $n: right before it what was said before";
			is $event->{state}, $name =~ s/,.*//r, "socket $n: why";
			ok !$sockets[$n]->is_closed, "socket $n stays";
		}
		is_deeply contents($_, $group), [ 'last', 'never', 'never either' ], 'the others hear all' for @watch;
		$_->close for @sockets;
	};
}

subtest 'the group is deleted' => sub {
	my $one     = newcomer();
	my @sockets = map { @$_ } values %{ $one->{sockets} };

	commit(
		[ say_in($one->{group}, 'last'), "SELECT chat.delete_group($one->{group})" ],
		\@sockets,
		sub ($socket) { grep { is_end($one, $_) } $socket->frames('member') },
		'the member event');
	settle($one->{group});
	for my $n (0 .. $#sockets)
	{
		my @frames = grep { ($_->{conversation_id} // 0) == $one->{group} } $sockets[$n]->frames;
		my ($end) = grep { is_end($one, $frames[$_]) } 0 .. $#frames;
		is_deeply [ @frames[ $end + 1 .. $#frames ] ], [], "socket $n: nothing after the member event";
		is_deeply contents($sockets[$n], $one->{group}), ['last'], "socket $n: what was said before comes";
		ok !$sockets[$n]->is_closed, "socket $n stays";
		$sockets[$n]->close;
	}
};

# ---- sessions: these devices' sockets are closed, the others stay

my %sessions = (
	'logout' => [ 4501, ['phone'], sub ($one) { authenticate($one->{phone}), 'SELECT chat.logout()' } ],
	'revoke_session' => [ 4501, ['phone'], sub ($one) {
		authenticate($one->{laptop}), "SELECT chat.revoke_session(@{[$parley->session_id($one->{phone})]})";
	} ],
	'logout_all' => [ 4501, [ 'phone', 'laptop' ], sub ($one) {
		authenticate($one->{phone}), 'SELECT chat.logout_all()';
	} ],
	'delete_account' => [ 4502, [ 'phone', 'laptop' ], sub ($one) {
		authenticate($one->{phone}), "SELECT chat.delete_account('@{[Parley::User->password]}')";
	} ]);

for my $name (sort keys %sessions)
{
	subtest $name => sub {
		my ($code, $closed, $statements) = @{ $sessions{$name} };
		my $one    = newcomer();
		my $group  = $one->{group};
		my @closed = map { @{ delete $one->{sockets}{$_} } } @$closed;
		my @stay   = map { @$_ } values %{ $one->{sockets} };

		commit([ say_in($group, 'last'), $statements->($one), say_in($group, 'never') ],
			\@closed, sub ($socket) { $socket->is_closed }, 'the close');
		is $_->await_close, $code, 'closed' for @closed;
		for my $socket (@closed)
		{
			is_deeply contents($socket, $group), [ $is_wal ? 'last' : () ], 'having heard what was said before, and nothing else';
			is +(($socket->messages($group))[-1])->{content}, $is_wal ? 'last' : 'stream', 'nor of the stream';
		}
		settle($group);
		is_deeply contents($_, $group), [ 'last', 'never' ], 'the other device hears all' for @stay;
		$_->close for @stay;
	};
}

$_->close for @watch;
$goes->remove;
ok $stream->finish, 'the stream ended well' or diag $told;
my @sorted = sort { $a <=> $b } @delays_ms;
diag sprintf 'from COMMIT to the last of the sockets: %.0f ms, at most %.0f ms (%d times)',
  $sorted[ @sorted / 2 ], $sorted[-1], scalar @sorted;
cmp_ok $sorted[ @sorted / 2 ], '<', 1000, 'and soon';

done_testing;
