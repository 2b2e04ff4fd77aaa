# Eight processes write at once, by SQL, and others by WebSocket: every receiver sees
# 1, 2, 3 … in every conversation, in order, nothing missing and nothing twice.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use IPC::Run ();
use Mojo::File qw(path tempdir);
use Test::More;

use Parley;

my $writers       = 8;
my $each          = 250;
my $by_socket     = 200;
my $conversations = 4;

my $parley = Parley->start;
my ($reader, $other, @people) = $parley->signup(qw(reader other), map { "writer$_" } 1 .. $writers);
my @groups = map { $people[0]->group("group $_", $reader, $other, @people[ 1 .. $#people ]) } 1 .. $conversations;

# What one process does: some transactions are rolled back, some send twice, some lie in
# two conversations.
sub script ($writer)
{
	my $id     = $people[$writer]->id;
	my $script = '';

	for my $n (1 .. $each)
	{
		my ($one, $two) = map { $groups[ ($writer * 7 + $n * 3 + $_) % @groups ] } 0, 1;
		($one, $two) = sort { $a <=> $b } $one, $two;
		$script .= "BEGIN; SELECT FROM chat.act_as($id);\n";
		$script .= "SELECT FROM chat.send($one, '$writer.$n');\n";
		$script .= "SELECT FROM chat.send($two, '$writer.$n.b');\n" if $n % 5 == 0;
		$script .= "SAVEPOINT a; SELECT FROM chat.send($two, 'never'); ROLLBACK TO a;\n" if $n % 7 == 0;
		$script .= $n % 11 == 0 ? "ROLLBACK;\n" : "COMMIT;\n";
	}
	return $script;
}

my $folder  = tempdir;
my @readers = ((map { $reader->connect } 1 .. 2), $other->connect);
my $talker  = $people[3]->connect;

# ---- write

my @processes = map {
	my $file = $folder->child("writer$_.sql")->spurt(script($_));
	IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $parley->node->connstr('chat'), '-f', $file ],
		'<', \undef, '>', \my $out, '2>&1')
} 0 .. $writers - 1;
for my $n (1 .. $by_socket)
{
	$talker->send({ type => 'message', conversation_id => $groups[ $n % @groups ], content => "socket.$n" });
	Mojo::IOLoop->one_tick if $n % 10 == 0;
}
ok $_->finish, 'a writer ended well' for @processes;
$talker->next('ack') for 1 .. $by_socket;

# ---- compare

my %last = map { split /\|/ } split /\n/,
  $parley->sql('SELECT conversation_id, last_seq FROM chat.conversation_counter');
my %stored;
push @{ $stored{ $_->[0] } }, $_->[1] for map { [ split /\|/ ] } split /\n/,
  $parley->sql('SELECT conversation_id, content FROM chat.message ORDER BY conversation_id, seq');

cmp_ok scalar(map { @$_ } values %stored), '>', $writers * $each, 'there was much to say';
for my $receiver (@readers)
{
	for my $group (@groups)
	{
		await(sub { grep { $_->{seq} == $last{$group} } $receiver->messages($group) }, "all of $group");
		my @messages = $receiver->messages($group);
		is_deeply [ map { $_->{seq} } @messages ], [ 1 .. $last{$group} ], "conversation $group: 1 to $last{$group}";
		is_deeply [ map { $_->{content} } @messages ], $stored{$group}, "conversation $group: as stored";
	}
}

# What one writer says stays in the order in which it was said.
my $ordered = 1;
for my $group (@groups)
{
	my %before;
	for my $content (map { $_->{content} } $readers[0]->messages($group))
	{
		my ($writer, $n) = split /\./, $content;
		$ordered = 0 if $n < ($before{$writer} // 0);
		$before{$writer} = $n;
	}
}
ok $ordered, 'each writer in its own order';
is $parley->sql("SELECT count(*) FROM chat.message WHERE content = 'never'"), 0, 'nothing that was undone';

done_testing;
