"""The training steps that the bench times, in plain JAX; models_torch.py has the same in PyTorch.

build(name, precision) returns a step and its arguments: step(params, state, x, y) -> (params, state, loss), the first
two donated. In bf16, everything is bf16: weights, activations and the optimizer's state; statistics and the loss are
summed in fp32.
"""

import math
import typing

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np

SGD_RATE, MOMENTUM = 0.05, 0.9
ADAM_RATE, BETA1, BETA2, EPSILON, DECAY = 3e-4, 0.9, 0.999, 1e-8, 0.01
DTYPES = {"fp32": jnp.float32, "bf16": jnp.bfloat16}


# ---- layers: functions that make parameters, and functions that apply them ----


def dense_params(random, inputs, outputs):
    return {"w": random.standard_normal((inputs, outputs)) / math.sqrt(inputs), "b": np.zeros(outputs)}


def dense(p, x):
    return x @ p["w"] + p["b"]


def norm_params(width):
    return {"scale": np.ones(width), "shift": np.zeros(width)}


def normalize(p, x, axes):
    """Normalises to mean 0 and variance 1 over the axes, in fp32."""
    wide = x.astype(jnp.float32)
    centred = wide - wide.mean(axes, keepdims=True)
    variance = jnp.square(centred).mean(axes, keepdims=True)
    return (centred * jax.lax.rsqrt(variance + 1e-5)).astype(x.dtype) * p["scale"] + p["shift"]


def layer_norm(p, x):
    return normalize(p, x, -1)


def batch_norm(p, x):
    return normalize(p, x, (0, 1, 2))


def conv_params(random, size, inputs, outputs):
    shape = (size, size, inputs, outputs)
    return random.standard_normal(shape) * math.sqrt(2 / (size * size * inputs))


def conv(w, x, stride=1):
    return jax.lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


# ---- models ----


def mlp_params(random, sizes=(784, 512, 512, 10)):
    return [dense_params(random, n, m) for n, m in zip(sizes, sizes[1:])]


def mlp(params, x):
    for p in params[:-1]:
        x = jax.nn.relu(dense(p, x))
    return dense(params[-1], x)


RESNET_STAGES = ((16, 1), (32, 2), (64, 2))  # width, and stride of the first of the three blocks


def resnet_blocks():
    """(inputs, outputs, stride) of each of the nine blocks."""
    inputs = 16
    for width, stride in RESNET_STAGES:
        for block in range(3):
            yield inputs, width, stride if block == 0 else 1
            inputs = width


def resnet20_params(random):
    def block(inputs, outputs, stride):
        made = {"first": conv_params(random, 3, inputs, outputs), "norm1": norm_params(outputs),
                "second": conv_params(random, 3, outputs, outputs), "norm2": norm_params(outputs)}
        if inputs != outputs:
            made["across"] = conv_params(random, 1, inputs, outputs)
        return made

    return {"stem": conv_params(random, 3, 3, 16), "norm": norm_params(16),
            "blocks": [block(*shape) for shape in resnet_blocks()], "out": dense_params(random, 64, 10)}


def resnet20(params, x):
    x = jax.nn.relu(batch_norm(params["norm"], conv(params["stem"], x)))
    for p, (_, _, stride) in zip(params["blocks"], resnet_blocks()):
        y = jax.nn.relu(batch_norm(p["norm1"], conv(p["first"], x, stride)))
        y = batch_norm(p["norm2"], conv(p["second"], y))
        x = jax.nn.relu(y + (conv(p["across"], x, stride) if "across" in p else x))
    return dense(params["out"], x.mean((1, 2)))


class GptShape(typing.NamedTuple):
    width: int
    layers: int
    heads: int
    places: int  # rows of the table of positions
    vocabulary: int


