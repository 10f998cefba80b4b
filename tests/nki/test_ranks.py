"""Kernels with collectives on several ranks: what each rank returns, against NumPy."""

import json
import os
import pathlib
import re

os.environ.setdefault("JAX_PLATFORMS", "neuron,cpu")

import ml_dtypes
import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401

import nki  # noqa: E402
import nki.collectives as ncc  # noqa: E402
import nki.isa as nisa  # noqa: E402
import nki.language as nl  # noqa: E402

from trainstone.nki.errors import NkiUnsupportedError, NkiValidationError  # noqa: E402
from trainstone.nki.launch import on_ranks  # noqa: E402
from trainstone.nki.rank_values import ring_table  # noqa: E402

RANDOM = np.random.default_rng(5)
NAMES = {"float32": np.float32, "bfloat16": ml_dtypes.bfloat16, "int32": np.int32, "uint8": np.uint8}
UFUNCS = {"add": np.add, "maximum": np.maximum, "minimum": np.minimum}


def numbers(*shape, dtype=np.float32):
    return RANDOM.integers(-40, 40, shape).astype(np.int8).astype(dtype)


def hbm(shape, like):
    return nl.ndarray(shape, dtype=like.dtype, buffer=nl.shared_hbm)


def sbuf(shape, like):
    return nl.ndarray(shape, dtype=like.dtype, buffer=nl.sbuf)


def groups_of(ranks, size=None):
    size = size or ranks
    return [list(range(first, first + size)) for first in range(0, ranks, size)]


def run(kernel, x, **keywords):
    """The kernel with x[r] on rank r: its results side by side."""
    return on_ranks(kernel, len(x), lambda rank_id: {"x": x[rank_id], **keywords})


# ---- a kernel for each collective ----

@nki.jit
def all_reduce(x, groups, op=nl.add, make=hbm):
    src, dst, out = make(x.shape, x), make(x.shape, x), hbm(x.shape, x)
    nisa.dma_copy(dst=src, src=x)
    ncc.all_reduce(srcs=[src], dsts=[dst], replica_group=ncc.ReplicaGroup(groups), op=op)
    nisa.dma_copy(dst=out, src=dst)
    return out


@nki.jit
def all_gather(x, groups, dim=0, make=hbm):
    shape = list(x.shape)
    shape[dim] *= len(groups[0])
    src, dst, out = make(x.shape, x), make(shape, x), hbm(shape, x)
    nisa.dma_copy(dst=src, src=x)
    ncc.all_gather(srcs=[src], dsts=[dst], replica_group=ncc.ReplicaGroup(groups), collective_dim=dim)
    nisa.dma_copy(dst=out, src=dst)
    return out


