"""Makers of random loops, branches and calls. Their bodies are chains of steps that round once, so that NumPy says
every bit: a step is written once and runs on either module's arrays."""

import dataclasses
import typing

import fuzz_reference as ref
import fuzz_values as v
import jax
import numpy as np
from jax import lax


class InNumpy:
    """lax's names, in NumPy."""

    add, sub, mul, neg, reverse = np.add, np.subtract, np.multiply, np.negative, np.flip
    max, min, select = staticmethod(ref.maximum), staticmethod(ref.minimum), staticmethod(np.where)
    bitwise_xor, bitwise_and, gt, not_ = np.bitwise_xor, np.bitwise_and, np.greater, np.logical_not
    convert = staticmethod(ref.convert)
    concatenate = staticmethod(np.concatenate)

    @staticmethod
    def cut(x, start, limit, axis):
        at = [slice(None)] * x.ndim
        at[axis] = slice(start, limit)
        return x[tuple(at)]

    @staticmethod
    def row(x, i, axis):
        return ref.dynamic_slice(x, row_start(x.shape, i, axis), row_shape(x.shape, axis))

    @staticmethod
    def put_row(x, row, i, axis):
        return ref.dynamic_update_slice(x, row, row_start(x.shape, i, axis))

    @staticmethod
    def full_like(x, number):
        return np.full(x.shape, number, x.dtype)

    @staticmethod
    def number(i, like):
        return np.broadcast_to(ref.convert(np.int32(i), v.NAMES[like.dtype]), like.shape)

    @staticmethod
    def cond(predicate, yes, no, *values):
        return yes(*values) if predicate else no(*values)

    @staticmethod
    def fori(trips, body, values):
        for i in range(trips):
            values = body(i, values)
        return values


class InJax:
    add, sub, mul, neg, reverse = lax.add, lax.sub, lax.mul, lax.neg, lax.rev
    max, min, select = lax.max, lax.min, lax.select
    bitwise_xor, bitwise_and, gt, not_ = lax.bitwise_xor, lax.bitwise_and, lax.gt, lax.bitwise_not
    concatenate, full_like = lax.concatenate, lax.full_like

    @staticmethod
    def cut(x, start, limit, axis):
        return lax.slice_in_dim(x, start, limit, 1, axis)

    @staticmethod
    def convert(x, name):
        return lax.convert_element_type(x, v.DTYPES[name])

    @staticmethod
    def row(x, i, axis):
        return lax.dynamic_slice_in_dim(x, i, 1, axis)

    @staticmethod
    def put_row(x, row, i, axis):
        return lax.dynamic_update_slice_in_dim(x, row, i, axis)

    @staticmethod
    def number(i, like):
        return lax.broadcast(lax.convert_element_type(i, like.dtype), like.shape)

    @staticmethod
    def cond(predicate, yes, no, *values):
        return lax.cond(predicate, yes, no, *values)

    @staticmethod
    def fori(trips, body, values):
        return lax.fori_loop(0, trips, body, values)


def row_shape(shape, axis):
    return [1 if a == axis else s for a, s in enumerate(shape)]


def row_start(shape, i, axis):
    """JAX counts negative indices from the end."""
    return [i + shape[axis] * (i < 0) if a == axis else 0 for a in range(len(shape))]


@dataclasses.dataclass
class Step:
    """Writes carried value `at` from itself and, for some, another of the same type; `do` takes the module, both
    values and the counter."""

    at: int
    other: int
    do: typing.Callable


