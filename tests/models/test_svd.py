"""Singular values and what JAX builds on them, against float64 and XLA:CPU."""

import functools
import inspect
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import trainstone

CPU, CHIP = jax.devices("cpu")[0], jax.devices("neuron")[0]
HERE = os.path.basename(__file__)
LIMIT = 3e-6  # of the largest value; float32 has 6e-8, and each of these is the sum of hundreds of rotations


def on(device, function, *arguments):
    return jax.tree.map(np.asarray, jax.jit(function)(*jax.device_put(arguments, device)))


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def turned(a):
    return np.swapaxes(a, -1, -2)


def near(got, want, size=None):
    size = np.max(np.abs(want), initial=0) if size is None else size
    assert got.shape == want.shape
    assert np.max(np.abs(got - want), initial=0) <= LIMIT * size, np.max(np.abs(got - want)) / size


def is_orthogonal(columns):
    count = columns.shape[-1]
    near(turned(columns) @ columns, np.broadcast_to(np.eye(count), (*columns.shape[:-2], count, count)))


def of_rank(rows, columns, rank):
    return numbers(rows, rank) @ numbers(rank, columns, seed=1) / rank


MATRICES = {f"{shape}": numbers(*shape) for shape in (
    (1, 1), (4, 4), (7, 3), (3, 8), (33, 33), (70, 20), (2, 5, 4))} | {
    "rank 1": of_rank(6, 5, 1), "rank 3": of_rank(9, 12, 3), "zero": np.zeros((4, 3), np.float32),
    "graded": numbers(5, 5) * np.float32(10) ** -np.arange(5), "large": 1e25 * numbers(4, 6),
    "small": 1e-25 * numbers(6, 4),
    "row": numbers(1, 5), "column": numbers(5, 1)}


@pytest.mark.parametrize("name", MATRICES)
def test_svd(name):
    a = MATRICES[name]
    wide = a.astype(np.float64)
    want = np.linalg.svd(wide, compute_uv=False)
    for full in (True, False):
        u, s, vt = on(CHIP, lambda a: jnp.linalg.svd(a, full_matrices=full), a)  # noqa: B023
        near(s, want)
        is_orthogonal(u)
        is_orthogonal(turned(vt))
        least = s.shape[-1]
        near((u[..., :least] * s[..., None, :]).astype(np.float64) @ vt[..., :least, :], wide, np.max(s, initial=0))
    near(on(CHIP, lambda a: jnp.linalg.svd(a, compute_uv=False), a), want)


def test_small_singular_values_of_graded_columns():
    """Rotations keep columns of different size apart: each value is near relative to itself."""
    a = MATRICES["graded"]
    want = np.linalg.svd(a.astype(np.float64), compute_uv=False)
    assert np.all(np.abs(on(CHIP, lambda a: jnp.linalg.svd(a, compute_uv=False), a) / want - 1) < 1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_seen(value):
    """In its matrix alone."""
    a = numbers(2, 4, 4)
    a[1, 2, 1] = value
    for result in on(CHIP, lambda a: (*jnp.linalg.svd(a[:, :, :3]), jnp.linalg.svd(a, compute_uv=False)), a):
        assert np.isnan(result[1]).all() and np.isfinite(result[0]).all()


USES = {
    "pinv": jnp.linalg.pinv, "lstsq": lambda a: jnp.linalg.lstsq(a, a[:, 0] + a[:, 1] ** 2)[0],
    "rank": jnp.linalg.matrix_rank, "cond": jnp.linalg.cond, "spectral norm": lambda a: jnp.linalg.norm(a, 2),
    "polyfit": lambda a: jnp.polyfit(a[:, 0], a[:, 1], 2),
    "gradient": jax.grad(lambda a: jnp.linalg.svd(a, compute_uv=False)[:2].prod()),
    "gradient of vectors": jax.grad(lambda a: jnp.abs(jnp.linalg.svd(a, full_matrices=False)[0][0]).sum()),
    "one of many": lambda a: jax.vmap(lambda s: jnp.linalg.svd(a + s, compute_uv=False))(jnp.arange(3.0)),
}


@pytest.mark.parametrize("name", USES)
def test_what_is_built_on_them(name):
    a = numbers(9, 4)
    got, want = on(CHIP, USES[name], a), on(CPU, USES[name], a)
    assert np.max(np.abs(got - want)) <= 2e-5 * max(np.max(np.abs(want)), 1e-30)


def test_the_record_names_the_users_line():
    """Not those of this package, which the rotations stand in."""
    step, line = jax.jit(lambda a: jnp.linalg.svd(a, compute_uv=False)), inspect.currentframe().f_lineno
    jax.block_until_ready(step(jax.device_put(numbers(8, 8), CHIP)))
    rows = {(os.path.basename(row["file"]), row["line"]) for row in trainstone.last_run()["rows"] if row["file"]}
    assert rows == {(HERE, line)}


def test_what_is_refused_names_its_line():
    part = functools.partial(jax.lax.linalg.svd, full_matrices=False, subset_by_index=(0, 2))
    for function, array, message in (
            (lambda a: part(a), numbers(4, 4), "unsupported: svd at .*: all singular values are computed, or none"),
            (lambda a: jnp.linalg.svd(a)[1], numbers(4, 4).astype(np.complex64),
             "unsupported: svd at .*, not of complex64"),
            (lambda a: jnp.linalg.eigvalsh(a), numbers(4, 4).astype(np.complex64),
             "unsupported: eigh at .*, not of complex64")):
        with pytest.raises(NotImplementedError, match=message + r' \(compute it on the host: jax.device_put') as raised:
            on(CHIP, function, array)
        assert f"{HERE}:" in str(raised.value)
