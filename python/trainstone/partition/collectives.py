"""Sums over axes of a mesh as StableHLO collectives."""

import math

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import sdy


class Mesh:
    """A mesh by name. Partitions are numbered along its axes, the outermost first."""

    def __init__(self, module, name):
        op = next(op for op in module.body.operations if op.operation.name == "sdy.mesh"
                  and ir.StringAttr(op.attributes["sym_name"]).value == name)
        mesh = sdy.MeshAttr(op.attributes["mesh"])
        axes = [sdy.MeshAxisAttr(axis) for axis in mesh.axes]
        self._axes = [(axis.name, 1, axis.size) for axis in axes]  # name, size of what is outside within the axis, size
        self._ids = np.array(list(mesh.device_ids) or range(math.prod(axis.size for axis in axes)))

    def groups(self, axes):
        """[group, member]: partitions that differ along the given axes only, in order."""
        wanted = [self._part(axis) for axis in axes]
        pieces = []
        for name, _, size in self._axes:
            edges = {1, size}
            for other, outside, part in wanted:
                if other == name:
                    edges |= {outside, outside * part}
            cuts = sorted(edges)
            pieces += [(name, a, b // a) for a, b in zip(cuts, cuts[1:])]
        chosen = [i for axis in wanted for i, piece in enumerate(pieces) if self._is_in(piece, axis)]
        rest = [i for i in range(len(pieces)) if i not in chosen]
        ids = self._ids.reshape([piece[2] for piece in pieces]).transpose(rest + chosen)
        return ids.reshape(-1, math.prod(pieces[i][2] for i in chosen))

    def _part(self, axis):
        info = axis.sub_axis_info
        if info:
            info = sdy.SubAxisInfoAttr(info)
            return axis.name, info.pre_size, info.size
        return next(one for one in self._axes if one[0] == axis.name)

    @staticmethod
    def _is_in(piece, axis):
        return piece[0] == axis[0] and axis[1] <= piece[1] and piece[1] * piece[2] <= axis[1] * axis[2]


def make(name, value, kind, groups, kind_of_result, more, place):
    """The result of an all_reduce or reduce_scatter of one value by a binary operation."""
    element = ir.RankedTensorType.get([], value.type.element_type)
    attributes = {"replica_groups": ir.DenseElementsAttr.get(np.ascontiguousarray(groups, np.int64)),
                  "channel_handle": ir.Attribute.parse("#stablehlo.channel_handle<handle = 1, type = 1>"),
                  "use_global_device_ids": ir.UnitAttr.get(), **more}
    op = ir.Operation.create(f"stablehlo.{name}", [kind_of_result], [value], attributes, regions=1, **place)
    block = ir.Block.create_at_start(op.regions[0], [element, element], [place["loc"]] * 2)
    inside = {"loc": place["loc"], "ip": ir.InsertionPoint(block)}
    one = ir.Operation.create(kind, [element], list(block.arguments), **inside)
    ir.Operation.create("stablehlo.return", [], [one.result], **inside)
    return op.result


def reduce_scatter(value, kind, scattered, place):
    """scattered: for each dimension that is cut, its groups."""
    for dimension, groups in scattered:
        shape = list(value.type.shape)
        shape[dimension] //= groups.shape[1]
        result = ir.RankedTensorType.get(shape, value.type.element_type)
        more = {"scatter_dimension": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), dimension)}
        value = make("reduce_scatter", value, kind, groups, result, more, place)
    return value
