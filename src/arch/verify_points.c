/* Enumerates the points of the open loops, for rules that affine forms alone do not decide. */
#include <stdio.h>

#include "arch/verify.h"

static void mark_affine(ts_verifier *v, const ts_affine *affine) {
    for (uint32_t i = 0; i < affine->term_count; i++)
        v->matters[v->program->terms.data[affine->first_term + i].loop] = true;
    if (affine->rotation) mark_affine(v, &v->program->rotations.data[affine->rotation - 1].index);
}

static void mark_count(ts_verifier *v, const ts_count *count) {
    if (count->is_ragged) mark_affine(v, &count->limit);
}

static void mark_ap(ts_verifier *v, const ts_ap *ap) {
    mark_affine(v, &ap->part);
    mark_affine(v, &ap->offset);
    mark_count(v, &ap->parts);
    for (int i = 0; i < ap->dims; i++)
        mark_count(v, &ap->dim[i].count);
    if (ap->space == ts_space_hbm && ap->index) mark_ap(v, &v->program->indices.data[ap->index - 1]);
}

/* Marks the loops whose counters change an operand. Of the others only the first trip is visited, since a
   loop that data ends has no useful bound. */
static void mark_loops(ts_verifier *v) {
    const ts_op_info *info = ts_op_get(v->inst->op);
    for (int i = 0; i < v->nest.depth; i++)
        v->matters[v->nest.loop[i]] = false;
    for (int i = 0; i < info->field_count; i++) {
        bool is_write;
        const ts_ap *ap = ts_inst_ap((ts_inst *)(uintptr_t)v->inst, &info->fields[i], &is_write);
        if (ap) mark_ap(v, ap);
    }
    for (int i = v->nest.depth; i-- > 0;) {
        const ts_count *trip = &v->program->loops.data[v->nest.loop[i]].trip;
        if (trip->is_ragged) v->matters[v->nest.loop[i]] = true; /* it may have no trip at all */
        mark_count(v, trip);
    }
}

static ts_points visit(ts_verifier *v, int depth, ts_point_test *test, const void *context) {
    if (depth == v->nest.depth) {
        if (v->points_left-- <= 0) return ts_points_too_many;
        return test(v, context) ? ts_points_hold : ts_points_fail;
    }
    uint32_t loop = v->nest.loop[depth];
    int64_t trips = ts_count_value(v->program, &v->program->loops.data[loop].trip, v->counters);
    if (!v->matters[loop] && trips > 1) trips = 1;
    for (int64_t i = 0; i < trips; i++) {
        if (v->points_left-- <= 0) return ts_points_too_many;
        v->counters[loop] = i;
        ts_points points = visit(v, depth + 1, test, context);
        if (points != ts_points_hold) return points;
    }
    return ts_points_hold;
}

ts_points ts_verify_points(ts_verifier *v, ts_point_test *test, const void *context) {
    mark_loops(v);
    return visit(v, 0, test, context);
}

void ts_verify_point_text(const ts_verifier *v, char *text, size_t size) {
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < v->nest.depth && used < size; i++) {
        uint32_t loop = v->nest.loop[i];
        int length = snprintf(text + used, size - used, "%s%%%u=%lld", i ? " " : " at ", loop,
                              (long long)v->counters[loop]);
        used += length > 0 ? (size_t)length : 0;
    }
}
