"""Makers of random operations that move data: rearrangements, gathers, scatters, slices at run time."""

import fuzz_reference as ref
import fuzz_values as v
import numpy as np
from jax import lax


def broadcast(p):
    x, shape, _ = p.pick()
    rank = int(p.rng.integers(len(shape), min(len(shape) + 3, 8) + 1))
    dims = sorted(p.rng.choice(rank, len(shape), replace=False).tolist())
    target = [int(p.rng.choice(v.SIZES[:13])) for _ in range(rank)]
    for at, size in zip(dims, shape, strict=True):
        target[at] = size if size != 1 or p.chance(0.5) else target[at]
    if v.elems(target) <= v.MAX_ELEMS:
        p.add(f"broadcast_in_dim {dims}", lambda x: lax.broadcast_in_dim(x, target, dims), (x,),
              lambda x: ref.broadcast_in_dim(x, target, dims))


def transpose(p):
    x, shape, _ = p.pick(min_rank=1)
    permutation = p.rng.permutation(len(shape)).tolist()
    p.add(f"transpose {permutation}", lambda x: lax.transpose(x, permutation), (x,),
          lambda x: np.transpose(x, permutation))


def reshape(p):
    x, shape, _ = p.pick()
    sizes = list(shape)
    for _ in range(int(p.rng.integers(1, 4))):
        roll, at = p.rng.random(), int(p.rng.integers(max(len(sizes), 1)))
        if roll < 0.4 and len(sizes) > 1 and at + 1 < len(sizes):
            sizes[at : at + 2] = [sizes[at] * sizes[at + 1]]
        elif roll < 0.8 and sizes and len(sizes) < 8:
            divisors = [d for d in range(1, min(sizes[at], 300) + 1) if sizes[at] % d == 0] or [1]
            d = int(p.rng.choice(divisors))
            sizes[at : at + 1] = [d, sizes[at] // d]
        elif len(sizes) < 8:
            sizes.insert(at, 1)
    p.add(f"reshape {sizes}", lambda x: lax.reshape(x, sizes), (x,), lambda x: np.reshape(x, sizes))


def slice_(p):
    x, shape, _ = p.pick(min_rank=1)
    start, limit, stride = [], [], []
    for size in shape:
        a = int(p.rng.integers(0, size + 1)) if p.chance(0.5) else 0
        b = int(p.rng.integers(a, size + 1)) if p.chance(0.5) else size
        if a == b and size and p.chance(0.95):
            a, b = 0, size
        start.append(a), limit.append(b), stride.append(int(p.rng.choice([1, 1, 1, 2, 3, 7])))
    p.add(f"slice {start} {limit} {stride}", lambda x: lax.slice(x, start, limit, stride), (x,),
          lambda x: ref.slice_of(x, start, limit, stride))


def reverse(p):
    x, shape, _ = p.pick(min_rank=1)
    dims = p.rng.choice(len(shape), int(p.rng.integers(1, len(shape) + 1)), replace=False).tolist()
    p.add(f"reverse {dims}", lambda x: lax.rev(x, dims), (x,), lambda x: np.flip(x, dims))


def pad(p):
    x, shape, name = p.pick(min_rank=1)
    config = []
    for size in shape:
        inner = int(p.rng.choice([0, 0, 0, 1, 2]))
        full = size + max(size - 1, 0) * inner
        low = int(p.rng.integers(-min(full, 5), 6)) if p.chance(0.6) else 0
        high = int(p.rng.integers(-min(full, 5), 6)) if p.chance(0.6) else 0
        if full + low + high < 0:
            low, high = 0, 0
        config.append((low, high, inner))
    value = p.new_input(name, ()) if p.chance(0.5) else p.like((), name)
    p.add(f"pad {config}", lambda x, w: lax.pad(x, w, config), (x, value), lambda x, w: ref.pad(x, w, config))


def concatenate(p):
    x, shape, name = p.pick(min_rank=1)
    axis = int(p.rng.integers(len(shape)))
    operands = [x]
    for _ in range(int(p.rng.integers(1, 4))):
        size = int(p.rng.choice([0, *v.SIZES[:9], shape[axis]]))
        other = shape[:axis] + (size,) + shape[axis + 1 :]
        if v.elems(other) > v.MAX_ELEMS // 3:
            return
        more = p.like(other, name)
        if more is None:
            return
        operands.append(more)
    p.rng.shuffle(operands)
    p.add(f"concatenate {axis}", lambda *x: lax.concatenate(x, axis), operands, lambda *x: np.concatenate(x, axis))


def iota(p):
    shape = v.random_shape(p.rng)
    if shape:
        name = str(p.rng.choice(v.NUMBERS))
        axis = int(p.rng.integers(len(shape)))
        if v.DTYPES[name].itemsize < 4 and shape[axis] > 127:
            return
        count = np.arange(shape[axis])
        p.add(f"iota {axis}", lambda: lax.broadcasted_iota(v.DTYPES[name], shape, axis), (),
              lambda: ref.broadcast_in_dim(ref.convert(count, name), shape, [axis]))


# ---- indices ----


def index_array(p, shape, limits, axis, name="i32"):
    """Index vectors along `axis`, the components within -3 .. limit + 3 or far outside."""
    parts = []
    for limit in limits:
        low = -3 if name[0] == "i" else 0
        part = p.rng.integers(low, max(limit, 0) + 4, shape)
        far = p.rng.choice([np.iinfo(v.DTYPES[name]).min, np.iinfo(v.DTYPES[name]).max], shape)
        parts.append(np.where(p.rng.random(shape) < 0.05, far, np.clip(part, None, np.iinfo(v.DTYPES[name]).max)))
    stacked = np.stack(parts, axis) if parts else np.zeros(shape[:axis] + (0,) + shape[axis:])
    return stacked.astype(v.DTYPES[name])


def index_plan(p, shape):
    """(batching axes, mapped axes, window sizes, collapsed axes, batch shape)"""
    rank = len(shape)
    axes = p.rng.permutation(rank).tolist()
    batching = sorted(axes[: int(p.rng.integers(0, min(rank, 2)))]) if p.chance(0.3) else []
    rest = [a for a in axes if a not in batching]
    mapped = rest[: int(p.rng.integers(1, min(len(rest), 3) + 1))]
    sizes = []
    for a, size in enumerate(shape):
        if a in batching:
            sizes.append(min(size, 1))
        elif a in mapped:
            sizes.append(min(size, 1) if p.chance(0.6) else int(p.rng.integers(min(size, 1), size + 1)))
        else:
            sizes.append(size if p.chance(0.7) else int(p.rng.integers(min(size, 1), size + 1)))
    collapsed = [a for a in range(rank) if a not in batching and sizes[a] == 1 and p.chance(0.8)]
    batch = [int(p.rng.choice([0, 1, 2, 3, 7, 33, 37, 129, 200], p=[0.02] + [0.1225] * 8))
             for _ in range(int(p.rng.integers(0, 3)))]
    return batching, mapped, sizes, collapsed, batch


def indexed(p, is_scatter, names=None, only=None):
    x, shape, name = p.pick(names, min_rank=1, max_rank=6)
    batching, mapped, sizes, collapsed, batch = index_plan(p, shape)
    if any(shape[a] == 0 for a in batching):
        return
    batch = [shape[a] for a in batching] + batch
    window = [sizes[a] for a in range(len(shape)) if a not in collapsed and a not in batching]
    rank = len(batch) + len(window)
    if rank > 7 or v.elems(batch + window) > v.MAX_ELEMS // 2:
        return
    offset = sorted(p.rng.choice(rank, len(window), replace=False).tolist())
    name_of_index = str(p.rng.choice(["i32", "i32", "i32", "u32", "i16", "u8"]))
    if max(shape) > 127:  # JAX compares with limits cut to the indices' type
        name_of_index = "i32"
    modes = ["clip", "fill"] if max(shape) <= 127 or name_of_index == "i32" else ["clip"]
    if name_of_index in ("u32", "u8") and any(shape[a] < sizes[a] for a in mapped):
        return
    mode = p.choose(modes + ["promise"])
    limits = [shape[a] - sizes[a] for a in mapped]
    if mode == "promise":
        parts = [p.rng.integers(0, limit + 1, batch) for limit in limits]
        indices = p.give(np.stack(parts, -1).astype(v.DTYPES[name_of_index]))
    else:
        indices = p.give(index_array(p, tuple(batch), limits, len(batch), name_of_index))
    index_batching = list(range(len(batching)))

    def places(indices):
        return ref.coordinates(indices, shape, sizes, mapped, collapsed, batching, index_batching, offset, mode)

    jax_mode = {"clip": lax.GatherScatterMode.CLIP, "fill": lax.GatherScatterMode.FILL_OR_DROP,
                "promise": lax.GatherScatterMode.PROMISE_IN_BOUNDS}[mode]
    if not is_scatter:
        make_gather(p, x, indices, name, places, jax_mode, sizes,
                    (offset, collapsed, mapped, batching, index_batching))
        return
    numbers = lax.ScatterDimensionNumbers(
        update_window_dims=tuple(offset), inserted_window_dims=tuple(collapsed),
        scatter_dims_to_operand_dims=tuple(mapped), operand_batching_dims=tuple(batching),
        scatter_indices_batching_dims=tuple(index_batching))
    updates_shape, rows, kept = [], iter(batch), iter(window)
    for i in range(rank):
        updates_shape.append(next(kept) if i in offset else next(rows))
    updates = p.like(tuple(updates_shape), name)
    if updates is not None:
        make_scatter(p, x, indices, updates, name, places, jax_mode, numbers, v.elems(batch), only)


def make_gather(p, x, indices, name, places, mode, sizes, numbers):
    offset, collapsed, mapped, batching, index_batching = numbers
    numbers = lax.GatherDimensionNumbers(
        offset_dims=tuple(offset), collapsed_slice_dims=tuple(collapsed), start_index_map=tuple(mapped),
        operand_batching_dims=tuple(batching), start_indices_batching_dims=tuple(index_batching))
    fill = None
    if v.is_float(v.DTYPES[name]):
        missing = np.nan
    else:
        missing = True if name == "i1" else np.iinfo(v.DTYPES[name]).max if name[0] == "u" else np.iinfo(
            v.DTYPES[name]).min
    if mode == lax.GatherScatterMode.FILL_OR_DROP and p.chance(0.5):
        fill = missing = v.random_array(p.rng, (), name, True)[()]
    p.add(f"gather {mode} {numbers} {sizes}",
          lambda x, i: lax.gather(x, i, numbers, tuple(sizes), mode=mode, fill_value=fill), (x, indices),
          lambda x, i: ref.gather(x, *places(i), missing))


def make_scatter(p, x, indices, updates, name, places, mode, numbers, terms, only=None):
    op = only or str(p.rng.choice(["scatter", "scatter_add", "scatter_mul", "scatter_min", "scatter_max"]))
    if not only and (name == "i1" or (op == "scatter_mul" and name in v.FLOATS)
                     or (op == "scatter_add" and name in ("bf16", "f16"))):
        op = "scatter"
    if name in v.FLOATS and op == "scatter_add":

        def want(x, i, u):
            sums = ref.scatter(v.widen(x), v.widen(u), *places(i), op)
            return sums, ref.scatter(np.abs(v.widen(x)), np.abs(v.widen(u)), *places(i), op)

        # A narrow type rounds after each addition.
        check, by_xla = (v.sum_of(terms), v.sum_by_xla(terms)) if name == "f32" else (v.sum_of(terms, terms), None)
    elif name in v.FLOATS and op == "scatter_mul":

        def want(x, i, u):
            sizes = [np.where(np.isfinite(v.widen(a)) & (v.widen(a) != 0), np.abs(v.widen(a)), 1) for a in (x, u)]
            return (ref.scatter(v.widen(x), v.widen(u), *places(i), op),
                    *[ref.scatter(*[bound(size, 1) for size in sizes], *places(i), op)
                      for bound in (np.maximum, np.minimum)])

        check, by_xla = v.product_of(terms, name), None
    else:
        check, by_xla = None, v.exact_by_xla

        def want(x, i, u):
            return ref.scatter(x, u, *places(i), op, list(numbers.update_window_dims))

    p.add(f"{op} {mode} {numbers}", lambda x, i, u: getattr(lax, op)(x, i, u, numbers, mode=mode),
          (x, indices, updates), want, check, by_xla)


def gather(p):
    indexed(p, False)


def scatter(p):
    indexed(p, True)


def starts_of(p, shape, sizes):
    """Start indices, some of them numbers known to the compiler; and whether their type holds the largest
    that is inside: where it does not, XLA:CPU wraps that bound and moves what lies before the array."""
    name = str(p.rng.choice(["i32", "i32", "u32", "i8", "i16"]))
    known, given, rooms = {}, [], [whole - size for whole, size in zip(shape, sizes, strict=True)]
    for axis, room in enumerate(rooms):
        start = index_array(p, (), [room], 0, name)[0]
        if p.chance(0.3):
            known[axis] = max(start, start.dtype.type(0))
        else:
            given.append(p.give(start))

    def merge(values):
        values = iter(values)
        return [known[a] if a in known else next(values) for a in range(len(shape))]

    return given, merge, max(rooms) <= np.iinfo(v.DTYPES[name]).max


def dynamic_slice(p):
    x, shape, _ = p.pick(min_rank=1)
    sizes = [int(p.rng.integers(0 if p.chance(0.03) else min(1, s), s + 1)) for s in shape]
    given, merge, is_safe = starts_of(p, shape, sizes)
    is_python = p.chance(0.3) and is_safe  # JAX adds the size to negative indices
    p.add(f"dynamic_slice {sizes}",
          lambda x, *s: lax.dynamic_slice(x, merge(s), sizes, allow_negative_indices=is_python), (x, *given),
          None if is_python else lambda x, *s: ref.dynamic_slice(x, merge(s), sizes), None,
          v.exact_by_xla if is_safe else None)


def dynamic_update_slice(p):
    x, shape, name = p.pick(min_rank=1)
    sizes = tuple(int(p.rng.integers(min(1, s), s + 1)) for s in shape)
    update = p.like(sizes, name)
    if update is None:
        return
    given, merge, is_safe = starts_of(p, shape, sizes)
    is_python = p.chance(0.3) and is_safe
    p.add(f"dynamic_update_slice {list(sizes)}",
          lambda x, u, *s: lax.dynamic_update_slice(x, u, merge(s), allow_negative_indices=is_python),
          (x, update, *given), None if is_python else lambda x, u, *s: ref.dynamic_update_slice(x, u, merge(s)), None,
          v.exact_by_xla if is_safe else None)


MAKERS = {"broadcast": broadcast, "transpose": transpose, "reshape": reshape, "slice": slice_, "reverse": reverse,
          "pad": pad, "concatenate": concatenate, "iota": iota, "gather": gather, "scatter": scatter,
          "dynamic_slice": dynamic_slice, "dynamic_update_slice": dynamic_update_slice}
