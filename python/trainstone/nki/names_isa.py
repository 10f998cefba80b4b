"""The module that kernels import as nki.isa: instructions that take the tile they write as an argument."""

import numpy as np

from trainstone.nki import dtypes, errors, language
from trainstone.nki import instructions as isa
from trainstone.nki.constants import (  # noqa: F401
    dge_mode, dma_engine, engine, fp32, get_nc_sub_version, get_nc_version, gpsimd_engine, matmul_perf_mode,
    nc_version, oob_mode, reduce_cmd, scalar_engine, tensor_engine, unknown_engine, vector_engine)
from trainstone.nki.control import Register as VirtualRegister  # noqa: F401
from trainstone.nki.control import register_alloc, register_load, register_move, register_store  # noqa: F401
from trainstone.nki.errors import NkiValidationError  # noqa: F401
from trainstone.nki.memory import on_chip
from trainstone.nki.names_isa_beta1 import _activate
from trainstone.nki.native import ALU, HBM, PSUM, SCALAR, SYNC, TENSOR, VECTOR
from trainstone.nki.operators import is_tensor
from trainstone.nki.quick import ACT_CODES, ALU_CODES, FLOAT_CODES, VECTOR_CODES, quick
from trainstone.nki.run import current
from trainstone.nki.tile import Tile


def _view(value, name, call):
    if type(value) is Tile and value._space != HBM:
        return value
    return on_chip(value, name, call) if is_tensor(value) else value


def _ignored(call, options):
    """Checks arguments of other releases that have no effect here: dtype, an empty mask and name."""
    for name, value in options.items():
        if name not in ("dtype", "mask", "name", "priority"):
            raise errors.kernel_error(errors.NkiTypeError,
                                      f"{call}() got an unexpected keyword argument {name!r}", op=call)
        if name == "mask" and value is not None:
            raise errors.kernel_error(errors.NkiTypeError, f"{call}() takes no mask: neuronxcc.nki.isa, the "
                                                           "other dialect, has them",
                                      "index the tiles to what the mask keeps", op=call)


@quick(VECTOR, dst="tile", data1="tile", data2="tile", op=("code", "op", VECTOR_CODES))
def tensor_tensor(dst, data1, data2, op, engine=None, name=None, **options):
    _ignored("tensor_tensor", options)
    call = "tensor_tensor"
    isa.tensor_tensor(_view(dst, "dst", call), _view(data1, "data1", call), _view(data2, "data2", call), op, engine)


@quick(VECTOR, {"reverse0": 0, "op1": ALU["bypass"], "operand1": 0, "reverse1": 0}, dst="tile", data="tile",
       op0=("code", "op0", FLOAT_CODES), operand0="column", reverse0="flag", op1=("code", "op1", FLOAT_CODES),
       operand1="column", reverse1="flag")
def tensor_scalar(dst, data, op0, operand0, reverse0=False, op1=None, operand1=None, reverse1=False, engine=None,
                  name=None, **options):
    _ignored("tensor_scalar", options)
    isa.tensor_scalar(_view(dst, "dst", "tensor_scalar"), _view(data, "data", "tensor_scalar"), op0, operand0,
                      reverse0, op1, operand1, reverse1, engine)


@quick(VECTOR, {"reverse0": 0, "reverse1": 0}, dst="tile", data="tile", op0=("code", "op0", ALU_CODES),
       operand0="column", op1=("code", "op1", ALU_CODES), operand1="tile", reverse0="flag", reverse1="flag")
def scalar_tensor_tensor(dst, data, op0, operand0, op1, operand1, reverse0=False, reverse1=False, name=None,
                         **options):
    _ignored("scalar_tensor_tensor", options)
    call = "scalar_tensor_tensor"
    isa.scalar_tensor_tensor(_view(dst, "dst", call), _view(data, "data", call), op0, operand0, op1,
                             _view(operand1, "operand1", call), reverse0, reverse1)


@quick(0, dst="tile", src="tile")
def tensor_copy(dst, src, engine=None, name=None, **options):
    _ignored("tensor_copy", options)
    isa.tensor_copy(_view(dst, "dst", "tensor_copy"), _view(src, "src", "tensor_copy"), engine)


def tensor_copy_predicated(dst, src, predicate, reverse_pred=False, name=None, **options):
    _ignored("tensor_copy_predicated", options)
    call = "tensor_copy_predicated"
    to, chosen = _view(dst, "dst", call), _view(predicate, "predicate", call)
    if dtypes.is_float(chosen.dtype):
        chosen = language.not_equal(chosen, 0.0, dtype=np.uint8)
    source = _view(src, "src", call)
    if not is_tensor(source):
        source = current().value(to.shape, to.dtype)
        isa.memset(source, float(src))
    isa.tensor_copy_predicated(to, source.broadcast_to(to.shape), chosen.broadcast_to(to.shape),
                               reverse_pred)


