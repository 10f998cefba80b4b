"""What StableHLO says operations mean, in NumPy: the first judge of random programs (XLA:CPU is the second)."""

import fuzz_values as v
import numpy as np

# ---- numbers ----


def convert(x, name):
    """Floats saturate to integers and NaN becomes 0; integers wrap. Floats round once to a float; integers become
    fp32, as everything does inside an engine, before they become a narrower one."""
    x, dtype = np.asarray(x), v.DTYPES[name]
    if name == "i1":
        return x != 0
    if v.is_float(dtype):
        if x.dtype == dtype:
            return x.astype(dtype)
        values = x.astype(np.float64)
        return v.round_to(values if v.is_float(x.dtype) else v.round_to(values, np.dtype("float32")), dtype)
    if not v.is_float(x.dtype):
        return x.astype(np.int64).astype(dtype)
    info = np.iinfo(dtype)
    values = np.nan_to_num(v.widen(x), nan=0.0, posinf=np.inf, neginf=-np.inf)
    return np.clip(np.trunc(values), info.min, info.max).astype(np.int64).astype(dtype)


def bits_of(dtype):
    return dtype.itemsize * 8


unsigned = v.unsigned_bits


def population_count(x):
    return np.bitwise_count(unsigned(x)).astype(x.dtype)


def leading_zeros(x):
    _, exponent = np.frexp(unsigned(x).astype(np.float64))
    return (bits_of(x.dtype) - exponent).astype(x.dtype)


def sign(x):
    if not v.is_float(x.dtype):
        return np.sign(x)
    with np.errstate(invalid="ignore"):
        return np.where((x == 0) | np.isnan(x), x, np.copysign(np.ones_like(x), x)).astype(x.dtype)


def round_away(x):
    wide = v.widen(x)
    return np.copysign(np.floor(np.abs(wide) + 0.5), wide).astype(x.dtype)


