# Two-phase commit: what a prepared transaction says is pushed once, when COMMIT PREPARED is
# called in whatever session; nothing of it stays behind in the session that prepared it.  With
# pg_parley.notify on the server refuses PREPARE TRANSACTION, and nothing has happened then.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;

my $parley = Parley->start(settings => { max_prepared_transactions => 5, 'pg_parley.notify' => 'off' });
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $team = $alice->group('team', $bob);
my $screen = $bob->connect;
my ($me, $other) = ($alice->id, $bob->id);

# One session; the answer of the last query.
sub session (@statements)
{
	my ($rc, $out, $err) = $parley->node->psql('chat', join(";\n", "SET pg_parley.notify = off", @statements) . ';');
	return $rc == 0 ? (split /\n/, $out)[-1] // '' : $err;
}

sub prepare ($name, @statements)
{
	return session('BEGIN', "SELECT chat.act_as($me)", @statements, "PREPARE TRANSACTION '$name'",
		q{SELECT coalesce(chat.current_account_id()::text, 'nobody')});
}

sub is_pushed ($content, $what)
{
	my $event = $screen->next('message');
	is $event->{content}, $content, $what;
	return $event->{seq};
}

is prepare('a', "SELECT chat.send($team, 'first \@bob')"), 'nobody', 'prepared, and the session acts for nobody';
is $parley->sql("SELECT count(*) FROM chat.message"), 0, 'nothing is said yet';
session("COMMIT PREPARED 'a'");
is is_pushed('first @bob', 'pushed by the COMMIT PREPARED of another session'), 1, 'with its number';
$alice->say($team, 'second');
is is_pushed('second', 'the next is the next: the first came once'), 2, 'and its number follows';

is prepare('b', "SELECT chat.send($team, 'taken back')"), 'nobody', 'prepared again';
session("ROLLBACK PREPARED 'b'");
$alice->say($team, 'third');
is is_pushed('third', 'what was rolled back is not pushed'), 3, 'and leaves no gap';

is prepare('c', "SELECT chat.send_deferred($team, 'deferred')"), 'nobody', 'a deferred send';
session("COMMIT PREPARED 'c'");
is is_pushed('deferred', 'is pushed, too'), 4, 'with its number';

# What else a transaction of ours holds: rows of rate limits, a lock on a pair, a hash slot.
is prepare('d', 'SELECT chat.direct(\'bob\')', "SELECT chat.block($other)",
	q{SELECT chat.signup('carol', 'carol@example.org', 'correct horse')}), 'nobody', 'a block and a sign-up';
my $password = Parley::User->password;
is session("SELECT coalesce((chat.login('bob', '$password')).error, 'in')"), 'in', 'others log in meanwhile';
session("COMMIT PREPARED 'd'");
is session('BEGIN', "SELECT chat.act_as($me)", 'SELECT count(*) FROM chat.blocked()'), 1, 'and both have happened';
is session(q{SELECT coalesce((chat.login('carol', 'correct horse')).error, 'in')}), 'in', 'the new one logs in';

my ($rc, $out, $err) = $parley->node->psql('chat',
	"SET pg_parley.notify = on; BEGIN; SELECT chat.act_as($me); SELECT chat.send($team, 'never'); PREPARE TRANSACTION 'e';");
like $err, qr/cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY/, 'with pg_parley.notify it is refused';
is $parley->sql('SELECT count(*) FROM pg_prepared_xacts'), 0, 'nothing is left';
$alice->say($team, 'fifth');
is is_pushed('fifth', 'nor was anything said'), 5, 'nor a number used';

done_testing();
