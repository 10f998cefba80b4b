"""Times the kernels that AWS and others published times of, as they were published, and compares.

Each row of tests/timing/kernels.csv names a kernel at a commit, the shapes of its arguments, and what was measured of
it. Kernels are taken from git checkouts (aws-neuron-sdk, nki-samples, asst4-trainium), recorded unmodified except for
the constants that a row sets, and clocked; no values are computed. Writes tests/timing/kernel_results.csv, from which
tools/fidelity.py makes its page.

    tools/nki_fidelity.py [--build build] [--only WORD] [--keep FOLDER] CHECKOUT...
"""

import argparse
import csv
import importlib.util
import io
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import time

import fidelity

ROOT = pathlib.Path(__file__).resolve().parents[1]
DTYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "i32": "int32"}
LAST = "kernel_results.csv"


class Checkouts:
    """Files of commits, unpacked so that they can be imported."""

    def __init__(self, folders, scratch):
        self.folders, self.scratch, self.unpacked = folders, scratch, {}

    def _git(self, folder, *words):
        return subprocess.run(["git", "-C", folder, *words], capture_output=True, check=False)

    def _holder(self, commit, path):
        for folder in self.folders:
            if self._git(folder, "cat-file", "-e", f"{commit}:{path}").returncode == 0:
                return folder
        raise SystemExit(f"no checkout holds {path} at {commit}: give a clone with its history")

    def file(self, commit, path):
        top = path.split("/")[0]
        if (commit, top) not in self.unpacked:
            packed = self._git(self._holder(commit, path), "archive", commit, top)
            if packed.returncode:
                raise SystemExit(packed.stderr.decode())
            target = self.scratch / re.sub(r"\W", "_", f"{commit}_{top}")
            with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
                archive.extractall(target, filter="data")
            self.unpacked[commit, top] = target
        return self.unpacked[commit, top] / path


def load_module(path, edits):
    """Imports the kernel's module; edits are `old => new`, each of which must apply."""
    source = path.read_text()
    for edit in filter(None, edits.split(";")):
        old, new = (part.strip() for part in edit.split("=>"))
        if old not in source:
            raise SystemExit(f"{path}: no {old!r} to set")
        source = source.replace(old, new)
    path = path.with_name(f"{path.stem}_{abs(hash(edits))}.py") if edits else path
    path.write_text(source)
    roots = [str(path.parent), *(str(parent) for parent in path.parents if parent.name == "src")]
    sys.path[:0] = roots
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    del sys.path[:len(roots)]
    return module


def argument(text):
    """f32[128,512] stands for an array of that shape, anything else for a Python literal."""
    import numpy as np
    from trainstone.nki import dtypes

    shape = re.fullmatch(r"(\w+)\[([\d,]+)\]", text)
    if shape and shape[1] in DTYPES:
        return np.zeros([int(length) for length in shape[2].split(",")], dtypes.dtype_of(DTYPES[shape[1]]))
    return eval(text, {"__builtins__": {}})


def parse_arguments(text):
    given, named = [], {}
    for word in text.split():
        name, _, value = word.rpartition("=")
        if name:
            named[name] = argument(value)
        else:
            given.append(argument(value))
    return given, named


def record(checkouts, case, path):
    """Writes the recorded program of a row."""
    commit, file, name = re.fullmatch(r"[\w-]+@([^:]+):(.+):(\w+)", case["kernel"]).groups()
    module = load_module(checkouts.file(commit, file), case["edits"])
    from trainstone.nki.kernel import Kernel

    os.environ["NEURON_PLATFORM_TARGET_OVERRIDE"] = case["chip"] or "trn1"
    kernel = getattr(module, name)
    kernel = kernel if isinstance(kernel, Kernel) else Kernel(kernel, dialect="beta1")
    if case["grid"]:
        kernel = kernel[argument(case["grid"])]
    given, named = parse_arguments(case["arguments"])
    run, _ = kernel.record(given, named)
    path.write_text(run.recording.text())


def results(cases, checkouts, clock, keep):
    programs, found = {}, []
    for case in cases:
        key = case["chip"], case["kernel"], case["edits"], case["arguments"], case["grid"]
        start = time.time()
        if key not in programs:
            programs[key] = keep / f"{len(programs)}_{case['id']}.trn"
            try:
                record(checkouts, case, programs[key])
            except (NotImplementedError, ValueError, TypeError, MemoryError, IndexError, AttributeError) as error:
                print(f"{case['id']:>6} {case['what'][:60]}: {type(error).__name__}: {error}"[:500], flush=True)
                programs[key] = None
        if programs[key] is None:
            continue
        case = case | {"program": str(programs[key].resolve()), "parameters": ""}
        found.append(fidelity.predict(clock, case))
        row = found[-1]
        print(f"{row['id']:>6} {row['role']:5} {row['what'][:60]:60} {fidelity.number(row['published']):>7} "
              f"{fidelity.number(row['predicted']):>7} {row['unit']} {row['error_percent']:+6.1f} % "
              f"({time.time() - start:.1f} s)", flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkouts", nargs="+", help="git clones, with their history")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="where `trainstone` was built")
    parser.add_argument("--only", default="", help="rows whose id or text holds this; writes nothing")
    parser.add_argument("--keep", type=pathlib.Path, help="where the recorded programs are left")
    arguments = parser.parse_args()
    os.environ.setdefault("TRAINSTONE_LIBRARY", str(arguments.build.resolve() / "libtrainstone.so"))
    sys.path.insert(0, str(ROOT / "python"))
    import trainstone.nki.activate  # noqa: F401

    cases = [case for case in fidelity.read_rows("kernels.csv")
             if arguments.only in case["id"] or arguments.only in case["what"]]
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        keep = arguments.keep or scratch / "programs"
        keep.mkdir(parents=True, exist_ok=True)
        clock = fidelity.Clock(arguments.build.resolve(), scratch)
        found = results(cases, Checkouts(arguments.checkouts, scratch), clock, keep)
    if not arguments.only:
        (fidelity.TIMING / LAST).write_text(fidelity.results_csv(found))
        print(f"wrote tests/timing/{LAST}: run tools/fidelity.py to make the page")
    return 0


if __name__ == "__main__":
    sys.exit(main())
