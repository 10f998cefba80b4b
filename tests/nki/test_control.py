"""Chips, registers, offsets, masks and reductions of both dialects."""

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401
import neuronxcc.nki as old
import neuronxcc.nki.isa as old_isa
import neuronxcc.nki.language as old_nl
from neuronxcc.nki._private.private_api import do_while
import nki
import nki.isa as nisa
import nki.language as nl
from kernel_parts import ROWS, filled, stored


@pytest.mark.parametrize("target, answer", [("trn2", 3), (None, 2)])
def test_a_kernel_chooses_its_chip(target, answer):
    seen = []

    @nki.jit(platform_target=target)
    def kernel(a):
        seen.append(int(nisa.get_nc_version()))
        tile = filled(128, 64)
        if target:
            low, high = filled(128, 1, value=2.0), filled(128, 1, value=5.0)
            nisa.range_select(dst=tile, on_true_tile=tile, comp_op0=nl.greater_equal, comp_op1=nl.less, bound0=low,
                              bound1=high)
        return stored(tile)

    found = kernel(ROWS)
    assert seen == [answer]
    taken = (np.arange(64) >= 2) & (np.arange(64) < 5) if target else np.ones(64, bool)
    assert np.array_equal(found[0], np.where(taken, 1, np.finfo(np.float32).min).astype(np.float32))


def test_a_loop_runs_as_often_as_its_register_says():
    @nki.jit
    def kernel(a, count):
        total, one = filled(128, 64, value=0.0), filled(128, 64)
        bound, size = nisa.register_alloc(), nl.ndarray((1, 1), dtype=nl.int32, buffer=nl.sbuf)
        nisa.dma_copy(dst=size, src=count)
        nisa.register_load(bound, size)
        for _ in nl.dynamic_range(bound):
            nisa.tensor_tensor(dst=total, data1=total, data2=one, op=nl.add)
        return stored(total)

    for trips in (0, 3):
        assert np.all(kernel(ROWS, np.array([[trips]], np.int32)) == trips)


@old.jit
def sums_of_rows(a, wanted, out):
    """out[number] = row of that number + what the trip before left, as long as `wanted` says so for the next."""
    going = old_nl.ndarray((1, 1), buffer=old_nl.hbm, dtype=np.uint8)
    number = old_nl.ndarray((1, 1), buffer=old_nl.hbm, dtype=np.int32)
    old_nl.store(number[0, 0], 0)
    carried = old_nl.full((1, 64), 100.0, dtype=np.float32, buffer=old_nl.sbuf)
    with do_while(going):
        now = old_nl.load(number[0])
        row = old_nl.ndarray((1, 64), dtype=np.float32, buffer=old_nl.sbuf)
        row[0:1, 0:64] = old_nl.load(a[now, old_nl.arange(64)[None, :]])
        for half in old_nl.affine_range(2):  # a loop within
            columns = old_nl.arange(32)[None, :] + 32 * half
            carried[old_nl.arange(1)[:, None], columns] = old_nl.add(row[0:1, 32 * half:32 * half + 32],
                                                                    carried[0:1, 32 * half:32 * half + 32])
        old_nl.store(out[now, old_nl.arange(64)[None, :]], carried)
        after = old_nl.add(now, 1)
        old_nl.store(number[0], after[0, 0])
        old_nl.store(going[0], old_nl.load(wanted[after])[0, 0])
    total = old_nl.ndarray((1, 64), dtype=np.float32, buffer=old_nl.shared_hbm)
    old_nl.store(total, row)  # of the last trip
    return total


@pytest.mark.parametrize("trips", [1, 2, 5])
def test_a_body_told_once_repeats_while_its_condition_holds(trips):
    rows = np.random.default_rng(1).standard_normal((6, 64)).astype(np.float32)
    wanted, out = np.array([0] + [1] * (trips - 1) + [0] * 5, np.uint8), np.full((6, 64), -1, np.float32)
    last = sums_of_rows(rows, wanted, out)
    expected = np.full((6, 64), -1, np.float32)
    carried = np.full(64, 100, np.float32)
    for i in range(trips):
        carried = rows[i] + carried
        expected[i] = carried
    assert np.array_equal(out, expected)
    assert np.array_equal(last[0], rows[trips - 1])


def test_a_condition_is_one_element():
    @old.jit
    def kernel(a):
        with do_while(a):
            pass

    with pytest.raises(AssertionError, match="do_while takes one element"):
        kernel(ROWS)


def test_an_index_array_counts_from_an_element():
    @old.jit
    def kernel(a, start, other):
        out = old_nl.ndarray((4, 8), dtype=a.dtype, buffer=old_nl.shared_hbm)
        turned = old_nl.ndarray((8, 4), dtype=a.dtype, buffer=old_nl.shared_hbm)
        picked = old_nl.ndarray((128, 5), dtype=other.dtype, buffer=old_nl.shared_hbm)
        first = old_nl.load(start)
        places = 8 * old_nl.arange(4)[:, None] + old_nl.arange(8)[None, :] + first * 2
        old_nl.store(out, old_nl.load(a[places]))
        old_nl.store(turned, old_nl.load_transpose2d(a[places + 1]))
        p, f = old_nl.mgrid[0:128, 0:5]  # one element for a dimension, index arrays for the others
        old_nl.store(picked, old_nl.load(other[first[0, 0], p, f]))
        return out, turned, picked

    a, other = np.arange(100, dtype=np.float32), np.arange(20 * 128 * 5, dtype=np.float32).reshape(20, 128, 5)
    out, turned, picked = kernel(a, np.array([[17]], np.int32), other)
    assert np.array_equal(out, a[34:66].reshape(4, 8))
    assert np.array_equal(turned, a[35:67].reshape(4, 8).T)
    assert np.array_equal(picked, other[17])


