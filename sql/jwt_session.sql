-- Access tokens: what chat.authenticate accepts, and that nothing else passes.
-- Whoever can read chat.jwt_key can sign, so every token here has a right signature
-- unless the case is about the signature.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_parley CASCADE;
CREATE EXTENSION pg_parley;
RESET client_min_messages;
BEGIN;
SET LOCAL pg_parley.argon2_memory = '64kB';

SELECT * FROM chat.signup('token.tester', 'token.tester@example.org', 'a long password') \gset
SELECT claims->>'sub' AS sub, claims->>'sid' AS sid
	FROM (SELECT convert_from(jwt.url_decode(split_part(:'access_token', '.', 2)), 'UTF8')::json AS claims) c \gset

-- RFC 8037's key pair, two secrets, and a key whose public half can be written as text
INSERT INTO chat.jwt_key (kid, algorithm, secret, public_key, created_at) VALUES
	('ed', 'EdDSA', jwt.url_decode('nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A'),
	 jwt.url_decode('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'), '-infinity'),
	('hs', 'HS256', 'k', NULL, '-infinity'),
	('hs512', 'HS512', 'k', NULL, '-infinity'),
	('text', 'EdDSA', 'k', repeat('k', 32)::bytea, '-infinity');

CREATE FUNCTION pg_temp.outcome(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM chat.authenticate(token);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.sign(header bytea, payload bytea, secret text DEFAULT 'k', algorithm text DEFAULT 'HS256')
	RETURNS text LANGUAGE sql AS $$
	SELECT s || '.' || jwt.algorithm_sign(s, secret, algorithm)
		FROM (SELECT jwt.url_encode(header) || '.' || jwt.url_encode(payload)) t (s)
$$;
-- SUB, SID, NOW and NOW+n stand for what the session has
CREATE FUNCTION pg_temp.filled(claims text, sub text, sid text) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(replace(replace(replace(replace(replace(replace(replace(claims, 'SUB', sub), 'SID', sid),
							  'NOW+900', (n + 900)::text), 'NOW+60', (n + 60)::text), 'NOW+2', (n + 2)::text),
							  'NOW-60', (n - 60)::text), 'NOW', n::text), 'UTF8')
		FROM (SELECT floor(extract(epoch FROM clock_timestamp()))::bigint AS n) t
$$;
SELECT pg_temp.filled('{"sub":"SUB","sid":SID,"iat":NOW,"exp":NOW+900}', :'sub', :'sid')::text AS claims \gset

-- a token as it is issued
SELECT convert_from(jwt.url_decode(split_part(:'access_token', '.', 1)), 'UTF8')::jsonb - 'kid' AS header,
	   (SELECT array_agg(name) FROM json_object_keys(convert_from(jwt.url_decode(split_part(:'access_token', '.', 2)), 'UTF8')::json) name) AS claims,
	   length(jwt.url_decode(split_part(:'access_token', '.', 3))) AS signature_size,
	   pg_temp.outcome(:'access_token');

SELECT header, pg_temp.outcome(pg_temp.sign(convert_to(header, 'UTF8'), :'claims'))
	FROM unnest(ARRAY[
		'{"alg":"HS256","typ":"JWT","kid":"hs"}', ' {"kid" : "hs", "alg" : "HS256"} ', '{"alg":"HS256","kid":"hs","n":1.5,"ok":true,"no":null}',
		'{"alg":"HS256"}', '{"kid":"hs"}', '{"alg":"HS256","kid":"nobody"}', '{"alg":"HS256","kid":""}', '{"alg":"HS256","kid":null}',
		'{"alg":"HS256","kid":["hs"]}', '{"alg":"HS256","kid":"hs''; DROP TABLE chat.jwt_key; --"}', '{"alg":"HS256","kid":"../hs"}',
		'{"alg":"none","kid":"hs"}', '{"alg":"HS512","kid":"hs"}', '{"alg":"HS256","kid":"hs512"}', '{"alg":"hs256","kid":"hs"}',
		'{"alg":"HS256","kid":"ed"}', '{"alg":"EdDSA","kid":"hs"}', '{"alg":"EdDSA","kid":"text"}',
		'{"alg":"HS256","kid":"hs","typ":"at+jwt"}', '{"alg":"HS256","kid":"hs","typ":1}',
		'{"alg":"HS256","kid":"hs","crit":["exp"]}', '{"alg":"HS256","kid":"hs","crit":null}',
		'{"alg":"none","alg":"HS256","kid":"hs"}', '{"alg":"HS256","kid":"hs","kid":"hs"}', '{"alg":"HS256","k\u0069d":"hs"}',
		'{"alg":"HS256","kid":"hs","jwk":{"kty":"oct","k":"aw"}}', '{"alg":"HS256","kid":"hs","x5c":[]}',
		'{"alg":"HS256","kid":"hs"', '{"alg":"HS256","kid":"hs",}', '{"alg":"HS256" "kid":"hs"}', '{"alg":"HS256","kid":"hs"}{}',
		'[]', '"hs"', 'null', '{}', '', 'x']) header;
SELECT pg_temp.outcome(pg_temp.sign('{"alg":"EdDSA","kid":"ed"}', :'claims', 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A', 'EdDSA')) AS eddsa,
	   pg_temp.outcome(pg_temp.sign('{"alg":"HS512","kid":"hs512"}', :'claims', 'k', 'HS512')) AS hs512,
	   pg_temp.outcome(pg_temp.sign('{"alg":"HS256","kid":"hs"}', :'claims', 'K')) AS other_secret,
	   pg_temp.outcome(pg_temp.sign('{"alg":"HS256","kid":"text"}', :'claims', repeat('k', 32))) AS public_key_as_secret;

SELECT claims, pg_temp.outcome(pg_temp.sign('{"alg":"HS256","kid":"hs"}', pg_temp.filled(claims, :'sub', :'sid')))
	FROM unnest(ARRAY[
		'{"sub":"SUB","sid":SID,"iat":NOW,"exp":NOW+900}', '{"exp":NOW+900,"iat":NOW,"sid":SID,"sub":"SUB","role":"admin","n":null}',
		'{"sub":"SUB","sid":SID,"iat":0,"nbf":NOW,"exp":253402300799}', '{"sub":"SUB","sid":SID,"iat":NOW+2,"nbf":NOW+2,"exp":NOW+900}',
		'{"sub":"SUB","sid":SID,"iat":NOW-60,"exp":NOW}', '{"sub":"SUB","sid":SID,"iat":NOW-60,"exp":0}',
		'{"sub":"SUB","sid":SID,"iat":NOW+60,"exp":NOW+900}', '{"sub":"SUB","sid":SID,"iat":NOW,"nbf":NOW+60,"exp":NOW+900}',
		'{"sub":"9223372036854775807","sid":SID,"iat":NOW,"exp":NOW+900}', '{"sub":"SUB","sid":9223372036854775807,"iat":NOW,"exp":NOW+900}',
		'{"sub":"9223372036854775808","sid":SID,"iat":NOW,"exp":NOW+900}', '{"sub":"SUB","sid":9223372036854775808,"iat":NOW,"exp":NOW+900}',
		'{"sub":SUB,"sid":SID,"iat":NOW,"exp":NOW+900}', '{"sub":"SUB","sid":"SID","iat":NOW,"exp":NOW+900}',
		'{"sub":"0SUB","sid":SID,"iat":NOW,"exp":NOW+900}', '{"sub":"+SUB","sid":SID,"iat":NOW,"exp":NOW+900}', '{"sub":"SUB ","sid":SID,"iat":NOW,"exp":NOW+900}',
		'{"sub":"","sid":SID,"iat":NOW,"exp":NOW+900}', '{"sub":"0","sid":SID,"iat":NOW,"exp":NOW+900}', '{"sub":"-1","sid":SID,"iat":NOW,"exp":NOW+900}',
		'{"sub":"SUB'' OR true","sid":SID,"iat":NOW,"exp":NOW+900}', '{"sub":"SUB","sid":0,"iat":NOW,"exp":NOW+900}', '{"sub":"SUB","sid":-1,"iat":NOW,"exp":NOW+900}',
		'{"sub":"SUB","sid":SID.0,"iat":NOW,"exp":NOW+900}', '{"sub":"SUB","sid":SIDe0,"iat":NOW,"exp":NOW+900}', '{"sub":"SUB","sid":SID,"iat":1e3,"exp":NOW+900}',
		'{"sub":"SUB","sid":SID,"iat":NOW,"exp":NOW+900.5}', '{"sub":"SUB","sid":SID,"iat":NOW,"exp":"NOW+900"}', '{"sub":"SUB","sid":SID,"iat":NOW,"exp":253402300800}',
		'{"sub":"SUB","sid":SID,"iat":-1,"exp":NOW+900}', '{"sub":"SUB","sid":SID,"iat":NOW,"exp":1e400}', '{"sub":"SUB","sid":SID,"iat":NOW,"exp":null}',
		'{"sub":"SUB","sid":SID,"iat":NOW,"nbf":null,"exp":NOW+900}', '{"sub":"SUB","sid":SID,"iat":NOW,"nbf":"0","exp":NOW+900}',
		'{"sid":SID,"iat":NOW,"exp":NOW+900}', '{"sub":"SUB","iat":NOW,"exp":NOW+900}', '{"sub":"SUB","sid":SID,"exp":NOW+900}', '{"sub":"SUB","sid":SID,"iat":NOW}',
		'{"sub":"1","sub":"SUB","sid":SID,"iat":NOW,"exp":NOW+900}', '{"sub":"SUB","sid":SID,"iat":NOW,"exp":0,"exp":NOW+900}',
		'{"sub":"SUB","sid":SID,"iat":NOW,"exp":NOW+900,"aud":["x"]}', '{"sub":"SUB","sid":SID,"iat":NOW,"exp":NOW+900,"act":{}}',
		'[]', 'null', '1', '{}', '']) claims;

-- JSON that would trouble a parser
SELECT name, pg_temp.outcome(pg_temp.sign(header, payload))
	FROM (VALUES ('invalid UTF-8', '{"alg":"HS256","kid":"hs","x":"\377"}'::bytea, '{}'::bytea),
				 ('a NUL', '{"alg":"HS256","kid":"hs","x":"\000"}', '{}'),
				 ('a byte order mark', '\xefbbbf7b7d', '{}'),
				 ('a deep header', repeat('[', 6000)::bytea, '{}'),
				 ('a deep payload', '{"alg":"HS256","kid":"hs"}', repeat('[', 6000)::bytea),
				 ('a deep member', '{"alg":"HS256","kid":"hs"}', ('{"x":' || repeat('[', 6000))::bytea),
				 ('many members', '{"alg":"HS256","kid":"hs"}',
				  (SELECT ('{' || string_agg(format('"m%s":0', n), ',') || '}')::bytea FROM generate_series(1, 500) n)),
				 ('a long kid', ('{"alg":"HS256","kid":"' || repeat('h', 65) || '"}')::bytea, '{}')) c (name, header, payload);
-- 8192 characters are the limit
SELECT length(token), pg_temp.outcome(token)
	FROM (SELECT '{"sub":"' || :'sub' || '","sid":' || :'sid' || ',"iat":0,"exp":9999999999,"x":"') p (start),
		 unnest(ARRAY[6084, 6085]) size,
		 LATERAL (SELECT pg_temp.sign('{"alg":"HS256","kid":"hs"}',
									  (start || repeat('x', size - length(start) - 2) || '"}')::bytea)) t (token);

SELECT token, pg_temp.outcome(token)
	FROM unnest(ARRAY['', '.', '..', '...', 'a', 'a.b', 'a.b.c', 'e30.e30.', 'é.é.é', 'null', 'Bearer x', '{}']) token;
SELECT pg_temp.outcome(repeat('.', 1000000)) AS dots, pg_temp.outcome(repeat('A', 1000000)) AS letters,
	   pg_temp.outcome(:'access_token' || '.') AS four_parts, pg_temp.outcome(:'access_token' || ' ') AS space,
	   pg_temp.outcome(:'access_token' || '=') AS padding, pg_temp.outcome('Bearer ' || :'access_token') AS scheme;
SELECT name, count(*) FILTER (WHERE pg_temp.outcome(token) = 'accepted') AS accepted, count(*) > 200 AS many
	FROM (SELECT :'access_token') t (good), generate_series(1, length(good)) place,
		 LATERAL (VALUES ('changed', overlay(good PLACING CASE substr(good, place, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM place FOR 1)),
						 ('left out', overlay(good PLACING '' FROM place FOR 1)),
						 ('added', overlay(good PLACING 'A' FROM place FOR 0)),
						 ('cut off', left(good, place - 1))) m (name, token)
	GROUP BY name ORDER BY name;

-- a key that is gone verifies nothing, although the backend knows it
DELETE FROM chat.jwt_key WHERE kid = 'hs';
SELECT pg_temp.outcome(pg_temp.sign('{"alg":"HS256","kid":"hs"}', :'claims'));
ROLLBACK;
