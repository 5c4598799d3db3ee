#!/usr/bin/env python3
"""Counts the instructions of a decision and of a signature, and fails where one takes over 3 % more than counts.json says.

`--record` writes what is counted there instead. Another compiler may count otherwise: the one that counted is told, too. Instructions do
not depend on what else the machine does; `make bench` tells the times. Needs valgrind.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COUNTS = ROOT / "tests" / "instructions" / "counts.json"
PROGRAM = ROOT / "target" / "bench" / "release" / "examples" / "decisions"
MORE = 1.03
# What is done before the first is taken off: so many, and as many more.
TIMES = 1000
CASES = {
    "settled": "plan() of a settled object that was looked at",
    "create": "plan() of an object to create",
    "sign": "sign() of a request",
}


def instructions(case, times):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", PROGRAM, case, str(times)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {case} failed under valgrind:\n{done.stderr}")
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def main():
    build = ["cargo", "build", "--release", "--locked", "--target-dir", "target/bench", "--example", "decisions"]
    quick = {"CARGO_PROFILE_RELEASE_LTO": "off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16"}
    subprocess.run(build, cwd=ROOT, env={**os.environ, **quick}, check=True)
    compiler = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    counted = {case: (instructions(case, 2 * TIMES) - instructions(case, TIMES)) // TIMES for case in CASES}
    if sys.argv[1:] == ["--record"]:
        COUNTS.write_text(json.dumps({"compiler": compiler, **counted}, indent=4) + "\n")
    recorded = json.loads(COUNTS.read_text())
    failed = False
    for case, what in CASES.items():
        is_more = counted[case] > recorded[case] * MORE
        failed |= is_more
        verdict = f", which is over {MORE - 1:.0%} more" if is_more else ""
        print(f"{what}: {counted[case]:,} instructions ({recorded[case]:,} recorded{verdict})")
    if failed:
        sys.exit(
            f"error: {COUNTS.name} was counted with {recorded['compiler']}, this is {compiler}; "
            "if the work is worth more, tests/instructions/run.py --record"
        )


if __name__ == "__main__":
    main()
