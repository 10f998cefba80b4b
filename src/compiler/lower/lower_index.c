/* Indexed moves: computes indices on the engines and emits indirect DMA. */
#include "compiler/lower/lower_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/integer.h"

enum { PARTITIONS = 128, FREE_AXES = TS_AP_DIMS - 1 };
#define FP32_EXACT ((int64_t)1 << 24) /* integers below this are exact in VectorE's fp32 */
#define INDEX_END  ((int64_t)1 << 31) /* limit of the index operand, an i32 */

int ts_index_dims(const ts_op_node *op, const char *name, int64_t dims[TS_MAX_RANK]) {
    int count = 0;
    return ts_op_ints(op, name, dims, TS_MAX_RANK, &count) ? count : 0;
}

bool ts_index_has(const int64_t *dims, int count, int64_t dim) {
    for (int i = 0; i < count; i++)
        if (dims[i] == dim) return true;
    return false;
}

void ts_starts_of_view(ts_indexed *x, ts_view *index, int vector_axis) {
    int64_t count = 1, step = 0;
    if (vector_axis < index->rank) {
        int perm[TS_VIEW_RANK], rank = 0;
        count = index->dim[vector_axis];
        step = index->stride[vector_axis];
        for (int i = 0; i < index->rank; i++)
            if (i != vector_axis) perm[rank++] = i;
        *index = ts_view_permute(index, rank, perm);
    }
    x->start_count = count <= TS_MAX_STARTS ? (int)count : -1;
    for (int k = 0; k < x->start_count; k++)
        x->start[k] =
            (ts_start){.tensor = index->tensor, .dtype = index->dtype, .offset = index->offset + k * step};
}

/* ---- plan ---- */

/* Drops clamped starts that can have only one value. */
static void drop_fixed_starts(ts_indexed *x) {
    int kept = 0;
    for (int k = 0; k < x->start_count; k++)
        if (x->drops || (x->start[k].limit > 0 && x->start[k].stride != 0)) x->start[kept++] = x->start[k];
    x->start_count = kept;
    if (kept == 0) memset(x->view[TS_INDEX].stride, 0, sizeof x->view[TS_INDEX].stride);
}

static void order_axes(ts_indexed *x) {
    int perm[TS_VIEW_RANK], rank = x->view[0].rank, at = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < rank; i++)
            if ((x->view[TS_INDEX].stride[i] != 0) == (pass == 0)) perm[at++] = i;
    for (int v = 0; v < TS_INDEX_VIEWS; v++)
        x->view[v] = ts_view_permute(&x->view[v], rank, perm);
    ts_views_merge(x->view, TS_INDEX_VIEWS);
    x->index_axes = 0;
    while (x->index_axes < x->view[0].rank && x->view[TS_INDEX].stride[x->index_axes] != 0)
        x->index_axes++;
}

static int64_t tensor_elems(const ts_indexed *x) {
    const ts_tensor *tensor = &x->lower->program->tensors.data[x->view[TS_INDEXED].tensor];
    return (int64_t)(tensor->bytes / (uint64_t)ts_dtype_get(tensor->dtype)->bytes);
}

/* Whether a start out of bounds gives an address outside the tensor, which the DMA skips by itself: a single
   start along the outermost axis of a whole tensor. */
static bool is_bounded_by_address(const ts_indexed *x) {
    const ts_start *start = &x->start[0];
    return x->drops && x->start_count == 1 && (start->limit + 1) * start->stride == tensor_elems(x) &&
           (start->dtype == ts_dtype_i32 || start->dtype == ts_dtype_u32);
}

