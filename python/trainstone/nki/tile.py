"""Tensors as kernels see them: views of tiles in SBUF and PSUM and of tensors in HBM."""

import math

import numpy as np

from trainstone.nki import dtypes, errors, native
from trainstone.nki.index import Grid, Index
from trainstone.nki.indexed import Indexed, as_indices, is_mask
from trainstone.nki.native import FREE, HBM, PART, PSUM, SBUF
from trainstone.nki.operators import TensorOps, is_tensor


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
            raise errors.kernel_error(errors.NkiValidationError,
                                      f"indexing tensor `{self.name}` with 1d arange is not supported",
                                      "say which axis it is: nl.arange(n)[:, None]", "err_1d_arange_not_supported")
        if len(keys) == 1 and is_mask(keys[0]):
            return Indexed(self, (slice(None),) * self.ndim, keys[0])
        if any(is_mask(item) for item in keys):
            raise errors.NkiTypeError("a mask stands alone between brackets", errors.where_is_kernel())
        return Indexed(self, keys)

    def _from_rank(self, keys):
        if not self.is_hbm or self.is_indirect() or sum(isinstance(item, RankSlice) for item in keys) > 1:
            raise errors.kernel_error(
                errors.NkiUnsupportedError, f"a slice of {self!r} that begins where the rank says: one of a "
                                            "tensor in HBM is "
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
        if is_tensor(value):
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
            raise errors.NkiValidationError(f"cannot reshape {self!r} into {tuple(shape)}",
                                            where=errors.where_is_kernel())
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
                raise errors.kernel_error(errors.NkiValidationError,
                                          f"dimension {group[0]} of {self!r} is not {parts[0]}")
            names += group
        flat = [name for group in dst_pattern for name in ((group,) if isinstance(group, str) else group)]
        if sorted(flat) != sorted(names):
            raise errors.kernel_error(errors.NkiValidationError, f"rearrange of {names} to {flat}",
                                      "name the same dimensions")
        view = view.permute([names.index(name) for name in flat])
        for at, group in enumerate(dst_pattern):
            if not isinstance(group, str) and len(group) > 1:
                view = view.flatten_dims(at, at + len(group) - 1)
        return view

    def vector_select(self, dim, vector_offset):
        """For an HBM tensor: for each row of the offsets, the row of dimension 0 with that index."""
        if dim != 0 or not self.is_hbm or self.is_indirect():
            raise errors.kernel_error(errors.NkiValidationError,
                                      f"vector_select on dimension {dim} of {self!r}: it takes dimension 0 "
                                      "of an HBM tensor",
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


native.ext.setup(Tile, dtypes.BY_CODE, dtypes.BYTES, dtypes.KNOWN_CODES, dtypes.F32, SPACES["sbuf"], SPACES["psum"],
                 errors.from_native, native.FOLDER)
