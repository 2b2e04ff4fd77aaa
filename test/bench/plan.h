/*
 * plan.h
 *	  Who connects, and to which room: a text file written by setup.sql.
 *
 * One line a connection: "<conversation id> <account id> <next seq> <token>".  Lines
 * of one conversation stand together; the first of them is the room's sender, who
 * receives like the others.
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include <stddef.h>
#include <stdint.h>

typedef struct Room
{
	int64_t conversation_id;
	size_t first; /* index of its sender among the members */
	size_t size;
	int64_t first_seq; /* what the first message of this run will be numbered */
	uint64_t sent;
	uint64_t acked;
	uint64_t delivered; /* over all members */
} Room;

typedef struct Member
{
	int64_t conversation_id;
	int64_t account_id;
	int64_t next_seq;
	char *token;
	size_t room;
} Member;

typedef struct Plan
{
	Room *rooms;
	size_t n_rooms;
	Member *members;
	size_t n_members;
} Plan;

/* Dies on an unreadable or malformed file.  `limit` > 0: read so many lines at most. */
void plan_read(Plan *plan, const char *path, size_t limit);
void plan_free(Plan *plan);

#endif