ts_status ts_indexed_prepare(ts_indexed *x, const ts_op_node *op) {
    int64_t reach = 0;
    drop_fixed_starts(x);
    order_axes(x);
    x->step = 0;
    for (int k = 0; k < x->start_count; k++)
        x->step = ts_gcd(x->step, llabs(x->start[k].stride));
    if (x->step == 0) x->step = 1;
    if (x->start_count == 1 && x->start[0].stride < 0) x->step = -x->step;
    x->outside = tensor_elems(x) / llabs(x->step) + 1;
    x->is_exact = x->drops && x->outside >= FP32_EXACT;
    for (int k = 0; k < x->start_count; k++) {
        reach += x->start[k].limit * llabs(x->start[k].stride / x->step);
        if (x->start[k].limit >= FP32_EXACT) x->is_exact = true;
    }
    if (reach >= FP32_EXACT) x->is_exact = true;
    x->is_direct = is_bounded_by_address(x);
    if (x->is_direct) x->is_exact = false;
    if (reach < INDEX_END && (!x->drops || x->is_direct || x->outside < INDEX_END)) return ts_ok;
    ts_op_fail(x->lower->module, op, x->lower->diag, ts_unsupported, "an indexed array of %lld elements",
               (long long)tensor_elems(x));
    ts_diag_remedy(x->lower->diag, "index arrays of fewer than 2^31 rows");
    return ts_unsupported;
}

/* The axis that goes on the partitions, whose positions share one DMA; -1 = none may. Window axes are always
   free. */
static int choose_partitions(const ts_indexed *x, ts_index_order order) {
    int best = -1;
    for (int i = 0; i < x->index_axes; i++) {
        bool is_last = i == x->index_axes - 1, is_distinct = x->view[TS_INDEXED].stride[i] != 0;
        if (order == ts_index_distinct && !is_distinct) continue;
        if (order == ts_index_ordered && !is_distinct && !is_last) continue;
        if (best < 0 || x->view[0].dim[i] >= x->view[0].dim[best]) best = i;
    }
    return best;
}

ts_status ts_indexed_plan(ts_indexed *x, const ts_op_node *op, ts_index_order order) {
    TS_TRY(ts_indexed_prepare(x, op));
    ts_nest *nest = &x->nest;
    *nest = (ts_nest){.b = &x->lower->b, .rank = x->view[0].rank, .part = choose_partitions(x, order)};
    memcpy(nest->size, x->view[0].dim, sizeof nest->size);
    nest->first_free = nest->rank - x->index_axes > FREE_AXES ? nest->rank - FREE_AXES : x->index_axes;
    for (int i = 0; i < nest->rank; i++)
        nest->tile[i] = i < nest->first_free ? 1 : nest->size[i];
    if (nest->part >= 0)
        nest->tile[nest->part] = nest->size[nest->part] < PARTITIONS ? nest->size[nest->part] : PARTITIONS;
    return ts_ok;
}

/* ---- index arithmetic ---- */

/* Column `column` of a tile of columns, [parts, 1]. */
static ts_ap column_ap(const ts_indexed *x, ts_tile tile, ts_dtype dtype, int column) {
    ts_ap ap = ts_build_ap(&x->lower->b, tile, dtype, ts_nest_parts(&x->nest), ts_count_const(1));
    ap.offset.base += column * ts_dtype_get(dtype)->bytes;
    return ap;
}

/* Columns of constants: limit and scale of each start, then 0 and an index outside the tensor. */
enum { LIMIT = 0, SCALE = TS_MAX_STARTS, ZERO = 2 * TS_MAX_STARTS, OUTSIDE, CONSTANTS };

static void write_constant(ts_indexed *x, int column, int64_t value) {
    ts_ap ap = ts_build_ap(&x->lower->b, x->constants, ts_dtype_i32,
                           ts_count_const(ts_nest_max_parts(&x->nest)), ts_count_const(1));
    ap.offset.base += column * 4;
    ts_emit_iota(&x->lower->b, &ap, ts_affine_const(value), 0, (int64_t[4]){0});
}

