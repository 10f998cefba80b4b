"""Registers Trainstone with JAX as the platform "neuron", JAX's name for Trainium."""

import atexit
import importlib.metadata
import importlib.util
import os
import sys

PLATFORM = "neuron"
PRIORITY = 500  # before CPU and other accelerators: the default device when JAX_PLATFORMS is unset
MODULE = "jax_plugins.trainstone"


def real_plugin():
    """The name of an installed Neuron plugin of AWS's, or None."""
    if importlib.util.find_spec("libneuronxla"):
        return "libneuronxla"
    for entry in importlib.metadata.entry_points(group="jax_plugins"):
        if "neuron" in (entry.name + entry.value).lower() and entry.value != MODULE:
            return entry.value
    return None


def is_wanted():
    """TRAINSTONE_PLUGIN=1 or 0 decides; otherwise Trainstone registers unless a real Neuron plugin is installed."""
    asked = os.environ.get("TRAINSTONE_PLUGIN", "")
    if asked not in ("", "0", "1"):
        raise ValueError(f"TRAINSTONE_PLUGIN is {asked!r}; it must be 1 or 0")
    return asked == "1" if asked else real_plugin() is None


def initialize():
    """Called once by JAX when it first looks for devices. Further calls do nothing."""
    from jax._src import xla_bridge

    if not is_wanted() or PLATFORM in xla_bridge._backend_factories:
        return
    # JAX warns that a platform is experimental unless the plugin puts its name on this list before it registers.
    xla_bridge._nonexperimental_plugins.add(PLATFORM)
    try:
        from trainstone import library, refusals

        found = str(library.path())
    except FileNotFoundError as error:
        # Raised when JAX starts the platform, so that the message reaches the user and JAX_PLATFORMS=cpu works.
        xla_bridge.register_backend_factory(PLATFORM, _refuse(str(error)), priority=PRIORITY, fail_quietly=False)
        return
    from trainstone import eigh, host_calls, partition, svd

    xla_bridge.register_plugin(PLATFORM, priority=PRIORITY, library_path=found)
    host_calls.register(PLATFORM)
    eigh.register(PLATFORM)
    svd.register(PLATFORM)
    refusals.register(PLATFORM)
    partition.register(PLATFORM)
    watch()


def watch():
    """Shows long runs while the script waits for them, and stops with the script."""
    from trainstone import library, progress

    progress.start(library.status)
    atexit.register(_end)


def _end():
    """Ends runs at exit: after Ctrl-C nobody waits for the current step, but the framework's exit handler, which was
    registered earlier and so runs later, would."""
    from trainstone import host_calls, library

    if issubclass(getattr(sys, "last_type", None) or object, KeyboardInterrupt):
        library.cancel()
    host_calls.wait()


def _refuse(message):
    def factory():
        raise RuntimeError(message)

    return factory
