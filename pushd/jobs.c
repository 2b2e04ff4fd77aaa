/*
 * jobs.c
 *	  Calls the database's maintenance functions.
 *
 * Each does a bounded step and says whether there is more; then it is called again
 * after a breath, else after its pause.  Several daemons may do the same: the functions
 * share the work or take turns.
 */
#include "jobs.h"

#include <stdlib.h>

#include "log.h"

#define BREATH_MS 100 /* between two steps of one job */

static const struct JobRow
{
	int64_t pause_ms;
	PgStatement statement; /* one boolean: there is more to do */
} job_rows[] = {
	{5000, {"index_messages", "SELECT chat.index_messages(500) = 500", 0}},
	{60000, {"audit_seal", "SELECT chat.audit_seal(5000) = 5000", 0}},
	{60000, {"erase_content", "SELECT chat.erase_content(1000)", 0}},
	{60000, {"apply_retention", "SELECT more FROM chat.apply_retention(1000)", 0}},
	{600000, {"clean_attachments", "SELECT chat.clean_attachments() = 1000", 0}},
};

typedef struct Job
{
	Jobs *jobs;
	const struct JobRow *row;
	PgRequest *request; /* NULL: not under way */
	TimerEntry next;
} Job;

struct Jobs
{
	TimerWheel *wheel;
	PgPool *pool;
	Job job[lengthof(job_rows)];
};

static void
on_done(void *arg, const PgReply *reply)
{
	Job *job = arg;
	bool more = pgreply_ok(reply) && pgreply_value(reply, 0, 0)[0] == 't';

	job->request = NULL;
	if (!pgreply_ok(reply))
		log_warn("%s: %s %s", job->row->statement.name, pgreply_sqlstate(reply),
				 pgreply_message(reply));
	timer_arm(job->jobs->wheel, &job->next, more ? BREATH_MS : job->row->pause_ms);
}

static void
on_time(TimerEntry *entry)
{
	Job *job = container_of(entry, Job, next);
	PgCall call = {&job->row->statement, NULL};

	job->request = pgpool_request(job->jobs->pool, &call, 1, on_done, job);
}

Jobs *
jobs_create(TimerWheel *wheel, PgPool *pool)
{
	Jobs *jobs = xcalloc(1, sizeof(Jobs));

	jobs->wheel = wheel;
	jobs->pool = pool;
	for (size_t i = 0; i < lengthof(job_rows); i++)
	{
		Job *job = &jobs->job[i];

		job->jobs = jobs;
		job->row = &job_rows[i];
		timer_init(&job->next, on_time);
		timer_arm(wheel, &job->next, job->row->pause_ms);
	}
	return jobs;
}

void
jobs_stop(Jobs *jobs)
{
	for (size_t i = 0; i < lengthof(job_rows); i++)
	{
		timer_cancel(&jobs->job[i].next);
		if (jobs->job[i].request)
			pgpool_cancel(jobs->job[i].request);
		jobs->job[i].request = NULL;
	}
}

void
jobs_free(Jobs *jobs)
{
	free(jobs);
}
