"""The module that kernels import as neuronxcc.nki.isa: instructions that return the tile they write."""

import numpy as np

from trainstone.nki import dtypes, errors, language, memory
from trainstone.nki import instructions as isa
from trainstone.nki.constants import (  # noqa: F401
    dge_mode, dma_engine, engine, fp32, get_nc_version, gpsimd_engine, nc_version, oob_mode, reduce_cmd, scalar_engine,
    sync_engine, tensor_engine, unknown_engine, vector_engine)
from trainstone.nki.index import Index, box_of, ranges_of
from trainstone.nki.memory import clip
from trainstone.nki.native import HBM, PSUM, SBUF
from trainstone.nki.operators import is_tensor
from trainstone.nki.run import current
from trainstone.nki.tile import SPACES


def _made(shape, dtype, mask=None, space="sbuf"):
    """A value tile, and the view of it that the mask selects."""
    tile = current().value(shape, dtype, SPACES[space])
    return tile, memory.masked(tile, mask)


def _made_rows(columns, dtype, data, mask):
    """The same for a value with a few columns for each partition of data."""
    tile, box = current().value((data.shape[0], columns), dtype), box_of(data.shape, mask)
    return tile, memory.boxed(tile, box and (box[0], slice(None)))


def _operand(value, mask, name, call):
    if not is_tensor(value):
        return value
    view = clip(value, mask)
    return None if view is None else memory.on_chip(view, name, call)


def _common(one, other, names="data1 data2"):
    """The common shape of two operands; one element of a free dimension is repeated for all of the other's."""
    if one[0] != other[0]:
        first, second = (f"{name}[{', '.join(map(str, shape))}]" for name, shape in zip(names.split(), (one, other)))
        raise errors.kernel_error(
            errors.NkiValidationError, "number of partitions (dimension 0 size of a tile) mismatch in parameters "
            f"({first}, {second}) of 'tensor_tensor'", "use broadcast_to", "err_num_partition_mismatch",
            "tensor_tensor")
    fits = len(one) == len(other) and all(a == b or 1 in (a, b) for a, b in zip(one[1:], other[1:]))
    return (one[0], *map(max, one[1:], other[1:])) if fits and one[0] == other[0] else one


def tensor_tensor(data1, data2, op, *, dtype=None, mask=None, engine=None, name=None):
    shape = _common(data1.shape, data2.shape)
    dst, to = _made(shape, dtype or dtypes.promote(data1.dtype, data2.dtype), mask)
    if to is not None:
        views = [_operand(data, mask, name, "tensor_tensor") for data, name in ((data1, "data1"), (data2, "data2"))]
        if _common(views[0].shape, views[1].shape) == to.shape:
            views = [view.broadcast_to(to.shape) for view in views]
        isa.tensor_tensor(to, *views, op, engine)
    return dst


def tensor_scalar(data, op0, operand0, reverse0=False, op1=None, operand1=None, reverse1=False, *, dtype=None,
                  mask=None, engine=None, name=None):
    dst, to = _made(data.shape, dtype or data.dtype, mask)
    if to is not None:
        isa.tensor_scalar(to, _operand(data, mask, "data", "tensor_scalar"), op0, _column(operand0, mask), reverse0,
                          op1, _column(operand1, mask), reverse1, engine)
    return dst


def _column(value, mask):
    """A [P, 1] operand, limited to the partitions that the mask selects."""
    if not is_tensor(value):
        return value
    view = value.view_of()
    ranges = ranges_of(mask)
    for axis, (first, last) in (ranges or {}).items():
        if view.ndim + axis == 0 and view.shape[0] > 1:
            view = view[first:last]
    return view


def scalar_tensor_tensor(*, data, op0, operand0, op1, operand1, reverse0=False, reverse1=False, dtype=None, mask=None,
                         name=None):
    dst, to = _made(data.shape, dtype or data.dtype, mask)
    if to is not None:
        isa.scalar_tensor_tensor(to, clip(data, mask), op0, _column(operand0, mask), op1, clip(operand1, mask),
                                 reverse0, reverse1)
    return dst


def tensor_copy(src, *, mask=None, dtype=None, engine=None, name=None):
    dst, to = _made(src.shape, dtype or src.dtype, mask)
    if to is not None:
        isa.tensor_copy(to, _operand(src, mask, "src", "tensor_copy"), engine)
    return dst


