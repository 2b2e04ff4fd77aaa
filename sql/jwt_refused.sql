-- Schema jwt: every wrong input gives an answer or an error with a standard
-- SQLSTATE, and none passes for a valid token.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_parley;
RESET client_min_messages;

-- what a statement gives, or the SQLSTATE that it raises
CREATE FUNCTION pg_temp.outcome(statement text, VARIADIC arguments text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format(statement, VARIADIC arguments) INTO result;
	RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
CREATE FUNCTION pg_temp.verdict(token text, secret text DEFAULT 'k', algorithm text DEFAULT 'HS256')
	RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.outcome('SELECT valid FROM jwt.verify(%L, %L, %L)', token, secret, algorithm)
$$;
CREATE FUNCTION pg_temp.signing(key text, algorithm text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.outcome('SELECT jwt.sign(%L, %L, %L)', '{}', key, algorithm)
$$;
-- a token with any header and payload, rightly signed
CREATE FUNCTION pg_temp.token(header bytea, payload bytea DEFAULT '{}', secret text DEFAULT 'k',
							  algorithm text DEFAULT 'HS256') RETURNS text LANGUAGE sql AS $$
	SELECT s || '.' || jwt.algorithm_sign(s, secret, algorithm)
		FROM (SELECT jwt.url_encode(header) || '.' || jwt.url_encode(payload)) t (s)
$$;

\set ed_private '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n'
\set ed_public '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n'
\set es_private '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQge59A1ONvZSUSXolw\nsmHP5GHYmH0v1E4oDKRIB4O4R+6hRANCAAQiDJkPddxvXpTlFaUasZ2bcL+BL0ea\na1iSUXumtpO4XjCWmNLFo5Gp9W/1/yno7VsSsJKdPhijoCUcnd0KOTfx\n-----END PRIVATE KEY-----\n'
\set es_public '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIgyZD3Xcb16U5RWlGrGdm3C/gS9H\nmmtYklF7praTuF4wlpjSxaORqfVv9f8p6O1bErCSnT4Yo6AlHJ3dCjk38Q==\n-----END PUBLIC KEY-----\n'

-- an unknown algorithm: 22023, as pgjwt gives
SELECT algorithm, pg_temp.signing('k', algorithm) AS sign, pg_temp.verdict(jwt.sign('{}', 'k'), 'k', algorithm) AS verify,
	   pg_temp.outcome('SELECT jwt.algorithm_sign(%L, %L, %L)', 'x', 'k', algorithm) AS algorithm_sign
	FROM unnest(ARRAY['bogus', '', 'none', 'hs256', 'HS256 ', 'HS224', 'RS512', 'sha256']) algorithm;
SELECT pg_temp.verdict(jwt.sign('{}', 'k'), 'k', NULL) AS algorithm_missing;
SELECT jwt.sign('{}', 'k', 'bogus');

-- the caller says which algorithm it is, the token does not
SELECT header, pg_temp.verdict(pg_temp.token(header::bytea))
	FROM unnest(ARRAY['{"alg":"HS256","typ":"JWT"}', '{"alg":"HS256"}', '{"typ":"JWT","alg":"HS256"}',
					  '{"alg":"none"}', '{"alg":"None"}', '{"alg":"HS512"}', '{"alg":"hs256"}', '{"alg":""}', '{"alg":null}',
					  '{"alg":["HS256"]}', '{"alg":1}', '{"Alg":"HS256"}', '{}', '[]', '"HS256"', 'null',
					  '{"alg":"HS256","alg":"none"}', '{"alg":"HS256","crit":["exp"]}', '{"alg":"HS256","crit":null}']) header;
SELECT pg_temp.verdict(jwt.sign('{}', 'k', 'HS512')) AS hs512_for_hs256,
	   pg_temp.verdict(jwt.url_encode('{"alg":"none"}') || '.e30.') AS none_unsigned,
	   pg_temp.verdict(jwt.url_encode('{"alg":"HS256"}') || '.e30.') AS unsigned;
-- a public key is no shared secret
SELECT pg_temp.verdict(jwt.sign('{}', :'ed_public', 'HS256'), :'ed_public', 'EdDSA') AS eddsa,
	   pg_temp.verdict(jwt.sign('{}', :'es_public', 'HS256'), :'es_public', 'ES256') AS es256,
	   pg_temp.verdict(pg_temp.token('{"alg":"ES256"}', '{}', :'es_public'), :'es_public', 'ES256') AS es256_named;

-- malformed tokens
SELECT token, pg_temp.verdict(token)
	FROM unnest(ARRAY['', '.', '..', '...', 'a', 'a.b', 'a.b.c', 'e30.e30', 'e30.e30.', 'e30.e30.e30.e30', '.e30.', 'e30..',
					  ' e30.e30.x', 'e30=.e30.x', 'e30.e30 .x', 'e31.e30.x', 'e3x.e30.x', 'eyJ.e30.x', 'W10.W10.x', 'ew.fQ.x',
					  'é.é.é', E'e30\n.e30.x']) token;
SELECT name, pg_temp.verdict(pg_temp.token(header, payload))
	FROM (VALUES ('right', '{"alg":"HS256"}'::bytea, '{}'::bytea),
				 ('invalid UTF-8', '{"alg":"HS256"}', '"\377"'),
				 ('a surrogate', '{"alg":"HS256"}', '\x22eda08022'),
				 ('overlong UTF-8', '{"alg":"HS256"}', '\x22c08022'),
				 ('a NUL', '{"alg":"HS256"}', '\x220022'),
				 ('an escaped NUL', '{"alg":"HS256"}', '{"exp":"\\u0000"}'),
				 ('an escaped NUL in alg', '{"alg":"HS256\\u0000"}', '{}'),
				 ('a lone surrogate', '{"alg":"HS256","x":"\\ud800"}', '{}'),
				 ('an empty header', '', '{}'),
				 ('an empty payload', '{"alg":"HS256"}', ''),
				 ('two values', '{"alg":"HS256"}{}', '{}'),
				 ('a comma too many', '{"alg":"HS256",}', '{}'),
				 ('a byte order mark', '\xefbbbf7b7d', '{}'),
				 ('white space', ' {"alg" : "HS256"} ', ' {"n" : 1} ')) c (name, header, payload);
SELECT pg_temp.verdict(pg_temp.token('{"alg":"HS256"}', repeat('[', 100000)::bytea)) AS deep,
	   pg_temp.verdict(pg_temp.token('{"alg":"HS256"}', json_build_object('x', repeat('x', 3000000))::text::bytea)) AS long,
	   pg_temp.verdict(repeat('.', 1000000)) AS dots,
	   pg_temp.verdict(repeat('A', 1000000)) AS letters,
	   pg_temp.verdict('e30.e30.' || repeat('A', 1000000)) AS long_signature;

-- no character can be changed, left out or added
SELECT name, count(*) FILTER (WHERE pg_temp.verdict(token, key, algorithm) = 'true') AS valid, count(*) > 100 AS many
	FROM (VALUES ('HS256', 'k', 'k'), ('EdDSA', :'ed_private', :'ed_public'), ('ES256', :'es_private', :'es_public'))
			 a (algorithm, secret, key),
		 LATERAL (SELECT jwt.sign('{"sub":"1"}', secret, algorithm) AS good OFFSET 0) g,
		 generate_series(1, length(good)) place,
		 LATERAL (VALUES ('changed', overlay(good PLACING CASE substr(good, place, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM place FOR 1)),
						 ('left out', overlay(good PLACING '' FROM place FOR 1)),
						 ('added', overlay(good PLACING 'A' FROM place FOR 0)),
						 ('cut off', left(good, place - 1))) m (name, token)
	GROUP BY name ORDER BY name;
-- nor does the signature have another spelling
SELECT count(*) FILTER (WHERE pg_temp.verdict(left(good, -1) || c) = 'true') AS spellings
	FROM (SELECT jwt.sign('{}', 'k') AS good) g,
		 regexp_split_to_table('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= ', '') c;
-- signatures of the wrong size, of zeros and of ones
SELECT size, pg_temp.verdict(t || jwt.url_encode(zeros), :'ed_public', 'EdDSA') AS eddsa,
	   pg_temp.verdict(u || jwt.url_encode(zeros), :'es_public', 'ES256') AS es256,
	   pg_temp.verdict(u || jwt.url_encode(ones), :'es_public', 'ES256') AS es256_ones
	FROM unnest(ARRAY[0, 1, 32, 63, 64, 65, 2048, 4096]) size,
		 LATERAL (SELECT decode(repeat('00', size), 'hex') AS zeros, decode(repeat('ff', size), 'hex') AS ones) s,
		 (SELECT jwt.url_encode('{"alg":"EdDSA"}') || '.e30.' AS t, jwt.url_encode('{"alg":"ES256"}') || '.e30.' AS u) h;

-- keys that are none
SELECT name, pg_temp.signing(key, 'EdDSA') AS eddsa, pg_temp.signing(key, 'ES256') AS es256, pg_temp.signing(key, 'RS256') AS rs256,
	   pg_temp.verdict(pg_temp.token('{"alg":"RS256"}'), key, 'RS256') AS verify_rs256
	FROM (VALUES ('empty', ''), ('a word', 'secret'), ('32 characters', repeat('a', 32)), ('43 characters', repeat('!', 43)),
				 ('stray bits', repeat('A', 42) || 'B'), ('a label', '-----BEGIN PRIVATE KEY-----'),
				 ('an empty PEM', E'-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n'),
				 ('not base64', E'-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n'),
				 ('long', repeat('A', 100000)),
				 ('encrypted', E'-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAie2lZoT2/BXAICCAAw\nDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEFAmjLcW3GWSRztLouRcRFwEgZAw\nEg6qn5C5TMiNA4m1oPxsBHNjbQMdLFPHtDe+ep+EN0HvddBnD1/Rf8pjA8dleFMl\nLeO8BdIQh8wnO2sCigCW4dl/2gaq9HvyeVYYHjrVzFc2FvwqVrvOIN0KSvEKkbF+\n1JQZWcar0JAkdckGzxfSIcsoY8BLAIHYJVfrPFvPnqXF2la/xxcOmkgCxl+R/X4=\n-----END ENCRYPTED PRIVATE KEY-----\n'),
				 ('X25519', E'-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIADsNMss5S7A8l1j0Bo2kURDSy/m2d/jYEOkLYuwV+dM\n-----END PRIVATE KEY-----\n'),
				 ('P-384', E'-----BEGIN EC PRIVATE KEY-----\nMIGkAgEBBDDfHasetTgA11T73BiIa56ymK2Fey4IXDtuTl2FilJjXWDcMrrkPAXk\nv72HvzyCA7GgBwYFK4EEACKhZANiAAQYwVgxZOd8RRvb2ZdbYasCGxzdbEg0/UpC\nS4tXCbBUbWR4yU2Ed3ud0pc7o39IprTfJKQ2IHyeaunLILuIGo3yANpG3GIqsOV5\nh+FYPrWlk3jsL3YWUtl4mqhFr8ZtAAw=\n-----END EC PRIVATE KEY-----\n'),
				 ('RSA of 1024 bits', E'-----BEGIN PRIVATE KEY-----\nMIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAOeGVvmCEhlR0LLC\nvrPOJUi0E8fnCJWmvYSg3bgP2yzilFWNIg5qYqlQRc9hF3XgoUFd+wms1FbewzKU\nr6G/dwNc16agDGva/W92/i17BNSv0Fb/8QR891aYKFp6dA0itXPFzMp37DEJBDEp\nzs4km8Ab0n/aeBmqOLMOagOHj0BnAgMBAAECgYBzPcYbCahSnAvCfvcHbsvWJXRX\nI2N9gfKBisTx8kqJS/rDnq1d+YxEdKVa9RwFW5tIeywSg8lpuBX3HlVRsIje3EG+\n1OGzXTmzFgehbi3rUDZxbo8+nM/dgORgcSuFBCrSxtNCJst/Wnm4+FB2XrToCbbv\n3vyUvN1pvFzYiKdtgQJBAPOljQG14BaoyUhxoE9WUG4svkjy+acdQbUO1W4cffgX\nn3EB/3hfCExwKU7JzvmCy/e11mTmKGJq+TbCz6La50ECQQDzQ3NeJ8WO2RmruN8m\nNYhUDTq9D6i5EBBAQr+6o85b0KbPN1GuHlcr9cs9VQm44Tqn2gG9GzF0nOKM2iKX\n1iWnAkB5KsuFHj3jBu2S6W8gBXzaTcYT4UHmqdYThNz/dYvv5U+Vk7jI0/n8iYsB\nc7tKupFVD0kfxJYw26I0aY15IAQBAkA8o/bRZNaxmlr03Lv72WJnmXioAoxLvb5f\nVoRW8ViSuLuschzRa8zNL5N/cYBf7v1hNE40pt+4MxeihwoSkZaHAkEAjq4L1yoD\nJPcdR7oRmzc7Vd7QI8XTABON18p3J5ssYsMCoWTLY26QXZVWruoKlhiVE4qvZ2p8\nGtkl/GnORiB27w==\n-----END PRIVATE KEY-----\n')) k (name, key);
SELECT pg_temp.signing(:'ed_public', 'EdDSA') AS public_key_signs,
	   pg_temp.signing(:'es_private', 'EdDSA') AS other_key_signs,
	   pg_temp.verdict(jwt.sign('{}', :'ed_private', 'EdDSA'), :'es_public', 'EdDSA') AS other_key_verifies;
-- more keys than a backend keeps
SELECT count(DISTINCT jwt.algorithm_sign('x', jwt.url_encode(sha256(n::text::bytea)), 'EdDSA')) AS keys
	FROM generate_series(1, 200) n;

SELECT data, pg_temp.outcome('SELECT jwt.url_decode(%L)', data)
	FROM unnest(ARRAY['Z', 'Zm9vY', 'Zh', 'Zm9', '=', '====', 'Zg=', 'Zg===', 'Zm9v=', 'Z=g=', 'Zm.v', 'é', '*']) data;

-- only roles of the chat may call
SELECT proname, has_function_privilege('chat_user', oid, 'EXECUTE') AS chat_user,
	   NOT EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0) AS closed_to_public,
	   obj_description(oid, 'pg_proc') IS NOT NULL AS described
	FROM pg_proc WHERE pronamespace = 'jwt'::regnamespace ORDER BY proname;
