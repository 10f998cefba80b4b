"""jax.random on Trainstone: the bits are XLA:CPU's; what is made of them by logarithms and the like is as close as
the functions are (docs/accuracy.md)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax, random

import trainstone

CPU, CHIP = jax.devices("cpu")[0], jax.devices("neuron")[0]
SEED = np.int32(42)


def both(function, *arguments):
    results = []
    for device in (CPU, CHIP):
        with jax.default_device(device):
            result = jax.jit(function)(*jax.device_put(arguments, device))
        results.append(jax.tree.map(np.asarray, result))
    return results


def assert_same(function, *arguments):
    want, got = both(function, *arguments)
    for a, b in zip(jax.tree.leaves(want), jax.tree.leaves(got), strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_array_equal(b, a)


def key(seed, impl="threefry2x32"):
    return random.key(seed, impl=impl)


@pytest.mark.parametrize("seed", [0, 42, -5, 2**31 - 1])
def test_key_split_fold_in(seed):
    def all_keys(seed):
        k = key(seed)
        return [random.key_data(x) for x in (k, random.split(k, 7), random.fold_in(k, 3))]

    assert_same(all_keys, np.int32(seed))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
@pytest.mark.parametrize("shape", [(), (1,), (2,), (1001,), (3, 130, 5)])
def test_bits(dtype, shape):
    assert_same(lambda seed: random.bits(key(seed), shape, dtype), SEED)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_uniform(dtype):
    assert_same(lambda seed: random.uniform(key(seed), (37, 53), dtype), SEED)


@pytest.mark.parametrize("low, high, dtype", [(0, 10, "int32"), (-(10**6), 2 * 10**6, "int32"), (0, 200, "uint8"),
                                              (-(2**31), 2**31 - 1, "int32"), (-100, 100, "int16")])
def test_randint(low, high, dtype):
    assert_same(lambda seed: random.randint(key(seed), (1000,), low, high, dtype), SEED)


def test_choices():
    def draw(seed):
        k = key(seed)
        logits = jnp.log(jnp.arange(1.0, 11.0))
        return (random.bernoulli(k, 0.3, (64, 65)), random.rademacher(k, (1000,)), random.permutation(k, 100),
                random.choice(k, 50, (20,)), random.categorical(k, logits, shape=(100,)))

    assert_same(draw, SEED)


WHOLE = {
    "binomial": lambda k: random.binomial(k, 10, 0.3, (20,)),
    "choice by weight": lambda k: random.choice(k, 10, (20,), p=jnp.arange(10) / 45),
    "choice without replacement": lambda k: random.choice(k, 50, (20,), replace=False),
    "clone": lambda k: random.key_data(random.clone(k)),
    "geometric": lambda k: random.geometric(k, 0.3, (100,)),
    "permutation of an axis": lambda k: random.permutation(k, jnp.arange(60).reshape(20, 3), axis=1),
    "permutation, independent": lambda k: random.permutation(k, jnp.arange(60).reshape(20, 3), independent=True),
    "poisson": lambda k: random.poisson(k, 3.0, (50,)),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers(name):
    """What is made of uniform numbers by loops, sorts and searches, exactly."""
    assert_same(lambda seed: WHOLE[name](key(seed)), SEED)


REJECTION = {
    "beta": lambda k: random.beta(k, 2.0, 3.0, (20,)),
    "dirichlet": lambda k: random.dirichlet(k, jnp.ones(4), (5,)),
    "gamma": lambda k: random.gamma(k, 2.5, (50,)),
    "loggamma": lambda k: random.loggamma(k, 0.5, (30,)),
    "t": lambda k: random.t(k, 3.0, (20,)),
}


@pytest.mark.parametrize("name", REJECTION)
def test_rejection_sampling(name):
    """Loops that run until each sample is accepted: the same trips, values an ULP or a few apart."""
    want, got = both(lambda seed: REJECTION[name](key(seed)), SEED)
    np.testing.assert_allclose(got, want, rtol=2e-6)


def last_ops():
    record = trainstone.last_run()
    assert record["rows_left_out"] == 0
    return record, {row["op"] for row in record["rows"] if row["elems"]}


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg", "unsafe_rbg"])
def test_masks_are_made_on_engines(impl):
    """No gpsimd_ or host_ routine holds an element of a dropout mask: documented instructions make it."""
    x = np.ones((128, 700), np.float32)
    with jax.default_device(CHIP):
        dropout = jax.jit(lambda seed, x: jnp.where(random.bernoulli(key(seed, impl), 0.9, x.shape), x / 0.9, 0))
        kept = np.mean(np.asarray(dropout(SEED, x)) > 0)
    record, ops = last_ops()
    assert abs(kept - 0.9) < 5 * np.sqrt(0.09 / x.size)
    assert record["elems"] > 10 * x.size and record["off_engine_elems"] == 0
    assert not [op for op in ops if op.startswith(("gpsimd_", "host_"))]


def test_training_with_dropout_stays_on_engines():
    """A step with two dropout layers, keys split from a carried key: loss and gradients as XLA's, the mask exact."""
    generator = np.random.default_rng(0)
    w = [(generator.standard_normal(s) / 10).astype(np.float32) for s in ((100, 150), (150, 10))]
    x = generator.standard_normal((64, 100)).astype(np.float32)

    def step(data, w, x):
        own, data_next = random.split(random.wrap_key_data(data))

        def loss(w):
            h = x
            for layer, k in zip(w, random.split(own)):
                h = jnp.where(random.bernoulli(k, 0.8, h.shape), h / 0.8, 0) @ layer
            return jnp.mean(h * h)

        value, gradient = jax.value_and_grad(loss)(w)
        return random.key_data(data_next), value, gradient

    want, got = both(step, np.array([7, 9], np.uint32), w, x)
    record, _ = last_ops()
    np.testing.assert_array_equal(got[0], want[0])
    for a, b in zip(jax.tree.leaves(want[1:]), jax.tree.leaves(got[1:])):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)
    assert record["off_engine_elems"] == 0 < record["elems"]


