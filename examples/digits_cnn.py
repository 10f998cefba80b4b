"""Trains a convolutional network to read handwritten digits (8 x 8 pixels, scikit-learn), in plain JAX.

Run it with `python examples/digits_cnn.py`. It prints the test accuracy at the end: about
98 %, within ten seconds on two cores.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from sklearn.datasets import load_digits

CHANNELS = (1, 16, 32)
CLASSES = 10
BATCH = 128
EPOCHS = 20
LEARNING_RATE = 3e-3
MOMENTUM = 0.9  # of the averages that batch norm uses after training


def load_data(seed=0):
    """((train images, labels), (test images, labels)): 80 % and 20 %, images [n, 8, 8, 1], pixels in 0..1."""
    digits = load_digits()
    images = (digits.images[..., None] / 16.0).astype(np.float32)
    labels = digits.target.astype(np.int32)
    order = np.random.default_rng(seed).permutation(len(images))
    split = len(images) * 4 // 5
    train, test = order[:split], order[split:]
    return (images[train], labels[train]), (images[test], labels[test])


def init(seed=0):
    """Parameters; the averages of batch norm; Adam's state: first moment, second moment, step count."""
    random = np.random.default_rng(seed)

    def normal(shape, inputs):
        return (random.standard_normal(shape) * np.sqrt(2 / inputs)).astype(np.float32)

    params = {"conv": [], "dense": normal((2 * 2 * CHANNELS[-1], CLASSES), 4 * CHANNELS[-1]),
              "bias": np.zeros(CLASSES, np.float32)}
    averages = []
    for n, m in zip(CHANNELS, CHANNELS[1:]):
        params["conv"].append({"kernel": normal((3, 3, n, m), 9 * n), "scale": np.ones(m, np.float32),
                               "shift": np.zeros(m, np.float32)})
        averages.append({"mean": np.zeros(m, np.float32), "var": np.ones(m, np.float32)})
    zeros = jax.tree.map(np.zeros_like, params)
    return params, averages, (zeros, zeros, np.int32(0))


def max_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def forward(params, averages, x, is_training):
    """(logits, the averages moved towards this batch)."""
    moved = []
    for layer, average in zip(params["conv"], averages):
        x = lax.conv_general_dilated(x, layer["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        mean, var = average["mean"], average["var"]
        if is_training:
            mean, var = jnp.mean(x, axis=(0, 1, 2)), jnp.var(x, axis=(0, 1, 2))
        moved.append({"mean": MOMENTUM * average["mean"] + (1 - MOMENTUM) * mean,
                      "var": MOMENTUM * average["var"] + (1 - MOMENTUM) * var})
        x = (x - mean) * lax.rsqrt(var + 1e-5) * layer["scale"] + layer["shift"]
        x = max_pool(jax.nn.relu(x))
    return x.reshape(x.shape[0], -1) @ params["dense"] + params["bias"], moved


def loss_fn(params, averages, x, y):
    logits, moved = forward(params, averages, x, is_training=True)
    log_probs = jax.nn.log_softmax(logits)
    return -jnp.mean(jnp.take_along_axis(log_probs, y[:, None], axis=1)), moved


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


@functools.partial(jax.jit, donate_argnums=(0, 1, 2))
def train_step(params, averages, state, x, y):
    (loss, averages), grads = jax.value_and_grad(loss_fn, has_aux=True)(params, averages, x, y)
    params, state = adam(params, grads, state)
    return params, averages, state, loss


@jax.jit
def count_correct(params, averages, x, y):
    logits, _ = forward(params, averages, x, is_training=False)
    return jnp.sum((jnp.argmax(logits, axis=1) == y).astype(jnp.int32))


def accuracy(params, averages, data):
    return int(count_correct(params, averages, *data)) / len(data[1])


def main(progress=None, epochs=EPOCHS):
    """Trains and returns (final test accuracy, parameters). progress(step, steps, loss, accuracy) is called after
    every step; accuracy is that of the last evaluation, None before the first one."""
    train, test = load_data()
    params, averages, state = init()
    order = np.random.default_rng(1)
    per_epoch = len(train[0]) // BATCH
    steps, step, reached = epochs * per_epoch, 0, None
    for epoch in range(epochs):
        for batch in order.permutation(len(train[0]))[: per_epoch * BATCH].reshape(per_epoch, BATCH):
            params, averages, state, loss = train_step(params, averages, state, train[0][batch], train[1][batch])
            step += 1
            if progress:
                progress(step, steps, float(loss), reached)
        reached = accuracy(params, averages, test)
        if not progress:
            print(f"epoch {epoch + 1:2d}/{epochs}  loss {float(loss):.4f}  test accuracy {reached:.1%}", flush=True)
    return reached, params


if __name__ == "__main__":
    print(f"final test accuracy {main()[0]:.2%}")
