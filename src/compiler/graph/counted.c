/* Counted loops: recognises them, and evaluates integer scalars that depend only on loop counters. */
#include "compiler/graph/counted.h"

#include <math.h>
#include <string.h>

#include "compiler/passes.h"

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

static bool is_word(unsigned dtype) {
    return dtype == ts_dtype_i32 || dtype == ts_dtype_u32;
}

static bool fits(unsigned dtype, int64_t low, int64_t high) {
    if (dtype == ts_dtype_u32) return low >= 0 && high <= UINT32_MAX;
    return dtype == ts_dtype_i32 && low >= INT32_MIN && high <= INT32_MAX;
}

/* ---- loops ---- */

/* A number that is known before the loop starts: a constant, or an argument of the loop that no trip
   changes. */
static bool number_of(const ts_count_loop *loop, const ts_op_node *op, const ts_block *block,
                      const ts_value *value, int64_t *number) {
    double constant;
    int argument = ts_block_argument(block, value);
    if (argument >= 0) {
        if (ts_block_last(loop->body)->operands[argument] != loop->body->args[argument]) return false;
        value = op->operands[argument];
    }
    const ts_lowered *lowered = note(value);
    if (ts_constant_splat(value, &constant)) {
        *number = (int64_t)constant;
        return true;
    }
    if (!lowered->has_view || lowered->view.kind != ts_view_splat) return false;
    *number = (int64_t)lowered->view.value;
    return true;
}

/* Whether carry i, an integer of one element, grows by a constant in each trip, from a known start. */
static bool steps(const ts_count_loop *loop, const ts_op_node *op, uint32_t i, int64_t *first,
                  int64_t *step) {
    const ts_block *body = loop->body;
    const ts_type *type = &op->results[i]->type;
    const ts_op_node *add = ts_block_last(body)->operands[i]->def;
    if (!is_word(type->dtype) || ts_type_elems(type) != 1 || !add) return false;
    if (add->kind != ts_hlo_add && add->kind != ts_hlo_subtract) return false;
    int own = add->operands[0] == body->args[i] ? 0 : 1;
    if (add->operands[own] != body->args[i] || (own == 1 && add->kind == ts_hlo_subtract)) return false;
    if (!number_of(loop, op, body, add->operands[1 - own], step)) return false;
    if (add->kind == ts_hlo_subtract) *step = -*step;
    const ts_lowered *init = note(op->operands[i]);
    double constant;
    if (ts_constant_splat(op->operands[i], &constant)) {
        *first = (int64_t)constant;
        return true;
    }
    if (!init->has_view || init->view.kind != ts_view_splat) return false;
    *first = (int64_t)init->view.value;
    return true;
}

/* The number of trips for which first + step * trip compares true to the limit; -1 when that never ends. */
static int64_t count(const char *direction, int64_t first, int64_t step, int64_t limit) {
    bool is_up = direction[0] == 'L';
    if (strcmp(direction, "LE") == 0) limit++;
    if (strcmp(direction, "GE") == 0) limit--;
    if (is_up ? first >= limit : first <= limit) return 0;
    if (is_up ? step <= 0 : step >= 0) return -1;
    int64_t distance = is_up ? limit - first : first - limit, stride = is_up ? step : -step;
    return (distance + stride - 1) / stride;
}

int ts_counted_find(ts_count_loop *loop, const ts_op_node *op) {
    const ts_op_node *test = ts_block_last(loop->cond)->operands[0]->def;
    int64_t first, step, limit;
    if (!test || test->kind != ts_hlo_compare) return -1;
    const char *direction = ts_op_string(test, "comparison_direction");
    bool is_mirrored = ts_block_argument(loop->cond, test->operands[0]) < 0 ||
                       number_of(loop, op, loop->cond, test->operands[0], &limit);
    int counter = ts_block_argument(loop->cond, test->operands[is_mirrored ? 1 : 0]);
    if (counter < 0 || (direction[0] != 'L' && direction[0] != 'G')) return -1;
    if (!number_of(loop, op, loop->cond, test->operands[is_mirrored ? 0 : 1], &limit)) return -1;
    if (!steps(loop, op, (uint32_t)counter, &first, &step)) return -1;
    char mirror[3] = {direction[0] == 'L' ? 'G' : 'L', direction[1], 0};
    int64_t trips = count(is_mirrored ? mirror : direction, first, step, limit);
    if (trips < 0 || trips > INT32_MAX) return -1;
    if (!fits(op->results[counter]->type.dtype, first + step * trips, first + step * trips)) return -1;
    loop->trips = trips;
    return counter;
}

