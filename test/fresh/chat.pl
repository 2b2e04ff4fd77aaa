# chat.pl URL FIRST: what a newcomer does with what `make run` made: signs up, sends, receives.
# FIRST is 1 before the first restart; 0 after it, when all of that must still be there.
use Mojo::Base -strict, -signatures;

use Mojo::JSON qw(decode_json encode_json);
use Mojo::UserAgent;

my ($url, $first) = @ARGV;
my $agent    = Mojo::UserAgent->new(inactivity_timeout => 30);
my $password = 'correct horse battery';

sub call ($method, $path, $body = undef, $token = undef)
{
	my %headers = $token ? (Authorization => "Bearer $token") : ();
	my $result = $agent->start($agent->build_tx($method => "$url/api/v1$path" => \%headers, $body ? (json => $body) : ()))->result;

	die "$method $path: ", $result->code, ' ', $result->body, "\n" if !$result->is_success;
	return $result->json;
}

sub enter ($name)
{
	return call(POST => '/auth/signup', { username => $name, email => "$name\@example.org", password => $password }) if $first;
	return call(POST => '/auth/login', { login => $name, password => $password });
}

# The frame of a WebSocket for which `wanted` holds.
sub receive ($token, $wanted, $then)
{
	my ($frame, $why) = (undef, 'no such frame within 30 s');

	$agent->websocket(
		"$url/ws" => { Authorization => "Bearer $token" } => ['chat.v1'] => sub ($agent, $tx) {
			return Mojo::IOLoop->stop if !$tx->is_websocket;
			$tx->on(text => sub ($tx, $text) {
				for my $one (map { decode_json($_) } split /\n/, Mojo::Util::encode('UTF-8', $text))
				{
					$then->() if $one->{type} eq 'welcome';
					next if !$wanted->($one);
					$frame = $one;
					Mojo::IOLoop->stop;
				}
			});
			$tx->on(finish => sub ($tx, $code, $reason = '') { $why = "closed: $code"; Mojo::IOLoop->stop });
		});
	Mojo::IOLoop->timer(30 => sub { Mojo::IOLoop->stop });
	Mojo::IOLoop->start;
	return $frame // die "receive: $why\n";
}

my ($alice, $bob) = map { enter($_)->{access_token} } 'alice', 'bob';
my $conversation = call(POST => '/conversations/direct/bob', undef, $alice)->{id};
my $before = call(GET => "/conversations/$conversation/messages", undef, $bob)->{messages};
die 'there are ', scalar(@$before), " messages\n" if @$before != ($first ? 0 : 1);
my $text = 'message ' . (@$before + 1);
receive(
	$bob,
	sub ($frame) { $frame->{type} eq 'message' && $frame->{content} eq $text },
	sub { $agent->post_p("$url/api/v1/conversations/$conversation/messages" => { Authorization => "Bearer $alice" } => json => { content => $text }) });
my $page = $agent->get("$url/")->result;
die "no web UI\n" if $page->code != 200 || $page->body !~ /<script/;
