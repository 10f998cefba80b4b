"""Element types: conversion between NumPy's types (with ml_dtypes for the narrow floats) and the chip's codes."""

import ml_dtypes
import numpy as np

from trainstone.nki import errors
from trainstone.nki.native import TABLES

_NAMES = {
    "i1": np.bool_, "i8": np.int8, "u8": np.uint8, "i16": np.int16, "u16": np.uint16, "i32": np.int32, "u32": np.uint32,
    "i64": np.int64, "u64": np.uint64, "f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32,
    "f64": np.float64, "f8e4m3": ml_dtypes.float8_e4m3, "f8e5m2": ml_dtypes.float8_e5m2,
    "f8e4m3fn": ml_dtypes.float8_e4m3fn, "f8e3m4": ml_dtypes.float8_e3m4, "tf32": "V4",
}
_SPELLINGS = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16", "fp8_e4m3": "float8_e4m3",
              "fp8_e5m2": "float8_e5m2", "tfloat32": "V4", "fp32r": "float32", "float8e4": "float8_e4m3",
              "float8e5": "float8_e5m2", "float8e3": "float8_e3m4", "bool_": "bool"}

# For torch's dtypes that NumPy lacks: the NumPy dtype of the same size, in which their bits are moved.
TORCH_BITS = {"bfloat16": "i2", "float8_e5m2": "u1", "float8_e4m3fn": "u1", "float8_e8m0fnu": "u1"}

BY_CODE = [None] * (1 + max(row["code"] for row in TABLES["dtypes"]))
BYTES = [0] * len(BY_CODE)
CODES = {}
for _row in TABLES["dtypes"]:
    BYTES[_row["code"]] = _row["bytes"]
    if _row["name"] in _NAMES:
        BY_CODE[_row["code"]] = np.dtype(_NAMES[_row["name"]])
        CODES[BY_CODE[_row["code"]]] = _row["code"]
F32 = CODES[np.dtype(np.float32)]
I32 = CODES[np.dtype(np.int32)]


def dtype_of(asked):
    """The np.dtype of what a kernel may pass: a NumPy or ml_dtypes type, a torch or NKI dtype, or a name."""
    if isinstance(asked, np.dtype):
        return asked
    if isinstance(asked, str):
        name = asked.rsplit(".", 1)[-1]
        asked = _SPELLINGS.get(name, name)
    if hasattr(asked, "numpy_dtype"):
        return asked.numpy_dtype
    if type(asked).__module__ == "torch":
        return dtype_of(str(asked))
    try:
        return np.dtype(asked)
    except TypeError:
        raise errors.kernel_error(errors.NkiTypeError, f"{asked!r} is no data type of NKI",
                                  "name one of nki.language's, such as nl.float32") from None


KNOWN_CODES = {}  # codes by what kernels have passed


def code_of(asked):
    try:
        return KNOWN_CODES[asked]
    except (KeyError, TypeError):
        dtype = dtype_of(asked)
    if dtype not in CODES:
        raise TypeError(f"dtype {dtype} has no form on the chip")
    try:
        KNOWN_CODES[asked] = CODES[dtype]
    except TypeError:  # without a hash it is looked up every time
        pass
    return CODES[dtype]


def is_float(dtype):
    return not np.issubdtype(dtype, np.integer) and dtype != np.bool_


def promote(*dtypes):
    """The result type of an operation: floats win over integers, then the wider; two different formats of one width
    give fp32."""
    found = [dtype for dtype in dtypes if dtype is not None]
    floats = [dtype for dtype in found if is_float(dtype)] or found
    widest = max(dtype.itemsize for dtype in floats)
    of_width = {dtype for dtype in floats if dtype.itemsize == widest}
    return of_width.pop() if len(of_width) == 1 else np.dtype(np.float32)
