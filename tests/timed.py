#!/usr/bin/env python3
"""Runs a `cargo test`, shows its output as it comes, and ends with the slowest tests and one line that says how it went.

--shuffle runs the tests in another order each time; it prints the seed, and SHUFFLE_SEED repeats an order.
"""

import os
import re
import subprocess
import sys
import time

RESULT = re.compile(r"^test (?P<name>\S+)(?: - .*)? \.\.\. (?P<result>ok|FAILED|ignored)\b.*?(?:<(?P<took>[\d.]+)s>)?$")
# A test that is faster is nobody's trouble.
SLOW = 0.5
# So many tests run at once, also on fewer cores.
FEWEST_THREADS = 4


def started(arguments):
    shuffled = "--shuffle" in arguments
    arguments = [argument for argument in arguments if argument != "--shuffle"]
    cargo, _, own = " ".join(arguments).partition(" -- ")
    # Flags of the test programs that a stable toolchain keeps back, unless they are told so at run time. Cargo must not see it: it
    # would build everything anew.
    flags = ["-Z", "unstable-options", "--report-time"]
    if shuffled:
        seed = os.environ.get("SHUFFLE_SEED")
        flags += ["--shuffle-seed", seed] if seed else ["--shuffle"]
    version = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    host = re.search(r"^host: (.*)$", version, re.MULTILINE)[1].upper().replace("-", "_")
    environment = {**os.environ, f"CARGO_TARGET_{host}_RUNNER": "env RUSTC_BOOTSTRAP=1"}
    # The tests of whole programs mostly wait.
    environment.setdefault("RUST_TEST_THREADS", str(max(FEWEST_THREADS, os.cpu_count() or 1)))
    command = [*cargo.split(), "--", *own.split(), *flags]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")


def duration(seconds):
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def ended(results, took, code):
    """The last lines."""
    times = sorted(((float(seconds), name) for name, result, seconds in results if seconds), reverse=True)
    slowest = [(seconds, name) for seconds, name in times[: len(times) // 10] if seconds >= SLOW]
    if slowest:
        yield f"\nThe slowest of {len(times)} tests:"
        yield from (f"{seconds:8.1f} s  {name}" for seconds, name in slowest)
    failed = [name for name, result, _ in results if result == "FAILED"]
    passed = sum(result == "ok" for _, result, _ in results)
    if failed:
        yield f"\n{len(failed)} of {passed + len(failed)} tests failed, why is told above: {', '.join(failed)}. One alone: cargo test {failed[0]}"
    elif code:
        yield f"\nNot all tests were run: what ended them is told above. {passed} passed until then."
    else:
        yield f"\nAll {passed} tests passed, in {duration(took)}."


def main():
    began, results = time.monotonic(), []
    tests = started(sys.argv[1:])
    for line in tests.stdout:
        print(line, end="", flush=True)
        if found := RESULT.match(line):
            results.append((found["name"], found["result"], found["took"]))
    code = tests.wait()
    for line in ended(results, time.monotonic() - began, code):
        print(line, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
