/* Searches rows in SBUF for their first k elements (lower_top.c). VectorE's search instructions compare in
   fp32, which holds keys of 16 bits. Of 32-bit keys the upper bits are searched first, then the lower bits of
   the elements that tie with the k-th. The elements found are ordered by counting, exactly as the sort would:
   by all bits, and by index among equal keys. */
#include <math.h>

#include "compiler/lower/top.h"

/* ---- operands ---- */

ts_tile ts_top_tile(const ts_top *s, int64_t elems, ts_dtype dtype, int slots) {
    return ts_build_tile(s->b, ts_space_sbuf, s->most_parts, elems * ts_dtype_get(dtype)->bytes, slots);
}

ts_ap ts_top_all(const ts_top *s, ts_tile tile, ts_dtype dtype, int64_t elems) {
    return ts_build_ap(s->b, tile, dtype, s->parts, ts_count_const(elems));
}

/* `count` elements of every row from `first` on; rows are `pitch` apart. */
ts_ap ts_top_columns(const ts_top *s, ts_tile tile, ts_dtype dtype, int64_t pitch, int64_t first,
                     int64_t step, int64_t count) {
    ts_ap ap = ts_top_all(s, tile, dtype, 1);
    ap.offset.base += first * ts_dtype_get(dtype)->bytes;
    ap.dims = 0;
    ts_ap_dim(&ap, pitch, ts_count_const(s->group));
    ts_ap_dim(&ap, step, ts_count_const(count));
    return ap;
}

/* The same for the row of the open loop. */
ts_ap ts_top_row(const ts_top *s, ts_tile tile, ts_dtype dtype, int64_t pitch, int64_t first, int64_t count) {
    int64_t bytes = ts_dtype_get(dtype)->bytes;
    ts_ap ap = ts_top_all(s, tile, dtype, count);
    ap.offset.base += first * bytes;
    if (s->group > 1) ap.offset = ts_build_term(s->b, ap.offset, pitch * bytes, s->row_loop);
    return ap;
}

void ts_top_open_rows(ts_top *s) {
    if (s->group > 1) s->row_loop = ts_build_loop(s->b, ts_count_const(s->group));
}

void ts_top_close_rows(ts_top *s) {
    if (s->group > 1) ts_build_end(s->b);
}

/* ---- instructions ---- */

static void *append(const ts_top *s, ts_op op, ts_engine engine) {
    return ts_program_append(s->b->program, op, engine, s->b->loc);
}

void ts_top_gather(const ts_top *s, const ts_ap *dst, const ts_ap *data, const ts_ap *indices) {
    ts_inst_nc_n_gather *inst = append(s, ts_op_nc_n_gather, ts_engine_gpsimd);
    inst->dst = *dst;
    inst->data = *data;
    inst->indices = *indices;
}

static void emit_find(const ts_top *s, const ts_ap *dst, const ts_ap *data, const ts_ap *vals) {
    ts_inst_nc_find_index8 *inst = append(s, ts_op_nc_find_index8, ts_engine_vector);
    inst->dst = *dst;
    inst->data = *data;
    inst->vals = *vals;
}

static void bits2(const ts_top *s, const ts_ap *dst, const ts_ap *data, ts_alu op0, double operand0,
                  ts_alu op1, double operand1) {
    ts_inst_tensor_scalar *inst =
        ts_emit_tensor_scalar(s->b, ts_engine_vector, dst, data, op0, ts_scalar_const(operand0), false);
    inst->op1 = (uint8_t)op1;
    inst->operand1 = ts_scalar_const(operand1);
}

static void pair(const ts_top *s, const ts_ap *dst, const ts_ap *a, const ts_ap *b, ts_alu op) {
    ts_emit_tensor_tensor(s->b, ts_engine_vector, dst, a, b, op);
}

/* ---- keys ---- */

bool ts_top_is_word(const ts_top *s) {
    return ts_dtype_get(s->dtype)->bytes == 4;
}

bool ts_top_is_float(const ts_top *s) {
    return ts_dtype_get(s->dtype)->kind == 'f';
}

