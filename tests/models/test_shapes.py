"""Dimensions that divide nothing, eight axes, and arrays without elements, through each family of operations.

Sums are judged by float64 NumPy within the bound of an fp32 sum, data movement bit for bit, layers against
float64 formulas.
"""

import fuzz_reference as ref
import fuzz_sums
import fuzz_values as v
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

CHIP = v.chip_and_judge()[0]
SIZES = (1, 37, 127, 129, 513, 784, 50257)
BATCH = 37


def on_chip(function, *arguments):
    return jax.tree.map(np.asarray, jax.jit(function)(*jax.device_put(arguments, CHIP)))


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def assert_sum(got, want, terms, *operands):
    bad = v.sum_of(terms)(got, want, operands, None)
    assert not np.any(bad), f"{np.sum(bad)} of {bad.size}"


def contract(x, y, numbers):
    return fuzz_sums.both(lambda a, b: fuzz_sums.contract(a, b, numbers), x, y)


# ---- the dimensions ----


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("where", ["depth", "columns", "rows"])
def test_dot(size, where):
    """size as the depth, the columns and the rows of a product, both operands either way round."""
    m, k, n = {"depth": (BATCH, size, 5), "columns": (BATCH, 9, size), "rows": (size, 9, 5)}[where]
    x, y = draw(m, k), draw(k, n, seed=1)
    assert_sum(on_chip(jnp.dot, x, y), contract(x, y, (((1,), (0,)), ((), ()))), k, x, y)
    turned = on_chip(lambda x, y: lax.dot_general(x, y, (((0,), (1,)), ((), ()))), np.ascontiguousarray(x.T),
                     np.ascontiguousarray(y.T))
    assert_sum(turned, contract(x.T, y.T, (((0,), (1,)), ((), ()))), k, x, y)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("axis", [0, 1])
def test_reduce(size, axis):
    x = draw(BATCH, size) if axis else draw(size, BATCH)
    total, most, least, place = on_chip(
        lambda x: (jnp.sum(x, axis), jnp.max(x, axis), jnp.min(x, axis), jnp.argmax(x, axis)), x)
    assert_sum(total, (np.sum(v.widen(x), axis), np.sum(np.abs(v.widen(x)), axis)), size, x)
    np.testing.assert_array_equal(most, np.max(x, axis))
    np.testing.assert_array_equal(least, np.min(x, axis))
    np.testing.assert_array_equal(place, np.argmax(x, axis))


@pytest.mark.parametrize("size", SIZES)
def test_softmax(size):
    x = 4 * draw(BATCH, size)
    wide = np.exp(v.widen(x) - np.max(x, 1, keepdims=True))
    got = on_chip(jax.nn.softmax, x)
    np.testing.assert_allclose(got, wide / np.sum(wide, 1, keepdims=True), rtol=2e-5, atol=1e-38)
    np.testing.assert_allclose(np.sum(v.widen(got), 1), 1, rtol=2e-5)


