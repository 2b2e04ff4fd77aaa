-- Schema jwt: what pgjwt documents, with the same results, and the published
-- vectors of the algorithms.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_parley;
RESET client_min_messages;
\x on

-- pgjwt: arguments by position, by default and by name
SELECT jwt.sign('{"sub":"1234567890","name":"John Doe","admin":true}', 'secret');
SELECT jwt.sign('{"sub":"1234567890","name":"John Doe","admin":true}', 'secret', 'HS256')
	 = jwt.sign(algorithm => 'HS256', secret => 'secret',
				payload => '{"sub":"1234567890","name":"John Doe","admin":true}') AS same;
SELECT jwt.sign('{"sub":"1234567890","name":"John Doe","admin":true}', 'secret', 'HS384');
SELECT jwt.sign('{"sub":"1234567890","name":"John Doe","admin":true}', 'secret', 'HS512');
SELECT * FROM jwt.verify('eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWV9.TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ', 'secret');
SELECT * FROM jwt.verify('eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWV9.TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ', 'badsecret');
SELECT header::text, payload::text, valid FROM jwt.verify(algorithm => 'HS384', secret => 'secret', token => 'eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWV9.DtVnCyiYCsCbg8gUP-579IC2GJ7P3CtFw6nfTTPw-0lZUzqgWAo9QIQElyxOpoRm');
SELECT valid FROM jwt.verify('eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWV9.YI0rUGDq5XdRw8vW2sDLRNFMN8Waol03iSFH8I4iLzuYK7FKHaQYWzPt0BJFGrAmKJ6SjY0mJIMZqNQJFVpkuw', 'secret', 'HS512');
\x off

-- the payload is signed as it is spelled
SELECT convert_from(jwt.url_decode(split_part(jwt.sign('{ "b" : 1,  "a":"\u00e9 é" }', 'k'), '.', 2)), 'UTF8');
SELECT payload FROM jwt.verify(jwt.sign('{ "b" : 1,  "a":"\u00e9 é" }', 'k'), 'k');

-- one row for each call, wherever it is called
SELECT n, v.payload, v.valid
	FROM generate_series(1, 3) n, jwt.verify(jwt.sign(json_build_object('n', n), 'k'), 'k') v;
SELECT (jwt.verify(jwt.sign(json_build_object('n', n), 'k'), 'k')).* FROM generate_series(1, 2) n;
SELECT jwt.verify(jwt.sign('1', 'k'), 'k') LIMIT 1;
SELECT count(*) FROM jwt.verify(NULL, NULL);

-- NULL: no token is signed, none is valid
SELECT jwt.sign(NULL, 'k') IS NULL AS payload, jwt.sign('{}', NULL) IS NULL AS secret,
	   jwt.sign('{}', 'k', NULL) IS NULL AS algorithm, jwt.url_encode(NULL) IS NULL AS encode,
	   jwt.url_decode(NULL) IS NULL AS decode, jwt.try_cast_double(NULL) IS NULL AS "cast";
SELECT * FROM jwt.verify(NULL, 'k');
SELECT * FROM jwt.verify(jwt.sign('{}', 'k'), NULL);

-- nbf and exp, against the start of the transaction
SELECT nbf, exp, valid
	FROM (VALUES (NULL, NULL), (-60, NULL), (60, NULL), (NULL, 60), (NULL, -60), (-60, 60), (60, -60),
				 (0, 60), (-60, 0), (0, 0), (-0.5, 0.5), (0.5, 60)) c (nbf, exp),
		 jwt.verify(jwt.sign(json_strip_nulls(json_build_object(
						'nbf', extract(epoch FROM now()) + nbf,
						'exp', extract(epoch FROM now()) + exp)), 'k'), 'k') v;
