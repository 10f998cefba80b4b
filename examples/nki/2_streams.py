"""Lesson 2: how to cut a long vector.

The same 2 MiB addition, cut three ways. Every transfer costs a place in its queue (1.2 us) and, for each
contiguous run in a partition, a descriptor (40 ns); its bytes go at 17 a nanosecond on each of 16 engines.
So:

- `thin`: tiles of 128 x 8. Runs of 32 bytes: 512 trips of three transfers each, and the queues are all that counts.
- `whole`: tiles of 128 x 4096. Bytes move at full rate, but nothing overlaps: load, then add, then store.
- `pipelined`: tiles of 128 x 1024. Long enough for the DMA engines, and trips overlap: one is loaded while another is
  added and a third is stored.
"""

import lesson
import nki
import nki.isa as nisa
import nki.language as nl


def add_in_tiles(a, b, width):
    out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
    rows = 128
    for i in nl.affine_range(a.shape[0] // (rows * width)):
        first = i * rows * width
        pieces = [tensor[first:first + rows * width].reshape((rows, width)) for tensor in (a, b, out)]
        x, y, total = (nl.ndarray((rows, width), dtype=a.dtype, buffer=nl.sbuf) for _ in range(3))
        nisa.dma_copy(dst=x, src=pieces[0])
        nisa.dma_copy(dst=y, src=pieces[1])
        nisa.tensor_tensor(dst=total, data1=x, data2=y, op=nl.add)
        nisa.dma_copy(dst=pieces[2], src=total)
    return out


@nki.jit
def thin(a, b):
    return add_in_tiles(a, b, 8)


@nki.jit
def whole(a, b):
    return add_in_tiles(a, b, 4096)


@nki.jit
def pipelined(a, b):
    return add_in_tiles(a, b, 1024)


def main():
    options = lesson.options()
    a, b = lesson.random(128 * 4096), lesson.random(128 * 4096)
    times = {}
    for kernel in (thin, whole, pipelined):
        result, times[kernel.__name__] = lesson.show(kernel, a, b, timeline=options.timeline)
        lesson.close(result, a + b)
    assert times["thin"] > 10 * times["whole"] > 10 * times["pipelined"], times


if __name__ == "__main__":
    main()
