"""A what-if chip with 4 MiB of SBUF: the same values, and more traffic to HBM."""

import json

import cli
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

PARTITION_BYTES = 32 * 1024  # of 128: 4 MiB


def small_chip(folder):
    """The chip's own table with one row changed."""
    rows = cli.succeed("chip").splitlines()
    at = next(i for i, row in enumerate(rows) if row.startswith("sbuf_partition_bytes"))
    rows[at] = f"sbuf_partition_bytes = {PARTITION_BYTES}"
    path = folder / "small.chip"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("make", [
    pytest.param(lambda: models.wide_mlp(jnp.float32, steps=1), id="mlp"),
    pytest.param(lambda: models.gpt(jnp.float32, steps=1, layers=1, width=256, heads=4, length=256, vocab=512, batch=2),
                 id="gpt"),
    pytest.param(lambda: models.lstm(jnp.float32, steps=1, width=256, length=8, vocab=64, batch=128), id="lstm"),
])
def test_four_mebibytes_of_sbuf(make, tmp_path):
    state, fn, batches = make()
    program = cli.write_program(fn, (state, batches[0]), tmp_path / "step.mlirbc")
    inputs = cli.write_inputs((state, batches[0]), tmp_path / "in")
    outputs, records = {}, {}
    for name, flags in {"whole": (), "small": ("--chip", small_chip(tmp_path))}.items():
        outputs[name], text = cli.run_program(program, inputs, tmp_path / name, "--json", *flags)
        records[name] = json.loads(text)
    for got, want in zip(outputs["small"], outputs["whole"], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-6)
    assert records["small"]["hbm_bytes"] > records["whole"]["hbm_bytes"]
    assert records["small"]["pe_flops"] == records["whole"]["pe_flops"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("rows, columns, depth", [(640, 1300, 512), (2100, 1100, 200), (1153, 1537, 1000)])
def test_products_of_many_panels(rows, columns, depth, dtype, tmp_path):
    """What is turned for the first panel of the other side and kept in HBM for the others, whole and ragged."""
    random = np.random.default_rng(rows)
    x, y = (jnp.asarray(random.integers(-8, 9, (size, depth)), dtype) for size in (rows, columns))
    forms = {"right": lambda x, y: jnp.matmul(x, y.T, preferred_element_type=jnp.float32),
             "left": lambda x, y: jnp.matmul(x, y, preferred_element_type=jnp.float32),
             "both": lambda x, y: jnp.matmul(x.T, y.T, preferred_element_type=jnp.float32)}
    arguments = {"right": (x, y), "left": (x, y.T), "both": (x.T, y)}
    want = np.asarray(x, np.float64) @ np.asarray(y, np.float64).T
    for form, fn in forms.items():
        for flags in ((), ("--chip", small_chip(tmp_path))):
            program = cli.write_program(jax.jit(fn), arguments[form], tmp_path / "dot.mlirbc")
            inputs = cli.write_inputs(arguments[form], tmp_path / "in")
            (got,), _ = cli.run_program(program, inputs, tmp_path / "out", *flags)
            np.testing.assert_array_equal(got, want)
