"""Tiles, tensors and transfers: what nki.language uses to allocate, load, store and copy."""

import functools

import numpy as np

from trainstone.nki import dtypes, errors, native
from trainstone.nki import instructions as isa
from trainstone.nki.constants import oob_mode
from trainstone.nki.index import box_of
from trainstone.nki.native import BLOCK, HBM, PSUM
from trainstone.nki.operators import is_tensor
from trainstone.nki.run import current
from trainstone.nki.tile import SPACES, Tile


def shape_of(shape):
    return (shape,) if isinstance(shape, int) else tuple(shape)


def ndarray(shape, dtype, buffer=None, name="", address=None, lazy_initialization=False):
    """A tile on chip or a tensor in HBM, uninitialised."""
    run, shape = current(), shape_of(shape)
    space = buffer if buffer is not None else SPACES["sbuf"]
    if isinstance(space, str):
        space = SPACES[space.rsplit(".", 1)[-1]]
    if space.code == HBM:
        return run.tensor(shape, dtype, space, name)
    return run.tile(shape, dtype, space, name, address=address)


ndarray.in_python = ndarray
ndarray = native.ext.call(ndarray, -1, 0, (), tuple(  # most tiles are made without Python
    (name, "anything", 0, False, None)
    for name in ("shape", "dtype", "buffer", "name", "address", "lazy_initialization")))


def full(shape, fill_value, dtype, buffer=None, name="", lazy_initialization=False):
    made = ndarray(shape, dtype, buffer, name)
    assign(made, fill_value)
    return made


def tiles_of(view):
    """The tiles of an array of tiles, each as a view of at least two dimensions."""
    at = next((i for i, (_, count, walk) in enumerate(view._dims) if walk == BLOCK and count > 0), None)
    if at is None:
        yield view
        return
    for i in range(view.shape[at]):
        yield from tiles_of(view[(slice(None),) * at + (i,)])


def clip(value, mask):
    """The part of a tensor that the mask selects; None when it is empty or the value itself was excluded."""
    if isinstance(value, (int, float)):
        return value
    if value.tensor.is_void:
        return None
    if mask is None and type(value) is Tile:
        return value
    if hasattr(value, "exprs"):
        return value.view_of(mask)
    box = box_of(value.shape, mask)
    return None if box is None else value.view_of()[box]


def masked(tile, mask):
    """The part of a value's tile that the mask selects; the tile remembers it for a later assignment."""
    box = box_of(tile.shape, mask)
    if mask is None:
        tile.tensor.box = box
        return tile
    return boxed(tile, box)


def boxed(tile, box):
    tile.tensor.is_void = box is None
    tile.tensor.box = box
    return None if box is None else tile[box]


def as_made(target, value):
    """Both views, limited to what the call that made the value wrote: the rest of the target stays as it was."""
    view, box = value.view_of(), value.tensor.box
    if box is None or len(box) != view.ndim or not view.shape == value.tensor.shape == target.shape:
        return target, view
    return target.view_of()[box], view[box]


def on_chip(value, operand, call):
    """The view of an operand that an engine can read."""
    view = value.view_of()
    if view._space == HBM:
        raise errors.NkiValidationError(
            f"Expected operand '{operand}' of '{call}' to be in address space 'sbuf|psum', but got a tile in 'hbm' "
            "instead.", current().where(), "nl.load it first", id="err_unsupported_memory")
    return view


def in_hbm(value, operand, call):
    if value._space != HBM:
        raise errors.NkiValidationError(
            f"Expected operand '{operand}' of '{call}' to be in address space 'hbm', but got a tile in "
            f"'{value.buffer.name}' instead.", current().where(),
            "nl.load reads tensors in HBM and nl.store writes them; a kernel "
            "makes one with buffer=nl.shared_hbm", id="err_unsupported_memory")
    return value


def assign(target, value):
    """target[...] = value: a copy, a fill, a load or a store."""
    if not is_tensor(value):
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.item()
        for tile in tiles_of(target):
            fill(tile, float(value))
        return
    if value.tensor.is_void:
        return
    again = value.tensor.again if value.shape == value.tensor.shape else None
    target, view = as_made(target, value)
    if again is not None:  # skipped elements keep their values
        again(target)
        return
    if view.size > target.size:
        raise errors.kernel_error(
            errors.NkiValidationError, "Illegal assignment destination shape in 'a = b': shape "
                                       f"{list(target.shape)} of "
            f"parameter '{target.name}' is smaller than other parameter shapes {view.name}{list(view.shape)}",
            "assign to a tile of that shape", "err_store_dst_shape_smaller_than_other_shape")
    for to, source in zip(tiles_of(target), tiles_of(view)):
        if source.shape != to.shape and source.size != to.size:
            source = source.broadcast_to(to.shape)
        if to._space == HBM or source._space == HBM or not (is_reached(to) and is_reached(source)):
            move(to, source)
        else:
            isa.tensor_copy(to, source)


def is_reached(view):
    """Whether an engine's access may start at the view's first partition (ARCH:711-713)."""
    step = 128 if view.shape[0] > 64 else 64 if view.shape[0] > 32 else 32
    return view._part % step == 0 or view._space == PSUM


def fill(tile, value):
    if tile._space != HBM:
        if is_reached(tile):
            isa.memset(tile, value)
            return
        made = current().value(tile.shape, tile.dtype)  # a DMA reaches any partition
        isa.memset(made, value)
        isa.dma_copy(tile, made)
        return
    if tile.ndim == 0:
        tile = tile.expand_dims(0)
    shape = tile.shape if tile.ndim > 1 else (*tile.shape, 1)
    rows = 128
    for first in range(0, shape[0], rows):
        count = min(rows, shape[0] - first)
        made = current().value((count,) + shape[1:], tile.dtype)
        isa.memset(made, value)
        isa.dma_copy(tile[first:first + count], made)