@pytest.mark.parametrize("size", SIZES[1:])
def test_layernorm(size):
    x, scale, bias = draw(BATCH, size), draw(size, seed=1), draw(size, seed=2)

    def layernorm(x, scale, bias):
        mean = jnp.mean(x, 1, keepdims=True)
        variance = jnp.mean((x - mean) ** 2, 1, keepdims=True)
        return (x - mean) * lax.rsqrt(variance + 1e-5) * scale + bias

    wide = v.widen(x)
    want = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5) * scale + bias
    np.testing.assert_allclose(on_chip(layernorm, x, scale, bias), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_embedding(size):
    """A table of `size` rows, and rows of `size` numbers; the gradient of the lookup; indices beyond the table."""
    indices = np.random.default_rng(3).integers(0, size, (BATCH, 3)).astype(np.int32)
    table, g = draw(size, 5), draw(BATCH, 3, 5, seed=1)
    rows, (gradient,) = on_chip(lambda t, i, g: (t[i], jax.vjp(lambda t: t[i], t)[1](g)), table, indices, g)
    np.testing.assert_array_equal(rows, table[indices])
    total, magnitude = np.zeros((size, 5)), np.zeros((size, 5))
    np.add.at(total, indices, v.widen(g))
    np.add.at(magnitude, indices, np.abs(v.widen(g)))
    assert_sum(gradient, (total, magnitude), BATCH * 3, g)
    far = np.array([-size - 1, -1, 0, size - 1, size, 2**31 - 1], np.int32)
    wide = draw(2, size)
    clipped, filled = on_chip(lambda t, i: (jnp.take(t, i, 1, mode="clip"), jnp.take(t, i, 1, mode="fill")), wide, far)
    np.testing.assert_array_equal(clipped, wide[:, np.clip(far, 0, size - 1)])
    inside = (far >= -size) & (far < size)
    np.testing.assert_array_equal(filled, np.where(inside, wide[:, np.where(inside, far, 0)], np.nan))
    along = on_chip(lambda t, i: jnp.take_along_axis(t, i, 0), table, indices[:, :1].repeat(5, 1))
    np.testing.assert_array_equal(along, np.take_along_axis(table, indices[:, :1].repeat(5, 1), 0))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("where", ["pixels", "features", "filters", "batch"])
def test_convolution(size, where):
    sizes = dict(pixels=5, features=3, filters=4, batch=2) | {where: size}
    x = draw(sizes["batch"], sizes["features"], sizes["pixels"])
    w = draw(sizes["filters"], sizes["features"], 3, seed=1)
    p = dict(strides=[2], padding=[(1, 1)], lhs_dilation=[1], rhs_dilation=[1], lhs_spec=(0, 1, 2),
             rhs_spec=(0, 1, 2), out_spec=(0, 1, 2), groups=1, batch_groups=1)
    got = on_chip(lambda x, w: lax.conv_general_dilated(x, w, (2,), [(1, 1)]), x, w)
    want = [ref.convolution(a, b, p) for a, b in ((v.widen(x), v.widen(w)), (np.abs(v.widen(x)), np.abs(v.widen(w))))]
    assert_sum(got, want, 3 * sizes["features"], x, w)


@pytest.mark.parametrize("size", SIZES)
def test_order_and_updates(size):
    x = draw(3, size)
    order, ranked, (most, place), running, moved = on_chip(
        lambda x: (jnp.argsort(x, 1), jnp.sort(x, 1), lax.top_k(x, min(5, size)), lax.cummax(x, 1),
                   lax.dynamic_update_slice(x, -x[:1, :1], (1, size - 1))), x)
    np.testing.assert_array_equal(order, np.argsort(x, 1, kind="stable"))
    np.testing.assert_array_equal(ranked, np.sort(x, 1))
    np.testing.assert_array_equal(place, np.argsort(-x, 1, kind="stable")[:, : min(5, size)])
    np.testing.assert_array_equal(most, np.take_along_axis(x, place, 1))
    np.testing.assert_array_equal(running, np.maximum.accumulate(x, 1))
    want = np.array(x)
    want[1, size - 1] = -x[0, 0]
    np.testing.assert_array_equal(moved, want)


# ---- eight axes ----


@pytest.mark.parametrize("seed", range(12))
def test_transposes_of_rank_8(seed):
    """A random order of eight axes, one of them 127 or 129 long; again behind a slice and a sum."""
    rng = np.random.default_rng(seed)
    shape = rng.permutation([2, 3, 1, 2, 3, 2, 2, int(rng.choice([127, 129]))]).tolist()
    order = rng.permutation(8).tolist()
    x = rng.integers(-1000, 1000, shape).astype(v.DTYPES[str(rng.choice(["f32", "bf16", "i32", "u8", "i1"]))])
    kept = [slice(0, s, 2) if s > 2 else slice(None) for s in shape]
    got, cut = on_chip(lambda x: (jnp.transpose(x, order), jnp.transpose(x[tuple(kept)], order)), x)
    np.testing.assert_array_equal(got, np.transpose(x, order))
    np.testing.assert_array_equal(cut, np.transpose(x[tuple(kept)], order))
    y = x.astype(np.int32)
    total = on_chip(lambda y: jnp.sum(jnp.transpose(y, order), (1, 4, 6)) + jnp.flip(y, (0, 7)).reshape(-1)[0], y)
    np.testing.assert_array_equal(total, np.sum(np.transpose(y, order), (1, 4, 6)) + np.flip(y, (0, 7)).reshape(-1)[0])


# ---- nothing ----

ROW = np.zeros((0, 5), np.float32)
EMPTY = {
    "pointwise": lambda x: jnp.exp(x) * 2 + x,
    "compare": lambda x: jnp.where(x > 0, x, -x),
    "constant": lambda x: x + jnp.full((0, 5), 2.5),
    "predicates": lambda x: jnp.zeros((0, 5), bool) | (x > 1),
    "convert": lambda x: x.astype(jnp.bfloat16),
    "bitcast": lambda x: lax.bitcast_convert_type(x, jnp.int32),
    "reduce": lambda x: (jnp.sum(x), jnp.sum(x, 0), jnp.max(x, 1), lax.reduce(x, np.float32(7), lax.max, (0,))),
    "argmax": lambda x: jnp.argmax(x, 1),
    "broadcast": lambda x: jnp.broadcast_to(x, (3, 0, 5)),
    "rearrange": lambda x: (x.T, x.reshape(5, 0, 1), jnp.flip(x), x[:, 1:4:2]),
    "pad": lambda x: (jnp.pad(x, 2, constant_values=1), lax.pad(x, np.float32(3), ((1, 2, 0), (-1, 0, 1)))),
    "concatenate": lambda x: (jnp.concatenate([x, x, jnp.ones((2, 5))]), jnp.concatenate([x, x], 1)),
    "iota": lambda x: (lax.broadcasted_iota(jnp.int32, (0, 5), 1), x),
    "dot": lambda x: (x @ x.T, x.T @ x, jnp.einsum("ij,kl->ikjl", x, x)),
    "batched dot": lambda x: jnp.einsum("bi,bj->bij", x, x),
    "convolution": lambda x: (lax.conv(x[None], jnp.ones((2, 0, 3)), (1,), "SAME"),
                              lax.conv(x[:, None], jnp.ones((2, 1, 3)), (1,), "SAME")),
    "window": lambda x: lax.reduce_window(x, np.float32(0), lax.add, (1, 3), (1, 1), "SAME"),
    "gather": lambda x: (jnp.ones((4, 5))[jnp.zeros((0,), int)], jnp.take(x, jnp.array([3]), 1)),
    "scatter": lambda x: (jnp.ones((4, 5)).at[jnp.zeros((0,), int)].add(x), x.at[jnp.array([3])].set(1.0)),
    "dynamic slice": lambda x: (lax.dynamic_slice(x, (1, 2), (0, 2)), lax.dynamic_update_slice(x, x[:, :2], (0, 1))),
    "cumulative": lambda x: (jnp.cumsum(x, 0), jnp.cumsum(x, 1)),
    "sort": lambda x: (jnp.sort(x, 0), jnp.argsort(x, 1), lax.top_k(x, 2)),
    "scan": lambda x: lax.scan(lambda c, r: (c + r, c), jnp.ones(5), x),
    "loop": lambda x: lax.fori_loop(0, 3, lambda i, x: x + i, x),
    "branch": lambda x: lax.cond(jnp.sum(x) > 0, lambda x: x + 1, lambda x: x - 1, x),
    "random": lambda x: (jax.random.uniform(jax.random.key(0), (0, 3)), x),
}


@pytest.mark.parametrize("name", EMPTY)
def test_empty(name):
    """Shapes, types and the numbers that reductions of nothing give, as XLA:CPU has them."""
    want = jax.tree.map(np.asarray, jax.jit(EMPTY[name])(jax.device_put(ROW, v.chip_and_judge()[1])))
    got = on_chip(EMPTY[name], ROW)
    for g, w in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert g.dtype == w.dtype and g.shape == w.shape
        assert not np.any(v.strict_differences(g, w) & ~((g == 0) & (w == 0)))
