"""Names and manners that published kernels rely on."""

import ml_dtypes
import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401
import neuronxcc.nki as old
import neuronxcc.nki.isa as old_nisa
import neuronxcc.nki.language as old_nl
import nki
import nki.collectives as ncc
import nki.isa as nisa
import nki.language as nl
from kernel_parts import ROWS, filled, stored
from trainstone.nki.errors import NkiIndexError, NkiUnsupportedError, NkiValidationError

ODD = np.arange(128 * 128, dtype=np.float32).reshape(128, 128)
ODD[3, 5], ODD[40, 5], ODD[7, 9], ODD[1, 1] = np.nan, np.inf, -np.inf, -0.0


def loaded(a):
    tile = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.sbuf)
    nisa.dma_copy(dst=tile, src=a)
    return tile


def turned(a, dtype, by_matmul):
    tile = loaded(a)
    dst = nl.ndarray((a.shape[1], a.shape[0]), dtype=dtype, buffer=nl.psum)
    if by_matmul:
        nisa.nc_matmul(dst=dst, stationary=tile, moving=nl.shared_identity_matrix(128, dtype=a.dtype),
                       is_transpose=True)
    else:
        nisa.nc_transpose(dst=dst, data=tile)
    copy = nl.ndarray(dst.shape, dtype=dtype, buffer=nl.sbuf)
    nisa.tensor_copy(dst=copy, src=dst)
    return stored(copy)


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_tensore_turns_bits_from_the_third_generation_on(dtype):
    odd = ODD.astype(dtype)
    kernel = nki.jit(platform_target="trn2")(turned)
    bits = np.uint32 if dtype is np.float32 else np.uint16
    for by_matmul in (False, True) if dtype is not np.float32 else (False,):
        assert np.array_equal(kernel(odd, odd.dtype, by_matmul).view(bits), odd.T.view(bits))
    spread = nki.jit(platform_target="trn1")(turned)(odd, np.float32, False)
    clean = np.isfinite(ODD).all(0)
    assert np.isnan(spread[5]).all() and np.isnan(spread[9]).sum() == 127 and np.isneginf(spread[9, 7])
    assert np.array_equal(spread[clean], odd.astype(np.float32).T[clean])


def test_loop_reduce_reduces_onto_the_tile_it_is_assigned_to():
    @old.jit
    def kernel(a):
        out = old_nl.ndarray((128, 64), dtype=a.dtype, buffer=old_nl.shared_hbm)
        total = old_nl.zeros((2, old_nl.par_dim(128), 64), dtype=a.dtype, buffer=old_nl.sbuf)
        for k in old_nl.affine_range(3):
            total[1] = old_nl.loop_reduce(old_nl.load(a[k]), op=np.add, loop_indices=[k])
        old_nl.store(out, total[1])
        return out

    a = np.random.default_rng(0).random((3, 128, 64)).astype(np.float32)
    np.testing.assert_allclose(kernel(a), a.sum(0), rtol=1e-6)


def test_a_mask_keeps_slices_inside():
    @old.jit
    def kernel(a, is_masked):
        out = old_nl.ndarray(a.shape, dtype=a.dtype, buffer=old_nl.shared_hbm)
        rows, columns = old_nl.mgrid[0:128, 0:64]
        mask = (rows < 100) & (columns < 64) if is_masked else None
        tile = old_nl.load(a[old_nl.ds(0, 128), :], mask=mask)
        old_nl.store(out[old_nl.ds(0, 128), :], tile, mask=mask)
        return out

    a = ROWS[:100] + np.arange(100, dtype=np.float32)[:, None]
    assert np.array_equal(kernel(a, True), a)
    with pytest.raises(NkiIndexError, match=r"index range \[0, 127\] exceed dimension size of 100"):
        kernel(a, False)


