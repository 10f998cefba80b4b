"""Kernels of AWS's documentation, of the head of nki-samples, and of a course: inputs, and NumPy's results."""

import numpy as np
from nki_case import BF16, OLD, SAMPLES, SDK, case, normal, rng

# ---- tutorials ----

def attention(q, k, v):
    """q and k are [d, seq], v is [seq, d] or [d, seq]."""
    scores = q.T.astype(np.float64) @ k
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True) @ v


def attention_case(seq):
    def make():
        q, k, v = (normal(128, seq, seed=i, scale=0.3) for i in range(3))
        return (q, k, v), {}, attention(q, k, v.T)

    return make


def pool_case():
    x = normal(32, 8, 8)
    return (x, 2), {}, x.reshape(32, 4, 2, 4, 2).mean((2, 4))


def maxpool_case():
    x = normal(128, 24, 24)
    return (x, 3), {}, x.reshape(128, 8, 3, 8, 3).max((2, 4))


def mamba_case():
    """y = sum over states of C * scan(exp(delta A), delta u B)."""
    channels, seq, states = 256, 512, 16
    r = rng()
    delta, u = r.random((1, channels, seq), np.float32), r.random((1, channels, seq), np.float32)
    a, b, c = -r.random((channels, states), np.float32), r.random((1, states, seq), np.float32), r.random(
        (1, states, seq), np.float32)
    decay = np.exp(delta[0, :, None, :] * a[:, :, None])
    step = delta[0, :, None, :] * u[0, :, None, :] * b[0][None]
    state, out = np.zeros((channels, states)), np.zeros((1, channels, seq))
    for t in range(seq):
        state = decay[:, :, t] * state + step[:, :, t]
        out[0, :, t] = (state * c[0, :, t]).sum(1)
    return (delta, u, a, b, c), {}, out


def matmul_case(m, k, n, dtype=BF16, **keywords):
    def make():
        left, right = normal(k, m, dtype=dtype), normal(k, n, dtype=dtype, seed=1)
        return (left, right), keywords, left.T.astype(np.float32) @ right.astype(np.float32)

    return make


def add_case(*shape, dtype=np.float32):
    def make():
        a, b = normal(*shape, dtype=dtype), normal(*shape, dtype=dtype, seed=1)
        return (a, b), {}, a + b

    return make


def exp_case(*shape):
    def make():
        x = normal(*shape)
        return (x,), {}, np.exp(x)

    return make


def turn_case():
    x = normal(4, 3 * 5)
    return (x, (3, 5)), {}, x.reshape(4, 3, 5).transpose(0, 2, 1).reshape(4, 15)


def split_case():
    x = normal(128, 512)
    return (x,), {}, (x[:, ::2], x[:, 1::2])


def layernorm_case():
    x, gamma, beta = normal(300, 1000), normal(1000, seed=1), normal(1000, seed=2)
    middle = x - x.mean(1, keepdims=True)
    return (x, 1e-5, gamma, beta), {}, middle / np.sqrt((middle ** 2).mean(1, keepdims=True) + 1e-5) * gamma + beta


def rmsnorm_case():
    x, g = normal(256, 512), normal(512, seed=1)
    return (x, g), {}, x / np.sqrt((x ** 2).mean(1, keepdims=True)) * g


def sd_attention_case():
    q, k, v = (normal(4096, 64, dtype=BF16, seed=i, scale=0.3) for i in range(3))
    qf, kf, vf = (x.astype(np.float32) for x in (q, k, v))
    expected = attention(0.125 * qf.T, kf.T, vf)
    return (q, k, v), {"use_causal_mask": False, "mixed_precision": True}, expected


def doubled(x, axis):
    """Doubles the length: each new element is 3/4 of its nearest old one and 1/4 of the next; the ends repeat."""
    x = np.moveaxis(x, axis, -1)
    before, after = np.concatenate([x[..., :1], x[..., :-1]], -1), np.concatenate([x[..., 1:], x[..., -1:]], -1)
    both = np.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], -1)
    return np.moveaxis(both.reshape(*x.shape[:-1], -1), -1, axis)


