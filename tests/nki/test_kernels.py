"""Kernels of both NKI dialects give NumPy's values and the clock's times."""

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401
import neuronxcc.nki as old
import neuronxcc.nki.isa as old_isa
import neuronxcc.nki.language as old_nl
import nki
import nki.isa as nisa
import nki.language as nl


def uniform(*shape, dtype=np.float32):
    return np.random.default_rng(7).standard_normal(shape).astype(dtype)


def instructions(kernel, name):
    """Lines of the placed program that are this instruction."""
    return [line for line in kernel.last.recording.text().splitlines() if f".{name} " in line]


@old.jit
def old_add(a, b):
    out = old_nl.ndarray(a.shape, dtype=a.dtype, buffer=old_nl.shared_hbm)
    tile = old_nl.ndarray(a.shape, dtype=a.dtype, buffer=old_nl.sbuf)
    tile[...] = old_nl.load(a)
    total = old_nl.add(tile, old_nl.load(b))
    old_nl.store(out, total)
    return out


@nki.jit
def new_add(a, b):
    x = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.sbuf)
    y = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.sbuf)
    out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
    nisa.dma_copy(dst=x, src=a)
    nisa.dma_copy(dst=y, src=b)
    nisa.tensor_tensor(dst=x, data1=x, data2=y, op=nl.add)
    nisa.dma_copy(dst=out, src=x)
    return out


@pytest.mark.parametrize("kernel", (old_add, new_add))
def test_both_dialects_add(kernel):
    a, b = uniform(128, 40), uniform(128, 40)
    np.testing.assert_array_equal(kernel(a, b), a + b)
    assert len(instructions(kernel, "dma_copy")) == 3
    assert not instructions(kernel, "tensor_copy")


def test_each_instruction_has_its_line_and_each_transfer_the_queue_of_its_line():
    a = uniform(128, 40)
    new_add(a, a)
    text = new_add.last.recording.text()
    assert "<string>" not in text and "native.py" not in text
    queues = [line.split("queue=")[1].split()[0] for line in instructions(new_add, "dma_copy")]
    assert queues == ["0", "1", "2"]


