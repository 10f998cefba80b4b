"""Loops, scans and branches of JAX on Trainstone as on XLA:CPU, gradients through them included."""

import harness
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from jax import lax

import trainstone

RANDOM = np.random.default_rng(5)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def compare(function, *arguments, limit=1e-5):
    """Same tree of values on both platforms, within `limit` of the norm of each leaf."""
    values = {}
    for platform in (harness.CPU, harness.CHIP):
        device = jax.devices(platform)[0]
        with jax.default_device(device):
            values[platform] = jax.jit(function)(*jax.device_put(arguments, device))
    want = jax.tree_util.tree_leaves_with_path(values[harness.CPU])
    for (path, leaf), got in zip(want, jax.tree.leaves(values[harness.CHIP]), strict=True):
        error = harness.relative_error(got, leaf)
        assert error <= limit, (jax.tree_util.keystr(path), error, np.asarray(got), np.asarray(leaf))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_lstm(precision, record_property):
    harness.judge("lstm", precision, models.lstm(models.COMPUTE[precision]), record_property)


def test_rnn_gradient():
    def loss(w, u, xs):
        last, all_ = lax.scan(lambda h, x: (jnp.tanh(h @ w + x @ u), h), jnp.zeros((3, 20)), xs)
        return (last**2).sum() + (all_**3).mean()

    compare(jax.value_and_grad(loss, argnums=(0, 1, 2)), floats(20, 20) / 5, floats(9, 20), floats(6, 3, 9))


@pytest.mark.parametrize("is_reverse", [False, True])
def test_gradients_of_weights_that_scans_carry(is_reverse):
    """Those that grow by a product a trip are made after the loop; others stay, as that of `v`."""

    def step(weights, carry, x):
        w, u, v = weights
        h = jnp.tanh(carry @ w + x @ u)
        return h + 0.1 * jnp.sin(h @ v) @ v.T, h

    def loss(weights, start, xs):
        scan = lax.scan(lambda h, x: step(weights, h, x), start, xs, reverse=is_reverse)
        return sum(jnp.sum(a * a) for a in scan)

    weights = floats(70, 70) / 9, floats(66, 70) / 9, floats(70, 70) / 9
    compare(jax.value_and_grad(loss, argnums=(0, 1, 2)), weights, floats(5, 70), floats(7, 5, 66))


def test_products_that_loops_sum():
    """Of two slices of the same position, and of different ones; from a start that is not zero."""

    def total(start, a, b):
        def same(i, s):
            return s + a[i].T @ b[i]

        def other(i, s):
            return s + a[i].T @ b[5 - i]

        return lax.fori_loop(0, 6, same, start), lax.fori_loop(0, 6, other, start), lax.fori_loop(0, 5, same, start)

    compare(total, floats(64, 72), floats(6, 30, 64), floats(6, 30, 72))


def test_reverse_scan_of_trees():
    def step(carry, x):
        a, b = carry
        return (a * 0.5 + x["p"], b + x["q"].sum()), {"r": a + b, "s": x["q"] * a[:2]}

    compare(lambda c, xs: lax.scan(step, c, xs, reverse=True), (floats(4), floats()),
            {"p": floats(7, 4), "q": floats(7, 2)})


def test_nested_scans():
    def outer(x, w):
        def inner(carry, row):
            return jnp.tanh(carry @ w + row), carry.sum(axis=0)

        return lax.scan(lambda c, a: lax.scan(inner, c, a), jnp.ones((2, 5)), x)

    x, w = floats(4, 3, 2, 5), floats(5, 5) / 3
    compare(outer, x, w)
    compare(jax.grad(lambda x, w: sum(jnp.sum(v**2) for v in jax.tree.leaves(outer(x, w))), argnums=(0, 1)), x, w)


@pytest.mark.parametrize("trips", [0, 1, 5])
def test_fori(trips):
    """A bound that the program knows, and one that only the data knows."""

    def body(i, x):
        return x * 1.5 + i + jnp.where(i % 2 == 0, x, -x)

    compare(lambda x: lax.fori_loop(0, trips, body, x), floats(3, 5))
    compare(lambda x, n: lax.fori_loop(0, n, body, x), floats(3, 5), np.int32(trips))
    compare(lambda x, n: lax.fori_loop(-2, n - 2, body, x), floats(3, 5), np.int32(trips))


def test_empty_scan():
    compare(lambda c, x: lax.scan(lambda c, a: (c + a, c), c, x), floats(3), floats(0, 3))


def test_while_until_converged():
    def newton(x):
        return lax.while_loop(lambda s: jnp.abs(s[0] ** 2 - x).max() > 1e-4,
                              lambda s: (0.5 * (s[0] + x / s[0]), s[1] + 1), (jnp.ones_like(x), 0))

    compare(newton, np.array([2, 3, 50], np.float32))