def bilinear_case():
    x = normal(1, 8, 10, 10)
    return (x,), {"chunk_size": 10}, doubled(doubled(x, 2), 3)


def trilinear_case():
    x = normal(1, 8, 4, 4, 4)
    return (x,), {"chunk_size": 4}, doubled(doubled(doubled(x, 2), 3), 4)


for _folder, _corpus in ((SAMPLES, "nki-samples"), (OLD, "docs, release 2.26")):
    _attention = "attention_fwd_performance" if _folder == SAMPLES else "attention"
    for _name in "v1 v2 v3 v4 v5 v6 v7 v8 v8a v9 v10 v11".split():
        case(_corpus, f"{_folder}/{_attention}/attention_kernels.py", f"attn_fwd_{_name}",
             attention_case(128 if _name in ("v1", "v2") else 512 if _name in ("v3", "v4", "v5", "v6", "v7", "v8")
                            else 4096))
for _folder, _corpus in ((SAMPLES, "nki-samples"), (SDK, "docs, examples"), (OLD, "docs, release 2.26")):
    case(_corpus, f"{_folder}/average_pool2d/average_pool2d_nki_kernels.py", "tensor_avgpool_kernel", pool_case)
    for _name in ("mamba_v1", "mamba_v2", "mamba_v3"):
        case(_corpus, f"{_folder}/fused_mamba/mamba_nki_kernels.py", _name, mamba_case)
    _file = f"{_folder}/matrix_multiplication/matrix_multiplication_nki_kernels.py"
    case(_corpus, _file, "nki_matmul_basic_", matmul_case(64, 128, 512))
    for _name in ("nki_matmul_tiled_", "nki_matmul_hoist_load_"):
        case(_corpus, _file, _name, matmul_case(256, 256, 1024), tolerance=2e-2)
    case(_corpus, _file, "nki_matmul_block_free_dimension_", matmul_case(512, 256, 2048), tolerance=2e-2)
    case(_corpus, _file, "nki_matmul_fully_optimized_", matmul_case(2048, 1024, 1024), tolerance=2e-2)
    case(_corpus, f"{_folder}/transpose2d/transpose2d_nki_kernels.py", "tensor_transpose2D_kernel_", turn_case)
case("nki-samples", f"{SAMPLES}/tensor_addition/tensor_addition_nki_kernels.py", "nki_tensor_add",
     add_case(256, 1024), caller="nki_tensor_add")
case("nki-samples", f"{SAMPLES}/tensor_addition/spmd_tensor_addition_nki_kernels.py", "nki_tensor_add_kernel_",
     add_case(256, 1024), caller="nki_tensor_add")
case("nki-samples", f"{SAMPLES}/tensor_addition/spmd_multiple_nc_tensor_addition_nki_kernels.py",
     "nki_tensor_add_kernel_", add_case(512, 2048), caller="nki_tensor_add_nc2")
case("nki-samples", "nki-samples/contributed/interpolate_bilinear_fwd.py", "interpolate_bilinear_2x_fwd",
     bilinear_case)
case("nki-samples", "nki-samples/contributed/interpolate_trilinear_fwd.py", "interpolate_trilinear_2x_fwd",
     trilinear_case)
case("nki-samples", "nki-samples/contributed/maxpooling.py", "max_pooling_2d_stride_1", lambda: (
    lambda x: ((x, 3), {}, np.lib.stride_tricks.sliding_window_view(x, (3, 3)).max((-1, -2))))(normal(448, 448)))
case("nki-samples", "nki-samples/contributed/matmul.py", "matmul", matmul_case(1024, 1024, 2048, np.float16))
case("docs, examples", f"{SDK}/tensor_addition/tensor_addition_nki_kernels.py", "nki_tensor_add", add_case(256, 1024),
     caller="nki_tensor_add")
for _name in ("baremetal", "jax", "torch"):
    case("docs, examples", f"{SDK}/getting_started_{_name}.py", "nki_tensor_add_kernel", add_case(4, 3))
    case("docs, release 2.26", f"{OLD}/getting_started_{_name}.py", "nki_tensor_add_kernel", add_case(4, 3))
