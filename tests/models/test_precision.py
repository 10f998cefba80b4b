"""Other precisions than fp32 and bf16: models trained in fp16 and with fp8 products, --auto-cast, stochastic
rounding."""

import os
import subprocess
import sys

import cli
import harness
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

CPU, CHIP = jax.devices("cpu")[0], jax.devices("neuron")[0]
CASTS = {"bf16": jnp.bfloat16, "fp16": jnp.float16, "fp8_e4m3": jnp.float8_e4m3}


@pytest.mark.parametrize("name", ["digits_mlp", "gpt"])
def test_fp16_trains(name, record_property):
    harness.judge(name, "fp16", models.MODELS[name](jnp.float16, steps=30), record_property)


def test_fp8_trains(record_property):
    harness.judge("fp8_mlp", "fp8", models.fp8_mlp(None, steps=30), record_property)


@pytest.mark.parametrize("left, right", [("float8_e4m3", "float8_e4m3"), ("float8_e4m3", "float8_e5m2"),
                                         ("float8_e5m2", "float16"), ("float8_e4m3fn", "float8_e4m3fn"),
                                         ("float8_e4m3fn", "bfloat16"), ("float8_e3m4", "float8_e5m2"),
                                         ("float16", "float16")])
def test_products_of_narrow_floats(left, right):
    """Exact operands, fp32 sums: what float64 gives, rounded in sums of 300; and not at the fp32 rate of the PE."""
    random = np.random.default_rng(0)
    a, b = random.standard_normal((37, 300)).astype(left), random.standard_normal((300, 65)).astype(right)
    with jax.default_device(CHIP):
        got = jax.jit(lambda a, b: jax.lax.dot(a, b, preferred_element_type=jnp.float32))(a, b)
    want = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_allclose(got, want, atol=300 * 2**-24 * np.abs(want).max())


@pytest.fixture(scope="module")
def step(tmp_path_factory):
    folder = tmp_path_factory.mktemp("step")
    random = np.random.default_rng(1)
    arguments = [random.standard_normal(shape).astype(np.float32) for shape in ((600, 500), (500, 700))]
    program = cli.write_program(lambda a, b: (a @ b, jnp.tanh(a), (a * 3).T @ a), arguments, folder / "step.mlirbc")
    return arguments, program, cli.write_inputs(arguments, folder / "in"), folder


def tf32(x):
    """To nearest even at 10 bits."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & ~np.uint32(0x1FFF)).view(np.float32)


def narrow(x, name):
    return tf32(x) if name == "tf32" else np.asarray(x, np.float32).astype(CASTS[name]).astype(np.float32)


@pytest.mark.parametrize("name", ["bf16", "fp16", "tf32", "fp8_e4m3"])
def test_auto_cast_matmult(step, name):
    """Operands of products are cast, nothing else; the PE runs at that type's rate."""
    (a, b), program, inputs, folder = step
    flags = ("--auto-cast", "matmult", "--auto-cast-type", name)
    (product, tanh, square), _ = cli.run_program(program, inputs, folder / name, *flags)
    plain, _ = cli.run_program(program, inputs, folder / "plain")
    for got, x, y in ((product, a, b), (square, (a * 3).T, a)):
        x, y = narrow(x, name).astype(np.float64), narrow(y, name).astype(np.float64)
        # Sums of 500 or 600 in fp32.
        np.testing.assert_allclose(got, x @ y, atol=600 * 2**-24 * np.abs(x @ y).max())
    np.testing.assert_array_equal(tanh, plain[1])
    busy = []
    for options in ((), flags):
        text = cli.succeed("time", program, *options, "--json")
        busy.append(cli.json.loads(text)["busy"]["tensor"] * cli.json.loads(text)["predicted_seconds"])
    assert busy[1] < 0.5 * busy[0], busy


