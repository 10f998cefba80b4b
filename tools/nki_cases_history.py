"""Kernels found only in the history of nki-samples, and those of KLR: inputs, and NumPy's results.

REFERENCE is nki-samples at 8370e11, the last commit with the folder of that name; LEGACY is its parent 7af4e4d, the
last one with the Neuron team's contributed kernels.
"""

import ml_dtypes
import numpy as np
from nki_case import BF16, case, normal, rng
from nki_cases_docs import attention, layernorm_case, rmsnorm_case, sd_attention_case

F8 = np.dtype(ml_dtypes.float8_e4m3)
REFERENCE, LEGACY = "nki-samples-8370e11/src/nki_samples", "nki-samples-7af4e4d/contributed/neuron-team-kernels"
TUTORIALS = "nki-samples-7af4e4d/src/nki_samples/tutorials"


# ---- the folder reference ----

def sd_batch_case():
    q, k, v = normal(1, 64, 4096, scale=0.3), normal(1, 4096, 64, seed=1, scale=0.3), normal(1, 4096, 64, seed=2)
    return (q, k, v), {}, attention(0.125 * q[0], k[0].T, v[0])[None]


def allocated_attention_case():
    q, k, v = (normal(1, 128, 4096, seed=i, scale=0.3) for i in range(3))
    return (q, k, v.transpose(0, 2, 1)), {}, attention(0.125 * q[0], k[0], v[0].T).T[None]


def blocks_add_case():
    a, b = normal(2, 8, 128, 512), normal(2, 8, 128, 512, seed=1)
    return (a, b, a.size), {}, a + b


