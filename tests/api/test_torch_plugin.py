"""What trainstone.torch_plugin tells PyTorch/XLA, which a module of the same shape stands for here; tests/torch trains
with the real one."""

import importlib.metadata
import os
import subprocess
import sys

import pytest

STAND_IN = {
    "__init__.py": "from types import SimpleNamespace\nlines = []\n"
                   "_XLAC = SimpleNamespace(_set_ir_debug=lines.append)\n",
    "runtime.py": "",
    "core/__init__.py": "",
    "core/xla_model.py": "",
    "distributed/__init__.py": "",
    "distributed/xla_backend.py": """class ProcessGroupXla:
    def __init__(self, store, rank, size, timeout): pass
    def allreduce(self, tensors, options): pass
""",
    "_internal/__init__.py": "",
    "_internal/neuron.py": """class NeuronPlugin:
    def library_path(self): return "AWS's"
    def configure_multiprocess(self, rank, size): pass
""",
    "_internal/pjrt.py": """import os
def spawn(fn, nprocs=None, start_method='spawn', args=()):
    return nprocs, os.environ.get("NEURONCORE_NUM_DEVICES")
""",
}
TORCHRUN = ("WORLD_SIZE", "RANK", "LOCAL_WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
NEURON = ("NEURON_PJRT_WORLD_SIZE", "NEURON_PJRT_PROCESSES_NUM_DEVICES", "NEURON_PJRT_PROCESS_INDEX",
          "NEURON_RT_ROOT_COMM_ID", "PJRT_LOCAL_PROCESS_COUNT", "PJRT_LOCAL_PROCESS_RANK")
SHOW = "NeuronPlugin().library_path(), *(os.environ.get(n) for n in {names!r})"


@pytest.fixture
def ask(tmp_path):
    for name, text in STAND_IN.items():
        path = tmp_path / "torch_xla" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(expression, **environment):
        """What Python prints of the expression once the plugin is loaded; else the last line of its story."""
        code = ("import os, trainstone.torch_plugin\nfrom torch_xla._internal.neuron import NeuronPlugin\n"
                f"print({expression})")
        unset = ("PJRT_DEVICE", "NEURON_RT_VISIBLE_CORES", "XLA_STABLEHLO_COMPILE", "TRAINSTONE_OUT",
                 "TRAINSTONE_PLUGIN", "NEURONCORE_NUM_DEVICES", *TORCHRUN, *NEURON)
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


ENVIRONMENT = f"*(os.environ.get(n) for n in {('NEURON_RT_VISIBLE_CORES', *NEURON)!r})"
RANK_1 = {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "here",
          "MASTER_PORT": "29500"}


def test_a_process_of_torchrun_has_a_core(ask):
    assert ask(ENVIRONMENT, **RANK_1) == "1 2 None 1 here:29500 2 1"
    assert ask(ENVIRONMENT, **RANK_1, NEURON_RT_VISIBLE_CORES="4-5") == "5 2 None 1 here:29500 2 1"
    # One that such a process starts has all that from it.
    again = {"NEURON_PJRT_PROCESS_INDEX": "1", "NEURON_RT_VISIBLE_CORES": "1", "NEURON_RT_ROOT_COMM_ID": "here:29500"}
    assert ask(ENVIRONMENT, **RANK_1, **again) == "1 None None 1 here:29500 None None"


def test_other_devices_are_left_alone(ask):
    assert ask(ENVIRONMENT, **RANK_1 | {"WORLD_SIZE": "4"}, PJRT_DEVICE="CPU") == "None None None None None None None"


def test_settings_of_torchrun_that_make_no_sense(ask):
    story = ask("", **RANK_1, NEURON_RT_VISIBLE_CORES="0-2")
    assert "NEURON_RT_VISIBLE_CORES names 3 NeuronCores for 2 processes; let it name one for each, or unset it" in story
    assert "WORLD_SIZE is 2, and RANK is not set" in ask("", WORLD_SIZE="2")
    assert "4 processes are to train together, 2 of them on this host" in ask("", **RANK_1 | {"WORLD_SIZE": "4"})
    assert "RANK is 'first'; it must be a whole number" in ask("", **RANK_1 | {"RANK": "first"})


SPAWN = "__import__('torch_xla._internal.pjrt')._internal.pjrt.spawn(None, {})"


def test_xmp_spawn_starts_as_many_as_are_asked_for(ask):
    assert ask(SPAWN.format("2")) == "(None, '2')"
    assert ask(SPAWN.format("nprocs=2"), NEURONCORE_NUM_DEVICES="4") == "(None, '2')"
    assert ask(SPAWN.format("1")) == "(1, None)"
    assert ask(SPAWN.format("None"), NEURONCORE_NUM_DEVICES="4") == "(None, '4')"


def test_a_process_of_xmp_spawn_has_a_core(ask):
    parent = ask("NeuronPlugin().physical_chip_count(), " + ENVIRONMENT, NEURONCORE_NUM_DEVICES="3").split()
    assert parent[:5] == ["3", "None", "None", "1,1,1", "None"]
    assert parent[5].startswith("localhost:")
    child = {"NEURON_PJRT_PROCESSES_NUM_DEVICES": "1,1,1", "NEURON_RT_ROOT_COMM_ID": parent[5]}
    assert ask("NeuronPlugin().configure_multiprocess(2, 3), " + ENVIRONMENT, **child).split()[:5] == [
        "None", "2", "None", "1,1,1", "2"]
    assert ask("NeuronPlugin().configure_multiprocess(0, 1), " + ENVIRONMENT).split()[:2] == ["None", "None"]


def test_a_library_that_is_not_there_says_what_to_do(ask):
    found = ask("NeuronPlugin().library_path()", TRAINSTONE_LIBRARY="/nowhere.so")
    assert "TRAINSTONE_LIBRARY names /nowhere.so, which is no file; correct it or unset it" in found


def test_the_checkout_has_the_entry_point():
    names = [entry.value for entry in importlib.metadata.entry_points(group="torch_xla.plugins")]
    assert names == ["trainstone.torch_plugin:Plugin"]
