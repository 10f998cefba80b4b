"""Lesson 1: the smallest kernel, and why it takes 20 us.

A kernel loads tiles from HBM into SBUF by DMA, computes on them with an engine, and stores the result. This
one adds two tiles of 128 x 512. VectorE works for less than one microsecond. The rest is the launch (13 us),
and two DMA latencies of about 2 us each, one for the loads, which run side by side, one for the store. Small
kernels are launches: fuse them.
"""

import lesson
import nki
import nki.isa as nisa
import nki.language as nl


@nki.jit
def add(a, b):
    out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
    x = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.sbuf)
    y = nl.ndarray(b.shape, dtype=b.dtype, buffer=nl.sbuf)
    total = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.sbuf)
    nisa.dma_copy(dst=x, src=a)
    nisa.dma_copy(dst=y, src=b)
    nisa.tensor_tensor(dst=total, data1=x, data2=y, op=nl.add)
    nisa.dma_copy(dst=out, src=total)
    return out


def main():
    options = lesson.options()
    a, b = lesson.random(128, 512), lesson.random(128, 512)
    result, micros = lesson.show(add, a, b, timeline=options.timeline)
    lesson.close(result, a + b)
    assert 15 < micros < 30, micros


if __name__ == "__main__":
    main()
