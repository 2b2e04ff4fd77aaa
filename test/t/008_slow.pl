# A client that reads too slowly is told what it has missed, or is put out; nobody waits
# for it.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Mojo::JSON qw(decode_json);
use Test::More;

use Parley;
use Parley::Raw;

my $parley = Parley->start(flags => { 'max-outbox-bytes' => 65_536, 'heartbeat-s' => 600 });
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $team  = $alice->group('team', $bob);
my $total = 0;

sub say_many ($messages)
{
	$parley->sql_as($alice, "SELECT count(*) FROM (SELECT chat.send($team, n || repeat('x', 15000))
		FROM generate_series($total + 1, $total + $messages) n) s");
	$total += $messages;
	return;
}

# More than the sockets on the way to a slow one can hold; a transaction at a time, so
# that who reads is not slow.
sub flood ($quick, $daemon = $parley)
{
	my $start  = $total;
	my $before = $daemon->metric('parley_frames_dropped_total');

	for my $round (1 .. 100)
	{
		say_many(25);
		await(sub { $quick->messages($team) == $total - $start }, "messages up to $total");
		return pass 'what is left out is counted' if $daemon->metric('parley_frames_dropped_total') > $before;
	}
	return fail 'nothing is left out';
}

subtest 'a client that reads after a while' => sub {
	my $quick = $bob->connect;
	my $slow  = Parley::Raw->websocket($parley, $bob->token);
	my (@seqs, @gaps);

	my $read = sub {
		my $frame = $slow->frame;
		die 'closed ' . unpack 'n', $frame->{payload} if $frame->{opcode} == 8;
		for my $object ($frame->{opcode} == 1 ? map { decode_json($_) } split /\n/, $frame->{payload} : ())
		{
			push @seqs, $object->{seq} if $object->{type} eq 'message';
			push @gaps, $object if $object->{type} eq 'gap';
		}
	};

	flood($quick);
	is_deeply [ map { $_->{seq} } $quick->messages($team) ], [ 1 .. $total ], 'who reads has everything';
	is $quick->frames('gap'), 0, 'and no gap';

	$read->() until @gaps;
	is_deeply \@seqs, [ 1 .. @seqs ], 'the slow one has the beginning';
	is_deeply \@gaps, [ { type => 'gap', conversation_id => $team } ],
	  'then it is told from where it has a gap';
	cmp_ok scalar(@seqs), '<', $total, 'it has missed something';
	is_deeply [ map { $_->{seq} } $bob->history($team, scalar @seqs) ], [ @seqs + 1 .. $total ], 'history has the rest';
	@seqs = ();
	say_many(1);
	$read->() until @seqs;
	is_deeply \@seqs, [$total], 'and from there it is live again';
	$quick->close;
};

subtest 'a client that never reads' => sub {
	my $daemon = $parley->beside('heartbeat-s' => 5);
	my $quick  = $bob->at($daemon)->connect;
	my $dead   = Parley::Raw->websocket($daemon, $bob->token);

	is $daemon->metric('parley_connections'), 2, 'two connections';
	flood($quick, $daemon);
	await(sub { $daemon->metric('parley_connections') == 1 }, 'the one that never reads is put out');
	pass 'is put out';
	ok !$quick->is_closed, 'the other is not';
	say_many(1);
	await(sub { grep { $_->{seq} == $total } $quick->messages($team) }, 'one more');
	pass 'and goes on';
	$quick->close;
};

done_testing;
