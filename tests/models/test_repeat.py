"""Same bits for any number of host threads, and on every run."""

import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).with_name("hash_run.py")


def hash_of(name, precision, threads):
    env = {**os.environ, "TRAINSTONE_THREADS": str(threads)}
    done = subprocess.run([sys.executable, SCRIPT, name, precision, "4"], env=env, capture_output=True, text=True)
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
