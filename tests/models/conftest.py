"""Both backends in one process: Trainstone as the default, XLA:CPU as the judge."""

import os

os.environ.setdefault("JAX_PLATFORMS", "neuron,cpu")
