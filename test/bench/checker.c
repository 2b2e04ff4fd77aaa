/*
 * checker.c
 *	  What a receiver must get: every number once, in order, of its own conversation.
 */
#include "checker.h"

void
checker_receive(Faults *faults, Member *member, int64_t conversation_id, int64_t seq)
{
	if (conversation_id != member->conversation_id)
		faults->stray++;
	else if (seq < member->next_seq)
		faults->duplicated++;
	else
	{
		faults->lost += (uint64_t) (seq - member->next_seq);
		member->next_seq = seq + 1;
	}
}

void
checker_finish(Faults *faults, const Plan *plan)
{
	for (size_t i = 0; i < plan->n_members; i++)
	{
		const Member *member = &plan->members[i];
		const Room *room = &plan->rooms[member->room];
		int64_t end = room->first_seq + (int64_t) room->sent;

		if (member->next_seq < end)
			faults->lost += (uint64_t) (end - member->next_seq);
		else
			faults->stray += (uint64_t) (member->next_seq - end);
	}
}
