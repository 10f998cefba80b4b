"""Checks rules of the whole tree: names, sizes, characters, guards, and no open ends."""

import collections
import re

import tree

MAX_LINES = 800
MAX_COLUMNS = 120  # of Python; clang-format holds C to its own limit
# Spelled in two halves, so that this file passes its own check.
OPEN_ENDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
TEXT = (".c", ".h", ".def", ".py", ".sh", ".txt", ".cmake", ".toml", ".md", ".trn", ".mlir")


def unique_names():
    places = collections.defaultdict(list)
    for path in tree.files("src", "include", suffixes=tree.CODE):
        places[path.name].append(tree.name(path))
    return [f"one file name, several places: {', '.join(p)}" for p in places.values() if len(p) > 1]


def guard_of(path):
    parts = path.relative_to(tree.ROOT).parts
    return "_".join(("TS", *parts[1:])).upper().replace(".", "_").replace("-", "_")


def check_file(path):
    problems, where = [], tree.name(path)
    try:
        text = path.read_bytes().decode("ascii")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        return [f"{where}:{line}: not ASCII"]
    lines = text.splitlines()
    if path.suffix in (".c", ".h", ".py", ".sh") and len(lines) > MAX_LINES:
        problems.append(f"{where}: {len(lines)} lines, at most {MAX_LINES}")
    for number, line in enumerate(lines, 1):
        if OPEN_ENDS.search(line):
            problems.append(f"{where}:{number}: an open end belongs in an issue or an `assumed` row")
        if "\t" in line and path.suffix in (".c", ".h", ".def", ".py"):
            problems.append(f"{where}:{number}: tab")
        if path.suffix == ".py" and len(line) > MAX_COLUMNS:
            problems.append(f"{where}:{number}: {len(line)} columns, at most {MAX_COLUMNS}")
    if text and not text.endswith("\n"):
        problems.append(f"{where}: no newline at the end")
    if path.suffix == ".h" and not re.search(rf"^#ifndef {guard_of(path)}\n#define {guard_of(path)}$", text, re.M):
        problems.append(f"{where}: the header guard must be {guard_of(path)}")
    if path.suffix in (".c", ".h") and not text.startswith("/*"):
        problems.append(f"{where}: starts with one sentence on what the file is")
    return problems


def unrun_tests():
    """Python tests that no CMake file lists, so that nothing runs them."""
    tests = tree.ROOT / "tests"
    known = "".join(path.read_text() for path in tests.glob("*.cmake")) if tests.exists() else ""
    return [f"{tree.name(path)}: no ts_pytest in tests/*.cmake runs it" for path in sorted(tests.glob("*/test_*.py"))
            if not re.search(rf"ts_pytest\({path.parent.name}/{path.stem}\b", known)]


def main():
    problems = unique_names() + unrun_tests()
    folders = ("src", "include", "tests", "tools", "python", "examples", "bench", "docs", ".ci")
    for path in tree.files(*(f for f in folders if (tree.ROOT / f).exists()), suffixes=TEXT):
        problems += check_file(path)
    for page in sorted(tree.ROOT.glob("*.md")) + [tree.ROOT / "CMakeLists.txt"]:
        problems += check_file(page)
    tree.finish(problems, "tree")


if __name__ == "__main__":
    main()
