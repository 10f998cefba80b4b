"""The public kernels that nki_kernels.py runs: where each lies, our inputs, and what NumPy says about its result.

nki_cases.py alone lists them as JSON; nki_cases.py FOLDER NUMBER runs one and prints how it went.
"""

import importlib.util
import json
import pathlib
import sys
import traceback
import types

import ml_dtypes
import numpy as np

BF16 = np.dtype(ml_dtypes.bfloat16)
CASES = []
SAMPLES, SDK, OLD = "nki-samples/src/nki_samples/tutorials", "aws-neuron-sdk/nki/examples", "sdk-v2.26.1/nki/examples"
LIBRARY = "nki-library/src/nkilib_src/nkilib"


def rng(seed=0):
    return np.random.default_rng(seed)


def normal(*shape, dtype=np.float32, seed=0, scale=1.0):
    return (rng(seed).standard_normal(shape) * scale).astype(dtype)


def case(corpus, file, kernel, make, arch="gen2", tolerance=1e-2, grid=None, module=None):
    """make() gives (arguments, keyword arguments, expected): expected is None, an array, or a tuple of these."""
    CASES.append({"corpus": corpus, "file": file, "kernel": kernel, "make": make, "arch": arch, "grid": grid,
                  "tolerance": tolerance, "module": module})


# ---- tutorials ----

def attention(q, k, v):
    """Of q, k [d, seq] and v [seq, d] or [d, seq]."""
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
    """Twice the length, each new element 3/4 of its nearest old one and 1/4 of the next; the ends repeat."""
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
     add_case(256, 1024))
case("nki-samples", f"{SAMPLES}/tensor_addition/spmd_tensor_addition_nki_kernels.py", "nki_tensor_add",
     add_case(256, 1024))
case("nki-samples", f"{SAMPLES}/tensor_addition/spmd_multiple_nc_tensor_addition_nki_kernels.py", "nki_tensor_add_nc2",
     add_case(512, 2048))
case("nki-samples", "nki-samples/contributed/interpolate_bilinear_fwd.py", "interpolate_bilinear_2x_fwd",
     bilinear_case)
case("nki-samples", "nki-samples/contributed/interpolate_trilinear_fwd.py", "interpolate_trilinear_2x_fwd",
     trilinear_case)
case("nki-samples", "nki-samples/contributed/maxpooling.py", "max_pooling_2d_stride_1", lambda: (
    lambda x: ((x, 3), {}, np.lib.stride_tricks.sliding_window_view(x, (3, 3)).max((-1, -2))))(normal(448, 448)))
case("docs, examples", f"{SDK}/tensor_addition/tensor_addition_nki_kernels.py", "nki_tensor_add", add_case(256, 1024))
for _name in ("baremetal", "jax", "torch"):
    case("docs, examples", f"{SDK}/getting_started_{_name}.py", "nki_tensor_add_kernel", add_case(4, 3))
    case("docs, release 2.26", f"{OLD}/getting_started_{_name}.py", "nki_tensor_add_kernel", add_case(4, 3))
case("docs, examples", f"{SDK}/simulate/nki_simulate_example.py", "add_kernel", add_case(128, 512))
for _folder, _corpus in ((SDK, "docs, examples"), (OLD, "docs, release 2.26")):
    case(_corpus, f"{_folder}/index-case-1.py", "tensor_split_kernel_", split_case)
    case(_corpus, f"{_folder}/index-case-3.py", "tensor_maxpool_kernel_", maxpool_case)
    case(_corpus, f"{_folder}/layout-pass.py", "tensor_exp_kernel_", exp_case(128, 512))
case("docs, release 2.26", f"{OLD}/layout-loop.py", "tensor_exp_kernel_", exp_case(256, 512))
# These two return inside their loop, so that they make one trip in Python: 128 rows.
for _name in ("layout-dynamic-loop", "prof-kernel"):
    case("docs, release 2.26", f"{OLD}/{_name}.py", "tensor_exp_kernel_", exp_case(128, 512))
for _name in ("prof-kernel-benchmark", "prof-kernel-profile"):
    case("docs, release 2.26", f"{OLD}/{_name}.py", "tensor_exp_kernel_", exp_case(250, 512))
for _name in ("nki_layernorm_kernel_v1", "nki_layernorm_kernel_v2"):
    case("docs, release 2.26", f"{OLD}/layernorm/layernorm_nki_kernel.py", _name, layernorm_case)
case("docs, release 2.26", f"{OLD}/rmsnorm/rmsnorm_nki_kernels.py", "nki_rmsnorm_kernel", rmsnorm_case)
case("docs, release 2.26", f"{OLD}/sd_attention/sd_attention_nki_kernels.py", "fused_self_attn_for_SD_small_head_size",
     sd_attention_case)
