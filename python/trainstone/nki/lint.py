"""What AWS's kernel compiler rejects although Python could run it: found in a kernel's source, its arguments and its
actions.

The rules of the first dialect come from AWS's nki.errors, those of the present one from its migration guide and
language guide, and those of collectives from nki-library's tests.
"""

import ast
import enum
import functools
import inspect
import textwrap

import numpy as np

from trainstone.nki import errors

_is_on = []  # not empty: kernels are checked


def turn_on():
    _is_on.append(True)


def is_on():
    return bool(_is_on)


class _Reader(ast.NodeVisitor):
    """The findings in one function: (line, message, remedy, id)."""

    def __init__(self):
        self.found, self.depth = [], 0

    def note(self, node, message, remedy, rule=""):
        self.found.append((node.lineno, message, remedy, rule))

    def within(self, node):
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_For = visit_While = within


def _place_of(call):
    """The name that a call passes as buffer=."""
    given = next((word.value for word in call.keywords if word.arg == "buffer"), None)
    return given.attr if isinstance(given, ast.Attribute) else getattr(given, "id", "")


def _called(node):
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


class _Beta1(_Reader):
    def visit_Call(self, node):
        if _called(node) == "ndarray" and _place_of(node) == "shared_hbm" and self.depth:
            self.note(node, "shared_hbm buffer can only be created top level kernel scope",
                      "create it before the loop", "err_shared_hbm_must_in_kernel_level")
        if _called(node) in ("full", "zeros", "ones") and _place_of(node).endswith("hbm"):
            self.note(node, "Creating HBM tensor with init value is not supported",
                      "use nl.ndarray, and nl.store the value",
                      "err_hbm_tensor_with_init_value_not_supported")
        self.generic_visit(node)


def _made_by_nki(node):
    """Whether a value comes from a call such as nl.load(...) that returns a tile."""
    names = ("range", "program_id", "num_programs", "arange", "mgrid", "ds", "par_dim")
    return (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not _called(node).endswith(names)
            and isinstance(node.func.value, ast.Name) and node.func.value.id in ("nl", "nisa", "nki"))


class _Scopes(ast.NodeVisitor):
    """Tiles first assigned in a loop and read after it. Branches do not count as scopes: most are decided at compile
    time."""

    def __init__(self):
        self.made, self.path, self.found = {}, (), []

    def block(self, node):
        outer, self.path = self.path, (*self.path, node.lineno)
        for item in (*node.body, *node.orelse):
            self.visit(item)
        self.path = outer

    def visit_For(self, node):
        self.visit(node.iter)
        self.block(node)

    def visit_While(self, node):
        self.visit(node.test)
        self.block(node)

    def visit_AnnAssign(self, node):
        if node.value:
            self.assign([node.target], node.value)

    def visit_Assign(self, node):
        self.assign(node.targets, node.value)

    def assign(self, targets, value):
        self.visit(value)
        for target in targets:
            if not isinstance(target, ast.Name):
                self.visit(target)
                continue
            known = self.made.get(target.id)
            if known is None or self.path[:len(known[0])] != known[0]:
                self.made[target.id] = (self.path, _made_by_nki(value))

    def visit_Name(self, node):
        path, is_tile = self.made.get(node.id, ((), False))
        if isinstance(node.ctx, ast.Load) and is_tile and self.path[:len(path)] != path:
            self.found.append((node.lineno, f"Local variable '{node.id}' is referenced outside of its parent scope",
                               "make it with nl.ndarray before the loop, and assign to it with [...]",
                               "err_local_variable_used_out_of_scope"))


class _Present(_Reader):
    def visit_FunctionDef(self, node):
        if node.args.kwonlyargs:
            self.note(node.args.kwonlyargs[0], "keyword-only parameters (`*` in a signature) are not supported",
                      "move parameters with defaults to the end")
        self.generic_visit(node)

    def visit_Compare(self, node):
        for operator, right in zip(node.ops, node.comparators):
            is_plain = isinstance(right, ast.Constant) and (right.value is None or isinstance(right.value, bool))
            if isinstance(operator, (ast.Is, ast.IsNot)) and not is_plain:
                self.note(node, "`is` between objects is not supported", "use == or !=")
        self.generic_visit(node)

    def visit_Try(self, node):
        self.note(node, "try is not supported", "check the condition before")
        self.generic_visit(node)

    def visit_Dict(self, node):
        for key in node.keys:
            if isinstance(key, ast.Constant) and not isinstance(key.value, str):
                self.note(key, f"dictionary key {key.value!r} is no string", "use string keys, or a list")
        self.generic_visit(node)


@functools.cache
def of_source(function, dialect):
    """[(where, message, remedy, id)] for a kernel's own source."""
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return []
    readers = [_Beta1(), _Scopes()] if dialect == "beta1" else [_Present()]
    for reader in readers:
        for item in tree.body[0].body if dialect == "beta1" else tree.body:
            reader.visit(item)
    found = sorted({item for reader in readers for item in reader.found})
    file = function.__code__.co_filename
    return [(f"{errors.shown(file)}:{first - 1 + line}", *rest) for line, *rest in found]


def of_arguments(arguments, where):
    """The same for the arguments of a call in the present dialect."""
    found = []
    for name, value in arguments.items():
        if isinstance(value, list):
            found.append((where, f"argument {name} is a list", "give a tuple", ""))
        kinds = [kind.__name__ for kind in type(value).__mro__]
        package = type(value).__module__.split(".")[0]
        is_own = package not in ("builtins", "numpy", "ml_dtypes", "trainstone") and not hasattr(value, "dtype")
        is_plain = callable(value) or isinstance(value, (enum.Enum, np.generic, tuple))
        if is_own and not is_plain and "NKIObject" not in kinds:
            found.append((where, f"argument {name} is a {kinds[0]}, whose class does not inherit from NKIObject",
                          "derive it from nl.NKIObject", ""))
    return found


def of_writes(written, mutable, returned, where):
    """The same for what a kernel in the first dialect did to its parameters."""
    found = []
    for name in sorted(written):
        if name not in mutable:
            found.append((where, f"Cannot update immutable parameter `{name}`",
                          f"annotate it, {name}: nt.mutable_tensor, and return it",
                          "err_cannot_update_immutable_parameter"))
        elif name not in returned:
            found.append((where, f"Mutable kernel parameter `{name}` not returned by `return` statement", "return it",
                          "err_mutable_parameter_not_returned"))
    return found


def refuse(found):
    """Raises the first finding, followed by the others."""
    if not found:
        return
    where, message, remedy, rule = found[0]
    others = "".join(f"\n  {place}: {text} ({fix})" for place, text, fix, _ in found[1:])
    error = errors.NkiValidationError(message, where, remedy, "", rule)
    if others:
        error.args = (f"{error}{others}",)
    raise error


def of_collectives(moved, is_outside):
    """The same for the HBM tensors that collectives read or wrote, given as (where, storage)."""
    return sorted({(where, f"A collective cannot read or write `{storage.name}`, an argument or a result of the kernel",
                    "nisa.dma_copy it from or to a tensor of nl.ndarray(..., buffer=nl.shared_hbm, name=...)", "")
                   for where, storage in moved if is_outside(storage)})
