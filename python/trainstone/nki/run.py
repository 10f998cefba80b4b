"""One run of a kernel: its recording, and what becomes of it."""

import json
import math
import os
import sys

import numpy as np

from trainstone.nki import dtypes, errors, native, traced
from trainstone.nki.native import HBM
from trainstone.nki.programs import OneStream
from trainstone.nki.tile import SPACES, Storage

_devices = {}
_stack = []
_CHIPS = {"gen2": "trn1", "gen3": "trn2", "gen4": "trn3"}


def device(target=None, ranks=1):
    """The modelled chip that a kernel selects by platform_target, with a core for each rank; opened by the first
    kernel.

    AWS's NEURON_PLATFORM_TARGET_OVERRIDE takes precedence; without either, it is the chip that the environment names.
    """
    target = os.environ.get("NEURON_PLATFORM_TARGET_OVERRIDE") or target
    chip = _CHIPS.get(target, target)
    if (chip, ranks) not in _devices:
        _devices[chip, ranks] = native.ext.open(chip, ranks)
    return _devices[chip, ranks]


def chip_value(name):
    return native.ext.chip_value(_stack[-1].device if _stack else device(), name)


def current():
    if not _stack:
        raise RuntimeError("Calling NKI API outside of NKI kernels is not supported "
                           "(err_nki_api_outside_of_nki_kernel): decorate the function with @nki.jit and "
                           "call that")
    return _stack[-1]


def is_inside():
    """Whether a kernel is being recorded."""
    return bool(_stack)


class ParDim(int):
    """nl.par_dim(128): marks the dimension that runs over partitions."""


def whole(numbers, what):
    """Lengths or bounds as the kernel gives them, as ints."""
    if any(isinstance(number, float) and not number.is_integer() for number in numbers):
        raise errors.kernel_error(errors.NkiTypeError,
                                  f"{what} of {', '.join(map(str, numbers))}: they are whole numbers",
                                  "divide with //")
    return tuple(map(int, numbers))


