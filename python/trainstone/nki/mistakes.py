"""What Python's own errors mean when a kernel makes them: values that are no tiles, methods that tiles lack, keywords
of the other dialect."""

import inspect
import re

from trainstone.nki import errors, names_isa, names_isa_beta1, names_language, native
from trainstone.nki.indexed import Indexed
from trainstone.nki.operators import is_tensor
from trainstone.nki.tile import Storage, Tile

_OF_TILES = {name for kind in (Tile, Indexed, Storage) for name in dir(kind)}
_ELSEWHERE = {"T": "nl.transpose(tile)", "mT": "nl.transpose(tile)"}
_KEYWORD = re.compile(r"(\w+)\(\) got an unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r"(\w+)\(\) missing .*'dst'")


def _is_ours(frame):
    return frame.f_code.co_filename.startswith(native.FOLDER)


def _frames(error):
    """The frame of the kernel's line, and that of the call it made into this package (None: none)."""
    line, call, at = None, None, error.__traceback__.tb_next
    while at:
        if not _is_ours(at.tb_frame):
            line, call = at, None
        elif call is None:
            call = at
        at = at.tb_next
    return line, call


def _no_tile(value, call):
    code = call.tb_frame.f_code
    named = [name for name, held in call.tb_frame.f_locals.items() if held is value and name in code.co_varnames]
    operand = named[0] if len(named) == 1 else ""
    takes = f"{'' if code.co_name == 'call' else code.co_name + ' '}takes a tensor"
    remedy = ("pass it to the kernel as an argument" if hasattr(value, "shape") else
              "the call that made it returns nothing" if value is None else "")
    return f"{takes}{f' as `{operand}`' if operand else ''}, not {errors.described(value)}", remedy


def _no_method(name):
    function = _ELSEWHERE.get(name) or (f"nl.{name}(tile)" if callable(getattr(names_language, name, None)) else "")
    return f"a tile has no `{name}`", f"use {function}" if function else ""


def _no_keyword(call, keyword, dialect):
    modules = {"beta1": names_isa_beta1, "new": names_isa}
    other = "new" if dialect == "beta1" else "beta1"
    mine, theirs = (getattr(modules[which], call, None) for which in (dialect, other))
    if theirs is not None and keyword in inspect.signature(theirs).parameters:
        names = "nki" if other == "new" else "neuronxcc.nki"
        return (f"`{keyword}` is of the other dialect, where the kernel imports {names}, {names}.isa and "
                f"{names}.language")
    function = mine or getattr(names_language, call, None)
    return f"it takes {', '.join(inspect.signature(function).parameters)}" if callable(function) else ""


def told(error, dialect):
    """The error in the kernel's terms; None when it is not one of these, nor raised by the kernel itself."""
    line, call = _frames(error)
    if isinstance(error, errors.NkiError) or line is None:
        return error if isinstance(error, errors.NkiError) else None
    is_missing = isinstance(error, AttributeError)
    if is_missing and is_tensor(error.obj) and error.name not in _OF_TILES:
        message, remedy = _no_method(error.name)
    elif is_missing and call is not None and not is_tensor(error.obj) and error.name in _OF_TILES:
        message, remedy = _no_tile(error.obj, call)
    elif isinstance(error, TypeError) and "slice indices must be integers" in str(error):
        message, remedy = str(error), "divide with //, which gives whole numbers"
    elif isinstance(error, TypeError) and call is None and (found := _KEYWORD.match(str(error))):
        message, remedy = str(error), _no_keyword(*found.groups(), dialect)
    elif isinstance(error, TypeError) and call is None and _MISSING.match(str(error)):
        message, remedy = str(error), ("this dialect's instructions write to a tile that the kernel made "
                                       "with nl.ndarray; those of neuronxcc.nki return one")
    else:
        return error if call is None else None
    where = f"{errors.shown(line.tb_frame.f_code.co_filename)}:{line.tb_lineno}"
    made = errors.NkiTypeError(message, where, remedy)
    return made.with_traceback(error.__traceback__)
