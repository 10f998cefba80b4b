/* Bounds of affine forms and operands over a nest of loops, and equality of ragged counts. */
#include "arch/range.h"

#include <string.h>

/* Forms with larger numbers are not substituted into others, so that 128 bits hold every sum. */
#define WIDE_LIMIT ((ts_wide)1 << 100)

static ts_wide size_of(ts_wide value) {
    return value < 0 ? -value : value;
}

static int depth_of(const ts_nesting *nest, uint32_t loop) {
    for (int i = nest->depth; i-- > 0;)
        if (nest->loop[i] == loop) return i;
    return -1;
}

static const ts_count *trip_of(const ts_nesting *nest, int depth) {
    return &nest->program->loops.data[nest->loop[depth]].trip;
}

/* Highest counter of a loop. A loop without trips counts as having one, which only widens bounds. */
static ts_wide last_of(const ts_nesting *nest, int depth) {
    int32_t trips = trip_of(nest, depth)->max;
    return trips > 0 ? trips - 1 : 0;
}

static bool is_sane(int64_t value) {
    return value >= -TS_RANGE_LIMIT && value <= TS_RANGE_LIMIT;
}

static bool add_terms(const ts_nesting *nest, const ts_affine *affine, ts_form *form) {
    memset(form, 0, sizeof *form);
    if (!is_sane(affine->base)) return false;
    form->base = affine->base;
    ts_wide total = size_of(form->base);
    for (uint32_t i = 0; i < affine->term_count; i++) {
        const ts_term *term = &nest->program->terms.data[affine->first_term + i];
        int depth = depth_of(nest, term->loop);
        if (depth < 0 || !is_sane(term->coef)) return false;
        form->coef[depth] += term->coef;
        total += size_of(term->coef) * last_of(nest, depth);
    }
    return total <= TS_RANGE_LIMIT;
}

bool ts_form_of(const ts_nesting *nest, const ts_affine *affine, ts_form *form) {
    if (!add_terms(nest, affine, form)) return false;
    if (affine->rotation == 0) return true;
    const ts_rotation *rotation = &nest->program->rotations.data[affine->rotation - 1];
    ts_form index;
    if (!add_terms(nest, &rotation->index, &index) || !is_sane(rotation->step)) return false;
    ts_wide first = ts_form_min(nest, &index), last = ts_form_max(nest, &index);
    if (first < 0 || last >= rotation->count) {
        first = 0;
        last = rotation->count - 1;
    }
    ts_wide a = first * rotation->step, b = last * rotation->step;
    form->low = a < b ? a : b;
    form->high = a < b ? b : a;
    return form->low >= -TS_RANGE_LIMIT && form->high <= TS_RANGE_LIMIT;
}

void ts_form_add(ts_form *form, const ts_form *other, ts_wide factor) {
    form->base += factor * other->base;
    form->low += factor * (factor < 0 ? other->high : other->low);
    form->high += factor * (factor < 0 ? other->low : other->high);
    for (int i = 0; i < TS_MAX_LOOP_DEPTH; i++)
        form->coef[i] += factor * other->coef[i];
}

static bool is_small(const ts_form *form) {
    bool is = size_of(form->base) < WIDE_LIMIT && size_of(form->low) < WIDE_LIMIT &&
              size_of(form->high) < WIDE_LIMIT;
    for (int i = 0; i < TS_MAX_LOOP_DEPTH; i++)
        is &= size_of(form->coef[i]) < WIDE_LIMIT;
    return is;
}

/* Upper bound of the form: eliminates its loops from the innermost (below `depth`) to the outermost. A ragged
   trip count bounds its counter in two ways; both hold, so the lower result counts. `splits` limits how often
   both are tried. */
