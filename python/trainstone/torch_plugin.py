"""Registers Trainstone with PyTorch/XLA, where Trainium is the device "NEURON".

torch_xla loads this module through its entry point when it is imported. Its own plugin for the device takes the library
from AWS's package; here the library is the modelled chip's.
"""

import os
import signal
import threading

import torch_xla
from torch_xla._internal.neuron import NeuronPlugin

from trainstone import library, torch_processes
from trainstone.plugin import is_wanted, watch

# Read when the client starts, after this module is loaded. One core, since a program is compiled for all visible ones.
GRACE = 2
SETTINGS = {"NEURON_RT_VISIBLE_CORES": "0", "XLA_STABLEHLO_COMPILE": "1"}


def library_path(self):
    """The modelled chip's library; FileNotFoundError, with a remedy, when it was not built."""
    torch_processes.join()
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    found = str(library.path())
    watch()
    end_on_interrupt()
    return found


def end_on_interrupt():
    """PyTorch waits for a step where Python cannot raise KeyboardInterrupt, so the second Ctrl-C drops the step.
    torchrun passes on only one, and kills its processes half a minute later, so after that one Python has GRACE
    seconds. A program that handles signals itself, as asyncio does, is left alone."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    except ValueError:  # not on the main thread
        return
    if before != -1:
        signal.set_wakeup_fd(before)
        return

    is_of_torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    came_through, handler = threading.Event(), signal.getsignal(signal.SIGINT)

    def handle(*arguments):
        came_through.set()
        return handler(*arguments)

    def watch_signals():
        for _ in range(1 if is_of_torchrun else 2):
            while os.read(read, 1) != bytes([signal.SIGINT]):
                pass
        if is_of_torchrun and (came_through.wait(GRACE) or signal.getsignal(signal.SIGINT) is not handle):
            return
        library.cancel()

    if is_of_torchrun and callable(handler):
        signal.signal(signal.SIGINT, handle)
    threading.Thread(target=watch_signals, daemon=True).start()


class Plugin(NeuronPlugin):
    """The class that the entry point names. torch_xla registers it under that name; the device NEURON keeps
    torch_xla's."""


if is_wanted():
    NeuronPlugin.library_path = library_path
    torch_processes.install(NeuronPlugin)
    os.environ.setdefault("PJRT_DEVICE", "NEURON")
    if os.environ.get("TRAINSTONE_OUT"):
        torch_xla._XLAC._set_ir_debug(True)  # so that records name the user's lines; walking the stack takes time
