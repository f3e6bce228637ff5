#!/usr/bin/env bash
# tests/tools/grpcurl.sh FOLDER: builds grpcurl, a public gRPC client, into FOLDER (once) and prints its path.
set -euo pipefail
version=v1.9.1
mkdir -p "$1"
folder=$(cd "$1" && pwd)
if [ ! -x "$folder/grpcurl" ]; then
  cd /
  GOBIN=$folder GOFLAGS=-buildvcs=false go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$version" >&2
fi
echo "$folder/grpcurl"
