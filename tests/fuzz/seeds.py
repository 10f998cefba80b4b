"""Seeds of the bytecode fuzzers: small portable artifacts of programs written here, one family each.

seeds.py FOLDER writes them. Each program is lowered by jax.export, or written as StableHLO text where JAX has no way to
say it, and stored in several versions of the format, since older ones spell attributes and operations otherwise.
"""

import os
import pathlib
import sys

import jax
import jax.export
import jax.numpy as jnp
from jax import lax
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

VERSIONS = ("0.18.0", "1.0.0", "1.9.0", "1.13.0", "1.17.0")
F32, I32, U32, BF16, PRED = jnp.float32, jnp.int32, jnp.uint32, jnp.bfloat16, jnp.bool_


def shape(*dims, dtype=F32):
    return jax.ShapeDtypeStruct(dims, dtype)


def mlp_step(w, v, x, y):
    def loss(params):
        hidden = jnp.tanh(x @ params[0])
        logits = hidden @ params[1]
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(logits) * y, axis=1))

    grads = jax.grad(loss)((w, v))
    return w - 0.1 * grads[0], v - 0.1 * grads[1]


def control(n, x):
    def body(carry):
        i, acc = carry
        step = lax.switch(i % 3, (jnp.sin, jnp.cos, jnp.tanh), acc)
        return i + 1, lax.cond(i > 2, lambda a: a * 2, lambda a: a - 1, step)

    _, x = lax.while_loop(lambda c: c[0] < n, body, (0, x))
    total, steps = lax.scan(lambda c, row: (c + row, c * row), jnp.zeros(3), x)
    return total, lax.optimization_barrier((steps, jax.lax.erf_inv(x)))[0]


def pointwise(x, y, i, u, p):
    floats = [lax.abs(x), lax.exp(x), lax.expm1(x), lax.log(x), lax.log1p(x), lax.sqrt(x), lax.rsqrt(x), lax.cbrt(x),
              lax.sin(x), lax.cos(x), lax.tan(x), lax.tanh(x), lax.logistic(x), lax.floor(x), lax.ceil(x), lax.sign(x),
              lax.round(x), lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN), lax.neg(x), lax.add(x, y), lax.sub(x, y),
              lax.mul(x, y), lax.div(x, y), lax.rem(x, y), lax.pow(x, y), lax.max(x, y), lax.min(x, y), lax.atan2(x, y),
              lax.clamp(-1.0, x, 1.0), lax.select(p, x, y), lax.erf(x), lax.reduce_precision(x, 8, 7),
              lax.integer_pow(x, 3)]
    whole = [i + 1, i * i, i // 3, i % 3, i & 5, i | 5, i ^ 5, ~i, i << 2, i >> 1, lax.shift_right_logical(i, 1),
             lax.population_count(i), lax.clz(u), u + u, u * u, u >> 3, i.astype(U32), u.astype(F32), x.astype(I32),
             lax.bitcast_convert_type(x, I32)]
    tests = [x < y, x == y, x != y, i >= 3, u > 2, jnp.isfinite(x), p & (x > 0), p ^ p, ~p]
    return floats, whole, tests, x.astype(BF16) + y.astype(BF16), x.astype(jnp.float16), x.astype(jnp.float8_e4m3fn)


def shapes(x, i):
    return (x.T, x.reshape(2, 12), jnp.flip(x, 1), x[1:3, ::2], lax.pad(x, 0.0, ((1, 2, 1), (-1, 0, 0))),
            jnp.concatenate([x, x * 2], 0), lax.dynamic_slice(x, (i, 0), (2, 3)),
            lax.dynamic_update_slice(x, x[:1], (i, i)), jnp.broadcast_to(x[:, None], (4, 5, 6)), lax.iota(I32, 7),
            lax.broadcasted_iota(F32, (3, 4), 1), jnp.squeeze(x[:1]), lax.expand_dims(x, (0, 2)))


def reductions(x, i):
    pair = lax.reduce((x, i), (F32(0), I32(0)), lambda a, b: (a[0] + b[0], lax.max(a[1], b[1])), (1,))
    return (x.sum(0), x.max(1), x.min(), jnp.prod(x, 0), jnp.argmax(x, 1), jnp.any(x > 0), jnp.all(x > 0, 0),
            jnp.cumsum(x, 0), lax.cummax(x, 1), pair, lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (2, 1), "SAME"),
            jax.grad(lambda a: lax.reduce_window(a, -jnp.inf, lax.max, (2, 2), (2, 2), "VALID").sum())(x),
            jnp.sort(x, 0), lax.sort((i, x), dimension=1, num_keys=1), lax.top_k(x, 2))


