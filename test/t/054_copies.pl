# What somebody does beside us to the tables, or to copies of them, sends nothing a second time:
# above all no message that was taken back.
use FindBin;
use lib "$FindBin::Bin/../perl";
use Mojo::Base -strict, -signatures;

use Test::More;

use Parley;

my $parley = Parley->start(alone => 1, feed => 'wal');
my ($alice, $bob) = $parley->signup(qw(alice bob));
my $team = $alice->group('team', $bob);
my $tab  = $bob->connect;
my $count = 0;

# What came since the last call, up to a new message that is said for it; that is left out.
sub came ()
{
	my $mark = 'mark ' . ++$count;
	state $seen = 0;

	$alice->say($team, $mark);
	$tab->message($mark);
	my @frames = $tab->frames;
	my @new    = grep { ($_->{content} // '') ne $mark && $_->{type} =~ /^(message|gap|reaction|member)/ } @frames[ $seen .. $#frames ];
	$seen = @frames;
	return @new;
}

sub holes () { return $parley->metric('parley_feed_holes_total') }
sub repeats () { return $parley->metric('parley_feed_repeats_total') }

$alice->say($team, "message $_") for 1 .. 10;
$tab->message('message 10');
came;

subtest 'a backup copy in our schema' => sub {
	$parley->sql('CREATE TABLE chat.message_20261201 AS TABLE chat.message');
	is_deeply [came], [], 'is not sent';
	$parley->sql('CREATE TABLE chat.message_20261130 AS TABLE chat.message');
	$alice->call(DELETE => "/conversations/$team/messages/3");
	is_deeply [ map { $_->{type} } came ], ['message_deleted'], 'a message is taken back';
	$parley->sql('CREATE TABLE chat.message_20261202 AS TABLE chat.message_20261130');
	is_deeply [came], [], 'a restored copy does not bring it back';
	$parley->sql('CREATE SCHEMA attic');
	$parley->sql('CREATE TABLE attic.message (LIKE chat.message INCLUDING ALL); INSERT INTO attic.message SELECT * FROM chat.message_20261130');
	is_deeply [came], [], 'nor does a table of the same name elsewhere';
	$parley->sql('CREATE TABLE attic.parts (LIKE chat.message) PARTITION BY LIST (conversation_id);
		CREATE TABLE chat.message_1 PARTITION OF attic.parts DEFAULT; INSERT INTO attic.parts SELECT * FROM chat.message_20261130');
	is_deeply [came], [], 'nor a partition';
	is holes(), 0, 'the feed has no hole';
	is repeats(), 0, 'and brought nothing again';
};

subtest 'a row that is put back' => sub {
	$parley->sql('CREATE TEMP TABLE kept AS SELECT * FROM chat.message WHERE seq IN (4, 5);
		DELETE FROM chat.message WHERE seq IN (4, 5); INSERT INTO chat.message SELECT * FROM kept');
	is_deeply [came], [], 'is not sent again';
	is repeats(), 2, 'but counted';
	is holes(), 0, 'and is not taken for a hole';
	like $parley->log, qr/feed: message 4 of conversation $team came again, after \d+$/m, 'the log says so';
	unlike $parley->log, qr/feed: message 5 of conversation $team came again/, 'once';
};

# As the apply worker of a subscription writes it, which knows our functions as little.
subtest 'a row that a subscription brings' => sub {
	my $seq = $parley->sql("SELECT last_seq + 1 FROM chat.conversation_counter WHERE conversation_id = $team");

	$parley->sql("SELECT pg_replication_origin_create('elsewhere'); SELECT pg_replication_origin_session_setup('elsewhere');
		INSERT INTO chat.message SELECT (jsonb_populate_record(m, jsonb_build_object('seq', $seq, 'content', 'from elsewhere', 'client_id', gen_random_uuid()))).*
			FROM chat.message m WHERE conversation_id = $team AND seq = 1;
		UPDATE chat.conversation_counter SET last_seq = $seq WHERE conversation_id = $team");
	is $tab->message('from elsewhere')->{seq}, $seq, 'is sent';
	is_deeply [ map { $_->{content} } came ], ['from elsewhere'], 'once';
	is holes(), 0, 'and what follows it goes on from there';
};

subtest 'the tables of the feed with another replica identity' => sub {
	my %identities = (reaction => 'NOTHING', message => 'FULL', member => 'FULL', conversation => 'NOTHING', session => 'NOTHING', account => 'FULL');

	$parley->sql("ALTER TABLE chat.$_ REPLICA IDENTITY $identities{$_}") for sort keys %identities;
	$alice->call(PUT => "/conversations/$team/messages/1/reactions/%F0%9F%91%8D");
	$alice->call(DELETE => "/conversations/$team/messages/1/reactions/%F0%9F%91%8D");
	$alice->call(DELETE => "/conversations/$team/messages/2");
	is_deeply [ map { $_->{type} } came ], [ 'reaction', 'message_updated', 'message_deleted' ], 'all is told';
	$parley->sql('ALTER TABLE chat.reaction ADD COLUMN rid bigserial NOT NULL; CREATE UNIQUE INDEX reaction_rid ON chat.reaction (rid);
		ALTER TABLE chat.reaction REPLICA IDENTITY USING INDEX reaction_rid');
	$alice->call(PUT => "/conversations/$team/messages/1/reactions/%F0%9F%91%8D");
	$alice->call(DELETE => "/conversations/$team/messages/1/reactions/%F0%9F%91%8D");
	is_deeply [ map { $_->{type} } came ], [ 'reaction', 'message_updated' ], 'also by an index without the emoji';
	unlike PostgreSQL::Test::Utils::slurp_file($parley->node->logfile), qr/terminated by signal/, 'and no process has ended by it';
};

done_testing;
