"""Convolutions, windows and their gradients against XLA:CPU, and a convolutional network that trains alike."""

import cli
import harness
import jax
import jax.numpy as jnp
import ml_dtypes
import models
import numpy as np
import pytest
from jax import lax

PIXELS_LAST = ("NCHW", "OIHW", "NCHW")
FEATURES_LAST = ("NHWC", "HWIO", "NHWC")


def draw(shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def draw_ties(shape, dtype=np.float32):
    """Few different values, so that windows hold equal ones."""
    return np.round(2 * draw(shape)).astype(dtype)


def compare(fn, *arguments, limit):
    """Runs on both platforms; the relative error of each result is at most `limit` (0: equal)."""
    results = []
    for platform in (harness.CPU, harness.CHIP):
        device = jax.devices(platform)[0]
        results.append([np.asarray(leaf) for leaf in jax.tree.leaves(jax.jit(fn)(*jax.device_put(arguments, device)))])
    want, got = results
    assert len(want) == len(got) > 0
    for g, w in zip(got, want):
        assert harness.relative_error(g, w) <= limit, harness.relative_error(g, w)


CONVOLUTIONS = {
    "same": dict(x=(8, 32, 32, 3), w=(3, 3, 3, 16), padding="SAME"),
    "planes_strided": dict(x=(4, 3, 32, 32), w=(16, 3, 3, 3), dims=PIXELS_LAST, stride=(2, 2),
                           padding=[(1, 1), (1, 1)]),
    "depthwise_dilated": dict(x=(4, 16, 16, 16), w=(16, 1, 3, 3), dims=PIXELS_LAST, groups=16, dilation=(2, 2)),
    "depthwise_strided": dict(x=(4, 28, 27, 150), w=(5, 5, 1, 150), groups=150, stride=(2, 2)),
    "depthwise_multiplied": dict(x=(2, 9, 9, 70), w=(3, 3, 1, 140), groups=70, padding="VALID"),
    "depthwise_large": dict(x=(3, 96, 96, 24), w=(7, 7, 1, 24), groups=24),
    "depthwise_line": dict(x=(3, 50, 33), w=(4, 1, 33), dims=("NHC", "HIO", "NHC"), groups=33, padding=[(3, 0)]),
    "transposed": dict(x=(4, 16, 16, 16), w=(8, 16, 3, 3), dims=PIXELS_LAST, spread=(2, 2), padding=[(2, 1), (2, 1)]),
    "strides_leave_rest": dict(x=(2, 17, 19, 5), w=(5, 4, 5, 7), stride=(3, 2), padding="VALID"),
    "cut": dict(x=(2, 17, 19, 5), w=(3, 3, 5, 7), padding=[(-2, -1), (-1, 3)]),
    "grouped": dict(x=(3, 9, 9, 16), w=(3, 3, 4, 24), groups=4),
    "grouped_by_four": dict(x=(4, 28, 28, 128), w=(3, 3, 4, 128), groups=32, stride=(2, 2)),
    "odd_order": dict(x=(9, 2, 6, 8), w=(3, 8, 4, 3), dims=("HNWC", "HIOW", "CWNH")),
    "prime_features": dict(x=(2, 6, 6, 131), w=(3, 3, 131, 20)),
    "many_features": dict(x=(2, 7, 7, 256), w=(3, 3, 256, 300)),
    "prime_pixels": dict(x=(5, 13, 13, 9), w=(3, 3, 9, 6)),
    "first_layer": dict(x=(2, 56, 56, 3), w=(7, 7, 3, 64), stride=(2, 2), padding=[(3, 3), (3, 3)]),
    "window_of_an_image": dict(x=(1, 40, 40, 3), w=(31, 29, 3, 2)),
    "points": dict(x=(2, 14, 14, 64), w=(1, 1, 64, 128), stride=(2, 2)),
    "line": dict(x=(3, 1000, 7), w=(9, 7, 11), dims=("NHC", "HIO", "NHC")),
    "volume": dict(x=(2, 3, 7, 8, 9), w=(5, 3, 3, 3, 2), dims=("NCDHW", "OIDHW", "NCDHW"), stride=(2, 2, 1)),
    "many_gradients": dict(x=(16, 64, 64, 8), w=(3, 3, 8, 16)),
    "no_batch": dict(x=(0, 8, 8, 3), w=(3, 3, 3, 4)),
}


def convolution(dims=FEATURES_LAST, stride=None, padding="SAME", spread=None, dilation=None, groups=1, batches=1):
    def fn(x, w):
        return lax.conv_general_dilated(x, w, stride or (1,) * (x.ndim - 2), padding, spread, dilation, dims, groups,
                                        batches)

    return fn


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_and_gradients(name):
    case = dict(CONVOLUTIONS[name])
    x, w = draw(case.pop("x")), draw(case.pop("w"), seed=1)
    fn = convolution(**case)
    g = draw(jax.eval_shape(fn, x, w).shape, seed=2)
    compare(lambda x, w, g: (fn(x, w), jax.vjp(fn, x, w)[1](g)), x, w, g, limit=3e-6)


@pytest.mark.parametrize("stride", [1, 2])
def test_inverted_residual(stride):
    """A block of MobileNetV2 with batch norms, and the gradient of everything in it. The first norm has no
    scale: the second would undo most of it, and leave rounding as its gradient."""
    rng = np.random.default_rng(0)
    kernels = [rng.standard_normal(s).astype(np.float32) / 4
               for s in ((1, 1, 24, 144), (3, 3, 1, 144), (1, 1, 144, 24))]
    scales = [1 + 0.1 * rng.standard_normal(w.shape[-1]).astype(np.float32) for w in kernels[1:]]

    def normal(y, scale):
        centred = y - y.mean((0, 1, 2))
        return centred * lax.rsqrt((centred * centred).mean((0, 1, 2)) + 1e-3) * scale

    def block(x, kernels, scales):
        y = x
        for at, (w, scale) in enumerate(zip(kernels, [1, *scales], strict=True)):
            groups, steps = (w.shape[-1], (stride, stride)) if at == 1 else (1, (1, 1))
            y = lax.conv_general_dilated(y, w, steps, "SAME", dimension_numbers=FEATURES_LAST,
                                         feature_group_count=groups)
            y = normal(y, scale)
            y = jnp.clip(y, 0, 6) if at < 2 else y
        return y + x if stride == 1 else y

    x = draw((8, 14, 14, 24))
    g = draw(jax.eval_shape(block, x, kernels, scales).shape, seed=2)
    compare(lambda *a: (block(*a), jax.vjp(block, *a)[1](g)), x, kernels, scales, limit=3e-6)


def test_batch_groups():
    compare(convolution(batches=4), draw((8, 9, 9, 6)), draw((3, 3, 6, 12), seed=1), limit=3e-6)


@pytest.mark.parametrize("dtype, limit", [(ml_dtypes.bfloat16, 6e-3), (np.float16, 8e-4)])
def test_narrow_convolution(dtype, limit):
    x, w, g = draw((4, 16, 16, 16), dtype), draw((3, 3, 16, 32), dtype, 1), draw((4, 16, 16, 32), dtype, 2)
    fn = convolution()
    compare(lambda x, w, g: (fn(x, w), jax.vjp(fn, x, w)[1](g)), x, w, g, limit=limit)


def test_convolution_flops_are_counted(tmp_path):
    """What the PE does for a step is what its convolutions ask for: 2 x elements x taps x features, padding
    included."""
    x, w = draw((2, 9, 9, 6)), draw((3, 3, 3, 8), seed=1)
    fn = convolution(groups=2, stride=(2, 2))
    program = cli.write_program(fn, (x, w), tmp_path / "conv.mlirbc")
    _, record = cli.run_json(program, cli.write_inputs((x, w), tmp_path / "in"), tmp_path / "out")
    assert record["pe_flops"] == 2 * (2 * 5 * 5 * 8) * (3 * 3) * 3


def pool(window, stride, padding="VALID", op=lax.max, start=-np.inf):
    def fn(x):
        return lax.reduce_window(x, np.array(start, x.dtype), op, (1, *window, 1), (1, *stride, 1), padding)

    return fn


POOLS = {
    "2x2": pool((2, 2), (2, 2)),
    "overlap": pool((3, 3), (2, 2), "SAME"),
    "every_pixel": pool((3, 3), (1, 1), "SAME"),
    "gaps": pool((2, 2), (3, 3)),
    "min": pool((3, 3), (2, 2), "SAME", lax.min, np.inf),
}


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", POOLS)
def test_pooling_and_its_gradient(name, dtype):
    """Ties go to the first element; sources that meet are added (bf16: XLA rounds each sum)."""
    fn, x = POOLS[name], draw_ties((2, 19, 18, 16), dtype)
    g = draw(jax.eval_shape(fn, x).shape, dtype, 1)
    compare(fn, x, limit=0)
    compare(lambda x, g: jax.vjp(fn, x)[1](g), x, g, limit=1e-6 if dtype == np.float32 else 6e-3)


def test_average_pooling():
    fn, x = pool((3, 3), (2, 2), "SAME", lax.add, 0), draw((2, 19, 18, 16))
    g = draw(jax.eval_shape(fn, x).shape, seed=1)
    compare(lambda x, g: (fn(x), jax.vjp(fn, x)[1](g)), x, g, limit=1e-6)


@pytest.mark.parametrize("is_reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin"])
def test_running(name, axis, is_reverse):
    fn = getattr(lax, name)
    limit = 0 if name in ("cummax", "cummin") else 3e-6
    compare(lambda x: fn(x, axis=axis, reverse=is_reverse), draw((6, 200, 9)), limit=limit)


def test_long_running():
    """More elements than a tile has, so that windows would take minutes."""
    compare(lambda x: jnp.cumsum(x, axis=1), draw((300, 10000)), limit=1e-5)
    compare(lambda x: lax.cummax(x, axis=0, reverse=True), draw((10000, 3)), limit=0)
    compare(lambda x: jnp.cumsum(x), np.arange(20000, dtype=np.int32) * 65537, limit=0)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_cnn(precision, record_property):
    harness.judge("cnn", precision, models.cnn(models.COMPUTE[precision]), record_property)
