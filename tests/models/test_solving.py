"""Cholesky factors, triangular systems and eigenvalues, and what JAX builds on them, against float64 and XLA:CPU."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

CPU, CHIP = jax.devices("cpu")[0], jax.devices("neuron")[0]


def on(device, function, *arguments):
    return jax.tree.map(np.asarray, jax.jit(function)(*jax.device_put(arguments, device)))


def close(function, *arguments, limit=5e-6):
    """Each leaf within `limit` of its largest element."""
    got, want = on(CHIP, function, *arguments), on(CPU, function, *arguments)
    for chip, cpu in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert chip.shape == cpu.shape
        assert np.max(np.abs(chip - cpu)) <= limit * np.max(np.abs(cpu)), np.max(np.abs(chip - cpu))


def definite(*shape, seed=0):
    x = np.random.default_rng(seed).normal(size=(*shape, 2 * shape[-1] + 3)).astype(np.float32)
    return x @ np.swapaxes(x, -1, -2) / x.shape[-1] + np.float32(0.1) * np.eye(shape[-1], dtype=np.float32)


# One block, several, blocks that are not whole, batches.
@pytest.mark.parametrize("shape", [(1,), (4,), (33,), (3, 7), (5, 2, 16), (128,), (2, 130), (300,)])
def test_cholesky(shape):
    a = definite(*shape)
    close(lax.linalg.cholesky, a)
    close(lambda a: jnp.linalg.cholesky(a, upper=True), a)
    close(lambda a: lax.linalg.cholesky(jnp.tril(a) + jnp.triu(jnp.nan * a, 1), symmetrize_input=False), a)


def test_not_definite():
    """All of such a matrix's factor is NaN, and nothing of another's."""
    a = np.stack([definite(9), -definite(9), definite(9) - np.float32(0.9) * np.eye(9, dtype=np.float32)])
    got, want = on(CHIP, lax.linalg.cholesky, a), on(CPU, lax.linalg.cholesky, a)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))


# One panel, several, the last not whole; tall, wide; batches; columns of zeros.
@pytest.mark.parametrize("shape", [(3, 3), (2, 64, 40), (65, 65), (200, 130), (130, 200), (3, 100, 70)])
def test_qr(shape):
    a = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    close(jnp.linalg.qr, a.copy())
    a[..., 1] = 0
    close(lambda a: jnp.linalg.qr(a, mode="raw"), a)
    q, _ = on(CHIP, lambda a: jnp.linalg.qr(a, mode="complete"), a)
    np.testing.assert_allclose(np.swapaxes(q, -1, -2) @ q, np.broadcast_to(np.eye(shape[-2]), q.shape), atol=3e-6)


def test_orthogonal_weights():
    """What flax's LSTM begins with."""
    q = on(CHIP, lambda key: jax.random.orthogonal(key, 300), jax.random.key(3))
    np.testing.assert_allclose(q.T @ q, np.eye(300), atol=3e-6)


@pytest.mark.parametrize("size, columns, batch",
                         [(1, 1, ()), (5, 3, ()), (16, 16, (3, 2)), (130, 7, (2,)), (300, 20, ())])
def test_triangular_solve(size, columns, batch):
    """Every attribute; what lies beside the triangle is not read, nor is a unit diagonal."""
    random = np.random.default_rng(1)
    a = random.normal(size=(*batch, size, size)).astype(np.float32) / np.float32(size ** 0.5)
    a += np.float32(1.5) * np.eye(size, dtype=np.float32)
    for left, lower, turned, unit in itertools.product((True, False), repeat=4):
        b = random.normal(size=(*batch, size, columns) if left else (*batch, columns, size)).astype(np.float32)
        solve = functools.partial(lax.linalg.triangular_solve, left_side=left, lower=lower, transpose_a=turned,
                                  unit_diagonal=unit)
        close(solve, a, b, limit=2e-5)


@pytest.mark.parametrize("jitter", [1e-2, 1e-4])
def test_ill_conditioned(jitter):
    """A kernel's matrix: what the factor and the solution leave is as little as rounding makes it."""
    times = np.sort(np.random.default_rng(2).uniform(0, 10, 200))
    a = (np.exp(-0.5 * (times[:, None] - times) ** 2) + jitter * np.eye(200)).astype(np.float32)
    factor = on(CHIP, lax.linalg.cholesky, a).astype(np.float64)
    assert np.max(np.abs(factor @ factor.T - a)) <= 2e-6
    b = np.random.default_rng(3).normal(size=(200, 3)).astype(np.float32)
    system = np.linalg.cholesky(a.astype(np.float64)).astype(np.float32)
    want = np.linalg.solve(system.astype(np.float64), b)
    got = on(CHIP, lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=True), system, b)
    assert np.max(np.abs(got - want)) <= 2e-5 * np.max(np.abs(want))


def likelihood(a, y):
    factor = jnp.linalg.cholesky(a)
    whitened = jax.scipy.linalg.solve_triangular(factor, y, lower=True)
    return 0.5 * jnp.sum(whitened ** 2) + jnp.sum(jnp.log(jnp.diagonal(factor)))


