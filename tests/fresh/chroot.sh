#!/usr/bin/env bash
# Tries this repository on a machine with nothing but make and git: a fresh Debian in a chroot, and a clone in it.
#
#   tests/fresh/chroot.sh bookworm|trixie [--keep] [COMMAND...]
#
# COMMAND runs in the clone; `make test` when none is given. The commit that is checked out here is what is cloned;
# files that are not committed are left out, unless PROFD_FRESH_WORKTREE=1 copies the work tree instead. The base system
# is made once and cached in build/fresh; --keep leaves the used copy there for a look. Needs root. Mirror, proxies and
# certificates are those that this machine's own apt uses.
set -euo pipefail

die() { echo "tests/fresh: $*" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || die "needs root, for chroot and mount"

suite=${1:-}
case "$suite" in
  bookworm | trixie) shift ;;
  *) die "usage: tests/fresh/chroot.sh bookworm|trixie [--keep] [COMMAND...]" ;;
esac
keep=
if [ "${1:-}" = --keep ]; then keep=1; shift; fi
command=("$@")
[ ${#command[@]} -gt 0 ] || command=(make test)

repository=$(cd "$(dirname "$0")/../.." && pwd)
cache=${PROFD_FRESH_DIR:-$repository/build/fresh}
base=$cache/$suite.base
root=$cache/$suite.run
mkdir -p "$cache"

# The mirror that apt here gets Debian's main component from.
mirror=$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI)' 2>/dev/null |
  awk '$1 == "Debian" && $2 == "main" && $3 !~ /security/ { print $3; exit }')
[ -n "$mirror" ] || die "apt on this machine has no source of Debian's main component, so no mirror is known"

if ! command -v debootstrap >/dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends debootstrap >/dev/null ||
    die "debootstrap is missing and could not be installed"
fi

# Nothing of this machine may stay mounted below a directory that is about to be deleted.
unmount_below() {
  local mounted
  while read -r mounted; do
    umount "$mounted" 2>/dev/null || umount -l "$mounted"
  done < <(awk -v root="$1/" 'index($2 "/", root) == 1 { print $2 }' /proc/self/mounts | sort -r)
  ! awk -v root="$1/" 'index($2 "/", root) == 1 { found = 1 } END { exit !found }' /proc/self/mounts
}
remove() {
  [ -d "$1" ] || return 0
  unmount_below "$1" || die "something is still mounted below $1"
  rm -rf --one-file-system "$1"
}

make_base() {
  echo "tests/fresh: making a minimal $suite from $mirror" >&2
  remove "$base.new"
  debootstrap --variant=minbase --include=make,git,ca-certificates "$suite" "$base.new" "$mirror" \
    >"$cache/$suite.log" 2>&1 || die "debootstrap failed: see $cache/$suite.log"
  mv "$base.new" "$base"
}
[ -d "$base" ] || make_base

remove "$root"
trap '[ -n "$keep" ] || remove "$root"' EXIT
cp -a --reflink=auto "$base" "$root"

# How this machine reaches the network is its own business: resolver, proxies and certificates come along.
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/hosts "$root/etc/hosts"
apt-config dump | grep -E '^Acquire::(http|https)' >"$root/etc/apt/apt.conf.d/90network" || true
if [ -n "$(ls -A /usr/local/share/ca-certificates 2>/dev/null)" ]; then
  cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
fi
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

if [ -n "${PROFD_FRESH_WORKTREE:-}" ]; then
  mkdir "$root/profd"
  (cd "$repository" && git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
    tar --null -T - -cf -) | tar -C "$root/profd" --no-same-owner -xf -
else
  git clone -q --no-hardlinks "$repository" "$root/profd"
  git -C "$root/profd" remote remove origin
fi

mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --make-rslave "$root/sys"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run"

environment=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 CI=true)
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  [ -z "${!name:-}" ] || environment+=("$name=${!name}")
done
if command -v go >/dev/null; then
  environment+=("GOPROXY=$(go env GOPROXY)" "GOSUMDB=$(go env GOSUMDB)" "GONOSUMDB=$(go env GONOSUMDB)")
fi

echo "tests/fresh: $suite: ${command[*]}" >&2
started=$SECONDS code=0
chroot "$root" /usr/bin/env -i "${environment[@]}" /bin/sh -c 'cd /profd && exec "$@"' sh "${command[@]}" </dev/null ||
  code=$?
echo "tests/fresh: $suite: exit $code after $((SECONDS - started)) s" >&2
exit "$code"
