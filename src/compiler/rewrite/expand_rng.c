/* rng_bit_generator as 32-bit integer operations: Threefry-2x32 with 20 rounds and Philox-4x32 with 10
   (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011). Counters and results are arranged as
   in XLA, so that the bits are the same. */
#include <string.h>

#include "compiler/rewrite/expand.h"

/* A 64-bit number as two u32. */
typedef struct wide {
    ts_value *low, *high;
} wide;

typedef struct generator {
    ts_maker make;
    ts_value *state; /* u32[n,2]: the words of the u64[n] operand, low first */
    int64_t words;   /* n */
} generator;

static ts_value *number(generator *g, const ts_value *like, uint64_t value) {
    return ts_make_number(&g->make, &like->type, value);
}

static ts_value *with(generator *g, ts_hlo kind, ts_value *a, uint64_t value) {
    return ts_make_binary(&g->make, kind, a, number(g, a, value));
}

static ts_value *add(generator *g, ts_value *a, ts_value *b) {
    return ts_make_binary(&g->make, ts_hlo_add, a, b);
}

static ts_value *mix(generator *g, ts_value *a, ts_value *b) {
    return ts_make_binary(&g->make, ts_hlo_xor, a, b);
}

/* Half `half` (0 = low) of word `at` of the state, a scalar u32. */
static ts_value *state_half(generator *g, int64_t at, int64_t half) {
    int64_t start[2] = {at, half}, limit[2] = {at + 1, half + 1};
    return ts_make_reshape(&g->make, ts_make_slice(&g->make, g->state, start, limit), 0, NULL);
}

static wide state_word(generator *g, int64_t at) {
    return (wide){state_half(g, at, 0), state_half(g, at, 1)};
}

static wide splat(generator *g, wide w, const ts_type *type) {
    return (wide){ts_make_splat(&g->make, w.low, type), ts_make_splat(&g->make, w.high, type)};
}

/* 1 where the wrapped sum of `part` and something else lost a carry; otherwise 0. */
static ts_value *carry(generator *g, ts_value *sum, ts_value *part) {
    ts_value *lost = ts_make_compare(&g->make, "LT", sum, part);
    return ts_make_unary(&g->make, ts_hlo_convert, lost, &sum->type);
}

/* w + step. *over gets the carry out of the sum, unless `over` is NULL. */
static wide add_wide(generator *g, wide w, ts_value *step, ts_value **over) {
    wide sum = {.low = add(g, w.low, step)};
    ts_value *one = carry(g, sum.low, w.low);
    sum.high = add(g, w.high, one);
    if (over) *over = carry(g, sum.high, w.high);
    return sum;
}

static ts_value *as_row(generator *g, wide w) {
    const int64_t dims[2] = {1, 1};
    ts_value *halves[2] = {ts_make_reshape(&g->make, w.low, 2, dims),
                           ts_make_reshape(&g->make, w.high, 2, dims)};
    return ts_make_concatenate(&g->make, 2, halves, 1);
}

/* Joins the new state's words to u64[n]. */
static ts_value *join_state(generator *g, const wide *words) {
    ts_value *rows[3];
    for (int64_t i = 0; i < g->words; i++)
        rows[i] = as_row(g, words[i]);
    ts_value *all = ts_make_concatenate(&g->make, (int)g->words, rows, 0);
    ts_type type = ts_type_make(ts_dtype_u64, 1, &g->words);
    return ts_make_bitcast(&g->make, all, &type);
}

/* ---- Threefry ---- */

static void threefry(generator *g, ts_value *x[2], wide key) {
    static const uint8_t rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
    ts_value *ks[3] = {key.low, key.high, with(g, ts_hlo_xor, mix(g, key.low, key.high), 0x1bd11bda)};
    x[0] = add(g, x[0], ks[0]);
    x[1] = add(g, x[1], ks[1]);
    for (unsigned group = 0; group < 5; group++) {
        for (int i = 0; i < 4; i++) {
            unsigned by = rotations[group & 1][i];
            x[0] = add(g, x[0], x[1]);
            ts_value *left = with(g, ts_hlo_shift_left, x[1], by);
            ts_value *right = with(g, ts_hlo_shift_right_logical, x[1], 32 - by);
            x[1] = mix(g, x[0], ts_make_binary(&g->make, ts_hlo_or, left, right));
        }
        x[0] = add(g, x[0], ks[(group + 1) % 3]);
        x[1] = with(g, ts_hlo_add, add(g, x[1], ks[(group + 2) % 3]), group + 1);
    }
}

/* The axis along which two halves are interleaved: the first even one, otherwise the longest. */
static int split_axis(const ts_type *type) {
    int longest = 0;
    for (int i = 0; i < type->rank; i++)
        if (type->dim[i] % 2 == 0) return i;
    for (int i = 1; i < type->rank; i++)
        if (type->dim[i] > type->dim[longest]) longest = i;
    return longest;
}

