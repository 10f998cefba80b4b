/* Sums over a group's rows, which keep its contiguous axes (gradients of biases and gains). Only TensorE adds
   across partitions, and it should not wait for the other engines in every trip. So GpSimdE adds the tiles of
   all trips into one tile in SBUF, and at the end TensorE multiplies that by a vector of ones. */
#include <string.h>

#include "compiler/lower/pointwise.h"

/* fp32 elements of a PSUM bank; limits between which this pays, and the sums fit in SBUF. */
enum { BANK = 512, FEWEST_ROWS = 32, FEWEST_COLUMNS = 4, MOST_COLUMNS = 4096 };

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

bool ts_group_is_sum(const ts_op_node *op) {
    return note(op->results[0])->is_sum;
}

/* The number of axes kept, if those are the last ones and the axes before them are summed; otherwise -1. */
static int kept_axes(const ts_op_node *op) {
    const ts_type *type = &op->operands[0]->type;
    int64_t dims[TS_MAX_RANK], rows = 1, columns = 1;
    int count, kept = 0;
    bool is_reduced[TS_MAX_RANK] = {0};
    ts_op_ints(op, "dimensions", dims, TS_MAX_RANK, &count);
    for (int i = 0; i < count; i++)
        is_reduced[dims[i]] = true;
    for (int i = 0; i < type->rank; i++) {
        if (type->dim[i] == 1) continue;
        if (is_reduced[i] && kept) return -1;
        *(is_reduced[i] ? &rows : &columns) *= type->dim[i];
        kept += !is_reduced[i];
    }
    bool is_worth_it = rows >= FEWEST_ROWS && columns >= FEWEST_COLUMNS && columns <= MOST_COLUMNS;
    return is_worth_it && kept ? kept : -1;
}

bool ts_group_takes_sum(ts_group *group, ts_op_node *op) {
    const ts_value *operand = op->operands[0];
    bool is_whole = ts_group_span(group, &operand->type) == ts_span_whole && !note(operand)->is_sum;
    if (!is_whole || group->sums == TS_GROUP_SUMS || kept_axes(op) < 0) return false;
    note(op->results[0])->is_sum = true;
    group->sums++;
    if (ts_group_fits(group, op)) return true;
    note(op->results[0])->is_sum = false;
    group->sums--;
    return false;
}

/* ---- sums left out of the nest ---- */

bool ts_group_split_sums(ts_group *group) {
    int kept = 0;
    for (int i = 0; i < group->op_count; i++) {
        ts_op_node *op = group->ops[i];
        if (!ts_group_is_sum(op)) {
            group->ops[kept++] = op;
            continue;
        }
        note(op->results[0])->is_sum = false;
        note(op->results[0])->group = NULL;
        group->apart[group->apart_count++] = op;
    }
    bool has_sums = kept < group->op_count;
    group->op_count = kept;
    group->sums = 0;
    return has_sums;
}

/* ---- sums in the nest ---- */

void ts_pointwise_sum_views(ts_emitter *e) {
    const ts_group *group = e->group;
    e->column_count = 0;
    for (int i = 0; i < group->op_count; i++) {
        if (group->ops[i]->kind != ts_hlo_reduce || !ts_group_is_sum(group->ops[i])) continue;
        ts_column_sum *sum = &e->column[e->column_count];
        int kept = kept_axes(group->ops[i]);
        *sum = (ts_column_sum){.index = i, .view = TS_EMIT_INPUTS + e->input_count + e->column_count++};
        ts_view *view = &e->views[sum->view];
        *view = e->views[TS_EMIT_WHOLE];
        memset(view->stride, 0, (size_t)(group->rank - kept) * sizeof *view->stride);
    }
}

bool ts_pointwise_sums_fit(const ts_emitter *e) {
    const ts_nest *nest = &e->nest;
    for (int i = 0; i < e->column_count; i++)
        for (int axis = 0; axis < nest->rank; axis++)
            if (e->views[e->column[i].view].stride[axis] != 0 &&
                (axis < nest->first_free || nest->tile[axis] < nest->size[axis]))
                return false;
    return true;
}

void ts_pointwise_sums_open(ts_emitter *e) {
    e->axes = ts_pointwise_all_axes(e);
    for (int i = 0; i < e->column_count; i++) {
        e->column[i].acc = ts_pointwise_tile(e, ts_dtype_f32, 1);
        ts_ap acc = ts_pointwise_ap(e, &e->column[i].acc);
        ts_emit_memset(e->b, ts_engine_vector, &acc, 0);
    }
}