/* The keys if the largest come first, otherwise the keys times -1, which reverses their order. */
static ts_tile turn(const ts_top *s, ts_tile keys, ts_dtype *dtype) {
    if (!s->is_ascending) return keys;
    int64_t elems = s->group * s->width;
    ts_tile tile = *dtype == ts_dtype_f32 ? keys : ts_top_tile(s, elems, ts_dtype_f32, 2);
    ts_ap from = ts_top_all(s, keys, *dtype, elems), to = ts_top_all(s, tile, ts_dtype_f32, elems);
    ts_emit_tensor_scalar(s->b, ts_engine_scalar, &to, &from, ts_alu_multiply, ts_scalar_const(-1), false);
    *dtype = ts_dtype_f32;
    return tile;
}

/* Converts keys to numbers that fp32 holds, in the same order. */
static ts_tile make_numbers(const ts_top *s, ts_dtype *dtype) {
    const ts_top_array *key = &s->arrays[0];
    int bytes = ts_dtype_get(s->dtype)->bytes;
    int64_t elems = s->group * s->width;
    *dtype = key->dtype;
    if (!ts_top_is_float(s)) return turn(s, key->data, dtype);
    ts_tile tile = ts_top_tile(s, elems, key->dtype, 2);
    ts_ap data = ts_top_all(s, key->data, key->dtype, elems), number = ts_top_all(s, tile, key->dtype, elems);
    bits2(s, &number, &data, ts_alu_arith_shift_right, 8 * bytes - 1, ts_alu_bitwise_and,
          ldexp(1, 8 * bytes - 1) - 1);
    pair(s, &number, &number, &data, ts_alu_bitwise_xor);
    return turn(s, tile, dtype);
}

/* The upper bits of words, in the same order. For floats these are all but the lowest bit: half of the
   magnitude, taken as an integer, is again a float of the same order, never NaN, and both zeros are equal. */
static ts_tile make_upper(ts_top *s, ts_dtype *dtype) {
    int64_t elems = s->group * s->width;
    ts_tile tile = ts_top_tile(s, elems, ts_dtype_i32, 2);
    ts_ap data = ts_top_all(s, s->arrays[0].data, ts_dtype_i32, elems),
          upper = ts_top_all(s, tile, ts_dtype_i32, elems);
    *dtype = ts_top_is_float(s) ? ts_dtype_f32 : ts_dtype_i32;
    if (ts_top_is_float(s))
        bits2(s, &upper, &data, ts_alu_arith_shift_right, 1, ts_alu_bitwise_and, 0xbfffffff);
    else
        bits2(s, &upper, &data, ts_alu_bitwise_and, 0xffffff00, ts_alu_bitwise_xor,
              ts_dtype_get(s->dtype)->kind == 'u' ? 0x80000000 : 0);
    return turn(s, tile, dtype);
}

/* The lower bits as floats of magnitude 1/4 to 1/2, in the order of keys with equal upper bits. */
static ts_tile make_lower(ts_top *s) {
    int64_t elems = s->group * s->width;
    ts_tile tile = ts_top_tile(s, elems, ts_dtype_i32, 2);
    ts_ap data = ts_top_all(s, s->arrays[0].data, ts_dtype_i32, elems),
          lower = ts_top_all(s, tile, ts_dtype_i32, elems);
    bits2(s, &lower, &data, ts_alu_bitwise_and, ts_top_is_float(s) ? 0x80000001 : 0xff, ts_alu_bitwise_or,
          0x3e800000);
    ts_dtype dtype = ts_dtype_f32;
    return turn(s, tile, &dtype);
}

/* The same for the words found, as small integers. */
static ts_tile lower_found(ts_top *s, ts_tile found) {
    int64_t elems = s->group * s->rounded;
    ts_tile tile = ts_top_tile(s, elems, ts_dtype_i32, 1);
    ts_ap word = ts_top_all(s, found, ts_dtype_i32, elems), lower = ts_top_all(s, tile, ts_dtype_i32, elems);
    ts_emit_tensor_scalar(s->b, ts_engine_vector, &lower, &word, ts_alu_bitwise_and,
                          ts_scalar_const(ts_top_is_float(s) ? 1 : 0xff), false);
    if (!ts_top_is_float(s)) return tile;
    ts_emit_tensor_scalar(s->b, ts_engine_vector, &word, &word, ts_alu_arith_shift_right, ts_scalar_const(31),
                          false);
    pair(s, &lower, &lower, &word, ts_alu_bitwise_xor);
    return tile;
}

/* ---- searching ---- */

