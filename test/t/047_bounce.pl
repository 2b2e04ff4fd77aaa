# A daemon with many clients is killed while people go on writing, and started again: all come
# back at once, all have everything, and the database is asked few questions.
#
# PARLEY_TEST_CLIENTS says how many (500); each is of an account of its own.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;
use Time::HiRes qw(time);

use Parley;
use Parley::Follower;
use Parley::Socket;

my $clients  = $ENV{PARLEY_TEST_CLIENTS} // 500;
my $per_room = 25;
my $patience = ($ENV{PARLEY_TEST_PATIENCE} // 30) + $clients / 25;
my $parley   = Parley->start(
	flags => {
		'max-connections'       => 2 * $clients,
		'max-logins-per-minute' => 0,
		'auth-timeout-s'        => $patience,      # one process plays all clients
		'log-level'             => 'info'
	},
	pushd => 0);

# People in rooms of $per_room, all of them in the first as well, with a message in each.
$parley->sql(<<SQL);
INSERT INTO chat.account (username, email, display_name)
	SELECT 'p' || n, 'p' || n || '\@example.org', 'P ' || n FROM generate_series(1, $clients) n;
INSERT INTO chat.session (account_id, expires_at) SELECT id, now() + interval '1 day' FROM chat.account ORDER BY id;
INSERT INTO chat.conversation (is_group, name, created_by)
	SELECT true, 'room ' || n, 1 FROM generate_series(0, ($clients - 1) / $per_room + 1) n;
INSERT INTO chat.conversation_counter (conversation_id, last_ver) SELECT id, 1 FROM chat.conversation;
INSERT INTO chat.member (conversation_id, account_id, ver)
	SELECT 1, id, 1 FROM chat.account UNION ALL SELECT 2 + (id - 1) / $per_room, id, 1 FROM chat.account;
SQL
talk('before');

# Everybody's token: those of the first key, signed in one go.
my @tokens = split /\n/, $parley->sql(<<'SQL');
WITH k AS (SELECT kid, algorithm, jwt.url_encode(secret) AS secret FROM chat.jwt_key
			WHERE algorithm = 'EdDSA' ORDER BY created_at DESC LIMIT 1),
	t AS (SELECT s.id, jwt.url_encode(convert_to(jsonb_build_object('alg', algorithm, 'kid', kid)::text, 'UTF8')) || '.' ||
				 jwt.url_encode(convert_to(jsonb_build_object('sub', s.account_id::text, 'sid', s.id,
					'iat', extract(epoch FROM now())::bigint, 'exp', extract(epoch FROM now())::bigint + 3600)::text, 'UTF8')) AS signed
			FROM k, chat.session s)
SELECT signed || '.' || jwt.algorithm_sign(signed, secret, algorithm) FROM k, t ORDER BY id
SQL
is @tokens, $clients, "$clients people";

# A person whom only the token tells.
package Someone
{
	use Mojo::Base -strict, -signatures;
	sub new ($class, $id, $token) { return bless { id => $id, token => $token }, $class }
	sub id ($self) { return $self->{id} }
	sub token ($self) { return $self->{token} }
}

my @crowd = map { Parley::Follower->new(Someone->new($_, $tokens[ $_ - 1 ])) } 1 .. $clients;

# In each room somebody says something, and something older changes in the first.
sub talk ($content)
{
	$parley->sql("DO \$\$ BEGIN
		FOR c IN 1 .. (SELECT max(id) FROM chat.conversation) LOOP
			PERFORM chat.act_as((SELECT min(account_id) FROM chat.member WHERE conversation_id = c));
			PERFORM chat.send(c, '$content');
			IF c = 1 THEN PERFORM chat.edit(1, 1, '$content'); END IF;
		END LOOP;
	END \$\$");
	return;
}

# All at once; how many seconds until the last has everything.
sub come_back ()
{
	my $start   = time;
	my @sockets = map { Parley::Socket->begin($parley) } @crowd;

	await(sub { !grep { !$_->has_opened } @sockets }, 'all handshakes', $patience);
	$crowd[$_]->take($sockets[$_]) for 0 .. $#crowd;
	await(sub { !grep { !$_->apply } @crowd }, 'everybody is in step', $patience);
	return time - $start;
}

sub metrics ()
{
	return { map { /^(parley_\S+) (\d+)$/ ? ($1 => $2) : () } split /\n/, $parley->call(GET => 'root:/metrics')->body };
}

# Requests to the pools of connections since the daemon started, whatever came of them.
sub questions ()
{
	my $metrics = metrics();
	my $count   = 0;

	$count += $metrics->{$_} for grep { /^parley_pool_requests_total/ } keys %$metrics;
	return $count;
}

sub is_complete ($name, @contents)
{
	my @wrong = grep { "@{ $_->complaints }" } @crowd;

	is_deeply [ map { @{ $_->complaints } } @wrong ], [], "$name: each message once, in order";
	for my $follower (@crowd)
	{
		my %expected = (1 => 1, 2 + int(($follower->{user}->id - 1) / $per_room) => 0);
		for my $id (keys %expected)
		{
			my $messages = $follower->room($id)->{messages};
			my @all      = map { $messages->{$_}{content} } sort { $a <=> $b } keys %$messages;
			my @due      = $expected{$id} ? ($contents[-1], @contents[ 1 .. $#contents ]) : @contents;
			next if "@all" eq "@due";
			push @wrong, $follower;
			diag "conversation $id: @all";
		}
	}
	is @wrong, 0, "$name: all have everything";
	return;
}

$parley->start_pushd;
my $took = come_back();
diag sprintf '%d clients come for the first time: %.1f s, %d queries', $clients, $took, questions();
is_complete('the first time', 'before');

$parley->stop_pushd('KILL');
talk('meanwhile');
await(sub { !grep { !$_->socket->is_closed } @crowd }, 'everybody notices', $patience);
$parley->start_pushd;
my $idle = questions();
$took = come_back();
my $asked = questions() - $idle;
diag sprintf '%d clients come back: %.1f s, %d queries, %.2f a client', $clients, $took, $asked, $asked / $clients;
is_complete('after the bounce', 'before', 'meanwhile');
cmp_ok $asked, '<', $clients * 0.2, 'few queries' if Parley::feed() eq 'wal';    # the tables are polled by queries

talk('live');
await(sub { !grep { $_->apply; !$_->room(1)->{messages}{3} } @crowd }, 'what comes next', $patience);
is_complete('and live', 'before', 'meanwhile', 'live');
my %metrics = %{ metrics() };
is $metrics{'parley_connections'}, $clients, 'nobody was sent away';
$parley->stop_pushd('KILL');    # a crowd's farewell takes its time

done_testing;
