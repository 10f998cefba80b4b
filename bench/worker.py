"""One model's training step in a process of its own, timed in turns at run.py's request: one JSON line per line read.

usage: worker.py PEER MODEL PRECISION     PEER: neuron, cpu (both JAX) or torch; uses the CPUs that the process may use

The first answer comes unasked, once the step has compiled and run; each line of input is a number of seconds to run
steps for. CPU seconds are those of the whole process, including other threads.
"""

import json
import os
import sys
import time


def clocked(action):
    """(wall seconds, CPU seconds, the action's result)"""
    wall, cpu = time.perf_counter(), time.process_time()
    result = action()
    return time.perf_counter() - wall, time.process_time() - cpu, result


class JaxStep:
    def __init__(self, model, precision):
        import jax

        import models_jax

        self.jax, step, self.arguments = jax, *models_jax.build(model, precision)
        params, _, x, y = self.arguments
        self.made = {"state_bytes": models_jax.tree_bytes(self.arguments[:2]),
                     "saved_bytes": models_jax.saved_bytes(model, params, x, y)}
        lowered = jax.jit(step, donate_argnums=(0, 1)).lower(*self.arguments)
        wall, cpu, self.compiled = clocked(lowered.compile)
        self.made |= {"compile_wall_seconds": wall, "compile_cpu_seconds": cpu}

    def run(self):
        params, state, loss = self.compiled(*self.arguments)
        self.jax.block_until_ready((params, state, loss))
        self.arguments = (params, state, *self.arguments[2:])
        return loss

    def describe(self):
        """What the chip would have done."""
        if self.jax.default_backend() != "neuron":
            return {}
        import trainstone

        wall, cpu, record = clocked(trainstone.last_run)
        keys = ("predicted_seconds", "mfu", "instructions", "ops", "dma_transfers", "hbm_bytes", "bottleneck")
        return {"clock_wall_seconds": wall, "clock_cpu_seconds": cpu} | {key: record[key] for key in keys}


class TorchStep:
    made = {}

    def __init__(self, model, precision):
        import torch

        import models_torch

        torch.set_num_threads(len(os.sched_getaffinity(0)))
        self.run = models_torch.build(model, precision)

    def describe(self):
        return {}


def turn(step, seconds):
    """Runs at least one step. Returns the least times of all."""
    wall, cpu, end = [], [], time.perf_counter() + seconds
    while not wall or time.perf_counter() < end:
        used = clocked(step.run)
        wall.append(used[0])
        cpu.append(used[1])
    return {"steps": len(wall), "wall_seconds": min(wall), "cpu_seconds": min(cpu)}


def main(peer, model, precision):
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output of libraries must not be taken for an answer
    step = (TorchStep if peer == "torch" else JaxStep)(model, precision)
    wall, cpu, loss = clocked(step.run)
    first = {"first_run_wall_seconds": wall, "first_run_cpu_seconds": cpu, "first_loss": float(loss)}
    print(json.dumps(step.made | first | step.describe()), file=answers)
    for line in sys.stdin:
        print(json.dumps(turn(step, float(line))), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
