#!/usr/bin/env bash
# The sandbox's part of the main job, on a real picture and with the official JavaScript SDK. Called by `./dev demo`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2034  # for services.sh
BIN=$PWD/build/release/bin
RUN=$PWD/build/demo
ONCE=0
while [ $# -gt 0 ]; do
  case $1 in
    --once) ONCE=1 ;;
    *) echo "usage: ./dev demo [--once]" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$RUN"
# shellcheck source=services.sh
. deploy/demo/services.sh
trap 'stop_services' EXIT
trap 'echo; echo "Stopping."; exit 130' INT
trap 'exit 143' TERM

title() { printf '\n== %s\n' "$*"; }
fail() { printf 'The demo did not go as it should: %s\nLogs: %s\n' "$*" "$RUN" >&2; exit 1; }
free_port() {  # free_port WANTED: the port itself, or 0 when somebody has it (and says who)
  local owner
  if (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; then
    owner=$(ss -Hltnp "sport = :$1" 2> /dev/null | sed -nE 's/.*users:\(\("([^"]+)",pid=([0-9]+).*/\1, pid \2/p' | head -n 1)
    echo "  port $1 is taken (${owner:-owner unknown}); using a free one" >&2
    echo 0
  else
    echo "$1"
  fi
}
step() { node deploy/demo/ali_oss.cjs "$@" || fail "step $1"; }

title "Starting the sandbox: a local STS + OSS that checks every signature and every policy"
start_sandbox --oss-port "$(free_port 9000)" --sts-port "$(free_port 9001)" --admin-port "$(free_port 9004)"
export SLUICE_NODE=$PWD/build/outside/js/ SLUICE_OSS=http://127.0.0.1:$OSS_PORT SLUICE_STS=http://127.0.0.1:$STS_PORT
export SLUICE_SANDBOX_ADMIN=http://127.0.0.1:$SANDBOX_ADMIN_PORT
echo "  OSS $SLUICE_OSS   STS $SLUICE_STS   admin $SLUICE_SANDBOX_ADMIN"

if [ ! -d build/outside/js/node_modules/ali-oss ]; then
  echo "  The npm registry did not answer, so the official SDK is not here; only the start was shown."
else
  title "1. A token for alice: AssumeRole with a session policy that reaches only uploads/alice/"
  step token
  title "2. The picture goes into OSS with it and comes back"
  step put deploy/demo/picture.png
  title "3. The same token against Bob's prefix"
  step refused
  title "4. The token after its end (the sandbox's clock moves 61 minutes)"
  step expired
fi

title "The demo did its job"
if (( ONCE )); then exit 0; fi
echo "Key of the sandbox's RAM user: SANDBOXBROKERKEYID00 / sandbox-broker-secret (public constants). Move its clock:"
echo "  curl -X POST '$SLUICE_SANDBOX_ADMIN/clock?advance=55m'"
echo "Ctrl-C stops everything."
wait "${SERVICE_PIDS[@]}"
