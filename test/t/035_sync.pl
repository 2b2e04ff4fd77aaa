# Writers do what they like at once, and one client follows by chat.sync() in small pages: in the
# end it has what the tables have, in every conversation that it is in, and nothing of the others.
# PARLEY_TEST_SEED repeats the choices of a run, though not who was faster.
use strict;
use warnings;

use IPC::Run qw(start);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seed    = $ENV{PARLEY_TEST_SEED} // time % 1_000_000 | 0;
my $seconds = 5;
my $json    = JSON::PP->new->canonical->allow_nonref;
note "seed $seed";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "fsync = off\npg_parley.argon2_memory = '64kB'\nlog_min_messages = warning\n"
	  . "log_min_error_statement = panic\nlog_statement = none\n");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE chat ENCODING UTF8 TEMPLATE template0');

# ---- the writers

# Account 1 owns all groups, so that somebody can always let people in; the client is account 2, which
# stays in the first two.
$node->safe_psql('chat', q{
	CREATE EXTENSION pg_parley;
	SELECT chat.signup(name, name || '@example.org', 'correct horse') FROM unnest('{u1,u2,u3,u4,u5,u6}'::text[]) name;
	BEGIN;
	SELECT chat.act_as(1);
	SELECT chat.create_group('group ' || n, '{u2,u3,u4,u5,u6}', true) FROM generate_series(1, 4) n;
	COMMIT;

	CREATE TABLE surprise (code text, message text);

	-- One act of somebody in some conversation; what is refused by rule does not matter.
	CREATE PROCEDURE act(who int, c int, what int, which float8) LANGUAGE plpgsql AS $$
	DECLARE
		last bigint := (SELECT last_seq FROM chat.conversation_counter WHERE conversation_id = c);
		-- mostly something recent
		s    bigint := greatest(1, last - floor(-ln(1 - which) * 10));
		whom int := 2 + floor(which * 5);
	BEGIN
		PERFORM chat.act_as(who);
		CASE
			WHEN what < 40 THEN PERFORM chat.send(c, 'message ' || which, NULL, CASE WHEN what < 5 AND last > 0 THEN s END);
			WHEN what < 52 THEN PERFORM chat.edit(c, s, 'edited ' || which);
			WHEN what < 60 THEN PERFORM chat.delete(c, s);
			WHEN what < 68 THEN PERFORM chat.react(c, s, '👍');
			WHEN what < 72 THEN PERFORM chat.unreact(c, s, '👍');
			WHEN what < 75 THEN PERFORM chat.pin(c, s);
			WHEN what < 78 THEN PERFORM chat.unpin(c, s);
			WHEN what < 82 THEN PERFORM chat.leave(c) WHERE who > 2 OR who = 2 AND c > 2;
			WHEN what < 88 THEN PERFORM chat.join(c);
			WHEN what < 91 THEN PERFORM chat.act_as(1), chat.remove_member(c, whom) WHERE whom <> 2 OR c > 2;
			WHEN what < 94 THEN PERFORM chat.act_as(1), chat.add_member(c, 'u' || whom);
			WHEN what < 95 THEN PERFORM chat.act_as(1), chat.rename(c, 'renamed ' || which);
			WHEN what < 96 THEN PERFORM chat.act_as(1), chat.set_role(c, whom, CASE WHEN which < 0.5 THEN 'admin' ELSE 'member' END);
			ELSE PERFORM chat.mark_read(c, s);
		END CASE;
	EXCEPTION WHEN OTHERS THEN
		IF SQLSTATE NOT LIKE 'PC%' THEN
			INSERT INTO surprise VALUES (SQLSTATE, SQLERRM);
		END IF;
	END $$});

my $script = PostgreSQL::Test::Utils::tempdir() . '/acts.sql';
append_to_file($script, <<'END');
\set who random(1, 6)
\set other random(1, 4)
\set what random(0, 99)
\set whatelse random(0, 99)
\set which random(0, 999999) / 1000000.0
CALL act(:who, :other, :what, :which);
-- A read position is moved without the conversation's lock: in a longer transaction it comes last.
\set what random(0, 95)
BEGIN;
CALL act(:who, :other, :what, :which);
CALL act(:who, :other, :whatelse, :which);
END;
END
my ($out, $err) = ('', '');
my $writers = start [ 'pgbench', '-n', '-c', '5', '-j', '1', '-T', $seconds, "--random-seed=$seed", '-f', $script,
	$node->connstr('chat') ], '>', \$out, '2>', \$err;

# ---- the client