bool ts_counted_step(const ts_count_loop *loop, const ts_op_node *op, uint32_t i, int64_t *first,
                     int64_t *step) {
    int64_t last;
    if (!steps(loop, op, i, first, step)) return false;
    if (__builtin_mul_overflow(*step, loop->trips, &last) || __builtin_add_overflow(last, *first, &last))
        return false;
    return fits(op->results[i]->type.dtype, last < *first ? last : *first, last < *first ? *first : last);
}

/* Whether the value is first + step * trip in every trip: a counting carry, or a sum or difference of
   such. */
static bool is_linear(const ts_count_loop *loop, const ts_op_node *op, const ts_value *value, int64_t *first,
                      int64_t *step) {
    int argument = ts_block_argument(loop->body, value);
    const ts_op_node *def = value->def;
    int64_t b_first, b_step;
    *step = 0;
    if (number_of(loop, op, loop->body, value, first)) return true;
    if (argument >= 0) return ts_counted_step(loop, op, (uint32_t)argument, first, step);
    if (!def || def->results[0]->type.rank != 0) return false;
    if (def->kind == ts_hlo_select) { /* index normalisation, index < 0 ? index + n : index: take it if index
                                         is never negative */
        const ts_op_node *test = def->operands[0]->def;
        if (!test || test->kind != ts_hlo_compare || test->operands[0] != def->operands[2] ||
            strcmp(ts_op_string(test, "comparison_direction"), "LT") != 0 ||
            !is_linear(loop, op, test->operands[1], &b_first, &b_step) || b_first != 0 || b_step != 0)
            return false;
        return is_linear(loop, op, def->operands[2], first, step) && *first >= 0 &&
               *first + *step * (loop->trips - 1) >= 0;
    }
    if (def->kind != ts_hlo_add && def->kind != ts_hlo_subtract) return false;
    if (!is_linear(loop, op, def->operands[0], first, step) ||
        !is_linear(loop, op, def->operands[1], &b_first, &b_step))
        return false;
    int64_t sign = def->kind == ts_hlo_add ? 1 : -1;
    *first += sign * b_first;
    *step += sign * b_step;
    return true;
}

bool ts_counted_covers(const ts_count_loop *loop, const ts_op_node *op, uint32_t i) {
    const ts_value *argument = loop->body->args[i];
    const ts_op_node *update = ts_block_last(loop->body)->operands[i]->def;
    if (!update || update->kind != ts_hlo_dynamic_update_slice || update->operands[0] != argument ||
        note(argument)->uses != 1 || note(update->results[0])->uses != 1)
        return false; /* another op reads an intermediate state */
    const ts_type *whole = &argument->type, *part = &update->operands[1]->type;
    bool is_covered = true, has_moved = false;
    for (int axis = 0; axis < whole->rank && is_covered; axis++) {
        int64_t size = part->dim[axis], first, step;
        if (size == whole->dim[axis]) continue; /* the start is clamped to 0 */
        is_covered = !has_moved && size * loop->trips == whole->dim[axis] &&
                     is_linear(loop, op, update->operands[2 + axis], &first, &step) &&
                     ((first == 0 && step == size) || (first == whole->dim[axis] - size && step == -size));
        has_moved = true;
    }
    return is_covered;
}

/* ---- scalar arithmetic ---- */

/* The numbers here are views without elements: an offset plus coefficients of loop counters. */

bool ts_view_bounds(const ts_lower *lower, const ts_view *view, int64_t *low, int64_t *high) {
    *low = *high = view->offset;
    if (view->kind == ts_view_splat) {
        if (view->value != floor(view->value) || fabs(view->value) > 0x1p53) return false;
        *low = *high = (int64_t)view->value;
        return true;
    }
    if (view->kind != ts_view_iota) return false;
    for (int i = 0; i < view->rank; i++)
        if (view->stride[i] != 0 && view->dim[i] != 1) return false;
    for (uint32_t i = 0; i < view->shift.term_count; i++) {
        const ts_term *term = &lower->program->terms.data[view->shift.first_term + i];
        int64_t reach = term->coef * (lower->program->loops.data[term->loop].trip.max - 1);
        if (reach < 0)
            *low += reach;
        else
            *high += reach;
    }
    return true;
}

