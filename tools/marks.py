"""Replaces the part of a page between two marks, which a tool writes."""

import sys


def replace(path, begin, text, end):
    """Puts the text between the page's two marks."""
    page = path.read_text()
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        sys.exit(f"{path}: needs the lines {begin} and {end}, once each")
    before, rest = page.split(begin)
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")
