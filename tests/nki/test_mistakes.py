"""Mistakes of someone new to NKI: the error speaks of the kernel's line, marked `# here`, and says what to write."""

import inspect
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401

import neuronxcc.nki as nki  # noqa: E402
import neuronxcc.nki.isa as nisa  # noqa: E402
import neuronxcc.nki.language as nl  # noqa: E402
import nki as new_nki  # noqa: E402
import nki.isa as new_nisa  # noqa: E402

from trainstone.nki.errors import NkiError, NkiUnsetWarning, NkiWarning  # noqa: E402

X = np.ones((128, 64), np.float32)


def result(a):
    return nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)


def a_method(a):
    return nl.load(a).sum(axis=1)  # here


def an_attribute_of_an_indexed_tile(a):
    return nl.load(a)[nl.arange(128)[:, None], nl.arange(4)[None, :]].T  # here


def a_function_of_numpy(a):
    return np.exp(nl.load(a))  # here


def a_reduction_of_numpy(a):
    return np.sum(nl.load(a), axis=1)  # here


def an_array_of_numpy(a):
    return nl.load(X)  # here


def a_list(a):
    return nl.load(a) + [1, 2]  # here


def none(a):
    tile = nl.load(a)
    return nl.add(tile, nl.store(result(a), tile))  # here


def none_in_a_product(a):
    return nl.matmul(nl.load(a), None)  # here


def a_keyword(a):
    return nl.sum(nl.load(a), axes=1)  # here


def a_keyword_of_the_other_dialect(a):
    return nisa.nc_matmul(dst=a, stationary=a, moving=a)  # here


def half_a_slice(a):
    return nl.load(a[:, 0:64 / 2])  # here


def half_a_shape(a):
    return nl.ndarray((128, 65 / 2), dtype=a.dtype, buffer=nl.sbuf)  # here


def half_a_trip(a):
    for _ in nl.affine_range(65 / 2):  # here
        pass


def ranges_on_one_axis(a):
    return nl.load(a[nl.arange(128), nl.arange(64)])  # here


def either_of_two_masks(a):
    row = nl.arange(128)[:, None]
    return nl.load(a, mask=(row < 4) | (row > 9))  # here


def beyond_the_end(a):
    return nl.load(a[nl.arange(128)[:, None], nl.arange(65)[None, :]])  # here


def a_store_to_a_tile(a):
    tile = nl.load(a)
    nl.store(tile, a)  # here


def an_operator_as_a_function(a):
    return nisa.activation(op=nl.add, data=nl.load(a))  # here


MISTAKES = [
    (a_method, "a tile has no `sum` (use nl.sum(tile))"),
    (an_attribute_of_an_indexed_tile, "a tile has no `T` (use nl.transpose(tile))"),
    (a_function_of_numpy, "numpy.exp takes no tiles (use nl.exp)"),
    (a_reduction_of_numpy, "numpy.sum takes no tiles (use nl.sum)"),
    (an_array_of_numpy, "load takes a tensor as `src`, not ndarray[128, 64] (pass it to the kernel as an argument)"),
    (a_list, "[1, 2] is no number, and no tile of one column"),
    (none, "add takes tiles and numbers, not None"),
    (none_in_a_product, "matmul takes a tensor, not None (the call that made it returns nothing)"),
    (a_keyword, "unexpected keyword argument 'axes' (it takes x, axis,"),
    (a_keyword_of_the_other_dialect, "`dst` is of the other dialect, where the kernel imports nki, nki.isa "
                                     "and nki.language"),
    (half_a_slice, "(divide with //"),
    (half_a_shape, "a shape of 128, 32.5: they are whole numbers (divide with //)"),
    (half_a_trip, "a range of 32.5: they are whole numbers (divide with //)"),
    (ranges_on_one_axis, "(give each an axis of its own: nl.arange(n)[:, None] and nl.arange(m)[None, :])"),
    (either_of_two_masks, "masks are joined by & alone (make a call for each part, or choose elements with nl.where)"),
    (beyond_the_end, "index range [0, 64] exceed dimension size of 64 (end the range there, or leave out by mask="),
    (a_store_to_a_tile, "to be in address space 'hbm', but got a tile in 'sbuf' instead. (nl.load reads "
                        "tensors in HBM"),
    (an_operator_as_a_function, "add is no activation function of this chip (it is an operator: use "
                                "nisa.tensor_tensor"),
]


def here(kernel):
    lines, first = inspect.getsourcelines(kernel)
    return f"test_mistakes.py:{first + next(i for i, text in enumerate(lines) if '# here' in text)}: "