class Run:
    def __init__(self, name, dialect, target=None, is_traced=False, cores=1, ranks=1):
        self.name, self.dialect, self.ranks = name, dialect, ranks
        self.is_traced = is_traced  # inside a program that JAX traces: arguments have no values
        self.operands = []          # what the caller gave for the inputs, by number
        self.sealed = None          # the recording as bytes, after it ended as part of JAX's program
        self.rank_values = {}       # values made once for the kernel (rank_values.py)
        self.device = device(target, 1 if is_traced else ranks)
        self.recording = native.ext.Recording(self.device, name, dialect)
        self.recording.share(cores)
        if ranks > 1 and not is_traced:
            self.recording.ranks(ranks)
        # In a kernel on several cores: the first core's run; on that one, the other runs.
        self.first, self.others = None, []
        self.storages = []  # of HBM tensors, in the library's order
        self.arrays = []    # host memory by tensor
        self.shared = []    # HBM tensors of a grid's first program, in order; all programs share them
        self.shared_at = 0
        self.grid, self.program, self.programs = (), (), None
        self.meetings = []  # with the other core's program: (what, where)
        self.given = []     # for each rank, the arrays among its arguments, in order
        self.moved = []     # (where, storage) of HBM tensors that collectives read or wrote
        self.constants = {}
        self.allocation, self.addresses = 0, {}  # of tiles with chosen addresses: the next number; addresses by number

    where = staticmethod(errors.where_is_kernel)

    # ---- the kernel runs ----

    def __enter__(self):
        _stack.append(self)
        self.before = native.ext.enter(self.recording)
        return self

    def __exit__(self, *exception):
        native.ext.enter(self.before)
        _stack.pop()

    def start_program(self, program):
        self.program, self.shared_at = program, 0

    def know_ranks(self):
        """Notes that something in the kernel depends on the ranks that run it."""
        if self.is_traced and not self.rank_values.setdefault("known", False):
            self.rank_values["known"] = True
            self.recording.ranks(self.ranks)

    def trips(self, counted, is_affine):
        """The older dialect's loops: tells the library where trips begin; allocations at chosen addresses are the same
        on every trip."""
        first = self.allocation
        self.recording.mark(native.AFFINE_BEGIN if is_affine else native.LOOP_BEGIN)
        try:
            for i in counted:
                self.allocation = first
                self.recording.mark(native.LOOP_TRIP)
                yield i
        finally:
            self.recording.mark(native.LOOP_END)

    def addresses_of(self, space, blocks, parts, size, address):
        if space.allocate is None:
            return fixed_addresses(space, blocks, parts, size, address)
        key = self.allocation, space.code, blocks, parts, size
        self.allocation += 1
        if key not in self.addresses:
            self.addresses[key] = fixed_addresses(space, blocks, parts, size, address)
        return self.addresses[key]

    # ---- tensors ----

    def _hbm(self, storage, role, dtype, shape, data):
        storage.role, storage.number, storage.dtype = role, len(self.storages), dtypes.dtype_of(dtype)
        self.storages.append(storage)
        self.arrays.append(None)
        view = self.recording.tensor(storage, role, dtypes.code_of(dtype), tuple(shape), data, storage.name)
        storage.handle = view._handle
        return view

    def argument(self, name, array):
        """An HBM tensor that holds what the caller gave."""
        host = None if self.is_traced else host_array(array)
        shape, dtype = (array.shape, traced.check_dtype(name, array)) if self.is_traced else (host.shape, host.dtype)
        storage = Storage(self.recording.unique(name), SPACES["shared_hbm"], shape, self.dialect)
        storage.source = array
        view = self._hbm(storage, native.INPUT, dtype, shape, None)
        self.recording.set_role(storage.handle, native.INPUT, len(self.operands))
        self.operands.append(array)
        self.arrays[-1] = host
        return view

    def constant(self, array, name):
        array = np.ascontiguousarray(array)
        storage = Storage(self.recording.unique(name), SPACES["hbm"], array.shape, self.dialect)
        return self._hbm(storage, native.CONSTANT, array.dtype, array.shape, as_bytes(array))

    def tensor(self, shape, dtype, space, name=""):
        shape = whole(shape, "a shape")
        is_shared = space.name != "private_hbm" and len(self.grid) > 0
        if is_shared and self.shared_at < len(self.shared):
            self.shared_at += 1
            return self.shared[self.shared_at - 1]
        storage = Storage(self.recording.unique(str(name or "hbm")), space, shape, self.dialect)
        storage.where = errors.where_is_kernel()
        view = self._hbm(storage, native.SCRATCH, dtype, shape, None)
        if is_shared:
            self.shared.append(view)
            self.shared_at += 1
        return view

    def tile(self, shape, dtype, space, name="", is_value=False, address=None):
        """A tile on chip; dimensions before the partition dimension make it an array of tiles."""
        made = native.ext.tile(shape, dtype, space, name, is_value) if address is None else None
        if made is not None:
            return made
        kinds = [*map(type, shape)]
        at = kinds.index(ParDim) if ParDim in kinds else 0
        shape = whole(shape, "a shape")
        code = dtypes.code_of(dtype)
        addresses, part = None, 0
        if address is not None or space.allocate is not None:
            size = math.prod(shape[at + 1:]) * dtypes.BYTES[code]
            addresses, part = self.addresses_of(space, shape[:at], shape[at] if shape else 1, size, address)
        return self.recording.tile(space, space.code, code, shape, at, is_value, addresses, part, str(name or ""))

    def value(self, shape, dtype, space=None, name="value"):
        """The tile that a value-returning call writes."""
        return self.tile(shape, dtype, space or SPACES["sbuf"], name, is_value=True)

    # ---- values while recording ----

    def peek(self, view):
        """The present values of a view as an array, computed by running what was recorded so far."""
        self._check_runs()
        if self.ranks > 1:
            values = self.peek_ranks(view)
            if any(not np.array_equal(value, values[0], equal_nan=value.dtype.kind == "f") for value in values):
                raise errors.NkiUnsupportedError(
                    f"kernel {self.name} asks for a value that differs from rank to rank, and is recorded "
                    "once, for all",
                    self.where(), "load it with nisa.register_load, and use the register as scalar_offset= of .ap()")
            return values[0]
        if self.meetings:  # the value may come from another core
            raise OneStream
        view = view.view_of()
        out = np.empty(view.shape, view.dtype)
        arrays = [np.array(array) if storage.is_written and array is not None else array
                  for storage, array in zip(self.storages, self.arrays)]
        self.recording.peek(view, [None if array is None else as_bytes(array) for array in arrays], as_bytes(out))
        return out

    def _check_runs(self):
        if self.is_traced:
            raise errors.NkiUnsupportedError(
                f"kernel {self.name} asks for a value that is known only when it runs: inside jax.jit there is none",
                self.where(), "call the kernel outside of jax.jit to print, or for numbers from tensors")

    def peek_ranks(self, view):
        """The same for each rank."""
        self._check_runs()
        view = view.view_of()
        outs = [np.empty(view.shape, view.dtype) for _ in range(self.ranks)]
        data = [[None if array is None else as_bytes(array) for array in self._data_of(given)] for given in self.given]
        self.recording.peek_ranks(view, data, [as_bytes(out) for out in outs])
        return outs

    # ---- the end ----

    def _bytes(self, number):
        array = self.arrays[number]
        return None if array is None else as_bytes(array)

    def finish(self, returned):
        """Ends the recording. Its outputs are the returned tensors and the arguments that were written."""
        for view in returned:
            storage = view.tensor
            if storage.space.code != HBM:
                raise errors.NkiValidationError(f"the kernel returns {view!r}: results lie in HBM", self.where(),
                                                "nl.store it into nl.ndarray(..., buffer=nl.shared_hbm)")
            if storage.role in (native.SCRATCH, native.CONSTANT):
                storage.role = native.OUTPUT
                if not storage.is_written:
                    raise errors.NkiValidationError(
                        f"the kernel returns {view!r}, to which nothing was written", self.where(),
                        "nl.store or nisa.dma_copy into it", id="err_tensor_output_not_written_to")
        numbers = {native.INPUT: 0, native.OUTPUT: 0}
        for storage in self.storages:
            if storage.role == native.INPUT and storage.is_written and self.is_traced:
                raise errors.NkiUnsupportedError(
                    f"kernel {self.name} writes its argument {storage.name}: inside jax.jit arguments do not change",
                    self.where(), "write a tensor of its own, nl.ndarray(..., buffer=nl.shared_hbm), and return it")
            if storage.role == native.INPUT and storage.is_written:
                storage.role = native.OUTPUT
                self.arrays[storage.number] = np.array(self.arrays[storage.number])
            self.recording.set_role(storage.handle, storage.role, numbers.get(storage.role, 0))
            if storage.role in numbers:
                numbers[storage.role] += 1
        if self.is_traced:
            self.sealed = self.recording.seal()
        else:
            self.recording.finish()
            for storage in self.outputs():
                if self.arrays[storage.number] is None:
                    new = np.empty if self.recording.fills(storage.number) else np.zeros
                    self.arrays[storage.number] = new(storage.shape, storage.dtype)
            self._warn_of_lost(returned)
        for warning in self.recording.warnings():
            errors.warn(warning)

    def _warn_of_lost(self, returned):
        """Warns of results that nothing wrote all of, and of stores that no one will see."""
        stored = [storage for storage in self.storages if storage.is_written]
        if not returned and stored and all(storage.role == native.SCRATCH for storage in stored):
            errors.warn(errors.NkiError(f"the kernel returns nothing: what it stores into {stored[0].name} is lost",
                                        stored[0].where, "return the tensor"))
        if self.first is not None or self.others:
            return  # each core writes its part
        for storage in self.outputs():
            left, first = self.recording.unwritten(storage.number)
            if left == 0 or storage.source is not None:
                continue
            at = np.unravel_index(first // storage.dtype.itemsize, storage.shape)
            errors.warn(errors.NkiError(
                f"{left // storage.dtype.itemsize} of the {math.prod(storage.shape)} elements of the result "
                f"{storage.name} are never written, [{', '.join(map(str, at))}] the first: they are 0 here, "
                "and whatever HBM holds on the chip",
                storage.where, "store all of it, or return a tensor of what is stored", id="output_partly_written"))

    def outputs(self):
        """The storages that are outputs, by number."""
        return [storage for storage in self.storages if storage.role == native.OUTPUT]

    def common(self):
        """The storages that all cores see, in the order in which each core's run met them."""
        return [s for s in self.storages if s.source is not None] + [view.tensor for view in self.shared]

    def first_core_has_all(self):
        """Takes over the first core's arrays for storages that both see. False when that does not cover all results, or
        would share scratch tensors."""
        if self.first is None:
            return all(s.role != native.SCRATCH or not s.is_written for s in self.common())
        mine, its = self.common(), self.first.common()
        for own, other in zip(mine, its):
            self.arrays[own.number] = self.first.arrays[other.number]
        has_same = len(mine) == len(its) and [s.role for s in mine] == [s.role for s in its]
        return has_same and set(self.outputs()) <= set(mine)

    def execute(self):
        runs = (self, *self.others)
        arrays = [[run._bytes(i) for i in range(len(run.arrays))] for run in runs]
        if self.meetings:
            self.recording.run_pair(arrays[0], self.others[0].recording, arrays[1])
        else:  # the cores do not wait for each other, so they can run one after the other
            for run, own in zip(runs, arrays):
                run.recording.run(own)
        for storage in self.storages:  # arguments that the kernel wrote
            if storage.source is not None and storage.is_written:
                write_back(storage.source, self.arrays[storage.number])

    def execute_ranks(self):
        """The arrays of each rank, by tensor."""
        data = [self._data_of(arrays) for arrays in self.given]
        self.recording.run_ranks([[None if array is None else as_bytes(array) for array in own] for own in data])
        for own, arrays in zip(data, self.given):
            written = zip(arrays, (s for s in self.storages if s.source is not None))
            for source, storage in written:
                if storage.is_written:
                    write_back(source, own[storage.number])
        return data

    def _data_of(self, arrays):
        own, data = iter(arrays), []
        for storage, array in zip(self.storages, self.arrays):
            if storage.source is not None:
                host = host_array(next(own))
                data.append(np.array(host) if storage.is_written else host)
            else:
                data.append(None if array is None else np.zeros_like(array))
        return data

    def result(self, view, data=None):
        """The array of a returned view; data: the rank's arrays, by tensor."""
        array = (self.arrays if data is None else data)[view.tensor.number]
        if view.size == array.size and view._offset == 0:
            return array.reshape(view.shape)
        size = array.itemsize
        steps = [step * size for step, _, _ in view._dims]
        flat = array.reshape(-1)[view._offset // size:]
        return np.lib.stride_tricks.as_strided(flat, view.shape, steps).copy()

    def release(self):
        """Drops references to arguments and results; the recording and its time are kept."""
        for run in (self, *self.others):
            run.operands, run.given, run.arrays = [], [], [None] * len(run.arrays)
            for storage in run.storages:
                storage.source = None

    def latest(self):
        """The recording of the core that finishes last, and its record."""
        records = [(run.recording, json.loads(run.recording.record())) for run in (self, *self.others)]
        return max(records, key=lambda pair: pair[1]["predicted_seconds"])

    def record(self):
        return self.latest()[1]


def join_cores(runs):
    """Makes the runs those of one kernel on several cores: a storage written by one of them counts as written by
    all."""
    for own in runs[1:]:
        own.first = runs[0]
        runs[0].others.append(own)
    for storages in zip(*(run.common() for run in runs)):
        is_written = any(storage.is_written for storage in storages)
        for storage in storages:
            storage.is_written = is_written
            if is_written and storage.role == native.SCRATCH and runs[0].meetings:
                storage.role = native.OUTPUT  # memory that both cores see


def as_bytes(array):
    return array.reshape(-1).view(np.uint8).data if array.size else memoryview(b"\0")


_NARROWER = {np.dtype(np.float64): np.float32, np.dtype(np.int64): np.int32, np.dtype(np.uint64): np.uint32}


def host_array(array):
    """A contiguous NumPy array of data held by NumPy, torch or JAX; 64-bit types, which the chip lacks, become
    32-bit."""
    if hasattr(array, "detach"):
        array = array.detach()
        if str(array.dtype) == "torch.bfloat16":
            array = array.view(__import__("torch").uint16).numpy().view(dtypes.dtype_of("bfloat16"))
        else:
            array = array.numpy()
    array = np.asarray(array)
    if array.dtype in _NARROWER:
        errors.warn(errors.NkiError(f"{array.dtype} has no datapath on the chip: taken as "
                                    f"{np.dtype(_NARROWER[array.dtype])}",
                                    errors.where_is_kernel(), "convert the array before the call"))
        array = array.astype(_NARROWER[array.dtype])
    return np.ascontiguousarray(array).reshape(array.shape)


def like(example, array):
    """The array converted to the kind of `example`: torch, JAX or NumPy."""
    if hasattr(example, "detach"):
        torch = __import__("torch")
        bits = dtypes.TORCH_BITS.get(array.dtype.name)
        if bits is None:
            return torch.from_numpy(array)
        return torch.from_numpy(array.view(bits)).view(getattr(torch, array.dtype.name))
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(example, jax.Array):
        return jax.device_put(array, *([next(iter(example.devices()))] if len(example.devices()) == 1 else []))
    return array


def write_back(target, array):
    if isinstance(target, np.ndarray):
        target[...] = array
    elif hasattr(target, "copy_"):
        target.copy_(__import__("torch").from_numpy(array))


def fixed_addresses(space, blocks, parts, size, address):
    """Byte offset of each tile, and the first partition, where the kernel chose addresses."""
    if address is not None:
        return [int(address[1])], int(address[0])
    if space.allocate is None:
        return None, 0
    found = [space.allocate(index, parts, size) for index in np.ndindex(*blocks)]
    parts_at = {place[0] for place in found}
    if len(parts_at) != 1:
        raise errors.NkiUnsupportedError("the tiles of one array start in several partitions")
    return [place[1] for place in found], parts_at.pop()
