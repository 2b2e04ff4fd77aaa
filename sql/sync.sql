-- Catching up: from any cursor to now, in one call or page by page.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']);
SELECT count(s.seq) FROM generate_series(1, 10) i, LATERAL chat.send(1, 'message ' || i) s;
SELECT count(s.seq) FROM generate_series(1, 3) i, LATERAL chat.send(2, 'to the team ' || i) s;
COMMIT;

-- What a sync says, without times.
CREATE FUNCTION pg_temp.show(account bigint, cursors jsonb, max_messages int DEFAULT 200)
RETURNS TABLE (id bigint, status text, seq bigint, ver bigint, named text, seqs bigint[], changed bigint[], memberships text, positions text)
LANGUAGE sql AS $$
	SELECT chat.act_as(account);
	SELECT s.conversation_id, s.status, s.seq, s.ver, coalesce((s.conversation).name, (s.conversation).id::text),
		   ARRAY(SELECT m.seq FROM unnest(s.messages) m), ARRAY(SELECT m.seq FROM unnest(s.changed) m),
		   (SELECT string_agg(m.user_id || ' ' || m.role || ' ' || m.state || ' ' || m.ver, ', ') FROM unnest(s.memberships) m),
		   (SELECT string_agg(p.user_id || ':' || p.read_seq, ' ' ORDER BY p.user_id) FROM unnest(s.positions) p)
	FROM chat.sync(cursors, max_messages) s;
$$;

-- the first load: the newest of everything
SELECT * FROM pg_temp.show(1, '{}');
SELECT * FROM pg_temp.show(1, '{}', 2);
SELECT * FROM pg_temp.show(4, '{}');

-- nothing new, nothing said; positions on request
SELECT * FROM pg_temp.show(1, '{"1": {"seq": 10, "ver": 2}, "2": {"seq": 3, "ver": 3}}');
SELECT * FROM pg_temp.show(1, '{"1": {"seq": 10, "ver": 2, "positions": true}, "2": {"seq": 3, "ver": 3, "positions": false}}');

-- an answer says the same of the caller twice: who sends has read
BEGIN; SELECT chat.act_as(1);
SELECT conversation_id, (conversation).read_seq, p.* FROM chat.sync('{}'), unnest(positions) p ORDER BY 1, 3;
COMMIT;

-- new messages, whole and by pages
SELECT * FROM pg_temp.show(1, '{"1": {"seq": 4, "ver": 2}, "2": {"seq": 3, "ver": 3}}');
SELECT * FROM pg_temp.show(1, '{"1": {"seq": 4, "ver": 2}, "2": {"seq": 3, "ver": 3}}', 4);
SELECT * FROM pg_temp.show(1, '{"1": {"seq": 8, "ver": 2}, "2": {"seq": 3, "ver": 3}}', 4);

-- changes of what one has; a change of what one has not comes with it
UPDATE chat.conversation_counter SET last_ver = 5 WHERE conversation_id = 1;
UPDATE chat.message SET ver = 3, edited_at = now(), content = 'edited', changed = 'e' WHERE conversation_id = 1 AND seq = 2;
UPDATE chat.message SET ver = 4, edited_at = now(), content = 'edited', changed = 'e' WHERE conversation_id = 1 AND seq = 9;
UPDATE chat.message SET ver = 5, edited_at = now(), content = 'edited', changed = 'e' WHERE conversation_id = 1 AND seq = 5;
SELECT * FROM pg_temp.show(1, '{"1": {"seq": 8, "ver": 2}, "2": {"seq": 3, "ver": 3}}');
SELECT * FROM pg_temp.show(1, '{"1": {"seq": 10, "ver": 4}, "2": {"seq": 3, "ver": 3}}');
SELECT * FROM pg_temp.show(1, '{"1": {"seq": 10, "ver": 2}, "2": {"seq": 3, "ver": 3}}', 2);
SELECT * FROM pg_temp.show(1, '{"1": {"seq": 10, "ver": 4}, "2": {"seq": 3, "ver": 3}}', 2);

-- members come and go
BEGIN; SELECT chat.act_as(1); SELECT chat.remove_member(2, 3); SELECT username FROM chat.add_member(2, 'dave'); COMMIT;
SELECT * FROM pg_temp.show(1, '{"1": {"seq": 10, "ver": 5}, "2": {"seq": 3, "ver": 3}}');
SELECT * FROM pg_temp.show(3, '{"2": {"seq": 3, "ver": 3}}');
SELECT * FROM pg_temp.show(4, '{}');

-- a conversation one never had is gone too: ids tell nothing
SELECT * FROM pg_temp.show(4, '{"1": {"seq": 3, "ver": 3}, "99": {"seq": 0, "ver": 0}, "2": {"seq": 3, "ver": 5}}');

-- a cursor from the future, as after a failover: start over
SELECT * FROM pg_temp.show(1, '{"1": {"seq": 11, "ver": 5}, "2": {"seq": 3, "ver": 6}}', 3);

-- cursors that are none
SELECT cursors, pg_temp.refusal(format('SELECT chat.act_as(1); SELECT chat.sync(%L)', cursors)) FROM unnest(ARRAY[
	'[]', '1', 'null', '{"x": {"seq": 1, "ver": 1}}', '{"": {"seq": 1, "ver": 1}}', '{"0": {"seq": 1, "ver": 1}}', '{"07": {"seq": 1, "ver": 1}}', '{" 7": {"seq": 1, "ver": 1}}', '{"-1": {"seq": 1, "ver": 1}}',
	'{"9223372036854775808": {"seq": 1, "ver": 1}}', '{"1": 1}', '{"1": []}', '{"1": null}', '{"1": {}}', '{"1": {"seq": 1}}',
	'{"1": {"seq": "1", "ver": 1}}', '{"1": {"seq": -1, "ver": 1}}', '{"1": {"seq": 1e30, "ver": 1}}', '{"1": {"seq": 1, "ver": 9223372036854775808}}', '{"1": {"seq": -0.6, "ver": 1}}', '{"1": {"seq": 1, "ver": -1e20}}',
	'{"1": {"seq": 1, "ver": 1, "positions": 1}}']::jsonb[]) cursors;
SELECT pg_temp.refusal($$SELECT chat.act_as(1); SELECT chat.sync('{}', 0)$$);
SELECT pg_temp.refusal($$SELECT chat.sync('{}')$$);
SELECT count(*) FROM chat.act_as(1), LATERAL chat.sync(NULL, NULL);

-- whose numbers these are: of this server, which was never anything else
SELECT chat.timeline() = system_identifier || '-1' FROM pg_control_system();
