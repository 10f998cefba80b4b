"""The clock on a training step of 1.3 billion parameters: no weights exist, and none are needed."""

import json
import os
import resource
import subprocess
import sys

import pytest
from programs import COMMAND, trainstone

STEP = """
import sys
import jax, jax.export, jax.numpy as jnp, numpy as np

LAYERS, WIDTH, HEADS, WORDS, LENGTH = 24, 2048, 16, 50257, 512
shape = lambda *sizes: jax.ShapeDtypeStruct(sizes, jnp.float32)
layer = {"qkv": shape(LAYERS, WIDTH, 3 * WIDTH), "out": shape(LAYERS, WIDTH, WIDTH),
         "up": shape(LAYERS, WIDTH, 4 * WIDTH), "down": shape(LAYERS, 4 * WIDTH, WIDTH)}
params = {"token": shape(WORDS, WIDTH), "place": shape(LENGTH, WIDTH), "layers": layer}

def norm(x):
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-5)

def block(x, p):
    q, k, v = (t.reshape(LENGTH, HEADS, -1) for t in jnp.split(norm(x) @ p["qkv"], 3, -1))
    scores = jnp.where(jnp.tril(jnp.ones((LENGTH, LENGTH), bool)), jnp.einsum("qhd,khd->hqk", q, k) / 11.3, -1e30)
    x = x + jnp.einsum("hqk,khd->qhd", jax.nn.softmax(scores), v).reshape(x.shape) @ p["out"]
    return x + jax.nn.gelu(norm(x) @ p["up"]) @ p["down"], None

def loss(p, tokens, targets):
    x, _ = jax.lax.scan(block, p["token"][tokens] + p["place"], p["layers"])
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(norm(x) @ p["token"].T), targets[:, None], -1))

def step(p, m, v, tokens, targets):
    grads = jax.grad(loss)(p, tokens, targets)
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g * g, v, grads)
    return jax.tree.map(lambda p, m, v: p - 1e-4 * m / (jnp.sqrt(v) + 1e-8), p, m, v), m, v

tokens = jax.ShapeDtypeStruct((LENGTH,), jnp.int32)
exported = jax.export.export(jax.jit(step), platforms=["neuron"])(params, params, params, tokens, tokens)
open(sys.argv[1], "wb").write(exported.mlir_module_serialized)
print(sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params)))
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "step.mlirbc"
    done = subprocess.run([sys.executable, "-c", STEP, path], capture_output=True, text=True, check=True, timeout=120,
                          env={"JAX_PLATFORMS": "cpu", "PATH": "/usr/bin:/bin"})
    assert 1.3e9 < int(done.stdout) < 1.4e9
    return path


def test_it_does_not_fit(program):
    """One core has 16 GiB: the refusal says how to see the time all the same."""
    done = trainstone("time", program)
    assert done.returncode == 1 and "GiB of HBM" in done.stderr and "hbm_bytes" in done.stderr


def test_time_on_a_chip_with_more_memory(program, tmp_path):
    """Clocked within 2 GiB of address space, at a time that no matmul rate or memory rate of the chip forbids."""
    chip = tmp_path / "roomy.chip"
    chip.write_text(f"chip trn1\nhbm_bytes = {1 << 37}\n")
    two_gib = (2 << 30, 2 << 30)
    done = subprocess.run([COMMAND, "time", program, "--chip", chip, "--json"], capture_output=True, text=True,
                          timeout=120, env={"PATH": os.environ["PATH"]},
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, two_gib))
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    # 28 bytes a parameter of Adam alone; fp32 products take four passes of the PE array.
    assert record["predicted_seconds"] > 1.3e9 * 28 / 272e9
    assert record["predicted_seconds"] > record["model_flops"] / (91.75e12 / 4)
    assert record["model_flops"] > 6 * 1.2e9 * 512
