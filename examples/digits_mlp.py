"""Trains a small neural network to read handwritten digits (8 x 8 pixels, scikit-learn), in plain JAX.

Run it with `python examples/digits_mlp.py`. It prints the test accuracy at the end: about
99 %, within five seconds on two cores.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

SIZES = (64, 256, 128, 10)
BATCH = 128
EPOCHS = 30
LEARNING_RATE = 2e-3


def load_data(seed=0):
    """((train images, labels), (test images, labels)): 80 % and 20 %, pixels in 0..1."""
    digits = load_digits()
    images = (digits.data / 16.0).astype(np.float32)
    labels = digits.target.astype(np.int32)
    order = np.random.default_rng(seed).permutation(len(images))
    split = len(images) * 4 // 5
    train, test = order[:split], order[split:]
    return (images[train], labels[train]), (images[test], labels[test])


def init(seed=0):
    """Weights and biases of each layer, and Adam's state: first moment, second moment, step count."""
    random = np.random.default_rng(seed)
    params = [
        {"w": (random.standard_normal((n, m)) * np.sqrt(2 / n)).astype(np.float32), "b": np.zeros(m, np.float32)}
        for n, m in zip(SIZES, SIZES[1:])
    ]
    zeros = jax.tree.map(np.zeros_like, params)
    return params, (zeros, zeros, np.int32(0))


def forward(params, x):
    for layer in params[:-1]:
        x = jax.nn.relu(x @ layer["w"] + layer["b"])
    return x @ params[-1]["w"] + params[-1]["b"]


def loss_fn(params, x, y):
    log_probs = jax.nn.log_softmax(forward(params, x))
    return -jnp.mean(jnp.take_along_axis(log_probs, y[:, None], axis=1))


def adam(params, grads, state, b1=0.9, b2=0.999, eps=1e-8):
    m, v, count = state
    count = count + 1
    m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, grads)
    v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, grads)
    t = count.astype(jnp.float32)
    m_scale, v_scale = 1 / (1 - b1**t), 1 / (1 - b2**t)

    def update(p, m, v):
        return p - LEARNING_RATE * (m * m_scale) / (jnp.sqrt(v * v_scale) + eps)

    return jax.tree.map(update, params, m, v), (m, v, count)


@functools.partial(jax.jit, donate_argnums=(0, 1))
def train_step(params, state, x, y):
    loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
    params, state = adam(params, grads, state)
    return params, state, loss


@jax.jit
def count_correct(params, x, y):
    return jnp.sum((jnp.argmax(forward(params, x), axis=1) == y).astype(jnp.int32))


def accuracy(params, data):
    return int(count_correct(params, *data)) / len(data[1])


def main(epochs=EPOCHS):
    """Trains and returns (final test accuracy, parameters)."""
    train, test = load_data()
    params, state = init()
    order = np.random.default_rng(1)
    per_epoch = len(train[0]) // BATCH
    for epoch in range(epochs):
        for batch in order.permutation(len(train[0]))[: per_epoch * BATCH].reshape(per_epoch, BATCH):
            params, state, loss = train_step(params, state, train[0][batch], train[1][batch])
        reached = accuracy(params, test)
        print(f"epoch {epoch + 1:2d}/{epochs}  loss {float(loss):.4f}  test accuracy {reached:.1%}", flush=True)
    return reached, params


if __name__ == "__main__":
    print(f"final test accuracy {main()[0]:.2%}")
