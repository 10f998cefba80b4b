"""Checks that libtrainstone.so exports what is declared TS_API, and nothing else.

usage: check_exports.py BUILD_FOLDER
"""

import pathlib
import re
import sys

import tree

# Declared with the foreign interface instead of in include/: the entry point that PJRT frameworks look up.
FOREIGN = {"GetPjrtApi"}


def declared():
    names = set(FOREIGN)
    for path in tree.files("include", suffixes=(".h",)):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        text = re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
        for declaration in re.findall(r"\bTS_API\b([^;{]*)", text):
            call = re.search(r"\b(\w+)\s*\(", declaration) or re.search(r"(\w+)(?:\[[^]]*\])?\s*$", declaration)
            names.add(call[1])
    return names


def exported(library):
    names = set()
    for line in tree.output("nm", "-D", "--defined-only", str(library)).splitlines():
        *_, kind, name = line.split()
        if kind in "TDBRVWi":
            names.add(name.split("@")[0])
    return names


def main():
    library = pathlib.Path(sys.argv[1]) / "libtrainstone.so"
    if not library.exists():
        tree.finish([f"{library}: not there; build first"], "exports")
    promised, found = declared(), exported(library)
    problems = [f"exported but not declared TS_API: {n}" for n in sorted(found - promised)]
    problems += [f"declared TS_API but not exported: {n}" for n in sorted(promised - found)]
    tree.finish(problems, f"exports of {library.name}")


if __name__ == "__main__":
    main()
