"""Loops pass through Shardy's passes as calls of functions, whose arguments and results the passes can make local."""

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func

from trainstone.partition import shardings

TARGET = "trainstone.while"


def outline(module):
    """Replaces each loop outside of manual computations by a custom_call that names its two functions, inner loops
    first."""
    table = shardings.Shardings(module)
    for top in [op for op in module.body.operations if op.operation.name == "func.func"]:
        loops = [op for op in shardings.operations(top.regions[0].blocks[0])
                 if op.name == "stablehlo.while" and not shardings.is_in_manual(op)]
        for number, op in enumerate(reversed(loops)):
            _outline(module, table, op, number)


def _outline(module, table, op, number):
    carried, captured = list(op.operands), _captured(op)
    found = [table.of(result) for result in op.results] + [table.of(value) for value in captured]
    names = []
    for region, part in zip(op.regions, ("condition", "body"), strict=True):
        results = carried if part == "body" else [list(region.blocks[0].operations)[-1].operands[0]]
        names.append(f"trainstone.{part}_{number}")
        _function(module, table, names[-1], region, carried + captured, found, results, found[:len(results)]
                  if part == "body" else [None])
    attributes = {"call_target_name": ir.StringAttr.get(TARGET),
                  "called_computations": ir.ArrayAttr.get([ir.FlatSymbolRefAttr.get(name) for name in names])}
    new = ir.Operation.create("stablehlo.custom_call", [value.type for value in op.results], carried + captured,
                              attributes, loc=op.location, ip=ir.InsertionPoint(op))
    if any(found):
        table.set_results(new, found[:len(carried)])
    for old, result in zip(op.results, new.results, strict=True):
        old.replace_all_uses_with(result)
    op.erase()


def _captured(op):
    """Values defined outside of a loop that its regions use."""
    inside, used = set(), []
    for region in op.regions:
        for block in region.blocks:
            inside.update(block.arguments)

            def look(one):
                for region in one.regions:
                    for block in region.blocks:
                        inside.update(block.arguments)
                inside.update(one.results)
                used.extend(one.operands)
                return ir.WalkResult.ADVANCE

            for one in block.operations:
                one.operation.walk(look, ir.WalkOrder.PRE_ORDER)
    return [value for value in dict.fromkeys(used) if value not in inside]


def _function(module, table, name, region, values, found, results, result_shardings):
    kinds = [value.type for value in values]
    with ir.InsertionPoint(module.body):
        made = func.FuncOp(name, (kinds, [value.type for value in results]), visibility="private")

    def rows(values, found):
        return ir.ArrayAttr.get([ir.DictAttr.get({"sdy.sharding": table.attribute(one, len(shardings.shape(value)))}
                                                 if one else {}) for value, one in zip(values, found, strict=True)])

    made.attributes["arg_attrs"] = rows(values, found)
    made.attributes["res_attrs"] = rows(results, result_shardings)
    block, old = made.add_entry_block(), region.blocks[0]
    carried = len(old.arguments)
    for argument, new in zip(list(old.arguments), list(block.arguments)[:carried], strict=True):
        argument.replace_all_uses_with(new)
    swap = dict(zip(values[carried:], list(block.arguments)[carried:], strict=True))

    def rename(one):
        for i, operand in enumerate(one.operands):
            if operand in swap:
                one.operands[i] = swap[operand]
        return ir.WalkResult.ADVANCE

    for one in list(old.operations):
        one.operation.walk(rename)
        one.operation.detach_from_parent()
        block.append(one)
    last = list(block.operations)[-1].operation
    func.ReturnOp(list(last.operands), loc=last.location, ip=ir.InsertionPoint(last))
    last.erase()


def restore(module):
    """Turns the calls back into loops, outer ones first."""
    functions = {ir.StringAttr(op.attributes["sym_name"]).value: op for op in module.body.operations
                 if op.operation.name == "func.func"}
    while calls := [op for op in shardings.operations(functions["main"].regions[0].blocks[0])
                    if op.name == "stablehlo.custom_call"
                    and ir.StringAttr(op.attributes["call_target_name"]).value == TARGET]:
        for call in calls:
            _restore(call, [functions.pop(ir.FlatSymbolRefAttr(name).value)
                            for name in call.attributes["called_computations"]])


def _restore(call, parts):
    count = len(call.results)
    kinds = [value.type for value in call.results]
    loop = ir.Operation.create("stablehlo.while", kinds, list(call.operands)[:count], regions=2, loc=call.location,
                               ip=ir.InsertionPoint(call))
    for region, function in zip(loop.regions, parts, strict=True):
        block = ir.Block.create_at_start(region, kinds, [call.location] * count)
        old = function.regions[0].blocks[0]
        for argument, value in zip(list(old.arguments), [*block.arguments, *list(call.operands)[count:]], strict=True):
            argument.replace_all_uses_with(value)
        for one in list(old.operations):
            one.operation.detach_from_parent()
            block.append(one)
        last = list(block.operations)[-1].operation
        ir.Operation.create("stablehlo.return", [], list(last.operands), loc=last.location, ip=ir.InsertionPoint(last))
        last.erase()
        function.operation.erase()
    for old, result in zip(call.results, loop.results, strict=True):
        old.replace_all_uses_with(result)
    call.erase()
