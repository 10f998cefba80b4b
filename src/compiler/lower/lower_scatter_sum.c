/* Scatter-add of rows that may repeat (embedding gradients). An accumulating indirect DMA needs distinct
   rows, so TensorE first sums 128 rows at a time: with S[i,j] = (row i == row j), S.updates gives every row
   the sum over its equals, and all but the first of equal rows are then skipped. 0 * Inf would spread Inf and
   NaN to other rows. So the updates are split into a finite part and two masks (+Inf or NaN, -Inf or NaN),
   whose sums are counts that become +Inf and -Inf again. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "compiler/lower/lower_scatter.h"

enum { PARTITIONS = 128, CHUNK = 512 }; /* columns at a time: a PSUM bank of fp32 */

typedef struct summer {
    ts_scatter *s;
    ts_indexed *x;
    ts_builder *b;
    ts_dtype dtype;            /* type of the updates */
    ts_tile earlier;           /* [i, j] = j < i, f32 */
    ts_tile equal, equal_mask; /* S in the type of the updates, and in bf16 */
    ts_tile rows;              /* the row number at each first row, `outside` elsewhere */
} summer;

bool ts_scatter_can_sum(const ts_scatter *s) {
    return s->x.start_count > 0 && !s->x.is_exact && s->x.outside < ((int64_t)1 << 24);
}

static int64_t max_parts(const summer *m) {
    return ts_nest_max_parts(&m->x->nest);
}

static ts_tile new_tile(const summer *m, ts_space space, int64_t elems, ts_dtype dtype) {
    return ts_build_tile(m->b, space, max_parts(m), elems * ts_dtype_get(dtype)->bytes, 2);
}

static ts_ap column_ap(const summer *m, ts_tile tile, ts_dtype dtype) {
    return ts_build_ap(m->b, tile, dtype, ts_nest_parts(&m->x->nest), ts_count_const(1));
}

static ts_ap square_ap(const summer *m, ts_tile tile, ts_dtype dtype) {
    return ts_build_ap(m->b, tile, dtype, ts_nest_parts(&m->x->nest), ts_nest_parts(&m->x->nest));
}

static ts_ap chunk_ap(const summer *m, ts_tile tile, ts_dtype dtype) {
    return ts_build_ap(m->b, tile, dtype, ts_nest_parts(&m->x->nest),
                       ts_nest_free(&m->x->nest, 0, m->x->nest.rank));
}

/* Puts the largest axis of repeating rows on the partitions, and at most a PSUM bank of the window's elements
   along the free dimension. */
static void cut(summer *m) {
    ts_indexed *x = m->x;
    ts_nest *nest = &x->nest;
    int rank = x->view[0].rank, part = -1;
    for (int i = 0; i < x->index_axes; i++)
        if (part < 0 || x->view[0].dim[i] >= x->view[0].dim[part]) part = i;
    *nest = (ts_nest){.b = m->b, .rank = rank, .part = part, .first_free = rank};
    memcpy(nest->size, x->view[0].dim, sizeof nest->size);
    for (int i = 0; i < rank; i++)
        nest->tile[i] = 1;
    nest->tile[part] = nest->size[part] < PARTITIONS ? nest->size[part] : PARTITIONS;
    int64_t room = CHUNK;
    while (nest->first_free > x->index_axes && rank - nest->first_free < TS_AP_DIMS - 1 && room > 1) {
        int axis = --nest->first_free;
        nest->tile[axis] = nest->size[axis] < room ? nest->size[axis] : room;
        if (nest->tile[axis] < nest->size[axis]) break;
        room /= nest->size[axis];
    }
}

static void write_earlier(summer *m) {
    int64_t parts = max_parts(m);
    ts_tile distance = ts_build_tile(m->b, ts_space_sbuf, parts, parts * 4, 1);
    m->earlier = ts_build_tile(m->b, ts_space_sbuf, parts, parts * 4, 1);
    ts_ap from = ts_build_ap(m->b, distance, ts_dtype_i32, ts_count_const(parts), ts_count_const(parts));
    ts_ap to = ts_build_ap(m->b, m->earlier, ts_dtype_f32, ts_count_const(parts), ts_count_const(parts));
    ts_emit_iota(m->b, &from, ts_affine_const(0), 1, (int64_t[4]){-1});
    ts_emit_tensor_scalar(m->b, ts_engine_vector, &to, &from, ts_alu_is_gt, ts_scalar_const(0), false);
}