@quick(VECTOR, dst="tile", value="number")
def memset(dst, value, engine=None, name=None, **options):
    _ignored("memset", options)
    isa.memset(_view(dst, "dst", "memset"), value, engine)


def iota(dst, pattern, offset=0, channel_multiplier=0, name=None, **options):
    _ignored("iota", options)
    view = _view(dst, "dst", "iota")
    steps, counts = [step for step, _ in pattern], tuple(count for _, count in pattern)
    if view.shape[1:] != counts:
        view = view.reshape((view.shape[0],) + counts)
    isa.iota(view, steps, offset, channel_multiplier)


@quick(SCALAR, {"scale": 1, "reduce_cmd": 0}, dst="tile", op=("code", "func", ACT_CODES), data="tile",
       bias="optional", scale="column", reduce_op="anything", reduce_res=("reduced", "reduce", None))
def activation(dst, op, data, bias=None, scale=1.0, reduce_op=None, reduce_res=None, reduce_cmd=None, name=None,
               **options):
    _ignored("activation", options)
    call = "activation"
    _activate(_view(dst, "dst", call), op, _view(data, "data", call), _view(bias, "bias", call),
              _view(scale, "scale", call), _view(reduce_res, "reduce_res", call), reduce_cmd)


@quick(SCALAR, {"scale": 1, "reduce_cmd": 0}, "activation", dst="tile", op=("code", "func", ACT_CODES),
       data="tile", bias="optional", scale="column",
       reduce_op="anything", reduce_res=("reduced", "reduce", None))
def activation_reduce(dst, op, data, reduce_op, reduce_res, bias=None, scale=1.0, name=None, **options):
    activation(dst, op, data, bias, scale, reduce_op, reduce_res, **options)


@quick(VECTOR, dst="tile", data="tile")
def reciprocal(dst, data, name=None, **options):
    _ignored("reciprocal", options)
    isa.reciprocal(_view(dst, "dst", "reciprocal"), _view(data, "data", "reciprocal"))


@quick(VECTOR, {"axes": 1, "negate": 0}, dst="tile", op=("code", "op", ALU_CODES), data="tile", axis="last axis",
       negate="flag", keepdims="anything")
def tensor_reduce(dst, op, data, axis, negate=False, keepdims=False, name=None, **options):
    _ignored("tensor_reduce", options)
    to, view = _view(dst, "dst", "tensor_reduce"), _view(data, "data", "tensor_reduce")
    axes = language.axes_of(view, axis)
    language.reduce_into(to, op, language.axes_last(view, axes), len(axes), negate)


def tensor_tensor_scan(dst, data0, data1, initial, op0, op1, reverse0=False, reverse1=False, name=None, **options):
    _ignored("tensor_tensor_scan", options)
    call = "tensor_tensor_scan"
    isa.tensor_tensor_scan(_view(dst, "dst", call), _view(data0, "data0", call), _view(data1, "data1", call),
                           _view(initial, "initial", call), op0, op1, reverse0, reverse1)


@quick(TENSOR, {"accumulate": 1, "is_stationary_onezero": 0, "is_double_row": 0}, dst="tile", stationary="tile",
       moving="tile")
def nc_matmul(dst, stationary, moving, is_stationary_onezero=False, is_moving_onezero=False, is_transpose=False,
              accumulate=None, tile_position=(), tile_size=(), perf_mode=None, name=None, **options):
    _ignored("nc_matmul", options)
    to, data = _view(dst, "dst", "nc_matmul"), _view(stationary, "stationary", "nc_matmul")
    by = _view(moving, "moving", "nc_matmul")
    if is_transpose and to.dtype != np.float32 and by.size == by.shape[0] ** 2 and not accumulate:
        isa.nc_transpose(to, data, engine.tensor)  # the mode that keeps bits and dtype; moving is then the identity
        return
    isa.nc_matmul(to, data, by, accumulate, is_stationary_onezero, perf_mode)


def nc_transpose(dst, data, engine=None, name=None, **options):
    _ignored("nc_transpose", options)
    to, view = _view(dst, "dst", "nc_transpose"), _view(data, "data", "nc_transpose")
    isa.nc_transpose(to, view, engine)


