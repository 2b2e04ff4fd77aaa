/*
 * permission.h
 *	  Who may do what in a conversation: the roles, and one table of acts.
 *
 *		mine = PermissionRequire(conversation_id, caller, PERMISSION_BAN);
 *		PermissionRequireLower(mine, conversation_id, account_id);
 *
 *	  What was found holds as long as the conversation is locked (counter.h).
 *	  Call inside SpiBegin().
 */
#ifndef PARLEY_PERMISSION_H
#define PARLEY_PERMISSION_H

#include "postgres.h"

/* In the order of power; what is not a member ranks lowest. */
typedef enum Role
{
	ROLE_NONE,
	ROLE_MEMBER,
	ROLE_ADMIN,
	ROLE_OWNER
} Role;

/*
 * X(symbol, name, the least role it takes in a group, and in a direct conversation,
 * what it is).  The two of a direct conversation are plain members; NONE: it is for
 * groups only.  chat.permissions() shows this table.
 */
#define PERMISSIONS(X) \
	X(LEAVE, "leave", MEMBER, NONE, "Go from the group") \
	X(ADD_MEMBER, "add_member", ADMIN, NONE, "Bring somebody into the group") \
	X(REMOVE_MEMBER, "remove_member", ADMIN, NONE, "Put out somebody of lower role") \
	X(BAN, "ban", ADMIN, NONE, "Keep out somebody of lower role, lift a ban, see who is banned") \
	X(MUTE, "mute", ADMIN, NONE, "Silence somebody of lower role, or let them speak again") \
	X(RENAME, "rename", ADMIN, NONE, "Give the group another name") \
	X(SET_LANGUAGE, "set_language", ADMIN, MEMBER, "Say in which language messages are searched") \
	X(PIN, "pin", ADMIN, MEMBER, "Pin a message, or take it down") \
	X(DELETE_MESSAGE, "delete_message", ADMIN, ADMIN, "Delete the message of somebody else") \
	X(SET_ROLE, "set_role", OWNER, NONE, \
	  "Change the role of somebody of lower role, or one's own") \
	X(SET_PUBLIC, "set_public", OWNER, NONE, "Open the group to everybody, or close it") \
	X(SET_RETENTION, "set_retention", OWNER, NONE, "Say how long the group's messages are kept") \
	X(DELETE_GROUP, "delete_group", OWNER, NONE, "End the group")

typedef enum Permission
{
#define PERMISSION_ENUM(symbol, name, in_group, in_direct, meaning) PERMISSION_##symbol,
	PERMISSIONS(PERMISSION_ENUM)
#undef PERMISSION_ENUM
	PERMISSION_COUNT
} Permission;

/* As stored; static storage. */
extern const char *RoleName(Role role);

/* ROLE_NONE if no member can have a role of that name. */
extern Role RoleOfName(const char *name);

/* ROLE_NONE for who is not a member. */
extern Role RoleFind(int64 conversation_id, int64 account_id);

/* The account's role, or CONVERSATION_NOT_FOUND, NOT_A_GROUP or FORBIDDEN. */
extern Role PermissionRequire(int64 conversation_id, int64 account_id, Permission permission);

/*
 * Who acts on others acts downwards: FORBIDDEN unless the account's role is lower
 * than `mine`, USER_NOT_FOUND if it is not a member.
 */
extern void PermissionRequireLower(Role mine, int64 conversation_id, int64 account_id);

#endif /* PARLEY_PERMISSION_H */
