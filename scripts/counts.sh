#!/usr/bin/env bash
# Writes what the tests of a run counted into docs/reliability.md. Usage: make test-all 2>&1 | tee LOG; scripts/counts.sh LOG
set -euo pipefail
log=${1:?usage: scripts/counts.sh LOG}
page=$(dirname "$0")/../docs/reliability.md
counts=$(sed -n 's/^.*counted: \(.*\)$/- \1/p' "$log" | sort -u)
[[ -n $counts ]] || { echo "error: nothing was counted in $log" >&2; exit 1; }
counts=$counts awk '
    /<!-- counts -->/ { print; print ENVIRON["counts"]; skip = 1; next }
    /<!-- end of counts -->/ { skip = 0 }
    !skip { print }' "$page" >"$page.new"
mv "$page.new" "$page"