def tensor_copy_predicated(*, src, dst, predicate, reverse_pred=False, mask=None, dtype=None, name=None):
    to = clip(dst, mask)
    if to is None:
        return
    chosen = clip(predicate, mask)
    if chosen.shape == to.shape[:chosen.ndim]:  # each element stands for all those behind it
        chosen = chosen.reshape(chosen.shape + (1,) * (to.ndim - chosen.ndim))
    chosen = chosen.broadcast_to(to.shape)
    if dtypes.is_float(chosen.dtype):
        chosen = language.not_equal(chosen, 0.0, dtype=np.uint8)
    if is_tensor(src):
        source = clip(src, mask).broadcast_to(to.shape)
    else:
        source = current().value(to.shape, to.dtype)
        isa.memset(source, float(src))
    isa.tensor_copy_predicated(to, source, chosen, reverse_pred)


def memset(shape, value, dtype, *, mask=None, engine=None, name=None):
    dst, to = _made(memory.shape_of(shape), dtype, mask)
    if to is not None:
        isa.memset(to, value, engine)
    return dst


def iota(expr, dtype, *, mask=None, name=None):
    """The values of an affine index expression; its first axis is the partitions."""
    if not isinstance(expr, Index):
        raise errors.NkiTypeError(f"iota takes an expression of nl.arange, not {expr!r}")
    dst = current().value(expr.shape, dtype)
    to = clip(dst, mask)
    if to is None:
        return dst
    ranges = ranges_of(mask)
    offset = expr.const + sum(c * ranges.get(axis, (0, 0))[0] for axis, c in expr.coefs.items())
    pattern = [expr.coefs.get(axis, 0) for axis in range(1 - expr.ndim, 0)]
    isa.iota(to, pattern, offset, expr.coefs.get(-expr.ndim, 0))
    return dst


def activation(op, data, *, bias=None, scale=1.0, reduce_op=None, reduce_res=None, reduce_cmd=reduce_cmd.idle,
               mask=None, dtype=None, buffer=None, name=None):
    dst, to = _made(data.shape, dtype or data.dtype, mask, "sbuf" if buffer is None else buffer.name)
    if to is None:
        return dst
    source = _operand(data, mask, "data", "activation")
    _activate(to, op, source, _column(bias, mask), _column(scale, mask),
              None if reduce_res is None else clip(reduce_res, None), reduce_cmd)
    return dst


def _activate(to, op, source, bias, scale, reduce_res, command=None):
    name = isa.act_name(op)
    if name in isa.ACT:
        isa.activation(to, name, source, bias, scale, reduce_res, command)
        return
    language.activate(name, to, source, scale, bias)
    if reduce_res is not None:
        language.reduce_into(reduce_res, "add", to, to.ndim - 1)


def activation_reduce(op, data, *, reduce_op, reduce_res, bias=None, scale=1.0, mask=None, dtype=None, name=None):
    return activation(op, data, bias=bias, scale=scale, reduce_op=reduce_op, reduce_res=reduce_res, mask=mask,
                      dtype=dtype)


def reciprocal(data, *, dtype=None, mask=None, name=None):
    return language.reciprocal(data, dtype, mask)


def tensor_reduce(op, data, axis, *, mask=None, dtype=None, negate=False, keepdims=False, name=None):
    return language.reduce(op, data, axis, dtype, mask, keepdims, negate)


def tensor_tensor_scan(data0, data1, initial, op0, op1, reverse0=False, reverse1=False, *, dtype=None,
                       mask=None, name=None):
    dst, to = _made(data0.shape, dtype or data0.dtype, mask)
    if to is not None:
        isa.tensor_tensor_scan(to, clip(data0, mask), clip(data1, mask), _column(initial, mask), op0, op1,
                               reverse0, reverse1)
    return dst


def nc_matmul(stationary, moving, *, is_stationary_onezero=False, is_moving_onezero=False, is_transpose=False,
              tile_position=(), tile_size=(), mask=None, perf_mode=None, name=None):
    if ranges_of(mask) is None or clip(stationary, None) is None or clip(moving, None) is None:
        return language.nothing((stationary.shape[1], *moving.shape[1:]), np.float32, SPACES["psum"])
    stationary, moving = _float_operand(stationary), _float_operand(moving)
    first = 2 if isa.is_double_row(perf_mode) else 1  # first of the free dimensions that are not contracted
    dst = current().value((language.math.prod(stationary.shape[first:]), *moving.shape[first:]), np.float32,
                          SPACES["psum"])
    isa.nc_matmul(dst, stationary, moving, False, is_stationary_onezero, perf_mode)
    return dst


