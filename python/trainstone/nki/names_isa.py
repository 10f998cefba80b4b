"""The module that kernels import as nki.isa: instructions that name the tile they write."""

import numpy as np

from trainstone.nki import dtypes, errors, language
from trainstone.nki import instructions as isa
from trainstone.nki.constants import (  # noqa: F401
    dge_mode, dma_engine, engine, fp32, get_nc_version, gpsimd_engine, matmul_perf_mode, nc_version, oob_mode,
    reduce_cmd, scalar_engine, tensor_engine, unknown_engine, vector_engine)
from trainstone.nki.errors import NkiValidationError  # noqa: F401
from trainstone.nki.memory import on_chip
from trainstone.nki.native import PSUM
from trainstone.nki.run import current
from trainstone.nki.tile import is_tensor


def _view(value, name, call):
    return on_chip(value, name, call) if is_tensor(value) else value


def _ignored(call, options):
    """Arguments of later or earlier releases that change nothing here: dtype, mask and name."""
    for name in options:
        if name not in ("dtype", "mask", "name", "priority"):
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}")


def tensor_tensor(dst, data1, data2, op, engine=None, name=None, **options):
    _ignored("tensor_tensor", options)
    call = "tensor_tensor"
    isa.tensor_tensor(_view(dst, "dst", call), _view(data1, "data1", call), _view(data2, "data2", call), op, engine)


def tensor_scalar(dst, data, op0, operand0, reverse0=False, op1=None, operand1=None, reverse1=False, engine=None,
                  name=None, **options):
    _ignored("tensor_scalar", options)
    isa.tensor_scalar(_view(dst, "dst", "tensor_scalar"), _view(data, "data", "tensor_scalar"), op0, operand0,
                      reverse0, op1, operand1, reverse1, engine)


def scalar_tensor_tensor(dst, data, op0, operand0, op1, operand1, reverse0=False, reverse1=False, name=None,
                         **options):
    _ignored("scalar_tensor_tensor", options)
    call = "scalar_tensor_tensor"
    isa.scalar_tensor_tensor(_view(dst, "dst", call), _view(data, "data", call), op0, operand0, op1,
                             _view(operand1, "operand1", call), reverse0, reverse1)


def tensor_copy(dst, src, engine=None, name=None, **options):
    _ignored("tensor_copy", options)
    isa.tensor_copy(_view(dst, "dst", "tensor_copy"), _view(src, "src", "tensor_copy"), engine)


def tensor_copy_predicated(dst, src, predicate, reverse_pred=False, name=None, **options):
    _ignored("tensor_copy_predicated", options)
    call = "tensor_copy_predicated"
    to, chosen = _view(dst, "dst", call), _view(predicate, "predicate", call)
    if dtypes.is_float(chosen.dtype) or reverse_pred:
        compare = language.equal if reverse_pred else language.not_equal
        chosen = compare(chosen, 0.0, dtype=np.uint8)
    source = _view(src, "src", call)
    if not is_tensor(source):
        source = current().value(to.shape, to.dtype)
        isa.memset(source, float(src))
    isa.tensor_copy_predicated(to, source.broadcast_to(to.shape), chosen.broadcast_to(to.shape))


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


def activation(dst, op, data, bias=None, scale=1.0, reduce_op=None, reduce_res=None, reduce_cmd=None, name=None,
               **options):
    _ignored("activation", options)
    from trainstone.nki.names_isa_beta1 import _activate

    call = "activation"
    _activate(_view(dst, "dst", call), op, _view(data, "data", call), _view(bias, "bias", call),
              _view(scale, "scale", call), _view(reduce_res, "reduce_res", call))


def activation_reduce(dst, op, data, reduce_op, reduce_res, bias=None, scale=1.0, name=None, **options):
    activation(dst, op, data, bias, scale, reduce_op, reduce_res, **options)


def reciprocal(dst, data, name=None, **options):
    _ignored("reciprocal", options)
    isa.reciprocal(_view(dst, "dst", "reciprocal"), _view(data, "data", "reciprocal"))


def tensor_reduce(dst, op, data, axis, negate=False, keepdims=False, name=None, **options):
    _ignored("tensor_reduce", options)
    to, view = _view(dst, "dst", "tensor_reduce"), _view(data, "data", "tensor_reduce")
    language.reduce_into(to, op, view, language.last_axes(view, axis))
    if negate:
        isa.tensor_scalar(to, to, "multiply", -1.0)


def tensor_tensor_scan(dst, data0, data1, initial, op0, op1, reverse0=False, reverse1=False, name=None, **options):
    _ignored("tensor_tensor_scan", options)
    call = "tensor_tensor_scan"
    isa.tensor_tensor_scan(_view(dst, "dst", call), _view(data0, "data0", call), _view(data1, "data1", call),
                           _view(initial, "initial", call), op0, op1)


def nc_matmul(dst, stationary, moving, is_stationary_onezero=False, is_moving_onezero=False, is_transpose=False,
              accumulate=None, tile_position=(), tile_size=(), perf_mode=None, name=None, **options):
    _ignored("nc_matmul", options)
    if perf_mode not in (None, matmul_perf_mode.none, "none"):
        raise errors.NkiUnsupportedError(f"perf_mode={perf_mode} needs NeuronCore-v3", current().where())
    isa.nc_matmul(_view(dst, "dst", "nc_matmul"), _view(stationary, "stationary", "nc_matmul"),
                  _view(moving, "moving", "nc_matmul"), accumulate, is_stationary_onezero)


def nc_transpose(dst, data, engine=None, name=None, **options):
    _ignored("nc_transpose", options)
    to, view = _view(dst, "dst", "nc_transpose"), _view(data, "data", "nc_transpose")
    isa.nc_transpose(to, view, engine)


def dma_copy(dst, src, priority=None, oob_mode=oob_mode.error, dge_mode=None, engine=None, name=None, **options):
    options.pop("dst_rmw_op", None)
    _ignored("dma_copy", options)
    to, source = dst.view_of(), src.view_of()
    for view, operand in ((to, "dst"), (source, "src")):
        if view._space == PSUM:
            raise errors.NkiValidationError(f"Expected operand '{operand}' of 'dma_copy' to be in address space "
                                            "'hbm|sbuf', but got a tile in 'psum' instead.", current().where(),
                                            "copy it to SBUF with nisa.tensor_copy first")
    isa.dma_copy(to, source, skip=int(oob_mode) == 1, engine=engine)