void ts_indexed_hoist(ts_indexed *x) {
    if (!x->is_exact || x->start_count == 0) return;
    x->constants = ts_build_tile(&x->lower->b, ts_space_sbuf, ts_nest_max_parts(&x->nest), CONSTANTS * 4, 1);
    for (int k = 0; k < x->start_count; k++) {
        write_constant(x, LIMIT + k, x->start[k].limit);
        write_constant(x, SCALE + k, x->start[k].stride / x->step);
    }
    write_constant(x, ZERO, 0);
    if (x->drops) write_constant(x, OUTSIDE, x->outside);
}

/* Loads all starts by one DMA if they are evenly spaced in one tensor. */
static ts_tile load_starts(ts_indexed *x) {
    ts_builder *b = &x->lower->b;
    ts_dtype dtype = ts_chip_dtype(x->start[0].dtype);
    int64_t step = x->start_count > 1 ? x->start[1].offset - x->start[0].offset : 0;
    int together = 1;
    while (together < x->start_count && x->start[together].tensor == x->start[0].tensor &&
           x->start[together].offset == x->start[0].offset + together * step)
        together++;
    if (together < x->start_count) together = 1;
    ts_tile tile = ts_build_tile(b, ts_space_sbuf, ts_nest_max_parts(&x->nest),
                                 x->start_count * ts_dtype_get(dtype)->bytes, 2);
    for (int k = 0; k < x->start_count; k += together) {
        ts_view view = x->view[TS_INDEX];
        view.tensor = x->start[k].tensor;
        view.offset = x->start[k].offset;
        view.dtype = x->start[k].dtype;
        ts_ap src = ts_nest_hbm_column(&x->nest, &view), dst = column_ap(x, tile, dtype, k);
        dst.dim[0].count = ts_count_const(together);
        if (together > 1) ts_ap_dim(&src, step, ts_count_const(together));
        ts_emit_dma(b, ts_engine_sync, ts_lower_load_queue(x->lower), &dst, &src);
    }
    return tile;
}

/* dst = (data op0 number) op1 operand */
static void emit_scalar_tensor(ts_builder *b, const ts_ap *dst, const ts_ap *data, ts_alu op0, double number,
                               ts_alu op1, const ts_ap *operand) {
    ts_inst_scalar_tensor_tensor *inst = (ts_inst_scalar_tensor_tensor *)ts_program_append(
        b->program, ts_op_scalar_tensor_tensor, ts_engine_vector, b->loc);
    inst->dst = *dst;
    inst->data = *data;
    inst->op0 = (uint8_t)op0;
    inst->operand0 = ts_scalar_const(number);
    inst->op1 = (uint8_t)op1;
    inst->operand1 = *operand;
}

static void emit_two_scalars(ts_builder *b, const ts_ap *dst, const ts_ap *data, ts_alu op0, double number0,
                             ts_alu op1, double number1) {
    ts_inst_tensor_scalar *inst =
        ts_emit_tensor_scalar(b, ts_engine_vector, dst, data, op0, ts_scalar_const(number0), false);
    inst->op1 = (uint8_t)op1;
    inst->operand1 = ts_scalar_const(number1);
}

/* Computes the index in fp32 on VectorE. Converting a huge start rounds it, but never across a limit below
   2^24. */
