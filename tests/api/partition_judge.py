"""The program of one partition, run on several devices of XLA:CPU: a judge of what trainstone.partition makes.

It knows nothing of Shardy. Arguments are cut and results joined by what the module's own attributes say, read
here anew, and each device runs the module on its part inside of a shard_map over all devices.
"""

import math
import os
import re

DEVICES = 8
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={DEVICES}"

import jax  # noqa: E402
import numpy as np  # noqa: E402
from jax._src import compiler  # noqa: E402
from jax._src.lib import xla_client  # noqa: E402
from jax.sharding import Mesh, NamedSharding, PartitionSpec  # noqa: E402
from jaxlib.mlir import ir  # noqa: E402

from trainstone import partition  # noqa: E402


def devices(count=DEVICES):
    return jax.devices("cpu")[:count]


def mesh(**axes):
    return Mesh(np.array(devices(math.prod(axes.values()))).reshape(tuple(axes.values())), tuple(axes))


def put(where, value, *spec):
    """An array over the mesh, divided as PartitionSpec(*spec) says."""
    return jax.device_put(value, NamedSharding(where, PartitionSpec(*spec)))


def lower(function, *args):
    """The global module as a NeuronCore's plugin gets it."""
    jitted = function if hasattr(function, "trace") else jax.jit(function)
    return jitted.trace(*args).lower(lowering_platforms=("neuron",))


def local(lowered):
    return partition.local_module(lowered.compiler_ir())


def texts(module, name):
    return [ir.StringAttr(one).value for one in module.operation.attributes[name]]


def main(module):
    return next(op for op in module.body.operations if ir.StringAttr(op.attributes["sym_name"]).value == "main")


def count(module):
    """{name of an operation: how often}, control flow and all."""
    found = {}

    def look(op):
        found[op.name] = found.get(op.name, 0) + 1
        return ir.WalkResult.ADVANCE

    module.operation.walk(look)
    return found


# ---- parts of arrays ----


def _tiles(text, partitions):
    """Where each partition's part lies and how many parts each dimension has; None when each has all."""
    if text == "{replicated}":
        return None
    match = re.fullmatch(r"\{devices=\[([\d,]+)\](?:<=\[([\d,]+)\](?:T\(([\d,]+)\))?|([\d,]+))"
                         r"( last_tile_dim_replicate)?\}", text)
    assert match, text
    numbers = [[int(n) for n in group.split(",")] if group else None for group in match.groups()[:4]]
    dims, shape, order, listed = numbers
    ids = np.array(listed) if listed else np.arange(partitions).reshape(shape)
    ids = (ids.transpose(order) if order else ids).reshape(dims)
    kept = len(dims) - bool(match[5])
    return {int(ids[at]): at[:kept] for at in np.ndindex(*dims)}, dims[:kept]


