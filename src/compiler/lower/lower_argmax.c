/* argmax and argmin: the reduction of (value, index) pairs whose region keeps the larger (smaller) value and
   its index, and one index among equal values. NaN counts as the extreme. Lowered as a reduction of the
   values, followed by the least index among the values equal to the result. */
#include "compiler/lower/lower_argmax.h"

#include <math.h>
#include <string.h>

enum { MAX_FREE = 2048, STAGE_MIN = 1024, LANES = 128 };
enum { OUT_INDEX, OUT_VALUE, VALUES, INDICES, VIEWS };
#define FP32_EXACT ((int64_t)1 << 24)

typedef struct search {
    ts_lower *lower;
    ts_builder *b;
    ts_view view[VIEWS]; /* over one space whose last axes are reduced; outputs have stride 0 there */
    bool wants_value;
    ts_alu alu;     /* max or min */
    ts_dtype dtype; /* type of the values */
    ts_dtype wide;  /* type in which they are compared: f32, or 32-bit integers on GpSimdE */
    bool is_word, is_float;
    double identity;
    double past; /* a number larger than every index */
    ts_nest nest;
    int first_reduced;
} search;

static ts_count kept_count(const search *s) {
    const ts_nest *nest = &s->nest;
    return nest->first_free < s->first_reduced ? ts_nest_free(nest, 0, s->first_reduced) : ts_count_const(1);
}

static int64_t chunk_max(const search *s) {
    return ts_nest_max_free(&s->nest, s->first_reduced, s->nest.rank);
}

static ts_tile new_tile(const search *s, bool is_chunk, ts_dtype dtype, int slots) {
    int64_t elems = ts_nest_max_free(&s->nest, 0, is_chunk ? s->nest.rank : s->first_reduced);
    return ts_build_tile(s->b, ts_space_sbuf, ts_nest_max_parts(&s->nest), elems * ts_dtype_get(dtype)->bytes,
                         slots);
}

/* Operand [parts, kept]. */
static ts_ap kept_ap(const search *s, ts_tile tile, ts_dtype dtype) {
    return ts_build_ap(s->b, tile, dtype, ts_nest_parts(&s->nest), kept_count(s));
}

/* Operand [parts, kept, chunk]. */
static ts_ap chunk_ap(const search *s, ts_tile tile, ts_dtype dtype) {
    ts_ap ap = kept_ap(s, tile, dtype);
    ap.dim[0].step = chunk_max(s);
    ts_ap_dim(&ap, 1, ts_nest_free(&s->nest, s->first_reduced, s->nest.rank));
    return ap;
}

/* A [parts, kept] tile, repeated along the chunk. */
static ts_ap repeated_ap(const search *s, ts_tile tile, ts_dtype dtype) {
    ts_ap ap = kept_ap(s, tile, dtype);
    ts_ap_dim(&ap, 0, ts_nest_free(&s->nest, s->first_reduced, s->nest.rank));
    return ap;
}

static void load(search *s, ts_tile tile, const ts_view *view) {
    ts_ap dst = chunk_ap(s, tile, ts_chip_dtype(view->dtype)), src = ts_nest_hbm(&s->nest, view);
    ts_emit_dma(s->b, ts_engine_sync, ts_lower_load_queue(s->lower), &dst, &src);
}

/* best = best op the chunk's values */
static void fold_values(search *s, ts_tile best, ts_tile data) {
    ts_ap acc = kept_ap(s, best, s->wide), source = chunk_ap(s, data, s->dtype);
    if (!s->is_word) {
        ts_ap part = kept_ap(s, new_tile(s, false, s->wide, 2), s->wide);
        ts_emit_reduce(s->b, &part, &source, s->alu, 1);
        ts_emit_tensor_tensor(s->b, ts_engine_vector, &acc, &acc, &part, s->alu);
        return;
    }
    uint32_t loop = ts_build_loop(s->b, source.dim[1].count);
    source.dims = 1;
    source.offset = ts_build_term(s->b, source.offset, ts_dtype_get(s->dtype)->bytes, loop);
    ts_emit_tensor_tensor(s->b, ts_engine_gpsimd, &acc, &acc, &source, s->alu);
    ts_build_end(s->b);
}

