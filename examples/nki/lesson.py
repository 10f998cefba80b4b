"""What every lesson prints of a kernel: its time, what holds it, and how busy each engine is.

    python examples/nki/1_hello.py [--timeline FOLDER]

With --timeline each kernel leaves a NAME.neff there; `neuron-profile view -n NAME.neff --output-format
perfetto` makes a timeline of it that ui.perfetto.dev opens (docs/nki.md).
"""

import argparse
import pathlib

import trainstone.nki.activate  # noqa: F401 (makes `nki` importable where AWS's own is not installed)
import nki
import numpy as np
from trainstone.nki.launch import on_ranks


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--timeline", type=pathlib.Path, help="folder for a .neff of each kernel")
    return parser.parse_args()


def show(kernel, *arguments, name=None, timeline=None, ranks=1):
    """Runs a kernel, prints the model's account of it, and returns its result and its microseconds. On
    several ranks the argument is a function that gives each its own."""
    name = name or kernel.__name__
    extra = {"save_neff_name": str(timeline / f"{name}.neff")} if timeline else {}
    measured = nki.benchmark(kernel, **extra)
    result = measured(*arguments) if ranks == 1 else on_ranks(measured, ranks, *arguments)
    record = measured.benchmark_result.record
    micros = measured.benchmark_result.nc_latency.get_latency_percentile(50)
    busy = ", ".join(f"{engine} {share:.0%}" for engine, share in record["busy"].items() if share >= 0.005)
    held = max(record["bounds"], key=record["bounds"].get)
    share = record["bounds"][held] / record["predicted_seconds"]
    print(f"{name:24} {micros:9.1f} us   held by {held.replace('_', ' ')} for {share:.0%} of it   busy: {busy}")
    if record["collectives"]:
        print(f"{'':24} {1e6 * record['collective_seconds']:9.1f} us of {record['collectives']} collectives")
    return result, micros


def random(*shape, dtype=np.float32):
    return np.random.default_rng(1).standard_normal(shape).astype(dtype)


def close(found, expected, tolerance=1e-5):
    np.testing.assert_allclose(np.asarray(found, np.float32), expected, rtol=tolerance, atol=tolerance)
