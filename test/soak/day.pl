# day.pl: `make soak`.  A day of chat in SOAK_MINUTES (20) minutes with SOAK_PEOPLE (120)
# people on two devices each in front of two daemons.  Then everybody goes, and every gauge
# must be back where it was, every counter must fit the others, the tables and what the
# clients counted, and memory must be what it was a night before.
#
# A line in 5 s tells how it goes; what follows at the end is the account.  SOAK_SEED
# repeats the choices of a run.
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use POSIX ();
use List::Util qw(max min sum0);
use Mojo::IOLoop;
use Mojo::UserAgent;
use Test::More;
use Time::HiRes qw(time);

use Device;
use Parley;
use Teller;

my $minutes = $ENV{SOAK_MINUTES} || 20;
my $people  = $ENV{SOAK_PEOPLE}  || 120;
my $seed    = $ENV{SOAK_SEED} // int rand 2**31;
my $warm_up = $minutes * 60 * 0.15;               # a rush hour before the first night
my $day     = $minutes * 60 - $warm_up;
my $pace    = 0.5;                                # actions a second of a device, in the rush

# What memory may grow by from the first night to the second.
my $growth_mb  = 4;
my $backend_mb = 48;                              # of its own, and at most

$| = 1;
srand $seed;

# ---- the stage

my %flags = (
	'log-level'       => 'info',
	'heartbeat-s'     => 5,
	'expiry-notice-s' => 10,
	'ring-bytes'      => 1024 * 1024,
	'max-connections-per-address' => 0,
	'max-outbox-bytes'            => 65_536,
	'rest-quota-percent'          => 0,
	'canary-s'                    => 2);
my $parley = Parley->start(
	flags    => \%flags,
	settings => { 'pg_parley.access_token_lifetime' => '60s', max_connections => 100 });
my @daemons = ($parley, $parley->beside);
my $ledger  = bless { count => {}, complaints => [], accepted => {}, tell => \&tell_line }, 'Ledger';
my @devices;
my @samples;

sub Ledger::person ($self) { return $devices[ rand @devices ] }

$parley->sql('SELECT chat.set_rate_limit(action, scope, NULL, NULL) FROM chat.rate_limits()');
$ledger->{sql} = Teller->new($parley->node->connstr('chat'));

# ---- looking at it

my $looker = Mojo::UserAgent->new(max_connections => 0, inactivity_timeout => 10);

sub parse_metrics ($text)
{
	return { $text =~ /^([a-z_]+(?:\{.*\})?) (-?[\d.]+(?:e[+-]?\d+)?)$/mg };
}

sub metrics ($daemon)
{
	return parse_metrics($looker->get('http://127.0.0.1:' . $daemon->port . '/metrics')->result->body);
}

sub total ($metrics, $pattern)
{
	return sum0 map { $metrics->{$_} } grep { /$pattern/ } keys %$metrics;
}

# What backends of the daemons have for themselves, in MB.
sub backends
{
	my $pids = eval { $parley->sql("SELECT pid FROM pg_stat_activity WHERE usename = 'parley_pushd'") } // '';
	my @sizes;

	for my $pid (split /\n/, $pids)
	{
		open my $file, '<', "/proc/$pid/status" or next;
		push @sizes, $1 / 1024 if join('', <$file>) =~ /^RssAnon:\s+(\d+)/m;
	}
	return @sizes;
}

# ---- the day

# Hours begin with 0 at three in the morning, when the warm-up is over, and end there.
my ($began, $hour);

sub bell ($hour, $at, $width) { return exp(-(($hour - $at) / $width)**2) }

# How many are there: a tenth at night, all in the rush.
sub load_at ($hour)
{
	return 0.1 + 0.9 * max(map { bell($hour, @$_) } [ -2, 1.2 ], [ 6, 2 ], [ 10, 1.5 ], [ 16.5, 2.5 ]);
}