/* 1 where a value is the best one, or both are NaN; 0 elsewhere. */
static ts_ap mark_best(search *s, ts_tile best, ts_tile data) {
    ts_ap values = chunk_ap(s, data, s->dtype), extreme = repeated_ap(s, best, s->wide);
    if (s->is_word) {
        ts_ap mark = chunk_ap(s, new_tile(s, true, ts_dtype_i32, 2), ts_dtype_i32);
        ts_emit_tensor_tensor(s->b, ts_engine_gpsimd, &mark, &values, &extreme, ts_alu_is_equal);
        return mark;
    }
    ts_ap mark = chunk_ap(s, new_tile(s, true, ts_dtype_f32, 2), ts_dtype_f32);
    ts_emit_tensor_tensor(s->b, ts_engine_vector, &mark, &values, &extreme, ts_alu_is_equal);
    if (!s->is_float) return mark;
    ts_ap is_nan = chunk_ap(s, new_tile(s, true, ts_dtype_f32, 2), ts_dtype_f32);
    ts_emit_tensor_tensor(s->b, ts_engine_vector, &is_nan, &values, &values, ts_alu_not_equal);
    ts_emit_tensor_tensor(s->b, ts_engine_vector, &mark, &mark, &is_nan, ts_alu_max);
    return mark;
}

/* least = min(least, (index - past) of marked elements, 0 of the others) */
static void fold_indices(search *s, ts_tile least, ts_tile best, ts_tile data) {
    ts_ap mark = mark_best(s, best, data);
    ts_tile tile = new_tile(s, true, ts_dtype_f32, 2);
    ts_ap below = chunk_ap(s, tile, ts_dtype_f32);
    if (s->view[INDICES].kind == ts_view_iota) {
        ts_view shifted = s->view[INDICES];
        shifted.offset -= (int64_t)s->past;
        shifted.dtype = ts_dtype_f32;
        ts_lower_iota(s->lower, &s->nest, tile, &shifted);
    } else {
        ts_dtype dtype = ts_chip_dtype(s->view[INDICES].dtype);
        ts_tile given = new_tile(s, true, dtype, 2);
        load(s, given, &s->view[INDICES]);
        ts_ap from = chunk_ap(s, given, dtype);
        ts_emit_tensor_scalar(s->b, ts_engine_vector, &below, &from, ts_alu_subtract,
                              ts_scalar_const(s->past), false);
    }
    ts_emit_tensor_tensor(s->b, ts_engine_vector, &below, &below, &mark, ts_alu_multiply);
    ts_ap acc = kept_ap(s, least, ts_dtype_f32);
    ts_ap part = kept_ap(s, new_tile(s, false, ts_dtype_f32, 2), ts_dtype_f32);
    ts_emit_reduce(s->b, &part, &below, ts_alu_min, 1);
    ts_emit_tensor_tensor(s->b, ts_engine_vector, &acc, &acc, &part, ts_alu_min);
}

static void store(search *s, const ts_view *view, const ts_ap *src) {
    ts_ap dst = ts_nest_hbm_column(&s->nest, view);
    for (int i = s->nest.first_free; i < s->first_reduced; i++)
        ts_ap_dim(&dst, view->stride[i], ts_nest_axis_count(&s->nest, i));
    ts_emit_dma(s->b, ts_engine_tensor, TS_STORE_QUEUE, &dst, src);
}

static void store_results(search *s, ts_tile best, ts_tile least) {
    ts_dtype dtype = ts_chip_dtype(s->view[OUT_INDEX].dtype);
    ts_ap from = kept_ap(s, least, ts_dtype_f32), index = kept_ap(s, new_tile(s, false, dtype, 2), dtype);
    ts_emit_tensor_scalar(s->b, ts_engine_vector, &index, &from, ts_alu_add, ts_scalar_const(s->past), false);
    store(s, &s->view[OUT_INDEX], &index);
    if (!s->wants_value) return;
    ts_ap value = kept_ap(s, best, s->wide);
    if (s->wide != s->dtype) {
        ts_ap narrow = kept_ap(s, new_tile(s, false, s->dtype, 2), s->dtype);
        ts_emit_copy(s->b, ts_engine_vector, &narrow, &value);
        value = narrow;
    }
    store(s, &s->view[OUT_VALUE], &value);
}

/* Two sweeps over the reduced axes. If these fit one tile, the second sweep finds the values still in
   SBUF. */
static void search_nest(search *s, int kept_rank) {
    ts_nest *nest = &s->nest;
    *nest = ts_nest_plan(s->b, s->view, VIEWS, kept_rank, ts_build_at_most(s->b, MAX_FREE));
    for (s->first_reduced = 0; s->first_reduced < nest->rank && s->view[0].stride[s->first_reduced] != 0;)
        s->first_reduced++;
    bool is_whole = true;
    for (int i = s->first_reduced; i < nest->rank; i++)
        is_whole = is_whole && nest->tile[i] == nest->size[i];
    ts_nest_open(nest, 0, s->first_reduced);
    ts_tile best = new_tile(s, false, s->wide, 1), least = new_tile(s, false, ts_dtype_f32, 1), data = 0;
    ts_ap best_ap = kept_ap(s, best, s->wide), least_ap = kept_ap(s, least, ts_dtype_f32);
    ts_emit_memset(s->b, ts_engine_vector, &best_ap, s->identity);
    ts_emit_memset(s->b, ts_engine_vector, &least_ap, 0);
    for (int sweep = 0; sweep < 2; sweep++) {
        ts_nest_open(nest, s->first_reduced, nest->rank);
        if (sweep == 0 || !is_whole) {
            data = new_tile(s, true, s->dtype, 2);
            load(s, data, &s->view[VALUES]);
        }
        if (sweep == 0)
            fold_values(s, best, data);
        else
            fold_indices(s, least, best, data);
        ts_nest_close(nest, s->first_reduced, nest->rank);
    }
    store_results(s, best, least);
    ts_nest_close(nest, 0, s->first_reduced);
}