static ts_wide eliminate(const ts_nesting *nest, ts_form form, int depth, int splits) {
    while (depth-- > 0) {
        ts_wide coef = form.coef[depth];
        if (coef <= 0) continue; /* the maximum is at counter 0 */
        const ts_count *trip = trip_of(nest, depth);
        ts_form other = form, limit;
        form.base += coef * last_of(nest, depth);
        form.coef[depth] = 0;
        if (!trip->is_ragged || splits == 0 || !ts_form_of(nest, &trip->limit, &limit)) continue;
        other.coef[depth] = 0;
        if (coef >= (ts_wide)1 << 50) continue;
        ts_form_add(&other, &limit, coef);
        other.base -= coef;
        if (!is_small(&other)) continue;
        ts_wide a = eliminate(nest, form, depth, splits - 1), b = eliminate(nest, other, depth, splits - 1);
        return a < b ? a : b;
    }
    return form.base + form.high;
}

ts_wide ts_form_max(const ts_nesting *nest, const ts_form *form) {
    return eliminate(nest, *form, nest->depth, 3);
}

ts_wide ts_form_min(const ts_nesting *nest, const ts_form *form) {
    ts_form negative = {0};
    ts_form_add(&negative, form, -1);
    return -ts_form_max(nest, &negative);
}

/* The highest value: every ragged count is bounded by its maximum and by its limit, and all combinations are
   tried. */
static bool reach_up(const ts_nesting *nest, const ts_form *start, const ts_span *spans, int count,
                     ts_wide *high) {
    ts_form limit[TS_MAX_SPANS];
    int ragged[TS_MAX_SPANS], ragged_count = 0;
    ts_form form = *start;
    for (int i = 0; i < count; i++) {
        const ts_count *n = spans[i].count;
        if (!is_sane(spans[i].step)) return false;
        if (n->is_ragged && !ts_form_of(nest, &n->limit, &limit[ragged_count])) return false;
        if (spans[i].step <= 0) continue;
        if (n->is_ragged) {
            limit[ragged_count].base -= 1;
            ragged[ragged_count++] = i;
        } else if (n->max > 0) {
            form.base += (ts_wide)spans[i].step * (n->max - 1);
        }
    }
    bool is_first = true;
    for (int choice = 0; choice < 1 << ragged_count; choice++) {
        ts_form sum = form;
        for (int i = 0; i < ragged_count; i++) {
            const ts_span *span = &spans[ragged[i]];
            if (choice >> i & 1)
                ts_form_add(&sum, &limit[i], span->step);
            else if (span->count->max > 0)
                sum.base += (ts_wide)span->step * (span->count->max - 1);
        }
        ts_wide value = ts_form_max(nest, &sum);
        if (is_first || value < *high) *high = value;
        is_first = false;
    }
    return true;
}

/* Fast path for instructions outside of loops, which most of a kernel's are: every count is a number. False
   when the path does not apply. */
static bool reach_at_once(const ts_nesting *nest, ts_wide down, ts_wide up, const ts_span *spans, int count,
                          ts_wide *low, ts_wide *high) {
    if (nest->depth > 0) return false;
    for (int i = 0; i < count; i++) {
        if (spans[i].count->is_ragged || !is_sane(spans[i].step)) return false;
        ts_wide reach = spans[i].count->max > 0 ? (ts_wide)spans[i].step * (spans[i].count->max - 1) : 0;
        *(reach < 0 ? &down : &up) += reach;
    }
    *low = down;
    *high = up;
    return true;
}

bool ts_reach(const ts_nesting *nest, const ts_form *start, const ts_span *spans, int count, ts_wide *low,
              ts_wide *high) {
    if (reach_at_once(nest, start->base + start->low, start->base + start->high, spans, count, low, high))
        return true;
    ts_span mirror[TS_MAX_SPANS];
    ts_form negative = {0};
    if (!reach_up(nest, start, spans, count, high)) return false;
    ts_form_add(&negative, start, -1);
    for (int i = 0; i < count; i++)
        mirror[i] = (ts_span){.step = -spans[i].step, .count = spans[i].count};
    if (!reach_up(nest, &negative, mirror, count, low)) return false;
    *low = -*low;
    return true;
}

