"""Shared by the checks of the tree: the repository's folder, its files, and reporting."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = (".c", ".h", ".def")


def files(*folders, suffixes=None):
    """Files under the folders, sorted, without hidden folders, caches and build outputs."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            parts = path.relative_to(ROOT).parts
            if any(part.startswith(".") or part == "__pycache__" or part.endswith(".egg-info") for part in parts):
                continue
            if path.is_file() and (suffixes is None or path.suffix in suffixes):
                found.append(path)
    return found


def name(path):
    return str(path.relative_to(ROOT))


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def finish(problems, what):
    """Prints every problem and ends the program, with status 0 when there is none."""
    for problem in problems:
        print(problem)
    print(f"{what}: {len(problems)} problem(s)")
    sys.exit(1 if problems else 0)
