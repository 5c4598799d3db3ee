#!/usr/bin/env python3
"""Makes of the figures that tests/bench/run.sh has measured one table, and with a directory performance.md and performance.svg in it.

Usage: tests/bench/report.py FIGURES [DIRECTORY]
"""

import collections
import datetime
import json
import math
import os
import pathlib
import platform
import subprocess
import sys

GROWTH = "growth: "
# Panels of the picture: figure, and what it is compared with.
PANELS = ["calls until all are Ready", "writes until all are Ready", "CPU until all are Ready",
          "calls of a sweep of all", "CPU of a sweep of all", "memory when settled"]
WIDTH, HEIGHT, MARGIN = 300, 200, 48


def told(value):
    """A number with three digits that count."""
    if value == 0 or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def row(figure):
    most = figure["most"]
    if most is None:
        verdict = ""
    else:
        verdict = f"{told(most)} {figure['unit']}" + ("" if figure["value"] <= most else " (missed)")
    return [figure["name"], f"{figure['objects']:,}" if figure["objects"] else "", f"{told(figure['value'])} {figure['unit']}", verdict]


def table(figures):
    rows = [["figure", "objects", "measured", "to reach, at most"]] + [row(figure) for figure in figures]
    widths = [max(len(line[column]) for line in rows) for column in range(4)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|"] + lines[1:]


def said(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[0].strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine():
    """On what it was measured: what decides the times, and no name."""
    cpu = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = int(next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal:"))) / 2**20
    version = said("cargo", "pkgid", "--offline").rpartition("#")[2].rpartition("@")[2]
    return [
        ("date", datetime.date.today().isoformat()),
        ("program", f"recording-callback-operator {version}, release build, {said('rustc', '--version')}"),
        ("Kubernetes", said("build/bin/kube", "kubectl", "version", "--client").removeprefix("Client Version: ")),
        ("machine", f"{os.cpu_count()} cores of {cpu}, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"),
    ]


def panel(name, points, unit, x, y):
    """One figure against the number of objects, both in powers of ten; dashed is what grows as the objects do."""
    left, right, top, bottom = x + MARGIN, x + WIDTH - 12, y + 30, y + HEIGHT - 34
    values = [value for _, value in points if value > 0]
    if not values:
        return []
    low, high = math.floor(math.log10(min(values))), max(math.ceil(math.log10(max(values))), math.floor(math.log10(min(values))) + 1)
    first, last = math.log10(points[0][0]), math.log10(points[-1][0])
    across = lambda objects: left + (right - left) * (math.log10(objects) - first) / ((last - first) or 1)
    up = lambda value: bottom - (bottom - top) * (math.log10(value) - low) / (high - low)
    out = [f'<text x="{left}" y="{y + 18}" class="title">{name}, {unit}</text>']
    for power in range(low, high + 1):
        out += [f'<line x1="{left}" x2="{right}" y1="{up(10**power):.1f}" y2="{up(10**power):.1f}" class="grid"/>',
                f'<text x="{left - 6}" y="{up(10**power) + 4:.1f}" class="value">{10**power:,g}</text>']
    for objects, value in points:
        out.append(f'<text x="{across(objects):.1f}" y="{bottom + 16}" class="objects">{objects:,}</text>')
    start = points[0][1] or values[0]
    end = min(points[-1][0] / points[0][0], 10**high / start)
    out.append(f'<line x1="{across(points[0][0]):.1f}" y1="{up(start):.1f}" x2="{across(points[0][0] * end):.1f}" y2="{up(start * end):.1f}" class="linear"/>')
    path = " ".join(f"{across(objects):.1f},{up(value):.1f}" for objects, value in points if value > 0)
    out.append(f'<polyline points="{path}" class="figure"/>')
    out += [f'<circle cx="{across(objects):.1f}" cy="{up(value):.1f}" r="3"/>' for objects, value in points if value > 0]
    return out


def picture(figures):
    series, units = collections.defaultdict(list), {}
    for figure in figures:
        if figure["name"].startswith(GROWTH):
            name = figure["name"].removeprefix(GROWTH)
            series[name].append((figure["objects"], figure["value"]))
            units[name] = figure["unit"]
    lines = []
    for number, name in enumerate(PANELS):
        if series[name]:
            lines += panel(name, sorted(series[name]), units[name], number % 3 * WIDTH, number // 3 * HEIGHT)
    style = ("text{font:11px sans-serif;fill:#444} .title{font-weight:bold} .value{text-anchor:end} .objects{text-anchor:middle} "
             ".grid{stroke:#ddd} .linear{stroke:#999;stroke-dasharray:4 3} .figure{fill:none;stroke:#1565c0;stroke-width:2} circle{fill:#1565c0}")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {3 * WIDTH} {2 * HEIGHT}" role="img" aria-label="Growth with the number of objects">'
    return "\n".join([head, f"<style>{style}</style>", '<rect width="100%" height="100%" fill="#fff"/>', *lines, "</svg>"]) + "\n"


PAGE = """# Performance

What the operator takes of the cloud's quota, the API server and the machine, measured on real parts: the released program, a Kubernetes
control plane, and the [simulator](../tests/simulator/README.md) of the cloud. `make bench` measures all of it and writes this page;
`make bench FIGURES=bench::time::edit` measures one figure alone (their names are in `tests/bench/run.sh`), `BENCH_SIZES="100 1000"` with other
numbers of objects. Counts are asserted by tests; times are not, since they are the machine's. What follows from the figures: [scaling.md](scaling.md).

{machine}

Everything runs on that one machine: the API server, the cloud and who applies the objects share it with the operator. CPU and memory are the
operator's own process; its allocator is set as in the Deployment.

{table}

## Growth

![Growth with the number of objects](performance.svg)

Both axes are in powers of ten; dashed is what would grow exactly as the objects do.
"""


def main():
    figures = [json.loads(line) for line in open(sys.argv[1])]
    lines = table(figures)
    print("\n".join(lines))
    if len(sys.argv) > 2:
        directory = pathlib.Path(sys.argv[2])
        told_of = "\n".join(f"- {name}: {value}" for name, value in machine())
        (directory / "performance.md").write_text(PAGE.format(machine=told_of, table="\n".join(lines)))
        (directory / "performance.svg").write_text(picture(figures))
    missed = sum(figure["most"] is not None and figure["value"] > figure["most"] for figure in figures)
    print(f"{len(figures)} figures, {missed} of them not reached")


main()
