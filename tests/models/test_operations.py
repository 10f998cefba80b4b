"""Operations as JAX programs use them, over odd shapes: exact where arithmetic is, within 3 ULP where it is not.

XLA:CPU is the judge of data movement, integers, comparisons and correctly rounded floats, bit for bit; float64 of
functions.
"""

import math

import fuzz_values as fuzz
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from jax import lax

CHIP, CPU = fuzz.chip_and_judge()
BF16 = np.dtype(ml_dtypes.bfloat16)
SHAPES = [(), (1,), (127,), (513,), (129, 3), (2, 1, 130), (0, 5), (2, 1, 2, 3, 1, 2, 1, 2)]


def shape_id(shape):
    return "x".join(map(str, shape)) or "scalar"


def on_both(function, *arguments):
    """(results on the chip, on XLA:CPU) as NumPy trees."""
    return [jax.tree.map(np.asarray, jax.jit(function)(*jax.device_put(arguments, device))) for device in (CHIP, CPU)]


def draw(name, shape, seed=0, is_simple=False):
    return fuzz.random_array(np.random.default_rng(seed), shape, name, is_simple)


def agree(got, want, context, allowed=0.0):
    """Each leaf of a dict of results has the judge's bits (any NaN is NaN), or lies within `allowed`."""
    wrong = []
    for key in want:
        for chip, cpu in zip(jax.tree.leaves(got[key]), jax.tree.leaves(want[key]), strict=True):
            bad = fuzz.differences(chip, cpu, allowed)
            if np.any(bad):
                at = tuple(np.argwhere(bad)[0])
                wrong.append(f"{key}: {np.sum(bad)} of {bad.size}, at {at} {chip[at]} for {cpu[at]}")
    assert not wrong, f"{context}: " + "; ".join(wrong)


# ---- pointwise ----


@pytest.mark.parametrize("shape", SHAPES, ids=shape_id)
@pytest.mark.parametrize("name", fuzz.FLOATS)
def test_rounded_once(name, shape):
    """Add, multiply, divide, square root and what selects round once and keep NaN, infinities and signed zeros."""

    def run(x, y):
        return {
            "add": x + y, "subtract": x - y, "multiply": x * y, "divide": x / y, "sqrt": lax.sqrt(x),
            "maximum": jnp.maximum(x, y), "minimum": jnp.minimum(x, y), "abs": jnp.abs(x), "negate": -x,
            "sign": lax.sign(x), "finite": jnp.isfinite(x), "nan": jnp.isnan(x), "where": jnp.where(x > y, x, y),
            "floor": jnp.floor(x), "ceil": jnp.ceil(x), "round": jnp.round(x), "trunc": jnp.trunc(x),
            "away": lax.round(x, lax.RoundingMethod.AWAY_FROM_ZERO), "clip": jnp.clip(x, -1, 2.5), "square": x * x,
            "relu": jax.nn.relu(x), "scaled": 3 * x, "inverse": 1 / x, "double": x + x, "rsub": 1 - x,
        }

    x, y = draw(name, shape, 1), draw(name, shape, 2)
    agree(*on_both(run, x, y), name)


@pytest.mark.parametrize("shape", [(513,), (129, 3), (), (0, 5)], ids=shape_id)
@pytest.mark.parametrize("name", fuzz.WORDS + fuzz.NARROW)
def test_integers(name, shape):
    """Integer arithmetic wraps at its width; division truncates; shifts by the width leave zeros or the sign."""
    is_signed = name[0] == "i"

    def run(x, y):
        results = {
            "add": x + y, "subtract": x - y, "multiply": x * y, "divide": lax.div(x, y), "rem": lax.rem(x, y),
            "maximum": jnp.maximum(x, y), "minimum": jnp.minimum(x, y), "and": x & y, "or": x | y, "xor": x ^ y,
            "not": ~x, "left": lax.shift_left(x, y), "right": lax.shift_right_logical(x, y), "cube": x**3,
            "arithmetic": lax.shift_right_arithmetic(x, y), "popcount": lax.population_count(x), "clz": lax.clz(x),
            "floor_divide": x // jnp.where(y == 0, 1, y), "mod": x % jnp.where(y == 0, 1, y),
            "clip": jnp.clip(x, 1, 100), "seven": x + 7, "thrice": 3 * x, "where": jnp.where(x < y, x, y),
        }
        if is_signed:
            results |= {"abs": jnp.abs(x), "negate": -x, "sign": lax.sign(x)}
        return results

    got, want = on_both(run, draw(name, shape, 3), draw(name, shape, 4))
    agree(got, want, name)


