-- JSON Web Tokens.  Arguments, defaults and results are those of pgjwt 0.2.0, so
-- that a caller of pgjwt need not change.  What differs, all of it on purpose:
--   verify: a token whose header names another algorithm, or has "crit", is not
--     valid; a NULL token or secret gives valid = false, not NULL; more or fewer
--     than three parts raise 22023; padding, white space and stray bits in
--     base64url raise 22023 (in the signature: not valid); nbf after exp is not
--     valid where pgjwt raises an error; a payload that is not an object, and an
--     nbf, exp or iat that is not a number (null, a list, a text, infinite), are not
--     valid where pgjwt takes the token to have no limit.
--   url_decode: stray bits after the last byte raise 22023.
--   algorithms: EdDSA, ES256 and RS256 as well, with keys in PEM, for EdDSA also
--     in base64url.
-- sign and algorithm_sign are STABLE, as an ES256 signature is never the same
-- twice; verify is, as it looks at the time.

CREATE FUNCTION jwt.url_encode(data bytea) RETURNS text
	AS 'MODULE_PATHNAME', 'jwt_url_encode' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jwt.url_encode(bytea) IS
	'Bytes as base64url without padding (RFC 7515)';

CREATE FUNCTION jwt.url_decode(data text) RETURNS bytea
	AS 'MODULE_PATHNAME', 'jwt_url_decode' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jwt.url_decode(text) IS
	'The bytes of base64url text; padding and white space are allowed';

CREATE FUNCTION jwt.try_cast_double(inp text) RETURNS double precision
	AS 'MODULE_PATHNAME', 'jwt_try_cast_double' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jwt.try_cast_double(text) IS
	'The text as a number, NULL if it is none';

CREATE FUNCTION jwt.algorithm_sign(signables text, secret text, algorithm text) RETURNS text
	AS 'MODULE_PATHNAME', 'jwt_algorithm_sign' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jwt.algorithm_sign(text, text, text) IS
	'The signature of a text, as base64url';

CREATE FUNCTION jwt.sign(payload json, secret text, algorithm text DEFAULT 'HS256') RETURNS text
	AS 'MODULE_PATHNAME', 'jwt_sign' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jwt.sign(json, text, text) IS
	'A signed token (RFC 7519) with this payload: HS256, HS384, HS512, EdDSA, ES256 or RS256';

CREATE FUNCTION jwt.verify(token text, secret text, algorithm text DEFAULT 'HS256')
	RETURNS TABLE (header json, payload json, valid boolean)
	AS 'MODULE_PATHNAME', 'jwt_verify' LANGUAGE C STABLE PARALLEL SAFE ROWS 1;
COMMENT ON FUNCTION jwt.verify(text, text, text) IS
	'What a token says, and whether it is signed by this key with this algorithm and in force now';

REVOKE ALL ON FUNCTION
	jwt.url_encode(bytea),
	jwt.url_decode(text),
	jwt.try_cast_double(text),
	jwt.algorithm_sign(text, text, text),
	jwt.sign(json, text, text),
	jwt.verify(text, text, text)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	jwt.url_encode(bytea),
	jwt.url_decode(text),
	jwt.try_cast_double(text),
	jwt.algorithm_sign(text, text, text),
	jwt.sign(json, text, text),
	jwt.verify(text, text, text)
	TO chat_user;
