-- Editing, revisions, deletion: who may, what stays, what is gone.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT seq FROM chat.send(1, 'frist');
SELECT seq FROM chat.send(2, 'between us');
COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT seq FROM chat.send(1, 'by bob', NULL, 1); COMMIT;

-- an edit shows, takes a version, and keeps what was before
BEGIN;
SELECT chat.act_as(1);
SELECT revision, content FROM chat.revisions(1, 1);
SELECT seq, content, edited_at >= created_at AS edited, deleted FROM chat.edit(1, 1, 'first');
SELECT ver, changed FROM chat.message WHERE conversation_id = 1 AND seq = 1;
SELECT content FROM chat.edit(1, 1, 'the first');
SELECT r.revision, r.content, r.written_at = m.created_at AS as_sent, r.written_at = m.edited_at AS as_it_is
	FROM chat.revisions(1, 1) r, chat.message(1, 1) m;

-- the same content is no edit
SELECT content FROM chat.edit(1, 1, 'the first');
SELECT count(*) FROM chat.revisions(1, 1);

-- only its sender edits, and only what could be sent
SELECT pg_temp.refusal($$SELECT chat.edit(1, 2, 'not mine')$$);
SELECT pg_temp.refusal($$SELECT chat.edit(1, 1, '')$$);
SELECT pg_temp.refusal($$SELECT chat.edit(1, 1, repeat('x', 16385))$$);
SELECT pg_temp.refusal($$SELECT chat.edit(1, 99, 'x')$$);
SELECT pg_temp.refusal($$SELECT chat.edit(99, 1, 'x')$$);
SELECT chat.edit(NULL, 1, 'x') IS NULL AS nothing;
COMMIT;
SELECT pg_temp.refusal($$SELECT chat.edit(1, 1, 'x')$$);
BEGIN;
SELECT chat.act_as(4);
SELECT pg_temp.refusal($$SELECT chat.edit(1, 1, 'x')$$);
SELECT pg_temp.refusal($$SELECT chat.revisions(1, 1)$$);
SELECT pg_temp.refusal($$SELECT chat.delete(1, 1)$$);
COMMIT;

-- who may not speak does not speak in old messages
UPDATE chat.member SET muted_until = 'infinity' WHERE conversation_id = 1 AND account_id = 2;
BEGIN; SELECT chat.act_as(2); SELECT pg_temp.refusal($$SELECT chat.edit(1, 2, 'louder')$$); COMMIT;
UPDATE chat.member SET muted_until = NULL WHERE conversation_id = 1 AND account_id = 2;

-- a plain member deletes only their own; an owner or admin of a group everybody's
BEGIN;
SELECT chat.act_as(2);
SELECT pg_temp.refusal('SELECT chat.delete(1, 1)');
SELECT pg_temp.refusal('SELECT chat.delete(2, 1)');
SELECT pg_temp.refusal('SELECT chat.delete(1, 99)');
SELECT pg_temp.refusal('SELECT chat.delete(99, 1)');
COMMIT;

-- everything that can hang on a message
BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.attach(1, 'a.txt', 'text/plain', 'secret') \gset
SELECT seq FROM chat.send(1, 'secret for @bob', NULL, NULL, ARRAY[:id]);
SELECT content FROM chat.edit(1, 3, 'secret for @bob and @all');
SELECT chat.react(1, 3, '👍');
SELECT chat.pin(1, 3);
COMMIT;
SELECT (SELECT count(*) FROM chat.message_revision WHERE seq = 3) AS revisions, (SELECT count(*) FROM chat.reaction) AS reactions,
	   (SELECT count(*) FROM chat.mention) AS mentions, (SELECT count(*) FROM chat.attachment_data) AS files,
	   (SELECT bytes FROM chat.attachment_usage WHERE account_id = 1) AS bytes;

-- is gone with it; its number, its sender and its time stay, and its place in a thread
BEGIN;
SELECT chat.act_as(1);
SELECT chat.delete(1, 3);
SELECT conversation_id, seq, sender, content, deleted, reactions, pinned, attachments FROM chat.message(1, 3);
SELECT count(*) FROM chat.revisions(1, 3);
SELECT (SELECT count(*) FROM chat.message_revision WHERE seq = 3) AS revisions, (SELECT count(*) FROM chat.reaction) AS reactions,
	   (SELECT count(*) FROM chat.mention) AS mentions, (SELECT count(*) FROM chat.attachment_data) AS files,
	   (SELECT bytes FROM chat.attachment_usage WHERE account_id = 1) AS bytes;
SELECT ver = last_ver AS by_version, changed FROM chat.message JOIN chat.conversation_counter USING (conversation_id)
	WHERE conversation_id = 1 AND seq = 3;

-- once more is no harm; what is deleted does not come back
SELECT chat.delete(1, 3);
SELECT pg_temp.refusal($$SELECT chat.edit(1, 3, 'back')$$);
SELECT pg_temp.refusal($$SELECT chat.react(1, 3, '👍')$$);
SELECT pg_temp.refusal($$SELECT chat.unreact(1, 3, '👍')$$);
SELECT pg_temp.refusal($$SELECT chat.pin(1, 3)$$);
SELECT seq, deleted FROM chat.history(1) ORDER BY seq;

-- the owner deletes bob's: that is in the audit log, one's own is not
SELECT chat.delete(1, 2);
SELECT deleted, content, reply_to, thread FROM chat.message(1, 2);
COMMIT;
SELECT kind, actor_id, account_id, conversation_id, detail FROM chat.audit_pending WHERE kind = 'message_removed';

-- the same client id still gives the first result: a retry does not bring it back
BEGIN;
SELECT chat.act_as(2);
SELECT seq, repeated FROM chat.send(2, 'once', '00000000-0000-4000-8000-000000000001');
SELECT chat.delete(2, 2);
SELECT seq, repeated FROM chat.send(2, 'once', '00000000-0000-4000-8000-000000000001');
SELECT content, deleted FROM chat.message(2, 2);
COMMIT;

-- who has left changes nothing
BEGIN; SELECT chat.act_as(3); SELECT seq FROM chat.send(1, 'by carol'); SELECT chat.leave(1); COMMIT;
BEGIN;
SELECT chat.act_as(3);
SELECT pg_temp.refusal($$SELECT chat.edit(1, 4, 'x')$$);
SELECT pg_temp.refusal($$SELECT chat.delete(1, 4)$$);
COMMIT;
