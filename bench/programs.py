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


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "add_one.mlirbc", lambda x: x + 1, [jnp.ones(4)])
    large = jax.ShapeDtypeStruct((16000, 16000), jnp.float32)
    write(folder / "matmul_16000_and_gradient.mlirbc", jax.value_and_grad(squares, (0, 1)), [large, large])
    for name in ("mlp", "resnet20", "gpt_d256", "lstm", "gpt2_124m"):
        step, arguments = models_jax.build(name, "fp32")
        write(folder / f"{name}.mlirbc", step, arguments, (0, 1))


if __name__ == "__main__":
    main(*sys.argv[1:])