/* Computes S, by comparing the row numbers along partitions with their transpose along the free dimension. */
static void compare_rows(summer *m, const ts_ap *row) {
    ts_tile across = new_tile(m, ts_space_psum, PARTITIONS, ts_dtype_f32);
    ts_ap repeated = *row, t = square_ap(m, across, ts_dtype_f32);
    repeated.dim[0] = (ts_dim){.step = 0, .count = ts_nest_parts(&m->x->nest)};
    ts_emit_transpose(m->b, ts_engine_tensor, &t, &repeated);
    m->equal = new_tile(m, ts_space_sbuf, PARTITIONS, m->dtype);
    ts_ap equal = square_ap(m, m->equal, m->dtype);
    ts_emit_tensor_scalar(m->b, ts_engine_vector, &equal, &t, ts_alu_is_equal, ts_scalar_ap(row), false);
    m->equal_mask = m->equal;
    if (m->dtype == ts_dtype_bf16) return;
    m->equal_mask = new_tile(m, ts_space_sbuf, PARTITIONS, ts_dtype_bf16);
    ts_ap mask = square_ap(m, m->equal_mask, ts_dtype_bf16);
    ts_emit_tensor_scalar(m->b, ts_engine_vector, &mask, &t, ts_alu_is_equal, ts_scalar_ap(row), false);
}

/* rows = the row number where no earlier row is equal, otherwise `outside`. */
static void keep_first(summer *m, const ts_ap *row) {
    double outside = (double)m->x->outside;
    ts_tile product = new_tile(m, ts_space_sbuf, PARTITIONS, ts_dtype_f32);
    ts_tile repeats = new_tile(m, ts_space_sbuf, 1, ts_dtype_f32);
    ts_ap equal = square_ap(m, m->equal, m->dtype), earlier = square_ap(m, m->earlier, ts_dtype_f32);
    ts_ap both = square_ap(m, product, ts_dtype_f32), first = column_ap(m, repeats, ts_dtype_f32);
    ts_emit_tensor_tensor(m->b, ts_engine_vector, &both, &equal, &earlier, ts_alu_multiply);
    ts_emit_reduce(m->b, &first, &both, ts_alu_max, 1);
    ts_emit_tensor_scalar(m->b, ts_engine_vector, &first, &first, ts_alu_is_equal, ts_scalar_const(0), false);
    ts_ap kept = *row;
    ts_inst_tensor_scalar *inst = ts_emit_tensor_scalar(m->b, ts_engine_vector, &kept, row, ts_alu_subtract,
                                                        ts_scalar_const(outside), false);
    inst->op1 = ts_alu_multiply;
    inst->operand1 = ts_scalar_ap(&first);
    m->rows = new_tile(m, ts_space_sbuf, 1, ts_dtype_i32);
    ts_ap rows = column_ap(m, m->rows, ts_dtype_i32);
    ts_emit_tensor_scalar(m->b, ts_engine_vector, &rows, &kept, ts_alu_add, ts_scalar_const(outside), false);
}

/* S . data, in PSUM. */
static ts_ap sum_equals(summer *m, ts_tile equal, const ts_ap *data) {
    ts_tile bank = new_tile(m, ts_space_psum, CHUNK, ts_dtype_f32);
    ts_ap dst = chunk_ap(m, bank, ts_dtype_f32), stationary = square_ap(m, equal, data->dtype);
    ts_inst_nc_matmul *inst =
        ts_emit_matmul(m->b, &dst, &stationary, data, (ts_accum){.mode = ts_accum_never});
    inst->is_stationary_onezero = true;
    return dst;
}

/* Counts the infinities of one sign (and NaN) among equal rows. Returns infinity of that sign where there are
   any, otherwise zero. */
