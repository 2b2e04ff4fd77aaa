# Parley.pm
#	  What the TAP suites share: a private PostgreSQL cluster with the extension in it,
#	  parley-pushd in front of it, and people who use both.
#
# A suite runs alone, as any user but root: prove test/t/003_delivery.pl.  It finds
# PostgreSQL by PG_CONFIG or pg_config in the PATH; further, from the environment:
#
#	 PARLEY_STAGE   where `make install DESTDIR=...` put the extension; unset: it is
#	                installed in the server
#	 PARLEY_PUSHD   the daemon; $PARLEY_STAGE/bin/parley-pushd or pushd/parley-pushd
#	 TEMP_CONFIG    a file with more settings for every cluster
#	 PARLEY_TEST_PATIENCE   how many seconds an event may take (30)
#	 PARLEY_TEST_FEED   where events come from: wal, table, or notify (the tables, woken by
#	                NOTIFY) (wal)
#	 PARLEY_TEST_PROCESSES  how many daemons there are; every call goes to another (1)
#	 PARLEY_TEST_HOSTILE    the role of the daemon has settings against it
#	 TESTDIR        where clusters and logs lie meanwhile; a temporary folder
#
# Nothing here sleeps for a fixed time: whoever waits says for what, and fails with
# those words when it does not come.
package Parley;

# Mojolicious takes Cpanel::JSON::XS where it is installed, which writes other JSON: a number that
# was used as text becomes text.
BEGIN { $ENV{MOJO_NO_JSON_XS} = 1 }

use Mojo::Base -strict, -signatures;

# Before PostgreSQL::Test, so that its folder goes after the clusters in it.
use File::Temp ();

my ($pg_config, $bindir);

BEGIN
{
	$pg_config = $ENV{PG_CONFIG} // 'pg_config';
	chomp($bindir = qx("$pg_config" --bindir) || die "there is no $pg_config\n");
	chomp(my $pgxs = qx("$pg_config" --pgxs));
	my $tests = $pgxs =~ s{makefiles/pgxs\.mk$}{test}r;
	$ENV{PATH} = "$bindir:$ENV{PATH}";
	$ENV{PG_REGRESS} //= "$tests/regress/pg_regress";
	$ENV{TESTDIR} //= File::Temp::tempdir('parley-tap-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	push @INC, "$tests/perl";
}

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use MIME::Base64 qw(decode_base64url);
use Mojo::File qw(path);
use Mojo::IOLoop;
use Mojo::JSON qw(decode_json encode_json);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;
use Time::HiRes qw(time usleep);

use Parley::User;

use Exporter qw(import);
our @EXPORT = qw(await);

my @running;    # those with a daemon

