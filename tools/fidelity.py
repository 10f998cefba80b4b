"""Runs the clock on the programs of tests/timing/cases.csv and compares it with what AWS's documentation publishes.
The times of published kernels come from tests/timing/kernel_results.csv, which tools/nki_fidelity.py writes.

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
# The tutorial's kernels, the slowest first.
LADDER = ("4369", "4371", "4373", "4375")
BEST_MATMUL = "4375"
# What an older nccom-test adds to a collective, and the least that it shows; fitted to row 4524 and read from 4517.
OLD_TOOL, OLD_TOOL_FLOOR = 30e6, 58e6  # ps


def read_rows(name):
    with open(TIMING / name, newline="") as file:
        return list(csv.DictReader(file))


def expand(text, parameters):
    """A template with its {expressions} evaluated; they see the parameters only."""
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
        """A chip with every row, except counts, at the end of its range that makes it faster, or slower."""
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
        """The chip at a corner of its ranges, or as in its table."""
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
        """The record of a case's program; `parameters` replaces the case's own."""
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
    alone = total - record["launch_seconds"] * 1e12
    if kind in ("makespan", "new_tool"):
        return alone
    if kind == "old_tool":
        return max(alone + OLD_TOOL, OLD_TOOL_FLOOR)
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


def kernel_rows():
    """The results of tools/nki_fidelity.py, with the source of each row's published time."""
    found = {row["id"]: row for row in read_rows("kernel_results.csv")}
    numbers = ("published", "predicted", "low", "high", "error_percent")
    return [case | found[case["id"]] | {name: float(found[case["id"]][name]) for name in numbers}
            for case in read_rows("kernels.csv")]


def is_collective(row):
    return row["metric"] in ("new_tool", "old_tool")


def errors(results):
    return [abs(row["error_percent"]) for row in results if row["role"] != "bound"]


def summary(kernels, streams):
    """Errors of the kernels and of cases shorter than a kernel, and how far the bounds hold."""
    own = [row for row in kernels if not row["chip"]]
    groups = (("kernels on NeuronCore-v2, fit", [row for row in own if row["role"] == "fit"]),
              ("kernels on NeuronCore-v2, check", [row for row in own if row["role"] == "check"]),
              ("matmul ladder on Trainium2", [row for row in kernels if row["chip"]]),
              ("all kernels", kernels), ("instructions and transfers",
                                         [row for row in streams if not is_collective(row)]),
              ("collectives, fit", [row for row in streams if is_collective(row) and row["role"] == "fit"]),
              ("collectives, check", [row for row in streams if is_collective(row) and row["role"] == "check"]))
    lines = ["| rows | how many | median error | mean | worst |", "|---|---:|---:|---:|---:|"]
    for name, rows in groups:
        found = errors(rows)
        lines.append(f"| {name} | {len(found)} | {statistics.median(found):.1f} % | {statistics.mean(found):.1f} % | "
                     f"{max(found):.1f} % |")
    bounds = [row["error_percent"] for row in kernels if row["role"] == "bound"]
    over = [bound for bound in bounds if bound > 0]
    lines += ["", f"Of {len(bounds)} bounds {len(bounds) - len(over)} are kept; the others are exceeded by at most "
                  f"{max(over, default=0):.1f} %."]
    return "\n".join(lines)


def table(results, role):
    lines = ["| row | what | published | model | band | error | source |", "|---:|---|---:|---:|---|---:|---|"]
    for row in results:
        if row["role"] == role:
            lines.append(f"| {row['id']} | {row['what']} | {number(row['published'])} {row['unit']} | "
                         f"{number(row['predicted'])} | {number(row['low'])} to {number(row['high'])} | "
                         f"{row['error_percent']:+.1f} % | {row['source']} |")
    return "\n".join(lines)


def twins(kernels, results):
    """Rows that are clocked both as the published kernel and as a program of the tree."""
    by_id = {row["id"]: row for row in kernels}
    lines = ["| row | what | published kernel | program of ours |", "|---:|---|---:|---:|"]
    for row in results:
        if row["id"] in by_id:
            lines.append(f"| {row['id']} | {row['what']} | {number(by_id[row['id']]['predicted'])} {row['unit']} | "
                         f"{number(row['predicted'])} |")
    return "\n".join(lines)


