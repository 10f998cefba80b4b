"""Lesson 3: engines take turns unless you give each its share.

Softmax of rows. `by_steps` writes down the formula: maximum, subtraction, exponential, sum, division. Three of its five
passes over the data are VectorE's, and each waits for the one before. `fused` lets ScalarE do what it can on
the way: one activation computes exp(x - max), taking the maximum as its bias, and sums as it goes. VectorE
keeps the maximum and the scaling, with one reciprocal a row instead of a division an element.
"""

import lesson
import nki
import nki.isa as nisa
import nki.language as nl
import numpy as np


def tiles(x):
    for i in nl.affine_range(x.shape[0] // 128):
        yield slice(128 * i, 128 * (i + 1))


def sbuf(*shape):
    return nl.ndarray(shape, dtype=nl.float32, buffer=nl.sbuf)


@nki.jit
def by_steps(x):
    out = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)
    width = x.shape[1]
    for rows in tiles(x):
        block, moved, powers, result = (sbuf(128, width) for _ in range(4))
        top, total = sbuf(128, 1), sbuf(128, 1)
        nisa.dma_copy(dst=block, src=x[rows])
        nisa.tensor_reduce(dst=top, op=nl.maximum, data=block, axis=1)
        nisa.tensor_scalar(dst=moved, data=block, op0=nl.subtract, operand0=top)
        nisa.activation(dst=powers, op=nl.exp, data=moved)
        nisa.tensor_reduce(dst=total, op=nl.add, data=powers, axis=1)
        nisa.tensor_scalar(dst=result, data=powers, op0=nl.divide, operand0=total)
        nisa.dma_copy(dst=out[rows], src=result)
    return out


@nki.jit
def fused(x):
    out = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)
    width = x.shape[1]
    for rows in tiles(x):
        block, powers, result = (sbuf(128, width) for _ in range(3))
        low, total, scale = sbuf(128, 1), sbuf(128, 1), sbuf(128, 1)
        nisa.dma_copy(dst=block, src=x[rows])
        nisa.tensor_reduce(dst=low, op=nl.maximum, data=block, axis=1, negate=True)
        nisa.activation_reduce(dst=powers, op=nl.exp, data=block, bias=low, reduce_op=nl.add, reduce_res=total)
        nisa.reciprocal(dst=scale, data=total)
        nisa.tensor_scalar(dst=result, data=powers, op0=nl.multiply, operand0=scale)
        nisa.dma_copy(dst=out[rows], src=result)
    return out


def main():
    options = lesson.options()
    x = lesson.random(1024, 2048)
    powers = np.exp(x - x.max(1, keepdims=True))
    expected = powers / powers.sum(1, keepdims=True)
    times = {}
    for kernel in (by_steps, fused):
        result, times[kernel.__name__] = lesson.show(kernel, x, timeline=options.timeline)
        lesson.close(result, expected)
    assert times["by_steps"] > 1.5 * times["fused"], times


if __name__ == "__main__":
    main()
