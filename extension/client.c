/*
 * client.c
 *	  Where the call comes from.
 *
 * What a gateway said lives in TopTransactionContext.
 */
#include "compat.h"

#include "client.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "argument.h"
#include "legible.h"
#include "scoped.h"

#define GATEWAY_ROLE "chat_gateway"
#define AGENT_MAX 1024 /* bytes; more is cut, it is only shown */

typedef struct Client
{
	inet *address;
	char *agent;
} Client;

static Scoped client = {.size = sizeof(Client)};

PG_FUNCTION_INFO_V1(chat_set_client);

void
ClientInit(void)
{
	ScopedInit(&client);
}

/* Only gateways reach this: the grant on the function is the check. */
Datum
chat_set_client(PG_FUNCTION_ARGS)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	inet *address = PG_ARGISNULL(0) ? NULL : (inet *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0));
	char *agent = ArgumentText(fcinfo, 1);
	Client *now = ScopedSet(&client);

	MemoryContextSwitchTo(old);
	if (agent)
	{
		LegibleClean(agent);
		ClipText(agent, AGENT_MAX);
	}
	*now = (Client){.address = address, .agent = agent};
	PG_RETURN_VOID();
}

/* Superusers are members of every role, and no gateway for that. */
static bool
IsGateway(void)
{
	Oid role = get_role_oid(GATEWAY_ROLE, true);

	return OidIsValid(role) && is_member_of_role_nosuper(GetSessionUserId(), role);
}

static inet *
ConnectionAddress(void)
{
	LOCAL_FCINFO(fcinfo, 0);
	Datum address;

	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	address = inet_client_addr(fcinfo);
	return fcinfo->isnull ? NULL : DatumGetInetPP(address);
}

inet *
ClientAddress(void)
{
	const Client *said = ScopedGet(&client);
	inet *address;

	if (said)
		return said->address;
	address = ConnectionAddress();
	return address && IsGateway() ? NULL : address;
}

const char *
ClientAgent(void)
{
	const Client *said = ScopedGet(&client);

	return said ? said->agent : NULL;
}
