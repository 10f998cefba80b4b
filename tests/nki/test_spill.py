"""More live tiles than SBUF holds: values stay what they are, and what moves out and in is counted."""

import re

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401

import neuronxcc.nki as nki  # noqa: E402
import neuronxcc.nki.compiler as ncc  # noqa: E402
import neuronxcc.nki.language as nl  # noqa: E402

from trainstone.nki.errors import NkiWarning  # noqa: E402

WIDTH = 8192  # fp32: 32 KiB of each partition, of which five fill SBUF
BLOCK = 128 * WIDTH * 4


def random(count, seed=3):
    return np.random.default_rng(seed).standard_normal((count, 128, WIDTH)).astype(np.float32)


def measured(kernel, *arrays):
    """(result, record, (bytes out, bytes in) that the warning tells)."""
    timed = nki.benchmark(kernel)
    with pytest.warns(NkiWarning, match="SBUF has 180224 bytes in each partition.*spilling") as told:
        result = timed(*arrays)
    moved = re.search(r"(\d+) bytes go out to HBM and (\d+) come in", str(told[0].message))
    return result, timed.benchmark_result.record, tuple(map(int, moved.groups()))


def test_what_was_loaded_is_loaded_again():
    def kernel(x):
        out = nl.ndarray((2, *x.shape), dtype=x.dtype, buffer=nl.shared_hbm)
        held = [nl.load(x[i]) for i in range(9)]
        for turn in range(2):
            for i in range(9):
                nl.store(out[turn, i], held[i])
        return out

    x = random(9)
    result, record, (out, back) = measured(kernel, x)
    np.testing.assert_array_equal(result, np.stack([x, x]))
    assert out == 0
    assert back == 4 * BLOCK  # five of the nine are here when the second turn begins
    assert record["hbm_write_bytes"] == 18 * BLOCK
    assert record["hbm_read_bytes"] == 9 * BLOCK + back


def test_a_load_that_finds_no_room_comes_late():
    def kernel(x):
        out = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)
        held = [nl.load(x[i]) for i in range(9)]
        for i in range(9):
            nl.store(out[i], held[i])
        return out

    x = random(9)
    timed = nki.benchmark(kernel)
    np.testing.assert_array_equal(timed(x), x)
    record = timed.benchmark_result.record
    assert record["hbm_read_bytes"] == record["hbm_write_bytes"] == 9 * BLOCK


def test_what_comes_back_does_so_ahead_of_its_use(tmp_path):
    def kernel(x):
        out = nl.ndarray((2, *x.shape), dtype=x.dtype, buffer=nl.shared_hbm)
        held = [nl.load(x[i]) for i in range(30)]
        for turn in range(2):
            for i in range(30):
                nl.store(out[turn, i], nl.multiply(held[i], 2.0))
        return out

    path = tmp_path / "kernel.neff"
    timed = nki.benchmark(save_neff_name=str(path))(kernel)
    x = np.random.default_rng(3).standard_normal((30, 128, WIDTH // 4)).astype(np.float32)
    with pytest.warns(NkiWarning, match="spilling"):
        np.testing.assert_array_equal(timed(x), np.stack([2 * x, 2 * x]))
    ahead, loaded, products = [], {}, 0
    for line in path.read_text().splitlines():
        where = re.search(r"(?:dst|data)=sbuf\.f32\[(?:tile\d+ )?p0:128 \+(\d+) 2048\]", line.replace("src=", "data="))
        if "src=hbm" in line:
            loaded[where[1]] = products
        elif line.startswith("vector."):
            source = re.search(r"data=sbuf\.f32\[(?:tile\d+ )?p0:128 \+(\d+) 2048\]", line)[1]
            if products >= 30:
                ahead.append(products - loaded[source])
            products += 1
    assert sorted(ahead)[:9] == [2] * 9  # a transfer takes 5.6 us, a product 2.0
    assert len(ahead) == 30


def test_what_was_computed_is_saved_once():
    def kernel(x):
        out = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)
        made = [nl.multiply(nl.load(x[i]), 2.0) for i in range(8)]
        for _ in range(2):
            for i in range(8):
                nl.store(out[i], made[i])
        return out

    x = random(8)
    result, record, (out, back) = measured(kernel, x)
    np.testing.assert_array_equal(result, 2 * x)
    assert out <= 8 * BLOCK
    assert back > out  # some come in twice
    assert record["hbm_write_bytes"] == 2 * 8 * BLOCK + out
    assert record["hbm_read_bytes"] == 8 * BLOCK + back


def test_random_updates_of_more_tiles_than_fit():
    """Tiles are written in parts, updated in place, read by others, in an order that the seed decides."""
    for seed in range(6):
        choose = np.random.default_rng(seed)
        steps = [tuple(choose.integers(0, 10, 3)) + (int(choose.integers(0, 3)),) for _ in range(40)]

        def kernel(x):
            out = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)
            tiles = [nl.ndarray((nl.par_dim(128), WIDTH), dtype=x.dtype, buffer=nl.sbuf) for _ in range(10)]
            half = WIDTH // 2
            for i, tile in enumerate(tiles):
                tile[:, :half] = nl.load(x[i, :, :half])
                tile[:, half:] = nl.load(x[i, :, half:])
            for a, b, c, what in steps:
                if what == 0:
                    tiles[a][...] = nl.add(tiles[b], tiles[c])
                elif what == 1:
                    tiles[a][:, :half] = nl.multiply(tiles[b][:, half:], 0.5)
                else:
                    tiles[a][...] += tiles[b]
            for i, tile in enumerate(tiles):
                nl.store(out[i], tile)
            return out

        x = random(10, seed)
        want = [row.copy() for row in x]
        for a, b, c, what in steps:
            if what == 0:
                want[a] = want[b] + want[c]
            elif what == 1:
                want[a][:, :WIDTH // 2] = want[b][:, WIDTH // 2:] * np.float32(0.5)
            else:
                want[a] = want[a] + want[b]
        result, _, (out, back) = measured(kernel, x)
        np.testing.assert_array_equal(result, np.stack(want))
        assert back >= out > 0


def test_chosen_addresses_are_never_spilled():
    @nki.jit
    def kernel(x):
        out = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)
        first = nl.ndarray((nl.par_dim(128), WIDTH), dtype=x.dtype, buffer=ncc.sbuf.mod_alloc(base_addr=0))
        first[...] = nl.load(x[0])
        held = [nl.load(x[i]) for i in range(1, 8)]
        for i, tile in enumerate(held):
            nl.store(out[i + 1], nl.add(tile, first))
        return out

    with pytest.raises(MemoryError, match=r"sbuf: \d tiles live at once .* load 32768 \(line"):
        kernel(random(8))
