"""Tensors as kernels see them: views of tiles in SBUF and PSUM and of tensors in HBM."""

import math

import numpy as np

from trainstone.nki import dtypes, errors, native
from trainstone.nki.index import AXES_APART, Grid, Index, Mask, ranges_of
from trainstone.nki.native import BLOCK, FREE, HBM, PART, PSUM, SBUF


class Space:
    """nl.sbuf, nl.psum, nl.hbm and variants; a function of NKI's direct allocation adds addresses."""

    def __init__(self, name, code, allocate=None):
        self.name, self.code, self.allocate = name, code, allocate

    def __repr__(self):
        return f"nl.{self.name}"

    def __eq__(self, other):
        return isinstance(other, Space) and (other.name == self.name or self.code == other.code == HBM)

    def __hash__(self):
        return hash(self.code)


SPACES = {name: Space(name, code) for name, code in
          (("sbuf", SBUF), ("psum", PSUM), ("hbm", HBM), ("shared_hbm", HBM), ("private_hbm", HBM))}


Storage = native.ext.Storage  # (name, space, shape, dialect): what views refer to


def _operator(name, is_reversed=False):
    def call(self, other):
        from trainstone.nki import language

        if name == "add" and isinstance(other, Index):
            return Moved(other, self)
        return language.binary(name, other, self) if is_reversed else language.binary(name, self, other)

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
              "power": "__rpow__", "remainder": "__rmod__", "less": "__gt__", "less_equal": "__ge__", "greater": "__lt__",
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
        from trainstone.nki import language

        return language.binary("multiply", self, -1.0)

    def __bool__(self):
        view = self.view_of() if isinstance(self, Indexed) else self
        if view.tensor.role == native.INPUT:
            return True
        if view.size > 1:
            raise errors.kernel_error(errors.NkiTypeError, "Cannot evaluate truth value of a multi-element tensor/array",
                                      "use ~, & and | between tiles, `is not None` to ask whether there is one",
                                      "err_ambiguous_tensor_truth_value")
        raise errors.kernel_error(errors.NkiTypeError, "dynamic control-flow depending on tensor value is not supported",
                                  "use a mask, nl.where or a predicated copy", "err_dynamic_control_flow_not_supported")

    @property
    def itemsize(self):
        return self.dtype.itemsize

    @property
    def size(self):
        return math.prod(self.shape)

    def __len__(self):
        return self.shape[0]


def row_major(shape):
    """Steps of a contiguous array, in elements."""
    steps, step = [], 1
    for length in reversed(shape):
        steps.append(step)
        step *= length
    return steps[::-1]


class RankSlice:
    """nl.ds with a start that differs from rank to rank: one element of a tile."""

    __slots__ = ("start", "size")

    def __init__(self, start, size):
        self.start, self.size = start, int(size)


