"""Makers beside the usual ones: 8-bit floats, and what rounds after each step in a narrow type or multiplies floats."""

import fuzz_arrays
import fuzz_pointwise
import fuzz_reference as ref
import fuzz_sums
import fuzz_values as v
import numpy as np
from jax import lax

HALVES = ("bf16", "f16")


def to_small(p):
    x, _, name = p.pick(v.TYPES)
    small = p.choose(v.SMALL)
    p.add(f"convert {small}", lambda x: lax.convert_element_type(x, v.DTYPES[small]), (x,),
          lambda x: ref.convert(x, small), None, None)


def from_small(p):
    x, _, _ = p.pick(v.SMALL)
    name = str(p.choose(v.TYPES + v.SMALL))
    p.add(f"convert {name}", lambda x: lax.convert_element_type(x, v.DTYPES[name]), (x,),
          lambda x: ref.convert(x, name), None, None)


def arithmetic(p):
    x, shape, name = p.pick(v.SMALL)
    op = str(p.choose(["add", "sub", "mul", "div", "max", "min"]))
    y = p.like(shape, name)
    if y is None:
        return
    exactly = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}.get(op)

    def want(x, y):
        if exactly:
            return v.round_to(exactly(v.widen(x), v.widen(y)), x.dtype)
        return ref.extreme(v.widen(x), v.widen(y), op == "max").astype(x.dtype)

    p.add(op, getattr(lax, op), (x, y), want, None, None)


def compare(p):
    x, shape, name = p.pick(v.SMALL)
    op = str(p.choose(list(fuzz_pointwise.COMPARE)))
    y = p.like(shape, name)
    if y is not None:
        p.add(op, getattr(lax, op), (x, y), lambda x, y: fuzz_pointwise.COMPARE[op](v.widen(x), v.widen(y)), None, None)


def select(p):
    x, shape, name = p.pick(v.SMALL)
    y, predicate = p.like(shape, name), p.like(shape, "i1")
    if y is not None and predicate is not None:
        p.add("select", lax.select, (predicate, x, y), np.where, None, None)


MOVES = (fuzz_arrays.broadcast, fuzz_arrays.transpose, fuzz_arrays.reshape, fuzz_arrays.slice_, fuzz_arrays.reverse,
         fuzz_arrays.pad, fuzz_arrays.concatenate, fuzz_arrays.gather, fuzz_arrays.dynamic_slice,
         fuzz_arrays.dynamic_update_slice)


def move(p):
    usual, p.usual = p.usual, v.SMALL
    p.choose(MOVES)(p)
    p.usual = usual


def dot(p):
    fuzz_sums.dot(p, v.SMALL)


def scatter_add(p):
    fuzz_arrays.indexed(p, True, HALVES, "scatter_add")


def scatter_mul(p):
    fuzz_arrays.indexed(p, True, v.FLOATS, "scatter_mul")


def cumsum(p):
    fuzz_sums.cumulative(p, HALVES, "cumsum")


def to_powers(p):
    """reduce_precision without bits of the mantissa."""
    x, _, _ = p.pick(v.FLOATS)
    exponent = p.choose([2, 4, 5, 8])
    p.add(f"reduce_precision {exponent} 0", lambda x: lax.reduce_precision(x, exponent, 0), (x,),
          lambda x: ref.reduce_precision(x, exponent, 0))


MAKERS = {"to_small": to_small, "from_small": from_small, "small_arithmetic": arithmetic, "small_compare": compare,
          "small_select": select, "small_move": move, "small_dot": dot, "half_scatter_add": scatter_add,
          "float_scatter_mul": scatter_mul, "half_cumsum": cumsum, "to_powers": to_powers}
