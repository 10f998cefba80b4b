"""Processes that are killed at any moment: what they leave is whole or absent, and the next one works."""

import os
import random
import re
import signal
import subprocess
import time

import numpy as np
import pytest
from hostile import COMMAND, COPY, LOOPS, environment, export_step, trainstone

# Beside their places: files that are being written.
UNFINISHED = re.compile(r"\.trn\.\w{6}$|^\.trainstone-\w{6}$")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "copy.trn").write_text(COPY)
    np.save(tmp_path / "x.npy", np.arange(65536, dtype=np.float32).reshape(128, 512))
    return tmp_path


def run_until_killed(arguments, after, cwd, env):
    """True when the process ended by itself."""
    process = subprocess.Popen([COMMAND, *arguments], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
    _, err = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), err
    return process.returncode == 0


def times(arguments, cwd, env):
    """Moments over a little more than the time that the whole takes, the same on every run of the test."""
    start = time.monotonic()
    assert run_until_killed(arguments, None, cwd, env)
    whole = time.monotonic() - start
    chance = random.Random(1)
    return [chance.uniform(0, 1.1 * whole) for _ in range(LOOPS)]


def test_results(folder):
    arguments, env = ["run", "copy.trn", "--input", "x.npy", "--out", "out"], environment(TRAINSTONE_RUNTIME_DIR="none")
    wanted = (folder / "x.npy").read_bytes()
    for after in times(arguments, folder, env):
        subprocess.run(["rm", "-rf", "out"], cwd=folder, check=True)
        ended = run_until_killed(arguments, after, folder, env)
        found = os.listdir(folder / "out") if (folder / "out").exists() else []
        whole = [name for name in found if not UNFINISHED.search(name)]
        assert set(whole) <= {"output_0.npy", "output_1.npy"} and (not ended or len(whole) == 2)
        for name in whole:
            assert (folder / "out" / name).read_bytes() == wanted
    assert run_until_killed(arguments, None, folder, env)


def test_program(folder):
    export_step(folder / "step.mlirbc")
    arguments, env = ["compile", "step.mlirbc", "-o", "step.trn"], environment()
    moments = times(arguments, folder, env)
    wanted = (folder / "step.trn").read_bytes()
    for after in moments:
        (folder / "step.trn").unlink(missing_ok=True)
        ended = run_until_killed(arguments, after, folder, env)
        found = {name for name in os.listdir(folder) if not UNFINISHED.search(name)}
        assert found <= {"copy.trn", "x.npy", "step.mlirbc", "step.trn"} and (not ended or "step.trn" in found)
        if "step.trn" in found:
            assert (folder / "step.trn").read_bytes() == wanted


def test_cache(folder):
    """Two processes at once write to a cache of compiled programs and are killed; what lies there still serves."""
    export_step(folder / "step.mlirbc")
    env = environment(NEURON_COMPILE_CACHE_URL=folder / "cache")
    arguments = ["compile", "step.mlirbc", "-o"]
    moments = times([*arguments, "0.trn"], folder, env)
    wanted = (folder / "0.trn").read_bytes()
    for number, after in enumerate(moments):
        if number % 4 == 0:
            subprocess.run(["rm", "-rf", "cache"], cwd=folder, check=True)
        other = subprocess.Popen([COMMAND, *arguments, "1.trn"], cwd=folder, env=env, stdin=subprocess.DEVNULL)
        run_until_killed([*arguments, "2.trn"], after, folder, env)
        if number % 2:
            other.kill()
        other.wait()
        done = trainstone(*arguments, "3.trn", cwd=folder, NEURON_COMPILE_CACHE_URL=folder / "cache")
        assert done.returncode == 0, done.stderr
        assert (folder / "3.trn").read_bytes() == wanted
        kept = [name for name in os.listdir(folder / "cache") if not UNFINISHED.search(name)]
        assert len(kept) == 1