/* Values in descending order, [rows of a partition, rounded], and their positions: `rounded` indices from
   `first` on out of each `pitch`. */
typedef struct list {
    ts_tile values, indices;
    int64_t pitch, first;
    bool is_ordered; /* equal values have ascending indices */
} list;

static void emit_largest(ts_top *s, ts_tile keys, ts_dtype dtype, const list *l, int64_t at) {
    ts_top_open_rows(s);
    ts_inst_max8 *inst = append(s, ts_op_max8, ts_engine_vector);
    inst->src = ts_top_row(s, keys, dtype, s->width, 0, s->width);
    inst->dst = ts_top_row(s, l->values, ts_dtype_f32, s->rounded, at, TS_TOP_FOUND);
    ts_top_close_rows(s);
}

static void emit_indices(ts_top *s, ts_tile keys, ts_dtype dtype, const list *l, int64_t at) {
    ts_top_open_rows(s);
    ts_ap data = ts_top_row(s, keys, dtype, s->width, 0, s->width);
    ts_ap vals = ts_top_row(s, l->values, ts_dtype_f32, s->rounded, at, TS_TOP_FOUND);
    ts_ap dst = ts_top_row(s, l->indices, ts_dtype_u32, l->pitch, l->first + at, TS_TOP_FOUND);
    emit_find(s, &dst, &data, &vals);
    ts_top_close_rows(s);
}

/* rest = keys without those found last. */
static void emit_rest(ts_top *s, ts_tile rest, ts_tile keys, ts_dtype dtype, const list *l, int64_t at) {
    ts_top_open_rows(s);
    ts_inst_nc_match_replace8 *inst = append(s, ts_op_nc_match_replace8, ts_engine_vector);
    inst->data = ts_top_row(s, keys, dtype, s->width, 0, s->width);
    inst->vals = ts_top_row(s, l->values, ts_dtype_f32, s->rounded, at, TS_TOP_FOUND);
    inst->dst = ts_top_row(s, rest, ts_dtype_f32, s->width, 0, s->width);
    inst->imm = -INFINITY;
    if (!l->is_ordered)
        inst->dst_idx = ts_top_row(s, l->indices, ts_dtype_u32, l->pitch, l->first + at, TS_TOP_FOUND);
    ts_top_close_rows(s);
}

/* Finds the largest elements of each row and their indices. Found elements are removed for the next round;
   `rest` may be the keys themselves, which are then overwritten. For equal values nc_find_index8 gives the
   indices in order; nc_match_replace8, which saves a pass, gives the right indices in any order. */
static void find_largest(ts_top *s, ts_tile keys, ts_dtype dtype, ts_tile rest, const list *l) {
    for (int64_t at = 0; at < s->rounded; at += TS_TOP_FOUND) {
        bool is_last = at + TS_TOP_FOUND == s->rounded;
        emit_largest(s, keys, dtype, l, at);
        if (l->is_ordered || is_last) emit_indices(s, keys, dtype, l, at);
        if (is_last) return;
        emit_rest(s, rest, keys, dtype, l, at);
        keys = rest;
        dtype = ts_dtype_f32;
    }
}

/* Makes the tile for the remaining keys; 0 when one round is enough. */
static ts_tile new_rest(const ts_top *s) {
    return s->rounded > TS_TOP_FOUND ? ts_top_tile(s, s->group * s->width, ts_dtype_f32, 1) : 0;
}

/* Counts how many of a row's found elements come before each. Equal upper bits are decided by the lower ones,
   then by the index. */
