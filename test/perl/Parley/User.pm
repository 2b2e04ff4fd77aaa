# Parley/User.pm
#	  One person with an account: calls REST, opens WebSockets.
package Parley::User;

use Mojo::Base -strict, -signatures;

use Mojo::UserAgent;

use Parley::Answer qw(compose);
use Parley::Socket;

my $prefix   = '/api/v1';
my $password = 'correct horse battery staple';

sub nobody ($class, $parley)
{
	return bless { parley => $parley }, $class;
}

sub signup ($class, $parley, $username, %more)
{
	my $answer = $class->nobody($parley)->post(
		'/auth/signup',
		{   username => $username,
			email    => "$username\@example.org",
			password => $password,
			%more });

	die "signup of $username: " . $answer->body if $answer->status != 201;
	return bless { parley => $parley, grant => $answer->json }, $class;
}

# The same person on another device: a session of its own.
sub login ($self)
{
	my $answer = Parley::User->nobody($self->{parley})
	  ->post('/auth/login', { login => $self->username, password => $password });

	die 'login: ' . $answer->body if $answer->status != 200;
	return bless { parley => $self->{parley}, grant => $answer->json }, ref $self;
}

# The same session with another access token.
sub with_token ($self, $token)
{
	return bless { %$self, grant => { %{ $self->{grant} // {} }, access_token => $token } }, ref $self;
}

# The same session at another daemon of the cluster.
sub at ($self, $parley)
{
	return bless { %$self, parley => $parley }, ref $self;
}

sub id ($self) { return $self->{grant}{user}{id} }
sub username ($self) { return $self->{grant}{user}{username} }
sub token ($self) { return $self->{grant}{access_token} }
sub refresh_token ($self) { return $self->{grant}{refresh_token} }
sub grant ($self) { return $self->{grant} }
sub password ($class) { return $password }

# ---- REST

sub agent
{
	state $agent = Mojo::UserAgent->new(
		connect_timeout    => 10,
		inactivity_timeout => 30,
		request_timeout    => 30,
		max_redirects      => 0);
	return $agent;
}

# call(METHOD => path, body => JSON value or bytes, headers => {...}); the prefix /api/v1
# is put before a path, unless the path says otherwise: "root:/livez".
sub call ($self, $method, $path, %request)
{
	my %headers = %{ $request{headers} // {} };
	my $body    = $request{body};

	$path = $path =~ s/^root:// ? $path : "$prefix$path";
	$headers{Authorization} //= 'Bearer ' . $self->token if $self->token;
	if (ref $body)
	{
		$headers{'Content-Type'} //= 'application/json';
		$body = compose($body);
	}
	my $tx = agent()->build_tx($method => $self->{parley}->url($path) => \%headers => $body // ());
	return Parley::Answer->new(agent()->start($tx));
}

sub get ($self, $path, %query)
{
	$path .= '?' . Mojo::Parameters->new(%query)->to_string if %query;
	return $self->call(GET => $path);
}

sub post ($self, $path, $body = {})
{
	return $self->call(POST => $path, body => $body);
}

sub delete ($self, $path)
{
	return $self->call(DELETE => $path);
}

# The JSON of an answer that has to be good.
sub must ($self, $answer)
{
	die 'HTTP ' . $answer->status . ': ' . $answer->body if $answer->status !~ /^2/;
	return $answer->json;
}

sub group ($self, $name, @others)
{
	my $made = $self->must(
		$self->post('/conversations', { name => $name, usernames => [ map { $_->username } @others ] }));
	return $made->{id};
}

sub direct ($self, $other)
{
	return $self->must($self->post('/conversations/direct/' . $other->username))->{id};
}

sub say ($self, $conversation, $content, %more)
{
	return $self->must(
		$self->post("/conversations/$conversation/messages", { content => $content, %more }));
}

# All messages after a number, page by page.
sub history ($self, $conversation, $after = 0)
{
	my @messages;

	while (1)
	{
		my $page = $self->must(
			$self->get("/conversations/$conversation/messages", after => $after, limit => 200));
		push @messages, @{ $page->{messages} };
		last if !$page->{has_more};
		$after = $messages[-1]{seq};
	}
	return @messages;
}

# ---- WebSocket

# A socket that was welcomed.  Options as for Parley::Socket->open; without one the
# token goes in the first frame.
sub connect ($self, %options)
{
	my $socket = Parley::Socket->open($self->{parley}, %options);

	$socket->send({ type => 'auth', token => $self->token }) if !%options;
	$socket->next('welcome');
	return $socket;
}

1;