def gpt_params(random, shape):
    width = shape.width

    def block():
        return {"norm1": norm_params(width), "qkv": dense_params(random, width, 3 * width),
                "out": dense_params(random, width, width), "norm2": norm_params(width),
                "up": dense_params(random, width, 4 * width), "down": dense_params(random, 4 * width, width)}

    return {"token": 0.02 * random.standard_normal((shape.vocabulary, width)),
            "place": 0.02 * random.standard_normal((shape.places, width)),
            "blocks": [block() for _ in range(shape.layers)], "norm": norm_params(width)}


def attention(p, x, heads):
    batch, length, width = x.shape
    q, k, v = (part.reshape(batch, length, heads, width // heads) for part in jnp.split(dense(p["qkv"], x), 3, -1))
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k, preferred_element_type=jnp.float32) / math.sqrt(width // heads)
    is_past = jnp.tril(jnp.ones((length, length), bool))
    weights = jax.nn.softmax(jnp.where(is_past, scores, -1e30), -1).astype(x.dtype)
    return dense(p["out"], jnp.einsum("bhqk,bkhd->bqhd", weights, v).reshape(x.shape))


def gpt(params, tokens, shape):
    x = params["token"][tokens] + params["place"][: tokens.shape[1]]
    for p in params["blocks"]:
        x = x + attention(p, layer_norm(p["norm1"], x), shape.heads)
        x = x + dense(p["down"], jax.nn.gelu(dense(p["up"], layer_norm(p["norm2"], x))))
    return layer_norm(params["norm"], x) @ params["token"].T


LSTM_WIDTH = 128


def lstm_params(random, features=16, outputs=8):
    def layer(inputs):
        scale = 1 / math.sqrt(LSTM_WIDTH)
        return {"in": scale * random.standard_normal((inputs, 4 * LSTM_WIDTH)),
                "state": scale * random.standard_normal((LSTM_WIDTH, 4 * LSTM_WIDTH)), "b": np.zeros(4 * LSTM_WIDTH)}

    return {"layers": [layer(features), layer(LSTM_WIDTH)], "out": dense_params(random, LSTM_WIDTH, outputs)}


def lstm(params, x):
    """Processes all steps of [batch, step, feature] and forecasts from the last state."""
    steps = jnp.swapaxes(x, 0, 1)
    start = jnp.zeros((x.shape[0], LSTM_WIDTH), x.dtype)
    for p in params["layers"]:
        def cell(carry, inputs, p=p):
            hidden, memory = carry
            i, f, g, o = jnp.split(inputs + hidden @ p["state"], 4, -1)
            memory = jax.nn.sigmoid(f) * memory + jax.nn.sigmoid(i) * jnp.tanh(g)
            hidden = jax.nn.sigmoid(o) * jnp.tanh(memory)
            return (hidden, memory), hidden

        _, steps = jax.lax.scan(cell, (start, start), steps @ p["in"] + p["b"])
    return dense(params["out"], steps[-1])


# ---- losses and optimizers ----


def cross_entropy(outputs, labels):
    logits = outputs.astype(jnp.float32)
    picked = jnp.take_along_axis(logits, labels[..., None], -1)[..., 0]
    return (jax.nn.logsumexp(logits, -1) - picked).mean()


def squared_error(outputs, targets):
    return jnp.square(outputs.astype(jnp.float32) - targets).mean()


def zeros(params):
    return jax.tree.map(jnp.zeros_like, params)


def sgd(params, momentum, grads):
    momentum = jax.tree.map(lambda m, g: MOMENTUM * m + g, momentum, grads)
    return jax.tree.map(lambda p, m: p - SGD_RATE * m, params, momentum), momentum


def adamw_state(params):
    return zeros(params), zeros(params), jnp.zeros((), jnp.float32)


def adamw(params, state, grads):
    mean, square, count = state
    count = count + 1
    mean = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, mean, grads)
    square = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, square, grads)
    mean_scale, square_scale = 1 / (1 - BETA1**count), 1 / (1 - BETA2**count)

    def update(p, m, v):
        step = m * mean_scale / (jnp.sqrt(v * square_scale) + EPSILON)
        return (p - ADAM_RATE * (step + DECAY * p)).astype(p.dtype)

    return jax.tree.map(update, params, mean, square), (mean, square, count)


