# shellcheck shell=bash
# `./dev test deep`: each group is a function group_NAME. Sourced by ./dev.

# The part of Abseil that gRPC locks with, from the sources of the installed package, compiled with the thread sanitizer into
# build/tsan-abseil/lib. Returns 1 where the sources cannot be had.
abseil_for_threads() {
  local at=$ROOT/build/tsan-abseil version source name apt flags
  version=$(dpkg-query -W -f '${source:Version}' libabsl-dev)
  [ "$(cat "$at/version" 2> /dev/null)" = "$version" ] && return
  # Where the package itself came from has its sources, which a machine seldom lists. Asked with lists of its own.
  source=$(apt-cache policy libabsl-dev | awk '/^ \*\*\*/ {here = 1; next} here && $2 ~ /:/ {split($3, of, "/"); print $2, of[1], of[2]; exit}')
  rm -rf "$at"
  mkdir -p "$at/lists/partial" "$at/cache/archives/partial" "$at/lib" build/log
  printf 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s\n' "$source" > "$at/sources.list"
  apt=(-o "Dir::Etc::sourcelist=$at/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$at/lists" -o "Dir::Cache=$at/cache")
  (cd "$at" && apt-get "${apt[@]}" update && apt-get "${apt[@]}" source --download-only "abseil=$version" &&
    dpkg-source --no-check -x abseil_*.dsc source) > build/log/tsan-abseil-source.log 2>&1 || return 1
  flags=(-S "$at/source" -B "$at/build" -G Ninja -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_CXX_COMPILER_LAUNCHER=ccache
    -DCMAKE_CXX_STANDARD=17 -DBUILD_SHARED_LIBS=ON -DCMAKE_CXX_FLAGS="-O2 -g1 -fsanitize=thread -fno-omit-frame-pointer")
  with_progress "configure Abseil for TSan" configure-tsan-abseil cmake "${flags[@]}"
  with_progress "build Abseil for TSan" build-tsan-abseil cmake --build "$at/build" -j "$JOBS" --target synchronization
  # The rest of Abseil stays as it is installed.
  for name in synchronization graphcycles_internal base malloc_internal spinlock_wait; do
    find "$at/build" -name "libabsl_$name.so.*" -exec cp -P -t "$at/lib" {} +
  done
  printf '%s\n' "$version" > "$at/version"
}

# A report makes the program's exit code 66 at its end, whatever it printed. What is suppressed is named in that file, with reasons.
UNDER_TSAN=(env "LD_LIBRARY_PATH=$ROOT/build/tsan-abseil/lib"
  "TSAN_OPTIONS=suppressions=$ROOT/tests/tsan/suppressions.txt report_atomic_races=0 exitcode=66")

# The race of tests/tsan/planted_race.cc must be reported under the very same conditions as everything else.
run_planted_race() {
  local log=build/log/test-tsan-planted_race.log status=0
  "${UNDER_TSAN[@]}" build/tsan/bin/planted_race > "$log" 2>&1 || status=$?
  if (( status == 66 )) && grep -q 'SUMMARY: ThreadSanitizer: data race .*planted_race\.cc' "$log"; then
    say "  tsan-planted_race: reported, as it must be"
    PASSED=$((PASSED + 1))
  else
    say "FAILED tsan-planted_race: a race on purpose was not reported (exit $status); see $log"
    tail -n 20 "$log"
    FAILED=$((FAILED + 1))
  fi
}

# Packages and images as their users have them: systemd is process 1 of a Debian of its own, runc runs the containers.
deep_packages() {
  if ! unshare --mount --net --pid --fork --cgroup true 2> /dev/null; then
    skip "packages and images" "needs root and namespaces of its own"
    return
  fi
  say "  A Debian 12 from its packages, for machines and as the images' base: about 70 MB and a minute the first time"
  if ! deploy/docker/buildah.sh base > build/log/debian-base.log 2>&1; then
    skip "packages and images" "Debian's archive did not answer"
    return
  fi
  make_packages
  run_suite deploy-packages python3 tests/deploy/packages_test.py
  with_progress "images" images env PREBUILT=1 deploy/docker/buildah.sh
  if outside_cloud; then
    run_suite deploy-images build/outside/cloud/bin/python tests/deploy/images_test.py
  else
    skip "images" "PyPI did not answer"
  fi
}

