"""Calls that reach the library without executing Python when their arguments are of the usual kinds."""

import inspect

import numpy as np

from trainstone.nki import errors, language
from trainstone.nki import instructions as isa
from trainstone.nki.native import ACT, ALU, FIELDS, OPS, ext
from trainstone.nki.operators import is_tensor


def _named(attribute, name_of):
    """{operator or function of nki.language or NumPy: its name in the tables}"""
    found = {value: getattr(value, attribute) for value in vars(language).values()
             if hasattr(value, attribute) and not is_tensor(value)}
    for value in vars(np).values():
        if isinstance(value, np.ufunc):
            try:
                found[value] = name_of(value)
            except errors.NkiValidationError:  # no operator of an instruction
                pass
    return found


def _codes(names, codes, left_out=()):
    return {value: codes[name] for value, name in names.items() if name in codes and name not in left_out}


ALU_CODES = _codes(_named("alu", isa.alu_name), ALU)
VECTOR_CODES = {op: code for op, code in ALU_CODES.items() if code != ALU["pow"]}  # only GpSimdE has pow
FLOAT_CODES = {op: code for op, code in VECTOR_CODES.items() if code not in {ALU[name] for name in isa.BITWISE}}
ACT_CODES = _codes(_named("act", isa.act_name), ACT)


def quick(engine, values=(), row=None, **takes):
    """A decorator that declares what the function's parameters accept without Python (src/python/nki_call.c): a word,
    for the field of the same name, or (word, field, codes). Other parameters, except `name`, must be omitted in such
    calls. `values` are those of fields without a parameter or whose parameter is omitted."""

    def decorate(function):
        op = row or function.__name__
        fields, parameters = FIELDS[op], []
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind == parameter.VAR_KEYWORD:
                continue
            taken = takes.get(name, "anything" if name == "name" else "nothing")
            word, field, codes = (taken, name, None) if isinstance(taken, str) else taken
            place = fields.index(field) if field in fields else 0
            parameters.append((name, word, place, parameter.default is parameter.empty, codes))
        function.in_python = function  # the call has the function's attributes
        return ext.call(function, OPS[op], engine, tuple(dict(values).get(field) for field in fields),
                        tuple(parameters))

    return decorate