static void index_in_fp32(ts_indexed *x, ts_tile starts, ts_tile clamped, ts_tile index) {
    ts_builder *b = &x->lower->b;
    ts_dtype dtype = ts_chip_dtype(x->start[0].dtype);
    ts_tile ok = 0;
    if (x->drops) ok = ts_build_tile(b, ts_space_sbuf, ts_nest_max_parts(&x->nest), 2 * 4, 2);
    ts_ap sum = column_ap(x, index, ts_dtype_i32, 0);
    for (int k = 0; k < x->start_count; k++) {
        bool is_sum = k == 0 && x->start[k].stride == x->step;
        ts_ap start = column_ap(x, starts, dtype, k),
              c = is_sum ? sum : column_ap(x, clamped, ts_dtype_i32, k);
        emit_two_scalars(b, &c, &start, ts_alu_max, 0, ts_alu_min, (double)x->start[k].limit);
        if (x->drops) {
            ts_ap all = column_ap(x, ok, ts_dtype_f32, 0), one = column_ap(x, ok, ts_dtype_f32, 1);
            ts_emit_tensor_tensor(b, ts_engine_vector, k == 0 ? &all : &one, &c, &start, ts_alu_is_equal);
            if (k > 0) ts_emit_tensor_tensor(b, ts_engine_vector, &all, &all, &one, ts_alu_multiply);
        }
        double scale = (double)(x->start[k].stride / x->step);
        if (k == 0 && !is_sum)
            ts_emit_tensor_scalar(b, ts_engine_vector, &sum, &c, ts_alu_multiply, ts_scalar_const(scale),
                                  false);
        else if (k > 0)
            emit_scalar_tensor(b, &sum, &c, ts_alu_multiply, scale, ts_alu_add, &sum);
    }
    if (!x->drops) return;
    ts_ap all = column_ap(x, ok, ts_dtype_f32, 0);
    emit_scalar_tensor(b, &sum, &sum, ts_alu_subtract, (double)x->outside, ts_alu_multiply, &all);
    ts_emit_tensor_scalar(b, ts_engine_vector, &sum, &sum, ts_alu_add, ts_scalar_const((double)x->outside),
                          false);
}

/* Computes the index in wrapping 32-bit integers on GpSimdE. A u32 start is clamped as u32 and is below 2^31
   afterwards. */
static void index_in_words(ts_indexed *x, ts_tile starts, ts_tile clamped, ts_tile index) {
    ts_builder *b = &x->lower->b;
    ts_engine engine = ts_engine_gpsimd;
    ts_dtype dtype = ts_chip_dtype(x->start[0].dtype);
    ts_dtype word = dtype == ts_dtype_u32 ? ts_dtype_u32 : ts_dtype_i32;
    ts_tile ok = 0;
    if (x->drops) ok = ts_build_tile(b, ts_space_sbuf, ts_nest_max_parts(&x->nest), 2 * 4, 2);
    ts_ap sum = column_ap(x, index, ts_dtype_i32, 0),
          outside = column_ap(x, x->constants, ts_dtype_i32, OUTSIDE);
    for (int k = 0; k < x->start_count; k++) {
        ts_ap start = column_ap(x, starts, dtype, k), c = column_ap(x, clamped, word, k);
        ts_ap zero = column_ap(x, x->constants, word, ZERO),
              limit = column_ap(x, x->constants, word, LIMIT + k);
        ts_ap scale = column_ap(x, x->constants, ts_dtype_i32, SCALE + k), scaled = c;
        ts_emit_tensor_tensor(b, engine, &c, &start, &limit, ts_alu_min);
        ts_emit_tensor_tensor(b, engine, &c, &c, &zero, ts_alu_max);
        if (x->drops) {
            ts_ap all = column_ap(x, ok, word, 0), one = column_ap(x, ok, word, 1);
            ts_emit_tensor_tensor(b, engine, k == 0 ? &all : &one, &c, &start, ts_alu_is_equal);
            if (k > 0) ts_emit_tensor_tensor(b, engine, &all, &all, &one, ts_alu_multiply);
        }
        scaled.dtype = ts_dtype_i32;
        ts_emit_tensor_tensor(b, engine, k == 0 ? &sum : &scaled, &scaled, &scale, ts_alu_multiply);
        if (k > 0) ts_emit_tensor_tensor(b, engine, &sum, &sum, &scaled, ts_alu_add);
    }
    if (!x->drops) return;
    ts_ap all = column_ap(x, ok, ts_dtype_i32, 0);
    ts_emit_tensor_tensor(b, engine, &sum, &sum, &outside, ts_alu_subtract);
    ts_emit_tensor_tensor(b, engine, &sum, &sum, &all, ts_alu_multiply);
    ts_emit_tensor_tensor(b, engine, &sum, &sum, &outside, ts_alu_add);
}

