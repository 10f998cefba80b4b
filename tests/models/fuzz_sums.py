"""Makers of random operations that combine elements: reductions, windows, products, convolutions, orders."""

import fuzz_reference as ref
import fuzz_values as v
import jax
import numpy as np
from jax import lax

LAX = {"sum": lax.add, "prod": lax.mul, "max": lax.max, "min": lax.min, "and": lax.bitwise_and, "or": lax.bitwise_or,
       "xor": lax.bitwise_xor}
NUMPY = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum, "and": np.bitwise_and,
         "or": np.bitwise_or, "xor": np.bitwise_xor}


def start_of(op, name):
    """The neutral element."""
    lowest, highest = v.limits_of(name)
    start = {"sum": 0, "prod": 1, "max": lowest, "min": highest, "and": True if name == "i1" else -1, "or": 0,
             "xor": 0}[op]
    return np.asarray(start).astype(v.DTYPES[name])


def combine(x, start, op, axes):
    """Reduces NumPy axes of a value with `start`: exact operations only."""
    if v.is_float(x.dtype):  # max, min: the sign of a zero as maximum() and minimum() have it
        wide = NUMPY[op].reduce(v.widen(x), axes, initial=float(start))
        is_zero = (x == 0) & (np.signbit(x) == (op == "min"))
        hit = np.any(is_zero, axes) | ((start == 0) & (np.signbit(start) == (op == "min")))
        zero = -0.0 if op == "min" else 0.0
        return np.where(wide == 0, np.where(hit, zero, -zero), wide).astype(x.dtype)
    return NUMPY[op].reduce(x, axes, x.dtype, initial=start)


def sums_of(x, start, axes):
    """(float64 sum, sum of magnitudes)"""
    wide = v.widen(x)
    return np.sum(wide, axes) + float(start), np.sum(np.abs(wide), axes) + abs(float(start))


def products_of(x, start, axes):
    wide, first = v.widen(x), float(start)
    size = np.where(np.isfinite(wide) & (wide != 0), np.abs(wide), 1)
    return (np.prod(wide, axes) * first, np.prod(np.maximum(size, 1), axes) * max(abs(first), 1),
            np.prod(np.minimum(size, 1), axes))


def judge_of(op, name, terms):
    """(want from (x, start, axes), check, check by XLA:CPU)"""
    if name in v.FLOATS and op == "sum":
        return sums_of, v.sum_of(terms), v.sum_by_xla(terms) if name == "f32" else None
    if name in v.FLOATS and op == "prod":
        return products_of, v.product_of(terms), None
    # XLA:CPU's reductions lose NaN and the sign of zeros.
    return (lambda x, start, axes: combine(x, start, op, axes)), None, None if name in v.FLOATS else v.exact_by_xla


def some_axes(p, rank):
    return tuple(sorted(p.rng.choice(rank, int(p.rng.integers(1, rank + 1)), replace=False).tolist()))


def reduce(p):
    x, shape, name = p.pick(min_rank=1)
    axes = some_axes(p, len(shape))
    op = str(p.rng.choice(["and", "or", "max", "min"] if name == "i1" else ["sum", "sum", "max", "min", "prod"]
                          if name in v.FLOATS else list(LAX)))
    if op == "prod" and name in ("bf16", "f16"):
        op = "sum"
    terms = v.elems([shape[a] for a in axes])
    start = start_of(op, name)
    is_neutral = not (p.chance(0.2) and op not in ("sum", "prod", "xor") and terms > 1)  # XLA:CPU repeats or drops it
    if not is_neutral:
        start = v.random_array(p.rng, (), name, True)
    want, check, by_xla = judge_of(op, name, terms)
    title = f"reduce {op} {axes}"
    if p.chance(0.3):
        p.add(title, lambda x, w: lax.reduce(x, w, LAX[op], axes), (x, p.give(start)), lambda x, w: want(x, w, axes),
              check, by_xla)
    else:
        p.add(title, lambda x: lax.reduce(x, start[()], LAX[op], axes), (x,), lambda x: want(x, start, axes), check,
              by_xla)


def random_window(p, size, is_dilated=True):
    """(size, stride, (low, high) padding, base dilation, window dilation) of one axis."""
    if p.chance(0.35) or size == 0:
        return 1, 1, (0, 0), 1, 1
    k = int(p.rng.integers(1, min(size, 7) + 1))
    stride, base, dilation = (int(p.choose([1, 1, 1, 2, 3])) for _ in range(3))
    if not is_dilated or p.chance(0.6):
        base = dilation = 1
    low, high = (int(p.rng.integers(0, k)) if p.chance(0.5) else 0 for _ in range(2))
    return k, stride, (low, high), base, dilation


