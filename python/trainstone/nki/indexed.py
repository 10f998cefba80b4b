"""Tensors that index arrays, index tiles or masks limit: of what they select, a view."""

import numpy as np

from trainstone.nki import dtypes, errors
from trainstone.nki.index import AXES_APART, Index, Mask, ranges_of
from trainstone.nki.native import BLOCK, FREE, PART
from trainstone.nki.operators import Moved, TensorOps, is_tensor


def _is_of_data(index):
    """Whether an index is a tile's value."""
    return isinstance(index, Moved) or is_tensor(index)

class Indexed(TensorOps):
    """A tensor indexed by index arrays; a mask may still limit its elements."""

    __slots__ = ("base", "exprs", "extents", "ndim", "mask")

    def __init__(self, base, keys, mask=None):
        self.base, self.mask = base, mask
        self.exprs, self.extents = _align(base, keys)
        self.ndim = max([2 if not base.is_hbm else 1] + [-axis for axis in self.extents])

    def of(self, base, exprs=None):
        """The same indices, or `exprs` of the same form, into another tensor of the same shape."""
        made = object.__new__(Indexed)
        made.base, made.exprs, made.extents, made.ndim, made.mask = base, self.exprs, self.extents, self.ndim, self.mask
        if exprs is not None:
            made.exprs = exprs
        return made

    def known(self, value_of):
        """The same with tiles of one element among the indices replaced by their values."""
        def number(expr):
            tile = expr.start if isinstance(expr, Moved) else expr
            if not is_tensor(tile) or tile.size != 1:
                return expr
            first = int(value_of(tile).reshape(-1)[0])
            return expr.index + first if isinstance(expr, Moved) else Index({}, {}, first, 0)

        return [number(expr) for expr in self.exprs]

    @property
    def is_gathered(self):
        return any(_is_of_data(expr) for expr in self.exprs)

    @property
    def shape(self):
        return tuple(self.extents.get(axis - self.ndim, 1) for axis in range(self.ndim))

    dtype = property(lambda self: self.base.dtype)
    tensor = property(lambda self: self.base.tensor)
    buffer = property(lambda self: self.base.buffer)
    name = property(lambda self: self.base.name)
    is_hbm = property(lambda self: self.base.is_hbm)
    _space = property(lambda self: self.base._space)

    def __repr__(self):
        return repr(self.view_of())

    def __getitem__(self, key):
        if is_mask(key):
            made = self.of(self.base)
            made.mask = key if self.mask is None else self.mask & key
            return made
        return self.view_of()[key]

    def __setitem__(self, key, value):
        self.view_of()[key] = value

    def __getattr__(self, name):
        return getattr(self.view_of(), name)

    def view_of(self, mask=None):
        """The view that the mask selects; None when it is empty."""
        mask = self.mask if mask is None else mask
        ranges = ranges_of(mask)
        if ranges is None:
            return None
        ranges = {axis: ends for axis, ends in ranges.items() if self.extents.get(axis, 1) > 1}
        return _gathered(self, ranges)

    def within(self, box, shape):
        """The view of a part of each dimension, which may exceed the tensor elsewhere."""
        ends = {axis - len(shape): part.indices(shape[axis])[:2] for axis, part in enumerate(box)}
        return _gathered(self, {axis: part for axis, part in ends.items() if self.extents.get(axis, 1) > 1})


