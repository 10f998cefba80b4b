"""Kernels of nki-library: inputs, and NumPy's results."""

import numpy as np
from nki_case import BF16, LIBRARY, case, normal, rng


def library(file, kernel, make, arch="gen3", **options):
    module = "nkilib." + file.removesuffix(".py").replace("/", ".")
    case("nki-library", f"{LIBRARY}/{file}", kernel, make, arch, module=module, **options)


def cumsum_case():
    x = normal(256, 2048)
    return (x,), {}, np.cumsum(x, -1)


def cascaded_max_case():
    x = normal(4, 16384)
    return (x,), {}, (x.max(-1, keepdims=True), x.argmax(-1)[:, None])


def rotated(x, cos, sin):
    """Rotary embedding of [..., seq, d], with the halves of d as the two parts."""
    half = x.shape[-1] // 2
    return x * cos + np.concatenate([-x[..., half:], x[..., :half]], -1) * sin


def rope_hf_case():
    q, k = normal(1, 4, 256, 128), normal(1, 2, 256, 128, seed=1)
    angle = rng(2).random((256, 64), np.float32) * 3
    cos, sin = (np.concatenate([f(angle)] * 2, -1) for f in (np.cos, np.sin))
    return (q, k, np.zeros_like(q), np.zeros_like(k), cos, sin), {}, (rotated(q, cos, sin), rotated(k, cos, sin))


def rope_case():
    x, angle = normal(128, 2, 4, 256), rng(1).random((64, 2, 256), np.float32) * 3
    cos, sin = np.cos(angle)[:, :, None], np.sin(angle)[:, :, None]
    first, second = x[:64], x[64:]
    expected = np.concatenate([first * cos - second * sin, second * cos + first * sin])
    return (x, np.cos(angle), np.sin(angle)), {}, expected


def attention_cte_case():
    q, k, v = normal(1, 512, 128, dtype=BF16, scale=0.3), normal(1, 128, 512, dtype=BF16, seed=1), normal(
        1, 512, 128, dtype=BF16, seed=2)
    qf, kf, vf = (x[0].astype(np.float32) for x in (q, k, v))
    scores = np.where(np.tri(512, dtype=bool), qf @ kf, -np.inf)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return (q, k, v), {"tp_out": False}, (powers / powers.sum(-1, keepdims=True) @ vf)[None]


def conv1d_case():
    x, w = normal(2, 64, 256), normal(5, 64, 128, seed=1, scale=0.1)
    windows = np.lib.stride_tricks.sliding_window_view(x, 5, 2)
    return (x, w), {}, np.einsum("bclk,kco->bol", windows, w)


def depthwise_case():
    x, w = normal(1, 128, 1, 512), normal(128, 1, 1, 16, seed=1)
    windows = np.lib.stride_tricks.sliding_window_view(x[:, :, 0], 16, 2)
    return (x, w), {"feature_group_count": 128}, np.einsum("ncqs,cs->ncq", windows, w[:, 0, 0])[:, :, None]


def dynamic_add_case():
    a, b = normal(512, 1024, dtype=BF16), normal(512, 1024, dtype=BF16, seed=1)
    return (a, b, np.array([[4]], np.int32)), {}, (a.astype(np.float32) + b.astype(np.float32))


def cross_entropy_case():
    x, targets = normal(64, 4096), rng(1).integers(0, 4096, 64).astype(np.int32)
    total = np.log(np.exp(x.astype(np.float64)).sum(-1))
    loss = total - x[np.arange(64), targets]
    import nki.language as nl

    return (x, targets), {"chunk_size": 2048, "dtype": nl.float32}, (loss, total)


def output_projection_case():
    x, w = normal(1, 4, 128, 512, dtype=BF16), normal(512, 1024, dtype=BF16, seed=1, scale=0.1)
    flat = x[0].reshape(512, 512).astype(np.float32)
    return (x, w), {}, (flat.T @ w.astype(np.float32))[None]


def qkv_case():
    x, w = normal(1, 512, 1024, dtype=BF16, scale=0.3), normal(1024, 768, dtype=BF16, seed=1, scale=0.1)
    return (x, w), {"d_head": 128, "num_q_heads": 4, "num_kv_heads": 1}, x.astype(np.float32) @ w.astype(np.float32)


def nonzero_case():
    x = (rng().random((256, 16)) < 0.2).astype(np.float32)
    expected, counts = np.full((16, 256), -1), np.count_nonzero(x, 0)
    for column in range(16):
        expected[column, :counts[column]] = np.flatnonzero(x[:, column])
    return (x,), {}, (expected, counts)