def indexing(x, i):
    return (x[i], jnp.take(x, i, axis=1), x.at[i].add(1.0), x.at[i].set(0.0), x.at[:, i].max(x[:, :2]),
            jnp.take_along_axis(x, i[None].repeat(4, 0), 1, mode="fill"), jax.vmap(lambda r, j: r[j])(x[:2], i))


def products(x, y, k):
    image = x.reshape(1, 4, 6, 1)
    conv = lax.conv_general_dilated(image, k, (1, 2), ((1, 1), (0, 0)), lhs_dilation=(2, 1), rhs_dilation=(1, 2),
                                    dimension_numbers=("NHWC", "HWIO", "NHWC"))
    grouped = lax.conv_general_dilated(jnp.ones((1, 4, 8)), jnp.ones((4, 1, 3)), (1,), "SAME", feature_group_count=4,
                                       dimension_numbers=("NCH", "OIH", "NCH"))
    return (x @ y, jnp.einsum("ab,cb->ca", x, x, precision="highest"), jnp.einsum("bij,bjk->bik", x.reshape(2, 3, 4),
            x.reshape(2, 4, 3)), lax.dot_general(x.astype(BF16), y.astype(BF16), (((1,), (0,)), ((), ())),
            preferred_element_type=F32), conv, grouped)


def other(key, x, c):
    square = x @ x.T
    return (jax.random.normal(key, (3,)), lax.rng_bit_generator(jnp.zeros(4, U32), (5,))[1],
            jnp.linalg.cholesky(square),
            lax.linalg.triangular_solve(square, x, left_side=True), jnp.fft.rfft(x), c * c, jnp.real(c), jnp.abs(c),
            lax.complex(x, x))


PROGRAMS = {
    "mlp": (mlp_step, shape(6, 5), shape(5, 3), shape(4, 6), shape(4, 3)),
    "control": (control, shape(dtype=I32), shape(2, 3)),
    "pointwise": (pointwise, shape(3), shape(3), shape(3, dtype=I32), shape(3, dtype=U32), shape(3, dtype=PRED)),
    "shapes": (shapes, shape(4, 6), shape(dtype=I32)),
    "reductions": (reductions, shape(4, 6), shape(4, 6, dtype=I32)),
    "indexing": (indexing, shape(4, 6), shape(2, dtype=I32)),
    "products": (products, shape(4, 6), shape(6, 3), shape(3, 2, 1, 2)),
    "other": (other, shape(2, dtype=U32), shape(3, 4), shape(3, dtype=jnp.complex64)),
}

