"""The examples are ordinary scripts: they reach what they state, on the modelled chip and on the CPU alike."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))

# The last line by a number that must be reached, higher or lower.
STATED = {
    "digits_mlp.py": (r"^final test accuracy ([\d.]+)%$", lambda reached: reached >= 97),
    "digits_cnn.py": (r"^final test accuracy ([\d.]+)%$", lambda reached: reached >= 97),
    "digits_resnet.py": (r"^test accuracy ([\d.]+)%$", lambda reached: reached >= 97),
    "nino_lstm.py": (r"^forecast error ([\d.]+) ", lambda error: error < 0.55),  # guesses: 0.9 and 0.77
    "gpt_text.py": (r"^final loss ([\d.]+)$", lambda loss: loss < 2.0),
    "gpt_cores.py": (r"^final loss ([\d.]+)$", lambda loss: loss < 2.2),
}


def run(name, platform):
    env = {**os.environ, "JAX_PLATFORMS": platform}
    done = subprocess.run([sys.executable, ROOT / "examples" / name], capture_output=True, text=True, env=env,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    pattern, is_reached = STATED[name]
    stated = float(re.search(pattern, done.stdout, re.M)[1])
    assert is_reached(stated), done.stdout
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", done.stdout)]
    assert len(losses) >= 10 and losses[-1] < losses[0] / 2
    return stated


def test_each_example_is_known_and_ordinary():
    assert EXAMPLES == sorted(STATED)
    for name in EXAMPLES:
        source = (ROOT / "examples" / name).read_text().lower()
        assert not re.search("trainstone|neuron|trainium", source), name


@pytest.mark.parametrize("name", ["digits_mlp.py", "digits_cnn.py", "gpt_cores.py", "nino_lstm.py"])
def test_the_chip_trains_as_the_cpu_does(name):
    chip, cpu = run(name, "neuron,cpu"), run(name, "cpu")
    assert chip == pytest.approx(cpu, abs=1.0 if "accuracy" in STATED[name][0] else 0.02)
