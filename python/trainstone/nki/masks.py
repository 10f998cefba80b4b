"""Masks with `and`, which Python would evaluate at once: the older dialect treats `a and b` like `a & b`."""

import ast
import functools
import inspect
import textwrap
import types


class _Joined(ast.NodeTransformer):
    """Replaces every `and` in a call's mask= by `&`."""

    def __init__(self):
        self.count, self.is_mask = 0, False

    def visit_keyword(self, node):
        was, self.is_mask = self.is_mask, node.arg == "mask"
        self.generic_visit(node)
        self.is_mask = was
        return node

    def visit_BoolOp(self, node):
        self.generic_visit(node)
        if not self.is_mask or not isinstance(node.op, ast.And):
            return node
        self.count += 1
        joined = node.values[0]
        for value in node.values[1:]:
            joined = ast.copy_location(ast.BinOp(joined, ast.BitAnd(), value), node)
        return joined


def _code_of(code, name):
    """The code object of a function of that name, defined somewhere inside the code."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found = constant if constant.co_name == name else _code_of(constant, name)
            if found:
                return found
    return None


def with_joined_masks(function):
    """The function, or, if a mask contains `and`, a copy with `&` that has the same lines, globals and closure."""
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return function
    joined = _Joined()
    tree = joined.visit(tree)
    if not joined.count:
        return function
    definition = tree.body[0]
    definition.decorator_list = []
    free = function.__code__.co_freevars
    if free:  # variables of the enclosing function stay cells
        outer = ast.parse(f"def _outer({', '.join(free)}): pass")
        outer.body[0].body = [definition]
        tree = outer
    ast.fix_missing_locations(ast.increment_lineno(tree, first - 1))
    code = _code_of(compile(tree, function.__code__.co_filename, "exec"), function.__name__)
    cells = dict(zip(free, function.__closure__ or ()))
    made = types.FunctionType(code, function.__globals__, function.__name__, function.__defaults__,
                              tuple(cells[name] for name in code.co_freevars))
    made.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(made, function)
    del made.__wrapped__
    return made
