"""Python functions that jitted programs call: at their place, with the values, as often and in the order that
XLA:CPU has them."""

import gc
import os
import pathlib
import subprocess
import sys
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax._src import dispatch
from jax.experimental import io_callback

import trainstone
from trainstone import host_calls

HERE = pathlib.Path(__file__).name
F32 = jax.ShapeDtypeStruct((), jnp.float32)
PLATFORMS = "cpu", "neuron"


def on(platform, function, *arguments):
    device = jax.devices(platform)[0]
    with jax.default_device(device):
        result = jax.jit(function)(*jax.device_put(arguments, device))
        jax.effects_barrier()
    return jax.tree.map(np.asarray, result)


def compare(make, *arguments, is_ordered=True):
    """make(note) is the function to run; what it notes and returns is the same on both platforms. What it notes is
    returned."""
    calls, values = {}, {}
    for platform in PLATFORMS:
        calls[platform] = []

        def note(*args, kept=calls[platform]):
            kept.append(tuple((str(np.asarray(a).dtype), np.asarray(a).tolist()) for a in args))

        values[platform] = on(platform, make(note), *arguments)
    if not is_ordered:
        calls = {platform: sorted(kept, key=str) for platform, kept in calls.items()}
    assert calls["cpu"] and calls["neuron"] == calls["cpu"], calls
    jax.tree.map(np.testing.assert_array_equal, values["neuron"], values["cpu"])
    return calls["cpu"]


def test_prints_in_a_scan_come_in_order(capfd):
    def run(x):
        jax.debug.print("begin {x}", x=x)

        def body(carry, i):
            jax.debug.print("{i}: {carry:.1f}", i=i, carry=carry, ordered=True)
            return carry * 2, carry

        return lax.scan(body, x, jnp.arange(4))

    text = {}
    for platform in PLATFORMS:
        on(platform, run, np.float32(1.5))
        text[platform] = capfd.readouterr().out
    assert text["neuron"] == text["cpu"] == "begin 1.5\n0: 1.5\n1: 3.0\n2: 6.0\n3: 12.0\n", text


def test_calls_in_loops_branches_and_functions():
    def make(note):
        def each(i, x):
            jax.debug.callback(note, i, x[:2], ordered=True)
            return lax.cond(i % 2 == 0, lambda v: (jax.debug.callback(note, v.sum(), ordered=True), v + 1)[1],
                            lambda v: v * 2, x)

        def run(x, n):
            x = lax.fori_loop(0, n, each, x)  # a number that data decides
            x = lax.while_loop(lambda v: v[0] < 100, jax.jit(lambda v: each(jnp.int32(v[0]), v)), x)
            return lax.switch(jnp.int32(x[0]) % 3, [
                lambda: (jax.debug.callback(note, "a", ordered=True), x)[1],
                lambda: (jax.debug.callback(note, "b", ordered=True), -x)[1],
                lambda: (jax.debug.callback(note, "c", ordered=True), 2 * x)[1]])

        return run

    assert len(compare(make, np.arange(6, dtype=np.float32), np.int32(5))) > 8


def test_a_loop_is_kept_for_its_calls_alone():
    def make(note):
        def run(x):
            lax.fori_loop(0, 3, lambda i, v: (jax.debug.callback(note, i, v), v + 1)[1], x)
            return x * 2

        return run

    assert len(compare(make, np.float32(1), is_ordered=False)) == 3


def test_operands_and_results_of_every_type():
    types = ["float32", "bfloat16", "float16", "int32", "uint32", "int16", "uint16", "int8", "uint8", "bool"]
    values = [jnp.asarray(np.arange(i * 5).reshape(i, 5) % 2, t) for i, t in enumerate(types)]  # one without elements

    def make(note):
        def change(*args):
            note(*args)
            return [np.logical_not(a) if a.dtype == bool else a + np.ones((), a.dtype) for a in map(np.asarray, args)]

        return lambda *args: io_callback(change, [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in values], *args)

    compare(make, *values)


def test_results_are_used_and_carried():
    def make(note):
        state = [0.0]

        def next_value(x):
            note(x)
            state[0] += float(x)
            return np.float32(state[0])

        def run(w):
            def body(carry, x):
                got = io_callback(next_value, F32, (x * carry).sum(), ordered=True)
                return carry + got * x, got

            return lax.scan(body, w[0], w)

        return run

    assert len(compare(make, np.arange(12, dtype=np.float32).reshape(4, 3) / 4)) == 4


def test_what_is_rearranged_arrives_in_order():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)

    def make(note):
        def run(x):
            jax.debug.callback(note, x.T, x[:, ::2, 1], jnp.broadcast_to(x[0, 0, 0], (3,)), jnp.arange(5), x + 1)
            jax.debug.callback(note, x[::-1, 1:])
            jax.debug.callback(note, jnp.full((2, 2), 7.0))
            jax.debug.callback(note)
            return jax.pure_callback(lambda v: np.ascontiguousarray(v.T), jax.ShapeDtypeStruct((4, 3, 2), x.dtype),
                                     x).transpose(1, 0, 2) * 2

        return run

    compare(make, x, is_ordered=False)


