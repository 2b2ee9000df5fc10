#!/usr/bin/env bash
# The main job on a real picture, step by step, with the programs of build/release. Called by `./dev demo`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
BIN=$PWD/build/release/bin
RUN=$PWD/build/demo
HOST=127.0.0.1
ONCE=0
while [ $# -gt 0 ]; do
  case $1 in
    --once) ONCE=1 ;;
    --host)
      HOST=${2:-}
      [[ $HOST =~ ^[A-Za-z0-9.-]+$ ]] || { echo "demo: --host needs an address, such as 192.168.1.20" >&2; exit 2; }
      shift
      ;;
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
# Whether a server can bind a port. A connection that was made from it, even one that has ended in the last minute, keeps servers off too.
bindable() { perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(LocalAddr => "0.0.0.0", LocalPort => shift, ReuseAddr => 1, Listen => 1)' "$1"; }
free_port() {  # free_port WANTED: the port itself, or 0 when it cannot be had (and says who has it)
  local owner
  if bindable "$1"; then
    echo "$1"
    return
  fi
  owner=$(ss -Hltnp "sport = :$1" 2> /dev/null | sed -nE 's/.*users:\(\("([^"]+)",pid=([0-9]+).*/\1, pid \2/p' | head -n 1)
  echo "  port $1 is taken (${owner:-owner unknown}); using a free one" >&2
  echo 0
}
# start_all HOST LISTEN: both programs on their usual ports, or on those they had before.
start_all() {
  start_sandbox --listen "$2" --public-host "$1" --oss-port "${OSS_PORT:-$(free_port 9000)}" \
    --sts-port "${STS_PORT:-$(free_port 9001)}" --metadata-port "${METADATA_PORT:-$(free_port 9002)}" \
    --identity-port "${IDENTITY_PORT:-$(free_port 9003)}" --admin-port "${SANDBOX_ADMIN_PORT:-$(free_port 9004)}"
  BROKER_GRPC_PORT=${BROKER_GRPC_PORT:-$(free_port 50051)}
  BROKER_HTTP_PORT=${BROKER_HTTP_PORT:-$(free_port 8080)}
  BROKER_ADMIN_PORT=${BROKER_ADMIN_PORT:-$(free_port 9090)}
  FIRST_GATEWAY=${FIRST_GATEWAY:-$(free_port 50052)}
  FIRST_GATEWAY_HTTP=${FIRST_GATEWAY_HTTP:-$(free_port 8081)}
  FIRST_GATEWAY_ADMIN=${FIRST_GATEWAY_ADMIN:-$(free_port 9091)}
  # shellcheck disable=SC2034  # for services.sh
  GATEWAY_ADDRESS=$1:$FIRST_GATEWAY
  # shellcheck disable=SC2034
  [ "$FIRST_GATEWAY" != 0 ] || GATEWAY_ADDRESS=
  start_broker "$1" "$2"
  GATEWAY_GRPC_PORT=$FIRST_GATEWAY GATEWAY_HTTP_PORT=$FIRST_GATEWAY_HTTP GATEWAY_ADMIN_PORT=$FIRST_GATEWAY_ADMIN
  start_gateway "$1" "$2"
  FIRST_GATEWAY=$GATEWAY_GRPC_PORT FIRST_GATEWAY_HTTP=$GATEWAY_HTTP_PORT FIRST_GATEWAY_ADMIN=$GATEWAY_ADMIN_PORT FIRST_GATEWAY_PID=$GATEWAY_PID
  cat << PORTS
  sandbox  OSS http://$1:$OSS_PORT   STS http://$1:$STS_PORT   metadata http://$1:$METADATA_PORT   identity http://$1:$IDENTITY_PORT   admin http://$1:$SANDBOX_ADMIN_PORT
  broker   gRPC $1:$BROKER_GRPC_PORT   HTTP http://$1:$BROKER_HTTP_PORT   admin http://127.0.0.1:$BROKER_ADMIN_PORT
  gateway  gRPC $1:$FIRST_GATEWAY   tus http://$1:$FIRST_GATEWAY_HTTP/files/   admin http://127.0.0.1:$FIRST_GATEWAY_ADMIN
PORTS
  # `./dev demo` builds it where the npm registry answers.
  if [ -f clients/web/dist/page/index.html ]; then
    PAGE_PORT=${PAGE_PORT:-$(free_port 9005)}
    start_page "$1" "$2"
    echo "  page     http://$1:$PAGE_PORT/"
  fi
}
# The official SDK's steps; OSS's own answers.
sdk() {
  if [ ! -d build/outside/js/node_modules/ali-oss ]; then
    echo "  skipped: the JavaScript SDK is not here, the npm registry did not answer"
    return
  fi
  SLUICE_NODE=$PWD/build/outside/js/ SLUICE_OSS=http://127.0.0.1:$OSS_PORT SLUICE_HTTP=http://127.0.0.1:$BROKER_HTTP_PORT \
    SLUICE_SANDBOX_ADMIN=http://127.0.0.1:$SANDBOX_ADMIN_PORT node deploy/demo/ali_oss.cjs "$@" || fail "step $1"
}

title "Starting a sandbox (a local STS + OSS that checks every signature), the token broker and the upload gateway"
start_all 127.0.0.1 127.0.0.1
export SLUICE_BROKER=127.0.0.1:$BROKER_GRPC_PORT SLUICE_JWT_FILE=$RUN/alice.jwt

title "1. Alice proves who she is (a JWT of the sandbox's identity provider) and asks for a token"
mint alice > "$SLUICE_JWT_FILE"
"$BIN/sluice" token | sed -E 's/("(accessKeySecret|securityToken)": *")[^"]*/\1(not shown)/'

title "2. She puts a real picture straight into OSS with such a token, and reads it back"
picture=deploy/demo/picture.png
"$BIN/sluice" upload "$picture" --via direct
"$BIN/sluice" download picture.png -o "$RUN/back.png" --force
cmp "$picture" "$RUN/back.png" || fail "the picture came back different"
echo "  byte-equal"

title "3. The official JavaScript SDK (ali-oss) with what GET /get_sts_token returns"
sdk put "$picture"

title "4. Alice's token against Bob's prefix: OSS refuses"
sdk refused

title "5. Alice asks the broker for more than her grant: the broker refuses"
if "$BIN/sluice" token --operations DELETE > /dev/null 2> "$RUN/wider.txt"; then fail "a wider token was issued"; fi
sed 's/^/  /' "$RUN/wider.txt"
grep -q SCOPE_NOT_GRANTED "$RUN/wider.txt" || fail "the refusal has another reason"
if "$BIN/sluice" token --path ../bob/ > /dev/null 2> "$RUN/bob.txt"; then fail "a token for Bob was issued"; fi
sed 's/^/  /' "$RUN/bob.txt"

title "6. A file through the upload gateway, which holds no key; its process is killed midway, and a second replica goes on"
GATEWAY_GRPC_PORT=0 GATEWAY_HTTP_PORT=0 GATEWAY_ADMIN_PORT=0
start_gateway 127.0.0.1 127.0.0.1 gateway-2
mint alice sluice-gateway > "$RUN/alice.gateway.jwt"
export SLUICE_GATEWAY=127.0.0.1:$FIRST_GATEWAY,127.0.0.1:$GATEWAY_GRPC_PORT SLUICE_GATEWAY_JWT_FILE=$RUN/alice.gateway.jwt
head -c 200000000 /dev/urandom > "$RUN/large"
rm -f "$RUN/killed"
"$BIN/sluice" upload "$RUN/large" --via gateway 2>&1 | while IFS= read -r line; do
  echo "  $line"
  # At the first word of it being under way: steps of a quarter may be told as 26 %.
  if [ ! -e "$RUN/killed" ] && [[ $line =~ ^\ *([0-9]+)%\ of ]] && (( BASH_REMATCH[1] > 0 && BASH_REMATCH[1] < 100 )); then
    kill -KILL "$FIRST_GATEWAY_PID" && echo "  (SIGKILL to the first gateway, pid $FIRST_GATEWAY_PID)" && touch "$RUN/killed"
  fi
done
[ -e "$RUN/killed" ] || fail "the first gateway was not killed midway"
{ wait "$FIRST_GATEWAY_PID"; } 2> /dev/null || true
"$BIN/sluice" download large -o "$RUN/large.back" --force 2> /dev/null
cmp "$RUN/large" "$RUN/large.back" || fail "the file came back different"
rm -f "$RUN/large" "$RUN/large.back"
echo "  byte-equal"

title "7. A token after its end (the sandbox's clock moves 61 minutes): OSS refuses"
sdk expired

title "8. The page for browsers: sign in, upload in four ways, pause, resume, thumbnails"
if [ -n "${PAGE_PORT:-}" ]; then
  curl -fsS "http://127.0.0.1:$PAGE_PORT/" | grep -q '<title>Sluice' || fail "the page is not served"
  echo "  served at http://127.0.0.1:$PAGE_PORT/"
else
  echo "  skipped: the page was not built, the npm registry did not answer"
fi

title "The demo did its job"
if (( ONCE )); then exit 0; fi
# Afresh: the clock is right again, and with --host everything is bound to and named by that address.
stop_services
if [ "$HOST" = 127.0.0.1 ]; then start_all 127.0.0.1 127.0.0.1; else start_all "$HOST" 0.0.0.0; fi
[ -z "$SANDBOX_PASSWORD" ] || echo "  password for minting and for the sandbox's admin port: $SANDBOX_PASSWORD"
mint alice > "$SLUICE_JWT_FILE"
mint alice sluice-gateway > "$SLUICE_GATEWAY_JWT_FILE"
cat > "$RUN/env" << ENV
export SLUICE_GATEWAY=127.0.0.1:$FIRST_GATEWAY SLUICE_GATEWAY_JWT_FILE=$SLUICE_GATEWAY_JWT_FILE
export PATH="$BIN:\$PATH" SLUICE_BROKER=127.0.0.1:$BROKER_GRPC_PORT SLUICE_JWT_FILE=$SLUICE_JWT_FILE SLUICE_HTTP=http://$HOST:$BROKER_HTTP_PORT SLUICE_IDENTITY=http://$HOST:$IDENTITY_PORT
ENV
[ -z "${PAGE_PORT:-}" ] || echo "Open http://$HOST:$PAGE_PORT/ in a browser."
cat << TRY
Try by hand, in another terminal (alice's JWT lasts an hour):
  . build/demo/env
  sluice token
  sluice upload README.md$( [ "$HOST" = 127.0.0.1 ] || echo " --allow-http")
  sluice upload README.md --via gateway
  sluice explain DELETE README.md
  curl "\$(sluice sign-url README.md)"      one request as a URL
  sluice ticket                             an address for an OSS mobile SDK
  sluice prove --as alice --against bob --grant editors --claim role=editor
  curl -H "Authorization: Bearer \$(cat build/demo/alice.jwt)" \$SLUICE_HTTP/get_sts_token
  (. build/demo/broker.env && sluice doctor --config deploy/config/token_broker.sandbox.yaml)
Audit of every decision: build/demo/audit.jsonl.  Ctrl-C stops everything.
TRY
wait "${SERVICE_PIDS[@]}"
