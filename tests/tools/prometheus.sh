#!/usr/bin/env bash
# tests/tools/prometheus.sh FOLDER: unpacks Debian's own Prometheus and promtool into FOLDER (once) and prints the
# folder that holds the two programs. Nothing is installed.
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
if [ ! -x "$folder/prometheus/usr/bin/promtool" ]; then
  cd "$folder"
  # From Debian 13 on promtool is a package of its own.
  packages=(prometheus)
  if apt-cache show promtool >/dev/null 2>&1; then packages+=(promtool); fi
  for package in "${packages[@]}"; do
    [ -n "$(compgen -G "${package}_*.deb")" ] || apt-get -q -o APT::Sandbox::User=root download "$package" >&2
    dpkg -x "$package"_*.deb prometheus.new >&2
  done
  mv prometheus.new prometheus
fi
echo "$folder/prometheus/usr/bin"
