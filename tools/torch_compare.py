"""Trains the models of torch_models.py with PyTorch on the CPU, with PyTorch/XLA on the CPU and on the
modelled chip, and compares the losses.

usage: torch_compare.py [--json FILE] [--page docs/pytorch.md] [NAME...]
Without a NAME all models are trained, which takes three quarters of an hour; --names lists them. With --json
FILE everything measured is kept there, and models that are not named keep what it has of them. With --page
the results replace the part of the page between its two marks. Ends with 1 when a loss is off or a model does
not train.

The environment is that of `make torch`, and the packages of requirements-models.txt:
    .venv-torch/bin/pip install -r tools/requirements-models.txt
"""

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import marks

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- torch models -->", "<!-- end of torch models -->"
TOLERANCE = 1e-4  # relative, of a loss in fp32
ENVIRONMENTS = {"torch": {}, "host": {"PJRT_DEVICE": "CPU"}, "chip": {"PJRT_DEVICE": "NEURON"}}
# module: how to install it
NEEDED = {name: "make torch" for name in ("torch", "torch_xla", "trainstone")} | {
    name: "pip install -r tools/requirements-models.txt"
    for name in ("transformers", "torchvision", "timm", "peft", "accelerate")}


def missing():
    """A line for each package that this interpreter lacks."""
    return [f"{name}: not installed here ({how})" for name, how in NEEDED.items() if not importlib.util.find_spec(name)]


def run(name, place):
    """The measurements of a process that trains at `place`, or {"error": its message}."""
    command = [sys.executable, str(HERE / "torch_training.py"), name, place]
    done = subprocess.run(command, env=os.environ | ENVIRONMENTS[place], capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        return json.loads(lines[-1])
    said = [line for line in done.stderr.splitlines() if line.strip()] or [f"ended with {done.returncode}"]
    told = next((line for line in reversed(said) if "Error" in line or "unsupported" in line), said[-1])
    return {"error": told, "story": done.stderr[-6000:]}


def judged(chip, torch, tolerance):
    """The relative distance of the losses from those of PyTorch on the CPU, and whether it is small enough."""
    scale = abs(torch["losses"][0])  # what is left of a loss that falls to nothing is a difference of large numbers
    off = max(abs(a - b) / max(abs(b), 0.1 * scale) if a == a else float("inf")
              for a, b in zip(chip["losses"], torch["losses"], strict=True))
    return off, off <= tolerance


def compare(name, tolerance):
    found = {"name": name, "date": datetime.date.today().isoformat()}
    found |= {place: run(name, place) for place in ENVIRONMENTS}
    if all("losses" in found[place] for place in ("torch", "chip")):
        found["off"], found["agrees"] = judged(found["chip"], found["torch"], tolerance)
    return found


def steady(times):
    """The time of a step that no longer compiles, if there is one."""
    return min(times[2:] or times)


def row(found):
    chip, host = found["chip"], found["host"]
    if "agrees" not in found:
        why = next(found[place]["error"] for place in ("chip", "torch") if "error" in found[place])
        return f"| {found['name']} | does not train: {why[:160].replace('|', ' ')} | | | | |"
    seconds = f"{steady(chip['cpu']):.2f} s"
    counts = chip["compilations"]
    if len(counts) < 3:
        seconds += ", compilation included"
    elif counts[2] != counts[-1]:
        seconds += ", compiles anew"
    ratio = f"{steady(chip['cpu']) / steady(host['cpu']):.1f}" if "cpu" in host else ""
    return (f"| {found['name']} | {'' if found['agrees'] else '**wrong** '}{found['off']:.0e} | {seconds} | {ratio} | "
            f"{chip['predicted'] * 1e3:.2f} ms | {chip['bottleneck'].replace('dma_', 'DMA ')} |")


def table(results):
    """Markdown: date and versions, then a row for each model."""
    dates = sorted({found["date"] for found in results})
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in NEEDED if name != "trainstone")
    return "\n".join([
        f"Date: {' to '.join(dict.fromkeys((dates[0], dates[-1])))}. Versions: {versions}.",
        "",
        "| Model | Loss off by | Step, host CPU | To XLA:CPU | Predicted | Bound by |",
        "|---|---:|---:|---:|---:|---|",
        *(row(found) for found in results)])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--names", action="store_true", dest="lists", help="list the models")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--page", type=pathlib.Path)
    return parser.parse_args()


def main():
    options = arguments()
    if lacks := missing():
        sys.exit(f"{sys.executable} lacks packages:\n" + "\n".join(lacks))
    from torch_models import CASES

    if options.lists:
        print("\n".join(CASES))
        return 0
    if unknown := [name for name in options.names if name not in CASES]:
        sys.exit(f"no such model: {', '.join(map(repr, unknown))} (--names lists them)")
    known = {}
    if options.json and options.json.exists() and options.names:
        known = {found["name"]: found for found in json.loads(options.json.read_text())}
    for name in options.names or CASES:
        known[name] = compare(name, CASES[name][1].get("tolerance", TOLERANCE))
        print(row(known[name]), flush=True)
        results = [known[name] for name in CASES if name in known]
        if options.json:
            options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.page:
        marks.replace(options.page, BEGIN, table(results), END)
    return 0 if all(found.get("agrees") for found in results) else 1


if __name__ == "__main__":
    sys.exit(main())
