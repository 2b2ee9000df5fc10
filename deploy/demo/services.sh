# shellcheck shell=bash
# Starts sandbox, broker and gateways of build/release for the demo and for the tests that use outside clients. Sourced, not run.
# shellcheck disable=SC2034  # the ports are for the sourcing script
# Needs: BIN (folder of the programs), RUN (folder for logs and ports).

SERVICE_PIDS=()

stop_services() {
  local pid
  for pid in "${SERVICE_PIDS[@]}"; do kill -TERM "$pid" 2> /dev/null || true; done
  for pid in "${SERVICE_PIDS[@]}"; do wait "$pid" 2> /dev/null || true; done
  SERVICE_PIDS=()
}

# port_of FILE NAME: reads one port from a ports file.
port_of() { sed -nE "s/.*\"$2\" *: *([0-9]+).*/\1/p" "$1" | head -n 1; }

# await_ports FILE PID NAME: until the program has written its ports, or has ended.
await_ports() {
  local waited=0
  until [ -s "$1" ]; do
    if ! kill -0 "$2" 2> /dev/null || (( ++waited > 300 )); then
      echo "$3 did not start; its log:" >&2
      tail -n 20 "$RUN/$3.log" >&2
      return 1
    fi
    sleep 0.1
  done
}

# start_sandbox [flags]: sets OSS_PORT, STS_PORT, METADATA_PORT, IDENTITY_PORT, SANDBOX_ADMIN_PORT and SANDBOX_PASSWORD (empty on loopback).
start_sandbox() {
  rm -f "$RUN/sandbox.ports"
  "$BIN/sluice-sandbox" --ports-file "$RUN/sandbox.ports" "$@" > "$RUN/sandbox.log" 2>&1 &
  SERVICE_PIDS+=($!)
  await_ports "$RUN/sandbox.ports" $! sandbox
  OSS_PORT=$(port_of "$RUN/sandbox.ports" oss)
  STS_PORT=$(port_of "$RUN/sandbox.ports" sts)
  METADATA_PORT=$(port_of "$RUN/sandbox.ports" metadata)
  IDENTITY_PORT=$(port_of "$RUN/sandbox.ports" identity)
  SANDBOX_ADMIN_PORT=$(port_of "$RUN/sandbox.ports" admin)
  SANDBOX_PASSWORD=$(sed -nE 's/.*password for minting.*: ([0-9a-f]+)$/\1/p' "$RUN/sandbox.log")
}

