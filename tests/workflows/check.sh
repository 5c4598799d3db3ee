#!/usr/bin/env bash
# Checks the workflows of .github, offline: that they are well-formed (actionlint) and give nobody more than is needed (zizmor), and that every action
# is pinned by its commit. Needs Go, Python 3 and, the first time, PyPI.
set -euo pipefail
cd "$(dirname "$0")/../.."

tests/tools/build.sh actionlint
venv=build/zizmor-venv
# The copy of the requirements is written last: an interrupted installation is repeated.
if ! cmp -s tests/workflows/requirements.txt $venv/installed.txt; then
    rm -rf $venv
    python3 -m venv $venv
    $venv/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement tests/workflows/requirements.txt
    cp tests/workflows/requirements.txt $venv/installed.txt
fi
build/bin/actionlint -shellcheck= -pyflakes= .github/workflows/*.yml
$venv/bin/zizmor --offline --quiet --persona=pedantic .github
unpinned=$(grep -hE '^ *(- )?uses: ' .github/workflows/*.yml | grep -vE 'uses: [a-zA-Z0-9/-]+@[0-9a-f]{40} # v[0-9.]+$' || true)
[[ -z $unpinned ]] || { echo "error: not pinned by a commit: $unpinned" >&2; exit 1; }
# What the workflows run is there.
while read -r target; do
    grep -q "^$target:" Makefile || { echo "error: there is no make target $target" >&2; exit 1; }
done < <(grep -hv '^ *#' .github/workflows/*.yml | grep -oE '\bmake (--silent )?[a-z/]+' | awk '{ print $NF }' | sort -u)
