"""Helpers around build/trainstone: programs out of JAX, runs of the command, figures counted without it."""

import json
import os
import pathlib
import subprocess

import jax
import jax.export
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TRAINSTONE_BUILD", ROOT / "build"))
COMMAND = BUILD / "trainstone"


def trainstone(*arguments, timeout=300, **environment):
    """The finished command, with returncode, stdout and stderr."""
    env = {**os.environ, **{k: str(v) for k, v in environment.items()}}
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, env=env)


def succeed(*arguments, **environment):
    done = trainstone(*arguments, **environment)
    assert done.returncode == 0, f"trainstone {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}"
    return done.stdout


def write_program(fn, arguments, path):
    """Lowers fn for its (possibly abstract) arguments and writes a StableHLO portable artifact."""
    exported = jax.export.export(jax.jit(fn, keep_unused=True), platforms=("neuron",))(*arguments)
    path.write_bytes(exported.mlir_module_serialized)
    return path


def write_inputs(arguments, folder):
    """One .npy a leaf, in argument order; bf16 as uint16 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, leaf in enumerate(jax.tree.leaves(arguments)):
        leaf = np.asarray(leaf)
        if leaf.dtype.name == "bfloat16":
            leaf = leaf.view(np.uint16)
        paths.append(folder / f"input_{number}.npy")
        np.save(paths[-1], leaf)
    return paths


def run_program(program, inputs, out, *flags, **environment):
    """Outputs as arrays, in order, and what the command printed."""
    text = succeed("run", program, "--input", *inputs, "--out", out, *flags, **environment)
    count = len(list(out.glob("output_*.npy")))
    return [np.load(out / f"output_{n}.npy") for n in range(count)], text


def run_json(program, inputs, out, **environment):
    outputs, text = run_program(program, inputs, out, "--json", **environment)
    return outputs, json.loads(text)


def same_bits(a, b):
    return len(a) == len(b) and all(
        x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes() for x, y in zip(a, b))


def dot_flops(fn, arguments):
    """2 x multiply-adds of every dot_general in the function's jaxpr."""

    def count(jaxpr):
        total = 0
        for eqn in jaxpr.eqns:
            if eqn.primitive.name == "dot_general":
                (contract, _), _ = eqn.params["dimension_numbers"]
                shape = eqn.invars[0].aval.shape
                total += 2 * int(np.prod(eqn.outvars[0].aval.shape)) * int(np.prod([shape[d] for d in contract]))
            assert eqn.primitive.name not in ("scan", "while", "conv_general_dilated"), "not counted here"
            for value in eqn.params.values():
                inner = getattr(value, "jaxpr", value)
                if hasattr(inner, "eqns"):
                    total += count(inner)
        return total

    return count(jax.make_jaxpr(fn)(*arguments).jaxpr)
