"""Operations for which JAX has rules on other platforms only: refused with their name, the user's line and a remedy."""

import os

_HERE = os.path.dirname(os.path.abspath(__file__))
_HOST = 'compute it on the host: jax.device_put(x, jax.devices("cpu")[0])'


def register(platform):
    """Gives `platform` a rule that refuses each primitive without one. Does nothing where a version of JAX stores its
    rules differently."""
    from jax._src.interpreters import mlir

    tables = getattr(mlir, "_platform_specific_lowerings", None), getattr(mlir, "_lowerings", None)
    if None in tables:
        return
    special, general = tables
    missing = [p for p in special["cpu"] if p not in general and p not in special[platform]]
    for primitive in missing:
        mlir.register_lowering(primitive, _rule(primitive.name, platform), platform=platform)


def _rule(name, platform):
    def lower(context, *_, **__):
        raise refusal(name, f"a NeuronCore cannot do it, and JAX has no rule for it on {platform}", context.traceback)

    return lower


def refusal(name, why, traceback=None):
    """The error for an operation that the chip cannot do, at the line that asks for it."""
    return NotImplementedError(f"unsupported: {name}{_line(traceback)}: {why} ({_HOST})")


def _line(traceback):
    """The innermost line outside of installed packages, in the form of the compiler's messages."""
    from jax._src import source_info_util
    from jax._src.lib import xla_client

    # A rule whose result JAX may cache gets no traceback, but runs in the context of one. In a function that is itself
    # jitted, like jnp.linalg.eigh, neither leads out of that function; the call that compiles it does.
    for known in filter(None, (traceback, source_info_util.current().traceback, xla_client.Traceback.get_traceback())):
        for frame in source_info_util.user_frames(known):
            if not any(mark in frame.file_name for mark in ("/site-packages/", "/dist-packages/", _HERE)):
                return f" at {frame.file_name}:{frame.start_line}"
    return ""
