"""Random programs of random shardings: what trainstone.partition makes of them, against the same program on one device.

    python tests/api/fuzz_partition.py [--seed N] [--programs N] [--ops N] [--only NAME,...]

The programs are those of tests/models/fuzz_operations.py, on shapes that divide more often, over a mesh of 2
x 2 devices of XLA:CPU (partition_judge.py). Integers must be equal, floats near: sums have another order.
Where the program on one device makes NaN nothing is asked: XLA:CPU's all_reduce of a maximum drops it.
Refusals are counted, and so is what XLA:CPU's collectives do not have.
"""

import argparse
import collections
import pathlib
import sys

import partition_judge as judge

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))

import fuzz_operations  # noqa: E402
import fuzz_values  # noqa: E402
import jax  # noqa: E402
import numpy as np  # noqa: E402
from jax._src import compiler  # noqa: E402
from jax._src.lib import xla_client  # noqa: E402
from jax.sharding import PartitionSpec  # noqa: E402

GRID = judge.mesh(x=2, y=2)
SIZES = [1, 2, 3, 4, 4, 6, 8, 8, 12, 16]


def random_shape(rng, *_, **__):
    return tuple(int(size) for size in rng.choice(SIZES, int(rng.integers(1, 4))))


def random_spec(rng, shape):
    rows = [()] * len(shape)
    for axis in rng.permutation(["x", "y"]):
        can = [i for i, size in enumerate(shape) if size and size % (2 << len(rows[i])) == 0]
        if can and rng.random() < 0.75:
            rows[int(rng.choice(can))] += (str(axis),)
    return PartitionSpec(*rows)


def as_function(program):
    """All values of the program's nodes from its inputs."""
    def run(*inputs):
        values = {i: inputs[value.at] for i, value in enumerate(program.values) if value.node < 0}
        for node in program.nodes:
            results = jax.tree.leaves(node.function(*(values[i] for i in node.operands)))
            values.update(zip(node.results, results, strict=True))
        return [values[i] for node in program.nodes for i in node.results]

    return run


def on_one_device(function, inputs):
    """Of the same lowering, which is not that of a CPU."""
    with jax.default_device(judge.devices(1)[0]):
        lowered = jax.jit(function, keep_unused=True).trace(*inputs).lower(lowering_platforms=("neuron",))
        device = judge.devices(1)
        executable = device[0].client.compile_and_load(
            lowered.compiler_ir(), executable_devices=xla_client.DeviceList(tuple(device)),
            compile_options=compiler.get_compile_options(1, 1, np.zeros((1, 1), int)))
        found = executable.execute_sharded([jax.device_put(one, device[0]) for one in inputs])
        return [np.asarray(parts[0]) for parts in found.disassemble_into_single_device_arrays()]


def differs(got, want):
    if got.shape != want.shape or got.dtype != want.dtype:
        return True
    if got.dtype.kind in "biu":
        return not np.array_equal(got, want)
    limit = 1e-3 if got.dtype == np.float32 else 3e-2
    with np.errstate(invalid="ignore"):
        got, want = got.astype(np.float64), want.astype(np.float64)
        size = np.max(np.abs(want[np.isfinite(want)]), initial=0)
        return not np.all(np.isclose(got, want, rtol=limit, atol=limit * size) | np.isnan(want))


def try_program(seed, ops, only=None):
    """(what is wrong, why refused) of one program; None of what there is not."""
    program = fuzz_operations.make_program(seed, ops, only)
    rng = np.random.default_rng(seed)
    arguments = [judge.put(GRID, one, *random_spec(rng, one.shape)) for one in program.inputs]
    if not program.nodes:
        return None, None
    function = as_function(program)
    try:
        found = judge.run(judge.lower(jax.jit(function, keep_unused=True), *arguments), program.inputs)
    except jax.errors.JaxRuntimeError as error:
        return None, str(error).splitlines()[0]
    names = [node.name for node in program.nodes for _ in node.results]
    for name, got, want in zip(names, found, on_one_device(function, program.inputs), strict=True):
        if not name.startswith("bitcast") and differs(got, want):  # the bits of a sum depend on its order
            return f"{name} is the first that differs; arguments {[one.sharding.spec for one in arguments]}", None
    return None, None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--programs", type=int, default=100)
    parser.add_argument("--ops", type=int, default=8, help="operations a program")
    parser.add_argument("--only", type=lambda text: text.split(","),
                        help="operations, as fuzz_operations.py names them")
    arguments = parser.parse_args()
    fuzz_values.random_shape = random_shape
    wrong, refused = 0, collections.Counter()
    for seed in range(arguments.seed, arguments.seed + arguments.programs):
        what, why = try_program(seed, arguments.ops, arguments.only)
        wrong += what is not None
        refused[why] += why is not None
        if what or why:
            print(f"seed {seed}: {what or 'refused: ' + why}", flush=True)
    print(f"{arguments.programs} programs from seed {arguments.seed}, {wrong} wrong, {refused.total()} refused")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
