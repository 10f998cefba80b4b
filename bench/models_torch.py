"""The training steps of models_jax.py in PyTorch: the same layers, shapes and optimizers, as a PyTorch user writes
them.

build(name, precision) returns step() -> loss, which updates the model that it holds. In bf16 the whole model is bf16.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Mlp(nn.Sequential):
    def __init__(self, sizes=(784, 512, 512, 10)):
        layers = [layer for n, m in zip(sizes, sizes[1:]) for layer in (nn.Linear(n, m), nn.ReLU())]
        super().__init__(*layers[:-1])


def conv(inputs, outputs, size, stride=1):
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


def batch_norm(width):
    """Normalises over the batch only: models_jax.py keeps no running averages either."""
    return nn.BatchNorm2d(width, track_running_stats=False)


class ResidualBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first, self.norm1 = conv(inputs, outputs, 3, stride), batch_norm(outputs)
        self.second, self.norm2 = conv(outputs, outputs, 3), batch_norm(outputs)
        self.across = conv(inputs, outputs, 1, stride) if inputs != outputs else nn.Identity()

    def forward(self, x):
        y = F.relu(self.norm1(self.first(x)))
        return F.relu(self.norm2(self.second(y)) + self.across(x))


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = conv(3, 16, 3), batch_norm(16)
        shapes = [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2
        self.blocks = nn.Sequential(*(ResidualBlock(*shape) for shape in shapes))
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        return self.out(self.blocks(F.relu(self.norm(self.stem(x)))).mean((2, 3)))


class GptBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm2, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attention(self, x):
        batch, length, width = x.shape
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, width, layers, heads, places, vocabulary):
        super().__init__()
        self.token, self.place = nn.Embedding(vocabulary, width), nn.Parameter(0.02 * torch.randn(places, width))
        nn.init.normal_(self.token.weight, std=0.02)
        self.blocks = nn.Sequential(*(GptBlock(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens):
        x = self.token(tokens) + self.place[: tokens.shape[1]]
        return F.linear(self.norm(self.blocks(x)), self.token.weight)


class Lstm(nn.Module):
    """nn.LSTM, which has two biases per layer where models_jax.py has one."""

    def __init__(self, features=16, width=128, outputs=8):
        super().__init__()
        self.layers, self.out = nn.LSTM(features, width, 2, batch_first=True), nn.Linear(width, outputs)

    def forward(self, x):
        return self.out(self.layers(x)[0][:, -1])


def cross_entropy(outputs, labels):
    return F.cross_entropy(outputs.float().flatten(0, -2), labels.flatten())


def squared_error(outputs, targets):
    return F.mse_loss(outputs.float(), targets.float())


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)


def adamw(parameters):
    return torch.optim.AdamW(parameters, lr=3e-4, weight_decay=0.01, fused=True)


def tokens(vocabulary, batch, length):
    return lambda: torch.randint(0, vocabulary, (2, batch, length)).unbind()


MODELS = {
    "mlp": (Mlp, lambda: (torch.randn(256, 784), torch.randint(0, 10, (256,))), cross_entropy, sgd),
    "resnet20": (ResNet20, lambda: (torch.randn(64, 3, 32, 32), torch.randint(0, 10, (64,))), cross_entropy, sgd),
    "gpt_d256": (lambda: Gpt(256, 4, 4, 256, 1024), tokens(1024, 8, 256), cross_entropy, adamw),
    "lstm": (Lstm, lambda: (torch.randn(64, 64, 16), torch.randn(64, 8)), squared_error, adamw),
    "gpt2_124m": (lambda: Gpt(768, 12, 12, 1024, 50257), tokens(50257, 1, 256), cross_entropy, adamw),
    "gpt_tiny": (lambda: Gpt(64, 2, 4, 32, 128), tokens(128, 4, 32), cross_entropy, adamw),
}


def build(name, precision):
    torch.manual_seed(0)
    make, batch, loss_of, optimizer_of = MODELS[name]
    model = make().to(DTYPES[precision])
    x, y = batch()
    x = x.to(DTYPES[precision]) if x.is_floating_point() else x
    optimizer = optimizer_of(model.parameters())

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step
