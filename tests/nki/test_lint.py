"""What AWS's kernel compiler rejects and Python runs: named by --lint with id and line, and by nothing without it."""

import pathlib
import re
import runpy
import subprocess
import sys

import pytest

import trainstone.nki.activate  # noqa: F401
from trainstone.nki import lint
from trainstone.nki.errors import NkiError

OLD = """
import numpy as np
import neuronxcc.nki as nki
import neuronxcc.nki.language as nl
import neuronxcc.nki.typing as nt
"""
NEW = """
import numpy as np
import nki
import nki.isa as nisa
import nki.language as nl
"""
CALL = "\nkernel(np.ones((128, 64), np.float32){})\nprint('ran')\n"
OUT = "    out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)\n"

FAULTS = [
    ("scope of a loop", OLD, f"""
@nki.jit
def kernel(a):
{OUT}    for i in nl.affine_range(2):
        tile = nl.load(a)
    nl.store(out, tile)  # here
    return out
""", "", "Local variable 'tile' is referenced outside of its parent scope"),
    ("shared_hbm in a loop", OLD, """
@nki.jit
def kernel(a):
    for i in range(1):
        out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)  # here
        nl.store(out, nl.load(a))
        result = out
    return result
""", "", "shared_hbm buffer can only be created top level kernel scope"),
    ("filled HBM", OLD, """
@nki.jit
def kernel(a):
    return nl.zeros(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)  # here
""", "", "Creating HBM tensor with init value is not supported"),
    ("immutable parameter", OLD, """
@nki.jit  # here
def kernel(a):
    nl.store(a, nl.load(a))
    return a
""", "", "Cannot update immutable parameter `a`"),
    ("mutable parameter kept", OLD, f"""
@nki.jit  # here
def kernel(a: nt.mutable_tensor):
{OUT}    nl.store(a, nl.load(a))
    nl.store(out, nl.load(a))
    return out
""", "", "Mutable kernel parameter `a` not returned"),
    ("keyword-only", NEW, """
@nki.jit
def kernel(a, *, flag=True):  # here
    return a
""", "", "keyword-only parameters"),
    ("is", NEW, """
@nki.jit
def kernel(a):
    return a if a.dtype is not a.shape else None  # here
""", "", "`is` between objects"),
    ("try", NEW, """
@nki.jit
def kernel(a):
    try:  # here
        return a
    finally:
        pass
""", "", "try is not supported"),
    ("dictionary", NEW, """
@nki.jit
def kernel(a):
    return {1: a}[1]  # here
""", "", "dictionary key 1 is no string"),
    ("list argument", NEW, """
@nki.jit
def kernel(a, order):
    return a
""", ", [0, 1]", "argument order is a list"),
    ("class", NEW, """
class Options:
    pass

@nki.jit
def kernel(a, options):
    return a
""", ", Options()", "argument options is a Options, whose class does not inherit from NKIObject"),
    ("collective of an argument", NEW, f"""
import nki.collectives as ncc

@nki.jit
def kernel(a):
{OUT}    moved = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
    ncc.all_reduce([a], [moved], ncc.ReplicaGroup([[0]]), nl.add)  # here
    nisa.dma_copy(dst=out, src=moved)
    return out
""", "", "A collective cannot read or write `a`"),
    ("collective into a result", NEW, f"""
import nki.collectives as ncc

@nki.jit
def kernel(a):
{OUT}    moved = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
    nisa.dma_copy(dst=moved, src=a)
    ncc.all_reduce([moved], [out], ncc.ReplicaGroup([[0]]), nl.add)  # here
    return out
""", "", "A collective cannot read or write `hbm`"),
]


def run(path, *words):
    return subprocess.run([sys.executable, "-m", "trainstone", *words, str(path)], capture_output=True,
                          text=True, check=False)


@pytest.mark.parametrize("name, head, kernel, more, message", FAULTS, ids=[fault[0] for fault in FAULTS])
def test_lint_names_what_the_compiler_rejects(name, head, kernel, more, message, tmp_path, monkeypatch, capsys):
    path = pathlib.Path(tmp_path / "script.py")
    text = head + kernel + CALL.format(more)
    path.write_text(text)
    lines = text.splitlines()
    line = 1 + next(i for i, line in enumerate(lines) if "# here" in line
                    or ("# here" not in text and line.startswith("kernel(")))
    runpy.run_path(path)
    assert "ran" in capsys.readouterr().out
    monkeypatch.setattr(lint, "_is_on", [True])
    with pytest.raises(NkiError, match=rf"script\.py:{line}: .*{re.escape(message)}"):
        runpy.run_path(path)


def test_the_command_says_it_too(tmp_path):
    path = pathlib.Path(tmp_path / "script.py")
    path.write_text(FAULTS[0][1] + FAULTS[0][2] + CALL.format(""))
    done = run(path, "--lint")
    assert done.returncode == 1 and FAULTS[0][4] in done.stderr


def test_lint_lets_right_kernels_run(tmp_path):
    path = pathlib.Path(tmp_path / "script.py")
    path.write_text(OLD + f"""
@nki.jit
def kernel(a, flag=None):
{OUT}    if flag is None:
        tile = nl.ndarray(a.shape, dtype=a.dtype)
    for i in nl.sequential_range(2):
        part = nl.load(a)
        count = nl.program_id(0)
        if flag is None and i > count:
            part = nl.exp(part)
        tile[...] = part
    for i in nl.sequential_range(2):
        part: nt.tensor[128, 64] = nl.copy(tile)
        nl.store(out, part)
    return out
""" + CALL.format("") + NEW + """
from enum import Enum

class Kind(Enum):
    ONE = 1

class Options(nl.NKIObject):
    size = 4

@nki.jit
def kernel(a, options, kind, order=(0, 1), dtype=nl.bfloat16, flag=None):
    assert flag is None and kind == Kind.ONE and {"a": 1}["a"] == 1
    return a

kernel(np.ones((128, 64), np.float32), Options(), Kind.ONE)
""")
    done = run(path, "--lint")
    assert done.returncode == 0 and "ran" in done.stdout, done.stderr
