"""Views of the present dialect: where their elements lie, and what indices from tiles pick."""

import sys
import types

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401
import neuronxcc.nki as old
import neuronxcc.nki.isa as old_nisa
import neuronxcc.nki.language as old_nl
import nki
import nki.isa as nisa
import nki.language as nl
from kernel_parts import stored
from trainstone.nki.errors import NkiUnsupportedError, NkiValidationError

R = np.random.default_rng(0)
A = R.standard_normal((128, 64), np.float32)
LONG = R.standard_normal((300, 64), np.float32)
ROWS = R.integers(0, 300, (128, 1)).astype(np.int32)


def loaded(a, shape=None):
    tile = nl.ndarray(shape or a.shape, dtype=a.dtype, buffer=nl.sbuf)
    nisa.dma_copy(dst=tile, src=a)
    return tile


def test_layout_of_views():
    @nki.jit
    def kernel(a):
        tile = loaded(a)
        cube = tile.reshape((128, 4, 16))
        part = tile[:, 16:32]
        assert (tile.strides, tile.offset, tile.ndim, tile.size) == ((64, 1), 0, 2, 8192)
        assert (part.strides, part.offset) == ((64, 1), 16) and part.view(nl.bfloat16).offset == 32
        assert (tile[32:64].offset, a[2].offset, a.strides) == (32 * 64, 128, (64, 1))
        assert tile.is_contiguous() and not cube.permute((0, 2, 1)).is_contiguous() and not tile.is_indirect()
        pattern = tile.get_pattern()
        assert pattern == [[64, 128], [1, 64]]
        pattern[0][1] = 64
        assert tile.ap(pattern=pattern, offset=None).shape == (64, 64)
        turned = tile.rearrange(("p", ("h", "w")), ("p", "w", "h"), {"h": 4})
        joined = cube.rearrange(("p", "h", "w"), ("p", ("h", "w")))
        assert turned.shape == (128, 16, 4) and joined.shape == (128, 64)
        with pytest.raises(NkiValidationError, match="rearrange of"):
            tile.rearrange(("p", "f"), ("p", "g"))
        out = nl.ndarray((128, 16, 4), dtype=nl.float32, buffer=nl.sbuf)
        nisa.tensor_copy(dst=out, src=turned)
        return stored(out)

    assert np.array_equal(kernel(A), A.reshape(128, 4, 16).transpose(0, 2, 1))


def test_rows_and_one_place_picked_by_tiles():
    @nki.jit
    def kernel(a, rows, place):
        picked = a.vector_select(0, loaded(rows))
        assert picked.is_indirect() and picked.shape == (128, 64)
        one = a.reshape((3, 100, 64)).select(0, loaded(place))
        assert one.is_indirect() and one.shape == (100, 64)
        with pytest.raises(NkiValidationError, match="vector_select on dimension 1"):
            a.vector_select(1, loaded(rows))
        with pytest.raises(NkiUnsupportedError, match="NeuronCore-v4"):
            loaded(rows).indirect(loaded(rows))
        return stored(loaded(picked)), stored(loaded(one))

    rows, one = kernel(LONG, ROWS, np.array([[2]], np.int32))
    assert np.array_equal(rows, LONG[ROWS[:, 0]]) and np.array_equal(one, LONG[200:300])


def test_dynamic_copies_of_the_first_dialect():
    @old.jit
    def kernel(a, at):
        out = old_nl.ndarray((128, 8), dtype=a.dtype, buffer=old_nl.shared_hbm)
        tile, place = old_nl.load(a), old_nl.load(at)
        rows, columns = old_nl.mgrid[0:128, 0:8]
        made = old_nl.ndarray((128, 64), dtype=a.dtype)
        made[...] = 0.0
        old_nisa.tensor_copy_dynamic_dst(dst=made[rows, place[0, 0] + columns],
                                         src=old_nisa.tensor_copy_dynamic_src(tile[rows, place[0, 0] + columns]))
        old_nl.store(out, made[:, 5:13])
        return out

    assert np.array_equal(kernel(A, np.array([[5]], np.int32)), A[:, 5:13])


