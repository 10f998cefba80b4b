"""Grids over NeuronCores: each core has its programs, its SBUF and its clock; HBM and the results are shared."""

import json
import pathlib

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


@pytest.mark.filterwarnings("ignore:.*are never written")
def test_the_cores_share_hbm(tmp_path):
    """On a chip whose HBM is slower than a core's DMA engines, half of the work on each of two cores takes
    about as long as all of it on one, and no less than HBM needs for the bytes of both."""
    slow = tmp_path / "slow.chip"
    slow.write_text("chip trn1\nhbm_bytes_per_ns = 60\n")
    seconds = [measure(rows, grid, X, platform_target=str(slow))[1]["predicted_seconds"]
               for grid in (nl.nc(2) * 2, 4, 2)]
    assert 2 * X.nbytes / 60e9 < seconds[0] < seconds[1]
    assert seconds[0] > 0.8 * seconds[1]
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


# ---- programs of two cores that wait for each other ----

HALVES = np.random.default_rng(5).standard_normal((2, 128, 512)).astype(np.float32)


def new_tile(x, parts=128, name=""):
    return new_nl.ndarray((parts, 512), dtype=x.dtype, buffer=new_nl.sbuf, name=name)


def busy(tile, times):
    for _ in range(times):
        nisa.tensor_scalar(dst=tile, data=tile, op0=new_nl.multiply, operand0=1.0)


@new_nki.jit(platform_target="trn2")
def rounds(x, count, work):
    """In every round each program takes the other's tile, and keeps its own plus twice that; program 1 works longer."""
    me = new_nl.program_id(0)
    out = new_nl.ndarray(x.shape, dtype=x.dtype, buffer=new_nl.shared_hbm)
    mine, yours = new_tile(x), new_tile(x)
    nisa.dma_copy(dst=mine, src=x[me])
    for _ in range(count):
        busy(mine, work * me)
        nisa.sendrecv(src=mine, dst=yours, send_to_rank=1 - me, recv_from_rank=1 - me, pipe_id=0)
        nisa.scalar_tensor_tensor(dst=mine, data=yours, op0=new_nl.multiply, operand0=2.0, op1=new_nl.add,
                                  operand1=mine)
    nisa.dma_copy(dst=out[me], src=mine)
    return out


@new_nki.jit(platform_target="trn2")
def through_memory(x):
    """Each program stores its half, and after a barrier reads both; what is between is nobody's result."""
    me = new_nl.program_id(0)
    between = new_nl.ndarray(x.shape, dtype=x.dtype, buffer=new_nl.shared_hbm)
    out = new_nl.ndarray(x.shape, dtype=x.dtype, buffer=new_nl.shared_hbm)
    own, first, second = new_tile(x), new_tile(x), new_tile(x)
    nisa.dma_copy(dst=own, src=x[me])
    busy(own, 40 * me)
    nisa.dma_copy(dst=between[me], src=own)
    nisa.core_barrier(between, (0, 1))
    nisa.dma_copy(dst=first, src=between[0])
    nisa.dma_copy(dst=second, src=between[1])
    nisa.tensor_tensor(dst=own, data1=first, data2=second, op=new_nl.subtract if me else new_nl.add)
    nisa.dma_copy(dst=out[me], src=own)
    return out


def on_two(kernel, *arguments):
    """The result, each core's record, and what its program says of the other core."""
    kernel = kernel[2]
    result = kernel(*arguments)
    runs = (kernel.last, *kernel.last.others)
    assert len(runs) == 2
    return result, [json.loads(run.recording.record()) for run in runs], [run.recording.text() for run in runs]


def seconds_of(record):
    return record["predicted_seconds"]


@pytest.mark.parametrize("count", [1, 3])
def test_tiles_are_exchanged_between_cores(count):
    expected = HALVES
    for _ in range(count):
        expected = expected + np.float32(2) * expected[::-1]
    result, records, texts = on_two(rounds, HALVES, count, 1)
    np.testing.assert_array_equal(result, expected)
    assert all(text.count("is_exchange") == count == text.count("core_wait") for text in texts)
    again, same, _ = on_two(rounds, HALVES, count, 1)
    np.testing.assert_array_equal(result, again)
    assert [seconds_of(r) for r in records] == [seconds_of(r) for r in same]


