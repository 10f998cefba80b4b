"""Calls that a kernel gets wrong: AWS's id where it has one, the kernel's line, and a traceback that ends there."""

import inspect
import traceback

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401
import neuronxcc.nki as old
import neuronxcc.nki.isa as nisa
import neuronxcc.nki.language as nl
import nki
import nki.isa as new_nisa
import nki.language as new_nl
from kernel_parts import ROWS, filled
from trainstone.nki.errors import NkiError


def one_axis(a):
    nl.exp(nl.load(a)[nl.arange(64), 0])  # here


def truth_of_many(a):
    return not nl.load(a)  # here


def truth_of_one(a):
    return 1 if nl.load(a[0:1, 0:1]) else 0  # here


def truth_of_an_index(a):
    return 1 if nl.arange(64)[None, :] > 3 else 0  # here


def index_written(a):
    rows, _ = nl.mgrid[0:1, 0:8]
    rows[0, 5] = 3  # here


def remainder_in_a_mask(a):
    rows, columns = nl.mgrid[0:128, 0:64]
    nl.load(a[rows, columns], mask=columns % 4 < 2)  # here


def array_of_tiles(a):
    nl.add(nl.zeros((4, nl.par_dim(8), 8), dtype=nl.float32), 32)  # here


def small_target(a):
    target = nl.zeros((128, 1), dtype=nl.float32)
    target[...] = nl.load(a)  # here


def load_from_sbuf(a):
    nl.load(nl.load(a))  # here


def engine_on_hbm(a):
    nl.exp(a)  # here


def one_partition(a):
    nisa.tensor_tensor(nl.load(a), nl.load(a[0:1, 0:64]), op=nl.add)  # here


def integer_bias(a):
    nisa.activation(op=nl.exp, data=nl.load(a), bias=nisa.memset((128, 1), 1, dtype=np.int8))  # here


def shapes_apart(a):
    nl.load(a[:, 0:32]) + nl.load(a[:, 0:48])  # here


def stores_too_little(a):
    nl.store(nl.ndarray((128, 64), dtype=a.dtype, buffer=nl.shared_hbm), nl.load(a[:, 0:32]))  # here


def unknown_type(a):
    nl.zeros((128, 64), dtype="flot32")  # here


def unknown_operator(a):
    nisa.tensor_tensor(nl.load(a), nl.load(a), op=np.arctan2)  # here


def word_for_a_number(a):
    nl.load(a) + "x"  # here


def past_the_end(a):
    nl.load(a[nl.arange(128)[:, None], nl.arange(100)[None, :]])  # here


@old.jit
def inner(a):
    return a


def grid_within(a):
    inner[2](a)  # here


WRONG = [
    (one_axis, "err_1d_arange_not_supported"), (truth_of_many, "err_ambiguous_tensor_truth_value"),
    (truth_of_one, "err_dynamic_control_flow_not_supported"),
    (truth_of_an_index, "err_control_flow_condition_depending_on_arange"),
    (index_written, "err_cannot_assign_to_index"),
    (remainder_in_a_mask, "err_unsupported_expression_in_mask"),
    (array_of_tiles, "err_failed_to_infer_tile_from_local_tensor"),
    (small_target, "err_store_dst_shape_smaller_than_other_shape"), (load_from_sbuf, "err_unsupported_memory"),
    (engine_on_hbm, "err_unsupported_memory"), (one_partition, "err_num_partition_mismatch"),
    (integer_bias, "err_activation_bias_invalid_type"), (shapes_apart, ""), (stores_too_little, ""),
    (unknown_type, ""), (unknown_operator, ""),
    (word_for_a_number, ""), (past_the_end, "err_tensor_access_out_of_bound"),
    (grid_within, "err_nested_kernel_with_spmd_grid")]


def line_of(kernel):
    lines, first = inspect.getsourcelines(kernel)
    return first + next(i for i, text in enumerate(lines) if "# here" in text)


@pytest.mark.parametrize("kernel, rule", WRONG, ids=[kernel.__name__ for kernel, _ in WRONG])
def test_the_error_has_an_id_and_ends_in_the_kernel(kernel, rule):
    with pytest.raises(NkiError) as raised:
        old.jit(kernel)(ROWS)
    error = raised.value
    assert error.id == rule
    assert error.where.endswith(f"test_wrong_calls.py:{line_of(kernel)}") and error.where in str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    assert (last.name, last.lineno) == (kernel.__name__, line_of(kernel))


def misspelt_function(a):
    nl.exp(nl.load(a), msk=None)  # here


def misspelt_load(a):
    nl.load(a, maks=None)  # here


def misspelt_instruction(a):
    nisa.activation(op=nl.exp, data=nl.load(a), biass=0.5)  # here


def misspelt_new_instruction(a):
    tile = filled(128, 64)
    new_nisa.activation(dst=tile, op=new_nl.exp, data=tile, biass=0.5)  # here


@pytest.mark.parametrize("kernel", [misspelt_function, misspelt_load, misspelt_instruction, misspelt_new_instruction])
def test_a_keyword_that_is_none_is_refused(kernel):
    jit = nki.jit if kernel is misspelt_new_instruction else old.jit
    with pytest.raises(TypeError, match="unexpected keyword argument '(msk|maks|biass)'") as raised:
        jit(kernel)(ROWS)
    assert traceback.extract_tb(raised.value.__traceback__)[-1].lineno == line_of(kernel)


@pytest.mark.parametrize("name", ["exponential", "activate2", "rand2", "nc_matmul_mx", "quantize_mx", "topk"])
def test_what_is_documented_and_not_modelled_says_so(name):
    @nki.jit
    def kernel(a):
        getattr(new_nisa, name)(dst=a)

    with pytest.raises(NotImplementedError, match=f"{name} (needs NeuronCore-v4|is not modelled)"):
        kernel(ROWS)


def test_calls_outside_of_kernels_name_the_rule():
    for call in (lambda: nl.zeros((128, 64), dtype=nl.float32), lambda: nl.exp(3.0), lambda: new_nisa.memset(None, 0)):
        with pytest.raises(RuntimeError, match="err_nki_api_outside_of_nki_kernel"):
            call()
