/* select_and_scatter (the gradient of max pooling): in each window one element is selected, scanning from
   left to right, and the window's source is added at its position. */
#include <string.h>

#include "compiler/lower/lower_window.h"

enum { MAX_FREE = 6144 }; /* elements per partition; each takes at most 28 bytes */

typedef struct selection {
    ts_window_nest w;
    ts_builder *b;
    ts_alu keeps;    /* comparison select(kept, next) under which the kept element stays */
    bool is_swapped; /* the comparison has the operands (next, kept) */
    ts_dtype dtype;
    ts_view source;
    ts_view inside; /* 1 where the padded input is an element; used only with padding */
    bool has_inside;
    ts_view sum; /* the result with padding */
} selection;

static ts_status refuse(ts_lower *lower, const ts_op_node *op, const char *what, const char *remedy) {
    ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "%s", what);
    ts_diag_remedy(lower->diag, "%s", remedy);
    return ts_unsupported;
}

static bool read_select(const ts_block *region, selection *s) {
    static const struct {
        const char *direction;
        ts_alu alu;
    } rows[] = {{"GE", ts_alu_is_ge}, {"GT", ts_alu_is_gt}, {"LE", ts_alu_is_le}, {"LT", ts_alu_is_lt}};
    if (!region || region->arg_count != 2 || region->ops.count != 2) return false;
    const ts_op_node *op = region->ops.data[0], *last = region->ops.data[1];
    if (op->kind != ts_hlo_compare || last->operand_count != 1 || last->operands[0] != op->results[0])
        return false;
    if (strcmp(ts_op_string(op, "compare_type"), "TOTALORDER") == 0) return false;
    s->is_swapped = op->operands[0] == region->args[1];
    if (op->operands[s->is_swapped] != region->args[0] || op->operands[!s->is_swapped] != region->args[1])
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].direction, ts_op_string(op, "comparison_direction")) == 0) {
            s->keeps = rows[i].alu;
            return true;
        }
    return false;
}

static ts_tile new_tile(const selection *s, int64_t elems, ts_dtype dtype, int slots) {
    return ts_build_tile(s->b, ts_space_sbuf, ts_nest_max_parts(&s->w.nest),
                         elems * ts_dtype_get(dtype)->bytes, slots);
}

static ts_ap out_tile(const selection *s, ts_dtype dtype, int slots) {
    return ts_window_out_ap(&s->w, new_tile(s, ts_window_out_elems(&s->w), dtype, slots), dtype);
}

static ts_tile load_rows(selection *s, const ts_view *like_in, ts_dtype dtype) {
    ts_tile tile = new_tile(s, ts_window_in_elems(&s->w), dtype, 2);
    ts_ap to = ts_window_in_ap(&s->w, tile, dtype), from = ts_window_in_hbm(&s->w, like_in);
    ts_emit_dma(s->b, ts_engine_sync, ts_lower_load_queue(s->w.lower), &to, &from);
    return tile;
}

/* A column with the number of the current window position. */
static ts_ap number_column(selection *s) {
    ts_ap column = ts_build_ap(s->b, new_tile(s, 1, ts_dtype_f32, 2), ts_dtype_f32, ts_nest_parts(&s->w.nest),
                               ts_count_const(1));
    ts_emit_iota(s->b, &column, ts_window_number(&s->w), 0, (int64_t[4]){0});
    return column;
}

static ts_ap spread(const ts_ap *column, const ts_ap *like) {
    ts_ap ap = *column;
    ap.dims = like->dims;
    for (int i = 0; i < like->dims; i++)
        ap.dim[i] = (ts_dim){.step = 0, .count = like->dim[i].count};
    return ap;
}

/* Scans the window. When the next element is selected, it becomes `kept` and its number becomes `place`.
   Positions in the padding are never selected; place -1 means that nothing is selected yet. */
