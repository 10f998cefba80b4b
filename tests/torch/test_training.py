"""PyTorch's own training loops on the modelled chip, compared with PyTorch on the CPU (`make torch`)."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest
import torch
import torch_xla
from torch import nn
from torch.nn import functional as F

from trainstone import library

SCRIPT = pathlib.Path(__file__).with_name("script.py")
CHIP = torch_xla.device()  # before any gradient: PyTorch counts devices once
SGD = {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}


class Block(nn.Module):
    """As torchvision's ResNets have it."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.first, self.second = nn.Conv2d(before, after, 3, stride, 1,
                                            bias=False), nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(after) for _ in range(3))
        self.shortcut = nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x):
        y = self.norms[1](self.second(F.relu(self.norms[0](self.first(x)))))
        return F.relu(y + self.norms[2](self.shortcut(x)))


class Language(nn.Module):
    def __init__(self, words=50, width=32):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Parameter(torch.zeros(12, width))
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, activation="gelu", batch_first=True,
                                           norm_first=True)
        self.layers, self.out = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(width, words)

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], device=x.device)
        return self.out(self.layers(self.words(x) + self.places, mask=mask, is_causal=True)).transpose(1, 2)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.cells, self.out = nn.Embedding(50, 16), nn.LSTM(16, 32, 2, batch_first=True), nn.Linear(32, 50)

    def forward(self, x):
        return self.out(self.cells(self.words(x))[0]).transpose(1, 2)


def images(*shape):
    return torch.randn(*shape), torch.randint(0, 10, shape[:1])


def words():
    return torch.randint(0, 50, (4, 12)), torch.randint(0, 50, (4, 12))


def dense(activation=nn.ReLU, norm=nn.LayerNorm):
    return nn.Sequential(nn.Linear(32, 64), norm(64), activation(), nn.Linear(64, 10))


MODELS = {
    "mlp": (dense, lambda: images(16, 32)),
    "gelu, batch norm": (lambda: dense(nn.GELU, nn.BatchNorm1d), lambda: images(16, 32)),
    "convolutions": (lambda: nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.SiLU(), nn.MaxPool2d(2), Block(16, 32, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)), lambda: images(4, 3, 32, 32)),
    "transformer": (Language, words),
    "lstm": (Recurrent, words),
}


def train(device, model, batch, optimizer, steps=4, cast=None):
    """The losses, and the parameters in the end."""
    torch.manual_seed(0)
    model, (x, y) = model(), batch()
    model, x, y = model.to(device, cast), x.to(device, cast if x.is_floating_point() else None), y.to(device)
    update, losses = optimizer(model.parameters()), []
    for _ in range(steps):
        update.zero_grad()
        loss = F.cross_entropy(model(x).float(), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        update.step()
        if device.type == "xla":
            torch_xla.sync()
        losses.append(loss.item())
    return losses, [p.detach().float().cpu() for p in model.parameters()]


def apart(found, expected):
    return ((found - expected).norm() / expected.norm().clamp_min(1e-6)).item()


@pytest.mark.parametrize("name", MODELS)
def test_training_is_that_of_the_cpu(name):
    sgd = lambda parameters: torch.optim.SGD(parameters, **SGD)  # noqa: E731
    losses, found = train(CHIP, *MODELS[name], sgd)
    wanted, expected = train(torch.device("cpu"), *MODELS[name], sgd)
    assert losses == pytest.approx(wanted, rel=1e-5)
    assert losses[-1] < losses[0]
    assert max(map(apart, found, expected)) < 1e-4


@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam", "RMSprop", "Adagrad", "Adadelta", "Adafactor", "RAdam"])
def test_optimizers(name):
    update = lambda parameters: getattr(torch.optim, name)(parameters, lr=0.01)  # noqa: E731
    losses, _ = train(CHIP, *MODELS["mlp"], update, steps=6)
    wanted, _ = train(torch.device("cpu"), *MODELS["mlp"], update, steps=6)
    assert losses == pytest.approx(wanted, rel=1e-5)


def test_bfloat16():
    update = lambda parameters: torch.optim.AdamW(parameters, lr=1e-3)  # noqa: E731
    losses, _ = train(CHIP, *MODELS["mlp"], update, cast=torch.bfloat16)
    wanted, _ = train(torch.device("cpu"), *MODELS["mlp"], update, cast=torch.bfloat16)
    assert losses == pytest.approx(wanted, rel=2e-2)


def test_dropout_drops_its_share():
    torch.manual_seed(0)
    x = F.dropout(torch.ones(100, 1000, device=CHIP), 0.3).cpu()
    assert (x == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert x[x != 0].unique().item() == pytest.approx(1 / 0.7)


def run(*arguments, **environment):
    return subprocess.run([sys.executable, *arguments], env=os.environ | environment, capture_output=True, text=True)


def test_a_script_as_it_is(tmp_path):
    done = run("-m", "trainstone", str(SCRIPT), TRAINSTONE_OUT=str(tmp_path))
    assert done.returncode == 0, done.stderr
    first, last = map(float, done.stdout.split())
    assert last < first
    assert re.search(r"^  predicted   .* a run on trn1.2xlarge", done.stderr, re.MULTILINE)
    record = max(tmp_path.glob("SyncTensorsGraph*.json"), key=lambda path: path.stat().st_size)
    done = subprocess.run([library.path().with_name("trainstone"), "explain", record], capture_output=True, text=True)
    assert re.search(r"^ 1 script.py:\d+ .*\n   \| ", done.stdout, re.MULTILINE), done.stdout


LONG = """
import torch, torch_xla
x = torch.ones(4096, 4096).to(torch_xla.device())
for _ in range(400):
    x = x @ x * 1e-3
print("begins", flush=True)
print(x.sum().item())
"""


def test_a_second_interrupt_ends_a_long_step():
    process = subprocess.Popen([sys.executable, "-c", LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begins\n"
    for _ in range(2):
        time.sleep(4)
        process.send_signal(signal.SIGINT)
    output, story = process.communicate(timeout=60)
    assert process.returncode != 0 and output == ""
    assert "interrupted before instruction" in story or "KeyboardInterrupt" in story


def test_what_is_not_there_says_so():
    with pytest.raises((RuntimeError, ValueError), match="unsupported: .*c128"):
        (torch.ones(8, dtype=torch.complex128).to(CHIP) * 2).cpu()


def test_turned_queries():
    """Rotary embeddings as Llama's reference has them, on complex numbers."""
    q, turns = torch.randn(2, 8, 4, 32), torch.polar(torch.ones(8, 16), torch.randn(8, 16))

    def turn(q, turns):
        pairs = torch.view_as_complex(q.reshape(*q.shape[:-1], -1, 2))
        return torch.view_as_real(pairs * turns.view(1, 8, 1, 16)).flatten(3)

    torch.testing.assert_close(turn(q.to(CHIP), turns.to(CHIP)).cpu(), turn(q, turns))
