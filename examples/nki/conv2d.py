"""A convolution with bias, fused with max pooling: CS149's assignment 4, part 2, as one kernel of the first dialect.

A convolution is a product for each place of the filter: the weights of that place, [channels in, channels out], by the
image moved by it. All of them, and all tiles of input channels, add up in one bank of PSUM, so that an output value
leaves TensorE once. What decides the time:

- TensorE's moving side takes 512 columns. Whole rows of the image, as many as fit, are one product's: an access pattern
  picks rows and columns of the moved image out of SBUF, and nothing is copied for the move.
- A strip of the image is loaded once, for every place of the filter and every tile of output channels.
- The weights are turned once, by TensorE, and stay.
- Bias and pooling read PSUM on the way out, by VectorE and ScalarE in turn, while TensorE makes the next rows.
"""

import neuronxcc.nki as nki
import neuronxcc.nki.isa as nisa
import neuronxcc.nki.language as nl
import numpy as np

STRIP_BYTES = 16 * 1024  # of an image strip, in a partition


def turned_weights(W):
    """[out tile, in tile, row, column][channels in, channels out]"""
    channels_out, channels_in, height, width = W.shape
    tile = nl.tile_size.pmax
    turned = nl.ndarray((channels_out // tile, channels_in // tile, height, width, nl.par_dim(tile), tile),
                        dtype=W.dtype, buffer=nl.sbuf)
    for o in range(channels_out // tile):
        raw = nl.load(W[o * tile:(o + 1) * tile])
        for c in range(channels_in // tile):
            for i in range(height):
                for j in range(width):
                    turned[o, c, i, j] = nisa.nc_transpose(raw[:, c * tile:(c + 1) * tile, i, j])
    return turned


def finished(total, bias, pool_size, is_vector):
    """The largest of each window of the sums, and the bias: the order does not matter."""
    if pool_size > 1:
        _, rows, columns = total.shape
        p, i, j, di, dj = nl.mgrid[0:nl.tile_size.pmax, 0:rows // pool_size, 0:columns // pool_size, 0:pool_size,
                                   0:pool_size]
        total = nisa.tensor_reduce(np.max, total[p, pool_size * i + di, pool_size * j + dj], axis=[3, 4])
    if is_vector:
        return nisa.tensor_scalar(total, np.add, bias)
    return nisa.activation(np.copy, total, bias=bias)


@nki.compiler.skip_middle_end_transformations
@nki.jit
def fused_conv2d_maxpool(X, W, bias, pool_size=1):
    """X [batch, in, height, width], W [out, in, rows, columns], bias [out]; channels in tiles of 128."""
    batch, channels_in, height, width = X.shape
    channels_out, _, filter_height, filter_width = W.shape
    tile = nl.tile_size.pmax
    assert channels_in % tile == channels_out % tile == 0
    columns = (width - filter_width + 1) // pool_size * pool_size
    out_height = (height - filter_height + 1) // pool_size
    assert columns <= nl.tile_size.gemm_moving_fmax
    out = nl.ndarray((batch, channels_out, out_height, columns // pool_size), dtype=X.dtype, buffer=nl.hbm)

    step = min(nl.tile_size.gemm_moving_fmax // columns // pool_size * pool_size, out_height * pool_size)
    assert step > 0
    strip = max(STRIP_BYTES // (width * X.itemsize) // step * step, step)
    weights = turned_weights(W)
    biases = [nl.load(bias[o * tile:(o + 1) * tile]) for o in range(channels_out // tile)]
    for b in nl.affine_range(batch):
        for first in range(0, out_height * pool_size, strip):
            last = min(first + strip, out_height * pool_size)
            image = [nl.load(X[b, c * tile:(c + 1) * tile, first:last + filter_height - 1])
                     for c in range(channels_in // tile)]
            for o in range(channels_out // tile):
                done = nl.ndarray((nl.par_dim(tile), (last - first) // pool_size, columns // pool_size), dtype=X.dtype,
                                  buffer=nl.sbuf)
                for row in range(0, last - first, step):
                    rows = min(step, last - first - row)
                    total = nl.zeros((nl.par_dim(tile), rows, columns), dtype=nl.float32, buffer=nl.psum)
                    for c in range(channels_in // tile):
                        for i in range(filter_height):
                            for j in range(filter_width):
                                total += nisa.nc_matmul(weights[o, c, i, j],
                                                        image[c][:, row + i:row + i + rows, j:j + columns])
                    done[:, row // pool_size:(row + rows) // pool_size] = finished(
                        total, biases[o], pool_size, is_vector=(row // step) % 2 == 0)
                nl.store(out[b, o * tile:(o + 1) * tile, first // pool_size:last // pool_size], done)
    return out