class Body:
    """A chain of steps over values of given types."""

    def __init__(self, p, types, depth=0):
        self.steps = [self.make_step(p, types, depth) for _ in range(int(p.rng.integers(1, 5)))]

    def make_step(self, p, types, depth):
        at = int(p.rng.integers(len(types)))
        shape, name = types[at]
        others = [i for i, t in enumerate(types) if t == (shape, name)]
        other = int(p.choose(others))
        axis = int(p.rng.integers(len(shape))) if shape else 0
        if depth < 2 and p.chance(0.12):
            return self.nested_step(p, types, at, depth)
        if name == "i1":
            do = [lambda m, x, y, i: m.not_(x), lambda m, x, y, i: m.bitwise_xor(x, y)]
            return Step(at, other, p.choose(do))
        number = v.random_array(p.rng, (), name, True)[()]
        do = [
            lambda m, x, y, i: m.add(x, y),
            lambda m, x, y, i: m.sub(y, x),
            lambda m, x, y, i: m.mul(x, m.full_like(x, number)),
            lambda m, x, y, i: m.add(x, m.full_like(x, number)),
            lambda m, x, y, i: m.max(x, y),
            lambda m, x, y, i: m.min(x, m.full_like(x, number)),
            lambda m, x, y, i: m.select(m.gt(x, y), x, m.full_like(y, number)),
            lambda m, x, y, i: m.add(x, m.number(i, x)),
            lambda m, x, y, i: m.neg(x),
        ]
        if name in v.WORDS:
            do += [lambda m, x, y, i: m.bitwise_xor(x, y), lambda m, x, y, i: m.mul(x, y)]
        if shape and shape[axis] > 1:
            do += [
                lambda m, x, y, i: m.reverse(x, (axis,)),
                lambda m, x, y, i: m.concatenate([m.cut(x, 1, x.shape[axis], axis), m.cut(x, 0, 1, axis)], axis),
                lambda m, x, y, i: m.put_row(x, m.row(y, i, axis), 0, axis),
                lambda m, x, y, i: m.put_row(x, m.row(y, 1, axis), i, axis),
            ]
        return Step(at, other, p.choose(do))

    def nested_step(self, p, types, at, depth):
        """A branch or a loop inside."""
        yes, no = Body(p, types, depth + 1), Body(p, types, depth + 1)
        if p.chance(0.6):
            limit = int(p.rng.integers(0, 4))

            def do(m, values, i):
                return list(m.cond(i > limit, lambda *x: tuple(yes.run(m, x, i)), lambda *x: tuple(no.run(m, x, i)),
                                   *values))
        else:
            trips = int(p.rng.integers(0, 4))

            def do(m, values, i):
                return list(m.fori(trips, lambda j, x: tuple(yes.run(m, x, j)), tuple(values)))

        return Step(-1, -1, do)

    def run(self, m, values, i):
        values = list(values)
        for step in self.steps:
            if step.at < 0:
                values = step.do(m, values, i)
            else:
                values[step.at] = step.do(m, values[step.at], values[step.other], i)
        return values


def some_values(p, limit=3000):
    """One to three values small enough to loop over; their types."""
    shape = v.random_shape(p.rng, 4, limit)
    name = str(p.choose(("f32", "f32", "bf16", "i32", "u32", "f16", "i16", "i1")))
    values = []
    for _ in range(int(p.rng.integers(1, 4))):
        ok = [i for i, x in enumerate(p.values) if v.elems(x.shape) <= limit]
        if ok and p.chance(0.5):
            values.append(int(p.choose(ok)))
            if p.chance(0.5):
                shape, name = p.shape(values[-1]), p.values[values[-1]].name
        else:
            values.append(p.new_input(name, shape))
    return values, [(p.shape(i), p.values[i].name) for i in values]


