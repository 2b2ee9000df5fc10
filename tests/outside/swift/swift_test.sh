#!/usr/bin/env bash
# swift_test.sh ROOT: with the Swift in ROOT, reads every Swift file of clients/ios, compiles what is not for Apple's systems alone, and
# runs its tests; those against live services where tests/outside/with_services.sh has started them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
root=$1
within() { tests/outside/swift/within.sh "$root" "$@"; }

# What Linux cannot compile, such as the sample app, must at least be Swift.
mapfile -t files < <(git ls-files 'clients/ios/*.swift' ':!clients/ios/Package.swift')
(( ${#files[@]} > 20 )) || { echo "the files of clients/ios were not found"; exit 1; }
within swiftc -frontend -parse -swift-version 6 "${files[@]}"
echo "parsed ${#files[@]} files"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Foundation on Linux ends the whole process, now and then, when a transfer is cancelled at the moment it is paused
# (EasyHandle.swift: libcurl's error 43). That says nothing of our tests, so they run again; any other end counts.
for attempt in 1 2 3; do
  status=0
  within swift test --package-path clients/ios --scratch-path /tmp/sluice-ios 2>&1 | tee "$log" || status=$?
  grep -qE 'EasyHandle\.swift:[0-9]+: Fatal error: .*libcurl\.Easy Code=43' "$log" || break
  echo "attempt $attempt was ended by Foundation's own fault"
done

failed=$(grep -E '^✘ Test .* failed after' "$log" | grep -vcE '^✘ Test run with' || true)
ran=$(sed -nE 's/.*Test run with ([0-9]+) tests? (passed|failed).*/\1/p' "$log" | tail -n 1)
echo "# pass $(( ${ran:-0} - failed ))"
echo "# fail $failed"
exit "$status"
