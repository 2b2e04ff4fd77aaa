# Names, addresses and mentions are compared alike whatever the collation, character types and
# provider of the database; and how long a wrong password takes tells nothing of the account.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "pg_parley.argon2_memory = '64kB'\n");
$node->start;

# Each a name of a database and how it is made.
my @databases = (
	[ plain => q{LOCALE 'C'} ],
	[ unicode => q{LOCALE 'C.UTF-8'} ],
	[ turkish => q{LOCALE 'tr_TR.UTF-8'} ],
	[ icu_turkish => q{LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C.UTF-8'} ],
	[ icu_lithuanian => q{LOCALE_PROVIDER icu ICU_LOCALE 'lt' LOCALE 'C.UTF-8'} ],
	[ icu_tolerant => q{LOCALE_PROVIDER icu ICU_LOCALE 'und-u-ks-level2' LOCALE 'C.UTF-8'} ]);

my $script = <<'SQL';
SET client_min_messages = warning;
CREATE EXTENSION pg_parley;
\o /dev/null
SELECT chat.signup(n, n || '@example.org', 'correct horse', initcap(n COLLATE "C") || ' X' || i)
	FROM unnest('{ivan,Istanbul,Kim,bob,_}'::text[]) WITH ORDINALITY AS u (n, i) WHERE n <> '_';
SELECT chat.signup('zoe', 'zoe@example.org', 'correct horse', 'ÏVAN ΝΙΚΟΣ');
\o
SELECT 'login', login, coalesce((chat.login(login, 'correct horse')).error, 'in')
	FROM unnest('{IVAN,ivan,IVAN@EXAMPLE.ORG,ISTANBUL,istanbul@example.org,KIM,ıvan}'::text[]) login;
SELECT 'rate', count(*) FROM (SELECT (chat.login(login, 'x')).error FROM unnest('{NINI,nini}'::text[]) login) t;
DO $$ BEGIN PERFORM chat.signup('IVAN', 'x@example.org', 'correct horse'); EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END $$;
DO $$ BEGIN PERFORM chat.signup('new', 'IVAN@example.ORG', 'correct horse'); EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END $$;
DO $$ BEGIN PERFORM chat.signup('ALL', 'all@example.org', 'correct horse'); EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END $$;
DO $$ BEGIN PERFORM chat.signup('ıvan', 'y@example.org', 'correct horse'); EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END $$;
BEGIN;
\o /dev/null
SELECT chat.act_as((SELECT id FROM chat.account WHERE username = 'bob'));
\o
SELECT 'direct', (d.conversation).id > 0 FROM chat.direct('IVAN') d;
SELECT 'users', q, (SELECT string_agg(username, ' ') FROM chat.search_users(q)) FROM unnest('{IV,iv,VAN,van,IST,stan,STAN,KI,ïvan,νικος}'::text[]) q;
SELECT id AS team FROM chat.create_group('TITANIC', '{IVAN,ISTANBUL,kim}') \gset
\o /dev/null
SELECT chat.send(:team, '@IVAN @istanbul @KIM and @All.');
\o
SELECT 'named', coalesce(username, 'everybody') FROM chat.mention LEFT JOIN chat.account a ON a.id = account_id WHERE conversation_id = :team ORDER BY account_id;
SELECT 'conversations', q, (SELECT string_agg(name, ' ') FROM chat.search_conversations(q)) FROM unnest('{TIT,tit,titanic,ANI,IVAN}'::text[]) q;
SELECT 'from', q, (SELECT count(*) FROM chat.search(q)) FROM unnest('{from:BOB,in:titanic,in:TITANIC,in:IVAN,from:ME}'::text[]) q;
ROLLBACK;
SELECT 'order', string_agg(username, ' ' ORDER BY lower(username COLLATE "C")) FROM chat.account;
SELECT 'folded', chat.fold_case('IİıΣςẞ');
SQL

my $first;
my $tried = 0;
for my $database (@databases)
{
	my ($name, $locale) = @$database;
	my ($rc, undef, $err) = $node->psql('postgres', "CREATE DATABASE $name TEMPLATE template0 ENCODING 'UTF8' $locale");

	if ($rc != 0)
	{
		diag "NOT TRIED: a database with $locale: $err";
		next;
	}
	my ($status, $out, $warnings) = $node->psql($name, $script, extra_params => [ '-v', 'ON_ERROR_STOP=1' ]);
	is $status, 0, "$name: the script ends" or diag $warnings;
	my $all = join "\n", $out, $warnings =~ /WARNING:\s+(.*)/g;
	$first //= $all;
	is $all, $first, "$name: as in the first database";
	$tried++;
}
cmp_ok $tried, '>=', 2, 'two kinds of database at least';

is $first, <<'END' =~ s/\n\z//r, 'and these are right';
login|IVAN|in
login|ivan|in
login|IVAN@EXAMPLE.ORG|in
login|ISTANBUL|in
login|istanbul@example.org|in
login|KIM|in
login|ıvan|invalid_credentials
rate|2
direct|t
users|IV|ivan
users|iv|ivan
users|VAN|ivan zoe
users|van|ivan zoe
users|IST|Istanbul
users|stan|Istanbul
users|STAN|Istanbul
users|KI|Kim
users|ïvan|zoe ivan
users|νικος|zoe
named|everybody
named|ivan
named|Istanbul
named|Kim
conversations|TIT|TITANIC
conversations|tit|TITANIC
conversations|titanic|TITANIC
conversations|ANI|TITANIC
conversations|IVAN|Ivan X1
from|from:BOB|1
from|in:titanic|1
from|in:TITANIC|1
from|in:IVAN|0
from|from:ME|1
order|bob Istanbul ivan Kim zoe
folded|iiıσσß
the user name "IVAN" is taken
the e-mail address belongs to another account
the user name "ALL" is reserved
the user name is not valid
END

# ---- the time of a wrong password: one hash, or two where normalizing changes it

SKIP:
{
	skip 'NOT TRIED: /proc/self/stat tells the CPU time of a backend on Linux only', 2 unless -r '/proc/self/stat';

	$node->safe_psql('plain', q{
		CREATE FUNCTION public.ticks(login text, password text) RETURNS int LANGUAGE plpgsql AS $$
		DECLARE
			before int := (string_to_array(pg_read_file('/proc/self/stat'), ' '))[14];
		BEGIN
			PERFORM (chat.login(login, password)).error;
			RETURN (string_to_array(pg_read_file('/proc/self/stat'), ' '))[14]::int - before;
		END $$});
	my $ticks = sub {
		my ($login, $password) = @_;
		return $node->safe_psql('plain', "SET pg_parley.argon2_memory = '32MB'; SET pg_parley.argon2_iterations = 12; "
			. "SELECT public.ticks('$login', $password)");
	};
	$node->safe_psql('plain', q{SET pg_parley.argon2_memory = '32MB'; SET pg_parley.argon2_iterations = 12;
		SELECT (chat.login('ivan', 'correct horse')).error});    # hashed at this cost from now on
	my %once  = map { $_ => $ticks->($_, q{'wrong horse'}) } qw(ivan nobody);
	my %twice = map { $_ => $ticks->($_, q{U&'wro\0301ng horse'}) } qw(ivan nobody);
	note "ticks: @{[ %once ]}; @{[ %twice ]}";
	# One hash or none, one or two: between those stand these bounds, on a busy machine, too.
	my $ratio = sub { my ($a, $b) = @_; return $a / ($b || 1) };
	cmp_ok $ratio->($twice{$_}, $once{$_}), '>', 1.25, "$_: two hashes where normalizing changes the password" for qw(ivan nobody);
	cmp_ok abs(log($ratio->($once{ivan}, $once{nobody}) || 1e-9)), '<', log(1.8), 'an unknown account takes as long as a known one';
	cmp_ok abs(log($ratio->($twice{ivan}, $twice{nobody}) || 1e-9)), '<', log(1.6), 'then, too';
}

$node->stop;
done_testing();
