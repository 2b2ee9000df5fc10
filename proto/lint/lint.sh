#!/usr/bin/env bash
# Holds proto/ to the rules of buf.yaml, and to its last release: what would break a client fails. Needs `buf` on PATH, and no network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
status=0
buf lint proto || status=1
if release=$(git describe --tags --abbrev=0 --match 'v[0-9]*' --exclude '*-*' 2> /dev/null); then
  before=$(mktemp -d)
  trap 'rm -rf "$before"' EXIT
  git archive "$release" proto | tar -x -C "$before"
  if buf breaking proto --against "$before/proto"; then
    echo "proto: breaks nothing of $release"
  else
    echo "proto: breaks clients of $release"
    status=1
  fi
else
  echo "proto: no release is tagged (vX.Y.Z) in this history, so it was compared with nothing"
fi
exit $status
