/* Sorting by a network of compare-and-exchange steps on VectorE and GpSimdE, in ascending order. Every key
   becomes a signed word with the same order. Between equal keys the element's position decides, so the sort
   is stable. Arrays are lines in HBM as long as the network, a power of two. Steps between elements less than
   a chunk apart run in SBUF; the others run on tiles of pairs. */
#include <string.h>

#include "compiler/lower/lower.h"
#include "compiler/lower/sort.h"

enum {
    PARTITIONS = 128,
    MAX_ARRAYS = 64 + TS_SORT_KEYS + 1,
    SBUF_BYTES = 128 << 10,   /* bytes per partition for the arrays */
    MAX_CHUNK = 8192,         /* elements; steps of operands have 16 bits */
    FAST_LINES = 64,          /* so many lines fill the partitions well enough: they are kept whole */
    EXACT_POSITIONS = 1 << 24 /* positions that VectorE compares exactly in fp32 */
};

typedef struct array {
    uint32_t tensor; /* [lines, length] in HBM scratch */
    ts_dtype dtype;
    ts_tile tile, other; /* the array in SBUF; `other` holds the second halves of pairs */
} array;

typedef struct sorting {
    ts_lower *lower;
    ts_builder *b;
    const ts_op_node *op;
    int axis;
    int64_t lines, count;  /* number of sorts, and elements of each */
    int64_t length, chunk; /* powers of two; chunk <= length */
    array arrays[MAX_ARRAYS];
    int keys, array_count; /* arrays in order: keys, position, operands that follow the keys */
    ts_tile swap, masks[3];
} sorting;

/* ---- arrays in HBM ---- */

static uint32_t new_lines(const sorting *s, ts_dtype dtype, const char *name) {
    ts_type type = {.dtype = (uint8_t)dtype, .rank = 2, .dim = {s->lines, s->length}};
    return ts_lower_scratch(s->lower, &type, name);
}

/* Permutes the view to have the sort axis last. */
static ts_view sorted_last(const sorting *s, const ts_view *view) {
    int perm[TS_VIEW_RANK], at = 0;
    for (int i = 0; i < view->rank; i++)
        if (i != s->axis) perm[at++] = i;
    perm[at] = s->axis;
    return ts_view_permute(view, view->rank, perm);
}

/* Elements [from, to) of an array's lines, with the operands' dims and the sort axis last. */
static ts_view part_of(const sorting *s, const array *a, int64_t from, int64_t to) {
    ts_view whole = ts_view_of_tensor(a->tensor, &s->op->operands[0]->type);
    ts_view view = sorted_last(s, &whole);
    int64_t stride = s->length;
    view.dtype = (uint8_t)a->dtype;
    view.offset = from;
    view.dim[view.rank - 1] = to - from;
    view.stride[view.rank - 1] = 1;
    for (int i = view.rank - 1; i-- > 0;) {
        view.stride[i] = stride;
        stride *= view.dim[i];
    }
    return view;
}

static ts_status fill_rest(sorting *s, const array *a, double value) {
    if (s->count == s->length) return ts_ok;
    ts_view rest = part_of(s, a, s->count, s->length), number = rest;
    number.kind = ts_view_splat;
    number.value = value;
    return ts_lower_copy(s->lower, &rest, &number);
}

/* ---- keys ---- */

static ts_tile new_tile(const sorting *s, int64_t parts, int64_t elems, ts_dtype dtype, int slots) {
    return ts_build_tile(s->b, ts_space_sbuf, parts, elems * ts_dtype_get(dtype)->bytes, slots);
}

ts_dtype ts_sort_bits(unsigned dtype) {
    const ts_dtype_info *info = ts_dtype_get(dtype);
    bool is_unsigned = info->kind == 'u' || info->kind == 'b';
    switch (info->bytes) {
    case 1: return is_unsigned ? ts_dtype_u8 : ts_dtype_i8;
    case 2: return is_unsigned ? ts_dtype_u16 : ts_dtype_i16;
    default: return ts_dtype_i32;
    }
}