def test_atomic_rmw_adds_rows_that_indices_pick():
    @old.jit
    def kernel(table, rows, values):
        out = old_nl.ndarray(table.shape, dtype=table.dtype, buffer=old_nl.shared_hbm)
        for first in range(0, 300, 100):
            old_nl.store(out[first:first + 100], old_nl.load(table[first:first + 100]))
        old_nl.atomic_rmw(out[old_nl.load(rows), old_nl.arange(64)[None, :]], old_nl.load(values), op=np.add)
        return out

    rows = R.permutation(300)[:128].reshape(128, 1).astype(np.int32)
    want = LONG.copy()
    want[rows[:, 0]] += A
    np.testing.assert_allclose(kernel(LONG, rows, A), want, rtol=1e-6)


def test_the_seed_begins_the_numbers_anew():
    @nki.jit
    def kernel(a):
        made = []
        for seed in (nl.full((1, 1), 42, dtype=nl.int32), 42, 43):
            nl.random_seed(seed)
            made.append(stored(nl.rand((128, 64), dtype=nl.float32)))
        return made

    first, again, other = kernel(A)
    assert np.array_equal(first, again) and (first != other).any() and 0 <= first.min() and first.max() < 1


OPERATORS = {
    "mod": (lambda a, b: a % b, np.mod), "floor": (lambda a, b: a // b, np.floor_divide),
    "left": (lambda a, b: a << b, np.left_shift), "right": (lambda a, b: a >> b, np.right_shift),
    "not": (lambda a, b: ~a, lambda a, b: ~a), "abs": (lambda a, b: abs(a), lambda a, b: abs(a)),
    "mod_of": (lambda a, b: old_nl.mod(-7, b), lambda a, b: np.mod(-7, b))}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_between_tiles(name):
    of_tiles, of_arrays = OPERATORS[name]

    @old.jit
    def kernel(a, b):
        out = old_nl.ndarray(a.shape, dtype=a.dtype, buffer=old_nl.shared_hbm)
        old_nl.store(out, of_tiles(old_nl.load(a), old_nl.load(b)))
        return out

    low = 0 if name in ("left", "right") else -50
    a, b = R.integers(low, 50, (128, 64)).astype(np.int32), R.integers(1, 8, (128, 64)).astype(np.int32)
    assert np.array_equal(kernel(a, b), of_arrays(a, b))


def test_cosine_within_half_a_turn_to_each_side():
    @old.jit
    def kernel(a):
        out = old_nl.ndarray(a.shape, dtype=a.dtype, buffer=old_nl.shared_hbm)
        old_nl.store(out, old_nl.cos(old_nl.load(a)))
        return out

    a = np.linspace(-np.pi, np.pi, 128 * 64, dtype=np.float32).reshape(128, 64)
    np.testing.assert_allclose(kernel(a), np.cos(a), atol=1e-6)


def test_results_are_what_the_arguments_are():
    jax = pytest.importorskip("jax")

    @nki.jit
    def kernel(a, scale=1.0):
        return stored(loaded(a))

    given = jax.device_put(A, jax.devices("cpu")[0])
    result = kernel(given)
    assert isinstance(result, jax.Array) and result.devices() == given.devices() and np.array_equal(result, A)
    assert isinstance(kernel(A), np.ndarray)


class _Tensor:
    """As much of a torch tensor as arguments and results need."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, f"torch.{array.dtype}"

    def detach(self):
        return self

    def numpy(self):
        return self.array

    def view(self, dtype):
        return _Tensor(self.array.view(dtype))


def test_results_of_torch_tensors_are_tensors(monkeypatch):
    bf16 = np.dtype(nl.bfloat16)
    monkeypatch.setitem(sys.modules, "torch",
                        types.SimpleNamespace(from_numpy=_Tensor, bfloat16=bf16, uint16=np.uint16))

    @nki.jit
    def kernel(a):
        return stored(loaded(a))

    for given in (A, A.astype(bf16)):
        result = kernel(_Tensor(given))
        assert isinstance(result, _Tensor) and result.array.dtype == given.dtype and np.array_equal(result.array, given)
