"""tools/setup.sh on machines that lack something: what it installs, and what it says when it may not."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

SETUP = pathlib.Path(__file__).resolve().parents[2] / "tools/setup.sh"
COMMON = ("bash", "cat", "cksum", "dirname", "env", "head", "mktemp", "mkdir", "rm", "sed", "sort", "tail", "touch",
          "gcc", "make", "ninja", "cmake")


@pytest.fixture
def machine(tmp_path):
    """A PATH that holds the usual commands, to take away from and add to."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for needed in COMMON:
        found = shutil.which(needed)
        if found:
            (folder / needed).symlink_to(found)
    (folder / "python3").symlink_to(os.path.realpath(sys.executable))
    command(folder, "id", "echo 1000")
    command(folder, "apt-get", f'echo "apt-get $*" >> {tmp_path}/apt.log')
    return tmp_path


def command(folder, name, script):
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!{shutil.which('bash')}\n{script}\n")
    path.chmod(0o755)


def setup(machine, *arguments, **environment):
    env = {"PATH": str(machine / "bin"), "HOME": str(machine), **environment}
    run = subprocess.run([shutil.which("bash"), SETUP, *arguments], capture_output=True, text=True, env=env,
                         stdin=subprocess.DEVNULL)
    log = machine / "apt.log"
    return run.returncode, run.stdout + run.stderr, log.read_text() if log.exists() else ""


def test_complete_machine_is_left_alone(machine):
    assert setup(machine, "system") == (0, "", "")


def test_user_without_rights_gets_the_command(machine):
    (machine / "bin/cmake").unlink()
    code, text, log = setup(machine, "system")
    assert code == 1 and log == ""
    assert "sudo apt-get update && sudo apt-get install -y cmake\n" in text


def test_root_installs(machine):
    (machine / "bin/cmake").unlink()
    command(machine / "bin", "id", "echo 0")
    real = shutil.which("cmake")
    command(machine / "bin", "apt-get", f'echo "apt-get $*" >> {machine}/apt.log\n'
            f'case "$*" in *install*) ln -s {real} {machine}/bin/cmake ;; esac')
    (machine / "bin/ln").symlink_to(shutil.which("ln"))
    code, text, log = setup(machine, "system")
    assert code == 0, text
    assert log == "apt-get update -q\napt-get install -y -q --no-install-recommends cmake\n"
    assert text == "trainstone setup: installing with apt-get: cmake\n"


def test_sudo_without_password_is_used(machine):
    (machine / "bin/cmake").unlink()
    command(machine / "bin", "sudo", f'echo "sudo $*" >> {machine}/apt.log')
    code, text, log = setup(machine, "system")
    assert "sudo -n apt-get update -q\n" in log
    assert code == 1 and "still missing after the installation: cmake" in text


def test_failing_apt_shows_its_words(machine):
    (machine / "bin/cmake").unlink()
    command(machine / "bin", "id", "echo 0")
    command(machine / "bin", "apt-get", "echo no such mirror; exit 100")
    code, text, _ = setup(machine, "system")
    assert code == 1 and "no such mirror" in text and "could not install: cmake" in text


def test_machine_without_apt(machine):
    (machine / "bin/cmake").unlink()
    (machine / "bin/apt-get").unlink()
    code, text, _ = setup(machine, "system")
    assert code == 1 and "missing: cmake" in text and "no apt-get" in text


def test_old_cmake(machine):
    command(machine / "bin", "cmake", "echo cmake version 3.22.1")
    code, text, _ = setup(machine, "system")
    assert code == 1 and "cmake 3.22.1 is too old: 3.25" in text


def test_old_compiler(machine):
    real = shutil.which("gcc")
    command(machine / "bin", "gcc", f'exec {real} -U__GNUC__ -D__GNUC__=11 "$@"')
    code, text, _ = setup(machine, "system")
    assert code == 1 and "too old: gcc 12 or clang 14" in text


def test_old_python(machine):
    command(machine / "bin", "python3", "exit 1")
    code, text, _ = setup(machine, "system", PYTHON="python3")
    assert code == 1 and "python3" in text


def test_unknown_command():
    run = subprocess.run(["bash", SETUP, "everything"], capture_output=True, text=True)
    assert run.returncode == 1 and "usage" in run.stderr