/* Maps words to the order of signed words: negative floats are reversed, unsigned words are offset. */
static void order_words(const sorting *s, unsigned dtype, bool is_descending, const ts_ap *word,
                        const ts_ap *mask) {
    const ts_dtype_info *info = ts_dtype_get(dtype);
    if (info->kind == 'f') {
        ts_inst_tensor_scalar *inst = ts_emit_tensor_scalar(
            s->b, ts_engine_vector, mask, word, ts_alu_arith_shift_right, ts_scalar_const(31), false);
        inst->op1 = ts_alu_bitwise_and;
        inst->operand1 = ts_scalar_const((double)(((int64_t)1 << (8 * info->bytes - 1)) - 1));
        ts_emit_tensor_tensor(s->b, ts_engine_vector, word, word, mask, ts_alu_bitwise_xor);
    }
    bool is_word = info->kind == 'u' && info->bytes == 4;
    double flip = (is_word ? 2147483648.0 : 0), all = 4294967295.0;
    if (is_descending) flip = all - flip;
    if (flip != 0)
        ts_emit_tensor_scalar(s->b, ts_engine_vector, word, word, ts_alu_bitwise_xor, ts_scalar_const(flip),
                              false);
}

static ts_status make_key(sorting *s, ts_value *operand, bool is_descending, array *key) {
    ts_view views[2];
    TS_TRY(ts_lower_tensor(s->lower, operand, &views[0]));
    *key = (array){.tensor = new_lines(s, ts_dtype_i32, "keys"), .dtype = ts_dtype_i32};
    TS_TRY(fill_rest(s, key, INT32_MAX));
    views[0] = sorted_last(s, &views[0]);
    views[1] = part_of(s, key, 0, s->count);
    ts_views_merge(views, 2);
    ts_nest nest = ts_nest_plan(s->b, views, 2, views[0].rank, ts_build_at_most(s->b, 2048));
    int64_t parts = ts_nest_max_parts(&nest), elems = ts_nest_max_free(&nest, 0, nest.rank);
    ts_dtype bits = ts_sort_bits(operand->type.dtype);
    ts_nest_open(&nest, 0, nest.rank);
    ts_count rows = ts_nest_parts(&nest), columns = ts_nest_free(&nest, 0, nest.rank);
    ts_ap raw = ts_build_ap(s->b, new_tile(s, parts, elems, bits, 2), bits, rows, columns), word = raw;
    ts_ap from = ts_nest_hbm(&nest, &views[0]), to = ts_nest_hbm(&nest, &views[1]);
    from.dtype = (uint8_t)bits;
    ts_emit_dma(s->b, ts_engine_sync, ts_lower_load_queue(s->lower), &raw, &from);
    if (bits != ts_dtype_i32) {
        word = ts_build_ap(s->b, new_tile(s, parts, elems, ts_dtype_i32, 2), ts_dtype_i32, rows, columns);
        ts_emit_copy(s->b, ts_engine_vector, &word, &raw);
    }
    ts_ap mask = ts_build_ap(s->b, new_tile(s, parts, elems, ts_dtype_i32, 2), ts_dtype_i32, rows, columns);
    order_words(s, operand->type.dtype, is_descending, &word, &mask);
    ts_emit_dma(s->b, ts_engine_tensor, TS_STORE_QUEUE, &to, &word);
    ts_nest_close(&nest, 0, nest.rank);
    return ts_ok;
}

static ts_status make_positions(sorting *s, array *a) {
    *a = (array){.tensor = new_lines(s, ts_dtype_i32, "positions"), .dtype = ts_dtype_i32};
    ts_view to = part_of(s, a, 0, s->length), count = to;
    count.kind = ts_view_iota;
    count.offset = 0;
    memset(count.stride, 0, sizeof count.stride);
    count.stride[count.rank - 1] = 1;
    return ts_lower_copy(s->lower, &to, &count);
}

