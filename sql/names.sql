-- What a name may be, and that names are compared alike in every database.
\i sql/include/setup.psql
CREATE FUNCTION pg_temp.shown(text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(CASE WHEN c ~ '[ -~]' THEN c ELSE '<' || to_hex(ascii(c)) || '>' END, ''), '')
	FROM regexp_split_to_table($1, '') c
$$;

-- no text is compared by the collation of the database in an index
SELECT i.indexrelid::regclass, k.n, c.collname, o.opcname
	FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid AND r.relnamespace IN ('chat'::regnamespace, 'jwt'::regnamespace),
		 unnest(i.indcollation, i.indclass) WITH ORDINALITY k (coll, class, n)
	JOIN pg_collation c ON c.oid = k.coll JOIN pg_opclass o ON o.oid = k.class
	WHERE c.collname NOT IN ('C', 'POSIX') AND o.opcname NOT LIKE '%pattern_ops';
SELECT count(*) > 0 AS some_have_text FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid AND r.relnamespace = 'chat'::regnamespace,
	unnest(i.indcollation) k WHERE k <> 0;

-- the folding of case: by Unicode, whatever the locale; NFC
SELECT pg_temp.shown(a), chat.fold_case(a) = b AS folded FROM (VALUES
	('IVAN', 'ivan'), ('ÄÖÜẞ', 'äöüß'), ('ИВАН', 'иван'), ('ΝΙΚΟΣ', 'νικοσ'), ('Νίκος', 'νίκοσ'), (E'E\u0301', 'é'), (E'\u0130stanbul', 'istanbul'),
	(E'\u212AELVIN', 'kelvin'), ('漢字', '漢字'), (E'\U00010400', E'\U00010428'), (normalize('한글', NFD), '한글')) v (a, b);
SELECT chat.fold_case(NULL) IS NULL AS nothing;

-- reserved: they mean something else
SELECT name, pg_temp.refusal(format('SELECT chat.signup(%L, %L, %L)', name, md5(name) || '@example.org', 'correct horse')) FROM unnest(ARRAY[
	'all', 'All', 'ALL', 'all.', 'all_', 'me', 'Me', 'me-', 'everyone', 'here', 'channel', 'system', 'deleted', 'deleted-7', 'DELETED-x',
	'allan', 'al', 'metoo', 'all.x', 'deletedx']) AS name;

-- names of people and groups, first and last names, and the reason of a ban: what can be seen
CREATE TEMP TABLE tried AS SELECT row_number() OVER () AS n, what, name FROM (VALUES
	('Hangul filler', E'\u3164'), ('zero width', E'\u200b\u200b'), ('Braille blank', E'\u2800'), ('override', E'\u202eecila'), ('invisible at the end', E'alice\u200b'),
	('invisible at the beginning', E'\ufeffalice'), ('invisible within', E'al\u200bice'), ('soft hyphen', E'al\u00adice'), ('word joiner', E'al\u2060ice'),
	('isolate', E'\u2067alice\u2069'), ('mark of direction', E'alice\u200f'), ('mark of direction within', E'al\u200eice'), ('Arabic mark', E'a\u061cb'),
	('space at the end', 'alice '), ('space at the beginning', ' alice'), ('ideographic space at the end', E'alice\u3000'), ('line', E'a\nb'), ('line separator', E'a\u2028b'),
	('next line', E'a\u0085b'), ('escape', E'\x1b[31malice'), ('joiner between Latin', E'al\u200dice'), ('joiner at the end', E'alice\u200d'), ('joiner after an emoji', E'\U0001F469\u200d'),
	('joiners in a row', E'\u0645\u200c\u200c\u06cc'), ('non-joiner at the end', E'\u0645\u06cc\u200c'), ('selector after a letter', E'alice\ufe0f'), ('selector alone', E'\ufe0f'), ('tags after a letter', E'a\U000E0061\U000E007F'),
	('tags without an end', E'\U0001F3F4\U000E0067\U000E0062'), ('piled marks', 'z' || repeat(E'\u0301', 31)), ('annotation', E'a\ufff9b'), ('filler within', E'a\u115fb'), ('only joiner', E'\u200d'),
	('Latin', 'Ana María'), ('Persian', E'\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645'), ('Devanagari', E'\u0915\u094d\u200d\u0937'), ('Malayalam chillu at the end', E'\u0d30\u0d3e\u0d2e\u0d28\u0d4d\u200d'),
	('Sinhala', E'\u0dc1\u0dca\u200d\u0dbb\u0dd3'), ('Hebrew', 'שלום'), ('Arabic', 'محمد علي'), ('Japanese', E'\u5c71\u7530\u3000\u592a\u90ce'), ('Han variant', E'\u845b\U000E0100\u57ce'), ('Mongolian', E'\u182e\u1823\u180b\u1820 \u182f\u180e\u1820'),
	('emoji', '👩‍💻'), ('family', 'The 👨‍👩‍👧‍👦'), ('tone', '👩🏽‍🚒 Ann'), ('heart', '❤️‍🔥'), ('flag', '🏴󠁧󠁢󠁷󠁬󠁳󠁿'), ('keycap', '1️⃣'), ('Thai', 'ที่นี่'), ('Vietnamese, NFD', normalize('Nguyễn Thị Ánh', NFD)),
	('no-break space', E'Jean\u00a0Luc'), ('thirty marks', 'a' || repeat(E'\u0301', 30))) v (what, name);
