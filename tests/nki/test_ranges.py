"""Trips of affine_range that depend on each other: what is told, and what is none of it."""

import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401

import neuronxcc.nki as nki  # noqa: E402
import neuronxcc.nki.isa as nisa  # noqa: E402
import neuronxcc.nki.language as nl  # noqa: E402

from trainstone.nki.errors import NkiDependenceWarning  # noqa: E402

X = np.random.default_rng(1).standard_normal((4, 128, 128)).astype(np.float32)
HERE = pathlib.Path(__file__)


def tile(name=""):
    return nl.zeros((nl.par_dim(128), 128), dtype=nl.float32, buffer=nl.sbuf, name=name)


def output(x):
    return nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)


def line_of(text):
    return next(i for i, line in enumerate(HERE.read_text().splitlines(), 1) if line.strip().endswith(f"# {text}"))


def carries_a_maximum(x, trips):
    out, top = output(x), tile("top")
    for i in trips(4):  # loop
        block = nl.load(x[i])
        moved = nl.subtract(block, top)  # reads
        top[...] = nl.add(nl.abs(block), 0.5)  # writes
        nl.store(out[i], moved)
    return out


def one_tile_for_all(x, trips):
    out, block = output(x), nl.ndarray((nl.par_dim(128), 128), dtype=x.dtype, buffer=nl.sbuf, name="block")
    for i in trips(4):
        block[...] = nl.load(x[i])
        nl.store(out[i], block)
    return out


def stores_on_top(x, trips):
    out = output(x)
    for i in trips(4):
        nl.store(out[0], nl.load(x[i]))
        nl.store(out[i], nl.load(x[i]))
    return out


def through_the_outer_loop(x, trips):
    """Each inner trip has its own part; the outer trips share them."""
    out, parts = output(x), nl.ndarray((2, nl.par_dim(128), 64), dtype=x.dtype, buffer=nl.sbuf, name="parts")
    for i in trips(4):
        for j in nl.affine_range(2):
            parts[j] = nl.load(x[i][:, 64 * j:64 * (j + 1)])
        for j in nl.affine_range(2):
            nl.store(out[i][:, 64 * j:64 * (j + 1)], parts[j])
    return out


FAULTS = [
    (carries_a_maximum,
     r"tensor_tensor reads tile `top` .*another iteration of the affine_range in line {loop} wrote in "
                        "line {writes} .*nl.sequential_range"),
    (one_tile_for_all, "Unexpected output dependencies, different iterations .* write to tile `block`"),
    (stores_on_top, "Unexpected output dependencies, different iterations .* write to tensor `hbm`"),
    (through_the_outer_loop, "Unexpected output dependencies, different iterations .* write to tile `parts`"),
]


@pytest.mark.parametrize("kernel, message", FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_dependences_are_told(kernel, message):
    message = message.format(loop=line_of("loop"), writes=line_of("writes"))
    with pytest.warns(NkiDependenceWarning, match=message) as told:
        nki.jit(kernel)(X, nl.affine_range)
    assert told[0].message.id == "err_unexpected_output_dependencies"
    if kernel is carries_a_maximum:
        assert told[0].message.where.endswith(f"test_ranges.py:{line_of('reads')}")


@pytest.mark.parametrize("kernel", [fault[0] for fault in FAULTS])
def test_the_same_in_order_is_fine(kernel):
    with warnings.catch_warnings():
        warnings.simplefilter("error", NkiDependenceWarning)
        nki.jit(kernel)(X, nl.sequential_range)


@nki.jit
def reductions(x):
    """Products in PSUM, sums in place, parts of a tile, and tiles of a trip's own."""
    out = output(x)
    product = nl.zeros((nl.par_dim(128), 128), dtype=nl.float32, buffer=nl.psum)
    total, parts = tile(), nl.ndarray((nl.par_dim(128), 4, 128), dtype=x.dtype, buffer=nl.sbuf)
    for i in nl.affine_range(4):
        block = nl.load(x[i])
        product += nisa.nc_matmul(block, block)
        total[...] += block
        parts[:, i] = nl.multiply(block, 2.0)
    nl.store(out[0], product)
    nl.store(out[1], total)
    nl.store(out[2], parts[:, 2])
    nl.store(out[3], parts[:, 3])
    return out


def test_reductions_are_no_dependences():
    with warnings.catch_warnings():
        warnings.simplefilter("error", NkiDependenceWarning)
        result = reductions(X)
    np.testing.assert_allclose(result[0], sum(a.T @ a for a in X), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(result[1], X.sum(0), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(result[2:], 2 * X[2:])


def test_lint_makes_them_errors(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(HERE.parent)!r})\nimport test_ranges as t\n"
                      "t.nki.jit(t.one_tile_for_all)(t.X, t.nl.affine_range)\n")
    for options, code in ([], 0), (["--lint"], 1):
        ran = subprocess.run([sys.executable, "-m", "trainstone", *options, script], capture_output=True, text=True)
        assert ran.returncode == code, ran.stderr
        assert "NkiDependenceWarning" in ran.stderr
