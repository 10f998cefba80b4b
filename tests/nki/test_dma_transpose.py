"""nisa.dma_transpose: the same values on every chip; from NeuronCore-v3 on DMA engines turn whole tiles."""

import ml_dtypes
import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401

import neuronxcc.nki as old  # noqa: E402
import neuronxcc.nki.isa as old_nisa  # noqa: E402
import neuronxcc.nki.language as old_nl  # noqa: E402
import nki.isa as nisa  # noqa: E402
import nki.language as nl  # noqa: E402
from kernel_parts import stored  # noqa: E402

from trainstone.nki.errors import NkiWarning  # noqa: E402

STORE = 128  # descriptors of a result of 128 partitions


def rows(*shape, dtype=ml_dtypes.bfloat16):
    return np.random.default_rng(4).standard_normal(shape).astype(dtype)


def turned(x, axes, is_from_sbuf):
    dst = nl.ndarray([x.shape[axis] for axis in axes], dtype=x.dtype, buffer=nl.sbuf)
    if is_from_sbuf:
        tile = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.sbuf)
        nisa.dma_copy(dst=tile, src=x)
        x = tile
    nisa.dma_transpose(dst=dst, src=x, axes=axes)
    return stored(dst)


def measure(kernel, chip, *arguments):
    timed = old.benchmark(platform_target=chip)(kernel)
    return timed(*arguments), timed.benchmark_result.record


@pytest.mark.parametrize("x, axes, tiles", [
    (rows(512, 128), (1, 0), 32),
    (rows(512, 128, dtype=np.float32), (1, 0), 32),
    (rows(24, 100), (1, 0), 2),
    (rows(4, 12, 128), (2, 1, 0), 3),
    (rows(32, 2, 3, 128), (3, 1, 2, 0), 12),
])
def test_tiles_are_turned_on_the_third_generation(x, axes, tiles):
    results, records = zip(*(measure(turned, chip, x, axes, False) for chip in ("trn1", "trn2")))
    for result in results:
        np.testing.assert_array_equal(np.asarray(result).view(np.uint8),
                                      np.ascontiguousarray(x.transpose(axes)).view(np.uint8))
    assert records[0]["dma_descriptors"] == x.size + x.shape[-1]
    assert records[1]["dma_descriptors"] == 16 * tiles + x.shape[-1]
    assert records[0]["hbm_read_bytes"] == records[1]["hbm_read_bytes"] == x.nbytes


def test_between_tiles_it_goes_through_hbm():
    x = rows(128, 128)
    result, record = measure(turned, "trn2", x, (1, 0), True)
    assert np.array_equal(result, x.T)
    assert record["dma_descriptors"] == STORE + STORE + 16 * 8 + STORE


def test_a_type_of_one_byte_is_moved_element_by_element():
    x = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    result, record = measure(turned, "trn2", x, (1, 0), False)
    assert np.array_equal(result, x.T)
    assert record["dma_descriptors"] == 64 * 64 + 64


def test_a_cast_is_not_part_of_it():
    def kernel(x):
        out = old_nl.ndarray((128, 64), dtype=old_nl.float32, buffer=old_nl.shared_hbm)
        tile = old_nl.ndarray((old_nl.par_dim(128), 64), dtype=old_nl.float32, buffer=old_nl.sbuf)
        tile[...] = old_nisa.dma_transpose(x)
        old_nl.store(out, tile)
        return out

    x = rows(64, 128)
    result, record = measure(kernel, "trn2", x)
    assert np.array_equal(result, x.T.astype(np.float32))
    assert record["dma_descriptors"] == 16 * 4 + STORE


def test_what_is_spilled_is_turned_again(tmp_path):
    def kernel(x):
        out = nl.ndarray((2, len(x), 128, x.shape[1]), dtype=x.dtype, buffer=nl.shared_hbm)
        held = [nl.ndarray((128, x.shape[1]), dtype=x.dtype, buffer=nl.sbuf) for _ in x]
        for tile, block in zip(held, x):
            nisa.dma_transpose(dst=tile, src=block)
        for turn in range(2):
            for i, tile in enumerate(held):
                nisa.dma_copy(dst=out[turn, i], src=tile)
        return out

    path, x = tmp_path / "kernel.neff", rows(9, 8192, 128, dtype=np.float32)
    timed = old.benchmark(save_neff_name=str(path), platform_target="trn2")(kernel)
    with pytest.warns(NkiWarning, match="spilling"):
        assert np.array_equal(timed(x), np.stack([x.transpose(0, 2, 1)] * 2))
    loads = [line for line in path.read_text().splitlines() if "src=hbm" in line]
    assert len(loads) > 9
    assert all("is_transpose" in line for line in loads)