def test_a_core_waits_for_the_slower_one():
    _, quick, _ = on_two(rounds, HALVES, 3, 0)
    _, slow, _ = on_two(rounds, HALVES, 3, 100)
    more = [seconds_of(after) - seconds_of(before) for before, after in zip(quick, slow)]
    assert more[1] > 100e-6  # 300 passes of VectorE over 512 columns
    assert more[0] == pytest.approx(more[1], rel=0.05)
    kernel = rounds.with_mode("benchmark")[2]
    kernel(HALVES, 3, 100)
    assert seconds_of(kernel.benchmark_result.record) == max(map(seconds_of, slow))


def test_a_barrier_hands_over_what_is_in_hbm():
    result, records, texts = on_two(through_memory, HALVES)
    np.testing.assert_array_equal(result, [HALVES[0] + HALVES[1], HALVES[0] - HALVES[1]])
    assert all(text.count("gpsimd.core_signal data=hbm.") == 1 for text in texts)
    assert seconds_of(records[0]) == pytest.approx(seconds_of(records[1]), rel=0.05)  # both end behind the barrier


def test_more_programs_than_cores_take_turns_on_one():
    @new_nki.jit(platform_target="trn2")
    def kernel(x):
        me = new_nl.program_id(0)
        between = new_nl.ndarray(x.shape, dtype=x.dtype, buffer=new_nl.shared_hbm)
        out = new_nl.ndarray(x.shape, dtype=x.dtype, buffer=new_nl.shared_hbm)
        tile = new_tile(x)
        nisa.dma_copy(dst=tile, src=x[me])
        nisa.dma_copy(dst=between[me], src=tile)
        nisa.core_barrier(between, (0, 1))
        nisa.dma_copy(dst=tile, src=between[(me + 1) % 4])
        nisa.dma_copy(dst=out[me], src=tile)
        return out

    x = np.concatenate([HALVES, 3 * HALVES])
    np.testing.assert_array_equal(kernel[new_nl.nc(2) * 2](x), np.roll(x, -1, 0))


def test_programs_that_meet_for_different_things():
    @new_nki.jit(platform_target="trn2")
    def kernel(x):
        me = new_nl.program_id(0)
        tile, out = new_tile(x), new_nl.ndarray(x.shape, dtype=x.dtype, buffer=new_nl.shared_hbm)
        nisa.dma_copy(dst=tile, src=x[me])
        nisa.dma_copy(dst=out[me], src=tile)
        if me == 1:
            nisa.core_barrier(out, (0, 1))  # here
        return out

    with pytest.raises(AssertionError, match="meeting 0 of core 1 .* is core_barrier, that of the other core "
                                             "is no more") as error:
        kernel[2](HALVES)
    line = next(i for i, text in enumerate(pathlib.Path(__file__).read_text().splitlines(), 1)
                if text.endswith("# here"))
    assert f"test_cores.py:{line}: " in str(error.value)


def test_a_failure_on_one_core_ends_the_other():
    """An index that is out of bounds is found while both run: the other core does not wait for ever."""
    @new_nki.jit(platform_target="trn2")
    def kernel(x, rows):
        me = new_nl.program_id(0)
        out = new_nl.ndarray(x.shape, dtype=x.dtype, buffer=new_nl.shared_hbm)
        tile, other, index = new_tile(x), new_tile(x), new_nl.ndarray((128, 1), dtype=new_nl.int32, buffer=new_nl.sbuf)
        nisa.dma_copy(dst=index, src=rows[me])
        nisa.dma_copy(dst=tile, src=x[me].ap([[512, 128], [1, 512]], vector_offset=index))
        nisa.sendrecv(src=tile, dst=other, send_to_rank=1 - me, recv_from_rank=1 - me, pipe_id=0)
        nisa.dma_copy(dst=out[me], src=other)
        return out

    rows = np.zeros((2, 128, 1), np.int32)
    np.testing.assert_array_equal(kernel[2](HALVES, rows)[0], np.broadcast_to(HALVES[1, 0], (128, 512)))
    rows[1, 5] = 1000
    with pytest.raises(IndexError, match="out of bounds"):
        kernel[2](HALVES, rows)
