"""`make demo` end to end: the example trains, and the figures beside it are whole."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_demo():
    env = {k: v for k, v in os.environ.items() if k != "JAX_PLATFORMS"}
    done = subprocess.run([sys.executable, ROOT / "tools/demo.py"], capture_output=True, text=True, env=env,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\r" not in done.stdout and "\x1b" not in done.stdout
    assert float(re.search(r"^test accuracy +([\d.]+)%$", done.stdout, re.M)[1]) >= 97
    predicted = re.search(r"^predicted +([\d.]+) (us|ms) a step", done.stdout, re.M)
    assert float(predicted[1]) > 0
    for line in ("busy engines", "bottleneck", "cost", "this computer"):
        assert re.search(rf"^{line} +\S", done.stdout, re.M), line
    steps = re.findall(r"^step +(\d+)/(\d+)  loss ([\d.]+)", done.stdout, re.M)
    assert steps[-1][0] == steps[-1][1] and float(steps[-1][2]) < float(steps[0][2])


def test_example_is_ordinary_jax():
    source = (ROOT / "examples/digits_mlp.py").read_text().lower()
    assert "trainstone" not in source and "neuron" not in source
    done = subprocess.run([sys.executable, ROOT / "examples/digits_mlp.py"], capture_output=True, text=True,
                          env={**os.environ, "JAX_PLATFORMS": "cpu"})
    assert float(re.search(r"final test accuracy ([\d.]+)%", done.stdout)[1]) >= 97, done.stderr