@pytest.mark.parametrize("name", fuzz.DTYPES)
def test_comparisons(name):
    def run(x, y):
        return {op: getattr(lax, op)(x, y) for op in ("eq", "ne", "lt", "le", "gt", "ge")}

    x, y = draw(name, (129, 7), 5), draw(name, (129, 7), 6)
    agree(*on_both(run, x, np.where(np.arange(7) % 2 == 0, x, y)), name)


@pytest.mark.parametrize("name", fuzz.DTYPES)
def test_conversions(name):
    """To every type: floats toward zero and saturated, integers by their low bytes, to nearest even."""
    x = draw(name, (2, 257), 7)
    if name in fuzz.FLOATS:
        edges = [0.5, -0.5, 1.5, 127.5, 128, -129, 255.5, 256, 32768, -32769, 65535.5, 2147483648, -2147483904,
                 4294967296, 1e20, -1e20, np.inf, -np.inf, np.nan, 2049, 65519, 65520, 257, 1.00390625]
        with np.errstate(over="ignore"):
            x[0, : len(edges)] = np.array(edges).astype(x.dtype)
    agree(*on_both(lambda v: {n: v.astype(d) for n, d in fuzz.DTYPES.items()}, x), name)


def vector(function):
    return np.vectorize(function, otypes=[np.float64])


def logistic(x):
    return 1 / (1 + np.exp(-x))


FUNCTIONS = {  # name: (JAX's, float64's, range of arguments)
    "exp": (jnp.exp, np.exp, (-100, 90)),
    "expm1": (jnp.expm1, np.expm1, (-20, 80)), "log": (jnp.log, np.log, (0, 1e6)),
    "log1p": (jnp.log1p, np.log1p, (-1, 100)), "tanh": (jnp.tanh, np.tanh, (-12, 12)),
    "logistic": (lax.logistic, logistic, (-90, 30)), "rsqrt": (lax.rsqrt, lambda x: 1 / np.sqrt(x), (0, 1e6)),
    "sin": (jnp.sin, np.sin, (-30, 30)), "cos": (jnp.cos, np.cos, (-30, 30)), "tan": (jnp.tan, np.tan, (-30, 30)),
    "atan": (jnp.arctan, np.arctan, (-50, 50)), "cbrt": (jnp.cbrt, np.cbrt, (-1e4, 1e4)),
    "erf": (lax.erf, vector(math.erf), (-4, 4)),
}


@pytest.mark.parametrize("name", fuzz.FLOATS)
def test_functions(name):
    """Within 3 ULP of float64 in fp32, one rounding beyond in the narrow types; near zero and at the corners too."""
    rng = np.random.default_rng(8)
    arguments = {}
    for key, (_, _, (low, high)) in FUNCTIONS.items():
        x = rng.uniform(low, high, (3, 1001))
        x[1] = x[1] * 10.0 ** rng.uniform(-8, 0, 1001)
        x[2, :6] = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0]
        arguments[key] = x.astype(np.float32).astype(fuzz.DTYPES[name])
    got, judged = on_both(lambda a: {key: FUNCTIONS[key][0](a[key]) for key in a}, arguments)
    wrong = []
    for key, (_, function, _) in FUNCTIONS.items():
        with np.errstate(all="ignore"):
            want = function(fuzz.widen(arguments[key]))
        bad = fuzz.within(3)(got[key], want, [], None) & ((name == "f32") | fuzz.differences(got[key], judged[key]))
        if np.any(bad):
            at = tuple(np.argwhere(bad)[0])
            wrong.append(f"{key}({arguments[key][at]}) = {got[key][at]!r}: {np.sum(bad)} of {bad.size}")
    assert not wrong, "; ".join(wrong)


# ---- rearrangement, reduction, indexing: exact expressions of jnp ----

