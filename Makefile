# pg_parley: the extension is plain PGXS; `make help` names the other commands.

PG_CONFIG ?= pg_config
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/pg_parley.control)

# Commands of our own.  They must work where no pg_config is installed yet, so
# PGXS is read only when some other target is asked for.
COMMANDS = help run psql check check-fresh memcheck soak bench dist pushd web unit fuzz layers versions meta reference format format-check

ifneq (,$(filter-out $(COMMANDS) %/.package-lock.json,$(or $(MAKECMDGOALS),all)))

EXTENSION = extension/pg_parley
MODULE_big = pg_parley
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard extension/*.c)))
DATA_built = extension/pg_parley--$(EXTVERSION).sql
DATA = $(wildcard extension/pg_parley--*--*.sql)
REGRESS = $(basename $(notdir $(sort $(wildcard sql/*.sql))))

PG_CPPFLAGS = -isystem $(includedir_server)
# Headers of PostgreSQL include others in one version and not in the next; a function without a
# declaration would return an int.
PG_CFLAGS = -Werror=implicit-function-declaration
SHLIB_LINK = -largon2 -lcrypto -lzstd
EXTRA_CLEAN = extension/.postgres pushd/parley-pushd $(wildcard pushd/build* test/unit/build*)

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# The folder of the server's own libraries, whatever `prefix` says.
server := $(VERSION) $(pkglibdir)

# `make install prefix=DIR` puts the extension below DIR, in the folders that PGXS of PostgreSQL 18
# chooses by itself.  Older servers cannot be told to look there, but packages can be made of it.
ifeq (command line,$(origin prefix))
ifneq (18,$(shell printf '%s\n' 18 $(MAJORVERSION) | sort -n | head -n 1))
below = $(if $(findstring pgsql,$(prefix))$(findstring postgres,$(prefix)),,/postgresql)
datadir = $(prefix)/share$(below)
pkglibdir = $(prefix)/lib$(below)
docdir = $(prefix)/share/doc$(below)
endif
endif

$(OBJS): $(wildcard extension/*.h) extension/.postgres

# Objects of one PostgreSQL are of no use to another.
extension/.postgres: always
	@echo '$(server)' | cmp -s - $@ || echo '$(server)' > $@
.PHONY: always

# A release archive brings the web UI along, and `make clean` leaves it.
distclean maintainer-clean: clean-web
.PHONY: clean-web
clean-web:
	rm -rf web/dist

# The install script: one file per room, in the order of their numbers.
$(DATA_built): Makefile extension/pg_parley.control $(sort $(wildcard extension/install/*.sql))
	{ printf '%s\n' '\echo Use "CREATE EXTENSION pg_parley" to load this file. \quit'; \
	  cat $(filter %.sql,$^); } > $@

endif

.DEFAULT_GOAL := all
.PHONY: $(COMMANDS)

help:
	@sed -n 's/^#: //p' Makefile

#: make, make install, make installcheck   the extension on any server, plain PGXS
#: make run            PostgreSQL, parley-pushd and the web UI from a fresh clone (PARLEY_HOME, PARLEY_PORT)
#: make psql           psql on the database of `make run`
#: make check          every test
#: make bench          the benchmarks
run psql:
	@setpriv --pdeathsig TERM scripts/$@.sh

# PGXS has a `check` too, which only says that there is none.
ifndef PGXS
check:
	@setpriv --pdeathsig TERM scripts/check.sh
endif

#: make check-fresh    the two commands of the README on minimal systems of Debian 12 and 13 (CASES=…)
#: test/fresh/matrix PG_CONFIG...   the extension and its SQL tests for each of several PostgreSQL
check-fresh:
	@setpriv --pdeathsig TERM test/fresh/run $(CASES)

#: make memcheck       the SQL tests under valgrind, and with the checks of undefined behaviour (10 min)
memcheck:
	@setpriv --pdeathsig TERM scripts/check.sh build memcheck undefined

#: make soak           a day of chat in 20 minutes: memory stays, every counter fits (SOAK_MINUTES, SOAK_PEOPLE)
soak:
	@setpriv --pdeathsig TERM scripts/check.sh build soak

bench:
	@test/bench/run

#: make pushd          the daemon, pushd/parley-pushd
pushd:
	@$(MAKE) -C pushd

#: make web            the web UI, web/dist
web: web/dist/index.html

web/dist/index.html: web/node_modules/.package-lock.json $(shell find web -type f \
		-not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
	cd web && npm run build
	@touch $@

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund
	@touch $@

#: make unit           the C unit tests
unit:
	@$(MAKE) -C test/unit check

#: make fuzz           bent input for the readers of parley-pushd, for SECONDS (60)
fuzz:
	@$(MAKE) -C test/fuzz run

#: make layers         who may include whom
#: make versions       the version is the same wherever it is written
#: make meta           META.json is as PGXN asks for
#: make reference      doc/pg_parley.md from its chapters
layers versions meta reference:
	@scripts/$@

C_FILES = $(wildcard extension/*.[ch] pushd/*.[ch] test/unit/*.[ch] test/fuzz/*.[ch] \
	test/bench/*.[ch])

#: make format         all C in one style; format-check only looks
format:
	clang-format -i $(C_FILES)

format-check:
	@clang-format --dry-run -Werror $(C_FILES)

#: make dist           the archive for PGXN
dist:
	@scripts/dist.sh
