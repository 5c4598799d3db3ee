#!/usr/bin/env python3
"""Changes the code in one place at a time, as cargo-mutants does, and counts the changes that no unit test notices.

Each part is a crate of its own, made of the operator's own files: so a change costs two seconds and not half a minute. survivors.txt
lists the changes that may go unnoticed, each with its reason. Fails if another one does, if one of the list no longer does, or if of
a part more than LIMIT do. Names on the command line choose parts; without any, all are tried. What was tried is in build/mutants.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MUTANTS_BUILD", ROOT / "build"))
LISTED = ROOT / "tests" / "mutants" / "survivors.txt"
LIMIT = 0.03

# The modules that are changed, those that they need, and tests that take seconds: only what the others do not notice meets those.
PARTS = {
    "plan": (["plan"], ["terms", "api/status"], ["plan::tests::model"]),
    "platform": (["platform"], ["terms", "lock"], []),
}
LIB = """//! Made by tests/mutants/run.py.
#![allow(dead_code)]
{modules}
#[cfg(test)]
mod fuzz {{
    pub(crate) fn is_full() -> bool {{
        true
    }}
}}
"""


def make_crate(crate, modules):
    """The modules as a crate. Its dependencies are those of the operator that its sources name."""
    shutil.rmtree(crate / "src", ignore_errors=True)
    sources = lib = ""
    for module in modules:
        for source in [ROOT / "src" / f"{module}.rs", *(ROOT / "src" / module).rglob("*.rs")]:
            copy = crate / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
            sources += source.read_text()
        room, _, inner = module.partition("/")
        lib += f"pub mod {room} {{\n    pub mod {inner};\n}}\n" if inner else f"pub mod {room};\n"
    (crate / "src" / "lib.rs").write_text(LIB.format(modules=lib))
    sections = dict(re.findall(r"^\[([\w.-]+)\]\n(.*?)(?=^\[|\Z)", (ROOT / "Cargo.toml").read_text(), re.M | re.S))
    manifest = "[workspace]\n[package]\nautotests = false\n" + re.sub("default-run.*\n", "", sections["package"])
    for section in ("dependencies", "dev-dependencies"):
        lines = [line for line in sections[section].splitlines() if line]
        named = (line for line in lines if re.search(rf"\b{line.split()[0].replace('-', '_')}::", sources))
        manifest += f"[{section}]\n" + "".join(f"{line}\n" for line in named).replace('path = "', f'path = "{ROOT}/')
    # What is not changed is compiled once, and optimised: the tests are many.
    manifest += "[profile.dev]\ndebug = false\n[profile.dev.package.'*']\nopt-level = 1\n"
    (crate / "Cargo.toml").write_text(manifest)
    shutil.copy(ROOT / "Cargo.lock", crate)
    for data in ("docs", "tests"):  # that the tests read
        if not (crate / data).is_symlink():
            (crate / data).symlink_to(ROOT / data)


def try_mutants(crate, changed, of_cargo_mutants, of_tests):
    """The name of each change, without its line, by what became of it."""
    files = [f"--file=src/{module}{end}" for module in changed for end in (".rs", "/**")]
    command = [BUILD / "bin" / "cargo-mutants", "mutants", "--in-place", "--cargo-arg=--lib", "--timeout=60", *files, *of_cargo_mutants]
    # Tests by chance try the same each time, and look for no shorter example.
    by_chance = {"PROPTEST_RNG_SEED": "5", "PROPTEST_MAX_SHRINK_ITERS": "0"}
    subprocess.run([*command, "--", "--", *of_tests], cwd=crate, env={**os.environ, **by_chance})
    outcomes = json.loads((crate / "mutants.out" / "outcomes.json").read_text())["outcomes"]
    by_summary = collections.defaultdict(collections.Counter)
    for outcome in outcomes:
        if outcome["scenario"] != "Baseline":
            name = re.sub(r":\d+:\d+:", ":", outcome["scenario"]["Mutant"]["name"])
            by_summary[outcome["summary"]][name] += 1
        elif outcome["summary"] != "Success":
            sys.exit(f"error: the tests fail without a change, see {crate}/mutants.out/log")
    return by_summary


def survivors_of(part):
    """Which changes of a part no test notices, and what share of those that compile that is."""
    changed, needed, slow = PARTS[part]
    crate = BUILD / "mutants" / part
    make_crate(crate, [*changed, *needed])
    skipped = [word for test in slow for word in ("--skip", test)]
    first = try_mutants(crate, changed, [], skipped)
    count = sum(sum(first[summary].values()) for summary in ("CaughtMutant", "MissedMutant", "Timeout"))
    alive = first["MissedMutant"]
    if slow and alive:
        alive = try_mutants(crate, changed, ["--iterate"], [])["MissedMutant"]
    share, unviable = sum(alive.values()) / count, sum(first["Unviable"].values())
    print(f"{part}: {count} changes, and {unviable} that do not compile; {sum(alive.values())} go unnoticed, {share:.1%}", flush=True)
    return share, alive


def listed_survivors():
    """The changes of survivors.txt; above each is its reason, that of those above it or one of its own."""
    lines = [line for line in LISTED.read_text().splitlines() if line]
    if lines and not lines[0].startswith("#"):
        sys.exit(f"error: {LISTED.name} starts without a reason")
    return collections.Counter(line for line in lines if not line.startswith("#"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=f"one of: {', '.join(PARTS)}")
    chosen = parser.parse_args().parts or list(PARTS)
    listed, failed = listed_survivors(), False
    for part in chosen:
        share, alive = survivors_of(part)
        of_part = tuple(f"src/{module}{end}" for module in PARTS[part][0] for end in (".rs", "/"))
        expected = collections.Counter({name: times for name, times in listed.items() if name.startswith(of_part)})
        for name in sorted((alive - expected).elements()):
            print(f"error: no test notices: {name}", file=sys.stderr)
        for name in sorted((expected - alive).elements()):
            print(f"error: survivors.txt lists what a test notices, or what is no more: {name}", file=sys.stderr)
        if share > LIMIT:
            print(f"error: more than {LIMIT:.0%} of {part} goes unnoticed", file=sys.stderr)
        failed |= alive != expected or share > LIMIT
    sys.exit(failed)


if __name__ == "__main__":
    main()
