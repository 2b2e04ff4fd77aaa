# permessage-deflate (RFC 7692): off by default, agreed on when switched on, each message by
# itself, and no harm from what a hostile client compresses.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Compress::Raw::Zlib;
use Test::More;

use Parley;
use Parley::Answer qw(compose parse);
use Parley::Raw;

my $parley = Parley->start(flags => { 'heartbeat-s' => 600 });
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $team = $alice->group('team', $bob);
my $size = 65_536;    # max-frame-bytes

sub offer ($offer) { return "Sec-WebSocket-Extensions: $offer\r\n" }

sub agreed ($raw)
{
	my ($answer) = $raw->{head} =~ /^sec-websocket-extensions: (.*?)\r?$/im;
	return $answer;
}

# As a client does it that keeps to client_no_context_takeover.
sub packed ($text)
{
	my ($deflate) = Compress::Raw::Zlib::Deflate->new(WindowBits => -15, AppendOutput => 1);
	my $bytes = '';

	$deflate->deflate($text, $bytes);
	$deflate->flush($bytes, Z_SYNC_FLUSH);
	return substr $bytes, 0, -4;
}

sub unpacked ($bytes, $bits = 15)
{
	my ($inflate) = Compress::Raw::Zlib::Inflate->new(WindowBits => -$bits);
	my $text;

	$bytes .= "\x00\x00\xff\xff";
	$inflate->inflate($bytes, $text);
	return $text;
}

sub metric ($series) { return $parley->metric($series) }

# The next frames until the objects of this type are so many: [object, was compressed].
sub objects ($raw, $type, $count, $bits = 15)
{
	my @found;

	while (@found < $count)
	{
		my $frame = $raw->frame;
		$frame->{opcode} != 8 or die 'closed ' . unpack 'n', $frame->{payload};
		next if $frame->{opcode} != 1;
		my $packed = $frame->{rsv} == 4;
		my $text = $packed ? unpacked($frame->{payload}, $bits) : $frame->{payload};
		push @found, map { [ $_, $packed ] } grep { $_->{type} eq $type } map { parse($_) } split /\n/, $text;
	}
	return @found;
}

sub message ($content) { return compose({ type => 'message', conversation_id => $team, content => $content }) }

subtest 'off' => sub {
	my $raw = Parley::Raw->websocket($parley, $alice->token, offer('permessage-deflate; client_max_window_bits'));

	is agreed($raw), undef, 'it is not agreed on';
	$raw->write(Parley::Raw->bytes(packed(message('hello')), rsv => 4));
	is $raw->complaint, 1002, 'and a compressed message is an error';
};

$parley->stop_pushd;
$parley->start_pushd('permessage-deflate' => 'on', 'heartbeat-s' => 600);

my $alone = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';

subtest 'agreed on' => sub {
	my %offers = (
		'permessage-deflate; client_max_window_bits'                             => $alone,
		'permessage-deflate'                                                     => $alone,
		'permessage-deflate; server_max_window_bits=15'                          => "$alone; server_max_window_bits=12",
		'permessage-deflate; server_max_window_bits=8, permessage-deflate'       => $alone,
		'permessage-deflate; server_max_window_bits=8'                           => undef,
		'permessage-deflate; client_max_window_bits=99'                          => undef,
		'x-unheard-of'                                                           => undef);

	for my $offer (sort keys %offers)
	{
		is agreed(Parley::Raw->websocket($parley, $alice->token, offer($offer))), $offers{$offer}, $offer;
	}
	is agreed(Parley::Raw->websocket($parley, $alice->token)), undef, 'not where nobody offers it';
};

