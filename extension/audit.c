/*
 * audit.c
 *	  Writing the audit log, and the table of its kinds.
 */
#include "compat.h"

#include "audit.h"

#include "commands/extension.h"

#include "argument.h"
#include "client.h"
#include "identity.h"
#include "spi.h"

#define TEXT_MAX 1024 /* bytes of agent and detail */

typedef struct KindRow
{
	const char *name;
	const char *meaning;
} KindRow;

static const KindRow kind_rows[AUDIT_KIND_COUNT] = {
#define KIND_ROW(symbol, name, meaning) [AUDIT_##symbol] = {name, meaning},
	AUDIT_KINDS(KIND_ROW)
#undef KIND_ROW
};

const char *
AuditKindName(AuditKind kind)
{
	return kind_rows[kind].name;
}

const char *
AuditKindMeaning(AuditKind kind)
{
	return kind_rows[kind].meaning;
}

static SpiQuery insert_row = {
	.sql = "INSERT INTO chat.audit_pending (kind, account_id, actor_id, session_id, "
		   "conversation_id, address, agent, detail) "
		   "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
	.argtypes = {TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INETOID, TEXTOID, TEXTOID},
};

/* 0 stands for nothing. */
static NullableDatum
IdOrNull(int64 id)
{
	return SpiDatum(Int64GetDatum(id), id == 0);
}

static NullableDatum
AddressOrNull(void)
{
	inet *address = ClientAddress();

	return SpiDatum(PointerGetDatum(address), address == NULL);
}

static NullableDatum
Clipped(const char *text)
{
	char *copy;

	if (text == NULL)
		return SpiText(NULL);
	copy = pstrdup(text);
	ClipText(copy, TEXT_MAX);
	return SpiText(copy);
}

/*
 * The install script makes the first signing key: no act of anybody, and a row from
 * there would be in the way of those that a dump brings back.
 */
void
AuditWriteEntry(const AuditEntry *entry)
{
	const Identity *actor = IdentityGet();

	if (creating_extension)
		return;
	SpiBegin();
	SpiRun(&insert_row,
		   SpiArgs(SpiText(kind_rows[entry->kind].name), IdOrNull(entry->account_id),
				   IdOrNull(actor ? actor->account_id : 0), IdOrNull(actor ? actor->session_id : 0),
				   IdOrNull(entry->conversation_id), AddressOrNull(),
				   Clipped(entry->agent ? entry->agent : ClientAgent()), Clipped(entry->detail)));
	SpiEnd();
}
