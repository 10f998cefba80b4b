"""What goes wrong says what, where and what to do; nothing crashes and nothing is left behind."""

import functools
import json
import pathlib
import random

import cli
import jax
import jax.numpy as jnp
import numpy as np
import pytest

HERE = pathlib.Path(__file__).name


def small(x, y):
    return jnp.tanh(x @ y) + 1.0, jnp.sum(x)


ARGUMENTS = (np.ones((4, 8), np.float32), np.ones((8, 3), np.float32))


@pytest.fixture
def program(tmp_path):
    return cli.write_program(small, ARGUMENTS, tmp_path / "small.mlirbc")


def refused(out, *arguments):
    """Runs a command that must fail in the orderly way; returns what it said."""
    done = cli.trainstone(*arguments)
    assert done.returncode == 1, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.stderr.strip(), "no word of what went wrong"
    assert not out.exists() or not list(out.iterdir()), "half-written output"
    return done.stderr


def test_good_program_runs(program, tmp_path):
    outputs, _ = cli.run_program(program, cli.write_inputs(ARGUMENTS, tmp_path / "in"), tmp_path / "out")
    np.testing.assert_allclose(outputs[0], np.tanh(np.full((4, 3), 8.0)) + 1, rtol=1e-6)
    assert outputs[1] == 32


@pytest.mark.parametrize("shape, dtype, words", [
    ((8, 4), np.float32, ("4x8", "8x4")),
    ((4, 7), np.float32, ("4x8", "4x7")),
    ((32,), np.float32, ("4x8", "32")),
    ((4, 8), np.float64, ("f32",)),
    ((4, 8), np.int32, ("f32",)),
])
def test_wrong_input(program, tmp_path, shape, dtype, words):
    inputs = cli.write_inputs((np.ones(shape, dtype), ARGUMENTS[1]), tmp_path / "in")
    out = tmp_path / "out"
    text = refused(out, "run", program, "--input", *inputs, "--out", out)
    assert all(word in text for word in words), text


@pytest.mark.parametrize("count", [0, 1, 3])
def test_wrong_number_of_inputs(program, tmp_path, count):
    inputs = (cli.write_inputs(ARGUMENTS, tmp_path / "in") * 2)[:count]
    out = tmp_path / "out"
    flags = ("--input", *inputs) if inputs else ()
    text = refused(out, "run", program, *flags, "--out", out)
    assert "2" in text and str(count) in text, text


def test_missing_files(program, tmp_path):
    out = tmp_path / "out"
    assert "nowhere.mlirbc" in refused(out, "run", tmp_path / "nowhere.mlirbc", "--out", out)
    assert "nowhere.npy" in refused(out, "run", program, "--input", tmp_path / "nowhere.npy", tmp_path / "nowhere.npy",
                                    "--out", out)


@pytest.mark.parametrize("fn, argument, op", [
    (functools.partial(jax.lax.rng_uniform, b=1.0, shape=(4,)), np.float32(0), "rng"),
    (jax.lax.linalg.cholesky, np.eye(4, dtype=np.complex64), "cholesky"),
])
def test_unsupported_operation_names_itself_and_the_source(tmp_path, fn, argument, op):
    def user_code(x):
        return fn(x)  # the line that the error has to name

    line = user_code.__code__.co_firstlineno + 1
    path = cli.write_program(user_code, (argument,), tmp_path / "op.mlirbc")
    out = tmp_path / "op.trn"
    text = refused(out, "compile", path, "-o", out)
    assert "unsupported" in text and op in text and f"{HERE}:{line}" in text, text
    error = json.loads(cli.trainstone("compile", path, "-o", out, "--json").stdout)
    assert error["error"]["kind"] == "unsupported" and op in error["error"]["op"]
    assert f"{HERE}:{line}" in error["error"]["where"]
    assert op in cli.trainstone("compile", path, "--dump", "inline").stdout  # a pass that came before the refusal


def test_model_beyond_hbm(tmp_path):
    big = jax.ShapeDtypeStruct((20, 1 << 28), jnp.float32)  # 20 GiB; a core has 16
    path = cli.write_program(lambda x: x + 1.0, (big,), tmp_path / "big.mlirbc")
    out = tmp_path / "big.trn"
    text = refused(out, "compile", path, "-o", out)
    assert "capacity" in text and "HBM" in text, text


def test_a_program_written_out_at_length(tmp_path):
    """It rotates more buffers than 16 bits count."""

    def products(x):
        for _ in range(4000):
            x = x @ x * 1e-3
        return x

    shape = jax.ShapeDtypeStruct((2048, 2048), jnp.float32)
    path = cli.write_program(products, (shape,), tmp_path / "long.mlirbc")
    done = cli.trainstone("compile", path, "-o", tmp_path / "long.trn")
    assert done.returncode == 0, done.stderr


def test_truncated_program(program, tmp_path):
    data = program.read_bytes()
    broken, out = tmp_path / "broken.mlirbc", tmp_path / "out"
    inputs = cli.write_inputs(ARGUMENTS, tmp_path / "in")
    for length in sorted({0, 1, 3, 4, 5, 8, *range(12, len(data), len(data) // 25), len(data) - 1}):
        broken.write_bytes(data[:length])
        refused(out, "run", broken, "--input", *inputs, "--out", out)


@pytest.mark.parametrize("form", ["mlirbc", "trn"])
def test_flipped_bits(program, tmp_path, form):
    """A damaged program is refused, or is another valid program: it never crashes or hangs."""
    source = program
    if form == "trn":
        source = tmp_path / "small.trn"
        cli.succeed("compile", program, "-o", source)
    data, broken = source.read_bytes(), tmp_path / f"broken.{form}"
    inputs = cli.write_inputs(ARGUMENTS, tmp_path / "in")
    rng, refusals = random.Random(0), 0
    for trial in range(60):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        broken.write_bytes(damaged)
        out = tmp_path / f"out_{trial}"
        done = cli.trainstone("run", broken, "--input", *inputs, "--out", out, timeout=60)
        assert done.returncode in (0, 1), f"trial {trial}: exit {done.returncode}\n{done.stderr}"
        if done.returncode == 1:
            refusals += 1
            assert done.stderr.strip() and (not out.exists() or not list(out.iterdir()))
    assert refusals > (59 if form == "trn" else 10)  # a .trn carries its hash


def test_text_that_is_no_program(tmp_path):
    for content in (b"", b"hello\n", b"\x00" * 64, b"ML\xefR", b"program x\nnc_matmul\n"):
        bad, out = tmp_path / "bad.trn", tmp_path / "out"
        bad.write_bytes(content)
        refused(out, "run", bad, "--out", out)


def test_jax_user_sees_the_operation_and_the_line():
    with jax.default_device(jax.devices("neuron")[0]), pytest.raises(jax.errors.JaxRuntimeError) as caught:
        jax.jit(lambda x: jax.lax.rng_uniform(x, 1.0, (4,)))(jnp.float32(0)).block_until_ready()
    assert "unsupported" in str(caught.value).lower() and "stablehlo.rng" in str(caught.value)
    assert HERE in str(caught.value)


def test_jax_user_sees_the_full_memory():
    with jax.default_device(jax.devices("neuron")[0]), pytest.raises(jax.errors.JaxRuntimeError) as caught:
        jax.jit(lambda x: jnp.full((20, 1 << 28), x))(jnp.float32(1)).block_until_ready()
    assert "capacity" in str(caught.value).lower() or "RESOURCE_EXHAUSTED" in str(caught.value)