static ts_status make_follower(sorting *s, ts_value *operand, array *a) {
    ts_view from;
    *a = (array){.dtype = ts_chip_dtype(operand->type.dtype)};
    a->tensor = new_lines(s, a->dtype, "sorted");
    TS_TRY(ts_lower_view(s->lower, operand, &from));
    from = sorted_last(s, &from);
    ts_view to = part_of(s, a, 0, s->count);
    TS_TRY(fill_rest(s, a, 0));
    return ts_lower_copy(s->lower, &to, &from);
}

/* ---- compare and exchange ---- */

/* Exchanges `first` and `second` where `mask` is set. */
static void exchange(const sorting *s, const ts_ap *first, const ts_ap *second, const ts_ap *mask,
                     const ts_ap *kept) {
    ts_emit_copy(s->b, ts_engine_vector, kept, first);
    ts_emit_copy_predicated(s->b, first, second, mask);
    ts_emit_copy_predicated(s->b, second, kept, mask);
}

static ts_ap mask_ap(const sorting *s, int number, const ts_ap *like, int64_t elems) {
    return ts_build_ap(s->b, s->masks[number], ts_dtype_u8, like->parts, ts_count_const(elems));
}

/* One step: in each pair of elements the smaller becomes the first. */
static void step(const sorting *s, const ts_ap *first, const ts_ap *second, int64_t elems) {
    ts_ap mask = mask_ap(s, 0, first, elems), after = mask_ap(s, 1, first, elems),
          equal = mask_ap(s, 2, first, elems);
    ts_engine by_position = s->length <= EXACT_POSITIONS ? ts_engine_vector : ts_engine_gpsimd;
    ts_emit_tensor_tensor(s->b, by_position, &mask, &first[s->keys], &second[s->keys], ts_alu_is_gt);
    for (int k = s->keys; k-- > 0;) {
        ts_emit_tensor_tensor(s->b, ts_engine_gpsimd, &equal, &first[k], &second[k], ts_alu_is_equal);
        ts_emit_tensor_tensor(s->b, ts_engine_gpsimd, &after, &first[k], &second[k], ts_alu_is_gt);
        ts_emit_tensor_tensor(s->b, ts_engine_vector, &mask, &mask, &equal, ts_alu_bitwise_and);
        ts_emit_tensor_tensor(s->b, ts_engine_vector, &mask, &mask, &after, ts_alu_bitwise_or);
    }
    for (int i = 0; i < s->array_count; i++) {
        ts_dtype dtype = s->arrays[i].dtype;
        ts_ap kept = ts_build_ap(s->b, s->swap, dtype, first[i].parts, ts_count_const(elems));
        exchange(s, &first[i], &second[i], &mask, &kept);
    }
}

static void make_step_tiles(sorting *s, int64_t parts, int64_t elems) {
    s->swap = new_tile(s, parts, elems, ts_dtype_i32, 1);
    for (int i = 0; i < 3; i++)
        s->masks[i] = new_tile(s, parts, elems, ts_dtype_u8, 1);
}

/* An operand of `blocks` runs of `run` elements, `pitch` apart, from element `from` on; runs go backwards
   with step_by = -1. Runs of two are walked across the blocks: a stride of 16 bytes still has the full
   rate. */
static ts_ap runs_ap(const sorting *s, ts_tile tile, ts_dtype dtype, ts_count parts, int64_t from,
                     int64_t blocks, int64_t pitch, int64_t run, int64_t step_by) {
    ts_ap ap = ts_build_ap(s->b, tile, dtype, parts, ts_count_const(1));
    ap.offset.base += from * ts_dtype_get(dtype)->bytes;
    ap.dims = 0;
    if (run != 2) ts_ap_dim(&ap, pitch, ts_count_const(blocks));
    ts_ap_dim(&ap, step_by, ts_count_const(run));
    if (run == 2) ts_ap_dim(&ap, pitch, ts_count_const(blocks));
    return ap;
}

/* A step within chunks in SBUF. A merge of runs of `block` elements begins by comparing a block's first half
   with its reversed second half; later steps compare elements block / 4, block / 8 ... 1 apart. */
