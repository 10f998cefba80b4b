"""Checks that clang-format would change nothing; --fix lets it. Exit 77 (skipped) without clang-format 14.

Other versions lay out macros differently, so only this one judges; Debian 12 has it as clang-format.
"""

import re
import shutil
import subprocess
import sys

import tree

VERSION = "14"


def find():
    for command in (f"clang-format-{VERSION}", "clang-format"):
        if shutil.which(command) and re.search(rf"version {VERSION}\.", tree.output(command, "--version")):
            return command
    return None


def main():
    command = find()
    if not command:
        print(f"clang-format {VERSION} is not installed: skipped")
        sys.exit(77)
    sources = [str(p) for p in tree.files("src", "include", "tests", "bench", suffixes=(".c", ".h"))]
    if "--fix" in sys.argv[1:]:
        subprocess.run([command, "-i", *sources], check=True)
        return
    run = subprocess.run([command, "--dry-run", *sources], capture_output=True, text=True)
    places = sorted({line.split(":")[0] for line in run.stderr.splitlines() if "[-Wclang-format" in line})
    tree.finish([f"{place}: run `make format`" for place in places], "format")


if __name__ == "__main__":
    main()
