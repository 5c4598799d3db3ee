#!/usr/bin/env bash
# Says in a sentence what is missing or too old of what a make target needs: need.sh [rust] [go] [python] [cc] [valgrind]
#
# The versions are stated once, where the tools themselves read them: Rust's in Cargo.toml, Go's in the go.mod files, Python's here.
set -euo pipefail
cd "$(dirname "$0")/.."

python=3.9
rust=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
go=$(git ls-files '*go.mod' '*go-*.mod' | xargs sed -n 's/^go \([0-9.]*\)$/\1/p' | sort -V | tail -n 1)

# need TOOL COMMAND VERSION PRESENT: fails unless the command is there, in this version or a newer one.
need() {
    if [[ -z $4 ]]; then
        echo "error: $1 is missing: install $1 ${3:+$3 or newer }and put '$2' on PATH" >&2
        exit 1
    fi
    if [[ $(printf '%s\n' "$3" "$4" | sort -V | head -n 1) != "$3" ]]; then
        echo "error: $1 is too old: $3 or newer is needed, '$2' is $4" >&2
        exit 1
    fi
}
version_of() {
    "$@" 2>/dev/null | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1 || true
}
for tool in "$@"; do
    case $tool in
        rust) need Rust rustc "$rust" "$(version_of rustc --version)" ;;
        # An older Go fetches the one that it needs, unless it is told not to.
        go) [[ $(go env GOTOOLCHAIN 2>/dev/null) == auto* ]] || need Go go "$go" "$(version_of go version)" ;;
        python) need Python python3 "$python" "$(version_of python3 --version)" ;;
        valgrind) need Valgrind valgrind 3 "$(version_of valgrind --version)" ;;
        cc) need "a C compiler" cc 4 "$(version_of cc -dumpfullversion -dumpversion)" ;;
        *) echo "error: unknown tool '$tool'" >&2; exit 2 ;;
    esac
done
