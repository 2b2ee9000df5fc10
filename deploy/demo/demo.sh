#!/usr/bin/env bash
# The main job on a real picture, step by step, with the programs of build/release. Called by `./dev demo`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
BIN=$PWD/build/release/bin
RUN=$PWD/build/demo
HOST=127.0.0.1
LISTEN_HOST=127.0.0.1
ONCE=0
while [ $# -gt 0 ]; do
  case $1 in
    --once) ONCE=1 ;;
    --host) HOST=${2:?--host needs an address}; LISTEN_HOST=0.0.0.0; shift ;;
    *) echo "usage: ./dev demo [--once] [--host ADDR]" >&2; exit 2 ;;
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

title "Starting a sandbox (a local STS + OSS that checks every signature) and the token broker"
flags=()
[ "$LISTEN_HOST" = 127.0.0.1 ] || flags=(--listen "$LISTEN_HOST")
start_sandbox --oss-port "$(free_port 9000)" --sts-port "$(free_port 9001)" --identity-port "$(free_port 9003)" \
  --admin-port "$(free_port 9004)" "${flags[@]}"
BROKER_GRPC_PORT=$(free_port 50051) BROKER_HTTP_PORT=$(free_port 8080) BROKER_ADMIN_PORT=$(free_port 9090)
start_broker "$HOST"
export SLUICE_BROKER=127.0.0.1:$BROKER_GRPC_PORT SLUICE_JWT_FILE=$RUN/alice.jwt
cat > "$RUN/env" <<ENV
export PATH="$BIN:\$PATH" SLUICE_BROKER=$SLUICE_BROKER SLUICE_JWT_FILE=$SLUICE_JWT_FILE SLUICE_HTTP=http://$HOST:$BROKER_HTTP_PORT
ENV
cat <<PORTS
  sandbox  OSS http://$HOST:$OSS_PORT   STS http://$HOST:$STS_PORT   identity http://$HOST:$IDENTITY_PORT   admin http://127.0.0.1:$SANDBOX_ADMIN_PORT
  broker   gRPC $HOST:$BROKER_GRPC_PORT   HTTP http://$HOST:$BROKER_HTTP_PORT   admin http://127.0.0.1:$BROKER_ADMIN_PORT
PORTS

title "1. Alice proves who she is (a JWT of the sandbox's identity provider) and asks for a token"
mint alice > "$SLUICE_JWT_FILE"
"$BIN/sluice" token > "$RUN/token.json"
"$BIN/sluice" token --format env > "$RUN/token.env"
sed -E 's/("(access_key_secret|accessKeySecret|security_token|securityToken)" *: *")[^"]*/\1(hidden here)/' "$RUN/token.json"

title "2. She puts a real picture straight into OSS with it, and reads it back"
picture=deploy/demo/picture.png
"$BIN/sluice" upload "$picture" --to picture.png --via direct
"$BIN/sluice" download picture.png -o "$RUN/back.png"
cmp "$picture" "$RUN/back.png" || fail "the picture came back different"
echo "  read back: byte-equal ($(wc -c < "$picture") bytes)"

# Every refusal below is OSS's own answer, through the official SDK where npm has it.
title "3. The same token against Bob's prefix"
if [ -d build/outside/js/node_modules/ali-oss ]; then
  SLUICE_NODE=$PWD/build/outside/js/ SLUICE_OSS=http://127.0.0.1:$OSS_PORT SLUICE_HTTP=http://127.0.0.1:$BROKER_HTTP_PORT \
    node deploy/demo/ali_oss.cjs refused || fail "Bob's prefix was not refused"
else
  echo "  skipped: the JavaScript SDK is not installed (the npm registry did not answer)"
fi

title "4. Alice asks the broker for more than her grant"
if "$BIN/sluice" explain DELETE picture.png; then fail "the broker explained DELETE as allowed"; fi
if "$BIN/sluice" token --operations DELETE 2> "$RUN/wider.txt"; then fail "the broker issued a wider token"; fi
sed 's/^/  /' "$RUN/wider.txt"
grep -q SCOPE_NOT_GRANTED "$RUN/wider.txt" || fail "the refusal has another reason"

title "5. The official JavaScript SDK (ali-oss) with what GET /get_sts_token returns"
if [ -d build/outside/js/node_modules/ali-oss ]; then
  SLUICE_NODE=$PWD/build/outside/js/ SLUICE_OSS=http://127.0.0.1:$OSS_PORT SLUICE_HTTP=http://127.0.0.1:$BROKER_HTTP_PORT \
    node deploy/demo/ali_oss.cjs put "$picture" || fail "ali-oss could not put the picture"
else
  echo "  skipped: the JavaScript SDK is not installed (the npm registry did not answer)"
fi

title "6. The token after its end (the sandbox's clock moves 61 minutes)"
if [ -d build/outside/js/node_modules/ali-oss ]; then
  SLUICE_NODE=$PWD/build/outside/js/ SLUICE_OSS=http://127.0.0.1:$OSS_PORT SLUICE_HTTP=http://127.0.0.1:$BROKER_HTTP_PORT \
    SLUICE_SANDBOX_ADMIN=http://127.0.0.1:$SANDBOX_ADMIN_PORT node deploy/demo/ali_oss.cjs expired || fail "the expired token was not refused"
else
  echo "  skipped: the JavaScript SDK is not installed (the npm registry did not answer)"
fi

title "The demo did its job"
if (( ONCE )); then exit 0; fi
cat <<TRY
Try by hand, in another terminal:
  . build/demo/env
  sluice token
  sluice upload README.md
  sluice explain UPLOAD ../bob/x
  curl -H "Authorization: Bearer \$(cat build/demo/alice.jwt)" \$SLUICE_HTTP/get_sts_token
  curl "http://$HOST:$IDENTITY_PORT/token?subject=bob" > bob.jwt
Audit of every decision: build/demo/audit.jsonl.  Ctrl-C stops everything.
TRY
wait "${SERVICE_PIDS[@]}"
