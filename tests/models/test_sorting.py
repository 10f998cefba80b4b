"""Sorting as JAX programs use it, bit for bit what XLA:CPU gives: order, ties, NaN, signed zeros, several keys."""

import functools

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

CPU, CHIP = jax.devices("cpu")[0], jax.devices("neuron")[0]
FLOATS = (np.float32, np.float16, ml_dtypes.bfloat16)
INTEGERS = (np.int32, np.uint32, np.int16, np.uint16, np.int8, np.uint8)


def bits(tree):
    def of(leaf):
        leaf = np.asarray(leaf)
        return leaf.view(f"u{leaf.dtype.itemsize}") if leaf.dtype != bool else leaf

    return jax.tree.map(of, tree)


def agree(function, *arguments):
    """Both devices give the same bits; returns them."""
    got = [jax.device_get(jax.jit(function)(*jax.device_put(arguments, device))) for device in (CHIP, CPU)]
    for chip, cpu in zip(jax.tree.leaves(bits(got[0])), jax.tree.leaves(bits(got[1])), strict=True):
        np.testing.assert_array_equal(chip, cpu)
    return got[0]


def draw(dtype, *shape, seed=0):
    """Values with ties; of floats also both zeros, infinities and NaN."""
    random = np.random.default_rng(seed)
    if not np.issubdtype(dtype, np.integer):
        values = np.round(random.normal(size=shape) * 4).astype(dtype)
        flat = values.reshape(-1)
        for number, special in enumerate((np.nan, np.inf, -np.inf, -0.0, 0.0, -np.nan)):
            flat[number :: flat.size // 5 + 7] = special
        return values
    info = np.iinfo(dtype)
    values = random.integers(max(info.min, -9), 9, size=shape).astype(dtype)
    values.reshape(-1)[:: values.size // 3 + 1] = info.max
    values.reshape(-1)[1 :: values.size // 3 + 2] = info.min
    return values


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_every_dtype_and_axis(dtype):
    for axis in (0, 1, 2):
        agree(functools.partial(jnp.sort, axis=axis), draw(dtype, 3, 5, 9))
    agree(functools.partial(jnp.argsort, axis=1), draw(dtype, 4, 37))
    agree(functools.partial(jnp.argsort, descending=True), draw(dtype, 2, 21))


def test_bool():
    agree(jnp.sort, np.arange(23) % 3 == 0)
    agree(jnp.argsort, np.arange(23) % 3 == 0)


# Around powers of two, below and beyond what one tile holds, and batches that fill the partitions unevenly.
@pytest.mark.parametrize("shape", [(1,), (2,), (3,), (4,), (5, 1), (0,), (3, 0), (64,), (65,), (127, 16), (130, 33),
                                   (513,), (1000,), (2, 3, 1025), (70, 600), (20000,)])
def test_sizes(shape):
    agree(jnp.argsort, draw(np.float32, *shape, seed=len(shape)))


@pytest.mark.parametrize("keys", [1, 2, 3])
def test_several_operands(keys):
    operands = draw(np.float32, 6, 40), draw(np.int8, 6, 40, seed=1), draw(np.uint32, 6, 40, seed=2)
    for axis in (0, 1):
        agree(lambda *x, axis=axis: jax.lax.sort(x, dimension=axis, num_keys=keys), *operands)
    # Where every operand is a key of integers, an unstable sort leaves no choice.
    agree(lambda *x: jax.lax.sort(x, num_keys=2, is_stable=False), *operands[1:])


def test_lexsort():
    agree(lambda *x: jnp.lexsort(x), draw(np.int32, 50), draw(np.float32, 50, seed=1), draw(np.uint8, 50, seed=2))


@pytest.mark.parametrize("dtype", FLOATS + (np.int32, np.uint8))
@pytest.mark.parametrize("k", [1, 3, 17])
def test_top_k(dtype, k):
    agree(lambda x: jax.lax.top_k(x, k), draw(dtype, 5, 17))


# In parts or as a whole, several rows a partition, more rows than partitions, and as many results as elements.
@pytest.mark.parametrize("shape, k", [((4, 5003), 8), ((1, 20000), 50), ((3, 9001), 64), ((300, 40), 5), ((260, 8), 2),
                                      ((1024, 6), 6), ((384, 100), 33), ((7, 300), 200), ((2, 3, 130), 9)])
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16, np.int32])
def test_top_k_of_many(shape, k, dtype):
    agree(lambda x: jax.lax.top_k(x, k), draw(dtype, *shape, seed=k))


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint32])
def test_top_k_of_any_bits(dtype):
    """Keys that agree in their upper bits and not in the lower ones, NaN of every payload, subnormal numbers."""
    random = np.random.default_rng(8)
    words = random.integers(0, 2**32, size=(40, 1), dtype=np.uint32) & np.uint32(0xFFFFFF00)
    words[:6, 0] = 0, 0x80000000, 0x7F800000, 0xFF800000, 0x7FFFFF00, 0xFFFFFF00
    words = words + random.integers(0, 5, size=(40, 64), dtype=np.uint32) * np.uint32(random.integers(1, 60))
    agree(lambda x: jax.lax.top_k(x, 20), words.view(dtype))
    agree(lambda x: jax.lax.top_k(x.T, 11), words.view(dtype))


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_first_of_a_sort(dtype):
    """The smallest ones, and an array that follows."""
    x, other = draw(dtype, 9, 70), draw(np.float16, 9, 70, seed=3)
    agree(lambda x: jax.lax.sort(x, dimension=1)[:, :7], x)
    agree(lambda x, y: [z[:, :12] for z in jax.lax.sort((x, y), dimension=1, num_keys=1)], x, other)
    agree(lambda x, y: [z[2:4] for z in jax.lax.sort((x, y), dimension=0, num_keys=1)], x, other)
    agree(lambda x: jnp.argsort(x, axis=1)[:, 1:3], x)


def test_approximate():
    """Exactly, as where no TPU is."""
    x = np.random.default_rng(9).permutation(9 * 600).reshape(9, 600).astype(np.float32)
    agree(lambda x: jax.lax.approx_max_k(x, 10), x)
    agree(lambda x: jax.lax.approx_min_k(x, 3), x)


def test_along_a_computed_key():
    """What the comparator computes is computed before: here a key of its own operator."""
    agree(lambda x: x[jnp.argsort(jnp.abs(x) * -2)], draw(np.float32, 30))


def test_sort_of_values_that_a_program_makes():
    normal = np.random.default_rng(3).normal(size=(9, 6)).astype(np.float32)
    agree(lambda x: jnp.sort(jnp.where(x > 0, x * 2, -x)[::-1].T, axis=0), normal)


def test_gradient_of_sort():
    def loss(x):
        return (jnp.sort(x, axis=-1) * jnp.arange(12, dtype=np.float32)).sum()

    agree(jax.grad(loss), np.random.default_rng(4).normal(size=(5, 12)).astype(np.float32))


@pytest.mark.parametrize("count", [10, 1000])
def test_shuffle_by_random_words(count):
    words = np.random.default_rng(6).integers(0, 2**32, size=count, dtype=np.uint32)
    agree(lambda bits: jax.lax.sort((bits, jnp.arange(count)), num_keys=1), words)


@pytest.mark.parametrize("count", [10, 1000])
def test_permutation(count):
    agree(lambda key: jax.random.permutation(key, count), jax.random.key_data(jax.random.key(5)))


def test_median_and_quantile():
    normal = np.random.default_rng(7).normal(size=(9, 6)).astype(np.float32)
    agree(lambda x: jnp.median(x, axis=0), normal)
