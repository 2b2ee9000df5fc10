#!/usr/bin/env bash
# Runs a command beside a fresh sandbox, broker and upload gateway (release programs, free ports); their addresses are in the command's environment.
# with_services.sh [--page] CMD...: --page serves clients/web/dist/page as well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2034  # for services.sh
BIN=$PWD/build/release/bin
RUN=$(mktemp -d)
# shellcheck source=../../deploy/demo/services.sh
. deploy/demo/services.sh
trap 'stop_services; rm -rf "$RUN"' EXIT

start_sandbox --oss-port 0 --sts-port 0 --metadata-port 0 --identity-port 0 --admin-port 0
start_broker 127.0.0.1 127.0.0.1
start_gateway 127.0.0.1 127.0.0.1
export SLUICE_BIN=$BIN SLUICE_RUN=$RUN SLUICE_NODE=$PWD/build/outside/js/ SLUICE_BROWSER_NODE=$PWD/build/outside/browser/
export SLUICE_OSS=http://127.0.0.1:$OSS_PORT SLUICE_STS=http://127.0.0.1:$STS_PORT
export SLUICE_IDENTITY=http://127.0.0.1:$IDENTITY_PORT SLUICE_SANDBOX_ADMIN=http://127.0.0.1:$SANDBOX_ADMIN_PORT
export SLUICE_HTTP=http://127.0.0.1:$BROKER_HTTP_PORT SLUICE_BROKER=127.0.0.1:$BROKER_GRPC_PORT
export SLUICE_GATEWAY=127.0.0.1:$GATEWAY_GRPC_PORT SLUICE_GATEWAY_HTTP=http://127.0.0.1:$GATEWAY_HTTP_PORT
if [ "$1" = --page ]; then
  shift
  start_page 127.0.0.1 127.0.0.1
  export SLUICE_PAGE=http://127.0.0.1:$PAGE_PORT/
fi
"$@"
