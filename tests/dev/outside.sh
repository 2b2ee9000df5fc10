# shellcheck shell=bash
# What `./dev` takes from registries for tests and client stubs: pinned, into build/outside. Each function returns 1 where its registry does
# not answer. Sourced by ./dev.

# outside_npm NAME PACKAGE [FROM [FLAG]]: what the lock file of FROM, or of tests/outside/NAME, says; PACKAGE tells whether it is there.
outside_npm() {
  local from=${3:-tests/outside/$1} to=build/outside/$1
  mkdir -p "$to" build/log
  if ! cmp -s "$from/package-lock.json" "$to/package-lock.json" || [ ! -d "$to/node_modules/$2" ]; then
    cp "$from/package.json" "$from/package-lock.json" "$to/"
    if ! (cd "$to" && npm ci --ignore-scripts "${4:---omit=optional}" --no-audit --no-fund) > "build/log/npm-$1.log" 2>&1; then
      rm -f "$to/package-lock.json"
      return 1
    fi
  fi
}
outside_js() { outside_npm js ali-oss; }
outside_tus() { outside_npm tus tus-js-client; }
outside_browser() { outside_npm browser playwright-core; }

# The packages of clients/web. What is built with them is in clients/web/dist.
web_packages() {
  local at=clients/web
  if ! cmp -s "$at/package-lock.json" "$at/node_modules/.of-this-lock"; then
    (cd "$at" && npm ci --ignore-scripts --no-audit --no-fund) > build/log/npm-web.log 2>&1 || return 1
    cp "$at/package-lock.json" "$at/node_modules/.of-this-lock"
  fi
}

web_page() {
  web_packages || return 1
  npm --prefix clients/web run -s build > build/log/build-web.log 2>&1 || die "the page does not build; see build/log/build-web.log"
}

outside_python() {
  local from=tests/outside/python/requirements.txt to=build/outside/python
  if ! cmp -s "$from" "$to/requirements.txt"; then
    rm -rf "$to"
    python3 -m venv "$to" && "$to/bin/pip" install --quiet -r "$from" > build/log/pip.log 2>&1 || return 1
    cp "$from" "$to/requirements.txt"
  fi
}

# The seed's own packages.
outside_seed() {
  local from=tests/bench/seed/requirements.txt to=build/outside/seed
  if ! cmp -s "$from" "$to/requirements.txt"; then
    rm -rf "$to"
    python3 -m venv "$to" && "$to/bin/pip" install --quiet -r "$from" > build/log/pip-seed.log 2>&1 || return 1
    cp "$from" "$to/requirements.txt"
  fi
}

# Debian's nginx, unpacked and not installed: nobody asked for a web server that starts with the machine.
outside_nginx() {
  local to=build/outside/nginx
  if command -v nginx > /dev/null || [ -x "$to/usr/sbin/nginx" ]; then return; fi
  rm -rf "$to"
  mkdir -p "$to"
  (cd "$to" && apt-get download nginx && dpkg-deb -x nginx_*.deb . && ./usr/sbin/nginx -v) > build/log/nginx.log 2>&1
}

# Helm, the schemas of Kubernetes, Envoy.
outside_helm() {
  local status=0
  tests/deploy/helm/fetch.sh > build/log/helm.log 2>&1 || status=$?
  (( status != 75 )) || return 1
  (( status == 0 )) || { tail -n 20 build/log/helm.log >&2; die "what the chart's tests need could not be had; all of it is in build/log/helm.log"; }
}

# What reads ROS templates, and the vendor's description of ROS's resources.
outside_cloud() {
  local from=tests/deploy/requirements.txt to=build/outside/cloud
  if ! cmp -s "$from" "$to/requirements.txt"; then
    rm -rf "$to"
    python3 -m venv "$to" && "$to/bin/pip" install --quiet --no-deps -r "$from" > build/log/pip-cloud.log 2>&1 || return 1
    cp "$from" "$to/requirements.txt"
  fi
}

# Debian's Prometheus, unpacked and not installed, as nginx above.
outside_prometheus() {
  local to=build/outside/prometheus
  if [ -x "$to/usr/bin/promtool" ]; then return; fi
  rm -rf "$to"
  mkdir -p "$to"
  # Lists of packages may be older than the archive, or not there at all.
  (cd "$to" && { apt-get download prometheus || { apt-get update && apt-get download prometheus; }; } && dpkg-deb -x prometheus_*.deb . && ./usr/bin/promtool --version) > build/log/prometheus.log 2>&1
}

# buf, which holds proto/ to its rules. Its program is a package for this platform, and so optional.
outside_buf() { outside_npm buf @bufbuild/buf proto/lint --include=optional; }
# shellcheck disable=SC2034  # for ./dev and the other files
WITH_BUF=(env "PATH=$ROOT/build/outside/buf/node_modules/.bin:$PATH")

# Generator and libraries of one language's stubs. A file that is not what is pinned is no registry that does not answer.
outside_stubs() {
  local log=build/log/stubs-$1.log
  mkdir -p build/log
  if tests/outside/stubs/stubs.sh fetch "$1" > "$log" 2>&1; then return; fi
  if grep -E 'another digest|EINTEGRITY|DO NOT MATCH THE HASHES|SECURITY ERROR' "$log" >&2; then
    die "a pinned file of the stubs in $1 has another digest now; all of it is in $log"
  fi
  return 1
}

# The OSS Android SDK as its users get it, its two libraries, and Android's own classes for a plain JVM; pinned by digest.
outside_android() {
  local to=build/outside/android
  mkdir -p "$to"
  if ! (cd "$to" && sha256sum --check --status) 2> /dev/null <<< "$ANDROID_SUMS"; then
    mvn -q -B -f tests/outside/android/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
      -DoutputDirectory="$ROOT/$to" > build/log/maven.log 2>&1 || return 1
    (cd "$to" && sha256sum --check --quiet) <<< "$ANDROID_SUMS" || die "Maven Central gave a file with another digest than the one pinned in ./dev"
  fi
  unzip -qop "$to/oss-android-sdk-2.9.21.aar" classes.jar > "$to/oss-android-sdk-2.9.21.jar"
}
ANDROID_SUMS="3d3d65683c51dca2470728c73a07d5af4a69f8044483d9a5b3d7d98ded29df8e  oss-android-sdk-2.9.21.aar
e27c7742448f816da1cac72b4ca283b0d7920749e09f5dd0ac017e40714a2efe  okhttp-3.11.0.jar
4633c331f50642ebe795dc089d6a5928aff43071c9d17e7840a009eea2fe95a3  okio-1.14.0.jar
5e63d4c7f2c691afed648bf0675e0b0a76d19f0e23d93705f4faf9ed3b2734de  android-all-5.0.2_r3-robolectric-r0.jar"

# Debian 13's Swift in a folder of its own, since Debian 12 has none.
outside_swift() {
  mkdir -p build/log
  with_progress "Debian 13 with Swift (460 MB to download, 2.7 GB on disk)" swift-toolchain tests/outside/swift/toolchain.sh build/outside/swift/root
}

# What the Android clients are built with. A build that fails by itself is for its suite to tell.
outside_kotlin() {
  mvn -B -q -f clients/android/pom.xml package -DskipTests > build/log/maven-kotlin.log 2>&1 ||
    ! grep -qE 'Could not (transfer|find|resolve)|Non-resolvable|Failed to (download|resolve)' build/log/maven-kotlin.log
}
