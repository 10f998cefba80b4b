"""Kernels as callables: nki.jit and related decorators. A call records the kernel, runs it on the chip and returns
arrays."""

import functools
import inspect
import warnings

import numpy as np

from trainstone.nki import artifacts, errors, lint, memory, mistakes, native, traced
from trainstone.nki.masks import with_joined_masks
from trainstone.nki.operators import is_tensor
from trainstone.nki.programs import OneStream, Programs, check_meetings
from trainstone.nki.run import Run, is_inside, join_cores, like
from trainstone.nki.spmd import grid_of, lengths_of, programs_by_core
from trainstone.nki.tile import SPACES


def is_array(value):
    if type(value) is np.ndarray:
        return True
    is_kind = isinstance(value, (type, np.dtype)) or is_tensor(value) or np.isscalar(value)
    return not is_kind and hasattr(value, "shape") and hasattr(value, "dtype")


def arrays_in(value):
    """The arrays among the arguments, in order."""
    if is_array(value):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from arrays_in(item)


def _bind(run, name, value):
    """What the kernel receives for an argument: arrays, also nested ones, become HBM tensors."""
    if is_array(value):
        return run.argument(name, value)
    if isinstance(value, (list, tuple)) and any(is_array(v) or isinstance(v, (list, tuple, dict)) for v in value):
        return type(value)(_bind(run, f"{name}_{i}", item) for i, item in enumerate(value))
    if isinstance(value, dict):
        return {key: _bind(run, f"{name}_{key}", item) for key, item in value.items()}
    return value


def _leaves(returned):
    if returned is None:
        return []
    if is_tensor(returned):
        return [returned.view_of()]
    if isinstance(returned, dict):
        returned = list(returned.values())
    if isinstance(returned, (list, tuple)):
        return [leaf for item in returned for leaf in _leaves(item)]
    return []


def _in_hbm(returned):
    """What the kernel returned, with on-chip tiles stored to HBM, as the first release's simulator returned them."""
    if is_tensor(returned) and not returned.is_hbm:
        stored = memory.ndarray(returned.shape, returned.dtype, SPACES["shared_hbm"])
        memory.store(stored, returned)
        return stored
    if isinstance(returned, (list, tuple)):
        return type(returned)(_in_hbm(item) for item in returned)
    return returned


def rebuild(returned, arrays):
    if is_tensor(returned):
        return next(arrays)
    if isinstance(returned, dict):
        return {key: rebuild(item, arrays) for key, item in returned.items()}
    if isinstance(returned, (list, tuple)):
        return type(returned)(rebuild(item, arrays) for item in returned)
    return returned


def results(returned, given, run, data=None):
    """The arrays that a call returns, each of the kind (NumPy, torch, JAX) of the first array it was given."""
    example = next(arrays_in(given), None)
    return [like(example, run.result(view, data)) for view in _leaves(returned)]


class Latency:
    """nc_latency of a benchmark: the model has a single latency, which is every percentile."""

    def __init__(self, seconds):
        self.seconds = seconds

    def get_latency_percentile(self, percentile):
        return self.seconds * 1e6


class BenchmarkResult:
    """The result of a benchmark: nc_latency in microseconds, and the record that it comes from."""

    def __init__(self, record):
        self.record = record
        self.nc_latency = Latency(record["predicted_seconds"])