# What JAX does not write, or only in long programs.
TEXTS = {
    "types": """
      func.func public @main(%a: tensor<2xi4>, %b: tensor<2xui4>, %c: tensor<2xf8E5M2>, %d: tensor<2xf8E4M3FN>,
          %e: tensor<2xf64>, %f: tensor<2xi64>, %g: tensor<complex<f64>>, %h: tensor<2xui64>, %i: tensor<2xi16>,
          %j: tensor<2xui16>, %k: tensor<2xi8>, %l: tensor<2xui8>, %m: tensor<0x3xf16>) -> tensor<2xi4> {
        %0 = stablehlo.constant dense<[1, -2]> : tensor<2xi4>
        %1 = stablehlo.constant dense<[1, 2]> : tensor<2xui4>
        %2 = stablehlo.constant dense<[true, false, true, true, false, true, true, true, true]> : tensor<9xi1>
        %3 = stablehlo.constant dense<true> : tensor<4xi1>
        %4 = stablehlo.constant dense<(1.0, -2.0)> : tensor<3xcomplex<f32>>
        %5 = stablehlo.constant dense<[1.5, 0x7FC00001, 0xFF800000]> : tensor<3xf32>
        %6 = stablehlo.constant dense<[1.5, -0.0]> : tensor<2xf8E4M3FN>
        %7 = stablehlo.constant dense<1.5> : tensor<2xf64>
        %8 = stablehlo.constant dense<[[1], [2]]> : tensor<2x1xi64>
        %9 = stablehlo.constant dense<> : tensor<0xf32>
        return %0 : tensor<2xi4>
      }""",
    "tuples": """
      func.func public @main(%a: tensor<2xf32>) -> tensor<2xf32> {
        %t = stablehlo.create_token : !stablehlo.token
        %u = stablehlo.after_all %t, %t : !stablehlo.token
        %0 = stablehlo.tuple %a, %a : tuple<tensor<2xf32>, tensor<2xf32>>
        %1 = stablehlo.get_tuple_element %0[1] : (tuple<tensor<2xf32>, tensor<2xf32>>) -> tensor<2xf32>
        %2:2 = "stablehlo.infeed"(%t) {infeed_config = "x", layout = [[0]]} : (!stablehlo.token)
            -> (tensor<2xf32>, !stablehlo.token)
        %3 = "stablehlo.outfeed"(%2#0, %2#1) {outfeed_config = "y"} : (tensor<2xf32>, !stablehlo.token)
            -> !stablehlo.token
        return %1 : tensor<2xf32>
      }""",
    "calls": """
      func.func public @main(%a: tensor<2xf32> {jax.arg_info = "a", tf.aliasing_output = 0 : i32})
          -> (tensor<2xf32> {jax.result_info = "r"}) {
        %0 = stablehlo.composite "chlo.erf" %a {decomposition = @body, composite_attributes = {k = 1 : i64, b = true,
            f = 1.5 : f32, s = "text", l = [1 : i32, 2 : i32], d = dense<[1, 2]> : tensor<2xi64>}}
            : (tensor<2xf32>) -> tensor<2xf32>
        %1 = stablehlo.custom_call @target(%0) {backend_config = "a\\00b", has_side_effect = true,
            api_version = 2 : i32} : (tensor<2xf32>) -> tensor<2xf32>
        %2 = func.call @body(%0) : (tensor<2xf32>) -> tensor<2xf32>
        return %2 : tensor<2xf32>
      }
      func.func private @body(%a: tensor<2xf32>) -> tensor<2xf32> {
        %0 = stablehlo.exponential %a {result_accuracy = #stablehlo.result_accuracy<atol = 1.0, rtol = 0.5, ulps = 2,
            mode = #stablehlo.result_accuracy_mode<TOLERANCE>>} : tensor<2xf32>
        return %0 : tensor<2xf32>
      }""",
    "collectives": """
      func.func public @main(%a: tensor<4x4xf32>) -> tensor<4x4xf32> {
        %0 = "stablehlo.all_reduce"(%a) ({
          ^bb0(%x: tensor<f32>, %y: tensor<f32>):
            %s = stablehlo.add %x, %y : tensor<f32>
            stablehlo.return %s : tensor<f32>
        }) {replica_groups = dense<[[0, 1]]> : tensor<1x2xi64>,
            channel_handle = #stablehlo.channel_handle<handle = 1, type = 0>, use_global_device_ids}
            : (tensor<4x4xf32>) -> tensor<4x4xf32>
        %1 = "stablehlo.all_gather"(%a) {all_gather_dim = 0 : i64, replica_groups = dense<[[0, 1]]> : tensor<1x2xi64>}
            : (tensor<4x4xf32>) -> tensor<8x4xf32>
        %2 = "stablehlo.collective_permute"(%a) {source_target_pairs = dense<[[0, 1]]> : tensor<1x2xi64>}
            : (tensor<4x4xf32>) -> tensor<4x4xf32>
        %3 = stablehlo.partition_id : tensor<ui32>
        %4 = stablehlo.replica_id : tensor<ui32>
        return %0 : tensor<4x4xf32>
      }""",
    "dynamic": """
      func.func public @main(%a: tensor<?x3xf32>, %s: tensor<2xi32>) -> tensor<?x3xf32> {
        %0 = stablehlo.dynamic_reshape %a, %s : (tensor<?x3xf32>, tensor<2xi32>) -> tensor<?x3xf32>
        %1 = stablehlo.get_dimension_size %a, dim = 0 : (tensor<?x3xf32>) -> tensor<i32>
        %2 = stablehlo.dynamic_iota %s, dim = 0 : (tensor<2xi32>) -> tensor<?x?xf32>
        return %0 : tensor<?x3xf32>
      }""",
    "attributes": """
      module @named attributes {a.unit, a.int = 7 : i64, a.big = -1 : i64, a.bool = true, a.index = 3 : index,
          a.float = 0.5 : f32, a.double = 2.5 : f64, a.bf16 = 1.0 : bf16, a.half = 1.0 : f16, a.string = "s\\00t",
          a.symbol = @main, a.list = [1 : i8, [2 : i16]], a.dict = {x = 1 : i32}, a.type = tensor<2xf32>,
          a.array = array<i64: 1, 2>, a.flags = array<i1: true, false>, a.dense = dense<[1.0, 2.0]> : tensor<2xf32>,
          a.small = 3 : i4, a.unsigned = 200 : ui8, a.f8 = 1.0 : f8E4M3FN, a.none = none, a.fn = (f32) -> i32} {
        func.func public @main() -> tensor<i1> {
          %0 = stablehlo.constant dense<true> : tensor<i1>
          return %0 : tensor<i1>
        }
        func.func private @unused(%a: tensor<f32>, %b: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
          return %b, %a : tensor<f32>, tensor<f32>
        }
      }""",
    "sharding": """
      module @sharded attributes {mhlo.num_partitions = 8 : i32} {
        sdy.mesh @mesh = <["data"=4, "model"=2]>
        sdy.mesh @order = <["x"=8], device_ids=[3, 2, 1, 0, 4, 5, 6, 7]>
        func.func public @main(%a: tensor<8x8xf32> {sdy.sharding = #sdy.sharding<@mesh, [{"data"}, {"model", ?}p1]>},
            %b: tensor<8x8xf32> {sdy.sharding = #sdy.sharding<@mesh, [{?}, {"data":(1)2}], replicated={"model"}>})
            -> (tensor<8x8xf32> {sdy.sharding = #sdy.sharding<@order, [{}, {}]>}) {
          %0 = sdy.sharding_constraint %a <@mesh, [{"data"}, {}]> : tensor<8x8xf32>
          %1 = stablehlo.add %0, %b {sdy.sharding = #sdy.sharding_per_value<[<@mesh, [{}, {}]>]>} : tensor<8x8xf32>
          %2 = sdy.manual_computation(%1) in_shardings=[<@mesh, [{"data"}, {}]>] out_shardings=[<@mesh, [{"data"}, {}]>]
              manual_axes={"data"} (%x: tensor<2x8xf32>) {
            %3 = stablehlo.multiply %x, %x : tensor<2x8xf32>
            sdy.return %3 : tensor<2x8xf32>
          } : (tensor<8x8xf32>) -> tensor<8x8xf32>
          %4 = sdy.propagation_barrier %2 allowed_direction=NONE : tensor<8x8xf32>
          sdy.sharding_group %4 group_id=0 : tensor<8x8xf32>
          %5 = sdy.reshard %4 <@mesh, [{}, {"model"}]> : tensor<8x8xf32>
          %6 = sdy.all_gather [{}, {"model"}] %5 out_sharding=<@mesh, [{}, {}]> : tensor<8x8xf32>
          return %6 : tensor<8x8xf32>
        }
      }""",
    "locations": """
      #frame = loc("train.py":3:7)
      #caller = loc("train.py":31:9 to :40)
      module {
        func.func public @main(%a: tensor<2xf32> loc("x"(#frame))) -> tensor<2xf32> {
          %0 = stablehlo.add %a, %a : tensor<2xf32> loc(callsite("inner"(#frame) at callsite(#caller at "top")))
          %1 = stablehlo.add %0, %a : tensor<2xf32> loc(fused<"meta">[#frame, "named"])
          %2 = stablehlo.add %1, %a : tensor<2xf32> loc(fused[unknown, #caller])
          %3 = stablehlo.add %2, %a : tensor<2xf32> loc(unknown)
          return %3 : tensor<2xf32>
        }
      }""",
}


