#!/usr/bin/env python3
"""Draws the Grafana dashboard of deploy/monitoring without Grafana: its panels, with their titles, places, units and legends, and what
a Prometheus answered to their queries in a real run. The answers are in docs/pictures/dashboard.json, which scripts/record-dashboard.sh
writes by calling this with Prometheus' address and the run's begin and end. The same answers give the same picture."""

import html
import json
import pathlib
import re
import sys
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
DASHBOARD = ROOT / "deploy/monitoring/dashboard.json"
ANSWERS = ROOT / "docs/pictures/dashboard.json"
STEP = 3

COLUMN, ROW, GAP = 50, 27, 8
FONT, WIDE = 13, 7.2
SERIES = [("#1a7f37", "#57ab5a"), ("#0969da", "#539bf5"), ("#bc4c00", "#e0823d"), ("#cf222e", "#f47067"), ("#8250df", "#b083f0"),
          ("#9a6700", "#c69026"), ("#1b7c83", "#39c5cf"), ("#bf3989", "#e275ad"), ("#57606a", "#909dab")]
STATS = {"green": "#1a7f37", "red": "#cf222e", "orange": "#bc4c00", "blue": "#0969da"}


def panels():
    return json.loads(DASHBOARD.read_text())["panels"]


def query(target):
    """What is asked for a target: its expression for all namespaces and jobs, its short windows cut to what fits a run of minutes."""
    text = target["expr"].replace("$namespace", ".*").replace("$job", ".*")
    return re.sub(r"\[(5|10)m\]", "[30s]", text)


def ask(address, path, **parameters):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = f"{address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    return json.load(opener.open(url, timeout=30))["data"]["result"]


def number(text):
    value = float(text)
    return None if value != value else float(f"{value:.4g}")


