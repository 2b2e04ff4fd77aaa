/*
 * archive_job.h
 *	  Archiving, for other rooms.
 */
#ifndef PARLEY_ARCHIVE_JOB_H
#define PARLEY_ARCHIVE_JOB_H

#include "postgres.h"

#include "coldjob.h"

/* Inside SpiBegin(): goes on with moving messages of before a time into blocks. */
extern void ArchiveRun(ColdJob *job, NullableDatum before);

#endif /* PARLEY_ARCHIVE_JOB_H */
