#!/usr/bin/env bash
# Compiles AndroidSdk.java against the pinned SDK of build/outside/android and runs it; inside with_services.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
jars=build/outside/android
mkdir -p "$jars/classes"
javac -nowarn -d "$jars/classes" -cp "$jars/*" tests/outside/android/AndroidSdk.java tests/outside/android/android/os/*.java
backend=$(curl -fsS "$SLUICE_IDENTITY/token?subject=web&role=backend")
answer=$(curl -fsS -H "Authorization: Bearer $backend" -H 'Content-Type: application/json' \
  -d '{"grant":"photos","subject":"droid"}' "$SLUICE_HTTP/v1/tickets:issue")
ticket=$(sed -E 's/.*"ticket":"([^"]+)".*/\1/' <<< "$answer")
java -cp "$jars/classes:$jars/*" AndroidSdk "$SLUICE_HTTP/get_sts_token?ticket=$ticket"
