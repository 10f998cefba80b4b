"""Lesson 7: a convolution is many products that add up in one place.

The filter has 9 places. Each place is a product: its weights by the image, moved. What is left to decide is how wide a
product is, and where the 9 add up.

- `narrow` makes one row of the image a product, 30 columns of TensorE's 512, and loads the rows it needs each
  time. DMA is busy with the same rows again and again, and TensorE turns over its weights for 30 columns of
  work.
- `wide` is conv2d.py: as many rows as 512 columns hold are one product, an access pattern moves the image,
  and a strip of it is loaded once for every place of the filter and every tile of output channels.
- With pooling `wide` takes no longer: VectorE reads the four neighbours out of PSUM while TensorE makes the next rows.

conv2d.py is an answer to part 2 of CS149's assignment 4, whose own tests can be run on it (docs/cs149.md).
"""

import lesson
import neuronxcc.nki as nki
import neuronxcc.nki.isa as nisa
import neuronxcc.nki.language as nl
import numpy as np
from conv2d import fused_conv2d_maxpool as wide
from conv2d import turned_weights

TILE = 128


@nki.jit
def narrow(X, W, bias):
    """Of one image with 128 channels in and out."""
    _, _, height, width = X.shape
    _, _, filter_height, filter_width = W.shape
    rows, columns = height - filter_height + 1, width - filter_width + 1
    out = nl.ndarray((1, TILE, rows, columns), dtype=X.dtype, buffer=nl.shared_hbm)
    weights, biases = turned_weights(W), nl.load(bias)
    for row in nl.affine_range(rows):
        total = nl.zeros((nl.par_dim(TILE), columns), dtype=nl.float32, buffer=nl.psum)
        for i in range(filter_height):
            moved = nl.load(X[0, :, row + i])
            for j in range(filter_width):
                total += nisa.nc_matmul(weights[0, 0, i, j], moved[:, j:j + columns])
        nl.store(out[0, :, row], nisa.tensor_scalar(total, np.add, biases))
    return out


def convolution(X, W, bias):
    windows = np.lib.stride_tricks.sliding_window_view(X, W.shape[2:], (2, 3))
    return np.einsum("bcijhw,ochw->boij", windows, W, optimize=True) + bias[:, None, None]


def main():
    options = lesson.options()
    X, W, bias = lesson.random(1, TILE, 34, 32), lesson.random(TILE, TILE, 3, 3) / 32, lesson.random(TILE)
    expected = convolution(X, W, bias)
    pooled = expected.reshape(1, TILE, 16, 2, 15, 2).max((3, 5))
    times = {}
    for name, kernel, arguments, answer in (("narrow", narrow, (X, W, bias), expected),
                                            ("wide", wide, (X, W, bias), expected),
                                            ("wide, pooled", wide, (X, W, bias, 2), pooled)):
        result, times[name] = lesson.show(kernel, *arguments, name=name.replace(", ", "_"), timeline=options.timeline)
        lesson.close(result, answer, 1e-4)
    assert times["narrow"] > 1.5 * times["wide"] and times["wide, pooled"] < 1.02 * times["wide"], times


if __name__ == "__main__":
    main()
