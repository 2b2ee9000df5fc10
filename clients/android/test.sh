#!/usr/bin/env bash
# Builds and tests the Android clients on a plain JVM; inside tests/outside/with_services.sh also against the real programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
built=../../build/android
rm -rf "$built"/*/surefire-reports
status=0
mvn -B -nsu package || status=$?
# Whatever Maven did to the colours, the line that counts begins a line.
echo

# For whoever counts: what the reports of all modules say, of `tests`, `failures`, `errors` or `skipped`.
count() { { cat "$built"/*/surefire-reports/TEST-*.xml 2> /dev/null || true; } | sed -nE "s/.*<testsuite .* $1=\"([0-9]+)\".*/\1/p" | awk '{sum += $1} END {print sum + 0}'; }
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
