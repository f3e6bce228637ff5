#!/usr/bin/env bash
# Runs the kernel tests on Debian's own kernels, 6.1 and 6.12, booted by qemu from an initramfs that holds only the
# test program and what it links. Software emulation (TCG): it needs no KVM, and a boot takes seconds.
#
#   tests/kernels/run.sh BUILD_DIR [6.1|6.12 ...]
#
# Ends with `N passed, N failed`, counting the tests of all kernels.
set -euo pipefail

build=$(cd "${1:?usage: tests/kernels/run.sh BUILD_DIR [KERNEL...]}" && pwd)
shift
kernels=("$@")
[ ${#kernels[@]} -gt 0 ] || kernels=(6.1 6.12)
cache=$build/kernels
mkdir -p "$cache"

die() { echo "tests/kernels: $*" >&2; exit 1; }

# Debian's kernel images of that series, newest first; not the cloud, real-time or unsigned ones.
image_packages() {
  apt-cache pkgnames "linux-image-$1" | grep -E "^linux-image-${1//./\\.}\.[0-9]+[-+.0-9a-z]*-amd64$" |
    grep -vE -- '-(cloud|rt)-amd64$' | sort -rV
}

fetch_kernel() {
  local series=$1 package
  [ -s "$cache/vmlinuz-$series" ] && return
  for package in $(image_packages "$series"); do
    echo "tests/kernels: downloading $package" >&2
    (cd "$cache" && apt-get download -q "$package" >/dev/null 2>&1) || continue
    dpkg-deb --fsys-tarfile "$cache/${package}"_*.deb |
      tar -x -O --wildcards './boot/vmlinuz-*' >"$cache/vmlinuz-$series.part"
    mv "$cache/vmlinuz-$series.part" "$cache/vmlinuz-$series"
    rm -f "$cache/${package}"_*.deb
    return
  done
  die "apt offers no kernel image of series $series (Debian 12 has 6.1, and 6.12 in backports: deploy/packages kernels)"
}

make_initramfs() {
  local root=$cache/root program=$build/tests/kernel/live_kernel_test library
  [ -x "$program" ] || die "$program is not built"
  rm -rf "$root"
  mkdir -p "$root"/{bin,proc,sys,dev,tmp,lib64}
  cp /bin/busybox "$root/bin/busybox"
  cp "$program" "$root/bin/live_kernel_test"
  strip --strip-debug "$root/bin/live_kernel_test"
  ldd "$program" | awk '/=> \// { print $3 } /^[[:space:]]*\/lib64/ { print $1 }' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
  cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
echo "kernel $(/bin/busybox uname -r)"
/bin/live_kernel_test --gtest_color=no
echo "live_kernel_test exit code $?"
/bin/busybox poweroff -f
INIT
  chmod +x "$root/init"
  (cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$cache/initramfs.gz"
}

passed=0 failed=0
make_initramfs
for series in "${kernels[@]}"; do
  fetch_kernel "$series"
  log=$cache/$series.log
  echo "tests/kernels: booting $series" >&2
  # One thread for all CPUs: with several, one may still run the breakpoint that the kernel puts into its own code while
  # it changes it (static keys: the first perf event of a thread), when it is not there any more. No machine does that.
  timeout 600 qemu-system-x86_64 -machine q35 -accel tcg,thread=single -cpu max -smp 2 -m 2048 -nographic -no-reboot \
    -kernel "$cache/vmlinuz-$series" -initrd "$cache/initramfs.gz" \
    -append "console=ttyS0 quiet panic=-1 tsc=unstable" </dev/null >"$log" 2>&1 || true
  grep -aE '^kernel |\[  (FAILED|PASSED)|Failure|error:' "$log" | tr -d '\r' | sed "s/^/[$series] /" || true
  ok=$(grep -acE '^\[       OK' "$log" || true)
  bad=$({ grep -aE '^\[  FAILED  \] .*\(' "$log" || true; } | sort -u | wc -l)
  if ! grep -aq 'live_kernel_test exit code' "$log"; then
    echo "[$series] the tests did not end; the console's last lines:"
    tail -n 15 "$log"
    bad=$((bad + 1))
  fi
  passed=$((passed + ok)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
