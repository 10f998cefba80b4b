/* reduce_window: combines the window's positions one after the other in a tile of the output. */
#include "compiler/lower/lower_window.h"

#include <string.h>

enum { MAX_FREE = 8192 };

typedef struct pooling {
    ts_window_nest w;
    ts_builder *b;
    ts_alu alu;
    ts_dtype dtype, wide; /* type of the input, and of the running value */
    ts_view init;
} pooling;

static ts_status refuse(ts_lower *lower, const ts_op_node *op, const char *what, const char *remedy) {
    ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "%s", what);
    ts_diag_remedy(lower->diag, "%s", remedy);
    return ts_unsupported;
}

static ts_tile new_tile(const pooling *p, int64_t elems, ts_dtype dtype, int slots) {
    return ts_build_tile(p->b, ts_space_sbuf, ts_nest_max_parts(&p->w.nest),
                         elems * ts_dtype_get(dtype)->bytes, slots);
}

static ts_ap start_total(pooling *p) {
    ts_ap total = ts_window_out_ap(&p->w, new_tile(p, ts_window_out_elems(&p->w), p->wide, 1), p->wide);
    if (p->init.kind == ts_view_splat) {
        ts_emit_memset(p->b, ts_engine_vector, &total, p->init.value);
        return total;
    }
    ts_ap from = ts_build_hbm(p->init.tensor, ts_chip_dtype(p->init.dtype), ts_affine_const(p->init.offset));
    ts_ap_dim(&from, 0, ts_nest_parts(&p->w.nest));
    for (int i = 0; i < total.dims; i++)
        ts_ap_dim(&from, 0, total.dim[i].count);
    ts_emit_dma(p->b, ts_engine_sync, ts_lower_load_queue(p->w.lower), &total, &from);
    return total;
}

/* Narrow integers were added in words, whose low bytes are the wrapped result. */
static ts_ap narrow_total(pooling *p, const ts_ap *total) {
    if (p->wide == p->dtype) return *total;
    ts_ap narrow = ts_window_out_ap(&p->w, new_tile(p, ts_window_out_elems(&p->w), p->dtype, 2), p->dtype);
    ts_ap from = *total;
    if (p->wide == ts_dtype_i32) {
        int ratio = 4 / ts_dtype_get(p->dtype)->bytes;
        from.dtype = (uint8_t)p->dtype;
        for (int i = 0; i < from.dims; i++)
            from.dim[i].step *= ratio;
    }
    ts_emit_copy(p->b, ts_engine_vector, &narrow, &from);
    return narrow;
}

static void pool(pooling *p) {
    ts_window_nest *w = &p->w;
    ts_nest_open(&w->nest, 0, w->nest.rank);
    ts_ap total = start_total(p);
    ts_window_open(w, 0, w->first_whole);
    ts_tile rows = new_tile(p, ts_window_in_elems(w), p->dtype, 2);
    ts_ap to = ts_window_in_ap(w, rows, p->dtype), from = ts_window_in_hbm(w, &w->in);
    ts_emit_dma(p->b, ts_engine_sync, ts_lower_load_queue(w->lower), &to, &from);
    ts_window_open(w, w->first_whole, w->in.rank);
    ts_ap element = ts_window_at_ap(w, rows, p->dtype);
    bool is_word = p->wide != ts_dtype_f32 && ts_alu_kind(p->alu) != 'b';
    if (is_word && p->dtype != p->wide) {
        ts_ap word = ts_window_out_ap(w, new_tile(p, ts_window_out_elems(w), p->wide, 2), p->wide);
        ts_emit_copy(p->b, ts_engine_vector, &word, &element);
        element = word;
    }
    ts_emit_tensor_tensor(p->b, is_word ? ts_engine_gpsimd : ts_engine_vector, &total, &total, &element,
                          p->alu);
    ts_window_close(w, 0, w->in.rank);
    ts_ap result = narrow_total(p, &total), out = ts_window_out_hbm(w, &w->out);
    ts_emit_dma(p->b, ts_engine_tensor, TS_STORE_QUEUE, &out, &result);
    ts_nest_close(&w->nest, 0, w->nest.rank);
}

/* Chooses the type of the running value: fp32 for floats, words for sums of integers, otherwise the input's
   own. False when the operator cannot be used. */
static bool choose_wide(pooling *p, unsigned dtype) {
    if (ts_dtype_get(p->dtype)->kind == 'f') {
        p->wide = ts_dtype_f32;
        return ts_alu_kind(p->alu) != 'b';
    }
    if (dtype == ts_dtype_i1) {
        if (p->alu == ts_alu_add || p->alu == ts_alu_max) p->alu = ts_alu_bitwise_or;
        if (p->alu == ts_alu_multiply || p->alu == ts_alu_min) p->alu = ts_alu_bitwise_and;
    }
    bool is_kept = ts_alu_kind(p->alu) == 'b' || p->dtype == ts_dtype_u32;
    p->wide = is_kept ? p->dtype : ts_dtype_i32;
    return true;
}

/* Whether a running value can replace whole windows: padding must not change the result. */
static bool is_running(const pooling *p) {
    bool is_idle = p->alu == ts_alu_max || p->alu == ts_alu_min ||
                   (p->alu == ts_alu_add && p->init.value == 0) ||
                   (p->alu == ts_alu_multiply && p->init.value == 1);
    return p->init.kind == ts_view_splat && is_idle && ts_alu_kind(p->alu) != 'b';
}

ts_status ts_lower_reduce_window(ts_lower *lower, ts_op_node *op) {
    pooling p = {.b = &lower->b};
    ts_window window;
    ts_cumulative cumulative;
    ts_view in;
    if (op->operand_count != 2)
        return refuse(lower, op, "a windowed reduction of several arrays at once",
                      "reduce one array at a time");
    if (!ts_region_alu(op->regions[0], &p.alu) || p.alu == ts_alu_bypass)
        return refuse(lower, op, "a windowed reduction by a function that is not one operator",
                      "use sum, prod, max or min");
    p.dtype = ts_chip_dtype(op->operands[0]->type.dtype);
    if (!choose_wide(&p, op->operands[0]->type.dtype))
        return refuse(lower, op, "a windowed bitwise reduction of floats", "convert to integers first");
    ts_window_read(op, &window);
    if (ts_type_elems(&op->results[0]->type) == 0) {
        ts_lower_result(lower, op->results[0]);
        return ts_ok;
    }
    TS_TRY(ts_lower_view(lower, op->operands[1], &p.init));
    if (is_running(&p) && ts_window_is_cumulative(&window, &op->operands[0]->type, &cumulative))
        return ts_lower_cumulative(lower, op, &cumulative, p.alu);
    if (p.wide == ts_dtype_i32 && p.dtype != p.wide && p.init.kind != ts_view_splat)
        return refuse(lower, op, "a computed start value of a narrow integer", "use a constant start value");
    bool is_padded = ts_window_has_padding(&window);
    TS_TRY(is_padded ? ts_lower_view(lower, op->operands[0], &in)
                     : ts_lower_tensor(lower, op->operands[0], &in));
    if (is_padded) TS_TRY(ts_window_pad(lower, &window, &in, &p.init, &in));
    ts_lower_result(lower, op->results[0]);
    ts_window_plan(&p.w, lower, &window, &in, &((ts_lowered *)op->results[0]->note)->view, MAX_FREE);
    pool(&p);
    return ts_ok;
}
