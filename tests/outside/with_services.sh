#!/usr/bin/env bash
# Runs a command beside a fresh sandbox (release program, free ports); its addresses are in the command's environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2034  # for services.sh
BIN=$PWD/build/release/bin
RUN=$(mktemp -d)
# shellcheck source=../../deploy/demo/services.sh
. deploy/demo/services.sh
trap 'stop_services; rm -rf "$RUN"' EXIT

start_sandbox --oss-port 0 --sts-port 0 --admin-port 0
export SLUICE_NODE=$PWD/build/outside/js/
export SLUICE_OSS=http://127.0.0.1:$OSS_PORT SLUICE_STS=http://127.0.0.1:$STS_PORT
export SLUICE_SANDBOX_ADMIN=http://127.0.0.1:$SANDBOX_ADMIN_PORT
"$@"
