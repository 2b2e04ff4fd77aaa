/*
 * guc.c
 *	  Registers the rooms' settings with the server.
 */
#include "compat.h"

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

void
DefineBoolSettings(const BoolSetting *settings, int count)
{
	for (int i = 0; i < count; i++)
		DefineCustomBoolVariable(settings[i].name, settings[i].description, NULL,
								 settings[i].variable, *settings[i].variable, PGC_SUSET, 0, NULL,
								 NULL, NULL);
}

void
DefineTextSettings(const TextSetting *settings, int count)
{
	for (int i = 0; i < count; i++)
		DefineCustomStringVariable(settings[i].name, settings[i].description, NULL,
								   settings[i].variable, settings[i].initial, PGC_SUSET, 0, NULL,
								   NULL, NULL);
}