def test_auto_cast_all(step):
    """Every value but arguments and results rounds to the type."""
    (a, b), program, inputs, folder = step
    (product, tanh, square), _ = cli.run_program(program, inputs, folder / "all", "--auto-cast=all")
    for got in (product, tanh, square):
        np.testing.assert_array_equal(narrow(got, "bf16"), got)
    np.testing.assert_array_equal(tanh, narrow(np.tanh(narrow(a, "bf16").astype(np.float64)), "bf16"))
    x = narrow(3 * narrow(a, "bf16"), "bf16").astype(np.float64)
    np.testing.assert_allclose(square, x.T @ narrow(a, "bf16").astype(np.float64), rtol=2**-7, atol=1e-3)


def test_auto_cast_from_the_environment(step):
    arguments, program, inputs, folder = step
    flag, _ = cli.run_program(program, inputs, folder / "flag", "--auto-cast=matmult")
    variable, _ = cli.run_program(program, inputs, folder / "variable",
                                  NEURON_CC_FLAGS="-O1 --auto-cast all --auto-cast=matmult")
    plain, _ = cli.run_program(program, inputs, folder / "none")
    none, _ = cli.run_program(program, inputs, folder / "over", "--auto-cast=none", NEURON_CC_FLAGS="--auto-cast=all")
    assert cli.same_bits(flag, variable) and cli.same_bits(plain, none) and not cli.same_bits(flag, plain)


def test_auto_cast_all_trains(tmp_path):
    """A whole training step in another type keeps its interface, and its loss near fp32's."""
    state, fn, batches = models.gpt(jnp.float32, steps=1)
    program = cli.write_program(fn, (state, batches[0]), tmp_path / "step.mlirbc")
    inputs = cli.write_inputs((state, batches[0]), tmp_path / "in")
    plain, _ = cli.run_program(program, inputs, tmp_path / "plain")
    for name, tolerance in (("bf16", 2e-2), ("tf32", 5e-3)):
        cast, _ = cli.run_program(program, inputs, tmp_path / name, "--auto-cast=all", "--auto-cast-type", name)
        assert [x.dtype for x in cast] == [x.dtype for x in plain]
        np.testing.assert_allclose(cast[-1], plain[-1], rtol=tolerance)


@pytest.mark.parametrize("words, message", [
    (("--auto-cast", "half"), "one of none, matmult, all"), (("--auto-cast-type", "fp8"), "bf16, fp16, tf32, fp8_e4m3"),
    (("--stochastic-rounding-seed", "-1"), "0 to 4294967295"),
    (("--stochastic-rounding-seed=1e3",), "0 to 4294967295")])
def test_wrong_words(step, words, message):
    _, program, inputs, _ = step
    done = cli.trainstone("run", program, "--input", *inputs, *words)
    assert done.returncode != 0 and (message in done.stderr or "needs a value" in done.stderr)


def test_a_compiled_program_is_not_cast(step):
    _, program, inputs, folder = step
    cli.succeed("compile", program, "-o", folder / "cast.trn", "--auto-cast=matmult")
    done = cli.trainstone("run", folder / "cast.trn", "--input", *inputs, "--auto-cast=matmult")
    assert done.returncode != 0 and "compiled already" in done.stderr
    once, _ = cli.run_program(folder / "cast.trn", inputs, folder / "once")
    twice, _ = cli.run_program(program, inputs, folder / "twice", "--auto-cast=matmult")
    assert cli.same_bits(once, twice)


# ---- stochastic rounding ----

ROUND = """
import hashlib, jax, jax.numpy as jnp, numpy as np
x = np.random.default_rng(0).standard_normal((128, 1000)).astype(np.float32)
f = jax.jit(lambda x: x.astype(jnp.bfloat16).astype(jnp.float32))
runs = [np.asarray(f(x)) for _ in range(60)]
print(" ".join(hashlib.sha1(r.tobytes()).hexdigest()[:8] for r in runs))
low, high = np.float32(x.view(np.uint32) & 0xffff0000), None
low = (x.view(np.uint32) & np.uint32(0xffff0000)).view(np.float32)
high = ((x.view(np.uint32) & np.uint32(0xffff0000)) + np.uint32(0x10000)).view(np.float32)
assert all(((r == low) | (r == high)).all() for r in runs)
step = np.abs(high.astype(np.float64) - low)
share = np.abs(x.astype(np.float64) - low) / step
error = (np.mean(runs, axis=0, dtype=np.float64) - x) / np.where(x < 0, -step, step)
# Each mean of 60 has variance s (1 - s) / 60.
z = error.sum() / np.sqrt((share * (1 - share)).sum() / 60)
worst = np.abs(error / np.sqrt(np.maximum(share * (1 - share), 1e-3) / 60)).max()
print(z, worst)
"""