def test_dropout_mask():
    x = np.random.default_rng(0).standard_normal((128, 70)).astype(np.float32)
    assert_same(lambda seed, x: jnp.where(random.bernoulli(key(seed), 0.9, x.shape), x * 1.25, 0), SEED, x)


def test_vmapped_keys():
    assert_same(lambda seed: jax.vmap(lambda k: random.bits(k, (5,)))(random.split(key(seed), 10)), SEED)


@pytest.mark.parametrize("name", ["normal", "truncated_normal", "gumbel", "exponential", "laplace", "cauchy"])
def test_distributions(name):
    def draw(seed):
        if name == "truncated_normal":
            return random.truncated_normal(key(seed), -2.0, 2.0, (1000,))
        return getattr(random, name)(key(seed), (1000,))

    want, got = both(draw, SEED)
    # An ULP of the result, and of what log and erf_inv start from where the result is nearly zero.
    np.testing.assert_allclose(got, want, rtol=5e-7, atol=1e-6)
    assert np.mean(got == want) > 0.4


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_narrow_normal(dtype):
    want, got = both(lambda seed: random.normal(key(seed), (1000,), dtype), SEED)
    np.testing.assert_allclose(got.astype(np.float32), want.astype(np.float32),
                               rtol=2e-2 if dtype == "bfloat16" else 2e-3)
    assert np.mean(got == want) > 0.95


@pytest.mark.parametrize("impl", ["rbg", "unsafe_rbg"])
def test_rbg(impl):
    def draw(seed):
        k = key(seed, impl)
        return (random.key_data(random.split(k, 3)), random.bits(k, (1001,)), random.bits(k, (33,), "uint8"),
                random.uniform(k, (30, 40)))

    assert_same(draw, SEED)


@pytest.mark.parametrize("algorithm", [lax.RandomAlgorithm.RNG_DEFAULT, lax.RandomAlgorithm.RNG_THREE_FRY,
                                       lax.RandomAlgorithm.RNG_PHILOX])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (4, 6, 2), (1024,)])
def test_rng_bit_generator(algorithm, shape):
    """States about to carry from word to word, and the state that comes out."""

    def draw(state):
        results = []
        for dtype in ("uint32", "uint16", "uint8"):
            results += lax.rng_bit_generator(state, shape, dtype, algorithm)
        return results

    for state in ([1, 2, 3, 4], [2**32 - 1] * 4, [2**32 - 2, 2**32 - 1, 2**32 - 1, 5]):
        assert_same(draw, np.array(state, np.uint32))
