# shellcheck shell=bash
# `./dev test`: how a suite is run and counted, and which there are. Sourced by ./dev.

PASSED=0
FAILED=0
SKIPPED=()

# No suite needs half of it, on two busy cores with a sanitizer; one that hangs must not take the rest with it.
SUITE_SECONDS=${SLUICE_SUITE_SECONDS:-900}

# Runs a command and what it starts for no longer than that. By itself `timeout` would be out of Ctrl-C's reach.
within_limit() {
  local status=0 pid
  timeout --kill-after=10 "$SUITE_SECONDS" "$@" &
  pid=$!
  trap 'kill -TERM $pid 2>/dev/null; wait $pid; exit 130' INT TERM
  wait "$pid" || status=$?
  trap - INT TERM
  return "$status"
}

# Runs one test program that prints `[  PASSED  ] N tests.` (GoogleTest) or unittest's / node's summary, and counts it.
run_suite() {
  local name=$1 log="build/log/test-$1.log" status=0 passed failed
  shift
  mkdir -p build/log
  within_limit "$@" > "$log" 2>&1 || status=$?
  (( status != 124 && status != 137 )) || say "$name did not end within $SUITE_SECONDS s and was ended; its log names the test it was at"
  passed=$(sed -nE 's/^\[  PASSED  \] ([0-9]+) tests?\..*/\1/p; s/^# pass ([0-9]+)$/\1/p; s/^Ran ([0-9]+) tests? in .*/\1/p' "$log" | tail -n 1)
  failed=$(sed -nE 's/^\[  FAILED  \] ([0-9]+) tests?, .*/\1/p; s/^# fail ([0-9]+)$/\1/p; s/^FAILED \((failures|errors)=([0-9]+).*/\2/p' "$log" | tail -n 1)
  passed=${passed:-0}
  failed=${failed:-0}
  if (( status != 0 || passed == 0 )); then
    (( failed > 0 )) || failed=1
    say "FAILED $name (exit $status, $failed failed); the end of $log:"
    grep -E 'Failure|FAILED|ERROR|not ok|Error|error' "$log" | head -n 20 || true
    tail -n 60 "$log"
  else
    say "  $name: $passed passed"
  fi
  PASSED=$((PASSED + passed))
  FAILED=$((FAILED + failed))
}

skip() { SKIPPED+=("$1 ($2)"); }

finish_tests() {
  local not_here=$1 reason
  say "$PASSED passed, $FAILED failed"
  (( FAILED == 0 )) && say "$PASSED tests passed"
  if (( ${#SKIPPED[@]} > 0 )); then
    say "skipped: ${SKIPPED[*]}"
    for reason in "${SKIPPED[@]}"; do
      if [ "${CI:-}" = true ] && ! grep -qxF "$reason" .ci/expected-skips; then
        die "skipped without a reason listed in .ci/expected-skips: $reason"
      fi
    done
  else
    say "skipped: nothing"
  fi
  say "not in this tier: $not_here"
  (( FAILED == 0 ))
}

run_outside() {
  local have_js=1 have_python=1
  say "Outside clients (the command line, then the official SDKs, against the release programs)"
  run_suite outside-cli tests/outside/with_services.sh python3 tests/outside/cli/cli_test.py
  run_suite outside-package tests/outside/with_services.sh python3 tests/outside/package/package_test.py
  outside_js || { have_js=0; skip "JavaScript SDK" "the npm registry did not answer"; }
  outside_python || { have_python=0; skip "Python SDK" "PyPI did not answer"; }
  (( have_js )) && run_suite outside-js tests/outside/with_services.sh \
    node --test --test-reporter=tap tests/outside/js/ali_oss.test.mjs tests/outside/js/forms.test.mjs
  if web_packages; then
    run_suite web npm --prefix clients/web run -s test
    run_suite web-services tests/outside/with_services.sh npm --prefix clients/web run -s test:services
  else
    skip "web client" "the npm registry did not answer"
  fi
  if outside_tus; then
    run_suite outside-tus tests/outside/with_services.sh node tests/outside/tus/run.mjs
  else
    skip "tus" "the npm registry did not answer"
  fi
  (( have_python )) && run_suite outside-python tests/outside/with_services.sh \
    build/outside/python/bin/python -m unittest discover -s tests/outside/python -p '*_test.py'
  (( have_python )) && run_suite outside-chaos tests/outside/with_services.sh \
    build/outside/python/bin/python -u tests/chaos/upload_chaos.py --uploads 50
  return 0
}

cmd_test() {
  say "Tests: installs what is missing, builds with ASan and UBSan and the release programs, runs all (at most 25 minutes cold)."
  need "$NEED_BUILD" "$NEED_TEST" "$NEED_CLIENTS"
  build_preset dev
  say "Unit and in-process integration tests"
  local binary
  for binary in build/dev/bin/*_tests; do
    run_suite "$(basename "$binary")" "$binary"
  done
  run_suite layers python3 tests/build/layers_test.py
  run_suite bench-report python3 tests/bench/report_test.py
  run_suite bench-gateway-rows python3 tests/bench/gateway_rows_test.py
  build_preset release
  run_outside
  finish_tests "deep threads (TSan), deep clients (stubs in Java, Kotlin, TypeScript, Python and Go, the mobile clients), deep chaos (500 uploads, replicas killed), deep browser (Chromium), deep deploy (chart, packages, images, templates, monitoring), deep swift (the iOS package), deep soak (memory over 10 minutes), ./dev fuzz, ./dev bench"
}
