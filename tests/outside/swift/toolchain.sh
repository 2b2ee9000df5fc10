#!/usr/bin/env bash
# toolchain.sh ROOT: makes ROOT a Debian 13 with its Swift (6.0.3), since Debian 12 has none; about 460 MB to download, 2.7 GB on disk.
set -euo pipefail
root=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ ! -e "$root.ready" ] || exit 0
rm -rf --one-file-system "$root"
mkdir -p "$(dirname "$root")"
mmdebstrap --variant=apt --aptopt='APT::Install-Recommends "false"' \
  --include=swiftlang,swiftlang-dev,libc6-dev,libstdc++-14-dev,ca-certificates,git,tzdata trixie "$root"
rm -rf "$root"/var/cache/apt/archives/*.deb
"$here/within.sh" "$root" swift --version
touch "$root.ready"