/* The number of lanes into which a first stage splits the outermost reduced axis; 0 when one stage is
   enough. */
static int64_t stage_lanes(const search *s, int kept_rank) {
    int64_t kept = 1, reduced = 1;
    for (int i = 0; i < s->view[0].rank; i++)
        *(i < kept_rank ? &kept : &reduced) *= s->view[0].dim[i];
    if (kept >= LANES / 4 || reduced < STAGE_MIN || kept_rank + 1 > TS_MAX_RANK) return 0;
    for (int64_t lanes = LANES; lanes > 1; lanes--)
        if (s->view[0].dim[kept_rank] % lanes == 0) return lanes;
    return 0;
}

static ts_view partial_view(search *s, unsigned dtype, int rank) {
    ts_type type = {.dtype = (uint8_t)dtype, .rank = (uint8_t)rank};
    memcpy(type.dim, s->view[0].dim, (size_t)rank * sizeof *type.dim);
    return ts_view_of_tensor(ts_lower_scratch(s->lower, &type, "partial"), &type);
}

/* Extends a view of the kept axes to the whole space. */
static ts_view spread(const ts_view *kept, const ts_view *space) {
    ts_view view = *kept;
    for (int i = kept->rank; i < space->rank; i++)
        view.stride[i] = 0;
    view.rank = space->rank;
    memcpy(view.dim, space->dim, sizeof view.dim);
    return view;
}

static void run(search *s) {
    int kept = 0;
    ts_views_merge(s->view, VIEWS);
    while (kept < s->view[0].rank && s->view[0].stride[kept] != 0)
        kept++;
    if (kept == s->view[0].rank) { /* every reduced axis has size 1: use one that search_nest can handle */
        for (int v = 0; v < VIEWS; v++) {
            s->view[v].dim[kept] = 1;
            s->view[v].stride[kept] = 0;
            s->view[v].rank++;
        }
    }
    int64_t lanes = stage_lanes(s, kept);
    if (lanes == 0 || s->view[0].rank + 1 > TS_VIEW_RANK) {
        search_nest(s, kept);
        return;
    }
    ts_views_split(s->view, VIEWS, kept, s->view[0].dim[kept] / lanes);
    search stage = *s, last = *s;
    ts_view value = partial_view(s, s->view[VALUES].dtype, kept + 1),
            index = partial_view(s, ts_dtype_i32, kept + 1);
    stage.view[OUT_VALUE] = spread(&value, &s->view[0]);
    stage.view[OUT_INDEX] = spread(&index, &s->view[0]);
    stage.wants_value = true;
    search_nest(&stage, kept + 1);
    int axes[TS_VIEW_RANK];
    for (int i = 0; i <= kept; i++)
        axes[i] = i;
    last.view[OUT_INDEX] = ts_view_permute(&s->view[OUT_INDEX], kept + 1, axes);
    last.view[OUT_VALUE] = ts_view_permute(&s->view[OUT_VALUE], kept + 1, axes);
    last.view[VALUES] = value;
    last.view[INDICES] = index;
    search_nest(&last, kept);
}

static ts_status refuse(ts_lower *lower, const ts_op_node *op, const char *what, const char *remedy) {
    ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "%s", what);
    ts_diag_remedy(lower->diag, "%s", remedy);
    return ts_unsupported;
}

/* Finds the neutral value; returns whether `init` is that value. */
static bool find_identity(search *s, const ts_view *init) {
    const ts_dtype_info *info = ts_dtype_get(s->dtype);
    bool is_signed = info->kind == 's', is_max = s->alu == ts_alu_max;
    double low = is_signed ? -ldexp(1, info->bytes * 8 - 1) : 0;
    double high = ldexp(1, info->bytes * 8 - is_signed) - 1;
    s->identity = s->is_float ? (is_max ? -INFINITY : INFINITY) : is_max ? low : high;
    if (s->view[VALUES].dtype == ts_dtype_i1) s->identity = is_max ? 0 : 1;
    return init->kind == ts_view_splat && init->value == s->identity;
}

