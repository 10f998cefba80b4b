"""Index arrays of the older dialect: nl.arange and nl.mgrid as affine forms, and masks over them.

An Index is a sum of coefficient * counter plus a constant, with a counter for each axis of its shape. Axes are numbered
from the right (-1 is the last), as broadcasting aligns them. A Mask is a conjunction of forms >= 0.
"""

import numpy as np

from trainstone.nki import errors


AXES_APART = "give each an axis of its own: nl.arange(n)[:, None] and nl.arange(m)[None, :]"


def _no_condition():
    return errors.kernel_error(errors.NkiTypeError,
                               "Control-flow depending on `nl.arange` or `nl.mgrid` is not supported",
                               "give it as mask=, and join masks with &",
                               "err_control_flow_condition_depending_on_arange")


class Index:
    __slots__ = ("coefs", "extents", "const", "ndim")
    __array_ufunc__ = None

    def __init__(self, coefs, extents, const, ndim):
        self.coefs, self.extents, self.const, self.ndim = coefs, extents, const, ndim

    @property
    def shape(self):
        return tuple(self.extents.get(axis - self.ndim, 1) for axis in range(self.ndim))

    def __getitem__(self, key):
        """Indexing with None and slices, such as [:, None], which moves the axes."""
        keys = key if isinstance(key, tuple) else (key,)
        kept = [i for i, item in enumerate(keys) if item is not None]
        if any(not (isinstance(keys[i], slice) and keys[i] == slice(None)) and keys[i] is not Ellipsis for i in kept):
            raise errors.NkiTypeError("an index array takes only `:` and `None` as indices")
        if len(kept) != self.ndim:
            raise errors.NkiTypeError(f"{len(kept)} indices for an index array of {self.ndim} dimensions")
        moved = {axis - self.ndim: position - len(keys) for axis, position in enumerate(kept)}
        return Index({moved[a]: c for a, c in self.coefs.items()}, {moved[a]: n for a, n in self.extents.items()},
                     self.const, len(keys))

    def _combine(self, other, sign):
        if isinstance(other, int):
            return Index(dict(self.coefs), self.extents, self.const + sign * other, self.ndim)
        if not isinstance(other, Index):
            if hasattr(other, "__index__"):
                return self._combine(int(other), sign)
            return NotImplemented
        extents = dict(self.extents)
        for axis, extent in other.extents.items():
            if extents.setdefault(axis, extent) == 1:
                extents[axis] = extent
            if extent not in (1, extents[axis]):
                raise errors.kernel_error(
                    errors.NkiValidationError, f"index arrays of {extents[axis]} and {extent} elements meet "
                                               "in one dimension",
                    AXES_APART)
        coefs = dict(self.coefs)
        for axis, coef in other.coefs.items():
            coefs[axis] = coefs.get(axis, 0) + sign * coef
        return Index(coefs, extents, self.const + sign * other.const, max(self.ndim, other.ndim))

    def __add__(self, other):
        return self._combine(other, 1)

    __radd__ = __add__

    def __sub__(self, other):
        return self._combine(other, -1)

    def __rsub__(self, other):
        return (self * -1)._combine(other, 1)

    def __mul__(self, other):
        if not hasattr(other, "__index__"):
            return NotImplemented
        other = int(other)
        return Index({a: c * other for a, c in self.coefs.items()}, self.extents, self.const * other, self.ndim)

    __rmul__ = __mul__

    def __neg__(self):
        return self * -1

    def __setitem__(self, key, value):
        raise errors.kernel_error(errors.NkiTypeError, "'index' tensor does not support item assignment",
                                  "make a tile of it with nisa.iota", "err_cannot_assign_to_index")

    def __bool__(self):
        raise _no_condition()

    def __mod__(self, other):
        raise errors.kernel_error(errors.NkiValidationError,
                                  f"an index array modulo {other} is not an affine expression",
                                  "write the index with one array for the quotient and one for the remainder",
                                  "err_unsupported_expression_in_mask")

    def __floordiv__(self, other):
        other = int(other)
        if self.const % other or any(coef % other for coef in self.coefs.values()):
            raise errors.NkiUnsupportedError(f"an index array divided by {other} is not affine",
                                             errors.where_is_kernel(),
                                             "write the index with one array for the quotient and one for the "
                                             "remainder")
        return Index({a: c // other for a, c in self.coefs.items()}, self.extents, self.const // other, self.ndim)

    def __lt__(self, other):
        return Mask([(self * -1) + other - 1])

    def __le__(self, other):
        return Mask([(self * -1) + other])

    def __gt__(self, other):
        return Mask([self - other - 1])

    def __ge__(self, other):
        return Mask([self - other])

    def __eq__(self, other):
        return Mask([self - other, (self * -1) + other])

    __hash__ = None

    def span(self, ranges=None):
        """Lowest and highest value when each axis counts over ranges[axis] (default: its whole length)."""
        low = high = self.const
        for axis, coef in self.coefs.items():
            first, last = (ranges or {}).get(axis, (0, self.extents[axis]))
            ends = (coef * first, coef * (last - 1))
            low += min(ends)
            high += max(ends)
        return low, high


class Mask:
    """The set of points where every form is >= 0."""

    __slots__ = ("forms",)

    def __init__(self, forms):
        self.forms = forms

    def __and__(self, other):
        if isinstance(other, (bool, np.bool_)):
            return self if other else False
        if not isinstance(other, Mask):
            return NotImplemented
        return Mask(self.forms + other.forms)

    __rand__ = __and__

    def _joined(self, *other):
        raise errors.kernel_error(errors.NkiUnsupportedError, "masks are joined by & alone",
                                  "make a call for each part, or choose elements with nl.where")

    __or__ = __ror__ = __invert__ = __xor__ = __rxor__ = _joined

    def __bool__(self):
        raise _no_condition()

    def ranges(self):
        """The mask as a box, {axis: (first, last + 1)}; None when it is empty."""
        found, slanted = {}, []
        for form in self.forms:
            low, high = form.span()
            if low >= 0:
                continue
            if high < 0:
                return None
            axes = [axis for axis, coef in form.coefs.items() if coef and form.extents[axis] > 1]
            if len(axes) != 1:
                slanted.append(form)
                continue
            axis, coef = axes[0], form.coefs[axes[0]]
            rest = form.const
            first, last = found.get(axis, (0, form.extents[axis]))
            if coef > 0:
                first = max(first, -(rest // coef))
            else:
                last = min(last, rest // -coef + 1)
            if first >= last:
                return None
            found[axis] = (first, last)
        for form in slanted:
            if form.span(found)[0] < 0:
                raise errors.NkiUnsupportedError("a mask that joins two axes in one comparison is not modelled",
                                                 errors.where_is_kernel(), "use nisa.affine_select or nl.where")
        return found


class Grid(list):
    """The result of nl.mgrid: index arrays, also available as p, x, y, z."""

    p = property(lambda self: self[0])
    x = property(lambda self: self[1])
    y = property(lambda self: self[2])
    z = property(lambda self: self[3])


class _Mgrid:
    def __getitem__(self, key):
        keys = key if isinstance(key, tuple) else (key,)
        made = Grid()
        for position, item in enumerate(keys):
            axis = position - len(keys)
            start = item.start or 0
            made.append(Index({axis: item.step or 1}, {axis: -(-(item.stop - start) // (item.step or 1))}, start,
                              len(keys)))
        return made


mgrid = _Mgrid()


def arange(*args):
    bounds = range(*(int(arg) for arg in args))
    return Index({-1: bounds.step}, {-1: len(bounds)}, bounds.start, 1)


def ranges_of(mask):
    """Mask.ranges() of anything that a kernel may pass as a mask, including None and truth values."""
    if mask is None or isinstance(mask, (bool, np.bool_)):
        return None if mask is not None and not mask else {}
    return mask.ranges()


def box_of(shape, mask):
    """The mask over `shape`, as a slice for each dimension; None when it is empty. Its axes are the dimensions."""
    ranges = ranges_of(mask)
    if ranges is None:
        return None
    box = [slice(None)] * len(shape)
    for axis, (first, last) in ranges.items():
        if len(shape) + axis >= 0 and shape[axis] != 1:
            box[axis] = slice(first, min(last, shape[axis]))
    return tuple(box)
