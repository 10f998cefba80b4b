"""tools/jax_functions.py, which makes docs/jax.md: its judgement, and a few functions as it calls them."""

import pathlib
import re
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import jax_functions  # noqa: E402


def test_judgement():
    one = np.float32([1, 0])
    assert jax_functions.apart("sin", one, np.float32([1, 1e-5])) is None
    assert "apart" in jax_functions.apart("sin", one, np.float32([1, 1e-3]))
    assert "finite" in jax_functions.apart("sin", one, np.float32([1, np.inf]))
    assert jax_functions.apart("sin", one, one.astype(np.int32))
    assert jax_functions.apart("argmax", np.int32([1, 2]), np.int32([1, 3])) == "1 of 2 differ"
    assert jax_functions.apart("svd", one, -one) is None and jax_functions.apart("sin", one, -one)


def test_verdicts():
    sets = jax_functions.argument_sets()
    assert jax_functions.judge("tanh", jax_functions.jax.numpy.tanh, sets) == ("right", "")
    verdict, why = jax_functions.judge("eig", jax_functions.jax.numpy.linalg.eig, sets)
    assert verdict == "refused" and "eig" in jax_functions.short(why) and " at /" not in jax_functions.short(why)
    assert jax_functions.judge("shape", lambda *_: (), sets) is None


def test_page(tmp_path):
    page = tmp_path / "jax.md"
    done = subprocess.run([sys.executable, ROOT / "tools/jax_functions.py", "--only",
                           r"nn\.relu$|linalg\.(eigh|eig)$", "--page", page],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\| `jax.nn` \| 1 \| 1 \|", page.read_text(), re.M)
    assert "`jax.numpy.linalg.eig` | refused" in page.read_text()
