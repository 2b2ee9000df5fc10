#!/usr/bin/env bash
# The images, without a daemon and without a registry of images: buildah.sh [TARGET...], by default all. As root. From a Debian 12 that is put
# together here from Debian's packages, in the way of debian:bookworm-slim. Everything is below build/deploy.
# buildah.sh base: that Debian alone, build/deploy/base.tar. buildah.sh run COMMAND...: buildah on these images.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
AT=$PWD/build/deploy
BASE=$AT/base.tar
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
on_images() { buildah --root "$AT/images" --runroot "$AT/run" --registries-conf /dev/null "$@"; }

if [ "${1:-}" = run ]; then
  shift
  on_images "$@"
  exit
fi

mkdir -p "$AT"
# One that an older form of this script has made is made again.
if [ ! -s "$BASE" ] || [ deploy/docker/buildah.sh -nt "$BASE" ]; then
  mmdebstrap --quiet --format=tar --variant=minbase --hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$BASE.new"
  mv "$BASE.new" "$BASE"
  on_images rmi --force localhost/sluice-base > /dev/null 2>&1 || true
fi
[ "${1:-}" != base ] || exit 0
if ! on_images inspect localhost/sluice-base > /dev/null 2>&1; then
  container=$(on_images from scratch)
  on_images add "$container" "$BASE" /
  on_images config --cmd bash "$container"
  on_images commit --rm "$container" localhost/sluice-base
fi
(( $# > 0 )) || set -- token_broker upload_gateway sandbox
for target in "$@"; do
  # --format docker, since OCI's own has no health check.
  on_images build --format docker -f deploy/docker/Dockerfile --target "$target" -t "localhost/sluice/${target//_/-}" \
    --build-arg BASE=localhost/sluice-base --build-arg "PREBUILT=${PREBUILT:-}" --build-arg "REVISION=$(git rev-parse HEAD)" .
done
