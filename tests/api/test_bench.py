"""bench/: its models are those that they claim to be, and a run that fails takes no other with it."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.export
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH, BUILD = ROOT / "bench", pathlib.Path(os.environ.get("TRAINSTONE_BUILD", ROOT / "build"))
sys.path.insert(0, str(BENCH))

import models_jax  # noqa: E402


def run(tmp_path, *options):
    """The tables, what went wrong, and the rows of --json by peer."""
    done = subprocess.run(
        [sys.executable, BENCH / "run.py", "--models", "gpt_tiny", "--precisions", "fp32", "--threads", "1", "--turns",
         "1", "--seconds", "0", "--json", tmp_path / "rows.jsonl", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    return done.stdout, done.stderr, {row["peer"]: row for row in rows}


# Weights and biases by the layers' widths; GPT-2's 124,439,808 are those of the published model.
@pytest.mark.parametrize("name, count", [
    ("mlp", 784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10),
    ("lstm", (16 + 128 + 1) * 512 + (128 + 128 + 1) * 512 + 128 * 8 + 8),
    ("gpt2_124m", 124_439_808),
])
def test_parameters(name, count):
    params = models_jax.MODELS[name].params(models_jax.Shapes())
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count


def test_rows(tmp_path):
    tables, _, rows = run(tmp_path)
    ours, theirs = rows["neuron"], rows["cpu"]
    assert ours["status"] == theirs["status"] == "ok"
    assert ours["first_loss"] == pytest.approx(theirs["first_loss"], rel=1e-5)
    assert 0 < ours["cpu_seconds"] and 0 < theirs["cpu_seconds"] and ours["steps"] == theirs["steps"] == 1
    assert sum(ours["ops"].values()) == ours["instructions"]
    assert f"| {theirs['cpu_seconds'] / ours['cpu_seconds']:.2f} |" in tables


def test_failures(tmp_path):
    """An interpreter without PyTorch fails; what it says is kept, and the others' figures too."""
    tables, errors, rows = run(tmp_path, "--torch", sys.executable)
    assert rows["torch"]["status"] == "failed" and "torch" in rows["torch"]["error"]
    assert rows["torch"]["error"] in errors and "| failed |" in tables
    assert rows["neuron"]["status"] == rows["cpu"]["status"] == "ok"


def test_limit(tmp_path):
    tables, _, rows = run(tmp_path, "--limit", "0.01")
    assert {row["status"] for row in rows.values()} == {"over 0.01 s"} and "| over 0.01 s |" in tables


def test_cubes():
    """No product takes less than its stream, and one of 4096 cubed little more."""
    done = subprocess.run([sys.executable, BENCH / "cubes.py", "--command", BUILD / "trainstone"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()[2:]]
    assert len(rows) == 8
    assert all(83 <= float(row[4]) < 100 for row in rows), done.stdout
    share = {tuple(row[:2]): float(row[4]) for row in rows}
    assert share["bf16", "A @ B"] > 93 and share["bf16", "A.T @ B"] > 95 and share["fp32", "A.T @ B"] > 98


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["gpt_d256", "gpt2_124m"])
def test_traffic(name, precision, tmp_path):
    """A GPT's step moves at most three times the bytes of its weights, its optimizer's state, and what
    autodiff saves."""
    step, arguments = models_jax.build_shapes(name, precision)
    params, state, x, y = arguments
    exported = jax.export.export(jax.jit(step, keep_unused=True, donate_argnums=(0, 1)),
                                 platforms=["neuron"])(*arguments)
    (tmp_path / "step.mlirbc").write_bytes(exported.mlir_module_serialized)
    done = subprocess.run([BUILD / "trainstone", "time", "--json", tmp_path / "step.mlirbc"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    least = models_jax.tree_bytes((params, state)) + models_jax.saved_bytes(name, params, x, y)
    assert least < json.loads(done.stdout)["hbm_bytes"] <= 3 * least


def test_kernels_alone(tmp_path):
    """Kernels called in a row stand beside an interpreter in NumPy, and beside a module given."""
    (tmp_path / "beside.py").write_text("import numpy as np\n\n"
                                        "def matmul(at, b, out):\n    np.matmul(at.T, b, out=out)\n\n"
                                        "def softmax(x, out):\n    out[...] = np.exp(x)\n")
    done = subprocess.run([sys.executable, BENCH / "nki_speed.py", "--wall", "--turns", "1", "--beside",
                           tmp_path / "beside.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name in ("product 1024 cubed, fp32", "softmax 1024 x 1024"):
        for contender in ("NumPy", "the module given"):
            ratio = found[f"{name}, in {contender}"] / found[name]
            assert 0 < found[name] < 10 and found[f"{name}: {contender} / ours"] == ratio
