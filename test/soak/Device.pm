# Device.pm
#	  One device of one account: it signs in, comes and goes in every way there is, and says
#	  and does what people do.  Never waits.  It follows the rules for a client
#	  (doc/protocol.md, Catching up) and notes in the ledger what a correct server would not
#	  send: a message that it has, or one that is not the next without a gap.
package Device;

use Mojo::Base -strict, -signatures;

use Mojo::IOLoop;
use Mojo::UserAgent;
use Socket qw(SOL_SOCKET SO_LINGER);

use Parley::Answer qw(compose parse);

my $prefix   = '/api/v1';
my $password = 'correct horse battery staple';
my @emojis   = ('%F0%9F%91%8D', '%E2%9D%A4', '%F0%9F%98%80');

# What an answer of these codes says: not now.
my %passes = map { $_ => 1 } qw(unavailable timeout conflict_retry conversation_busy unauthenticated token_expired);

# Options: ledger, parley (the daemon it goes to), name.
sub new ($class, %options)
{
	my $self = bless { %options, rooms => {}, waiting => {}, mine => [], calls => 0, syncs => 0 }, $class;

	$self->{agent} = Mojo::UserAgent->new(
		connect_timeout    => 10,
		inactivity_timeout => 30,
		request_timeout    => 30,
		max_connections    => 1,
		max_redirects      => 0);
	$self->{socket_agent} =
	  Mojo::UserAgent->new(connect_timeout => 10, inactivity_timeout => 0, request_timeout => 0, max_connections => 0);
	return $self;
}

sub count ($self, $what, $by = 1) { $self->{ledger}{count}{$what} += $by; return }

sub complain ($self, $what)
{
	push @{ $self->{ledger}{complaints} }, "$self->{name}: $what";
	$self->{ledger}{tell}->("$self->{name}: $what");
	return;
}

sub uuid { return sprintf '%08x-%04x-4%03x-8%03x-%04x%08x', map { int rand 2**$_ } 32, 16, 12, 12, 16, 32 }

sub words ($most = 25)
{
	return join ' ', map { chr(97 + rand 26) x (1 + rand 8) } 0 .. rand $most;
}

# ---- REST

