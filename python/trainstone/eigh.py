"""Eigenvalues and eigenvectors of real symmetric matrices, which jax.numpy.linalg builds singular values, norms,
pseudo-inverses and least squares on. JAX has rules for them on other platforms only: LAPACK's on CPUs.

Jacobi's method, in parallel: a step rotates n / 2 disjoint pairs of rows and of columns so that the element
of each pair off the diagonal becomes 0, and moves rows and columns on, so that a sweep of n - 1 steps meets
every pair once (Brent and Luk, 1985). All of it is elementwise work."""

import jax.numpy as jnp
from jax import lax

from trainstone.refusals import refusal

_SWEEPS = 20  # at most; some 6 to 11 are enough for fp32


def register(platform):
    """Gives `platform` a rule for eigh. Does nothing where a version of JAX keeps it elsewhere."""
    try:
        from jax._src.interpreters import mlir
        from jax._src.lax.linalg import eigh_p

        mlir.register_lowering(eigh_p, only_float32("eigh", mlir.lower_fun(_eigh, multiple_results=True)),
                               platform=platform)
    except (ImportError, AttributeError):
        return


def only_float32(name, rule):
    """The rule, which refuses other types."""

    def lower(context, a, **options):
        matrix = context.avals_in[0]
        if matrix.dtype != jnp.float32:
            raise refusal(name, f"it is computed of float32, not of {matrix.dtype}", context.traceback)
        return rule(context, a, **options)

    return lower


def _eigh(a, *, lower=True, subset_by_index=None, **_):
    """Of [..., n, n]: eigenvectors [..., n, n] in columns and eigenvalues [..., n], ascending."""
    n = a.shape[-1]
    half = jnp.tril(a) if lower else jnp.swapaxes(jnp.triu(a), -1, -2)
    a = half + jnp.swapaxes(jnp.tril(half, -1), -1, -2)
    vectors, values = _rotated(a) if n > 1 else (jnp.ones_like(a), a[..., 0])
    order = jnp.argsort(values, axis=-1)
    values = jnp.take_along_axis(values, order, -1)
    vectors = jnp.swapaxes(jnp.take_along_axis(vectors, order[..., None], -2), -1, -2)
    first, end = subset_by_index or (0, n)
    return vectors[..., first:end], values[..., first:end]


def _rotated(a):
    """Eigenvectors in rows and eigenvalues, in any order, of [..., n, n]."""
    n = a.shape[-1]
    batch = a.shape[:-2]
    scale = jnp.max(jnp.abs(a), axis=(-2, -1), keepdims=True)
    scale = jnp.where(scale > 0, scale, 1)  # so that no square overflows
    a = a / scale
    if n % 2:  # one more row and column of zeros: no rotation changes them, and a sweep brings them back to the end
        a = jnp.pad(a, [(0, 0)] * len(batch) + [(0, 1), (0, 1)])
    identity = jnp.eye(a.shape[-1], dtype=a.dtype)
    rows = jnp.broadcast_to(identity, a.shape)

    def is_left(state):
        trip, a, _ = state
        off, whole = jnp.sum((a * (1 - identity)) ** 2, (-2, -1)), jnp.sum(a**2, (-2, -1))
        return (trip < _SWEEPS) & jnp.any(off > jnp.finfo(a.dtype).eps ** 2 * whole)

    def sweep(state):
        trip, a, rows = state
        return (trip + 1, *lax.fori_loop(0, a.shape[-1] - 1, lambda _, s: _step(*s), (a, rows)))

    _, _, rows = lax.while_loop(is_left, sweep, (0, a, rows))
    rows, a = rows[..., :n, :n], a[..., :n, :n]
    # The rotations' rounding adds up: a step of Newton and Schulz makes the vectors orthonormal again, and the values
    # are those of the vectors.
    rows = 1.5 * rows - 0.5 * (rows @ jnp.swapaxes(rows, -1, -2)) @ rows
    values = jnp.sum((rows @ a) * rows, -1)
    return rows, values * scale[..., 0]


def _step(a, rows):
    """Pairs row i of the upper half with row i of the lower one."""
    m = a.shape[-1] // 2
    eye = jnp.eye(m, dtype=a.dtype)
    rotation = angle(*(jnp.sum(block * eye, -1) for block in (a[..., :m, :m], a[..., m:, m:], a[..., :m, m:])))
    # The same of the columns: what it gives is symmetric.
    a = move(turn(jnp.swapaxes(move(turn(a, rotation)), -1, -2), rotation))
    return a, move(turn(rows, rotation))


def angle(p, q, r):
    """Of the rotation that takes [[p, r], [r, q]] to a diagonal matrix: sine, and tangent of half the angle."""
    ratio = (q - p) / (2 * jnp.where(r == 0, 1, r))
    tangent = jnp.where(ratio < 0, -1, 1) / (jnp.abs(ratio) + jnp.sqrt(1 + ratio**2))
    tangent = jnp.where(r == 0, 0, tangent)
    cosine = lax.rsqrt(1 + tangent**2)
    sine = tangent * cosine
    return sine[..., None], (sine / (1 + cosine))[..., None]


def turn(a, rotation):
    """Rotates each row of the upper half with its partner in the lower one. Each changes by a difference
    instead of being multiplied by a cosine, so that small rotations round little."""
    sine, half = rotation
    m = a.shape[-2] // 2
    upper, lower = a[..., :m, :], a[..., m:, :]
    return jnp.concatenate([upper - sine * (lower + half * upper), lower + sine * (upper - half * lower)], -2)


def move(a):
    """All rows but the first move on in a circle, through the upper half and back through the lower one."""
    m = a.shape[-2] // 2
    if m == 1:
        return a
    parts = a[..., :1, :], a[..., m : m + 1, :], a[..., 1 : m - 1, :], a[..., m + 1 :, :], a[..., m - 1 : m, :]
    return jnp.concatenate(parts, -2)
