"""Python functions that programs on the chip call while they run: jax.debug.print and jax.debug.callback,
jax.experimental.io_callback, jax.pure_callback.

JAX's own rules lower them; only the final operation differs, a custom_call with the function's number. Numbers are
random, so that a program from a cache never finds another function under its number.
"""

import collections
import ctypes
import functools
import secrets
import time
import weakref

TARGET = "trainstone_host_call"
NUMBER_BITS = 44  # a number must fit in an instruction's fields

_functions = {}  # by number
_given_up = collections.deque()  # numbers that no program known to JAX has any more; runs under way may still use them


def register(platform):
    """Makes JAX's rules for callbacks work on `platform`. Does nothing where a version of JAX stores its rules
    differently."""
    from jax._src import callback, debugging
    from jax._src.interpreters import mlir

    emit = getattr(callback, "emit_python_callback", None)
    rules = [(debugging, name) for name in ("debug_callback", "debug_print")]
    if emit is None or not all(hasattr(module, f"{name}_p") for module, name in rules):
        return

    @functools.wraps(emit)
    def emit_for_all(context, *args, **kwargs):
        ours = tuple(context.module_context.platforms) == (platform,)
        return (_emit if ours else emit)(context, *args, **kwargs)

    callback.emit_python_callback = emit_for_all
    mlir.register_lowering(debugging.debug_callback_p, debugging.debug_callback_lowering, platform=platform)
    mlir.register_lowering(debugging.debug_print_p, debugging.debug_print_lowering_rule, platform=platform)


def wait():
    """Waits until no run is left that could call Python; for a process that is about to end."""
    from trainstone import library

    while _functions and library.load().ts_host_runs():
        time.sleep(0.001)


def _emit(context, callback, token, operands, operand_avals, result_avals, *, has_side_effect, returns_token=True,
          partitioned=False, sharding=None):
    """Replaces JAX's emit_python_callback. Tokens, which order calls among each other, are not needed: calls keep their
    order here."""
    from jax._src.interpreters import mlir
    from jax._src.lib.mlir import ir
    from jax._src.lib.mlir.dialects import hlo

    del returns_token
    axes = context.module_context.axis_context
    if partitioned and getattr(axes, "num_devices", 1) > 1:
        raise NotImplementedError("unsupported: partitioned=True of a callback in a program of several "
                                  "devices (leave it out: the callback gets whole arrays, once; in "
                                  "jax.shard_map each device's own)")
    call = _Call(callback, [_layout(aval) for aval in operand_avals], [_layout(aval) for aval in result_avals])
    types = [ir.RankedTensorType.get(shape, mlir.dtype_to_ir_type(dtype)) for shape, dtype in call.results]
    if token:
        operands, types = [token, *operands], [hlo.TokenType.get(), *types]
    # Shardings name a single device where the program treats whole arrays; otherwise every device calls.
    is_once = any(getattr(one, "logical_device_ids", ()) for one in getattr(sharding, "shardings", ()))
    op = mlir.custom_call(TARGET, result_types=types, operands=operands, has_side_effect=has_side_effect,
                          backend_config=f"{_keep(call, context)}{' once' if is_once else ''}")
    if sharding is not None and not token:
        mlir.set_sharding(context.module_context, op, sharding)
    results = list(op.results)
    return (results[1:], results[0], call) if token else (results, None, call)


def _layout(aval):
    """The shape and dtype of a value's bytes on the device."""
    import numpy as np
    from jax._src import core

    aval = core.physical_aval(aval)
    dtype = np.dtype(aval.dtype)
    if dtype.name.startswith(("int2", "int4", "uint2", "uint4")):
        raise NotImplementedError(f"unsupported: a callback's {dtype} (convert it to int8 first)")
    return tuple(aval.shape), dtype


class _Owner:
    """Lives as long as JAX keeps a program that contains the call."""


def _keep(call, context):
    _install()
    number = secrets.randbits(NUMBER_BITS)
    owner = _Owner()
    weakref.finalize(owner, _given_up.append, number).atexit = False
    context.module_context.add_keepalive(owner)
    _forget()
    _functions[number] = call
    return number


def _forget():
    """Drops functions that are no longer needed, unless a run may still call them: JAX may drop a program before it has
    run."""
    from trainstone import library

    numbers = list(_given_up)
    if numbers and not library.load().ts_host_runs():
        for number in numbers:
            _given_up.remove(number)
            _functions.pop(number, None)


class _Call:
    def __init__(self, function, operands, results):
        from jax._src import config

        self.function, self.operands, self.results = function, operands, results
        self.has_64_bits = config.enable_x64.value  # the setting when the program was made; calls come on other threads

    def __call__(self, src, dst):
        from jax._src import config

        with config.enable_x64(self.has_64_bits):
            self._call(src, dst)

    def _call(self, src, dst):
        import numpy as np

        arguments = [np.array(view) for view in _views(src, self.operands)]  # copies: the function may keep them
        values = self.function(*arguments)
        if len(values) != len(self.results):
            raise RuntimeError("Mismatched number of outputs from callback. "
                               f"Expected: {len(self.results)}, Actual: {len(values)}")
        for i, (view, value) in enumerate(zip(_views(dst, self.results), values)):
            view[...] = _checked(i, value, view)


def _checked(number, value, view):
    """A value that a callback returned, if it has the promised shape and dtype; otherwise raises JAX's error."""
    import numpy as np
    from jax._src import dtypes

    value = dtypes.canonicalize_value(np.asarray(value))
    for what in ("shape", "dtype"):
        expected, actual = getattr(view, what), getattr(value, what)
        if expected != actual:
            raise RuntimeError(f"Incorrect output {what} for return value #{number}: "
                               f"Expected: {expected}, Actual: {actual}")
    return value


def _views(memory, layouts):
    """The values in a run of bytes, larger elements first (as in src/compiler/lower/lower_host_call.c)."""
    import numpy as np

    views, end = [None] * len(layouts), 0
    for i in sorted(range(len(layouts)), key=lambda i: -layouts[i][1].itemsize):
        shape, dtype = layouts[i]
        count = int(np.prod(shape))
        views[i] = np.frombuffer(memory, dtype, count, end).reshape(shape) if count else np.empty(shape, dtype)
        end += count * dtype.itemsize
    return views


_SIGNATURE = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_int64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p,
                              ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t)


def _bytes_at(address, size):
    return (ctypes.c_char * size).from_address(address) if size else bytearray()


@_SIGNATURE
def _serve(number, src, src_bytes, dst, dst_bytes, error, error_size):
    """Called by the library on a device's thread; ctypes holds the GIL meanwhile."""
    try:
        call = _functions.get(number)
        if call is None:
            raise LookupError("the Python function that the program calls is not in this process: trace and compile "
                              "the program in the process that runs it")
        call(_bytes_at(src, src_bytes), _bytes_at(dst, dst_bytes))
        return True
    except BaseException as problem:  # no exception may pass through C
        text = f"{type(problem).__name__}: {problem}".encode()[:error_size - 1]
        ctypes.memmove(error, text + b"\0", len(text) + 1)
        return False


@functools.cache
def _install():
    from trainstone import library

    library.load().ts_on_host_call(_serve)
