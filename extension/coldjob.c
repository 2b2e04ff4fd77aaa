/*
 * coldjob.c
 *	  The walk through the conversations of archive(), purge() and apply_retention().
 */
#include "compat.h"

#include "coldjob.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"

#include "argument.h"
#include "counter.h"
#include "result.h"

#define LOOK_AT 1000 /* conversations of one look */
#define LOOKS_A_CALL 20

typedef struct Candidate
{
	int64 conversation_id;
	bool wanted;
	TimestampTz before;
} Candidate;

static Candidate *
FindCandidates(const ColdJob *job, SpiQuery *query, NullableDatum before, int *count)
{
	Candidate *found;

	*count = (int) SpiRun(query, SpiArgs(SpiInt64(job->after), SpiInt32(LOOK_AT), before));
	found = palloc((*count + 1) * sizeof(Candidate));
	for (int i = 0; i < *count; i++)
	{
		bool isnull;
		Datum moment = SpiGetDatum(i, 2, &isnull);

		found[i] = (Candidate){.conversation_id = SpiGetInt64(i, 1), .wanted = !isnull};
		if (!isnull)
			found[i].before = DatumGetTimestampTz(moment);
	}
	return found;
}

/* False: there is more to do in this conversation than this call may. */
static bool
DoOne(ColdJob *job, const Candidate *candidate, ColdWork work)
{
	int64 max = job->left;
	int done = 0;

	SpiBegin();
	if (candidate->wanted && CounterTryLock(candidate->conversation_id))
		done = work(candidate->conversation_id, candidate->before, (int) max);
	SpiEnd();
	job->left = Max(max - done, 0);
	job->done += done;
	return done < max;
}

void
ColdJobRun(ColdJob *job, SpiQuery *candidates, NullableDatum before, ColdWork work)
{
	for (int look = 0; look < LOOKS_A_CALL; look++)
	{
		int count;
		Candidate *found = FindCandidates(job, candidates, before, &count);

		for (int i = 0; i < count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (!DoOne(job, &found[i], work))
				return;
			job->after = found[i].conversation_id;
		}
		job->finished = count < LOOK_AT;
		if (job->finished)
			return;
	}
}

ColdJob
ColdJobBegin(FunctionCallInfo fcinfo)
{
	return (ColdJob){
		.left = CheckLimit(PG_ARGISNULL(1) ? COLDJOB_MAX : PG_GETARG_INT32(1), COLDJOB_MAX),
		.after = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2),
	};
}

Datum
ColdJobResult(FunctionCallInfo fcinfo, const ColdJob *job)
{
	Datum values[2] = {Int64GetDatum(job->done), Int64GetDatum(job->after)};
	bool nulls[2] = {false, job->finished};

	return ResultRow(fcinfo, values, nulls);
}