-- a number in a string counts, as in pgjwt; a time that is not a number is not valid, in pgjwt it is
SELECT claims, valid
	FROM (VALUES ('{"exp":"1"}'), ('{"exp":"99999999999"}'), ('{"exp":"soon"}'), ('{"exp":null}'),
				 ('{"exp":true}'), ('{"exp":[1]}'), ('{"nbf":{}}'), ('{"exp":""}'), ('{"exp":1e300}'),
				 ('{"exp":"NaN"}'), ('{"nbf":"NaN"}'), ('{"exp":"infinity"}'), ('{"exp":"-infinity"}'),
				 ('{"exp":1e400}'), ('{"nbf":1e400}'), ('{"nbf":null}'), ('{"nbf":"-infinity"}'), ('{"nbf":-1}'),
				 ('{"exp":-1}'), ('{"exp":99999999999.5}'), ('{"exp":"2020-01-01T00:00:00Z"}'),
				 ('{"exp":"99999999999 "}'), ('{"iat":"today"}'), ('{"iat":null}'), ('{"iat":1e12}'),
				 ('{"exp":99999999999,"exp":1}'), ('{"exp":1,"exp":99999999999}'), ('{"exp":"x","exp":99999999999}'), ('[{"exp":1}]'), ('"exp"'), ('1')) c (claims),
		 jwt.verify(jwt.sign(claims::json, 'k'), 'k') v;

-- base64url: RFC 4648 vectors, and the forms that pgjwt reads
SELECT plain, jwt.url_encode(plain::bytea) AS encoded,
	   convert_from(jwt.url_decode(jwt.url_encode(plain::bytea)), 'UTF8') = plain AS comes_back
	FROM unnest(ARRAY['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar']) plain;
SELECT jwt.url_encode('\xfbfffe'), jwt.url_decode('-__-'), jwt.url_decode('+//+');
SELECT jwt.url_decode('Zg=='), jwt.url_decode('Zm8='), jwt.url_decode(E'Zm9v\nYm Fy'), jwt.url_decode('');
SELECT bool_and(jwt.url_decode(jwt.url_encode(data)) = data) AS all_lengths_come_back
	FROM (SELECT sha512(n::text::bytea) || substr(sha512(n::text::bytea), 1, n % 64) AS data
			FROM generate_series(1, 200) n) s;

SELECT inp, jwt.try_cast_double(inp)
	FROM unnest(ARRAY['1', '-1.5e3', ' 7 ', 'Infinity', 'NaN', '', 'x', '1x', '1e400', 'null']) inp;

-- RFC 4231, test case 2
SELECT encode(jwt.url_decode(jwt.algorithm_sign('what do ya want for nothing?', 'Jefe', 'HS' || bits)), 'hex')
	FROM unnest(ARRAY[256, 384, 512]) bits;

-- RFC 7515, A.1, which is RFC 7519, 3.1: a key of bytes that are no text, so the C function is given bytea
SELECT probin FROM pg_proc WHERE oid = 'jwt.algorithm_sign'::regproc \gset
CREATE FUNCTION pg_temp.sign_by_bytes(signables text, secret bytea, algorithm text) RETURNS text
	AS :'probin', 'jwt_algorithm_sign' LANGUAGE c STRICT;
\set rfc_header 'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9'
\set rfc_payload 'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ'
SELECT jwt.url_encode(convert_to(E'{"typ":"JWT",\r\n "alg":"HS256"}', 'UTF8')) = :'rfc_header' AS header,
	   jwt.url_encode(convert_to(E'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}', 'UTF8')) = :'rfc_payload' AS payload,
	   pg_temp.sign_by_bytes(:'rfc_header' || '.' || :'rfc_payload',
			jwt.url_decode('AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow'), 'HS256')
	 = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk' AS signature;
-- ... and 7519, 6.1: without a signature it is nothing
SELECT payload, valid FROM jwt.verify('eyJhbGciOiJub25lIn0.' || :'rfc_payload' || '.', '', 'HS256');

-- RFC 8037, A.1 and A.4: keys as JWK members and as PEM
\set d nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A
\set x 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo
\set ed_private '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n'
\set ed_public '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n'
SELECT jwt.algorithm_sign('eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc', :'d', 'EdDSA')
	 = 'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg' AS as_published,
	   jwt.algorithm_sign('x', :'d', 'EdDSA') = jwt.algorithm_sign('x', :'ed_private', 'EdDSA') AS same_key;
SELECT * FROM jwt.verify(jwt.sign('{"n":1}', :'d', 'EdDSA'), :'x', 'EdDSA');
SELECT valid FROM jwt.verify(jwt.sign('{"n":1}', :'ed_private', 'EdDSA'), :'ed_public', 'EdDSA');
SELECT valid FROM jwt.verify(jwt.sign('{"n":1}', :'ed_private', 'EdDSA'), :'ed_private', 'EdDSA');

