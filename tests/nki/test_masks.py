"""Masks of the older dialect: an assignment leaves alone what the mask of its value leaves out."""

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401

import neuronxcc.nki as nki  # noqa: E402
import neuronxcc.nki.isa as nisa  # noqa: E402
import neuronxcc.nki.language as nl  # noqa: E402
from neuronxcc.nki.isa.constants import oob_mode  # noqa: E402

X = np.random.default_rng(0).standard_normal((128, 64)).astype(np.float32)
I, J = slice(0, 40), slice(8, 64)


def kept(whole, shape=X.shape):
    """`whole` where the mask of the kernels below holds, 7 elsewhere."""
    expected = np.full(shape, 7, np.float32)
    expected[I, J] = whole[I, J]
    return expected


def assigned(call, dtype=None):
    """What `t[...] = call(x, mask)` leaves of a tile of sevens."""
    @nki.jit
    def kernel(x):
        out = nl.ndarray(x.shape, dtype=nl.float32, buffer=nl.shared_hbm)
        i, j = nl.mgrid[0:128, 0:64]
        tile = nl.full((128, 64), 7.0, dtype=dtype or nl.float32, buffer=nl.sbuf)
        tile[i, j] = call(x, nl.load(x), (i < 40) & (j >= 8))
        nl.store(out, tile)
        return out

    return kernel(X)


@pytest.mark.parametrize("call, of", [
    (lambda x, tile, mask: nl.load(x, mask=mask), lambda x: x),
    (lambda x, tile, mask: nl.negative(tile, mask=mask), lambda x: -x),
    (lambda x, tile, mask: nl.add(tile, x_row(x), mask=mask), lambda x: x + x[:1]),
    (lambda x, tile, mask: nl.multiply(tile, 3.0, mask=mask), lambda x: 3 * x),
    (lambda x, tile, mask: nl.copy(tile, mask=mask), lambda x: x),
    (lambda x, tile, mask: nl.where(nl.greater(tile, 0.0), tile, 0.5, mask=mask), lambda x: np.where(x > 0, x, 0.5)),
    (lambda x, tile, mask: nisa.tensor_scalar(tile, np.add, 1.0, mask=mask), lambda x: x + 1),
    (lambda x, tile, mask: nisa.tensor_tensor(tile, tile, np.add, mask=mask), lambda x: x + x)])
def test_a_value_leaves_alone_what_its_mask_leaves_out(call, of):
    assert np.array_equal(assigned(call), kept(of(X).astype(np.float32)))


def x_row(x):
    return nl.load(x[0:1, 0:64])


def test_so_does_one_that_is_cast():
    found = assigned(lambda x, tile, mask: nl.load(x, mask=mask), nl.bfloat16)
    rounded = np.asarray(kept(X), np.float32).astype(nl.bfloat16).astype(np.float32)
    assert np.array_equal(found, rounded)


def test_an_update_in_place_adds_where_the_mask_holds():
    @nki.jit
    def kernel(x):
        out = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)
        i, j = nl.mgrid[0:128, 0:64]
        tile = nl.full((128, 64), 7.0, dtype=x.dtype, buffer=nl.sbuf)
        tile[i, j] += nl.load(x, mask=(i < 40) & (j >= 8))
        nl.store(out, tile)
        return out

    assert np.array_equal(kernel(X), kept(X + np.float32(7)))


@pytest.mark.parametrize("transpose, first", [(nisa.nc_transpose, 0), (nl.transpose, 32)])
def test_a_transpose_leaves_alone_the_turned_rest(transpose, first):
    @nki.jit
    def kernel(x):
        out = nl.ndarray((64, 128), dtype=x.dtype, buffer=nl.shared_hbm)
        i, j = nl.mgrid[0:128, 0:64]
        tile = nl.full((nl.par_dim(64), 128), 7.0, dtype=x.dtype, buffer=nl.sbuf)
        tile[...] = transpose(nl.load(x), mask=(i < 40) & (j >= first))
        nl.store(out, tile)
        return out

    expected = np.full((64, 128), 7, np.float32)
    expected[first:, :40] = X.T[first:, :40]
    assert np.array_equal(kernel(X), expected)


def test_a_few_columns_of_masked_rows():
    @nki.jit
    def kernel(x):
        out = nl.ndarray((128, 9), dtype=x.dtype, buffer=nl.shared_hbm)
        i, j = nl.mgrid[0:128, 0:64]
        tile, loaded = nl.full((128, 9), 7.0, dtype=x.dtype, buffer=nl.sbuf), nl.load(x)
        tile[0:128, 0:8] = nisa.max8(src=loaded, mask=i < 40)
        tile[0:128, 8:9] = nl.max(loaded, axis=1, keepdims=True, mask=(i < 40) & (j >= 8))
        nl.store(out, tile)
        return out

    expected = np.full((128, 9), 7, np.float32)
    expected[:40, :8] = -np.sort(-X[:40])[:, :8]
    expected[:40, 8] = X[:40, 8:].max(1)
    assert np.array_equal(kernel(X), expected)