static void step_in_chunk(const sorting *s, ts_count parts, int64_t block, bool is_reversed) {
    ts_ap first[MAX_ARRAYS], second[MAX_ARRAYS];
    int64_t half = block / 2, blocks = s->chunk / block;
    for (int i = 0; i < s->array_count; i++) {
        const array *a = &s->arrays[i];
        first[i] = runs_ap(s, a->tile, a->dtype, parts, 0, blocks, block, half, 1);
        second[i] = runs_ap(s, a->tile, a->dtype, parts, is_reversed ? block - 1 : half, blocks, block, half,
                            is_reversed ? -1 : 1);
    }
    step(s, first, second, s->chunk / 2);
}

/* Runs the steps within chunks of merges to `from` ... `to` elements, for PARTITIONS chunks at a time. Steps
   of these merges that cross chunks have been done. */
static void run_chunks(sorting *s, int64_t from, int64_t to) {
    ts_builder *b = s->b;
    int64_t rows = s->lines * (s->length / s->chunk), most = rows < PARTITIONS ? rows : PARTITIONS;
    bool has_loop = rows > PARTITIONS;
    uint32_t loop = has_loop ? ts_build_loop(b, ts_count_const((rows + PARTITIONS - 1) / PARTITIONS)) : 0;
    ts_count parts = has_loop ? ts_build_ragged(b, PARTITIONS, rows, loop, 1) : ts_count_const(rows);
    make_step_tiles(s, most, s->chunk / 2);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < s->array_count; i++) {
            array *a = &s->arrays[i];
            ts_affine offset = ts_affine_const(0);
            if (has_loop) offset = ts_build_term(b, offset, PARTITIONS * s->chunk, loop);
            if (pass == 0) a->tile = new_tile(s, most, s->chunk, a->dtype, 1);
            ts_ap hbm = ts_build_hbm(a->tensor, a->dtype, offset);
            ts_ap_dim(&hbm, s->chunk, parts);
            ts_ap_dim(&hbm, 1, ts_count_const(s->chunk));
            ts_ap here = ts_build_ap(b, a->tile, a->dtype, parts, ts_count_const(s->chunk));
            if (pass == 0)
                ts_emit_dma(b, ts_engine_sync, ts_lower_load_queue(s->lower), &here, &hbm);
            else
                ts_emit_dma(b, ts_engine_tensor, TS_STORE_QUEUE, &hbm, &here);
        }
        for (int64_t merged = from; pass == 0 && merged <= to; merged *= 2) {
            if (merged <= s->chunk) step_in_chunk(s, parts, merged, true);
            for (int64_t block = merged / 2 < s->chunk ? merged / 2 : s->chunk; block > 1; block /= 2)
                step_in_chunk(s, parts, block, false);
        }
    }
    if (has_loop) ts_build_end(b);
}

/* ---- steps between elements of different chunks ---- */

/* The pairs of a step as tiles: `blocks` (over all lines) x `runs` of a half block x `run` elements. */
typedef struct pairs {
    int64_t block, blocks, runs, run;
    int64_t block_tile, run_tile; /* blocks and runs that share the partitions */
    bool has_block_loop, has_run_loop;
    uint32_t block_loop, run_loop;
    ts_count tile_blocks, parts;
} pairs;

static int64_t power_below(int64_t value) {
    int64_t power = 1;
    while (power * 2 <= value)
        power *= 2;
    return power;
}

static pairs cut_pairs(const sorting *s, int64_t block) {
    pairs p = {.block = block, .blocks = s->lines * (s->length / block)};
    int64_t most = power_below(ts_build_scaled(s->b, SBUF_BYTES) / (8 * (s->array_count + 2)));
    int64_t even = power_below(p.blocks * (block / 2) / PARTITIONS + 1);
    p.run = even < 64 ? 64 : even < most ? even : most;
    if (p.run > block / 2) p.run = block / 2;
    p.runs = block / 2 / p.run;
    p.run_tile = p.runs < PARTITIONS ? p.runs : PARTITIONS;
    p.block_tile = PARTITIONS / p.run_tile;
    if (p.block_tile > p.blocks) p.block_tile = p.blocks;
    return p;
}

