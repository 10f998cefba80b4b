/* Finds the order that a sort's comparator defines. A comparison of the same expression of its left and right
   arguments is a key; the logic around the keys is evaluated for every combination of their outcomes. */
#include <string.h>

#include "compiler/lower/sort.h"

enum {
    MAX_OPS = 256,
    MAX_OUTCOMES = 6561 /* 3 to the power of TS_SORT_KEYS */,
    LEFT = 1,
    RIGHT = 2,
    MAX_VISITS = 1 << 16
};

typedef struct atom {
    int key; /* -1: not a comparison of the same expression */
    bool is_swapped;
} atom;

typedef struct analysis {
    const ts_block *region;
    uint8_t side[MAX_OPS]; /* by op: bit set of the sides (LEFT, RIGHT) that it depends on */
    atom atoms[MAX_OPS];
    ts_sort_key keys[TS_SORT_KEYS];
    int key_count;
    int visits; /* pairs of values that is_same has compared; shared values count each time */
    uint8_t before[MAX_OUTCOMES]; /* the comparator's answer by combination of outcomes, a base-3 digit for
                                     each key: 0 equal, 1 before, 2 after */
} analysis;

static int position(const analysis *a, const ts_value *value) {
    for (uint32_t i = 0; i < a->region->ops.count; i++)
        if (value->def == a->region->ops.data[i]) return (int)i;
    return -1;
}

static bool is_argument(const analysis *a, const ts_value *value) {
    return !value->def && value->index < a->region->arg_count && a->region->args[value->index] == value;
}

static unsigned side_of(const analysis *a, const ts_value *value) {
    if (is_argument(a, value)) return value->index % 2 ? RIGHT : LEFT;
    int at = position(a, value);
    return at < 0 ? 0 : a->side[at];
}

/* Whether y computes the same expression as x. With apart = 1, y uses the right arguments where x uses the
   left ones; with 0 they use the same. */
static bool is_same(analysis *a, const ts_value *x, const ts_value *y, uint32_t apart) {
    if (++a->visits > MAX_VISITS || !ts_type_equal(&x->type, &y->type)) return false;
    if (is_argument(a, x) || is_argument(a, y))
        return is_argument(a, x) && is_argument(a, y) && x->index + apart == y->index;
    if (x == y) return apart == 0 || side_of(a, x) == 0;
    const ts_op_node *p = x->def, *q = y->def;
    if (position(a, x) < 0 || position(a, y) < 0 || p->kind != q->kind || x->index != y->index) return false;
    if (p->operand_count != q->operand_count || p->attr_count != q->attr_count || p->region_count)
        return false;
    for (uint32_t i = 0; i < p->attr_count; i++)
        if (strcmp(p->attrs[i].name, q->attrs[i].name) != 0 ||
            !ts_attr_equal(p->attrs[i].value, q->attrs[i].value))
            return false;
    for (uint32_t i = 0; i < p->operand_count; i++)
        if (!is_same(a, p->operands[i], q->operands[i], apart)) return false;
    return true;
}

/* Records a comparison as a key if it compares equal expressions. False when there are more than TS_SORT_KEYS
   keys. */
static bool add_atom(analysis *a, const ts_op_node *op, atom *found) {
    const ts_value *x = op->operands[0], *y = op->operands[1];
    found->key = -1;
    if (side_of(a, x) == RIGHT && side_of(a, y) == LEFT) {
        found->is_swapped = true;
        x = op->operands[1];
        y = op->operands[0];
    }
    if (side_of(a, x) != LEFT || side_of(a, y) != RIGHT || !is_same(a, x, y, 1)) return true;
    ts_sort_key key = {.value = x, .is_total = ts_dtype_get(x->type.dtype)->kind != 'f'};
    if (strcmp(ts_op_string(op, "compare_type"), "TOTALORDER") == 0) key.is_total = true;
    for (int i = 0; i < a->key_count && found->key < 0; i++)
        if (a->keys[i].is_total == key.is_total && is_same(a, a->keys[i].value, x, 0)) found->key = i;
    if (found->key >= 0) return true;
    if (a->key_count == TS_SORT_KEYS) return false;
    found->key = a->key_count;
    a->keys[a->key_count++] = key;
    return true;
}

/* The comparison's answer when its left side is equal to (0), before (1) or after (2) its right side. */
static bool answer(const ts_op_node *op, int outcome, bool is_swapped, bool *result) {
    static const char words[6][3] = {"EQ", "NE", "LT", "LE", "GT", "GE"};
    if (is_swapped && outcome) outcome = 3 - outcome;
    const bool answers[6] = {outcome == 0, outcome != 0, outcome == 1,
                             outcome <= 1, outcome == 2, outcome != 1};
    for (int i = 0; i < 6; i++)
        if (strcmp(words[i], ts_op_string(op, "comparison_direction")) == 0) {
            *result = answers[i];
            return true;
        }
    return false;
}