EXACT = {
    "transposes": lambda x, i: (x.T, jnp.swapaxes(x, 0, 1), jnp.moveaxis(x[None], 0, 2)),
    "reshapes": lambda x, i: (x.reshape(-1), x.T.reshape(-1), x.reshape(1, -1, 1), jnp.ravel(x[:, ::2])),
    "slices": lambda x, i: (x[1:], x[:, :1], x[::-1, ::3], x[-3:, -2:], x[::-1][1:]),
    "pads": lambda x, i: (jnp.pad(x, 1), jnp.pad(x, ((2, 0), (0, 3)), constant_values=7), jnp.pad(x, 1, mode="edge"),
                          lax.pad(x, jnp.zeros((), x.dtype), ((-1, 2, 1), (1, -1, 0)))),
    "rolls": lambda x, i: (jnp.roll(x, 3, 0), jnp.roll(x, -1, 1), jnp.roll(x, 5)),
    "joins": lambda x, i: (jnp.concatenate([x, x[:1], x]), jnp.stack([x, x[::-1]], 2), jnp.hstack([x, x[:, :1]]),
                           jnp.tile(x, (2, 3)), jnp.repeat(x, 2, 1)),
    "splits": lambda x, i: jnp.array_split(x, 3, 1),
    "broadcasts": lambda x, i: (jnp.broadcast_to(x[:, None], (x.shape[0], 2, x.shape[1])), x[:, :1] == x, x[0] != x),
    "triangles": lambda x, i: (jnp.tril(x), jnp.triu(x, 1), jnp.eye(7, 5), jnp.tri(5)),
    "counts": lambda x, i: (jnp.arange(513), jnp.arange(5, 200, 7), jnp.indices((3, 5)), jnp.meshgrid(i, i)),
    "extremes": lambda x, i: (x.max(0), x.min(1), x.max(), x.min(), jnp.argmax(x, 0), jnp.argmin(x, 1), x.argmax()),
    "decisions": lambda x, i: ((x > 0).any(1), (x > 0).all(0), (x != 0).sum(), jnp.count_nonzero(x, 1)),
    "takes": lambda x, i: (x[i], x[:, i % 3], jnp.take(x, i, 0, mode="clip"), jnp.take(x, i, 0, mode="wrap"),
                           jnp.take(x, i, 1, mode="fill", fill_value=3), x[i, i % 3], x[i[:, None], i % 2]),
    "along": lambda x, i: (jnp.take_along_axis(x[:, : i.size], (i % x.shape[0])[None, : x.shape[1]], 0),
                           jnp.take_along_axis(x, jnp.argmax(x, 1)[:, None], 1)),
    "sets": lambda x, i: (x.at[2].set(5), x.at[:, 1].set(x[:, 0]), x.at[1:3, ::2].set(0), x.at[i[0], i[1] % 3].set(9),
                          x.at[jnp.arange(3)].set(x[3:6]), x.at[-1].set(1)),
    "extremes at": lambda x, i: (x.at[i].max(x[: i.size]), x.at[i].min(x[: i.size]), x.at[i % 2, 0].max(1)),
    "dynamic": lambda x, i: (lax.dynamic_slice(x, (i[0], i[1]), (2, 2)), lax.dynamic_slice_in_dim(x, i[2], 3),
                             lax.dynamic_update_slice(x, x[:2, :2], (i[3], i[4])), lax.dynamic_index_in_dim(x, i[5]),
                             lax.dynamic_update_index_in_dim(x, x[0], i[6], 0)),
    "selects": lambda x, i: (jnp.where(x > 1, x, 0), jnp.where(i[0] > 1, x, x + 1), lax.select_n(i[0] % 2 == 0, x, -x)),
    "empty": lambda x, i: (x[:0], x[:0].sum(), x[:0] + 1, jnp.concatenate([x[:0], x]), x[:, :0].max(1, initial=3)),
}


@pytest.mark.parametrize("shape", [(7, 3), (129, 5), (33, 130)], ids=shape_id)
@pytest.mark.parametrize("name", ["f32", "bf16", "i8"])
def test_expressions(name, shape):
    """Data movement, comparisons and selections in bits."""
    x = draw(name, shape, 9, is_simple=True)
    i = np.array([3, 0, -2, 1, 100, -100, 6], np.int32)
    agree(*on_both(lambda x, i: {key: function(x, i) for key, function in EXACT.items()}, x, i), name)


