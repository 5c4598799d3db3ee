#!/usr/bin/env bash
# Builds the program of a released version, which tests/deploy/released names, where it was not built yet, and prints its path:
# program.sh VERSION
#
# Like this version's own tests, it is built without optimization, with the lock file of its release.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$1

fail() {
    echo "error: $*" >&2
    exit 1
}

commit=$(sed -n "s/^$version //p" tests/deploy/released)
[[ -n $commit ]] || fail "tests/deploy/released names no version $version"
directory=build/released/$version
program=$PWD/$directory/recording-callback-operator
if [[ ! -x $program ]]; then
    git cat-file -e "$commit" 2>/dev/null || fail "version $version, commit $commit, is not in this clone: git fetch --unshallow"
    rm -rf "$directory"
    mkdir -p "$directory/source"
    git archive "$commit" | tar -x -C "$directory/source"
    CARGO_TARGET_DIR=$PWD/build/released/target cargo build --quiet --locked --manifest-path "$directory/source/Cargo.toml" \
        --bin recording-callback-operator >&2
    mv build/released/target/debug/recording-callback-operator "$program"
    rm -rf "$directory/source"
fi
echo "$program"
