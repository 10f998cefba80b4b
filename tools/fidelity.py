"""Runs the clock on the programs of tests/timing/cases.csv and compares it with what AWS's documentation publishes.

A case names a program, one measure of its run, and the published figure. Programs that come in several sizes are
templates (.trn.in) in which {expressions} of the case's parameters stand. Writes tests/timing/results.csv,
docs/fidelity.md and docs/fidelity.svg; --check writes nothing and fails unless they are what it would have written.

    tools/fidelity.py [--build build] [--check]
"""

import argparse
import csv
import io
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fidelity_plot  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
TIMING = ROOT / "tests/timing"
COLUMNS = ("id", "role", "what", "published", "unit", "predicted", "low", "high", "error_percent")
PICOSECONDS = {"ns": 1e3, "us": 1e6, "ms": 1e9}
MANY_SLICES = 1000000
ROLES = {"fit": "Rows that constants may be chosen by", "check": "Rows that are only compared",
         "bound": "Upper bounds"}
# The tutorial's kernels, slowest first.
LADDER = ("4369", "4371", "4373", "4375")
BEST_MATMUL = "4375"


def read_rows(name):
    with open(TIMING / name, newline="") as file:
        return list(csv.DictReader(file))


def expand(text, parameters):
    """A template with its {expressions} worked out; they see the parameters alone."""
    return re.sub(r"\{([^}]*)\}", lambda match: str(eval(match[1], {"__builtins__": {}}, dict(parameters))), text)


def parse_parameters(text):
    return tuple(sorted((name, int(value)) for name, value in (word.split("=") for word in text.split())))


class Clock:
    """Runs of `trainstone time`, each made once."""

    def __init__(self, build, folder):
        self.program, self.folder, self.runs = build / "trainstone", pathlib.Path(folder), {}
        self.chips = {}

    def _command(self, *words):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TRAINSTONE_")}
        run = subprocess.run([self.program, *words], capture_output=True, text=True, env=environment)
        if run.returncode:
            raise SystemExit(f"{' '.join(map(str, words))}: {run.stderr}")
        return json.loads(run.stdout)

    def _corner(self, chip, corner):
        """A chip with every row that is no count at the end of its range that makes it faster, or slower."""
        lines = [f"chip {chip}"]
        for row in self._command("chip", "--chip", chip, "--json")["parameters"]:
            if row["unit"] == "count":
                continue
            is_rate = row["unit"] in ("B/ns", "GHz", "flag")
            lines.append(f"{row['name']} = {row['high' if is_rate == (corner == 'fast') else 'low']}")
        path = self.folder / f"{len(self.chips)}.chip"
        path.write_text("\n".join(lines) + "\n")
        return path

    def _chip(self, name, corner):
        """The chip, at a corner of its ranges or as its table has it."""
        chip = name or "trn1"
        if corner == "table":
            return chip
        if (name, corner) not in self.chips:
            self.chips[name, corner] = self._corner(chip, corner)
        return self.chips[name, corner]

    def _program(self, name, parameters):
        if not name.endswith(".in"):
            return TIMING / name
        path = self.folder / f"{len(self.runs)}.trn"
        path.write_text(expand((TIMING / name).read_text(), parameters))
        return path

    def run(self, case, corner, with_slices=False, parameters=None):
        """The record of a case's program; parameters: others than the case's own."""
        parameters = parse_parameters(case["parameters"] if parameters is None else parameters)
        key = case["program"], parameters, case.get("chip", ""), corner, with_slices
        if key not in self.runs:
            slices = ("--slices", str(MANY_SLICES)) if with_slices else ()
            self.runs[key] = self._command("time", self._program(case["program"], parameters), "--json", "--chip",
                                           self._chip(case.get("chip", ""), corner), *slices)
        return self.runs[key]


def starts(record, engine, operation=None):
    return [row["start_ps"] for row in record["slices"]
            if row["lane"] == engine and operation in (None, row["op"])]


def bytes_per_ns(record):
    return record["hbm_bytes"] / (record["predicted_seconds"] - record["launch_seconds"]) / 1e9


def measure(clock, case, corner):
    """The case's measure in picoseconds, or as a rate or ratio."""
    kind, *words = case["metric"].split(":")
    record = clock.run(case, corner, kind in ("interval", "first"))
    total = record["predicted_seconds"] * 1e12
    if kind == "total":
        return total
    if kind == "makespan":
        return total - record["launch_seconds"] * 1e12
    if kind == "active":
        return record["busy"][words[0]] * total
    if kind == "dma_busy":
        return record["busy"]["dma"] * total
    if kind == "interval":
        found = starts(record, *words)
        return (found[-1] - found[0]) / (len(found) - 1)
    if kind == "first":
        return starts(record, *words)[0]
    if kind == "rate":
        return bytes_per_ns(record)
    assert kind == "relative", case["metric"]
    whole = clock.run(case, corner, parameters=words[0])
    return bytes_per_ns(record) / bytes_per_ns(whole)


