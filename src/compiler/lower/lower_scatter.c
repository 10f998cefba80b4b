/* scatter: copies the operand to the result, unless the result can take its place, then stores rows of
   updates there or combines them with the old rows. Repeated rows are combined one after the other, in the
   order of the updates. */
#include "compiler/lower/lower_scatter.h"

#include <string.h>

#include "compiler/lower/home.h"

enum { PARTITIONS = 128, MAX_FREE = 2048, DISTINCT_SLOWDOWN = 4 };

static ts_status refuse(const ts_scatter *s, const char *what, const char *remedy) {
    ts_op_fail(s->x.lower->module, s->op, s->x.lower->diag, ts_unsupported, "%s", what);
    ts_diag_remedy(s->x.lower->diag, "%s", remedy);
    return ts_unsupported;
}

/* Sets the strides over the updates' axes and the targets of the starts. False when a window is larger than
   the operand. */
static bool lay_out(ts_scatter *s, const ts_view *result, const ts_view *index) {
    ts_indexed *x = &s->x;
    int64_t window[TS_MAX_RANK], inserted[TS_MAX_RANK], batching[TS_MAX_RANK], index_batching[TS_MAX_RANK];
    int64_t map[TS_MAX_RANK], size[TS_MAX_RANK];
    int windows = ts_index_dims(s->op, "update_window_dims", window);
    int inserteds = ts_index_dims(s->op, "inserted_window_dims", inserted);
    int batches = ts_index_dims(s->op, "input_batching_dims", batching);
    ts_index_dims(s->op, "scatter_indices_batching_dims", index_batching);
    int64_t vector_axis = ts_op_int(s->op, "index_vector_dim", 0);
    ts_view *into = &x->view[TS_INDEXED], *starts = &x->view[TS_INDEX];
    int axis = 0, row = 0;
    for (int i = 0; i < result->rank; i++)
        size[i] = 1;
    for (int i = 0; i < into->rank; i++) {
        into->stride[i] = starts->stride[i] = 0;
        into->dim[i] = starts->dim[i] = x->view[TS_PLAIN].dim[i];
        if (ts_index_has(window, windows, i)) {
            while (ts_index_has(inserted, inserteds, axis) || ts_index_has(batching, batches, axis))
                axis++;
            size[axis] = into->dim[i];
            into->stride[i] = result->stride[axis++];
            continue;
        }
        starts->stride[i] = index->stride[row];
        for (int k = 0; k < batches; k++)
            if (index_batching[k] - (index_batching[k] > vector_axis) == row)
                into->stride[i] += result->stride[batching[k]];
        row++;
    }
    ts_index_dims(s->op, "scatter_dims_to_operand_dims", map);
    for (int k = 0; k < x->start_count; k++) {
        x->start[k].limit = result->dim[map[k]] - size[map[k]];
        x->start[k].stride = result->stride[map[k]];
        if (x->start[k].limit < 0) return false;
    }
    return true;
}

/* ---- combining in SBUF ---- */

static bool is_word(ts_dtype dtype) {
    return dtype == ts_dtype_i32 || dtype == ts_dtype_u32;
}

/* Narrow integers: sums and products are computed in words, whose low bytes are the wrapped result. */
static bool wraps_narrow(const ts_scatter *s, ts_dtype dtype) {
    bool is_arithmetic = s->alu == ts_alu_add || s->alu == ts_alu_subtract || s->alu == ts_alu_multiply;
    return is_arithmetic && ts_dtype_get(dtype)->kind != 'f' && !is_word(dtype);
}

static ts_ap tile_ap(const ts_scatter *s, ts_tile tile, ts_dtype dtype) {
    return ts_build_ap(&s->x.lower->b, tile, dtype, ts_nest_parts(&s->x.nest),
                       ts_nest_free(&s->x.nest, 0, s->x.nest.rank));
}

static ts_tile new_tile(const ts_scatter *s, ts_dtype dtype) {
    const ts_nest *nest = &s->x.nest;
    return ts_build_tile(&s->x.lower->b, ts_space_sbuf, ts_nest_max_parts(nest),
                         ts_nest_max_free(nest, 0, nest->rank) * ts_dtype_get(dtype)->bytes, 2);
}