void ts_pointwise_sums_add(ts_emitter *e, int index, const ts_value_form *data) {
    int i = 0;
    while (e->column[i].index != index)
        i++;
    e->axes = ts_pointwise_all_axes(e);
    ts_ap acc = ts_pointwise_ap(e, &e->column[i].acc), more = ts_pointwise_ap(e, data);
    ts_emit_tensor_tensor(e->b, ts_engine_gpsimd, &acc, &acc, &more, ts_alu_add);
}

/* Sums a bank of columns over the partitions and over the `rows` rows of each. */
static void add_partitions(ts_emitter *e, const ts_column_sum *sum, ts_tile ones, ts_ap dst, int64_t rows,
                           int64_t columns, ts_affine bank) {
    ts_count parts = ts_count_const(ts_nest_max_parts(&e->nest));
    ts_ap all = ts_build_ap(e->b, ones, ts_dtype_f32, parts, ts_count_const(1));
    ts_ap acc = ts_build_ap(e->b, sum->acc.tile, ts_dtype_f32, parts, dst.dim[0].count);
    ts_accum accum = {.mode = ts_accum_never};
    acc.offset = ts_build_sum(e->b, acc.offset, bank, BANK * 4);
    if (rows > 1) {
        accum = (ts_accum){.mode = ts_accum_unless_first, .loop = ts_build_loop(e->b, ts_count_const(rows))};
        acc.offset = ts_build_term(e->b, acc.offset, columns * 4, accum.loop);
    }
    ts_emit_matmul(e->b, &dst, &all, &acc, accum)->is_stationary_onezero = true;
    if (rows > 1) ts_build_end(e->b);
}

static void store_sum(ts_emitter *e, const ts_column_sum *sum, ts_tile ones) {
    const ts_op_node *op = e->group->ops[sum->index];
    const ts_view *view = &e->views[sum->view];
    int64_t rows = 1, columns = 1;
    for (int i = e->nest.first_free; i < e->nest.rank; i++)
        *(view->stride[i] ? &columns : &rows) *= e->nest.tile[i];
    e->b->loc = op->loc;
    uint32_t tensor = ts_lower_result(e->lower, op->results[0]);
    const ts_view *result = &note(op->results[0])->view;
    ts_dtype dtype = ts_chip_dtype(result->dtype);
    int64_t banks = (columns + BANK - 1) / BANK, width = columns < BANK ? columns : BANK;
    uint32_t loop = banks > 1 ? ts_build_loop(e->b, ts_count_const(banks)) : 0;
    ts_affine bank = ts_affine_const(0);
    if (banks > 1) bank = ts_build_term(e->b, bank, 1, loop);
    ts_count count = banks > 1 ? ts_build_ragged(e->b, BANK, columns, loop, 1) : ts_count_const(columns);
    ts_tile psum = ts_build_tile(e->b, ts_space_psum, 1, width * 4, 2);
    ts_tile out = ts_build_tile(e->b, ts_space_sbuf, 1, width * ts_dtype_get(dtype)->bytes, 2);
    ts_ap from = ts_build_ap(e->b, psum, ts_dtype_f32, ts_count_const(1), count);
    ts_ap to = ts_build_ap(e->b, out, dtype, ts_count_const(1), count);
    add_partitions(e, sum, ones, from, rows, columns, bank);
    double start = ts_pointwise_start(e, op);
    if (start == 0)
        ts_emit_copy(e->b, ts_engine_scalar, &to, &from);
    else
        ts_emit_tensor_scalar(e->b, ts_engine_vector, &to, &from, ts_alu_add, ts_scalar_const(start), false);
    ts_ap dst = ts_build_hbm(tensor, dtype, ts_view_offset(e->b, result));
    dst.offset = ts_build_sum(e->b, dst.offset, bank, BANK);
    ts_ap_dim(&dst, 0, ts_count_const(1));
    ts_ap_dim(&dst, 1, count);
    ts_emit_dma(e->b, ts_engine_tensor, TS_STORE_QUEUE, &dst, &to);
    if (banks > 1) ts_build_end(e->b);
}

void ts_pointwise_sums_close(ts_emitter *e) {
    if (e->column_count == 0) return;
    memset(e->nest.is_open, 0, sizeof e->nest.is_open);
    memset(e->nest.is_given, 0, sizeof e->nest.is_given);
    ts_tile ones = ts_build_tile(e->b, ts_space_sbuf, ts_nest_max_parts(&e->nest), 4, 1);
    ts_ap all =
        ts_build_ap(e->b, ones, ts_dtype_f32, ts_count_const(ts_nest_max_parts(&e->nest)), ts_count_const(1));
    ts_emit_memset(e->b, ts_engine_vector, &all, 1);
    for (int i = 0; i < e->column_count; i++)
        if (e->fate[e->column[i].index] == ts_fate_stored) store_sum(e, &e->column[i], ones);
}
