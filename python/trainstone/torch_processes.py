"""PyTorch scripts of several processes with one NeuronCore each: torchrun, xmp.spawn and torch_xla.launch.

The library reads AWS's variables: NEURON_PJRT_PROCESSES_NUM_DEVICES (or NEURON_PJRT_WORLD_SIZE, with one device each),
NEURON_PJRT_PROCESS_INDEX, NEURON_RT_VISIBLE_CORES and NEURON_RT_ROOT_COMM_ID. This module sets those that the user has
not set, from what torchrun and torch_xla say.
"""

import functools
import os
import socket

import torch_xla
from torch_xla import runtime
from torch_xla._internal import pjrt
from torch_xla.core import xla_model
from torch_xla.distributed import xla_backend

PORT = 62182  # torch-neuronx's default
BUCKET_MB = "50"  # torch-neuronx's size of the buckets of gradients that are reduced together


def number(name, default):
    value = os.environ.get(name, default)
    try:
        return int(value)
    except ValueError:
        raise RuntimeError(f"{name} is {value!r}; it must be a whole number") from None


def cores():
    """The numbers listed in NEURON_RT_VISIBLE_CORES; [] when it is unset."""
    numbers = []
    for part in filter(None, os.environ.get("NEURON_RT_VISIBLE_CORES", "").split(",")):
        low, _, high = part.partition("-")
        if not low.isdigit() or not (high or low).isdigit():
            raise RuntimeError(f"NEURON_RT_VISIBLE_CORES is {os.environ['NEURON_RT_VISIBLE_CORES']!r}; "
                               "it must be NeuronCores such as 0-1 or 0,1")
        numbers += range(int(low), int(high or low) + 1)
    return numbers


def take_core(index, count):
    """Gives this process one of the cores visible to all `count` processes; by default the core of its number."""
    visible = cores() or list(range(count))
    if len(visible) != count:
        raise RuntimeError(f"NEURON_RT_VISIBLE_CORES names {len(visible)} NeuronCores for {count} processes; "
                           "let it name one for each, or unset it")
    os.environ["NEURON_RT_VISIBLE_CORES"] = str(visible[index])


def join():
    """If torchrun started this process as one of several: sets which one it is, and where they meet. Done once, so that
    processes that it starts itself, to load data, inherit the settings."""
    count = number("WORLD_SIZE", "1")
    if count == 1 or "NEURON_PJRT_PROCESS_INDEX" in os.environ:
        return
    if "RANK" not in os.environ:
        raise RuntimeError(f"WORLD_SIZE is {count}, and RANK is not set: start the processes by torchrun, or "
                           "set RANK to the number of each")
    index, near = number("RANK", "0"), number("LOCAL_WORLD_SIZE", str(count))
    if near != count:
        raise RuntimeError(f"{count} processes are to train together, {near} of them on this host: one instance is "
                           "modelled. Start them all on this host")
    take_core(index, count)
    os.environ.setdefault("NEURON_PJRT_WORLD_SIZE", str(count))
    os.environ["NEURON_PJRT_PROCESS_INDEX"] = str(index)
    # Separates this program from others on the host, since torchrun's port belongs to it alone.
    host, port = os.environ.get("MASTER_ADDR", "localhost"), os.environ.get("MASTER_PORT", PORT)
    os.environ.setdefault("NEURON_RT_ROOT_COMM_ID", f"{host}:{port}")
    os.environ.setdefault("PJRT_LOCAL_PROCESS_COUNT", str(count))
    os.environ.setdefault("PJRT_LOCAL_PROCESS_RANK", str(index))


# ---- torch_xla's own processes ----


def free_port():
    """The number of a port that no other program of this host uses now."""
    with socket.socket() as some:
        some.bind(("localhost", 0))
        return some.getsockname()[1]


def physical_chip_count(self):
    """The number of processes that xmp.spawn starts; called before, in the process that starts them."""
    count = number("NEURONCORE_NUM_DEVICES", "1")
    if count > 1:
        os.environ["NEURON_PJRT_PROCESSES_NUM_DEVICES"] = ",".join(["1"] * count)
        os.environ.setdefault("NEURON_RT_ROOT_COMM_ID", f"localhost:{free_port()}")
    return count


def configure_multiprocess(self, index, count):
    """Called in each process that xmp.spawn starts, and by torch.distributed in torchrun's."""
    if number("WORLD_SIZE", "1") > 1:
        join()
    elif count > 1:
        take_core(index, count)
        os.environ["NEURON_PJRT_PROCESS_INDEX"] = str(index)


def configure_single_process(self):
    pass


def spawn_as_many(spawn):
    """pjrt.spawn for any number of processes, which otherwise accepts only the number in NEURONCORE_NUM_DEVICES."""
    @functools.wraps(spawn)
    def run(fn, nprocs=None, *arguments, **named):
        if nprocs is None or nprocs == 1:
            return spawn(fn, nprocs, *arguments, **named)
        before = os.environ.get("NEURONCORE_NUM_DEVICES")
        os.environ["NEURONCORE_NUM_DEVICES"] = str(nprocs)
        try:
            return spawn(fn, None, *arguments, **named)
        finally:
            if before is None:
                del os.environ["NEURONCORE_NUM_DEVICES"]
            else:
                os.environ["NEURONCORE_NUM_DEVICES"] = before
    return run


def replicate_first(begin):
    """ProcessGroupXla.__init__, before which torch_xla must learn that programs are for all processes. It learns that
    from init_method="xla://", which scripts for Trainium omit."""
    @functools.wraps(begin)
    def run(self, store, rank, size, *arguments, **named):
        if number("WORLD_SIZE", "1") > 1 and torch_xla._XLAC._xla_get_replication_devices_count() == 0:
            pjrt.initialize_multiprocess(number("LOCAL_RANK", os.environ["RANK"]), size)
            runtime._WORLD_SIZE = runtime._ORDINAL = None  # earlier values were those of a single process
        begin(self, store, rank, size, *arguments, **named)
    return run


def reduce_by_copy(reduce):
    """ProcessGroupXla.allreduce. torch_xla 2.9 reduces in place, and the view written last, which with
    DistributedDataParallel(gradient_as_bucket_view=True) is a gradient, would keep its old value."""
    @functools.wraps(reduce)
    def run(self, tensors, options):
        if len(tensors) != 1:
            return reduce(self, tensors, options)
        kind = self._get_reduce_type(options.reduceOp)
        tensors[0].copy_(xla_model.all_reduce(kind, tensors[0], groups=self._mesh, pin_layout=False))
        return xla_backend._ret_work(tensors)
    return run


def install(plugin):
    """Installs the above, unless the processes are to use another device."""
    if os.environ.get("PJRT_DEVICE", "NEURON") != "NEURON":
        return
    join()
    plugin.physical_chip_count = physical_chip_count
    plugin.configure_multiprocess = configure_multiprocess
    plugin.configure_single_process = configure_single_process
    os.environ.setdefault("ALLREDUCE_GRADIENTS_BUCKET_SIZE_MB", BUCKET_MB)
    pjrt.spawn = spawn_as_many(pjrt.spawn)
    xla_backend.ProcessGroupXla.allreduce = reduce_by_copy(xla_backend.ProcessGroupXla.allreduce)
    xla_backend.ProcessGroupXla.__init__ = replicate_first(xla_backend.ProcessGroupXla.__init__)