case("docs, release 2.26", f"{OLD}/tensor_addition/spmd_tensor_addition_nki_kernels.py", "nki_tensor_add",
     add_case(256, 1024))
case("docs, release 2.26", f"{OLD}/tensor_addition/spmd_multiple_nc_tensor_addition_nki_kernels.py",
     "nki_tensor_add_nc2", add_case(512, 2048))

# ---- a course ----

for _folder, _corpus in (("asst4-trainium", "CS149, 2024"), ("asst4-trainium2", "CS149, 2025")):
    case(_corpus, f"{_folder}/part1/kernels.py", "vector_add_naive", add_case(128))
    case(_corpus, f"{_folder}/part1/kernels.py", "vector_add_tiled", add_case(1280))
    case(_corpus, f"{_folder}/part1/kernels.py", "vector_add_stream", add_case(25600))
case("CS149, 2024", "asst4-trainium/part1/kernels.py", "vector_add_direct_allocation", lambda: (
    lambda made: (*made[:2], made[2][:, None]))(add_case(256000)()))


# ---- nki-library ----

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
    """Of [..., seq, d] with the halves of d as the two parts."""
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


# ---- running one ----

class _Stub(types.ModuleType):
    """Stands for torch and the like where they are not installed: kernels' files import them for their checks."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__class_getitem__": classmethod(lambda cls, item: cls)})


def stub_missing(*names):
    for name in names:
        root = name.partition(".")[0]
        if root in _STUBBED or importlib.util.find_spec(root) is None:
            _STUBBED.add(root)
            sys.modules[name] = _Stub(name)
            sys.modules[name].__path__ = []
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, sys.modules[name])


_STUBBED = set()


def load(folder, one):
    path = pathlib.Path(folder) / one["file"]
    if not path.is_file():
        raise FileNotFoundError(f"{one['file']} is not there")
    if one["module"]:
        sys.path.insert(0, str(pathlib.Path(folder) / "nki-library/src/nkilib_src"))
        return importlib.import_module(one["module"])
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def differs(found, expected, tolerance):
    """"" or how far apart they are, by the largest value expected."""
    if isinstance(expected, (tuple, list)):
        parts = [differs(one, other, tolerance) for one, other in zip(found, expected)]
        return next((part for part in parts if part), "")
    if expected is None:
        return ""
    found, expected = np.asarray(found).astype(np.float64), np.asarray(expected).astype(np.float64)
    if found.shape != expected.shape:
        return f"shape {found.shape}, expected {expected.shape}"
    apart = float(np.max(np.abs(found - expected)) / max(np.max(np.abs(expected)), 1e-30))
    return "" if apart <= tolerance else f"differs by {apart:.3g} of the largest value"


def run(folder, one):
    import os

    if one["arch"] != "gen2":
        os.environ["NEURON_PLATFORM_TARGET_OVERRIDE"] = {"gen3": "trn2", "gen4": "trn3"}[one["arch"]]
    stub_missing("torch", "torch.nn", "torch.nn.functional", "torch_xla", "torch_xla.core", "torch_xla.core.xla_model",
                 "pytest", "neuron_dtypes")
    import trainstone.nki.activate  # noqa: F401
    from trainstone.nki.kernel import Kernel, simulate_kernel

    module = load(folder, one)
    kernel = getattr(module, one["kernel"])
    arguments, keywords, expected = one["make"]()
    if one["grid"]:
        kernel = (kernel if isinstance(kernel, Kernel) else Kernel(kernel))[one["grid"]]
    if isinstance(kernel, Kernel) or one["kernel"].startswith(("nki_tensor_add",)):
        found = kernel(*arguments, **keywords)
    else:
        found = simulate_kernel(kernel, *arguments, **keywords)
    apart = differs(found, expected, one["tolerance"])
    if apart:
        return {"state": "fails", "why": apart}
    return {"state": "runs" if expected is None else "checked", "why": ""}


def main():
    if len(sys.argv) == 1:
        print(json.dumps([{key: one[key] for key in ("corpus", "file", "kernel", "arch", "grid")} for one in CASES]))
        return
    out, sys.stdout = sys.stdout, sys.stderr
    try:
        result = run(sys.argv[1], CASES[int(sys.argv[2])])
    except BaseException as error:  # noqa: BLE001 (what a kernel raises is the result)
        lines = str(error).strip().splitlines() or [""]
        result = {"state": "fails", "why": f"{type(error).__name__}: {lines[0]}", "trace": traceback.format_exc()[-1500:]}
    print(json.dumps(result), file=out)


if __name__ == "__main__":
    main()
