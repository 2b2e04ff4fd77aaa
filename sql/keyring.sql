-- Signing keys: rotation with an overlap, retirement, and the public keys.
\i sql/include/setup.psql
SELECT kid AS first FROM chat.jwt_key \gset
SELECT (g).access_token AS a FROM chat.login('alice', 'correct horse') g \gset
CREATE FUNCTION pg_temp.kid_of(token text) RETURNS text LANGUAGE sql AS
	$$SELECT convert_from(jwt.url_decode(split_part(token, '.', 1)), 'UTF8')::json->>'kid'$$;

-- a set of one, and nothing secret in it
SELECT k - 'kid' - 'x' AS key, k->>'kid' = :'first' AS kid, jwt.url_decode(k->>'x') = public_key AS x
	FROM jsonb_array_elements(chat.jwks()::jsonb->'keys') k, chat.jwt_key;

-- the new key signs; the old one verifies for the overlap, and is in the set as long
SELECT chat.rotate_key() AS second \gset
SELECT kid = :'first' AS is_first, retired_at - now() > interval '23 hours' AS retires_in_a_day FROM chat.jwt_key ORDER BY created_at;
SELECT (g).access_token AS b FROM chat.login('alice', 'correct horse') g \gset
SELECT pg_temp.kid_of(:'b') = :'second' AS by_second, chat.authenticate(:'a'), chat.authenticate(:'b');
SELECT array_agg(CASE k->>'kid' WHEN :'first' THEN 'first' WHEN :'second' THEN 'second' END) FROM json_array_elements(chat.jwks()->'keys') k;

-- when that has passed it verifies nothing, and the next rotation takes it away
UPDATE chat.jwt_key SET retired_at = clock_timestamp() WHERE kid = :'first';
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', :'a')), chat.authenticate(:'b');
SELECT json_array_length(chat.jwks()->'keys');
SET pg_parley.key_overlap = '1h';
SELECT chat.rotate_key('HS256') AS third \gset
SELECT kid = :'second' AS is_second, round(extract(epoch FROM retired_at - now()) / 60) AS minutes FROM chat.jwt_key ORDER BY created_at;
RESET pg_parley.key_overlap;

-- a key of an algorithm with a shared secret is not in the set
SELECT (g).access_token AS c FROM chat.login('alice', 'correct horse') g \gset
SELECT pg_temp.kid_of(:'c') = :'third' AS by_third, chat.authenticate(:'c');
SELECT json_array_length(chat.jwks()->'keys');

-- a key that may be stolen is retired at once
SELECT chat.retire_key(:'second');
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', :'b')), chat.authenticate(:'c');
SELECT chat.jwks();
-- but not twice, not one that is none, and not the one that signs
SELECT replace(pg_temp.refusal(format('SELECT chat.retire_key(%L)', :'second')), :'second', 'second');
SELECT pg_temp.refusal($$SELECT chat.retire_key('nonsense')$$);
SELECT replace(pg_temp.refusal(format('SELECT chat.retire_key(%L)', :'third')), :'third', 'third');
SELECT chat.authenticate(:'c');
SELECT pg_temp.refusal($$SELECT chat.rotate_key('none')$$);
SELECT kind, CASE detail WHEN :'second' THEN 'second' WHEN :'third' THEN 'third' END AS key
	FROM chat.audit(kinds => '{key_rotated,key_retired}') ORDER BY id;
