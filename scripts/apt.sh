#!/bin/bash
# apt.sh PACKAGE...: installs Debian packages; run as root.
#
# The first installation of postgresql-NN makes and starts a cluster `main`, unless
# createcluster.conf says otherwise.  pg_parley has a cluster of its own, so it says
# otherwise for as long as apt-get runs, and then leaves everything as it was.
set -euo pipefail

etc=/etc/postgresql-common
dropin=$etc/createcluster.d/zz-pg-parley.conf
made=()

make_directory()
{
	[ -d "$1" ] && return
	mkdir "$1"
	made=("$1" "${made[@]}")
}

restore()
{
	rm -f "$dropin"
	for directory in "${made[@]}"; do
		rmdir --ignore-fail-on-non-empty "$directory"
	done
}

trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
make_directory $etc
make_directory $etc/createcluster.d
echo 'create_main_cluster = false' >$dropin

# How much it will be, before it begins.
announce()
{
	apt-get install -q --no-install-recommends --assume-no "$@" 2>/dev/null </dev/null |
		sed -n 's/^Need to get \(.*\) of archives\.$/\1 to download,/p
			s/^[0-9]* upgraded, \([0-9]*\) newly installed.*/\1 packages,/p
			s/^After this operation, \(.*\) of additional disk space.*/\1 on disk/p' |
		tr '\n' ' '
	echo
}

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
apt-get update -q
announce "$@" || true
apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" </dev/null
