#!/bin/sh
# The compiler as build-static.sh has cargo call it, for build scripts and macros too: what it makes does not depend on where
# this repository and the crates lie.
exec "$@" "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" "--remap-path-prefix=$(cd "$(dirname "$0")/.." && pwd)=/source"
