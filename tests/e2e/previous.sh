#!/usr/bin/env bash
# Builds the image of the release before this one, once, from the commit that the file `previous` names, with its own lock
# file: build/e2e/COMMIT.tar, and beside it its source, in which its chart is.
set -euo pipefail
cd "$(dirname "$0")/../.."

commit=$(<tests/e2e/previous)
source=build/e2e/$commit
archive=$source.tar
if [[ -f $archive ]]; then
    echo "previous release: up to date"
    exit
fi
git cat-file -e "$commit" 2>/dev/null || {
    echo "error: the previous release, commit $commit, is not in this clone: git fetch --unshallow" >&2
    exit 1
}
rm -rf "$source"
mkdir -p "$source"
git archive "$commit" | tar -x -C "$source"
