/* Bounds of what an operand may touch in all trips of all its loops, found from the code without stepping it.
 */
#include "arch/range.h"
#include "clock/clock_core.h"

/* Fills `nest` with a loop (1 + its id; 0: none) and all loops around it. */
static void open_loops(const ts_program *program, uint32_t loop, ts_nesting *nest) {
    if (!loop) return;
    open_loops(program, program->loops.data[loop - 1].parent, nest);
    nest->loop[nest->depth++] = loop - 1;
}

/* Sets the bounds; if they overflow, there are none. */
static void set_bytes(ts_reaches *out, ts_wide lo, ts_wide hi) {
    out->is_known = lo >= INT64_MIN && hi <= INT64_MAX;
    out->lo = (int64_t)lo;
    out->hi = (int64_t)hi;
}

static void set_parts(ts_reaches *out, ts_wide first, ts_wide last) {
    out->is_known = first >= INT32_MIN && last <= INT32_MAX;
    out->first = (int32_t)first;
    out->last = (int32_t)last;
}

ts_reaches ts_reach_find(const ts_clock *clock, const ts_access *access, uint32_t loop) {
    const ts_program *program = clock->program;
    const ts_ap *ap = access->ap;
    ts_reaches out = {.access = access};
    ts_nesting nest = {.program = program};
    int64_t bytes = ts_dtype_get(ap->dtype)->bytes, shift = ts_access_shift(access);
    ts_wide end = ap->space == ts_space_hbm ? (ts_wide)program->tensors.data[ap->tensor].bytes + shift : 0;
    open_loops(program, loop, &nest);
    if (ap->index) {
        set_bytes(&out, shift, end);
        return out;
    }
    ts_form offset, part;
    if (!ts_form_of(&nest, &ap->offset, &offset)) return out;
    ts_wide unit = ap->space == ts_space_hbm ? bytes : 1;
    ts_wide lo = ts_form_min(&nest, &offset) * unit + shift;
    ts_wide hi = ts_form_max(&nest, &offset) * unit + shift + bytes;
    for (int i = 0; i < ap->dims; i++) {
        ts_wide most = (ts_wide)ap->dim[i].step * (ap->dim[i].count.max - 1) * bytes;
        *(most < 0 ? &lo : &hi) += most;
    }
    if (ap->space == ts_space_hbm) {
        /* ragged counts may depend on the offset, but no operand leaves its tensor */
        set_bytes(&out, lo < shift ? shift : lo, hi > end ? end : hi);
        return out;
    }
    set_bytes(&out, lo, hi);
    if (!out.is_known) return out;
    out.is_known = ts_form_of(&nest, &ap->part, &part);
    if (out.is_known)
        set_parts(&out, ts_form_min(&nest, &part), ts_form_max(&nest, &part) + ap->parts.max - 1);
    return out;
}

bool ts_reach_meets(const ts_reaches *a, const ts_reaches *b) {
    const ts_access *x = a->access, *y = b->access;
    if (x->site->storage != y->site->storage || (!x->is_write && !y->is_write)) return false;
    if (!a->is_known || !b->is_known) return true;
    return a->lo < b->hi && b->lo < a->hi && a->first <= b->last && b->first <= a->last;
}