def _float_operand(value):
    """An operand that TensorE can read: floats in SBUF."""
    view = memory.on_chip(value, "operand", "nc_matmul")
    return language.copied(view) if view._space == PSUM else view


def nc_transpose(data, *, mask=None, dtype=None, engine=None, name=None):
    chosen = isa.engine_code(engine, 0)
    return language.transpose(data, dtype, mask, chosen == isa.VECTOR if chosen else None)


def dma_copy(*, dst, src, mask=None, dst_rmw_op=None, oob_mode=oob_mode.error, dge_mode=None, name=None):
    to, source = clip(dst, mask), clip(src, mask)
    if to is None or source is None:
        return
    if dst_rmw_op is not None and isa.alu_name(dst_rmw_op) != "add":
        raise errors.NkiUnsupportedError("dst_rmw_op other than add is not modelled", current().where())
    if to._space == HBM == source._space or to._space != source._space or to._space == SBUF:
        memory.move(to, source, rmw=dst_rmw_op is not None, skip=int(oob_mode) == 1)


def _tiled_offloaded_memcpy(*, dst, src, dtype=None):
    """The name in the Neuron team's contributed kernels of a transfer from HBM to HBM."""
    dma_copy(dst=dst, src=src)


def _tiled_offloaded_fma(*srcs, dst, scales=None):
    """And of one that adds its sources."""
    if any(float(scale) != 1.0 for scale in scales or ()):
        raise errors.NkiUnsupportedError("scales other than 1.0 are not modelled", current().where())
    for i, src in enumerate(srcs):
        dma_copy(dst=dst, src=src, dst_rmw_op="add" if i else None)


def tensor_copy_dynamic_src(src, *, mask=None, dtype=None, engine=None, name=None):
    """Copies from a place that a tile's value gives, which is read while recording."""
    return tensor_copy(language.placed(src), mask=mask, dtype=dtype, engine=engine)


def tensor_copy_dynamic_dst(*, dst, src, mask=None, dtype=None, engine=None, name=None):
    to = clip(language.placed(dst), mask)
    if to is not None:
        isa.tensor_copy(to, _operand(src, mask, "src", "tensor_copy_dynamic_dst"), engine)
    return dst


def tensor_scalar_reduce(*, data, op0, operand0, reduce_op, reduce_res, reverse0=False, dtype=None,
                         mask=None, name=None):
    dst, to = _made(data.shape, dtype or data.dtype, mask)
    if to is not None:
        isa.tensor_scalar_reduce(to, clip(data, mask), op0, _column(operand0, mask), reduce_op,
                                 _column(reduce_res, mask), reverse0, "reset_reduce")
    return dst


def tensor_scalar_cumulative(*, src, dst, op0, op1, imm0, imm1=None, reduce_cmd=reduce_cmd.reset_reduce, mask=None,
                             name=None):
    to = clip(dst, mask)
    if to is not None:
        isa.tensor_scalar_cumulative(to, clip(src, mask), op0, op1, imm0, imm1, reduce_cmd)


def tensor_partition_reduce(op, data, *, mask=None, dtype=None, name=None):
    dst = current().value((1,) + tuple(data.shape[1:]), dtype or data.dtype)
    isa.tensor_partition_reduce(dst, op, clip(data, mask))
    return dst


def affine_select(pred, on_true_tile, on_false_value, *, mask=None, dtype=None, name=None):
    """pred: a single comparison of index expressions."""
    if len(pred.forms) != 1:
        raise errors.NkiUnsupportedError("affine_select takes one comparison", current().where())
    dst, to = _made(on_true_tile.shape, dtype or on_true_tile.dtype, mask)
    if to is None:
        return dst
    form, count = pred.forms[0], len(on_true_tile.shape)
    ranges = ranges_of(mask)
    offset = form.const + sum(c * ranges.get(axis, (0, 0))[0] for axis, c in form.coefs.items())
    isa.affine_select(to, language.in_sbuf(clip(on_true_tile, mask)), on_false_value,
                      [form.coefs.get(axis, 0) for axis in range(1 - count, 0)], offset, form.coefs.get(-count, 0),
                      "is_ge")
    return dst


