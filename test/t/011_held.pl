# A SQL transaction that sends and stays open holds its conversation, and no other.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;

my $parley = Parley->start;
my ($alice, $bob, $shop) = $parley->signup(qw(alice bob shop));
my $held   = $shop->group('held', $alice, $bob);
my $free   = $alice->group('free', $bob);
my $reader = $bob->connect;
my $socket = $alice->connect;
my $count  = 0;

sub say_by_socket ($conversation, $content)
{
	my $id = sprintf '00000000-0000-4000-8000-%012d', ++$count;
	$socket->send({ type => 'message', id => $id, conversation_id => $conversation, content => $content });
	return;
}

sub contents ($conversation) { return [ map { $_->{content} } $reader->messages($conversation) ] }

my $order = $parley->psql;
$order->query_safe("BEGIN; SELECT FROM chat.act_as(@{[$shop->id]}); SELECT FROM chat.send($held, 'from the order')");

say_by_socket($held, "held $_") for 1 .. 3;
say_by_socket($free, "free $_") for 1 .. 3;
$reader->message('free 3');
is_deeply contents($free), [ map { "free $_" } 1 .. 3 ], 'other conversations go on';
is_deeply contents($held), [], 'the held one waits';

# later ones queue behind those that wait, also over many tries
say_by_socket($held, "held $_") for 4 .. 6;
say_by_socket($free, 'free 4');
$reader->message('free 4');
is_deeply contents($held), [], 'and goes on waiting';

$order->query_safe('COMMIT');
$order->quit;
$reader->message('held 6');
is_deeply contents($held), [ 'from the order', map { "held $_" } 1 .. 6 ], 'then all come, in their order';
is scalar(grep { $_->{conversation_id} == $held } $socket->frames('ack')), 6, 'each acknowledged'
  if Parley::await(sub { 6 == grep { $_->{conversation_id} == $held } $socket->frames('ack') }, 'six acks');

# a rollback lets go as well
$order = $parley->psql;
$order->query_safe("BEGIN; SELECT FROM chat.act_as(@{[$shop->id]}); SELECT FROM chat.send($held, 'never')");
say_by_socket($held, 'after the rollback');
say_by_socket($free, 'free 5');
$reader->message('free 5');
$order->query_safe('ROLLBACK');
$order->quit;
is $reader->message('after the rollback')->{seq}, 8, 'without a gap';

done_testing;