@nki.jit
def reduce_scatter(x, groups, op=nl.add, make=hbm):
    shape = (x.shape[0] // len(groups[0]), x.shape[1])
    src, dst, out = make(x.shape, x), make(shape, x), hbm(shape, x)
    nisa.dma_copy(dst=src, src=x)
    ncc.reduce_scatter(srcs=[src], dsts=[dst], replica_group=ncc.ReplicaGroup(groups), collective_dim=0, op=op)
    nisa.dma_copy(dst=out, src=dst)
    return out


@nki.jit
def all_to_all(x, groups):
    out = hbm(x.shape, x)
    ncc.all_to_all(srcs=[x], dsts=[out], replica_group=ncc.ReplicaGroup(groups), collective_dim=0)
    return out


@nki.jit
def permute(x, pairs):
    out = hbm(x.shape, x)
    ncc.collective_permute(srcs=[x], dsts=[out], source_target_pairs=pairs)
    return out


@pytest.mark.parametrize("make", [hbm, sbuf])
@pytest.mark.parametrize("dtype", NAMES)
def test_all_reduce(dtype, make):
    """Two groups of a kernel's four ranks, whose members are no neighbours."""
    x, groups = numbers(4, 16, 96, dtype=NAMES[dtype]), [[0, 2], [3, 1]]
    for op, ufunc in UFUNCS.items():
        got = run(all_reduce, x, groups=groups, op=getattr(nl, op), make=make)
        for row in groups:
            for rank in row:
                assert np.array_equal(got[rank], ufunc(x[row[0]], x[row[1]]))


def test_groups_of_several_sizes():
    """What a rank in none of them has stays."""
    x = numbers(6, 4, 16)
    got = run(all_reduce, x, groups=[[0, 4, 2], [5], [1]])
    assert all(np.array_equal(got[rank], x[[0, 4, 2]].sum(0)) for rank in (0, 2, 4))
    assert np.array_equal(got[5], x[5]) and np.array_equal(got[1], x[1])


def test_sums_go_in_the_groups_order():
    """In fp32, from the first member to the last, and rounded once."""
    x = RANDOM.standard_normal((4, 8, 64)).astype(ml_dtypes.bfloat16)
    wide = x.astype(np.float32)
    for row in ([0, 1, 2, 3], [3, 1, 0, 2]):
        total = wide[row[0]] + wide[row[1]] + wide[row[2]] + wide[row[3]]
        assert all(np.array_equal(part, total.astype(x.dtype)) for part in run(all_reduce, x, groups=[row]))


@pytest.mark.parametrize("make, dim", [(hbm, 0), (sbuf, 0), (sbuf, 1)])
def test_all_gather(make, dim):
    x, groups = numbers(4, 8, 48), groups_of(4, 2)
    got = run(all_gather, x, groups=groups, dim=dim, make=make)
    for rank in range(4):
        assert np.array_equal(got[rank], np.concatenate(list(x[rank // 2 * 2:rank // 2 * 2 + 2]), dim))


@pytest.mark.parametrize("make", [hbm, sbuf])
def test_reduce_scatter(make):
    x = numbers(4, 32, 40)
    for op, ufunc in UFUNCS.items():
        got = run(reduce_scatter, x, groups=[[2, 0, 3, 1]], op=getattr(nl, op), make=make)
        for place, rank in enumerate([2, 0, 3, 1]):
            assert np.array_equal(got[rank], ufunc.reduce(x)[place * 8:(place + 1) * 8])


def test_all_to_all():
    x = numbers(8, 16, 12)
    got = run(all_to_all, x, groups=groups_of(8, 4))
    for rank in range(8):
        first = rank // 4 * 4
        assert np.array_equal(got[rank],
                              np.concatenate([x[first + i, rank % 4 * 4:rank % 4 * 4 + 4] for i in range(4)]))


def test_permute():
    """A rank that nobody sends to gets zeros."""
    x = numbers(4, 4, 20)
    got = run(permute, x, pairs=[(0, 3), (3, 1), (2, 2)])
    assert [np.array_equal(got[target], x[source]) for source, target in [(0, 3), (3, 1), (2, 2)]] == [True] * 3
    assert not got[0].any()


def test_parts_of_tensors_are_moved():
    """What is no run of neighbours goes through one that is."""
    @nki.jit
    def kernel(x):
        out = hbm(x.shape, x)
        nisa.dma_copy(dst=out, src=x)
        ncc.all_reduce(srcs=[x[:, 4:8]], dsts=[out[:, 8:12]], replica_group=[[0, 1]], op=nl.add)
        return out

    x = numbers(2, 6, 16)
    for rank, got in enumerate(run(kernel, x)):
        wanted = x[rank].copy()
        wanted[:, 8:12] = x[0, :, 4:8] + x[1, :, 4:8]
        assert np.array_equal(got, wanted)


def test_several_tensors_at_once():
    @nki.jit
    def kernel(x):
        outs = [hbm(x.shape, x) for _ in range(2)]
        ncc.all_reduce(srcs=[x, x], dsts=outs, replica_group=ncc.ReplicaGroup([[0, 1]]), op=nl.maximum)
        return tuple(outs)

    x = numbers(2, 4, 8)
    assert all(np.array_equal(part, x.max(0)) for pair in run(kernel, x) for part in pair)


# ---- rings ----

@nki.jit
def ring_sum(x, groups, make):
    """Each rank's part goes round and is added up on its way; the rank of each part goes into its place of `order`."""
    ranks, group = len(groups[0]), ncc.ReplicaGroup(groups)
    order, out = hbm((ranks, 1), INDEX), hbm(x.shape, x)
    near, far, own = (make(x.shape, x) for _ in range(3))
    word = nl.ndarray((1, 1), dtype=nl.int32, buffer=nl.sbuf)
    for tile in (near, own):
        nisa.dma_copy(dst=tile, src=x)
    for i in range(ranks):
        rank = ncc.collective_permute_implicit_current_processing_rank_id(iteration_id=i, replica_group=group)
        nisa.register_store(word, rank)
        nisa.dma_copy(dst=order[i:i + 1], src=word)
        if i == ranks - 1:
            break
        ncc.collective_permute_implicit_reduce(srcs0_by_channel=[[near]], srcs1_by_channel=[[own]],
                                               dsts_by_channel=[[far]],
                                               replica_group=group, op=nl.add, channel_ids=[0])
        near, far = far, near
    nisa.dma_copy(dst=out, src=near)
    return out, order


INDEX = np.zeros(1, np.int32)


@pytest.mark.parametrize("make, shape", [(sbuf, (16, 40)), (hbm, (130, 257))])
def test_ring_with_sums(make, shape):
    x, groups = numbers(6, *shape), [[4, 0, 2], [1, 5, 3]]
    got = run(ring_sum, x, groups=groups, make=make)
    for row in groups:
        for place, rank in enumerate(row):
            before, twice = row[place - 1], row[place - 2]
            assert got[rank][1].ravel().tolist() == [rank, before, twice]
            assert np.array_equal(got[rank][0], 2 * x[twice] + x[before])


def test_rings_of_several_lengths():
    @nki.jit
    def kernel(x):
        outs, group = [hbm(x.shape, x), hbm((1, 1), INDEX)], ncc.ReplicaGroup([[3, 0, 1], [4, 2]])
        word = nl.ndarray((1, 1), dtype=nl.int32, buffer=nl.sbuf)
        ncc.collective_permute_implicit([[x]], [[outs[0]]], group)
        nisa.register_store(word, ncc.collective_permute_implicit_current_processing_rank_id(5, group))
        nisa.dma_copy(dst=outs[1], src=word)
        return tuple(outs)

    x, before, fifth = numbers(5, 4, 8), {3: 1, 0: 3, 1: 0, 4: 2, 2: 4}, {3: 0, 0: 1, 1: 3, 4: 2, 2: 4}
    for rank, (moved, number) in enumerate(run(kernel, x)):
        assert np.array_equal(moved, x[before[rank]]) and number.item() == fifth[rank]


@nki.jit
def two_channels(x, make, is_whole):
    """Both halves of x go to the next rank."""
    half, out = x.shape[1] // 2, hbm(x.shape, x)
    if is_whole:
        whole = [make(x.shape, x) for _ in range(2)]
        near, far = ([tensor[:, :half], tensor[:, half:]] for tensor in whole)
    else:
        near, far = ([make((x.shape[0], half), x) for _ in range(2)] for _ in range(2))
    for c in range(2):
        nisa.dma_copy(dst=near[c], src=x[:, c * half:(c + 1) * half])
    ncc.collective_permute_implicit([[tile] for tile in near], [[tile] for tile in far],
                                    ncc.ReplicaGroup([[0, 1, 2, 3]]), [0, 1])
    for c in range(2):
        nisa.dma_copy(dst=out[:, c * half:(c + 1) * half], src=far[c])
    return out


@pytest.mark.parametrize("make, is_whole, collectives",
                         [(sbuf, True, 1), (sbuf, False, 1), (hbm, True, 2), (hbm, False, 2)])
def test_channels(make, is_whole, collectives):
    """Those of tiles share a collective."""
    x, timed = numbers(4, 8, 32), nki.benchmark(two_channels)
    got = run(timed, x, make=make, is_whole=is_whole)
    assert all(np.array_equal(got[rank], x[rank - 1]) for rank in range(4))
    assert timed.benchmark_result.record["collectives"] == collectives


def test_neighbours_in_hbm_share_a_collective():
    @nki.jit
    def kernel(x):
        out = hbm(x.shape, x)
        ncc.all_reduce([x[0:2], x[2:8]], [out[0:2], out[2:8]], [[0, 1]], nl.maximum)
        return out

    @nki.jit
    def apart(x):
        """The same places, but in another order, or of two tensors."""
        outs = [hbm(x.shape, x) for _ in range(2)]
        ncc.all_reduce([x[2:8], x[0:2]], [outs[0][2:8], outs[0][0:2]], [[0, 1]], nl.maximum)
        nisa.dma_copy(dst=outs[1][2:8], src=x[0:6])
        ncc.all_reduce([x[0:2], outs[1][2:8]], [outs[1][0:2], outs[1][2:8]], [[0, 1]], nl.minimum)
        return tuple(outs)

    x, timed = numbers(2, 8, 32), nki.benchmark(kernel)
    assert all(np.array_equal(part, x.max(0)) for part in run(timed, x))
    assert timed.benchmark_result.record["collectives"] == 1
    for high, low in run(apart, x):
        assert np.array_equal(high, x.max(0)) and np.array_equal(low, x.min(0)[[0, 1, 0, 1, 2, 3, 4, 5]])


def test_the_table_of_a_ring():
    assert ring_table(((0, 1, 2), (5, 3, 4)), 6).tolist() == [
        [0, 2, 1], [1, 0, 2], [2, 1, 0], [3, 5, 4], [4, 3, 5], [5, 4, 3]]


@nki.jit
def ring_matmul(left, right, ranks):
    """All ranks' rows times the rank's columns: the rows go round while what is there is multiplied."""
    group = ncc.ReplicaGroup([list(range(ranks))])
    depth, rows = left.shape
    out = hbm((ranks, rows, right.shape[1]), left)
    weights, here, there = sbuf(right.shape, right), sbuf(left.shape, left), sbuf(left.shape, left)
    nisa.dma_copy(dst=weights, src=right)
    nisa.dma_copy(dst=here, src=left)
    for i in range(ranks):
        if i + 1 < ranks:
            ncc.collective_permute_implicit([[here]], [[there]], group)
        product = nl.ndarray((rows, right.shape[1]), dtype=nl.float32, buffer=nl.psum)
        result = sbuf((rows, right.shape[1]), left)
        nisa.nc_matmul(dst=product, stationary=here, moving=weights)
        nisa.tensor_copy(dst=result, src=product)
        rank = ncc.collective_permute_implicit_current_processing_rank_id(i, group)
        nisa.dma_copy(dst=out.ap([[right.shape[1], rows], [1, right.shape[1]]], scalar_offset=rank,
                                 indirect_dim=0), src=result)
        here, there = there, here
    return out


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_ring_matmul(ranks):
    left, right = numbers(ranks, 64, 32), numbers(ranks, 64, 48)
    measured = nki.benchmark(ring_matmul)
    got = on_ranks(measured, ranks, lambda rank_id: {"left": left[rank_id], "right": right[rank_id], "ranks": ranks})
    for rank in range(ranks):
        assert np.array_equal(got[rank], np.stack([left[i].T @ right[rank] for i in range(ranks)]))
    record = measured.benchmark_result.record
    assert record["ranks"] == ranks and record["collectives"] == ranks - 1 and record["collective_seconds"] > 0


# ---- which rank a core is ----

def test_what_is_computed_of_the_rank():
    @nki.jit
    def kernel(x):
        out = hbm((10, 1), INDEX)
        word = nl.ndarray((1, 1), dtype=nl.int32, buffer=nl.sbuf)
        rank, made = ncc.rank_id(), nisa.register_alloc(0)
        nisa.register_move(made, rank)
        found = [rank, made + 3, 7 - rank, rank * 5, rank % 2, (rank - 2) % 3, rank // 2, rank + rank,
                 rank < 2, 2 * rank]
        for i, register in enumerate(found):
            nisa.register_store(word, register)
            nisa.dma_copy(dst=out[i:i + 1], src=word)
        return out

    for r, got in enumerate(run(kernel, numbers(4, 2, 2))):
        assert got.ravel().tolist() == [r, r + 3, 7 - r, r * 5, r % 2, (r - 2) % 3, r // 2, 2 * r, r < 2, 2 * r]
    assert kernel(numbers(2, 2)).ravel().tolist() == [0, 3, 7, 0, 0, 1, 0, 0, 1, 0]


def test_rows_that_the_rank_chooses():
    @nki.jit
    def kernel(x):
        outs = [hbm((8, x.shape[1]), x) for _ in range(3)]
        rank = ncc.rank_id()
        nisa.dma_copy(dst=outs[0], src=x[nl.ds(rank * 8, 8), :])
        nisa.dma_copy(dst=outs[1], src=x.ap([[x.shape[1], 8], [1, x.shape[1]]], scalar_offset=rank * 8))
        nisa.dma_copy(dst=outs[2], src=x.reshape((4, 8, x.shape[1])).select(0, rank))
        return tuple(outs)

    x = numbers(32, 24)
    for rank, got in enumerate(on_ranks(kernel, 4, {"x": x})):
        assert all(np.array_equal(part, x[rank * 8:rank * 8 + 8]) for part in got)


def test_slices_that_the_rank_begins_are_in_bounds():
    @nki.jit
    def kernel(x, size):
        out = hbm((size, x.shape[1]), x)
        nisa.dma_copy(dst=out, src=x[nl.ds(ncc.rank_id(), size), :])
        return out

    with pytest.raises(IndexError, match="Out-of-bound access"):
        run(kernel, numbers(2, 4, 4), size=5)
    with pytest.raises(IndexError, match="out of bounds"):
        run(kernel, numbers(2, 4, 4), size=4)


def test_a_rank_is_no_number():
    def used(use):
        @nki.jit
        def kernel(x):
            use(ncc.rank_id(), x)
            return x

        return kernel

    for use in (lambda rank, x: range(rank), lambda rank, x: bool(rank), lambda rank, x: nl.ds(0, rank),
                lambda rank, x: x[rank]):
        with pytest.raises(NkiUnsupportedError, match="recorded once, for all ranks") as caught:
            run(used(use), numbers(2, 4, 4))
        assert "test_ranks.py" in caught.value.where and "scalar_offset" in caught.value.remedy
        used(use)(numbers(4, 4))


def test_registers_loaded_from_tensors():
    """A number where all ranks have it, otherwise an offset; both are those of the time of the load."""
    @nki.jit
    def kernel(x, rows, count):
        out, at, times = hbm((4, x.shape[1]), x), nisa.register_alloc(), nisa.register_alloc()
        row, bound = (nl.ndarray((1, 1), dtype=nl.int32, buffer=nl.sbuf) for _ in range(2))
        nisa.dma_copy(dst=row, src=rows)
        nisa.dma_copy(dst=bound, src=count)
        nisa.register_load(at, row)
        nisa.register_load(times, bound)
        nisa.memset(dst=row, value=0)
        for i in nl.dynamic_range(times):
            nisa.dma_copy(dst=out[i:i + 1], src=x[nl.ds(at + i, 1), :])
        return out

    x, count = numbers(8, 24), np.array([[4]], np.int32)
    rows = [np.array([[row]], np.int32) for row in (3, 0, 4)]
    for row, got in zip((3, 0, 4), on_ranks(kernel, 3,
                                            lambda rank_id: {"x": x, "rows": rows[rank_id], "count": count})):
        assert np.array_equal(got, x[row:row + 4])


def test_values_are_printed_for_each_rank(capsys):
    @nki.jit
    def kernel(x):
        out = hbm(x.shape, x)
        ncc.all_reduce([x], [out], [[0, 1]], nl.add)
        nl.device_print("sum", out)
        nl.device_print("own", x)
        return out

    x = np.array([[[1.5, 2]], [[4, 5]]], np.float32)
    run(kernel, x)
    assert capsys.readouterr().out.splitlines() == ["rank 0: sum [[5.5 7. ]]", "rank 1: sum [[5.5 7. ]]",
                                                    "rank 0: own [[1.5 2. ]]",
                                                    "rank 1: own [[4. 5.]]"]


# ---- what does not fit ----

def call(name, *, shapes=((4, 8), (4, 8)), make=(hbm, hbm), dtype=None, ranks=2, **arguments):
    """Runs a kernel of one collective between two tensors."""
    @nki.jit
    def kernel(x):
        src, dst = make[0](shapes[0], x), make[1](shapes[1], x if dtype is None else dtype)
        getattr(ncc, name)([src], [dst], **arguments)
        return dst

    return run(kernel, numbers(ranks, 4, 8))


def psum(shape, like):
    return nl.ndarray(shape, dtype=like.dtype, buffer=nl.psum)


PAIR = {"replica_group": [[0, 1]]}
WRONG = (
    ("all_reduce", {"replica_group": [[0, 1, 2]]}, "names rank 2, and the kernel runs on 2 ranks", "on_ranks"),
    ("all_reduce", {"replica_group": [[0], [0]]}, "names a rank twice", "overlap"),
    ("all_reduce", {"replica_group": [[0, 1], []]}, "has no ranks", "ReplicaGroup"),
    ("all_reduce", {"replica_group": None}, "has no ranks", "ReplicaGroup"),
    ("all_to_all", {"replica_group": [[0, 1], [2]], "ranks": 3}, "several sizes", "one size"),
    ("all_reduce", PAIR | {"op": nl.multiply}, "op=multiply", "nl.add"),
    ("all_reduce", PAIR | {"shapes": ((4, 8), (8, 4))}, "differ in shape", "one shape"),
    ("all_reduce", PAIR | {"dtype": INDEX}, "does not cast", "convert"),
    ("all_reduce", PAIR | {"make": (sbuf, hbm)}, "all in HBM or all in SBUF", "dma_copy"),
    ("all_reduce", PAIR | {"make": (psum, psum)}, "takes tensors in HBM or SBUF", "tensor_copy"),
    ("all_to_all", PAIR | {"make": (sbuf, sbuf)}, "takes tensors in HBM", "shared_hbm"),
    ("all_to_all", PAIR | {"shapes": ((3, 8), (3, 8))}, "does not divide into 2 parts", "multiple"),
    ("all_to_all", PAIR | {"collective_dim": 1}, "collective_dim=1: all_to_all takes 0", "permute"),
    ("all_gather", PAIR | {"shapes": ((4, 8), (4, 8))}, r"groups of 2: it must be \[8, 8\]", "shape"),
    ("all_gather", PAIR | {"collective_dim": 2, "make": (sbuf, sbuf)}, "takes 0 to 1", "permute"),
    ("reduce_scatter", PAIR | {"shapes": ((4, 8), (4, 8))}, r"src .* must be \[8, 8\]", "shape"),
    ("collective_permute", {"source_target_pairs": [(0, 1), (0, 0)]},
     "among its sources, names a rank twice", "overlap"),
    ("collective_permute", {"source_target_pairs": []}, "is empty", "pair"),
)


@pytest.mark.parametrize("name, arguments, message, remedy", WRONG)
def test_what_is_wrong_is_told(name, arguments, message, remedy):
    with pytest.raises(NkiValidationError, match=message) as caught:
        call(name, **arguments)
    assert "test_ranks.py" in caught.value.where and remedy in caught.value.remedy and caught.value.op == name


def test_what_is_not_modelled_is_told():
    for name in ("all_gather_v", "all_to_all_v"):
        with pytest.raises(NkiUnsupportedError, match=f"{name} is not modelled"):
            call(name, replica_group=[[0, 1]], metadata_tensor=None)


def test_a_type_without_datapath_is_told():
    @nki.jit
    def kernel(x):
        flags, out = nl.ndarray(x.shape, dtype=nl.bool_, buffer=nl.shared_hbm), hbm(x.shape, x)
        ncc.all_reduce([flags], [flags], [[0, 1]], nl.add)
        nisa.dma_copy(dst=out, src=x)
        return out

    with pytest.raises(NkiValidationError, match="no datapath") as caught:
        run(kernel, numbers(2, 4, 4))
    assert "test_ranks.py" in caught.value.where


# ---- launching ----

def test_arguments_for_each_rank():
    x = numbers(2, 4, 4)

    class Generator:
        def for_rank(self, rank_id):
            return {"x": x[rank_id], "groups": [[0, 1]]}

    for given in (Generator(), [Generator().for_rank(rank) for rank in range(2)],
                  lambda rank_id: Generator().for_rank(rank_id)):
        assert all(np.array_equal(part, x[0] + x[1]) for part in on_ranks(all_reduce, 2, given))
    same = on_ranks(all_reduce, 2, {"x": x[1], "groups": [[0, 1]]})
    assert all(np.array_equal(part, 2 * x[1]) for part in same)


def test_arguments_that_differ():
    x = numbers(2, 4, 4)
    for given, message in (([{"x": x[0], "groups": [[0, 1]]}], "arguments for 1 ranks"),
                           ([{"x": x[0], "groups": [[0, 1]]}, {"x": x[1], "groups": [[1, 0]]}],
                            "argument groups .* on rank 1"),
                           ([{"x": x[0]}, {"x": x[1][:2]}], r"x .* float32\[4, 4\] on rank 0 and float32\[2, 4\]"),
                           ([{"x": x[0]}, {"y": x[1]}], "argument x")):
        with pytest.raises(NkiValidationError, match=message):
            on_ranks(all_reduce, 2, given)


def test_arguments_that_the_kernel_writes():
    @nki.jit
    def kernel(x):
        ncc.all_reduce([x], [x], [[0, 1, 2]], nl.add)
        return x

    x = numbers(3, 4, 4)
    before = x.copy()
    got = run(kernel, x)
    assert all(np.array_equal(part, before.sum(0)) for part in (*got, *x))


def test_an_array_of_all_ranks_that_the_kernel_writes():
    @nki.jit
    def kernel(x):
        row = sbuf((1, x.shape[1]), x)
        nisa.dma_copy(dst=row, src=x[nl.ds(ncc.rank_id(), 1), :])
        nisa.dma_copy(dst=x[3:4], src=row)
        return x

    x = numbers(4, 8)
    before = x.copy()
    for rank, got in enumerate(on_ranks(kernel, 3, {"x": x})):
        assert np.array_equal(got[3], before[rank]) and np.array_equal(got[:3], before[:3])


@pytest.mark.parametrize("grid", [2, nl.nc(2)])
def test_programs_of_a_grid_on_a_rank(grid):
    """One after the other on the rank's core."""
    @nki.jit
    def kernel(x, groups):
        half, rows = nl.program_id(0), x.shape[0] // 2
        src, out = hbm(x.shape, x), hbm(x.shape, x)
        mine = slice(half * rows, (half + 1) * rows)
        nisa.dma_copy(dst=src[mine], src=x[mine])
        ncc.all_reduce([src[mine]], [out[mine]], groups, nl.add)
        return out

    x = numbers(2, 8, 16)
    assert all(np.array_equal(part, x[0] + x[1]) for part in run(kernel[grid], x, groups=[[0, 1]]))


def test_more_ranks_than_the_instance_has():
    with pytest.raises(NkiValidationError, match="cores 0 to 63 are asked for; trn1.32xlarge has 32"):
        run(all_reduce, numbers(64, 2, 2), groups=groups_of(64))


# ---- time ----

def measured(x, **keywords):
    timed = nki.benchmark(all_reduce)
    run(timed, x, **keywords)
    return timed.benchmark_result.record


def test_the_time_of_a_collective():
    """Bytes and hops: more of both take longer, and the same on two chips longer than on one."""
    small, large = (measured(np.zeros((4, 128, columns), np.float32), groups=groups_of(4)) for columns in (64, 4096))
    assert large["collective_seconds"] > small["collective_seconds"] > 6e-6
    assert large["predicted_seconds"] > large["collective_seconds"]
    near, far = (measured(np.zeros((4, 128, 4096), np.float32), groups=groups)
                 for groups in ([[0, 1], [2, 3]], [[0, 2], [1, 3]]))
    assert far["link_bytes"] > near["link_bytes"] == 0 and far["collective_seconds"] > near["collective_seconds"]


@nki.jit
def stores_by_rank(x, step, is_read):
    """Sixteen tiles that go to rows of the rank's block, `step` rows apart."""
    out, tile = hbm((4, 256, x.shape[1]), x), sbuf((16, x.shape[1]), x)
    nisa.dma_copy(dst=tile, src=x)
    if is_read:
        nisa.dma_copy(dst=out[3, 0:16], src=tile)
    rank, width = ncc.rank_id(), x.shape[1]
    for i in range(16):
        nisa.dma_copy(dst=out.ap([[width, 16], [1, width]], offset=i * step * width, scalar_offset=rank), src=tile)
    return out


def test_stores_into_a_block_that_the_rank_chooses_overlap_in_time():
    """Those to one place wait for each other, and all do where something reaches the tensor without the index."""
    x, times = numbers(2, 16, 512), {}
    for step, is_read in ((16, False), (0, False), (8, False), (16, True)):
        timed = nki.benchmark(stores_by_rank)
        for rank, got in enumerate(run(timed, x, step=step, is_read=is_read)):
            assert np.array_equal(got[rank, 15 * step:15 * step + 16], x[rank])
        times[step, is_read] = timed.benchmark_result.nc_latency.get_latency_percentile(50)
    assert 1.3 * times[16, False] < times[8, False] == times[0, False]
    assert times[16, True] >= times[0, False]


def test_the_files_of_a_profile(tmp_path):
    """The .neff of several ranks goes into the tools, which show the collective and its line."""
    import trainstone.neuron_profile as profile

    timed = nki.profile(all_reduce, working_directory=str(tmp_path), save_neff_name="ranks.neff")
    run(timed, numbers(4, 64, 512), groups=groups_of(4))
    neff = tmp_path / "ranks.neff"
    assert "ranks=4" in neff.read_text() and "collective" in neff.read_text()
    profile.run_command("report", neff, "--json", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["collectives"]["ranks"] == 4 and "test_ranks.py" in json.dumps(report["collectives"])


def test_the_guides_example(capsys):
    page = (pathlib.Path(__file__).parents[2] / "docs" / "nki.md").read_text()
    shown = next(block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "on_ranks" in block)
    names = {}
    exec(compile(shown, __file__, "exec"), names)
    assert all(np.array_equal(part, names["x"].reshape(512, 512)) for part in names["results"])
    assert re.search(r"^\d+ us, of which collectives take \d+$", capsys.readouterr().out, re.M)


# ---- inside jax.jit ----

def devices(count):
    import jax

    found = jax.devices("neuron")
    if len(found) < count:
        pytest.skip(f"{len(found)} NeuronCores")
    return found[:count]


def sharded(kernel, mesh, spec):
    import jax

    return jax.jit(jax.shard_map(kernel, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False))


def test_in_shard_map():
    """As part of a program of a mesh's devices, between its other operations."""
    import jax
    from jax.sharding import Mesh, PartitionSpec as P

    x = numbers(2, 8, 32)
    for order in ([0, 1], [1, 0]):
        mesh = Mesh(np.array(devices(2))[order], ("d",))
        step = sharded(lambda x: all_gather(x * 2, groups=[[0, 1]]) + jax.lax.axis_index("d"), mesh, P("d"))
        got = np.asarray(step(x.reshape(16, 32))).reshape(2, 16, 32)
        assert np.array_equal(got, 2 * x.reshape(1, 16, 32) + np.arange(2)[:, None, None])
    record = trainstone.last_run()
    assert record["ranks"] == 2 and record["collectives"] == 1 and record["collective_seconds"] > 0


def test_in_shard_map_over_two_axes():
    from jax.sharding import Mesh, PartitionSpec as P

    mesh = Mesh(np.array(devices(4)).reshape(2, 2), ("a", "b"))
    x = numbers(2, 8, 2, 16)
    step = sharded(lambda x: all_reduce(x.reshape(8, 16), groups=[[0, 2], [1, 3]]).reshape(x.shape), mesh,
                   P("a", None, "b"))
    got = np.asarray(step(x))
    assert all(np.array_equal(got[i], x.sum(0)) for i in range(2))
    left, right = numbers(4, 64, 32), numbers(4, 64, 48)
    product = sharded(lambda left, right: ring_matmul(left[0], right[0], ranks=4)[None], mesh,
                      P(("a", "b")))(left, right)
    for rank in range(4):
        assert np.array_equal(np.asarray(product)[rank], np.stack([left[i].T @ right[rank] for i in range(4)]))


def test_outside_of_shard_map():
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

    rows = NamedSharding(Mesh(np.array(devices(2)), ("d",)), P("d"))
    with pytest.raises(Exception, match="was recorded for 1 rank, the step has 2 .*shard_map"):
        jax.jit(lambda x: all_reduce(x, groups=[[0]]), in_shardings=rows)(numbers(4, 4)).block_until_ready()
    with pytest.raises(NkiUnsupportedError, match="within a program that JAX traces"):
        jax.jit(lambda x: on_ranks(all_reduce, 2, {"x": x, "groups": [[0, 1]]}))(numbers(4, 4))
    with pytest.raises(NkiValidationError, match="the kernel runs on one rank") as caught:
        jax.jit(lambda x: all_reduce(x, groups=[[0, 1]]))(numbers(4, 4))
    assert "shard_map" in caught.value.remedy
    with jax.set_mesh(rows.mesh), pytest.raises(NkiValidationError, match="the kernel runs on one rank"):
        jax.jit(lambda x: all_reduce(x, groups=[[0, 1]]))(numbers(4, 4))
