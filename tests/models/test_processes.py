"""JAX over two processes, each with one modelled NeuronCore: the bits and times of one process with two."""

import json
import os
import socket
import subprocess
import sys

import pytest

STEP = """
import json, sys
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

process, port, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
if process >= 0:
    jax.distributed.initialize(f"localhost:{port}", 2, process)
    assert (jax.process_index(), [d.id for d in jax.local_devices()]) == (process, [process])
assert [d.id for d in jax.devices()] == [0, 1]
mesh = Mesh(np.array(jax.devices()), ("data",))
rows, whole = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
random = np.random.default_rng(0)

def place(value, sharding):
    return jax.make_array_from_callback(value.shape, sharding, lambda index: value[index])

x, y = (place(random.standard_normal((32, n), np.float32), rows) for n in (16, 4))
w = [place(random.standard_normal(shape, np.float32) / 4, whole) for shape in ((16, 24), (24, 4))]

@jax.jit
def step(w, x, y):
    value, gradient = jax.value_and_grad(lambda w: jnp.mean((jnp.tanh(x @ w[0]) @ w[1] - y) ** 2))(w)
    return jax.tree.map(lambda a, g: a - 0.1 * g, w, gradient), value

losses = []
for _ in range(3):
    w, value = step(w, x, y)
    losses.append(float(value))
import trainstone
found = {"losses": losses, "weights": [np.asarray(value).tolist() for value in w],
         "time": trainstone.last_run()["predicted_seconds"]}
if process == 0:
    assert float(jnp.arange(4.0).sum()) == 6  # a program of this process alone
json.dump(found, open(out, "w"))
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "step.py"
    path.write_text(STEP)
    return path


def free_port():
    with socket.socket() as some:
        some.bind(("localhost", 0))
        return str(some.getsockname()[1])


def start(script, process, port, out, **environment):
    return subprocess.Popen([sys.executable, script, str(process), port, out], env=os.environ | environment,
                            stderr=subprocess.PIPE, text=True)


def end(process):
    _, story = process.communicate(timeout=300)
    assert process.returncode == 0, story


def test_two_processes_are_as_one(script, tmp_path):
    port = free_port()
    outs = [tmp_path / f"{number}.json" for number in range(3)]
    both = [start(script, number, port, outs[number], NEURON_PJRT_PROCESSES_NUM_DEVICES="1,1",
                  NEURON_PJRT_PROCESS_INDEX=str(number), NEURON_RT_ROOT_COMM_ID=f"localhost:{port}")
            for number in range(2)]
    for process in both:
        end(process)
    end(start(script, -1, port, outs[2]))
    first, second, alone = (json.loads(out.read_text()) for out in outs)
    assert first == second == alone


def test_the_environment_must_say_which_cores(script, tmp_path):
    port = free_port()
    both = [start(script, number, port, tmp_path / "none.json") for number in range(2)]
    for process in both:
        _, story = process.communicate(timeout=120)
        assert process.returncode != 0
        assert "this is one of 2 processes, and the environment does not say which NeuronCores each has" in story
