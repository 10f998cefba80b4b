/* Whether two operands share a byte, the question behind every dependence. Each operand is a set of runs of
   bytes at base + sum step_d * i_d. Outer steps are enumerated only where the rest can meet; two single
   strides are decided by their common period. */
#include <string.h>

#include "arch/program.h"
#include "base/integer.h"

/* Pairs of positions tried before the answer becomes "perhaps". The first is far above what patterns of up to
   two strided dimensions need; the second bounds the work for others. */
enum { TRIES_EXACT = 1 << 24, TRIES_DEEP = 1 << 14 };

/* Runs of `width` bytes at base + sum step[d] * [0, count[d]), with positive, descending steps. */
typedef struct pattern {
    int dims;
    int64_t base, width;
    int64_t step[TS_AP_DIMS], count[TS_AP_DIMS];
    int64_t span[TS_AP_DIMS + 1]; /* bytes from the first to the last run of dimensions d and inner */
} pattern;

static void add_dim(pattern *p, int64_t step, int64_t count) {
    int at = p->dims++;
    while (at > 0 && p->step[at - 1] < step) {
        p->step[at] = p->step[at - 1];
        p->count[at] = p->count[at - 1];
        at--;
    }
    p->step[at] = step;
    p->count[at] = count;
}

/* Merges dimensions: inner steps that leave no gap widen the run, and a dimension that continues the next
   inner one lengthens that one. */
static void join(pattern *p) {
    while (p->dims > 0 && p->step[p->dims - 1] <= p->width) {
        p->dims--;
        p->width += p->step[p->dims] * (p->count[p->dims] - 1);
    }
    for (int i = p->dims - 2; i >= 0; i--) {
        if (p->step[i] != p->step[i + 1] * p->count[i + 1]) continue;
        p->step[i] = p->step[i + 1];
        p->count[i] *= p->count[i + 1];
        p->dims--;
        for (int j = i + 1; j < p->dims; j++) {
            p->step[j] = p->step[j + 1];
            p->count[j] = p->count[j + 1];
        }
    }
    p->span[p->dims] = p->width;
    for (int i = p->dims - 1; i >= 0; i--)
        p->span[i] = p->span[i + 1] + p->step[i] * (p->count[i] - 1);
}

/* Makes the pattern of an operand. False when the operand has no element. */
static bool pattern_of(const ts_ref *ref, pattern *p) {
    int64_t bytes = ts_dtype_get(ref->dtype)->bytes;
    memset(p, 0, sizeof *p);
    p->base = ref->offset;
    p->width = bytes;
    if (ref->parts <= 0) return false;
    for (int i = 0; i < ref->dims; i++) {
        int64_t step = ref->step[i] * bytes, count = ref->count[i];
        if (count <= 0) return false;
        if (step < 0) {
            p->base += step * (count - 1);
            step = -step;
        }
        if (count > 1 && step > 0) add_dim(p, step, count);
    }
    join(p);
    return true;
}

/* The range of counters of dimension i of p, with the pattern based at `base`, whose inner dimensions can
   meet [from, to). */
static void meeting(const pattern *p, int i, int64_t base, int64_t from, int64_t to, int64_t *first,
                    int64_t *last) {
    *first = ts_floor_div(from - base - p->span[i + 1], p->step[i]) + 1;
    *last = ts_floor_div(to - 1 - base, p->step[i]);
    if (*first < 0) *first = 0;
    if (*last > p->count[i] - 1) *last = p->count[i] - 1;
}

/* Whether two patterns of a single stride meet. Away from the ends of q, whether a run of p meets a run of q
   depends only on p's counter modulo the period, so one period and the ends decide. */
static bool strides_meet(const pattern *p, int64_t p_base, const pattern *q, int64_t q_base, int64_t *tries) {
    const int i = p->dims - 1, j = q->dims - 1;
    int64_t first, last;
    meeting(p, i, p_base, q_base, q_base + q->span[j], &first, &last);
    int64_t period = q->step[j] / ts_gcd(p->step[i], q->step[j]);
    int64_t edge = (p->width + q->width) / p->step[i] + 2;
    if (last - first > period + 2 * edge) last = first + period + 2 * edge;
    for (int64_t k = first; k <= last; k++) {
        if ((*tries)-- <= 0) return true;
        int64_t start = p_base + k * p->step[i] - q_base, from, to;
        from = ts_floor_div(start - q->width, q->step[j]) + 1;
        to = ts_floor_div(start + p->width - 1, q->step[j]);
        if (from < 0) from = 0;
        if (to > q->count[j] - 1) to = q->count[j] - 1;
        if (from <= to) return true;
    }
    return false;
}

static bool meet(const pattern *a, int i, int64_t a_base, const pattern *b, int j, int64_t b_base,
                 int64_t *tries) {
    if (a_base + a->span[i] <= b_base || b_base + b->span[j] <= a_base) return false;
    if (i == a->dims && j == b->dims) return true;
    if (i == a->dims - 1 && j == b->dims - 1) {
        bool is_a = a->count[i] <= b->count[j];
        return is_a ? strides_meet(a, a_base, b, b_base, tries) : strides_meet(b, b_base, a, a_base, tries);
    }
    if (i == a->dims || (j < b->dims && b->step[j] > a->step[i])) {
        const pattern *other = a;
        int64_t other_base = a_base;
        int other_dim = i;
        a = b, a_base = b_base, i = j;
        b = other, b_base = other_base, j = other_dim;
    }
    int64_t first, last;
    meeting(a, i, a_base, b_base, b_base + b->span[j], &first, &last);
    for (int64_t k = first; k <= last; k++) {
        if ((*tries)-- <= 0) return true;
        if (meet(a, i + 1, a_base + k * a->step[i], b, j, b_base, tries)) return true;
    }
    return false;
}

bool ts_ref_overlap(const ts_ref *a, const ts_ref *b, bool *is_exact) {
    pattern p, q;
    *is_exact = true;
    if (a->space != b->space || a->space == ts_space_none) return false;
    if (a->space == ts_space_hbm) {
        if (a->tensor != b->tensor) return false;
    } else if (a->part + a->parts <= b->part || b->part + b->parts <= a->part) {
        return false;
    }
    if (!pattern_of(a, &p) || !pattern_of(b, &q)) return false;
    if (a->index || b->index) return true; /* the index may select any part of the tensor */
    int64_t tries = p.dims <= 2 && q.dims <= 2 ? TRIES_EXACT : TRIES_DEEP;
    bool is_met = meet(&p, 0, p.base, &q, 0, q.base, &tries);
    *is_exact = tries >= 0;
    return is_met;
}