# make_certificates: the broker's for its gateways, and the gateways' own, each good for a month. Each trusts the other's alone.
make_certificates() {
  local name
  [ ! -s "$RUN/gateway.crt" ] || return 0
  for name in "gateways-listener DNS:localhost,IP:127.0.0.1" "gateway URI:spiffe://sluice/gateway"; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=${name%% *}" \
      -addext "subjectAltName=${name#* }" -keyout "$RUN/${name%% *}.key" -out "$RUN/${name%% *}.crt" 2> "$RUN/openssl.log"
  done
  (umask 077 && openssl rand -base64 32 > "$RUN/upload-key")
}

# start_broker HOST LISTEN: HOST stands in what clients are told, LISTEN is bound. Needs the ports of start_sandbox; takes BROKER_GRPC_PORT,
# BROKER_HTTP_PORT and BROKER_ADMIN_PORT (0 for free ones) and sets them to what it got; GATEWAY_ADDRESS is what clients are told of the
# gateway. Its environment is in $RUN/broker.env.
start_broker() {
  rm -f "$RUN/broker.ports"
  make_certificates
  local public_url=
  [ "${BROKER_HTTP_PORT:-0}" = 0 ] || public_url="http://$1:$BROKER_HTTP_PORT"
  # A file, so that whoever wants to examine this broker (`sluice doctor`) can have what it has.
  cat > "$RUN/broker.env" << ENV
export ALIBABA_CLOUD_ACCESS_KEY_ID=SANDBOXBROKERKEYID00 ALIBABA_CLOUD_ACCESS_KEY_SECRET=sandbox-broker-secret
export SLUICE_SANDBOX_ISSUER="http://$1:$IDENTITY_PORT" SLUICE_SANDBOX_JWKS="http://127.0.0.1:$IDENTITY_PORT/jwks.json"
export SLUICE_SANDBOX_STS="http://127.0.0.1:$STS_PORT" SLUICE_SANDBOX_OSS="http://$1:$OSS_PORT"
export SLUICE_PUBLIC_URL="$public_url" SLUICE_AUDIT_FILE="$RUN/audit.jsonl"
export SLUICE_LISTEN_GRPC="$2:${BROKER_GRPC_PORT:-0}" SLUICE_LISTEN_HTTP="$2:${BROKER_HTTP_PORT:-0}"
export SLUICE_LISTEN_ADMIN="127.0.0.1:${BROKER_ADMIN_PORT:-0}" SLUICE_LISTEN_GATEWAYS="127.0.0.1:${BROKER_GATEWAYS_PORT:-0}"
export SLUICE_GATEWAYS_CERT="$RUN/gateways-listener.crt" SLUICE_GATEWAYS_KEY="$RUN/gateways-listener.key"
export SLUICE_GATEWAY_CERT="$RUN/gateway.crt" SLUICE_GATEWAY_ADDRESS="${GATEWAY_ADDRESS:-}"
ENV
  (
    . "$RUN/broker.env"
    exec "$BIN/sluice-broker" --config deploy/config/token_broker.sandbox.yaml --ports-file "$RUN/broker.ports"
  ) > "$RUN/broker.log" 2>&1 &
  SERVICE_PIDS+=($!)
  await_ports "$RUN/broker.ports" $! broker
  BROKER_GRPC_PORT=$(port_of "$RUN/broker.ports" grpc)
  BROKER_HTTP_PORT=$(port_of "$RUN/broker.ports" http)
  BROKER_ADMIN_PORT=$(port_of "$RUN/broker.ports" admin)
  BROKER_GATEWAYS_PORT=$(port_of "$RUN/broker.ports" gateways)
}

# gateway_env HOST LISTEN NAME: what a gateway of that name is configured by, as shell text.
gateway_env() {
  cat << ENV
export SLUICE_SANDBOX_ISSUER="http://$1:$IDENTITY_PORT" SLUICE_SANDBOX_JWKS="http://127.0.0.1:$IDENTITY_PORT/jwks.json"
export SLUICE_LISTEN_GRPC="$2:${GATEWAY_GRPC_PORT:-0}" SLUICE_LISTEN_HTTP="$2:${GATEWAY_HTTP_PORT:-0}"
export SLUICE_LISTEN_ADMIN="127.0.0.1:${GATEWAY_ADMIN_PORT:-0}"
export SLUICE_GATEWAYS_BROKER="127.0.0.1:$BROKER_GATEWAYS_PORT" SLUICE_GATEWAY_CA="$RUN/gateways-listener.crt"
export SLUICE_GATEWAY_CERT="$RUN/gateway.crt" SLUICE_GATEWAY_KEY="$RUN/gateway.key"
export SLUICE_UPLOAD_KEY="$(cat "$RUN/upload-key")" SLUICE_AUDIT_FILE="$RUN/$3-audit.jsonl"
ENV
}

# start_gateway HOST LISTEN [NAME]: after start_broker; takes GATEWAY_GRPC_PORT, GATEWAY_HTTP_PORT and GATEWAY_ADMIN_PORT, sets them to what
# it got, and GATEWAY_PID. All gateways share one key.
start_gateway() {
  local name=${3:-gateway}
  rm -f "$RUN/$name.ports"
  gateway_env "$1" "$2" "$name" > "$RUN/$name.env"
  (
    # shellcheck disable=SC1090  # written just now
    . "$RUN/$name.env"
    exec "$BIN/sluice-gateway" --config deploy/config/upload_gateway.sandbox.yaml --ports-file "$RUN/$name.ports"
  ) > "$RUN/$name.log" 2>&1 &
  GATEWAY_PID=$!
  echo "$GATEWAY_PID" > "$RUN/$name.pid"
  SERVICE_PIDS+=("$GATEWAY_PID")
  await_ports "$RUN/$name.ports" "$GATEWAY_PID" "$name"
  GATEWAY_GRPC_PORT=$(port_of "$RUN/$name.ports" grpc)
  GATEWAY_HTTP_PORT=$(port_of "$RUN/$name.ports" http)
  GATEWAY_ADMIN_PORT=$(port_of "$RUN/$name.ports" admin)
}

# start_page HOST LISTEN: the page of clients/web, told where everything is. After start_gateway. Takes PAGE_PORT (0 for a free one) and sets
# it to what it got.
start_page() {
  rm -f "$RUN/page.ports"
  cat > "$RUN/page.json" << JSON
{
  "brokerUrl": "http://$1:$BROKER_HTTP_PORT",
  "gatewayUrl": "http://$1:$GATEWAY_HTTP_PORT",
  "identityUrl": "http://$1:$IDENTITY_PORT",
  "ossUrl": "http://$1:$OSS_PORT",
  "grant": "editors",
  "claims": {"role": "editor"},
  "identityAsksPassword": $([ -z "$SANDBOX_PASSWORD" ] && echo false || echo true)
}
JSON
  node clients/web/serve.mjs --config "$RUN/page.json" --listen "$2" --port "${PAGE_PORT:-0}" --ports-file "$RUN/page.ports" \
    > "$RUN/page.log" 2>&1 &
  SERVICE_PIDS+=($!)
  await_ports "$RUN/page.ports" $! page
  PAGE_PORT=$(port_of "$RUN/page.ports" page)
}

# mint SUBJECT [AUDIENCE]: a JWT of the sandbox's identity provider.
mint() {
  local login=()
  [ -z "$SANDBOX_PASSWORD" ] || login=(-u "demo:$SANDBOX_PASSWORD")
  curl -fsS "${login[@]}" "http://127.0.0.1:$IDENTITY_PORT/token?subject=$1${2:+&audience=$2}"
}