def resize_case():
    x = normal(2, 15, 10, 128)
    rows, columns = (np.arange(n) * m // n for n, m in ((29, 15), (19, 10)))
    return (x, (2, 29, 19, 128)), {}, x[:, rows][:, :, columns]


def adaptive_pool_case():
    """Averages 7 x 6 windows of 30 x 40, which overlap where the sizes do not divide."""
    x, size = normal(2, 64, 30, 40), (7, 6)

    def ends(n, length):
        return [(i * length // n, -(-(i + 1) * length // n)) for i in range(n)]

    expected = np.stack([np.stack([x[:, :, a:b, c:d].mean((2, 3)) for c, d in ends(size[1], 40)], -1)
                         for a, b in ends(size[0], 30)], -2)
    return (x, size), {}, expected


def double_row_case():
    """Puts rows of tiles side by side in pairs: [K, N] as [K / 2, 2 N]; columns are scaled to fp8's range."""
    m, k, n = 256, 2048, 1024
    left, right = rng(0).random((m, k)).astype(BF16), rng(1).random((k, n))
    scale = np.abs(right).max(0) / 240
    pairs = (right / scale).reshape(k // 256, 2, 128, n // 512, 512).transpose(0, 2, 3, 1, 4).reshape(k // 2, 2 * n)
    expected = left.astype(np.float64) @ right
    return (left, pairs.astype(F8), np.broadcast_to(scale, (128, n)).astype(BF16), 2, 2, 4), {}, expected


def softmax_case():
    x = normal(300, 700)
    powers = np.exp(x - x.max(-1, keepdims=True))
    return (x,), {}, powers / powers.sum(-1, keepdims=True)


case("nki-samples, history", f"{REFERENCE}/reference/allocated_attention.py",
     "allocated_fused_self_attn_for_SD_small_head_size", allocated_attention_case, grid=1)
case("nki-samples, history", f"{REFERENCE}/reference/attention.py", "fused_self_attn_for_SD_small_head_size",
     sd_batch_case, grid=1)
case("nki-samples, history", f"{REFERENCE}/reference/double_row_matmul.py", "quantized_double_row_matmul",
     double_row_case, "gen3", tolerance=3e-2)
case("nki-samples, history", f"{REFERENCE}/reference/tutorial.py", "add_kernel_nx8x128x512", blocks_add_case, grid=2)
case("nki-samples, history", f"{REFERENCE}/reference/vision.py", "resize_nearest_fixed_dma_kernel", resize_case, grid=2)
case("nki-samples, history", f"{REFERENCE}/reference/vision.py", "adaptive_avg_pool2d_kernel", adaptive_pool_case)
case("nki-samples, history", f"{REFERENCE}/tutorials/softmax/softmax_nki_kernels.py", "nki_softmax_kernel",
     softmax_case)
for _name in ("nki_layernorm_kernel_v1", "nki_layernorm_kernel_v2"):
    case("nki-samples, history", f"{TUTORIALS}/layernorm/layernorm_nki_kernel.py", _name, layernorm_case)
case("nki-samples, history", f"{TUTORIALS}/rmsnorm/rmsnorm_nki_kernels.py", "nki_rmsnorm_kernel", rmsnorm_case)
case("nki-samples, history", f"{TUTORIALS}/sd_attention/sd_attention_nki_kernels.py",
     "fused_self_attn_for_SD_small_head_size", sd_attention_case)


# ---- contributed kernels ----

def causal_attention(q, k, v):
    """q, k and v are [seq, d]. Returns the result, and the logarithm of each row's sum of exponentials."""
    scores = np.where(np.tri(len(q), dtype=bool), q @ k.T, -np.inf)
    top = scores.max(-1, keepdims=True)
    powers = np.exp(scores - top)
    total = powers.sum(-1, keepdims=True)
    return powers / total, powers / total @ v, (top + np.log(total))[:, 0]


def ring_inputs():
    return [normal(1, 1, 64, 2048, seed=i, scale=0.5) for i in range(3)]


def ring_forward_case():
    """A ring of one worker, which sends to itself."""
    q, k, v = ring_inputs()
    _, out, _ = causal_attention(q[0, 0].T / 8, k[0, 0].T, v[0, 0].T)
    from attention_build_blocks import FlashConfig

    keywords = {"src_tgt_pairs": [(0, 0)], "mixed_precision": False,
                "config": FlashConfig(should_transpose_v=True, training=False)}
    return (q, k, v, None), keywords, out[None, None]


def ring_backward_case():
    q, k, v = ring_inputs()
    dy = normal(1, 1, 64, 2048, seed=3)
    rows = [x[0, 0].T.astype(np.float64) for x in (q, k, v, dy)]
    shares, out, total = causal_attention(rows[0] / 8, rows[1], rows[2])
    d_shares = rows[3] @ rows[2].T
    d_scores = shares * (d_shares - (rows[3] * out).sum(-1, keepdims=True))
    expected = [(d_scores @ rows[1] / 8).T, (d_scores.T @ rows[0] / 8).T, (shares.T @ rows[3]).T]
    lse = total.reshape(-1, 128).T[None, None].astype(np.float32)
    return (q, k, v, out.T[None, None].astype(np.float32), dy, lse, None), {
        "src_tgt_pairs": [(0, 0)], "use_causal_mask": True}, tuple(x[None, None] for x in expected)


def blockwise_inputs(tokens=256, hidden=4096, inner=128, experts=2, block=128):
    """Each expert takes a block of its tokens; each token belongs to one expert."""
    states = normal(tokens + 1, hidden, dtype=BF16, scale=0.5)
    gate_up = normal(experts, hidden, 2, inner, dtype=BF16, seed=1, scale=0.02)
    down = normal(experts, inner, hidden, dtype=BF16, seed=2, scale=0.1)
    affinity = rng(3).random((tokens + 1, experts), np.float32)
    order = rng(4).permutation(tokens).astype(np.int32)
    expert_of = np.arange(tokens // block, dtype=np.int32) % experts
    expected = np.zeros((tokens + 1, hidden), np.float64)
    for i, expert in enumerate(expert_of):
        rows = order[i * block:(i + 1) * block]
        gate, up = np.moveaxis(np.einsum("th,hgi->tgi", states[rows].astype(np.float64),
                                         gate_up[expert].astype(np.float64)), 1, 0)
        made = (gate / (1 + np.exp(-gate)) * up) @ down[expert].astype(np.float64)
        expected[rows] += made * affinity[rows, expert][:, None]
    return states, affinity.reshape(-1, 1), gate_up, down, block, order, expert_of[:, None], expected


def blockwise_case():
    *inputs, expected = blockwise_inputs()
    return inputs, {}, expected


def transpose_case(permutation, keywords):
    def make():
        x = normal(20, 5, 12, 7)
        return (x,), keywords, x.transpose(permutation)

    return make


def from_quantized(found):
    """Rows in fp8, each with its scale in its last four bytes, converted back."""
    found = np.asarray(found)
    scale = np.ascontiguousarray(found[..., -4:]).view(np.float32)
    return found[..., :-4].astype(np.float32) * scale


def norm_quant_case():
    x, gamma = normal(1, 256, 1024, dtype=BF16), (1 + normal(1024, seed=1, scale=0.1)).astype(BF16)
    rows = x.astype(np.float64)
    expected = rows / np.sqrt((rows ** 2).mean(-1, keepdims=True) + 1e-6) * gamma.astype(np.float64)
    return (x, gamma, 0.0, "RMSNormQuant"), {}, lambda found: (from_quantized(found), expected)


def shard_norm_quant_case():
    (x, gamma, bound, name), _, expected = norm_quant_case()
    out = np.zeros((1, 256, 1028), F8)
    return (x, gamma, bound, out, name), {}, lambda found: expected(out)


def conv_case():
    """A convolution of images with a border of zeros, in the kernel's default order. The orders with images last index
    PSUM by arrays whose dimensions do not line up, unless there is one image."""
    x, filters = normal(2, 6, 12, 14), normal(8, 6, 3, 3, seed=1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))
    out = np.zeros((2, 8, 12, 14), np.float32)
    expected = np.einsum("ncijhw,ochw->noij", windows, filters)
    return (x, filters, out), {"padding": [[1, 1], [1, 1]]}, lambda found: (out, expected)


def conv_weights_case():
    """The gradient of a convolution's weights for one channel: [c, n, h, w] by [c, o, h, w] as [h, w, n, o]."""
    x, filters, out = normal(16, 1, 12, 14), normal(16, 8, 8, 9, seed=1), np.zeros((5, 6, 1, 8), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x, (8, 9), (2, 3))
    expected = np.einsum("cnijhw,cohw->ijno", windows, filters)
    permutations = {"in_perm": [1, 0, 2, 3], "kern_perm": [1, 0, 2, 3], "out_perm": [2, 3, 0, 1]}
    return (x, filters, out), permutations, lambda found: (out, expected)


def tiled_product_case():
    a, b = normal(128, 128, dtype=BF16), normal(128, 512, dtype=BF16, seed=1)
    return (a, b, 512, False), {}, a.T.astype(np.float32) @ b.astype(np.float32)


def while_case():
    states, affinity, gate_up, down, block, order, expert_of, expected = blockwise_inputs()
    output = np.zeros(states.shape, BF16)
    conditions = np.array([1] * len(expert_of) + [0], np.uint8)  # whether there is a block of that number
    from blockwise_mm import SkipMode

    return (conditions, states, affinity, gate_up, down, block, order, expert_of, output), {
        "skip_dma": SkipMode(False, False)}, lambda found: (output, expected)


case("nki-samples, history", f"{LEGACY}/attention.py", "ring_attention_fwd", ring_forward_case, grid=(1, 1))
case("nki-samples, history", f"{LEGACY}/attention.py", "ring_attention_bwd", ring_backward_case, grid=(1, 1))
case("nki-samples, history", f"{LEGACY}/blockwise_mm.py", "blockwise_mm_baseline_allocated", blockwise_case,
     tolerance=3e-2)
case("nki-samples, history", f"{LEGACY}/transpose.py", "tiled_dve_transpose_210", transpose_case((0, 3, 2, 1), {}))
case("nki-samples, history", f"{LEGACY}/transpose.py", "tiled_dve_transpose_10",
     transpose_case((0, 1, 3, 2), {"permutation": [0, 1, 3, 2]}))
case("nki-samples, history", f"{LEGACY}/rmsnorm_quant.py", "compatible_rmsnorm_quant", norm_quant_case,
     tolerance=4e-2)
case("nki-samples, history", f"{LEGACY}/rmsnorm_quant.py", "shard_rmsnorm_quant", shard_norm_quant_case, grid=2,
     tolerance=4e-2)
case("nki-samples, history", f"{LEGACY}/conv.py", "conv2d", conv_case)
case("nki-samples, history", f"{LEGACY}/conv.py", "conv2d", conv_weights_case)
case("nki-samples, history", f"{LEGACY}/hw_ubench.py", "column_tiled_matmul_isa_kernel", tiled_product_case)
case("nki-samples, history", f"{LEGACY}/blockwise_mm.py", "blockwise_mm_baseline_while", while_case)
for _name, _of in (("kernel2", lambda a: a - 5), ("kernel3", lambda a: 5 * a), ("kernel5", lambda a: 1 - 5 * a),
                   ("kernel6", lambda a: 1 - (5 - a))):
    case("KLR", "KLR/interop/test/eval/kernels.py", _name, lambda of=_of: (
        lambda a: ((a,), {}, of(a)))(normal(128, 64)))
