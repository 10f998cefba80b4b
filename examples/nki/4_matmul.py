"""Lesson 4: a matrix product needs its operands more than once.

TensorE multiplies a stationary tile [K, M] (at most 128 x 128) with a moving tile [K, N] (at most 128 x 512) and leaves
[M, N] in PSUM, where products over K add up. One such product in bf16 takes 0.2 us; the tiles it needs take DMA longer.

- `tiled` loads both tiles for every product. DMA is busy all the time, TensorE seldom.
- `hoisted` loads the tiles of a row of the result once.
- `blocked` keeps four rows' stationary tiles and loads each moving tile once for all of them. TensorE is busy
  half of the time. What holds it is the queue: one line issues all loads, and a queue starts one transfer
  every 1.2 us. Longer transfers are the next step, several k or two tiles of columns at a time.
"""

import lesson
import ml_dtypes
import nki
import nki.isa as nisa
import nki.language as nl
import numpy as np

K, M, N = 128, 128, 512  # of a tile


def sbuf(shape, dtype):
    return nl.ndarray(shape, dtype=dtype, buffer=nl.sbuf)


def load(tensor, k, columns):
    tile = sbuf((K, columns.stop - columns.start), tensor.dtype)
    nisa.dma_copy(dst=tile, src=tensor[k * K:(k + 1) * K, columns])
    return tile


def store(out, rows, columns, total):
    tile = sbuf((M, N), out.dtype)
    nisa.tensor_copy(dst=tile, src=total)
    nisa.dma_copy(dst=out[rows, columns], src=tile)


def at(i, size):
    return slice(i * size, (i + 1) * size)


def product(left, right):
    """The sum of products of tiles, in PSUM."""
    total = nl.ndarray((M, N), dtype=nl.float32, buffer=nl.psum)
    for x, y in zip(left, right):
        nisa.nc_matmul(dst=total, stationary=x, moving=y)
    return total


@nki.jit
def tiled(a, b):
    """a.T @ b"""
    (depth, height), width = a.shape, b.shape[1]
    out = nl.ndarray((height, width), dtype=a.dtype, buffer=nl.shared_hbm)
    for m in nl.affine_range(height // M):
        for n in nl.affine_range(width // N):
            left = [load(a, k, at(m, M)) for k in range(depth // K)]
            right = [load(b, k, at(n, N)) for k in range(depth // K)]
            store(out, at(m, M), at(n, N), product(left, right))
    return out


@nki.jit
def hoisted(a, b):
    (depth, height), width = a.shape, b.shape[1]
    out = nl.ndarray((height, width), dtype=a.dtype, buffer=nl.shared_hbm)
    for m in nl.affine_range(height // M):
        left = [load(a, k, at(m, M)) for k in range(depth // K)]
        for n in nl.affine_range(width // N):
            right = [load(b, k, at(n, N)) for k in range(depth // K)]
            store(out, at(m, M), at(n, N), product(left, right))
    return out


@nki.jit
def blocked(a, b):
    (depth, height), width = a.shape, b.shape[1]
    out = nl.ndarray((height, width), dtype=a.dtype, buffer=nl.shared_hbm)
    block = 4 * M
    for m in nl.affine_range(height // block):
        left = [load(a, k, at(m, block)) for k in range(depth // K)]
        for n in nl.affine_range(width // N):
            right = [load(b, k, at(n, N)) for k in range(depth // K)]
            for i in range(4):
                total = product([tile[:, at(i, M)] for tile in left], right)
                store(out, at(4 * m + i, M), at(n, N), total)
    return out


def main():
    options = lesson.options()
    a, b = (lesson.random(1024, width, dtype=ml_dtypes.bfloat16) for width in (1024, 2048))
    expected = a.astype(np.float32).T @ b.astype(np.float32)
    times = {}
    for kernel in (tiled, hoisted, blocked):
        result, times[kernel.__name__] = lesson.show(kernel, a, b, timeline=options.timeline)
        lesson.close(np.asarray(result, np.float32) / 32, expected / 32, 1e-2)
    assert times["tiled"] > 1.1 * times["hoisted"] > 1.1 * 1.1 * times["blocked"], times


if __name__ == "__main__":
    main()
