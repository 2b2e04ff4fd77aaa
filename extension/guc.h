/*
 * guc.h
 *	  Settings.  A room states its settings as rows of a static table and hands
 *	  them to DefineSettings() from its own init function.
 */
#ifndef PARLEY_GUC_H
#define PARLEY_GUC_H

#include "postgres.h"

#include "utils/guc.h"

/* One integer setting, `pg_parley.<name>`; the library is loaded once, so all pointers are static. */
typedef struct IntSetting
{
	const char *name; /* with the prefix */
	const char *description;
	int *variable; /* holds the default before definition */
	int min;
	int max;
	int unit; /* GUC_UNIT_* or 0 */
} IntSetting;

/* One that is a text. */
typedef struct TextSetting
{
	const char *name;
	const char *description;
	char **variable; /* belongs to the server once defined */
	const char *initial;
} TextSetting;

/* One that is on or off. */
typedef struct BoolSetting
{
	const char *name;
	const char *description;
	bool *variable; /* holds the default before definition */
} BoolSetting;

/* Only a superuser may change them: a caller must not raise its own limits. */
extern void DefineSettings(const IntSetting *settings, int count);
extern void DefineBoolSettings(const BoolSetting *settings, int count);
extern void DefineTextSettings(const TextSetting *settings, int count);

#endif /* PARLEY_GUC_H */
