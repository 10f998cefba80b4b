"""The module that kernels import as nki.language or neuronxcc.nki.language. It only collects names; other modules
implement them."""

import contextlib

import ml_dtypes
import numpy as np

from trainstone.nki import instructions, language, memory
from trainstone.nki.constants import bfp16, fp32, tile_size  # noqa: F401
from trainstone.nki.control import differs, dynamic_range, fori_loop, while_loop  # noqa: F401
from trainstone.nki.index import arange, mgrid  # noqa: F401
from trainstone.nki.language import *  # noqa: F401,F403
from trainstone.nki.language import abs, all, max, min, sum  # noqa: F401
from trainstone.nki.memory import full, load, ndarray, store  # noqa: F401
from trainstone.nki.operators import TensorOps as NkiTensor  # noqa: F401
from trainstone.nki.run import ParDim as par_dim
from trainstone.nki.run import current, whole
from trainstone.nki.spmd import nc, spmd_dim  # noqa: F401
from trainstone.nki.tile import SPACES, RankSlice

sbuf, psum, hbm = SPACES["sbuf"], SPACES["psum"], SPACES["hbm"]
shared_hbm, private_hbm = SPACES["shared_hbm"], SPACES["private_hbm"]
float32, float16, bfloat16 = map(np.dtype, (np.float32, np.float16, ml_dtypes.bfloat16))
float8_e4m3, float8_e5m2, float8_e4m3fn = map(np.dtype, (ml_dtypes.float8_e4m3, ml_dtypes.float8_e5m2,
                                                        ml_dtypes.float8_e4m3fn))
float8_e8m0fnu, tfloat32 = np.dtype(ml_dtypes.float8_e8m0fnu), np.dtype("V4")
int8, int16, int32, uint8, uint16, uint32 = map(np.dtype, ("i1", "i2", "i4", "u1", "u2", "u4"))
bool_ = np.dtype(np.bool_)
# Packed MX types of NeuronCore-v4: kernels compare with them, but no instruction here takes them.
float8_e4m3fn_x4, float8_e5m2_x4, float4_e2m1fn_x4 = (
    np.dtype([(name, dtype)]) for name, dtype in (("float8_e4m3fn_x4", "u4"), ("float8_e5m2_x4", "u4"),
                                                  ("float4_e2m1fn_x4", "u2")))
dtype = DType = np.dtype
finfo = ml_dtypes.finfo
par_dim = par_dim


class MemoryRegion:
    """The memory spaces by name."""

    sbuf, psum, hbm, shared_hbm, private_hbm = sbuf, psum, hbm, shared_hbm, private_hbm


class tensor:
    """tensor[128, 512], for annotations."""

    def __class_getitem__(cls, shape):
        return cls


class mutable_tensor(tensor):
    """Annotation of a parameter that the kernel writes."""


mutable = mutable_tensor


def ds(start, size):
    """Elements [start, start + size) of a dimension."""
    if hasattr(start, "coefs"):  # an index array: start + 0, 1, ...
        return start + arange(size)
    if differs(start):
        return RankSlice(start.per_rank, size)
    return slice(int(start), int(start) + int(size))


def _range(start, stop=None, step=1, directives=None, precise_schedule=None, name=None):
    return range(*whole((start,) if stop is None else (start, stop, step), "a range"))


def _trips(counted, is_affine):
    """A loop whose body the older dialect traces once."""
    return current().trips(counted, is_affine) if current().dialect == "beta1" else counted


def affine_range(start, stop=None, step=1, directives=None, precise_schedule=None, name=None):
    return _trips(_range(start, stop, step), True)


def sequential_range(start, stop=None, step=1, directives=None, precise_schedule=None, name=None):
    return _trips(_range(start, stop, step), False)


static_range = _range


def zeros(shape, dtype, buffer=None, name="", lazy_initialization=False):
    return full(shape, 0.0, dtype, buffer, name)


def ones(shape, dtype, buffer=None, name=""):
    return full(shape, 1.0, dtype, buffer, name)


def zeros_like(x=None, dtype=None, buffer=None, name="", *, a=None):
    x = a if x is None else x
    return zeros(x.shape, dtype or x.dtype, buffer or x.buffer, name)


def empty_like(x=None, dtype=None, buffer=None, name="", *, a=None):
    x = a if x is None else x
    return ndarray(x.shape, dtype or x.dtype, buffer or x.buffer, name)


def shared_constant(constant, dtype=None, name=None):
    array = np.load(constant) if isinstance(constant, str) else np.asarray(constant)
    return memory.constant(array if dtype is None else array.astype(memory.dtypes.dtype_of(dtype)))


def shared_identity_matrix(n, dtype=np.uint8, dst=None, name=None):
    made = memory.identity(n, dtype)
    if dst is not None:
        memory.move(dst, made)
        return dst
    return made if current().dialect == "beta1" else memory.loaded(made)


def program_id(axis=0):
    program = current().program
    return program[axis] if program else 0


def num_programs(axes="", name=None):
    """Without axes: all programs; in the newer dialect, those of the first axis."""
    grid = current().grid or (1,)
    if axes == "":
        axes = None if current().dialect == "beta1" else 0
    if axes is None:
        return int(np.prod(grid))
    return grid[axes] if isinstance(axes, int) else tuple(grid[axis] for axis in axes)


def program_ndim():
    return len(current().grid)


def device_print(print_prefix="", x=None, tensor=None, mask=None, name=None, prefix=None):
    memory.printed(print_prefix if prefix is None else prefix, tensor if x is None else x)


def static_cast(input_data, dtype):
    return memory.copied(input_data, dtype)


class _Reduction:
    """The result of nl.loop_reduce, whose other input is the tile that it is assigned to."""

    def __init__(self, x, op, mask):
        self.x, self.op, self.mask = x, op, mask

    def onto(self, target):
        language.binary(instructions.alu_name(self.op), target, self.x, dst=target, mask=self.mask)


def loop_reduce(x, op, loop_indices=None, dtype=None, mask=None, name=None):
    """In an assignment t[...] = loop_reduce(x, op): t = t op x on every trip."""
    return _Reduction(x, op, mask)


@contextlib.contextmanager
def no_reorder():
    yield


def is_sbuf(buffer):
    return buffer == sbuf


def is_psum(buffer):
    return buffer == psum


def is_hbm(buffer):
    return buffer == hbm


def is_on_chip(buffer):
    return buffer == sbuf or buffer == psum


class NKIObject:
    """Base of classes that kernels pass around: all attributes of the class body are fields, annotated or not."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        annotations = cls.__dict__.get("__annotations__", {})
        for name, value in list(cls.__dict__.items()):
            if not name.startswith("_") and not callable(value) and name not in annotations:
                if not isinstance(value, (property, classmethod, staticmethod)):
                    annotations[name] = object
        cls.__annotations__ = annotations

    def __init__(self, **kwargs):
        for cls in reversed(type(self).__mro__):
            for name in cls.__dict__.get("__annotations__", {}):
                if name in cls.__dict__ and name not in kwargs:
                    setattr(self, name, cls.__dict__[name])
        for name, value in kwargs.items():
            setattr(self, name, value)
