/* ScalarE: activation, out = func(data * scale + bias), with sums in its accumulators. */
#include <stddef.h>

#include "machine/through.h"

typedef struct activation {
    ts_rows dst, data, bias;
    ts_ahead ahead;
    ts_accumulation sum;
    ts_column scale;
    ts_chunks chunks;
    ts_isa isa;
    uint8_t func;
    bool has_bias, has_scale;
} activation;

/* data * scale + bias with two roundings, as the datapath is described to have two stages (ARCH:421). */
TS_CLONES
static void prepare(const float *in, float *out, int64_t n, const float *scale, const float *bias) {
    if (scale && bias) {
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) out[i] = in[i] * *scale + *bias;
    } else if (scale) {
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) out[i] = in[i] * *scale;
    } else {
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) out[i] = in[i] + *bias;
    }
}

static void in_steps(const activation *a, const float *values, int64_t n, const float *scale,
                     const float *bias, float *in, float *target) {
    const bool is_prepared = scale || bias, is_copy = a->func == ts_act_copy;
    if (is_prepared) {
        float *to = is_copy ? target : in;
        prepare(values, to, n, scale, bias);
        values = to;
    }
    if (!is_prepared || !is_copy) ts_act_floats(a->isa, a->func, values, target, n);
}

/* Computes and writes one chunk; returns its fp32 results, which may be the row itself. *tries: whether to
   try a single pass first; cleared when that does not do. */
static const float *one_chunk(const activation *a, int64_t part, int64_t from, int64_t n, const float *scale,
                              const float *bias, float *in, float *out, bool *tries) {
    const float *values = ts_rows_read(&a->data, part, from, n, in);
    float *target = ts_rows_target(&a->dst, part, from, n, out);
    const int64_t begin = from * (int64_t)sizeof(float), end = begin + n * (int64_t)sizeof(float);
    const uint8_t *row =
        a->ahead.data && end <= a->ahead.bytes ? a->ahead.data + part * a->ahead.pitch + begin : NULL;
    const ts_next next = {(const float *)(const void *)row, a->ahead.is_written};
    *tries = *tries && ts_act_try(a->isa, a->func, values, scale, bias, next, target, n);
    if (!*tries) in_steps(a, values, n, scale, bias, in, target);
    ts_rows_write(&a->dst, part, from, n, target);
    return target;
}

static void activate(void *context, int64_t first, int64_t last) {
    const activation *a = context;
    _Alignas(64) float in[TS_CHUNK], out[TS_CHUNK];
    _Alignas(64) float column[TS_CHUNK];
    float scale = 1, bias = 0;
    bool tries = true;
    ts_chunk at = ts_chunk_at(&a->chunks, first);
    int64_t seen = -1;
    for (int64_t left = last - first; left > 0; left--, ts_chunk_next(&a->chunks, &at)) {
        if (at.part != seen) {
            scale = ts_column_value(&a->scale, at.part);
            if (a->has_bias) bias = *ts_rows_read(&a->bias, at.part, 0, 1, column);
            seen = at.part;
        }
        one_chunk(a, at.part, at.from, at.n, a->has_scale ? &scale : NULL, a->has_bias ? &bias : NULL, in,
                  out, &tries);
    }
}

/* The same with accumulators, which add the fp32 results left to right, before the cast to dst. Several
   partitions go side by side. */
static void activate_and_sum(void *context, int64_t first, int64_t last) {
    const activation *a = context;
    _Alignas(64) float in[TS_CHUNK], out[TS_LANES][TS_CHUNK];
    bool tries = true;
    for (int64_t part = first; part < last; part += TS_LANES) {
        int lanes = last - part < TS_LANES ? (int)(last - part) : TS_LANES;
        float scale[TS_LANES], bias[TS_LANES] = {0}, totals[TS_LANES] = {0};
        for (int lane = 0; lane < lanes; lane++) {
            scale[lane] = ts_column_value(&a->scale, part + lane);
            if (a->has_bias) bias[lane] = *ts_rows_read(&a->bias, part + lane, 0, 1, in);
            totals[lane] = ts_accumulation_begin(&a->sum, part + lane);
        }
        for (int64_t from = 0; from < a->dst.elems; from += a->chunks.size) {
            const float *rows[TS_LANES];
            int64_t n = ts_chunk_length(&a->chunks, from);
            for (int lane = 0; lane < TS_LANES; lane++) {
                rows[lane] = lane < lanes
                                 ? one_chunk(a, part + lane, from, n, a->has_scale ? &scale[lane] : NULL,
                                             a->has_bias ? &bias[lane] : NULL, in, out[lane], &tries)
                                 : rows[0];
            }
            if (ts_cmd_folds(a->sum.cmd)) ts_fold_add(rows, n, totals);
        }
        for (int lane = 0; lane < lanes; lane++)
            ts_accumulation_end(&a->sum, part + lane, totals[lane]);
    }
}

ts_status ts_exec_activation(ts_exec *exec, const ts_inst *head) {
    const ts_inst_activation *inst = (const ts_inst_activation *)head;
    ts_operand_set set = {.exec = exec};
    activation a = {.isa = exec->host.isa,
                    .func = inst->func,
                    .has_bias = inst->bias.space != ts_space_none,
                    .sum = {.op = ts_alu_add, .cmd = inst->reduce_cmd}};
    ts_rows_whole(&set, &inst->dst, &a.dst);
    ts_rows_source_near(&set, &inst->data, &a.dst, true, &a.data);
    ts_column_get(&set, &inst->scale, &a.dst, &a.scale);
    if (a.has_bias) ts_rows_source(&set, &inst->bias, &a.dst, false, &a.bias);
    ts_accumulation_get(&set, &inst->reduce, &a.dst, &a.sum);
    if (a.sum.has_result) {
        ts_rows_protect(&set, &a.data, &a.sum.result, false);
        if (!a.scale.is_constant) ts_rows_protect(&set, &a.scale.rows, &a.sum.result, false);
        if (a.has_bias) ts_rows_protect(&set, &a.bias, &a.sum.result, false);
    }
    if (!ts_operands_known(&set)) return ts_ok;
    ts_read_through(&set, &a.data);
    a.has_scale = !a.scale.is_constant || a.scale.value != 1;
    a.chunks = ts_chunks_of(&a.dst);
    double ns = 0.3 + ts_act_ns(a.func);
    double unit_ns = ns * (double)(a.chunks.per_row > 1 ? a.chunks.size : a.dst.elems);
    ts_work work = {activate, a.dst.parts, a.chunks.per_row, unit_ns, &a, sizeof a};
    if (a.sum.has_result || a.sum.cmd != ts_cmd_idle)
        work = (ts_work){activate_and_sum, a.dst.parts, 1, ns * (double)a.dst.elems, &a, sizeof a};
    if (ts_work_rows(&set, &work)) ts_fetch_ahead(&set, offsetof(activation, ahead));
    return ts_ok;
}
