"""Disks that are full: an error that says so, exit 1, and nothing half-written; devices stay devices."""

import os
import resource
import stat
import subprocess

import numpy as np
import pytest
from hostile import COPY, environment, trainstone, COMMAND


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "copy.trn").write_text(COPY)
    np.save(tmp_path / "x.npy", np.arange(65536, dtype=np.float32).reshape(128, 512))
    return tmp_path


def limit(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def everything(folder):
    return sorted(os.path.relpath(os.path.join(where, name), folder)
                  for where, folders, files in os.walk(folder) for name in folders + files)


@pytest.mark.parametrize("size", [0, 100, 4096, 262144, 262144 + 127])
def test_results_that_do_not_fit(folder, size):
    before = everything(folder)
    done = trainstone("run", "copy.trn", "--input", "x.npy", "--out", "a/out", cwd=folder, preexec=limit(size),
                      TRAINSTONE_RUNTIME_DIR="none")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("trainstone: system: cannot write ") and "File too large" in done.stderr
    assert everything(folder) == before


def test_results_that_just_fit(folder):
    done = trainstone("run", "copy.trn", "--input", "x.npy", "--out", "out", cwd=folder, preexec=limit(262144 + 128),
                      TRAINSTONE_RUNTIME_DIR="none")
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(folder / "out/output_1.npy"), np.load(folder / "x.npy"))


@pytest.mark.parametrize("flags", [["-o", "copy2.trn"], ["-o", "copy2.trn", "--text"]])
def test_program_that_does_not_fit(folder, flags):
    before = everything(folder)
    done = trainstone("compile", "copy.trn", *flags, cwd=folder, preexec=limit(64))
    assert done.returncode == 1 and "File too large" in done.stderr
    assert everything(folder) == before


def test_old_file_survives(folder):
    assert trainstone("compile", "copy.trn", "-o", "old.trn", cwd=folder).returncode == 0
    old = (folder / "old.trn").read_bytes()
    assert trainstone("compile", "copy.trn", "-o", "old.trn", "--text", cwd=folder, preexec=limit(64)).returncode == 1
    assert (folder / "old.trn").read_bytes() == old


def test_full_live_page_is_no_reason_to_fail(folder):
    """The page that others look at does not fit: the run goes on without it."""
    done = trainstone("run", "copy.trn", "--input", "x.npy", cwd=folder, preexec=limit(1000),
                      TRAINSTONE_RUNTIME_DIR=folder / "live")
    assert done.returncode == 0 and os.listdir(folder / "live") == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("verb", [["chip"], ["print", "copy.trn"], ["compile", "copy.trn", "-o", "/dev/full"],
                                  ["report", "copy.trn", "--html", "/dev/full"]])
def test_full_device(folder, verb):
    with open("/dev/full", "w") as full:
        done = subprocess.run([COMMAND, *verb], cwd=folder, env=environment(), stdout=full, stderr=subprocess.PIPE,
                              text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and "No space left on device" in done.stderr
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_null_stays_a_device(folder):
    assert trainstone("compile", "copy.trn", "-o", "/dev/null", cwd=folder).returncode == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert not [name for name in os.listdir("/dev") if name.startswith("null.")]


def test_collecting_without_room(folder):
    done = trainstone("run", "copy.trn", "--input", "x.npy", cwd=folder, preexec=limit(100),
                      TRAINSTONE_OUT=folder / "records", TRAINSTONE_RUNTIME_DIR="none")
    assert done.returncode == 1 and "File too large" in done.stderr and os.listdir(folder / "records") == []