static ts_status read_operands(search *s, const ts_op_node *op, ts_view *init) {
    TS_TRY(ts_lower_tensor(s->lower, op->operands[0], &s->view[VALUES]));
    TS_TRY(ts_lower_view(s->lower, op->operands[1], &s->view[INDICES]));
    for (uint32_t i = 0; i < 2; i++)
        TS_TRY(ts_lower_view(s->lower, op->operands[2 + i], &init[i]));
    return ts_ok;
}

/* Checks the indices and finds a number larger than all of them. */
static ts_status check_indices(search *s, const ts_op_node *op) {
    ts_view *indices = &s->view[INDICES];
    if (indices->kind == ts_view_splat) { /* indices along an axis of size 1 */
        indices->kind = ts_view_iota;
        indices->offset = (int64_t)indices->value;
        memset(indices->stride, 0, sizeof indices->stride);
    }
    if (indices->kind != ts_view_iota || indices->offset != 0 || ts_view_is_shifted(indices))
        return refuse(s->lower, op, "argmax over indices that are not an iota",
                      "use jnp.argmax or jnp.argmin");
    for (int i = 0; i < op->operands[0]->type.rank; i++) {
        int64_t step = indices->stride[i];
        if (step < 0)
            return refuse(s->lower, op, "argmax over a reversed iota", "use jnp.argmax or jnp.argmin");
        s->past += (double)((indices->dim[i] - 1) * step);
    }
    s->past += 1;
    if (s->past >= (double)FP32_EXACT)
        return refuse(s->lower, op, "argmax over 2^24 or more elements", "split the axis");
    return ts_ok;
}

/* Kept axes first, then reduced ones. */
static void order_axes(const ts_op_node *op, int *perm) {
    int64_t dims[TS_MAX_RANK];
    bool is_reduced[TS_MAX_RANK] = {0};
    int at = 0, count = 0, rank = op->operands[0]->type.rank;
    if (!ts_op_ints(op, "dimensions", dims, TS_MAX_RANK, &count)) count = 0;
    for (int i = 0; i < count; i++)
        is_reduced[dims[i]] = true;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < rank; i++)
            if (is_reduced[i] == (pass == 1)) perm[at++] = i;
}

/* Makes the results' views. Without elements to reduce they get the initial values. */
static ts_status make_results(search *s, ts_op_node *op, const ts_view *init, bool is_empty) {
    s->wants_value = ((ts_lowered *)op->results[0]->note)->uses > 0;
    for (uint32_t i = s->wants_value ? 0 : 1; i < 2; i++) {
        ts_lower_result(s->lower, op->results[i]);
        ts_view *out = &((ts_lowered *)op->results[i]->note)->view;
        ts_view fill = ts_view_of_splat(out->dtype, init[i].value, &op->results[i]->type);
        if (is_empty) TS_TRY(ts_lower_copy(s->lower, out, &fill));
        s->view[i == 0 ? OUT_VALUE : OUT_INDEX] = *out;
    }
    if (!s->wants_value) s->view[OUT_VALUE] = s->view[OUT_INDEX];
    return ts_ok;
}

ts_status ts_lower_argmax(ts_lower *lower, ts_op_node *op) {
    search s = {.lower = lower, .b = &lower->b, .dtype = ts_chip_dtype(op->operands[0]->type.dtype)};
    ts_view init[2];
    s.is_word = s.dtype == ts_dtype_i32 || s.dtype == ts_dtype_u32;
    s.is_float = ts_dtype_get(s.dtype)->kind == 'f';
    s.wide = s.is_word ? s.dtype : ts_dtype_f32;
    if (op->operand_count != 4 || !ts_region_argmax(op->regions[0], s.is_float, &s.alu))
        return refuse(lower, op, "a reduction of several arrays that is not argmax or argmin",
                      "reduce one array at a time");
    TS_TRY(read_operands(&s, op, init));
    TS_TRY(check_indices(&s, op));
    if (!find_identity(&s, &init[0]) || init[1].kind != ts_view_splat || init[1].value != 0)
        return refuse(lower, op, "argmax from a start that is not the least value and index 0",
                      "use jnp.argmax or jnp.argmin");
    bool is_empty = ts_type_elems(&op->operands[0]->type) == 0;
    TS_TRY(make_results(&s, op, init, is_empty));
    if (is_empty) return ts_ok;
    int perm[TS_VIEW_RANK];
    order_axes(op, perm);
    for (int v = VALUES; v < VIEWS; v++)
        s.view[v] = ts_view_permute(&s.view[v], op->operands[0]->type.rank, perm);
    for (int v = 0; v < VALUES; v++)
        s.view[v] = spread(&s.view[v], &s.view[VALUES]);
    run(&s);
    return ts_ok;
}