static ts_ap sum_infinite(summer *m, const ts_ap *updates, bool is_low) {
    double bound = is_low ? -INFINITY : INFINITY, huge = is_low ? -FLT_MAX : FLT_MAX;
    int64_t elems = ts_nest_max_free(&m->x->nest, 0, m->x->nest.rank);
    ts_ap mask = chunk_ap(m, new_tile(m, ts_space_sbuf, elems, ts_dtype_bf16), ts_dtype_bf16);
    ts_inst_tensor_scalar *inst =
        ts_emit_tensor_scalar(m->b, ts_engine_vector, &mask, updates, is_low ? ts_alu_is_gt : ts_alu_is_lt,
                              ts_scalar_const(bound), false);
    inst->op1 = ts_alu_is_equal;
    inst->operand1 = ts_scalar_const(0);
    ts_ap count = sum_equals(m, m->equal_mask, &mask);
    ts_ap sum = chunk_ap(m, new_tile(m, ts_space_sbuf, elems, ts_dtype_f32), ts_dtype_f32);
    inst = ts_emit_tensor_scalar(m->b, ts_engine_vector, &sum, &count, ts_alu_multiply, ts_scalar_const(huge),
                                 false);
    inst->op1 = ts_alu_multiply;
    inst->operand1 = ts_scalar_const(FLT_MAX);
    return sum;
}

/* The updates with 0 in place of Inf and NaN. Predicates are integers of one byte. */
static ts_ap finite_part(summer *m, const ts_ap *updates) {
    int64_t elems = ts_nest_max_free(&m->x->nest, 0, m->x->nest.rank);
    ts_tile predicate = new_tile(m, ts_space_sbuf, elems, ts_dtype_u8);
    ts_ap is_finite = chunk_ap(m, predicate, ts_dtype_u8);
    ts_ap finite = chunk_ap(m, new_tile(m, ts_space_sbuf, elems, m->dtype), m->dtype);
    ts_inst_tensor_scalar *inst = ts_emit_tensor_scalar(m->b, ts_engine_vector, &is_finite, updates,
                                                        ts_alu_abs_max, ts_scalar_const(0), false);
    inst->op1 = ts_alu_is_lt;
    inst->operand1 = ts_scalar_const(INFINITY);
    ts_emit_memset(m->b, ts_engine_vector, &finite, 0);
    ts_emit_copy_predicated(m->b, &finite, updates, &is_finite);
    return finite;
}

static void add_chunk(summer *m) {
    ts_nest *nest = &m->x->nest;
    int64_t elems = ts_nest_max_free(nest, 0, nest->rank);
    ts_ap updates = chunk_ap(m, new_tile(m, ts_space_sbuf, elems, m->dtype), m->dtype);
    ts_ap source = ts_nest_hbm(nest, &m->x->view[TS_PLAIN]);
    ts_emit_dma(m->b, ts_engine_sync, ts_lower_load_queue(m->x->lower), &updates, &source);
    ts_ap finite = finite_part(m, &updates);
    ts_ap high = sum_infinite(m, &updates, false), low = sum_infinite(m, &updates, true);
    ts_ap sum = sum_equals(m, m->equal, &finite);
    ts_emit_tensor_tensor(m->b, ts_engine_vector, &high, &sum, &high, ts_alu_add);
    ts_emit_tensor_tensor(m->b, ts_engine_vector, &high, &high, &low, ts_alu_add);
    ts_ap rows = ts_indexed_ap(m->x, m->rows);
    ts_emit_dma_indexed(m->b, ts_engine_gpsimd, TS_STORE_QUEUE, &rows, &high, ts_rmw_add, ts_oob_skip);
}

ts_status ts_scatter_sum(ts_scatter *s) {
    summer m = {.s = s, .x = &s->x, .b = &s->x.lower->b, .dtype = ts_chip_dtype(s->x.view[TS_PLAIN].dtype)};
    ts_nest *nest = &m.x->nest;
    cut(&m);
    ts_indexed_hoist(m.x);
    write_earlier(&m);
    ts_nest_open(nest, 0, m.x->index_axes);
    ts_tile column = ts_indexed_column(m.x);
    ts_ap index = column_ap(&m, column, ts_dtype_i32);
    ts_ap row = column_ap(&m, new_tile(&m, ts_space_sbuf, 1, ts_dtype_f32), ts_dtype_f32);
    ts_emit_copy(m.b, ts_engine_vector, &row, &index);
    compare_rows(&m, &row);
    keep_first(&m, &row);
    ts_nest_open(nest, m.x->index_axes, nest->rank);
    add_chunk(&m);
    ts_nest_close(nest, 0, nest->rank);
    return ts_ok;
}