def topk_case():
    from nkilib.core.topk.rotational_topk_utils import RotationalConstants as Constants
    from nkilib.core.topk.rotational_topk_utils import create_rotational_topk_config, create_topk_config

    x = normal(4, 8192)
    order = np.argsort(-x, -1)[:, :64]
    config = create_rotational_topk_config(x.shape, create_topk_config(x.shape, x.dtype, 64, num_programs=1))
    Constants._get_permutation_matrix(config.n_stages, config.per_lnc_BxS, x.dtype)
    Constants._get_global_indices(config.n_stages, config.stage_free_size, config.per_lnc_BxS,
                                  config.padded_vocab_size, config.index_dtype)
    config._shared_const_cache.update(Constants._shared_const_cache)
    return (x, config), {}, (np.take_along_axis(x, order, -1), order)


def quantized_case():
    from nkilib.core.rmsnorm.rmsnorm_quant import RmsNormQuantKernelArgs

    return (normal(1, 128, 512, dtype=BF16), normal(512, dtype=BF16, seed=1), RmsNormQuantKernelArgs()), {}, None


def mask_case():
    return (np.array([[100, 300]], np.float32), 2, 4, 1, 512), {}, None


def flatten_case():
    x, offsets = rng().integers(0, 99, (4, 2048)).astype(np.int32), np.array([0, 16, 40, 60], np.int32)
    expected = np.full((96, 128), -1)
    for row, offset in enumerate(offsets):
        expected[offset:offset + 16] = x[row].reshape(16, 128)
    return (x, 128, 96 * 128, offsets), {}, expected.reshape(-1)


def cross_entropy_bwd_case():
    (x, targets), _, (_, total) = cross_entropy_case()
    import nki.language as nl

    gradient = np.exp(x - total[:, None])
    gradient[np.arange(64), targets] -= 1
    return (x, targets, total.astype(np.float32)), {"chunk_size": 2048, "dtype": nl.float32,
                                                    "inplace": False}, gradient / 64


library("core/cumsum/cumsum.py", "cumsum", cumsum_case, "gen2")
library("core/max/cascaded_max.py", "cascaded_max", cascaded_max_case, "gen2")
library("core/embeddings/rope_hf.py", "rope_hf", rope_hf_case, "gen2")
library("core/embeddings/rope.py", "RoPE", rope_case, "gen2")
library("core/attention/attention_cte.py", "attention_cte", attention_cte_case, tolerance=3e-2)
library("experimental/conv/conv1d.py", "conv1d", conv1d_case, "gen2")
library("experimental/conv/depthwise_conv1d.py", "depthwise_conv1d_implicit_gemm", depthwise_case, "gen2")
library("experimental/dynamic_shapes/dynamic_elementwise_add.py", "dynamic_elementwise_add", dynamic_add_case, "gen2")
library("experimental/loss/cross_entropy.py", "cross_entropy_forward", cross_entropy_case, "gen2")
library("core/output_projection/output_projection_cte/output_projection_cte.py", "output_projection_cte",
        output_projection_case, tolerance=3e-2)
library("core/qkv/qkv.py", "qkv", qkv_case, tolerance=3e-2)
library("core/subkernels/find_nonzero_indices.py", "find_nonzero_indices", nonzero_case, grid=2)
library("core/topk/rotational_topk.py", "rotational_topk", topk_case, "gen2")
library("core/rmsnorm/rmsnorm_quant.py", "rmsnorm_quant_kernel", quantized_case, "gen2")
library("core/attention/gen_mask_tkg.py", "gen_mask_tkg_hbm", mask_case, "gen2")
library("core/subkernels/indexed_flatten.py", "indexed_flatten", flatten_case, grid=2)
library("experimental/loss/cross_entropy.py", "cross_entropy_backward", cross_entropy_bwd_case, "gen2")
for _file, _name, _make, _tolerance in (
        ("core/cumsum/cumsum.py", "cumsum", cumsum_case, 1e-2),
        ("core/max/cascaded_max.py", "cascaded_max", cascaded_max_case, 1e-2),
        ("core/embeddings/rope_hf.py", "rope_hf", rope_hf_case, 1e-2),
        ("core/attention/attention_cte.py", "attention_cte", attention_cte_case, 3e-2),
        ("experimental/conv/depthwise_conv1d.py", "depthwise_conv1d_implicit_gemm", depthwise_case, 1e-2),
        ("experimental/loss/cross_entropy.py", "cross_entropy_forward", cross_entropy_case, 1e-2),
        ("core/output_projection/output_projection_cte/output_projection_cte.py", "output_projection_cte",
         output_projection_case, 3e-2),
        ("core/qkv/qkv.py", "qkv", qkv_case, 3e-2)):
    library(_file, _name, _make, grid=2, tolerance=_tolerance)
