#!/usr/bin/env bash
# Writes krew-rcb.yaml into a release: the manifest of the plugin `kubectl rcb` for Krew, for the platforms whose archives are there.
#
#   krew.sh DIRECTORY
#
# SOURCE_URL is where the source can be read, and its releases are downloaded from.
set -euo pipefail
cd "$(dirname "$0")/.."

release=$1
name=recording-callback-operator
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
source_url=${SOURCE_URL:-https://git.example.com/$name}
{
    sed "/^#/d; s|vVERSION|v$version|; s|SOURCE_URL|$source_url|" deploy/krew/rcb.yaml
    for machine in amd64 arm64; do
        archive=$release/$name-$version-linux-$machine.tar.gz
        [[ -f $archive ]] || continue
        cat <<EOF
    - selector:
        matchLabels:
          os: linux
          arch: $machine
      uri: $source_url/releases/download/v$version/${archive##*/}
      sha256: $(sha256sum <"$archive" | cut -d' ' -f1)
      bin: $name
EOF
    done
} >"$release/krew-rcb.yaml"
