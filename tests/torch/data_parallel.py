"""A training script of several processes as AWS's examples have it; each writes what it found. Started by
torchrun; with --spawn N by itself. In one process the batch is that of all."""

import argparse
import json
import os
import pathlib
import signal

import torch
import torch.distributed as dist
import torch_xla
import torch_xla.core.xla_model as xm
import torch_xla.distributed.parallel_loader as pl
import torch_xla.distributed.xla_backend  # noqa: F401
import torch_xla.distributed.xla_multiprocessing as xmp
import torch_xla.runtime as xr
from torch import nn
from torch_xla.distributed.zero_redundancy_optimizer import ZeroRedundancyOptimizer

from trainstone import library

BATCH, STEPS = 48, 6


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))

    def forward(self, x):
        return nn.functional.log_softmax(self.layers(x), dim=1)


def train(rank, options):
    torch.manual_seed(0)
    size, rank = xr.world_size(), xr.global_ordinal()
    data = torch.utils.data.TensorDataset(torch.randn(STEPS * BATCH, 64), torch.randint(0, 10, (STEPS * BATCH,)))
    # Step for step the parts of all processes are together what one process takes.
    sampler = [i for step in range(STEPS) for i in range(step * BATCH + rank, (step + 1) * BATCH, size)]
    loader = torch.utils.data.DataLoader(data, batch_size=BATCH // size, sampler=sampler)
    model = MLP().to("xla")
    step_model = model
    if options.ddp:
        step_model = nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=options.ddp != "plain")
    update = {"lr": 0.1, "momentum": 0.9}
    if options.zero:
        optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.SGD, pin_layout=False,
                                            grad_clipping=False, **update)
    else:
        optimizer = torch.optim.SGD(model.parameters(), **update)
    losses, times = [], []
    for number, (x, y) in enumerate(pl.MpDeviceLoader(loader, "xla")):
        optimizer.zero_grad()
        loss = nn.functional.nll_loss(step_model(x), y)
        loss.backward()
        if number == options.dies_at and rank == size - 1:
            if options.dies == "is killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise SystemExit(3)
        if options.ddp or options.zero:
            optimizer.step()
        else:
            xm.optimizer_step(optimizer)
        torch_xla.sync()
        xm.wait_device_ops()
        times.append(library.last_run()["predicted_seconds"])
        losses.append(xm.all_reduce(xm.REDUCE_SUM, loss.detach()).item() / size)
    weights = {name: value.cpu().flatten().tolist() for name, value in model.state_dict().items()}
    found = {"losses": losses, "weights": weights, "times": times, "size": size, "rank": rank,
             "device": str(xm.xla_device())}
    pathlib.Path(options.out, f"{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--spawn", type=int)
    parser.add_argument("--launch", action="store_true")
    parser.add_argument("--ddp", choices=("plain", "gradient_as_bucket_view"))
    parser.add_argument("--zero", action="store_true")
    parser.add_argument("--dies-at", type=int, default=-1)
    parser.add_argument("--dies", choices=("ends", "is killed"), default="ends")
    options = parser.parse_args()
    if options.spawn:
        xmp.spawn(train, args=(options,), nprocs=options.spawn)
    elif options.launch:
        torch_xla.launch(train, args=(options,))
    else:
        if dist.is_torchelastic_launched():
            dist.init_process_group("xla")
        train(0, options)
