"""Runs kernels on several NeuronCores at once, each with arguments of its own, as nki-library's test harness does for
InferenceArgs(collective_ranks=...)."""

import numpy as np

from trainstone.nki import errors, traced
from trainstone.nki.kernel import Kernel, arrays_in, is_array, rebuild, results
from trainstone.nki.run import host_array


def _input_of(kernel_input, rank, ranks):
    """The arguments of one rank, by name."""
    if hasattr(kernel_input, "for_rank"):
        return dict(kernel_input.for_rank(rank))
    if callable(kernel_input):
        return dict(kernel_input(rank_id=rank))
    if isinstance(kernel_input, dict):
        return kernel_input
    if len(kernel_input) != ranks:
        raise errors.NkiValidationError(f"arguments for {len(kernel_input)} ranks, and the kernel runs on {ranks}",
                                        remedy="give a dict for each rank, one dict for all, or a function of rank_id")
    return dict(kernel_input[rank])


def _told(array):
    return f"{array.dtype}{list(array.shape)}"


def _is_same(one, other):
    """Whether two arguments are equal for a kernel that is recorded once."""
    if is_array(one) and is_array(other):
        one, other = host_array(one), host_array(other)
        return one.shape == other.shape and one.dtype == other.dtype
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, dict):
        has_keys = isinstance(other, dict) and list(one) == list(other)
        return has_keys and all(_is_same(one[key], other[key]) for key in one)
    return one is other or bool(np.all(one == other))


def _check_alike(kernel, inputs):
    first = inputs[0]
    for rank, own in enumerate(inputs[1:], 1):
        wrong = next((name for name in {**first, **own} if name not in first or name not in own
                      or not _is_same(first[name], own[name])), None)
        if wrong is None:
            continue
        told = [_told(given[wrong]) if is_array(given.get(wrong)) else repr(given.get(wrong)) for given in (first, own)]
        raise errors.NkiValidationError(
            f"argument {wrong} of kernel {kernel.__name__} is {told[0]} on rank 0 and {told[1]} on rank "
            f"{rank}: the kernel is recorded once, for all ranks",
            remedy="let arrays differ in their values alone, and give anything else that "
            "differs as an array, or from nki.collectives.rank_id()")


def on_ranks(kernel, collective_ranks, kernel_input):
    """The kernel's result on each rank, as a list.

    kernel: decorated by nki.jit, nki.benchmark or nki.profile; the latter write the files of one core. kernel_input:
    the arguments by name, as one dict for all ranks, a dict for each, a function of rank_id that returns one, or an
    object with for_rank(rank_id).
    """
    kernel = kernel if isinstance(kernel, Kernel) else Kernel(kernel)
    inputs = [_input_of(kernel_input, rank, collective_ranks) for rank in range(collective_ranks)]
    if traced.is_traced(inputs):
        raise errors.NkiUnsupportedError(f"kernel {kernel.__name__} is launched on ranks within a program "
                                         "that JAX traces",
                                         remedy="call it in jax.shard_map over a mesh of as many devices")
    _check_alike(kernel, inputs)
    inputs = [{name: own[name] for name in inputs[0]} for own in inputs]
    try:
        return _launch(kernel, inputs)
    except errors.NkiError as error:
        errors.ends_in_kernel(error)
        raise


def _launch(kernel, inputs):
    kernel.lint_call((), inputs[0])
    given = [list(arrays_in(own)) for own in inputs]
    run, returned = kernel.record((), inputs[0], ranks=len(inputs), given=given)
    kernel.lint_run(run, returned)
    data = run.execute_ranks()
    kernel.leave(run)
    made = [rebuild(returned, iter(results(returned, given, run, own))) for given, own in zip(inputs, data)]
    run.release()
    return made
