"""Times one model's training step in this process and prints one JSON line.

usage: steps.py MODEL PRECISION SECONDS     (JAX_PLATFORMS chooses neuron or cpu)

CPU seconds are those of the whole process, so that work in other threads counts too.
"""

import json
import os
import pathlib
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "neuron")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/models"))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import models  # noqa: E402
import numpy as np  # noqa: E402


def wide_batches(batch, classes=10):
    random = np.random.default_rng(5)
    return [(random.standard_normal((batch, 784)).astype(np.float32),
             random.integers(0, classes, batch).astype(np.int32))]


MAKERS = {
    "mlp": lambda compute: models.mlp((784, 512, 512, 10), wide_batches(256), compute),
    "gpt_tiny": lambda compute: models.gpt(compute, steps=1),
    "gpt_d256": lambda compute: models.gpt(compute, steps=1, layers=4, width=256, heads=4, length=256, vocab=1024,
                                           batch=8),
}


def main(name, precision, seconds):
    state, step, batches = MAKERS[name]({"fp32": jnp.float32, "bf16": jnp.bfloat16}[precision])
    jitted = jax.jit(step, donate_argnums=0)
    start = time.perf_counter()
    state, loss = jax.block_until_ready(jitted(state, batches[0]))
    first = time.perf_counter() - start
    wall, cpu = [], []
    end = time.perf_counter() + float(seconds)
    while len(wall) < 3 or time.perf_counter() < end:
        started, used = time.perf_counter(), time.process_time()
        state, loss = jax.block_until_ready(jitted(state, batches[0]))
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    row = {"platform": jax.default_backend(), "model": name, "precision": precision, "steps": len(wall),
           "first_seconds": first, "wall_seconds": min(wall), "cpu_seconds": min(cpu), "loss": float(loss)}
    if row["platform"] == "neuron":
        import trainstone

        record = trainstone.last_run()
        row |= {key: record[key] for key in ("predicted_seconds", "instructions", "hbm_bytes", "bottleneck")}
    print(json.dumps(row))


if __name__ == "__main__":
    main(*sys.argv[1:])
