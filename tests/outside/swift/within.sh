#!/usr/bin/env bash
# within.sh ROOT COMMAND...: runs a command in ROOT, with this repository at /sluice, which it cannot write to; this machine's network and
# environment are its own. What is mounted for it ends with it.
set -euo pipefail
[ "$(id -u)" = 0 ] || exec sudo -E "${BASH_SOURCE[0]}" "$@"
SLUICE_ROOT=$(cd "$1" && pwd)
SLUICE_REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
export SLUICE_ROOT SLUICE_REPOSITORY
shift
# shellcheck disable=SC2016  # for the inner shells
exec unshare --mount bash -euc '
  mount --rbind /proc "$SLUICE_ROOT/proc"
  mount --rbind /dev "$SLUICE_ROOT/dev"
  mkdir -p "$SLUICE_ROOT/sluice"
  mount --bind "$SLUICE_REPOSITORY" "$SLUICE_ROOT/sluice"
  mount -o remount,bind,ro "$SLUICE_ROOT/sluice"
  export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/tmp
  exec chroot "$SLUICE_ROOT" bash -euc "cd /sluice && exec \"\$@\"" within "$@"' within "$@"
