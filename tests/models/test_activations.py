"""Activation functions as jax.nn spells them: the compiled program has ScalarE's function in their place, and is no
further from float64 than XLA:CPU is, forward and gradient (docs/numerics.md, "Functions that programs spell out").

As a script it prints the table: python tests/models/test_activations.py"""

import functools
import re

import cli
import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

CPU, CHIP = jax.devices("cpu")[0], jax.devices("neuron")[0]

# What they are, and which operations with a function of ScalarE's name the graph must have, forward and for
# the gradient.
ACTIVATIONS = {
    "gelu, exact": (lambda x: jax.nn.gelu(x, approximate=False), "gelu", "gelu_dx"),
    "gelu, tanh": (jax.nn.gelu, "gelu_apprx_tanh", "gelu_apprx_tanh_dx"),
    "gelu, sigmoid": (lambda x: x * jax.nn.sigmoid(1.702 * x), "gelu_apprx_sigmoid", "gelu_apprx_sigmoid_dx"),
    "silu": (jax.nn.silu, "silu", "silu_dx"),
    "softplus": (jax.nn.softplus, "softplus", "logistic"),
    "log_sigmoid": (jax.nn.log_sigmoid, "softplus", "logistic"),
    "logaddexp(0, x)": (lambda x: jnp.logaddexp(0.0, x), "softplus", "logistic"),
    "mish": (jax.nn.mish, "mish", None),
    "sigmoid": (jax.nn.sigmoid, "logistic", None),
}
ARITHMETIC = {"constant", "multiply", "negate", "convert", "return"}


def gradient(f, x, c):
    return jax.vjp(f, x)[1](c)[0]


def arguments_of(dtype):
    random = np.random.default_rng(5)
    x = np.concatenate([np.linspace(-12, 12, 4001), 3 * random.standard_normal(4000), [0, 1e-6, -1e-6, 50, 1000, -50],
                        [1e-3, -1e-3, 88.8]])
    return [np.asarray(jnp.asarray(values, dtype)) for values in (x, random.standard_normal(x.size))]


def kinds_of(fn, arguments, folder):
    """The operations of the graph once ScalarE's functions are found."""
    program = cli.write_program(fn, arguments, folder / "f.mlirbc")
    text = cli.succeed("compile", program, "--dump", "narrow", "-o", folder / "f.trn")
    return set(re.findall(r"^  (?:%\d+ = )?(\w+)", text, re.M))


def errors_of(fn, arguments):
    """Of the chip and of XLA:CPU: the largest distance from float64, in units of the last place of numbers
    from 2^-6 up."""
    with jax.enable_x64(True), jax.default_device(CPU):
        exact = np.asarray(jax.jit(fn)(*[np.asarray(a, np.float64) for a in arguments]))
    size = np.exp2(np.floor(np.log2(np.maximum(np.abs(exact), 2.0**-6)))) * float(jnp.finfo(arguments[0].dtype).eps)
    results = []
    for device in (CHIP, CPU):
        with jax.default_device(device):
            got = np.asarray(jax.jit(fn)(*jax.device_put(arguments, device))).astype(np.float64)
        results.append(np.max(np.abs(got - exact) / size))
    return results


def cases():
    for name, (f, forward, backward) in ACTIVATIONS.items():
        for dtype in (jnp.float32, jnp.bfloat16):
            x, c = arguments_of(dtype)
            yield name, dtype.__name__, f, (x,), forward
            yield name + ", gradient", dtype.__name__, functools.partial(gradient, f), (x, c), backward


@pytest.mark.parametrize("name, dtype, fn, arguments, kind", [pytest.param(*c, id=f"{c[0]} {c[1]}") for c in cases()])
def test_activation(name, dtype, fn, arguments, kind, tmp_path):
    if kind:
        kinds = kinds_of(fn, arguments, tmp_path)
        assert kind in kinds and kinds <= ARITHMETIC | {kind}, kinds
    chip, cpu = errors_of(fn, arguments)
    assert chip <= max(min(cpu, 60) if kind else 1.05 * cpu, 3), f"{name}: {chip:.2f} ULP, XLA:CPU {cpu:.2f}"


if __name__ == "__main__":
    for name, dtype, fn, arguments, _ in cases():
        chip, cpu = errors_of(fn, arguments)
        print(f"{name:26s} {dtype:9s} {chip:9.2f} ULP   XLA:CPU {cpu:9.2f} ULP")
