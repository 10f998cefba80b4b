"""Kernels inside jax.jit: part of the compiled step, with plain JAX on XLA:CPU as the judge."""

import os

os.environ.setdefault("JAX_PLATFORMS", "neuron,cpu")

import functools
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import trainstone
import trainstone.nki.activate  # noqa: F401

import neuronxcc.nki as nki1  # noqa: E402
import neuronxcc.nki.compiler as ncc  # noqa: E402
import neuronxcc.nki.isa as nisa1  # noqa: E402
import neuronxcc.nki.language as nl1  # noqa: E402
import nki  # noqa: E402
import nki.isa as nisa  # noqa: E402
import nki.language as nl  # noqa: E402

HERE = os.path.basename(__file__)
RANDOM = np.random.default_rng(7)


def random(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def sbuf(*shape):
    return nl.ndarray(shape, dtype=nl.float32, buffer=nl.sbuf)


# ---- kernels ----


@nki.jit
def softmax_kernel(x):
    out = nl.ndarray(x.shape, dtype=x.dtype, buffer=nl.shared_hbm)
    for first in range(0, x.shape[0], 128):
        rows = slice(first, min(first + 128, x.shape[0]))
        parts, width = rows.stop - first, x.shape[1]
        block, powers, result = (sbuf(parts, width) for _ in range(3))
        low, total, scale = (sbuf(parts, 1) for _ in range(3))
        nisa.dma_copy(dst=block, src=x[rows])
        nisa.tensor_reduce(dst=low, op=nl.maximum, data=block, axis=1, negate=True)
        nisa.activation_reduce(dst=powers, op=nl.exp, data=block, bias=low, reduce_op=nl.add, reduce_res=total)
        nisa.reciprocal(dst=scale, data=total)
        nisa.tensor_scalar(dst=result, data=powers, op0=nl.multiply, operand0=scale)
        nisa.dma_copy(dst=out[rows], src=result)
    return out


@nki1.jit
def attention_kernel(q, k, v):
    """Softmax(q k^T) v of q, k, v [heads, 128, D], and each row's log of the sum."""
    heads, rows, width = q.shape
    out = nl1.ndarray((heads, rows, width), dtype=q.dtype, buffer=nl1.shared_hbm)
    logs = nl1.ndarray((heads, rows, 1), dtype=nl1.float32, buffer=nl1.shared_hbm)
    for h in nl1.affine_range(heads):
        q_t = nl1.load_transpose2d(q[h])
        k_t = nl1.load_transpose2d(k[h])
        scores = nl1.copy(nisa1.nc_matmul(q_t, k_t))
        top = nl1.max(scores, axis=1, keepdims=True)
        powers = nl1.exp(nl1.subtract(scores, top))
        total = nl1.sum(powers, axis=1, keepdims=True)
        mixed = nisa1.nc_matmul(nl1.copy(nisa1.nc_transpose(powers)), nl1.load(v[h]))
        nl1.store(out[h], nl1.divide(mixed, total))
        nl1.store(logs[h], nl1.add(nl1.log(total), top))
    return out, logs


@nki1.jit
def chosen_addresses(x):
    """x + 1, by a tile that lies where the kernel wants it."""
    out = nl1.ndarray(x.shape, dtype=x.dtype, buffer=nl1.shared_hbm)
    tile = nl1.ndarray((nl1.par_dim(128), x.shape[1]), dtype=x.dtype, buffer=ncc.sbuf.mod_alloc(base_addr=32768))
    tile[...] = nl1.load(x)
    more = nl1.ndarray((nl1.par_dim(128), x.shape[1]), dtype=x.dtype, buffer=ncc.sbuf.mod_alloc(base_addr=40960))
    more[...] = nl1.add(tile, 1.0)
    nl1.store(out, more)
    return out


# ---- the same in JAX ----


@jax.custom_vjp
def softmax(x):
    return softmax_kernel(x)


def softmax_forward(x):
    y = softmax_kernel(x)
    return y, y


def softmax_backward(y, dy):
    return (y * (dy - jnp.sum(y * dy, axis=-1, keepdims=True)),)


softmax.defvjp(softmax_forward, softmax_backward)


def plain_attention(q, k, v):
    return jax.nn.softmax(q @ k.transpose(0, 2, 1), axis=-1) @ v


@jax.custom_vjp
def attention(q, k, v):
    return attention_kernel(q, k, v)[0]


def attention_forward(q, k, v):
    out, logs = attention_kernel(q, k, v)
    return out, (q, k, v, out, logs)


def attention_backward(kept, d_out):
    q, k, v, out, logs = kept
    weights = jnp.exp(q @ k.transpose(0, 2, 1) - logs)
    d_weights = d_out @ v.transpose(0, 2, 1)
    d_scores = weights * (d_weights - jnp.sum(d_out * out, axis=-1, keepdims=True))
    return d_scores @ k, d_scores.transpose(0, 2, 1) @ q, weights.transpose(0, 2, 1) @ d_out


attention.defvjp(attention_forward, attention_backward)


def on_cpu(fn, *args):
    return jax.jit(fn)(*jax.device_put(args, jax.devices("cpu")[0]))


def close(got, want, limit=1e-5):
    """Sums of at most a thousand terms in another order: sqrt(1e3) * 2^-24 is 2e-6 of the largest."""
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= limit * max(np.abs(b).max(), 1e-30)


def rows_of(record):
    return [row for row in record["rows"] if row["file"].endswith(HERE)]


def line_of(text):
    with open(__file__) as file:
        return next(i for i, line in enumerate(file, 1) if text in line)


# ---- values ----


def test_a_training_step_with_a_softmax_kernel():
    """Two calls, inputs that neighbours leave transposed, gradients through both."""

    def loss(weights, x, of_rows):
        hidden = jnp.tanh(x @ weights["first"])
        mixed = of_rows(hidden.T) + of_rows(2.0 * hidden.T + 1.0)
        return jnp.mean(jnp.square(mixed.T @ weights["second"] - x))

    def step(weights, x, of_rows):
        value, gradient = jax.value_and_grad(loss)(weights, x, of_rows)
        return value, jax.tree.map(lambda w, g: w - 0.1 * g, weights, gradient), gradient

    weights = {"first": random(48, 200), "second": random(200, 48)}
    x = random(96, 48)
    got = jax.jit(functools.partial(step, of_rows=softmax))(weights, x)
    want = on_cpu(functools.partial(step, of_rows=functools.partial(jax.nn.softmax, axis=-1)), weights, x)
    close(got, want, 2e-5)


def test_a_training_step_with_an_attention_kernel():
    def loss(weights, x, attend):
        parts = [(x @ w).reshape(128, 4, 32).transpose(1, 0, 2) for w in weights[:3]]
        out = attend(parts[0] * 32 ** -0.5, *parts[1:])
        return jnp.mean(jnp.square(out.transpose(1, 0, 2).reshape(128, 128) @ weights[3] - x))

    weights = [0.1 * random(128, 128) for _ in range(4)]
    x = random(128, 128)
    got = jax.jit(jax.value_and_grad(functools.partial(loss, attend=attention)))(weights, x)
    want = on_cpu(jax.value_and_grad(functools.partial(loss, attend=plain_attention)), weights, x)
    close(got, want, 2e-5)


def test_a_kernel_in_a_loop():
    def step(x):
        return jax.lax.scan(lambda carried, _: (softmax_kernel(carried) + carried, carried[0]), x, length=3)

    def plain(x):
        return jax.lax.scan(lambda carried, _: (jax.nn.softmax(carried, -1) + carried, carried[0]), x, length=3)

    x = random(130, 70)
    close(jax.jit(step)(x), on_cpu(plain, x))


def test_addresses_that_a_kernel_chose():
    x, w = random(128, 256), random(256, 256)
    got = jax.jit(lambda x, w: chosen_addresses(jnp.tanh(x @ w)) @ w)(x, w)
    close(got, on_cpu(lambda x, w: (jnp.tanh(x @ w) + 1) @ w, x, w))


def test_results_that_nobody_reads_and_operands_that_are_results():
    x = random(128, 64)

    def step(x):
        attention_kernel(x[None, :, :32], x[None, :, 32:], x[None, :, :32])
        return x, softmax_kernel(x)

    close(jax.jit(step)(x), (x, on_cpu(functools.partial(jax.nn.softmax, axis=-1), x)))


def test_bf16():
    x = jnp.asarray(random(128, 64), jnp.bfloat16)
    got = jax.jit(lambda x: softmax_kernel(x * 2))(x)
    assert got.dtype == jnp.bfloat16
    want = jax.jit(lambda x: jax.nn.softmax((x * 2).astype(jnp.float32), -1))(jax.device_put(x, jax.devices("cpu")[0]))
    close(got, want, 2 ** -8)


# ---- time ----


def test_the_record_has_the_kernels_lines():
    x = random(256, 512)
    jax.jit(lambda x: softmax_kernel(x) * 2)(x).block_until_ready()
    rows = rows_of(trainstone.last_run())
    powers = [row for row in rows if row["line"] == line_of("nisa.activation_reduce(dst=powers")]
    assert [(row["engine"], row["count"]) for row in powers] == [("scalar", 2)]
    assert any(row["line"] == line_of("softmax_kernel(x) * 2)(x)") for row in rows)


def test_a_kernel_takes_the_time_in_a_step_that_it_takes_alone():
    """The step adds to it what JAX's own operations cost: here none."""
    x = random(1024, 1024)
    jax.jit(lambda x: softmax_kernel(x))(x).block_until_ready()
    within = trainstone.last_run()["predicted_seconds"]
    alone = nki.benchmark(softmax_kernel)
    alone(x)
    assert within == pytest.approx(alone.benchmark_result.record["predicted_seconds"], rel=0.02)


# ---- files ----


def test_a_step_with_a_kernel_is_exported(tmp_path):
    x = random(128, 64)
    trainstone.export(lambda x: softmax_kernel(x + 1.0), x, path=tmp_path / "step")
    built = os.environ["TRAINSTONE_BUILD"]
    np.save(tmp_path / "x.npy", x)
    subprocess.run([f"{built}/trainstone", "run", tmp_path / "step.mlirbc", "-i", tmp_path / "x.npy", "-o",
                    tmp_path / "out"], check=True, capture_output=True)
    close(np.load(tmp_path / "out" / "output_0.npy"), on_cpu(lambda x: jax.nn.softmax(x + 1.0, -1), x))
    text = subprocess.run([f"{built}/trainstone", "report", tmp_path / "step.mlirbc"], check=True, capture_output=True,
                          text=True).stdout
    assert HERE in text


# ---- what is refused ----


def test_no_gradient_of_its_own():
    with pytest.raises(NotImplementedError, match="softmax_kernel: JAX cannot differentiate.*custom_vjp"):
        jax.jit(jax.grad(lambda x: softmax_kernel(x).sum()))(random(128, 8))


def test_no_vmap():
    with pytest.raises(NotImplementedError, match="softmax_kernel: jax.vmap"):
        jax.jit(jax.vmap(softmax_kernel))(random(2, 128, 8))


def test_no_benchmark_inside_jit():
    with pytest.raises(NotImplementedError, match="nki.benchmark runs kernel softmax_kernel alone"):
        jax.jit(lambda x: nki.benchmark(softmax_kernel)(x))(random(128, 8))


def test_no_values_while_tracing():
    @nki.jit
    def shows(x):
        tile = sbuf(128, 8)
        nisa.dma_copy(dst=tile, src=x)
        nl.device_print("x", tile)
        return tile

    with pytest.raises(NotImplementedError, match="shows asks for a value.*outside of jax.jit"):
        jax.jit(shows.__call__)(random(128, 8))


def test_a_loaded_register_is_an_offset():
    """And no number: a loop's bound has to be one."""
    def loading(use):
        @nki.jit
        def kernel(x, row):
            out, at = nl.ndarray((4, x.shape[1]), dtype=x.dtype, buffer=nl.shared_hbm), nisa.register_alloc()
            index = nl.ndarray((1, 1), dtype=nl.int32, buffer=nl.sbuf)
            nisa.dma_copy(dst=index, src=row)
            nisa.register_load(at, index)
            nisa.memset(dst=index, value=0)
            nisa.dma_copy(dst=out, src=x[use(at), :])
            return out

        return kernel

    x, step = random(16, 24), jax.jit(lambda x, row: loading(lambda at: nl.ds(at * 2 + 1, 4))(x, row))
    for row in (0, 5):
        assert np.array_equal(step(x, np.array([[row]], np.int32)), x[2 * row + 1:2 * row + 5])
    with pytest.raises(NotImplementedError, match="inside jax.jit it is known only when the kernel runs"):
        jax.jit(lambda x, row: loading(lambda at: slice(0, at))(x, row))(x, np.array([[4]], np.int32))


def test_arguments_do_not_change():
    @nki.jit
    def overwrites(x):
        tile = sbuf(128, 8)
        nisa.memset(tile, 0.0)
        nisa.dma_copy(dst=x, src=tile)
        return x

    with pytest.raises(NotImplementedError, match="overwrites writes its argument x"):
        jax.jit(overwrites.__call__)(random(128, 8))


def test_other_platforms_say_so():
    with pytest.raises(NotImplementedError, match="softmax_kernel runs on neuron; this program is compiled for cpu"):
        on_cpu(lambda x: softmax_kernel(x), random(128, 8))


def test_a_kernel_that_does_not_fit_is_refused_at_its_call():
    with pytest.raises(MemoryError, match="block takes 1048576 bytes|takes .* bytes of each partition"):
        jax.jit(lambda x: softmax_kernel(x))(jnp.zeros((128, 1 << 18)))


def test_a_recording_of_other_shapes_is_refused():
    call = jax.make_jaxpr(lambda x: softmax_kernel(x))(random(128, 64)).eqns[0]
    with pytest.raises(Exception, match="NKI kernel softmax_kernel was recorded for another shape or type of "
                                        "operand 0"):
        jax.jit(lambda x: call.primitive.bind(x, **call.params))(random(128, 32))
