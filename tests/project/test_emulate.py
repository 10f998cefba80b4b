"""tools/emulate.py: what it makes of what an emulated machine says. Bochs itself is not run here."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import emulate  # noqa: E402

BOOT = "Bochs\nLinux version 6\n"


@pytest.fixture
def says(tmp_path, capsys):
    """What follow() returns and prints of a machine that says `text`."""

    def run(text):
        (tmp_path / "said").write_text(text)
        bochs = tmp_path / "bochs"
        bochs.write_text(f"#!/bin/sh\necho the log > {tmp_path}/log\ncat {tmp_path}/said\n")
        bochs.chmod(0o755)
        return emulate.follow(tmp_path, tmp_path), capsys.readouterr().out

    return run


def test_all_is_well(says):
    good, printed = says(BOOT + "== CPU: avx\n== a\none\n== status 0\n== b\n== status 0\n== done\nPower down\n")
    assert good
    assert printed == "== CPU: avx\n== a\none\n== status 0\n== b\n== status 0\n== done\n"


def test_a_command_fails(says):
    good, printed = says(BOOT + "== CPU: avx\n== a\n== status 0\n== b\n== status 1\n== c\n== status 0\n== done\n")
    assert not good
    assert printed.endswith("failed: b\n")


@pytest.mark.parametrize("text", [BOOT, BOOT + "== CPU: avx\n== a\n== status 0\n"])
def test_the_machine_stops_early(says, text):
    good, printed = says(text)
    assert not good
    assert "stopped early" in printed and "Linux version 6\nthe log\n" in printed


def test_root_holds_libraries(tmp_path):
    emulate.copy(pathlib.Path(sys.executable), tmp_path, "build/python")
    assert (tmp_path / "build/python").exists()
    assert list(tmp_path.rglob("libc.so.6"))