static void choose(selection *s, const ts_ap *kept, const ts_ap *place) {
    ts_window_nest *w = &s->w;
    ts_emit_memset(s->b, ts_engine_vector, kept, 0);
    ts_emit_memset(s->b, ts_engine_vector, place, -1);
    ts_window_open(w, 0, w->first_whole);
    ts_tile rows = load_rows(s, &w->in, s->dtype);
    ts_tile inside = s->has_inside ? load_rows(s, &s->inside, ts_dtype_u8) : 0;
    ts_window_open(w, w->first_whole, w->in.rank);
    bool is_word = s->dtype == ts_dtype_i32 || s->dtype == ts_dtype_u32;
    ts_ap next = ts_window_at_ap(w, rows, s->dtype),
          stays = out_tile(s, is_word ? ts_dtype_i32 : ts_dtype_f32, 2);
    ts_ap moves = out_tile(s, ts_dtype_u8, 2), number = number_column(s), numbers = spread(&number, place);
    ts_emit_tensor_tensor(s->b, is_word ? ts_engine_gpsimd : ts_engine_vector, &stays,
                          s->is_swapped ? &next : kept, s->is_swapped ? kept : &next, s->keeps);
    /* the first element is always selected: keep only if place >= 0 */
    ts_inst_scalar_tensor_tensor *inst = (ts_inst_scalar_tensor_tensor *)ts_program_append(
        s->b->program, ts_op_scalar_tensor_tensor, ts_engine_vector, s->b->loc);
    inst->dst = stays;
    inst->data = *place;
    inst->op0 = ts_alu_is_ge;
    inst->operand0 = ts_scalar_const(0);
    inst->op1 = ts_alu_multiply;
    inst->operand1 = stays;
    ts_emit_tensor_scalar(s->b, ts_engine_vector, &moves, &stays, ts_alu_is_equal, ts_scalar_const(0), false);
    if (s->has_inside) {
        ts_ap is_inside = ts_window_at_ap(w, inside, ts_dtype_u8);
        ts_emit_tensor_tensor(s->b, ts_engine_vector, &moves, &moves, &is_inside, ts_alu_bitwise_and);
    }
    ts_emit_copy_predicated(s->b, kept, &next, &moves);
    ts_emit_copy_predicated(s->b, place, &numbers, &moves);
    ts_window_close(w, 0, w->in.rank);
}

/* Scans again: at each position the sources that it selected, in rows of zeros, are added to memory by an
   accumulating DMA. Its partitions hold different rows. */
static void scatter(selection *s, const ts_ap *place, const ts_ap *source) {
    ts_window_nest *w = &s->w;
    ts_window_open(w, 0, w->first_whole);
    ts_tile rows = new_tile(s, ts_window_in_elems(w), ts_dtype_f32, 2);
    ts_ap all = ts_window_in_ap(w, rows, ts_dtype_f32);
    ts_emit_memset(s->b, ts_engine_vector, &all, 0);
    ts_window_open(w, w->first_whole, w->in.rank);
    ts_ap at = ts_window_at_ap(w, rows, ts_dtype_f32), chosen = out_tile(s, ts_dtype_u8, 2);
    ts_ap part = out_tile(s, ts_dtype_f32, 2), number = number_column(s);
    ts_emit_tensor_scalar(s->b, ts_engine_vector, &chosen, place, ts_alu_is_equal, ts_scalar_ap(&number),
                          false);
    ts_emit_memset(s->b, ts_engine_vector, &part, 0);
    ts_emit_copy_predicated(s->b, &part, source, &chosen);
    ts_emit_tensor_tensor(s->b, ts_engine_vector, &at, &at, &part, ts_alu_add);
    ts_window_close(w, w->first_whole, w->in.rank);
    ts_ap into = ts_window_in_hbm(w, &s->sum);
    ts_emit_dma_indexed(s->b, ts_engine_tensor, TS_STORE_QUEUE, &into, &all, ts_rmw_add, ts_oob_error);
    ts_window_close(w, 0, w->first_whole);
}

static void run(selection *s) {
    ts_nest *nest = &s->w.nest;
    ts_dtype dtype = ts_chip_dtype(s->source.dtype);
    ts_nest_open(nest, 0, nest->rank);
    ts_ap kept = out_tile(s, s->dtype, 1), place = out_tile(s, ts_dtype_f32, 1),
          source = out_tile(s, dtype, 1);
    ts_ap from = ts_window_out_hbm(&s->w, &s->source);
    ts_emit_dma(s->b, ts_engine_sync, ts_lower_load_queue(s->w.lower), &source, &from);
    choose(s, &kept, &place);
    if (source.dtype != ts_dtype_f32) {
        ts_ap wide = out_tile(s, ts_dtype_f32, 1);
        ts_emit_copy(s->b, ts_engine_vector, &wide, &source);
        source = wide;
    }
    scatter(s, &place, &source);
    ts_nest_close(nest, 0, nest->rank);
}