static ts_tile count_before(ts_top *s, const list *upper, ts_tile lower) {
    int64_t k = s->rounded, elems = s->group * k;
    ts_tile order = ts_top_tile(s, elems, ts_dtype_f32, 1), before = ts_top_tile(s, elems, ts_dtype_f32, 1);
    ts_ap low = ts_top_columns(s, lower, ts_dtype_i32, k, 0, 1, k),
          place = ts_top_columns(s, order, ts_dtype_f32, k, 0, 1, k);
    ts_ap at = ts_top_columns(s, upper->indices, ts_dtype_u32, upper->pitch, upper->first, 1, k);
    ts_emit_scalar_tensor_tensor(s->b, &place, &low, ts_alu_multiply,
                                 ts_scalar_const(s->is_ascending ? -TS_TOP_ROW : TS_TOP_ROW), false,
                                 ts_alu_subtract, &at, false);
    ts_tile tiles[3];
    for (int i = 0; i < 3; i++)
        tiles[i] = ts_top_tile(s, s->group * TS_TOP_FOUND * k, ts_dtype_bf16, 1);
    bool has_loop = k > TS_TOP_FOUND;
    uint32_t loop = has_loop ? ts_build_loop(s->b, ts_count_const(k / TS_TOP_FOUND)) : 0;
    ts_ap result = ts_top_columns(s, before, ts_dtype_f32, k, 0, 1, TS_TOP_FOUND);
    ts_ap those[2] = {ts_top_columns(s, upper->values, ts_dtype_f32, k, 0, 1, TS_TOP_FOUND),
                      ts_top_columns(s, order, ts_dtype_f32, k, 0, 1, TS_TOP_FOUND)};
    ts_ap others[2] = {ts_top_columns(s, upper->values, ts_dtype_f32, k, 0, 0, TS_TOP_FOUND),
                       ts_top_columns(s, order, ts_dtype_f32, k, 0, 0, TS_TOP_FOUND)};
    ts_ap *moving[3] = {&result, &those[0], &those[1]};
    for (int i = 0; i < 3 && has_loop; i++)
        moving[i]->offset = ts_build_term(s->b, moving[i]->offset, TS_TOP_FOUND * 4, loop);
    ts_ap is[3];
    for (int i = 0; i < 3; i++) {
        is[i] = ts_top_columns(s, tiles[i], ts_dtype_bf16, TS_TOP_FOUND * k, 0, k, TS_TOP_FOUND);
        ts_ap_dim(&is[i], 1, ts_count_const(k));
        if (i == 2) break;
        ts_ap_dim(&those[i], 0, ts_count_const(k));
        ts_ap_dim(&others[i], 1, ts_count_const(k));
    }
    pair(s, &is[0], &others[0], &those[0], ts_alu_is_gt);
    pair(s, &is[1], &others[0], &those[0], ts_alu_is_equal);
    pair(s, &is[2], &others[1], &those[1], ts_alu_is_gt);
    pair(s, &is[1], &is[1], &is[2], ts_alu_multiply);
    pair(s, &is[0], &is[0], &is[1], ts_alu_add);
    ts_emit_reduce(s->b, &result, &is[0], ts_alu_add, 1);
    if (has_loop) ts_build_end(s->b);
    return before;
}

/* The places of both lists' elements in the result, from 1 on; 0 for elements that are not part of it. The
   first list contributes those above the k-th; the second list follows. */
static ts_tile make_places(ts_top *s, const list *first, ts_tile before) {
    int64_t k = s->rounded;
    ts_tile above = ts_top_tile(s, s->group * k, ts_dtype_f32, 1),
            count = ts_top_tile(s, s->group, ts_dtype_f32, 1),
            places = ts_top_tile(s, s->group * 2 * k, ts_dtype_f32, 1);
    ts_ap is_above = ts_top_columns(s, above, ts_dtype_f32, k, 0, 1, k);
    ts_ap values = ts_top_columns(s, first->values, ts_dtype_f32, k, 0, 1, k),
          last = ts_top_columns(s, first->values, ts_dtype_f32, k, s->k - 1, 0, k);
    pair(s, &is_above, &values, &last, ts_alu_is_gt);
    ts_ap number = ts_top_all(s, count, ts_dtype_f32, s->group);
    ts_emit_reduce(s->b, &number, &is_above, ts_alu_add, 1);
    ts_ap one = ts_top_columns(s, places, ts_dtype_f32, 2 * k, 0, 1, k),
          two = ts_top_columns(s, places, ts_dtype_f32, 2 * k, k, 1, k);
    ts_ap rank = ts_top_columns(s, before, ts_dtype_f32, k, 0, 1, k),
          ranks = ts_top_columns(s, s->ranks, ts_dtype_f32, 0, 0, 1, k);
    ts_emit_scalar_tensor_tensor(s->b, &one, &rank, ts_alu_add, ts_scalar_const(1), false, ts_alu_multiply,
                                 &is_above, false);
    ts_ap repeated = ts_top_columns(s, count, ts_dtype_f32, 1, 0, 0, k);
    pair(s, &two, &ranks, &repeated, ts_alu_add);
    return places;
}