@pytest.mark.parametrize("start", [1, 6, 27])
def test_while_with_branches(start):
    def collatz(n):
        return lax.while_loop(lambda s: s[0] != 1,
                              lambda s: (
                                  lax.cond(s[0] % 2 == 0, lambda v: v // 2, lambda v: 3 * v + 1, s[0]), s[1] + 1),
                              (n, jnp.int32(0)))

    compare(collatz, np.int32(start))


@pytest.mark.parametrize("index", [-5, 0, 1, 2, 3, 2**31 - 1])
def test_switch(index):
    """An index out of range takes the nearest branch (jax.lax.switch clamps)."""
    captured = floats(4)

    def pick(i, x):
        y = x + captured
        return lax.switch(i, [lambda: y, lambda: y * 2, lambda: x - y, lambda: jnp.zeros_like(x)])

    compare(pick, np.int32(index), floats(4))


@pytest.mark.parametrize("is_true", [False, True])
def test_cond_captures_and_differentiates(is_true):
    def loss(w, x, p):
        h = jnp.tanh(x @ w)
        y = lax.cond(p, lambda: h @ w, lambda: h * 3)
        return (y * h).sum()

    compare(jax.value_and_grad(loss, argnums=(0, 1)), floats(6, 6), floats(2, 6), np.bool_(is_true))


def test_branches_of_a_scan():
    def step(carry, x):
        carry = lax.cond(x[0] > 0, lambda c: c * 1.1 + x, lambda c: c, carry)
        return carry, lax.switch(jnp.int32(x[1]), [lambda: carry, lambda: -carry])

    compare(lambda c, xs: lax.scan(step, c, xs), floats(3), floats(8, 3))


def test_updates_in_place():
    """Two updates of a carried array in a row, what it held read between them and after."""

    def body(i, state):
        cache, total = state
        cache = cache.at[i].set(total)
        row = cache[5 - i]
        cache = lax.dynamic_update_slice(cache, (row + i)[None], (3, 0))
        return cache, total + cache.sum(axis=0) + row

    compare(lambda c, t: lax.fori_loop(0, 6, body, (c, t)), floats(6, 4), floats(4))
    compare(lambda c, t, n: lax.fori_loop(1, n, body, (c, t)), floats(6, 4), floats(4), np.int32(5))


def test_values_that_change_places():
    compare(lambda a, b: lax.fori_loop(0, 5, lambda i, s: (s[1], s[0][::-1] + s[2], s[1] * 2), (a, b, a)),
            floats(4), floats(4))


def test_indices_that_leave_the_array():
    """Slices clamp, gathers wrap, in some trips only."""
    compare(lambda x: lax.fori_loop(0, 8, lambda i, s: s * 0.5 + lax.dynamic_slice(x, (i - 2, 1), (3, 2)),
                                    jnp.zeros((3, 2))), floats(5, 4))
    compare(lambda x: lax.fori_loop(0, 5, lambda i, s: s * 2 + x[i - 3], jnp.zeros(4)), floats(5, 4))


def test_time_follows_the_data():
    """More trips take longer, by the same time each; the bounds add up to the whole."""
    run = jax.jit(lambda x, n: lax.fori_loop(0, n, lambda i, x: x * 2, x))
    device = jax.devices(harness.CHIP)[0]
    seconds = {}
    for trips in (1, 2, 3, 2):
        x, n = jax.device_put((floats(128, 64), np.int32(trips)), device)
        run(x, n).block_until_ready()
        record = trainstone.last_run()
        assert record["assumed_trips"] == 0
        assert sum(record["bounds"].values()) == pytest.approx(record["predicted_seconds"], rel=1e-9)
        assert seconds.setdefault(trips, record["predicted_seconds"]) == record["predicted_seconds"]
    assert seconds[3] - seconds[2] == pytest.approx(seconds[2] - seconds[1], rel=0.01)
    assert seconds[3] > seconds[2] > seconds[1]


def test_slice_that_an_update_starts_from():
    """The update leaves the copy of the slice that is read after it as it was."""

    def body(i, total):
        piece = lax.dynamic_slice(x, (i, 0), (1, 8))
        changed = lax.dynamic_update_slice(piece, jnp.full((1, 2), 9, x.dtype), (0, 3))
        return total + jnp.concatenate([lax.sort(changed, dimension=1), lax.sort(piece, dimension=1)], 1)

    x = jnp.arange(32, dtype=np.float32).reshape(4, 8)
    compare(lambda: lax.fori_loop(0, 4, body, jnp.zeros((1, 16), x.dtype)))