def exported(fn, *arguments):
    return jax.export.export(jax.jit(fn, keep_unused=True), platforms=("tpu",))(*arguments)


def write(folder, name, module):
    """One file a version; versions that cannot say it are left out."""
    for version in VERSIONS:
        try:
            data = stablehlo.serialize_portable_artifact(module, version, True)  # other dialects: sdy
        except (ValueError, RuntimeError, ir.MLIRError):
            continue
        (folder / f"{name}.{version}.mlirbc").write_bytes(data)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    sys.stderr = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MLIR's own complaints: what old versions cannot express
    for name, (fn, *arguments) in PROGRAMS.items():
        data = exported(fn, *arguments)
        for number in range(len(data.out_avals)):  # small programs mutate best: each result alone
            one = exported(lambda *a, n=number: jax.tree.leaves(fn(*a))[n], *arguments)
            (folder / f"{name}.{number}.mlirbc").write_bytes(one.mlir_module_serialized)
        with jax._src.interpreters.mlir.make_ir_context() as context:
            context.allow_unregistered_dialects = True
            write(folder, name, ir.Module.parse(data.mlir_module()))
    for name, text in TEXTS.items():
        with jax._src.interpreters.mlir.make_ir_context() as context:
            context.allow_unregistered_dialects = True
            module = ir.Module.parse(text)
            write(folder, name, module)
            with open(folder / f"{name}.raw.mlirbc", "wb") as file:
                module.operation.write_bytecode(file)


if __name__ == "__main__":
    main()
