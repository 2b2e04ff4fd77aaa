# Parley/Follower.pm
#	  A client that keeps its cursors, comes back with them, and simply applies the frames
#	  that it gets, in order.  Whatever a correct server would not send is a complaint: a
#	  message that it has, one that is not the next, a version that it cannot place.
package Parley::Follower;

use Mojo::Base -strict, -signatures;

use Parley ();
use Parley::Socket;

# Follows the conversations of $user; with (id => {seq, ver}), from there on.
sub new ($class, $user, %cursors)
{
	my $self = bless { user => $user, syncs => 0, complaints => [], rooms => {} }, $class;

	$self->{rooms}{$_} = { %{ $cursors{$_} }, messages => {} } for keys %cursors;
	return $self;
}

sub cursors ($self)
{
	my $rooms = $self->{rooms};

	return { map { $_ => { seq => 0 + $rooms->{$_}{seq}, ver => 0 + $rooms->{$_}{ver} } }
		  grep { !$rooms->{$_}{void} } keys %$rooms };
}

# Opens a socket on $parley; the sync goes right behind the token, before the welcome.
sub open ($self, $parley, %more)
{
	return $self->take(Parley::Socket->open($parley), %more);
}

# The same on a socket that has just been opened.
sub take ($self, $socket, %more)
{
	$self->{socket}  = $socket;
	$self->{applied} = 0;
	die 'refused: ' . Mojo::JSON::encode_json($self->{socket}{tx}->error) . "\n" if defined $self->{socket}->refused;
	$self->{socket}->send({ type => 'auth', token => $self->{user}->token });
	return $self->sync(%more);
}

sub sync ($self, %more)
{
	$self->{id} = 'sync ' . ++$self->{syncs};
	$self->{synced} = 0;
	$self->{socket}->send(
		{ type => 'sync', id => $self->{id}, timeline => $self->{timeline}, cursors => $self->cursors, %more });
	return $self;
}

sub close ($self)
{
	$self->apply;
	$self->{socket}->close;
	$self->apply;
	return;
}

sub socket ($self) { return $self->{socket} }

# ---- frames