# PostgreSQL::Test sends STDERR to a log; why a suite ended belongs in front of the user.
$SIG{__DIE__} = sub ($message) { diag $message =~ s/\s+\z//r if !$^S };

my $patience = $ENV{PARLEY_TEST_PATIENCE} // 30;    # seconds

# Waits until the block returns something true, and returns that.
sub await ($condition, $what, $seconds = $patience)
{
	my $deadline = time + $seconds;
	my $tick     = Mojo::IOLoop->recurring(0.02 => sub { });
	my $value;

	until ($value = $condition->())
	{
		last if time > $deadline;
		Mojo::IOLoop->one_tick;
	}
	Mojo::IOLoop->remove($tick);
	return $value if $value;
	tell_logs();
	die "waited ${seconds} s in vain for: $what\n";
}

sub tell_logs
{
	for my $parley (@running)
	{
		my @lines = split /\n/, $parley->log;
		diag "parley-pushd: $_" for @lines > 15 ? @lines[-15 .. -1] : @lines;
	}
}

# ---- the cluster

# Settings that this server knows; a minor release can add one.
sub server_knows ($name)
{
	state $known = { map { (split /\t/)[0] => 1 } qx("$bindir/postgres" --describe-config) };
	return $known->{$name};
}

sub cluster_settings (%more)
{
	my %settings = (
		wal_level                => 'logical',
		fsync                    => 'off',
		max_wal_senders          => 10,
		max_replication_slots    => 10,
		max_connections          => 60,
		shared_preload_libraries => "'pg_parley'",
		log_statement            => 'none',
		log_min_messages         => 'info',
		%more);

	$settings{output_plugin_libraries} //= "'pg_parley'";
	delete $settings{output_plugin_libraries} if !server_knows('output_plugin_libraries');
	if (my $stage = $ENV{PARLEY_STAGE})
	{
		chomp(my ($libdir, $sharedir) = qx("$pg_config" --pkglibdir --sharedir));
		$settings{dynamic_library_path} = "'$stage$libdir:\$libdir'";
		if (server_knows('extension_destdir'))
		{
			$settings{extension_destdir} = "'$stage'";
		}
		else
		{
			$settings{extension_control_path} = "'$stage$sharedir:\$system'";
		}
	}
	return join '', map { "$_ = $settings{$_}\n" } sort keys %settings;
}

sub make_cluster ($self, %settings)
{
	my $node = PostgreSQL::Test::Cluster->new('chat');

	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf('postgresql.conf', cluster_settings(%settings));
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE chat');
	$node->safe_psql('chat', 'CREATE EXTENSION pg_parley');
	$node->safe_psql('chat', 'CREATE ROLE parley_pushd LOGIN REPLICATION IN ROLE chat_gateway');
	set_against_us($node) if $ENV{PARLEY_TEST_HOSTILE};
	$self->{node} = $node;
	return;
}

# What an administrator may set for a role without a thought of the daemon.
my %against_us = (
	TimeZone                            => "'Asia/Kathmandu'",
	DateStyle                           => "'SQL, DMY'",
	IntervalStyle                       => "'sql_standard'",
	bytea_output                        => "'escape'",
	extra_float_digits                  => '-15',
	array_nulls                         => 'off',
	standard_conforming_strings         => 'off',
	quote_all_identifiers               => 'on',
	transform_null_equals               => 'on',
	row_security                        => 'off',
	gin_fuzzy_search_limit              => '1',
	default_text_search_config          => "'pg_catalog.simple'",
	default_transaction_isolation       => "'serializable'",
	default_transaction_deferrable      => 'on',
	idle_in_transaction_session_timeout => "'1ms'",
	idle_session_timeout                => "'200ms'",
	search_path                         => "''",
	client_encoding                     => "'LATIN1'",
	client_min_messages                 => "'debug1'",
	plan_cache_mode                     => "'force_custom_plan'",
	xmloption                           => "'document'");

sub set_against_us ($node)
{
	$node->safe_psql('chat', join '', map { "ALTER ROLE parley_pushd IN DATABASE chat SET $_ = $against_us{$_};" } sort keys %against_us);
	return;
}

sub node ($self) { return $self->{node} }

# SQL as superuser; the result as psql -At prints it.
sub sql ($self, $sql, @options)
{
	return $self->{node}->safe_psql('chat', $sql, @options);
}

# The same in one transaction, as somebody.
sub sql_as ($self, $user, $sql)
{
	return $self->sql(
		"BEGIN; DO \$\$ BEGIN PERFORM chat.act_as(@{[$user->id]}); END \$\$; $sql; COMMIT");
}

# A psql that stays: ->query_safe(SQL), ->quit.
sub psql ($self)
{
	return $self->{node}->background_psql('chat', on_error_stop => 1);
}

# A token signed by our newest EdDSA key, with any claims and any additions to its header.
sub sign_token ($self, $claims, $header = {})
{
	state $quote = sub ($json) { "'" . encode_json($json) =~ s/'/''/gr . "'" };

	return $self->sql(
		"WITH k AS (SELECT kid, algorithm, jwt.url_encode(secret) AS secret
					  FROM chat.jwt_key WHERE algorithm = 'EdDSA' ORDER BY created_at DESC LIMIT 1),
			  t AS (SELECT jwt.url_encode(convert_to((jsonb_build_object('alg', algorithm, 'kid', kid)
									|| @{[$quote->($header)]}::jsonb)::text, 'UTF8')) || '.' ||
						   jwt.url_encode(convert_to(@{[$quote->($claims)]}, 'UTF8')) AS signed FROM k)
		 SELECT signed || '.' || jwt.algorithm_sign(signed, secret, algorithm) FROM k, t");
}

# The token of somebody's session that is good for so many seconds, perhaps less than none.
sub token_for ($self, $user, $seconds, %claims)
{
	return $self->sign_token(
		{   sub => '' . $user->id,
			sid => $self->session_id($user),
			iat => int(time) - 60,
			exp => int(time) + $seconds,
			%claims });
}

# By the token: its claims are for all to read.
sub session_id ($self, $user)
{
	return decode_json(decode_base64url((split /\./, $user->token)[1]))->{sid};
}

# ---- variants

# Settings of the server for each feed.
my %feeds = (
	wal    => {},
	table  => { wal_level => 'replica' },
	notify => { wal_level => 'replica', 'pg_parley.notify' => 'on' });

sub feed { return $ENV{PARLEY_TEST_FEED} // 'wal' }
sub processes { return $ENV{PARLEY_TEST_PROCESSES} || 1 }

# One more daemon in front of the same cluster, with a port and a log of its own.
sub sibling ($self, $n)
{
	my $sibling = bless { %$self, log_file => $self->{log_file} =~ s/\.log$/_$n.log/r }, ref $self;

	delete @$sibling{qw(pid port siblings)};
	unlink $sibling->{log_file};
	push @running, $sibling;
	return $sibling;
}

# ---- the daemon

sub pushd_binary
{
	my @places = (
		$ENV{PARLEY_PUSHD} // (),
		$ENV{PARLEY_STAGE} ? "$ENV{PARLEY_STAGE}/bin/parley-pushd" : (),
		dirname(abs_path(__FILE__)) . '/../../pushd/parley-pushd');
	my ($found) = grep { -x } @places;
	return $found // die "there is no parley-pushd in: @places\n";
}

sub pushd_database ($self)
{
	return 'user=parley_pushd ' . $self->{node}->connstr('chat');
}

# Starts it without waiting.  The first time on a free port, then on the same again.
sub spawn_pushd ($self, %flags)
{
	%flags = (
		'database'    => $self->pushd_database,
		'listen-port' => $self->{port} // 0,
		'log-level'   => 'debug',
		%{ $self->{flags} }, %flags);
	$self->{log_start} = length $self->whole_log;

	my $binary = pushd_binary();
	my $pid    = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDIN,  '<', '/dev/null';
		open STDERR, '>>', $self->{log_file};
		open STDOUT, '>&', \*STDERR;
		delete @ENV{ grep { /^(PG|PARLEY_(?!WEB_ROOT))/ } keys %ENV };
		{
			exec 'setpriv', '--pdeathsig', 'KILL', $binary, map { "--$_=$flags{$_}" } grep { defined $flags{$_} } sort keys %flags;
		}
		POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	return $self;
}

sub start_pushd ($self, %flags)
{
	$self->spawn_pushd(%flags);
	await(sub { !$self->pushd_runs || $self->log =~ /ready: http/ }, 'parley-pushd is ready');
	$self->pushd_runs or die 'parley-pushd ended: ' . $self->log;
	($self->{port}) = $self->log =~ m{ready: https?://127\.0\.0\.1:(\d+)} or die 'no port: ' . $self->log;
	$_->start_pushd(%flags) for grep { !$_->pushd_runs } $self->siblings;
	return $self;
}

sub pushd_runs ($self)
{
	return 0 if !$self->{pid};
	return 1 if waitpid($self->{pid}, POSIX::WNOHANG()) == 0;
	$self->{status} = $?;
	undef $self->{pid};
	return 0;
}

# Returns its wait status.
sub stop_pushd ($self, $signal = 'TERM')
{
	kill $signal, $self->{pid} if $self->pushd_runs;
	await(sub { !$self->pushd_runs }, "parley-pushd ends after SIG$signal");
	return $self->{status};
}

sub pid ($self) { return $self->{pid} }
sub port ($self) { return $self->{port} }

sub siblings ($self) { return @{ $self->{siblings} // [] } }

# A metric of all daemons together, and over all its labels if it is asked for without;
# 0 where none has it.
sub metric ($self, $series)
{
	my $sum = 0;

	for my $daemon ($self, $self->siblings)
	{
		my $body = Parley::User->nobody($daemon->alone)->call(GET => 'root:/metrics')->body;
		$sum += $_ for $body =~ /^\Q$series\E(?:\{.*\})? (\S+)$/mg;
	}
	return $sum;
}

# The same daemon, for calls that are to reach no other.
sub alone ($self)
{
	return bless { %$self, siblings => [] }, ref $self;
}

# Of each daemon in turn.
sub url ($self, $path = '')
{
	my @ports = map { $_->{port} } $self, $self->siblings;

	return "http://127.0.0.1:$ports[ $self->{calls}++ % @ports ]$path";
}

sub whole_log ($self)
{
	return -e $self->{log_file} ? path($self->{log_file})->slurp : '';
}

# What the daemon has written since it was last started.
sub log ($self)
{
	return substr $self->whole_log, $self->{log_start} // 0;
}

# ---- both, and who uses them

# Options: settings => {...} of the cluster, flags => {...} of the daemon, pushd => 0,
# alone => 1 where a suite is of one daemon's own doings, however many there may be else,
# feed => 'wal' where it is about what only that feed can tell.
sub start ($class, %options)
{
	my $self = bless { flags => $options{flags} // {} }, $class;

	die "PostgreSQL does not run as root: neither do its tests\n" if $> == 0;
	$self->{log_file} = "$PostgreSQL::Test::Utils::log_path/pushd_" . path($0)->basename('.pl') . '.log';
	unlink $self->{log_file};
	push @running, $self;
	$self->make_cluster(%{ $feeds{ $options{feed} // feed() } }, %{ $options{settings} // {} });
	$self->{siblings} = [ map { $self->sibling($_) } 2 .. ($options{alone} ? 1 : processes()) ];
	$self->start_pushd if $options{pushd} // 1;
	return $self;
}

# Another daemon on the same cluster, on a port of its own; flags of the first one hold for
# it too.  See Parley::User->at.
sub beside ($self, %flags)
{
	my $other = bless { node => $self->{node}, flags => { %{ $self->{flags} }, %flags } }, ref $self;

	$other->{log_file} = $self->{log_file} =~ s/\.log$/'_' . @running . '.log'/er;
	unlink $other->{log_file};
	push @running, $other;
	return $other->start_pushd;
}

# A call without a user; the answer is a Parley::Answer.
sub call ($self, @request)
{
	return Parley::User->nobody($self)->call(@request);
}

# New people, by REST.
sub signup ($self, @names)
{
	my @users = map { Parley::User->signup($self, $_) } @names;
	return wantarray ? @users : $users[0];
}

END
{
	my $status = $?;

	for my $parley (@running)
	{
		next if !$parley->pushd_runs;
		kill 'TERM', $parley->{pid};
		my $deadline = time + 5;
		usleep(5000) while $parley->pushd_runs && time < $deadline;
		next if !$parley->pushd_runs;
		kill 'KILL', $parley->{pid};
		waitpid $parley->{pid}, 0;
	}
	$File::Temp::KEEP_ALL = 1 if $status != 0 || !Test::More->builder->is_passing;
	$? = $status;
}

1;