/* Keeps the lower bits of elements that tie with the k-th; others become less than -1/2. */
static void mark_ties(ts_top *s, ts_tile upper, ts_dtype dtype, ts_tile lower, const list *found) {
    ts_top_open_rows(s);
    ts_ap last = ts_top_row(s, found->values, ts_dtype_f32, s->rounded, s->k - 1, 1);
    ts_ap above = ts_top_row(s, upper, dtype, s->width, 0, s->width),
          below = ts_top_row(s, lower, ts_dtype_f32, s->width, 0, s->width);
    ts_emit_scalar_tensor_tensor(s->b, &below, &above, ts_alu_not_equal, ts_scalar_ap(&last), false,
                                 ts_alu_subtract, &below, true);
    ts_top_close_rows(s);
}

/* The keys that the first list found. */
static ts_tile fetch_words(ts_top *s, const list *l) {
    ts_tile words = ts_top_tile(s, s->group * s->rounded, ts_dtype_i32, 1);
    ts_top_open_rows(s);
    ts_ap found = ts_top_row(s, words, ts_dtype_i32, s->rounded, 0, s->rounded),
          data = ts_top_row(s, s->arrays[0].data, ts_dtype_i32, s->width, 0, s->width),
          at = ts_top_row(s, l->indices, ts_dtype_u32, l->pitch, l->first, s->rounded);
    ts_top_gather(s, &found, &data, &at);
    ts_top_close_rows(s);
    return words;
}

/* Of both lists' indices, selects those with places 1, 2 ... rounded. */
static ts_tile put_in_place(ts_top *s, ts_tile indices, ts_tile places) {
    int64_t k = s->rounded;
    ts_tile which = ts_top_tile(s, s->group * k, ts_dtype_u32, 1),
            result = ts_top_tile(s, s->group * k, ts_dtype_u32, 1);
    ts_top_open_rows(s);
    for (int64_t j = 0; j < k; j += TS_TOP_FOUND) {
        ts_ap dst = ts_top_row(s, which, ts_dtype_u32, k, j, TS_TOP_FOUND),
              all = ts_top_row(s, places, ts_dtype_f32, 2 * k, 0, 2 * k),
              vals = ts_top_all(s, s->ranks, ts_dtype_f32, TS_TOP_FOUND);
        vals.offset.base += j * 4;
        emit_find(s, &dst, &all, &vals);
    }
    ts_top_close_rows(s);
    ts_top_open_rows(s);
    ts_ap to = ts_top_row(s, result, ts_dtype_u32, k, 0, k),
          from = ts_top_row(s, indices, ts_dtype_u32, 2 * k, 0, 2 * k),
          at = ts_top_row(s, which, ts_dtype_u32, k, 0, k);
    ts_top_gather(s, &to, &from, &at);
    ts_top_close_rows(s);
    return result;
}

static ts_tile search_words(ts_top *s) {
    int64_t k = s->rounded;
    ts_dtype dtype;
    ts_tile upper = make_upper(s, &dtype), lower = make_lower(s);
    ts_tile indices = ts_top_tile(s, s->group * 2 * k, ts_dtype_u32, 1);
    list first = {ts_top_tile(s, s->group * k, ts_dtype_f32, 1), indices, 2 * k, 0, false},
         second = {ts_top_tile(s, s->group * k, ts_dtype_f32, 1), indices, 2 * k, k, true};
    find_largest(s, upper, dtype, new_rest(s), &first);
    mark_ties(s, upper, dtype, lower, &first);
    find_largest(s, lower, ts_dtype_f32, lower, &second);
    ts_tile before = count_before(s, &first, lower_found(s, fetch_words(s, &first)));
    return put_in_place(s, indices, make_places(s, &first, before));
}

static ts_tile search_numbers(ts_top *s) {
    ts_dtype dtype;
    ts_tile numbers = make_numbers(s, &dtype),
            indices = ts_top_tile(s, s->group * s->rounded, ts_dtype_u32, 1);
    list found = {ts_top_tile(s, s->group * s->rounded, ts_dtype_f32, 1), indices, s->rounded, 0, true};
    find_largest(s, numbers, dtype, new_rest(s), &found);
    return indices;
}

ts_tile ts_top_search(ts_top *s) {
    return ts_top_is_word(s) ? search_words(s) : search_numbers(s);
}
