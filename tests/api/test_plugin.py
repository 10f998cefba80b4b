"""Ordinary JAX on the plugin: devices, transfers, donation, asynchrony, errors, and what trainstone tells of it."""

import concurrent.futures
import gc
import json
import os
import pathlib
import re
import subprocess
import sys

import jax
import jax.experimental
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import trainstone

HERE = pathlib.Path(__file__).name
NEURON = jax.devices("neuron")
KEYS = {"predicted_seconds", "predicted_seconds_low", "predicted_seconds_high", "mfu", "engine_share", "busy",
        "hbm_bytes", "bottleneck", "assumptions", "instance", "usd_per_hour"}


@pytest.fixture(autouse=True)
def on_the_chip():
    with jax.default_device(NEURON[0]):
        yield


def python(*arguments, **environment):
    """A fresh interpreter; None in the environment removes a variable."""
    env = {**os.environ, **environment}
    env = {name: value for name, value in env.items() if value is not None}
    return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, env=env,
                          stdin=subprocess.DEVNULL, timeout=300)


def test_devices():
    assert jax.default_backend() == "neuron" and len(NEURON) == 2
    assert [d.id for d in NEURON] == [0, 1]
    for core, device in enumerate(NEURON):
        assert device.platform == "neuron" and device.device_kind == "NC_v2"
        assert (device.chip, device.core, list(device.coords)) == (0, core, [0, core])
        assert device.process_index == 0
        assert [m.kind for m in device.addressable_memories()] == ["device"]
    assert "trainstone " + trainstone.version() in NEURON[0].client.platform_version


@pytest.mark.parametrize("dtype", ["bool", "int4", "int8", "uint8", "int16", "uint16", "int32", "uint32", "float16",
                                   "bfloat16", "float8_e5m2", "float8_e4m3fn", "float32", "complex64"])
def test_round_trip(dtype):
    values = np.arange(-12, 12).reshape(4, 6)
    if np.dtype(dtype).kind == "u":
        values = np.abs(values)
    if dtype == "int4":
        values = values % 8
    array = values.astype(dtype if hasattr(np, dtype) or dtype == "bool" else getattr(ml_dtypes, dtype))
    device = jax.device_put(array, NEURON[0])
    assert device.dtype == array.dtype and device.shape == array.shape
    assert np.asarray(device).tobytes() == array.tobytes()


X = np.arange(5 * 7 * 3, dtype=np.float32).reshape(5, 7, 3)


@pytest.mark.parametrize("array", [X.T, X[:, ::2], X[::-1], X[:, ::-3, 1:], X.transpose(1, 0, 2), X[2, 3], X[:0],
                                   np.broadcast_to(X[0], (4, 7, 3)), X[:, :, 1], np.asfortranarray(X), np.float32(7)],
                         ids=lambda a: str(a.strides))
def test_strided_arrays(array):
    np.testing.assert_array_equal(np.asarray(jax.device_put(array, NEURON[0])), array)


def test_source_may_change_after_the_transfer():
    array = np.ones((64, 64), np.float32)
    device = jax.device_put(array, NEURON[0])
    device.block_until_ready()
    array[:] = 2
    assert np.asarray(device).sum() == 64 * 64


def test_computation():
    x = np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6)
    y = jax.jit(lambda a: jnp.sum(a * 2 + 1, axis=1))(x)
    assert y.devices() == {NEURON[0]}
    np.testing.assert_allclose(np.asarray(y), (x * 2 + 1).sum(1), rtol=1e-6)


def test_second_device():
    x = jax.device_put(np.ones((4, 4), np.float32), NEURON[1])
    y = jax.jit(lambda a: a + 1)(x)
    assert y.devices() == {NEURON[1]}
    back = jax.device_put(y, NEURON[0])
    assert back.devices() == {NEURON[0]} and np.asarray(back).sum() == 32


def test_arrays_of_different_devices_do_not_mix():
    a, b = (jax.device_put(np.ones(4, np.float32), d) for d in NEURON)
    with pytest.raises(ValueError, match="incompatible devices"):
        jax.jit(lambda x, y: x + y)(a, b)


def test_cpu_beside_the_chip():
    cpu = jax.device_put(np.arange(4, dtype=np.float32), jax.devices("cpu")[0])
    chip = jax.device_put(cpu, NEURON[0])
    assert np.asarray(jax.device_put(chip * 2, jax.devices("cpu")[0])).tolist() == [0, 2, 4, 6]


