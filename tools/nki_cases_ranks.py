"""Kernels with collectives, of nki-library and its tests, on as many ranks as AWS's tests use, or fewer, each with
inputs of its own."""

import numpy as np
from nki_case import BF16, normal
from nki_cases_library import library
from nki_cases_moe import tested


def _groups(ranks, size=None):
    from nki.collectives import ReplicaGroup

    size = size or ranks
    return ReplicaGroup([list(range(first, first + size)) for first in range(0, ranks, size)])


def library_on(ranks, *arguments, **options):
    library(*arguments, arch="gen2", ranks=ranks, **options)


def tested_on(ranks, *arguments, **options):
    tested(*arguments, ranks=ranks, **options)


# ---- rings: gathering, and multiplying on the way ----

def _shaped(expected):
    """Reshapes what a rank returns to the expected shape; its rows are by rank, program and channel."""
    return lambda found: (np.asarray(found).reshape(expected.shape), expected)


def compute_matmul_case(ranks=4, rows=256, depth=1024, columns=1024, **keywords):
    def make():
        left, right = normal(rows * ranks, depth, dtype=BF16), normal(depth, columns, dtype=BF16, seed=1)
        product = left.astype(np.float32) @ right.astype(np.float32)
        width = columns // ranks

        def inputs(rank_id):
            return {"lhs": left[rank_id * rows:(rank_id + 1) * rows],
                    "rhs": right[:, rank_id * width:(rank_id + 1) * width], "tp_degree": ranks,
                    "num_groups": 1} | keywords

        return (inputs,), {}, [_shaped(product[:, rank * width:(rank + 1) * width]) for rank in range(ranks)]

    return make


def ring_gather_case(ranks=4, rows=256, depth=512, **keywords):
    def make():
        whole = normal(rows * ranks, depth, dtype=BF16)

        def inputs(rank_id):
            return {"lhs": whole[rank_id * rows:(rank_id + 1) * rows], "tp_degree": ranks, "num_groups": 1} | keywords

        return (inputs,), {}, [_shaped(whole)] * ranks

    return make


RING = "experimental/collectives/fgcc.py"
library_on(4, RING, "allgather_compute_matmul", compute_matmul_case())
library_on(4, RING, "allgather_compute_matmul", compute_matmul_case(force_hbm_cc=True))
library(RING, "allgather_compute_matmul", compute_matmul_case(4, 1024, 4096, 4096), "gen3",
        grid=2, ranks=4)
library_on(8, RING, "allgather_compute_matmul", compute_matmul_case(8, 128))
for _is_hbm in (False, True):
    library_on(4, "experimental/collectives/fg_allgather.py", "fine_grained_allgather",
               ring_gather_case(force_hbm_cc=_is_hbm), tolerance=0)


# ---- one collective each ----

def gathered_columns(ranks, rows, dtype=BF16):
    def make():
        whole = normal(ranks, rows, 256, dtype=dtype)
        groups = _groups(ranks)
        expected = np.concatenate(list(whole), 1)
        return (lambda rank_id: {"inp": whole[rank_id], "replica_groups": groups,
                                 "tp_degree": ranks},), {}, [expected] * ranks

    return make


def one_collective(ranks, expected, rows=128, **keywords):
    def make():
        x = normal(ranks, rows, 512)
        groups = _groups(ranks)
        return ((lambda rank_id: {"input": x[rank_id], "replica_group": groups} | keywords,), {},
                [expected(x, rank) for rank in range(ranks)])

    return make


def rank_case(ranks, is_looked_up):
    def make():
        x = normal(ranks, 128, 64)
        more = {"rank_id_lookup": np.arange(ranks, dtype=np.int32)[None]} if is_looked_up else {}
        return (lambda rank_id: {"in_tensor": x} | more,), {}, list(x)

    return make


def batch_shard_case(ranks=4, size=2, batch=8, depth=64):
    """Gathers the heads of a group, and keeps on each of its ranks its part of the batch."""
    def make():
        x, groups, part = normal(ranks, batch, 1, depth), _groups(ranks, size), batch // size
        offsets = np.array([[rank % size * part for rank in range(ranks)]], np.int32)

        def inputs(rank_id):
            return {"input": x[rank_id:rank_id + 1], "iota_workers": offsets, "gqa_group_size": size,
                    "replica_group": groups,
                    "gathered_buf": np.zeros((size, 1, batch, 1, depth), np.float32)}

        first = [rank // size * size for rank in range(ranks)]
        return (inputs,), {}, [x[first[rank]:first[rank] + size, rank % size * part:(rank % size + 1) * part]
                               for rank in range(ranks)]

    return make


SB2SB = "experimental/collectives/sb2sb_allgather.py"
library_on(8, SB2SB, "allgather_sb2sb", gathered_columns(8, 96), tolerance=0)
library_on(32, SB2SB, "allgather_sb2sb", gathered_columns(32, 64, np.float16), tolerance=0)
library_on(8, SB2SB, "allgather_sb2sb_tiled", gathered_columns(8, 256), tolerance=0)
TESTED = "experimental/collectives/test_collectives.py"
tested_on(2, TESTED, "all_reduce_hbm_kernel", one_collective(2, lambda x, rank: x.sum(0)), tolerance=1e-6)
tested_on(2, TESTED, "all_gather_hbm_kernel",
          one_collective(2, lambda x, rank: x.reshape(-1, 512), num_ranks=2), tolerance=0)
tested_on(2, TESTED, "reduce_scatter_hbm_kernel", one_collective(
    2, lambda x, rank: x.sum(0)[rank * 64:(rank + 1) * 64], num_ranks=2), tolerance=1e-6)
tested_on(8, TESTED, "all_to_all_hbm_kernel", one_collective(
    8, lambda x, rank: x[:, rank * 16:(rank + 1) * 16].reshape(128, 512)), tolerance=0)
tested_on(2, TESTED, "rank_id_kernel", rank_case(2, False), tolerance=0)
tested_on(2, TESTED, "dma_copy_rank_id_kernel", rank_case(2, True), tolerance=0)
tested_on(4, TESTED, "attn_q_batch_shard", batch_shard_case(), tolerance=0)