@pytest.mark.parametrize("count", [2, 1])
def test_a_comparison_of_numbers_masks_all_or_nothing(count):
    """A loop's counter is a number here, so that `n < count` is decided at once."""
    @nki.jit
    def kernel(x, count):
        out = nl.ndarray((64, 64), dtype=nl.float32, buffer=nl.shared_hbm)
        i, j = nl.mgrid[0:128, 0:64]
        tile = nl.load(x)
        sums = nl.zeros((64, 64), dtype=nl.float32, buffer=nl.psum)
        for n in nl.affine_range(2):
            sums[...] += nisa.nc_matmul(tile[i, j], tile[i, j][j < 64][n < count])
        nl.store(out, sums)
        return out

    expected = count * (X.T.astype(np.float64) @ X)
    assert np.allclose(kernel(X, count), expected, rtol=1e-4, atol=1e-4)


def test_a_slice_may_reach_past_the_end_where_the_mask_of_its_value_does_not():
    @nki.jit
    def kernel(x):
        out = nl.ndarray((128, 40), dtype=x.dtype, buffer=nl.shared_hbm)
        j = nl.arange(64)[None, :]
        tile = nl.ndarray((128, 40), dtype=x.dtype, buffer=nl.sbuf)
        for first in (0, 32, 64):  # of the last nothing is left
            tile[:, first:first + 64] = nl.multiply(nl.load(x), 2.0, mask=j + first < 40)
        nl.store(out, tile)
        return out

    assert np.array_equal(kernel(X), 2 * np.concatenate([X[:, :32], X[:, :8]], 1))


@pytest.mark.parametrize("dtype", [nl.float32, nl.bfloat16])
def test_a_load_that_skips_rows_leaves_them_as_they_were(dtype):
    @nki.jit
    def kernel(x, rows):
        out = nl.ndarray((128, 2, 32), dtype=nl.float32, buffer=nl.shared_hbm)
        index = nl.load(rows)
        tile = nl.full((128, 2, 32), 7.0, dtype=dtype, buffer=nl.sbuf)
        for half in nl.affine_range(2):  # parts of rows, which do not lie in one piece
            columns = nl.arange(16)[None, :] + 16 * half
            tile[0:128, 1, 16 * half:16 * half + 16] = nl.load(x[index[nl.arange(128)[:, None], 0], columns],
                                                               mode=oob_mode.skip)
        nl.store(out, tile)
        return out

    rows = np.arange(128, dtype=np.int32)[::-1].copy()[:, None]
    rows[::3] += 1000  # beyond the tensor
    expected = np.full((128, 2, 32), 7, np.float32)
    taken = rows[:, 0] < 128
    expected[taken, 1] = X[rows[taken, 0], :32].astype(dtype).astype(np.float32)
    found = kernel(X, rows)
    assert np.array_equal(found, expected)
    assert 0 < taken.sum() < 128
    assert kernel.last.recording.text().count("oob=skip") == 2  # one transfer each, into the tile itself


def test_a_store_skips_rows_too_and_neither_does_unasked():
    @nki.jit
    def kernel(x, rows, mode):
        out = nl.ndarray((128, 64), dtype=x.dtype, buffer=nl.shared_hbm)
        nl.store(out, nl.full((128, 64), 7.0, dtype=x.dtype, buffer=nl.sbuf))
        index = nl.load(rows)
        nl.store(out[index[nl.arange(128)[:, None], 0], nl.arange(64)[None, :]], nl.load(x), mode=mode)
        return out

    rows = np.arange(128, dtype=np.int32)[:, None]
    rows[5] = 128
    expected = X.copy()
    expected[5] = 7
    assert np.array_equal(kernel(X, rows, oob_mode.skip), expected)
    with pytest.raises(IndexError, match="out of bounds"):
        kernel(X, rows, oob_mode.error)


def test_a_predicate_holds_for_what_lies_behind_its_elements():
    @nki.jit
    def kernel(x, chosen):
        out = nl.ndarray((128, 16, 4), dtype=x.dtype, buffer=nl.shared_hbm)
        tile = nl.full((128, 16, 4), 7.0, dtype=x.dtype, buffer=nl.sbuf)
        nisa.tensor_copy_predicated(src=nl.load(x).reshape((128, 16, 4)), dst=tile, predicate=nl.load(chosen))
        nl.store(out, tile)
        return out

    chosen = (X[:, :16] > 0).astype(np.uint8)
    assert np.array_equal(kernel(X, chosen), np.where(chosen[:, :, None], X.reshape(128, 16, 4), np.float32(7)))
