# The primary dies and a standby takes its place: the daemon finds it by itself, clients come
# back to it, and end up with exactly what it has, were they ahead of it or not.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use Test::More;

use Parley;
use Parley::Follower;
use Parley::User;

my $parley = Parley->start(alone => 1, pushd => 0, flags => { 'pool-wait-ms' => 500 });
my $nobody = Parley::User->nobody($parley);

# ---- servers

my @nodes = ($parley->node, map { standby($_) } 1 .. 2);

sub standby ($n)
{
	my $standby = PostgreSQL::Test::Cluster->new("standby$n");

	$parley->node->backup('copy') if $n == 1;
	$standby->init_from_backup($parley->node, 'copy', has_streaming => 1);
	$standby->start;
	return $standby;
}

sub configure ($node, $setting)
{
	$node->safe_psql('postgres', "ALTER SYSTEM SET $setting");
	$node->reload;
	return;
}

sub follow ($standby, $primary)
{
	configure($standby, "primary_conninfo = '@{[$primary ? $primary->connstr : '']}'");
	return;
}

sub takes_over ($standby)
{
	$parley->node->stop('immediate');
	$standby->promote;
	$parley->{node} = $standby;
	return;
}

# ---- people

sub readyz () { return eval { $nobody->call(GET => 'root:/readyz')->json } // {} }

sub feed_is ($name) { return await(sub { (readyz->{feed} // '') eq $name }, "the feed is $name") }

# Comes back until it is let in.
sub come_back ($follower)
{
	await(sub { eval { $follower->open($parley)->await_synced } }, 'a client is back');
	return $follower;
}

# What the client has is what the server has, no less and no more.
sub is_same ($follower, $user, $conversation, $name)
{
	my @server = map { Parley::Follower->summary($_) } $user->history($conversation);
	return is_deeply $follower->summaries($conversation), \@server, $name;
}

my $hosts = join ',', map { $_->host } @nodes;
my $ports = join ',', map { $_->port } @nodes;
$parley->{flags}{database} =
  "host=$hosts port=$ports dbname=chat user=parley_pushd target_session_attrs=read-write";
$parley->start_pushd;

my ($alice, $bob, $carol) = $parley->signup(qw(alice bob carol));
my $team = $alice->group('team', $bob, $carol);
my ($his, $hers) = map { Parley::Follower->new($_)->open($parley)->await_synced } $bob, $carol;

# Says something, and again with the same id until that is taken.
sub insist ($user, $conversation, $content)
{
	state $n = 0;
	my $id = sprintf '7f0b7c5e-9d0a-4c4b-8a51-%012d', ++$n;
	my $message = { content => $content, client_id => $id };

	return await(
		sub {
			my $answer = eval { $user->post("/conversations/$conversation/messages", $message) };
			$answer && $answer->status =~ /^2/ && $answer->json;
		},
		"\"$content\" is taken");
}

subtest 'the standby has everything' => sub {
	my $pid = $parley->pid;

	$alice->say($team, "before $_") for 1 .. 3;
	$_->await_cursor($team, 3, 0) for $his, $hers;
	$nodes[0]->wait_for_catchup($_) for @nodes[ 1, 2 ];
	follow($nodes[2], $nodes[1]);
	takes_over($nodes[1]);
	insist($alice, $team, 'meanwhile');
	is $_->socket->await_close, 4004, 'clients are told' for $his, $hers;
	come_back($_) for $his, $hers;
	feed_is(Parley::feed() eq 'wal' ? 'wal' : 'table');
	insist($alice, $team, 'live');
	for my $one ($his, $hers)
	{
		$one->await_cursor($team, 5, 0);
		is_same($one, $alice, $team, 'nothing is lost or doubled');
		is_deeply $one->complaints, [], 'nor out of order';
	}
	is $parley->pid, $pid, 'all by itself';
};

# What is said and changed is delivered, but not copied.
subtest 'the standby lacks the last moments' => sub {
	my $primary = $parley->node;
	my $standby = $nodes[2];
	my $resets  = $his->room($team)->{resets};
	my $copies  = sub { $primary->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_replication WHERE application_name = 'standby2'") };

	await(sub { $copies->() == 1 }, 'the second standby follows');
	$alice->say($team, 'kept');
	$_->await_cursor($team, 6, 0) for $his, $hers;
	$primary->wait_for_catchup($standby);
	follow($standby, undef);
	await(sub { $copies->() == 0 }, 'it does not any more');
	$alice->say($team, "lost $_") for 1 .. 3;
	$alice->must($alice->call(PATCH => "/conversations/$team/messages/1", body => { content => "edit $_ lost" })) for 1 .. 2;
	for my $one ($his, $hers)
	{
		await(sub { $one->apply; "@{ $one->summaries($team) }" =~ /edit 2 lost.*lost 3/ }, 'all of it is delivered');
	}
	takes_over($standby);
	is $_->socket->await_close, 4004, 'clients are told' for $his, $hers;

	come_back($his);
	is_same($his, $alice, $team, 'who comes back at once has what the server has');
	is $his->room($team)->{resets}, $resets + 1, 'having forgotten the rest';
	insist($alice, $team, "again $_") for 1 .. 4;
	$alice->must($alice->call(PATCH => "/conversations/$team/messages/2", body => { content => "edit $_" })) for 1 .. 3;
	await(sub { $his->apply; grep { /^2\|edit 3/ } @{ $his->summaries($team) } }, 'the last of it');
	is_same($his, $alice, $team, 'and gets what has the same numbers');

	come_back($hers);
	is_same($hers, $alice, $team, 'who comes back later, too');
	is_deeply [ map { @{ $_->complaints } } $his, $hers ], [], 'each once, in order';
};

# One that refuses is passed over by libpq; one that says nothing must not be tried for ever.
subtest 'the first server hangs' => sub {
	my $deaf  = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die "socket: $!";
	my $other = $parley->beside(database => $parley->{flags}{database} =~ s/host=/host=127.0.0.1,/r
		  =~ s/port=/port=@{[$deaf->sockport]},/r . ' connect_timeout=2');

	like $other->log, qr/did not answer in time/, 'the log says so';
	my $socket = $alice->at($other)->connect;
	insist($alice, $team, 'by the next');
	ok $socket->message('by the next'), 'the next one serves';
	$socket->close;
};

$_->close for $his, $hers;
done_testing;
