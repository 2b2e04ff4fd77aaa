# Several daemons on one port: the kernel spreads the clients, and they are one server.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;

my $first = Parley->start(alone => 1, flags => { 'reuse-port' => 'on', 'pool-size' => 2 });
my @daemons = ($first, map { $first->beside('listen-port' => $first->port) } 1 .. 2);
my ($alice, $bob) = $first->signup(qw(alice bob));
my $team = $alice->group('team', $bob);

is scalar(grep { $_->port == $first->port } @daemons), 3, 'three daemons listen on one port';

# A client is spread by its own port; among so many each daemon has some.
my @sockets = map { $bob->connect } 1 .. 40;
$_->send({ type => 'read', conversation_id => $team, seq => 0, id => 'r' }) for @sockets;
my @clients = map { scalar(() = $_->log =~ /adopt_socket/g) } @daemons;
is scalar(grep { $_ > 0 } @clients), 3, "each has clients: @clients";

$alice->say($team, "message $_") for 1 .. 5;
$_->message('message 5') for @sockets;
is_deeply [ map { join ',', map { $_->{seq} } $_->messages } @sockets ], [ ('1,2,3,4,5') x @sockets ],
  'everybody hears everything once, in order';

$daemons[1]->stop_pushd('KILL');
await(sub { grep({ $_->is_closed } @sockets) == $clients[1] }, 'all clients of the daemon that died are cut');
my @left = grep { !$_->is_closed } @sockets;
my @back = map { $bob->connect } @left .. $#sockets;
$alice->say($team, 'afterwards');
$_->message('afterwards') for @left, @back;
pass 'its clients come back to the others, and all go on';

done_testing;
