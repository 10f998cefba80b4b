"""Registers of the sequencers, and loops whose bounds are known only when the kernel runs.

A recording follows one run: the value that a register loads is computed at once, by running a copy of what was recorded
so far, and a loop is recorded with the trips that it takes. The loop's instructions are timed, but not the load and the
branch. A register that differs from rank to rank, or was loaded inside jax.jit, has no value while the kernel is
recorded (rank_values.py).
"""

import numpy as np

from trainstone.nki import errors, memory, native
from trainstone.nki.run import current


def no_number(what):
    why = ("inside jax.jit it is known only when the kernel runs" if current().is_traced
           else "the kernel is recorded once, for all ranks")
    return errors.kernel_error(
        errors.NkiUnsupportedError, f"{what}: {why}",
        "use the register as scalar_offset= of .ap() or in nl.ds() of an HBM tensor, or look up there what "
        "depends on the rank")


class Register:
    """A 32-bit integer of a sequencer, usable wherever an int is. per_rank: a tile with one i32, when the value differs
    between ranks."""

    __slots__ = ("value", "per_rank")

    def __init__(self, value=None, per_rank=None):
        self.value, self.per_rank = value if value is None else int(value), per_rank

    def __index__(self):
        if self.per_rank is not None:
            raise no_number("a register without a number of its own is used as one")
        if self.value is None:
            raise errors.NkiValidationError("a register is read before anything was moved or loaded into it",
                                            current().where())
        return self.value

    __int__ = __index__

    def __bool__(self):
        return int(self) != 0

    def __repr__(self):
        return "register(known at run time)" if self.per_rank is not None else f"register({self.value})"


def differs(value):
    """Whether it is a register without a value."""
    return getattr(value, "per_rank", None) is not None


def _operator(name):
    def call(self, other):
        if differs(self) or differs(other):
            from trainstone.nki import rank_values

            return rank_values.operate(name, self, other)
        return getattr(int(self), f"__{name}__")(int(other))

    return call


for _name in ("add", "sub", "mul", "floordiv", "mod", "radd", "rsub", "rmul", "lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Register, f"__{_name}__", _operator(_name))
Register.__hash__ = None


def register_alloc(x=None):
    register = Register()
    if x is not None:
        if hasattr(x, "view_of"):
            register_load(register, x)
        else:
            register_move(register, x)
    return register


def scalar(tile):
    """nt.scalar of the first dialect: the value of one element of a tile, as the bound of a loop."""
    return register_alloc(tile)


def register_move(dst, src):
    dst.per_rank = getattr(src, "per_rank", None)
    dst.value = None if dst.per_rank is not None else int(src)


def register_load(dst, src):
    view = src.view_of()
    if view.size != 1:
        raise errors.NkiValidationError(f"register_load takes one element, not {view!r}", current().where())
    run = current()
    values = [] if run.is_traced else [run.peek(view)] if run.ranks == 1 else run.peek_ranks(view)
    numbers = {int(value.reshape(-1)[0]) for value in values}
    dst.value, dst.per_rank = None, None
    if len(numbers) == 1:
        dst.value, = numbers
    else:
        dst.per_rank = run.value((1, 1), np.int32, name="register")
        memory.assign(dst.per_rank, view)


def register_store(dst, src):
    if differs(src):
        memory.assign(dst.view_of(), src.per_rank)
    else:
        memory.fill(dst.view_of(), float(int(src)))


def dynamic_range(start, stop=None, step=1):
    return range(int(start)) if stop is None else range(int(start), int(stop), int(step))


def fori_loop(lower, upper, body_fun, step=1):
    for i in range(int(lower), int(upper), int(step)):
        body_fun(Register(i))


def while_loop(init, body_fun):
    register = init
    while int(register) != 0:
        register = body_fun(Register(int(register)))


class do_while:
    """`with do_while(c):` of the first release: runs the body, and again while one element in HBM is not 0. Python
    executes the body once; further trips are recorded from the first."""

    def __init__(self, condition):
        self.condition, self.run = condition.view_of(), current()
        if self.condition.size != 1:
            raise errors.NkiValidationError(f"do_while takes one element, not {self.condition!r}", self.run.where())

    def __enter__(self):
        self.run.recording.mark(native.LOOP_BEGIN)
        self.run.recording.mark(native.LOOP_TRIP)

    def __exit__(self, exception, *_):
        while exception is None and self.run.peek(self.condition).reshape(-1)[0] != 0:
            self.run.recording.repeat()
        self.run.recording.mark(native.LOOP_END)
