"""Whole attention blocks for token generation, and attention over a paged cache: inputs, and NumPy's results."""

import sys
import types

import numpy as np
from nki_case import BF16, case, normal, rng
from nki_cases_history import LEGACY
from nki_cases_library import library
from nki_cases_moe import token_attention

# ACTIVE, CONTEXT and CACHED count tokens: new ones, the cache's size, those in it.
BATCH, ACTIVE, HIDDEN, WIDTH, CONTEXT, CACHED = 4, 2, 1024, 128, 512, 300


# ---- blocks ----

def block_inputs(heads):
    """The inputs of the block, by name. The cache holds CACHED tokens; its last places are for the new ones."""
    x = normal(BATCH, ACTIVE, HIDDEN, dtype=BF16)
    weights = normal(HIDDEN, (heads + 2) * WIDTH, dtype=BF16, seed=1, scale=HIDDEN ** -0.5)
    gamma = (1 + normal(1, HIDDEN, seed=2, scale=0.1)).astype(BF16)
    angle = rng(3).random((WIDTH // 2, BATCH, ACTIVE)) * 6
    cache = [normal(BATCH, CONTEXT, WIDTH, dtype=BF16, seed=i, scale=0.5) for i in (4, 5)]
    mask = np.zeros((BATCH, heads, ACTIVE, CONTEXT), bool)
    mask[..., :CACHED] = True
    mask[..., CONTEXT - ACTIVE:] = np.tri(ACTIVE, dtype=bool)
    return x, weights, gamma, np.cos(angle).astype(BF16), np.sin(angle).astype(BF16), cache, mask


def block_expected(heads, x, weights, gamma, cos, sin, cache, mask, epsilon):
    """[B, H, s, d], and the new keys and values [B, s, d]."""
    rows = x.astype(np.float64)
    rows = rows / np.sqrt((rows ** 2).mean(-1, keepdims=True) + epsilon) * gamma.astype(np.float64)[0]
    projected = (rows @ weights.astype(np.float64)).reshape(BATCH, ACTIVE, heads + 2, WIDTH)
    cos, sin = (part.astype(np.float64).transpose(1, 2, 0)[:, :, None] for part in (cos, sin))
    low, high = np.split(projected[:, :, :-1], 2, -1)
    turned = np.concatenate([low * cos - high * sin, high * cos + low * sin], -1)
    keys, values = turned[:, :, heads], projected[:, :, -1]
    whole = [np.concatenate([old[:, :-ACTIVE].astype(np.float64), new], 1) for old, new in zip(cache, (keys, values))]
    queries = turned[:, :, :heads].transpose(0, 2, 1, 3) / np.sqrt(WIDTH)
    return token_attention(queries, *whole, mask), keys, values


def updated(old, new, places):
    made = old.astype(np.float64)
    for row, tokens, place in zip(made, new, places):
        row[place:place + ACTIVE] = tokens
    return made


def attention_block_case():
    from nkilib.core.utils.common_types import QuantizationType

    heads = 8
    inputs = x, weights, gamma, cos, sin, cache, mask = block_inputs(heads)
    out_weights = normal(heads * WIDTH, HIDDEN, dtype=BF16, seed=6, scale=(heads * WIDTH) ** -0.5)
    places = np.array([[CACHED + i] for i in range(BATCH)], np.uint32)
    attended, keys, values = block_expected(heads, *inputs, 1e-3)
    out = attended.transpose(0, 2, 1, 3).reshape(BATCH * ACTIVE, -1) @ out_weights.astype(np.float64)
    keywords = {
        "X": x, "X_hidden_dim_actual": None, "rmsnorm_X_enabled": True, "rmsnorm_X_eps": 1e-3, "rmsnorm_X_gamma": gamma,
        "W_qkv": weights, "cos": cos, "sin": sin, "rope_contiguous_layout": True, "K_cache_transposed": True,
        "K_cache": cache[0].transpose(0, 2, 1).copy(), "V_cache": cache[1].copy(),
        "attention_mask": mask.transpose(3, 0, 1, 2).astype(np.uint8), "update_cache": True,
        "kv_cache_update_idx": places, "W_out": out_weights, "quantization_type_qkv": QuantizationType.NONE,
        "quantization_type_out": QuantizationType.NONE, "transposed_out": False, "out_in_sb": False}
    for stage in ("pre", "post"):
        keywords |= {f"rmsnorm_QK_{stage}_rope_{name}": value for name, value in
                     (("enabled", False), ("eps", 1e-6), ("W_Q", None), ("W_K", None))}
    keywords |= dict.fromkeys(("bias_qkv", "weight_dequant_scale_qkv", "input_dequant_scale_qkv", "active_blocks_table",
                               "sink", "bias_out", "weight_dequant_scale_out", "input_dequant_scale_out"))
    return (), keywords, (out, updated(cache[0], keys, places[:, 0]).transpose(0, 2, 1),
                          updated(cache[1], values, places[:, 0]))


def projections(lhs, rhs, ln_w, out, eps, **_):
    """Projects the normalised rows to heads: replaces a kernel of that name in a package that AWS has not published."""
    import neuronxcc.nki.isa as nisa
    import neuronxcc.nki.language as nl

    batch, active, hidden = lhs.shape
    count, tokens = rhs.shape[1] // out.shape[-1], batch * active
    rows = nl.load(lhs.reshape((tokens, hidden)), dtype=np.float32)
    normal_rows = nl.rms_norm(rows, nl.load(ln_w, dtype=np.float32).broadcast_to((tokens, hidden)), 1, hidden, eps)
    out = out.reshape((count, tokens, out.shape[-1]))
    turned = nl.ndarray((hidden // 128, nl.par_dim(128), tokens), dtype=lhs.dtype, buffer=nl.sbuf)
    for k in nl.affine_range(hidden // 128):
        turned[k] = nisa.nc_transpose(normal_rows[0:tokens, 128 * k:128 * k + 128])
    for head in nl.affine_range(count):
        sums = nl.zeros((tokens, out.shape[-1]), dtype=np.float32, buffer=nl.psum)
        for k in nl.affine_range(hidden // 128):
            columns = nl.ds(head * out.shape[-1], out.shape[-1])
            sums[...] += nisa.nc_matmul(turned[k], nl.load(rhs[128 * k:128 * k + 128, columns]))
        nl.store(out[head], nl.copy(sums, dtype=lhs.dtype))


def llama_block_case():
    import RoPE  # in the kernel's folder, with contents that the private package has under this name

    package = "neuronxcc.nki._private_kernels"
    for name, parts in ((package, {}), (f"{package}.RoPE", vars(RoPE)),
                        (f"{package}.qkv", {"rmsnorm_qkv_isa_kernel": projections})):
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(parts)
    heads = 6
    inputs = x, weights, gamma, cos, sin, cache, mask = block_inputs(heads)
    places = np.array([[CACHED + i, CACHED + i + 1] for i in range(BATCH)], np.int32)
    attended, keys, values = block_expected(heads, *inputs, 1e-5)
    k_cache, v_cache = cache[0].transpose(0, 2, 1).copy(), cache[1].copy()
    arguments = (x, weights, gamma, 1e-5, cos, sin, k_cache, v_cache, mask.astype(np.uint8),
                 mask[..., CONTEXT - ACTIVE:].astype(np.uint8), places, True)
    expected = (attended.transpose(3, 0, 1, 2).reshape(WIDTH, BATCH, heads * ACTIVE),
                updated(cache[0], keys, places[:, 0]).transpose(0, 2, 1), updated(cache[1], values, places[:, 0]))
    return arguments, {}, expected


for _grid in (None, 2):
    library("experimental/transformer/attention_block_tkg.py", "attention_block_tkg", attention_block_case,
            tolerance=3e-2, grid=_grid)
    case("nki-samples, history", f"{LEGACY}/attention_token_gen.py", "llama3_attention_block_token_gen_kernel",
         llama_block_case, "gen3", tolerance=3e-2, grid=_grid)


# ---- attention over a paged cache ----

HEADS, BLOCK, Q_TILE, KV_TILE = 4, 32, 128, 1024  # one head of keys and values
QUERIES, LENGTHS = [100, 60, 1, 1, 1], [300, 150, 500, 90, 1100]  # for each request; one query means a decode
PREFILLS = 2


def round_up(number, multiple):
    return -(-number // multiple) * multiple


def next_power(number):
    return 1 << (number - 1).bit_length()


def stage_inputs(prefix, part, q_tile, tables, padded, unroll, first_query):
    """The arguments of one of the two stages, from the planner beside the kernel. What the kernel's runner does with
    torch is done here with NumPy."""
    import execution_planner
    from execution_planner import VarlenAttentionPlanner

    starts = execution_planner._get_seq_start_end  # with NumPy 2 its sums of i64 and i32 arrays are i64
    execution_planner._get_seq_start_end = lambda *lengths: [np.asarray(part, np.int32) for part in starts(*lengths)]
    is_decode = prefix == "decode_"
    queries, context = np.array(QUERIES[part], np.int32), np.array(LENGTHS[part], np.int32)
    plan = VarlenAttentionPlanner(queries, context, tile_size_q=q_tile, tile_size_kv=KV_TILE,
                                  block_size=BLOCK).generate_plan()
    beyond = 0 if is_decode else 10 * padded  # an index that transfers skip
    plan = plan.pad_plan(round_up(plan.num_tiles, unroll), q_pad_value=beyond)
    used = np.concatenate([row[:-(-length // BLOCK)] for row, length in zip(tables[part], context)])
    used = np.pad(used, (0, round_up(len(used), KV_TILE // BLOCK) - len(used)))
    most = next_power(len(QUERIES) if is_decode else min(plan.num_tiles, 128))
    updates, last = plan.build_tile_update_indices(max_num_q_tiles=most)
    found = {"tile_q_indices": plan.build_tile_q_indices(skip_value=beyond) + np.int32(first_query),
             "tile_block_tables": plan.build_tile_block_tables(used.astype(np.int32), skip_value=0),
             "tile_masks": plan.build_tile_masks(decode_kq_matmul=is_decode).astype(np.uint8),
             "num_dynamic_loop_steps": np.array([[-(-plan.num_real_tiles // unroll)]], np.int32),
             "q_update_pred": updates.reshape(-1, unroll), "last_tile_indices": last.reshape(most, 1)}
    return {prefix + name: value for name, value in found.items()}


def attended_rows(query, key, value):
    """Attention of one head: [q, d] are the last q of [k, d], and see themselves and everything before."""
    seen = np.tri(len(query), len(key), len(key) - len(query), dtype=bool)
    scores = np.where(seen, query @ key.T / np.sqrt(WIDTH), -np.inf)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True) @ value


def paged_case(unroll):
    def make():
        tokens = sum(QUERIES)
        padded = round_up(round_up(tokens, 128), Q_TILE)
        query, key, value = (normal(tokens, n, WIDTH, dtype=BF16, seed=i, scale=0.5) for i, n in
                             ((0, HEADS), (1, 1), (2, 1)))
        most = -(-max(LENGTHS) // BLOCK)
        blocks = len(QUERIES) * most + 7
        tables = rng(3).permutation(blocks)[:len(QUERIES) * most].reshape(len(QUERIES), most)
        caches = [normal(blocks, 1, BLOCK, WIDTH, dtype=BF16, seed=i, scale=0.5) for i in (4, 5)]
        active, expected, at = np.zeros((padded, padded), np.uint8), np.zeros((1, HEADS, tokens, WIDTH)), 0
        for count, length, row in zip(QUERIES, LENGTHS, tables):
            now = slice(at, at + count)
            active[now, now] = np.tri(count)
            held = [np.concatenate([cache[row].reshape(-1, WIDTH)[:length], new[now, 0]]).astype(np.float64)
                    for cache, new in zip(caches, (key, value))]
            for head in range(HEADS):
                expected[0, head, now] = attended_rows(query[now, head].astype(np.float64), *held)
            at += count
        rest = ((0, padded - tokens), (0, 0), (0, 0))
        query, key, value = (np.pad(x, rest).transpose(1, 0, 2)[None].copy() for x in (query, key, value))
        stages = {**stage_inputs("prefill_", slice(0, PREFILLS), Q_TILE, tables, padded, unroll, 0),
                  **stage_inputs("decode_", slice(PREFILLS, None), 1, tables, padded, unroll, sum(QUERIES[:PREFILLS]))}
        return (), {"query": query, "key": key.transpose(0, 1, 3, 2).copy(), "value": value, "key_cache": caches[0],
                    "value_cache": caches[1], "active_mask": active, "dynamic_loop_unroll_factor": unroll,
                    **stages}, lambda found: (found[:, :, :tokens], expected)

    return make


for _unroll in (1, 2):
    case("nki-samples, history", f"{LEGACY}/flash_paged_attn_varlen/varlen_attention_kernel.py",
         "flash_paged_attention_varlen", paged_case(_unroll), tolerance=2e-2, caller="flash_attn_varlen_nkifunc")