def test_donation():
    step = jax.jit(lambda x: x + 1, donate_argnums=0)
    x = jax.device_put(np.zeros((8, 8), np.float32), NEURON[0])
    for _ in range(3):
        before, x = x, step(x)
        assert before.is_deleted() and not x.is_deleted()
        with pytest.raises(RuntimeError, match="deleted|donated"):
            np.asarray(before)
    assert np.asarray(x).max() == 3
    kept = jax.jit(lambda x: x + 1)(x)
    assert not x.is_deleted() and np.asarray(kept).min() == 4


def test_deleted_array():
    x = jax.device_put(np.zeros(8, np.float32), NEURON[0])
    x.delete()
    assert x.is_deleted()
    with pytest.raises(RuntimeError, match="deleted"):
        x + 1


def test_dispatch_ahead_keeps_the_order():
    step = jax.jit(lambda x: x * 2 - 1)
    x = jax.device_put(np.full((32, 32), 3, np.float32), NEURON[0])
    want = np.asarray(x)
    for _ in range(20):
        x, want = step(x), want * 2 - 1
    assert np.asarray(x).tolist() == want.tolist()
    x.block_until_ready()
    assert x.is_ready()


def test_memory_stats():
    gc.collect()
    device = NEURON[1]
    before = device.memory_stats()
    assert before["bytes_limit"] == 16 << 30
    x = jax.device_put(np.zeros((256, 1024), np.float32), device)
    x.block_until_ready()
    assert device.memory_stats()["bytes_in_use"] == before["bytes_in_use"] + (1 << 20)
    assert device.memory_stats()["peak_bytes_in_use"] >= before["bytes_in_use"] + (1 << 20)
    del x
    gc.collect()
    assert device.memory_stats()["bytes_in_use"] == before["bytes_in_use"]


def test_compile_error_names_the_operation_and_the_line():
    def user_code(x):
        return jax.lax.rng_uniform(x, 1.0, (4,))

    line = user_code.__code__.co_firstlineno + 1
    with pytest.raises(jax.errors.JaxRuntimeError) as caught:
        jax.jit(user_code)(jnp.float32(0))
    text = str(caught.value)
    assert text.startswith("UNIMPLEMENTED: unsupported") and "stablehlo.rng" in text and f"{HERE}:{line}" in text, text


@pytest.mark.parametrize("name, remedy, call", [
    ("eig", "on the host", lambda x: jnp.linalg.eig(x)),
    ("tridiagonal", "on the host", lambda x: jax.lax.linalg.tridiagonal(x)),
])
def test_what_jax_has_no_rule_for_names_itself_the_line_and_a_remedy(name, remedy, call):
    with pytest.raises(NotImplementedError) as caught:
        jax.jit(call)(np.eye(4, dtype=np.float32))
    assert re.search(rf"^unsupported: {name} at .*{HERE}:\d+: .*{remedy}", str(caught.value)), caught.value


def test_what_is_refused_on_the_chip_runs_on_the_host_as_the_remedy_says():
    on_host = jax.device_put(np.diag(np.float32([3, 1])), jax.devices("cpu")[0])
    assert sorted(jnp.linalg.eig(on_host)[0].real.tolist()) == [1, 3]


def test_several_devices_run_a_program():
    mesh = jax.sharding.Mesh(np.array(NEURON), "x")
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
    x = jax.device_put(np.arange(8, dtype=np.float32), sharding)
    assert np.asarray(x).tolist() == list(range(8))
    total = jax.jit(lambda a: (a + 1).sum())(x)
    assert float(total) == 36 and total.devices() == set(NEURON)


def test_compiler_options_are_refused():
    with pytest.raises(jax.errors.JaxRuntimeError, match="xla_no_such_option"):
        jax.jit(lambda a: a + 1, compiler_options={"xla_no_such_option": True})(np.float32(1))


def test_cost_and_memory_analysis():
    x = jnp.ones((64, 32), jnp.float32)
    compiled = jax.jit(lambda a, b: a @ b).lower(x, x.T).compile()
    cost = compiled.cost_analysis()
    assert cost["flops"] == 2 * 64 * 32 * 64
    assert 1e-6 < cost["optimal_seconds"] < 1e-2
    memory = compiled.memory_analysis()
    assert memory.argument_size_in_bytes == 2 * x.nbytes and memory.output_size_in_bytes == 64 * 64 * 4
    assert "trainstone" in compiled.as_text()


def test_last_run():
    np.asarray(jax.jit(lambda a: jnp.tanh(a) @ a)(jnp.ones((64, 64), jnp.float32)))
    record = trainstone.last_run()
    assert KEYS <= record.keys(), KEYS - record.keys()
    assert 0 < record["predicted_seconds_low"] <= record["predicted_seconds"] <= record["predicted_seconds_high"] < 1e-2
    assert 0 < record["mfu"] < 1 and record["instance"] == "trn1.2xlarge"
    assert all(0 <= share <= 1.000001 for share in record["busy"].values())
    assert record == trainstone.last_run()
    np.asarray(jax.jit(lambda a: a + 1)(jnp.ones(8, jnp.float32)))
    assert trainstone.last_run() != record


