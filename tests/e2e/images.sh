#!/usr/bin/env bash
# Builds what the end-to-end tests run: the program of this source, in build/e2e/current, of which they make a release; and the image of the
# release before it, which is the commit that the file `previous` names, built with its own lock file: build/e2e/COMMIT, which also has that
# release's source and so its chart.
set -euo pipefail
cd "$(dirname "$0")/../.."

[[ $(uname -m) == aarch64 ]] && machine=arm64 || machine=amd64
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
program=$(scripts/build-static.sh linux/$machine)
rm -rf build/e2e/current
mkdir -p build/e2e/current
cp "$program" "build/e2e/current/recording-callback-operator-$version-linux-$machine"

commit=$(<tests/e2e/previous)
previous=build/e2e/$commit
if [[ -f $previous/image/recording-callback-operator.tar ]]; then
    echo "previous release: up to date"
    exit
fi
git cat-file -e "$commit" 2>/dev/null || {
    echo "error: the release before this one, commit $commit, is not in this clone: git fetch --unshallow" >&2
    exit 1
}
rm -rf "$previous"
mkdir -p "$previous/source"
git archive "$commit" | tar -x -C "$previous/source"
deploy/image/build.sh --repository localhost/recording-callback-operator --source "$previous/source" --revision "$commit" --output "$previous/image"
# Only the image and the chart are needed from here on.
rm -rf "$previous/source/target"
