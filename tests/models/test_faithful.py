"""Values come from the modelled machine: its instructions decide them, and nothing else computes them."""

import math
import re
import subprocess

import cli
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest


@pytest.fixture(scope="module")
def step(tmp_path_factory):
    """The digits training step as files: (function, arguments, program, inputs, folder)."""
    folder = tmp_path_factory.mktemp("step")
    state, fn, batches = models.digits_mlp(jnp.float32, steps=1)
    arguments = (state, batches[0])
    program = cli.write_program(fn, arguments, folder / "step.mlirbc")
    return fn, arguments, program, cli.write_inputs(arguments, folder / "in"), folder


@pytest.fixture(scope="module")
def listing(step):
    *_, program, _, folder = step
    cli.succeed("compile", program, "-o", folder / "step.trn")
    return cli.succeed("print", folder / "step.trn")


def test_command_computes_what_jax_does(step):
    fn, arguments, program, inputs, folder = step
    outputs, _ = cli.run_program(program, inputs, folder / "values")
    want = jax.tree.leaves(jax.jit(fn, device=None)(*jax.device_put(arguments, jax.devices("cpu")[0])))
    assert len(outputs) == len(want)
    for got, expected in zip(outputs, want):
        np.testing.assert_allclose(got, np.asarray(expected), rtol=1e-4, atol=1e-6)


def test_compiled_program_gives_the_same_bits(step, listing):
    *_, program, inputs, folder = step
    direct, _ = cli.run_program(program, inputs, folder / "direct")
    compiled, _ = cli.run_program(folder / "step.trn", inputs, folder / "compiled")
    assert cli.same_bits(direct, compiled)


def test_text_form_runs(step, listing):
    *_, inputs, folder = step
    (folder / "same.trn").write_text(listing)
    compiled, _ = cli.run_program(folder / "step.trn", inputs, folder / "binary")
    text, _ = cli.run_program(folder / "same.trn", inputs, folder / "text")
    assert cli.same_bits(compiled, text)


ELEMENT_BYTES = {"f32": 4, "bf16": 2, "f16": 2, "f8e4m3": 1, "f8e5m2": 1}
OPERAND = r"{}=\w+\.\w+\[(?:tile\d+ )?p\S+:(\d+) \S+((?: \d+(?:@-?\d+)?)*)\]"


def edits(listing):
    """The listing with the on-chip byte offset of one matmul operand moved by one element, one edit at a time."""
    lines = listing.splitlines()
    for number, line in enumerate(lines):
        if "nc_matmul" not in line:
            continue
        for operand in re.finditer(r"moving=sbuf\.(\w+)\[[^]]*? \+(\d+)", line):
            at = operand.start(2)
            changed = line[:at] + str(int(operand[2]) + ELEMENT_BYTES[operand[1]]) + line[operand.end(2):]
            yield "\n".join(lines[:number] + [changed] + lines[number + 1:]) + "\n"


def shape_of(line):
    """Of a matmul in the listing: the partitions of each operand, and its free elements by name (the most
    they can be)."""
    line = re.sub(r"\*\([^()]*\)", "", line)  # rotating offsets
    line = re.sub(r"min\((\d+),[^()]*\)", r"\1", line)  # ragged counts
    parts, counts = [], {}
    for name in ("dst", "stationary", "moving"):
        operand = re.search(OPERAND.format(name), line)
        parts.append(int(operand[1]))
        counts[name] = math.prod(int(dim.split("@")[0]) for dim in operand[2].split())
    return parts, counts


def test_one_changed_offset_changes_the_output(step, listing):
    *_, inputs, folder = step
    reference, _ = cli.run_program(folder / "step.trn", inputs, folder / "reference")
    tried = changed = 0
    for text in edits(listing):
        (folder / "edited.trn").write_text(text)
        done = cli.trainstone("run", folder / "edited.trn", "--input", *inputs, "--out", folder / f"edited_{tried}")
        tried += 1
        if done.returncode != 0:  # the verifier may refuse an offset past a tile's end
            continue
        outputs = [np.load(folder / f"edited_{tried - 1}" / f"output_{n}.npy") for n in range(len(reference))]
        changed += not cli.same_bits(reference, outputs)
        if changed >= 3:
            return
    assert changed > 0, f"{tried} edits, and none changed a bit"


@pytest.mark.parametrize("name, precision", [("digits_mlp", "fp32"), ("wide_mlp", "bf16"), ("gpt", "fp32")])
def test_matmul_flops_are_those_of_the_model(name, precision, tmp_path):
    state, fn, batches = models.MODELS[name](models.COMPUTE[precision], steps=1)
    arguments = (state, batches[0])
    program = cli.write_program(fn, arguments, tmp_path / "step.mlirbc")
    _, record = cli.run_json(program, cli.write_inputs(arguments, tmp_path / "in"), tmp_path / "out")
    assert record["pe_flops"] == cli.dot_flops(fn, arguments) > 0


def test_matmuls_fit_the_array(step, listing):
    """Every nc_matmul is at most 128 x 128 x 512: what the verifier checks, read from the listing again."""
    seen = 0
    for line in listing.splitlines():
        if "nc_matmul" in line:
            seen += 1
            parts, counts = shape_of(line)
            assert max(parts) <= 128 and counts["stationary"] <= 128 and counts["moving"] <= 512, line
    assert seen > 0


def test_poisoned_memory_changes_nothing(step):
    *_, program, inputs, folder = step
    plain, _ = cli.run_program(program, inputs, folder / "plain")
    poisoned, _ = cli.run_program(program, inputs, folder / "poisoned", "--poison")
    assert cli.same_bits(plain, poisoned)


def test_values_do_not_depend_on_where_the_host_keeps_tiles(step):
    *_, program, inputs, folder = step
    plain, _ = cli.run_program(program, inputs, folder / "plain")
    checked, _ = cli.run_program(program, inputs, folder / "checked", "--check", "unset")  # at their addresses
    assert cli.same_bits(plain, checked)


@pytest.mark.parametrize("file", ["trainstone", "libtrainstone.so"])
def test_nothing_else_could_compute(file):
    """The command and the library are linked to the C library and zstd, to no framework and no BLAS."""
    text = subprocess.run(["ldd", cli.BUILD / file], check=True, capture_output=True, text=True).stdout
    libraries = {line.split()[0].split("/")[-1].split(".so")[0] for line in text.splitlines() if line.strip()}
    allowed = {"linux-vdso", "libc", "libm", "libzstd", "libpthread", "libdl", "ld-linux-x86-64", "ld-linux-aarch64",
               "libgcc_s"}
    assert libraries <= allowed, libraries - allowed
