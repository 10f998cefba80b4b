"""A random program: a graph of lax operations, run by the chip, every value judged on the chip's own operands."""

import dataclasses
import typing

import fuzz_values as v
import jax
import numpy as np
from jax import lax


@dataclasses.dataclass
class Node:
    """`want` is the operation in NumPy (one result or a tuple); without it only XLA:CPU says what is right."""

    name: str
    function: typing.Callable
    operands: tuple
    want: typing.Callable | None
    check: typing.Callable
    by_xla: typing.Callable | None  # the check of XLA:CPU's result, None: not one that judges
    asks_xla: bool  # `check` reads XLA:CPU's result
    results: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Value:
    shape: tuple
    name: str
    node: int  # -1: an input
    at: int  # number of the input, or of the node's result


class Program:
    """Inputs and nodes in one list of values; `makers` and `weights` by name choose the operations."""

    def __init__(self, seed, ops, makers, weights, is_judged_by_xla=False):
        self.rng = np.random.default_rng(seed)
        self.is_judged_by_xla = is_judged_by_xla
        self.inputs, self.nodes, self.values = [], [], []
        self.usual = v.TYPES  # what pick() without types chooses from
        name = str(self.rng.choice(list(v.TYPES), p=[0.35, 0.1, 0.08, 0.16, 0.06, 0.05, 0.05, 0.05, 0.05, 0.05]))
        self.new_input(name, v.random_shape(self.rng))
        names = list(makers)
        chances = np.array([weights[name] for name in names])
        for _ in range(40 * ops):
            if len(self.nodes) >= ops:
                break
            makers[str(self.rng.choice(names, p=chances / chances.sum()))](self)

    def new_input(self, name, shape, is_simple=None):
        if is_simple is None:
            is_simple = self.rng.random() < 0.3
        return self.give(v.random_array(self.rng, shape, name, is_simple))

    def give(self, array):
        self.inputs.append(np.asarray(array))
        self.values.append(Value(array.shape, v.NAMES[np.asarray(array).dtype], -1, len(self.inputs) - 1))
        return len(self.values) - 1

    def add(self, name, function, operands, want=None, check=None, by_xla=v.exact_by_xla, asks_xla=False):
        """Appends an operation; its (first) value, or None where it would be too large."""
        args = [jax.ShapeDtypeStruct(self.shape(i), self.dtype(i)) for i in operands]
        results = jax.tree.leaves(jax.eval_shape(function, *args))
        if sum(r.size for r in results) > 4 * v.MAX_ELEMS or any(r.ndim > 8 for r in results):
            return None
        if check is None:
            check = v.exact if want else by_xla
        node = Node(name, function, tuple(operands), want, check, by_xla, asks_xla or not want)
        self.nodes.append(node)
        for at, result in enumerate(results):
            self.values.append(Value(result.shape, v.NAMES[np.dtype(result.dtype)], len(self.nodes) - 1, at))
            node.results.append(len(self.values) - 1)
        return node.results[0]

    # Choosing operands.

    def shape(self, at):
        return self.values[at].shape

    def dtype(self, at):
        return v.DTYPES[self.values[at].name]

    def pick(self, names=None, min_rank=0, max_rank=8):
        """(value, its shape, its type's name) of one of the types, more likely a late one; or a new input."""
        names = names or self.usual
        ok = [i for i, x in enumerate(self.values)
              if x.name in names and min_rank <= len(x.shape) <= max_rank]
        if ok and self.rng.random() < 0.85:
            weight = np.arange(1, len(ok) + 1, dtype=float) ** 2
            at = int(self.rng.choice(ok, p=weight / weight.sum()))
        else:
            shape = v.random_shape(self.rng, max_rank)
            while len(shape) < min_rank:
                shape = v.random_shape(self.rng, max_rank)
            at = self.new_input(str(self.rng.choice(list(names))), shape)
        return at, self.shape(at), self.values[at].name

    def like(self, shape, name):
        """Another value of this type: one that exists, a new input, a number or a row repeated."""
        ok = [i for i, x in enumerate(self.values) if x.shape == shape and x.name == name]
        roll = self.rng.random()
        if ok and roll < 0.45:
            return int(self.rng.choice(ok))
        if roll < 0.6:
            number = v.random_array(self.rng, (), name)[()]
            return self.add("full", lambda: lax.full(shape, number, v.DTYPES[name]), (),
                            lambda: np.full(shape, number, v.DTYPES[name]))
        if roll < 0.75 and shape:
            axis = int(self.rng.integers(len(shape)))
            row = self.new_input(name, (shape[axis],))
            middle = [-1 if a == axis else 1 for a in range(len(shape))]
            return self.add("broadcast_in_dim", lambda x: lax.broadcast_in_dim(x, shape, (axis,)), (row,),
                            lambda x: np.broadcast_to(x.reshape(middle if x.size else shape), shape))
        return self.new_input(name, shape)

    def chance(self, probability):
        return bool(self.rng.random() < probability)

    def choose(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    # Running.

    def run_on(self, device, results):
        """The values at `results` as the device computes them in one program."""

        def run(*inputs):
            done = [inputs[x.at] if x.node < 0 else None for x in self.values]
            for node in self.nodes:
                for at, result in zip(node.results, jax.tree.leaves(node.function(*[done[i] for i in node.operands])),
                                      strict=True):
                    done[at] = result
            return [done[i] for i in results]

        return [np.asarray(x) for x in jax.jit(run)(*[jax.device_put(x, device) for x in self.inputs])]

    def is_for_xla(self, node):
        return node.asks_xla or (self.is_judged_by_xla and node.by_xla is not None)

    def judged_by_xla(self, values):
        """{value: result} of the nodes that XLA:CPU judges, each applied to the given operands, in one program."""
        nodes = [n for n in self.nodes if self.is_for_xla(n)]
        if not nodes:
            return {}
        read = sorted({i for node in nodes for i in node.operands})

        def run(*arguments):
            given = dict(zip(read, arguments, strict=True))
            return [jax.tree.leaves(n.function(*[given[i] for i in n.operands])) for n in nodes]

        cpu = v.chip_and_judge()[1]
        results = jax.jit(run)(*[jax.device_put(values[i], cpu) for i in read])
        if not read:  # nothing says where to run
            with jax.default_device(cpu):
                results = jax.jit(run)()
        return {at: np.asarray(x) for n, xs in zip(nodes, results, strict=True)
                for at, x in zip(n.results, xs, strict=True)}

    def describe(self, at):
        x = self.values[at]
        if x.node < 0:
            return f"%{at} = input {x.name}{list(x.shape)}"
        node = self.nodes[x.node]
        return f"%{at} = {node.name}#{x.at}({', '.join(f'%{i}' for i in node.operands)}) {x.name}{list(x.shape)}"

    def wrong_in(self, node, values, judged):
        """What is wrong with a node's results."""
        operands = [values[i] for i in node.operands]
        wrong = []
        wants = [None] * len(node.results)
        if node.want:
            with np.errstate(all="ignore"):
                wants = node.want(*operands)
            wants = wants if isinstance(wants, list) else [wants]
        for at, want in zip(node.results, wants, strict=True):
            judges = [("NumPy" if node.want else "XLA:CPU", node.check)]
            if node.want and node.by_xla and at in judged:
                judges.append(("XLA:CPU", node.by_xla))
            for who, check in judges:
                bad = check(values[at], want, operands, judged.get(at))
                if np.any(bad):
                    wrong.append(f"{self.describe(at)}: {who} says {complaint(bad, values[at], want, judged.get(at))}"
                                 f"; operands {[elem(x, bad) for x in operands]}")
        return wrong

    def run(self):
        """List of what is wrong."""
        chip = v.chip_and_judge()[0]
        computed = [i for i, x in enumerate(self.values) if x.node >= 0]
        if not computed:
            return []
        values = {i: self.inputs[x.at] for i, x in enumerate(self.values) if x.node < 0}
        values.update(zip(computed, self.run_on(chip, computed), strict=True))
        judged = self.judged_by_xla(values)
        wrong = [text for node in self.nodes for text in self.wrong_in(node, values, judged)]
        read = {i for node in self.nodes for i in node.operands}
        last = [i for i in computed if i not in read]
        for i, value in zip(last, self.run_on(chip, last), strict=True):
            if value.tobytes() != values[i].tobytes():
                count = int(np.sum(value.view(np.uint8).reshape(-1) != values[i].view(np.uint8).reshape(-1))) if (
                    value.ndim and value.flags.c_contiguous) else 1
                wrong.append(f"{self.describe(i)}: other bits when the operations fuse ({count} bytes)")
        if wrong:
            wrong += [self.describe(i) for i in range(len(self.values))]
        return wrong


def first_of(bad):
    return tuple(np.argwhere(bad)[0].tolist())


def elem(x, bad):
    return x[first_of(bad)] if x.shape == bad.shape else f"{x.dtype}{x.shape}"


def complaint(bad, got, want, judged):
    at = first_of(bad)
    parts = [f"{int(np.sum(bad))} of {bad.size} are wrong, first at {list(at)}: {got[at]}"]
    if want is not None:
        parts += [f"want {x[at]}" for x in (want if isinstance(want, tuple) else (want,))]
    if judged is not None:
        parts.append(f"XLA:CPU {judged[at]}")
    return ", ".join(parts)
