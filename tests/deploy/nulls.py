#!/usr/bin/env python3
"""Holds a chart to "what is null is as if it were absent": renders it with null for each key of each map in the given values, and without
that key, and compares. The chart has no values of its own: Helm would take the nulls away, which parent charts and kept values bring in.

nulls.py HELM CHART VALUES...
"""

import copy
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# What no file in ci/ has, or not beside the rest.
MORE = {
    "affinity": {"podAntiAffinity": {}},
    "dashboard": {"enabled": True, "labels": {"grafana_dashboard": "1"}},
    "extraArgs": ["--leader-elect=true"],
    "helmTest": {"enabled": True},
    "resources": {"limits": {"cpu": 1}},
    "serviceMonitor": {"enabled": False},
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
}


def main(helm, chart, *files):
    with tempfile.TemporaryDirectory() as work:
        values = merged(as_json(helm, files, Path(work)), MORE)
        cases = list(paths(values))
        code, _, said = rendered(helm, chart, values)
        if code != 0 or len(cases) < 150:
            sys.exit(f"error: with {len(cases)} keys the chart is to be rendered: {said}")

        def differs(path):
            return rendered(helm, chart, put(values, path)) != rendered(helm, chart, without(values, path))

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            verdicts = list(pool.map(differs, cases))
    found = [".".join(path) for path, verdict in zip(cases, verdicts) if verdict]
    print(f"{len(cases)} keys", *(f"null is not as if it were absent: {path}" for path in found), sep="\n")
    sys.exit(bool(found))


def as_json(helm, files, work):
    """The values of files in YAML, one over the other, as Helm reads them."""
    (work / "templates").mkdir()
    (work / "Chart.yaml").write_text("{apiVersion: v2, name: values, version: 0.0.0}")
    (work / "templates/values.yaml").write_text("json: {{ .Values | toJson | quote }}")
    arguments = [argument for file in files for argument in ("--values", file)]
    text = subprocess.run([helm, "template", work, *arguments], check=True, capture_output=True, text=True).stdout
    return json.loads(json.loads(text[text.index("json: ") + len("json: ") :]))


def rendered(helm, chart, values):
    done = subprocess.run([helm, "template", "release", chart, "--values", "-"], input=json.dumps(values), capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def paths(values, above=()):
    for key, value in values.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from paths(value, (*above, key))


def put(values, path):
    changed = copy.deepcopy(values)
    parent(changed, path)[path[-1]] = None
    return changed


def without(values, path):
    changed = copy.deepcopy(values)
    del parent(changed, path)[path[-1]]
    return changed


def parent(values, path):
    for key in path[:-1]:
        values = values[key]
    return values


def merged(one, other):
    maps = isinstance(one, dict) and isinstance(other, dict)
    return {**one, **{key: merged(one.get(key), value) for key, value in other.items()}} if maps else other


main(*sys.argv[1:])
