"""What nothing has written may be computed on, but not stored or added up: the warning says which line does."""

import inspect
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401

import neuronxcc.nki as beta  # noqa: E402
import neuronxcc.nki.isa as beta_isa  # noqa: E402
import neuronxcc.nki.language as beta_nl  # noqa: E402
import nki  # noqa: E402
import nki.isa as nisa  # noqa: E402
import nki.language as nl  # noqa: E402
from kernel_parts import ROWS, filled, stored  # noqa: E402
from trainstone.nki.errors import NkiUnsetWarning  # noqa: E402

HERE = Path(__file__).resolve()


def half_filled(columns=64, rows=128, upto=None):
    tile = nl.ndarray((128, columns), dtype=nl.float32, buffer=nl.sbuf, name="half")
    nisa.memset(tile[0:rows, 0:upto or columns], 1.0)
    return tile


def stores_a_column_too_many(a):
    out = nl.ndarray((128, 33), dtype=nl.float32, buffer=nl.shared_hbm)
    nisa.dma_copy(dst=out, src=half_filled(upto=32)[:, 0:33])  # here
    return out


def stores_what_was_made_of_it(a):
    tile, made = half_filled(rows=96), nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.sbuf, name="made")
    nisa.tensor_scalar(dst=made, data=tile, op0=nl.multiply, operand0=2.0)
    out = nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.shared_hbm)
    nisa.dma_copy(dst=out, src=made)  # here
    return out


def stores_from_an_address(a):
    tile = nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.sbuf, address=(0, 1024), name="half")
    nisa.memset(tile[0:64], 1.0)
    out = nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.shared_hbm)
    nisa.dma_copy(dst=out, src=tile)  # here
    return out


def stores_from_a_partition(a):
    """Of columns written in all partitions alike, then of some partitions, from partition 64 on."""
    tile = nl.ndarray((64, 64), dtype=nl.float32, buffer=nl.sbuf, address=(64, 1024), name="half")
    nisa.memset(tile[:, 0:16], 1.0)
    nisa.memset(tile[:, 48:64], 1.0)
    nisa.memset(tile[0:32, 16:48], 1.0)
    out = nl.ndarray((64, 64), dtype=nl.float32, buffer=nl.shared_hbm)
    nisa.dma_copy(dst=out[0:32], src=tile[0:32])
    nisa.dma_copy(dst=out, src=tile)  # here
    return out


def sums_a_row(a):
    total = nl.ndarray((128, 1), dtype=nl.float32, buffer=nl.sbuf)
    nisa.tensor_reduce(dst=total, data=half_filled(upto=32), op=nl.add, axis=1)  # here
    return stored(total)


def multiplies_rows(a):
    product = nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.psum)
    nisa.nc_matmul(dst=product, stationary=filled(128, 128), moving=half_filled(rows=96))  # here
    made = nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.sbuf)
    nisa.tensor_copy(dst=made, src=product)
    return stored(made)


def turns_rows(a):
    turned = nl.ndarray((64, 128), dtype=nl.float32, buffer=nl.psum)
    nisa.nc_transpose(dst=turned, data=half_filled(rows=96), engine=nisa.tensor_engine)  # here
    made = nl.ndarray((64, 128), dtype=nl.float32, buffer=nl.sbuf)
    nisa.tensor_copy(dst=made, src=turned)
    return stored(made[:, 0:96])


def sums_beside(a):
    total, made = filled(128, 1, value=0.0), nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.sbuf)
    nisa.activation_reduce(dst=made, op=nl.exp, data=half_filled(upto=32), reduce_op=nl.add, reduce_res=total)  # here
    return stored(total)


FAULTS = [
    (stores_a_column_too_many, "dma_copy stores .*: byte 128 of partition 0 of tile half "),
    (stores_what_was_made_of_it, "dma_copy stores .*: byte 0 of partition 96 of tile made "),
    (stores_from_an_address, "dma_copy stores .*: byte 0 of partition 64 of tile half "),
    (stores_from_a_partition, "dma_copy stores .*: byte 64 of partition 96 of tile half "),
    (sums_a_row, "tensor_reduce reduces .*: byte 128 of partition 0 of tile half "),
    (multiplies_rows, "nc_matmul adds up .*: byte 0 of partition 96 of tile half "),
    (turns_rows, "nc_transpose adds up .*: byte 0 of partition 96 of tile half "),
    (sums_beside, "activation reduces .*: byte 128 of partition 0 of tile half "),
]


