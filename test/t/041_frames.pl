# What a client can say on a WebSocket besides messages: positions and calls.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;
use Parley::Answer qw(shape %SHAPES);
use Parley::Socket;

my $parley = Parley->start(feed => 'wal');
my ($alice, $bob, $carol) = $parley->signup(qw(alice bob carol));
my $team  = $alice->group('team', $bob);
my $other = $alice->group('other', $bob);

sub metric ($series) { return $parley->metric($series) }

sub said ($conversation, $count)
{
	$parley->sql("BEGIN; DO \$\$ BEGIN PERFORM chat.act_as(@{[$alice->id]}); END \$\$;
		SELECT count(*) FROM generate_series(1, $count) n, chat.send($conversation, 'message ' || n); COMMIT");
	return;
}

subtest positions => sub {
	my ($reader, $watcher) = ($bob->connect, $alice->connect);
	my $tab = $bob->connect;

	said $team, 100;
	my $before = metric('parley_position_batches_total');
	$reader->send({ type => 'delivered', conversation_id => $team, seq => $_ }) for 1 .. 100;
	$reader->send({ type => 'read', conversation_id => $team, seq => $_ }) for 1 .. 99;
	$reader->send({ type => 'read', conversation_id => $team, seq => 100, id => 'last' });
	is_deeply $reader->next('ack'), { type => 'ack', id => 'last', conversation_id => $team, seq => 100 }, 'the ack';
	my $batches = metric('parley_position_batches_total') - $before;
	cmp_ok $batches, '<=', 10, "200 reports were written in $batches batches";
	is metric('parley_position_reports_total'), 200, 'all of them were counted';
	for my $socket ($watcher, $tab, $reader)
	{
		$socket->wait_for(sub { grep { $_->{seq} == 100 } $socket->frames('read') }, 'the position');
		my @reads = map { $_->{seq} } $socket->frames('read');
		is_deeply \@reads, [ sort { $a <=> $b } @reads ], 'forward only';
		cmp_ok @reads + $socket->frames('delivered'), '<=', 2 * $batches, 'few events';
	}
	is $parley->sql("SELECT read_seq FROM chat.member WHERE account_id = @{[$bob->id]} AND conversation_id = $team"),
	  100, 'stored';

	$reader->send({ type => 'read', conversation_id => $team, seq => 7, id => 'back' });
	is $reader->next('ack')->{seq}, 100, 'never back';
	$reader->send({ type => 'read', conversation_id => $team, seq => 999, id => 'beyond' });
	is $reader->next('ack')->{seq}, 100, 'nor beyond';
	$reader->send({ type => 'delivered', conversation_id => $team, seq => 100, id => 'd' });
	is_deeply $reader->next('ack'), { type => 'ack', id => 'd', conversation_id => $team, seq => 100 }, 'delivered';
	said $team, 5;
	$tab->send({ type => 'delivered', conversation_id => $team, seq => 103 });
	is $watcher->wait_for(sub { (grep { $_->{seq} == 103 } $watcher->frames('delivered'))[0] }, 'the event')->{user_id},
	  $bob->id, 'delivered is told';

	my $stranger = $carol->connect;
	$stranger->send({ type => $_, conversation_id => $team, seq => 1, id => $_ }) for qw(read delivered);
	for my $type (qw(read delivered))
	{
		my $error = $stranger->next('error');
		is_deeply [ @$error{qw(id code)} ], [ $type, 'conversation_not_found' ], "$type of a stranger";
	}
	$stranger->send({ type => 'read', conversation_id => $team, seq => 1 });
	is $stranger->next('error')->{id}, undef, 'also without an id';
	is_deeply [ $stranger->frames('read') ], [], 'who is told nothing';

	# two devices of one account in one batch, and several conversations
	said $other, 3;
	$reader->send({ type => 'read', conversation_id => $other, seq => 2, id => 'a' });
	$tab->send({ type => 'read', conversation_id => $other, seq => 3, id => 'b' });
	$reader->send({ type => 'read', conversation_id => $team, seq => 104, id => 'c' });
	is $tab->next('ack')->{seq}, 3, 'one device';
	my %acks = map { $_->{id} => $_->{seq} } map { $reader->next('ack') } 1 .. 2;
	cmp_ok $acks{a}, '>=', 2, 'the other';
	is $acks{c}, 104, 'and in another conversation';
	$_->close for $reader, $watcher, $tab, $stranger;
};

# ---- calls

my $n = 0;

sub call ($socket, $method, %params)
{
	my $id = 'call ' . ++$n;

	$socket->send({ type => 'call', id => $id, method => $method, params => \%params });
	return $socket->wait_for(
		sub { (grep { ($_->{id} // '') eq $id } $socket->frames('result'), $socket->frames('error'))[0] }, $method);
}

sub result ($socket, @call)
{
	my $answer = call($socket, @call);
	is $answer->{type}, 'result', "$call[0]: a result" or diag explain $answer;
	return $answer->{result};
}

subtest calls => sub {
	my ($socket, $watcher) = ($alice->connect, $bob->connect);

	is result($socket, 'me')->{username}, 'alice', 'without parameters';
	my $group = result($socket, 'create_group', name => 'by call', usernames => ['bob']);
	my $id    = $group->{id};
	is_deeply [ sort map { $_->{username} } @{ $group->{members} } ], [qw(alice bob)], 'an array';
	my %first = (conversation_id => $id, seq => 1);
	is result($socket, 'send', conversation_id => $id, content => 'frist')->{seq}, 1, 'send';
	result $socket, 'send', conversation_id => $id, content => 'an answer', reply_to => 1;
	is result($socket, 'edit', %first, content => 'first')->{content}, 'first', 'edit';
	is result($socket, 'react', %first, emoji => "\x{1f44d}")->[0]{count}, 1, 'react';
	is_deeply result($socket, 'unreact', %first, emoji => "\x{1f44d}"), [], 'unreact';
	is result($socket, 'pin', %first), undef, 'pin';
	is @{ result($socket, 'pins', conversation_id => $id) }, 1, 'pins';
	result $socket, 'unpin', %first;
	is @{ result($socket, 'thread', %first) }, 2, 'thread';
	is_deeply [ map { $_->{content} } @{ result($socket, 'history', conversation_id => $id)->{messages} } ],
	  [ 'first', 'an answer' ], 'history';
	is_deeply [ map { $_->{content} } @{ result($socket, 'history', conversation_id => $id, after => 1, limit => 5)->{messages} } ],
	  ['an answer'], 'with a query';
	is result($socket, 'search', q => 'answer')->[0]{message}{seq}, 2, 'search';
	is @{ result($socket, 'members', conversation_id => $id) }, 2, 'members';
	is result($socket, 'add_member', conversation_id => $id, username => 'carol')->{username}, 'carol', 'add_member';
	is result($socket, 'remove_member', conversation_id => $id, account_id => $carol->id), undef, 'remove_member';
	is result($socket, 'direct', username => 'carol')->{is_group}, Mojo::JSON->false, 'direct';
	ok scalar @{ result($socket, 'conversations') } >= 3, 'conversations';
	is result($socket, 'conversation', conversation_id => $id)->{name}, 'by call', 'conversation';
	is result($socket, 'change_group', conversation_id => $id, name => 'renamed')->{name}, 'renamed', 'change_group';
	is result($socket, 'update_profile', display_name => 'A.', bio => undef)->{display_name}, 'A.', 'null clears';
	is result($socket, 'delete', conversation_id => $id, seq => 2), undef, 'delete';

	# what all that looks like to the others
	my %kinds = map { $_ => $watcher->next($_) }
	  qw(message message_updated reaction message_deleted member conversation user_updated);
	is_deeply [ @{ $kinds{message_updated} }{qw(conversation_id seq content)} ], [ $id, 1, 'first' ], 'message_updated';
	ok $kinds{message_updated}{edited_at}, 'when';
	is_deeply $kinds{message_deleted}, { type => 'message_deleted', conversation_id => $id, seq => 2, ver => $kinds{message_deleted}{ver} },
	  'message_deleted';
	is_deeply shape($kinds{reaction}),
	  { type => 'text', conversation_id => 'int', seq => 'int', user_id => 'int', emoji => 'text', added => 'bool', ver => 'int' },
	  'reaction';
	is_deeply shape($kinds{member}),
	  { type => 'text', conversation_id => 'int', user_id => 'int', role => 'text', state => 'text', muted_until => 'null', ver => 'int' },
	  'member';
	is_deeply shape($kinds{conversation}),
	  { type => 'text', id => 'int', is_group => 'bool', name => 'text', is_public => 'bool', ver => 'int' }, 'conversation';
	is $kinds{user_updated}{user}{display_name}, 'A.', 'user_updated';
	$_->close for $socket, $watcher;
};

subtest 'a call is made by the session of its socket' => sub {
	my $socket = $carol->connect;
	my @current = grep { $_->{is_current} } @{ result($socket, 'sessions') };
	is scalar @current, 1, 'which is the current one';
	my $ticket = result($socket, 'ws_ticket')->{ticket};
	my $second = Parley::Socket->open($parley, path => "/ws?ticket=$ticket");
	is $second->next('welcome')->{session_id}, $current[0]{id}, 'its ticket lets another socket in';

	$parley->sql("SELECT chat.set_rate_limit('search', 'account', 1, 0.001)");
	result($socket, 'search', q => 'x');
	is call($socket, 'search', q => 'x')->{code}, 'throttled', 'and the limits of the account hold';
	$parley->sql("SELECT chat.reset_rate_limit('search', 'account')");
	$_->close for $socket, $second;
};

subtest 'what was deleted is not said again to whoever comes back' => sub {
	my $watcher = $bob->connect;
	my ($seq, $ver) = map { $_ + 0 } split /\|/,
	  $parley->sql("SELECT last_seq, last_ver FROM chat.conversation_counter WHERE conversation_id = $team");
	my $slip = $seq + 1;

	$alice->say($team, 'a slip');
	is $alice->delete("/conversations/$team/messages/$slip")->status, 204, 'said and deleted';
	$watcher->wait_for(sub { grep { $_->{seq} == $slip } $watcher->frames('message_deleted') }, 'the deletion');
	my $late = $bob->connect;
	$late->send({ type => 'sync', id => 'back', cursors => { $team => { seq => $seq, ver => $ver } } });
	is $late->next('synced')->{conversations}{$team}{seq}, $slip, 'it comes, for the numbers have no gap';
	my @told = grep { $_->{conversation_id} == $team && $_->{seq} == $slip } $late->frames('message');
	is_deeply [ map { [ $_->{content}, !!$_->{deleted} ] } @told ], [ [ '', !!1 ] ], 'empty';
	$_->close for $watcher, $late;
};

subtest 'calls that fail' => sub {
	my $socket = $carol->connect;
	my %codes  = (
		unknown_method         => [ no_such_method => () ],
		missing_field          => [ history => () ],
		wrong_type             => [ history => (conversation_id => '7') ],
		conversation_not_found => [ history => (conversation_id => $team) ],
		user_not_found         => [ direct => (username => 'nobody') ],
		invalid_argument       => [ search_users => (search => 'x', limit => -1) ],
		forbidden              => ['rate_limits']);

	for my $code (sort keys %codes)
	{
		my ($method, @params) = @{ $codes{$code} };
		my $answer = call($socket, $method, @params);
		is $answer->{code}, $code, "$method: $code";
	}
	is call($socket, $_, login => 'carol', password => 'x', username => 'x', email => 'x@y')->{code}, 'unknown_method',
	  "$_ is not a call" for qw(login signup refresh change_password delete_account jwks);
	$socket->close;

	$socket = $carol->connect;
	for my $case (
		[ { method => 7 }, 'wrong_type' ],
		[ {}, 'missing_field' ],
		[ { method => 'me', params => [] }, 'wrong_type' ],
		[ { method => 'me', params => 'x' }, 'wrong_type' ])
	{
		$socket->send({ type => 'call', id => 'x', %{ $case->[0] } });
		is $socket->next('error')->{code}, $case->[1], $case->[1];
	}
	$socket->send({ type => 'call', method => 'me' });
	my $result = $socket->next('result');
	ok exists $result->{id} && !defined $result->{id}, 'neither id nor params';
	$socket->close;
};

# Together they are many times what may wait for a client.
subtest 'large results at once' => sub {
	my $large  = $alice->group('large');
	my $socket = $alice->connect;
	my @ids    = map { "large $_" } 1 .. 12;

	$parley->sql_as($alice, "SELECT count(*) FROM generate_series(1, 150) n, chat.send($large, n || repeat('x', 15000))");
	$socket->send({ type => 'call', id => $_, method => 'history', params => { conversation_id => $large, limit => 150 } }) for @ids;
	$socket->send({ type => 'call', id => 'small', method => 'me', params => {} });
	my %messages = map { $_->{id} => scalar @{ $_->{result}{messages} // [] } } map { $socket->next('result') } @ids, 'small';
	is_deeply \%messages, { small => 0, map { $_ => 150 } @ids }, 'come one after the other, all of them';
	ok !$socket->is_closed, 'and nobody is slow';
	$socket->close;
};

subtest 'calls on a socket for one conversation' => sub {
	my $socket = Parley::Socket->open($parley, path => "/ws/chat/$team", headers => { Authorization => 'Bearer ' . $bob->token });

	$socket->next('welcome');
	is result($socket, 'history', limit => 1)->{messages}[0]{conversation_id}, $team, 'which it is, is known';
	is result($socket, 'me')->{username}, 'bob', 'other methods work';
	is call($socket, 'history', conversation_id => $other)->{code}, 'invalid_argument', 'it may not be another';
	$_->{message}{conversation_id} == $team or fail 'a result of elsewhere' for @{ result($socket, 'search', q => 'message') };
	$socket->close;
};

done_testing;
