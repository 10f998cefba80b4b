"""Makers of random pointwise operations."""

import fuzz_reference as ref
import fuzz_values as v
import jax
import numpy as np
from jax import lax

FUNCTIONS = {
    "exp": np.exp, "log": np.log, "tanh": np.tanh, "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "rsqrt": lambda x: 1 / np.sqrt(x), "log1p": np.log1p, "expm1": np.expm1, "cbrt": np.cbrt, "erf": v.error_function,
    "atan": np.arctan, "sin": np.sin, "cos": np.cos, "tan": np.tan,
}
COMPOSED = {"sinh": np.sinh, "cosh": np.cosh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
            "asin": np.arcsin, "acos": np.arccos, "exp2": np.exp2}
EXACT = {
    "abs": np.abs, "neg": np.negative, "sign": ref.sign, "sqrt": np.sqrt, "is_finite": np.isfinite,
    "floor": np.floor, "ceil": np.ceil, "square": lambda x: x * x,
    "bitwise_not": np.bitwise_not, "population_count": ref.population_count, "clz": ref.leading_zeros,
}
SAME_TYPE = ("abs", "floor", "ceil", "sqrt")


def exact_unary(name):
    """NumPy's result in the type of the operand."""
    return lambda x: EXACT[name](x).astype(x.dtype) if name in SAME_TYPE else EXACT[name](x)


def unary(p):
    x, _, name = p.pick(v.NUMBERS)
    if name in v.FLOATS:
        names = ["abs", "neg", "sign", "sqrt", "is_finite", "floor", "ceil", "square"]
    else:
        names = ["neg", "bitwise_not", "population_count", "clz"] + ["abs", "sign"] * (name[0] == "i")
    op = str(p.rng.choice(names))
    p.add(op, getattr(lax, op), (x,), exact_unary(op))


def within_of(name):
    """(check, check by XLA:CPU, whether the check asks it). JAX composes some functions of narrow types of several."""
    return (v.within(3), None, False) if name == "f32" else (v.composed(3), None, True)


def function(p):
    x, _, name = p.pick(v.FLOATS)
    if p.chance(0.12):
        op = str(p.rng.choice(list(COMPOSED))) if name == "f32" else "exp2"
        p.add(op, getattr(lax, op), (x,), lambda x: COMPOSED[op](v.widen(x)), v.composed(16), None, True)
        return
    op = str(p.rng.choice(list(FUNCTIONS)))
    p.add(op, getattr(lax, op), (x,), lambda x: FUNCTIONS[op](v.widen(x)), *within_of(name))


def round_(p):
    x, _, _ = p.pick(v.FLOATS)
    if p.chance(0.5):
        p.add("round even", lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN), (x,),
              lambda x: np.rint(v.widen(x)).astype(x.dtype))
    else:
        p.add("round away", lambda x: lax.round(x, lax.RoundingMethod.AWAY_FROM_ZERO), (x,), ref.round_away)


BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": ref.divide, "max": ref.maximum, "min": ref.minimum,
    "rem": ref.remainder, "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
}
ARITHMETIC = ["add", "sub", "mul", "div", "rem", "max", "min"]
BITS = ["bitwise_and", "bitwise_or", "bitwise_xor"]
SHIFTS = ["shift_left", "shift_right_logical", "shift_right_arithmetic"]


def binary(p):
    x, shape, name = p.pick()
    ops = BITS if name == "i1" else ARITHMETIC if name in v.FLOATS else ARITHMETIC + BITS + SHIFTS
    if name in v.FLOATS and p.chance(0.12):
        ops = ["pow", "atan2", "nextafter"] if name == "f32" else ["pow", "atan2"]
    op = str(p.rng.choice(ops))
    y = p.like(shape, name)
    if y is None:
        return
    operands = (x, y) if p.chance(0.5) else (y, x)
    function = getattr(lax, op)
    if op in ("pow", "atan2"):
        exactly = np.power if op == "pow" else np.arctan2
        p.add(op, function, operands, lambda x, y: exactly(v.widen(x), v.widen(y)), *within_of(name))
    elif op == "nextafter":
        p.add(op, function, operands, np.nextafter)
    elif op in SHIFTS:
        p.add(op, function, operands, lambda x, y: ref.shift(x, y, op))
    elif op == "div" and name == "f32":
        p.add(op, function, operands, lambda x, y: ref.divide(v.widen(x), v.widen(y)), v.quotient, None)
    else:
        p.add(op, function, operands, BINARY[op])


