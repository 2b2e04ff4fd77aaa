# One client that does not read, among three hundred that do: nobody waits for it, what
# waits for it is bounded, and it is told that it has a gap or put out; each is counted.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Mojo::JSON qw(decode_json);
use Test::More;

use Parley;
use Parley::Raw;

my $quick_ones = 300;
my $outbox     = 65_536;
my $parley     = Parley->start(
	alone => 1,
	flags => { 'max-outbox-bytes' => $outbox, 'heartbeat-s' => 600, 'max-connections-per-account' => 1000 });
my ($alice, $bob, $carol) = $parley->signup(qw(alice bob carol));
my $team = $alice->group('team', $bob, $carol);
my $side = $alice->group('side', $carol);         # what makes a reader slow is not for the others
my %sent = ($team => 0, $side => 0);
my @sockets = map { Parley::Socket->begin($parley, headers => { Authorization => 'Bearer ' . $bob->token }) } 1 .. $quick_ones;

await(sub { @sockets == grep { $_->has_opened && $_->frames('welcome') } @sockets }, 'all are welcome');

sub metric ($series) { return $parley->metric($series) }

sub dropped ($reason) { return metric("parley_frames_dropped_total{reason=\"$reason\"}") }

# Large messages that are not for them, then a small one, in one transaction; returns when
# all who read have it.
sub say_many ($count)
{
	$parley->sql_as($alice, "SELECT count(*) FROM (SELECT chat.send($side, n || repeat('x', 15000))
		FROM generate_series(1, $count) n) s; SELECT chat.send($team, 'small')");
	$sent{$side} += $count;
	$sent{$team}++;
	await(sub { !grep { $_->messages($team) < $sent{$team} } @sockets }, "message $sent{$team} for those who read");
	return;
}

# Until the daemon has left something out for the one that does not; the most that waited.
sub flood
{
	my $most = 0;

	for my $round (1 .. 100)
	{
		say_many(25);
		my $waits = metric('parley_outbox_bytes');
		$most = $waits if $waits > $most;
		return $most if dropped('outbox_full') > 0 || metric('parley_closes_total{reason="slow_consumer"}') > 0;
	}
	die "nothing was left out\n";
}

my $slow = Parley::Raw->websocket($parley, $carol->token);

subtest 'one does not read' => sub {
	my $most = flood();

	is scalar(grep { $_->messages($team) != $sent{$team} } @sockets), 0, "the $quick_ones others have all";
	is scalar(grep { $_->frames('gap') || $_->is_closed } @sockets), 0, 'without a gap';
	cmp_ok $most, '>', 0, 'something waits for the slow one';
	cmp_ok metric('parley_outbox_bytes'), '<=', $outbox, 'no more than it may';
	cmp_ok $most, '<=', $outbox, 'at no time';
	my $left_out = dropped('outbox_full');
	say_many(3);
	is dropped('outbox_full'), $left_out + 4, 'what is left out is counted, frame by frame';
	is dropped($_), 0, "none for another reason: $_" for qw(ephemeral slow_consumer closed);
};

subtest 'it reads again' => sub {
	my (%seqs, %gaps);

	until (keys %gaps == 2)
	{
		my $frame = $slow->frame;
		die 'closed ' . unpack 'n', $frame->{payload} if $frame->{opcode} == 8;
		for my $object ($frame->{opcode} == 1 ? map { decode_json($_) } split /\n/, $frame->{payload} : ())
		{
			push @{ $seqs{ $object->{conversation_id} } }, $object->{seq} if $object->{type} eq 'message';
			$gaps{ $object->{conversation_id} }++ if $object->{type} eq 'gap';
		}
	}
	is_deeply \%gaps, { $team => 1, $side => 1 }, 'it is told where it has gaps';
	is_deeply $seqs{$_}, [ 1 .. @{ $seqs{$_} } ], 'behind the beginning, which it has' for $team, $side;
	cmp_ok scalar @{ $seqs{$side} }, '<', $sent{$side}, 'but not all';
	is dropped('outbox_full'), $sent{$team} + $sent{$side} - @{ $seqs{$team} } - @{ $seqs{$side} },
	  'the counter has the rest';
	is metric('parley_outbox_bytes'), 0, 'nothing waits any more';
};

# Answers cannot be left out: who asks and does not read them is put out.
subtest 'it asks and does not read' => sub {
	my $ping = Parley::Raw->bytes('{"type":"' . 'x' x 30 . '"}') x 2000;

	for my $round (1 .. 100)
	{
		last if dropped('slow_consumer') > 0;
		$slow->write($ping);
	}
	await(sub { metric('parley_closes_total{reason="slow_consumer"}') == 1 }, 'it is put out, and counted');
	cmp_ok dropped('slow_consumer'), '>', 0, 'by what could not be left out';
	cmp_ok dropped('closed'),        '>', 0, 'and what waited goes with it';
	is metric('parley_outbox_bytes'), 0, 'nothing waits any more';
	my $frame;
	do { $frame = $slow->frame } until $frame->{opcode} == 8;
	ok $frame->{payload} eq '' || unpack('n', $frame->{payload}) == 4003, 'it is told so by 4003, if it gets that far';
	say_many(1);
	is scalar(grep { $_->is_closed || $_->messages($team) != $sent{$team} } @sockets), 0, 'the others go on';
};

done_testing;