def test_threads():
    step = jax.jit(lambda x, y: x * y + 1)

    def work(number):
        device = NEURON[number % 2]
        for i in range(10):
            x = jax.device_put(np.full((16, 16), i, np.float32), device)
            y = jax.device_put(np.full((16, 16), number, np.float32), device)
            assert (np.asarray(step(x, y)) == i * number + 1).all()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


FORK = """
import os, jax, numpy as np
x = jax.device_put(np.ones(4, np.float32))
x.block_until_ready()
pid = os.fork()
if pid == 0:
    try:
        jax.device_put(np.ones(8, np.float32)).block_until_ready()
        code = 1
    except Exception as error:
        code = 0 if "forked" in str(error) and "spawn" in str(error) else 2
    os._exit(code)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert np.asarray(x).sum() == 4
raise SystemExit(code)
"""


def test_forked_child():
    done = python("-W", "ignore", "-c", FORK)
    assert done.returncode == 0, done.stdout + done.stderr


SCRIPT = """
import sys, jax, jax.numpy as jnp
print(sys.argv, __name__, jax.default_backend())
print(float(jax.jit(lambda x: jnp.sum(x @ x))(jnp.ones((32, 32), jnp.float32))))
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return path


@pytest.mark.parametrize("platforms", [None, "", "neuron"])
def test_default_platform(script, platforms):
    done = python(script, JAX_PLATFORMS=platforms)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"['{script}'] __main__ neuron\n32768.0\n"
    assert "experimental" not in done.stderr


def test_cpu_is_left_alone(script):
    done = python(script, JAX_PLATFORMS="cpu")
    assert done.stdout.splitlines()[0].endswith("cpu"), done.stdout + done.stderr


def test_command(script, tmp_path):
    done = python("-m", "trainstone", script, "--lr", "3", JAX_PLATFORMS=None, TRAINSTONE_OUT=str(tmp_path / "new/out"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"['{script}', '--lr', '3'] __main__ neuron\n32768.0\n"
    for word in ("predicted", "bottleneck", "busy", "mfu"):
        assert word in done.stderr
    record = json.loads((tmp_path / "new/out/last_run.json").read_text())
    assert KEYS <= record.keys()


def test_command_reports_the_costliest(tmp_path):
    path = tmp_path / "two.py"
    path.write_text("""