def record(address, begin, end):
    """The answers, by query; each series has a value, or none, for each step."""
    count = (end - begin) // STEP + 1
    answers = {}
    for target in (target for panel in panels() for target in panel.get("targets", [])):
        text, found = query(target), []
        if target.get("instant"):
            for series in ask(address, "query", query=text, time=end):
                found.append({"labels": series["metric"], "values": [number(series["value"][1])]})
        else:
            for series in ask(address, "query_range", query=text, start=begin, end=end, step=STEP):
                values = {round(at - begin) // STEP: number(value) for at, value in series["values"]}
                found.append({"labels": series["metric"], "values": [values.get(step) for step in range(count)]})
        answers[text] = sorted(found, key=lambda series: sorted(series["labels"].items()))
    lines = ",\n".join(f"  {json.dumps(text)}: [{''.join(rows(found))}]" for text, found in answers.items())
    ANSWERS.write_text(f'{{"step": {STEP}, "steps": {count}, "answers": {{\n{lines}\n}}}}\n')


def rows(found):
    for place, series in enumerate(found):
        yield ("," if place else "") + "\n    " + json.dumps(series, separators=(",", ":"))


def answered(answers, target):
    """The answers to a target, each with its legend. One that was never asked makes the picture stale."""
    text = query(target)
    if text not in answers:
        raise SystemExit(f"error: docs/pictures/dashboard.json has no answer to {text}: run `make record-dashboard`")
    legend = target.get("legendFormat", "")
    return [
        (re.sub(r"{{(\w+)}}", lambda name: series["labels"].get(name[1], ""), legend).strip(), series["values"])
        for series in answers[text]
    ]


def shown(value, unit):
    """A value in its unit, as short as Grafana has it."""
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s":
        if value and abs(value) < 1:
            return f"{1000 * value:.3g} ms"
        return f"{value:.3g} s"
    if unit == "bytes":
        return f"{value / 2**20:.3g} MiB"
    return f"{value / 1000:.3g} K" if abs(value) >= 1000 else f"{value:.3g}"


def text(x, y, words, css="", more=""):
    css = f' class="{css}"' if css else ""
    return f'<text{css} x="{x:.4g}" y="{y:.4g}"{more}>{html.escape(words, quote=False)}</text>'


def frame(panel):
    place = panel["gridPos"]
    x, y = place["x"] * COLUMN + GAP / 2, place["y"] * ROW + GAP / 2
    return x, y, place["w"] * COLUMN - GAP, place["h"] * ROW - GAP


def stat(panel, answers):
    """One large value on the colour of its threshold."""
    x, y, width, height = frame(panel)
    defaults = panel["fieldConfig"]["defaults"]
    series = [one for target in panel["targets"] for one in answered(answers, target)]
    color, words = "blue", "No data"
    for legend, values in series[:1]:
        value = values[-1] or 0
        steps = defaults["thresholds"]["steps"]
        color = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
        texts = {key: to["text"] for mapping in defaults.get("mappings", []) for key, to in mapping["options"].items()}
        named = panel["options"]["textMode"] == "name"
        words = legend if named else texts.get(f"{value:g}", shown(value, defaults["unit"]))
    return [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" style="fill:{STATS[color]};stroke:none"/>',
        text(x + 10, y + 20, panel["title"], "on"),
        text(x + width / 2, y + height / 2 + 22, words, "on large", ' text-anchor="middle"'),
    ]


def nice(low, high):
    """Three to five marks of an axis that has both values."""
    if high <= low:
        high = low + 1
    size = 10.0 ** (len(f"{int((high - low) * 10**6)}") - 7)
    step = next(size * by for by in (0.1, 0.2, 0.5, 1, 2, 5, 10) if (high - low) / (size * by) <= 4)
    first = int(low // step)
    marks = [first * step]
    while marks[-1] < high - step * 1e-6:
        marks.append((first + len(marks)) * step)
    return marks


def stacked(series):
    """Each on those before it. Where there is no value of any, nobody was there to tell one."""
    steps = list(zip(*(values for _, values in series)))
    below, lines = [None if not any(value is not None for value in values) else 0.0 for values in steps], []
    for legend, values in series:
        above = [low if low is None else low + (value or 0) for low, value in zip(below, values)]
        lines.append((legend, above, below))
        below = above
    return lines


def points(values, at, height, steps):
    """Where a line goes; a gap where there is no value."""
    parts, part = [], []
    for step, value in enumerate(values):
        if value is None:
            part = []
            continue
        if not part:
            parts.append(part)
        elif steps:
            part.append((at(step), part[-1][1]))
        part.append((at(step), height(value)))
    return parts


def path(part):
    return "M" + "L".join(f"{x:.0f} {y:.1f}" for x, y in part)


def timeseries(panel, answers, count):
    x, y, width, height = frame(panel)
    defaults = panel["fieldConfig"]["defaults"]
    custom, unit = defaults["custom"], defaults["unit"]
    series = [one for target in panel["targets"] for one in answered(answers, target)]
    is_stack = custom.get("stacking", {}).get("mode") == "normal"
    lines = stacked(series) if is_stack else [(legend, values, None) for legend, values in series]
    known = [value for _, values, _ in lines for value in values if value is not None]
    size = 2**20 if unit == "bytes" else 1
    marks = [mark * size for mark in nice(min([*known, defaults.get("min", 0)]) / size, max([*known, 0]) / size)]
    left, right, top = x + 66, x + width - 12, y + 32
    bottom = y + height - 44
    at = lambda step: left + (right - left) * step / max(count - 1, 1)
    high = lambda value: bottom - (bottom - top) * (value - marks[0]) / (marks[-1] - marks[0])
    drawn = [f'<rect class="panel" x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>', text(x + 10, y + 20, panel["title"], "title")]
    for mark in marks:
        drawn.append(f'<path class="grid" d="M{left:.0f} {high(mark):.1f}H{right:.0f}"/>')
        drawn.append(text(left - 6, high(mark) + 4, shown(mark, unit), "axis", ' text-anchor="end"'))
    for minute in range((count - 1) * STEP // 60 + 1):
        drawn.append(text(at(minute * 60 / STEP), bottom + 15, f"{minute} min", "axis", ' text-anchor="middle"'))
    for place, (_, values, below) in enumerate(lines):
        color = place % len(SERIES)
        parts = points(values, at, high, custom.get("lineInterpolation") == "stepAfter")
        grounds = points(below or [], at, high, False)
        # Both have their gaps at the same steps.
        drawn += [f'<path class="f{color}" d="{path(part)}L{path(ground[::-1])[1:]}Z"/>' for part, ground in zip(parts, grounds)]
        drawn += [f'<path class="s{color}" d="{path(part)}"/>' for part in parts]
    if not series:
        drawn.append(text(x + width / 2, y + height / 2, "No data", "axis", ' text-anchor="middle"'))
    return drawn + legend([legend for legend, _ in series], x + 12, y + height - 10, x + width - 12)


def legend(names, x, y, end):
    drawn = []
    for place, name in enumerate(names):
        left = len(names) - place
        room = (end - x) / WIDE - 3 - (4 if left > 1 else 0)
        if len(name) > room and place:
            drawn.append(text(x, y, f"+ {left}", "axis"))
            break
        name = name if len(name) <= room else name[: int(room) - 1] + "…"
        drawn.append(f'<path class="s{place % len(SERIES)} key" d="M{x:.0f} {y - 4:.0f}h14"/>')
        drawn.append(text(x + 19, y, name, "axis"))
        x += 19 + len(name) * WIDE + 12
    return drawn


def table(panel, answers):
    x, y, width, height = frame(panel)
    found = [series for target in panel["targets"] for series in answered(answers, target)]
    words = f"{len(found)} rows" if found else "No data"
    return [
        f'<rect class="panel" x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>',
        text(x + 10, y + 20, panel["title"], "title"),
        text(x + width / 2, y + height / 2, words, "axis", ' text-anchor="middle"'),
        text(x + width / 2, y + height / 2 + 20, panel.get("description", ""), "axis", ' text-anchor="middle"'),
    ]


def colors(of):
    lines = []
    for place, pair in enumerate(SERIES):
        lines.append(f".s{place} {{ stroke: {pair[of]} }} .f{place} {{ fill: {pair[of]}; fill-opacity: 0.5 }}")
    return "\n    ".join(lines)


def drawn():
    """The whole dashboard. A panel of a kind that is not known here is an error, so that none is left out."""
    recorded = json.loads(ANSWERS.read_text())
    answers, count = recorded["answers"], recorded["steps"]
    body = []
    for panel in panels():
        if panel["type"] == "row":
            x, y, _, height = frame(panel)
            body.append(text(x + 4, y + height - 2, panel["title"], "row"))
        elif panel["type"] == "timeseries":
            body += timeseries(panel, answers, count)
        elif panel["type"] == "stat":
            body += stat(panel, answers)
        elif panel["type"] == "table":
            body += table(panel, answers)
        else:
            raise SystemExit(f"error: scripts/dashboard.py can't draw a panel of the type {panel['type']}")
    width, height = 24 * COLUMN, max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels()) * ROW
    style = f"""
    .page {{ fill: #f6f8fa }} .panel {{ fill: #ffffff; stroke: #d0d7de }} .grid {{ stroke: #d8dee4; stroke-width: 1 }} path {{ fill: none; stroke-width: 1.5 }}
    text {{ font: {FONT}px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }}
    .title {{ font-weight: 600 }} .row {{ font-weight: 600; font-size: 15px }} .axis {{ fill: #57606a; font-size: 12px }}
    .on {{ fill: #ffffff; font-weight: 600 }} .large {{ font-size: 30px }} .key {{ stroke-width: 4 }}
    {colors(0)}
    @media (prefers-color-scheme: dark) {{
    .page {{ fill: #0d1117 }} .panel {{ fill: #161b22; stroke: #30363d }} .grid {{ stroke: #30363d }} text {{ fill: #e6edf3 }} .axis {{ fill: #9198a1 }} .on {{ fill: #ffffff }}
    {colors(1)}
    }}
  """
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"  <style>{style}</style>", f'  <rect class="page" width="{width}" height="{height}"/>', *body, "</svg>", "",
    ])


if __name__ == "__main__":
    record(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