@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all", "sequential_unrolled"])
def test_pure_callback_under_vmap(method):
    def make(note):
        def double(x, y):
            note(x, y)
            return np.asarray(x * 2 + y)

        def one(x, y):
            return jax.pure_callback(double, F32, x, y, vmap_method=method)

        return lambda x, y: jax.vmap(one, in_axes=(0, None))(x, y).sum()

    compare(make, np.arange(4, dtype=np.float32), np.float32(10), is_ordered=False)


def test_gradients_and_checkpoints():
    def make(note):
        @jax.checkpoint
        def layer(w, x):
            y = jnp.maximum(w @ x, 0)
            jax.debug.callback(note, y)
            return y

        return jax.grad(lambda w, x: layer(w, layer(w, x)).sum())

    compare(make, np.eye(3, dtype=np.float32) + 1, np.float32([1, 2, 3]), is_ordered=False)


def test_prints_under_vmap():
    def make(note):
        return jax.vmap(lambda x: (jax.debug.callback(note, x), x + 1)[1])

    assert len(compare(make, np.arange(3, dtype=np.float32), is_ordered=False)) == 3


def test_donated_arguments_arrive_as_they_were():
    seen = []

    def step(x):
        jax.debug.callback(lambda v: seen.append(np.array(v)), x)
        return x * 0

    x = jax.device_put(np.arange(1000, dtype=np.float32), jax.devices("neuron")[0])
    result = jax.jit(step, donate_argnums=0)(x)
    jax.effects_barrier()
    assert np.array_equal(seen[0], np.arange(1000)) and not np.asarray(result).any()


def test_an_exception_ends_the_run_with_its_words():
    def fail(x):
        raise ValueError(f"not {float(x)}")

    def step(x):
        return io_callback(fail, F32, x) + 1

    line = step.__code__.co_firstlineno + 1
    with pytest.raises(jax.errors.JaxRuntimeError) as caught:
        np.asarray(jax.jit(step)(np.float32(3)))
    text = str(caught.value)
    assert "ValueError: not 3.0" in text and f"{HERE}:{line}" in text and "host_call" in text, text
    assert float(jax.jit(lambda x: x + 1)(np.float32(3))) == 4  # the device goes on
    with pytest.raises(jax.errors.JaxRuntimeError, match="Incorrect output shape"):
        np.asarray(jax.jit(lambda x: jax.pure_callback(lambda v: np.zeros(2, np.float32), F32, x))(np.float32(3)))
    dispatch.runtime_tokens.clear()  # which would raise again


def test_two_functions_that_look_alike_are_not_taken_for_each_other():
    def made(number):
        return jax.jit(lambda x: jax.pure_callback(lambda v: np.asarray(v + number), F32, x))

    assert [float(made(i)(np.float32(1))) for i in range(4)] == [1, 2, 3, 4]


def test_types_that_the_engines_only_move():
    values = np.float32([0.5, 1, 448, -2])

    def make(note):
        def run(x, n):
            jax.debug.callback(note, x.astype(jnp.float8_e4m3fn), n * 3 + (1 << 33))
            return io_callback(lambda v, k: (v, k + 1), (jax.ShapeDtypeStruct((4,), jnp.float8_e4m3fn),
                                                         jax.ShapeDtypeStruct((), jnp.int64)),
                               x.astype(jnp.float8_e4m3fn), n * 2)

        return run

    with jax.enable_x64(True):
        compare(make, values, np.int64(1) << 40)


SHARDED = """
import jax, numpy as np, jax.numpy as jnp
from jax.experimental import io_callback
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
mesh = Mesh(np.array(jax.devices()[:2]), "x")
x = jax.device_put(np.arange(8, dtype=np.float32), NamedSharding(mesh, P("x")))
seen = []
note = lambda v: seen.append(np.asarray(v).tolist())
def show(name, function):
    value = jax.jit(function)(x)
    jax.effects_barrier()
    print(name, np.asarray(value).tolist(), sorted(seen), flush=True)
    seen.clear()
def count(v):
    note(v)
    return np.float32(len(seen))
def body(carry, i):
    got = io_callback(count, jax.ShapeDtypeStruct((), np.float32), carry.sum())
    return carry + got, None
show("whole", lambda x: (jax.debug.callback(note, x), x + 1)[1])
show("loop", lambda x: jax.lax.scan(body, x, jnp.arange(3))[0])
show("pure", lambda x: jax.pure_callback(lambda v: np.asarray(v) * 2, jax.ShapeDtypeStruct((8,), np.float32), x) + 1)
show("parts", jax.shard_map(lambda x: (jax.debug.callback(note, x), x + 1)[1], mesh=mesh, in_specs=P("x"),
                            out_specs=P("x")))
"""


