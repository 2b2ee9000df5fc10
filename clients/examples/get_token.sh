#!/usr/bin/env bash
# A token for all of the caller's prefix, as JSON. Needs SLUICE_HTTP (the broker) and SLUICE_JWT_FILE (the caller's proof).
set -euo pipefail
curl -fsS -H "Authorization: Bearer $(tr -d '\n' < "$SLUICE_JWT_FILE")" "$SLUICE_HTTP/get_sts_token"
