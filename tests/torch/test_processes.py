"""PyTorch scripts of several processes, each with one modelled NeuronCore: data parallel training (`make torch`)."""

import json
import math
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

SCRIPT = pathlib.Path(__file__).with_name("data_parallel.py")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


def run(arguments, **environment):
    env = {name: value for name, value in os.environ.items() if name != "NEURONCORE_NUM_DEVICES"}
    return subprocess.run(arguments, env=env | environment, capture_output=True, text=True, timeout=300)


def free_port():
    with socket.socket() as some:
        some.bind(("localhost", 0))
        return str(some.getsockname()[1])


def torchrun(count, *arguments, **environment):
    start = [*TORCHRUN, f"--nproc_per_node={count}", f"--master_port={free_port()}"]
    return run([*start, *map(str, arguments)], **environment)


def results(done, folder, count):
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(count)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process finds with the batch of all."""
    folder = tmp_path_factory.mktemp("alone")
    return results(run([sys.executable, SCRIPT, folder]), folder, 1)[0]


def apart(found, expected):
    return math.dist(found, expected) / math.hypot(*expected)


def check(found, alone):
    """All ranks have the same bits, and what one process with the whole batch has, but for the order of fp32 sums: a
    gradient is the mean of the parts' means. The optimizer's rounding errors are as large after a few steps."""
    first = found[0]
    for rank, other in enumerate(found):
        assert (other["rank"], other["size"]) == (rank, len(found))
        assert other["losses"] == first["losses"]
        assert other["weights"] == first["weights"]
        assert other["times"] == first["times"]
    assert first["losses"] == pytest.approx(alone["losses"], rel=1e-6)
    assert max(apart(first["weights"][name], alone["weights"][name]) for name in first["weights"]) < 1e-6


def test_torchrun(tmp_path, alone):
    found = results(torchrun(2, SCRIPT, tmp_path), tmp_path, 2)
    check(found, alone)
    # Half the rows take less of the time of one step than the gradients' way between the cores adds.
    assert found[0]["times"][-1] > alone["times"][-1]


@pytest.mark.parametrize("what", ["plain", "gradient_as_bucket_view"])
def test_distributed_data_parallel(tmp_path, alone, what):
    check(results(torchrun(2, SCRIPT, tmp_path, "--ddp", what), tmp_path, 2), alone)


def test_zero_redundancy_optimizer(tmp_path, alone):
    check(results(torchrun(2, SCRIPT, tmp_path, "--zero"), tmp_path, 2), alone)


def test_xmp_spawn(tmp_path, alone):
    check(results(run([sys.executable, SCRIPT, tmp_path, "--spawn", "2"]), tmp_path, 2), alone)


def test_launch(tmp_path, alone):
    check(results(run([sys.executable, SCRIPT, tmp_path, "--launch"], NEURONCORE_NUM_DEVICES="2"), tmp_path, 2), alone)


def test_four_on_a_larger_instance(tmp_path, alone):
    done = torchrun(4, SCRIPT, tmp_path, TRAINSTONE_INSTANCE="trn1.32xlarge")
    check(results(done, tmp_path, 4), alone)


def test_more_than_the_instance_has(tmp_path):
    done = torchrun(3, SCRIPT, tmp_path)
    assert done.returncode != 0
    assert "3 processes have 3 NeuronCores together; trn1.2xlarge has 2" in done.stderr
    assert "set TRAINSTONE_INSTANCE to a larger one: trn1.32xlarge has 32" in done.stderr


@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_a_rank_that_dies(tmp_path, how):
    """Without torchrun, which would end the others itself."""
    port = free_port()
    ranks = []
    for rank in "01":
        env = os.environ | {"WORLD_SIZE": "2", "RANK": rank, "LOCAL_RANK": rank, "MASTER_ADDR": "localhost",
                            "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
        ranks.append(subprocess.Popen([sys.executable, SCRIPT, tmp_path, "--dies-at", "2", "--dies", how], env=env,
                                      stderr=subprocess.PIPE, text=True))
    ranks[1].communicate(timeout=120)
    begun = time.monotonic()
    _, story = ranks[0].communicate(timeout=60)
    assert time.monotonic() - begun < 15  # a second of it waits for the rank; the rest is Python's and torch_xla's end
    assert ranks[0].returncode != 0
    assert f"process 1 of 2 (pid {ranks[1].pid}) has ended, and all must come to this collective" in story


LONG = """
import torch, torch_xla, torch.distributed as dist, torch_xla.core.xla_model as xm, torch_xla.distributed.xla_backend
dist.init_process_group("xla")
x = torch.ones(4096, 4096).to("xla")
for _ in range(400):
    x = x @ x * 1e-3
