"""Runs public NKI kernels, unmodified, on Trainstone: with inputs of our own, against NumPy where a reference is known.

usage: nki_kernels.py FOLDER [--only TEXT] [--rows CSV] [--table docs/conformance.md] [--verbose]
FOLDER holds the checkouts: aws-neuron-sdk, sdk-v2.26.1 (its tag v2.26.1), nki-samples, nki-samples-8370e11 and
nki-samples-7af4e4d (two commits of its history), nki-library, asst4-trainium, asst4-trainium2, KLR. Each
kernel runs in a process of its own. With --table the results replace the part of the page between its two
marks.

With --rows, CSV lists kernels (corpus, file, kernel, min_arch, duplicates), and the rate by its rows is told too: a row
has run when all cases of its kernel have, or of a duplicate; a row of AWS's tests of the API, when the tests that call
it pass.
"""

import argparse
import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import marks
import nki_suite

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- nki kernels -->", "<!-- end of nki kernels -->"
ROWS_BEGIN, ROWS_END = "<!-- nki rows -->", "<!-- end of nki rows -->"
LIMIT_SECONDS = 300
# checkout for each corpus that a list of kernels names
CHECKOUTS = {"docs-examples": "aws-neuron-sdk", "docs-examples@v2.26.1": "sdk-v2.26.1", "docs-test": "aws-neuron-sdk",
             "nki-samples@ref(c4b806e^)": "nki-samples-8370e11", "nki-samples@legacy(8370e11^)": "nki-samples-7af4e4d",
             "cs149-2024": "asst4-trainium", "cs149-2025": "asst4-trainium2"}


def run_case(folder, number, python):
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as scratch:  # some kernels write programs to the current or the home folder
            done = subprocess.run([*python, str(HERE / "nki_cases.py"), str(folder), str(number)], capture_output=True,
                                  text=True, timeout=LIMIT_SECONDS, check=False, cwd=scratch,
                                  env=os.environ | {"HOME": scratch})
        result = json.loads(done.stdout.splitlines()[-1])
        result["why"] = re.sub(rf"\S*/{folder.name}/", "", result["why"])
    except subprocess.TimeoutExpired:
        result = {"state": "fails", "why": f"ran longer than {LIMIT_SECONDS} s"}
    except (IndexError, ValueError):
        result = {"state": "fails", "why": (done.stderr.strip().splitlines() or ["no result"])[-1]}
    return {**result, "seconds": time.monotonic() - start}


def places_of(row):
    """(file, kernel) of a row and of its duplicates; files are relative to the checkout."""
    places = [(row["corpus"], row["file"])]
    for other in filter(None, (part.strip() for part in row["duplicates"].split(";"))):
        corpus, _, file = other.rpartition(":")
        places.append((corpus, file))
    return [(f"{CHECKOUTS.get(corpus, corpus)}/{file}", row["kernel"]) for corpus, file in places]


def tested(folder, row, known):
    """The outcome of a row of AWS's tests: (state, reason)."""
    path = folder / CHECKOUTS[row["corpus"]] / row["file"]
    if path not in known:
        known[path] = nki_suite.run_file(path).values()
    ran = [why for why, kernels in known[path] if row["kernel"] in kernels]
    if not ran:
        return "no case", ""
    why = next((why for why in ran if why), "")
    return ("fails", why.strip().splitlines()[-1]) if why else ("checked", "")


def by_row(folder, path, results):
    """[(row, state, reason)] for the list's rows that need generation 2 or 3."""
    cases, known, found = {}, {}, []
    for case, result in results:
        cases.setdefault((case["file"], case["kernel"]), []).append(result)
    for row in csv.DictReader(path.open()):
        if row["min_arch"].startswith("gen4"):
            continue
        ran = [result for place in places_of(row) for result in cases.get(place, ())]
        if not ran and row["corpus"] == "docs-test":
            found.append((row, *tested(folder, row, known)))
            continue
        failed = next((result for result in ran if result["state"] == "fails"), None)
        is_checked = any(result["state"] == "checked" for result in ran)
        state = "no case" if not ran else "fails" if failed else "checked" if is_checked else "runs"
        found.append((row, state, failed["why"] if failed else ""))
    return found