@pytest.mark.parametrize("is_taken", [True, False])
def test_what_a_mask_leaves_out_leaves_out_what_uses_it(is_taken):
    @old.jit
    def kernel(a):
        out = old_nl.ndarray((64, 64), dtype=np.float32, buffer=old_nl.shared_hbm)
        tile = old_nl.load(a)
        total = old_nl.zeros((64, 64), dtype=np.float32, buffer=old_nl.psum)
        total += old_nl.matmul(tile, tile, transpose_x=True)
        total += old_nl.matmul(tile, old_nl.exp(tile, mask=is_taken), transpose_x=True)
        turned = old_nisa.nc_transpose(tile[0:64], mask=is_taken)
        old_nl.store(out, total + old_nl.copy(old_nl.zeros((64, 64), np.float32)))
        if is_taken:
            old_nl.store(out, total + turned)
        return out

    a = np.random.default_rng(1).random((128, 64)).astype(np.float32)
    expected = a.T @ a + (a.T @ np.exp(a) + a[:64].T if is_taken else 0)
    np.testing.assert_allclose(kernel(a), expected, rtol=1e-5)


def test_a_mask_between_brackets():
    @old.jit
    def kernel(a):
        out = old_nl.ndarray((128, 1), dtype=a.dtype, buffer=old_nl.shared_hbm)
        rows, columns = old_nl.arange(128)[:, None], old_nl.arange(64)[None, :]
        old_nl.store(out, old_nl.sum(old_nl.load(a)[rows, columns][columns < 10], axis=1))
        return out

    assert np.array_equal(kernel(ROWS + 1), np.full((128, 1), 20))


def test_a_column_goes_along_rows_in_the_first_tensor_tensor():
    @old.jit
    def kernel(a, column):
        out = old_nl.ndarray(a.shape, dtype=a.dtype, buffer=old_nl.shared_hbm)
        old_nl.store(out, old_nisa.tensor_tensor(old_nl.load(a), old_nl.load(column), np.multiply))
        return out

    column = np.arange(128, dtype=np.float32)[:, None]
    assert np.array_equal(kernel(ROWS + 2, column), (ROWS + 2) * column)


def test_dma_compute_adds():
    @nki.jit
    def kernel(a, b):
        onto, fresh = filled(128, 64, value=5.0), filled(128, 64)
        nisa.dma_compute(dst=onto, srcs=[a, onto], reduce_op=nl.add)
        nisa.dma_compute(dst=fresh, srcs=[a, b, onto], scales=[1.0, 1.0, 1.0], reduce_op=nl.add)
        return stored(onto), stored(fresh)

    a, b = ROWS + 1, ROWS + 2
    onto, fresh = kernel(a, b)
    assert np.array_equal(onto, a + 5) and np.array_equal(fresh, a + b + a + 5)
    for wrong in ({"reduce_op": nl.multiply}, {"reduce_op": nl.add, "scales": [2.0]}):
        with pytest.raises((NkiUnsupportedError, NkiValidationError)):
            nki.jit(lambda a, wrong=wrong: nisa.dma_compute(dst=filled(128, 64), srcs=[a], **wrong))(a)


def test_an_indirect_dimension_is_one_of_the_view():
    @nki.jit
    def kernel(a, chosen):
        at = nl.ndarray((1, 1), dtype=nl.int32, buffer=nl.sbuf)
        tile = nl.ndarray((1, 16), dtype=a.dtype, buffer=nl.sbuf)
        nisa.dma_copy(dst=at, src=chosen)
        blocks = a.reshape((8, 16))
        nisa.dma_copy(dst=tile, src=blocks.ap([[16, 1], [1, 16]], scalar_offset=at, indirect_dim=0))
        return stored(tile)

    a = np.arange(128, dtype=np.float32)
    assert np.array_equal(kernel(a, np.array([[6]], np.int32))[0], a[96:112])


def test_a_group_of_one_copies_and_a_larger_one_wants_ranks():
    @nki.jit
    def kernel(a, groups):
        out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
        ncc.all_reduce(srcs=[a], dsts=[out], replica_group=ncc.ReplicaGroup(groups), op=nl.add)
        return out

    assert np.array_equal(kernel(ODD[:, :4], [[0]]), ODD[:, :4])
    with pytest.raises(NkiValidationError, match="names rank 1, and the kernel runs on one rank") as caught:
        kernel(ODD, [[0, 1]])
    assert "test_names.py" in caught.value.where and "shard_map" in caught.value.remedy
