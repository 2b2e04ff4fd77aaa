# In a group, those who have blocked somebody are not told that they are typing, at any
# daemon; the others are.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;

my $parley = Parley->start(flags => { 'typing-timeout-s' => 60, 'exchange-tick-ms' => 50 });
my $beside = $parley->beside('typing-timeout-s' => 60);
my ($alice, $bob, $mallet) = $parley->signup(qw(alice bob mallet));
my $team    = $alice->group('team', $bob, $mallet);
my %alice   = (here => $alice->connect, there => $alice->at($beside)->connect);
my %bob     = (here => $bob->connect, there => $bob->at($beside)->connect);
my $writer  = $mallet->connect;
my $witness = $bob->connect;

sub types ($socket, $is_typing)
{
	return $socket->send({ type => 'typing', conversation_id => $team, is_typing => $is_typing });
}

sub is_told ($people, $expected, $what)
{
	is $people->{$_}->next('typing')->{is_typing}, $expected, "$what, $_" for sort keys %$people;
	return;
}

types($writer, \1);
is_told(\%$_, 1, 'before the block') for \%alice, \%bob;
types($writer, \0);
is_told(\%$_, 0, 'and its end') for \%alice, \%bob;

$parley->sql_as($alice, 'SELECT FROM chat.block(' . $mallet->id . ')');
types($writer, \1);
is_told(\%bob, 1, 'with the block, to others');
types($writer, \0);
is_told(\%bob, 0, 'and its end');

# What comes after it has come: alice has had whatever there was for her.
types($witness, \1);
for my $where (sort keys %alice)
{
	my $event = $alice{$where}->next('typing');
	is $event->{user_id}, $bob->id, "the one who blocked is told of nobody but others, $where";
}
types($witness, \0);
is_told(\%alice, 0, 'and of their end');

$mallet->say($team, '@alice look');
$mallet->say($team, '@all look');
is $alice->get("/conversations/$team")->json->{mentions}, 0, 'no mention counts';
is $alice->get("/conversations/$team")->json->{unread}, 2, 'the messages are there';
is $bob->get("/conversations/$team")->json->{mentions}, 1, 'for others they do';

$parley->sql_as($alice, 'SELECT FROM chat.unblock(' . $mallet->id . ')');
is $alice->get("/conversations/$team")->json->{mentions}, 2, 'without the block again';

done_testing();