my %have;    # conversation => { seq, ver, first, messages => { seq => row }, members => { account => row } }
my %seen = map { $_ => 0 } qw(complete more reset gone pages);
{
	# It tells of every query and answer.
	no warnings 'redefine';
	*PostgreSQL::Test::BackgroundPsql::note = sub { };
}
my $client = $node->background_psql('chat', on_error_stop => 1);

sub apply
{
	my ($row) = @_;
	my $id = $row->{conversation_id};

	$seen{ $row->{status} }++;
	return delete $have{$id} if $row->{status} eq 'gone';
	delete $have{$id}        if $row->{status} eq 'reset';
	my $mine = $have{$id} //= { messages => {}, members => {} };

	# What is new follows what is there; of what is known only changes come.
	for my $message (@{ $row->{messages} })
	{
		my $before = $message->{seq} - 1;

		BAIL_OUT("a hole before $id/$message->{seq}") if %{ $mine->{messages} } && !$mine->{messages}{$before};
		$mine->{messages}{ $message->{seq} } = $message;
	}
	exists $mine->{messages}{ $_->{seq} } and $mine->{messages}{ $_->{seq} } = $_ for @{ $row->{changed} };
	$mine->{members}{ $_->{user_id} } = $_ for @{ $row->{memberships} };
	$mine->{name} = $row->{conversation}{name} if $row->{conversation};
	@$mine{qw(seq ver)} = @$row{qw(seq ver)};
}

# How many conversations had something new.
sub catch_up
{
	my $cursors = $json->encode({ map { $_ => { seq => $have{$_}{seq}, ver => $have{$_}{ver} } } keys %have });
	my $rows    = $json->decode($client->query_safe("BEGIN; DO \$\$ BEGIN PERFORM chat.act_as(2); END \$\$;
		SELECT coalesce(json_agg(s), '[]') FROM chat.sync('$cursors', 7) s; COMMIT"));

	$seen{pages}++;
	apply($_) for @$rows;
	return scalar @$rows;
}

catch_up() while $writers->pumpable && do { $writers->pump_nb; 1 };
$writers->finish;
my ($transactions) = $out =~ /actually processed: (\d+)/;
cmp_ok $transactions // 0, '>', 100, "the writers wrote: $transactions transactions" or diag $err;
my $rounds = 0;
1 while catch_up() > 0 && $rounds++ < 1_000_000 / 7;
$client->quit;

# ---- both compared

is $node->safe_psql('chat', 'SELECT DISTINCT code, message FROM surprise'), '', 'nothing was refused that is not by a rule';
note join ' ', map { "$_ $seen{$_}" } sort keys %seen;

sub rows
{
	my ($query) = @_;

	return @{ $json->decode($node->safe_psql('chat', "SELECT coalesce(json_agg(r), '[]') FROM ($query) r")) };
}

my @mine = map { $_->{id} } rows("SELECT conversation_id AS id FROM chat.member WHERE account_id = 2 AND state = 'joined' ORDER BY 1");
is "@{[sort keys %have]}", "@mine", 'the client has its conversations, and no other';
for my $id (@mine)
{
	my $mine = $have{$id};
	my ($first) = sort { $a <=> $b } keys %{ $mine->{messages} };
	my %there = map { $_->{seq} => $_ }
	  rows('SELECT * FROM chat.message_info WHERE conversation_id = ' . $id . ' AND seq >= ' . ($first // 1));
	my @differ = grep { $json->encode($there{$_} // 'none') ne $json->encode($mine->{messages}{$_} // 'none') }
	  sort { $a <=> $b } keys %{ { %there, %{ $mine->{messages} } } };

	is $first, 1, "conversation $id: all messages" if $id <= 2;
	is "@differ", '', "conversation $id: messages from " . ($first // 'none') . ", @{[scalar keys %there]} of them"
	  or diag $json->encode($there{ $differ[0] }), "\n", $json->encode($mine->{messages}{ $differ[0] });

	my %members = map { $_->{user_id} => $_ }
	  rows("SELECT account_id AS user_id, role, state, ver, muted_until FROM chat.member WHERE conversation_id = $id");
	my @wrong = grep { $json->encode($members{$_}) ne $json->encode($mine->{members}{$_}) } keys %{ $mine->{members} };
	is "@wrong", '', '... its members as they are'
	  or diag map { $json->encode($members{$_}) . ' ' . $json->encode($mine->{members}{$_}) . "\n" } @wrong;
	my ($group) = rows("SELECT c.name, k.last_seq, k.last_ver FROM chat.conversation c
		JOIN chat.conversation_counter k ON k.conversation_id = c.id WHERE c.id = $id");
	is "$mine->{name} $mine->{seq} $mine->{ver}", "$group->{name} $group->{last_seq} $group->{last_ver}", '... its name and cursor';
}

$node->stop;
done_testing;
