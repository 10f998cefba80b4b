"""Trains models of torch_models.py with PyTorch on the CPU, with PyTorch/XLA on the CPU and on the modelled chip, and compares.

    .venv-torch/bin/python tools/torch_compare.py [--json FILE] [NAME...]

The environment needs the packages of tools/requirements-models.txt beside those of requirements-torch.txt. Each training is a
process of its own."""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve()
STEPS = 4
TOLERANCE = 1e-4  # relative, of a loss in fp32
ENVIRONMENTS = {"torch": {}, "host": {"PJRT_DEVICE": "CPU"}, "chip": {"PJRT_DEVICE": "NEURON"}}


class Training:
    def __init__(self, name, place):
        import torch

        from torch_models import CASES

        torch.manual_seed(0)
        make, self.how = CASES[name]
        self.place, self.device = place, device_of(place)
        model, self.loss_of, batch = make()
        self.model = model.to(self.device, self.how.get("cast")).train()
        if hasattr(model, "tie_weights"):
            model.tie_weights()
        if self.how.get("checkpointing"):
            checkpoint(self.model, place)
        self.batch = {key: self.placed(value) for key, value in batch.items()}
        rate = {"SGD": {"lr": 1e-3, "momentum": 0.9}, "Adafactor": {"lr": 1e-2}}.get(self.how.get("optimizer"), {"lr": 1e-3})
        chosen = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = getattr(torch.optim, self.how.get("optimizer", "AdamW"))(chosen, **rate)
        self.schedule = (torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 20) if self.how.get("schedule")
                         else None)

    def placed(self, value):
        import torch

        if not isinstance(value, torch.Tensor):
            return value
        value = value.to(self.device)
        return value.to(self.how["cast"]) if "cast" in self.how and value.is_floating_point() else value

    def autocast(self):
        import torch

        if not self.how.get("autocast"):
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def step(self):
        import torch

        self.optimizer.zero_grad()
        times = self.how.get("accumulate", 1)
        for _ in range(times):
            with self.autocast():
                loss = self.loss_of(self.model, self.batch) / times
            loss.backward()
        if "clip" in self.how:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.how["clip"])
        self.optimizer.step()
        if self.schedule:
            self.schedule.step()
        if self.place != "torch":
            import torch_xla

            torch_xla.sync()
        return loss.item() * times


def checkpoint(model, place):
    """PyTorch's own torch.utils.checkpoint asks for torch.xla, which does not exist: PyTorch/XLA has one."""
    model.gradient_checkpointing_enable()
    if place != "torch":
        from torch_xla.utils import checkpoint as xla

        for module in model.modules():
            if hasattr(module, "_gradient_checkpointing_func"):
                module._gradient_checkpointing_func = xla.checkpoint


def device_of(place):
    import torch

    if place == "torch":
        return torch.device("cpu")
    import torch_xla

    return torch_xla.device()


def measure(name, place):
    """One training, in this process."""
    training = Training(name, place)
    losses, seconds, cpu = [], [], []
    counts = []
    for _ in range(training.how.get("steps", STEPS)):
        begin, used = time.perf_counter(), time.process_time()
        losses.append(training.step())
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - used)
        counts.append(compilations(place))
    found = {"losses": losses, "seconds": seconds, "cpu": cpu, "compilations": [count for count, _ in counts],
             "compile": counts[-1][1], "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}
    if place == "chip":
        found |= predicted()
    return found


def compilations(place):
    """How many so far, and their seconds."""
    if place == "torch":
        return 0, 0.0
    from torch_xla.debug import metrics

    data = metrics.metric_data("CompileTime")
    return (data[0], data[1] / 1e9) if data else (0, 0.0)


def predicted():
    """Of the costliest program, and which operations PyTorch computed on the host."""
    from torch_xla.debug import metrics

    from trainstone import library

    runs = [record for _, record in library.runs()]
    record = max((r for r in runs if "error" not in r), key=lambda r: r["predicted_seconds"])
    host = {n: metrics.counter_value(n) for n in metrics.counter_names() if n.startswith("aten::")}
    return {"predicted": record["predicted_seconds"], "bottleneck": record["bottleneck"], "mfu": record["mfu"],
            "busy": record["busy"], "host_operations": host}


def judged(chip, torch, tolerance):
    """How far losses are from those of PyTorch on the CPU, of the first of them at most, and whether that is close enough."""
    scale = abs(torch["losses"][0])  # what is left of a loss that falls to nothing is a difference of large numbers
    off = max(abs(a - b) / max(abs(b), 0.1 * scale) if a == a else float("inf")
              for a, b in zip(chip["losses"], torch["losses"], strict=True))
    return off, off <= tolerance


def run(name, place):
    """The measurements of a process that trains there, or {"error": what it said}."""
    command = [sys.executable, str(HERE), "--one", name, "--on", place]
    done = subprocess.run(command, env=os.environ | ENVIRONMENTS[place], capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        return json.loads(lines[-1])
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return {"error": next((line for line in reversed(said) if "Error" in line or "unsupported" in line), said[-1:]), "story": done.stderr[-6000:]}


def compare(name):
    from torch_models import CASES

    found = {place: run(name, place) for place in ENVIRONMENTS}
    found["name"] = name
    if all("losses" in found[place] for place in ("torch", "chip")):
        found["off"], found["agrees"] = judged(found["chip"], found["torch"], CASES[name][1].get("tolerance", TOLERANCE))
    return found


def row(found):
    chip, host = found["chip"], found["host"]
    if "losses" not in chip:
        return f"| {found['name']} | {chip['error']} | | | | |"
    last = lambda times: min(times[2:] or times)  # noqa: E731
    ratio = f"{last(chip['cpu']):.2f} s ({last(chip['cpu']) / last(host['cpu']):.1f}x)" if "cpu" in host else "-"
    first = f"{chip['compile']:.1f} s ({chip['compile'] / max(host['compile'], 1e-3):.1f}x)" if "compile" in host else f"{chip['compile']:.1f} s"
    steady = "" if len(chip["compilations"]) < 3 or chip["compilations"][2] == chip["compilations"][-1] else " **recompiles**"
    return (f"| {found['name']} | {'' if found.get('agrees') else '**wrong** '}{found.get('off', -1):.0e}{steady} | {first} | {ratio} | "
            f"{chip['predicted'] * 1e3:.2f} ms | {chip['bottleneck']} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--json", type=pathlib.Path, help="where to write all that was measured")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--on", choices=ENVIRONMENTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        if options.on == "chip":
            from trainstone import library

            library.count_runs()
        print(json.dumps(measure(options.one, options.on)))
        return
    from torch_models import CASES

    all_found = []
    for name in options.names or CASES:
        all_found.append(compare(name))
        print(row(all_found[-1]), flush=True)
        if options.json:
            options.json.write_text(json.dumps(all_found, indent=1))


if __name__ == "__main__":
    main()