@quick(SYNC, {"rmw": 0, "oob": 0}, dst="written", src="transfer")
def dma_copy(dst, src, priority=None, oob_mode=oob_mode.error, dge_mode=None, engine=None, name=None, **options):
    is_added = bool(options) and _adds("dma_copy", options.pop("dst_rmw_op", None))
    _ignored("dma_copy", options)
    to, source = dst.view_of(), src.view_of()
    if to._space == PSUM or source._space == PSUM:
        raise errors.NkiValidationError(f"Expected operand '{'dst' if to._space == PSUM else 'src'}' of 'dma_copy' to "
                                        "be in address space 'hbm|sbuf', but got a tile in 'psum' instead.",
                                        current().where(), "copy it to SBUF with nisa.tensor_copy first", "dma_copy",
                                        "err_unsupported_memory")
    isa.dma_copy(to, source, is_added, oob_mode == 1, engine)


def _adds(call, op):
    if op is not None and isa.alu_name(op) != "add":
        raise errors.NkiUnsupportedError(f"{call} with an operator other than add is not modelled", current().where(),
                                         op=call)
    return op is not None


def dma_compute(dst, srcs, reduce_op, scales=None, unique_indices=True, oob_mode=oob_mode.error, name=None, **options):
    """dst = the sum of srcs: a transfer of the first source, then an accumulating one for each other. When dst itself
    is a source, the first transfer is left out."""
    _ignored("dma_compute", options)
    _adds("dma_compute", reduce_op)
    if any(float(scale) != 1.0 for scale in scales or ()):
        raise errors.NkiValidationError("dma_compute takes scales of 1.0 only", current().where(),
                                        "scale with nisa.tensor_scalar first", "dma_compute")
    to, sources = dst.view_of(), [src.view_of() for src in srcs]
    own = next((i for i, source in enumerate(sources) if source._is_same(to)), None)
    is_skipping = int(oob_mode) == 1
    if own is None:
        isa.dma_copy(to, sources.pop(0), skip=is_skipping)
    else:
        sources.pop(own)
    for source in sources:
        isa.dma_copy(to, source, rmw=True, skip=is_skipping)


def tensor_scalar_reduce(dst, data, op0, operand0, reduce_op, reduce_res=None, reverse0=False, reduce_cmd=None,
                         reduce_init=None, reduce_res_negate=False, name=None, **options):
    _ignored("tensor_scalar_reduce", options)
    call = "tensor_scalar_reduce"
    isa.tensor_scalar_reduce(_view(dst, "dst", call), _view(data, "data", call), op0, operand0, reduce_op,
                             _view(reduce_res, "reduce_res", call), reverse0, reduce_cmd or "reset_reduce",
                             reduce_init, reduce_res_negate)


def tensor_scalar_cumulative(dst, src, op0, op1, imm0, imm1=None, reduce_cmd=reduce_cmd.reset_reduce, name=None,
                             **options):
    _ignored("tensor_scalar_cumulative", options)
    isa.tensor_scalar_cumulative(_view(dst, "dst", "tensor_scalar_cumulative"),
                                 _view(src, "src", "tensor_scalar_cumulative"), op0, op1, imm0, imm1, reduce_cmd)


def tensor_partition_reduce(dst, op, data, name=None, **options):
    _ignored("tensor_partition_reduce", options)
    call = "tensor_partition_reduce"
    isa.tensor_partition_reduce(_view(dst, "dst", call), op, _view(data, "data", call))


def affine_select(dst, pattern, channel_multiplier, on_true_tile, on_false_value, cmp_op="is_equal", offset=0,
                  name=None, **options):
    _ignored("affine_select", options)
    to, source = _view(dst, "dst", "affine_select"), _view(on_true_tile, "on_true_tile", "affine_select")
    shape = (to.shape[0],) + tuple(count for _, count in pattern)
    isa.affine_select(to.reshape(shape), source.reshape(shape), on_false_value, [step for step, _ in pattern], offset,
                      channel_multiplier, cmp_op)


def select_reduce(dst, predicate, on_true, on_false, reduce_res=None, reduce_cmd=reduce_cmd.idle, reduce_op=None,
                  reverse_pred=False, name=None, **options):
    _ignored("select_reduce", options)
    call = "select_reduce"
    isa.select_reduce(_view(dst, "dst", call), _view(predicate, "predicate", call), _view(on_true, "on_true", call),
                      on_false, reverse_pred, _view(reduce_res, "reduce_res", call), reduce_cmd)


def range_select(dst, on_true_tile, comp_op0, comp_op1, bound0, bound1, reduce_cmd=reduce_cmd.reset_reduce,
                 reduce_res=None, reduce_op=None, range_start=0, on_false_value=fp32.min, name=None, **options):
    _ignored("range_select", options)
    call = "range_select"
    isa.check_on_false(on_false_value)
    isa.range_select(_view(dst, "dst", call), _view(on_true_tile, "on_true_tile", call), range_start, comp_op0,
                     _view(bound0, "bound0", call), comp_op1, _view(bound1, "bound1", call),
                     _view(reduce_res, "reduce_res", call), reduce_cmd)