BEGIN;
SELECT chat.act_as(1);
SELECT what, pg_temp.shown(name), pg_temp.refusal(format('SELECT chat.update_profile(display_name => %L)', name)) AS refusal
	FROM tried ORDER BY n;
SELECT count(*) FILTER (WHERE group_refused <> person_refused OR first_refused <> person_refused OR last_refused <> person_refused
	OR rename_refused <> person_refused OR file_refused <> person_refused) AS otherwise FROM tried, LATERAL (SELECT
	pg_temp.refusal(format('SELECT chat.update_profile(display_name => %L)', name)) LIKE 'PC%' AS person_refused,
	pg_temp.refusal(format('SELECT chat.update_profile(first_name => %L)', name)) LIKE 'PC%' AS first_refused,
	pg_temp.refusal(format('SELECT chat.update_profile(last_name => %L)', name)) LIKE 'PC%' AS last_refused,
	pg_temp.refusal(format('SELECT chat.create_group(%L)', name)) LIKE 'PC%' AS group_refused,
	pg_temp.refusal(format('SELECT chat.rename((SELECT min(c.id) FROM chat.conversation c), %L)', name)) LIKE 'PC%' AS rename_refused,
	pg_temp.refusal(format('SELECT chat.attach((SELECT min(c.id) FROM chat.conversation c), %L, ''text/plain'', ''x'')', name)) LIKE 'PC%' AS file_refused) r
	WHERE what NOT LIKE 'space at%';
ROLLBACK;
SELECT pg_temp.refusal($$SELECT chat.signup('eve', 'eve@example.org', 'correct horse', U&'\3164')$$);

-- a text of several lines: something to see, and no controls
BEGIN;
SELECT chat.act_as(1);
SELECT what, pg_temp.refusal(format('SELECT chat.report(2, %L)', reason)) AS report, pg_temp.refusal(format('SELECT chat.update_profile(bio => %L)', reason)) AS bio FROM (VALUES
	('invisible', E'\u200b\u3164'), ('escape', E'a\x1b[31m'), ('lines', E'a\r\n\tb\n'), ('isolate', E'\u2067x\u2069'), ('piled marks', 'z' || repeat(E'\u0301', 31)), ('C1', E'a\u009bb')) v (what, reason);
ROLLBACK;

-- what a client says of itself is cleaned
SELECT (chat.login('alice', 'correct horse', E'Fire\u202efox\u200b \x1b1\n\u3164')).error;
SELECT pg_temp.shown(client_info) FROM chat.session WHERE account_id = 1 ORDER BY id DESC LIMIT 1;
SELECT pg_temp.shown(agent) FROM chat.audit_info WHERE kind = 'login' ORDER BY id DESC LIMIT 1;
BEGIN; SELECT chat.set_client('127.0.0.1', E'a\u202eb'); ROLLBACK;

-- e-mail: nothing invisible; NFC, and ASCII letters in any case
SELECT pg_temp.shown(email), pg_temp.refusal(format('SELECT chat.signup(%L, %L, %L)', 'n' || n, email, 'correct horse')) FROM unnest(ARRAY[
	E'alice\u200b@example.org', E'alice@exa\u00admple.org', E'\u202ealice@example.org', E'al\u200dice@example.org', E'alice@example.org\u3164', E'a\u00a0b@example.org', E'a\u0085@example.org',
	'ALICE@Example.ORG', E'a\u0308@example.org', 'ä@example.org', E'a\u0308@EXAMPLE.org', 'Ä@example.org', 'üser@bücher.example', E'\u212A@example.org', 'k@example.org']) WITH ORDINALITY AS v (email, n);
SELECT pg_temp.shown(email) FROM chat.account WHERE email LIKE '%@example.org' COLLATE "C" AND email !~ '^[ -~]+$' ORDER BY email COLLATE "C";
SELECT (chat.login(E'A\u0308@example.org', 'correct horse')).error AS another, (chat.login(E'a\u0308@Example.org', 'correct horse')).error IS NULL AS "same";

-- passwords: what another keyboard makes of them
SELECT (chat.signup('nfc', 'nfc@example.org', U&'caf\00E9 caf\00E9')).error;
SELECT what, (chat.login('nfc', password)).error FROM (VALUES ('NFC', U&'caf\00E9 caf\00E9'), ('NFD', U&'cafe\0301 cafe\0301'), ('no-break space', U&'caf\00E9\00A0caf\00E9'), ('ideographic space', U&'caf\00E9\3000caf\00E9'),
	('wide letters', U&'\FF43\FF41\FF46\00E9 caf\00E9'), ('Ogham space', U&'caf\00E9\1680caf\00E9'), ('no accent', 'cafe cafe'), ('case', U&'Caf\00E9 caf\00E9'), ('space at the end', U&'caf\00E9 caf\00E9 ')) v (what, password);