USES = {
    "gradient of cholesky": jax.grad(lambda a, b: jnp.sum(jnp.linalg.cholesky(a) * b[:, :1])),
    "cho_solve": lambda a, b: jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(a), b),
    "gradient of cho_solve": jax.grad(
        lambda a, b: jnp.sum(jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(a), b) ** 2), (0, 1)),
    "gradient of a likelihood": jax.grad(lambda a, b: likelihood(a, b[:, 0]), (0, 1)),
    "solve": jnp.linalg.solve,
    "gradient of solve": jax.grad(lambda a, b: jnp.sum(jnp.linalg.solve(a, b) ** 2), (0, 1)),
    "inverse": lambda a, b: jnp.linalg.inv(jnp.stack([a, a + jnp.diag(b[:, 1])])),
    "slogdet": lambda a, b: jnp.linalg.slogdet(a),
    "density": lambda a, b: jax.scipy.stats.multivariate_normal.logpdf(b[:, 0], b[:, 1], a),
}


@pytest.mark.parametrize("name", USES)
def test_what_is_built_on_them(name):
    close(USES[name], definite(24),
          np.random.default_rng(4).uniform(0.5, 2, size=(24, 5)).astype(np.float32), limit=2e-5)


def symmetric(*shape, seed=0):
    x = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return (x + np.swapaxes(x, -1, -2)) / 2


# Odd sizes get a row more while they rotate.
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (4, 7, 7), (2, 3, 16, 16), (33, 33), (100, 100)])
def test_eigenvalues(shape):
    a = symmetric(*shape)
    values, vectors = (x.astype(np.float64) for x in on(CHIP, jnp.linalg.eigh, a))
    size = np.max(np.abs(np.linalg.eigvalsh(a.astype(np.float64))))
    np.testing.assert_allclose(values, np.linalg.eigvalsh(a.astype(np.float64)), atol=1e-6 * size)
    assert np.max(np.abs(a @ vectors - vectors * values[..., None, :])) <= 1e-6 * size
    turned = np.swapaxes(vectors, -1, -2) @ vectors
    np.testing.assert_allclose(turned, np.broadcast_to(np.eye(shape[-1]), turned.shape), atol=1e-6)


@pytest.mark.parametrize("a", [np.zeros((4, 4)), 3 * np.eye(5), np.diag([1, 1, 2, 2, 2.0]), np.ones((9, 9)),
                               1e30 * symmetric(6, 6), 1e-30 * symmetric(6, 6), np.diag(np.arange(8.0)[::-1])],
                         ids=["zeros", "identity", "repeated", "rank one", "large", "small", "diagonal"])
def test_special_eigenvalues(a):
    a = a.astype(np.float32)
    values = on(CHIP, jnp.linalg.eigvalsh, a)
    want = np.linalg.eigvalsh(a.astype(np.float64))
    assert np.all(np.diff(values) >= 0) and np.max(np.abs(values - want)) <= 1e-6 * np.max(np.abs(want))


def test_one_triangle_is_read():
    a = symmetric(9, 9)
    for lower in (True, False):
        half = np.where(np.tri(9) if lower else np.tri(9).T, a, np.nan).astype(np.float32)
        close(lambda a: lax.linalg.eigh(a, lower=lower, symmetrize_input=False)[1], half)  # noqa: B023
    assert np.all(np.isnan(on(CHIP, jnp.linalg.eigvalsh, a * np.float32(np.nan))))


SPECTRAL = {
    "singular values": lambda a: jnp.linalg.svd(a, compute_uv=False),
    "of wide ones": lambda a: jnp.linalg.svd(a.T, compute_uv=False),
    "of a batch": jax.vmap(lambda a: jnp.linalg.svd(a.reshape(4, 3), compute_uv=False)),
    "whole": lambda a: (lambda u, s, v: (u * s) @ v)(*jnp.linalg.svd(a, full_matrices=False)),
    "pseudo-inverse": jnp.linalg.pinv,
    "least squares": lambda a: jnp.linalg.lstsq(a, a[:, :2] ** 2)[0],
    "rank": lambda a: jnp.linalg.matrix_rank(jnp.concatenate([a, a], 1)),
    "norm": lambda a: jnp.linalg.norm(a, 2),
    "nuclear norm": lambda a: jnp.linalg.norm(a, "nuc"),
    "condition": jnp.linalg.cond,
    "gradient": jax.grad(lambda a: jnp.sum(jnp.linalg.eigh(a.T @ a)[0] ** 1.5)),
    "square root": lambda a: (lambda w, v: (v * jnp.sqrt(w)) @ v.T)(*jnp.linalg.eigh(a.T @ a)),
}


@pytest.mark.parametrize("name", SPECTRAL)
def test_what_is_built_on_eigenvalues(name):
    close(SPECTRAL[name], np.random.default_rng(5).normal(size=(20, 12)).astype(np.float32))
