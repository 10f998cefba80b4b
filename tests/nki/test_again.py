"""Kernels that are called again: what is the same is not planned again, and what is not never passes for it."""

import warnings

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401
import nki
import nki.isa as nisa
import nki.language as nl
from trainstone.nki.errors import NkiError


def numbers(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def sbuf(a):
    return nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.sbuf)


wanted = {"factor": 2.0, "shift": 0.0, "steps": 1, "table": numbers(8, 16), "beyond": 0}


@nki.jit
def changing(a):
    out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
    x = sbuf(a)
    nisa.dma_copy(dst=x, src=a)
    for _ in range(wanted["steps"]):
        nisa.tensor_scalar(dst=x, data=x, op0=nl.multiply, operand0=wanted["factor"])
    if wanted["beyond"]:
        nisa.tensor_copy(dst=x[:, 0:wanted["beyond"]], src=x)
    y = nl.shared_constant(wanted["table"])
    z = sbuf(a)
    nisa.dma_copy(dst=z, src=y)
    nisa.tensor_tensor(dst=x, data1=x, data2=z, op=nl.add)
    nisa.tensor_scalar(dst=x, data=x, op0=nl.add, operand0=wanted["shift"])
    nisa.dma_copy(dst=out, src=x)
    return out


def expected(a):
    return a * np.float32(wanted["factor"]) ** wanted["steps"] + wanted["table"] + np.float32(wanted["shift"])


def test_what_a_kernel_takes_from_elsewhere_counts_in_each_call(monkeypatch):
    for turn in range(3):
        for name, value in (("factor", 3.0), ("shift", 1.5), ("steps", 3), ("table", numbers(8, 16) + turn),
                            ("factor", 2.0)):
            monkeypatch.setitem(wanted, name, value)
            a = numbers(8, 16) + turn
            np.testing.assert_array_equal(changing(a), expected(a))
    np.testing.assert_array_equal(changing(numbers(8, 16)), expected(numbers(8, 16)))


def test_a_call_that_goes_wrong_says_so_and_the_next_one_is_right(monkeypatch):
    a = numbers(8, 16)
    for _ in range(3):
        np.testing.assert_array_equal(changing(a), expected(a))
        with monkeypatch.context() as patch, pytest.raises(NkiError) as raised:
            patch.setitem(wanted, "beyond", 8)
            changing(a)
        assert "test_again.py" in str(raised.value)


def test_shapes_and_dtypes_take_turns():
    @nki.jit
    def doubled(a):
        out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
        x = sbuf(a)
        nisa.dma_copy(dst=x, src=a)
        nisa.tensor_tensor(dst=x, data1=x, data2=x, op=nl.add)
        nisa.dma_copy(dst=out, src=x)
        return out

    texts = {}
    for turn in range(3):
        for a in (numbers(8, 16), numbers(8, 17), numbers(16, 8), numbers(8, 16).astype(np.int32)):
            np.testing.assert_array_equal(doubled(a + turn), 2 * (a + turn))
            text = doubled.last.recording.text()
            assert texts.setdefault((a.shape, a.dtype), text) == text
    assert len(set(texts.values())) == 4


def test_what_was_printed_and_warned_of_comes_again(capsys):
    @nki.jit
    def shown(a):
        out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
        x = nl.ndarray((8, 16), dtype=a.dtype, buffer=nl.sbuf)
        nisa.dma_copy(dst=x[:, 0:2], src=a[:, 0:2])
        nl.device_print("first", x[0:1, 0:2])
        nisa.dma_copy(dst=out, src=x)
        return out

    for turn in range(3):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            shown(numbers(8, 16) + turn)
        assert any("written" in str(warning.message) for warning in caught), turn
        assert f"{turn}." in capsys.readouterr().out


def test_a_result_is_its_callers_alone():
    a = numbers(8, 16)
    first = changing(a)
    kept = first.copy()
    changing(a + 5)
    np.testing.assert_array_equal(first, kept)


def test_a_benchmark_finds_the_same_time():
    @nki.benchmark
    def copied(a):
        out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
        nisa.dma_copy(dst=out, src=a)
        return out

    times = set()
    for turn in range(3):
        np.testing.assert_array_equal(copied(numbers(8, 16) + turn), numbers(8, 16) + turn)
        times.add(copied.benchmark_result.record["predicted_seconds"])
    assert len(times) == 1