def row_table(rows):
    lines = ["| Rows that need | Of | Right against NumPy | Run, without a reference | Fail | Without a case | Run |",
             "|---|---:|---:|---:|---:|---:|---:|"]
    for need in ("gen2", "gen3"):
        states = [state for row, state, _ in rows if row["min_arch"].startswith(need)]
        counts = [states.count(state) for state in ("checked", "runs", "fails", "no case")]
        share = 100 * (counts[0] + counts[1]) / max(len(states), 1)
        lines.append(f"| {need} | {len(states)} | {' | '.join(map(str, counts))} | {share:.1f} % |")
    missing = [entry for entry in rows if entry[1] in ("fails", "no case")]
    if missing:
        lines += ["", "| Row | Kernel | Needs | Why it has not run |", "|---|---|---|---|"]
        lines += [f"| {row['id']} | `{row['kernel']}` ({row['corpus'].partition('@')[0]}, "
                  f"{pathlib.Path(row['file']).name}) | {row['min_arch'][:4]} | {short(why) or 'no case'} |"
                  for row, _, why in missing]
    return "\n".join(lines)


def short(why):
    return why.replace("|", " ").strip()[:200]


def table(results):
    """Markdown: a count for each corpus and generation, then a row for each kernel that does not run."""
    groups = {}
    for case, result in results:
        needs = case["arch"] + (f", launched on {case['grid']} programs" if case["grid"] else "")
        needs += f", on {case['ranks']} ranks" if case["ranks"] > 1 else ""
        group = groups.setdefault((case["corpus"], needs), [0, 0, 0])
        group[0] += result["state"] == "checked"
        group[1] += result["state"] == "runs"
        group[2] += 1
    lines = ["| Kernels of | Needs | Right against NumPy | Run, without a reference | Of |", "|---|---|---:|---:|---:|"]
    lines += [f"| {corpus} | {arch} | {right} | {runs} | {count} |" for (corpus, arch), (right, runs, count) in
              groups.items()]
    failed = [(case, result) for case, result in results if result["state"] == "fails"]
    if failed:
        lines += ["", "| Does not run | Why |", "|---|---|"]
        lines += [f"| `{case['kernel']}` ({case['corpus']}, {pathlib.Path(case['file']).name}) | "
                  f"{result['why'][:160].replace('|', ' ')} |"
                  for case, result in failed]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", default="", help="kernels whose file or name has this text")
    parser.add_argument("--rows", type=pathlib.Path, metavar="CSV")
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true", help="with the last lines of what went wrong")
    arguments = parser.parse_args()
    arguments.folder = arguments.folder.resolve()
    python = [sys.executable, "-W", "ignore"]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE.parent / "python"), os.environ.get("PYTHONPATH", "")])
    listed = subprocess.run([*python, str(HERE / "nki_cases.py")], capture_output=True, text=True, check=True)
    results = []
    for number, case in enumerate(json.loads(listed.stdout)):
        if arguments.only not in case["kernel"] and arguments.only not in case["file"]:
            continue
        result = run_case(arguments.folder, number, python)
        results.append((case, result))
        why = f": {result['why'][:180]}" if result["why"] else ""
        print(f"{result['state']:8} {case['corpus']} {pathlib.Path(case['file']).name} {case['kernel']} "
              f"({result['seconds']:.1f} s){why}", flush=True)
        if arguments.verbose and result.get("trace"):
            print(result["trace"])
    states = [result["state"] for _, result in results]
    print(f"{states.count('checked') + states.count('runs')} of {len(states)} run, {states.count('checked')} of them "
          "checked against NumPy")
    rows = row_table(by_row(arguments.folder, arguments.rows, results)) if arguments.rows else ""
    print(rows)
    if arguments.table:
        marks.replace(arguments.table, BEGIN, table(results), END)
        if rows:
            marks.replace(arguments.table, ROWS_BEGIN, rows, ROWS_END)
    return 0 if "fails" not in states else 1


if __name__ == "__main__":
    sys.exit(main())
