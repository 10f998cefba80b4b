/* How a group's values lie in SBUF and PSUM, and the operands by which instructions access them. */
#include "compiler/lower/pointwise.h"

uint32_t ts_pointwise_all_axes(const ts_emitter *e) {
    return ((1u << e->nest.rank) - 1) & ~((1u << e->nest.first_free) - 1);
}

/* Adjacent axes that a form holds, or along which it repeats. */
typedef struct axis_run {
    int axis; /* the outermost one; only its count may be ragged */
    int64_t inner, step;
    bool is_held;
} axis_run;

/* Builds an operand over `axes` of the nest, without the fixed ones. No dimension merges axes on both sides
   of `border`; returns the number of dimensions inside it. */
static int form_ap(const ts_emitter *e, const ts_value_form *form, uint32_t axes, int border, ts_ap *ap) {
    const ts_nest *nest = &e->nest;
    *ap = ts_build_ap(e->b, form->tile, form->dtype, ts_nest_parts(nest), ts_count_const(1));
    axis_run run[TS_VIEW_RANK];
    int runs = 0, inside = 0, last_fixed = TS_VIEW_RANK;
    int64_t dense = 1, bytes = ts_dtype_get(form->dtype)->bytes;
    ap->offset.base += form->start * bytes;
    for (int i = nest->rank; i-- > nest->first_free;) {
        bool is_held = form->axes >> i & 1;
        int64_t step = !is_held ? 0 : form->stride ? form->stride[i] : dense;
        if (is_held) dense *= nest->tile[i];
        if (e->fixed >> i & 1) {
            if (is_held && nest->tile[i] > 1)
                ap->offset = ts_build_term(e->b, ap->offset, step * bytes, e->fixed_loop[i]);
            last_fixed = i;
            continue;
        }
        if (!(axes >> i & 1)) continue;
        const axis_run last = runs > 0 ? run[runs - 1] : (axis_run){.axis = TS_VIEW_RANK};
        int64_t inner = 1;
        if (last.axis < last_fixed && last.is_held == is_held && i + 1 != border &&
            step == last.step * last.inner * nest->tile[last.axis]) {
            runs--;
            inner = last.inner * nest->tile[last.axis];
            step = last.step;
        }
        run[runs++] = (axis_run){i, inner, step, is_held};
        if (i >= border) inside = runs;
    }
    if (runs == 0) return 0;
    ap->dims = inside == runs; /* a dimension of one element in front of the reduced ones */
    while (runs-- > 0)
        ts_ap_dim(ap, run[runs].step, ts_nest_axis_times(nest, run[runs].axis, run[runs].inner));
    return inside;
}

ts_ap ts_pointwise_ap(const ts_emitter *e, const ts_value_form *form) {
    ts_ap ap;
    form_ap(e, form, e->axes, TS_VIEW_RANK, &ap);
    return ap;
}

ts_ap ts_pointwise_column(const ts_emitter *e, const ts_value_form *form) {
    ts_ap ap;
    form_ap(e, form, 0, TS_VIEW_RANK, &ap);
    return ap;
}

ts_ap ts_pointwise_reduced_ap(const ts_emitter *e, const ts_value_form *form, int *reduced) {
    ts_ap ap;
    *reduced = form_ap(e, form, ts_pointwise_all_axes(e), e->first_reduced, &ap);
    return ap;
}

uint32_t ts_pointwise_row_axes(const ts_emitter *e) {
    return ts_pointwise_all_axes(e) & ((1u << e->first_reduced) - 1);
}

ts_value_form ts_pointwise_tile(ts_emitter *e, unsigned dtype, int slots) {
    ts_value_form form = {.kind = e->axes ? ts_form_tile : ts_form_column, .dtype = ts_chip_dtype(dtype)};
    int64_t bytes = ts_dtype_get(form.dtype)->bytes;
    for (int i = 0; i < e->nest.rank; i++)
        if (e->axes >> i & 1) bytes *= e->nest.tile[i];
    form.axes = e->axes;
    form.tile = ts_build_tile(e->b, ts_space_sbuf, ts_nest_max_parts(&e->nest), bytes, slots);
    return form;
}

/* ---- loops over single positions ---- */

int64_t ts_pointwise_elems(const ts_emitter *e, uint32_t axes) {
    int64_t elems = 1;
    for (int i = e->nest.first_free; i < e->nest.rank; i++)
        if (axes >> i & 1) elems *= e->nest.tile[i];
    return elems;
}

bool ts_pointwise_can_fix(const ts_emitter *e, uint32_t axes) {
    int depth = e->b->depth;
    for (int i = e->nest.first_free; i < e->nest.rank; i++)
        depth += axes >> i & 1 && e->nest.tile[i] > 1;
    return depth <= TS_MAX_LOOP_DEPTH;
}

void ts_pointwise_fix(ts_emitter *e, uint32_t axes) {
    for (int i = e->nest.first_free; i < e->nest.rank; i++)
        if (axes >> i & 1 && e->nest.tile[i] > 1)
            e->fixed_loop[i] = ts_build_loop(e->b, ts_nest_axis_count(&e->nest, i));
    e->fixed = axes;
}

void ts_pointwise_release(ts_emitter *e) {
    for (int i = e->nest.first_free; i < e->nest.rank; i++)
        if (e->fixed >> i & 1 && e->nest.tile[i] > 1) ts_build_end(e->b);
    e->fixed = 0;
}