def predict(clock, case):
    scale = PICOSECONDS.get(case["unit"], 1)
    value, fast, slow = (measure(clock, case, corner) / scale for corner in ("table", "fast", "slow"))
    published = float(case["published"])
    return case | {"published": published, "predicted": value, "low": min(value, fast, slow),
                   "high": max(value, fast, slow), "error_percent": (value / published - 1) * 100}


def number(value):
    """Four digits, without an exponent."""
    digits = max(0, 3 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:.{digits}f}"


def results_csv(results):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in results:
        writer.writerow([row[name] if name in ("id", "role", "what", "unit") else
                         f"{row[name]:.1f}" if name == "error_percent" else number(row[name]) for name in COLUMNS])
    return out.getvalue()


def errors(results, *roles):
    return [abs(row["error_percent"]) for row in results if row["role"] in roles]


def summary(results):
    lines = ["| rows | how many | median error | mean | worst |", "|---|---:|---:|---:|---:|"]
    for name, roles in (("fit", ["fit"]), ("check", ["check"]), ("fit and check", ["fit", "check"])):
        found = errors(results, *roles)
        lines.append(f"| {name} | {len(found)} | {statistics.median(found):.1f} % | {statistics.mean(found):.1f} % | "
                     f"{max(found):.1f} % |")
    return "\n".join(lines)


def table(results, role):
    lines = ["| row | what | published | model | band | error | source |", "|---:|---|---:|---:|---|---:|---|"]
    for row in results:
        if row["role"] == role:
            lines.append(f"| {row['id']} | {row['what']} | {number(row['published'])} {row['unit']} | "
                         f"{number(row['predicted'])} | {number(row['low'])} to {number(row['high'])} | "
                         f"{row['error_percent']:+.1f} % | {row['source']} |")
    return "\n".join(lines)


PAGE = """# Fidelity: the clock against published figures

How far the predicted times are from what AWS's documentation publishes for NeuronCore-v2. No hardware was used. The
programs are ours (`tests/timing/`); they issue the instruction streams that the published kernels describe. `tools/fidelity.py`
runs them with `trainstone time` and makes this page; a test fails when it is not current.

![Model over published figures, and DMA throughput by row length](fidelity.svg)

{summary}

The band of a prediction comes from the ranges of [chip.md](chip.md): every constant at its fast end, and at its slow end.

- Constants may be chosen by `fit` rows only; `check` rows are compared and nothing else. The rules themselves (a floor for
  each transfer of a queue, list order, which engine a copy goes to) were found by people who had seen all rows, so the
  `check` errors are not those of a blind test.
- `bound` rows are limits that AWS's own tests accept, with 5 % to spare. They say that a kernel is no slower; the model must
  not be far above them.
- Sources are paths in AWS's documentation repository (aws-neuron-sdk; `@` names a commit) unless another one is named.
- The DMA curve was read off a plot that does not name its chip; the model's is that of Trainium.

## Fit

{fit}

## Check

{check}

## Bound

{bound}

## What the outliers say

- The tiled matmul loads rows of 256 bytes and of 1 KiB for every product. Short rows cost more on the chip than the descriptor
  time that fits the other kernels (60 ns instead of 40 would meet this row); a kernel of AWS's that moves 128 rows at a time
  wants less than 43. One constant cannot serve both.
- One 32 KiB transfer in a profile runs at 18.1 bytes a nanosecond with its gaps, above the 17 that the bandwidth guide calls
  sustained. The model takes the guide's figure and adds a descriptor's cost to each row.
- The fit rows alone would choose 20 ns a descriptor and 64 overhead cycles of TensorE: their mean error would be 3.1 %. The
  constants stay, because the rows that ask for the change are of a curve that may be another chip's.
- Mamba v1 issues fewer VectorE instructions here than in its profile: 2955 are published, 2592 follow from the source. The
  compiler added copies out of PSUM.
- A product of 96 stationary columns took 31 ns longer than one of a single column. The model has one latency for both.

## Rows that are not compared

Numbers are those of the project's table of published figures.

| rows | what | why not |
|---|---|---|
{dropped}
"""


def page(results, dropped):
    left_out = "\n".join(f"| {row['ids']} | {row['what']} | {row['reason']} |" for row in dropped)
    return PAGE.format(summary=summary(results), dropped=left_out,
                       **{role: table(results, role) for role in ROLES})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="where `trainstone` was built")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is not current")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(arguments.build.resolve(), folder)
        results = [predict(clock, case) for case in read_rows("cases.csv")]
    files = {
        TIMING / "results.csv": results_csv(results),
        ROOT / "docs/fidelity.md": page(results, read_rows("dropped.csv")),
        ROOT / "docs/fidelity.svg": fidelity_plot.draw(results),
    }
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if arguments.check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not current: run tools/fidelity.py")
        return 1 if stale else 0
    for path in stale:
        path.write_text(files[path])
    print(summary(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
