"""The instructions of nki.isa, destination first. Both dialects call these functions after sorting their arguments.

Each function checks what only Python knows (operators, requested dtypes) and emits one row of isa.def; the library
checks limits and computes values and time. A mask that is empty makes no instruction.
"""

import numpy as np

from trainstone.nki import dtypes, errors
from trainstone.nki.constants import ENGINE_CODES
from trainstone.nki.native import ACT, ALU, EMIT, GPSIMD, SBUF, SCALAR, SYNC, TENSOR, VECTOR
from trainstone.nki.operators import is_tensor

_ALU_NAMES = {"multiply": "multiply", "maximum": "max", "minimum": "min", "amax": "max", "amin": "min", "sum": "add",
              "prod": "multiply", "power": "pow", "equal": "is_equal", "greater": "is_gt", "greater_equal": "is_ge",
              "less": "is_lt", "less_equal": "is_le", "left_shift": "logical_shift_left", "invert": "bitwise_not",
              "right_shift": "logical_shift_right", "fmod": "mod", "true_divide": "divide", "all": "logical_and",
              "float_power": "pow", "remainder": "mod", "any": "logical_or"}
_ACT_NAMES = {"absolute": "abs", "negative": "copy", "tan": "tan", "identity": "copy"}
GPSIMD_ONLY = {"pow", "rsqrt"}
BITWISE = {"bitwise_and", "bitwise_or", "bitwise_xor", "logical_shift_left", "logical_shift_right", "arith_shift_right"}


def alu_name(op):
    """The operator's name in the tables, given an nl function, a NumPy ufunc or a name."""
    name = getattr(op, "alu", None) or (op if isinstance(op, str) else getattr(op, "__name__", str(op)))
    name = _ALU_NAMES.get(name, name)
    if name not in ALU:
        raise errors.kernel_error(errors.NkiValidationError, f"{name} is no operator of this instruction",
                                  "use one of nki.isa's table of operators, such as nl.add", op=name)
    return name


def alu(op):
    return ALU[alu_name(op)]


def act_name(op):
    name = getattr(op, "act", None) or (op if isinstance(op, str) else getattr(op, "__name__", str(op)))
    return _ACT_NAMES.get(name, name)


def engine_code(engine, default):
    return default if engine is None else ENGINE_CODES[engine] or default


_COMMANDS = ("idle", "reset", "reset_reduce", "reduce", "load_reduce")  # in the order of ts_cmd (arch/isa.h)


def command_code(command, reduces):
    """The code of an accumulator command; without a command, resets first if the instruction reduces."""
    name = getattr(command, "name", command)
    if name is None or (name == "idle" and reduces is not None):
        name = "idle" if reduces is None else "reset_reduce"
    return _COMMANDS.index(name)


def column(value):
    """A [P, 1] operand converted to fp32, the type that engines take."""
    if not is_tensor(value):
        try:
            return float(value)
        except (TypeError, ValueError):
            raise errors.kernel_error(errors.NkiTypeError,
                                      f"{errors.described(value)} is no number, and no tile of one column",
                                      "pass it to the kernel as an argument" if hasattr(value, "shape")
                                      else "") from None
    view = value.view_of()
    if view._dtype == dtypes.F32 or not dtypes.is_float(view.dtype):
        return view
    from trainstone.nki.run import current

    wide = current().value(view.shape, np.float32, name="scale")
    EMIT.tensor_copy(VECTOR, dst=wide, src=view)
    return wide


def as_stored(value):
    """The operand in its own dtype."""
    return value.view_of() if is_tensor(value) else value


def pieces(*views):
    """Cuts views of equal shape along their outer dimensions when they have more than an instruction's four."""
    if views[0].ndim <= 5:
        return (views,)
    shape = views[0].shape
    if sum(length != 1 for length in shape[1:]) <= 4 or any(view.shape != shape for view in views):
        return (views,)
    return [piece for i in range(views[0].shape[1]) for piece in pieces(*(view[:, i] for view in views))]


def dma_copy(dst, src, rmw=False, skip=False, engine=None, is_transpose=False):
    dst.tensor.is_written = True
    EMIT.dma_copy(engine_code(engine, SYNC), dst=dst, src=src, rmw=int(rmw), oob=int(skip),
                  is_transpose=int(is_transpose))


def core_signal(data, engine=None, default=GPSIMD):
    EMIT.core_signal(engine_code(engine, default), data=data)


def core_wait(data, engine=None, default=GPSIMD):
    EMIT.core_wait(engine_code(engine, default), data=data)


def exchange(dst, src, engine=None):
    """dst = the other core's src, exchanged when both cores have reached this point."""
    core_signal(src, engine, SYNC)
    core_wait(dst, engine, SYNC)
    EMIT.dma_copy(engine_code(engine, SYNC), dst=dst, src=src, is_exchange=1)


