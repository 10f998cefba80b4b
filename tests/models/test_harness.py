"""The judge itself: it passes XLA:CPU against itself and refuses small faults."""

import harness
import jax
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


@pytest.mark.parametrize("precision, size", [("fp32", 2**-23), ("bf16", 2**-7)])
def test_one_ulp_apart(precision, size):
    start = np.float32([1.5, -1.5, 1.0] * 20 + [0.0])
    moved = harness.one_ulp_apart([start], np.random.default_rng(0), precision)[0] - start
    assert moved[-1] == 0 and set(moved[:-1]) == {np.float32(size), np.float32(-size)}


def test_own_ways_see_what_grows():
    """x -> 4 x (1 - x) doubles errors: a second run of XLA:CPU is nowhere from the first, a moved start far from it."""
    def step(state, batch):
        x = 4 * state[0] * (1 - state[0])
        return (x,), x.mean()

    start = np.linspace(0.1, 0.4, 9, dtype=np.float32)
    apart, from_first, between, _ = harness.own_ways(step, (start,), [()] * 40, "fp32", judged=harness.CPU)
    assert apart == 0 and 0.01 < max(from_first) <= between


def test_given_signs_are_those_of_relu():
    state, step, batches, signs_of = models.resnet20(jnp.float32, steps=1, batch=2)
    given = harness.on_reference(signs_of)(state, batches[0])
    assert len(given) == 19 and all(0 < np.mean(sign) < 1 for sign in given)
    x = np.float32([-2, -0.0, 0, 3])
    assert np.array_equal(models.Signs().relu(x), jax.nn.relu(x))
    assert np.array_equal(models.Signs([np.array([True, False, True, False])]).relu(x), [-2, 0, 0, 0])


def test_relative_error_of_kinds():
    assert harness.relative_error(np.int32(3), np.int32(4)) == np.inf
    assert harness.relative_error(np.float32([1]), np.float32([[1]])) == np.inf
    assert harness.relative_error(np.int32([1]), np.float32([1])) == np.inf
    worst = harness.Worst()
    worst.see(harness.relative_error(np.float32([np.nan]), np.float32([1])), "here")
    assert worst.where == "here" and not worst.value <= 1
