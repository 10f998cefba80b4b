"""Runs CS149's assignment 4 (Stanford) on Trainstone, command by command, and prints what each says.

    tools/cs149.py CHECKOUT [--size SMALL]
    tools/cs149.py CHECKOUT --part2 [examples/nki/conv2d.py]

CHECKOUT is a clone of stanford-cs149/asst4-trainium (2024, Trainium) or, for part 2, of asst4-trainium2
(2025, Trainium2). It is copied. Part 1 sets the copy's constants as the assignment says; --size replaces the
25600 elements of its first steps. Part 2 puts a solution in the place of the starter's conv2d.py and runs the
course's test_harness.py on it, which needs PyTorch in the Python that runs this. docs/cs149.md tells what to
make of the output.
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
    """Sets constants in vector_add_tiled and vector_add_stream only, where each occurs once before direct
    allocation."""
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
    correct = ("correct" if "passed? True" in done.stdout else
               "refused" if "NkiValidationError" in done.stderr else "failed")
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


def test_convolution(checkout, solution):
    """Runs the course's own tests, unmodified, on the chip of that year. Returns whether all of them passed."""
    chip = "trn2" if (checkout / "part1/run_benchmark.py").is_file() else "trn1"
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "part2"
        shutil.copytree(checkout / "part2", folder)
        shutil.copy(solution, folder / "conv2d.py")
        os.environ["NEURON_PLATFORM_TARGET_OVERRIDE"] = chip
        done = run(folder, "-W", "ignore", "-m", "trainstone", "test_harness.py", "--test_maxpool")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    print("\n".join([f"on {chip}:", *lines]) if lines else done.stderr[-2000:])
    return done.returncode == 0 and "ailed" not in done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkout", type=pathlib.Path)
    parser.add_argument("--size", type=int)
    parser.add_argument("--part2", type=pathlib.Path, nargs="?", const=ROOT / "examples/nki/conv2d.py", metavar="FILE")
    arguments = parser.parse_args()
    if arguments.part2:
        return 0 if test_convolution(arguments.checkout, arguments.part2) else 1
    if not (arguments.checkout / "part1/kernels.py").is_file():
        raise SystemExit(f"{arguments.checkout} has no part1/kernels.py: give a clone of stanford-cs149/asst4-trainium")
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "part1"
        shutil.copytree(arguments.checkout / "part1", folder)
        ended = [act(folder, step, arguments.size) for step in STEPS]
    return 0 if all(ended) else 1


if __name__ == "__main__":
    sys.exit(main())
