"""Errors and warnings about kernels that do what the chip, or NKI, does not allow."""

import os
import sys
import warnings

from trainstone.nki import native


class NkiError(Exception):
    """A kernel that cannot run: what is wrong, where in the kernel, and one thing to do about it.

    id is AWS's name for the rule, or Trainstone's where AWS has none; empty for rules without a name.
    """

    kind = "input"

    def __init__(self, message, where="", remedy="", op="", id=""):
        self.message, self.where, self.remedy, self.op, self.id = message, where, remedy, op, id
        parts = [f"{where}: " if where else "", message, f" ({remedy})" if remedy else ""]
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
    """A value that NKI does not accept as a tensor or as a condition."""


class NkiWarning(UserWarning):
    """Something that runs here as the kernel means it, but may not on the chip."""

    def __init__(self, error):
        self.message, self.where, self.remedy, self.op = error.message, error.where, error.remedy, error.op
        self.id = error.id
        super().__init__(str(error))


class NkiDependenceWarning(NkiWarning):
    """Trips of affine_range that depend on each other."""


class NkiUnsetWarning(NkiWarning):
    """Elements that were never written are used in a result or a sum."""


_WARNINGS = {"err_unexpected_output_dependencies": NkiDependenceWarning, "read_before_written": NkiUnsetWarning,
             "output_partly_written": NkiUnsetWarning}
_shown = {}  # warnings that were given already, as the warnings module keeps them for a file


def warning_of(error):
    return _WARNINGS.get(error.id, NkiWarning)(error)


def warn(error):
    """Warns as of the kernel's line, which is where its reader looks."""
    file, _, line = error.where.rpartition(":")
    warnings.warn_explicit(warning_of(error), None, file or error.where, int(line) if line.isdigit() else 0,
                           registry=_shown)


_KINDS = {"capacity": NkiCapacityError, "unsupported": NkiUnsupportedError}


def from_native(kind, message, op, where, remedy, rule):
    """The exception for an error of the library."""
    if kind == "undefined" and message.startswith("index "):
        return _out_of_bounds(message)
    made = _KINDS.get(kind, NkiValidationError)(message, where or where_is_kernel(), remedy, op, rule)
    made.kind = kind
    return made


def _out_of_bounds(message):
    """The error of an index tile that points outside its tensor: the IndexError that NumPy would raise, by flat
    index."""
    reached = message.split(" reaches elements ")[1]
    first, size = reached.split(" to ")[0], message.rsplit(" has ", 1)[1]
    return IndexError(f"index {first} is out of bounds for axis 0 with size {size}")


def where_is_kernel():
    """"file:line" of the innermost frame outside of this package."""
    frame = sys._getframe(1)
    while frame and frame.f_code.co_filename.startswith(native.FOLDER):
        frame = frame.f_back
    if not frame:
        return ""
    return f"{shown(frame.f_code.co_filename)}:{frame.f_lineno}"


def shown(file):
    """A source file's path, relative if it is below the current folder."""
    beside = os.path.relpath(file)
    return file if beside.startswith(os.pardir) else beside


def described(value):
    """A value that is no tile, in a few words."""
    kind = type(value).__name__
    if getattr(value, "shape", None):
        return f"{kind}[{', '.join(map(str, value.shape))}]"
    text = repr(value)
    return text if value is None or len(text) <= 40 else f"a {kind}"


def ends_in_kernel(error):
    """Removes this package's frames, except for the kernel's call, from an error's traceback, so that it ends in the
    kernel's line."""
    first = error.__traceback__
    frames, at = [], first.tb_next
    while at:
        if not at.tb_frame.f_code.co_filename.startswith(native.FOLDER):
            frames.append(at)
        at = at.tb_next
    for before, after in zip([first, *frames], [*frames, None]):
        before.tb_next = after


def kernel_error(kind, message, remedy="", id="", op=""):
    """The error for the call being executed."""
    return kind(message, where_is_kernel(), remedy, op, id)
