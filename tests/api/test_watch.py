"""Watching a JAX script and ending it: progress lines, Ctrl-C in a long step, what trainstone top sees of it."""

import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import time

import pytest
import trainstone
from trainstone import progress

COMMAND = pathlib.Path(os.environ["TRAINSTONE_BUILD"]) / "trainstone"
# TRIPS=20 is a second or so; with thousands the step would take an hour.
SCRIPT = """
import os, jax, jax.numpy as jnp
x = jnp.ones((1024, 1024))
step = jax.jit(lambda x: jax.lax.fori_loop(0, int(os.environ["TRIPS"]), lambda i, a: a @ x * 0.001, x).sum())
compiled = step.lower(x).compile()
for _ in range(int(os.environ.get("RUNS", "1"))):
    y = compiled(x)
try:
    print("ready", flush=True)
    y.block_until_ready()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise
print("done", flush=True)
"""


def start(tmp_path, **environment):
    (tmp_path / "script.py").write_text(SCRIPT)
    env = {**os.environ, "TRAINSTONE_RUNTIME_DIR": str(tmp_path / "live"), **environment}
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, tmp_path / "script.py"], env=env, **options)


def seen(tmp_path):
    done = subprocess.run([COMMAND, "top", "--json"], capture_output=True, text=True, check=True,
                          env={**os.environ, "TRAINSTONE_RUNTIME_DIR": str(tmp_path / "live")})
    return json.loads(done.stdout)["processes"]


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


@pytest.mark.parametrize("runs", ["1", "20"])
def test_interruption_ends_a_long_step(tmp_path, runs):
    """A step of an hour, and queued ones behind it, would outlast the time given here by far."""
    process = start(tmp_path, TRIPS="100000", RUNS=runs)
    try:
        [core, _] = wait_for(lambda: [c for p in seen(tmp_path) for c in p["neuroncores"]
                                      if p["neuroncores"][0]["is_running"] and not p["compiling_seconds"]])
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert out == "interrupted\n" and process.returncode in (130, -signal.SIGINT)
    assert err.rstrip().endswith("KeyboardInterrupt") and err.count("Traceback") == 1
    assert seen(tmp_path) == []


def test_progress_as_lines(tmp_path):
    process = start(tmp_path, TRIPS="20", RUNS="12", TRAINSTONE_PROGRESS="1")
    out, err = process.communicate(timeout=600)
    assert out == "ready\ndone\n" and process.returncode == 0
    lines = [line for line in err.splitlines() if line.startswith("trainstone: ")]
    assert re.match(r"trainstone: \S+: 12 runs  wall [\d.]+ m?s/run", lines[-1])
    assert all(re.match(r"trainstone: (compiling|\S+: (run )?\d+)", line) for line in lines), err


def test_progress_can_be_refused(tmp_path):
    process = start(tmp_path, TRIPS="1", TRAINSTONE_PROGRESS="2")
    out, err = process.communicate(timeout=120)
    assert "TRAINSTONE_PROGRESS is '2'; it must be 1 or 0" in err  # JAX reports what a plugin raises, and goes on


def test_status_of_this_process():
    import jax.numpy as jnp

    jnp.ones(3).block_until_ready()
    status = trainstone.library.status()
    assert status["pid"] == os.getpid() and len(status["neuroncores"]) == 2
    first = status["neuroncores"][0]
    assert first["runs"] >= 1 and first["hbm_capacity"] == 16 << 30 and first["program"]


def core(**fields):
    return {"program": "step", "program_runs": 0, "program_host_seconds": 0.0, "is_running": False,
            "run_host_seconds": 0.0, "run_done": None, "predicted_run_seconds": None, **fields}


@pytest.mark.parametrize("fields, is_all, line", [
    ({}, True, None),
    ({"is_running": True, "run_host_seconds": 1.0}, False, None),
    ({"is_running": True, "run_host_seconds": 3.0}, False, "step: run 1  since 3 s"),
    ({"is_running": True, "run_host_seconds": 3.0, "run_done": 0.25}, False, "step: run 1  25%  ETA 9 s"),
    ({"is_running": True, "run_host_seconds": 3.0, "program_runs": 2, "program_host_seconds": 20.0}, False,
     "step: run 3  ETA 7 s  wall 10 s/run"),
    ({"program_runs": 40, "program_host_seconds": 0.4, "predicted_run_seconds": 1.5e-3}, True,
     "step: 40 runs  wall 10 ms/run  predicted 1.5 ms/run"),
    ({"program_runs": 40, "program_host_seconds": 0.4}, False, None),
])
def test_lines(fields, is_all, line):
    status = {"compiling_seconds": None, "neuroncores": [core(**fields)]}
    assert list(progress.lines(status, is_all)) == ([line] if line else [])


def test_compilation_has_a_line():
    status = {"compiling_seconds": 4.2, "neuroncores": [core()]}
    assert list(progress.lines(status, False)) == ["compiling since 4 s"]


def test_terminal_line_is_erased():
    parent, child = pty.openpty()
    told = [{"compiling_seconds": 3.0, "neuroncores": []}, {"compiling_seconds": None, "neuroncores": []}]
    with os.fdopen(child, "w") as stream:
        teller = progress.Teller(lambda: told.pop(0) if told else None, stream, False, True)
        teller.start()
        wait_for(lambda: not told)
        teller.stop()
    shown = os.read(parent, 4096).decode()
    os.close(parent)
    assert "trainstone: compiling since 3 s" in shown and shown.endswith("\r\033[K")
