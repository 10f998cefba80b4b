#!/usr/bin/env python3
"""Does what docs/tutorial.md tells its reader to do: makes its files, runs its commands, compares what they print.

    tools/tutorial.py           each command must succeed and begin with the line that the page shows, but for numbers
    tools/tutorial.py --write   put what is printed now into the page

Only the first line is compared, because what follows are figures of one version of the compiler.

A block that begins with ```python FILE is a file. In a ```console block a line that begins with "$ " is a
command and what follows is its output. Commands run in an empty folder that has build/ and .venv/ as a clone
has after `make`.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = [ROOT / "docs/tutorial.md"]
BLOCK = re.compile(r"^```(console|python \S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 300


def headline(text):
    """The first line without its numbers and units, which differ between versions."""
    line = text.split("\n", 1)[0]
    return " ".join(re.sub(r"[-+]?\d[\d.,]*(e[-+]?\d+)?( ?([mun]?s|[KMG]iB|%)\b)?", "#", line).split())


def run(command, folder):
    """What the command prints, including errors, and its exit status."""
    done = subprocess.run(["bash", "-c", command], cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          timeout=SECONDS, env={**os.environ, "NO_COLOR": "1"})
    return done.stdout, done.returncode


def commands(body):
    """Pairs of a command and the output that the page shows; a line that ends with \\ continues on the next."""
    pairs = []
    for line in body.splitlines(keepends=True):
        if line.startswith("$ "):
            pairs.append([line[2:], ""])
        elif pairs and not pairs[-1][1] and pairs[-1][0].endswith("\\\n"):
            pairs[-1][0] += line
        else:
            pairs[-1][1] += line
    return pairs


def follow(page, build, venv):
    """The page with the present output of its commands, and a list of differences in words."""
    differences = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "build").symlink_to(build)
        (folder / ".venv").symlink_to(venv)

        def block(match):
            kind, body = match.group(1), match.group(2)
            if kind != "console":
                (folder / kind.split()[1]).write_text(body)
                return match.group(0)
            text = ""
            for command, shown in commands(body):
                printed, status = run(command, folder)
                if status:
                    differences.append(f"$ {command}exits with {status}\n{printed}")
                elif headline(printed) != headline(shown):
                    differences.append(f"$ {command}the page shows\n{shown}but it prints\n{printed}")
                text += f"$ {command}{printed}"
            return f"```console\n{text}```"

        return BLOCK.sub(block, page), differences


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put what is printed now into the page")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / ".venv")
    options = parser.parse_args()
    failed = False
    for path in PAGES:
        today, differences = follow(path.read_text(), options.build.resolve(), options.venv.resolve())
        if options.write:
            path.write_text(today)
            continue
        failed |= bool(differences)
        for difference in differences:
            print(f"{path.name}: {difference}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
