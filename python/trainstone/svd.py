"""Singular values and vectors. JAX's own rule for platforms without a library goes by polar decomposition and
squares what it is given, so that values beyond 1e19 or below 1e-19 are lost, and takes longer.

Jacobi's method from one side (Hestenes, 1958): columns are rotated in pairs, as eigh.py pairs rows, until all
are orthogonal. Their lengths are then the singular values, small ones near relative to themselves, and the
rotations the vectors on the right."""

import jax.numpy as jnp
from jax import lax

from trainstone.eigh import angle, move, only_float32, turn
from trainstone.refusals import refusal

_SWEEPS = 20  # at most; some 6 to 11 are enough for fp32


def register(platform):
    """Gives `platform` a rule for svd. Does nothing where a version of JAX keeps it elsewhere."""
    try:
        from jax._src.interpreters import mlir
        from jax._src.lax.linalg import svd_p

        rule = _only_whole(mlir.lower_fun(_svd, multiple_results=True))
        mlir.register_lowering(svd_p, only_float32("svd", rule), platform=platform)
    except (ImportError, AttributeError):
        return


def _only_whole(rule):
    """The rule, which refuses to compute a part of the singular values."""

    def lower(context, a, **options):
        if options.get("subset_by_index") not in (None, (0, min(context.avals_in[0].shape[-2:]))):
            raise refusal("svd", "all singular values are computed, or none", context.traceback)
        return rule(context, a, **options)

    return lower


def _svd(a, *, full_matrices, compute_uv, **_):
    """(s, u, vt) of [..., m, n], or (s,). A tall matrix is factored first, a wide one transposed."""
    m, n = a.shape[-2:]
    if m < n:
        s, *factors = _svd(jnp.swapaxes(a, -1, -2), full_matrices=full_matrices, compute_uv=compute_uv)
        return (s, *(jnp.swapaxes(factor, -1, -2) for factor in reversed(factors)))
    is_known = jnp.isfinite(a).all((-1, -2), keepdims=True)
    largest = jnp.max(jnp.abs(a), axis=(-2, -1), keepdims=True, initial=0)
    scale = jnp.where((largest > 0) & is_known, largest, 1)  # so that no square overflows
    outer, core = lax.linalg.qr(a / scale, full_matrices=full_matrices and compute_uv) if m > n else (None, a / scale)
    columns, vt, s = _orthogonal(core[..., :n, :])
    s = jnp.where(is_known, s[..., None] * scale, jnp.nan)[..., 0]
    if not compute_uv:
        return (s,)
    u, r = lax.linalg.qr(jnp.swapaxes(columns, -1, -2), full_matrices=False)  # orthogonal where a column is zero, too
    u = u * jnp.where(jnp.diagonal(r, axis1=-2, axis2=-1) < 0, -1, 1)[..., None, :]
    if m > n:
        u = jnp.concatenate([jnp.matmul(outer[..., :n], u, precision="highest"), outer[..., n:]], -1)
    return s, *(jnp.where(is_known, vectors, jnp.nan) for vectors in (u, vt))


def _orthogonal(a):
    """(columns, rows, lengths) of a square matrix: orthogonal columns, given as rows, the longest first; the orthogonal
    matrix whose transpose makes them of a; and their lengths."""
    n, eps = a.shape[-1], jnp.finfo(a.dtype).eps
    if n == 0:
        return a, a, a[..., 0]
    # Pairs need an even number.
    columns = jnp.pad(jnp.swapaxes(a, -1, -2), [(0, 0)] * (a.ndim - 2) + [(0, n % 2), (0, 0)])
    identity = jnp.eye(n + n % 2, dtype=a.dtype)
    rows = jnp.broadcast_to(identity, (*a.shape[:-2], *identity.shape))
    noise = eps * jnp.sqrt(jnp.sum(a**2, (-2, -1)))[..., None]  # columns that short have no direction

    def is_left(state):
        """Whether two columns are not orthogonal, to what rounding makes of their product."""
        sweep, columns, _ = state
        length = _lengths(columns)
        unit = jnp.where((length > noise)[..., None], columns / jnp.where(length > 0, length, 1)[..., None], 0)
        cosines = jnp.abs(jnp.matmul(unit, jnp.swapaxes(unit, -1, -2), precision="highest")) * (1 - identity)
        return (sweep < _SWEEPS) & jnp.any(cosines > n * eps)

    def sweep(state):
        return (state[0] + 1, *lax.fori_loop(0, max(n + n % 2 - 1, 1), lambda _, s: _step(*s), state[1:]))

    _, columns, rows = lax.while_loop(is_left, sweep, (0, columns, rows))
    columns, rows = columns[..., :n, :], rows[..., :n, :n]  # what was added is back in its place
    lengths = _lengths(columns)
    order = jnp.argsort(-lengths, -1)
    return (*(jnp.take_along_axis(each, order[..., None], -2) for each in (columns, rows)),
            jnp.take_along_axis(lengths, order, -1))


def _lengths(columns):
    return jnp.sqrt(jnp.sum(columns**2, -1))


def _step(columns, rows):
    m = columns.shape[-2] // 2
    upper, lower = columns[..., :m, :], columns[..., m:, :]
    rotation = angle(jnp.sum(upper**2, -1), jnp.sum(lower**2, -1), jnp.sum(upper * lower, -1))
    return move(turn(columns, rotation)), move(turn(rows, rotation))
