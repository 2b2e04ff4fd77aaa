-- How often something may be done, and where a call comes from.

CREATE TABLE chat.rate_limit (
	action     text COLLATE "C" NOT NULL,
	scope      text COLLATE "C" NOT NULL CHECK (scope IN ('account', 'address', 'all')),
	burst      int CHECK (burst BETWEEN 1 AND 1000000),
	per_minute float8 CHECK (per_minute BETWEEN 0.001 AND 60000000),
	PRIMARY KEY (action, scope),
	CHECK ((burst IS NULL) = (per_minute IS NULL))
);
COMMENT ON TABLE chat.rate_limit IS
	'Rate limits that are not the default; NULL: no limit. chat.rate_limits() shows all that hold';

-- Without preloading, counts live here; after a crash all buckets are full, which does no harm.
CREATE UNLOGGED TABLE chat.rate_bucket (
	key       bigint PRIMARY KEY,
	forget_at timestamptz NOT NULL,
	count     bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE chat.rate_bucket IS
	'Counts of the rate limits where the library is not in shared_preload_libraries';
COMMENT ON COLUMN chat.rate_bucket.key IS 'A hash of action, scope and whose it is';

CREATE FUNCTION chat.rate_limit_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'chat_rate_limit_changed'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.rate_limit_changed() IS 'Has all backends read the limits anew';

CREATE TRIGGER rate_limit_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON chat.rate_limit
	FOR EACH STATEMENT EXECUTE FUNCTION chat.rate_limit_changed();

CREATE FUNCTION chat.set_client(address inet, agent text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_set_client'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.set_client(inet, text) IS
	'Says whose call a gateway passes on, until the transaction ends: the address for rate limits and audit log, and what the client calls itself';

CREATE FUNCTION chat.rate_limits()
	RETURNS TABLE (action text, scope text, burst int, per_minute float8,
				   default_burst int, default_per_minute float8, meaning text)
	AS 'MODULE_PATHNAME', 'chat_rate_limits'
	LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.rate_limits() IS
	'The rate limits that hold, and their defaults; NULL: no limit. For administrators';

CREATE FUNCTION chat.set_rate_limit(action text, scope text, burst int, per_minute float8)
	RETURNS void
	AS 'MODULE_PATHNAME', 'chat_set_rate_limit'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.set_rate_limit(text, text, int, float8) IS
	'Sets a rate limit, for everybody from the commit on; NULL and NULL: no limit. For administrators';

CREATE FUNCTION chat.reset_rate_limit(action text, scope text) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_reset_rate_limit'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.reset_rate_limit(text, text) IS
	'Brings a rate limit back to its default. For administrators';

REVOKE ALL ON FUNCTION
	chat.rate_limit_changed(), chat.set_client(inet, text), chat.rate_limits(),
	chat.set_rate_limit(text, text, int, float8), chat.reset_rate_limit(text, text)
	FROM PUBLIC;
-- They ask for themselves who the caller is: an account may be an administrator.
GRANT EXECUTE ON FUNCTION
	chat.rate_limits(), chat.set_rate_limit(text, text, int, float8),
	chat.reset_rate_limit(text, text)
	TO chat_user;
GRANT EXECUTE ON FUNCTION chat.set_client(inet, text) TO chat_gateway;