def select_reduce(*, dst, predicate, on_true, on_false, reduce_res=None, reduce_cmd=reduce_cmd.idle, reduce_op=None,
                  reverse_pred=False, mask=None, dtype=None, name=None):
    to = clip(dst, mask)
    if to is not None:
        isa.select_reduce(to, clip(predicate, mask), clip(on_true, mask), _column(on_false, mask), reverse_pred,
                          _column(reduce_res, mask), reduce_cmd)


def range_select(*, on_true_tile, comp_op0, comp_op1, bound0, bound1, reduce_cmd=reduce_cmd.idle, reduce_res=None,
                 reduce_op=np.amax, range_start=0, on_false_value=fp32.min, mask=None, dtype=None, name=None):
    isa.check_on_false(on_false_value)
    dst, to = _made(on_true_tile.shape, dtype or on_true_tile.dtype, mask)
    if to is not None:
        isa.range_select(to, clip(on_true_tile, mask), range_start, comp_op0, _column(bound0, mask), comp_op1,
                         _column(bound1, mask), _column(reduce_res, mask), reduce_cmd)
    return dst


def nc_stream_shuffle(src, dst, shuffle_mask, *, dtype=None, mask=None, name=None):
    to = clip(dst, mask)
    if to is not None:
        isa.nc_stream_shuffle(to, clip(src, mask), shuffle_mask)


def local_gather(src_buffer, index, num_elem_per_idx=1, num_valid_indices=None, *, mask=None, name=None):
    """[P, indices, elements per index]"""
    parts, step = index.shape[0], int(num_elem_per_idx)
    count = 16 * index.size // parts if num_valid_indices is None else int(num_valid_indices)
    dst = current().value((parts, count) if step == 1 else (parts, count, step), src_buffer.dtype)
    isa.local_gather(dst, clip(src_buffer, mask), clip(index, mask), step, count)
    return dst


def sequence_bounds(*, segment_ids, dtype=None, name=None):
    rows, count = segment_ids.shape
    dst = current().value((rows, 2, count), dtype or segment_ids.dtype)
    isa.sequence_bounds(dst, segment_ids.view_of())
    return dst


def max8(*, src, mask=None, dtype=None, name=None):
    dst, to = _made_rows(8, dtype or src.dtype, src, mask)
    if to is not None:
        isa.max8(to, clip(src, mask))
    return dst


def nc_find_index8(*, data, vals, mask=None, dtype=None, name=None):
    dst, to = _made_rows(8, dtype or np.uint32, data, mask)
    if to is not None:
        isa.nc_find_index8(to, clip(data, mask), vals.view_of()[dst.tensor.box[0]])
    return dst


def nc_match_replace8(*, data, vals, imm, dst_idx=None, mask=None, dtype=None, name=None):
    dst, to = _made(data.shape, dtype or data.dtype, mask)
    if to is not None:
        rows = dst.tensor.box[0]
        index = None if dst_idx is None else dst_idx.view_of()[rows]
        isa.nc_match_replace8(to, clip(data, mask), vals.view_of()[rows], imm, index)
    return dst


def bn_stats(data, *, mask=None, dtype=None, name=None):
    dst, to = _made_rows(6, dtype or np.float32, data, mask)
    if to is not None:
        isa.bn_stats(to, clip(data, mask))
    return dst


def bn_aggr(data, *, mask=None, dtype=None, name=None):
    dst, to = _made_rows(2, dtype or np.float32, data, mask)
    if to is not None:
        isa.bn_aggr(to, clip(data, mask))
    return dst


def dropout(data, prob, *, mask=None, dtype=None, name=None):
    dst, to = _made(data.shape, dtype or data.dtype, mask)
    if to is not None:
        isa.dropout(to, clip(data, mask), _column(prob, mask))
    return dst


def dma_transpose(src, *, axes=None, mask=None, dtype=None, dge_mode=None, name=None):
    view = clip(language.from_hbm(src), mask)
    turned = tuple(axes) if axes is not None else tuple(range(view.ndim))[::-1]
    dst = current().value([view.shape[axis] for axis in turned], dtype or view.dtype)
    language.dma_transposed(dst, view, turned)
    return dst
