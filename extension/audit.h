/*
 * audit.h
 *	  The audit log: one row for every act that matters for security, written in
 *	  the transaction of the act.
 *
 *		AuditWrite(.kind = AUDIT_ROLE_SET, .conversation_id = conversation_id,
 *				   .account_id = account_id, .detail = "admin");
 *
 *	  Who did it (account, session, database role), from where and when is found
 *	  out here.  A row says nothing secret: no token, no password, and no login
 *	  name that fits no account, because people type passwords there.
 *
 *	  An act that is refused by an error leaves no row: the error takes it back.
 *	  A refusal that must be remembered is returned, not raised (errors.h).
 */
#ifndef PARLEY_AUDIT_H
#define PARLEY_AUDIT_H

#include "postgres.h"

/*
 * X(symbol, name, what happened; "detail" is what the row's detail says).  The name
 * is stored and stays; chat.audit_kinds() shows this table.
 */
#define AUDIT_KINDS(X) \
	X(SIGNUP, "signup", "An account was made") \
	X(LOGIN, "login", "A session was opened with a password") \
	X(LOGIN_FAILED, "login_failed", "A wrong password; no account: the name is unknown") \
	X(THROTTLED, "throttled", "Too many attempts; detail: the action") \
	X(REFRESH_REUSED, "refresh_reused", \
	  "An old refresh token was shown; detail: the session that was ended") \
	X(LOGOUT, "logout", "A session was ended by its owner") \
	X(LOGOUT_ALL, "logout_all", "All sessions of an account were ended by its owner") \
	X(SESSION_REVOKED, "session_revoked", "A session was ended from another; detail: its id") \
	X(TICKET_REUSED, "ticket_reused", "A connection ticket was shown a second time") \
	X(PASSWORD_CHANGED, "password_changed", "A password was changed") \
	X(PASSWORD_REFUSED, "password_refused", \
	  "A wrong password where it was asked again; detail: what for") \
	X(EMAIL_CHANGED, "email_changed", "The e-mail address of an account was changed") \
	X(ACCOUNT_EXPORTED, "account_exported", "All data of an account were exported") \
	X(ACCOUNT_CLOSED, "account_closed", "An account was closed; detail: kept or erased") \
	X(ADMIN_GRANTED, "admin_granted", "An account was made an administrator") \
	X(ADMIN_REVOKED, "admin_revoked", "An account is no administrator any more") \
	X(KEY_ROTATED, "key_rotated", "A new signing key; detail: its kid") \
	X(KEY_RETIRED, "key_retired", "A signing key was retired; detail: its kid") \
	X(LIMIT_CHANGED, "limit_changed", "A rate limit was changed; detail: the action") \
	X(GROUP_CREATED, "group_created", "A group was made") \
	X(GROUP_CHANGED, "group_changed", "A group's settings were changed; detail: which") \
	X(GROUP_DELETED, "group_deleted", "A group was deleted") \
	X(MEMBER_ADDED, "member_added", "An account was added to a group") \
	X(MEMBER_JOINED, "member_joined", "An account joined a public group") \
	X(MEMBER_LEFT, "member_left", "An account left a group") \
	X(MEMBER_REMOVED, "member_removed", "An account was removed from a group") \
	X(MEMBER_BANNED, "member_banned", "An account was banned from a group; detail: the reason") \
	X(MEMBER_UNBANNED, "member_unbanned", "A ban was lifted") \
	X(MEMBER_MUTED, "member_muted", "An account was muted in a group; detail: until when") \
	X(MEMBER_UNMUTED, "member_unmuted", "An account may speak again") \
	X(ROLE_SET, "role_set", "A member's role was changed; detail: the new role") \
	X(BLOCKED, "blocked", "An account was blocked by another") \
	X(UNBLOCKED, "unblocked", "A block was lifted") \
	X(REPORTED, "reported", "An account or message was reported; detail: the report's id") \
	X(REPORT_CLOSED, "report_closed", "A report was decided; detail: its id and the decision") \
	X(MESSAGE_REMOVED, "message_removed", \
	  "A message was deleted by somebody else; account: its sender; detail: its seq") \
	X(RETENTION_SET, "retention_set", "How long messages are kept was changed; detail: the rule") \
	X(HOLD_SET, "hold_set", "A legal hold was placed; detail: the reason") \
	X(HOLD_LIFTED, "hold_lifted", "A legal hold was lifted; detail: the reason") \
	X(PURGED, "purged", "Messages were deleted for good; detail: up to which seq or time")

typedef enum AuditKind
{
#define AUDIT_KIND_ENUM(symbol, name, meaning) AUDIT_##symbol,
	AUDIT_KINDS(AUDIT_KIND_ENUM)
#undef AUDIT_KIND_ENUM
	AUDIT_KIND_COUNT
} AuditKind;

/* What the caller knows; 0 and NULL: nothing. */
typedef struct AuditEntry
{
	AuditKind kind;
	int64 account_id; /* whom it is about; who did it is known here */
	int64 conversation_id;
	const char *agent;	/* the client, as it calls itself; cut if long */
	const char *detail; /* see the table; cut if long */
} AuditEntry;

/* Inside SpiBegin() or out of it. */
#define AuditWrite(...) AuditWriteEntry(&(AuditEntry){__VA_ARGS__})
extern void AuditWriteEntry(const AuditEntry *entry);

/* The table above; static storage. */
extern const char *AuditKindName(AuditKind kind);
extern const char *AuditKindMeaning(AuditKind kind);

#endif /* PARLEY_AUDIT_H */
