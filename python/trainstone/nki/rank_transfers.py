"""How collectives get their operands: the instruction takes contiguous runs of HBM, one that a rank sends and one that
it receives."""

import itertools

import numpy as np

from trainstone.nki import errors
from trainstone.nki import instructions as isa
from trainstone.nki.native import ALU, EMIT, FREE, HBM, SYNC
from trainstone.nki.run import current
from trainstone.nki.tile import SPACES

_KINDS = ("all_reduce", "reduce_scatter", "all_gather", "all_to_all", "broadcast", "permute")  # as ts_cc (arch/isa.h)


def check(call, holds, what, remedy, id=""):
    if not holds:
        raise errors.kernel_error(errors.NkiValidationError, f"{call}: {what}", remedy, id, call)


def check_shapes(call, part, whole, dim, members):
    """Checks that `whole` is `part` of all members, joined along one dimension."""
    wanted = list(part.shape)
    wanted[dim] *= members
    role, of = ("dst", "src") if call == "all_gather" else ("src", "dst")
    check(call, list(whole.shape) == wanted, f"{role} {whole!r} for {of} {part!r} and groups of {members}: it must be "
          f"{wanted}, along dimension {dim}", "give it that shape")


def _scratch(shape, view, name):
    return current().tensor(tuple(shape), view.dtype, SPACES["private_hbm"], name)


def _is_run(view):
    return view._space == HBM and view.is_contiguous() and not view.is_indirect()


def _sent(view):
    """What a rank sends, as a contiguous run."""
    if _is_run(view):
        return view
    made = _scratch(view.shape, view, "sent")
    isa.dma_copy(made, view)
    return made


def _flat(view):
    return view.reshape((view.size,))


def _groups(rows):
    """The constant that names an instruction's groups or pairs, shared by all instructions with the same."""
    kept = current().rank_values
    if ("groups", rows) not in kept:
        kept["groups", rows] = current().constant(np.array(rows, np.int32), "groups")
    return kept["groups", rows]


def _move(kind, src, dst, rows, op):
    """Emits an instruction for each size of group, because the rows of its constant have one length."""
    dst.tensor.is_written = True
    for size in sorted({len(row) for row in rows}):
        groups = _groups(tuple(row for row in rows if len(row) == size))
        EMIT.collective(SYNC, kind=_KINDS.index(kind), dst=_flat(dst), src=_flat(src), op=ALU[op], groups=_flat(groups))


def collect(kind, src, dst, rows, op="bypass"):
    """The collective on arbitrary views of the right sizes."""
    current().know_ranks()
    src = _sent(src)
    if _is_run(dst):
        _move(kind, src, dst, rows, op)
        return
    made = _scratch(dst.shape, dst, "received")
    _move(kind, src, made, rows, op)
    isa.dma_copy(dst, made)


def _one_run(views):
    """Views that follow each other in one tensor, as one view; None when they do not."""
    first = views[0]
    end = first._offset
    for view in views:
        if not _is_run(view) or view.tensor is not first.tensor or view._dtype != first._dtype or view._offset != end:
            return None
        end += view.size * view.itemsize
    return first._with([(1, sum(view.size for view in views), FREE)])


def _through_one_run(kind, sources, targets, rows, op):
    total = sum(view.size for view in sources)
    sent, received = (_scratch((total,), sources[0], name) for name in ("sent", "received"))
    ends = list(itertools.accumulate((view.size for view in sources), initial=0))
    for view, first, end in zip(sources, ends, ends[1:]):
        isa.dma_copy(sent[first:end].reshape(view.shape), view)
    _move(kind, sent, received, rows, op)
    for view, first, end in zip(targets, ends, ends[1:]):
        isa.dma_copy(view, received[first:end].reshape(view.shape))


def collect_all(kind, sources, targets, rows, op="bypass"):
    """A collective that keeps elements in place, on several tensors: a single instruction when they are neighbours in
    HBM, or in SBUF, from where they are copied to neighbouring places."""
    current().know_ranks()
    src, dst = _one_run(sources), _one_run(targets)
    if src is not None and dst is not None:
        _move(kind, src, dst, rows, op)
    elif len(sources) > 1 and sources[0]._space != HBM and len({view._dtype for view in sources}) == 1:
        _through_one_run(kind, sources, targets, rows, op)
    else:
        for one, other in zip(sources, targets):
            collect(kind, one, other, rows, op)


def _cut(view, dim, members):
    """The view with parts of a dimension as a new first dimension."""
    shape = view.shape
    cut = view.reshape((*shape[:dim], members, shape[dim] // members, *shape[dim + 1:]))
    return cut.permute([dim, *(axis for axis in range(cut.ndim) if axis != dim)])


def gather(src, dst, rows, dim):
    if dim == 0:
        collect("all_gather", src, dst, rows)
        return
    made = _scratch((len(rows[0]), *src.shape), src, "received")
    collect("all_gather", src, made, rows)
    for part in range(len(rows[0])):
        keys = [slice(None)] * dst.ndim
        keys[dim] = slice(part * src.shape[dim], (part + 1) * src.shape[dim])
        isa.dma_copy(dst[tuple(keys)], made[part])


def scatter(src, dst, rows, dim, op):
    collect("reduce_scatter", src if dim == 0 else _cut(src, dim, len(rows[0])), dst, rows, op)


# ---- combining on the way ----

_ROW = 2048  # elements of a partition that are combined at once


def joined(one, other, op):
    """op(one, other) of views of equal shape."""
    if one._space != HBM:
        made = current().value(one.shape, one.dtype, name="joined")
        isa.tensor_tensor(made, one, other, op)
        return made
    made = _scratch((one.size,), one, "joined")
    one, other = _flat(_sent(one)), _flat(_sent(other))
    at = 0
    while at < one.size:
        columns = min(_ROW, max((one.size - at) // 128, 1))
        rows = min(128, (one.size - at) // columns)
        tiles = [current().value((rows, columns), one.dtype, name="joined") for _ in range(3)]
        end = at + rows * columns
        for tile, side in zip(tiles, (one, other)):
            isa.dma_copy(tile, side[at:end].reshape((rows, columns)))
        isa.tensor_tensor(tiles[2], tiles[0], tiles[1], op)
        isa.dma_copy(made[at:end].reshape((rows, columns)), tiles[2])
        at = end
    return made
