"""TRAINSTONE_CHECK in a JAX script: where a NaN comes from, on standard error, and no false alarm on training steps."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

NAN = """import jax
import jax.numpy as jnp

@jax.jit
def step(x):
    y = jnp.sqrt(x - 5)
    dropped = jnp.where(x > 5, jnp.log(x - 5), 0)
    return y * 2, dropped

for _ in range(3):
    jax.block_until_ready(step(jnp.arange(8.0)))
"""

STEPS = f"""import sys
sys.path.insert(0, {str(ROOT / "bench")!r})
import jax
import models_jax

for name, precision in (("mlp", "fp32"), ("mlp", "bf16"), ("gpt_tiny", "fp32"), ("gpt_tiny", "bf16"), ("lstm", "fp32")):
    step, arguments = models_jax.build(name, precision)
    jax.block_until_ready(jax.jit(step)(*arguments))
"""


def run(folder, script, checks):
    path = folder / "script.py"
    path.write_text(script)
    return subprocess.run([sys.executable, path], capture_output=True, text=True, check=False,
                          env=os.environ | {"TRAINSTONE_CHECK": checks})


def test_nan_of_a_jax_script(tmp_path):
    done = run(tmp_path, NAN, "nan")
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("check ")]
    assert len(told) == 1, done.stderr  # once, however often the step runs, and not the NaN that is dropped
    assert f"at {tmp_path / 'script.py'}:6 makes a NaN" in told[0]


def test_no_false_alarm(tmp_path):
    done = run(tmp_path, STEPS, "all")
    assert done.returncode == 0, done.stderr
    assert "check " not in done.stderr, done.stderr


def test_a_wrong_kind_is_refused(tmp_path):
    assert "TRAINSTONE_CHECK" in run(tmp_path, NAN, "every").stderr
