"""Same bits for any number of host threads, and on every run."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).with_name("hash_run.py")
LEVELS = ["generic", "avx2", "avx512", "avx512bf16", "amx"]


def train(name, precision, steps=4, **settings):
    env = {**os.environ, **settings}
    return subprocess.run([sys.executable, SCRIPT, name, precision, str(steps)], env=env, capture_output=True,
                          text=True)


def hash_of(name, precision, threads):
    done = train(name, precision, TRAINSTONE_THREADS=str(threads))
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name, precision", [("digits_mlp", "fp32"), ("wide_mlp", "bf16"), ("gpt", "fp32"),
                                             ("gpt", "bf16")])
def test_same_bits(name, precision):
    one = hash_of(name, precision, 1)
    assert len(one.split()[0]) == 64
    assert hash_of(name, precision, 2) == one
    assert hash_of(name, precision, 2) == one
    assert hash_of(name, precision, 3) == one


@pytest.mark.parametrize("name, precision", [("digits_mlp", "fp32"), ("gpt", "bf16")])
def test_repro_gives_the_bits_of_any_cpu(name, precision):
    """With the kernels of each instruction set that this CPU has; that for any CPU is always there."""
    hashes = {}
    for level in LEVELS:
        done = train(name, precision, steps=2, TRAINSTONE_REPRO="1", TRAINSTONE_HOST_ISA=level)
        if level != "generic" and "which this CPU lacks" in done.stderr:
            continue
        assert done.returncode == 0, done.stderr
        *_, host, hashes[level] = done.stdout.splitlines()
        assert json.loads(host) == {"isa": level, "repro": True}
    assert set(hashes.values()) == {hashes["generic"]}, hashes
