"""Calls that go to the library without Python record what Python records for them."""

import numpy as np
import pytest
from kernel_parts import filled, stored

import trainstone.nki.activate  # noqa: F401

import nki  # noqa: E402
import nki.isa as nisa  # noqa: E402
import nki.language as nl  # noqa: E402
from trainstone.nki import native, quick  # noqa: E402

X = np.arange(128 * 64, dtype=np.float32).reshape(128, 64) / 4096
CALLS = {name: value for name, value in vars(nisa).items() if type(value) is type(nisa.dma_copy)}


def sbuf(*shape, dtype=nl.float32):
    return nl.ndarray(shape, dtype=dtype, buffer=nl.sbuf)


def every_call(x):
    """Each with the arguments that it takes without Python, and with some that it does not."""
    out = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)
    a, b, c = sbuf(128, 64), nl.ndarray((128, 64), nl.float32), nl.ndarray([128, 64], "float32", "sbuf", name="c")
    column, total, narrow = sbuf(128, 1), sbuf(128, 1), sbuf(128, 64, dtype=nl.bfloat16)
    sums = nl.ndarray((64, 64), dtype=nl.float32, buffer=nl.psum)
    nisa.dma_copy(dst=a, src=x)
    nisa.memset(b, 0.5)
    nisa.memset(narrow, value=2)
    nisa.tensor_reduce(column, nl.maximum, a, 1)
    nisa.tensor_reduce(dst=column, op=np.add, data=a, axis=1, negate=True, keepdims=True)
    nisa.tensor_reduce(dst=column, op=nl.add, data=a, axis=(1,))
    nisa.activation(dst=c, op=nl.exp, data=a, bias=column, scale=-1)
    nisa.activation(dst=c, op=np.tanh, data=b, bias=0.25, scale=column, name="t")
    nisa.activation_reduce(dst=b, op=nl.square, data=c, reduce_op=nl.add, reduce_res=total)
    nisa.reciprocal(total, total)
    nisa.tensor_scalar(c, b, nl.multiply, total)
    nisa.tensor_scalar(dst=c, data=b, op0=nl.subtract, operand0=1, reverse0=True, op1=nl.maximum, operand1=total)
    nisa.tensor_scalar(dst=c, data=c, op0=nl.power, operand0=2.0)
    nisa.tensor_scalar(dst=c, data=narrow, op0="add", operand0=narrow[:, 0:1])
    nisa.scalar_tensor_tensor(dst=b, data=a, op0=nl.add, operand0=column, op1=nl.multiply, operand1=c)
    nisa.tensor_tensor(dst=b, data1=a, data2=c, op=nl.add)
    nisa.tensor_tensor(dst=b, data1=a, data2=c, op=nl.power)
    nisa.tensor_copy(dst=c, src=b)
    nisa.tensor_copy(dst=c, src=b, engine=nisa.vector_engine)
    nisa.nc_matmul(dst=sums, stationary=a, moving=c)
    nisa.nc_matmul(dst=sums, stationary=a, moving=c, accumulate=True)
    nisa.tensor_copy(dst=c[0:64], src=sums)
    nisa.dma_copy(dst=out, src=c)
    return out


def text_of(kernel, *arguments):
    run, _ = nki.jit(kernel).record(arguments, {})
    return run.recording.text()


def test_every_call_has_a_twin():
    assert {"dma_copy", "activation", "tensor_reduce", "nc_matmul"} <= set(CALLS), CALLS
    source = every_call.__code__.co_names
    assert set(CALLS) <= set(source)


def test_same_program(monkeypatch):
    with_calls = text_of(every_call, X)
    for name, call in CALLS.items():
        monkeypatch.setattr(nisa, name, call.in_python)
    monkeypatch.setattr(nl, "ndarray", nl.ndarray.in_python)
    monkeypatch.setattr(native.ext, "tile", lambda *_: None)
    assert text_of(every_call, X) == with_calls


def test_python_is_left_out(monkeypatch):
    """The kernel of lesson 3 gets through without one call of the Python functions."""
    def refuse(*_, **__):
        raise AssertionError("called")

    def kernel(x):
        out = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)
        block, powers, low, total = sbuf(128, 64), sbuf(128, 64), sbuf(128, 1), sbuf(128, 1)
        nisa.dma_copy(dst=block, src=x[0:128])
        nisa.tensor_reduce(dst=low, op=nl.maximum, data=block, axis=1, negate=True)
        nisa.activation_reduce(dst=powers, op=nl.exp, data=block, bias=low, reduce_op=nl.add, reduce_res=total)
        nisa.reciprocal(dst=low, data=total)
        nisa.tensor_scalar(dst=block, data=powers, op0=nl.multiply, operand0=low)
        nisa.dma_copy(dst=out, src=block)
        return out

    text_of(kernel, X)
    monkeypatch.setattr(quick.isa, "EMIT", None)
    for name in ("dma_copy", "tensor_reduce", "activation", "reciprocal", "tensor_scalar"):
        monkeypatch.setattr(quick.isa, name, refuse)
    text_of(kernel, X)


def test_what_is_wrong_is_said_by_python():
    @nki.jit
    def wrong(x):
        nisa.tensor_copy(dst=filled(128, 64), sources=1)

    with pytest.raises(TypeError, match="src"):
        wrong(X)
    with pytest.raises(RuntimeError, match="outside of NKI kernels"):
        nl.ndarray((128, 1), dtype=nl.float32)


def test_names_are_counted_as_python_counts_them():
    names = []

    @nki.jit
    def kernel(x):
        names.extend(tile.name for tile in (sbuf(1, 1), nl.ndarray([1, 1], nl.float32), sbuf(1, 1),
                                            nl.ndarray((1, 1), nl.float32, name="a"),
                                            nl.ndarray([1, 1], nl.float32, name="a"),
                                            nl.ndarray((1, 1), nl.float32, name=None),
                                            nl.ndarray((1, 1), nl.float32, name=7),
                                            nl.ndarray((1, 1), nl.float32, nl.shared_hbm, name=None)))
        return stored(filled(128, 64))

    kernel(X)
    assert names == ["tile", "tile_1", "tile_2", "a", "a_1", "tile_3", "7", "hbm"]
