"""Runs public NKI kernels, unmodified, on Trainstone: with inputs of our own, against NumPy where a reference is known.

usage: nki_kernels.py FOLDER [--only TEXT] [--table docs/conformance.md] [--verbose]
FOLDER holds the checkouts: aws-neuron-sdk, sdk-v2.26.1 (its tag v2.26.1), nki-samples, nki-library, asst4-trainium,
asst4-trainium2. Each kernel runs in a process of its own. With --table the results replace the part of the page
between its two marks.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- nki kernels -->", "<!-- end of nki kernels -->"
LIMIT_SECONDS = 300


def run_case(folder, number, python):
    start = time.monotonic()
    try:
        done = subprocess.run([*python, str(HERE / "nki_cases.py"), str(folder), str(number)], capture_output=True,
                              text=True, timeout=LIMIT_SECONDS, check=False)
        result = json.loads(done.stdout.splitlines()[-1])
        result["why"] = result["why"].replace(f"{folder}/", "")
    except subprocess.TimeoutExpired:
        result = {"state": "fails", "why": f"ran longer than {LIMIT_SECONDS} s"}
    except (IndexError, ValueError):
        result = {"state": "fails", "why": (done.stderr.strip().splitlines() or ["no result"])[-1]}
    return {**result, "seconds": time.monotonic() - start}


def table(results):
    """Markdown: a count for each corpus and generation, then a row for each kernel that does not run."""
    groups = {}
    for case, result in results:
        needs = case["arch"] + (f", launched on {case['grid']} programs" if case["grid"] else "")
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
        lines += [f"| `{case['kernel']}` ({case['corpus']}, {pathlib.Path(case['file']).name}) | {result['why'][:160].replace('|', ' ')} |"
                  for case, result in failed]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", default="", help="kernels whose file or name has this text")
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true", help="with the last lines of what went wrong")
    arguments = parser.parse_args()
    python = [sys.executable, "-W", "ignore"]
    os.environ.setdefault("PYTHONPATH", str(HERE.parent / "python"))
    listed = subprocess.run([*python, str(HERE / "nki_cases.py")], capture_output=True, text=True, check=True)
    results = []
    for number, case in enumerate(json.loads(listed.stdout)):
        if arguments.only not in case["kernel"] and arguments.only not in case["file"]:
            continue
        result = run_case(arguments.folder, number, python)
        results.append((case, result))
        why = f": {result['why'][:180]}" if result["why"] else ""
        print(f"{result['state']:8} {case['corpus']} {pathlib.Path(case['file']).name} {case['kernel']} ({result['seconds']:.1f} s){why}", flush=True)
        if arguments.verbose and result.get("trace"):
            print(result["trace"])
    states = [result["state"] for _, result in results]
    print(f"{states.count('checked') + states.count('runs')} of {len(states)} run, {states.count('checked')} of them "
          "checked against NumPy")
    if arguments.table:
        page = arguments.table.read_text()
        before, rest = page.split(BEGIN)
        after = rest.split(END)[1]
        arguments.table.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{after}")
    return 0 if "fails" not in states else 1


if __name__ == "__main__":
    sys.exit(main())
