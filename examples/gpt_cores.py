"""Trains the small GPT of gpt_text.py on several devices: the batch is cut over one axis of a mesh, and the heads and
hidden columns of each layer over the other.

Run it with `python examples/gpt_cores.py` on the two devices of a chip, or `python examples/gpt_cores.py --mesh 4x2`
where there are eight. On several the loss falls as on one.
"""

import argparse
import functools

import gpt_text
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

# How a parameter lies on the axis "model"; what is not named here is on every device.
LAYOUTS = {"qkv": PartitionSpec(None, None, "model", None), "out": PartitionSpec("model", None, None),
           "up": PartitionSpec(None, "model"), "down": PartitionSpec("model", None)}


def lay_out(mesh, tree):
    """The tree on the devices of the mesh."""
    def put(path, value):
        layout = LAYOUTS.get(getattr(path[-1], "key", None), PartitionSpec())
        return jax.device_put(value, NamedSharding(mesh, layout))
    return jax.tree_util.tree_map_with_path(put, tree)


def by_heads(params):
    """gpt_text's parameters with the heads as an axis of their own: it can be cut between any two."""
    def block(block):
        width, heads = gpt_text.WIDTH, gpt_text.HEADS
        return block | {"qkv": block["qkv"].reshape(width, 3, heads, width // heads),
                        "out": block["out"].reshape(heads, width // heads, width)}
    return params | {"blocks": [block(b) for b in params["blocks"]]}


def attention(block, x):
    length = x.shape[1]
    q, k, v = jnp.einsum("blw,wshd->sblhd", x, block["qkv"])
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(q.shape[-1])
    mask = jnp.tril(jnp.ones((length, length), bool))
    weights = jax.nn.softmax(jnp.where(mask, scores, -1e30), axis=-1)
    return jnp.einsum("blhd,hdw->blw", jnp.einsum("bhqk,bkhd->bqhd", weights, v), block["out"])


def loss_fn(params, tokens, targets):
    before = jnp.pad(tokens[:, :-1], ((0, 0), (1, 0)))
    x = params["token"][tokens] + params["before"][before] + params["place"]
    for block in params["blocks"]:
        x = x + attention(block, gpt_text.norm(block["norm1"], x))
        x = x + jax.nn.gelu(gpt_text.norm(block["norm2"], x) @ block["up"]) @ block["down"]
    log_probs = jax.nn.log_softmax(gpt_text.norm(params["norm"], x) @ params["token"].T)
    return -jnp.mean(jnp.take_along_axis(log_probs, targets[..., None], axis=-1))


@functools.partial(jax.jit, donate_argnums=(0, 1))
def train_step(params, state, tokens, targets):
    loss, grads = jax.value_and_grad(loss_fn)(params, tokens, targets)
    params, state = gpt_text.adam(params, grads, state,
                                  lambda t: gpt_text.LEARNING_RATE * jnp.minimum(t / gpt_text.WARM_UP, 1.0))
    return params, state, loss


def main(shape=None, steps=200):
    """Trains on a mesh of `shape` (data, model), by default all devices along data; returns the last 20 steps' mean
    loss."""
    shape = shape or (len(jax.devices()), 1)
    if shape[0] * shape[1] > len(jax.devices()):
        raise SystemExit(f"a mesh of {shape[0]} x {shape[1]} is more than the {len(jax.devices())} devices here")
    mesh = Mesh(np.array(jax.devices()[:shape[0] * shape[1]]).reshape(shape), ("data", "model"))
    tokens, characters = gpt_text.load_text()
    params, (m, v, count) = gpt_text.init(len(characters))
    params, m, v = (lay_out(mesh, by_heads(tree)) for tree in (params, m, v))
    state = m, v, jax.device_put(count, NamedSharding(mesh, PartitionSpec()))
    rows = NamedSharding(mesh, PartitionSpec("data"))
    losses = []
    for step, batch in enumerate(gpt_text.batches(tokens, steps), 1):
        params, state, loss = train_step(params, state, *jax.device_put(batch, rows))
        losses.append(float(loss))
        if step == 1 or step % 20 == 0:
            print(f"step {step:3d}/{steps}  loss {losses[-1]:.3f}", flush=True)
    return float(np.mean(losses[-20:]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mesh", help="devices along the batch x devices along each layer, as 2x1")
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    shape = tuple(map(int, options.mesh.split("x"))) if options.mesh else None
    print(f"final loss {main(shape, options.steps):.3f}")
