# openapi.json against what the daemon does: every operation is called, and every answer,
# success and refusal, is as the document says.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Mojo::Util qw(url_escape encode);
use Test::More;

use Parley;
use Parley::Schema;
use Parley::User;

my $parley = Parley->start;
my ($alice, $bob, $carol, $dave) = $parley->signup(qw(alice bob carol dave));
my $nobody = Parley::User->nobody($parley);
$parley->sql("SELECT chat.grant_admin('dave')");

my $answer = $nobody->call(GET => '/openapi.json');
is $answer->status, 200, 'the document';
is $answer->type, 'application/json', 'is JSON';
my $document   = $answer->json;
my $schema     = Parley::Schema->new($document);
my $operations = $schema->operations;
my %called;

# Parameters go where the document says: into the path, the query, or else the body.
sub ask ($user, $name, %parameters)
{
	my $operation = $operations->{$name} // die "no operation $name\n";
	my $path      = $operation->{path} =~ s{^/api/v1}{}r;
	my $bytes     = delete $parameters{bytes};
	my $headers   = delete $parameters{headers} // {};
	my %query;

	$path = "root:$path" if $operation->{path} !~ m{^/api/v1};
	for my $parameter (@{ $operation->{parameters} })
	{
		next if !exists $parameters{ $parameter->{name} };
		my $value = delete $parameters{ $parameter->{name} };
		if ($parameter->{in} eq 'path')
		{
			my $escaped = url_escape encode('UTF-8', $value);
			$path =~ s/\{$parameter->{name}\}/$escaped/;
		}
		$query{ $parameter->{name} } = $value if $parameter->{in} eq 'query';
	}
	$path .= '?' . Mojo::Parameters->new(%query)->to_string if %query;
	my $body = $operation->{requestBody} ? $bytes // \%parameters : undef;
	return $user->call($operation->{method} => $path, body => $body, headers => $headers);
}

sub conforms ($name, $answer, $expected, $what = '')
{
	my @faults = $schema->faults_of_answer($operations->{$name}, $answer);

	is $answer->status, $expected, "$name: $expected $what" or diag $answer->start;
	is_deeply \@faults, [], "$name: as described" or diag $answer->start;
	return $answer;
}