/* A known number as an affine form. Splats become forms without counters. */
static ts_view form_of(const ts_view *view) {
    ts_view form = *view;
    if (form.kind == ts_view_splat) form.offset = (int64_t)form.value;
    form.kind = ts_view_iota;
    return form;
}

/* The form a + factor * b, with a's shape. */
static ts_view add_forms(ts_lower *lower, const ts_view *a, const ts_view *b, int64_t factor) {
    ts_view sum = *a;
    sum.offset += factor * b->offset;
    for (uint32_t i = 0; i < b->shift.term_count; i++) {
        ts_term term = lower->program->terms.data[b->shift.first_term + i];
        sum.shift = ts_build_term(&lower->b, sum.shift, factor * term.coef, term.loop);
    }
    return sum;
}

/* Whether bounds on the difference of the operands decide the comparison; sets the answer. */
static bool decide(const char *direction, int64_t low, int64_t high, bool *is_true) {
    bool is_below = high<0, is_above = low> 0, is_zero = low == 0 && high == 0;
    bool is_not_above = high <= 0, is_not_below = low >= 0;
    if (strcmp(direction, "LT") == 0) return (*is_true = is_below) || is_not_below;
    if (strcmp(direction, "GE") == 0) return (*is_true = is_not_below) || is_below;
    if (strcmp(direction, "GT") == 0) return (*is_true = is_above) || is_not_above;
    if (strcmp(direction, "LE") == 0) return (*is_true = is_not_above) || is_above;
    if (strcmp(direction, "EQ") == 0) return (*is_true = is_zero) || is_below || is_above;
    return (*is_true = is_below || is_above) || is_zero;
}

/* The smaller of two forms (with is_max, the larger), when bounds on their difference tell which it is. */
static bool smaller_of(ts_lower *lower, const ts_view *a, const ts_view *b, bool is_max, ts_view *result) {
    int64_t low, high;
    ts_view difference = add_forms(lower, a, b, -1);
    if (!ts_view_bounds(lower, &difference, &low, &high) || (low < 0 && high > 0)) return false;
    *result = (high <= 0) != is_max ? *a : *b;
    return true;
}

static bool multiply(ts_lower *lower, const ts_view *a, const ts_view *b, ts_view *result) {
    const ts_view *number = ts_view_is_shifted(a) ? b : a, *form = number == a ? b : a;
    if (ts_view_is_shifted(number)) return false;
    ts_view zero = *form;
    zero.offset = 0;
    zero.shift = (ts_affine){0};
    *result = add_forms(lower, &zero, form, number->offset);
    return true;
}

/* Quotient or remainder by a constant, of a number in [0, divisor). */
static bool divide(ts_lower *lower, const ts_op_node *op, const ts_view *a, const ts_view *b,
                   ts_view *result) {
    int64_t low, high;
    if (ts_view_is_shifted(b) || !ts_view_bounds(lower, a, &low, &high)) return false;
    if (low < 0 || high >= b->offset) return false;
    *result = *a;
    if (op->kind == ts_hlo_remainder) return true;
    result->offset = 0;
    result->shift = (ts_affine){0};
    return true;
}

static bool convert(ts_lower *lower, const ts_op_node *op, const ts_view *a, ts_view *result) {
    int64_t low, high;
    unsigned to = op->results[0]->type.dtype;
    if (!ts_view_bounds(lower, a, &low, &high)) return false;
    *result = *a;
    if (to == ts_dtype_f32) return low >= -(1 << 24) && high <= 1 << 24;
    return fits(to, low, high);
}

/* Integer arithmetic on forms. */
static bool apply(ts_lower *lower, const ts_op_node *op, const ts_view *in, ts_view *result) {
    ts_view zero = in[0];
    switch (op->kind) {
    case ts_hlo_add: *result = add_forms(lower, &in[0], &in[1], 1); return true;
    case ts_hlo_subtract: *result = add_forms(lower, &in[0], &in[1], -1); return true;
    case ts_hlo_negate:
        zero.offset = 0;
        zero.shift = (ts_affine){0};
        *result = add_forms(lower, &zero, &in[0], -1);
        return true;
    case ts_hlo_multiply: return multiply(lower, &in[0], &in[1], result);
    case ts_hlo_minimum: return smaller_of(lower, &in[0], &in[1], false, result);
    case ts_hlo_maximum: return smaller_of(lower, &in[0], &in[1], true, result);
    case ts_hlo_clamp:
        return smaller_of(lower, &in[0], &in[1], true, &zero) &&
               smaller_of(lower, &zero, &in[2], false, result);
    case ts_hlo_divide:
    case ts_hlo_remainder: return divide(lower, op, &in[0], &in[1], result);
    case ts_hlo_convert: return convert(lower, op, &in[0], result);
    default: return false;
    }
}