def window(p):
    """reduce_window, and sums over windows and their gradient."""
    x, shape, name = p.pick(v.NUMBERS, min_rank=1, max_rank=5)
    if v.elems(shape) > 20000:
        return
    sizes, strides, padding, base, dilation = zip(*[random_window(p, s) for s in shape], strict=True)
    op = str(p.rng.choice(["sum", "max", "min"] + ["prod"] * (name in v.WORDS)))
    terms = v.elems(sizes)
    if terms > 400:
        return
    start = start_of(op, name)
    want, check, by_xla = judge_of(op, name, terms)
    axes = tuple(range(len(shape), 2 * len(shape)))
    p.add(f"reduce_window {op} {sizes} {strides} {padding} {base} {dilation}",
          lambda x: lax.reduce_window(x, start[()], LAX[op], sizes, strides, padding, base, dilation), (x,),
          lambda x: want(ref.windows(x, start, sizes, strides, padding, base, dilation), start, axes), check, by_xla)


def pool_gradient(p):
    """The gradient of max pooling: select_and_scatter."""
    shape = v.random_shape(p.rng, 5, 8000)
    if not shape or 0 in shape:
        return
    sizes, strides, padding, _, _ = zip(*[random_window(p, s, False) for s in shape], strict=True)
    if v.elems(sizes) > 200:
        return
    name = "f32" if p.chance(0.8) else "bf16"
    values = np.round(p.rng.standard_normal(shape) * p.choose([1, 10, 1000])).astype(v.DTYPES[name])

    def pool(x):
        return lax.reduce_window(x, np.array(-np.inf, x.dtype), lax.max, sizes, strides, padding)

    result = jax.eval_shape(pool, values).shape
    numbers = (p.rng.integers(-8, 9, result) * p.choose([1, 0.37])).astype(v.DTYPES[name])
    x, g = p.give(values), p.give(numbers)

    def want(x, g):
        sums, base = [ref.select_and_scatter(v.widen(x), y, sizes, strides, padding, np.zeros(shape))
                      for y in (v.widen(g), np.abs(v.widen(g)))]
        return sums, base

    overlap = v.elems([-(-k // s) for k, s in zip(sizes, strides, strict=True)])
    check = v.sum_of(overlap, overlap if name == "bf16" else 0)
    p.add(f"max pool gradient {sizes} {strides} {padding}", lambda x, g: jax.vjp(pool, x)[1](g)[0], (x, g), want,
          check, v.sum_by_xla(overlap) if name == "f32" else None)


def cumulative(p, names=v.NUMBERS, only=None):
    x, shape, name = p.pick(names, min_rank=1)
    axis, is_reverse = int(p.rng.integers(len(shape))), p.chance(0.4)
    op = only or str(p.rng.choice(["cumsum", "cummax", "cummin"] + ["cumprod"] * (name in v.WORDS)))
    if op == "cumsum" and name in ("bf16", "f16") and not only:
        op = "cummax"
    pick = {"cumsum": np.add, "cumprod": np.multiply, "cummax": np.maximum, "cummin": np.minimum}[op]
    check, by_xla = None, v.exact_by_xla
    if name in v.FLOATS and op == "cumsum":
        check, by_xla = v.sum_of(shape[axis]), v.sum_by_xla(shape[axis]) if name == "f32" else None
    elif name in v.FLOATS:
        check, by_xla = zeros_alike, None

    def along(x):
        x = np.flip(x, axis) if is_reverse else x
        dtype = x.dtype if not v.is_float(x.dtype) else np.float64
        x = pick.accumulate(x.astype(dtype), axis, dtype)
        return np.flip(x, axis) if is_reverse else x

    def want(x):
        if op == "cumsum" and name in v.FLOATS:
            return along(x), along(np.abs(x))
        return along(x).astype(x.dtype)

    p.add(f"{op} {axis} {is_reverse}", lambda x: getattr(lax, op)(x, axis, is_reverse), (x,), want, check, by_xla)


def zeros_alike(got, want, operands, judged):
    """Exact, either zero being one."""
    return v.strict_differences(got, want) & ~((got == 0) & (want == 0))


def argmax(p):
    x, shape, _ = p.pick(v.NUMBERS, min_rank=1)
    axis = int(p.rng.integers(len(shape)))
    if shape[axis] == 0:
        return
    op = str(p.rng.choice(["argmax", "argmin"]))
    index = np.dtype(p.choose([np.int32, np.int32, np.uint32]))
    p.add(f"{op} {axis}", lambda x: getattr(lax, op)(x, axis, index), (x,),
          lambda x: getattr(np, op)(v.widen(x), axis).astype(index))


# ---- order ----


def sort(p):
    """One to four operands, one or more of them keys."""
    x, shape, name = p.pick(min_rank=1)
    axis = int(p.rng.integers(len(shape)))
    if v.elems(shape) > 30000:
        return
    operands = [x]
    for _ in range(int(p.choose([0, 0, 1, 2, 3]))):
        more = p.like(shape, str(p.choose(list(v.TYPES))))
        if more is None:
            return
        operands.append(more)
    keys = int(p.rng.integers(1, len(operands) + 1))
    if len(operands) == 1 and p.chance(0.3):
        p.add(f"sort {axis} unstable", lambda x: lax.sort(x, axis, is_stable=False), operands,
              lambda x: np.take_along_axis(x, ref.sort_order([x], axis), axis), zeros_alike)
        return

    def want(*x):
        order = ref.sort_order(x[:keys], axis)
        return [np.take_along_axis(y, order, axis) for y in x]

    p.add(f"sort {axis} keys {keys}", lambda *x: lax.sort(x, axis, num_keys=keys), operands, want)


def top_k(p):
    x, shape, name = p.pick(v.NUMBERS, min_rank=1)
    if shape[-1] == 0 or v.elems(shape) > 60000:
        return
    k = int(p.rng.integers(1, min(shape[-1], 40) + 1))
    p.add(f"top_k {k}", lambda x: lax.top_k(x, k), (x,))


# ---- contractions ----


def contraction_judge(result, terms):
    """(check, check by XLA:CPU) of sums of products"""
    if not v.is_float(v.DTYPES[result]):
        return v.exact, v.exact_by_xla
    return v.sum_of(terms), v.sum_by_xla(terms) if result == "f32" else None


def both(function, x, y):
    """(sum, sum of magnitudes) in float64; of integers the wrapped sum in 32 bits"""
    if not v.is_float(x.dtype):
        return function(x.astype(np.int64), y.astype(np.int64)).astype(np.int32)
    x, y = v.widen(x), v.widen(y)
    return function(x, y), function(np.abs(x), np.abs(y))


def dot(p, names=v.FLOATS + ("i32", "i8")):
    x, shape, name = p.pick(names, min_rank=1)
    rank = len(shape)
    axes = p.rng.permutation(rank).tolist()
    batches = int(p.rng.integers(0, min(rank, 3)))
    depths = int(p.rng.integers(0 if rank < 4 else 1, min(rank - batches, 2) + 1))
    batch, depth = axes[:batches], axes[batches : batches + depths]
    roles = [("b", i) for i in range(batches)] + [("d", i) for i in range(depths)]
    roles += [("f", int(p.rng.choice(v.SIZES[:-1]))) for _ in range(int(p.rng.integers(0, 3)))]
    p.rng.shuffle(roles)
    roles = [(kind, int(at)) for kind, at in roles]
    other = tuple(shape[batch[at]] if kind == "b" else shape[depth[at]] if kind == "d" else at for kind, at in roles)
    free = v.elems([s for i, s in enumerate(shape) if i not in batch + depth])
    most = 4e6 if v.is_float(v.DTYPES[name]) else 2e5
    if v.elems(other) > v.MAX_ELEMS or free * v.elems(other) > most or len(other) > 8:
        return
    if rank - batches - depths + len(other) > 8:
        return
    y = p.like(other, name)
    if y is None:
        return
    where = {role: at for at, role in enumerate(roles) if role[0] != "f"}
    right_depth, right_batch = [where["d", i] for i in range(depths)], [where["b", i] for i in range(batches)]
    numbers = ((depth, right_depth), (batch, right_batch))
    result = str(p.choose(["f32", name])) if v.is_float(v.DTYPES[name]) else "i32"
    terms = v.elems([shape[i] for i in depth])
    check, by_xla = contraction_judge(result, terms)
    if name in v.SMALL:
        by_xla = None
    p.add(f"dot {numbers} {result}",
          lambda x, y: lax.dot_general(x, y, numbers, preferred_element_type=v.DTYPES[result]), (x, y),
          lambda x, y: both(lambda a, b: contract(a, b, numbers), x, y), check, by_xla)


def contract(x, y, numbers):
    """dot_general in NumPy, as a batched matrix product."""
    (xd, yd), (xb, yb) = numbers
    xf = [a for a in range(x.ndim) if a not in (*xd, *xb)]
    yf = [a for a in range(y.ndim) if a not in (*yd, *yb)]
    batch, depth = [x.shape[a] for a in xb], v.elems([x.shape[a] for a in xd])
    left = np.transpose(x, (*xb, *xf, *xd)).reshape(v.elems(batch), v.elems([x.shape[a] for a in xf]), depth)
    right = np.transpose(y, (*yb, *yd, *yf)).reshape(v.elems(batch), depth, v.elems([y.shape[a] for a in yf]))
    return (left @ right).reshape([*batch, *[x.shape[a] for a in xf], *[y.shape[a] for a in yf]])


def random_order(p, rank):
    return tuple(p.rng.permutation(rank).tolist()) if p.chance(0.3) else tuple(range(rank))


def convolution(p):
    """Any order of dimensions, strides, padding (negative too), both dilations, feature or batch groups."""
    spatial = int(p.choose([0, 1, 1, 2, 2, 2, 2, 3]))
    groups = int(p.choose([1, 1, 1, 2, 3, 8]))
    is_batch_grouped = groups > 1 and p.chance(0.3)
    batch = int(p.choose([1, 2, 3, 8, 37])) * (groups if is_batch_grouped else 1)
    features = int(p.choose([1, 2, 3, 5, 16, 31, 129])) * (groups if not is_batch_grouped and groups < 8 else 1)
    if not is_batch_grouped and groups == 8:
        features = 8  # one a group
    out = int(p.choose([1, 2, 5, 7, 16, 33, 129])) * groups
    sizes = [int(p.choose([1, 3, 5, 8, 13, 16, 28, 33][: 8 if spatial < 3 else 5])) for _ in range(spatial)]
    if p.chance(0.03):
        batch = 0
    parts = [random_window(p, s) for s in sizes]
    kernel, strides, padding, base, dilation = ([list(c) for c in zip(*parts, strict=True)] if parts
                                                else ([], [], [], [], []))
    padding = [(low - (low == 0 and p.chance(0.1)), high) for low, high in padding]
    x_shape, w_shape = [batch, features, *sizes], [out, features // (1 if is_batch_grouped else groups), *kernel]
    orders = [random_order(p, spatial + 2) for _ in range(3)]
    x_shape, w_shape = ([shape[i] for i in np.argsort(order)]
                        for shape, order in zip((x_shape, w_shape), orders, strict=False))
    parameters = dict(strides=strides, padding=padding, lhs_dilation=base, rhs_dilation=dilation, lhs_spec=orders[0],
                      rhs_spec=orders[1], out_spec=orders[2], groups=1 if is_batch_grouped else groups,
                      batch_groups=groups if is_batch_grouped else 1)
    if v.elems(x_shape) > v.MAX_ELEMS or v.elems(w_shape) > v.MAX_ELEMS:
        return
    name = str(p.choose(["f32", "f32", "f32", "bf16", "f16"]))
    result = str(p.choose(["f32", name]))
    numbers = lax.ConvDimensionNumbers(*orders)

    def function(x, w):
        return lax.conv_general_dilated(x, w, strides, padding, base, dilation, numbers, parameters["groups"],
                                        parameters["batch_groups"], preferred_element_type=v.DTYPES[result])

    whole = [jax.ShapeDtypeStruct(s, v.DTYPES[name]) for s in (x_shape, w_shape)]
    terms = v.elems(w_shape) // max(out, 1)
    if jax.eval_shape(function, *whole).size * terms > 6e6:
        return
    x, w = p.like(tuple(x_shape), name), p.like(tuple(w_shape), name)
    if x is None or w is None:
        return
    check, by_xla = contraction_judge(result, terms)
    p.add(f"convolution {parameters} {result}", function, (x, w),
          lambda x, w: both(lambda a, b: ref.convolution(a, b, parameters), x, w), check,
          None if 0 in x_shape else by_xla)


MAKERS = {"reduce": reduce, "window": window, "pool_gradient": pool_gradient, "cumulative": cumulative,
          "argmax": argmax, "sort": sort, "top_k": top_k, "dot": dot, "convolution": convolution}
