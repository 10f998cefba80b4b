"""What the tests of hostile hosts share: programs to compile and run, and how often to try."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = pathlib.Path(os.environ["TRAINSTONE_BUILD"]) / "trainstone"
# A share of the full loops, which `make long` runs.
LOOPS = int(os.environ.get("TRAINSTONE_LOOPS", "40"))

# 128 * 512 numbers in, twice as many out: files of some size.
COPY = """trn 1
program copy chip=trn1
tensor x: input 0 f32[128,512]
tensor a: output 0 f32[128,512]
tensor b: output 1 f32[128,512]
sync.dma_copy queue=0 dst=hbm.f32[a +0 65536] src=hbm.f32[x +0 65536]
sync.dma_copy queue=1 dst=hbm.f32[b +0 65536] src=hbm.f32[x +0 65536]
"""


def environment(**more):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TRAINSTONE_", "NEURON_"))}
    return {**env, **{name: str(value) for name, value in more.items()}}


def trainstone(*arguments, cwd, preexec=None, **more):
    return subprocess.run([COMMAND, *map(str, arguments)], cwd=cwd, env=environment(**more), preexec_fn=preexec,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)


def export_step(path, width=64):
    """A small training step as an artifact."""
    import jax
    import jax.numpy as jnp

    def step(w, x):
        loss, grad = jax.value_and_grad(lambda w: jnp.mean(jnp.tanh(x @ w) ** 2))(w)
        return w - 0.1 * grad, loss

    exported = jax.export.export(jax.jit(step), platforms=["neuron"])(jnp.ones((width, width)), jnp.ones((32, width)))
    path.write_bytes(exported.mlir_module_serialized)
