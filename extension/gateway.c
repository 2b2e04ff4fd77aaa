/*
 * gateway.c
 *	  What parley-pushd asks when a client connects.
 *
 * State and position come from one snapshot.  The memberships carry their versions,
 * so that the gateway can tell which of its feed's events are newer; snapshot_xmin
 * is the oldest transaction that may be missing from them.
 */
#include "postgres.h"

#include "fmgr.h"

#include "errors.h"
#include "identity.h"
#include "session.h"
#include "result.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(chat_gateway_connect);

/* The columns of the answer. */
enum
{
	CONNECT_ACCOUNT_ID,
	CONNECT_SESSION_ID,
	CONNECT_EXPIRES_AT,
	CONNECT_USER,
	CONNECT_CONVERSATIONS,
	CONNECT_VERS,
	CONNECT_SNAPSHOT_XMIN,
	CONNECT_COLUMNS
};

static SpiQuery show_memberships = {
	.sql = "SELECT u, m.ids, m.vers, pg_snapshot_xmin(pg_current_snapshot())::text::bigint "
		   "FROM chat.user_info u, LATERAL ("
		   "SELECT coalesce(array_agg(conversation_id ORDER BY conversation_id), '{}') AS ids, "
		   "coalesce(array_agg(ver ORDER BY conversation_id), '{}') AS vers "
		   "FROM chat.member WHERE account_id = u.id AND state = 'joined') m "
		   "WHERE u.id = $1",
	.argtypes = {INT8OID},
};

Datum
chat_gateway_connect(PG_FUNCTION_ARGS)
{
	JwtClaims claims = SessionVerify(PG_GETARG_TEXT_PP(0));
	Datum values[CONNECT_COLUMNS];
	bool nulls[CONNECT_COLUMNS] = {false};

	values[CONNECT_ACCOUNT_ID] = Int64GetDatum(claims.account_id);
	values[CONNECT_SESSION_ID] = Int64GetDatum(claims.session_id);
	values[CONNECT_EXPIRES_AT] = Int64GetDatum(claims.expires_at_s);
	SpiBegin();
	if (SpiRun(&show_memberships, SpiArgs(SpiInt64(claims.account_id))) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_TOKEN_INVALID),
						errmsg("the account of this token is gone")));
	for (int column = CONNECT_USER; column < CONNECT_COLUMNS; column++)
		values[column] = SpiKeepDatum(0, column - CONNECT_USER + 1, &nulls[column]);
	SpiEnd();
	return ResultRow(fcinfo, values, nulls);
}
