"""Addresses that a kernel chooses, beside tiles that are placed for it: each has its room while it is live."""

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401

import neuronxcc.nki as nki  # noqa: E402
import neuronxcc.nki.compiler as ncc  # noqa: E402
import neuronxcc.nki.isa as nisa  # noqa: E402
import neuronxcc.nki.language as nl  # noqa: E402

X = np.random.default_rng(0).standard_normal((128, 512)).astype(np.float32)
ROOM = 192 * 1024  # bytes of SBUF in each partition


def banks(count):
    """So many tiles in PSUM, the n-th at bank n."""
    return nl.ndarray((count, nl.par_dim(128), 512), dtype=nl.float32,
                      buffer=ncc.psum.mod_alloc(base_bank=0, num_bank_tiles=(count,)))


@nki.jit
def two_stages(x, chosen):
    """Twice: products at chosen banks, and others from their copies, wherever there is room by then."""
    out = nl.ndarray((2, chosen, 128, 512), dtype=x.dtype, buffer=nl.shared_hbm)
    loaded = nl.load(x)
    for trip in nl.sequential_range(2):
        products = banks(chosen)
        for n in nl.affine_range(chosen):
            products[n] = nisa.nc_matmul(loaded[0:128, 0:128], loaded)
        for n in nl.affine_range(chosen):
            copied = nl.multiply(products[n], float(n + trip + 1))
            nl.store(out[trip, n], nl.add(copied, nisa.nc_matmul(loaded[0:128, 128:256], copied)))
    return out


@pytest.mark.parametrize("chosen", [7, 8])
def test_banks_are_free_before_and_after_those_who_chose_them(chosen):
    first = X[:, :128].T.astype(np.float64) @ X
    expected = [[(n + trip + 1) * (first + X[:, 128:256].T @ first) for n in range(chosen)] for trip in range(2)]
    assert np.allclose(two_stages(X, chosen), expected, rtol=1e-3, atol=1e-2)


@nki.jit
def between(x, chosen):
    """A product that is placed, while all the chosen ones are still to be read."""
    out = nl.ndarray((128, 512), dtype=x.dtype, buffer=nl.shared_hbm)
    loaded = nl.load(x)
    products = banks(chosen)
    for n in nl.affine_range(chosen):
        products[n] = nisa.nc_matmul(loaded[0:128, 0:128], loaded)
    total = nl.copy(nisa.nc_matmul(loaded[0:128, 128:256], loaded))
    for n in nl.affine_range(chosen):
        total[...] = nl.add(total, products[n])
    nl.store(out, total)
    return out


def test_banks_are_taken_while_those_who_chose_them_are_live():
    expected = X[:, 128:256].T.astype(np.float64) @ X + 7 * (X[:, :128].T.astype(np.float64) @ X)
    assert np.allclose(between(X, 7), expected, rtol=1e-3, atol=1e-2)
    with pytest.raises(MemoryError,
                       match=r"psum: 9 tiles live at once.*8 banks \(8 at addresses that the kernel chose\)"):
        between(X, 8)


@nki.jit
def one_after_the_other(x):
    out = nl.ndarray((2, 128, 512), dtype=x.dtype, buffer=nl.shared_hbm)
    loaded = nl.load(x)
    for trip in nl.sequential_range(2):
        before = nl.copy(nisa.nc_matmul(loaded[0:128, 0:128], loaded))
        products = banks(8)
        for n in nl.affine_range(8):
            products[n] = nisa.nc_matmul(loaded[0:128, 0:128], before)
        for n in nl.affine_range(8):
            before[...] = nl.add(before, products[n])
        after = nl.copy(nisa.nc_matmul(loaded[0:128, 0:128], before))
        nl.store(out[trip], after)
    return out


def test_all_eight_banks_are_shared_over_time():
    once = X[:, :128].T.astype(np.float64)
    first = once @ X
    expected = once @ (first + 8 * (once @ first))
    found = one_after_the_other(X)
    assert np.allclose(found, [expected, expected], rtol=1e-3, atol=1)


@nki.jit
def beside_a_large_tile(x, is_early):
    """A tile at a chosen address takes all of SBUF but 64 KiB while it is live; a placed one needs 96 KiB."""
    out = nl.ndarray((2, 128, 512), dtype=x.dtype, buffer=nl.shared_hbm)
    wide, chosen = (128, 24 * 1024), (nl.par_dim(128), 32 * 1024)
    if is_early:
        placed = nl.ndarray(wide, dtype=nl.float32, buffer=nl.sbuf, name="placed")
        placed[0:128, 0:512] = nl.load(x)
    fixed = nl.ndarray(chosen, dtype=nl.float32, buffer=ncc.sbuf.mod_alloc(base_addr=0), name="fixed")
    fixed[0:128, 0:512] = nl.load(x)
    nl.store(out[0], nl.add(fixed[0:128, 0:512], 1.0))
    if not is_early:
        placed = nl.ndarray(wide, dtype=nl.float32, buffer=nl.sbuf, name="placed")
        placed[0:128, 0:512] = nl.load(x)
    nl.store(out[1], nl.add(placed[0:128, 0:512], 2.0))
    return out


def test_sbuf_is_shared_over_time_too():
    assert np.array_equal(beside_a_large_tile(X, False), np.stack([X + np.float32(1), X + np.float32(2)]))
    with pytest.raises(MemoryError, match=r"sbuf: 2 tiles.*\(1 at addresses.*largest: fixed 131072.* placed 98304"):
        beside_a_large_tile(X, True)
