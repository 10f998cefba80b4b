"""What a kernel did that the chip, or NKI, does not allow."""

import os
import re
import sys

from trainstone.nki import native


# AWS's id, or one of ours where AWS has none, by what the message says
_IDS = [(re.compile(says), error_id) for says, error_id in (
    (r"number of partitions \d+ exceed architecture", "err_num_partition_exceed_arch_limit"),
    (r"partitions of \w+ are \d+ and partitions of", "err_num_partition_mismatch"),
    (r"has \d+ columns, at most|this engine transposes up to", "err_size_of_dimension_exceed_arch_limit"),
    (r"^Out-of-bound access", "err_tensor_access_out_of_bound"),
    (r"one PSUM bank", "psum_bank_crossed"),
    (r"reads tile .*, to which nothing was written", "read_before_written"),
    (r"reads tile .* has overwritten", "tile_overwritten"))]


def _id_of(op, message):
    if op.startswith("err_"):
        return op
    return next((error_id for says, error_id in _IDS if says.search(message)), "")


class NkiError(Exception):
    """A kernel that cannot run: what is wrong, where in the kernel, and one thing to do about it."""

    kind = "input"

    def __init__(self, message, where="", remedy="", op=""):
        self.message, self.where, self.remedy, self.op = message, where, remedy, op
        parts = [f"{where}: " if where else "", message, f" ({remedy})" if remedy else ""]
        self.id = _id_of(op, message)
        super().__init__("".join(parts))


class NkiValidationError(NkiError, AssertionError, ValueError):
    """An instruction or a tile outside the documented limits."""


class NkiIndexError(NkiError, IndexError):
    """An access outside a tensor."""


class NkiCapacityError(NkiError, MemoryError):
    """More memory than SBUF, PSUM or HBM has."""

    kind = "capacity"


class NkiUnsupportedError(NkiError, NotImplementedError):
    """Documented, but not modelled."""

    kind = "unsupported"


class NkiTypeError(NkiError, TypeError):
    """What NKI takes for no tensor, or for no condition."""


class NkiWarning(UserWarning):
    """What runs here as the kernel means it, but need not on the chip."""

    def __init__(self, error):
        self.message, self.where, self.remedy, self.op = error.message, error.where, error.remedy, error.op
        super().__init__(str(error))


class NkiDependenceWarning(NkiWarning):
    """Trips of affine_range that depend on each other."""


class NkiUnsetWarning(NkiWarning):
    """Elements that nothing has written get into a result or a sum."""


_WARNINGS = {"err_unexpected_output_dependencies": NkiDependenceWarning, "read_before_written": NkiUnsetWarning}


def warning_of(error):
    return _WARNINGS.get(error.op, NkiWarning)(error)


_KINDS = {"capacity": NkiCapacityError, "unsupported": NkiUnsupportedError}


def from_native(kind, message, op, where, remedy):
    """The exception for an error of the library."""
    if kind == "undefined" and message.startswith("index "):
        return _out_of_bounds(message)
    made = _KINDS.get(kind, NkiValidationError)(message, where, remedy, op)
    made.kind = kind
    return made


def _out_of_bounds(message):
    """An index tile that points outside its tensor raises the IndexError that NumPy would raise, by its flat index."""
    reached = message.split(" reaches elements ")[1]
    first, size = reached.split(" to ")[0], message.rsplit(" has ", 1)[1]
    return IndexError(f"index {first} is out of bounds for axis 0 with size {size}")


def where_is_kernel():
    """"file:line" of the innermost frame that is not this package's."""
    frame = sys._getframe(1)
    while frame and frame.f_code.co_filename.startswith(native.FOLDER):
        frame = frame.f_back
    return f"{os.path.relpath(frame.f_code.co_filename)}:{frame.f_lineno}" if frame else ""
