/*
 * guc.c
 *	  Registers the rooms' settings with the server.
 */
#include "postgres.h"

#include "guc.h"

void
DefineSettings(const IntSetting *settings, int count)
{
	for (int i = 0; i < count; i++)
	{
		const IntSetting *setting = &settings[i];

		DefineCustomIntVariable(setting->name, setting->description, NULL, setting->variable,
								*setting->variable, setting->min, setting->max, PGC_SUSET,
								setting->unit, NULL, NULL, NULL);
	}
}
