"""nki-library's mixtures of experts, and kernels defined in its tests."""

import ml_dtypes
import numpy as np
from nki_case import BF16, case, normal, rng
from nki_cases_library import library

TESTS = "nki-library/test/integration/nkilib"


# ---- experts over blocks of tokens ----

def silu(x):
    return x / (1 + np.exp(-x))


def expert_inputs(tokens, hidden, inner, experts, block):
    """Every token goes to one expert; blocks are padded with the dummy token, which is the last row."""
    states = normal(tokens + 1, hidden, dtype=BF16, scale=0.5)
    states[-1] = 0
    gate_up = normal(experts, hidden, 2, inner, dtype=BF16, seed=1, scale=hidden ** -0.5)
    down = normal(experts, inner, hidden, dtype=BF16, seed=2, scale=inner ** -0.5)
    choice, order, expert_of = rng(3).integers(0, experts, tokens), [], []
    for expert in range(experts):
        mine = np.flatnonzero(choice == expert)
        blocks = -(-len(mine) // block)
        order.append(np.pad(mine, (0, blocks * block - len(mine)), constant_values=tokens))
        expert_of += [expert] * blocks
    affinity = np.zeros((tokens + 1, experts), np.float32)
    affinity[np.arange(tokens), choice] = rng(4).random(tokens) + 0.5
    return states, affinity, gate_up, down, np.concatenate(order).astype(np.int32), np.array(expert_of, np.int32)


def through_experts(states, affinity, gate_up, down, order, expert_of, block):
    """The output of each block's expert for its tokens, times the tokens' affinities; and the intermediate values."""
    f = [x.astype(np.float64) for x in (states, gate_up, down)]
    out, gates, made = np.zeros(states.shape), [], []
    for i, expert in enumerate(expert_of):
        rows = order[i * block:(i + 1) * block]
        gate, up = np.moveaxis(np.einsum("th,hgi->tgi", f[0][rows], f[1][expert]), 1, 0)
        gates.append(np.stack([gate.T, up.T]))
        made.append(silu(gate) * up @ f[2][expert])
        np.add.at(out, rows, made[-1] * affinity[rows, expert][:, None])
    return out, np.stack(gates), np.stack(made)


def experts_case(with_conditions=False, block=256, **keywords):
    def make():
        inputs = states, affinity, gate_up, down, order, expert_of = expert_inputs(512, 1024, 512, 2, block)
        expected = through_experts(*inputs, block)[0]
        from nkilib.core.utils.common_types import ExpertAffinityScaleMode

        arguments = (states, affinity.reshape(-1, 1), gate_up, down, block, order, expert_of[:, None])
        if with_conditions:
            arguments = (np.array([1] * len(expert_of) + [0], np.int32), *arguments)
        modes = {"expert_affinities_scaling_mode": ExpertAffinityScaleMode.POST_SCALE}
        return arguments, {**modes, **keywords}, lambda found: (_tokens(found)[:-1], expected[:-1])

    return make


def _tokens(found):
    """[tokens, hidden]; sums the two cores' halves where a kernel leaves these."""
    found = np.asarray(found).astype(np.float64)
    return found.sum(1) if found.ndim == 3 else found


def experts_bwd_case():
    block, hidden, inner = 256, 1024, 512
    states, affinity, gate_up, down, order, expert_of = expert_inputs(512, hidden, inner, 2, block)
    _, gates, made = through_experts(states, affinity, gate_up, down, order, expert_of, block)
    upstream = normal(513, hidden, dtype=BF16, seed=5, scale=0.1)
    upstream[-1] = 0
    d_states, d_affinity = np.zeros(states.shape), np.zeros(affinity.shape)
    d_gate_up, d_down = np.zeros(gate_up.shape), np.zeros(down.shape)
    for i, expert in enumerate(expert_of):
        rows, x = order[i * block:(i + 1) * block], states[order[i * block:(i + 1) * block]].astype(np.float64)
        gate, up = gates[i][0].T, gates[i][1].T
        d_rows = upstream[rows].astype(np.float64)
        np.add.at(d_affinity, (rows, expert), (d_rows * made[i]).sum(1))
        d_made = d_rows * affinity[rows, expert][:, None]
        d_down[expert] += (silu(gate) * up).T @ d_made
        d_inner, share = d_made @ down[expert].astype(np.float64).T, 1 / (1 + np.exp(-gate))
        d_both = np.stack([d_inner * up * share * (1 + gate * (1 - share)), d_inner * silu(gate)], 1)
        d_gate_up[expert] += np.einsum("th,tgi->hgi", x, d_both)
        np.add.at(d_states, rows, np.einsum("tgi,hgi->th", d_both, gate_up[expert].astype(np.float64)))
    arguments = (states, affinity.reshape(-1, 1), gate_up, down, gates.astype(BF16), made.astype(BF16), order,
                 expert_of[:, None], upstream, block)
    return arguments, {}, lambda found: ((found[0][:-1], found[2], found[3]), (d_states[:-1], d_gate_up, d_down))


for _file, _name, _make in (
        ("core/moe/moe_cte/bwmm_shard_on_I.py", "blockwise_mm_baseline_shard_intermediate", experts_case()),
        ("core/moe/moe_cte/bwmm_shard_on_I.py", "blockwise_mm_baseline_shard_intermediate_hybrid", experts_case(True)),
        ("core/moe/moe_cte/bwmm_shard_on_block.py", "bwmm_shard_on_block", experts_case(
            is_tensor_update_accumulating=True)),
        ("experimental/moe/bwd/blockwise_mm_backward.py", "blockwise_mm_bwd", experts_bwd_case)):
    library(_file, _name, _make, grid=None if _name == "blockwise_mm_bwd" else 2, tolerance=4e-2)


# ---- sums of rows of tokens ----

def topk_reduce_case():
    """Rows of tokens in any order, each with its token's number in its last two columns."""
    tokens, chosen, hidden = 32, 4, 512
    number = rng().permutation(np.repeat(np.arange(tokens), chosen)).astype(np.int32)
    rows = normal(tokens * chosen, hidden, dtype=BF16)
    expected = np.zeros((tokens, hidden))
    np.add.at(expected, number, rows.astype(np.float64))
    return (np.concatenate([rows, number[:, None].view(BF16)], 1), tokens, chosen), {}, expected


library("experimental/collectives/topk_reduce.py", "topk_reduce", topk_reduce_case, "gen2", tolerance=2e-2)


# ---- parts of kernels, and token generation ----

def returning(kernel):
    """Wraps a part that writes a given tensor as a kernel that returns one."""
    def whole(x, gamma, shape, **keywords):
        import nki.language as nl

        out = nl.ndarray(shape, dtype=x.dtype, buffer=nl.shared_hbm)
        kernel(x, gamma, out, **keywords)
        return out

    return whole


def across_partitions(x):
    """[rows, hidden] as [128, rows, hidden / 128]."""
    return x.reshape(len(x), 128, -1).transpose(1, 0, 2)


def rmsnorm_tkg_case():
    x, gamma = normal(4, 2, 1024, dtype=BF16), normal(1, 1024, dtype=BF16, seed=1)
    rows = x.reshape(8, 1024).astype(np.float64)
    expected = rows / np.sqrt((rows ** 2).mean(1, keepdims=True) + 1e-6) * gamma.astype(np.float64)
    return (x, gamma, (128, 8, 8)), {}, across_partitions(expected)


def layernorm_tkg_case():
    x, gamma, beta = normal(4, 2, 1024, dtype=BF16), normal(1, 1024, dtype=BF16, seed=1), normal(
        1, 1024, dtype=BF16, seed=2)
    rows = x.reshape(8, 1024).astype(np.float64)
    middle = rows - rows.mean(1, keepdims=True)
    scaled = middle / np.sqrt((middle ** 2).mean(1, keepdims=True) + 1e-6) * gamma.astype(np.float64)
    return (x, gamma, (128, 8, 8)), {"beta": beta}, across_partitions(scaled + beta.astype(np.float64))


def nonzero_with_count_case():
    x = (rng().random((1, 512)) < 0.3).astype(np.float32)
    expected, where = np.full((1, 513), -1), np.flatnonzero(x)
    expected[0, :len(where)], expected[0, -1] = where, len(where)
    return (x,), {}, expected


def token_attention(q, keys, values, mask):
    """q [B, H, s, d], keys and values [B, S, d], mask [B, H, s, S]; the result is [B, H, s, d]."""
    scores = np.where(mask, np.einsum("bhsd,btd->bhst", q, keys), -np.inf)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("bhst,btd->bhsd", powers / powers.sum(-1, keepdims=True), values)


def generation_inputs(batch, heads, active, context, width, cached):
    """q, new keys and values, the cache, and a mask of the cache whose last positions are the new tokens."""
    q = normal(batch, heads, active, width, dtype=BF16, scale=0.3)
    new = [normal(batch, active, width, dtype=BF16, seed=i, scale=0.5) for i in (1, 2)]
    cache = [normal(batch, context, width, dtype=BF16, seed=i, scale=0.5) for i in (3, 4)]
    mask = np.zeros((batch, heads, active, context), bool)
    mask[..., :cached] = True
    mask[..., context - active:] = np.tri(active, dtype=bool)
    return q, new, cache, mask


def token_attention_case():
    from nkilib_src.nkilib.core.attention.attention_tkg import AttnTKGConfig

    batch, heads, active, context, width = 4, 8, 2, 512, 128
    q, new, cache, mask = generation_inputs(batch, heads, active, context, width, 300)
    whole = [np.concatenate([old[:, :-active], fresh], 1).astype(np.float64) for old, fresh in zip(cache, new)]
    expected = token_attention(q.astype(np.float64), *whole, mask).transpose(0, 1, 3, 2)
    config = AttnTKGConfig(bs=batch, q_head=heads, s_active=active, curr_sprior=context, full_sprior=context,
                           d_head=width, qk_in_sb=True)
    arguments = (q.transpose(3, 0, 1, 2).reshape(width, -1), new[0].transpose(2, 0, 1).reshape(width, -1),
                 new[1][:, None], cache[0].transpose(0, 2, 1)[:, None].copy(), cache[1][:, None],
                 mask.transpose(3, 0, 1, 2).astype(np.uint8), None, None, None, None, None, expected.shape,
                 None, config, BF16, 1, False)
    return arguments, {}, (expected,)


library("core/subkernels/rmsnorm_tkg.py", "rmsnorm_tkg", rmsnorm_tkg_case, call=returning, tolerance=2e-2)
library("core/subkernels/layernorm_tkg.py", "layernorm_tkg", layernorm_tkg_case, call=returning, tolerance=2e-2)
library("experimental/benchmark/find_nonzero_indices_with_count.py", "find_nonzero_indices_with_count",
        nonzero_with_count_case)


# ---- kernels defined in its tests ----

def tested(file, kernel, make, arch="gen2", **options):
    case("nki-library, tests", f"{TESTS}/{file}", kernel, make, arch, **options)


def view_case(shape, buffer, steps, expected):
    def make():
        return (np.zeros(1, np.float32), shape, buffer, steps, *expected), {}, np.zeros(1)

    return make


def dummy_case(shape):
    return lambda: ((np.zeros(1, np.float32), shape), {}, np.zeros(1))


def fold_case(*arguments, expected):
    def make():
        x = normal(8, 100)
        return (x, *arguments), {}, expected(x)

    return make


def written_rows(x):
    out = np.zeros((7, 100))
    out[3:7] = x[2:6]
    return out


def oversized(x):
    """Rows in four folds of 25 columns, then three columns that keep the fill value."""
    return lambda found: (np.asarray(found)[:, :25], x[1:7].reshape(24, 25))


def broadcast_case():
    x = normal(16, 8, 11)
    return (x, 3, 7, 4), {}, np.broadcast_to(x[:, 4, 3], (7, 16))


def mask_wrapper_case():
    positions = np.array([100.0, 300.0], np.float32)
    shape = (128, 4, 2, 4, 1)
    return (np.broadcast_to(positions, (128, 2)).copy(), np.zeros(shape, np.float32), 2, 4, 1, False, 512), {}, None


tested("core/attention/test_attention_tkg.py", "attn_tkg_wrapper", token_attention_case, "gen3", tolerance=3e-2)
tested("core/max/test_cascaded_max_utils.py", "folded_load_store_kernel",
       fold_case(4, 1, 7, expected=lambda x: x[1:7]))
tested("core/max/test_cascaded_max_utils.py", "folded_load_store_dst_kernel",
       fold_case(4, 2, 6, 3, 7, expected=written_rows))
tested("core/max/test_cascaded_max_utils.py", "folded_load_oversized_sb_kernel",
       fold_case(4, 1, 7, 3, expected=oversized))
tested("core/attention/test_gen_mask_tkg.py", "gen_mask_tkg_wrapper", mask_wrapper_case)
tested("core/utils/test_tensor_view.py", "kernel_test_view_ops", view_case(
    (128, 64), "sbuf", (("slice", (1, 8, 40, 2)), ("expand_dim", (1,))), ((128, 1, 16), (64, 32, 2), 8)))
tested("core/utils/test_tensor_view.py", "kernel_test_reinterpret_cast", dummy_case((128, 64)))
tested("core/utils/test_tensor_view.py", "kernel_test_reinterpret_cast_mxfp8", dummy_case((128, 64)))
tested("core/utils/test_tensor_view.py", "kernel_test_reinterpret_cast_bf16_fp16", dummy_case((128, 64)))
tested("core/utils/test_tensor_view.py", "kernel_test_chained_ops_on_tensorview_input", dummy_case((128, 64)))
tested("core/utils/test_tp_broadcast.py", "tp_broadcast_hbm", broadcast_case)