sub now_hour
{
	my $past = time - $began;
	return $past < $warm_up ? -4 + 4 * $past / $warm_up : 24 * ($past - $warm_up) / $day;
}

my @nights = ([ 0.5, 2.5 ], [ 21.5, 23.5 ]);    # of equal load, each behind a rush

sub is_in ($hour, $night) { return $hour >= $night->[0] && $hour <= $night->[1] }

# A few times a second: those who are due do something, come, or go for the night.
sub step
{
	state $last = time;
	my $now  = time;
	my $load = load_at($hour);
	my $due  = ($now - $last) * $pace * max($load, 0.3);

	$last = $now;
	for my $n (0 .. $#devices)
	{
		my $device = $devices[$n];
		my $wanted = $n / @devices < $load;
		$device->go if $device->is_online && !$wanted && rand() < 0.05;
		$device->come if $wanted && !$device->{socket} && rand() < 0.1;
		$device->act if rand() < $due && ($wanted || rand() < 0.05);
		$device->repeat;
	}
	return;
}

# ---- incidents

# The walsender goes while a transaction is open: no slot can be had until that has ended,
# so the tables serve.
sub switch_feed
{
	my $conninfo = $parley->node->connstr('chat');

	open my $holder, '|-', "psql -Xq -d '$conninfo' >/dev/null" or die "psql: $!";
	$holder->autoflush(1);
	print {$holder} "BEGIN; SET application_name = 'holder'; SELECT pg_current_xact_id();\n";
	await(sub { $parley->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holder' AND backend_xid IS NOT NULL") }, 'a transaction');
	$parley->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender'");
	await(sub { 2 == grep { metrics($_)->{parley_feed} == 1 } @daemons }, 'the tables serve', 60);
	$ledger->{holder} = $holder;
	Mojo::IOLoop->timer($day / 24 => sub { delete $ledger->{holder} });
	return;
}

my @incidents = (
	[ 3,  'reload',             sub { kill HUP => $_->pid for @daemons } ],
	[ 4,  'feed switch',        \&switch_feed ],
	[ 8,  'PostgreSQL restart', sub { $parley->node->restart } ],
	[ 9,  'reload',             sub { kill HUP => $_->pid for @daemons } ],
	[ 11, 'walsenders killed',  sub { $parley->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender'") } ],
	[ 13, 'feed switch',        \&switch_feed ],
	[ 15, 'PostgreSQL crash',   sub { $parley->node->stop('immediate'); $parley->node->start } ],
	[ 17, 'pool killed',        sub { $parley->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'parley_pushd' AND backend_type = 'client backend'") } ],
	[ 18, 'reload',             sub { kill HUP => $_->pid for @daemons } ]);

sub happen
{
	while (@incidents && $incidents[0][0] <= $hour)
	{
		my ($at, $name, $do) = @{ shift @incidents };
		tell_line($name);
		$do->();
		$ledger->{count}{"incident: $name"}++;
	}
	return;
}

# ---- samples

sub clock ($hour) { return sprintf '%02d:%02d', ($hour + 27) % 24, int(60 * ($hour - POSIX::floor($hour))) }

sub tell_line ($text) { diag sprintf '%s  %s', clock($hour), $text }

sub sample
{
	my @metrics  = map { eval { metrics($_) } } @daemons;
	my @backends = backends();

	return if @metrics < 2 || grep { !$_ } @metrics;
	my %sample = (
		hour     => $hour,
		rss      => sum0(map { $_->{process_resident_memory_bytes} / 1e6 } @metrics),
		files    => sum0(map { $_->{process_open_fds} } @metrics),
		open     => sum0(map { $_->{parley_connections} } @metrics),
		outbox   => sum0(map { $_->{parley_outbox_bytes} } @metrics),
		feeds    => join('+', map { $_->{parley_feed} } @metrics),
		backends => max(0, @backends));
	push @samples, \%sample;
	tell_line(
		sprintf '%3d connections, %4d descriptors, %6.1f MB, backends up to %4.1f MB, %6d bytes wait, feeds %s, %6d messages, %d complaints',
		@sample{qw(open files rss backends outbox feeds)}, scalar keys %{ $ledger->{accepted} }, scalar @{ $ledger->{complaints} });
	return;
}

# ---- people

sub sign_up_all
{
	my $signed = 0;

	for my $n (1 .. $people)
	{
		push @devices, Device->new(ledger => $ledger, parley => $daemons[ $n % 2 ], name => "person$n");
		$devices[-1]->sign_up(sub { $signed++ });
		await(sub { $signed == $n }, "signup $n");
	}
	for my $n (1 .. $people)
	{
		push @devices, Device->new(ledger => $ledger, parley => $daemons[ ($n + 1) % 2 ], name => "person$n.2");
		$devices[-1]->log_in;
	}
	await(sub { !grep { !$_->{token} } @devices }, 'all logins');
	return;
}

# Everybody in one, twelve groups of fifteen, and a few pairs.
sub make_rooms
{
	my @ids = map { $devices[$_]{id} } 0 .. $people - 1;
	my @groups = ([ 1 .. $people - 1 ], map { my $n = $_; [ map { ($n * 9 + $_) % $people } 1 .. 14 ] } 1 .. 12);

	for my $n (0 .. $#groups)
	{
		my $names = join ',', map { 'person' . ($_ + 1) } grep { $_ != $n } @{ $groups[$n] };
		$parley->sql("BEGIN; SELECT FROM chat.act_as($ids[$n]); SELECT FROM chat.create_group('group $n', string_to_array('$names', ',')); COMMIT");
	}
	$parley->sql("BEGIN; SELECT FROM chat.act_as($ids[$_]); SELECT FROM chat.direct('person@{[$_ + 2]}'); COMMIT") for 0 .. min(30, $people - 2);
	return;
}

# ---- the account

sub is_zero ($value, $what) { return is $value, 0, $what }

# All that is under way comes to an end; those who go on are there.
sub settle
{
	await(
		sub {
			for my $device (@devices)
			{
				$device->come if !$device->{socket};
				$device->repeat;
			}
			return !grep { %{ $_->{waiting} } || !$_->is_online || $_->{calls} } @devices;
		},
		'all are there, and all they said is answered',
		90);
	return;
}

# Where each conversation is: what every member's devices must have come to.
sub check_whole
{
	my %last   = map { split /\|/ } split /\n/, $parley->sql('SELECT conversation_id, last_seq FROM chat.conversation_counter');
	my %member;
	push @{ $member{ (split /\|/)[1] } }, (split /\|/)[0]
	  for split /\n/, $parley->sql("SELECT conversation_id, account_id FROM chat.member WHERE state = 'joined'");
	my $behind = sub { return map { my $d = $_; map { ($d->{rooms}{$_}{seq} // 0) == $last{$_} ? () : "$d->{name} has $_/" . ($d->{rooms}{$_}{seq} // 'nothing') . " of $last{$_}" } @{ $member{ $d->{id} } // [] } } @devices };

	my $whole = eval { await(sub { !$behind->() }, 'all have all', 20) };
	is join("\n", ($behind->())[ 0 .. 4 ]) =~ s/\n+\z//r, '', 'each device has come to the last message of each of its conversations';
	my $pairs = sum0 map { scalar @{ $member{ $_->{id} } // [] } } @devices;
	diag sprintf '%d devices in %d conversations: %d cursors compared', scalar @devices, scalar keys %last, $pairs;
	return;
}

# What was sent and not received yet, of each daemon: to those who went, that much for ever.
sub unheard
{
	return map { metrics($_)->{parley_frames_sent_total} - ($ledger->{count}{ 'frames received by ' . $_->port } // 0) } @daemons;
}

# With nobody coming or going, each frame that is sent is one that is counted.  Should
# somebody's token end meanwhile, it begins again.
sub check_frames ($rounds = 5)
{
	my @least = unheard();
	my $looks = 0;
	my %was   = %{ $ledger->{count} };
	my $gone  = sub { return sum0 map { $ledger->{count}{$_} - ($was{$_} // 0) } grep { /^closed with/ } keys %{ $ledger->{count} } };

	await(
		sub {
			my @now = unheard();
			@least = map { min($least[$_], $now[$_]) } 0, 1;
			return ++$looks > 50;
		},
		'many looks');
	for my $device (@devices) { $device->send_message($_) for qw(socket REST SQL) }
	settle();
	return check_frames($rounds - 1) if $gone->() && $rounds > 1;
	for my $n (0, 1)
	{
		my $counter  = 'frames received by ' . $daemons[$n]->port;
		eval { await(sub { (unheard())[$n] == $least[$n] }, 'each frame is received', 20) };
		is +(unheard())[$n], $least[$n], sprintf 'daemon %d: each of %d frames to those who stay was received', $n, $ledger->{count}{$counter} - $was{$counter};
	}
	return;
}

sub check_messages
{
	my $accepted = scalar keys %{ $ledger->{accepted} };
	my ($rows, $numbered) = split /\|/, $parley->sql(
		'SELECT (SELECT count(*) FROM chat.message), (SELECT sum(last_seq) FROM chat.conversation_counter)');

	is $rows,     $accepted, "$accepted messages were accepted: as many rows";
	is $numbered, $accepted, 'and as many numbers given';
	is_zero scalar(@{ $ledger->{complaints} }), 'no client got a message twice, or out of order, or not at all';
	diag $_ for grep { defined } @{ $ledger->{complaints} }[ 0 .. 9 ];
	return;
}

# Gauges that count what is there now.
my @gauges = qw(parley_connections parley_outbox_bytes parley_tls_connections parley_pool_waiting);

sub check_gauges ($n, $base)
{
	my $daemon = $daemons[$n];
	my $back   = sub ($m) { return $m->{process_open_fds} <= $base->{process_open_fds} && !grep { $m->{$_} } @gauges };
	my $now;

	eval { await(sub { $back->($now = metrics($daemon)) }, "daemon $n is empty", 40) };
	is_zero $now->{$_}, "daemon $n: $_" for @gauges;
	is $now->{process_open_fds}, $base->{process_open_fds}, "daemon $n: as many descriptors as before the first client";
	eval { await(sub { metrics($daemon)->{parley_pool_in_flight} == 0 }, 'nothing is under way', 10) };
	is_zero metrics($daemon)->{parley_pool_in_flight}, "daemon $n: requests under way";
	return;
}

# Of both together: an answer that did not arrive may have been given.
sub check_answers
{
	my %count    = %{ $ledger->{count} };
	my @now      = map { metrics($_) } @daemons;
	my $answered = sum0 map { total($_, qr/^parley_http_answers_total.*route="\/api/) } @now;
	my $resumed  = sum0 map { total($_, qr/^parley_resumes_total/) } @now;
	my $batched  = sum0 map { $_->{parley_send_batched_messages_total} } @now;
	my $heard    = sum0 map { $count{$_} } grep { /^HTTP [1-9]/ } keys %count;

	cmp_ok $answered, '>=', $heard, "calls: $answered answered, $heard answers heard";
	cmp_ok $answered, '<=', $heard + ($count{'HTTP 0'} // 0), 'and no more given than did not arrive';
	cmp_ok $resumed, '>=', $count{'got synced'}, "syncs: $resumed done, $count{'got synced'} heard of";
	cmp_ok $batched, '>=', $count{'accepted by socket'}, "messages by socket: $batched, $count{'accepted by socket'} of them accepted";
	return;
}

sub check_counters ($n)
{
	my $now    = metrics($daemons[$n]);
	my $opened = $now->{parley_connections_accepted_total};
	my $closed = total($now, qr/^parley_closes_total/);
	my $got    = $ledger->{count}{ 'frames received by ' . $daemons[$n]->port };

	is $closed, $opened, "daemon $n: $opened connections, as many closed, by reason";
	my $asked = $now->{parley_http_requests_total} - $opened - 1;
	is total($now, qr/^parley_http_answers_total/), $asked, "daemon $n: $asked requests, as many answers";
	is total($now, qr/^parley_http_answers_total.*status="5/), $now->{parley_http_errors_total},
	  "daemon $n: $now->{parley_http_errors_total} errors among them";
	cmp_ok $got, '<=', $now->{parley_frames_sent_total}, "daemon $n: no client counted more frames than were sent";
	my $canaries = $now->{'parley_canaries_total{outcome="sent"}'};
	my $back = $now->{parley_canary_seconds_count} + $now->{'parley_canaries_total{outcome="late"}'};
	cmp_ok $canaries - $back, '<=', 1, "daemon $n: $canaries canaries, all back or late";
	diag "daemon $n: $_ $now->{$_}" for sort grep { /closes_total|resumes_total|dropped|refused|pool_requests|timeouts|feed_(starts|failures|holes)|table_feed|reloads/ && $now->{$_} } keys %$now;
	return;
}

# Kilobytes an hour, by least squares.
sub slope (@points)
{
	my ($x, $y) = map { my $k = $_; sum0(map { $_->{$k} } @points) / (@points || 1) } qw(hour rss);
	my $square  = sum0 map { ($_->{hour} - $x)**2 } @points;

	return $square ? 1000 * sum0(map { ($_->{hour} - $x) * ($_->{rss} - $y) } @points) / $square : 0;
}

sub check_memory
{
	my @mean = map {
		my $night = $_;
		my @there = map { $_->{rss} } grep { is_in($_->{hour}, $night) } @samples;
		sum0(@there) / (@there || 1)
	} @nights;
	my $grown = $mean[1] - $mean[0];
	my $most  = max map { $_->{backends} } @samples;

	cmp_ok $mean[0], '>', 0, 'the first night was looked at';
	cmp_ok $grown, '<=', $growth_mb * @daemons, sprintf 'memory: %.1f MB in the first night, %.1f in the second, %+.1f (up to %d)', @mean, $grown, $growth_mb * @daemons;
	my $slope = slope(grep { $_->{hour} >= 12 } @samples);
	cmp_ok 12 * $slope / 1000, '<=', $growth_mb * @daemons, sprintf 'and %+.1f kB an hour over the second half', $slope;
	cmp_ok $most, '<=', $backend_mb, sprintf 'a backend of theirs had up to %.1f MB of its own', $most;
	return;
}

# ---- all of it

diag "SOAK_SEED=$seed, $minutes minutes, $people people";
my @base = map { metrics($_) } @daemons;
sign_up_all();
make_rooms();
$began = time;
$hour  = -4;
my $next = 0;
my $tick = Mojo::IOLoop->recurring(0.1 => sub { step() });
until (($hour = now_hour()) >= 24)
{
	Mojo::IOLoop->one_tick;
	happen() if $hour >= 0;
	next if time < $next;
	sample();
	$next = time + max(1, min(5, $minutes * 60 / 150));
}
Mojo::IOLoop->remove($tick);
await(sub { !$ledger->{holder} }, 'the tables have served');
settle();
check_whole();
check_frames();
check_whole();
check_messages();
$_->end for @devices;
$ledger->{sql}->end;
check_gauges($_, $base[$_]) for 0, 1;
check_counters($_) for 0, 1;
check_answers();
check_memory();
diag sprintf '%8d %s', $ledger->{count}{$_}, $_ for sort keys %{ $ledger->{count} };
is $_->stop_pushd, 0, 'a daemon ends well' for @daemons;
done_testing;
