"""The judge itself: it passes XLA:CPU against itself and refuses small faults."""

import harness
import jax.numpy as jnp
import models
import numpy as np
import pytest


def test_same_backend_is_exact():
    state, step, batches = models.digits_mlp(jnp.float32, steps=3)
    loss, tensor = harness.teacher_forced(step, state, batches, judged=harness.CPU)
    assert loss.value == tensor.value == 0
    assert harness.free_running(step, state, batches, judged=harness.CPU)[0].value == 0


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("precision", models.COMPUTE)
def test_models_learn(name, precision):
    state, step, batches = models.MODELS[name](models.COMPUTE[precision])
    _, first, last = harness.free_running(step, state, batches, judged=harness.CPU)
    assert last < 0.8 * first


@pytest.mark.parametrize("got, want, error", [
    ([1.0, 2.0], [1.0, 2.0], 0),
    ([3.0, 4.5], [3.0, 4.0], 0.1),
    ([0.0, 0.0], [0.0, 0.0], 0),
    ([0.0, 1e-30], [0.0, 0.0], np.inf),
])
def test_relative_error(got, want, error):
    assert harness.relative_error(np.float32(got), np.float32(want)) == pytest.approx(error)


def test_relative_error_of_kinds():
    assert harness.relative_error(np.int32(3), np.int32(4)) == np.inf
    assert harness.relative_error(np.float32([1]), np.float32([[1]])) == np.inf
    assert harness.relative_error(np.int32([1]), np.float32([1])) == np.inf
    worst = harness.Worst()
    worst.see(harness.relative_error(np.float32([np.nan]), np.float32([1])), "here")
    assert worst.where == "here" and not worst.value <= 1
