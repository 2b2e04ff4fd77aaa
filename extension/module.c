/*
 * module.c
 *	  The library's entry.  Every room sets itself up; here is only the order.
 *
 * Works with shared_preload_libraries and without; only bucket.c makes use of the
 * shared memory that it can have with it.  The output plugin of the same library is in decoder.c.
 */
#include "compat.h"

#include "attachment.h"
#include "bucket.h"
#include "client.h"
#include "content.h"
#include "drop.h"
#include "fmgr.h"
#include "hashslot.h"
#include "identity.h"
#include "keyring.h"
#include "password.h"
#include "ratelimit.h"
#include "retention.h"
#include "search_index.h"
#include "session.h"
#include "wake.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	IdentityInit();
	ClientInit();
	BucketInit();
	RateLimitInit();
	HashSlotInit();
	PasswordInit();
	KeyringInit();
	SessionInit();
	ContentInit();
	AttachmentInit();
	SearchInit();
	RetentionInit();
	DropInit();
	WakeInit();
	ParleyReservePrefix("pg_parley");
}
