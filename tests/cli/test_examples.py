"""The commands and the Python lines in the help texts and in the README run as they are written."""

import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from programs import COMMAND, ROOT, trainstone

VERBS = ("run", "time", "report", "explain", "diff", "compile", "print", "chip", "isa", "ls", "version")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """step.mlirbc and train.*, made by the very lines that `run --help` shows, with the arrays that they take."""
    folder = tmp_path_factory.mktemp("examples")
    text = trainstone("run", "--help").stdout
    lines = re.search(r"In JAX:\n((?:  .*\n)+)", text)[1] + re.search(r"\n(  trainstone\.export.*\n)", text)[1]
    x, y = np.ones((4, 8), np.float32), np.ones((8, 3), np.float32)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    np.save(folder / "xs.npy", np.stack([x] * 100))
    np.save(folder / "ys.npy", np.ones((100, 4, 3), np.float32))
    script = "import jax, jax.export, numpy as np, trainstone\n" \
             "step = lambda x, y: jax.numpy.tanh(x @ y)\n" \
             "x, y = np.load('x.npy'), np.load('y.npy')\n" \
             "def train(state, batch):\n" \
             "    loss = lambda w: ((batch['x'] @ w - batch['y']) ** 2).mean()\n" \
             "    value, gradient = jax.value_and_grad(loss)(state)\n" \
             "    return state - 0.1 * gradient, value\n" \
             "state, batch = y, {'x': x, 'y': np.ones((4, 3), np.float32)}\n" + textwrap.dedent(lines)
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, env={**os.environ, "JAX_PLATFORMS": "cpu"})
    return folder


def shell(line, folder):
    (folder / "bin").mkdir(exist_ok=True)
    link = folder / "bin/trainstone"
    if not link.exists():
        link.symlink_to(COMMAND)
    env = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL)


def examples_of(text):
    return re.findall(r"^  (.*trainstone.*)$", text[text.index("\nExamples\n"):], re.M)


@pytest.mark.parametrize("verb", VERBS)
def test_examples_of_a_verb(verb, folder):
    lines = examples_of(trainstone(verb, "--help").stdout)
    assert lines
    for line in lines:
        done = shell(line, folder)
        assert done.returncode == 0 and done.stderr == "", f"{line}\n{done.stdout}{done.stderr}"


def test_what_people_do_first(folder):
    text = trainstone("--help").stdout
    lines = re.findall(r"^  (trainstone .*?)(?:  .*)?$", text[:text.index("\nVerbs\n")], re.M)
    assert len(lines) == 3
    for line in lines:
        done = shell(line, folder)
        assert done.returncode == 0 and done.stdout, f"{line}\n{done.stdout}{done.stderr}"
    np.testing.assert_allclose(np.load(folder / "results/output_0.npy"), np.tanh(np.full((4, 3), 8.0)), rtol=1e-6)


def test_commands_of_the_readme(folder):
    """Lines of shell blocks that call the command. Those that need files of the reader's are left to the others."""
    text = (ROOT / "README.md").read_text()
    lines = [line for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.S)
             for line in block.splitlines()
             if re.match(r"(\$ )?(build/)?trainstone ", line)]
    assert lines, "the README shows no command"
    for line in lines:
        line = re.sub(r"^(\$ )?(build/)?", "", line)
        done = shell(line, folder)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