def loop(p):
    """fori_loop over known and unknown bounds, and a while that ends when its data says so."""
    values, types = some_values(p)
    body = Body(p, types)
    trips = int(p.choose([0, 1, 2, 3, 5, 9]))
    kind = p.choose(["counted", "counted", "bounded", "until"])
    if kind == "counted":
        low = int(p.choose([0, 0, 1, -2]))

        def function(*x):
            return lax.fori_loop(low, low + trips, lambda i, x: tuple(body.run(InJax, x, i)), x)

        def want(*x):
            for i in range(low, low + trips):
                x = body.run(InNumpy, x, i)
            return list(x)
    elif kind == "bounded":
        values = [p.give(np.asarray(trips, np.int32)), *values]

        def function(n, *x):
            return lax.fori_loop(0, n, lambda i, x: tuple(body.run(InJax, x, i)), x)

        def want(n, *x):
            for i in range(int(n)):
                x = body.run(InNumpy, x, i)
            return list(x)
    else:
        values = [p.give(np.asarray(p.rng.integers(1, 30), np.int32)), *values]

        def function(n, *x):
            def more(carry):
                return (carry[1] > 1) & (carry[0] < 12)

            def step(carry):
                i, n, *x = carry
                n = lax.select(n % 2 == 0, n // 2, 3 * n + 1)
                return (i + 1, n, *body.run(InJax, x, i))

            return lax.while_loop(more, step, (np.int32(0), n, *x))[1:]

        def want(n, *x):
            i, n = 0, int(n)
            while n > 1 and i < 12:
                n = n // 2 if n % 2 == 0 else 3 * n + 1
                x = body.run(InNumpy, x, i)
                i += 1
            return [np.asarray(n, np.int32), *x]

    p.add(f"loop {kind} {trips}", function, values, want, None, None)


def scan(p):
    """A scan over the leading axis, forwards or backwards, that stacks what it makes."""
    values, types = some_values(p, 1000)
    trips = int(p.choose([0, 1, 2, 3, 7]))
    rows = [p.like((trips, *shape), name) for shape, name in types[:1]]
    if None in rows or len(types[0][0]) > 7:
        return
    body, is_reverse, count = Body(p, [*types, types[0]]), p.chance(0.4), len(values)

    def function(*x):
        def step(carry, row):
            after = body.run(InJax, [*carry[1:], row], carry[0])
            return (carry[0] + 1, *after[:count]), after[count]

        carry, stacked = lax.scan(step, (np.int32(0), *x[:count]), x[count], reverse=is_reverse)
        return (*carry[1:], stacked)

    def want(*x):
        carry, stacked = list(x[:count]), np.array(x[count])
        for i, at in enumerate(reversed(range(trips)) if is_reverse else range(trips)):
            after = body.run(InNumpy, [*carry, x[count][at]], i)
            carry, stacked[at] = after[:count], after[count]
        return [*carry, stacked]

    p.add(f"scan {trips} {is_reverse}", function, (*values, *rows), want, None, None)


def branch(p):
    """cond on a predicate, or switch on an index that may lie outside."""
    values, types = some_values(p, 20000)
    bodies = [Body(p, types) for _ in range(int(p.choose([2, 2, 3, 4])))]
    index = int(p.rng.integers(-2, 6))
    if len(bodies) == 2:
        chosen = p.give(np.asarray(index > 1))

        def function(c, *x):
            return lax.cond(c, *[lambda *x, b=b: tuple(b.run(InJax, x, np.int32(3))) for b in bodies], *x)

        def want(c, *x):
            return bodies[0 if c else 1].run(InNumpy, x, 3)
    else:
        chosen = p.give(np.asarray(index, np.int32))

        def function(c, *x):
            return lax.switch(c, [lambda *x, b=b: tuple(b.run(InJax, x, np.int32(3))) for b in bodies], *x)

        def want(c, *x):
            return bodies[min(max(int(c), 0), len(bodies) - 1)].run(InNumpy, x, 3)

    p.add(f"branch of {len(bodies)}", function, (chosen, *values), want, None, None)


def call(p):
    """A jitted or rematerialised function called twice."""
    values, types = some_values(p, 20000)
    body, wrap = Body(p, types), p.choose([jax.jit, jax.checkpoint])

    def function(*x):
        inner = wrap(lambda *x: tuple(body.run(InJax, x, np.int32(2))))
        return inner(*inner(*x))

    p.add(f"call {wrap.__name__}", function, values,
          lambda *x: body.run(InNumpy, body.run(InNumpy, x, 2), 2), None, None)


MAKERS = {"loop": loop, "scan": scan, "branch": branch, "call": call}
