"""Registers Trainstone with PyTorch/XLA, where Trainium is the device "NEURON".

torch_xla loads this module by its entry point when it is imported. It has a plugin for that device itself, which takes
the library from AWS's package; here the library is the modelled chip's.
"""

import os

import torch_xla
from torch_xla._internal.neuron import NeuronPlugin

from trainstone import library
from trainstone.plugin import is_wanted, watch

# Read when the client starts, which is after this. One core, as a program is compiled for all that are visible.
SETTINGS = {"NEURON_RT_VISIBLE_CORES": "0", "XLA_STABLEHLO_COMPILE": "1"}


def be_alone(size):
    """Raises RuntimeError where several processes are to train together: each would train by itself."""
    if size != "1":
        raise RuntimeError(f"{size} processes are to train together, but PyTorch has one modelled NeuronCore: collectives "
                           "between several are not modelled. Start the script without torchrun, or xmp.spawn with nprocs=1")


def library_path(self):
    """Of the modelled chip; FileNotFoundError, with what to do, when it was not built."""
    be_alone(os.environ.get("WORLD_SIZE", "1"))
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    found = str(library.path())
    watch()
    return found


def configure_multiprocess(self, local_rank, local_world_size):
    """Called in each process that xmp.spawn starts."""
    be_alone(str(local_world_size))


class Plugin(NeuronPlugin):
    """What the entry point names. torch_xla registers it under that name; the device NEURON keeps torch_xla's own."""


if is_wanted():
    NeuronPlugin.library_path = library_path
    NeuronPlugin.configure_multiprocess = configure_multiprocess
    os.environ.setdefault("PJRT_DEVICE", "NEURON")
    if os.environ.get("TRAINSTONE_OUT"):
        torch_xla._XLAC._set_ir_debug(True)  # records name the user's lines; to walk the stack costs time
