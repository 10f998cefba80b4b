"""What small kernels of the newer dialect begin and end with."""

import numpy as np

import trainstone.nki.activate  # noqa: F401

import nki.isa as nisa  # noqa: E402
import nki.language as nl  # noqa: E402

ROWS = np.ones((128, 64), np.float32)


def filled(*shape, value=1.0):
    made = nl.ndarray(shape, dtype=nl.float32, buffer=nl.sbuf)
    nisa.memset(made, value)
    return made


def stored(tile):
    out = nl.ndarray(tile.shape, dtype=tile.dtype, buffer=nl.shared_hbm)
    nisa.dma_copy(dst=out, src=tile)
    return out
