"""JAX looks for plugins in this package: registers Trainstone as the platform "neuron"."""

from trainstone.plugin import initialize

__all__ = ["initialize"]
