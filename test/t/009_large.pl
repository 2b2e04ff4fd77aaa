# One transaction of 20,000 messages, and messages with every character there is.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;

my $many   = 20_000;
my $parley = Parley->start(flags => { 'max-outbox-bytes' => 64 * 1024 * 1024 });
my ($alice, $bob) = $parley->signup(qw(alice bob));
$parley->sql("SELECT chat.set_rate_limit('send', 'account', NULL, NULL)");
my $large  = $alice->group('large', $bob);
my $other  = $alice->group('other', $bob);
my $socket = $bob->connect;
my $talker = $alice->connect;

sub bytes ($text)
{
	utf8::encode($text);
	return $text;
}

subtest 'a large transaction' => sub {
	my $session = $parley->psql;

	$session->query_safe("BEGIN; SELECT count(*) FROM generate_series(0, 3) part,
		LATERAL (SELECT array_agg(@{[$alice->id]}\::bigint) AS senders, array_agg($large\::bigint) AS conversations,
						array_agg('message ' || n ORDER BY n) AS contents,
						array_agg(NULL::uuid) AS ids, array_agg(NULL::bigint) AS replies
				   FROM generate_series(part * $many / 4 + 1, (part + 1) * $many / 4) n) b,
		LATERAL chat.send_batch(senders, conversations, contents, ids, replies) WHERE error IS NULL");
	$alice->say($other, 'while it is open');
	ok $socket->message('while it is open'), 'another conversation goes on while it is open';
	is scalar($socket->messages($large)), 0, 'nothing comes before the commit';
	$session->query_safe('COMMIT');
	$session->quit;
	for my $n (1 .. 20)
	{
		$talker->send({ type => 'message', conversation_id => $other, content => "after $n" });
		$talker->next('ack');
	}
	ok $socket->message('after 20'), 'another conversation goes on after it';
	is_deeply [ map { $_->{content} } $socket->messages($other) ],
	  [ 'while it is open', map { "after $_" } 1 .. 20 ], 'in order';
	await(sub { $socket->messages($large) == $many }, "$many messages");
	is_deeply [ map { $_->{seq} } $socket->messages($large) ], [ 1 .. $many ], 'all of it comes, in order';
	is_deeply [ map { $_->{content} } $socket->messages($large) ], [ map { "message $_" } 1 .. $many ], 'as it was said';
	is $socket->frames('gap'), 0, 'without a gap';
};

subtest 'every character' => sub {
	my $group = $alice->group('characters', $bob);
	my $size  = 3000;
	my @ranges;

	# all of Unicode but NUL and the surrogates, which are no characters; apart, because of
	# combining marks only 30 may stand in a row
	$parley->sql_as($alice, "SELECT count(*) FROM (
		SELECT chat.send($group, '|' || string_agg(chr(n), ' ' ORDER BY n) || '|')
			FROM generate_series(1, x'10FFFF'::int) n WHERE n NOT BETWEEN x'D800'::int AND x'DFFF'::int
			GROUP BY n / $size ORDER BY n / $size) s");
	my @expected = map {
		my ($from, $to) = ($_ * $size, $_ * $size + $size - 1);
		'|' . join(' ', map { chr } grep { $_ > 0 && $_ <= 0x10FFFF && !($_ >= 0xD800 && $_ <= 0xDFFF) } $from .. $to) . '|'
	} 0 .. 0x10FFFF / $size;
	@expected = grep { $_ ne '||' } @expected;

	await(sub { $socket->messages($group) == @expected }, scalar(@expected) . ' messages');
	my @live    = map { $_->{content} } $socket->messages($group);
	my @history = map { $_->{content} } $bob->history($group);
	is scalar(grep { $live[$_] eq $expected[$_] } 0 .. $#expected), @expected, 'in the events';
	is scalar(grep { $history[$_] eq $expected[$_] } 0 .. $#expected), @expected, 'in the history';
};

subtest 'kinds of text' => sub {
	my $group = $alice->group('texts', $bob);
	my @texts = (
		'"quotes" and \\backslashes\\ and /slashes/',
		"lines\nand\r\nlines\tand\ttabs",
		"controls \x{1}\x{8}\x{c}\x{1f}\x{7f}\x{85}",
		"separators \x{2028}\x{2029}\x{feff}\x{200b}",
		"family \x{1f468}\x{200d}\x{1f469}\x{200d}\x{1f467}\x{200d}\x{1f466} flag \x{1f1e9}\x{1f1ea} skin \x{1f44b}\x{1f3fd}",
		"\x{5e9}\x{5dc}\x{5d5}\x{5dd} \x{645}\x{631}\x{62d}\x{628}\x{627} \x{202e}right to left\x{202c}",
		"combined e\x{301} and composed \x{e9}, z\x{335}\x{321}\x{322}\x{327}\x{328}",
		"\x{4f60}\x{597d} \x{3053}\x{3093} \x{c548}\x{b155} \x{20000}\x{2a6d6}",
		"noncharacters \x{fdd0}\x{fffe}\x{ffff}\x{10ffff} private \x{e000}\x{f0000}",
		'<script>alert("x")</script> &amp; {"type":"message"} \\u0000 \\n',
		'  blanks around  ',
		'x' x 16_384,
		"\x{1f642}" x 4096);

	for my $text (@texts)
	{
		my $name = length $text > 60 ? substr($text, 0, 20) . '…' : $text;
		my @seqs = (
			$alice->say($group, $text)->{seq},
			$parley->sql_as($alice, "SELECT seq FROM chat.send($group, convert_from('\\x"
				  . unpack('H*', bytes($text)) . "', 'UTF8'))"));
		$talker->send({ type => 'message', conversation_id => $group, content => $text });
		push @seqs, $talker->next('ack')->{seq};
		await(sub { grep { $_->{seq} == $seqs[-1] } $socket->messages($group) }, 'the three');
		my @live    = map { $_->{content} } ($socket->messages($group))[ -3 .. -1 ];
		my @history = map { $_->{content} } ($bob->history($group, $seqs[0] - 1));
		is_deeply [ @live, @history ], [ ($text) x 6 ], bytes($name =~ s/[[:cntrl:]]/?/gr);
	}

	my $escaped = '{"type":"message","conversation_id":%d,"content":"\ud83d\ude42 \u00e9 \/ \u0022 \u000a"}';
	$talker->send_bytes(sprintf $escaped, $group);
	ok $socket->message("\x{1f642} \x{e9} / \" \n"), 'as escapes';
};

done_testing;