@pytest.mark.parametrize("shape", [(7, 3), (129, 5), (8, 2051)], ids=shape_id)
@pytest.mark.parametrize("name", ["f32", "i32", "i16", "u8"])
def test_sums(name, shape):
    """Sums, products and scattered additions of small numbers, whose order cannot matter; integers wrap."""

    def run(x, i):
        wide = x.astype(x.dtype if x.dtype.itemsize == 4 else jnp.int32)
        return {
            "sums": (wide.sum(), wide.sum(0), wide.sum(1), x.sum(), x.sum(1)),
            "products": (x.prod(1)[:1], wide[:3, :3].prod()),
            "running": (jnp.cumsum(wide, 0), jnp.cumsum(wide, 1), lax.cummax(x, axis=1),
                        jnp.cumsum(wide[::-1], 0)[::-1]),
            "means": wide.sum(0) // 4, "at": (wide.at[i].add(wide[: i.size]), wide.at[:, 0].add(1),
                                              wide.at[i[0]].mul(2)),
            "segments": jax.ops.segment_sum(wide[: i.size], i, 5), "one hot": jax.nn.one_hot(i, 5, dtype=x.dtype),
            "histogram": jnp.zeros(9, wide.dtype).at[jnp.abs(wide).astype(jnp.int32).ravel() % 9].add(1),
        }

    i = np.array([3, 0, 3, 1, 3, -1, 4], np.int32)
    agree(*on_both(run, draw(name, shape, 10, is_simple=True), i), name)


# ---- sums of products ----


@pytest.mark.parametrize("spec, left, right", [
    ("ij,jk->ik", (129, 257), (257, 3)), ("ij,kj->ki", (1, 130), (513, 130)), ("ij,ik->jk", (33, 127), (33, 65)),
    ("i,i->", (1000,), (1000,)), ("i,j->ij", (129,), (7,)), ("bij,bjk->bik", (3, 5, 129), (3, 129, 7)),
    ("bqhd,bkhd->bhqk", (2, 17, 3, 16), (2, 33, 3, 16)), ("bhqk,bkhd->bqhd", (2, 3, 17, 33), (2, 33, 3, 16)),
    ("ijk,kjl->il", (5, 3, 43), (43, 3, 9)), ("ij,jk->ik", (3, 0), (0, 5)), ("ij,jk->ik", (0, 3), (3, 5)),
    ("abij,abjk->abik", (1, 129, 2, 2), (1, 129, 2, 2)), ("ij,j->i", (129, 129), (129,)),
])
def test_products(spec, left, right):
    """Small whole numbers, so that sums are exact in any order: in fp32, and rounded once to bf16."""
    x, y = draw("f32", left, 11, is_simple=True), draw("f32", right, 12, is_simple=True)

    def run(x, y):
        narrow = x.astype(jnp.bfloat16), y.astype(jnp.bfloat16)
        return {"fp32": jnp.einsum(spec, x, y), "bf16": jnp.einsum(spec, *narrow),
                "wide": jnp.einsum(spec, *narrow, preferred_element_type=jnp.float32)}

    agree(*on_both(run, x, y), spec)


def normalise(x):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5)


CLOSE = {
    "softmax": lambda x: jax.nn.softmax(x), "log softmax": lambda x: jax.nn.log_softmax(x, 0),
    "logsumexp": lambda x: jax.scipy.special.logsumexp(x, 1), "gelu": lambda x: jax.nn.gelu(x),
    "gelu erf": lambda x: jax.nn.gelu(x, approximate=False), "silu": jax.nn.silu, "softplus": jax.nn.softplus,
    "normalise": normalise, "variance": lambda x: (x.var(0), x.std(1), x.mean()), "norm": jnp.linalg.norm,
    "gradient": jax.grad(lambda x: jnp.sum(jnp.tanh(x @ x.T) ** 2)),
    "normalise gradient": jax.grad(lambda x: jnp.sum(normalise(x) ** 3)),
    "loss": lambda x: -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), jnp.ones((x.shape[0], 1), int), 1)),
}


@pytest.mark.parametrize("shape", [(7, 3), (129, 33), (2, 513)], ids=shape_id)
def test_layers(shape):
    """What networks are made of, to fp32's accuracy of sums."""
    x = np.random.default_rng(13).standard_normal(shape).astype(np.float32)
    got, want = on_both(lambda x: {key: function(x) for key, function in CLOSE.items()}, x)
    for key in want:
        for chip, cpu in zip(jax.tree.leaves(got[key]), jax.tree.leaves(want[key]), strict=True):
            np.testing.assert_allclose(chip, cpu, rtol=2e-5, atol=2e-6 * max(1, np.max(np.abs(cpu))), err_msg=key)
