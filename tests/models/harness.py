"""The judge of training: one step function on XLA:CPU and on Trainstone, compared step by step.

Teacher-forced: every step starts on both from the state XLA reached, so that the figures are those of one step.
Free-running: each goes its own way from the same start; only the losses are compared.
"""

import csv
import dataclasses
import os
import pathlib

import jax
import numpy as np

# Tolerances. fp32: a step's sums have at most some thousand terms in another order than XLA's, sqrt(1e3) * 2^-24
# is 2e-6, and a tensor of Adam's state holds a gradient that went through several such sums. bf16: 2^-9 a rounding,
# and XLA:CPU rounds at other places than a chip that keeps fp32 in PSUM.
LIMITS = {
    "fp32": {"loss": 1e-5, "tensor": 1e-4, "free_loss": 1e-4},
    "bf16": {"loss": 2e-2, "tensor": 2e-2, "free_loss": 2e-2},
}
# Steps that the reference takes before the teacher-forced ones. After Adam's first step v is the square of a single
# gradient, which doubles its relative error, and in bf16 XLA:CPU's own gradients lie up to 2.0e-2 from fp32 ones
# (Trainstone's 1.4e-2, for the GPT here): the comparison would measure the reference.
WARM_UP = {"fp32": 0, "bf16": 10}
CPU, CHIP = "cpu", "neuron"


@dataclasses.dataclass
class Worst:
    """The largest error seen and where."""

    value: float = 0.0
    where: str = "nowhere"

    def see(self, value, where):
        if not value <= self.value:  # a NaN counts as the worst
            self.value, self.where = value, where


def runner(step, platform):
    """step as a function of NumPy trees that runs on the platform, its state donated."""
    device = jax.devices(platform)[0]
    jitted = jax.jit(step, donate_argnums=0)

    def run(state, batch):
        with jax.default_device(device):
            state, loss = jitted(jax.device_put(state, device), jax.device_put(batch, device))
        assert loss.devices() == {device}
        return state, loss

    return run


def numpy_tree(tree):
    return jax.tree.map(np.asarray, tree)


def relative_error(got, want):
    """||got - want|| / ||want||; integers must be equal; infinite when the reference is all zero and got is not."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        return np.inf
    if np.issubdtype(want.dtype, np.integer) or want.dtype == bool:
        return 0.0 if np.array_equal(got, want) else np.inf
    got, want = got.astype(np.float64), want.astype(np.float64)
    difference, norm = np.linalg.norm(got - want), np.linalg.norm(want)
    if norm == 0:
        return 0.0 if difference == 0 else np.inf
    return float(difference / norm)


def teacher_forced(step, state, batches, judged=CHIP, warm_up=0):
    """(worst loss error, worst tensor error) over the batches, after `warm_up` steps of the reference alone."""
    reference, chip = runner(step, CPU), runner(step, judged)
    for batch in batches[:warm_up]:
        state = numpy_tree(reference(state, batch)[0])
    loss_error, tensor_error = Worst(), Worst()
    for number, batch in enumerate(batches, 1):
        want_state, want_loss = numpy_tree(reference(state, batch))
        got_state, got_loss = numpy_tree(chip(state, batch))
        loss_error.see(relative_error(got_loss, want_loss), f"step {number}")
        want_leaves = jax.tree_util.tree_leaves_with_path(want_state)
        for (path, want), got in zip(want_leaves, jax.tree.leaves(got_state), strict=True):
            tensor_error.see(relative_error(got, want), f"step {number}, {jax.tree_util.keystr(path)}")
        state = want_state
    return loss_error, tensor_error


def free_running(step, state, batches, judged=CHIP):
    """(worst loss error, first loss, last loss of the reference); the state stays on each device."""
    reference, chip = runner(step, CPU), runner(step, judged)
    want_state = got_state = state
    error, losses = Worst(), []
    for number, batch in enumerate(batches, 1):
        want_state, want_loss = reference(want_state, batch)
        got_state, got_loss = chip(got_state, batch)
        error.see(relative_error(got_loss, want_loss), f"step {number}")
        losses.append(float(want_loss))
    return error, losses[0], losses[-1]


def judge(name, precision, model, record_property=None):
    """Asserts that a model (state, step, batches) trains alike, and files the worst figures."""
    state, step, batches = model
    limit = LIMITS[precision]
    loss, tensor = teacher_forced(step, state, batches, warm_up=WARM_UP[precision])
    free, first, last = free_running(step, state, batches)
    row = {
        "model": name, "precision": precision, "steps": len(batches),
        "loss_error": f"{loss.value:.3e}", "loss_limit": limit["loss"], "loss_where": loss.where,
        "tensor_error": f"{tensor.value:.3e}", "tensor_limit": limit["tensor"], "tensor_where": tensor.where,
        "free_loss_error": f"{free.value:.3e}", "free_loss_limit": limit["free_loss"], "free_loss_where": free.where,
        "first_loss": f"{first:.6f}", "last_loss": f"{last:.6f}",
    }
    report(row, record_property)
    assert last < first, f"the reference does not learn: {row}"
    assert loss.value <= limit["loss"], row
    assert tensor.value <= limit["tensor"], row
    assert free.value <= limit["free_loss"], row


def report(row, record_property=None):
    """One line in BUILD/models/<model>_<precision>.csv and the same figures as junit properties."""
    print(row)
    if record_property:
        for key, value in row.items():
            record_property(key, value)
    build = os.environ.get("TRAINSTONE_BUILD")
    if build:
        folder = pathlib.Path(build) / "models"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / f"{row['model']}_{row['precision']}.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, row)
            writer.writeheader()
            writer.writerow(row)
