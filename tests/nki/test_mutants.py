"""One fault in a kernel that is right without it: the error's id and line, in both dialects and in a saved program."""

import inspect
import pathlib
import re
import subprocess

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401
import neuronxcc.nki as old
import neuronxcc.nki.compiler as ncc
import neuronxcc.nki.isa as old_nisa
import neuronxcc.nki.language as old_nl
import nki
import nki.isa as nisa
import nki.language as nl
from trainstone.nki.errors import NkiError

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "python/trainstone/bin"
A = np.random.default_rng(0).random((128, 128), np.float32)
B = np.random.default_rng(1).random((128, 512), np.float32)
RIGHT = {"parts": 128, "columns": 512, "first": 0, "is_filled": True, "second_at": 4096, "last": 128}


def older(a, b, parts, columns, first, is_filled, second_at, last):
    """a.T @ b + 1 over chosen addresses: each of the numbers can be wrong."""
    out = old_nl.ndarray((128, 512), dtype=a.dtype, buffer=old_nl.shared_hbm)
    ones = old_nl.ndarray((old_nl.par_dim(parts), 512), dtype=a.dtype,  # parts
                          buffer=ncc.sbuf.mod_alloc(base_addr=0))
    if is_filled:
        ones[...] = 1.0
    twos = old_nl.ndarray((old_nl.par_dim(128), 512), dtype=a.dtype, buffer=ncc.sbuf.mod_alloc(base_addr=second_at))
    twos[...] = old_nl.load(b)
    left = old_nl.load(a[0:128, 0:last])  # last
    total = old_nl.zeros((old_nl.par_dim(128), 1024), dtype=old_nl.float32, buffer=old_nl.psum)
    moving = old_nl.zeros((128, 513), dtype=a.dtype)
    moving[:, 0:512] = old_nl.copy(twos)
    total[:, first:first + columns] = old_nisa.nc_matmul(left, moving[:, 0:columns])  # columns
    old_nl.store(out, old_nl.add(total[:, first:first + 512], ones))  # is_filled, second_at
    return out


def newer(a, b, parts, columns, first, is_filled, second_at, last):
    out = nl.ndarray((128, 512), dtype=a.dtype, buffer=nl.shared_hbm)
    ones = nl.ndarray((parts, 512), dtype=a.dtype, buffer=nl.sbuf, address=(0, 0))  # parts
    if is_filled:
        nisa.memset(ones, 1.0)
    twos = nl.ndarray((128, 512), dtype=a.dtype, buffer=nl.sbuf, address=(0, second_at))
    nisa.dma_copy(dst=twos, src=b)
    left = nl.ndarray((128, 128), dtype=a.dtype, buffer=nl.sbuf)
    nisa.dma_copy(dst=left, src=a[0:128, 0:last])  # last
    total, result = (nl.ndarray((128, 1024), dtype=nl.float32, buffer=space) for space in (nl.psum, nl.sbuf))
    moving = nl.ndarray((128, 513), dtype=a.dtype, buffer=nl.sbuf)
    nisa.memset(moving, 0.0)
    nisa.tensor_copy(dst=moving[:, 0:512], src=twos)
    nisa.nc_matmul(dst=total[:, first:first + columns], stationary=left, moving=moving[:, 0:columns])  # columns
    nisa.tensor_tensor(dst=result[:, 0:512], data1=total[:, first:first + 512],  # is_filled, second_at
                       data2=ones, op=nl.add)
    nisa.dma_copy(dst=out, src=result[:, 0:512])
    return out


KERNELS = {"older": old.jit(older), "newer": nki.jit(newer)}
MUTANTS = [
    ("parts", {"parts": 129}, "err_num_partition_exceed_arch_limit"),
    ("columns", {"columns": 513}, "err_size_of_dimension_exceed_arch_limit"),
    ("columns", {"first": 256}, "psum_bank_crossed"),
    ("is_filled", {"is_filled": False}, "read_before_written"),
    ("second_at", {"second_at": 1024}, "tile_overwritten"),
    ("last", {"last": 129}, "err_tensor_access_out_of_bound"),
]


def line_of(function, mark):
    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, text in enumerate(lines) if re.search(rf"#.*\b{mark}\b", text))


@pytest.mark.parametrize("name", KERNELS)
def test_without_a_fault_it_is_right(name):
    np.testing.assert_allclose(KERNELS[name](A, B, **RIGHT), A.T @ B + 1, rtol=1e-5)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("mark, fault, error_id", MUTANTS, ids=[next(iter(fault)) for _, fault, _ in MUTANTS])
def test_a_fault_has_its_id_and_line(name, mark, fault, error_id):
    kernel = KERNELS[name]
    with pytest.raises(NkiError) as raised:
        kernel(A, B, **{**RIGHT, **fault})
    assert raised.value.id == error_id
    assert raised.value.where.endswith(f"test_mutants.py:{line_of(kernel.function, mark)}")


CUTS = [
    ("columns", r"moving=sbuf\.f32\[((?:tile\d+ )?)p0:128 \+(\d+) 512\]",
     r"moving=sbuf.f32[\1p0:128 +\2 513]", "at most 512"),
    ("columns", r"dst=psum\.f32\[((?:tile\d+ )?)p0:128 \+(\d+) 512\] stationary",
     r"dst=psum.f32[\1p0:128 +1024 512] stationary", "one PSUM bank"),
    ("is_filled", r"dst=sbuf\.f32\[((?:tile\d+ )?)p0:128 (\+\d+ 512\] data1)", r"dst=sbuf.f32[\1p0:129 \2",
     "partitions"),
    ("last", r"src=hbm\.f32\[a \+0 16384\]", "src=hbm.f32[a +64 16384]", "tensor a has"),
]


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("mark, find, put, message", CUTS, ids=["columns", "bank", "partitions", "bounds"])
def test_capture_names_the_line_of_a_fault_in_a_saved_program(name, mark, find, put, message, tmp_path):
    path, kernel = tmp_path / "saved.neff", KERNELS[name]
    measured = (old if name == "older" else nki).benchmark(kernel, save_neff_name=str(path))
    measured(A, B, **RIGHT)
    words = [TOOLS / "neuron-profile", "capture", "-n", path, "-s", tmp_path / "run.ntff"]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0
    text, count = re.subn(find, put, path.read_text(), count=1)
    assert count == 1, path.read_text()
    path.write_text(text)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and re.search(message, done.stderr), done.stderr
    assert f"test_mutants.py:{line_of(kernel.function, mark)}: " in done.stderr, done.stderr