static void open_pairs(ts_builder *b, pairs *p) {
    p->has_block_loop = p->block_tile < p->blocks;
    p->has_run_loop = p->run_tile < p->runs;
    p->tile_blocks = ts_count_const(p->block_tile);
    p->parts = ts_count_const(p->block_tile * p->run_tile);
    if (p->has_block_loop) {
        p->block_loop = ts_build_loop(b, ts_count_const((p->blocks + p->block_tile - 1) / p->block_tile));
        p->tile_blocks = ts_build_ragged(b, p->block_tile, p->blocks, p->block_loop, 1);
        p->parts = ts_build_ragged(b, p->block_tile, p->blocks, p->block_loop, p->run_tile);
    }
    if (p->has_run_loop) p->run_loop = ts_build_loop(b, ts_count_const(p->runs / p->run_tile));
}

/* The tile's runs in the first or second half block, in reverse order if the second half is reversed. */
static ts_ap pairs_hbm(ts_builder *b, const pairs *p, const array *a, bool is_second, bool is_reversed) {
    int64_t step = is_reversed ? -p->run : p->run;
    ts_affine offset = ts_affine_const(!is_second ? 0 : is_reversed ? p->block - p->run : p->block / 2);
    if (p->has_block_loop) offset = ts_build_term(b, offset, p->block * p->block_tile, p->block_loop);
    if (p->has_run_loop) offset = ts_build_term(b, offset, step * p->run_tile, p->run_loop);
    ts_ap ap = ts_build_hbm(a->tensor, a->dtype, offset);
    ts_ap_dim(&ap, p->block, p->tile_blocks);
    ts_ap_dim(&ap, step, ts_count_const(p->run_tile));
    ts_ap_dim(&ap, 1, ts_count_const(p->run));
    return ap;
}

static void run_pairs(sorting *s, int64_t block, bool is_reversed) {
    ts_builder *b = s->b;
    pairs p = cut_pairs(s, block);
    ts_ap first[MAX_ARRAYS], second[MAX_ARRAYS];
    int64_t parts = p.block_tile * p.run_tile;
    open_pairs(b, &p);
    make_step_tiles(s, parts, p.run);
    for (int i = 0; i < s->array_count; i++) {
        array *a = &s->arrays[i];
        ts_tile *tiles[] = {&a->tile, &a->other};
        for (int half = 0; half < 2; half++) {
            *tiles[half] = new_tile(s, parts, p.run, a->dtype, 1);
            ts_ap hbm = pairs_hbm(b, &p, a, half, half && is_reversed);
            ts_ap here = ts_build_ap(b, *tiles[half], a->dtype, p.parts, ts_count_const(p.run));
            ts_emit_dma(b, ts_engine_sync, ts_lower_load_queue(s->lower), &here, &hbm);
        }
        first[i] = runs_ap(s, a->tile, a->dtype, p.parts, 0, 1, 1, p.run, 1);
        second[i] = runs_ap(s, a->other, a->dtype, p.parts, is_reversed ? p.run - 1 : 0, 1, 1, p.run,
                            is_reversed ? -1 : 1);
    }
    step(s, first, second, p.run);
    for (int i = 0; i < s->array_count; i++)
        for (int half = 0; half < 2; half++) {
            const array *a = &s->arrays[i];
            ts_ap hbm = pairs_hbm(b, &p, a, half, half && is_reversed);
            ts_ap here = ts_build_ap(b, half ? a->other : a->tile, a->dtype, p.parts, ts_count_const(p.run));
            ts_emit_dma(b, ts_engine_tensor, TS_STORE_QUEUE + half, &hbm, &here);
        }
    if (p.has_run_loop) ts_build_end(b);
    if (p.has_block_loop) ts_build_end(b);
}

/* ---- the op ---- */

