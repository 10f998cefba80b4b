"""Writes the programs whose compilation bench/compile.c times, as portable artifacts.

usage: programs.py FOLDER
"""

import os
import pathlib
import sys

os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.export  # noqa: E402
import jax.numpy as jnp  # noqa: E402

import models_jax  # noqa: E402


def write(path, step, arguments, donated=()):
    jitted = jax.jit(step, keep_unused=True, donate_argnums=donated)
    path.write_bytes(jax.export.export(jitted, platforms=["neuron"])(*arguments).mlir_module_serialized)


def squares(a, b):
    return jnp.sum(jnp.square(a @ b))


class Shapes:
    """Replaces a random generator where only shapes are needed."""

    def standard_normal(self, shape):
        return jnp.zeros(shape)

    def integers(self, _low, _high, shape):
        return jnp.zeros(shape, jnp.int32)


def write_gpt_1300m(path):
    """A step of a GPT with 1.3e9 parameters, 24 blocks of width 2048, on one sequence of 256 tokens, in bf16."""
    model = models_jax.gpt_model(models_jax.GptShape(2048, 24, 16, 1024, 50257), 1, 256)

    def step(params, state, x, y):
        loss, grads = jax.value_and_grad(lambda p: model.loss(model.apply(p, x), y))(params)
        return *models_jax.adamw(params, state, grads), loss

    def arguments():
        params = jax.tree.map(lambda array: jnp.asarray(array, jnp.bfloat16), model.params(Shapes()))
        return params, models_jax.adamw_state(params), *model.batch(Shapes())

    shapes = jax.eval_shape(arguments)
    write(path, step, shapes, (0, 1))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes[0]))


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "add_one.mlirbc", lambda x: x + 1, [jnp.ones(4)])
    large = jax.ShapeDtypeStruct((16000, 16000), jnp.float32)
    write(folder / "matmul_16000_and_gradient.mlirbc", jax.value_and_grad(squares, (0, 1)), [large, large])
    for name in ("mlp", "resnet20", "gpt_d256", "lstm", "gpt2_124m"):
        step, arguments = models_jax.build_shapes(name, "fp32")
        write(folder / f"{name}.mlirbc", step, arguments, (0, 1))
    write_gpt_1300m(folder / "gpt_1300m.mlirbc")


if __name__ == "__main__":
    main(*sys.argv[1:])
