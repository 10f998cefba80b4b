"""Runs part 1 of CS149's assignment 4 (Stanford, 2024) on Trainstone, command by command, and prints what each says.

    tools/cs149.py CHECKOUT [--size SMALL]

CHECKOUT is a clone of stanford-cs149/asst4-trainium; it is copied, and the copy's constants are set as the assignment says.
docs/cs149.md tells what to make of the output. --size replaces the 25600 elements of the first steps.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
# step, constants to set in kernels.py, kernel, elements, profile name
STEPS = (
    ("step 1: rows of 1", {"ROW_CHUNK": 1}, "tiled", 25600, None),
    ("step 1: rows of 128", {"ROW_CHUNK": 128}, "tiled", 25600, None),
    ("step 2a: 2 elements a partition", {"FREE_DIM": 2}, "stream", 25600, None),
    ("step 2a: 200 elements a partition", {"FREE_DIM": 200}, "stream", 25600, None),
    ("step 2b: 2000 elements a partition", {"FREE_DIM": 2000}, "stream", 256000, "stream_256k_fd2k"),
    ("step 2b: 1000 elements a partition", {"FREE_DIM": 1000}, "stream", 256000, "stream_256k_fd1k"),
    ("step 3: direct allocation", {}, "alloc", 256000, None),
    ("step 3: direct allocation, wrong", {}, "alloc_bad", 256000, None),
)


def set_constants(path, constants):
    """Only in vector_add_tiled and vector_add_stream, where each stands once before direct allocation."""
    text = path.read_text()
    for name, value in constants.items():
        text, count = re.subn(rf"^(    {name} = )\d+", rf"\g<1>{value}", text, count=1, flags=re.M)
        if not count:
            raise SystemExit(f"{path} sets no {name}: is this asst4-trainium?")
    path.write_text(text)


def run(folder, *words):
    paths = [str(ROOT / "python"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True,
                          check=False)


def found(pattern, text):
    match = re.search(pattern, text)
    return match[1] if match else "-"


def act(folder, step, size):
    title, constants, kernel, elements, profile = step
    elements = size if size and elements == 25600 else elements
    set_constants(folder / "kernels.py", constants)
    words = ["vec_add.py", "--kernel", kernel, "--size", str(elements), *(["--profile", profile] if profile else [])]
    done = run(folder, "-W", "ignore", "-m", "trainstone", *words)
    correct = "correct" if "passed? True" in done.stdout else "refused" if "NkiValidationError" in done.stderr else "failed"
    micros = found(r"Execution Time: ([0-9.]+)", done.stdout)
    line = f"{title:36} {correct:8}" + (f" {float(micros):10.1f} us" if micros != "-" else "")
    if profile:
        shown = run(folder, "-m", "trainstone.neuron_profile", "view", "--output-format", "summary-text", "-n",
                    f"{profile}.neff", "-s", f"{profile}.ntff")
        line += f"   dma_transfer_count {found(r'dma_transfer_count +([0-9]+)', shown.stdout)}"
    print(line, flush=True)
    if correct != "correct":
        print(f"    {found(r'NkiValidationError: (.*)', done.stderr)}" if correct == "refused" else done.stderr[-2000:])
    return correct == ("refused" if kernel == "alloc_bad" else "correct")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkout", type=pathlib.Path)
    parser.add_argument("--size", type=int)
    arguments = parser.parse_args()
    if not (arguments.checkout / "part1/kernels.py").is_file():
        raise SystemExit(f"{arguments.checkout} has no part1/kernels.py: give a clone of stanford-cs149/asst4-trainium")
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "part1"
        shutil.copytree(arguments.checkout / "part1", folder)
        ended = [act(folder, step, arguments.size) for step in STEPS]
    return 0 if all(ended) else 1


if __name__ == "__main__":
    sys.exit(main())
