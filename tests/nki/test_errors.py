"""Kernels with one fault each: the error says what is wrong and points to the line marked `# here`."""

import inspect
import re

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401

import nki  # noqa: E402
import nki.isa as nisa  # noqa: E402
import nki.language as nl  # noqa: E402
from kernel_parts import ROWS, filled, stored  # noqa: E402

from trainstone.nki.errors import NkiError  # noqa: E402


def too_many_partitions(a):
    return stored(nl.ndarray((129, 64), dtype=nl.float32, buffer=nl.sbuf))  # here


def too_many_columns(a):
    moving, stationary = filled(128, 513), filled(128, 128)
    product = nl.ndarray((128, 512), dtype=nl.float32, buffer=nl.psum)
    nisa.nc_matmul(dst=product, stationary=stationary, moving=moving)  # here
    return a


def across_banks(a):
    moving, stationary = filled(128, 512), filled(128, 128)
    product = nl.ndarray((128, 1024), dtype=nl.float32, buffer=nl.psum)
    nisa.nc_matmul(dst=product[:, 256:768], stationary=stationary, moving=moving)  # here
    return a


def product_in_sbuf(a):
    data = filled(128, 64)
    nisa.nc_matmul(dst=data[0:64], stationary=data, moving=data)  # here
    return a


def never_filled(a):
    empty, full = nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.sbuf, name="empty"), filled(128, 64)
    nisa.tensor_tensor(dst=full, data1=full, data2=empty, op=nl.add)  # here
    return stored(full)


def product_never_made(a):
    product, out = nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.psum), filled(128, 64)
    nisa.tensor_copy(dst=out, src=product)  # here
    return stored(out)


def tiles_overlap(a):
    one = nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.sbuf, address=(0, 0), name="one")
    two = nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.sbuf, address=(0, 128), name="two")
    nisa.memset(one, 1.0)
    nisa.memset(two, 2.0)
    nisa.tensor_tensor(dst=two, data1=two, data2=one, op=nl.add)  # here
    return stored(two)


def in_the_compilers_share(a):
    tile = nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.sbuf,  # here
                      address=(0, nl.tile_size.total_available_sbuf_size - 255))
    return stored(tile)


def out_of_bounds(a):
    tile = filled(128, 64)
    nisa.dma_copy(dst=tile, src=a[0:128, 10:74])  # here
    return a


def partitions_differ(a):
    wide, half = filled(128, 64), filled(64, 64)
    nisa.tensor_tensor(dst=wide, data1=wide, data2=half, op=nl.add)  # here
    return stored(wide)


def start_of_partitions(a):
    tile = filled(128, 64)
    nisa.memset(tile[1:65], 2.0)  # here
    return stored(tile)


def psum_by_dma(a):
    product = nl.ndarray((128, 64), dtype=nl.float32, buffer=nl.psum)
    nisa.dma_copy(dst=product, src=a)  # here
    return a


def more_than_sbuf(a):
    one = nl.ndarray((128, 30000), dtype=nl.float32, buffer=nl.sbuf, name="one")
    two = filled(128, 30000)
    nisa.memset(one, 1.0)
    nisa.tensor_tensor(dst=one, data1=one, data2=two, op=nl.add)  # here
    return stored(one)


def newer_chip(a):
    tile = filled(128, 64)
    nisa.range_select(dst=tile, on_true_tile=tile, comp_op0=nl.greater, comp_op1=nl.less, bound0=tile[:, 0:1],  # here
                      bound1=tile[:, 1:2])
    return stored(tile)


def register_of_a_row(a):
    nisa.register_load(nisa.register_alloc(), filled(1, 4))  # here
    return a


