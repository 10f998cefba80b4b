"""Replaces calls by the operations of the called functions, since shardings do not propagate through calls."""

from jaxlib.mlir import ir

from trainstone.partition import places


def inline_calls(module):
    """Inlines all calls, so that only main is partitioned."""
    functions = {ir.StringAttr(op.attributes["sym_name"]).value: op for op in module.body.operations
                 if op.operation.name == "func.func"}
    known = {}
    while calls := _find(functions["main"].operation, "func.call"):
        for call in calls:
            _inline(call, functions[ir.FlatSymbolRefAttr(call.attributes["callee"]).value], known)


def _find(root, name):
    found = []

    def look(op):
        if op.name == name:
            found.append(op)
        return ir.WalkResult.ADVANCE

    root.walk(look)
    return found


def _inline(call, function, known):
    copy = function.operation.clone(ip=False)
    block = copy.regions[0].blocks[0]
    for argument, operand in zip(list(block.arguments), list(call.operands), strict=True):
        argument.replace_all_uses_with(operand)
    caller = call.location

    def place(op):
        key = op.location, caller
        if key not in known:
            known[key] = places.place_of(*key)
        op.location = known[key]
        return ir.WalkResult.ADVANCE

    *operations, last = list(block.operations)
    for op in operations:
        op.operation.walk(place)
        op.operation.move_before(call)
    for result, value in zip(list(call.results), list(last.operation.operands), strict=True):
        result.replace_all_uses_with(value)
    last.operation.erase()
    call.erase()