# The Helm chart: what it renders, then its pods, started as rendered.
deep_helm() {
  local python=build/outside/helm/python/bin/python
  mkdir -p build/log
  say "  Helm, built from its own Go module, and Kubernetes' schemas: about 200 MB and 3 minutes the first time"
  if ! outside_helm; then
    skip "Helm chart" "PyPI or the Go module proxy did not answer"
    return
  fi
  run_suite deploy-helm "$python" tests/deploy/helm/helm_test.py
  if unshare --mount --net --pid --fork true 2> /dev/null; then
    outside_nginx || skip "the ingress-nginx example" "Debian's archive did not answer"
    run_suite deploy-helm-pods "$python" tests/deploy/helm/helm_pods_test.py
  else
    skip "pods of the Helm chart" "needs root and namespaces of its own"
  fi
}

# What of the stubs is tested.
STUB_SUITES="go java kotlin kotlin-lite python ts"

# Where its generator and libraries come from.
registry_of() {
  case $1 in
    go) echo "the Go module proxy" ;;
    java | kotlin*) echo "Maven Central" ;;
    python) echo "PyPI" ;;
    ts) echo "the npm registry" ;;
  esac
}

# ROS templates, the guide that uses them, monitoring.
deep_cloud() {
  local cloud=build/outside/cloud/bin/python
  if ! outside_cloud; then
    skip "ROS templates and monitoring" "PyPI did not answer"
    return
  fi
  run_suite deploy-cloud "$cloud" tests/deploy/cloud_test.py
  run_suite deploy-guide "$cloud" tests/deploy/guide_test.py
  if outside_prometheus; then
    run_suite deploy-monitoring env PROMETHEUS=build/outside/prometheus/usr/bin tests/outside/with_services.sh "$cloud" tests/deploy/monitoring_test.py
  else
    skip "monitoring" "Debian's archive did not answer"
  fi
  # On the Debian, and with the packages, of packages_test.py.
  if [ -e build/deploy/machine.stamp ] && compgen -G "build/packages/sluice-broker_*.deb" > /dev/null; then
    run_suite deploy-quick-machine "$cloud" tests/deploy/quick_machine_test.py
  else
    skip "the quick deployment's script on a machine" "neither packages nor a Debian for them were made"
  fi
}

group_threads() {
  say "Deep group threads: the tests under TSan, also those that start gRPC; and a race on purpose, which must be found."
  need "$NEED_BUILD" "$NEED_TEST" "$NEED_THREADS"
  local suite suites=(base crypto http telemetry identity signing aliyun sandbox token_broker_rules token_broker upload_gateway_rules clients)
  if abseil_for_threads; then
    suites+=(rpc upload integration)
  else
    skip "gRPC under TSan" "Debian's sources did not answer"
  fi
  build_preset tsan "${suites[@]/%/_tests}" planted_race
  for suite in "${suites[@]/%/_tests}"; do run_suite "tsan-$suite" "${UNDER_TSAN[@]}" "build/tsan/bin/$suite"; done
  [[ " ${suites[*]} " != *" rpc "* ]] || run_planted_race
}

group_soak() {
  say "Deep group soak: 100,000 subjects ask one broker for ${SLUICE_SOAK_SECONDS:-600} s; its memory is bounded and flat."
  need "$NEED_BUILD" "cmd:openssl openssl
cmd:python3 python3"
  build_preset release sluice-broker sluice-sandbox bench-load
  SUITE_SECONDS=$((SUITE_SECONDS + ${SLUICE_SOAK_SECONDS:-600})) run_suite soak python3 -u tests/soak/broker_soak.py
  sed -n 's/^  /    /p' build/log/test-soak.log
}

