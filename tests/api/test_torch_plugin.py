"""What trainstone.torch_plugin tells PyTorch/XLA, which a module of the same shape stands for here; tests/torch trains
with the real one."""

import importlib.metadata
import os
import subprocess
import sys

import pytest

STAND_IN = """class NeuronPlugin:
    def library_path(self): return "AWS's"
    def configure_multiprocess(self, rank, size): pass
"""
SHOW = "NeuronPlugin().library_path(), *(os.environ.get(n) for n in {names!r})"


@pytest.fixture
def ask(tmp_path):
    package = tmp_path / "torch_xla" / "_internal"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("from types import SimpleNamespace\nlines = []\n"
                                                "_XLAC = SimpleNamespace(_set_ir_debug=lines.append)\n")
    (package / "__init__.py").touch()
    (package / "neuron.py").write_text(STAND_IN)

    def run(expression, **environment):
        """What Python prints of the expression once the plugin is loaded; else the last line of its story."""
        code = ("import os, trainstone.torch_plugin\nfrom torch_xla._internal.neuron import NeuronPlugin\n"
                f"print({expression})")
        unset = ("PJRT_DEVICE", "NEURON_RT_VISIBLE_CORES", "XLA_STABLEHLO_COMPILE", "TRAINSTONE_OUT",
                 "TRAINSTONE_PLUGIN", "WORLD_SIZE")
        env = {name: value for name, value in os.environ.items() if name not in unset}
        env["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *sys.path])
        done = subprocess.run([sys.executable, "-c", code], env=env | environment, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]
    return run


NAMES = ("PJRT_DEVICE", "NEURON_RT_VISIBLE_CORES", "XLA_STABLEHLO_COMPILE")


def test_the_chip_is_the_device(ask):
    found = ask(SHOW.format(names=NAMES))
    assert found == f"{os.path.realpath(os.environ['TRAINSTONE_LIBRARY'])} NEURON 0 1"


def test_settings_of_the_user_stay(ask):
    found = ask(SHOW.format(names=NAMES), PJRT_DEVICE="CPU", NEURON_RT_VISIBLE_CORES="1", XLA_STABLEHLO_COMPILE="0")
    assert found.endswith(" CPU 1 0")


def test_records_get_the_lines_of_the_user(ask):
    assert ask("__import__('torch_xla').lines", TRAINSTONE_OUT="records") == "[True]"
    assert ask("__import__('torch_xla').lines") == "[]"


def test_it_stays_out_when_told(ask):
    assert ask(SHOW.format(names=NAMES), TRAINSTONE_PLUGIN="0") == "AWS's None None None"


def test_processes_do_not_train_side_by_side(ask):
    story = "2 processes are to train together"
    assert story in ask("NeuronPlugin().library_path()", WORLD_SIZE="2")
    assert story in ask("NeuronPlugin().configure_multiprocess(0, 2)")
    assert ask("NeuronPlugin().configure_multiprocess(0, 1)") == "None"


def test_a_library_that_is_not_there_says_what_to_do(ask):
    found = ask("NeuronPlugin().library_path()", TRAINSTONE_LIBRARY="/nowhere.so")
    assert "TRAINSTONE_LIBRARY names /nowhere.so, which is no file; correct it or unset it" in found


def test_the_checkout_has_the_entry_point():
    names = [entry.value for entry in importlib.metadata.entry_points(group="torch_xla.plugins")]
    assert names == ["trainstone.torch_plugin:Plugin"]
