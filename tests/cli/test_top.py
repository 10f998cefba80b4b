"""trainstone top and ls see what runs in other processes, and only that."""

import json
import os
import signal
import subprocess
import time

import pytest
from programs import ADD, COMMAND, LONG, trainstone

# Seconds of work with an end.
STEPS = LONG.replace("20000000", "300")


@pytest.fixture
def running(tmp_path):
    """Starts the command in the background with its own folder of live pages; waits until `is_there(top)`."""
    folder = tmp_path / "live"
    started = []

    def start(program, is_there, *flags):
        (tmp_path / "a.trn").write_text(program)
        env = {**os.environ, "TRAINSTONE_RUNTIME_DIR": str(folder)}
        process = subprocess.Popen([COMMAND, "run", "a.trn", *flags], cwd=tmp_path, env=env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(process)
        deadline = time.monotonic() + 60
        while not is_there(top(folder)):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        return process, folder

    yield start
    for process in started:
        process.kill()
        process.wait()


def top(folder, *flags):
    done = trainstone("top", "--json", *flags, TRAINSTONE_RUNTIME_DIR=str(folder))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["processes"]


def is_running(processes):
    return processes and processes[0]["neuroncores"][0]["is_running"]


def test_nothing_runs(tmp_path):
    assert top(tmp_path / "live") == []
    done = trainstone("top", TRAINSTONE_RUNTIME_DIR=str(tmp_path / "live"))
    assert done.stdout == "no process of yours runs on the modelled chip\n"


def test_run_is_seen(running):
    process, folder = running(LONG, is_running)
    [seen] = top(folder)
    assert seen["pid"] == process.pid and seen["instance"] == "trn1.2xlarge"
    assert seen["command"].endswith("trainstone run a.trn")
    first, second = seen["neuroncores"]
    assert (first["neuroncore"], first["program"], first["runs"]) == (0, "long", 0)
    assert first["run_host_seconds"] > 0 and 0 < first["host_utilization"] <= 1
    assert first["predicted_run_seconds"] is None  # nobody asked for its record yet
    assert (second["program"], second["is_running"], second["host_utilization"]) == ("", False, 0)
    table = trainstone("top", TRAINSTONE_RUNTIME_DIR=str(folder)).stdout.splitlines()
    assert table[0].startswith(f"{process.pid}  trn1.2xlarge  ") and table[2].split()[:2] == ["NC0", "long"]
    [device] = json.loads(trainstone("ls", "--json", TRAINSTONE_RUNTIME_DIR=str(folder)).stdout)
    assert [p["pid"] for p in device["neuron_processes"]] == [process.pid]
    other = trainstone("ls", "--json", "--instance", "trn1.32xlarge", TRAINSTONE_RUNTIME_DIR=str(folder)).stdout
    assert all(device["neuron_processes"] == [] for device in json.loads(other))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_dead_process_is_not_seen(running, number):
    process, folder = running(LONG, is_running)
    process.send_signal(number)
    process.wait()
    assert len(os.listdir(folder)) == (1 if number == signal.SIGKILL else 0)
    assert top(folder) == [] and os.listdir(folder) == []


def test_another_builds_page_is_left_alone(running):
    process, folder = running(LONG, is_running)
    [page] = os.listdir(folder)
    with open(folder / page, "r+b") as file:
        file.write(b"TSLIVE0")
    assert top(folder) == [] and os.listdir(folder) == [page]


def test_hidden(tmp_path):
    (tmp_path / "add.trn").write_text(ADD)
    done = trainstone("run", "add.trn", cwd=tmp_path, TRAINSTONE_RUNTIME_DIR="none")
    assert done.returncode == 1 and os.listdir(tmp_path) == ["add.trn"]


def test_folder_of_others_is_not_used(tmp_path):
    (tmp_path / "live").mkdir()
    (tmp_path / "live").chmod(0o777)
    (tmp_path / "a.trn").write_text(STEPS)
    done = trainstone("run", "a.trn", cwd=tmp_path, TRAINSTONE_RUNTIME_DIR=str(tmp_path / "live"))
    assert done.returncode == 0 and os.listdir(tmp_path / "live") == []