/* Copies the result without its padding, after all sources have been added. */
static ts_status take_inside(ts_lower *lower, const ts_window *window, ts_op_node *op, const ts_view *sum) {
    ts_view inside = *sum;
    ts_lower_result(lower, op->results[0]);
    ts_view *out = &((ts_lowered *)op->results[0]->note)->view;
    for (int i = 0; i < out->rank; i++)
        inside.offset += window->low[i] * inside.stride[i];
    memcpy(inside.dim, out->dim, sizeof inside.dim);
    return ts_lower_copy(lower, out, &inside);
}

/* Makes the scratch tensor of the padded shape in which sources are added in fp32; it starts as `init`. */
static ts_status prepare(selection *s, ts_lower *lower, const ts_window *window, const ts_view *in,
                         const ts_view *init, ts_view *padded) {
    ts_type type = {.dtype = ts_dtype_f32, .rank = in->rank};
    ts_view fill = *init;
    *padded = *in;
    memcpy(type.dim, in->dim, sizeof type.dim);
    s->has_inside = ts_window_has_padding(window);
    if (!s->has_inside && !ts_view_is_contiguous(in)) {
        ts_type same = type;
        same.dtype = in->dtype;
        *padded = ts_view_of_tensor(ts_lower_scratch(lower, &same, "contiguous"), &same);
        TS_TRY(ts_lower_copy(lower, padded, in));
    }
    if (s->has_inside) {
        ts_view zero = ts_view_of_splat(in->dtype, 0, &type),
                one = {.kind = ts_view_splat, .dtype = ts_dtype_u8};
        TS_TRY(ts_window_pad(lower, window, in, &zero, padded));
        one.value = 1;
        one.rank = in->rank;
        memcpy(one.dim, in->dim, sizeof one.dim);
        zero.dtype = ts_dtype_u8;
        TS_TRY(ts_window_pad(lower, window, &one, &zero, &s->inside));
    }
    memcpy(type.dim, padded->dim, sizeof type.dim);
    s->sum = ts_view_of_tensor(ts_lower_scratch(lower, &type, "sum"), &type);
    fill.rank = s->sum.rank;
    memcpy(fill.dim, s->sum.dim, sizeof fill.dim);
    memset(fill.stride, 0, sizeof fill.stride);
    if (fill.kind == ts_view_splat) fill.dtype = ts_dtype_f32;
    return ts_lower_copy(lower, &s->sum, &fill);
}

ts_status ts_lower_select_and_scatter(ts_lower *lower, ts_op_node *op) {
    selection s = {.b = &lower->b};
    ts_window window;
    ts_alu alu;
    ts_view in, init, padded;
    s.dtype = ts_chip_dtype(op->operands[0]->type.dtype);
    if (!read_select(op->regions[0], &s) || !ts_region_alu(op->regions[1], &alu) || alu != ts_alu_add)
        return refuse(lower, op, "a select_and_scatter that is not a comparison and a sum",
                      "use max or min pooling");
    if (ts_dtype_get((ts_dtype)op->operands[1]->type.dtype)->kind != 'f')
        return refuse(lower, op, "select_and_scatter of predicates, or of huge windows of integers",
                      "convert to f32 first");
    ts_window_read(op, &window);
    for (int i = 0; i < window.rank; i++)
        if (window.low[i] < 0 || window.high[i] < 0)
            return refuse(lower, op, "select_and_scatter with negative padding", "slice the operand first");
    TS_TRY(ts_lower_tensor(lower, op->operands[0], &in));
    TS_TRY(ts_lower_tensor(lower, op->operands[1], &s.source));
    TS_TRY(ts_lower_view(lower, op->operands[2], &init));
    if (init.kind == ts_view_tensor && init.dtype != ts_dtype_f32)
        return refuse(lower, op, "a computed start value that is not f32", "use a constant start value");
    if (ts_type_elems(&op->results[0]->type) == 0) {
        ts_lower_result(lower, op->results[0]);
        return ts_ok;
    }
    TS_TRY(prepare(&s, lower, &window, &in, &init, &padded));
    if (ts_view_elems(&s.source) > 0) {
        ts_window_plan(&s.w, lower, &window, &padded, &s.source, MAX_FREE);
        run(&s);
    }
    return take_inside(lower, &window, op, &s.sum);
}