@pytest.mark.parametrize("kernel, message", FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_the_warning_says_what_and_where(kernel, message):
    lines, first = inspect.getsourcelines(kernel)
    line = first + next(i for i, text in enumerate(lines) if "# here" in text)
    with pytest.warns(NkiUnsetWarning, match=message) as told:
        nki.jit(kernel)(ROWS)
    assert len(told) == 1
    assert told[0].message.where.endswith(f"test_unset.py:{line}")
    assert told[0].message.id == "read_before_written"


def silent(kernel, *arrays):
    with warnings.catch_warnings():
        warnings.simplefilter("error", NkiUnsetWarning)
        return kernel(*arrays)


def test_a_tile_filled_in_parts_is_whole():
    def kernel(a):
        tile = nl.ndarray((128, 4, 16), dtype=nl.float32, buffer=nl.sbuf)
        for i in range(4):
            nisa.memset(tile[0:64, :, 4 * i:4 * i + 4], 1.0)
            nisa.memset(tile[64:128, i, :], 2.0)
        return stored(tile)

    result = silent(nki.jit(kernel), ROWS)
    np.testing.assert_array_equal(result, np.repeat([1.0, 2.0], 64)[:, None, None] * np.ones((1, 4, 16), np.float32))


def test_what_a_mask_leaves_out_may_be_computed_on():
    """The last tile of rows and columns is loaded in part, computed on whole, and stored in part."""
    @beta.jit
    def kernel(x):
        out = beta_nl.ndarray(x.shape, dtype=x.dtype, buffer=beta_nl.shared_hbm)
        row, column = beta_nl.arange(128)[:, None], beta_nl.arange(512)[None, :]
        for i in beta_nl.affine_range(2):
            kept = (i * 128 + row < x.shape[0]) & (column < x.shape[1])
            tile = beta_nl.load(x[i * 128 + row, column], mask=kept)
            made = beta_nl.exp(tile) * tile + 1.0
            beta_nl.store(out[i * 128 + row, column], made, mask=kept)
        return out

    x = np.random.default_rng(1).standard_normal((200, 500)).astype(np.float32)
    np.testing.assert_allclose(silent(kernel, x), np.exp(x) * x + 1, rtol=1e-5, atol=1e-6)


def test_rows_and_columns_of_nothing_make_nothing():
    """Sums of whole rows, scans up to where a row ends, products and transposes of whole columns."""
    def kernel(a):
        tile, made = half_filled(rows=96), nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.sbuf)
        total, turned = (nl.ndarray(shape, dtype=nl.float32, buffer=nl.sbuf) for shape in ((128, 1), (64, 128)))
        nisa.tensor_reduce(dst=total, data=tile, op=nl.add, axis=1)
        nisa.tensor_tensor_scan(dst=made, data0=filled(128, 64), data1=half_filled(upto=32), initial=0.0,
                                op0=nl.multiply, op1=nl.add)
        product = nl.ndarray((64, 64), dtype=nl.float32, buffer=nl.psum)
        nisa.nc_matmul(dst=product, stationary=filled(128, 64), moving=half_filled(upto=32))
        copied = nl.ndarray((64, 64), dtype=nl.float32, buffer=nl.sbuf)
        nisa.tensor_copy(dst=copied, src=product)
        turns = nl.ndarray((64, 128), dtype=nl.float32, buffer=nl.psum)
        nisa.nc_transpose(dst=turns, data=half_filled(upto=32))
        nisa.tensor_copy(dst=turned, src=turns)
        return stored(total[0:96]), stored(made[:, 0:32]), stored(copied[:, 0:32]), stored(turned[0:32])

    total, made, copied, turned = silent(nki.jit(kernel), ROWS)
    assert (total == 64).all() and (made == np.arange(1, 33)).all() and (copied == 128).all() and (turned == 1).all()


def test_lint_makes_it_an_error(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(HERE.parent)!r})\nimport test_unset as t\n"
                      "t.nki.jit(t.sums_a_row)(t.ROWS)\n")
    for options, code in ([], 0), (["--lint"], 1):
        ran = subprocess.run([sys.executable, "-m", "trainstone", *options, script], capture_output=True, text=True)
        assert ran.returncode == code, ran.stderr
        assert "NkiUnsetWarning" in ran.stderr
