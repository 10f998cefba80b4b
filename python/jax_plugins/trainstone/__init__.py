"""Where JAX looks for plugins: registers Trainstone as the platform "neuron"."""

from trainstone.plugin import initialize

__all__ = ["initialize"]
