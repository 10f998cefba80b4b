"""nki.language: elementwise operations, reductions and composites, as sequences of instructions.

A call of a composite emits the instructions of its function here. Functions that are also operators of instructions
carry their names in the tables: `nl.add.alu`, `nl.exp.act`.
"""

import builtins
import math

import numpy as np

from trainstone.nki import dtypes, errors
from trainstone.nki import instructions as isa
from trainstone.nki import memory
from trainstone.nki.constants import tensor_engine, vector_engine
from trainstone.nki.index import box_of
from trainstone.nki.indexed import Indexed
from trainstone.nki.memory import assign, boxed, clip, copied, masked, on_chip  # noqa: F401 (what tiles call)
from trainstone.nki.native import ACT, PSUM
from trainstone.nki.operators import is_tensor
from trainstone.nki.run import current
from trainstone.nki.tile import SPACES

COMPARES = {"is_equal", "not_equal", "is_gt", "is_ge", "is_lt", "is_le"}
LOGICAL = {"logical_and", "logical_or", "logical_xor"}
_FOLD = {"add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b,
         "divide": lambda a, b: a / b, "max": builtins.max, "min": builtins.min, "pow": pow}


def value_like(shape, dtype, space=None):
    return current().value(shape, dtype, space)


# ---- two operands ----

def binary(name, x, y, dst=None, dtype=None, mask=None):
    """x op y with broadcasting. Returns the tile it writes: dst, if given."""
    if not is_tensor(x) and not is_tensor(y):
        return _FOLD[name](x, y)
    if x is None or y is None:
        raise errors.kernel_error(errors.NkiTypeError, f"{name} takes tiles and numbers, not None", op=name)
    is_made = dst is None
    if is_made:
        shapes = {value.shape for value in (x, y) if is_tensor(value)}
        if dtype is None:
            dtype = dtypes.promote(*{value.dtype for value in (x, y) if is_tensor(value)})
        dst = value_like(shapes.pop() if len(shapes) == 1 else _joined_shape(name, x, y), dtype)
    x, y = (clip(value, mask) if is_tensor(value) else value for value in (x, y))
    to = masked(dst, mask) if is_made else clip(dst, mask)
    if to is None or x is None or y is None:
        dst.tensor.is_void |= is_made
        return dst
    if is_tensor(x):
        on_chip(x, "x", name)
    if is_tensor(y):
        on_chip(y, "y", name)
    _emit_binary(name, to, x, y)
    return dst


def _joined_shape(name, x, y):
    try:
        return np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise errors.kernel_error(errors.NkiValidationError, f"shapes of {x!r} and {y!r} cannot be broadcast to one",
                                  "slice, reshape or transpose one of them", op=name) from None


def _emit_binary(name, to, x, y):
    if not is_tensor(y):
        isa.tensor_scalar(to, x, name, y)
        return
    if not is_tensor(x):
        isa.tensor_scalar(to, y, name, x, reverse0=True)
        return
    x, y = _whole_rows(x, to), _whole_rows(y, to)
    if x.shape != y.shape and _is_column(y, to):
        isa.tensor_scalar(to, x, name, y)
    elif x.shape != y.shape and _is_column(x, to):
        isa.tensor_scalar(to, y, name, x, reverse0=True)
    else:
        x, y = (value if value.shape == to.shape else value.broadcast_to(to.shape) for value in (x, y))
        if x._space == PSUM and y._space == PSUM and not x._is_same(to):
            y = copied(y)
        isa.tensor_tensor(to, x, y, name)


def _whole_rows(x, to):
    """Broadcasts a single partition when the result has more."""
    if x.shape[0] == 1 and to.shape[0] > 1:
        return broadcast_partitions(x, (to.shape[0],) + tuple(x.shape[1:]))
    return x


def _is_column(x, to):
    """Whether it is a [P, 1] operand in fp32, or in a float that a copy widens."""
    return x.size == x.shape[0] == to.shape[0] and dtypes.is_float(x.dtype)


