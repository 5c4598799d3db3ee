#!/bin/sh
# Runs the official Python SDK against the simulator. Needs python3 and, the first time, PyPI.
# Usage: run.sh [PATH-OF-live-simulator]; without a path the program is built first.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
venv=$root/build/sdk-venv

if [ $# -gt 0 ]; then
    program=$1
else
    (cd "$root" && cargo build --quiet --locked --workspace)
    program=${CARGO_TARGET_DIR:-$root/target}/debug/live-simulator
fi

# The copy of the requirements is written last: an interrupted installation is repeated.
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed.txt"
fi

# Nothing of the caller's environment may reach the SDK: it reads credentials and proxies from there.
exec env -i PATH="$PATH" HOME="$venv" PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" "$here/check.py" "$program"