# The answer goes to $then: (status, JSON); status 0 when there was none.
sub call ($self, $method, $path, $body = undef, $then = undef, %headers)
{
	return if $self->{ended};
	$headers{Authorization} //= "Bearer $self->{token}" if $self->{token};
	if (ref $body)
	{
		$headers{'Content-Type'} = 'application/json';
		$body = compose($body);
	}
	my $tx = $self->{agent}->build_tx($method => $self->{parley}->url("$prefix$path") => \%headers => $body // ());
	$self->{calls}++;
	$self->{agent}->start(
		$tx => sub ($agent, $tx) {
			$self->{calls}--;
			my $status = $tx->res->code // 0;
			my $json   = eval { ($tx->res->headers->content_type // '') =~ /json/ ? parse($tx->res->body) : undef };
			$self->count("HTTP $status");
			$self->count("refused: $json->{code}") if $status >= 400 && ref $json eq 'HASH' && $json->{code};
			$self->renew if $status == 401 && $path !~ m{^/auth/};
			$then->($status, $json) if $then;
		});
	return;
}

sub take_grant ($self, $grant)
{
	@$self{qw(id token refresh_token)} = ($grant->{user}{id}, $grant->{access_token}, $grant->{refresh_token});
	return;
}

# Until there is a token; then $then.
sub sign_up ($self, $then)
{
	my %person = (username => $self->{name}, email => "$self->{name}\@example.org", password => $password);

	$self->call(
		POST => '/auth/signup' => \%person => sub ($status, $grant) {
			die "signup of $self->{name}: $status\n" if $status != 201;
			$self->take_grant($grant);
			$then->();
		});
	return;
}

sub log_in ($self, $then = undef)
{
	return if $self->{getting_token}++;
	delete $self->{token};
	$self->call(
		POST => '/auth/login' => { login => $self->{name} =~ s/\..*//r, password => $password } => sub ($status, $grant) {
			delete $self->{getting_token};
			$self->take_grant($grant) if $status == 200;
			$self->count('logins')    if $status == 200;
			$then->() if $then;
		});
	return;
}

# A new access token, for the next call and on the live socket; logs in when the session is over.
sub renew ($self, $then = undef)
{
	return if $self->{getting_token};
	return $self->log_in($then) if !$self->{refresh_token};
	$self->{getting_token} = 1;
	my $refresh = { refresh_token => $self->{refresh_token} };
	delete local $self->{token};
	$self->call(
		POST => '/auth/refresh' => $refresh => sub ($status, $grant) {
			delete $self->{getting_token};
			if ($status == 200)
			{
				$self->take_grant($grant);
				$self->count('refreshes');
				$self->say({ type => 'auth', token => $self->{token} }) if $self->{socket};
			}
			elsif ($status == 400 || $status == 401)
			{
				delete $self->{refresh_token};
			}
			$then->() if $then;
		});
	return;
}

# ---- the socket

sub is_online ($self) { return $self->{socket} && $self->{welcome} }
sub is_idle ($self) { return !%{ $self->{waiting} } && !$self->{calls} && !$self->{socket} && !$self->{opening} }

sub say ($self, $frame)
{
	$self->{socket}->send({ text => compose($frame) }) if $self->{socket};
	return;
}

my %ways = (
	frame       => sub ($self, $go) { $go->([], {}, '') },
	header      => sub ($self, $go) { $go->([], { Authorization => "Bearer $self->{token}" }, '') },
	subprotocol => sub ($self, $go) { $go->([ 'chat.v1', "bearer.$self->{token}" ], {}, '') },
	ticket      => sub ($self, $go) {
		$self->call(
			POST => '/auth/ticket' => {} => sub ($status, $ticket) {
				return $self->{opening} = 0 if $status != 201;
				$go->([], {}, "?ticket=$ticket->{ticket}");
			});
	});

sub come ($self)
{
	return if $self->{socket} || $self->{opening};
	return $self->renew if !$self->{token};
	my $way = (keys %ways)[ rand keys %ways ];
	$self->{opening} = 1;
	$ways{$way}->(
		$self,
		sub ($protocols, $headers, $query) {
			my $url = $self->{parley}->url("/ws$query") =~ s/^http/ws/r;
			$self->{socket_agent}->websocket($url => $headers => $protocols => sub ($agent, $tx) { $self->opened($tx, $way) });
		});
	return;
}

sub opened ($self, $tx, $way)
{
	$self->{opening} = 0;
	if (!$tx->is_websocket)
	{
		$self->count('handshakes without success');
		return;
	}
	$self->count("opened by $way");
	$self->count('opened');
	$tx->max_websocket_size(16 * 1024 * 1024);
	@$self{qw(socket welcome asked is_first_sync)} = ($tx, 0, {}, $way eq 'frame');
	$tx->on(text => sub ($tx, $bytes) { $self->take($bytes) });
	$tx->on(finish => sub ($tx, $code, $reason = undef) { $self->closed($tx, $code // 1006) });
	$self->say({ type => 'auth', token => $self->{token} }) if $way eq 'frame';
	$self->sync;
	return;
}

sub closed ($self, $tx, $code)
{
	return if ($self->{socket} // 0) != $tx;
	$self->count("closed with $code");
	undef $self->{socket};
	$self->{welcome} = 0;
	delete $self->{token} if $code == 4500 || $code == 4501 || $code == 4002;
	delete $self->{refresh_token} if $code == 4501;
	return;
}

sub stream ($self) { return Mojo::IOLoop->stream($self->{socket}->connection // '') }

# Ways to go.
sub go ($self) { $self->{socket}->finish if $self->{socket}; return }

# The process dies: no farewell, and what has come is not read.
sub break ($self)
{
	my $stream = $self->stream or return;
	setsockopt $stream->handle, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
	$stream->close;
	return;
}

# The cable is pulled: nothing is read or answered, until somebody notices.
sub vanish ($self)
{
	my $stream = $self->stream or return;
	my $socket = $self->{socket};

	$stream->stop;
	undef $self->{socket};
	$self->{welcome} = 0;
	Mojo::IOLoop->timer(25 => sub { $stream->close });
	return;
}

# Reads nothing for a while, and then all of it.
sub doze ($self)
{
	my $stream = $self->stream or return;
	my $socket = $self->{socket};

	$stream->stop;
	# Unless it has vanished meanwhile: then it reads nothing any more.
	Mojo::IOLoop->timer(0.5 + rand 4 => sub { $stream->start if $stream->handle && ($self->{socket} // 0) == $socket });
	return;
}

# ---- catching up

sub sync ($self, @only)
{
	my $id      = 'sync ' . ++$self->{syncs};
	my @rooms   = @only ? @only : keys %{ $self->{rooms} };
	my %cursors = map {
		my $room = $self->{rooms}{$_} //= { seq => 0, ver => 0 };
		$room->{sync} = $id;
		($_ => { seq => 0 + $room->{seq}, ver => 0 + $room->{ver} })
	} @rooms;

	$self->count('syncs');
	$self->{asked}{$id} = { map { $_ => $cursors{$_}{seq} } keys %cursors };
	$self->say({ type => 'sync', id => $id, cursors => \%cursors, @only ? (only => \1) : () });
	return;
}

# It came by itself while a sync was on its way that does not know of it.  One that goes right
# behind the token is ahead of all events.
sub is_asked_for ($self, $id, $seq)
{
	return grep { ($_->{$id} // 0) < $seq } values %{ $self->{asked} } if !$self->{is_first_sync};
	return 0;
}

my %apply = (
	message => sub ($self, $id, $frame) {
		my $room = $self->{rooms}{$id};
		if (!$room)
		{
			$self->{rooms}{$id} = $room = { seq => 0, ver => 0 };
			return $self->sync($id) if $frame->{seq} != 1;
		}
		if ($frame->{seq} <= $room->{seq})
		{
			return $self->count('messages again, by a sync') if $self->is_asked_for($id, $frame->{seq});
			return $self->complain("message $id/$frame->{seq} came again at $room->{seq}");
		}
		if ($frame->{seq} > $room->{seq} + 1)
		{
			return $self->count('holes while a sync is under way') if $room->{sync};
			$self->complain("message $id/$frame->{seq} came, $room->{seq} was the last");
			return $self->sync($id);
		}
		$room->{seq} = $frame->{seq};
		$self->count('messages received');
	},
	member => sub ($self, $id, $frame) {
		return if $frame->{user_id} != $self->{id};
		if ($frame->{state} ne 'joined') { delete $self->{rooms}{$id} }
		elsif (!$self->{rooms}{$id}) { $self->sync($id) }
	},
	reset => sub ($self, $id, $frame) {
		my $room = $self->{rooms}{$id} //= { ver => 0 };
		$self->complain("reset of $id at $room->{seq}") if ($room->{seq} // 0) > 0 && !grep { !exists $_->{$id} } values %{ $self->{asked} };
		$room->{seq} = $frame->{seq};
		$room->{sync} //= 'the one that it is in';
	},
	gap => sub ($self, $id, $frame) {
		$self->count('gaps');
		$self->sync($id);
	},
	gone => sub ($self, $id, $frame) { delete $self->{rooms}{$id} });

sub take_synced ($self, $frame)
{
	delete $self->{asked}{ $frame->{id} };
	$self->{is_first_sync} = 0;
	for my $id (keys %{ $frame->{conversations} })
	{
		my ($told, $room) = ($frame->{conversations}{$id}, $self->{rooms}{$id} // next);
		next if $told->{status} eq 'gone';
		$self->complain("synced: $id to $told->{seq}, it has $room->{seq}") if $told->{seq} > $room->{seq};
		$room->{ver} = $told->{ver} if $told->{ver} > $room->{ver};
		delete $room->{sync} if ($room->{sync} // '') !~ /^sync (\d+)/ || $frame->{id} eq $room->{sync};
	}
	return;
}

# ->{waiting}: what was sent and is not answered, by its client id.
sub take_answer ($self, $frame)
{
	my $waits = $self->{waiting}{ $frame->{id} // '' } or return;

	if ($frame->{type} eq 'ack') { return $self->accepted($frame->{id}, @$frame{qw(conversation_id seq)}) }
	$self->count("refused: $frame->{code}");
	$waits->{again} = 1;
	delete $self->{waiting}{ $frame->{id} } if !$passes{ $frame->{code} };
	return;
}

sub accepted ($self, $client_id, $conversation, $seq)
{
	my $waits = delete $self->{waiting}{$client_id} or return;
	my $ledger = $self->{ledger};

	$self->count("accepted by $waits->{way}");
	$self->complain("two messages are $conversation/$seq") if $ledger->{accepted}{"$conversation/$seq"}++;
	push @{ $self->{mine} }, [ $conversation, $seq ];
	shift @{ $self->{mine} } if @{ $self->{mine} } > 20;
	return;
}

sub take ($self, $bytes)
{
	$self->count('frames received by ' . $self->{parley}->port);
	for my $frame (map { parse($_) } split /\n/, $bytes)
	{
		my $type = $frame->{type};
		$self->count("got $type");
		if (my $rule = $apply{$type}) { $rule->($self, $frame->{conversation_id}, $frame) }
		elsif ($type eq 'synced') { $self->take_synced($frame) }
		elsif ($type eq 'welcome') { $self->{welcome} = 1 }
		elsif ($type eq 'expiring') { $self->renew }
		elsif ($type eq 'ack') { $self->take_answer($frame) }
		elsif ($type eq 'error') { ($frame->{id} // '') =~ /^sync/ ? $self->{socket} && $self->sync : $self->take_answer($frame) }
	}
	return;
}

# ---- what people do

sub room ($self)
{
	my @rooms = sort { $a <=> $b } keys %{ $self->{rooms} };
	return $rooms[ rand @rooms ];
}

# By socket, REST or SQL: with a client id, so that it can be repeated until it is answered.
sub send_message ($self, $way = undef, $room = $self->room)
{
	return if !$room;
	my $client_id = uuid();
	$way //= (qw(socket socket socket REST SQL))[ rand 5 ];
	$self->{waiting}{$client_id} = { way => $way, room => 0 + $room, content => words(), at => time };
	$self->transmit($client_id);
	return;
}

my %transmit = (
	socket => sub ($self, $id, $waits) {
		$self->say({ type => 'message', id => $id, conversation_id => $waits->{room}, content => $waits->{content} });
	},
	REST => sub ($self, $id, $waits) {
		my $body = { content => $waits->{content}, client_id => $id };
		$self->call(
			POST => "/conversations/$waits->{room}/messages" => $body => sub ($status, $message) {
				return $self->accepted($id, $waits->{room}, $message->{seq}) if $status == 200 || $status == 201;
				my $code = ref $message eq 'HASH' ? $message->{code} // '' : '';
				$waits->{again} = 1;
				delete $self->{waiting}{$id} if $status >= 400 && $status < 500 && !$passes{$code};
			});
	},
	SQL => sub ($self, $id, $waits) {
		$self->{ledger}{sql}->send(
			$self->{id}, $waits->{room}, $waits->{content}, $id,
			sub ($seq) {
				return $self->accepted($id, $waits->{room}, $seq) if $seq;
				$self->count('refused: by SQL');
				delete $self->{waiting}{$id};
			});
	});

sub transmit ($self, $id)
{
	my $waits = $self->{waiting}{$id};

	@$waits{qw(at again)} = (time, 0);
	$transmit{ $waits->{way} }->($self, $id, $waits);
	return;
}

# What has had no answer for a while, perhaps because its connection went, is sent once more.
sub repeat ($self)
{
	for my $id (keys %{ $self->{waiting} })
	{
		my $waits = $self->{waiting}{$id};
		next if time < $waits->{at} + ($waits->{again} ? 1 : 8) || ($waits->{way} eq 'socket' && !$self->is_online);
		$self->count('repeated');
		$self->transmit($id);
	}
	return;
}

sub my_message ($self) { return $self->{mine}[ rand @{ $self->{mine} } ] }

sub position ($self, $type)
{
	my $room = $self->room // return;
	my $seq  = $self->{rooms}{$room}{seq};

	$self->say({ type => $type, conversation_id => 0 + $room, seq => 0 + $seq }) if $seq > 0;
	return;
}

# The newest message of a room, or one of the ten before.
sub recent ($self)
{
	my $room = $self->room // return;
	my $seq  = $self->{rooms}{$room}{seq};

	return $seq > 0 ? "/conversations/$room/messages/" . int(1 + ($seq > 10 ? $seq - 10 : 0) + rand($seq < 10 ? $seq : 10)) : undef;
}

sub upload ($self)
{
	my $room = $self->room // return;
	my $file = join '', map { chr rand 256 } 1 .. 64;

	$self->call(
		POST => "/conversations/$room/attachments?name=file.bin" => $file x (1 + rand 8000) => sub ($status, $attachment) {
			return if $status != 201;
			$self->count('uploads');
			$self->call(GET => "/conversations/$room/attachments/$attachment->{id}/content" => undef,
				sub ($status, $json) { $self->count('downloads') if $status == 200 });
		},
		'Content-Type' => 'application/octet-stream');
	return;
}

sub make_group ($self)
{
	my @others = map { $self->{ledger}->person->{name} =~ s/\..*//r } 1 .. 4;
	my %others = map { $_ => 1 } grep { $_ ne $self->{name} =~ s/\..*//r } @others;

	$self->call(
		POST => '/conversations' => { name => words(3), usernames => [ sort keys %others ] } => sub ($status, $made) {
			return if $status != 201;
			$self->count('groups made');
			push @{ $self->{own} }, $made->{id};
		});
	return;
}

# Groups of its own, one after the other: somebody is banned and let in again, or all is left.
sub manage_group ($self)
{
	my $room  = shift @{ $self->{own} // [] } or return $self->make_group;
	my $other = $self->{ledger}->person;

	return $self->call(POST => "/conversations/$room/leave" => {}) if rand() < 0.5 || $other->{id} == $self->{id};
	push @{ $self->{own} }, $room;
	$self->count('bans');
	$self->call(
		PUT => "/conversations/$room/bans/$other->{id}" => {} => sub ($status, $json) {
			$self->call(DELETE => "/conversations/$room/bans/$other->{id}" => undef) if $status == 204;
		});
	return;
}

sub log_out ($self)
{
	$self->count('logouts');
	$self->call(POST => '/auth/logout' => {} => sub ($status, $json) { delete @$self{qw(token refresh_token)} if $status == 204 });
	return;
}

sub old_sync ($self)
{
	my %cursors = map { my $seq = $self->{rooms}{$_}{seq}; ($_ => { seq => $seq > 40 ? $seq - 40 : 0, ver => 0 }) } keys %{ $self->{rooms} };

	$self->call(POST => '/sync' => { cursors => \%cursors });
	return;
}

my @actions = (    # how often, while online or not
	[ 40, 1, sub ($self) { $self->send_message } ],
	[ 10, 1, sub ($self) { $self->say({ type => 'typing', conversation_id => 0 + $self->room, is_typing => \1 }) if $self->room } ],
	[ 14, 1, sub ($self) { $self->position('read') } ],
	[ 10, 1, sub ($self) { $self->position('delivered') } ],
	[ 4,  1, sub ($self) { my $path = $self->recent // return; $self->call(PUT => "$path/reactions/$emojis[rand @emojis]" => {}) } ],
	[ 2,  1, sub ($self) { my $path = $self->recent // return; $self->call(DELETE => "$path/reactions/$emojis[rand @emojis]" => undef) } ],
	[ 4,  1, sub ($self) { my $m = $self->my_message // return; $self->call(PATCH => "/conversations/$m->[0]/messages/$m->[1]" => { content => words() }) } ],
	[ 1,  1, sub ($self) { my $m = $self->my_message // return; $self->call(DELETE => "/conversations/$m->[0]/messages/$m->[1]" => undef) } ],
	[ 3,  1, sub ($self) { my $room = $self->room // return; $self->call(GET => "/conversations/$room/messages?limit=30" => undef) } ],
	[ 2,  1, sub ($self) { $self->call(GET => '/users/' . $self->{ledger}->person->{id} . '/status' => undef) } ],
	[ 1,  1, sub ($self) { $self->call(GET => '/search?q=' . substr(words(), 0, 4) => undef) } ],
	[ 1,  1, sub ($self) { $self->call(GET => '/conversations' => undef) } ],
	[ 1,  1, \&upload ],
	[ 1,  1, \&make_group ],
	[ 2,  1, \&manage_group ],
	[ 1,  1, \&old_sync ],
	[ 1,  1, \&log_out ],
	[ 1,  1, \&doze ],
	[ 5,  1, \&go ],
	[ 3,  1, \&break ],
	[ 1,  1, \&vanish ],
	[ 2,  0, sub ($self) { $self->send_message('REST') } ],
	[ 2,  0, sub ($self) { $self->send_message('SQL') } ],
	[ 1,  0, sub ($self) { $self->call(GET => '/conversations' => undef) } ]);

sub act ($self)
{
	my $online = $self->is_online ? 1 : 0;
	my @fit    = grep { $_->[1] == $online } @actions;
	my $at     = 0;
	$at += $_->[0] for @fit;
	$at = rand $at;

	return if !$self->{token};
	for my $action (@fit)
	{
		$at -= $action->[0];
		next if $at > 0;
		$action->[2]->($self);
		last;
	}
	return;
}

# No connection is kept for later.
sub end ($self)
{
	$self->go;
	@$self{qw(ended agent)} = (1, undef);
	return;
}

1;
