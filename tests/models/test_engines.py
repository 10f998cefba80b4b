"""Training steps run on documented engine instructions; what does not is in the record by name."""

import harness
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

import trainstone

STEPS = {"mlp": models.wide_mlp, "gpt": models.gpt, "lstm": models.lstm, "resnet20": models.resnet20}


def record_of(fn, *arguments):
    device = jax.devices(harness.CHIP)[0]
    jax.block_until_ready(jax.jit(fn)(*jax.device_put(arguments, device)))
    return trainstone.last_run()


@pytest.mark.parametrize("precision", models.COMPUTE)
@pytest.mark.parametrize("name", STEPS)
def test_step_stays_on_engines(name, precision, record_property):
    state, step, batches, *_ = STEPS[name](models.COMPUTE[precision], steps=1)
    record = record_of(step, state, batches[0])
    record_property("off_engine", record["off_engine"])
    record_property("off_engine_share", record["off_engine_elems"] / record["elems"])
    assert record["off_engine_elems"] <= 0.01 * record["elems"]
    assert record["engine_share"] == pytest.approx(1 - record["off_engine_elems"] / record["elems"])
    assert record["off_engine_elems"] == 0 or record["off_engine"]
    # All that the program's dots and convolutions ask for is done by the PE.
    assert record["pe_flops"] == record["model_flops"] > 0
    assert {row["op"] for row in record["rows"] if row["flops"]} == {"nc_matmul"}


def test_routines_are_listed():
    """The sine of a large angle needs a routine beside the documented instructions, for a part of the work."""
    x = np.linspace(-1e4, 1e4, 640, dtype=np.float32).reshape(64, 10)
    record = record_of(lambda x: jnp.sin(x) @ x.T, x)
    assert record["off_engine"] == ["gpsimd_fold_angle"]
    elems = sum(row["elems"] for row in record["rows"] if row["op"] == "gpsimd_fold_angle")
    assert record["rows_left_out"] == 0 and 0 < elems == record["off_engine_elems"] < record["elems"]
    assert 0 < record["engine_share"] < 1
    assert record["pe_flops"] == record["model_flops"] == 2 * 64 * 10 * 64