def tensor_copy(dst, src, engine=None):
    for to, source in pieces(dst, src):
        EMIT.tensor_copy(engine_code(engine, 0), dst=to, src=source)  # 0: the library balances VectorE and ScalarE


def memset(dst, value, engine=None):
    EMIT.memset(engine_code(engine, VECTOR), dst=dst, value=float(value))


def tensor_tensor(dst, data1, data2, op, engine=None):
    name = alu_name(op)
    engine = engine_code(engine, GPSIMD if name == "pow" else VECTOR)
    for to, one, other in pieces(dst, data1, data2):
        EMIT.tensor_tensor(engine, dst=to, data1=one, data2=other, op=ALU[name])


def tensor_scalar(dst, data, op0, operand0, reverse0=False, op1=None, operand1=None, reverse1=False, engine=None):
    first, second = alu_name(op0), "bypass" if op1 is None else alu_name(op1)
    fix = as_stored if first in BITWISE else column
    engine = engine_code(engine, GPSIMD if {first, second} & GPSIMD_ONLY else VECTOR)
    operand0, operand1 = fix(operand0), 0.0 if operand1 is None else fix(operand1)
    for to, source in pieces(dst, data):
        EMIT.tensor_scalar(engine, dst=to, data=source, op0=ALU[first], operand0=operand0, reverse0=bool(reverse0),
                           op1=ALU[second], operand1=operand1, reverse1=bool(reverse1))


def scalar_tensor_tensor(dst, data, op0, operand0, op1, operand1, reverse0=False, reverse1=False):
    EMIT.scalar_tensor_tensor(VECTOR, dst=dst, data=data, op0=alu(op0), operand0=column(operand0),
                              reverse0=bool(reverse0), op1=alu(op1), operand1=operand1, reverse1=bool(reverse1))


def reciprocal(dst, data):
    EMIT.reciprocal(VECTOR, dst=dst, data=data)


def _bias(bias, data):
    """A number as a [P, 1] tile, since the instruction takes only an operand here."""
    if bias is None or is_tensor(bias):
        return bias if bias is None else bias.view_of()
    if bias == 0:
        return None
    from trainstone.nki.run import current

    made = current().value((data.shape[0], 1), np.float32, name="bias")
    EMIT.memset(VECTOR, dst=made, value=float(bias))
    return made


def no_activation(name):
    is_operator = name in ALU
    return errors.kernel_error(errors.NkiUnsupportedError, f"{name} is no activation function of this chip",
                               "it is an operator: use nisa.tensor_tensor or nisa.tensor_scalar" if is_operator else "",
                               op="activation")


def activation(dst, op, data, bias=None, scale=1.0, reduce_res=None, command=None):
    name = act_name(op)
    if name not in ACT:
        raise no_activation(name)
    EMIT.activation(SCALAR, dst=dst, func=ACT[name], data=data, scale=column(scale), bias=_bias(bias, data),
                    reduce=reduce_res, reduce_cmd=command_code(command, reduce_res))


def tensor_reduce(dst, op, data, axes, negate=False):
    """Reduces over the last `axes` dimensions of data."""
    EMIT.tensor_reduce(VECTOR, dst=dst, data=data, op=alu(op), axes=axes, negate=bool(negate))


def tensor_tensor_scan(dst, data0, data1, initial, op0, op1, reverse0=False, reverse1=False):
    EMIT.tensor_tensor_scan(VECTOR, dst=dst, data0=data0, data1=data1, initial=column(initial), op0=alu(op0),
                            reverse0=bool(reverse0), op1=alu(op1), reverse1=bool(reverse1))


_ROW_MODES = {None: False, "none": False, "double_row": True, "double_row_gen3": True}


def is_double_row(perf_mode):
    name = getattr(perf_mode, "value", perf_mode)
    if name not in _ROW_MODES:
        raise errors.kernel_error(errors.NkiUnsupportedError, f"perf_mode={name} is not modelled", op="nc_matmul")
    return _ROW_MODES[name]


def nc_matmul(dst, stationary, moving, accumulate=None, is_onezero=False, perf_mode=None):
    """accumulate None: adds to products that this kernel left in dst, and overwrites anything else."""
    EMIT.nc_matmul(TENSOR, dst=dst, stationary=stationary, moving=moving, accumulate=accumulate is not False,
                   is_stationary_onezero=bool(is_onezero), is_double_row=is_double_row(perf_mode))


def nc_transpose(dst, data, engine=None):
    chosen = engine_code(engine, 0)
    if not chosen:
        chosen = VECTOR if data.shape[0] <= 32 and data.size <= 32 * data.shape[0] and dst._space == SBUF else TENSOR
    EMIT.nc_transpose(chosen, dst=dst, data=data)


def iota(dst, pattern, offset=0, channel_multiplier=0):
    EMIT.iota(GPSIMD, dst=dst, offset=int(offset), channel_multiplier=int(channel_multiplier),
              pattern=tuple(int(step) for step in pattern))