/* old = old op update; both are [parts, free] tiles of the dtype. */
static void combine(ts_scatter *s, ts_dtype dtype, ts_tile old, ts_tile update) {
    ts_builder *b = &s->x.lower->b;
    ts_ap a = tile_ap(s, old, dtype), u = tile_ap(s, update, dtype);
    if (!wraps_narrow(s, dtype)) {
        bool is_exact = is_word(dtype) && ts_alu_kind(s->alu) != 'b';
        ts_emit_tensor_tensor(b, is_exact ? ts_engine_gpsimd : ts_engine_vector, &a, &a, &u, s->alu);
        return;
    }
    ts_tile wide_old = new_tile(s, ts_dtype_i32), wide_update = new_tile(s, ts_dtype_i32);
    ts_ap wa = tile_ap(s, wide_old, ts_dtype_i32), wu = tile_ap(s, wide_update, ts_dtype_i32);
    ts_emit_copy(b, ts_engine_vector, &wa, &a);
    ts_emit_copy(b, ts_engine_vector, &wu, &u);
    ts_emit_tensor_tensor(b, ts_engine_gpsimd, &wa, &wa, &wu, s->alu);
    ts_ap low = tile_ap(s, wide_old, dtype);
    low.dim[0].step = 4 / ts_dtype_get(dtype)->bytes;
    ts_emit_copy(b, ts_engine_vector, &a, &low);
}

/* Cuts the space into tiles: an index axis whose rows never repeat goes on the partitions, otherwise an axis
   of the window, which is moved to the front of them. */
static void cut_for_tiles(ts_scatter *s) {
    ts_indexed *x = &s->x;
    ts_nest *nest = &x->nest;
    int rank = x->view[0].rank, part = -1, perm[TS_VIEW_RANK], at = 0;
    for (int i = 0; i < rank; i++) {
        bool may_share = s->is_unique || x->view[TS_INDEXED].stride[i] != 0;
        if (may_share && (part < 0 || x->view[0].dim[i] > x->view[0].dim[part])) part = i;
    }
    if (part > x->index_axes) {
        for (int i = 0; i < x->index_axes; i++)
            perm[at++] = i;
        perm[at++] = part;
        for (int i = x->index_axes; i < rank; i++)
            if (i != part) perm[at++] = i;
        for (int v = 0; v < TS_INDEX_VIEWS; v++)
            x->view[v] = ts_view_permute(&x->view[v], rank, perm);
        part = x->index_axes;
    }
    *nest = (ts_nest){.b = &x->lower->b, .rank = rank, .part = part};
    memcpy(nest->size, x->view[0].dim, sizeof nest->size);
    for (int i = 0; i < rank; i++)
        nest->tile[i] = 1;
    if (part >= 0) nest->tile[part] = nest->size[part] < PARTITIONS ? nest->size[part] : PARTITIONS;
    int64_t room = ts_build_at_most(&x->lower->b, MAX_FREE);
    int first = x->index_axes > part + 1 ? x->index_axes : part + 1;
    nest->first_free = rank;
    while (nest->first_free > first && rank - nest->first_free < TS_AP_DIMS - 1 && room > 1) {
        int axis = --nest->first_free;
        nest->tile[axis] = nest->size[axis] < room ? nest->size[axis] : room;
        if (nest->tile[axis] < nest->size[axis]) break;
        room /= nest->size[axis];
    }
}

/* Reads rows, combines them with updates and writes them back, tile by tile. */
static void combine_rows(ts_scatter *s) {
    ts_indexed *x = &s->x;
    ts_builder *b = &x->lower->b;
    ts_nest *nest = &x->nest;
    ts_dtype dtype = ts_chip_dtype(x->view[TS_PLAIN].dtype);
    cut_for_tiles(s);
    ts_indexed_hoist(x);
    ts_nest_open(nest, 0, x->index_axes);
    ts_tile column = ts_indexed_column(x);
    ts_nest_open(nest, x->index_axes, nest->rank);
    ts_oob oob = column ? ts_oob_skip : ts_oob_error;
    ts_tile old = new_tile(s, dtype), update = new_tile(s, dtype);
    ts_ap old_ap = tile_ap(s, old, dtype), update_ap = tile_ap(s, update, dtype);
    ts_ap rows = ts_indexed_ap(x, column), updates = ts_nest_hbm(nest, &x->view[TS_PLAIN]);
    ts_emit_dma(b, ts_engine_sync, ts_lower_load_queue(x->lower), &update_ap, &updates);
    ts_emit_dma_indexed(b, ts_engine_gpsimd, TS_STORE_QUEUE, &old_ap, &rows, ts_rmw_none, oob);
    combine(s, dtype, old, update);
    ts_emit_dma_indexed(b, ts_engine_gpsimd, TS_STORE_QUEUE, &rows, &old_ap, ts_rmw_none, oob);
    ts_nest_close(nest, 0, nest->rank);
}

/* ---- choice ---- */

