"""Trains an LSTM to forecast El Nino, with Flax and Optax.

The series is the temperature of the eastern Pacific in each quarter from 1950 to 2015, in standard deviations (NOAA's
nino 3, which the package PyWavelets ships). Run it with `python examples/nino_lstm.py`. It prints the error of
forecasts for the last 15 years, which training does not see, beside those of two simple guesses, within ten
seconds on two cores.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pywt.data

WIDTH, LENGTH, BATCH = 32, 24, 32
STEPS, EVERY = 300, 30
LEARNING_RATE, WEIGHT_DECAY, DROPOUT = 1e-2, 0.1, 0.5
TEST = 60  # quarters


class Forecaster(nn.Module):
    """[batch, length, 1] to [batch, length]: at each quarter the forecast of the next one."""

    @nn.compact
    def __call__(self, x, train):
        cell = nn.OptimizedLSTMCell(WIDTH, recurrent_kernel_init=nn.initializers.lecun_normal())
        x = nn.RNN(cell)(x)
        x = nn.Dropout(DROPOUT, deterministic=not train)(x)
        return nn.Dense(1)(x)[..., 0]


def load_data():
    """(series until TEST quarters before its end, whole series)."""
    _, series = pywt.data.nino()
    series = series.astype(np.float32)
    return series[:-TEST], series


def windows(series, starts):
    """Inputs and targets: LENGTH quarters from each start, and those one later."""
    part = series[np.asarray(starts)[:, None] + np.arange(LENGTH + 1)]
    return part[:, :-1, None], part[:, 1:]


def rmse(forecast, truth):
    return float(np.sqrt(np.mean((np.asarray(forecast) - truth) ** 2)))


def main(steps=STEPS):
    """Trains and returns the root mean square errors of the network, of the mean and of the year before."""
    train, series = load_data()
    model = Forecaster()
    random = np.random.default_rng(0)
    x, _ = windows(train, [0])
    params = jax.jit(functools.partial(model.init, train=False))(jax.random.key(0), x)
    optimizer = optax.adamw(optax.cosine_decay_schedule(LEARNING_RATE, steps), weight_decay=WEIGHT_DECAY)
    state = optimizer.init(params)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def train_step(params, state, key, x, y):
        def loss_fn(params):
            forecast = model.apply(params, x, train=True, rngs={"dropout": key})
            return jnp.mean(jnp.square(forecast - y)[:, LENGTH // 2 :])

        loss, grads = jax.value_and_grad(loss_fn)(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    forecast_last = jax.jit(lambda params, x: model.apply(params, x, train=False)[:, -1])
    unseen, truth = windows(series, np.arange(len(series) - TEST - LENGTH, len(series) - LENGTH))
    truth = truth[:, -1]
    for step in range(1, steps + 1):
        x, y = windows(train, random.integers(0, len(train) - LENGTH, BATCH))
        params, state, loss = train_step(params, state, jax.random.key(step), x, y)
        if step == 1 or step % EVERY == 0:
            error = rmse(forecast_last(params, unseen), truth)
            print(f"step {step:3d}/{steps}  loss {float(loss):.4f}  error {error:.3f}", flush=True)
    return error, rmse(train.mean(), truth), rmse(unseen[:, -4, 0], truth)


if __name__ == "__main__":
    error, mean, before = main()
    print(f"forecast error {error:.3f}  (guessing the mean {mean:.3f}, last year's quarter {before:.3f})")