/* Runs Threefry on the counters state + 0, 1, ... for `count` elements. Returns two flat arrays and the next
   state. */
static void threefry_run(generator *g, int64_t count, ts_value *x[2], ts_value **state) {
    ts_type flat = ts_type_make(ts_dtype_u32, 1, &count);
    wide key = state_word(g, 0), first = state_word(g, 1);
    wide counter = add_wide(g, splat(g, first, &flat), ts_make_iota(&g->make, &flat, 0), NULL);
    x[0] = counter.low;
    x[1] = counter.high;
    threefry(g, x, splat(g, key, &flat));
    wide words[2] = {key, add_wide(g, first, number(g, first.low, (uint64_t)count), NULL)};
    *state = join_state(g, words);
}

/* Random u32 in the shape of the type. */
static ts_value *threefry_bits(generator *g, const ts_type *type, ts_value **state) {
    ts_value *x[2];
    int64_t dims[TS_MAX_RANK], start[TS_MAX_RANK] = {0};
    int axis = split_axis(type);
    if (type->rank == 0) {
        threefry_run(g, 1, x, state);
        return ts_make_reshape(&g->make, x[0], 0, NULL);
    }
    memcpy(dims, type->dim, sizeof dims);
    int64_t inner = 1, outer = 1, half = (dims[axis] + 1) / 2;
    for (int i = 0; i < type->rank; i++)
        *(i <= axis ? &outer : &inner) *= i == axis ? half : dims[i];
    threefry_run(g, outer * inner, x, state);
    /* [.., half, 1, ..] joined to [.., half, 2, ..] is [.., 2 half, ..]. */
    const int64_t part[3] = {outer, 1, inner};
    for (int i = 0; i < 2; i++)
        x[i] = ts_make_reshape(&g->make, x[i], 3, part);
    dims[axis] = 2 * half;
    ts_value *all = ts_make_reshape(&g->make, ts_make_concatenate(&g->make, 2, x, 1), type->rank, dims);
    return dims[axis] == type->dim[axis] ? all : ts_make_slice(&g->make, all, start, type->dim);
}

/* ---- Philox ---- */

/* The 64-bit product of x and k, by 16-bit halves whose sums stay within 32 bits. */
static wide multiply(generator *g, ts_value *x, uint32_t k) {
    ts_value *low = with(g, ts_hlo_and, x, 0xffff), *high = with(g, ts_hlo_shift_right_logical, x, 16);
    ts_value *t = with(g, ts_hlo_multiply, low, k & 0xffff);
    ts_value *u =
        add(g, with(g, ts_hlo_multiply, high, k & 0xffff), with(g, ts_hlo_shift_right_logical, t, 16));
    ts_value *v = add(g, with(g, ts_hlo_multiply, low, k >> 16), with(g, ts_hlo_and, u, 0xffff));
    ts_value *top =
        add(g, with(g, ts_hlo_multiply, high, k >> 16), with(g, ts_hlo_shift_right_logical, u, 16));
    return (wide){.low = with(g, ts_hlo_multiply, x, k),
                  .high = add(g, top, with(g, ts_hlo_shift_right_logical, v, 16))};
}

static void philox(generator *g, ts_value *x[4], wide key) {
    for (uint32_t round = 0; round < 10; round++) {
        ts_value *k0 = round ? with(g, ts_hlo_add, key.low, (uint32_t)(round * 0x9e3779b9u)) : key.low;
        ts_value *k1 = round ? with(g, ts_hlo_add, key.high, (uint32_t)(round * 0xbb67ae85u)) : key.high;
        wide a = multiply(g, x[0], 0xd2511f53), b = multiply(g, x[2], 0xcd9e8d57);
        x[0] = mix(g, mix(g, b.high, x[1]), k0);
        x[1] = b.low;
        x[2] = mix(g, mix(g, a.high, x[3]), k1);
        x[3] = a.low;
    }
}

