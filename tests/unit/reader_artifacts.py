"""Writes reader_artifacts.h: portable artifacts that tests/unit/reader_damage.c damages.

usage: .venv/bin/python tests/unit/reader_artifacts.py

Made once and kept, so that the C tests need no Python. Their source is said to be train.py.
"""

import os
import pathlib

os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.export  # noqa: E402
from jaxlib.mlir import ir  # noqa: E402
from jaxlib.mlir.dialects import stablehlo  # noqa: E402

MLP = """
import jax
import jax.numpy as jnp

def step(w, v, x, y):
    def loss(params):
        hidden = jnp.tanh(x @ params[0])
        return jnp.mean((hidden @ params[1] - y) ** 2)
    value, grads = jax.value_and_grad(loss)((w, v))
    return value, w - 0.1 * grads[0], v - 0.1 * grads[1]

shapes = [(3, 4), (4, 2), (5, 3), (5, 2)]
arguments = [jax.ShapeDtypeStruct(shape, "float32") for shape in shapes]
exported = jax.export.export(jax.jit(step), platforms=("neuron",))(*arguments)
"""

CONTROL = """
  func.func public @main(%n: tensor<i32>, %x: tensor<2x3xf32>) -> tensor<2x3xf32> {
    %zero = stablehlo.constant dense<0> : tensor<i32>
    %one = stablehlo.constant dense<1> : tensor<i32>
    %mask = stablehlo.constant dense<[[true, false, true], [false, false, true]]> : tensor<2x3xi1>
    %w:2 = stablehlo.while(%i = %zero, %acc = %x) : tensor<i32>, tensor<2x3xf32> cond {
      %more = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %more : tensor<i1>
    } do {
      %next = stablehlo.add %i, %one : tensor<i32>
      %pick = "stablehlo.case"(%i) ({
        %a = stablehlo.composite "chlo.erf" %acc {decomposition = @erf, composite_attributes = {k = 1 : i64}}
            : (tensor<2x3xf32>) -> tensor<2x3xf32>
        stablehlo.return %a : tensor<2x3xf32>
      }, {
        %a = stablehlo.select %mask, %acc, %x : tensor<2x3xi1>, tensor<2x3xf32>
        stablehlo.return %a : tensor<2x3xf32>
      }) : (tensor<i32>) -> tensor<2x3xf32>
      stablehlo.return %next, %pick : tensor<i32>, tensor<2x3xf32>
    }
    return %w#1 : tensor<2x3xf32>
  }
  func.func private @erf(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
    %0 = stablehlo.tanh %a : tensor<2x3xf32>
    return %0 : tensor<2x3xf32>
  }
"""

SHARDED = """
module @sharded attributes {mhlo.num_partitions = 8 : i32} {
  sdy.mesh @mesh = <["data"=4, "model"=2]>
  func.func public @main(%a: tensor<8x8xf32> {sdy.sharding = #sdy.sharding<@mesh, [{"data"}, {"model", ?}p1]>},
      %b: tensor<8x8xf32> {sdy.sharding = #sdy.sharding<@mesh, [{?}, {"data":(1)2}], replicated={"model"}>})
      -> (tensor<8x8xf32> {jax.result_info = "sum"}) {
    %0 = sdy.sharding_constraint %a <@mesh, [{"data"}, {}]> : tensor<8x8xf32>
    %1 = sdy.manual_computation(%0) in_shardings=[<@mesh, [{"data"}, {}]>] out_shardings=[<@mesh, [{"data"}, {}]>]
        manual_axes={"data"} (%x: tensor<2x8xf32>) {
      %3 = stablehlo.multiply %x, %x : tensor<2x8xf32>
      sdy.return %3 : tensor<2x8xf32>
    } : (tensor<8x8xf32>) -> tensor<8x8xf32>
    %2 = stablehlo.add %1, %b : tensor<8x8xf32>
    return %2 : tensor<8x8xf32>
  }
}
"""

INDEXED = """
import jax
import jax.numpy as jnp

def step(x, i):
    top = jnp.sort(x, axis=1)
    return top[i].sum(0), x.at[i].add(1.0), jnp.argmax(x, axis=1), jnp.pad(x, ((1, 0), (0, 2)))

arguments = [jax.ShapeDtypeStruct((4, 3), "float32"), jax.ShapeDtypeStruct((2,), "int32")]
exported = jax.export.export(jax.jit(step), platforms=("neuron",))(*arguments)
"""


def from_jax(source):
    names = {}
    with jax._src.config.traceback_in_locations_limit(1):
        exec(compile(source, "train.py", "exec"), names)
    return names["exported"].mlir_module_serialized


def from_text(text):
    with jax._src.interpreters.mlir.make_ir_context():
        return stablehlo.serialize_portable_artifact(ir.Module.parse(text), "1.17.0", True)


def main():
    artifacts = {"mlp": from_jax(MLP), "control": from_text(CONTROL), "sharded": from_text(SHARDED),
                 "indexed": from_jax(INDEXED)}
    lines = ["/* Portable artifacts to damage, written by reader_artifacts.py: an MLP's training step, a while with a",
             "   case and a composite inside, a sharded function, and sorting, gathering and scattering. */",
             "#ifndef TS_UNIT_READER_ARTIFACTS_H", "#define TS_UNIT_READER_ARTIFACTS_H", "", "#include <stdint.h>", "",
             "/* clang-format off */"]
    for name, data in artifacts.items():
        lines.append(f"static const uint8_t artifact_{name}[{len(data)}] = {{")
        row = ""
        for byte in data:
            if len(row) + len(f"{byte},") > 108:
                lines.append(row)
                row = ""
            row += f"{byte},"
        lines += [row, "};", ""]
    lines += ["/* clang-format on */", "", "#endif"]
    pathlib.Path(__file__).with_suffix(".h").write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
