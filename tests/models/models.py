"""Models that tests train: plain JAX, parameters from NumPy, Adam written out.

Each maker returns (state, step, batches): step(state, batch) -> (state, loss), state = (params, m, v, count).
`compute` is the dtype of the forward and backward pass; master weights and Adam stay float32.
"""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits


def adam_state(params):
    zeros = jax.tree.map(np.zeros_like, params)
    return params, zeros, zeros, np.int32(0)


def make_step(loss_fn, rate, b1=0.9, b2=0.999, eps=1e-8):
    def step(state, batch):
        params, m, v, count = state
        loss, grads = jax.value_and_grad(loss_fn)(params, *batch)
        count = count + 1
        m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, grads)
        v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, grads)
        m_scale, v_scale = 1 / (1 - b1**count), 1 / (1 - b2**count)
        params = jax.tree.map(
            lambda p, m, v: p - rate * (m * m_scale) / (jnp.sqrt(v * v_scale) + eps), params, m, v
        )
        return (params, m, v, count), loss

    return step


def cast(tree, dtype):
    return jax.tree.map(lambda a: a.astype(dtype), tree)


def cross_entropy(logits, labels):
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32), axis=-1)
    return -jnp.mean(jnp.take_along_axis(log_probs, labels[..., None], axis=-1))


def dense(random, n, m):
    """Biases start away from zero: Adam's first update of a zero bias would be the sign of a rounding error wherever
    the gradient is nearly zero, and a relative error of the tensor would compare such signs."""
    return {"w": (random.standard_normal((n, m)) / np.sqrt(n)).astype(np.float32),
            "b": (0.1 * random.standard_normal(m)).astype(np.float32)}


def mlp(sizes, batches, compute, rate=1e-3, activation=jax.nn.relu):
    random = np.random.default_rng(0)
    params = [dense(random, n, m) for n, m in zip(sizes, sizes[1:])]

    def loss_fn(params, x, y):
        params, x = cast(params, compute), x.astype(compute)
        for layer in params[:-1]:
            x = activation(x @ layer["w"] + layer["b"])
        return cross_entropy(x @ params[-1]["w"] + params[-1]["b"], y)

    return adam_state(params), make_step(loss_fn, rate), batches


def wide_mlp(compute, steps=50, batch=64, seed=6):
    """784 inputs: a width that fills no whole number of 128-row tiles. The seed is one with which no unit comes within
    rounding of relu's kink in 50 steps: XLA:CPU started from eight one-ulp perturbed states stays within 3e-7 of
    itself (with seed 1 one start in five ends 6e-4 away)."""
    random = np.random.default_rng(seed)
    # Classes overlap, so that the loss stays well above rounding.
    centres = 0.12 * random.standard_normal((10, 784)).astype(np.float32)
    batches = []
    for _ in range(steps):
        y = random.integers(0, 10, batch).astype(np.int32)
        batches.append((centres[y] + random.standard_normal((batch, 784)).astype(np.float32), y))
    return mlp((784, 256, 100, 10), batches, compute)


def digits_mlp(compute, steps=50, batch=128):
    digits = load_digits()
    x, y = (digits.data / 16).astype(np.float32), digits.target.astype(np.int32)
    random = np.random.default_rng(2)
    picks = [random.integers(0, len(x), batch) for _ in range(steps)]
    # tanh: with relu, one unit of one image here lies 4e-9 from the kink at step 15, and its mask is a matter
    # of rounding.
    return mlp((64, 128, 10), [(x[p], y[p]) for p in picks], compute, rate=2e-3, activation=jnp.tanh)


def layer_norm(p, x):
    y = x.astype(jnp.float32)
    mean = jnp.mean(y, axis=-1, keepdims=True)
    var = jnp.mean(jnp.square(y - mean), axis=-1, keepdims=True)
    return ((y - mean) * jax.lax.rsqrt(var + 1e-5)).astype(x.dtype) * p["w"] + p["b"]


def successors(random, batch, length, vocab):
    """A token decides its successor but for one in eight, so that there is something to learn."""
    text = np.zeros((batch, length + 1), np.int64)
    text[:, 0] = random.integers(0, vocab, batch)
    for i in range(length):
        noise = random.integers(0, vocab, batch) * (random.random(batch) < 1 / 8)
        text[:, i + 1] = (5 * text[:, i] + 17 + noise) % vocab
    text = text.astype(np.int32)
    return text[:, :-1].copy(), text[:, 1:].copy()