/* Applies a logic op to known booleans. */
static bool combine(const ts_op_node *op, const bool *in, bool *result) {
    bool is_logic = op->results[0]->type.dtype == ts_dtype_i1;
    switch (op->kind) {
    case ts_hlo_and: *result = in[0] && in[1]; return is_logic;
    case ts_hlo_or: *result = in[0] || in[1]; return is_logic;
    case ts_hlo_xor: *result = in[0] != in[1]; return is_logic;
    case ts_hlo_not: *result = !in[0]; return is_logic;
    case ts_hlo_select: *result = in[0] ? in[1] : in[2]; return is_logic;
    default: return false;
    }
}

static bool is_true(const ts_attr *attr) {
    return attr && attr->kind == ts_attr_dense && attr->data_bytes > 0 && attr->data[0] != 0;
}

/* Evaluates the comparator for one combination of outcomes; false when its result depends on more than the
   keys. */
static bool evaluate(const analysis *a, int outcome, bool *result) {
    bool value[MAX_OPS] = {false}, is_known[MAX_OPS] = {false};
    int digit[TS_SORT_KEYS];
    for (int k = 0; k < a->key_count; k++, outcome /= 3)
        digit[k] = outcome % 3;
    for (uint32_t i = 0; i < a->region->ops.count; i++) {
        const ts_op_node *op = a->region->ops.data[i];
        bool in[3] = {false}, is_ready = op->operand_count >= 1 && op->operand_count <= 3;
        for (uint32_t k = 0; k < op->operand_count && is_ready; k++) {
            int at = position(a, op->operands[k]);
            is_ready = at >= 0 && is_known[at];
            if (is_ready) in[k] = value[at];
        }
        if (op->kind == ts_hlo_return) {
            *result = in[0];
            return is_ready;
        }
        if (op->kind == ts_hlo_constant && op->results[0]->type.dtype == ts_dtype_i1) {
            is_known[i] = true;
            value[i] = is_true(ts_op_attr(op, "value"));
        } else if (a->atoms[i].key >= 0) {
            is_known[i] = answer(op, digit[a->atoms[i].key], a->atoms[i].is_swapped, &value[i]);
        } else if (is_ready) {
            is_known[i] = combine(op, in, &value[i]);
        }
    }
    return false;
}

static bool read_region(analysis *a) {
    if (!a->region || a->region->ops.count > MAX_OPS) return false;
    for (uint32_t i = 0; i < a->region->ops.count; i++) {
        const ts_op_node *op = a->region->ops.data[i];
        a->atoms[i].key = -1;
        for (uint32_t k = 0; k < op->operand_count; k++)
            a->side[i] |= (uint8_t)side_of(a, op->operands[k]);
        if (op->kind == ts_hlo_compare && op->operand_count == 2 && !add_atom(a, op, &a->atoms[i]))
            return false;
    }
    return true;
}

static int power(int exponent) {
    return exponent ? 3 * power(exponent - 1) : 1;
}

/* Whether key k alone decides when all keys in the bit set `equal` are equal: its outcomes before and after
   each give one answer, whatever the other keys. */
static bool decides(const analysis *a, int k, unsigned equal, bool *is_descending) {
    int seen[3] = {-1, -1, -1};
    for (int outcome = 0; outcome < power(a->key_count); outcome++) {
        bool is_relevant = true;
        for (int i = 0; i < a->key_count && is_relevant; i++)
            is_relevant = !(equal >> i & 1) || outcome / power(i) % 3 == 0;
        int digit = outcome / power(k) % 3;
        if (!is_relevant || digit == 0) continue;
        if (seen[digit] >= 0 && seen[digit] != a->before[outcome]) return false;
        seen[digit] = a->before[outcome];
    }
    *is_descending = seen[2] == 1;
    return seen[1] != seen[2];
}

int ts_sort_order(const ts_block *comparator, ts_sort_key keys[TS_SORT_KEYS]) {
    analysis a = {.region = comparator};
    if (!read_region(&a)) return -1;
    for (int outcome = 0; outcome < power(a.key_count); outcome++) {
        bool result;
        if (!evaluate(&a, outcome, &result)) return -1;
        a.before[outcome] = result;
    }
    int count = 0;
    unsigned equal = 0;
    for (bool is_found = true; is_found;) {
        is_found = false;
        for (int k = 0; k < a.key_count && !is_found; k++) {
            bool is_descending;
            if (equal >> k & 1 || !decides(&a, k, equal, &is_descending)) continue;
            keys[count] = a.keys[k];
            keys[count++].is_descending = is_descending;
            equal |= 1u << k;
            is_found = true;
        }
    }
    /* With all used keys equal, the comparator must never say "before". */
    for (int outcome = 0; outcome < power(a.key_count); outcome++) {
        bool is_relevant = true;
        for (int i = 0; i < a.key_count; i++)
            is_relevant &= !(equal >> i & 1) || outcome / power(i) % 3 == 0;
        if (is_relevant && a.before[outcome]) return -1;
    }
    return count;
}

int ts_sort_operand(const ts_block *comparator, const ts_sort_key *key) {
    const ts_value *value = key->value;
    bool is_argument =
        !value->def && value->index < comparator->arg_count && comparator->args[value->index] == value;
    return is_argument ? (int)(value->index / 2) : -1;
}
