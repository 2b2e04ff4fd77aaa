# Many clients come and go at random points while others write by SQL; memory is scarce, so that
# some syncs are served from it and others from the tables.  Whatever happens in between,
# each client gets every message once, in order, and ends with what the tables say.
#
# PARLEY_TEST_SEED repeats a run, as far as the processes let it.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;
use utf8;

use Encode qw(encode);
use Mojo::File qw(tempdir);
use POSIX ();
use Test::More;

use Parley;
use Parley::Follower;

my $seed = $ENV{PARLEY_TEST_SEED} // int rand 2**31;
srand $seed;
diag "PARLEY_TEST_SEED=$seed";

my $parley = Parley->start(flags => { 'max-logins-per-minute' => 0, 'ring-conversation-bytes' => 20_000, 'max-outbox-bytes' => 20_000 });
my ($alice, $bob, @people) = $parley->signup(qw(alice bob), map { "writer$_" } 1 .. 4);
my @groups = map { $alice->group("group $_", $bob, @people) } 1 .. 3;
my @readers = ($bob, @people);

# Sends, and now and then a change of something older.
sub script ($writer)
{
	my $script = '';

	for my $n (1 .. 250)
	{
		my $group  = $groups[ rand @groups ];
		my $recent = "(SELECT greatest(1, max(seq) - @{[int rand 30]}) FROM chat.message WHERE conversation_id = $group AND sender_id = @{[$writer->id]})";
		$script .= "BEGIN; SELECT FROM chat.act_as(@{[$writer->id]});\n";
		$script .= "SELECT FROM chat.send($group, '@{[$writer->username]} $n @{['x' x rand 300]}');\n" for 1 .. 1 + rand 2;
		$script .= "SELECT FROM chat.react($group, $recent, '👍');\n" if rand() < 0.1;
		$script .= "SELECT FROM chat.edit($group, (SELECT max(seq) FROM chat.message WHERE conversation_id = $group AND sender_id = @{[$writer->id]} AND deleted_at IS NULL), 'edited $n');\n"
		  if rand() < 0.1;
		$script .= "SELECT chat.delete($group, (SELECT max(seq) - 3 FROM chat.message WHERE conversation_id = $group AND sender_id = @{[$writer->id]} AND deleted_at IS NULL));\n"
		  if rand() < 0.02;
		$script .= "COMMIT;\n";
	}
	return $script;
}

my $folder = tempdir;

# Returns the process.
sub write_on ($writer)
{
	my $file = $folder->child($writer->username . '.sql')->spurt(encode('UTF-8', script($writer)));
	my $pid  = fork // die "fork: $!";

	return $pid if $pid;
	open STDIN,  '<', "$file";
	open STDOUT, '>', '/dev/null';
	open STDERR, '>&', \*STDOUT;
	{ exec 'psql', '-XqAt', '-d', $parley->node->connstr('chat') }
	POSIX::_exit(127);
}

my @writers = map { write_on($_) } @people;

my @followers = map {
	my $follower = Parley::Follower->new($readers[ $_ % @readers ]);
	{ follower => $follower->open($parley)->await_synced, opens => 1 }
} 1 .. 20;

# One step of one client: it looks, or goes and comes back at once, wherever it is.
sub step ($one)
{
	my $follower = $one->{follower};
	my $ready    = $follower->apply;

	return if rand() > 0.1 && !$follower->socket->is_closed;
	return if !$ready && rand() < 0.5;
	$follower->close;
	$follower->open($parley);
	$one->{opens}++;
	return;
}

my $lost = 0;
my $tick = Mojo::IOLoop->recurring(0.005 => sub { });
while (@writers = grep { waitpid($_, POSIX::WNOHANG()) == 0 } @writers)
{
	Mojo::IOLoop->one_tick;
	step($followers[ rand @followers ]);
	$parley->sql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots') if rand() < 0.003 && $lost++ < 2;
}
Mojo::IOLoop->remove($tick);

# The end: everybody comes back once more.
for my $one (@followers)
{
	$one->{follower}->close;
	$one->{follower}->open($parley)->await_synced;
}
my %truth = map { my $id = $_; ($id => [ map { Parley::Follower->summary($_) } $bob->history($id) ]) } @groups;
for my $n (0 .. $#followers)
{
	my $follower = $followers[$n]{follower};
	is_deeply $follower->complaints, [], "client $n, $followers[$n]{opens} times here: each message once, in order";
	for my $id (@groups)
	{
		my $last = @{ $truth{$id} };
		my $room = $follower->room($id);
		my @seqs = sort { $a <=> $b } keys %{ $room->{messages} };
		is "$seqs[0] .. $seqs[-1], " . @seqs, ($last - @seqs + 1) . " .. $last, " . @seqs, "client $n has the last @{[scalar @seqs]} of conversation $id";
		my @expected = @{ $truth{$id} }[ $last - @seqs .. $last - 1 ];
		is_deeply $follower->summaries($id), \@expected, "client $n: conversation $id is as the tables have it";
	}
}
my %metric = map { /^(parley_resume\S+) (\d+)/ ? ($1 => $2) : () } split /\n/, $parley->call(GET => 'root:/metrics')->body;
note explain \%metric;
cmp_ok $metric{'parley_resumes_total{from="ring"}'}, '>', 0, 'some were served from memory';
cmp_ok $metric{'parley_resumes_total{from="database"}'}, '>', 0, 'some from the tables';

done_testing;
