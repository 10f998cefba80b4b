"""Grids over NeuronCores: each core has its programs, its SBUF and its clock; HBM and the results are shared."""

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401

import neuronxcc.nki as nki  # noqa: E402
import neuronxcc.nki.language as nl  # noqa: E402
import nki as new_nki  # noqa: E402
import nki.isa as nisa  # noqa: E402
import nki.language as new_nl  # noqa: E402

from trainstone.nki import spmd  # noqa: E402

X = np.random.default_rng(2).standard_normal((4, 128, 1024)).astype(np.float32)


def rows(x):
    out = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)
    i = nl.program_id(0)
    nl.store(out[i], nl.add(nl.load(x[i]), float(i)))
    return out


def in_place(x):
    """Writes its argument, half of it on each core."""
    i = nl.program_id(0)
    nl.store(x[i], nl.multiply(nl.load(x[i]), 2.0))


def fills_sbuf(x):
    """Four tiles of 32 KiB a program: two programs' together are more than one SBUF."""
    out = nl.ndarray((4, 128, 8192), dtype=x.dtype, buffer=nl.shared_hbm)
    first = 2 * nl.program_id(0)
    held = [nl.load(x[first + i % 2]) for i in range(4)]
    for i in range(2):
        nl.store(out[first + i], nl.add(held[i], held[i + 2]))
    return out


def test_which_core_has_which_program():
    """The examples of AWS's documentation of nl.nc."""
    by_core = [[(0, 0), (0, 1), (1, 0), (1, 1)], [(2, 0), (2, 1), (3, 0), (3, 1)]]
    taken_in_turn = [[(0, 0), (0, 1), (2, 0), (2, 1)], [(1, 0), (1, 1), (3, 0), (3, 1)]]
    assert spmd.programs_by_core((nl.spmd_dim(nl.nc(2), 2), 2), False) == by_core
    assert spmd.programs_by_core((nl.nc(2) * 2, 2), False) == by_core
    assert spmd.programs_by_core((nl.spmd_dim(2, nl.nc(2)), 2), False) == taken_in_turn
    assert spmd.programs_by_core((2 * nl.nc(2), 2), False) == taken_in_turn
    assert len(spmd.programs_by_core((4, 2), False)) == 1
    assert spmd.programs_by_core((2,), True) == [[(0,)], [(1,)]]


def measure(kernel, grid, *arrays, **options):
    timed = nki.benchmark(**options)(kernel)[grid]
    return timed(*arrays), timed.benchmark_result.record


def test_two_cores_give_the_same_in_less_time():
    want = X + np.arange(4, dtype=np.float32)[:, None, None]
    alone, on_one = measure(rows, 4, X)
    np.testing.assert_array_equal(alone, want)
    for grid in nl.nc(2) * 2, 2 * nl.nc(2):
        result, on_two = measure(rows, grid, X)
        np.testing.assert_array_equal(result, want)
        assert on_two["hbm_bytes"] * 2 == on_one["hbm_bytes"]  # of one core
        assert on_two["predicted_seconds"] < on_one["predicted_seconds"]


def test_the_cores_share_hbm(tmp_path):
    """On a chip whose HBM is slower than a core's DMA engines, half of the work on each of two cores takes as long as all of
    it on one: HBM moves the same bytes."""
    slow = tmp_path / "slow.chip"
    slow.write_text("chip trn1\nhbm_bytes_per_ns = 60\n")
    seconds = [measure(rows, grid, X, platform_target=str(slow))[1]["predicted_seconds"] for grid in (nl.nc(2) * 2, 4, 2)]
    assert seconds[0] == pytest.approx(seconds[1], rel=0.1)
    assert seconds[2] < 0.7 * seconds[1]


def test_arguments_that_both_cores_write():
    x = X[:2].copy()
    nki.simulate_kernel(nki.jit(in_place)[nl.nc(2)], x)
    np.testing.assert_array_equal(x, 2 * X[:2])


def test_each_core_has_its_own_sbuf():
    x = np.random.default_rng(4).standard_normal((4, 128, 8192)).astype(np.float32)
    result, record = measure(fills_sbuf, nl.nc(2), x)
    np.testing.assert_array_equal(result, 2 * x)
    assert record["hbm_bytes"] == (4 + 2) * x[0].nbytes  # nothing is spilled


def test_two_logical_halves_of_a_trn2_core():
    @new_nki.jit(platform_target="trn2")
    def halves(x):
        out = new_nl.ndarray(x.shape, dtype=x.dtype, buffer=new_nl.shared_hbm)
        me = new_nl.program_id(0)
        tile = new_nl.ndarray((64, 512), dtype=x.dtype, buffer=new_nl.sbuf)
        nisa.dma_copy(dst=tile, src=x[64 * me:64 * me + 64])
        nisa.tensor_scalar(dst=tile, data=tile, op0=new_nl.multiply, operand0=3.0)
        nisa.dma_copy(dst=out[64 * me:64 * me + 64], src=tile)
        return out

    x = X[0, :, :512]
    np.testing.assert_array_equal(halves[2](x), 3 * x)
    assert halves[2].with_mode("benchmark").grid == (2,)
    kernel = halves.with_mode("benchmark")[2]
    kernel(x)
    assert kernel.benchmark_result.record["hbm_bytes"] == x.nbytes  # each core moves half, in and out


def test_scratch_between_cores_goes_through_one_stream():
    """What one core leaves in HBM for another, without a result's name, is there when the other reads."""
    def through_scratch(x):
        scratch = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.hbm)
        out = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)
        i = nl.program_id(0)
        nl.store(scratch[i], nl.load(x[i]))
        nl.store(out[i], nl.load(scratch[0]))
        return out

    result, _ = measure(through_scratch, nl.nc(2), X[:2])
    np.testing.assert_array_equal(result, np.stack([X[0]] * 2))


def test_an_error_on_one_core_is_told():
    def kernel(x):
        if nl.program_id(0) == 1:
            nl.ndarray((nl.par_dim(129), 4), dtype=x.dtype, buffer=nl.sbuf)
        return rows(x)

    with pytest.raises(AssertionError, match="number of partitions 129"):
        nki.jit(kernel)[nl.nc(2)](X[:2])
