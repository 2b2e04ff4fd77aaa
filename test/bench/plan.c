/*
 * plan.c
 *	  Reads who connects, and to which room.
 */
#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define GROWTH 1024

static void
add_room(Plan *plan, const Member *sender)
{
	if (plan->n_rooms % GROWTH == 0)
		plan->rooms = xrealloc(plan->rooms, (plan->n_rooms + GROWTH) * sizeof *plan->rooms);
	plan->rooms[plan->n_rooms++] = (Room){
		.conversation_id = sender->conversation_id,
		.first = plan->n_members,
		.first_seq = sender->next_seq,
	};
}

static void
add_member(Plan *plan, Member member)
{
	Room *last = plan->n_rooms > 0 ? &plan->rooms[plan->n_rooms - 1] : NULL;

	if (last == NULL || last->conversation_id != member.conversation_id)
		add_room(plan, &member);
	member.room = plan->n_rooms - 1;
	plan->rooms[member.room].size++;
	if (plan->n_members % GROWTH == 0)
		plan->members = xrealloc(plan->members, (plan->n_members + GROWTH) * sizeof member);
	plan->members[plan->n_members++] = member;
}

static Member
parse_line(const char *line, const char *path)
{
	Member member = {0};

	if (sscanf(line, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %ms", &member.conversation_id,
			   &member.account_id, &member.next_seq, &member.token) != 4)
		die("%s: not a line of a plan: %s", path, line);
	return member;
}

void
plan_read(Plan *plan, const char *path, size_t limit)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;

	if (file == NULL)
		die("cannot read %s: %s", path, strerror(errno));
	memset(plan, 0, sizeof *plan);
	while ((limit == 0 || plan->n_members < limit) && getline(&line, &size, file) > 0)
		add_member(plan, parse_line(line, path));
	free(line);
	fclose(file);
	if (plan->n_members == 0 || plan->n_members < limit)
		die("%s: only %zu connections planned", path, plan->n_members);
}

void
plan_free(Plan *plan)
{
	for (size_t i = 0; i < plan->n_members; i++)
		free(plan->members[i].token);
	free(plan->members);
	free(plan->rooms);
}
