#!/usr/bin/env bash
# Uses the stubs of one language as an application would: `stubs.sh fetch NAME` gets its generator and libraries from their registry,
# `stubs.sh run NAME`, inside with_services.sh, generates, compiles and tests. NAME: go, java, kotlin, kotlin-lite, python or ts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
VERB=$1
NAME=$2
LANGUAGE=${NAME%-lite}
LITE=()
[ "$NAME" = "$LANGUAGE" ] || LITE=(--lite)
PROJECT=build/outside/stubs/$NAME

maven() { mvn -B -ntp -Dstyle.color=never -f "$PROJECT/pom.xml" ${LITE:+-Dlite} "$@"; }

# Needs the module of the stubs, though not yet the stubs.
fetch_go() {
  mkdir -p "$PROJECT/stubs"
  cp proto/stubs/go/stubs.mod "$PROJECT/stubs/go.mod"
  (cd "$PROJECT" && go mod download)
}
fetch_java() { maven -q org.apache.maven.plugins:maven-dependency-plugin:3.6.1:go-offline; }
fetch_kotlin() { fetch_java; }
fetch_python() { :; } # its generator's libraries are those of the stubs
fetch_ts() { (cd "$PROJECT" && npm ci --ignore-scripts --no-audit --no-fund); }

# Each of these that does not speak TAP itself closes with the two lines of it that ./dev counts.

run_go() {
  local status=0
  (cd "$PROJECT" && go test -vet=off -count=1 -v ./...) | tee "$PROJECT/test.log" || status=$?
  printf '# pass %s\n# fail %s\n' "$(grep -c '^--- PASS' "$PROJECT/test.log")" "$(grep -c '^--- FAIL' "$PROJECT/test.log")"
  return $status
}

run_java() {
  local status=0
  maven test | tee "$PROJECT/test.log" || status=$?
  # On a line of its own, since Maven's last one has no end.
  sed -nE 's/.*Tests run: ([0-9]+), Failures: ([0-9]+), Errors: ([0-9]+), Skipped: ([0-9]+)$/\1 \2 \3 \4/p' "$PROJECT/test.log" | tail -n 1 |
    awk '{print "\n# pass " ($1 - $2 - $3 - $4); print "# fail " ($2 + $3)}'
  return $status
}

run_kotlin() { run_java; }

run_python() { PYTHONPATH=$PROJECT/stubs build/generators/python/bin/python "$PROJECT/stubs_test.py"; }

run_ts() {
  (cd "$PROJECT" && node_modules/.bin/tsc --project .)
  node --test --test-reporter=tap "$PROJECT/out/stubs.test.js"
}

case $VERB in
  fetch)
    # What was fetched stays.
    mkdir -p "$PROJECT"
    cp -r "tests/outside/stubs/$LANGUAGE/." "$PROJECT/"
    proto/stubs/generate.sh fetch "$LANGUAGE"
    "fetch_$LANGUAGE"
    ;;
  run)
    rm -rf "$PROJECT/stubs"
    ./dev stubs "$LANGUAGE" "${LITE[@]}" --out "$PROJECT/stubs"
    "run_$LANGUAGE"
    ;;
  *) echo "usage: stubs.sh fetch|run NAME" >&2; exit 2 ;;
esac