def _need_v3(call):
    if int(get_nc_version()) < 3:
        raise errors.NkiUnsupportedError(f"{call} needs NeuronCore-v3", current().where(),
                                         "run with NEURON_PLATFORM_TARGET_OVERRIDE=trn2", call)


def core_barrier(data, cores, engine=None, name=None, **options):
    """Both cores wait here before either reads what the other wrote to `data`."""
    _need_v3("core_barrier")
    current().programs.core_barrier(data.view_of(), engine)


def sendrecv(src, dst, send_to_rank, recv_from_rank, pipe_id=0, dma_engine=None, name=None, **options):
    _need_v3("sendrecv")
    if int(send_to_rank) != int(recv_from_rank):
        raise errors.NkiUnsupportedError(f"sendrecv that sends to {int(send_to_rank)} and receives from "
                                         f"{int(recv_from_rank)}: of two programs each has one partner",
                                         current().where(), "give both the same rank", "sendrecv")
    is_gpsimd = getattr(dma_engine, "name", "") == "gpsimd_dma"
    current().programs.sendrecv(_view(dst, "dst", "sendrecv"), _view(src, "src", "sendrecv"), int(recv_from_rank),
                                gpsimd_engine if is_gpsimd else None)


def _two(name, first):
    """Makes an instruction with a destination and one source."""
    def call(dst, source=None, name=None, **options):
        source = options.pop(first, None) if source is None else source
        if source is None:
            raise errors.kernel_error(errors.NkiTypeError, f"{call.__name__}() missing 1 required argument: {first!r}")
        _ignored(call.__name__, options)
        getattr(isa, call.__name__)(_view(dst, "dst", call.__name__), _view(source, first, call.__name__))

    call.__name__ = call.__qualname__ = name
    return call


max8, sequence_bounds = _two("max8", "src"), _two("sequence_bounds", "segment_ids")
bn_stats, bn_aggr = _two("bn_stats", "data"), _two("bn_aggr", "data")


def nc_stream_shuffle(dst=None, src=None, shuffle_mask=None, name=None, **options):
    _ignored("nc_stream_shuffle", options)
    call = "nc_stream_shuffle"
    isa.nc_stream_shuffle(_view(dst, "dst", call), _view(src, "src", call), shuffle_mask)


def local_gather(dst, src_buffer, index, num_elem_per_idx=1, num_valid_indices=None, name=None, **options):
    _ignored("local_gather", options)
    call = "local_gather"
    isa.local_gather(_view(dst, "dst", call), _view(src_buffer, "src_buffer", call), _view(index, "index", call),
                     num_elem_per_idx, num_valid_indices)


def nonzero_with_count(dst, src, index_offset=0, padding_val=-1, name=None, **options):
    _ignored("nonzero_with_count", options)
    call = "nonzero_with_count"
    isa.nonzero_with_count(_view(dst, "dst", call), _view(src, "src", call), index_offset, padding_val)


def nc_n_gather(dst, data, indices, name=None, **options):
    _ignored("nc_n_gather", options)
    isa.nc_n_gather(_view(dst, "dst", "nc_n_gather"), _view(data, "data", "nc_n_gather"),
                    _view(indices, "indices", "nc_n_gather"))


def nc_find_index8(dst, data, vals, name=None, **options):
    _ignored("nc_find_index8", options)
    call = "nc_find_index8"
    isa.nc_find_index8(_view(dst, "dst", call), _view(data, "data", call), _view(vals, "vals", call))


def nc_match_replace8(dst, data, vals, imm, dst_idx=None, name=None, **options):
    _ignored("nc_match_replace8", options)
    call = "nc_match_replace8"
    isa.nc_match_replace8(_view(dst, "dst", call), _view(data, "data", call), _view(vals, "vals", call), imm,
                          _view(dst_idx, "dst_idx", call))


def dropout(dst, data, prob, name=None, **options):
    _ignored("dropout", options)
    isa.dropout(_view(dst, "dst", "dropout"), _view(data, "data", "dropout"), prob)


def rng(dst, engine=None, name=None, **options):
    _ignored("rng", options)
    isa.rng(_view(dst, "dst", "rng"))


def set_rng_seed(src_seeds, name=None):
    isa.set_rng_seed(_view(src_seeds, "src_seeds", "set_rng_seed"))


def dma_transpose(dst, src, axes=None, priority=None, dge_mode=None, oob_mode=None, name=None, **options):
    """A DMA with a permuted HBM side; between tiles it goes through HBM."""
    _ignored("dma_transpose", options)
    language.dma_transposed(dst.view_of(), src.view_of(), axes)
