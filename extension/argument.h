/*
 * argument.h
 *	  What a caller may pass as a name, a text or a count: the checks that all
 *	  rooms share.  Each raises PARLEY_ERROR_INVALID_ARGUMENT or says otherwise.
 */
#ifndef PARLEY_ARGUMENT_H
#define PARLEY_ARGUMENT_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"

/*
 * Argument n of a SQL function as a string, palloc'd; NULL for NULL.  One of more than
 * ARGUMENT_MAX bytes is refused before it is looked at: only contents may be longer.
 */
#define ARGUMENT_MAX (1024 * 1024)
extern char *ArgumentText(FunctionCallInfo fcinfo, int n);
extern char *ArgumentContent(FunctionCallInfo fcinfo, int n);

/* The same where NULL will not do; `what` names the argument. */
extern void ArgumentRequire(FunctionCallInfo fcinfo, int n, const char *what);
extern char *ArgumentRequireText(FunctionCallInfo fcinfo, int n, const char *what);
extern int64 ArgumentRequireInt64(FunctionCallInfo fcinfo, int n, const char *what);

/* Cuts a string of the caller to at most max bytes, never inside a character. */
extern void ClipText(char *text, int max);

/* A name that people see: 1 to max characters by the rule of LegibleName(). */
extern void CheckName(const char *what, const char *name, int max);

/* A text of several lines: 1 to max characters by the rule of LegibleText(). */
extern void CheckText(const char *what, const char *text, int max);

/* How old something must be: no negative part, and not before what the calendar has. */
extern void CheckAge(const char *what, const Interval *age);

/* How many results are wanted: 1 to max, and a larger number is cut to max. */
extern int CheckLimit(int wanted, int max);

#endif /* PARLEY_ARGUMENT_H */
