#!/usr/bin/env python3
"""Prints the crates that a program or a bill of materials names, one "NAME VERSION" a line: crates.py FILE

Of a program, it is the list that cargo auditable has put into its section .dep-v0.
"""

import json
import subprocess
import sys
import tempfile
import zlib


def of_program(path):
    with tempfile.NamedTemporaryFile() as section:
        subprocess.run(["objcopy", "--dump-section", f".dep-v0={section.name}", path, "/dev/null"], check=True)
        listed = json.loads(zlib.decompress(section.read()))
    return listed["packages"]


def of_bill(path):
    with open(path, encoding="utf-8") as file:
        bill = json.load(file)
    if (bill["bomFormat"], bill["specVersion"]) != ("CycloneDX", "1.5"):
        sys.exit(f"error: {path} is no CycloneDX 1.5")
    return [bill["metadata"]["component"], *bill["components"]]


path = sys.argv[1]
for crate in sorted({(crate["name"], crate["version"]) for crate in (of_bill if path.endswith(".json") else of_program)(path)}):
    print(*crate)
