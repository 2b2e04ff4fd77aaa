-- One's own profile, and whether somebody is online.
\i sql/include/setup.psql
SELECT pg_temp.refusal('SELECT chat.profile()');
SELECT pg_temp.refusal($$SELECT chat.update_profile(bio => 'x')$$);
SELECT pg_temp.refusal('SELECT chat.user_status(1)');
BEGIN;
SELECT chat.act_as(1);
SELECT to_jsonb(chat.profile()) - 'created_at';

-- what is not given stays; an empty string takes away; a display name falls back to the user name
SELECT to_jsonb(p) - 'created_at' FROM chat.update_profile('Alice 😀', E'two\nlines', 'https://example.org/a.png', 'Älice', 'Smith') p;
SELECT to_jsonb(p) - 'created_at' FROM chat.update_profile(bio => 'one line') p;
SELECT to_jsonb(p) - 'created_at' FROM chat.update_profile('', '', '', '', '') p;
SELECT to_jsonb(p) - 'created_at' FROM chat.update_profile() p;

-- what others see
SELECT avatar_url FROM chat.update_profile(avatar_url => '/files/a.png', bio => 'hello', last_name => 'Smith');
SELECT chat.act_as(2);
SELECT to_json(chat.user_by_id(1));

-- what is refused
SELECT field, value, pg_temp.refusal(format('SELECT chat.update_profile(%I => %L)', field, value))
	FROM (VALUES ('display_name', ' '), ('display_name', E'a\nb'), ('first_name', E'\t'), ('last_name', E'x\x7f'),
				 ('bio', E' \n '), ('bio', E'a\rb'), ('avatar_url', 'javascript:alert(1)'), ('avatar_url', 'data:image/png;base64,AA'),
				 ('avatar_url', '//elsewhere.example.org/a.png'), ('avatar_url', 'https://example.org/a b'),
				 ('avatar_url', 'https://example.org/"'), ('avatar_url', 'a.png')) v (field, value);
SELECT field, length, pg_temp.refusal(format('SELECT chat.update_profile(%I => %L)', field, start || repeat('é', length - length(start))))
	FROM (VALUES ('display_name', '', 100), ('display_name', '', 101), ('first_name', '', 101), ('last_name', '', 101),
				 ('bio', '', 1000), ('bio', '', 1001), ('avatar_url', 'https://', 1028), ('avatar_url', 'https://', 1029)) v (field, start, length);
ROLLBACK;

-- online or not
SELECT is_new FROM chat.gateway_beat(1, 60);
SELECT user_id, is_online FROM chat.gateway_presence(1, '{2}', '{}', '{}');
BEGIN;
SELECT chat.act_as(1);
SELECT user_id, username, is_online, last_seen IS NOT NULL AS seen FROM chat.user_status(2);
SELECT to_json(chat.user_status(3));
SELECT pg_temp.refusal('SELECT chat.user_status(99)');
COMMIT;
