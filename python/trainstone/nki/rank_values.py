"""Values that differ from rank to rank. All ranks run the same program, so such a value is one i32 in SBUF, computed by
GpSimdE and VectorE. In a kernel of one rank these are plain numbers."""

import math

import numpy as np

from trainstone.nki import control
from trainstone.nki import instructions as isa
from trainstone.nki.native import EMIT, GPSIMD
from trainstone.nki.run import current


def _word(name):
    return current().value((1, 1), np.int32, name=name)


def _kept(key, make):
    """Makes a value once per kernel; in the first dialect, whose loops must not pass on values, at each use."""
    run = current()
    if run.dialect == "beta1":
        return make()
    if key not in run.rank_values:
        run.rank_values[key] = make()
    return run.rank_values[key]


def _make_own():
    current().know_ranks()
    made = _word("rank")
    EMIT.gpsimd_rank(GPSIMD, dst=made)
    return made


def own():
    """The rank, as a register."""
    return control.Register(0) if current().ranks == 1 else control.Register(per_rank=_kept("rank", _make_own))


def ring_table(rows, ranks):
    """A table [ranks, N]: entry i of a rank's row is the rank whose data it has after i steps around its ring. N is a
    multiple of every ring's length; a rank outside of all rings has its own data."""
    steps = math.lcm(*map(len, rows))
    table = np.repeat(np.arange(ranks, dtype=np.int32)[:, None], steps, 1)
    for row in rows:
        for place, rank in enumerate(row):
            table[rank] = [row[(place - i) % len(row)] for i in range(steps)]
    return table


def in_ring(rows, iteration):
    """The rank whose data this one has after `iteration` steps around the rings, as a register."""
    run, iteration = current(), int(iteration) % math.lcm(*map(len, rows))
    if iteration == 0 or run.ranks == 1:
        return own()

    def load():
        table = run.constant(ring_table(rows, run.ranks), "ring")
        made = run.value((1, table.shape[1]), np.int32, name="ring")
        isa.dma_copy(made, table.ap([[table.shape[1], 1], [1, table.shape[1]]], scalar_offset=own()))
        return made

    return control.Register(per_rank=_kept(("ring", rows), load)[:, iteration:iteration + 1])


# ---- arithmetic ----

_ALU = {"add": "add", "sub": "subtract", "mul": "multiply", "lt": "is_lt", "le": "is_le", "gt": "is_gt", "ge": "is_ge",
        "eq": "is_equal", "ne": "not_equal"}


def _scalar(data, op0, operand0, reverse=False, op1=None, operand1=None):
    made = _word("register")
    isa.tensor_scalar(made, data, op0, operand0, reverse, op1, operand1)
    return made


def _tensors(one, other, op):
    made = _word("register")
    isa.tensor_tensor(made, one, other, op)
    return made


def _remainder(value, divisor):
    """Remainder as in Python; the chip's has the sign of the dividend."""
    return _scalar(_scalar(value, "mod", divisor, False, "add", divisor), "mod", divisor)


def operate(name, one, other):
    """A register: one `name` other, where at least one differs between ranks. Computed in fp32, exact below 2^24."""
    if name[0] == "r":  # radd and its kin, whose operands Python has swapped
        return operate(name[1:], control.Register(other) if isinstance(other, int) else other, one)
    left, right = (getattr(side, "per_rank", None) for side in (one, other))
    if name in ("mod", "floordiv"):
        if right is not None:
            raise control.no_number("a register is divided by one without a number")
        divisor = int(other)
        rest = _remainder(left, divisor)
        made = rest if name == "mod" else _scalar(_tensors(left, rest, "subtract"), "divide", divisor)
    elif left is None:
        made = _scalar(right, _ALU[name], int(one), True)
    elif right is None:
        made = _scalar(left, _ALU[name], int(other))
    else:
        made = _tensors(left, right, _ALU[name])
    return control.Register(per_rank=made)
