"""Complex numbers (c64), which the compiler splits in real and imaginary parts, and Fourier transforms, which it makes
products of: against XLA:CPU and complex128."""

import json

import cli
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import PartitionSpec

CPU, CHIP = jax.devices("cpu")[0], jax.devices("neuron")[0]


def complexes(*shape, seed=0):
    r = np.random.default_rng(seed)
    return (r.normal(size=shape) + 1j * r.normal(size=shape)).astype(np.complex64)


def reals(*shape, seed=0):
    return complexes(*shape, seed=seed).real.copy()


def on(device, function, *arguments):
    return jax.tree.map(np.asarray, jax.jit(function)(*jax.device_put(arguments, device)))


def near(got, want, limit):
    assert got.shape == want.shape and got.dtype == want.dtype
    assert np.max(np.abs(got.astype(np.complex128) - want)) <= limit * np.max(np.abs(want))


def close(function, *arguments, limit=1e-6):
    """Each leaf within `limit` of its largest element."""
    got, want = on(CHIP, function, *arguments), on(CPU, function, *arguments)
    for chip, cpu in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        near(chip, cpu, limit)


FUNCTIONS = [
    jnp.negative, jnp.conj, jnp.real, jnp.imag, jnp.abs, jnp.angle, jnp.exp, jnp.expm1, jnp.log, jnp.log1p, jnp.sqrt,
    lax.rsqrt, jnp.sin, jnp.cos, jnp.tan, jnp.sinh, jnp.cosh, jnp.tanh, jnp.sign, jnp.square, jnp.reciprocal,
    jax.nn.sigmoid,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", [1e-3, 1, 8], ids=["small", "one", "large"])
def test_functions(function, size):
    close(function, complexes(7, 33) * np.float32(size), limit=2e-6)


@pytest.mark.parametrize("function", [jnp.add, jnp.subtract, jnp.multiply, jnp.divide, jnp.power],
                         ids=lambda f: f.__name__)
def test_operators(function):
    close(function, complexes(7, 33), complexes(7, 33, seed=1))


def test_no_square_overflows():
    """Absolute values and quotients of numbers whose squares fp32 does not hold."""
    big = complexes(50) * np.float32(1e30)
    close(jnp.abs, big)
    close(jnp.abs, big * np.float32(1e-60))
    close(jnp.divide, big, big[::-1].copy())


def test_zeros_and_infinities():
    values = np.array([0, 0j, 1, -1, 1j, -1j, np.inf, complex(0, np.inf)], np.complex64)
    for function in (jnp.abs, jnp.sqrt, jnp.sign, lambda a: a == 0, lambda a: a != a[::-1]):
        np.testing.assert_array_equal(on(CHIP, function, values), on(CPU, function, values))
    powers = on(CHIP, lambda a: jnp.zeros(3, a.dtype) ** a, np.array([0, 1, 2 + 1j], np.complex64))
    np.testing.assert_array_equal(powers, np.array([1, 0, 0], np.complex64))


def test_moves():
    close(lambda a: (a.T, a[::-1], jnp.pad(a, 1), a[2:5, ::2], jnp.concatenate([a, a], 0), a.reshape(33, 7)),
          complexes(7, 33))
    close(lambda a: (a[jnp.array([1, 2, 2])], a.at[jnp.array([1, 2, 2])].add(1j), a.at[3].set(2 - 1j)),
          complexes(7, 33))
    close(lambda a: (a.at[1:].multiply(2j), a.at[jnp.array([3, 0])].divide(1 + 1j, unique_indices=True)),
          complexes(7, 33))
    close(lambda a: lax.dynamic_update_slice(a, a[:2, :2], (a.real[0, 0].astype(int), 3)), complexes(7, 33))
    close(lambda a: jnp.where(a.real > 0, a, 1j * a), complexes(7, 33))


def test_constants_and_types():
    close(lambda a: a * (1 + 2j) + jnp.arange(33) + jnp.array([[1j], [2]] * 3 + [[0]]), complexes(7, 33))
    close(lambda a: (a.real.astype(jnp.bfloat16).astype(jnp.complex64), a.astype(jnp.complex64)), complexes(9))
    close(lambda a: a[0] ** 2 + 2j, complexes(3))


def test_sums_and_products():
    x = complexes(7, 33)
    close(lambda a: (a.sum(0), a.mean(), jnp.cumsum(a, 1), jnp.var(a)), x, limit=2e-6)
    close(lambda a: (a.prod(1), jnp.cumprod(a[:, :9], 1), lax.associative_scan(jnp.multiply, a, axis=1)), x / 2)
    close(lambda a, b: (a @ b.T, jnp.vdot(a, b), jnp.einsum("ij,kj->ik", a, b.conj())), x, complexes(7, 33, seed=1))
    close(lambda a, b: lax.conv_general_dilated(a, b, (1, 1), "SAME"), complexes(2, 3, 8, 8), complexes(4, 3, 3, 3))


def test_control():
    close(lambda c: lax.fori_loop(0, 6, lambda i, z: z * z + c, jnp.zeros_like(c)), complexes(7, 33) * np.float32(0.3))
    close(lambda a: lax.scan(lambda s, v: (s * 0.5 + v, s), jnp.zeros(33, jnp.complex64), a), complexes(7, 33))
    for sign in (1, -1):
        close(lambda a: lax.cond(a[0] > 0, lambda z: z * 1j, lambda z: z.conj(), lax.complex(a, a)),
              np.full(9, sign, np.float32))
    close(lambda a: lax.sort([a.real, a], num_keys=1), complexes(40))


def test_gradients():
    x = complexes(7, 33)
    close(jax.grad(lambda a: jnp.sum(jnp.abs(jnp.exp(1j * a) * a) ** 2)), x.real.copy())
    close(jax.grad(lambda a: jnp.sum(a**3), holomorphic=True), x)
    close(jax.grad(lambda a: jnp.sum(jnp.abs(jnp.fft.fft(a)) ** 2)), x.real.copy())


def test_two_cores_add_complex_numbers():
    cores = jax.devices("neuron")[:2]
    mesh = jax.sharding.Mesh(np.array(cores), ("core",))
    both = jax.shard_map(lambda a: (lax.psum(a, "core"), lax.all_gather(a, "core")), mesh=mesh,
                         in_specs=PartitionSpec("core"), out_specs=PartitionSpec(), check_vma=False)
    x = complexes(2, 65)
    total, parts = jax.jit(both)(x)
    near(np.asarray(total)[0], x[0] + x[1], 1e-7)
    np.testing.assert_array_equal(np.asarray(parts)[:, 0], x)


# Products with one matrix, also of lengths with factors; two factors, three; primes of one matrix, by themselves and
# behind a factor; and longer ones and a product of two of them, which are convolutions.
@pytest.mark.parametrize("length", [1, 2, 3, 12, 127, 128, 129, 360, 1000, 4096, 16384, 100000, 1031, 2 * 1033, 2053,
                                    4099, 3 * 2053, 131 * 137])
def test_transforms(length):
    x = complexes(3, length)
    wide = x.astype(np.complex128)
    near(on(CHIP, jnp.fft.fft, x), np.fft.fft(wide).astype(np.complex64), 1e-6)
    near(on(CHIP, jnp.fft.ifft, x), np.fft.ifft(wide).astype(np.complex64), 1e-6)
    near(on(CHIP, jnp.fft.rfft, x.real.copy()), np.fft.rfft(wide.real).astype(np.complex64), 1e-6)
    half = complexes(3, length // 2 + 1)
    want = np.fft.irfft(half.astype(np.complex128), n=length).astype(np.float32)
    near(on(CHIP, lambda a: jnp.fft.irfft(a, n=length), half), want, 1e-6)


# One matrix and factors, which one by the rows; halves of even and odd size.
@pytest.mark.parametrize("length", [192, 250, 1000, 1024, 2042, 2048])
@pytest.mark.parametrize("rows", [1, 40])
def test_transforms_of_batches(length, rows):
    x = complexes(rows, length)
    wide = x.astype(np.complex128)
    near(on(CHIP, jnp.fft.fft, x), np.fft.fft(wide).astype(np.complex64), 1e-6)
    near(on(CHIP, jnp.fft.rfft, x.real.copy()), np.fft.rfft(wide.real).astype(np.complex64), 1e-6)
    half = x[:, : length // 2 + 1].copy()
    want = np.fft.irfft(half.astype(np.complex128), n=length).astype(np.float32)
    near(on(CHIP, lambda a: jnp.fft.irfft(a, n=length), half), want, 1e-6)


def seconds(function, shape, path):
    program = cli.write_program(function, (shape,), path)
    return json.loads(cli.trainstone("time", program, "--json").stdout)["predicted_seconds"]


@pytest.mark.parametrize("rows,length", [(128, 1024), (128, 256), (1024, 512), (128, 8192)])
def test_a_length_with_factors_is_no_slower_than_the_next_prime(tmp_path, rows, length):
    after = {256: 257, 512: 521, 1024: 1031, 8192: 8209}[length]
    shapes = [jax.ShapeDtypeStruct((rows, n), jnp.complex64) for n in (length, after)]
    times = [seconds(jnp.fft.fft, s, tmp_path / "fft.mlirbc") for s in shapes]
    assert times[0] < times[1]


def test_the_half_of_a_real_transform_is_no_slower_than_all(tmp_path):
    """Parts of complex numbers are not stored element by element."""
    real, whole = [jax.ShapeDtypeStruct((1024, 128), t) for t in (jnp.float32, jnp.complex64)]
    assert seconds(jnp.fft.rfft, real, tmp_path / "r.mlirbc") < seconds(jnp.fft.fft, whole, tmp_path / "c.mlirbc")


def test_transforms_of_several_axes():
    close(jnp.fft.fft2, complexes(2, 3, 16, 24))
    close(jnp.fft.ifftn, complexes(5, 6, 7))
    close(jnp.fft.ifft2, complexes(2, 2053, 3))
    close(jnp.fft.rfftn, reals(4, 6, 150))
    close(lambda a: jnp.fft.irfftn(a, s=(4, 6, 10)), complexes(4, 6, 6))
    close(lambda a: jnp.fft.rfft(a, axis=0), reals(30, 4))
    close(lambda a: jnp.fft.rfft2(a), reals(2, 1, 2, 1, 2, 12, 10))


def test_what_transforms_are_used_for():
    close(lambda a, b: jnp.fft.irfft(jnp.fft.rfft(a) * jnp.fft.rfft(b)), reals(4, 64), reals(4, 64, seed=1))
    close(lambda a: jax.scipy.signal.stft(a, nperseg=64)[2], reals(2, 512))
    close(lambda a: jax.scipy.signal.welch(a, nperseg=64)[1], reals(2, 512))

    def layer(w, u):  # of a Fourier neural operator
        low = jnp.fft.rfft2(u)[:, :, :8, :8]
        return jnp.sum(jnp.fft.irfft2(jnp.einsum("bixy,ioxy->boxy", low, w), s=(32, 32)) ** 2)

    close(jax.value_and_grad(layer), complexes(3, 4, 8, 8), reals(2, 3, 32, 32))


def test_turned_queries():
    """Positions as Llama turns them."""
    def turn(q, angles):
        turned = lax.complex(q[..., 0::2], q[..., 1::2]) * jnp.exp(1j * angles)
        return jnp.stack([turned.real, turned.imag], -1).reshape(q.shape)

    close(turn, reals(2, 8, 16, 32), reals(8, 16, 16))


def test_nothing_complex_is_left_inside(tmp_path):
    """Only arguments and results are."""
    shape = jax.ShapeDtypeStruct((4, 300), jnp.complex64)
    path = cli.write_program(lambda a: jnp.fft.fft(lax.fori_loop(0, 3, lambda i, z: z * z + a, a)), (shape,),
                             tmp_path / "complex.mlirbc")
    text = cli.trainstone("compile", path, "--dump", "complex").stdout
    lines = [line for line in text.splitlines() if "c64[" in line]
    assert "dot_general" in text and len(lines) == 2, text
    assert lines[0].startswith("func @main") and " = bitcast_convert " in lines[1], lines
