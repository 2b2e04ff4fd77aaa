/*
 * caller.c
 *	  Tells the database whose call a transaction is.
 */
#include "caller.h"

#include <string.h>

static const PgStatement set_client = {"set_client", "SELECT chat.set_client($1::inet, $2)", 2};

PgCall
caller_call(Caller *caller, const Address *address, const char *agent)
{
	size_t length = agent ? strlen(agent) : 0;

	caller->params[0] = caller->params[1] = PGPARAM_NULL;
	address_write(caller->address, address);
	if (address_is_remote(address))
		caller->params[0] = pgparam_text(caller->address);
	if (length > 0 && utf8_is_valid(agent, length))
		caller->params[1] = (PgParam){agent, length};
	return (PgCall){&set_client, caller->params};
}
