"""Lesson 8: what another core has takes time to come, and may come while this one computes.

Four NeuronCores have the columns of `a` and of `b` between them, and each wants all of `a.T` times its own
columns of `b`.

- `gathered` waits until all of `a` is there (all_gather), then multiplies.
- `ring` multiplies what it has, and passes it on to the next core meanwhile; what comes from the core before
  is next. After three steps every core has seen all of `a`. Whose part it has is known only when the kernel
  runs: a register, from which the result's place is counted.

The ring's three messages take longer than the one all_gather. With 4096 columns of `b` to a core TensorE is
as busy with a part as the next one is on its way, and hides them; with 1024 it is not, and the ring wins
nothing.
"""

import lesson
import ml_dtypes
import nki
import nki.collectives as ncc
import nki.isa as nisa
import nki.language as nl
import numpy as np

RANKS = 4
K, M, N = 128, 128, 512  # of a tile
GROUP = ncc.ReplicaGroup([list(range(RANKS))])


def hbm(shape, like, name):
    return nl.ndarray(shape, dtype=like.dtype, buffer=nl.shared_hbm, name=name)


def sbuf(shape, dtype):
    return nl.ndarray(shape, dtype=dtype, buffer=nl.sbuf)


def columns_of(b):
    """The rank's columns, in SBUF: a tile for each K rows."""
    tiles = [sbuf((K, b.shape[1]), b.dtype) for _ in range(b.shape[0] // K)]
    for k, tile in enumerate(tiles):
        nisa.dma_copy(dst=tile, src=b[k * K:(k + 1) * K])
    return tiles


def multiply(a, b):
    """a.T @ b in SBUF: [M, height / M, columns]."""
    depth, height = a.shape
    made = sbuf((M, height // M, b[0].shape[1]), a.dtype)
    for m in range(height // M):
        left = sbuf((K, depth // K, M), a.dtype)
        nisa.dma_copy(dst=left, src=a.reshape((depth // K, K, height)).permute([1, 0, 2])[:, :, m * M:(m + 1) * M])
        for n in range(b[0].shape[1] // N):
            total = nl.ndarray((M, N), dtype=nl.float32, buffer=nl.psum)
            for k, right in enumerate(b):
                nisa.nc_matmul(dst=total, stationary=left[:, k], moving=right[:, n * N:(n + 1) * N])
            nisa.tensor_copy(dst=made[:, m, n * N:(n + 1) * N], src=total)
    return made


def store(out, rank, made):
    """The rows of a rank, which may be a register."""
    rows, width = out.shape[1:]
    nisa.dma_copy(dst=out.ap([[width, M], [M * width, rows // M], [1, width]], scalar_offset=rank,
                             indirect_dim=0), src=made)


@nki.jit
def gathered(a, b):
    depth, height = a.shape
    out, every = hbm((RANKS, height, b.shape[1]), a, "out"), hbm((RANKS * depth, height), a, "every")
    columns = columns_of(b)
    ncc.all_gather(srcs=[a], dsts=[every], replica_group=GROUP, collective_dim=0)
    for rank in range(RANKS):
        store(out, rank, multiply(every[rank * depth:(rank + 1) * depth], columns))
    return out


@nki.jit
def ring(a, b):
    out, columns = hbm((RANKS, a.shape[1], b.shape[1]), a, "out"), columns_of(b)
    here, there = hbm(a.shape, a, "here"), hbm(a.shape, a, "there")
    nisa.dma_copy(dst=here, src=a)
    for step in range(RANKS):
        if step + 1 < RANKS:
            ncc.collective_permute_implicit([[here]], [[there]], GROUP)
        rank = ncc.collective_permute_implicit_current_processing_rank_id(step, GROUP)
        store(out, rank, multiply(here, columns))
        here, there = there, here
    return out


def measure(kernel, a, b, expected, name, timeline):
    def inputs(rank_id):
        return {"a": np.split(a, RANKS, 1)[rank_id], "b": np.split(b, RANKS, 1)[rank_id]}

    results, micros = lesson.show(kernel, inputs, name=name, timeline=timeline, ranks=RANKS)
    for result, columns in zip(results, np.split(expected, RANKS, 1)):
        lesson.close(result.reshape(columns.shape).astype(np.float32) / 32, columns / 32, 1e-2)
    return micros


def main():
    options, gains = lesson.options(), {}
    for width in (1024, 4096):
        a, b = (lesson.random(1024, RANKS * columns, dtype=ml_dtypes.bfloat16) for columns in (512, width))
        expected = a.astype(np.float32).T @ b.astype(np.float32)
        waits, hides = (measure(kernel, a, b, expected, f"{kernel.__name__}_{width}", options.timeline)
                        for kernel in (gathered, ring))
        gains[width] = waits / hides
    assert gains[4096] > 1.1 > 1.05 > gains[1024], gains


if __name__ == "__main__":
    main()
