-- Who the caller is: held in C, bound to the transaction.
\i sql/include/setup.psql

SELECT chat.current_account_id();
SELECT pg_temp.refusal('SELECT chat.conversations()');

-- it ends with the transaction, whichever way that ends
BEGIN; SELECT chat.act_as(1); SELECT chat.current_account_id(); COMMIT;
SELECT chat.current_account_id();
BEGIN; SELECT chat.act_as(1); ROLLBACK;
SELECT chat.current_account_id();

-- a statement of its own is a transaction of its own
SELECT chat.act_as(1);
SELECT chat.current_account_id();

-- a rollback to a savepoint brings back who it was before
BEGIN;
SELECT chat.act_as(1);
SAVEPOINT one;
SELECT chat.act_as(2);
SAVEPOINT two;
SELECT chat.act_as(3);
SELECT chat.current_account_id();
ROLLBACK TO two;
SELECT chat.current_account_id();
RELEASE one;
SELECT chat.current_account_id();
SAVEPOINT three;
SELECT chat.act_as(4);
RELEASE three;
SAVEPOINT four;
ROLLBACK TO four;
SELECT chat.current_account_id();
COMMIT;

-- no setting can forge it
SET pg_parley.account_id = 1;
SELECT chat.current_account_id();

-- an account must exist
SELECT pg_temp.refusal('SELECT chat.act_as(99)');
SELECT pg_temp.refusal('SELECT chat.act_as(-1)');

-- a verified token does the same for everybody
SELECT (g).access_token AS token FROM chat.login('bob', 'correct horse') g \gset
BEGIN;
SELECT chat.authenticate(:'token');
SELECT chat.current_account_id(), username FROM chat.me();
COMMIT;
SELECT chat.current_account_id();

-- tokens that are none
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', token)) FROM (VALUES
	(''), ('.'), ('..'), ('a.b.c'), (repeat('x', 10000)),
	(left(:'token', -1)), (:'token' || 'A'), (:'token' || '.'), (:'token' || '='),
	(split_part(:'token', '.', 1) || '..' || split_part(:'token', '.', 3)),
	(jwt.url_encode('{"alg":"none","typ":"JWT"}') || '.' || split_part(:'token', '.', 2) || '.'),
	(jwt.url_encode('{"alg":"EdDSA","typ":"JWT"}') || '.' || split_part(:'token', '.', 2) || '.' || split_part(:'token', '.', 3)),
	(jwt.sign('{"sub":"1","sid":1,"iat":1,"exp":9999999999}', 'guess'))
) AS t (token);

-- the public key is no HMAC secret
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', head || '.' || body || '.' ||
	jwt.algorithm_sign(head || '.' || body, encode(public_key, 'escape'), 'HS256')))
	FROM (SELECT jwt.url_encode(convert_to(format('{"alg":"HS256","typ":"JWT","kid":"%s"}', kid), 'UTF8')) AS head,
				 split_part(:'token', '.', 2) AS body, public_key
		  FROM chat.jwt_key) k;

-- keys rotate: old tokens stay good until the key is deleted; HS256 is possible
SELECT chat.rotate_key('HS256') <> kid AS another FROM chat.jwt_key;
SELECT (g).access_token AS token2 FROM chat.login('bob', 'correct horse') g \gset
SELECT convert_from(jwt.url_decode(split_part(:'token2', '.', 1)), 'UTF8')::json->>'alg' AS alg;
SELECT chat.authenticate(:'token') = chat.authenticate(:'token2') AS both_good;
DELETE FROM chat.jwt_key WHERE algorithm = 'EdDSA';
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', :'token'));
SELECT pg_temp.refusal($$SELECT chat.rotate_key('none')$$);
DELETE FROM chat.jwt_key;
SELECT pg_temp.refusal($$SELECT chat.login('bob', 'correct horse')$$);
SELECT chat.rotate_key() IS NOT NULL AS signs_again;