-- a hash that is of the bytes as they came is good, and is made anew of the normalized form
UPDATE chat.account_secret SET password_hash = '$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$cWPWY9Rt50FhQYfdMExmZhVYQT7wfES/vc395D7yj2U'
	WHERE account_id = (SELECT id FROM chat.account WHERE username = 'nfc');
SELECT (chat.login('nfc', U&'caf\00E9 caf\00E9')).error AS "not these bytes";
SELECT (chat.login('nfc', U&'cafe\0301 cafe\0302')).error AS wrong;
SELECT (chat.login('nfc', U&'cafe\0301 cafe\0301')).error AS "as it was typed";
SELECT (chat.login('nfc', U&'caf\00E9 caf\00E9')).error AS "now these, too";
SELECT password_hash <> '$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$cWPWY9Rt50FhQYfdMExmZhVYQT7wfES/vc395D7yj2U' AS made_anew FROM chat.account_secret JOIN chat.account ON id = account_id WHERE username = 'nfc';
-- counted in characters of the normalized form; controls are refused
SELECT what, pg_temp.refusal(format('SELECT chat.signup(%L, %L, %L)', 'p' || n, 'p' || n || '@example.org', password)) FROM (VALUES
	(1, 'nothing', ''), (2, 'seven letters of two characters each', repeat(E'e\u0301', 7)), (3, 'eight', repeat(E'e\u0301', 8)), (4, 'seven emoji', repeat('👍', 7)), (5, 'eight emoji', repeat('👍', 8)),
	(6, 'grows by NFKC', repeat(E'\ufdfa', 16)), (7, 'grows too far', repeat(E'\ufdfa', 100)), (8, 'tab', E'correct\thorse'), (9, 'C1', E'correct\u0085horse'), (10, 'spaces around', '  horse '), (11, 'only spaces', '        ')) v (n, what, password);

-- reactions: one spelling of each emoji
BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob']) \gset
SELECT seq FROM chat.send(:id, 'one');
SELECT pg_temp.shown(typed), pg_temp.shown(chat.react(:id, 1, typed)->0->>'emoji') AS kept, pg_temp.shown(chat.unreact(:id, 1, other)::text) AS left_by_other FROM (VALUES
	('👍', E'👍\ufe0f'), (E'👍\ufe0f', '👍'), (E'\u2764', E'\u2764\ufe0f'), (E'\u2764\ufe0f', E'\u2764'), (E'\u2764\ufe0e', E'\u2764'), (E'1\u20e3', E'1\ufe0f\u20e3'), (E'#\ufe0f\u20e3', E'#\u20e3'),
	(E'\U0001F575\ufe0f\u200d\u2642\ufe0f', E'\U0001F575\u200d\u2642'), (E'\U0001F575\U0001F3FD\u200d\u2642', E'\U0001F575\ufe0f\U0001F3FD\u200d\u2642\ufe0f'),
	(E'\u270c\ufe0f', E'\u270c'), (E'\u270c\U0001F3FD', E'\u270c\ufe0f\U0001F3FD'), (E'\u2764\u200d\U0001F525', E'\u2764\ufe0f\u200d\U0001F525'), (E'\U0001F3F3\u200d\U0001F308', E'\U0001F3F3\ufe0f\u200d\U0001F308'),
	('🇩🇪', '🇩🇪'), ('🏴󠁧󠁢󠁷󠁬󠁳󠁿', '🏴󠁧󠁢󠁷󠁬󠁳󠁿'), (E'\u00a9', E'\u00a9\ufe0f'), (E'\u2190\ufe0f', E'\u2190')) v (typed, other);
SELECT chat.react(:id, 1, '👍'), chat.react(:id, 1, E'\u2764');
SELECT chat.act_as(2);
SELECT pg_temp.shown(r->>'emoji'), r->'count' AS count FROM json_array_elements(chat.react(:id, 1, E'👍\ufe0f')) r;
SELECT pg_temp.shown(r->>'emoji'), r->'count' AS count FROM json_array_elements(chat.react(:id, 1, E'\u2764\ufe0f')) r;
SELECT pg_temp.shown(emoji), account_id FROM chat.reactions(:id, 1, E'\u2764');
SELECT pg_temp.shown(r->>'emoji'), r->'count' AS count FROM json_array_elements(chat.unreact(:id, 1, E'\u2764')) r;
-- a row of before goes by the spelling it has
INSERT INTO chat.reaction VALUES (:id, 1, E'\u2764', 2, now());
SELECT pg_temp.shown(emoji), account_id FROM chat.reactions(:id, 1, E'\u2764') ORDER BY 2;
SELECT pg_temp.shown(r->>'emoji'), r->'count' AS count FROM json_array_elements(chat.unreact(:id, 1, E'\u2764')) r;
ROLLBACK;
