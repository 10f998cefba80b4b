"""Random programs over the operations that run, on odd shapes, with XLA:CPU as the judge.

    python tests/models/fuzz_operations.py [--seed N] [--programs N] [--ops N] [--only NAME,...]

A program is a graph of lax operations. The chip runs it twice: once with every value as a result, so that each
operation is judged on the operands that the chip itself computed, and once with the last value alone, so that
operations fuse; both must give the same bits. Data movement, integers, comparisons and correctly rounded floats
must be exact; functions are judged against float64. A refusal is no failure, and is counted.
"""

import argparse
import collections
import dataclasses
import math
import os
import sys
import typing

os.environ.setdefault("JAX_PLATFORMS", "neuron,cpu")

import jax
import ml_dtypes
import numpy as np
from jax import lax

DTYPES = {
    "f32": np.dtype(np.float32), "bf16": np.dtype(ml_dtypes.bfloat16), "f16": np.dtype(np.float16),
    "i32": np.dtype(np.int32), "u32": np.dtype(np.uint32), "i16": np.dtype(np.int16), "u16": np.dtype(np.uint16),
    "i8": np.dtype(np.int8), "u8": np.dtype(np.uint8), "i1": np.dtype(bool),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
FLOATS, WORDS, NARROW = ("f32", "bf16", "f16"), ("i32", "u32"), ("i16", "u16", "i8", "u8")
SIZES = (1, 2, 3, 5, 7, 8, 16, 31, 33, 64, 100, 127, 128, 129, 130, 257, 513, 1000)
MAX_ELEMS = 70_000
TINY = 1.2e-38  # XLA:CPU flushes denormals, the engines do not


def chip_and_judge():
    return jax.devices("neuron")[0], jax.devices("cpu")[0]


# ---- values ----


def is_float(dtype):
    return dtype.kind == "f" or dtype == DTYPES["bf16"]


def random_shape(rng, max_rank=4, limit=MAX_ELEMS):
    rank = int(rng.choice(9, p=[0.05, 0.22, 0.3, 0.22, 0.12, 0.05, 0.02, 0.01, 0.01]))
    if rank > max_rank and rng.random() < 0.9:
        rank = max_rank
    while True:
        shape = tuple(int(rng.choice(SIZES if i < 3 else SIZES[:7])) for i in range(rank))
        if rng.random() < 0.02 and rank:
            shape = shape[:-1] + (0,)
        if np.prod(shape, dtype=np.int64) <= limit:
            return tuple(rng.permutation(shape).tolist()) if rank else ()


def random_array(rng, shape, name, is_simple=False):
    """Mostly ordinary numbers, with the corners of the type among them; is_simple: small integers."""
    dtype = DTYPES[name]
    if name == "i1":
        return rng.random(shape) < rng.choice([0.1, 0.5, 0.9])
    if not is_float(dtype):
        info = np.iinfo(dtype)
        low = -5 if info.min < 0 else 0
        values = rng.integers(low, 6, shape)
        if not is_simple:
            wide = rng.integers(info.min, info.max, shape, endpoint=True, dtype=np.int64)
            ends = rng.choice([info.min, info.max, 0, 1], shape)
            pick = rng.random(shape)
            values = np.where(pick < 0.4, values, np.where(pick < 0.9, wide, ends))
        return values.astype(dtype)
    if is_simple:
        return rng.integers(-4, 5, shape).astype(dtype)
    values = rng.standard_normal(shape) * rng.choice([1, 1, 4, 100])
    corners = [0.0, -0.0, 1, -1, 2.5, -0.5, 1e4, -3e4]
    if rng.random() < 0.5:
        corners += [np.inf, -np.inf, np.nan]
    values = np.where(rng.random(shape) < 0.15, rng.choice(corners, shape), values)
    with np.errstate(over="ignore"):
        return values.astype(dtype)


# ---- judging ----


def widen(array):
    return np.asarray(array).astype(np.float64)


def ulp(want, dtype):
    """Distance of neighbours of the type around float64 numbers."""
    digits = {"f32": 23, "bf16": 7, "f16": 10}[NAMES[dtype]]
    low = {"f32": -126, "bf16": -126, "f16": -14}[NAMES[dtype]]
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = np.floor(np.log2(np.abs(want)))
    exponent = np.where(np.isfinite(exponent), np.maximum(exponent, low), low)
    return 2.0 ** (exponent - digits)


def differences(got, want, allowed=0.0):
    """Mask of the elements of got that are not want's, give or take `allowed` (absolute, float64)."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        raise AssertionError(f"{got.dtype}{got.shape} for {want.dtype}{want.shape}")
    if not is_float(want.dtype):
        return got != want
    g, w = widen(got), widen(want)
    with np.errstate(invalid="ignore"):
        same = (g == w) & (np.signbit(g) == np.signbit(w)) | (np.isnan(g) & np.isnan(w))
        near = np.abs(g - w) <= allowed
    tiny = (np.abs(g) < TINY) & (np.abs(w) < TINY) & ((g != 0) | (w != 0))
    return ~(same | near | tiny)


def exact(got, judged, operands):
    return differences(got, judged)


def extreme_of(function, axes, start):
    """XLA:CPU's reductions lose NaN; NumPy's keep it, as StableHLO asks."""

    def check(got, judged, operands):
        want = function(np.asarray(operands[0]).astype(np.float32), axis=axes, initial=float(start))
        want = np.where(np.isnan(float(start)), np.nan, want)
        return differences(got, want.astype(np.asarray(got).dtype), 0) & ~((got == 0) & (want == 0))

    return check


def one_rounding(got, judged, operands):
    """The judge may round through fp32 where the chip rounds once, or the other way round."""
    return differences(got, judged, ulp(widen(judged), np.asarray(judged).dtype))


def function_of(function, ulps=3.0):
    """Within `ulps` of the type from a NumPy function in float64."""

    def check(got, judged, operands):
        got, judged = np.asarray(got), np.asarray(judged)
        with np.errstate(all="ignore"):
            want = function(*[widen(x) for x in operands])
            largest = float(ml_dtypes.finfo(got.dtype).max)
            g, step = widen(got), ulp(want, got.dtype)
            rounded = want.astype(got.dtype).astype(np.float64)
            near = np.abs(g - want) <= (ulps if NAMES[got.dtype] == "f32" else 1.0) * step
            # Where float64 leaves the type, and for infinities and NaN.
            same = (g == rounded) | (np.isnan(g) & np.isnan(rounded))
            edge = np.isinf(g) & (np.abs(want) >= largest * (1 - 1e-6)) & (np.sign(g) == np.sign(want))
            tiny = np.abs(want) < TINY
            if NAMES[got.dtype] != "f32":  # JAX composes some of several operations of the narrow type
                same |= g == widen(judged)
        return ~(near | same | edge | (tiny & (np.abs(g) < 2 * TINY)))

    return check


def sum_of(magnitude, terms):
    """A sum in another order: error within terms * eps * sum |x|, plus a rounding of the type."""

    def check(got, judged, operands):
        judged = np.asarray(judged)
        with np.errstate(all="ignore"):
            total = magnitude(*[np.abs(widen(x)) for x in operands])
            total = np.where(np.isfinite(total), total, 0)
        step = ulp(widen(judged), judged.dtype)
        return differences(got, judged, 2.0**-23 * (terms + 2) * total + step * (NAMES[judged.dtype] != "f32"))

    return check


# ---- programs ----


@dataclasses.dataclass
class Node:
    name: str
    function: typing.Callable
    operands: tuple
    check: typing.Callable


class Program:
    """Inputs, then nodes; a value is its position among both."""

    def __init__(self, seed, ops, only=None):
        self.rng = np.random.default_rng(seed)
        self.inputs, self.nodes, self.types = [], [], []
        self.dtype = str(self.rng.choice(list(DTYPES), p=[0.35, 0.1, 0.06, 0.18, 0.06, 0.05, 0.05, 0.05, 0.05, 0.05]))
        self.new_input(self.dtype, random_shape(self.rng))
        makers = {name: maker for name, maker in MAKERS.items() if not only or name in only or name in GLUE}
        weights = np.array([0.15 if only and name in GLUE and name not in only else WEIGHTS.get(name, 1.0)
                            for name in makers])
        tries = 0
        while len(self.nodes) < ops and tries < 40 * ops:
            tries += 1
            maker = makers[str(self.rng.choice(list(makers), p=weights / weights.sum()))]
            maker(self)

    def new_input(self, name, shape, is_simple=None):
        """Inputs come first; those made later are moved there when the program is finished."""
        if is_simple is None:
            is_simple = self.rng.random() < 0.3
        return self.give(random_array(self.rng, shape, name, is_simple))

    def give(self, array):
        self.inputs.append(np.asarray(array))
        self.types.append((array.shape, NAMES[np.asarray(array).dtype], ("input", len(self.inputs) - 1)))
        return len(self.types) - 1

    def add(self, name, function, operands, check=exact):
        args = [jax.ShapeDtypeStruct(self.types[i][0], DTYPES[self.types[i][1]]) for i in operands]
        result = jax.eval_shape(function, *args)
        if result.size > 4 * MAX_ELEMS:
            return None
        self.nodes.append(Node(name, function, tuple(operands), check))
        self.types.append((result.shape, NAMES[np.dtype(result.dtype)], ("node", len(self.nodes) - 1)))
        return len(self.types) - 1

    # Choosing operands.

    def pick(self, names=None, min_rank=0):
        """A value of one of the types, more likely a late one; a new input when there is none."""
        ok = [i for i, (shape, name, _) in enumerate(self.types)
              if (names is None or name in names) and len(shape) >= min_rank]
        if ok and self.rng.random() < 0.85:
            weight = np.arange(1, len(ok) + 1, dtype=float) ** 2
            return int(self.rng.choice(ok, p=weight / weight.sum()))
        shape = random_shape(self.rng)
        while len(shape) < min_rank:
            shape = random_shape(self.rng)
        return self.new_input(str(self.rng.choice(list(names or DTYPES))), shape)

    def like(self, shape, name):
        """Another value of this type: one that exists, a new input, a number or a row repeated."""
        ok = [i for i, (s, n, _) in enumerate(self.types) if s == shape and n == name]
        roll = self.rng.random()
        if ok and roll < 0.45:
            return int(self.rng.choice(ok))
        if roll < 0.6:
            number = random_array(self.rng, (), name)[()]
            return self.add("full", lambda: lax.full(shape, number, DTYPES[name]), ())
        if roll < 0.75 and shape:
            axis = int(self.rng.integers(len(shape)))
            row = self.new_input(name, (shape[axis],))
            return self.add("broadcast_in_dim", lambda x: lax.broadcast_in_dim(x, shape, (axis,)), (row,))
        return self.new_input(name, shape)

    # Running.

    def values_on(self, device, results):
        """The values at `results` as the device computes them in one program."""

        def run(*inputs):
            done = []
            for shape, name, (kind, at) in self.types:
                if kind == "input":
                    done.append(inputs[at])
                else:
                    node = self.nodes[at]
                    done.append(node.function(*[done[i] for i in node.operands]))
            return [done[i] for i in results]

        return [np.asarray(x) for x in jax.jit(run)(*[jax.device_put(x, device) for x in self.inputs])]

    def judged(self, device, values):
        """Each node applied to the given operands, in one program."""
        wanted = [t for t in range(len(self.types)) if self.types[t][2][0] == "node"]

        def run(*values):
            return [self.nodes[self.types[t][2][1]].function(
                *[values[i] for i in self.nodes[self.types[t][2][1]].operands]) for t in wanted]

        results = jax.jit(run)(*[jax.device_put(x, device) for x in values])
        return dict(zip(wanted, [np.asarray(x) for x in results], strict=True))

    def describe(self, at):
        kind, number = self.types[at][2]
        if kind == "input":
            return f"%{at} = input {self.types[at][1]}{list(self.types[at][0])}"
        node = self.nodes[number]
        return f"%{at} = {node.name}({', '.join(f'%{i}' for i in node.operands)}) " \
               f"{self.types[at][1]}{list(self.types[at][0])}"

    def run(self):
        """List of what is wrong."""
        chip, cpu = chip_and_judge()
        everything = list(range(len(self.types)))
        computed = [t for t in everything if self.types[t][2][0] == "node"]
        if not computed:
            return []
        values = {t: self.inputs[self.types[t][2][1]] for t in everything if t not in computed}
        values.update(zip(computed, self.values_on(chip, computed), strict=True))
        judged = self.judged(cpu, [values[t] for t in everything])
        wrong = []
        for t in computed:
            node = self.nodes[self.types[t][2][1]]
            operands = [values[i] for i in node.operands]
            bad = node.check(values[t], judged[t], operands)
            for x in operands:
                if x.shape == bad.shape and is_float(x.dtype):
                    bad = bad & ~((x != 0) & (np.abs(widen(x)) < TINY))
            if np.any(bad):
                at = tuple(np.argwhere(bad)[0].tolist())
                wrong.append(f"{self.describe(t)}: {int(np.sum(bad))} of {bad.size} wrong, first at {list(at)}: "
                             f"{values[t][at]}, not {judged[t][at]}; operands "
                             f"{[x[at] if x.shape == bad.shape else x.shape for x in operands]}")
        read = {i for node in self.nodes for i in node.operands}
        last = [t for t in computed if t not in read]
        for t, value in zip(last, self.values_on(chip, last), strict=True):
            if value.tobytes() != values[t].tobytes():
                wrong.append(f"{self.describe(t)}: other bits when the operations fuse")
        if wrong:
            wrong += [self.describe(t) for t in everything]
        return wrong


# ---- pointwise operations ----

UNARY = {
    "exp": np.exp, "log": np.log, "tanh": np.tanh, "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "rsqrt": lambda x: 1 / np.sqrt(x), "log1p": np.log1p, "expm1": np.expm1, "cbrt": np.cbrt,
    "erf": np.vectorize(math.erf, otypes=[float]), "atan": np.arctan,
}


def unary(p):
    x = p.pick(FLOATS + WORDS + NARROW)
    if p.types[x][1] in FLOATS:
        names = ["abs", "neg", "sign", "sqrt", "is_finite", "floor", "ceil", "round", *UNARY]
    elif p.types[x][1][0] == "i":
        names = ["abs", "neg", "sign", "bitwise_not", "population_count", "clz"]
    else:
        names = ["neg", "bitwise_not", "population_count", "clz"]
    name = str(p.rng.choice(names))
    function = getattr(lax, name)
    p.add(name, function, (x,), function_of(UNARY[name]) if name in UNARY else exact)


def binary(p):
    x = p.pick(FLOATS + WORDS + NARROW + ("i1",))
    shape, name, _ = p.types[x]
    choices = {"f": ["add", "sub", "mul", "div", "max", "min", "rem", "pow"],
               "w": ["add", "sub", "mul", "div", "rem", "max", "min", "bitwise_and", "bitwise_or", "bitwise_xor",
                     "shift_left", "shift_right_logical", "shift_right_arithmetic"],
               "b": ["bitwise_and", "bitwise_or", "bitwise_xor"]}
    op = str(p.rng.choice(choices["f" if name in FLOATS else "b" if name == "i1" else "w"]))
    y = p.like(shape, name)
    if y is None:
        return
    operands = (x, y) if p.rng.random() < 0.5 else (y, x)
    check = exact
    if op == "pow":
        check = function_of(np.power)
    elif op == "rem" and name in ("bf16", "f16"):
        check = one_rounding
    p.add(op, getattr(lax, op), operands, check)


def bitwise_not(p):
    x = p.pick(("i1",))
    p.add("not", lax.bitwise_not, (x,))


def compare(p):
    x = p.pick()
    shape, name, _ = p.types[x]
    op = str(p.rng.choice(["eq", "ne", "lt", "le", "gt", "ge"]))
    y = p.like(shape, name)
    if y is not None:
        p.add(op, getattr(lax, op), (x, y))


def select(p):
    x = p.pick()
    shape, name, _ = p.types[x]
    y = p.like(shape, name)
    predicate = p.like(shape if p.rng.random() < 0.8 else (), "i1")
    if y is not None and predicate is not None:
        p.add("select", lax.select, (predicate, x, y) if p.rng.random() < 0.5 else (predicate, y, x))


def clamp(p):
    x = p.pick(FLOATS + WORDS + NARROW)
    shape, name, _ = p.types[x]
    is_scalar = p.rng.random() < 0.5
    low = random_array(p.rng, () if is_scalar else shape, name)
    high = random_array(p.rng, () if is_scalar else shape, name)
    with np.errstate(invalid="ignore"):
        low, high = np.fmin(low, high), np.fmax(low, high)
    if p.rng.random() < 0.3 and is_scalar:
        p.add("clamp", lambda v: lax.clamp(low[()], v, high[()]), (x,))
    else:
        p.add("clamp", lax.clamp, (p.give(low), x, p.give(high)))


def convert(p):
    x = p.pick()
    name = str(p.rng.choice(list(DTYPES)))
    p.add(f"convert {name}", lambda v: lax.convert_element_type(v, DTYPES[name]), (x,))


# ---- rearrangement ----


def broadcast(p):
    x = p.pick()
    shape = p.types[x][0]
    rank = int(p.rng.integers(len(shape), min(len(shape) + 3, 8) + 1))
    dims = sorted(p.rng.choice(rank, len(shape), replace=False).tolist())
    target = [int(p.rng.choice(SIZES[:12])) for _ in range(rank)]
    for at, size in zip(dims, shape, strict=True):
        target[at] = size if size != 1 or p.rng.random() < 0.5 else target[at]
    if np.prod(target, dtype=np.int64) <= MAX_ELEMS:
        p.add("broadcast_in_dim", lambda v: lax.broadcast_in_dim(v, target, dims), (x,))


def transpose(p):
    x = p.pick(min_rank=1)
    permutation = p.rng.permutation(len(p.types[x][0])).tolist()
    p.add(f"transpose {permutation}", lambda v: lax.transpose(v, permutation), (x,))


def reshape(p):
    x = p.pick()
    sizes = [s for s in p.types[x][0]]
    for _ in range(int(p.rng.integers(1, 4))):
        roll, at = p.rng.random(), int(p.rng.integers(max(len(sizes), 1)))
        if roll < 0.4 and len(sizes) > 1 and at + 1 < len(sizes):
            sizes[at : at + 2] = [sizes[at] * sizes[at + 1]]
        elif roll < 0.8 and sizes and len(sizes) < 8:
            divisors = [d for d in range(1, sizes[at] + 1) if sizes[at] % d == 0] or [1]
            d = int(p.rng.choice(divisors))
            sizes[at : at + 1] = [d, sizes[at] // d]
        elif len(sizes) < 8:
            sizes.insert(at, 1)
    p.add(f"reshape {sizes}", lambda v: lax.reshape(v, sizes), (x,))


def slice_(p):
    x = p.pick(min_rank=1)
    start, limit, stride = [], [], []
    for size in p.types[x][0]:
        a = int(p.rng.integers(0, size + 1)) if p.rng.random() < 0.5 else 0
        b = int(p.rng.integers(a, size + 1)) if p.rng.random() < 0.5 else size
        if a == b and size and p.rng.random() < 0.95:
            a, b = 0, size
        start.append(a), limit.append(b), stride.append(int(p.rng.choice([1, 1, 1, 2, 3])))
    p.add(f"slice {start} {limit} {stride}", lambda v: lax.slice(v, start, limit, stride), (x,))


def reverse(p):
    x = p.pick(min_rank=1)
    rank = len(p.types[x][0])
    dims = p.rng.choice(rank, int(p.rng.integers(1, rank + 1)), replace=False).tolist()
    p.add(f"rev {dims}", lambda v: lax.rev(v, dims), (x,))


def pad(p):
    x = p.pick(min_rank=1)
    config = []
    for size in p.types[x][0]:
        inner = int(p.rng.choice([0, 0, 0, 1, 2]))
        full = size + max(size - 1, 0) * inner
        low = int(p.rng.integers(-min(full, 5), 6)) if p.rng.random() < 0.6 else 0
        high = int(p.rng.integers(-min(full, 5), 6)) if p.rng.random() < 0.6 else 0
        if full + low + high < 0:
            low, high = 0, 0
        config.append((low, high, inner))
    value = p.new_input(p.types[x][1], ()) if p.rng.random() < 0.5 else p.like((), p.types[x][1])
    p.add(f"pad {config}", lambda v, w: lax.pad(v, w, config), (x, value))


def concatenate(p):
    x = p.pick(min_rank=1)
    shape, name, _ = p.types[x]
    axis = int(p.rng.integers(len(shape)))
    operands = [x]
    for _ in range(int(p.rng.integers(1, 4))):
        size = int(p.rng.choice([0, *SIZES[:9], shape[axis]]))
        other = shape[:axis] + (size,) + shape[axis + 1 :]
        if np.prod(other, dtype=np.int64) > MAX_ELEMS // 3:
            return
        more = p.like(other, name)
        if more is None:
            return
        operands.append(more)
    p.rng.shuffle(operands)
    p.add(f"concatenate {axis}", lambda *v: lax.concatenate(v, axis), operands)


def iota(p):
    shape = random_shape(p.rng)
    if shape:
        name = str(p.rng.choice(FLOATS[:1] + WORDS + NARROW + ("bf16",)))
        axis = int(p.rng.integers(len(shape)))
        if name in ("bf16", "i8", "u8") and shape[axis] > 127:
            return
        p.add(f"iota {axis}", lambda: lax.broadcasted_iota(DTYPES[name], shape, axis), ())


# ---- reductions and products ----


def some_axes(p, rank):
    return tuple(sorted(p.rng.choice(rank, int(p.rng.integers(1, rank + 1)), replace=False).tolist()))


def reduce(p):
    x = p.pick(FLOATS + WORDS + NARROW + ("i1",), min_rank=1)
    shape, name, _ = p.types[x]
    axes = some_axes(p, len(shape))
    choices = {"i1": ["and", "or"], "i32": ["sum", "prod", "max", "min", "and", "or", "xor"]}
    op = str(p.rng.choice(choices["i1" if name == "i1" else "i32"]
                          if name not in FLOATS else ["sum", "max", "min"]))
    terms = int(np.prod([shape[a] for a in axes], dtype=np.int64))
    dtype = DTYPES[name]
    lowest, highest = (-np.inf, np.inf) if name in FLOATS else (False, True) if name == "i1" else (
        np.iinfo(dtype).min, np.iinfo(dtype).max)
    start = {"sum": 0, "prod": 1, "max": lowest, "min": highest, "and": True if name == "i1" else -1, "or": 0,
             "xor": 0}[op]
    start = np.asarray(start).astype(dtype)
    if p.rng.random() < 0.2 and op not in ("sum", "prod", "xor") and terms > 1:  # XLA:CPU repeats or drops it
        start = random_array(p.rng, (), name, True)
    function = {"sum": lax.add, "prod": lax.mul, "max": lax.max, "min": lax.min, "and": lax.bitwise_and,
                "or": lax.bitwise_or, "xor": lax.bitwise_xor}[op]
    check = exact
    if op == "sum" and name in FLOATS:
        if name != "f32":  # XLA:CPU rounds after each addition there
            return
        check = sum_of(lambda v, w=None: np.sum(v, axis=axes) + np.abs(float(start)), terms)
    if op in ("max", "min") and name in FLOATS:
        check = extreme_of(np.max if op == "max" else np.min, axes, start)
    if p.rng.random() < 0.3:
        p.add(f"reduce {op} {axes}", lambda v, w: lax.reduce(v, w, function, axes), (x, p.give(start)), check)
    else:
        p.add(f"reduce {op} {axes}", lambda v: lax.reduce(v, start[()], function, axes), (x,), check)


def argmax(p):
    x = p.pick(FLOATS + WORDS + NARROW, min_rank=1)
    shape = p.types[x][0]
    axis = int(p.rng.integers(len(shape)))
    if shape[axis] == 0:
        return
    op = str(p.rng.choice(["argmax", "argmin"]))
    p.add(f"{op} {axis}", lambda v: getattr(lax, op)(v, axis, np.int32), (x,))


def dot(p):
    x = p.pick(FLOATS[:2], min_rank=1)
    shape, name, _ = p.types[x]
    rank = len(shape)
    axes = p.rng.permutation(rank).tolist()
    batches = int(p.rng.integers(0, min(rank, 3)))
    depths = int(p.rng.integers(0 if rank < 4 else 1, min(rank - batches, 2) + 1))
    batch, depth = axes[:batches], axes[batches : batches + depths]
    roles = [("b", i) for i in range(batches)] + [("d", i) for i in range(depths)]
    roles += [("f", int(p.rng.choice(SIZES))) for _ in range(int(p.rng.integers(0, 3)))]
    p.rng.shuffle(roles)
    roles = [(kind, int(at)) for kind, at in roles]
    other = tuple(shape[batch[at]] if kind == "b" else shape[depth[at]] if kind == "d" else at for kind, at in roles)
    free = np.prod([s for i, s in enumerate(shape) if i not in batch + depth], dtype=np.int64)
    if np.prod(other, dtype=np.int64) > MAX_ELEMS or free * np.prod(other, dtype=np.int64) > 4e6 or len(other) > 8:
        return
    y = p.like(other, name)
    if y is None:
        return
    where = {role: at for at, role in enumerate(roles) if role[0] != "f"}
    numbers = (((depth), [where["d", i] for i in range(depths)]), (batch, [where["b", i] for i in range(batches)]))
    if rank - batches - depths + len(other) > 8:
        return
    preferred = DTYPES["f32"] if p.rng.random() < 0.5 else DTYPES[name]
    terms = int(np.prod([shape[i] for i in depth], dtype=np.int64))

    def product(a, b):
        return lax.dot_general(a, b, numbers, preferred_element_type=preferred)

    def magnitude(a, b):
        letters = "abcdefghijklmnopqrstuvwxyz"
        left, right, spare = [""] * rank, [""] * len(other), iter(letters)
        for i, j in zip(batch + depth, [where["b", i] for i in range(batches)] + [where["d", i] for i in range(depths)],
                        strict=True):
            left[i] = right[j] = next(spare)
        left, right = [c or next(spare) for c in left], [c or next(spare) for c in right]
        result = [left[i] for i in batch]
        result += [c for i, c in enumerate(left) if i not in batch + depth] + [c for c in right if c not in left]
        return np.einsum(f"{''.join(left)},{''.join(right)}->{''.join(result)}", a, b)

    sums = sum_of(magnitude, terms)

    def check(got, judged, operands):
        if all(np.isfinite(widen(v)).all() for v in operands):
            return sums(got, judged, operands)
        return np.zeros(got.shape, bool)

    p.add(f"dot {numbers}", product, (x, y), check)


# ---- indexed operations ----


def index_array(p, shape, limits, axis, name="i32"):
    """Index vectors along `axis`, the components within -3 .. limit + 3 or far outside."""
    parts = []
    for limit in limits:
        low = -3 if name[0] == "i" else 0
        part = p.rng.integers(low, max(limit, 0) + 4, shape)
        far = p.rng.choice([np.iinfo(DTYPES[name]).min, np.iinfo(DTYPES[name]).max], shape)
        parts.append(np.where(p.rng.random(shape) < 0.05, far, np.clip(part, None, np.iinfo(DTYPES[name]).max)))
    stacked = np.stack(parts, axis) if parts else np.zeros(shape[:axis] + (0,) + shape[axis:])
    return stacked.astype(DTYPES[name])


def index_plan(p, shape):
    """(batching axes, mapped axes, window sizes, collapsed axes, batch shape)"""
    rank = len(shape)
    axes = p.rng.permutation(rank).tolist()
    batching = sorted(axes[: int(p.rng.integers(0, min(rank, 2)))]) if p.rng.random() < 0.3 else []
    rest = [a for a in axes if a not in batching]
    mapped = rest[: int(p.rng.integers(1, min(len(rest), 3) + 1))]
    sizes = []
    for a, size in enumerate(shape):
        if a in batching:
            sizes.append(1)
        elif a in mapped:
            sizes.append(1 if p.rng.random() < 0.6 else int(p.rng.integers(1, size + 1)))
        else:
            sizes.append(size if p.rng.random() < 0.7 else int(p.rng.integers(1, size + 1)))
    collapsed = [a for a in range(rank) if a not in batching and sizes[a] == 1 and p.rng.random() < 0.8]
    batch = [int(p.rng.choice([1, 2, 3, 7, 33, 129, 200])) for _ in range(int(p.rng.integers(0, 3)))]
    return batching, mapped, sizes, collapsed, batch


def indexed(p, is_scatter):
    x = p.pick(FLOATS + WORDS + NARROW + ("i1",), min_rank=1)
    shape, name, _ = p.types[x]
    if 0 in shape or len(shape) > 5:
        return
    batching, mapped, sizes, collapsed, batch = index_plan(p, shape)
    batch = [shape[a] for a in batching] + batch
    window = [sizes[a] for a in range(len(shape)) if a not in collapsed and a not in batching]
    rank = len(batch) + len(window)
    if rank > 7 or np.prod(batch + window, dtype=np.int64) > MAX_ELEMS // 2:
        return
    offset = sorted(p.rng.choice(rank, len(window), replace=False).tolist())
    limits = [shape[a] - sizes[a] for a in mapped]
    name_of_index = str(p.rng.choice(["i32", "i32", "i32", "u32", "i16", "u8"]))
    if max(shape) > 127:  # XLA compares with limits cut to the indices' type
        name_of_index = "i32"
    indices = p.give(index_array(p, tuple(batch), limits, len(batch), name_of_index))
    index_batching = tuple(range(len(batching)))
    if not is_scatter:
        numbers = lax.GatherDimensionNumbers(
            offset_dims=tuple(offset), collapsed_slice_dims=tuple(collapsed), start_index_map=tuple(mapped),
            operand_batching_dims=tuple(batching), start_indices_batching_dims=index_batching)
        mode = lax.GatherScatterMode.CLIP
        p.add(f"gather {numbers} {sizes}", lambda v, i: lax.gather(v, i, numbers, tuple(sizes), mode=mode),
              (x, indices))
        return
    numbers = lax.ScatterDimensionNumbers(
        update_window_dims=tuple(offset), inserted_window_dims=tuple(collapsed),
        scatter_dims_to_operand_dims=tuple(mapped), operand_batching_dims=tuple(batching),
        scatter_indices_batching_dims=index_batching)
    updates_shape, rows, windows = [], iter(batch), iter(window)
    for i in range(rank):
        updates_shape.append(next(windows) if i in offset else next(rows))
    updates = p.like(tuple(updates_shape), name)
    if updates is None:
        return
    op = str(p.rng.choice(["scatter", "scatter_add", "scatter_mul", "scatter_min", "scatter_max"]))
    if name == "i1":
        op = "scatter"
    mode = lax.GatherScatterMode.FILL_OR_DROP
    check = exact
    if name in FLOATS and op in ("scatter_add", "scatter_mul"):
        if op == "scatter_mul" or name != "f32":
            return
        terms = int(np.prod(batch, dtype=np.int64))

        def check(got, judged, operands):
            scale = np.nanmax(np.where(np.isfinite(widen(operands[2])), np.abs(widen(operands[2])), 0), initial=0)
            base = np.where(np.isfinite(widen(operands[0])), np.abs(widen(operands[0])), 0)
            return differences(got, judged, 2.0**-22 * (terms + 2) * (base + scale))

    p.add(f"{op} {numbers}", lambda v, i, u: getattr(lax, op)(v, i, u, numbers, mode=mode), (x, indices, updates),
          check)


def gather(p):
    indexed(p, False)


def scatter(p):
    indexed(p, True)


def starts_of(p, shape, sizes):
    """Start indices, some of them numbers known to the compiler."""
    name = str(p.rng.choice(["i32", "i32", "u32", "i8", "i16"]))
    known, given = {}, []
    for axis, (whole, size) in enumerate(zip(shape, sizes, strict=True)):
        start = index_array(p, (), [whole - size], 0, name)[0]
        if p.rng.random() < 0.3:
            known[axis] = start
        else:
            given.append(p.give(start))

    def merge(values):
        values = iter(values)
        return [known[a] if a in known else next(values) for a in range(len(shape))]

    return given, merge


def dynamic_slice(p):
    x = p.pick(min_rank=1)
    shape = p.types[x][0]
    sizes = [int(p.rng.integers(0 if p.rng.random() < 0.03 else min(1, s), s + 1)) for s in shape]
    given, merge = starts_of(p, shape, sizes)
    p.add(f"dynamic_slice {sizes}", lambda v, *s: lax.dynamic_slice(v, merge(s), sizes), (x, *given))


def dynamic_update_slice(p):
    x = p.pick(min_rank=1)
    shape, name, _ = p.types[x]
    sizes = tuple(int(p.rng.integers(min(1, s), s + 1)) for s in shape)
    update = p.like(sizes, name)
    if update is None:
        return
    given, merge = starts_of(p, shape, sizes)
    p.add(f"dynamic_update_slice {list(sizes)}", lambda v, u, *s: lax.dynamic_update_slice(v, u, merge(s)),
          (x, update, *given))


MAKERS = {maker.__name__.rstrip("_"): maker for maker in (
    unary, binary, bitwise_not, compare, select, clamp, convert, broadcast, transpose, reshape, slice_, reverse, pad,
    concatenate, iota, reduce, argmax, dot, gather, scatter, dynamic_slice, dynamic_update_slice)}
WEIGHTS = {"binary": 3.0, "unary": 1.5, "compare": 0.7, "bitwise_not": 0.3, "reshape": 1.5, "transpose": 1.5,
           "iota": 0.5}
GLUE = ("transpose", "reshape", "broadcast", "slice", "reverse", "binary", "convert")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--programs", type=int, default=100)
    parser.add_argument("--ops", type=int, default=8, help="operations a program")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"of {', '.join(MAKERS)}")
    arguments = parser.parse_args()
    failures, refused, done = 0, collections.Counter(), 0
    for seed in range(arguments.seed, arguments.seed + arguments.programs):
        program = Program(seed, arguments.ops, arguments.only)
        try:
            wrong = program.run()
        except jax.errors.JaxRuntimeError as error:
            text = str(error).splitlines()[0]
            if "unsupported:" in text or "not supported" in text:
                refused[text.split(" at ")[0] + ": " + text.split(": ", 3)[-1].split(" (")[0]] += 1
                continue
            wrong = [text] + [program.describe(t) for t in range(len(program.types))]
        done += 1
        if wrong:
            failures += 1
            print(f"seed {seed} (--ops {arguments.ops}): wrong\n  " + "\n  ".join(wrong), flush=True)
    for text, count in refused.most_common():
        print(f"refused {count} times: {text}")
    print(f"{done} programs from seed {arguments.seed}, {failures} wrong, {refused.total()} refused")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
