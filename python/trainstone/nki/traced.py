"""Kernels called with JAX tracers: the call becomes an operation of the program that JAX compiles.

The kernel is recorded for the arguments' shapes and dtypes while JAX traces. As with AWS's compiler, the recording is
stored in the program's StableHLO: a custom_call to AwsNeuronCustomNativeKernel with the recording in backend_config.
"""

import base64
import functools
import hashlib
import sys

import numpy as np

from trainstone import plugin
from trainstone.nki import dtypes, errors, native

TARGET = "AwsNeuronCustomNativeKernel"


def is_traced(value):
    """Whether the arguments of a call contain a JAX tracer."""
    jax = sys.modules.get("jax")
    if jax is None:
        return False
    if isinstance(value, (list, tuple)):
        return any(is_traced(item) for item in value)
    if isinstance(value, dict):
        return any(is_traced(item) for item in value.values())
    return isinstance(value, jax.core.Tracer)


def ranks():
    """Number of devices of the mesh of a shard_map around the call; without one the kernel runs alone."""
    import jax

    mesh = jax.sharding.get_abstract_mesh()
    return mesh.size if not mesh.empty and mesh.manual_axes else 1


class Recorded:
    """A kernel's recording as a parameter of JAX's primitive: printed in short form in a jaxpr, compared by content."""

    def __init__(self, name, data, outputs):
        self.name, self.data, self.outputs = name, data, outputs
        self.digest = hashlib.sha256(data).hexdigest()

    def __repr__(self):
        return f"{self.name}:{self.digest[:12]}"

    def __eq__(self, other):
        return isinstance(other, Recorded) and self.digest == other.digest and self.outputs == other.outputs

    def __hash__(self):
        return hash(self.digest)


def _refuse(what, remedy):
    def rule(*args, recorded, **_):
        raise errors.NkiUnsupportedError(f"NKI kernel {recorded.name}: {what}", remedy=remedy)

    return rule


@functools.cache
def _primitive():
    """JAX's primitive for the operation; made when the first kernel is traced, so that NKI works without JAX."""
    import jax
    from jax._src import source_info_util
    from jax.extend.core import Primitive
    from jax.interpreters import ad, batching, mlir

    # Attributes an operation to the line of the call, not to this file.
    source_info_util.register_exclusion(native.FOLDER)

    primitive = Primitive("nki_kernel")
    primitive.multiple_results = True

    def shapes(*_, recorded):
        return [jax.core.ShapedArray(shape, dtype) for shape, dtype in recorded.outputs]

    def lower(context, *operands, recorded):
        others = [name for name in context.module_context.platforms if name != plugin.PLATFORM]
        if others:
            raise errors.NkiUnsupportedError(f"NKI kernel {recorded.name} runs on {plugin.PLATFORM}; this program is "
                                             f"compiled for {', '.join(others)}",
                                             remedy="put its arguments on that device, or leave JAX_PLATFORMS unset")
        config = base64.b64encode(recorded.data).decode()
        return jax.ffi.ffi_lowering(TARGET, api_version=2, backend_config=config)(context, *operands)

    primitive.def_abstract_eval(shapes)
    primitive.def_impl(lambda *args, recorded: jax.jit(lambda *a: primitive.bind(*a, recorded=recorded))(*args))
    mlir.register_lowering(primitive, lower)
    ad.primitive_jvps[primitive] = _refuse(
        "JAX cannot differentiate what a kernel computes", "wrap the call in jax.custom_vjp, with a kernel or plain "
        "JAX for the gradient")
    batching.primitive_batchers[primitive] = _refuse(
        "jax.vmap has no rule for a kernel", "give the kernel the batch as a dimension, or loop with jax.lax.map")
    return primitive


def check_mode(kernel):
    if kernel.mode not in ("auto", "trace", "jax"):
        raise errors.NkiUnsupportedError(f"nki.{kernel.mode} runs kernel {kernel.__name__} alone: it has no part in a "
                                         "program that JAX traces", remedy="decorate it with @nki.jit for that")


def results(kernel, run, views):
    """Tracers of the kernel's results, after it was recorded in the run."""
    import jax.numpy as jnp

    outputs = run.outputs()
    recorded = Recorded(kernel.__name__, run.sealed, tuple((storage.shape, storage.dtype) for storage in outputs))
    made = _primitive().bind(*(jnp.asarray(value) for value in run.operands), recorded=recorded)
    by_number = {storage.number: result for storage, result in zip(outputs, made)}
    return [_shaped(by_number[view.tensor.number], view, kernel) for view in views]


def _shaped(result, view, kernel):
    """The shape of a returned view, which must be the whole tensor."""
    if view.size != result.size or view._offset != 0 or not _is_contiguous(view):
        raise errors.NkiUnsupportedError(f"kernel {kernel.__name__} returns {view!r}, a part of a tensor: "
                                         "inside jax.jit whole tensors are returned",
                                         remedy="return the tensor, and cut it in JAX")
    return result.reshape(view.shape)


def _is_contiguous(view):
    step = 1
    for its, count, _ in reversed(view._dims):
        if count > 1 and its != step:
            return False
        step *= count
    return True


def check_dtype(name, array):
    """The chip's dtype of an argument known only to JAX."""
    dtype = np.dtype(array.dtype)
    if dtype not in dtypes.CODES or dtype.itemsize == 8:
        raise errors.NkiUnsupportedError(f"argument {name} is {dtype}, which has no datapath on the chip",
                                         remedy="convert it in JAX first, for example to float32 or int32")
    return dtype
