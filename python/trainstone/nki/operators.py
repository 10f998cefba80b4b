"""Operators and methods that tiles and indexed tiles share, as calls of nki.language."""

import math

import numpy as np

from trainstone.nki import errors, native
from trainstone.nki.index import Index


def _operator(name, is_reversed=False):
    def call(self, other):
        if name == "add" and isinstance(other, Index):
            return Moved(other, self)
        return _language().binary(name, *((other, self) if is_reversed else (self, other)))

    return call


def _in_place(name):
    def call(self, other):
        from trainstone.nki import language, memory

        target, value = memory.as_made(self, other) if is_tensor(other) else (self, other)
        language.binary(name, target, value, dst=target)
        return self

    return call


def _language():
    from trainstone.nki import language

    return language


_REFLECTED = {"add": "__radd__", "subtract": "__rsub__", "multiply": "__rmul__", "divide": "__rtruediv__",
              "power": "__rpow__", "remainder": "__rmod__", "less": "__gt__", "less_equal": "__ge__",
              "greater": "__lt__",
              "greater_equal": "__le__"}  # what a tile has for an operator whose left side is NumPy's


def _takes_no_tiles(function):
    names = (function.__name__, function.__name__.removeprefix("a"))
    of_nki = next((name for name in names if callable(getattr(_language(), name, None))), None)
    return errors.kernel_error(errors.NkiTypeError, f"numpy.{function.__name__} takes no tiles",
                               f"use nl.{of_nki}" if of_nki else "compute it with nki.language or nki.isa")


class TensorOps:
    """Operators and methods of everything that represents elements."""

    __slots__ = ()
    __array_priority__ = 1000

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        reflected = _REFLECTED.get(ufunc.__name__)
        if reflected and method == "__call__" and not options and not is_tensor(inputs[0]):
            return getattr(self, reflected)(inputs[0])
        raise _takes_no_tiles(ufunc)

    def __array_function__(self, function, types, args, kwargs):
        if function.__name__ in ("shape", "ndim", "size"):
            return getattr(self, function.__name__)
        raise _takes_no_tiles(function)

    __add__, __radd__ = _operator("add"), _operator("add", True)
    __sub__, __rsub__ = _operator("subtract"), _operator("subtract", True)
    __mul__, __rmul__ = _operator("multiply"), _operator("multiply", True)
    __truediv__, __rtruediv__ = _operator("divide"), _operator("divide", True)
    __pow__, __rpow__ = _operator("pow"), _operator("pow", True)
    __lshift__, __rshift__ = _operator("logical_shift_left"), _operator("logical_shift_right")
    __lt__, __le__ = _operator("is_lt"), _operator("is_le")
    __gt__, __ge__ = _operator("is_gt"), _operator("is_ge")
    __and__, __or__, __xor__ = _operator("bitwise_and"), _operator("bitwise_or"), _operator("bitwise_xor")
    __iadd__, __isub__, __imul__ = _in_place("add"), _in_place("subtract"), _in_place("multiply")
    __itruediv__ = _in_place("divide")

    def __mod__(self, other):
        return _language().mod(self, other)

    def __rmod__(self, other):
        return _language().mod(other, self)

    def __floordiv__(self, other):
        return _language().floor(_language().divide(self, other, dtype=np.float32), self.dtype)

    def __invert__(self):
        is_truth = self.dtype == np.bool_
        return _language().logical_not(self) if is_truth else _language().invert(self)

    def __abs__(self):
        return _language().abs(self)

    def __neg__(self):
        return _language().binary("multiply", self, -1.0)

    def __bool__(self):
        view = self.view_of()
        if view.tensor.role == native.INPUT:
            return True
        if view.size > 1:
            raise errors.kernel_error(errors.NkiTypeError,
                                      "Cannot evaluate truth value of a multi-element tensor/array",
                                      "use ~, & and | between tiles, `is not None` to ask whether there is one",
                                      "err_ambiguous_tensor_truth_value")
        raise errors.kernel_error(errors.NkiTypeError,
                                  "dynamic control-flow depending on tensor value is not supported",
                                  "use a mask, nl.where or a predicated copy", "err_dynamic_control_flow_not_supported")

    @property
    def itemsize(self):
        return self.dtype.itemsize

    @property
    def size(self):
        return math.prod(self.shape)

    def __len__(self):
        return self.shape[0]


def is_tensor(value):
    return isinstance(value, TensorOps)


class Moved:
    """An index array relative to the value of one element of a tile."""

    __slots__ = ("index", "start")
    __array_ufunc__ = None

    def __init__(self, index, start):
        self.index, self.start = index, start

    ndim = property(lambda self: self.index.ndim)
    extents = property(lambda self: self.index.extents)

    def __add__(self, other):
        return Moved(self.index + other, self.start)

    __radd__ = __add__

    def __sub__(self, other):
        return Moved(self.index - other, self.start)
