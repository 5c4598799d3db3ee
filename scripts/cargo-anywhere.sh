#!/bin/sh
# cargo as build-static.sh has cargo-auditable call it. The path of that tool would become part of the symbols' names, and so
# change the program; its bare name is everywhere the same.
PATH="$(cd "$(dirname "$0")/.." && pwd)/build/bin:$PATH"
RUSTC_WORKSPACE_WRAPPER=cargo-auditable
export PATH RUSTC_WORKSPACE_WRAPPER
exec cargo "$@"