/* Compares the number of DMAs when only rows that cannot repeat share one, and when any rows may. */
static bool is_distinct_slow(const ts_scatter *s) {
    double rows = 1, distinct = 1, any = 1;
    for (int i = 0; i < s->x.index_axes; i++) {
        double size = (double)s->x.view[0].dim[i];
        rows *= size;
        if (size > any) any = size;
        if (size > distinct && s->x.view[TS_INDEXED].stride[i] != 0) distinct = size;
    }
    if (any > PARTITIONS) any = PARTITIONS;
    if (distinct > PARTITIONS) distinct = PARTITIONS;
    return rows / distinct > DISTINCT_SLOWDOWN * (rows / any);
}

static ts_status scatter_rows(ts_scatter *s) {
    bool is_float = ts_dtype_get(s->x.view[TS_PLAIN].dtype)->kind == 'f';
    if (s->alu == ts_alu_bypass)
        return ts_indexed_store(&s->x, s->op, s->is_unique ? ts_index_any : ts_index_ordered, ts_rmw_none);
    TS_TRY(ts_indexed_prepare(&s->x, s->op));
    if (s->alu == ts_alu_add && is_float) {
        if (!s->is_unique && is_distinct_slow(s) && ts_scatter_can_sum(s)) return ts_scatter_sum(s);
        return ts_indexed_store(&s->x, s->op, s->is_unique ? ts_index_any : ts_index_distinct, ts_rmw_add);
    }
    combine_rows(s);
    return ts_ok;
}

/* Predicates are bytes 0 and 1; StableHLO defines their sum as `or` and their product as `and`. */
static void soften_predicates(ts_scatter *s, unsigned dtype) {
    if (dtype != ts_dtype_i1) return;
    if (s->alu == ts_alu_add) s->alu = ts_alu_bitwise_or;
    if (s->alu == ts_alu_multiply) s->alu = ts_alu_bitwise_and;
}

static bool is_subtraction(const ts_block *region) {
    if (!region || region->arg_count != 2 || region->ops.count != 2) return false;
    const ts_op_node *op = region->ops.data[0], *last = region->ops.data[1];
    return op->kind == ts_hlo_subtract && op->operands[0] == region->args[0] &&
           op->operands[1] == region->args[1] && last->operand_count == 1 &&
           last->operands[0] == op->results[0];
}

bool ts_scatter_alu(const ts_op_node *op, ts_alu *alu) {
    if (ts_region_alu(op->regions[0], alu)) return true;
    *alu = ts_alu_subtract;
    return is_subtraction(op->regions[0]);
}

ts_status ts_lower_scatter(ts_lower *lower, ts_op_node *op) {
    ts_scatter s = {.op = op, .x = {.lower = lower, .drops = true}};
    ts_view operand, index, result;
    int64_t map[TS_MAX_RANK];
    if (op->operand_count != 3)
        return refuse(&s, "a scatter of several arrays at once", "scatter one array at a time");
    if (!ts_scatter_alu(op, &s.alu))
        return refuse(&s, "a scatter with a function that is not one operator, and indices that may repeat",
                      "pass unique_indices=True when none does, or use set, add, multiply, min or max");
    soften_predicates(&s, op->results[0]->type.dtype);
    s.is_unique = ts_op_bool(op, "unique_indices", false);
    TS_TRY(ts_lower_view(lower, op->operands[0], &operand));
    TS_TRY(ts_lower_tensor(lower, op->operands[1], &index));
    TS_TRY(ts_lower_tensor(lower, op->operands[2], &s.x.view[TS_PLAIN]));
    TS_TRY(ts_home_result(lower, op, &operand));
    result = ((ts_lowered *)op->results[0]->note)->view;
    TS_TRY(ts_lower_copy(lower, &result, &operand)); /* none where the result takes the operand's place */
    if (ts_view_elems(&s.x.view[TS_PLAIN]) == 0 || ts_view_elems(&result) == 0) return ts_ok;
    s.x.view[TS_INDEXED] = result;
    s.x.view[TS_INDEX] = index;
    s.x.view[TS_INDEXED].rank = s.x.view[TS_INDEX].rank = s.x.view[TS_PLAIN].rank;
    ts_starts_of_view(&s.x, &index, (int)ts_op_int(op, "index_vector_dim", 0));
    if (s.x.start_count != ts_index_dims(op, "scatter_dims_to_operand_dims", map))
        return ts_op_fail(lower->module, op, lower->diag, ts_input,
                          "scatter_dims_to_operand_dims does not match the indices");
    return lay_out(&s, &result, &index) ? scatter_rows(&s) : ts_ok;
}
