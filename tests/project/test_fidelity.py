"""docs/fidelity.md is what tools/fidelity.py writes today, and says what the project aims at."""

import csv
import os
import pathlib
import statistics
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TRAINSTONE_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "tools"))

import fidelity  # noqa: E402


def read(name):
    with open(ROOT / "tests/timing" / name, newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def results():
    return read("results.csv")


@pytest.fixture(scope="module")
def kernels():
    return read("kernel_results.csv")


def test_files_are_current():
    run = subprocess.run([sys.executable, ROOT / "tools/fidelity.py", "--check", "--build", BUILD], capture_output=True,
                         text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_errors(results):
    scored = [abs(float(row["error_percent"])) for row in results.values() if row["role"] in ("fit", "check")]
    assert len(scored) >= 36
    assert statistics.median(scored) <= 8
    assert max(scored) <= 25
    assert abs(float(results[fidelity.BEST_MATMUL]["error_percent"])) <= 8


def test_errors_of_published_kernels(kernels):
    scored = [abs(float(row["error_percent"])) for row in kernels.values() if row["role"] in ("fit", "check")]
    assert len(scored) >= 41
    assert statistics.median(scored) <= 6
    assert statistics.mean(scored) <= 8
    assert max(scored) <= 30


def test_ladders_keep_their_order(results):
    ladders = [fidelity.LADDER, ("4382", "4385"), ("4390", "4406", "4402", "4398", "4396", "4394"),
               ("4443", "4442", "4441", "4440", "4439", "4438", "4437", "4436", "4435", "4434")]
    for ladder in ladders:
        for name in ("published", "predicted"):
            values = [float(results[row][name]) for row in ladder]
            assert values == sorted(values, reverse=True), (name, ladder)


def test_ladders_of_published_kernels_keep_their_order(kernels):
    ladders = [fidelity.LADDER, ("4382", "4385"), ("4401", "4402"), ("4397", "4398"), ("4395", "4396"),
               ("4412", "4415"),
               ("4452", "4455"), ("S1", "S2", "S4"), ("S5", "S6"),
               ("4388", "M3", "4405", "M2", "4401", "M1", "4397", "4395", "4385"),
               ("4390", "M6", "4406", "M5", "4402", "M4", "4398", "4396", "4394")]
    for ladder in ladders:
        for name in ("published", "predicted"):
            values = [float(kernels[row][name]) for row in ladder]
            assert values == sorted(values, reverse=True), (name, ladder)


def test_bounds_hold(kernels):
    for row in kernels.values():
        if row["role"] == "bound":
            assert float(row["predicted"]) <= 1.10 * float(row["published"]), row


def test_every_row_is_compared_or_left_out_once(results, kernels):
    dropped = {one for row in fidelity.read_rows("dropped.csv") for word in row["ids"].split(", ")
               for one in ([word] if not word[0].isdigit() else
                           map(str, range(int(word.split("-")[0]), int(word.split("-")[-1]) + 1)))}
    assert not dropped & ({*results} | {*kernels})
