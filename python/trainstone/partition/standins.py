"""Replacements for operations that the passes do not know or would take for a sum.

CHLO's elementwise functions have no shardings, so a function that has them is put in place of each. Operations that
need only the types of one partition, and sums over partitions, pass through the pass that makes operations local as
custom_calls: it accepts sums in one exact form only, and no maximum.
"""

import re

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import sdy

from trainstone.partition import collectives, confine, shardings

TARGET = "trainstone.local"
FUNCTION, KEPT = "trainstone.function", "trainstone.attributes"
_FUNCTIONS = {(1, True): "stablehlo.tanh", (1, False): "stablehlo.negate",
              (2, True): "stablehlo.atan2", (2, False): "stablehlo.subtract"}
_AS_THEY_ARE = ("stablehlo.dot_general", "stablehlo.convolution", "stablehlo.dynamic_slice", "chlo.top_k")


def _all(module):
    return [op for top in module.body.operations if top.operation.name == "func.func"
            for op in shardings.operations(top.regions[0].blocks[0])]


def _replace(op, name, attributes):
    _put(op, ir.Operation.create(name, [value.type for value in op.results], list(op.operands), attributes,
                                 loc=op.location, ip=ir.InsertionPoint(op)).results)


def _put(op, results):
    for old, result in zip(op.results, results, strict=True):
        old.replace_all_uses_with(result)
    op.erase()


# ---- functions ----


def hide_functions(module):
    """Hides CHLO's functions with as many operands of the result's type as some replacement takes."""
    for op in _all(module):
        kinds = {str(value.type) for value in (*op.operands, *op.results)}
        if op.name.startswith("chlo.") and len(kinds) == 1 and len(op.operands) in (1, 2) and len(op.results) == 1:
            is_float = isinstance(ir.RankedTensorType(op.results[0].type).element_type, ir.FloatType)
            attributes = {name: op.attributes[name] for name in op.attributes}
            _replace(op, _FUNCTIONS[len(op.operands), is_float],
                     {FUNCTION: ir.StringAttr.get(op.name), KEPT: ir.DictAttr.get(attributes)})


# ---- sums ----


def keep_sums(module):
    """Puts a reshape between a scatter's sum and an operation that takes a part of it: the pass does not accept the two
    joined."""
    for op in _all(module):
        if op.name == "sdy.all_reduce" and _source(op).name == "stablehlo.scatter":
            result = op.results[0]
            attributes = {"sdy.sharding": sdy.TensorShardingPerValueAttr.get([op.attributes["out_sharding"]])}
            new = ir.Operation.create("stablehlo.reshape", [result.type], [result], attributes, loc=op.location,
                                      ip=ir.InsertionPoint(op))
            op.move_before(new)
            result.replace_all_uses_except(new.result, new)


def _source(op):
    """The operation that defines an operation's operand; the operation itself when the operand is an argument."""
    value = op.operands[0].maybe_downcast()
    return value.owner.operation if isinstance(value, ir.OpResult) else op


def _sum(module, op):
    """A function that makes the collective."""
    source = _source(op)
    kind = confine.kind_of_reduction(source) if source.name == "stablehlo.reduce" else "stablehlo.add"
    sharding = sdy.TensorShardingAttr(op.attributes["out_sharding"])
    mesh = collectives.Mesh(module, ir.FlatSymbolRefAttr(sharding.mesh_or_ref).value)
    if op.name == "sdy.all_reduce":
        groups = mesh.groups(*_rows(op.attributes["reduction_axes"]))
        return lambda new, place: [collectives.make("all_reduce", new.operands[0], kind, groups, new.results[0].type,
                                                    {}, place)]
    scattered = [(i, mesh.groups(row)) for i, row in enumerate(_rows(op.attributes["reduce_scatter_axes"])) if row]
    return lambda new, place: [collectives.reduce_scatter(new.operands[0], kind, scattered, place)]


def _rows(attribute):
    """Lists of axes. They have no Python class, so they are parsed as a sharding, which has the same text form."""
    lists = re.findall(r"\{.*?\}", str(attribute).partition("<")[2])
    return shardings.axes_of(ir.Attribute.parse(f"#sdy.sharding<@mesh, [{', '.join(lists)}]>"))


# ---- passing operations through ----


def _same(op):
    """A function that makes the operation again."""
    name = op.name
    attributes = {key: op.attributes[key] for key in op.attributes if key != "sdy.sharding"}

    def make(new, place):
        if name == "stablehlo.dynamic_slice":
            attributes["slice_sizes"] = ir.DenseI64ArrayAttr.get(shardings.shape(new.results[0]))
        return ir.Operation.create(name, [value.type for value in new.results], list(new.operands), attributes,
                                   **place).results

    return make


def hide(module):
    """Hides the operations. Returns what restore needs."""
    makers = []
    for op in _all(module):
        if op.name in _AS_THEY_ARE:
            maker = _same(op)
        elif op.name in ("sdy.all_reduce", "sdy.reduce_scatter") and _source(op).name != "stablehlo.scatter":
            maker = _sum(module, op)
        else:
            continue
        stand_in = {"call_target_name": ir.StringAttr.get(TARGET),
                    "backend_config": ir.StringAttr.get(str(len(makers)))}
        if "out_sharding" in op.attributes:
            stand_in["sdy.sharding"] = sdy.TensorShardingPerValueAttr.get([op.attributes["out_sharding"]])
        elif "sdy.sharding" in op.attributes:
            stand_in["sdy.sharding"] = op.attributes["sdy.sharding"]
        makers.append(maker)
        _replace(op, "stablehlo.custom_call", stand_in)
    return makers


def restore(module, makers):
    for op in _all(module):
        if op.name == "stablehlo.custom_call" and ir.StringAttr(op.attributes["call_target_name"]).value == TARGET:
            maker = makers[int(ir.StringAttr(op.attributes["backend_config"]).value)]
            _put(op, maker(op, {"loc": op.location, "ip": ir.InsertionPoint(op)}))
        elif op.name == "stablehlo.reshape" and op.operands[0].type == op.results[0].type:
            _put(op, [op.operands[0]])
        elif FUNCTION in op.attributes:
            kept = ir.DictAttr(op.attributes[KEPT])
            _replace(op, ir.StringAttr(op.attributes[FUNCTION]).value, {one.name: one.attr for one in kept})