-- ES256 and RS256: a token and a public key made elsewhere, then our own
\set es_foreign '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\nq9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==\n-----END PUBLIC KEY-----\n'
\set rs_foreign '-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo\n4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0/IzW7yWR7QkrmBL7jTKEn5u\n+qKhbwKfBstIs+bMY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyeh\nkd3qqGElvW/VDL5AaWTg0nLVkjRo9z+40RQzuVaE8AkAFmxZzow3x+VJYKdjykkJ\n0iT9wCS0DRTXu269V264Vf/3jvredZiKRkgwlL9xNAwxXFg0x/XFw005UWVRIkdg\ncKWTjpBP2dPwVZ4WWC+9aGVd+Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbc\nmwIDAQAB\n-----END PUBLIC KEY-----\n'
\set es_private '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQge59A1ONvZSUSXolw\nsmHP5GHYmH0v1E4oDKRIB4O4R+6hRANCAAQiDJkPddxvXpTlFaUasZ2bcL+BL0ea\na1iSUXumtpO4XjCWmNLFo5Gp9W/1/yno7VsSsJKdPhijoCUcnd0KOTfx\n-----END PRIVATE KEY-----\n'
\set es_public '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIgyZD3Xcb16U5RWlGrGdm3C/gS9H\nmmtYklF7praTuF4wlpjSxaORqfVv9f8p6O1bErCSnT4Yo6AlHJ3dCjk38Q==\n-----END PUBLIC KEY-----\n'
\set rs_private '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCWGwlXqJfmGMPP\nrpDzecAoLejqCiK7w3v7LqES8lfQONwWUyhu3S1XI5l1Q+OvdnFigZZHPm9Z994a\nv7OOi9LflM1fkSO/Dwtfl8z7Ik4ZNcxJYvRzRaxyvZ3r7NYN2zaS8ot0AnNnu5eq\ntu+VnYGEb8JaVpmecrl5dk3TyaoiUvXMt75b6hNgJw7abH+T7vxoMubtUhjc7CyQ\nJoZaZxLuMY75hKr0dAnResSEXZn5PH4mWao4YkMVsyeFtBbWdorSO2+M1tesd9a5\nAAQkHuLPze7wICqtu0js94xvfimLgUCkKA6MfDuRDJgRKwKznSXV7C7bX0yF3V7P\nxV0Y4zn/AgMBAAECggEALwEvZ0JVssm9g6sEHCJboJljzuo2nzqjd/BNo1u9UOiF\nTv5icnkTai6tLvH/+iGqdvDiiNPN1cwPQqwWQ8SYV8hGma8fFQTWiGxGVbwT3cQh\ngTeaGgDO9C1ZpxgGndcwG0sVjVH5Jpoxb9WSZ/UnKjw/DcABogMF/rmjvHbxroZ2\nOrbtoHpoV76zkMRGglopOZjf3BMO/Z75lmvgLwZXXEtx4QfMn7X5HgvYEa3Ye4Ne\niMzNS3yYY5kVno+DMn38s8ns3n6tAmSizXTiI3Iu2bQkvwJaSMZXYrLSgRC2izNc\npZO3P5CK0qAksVADHzmuT0BDlu90YA757nVw7tlAJQKBgQDKLm/uOI8Hdthe0SUV\nMOmp5Ylg1NqKOwee9tkTM8rMu8uy0OQT0PmK2HUozuqWQ1s7GkyjKkgpNNwMEPy2\noYE+9POu6dudyeCFpVye/8wa0MTLg/giw7NsIVhSApok69tadmSR8OXlYXGAowD3\n65tV9EltltX9YCnU1gzLRGEoFQKBgQC+D+rwYoYtkiNBUQA47OOJA0gTmkFE3U6y\n8P765s+wDO2Wsmhse7TqFnR+1Ld6BeDWUhH0Im4NrRqtQ5dziqv4mKI2eW+NrEId\ntqEC53VJhDDRs+GcYr9UalikE4X/0nmZZr9BA/LD2ANVbvdcULtoXz4wzXII6vgE\nB3zdGGVqwwKBgDDan7lUeVs4YHgo2WkRdKTVDikTxer48JJ8219EeJCYIFSJHVOc\nf3AJdeXyecTtabISXMpggSdT2ogf4rDOvchUsD1nzOWHznT8zDCvZsZkA+mZbfAY\nkdZjCFBoyI57X3mwegS5zRNsRFztBmLhz5speES+2d5ryi/fuR+02jUxAoGBAI5q\ntw0xhoGXQ7upypTdTRJZ1yR5LfdALbyAQVAYq/+rcEy/mufPOp09/kUbd/CDfxqZ\nnMJnGjg9QgQa5d26R2qcVNCk5iYuscw6ESRv878Gwt4gACqDBANpPMqVpo8vU9bS\n2vUI1FxT/QuDfu85v3RSCfPfvldYWkgKpFG3+iapAoGAOQb+yn0MURksGJojWLAA\n+zZ0vECxJ8AVyY8OLZwxiQ+CEUGKG6+DfF6X1WILp36Ql8CGJMYFRMQOvkU9Ei4f\niC8TAiR+7F9+yn7dLcDbnBEexRdVwp6jyeroHqtTGiHyAdBLscUYGjOWQweOn6oo\nXV5ASdmGrpIB53PNlHh1HHo=\n-----END PRIVATE KEY-----\n'
\set rs_public '-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlhsJV6iX5hjDz66Q83nA\nKC3o6goiu8N7+y6hEvJX0DjcFlMobt0tVyOZdUPjr3ZxYoGWRz5vWffeGr+zjovS\n35TNX5Ejvw8LX5fM+yJOGTXMSWL0c0Wscr2d6+zWDds2kvKLdAJzZ7uXqrbvlZ2B\nhG/CWlaZnnK5eXZN08mqIlL1zLe+W+oTYCcO2mx/k+78aDLm7VIY3OwskCaGWmcS\n7jGO+YSq9HQJ0XrEhF2Z+Tx+JlmqOGJDFbMnhbQW1naK0jtvjNbXrHfWuQAEJB7i\nz83u8CAqrbtI7PeMb34pi4FApCgOjHw7kQyYESsCs50l1ewu219Mhd1ez8VdGOM5\n/wIDAQAB\n-----END PUBLIC KEY-----\n'
SELECT payload, valid FROM jwt.verify('eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWUsImlhdCI6MTUxNjIzOTAyMn0.tyh-VfuzIxCyGYDlkBA7DfyjrqmSHu6pQ2hoZuFqUSLPNY2N0mpHb3nk5K17HWP_3cYHBw7AhHale5wky6-sVA', :'es_foreign', 'ES256');
SELECT payload, valid FROM jwt.verify('eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWUsImlhdCI6MTUxNjIzOTAyMn0.NHVaYe26MbtOYhSKkoKYdFVomg4i8ZJd8_-RU8VNbftc4TSMb4bXP3l3YlNWACwyXPGffz5aXHc6lty1Y2t4SWRqGteragsVdZufDn5BlnJl9pdR_kdVFUsra2rWKEofkZeIC4yWytE58sMIihvo9H1ScmmVwBcQP6XETqYd0aSHp1gOa9RdUPDvoXQ5oqygTqVtxaDr6wUFKrKItgBMzWIdNZ6y7O9E0DhEPTbE9rfBo6KTFsHAZnMg4k68CDp2woYIaXbmYTWcvbzIuHO7_37GT79XdIwkm95QJ7hYC9RiwrV7mesbY4PAahERJawntho0my942XheVLmGwLMBkQ', :'rs_foreign', 'RS256');
SELECT header, valid FROM jwt.verify(jwt.sign('{"n":1}', :'es_private', 'ES256'), :'es_public', 'ES256');
SELECT header, valid FROM jwt.verify(jwt.sign('{"n":1}', :'rs_private', 'RS256'), :'rs_public', 'RS256');
SELECT valid FROM jwt.verify(jwt.sign('{"n":1}', :'es_private', 'ES256'), :'es_foreign', 'ES256');
SELECT valid FROM jwt.verify(jwt.sign('{"n":1}', :'rs_private', 'RS256'), :'rs_foreign', 'RS256');
-- r and s keep their 32 bytes when they begin with zeros
SELECT bool_and(length(jwt.url_decode(split_part(token, '.', 3))) = 64) AS all_of_64_bytes,
	   bool_and((SELECT valid FROM jwt.verify(token, :'es_public', 'ES256'))) AS all_valid
	FROM (SELECT jwt.sign(json_build_object('n', n), :'es_private', 'ES256') AS token FROM generate_series(1, 600) n) t;
