"""Trains one model of torch_models.py for a few steps in this process and prints what it measured, as a line of JSON.

usage: torch_training.py NAME torch|host|chip
PLACE is PyTorch's own CPU, or the device of PyTorch/XLA: the CPU or the modelled chip, as PJRT_DEVICE says.
torch_compare.py sets it and starts this."""

import contextlib
import json
import resource
import sys
import time

import torch
from torch_models import CASES

STEPS = 4


class Training:
    """`how`, as given to torch_models.case: optimizer, rate (of learning), steps, accumulate (batches per step), clip
    (norm of the gradients), schedule, checkpointing, autocast (to bfloat16), cast (of model and batch)."""

    def __init__(self, name, place):
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
        kind = self.how.get("optimizer", "AdamW")
        chosen = [p for p in self.model.parameters() if p.requires_grad]
        settings = {"lr": self.how.get("rate", 1e-3)} | ({"momentum": 0.9} if kind == "SGD" else {})
        self.optimizer = getattr(torch.optim, kind)(chosen, **settings)
        self.schedule = (torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 20) if self.how.get("schedule")
                         else None)

    def placed(self, value):
        if not isinstance(value, torch.Tensor):
            return value
        value = value.to(self.device)
        return value.to(self.how["cast"]) if "cast" in self.how and value.is_floating_point() else value

    def autocast(self):
        if not self.how.get("autocast"):
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def step(self):
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
    """Enables gradient checkpointing. torch.utils.checkpoint asks for torch.xla, which does not exist; PyTorch/XLA has
    its own version."""
    model.gradient_checkpointing_enable()
    if place != "torch":
        from torch_xla.utils import checkpoint as xla

        for module in model.modules():
            if hasattr(module, "_gradient_checkpointing_func"):
                module._gradient_checkpointing_func = xla.checkpoint


def device_of(place):
    if place == "torch":
        return torch.device("cpu")
    import torch_xla

    return torch_xla.device()


def measure(name, place):
    """Losses, seconds, CPU seconds and compilations so far, for each step; seconds of compilation; peak memory in
    MiB."""
    training = Training(name, place)
    found = {"losses": [], "seconds": [], "cpu": [], "compilations": []}
    for _ in range(training.how.get("steps", STEPS)):
        begin, used = time.perf_counter(), time.process_time()
        found["losses"].append(training.step())
        found["seconds"].append(time.perf_counter() - begin)
        found["cpu"].append(time.process_time() - used)
        count, found["compile"] = compilations(place)
        found["compilations"].append(count)
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return found | (predicted() if place == "chip" else {})


def compilations(place):
    """The number of compilations so far, and their seconds."""
    if place == "torch":
        return 0, 0.0
    from torch_xla.debug import metrics

    data = metrics.metric_data("CompileTime")
    return (data[0], data[1] / 1e9) if data else (0, 0.0)


def predicted():
    """The record of the costliest program, and the operations that PyTorch computed on the host."""
    from torch_xla.debug import metrics

    from trainstone import library

    record = max((r for _, r in library.runs() if "error" not in r), key=lambda r: r["predicted_seconds"])
    host = {n: metrics.counter_value(n) for n in metrics.counter_names() if n.startswith("aten::")}
    return {"predicted": record["predicted_seconds"], "bottleneck": record["bottleneck"], "mfu": record["mfu"],
            "busy": record["busy"], "host_operations": host}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in CASES or sys.argv[2] not in ("torch", "host", "chip"):
        sys.exit(f"{__doc__}\nNAME is one of:\n" + "\n".join(CASES))
    name, place = sys.argv[1:]
    if place == "chip":
        from trainstone import library

        library.count_runs()
    print(json.dumps(measure(name, place)))


if __name__ == "__main__":
    main()