subtest 'both ways' => sub {
	my $raw   = Parley::Raw->websocket($parley, $alice->token, offer('permessage-deflate'));
	my $small = Parley::Raw->websocket($parley, $bob->token, offer('permessage-deflate; server_max_window_bits=12'));
	my $plain = Parley::Raw->websocket($parley, $bob->token);
	my $text  = 'the same again and ' x 200;

	$raw->write(Parley::Raw->bytes(packed(message($text)), rsv => 4));
	my ($own)  = objects($raw, 'message', 1);
	my ($his)  = objects($small, 'message', 1, 12);
	my ($bare) = objects($plain, 'message', 1);
	is $own->[0]{content}, $text, 'a message';
	is_deeply [ map { $_->[1] } $own, $his, $bare ], [ 1, 1, '' ], 'compressed for those who agreed on it';
	is_deeply $his->[0], $bare->[0], 'for others with the same content';
	cmp_ok metric('parley_bytes_deflated_total'), '>', 2 * 3000, 'what was saved is counted';

	$raw->write(Parley::Raw->bytes(message('not compressed')));
	is((objects($raw, 'message', 1))[0][0]{content}, 'not compressed', 'a client need not compress');

	my $bytes = packed(message('in parts'));
	$raw->write(Parley::Raw->bytes(substr($bytes, 0, 10), rsv => 4, fin => 0) . Parley::Raw->bytes('', opcode => 9)
		  . Parley::Raw->bytes(substr($bytes, 10), opcode => 0));
	is((objects($raw, 'message', 1))[0][0]{content}, 'in parts', 'fragments, a ping among them');
	$raw->write(join '', map { Parley::Raw->bytes(packed(message("number $_" . ' and more' x 60)), rsv => 4) } 1 .. 50);
	is_deeply [ map { $_->[0]{content} =~ /(\d+)/ } objects($raw, 'message', 50) ], [ 1 .. 50 ], 'many at once';
	my @his = objects($small, 'message', 52, 12);
	like $his[-1][0]{content}, qr/^number 50 /, 'each by itself for the other, too';

	$raw->write(Parley::Raw->bytes(packed(compose({ type => 'sync', cursors => {} })), rsv => 4));
	my @again = objects($raw, 'message', 50);
	cmp_ok scalar(grep { $_->[1] } @again), '>', 20, 'what was missed is compressed, frames with anything else in them apart';
	$raw->write(Parley::Raw->bytes(packed(compose({ type => 'call', id => 'me', method => 'me', params => {} })), rsv => 4));
	is((objects($raw, 'result', 1))[0][1], '', 'what is of no conversation is not');
};

subtest hostile => sub {
	my $with   = sub { return Parley::Raw->websocket($parley, $alice->token, offer('permessage-deflate')) };
	my %frames = (
		'a bomb'                         => [ [ packed('a' x (50 * 1024 * 1024)), rsv => 4 ], 'frame_too_large', 1009 ],
		'no deflate'                     => [ [ "\xff" x 20, rsv => 4 ], 1007 ],
		'a message that is cut'          => [ [ substr(packed(message('cut')), 0, 20), rsv => 4 ], 1007 ],
		'text that is not UTF-8'         => [ [ packed("\xc3\x28"), rsv => 4 ], 'invalid_utf8', 1007 ],
		'no JSON'                        => [ [ packed('{'), rsv => 4 ], 'invalid_json' ],
		'binary'                         => [ [ packed('{}'), rsv => 4, opcode => 2 ], 'binary_not_supported' ],
		'another reserved bit'           => [ [ packed('{}'), rsv => 2 ], 1002 ]);

	for my $name (sort keys %frames)
	{
		my ($frame, @answers) = @{ $frames{$name} };
		my $raw = $with->()->write(Parley::Raw->bytes(@$frame));
		is $raw->complaint, $_, "$name: $_" for @answers;
	}
	my $raw = $with->()->write(Parley::Raw->bytes('x', rsv => 4, fin => 0) . Parley::Raw->bytes('y', rsv => 4, opcode => 0));
	is $raw->complaint, 1002, 'RSV1 in a later fragment';

	$raw = $with->()->write(Parley::Raw->bytes('x' x ($size + 1), rsv => 4) . Parley::Raw->bytes(packed(message('after')), rsv => 4));
	is $raw->complaint, 'frame_too_large', 'compressed and yet too large';
	is((objects($raw, 'message', 1))[0][0]{content}, 'after', 'and the connection stays');
};

is $parley->stop_pushd, 0, 'it ends well';
done_testing;