def gpt(compute, steps=50, layers=2, width=64, heads=4, length=32, vocab=128, batch=4, rate=1e-3):
    random = np.random.default_rng(3)
    norm = {"w": np.ones(width, np.float32), "b": np.zeros(width, np.float32)}
    params = {
        "token": (0.1 * random.standard_normal((vocab, width))).astype(np.float32),
        "place": (0.1 * random.standard_normal((length, width))).astype(np.float32),
        "blocks": [
            {"norm1": norm, "qkv": dense(random, width, 3 * width)["w"], "out": dense(random, width, width),
             "norm2": norm, "up": dense(random, width, 4 * width), "down": dense(random, 4 * width, width)}
            for _ in range(layers)
        ],
        "norm": norm,
    }

    def apply(p, x):
        return x @ p["w"] + p["b"]

    def attention(p, x):
        # No bias: softmax cancels that of the keys, so its gradient would be rounding error alone.
        q, k, v = jnp.split(x @ p["qkv"], 3, axis=-1)
        q, k, v = (t.reshape(*t.shape[:2], heads, width // heads) for t in (q, k, v))
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) * (width // heads) ** -0.5
        mask = jnp.tril(jnp.ones((x.shape[1], x.shape[1]), bool))
        weights = jax.nn.softmax(jnp.where(mask, scores.astype(jnp.float32), -1e30), axis=-1).astype(x.dtype)
        return apply(p["out"], jnp.einsum("bhqk,bkhd->bqhd", weights, v).reshape(x.shape))

    def loss_fn(params, tokens, targets):
        params = cast(params, compute)
        x = params["token"][tokens] + params["place"]
        for block in params["blocks"]:
            x = x + attention(block, layer_norm(block["norm1"], x))
            x = x + apply(block["down"], jax.nn.gelu(apply(block["up"], layer_norm(block["norm2"], x))))
        return cross_entropy(layer_norm(params["norm"], x) @ params["token"].T, targets)

    batches = [successors(random, batch, length, vocab) for _ in range(steps)]
    return adam_state(params), make_step(loss_fn, rate), batches


def lstm(compute, steps=50, width=48, length=12, vocab=40, batch=8, rate=3e-3):
    """Next token by an LSTM under lax.scan: forward and backward are loops, the residuals of each step stacked."""
    random = np.random.default_rng(4)
    params = {
        "token": (0.5 * random.standard_normal((vocab, width))).astype(np.float32),
        "in": dense(random, width, 4 * width),
        "state": dense(random, width, 4 * width)["w"],
        "head": dense(random, width, vocab),
    }

    def loss_fn(params, tokens, targets):
        p = cast(params, compute)

        def cell(carry, x):
            h, c = carry
            i, f, g, o = jnp.split(x @ p["in"]["w"] + p["in"]["b"] + h @ p["state"], 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        start = jnp.zeros((tokens.shape[0], width), compute)
        _, hidden = jax.lax.scan(cell, (start, start), jnp.swapaxes(p["token"][tokens], 0, 1))
        logits = hidden @ p["head"]["w"] + p["head"]["b"]
        return cross_entropy(jnp.swapaxes(logits, 0, 1), targets)

    batches = [successors(random, batch, length, vocab) for _ in range(steps)]
    return adam_state(params), make_step(loss_fn, rate), batches


def batch_norm(x):
    """Over all but the last axis, of this batch."""
    axes = tuple(range(x.ndim - 1))
    return (x - jnp.mean(x, axis=axes)) * jax.lax.rsqrt(jnp.var(x, axis=axes) + 1e-5)


def cnn(compute, steps=50, batch=32, rate=2e-3):
    """Digits through a padded, a strided and a pointwise convolution, max pooling with overlap, and batch norms."""
    random = np.random.default_rng(4)

    def kernel(height, width, inputs, outputs):
        """Scales differ and biases are not zero: see dense."""
        w = random.standard_normal((height, width, inputs, outputs)) / np.sqrt(height * width * inputs)
        return {"kernel": w.astype(np.float32), "w": (1 + 0.1 * random.standard_normal(outputs)).astype(np.float32),
                "b": (0.1 * random.standard_normal(outputs)).astype(np.float32)}

    params = {"first": kernel(3, 3, 1, 8), "strided": kernel(3, 3, 8, 16), "points": kernel(1, 1, 16, 24),
              "out": dense(random, 2 * 2 * 24, 10)}

    def layer(p, x, stride=1, norm=lambda y: y):
        """The convolution in `compute`, all else in float32: XLA:CPU adds up gradients of bf16 biases in
        bf16. The barrier keeps it from leaving out the rounding, which would make other elements the largest
        of their windows."""
        y = jax.lax.conv_general_dilated(x.astype(compute), p["kernel"].astype(compute), (stride, stride), "SAME",
                                         dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return jnp.tanh(norm(jax.lax.optimization_barrier(y).astype(jnp.float32)) * p["w"] + p["b"])

    def loss_fn(params, x, y):
        x = layer(params["first"], x)
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
        x = layer(params["strided"], x, 2, batch_norm)
        x = layer(params["points"], x, 1, batch_norm).reshape(x.shape[0], -1)
        return cross_entropy(x @ params["out"]["w"] + params["out"]["b"], y)

    digits = load_digits()
    x, y = (digits.images[..., None] / 16 - 0.3).astype(np.float32), digits.target.astype(np.int32)
    picks = [random.integers(0, len(x), batch) for _ in range(steps)]
    return adam_state(params), make_step(loss_fn, rate), [(x[p], y[p]) for p in picks]


class Signs:
    """relu, whose kinks can be decided outside: the signs that it sees are kept, or taken from `given`.

    An input that lies within a rounding error of zero passes its gradient on one machine and not on another. That is
    no error of either, but changes gradients of all layers below by far more than the tolerance.
    """

    def __init__(self, given=None):
        self.given, self.seen = given, []

    def relu(self, x):
        sign = x > 0 if self.given is None else self.given[len(self.seen)]
        self.seen.append(sign)
        return jnp.where(sign, x, 0)


def resnet20(compute, steps=50, batch=4, rate=1e-3):
    """He et al.'s 20 layers for 32 x 32 images, on digits upscaled four times. A batch may hold signs after its labels:
    see Signs. As in cnn, convolutions are in `compute` and all else in float32."""
    random = np.random.default_rng(5)

    def unit(inputs, outputs, size=3):
        w = random.standard_normal((size, size, inputs, outputs)) * np.sqrt(2 / (size * size * inputs))
        return {"kernel": w.astype(np.float32), "w": (1 + 0.1 * random.standard_normal(outputs)).astype(np.float32),
                "b": (0.1 * random.standard_normal(outputs)).astype(np.float32)}

    widths = [16] + 3 * [16] + 3 * [32] + 3 * [64]
    params = {"first": unit(1, 16), "blocks": [], "out": dense(random, 64, 10)}
    for inputs, outputs in zip(widths, widths[1:]):
        block = {"one": unit(inputs, outputs), "two": unit(outputs, outputs)}
        params["blocks"].append(block | ({"cut": unit(inputs, outputs, 1)} if inputs != outputs else {}))

    def apply(p, x, stride=1):
        y = jax.lax.conv_general_dilated(x.astype(compute), p["kernel"].astype(compute), (stride, stride), "SAME",
                                         dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return batch_norm(jax.lax.optimization_barrier(y).astype(jnp.float32)) * p["w"] + p["b"]

    def logits(params, x, signs):
        x = signs.relu(apply(params["first"], x))
        for p in params["blocks"]:
            stride = 2 if "cut" in p else 1
            y = apply(p["two"], signs.relu(apply(p["one"], x, stride)))
            x = signs.relu(y + (apply(p["cut"], x, stride) if "cut" in p else x))
        return jnp.mean(x, axis=(1, 2)) @ params["out"]["w"] + params["out"]["b"]

    def loss_fn(params, x, y, given=None):
        return cross_entropy(logits(params, x, Signs(given)), y)

    def signs_of(state, batch):
        signs = Signs()
        logits(state[0], batch[0], signs)
        return signs.seen

    digits = load_digits()
    images = np.kron(digits.images, np.ones((1, 4, 4)))[..., None]
    x, y = (images / 16 - 0.3).astype(np.float32), digits.target.astype(np.int32)
    picks = [random.integers(0, len(x), batch) for _ in range(steps)]
    return adam_state(params), make_step(loss_fn, rate), [(x[p], y[p]) for p in picks], signs_of


@jax.custom_vjp
def fp8_product(x, w):
    """x @ w with operands in fp8: e4m3 forward, the gradient that comes back in e5m2; sums and results in fp32."""
    return fp8_forward(x, w)[0]


def fp8_narrow(x, dtype, most):
    """Scaled so that the largest number is `most`, as training in fp8 does."""
    scale = most / jnp.max(jnp.abs(x))
    return (x * scale).astype(dtype), 1 / scale


def fp8_dot(a, b, contract):
    return jax.lax.dot_general(a, b, ((contract[0], contract[1]), ((), ())), preferred_element_type=jnp.float32)


def fp8_forward(x, w):
    (x, x_scale), (w, w_scale) = (fp8_narrow(v, jnp.float8_e4m3, 128.0) for v in (x, w))
    return fp8_dot(x, w, ((1,), (0,))) * (x_scale * w_scale), (x, w, x_scale, w_scale)


def fp8_backward(saved, gradient):
    x, w, x_scale, w_scale = saved
    g, g_scale = fp8_narrow(gradient, jnp.float8_e5m2, 1024.0)
    return (fp8_dot(g, w, ((1,), (1,))) * (g_scale * w_scale), fp8_dot(x, g, ((0,), (0,))) * (x_scale * g_scale))


fp8_product.defvjp(fp8_forward, fp8_backward)


def fp8_mlp(compute, steps=50, batch=128):
    """The digits, with every product in fp8."""
    state, _, batches = digits_mlp(jnp.float32, steps, batch)

    def loss_fn(params, x, y):
        x = jnp.tanh(fp8_product(x, params[0]["w"]) + params[0]["b"])
        return cross_entropy(fp8_product(x, params[1]["w"]) + params[1]["b"], y)

    return state, make_step(loss_fn, 2e-3), batches


MODELS = {"wide_mlp": wide_mlp, "digits_mlp": digits_mlp, "gpt": gpt, "lstm": lstm, "cnn": cnn}
COMPUTE = {"fp32": jnp.float32, "bf16": jnp.bfloat16}
