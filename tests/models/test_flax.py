"""Training loops as the documentation of optax and flax writes them, on Trainstone as on XLA:CPU.

Each maker returns (state, step, batches) of a loop that says nothing of Trainstone. The models are smooth (gelu, silu,
tanh), and no bias precedes what cancels it (batch norm, the keys of a softmax): a kink and a gradient that is
zero but for rounding would compare rounding errors, through Adam at full size.
"""

import functools

import harness
import jax
import jax.numpy as jnp
import models
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax import nnx
from flax.training import train_state
from sklearn.datasets import load_digits

STEPS = 50


def digits(batch):
    """Batches of images in 0..1 and labels."""
    data, random = load_digits(), np.random.default_rng(8)
    images, labels = (data.images / 16).astype(np.float32), data.target.astype(np.int32)
    picks = [random.integers(0, len(labels), batch) for _ in range(STEPS)]
    return [(images[p], labels[p]) for p in picks]


def optax_mlp(dtype):
    """optax: getting started. AdamW with a schedule and clipping; the parameters are a plain tree."""
    def network(params, x):
        for layer in params[:-1]:
            x = jnp.tanh(x @ layer["w"].astype(dtype) + layer["b"].astype(dtype))
        return x @ params[-1]["w"].astype(dtype) + params[-1]["b"].astype(dtype)

    schedule = optax.warmup_cosine_decay_schedule(1e-4, 3e-3, 10, STEPS)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=1e-2))

    def loss_fn(params, x, y):
        logits = network(params, x.reshape(len(x), -1).astype(dtype)).astype(jnp.float32)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state, batch):
        params, opt_state = state
        loss, grads = jax.value_and_grad(loss_fn)(params, *batch)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), loss

    random = np.random.default_rng(9)
    params = [models.dense(random, n, m) for n, m in ((64, 96), (96, 96), (96, 10))]
    return (params, optimizer.init(params)), step, digits(64)


class CNN(nn.Module):
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x, train):
        for features, strides in ((16, 1), (32, 2)):
            x = nn.Conv(features, (3, 3), strides, use_bias=False, dtype=self.dtype)(x)
            x = nn.gelu(nn.BatchNorm(use_running_average=not train, momentum=0.9, dtype=self.dtype)(x))
        x = nn.avg_pool(x, (2, 2), (2, 2)).reshape(len(x), -1)
        x = nn.gelu(nn.Dense(64, dtype=self.dtype)(x))
        return nn.Dense(10, dtype=self.dtype)(x)


class BatchNormState(train_state.TrainState):
    batch_stats: dict


def linen_cnn(dtype):
    """flax.linen: batch norm and its running averages in a TrainState, SGD with momentum."""
    model, batches = CNN(dtype), [(x[..., None], y) for x, y in digits(32)]
    variables = model.init(jax.random.key(0), batches[0][0], train=False)
    state = BatchNormState.create(apply_fn=model.apply, params=variables["params"], tx=optax.sgd(0.03, momentum=0.9),
                                  batch_stats=variables["batch_stats"])

    @functools.partial(jax.jit, donate_argnums=0)
    def train_step(state, batch):
        x, y = batch

        def loss_fn(params):
            logits, updates = state.apply_fn({"params": params, "batch_stats": state.batch_stats}, x, train=True,
                                             mutable=["batch_stats"])
            return optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), y).mean(), updates

        (loss, updates), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
        return state.apply_gradients(grads=grads).replace(batch_stats=updates["batch_stats"]), loss

    return state, train_step, batches