static void keep(ts_value *value, const ts_view *view) {
    const ts_type *type = &value->type;
    ts_view result = ts_view_of_splat((ts_dtype)type->dtype, view->value, type);
    if (view->kind == ts_view_iota) {
        result.kind = ts_view_iota;
        result.offset = view->offset;
        result.shift = view->shift;
    }
    if (view->kind == ts_view_iota && !ts_view_is_shifted(view)) {
        result.kind = ts_view_splat;
        result.value = (double)view->offset;
    }
    note(value)->view = result;
    note(value)->has_view = true;
}

/* Folds ops on plain numbers, and comparisons that bounds decide. */
static bool fold(ts_lower *lower, const ts_op_node *op, const ts_view *in, ts_view *result) {
    double numbers[3];
    int64_t low, high;
    bool is_true, is_plain = true;
    for (uint32_t i = 0; i < op->operand_count; i++) {
        is_plain &= in[i].kind == ts_view_splat;
        numbers[i] = in[i].value;
    }
    *result = in[0];
    result->kind = ts_view_splat;
    if (is_plain) return ts_fold_number(op, numbers, &result->value);
    if (op->kind != ts_hlo_compare || !is_word(op->operands[0]->type.dtype)) return false;
    ts_view a = form_of(&in[0]), b = form_of(&in[1]), difference = add_forms(lower, &a, &b, -1);
    if (!ts_view_bounds(lower, &difference, &low, &high) ||
        !decide(ts_op_string(op, "comparison_direction"), low, high, &is_true))
        return false;
    result->value = is_true;
    return true;
}

/* Reads the operands' views, if every operand is a scalar that is known up to loop counters. */
static bool read_numbers(const ts_lower *lower, const ts_op_node *op, ts_view *in) {
    int64_t low, high;
    if (op->operand_count == 0 || op->operand_count > 3 || op->result_count != 1) return false;
    for (uint32_t i = 0; i < op->operand_count; i++) {
        const ts_lowered *lowered = note(op->operands[i]);
        if (!lowered || !lowered->has_view || lowered->view.kind == ts_view_tensor) return false;
        in[i] = lowered->view;
        if (in[i].kind == ts_view_iota && !ts_view_bounds(lower, &in[i], &low, &high)) return false;
    }
    return true;
}

/* A select with a known predicate becomes a view of the chosen operand. */
static ts_status pick(ts_lower *lower, ts_op_node *op, bool *is_done) {
    const ts_lowered *predicate = note(op->operands[0]);
    ts_lowered *result = note(op->results[0]);
    if (!predicate->has_view || predicate->view.kind != ts_view_splat) return ts_ok;
    ts_value *chosen = op->operands[predicate->view.value != 0 ? 1 : 2];
    TS_TRY(ts_lower_shifted(lower, chosen, &result->view));
    result->has_view = *is_done = true;
    return ts_ok;
}

ts_status ts_lower_counted(ts_lower *lower, ts_op_node *op, bool *is_done) {
    ts_view in[3], forms[3], result;
    int64_t low, high;
    *is_done = false;
    if (lower->region == 0) return ts_ok; /* outside loops the fold pass has done all that is possible */
    if (op->kind == ts_hlo_select) TS_TRY(pick(lower, op, is_done));
    if (*is_done || !read_numbers(lower, op, in)) return ts_ok;
    unsigned dtype = op->results[0]->type.dtype;
    if (fold(lower, op, in, &result)) {
        keep(op->results[0], &result);
        *is_done = true;
        return ts_ok;
    }
    if (!is_word(op->operands[0]->type.dtype)) return ts_ok;
    for (uint32_t i = 0; i < op->operand_count; i++)
        forms[i] = form_of(&in[i]);
    if (!apply(lower, op, forms, &result) || !ts_view_bounds(lower, &result, &low, &high)) return ts_ok;
    if (dtype != ts_dtype_f32 && !fits(dtype, low, high)) return ts_ok;
    keep(op->results[0], &result);
    *is_done = true;
    return ts_ok;
}