/* Widens narrow starts to words, as integer comparisons need them. */
static ts_tile widen_starts(ts_indexed *x, ts_tile starts) {
    ts_dtype dtype = ts_chip_dtype(x->start[0].dtype);
    if (dtype == ts_dtype_i32 || dtype == ts_dtype_u32) return starts;
    ts_tile wide =
        ts_build_tile(&x->lower->b, ts_space_sbuf, ts_nest_max_parts(&x->nest), x->start_count * 4, 2);
    ts_ap from = column_ap(x, starts, dtype, 0), to = column_ap(x, wide, ts_dtype_i32, 0);
    from.dim[0].count = to.dim[0].count = ts_count_const(x->start_count);
    ts_emit_copy(&x->lower->b, ts_engine_vector, &to, &from);
    for (int k = 0; k < x->start_count; k++)
        x->start[k].dtype = ts_dtype_i32;
    return wide;
}

ts_tile ts_indexed_column(ts_indexed *x) {
    if (x->start_count == 0) return 0;
    ts_start saved[TS_MAX_STARTS];
    memcpy(saved, x->start, sizeof saved);
    ts_tile starts = load_starts(x);
    if (x->is_direct) return starts;
    int64_t parts = ts_nest_max_parts(&x->nest);
    ts_tile clamped = ts_build_tile(&x->lower->b, ts_space_sbuf, parts, x->start_count * 4, 2);
    ts_tile index = ts_build_tile(&x->lower->b, ts_space_sbuf, parts, 4, 2);
    if (x->is_exact)
        index_in_words(x, widen_starts(x, starts), clamped, index);
    else
        index_in_fp32(x, starts, clamped, index);
    memcpy(x->start, saved, sizeof saved);
    return index;
}

void ts_indexed_attach(ts_indexed *x, ts_ap *ap, const ts_ap *column) {
    ts_program *program = x->lower->program;
    ts_vec_push(&program->indices, &program->arena, *column);
    ap->index = program->indices.count;
    ap->index_step = x->step;
}

ts_ap ts_indexed_ap(ts_indexed *x, ts_tile column) {
    ts_ap ap = ts_nest_hbm(&x->nest, &x->view[TS_INDEXED]);
    if (column) {
        ts_ap index = column_ap(x, column, ts_dtype_i32, 0);
        ts_indexed_attach(x, &ap, &index);
    }
    return ap;
}

/* ---- moves ---- */

static ts_status move(ts_indexed *x, bool is_store, ts_rmw rmw) {
    ts_builder *b = &x->lower->b;
    ts_nest *nest = &x->nest;
    ts_indexed_hoist(x);
    ts_nest_open(nest, 0, x->index_axes);
    ts_tile column = ts_indexed_column(x);
    ts_nest_open(nest, x->index_axes, nest->rank);
    ts_ap indexed = ts_indexed_ap(x, column), plain = ts_nest_hbm(nest, &x->view[TS_PLAIN]);
    ts_emit_dma_indexed(b, ts_engine_gpsimd, is_store ? TS_STORE_QUEUE : ts_lower_load_queue(x->lower),
                        is_store ? &indexed : &plain, is_store ? &plain : &indexed, rmw,
                        x->drops && column ? ts_oob_skip : ts_oob_error);
    ts_nest_close(nest, 0, nest->rank);
    return ts_ok;
}

ts_status ts_indexed_load(ts_indexed *x, const ts_op_node *op) {
    TS_TRY(ts_indexed_plan(x, op, ts_index_any));
    return move(x, false, ts_rmw_none);
}

ts_status ts_indexed_store(ts_indexed *x, const ts_op_node *op, ts_index_order order, ts_rmw rmw) {
    TS_TRY(ts_indexed_plan(x, op, order));
    return move(x, true, rmw);
}
