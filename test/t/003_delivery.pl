# What is committed is delivered, by whichever way it came; what is not, is not.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;
use Parley::Answer qw(shape %SHAPES);

my $parley = Parley->start;
my ($alice, $bob, $carol) = $parley->signup(qw(alice bob carol));
my $team      = $alice->group('team', $bob, $carol);
my $elsewhere = $carol->group('elsewhere', $bob);
my $tab       = $bob->connect;
my $count     = 0;

# A message in the conversation, to tell that all that was committed before has come.
sub marker ()
{
	my $marker = 'marker ' . ++$count;
	$alice->say($team, $marker);
	return $marker;
}

sub contents ($socket, $conversation = $team)
{
	return [ grep { !/^marker/ } map { $_->{content} } $socket->messages($conversation) ];
}

sub uuid { return sprintf '00000000-0000-4000-8000-%012d', ++$count }

subtest 'every way in' => sub {
	my $socket = $alice->connect;

	$parley->sql_as($alice, "SELECT FROM chat.send($team, 'by SQL')");
	my $event = $tab->message('by SQL');
	is_deeply shape($event), { %{ $SHAPES{message} }, type => 'text' }, 'the shape of the event';
	my %message = %$event;
	delete $message{type};
	is_deeply \%message, $bob->get("/conversations/$team/messages/$event->{seq}")->json,
	  'the event is the message that REST shows';

	my $said = $alice->say($team, 'by REST', client_id => uuid, reply_to => $event->{seq});
	is_deeply $tab->message('by REST'), { %$said, type => 'message' }, 'by REST';

	$socket->send({ type => 'message', id => uuid, conversation_id => $team, content => 'by WebSocket' });
	$event = $tab->message('by WebSocket');
	my $ack = $socket->next('ack');
	is_deeply shape($ack),
	  { type => 'text', id => 'text', conversation_id => 'int', seq => 'int', created_at => 'time' }, 'ack';
	is_deeply [ @$ack{qw(id seq created_at conversation_id)} ],
	  [ @$event{qw(client_id seq created_at conversation_id)} ], 'which tells the same as the event';
	is $socket->message('by WebSocket')->{sender}, 'alice', 'the sender gets the event too';
	$socket->send({ type => 'message', conversation_id => $team, content => 'without an id' });
	is $socket->next('ack')->{id}, undef, 'a send without an id';
	is $tab->message('without an id')->{client_id}, undef, 'has none';
	$socket->close;
};