OPTIMIZERS = {"sgd": (zeros, sgd), "adamw": (adamw_state, adamw)}


# ---- the bench's models ----


class Model(typing.NamedTuple):
    params: typing.Callable  # from a random generator
    apply: typing.Callable   # from params and x
    batch: typing.Callable   # from a random generator: x, y
    loss: typing.Callable    # from the result of apply, and y
    optimizer: str


def gpt_model(shape, batch, length):
    return Model(lambda random: gpt_params(random, shape), lambda params, x: gpt(params, x, shape),
                 lambda random: tuple(random.integers(0, shape.vocabulary, (2, batch, length))),
                 cross_entropy, "adamw")


MODELS = {
    "mlp": Model(mlp_params, mlp,
                 lambda random: (random.standard_normal((256, 784)), random.integers(0, 10, 256)),
                 cross_entropy, "sgd"),
    "resnet20": Model(resnet20_params, resnet20,
                      lambda random: (random.standard_normal((64, 32, 32, 3)), random.integers(0, 10, 64)),
                      cross_entropy, "sgd"),
    "gpt_d256": gpt_model(GptShape(256, 4, 4, 256, 1024), 8, 256),
    "lstm": Model(lstm_params, lstm,
                  lambda random: (random.standard_normal((64, 64, 16)), random.standard_normal((64, 8))),
                  squared_error, "adamw"),
    "gpt2_124m": gpt_model(GptShape(768, 12, 12, 1024, 50257), 1, 256),
    "gpt_tiny": gpt_model(GptShape(64, 2, 4, 32, 128), 4, 32),
}


class Shapes:
    """A random generator whose arrays take no memory."""
    def standard_normal(self, shape):
        return np.broadcast_to(np.float32(0), shape)

    def integers(self, low, high, shape):
        return np.broadcast_to(np.int32(low), shape)


def make(name, precision, random, to_leaf):
    """A model's step, not jitted, and (params, a function that makes the optimizer's state from them, x, y). `to_leaf`
    makes each array from one of `random` and a dtype."""
    model = MODELS[name]
    initial_state, optimize = OPTIMIZERS[model.optimizer]

    def leaf(array):
        return to_leaf(array, DTYPES[precision] if np.issubdtype(array.dtype, np.floating) else jnp.int32)

    params = jax.tree.map(leaf, model.params(random))
    x, y = (leaf(array) for array in model.batch(random))

    def step(params, state, x, y):
        loss, grads = jax.value_and_grad(lambda p: model.loss(model.apply(p, x), y))(params)
        return *optimize(params, state, grads), loss

    return step, (params, initial_state, x, y)


def build(name, precision):
    """(step, (params, state, x, y))"""
    step, (params, initial_state, x, y) = make(name, precision, np.random.default_rng(0), jnp.asarray)
    return step, (params, initial_state(params), x, y)


def build_shapes(name, precision):
    """The same with shapes instead of arrays, which is enough to export the step."""
    step, (params, initial_state, x, y) = make(name, precision, Shapes(),
                                               lambda array, dtype: jax.ShapeDtypeStruct(array.shape, dtype))
    return step, (params, jax.eval_shape(initial_state, params), x, y)


def saved_bytes(name, params, x, y):
    """Bytes that JAX's autodiff keeps from the forward for the backward pass, without parameters and batch."""
    model = MODELS[name]

    def forward(params, x, y):
        return jax.vjp(lambda p: model.loss(model.apply(p, x), y), params)[1]

    traced = jax.make_jaxpr(forward)(params, x, y).jaxpr
    given = {id(var) for var in (*traced.invars, *traced.constvars)}
    kept = {id(var): var.aval for var in traced.outvars if not isinstance(var, jax.extend.core.Literal)}
    return sum(aval.size * aval.dtype.itemsize for key, aval in kept.items() if key not in given)


def tree_bytes(tree):
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