@old.jit
def old_matmul(lhs_t, rhs):
    k, m = lhs_t.shape
    n = rhs.shape[1]
    out = old_nl.ndarray((m, n), dtype=lhs_t.dtype, buffer=old_nl.shared_hbm)
    i_p, i_m, i_n = old_nl.arange(128)[:, None], old_nl.arange(128)[None, :], old_nl.arange(512)[None, :]
    for row in old_nl.affine_range(m // 128):
        product = old_nl.zeros((128, 512), old_nl.float32, buffer=old_nl.psum)
        for step in old_nl.affine_range(k // 128):
            left = old_nl.load(lhs_t[step * 128 + i_p, row * 128 + i_m])
            right = old_nl.load(rhs[step * 128 + i_p, i_n])
            product += old_isa.nc_matmul(left, right)
        old_nl.store(out[row * 128 + i_p, i_n], old_nl.copy(product, dtype=out.dtype))
    return out


def test_products_accumulate_in_psum():
    a, b = uniform(256, 256), uniform(256, 512)
    np.testing.assert_allclose(old_matmul(a, b), a.T @ b, rtol=1e-4, atol=1e-3)
    assert len(instructions(old_matmul, "nc_matmul")) == 4
    assert not instructions(old_matmul, "memset") and not instructions(old_matmul, "tensor_tensor")


@nki.jit
def new_matmul(lhs_t, rhs):
    k, m = lhs_t.shape
    out = nl.ndarray((m, rhs.shape[1]), dtype=lhs_t.dtype, buffer=nl.shared_hbm)
    product = nl.ndarray((m, rhs.shape[1]), dtype=nl.float32, buffer=nl.psum)
    for step in range(k // 128):
        left = nl.load(lhs_t[step * 128:(step + 1) * 128, :])
        right = nl.load(rhs[nl.ds(step * 128, 128), :])
        nisa.nc_matmul(dst=product, stationary=left, moving=right)
    result = nl.ndarray(product.shape, dtype=out.dtype, buffer=nl.sbuf)
    nisa.tensor_copy(dst=result, src=product)
    nl.store(out, result)
    return out


def test_first_write_overwrites_and_later_ones_accumulate():
    a, b = uniform(384, 64), uniform(384, 200)
    np.testing.assert_allclose(new_matmul(a, b), a.T @ b, rtol=1e-4, atol=1e-3)


@old.jit
def attention(q, k, v):
    """One head: q, k [d, n], v [n, d]."""
    d, n = q.shape
    out = old_nl.ndarray((n, d), dtype=q.dtype, buffer=old_nl.shared_hbm)
    scores = old_nl.matmul(old_nl.load(q), old_nl.load(k), transpose_x=True)
    weights = old_nl.softmax(scores, axis=1)
    old_nl.store(out, old_nl.matmul(weights, old_nl.load(v)))
    return out


def test_attention():
    q, k, v = uniform(64, 128), uniform(64, 128), uniform(128, 64)
    scores = q.T @ k
    weights = np.exp(scores - scores.max(1, keepdims=True))
    expected = weights / weights.sum(1, keepdims=True) @ v
    np.testing.assert_allclose(attention(q, k, v), expected, rtol=1e-4, atol=1e-4)


@old.jit
def ragged(a):
    rows, columns = a.shape
    out = old_nl.ndarray(a.shape, dtype=a.dtype, buffer=old_nl.shared_hbm)
    i_p, i_f = old_nl.mgrid[0:128, 0:columns]
    for step in old_nl.affine_range(-(-rows // 128)):
        inside = step * 128 + i_p < rows
        tile = old_nl.load(a[step * 128 + i_p, i_f], mask=inside)
        old_nl.store(out[step * 128 + i_p, i_f], old_nl.square(tile, mask=inside), mask=inside)
    return out


def test_masks_cut_the_last_tile():
    a = uniform(300, 33)
    np.testing.assert_allclose(ragged(a), a * a, rtol=1e-6)


def test_a_benchmark_tells_the_predicted_time():
    timed = old.benchmark(warmup=1, iters=2)(old_add)
    a = uniform(128, 40)
    timed(a, a)
    latency = timed.benchmark_result.nc_latency
    assert latency.get_latency_percentile(50) == latency.get_latency_percentile(99) > 10


def test_written_arguments_change_in_place():
    def double(a, out):
        old_nl.store(out, old_nl.load(a) * 2.0)

    a, out = uniform(16, 8), np.zeros((16, 8), np.float32)
    old.simulate_kernel(double, a, out)
    np.testing.assert_array_equal(out, a * 2)


def test_a_grid_shares_its_result():
    @old.jit
    def rows(a):
        out = old_nl.ndarray(a.shape, dtype=a.dtype, buffer=old_nl.shared_hbm)
        i = old_nl.program_id(0)
        old_nl.store(out[i], old_nl.load(a[i]) + float(i))
        return out

    a = uniform(4, 32, 8)
    np.testing.assert_allclose(rows[4](a), a + np.arange(4, dtype=np.float32)[:, None, None], rtol=1e-6)


def test_values_can_be_printed_while_the_kernel_runs(capsys):
    @old.jit
    def shown(a):
        out = old_nl.ndarray(a.shape, dtype=a.dtype, buffer=old_nl.shared_hbm)  # untouched when the tile is printed
        tile = old_nl.load(a) + 1.0
        old_nl.device_print("tile", tile)
        old_nl.store(out, tile)
        return out

    shown(np.zeros((2, 2), np.float32))
    assert capsys.readouterr().out == "tile [[1. 1.]\n [1. 1.]]\n"


@old.jit
def old_scaled_rows(a, row):
    """Each block of rows times a row of weights, which every trip loads and squares again."""
    out = old_nl.ndarray(a.shape, dtype=a.dtype, buffer=old_nl.shared_hbm)
    for i in old_nl.affine_range(a.shape[0] // 128):
        weights = old_nl.load(row)
        squared = old_nl.multiply(weights, weights)
        block = old_nl.load(a[128 * i:128 * (i + 1)])
        old_nl.store(out[128 * i:128 * (i + 1)], old_nl.multiply(block, squared.broadcast_to((128, a.shape[1]))))
    return out


def test_what_no_trip_changes_is_done_once_and_a_broadcast_is_read_in_psum():
    a, row = uniform(512, 256), uniform(1, 256)
    np.testing.assert_allclose(old_scaled_rows(a, row), a * row * row, rtol=1e-6)
    assert len(instructions(old_scaled_rows, "dma_copy")) == 1 + 4 + 4
    assert len(instructions(old_scaled_rows, "nc_matmul")) == 1
    assert len(instructions(old_scaled_rows, "tensor_tensor")) == 1 + 4
    assert not instructions(old_scaled_rows, "tensor_copy")


@old.jit
def old_running_row(a):
    """The row that each trip multiplies with is another one."""
    out = old_nl.ndarray(a.shape, dtype=a.dtype, buffer=old_nl.shared_hbm)
    row = old_nl.ndarray((1, a.shape[1]), dtype=a.dtype, buffer=old_nl.sbuf)
    row[...] = old_nl.load(a[0:1])
    for i in old_nl.sequential_range(a.shape[0]):
        squared = old_nl.multiply(row, row)
        old_nl.store(out[i:i + 1], squared)
        row[0:1, 0:8] = old_nl.copy(squared[0:1, 8:16])
    return out


def test_what_a_trip_changes_is_done_again():
    a = np.float32(1) + uniform(4, 16) / 8
    expected, row = [], a[0].copy()
    for _ in range(4):
        expected.append(row * row)
        row[:8] = expected[-1][8:]
    np.testing.assert_array_equal(old_running_row(a), np.stack(expected))


def test_limits_name_the_line():
    @old.jit
    def too_tall(a):
        return old_nl.load(a)

    with pytest.raises(AssertionError, match="number of partitions 256 exceed architecture limitation of 128"):
        too_tall(uniform(256, 4))

    @old.jit
    def out_of_bounds(a):
        return old_nl.load(a[0:8, 0:9])

    with pytest.raises(IndexError, match=r"`a` on dimension 1: index range \[0, 8\] exceed dimension size of 8"):
        out_of_bounds(uniform(8, 8))


@old.jit
def old_softmax_turned(a):
    """exp and its sum are one instruction, copies out of PSUM go to both engines, and stores of columns are turned."""
    out = old_nl.ndarray((a.shape[1], a.shape[0]), dtype=a.dtype, buffer=old_nl.shared_hbm)
    for i in old_nl.affine_range(a.shape[0] // 128):
        block = old_nl.load(a[128 * i:128 * (i + 1)])
        powers = old_isa.activation(np.exp, data=block)
        total = old_isa.tensor_reduce(np.add, data=powers, axis=(1,), dtype=np.float32)
        scaled = old_nl.multiply(old_nl.copy(powers), old_nl.reciprocal(total))
        ip, jf = old_nl.arange(128)[:, None], old_nl.arange(a.shape[1])[None, :]
        old_nl.store(out[jf, 128 * i + ip], scaled)
    return out


def test_sums_of_activations_balanced_copies_and_turned_stores():
    a = uniform(256, 192)
    powers = np.exp(a)
    np.testing.assert_allclose(old_softmax_turned(a), (powers / powers.sum(1, keepdims=True)).T, rtol=2e-6)
    assert not instructions(old_softmax_turned, "tensor_reduce")
    assert len(instructions(old_softmax_turned, "nc_transpose")) == 2 * 2
    engines = {line.split(".")[0] for line in instructions(old_softmax_turned, "tensor_copy")}
    assert engines == {"vector", "scalar"}
    stores = [line for line in instructions(old_softmax_turned, "dma_copy") if "dst=hbm" in line]
    assert len(stores) == 4 and all("@256 128]" in line for line in stores)


@nki.jit
def some_of(a, parts):
    """a, in columns, of which those in parts are stored; with part None what is stored is added to."""
    out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
    tile = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.sbuf)
    nisa.dma_copy(dst=tile, src=a)
    for part in parts:
        at = slice(None) if part is None else slice(64 * part, 64 * (part + 1))
        nisa.dma_copy(dst=out[:, at], src=tile[:, at], **({"dst_rmw_op": nl.add} if part is None else {}))
    return out


@pytest.mark.parametrize("parts, is_whole", (((0, 1, 2, 3), True), ((3, 0, 2, 1, 1), True), ((0, 1, 3), False),
                                             ((None,), False), ((None, 0, 1, 2, 3), False), ((0, 1, 2, 3, None), True)))
@pytest.mark.filterwarnings("ignore:.*are never written")
def test_what_a_kernel_leaves_out_of_its_result_is_zero(parts, is_whole):
    a = uniform(128, 256)
    for _ in range(3):
        np.full(a.shape, 7, a.dtype)  # what new memory may hold
        result = some_of(a, parts)
        expected = np.zeros_like(a)
        for part in parts:
            if part is None:
                expected += a
            else:
                expected[:, 64 * part:64 * (part + 1)] = a[:, 64 * part:64 * (part + 1)]
        np.testing.assert_array_equal(result, expected)
        number = some_of.last.outputs()[0].number
        assert some_of.last.recording.fills(number) == is_whole
