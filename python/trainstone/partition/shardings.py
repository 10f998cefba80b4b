"""Shardings of values: which axes of a mesh divide which dimensions."""

import math

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import sdy

# Operations whose regions contain operations on whole tensors; the regions of others, such as reductions, contain
# scalars.
CONTROL = ("stablehlo.while", "stablehlo.case", "stablehlo.if", "sdy.manual_computation")


def main(module):
    """The program's entry function, which calls the others."""
    return next(op for op in module.body.operations if op.operation.name == "func.func"
                and ir.StringAttr(op.attributes["sym_name"]).value == "main")


def is_in_manual(op):
    """Whether the operation is in a computation that states itself what each partition does."""
    while op := op.parent:
        op = op.operation
        if op.name == "sdy.manual_computation":
            return True
    return False


def operations(block):
    """The operations of a block and of control flow in it, outer ones first."""
    found = []
    for op in block.operations:
        op = op.operation
        found.append(op)
        if op.name in CONTROL:
            for region in op.regions:
                for inner in region.blocks:
                    found += operations(inner)
    return found


def shape(value):
    """The value's shape; None when it is not a ranked tensor."""
    kind = value.type
    return list(kind.shape) if isinstance(kind, ir.RankedTensorType) else None


def axes_of(attribute):
    """The axes of each dimension of a sharding."""
    return [[sdy.AxisRefAttr(axis) for axis in sdy.DimensionShardingAttr(row).axes]
            for row in sdy.TensorShardingAttr(attribute).dimension_shardings]


class Shardings:
    """Reads and changes the shardings of one module. A sharding is (mesh, rows): the mesh's name, and for each
    dimension the axes that divide it, outermost first. None is a value that every partition has whole."""

    def __init__(self, module):
        self.meshes = {}
        for op in module.body.operations:
            if op.operation.name == "sdy.mesh":
                axes = map(sdy.MeshAxisAttr, sdy.MeshAttr(op.attributes["mesh"]).axes)
                self.meshes[ir.StringAttr(op.attributes["sym_name"]).value] = {axis.name: axis.size for axis in axes}

    def of(self, value):
        value = value.maybe_downcast()
        if isinstance(value, ir.OpResult):
            return self._of_result(value.owner.operation, value.result_number)
        return self._of_argument(value.owner, value.arg_number)

    def _of_result(self, op, index):
        if op.name == "sdy.reshard":
            return self.read(op.attributes["sharding"])
        key = "out_shardings" if op.name == "sdy.manual_computation" else "sdy.sharding"
        if key not in op.attributes:
            return None
        return self.read(sdy.TensorShardingPerValueAttr(op.attributes[key]).shardings[index])

    def _of_argument(self, block, index):
        op = block.owner.operation
        if op.name == "func.func":
            rows = op.attributes["arg_attrs"] if "arg_attrs" in op.attributes else None
            row = ir.DictAttr(rows[index]) if rows is not None else {}
            return self.read(row["sdy.sharding"]) if "sdy.sharding" in row else None
        if op.name == "stablehlo.while":
            return self._of_result(op, index)
        if op.name == "sdy.manual_computation":
            found = self.read(sdy.TensorShardingPerValueAttr(op.attributes["in_shardings"]).shardings[index])
            manual = set(sdy.ManualAxesAttr(op.attributes["manual_axes"]))
            return found and self.plain(found[0], [[axis for axis in row if axis.name not in manual]
                                                   for row in found[1]])
        return None

    def read(self, attribute):
        return self.plain(ir.FlatSymbolRefAttr(sdy.TensorShardingAttr(attribute).mesh_or_ref).value, axes_of(attribute))

    @staticmethod
    def plain(mesh, rows):
        return (mesh, rows) if any(rows) else None

    def count(self, mesh, axes):
        """The number of parts into which the axes divide."""
        return math.prod(self._size(mesh, axis) for axis in axes)

    def _size(self, mesh, axis):
        part = axis.sub_axis_info
        return sdy.SubAxisInfoAttr(part).size if part else self.meshes[mesh][axis.name]

    def attribute(self, sharding, rank, mesh=None):
        """The attribute of a sharding; `mesh` is used for a value that is whole."""
        mesh, rows = sharding or (mesh or next(iter(self.meshes)), [[]] * rank)
        return sdy.TensorShardingAttr.get(mesh, [sdy.DimensionShardingAttr.get(row, True) for row in rows])

    def set_results(self, op, found):
        if not any(found):
            if "sdy.sharding" in op.attributes:
                del op.attributes["sdy.sharding"]
            return
        op.attributes["sdy.sharding"] = self.per_value(found, [shape(result) or [] for result in op.results])

    def per_value(self, found, shapes):
        return sdy.TensorShardingPerValueAttr.get(
            [self.attribute(one, len(dims)) for one, dims in zip(found, shapes, strict=True)])

    def confined(self, sharding, dims, open_dims):
        """The sharding without the axes of dimensions that are not open (None: all are) or not divisible."""
        if sharding is None:
            return None
        mesh, rows = sharding
        rows = [list(row) if open_dims is None or i in open_dims else [] for i, row in enumerate(rows)]
        for size, row in zip(dims, rows, strict=True):
            while row and (size == 0 or size % self.count(mesh, row)):
                row.pop()
        return self.plain(mesh, rows)

    def reshard(self, op, index, sharding):
        """Makes operand `index` of op have the sharding."""
        value = op.operands[index]
        old = self.of(value)
        if same(old, sharding):
            return
        new = ir.Operation.create("sdy.reshard", [value.type], [value], loc=op.location, ip=ir.InsertionPoint(op),
                                  attributes={"sharding": self.attribute(sharding, len(shape(value)), old and old[0])})
        op.operands[index] = new.result


def same(one, other):
    return one is None and other is None or one is not None and other is not None and (
        one[0] == other[0] and [list(row) for row in one[1]] == [list(row) for row in other[1]])
