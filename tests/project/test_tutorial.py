"""docs/tutorial.md works as it is written: its files, its commands, and how their output begins."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ.get("TRAINSTONE_BUILD", ROOT / "build")

sys.path.insert(0, str(ROOT / "tools"))
import tutorial  # noqa: E402


def test_page_is_followed():
    run = subprocess.run([sys.executable, ROOT / "tools/tutorial.py", "--build", BUILD], capture_output=True, text=True,
                         env={**os.environ, "JAX_PLATFORMS": "neuron"})
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_page_that_lies_is_caught(tmp_path):
    def differences(page):
        return tutorial.follow(page, tmp_path, tmp_path)[1]

    assert not differences("```console\n$ echo step 17 takes 3 ms\nstep 4 takes 21 us\n```\n")
    assert differences("```console\n$ echo it fails\nit works\n```\n")
    assert differences("```console\n$ false\n```\n")
    assert not differences("```python a.txt\nhello\n```\n```console\n$ cat a.txt\nhello\n```\n")
