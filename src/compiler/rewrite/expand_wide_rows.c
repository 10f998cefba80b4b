/* scatter and sort of 64-bit integers by halves. A scatter that replaces, or combines bitwise, does so for
   each half. Sums are taken of limbs, whose carries are added afterwards. */
#include "compiler/graph/value_range.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/sort.h"
#include "compiler/rewrite/expand.h"
#include "compiler/rewrite/wide.h"

enum { WORD = 32, WIDE = 64, MAX_OPERANDS = 32 };

/* ---- scatter ---- */

/* Bits [from, from + bits) of a value, as u32. */
static ts_value *limb_of(ts_maker *m, ts_wide w, int from, int bits) {
    ts_value *word = from < WORD ? w.low : w.high;
    int shift = from % WORD;
    if (shift > 0)
        word = ts_make_binary(m, ts_hlo_shift_right_logical, word,
                              ts_make_number(m, &word->type, (uint64_t)shift));
    uint64_t mask = ((uint64_t)1 << bits) - 1;
    return ts_make_binary(m, ts_hlo_and, word, ts_make_number(m, &word->type, mask));
}

static ts_wide moved_up(ts_maker *m, ts_value *word, int by) {
    ts_value *zero = ts_make_number(m, &word->type, 0);
    ts_value *count = ts_make_number(m, &word->type, (uint64_t)(by % WORD));
    ts_value *up = by % WORD ? ts_make_binary(m, ts_hlo_shift_left, word, count) : word;
    if (by >= WORD) return (ts_wide){zero, up};
    count = ts_make_number(m, &word->type, (uint64_t)(WORD - by));
    return (ts_wide){up, by ? ts_make_binary(m, ts_hlo_shift_right_logical, word, count) : zero};
}

/* Sums by limbs that are narrow enough for a word to hold the sum of all updates of one element. False when
   there are too many updates. */
static bool add_up(ts_maker *m, const ts_op_node *op, ts_wide into, ts_wide updates, ts_wide *sum) {
    int64_t most = ts_scatter_updates(op);
    int bits = most <= (int64_t)1 << 16 ? 16 : 8;
    if (most > (int64_t)1 << 24) return false;
    *sum = into;
    for (int from = 0; from < WIDE; from += bits) {
        ts_value *zeros = ts_make_number(m, &into.low->type, 0);
        ts_value *part = ts_make_scatter(m, op, ts_hlo_add, zeros, limb_of(m, updates, from, bits));
        *sum = ts_wide_add(m, *sum, moved_up(m, part, from));
    }
    return true;
}

static void expand_scatter(ts_maker *m, ts_op_node *op) {
    ts_alu alu;
    if (op->operand_count != 3 || !ts_is_wide(op->results[0]) || !ts_region_alu(op->regions[0], &alu)) return;
    ts_hlo kind = alu == ts_alu_bypass        ? ts_hlo_return
                  : alu == ts_alu_bitwise_and ? ts_hlo_and
                  : alu == ts_alu_bitwise_or  ? ts_hlo_or
                                              : ts_hlo_xor;
    ts_wide into = ts_wide_split(m, op->operands[0]), updates = ts_wide_split(m, op->operands[2]), w;
    if (alu == ts_alu_add) {
        if (!add_up(m, op, into, updates, &w)) return;
    } else if (kind == ts_hlo_xor && alu != ts_alu_bitwise_xor) {
        return;
    } else {
        w.low = ts_make_scatter(m, op, kind, into.low, updates.low);
        w.high = ts_make_scatter(m, op, kind, into.high, updates.high);
    }
    op->results[0]->note = ts_wide_join(m, w, &op->results[0]->type);
}

/* ---- sort ---- */

static ts_value *as(ts_maker *m, ts_value *value, unsigned dtype) {
    ts_type type = value->type;
    type.dtype = (uint8_t)dtype;
    return value->type.dtype == dtype ? value : ts_make_unary(m, ts_hlo_convert, value, &type);
}

/* Splits an operand into parts, most significant first, that compare as integers. */
static int parts_of(ts_maker *m, ts_value *operand, ts_value **parts) {
    parts[0] = operand;
    if (!ts_is_wide(operand)) return 1;
    ts_wide w = ts_wide_split(m, operand);
    parts[0] = operand->type.dtype == ts_dtype_i64 ? as(m, w.high, ts_dtype_i32) : w.high;
    parts[1] = w.low;
    return 2;
}

/* Translates keys on whole operands to keys on their parts. Returns their number, or 0 when they are too many
   or not operands. */
static int split_keys(const ts_op_node *op, const int *first, ts_sort_key *keys, int *at) {
    ts_sort_key whole[TS_SORT_KEYS];
    int count = ts_sort_order(op->regions[0], whole), made = 0;
    for (int k = 0; k < count; k++) {
        int operand = ts_sort_operand(op->regions[0], &whole[k]);
        if (operand < 0) return 0;
        int parts = first[operand + 1] - first[operand];
        if (made + parts > TS_SORT_KEYS) return 0;
        for (int i = 0; i < parts; i++) {
            at[made] = first[operand] + i;
            keys[made++] = whole[k];
        }
    }
    return made;
}

static void expand_sort(ts_maker *m, ts_op_node *op) {
    int first[MAX_OPERANDS + 1] = {0}, at[TS_SORT_KEYS], count = (int)op->operand_count;
    ts_value *parts[2 * MAX_OPERANDS];
    ts_type types[2 * MAX_OPERANDS];
    ts_sort_key keys[TS_SORT_KEYS];
    if (count > MAX_OPERANDS) return;
    for (int i = 0; i < count; i++)
        first[i + 1] = first[i] + parts_of(m, op->operands[i], parts + first[i]);
    for (int i = 0; i < first[count]; i++)
        types[i] = parts[i]->type;
    int key_count = split_keys(op, first, keys, at);
    if (key_count == 0) return;
    ts_op_node *copy = ts_op_new(m->module, m->func, ts_hlo_sort, op->loc, (uint32_t)first[count], parts,
                                 (uint32_t)first[count], types, op->attr_count, op->attrs, 1);
    copy->regions[0] = ts_sort_comparator(m->module, m->func, copy, keys, at, key_count);
    ts_vec_push(&m->block->ops, &m->module->arena, copy);
    for (int i = 0; i < count; i++) {
        ts_value **of = &copy->results[first[i]];
        op->results[i]->note = of[0];
        if (ts_is_wide(op->results[i]))
            op->results[i]->note =
                ts_wide_join(m, (ts_wide){of[1], as(m, of[0], ts_dtype_u32)}, &op->results[i]->type);
    }
}

ts_status ts_expand_wide_rows(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    (void)diag;
    if (op->kind == ts_hlo_scatter) expand_scatter(make, op);
    if (op->kind == ts_hlo_sort && ts_twins_any(op, ts_is_wide)) expand_sort(make, op);
    return ts_ok;
}