bool ts_reach_from(const ts_nesting *nest, const ts_affine *start, const ts_span *spans, int count,
                   ts_wide *low, ts_wide *high) {
    ts_form form;
    if (ts_affine_is_constant(start) && is_sane(start->base) &&
        reach_at_once(nest, start->base, start->base, spans, count, low, high))
        return true;
    return ts_form_of(nest, start, &form) && ts_reach(nest, &form, spans, count, low, high);
}

/* ---- products of counts ---- */

typedef struct factor {
    int64_t max;
    ts_form limit;
} factor;

typedef struct product {
    ts_wide constant;
    int count;
    factor ragged[TS_AP_DIMS + 1];
} product;

static ts_wide gcd(ts_wide a, ts_wide b) {
    a = size_of(a);
    b = size_of(b);
    while (b) {
        ts_wide rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Writes min(max, limit) as unit * min(max / unit, limit / unit). A limit that never applies leaves a
   constant. */
static bool add_factor(const ts_nesting *nest, const ts_count *count, product *p) {
    ts_form limit;
    if (!count->is_ragged) {
        p->constant *= count->max;
        return p->constant < (ts_wide)1 << 90;
    }
    if (!ts_form_of(nest, &count->limit, &limit)) return false;
    if (ts_form_min(nest, &limit) >= count->max) {
        p->constant *= count->max;
        return p->constant < (ts_wide)1 << 90;
    }
    ts_wide unit = gcd(count->max, limit.base);
    if (limit.low != 0 || limit.high != 0) unit = 1;
    for (int i = 0; i < TS_MAX_LOOP_DEPTH; i++)
        unit = gcd(unit, limit.coef[i]);
    if (unit == 0) unit = 1;
    factor *f = &p->ragged[p->count++];
    f->max = (int64_t)(count->max / unit);
    limit.base /= unit;
    for (int i = 0; i < TS_MAX_LOOP_DEPTH; i++)
        limit.coef[i] /= unit;
    f->limit = limit;
    p->constant *= unit;
    return p->constant < (ts_wide)1 << 90;
}

static bool same_form(const ts_form *a, const ts_form *b) {
    bool is = a->base == b->base && a->low == b->low && a->high == b->high;
    for (int i = 0; i < TS_MAX_LOOP_DEPTH; i++)
        is &= a->coef[i] == b->coef[i];
    return is && a->low == 0 && a->high == 0; /* rotations with equal ranges need not have equal values */
}

static bool are_equal(const ts_nesting *nest, const ts_count *const *a, int a_count, const ts_count *const *b,
                      int b_count) {
    product x = {.constant = 1}, y = {.constant = 1};
    if (a_count > TS_AP_DIMS + 1 || b_count > TS_AP_DIMS + 1) return false;
    for (int i = 0; i < a_count; i++)
        if (!add_factor(nest, a[i], &x)) return false;
    for (int i = 0; i < b_count; i++)
        if (!add_factor(nest, b[i], &y)) return false;
    if (x.constant != y.constant || x.count != y.count) return false;
    for (int i = 0; i < x.count; i++) {
        int j = i;
        while (j < y.count &&
               (y.ragged[j].max != x.ragged[i].max || !same_form(&y.ragged[j].limit, &x.ragged[i].limit)))
            j++;
        if (j == y.count) return false;
        factor found = y.ragged[j];
        y.ragged[j] = y.ragged[i];
        y.ragged[i] = found;
    }
    return true;
}

/* The product of counts that are plain numbers; -1 when some are not, or the product overflows. */
static int64_t plain_product(const ts_count *const *counts, int count) {
    int64_t value = 1;
    for (int i = 0; i < count; i++)
        if (counts[i]->is_ragged || counts[i]->max < 0 ||
            __builtin_mul_overflow(value, (int64_t)counts[i]->max, &value))
            return -1;
    return value;
}

bool ts_products_equal(const ts_nesting *nest, const ts_count *const *a, int a_count,
                       const ts_count *const *b, int b_count) {
    int64_t one = plain_product(a, a_count), other = plain_product(b, b_count);
    if (one >= 0 && other >= 0) return one == other;
    return are_equal(nest, a, a_count, b, b_count);
}