def tensor_copy_predicated(dst, src, predicate, reverse_pred=False):
    EMIT.tensor_copy_predicated(VECTOR, dst=dst, src=src, predicate=predicate, reverse_pred=bool(reverse_pred))


def tensor_scalar_reduce(dst, data, op0, operand0, reduce_op, reduce_res, reverse0=False, command=None, initial=None,
                         negate=False):
    EMIT.tensor_scalar_reduce(VECTOR, dst=dst, data=data, op0=alu(op0), operand0=column(operand0),
                              reverse0=bool(reverse0), reduce_op=alu(reduce_op), reduce=reduce_res,
                              reduce_cmd=command_code(command, reduce_res),
                              reduce_init=0.0 if initial is None else column(initial), negate=bool(negate))


def tensor_scalar_cumulative(dst, src, op0, op1, imm0, imm1=None, command=None):
    EMIT.tensor_scalar_cumulative(VECTOR, dst=dst, src=src, op0=alu(op0), imm0=column(imm0), op1=alu(op1),
                                  reduce_cmd=command_code(command, True), imm1=0.0 if imm1 is None else column(imm1))


def tensor_partition_reduce(dst, op, data):
    EMIT.tensor_partition_reduce(GPSIMD, dst=dst, data=data, op=alu(op))


def affine_select(dst, on_true, on_false, pattern, offset, channel_multiplier, compare):
    EMIT.affine_select(GPSIMD, dst=dst, on_true=on_true, offset=int(offset),
                       channel_multiplier=int(channel_multiplier), pattern=tuple(int(step) for step in pattern),
                       cmp_op=alu(compare), on_false=float(on_false))


def select_reduce(dst, predicate, on_true, on_false, reverse_pred=False, reduce_res=None, command=None):
    EMIT.select_reduce(VECTOR, dst=dst, predicate=predicate, on_true=on_true, on_false=column(on_false),
                       reverse_pred=bool(reverse_pred), reduce=reduce_res,
                       reduce_cmd=command_code(command, reduce_res))


def check_on_false(value):
    if float(value) != float(np.finfo(np.float32).min):
        raise errors.kernel_error(errors.NkiValidationError,
                                  f"range_select writes the lowest fp32 where it does not select, not {value}",
                                  "leave on_false_value out, or say nl.fp32.min", op="range_select")


def range_select(dst, on_true, range_start, comp_op0, bound0, comp_op1, bound1, reduce_res=None, command=None):
    EMIT.range_select(VECTOR, dst=dst, on_true=on_true, range_start=int(range_start), comp_op0=alu(comp_op0),
                      bound0=column(bound0), comp_op1=alu(comp_op1), bound1=column(bound1), reduce=reduce_res,
                      reduce_cmd=command_code(command, reduce_res))


def nc_stream_shuffle(dst, src, shuffle_mask):
    EMIT.nc_stream_shuffle(VECTOR, dst=dst, src=src, shuffle_mask=tuple(int(lane) for lane in shuffle_mask))


def local_gather(dst, src, index, num_elem_per_idx=1, num_valid_indices=None):
    count = 16 * index.size // index.shape[0] if num_valid_indices is None else int(num_valid_indices)
    EMIT.local_gather(GPSIMD, dst=dst, src=src, index=index, num_elem_per_idx=int(num_elem_per_idx),
                      num_valid_indices=count)


def nc_n_gather(dst, data, indices):
    EMIT.nc_n_gather(GPSIMD, dst=dst, indices=indices, data=data)


def sequence_bounds(dst, segment_ids):
    EMIT.sequence_bounds(GPSIMD, dst=dst, segment_ids=segment_ids)


def nonzero_with_count(dst, src, index_offset=0, padding_val=-1):
    EMIT.nonzero_with_count(GPSIMD, dst=dst, src=src, index_offset=int(index_offset), padding_val=int(padding_val))


def max8(dst, src):
    EMIT.max8(VECTOR, dst=dst, src=src)


def nc_find_index8(dst, data, vals):
    EMIT.nc_find_index8(VECTOR, dst=dst, data=data, vals=vals)


def nc_match_replace8(dst, data, vals, imm, dst_idx=None):
    EMIT.nc_match_replace8(VECTOR, dst=dst, data=data, vals=vals, imm=float(imm), dst_idx=dst_idx)


def bn_stats(dst, data):
    EMIT.bn_stats(VECTOR, dst=dst, data=data)


def bn_aggr(dst, data):
    EMIT.bn_aggr(VECTOR, dst=dst, data=data)


def set_rng_seed(seeds):
    EMIT.set_rng_seed(VECTOR, seeds=seeds)


def rng(dst):
    EMIT.rng(VECTOR, dst=dst)


def dropout(dst, data, prob):
    EMIT.dropout(VECTOR, dst=dst, data=data, prob=column(prob))