# A success; returns the JSON.
sub good ($user, $name, %parameters)
{
	my $expected = delete $parameters{expected};
	my ($first) = sort grep { /^2/ } keys %{ $operations->{$name}{responses} };
	my $answer = ask($user, $name, %parameters);

	$called{$name} = 1;
	conforms($name, $answer, $expected // (exists $operations->{$name}{responses}{201} ? 201 : $first));
	return $answer->type eq 'application/json' ? $answer->json : $answer;
}

sub bad ($user, $name, $status, %parameters)
{
	return conforms($name, ask($user, $name, %parameters), $status, 'refused');
}

my $nothing = 999_999_999;
my $uuid    = '73e70ba9-aef1-4137-be0e-676ba887f5de';

subtest 'the document' => sub {
	is $document->{openapi}, '3.1.0', 'its version';
	cmp_ok scalar(keys %$operations), '>', 70, keys(%$operations) . ' operations';
	for my $operation (values %$operations)
	{
		my %in_path = map { $_->{name} => 1 } grep { $_->{in} eq 'path' } @{ $operation->{parameters} };
		is_deeply [ sort keys %in_path ], [ sort $operation->{path} =~ /\{(\w+)\}/g ], "$operation->{operationId}: the path";
	}
};

subtest 'accounts' => sub {
	my $grant = good($nobody, 'signup', username => 'erin', email => 'erin@example.org', password => Parley::User->password);
	my $erin  = bless { parley => $parley, grant => $grant }, 'Parley::User';
	good($nobody, 'login', login => 'erin', password => Parley::User->password);
	good($nobody, 'refresh', refresh_token => $grant->{refresh_token});
	good($erin, 'me');
	good($erin, 'profile');
	good($erin, 'update_profile', display_name => 'Erin', bio => undef);
	good($erin, 'is_admin');
	good($erin, 'ws_ticket');
	my ($other) = grep { !$_->{is_current} } @{ good($erin, 'sessions') };
	good($erin, 'revoke_session', id => $other->{id});
	good($erin, 'change_email', password => Parley::User->password, new_email => 'e@example.org');
	good($erin, 'change_password', old_password => Parley::User->password, new_password => 'battery staple');
	good($erin, 'export');
	good($erin, 'logout');
	my $again = bless { parley => $parley,
		grant => good($nobody, 'login', login => 'erin', password => 'battery staple') }, 'Parley::User';
	good($again, 'logout_all');
	$again = bless { parley => $parley,
		grant => good($nobody, 'login', login => 'erin', password => 'battery staple') }, 'Parley::User';
	good($again, 'delete_account', password => 'battery staple', expected => 204);
	bad($again, 'me', 401);
	bad($nobody, 'me', 401);
	bad($nobody, 'login', 401, login => 'erin', password => 'battery staple');
	bad($nobody, 'signup', 409, username => 'bob', email => 'x@example.org', password => Parley::User->password);
	bad($nobody, 'signup', 422, username => 'x');
	good($nobody, 'jwks');
};

subtest 'people' => sub {
	good($alice, 'search_users', search => 'bo');
	good($alice, 'user', id => $bob->id);
	good($alice, 'user_status', id => $bob->id);
	good($alice, 'block', id => $dave->id);
	good($alice, 'blocked');
	good($alice, 'unblock', id => $dave->id);
	good($alice, 'report_account', id => $bob->id, reason => 'noise');
	bad($alice, 'user', 404, id => $nothing);
	bad($alice, 'search_users', 422);
	bad($alice, 'search_users', 422, search => 'x', limit => 0);
};

my $team;
subtest 'conversations' => sub {
	$team = good($alice, 'create_group', name => 'team', usernames => ['bob'], is_public => \1)->{id};
	good($alice, 'direct', username => 'bob');
	good($alice, 'direct', username => 'bob', expected => 200);
	good($alice, 'conversations');
	good($alice, 'conversation', id => $team);
	good($alice, 'change_group', id => $team, name => 'the team');
	good($alice, 'stats');
	good($alice, 'permissions');
	good($alice, 'set_language', id => $team, language => 'english');
	good($carol, 'join', id => $team);
	good($alice, 'members', id => $team);
	good($alice, 'add_member', id => $team, username => 'dave');
	good($alice, 'change_member', id => $team, account_id => $dave->id, role => 'admin');
	good($alice, 'change_member', id => $team, account_id => $dave->id, muted_until => '2099-01-01T00:00:00Z');
	good($alice, 'remove_member', id => $team, account_id => $dave->id);
	good($alice, 'ban', id => $team, account_id => $dave->id, reason => 'noise');
	good($alice, 'banned', id => $team);
	good($alice, 'unban', id => $team, account_id => $dave->id);
	good($carol, 'leave', id => $team);
	bad($carol, 'conversation', 404, id => $team);
	bad($bob, 'change_group', 403, id => $team, name => 'x');
	bad($alice, 'add_member', 409, id => $team, username => 'bob');
};

subtest 'messages' => sub {
	my %first = (id => $team, content => 'first @bob', client_id => $uuid);
	good($alice, 'send', %first);
	good($alice, 'send', %first, expected => 200);
	good($bob, 'send', id => $team, content => 'second', reply_to => 1);
	good($alice, 'history', id => $team);
	is_deeply [ map { $_->{seq} } @{ good($alice, 'history', id => $team, search => 'second')->{messages} } ], [2],
	  'messages?search=';
	good($alice, 'message', id => $team, seq => 1);
	good($alice, 'edit', id => $team, seq => 1, content => 'First, @bob');
	good($alice, 'revisions', id => $team, seq => 1);
	good($alice, 'thread', id => $team, seq => 2);
	good($bob, 'react', id => $team, seq => 1, emoji => "\x{1F44D}");
	good($bob, 'reactions', id => $team, seq => 1);
	good($bob, 'unreact', id => $team, seq => 1, emoji => "\x{1F44D}");
	good($alice, 'pin', id => $team, seq => 1);
	good($alice, 'pins', id => $team);
	good($alice, 'unpin', id => $team, seq => 1);
	good($bob, 'mentions', id => $team);
	good($bob, 'read', id => $team, seq => 2);
	good($bob, 'delivered', id => $team, seq => 2);
	good($bob, 'report_message', id => $team, seq => 1, reason => 'noise');
	good($alice, 'sync', cursors => { $team => { seq => 1, ver => 0, positions => \1 } });
	good($alice, 'sync');
	good($alice, 'search', q => 'second');
	good($alice, 'search_conversations', q => 'team');
	good($bob, 'delete', id => $team, seq => 2);
	bad($alice, 'message', 404, id => $team, seq => 99);
	bad($bob, 'edit', 403, id => $team, seq => 1, content => 'x');
	bad($alice, 'send', 422, id => $team, content => ' ');
	bad($alice, 'send', 413, id => $team, content => 'x' x 20_000);
};

subtest 'attachments' => sub {
	my $made = good($alice, 'attach', id => $team, name => 'a.txt', bytes => 'hello', headers => { 'Content-Type' => 'text/plain' });
	my %this = (id => $team, attachment_id => $made->{id});
	good($alice, 'attachment', %this);
	is good($alice, 'download', %this)->body, 'hello', 'the bytes';
	conforms('download', ask($alice, 'download', %this, headers => { Range => 'bytes=1-2' }), 206);
	conforms('download', ask($alice, 'download', %this, headers => { 'If-None-Match' => '*' }), 304);
	bad($alice, 'download', 416, %this, headers => { Range => 'bytes=9-' });
	bad($bob, 'download', 404, %this);
	bad($alice, 'attach', 422, id => $team, bytes => 'x', headers => { 'Content-Type' => 'text/plain' });
	bad($alice, 'attach', 415, id => $team, name => 'x', bytes => 'x', headers => { 'Content-Type' => 'text/html' });
	good($alice, 'detach', %this);
};

subtest 'administrators' => sub {
	good($dave, 'audit');
	good($dave, 'audit_kinds');
	my ($report) = @{ good($dave, 'reports') };
	good($dave, 'close_report', id => $report->{id}, decision => 'dismissed');
	good($dave, 'rate_limits');
	good($dave, 'set_rate_limit', action => 'search', scope => 'account', burst => 100, per_minute => 60.5);
	good($dave, 'reset_rate_limit', action => 'search', scope => 'account');
	bad($alice, 'audit', 403);
	bad($alice, 'rate_limits', 403);
	good($alice, 'delete_group', id => $team);
};

subtest 'the daemon' => sub {
	good($nobody, $_) for qw(openapi livez readyz metrics);
};

is_deeply [ grep { !$called{$_} } sort keys %$operations ], [], 'every operation was called';
done_testing;
