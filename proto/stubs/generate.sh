#!/usr/bin/env bash
# Generates the stubs of the public packages. Called by `./dev stubs`, which has installed what comes from Debian.
#
#   generate.sh fetch LANG             the generators that Debian has not, into build/generators; pinned by the files beside this script
#   generate.sh LANG OUT [--lite]      fetches, then replaces OUT
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROTO=${HERE%/*}
TOOLS=${PROTO%/*}/build/generators

die() { printf 'stubs: %s\n' "$1" >&2; exit 1; }

# What a client speaks; `config` and `upload_gateway` are the services' own.
SERVICES=$(cd "$PROTO" && find sluice/token sluice/upload -name '*.proto' | LC_ALL=C sort)
# The mark on secret fields. Of no use to the lite runtime of Java, which has no descriptors to carry it.
OPTIONS=sluice/options/v1/field_options.proto
# Only where the language's gRPC library does not bring these messages itself: twice in one program they clash.
GOOGLE_RPC="google/rpc/error_details.proto google/rpc/status.proto"

# same A B: whether what was fetched is what is pinned now.
same() { cmp -s "$1" "$2"; }

fetch_java() {
  local to=$TOOLS/java os
  os=linux-$(uname -m | sed 's/aarch64/aarch_64/')
  grep -q "$os" "$HERE/java/SHA256SUMS" || die "Maven Central's generators are pinned for linux-x86_64 and linux-aarch_64, this is $os"
  if ! same "$HERE/java/SHA256SUMS" "$to/SHA256SUMS"; then
    rm -rf "$to"
    mvn -q -B -f "$HERE/java/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
      -Dos="$os" -DexcludeTransitive=true -DoutputDirectory="$to"
    (cd "$to" && sha256sum --check --quiet --ignore-missing "$HERE/java/SHA256SUMS") ||
      die "Maven Central gave a file with another digest than the one pinned in proto/stubs/java/SHA256SUMS"
    chmod +x "$to"/*.exe
    printf '#!/bin/sh\nexec java -jar "%s" "$@"\n' "$to"/protoc-gen-grpc-kotlin-*.jar > "$to/protoc-gen-grpc-kotlin"
    chmod +x "$to/protoc-gen-grpc-kotlin"
    cp "$HERE/java/SHA256SUMS" "$to/"
  fi
}

fetch_kotlin() { fetch_java; }

fetch_go() {
  mkdir -p "$TOOLS/go"
  (cd "$HERE/go" && GOFLAGS='-mod=readonly -buildvcs=false' go build -o "$TOOLS/go/" \
    google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc)
}

fetch_python() {
  local to=$TOOLS/python
  if ! same "$HERE/python/requirements.txt" "$to/requirements.txt"; then
    rm -rf "$to"
    python3 -m venv "$to"
    "$to/bin/pip" install --quiet --require-hashes -r "$HERE/python/requirements.txt"
    cp "$HERE/python/requirements.txt" "$to/"
  fi
}

fetch_ts() {
  local to=$TOOLS/ts
  mkdir -p "$to"
  if ! same "$HERE/ts/package-lock.json" "$to/node_modules/package-lock.json"; then
    cp "$HERE/ts/package.json" "$HERE/ts/package-lock.json" "$to/"
    (cd "$to" && npm ci --ignore-scripts --no-audit --no-fund)
    cp "$HERE/ts/package-lock.json" "$to/node_modules/"
  fi
}

# Debian has these; the Swift package generates on the machine that builds it.
fetch_cpp() { :; }
fetch_swift() { :; }

# Each takes the folder to fill.

generate_cpp() {
  # shellcheck disable=SC2086  # here and below: lists of words
  protoc -I "$PROTO" --cpp_out="$1" --grpc_out="$1" --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" $SERVICES $OPTIONS $GOOGLE_RPC
}

# maven_protoc FLAG... FILE...: the compiler and the plugins that match the Java runtime, which Debian's do not.
maven_protoc() {
  local at=$TOOLS/java
  "$(echo "$at"/protoc-[0-9]*.exe)" -I "$PROTO" -I /usr/include --plugin=protoc-gen-grpc-kotlin="$at/protoc-gen-grpc-kotlin" \
    --plugin=protoc-gen-grpc-java="$(echo "$at"/protoc-gen-grpc-java-*.exe)" "$@"
}

generate_java() {
  local options=$OPTIONS
  [ -z "$LITE" ] || options=$GOOGLE_RPC
  # shellcheck disable=SC2086
  maven_protoc --java_out="${LITE:+lite:}$1" --grpc-java_out="${LITE:+lite:}$1" $SERVICES $options
}

# Two source roots: Gradle compiles no Java in the one of Kotlin.
generate_kotlin() {
  mkdir -p "$1/java" "$1/kotlin"
  generate_java "$1/java"
  # shellcheck disable=SC2086
  maven_protoc --kotlin_out="${LITE:+lite:}$1/kotlin" --grpc-kotlin_out="$1/kotlin" $SERVICES
}

# A module of its own, since the import paths in the files are those of `go_package`.
generate_go() {
  local module=github.com/sluice/sluice/gen
  # shellcheck disable=SC2086
  protoc -I "$PROTO" --go_out="$1" --go_opt=module=$module --go-grpc_out="$1" --go-grpc_opt=module=$module \
    --plugin="$TOOLS/go/protoc-gen-go" --plugin="$TOOLS/go/protoc-gen-go-grpc" $SERVICES $OPTIONS
  cp "$HERE/go/stubs.mod" "$1/go.mod"
}

generate_python() {
  # shellcheck disable=SC2086
  "$TOOLS/python/bin/python" -m grpc_tools.protoc -I "$PROTO" --python_out="$1" --pyi_out="$1" --grpc_python_out="$1" $SERVICES $OPTIONS
}

generate_ts() {
  # shellcheck disable=SC2086
  protoc -I "$PROTO" --es_out="$1" --es_opt=target=ts,import_extension=js \
    --plugin=protoc-gen-es="$TOOLS/ts/node_modules/.bin/protoc-gen-es" $SERVICES $OPTIONS $GOOGLE_RPC
}

generate_swift() {
  local file sources=$1/Sources/SluiceStubs
  mkdir -p "$sources"
  cp "$HERE/swift/Package.swift" "$1/"
  cp "$HERE/swift/grpc-swift-proto-generator-config.json" "$HERE/swift/SluiceStubs.swift" "$sources/"
  for file in $SERVICES $OPTIONS; do install -D -m 644 "$PROTO/$file" "$sources/$file"; done
}

if [ "${1:-}" = fetch ] && [ $# -eq 2 ]; then
  "fetch_$2"
  exit
fi
[ $# -ge 2 ] || die "usage: generate.sh LANG OUT [--lite]"
LANGUAGE=$1
OUT=$(realpath -m "$2")
LITE=${3:-}
"${BASH_SOURCE[0]}" fetch "$LANGUAGE" || die "the generator of $LANGUAGE could not be fetched; what its registry's client said is above"
# Only a folder of stubs is ever replaced.
if [ -e "$OUT" ] && [ -n "$(ls -A "$OUT")" ] && [ ! -e "$OUT/.sluice-stubs" ]; then
  die "$2 is not empty and was not made by ./dev stubs; name another folder"
fi
rm -rf "$OUT"
mkdir -p "$OUT"
touch "$OUT/.sluice-stubs"
"generate_$LANGUAGE" "$OUT"