def _align(base, keys):
    """An expression for each dimension of `base`, and the extents of the axes that they count over."""
    keys = list(keys)
    if Ellipsis in [key for key in keys if key is Ellipsis]:
        at = next(i for i, key in enumerate(keys) if key is Ellipsis)
        missing = base.ndim - (len(keys) - 1)
        keys[at:at + 1] = [slice(None)] * missing
    keys += [slice(None)] * (base.ndim - len(keys))
    if len(keys) != base.ndim:
        raise errors.NkiIndexError(f"{len(keys)} indices for {base!r}", where=errors.where_is_kernel())
    slices = [i for i, key in enumerate(keys) if isinstance(key, slice)]
    arrays = [key for key in keys if isinstance(key, Index) or _is_of_data(key)]
    exprs, extents = [], {}
    most = max((array.ndim for array in arrays), default=0)
    for array in arrays:
        for axis, length in _extents_of(array, most).items():
            if extents.setdefault(axis, length) == 1:
                extents[axis] = length
            if length not in (1, extents[axis]):
                raise errors.kernel_error(errors.NkiValidationError,
                                          f"index arrays of {extents[axis]} and {length} elements "
                                          f"meet in one dimension of {base!r}", AXES_APART)
    free = _free_axes(keys, extents, slices)
    for i, key in enumerate(keys):
        if isinstance(key, slice):
            start, stop, step = key.indices(max(base.shape[i], int(key.stop or 0)))
            axis = free[i]
            extents[axis] = max(0, -(-(stop - start) // step))
            exprs.append(Index({axis: step}, {axis: extents[axis]}, start, -axis))
        elif isinstance(key, Index) or _is_of_data(key):
            exprs.append(key)
        else:
            exprs.append(Index({}, {}, int(key), 0))
    return exprs, extents


def _free_axes(keys, extents, slices):
    """The axis of each slice: slices follow the index arrays' axes from the right, in order."""
    axes, position = {}, -1
    for i in reversed(slices):
        while position in extents:
            position -= 1
        axes[i] = position
        position -= 1
    return axes


def _extents_of(array, ndim):
    if isinstance(array, (Index, Moved)):
        return {axis: length for axis, length in array.extents.items()}
    shape = array.shape  # a tile of indices: its partitions are the first of `ndim` axes
    return {-ndim: shape[0], **{axis: 1 for axis in range(1 - len(shape), 0) if shape[axis] == 1 and -axis < ndim}}


def _gathered(indexed, ranges):
    base, extents = indexed.base, dict(indexed.extents)
    for axis, (first, last) in ranges.items():
        extents[axis] = last - first
    axes = range(-indexed.ndim, 0)
    steps = {axis: [0, None] for axis in axes}  # step, walk
    offset, part, block = base._offset, base._part, base._block
    size, indirect = dtypes.BYTES[base._dtype], None
    for dim, expr in enumerate(indexed.exprs):
        step, count, walk = base._dims[dim]
        if _is_of_data(expr):
            if indirect or walk != FREE or not base.is_hbm:
                raise errors.NkiUnsupportedError("one index tile, into a tensor in HBM, is modelled")
            is_moved = isinstance(expr, Moved)
            view = (expr.start if is_moved else expr).view_of()
            indirect = (view, step, -indexed.ndim)
            if is_moved and view.size != 1:
                raise errors.NkiTypeError(f"an index array and {view!r}: one element is what it can count from")
            if view.size != 1:
                steps[-indexed.ndim][1] = FREE
            if not is_moved:
                continue
            expr = expr.index
        else:
            low, high = expr.span(ranges)
            if low < 0 or high >= count:
                base._out_of_bounds(dim, low, high)
        start = expr.const + sum(coef * ranges.get(axis, (0, 0))[0] for axis, coef in expr.coefs.items())
        if walk == PART:
            part += start * step
        elif walk == BLOCK:
            block += start * step
        else:
            offset += start * step * size
        for axis, coef in expr.coefs.items():
            if coef == 0 or extents.get(axis, 1) == 1:
                continue
            if steps[axis][1] not in (None, walk):
                raise errors.NkiUnsupportedError(f"one index array walks two kinds of dimensions of {base!r}")
            steps[axis] = [steps[axis][0] + coef * step, walk]
    dims = [_dim_of(base, indexed, axis, steps[axis], extents.get(axis, 1)) for axis in axes]
    if not base.is_hbm and not any(walk == PART for _, _, walk in dims):
        dims[0] = (1, 1, PART)
    if indirect:
        return _indirect(base, dims, offset, indirect, ranges)
    return base._with(dims, offset=offset, part=part, block=block)


def _dim_of(base, indexed, axis, found, count):
    step, walk = found
    if walk is None:  # a single element, or the same one for every count
        is_first = axis == -indexed.ndim and not base.is_hbm
        return (1, count, PART) if is_first and count == 1 else (0, count, FREE)
    return (step, count, walk)


def as_indices(view):
    """The view as i32, from which a DMA's descriptors are made."""
    if view.dtype.itemsize == 4:
        return view.view(np.int32)
    from trainstone.nki import language

    return language.copied(view, np.int32)


def _indirect(base, dims, offset, indirect, ranges):
    view, step, axis = indirect
    if view.size == 1:  # a base that all elements are counted from, like ap's scalar_offset
        return base._with(dims, offset=offset, index=as_indices(view), index_step=step)
    first, last = ranges.get(axis, (0, view.shape[0]))
    view = as_indices(view[first:last])
    dims = list(dims)
    at = len(dims) + axis
    if any(count != 1 for _, count, _ in dims[:at]):
        raise errors.NkiUnsupportedError("an index tile must walk the first dimension of what it indexes")
    dims = [(0, view.shape[0], FREE)] + dims[at + 1:]
    return base._with(dims, offset=offset, index=view, index_step=step)




def is_mask(key):
    return isinstance(key, (Mask, bool, np.bool_))