my %apply = (
	message => sub ($self, $room, $frame) {
		$self->complain($frame, "expected seq @{[$room->{seq} + 1]}") if $frame->{seq} != $room->{seq} + 1;
		$room->{seq} = $frame->{seq};
		$room->{messages}{ $frame->{seq} } = $frame;
	},
	message_updated => sub ($self, $room, $frame) {
		$self->take_ver($room, $frame);
		my $message = $room->{messages}{ $frame->{seq} } // return;
		$message->{$_} = $frame->{$_} for grep { !/^(type|ver)$/ } keys %$frame;
	},
	message_deleted => sub ($self, $room, $frame) {
		$self->take_ver($room, $frame);
		my $message = $room->{messages}{ $frame->{seq} } // return;
		@$message{qw(content deleted reactions)} = ('', Mojo::JSON::true, []);
	},
	reaction => sub ($self, $room, $frame) {
		$self->take_ver($room, $frame);
		my $message = $room->{messages}{ $frame->{seq} } // return;
		my %users   = map { my $r = $_; map { ("$r->{emoji} $_" => 1) } @{ $r->{user_ids} } } @{ $message->{reactions} };
		my $key     = "$frame->{emoji} $frame->{user_id}";
		$frame->{added} ? ($users{$key} = 1) : delete $users{$key};
		my %by;
		for (keys %users) { my ($emoji, $id) = split / /; push @{ $by{$emoji} }, 0 + $id }
		$message->{reactions} = [ map { { emoji => $_, user_ids => $by{$_} } } keys %by ];
	},
	member => sub ($self, $room, $frame) {
		$self->take_ver($room, $frame);
		$room->{members}{ $frame->{user_id} } = $frame->{state};
		$room->{ended} = $frame->{state} if $frame->{user_id} == $self->{user}->id && $frame->{state} ne 'joined';
	},
	conversation => sub ($self, $room, $frame) {
		$self->take_ver($room, $frame);
		$room->{name} = $frame->{name};
	},
	read => sub ($self, $room, $frame) {
		my $known = $room->{read}{ $frame->{user_id} } // 0;
		$room->{read}{ $frame->{user_id} } = $frame->{seq} if $frame->{seq} > $known;
	},
	delivered => sub ($self, $room, $frame) { },
	reset     => sub ($self, $room, $frame) {
		%$room = (seq => $frame->{seq}, ver => 0, messages => {}, resets => ($room->{resets} // 0) + 1);
	},
	gone => sub ($self, $room, $frame) { $room->{ended} = 'gone' },
	gap  => sub ($self, $room, $frame) { $self->complain($frame, 'no gap is due') });

sub complain ($self, $frame, $what)
{
	my %told = map { defined $frame->{$_} ? ($_ => $frame->{$_}) : () } qw(type id conversation_id seq ver);
	push @{ $self->{complaints} }, join(' ', map { "$_ $told{$_}" } sort keys %told) . ": $what";
	return;
}

# While a sync is under way, what it says is the new version.
sub take_ver ($self, $room, $frame)
{
	$room->{seen} = $frame->{ver} if $frame->{ver} > ($room->{seen} // 0);
	$room->{ver} = $frame->{ver} if $self->{synced} && $frame->{ver} > $room->{ver};
	return;
}

# Where the timeline is another, each cursor is void until a reset brings a new one.
sub apply_welcome ($self, $frame)
{
	my $known = $self->{timeline} // $frame->{timeline};

	$_->{void} = 1 for $known eq $frame->{timeline} ? () : values %{ $self->{rooms} };
	$self->{timeline} = $frame->{timeline};
	return;
}

sub apply_synced ($self, $frame)
{
	$self->{synced} = 1 if $frame->{id} eq $self->{id};
	$self->{answer} = $frame;
	for my $id (keys %{ $frame->{conversations} })
	{
		my ($told, $room) = ($frame->{conversations}{$id}, $self->{rooms}{$id});
		next if $told->{status} eq 'gone';
		$self->complain($frame, "seq of $id is $room->{seq}") if $told->{seq} > $room->{seq};
		$room->{ver} = $told->{ver} if $told->{ver} > $room->{ver};
	}
	return;
}

# Applies what has come since; true when the sync is done.
sub apply ($self)
{
	my @frames = $self->{socket}->frames;

	while ($self->{applied} < @frames)
	{
		my $frame = $frames[ $self->{applied}++ ];
		if ($frame->{type} eq 'synced') { $self->apply_synced($frame); next }
		if ($frame->{type} eq 'welcome') { $self->apply_welcome($frame); next }
		my $rule = $apply{ $frame->{type} } // next;
		my $id   = $frame->{conversation_id} // $frame->{id};
		my $room = $self->{rooms}{$id} //= { seq => 0, ver => 0, messages => {} };
		$rule->($self, $room, $frame);
	}
	return $self->{synced};
}

sub await_synced ($self)
{
	Parley::await(sub { $self->apply || $self->{socket}->is_closed }, 'a sync is answered');
	die 'closed: ' . $self->{socket}->await_close . "\n" if !$self->{synced};
	return $self;
}

# Until the conversation has come to this cursor.
sub await_cursor ($self, $id, $seq, $ver)
{
	Parley::await(
		sub {
			$self->apply;
			my $room = $self->{rooms}{$id};
			return $room && $room->{seq} >= $seq && ($ver <= $room->{ver} || $ver <= ($room->{seen} // 0));
		},
		"conversation $id at $seq, $ver");
	return $self;
}

sub complaints ($self) { $self->apply; return $self->{complaints} }
sub room ($self, $id) { return $self->{rooms}{$id} }

# What its user sees of a message, in a form that can be compared with the server's.
sub summary ($class, $message)
{
	my @reactions = map { my $r = $_; map { "$r->{emoji}$_" } @{ $r->{user_ids} } } @{ $message->{reactions} };
	return join '|', $message->{seq}, $message->{content}, $message->{deleted} ? 'deleted' : '', sort @reactions;
}

sub summaries ($self, $id)
{
	my $messages = $self->{rooms}{$id}{messages};
	return [ map { $self->summary($messages->{$_}) } sort { $a <=> $b } keys %$messages ];
}

1;