FAULTS = [
    (too_many_partitions, AssertionError, "number of partitions 129 exceed architecture limitation of 128"),
    (too_many_columns, AssertionError,
     r"size of dimension 1 in 'moving\[128, 513\]' of 'nc_matmul' exceed architecture limitation of 512"),
    (across_banks, AssertionError, "bytes 1024 to 3071 .* one PSUM bank of 2048 bytes"),
    (product_in_sbuf, AssertionError, "Expected operand 'dst' of 'nc_matmul' to be in address space 'psum', "
                                      "but got a tile in 'sbuf' instead"),
    (never_filled, AssertionError, "tensor_tensor reads tile empty .*, to which nothing was written"),
    (product_never_made, AssertionError, "tensor_copy reads tile .*, to which nothing was written"),
    (tiles_overlap, AssertionError, "reads tile one .*, which tile two .* has overwritten .*sbuf addresses"),
    (in_the_compilers_share, MemoryError, "tile .* ends beyond 180224 bytes of each partition"),
    (out_of_bounds, IndexError, r"`a` on dimension 1: index range \[10, 73\] exceed dimension size of 64"),
    (partitions_differ, AssertionError,
     r"number of partitions \(dimension 0 size of a tile\) mismatch in parameters \(dst\[128, ...\], "
     r"data2\[64, ...\]\) of 'tensor_tensor'"),
    (start_of_partitions, AssertionError, "64 partitions from partition 1"),
    (psum_by_dma, AssertionError, "'hbm|sbuf', but got a tile in 'psum'"),
    (more_than_sbuf, MemoryError, "tensor_tensor uses 2 tiles of 240000 bytes of each partition at once, "
                                  "SBUF has 180224: .*one 120000"),
    (newer_chip, Exception, "NeuronCore-v3"),
    (register_of_a_row, AssertionError, "register_load takes one element"),
]


@pytest.mark.parametrize("kernel, kind, message", FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_the_error_says_what_and_where(kernel, kind, message):
    lines, first = inspect.getsourcelines(kernel)
    line = first + next(i for i, text in enumerate(lines) if "# here" in text)
    with pytest.raises(kind, match=message) as raised:
        nki.jit(kernel)(ROWS)
    assert f"test_errors.py:{line}: " in str(raised.value)


def test_a_result_that_nothing_wrote():
    @nki.jit
    def kernel(a):
        return nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)

    with pytest.raises(AssertionError, match="to which nothing was written"):
        kernel(ROWS)


LINE = r"\(line \d+\)"
AT_THE_CALL = [
    (too_many_columns, "err_size_of_dimension_exceed_arch_limit",
     f"nc_matmul dst=tile_2 {LINE} stationary=tile_1 {LINE} moving=tile {LINE}", "tiles of at most 512 columns"),
    (across_banks, "psum_bank_crossed", f"nc_matmul dst=tile_2 {LINE} stationary=tile_1 {LINE} moving=tile {LINE}",
     "each bank"),
    (product_in_sbuf, "err_unsupported_memory",
     f"nc_matmul dst=tile {LINE} stationary=tile {LINE} moving=tile {LINE}", ""),
    (partitions_differ, "err_num_partition_mismatch",
     f"tensor_tensor dst=tile {LINE} data1=tile {LINE} data2=tile_1 {LINE}",
     ""),
    (start_of_partitions, "", f"memset dst=tile {LINE}", ""),
    (newer_chip, "", f"range_select dst=tile {LINE} on_true=tile {LINE} bound0=tile {LINE} bound1=tile {LINE}", ""),
    (too_many_partitions, "err_num_partition_exceed_arch_limit", "", "at most 128 partitions"),
    (out_of_bounds, "err_tensor_access_out_of_bound", "", "")]


@pytest.mark.parametrize("kernel, rule, names, remedy", AT_THE_CALL, ids=[fault[0].__name__ for fault in AT_THE_CALL])
def test_a_rule_is_broken_where_the_call_is(kernel, rule, names, remedy):
    """The exception leaves the kernel from that line, so that a debugger stops there, and names its tiles."""
    with pytest.raises(NkiError) as raised:
        nki.jit(kernel)(ROWS)
    lines, first = inspect.getsourcelines(kernel)
    assert "# here" in next(lines[frame.lineno + 1 - first] for frame in raised.traceback
                            if frame.name == kernel.__name__)
    assert raised.value.id == rule
    assert re.search(names, raised.value.message) and remedy in raised.value.remedy


def test_a_kernel_may_catch_what_it_asked_for_in_vain():
    @nki.jit
    def kernel(a):
        wide, half = filled(128, 64), filled(64, 64)
        with pytest.raises(NkiError, match=r"mismatch in parameters \(dst\[128"):
            nisa.tensor_tensor(dst=wide, data1=wide, data2=half, op=nl.add)
        return stored(wide)

    assert np.array_equal(kernel(ROWS), ROWS)
