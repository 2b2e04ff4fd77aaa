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
	my @transactions;

	for my $n (1 .. 120)
	{
		my $group  = $groups[ rand @groups ];
		my $recent = "(SELECT greatest(1, max(seq) - @{[int rand 30]}) FROM chat.message WHERE conversation_id = $group AND sender_id = @{[$writer->id]})";
		my $script = "BEGIN; SELECT FROM chat.act_as(@{[$writer->id]});\n";
		$script .= "SELECT FROM chat.send($group, '@{[$writer->username]} $n @{['x' x rand 100]}');\n" for 1 .. 1 + rand 2;
		$script .= "SELECT FROM chat.react($group, $recent, '👍');\n" if rand() < 0.1;
		$script .= "SELECT FROM chat.edit($group, (SELECT max(seq) FROM chat.message WHERE conversation_id = $group AND sender_id = @{[$writer->id]} AND deleted_at IS NULL), 'edited $n');\n"
		  if rand() < 0.1;
		$script .= "SELECT chat.delete($group, (SELECT max(seq) - 3 FROM chat.message WHERE conversation_id = $group AND sender_id = @{[$writer->id]} AND deleted_at IS NULL));\n"
		  if rand() < 0.02;
		push @transactions, "${script}COMMIT;\n";
	}
	return @transactions;
}

# A psql that takes its transactions one by one.
sub writer ($person)
{
	my $connection = $parley->node->connstr('chat');

	open my $pipe, '|-', "psql -XqAt -d '$connection' >/dev/null 2>&1" or die "psql: $!";
	$pipe->autoflush(1);
	return { pipe => $pipe, transactions => [ script($person) ] };
}

my @followers = map {
	my $follower = Parley::Follower->new($readers[ $_ % @readers ]);
	{ follower => $follower->open($parley)->await_synced, opens => 1 }
} 1 .. 10;

# One step of one client: it looks, or goes and comes back at once, wherever it is.
sub step ($one)
{
	my $follower = $one->{follower};
	my $ready    = $follower->apply;

	return if rand() > ($ready ? 0.1 : 0.02) && !$follower->socket->is_closed;
	$follower->close;
	$follower->open($parley);
	$one->{opens}++;
	return;
}

my @writers = map { writer($_) } @people;
my $lost    = 0;
my $tick    = Mojo::IOLoop->recurring(0.005 => sub { });
while (@writers = grep { @{ $_->{transactions} } || !close $_->{pipe} } @writers)
{
	for my $writer (@writers)
	{
		print { $writer->{pipe} } encode('UTF-8', shift @{ $writer->{transactions} });
	}
	Mojo::IOLoop->one_tick;
	step($_) for @followers;
	$parley->sql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots') if rand() < 0.01 && $lost++ < 2;
}

# The end: everybody comes back once more.
for my $one (@followers)
{
	$one->{follower}->close;
	$one->{follower}->open($parley)->await_synced;
}
my %truth = map { my $id = $_; ($id => [ map { Parley::Follower->summary($_) } $bob->history($id) ]) } @groups;
cmp_ok @{ $truth{$_} }, '>', 50, @{ $truth{$_} } . " messages in conversation $_" for @groups;
# A sync is complete up to where the feed was; what was committed after that comes live.
sub last_of ($follower, $id) { my ($last) = sort { $b <=> $a } keys %{ $follower->room($id)->{messages} }; return $last }
await(sub { $_->{follower}->apply for @followers; !grep { my $one = $_->{follower}; grep { last_of($one, $_) < @{ $truth{$_} } } @groups } @followers },
	'everybody has the last message');

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
