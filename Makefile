# pg_parley: the extension is plain PGXS; `make help` names the other commands.

PG_CONFIG ?= pg_config
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/pg_parley.control)

# Commands of our own.  They bring what they need, so they must work where no
# pg_config is installed yet: PGXS is read only when another target is asked for.
COMMANDS = help run psql check bench dist pushd web unit layers format format-check version-check

ifneq (,$(filter-out $(COMMANDS),$(or $(MAKECMDGOALS),all)))

EXTENSION = extension/pg_parley
MODULE_big = pg_parley
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard extension/*.c)))
DATA_built = extension/pg_parley--$(EXTVERSION).sql
DATA = $(filter-out $(DATA_built),$(wildcard extension/pg_parley--*--*.sql))
REGRESS = $(basename $(notdir $(sort $(wildcard sql/*.sql))))

PG_CPPFLAGS = -isystem $(includedir_server)
SHLIB_LINK = -largon2 -lcrypto

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(OBJS): $(wildcard extension/*.h)

# The install script: one file per room, in the order of their numbers.
$(DATA_built): extension/pg_parley.control $(sort $(wildcard extension/install/*.sql))
	{ echo '\echo Use "CREATE EXTENSION pg_parley" to load this file. \quit'; \
	  cat $(filter %.sql,$^); } > $@

endif

.DEFAULT_GOAL := all
.PHONY: $(COMMANDS)

pushd:
	$(MAKE) -C pushd

web:
	cd web && npm ci && npm run build