def test_over_a_mesh_whole_arrays_call_once_and_parts_on_each_device():
    lines = {}
    for platform in "cpu", "neuron,cpu":
        done = subprocess.run([sys.executable, "-c", SHARDED], capture_output=True, text=True, timeout=120, env={
            **os.environ, "JAX_PLATFORMS": platform, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"})
        assert done.returncode == 0, done.stderr
        lines[platform] = done.stdout.splitlines()
    assert len(lines["cpu"]) == 4 and lines["neuron,cpu"] == lines["cpu"], lines


def test_threads_on_two_devices():
    seen = {device: [] for device in jax.devices("neuron")}

    def work(device):
        step = jax.jit(lambda x: (jax.debug.callback(lambda v: seen[device].append(float(v)), x,
                                                     ordered=True), x + 1)[1])
        x = jax.device_put(np.float32(0), device)
        for _ in range(50):
            x = step(x)
        x.block_until_ready()
        jax.effects_barrier()

    threads = [threading.Thread(target=work, args=(device,)) for device in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(calls == list(range(50)) for calls in seen.values()), seen


def test_a_function_lives_as_long_as_its_runs():
    seen = []

    def slow(x):
        time.sleep(0.2)
        seen.append(float(x))

    jax.jit(lambda x: (jax.debug.callback(slow, x), x)[1])(np.float32(5))  # dropped while it runs
    jax.clear_caches()
    gc.collect()
    jax.effects_barrier()
    assert seen == [5]
    jax.jit(lambda x: (jax.debug.callback(print, x), x)[1]).lower(np.float32(5))
    gc.collect()
    host_calls._forget()
    assert len(host_calls._functions) <= 1


def test_checks_find_nothing_where_all_is_written(tmp_path):
    done = run_script("import jax, numpy as np\n"
                      "f = lambda x, b: (jax.debug.print('{} {} {}', b, x, b[:1], ordered=True), x + 1)[1]\n"
                      "print(jax.jit(f)(np.float32(1), np.ones(3, bool)))", TRAINSTONE_CHECK="all")
    assert done.returncode == 0 and "[ True  True  True] 1.0 [ True]" in done.stdout, done
    assert "check" not in done.stderr, done


def test_the_record_tells_of_calls():
    jax.jit(lambda x: (jax.debug.callback(lambda v: None, x), x + 1)[1])(np.float32(1)).block_until_ready()
    record = trainstone.last_run()
    assert "host_call_us" in [row["name"] for row in record["assumptions"]], record
    assert "host_call" in record["off_engine"], record
    assert record["predicted_seconds"] > 50e-6


def run_script(text, **environment):
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "JAX_PLATFORMS": "neuron,cpu", **environment})


def test_what_runs_as_the_script_ends_still_calls():
    done = run_script("import jax, time, numpy as np\n"
                      "def slow(x):\n  time.sleep(0.3); print('called', x, flush=True); return x\n"
                      "jax.jit(lambda x: jax.pure_callback(slow, jax.ShapeDtypeStruct((), np.float32), "
                      "x))(np.float32(2))")
    assert done.returncode == 0 and done.stdout == "called 2.0\n", done


def test_an_interrupt_ends_a_loop_of_calls():
    done = run_script("import jax, os, signal, numpy as np\n"
                      "def note(i):\n  if i == 5: os.kill(os.getpid(), signal.SIGINT)\n"
                      "def body(i, x):\n  jax.debug.callback(note, i); return x + 1\n"
                      "y = jax.jit(lambda x: jax.lax.fori_loop(0, 10**8, body, x))(np.float32(2))\n"
                      "import time; time.sleep(30)")
    assert "KeyboardInterrupt" in done.stderr and done.returncode != 0, done


def test_a_program_without_its_python_is_refused(tmp_path):
    step = jax.jit(lambda x: (jax.debug.print("{}", x), x + 1)[1])
    with pytest.raises(NotImplementedError, match="no file can hold"):
        trainstone.export(step, np.float32(1), path=str(tmp_path / "step"))
    compiled = step.lower(np.float32(1)).compile()
    kept, payload = dict(host_calls._functions), compiled.runtime_executable().serialize()
    host_calls._functions.clear()  # as in another process
    try:
        with pytest.raises(jax.errors.JaxRuntimeError, match="not in this process: trace and compile"):
            compiled(np.float32(1)).block_until_ready()
    finally:
        host_calls._functions.update(kept)
        dispatch.runtime_tokens.clear()  # which would raise again when the process ends
    assert payload
    program = tmp_path / "step.trn"
    program.write_text("trn 1\nprogram step chip=trn1\ntensor x: input 0 f32[1]\nloc @1 \"train.py\":7:1 \"print\"\n"
                       "sync.host_call id=5 src=hbm.u8[x +0 4] @1\n")
    np.save(tmp_path / "x.npy", np.ones(1, np.float32))
    done = subprocess.run([f"{os.environ['TRAINSTONE_BUILD']}/trainstone", "run", str(program), "--input",
                           str(tmp_path / "x.npy"), "--out", str(tmp_path / "out")], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode != 0 and "train.py:7" in done.stderr and "run it from JAX" in done.stderr, done
