"""Attributes that the compiler and JAX need on the program of one partition."""

import math

import numpy as np
from jaxlib._hlo import HloSharding, OpSharding_Type
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import sdy

from trainstone.partition import places, shardings
from trainstone.partition.pipe import Refused

_ALIAS = "tf.aliasing_output"


def describe(module):
    """Marks the module as the program of one partition, and describes how its arguments and results are parts of the
    global ones, in the form of XLA's HloSharding, which JAX compares."""
    main = shardings.main(module)
    meshes = {ir.StringAttr(op.attributes["sym_name"]).value: op.attributes["mesh"] for op in module.body.operations
              if op.operation.name == "sdy.mesh"}

    def texts(key, count):
        rows = main.attributes[key] if key in main.attributes else [{}] * count
        found = [row["sdy.sharding"] if "sdy.sharding" in row else None for row in rows]
        return ir.ArrayAttr.get([ir.StringAttr.get(sharding_text(one, meshes)) for one in found])

    attributes = module.operation.attributes
    kind = main.attributes["function_type"].value
    attributes["trainstone.local"] = ir.BoolAttr.get(True)
    attributes["trainstone.parameter_shardings"] = texts("arg_attrs", len(kind.inputs))
    attributes["trainstone.output_shardings"] = texts("res_attrs", len(kind.results))


def donate(module):
    """Assigns donated arguments to results where JAX could not, because it did not know the results' shardings: to the
    first result of the same type and sharding that takes no other argument's place."""
    main = shardings.main(module)
    if "arg_attrs" not in main.attributes:
        return
    kind = main.attributes["function_type"].value
    attributes = module.operation.attributes
    ins, outs = ([(str(one), ir.StringAttr(text).value) for one, text in zip(kinds, attributes[name], strict=True)]
                 for kinds, name in ((kind.inputs, "trainstone.parameter_shardings"),
                                     (kind.results, "trainstone.output_shardings")))
    rows = [{one.name: one.attr for one in ir.DictAttr(row)} for row in main.attributes["arg_attrs"]]
    taken = {ir.IntegerAttr(row[_ALIAS]).value for row in rows if _ALIAS in row}
    for row, one in zip(rows, ins, strict=True):
        at = next((i for i, out in enumerate(outs) if out == one and i not in taken), None)
        if "jax.buffer_donor" in row and at is not None:
            del row["jax.buffer_donor"]
            row[_ALIAS] = ir.IntegerAttr.get(ir.IntegerType.get_signless(32), at)
            taken.add(at)
    main.attributes["arg_attrs"] = ir.ArrayAttr.get([ir.DictAttr.get(row) for row in rows])


def sharding_text(sharding, meshes):
    """A sharding over the axes of a mesh in XLA's form: "{devices=[2,1]<=[2]}", "{replicated}"."""
    if sharding is None:
        return str(HloSharding.replicate())
    sharding = sdy.TensorShardingAttr(sharding)
    mesh = sharding.mesh_or_ref
    mesh = sdy.MeshAttr(meshes[ir.FlatSymbolRefAttr(mesh).value] if isinstance(mesh, ir.FlatSymbolRefAttr) else mesh)
    names = [sdy.MeshAxisAttr(axis).name for axis in mesh.axes]
    sizes = [sdy.MeshAxisAttr(axis).size for axis in mesh.axes]
    rows = [[names.index(sdy.AxisRefAttr(axis).name) for axis in sdy.DimensionShardingAttr(row).axes]
            for row in sharding.dimension_shardings]
    used = [axis for row in rows for axis in row]
    if not used:
        return str(HloSharding.replicate())
    order = used + [axis for axis in range(len(names)) if axis not in used]
    tile = [math.prod(sizes[axis] for axis in row) for row in rows]
    copies = math.prod(sizes) // math.prod(tile)
    groups = [OpSharding_Type.REPLICATED] if copies > 1 else []
    tile += [copies] * len(groups)
    if not list(mesh.device_ids):
        return str(HloSharding.iota_tile(tile, sizes, order, groups))
    devices = np.array(list(mesh.device_ids)).reshape(sizes).transpose(order).reshape(tile)
    return str(HloSharding.subgroup_with_device_ordering(devices, groups))


def check(module):
    """Checks that nothing global is left."""
    def look(op):
        if op.name.startswith("sdy.") or op.name == "builtin.unrealized_conversion_cast":
            raise Refused(f"{op.name}{places.words(op.location)} is left over")
        return ir.WalkResult.ADVANCE

    module.operation.walk(look)