case("docs, examples", f"{SDK}/simulate/nki_simulate_example.py", "add_kernel", add_case(128, 512))
for _folder, _corpus in ((SDK, "docs, examples"), (OLD, "docs, release 2.26")):
    case(_corpus, f"{_folder}/index-case-1.py", "tensor_split_kernel_", split_case)
    case(_corpus, f"{_folder}/index-case-3.py", "tensor_maxpool_kernel_", maxpool_case)
    case(_corpus, f"{_folder}/layout-pass.py", "tensor_exp_kernel_", exp_case(128, 512))
    case(_corpus, f"{_folder}/layout-loop.py", "tensor_exp_kernel_", exp_case(256, 512))
    case(_corpus, f"{_folder}/layout-violation.py", "tensor_exp_kernel_", exp_case(256, 512),
         refused="number of partitions 256 exceed architecture limitation of 128")
# These two return inside their loop, so in Python they make one trip, over 128 rows.
for _name in ("layout-dynamic-loop", "prof-kernel"):
    case("docs, release 2.26", f"{OLD}/{_name}.py", "tensor_exp_kernel_", exp_case(128, 512))
for _name in ("prof-kernel-benchmark", "prof-kernel-profile"):
    case("docs, release 2.26", f"{OLD}/{_name}.py", "tensor_exp_kernel_", exp_case(250, 512))
for _name in ("nki_layernorm_kernel_v1", "nki_layernorm_kernel_v2"):
    case("docs, release 2.26", f"{OLD}/layernorm/layernorm_nki_kernel.py", _name, layernorm_case)
case("docs, release 2.26", f"{OLD}/rmsnorm/rmsnorm_nki_kernels.py", "nki_rmsnorm_kernel", rmsnorm_case)
case("docs, release 2.26", f"{OLD}/sd_attention/sd_attention_nki_kernels.py", "fused_self_attn_for_SD_small_head_size",
     sd_attention_case)
case("docs, release 2.26", f"{OLD}/tensor_addition/spmd_tensor_addition_nki_kernels.py",
     "nki_tensor_add_kernel_", add_case(256, 1024), caller="nki_tensor_add")
case("docs, release 2.26", f"{OLD}/tensor_addition/spmd_multiple_nc_tensor_addition_nki_kernels.py",
     "nki_tensor_add_kernel_", add_case(512, 2048), caller="nki_tensor_add_nc2")

# ---- a course ----

for _folder, _corpus in (("asst4-trainium", "CS149, 2024"), ("asst4-trainium2", "CS149, 2025")):
    case(_corpus, f"{_folder}/part1/kernels.py", "vector_add_naive", add_case(128))
    case(_corpus, f"{_folder}/part1/kernels.py", "vector_add_tiled", add_case(1280))
    case(_corpus, f"{_folder}/part1/kernels.py", "vector_add_stream", add_case(25600))
case("CS149, 2024", "asst4-trainium/part1/kernels.py", "vector_add_direct_allocation", lambda: (
    lambda made: (*made[:2], made[2][:, None]))(add_case(256000)()))
case("CS149, 2025", "asst4-trainium2/part1/kernels.py", "matrix_transpose", exp_case(128, 256),
     refused="to which nothing was written")  # the student has to write it


# ---- two of AWS's tests of the API whose own checks demand more precision than bfloat16 has, or luck ----

def activation_case():
    a, b, c = (rng(i).random(shape, np.float32) for i, shape in enumerate(((128, 1024), (128, 512), (128, 1))))
    return (a, b, c), {}, (np.exp(a), np.square(2 * b + c))


def dropout_case():
    """A value stays or becomes 0, as often as its row's probability says."""
    x, probabilities = np.ones((128, 512), np.float32), np.linspace(0, 1, 128, dtype=np.float32)[:, None]

    def kept(found):
        assert np.isin(found, (0, 1)).all()
        return np.asarray(found).mean(1), 1 - probabilities[:, 0]

    return (x, probabilities), {}, kept


case("docs, tests of the API", "aws-neuron-sdk/nki/test/test_nki_isa_activation.py", "nki_activation", activation_case)
case("docs, tests of the API", "aws-neuron-sdk/nki/test/test_nki_isa_dropout.py", "nki_dropout", dropout_case,
     tolerance=0.12)