def rounded(**environment):
    done = subprocess.run([sys.executable, "-c", ROUND], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "JAX_PLATFORMS": "neuron", **environment})
    assert done.returncode == 0, done.stderr
    hashes, figures = done.stdout.splitlines()
    return hashes.split(), [float(v) for v in figures.split()]


def test_stochastic_rounding():
    """128,000 numbers, rounded 60 times: neighbours only (checked inside), no bias, reproducible by seed."""
    enabled = {"NEURON_RT_STOCHASTIC_ROUNDING_EN": "1"}
    hashes, (z, worst) = rounded(**enabled, NEURON_RT_STOCHASTIC_ROUNDING_SEED="11", TRAINSTONE_THREADS="1")
    again, _ = rounded(**enabled, NEURON_RT_STOCHASTIC_ROUNDING_SEED="11", TRAINSTONE_THREADS="2")
    other, (other_z, _) = rounded(**enabled, NEURON_RT_STOCHASTIC_ROUNDING_SEED="12")
    assert hashes == again
    assert len(set(hashes + other)) == 120
    # 128,000 means: five sigma for the sum, seven for the worst of all (shares near 0 and 1 have heavy tails).
    assert abs(z) < 5 and abs(other_z) < 5 and worst < 9


def test_nearest_is_the_default():
    hashes, (z, _) = rounded(NEURON_RT_STOCHASTIC_ROUNDING_EN="0")
    assert len(set(hashes)) == 1


def test_stochastic_rounding_of_the_command(tmp_path):
    x = np.full(4096, 1 + 2**-10, np.float32)
    program = cli.write_program(lambda x: x.astype(jnp.bfloat16), [x], tmp_path / "cast.mlirbc")
    inputs = cli.write_inputs([x], tmp_path / "in")
    runs = {}
    for name, flags, environment in (
            ("nearest", (), {}), ("on", ("--stochastic-rounding",), {}),
            ("zero", ("--stochastic-rounding", "--stochastic-rounding-seed=0"), {}),
            ("five", ("--stochastic-rounding", "--stochastic-rounding-seed", "5"), {}),
            ("env", (), {"NEURON_RT_STOCHASTIC_ROUNDING_EN": "true", "NEURON_RT_STOCHASTIC_ROUNDING_SEED": "5"})):
        (runs[name],), text = cli.run_program(program, inputs, tmp_path / name, *flags, **environment)
        assert ("rounding stochastic, seed" in text) == (name != "nearest")
    assert (runs["nearest"] == 0x3F80).all()
    assert cli.same_bits([runs["on"]], [runs["zero"]]) and cli.same_bits([runs["five"]], [runs["env"]])
    assert not cli.same_bits([runs["on"]], [runs["five"]])
    ups = (runs["five"] == 0x3F81).sum()
    assert set(runs["five"]) == {0x3F80, 0x3F81} and abs(ups - 512) < 5 * np.sqrt(4096 / 8 * 7 / 8)


def test_compile_caches_see_the_casts():
    """JAX's compile cache tells backends apart by their version."""
    ask = "import jax; print(jax.devices()[0].client.platform_version)"
    versions = set()
    for flags in ("", "--auto-cast=none", "--auto-cast=matmult", "--auto-cast=all --auto-cast-type=fp16"):
        done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "JAX_PLATFORMS": "neuron", "NEURON_CC_FLAGS": flags})
        assert done.returncode == 0 and "trainstone" in done.stdout, done.stderr
        versions.add(done.stdout)
    assert len(versions) == 3