print("x", end="", flush=True)
print(xm.all_reduce(xm.REDUCE_SUM, x.sum()).item())
"""


def test_an_interrupt_ends_a_long_step(tmp_path):
    script = tmp_path / "long.py"
    script.write_text(LONG)
    process = subprocess.Popen([*TORCHRUN, "--nproc_per_node=2", f"--master_port={free_port()}", script], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.read(2) == "xx"  # both begin
    time.sleep(8)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, story = process.communicate(timeout=60)
    assert time.monotonic() - begun < 25  # torchrun would kill the ranks after 30
    assert "Unable to shutdown" not in story
    assert "RuntimeError: cancelled: interrupted" in story


COLLECTIVES = """
import torch, torch.distributed as dist, torch_xla, torch_xla.core.xla_model as xm, torch_xla.runtime as xr
import torch_xla.distributed.xla_backend
dist.init_process_group("xla")
rank, size = xr.global_ordinal(), xr.world_size()
assert (dist.get_rank(), dist.get_world_size(), xr.local_ordinal(), xr.process_index()) == (rank, size, rank, rank)
x = torch.arange(4.0).to("xla") + 10 * rank
found = {
    "sum": xm.all_reduce(xm.REDUCE_SUM, x), "max": xm.all_reduce(xm.REDUCE_MAX, x),
    "gather": xm.all_gather(x), "scatter": xm.reduce_scatter(xm.REDUCE_SUM, x, 1.0, 0, size),
    "permute": xm.collective_permute(x, [[0, 1], [1, 0]]),
}
y = x.clone()
dist.all_reduce(y)
z = x.clone()
dist.broadcast(z, 1)
w = [torch.zeros_like(x) for _ in range(size)]
dist.all_gather(w, x)
v = torch.zeros(2).to("xla")
dist.reduce_scatter_tensor(v, x)
found |= {"dist scatter": v, "dist sum": y, "dist broadcast": z, "dist gather": torch.cat(w)}
if rank == 0:
    print("rank 0 alone:", (x * 2).sum().item())  # a program that meets nobody
xm.rendezvous("here")
assert xm.mesh_reduce("name", rank + 1, sum) == 3
xm.do_on_ordinals(lambda value: None, (x,), (0,))
print({name: value.tolist() for name, value in found.items()}, flush=True)
"""
EVERYBODY = {"sum": [10, 12, 14, 16], "max": [10, 11, 12, 13], "gather": [0, 1, 2, 3, 10, 11, 12, 13],
             "dist sum": [10, 12, 14, 16], "dist broadcast": [10, 11, 12, 13],
             "dist gather": [0, 1, 2, 3, 10, 11, 12, 13]}
EACH = [{"scatter": [10, 12], "dist scatter": [10, 12], "permute": [10, 11, 12, 13]},
        {"scatter": [14, 16], "dist scatter": [14, 16], "permute": [0, 1, 2, 3]}]


def test_collectives(tmp_path):
    script = tmp_path / "collectives.py"
    script.write_text(COLLECTIVES)
    done = torchrun(2, "--local-ranks-filter=0,1", f"--log-dir={tmp_path}", "--redirects=3", script)
    logs = [next(tmp_path.glob(f"**/{rank}/stdout.log")) for rank in range(2)]
    assert done.returncode == 0, done.stderr + "".join(log.with_name("stderr.log").read_text() for log in logs)
    for log, own in zip(logs, EACH):
        found = eval(log.read_text().splitlines()[-1])
        assert found == EVERYBODY | own
    assert "rank 0 alone: 12.0" in logs[0].read_text()
