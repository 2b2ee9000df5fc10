# shellcheck shell=bash
# Starts the programs of build/release for the demo and for the tests that use outside clients. Sourced, not run.
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

# start_sandbox [flags]: sets OSS_PORT, STS_PORT, SANDBOX_ADMIN_PORT.
start_sandbox() {
  rm -f "$RUN/sandbox.ports"
  "$BIN/sluice-sandbox" --ports-file "$RUN/sandbox.ports" "$@" > "$RUN/sandbox.log" 2>&1 &
  SERVICE_PIDS+=($!)
  await_ports "$RUN/sandbox.ports" $! sandbox
  OSS_PORT=$(port_of "$RUN/sandbox.ports" oss)
  STS_PORT=$(port_of "$RUN/sandbox.ports" sts)
  SANDBOX_ADMIN_PORT=$(port_of "$RUN/sandbox.ports" admin)
}
