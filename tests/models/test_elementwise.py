"""Elementwise operations of every native dtype on Trainstone against XLA:CPU, and NumPy where the exact value is
asked for. fp32 functions are measured in ULP by tests/unit/compiler_accuracy.c."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from jax import lax

CPU, CHIP = jax.devices("cpu")[0], jax.devices("neuron")[0]
INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32]
FLOATS = [np.float32, ml_dtypes.bfloat16, np.float16, ml_dtypes.float8_e4m3, ml_dtypes.float8_e5m2,
          ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e3m4]
RANDOM = np.random.default_rng(0)


def name_of(dtype):
    return np.dtype(dtype).name


def both(function, *arguments):
    results = []
    for device in (CPU, CHIP):
        with jax.default_device(device):
            results.append(np.asarray(jax.jit(function)(*jax.device_put(arguments, device))))
    return results


def assert_same(what, function, *arguments):
    want, got = both(function, *arguments)
    assert got.dtype == want.dtype and got.shape == want.shape, what
    if want.dtype.kind in "fV":
        want, got = want.astype(np.float32), got.astype(np.float32)
    same = (want == got) & (np.signbit(want) == np.signbit(got)) | (want != want) & (got != got)
    if not same.all():
        at = tuple(np.argwhere(~same)[0])
        where = [x[at] for x in arguments if x.shape == want.shape]
        raise AssertionError(f"{what}: {(~same).sum()} of {same.size} differ, at {where}: {got[at]}, not {want[at]}")


def integer_pairs(dtype, count=300):
    info = np.iinfo(dtype)
    ends = [0, 1, 2, 3, 7, 8, 16, 31, 32, 33, 100, info.min, info.max, info.max - 1]
    if info.min < 0:
        ends += [info.min + 1, -1, -2, -3, -8]
    a, b = np.meshgrid(np.array(ends, np.int64), np.array(ends, np.int64))
    x = [a.ravel(), RANDOM.integers(info.min, info.max, count, endpoint=True),
         RANDOM.integers(max(info.min, -50), 50, count)]
    y = [b.ravel(), RANDOM.integers(info.min, info.max, count, endpoint=True),
         RANDOM.integers(max(info.min, -9), 9, count)]
    return np.concatenate(x).astype(dtype), np.concatenate(y).astype(dtype)


def float_values(dtype, count=300):
    values = [0, -0.0, 0.3, -0.3, 0.5, -0.5, 0.9, 1, -1, 1.5, 2.5, -1.5, 3.5, 127, 128, 129, -129, 240, 248, 255, 448,
              464, 465, 480, 1e-3, -1e-3, 2**-9, 2**-10, 1.5 * 2**-10, 57344, 61441, 65519, 65520, 1e5, 8388607.5,
              2**31, -(2**31), 2**32, 3e9, -3e9, 1e20, -1e20, np.inf, -np.inf, np.nan]
    with np.errstate(over="ignore"):
        return np.concatenate([values, 100 * RANDOM.standard_normal(count)]).astype(np.float32).astype(dtype)


@pytest.mark.parametrize("dtype", INTEGERS, ids=name_of)
def test_integers(dtype):
    x, y = integer_pairs(dtype)
    for op in ("add", "sub", "mul", "div", "rem", "max", "min", "bitwise_and", "bitwise_or", "bitwise_xor",
               "shift_left", "shift_right_logical", "shift_right_arithmetic", "eq", "ne", "lt", "le", "gt", "ge"):
        assert_same(op, getattr(lax, op), x, y)
    for op in ("neg", "sign", "bitwise_not", "population_count", "clz", "abs"):
        if op != "abs" or np.iinfo(dtype).min < 0:
            assert_same(op, getattr(lax, op), x)
    number = lambda value: jnp.asarray(value, dtype)  # noqa: E731
    assert_same("clamp by numbers", lambda a: lax.clamp(number(3), a, number(90)), x)
    assert_same("clamp", lambda a, b: lax.clamp(b, a, jnp.maximum(b, a)), x, y)
    assert_same("numbers", lambda a: (a + number(100)) * number(7) - (number(50) - a), x)
    assert_same("numbers beside bits", lambda a: (a // number(7)) ^ (a % number(5)) | (number(1) << (a & number(7))), x)
    assert_same("iota", lambda a: lax.iota(dtype, 100) * number(3) + a[:100], x)
    assert_same("select", lambda a, b: jnp.where(a < b, a, b * b), x, y)
    assert_same("power", lambda a: lax.integer_pow(a, 5), x)
    assert_same("sum", lambda a: jnp.sum(a, dtype=dtype), x)


@pytest.mark.parametrize("signed", [True, False])
def test_integer_power(signed):
    x, y = integer_pairs(np.int32 if signed else np.uint32)
    assert_same("power", lambda a, b: jnp.power(a, b), x, np.abs(y.astype(np.int64)).astype(x.dtype) % 40)


def test_predicates():
    a, b = np.array([0, 1, 0, 1], bool), np.array([0, 0, 1, 1], bool)
    for op in ("bitwise_and", "bitwise_or", "bitwise_xor", "max", "min", "eq", "ne", "lt", "le", "gt", "ge"):
        assert_same(op, getattr(lax, op), a, b)
    assert_same("not", lax.bitwise_not, a)


@pytest.mark.parametrize("source", INTEGERS + FLOATS + [np.bool_], ids=name_of)
def test_convert(source):
    if source is np.bool_:
        x = np.array([0, 1, 1, 0], bool)
    else:
        x = float_values(source) if source in FLOATS else integer_pairs(source)[0]
    for target in INTEGERS + FLOATS + [np.bool_]:
        if source is not target:
            assert_same(f"to {name_of(target)}", lambda a: lax.convert_element_type(a, target), x)


@pytest.mark.parametrize("dtype", FLOATS, ids=name_of)
def test_exact_float_operations(dtype):
    values = float_values(dtype, 40)
    x, y = (v.ravel() for v in np.meshgrid(values, values))
    for op in ("add", "sub", "mul", "div", "max", "min", "eq", "ne", "lt", "le", "gt", "ge"):
        assert_same(op, getattr(lax, op), x, y)
    for op in ("abs", "neg", "sign", "floor", "ceil", "is_finite", "round", "sqrt"):
        assert_same(op, getattr(lax, op), x)
    assert_same("round to even", lambda a: lax.round(a, lax.RoundingMethod.TO_NEAREST_EVEN), x)
    assert_same("clamp", lambda a: lax.clamp(jnp.asarray(-1, dtype), a, jnp.asarray(2, dtype)), x)
    assert_same("select", lambda a, b: jnp.where(a < b, a, jnp.asarray(3, dtype)), x, y)
    assert_same("largest", lambda a: jnp.max(a[-30:]), x)
    formats = ((5, 10), (8, 7), (4, 3), (5, 2), (3, 3), (8, 3), (2, 1), (8, 23), (6, 20))
    for exponent, mantissa in formats if dtype is np.float32 else formats[1:4]:
        assert_same(f"reduce_precision {exponent} {mantissa}", lambda a: lax.reduce_precision(a, exponent, mantissa), x)


@pytest.mark.parametrize("dtype", FLOATS, ids=name_of)
def test_functions_of_narrow_floats(dtype):
    """Computed in fp32 and rounded once: at most the neighbour of the nearest value."""
    functions = {"exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sin": np.sin, "cos": np.cos,
                 "tan": np.tan, "tanh": np.tanh, "cbrt": np.cbrt, "sqrt": np.sqrt,
                 "rsqrt": lambda v: 1 / np.sqrt(v)}
    x = float_values(dtype)
    exact = x.astype(np.float64)
    for op, reference in functions.items():
        with jax.default_device(CHIP):
            got = np.asarray(jax.jit(getattr(lax, op))(jax.device_put(x, CHIP)))
        with np.errstate(all="ignore"):
            want = reference(exact)
            nearest = want.astype(np.float32).astype(dtype)
        got, nearest = got.astype(np.float64), nearest.astype(np.float64)
        same = (got == nearest) | (np.isnan(got) & np.isnan(nearest))
        with np.errstate(all="ignore"):
            if dtype is np.float32:
                same |= np.abs(got - want) <= 3 * np.spacing(np.abs(nearest.astype(np.float32))).astype(np.float64)
            else:
                same |= np.abs(got - want) <= 2.01 * np.abs(nearest - want)
        assert same.all(), (op, x[~same][:4], got[~same][:4], want[~same][:4])


@pytest.mark.parametrize("dtype", FLOATS, ids=name_of)
def test_bitcast(dtype):
    x = float_values(dtype)[:256]
    with np.errstate(all="ignore"):
        integer = {1: np.int8, 2: np.int16, 4: np.int32}[np.dtype(dtype).itemsize]
    assert_same("to integers", lambda a: lax.bitcast_convert_type(a, integer) + 1, x)
    if np.dtype(dtype).itemsize > 1:
        assert_same("to bytes", lambda a: lax.bitcast_convert_type(a, np.uint8), x)
        assert_same("and back", lambda a: lax.bitcast_convert_type(lax.bitcast_convert_type(a, np.uint8), dtype), x)
    assert_same("of a transpose", lambda a: lax.bitcast_convert_type(a.reshape(16, 16).T, integer), x)


def test_special_values_of_two_arguments():
    values = np.array([0, -0.0, 1, -1, 0.5, -2, 3, np.inf, -np.inf, np.nan, 1e38, 1e-38], np.float32)
    x, y = (v.ravel() for v in np.meshgrid(values, values))
    for op, reference in ((lax.atan2, np.arctan2), (lax.pow, np.power), (lax.rem, np.fmod)):
        with jax.default_device(CHIP):
            got = np.asarray(jax.jit(op)(x, y))
        with np.errstate(all="ignore"):
            want = reference(x.astype(np.float64), y.astype(np.float64)).astype(np.float32)
        np.testing.assert_allclose(got, want, rtol=3e-7, atol=2e-45)
        np.testing.assert_array_equal(np.signbit(got)[~np.isnan(want)], np.signbit(want)[~np.isnan(want)])


def test_total_order():
    values = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, -np.nan, 1e-40, 7], np.float32)
    x, y = (v.ravel() for v in np.meshgrid(values, values))
    for op in ("lt_to", "le_to", "eq_to"):
        compare = getattr(lax, op, None) or getattr(jax._src.lax.lax, op + "_p").bind
        assert_same(op, compare, x, y)
