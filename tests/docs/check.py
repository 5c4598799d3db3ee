#!/usr/bin/env python3
"""Checks that every relative link in a Markdown file leads somewhere: to a file, and to a heading where it names one; and that
README.md leads to every page in docs/. Code is left out, as are links to other sites."""

import pathlib
import re
import subprocess
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.*?)\s*$", re.MULTILINE)


def pages():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    return sorted(page for name in filter(None, listed.split("\0")) if (page := ROOT / name).is_file())


def anchors(text):
    """The anchors that GitHub makes of the headings: a repeated one gets a number."""
    found = set()
    for heading in HEADING.findall(FENCED.sub("", text)):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        number, unique = 0, anchor
        while unique in found:
            number += 1
            unique = f"{anchor}-{number}"
        found.add(unique)
    return found


def links(text):
    # A span of code may be the text of a link, but holds none.
    for link in LINK.findall(SPAN.sub("code", FENCED.sub("", text))):
        if not urllib.parse.urlsplit(link).scheme:
            yield link


def resolve(page, link):
    """The file that a link leads to, or what is wrong with it."""
    path, _, anchor = link.partition("#")
    target = (page.parent / urllib.parse.unquote(path)).resolve() if path else page
    if not target.exists():
        return None, "leads nowhere"
    if not target.is_relative_to(ROOT):
        return None, "leads out of the repository"
    if anchor and (target.suffix != ".md" or anchor not in anchors(target.read_text())):
        return None, "names a heading that is not there"
    return target, None


def check(every):
    """How many links there are, and what is wrong with them."""
    problems, leads, count = [], {}, 0
    for page in every:
        for link in links(page.read_text()):
            count += 1
            target, problem = resolve(page, link)
            if problem:
                problems.append(f"{page.relative_to(ROOT)}: {link} {problem}")
            else:
                leads.setdefault(page, set()).add(target)
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page not in reached:
            reached.add(page)
            todo.extend(leads.get(page, ()))
    unreached = [page for page in every if page.parent == ROOT / "docs" and page not in reached]
    problems += [f"{page.relative_to(ROOT)}: no link leads there from README.md" for page in unreached]
    return count, problems


def main():
    every = pages()
    count, problems = check(every)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    print(f"{count} links in {len(every)} pages, {len(problems)} problems")
    raise SystemExit(bool(problems) or count == 0)


main()