def broadcast_partitions(view, shape):
    """Copies a tile of one partition to all partitions: ones[1, P].T @ view on TensorE, up to 512 columns at a time."""
    shape = tuple(shape)
    if view.shape[0] != 1 or len(shape) != view.ndim:
        raise errors.NkiValidationError(f"cannot broadcast {view!r} to {shape}", current().where())
    wanted = (1,) + shape[1:]
    view = view if view.shape == wanted else view.broadcast_to(wanted)
    if view._space == PSUM or not dtypes.is_float(view.dtype):
        view = copied(view, np.float32)
    ones = value_like((1, shape[0]), view.dtype)
    isa.memset(ones, 1.0)
    out = value_like(shape, view.dtype)
    flat_in, flat_out = _flat(view), _flat(out)
    for first in range(0, flat_in.shape[1], 512):
        last = builtins.min(first + 512, flat_in.shape[1])
        product = value_like((shape[0], last - first), np.float32, SPACES["psum"])
        isa.nc_matmul(product, ones, flat_in[:, first:last], accumulate=False)
        isa.tensor_copy(flat_out[:, first:last], product)
    return out


def _flat(view):
    """The view as [P, F]; copied when its elements do not lie that way."""
    try:
        return view.reshape((view.shape[0], view.size // view.shape[0]))
    except errors.NkiValidationError:
        copy = copied(view)
        return copy.reshape((copy.shape[0], copy.size // copy.shape[0]))


def _two(alu, name, is_bool=False):
    def call(x, y, dtype=None, mask=None, name=None, max_free_vec_size=None):
        return binary(alu, x, y, dtype=dtype or (np.bool_ if is_bool else None), mask=mask)

    call.__name__ = call.__qualname__ = name
    call.alu = alu
    return call


add, subtract, multiply = _two("add", "add"), _two("subtract", "subtract"), _two("multiply", "multiply")
divide, power = _two("divide", "divide"), _two("pow", "power")
maximum, minimum = _two("max", "maximum"), _two("min", "minimum")
abs_max, abs_min = _two("abs_max", "abs_max"), _two("abs_min", "abs_min")
fmod = _two("mod", "fmod")
equal, not_equal = _two("is_equal", "equal", True), _two("not_equal", "not_equal", True)
greater, greater_equal = _two("is_gt", "greater", True), _two("is_ge", "greater_equal", True)
less, less_equal = _two("is_lt", "less", True), _two("is_le", "less_equal", True)
logical_and, logical_or = _two("logical_and", "logical_and", True), _two("logical_or", "logical_or", True)
logical_xor = _two("logical_xor", "logical_xor", True)
bitwise_and, bitwise_or = _two("bitwise_and", "bitwise_and"), _two("bitwise_or", "bitwise_or")
bitwise_xor = _two("bitwise_xor", "bitwise_xor")
bypass, average = _two("bypass", "bypass"), _two("average", "average")
left_shift, right_shift = _two("logical_shift_left", "left_shift"), _two("logical_shift_right", "right_shift")


def mod(x, y, dtype=None, mask=None, name=None):
    """Remainder with the sign of y: ((x mod y) + y) mod y."""
    kept = binary("add", binary("mod", x, y, mask=mask), y, mask=mask)
    return binary("mod", kept, y, dtype=dtype, mask=mask)


mod.alu = "mod"


# ---- one operand ----

def unary(emit, x, dtype=None, mask=None):
    """Makes a tile of x's shape and fills it with `emit(dst, x)`."""
    if not is_tensor(x):
        current()
        raise errors.kernel_error(errors.NkiTypeError, f"{errors.described(x)} is no tile")
    dst = value_like(x.shape, dtype or x.dtype)
    view = clip(x, mask)
    to = boxed(dst, None) if view is None else masked(dst, mask)
    if to is not None:
        emit(to, on_chip(view, "x", "activation"))
    return dst


def activate(name, dst, x, scale=1.0, bias=None):
    """Applies a function of ScalarE's table, or its composition where the table lacks it."""
    if name in ACT:
        isa.activation(dst, name, x, bias=bias, scale=scale)
    elif name in RECIPES:
        if scale != 1.0 or bias is not None:
            wide = value_like(x.shape, np.float32)
            isa.activation(wide, "copy", x, bias=bias, scale=scale)
            x = wide
        RECIPES[name](dst, x)
    else:
        raise isa.no_activation(name)


def _wide(x, name, scale=1.0, bias=None):
    made = value_like(x.shape, np.float32)
    activate(name, made, x, scale, bias)
    return made


def _silu(dst, x):
    isa.tensor_tensor(dst, x, _wide(x, "sigmoid"), "multiply")


def _gelu(dst, x):
    isa.scalar_tensor_tensor(dst, _wide(_wide(x, "erf", math.sqrt(0.5)), "copy", 0.5, 0.5), "add", 0.0, "multiply", x)


def _gelu_sigmoid(dst, x):
    isa.tensor_tensor(dst, x, _wide(x, "sigmoid", 1.702), "multiply")


def _gelu_tanh(dst, x):
    cube = value_like(x.shape, np.float32)
    isa.tensor_scalar(cube, _wide(x, "square"), "multiply", 0.044715, op1="add", operand1=1.0)
    inner = value_like(x.shape, np.float32)
    isa.tensor_tensor(inner, cube, x, "multiply")
    half = value_like(x.shape, np.float32)
    isa.tensor_scalar(half, _wide(inner, "tanh", math.sqrt(2 / math.pi)), "add", 1.0, op1="multiply", operand1=0.5)
    isa.tensor_tensor(dst, half, x, "multiply")


def _softplus(dst, x):
    """max(x, 0) + ln(1 + e^-|x|)"""
    tail = _wide(_wide(_wide(x, "abs"), "exp", -1.0), "log", 1.0, 1.0)
    isa.scalar_tensor_tensor(dst, x, "max", 0.0, "add", tail)


def _mish(dst, x):
    soft = value_like(x.shape, np.float32)
    _softplus(soft, x)
    isa.tensor_tensor(dst, x, _wide(soft, "tanh"), "multiply")


def _silu_dx(dst, x):
    """s + x s (1 - s), s = sigmoid x"""
    s = _wide(x, "sigmoid")
    rest = value_like(x.shape, np.float32)
    isa.tensor_scalar(rest, s, "subtract", 1.0, reverse0=True)
    inner = value_like(x.shape, np.float32)
    isa.tensor_tensor(inner, rest, x, "multiply")
    isa.scalar_tensor_tensor(dst, inner, "add", 1.0, "multiply", s)


def _trunc(dst, x):
    whole = value_like(x.shape, np.int32)
    isa.tensor_copy(whole, x)
    isa.tensor_copy(dst, whole)


def _floor(dst, x, compare="is_gt", step="subtract"):
    whole, over = value_like(x.shape, np.float32), value_like(x.shape, np.float32)
    _trunc(whole, x)
    isa.tensor_tensor(over, whole, x, compare)
    isa.tensor_tensor(dst, whole, over, step)


def _cos(dst, x):
    """sin(pi / 2 - |x|), which stays within sin's valid range for x in [-pi, pi]."""
    shifted = value_like(x.shape, np.float32)
    isa.activation(shifted, "copy", _wide(x, "abs"), bias=math.pi / 2, scale=-1.0)
    isa.activation(dst, "sin", shifted)


def _tan(dst, x):
    cosine = value_like(x.shape, np.float32)
    _cos(cosine, x)
    isa.tensor_tensor(dst, _wide(x, "sin"), cosine, "divide")


RECIPES = {"silu": _silu, "gelu": _gelu, "gelu_apprx_sigmoid": _gelu_sigmoid, "gelu_apprx_tanh": _gelu_tanh,
           "softplus": _softplus, "mish": _mish, "silu_dx": _silu_dx, "cos": _cos, "tan": _tan}


def _one(act, name=None):
    def call(x, dtype=None, mask=None, name=None):
        return unary(lambda dst, view: activate(act, dst, view), x, dtype, mask)

    call.__name__ = call.__qualname__ = name or act
    call.act = act
    return call


exp, log, tanh, sigmoid, relu = _one("exp"), _one("log"), _one("tanh"), _one("sigmoid"), _one("relu")
sqrt, rsqrt, square, abs, sign = _one("sqrt"), _one("rsqrt"), _one("square"), _one("abs"), _one("sign")
erf, sin, arctan, gelu, silu = _one("erf"), _one("sin"), _one("arctan"), _one("gelu"), _one("silu")
gelu_apprx_sigmoid, gelu_apprx_tanh = _one("gelu_apprx_sigmoid"), _one("gelu_apprx_tanh")
softplus, mish, silu_dx, cos, tan = _one("softplus"), _one("mish"), _one("silu_dx"), _one("cos"), _one("tan")
gelu_dx, erf_dx = _one("gelu_dx"), _one("erf_dx")
gelu_apprx_sigmoid_dx = _one("gelu_apprx_sigmoid_dx")
prelu = _one("prelu")
square.alu = "square"


def reciprocal(x, dtype=None, mask=None, name=None):
    return unary(isa.reciprocal, x, dtype, mask)


def negative(x, dtype=None, mask=None, name=None):
    return unary(lambda dst, view: isa.tensor_scalar(dst, view, "multiply", -1.0), x, dtype, mask)


def invert(x, dtype=None, mask=None, name=None):
    return unary(lambda dst, view: isa.tensor_scalar(dst, view, "bitwise_xor", -1), x, dtype, mask)


def logical_not(x, dtype=None, mask=None, name=None):
    return unary(lambda dst, view: isa.tensor_scalar(dst, view, "is_equal", 0.0), x, dtype or np.bool_, mask)


def trunc(x, dtype=None, mask=None, name=None):
    return unary(_trunc, x, dtype, mask)


def floor(x, dtype=None, mask=None, name=None):
    return unary(_floor, x, dtype, mask)


def ceil(x, dtype=None, mask=None, name=None):
    return unary(lambda dst, view: _floor(dst, view, "is_lt", "add"), x, dtype, mask)


def copy(x=None, dtype=None, mask=None, *, src=None, name=None):
    return copied(src if x is None else x, dtype, mask)


reciprocal.act, copy.act, negative.act = "reciprocal", "copy", "negative"


# ---- reductions ----

def axes_of(x, axis):
    """The axes in order; the partition dimension is not allowed."""
    ndim = x.ndim
    axes = [axis % ndim] if isinstance(axis, (int, np.integer)) else sorted([a % ndim for a in axis])
    if axes[0] == 0:
        raise errors.NkiValidationError(f"axes {tuple(axes)} of {x!r}: a reduction takes free dimensions",
                                        current().where(), "use nisa.tensor_partition_reduce, or transpose",
                                        id="err_unsupported_reduce_axis")
    return axes


def last_axes(x, axis):
    """The number of axes, which must be the last dimensions."""
    axes = axes_of(x, axis)
    if axes != list(range(x.ndim - len(axes), x.ndim)):
        raise errors.NkiValidationError(f"axes {tuple(axes)} of {x!r} are not its last", current().where())
    return len(axes)


def axes_last(view, axes):
    """The view with the reduced dimensions last, which an access pattern can express in any order."""
    ndim = view.ndim
    if axes == [*range(ndim - len(axes), ndim)]:
        return view
    return view.permute([a for a in range(view.ndim) if a not in axes] + axes)


def reduce(op, x, axis, dtype=None, mask=None, keepdims=False, negate=False):
    axes = axes_of(x, axis)
    count = len(axes)
    kept = tuple(length for a, length in enumerate(x.shape) if a not in axes)
    shape = tuple(1 if a in axes else length for a, length in enumerate(x.shape)) if keepdims else kept
    dst = value_like(shape if len(shape) > 1 else shape + (1,), dtype or x.dtype)
    view, box = clip(x, mask), box_of(x.shape, mask)
    if view is None:
        return nothing(dst.shape, dst.dtype)
    whole = slice(None)
    places = [whole if a in axes else box[a] for a in range(x.ndim) if keepdims or a not in axes]
    to = boxed(dst, tuple(places + [whole] * (dst.ndim - len(places))))
    reduce_into(to, op, axes_last(view, axes), count, negate)
    return dst


def reduce_into(dst, op, view, count, negate=False):
    """Reduces the last `count` dimensions. dst has the kept dimensions, with or without the reduced ones as 1."""
    while (dims := view.ndim - 1) > 4 or (count > 1 and dims > 1):
        joined = list(view.shape[:-2]) + [view.shape[-2] * view.shape[-1]]
        try:
            view = view.reshape(joined)
        except errors.NkiValidationError:
            break
        count -= 1
    had = dst.shape
    shape = (had[0], *(view.shape[1:dims + 1 - count] or (1,)))
    flat = dst if had == shape else dst.reshape(shape)
    isa.tensor_reduce(flat, op, on_chip(view, "x", "reduce"), count, negate)


def _reduction(op, name):
    def call(x, axis, dtype=None, keepdims=False, mask=None, name=None):
        return reduce(op, x, axis, dtype, mask, keepdims)

    call.__name__ = call.__qualname__ = name
    call.alu = op
    return call


sum, prod = _reduction("add", "sum"), _reduction("multiply", "prod")
max, min = _reduction("max", "max"), _reduction("min", "min")


def all(x, axis, dtype=np.bool_, mask=None, name=None):
    return reduce("logical_and", x, axis, dtype, mask)


def _count(x, axis):
    return math.prod(x.shape[a] for a in axes_of(x, axis))


def mean(x, axis, dtype=None, keepdims=False, mask=None, name=None):
    total = reduce("add", x, axis, np.float32, mask, keepdims)
    return unary(lambda dst, view: isa.tensor_scalar(dst, view, "multiply", 1.0 / _count(x, axis)), total,
                 dtype or x.dtype)


def var(x, axis, dtype=None, keepdims=False, mask=None, name=None):
    """Mean squared distance from the mean."""
    middle = mean(x, axis, np.float32, keepdims=True, mask=mask)
    apart = binary("subtract", x, middle, dtype=np.float32, mask=mask)
    return mean(square(apart), axis, dtype or x.dtype, keepdims, mask)


# ---- composites ----

def softmax(x, axis=-1, dtype=None, compute_dtype=None, mask=None, name=None):
    """Maximum, exp(x - max) with its sum in one activation, reciprocal, multiplication."""
    top = reduce("max", x, axis, np.float32, mask, keepdims=True, negate=True)
    view, powers = clip(x, mask), value_like(x.shape, np.float32)
    rows = x.shape[0]
    total = value_like((rows, 1), np.float32)
    if last_axes(x, axis) == len(x.shape) - 1:
        isa.activation(clip(powers, mask), "exp", view, bias=_flat(top)[:view.shape[0]],
                       reduce_res=total[:view.shape[0]])
    else:
        moved = binary("add", x, top, dtype=np.float32, mask=mask)
        isa.activation(powers, "exp", moved)
        total = reduce("add", powers, axis, np.float32, keepdims=True)
    return binary("multiply", powers, reciprocal(total), dtype=dtype or x.dtype, mask=mask)


def rms_norm(x, w, axis, n, epsilon=1e-06, dtype=None, compute_dtype=None, mask=None, name=None):
    """Square, sum, sum / n + epsilon, rsqrt, two multiplications."""
    total = reduce("add", unary(lambda dst, view: isa.activation(dst, "square", view), x, np.float32, mask), axis,
                   np.float32, mask, keepdims=True)
    scaled = unary(lambda dst, view: isa.tensor_scalar(dst, view, "multiply", 1.0 / n, op1="add", operand1=epsilon),
                   total)
    normal = binary("multiply", x, rsqrt(scaled), dtype=np.float32, mask=mask)
    return binary("multiply", normal, w, dtype=dtype or x.dtype, mask=mask)


def where(condition, x, y, dtype=None, mask=None, name=None):
    """dst = y, then a predicated copy of x."""
    if dtype is None:
        dtype = dtypes.promote(*[v.dtype for v in (x, y) if is_tensor(v)] or [np.dtype(np.float32)])
    if dtypes.is_float(condition.dtype):
        condition = not_equal(condition, 0.0, dtype=np.uint8)
    dst = value_like(condition.shape, dtype)
    to = masked(dst, mask)
    if to is None:
        return dst
    for value, call in ((y, isa.tensor_copy), (x, None)):
        if is_tensor(value):
            source = clip(value, mask).broadcast_to(to.shape)
        else:
            source = value_like(to.shape, dtype)
            isa.memset(source, float(value))
        if call:
            call(to, source)
        else:
            isa.tensor_copy_predicated(to, source, clip(condition, mask).broadcast_to(to.shape))
    return dst


def nothing(shape, dtype, space=None):
    """The value of a call whose mask excluded everything."""
    dst = value_like(shape, dtype, space)
    boxed(dst, None)
    return dst


def in_sbuf(view):
    view = view.view_of()
    return copied(view) if view._space == PSUM else view


def for_tensore(view):
    """The operand as TensorE can read it: in SBUF, with integers of up to 16 bits as fp32, which holds them exactly."""
    if not dtypes.is_float(view.dtype) and view.dtype.itemsize <= 2:
        return copied(view, np.float32)
    return in_sbuf(view)


def _flat_slice(shape, box):
    """The range of the flattened free dimensions that a mask's box covers."""
    first, count = 0, 1
    for length, part in zip(shape, box):
        start, stop, _ = part.indices(length)
        if count > 1 and (start, stop) != (0, length):
            raise errors.NkiUnsupportedError("a transpose whose mask cuts inner free dimensions is not modelled",
                                             current().where(), "transpose what the mask keeps of each outer one")
        first, count = first * length + start, count * (stop - start)
    return slice(first, first + count)


def transpose(x, dtype=None, mask=None, on_vector=None, name=None):
    """Transposes on TensorE into PSUM; tiles up to 32 x 32 on VectorE, unless on_vector decides."""
    shape, whole = (math.prod(x.shape[1:]), x.shape[0]), clip(x, mask)
    if whole is None:
        return nothing(shape, dtype or x.dtype)
    view = _flat(on_chip(whole, "data", "transpose"))
    if on_vector is None:
        on_vector = builtins.max(view.shape) <= 32
    if not on_vector:
        view = for_tensore(view)
    dst = value_like(shape, view.dtype) if on_vector else value_like(shape, np.float32, SPACES["psum"])
    box = box_of(x.shape, mask)
    to = boxed(dst, (_flat_slice(x.shape[1:], box[1:]), box[0]))
    isa.nc_transpose(to, view, vector_engine if on_vector else tensor_engine)
    return dst if dtype is None or dst.dtype == dtypes.dtype_of(dtype) else copied(dst, dtype)


def matmul(x, y, transpose_x=False, mask=None, name=None):
    """nc_matmul, preceded by a transpose of x unless transpose_x says that x is transposed already."""
    left, right = clip(x, mask), clip(y, mask)
    if left is None or right is None:
        return nothing((x.shape[1] if transpose_x else x.shape[0], y.shape[1]), np.float32, SPACES["psum"])
    stationary, moving = in_sbuf(left), in_sbuf(right)
    if not transpose_x:
        stationary = copied(transpose(stationary), x.dtype)
    dst = value_like((stationary.shape[1], moving.shape[1]), np.float32, SPACES["psum"])
    isa.nc_matmul(dst, stationary, moving, accumulate=False)
    return dst


def load_transpose2d(src, dtype=None, mask=None, name=None):
    """Loads up to 128 rows at a time and transposes each block; integers, and few rows or columns, by a transposing
    DMA."""
    view = clip(src, mask)
    rows, columns = view.shape
    out = value_like((columns, rows), dtype or view.dtype)
    is_gathered = view._index_view is not None and view._index_view.size > 1
    if not is_gathered and (builtins.min(view.shape) < memory.SHORT_RUNS or not dtypes.is_float(view.dtype)):
        memory.move(out, view.permute((1, 0)))
        return out
    for first in range(0, rows, 128):
        last = builtins.min(first + 128, rows)
        isa.tensor_copy(out[:, first:last], transpose(memory.load(view[first:last], dtype=dtype)))
    return out


def placed(indexed):
    """The same elements, with indices held in tiles replaced by their present values."""
    return indexed.of(indexed.base, indexed.known(current().peek)) if isinstance(indexed, Indexed) else indexed


def from_hbm(src):
    """Rows of an on-chip tile selected by a tile of indices: the same rows of a copy in HBM, where DMAs can gather."""
    if not isinstance(src, Indexed) or src.is_hbm or not src.is_gathered:
        return src
    copy = memory.ndarray(src.base.shape, src.dtype, SPACES["hbm"])
    memory.move(copy, src.base)
    return src.of(copy)


def dma_transposed(dst, src, axes=None):
    """dst = src with its axes permuted, by DMAs with a permuted HBM side; between tiles through a tensor in HBM."""
    axes = tuple(axes) if axes is not None else tuple(range(src.ndim))[::-1]
    if src._index_view is not None:  # gathered first, then permuted
        rows = value_like(src.shape, src.dtype)
        memory.move(rows, src)
        src = rows
    if not src.is_hbm:
        between = memory.ndarray(src.shape, src.dtype, SPACES["hbm"])
        memory.move(between, src)
        src = between
    is_bits = dst.dtype == src.dtype and src.dtype.itemsize in (2, 4)
    memory.move(dst, src.permute(axes), is_transpose=is_bits and not dst.is_hbm)


def random_seed(seed, mask=None, name=None):
    """Restarts the random numbers of rand and dropout."""
    if not is_tensor(seed):
        number, seed = seed, value_like((1, 1), np.int32)
        isa.memset(seed, number)
    isa.set_rng_seed(seed.view_of())


def rand(shape, dtype=np.float32, buffer=None, name=None):
    """Uniform in [0, 1): the upper 24 of 32 random bits, times 2^-24."""
    bits, whole = value_like(shape, np.uint32), value_like(shape, np.uint32)
    isa.rng(bits)
    isa.tensor_scalar(whole, bits, "logical_shift_right", 8)
    dst = value_like(shape, dtype)
    isa.tensor_scalar(dst, whole, "multiply", 2.0 ** -24)
    if buffer is None or buffer == SPACES["sbuf"]:
        return dst
    made = memory.ndarray(shape, dtype, buffer, name or "")
    assign(made, dst)
    return made


def dropout(x, rate, dtype=None, mask=None, name=None):
    return unary(lambda dst, view: isa.dropout(dst, view, rate), x, dtype, mask)


def gather_flattened(data, indices, axis=0, dtype=None, mask=None, name=None):
    dst = value_like(indices.shape, dtype or data.dtype)
    isa.nc_n_gather(_flat(dst), _flat(data.view_of()), _flat(indices.view_of()))
    return dst


def broadcast_to(x=None, shape=None, dtype=None, *, src=None, name=None):
    view = (src if x is None else x).view_of().broadcast_to(tuple(shape))
    return view if dtype is None or dtypes.dtype_of(dtype) == view.dtype else copied(view, dtype)


def expand_dims(x=None, axis=None, *, data=None):
    return (data if x is None else x).view_of().expand_dims(axis)


def atomic_rmw(dst, value, op, mask=None, name=None):
    """dst += value in HBM, by an accumulating DMA."""
    if isa.alu_name(op) != "add":
        raise errors.kernel_error(errors.NkiUnsupportedError,
                                  "atomic_rmw with an operator other than add is not modelled")
    view = clip(memory.in_hbm(dst, "dst", "atomic_rmw"), mask)
    if view is None:
        return
    if not is_tensor(value):
        number, value = value, value_like(view.shape, view.dtype)
        isa.memset(value, number)
    memory.move(view, clip(value, mask), rmw=True)


