"""Trains a model for a few steps on Trainstone and prints which kernels computed and a hash of everything it reached.

usage: hash_run.py MODEL PRECISION STEPS
"""

import hashlib
import json
import sys

import harness
import jax
import models
import numpy as np
import trainstone


def main(name, precision, steps):
    state, step, batches = models.MODELS[name](models.COMPUTE[precision])
    run = harness.runner(step, harness.CHIP)
    digest = hashlib.sha256()
    for batch in batches[: int(steps)]:
        state, loss = run(state, batch)
        digest.update(np.asarray(loss).tobytes())
    for leaf in jax.tree.leaves(state):
        digest.update(np.asarray(leaf).tobytes())
    print(json.dumps(trainstone.last_run()["host"]))
    print(digest.hexdigest(), float(loss))


if __name__ == "__main__":
    main(*sys.argv[1:])
