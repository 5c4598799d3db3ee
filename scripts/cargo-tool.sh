#!/usr/bin/env bash
# Installs a tool of the project into build/bin, once, in the version that is named here: cargo-tool.sh NAME
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)/build

tool=$1
case $tool in
    cargo-auditable) version=0.7.7 ;;
    cargo-cyclonedx) version=0.5.9 ;;
    cargo-deny) version=0.20.2 ;;
    cargo-mutants) version=27.1.0 ;;
    *) echo "error: unknown tool '$tool'" >&2 && exit 1 ;;
esac
if [[ -x $root/bin/$tool ]] && grep -qsF "\"$tool $version " "$root/.crates.toml"; then
    exit
fi
echo "$tool $version: building from source" >&2
# Not optimized: it runs for a second or two.
CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root "$root" --version "=$version" "$tool" >&2