def divide(x, y):
    """Integers truncate; by zero gives all ones, the lowest number by -1 itself."""
    if v.is_float(x.dtype):
        return x / y
    a, b = x.astype(np.int64), y.astype(np.int64)
    safe = np.where(b == 0, 1, b)
    quotient = np.where((a < 0) != (safe < 0), -(np.abs(a) // np.abs(safe)), np.abs(a) // np.abs(safe))
    return np.where(b == 0, -1, quotient).astype(x.dtype)


def remainder(x, y):
    """The sign of the dividend; an integer by zero is itself."""
    if v.is_float(x.dtype):
        return np.fmod(v.widen(x), v.widen(y)).astype(x.dtype)
    a, b = x.astype(np.int64), y.astype(np.int64)
    return np.where(b == 0, a, np.fmod(a, np.where(b == 0, 1, b))).astype(x.dtype)


def extreme(x, y, is_max):
    """NaN wins; +0 is more than -0."""
    if not v.is_float(x.dtype):
        return np.maximum(x, y) if is_max else np.minimum(x, y)
    with np.errstate(invalid="ignore"):
        result = np.where((x >= y) == is_max, x, y)
        negative = (np.signbit(x) & np.signbit(y)) if is_max else (np.signbit(x) | np.signbit(y))
        zero = np.where(negative, -np.zeros_like(x), np.zeros_like(x))
        result = np.where((x == 0) & (y == 0), zero, result)
        return np.where(np.isnan(x) | np.isnan(y), np.full_like(x, np.nan), result).astype(x.dtype)


def maximum(x, y):
    return extreme(x, y, True)


def minimum(x, y):
    return extreme(x, y, False)


def shift(x, y, op):
    """By the width or more: zero, or copies of the sign."""
    bits = bits_of(x.dtype)
    by = unsigned(y).astype(np.int64)
    safe = np.minimum(by, bits - 1)
    if op == "shift_right_arithmetic":
        signed = x.view(np.dtype(f"i{x.dtype.itemsize}"))
        return (signed.astype(np.int64) >> safe).astype(signed.dtype).view(x.dtype)
    word = unsigned(x).astype(np.uint64)
    moved = word << safe.astype(np.uint64) if op == "shift_left" else word >> safe.astype(np.uint64)
    return np.where(by >= bits, np.uint64(0), moved).astype(np.dtype(f"u{x.dtype.itemsize}")).view(x.dtype)


def clamp(low, x, high):
    return minimum(maximum(x, np.broadcast_to(low, x.shape)), np.broadcast_to(high, x.shape))


def bitcast(x, name):
    """Bits as another type; a wider one takes the last axis, a narrower one adds it."""
    dtype = v.DTYPES[name]
    ratio = x.dtype.itemsize // dtype.itemsize
    shape = x.shape if ratio == 1 else (*x.shape, ratio) if ratio > 1 else x.shape[:-1]
    return np.frombuffer(x.tobytes(), dtype).reshape(shape)


def reduce_precision(x, exponent_bits, mantissa_bits):
    """Rounds to nearest, of two equally near to the one whose last kept bit is 0, which is the exponent's
    lowest where no mantissa is kept; with fewer exponent bits than the type's, what is beyond the range
    becomes infinite and what is below the normal numbers a signed zero."""
    own, digits = (5, 10) if x.dtype == v.DTYPES["f16"] else (8, 7 if x.dtype.itemsize == 2 else 23)
    wide, bias, dropped = v.widen(x), 2 ** (exponent_bits - 1) - 1, max(digits - mantissa_bits, 0)
    bits = unsigned(x).astype(np.int64)
    if dropped:
        bits = (bits + (1 << dropped - 1) - 1 + (bits >> dropped & 1)) >> dropped << dropped
    near = v.widen(bits.astype(np.dtype(f"u{x.dtype.itemsize}")).view(x.dtype))
    with np.errstate(all="ignore"):
        rounded = np.where(np.isfinite(wide), near, wide)
        over = np.abs(rounded) >= 2.0 ** min(bias + 1, 2 ** (own - 1))
        under = (np.abs(rounded) < 2.0 ** (1 - bias)) & (exponent_bits < own)
        rounded = np.where(over, np.copysign(np.inf, wide), rounded)
        return np.where(under, np.copysign(0.0, wide), rounded).astype(x.dtype)


# ---- arrays ----


def pad(x, value, config):
    """Negative widths cut, after the inner padding."""
    for axis, (low, high, inner) in enumerate(config):
        size = x.shape[axis]
        full = size + max(size - 1, 0) * inner
        shape = list(x.shape)
        shape[axis] = full + max(low, 0) + max(high, 0)
        larger = np.full(shape, value, x.dtype)
        at = [slice(None)] * x.ndim
        at[axis] = slice(max(low, 0), max(low, 0) + full, inner + 1)
        larger[tuple(at)] = x
        at[axis] = slice(max(-low, 0), shape[axis] - max(-high, 0))
        x = larger[tuple(at)]
    return x


def broadcast_in_dim(x, shape, dims):
    middle = [1] * len(shape)
    for at, size in zip(dims, x.shape, strict=True):
        middle[at] = size
    return np.broadcast_to(np.reshape(x, middle), shape)


def slice_of(x, start, limit, stride):
    return x[tuple(slice(*three) for three in zip(start, limit, stride, strict=True))]


def dynamic_slice(x, starts, sizes):
    starts = [min(max(int(s), 0), whole - size) for s, whole, size in zip(starts, x.shape, sizes, strict=True)]
    return x[tuple(slice(s, s + size) for s, size in zip(starts, sizes, strict=True))]


def dynamic_update_slice(x, update, starts):
    x = np.array(x)
    starts = [min(max(int(s), 0), whole - size) for s, whole, size in zip(starts, x.shape, update.shape, strict=True)]
    x[tuple(slice(s, s + size) for s, size in zip(starts, update.shape, strict=True))] = update
    return x


def windows(x, fill, sizes, strides, padding, base=None, dilation=None):
    """A view of shape [windows..., elements of a window...]."""
    rank = x.ndim
    base, dilation = base or [1] * rank, dilation or [1] * rank
    x = np.ascontiguousarray(pad(x, fill, [(low, high, b - 1) for (low, high), b in zip(padding, base, strict=True)]))
    spans = [(k - 1) * d + 1 for k, d in zip(sizes, dilation, strict=True)]
    counts = [max((whole - span) // s + 1, 0) if whole >= span else 0
              for whole, span, s in zip(x.shape, spans, strides, strict=True)]
    steps = [b * s for b, s in zip(x.strides, strides, strict=True)]
    steps += [b * d for b, d in zip(x.strides, dilation, strict=True)]
    return np.lib.stride_tricks.as_strided(x, (*counts, *sizes), steps, writeable=False)


# ---- indices ----


def coordinates(indices, shape, sizes, mapped, collapsed, batching, index_batching, offset, mode):
    """(coordinate arrays of each element of a gather's result or a scatter's updates, mask of the windows that are
    inside). Index vectors lie along the last axis of `indices`."""
    batch = indices.shape[:-1]
    window_axes = [a for a in range(len(shape)) if a not in collapsed and a not in batching]
    rank = len(batch) + len(window_axes)
    batch_axes = [a for a in range(rank) if a not in offset]
    wide = indices.astype(np.int64)
    inside = np.ones(batch, bool)

    def along(values, axes):
        middle = [1] * rank
        for size, at in zip(values.shape, axes, strict=True):
            middle[at] = size
        return values.reshape(middle)

    places = []
    for a in range(len(shape)):
        place = np.zeros([1] * rank, np.int64)
        if a in mapped:
            start = wide[..., mapped.index(a)]
            inside &= (start >= 0) & (start <= shape[a] - sizes[a])
            place = along(np.clip(start, 0, shape[a] - sizes[a]), batch_axes)
        elif a in batching:
            at = index_batching[batching.index(a)]
            place = along(np.arange(batch[at]), [batch_axes[at]])
        if a in window_axes:
            place = place + along(np.arange(sizes[a]), [offset[window_axes.index(a)]])
        places.append(place)
    if mode == "clip":
        inside = np.ones(batch, bool)
    full = [0] * rank
    for at, size in zip(batch_axes, batch, strict=True):
        full[at] = size
    for at, a in zip(offset, window_axes, strict=True):
        full[at] = sizes[a]
    return [np.broadcast_to(p, full) for p in places], np.broadcast_to(along(inside, batch_axes), full)


def gather(x, places, inside, fill):
    return np.where(inside, x[tuple(places)], np.asarray(fill).astype(x.dtype))


def scatter(x, updates, places, inside, op, offset=()):
    """In order of the updates, window after window."""
    x = np.array(x)
    last = list(range(-len(offset), 0))
    updates, inside, *places = [np.moveaxis(a, offset, last) for a in (updates, inside, *places)]
    at = tuple(p[inside] for p in places)
    updates = updates[inside]
    if op == "scatter":
        x[at] = updates
    elif op in ("scatter_add", "scatter_mul"):
        (np.add if op == "scatter_add" else np.multiply).at(x, at, updates)
    elif not v.is_float(x.dtype):
        (np.maximum if op == "scatter_max" else np.minimum).at(x, at, updates)
    else:
        is_max = op == "scatter_max"
        positive, negative = (x == 0) & ~np.signbit(x), (x == 0) & np.signbit(x)
        np.logical_or.at(positive, at, (updates == 0) & ~np.signbit(updates))
        np.logical_or.at(negative, at, (updates == 0) & np.signbit(updates))
        wide = v.widen(x)
        (np.maximum if is_max else np.minimum).at(wide, at, v.widen(updates))
        zero = np.where(positive if is_max else ~negative, 0.0, -0.0)
        x = np.where(wide == 0, zero, wide).astype(x.dtype)
    return x


def select_and_scatter(x, source, sizes, strides, padding, base):
    """The first largest element of each window (inside x) gets the window's number; float64 sums on `base`."""
    view = windows(x, -np.inf, sizes, strides, padding)
    index = windows(np.arange(x.size).reshape(x.shape), -1, sizes, strides, padding)
    rows = view.reshape(v.elems(view.shape[: x.ndim]), -1)
    places = index.reshape(rows.shape)
    rows = np.where(places < 0, -np.inf, rows)
    result = np.array(base, np.float64).reshape(-1)
    if rows.size:
        chosen = places[np.arange(len(rows)), np.argmax(rows, axis=1)]
        np.add.at(result, chosen[chosen >= 0], source.reshape(-1)[chosen >= 0])
    return result.reshape(x.shape)


# ---- contractions ----


def convolution(x, w, p):
    """float64 (or int64) sums; `p`: dict of conv_general_dilated's parameters, with specs as index tuples."""
    x, w = np.transpose(x, p["lhs_spec"]), np.transpose(w, p["rhs_spec"])
    if p["batch_groups"] > 1:
        count = p["batch_groups"]
        parts = [one_convolution(a, b, p) for a, b in zip(np.split(x, count), np.split(w, count), strict=True)]
        y = np.concatenate(parts, axis=1)
    else:
        count = p["groups"]
        parts = [one_convolution(a, b, p) for a, b in zip(np.split(x, count, 1), np.split(w, count), strict=True)]
        y = np.concatenate(parts, axis=1)
    return np.transpose(y, np.argsort(p["out_spec"]))


def one_convolution(x, w, p):
    spatial = x.ndim - 2
    view = windows(x, 0, (1, x.shape[1], *w.shape[2:]), (1, 1, *p["strides"]), [(0, 0), (0, 0), *p["padding"]],
                   [1, 1, *p["lhs_dilation"]], [1, 1, *p["rhs_dilation"]])
    out = view.shape[2 : 2 + spatial]
    rows = view.reshape(x.shape[0] * v.elems(out), v.elems((x.shape[1], *w.shape[2:])))
    y = (rows @ w.reshape(w.shape[0], rows.shape[1]).T).reshape(x.shape[0], *out, w.shape[0])
    return np.moveaxis(y, -1, 1)


# ---- order ----


def sort_order(keys, axis):
    """Stable order along an axis by several keys, the first most important; NaN last, -0 as 0."""
    wide = [np.moveaxis(v.widen(k) if k.dtype != bool else k.astype(np.int8), axis, -1) for k in keys]
    wide = [np.where(k == 0, 0, k) for k in wide]
    order = np.lexsort(wide[::-1], axis=-1)
    return np.moveaxis(order, -1, axis)
