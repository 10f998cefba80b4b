"""Programs over a mesh: JAX passes them whole, and each of the chip's cores runs the program of one partition.

Shardy's passes in jaxlib do the conversion. They may end their process, so they run in one of their own (worker.py);
programs that they cannot handle are refused with a remedy.
"""

import atexit
import functools
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading

from trainstone.partition import pipe

_REMEDY = ("write the step with jax.shard_map, which says itself what each core does, or shard other dimensions: of "
           "batches the first, of weights one that divides")
_WORKER = ["-m", "trainstone.partition.worker"]


def register(platform):
    """From now on JAX's programs for several partitions of `platform` are compiled as the program of one partition.
    Does nothing where a version of JAX compiles elsewhere; the library then refuses such programs."""
    from jax._src import compiler

    compile_and_load = getattr(compiler, "backend_compile_and_load", None)
    if compile_and_load is None:
        return

    @functools.wraps(compile_and_load)
    def compile_partition(backend, module, devices, options, *rest, **named):
        if backend.platform == platform and options.num_partitions > 1:
            module = local_module(module)
        return compile_and_load(backend, module, devices, options, *rest, **named)

    compiler.backend_compile_and_load = compile_partition


def local_module(module):
    """The program of one partition of `module`, in the same MLIR context. Raises JaxRuntimeError."""
    from jax.errors import JaxRuntimeError
    from jaxlib.mlir import ir

    with module.context:
        name = ir.StringAttr(module.operation.attributes["sym_name"]).value
        cores = ir.IntegerAttr(module.operation.attributes["mhlo.num_partitions"]).value
        data = io.BytesIO()
        module.operation.write_bytecode(file=data)
        try:
            return ir.Module.parse(partition(data.getvalue()))
        except pipe.Refused as error:
            raise JaxRuntimeError(f"UNIMPLEMENTED: unsupported: {name} cannot be partitioned over {cores} NeuronCores: "
                                  f"{error} ({_REMEDY})") from None


@functools.lru_cache(maxsize=64)
def partition(data):
    """Converts bytecode of a whole program to that of one partition. Raises pipe.Refused."""
    return _process(os.getpid()).ask(data)


@functools.cache
def _process(_):
    """The worker of this process: a fork of the user's process must not share its pipes."""
    return _Process()


class _Process:
    """Runs worker.py, from the first program on until the worker ends."""

    def __init__(self):
        self._lock = threading.Lock()
        self._child = None
        self._log = None
        self._owner = os.getpid()
        atexit.register(self.stop)

    def ask(self, data):
        with self._lock:
            try:
                self._start()
                pipe.write(self._child.stdin, pipe.OK, data)
                status, answer = pipe.read(self._child.stdout)
            except (EOFError, BrokenPipeError):
                words = self._last_words(self._child.wait())
                self.stop()
                raise pipe.Refused(f"Shardy's passes ended their process: {words}") from None
            except BaseException:  # a partly read answer cannot be used for the next request
                self.stop()
                raise
        if status == pipe.OK:
            return answer
        raise pipe.Refused(answer.decode())

    def stop(self):
        child, self._child = self._child, None
        if child and self._owner == os.getpid():
            child.kill()
            child.communicate()
        if self._log:
            self._log.close()

    def _start(self):
        if self._child and self._child.poll() is None:
            return
        self.stop()
        self._log = tempfile.TemporaryFile()
        paths = os.pathsep.join(map(os.path.abspath, sys.path))
        self._child = subprocess.Popen([sys.executable, "-P", *_WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=self._log, start_new_session=True,
                                       env={**os.environ, "PYTHONPATH": paths})

    def _last_words(self, code):
        """Why the worker ended: the line of a failed C++ check, a Python error, or the signal."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        checks = [line.partition("] ")[2] or line for line in lines if "Check failed" in line or "LLVM ERROR" in line]
        how = [signal.strsignal(-code)] if code < 0 else lines or [f"status {code}"]
        return " ".join((checks or how)[-1].split())