import jax, numpy as np
def small(x): return x + 1
def large(x): return jax.numpy.tanh(x @ x) @ x
x = jax.device_put(np.ones((512, 512), np.float32))
for _ in range(3): jax.jit(large)(x).block_until_ready()
jax.jit(small)(x[:1, :1]).block_until_ready()
jax.jit(small)(x[:1, :1]).block_until_ready()
""")
    done = python("-m", "trainstone", path, JAX_PLATFORMS=None)
    assert done.returncode == 0, done.stderr
    first = re.search(r"^trainstone: jit_large, 3 runs, ([\d.]+) (us|ms) of ([\d.]+) (us|ms) in all$",
                      done.stderr, re.M)
    assert first and first[2] == first[4] and float(first[1]) < float(first[3]), done.stderr
    assert re.search(r"^  (others)?  +jit_small, 2 runs, [\d.]+ us$", done.stderr, re.M), done.stderr
    assert done.stderr.count("jit_small") == 1 and done.stderr.count("predicted") == 1


def test_command_with_module(script):
    env = {"PYTHONPATH": f"{script.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = python("-m", "trainstone", "-m", "train", "a", JAX_PLATFORMS=None, **env)
    assert done.returncode == 0, done.stderr
    assert "'a'] __main__ neuron" in done.stdout and "predicted" in done.stderr


def test_command_passes_failures_on(tmp_path):
    path = tmp_path / "fails.py"
    path.write_text("import sys\nsys.exit(int(sys.argv[1]))\n")
    assert python("-m", "trainstone", path, "3").returncode == 3
    path.write_text("raise KeyError('mine')\n")
    done = python("-m", "trainstone", path)
    assert done.returncode == 1 and "KeyError: 'mine'" in done.stderr and "predicted" not in done.stderr
    path.write_text("print('no JAX')\n")
    done = python("-m", "trainstone", path)
    assert done.returncode == 0 and "no program ran" in done.stderr
    done = python("-m", "trainstone", tmp_path / "nowhere.py")
    assert done.returncode == 1 and "nowhere.py" in done.stderr and "Traceback" not in done.stderr
    assert python("-m", "trainstone").returncode == 2
    assert "usage" in python("-m", "trainstone", "--help").stdout


def test_missing_library(script, tmp_path):
    """The package without its library, outside of a checkout: says what to do; the CPU still works."""
    package = tmp_path / "site"
    for folder in ("trainstone", "jax_plugins/trainstone"):
        source = pathlib.Path(trainstone.__file__).parents[1] / folder
        (package / folder).mkdir(parents=True)
        for file in source.glob("*.py"):
            (package / folder / file.name).write_text(file.read_text())
    env = {"PYTHONPATH": str(package), "TRAINSTONE_LIBRARY": None}
    for platforms in (None, "neuron"):
        done = python(script, JAX_PLATFORMS=platforms, **env)
        assert done.returncode != 0 and "run `make`" in done.stderr, done.stderr
    assert python(script, JAX_PLATFORMS="cpu", **env).returncode == 0
    done = python("-m", "trainstone", script, **env)
    assert done.returncode == 1 and "run `make`" in done.stderr and "Traceback" not in done.stderr
    done = python(script, JAX_PLATFORMS="neuron", TRAINSTONE_LIBRARY=str(tmp_path / "none.so"))
    assert "TRAINSTONE_LIBRARY names" in done.stderr


def test_real_plugin_goes_first(script, tmp_path):
    """Where AWS's plugin is installed Trainstone stays out, unless asked."""
    (tmp_path / "libneuronxla").mkdir()
    (tmp_path / "libneuronxla/__init__.py").write_text("")
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}", "JAX_PLATFORMS": None}
    assert python(script, **env).stdout.splitlines()[0].endswith("cpu")
    assert python(script, TRAINSTONE_PLUGIN="1", **env).stdout.splitlines()[0].endswith("neuron")
    assert python("-m", "trainstone", script, **env).stdout.splitlines()[0].endswith("neuron")
    env["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
    assert python(script, TRAINSTONE_PLUGIN="0", **env).stdout.splitlines()[0].endswith("cpu")


def test_settings_from_the_environment():
    code = "import jax; print(len(jax.devices()), jax.devices()[0].client.platform)"
    assert python("-c", code, NEURON_RT_NUM_CORES="1", JAX_PLATFORMS="neuron").stdout == "1 neuron\n"
    assert python("-c", code, NEURON_RT_VISIBLE_CORES="1", JAX_PLATFORMS="neuron").stdout == "1 neuron\n"
    assert python("-c", code, TRAINSTONE_INSTANCE="trn1.32xlarge", JAX_PLATFORMS="neuron").stdout == "32 neuron\n"
    done = python("-c", code, TRAINSTONE_INSTANCE="trn9", JAX_PLATFORMS="neuron")
    assert done.returncode == 1 and "trn9" in done.stderr and "trn1.2xlarge" in done.stderr


def test_persistent_compile_cache(script, tmp_path):
    """JAX keeps compiled programs of this platform, and reads them back."""
    env = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
           "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0", "JAX_PLATFORMS": "neuron"}
    first = python(script, **env)
    assert first.returncode == 0, first.stderr
    kept = {p.name: p.read_bytes() for p in (tmp_path / "cache").iterdir() if "-cache" in p.name}
    assert kept
    second = python(script, **env)
    assert second.returncode == 0 and second.stdout == first.stdout, second.stderr
    assert {p.name for p in (tmp_path / "cache").iterdir() if "-cache" in p.name} == kept.keys()


def test_compiled_programs_are_kept(tmp_path):
    """Where NEURON_COMPILE_CACHE_URL says: another process takes what is there and computes the same."""
    source = "import jax, jax.numpy as jnp; print(jax.jit(lambda x: jnp.tanh(x) @ x)(jnp.eye(3) + 2).tolist())"
    cache = tmp_path / "deep" / "cache"
    printed, kept = [], []
    for url in (None, f"file://{cache}", str(cache)):
        done = python("-c", source, JAX_PLATFORMS="neuron", NEURON_COMPILE_CACHE_URL=url)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
        kept.append({path.name: path.stat().st_ino for path in cache.glob("MODULE_*.trn")})
    assert printed[0] == printed[1] == printed[2]
    assert not kept[0] and len(kept[1]) >= 1 and kept[1] == kept[2]
    refused = python("-c", source, JAX_PLATFORMS="neuron", NEURON_COMPILE_CACHE_URL="s3://bucket/cache")
    assert refused.returncode != 0 and "set it to a folder or unset it" in refused.stderr