def cut(value, text, partitions):
    tiles = _tiles(text, partitions)
    if tiles is None:
        return [value] * partitions
    at, parts = tiles
    sizes = [size // n for size, n in zip(value.shape, parts, strict=True)]
    return [value[tuple(slice(i * size, (i + 1) * size) for i, size in zip(at[p], sizes, strict=True))]
            for p in range(partitions)]


def join(parts, text):
    """The whole; parts of the same place must be the same."""
    tiles = _tiles(text, len(parts))
    at, counts = tiles or ({p: (0,) * parts[0].ndim for p in range(len(parts))}, [1] * parts[0].ndim)
    sizes = parts[0].shape
    whole, seen = np.zeros([size * n for size, n in zip(sizes, counts, strict=True)], parts[0].dtype), {}
    for p, place in at.items():
        with np.errstate(invalid="ignore"):  # NaN
            same = (parts[p] == seen.setdefault(place, parts[p])) | (parts[p] != parts[p])
        assert np.all(same), f"partition {p} has another value than the others of its place"
        whole[tuple(slice(i * size, (i + 1) * size) for i, size in zip(place, sizes, strict=True))] = parts[p]
    return whole


# ---- running it ----


def _lifted(kind, first):
    return str(ir.RankedTensorType.get([first, *kind.shape], kind.element_type))


def _wrapped(module, partitions):
    """A module whose arguments and results are the parts of all partitions one after the other."""
    function = main(module)
    kind = function.attributes["function_type"].value
    ins, outs = [[ir.RankedTensorType(one) for one in side] for side in (kind.inputs, kind.results)]
    for name in ("arg_attrs", "res_attrs"):
        if name in function.attributes:
            del function.attributes[name]
    function.attributes["sym_name"] = ir.StringAttr.get("local")
    function.attributes["sym_visibility"] = ir.StringAttr.get("private")
    body = "\n".join(str(op) for op in module.body.operations)

    def sharding(one):
        return f'<@mesh, [{{"all"}}{", {}" * len(one.shape)}]>'

    def row(parts):
        return ", ".join(parts)

    def reshapes(name, source, kinds, to):
        return "\n".join(f"%{name}{i} = stablehlo.reshape {source(i)} : ({a}) -> {b}"
                         for i, (a, b) in enumerate(to(one) for one in kinds))

    arguments = row(f"%a{i}: {_lifted(one, partitions)} {{sdy.sharding = #sdy.sharding{sharding(one)}}}"
                    for i, one in enumerate(ins))
    results = row(f"{_lifted(one, partitions)} {{sdy.sharding = #sdy.sharding{sharding(one)}}}" for one in outs)
    wide = row(_lifted(one, partitions) for one in outs)
    return ir.Module.parse(f"""module @wrapped attributes {{mhlo.num_partitions = {partitions} : i32}} {{
      sdy.mesh @mesh = <["all"={partitions}]>
      func.func public @main({arguments}) -> ({results}) {{
        %r:{len(outs)} = sdy.manual_computation({row(f"%a{i}" for i in range(len(ins)))})
            in_shardings=[{row(map(sharding, ins))}] out_shardings=[{row(map(sharding, outs))}]
            manual_axes={{"all"}} ({row(f"%b{i}: {_lifted(one, 1)}" for i, one in enumerate(ins))}) {{
          {reshapes("c", lambda i: f"%b{i}", ins, lambda one: (_lifted(one, 1), one))}
          %d:{len(outs)} = func.call @local({row(f"%c{i}" for i in range(len(ins)))})
              : ({row(map(str, ins))}) -> ({row(map(str, outs))})
          {reshapes("e", lambda i: f"%d#{i}", outs, lambda one: (one, _lifted(one, 1)))}
          sdy.return {row(f"%e{i}" for i in range(len(outs)))} : {row(_lifted(one, 1) for one in outs)}
        }} : ({row(_lifted(one, partitions) for one in ins)}) -> ({wide})
        return {row(f"%r#{i}" for i in range(len(outs)))} : {wide}
      }}
      {body}
    }}""")


def run(lowered, leaves):
    """The global results of a lowered function for global arguments, as NumPy arrays."""
    module = local(lowered)
    with module.context, ir.Location.unknown():
        partitions = ir.IntegerAttr(module.operation.attributes["mhlo.num_partitions"]).value
        ins, outs = (texts(module, f"trainstone.{side}_shardings") for side in ("parameter", "output"))
        wrapped = _wrapped(module, partitions)
    kept = lowered._lowering.compile_args["kept_var_idx"]
    leaves = [np.asarray(leaf) for i, leaf in enumerate(leaves) if i in kept]
    where = Mesh(np.array(devices(partitions)), ("all",))
    stacked = [jax.device_put(np.stack(cut(leaf, text, partitions)), NamedSharding(where, PartitionSpec("all")))
               for leaf, text in zip(leaves, ins, strict=True)]
    options = compiler.get_compile_options(1, partitions, np.arange(partitions).reshape(1, partitions))
    executable = jax.devices("cpu")[0].client.compile_and_load(
        wrapped, executable_devices=xla_client.DeviceList(tuple(devices(partitions))), compile_options=options)
    found = executable.execute_sharded(stacked).disassemble_into_single_device_arrays()
    return [join([np.asarray(part)[0] for part in parts], text) for parts, text in zip(found, outs, strict=True)]


def check(function, args, reference=None, tolerance=3e-6, lowered=None):
    """Partitioned as without a mesh, up to the order of sums."""
    lowered = lowered or lower(function, *args)
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(args)]
    found = run(lowered, leaves)
    with jax.default_device(devices(1)[0]):
        host = jax.tree.unflatten(jax.tree.structure(args), leaves)
        wanted = jax.tree.leaves((reference or jax.jit(function))(*host))
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        other = np.asarray(other)
        assert one.shape == other.shape and one.dtype == other.dtype
        one, other = one.astype(np.float64), other.astype(np.float64)
        np.testing.assert_allclose(one, other, rtol=tolerance,
                                   atol=tolerance * max(1, np.max(np.abs(other), initial=0)))
