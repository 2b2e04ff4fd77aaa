/*
 * module.c
 *	  The library's entry.  Every room sets itself up; here is only the order.
 *
 * Works with shared_preload_libraries and without: nothing here needs to run in
 * the postmaster.  The output plugin of the same library is in decoder.c.
 */
#include "postgres.h"

#include "compat.h"
#include "fmgr.h"
#include "hashslot.h"
#include "identity.h"
#include "password.h"
#include "post.h"
#include "session.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	IdentityInit();
	HashSlotInit();
	PasswordInit();
	SessionInit();
	PostInit();
	ParleyReservePrefix("pg_parley");
}