group_chaos() {
  say "Deep group chaos: 500 uploads through three gateways, one of which is killed every other second; then 2,000 streams that stand still."
  need "$NEED_BUILD" "$NEED_CLIENTS" "cmd:python3 python3
py:venv python3-venv"
  build_preset release
  if outside_python; then
    run_suite chaos tests/outside/with_services.sh build/outside/python/bin/python -u tests/chaos/upload_chaos.py --uploads 500
    sed -n 's/^/    /p' build/log/test-chaos.log
    run_suite crowd tests/outside/with_services.sh build/outside/python/bin/python -u tests/chaos/upload_crowd.py
    sed -n 's/^/    /p' build/log/test-crowd.log
  else
    skip "chaos" "PyPI did not answer"
  fi
}

group_clients() {
  say "Deep group clients: stubs in six forms, our mobile clients, the Go example and the Android SDK's own classes, against the release programs."
  need "$NEED_BUILD" "$NEED_CLIENTS" "cmd:python3 python3
py:venv python3-venv
cmd:go golang-go
cmd:javac default-jdk-headless
cmd:mvn maven
cmd:unzip unzip"
  build_preset release
  if outside_android; then
    run_suite deep-android tests/outside/with_services.sh tests/outside/android/android_sdk.sh
  else
    skip "Android SDK" "Maven Central did not answer"
  fi
  if outside_kotlin; then
    run_suite deep-android-kotlin tests/outside/with_services.sh clients/android/test.sh
  else
    skip "Android clients" "Maven Central did not answer"
  fi
  local stubs
  for stubs in $STUB_SUITES; do
    if outside_stubs "$stubs"; then
      run_suite "stubs-$stubs" tests/outside/with_services.sh tests/outside/stubs/stubs.sh run "$stubs"
    else
      skip "stubs-$stubs" "$(registry_of "$stubs") did not answer"
    fi
  done
  if outside_buf; then
    run_suite proto-lint "${WITH_BUF[@]}" python3 tests/build/proto_lint_test.py
  else
    skip "proto-lint" "the npm registry did not answer"
  fi
  run_suite deep-go tests/outside/with_services.sh python3 tests/outside/go/go_example_test.py
}

group_swift() {
  say "Deep group swift: the iOS package compiled with Debian 13's Swift and tested, alone and against the release programs."
  need "$NEED_BUILD" "$NEED_CLIENTS" "cmd:mmdebstrap mmdebstrap
cmd:unshare util-linux"
  build_preset release
  if (outside_swift); then
    run_suite deep-swift tests/outside/with_services.sh tests/outside/swift/swift_test.sh build/outside/swift/root
  else
    skip "Swift" "Debian 13 did not answer"
  fi
}

group_browser() {
  say "Deep group browser: Debian's Chromium at the page of clients/web, step by step as a person would; about 3 minutes."
  need "$NEED_BUILD" "$NEED_CLIENTS" "cmd:chromium chromium"
  build_preset release
  mkdir -p build/log
  if web_page && outside_browser; then
    run_suite browser tests/outside/with_services.sh --page node --test --test-reporter=tap tests/outside/browser/page.test.mjs
  else
    skip "browser" "the npm registry did not answer"
  fi
}

group_deploy() {
  say "Deep group deploy: packages on a Debian that boots, images and compose file; the Helm chart against Kubernetes' own schemas, its pods started as rendered; the ROS templates; alerts and dashboard."
  need "$NEED_BUILD" "$NEED_CLIENTS" "cmd:python3 python3
cmd:shellcheck shellcheck
py:venv python3-venv
cmd:ip iproute2" "$NEED_PACKAGE" "$NEED_IMAGES"
  build_preset release
  deep_packages
  deep_helm
  deep_cloud
}

# ./dev test deep [GROUP]
cmd_test_deep() {
  local group
  for group in ${1:-$DEEP_GROUPS}; do
    [ "$(type -t "group_$group")" = function ] || die "no deep group named $group; there are: $DEEP_GROUPS soak" 2
    "group_$group"
  done
  finish_tests "everything of ./dev test"
}