@pytest.mark.parametrize("kernel, message", MISTAKES, ids=[mistake[0].__name__ for mistake in MISTAKES])
def test_the_error_says_what_to_write(kernel, message):
    with pytest.raises(NkiError, match=re.escape(message)) as raised:
        nki.jit(kernel)(X)
    assert here(kernel) in str(raised.value)
    assert raised.traceback[-1].name == kernel.__name__


@pytest.mark.parametrize("options, message", [
    ({"dst": None, "mask": True}, "activation() takes no mask: neuronxcc.nki.isa, the other dialect, has "
                                  "them (index the tiles"),
    ({}, "missing 1 required positional argument: 'dst' (this dialect's instructions write to a tile")])
def test_calls_of_the_first_dialect(options, message):
    def kernel(a):
        new_nisa.activation(op=nl.exp, data=a, **options)

    with pytest.raises(TypeError, match=re.escape(message)):
        new_nki.jit(kernel)(X)


def test_errors_of_the_kernels_own_are_left_alone():
    def kernel(a):
        return a.shape[7]

    with pytest.raises(IndexError, match="tuple index out of range") as raised:
        nki.jit(kernel)(X)
    assert [entry.name for entry in raised.traceback][1:] == ["__call__", "kernel"]


def test_numbers_of_numpy_stand_on_either_side():
    @nki.jit
    def kernel(a):
        out, tile = result(a), nl.load(a)
        nl.store(out, np.float32(8) / (np.float32(6) - np.array(2.0) * tile) + tile * np.float32(3))
        return out

    np.testing.assert_array_equal(kernel(X), np.full_like(X, 5))


def half_a_result(a):
    out = result(a)
    nl.store(out[:, 0:48], nl.load(a[:, 0:48]))
    return out


def no_result(a):
    nl.store(result(a), nl.load(a))


@pytest.mark.parametrize("kernel, kind, message", [
    (half_a_result, NkiUnsetWarning,
     r"2048 of the 8192 elements of the result hbm are never written, \[0, 48\] the first"),
    (no_result, NkiWarning, "the kernel returns nothing: what it stores into hbm is lost")])
def test_what_the_caller_does_not_get(kernel, kind, message):
    with pytest.warns(kind, match=message) as caught:
        nki.jit(kernel)(X)
    assert caught[0].filename.endswith("test_mistakes.py") and caught[0].lineno == inspect.getsourcelines(result)[1] + 1


def test_an_array_that_the_chip_cannot_hold():
    @nki.jit
    def kernel(a):
        out = result(a)
        nl.store(out, nl.load(a))
        return out

    with pytest.warns(NkiWarning, match="float64 has no datapath on the chip: taken as float32") as caught:
        line = inspect.currentframe().f_lineno + 1
        assert kernel(X.astype(np.float64)).dtype == np.float32
    assert caught[0].filename.endswith("test_mistakes.py") and caught[0].lineno == line


def test_results_that_are_whole_or_where_data_says_are_not_warned_of():
    @nki.jit
    def turned_in_parts(a):
        out = nl.ndarray((64, 128), dtype=a.dtype, buffer=nl.shared_hbm)
        for first in range(0, 128, 32):
            tile = nl.load(a[first:first + 32])
            for column in range(64):
                nl.store(out[column, first:first + 32].reshape((32, 1)), tile[:, column:column + 1])
        return out

    @nki.jit
    def scattered(a, rows):
        out = result(a)
        nl.store(out[nl.load(rows)[nl.arange(128)[:, None], 0], nl.arange(64)[None, :]], nl.load(a))
        return out

    @nki.jit
    def in_place(a: nki.typing.mutable_tensor):
        nl.store(a[:, 0:4], nl.load(a[:, 4:8]))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(turned_in_parts(X * np.arange(64, dtype=np.float32)),
                                      np.outer(np.arange(64), np.ones(128)))
        np.testing.assert_array_equal(scattered(X, np.arange(128, dtype=np.int32)[::-1].reshape(128, 1).copy()), X)
        in_place(X.copy())


def test_a_script_that_fails_shows_the_scripts_lines_alone(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import neuronxcc.nki.language as nl\ndef kernel():\n    return nl.sotfmax\nkernel()\n")
    done = subprocess.run([sys.executable, "-m", "trainstone", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.findall(r'File "(.*?)", line (\d)', done.stderr) == [(str(script), "4"), (str(script), "3")]
    assert "Did you mean: 'softmax'?" in done.stderr