PAGE = """# Fidelity: the clock against published figures

How far predicted times are from what AWS and others publish. No hardware was used.

- The kernels are those of AWS's tutorials and samples and of a course, as they were published, at the published shapes.
  `tools/nki_fidelity.py` takes them from git clones, records them as `nki.benchmark` does, and clocks them
  without values; none of their code is in this repository. `tests/timing/kernels.csv` names commit, file,
  function and arguments.
- Instructions, transfers, and a second version of some kernels are programs of ours (`tests/timing/`), which
  `tools/fidelity.py` clocks. It also makes this page; a test fails when the page is not current.

![Model over published figures, and DMA throughput by row length](fidelity.svg)

{summary}

The band of a prediction comes from the ranges of [chip.md](chip.md): every constant at its fast end, and at
its slow end.

- Constants may be chosen by `fit` rows only; `check` rows are compared and nothing else. The rules themselves
  (a floor for each transfer of a queue, list order, which engine a copy goes to, what is hoisted) were found
  by people who had seen all rows, so the `check` errors are not those of a blind test.
- `bound` rows are limits that AWS's own tests accept, their tolerance of 5 % included where a test grants
  one. They say that a kernel is no slower; the model must not be far above them. They are not in the error
  figures.
- Rows of pooling and of Trainium2 are clocked with that chip's constants. The tests of pooling name no chip; with
  Trainium's constants they are exceeded by up to 89 %, with Trainium2's they are kept.
- Numbers are those of the project's table of published figures; rows with a letter are not in that table.
- Sources are paths in AWS's documentation repository (aws-neuron-sdk; `@` names a commit) unless another one
  is named. A student's report is one run on one machine, which nobody has repeated.
- The DMA curve was read off a plot that does not name its chip; the model's is that of Trainium.

## Kernels: fit

{kernel_fit}

## Kernels: check

{kernel_check}

## Kernels: bound

{kernel_bound}

## Instructions and transfers: fit

{fit}

## Instructions and transfers: check

{check}

## Collectives: fit

{collective_fit}

## Collectives: check

{collective_check}

What AWS's `nccom-test` reports. An older version shows {tool_floor:.0f} us at least and adds {tool:.0f} us of
its own, which are the tool's and in no row of the chip. No row depends on the rate of a link, and none tells
the start of a collective from its first hop.

## Two ways to the same row

The published kernel, recorded, and a program of ours with the stream that its source describes. Where they differ, the
recording has instructions that the source only implies.

{twins}

## What the outliers say

- The tiled matmul loads rows of 256 bytes and of 1 KiB for every product. Short rows cost more on the chip
  than the descriptor time that fits the other kernels (60 ns instead of 40 would meet this row); a kernel of
  AWS's that moves 128 rows at a time wants less than 43. One constant cannot serve both, and the student's
  vector addition by rows of 128 errs to the other side.
- Mamba v1 issues fewer VectorE instructions here than in its profile: 2955 are published, 2592 follow from
  the source. With 256 channels at least 21 of its 32 broadcast rows are copied from PSUM to SBUF by ScalarE
  in the profile, where TensorE runs ahead and fills all banks. Here they stay in PSUM, where VectorE reads
  them in one cycle an element instead of two: twice 0.46 us for each row, which is as much as the VectorE
  time that is missing.
- From 1024 steps on a broadcast row of Mamba v2 no longer fits a PSUM bank and is copied to SBUF. The profile
  of 8192 steps shows those copies on ScalarE and four passes of VectorE a trip, as recorded here, and as much
  VectorE time (4389). From 1024 to 4096 steps the measured time is that of VectorE and 14 to 17 % more, as if
  VectorE stood still while ScalarE copies. No published profile shows such a run, so nothing here makes it
  wait.
- Mamba v2 spills at 8192 steps as its profile shows it: `delta` is loaded again on every trip. AWS's compiler
  also reloads `delta * u`, which finds room here, and neither overlaps with anything.
- On Trainium2 the matmul with blocked free dimensions moves 6.7 GB here and, going by the bandwidth that its
  profile names, 8.7 GB on the chip: AWS's compiler loads the moving block again for every row of the
  stationary block. TensorE is busy all the time either way.
- Layer norm at 8192 columns has room for three tiles of rows in SBUF. A trip is published to take 20 us (v1)
  and 16 us (v2) more than VectorE works in it, about one transfer of a tile (17 us). Here it is 12 and 5 us,
  because the next rows begin to come as soon as a tile is free.
- One 32 KiB transfer in a profile runs at 18.1 bytes a nanosecond with its gaps, above the 17 that the
  bandwidth guide calls sustained. The model takes the guide's figure and adds a descriptor's cost to each
  row.
- The fit rows alone would choose 20 ns a descriptor and 64 overhead cycles of TensorE. The constants stay,
  because the rows that ask for the change are of a curve that may be another chip's.
- A product of 96 stationary columns took 31 ns longer than one of a single column. The model has one latency for both.

## Rows that are not compared

| rows | what | why not |
|---|---|---|
{dropped}
"""


def page(results, kernels, dropped):
    left_out = "\n".join(f"| {row['ids']} | {row['what']} | {row['reason']} |" for row in dropped)
    every = own_rows(results, kernels)
    streams, collectives = ([row for row in every if is_collective(row) == is_it] for is_it in (False, True))
    return PAGE.format(summary=summary(kernels, every), dropped=left_out, twins=twins(kernels, results),
                       fit=table(streams, "fit"), check=table(streams, "check"),
                       collective_fit=table(collectives, "fit"), collective_check=table(collectives, "check"),
                       tool=OLD_TOOL / 1e6, tool_floor=OLD_TOOL_FLOOR / 1e6,
                       **{f"kernel_{role}": table(kernels, role) for role in ("fit", "check", "bound")})


def own_rows(results, kernels):
    """Rows that no published kernel provides."""
    return [row for row in results if row["id"] not in {kernel["id"] for kernel in kernels}]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="where `trainstone` was built")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is not current")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(arguments.build.resolve(), folder)
        results = [predict(clock, case) for case in read_rows("cases.csv")]
    kernels = kernel_rows()
    files = {
        TIMING / "results.csv": results_csv(results),
        ROOT / "docs/fidelity.md": page(results, kernels, read_rows("dropped.csv")),
        ROOT / "docs/fidelity.svg": fidelity_plot.draw(
            kernels + [row for row in own_rows(results, kernels) if not is_collective(row)]),
    }
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if arguments.check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not current: run tools/fidelity.py")
        return 1 if stale else 0
    for path in stale:
        path.write_text(files[path])
    print(summary(kernels, own_rows(results, kernels)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
