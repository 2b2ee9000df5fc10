#!/usr/bin/env bash
# Builds and tests the Android clients on a plain JVM; inside tests/outside/with_services.sh also against the real programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
status=0
mvn -B -nsu clean package || status=$?
# One line for whoever counts: what Maven's reports say, all modules together.
count() { sed -nE "s/^<testsuite .* $1=\"([0-9]+)\".*/\1/p" ./*/target/surefire-reports/TEST-*.xml | awk '{sum += $1} END {print sum + 0}'; }
failed=$(($(count failures) + $(count errors)))
skipped=$(count skipped)
passed=$(($(count tests) - failed - skipped))
if [ -n "${SLUICE_GATEWAY:-}" ] && (( skipped > 0 )); then
  echo "not ok - $skipped tests were skipped though the services are there"
  failed=$((failed + skipped))
  status=1
fi
echo "# pass $passed"
echo "# fail $failed"
exit "$status"