def move(dst, src, **options):
    """A DMA. A source in PSUM, which DMAs cannot reach, is copied to SBUF first."""
    if src._space == PSUM:
        copy = current().value(src.shape, src.dtype if src.dtype == dst.dtype else np.float32)
        isa.tensor_copy(copy, src)
        src = copy
    if dst._space == PSUM:
        copy = current().value(dst.shape, dst.dtype)
        isa.dma_copy(copy, src, **options)
        isa.tensor_copy(dst, copy)
        return
    isa.dma_copy(dst, src, **options)


SHORT_RUNS = 64  # from so many elements on, transposing on TensorE beats a DMA that moves them one by one


def is_transposed(hbm, tile):
    """Whether neighbours in HBM are in neighbouring partitions of the tile, and elements of a partition are apart in
    HBM."""
    if hbm._index_view is not None or len(hbm.shape) != 2 or len(tile.shape) != 2 or min(tile.shape) < SHORT_RUNS:
        return False
    (down, rows, _), (along, _, _) = hbm._dims
    return down == 1 and along >= rows and dtypes.is_float(tile.dtype) and tile.dtype.itemsize <= 4


def turned(view):
    """A tile [P, F <= 128] in SBUF transposed to [F, P] in PSUM."""
    dst = current().value((view.shape[1], view.shape[0]), np.float32, SPACES["psum"])
    isa.nc_transpose(dst, view)
    return dst


def columns_of(tile):
    for first in range(0, tile.shape[1], 128):
        yield slice(first, min(first + 128, tile.shape[1]))


def load_turned(tile, view):
    """A load that would move single elements of HBM: loads whole rows and transposes them on TensorE."""
    for part in columns_of(tile):
        rows = view[:, part].permute((1, 0))
        held = current().value(rows.shape, tile.dtype, name="rows")
        isa.dma_copy(held, rows)
        isa.tensor_copy(tile[:, part], turned(held))


def store_turned(view, tile):
    if tile._space == PSUM:
        tile = copied(tile)
    for part in columns_of(tile):
        move(view[:, part].permute((1, 0)), turned(tile[:, part]))


def load(src, dtype=None, mask=None, mode=oob_mode.error, name=None):
    in_hbm(src, "src", "load")
    view = clip(src, mask)
    shape = src.shape if len(src.shape) > 1 else (src.shape[0] if src.shape else 1, 1)
    tile = current().value(shape, dtype or src.dtype, name="load")
    to = masked(tile, mask)
    if to is not None and mask is None and is_transposed(view, tile):
        load_turned(tile, view)
    elif to is not None:
        skip = int(mode) == oob_mode.skip
        move(to, view, skip=skip)
        if skip:
            tile.tensor.again = functools.partial(move, src=view, skip=True)
    return tile


def store(dst, value, mask=None, mode=oob_mode.error, name=None):
    in_hbm(dst, "dst", "store")
    view = clip(dst, mask)
    if view is None:
        return
    if not is_tensor(value):
        fill(view, float(value))
        return
    source = clip(value, mask)
    if source._space == HBM:
        raise errors.NkiValidationError("Expected operand 'value' of 'store' to be in address space 'sbuf|psum', but "
                                        "got a tile in 'hbm' instead.", current().where(),
                                        id="err_unsupported_memory")
    targets, sources = list(tiles_of(view)), list(tiles_of(source))
    if len(sources) > 1:  # an array of tiles: its outer dimensions are those of the tensor
        targets = [view[index] for index in np.ndindex(*view.shape[:source.ndim - sources[0].ndim])]
    for to, tile in zip(targets, sources):
        if to.size != tile.size:
            raise errors.kernel_error(errors.NkiValidationError, f"store of {tile!r} into {to!r}: their shapes differ",
                                      "index the tensor to the tile's shape, or broadcast_to the tile", op="store")
        if is_transposed(to, tile):
            store_turned(to, tile)
        else:
            move(to, tile, skip=int(mode) == oob_mode.skip)


def copied(value, dtype=None, mask=None, engine=None):
    view = clip(value, mask)
    tile = current().value(value.shape, dtype or value.dtype, name="copy")
    to = boxed(tile, None) if view is None else masked(tile, mask)
    if to is not None:
        isa.tensor_copy(to, view, engine)
    return tile


def constant(array, name="constant"):
    """An HBM tensor with constant values."""
    return current().constant(np.asarray(array), name)


def identity(n, dtype):
    run = current()
    key = ("identity", int(n), dtypes.code_of(dtype))
    if key not in run.constants:
        run.constants[key] = constant(np.eye(int(n)).astype(dtypes.dtype_of(dtype)), "identity")
    return run.constants[key]


def loaded(constant):
    """A tile with a constant's values, loaded once in each program."""
    run = current()
    key = ("loaded", constant._handle, run.program)
    if key not in run.constants:
        tile = run.tile(constant.shape, constant.dtype, SPACES["sbuf"], constant.name)
        isa.dma_copy(tile, constant)
        run.constants[key] = tile
    return run.constants[key]


def printed(prefix, value):
    run = current()
    if run.ranks == 1:
        print(prefix, run.peek(value))
        return
    for rank, found in enumerate(run.peek_ranks(value)):
        print(f"rank {rank}: {prefix}", found)


