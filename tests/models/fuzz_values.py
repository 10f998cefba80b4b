"""What random programs are made of and judged by: element types, shapes, numbers, and checks of arrays.

A check takes what the chip computed, what is wanted (of the result's type, or float64), the operands and, where
XLA:CPU was asked, its result. It gives the mask of the wrong elements.
"""

import math

import jax
import ml_dtypes
import numpy as np

DTYPES = {
    "f32": np.dtype(np.float32), "bf16": np.dtype(ml_dtypes.bfloat16), "f16": np.dtype(np.float16),
    "i32": np.dtype(np.int32), "u32": np.dtype(np.uint32), "i16": np.dtype(np.int16), "u16": np.dtype(np.uint16),
    "i8": np.dtype(np.int8), "u8": np.dtype(np.uint8), "i1": np.dtype(bool),
}
TYPES = tuple(DTYPES)  # which programs choose from
DTYPES |= {"f8e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn), "f8e5m2": np.dtype(ml_dtypes.float8_e5m2)}
SMALL = ("f8e4m3fn", "f8e5m2")
NAMES = {dtype: name for name, dtype in DTYPES.items()}
FLOATS, WORDS, NARROW = ("f32", "bf16", "f16"), ("i32", "u32"), ("i16", "u16", "i8", "u8")
NUMBERS = FLOATS + WORDS + NARROW
SIZES = (1, 2, 3, 5, 7, 8, 16, 31, 33, 37, 64, 100, 127, 128, 129, 130, 257, 513, 784, 1000, 50257)
MAX_ELEMS = 70_000
UNIT = 2.0**-24  # half a unit in the last place of 1 in fp32
TINY = 1.2e-38  # XLA:CPU flushes denormals, the engines do not


def chip_and_judge():
    return jax.devices("neuron")[0], jax.devices("cpu")[0]


# ---- values ----


def is_float(dtype):
    return dtype.kind == "f" or NAMES.get(dtype) in ("bf16", *SMALL)


def unsigned_bits(x):
    """The same bytes as unsigned integers."""
    return np.ascontiguousarray(x).view(np.dtype(f"u{x.dtype.itemsize}")).reshape(x.shape)


def elems(shape):
    return int(np.prod(shape, dtype=np.int64))


def random_shape(rng, max_rank=8, limit=MAX_ELEMS):
    """Rank 0 to 8; every second size or so does not divide; about one in thirty is empty."""
    rank = min(int(rng.choice(9, p=[0.05, 0.2, 0.28, 0.2, 0.12, 0.05, 0.04, 0.03, 0.03])), max_rank)
    while True:
        shape = [int(rng.choice(SIZES if i < 2 else SIZES[:12] if i < 3 else SIZES[:4])) for i in range(rank)]
        if rank and rng.random() < 0.035:
            shape[-1] = 0
        if elems(shape) <= limit:
            return tuple(rng.permutation(shape).tolist()) if rank else ()


def random_array(rng, shape, name, is_simple=False):
    """Mostly ordinary numbers, with the corners of the type among them; is_simple: small integers."""
    dtype = DTYPES[name]
    if name == "i1":
        return rng.random(shape) < rng.choice([0.1, 0.5, 0.9])
    if not is_float(dtype):
        info = np.iinfo(dtype)
        low = -5 if info.min < 0 else 0
        values = rng.integers(low, 6, shape)
        if not is_simple:
            wide = rng.integers(info.min, info.max, shape, endpoint=True, dtype=np.int64)
            ends = rng.choice([info.min, info.max, 0, 1], shape)
            pick = rng.random(shape)
            values = np.where(pick < 0.4, values, np.where(pick < 0.9, wide, ends))
        return values.astype(dtype)
    if is_simple:
        return rng.integers(-4, 5, shape).astype(dtype)
    values = rng.standard_normal(shape) * rng.choice([1, 1, 4, 100])
    corners = [0.0, -0.0, 1, -1, 2.5, -0.5, 1e4, -3e4]
    if rng.random() < 0.5:
        corners += [np.inf, -np.inf, np.nan]
    values = np.where(rng.random(shape) < 0.15, rng.choice(corners, shape), values)
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def limits_of(name):
    """(lowest, highest) of a type, infinities of floats."""
    if name in FLOATS:
        return -np.inf, np.inf
    return (False, True) if name == "i1" else (np.iinfo(DTYPES[name]).min, np.iinfo(DTYPES[name]).max)


# ---- numbers of a type ----


def widen(array):
    return np.asarray(array).astype(np.float64)


def ulp(want, dtype):
    """Distance of neighbours of the type around float64 numbers."""
    digits = {"f32": 23, "bf16": 7, "f16": 10, "f8e4m3fn": 3, "f8e5m2": 2}[NAMES[dtype]]
    low = {"f32": -126, "bf16": -126, "f16": -14, "f8e4m3fn": -6, "f8e5m2": -14}[NAMES[dtype]]
    fraction, exponent = np.frexp(np.where(np.isfinite(want), np.abs(want), 0))
    return 2.0 ** (np.where(fraction == 0, low, np.maximum(exponent - 1, low)) - digits)


def round_to(values, dtype):
    """float64 numbers rounded once, to nearest even, denormals included; NaN for infinity where the type has none."""
    values = np.asarray(values, np.float64)
    step = ulp(values, dtype)
    with np.errstate(all="ignore"):
        rounded = np.where(np.isfinite(values), np.rint(values / step) * step, values)
        largest = float(ml_dtypes.finfo(dtype).max)
        rounded = np.where(np.abs(rounded) > largest, np.copysign(np.inf, rounded), rounded)
        return rounded.astype(dtype)


# ---- checks ----


def differences(got, want, allowed=0.0):
    """Mask of the elements of got that are not want's, give or take `allowed` (absolute, float64). XLA:CPU flushes
    denormals: they are as good as zeros here."""
    bad = strict_differences(got, want, allowed)
    if is_float(np.asarray(want).dtype):
        g, w = widen(got), widen(want)
        bad &= ~((np.abs(g) < TINY) & (np.abs(w) < TINY) & ((g != 0) | (w != 0)))
    return bad


def strict_differences(got, want, allowed=0.0):
    """The same with no mercy for denormals."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        raise AssertionError(f"{got.dtype}{got.shape} for {want.dtype}{want.shape}")
    if not is_float(want.dtype):
        return got != want
    g, w = widen(got), widen(want)
    with np.errstate(invalid="ignore"):
        same = (g == w) & (np.signbit(g) == np.signbit(w)) | (np.isnan(g) & np.isnan(w))
        return ~(same | (np.abs(g - w) <= allowed))


def exact(got, want, operands, judged):
    """Every bit, except a NaN's."""
    return strict_differences(got, want)


def exact_by_xla(got, want, operands, judged):
    """For what only XLA:CPU says: not where it may have flushed a denormal."""
    bad = differences(got, judged)
    for x in operands:
        if x.shape == bad.shape and is_float(x.dtype):
            bad = bad & ~((x != 0) & (np.abs(widen(x)) < TINY))
    return bad


def within(ulps, narrow_ulps=1.0):
    """Within `ulps` of fp32, or `narrow_ulps` of bf16 and fp16, from a float64 result that is itself right."""

    def check(got, want, operands, judged):
        name = NAMES[got.dtype]
        largest = float(ml_dtypes.finfo(got.dtype).max)
        with np.errstate(all="ignore"):
            g, rounded = widen(got), widen(round_to(want, got.dtype))
            near = np.abs(g - want) <= (ulps if name == "f32" else narrow_ulps) * ulp(want, got.dtype)
            same = (g == rounded) | (np.isnan(g) & np.isnan(rounded))
            edge = np.isinf(g) & (np.abs(want) >= largest * (1 - 1e-6)) & (np.sign(g) == np.sign(want))
        tiny = (np.abs(want) < TINY) & (np.abs(g) < 2 * TINY)
        return ~(near | same | edge | tiny)

    return check


def quotient(got, want, operands, judged):
    """Of fp32: rounded once or, as a product with a reciprocal, twice. Zeros, infinities and NaN as IEEE 754
    has them."""
    rounded = round_to(want, got.dtype)
    is_number = np.isfinite(rounded) & np.isfinite(got) & (np.signbit(rounded) == np.signbit(got))
    with np.errstate(invalid="ignore"):
        is_near = np.abs(widen(got) - want) <= 1.5 * ulp(want, got.dtype)
    return strict_differences(got, rounded) & ~(is_number & is_near)


def composed(ulps):
    """JAX makes these functions of several: within `ulps` of float64, or no more than four times as far as XLA:CPU."""
    strict = within(ulps, 2.0)

    def check(got, want, operands, judged):
        with np.errstate(all="ignore"):
            far = np.abs(widen(got) - want) <= 4 * np.abs(widen(judged) - want)
        return strict(got, want, operands, judged) & ~far & differences(got, judged)

    return check


def sum_of(terms, roundings=0):
    """A sum of `terms` products in any order in fp32, rounded once to a narrow type (and `roundings` times more on
    the way). `want` gives the float64 sum and the sum of magnitudes; the error is at most (terms + 2) * 2**-24 times
    the latter, and a unit in the last place of a narrow type. NaN and infinities are those of the exact sum, but that
    a sum which is rounded on the way may pass the largest number, when its terms of one sign do, and stays infinite."""

    def check(got, want, operands, judged):
        total, magnitude = want
        largest = float(ml_dtypes.finfo(got.dtype).max)
        with np.errstate(all="ignore"):
            g = widen(got)
            bound = (terms + 2) * UNIT * magnitude + TINY * UNIT * (terms + 2)
            if NAMES[got.dtype] != "f32":
                bound = bound + (1 + roundings) * ulp(np.where(roundings > 0, magnitude, total), got.dtype)
            near = (np.abs(g - total) <= bound) & np.isfinite(g) & np.isfinite(total)
            same = (g == total) | (np.isnan(g) & np.isnan(total))
            over = np.isnan(g) if NAMES[got.dtype] == "f8e4m3fn" else np.isinf(g) & (np.sign(g) == np.sign(total))
            edge = over & (np.abs(total) + bound >= largest)
            unknown = np.isfinite(magnitude) & (magnitude > 1e38)  # a partial sum may overflow
            one_sign = (magnitude + np.where(np.isinf(g), np.sign(g) * total, np.abs(total))) / 2
            if roundings > 0:
                overflown = np.isnan(g) if NAMES[got.dtype] == "f8e4m3fn" else np.isinf(g)
                unknown |= overflown & (one_sign + bound >= largest)
        return ~(near | same | edge | unknown)

    return check


def sum_by_xla(terms, roundings=0):
    """Both judges' errors together, where XLA:CPU's sum is finite."""

    def check(got, want, operands, judged):
        total, magnitude = want
        with np.errstate(all="ignore"):
            bound = 2 * (terms + 2) * UNIT * magnitude + TINY * (terms + 2)
            if NAMES[got.dtype] != "f32":
                bound = bound + 2 * (1 + roundings) * ulp(np.where(roundings > 0, magnitude, total), got.dtype)
            bad = differences(got, judged, np.where(np.isfinite(bound), bound, 0))
        known = np.isfinite(total) & (magnitude < 1e38) & np.isfinite(widen(judged))
        return bad & known

    return check


def product_of(terms, name="f32"):
    """A product of `terms` numbers of a type in any order: (terms + 1) roundings. `want`: float64 product, largest and
    smallest magnitude that a partial product can have."""
    unit = {"f32": UNIT, "bf16": 2.0**-8, "f16": 2.0**-11}[name]
    least_known, most_known = (1e-4, 6e4) if name == "f16" else (1e-37, 1e38)

    def check(got, want, operands, judged):
        total, most, least = want
        with np.errstate(all="ignore"):
            g = widen(got)
            near = (np.abs(g - total) <= 2 * (terms + 1) * unit * np.abs(total)) & np.isfinite(g) & np.isfinite(total)
            same = (g == total) | (np.isnan(g) & np.isnan(total))
            unknown = (most > most_known) | (least < least_known)
        return ~(near | same | unknown)

    return check


def error_function(x):
    return np.vectorize(math.erf, otypes=[float])(x)
