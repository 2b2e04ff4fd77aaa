# system.sh: minimal Debian systems in folders.  Sourced by run, inside mount and process namespaces
# of its own: whatever is mounted or started here ends with it.
#
# shellcheck shell=bash disable=SC2016,SC2154 # words for other programs; what run sets
#
# A system is a stack of layers (overlayfs): what one case has installed, another may begin with.

# The archive that this machine takes Debian from, as apt knows it.  Updates and security are elsewhere,
# and so are the packages of others.
debian_archive()
{
	apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(ORIGIN) $(LABEL)' "Created-By: Packages" |
		awk '$2 !~ /-/ && $3 == "Debian" && $4 == "Debian" { print $1; exit }'
}

# make_base SUITE: debootstrap's minimal system with what the README takes for granted, once
make_base()
{
	local suite=$1 base=$cache/$1

	[ ! -d "$base" ] || return 0
	rm -rf --one-file-system "$base.new"
	debootstrap --variant=minbase --include=ca-certificates,git,make "$suite" "$base.new" \
		"$(debian_archive)" >"$base.log" 2>&1 || { tail -n 5 "$base.log"; return 1; }
	# What holds for this machine: certificates of its own and no time for fsync.
	cp -r /usr/local/share/ca-certificates "$base.new/usr/local/share/"
	chroot "$base.new" update-ca-certificates >>"$base.log" 2>&1
	echo force-unsafe-io >"$base.new/etc/dpkg/dpkg.cfg.d/fresh"
	mv "$base.new" "$base"
}

# make_system NAME BELOW: a system of its own that begins as BELOW is, which changes no more
make_system()
{
	local name=$1 below=$2 place=$scratch/$1 layers

	layers=$cache/$below
	[ -d "$layers" ] || layers=$(<"$scratch/$below/layers")
	mkdir -p "$place"/{upper,work,root}
	echo "$place/upper:$layers" >"$place/layers"
	mount -t overlay overlay -o "lowerdir=$layers,upperdir=$place/upper,workdir=$place/work" "$place/root"
	system=$place/root
	mount -t proc proc "$system/proc"
	mount -t devpts devpts "$system/dev/pts" -o gid=5,mode=620,ptmxmode=666
	mkdir -p "$system/dev/shm" "$system/source" "$system/var/cache/apt/archives"
	mount -t tmpfs tmpfs "$system/dev/shm"
	mount --bind "$scratch/source" "$system/source"
	# It is root's, and git clones the repositories of others only when it is told to.
	printf '[safe]\n\tdirectory = /source\n' >"$system/etc/gitconfig"
	mount --bind "$cache/archives" "$system/var/cache/apt/archives"
	cp -L /etc/resolv.conf "$system/etc/resolv.conf"
	# Debian's installer writes this, as do those that make containers; debootstrap does not.
	printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t%s\n' "$(uname -n)" >"$system/etc/hosts"
	[ ! -f "$HOME/.npmrc" ] || cp "$HOME/.npmrc" "$system/root/.npmrc"
}

# The environment of somebody who has just logged in.  What npm was told of its registry on this
# machine, it is told there.
inside=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb
	NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt)
if command -v npm >/dev/null; then
	inside+=("npm_config_registry=$(npm config get registry)")
fi

# in_system USER COMMAND...: replaces this shell, whose process id the command keeps
in_system()
{
	local user=$1

	shift
	exec chroot "$system" setpriv --reuid="$user" --regid="$user" --init-groups \
		env -i --default-signal "${inside[@]}" "HOME=$(chroot "$system" getent passwd "$user" | cut -d: -f6)" "USER=$user" "$@"
}

# shell USER SCRIPT [ARGUMENT...]: a script of its bash
shell()
{
	local user=$1 script=$2

	shift 2
	(in_system "$user" bash -c "set -e; $script" bash "$@") </dev/null
}

# A person with sudo, as the installer of Debian makes one.
add_person()
{
	shell root 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends sudo
		useradd --create-home --shell /bin/bash person
		echo "person ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/person'
}

install_in_system()
{
	shell root 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"' "$@"
}
