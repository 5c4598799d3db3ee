#!/usr/bin/env python3
"""Switches off one mechanism at a time and checks that the project's own tests notice.

twins.toml names each mechanism, the piece of source that is it, what stands there when it is off, and the tests that must
fail then. The tests run in a copy of the tree with a copy of its build, so nothing here is touched. Names given on the
command line choose twins; without any, all run.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / "build" / "twins"


def copy_tree():
    """The tracked and new files as they are now, and the build as hard links: only what differs is compiled."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    shutil.rmtree(COPY, ignore_errors=True)
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, COPY / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    (COPY / "build").symlink_to(ROOT / "build")
    if (ROOT / "target" / "debug").is_dir():
        shutil.copytree(ROOT / "target" / "debug", COPY / "target" / "debug", copy_function=os.link)
        for lock in COPY.glob("target/**/.cargo*lock"):
            lock.unlink()


def cargo(tests, *more):
    command = ["cargo", "test", "--locked", *tests["of"].split(), *more]
    all_that_is_tried = {**os.environ, "TEST_EXTENT": "full"}
    return subprocess.run(command, cwd=COPY, env=all_that_is_tried, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def names(tests):
    return ["--", *tests["named"]]


def check(twins):
    """The text of each mechanism must be there exactly once, so that a twin can't grow stale unseen."""
    stale = [twin for twin in twins if (ROOT / twin["file"]).read_text().count(twin["on"]) != 1]
    for twin in stale:
        print(f"error: {twin['name']}: its text is not exactly once in {twin['file']}; mend tests/twins/twins.toml", file=sys.stderr)
    if stale:
        raise SystemExit(1)


def switch(twin):
    """The file with the mechanism off, and its text as it was."""
    path = COPY / twin["file"]
    text = path.read_text()
    path.write_text(text.replace(twin["on"], twin["off"]))
    return path, text


def verdict(twin):
    """None when the tests notice; else what is wrong."""
    path, text = switch(twin)
    try:
        built = cargo(twin["tests"], "--no-run")
        if built.returncode != 0:
            return "does not compile:\n" + built.stderr
        run = cargo(twin["tests"], *names(twin["tests"]))
        if run.returncode == 0:
            return "NOT noticed by " + ", ".join(twin["tests"]["named"])
        if "test result: FAILED" not in run.stdout:
            return "ended without a verdict:\n" + run.stderr[-2000:]
        failed = sorted({line.split()[1] for line in run.stdout.splitlines() if line.startswith("test ") and line.endswith("FAILED")})
        print(f"noticed      {twin['name']}: {', '.join(failed[:3])}{' and more' if len(failed) > 3 else ''}", flush=True)
        return None
    finally:
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="twins to run; all without any")
    parser.add_argument("--check", action="store_true", help="only check that each mechanism is still where it was")
    arguments = parser.parse_args()
    chosen = arguments.names
    twins = tomllib.loads((ROOT / "tests/twins/twins.toml").read_text())["twin"]
    unknown = set(chosen) - {twin["name"] for twin in twins}
    if unknown:
        raise SystemExit(f"error: no such twin: {', '.join(sorted(unknown))}")
    twins = [twin for twin in twins if not chosen or twin["name"] in chosen]
    check(twins)
    if arguments.check:
        return
    copy_tree()
    tests = {}
    for twin in twins:
        tests.setdefault(twin["tests"]["of"], set()).update(twin["tests"]["named"])
    for of, named in sorted(tests.items()):
        whole = cargo({"of": of}, *names({"named": sorted(named)}))
        if whole.returncode != 0:
            raise SystemExit(f"error: with everything switched on these tests fail already:\n{whole.stdout[-3000:]}{whole.stderr[-2000:]}")
    problems = {twin["name"]: problem for twin in twins if (problem := verdict(twin))}
    for name, problem in problems.items():
        print(f"error: {name}: {problem}", file=sys.stderr)
    print(f"{len(twins) - len(problems)} of {len(twins)} mechanisms have a test that fails without them")
    raise SystemExit(bool(problems))


main()
