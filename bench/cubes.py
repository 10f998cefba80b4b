"""How near a large product comes to an unhindered stream of nc_matmul: what the chip would take for cubes, according to
the clock.

usage: cubes.py [--size N] [--command TRAINSTONE]

The stream is the smallest number of nc_matmul that computes the product, one after the other. A step adds the program's
launch, the blocks that TensorE transposes because they lie along depth, and waits. The column after the stream's share
shows the share of all of TensorE's instructions, transposes included; what it lacks to 100 % is launch and waits.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.export  # noqa: E402
import jax.numpy as jnp  # noqa: E402

BUILD = pathlib.Path(__file__).resolve().parents[1] / "build"
FORMS = {"A @ B": lambda a, b: a @ b, "A @ B.T": lambda a, b: a @ b.T, "A.T @ B": lambda a, b: a.T @ b,
         "A.T @ B.T": lambda a, b: a.T @ b.T}
DTYPES = {"bf16": jnp.bfloat16, "fp32": jnp.float32}
ROWS, COLUMNS = 128, 512  # of the stationary and the moving operand of one nc_matmul


def answer(command, *words):
    return subprocess.run([command, *words], check=True, capture_output=True, text=True).stdout


def chip_rows(command):
    rows = (line.split("#")[0].split("=") for line in answer(command, "chip").splitlines() if "=" in line)
    return {name.strip(): float(value) for name, value in rows}


def record_of(command, form, dtype, size):
    shape = jax.ShapeDtypeStruct((size, size), dtype)
    exported = jax.export.export(jax.jit(form), platforms=["neuron"])(shape, shape)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "cube.mlirbc"
        path.write_bytes(exported.mlir_module_serialized)
        return json.loads(answer(command, "time", "--json", path))


def stream_seconds(chip, size, precision):
    products = (size // ROWS) ** 2 * (size // COLUMNS)
    passes = chip["fp32_matmul_passes"] if precision == "fp32" else 1
    return products * (COLUMNS * passes + chip["tensor_overhead_cycles"]) / chip["tensor_ghz"] * 1e-9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=4096, help="a multiple of 512")
    parser.add_argument("--command", default=BUILD / "trainstone")
    options = parser.parse_args()
    if options.size % COLUMNS:
        parser.error(f"--size: {options.size} is no multiple of {COLUMNS}")
    chip = chip_rows(options.command)
    print("| type | product | step ms | stream ms | of it % | with transposes % | transposes ms | HBM MB |\n"
          "|---|---|---|---|---|---|---|---|")
    for precision, dtype in DTYPES.items():
        for name, form in FORMS.items():
            record = record_of(options.command, form, dtype, options.size)
            step, stream = record["predicted_seconds"], stream_seconds(chip, options.size, precision)
            turned = sum(row["busy_seconds"] for row in record["rows"] if row["op"] == "nc_transpose")
            print(f"| {precision} | {name} | {1e3 * step:.3f} | {1e3 * stream:.3f} | {100 * stream / step:.1f} | "
                  f"{100 * (stream + turned) / step:.1f} | {1e3 * turned:.3f} | {record['hbm_bytes'] / 1e6:.0f} |")


if __name__ == "__main__":
    main()