def bitwise_not(p):
    x, _, _ = p.pick(("i1",))
    p.add("not", lax.bitwise_not, (x,), np.logical_not)


COMPARE = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
           "ge": np.greater_equal}


def compare(p):
    x, shape, name = p.pick()
    op = str(p.rng.choice(list(COMPARE)))
    y = p.like(shape, name)
    if y is not None:
        p.add(op, getattr(lax, op), (x, y), COMPARE[op])


def select(p):
    x, shape, name = p.pick()
    y = p.like(shape, name)
    predicate = p.like(shape if p.chance(0.8) else (), "i1")
    if y is not None and predicate is not None:
        p.add("select", lax.select, (predicate, x, y) if p.chance(0.5) else (predicate, y, x), np.where)


def clamp(p):
    x, shape, name = p.pick(v.NUMBERS)
    is_scalar = p.chance(0.5)
    low = v.random_array(p.rng, () if is_scalar else shape, name)
    high = v.random_array(p.rng, () if is_scalar else shape, name)
    with np.errstate(invalid="ignore"):
        low, high = np.fmin(low, high), np.fmax(low, high)
    if p.chance(0.3) and is_scalar:
        p.add("clamp", lambda x: lax.clamp(low[()], x, high[()]), (x,), lambda x: ref.clamp(low, x, high))
    else:
        p.add("clamp", lax.clamp, (p.give(low), x, p.give(high)), ref.clamp)


def convert(p):
    x, _, _ = p.pick()
    name = str(p.rng.choice(list(v.TYPES)))
    p.add(f"convert {name}", lambda x: lax.convert_element_type(x, v.DTYPES[name]), (x,),
          lambda x: ref.convert(x, name), None, one_rounding if name in v.FLOATS else v.exact_by_xla)


def one_rounding(got, want, operands, judged):
    """XLA:CPU rounds some conversions through fp32."""
    return v.differences(got, judged, v.ulp(v.widen(judged), judged.dtype))


def bitcast(p):
    x, shape, name = p.pick(v.NUMBERS)
    size = v.DTYPES[name].itemsize
    names = []
    for other in v.NUMBERS:
        width = v.DTYPES[other].itemsize
        if width == size or (width < size and len(shape) < 8):
            names.append(other)
        elif width > size and shape and shape[-1] == width // size:
            names += [other] * 5
    to = str(p.rng.choice(names))
    p.add(f"bitcast {to}", lambda x: lax.bitcast_convert_type(x, v.DTYPES[to]), (x,),
          lambda x: ref.bitcast(x, to), bits_kept)


def bits_kept(got, want, operands, judged):
    """NaNs too: bit by bit."""
    return v.unsigned_bits(got) != v.unsigned_bits(want)


def reduce_precision(p):
    x, _, name = p.pick(v.FLOATS)
    exponent, mantissa = p.choose([(8, 7), (5, 10), (8, 23), (4, 3), (5, 2), (8, 1), (2, 1), (7, 22), (8, 16)])
    p.add(f"reduce_precision {exponent} {mantissa}", lambda x: lax.reduce_precision(x, exponent, mantissa), (x,),
          lambda x: ref.reduce_precision(x, exponent, mantissa))


def barrier(p):
    """optimization_barrier over one to three values."""
    values = [p.pick()[0] for _ in range(int(p.rng.integers(1, 4)))]
    p.add("optimization_barrier", lambda *x: lax.optimization_barrier(list(x)), values, lambda *x: list(x), bits_kept)


def random_bits(p):
    """Threefry, bit for bit: XLA:CPU says what they are."""
    key = p.give(p.rng.integers(0, 2**32, 2, dtype=np.uint32))
    shape = v.random_shape(p.rng, 4, 5000)
    if not shape:
        return
    kinds = {"bits": lambda k: jax.random.bits(k, shape), "uniform": lambda k: jax.random.uniform(k, shape),
             "randint": lambda k: jax.random.randint(k, shape, -7, 1000),
             "bernoulli": lambda k: jax.random.bernoulli(k, 0.3, shape)}
    kind = p.choose(list(kinds))
    p.add(f"random {kind}", lambda k: kinds[kind](jax.random.wrap_key_data(k)), (key,))


MAKERS = {"unary": unary, "function": function, "round": round_, "binary": binary, "not": bitwise_not,
          "compare": compare, "select": select, "clamp": clamp, "convert": convert, "bitcast": bitcast,
          "reduce_precision": reduce_precision, "barrier": barrier, "random": random_bits}
