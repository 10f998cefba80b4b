"""Trains a small character GPT on the documentation texts inside Python's standard library, in plain JAX, and lets it
write a line.

Run it with `python examples/gpt_text.py`. The loss falls from the logarithm of the vocabulary, 4.4, to 1.9, within a
minute and a half on two cores.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from pydoc_data.topics import topics

LAYERS, WIDTH, HEADS = 2, 96, 4
LENGTH, BATCH, STEPS = 64, 16, 360
LEARNING_RATE, WARM_UP = 3e-3, 20


def load_text():
    """(tokens of all topics as int32, the characters that the tokens stand for); rare characters become spaces."""
    text = "\n".join(topics[name] for name in sorted(topics))
    counts = {c: text.count(c) for c in sorted(set(text))}
    characters = [c for c, n in counts.items() if n >= 50 and c.isascii()]
    index = {c: i for i, c in enumerate(characters)}
    return np.array([index.get(c, index[" "]) for c in text], np.int32), "".join(characters)


def batches(tokens, steps, seed=0):
    random = np.random.default_rng(seed)
    for _ in range(steps):
        starts = random.integers(0, len(tokens) - LENGTH - 1, BATCH)
        window = tokens[starts[:, None] + np.arange(LENGTH + 1)]
        yield window[:, :-1], window[:, 1:]


def init(vocabulary, seed=0):
    """Parameters, and Adam's state: first moment, second moment, step count."""
    random = np.random.default_rng(seed)

    def dense(n, m):
        return (random.standard_normal((n, m)) / np.sqrt(n)).astype(np.float32)

    ones = np.ones(WIDTH, np.float32)
    params = {
        "token": (0.02 * random.standard_normal((vocabulary, WIDTH))).astype(np.float32),
        "before": (0.02 * random.standard_normal((vocabulary, WIDTH))).astype(np.float32),
        "place": (0.02 * random.standard_normal((LENGTH, WIDTH))).astype(np.float32),
        "blocks": [{"norm1": ones, "qkv": dense(WIDTH, 3 * WIDTH), "out": dense(WIDTH, WIDTH),
                    "norm2": ones, "up": dense(WIDTH, 4 * WIDTH), "down": dense(4 * WIDTH, WIDTH)}
                   for _ in range(LAYERS)],
        "norm": ones,
    }
    zeros = jax.tree.map(np.zeros_like, params)
    return params, (zeros, zeros, np.int32(0))


def norm(gain, x):
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-5) * gain


def attention(block, x):
    batch, length, _ = x.shape
    q, k, v = (t.reshape(batch, length, HEADS, WIDTH // HEADS) for t in jnp.split(x @ block["qkv"], 3, axis=-1))
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(WIDTH // HEADS)
    mask = jnp.tril(jnp.ones((length, length), bool))
    weights = jax.nn.softmax(jnp.where(mask, scores, -1e30), axis=-1)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, v).reshape(x.shape) @ block["out"]


def forward(params, tokens):
    # The character before helps every layer from the first step on; attention alone needs thousands to find it.
    before = jnp.pad(tokens[:, :-1], ((0, 0), (1, 0)))
    x = params["token"][tokens] + params["before"][before] + params["place"]
    for block in params["blocks"]:
        x = x + attention(block, norm(block["norm1"], x))
        x = x + jax.nn.gelu(norm(block["norm2"], x) @ block["up"]) @ block["down"]
    return norm(params["norm"], x) @ params["token"].T


def loss_fn(params, tokens, targets):
    log_probs = jax.nn.log_softmax(forward(params, tokens))
    return -jnp.mean(jnp.take_along_axis(log_probs, targets[..., None], axis=-1))


def adam(params, grads, state, rate_at):
    """Parameters and state after one more step; rate_at(t) is the learning rate of step t, counted from 1."""
    m, v, count = state
    count = count + 1
    t = count.astype(jnp.float32)
    rate = rate_at(t)
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g * g, v, grads)
    m_scale, v_scale = 1 / (1 - 0.9**t), 1 / (1 - 0.99**t)
    params = jax.tree.map(lambda p, m, v: p - rate * (m * m_scale) / (jnp.sqrt(v * v_scale) + 1e-8), params, m, v)
    return params, (m, v, count)


@functools.partial(jax.jit, donate_argnums=(0, 1))
def train_step(params, state, tokens, targets):
    loss, grads = jax.value_and_grad(loss_fn)(params, tokens, targets)
    params, state = adam(params, grads, state, lambda t: LEARNING_RATE * jnp.minimum(t / WARM_UP, 1.0)
                         * jnp.maximum(1.0 - t / (1.2 * STEPS), 0.1))
    return params, state, loss


@jax.jit
def next_logits(params, tokens, last):
    return forward(params, tokens)[0, last]


def write_line(params, characters, start, count=100, seed=1):
    """`count` characters after `start`, drawn from the model's distribution, sharpened; runs of spaces as one."""
    random = np.random.default_rng(seed)
    written = [characters.index(c) for c in start]
    for _ in range(count):
        window = written[-LENGTH:]
        padded = np.zeros((1, LENGTH), np.int32)
        padded[0, : len(window)] = window
        logits = np.asarray(next_logits(params, padded, np.int32(len(window) - 1)), np.float64) / 0.6
        weights = np.exp(logits - logits.max())
        written.append(int(random.choice(len(characters), p=weights / weights.sum())))
    return " ".join("".join(characters[i] for i in written).split())


def main(progress=None, steps=STEPS):
    """Trains and returns (mean loss of the last 20 steps, a written line, parameters, Adam's state).
    progress(step, steps, loss) is called after every step."""
    tokens, characters = load_text()
    params, state = init(len(characters))
    losses = []
    for step, (x, y) in enumerate(batches(tokens, steps), 1):
        params, state, loss = train_step(params, state, x, y)
        losses.append(float(loss))
        if progress:
            progress(step, steps, losses[-1])
        elif step == 1 or step % 20 == 0:
            print(f"step {step:3d}/{steps}  loss {losses[-1]:.3f}", flush=True)
    return float(np.mean(losses[-20:])), write_line(params, characters, "The "), params, state


if __name__ == "__main__":
    final, line, *_ = main()
    print(f"final loss {final:.3f}\n{line}")