def test_an_index_array_counts_from_one_element_only():
    @old.jit
    def kernel(a):
        rows = old_isa.iota(old_nl.arange(4)[:, None], dtype=np.int32)
        return old_nl.load(a[old_nl.arange(4)[:, None] + rows, old_nl.arange(8)[None, :]])

    with pytest.raises(TypeError, match="one element is what it can count from"):
        kernel(ROWS)


def test_an_offset_from_a_tile_picks_the_row():
    @nki.jit
    def kernel(a, row):
        chosen, tile = nl.ndarray((1, 1), dtype=nl.int32, buffer=nl.sbuf), filled(1, 64)
        nisa.dma_copy(dst=chosen, src=row)
        nisa.dma_copy(dst=tile, src=a.ap([[64, 1], [1, 64]], scalar_offset=chosen, indirect_dim=0))
        return stored(tile)

    rows = np.arange(128 * 64, dtype=np.float32).reshape(128, 64)
    assert np.array_equal(kernel(rows, np.array([[7]], np.int32))[0], rows[7])


def test_and_joins_masks():
    limit = 3  # of the enclosing function: the rewritten kernel still sees it

    @old.jit
    def kernel(a):
        out = old_nl.ndarray(a.shape, dtype=a.dtype, buffer=old_nl.shared_hbm)
        i, j = old_nl.mgrid[0:8, 0:16]
        tile = old_nl.zeros((8, 16), dtype=a.dtype, buffer=old_nl.sbuf)
        tile[i, j] = old_nl.load(a[i, j], mask=(i < limit and j < 5))
        old_nl.store(out, tile)
        return out

    a = np.arange(128, dtype=np.float32).reshape(8, 16) + 1
    found = kernel(a)
    expected = np.zeros_like(a)
    expected[:limit, :5] = a[:limit, :5]
    assert np.array_equal(found, expected)


def test_reduced_axes_may_stand_anywhere_behind_the_partitions():
    @old.jit
    def kernel(a):
        out = old_nl.ndarray((4, 3, 5), dtype=a.dtype, buffer=old_nl.shared_hbm)
        old_nl.store(out, old_nl.max(old_nl.load(a), axis=[2, 4]))
        return out

    a = np.random.default_rng(0).standard_normal((4, 3, 2, 5, 7)).astype(np.float32)
    assert np.array_equal(kernel(a), a.max((2, 4)))


@nki.jit(platform_target="trn2")
def swapped(a):
    """Each of two programs stores the other's row, and after a barrier reads what both have stored."""
    me = nl.program_id(0)
    mine, yours = filled(1, 64), filled(1, 64)
    nisa.dma_copy(dst=mine, src=a[me:me + 1, 0:64])
    nisa.sendrecv(src=mine, dst=yours, send_to_rank=1 - me, recv_from_rank=1 - me, pipe_id=0)
    nisa.memset(mine, -1.0)
    out = nl.ndarray((2, 64), dtype=nl.float32, buffer=nl.shared_hbm)
    total = nl.ndarray((2, 64), dtype=nl.float32, buffer=nl.shared_hbm)
    nisa.dma_copy(dst=out[me:me + 1], src=yours)
    nisa.core_barrier(out, (0, 1))
    first, second = filled(1, 64), filled(1, 64)
    nisa.dma_copy(dst=first, src=out[0:1])
    nisa.dma_copy(dst=second, src=out[1:2])
    nisa.tensor_tensor(dst=first, data1=first, data2=second, op=nl.add)
    nisa.dma_copy(dst=total[me:me + 1], src=first)
    return out, total


def test_two_programs_exchange_tiles_and_wait_for_each_other():
    rows = np.arange(128 * 64, dtype=np.float32).reshape(128, 64)
    out, total = swapped[2](rows)
    assert np.array_equal(out, rows[[1, 0]])
    assert np.array_equal(total, np.stack([rows[0] + rows[1]] * 2))


def test_a_lone_program_has_nobody_to_exchange_with():
    with pytest.raises(AssertionError, match=r"program 0 waits for program 1, which does not run.*kernel\[2\]"):
        swapped[1](ROWS)


def test_an_error_in_one_program_ends_the_others():
    @nki.jit(platform_target="trn2")
    def kernel(a):
        nisa.core_barrier(a, (0, 1))
        if nl.program_id(0) == 1:
            filled(129, 4)
        nisa.core_barrier(a, (0, 1))
        return stored(filled(1, 4))

    with pytest.raises(AssertionError, match="number of partitions 129"):
        kernel[2](ROWS)


def test_more_dimensions_than_an_instruction_has_are_several_instructions():
    @old.jit
    def kernel(a):
        out = old_nl.ndarray(a.shape[:1] + a.shape[6:0:-1], dtype=a.dtype, buffer=old_nl.shared_hbm)
        tile = old_nl.ndarray(out.shape, dtype=a.dtype, buffer=old_nl.sbuf)
        loaded = old_nl.load(a)
        i = old_nl.mgrid[0:4, 0:2, 0:3, 0:2, 0:3, 0:2, 0:3]
        tile[i[0], i[6], i[5], i[4], i[3], i[2], i[1]] = old_nl.multiply(loaded[tuple(i)], 2.0)
        old_nl.store(out, tile)
        return out

    a = np.random.default_rng(0).standard_normal((4, 2, 3, 2, 3, 2, 3)).astype(np.float32)
    assert np.array_equal(kernel(a), 2 * a.transpose(0, 6, 5, 4, 3, 2, 1))
