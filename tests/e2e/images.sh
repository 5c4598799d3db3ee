#!/usr/bin/env bash
# Builds the images of this source and of the release before it, which is the commit that the file `previous` names, built
# with its own lock file: build/e2e/current and build/e2e/COMMIT, which also has that release's source and so its chart.
set -euo pipefail
cd "$(dirname "$0")/../.."

image() {
    deploy/image/build.sh --repository localhost/recording-callback-operator "$@"
}

image --output build/e2e/current

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
image --source "$previous/source" --revision "$commit" --output "$previous/image"
# Only the image and the chart are needed from here on.
rm -rf "$previous/source/target"
