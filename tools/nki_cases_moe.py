"""nki-library's mixtures of experts and its collectives; the kernels that its tests define."""

import ml_dtypes
import numpy as np
from nki_case import BF16, case, normal, rng
from nki_cases_library import library

TESTS = "nki-library/test/integration/nkilib"


# ---- experts over blocks of tokens ----

def silu(x):
    return x / (1 + np.exp(-x))


def expert_inputs(tokens, hidden, inner, experts, block):
    """Every token goes to one expert; blocks are filled up with the token that is none, the last row."""
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
    """What each block's expert makes of its tokens, times the token's affinity; and the steps on the way."""
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
    """[tokens, hidden], summed over the two cores' halves where a kernel leaves these."""
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


# ---- collectives, over a group of one rank ----

def _alone(**keywords):
    def make():
        from nki.collectives import ReplicaGroup

        x = normal(64, 512, dtype=BF16)
        return (x, ReplicaGroup([[0]])), keywords, x

    return make


def rank_case():
    x = normal(2, 64, 128)
    return (x, np.arange(2, dtype=np.int32)[None]), {}, x[0]


def topk_reduce_case():
    """Rows of tokens in any order, each with its token's number in its last two columns."""
    tokens, chosen, hidden = 32, 4, 512
    number = rng().permutation(np.repeat(np.arange(tokens), chosen)).astype(np.int32)
    rows = normal(tokens * chosen, hidden, dtype=BF16)
    expected = np.zeros((tokens, hidden))
    np.add.at(expected, number, rows.astype(np.float64))
    return (np.concatenate([rows, number[:, None].view(BF16)], 1), tokens, chosen), {}, expected


def compute_matmul_case():
    left, right = normal(128, 256, dtype=BF16), normal(256, 512, dtype=BF16, seed=1)
    return (left, right, 4, 1), {}, None


library("experimental/collectives/sb2sb_allgather.py", "allgather_sb2sb", _alone(tp_degree=1), "gen2")
library("experimental/collectives/sb2sb_allgather.py", "allgather_sb2sb_tiled", _alone(tp_degree=1), "gen2")
library("experimental/collectives/topk_reduce.py", "topk_reduce", topk_reduce_case, "gen2", tolerance=2e-2)
library("experimental/collectives/fgcc.py", "allgather_compute_matmul", compute_matmul_case, "gen2")


# ---- kernels that its tests define ----

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
    return (x, 3, 7, 4), {}, np.broadcast_to(x[:, 3, 4] if False else x.reshape(16, 8, 11)[:, 4][:, 3], (7, 16))


def mask_wrapper_case():
    positions = np.array([100.0, 300.0], np.float32)
    shape = (128, 4, 2, 4, 1)
    return (np.broadcast_to(positions, (128, 2)).copy(), np.zeros(shape, np.float32), 2, 4, 1, False, 512), {}, None


tested("experimental/collectives/test_collectives.py", "all_reduce_hbm_kernel", _alone())
tested("experimental/collectives/test_collectives.py", "all_gather_hbm_kernel", _alone(num_ranks=1))
tested("experimental/collectives/test_collectives.py", "all_to_all_hbm_kernel", _alone())
tested("experimental/collectives/test_collectives.py", "dma_copy_rank_id_kernel", rank_case)
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