/* `count` random u32. The counter has 128 bits; with a state of two words, its upper half is the key. */
static ts_value *philox_bits(generator *g, int64_t count, ts_value **state) {
    const int64_t blocks = (count + 3) / 4, column[2] = {blocks, 1}, flat_dim = blocks * 4, start = 0;
    ts_type flat = ts_type_make(ts_dtype_u32, 1, &blocks);
    wide key = state_word(g, 0), low = state_word(g, 1), high = g->words < 3 ? key : state_word(g, 2);
    ts_value *over;
    wide counter = add_wide(g, splat(g, low, &flat), ts_make_iota(&g->make, &flat, 0), &over);
    wide top = add_wide(g, splat(g, high, &flat), over, NULL);
    ts_value *x[4] = {counter.low, counter.high, top.low, top.high};
    philox(g, x, splat(g, key, &flat));
    for (int i = 0; i < 4; i++)
        x[i] = ts_make_reshape(&g->make, x[i], 2, column);
    wide words[3] = {key, add_wide(g, low, number(g, low.low, (uint64_t)blocks), &over)};
    words[2] = add_wide(g, high, over, NULL);
    *state = join_state(g, words);
    ts_value *all = ts_make_reshape(&g->make, ts_make_concatenate(&g->make, 4, x, 1), 1, &flat_dim);
    return flat_dim == count ? all : ts_make_slice(&g->make, all, &start, &count);
}

/* ---- the op ---- */

static bool is_philox(const char *algorithm) {
    return strcmp(algorithm, "PHILOX") == 0 || strcmp(algorithm, "DEFAULT") == 0;
}

static ts_status check(const ts_module *module, const ts_op_node *op, ts_diag *diag) {
    const ts_type *state = &op->operands[0]->type, *type = &op->results[1]->type;
    const char *algorithm = ts_op_string(op, "rng_algorithm");
    bool is_known = is_philox(algorithm) || strcmp(algorithm, "THREE_FRY") == 0;
    bool is_integer =
        ts_dtype_get((ts_dtype)type->dtype)->kind == 's' || ts_dtype_get((ts_dtype)type->dtype)->kind == 'u';
    int64_t most = is_philox(algorithm) ? 3 : 2;
    if (!is_known) return ts_op_fail(module, op, diag, ts_unsupported, "algorithm %.20s", algorithm);
    if (state->dtype != ts_dtype_u64 || state->rank != 1 || state->dim[0] < 2 || state->dim[0] > most)
        return ts_op_fail(module, op, diag, ts_unsupported,
                          "a state that is not u64[2] (with Philox also u64[3])");
    if (is_integer && type->dtype != ts_dtype_i4 && type->dtype != ts_dtype_u4) return ts_ok;
    return ts_op_fail(module, op, diag, ts_unsupported, "random bits as %s",
                      ts_dtype_get((ts_dtype)type->dtype)->name);
}

/* Converts u32 to the type. A 64-bit result is made of pairs of u32, low first. */
static ts_value *as_type(generator *g, ts_value *bits, const ts_type *type) {
    const ts_dtype_info *info = ts_dtype_get((ts_dtype)type->dtype);
    ts_type narrow = *type;
    narrow.dtype = info->bytes == 1 ? ts_dtype_u8 : info->bytes == 2 ? ts_dtype_u16 : ts_dtype_u32;
    if (info->bytes < 4) bits = ts_make_unary(&g->make, ts_hlo_convert, bits, &narrow);
    return bits->type.dtype == type->dtype ? bits : ts_make_bitcast(&g->make, bits, type);
}

static void expand(generator *g, const ts_op_node *op) {
    const ts_type *type = &op->results[1]->type;
    const int64_t dims[2] = {op->operands[0]->type.dim[0], 2}, count = ts_type_elems(type);
    ts_type words = ts_type_make(ts_dtype_u32, 2, dims);
    bool is_wide = ts_dtype_get((ts_dtype)type->dtype)->bytes == 8;
    ts_value *bits, *state;
    g->words = dims[0];
    g->state = ts_make_bitcast(&g->make, op->operands[0], &words);
    int64_t shape[TS_MAX_RANK + 1];
    memcpy(shape, type->dim, sizeof type->dim);
    shape[type->rank] = 2;
    if (is_philox(ts_op_string(op, "rng_algorithm"))) {
        bits = philox_bits(g, is_wide ? 2 * count : count, &state);
        bits = ts_make_reshape(&g->make, bits, type->rank + is_wide, shape);
    } else if (is_wide) {
        ts_value *x[2];
        const int64_t column[2] = {count, 1};
        threefry_run(g, count, x, &state);
        for (int i = 0; i < 2; i++)
            x[i] = ts_make_reshape(&g->make, x[i], 2, column);
        bits = ts_make_reshape(&g->make, ts_make_concatenate(&g->make, 2, x, 1), type->rank + 1, shape);
    } else {
        bits = threefry_bits(g, type, &state);
    }
    op->results[0]->note = state;
    op->results[1]->note = as_type(g, bits, type);
}

ts_status ts_expand_rng(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    if (op->kind != ts_hlo_rng_bit_generator || ts_type_elems(&op->results[1]->type) == 0 ||
        op->results[1]->type.rank >= TS_MAX_RANK)
        return ts_ok;
    TS_TRY(check(make->module, op, diag));
    generator g = {.make = *make};
    expand(&g, op);
    return ts_ok;
}
