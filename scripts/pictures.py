#!/usr/bin/env python3
"""Draws the terminals that README.md shows, as SVG for light and dark pages, from text that real runs have printed: the examples of
docs/commands.md, which tests compare with the program, and docs/pictures/demo.txt, which `make record` writes; and the dashboard, from
what `make record-dashboard` writes. The same text gives the same picture."""

import html
import pathlib
import re
import sys
import textwrap
import unicodedata

sys.dont_write_bytecode = True
import dashboard

ROOT = pathlib.Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs/pictures"
COLUMNS = 104
ADVANCE, LINE, MARGIN = 7.8, 18, 14
STYLE = """
  rect { fill: #f6f8fa; stroke: #d0d7de }
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; white-space: pre }
  .command { font-weight: bold; fill: #0550ae }
  .chapter { font-weight: bold }
  @media (prefers-color-scheme: dark) {
    rect { fill: #0d1117; stroke: #30363d }
    text { fill: #e6edf3 }
    .command { fill: #79c0ff }
  }
"""


def example(command):
    """An example of docs/commands.md: from the line with the command to the end of its block."""
    lines = (ROOT / "docs/commands.md").read_text().split("\n")
    start = next(number for number, line in enumerate(lines) if line.startswith(f"    $ recording-callback-operator {command}"))
    block = []
    for line in lines[start:]:
        if line and not line.startswith("    "):
            break
        block.append(line[4:])
    return "\n".join(block).rstrip().split("\n")


def recorded(*chapters):
    """Chapters of the demo, as it was recorded."""
    text = (PICTURES / "demo.txt").read_text()
    parts = re.split(r"^(?=\d\. )", text, flags=re.MULTILINE)
    chosen = [part.rstrip() for part in parts if part.split(".")[0] in chapters]
    return "\n\n".join(chosen).split("\n")


def drawn(lines):
    rows = []
    for line in lines:
        kind = "command" if line.startswith("$ ") else "chapter" if re.match(r"\d\. ", line) else ""
        wrapped = textwrap.wrap(line, COLUMNS, subsequent_indent="    ", drop_whitespace=False, replace_whitespace=False) or [""]
        rows += [(kind, row.rstrip()) for row in wrapped]
    width = max(sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in row) for _, row in rows)
    width, height = round(2 * MARGIN + width * ADVANCE), 2 * MARGIN + len(rows) * LINE
    texts = []
    for number, (kind, row) in enumerate(rows):
        if row:
            css = f' class="{kind}"' if kind else ""
            texts.append(f'  <text{css} x="{MARGIN}" y="{MARGIN + number * LINE + 13}" xml:space="preserve">{html.escape(row, quote=False)}</text>')
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"  <style>{STYLE}  </style>",
        f'  <rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6"/>',
        *texts, "</svg>", "",
    ])


for name, lines in {
    "healed": recorded("5"),
    "received": recorded("8"),
    "status": example("status"),
    "plan": example("plan"),
}.items():
    (PICTURES / f"{name}.svg").write_text(drawn(lines))
(PICTURES / "dashboard.svg").write_text(dashboard.drawn())
size = sum(picture.stat().st_size for picture in PICTURES.glob("*.svg"))
if size > 300_000:
    sys.exit(f"error: the pictures have {size} bytes together, and a page should load at once: 300,000 at most")
