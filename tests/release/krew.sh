#!/usr/bin/env bash
# Checks that Krew takes the manifest of a release, and installs the plugin from the archive that it names: by Krew's own rules, without
# a network.
#
#   krew.sh DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/../.."

release=$1
tests/tools/build.sh krew
KREW_ROOT=$(mktemp -d)
export KREW_ROOT
trap 'rm -rf "$KREW_ROOT"' EXIT
[[ $(uname -m) == aarch64 ]] && machine=arm64 || machine=amd64
for archive in "$release"/*-linux-$machine.tar.gz; do
    build/bin/krew install --manifest "$release/krew-rcb.yaml" --archive "$archive" 2>"$KREW_ROOT/said" || { cat "$KREW_ROOT/said" >&2; exit 1; }
done
[[ $("$KREW_ROOT/bin/kubectl-rcb" --help) == *"kubectl rcb"* ]]