class Tile(TensorOps, native.ext.View):
    """A view of a tile or of an HBM tensor."""

    __slots__ = ()

    @property
    def buffer(self):
        return self.tensor.space

    @property
    def name(self):
        return self.tensor.name

    @property
    def is_hbm(self):
        return self._space == HBM

    def __repr__(self):
        return f"{self.tensor.name}[{', '.join(map(str, self.shape))}] {self.dtype} in {self.tensor.space.name}"

    def __iter__(self):
        return (self[i] for i in range(self.shape[0]))

    def _out_of_bounds(self, dim, low, high):
        raise errors.NkiIndexError(
            f"Out-of-bound access for tensor `{self.tensor.name}` on dimension {dim}: index range [{low}, {high}] "
            f"exceed dimension size of {self.shape[dim]}", where=errors.where_is_kernel(),
            remedy="end the range there, or leave out by mask= what is beyond", id="err_tensor_access_out_of_bound")

    def _index(self, key):
        keys = tuple(key) if isinstance(key, (tuple, Grid)) else (key,)
        if any(isinstance(item, RankSlice) for item in keys):
            return self._from_rank(keys)
        if not self.is_hbm and all(isinstance(item, (Index, int)) and getattr(item, "ndim", 0) < 2 for item in keys):
            raise errors.kernel_error(errors.NkiValidationError, f"indexing tensor `{self.name}` with 1d arange is not supported",
                                      "say which axis it is: nl.arange(n)[:, None]", "err_1d_arange_not_supported")
        if len(keys) == 1 and is_mask(keys[0]):
            return Indexed(self, (slice(None),) * self.ndim, keys[0])
        if any(is_mask(item) for item in keys):
            raise errors.NkiTypeError("a mask stands alone between brackets", errors.where_is_kernel())
        return Indexed(self, keys)

    def _from_rank(self, keys):
        if not self.is_hbm or self.is_indirect() or sum(isinstance(item, RankSlice) for item in keys) > 1:
            raise errors.kernel_error(
                errors.NkiUnsupportedError, f"a slice of {self!r} that begins where the rank says: one of a tensor in HBM is "
                "modelled", "copy the slice with nisa.dma_copy, and use that")
        at = next(i for i, item in enumerate(keys) if isinstance(item, RankSlice))
        step, count, walk = self._dims[at]
        if keys[at].size > count:
            self._out_of_bounds(at, 0, keys[at].size - 1)
        dims = [*self._dims[:at], (step, keys[at].size, walk), *self._dims[at + 1:]]
        moved = self._with(dims, index=keys[at].start, index_step=step)
        return moved[(*keys[:at], slice(None), *keys[at + 1:])]

    def _beyond(self, key):
        """Slices beyond the end: in the older dialect, a mask may still limit them to valid elements."""
        keys = tuple(key) if isinstance(key, tuple) else (key,)
        if self.tensor.dialect != "beta1" or not any(isinstance(item, slice) for item in keys):
            return None
        return Indexed(self, keys)

    def __setitem__(self, key, value):
        from trainstone.nki import language

        target = self[key]
        if isinstance(value, (Tile, Indexed)):
            if value.tensor.is_void:
                return
            view, box = value.view_of(), value.tensor.box
            if isinstance(target, Indexed) and box is not None and view.shape == value.tensor.shape:
                target, view = target.within(box, view.shape), view[box]
            elif isinstance(target, Indexed):
                target = target.view_of(value.mask if isinstance(value, Indexed) else None)
            if view._is_same(target):
                return  # the second half of `t[...] += x`
            language.assign(target, view)
            return
        if hasattr(value, "onto"):
            value.onto(target)
            return
        language.assign(target.view_of(), value)

    def view_of(self, mask=None):
        return self

    # ---- views of a view ----

    def reshape(self, *shape, **kwargs):
        shape = kwargs.get("shape", shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)
        shape = [int(length) for length in shape]
        if -1 in shape:
            known = math.prod([length for length in shape if length != -1])
            shape[shape.index(-1)] = self.size // known
        if math.prod(shape) != self.size:
            raise errors.NkiValidationError(f"cannot reshape {self!r} into {tuple(shape)}", where=errors.where_is_kernel())
        return self._with(_reshaped(self, shape))

    def view(self, dtype):
        """The same bytes as another dtype; the last dimension is adjusted."""
        code = dtypes.code_of(dtype)
        old, new = dtypes.BYTES[self._dtype], dtypes.BYTES[code]
        dims = list(self._dims)
        if old != new:
            *rest, (step, count, walk) = dims
            if step != 1 or count * old % new or any(s * old % new for s, _, w in rest if w == FREE):
                raise errors.NkiValidationError(f"{self!r} has no view as {dtypes.dtype_of(dtype)}: its rows are no "
                                                "multiple of the new element")
            dims = [(s * old // new if w == FREE else s, c, w) for s, c, w in rest] + [(1, count * old // new, walk)]
        return self._with(dims, dtype=code)

    def permute(self, axes):
        return self._with([self._dims[axis] for axis in axes])

    def broadcast_to(self, shape):
        """Repeats free dimensions of one element; the partition dimension cannot be repeated."""
        shape = tuple(shape)
        if self.ndim > len(shape):  # free dimensions of one element may be omitted
            extra = [i for i, (_, count, walk) in enumerate(self._dims) if walk == FREE and count == 1]
            extra = extra[:self.ndim - len(shape)]
            if self.ndim - len(extra) > len(shape):
                raise errors.NkiValidationError(f"cannot broadcast {self!r} to {shape}", errors.where_is_kernel())
            return self._with([dim for i, dim in enumerate(self._dims) if i not in extra]).broadcast_to(shape)
        missing = [(0, 1, FREE)] * (len(shape) - self.ndim)
        is_first = not self.is_hbm and self.shape[0] == shape[0]  # the partitions stay the first dimension
        dims = list(self._dims[:is_first]) + missing + list(self._dims[is_first:])
        made = []
        for (step, count, walk), length in zip(dims, shape):
            if count == length:
                made.append((step, count, walk))
            elif count == 1 and (walk == FREE or self.is_hbm):
                made.append((0, length, FREE))
            else:
                return _broadcast_partitions(self, shape)
        return self._with(made)

    def expand_dims(self, axis):
        dims = list(self._dims)
        dims.insert(axis if axis >= 0 else len(dims) + 1 + axis, (1, 1, FREE))
        return self._with(dims)

    expand_dim = expand_dims

    def squeeze_dim(self, dim):
        dims = list(self._dims)
        dims.pop(dim)
        return self._with(dims)

    # ---- where the elements lie ----

    def _row(self):
        """Elements of the view's dtype from one partition to the next; 0 for HBM tensors, which have no partitions."""
        tensor = self.tensor
        return 0 if self.is_hbm else math.prod(tensor.shape[1:]) * tensor.dtype.itemsize // dtypes.BYTES[self._dtype]

    @property
    def strides(self):
        row = self._row()
        return tuple(step * row if walk == PART else step for step, _, walk in self._dims)

    @property
    def offset(self):
        return self._part * self._row() + self._offset // dtypes.BYTES[self._dtype]

    def get_pattern(self):
        """[[stride, count], ...], the form that ap takes."""
        return [[stride, count] for stride, count in zip(self.strides, self.shape)]

    def is_contiguous(self):
        """Whether the elements of each partition, or of the HBM tensor, are contiguous."""
        step = 1
        for stride, count, walk in reversed(self._dims):
            if walk != PART and count != 1 and stride != step:
                return False
            step *= count
        return True

    def is_indirect(self):
        return self._index_view is not None

    def rearrange(self, src_pattern, dst_pattern, fixed_sizes=None):
        """Rearranges dimensions by name: a tuple on the left is a dimension to split, on the right one to join."""
        sizes, names, view = dict(fixed_sizes or {}), [], self
        for group, length in zip(src_pattern, self.shape, strict=True):
            group = (group,) if isinstance(group, str) else tuple(group)
            parts = [sizes.get(name, -1) for name in group]
            if len(group) > 1:
                view = view.reshape_dim(len(names), parts)
            elif parts[0] not in (-1, length):
                raise errors.kernel_error(errors.NkiValidationError, f"dimension {group[0]} of {self!r} is not {parts[0]}")
            names += group
        flat = [name for group in dst_pattern for name in ((group,) if isinstance(group, str) else group)]
        if sorted(flat) != sorted(names):
            raise errors.kernel_error(errors.NkiValidationError, f"rearrange of {names} to {flat}", "name the same dimensions")
        view = view.permute([names.index(name) for name in flat])
        for at, group in enumerate(dst_pattern):
            if not isinstance(group, str) and len(group) > 1:
                view = view.flatten_dims(at, at + len(group) - 1)
        return view

    def vector_select(self, dim, vector_offset):
        """For an HBM tensor: for each row of the offsets, the row of dimension 0 with that index."""
        if dim != 0 or not self.is_hbm or self.is_indirect():
            raise errors.kernel_error(errors.NkiValidationError,
                                      f"vector_select on dimension {dim} of {self!r}: it takes dimension 0 of an HBM tensor",
                                      "permute the tensor, or use nisa.local_gather on chip")
        index = as_indices(vector_offset.view_of())
        return self._with([(0, index.shape[0], FREE), *self._dims[1:]], index=index, index_step=self._dims[0][0])

    def indirect(self, index, num_elem=None):
        raise errors.kernel_error(errors.NkiUnsupportedError, "indirect needs NeuronCore-v4",
                                  "use nisa.local_gather or nisa.nc_n_gather")

    def select(self, dim, index):
        if getattr(index, "per_rank", None) is not None:
            index = index.per_rank
        if is_tensor(index):
            if not self.is_hbm or self.is_indirect():
                raise errors.kernel_error(errors.NkiUnsupportedError,
                                          f"select of {self!r} by a tile: that of an HBM tensor is modelled, once",
                                          "load the index into a register")
            rest = [side for at, side in enumerate(self._dims) if at != dim % self.ndim]
            return self._with(rest, index=as_indices(index.view_of()), index_step=self._dims[dim][0])
        keys = [slice(None)] * self.ndim
        keys[dim] = index
        return self[tuple(keys)]

    def slice(self, dim, start, end, step=1):
        keys = [slice(None)] * self.ndim
        keys[dim] = slice(start, end, step)
        return self[tuple(keys)]

    def broadcast(self, dim, size):
        shape = list(self.shape)
        shape[dim] = size
        return self.broadcast_to(shape)

    def flatten_dims(self, start_dim, end_dim):
        shape = list(self.shape)
        end = end_dim % len(shape)
        joined = math.prod(shape[start_dim:end + 1])
        return self.reshape(shape[:start_dim] + [joined] + shape[end + 1:])

    def reshape_dim(self, dim, shape):
        known = math.prod([length for length in shape if length != -1])
        cut = [self.shape[dim] // known if length == -1 else length for length in shape]
        return self.reshape(list(self.shape[:dim]) + cut + list(self.shape[dim + 1:]))

    def astype(self, dtype):
        from trainstone.nki import language

        return language.copied(self, dtype)

    def ap(self, pattern, offset=0, scalar_offset=None, vector_offset=None, indirect_dim=0, dtype=None):
        """An explicit access pattern: [[step, count], ...] in elements; of a tile, the first is the partitions."""
        offset = offset or 0
        if getattr(scalar_offset, "per_rank", None) is not None:  # a register that differs from rank to rank
            scalar_offset = scalar_offset.per_rank
        base = self.view(dtype) if dtype is not None and dtypes.dtype_of(dtype) != self.dtype else self
        size = dtypes.BYTES[base._dtype]
        pattern = [(int(step), int(count)) for step, count in pattern]
        if self.is_hbm:
            dims = [(step, count, FREE) for step, count in pattern]
            index_step = base._dims[indirect_dim][0]
            if scalar_offset is not None and not is_tensor(scalar_offset):  # a register
                offset, scalar_offset = int(offset) + int(scalar_offset) * index_step, None
            made = base._with(dims, offset=base._offset + int(offset) * size)
            if scalar_offset is not None:
                return made._with(dims, index=as_indices(scalar_offset.view_of()), index_step=index_step)
            if vector_offset is None:
                return made
            return made._with([(0, dims[0][1], FREE)] + dims[1:], index=as_indices(vector_offset.view_of()),
                              index_step=index_step)
        if vector_offset is not None or is_tensor(scalar_offset):
            raise errors.NkiUnsupportedError("offsets from a tile into a tile on chip are not modelled",
                                             errors.where_is_kernel(), "load the offset into a register")
        row = math.prod(base.tensor.shape[1:])  # elements of the tile in each partition
        row = row * base.tensor.dtype.itemsize // size
        (step, count), *rest = pattern
        if scalar_offset is not None:
            offset = int(offset) + int(scalar_offset) * row_major(base.tensor.shape)[indirect_dim]
        first, column = divmod(int(offset), row)
        dims = [(max(step // row, 1), count, PART)] + [(s, c, FREE) for s, c in rest]
        return base._with(dims, part=base._part + first, offset=base._offset + column * size)


def _broadcast_partitions(view, shape):
    from trainstone.nki import language

    return language.broadcast_partitions(view, shape)


def _reshaped(view, shape):
    """The view's dims split and joined to another shape; an error when the elements do not lie that way."""
    old = [dim for dim in view._dims if dim[1] != 1 or dim[2] != FREE]
    made, at = [], 0
    pending = list(reversed(old))
    for length in shape:
        if length == 1 and not (pending and pending[-1][2] != FREE and pending[-1][1] == 1):
            made.append((1, 1, FREE))
            continue
        if not pending:
            raise _no_reshape(view, shape)
        step, count, walk = pending.pop()
        while count < length:  # join
            if not pending:
                raise _no_reshape(view, shape)
            next_step, next_count, next_walk = pending.pop()
            if next_walk != walk or step != next_step * next_count:
                raise _no_reshape(view, shape)
            step, count = next_step, count * next_count
        if count % length:
            raise _no_reshape(view, shape)
        if count > length:  # cut
            pending.append((step, count // length, walk))
            step *= count // length
        made.append((step, length, walk))
        at += 1
    if any(count != 1 for _, count, _ in pending):
        raise _no_reshape(view, shape)
    made += [dim for dim in reversed(pending) if dim[2] != FREE]
    return made


def _no_reshape(view, shape):
    return errors.NkiValidationError(f"{view!r} cannot be reshaped into {tuple(shape)} without moving elements",
                                     where=errors.where_is_kernel(), remedy="copy it first")


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
        return any(isinstance(expr, (Tile, Indexed, Moved)) for expr in self.exprs)

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
    arrays = [key for key in keys if isinstance(key, (Index, Tile, Indexed, Moved))]
    exprs, extents = [], {}
    most = max((array.ndim for array in arrays), default=0)
    for array in arrays:
        for axis, length in _extents_of(array, most).items():
            if extents.setdefault(axis, length) == 1:
                extents[axis] = length
            if length not in (1, extents[axis]):
                raise errors.kernel_error(errors.NkiValidationError, f"index arrays of {extents[axis]} and {length} elements "
                                          f"meet in one dimension of {base!r}", AXES_APART)
    free = _free_axes(keys, extents, slices)
    for i, key in enumerate(keys):
        if isinstance(key, slice):
            start, stop, step = key.indices(max(base.shape[i], int(key.stop or 0)))
            axis = free[i]
            extents[axis] = max(0, -(-(stop - start) // step))
            exprs.append(Index({axis: step}, {axis: extents[axis]}, start, -axis))
        elif isinstance(key, (Index, Tile, Indexed, Moved)):
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
        if isinstance(expr, (Tile, Indexed, Moved)):
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


def is_tensor(value):
    return isinstance(value, (Tile, Indexed))


native.ext.setup(Tile, dtypes.BY_CODE, dtypes.BYTES, dtypes.KNOWN_CODES, dtypes.F32, SPACES["sbuf"], SPACES["psum"],
                 errors.from_native, native.FOLDER)