subtest 'what is rolled back' => sub {
	$parley->node->psql('chat', "BEGIN; SELECT FROM chat.act_as(@{[$alice->id]});
		SELECT FROM chat.send($team, 'rolled back'); ROLLBACK");
	$parley->sql_as($alice, "SAVEPOINT a; SELECT FROM chat.send($team, 'undone');
		ROLLBACK TO a; SELECT FROM chat.send($team, 'kept');
		SAVEPOINT b; SELECT FROM chat.send($team, 'released'); RELEASE b;
		SAVEPOINT c; SAVEPOINT d; SELECT FROM chat.send($team, 'undone too'); RELEASE d; ROLLBACK TO c");
	$parley->node->psql('chat', "BEGIN; SELECT FROM chat.act_as(@{[$alice->id]});
		SELECT FROM chat.send($team, 'fails later'); SELECT 1/0; COMMIT");
	$tab->message(marker);
	my %seen = map { $_ => 1 } @{ contents($tab) };
	is_deeply [ grep { $seen{$_} } 'rolled back', 'undone', 'undone too', 'fails later' ], [], 'does not come';
	is_deeply [ grep { $seen{$_} } 'kept', 'released' ], [ 'kept', 'released' ], 'what is kept does';
	my @seqs = map { $_->{seq} } $tab->messages($team);
	is_deeply \@seqs, [ 1 .. @seqs ], 'and no number is missing';
};

subtest 'an order and its message' => sub {
	my $session = $parley->psql;

	$parley->sql('CREATE TABLE orders (id int PRIMARY KEY)');
	$session->query_safe("BEGIN; INSERT INTO orders VALUES (1);
		SELECT FROM chat.act_as(@{[$alice->id]}); SELECT FROM chat.send($team, 'order 1 shipped')");
	$carol->say($elsewhere, 'meanwhile');
	$tab->message('meanwhile');
	is_deeply [ grep { /order 1/ } @{ contents($tab) } ], [], 'nothing before the commit';
	$session->query_safe('COMMIT');
	ok $tab->message('order 1 shipped'), 'the message with the commit';
	is $parley->sql('SELECT count(*) FROM orders'), 1, 'and the order';
	$session->quit;

	$parley->node->psql('chat', "BEGIN; SELECT FROM chat.act_as(@{[$alice->id]});
		SELECT FROM chat.send($team, 'order 1 shipped again'); INSERT INTO orders VALUES (1); COMMIT");
	$tab->message(marker);
	is_deeply [ grep { /again/ } @{ contents($tab) } ], [], 'no message without the order';
};

subtest 'one send, repeated' => sub {
	my $socket = $alice->connect;
	my $id     = uuid;
	my %frame  = (type => 'message', id => $id, conversation_id => $team, content => 'once');

	$socket->send(\%frame) for 1 .. 3;
	my @acks = map { $socket->next('ack') } 1 .. 3;
	is_deeply [ @acks[ 1, 2 ] ], [ @acks[ 0, 0 ] ], 'the answers are the same';
	is $alice->say($team, 'once', client_id => $id)->{seq}, $acks[0]{seq}, 'by REST as well';
	is $parley->sql_as($alice, "SELECT seq, repeated FROM chat.send($team, 'once', '$id')"),
	  "$acks[0]{seq}|t", 'and by SQL';
	$tab->message(marker);
	is scalar(grep { $_->{content} eq 'once' } $tab->messages($team)), 1, 'it comes once';
	$socket->close;
};

subtest 'several tabs' => sub {
	my @tabs     = map { $bob->connect } 1 .. 4;
	my $stranger = $parley->signup('stranger')->connect;
	my $last;

	$last = marker for 1 .. 5;
	$_->message($last) for $tab, @tabs;
	is scalar($_->messages($team)), 5, 'each gets everything once' for @tabs;
	is $stranger->frames, 1, 'somebody else gets nothing';
	$tabs[0]->close;
	$last = marker;
	$_->message($last) for @tabs[ 1 .. 3 ];
	is scalar($_->messages($team)), 6, 'when one is closed the others go on' for @tabs[ 1 .. 3 ];
	is scalar($tabs[0]->messages($team)), 5, 'the closed one does not';
	$_->close for @tabs[ 1 .. 3 ], $stranger;
};

subtest 'read positions' => sub {
	my ($last) = map { $_->{seq} } ($tab->messages($team))[-1];
	my $socket = $carol->connect;

	$carol->post("/conversations/$team/read", { seq => 2 });
	is_deeply $tab->next('read'),
	  { type => 'read', conversation_id => $team, user_id => $carol->id, seq => 2 }, 'by REST';
	$socket->send({ type => 'read', conversation_id => $team, seq => $last, id => 'r' });
	is $tab->next('read')->{seq}, $last, 'by WebSocket';
	is_deeply $socket->next('ack'), { type => 'ack', id => 'r', conversation_id => $team, seq => $last }, 'ack';
	$carol->post("/conversations/$team/read", { seq => 1 });
	my $reads = $tab->frames('read');
	$tab->message(marker);
	is $tab->frames('read'), $reads, 'going back is no event';
	$socket->close;
};

subtest 'a profile' => sub {
	my $socket = $alice->connect;
	my $other  = $parley->signup('other')->connect;

	$parley->sql("UPDATE chat.account SET display_name = 'Bob ☂' WHERE id = " . $bob->id);
	my $event = $socket->next('user_updated');
	is_deeply shape($event->{user}),
	  { id => 'int', username => 'text', display_name => 'text', avatar_url => 'null', bio => 'null' }, 'event';
	is $event->{user}{display_name}, 'Bob ☂', 'the new name';
	is $tab->next('user_updated')->{user}{id}, $bob->id, 'to the person too';
	is $other->frames, 1, 'not to strangers';
	my $away = $parley->signup('away');
	$alice->direct($away);
	$away->call(PATCH => '/auth/me', body => { display_name => 'Elsewhere' });
	is $socket->next('user_updated')->{user}{id}, $away->id, 'also of somebody who is not connected';
	$_->close for $socket, $other;
};

subtest 'one transaction, many conversations' => sub {
	my $g = $bob->group('third', $alice);

	$parley->sql_as($alice, "SELECT FROM (SELECT chat.send(CASE n % 2 WHEN 0 THEN $team ELSE $g END,
		'many ' || n) FROM generate_series(1, 100) n) s");
	$tab->message('many 100');
	$tab->message('many 99');
	my @feeds = Parley::feed() eq 'wal' ? [ $tab->messages ] : map { [ $tab->messages($_) ] } $g, $team;
	is_deeply [ map { grep { /^many/ } map { $_->{content} } @$_ } @feeds ],
	  [ map { "many $_" } @feeds == 1 ? 1 .. 100 : ((map { 2 * $_ - 1 } 1 .. 50), (map { 2 * $_ } 1 .. 50)) ],
	  'in the order of the statements, at least in each conversation';
};

subtest 'somebody who holds a conversation' => sub {
	my $session = $parley->psql;
	my $socket  = $alice->connect;

	$session->query_safe("BEGIN; SELECT FROM chat.act_as(@{[$alice->id]}); SELECT FROM chat.send($team, 'held')");
	$socket->send({ type => 'message', id => uuid, conversation_id => $team, content => 'waits' });
	is $bob->direct($carol) > 0, 1, 'does not hold up REST';
	$session->query_safe('COMMIT');
	$session->quit;
	$tab->message('held');
	ok $tab->message('waits'), 'who waited comes after';
	$socket->close;
};

done_testing;