class Kernel:
    """A function compiled by NKI. `mode` determines what a call returns and which files it writes."""

    def __init__(self, function, mode="auto", grid=(), dialect="new", **options):
        functools.update_wrapper(self, function)
        self.function, self.mode, self.grid, self.dialect, self.options = function, mode, grid, dialect, options
        self.benchmark_result = None
        self.last = None

    @functools.cached_property
    def _names(self):
        return list(inspect.signature(self.function).parameters)

    def with_mode(self, mode, **options):
        return Kernel(self.function, mode, self.grid, self.dialect, **{**self.options, **options})

    def with_schedule(self, edges):
        """The kernel itself, with engines that may reorder instructions; edges between named instructions are not
        modelled."""
        warnings.warn(errors.NkiWarning(errors.NkiError(
            f"with_schedule of {self.__name__}: edges between instructions are not modelled", remedy="the values are "
            "right; the time is that of the order in which each engine's instructions can start")), stacklevel=2)
        return self

    def __getitem__(self, grid):
        made = self.with_mode(self.mode)
        made.grid = grid_of(grid)
        return made

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def record(self, args, kwargs, is_traced=False, ranks=1, given=()):
        """(run, the kernel's result): recorded and placed, but not executed. The programs of a rank's grid all run on
        one core. given: for each rank, the arrays among its arguments."""
        run = self._new_run(is_traced, ranks=ranks)
        run.given = given
        by_core = [[()]]  # one program, without a grid
        if self.grid:
            is_split = self.dialect == "new" and native.ext.chip_value(run.device, "generation") >= 3
            by_core = programs_by_core(self.grid, is_split)
        if 1 < len(by_core) <= native.ext.chip_value(run.device, "cores") and not is_traced and ranks == 1:
            try:
                return self._record_cores(by_core, args, kwargs)
            except OneStream:
                pass
        returned = self._record_one(run, [program for programs in by_core for program in programs], args, kwargs)
        with run:
            run.finish(_leaves(returned))
        return run, returned

    def _new_run(self, is_traced=False, cores=1, ranks=1):
        run = Run(self.function.__name__, self.dialect, self.options.get("platform_target"), is_traced, cores, ranks)
        run.grid = lengths_of(self.grid)
        return run

    def _record_one(self, run, programs, args, kwargs, has_others=False):
        """The kernel's result. Its programs are recorded in the order of the grid, into one stream."""
        kwargs = {k: v for k, v in kwargs.items() if not (k == "grid" and not self._takes("grid"))}
        names = self._names
        with run:
            bound = [_bind(run, names[i] if i < len(names) else f"arg{i}", v) for i, v in enumerate(args)]
            named = {name: _bind(run, name, value) for name, value in kwargs.items()}
            run.programs = Programs(run, sorted(programs), has_others)
            returned = _in_hbm(run.programs.record(lambda: self.function(*bound, **named)))
            run.programs = None  # breaks a reference cycle, so that the run is freed as soon as it is not needed
            return returned

    def _record_cores(self, by_core, args, kwargs):
        """The same on several NeuronCores: a recording, SBUF and PSUM for each core, and HBM in common."""
        count = len(by_core)
        runs = [self._new_run(cores=1 if count == 2 else count) for _ in by_core]
        returned = [self._record_one(run, programs, args, kwargs, has_others=True)
                    for run, programs in zip(runs, by_core)]
        check_meetings(runs)
        if runs[0].meetings and count != 2:
            raise OneStream
        join_cores(runs)
        for run, result in zip(runs, returned):
            with run:
                run.finish(_leaves(result))
        if not all(run.first_core_has_all() for run in runs):
            raise OneStream
        if count == 2:
            runs[0].recording.pair(runs[1].recording)
        return runs[0], returned[0]

    def _takes(self, name):
        return name in self._names

    def __call__(self, *args, **kwargs):
        if is_inside():
            if self.grid:
                raise errors.kernel_error(
                    errors.NkiValidationError,
                    f"Calling kernel with spmd grid ({self.__name__}{list(lengths_of(self.grid))}) inside "
                    "another kernel is not supported", "call it without a grid", "err_nested_kernel_with_spmd_grid")
            # A kernel that another kernel calls: its instructions belong to the caller.
            return self.function(*args, **kwargs)
        try:
            return self._run(args, kwargs)
        except Exception as error:
            told = mistakes.told(error, self.dialect)
            if told is None:
                raise
            errors.ends_in_kernel(told)
            if told is error:
                raise
            raise told from None

    def lint_call(self, args, kwargs):
        if not lint.is_on():
            return
        found = list(lint.of_source(self.function, self.dialect))
        if self.dialect == "new":
            named = {**dict(zip(self._names, args)), **kwargs}
            found += lint.of_arguments(named, errors.where_is_kernel())
        lint.refuse(found)

    def lint_run(self, run, returned):
        """Checks after the recording: what collectives moved, and, in the first dialect, which parameters changed."""
        if not lint.is_on():
            return
        lint.refuse(lint.of_collectives(run.moved, lambda storage: storage.role in (native.INPUT, native.OUTPUT)))
        if self.dialect != "beta1":
            return
        mutable = [name for name, kind in getattr(self.function, "__annotations__", {}).items()
                   if "mutable" in getattr(kind, "__name__", str(kind))]
        code = self.function.__code__
        lint.refuse(lint.of_writes({s.name for s in run.storages if s.source is not None and s.is_written}, mutable,
                                   {view.tensor.name for view in _leaves(returned)},
                                   f"{errors.shown(code.co_filename)}:{code.co_firstlineno}"))

    def _run(self, args, kwargs):
        self.lint_call(args, kwargs)
        if traced.is_traced((args, kwargs)):
            traced.check_mode(self)
            run, returned = self.record(args, kwargs, is_traced=True, ranks=traced.ranks())
            return rebuild(returned, iter(traced.results(self, run, _leaves(returned))))
        run, returned = self.record(args, kwargs)
        self.lint_run(run, returned)
        run.execute()
        self.leave(run)
        arrays = iter(results(returned, (args, kwargs), run))
        run.release()
        return rebuild(returned, arrays)

    def leave(self, run):
        """What a call leaves besides its results."""
        self.last = run
        if self.mode in ("benchmark", "profile"):
            self.benchmark_result = BenchmarkResult(run.record())
            save = artifacts.save_benchmark if self.mode == "benchmark" else artifacts.save_profile
            save(run, self.benchmark_result.record, **self.options)
        elif any(self.options.get(name) for name in ("save_neff_name", "save_trace_name")):
            artifacts.save_benchmark(run, run.record(), **self.options)


def decorator(mode, dialect):
    """nki.jit and related decorators, with or without arguments, applied to functions or kernels."""

    def decorate(function=None, mode=mode, **options):
        if function is None:
            return lambda f: decorate(f, mode, **options)
        function = function.function if isinstance(function, Kernel) else function
        if not callable(function):
            raise errors.NkiTypeError(f"{function!r} is no function")
        if dialect == "beta1":
            function = with_joined_masks(function)
        return Kernel(function, mode, dialect=dialect, **options)

    return decorate


def simulate_kernel(kernel, *args, **kwargs):
    if not isinstance(kernel, Kernel):
        kernel = Kernel(kernel, dialect="beta1")
    return kernel(*args, **kwargs)


def simulate(kernel):
    return kernel if isinstance(kernel, Kernel) else Kernel(kernel)