class Block(nnx.Module):
    def __init__(self, width, heads, dtype, rngs):
        self.norm1 = nnx.LayerNorm(width, dtype=dtype, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(heads, width, use_bias=False, dropout_rate=0.1, decode=False,
                                                deterministic=False, dtype=dtype, rngs=rngs)
        self.norm2 = nnx.LayerNorm(width, dtype=dtype, rngs=rngs)
        self.up = nnx.Linear(width, 4 * width, dtype=dtype, rngs=rngs)
        self.down = nnx.Linear(4 * width, width, dtype=dtype, rngs=rngs)
        self.dropout = nnx.Dropout(0.1, rngs=rngs)

    def __call__(self, x, mask):
        x = x + self.dropout(self.attention(self.norm1(x), mask=mask))
        return x + self.dropout(self.down(nnx.gelu(self.up(self.norm2(x)))))


class Transformer(nnx.Module):
    def __init__(self, vocab, length, width, heads, layers, dtype, rngs):
        self.token = nnx.Embed(vocab, width, dtype=dtype, rngs=rngs)
        self.place = nnx.Embed(length, width, dtype=dtype, rngs=rngs)
        self.dropout = nnx.Dropout(0.1, rngs=rngs)
        self.blocks = nnx.List([Block(width, heads, dtype, rngs) for _ in range(layers)])
        self.norm = nnx.LayerNorm(width, dtype=dtype, rngs=rngs)
        # No bias: XLA:CPU adds up the gradients of one in bf16, which for 192 tokens lies 2e-2 from their sum.
        self.head = nnx.Linear(width, vocab, use_bias=False, dtype=dtype, rngs=rngs)

    def __call__(self, tokens):
        x = self.dropout(self.token(tokens) + self.place(jnp.arange(tokens.shape[1])))
        for block in self.blocks:
            x = block(x, nnx.make_causal_mask(tokens))
        return self.head(self.norm(x))


def nnx_transformer(dtype):
    """flax.nnx: a causal transformer whose dropout draws from the streams that the model carries."""
    model = Transformer(64, 24, 48, 4, 2, dtype, nnx.Rngs(0, dropout=1))
    optimizer = nnx.Optimizer(model, optax.adamw(2e-3), wrt=nnx.Param)
    graph, state = nnx.split((model, optimizer))

    def loss_fn(model, tokens, targets):
        logits = model(tokens).astype(jnp.float32)
        return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()

    @functools.partial(jax.jit, donate_argnums=0)
    def train_step(state, batch):
        model, optimizer = nnx.merge(graph, state)
        loss, grads = nnx.value_and_grad(loss_fn)(model, *batch)
        optimizer.update(model, grads)
        return nnx.state((model, optimizer)), loss

    random = np.random.default_rng(10)
    return state, train_step, [models.successors(random, 8, 24, 64) for _ in range(STEPS)]


class VAE(nn.Module):
    dtype: jnp.dtype
    latents: int = 8

    @nn.compact
    def __call__(self, x, key):
        h = nn.silu(nn.Dense(96, dtype=self.dtype, name="encoder")(x))
        mean = nn.Dense(self.latents, dtype=self.dtype, name="mean")(h).astype(jnp.float32)
        logvar = nn.Dense(self.latents, dtype=self.dtype, name="logvar")(h).astype(jnp.float32)
        z = mean + jnp.exp(0.5 * logvar) * jax.random.normal(key, logvar.shape)
        h = nn.silu(nn.Dense(96, dtype=self.dtype, name="decoder")(z))
        return nn.Dense(64, dtype=self.dtype, name="image")(h).astype(jnp.float32), mean, logvar


def linen_vae(dtype):
    """flax.linen's VAE: the reparameterisation draws from a key of each step."""
    model, keys = VAE(dtype), jax.random.split(jax.random.key(2), STEPS + 1)
    batches = [(x.reshape(len(x), -1), key) for (x, _), key in zip(digits(64), keys)]
    state = train_state.TrainState.create(apply_fn=model.apply, params=model.init(keys[-1], *batches[0])["params"],
                                          tx=optax.adam(2e-3))

    @functools.partial(jax.jit, donate_argnums=0)
    def train_step(state, batch):
        x, key = batch

        def loss_fn(params):
            logits, mean, logvar = state.apply_fn({"params": params}, x, key)
            log_p = nn.log_sigmoid(logits)
            cross_entropy = -jnp.sum(x * log_p + (1.0 - x) * jnp.log(-jnp.expm1(log_p)), axis=-1)
            divergence = -0.5 * jnp.sum(1 + logvar - mean**2 - jnp.exp(logvar), axis=-1)
            return jnp.mean(cross_entropy + divergence)

        loss, grads = jax.value_and_grad(loss_fn)(state.params)
        return state.apply_gradients(grads=grads), loss

    return state, train_step, batches


LOOPS = {"optax_mlp": optax_mlp, "linen_cnn": linen_cnn, "nnx_transformer": nnx_transformer, "linen_vae": linen_vae}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", LOOPS)
def test_loop(name, precision, record_property):
    harness.judge(name, precision, LOOPS[name](models.COMPUTE[precision]), record_property)


class Digits(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(1, 16, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(16, rngs=rngs)
        self.hidden = nnx.Linear(16 * 4 * 4, 48, rngs=rngs)
        self.dropout = nnx.Dropout(0.1, rngs=rngs)
        self.out = nnx.Linear(48, 10, rngs=rngs)

    def __call__(self, x):
        x = nnx.avg_pool(nnx.gelu(self.norm(self.conv(x))), (2, 2), (2, 2))
        x = nnx.gelu(self.dropout(self.hidden(x.reshape(x.shape[0], -1))))
        return self.out(x)


def nnx_loss(model, x, y):
    logits = model(x)
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits


@nnx.jit
def nnx_train_step(model, optimizer, metrics, x, y):
    (loss, logits), grads = nnx.value_and_grad(nnx_loss, has_aux=True)(model, x, y)
    metrics.update(loss=loss, logits=logits, labels=y)
    optimizer.update(model, grads)
    return loss


@nnx.jit
def nnx_eval_step(model, metrics, x, y):
    loss, logits = nnx_loss(model, x, y)
    metrics.update(loss=loss, logits=logits, labels=y)


def nnx_train(batches):
    """nnx's tutorial as it stands: objects that jitted functions change in place. The losses and the metrics."""
    model = Digits(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adamw(3e-3, 0.9), wrt=nnx.Param)
    metrics = nnx.MultiMetric(accuracy=nnx.metrics.Accuracy(), loss=nnx.metrics.Average("loss"))
    model.train()
    losses = [float(nnx_train_step(model, optimizer, metrics, x[..., None], y)) for x, y in batches]
    trained = metrics.compute()
    metrics.reset()
    model.eval()
    for x, y in batches[:3]:
        nnx_eval_step(model, metrics, x[..., None], y)
    return np.array(losses), {name: float(value) for name, value in (trained | {
        f"eval_{name}": value for name, value in metrics.compute().items()}).items()}


def test_nnx_tutorial():
    ways = {}
    for platform in (harness.CPU, harness.CHIP):
        with jax.default_device(jax.devices(platform)[0]):
            ways[platform] = nnx_train(digits(32))
    (want, want_metrics), (got, got_metrics) = ways[harness.CPU], ways[harness.CHIP]
    assert want[-1] < 0.5 * want[0]
    np.testing.assert_allclose(got, want, rtol=harness.LIMITS["fp32"]["free_loss"])
    assert got_metrics == pytest.approx(want_metrics, rel=harness.LIMITS["fp32"]["free_loss"])
    assert want_metrics["eval_accuracy"] > want_metrics["accuracy"] > 0.5