/* Keeps lines whole if they fit and there are many; otherwise chooses chunks that fill the partitions. */
static void choose_chunk(sorting *s) {
    int64_t most = power_below(ts_build_scaled(s->b, SBUF_BYTES) / (4 * (s->array_count + 2)));
    if (most > MAX_CHUNK) most = MAX_CHUNK;
    s->chunk = s->length;
    if (s->lines < FAST_LINES && s->length > 512) {
        int64_t even = power_below(s->lines * s->length / PARTITIONS);
        s->chunk = even < 64 ? 64 : even;
    }
    if (s->chunk > most) s->chunk = most;
}

static void run_network(sorting *s) {
    choose_chunk(s);
    run_chunks(s, 2, s->chunk);
    for (int64_t merged = 2 * s->chunk; merged <= s->length; merged *= 2) {
        run_pairs(s, merged, true);
        for (int64_t block = merged / 2; block > s->chunk; block /= 2)
            run_pairs(s, block, false);
        run_chunks(s, merged, merged);
    }
}

bool ts_sort_is_read(const ts_value *value) {
    const ts_lowered *lowered = value->note;
    return lowered->uses > 0 || lowered->output;
}

/* The results are the operands themselves: lines have at most one element, or the comparator orders
   nothing. */
static ts_status copy_all(ts_lower *lower, const ts_op_node *op) {
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_view from;
        TS_TRY(ts_lower_view(lower, op->operands[i], &from));
        ts_lower_result(lower, op->results[i]);
        memcpy(from.dim, op->results[i]->type.dim, sizeof op->results[i]->type.dim);
        TS_TRY(ts_lower_copy(lower, &((ts_lowered *)op->results[i]->note)->view, &from));
    }
    return ts_ok;
}

static ts_status store_results(sorting *s, const int *follower) {
    for (uint32_t i = 0; i < s->op->result_count; i++) {
        ts_value *result = s->op->results[i];
        if (follower[i] < 0) continue;
        ts_lower_result(s->lower, result);
        ts_view to = sorted_last(s, &((ts_lowered *)result->note)->view);
        ts_view from = part_of(s, &s->arrays[follower[i]], 0, to.dim[to.rank - 1]);
        TS_TRY(ts_lower_copy(s->lower, &to, &from));
    }
    return ts_ok;
}

ts_status ts_lower_sort(ts_lower *lower, ts_op_node *op) {
    ts_sort_key keys[TS_SORT_KEYS];
    int follower[64], count = ts_sort_order(op->regions[0], keys);
    const ts_type *type = &op->operands[0]->type;
    sorting s = {.lower = lower, .b = &lower->b, .op = op, .length = 1, .keys = count};
    s.axis = (int)ts_op_int(op, "dimension", -1);
    if (s.axis < 0) s.axis += type->rank;
    s.count = type->dim[s.axis];
    if (count == 0 || s.count <= 1 || ts_type_elems(type) == 0) return copy_all(lower, op);
    s.lines = ts_type_elems(type) / s.count;
    while (s.length < s.count)
        s.length *= 2;
    int first = ts_sort_operand(op->regions[0], &keys[0]);
    bool is_done = false;
    if (count == 1 && first >= 0 && keys[0].is_total)
        TS_TRY(ts_lower_top(lower, op, s.axis, first, !keys[0].is_descending, &is_done));
    if (is_done) return ts_ok;
    for (int k = 0; k < count; k++) {
        int at = ts_sort_operand(op->regions[0], &keys[k]);
        if (at < 0 || !keys[k].is_total) count = -1;
        if (count < 0) break;
        TS_TRY(make_key(&s, op->operands[at], keys[k].is_descending, &s.arrays[k]));
    }
    if (count < 0 || op->operand_count > 64)
        return ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "a comparator that is not plain");
    TS_TRY(make_positions(&s, &s.arrays[count]));
    s.array_count = count + 1;
    for (uint32_t i = 0; i < op->operand_count; i++) {
        follower[i] = ts_sort_is_read(op->results[i]) ? s.array_count : -1;
        if (follower[i] >= 0) TS_TRY(make_follower(&s, op->operands[i], &s.arrays[s.array_count++]));
    }
    run_network(&s);
    return store_results(&s, follower);
}
