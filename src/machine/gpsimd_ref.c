/* GpSimdE: iota, affine_select, which selects by such a pattern of integers, and reductions over partitions.
   Exact integer arithmetic is in elementwise_ref.c. */
#include "machine/engine.h"

typedef struct iota {
    ts_rows dst;
    ts_ref ref; /* dst before neighbouring dimensions were joined: the pattern has a step for each */
    const ts_field_steps *pattern;
    int64_t offset, channel_multiplier;
} iota;

/* Elements [from, from + n) of the pattern that begins at `start`. int32 arithmetic wraps. */
static void fill_chunk(const iota *io, int64_t start, int64_t from, int64_t n, uint32_t *values) {
    for (int64_t i = 0, at = from; i < n;) {
        int64_t value = start, rest = at, inner = 0, step = 0;
        for (int d = io->ref.dims; d-- > 0;) {
            int64_t index = rest % io->ref.count[d];
            rest /= io->ref.count[d];
            if (d < 4) value += io->pattern->step[d] * index;
            if (d == io->ref.dims - 1) {
                inner = io->ref.count[d] - index;
                step = d < 4 ? io->pattern->step[d] : 0;
            }
        }
        if (io->ref.dims == 0) inner = 1;
        for (int64_t j = 0; j < inner && i < n; j++, i++, at++)
            values[i] = (uint32_t)((uint64_t)value + (uint64_t)j * (uint64_t)step);
    }
}

static void fill(void *context, int64_t first, int64_t last) {
    const iota *io = context;
    _Alignas(64) uint32_t values[TS_CHUNK];
    for (int64_t part = first; part < last; part++)
        for (int64_t from = 0, n; from < io->dst.elems; from += n) {
            n = io->dst.elems - from < TS_CHUNK ? io->dst.elems - from : TS_CHUNK;
            fill_chunk(io, io->offset + part * io->channel_multiplier, from, n, values);
            ts_rows_write_ints(&io->dst, part, from, n, values, true);
        }
}

ts_status ts_exec_iota(ts_exec *exec, const ts_inst *head) {
    const ts_inst_iota *inst = (const ts_inst_iota *)head;
    ts_operand_set set = {.exec = exec};
    iota io = {.pattern = &inst->pattern, .channel_multiplier = inst->channel_multiplier};
    ts_rows_whole(&set, &inst->dst, &io.dst);
    if (!ts_operands_known(&set)) return ts_ok;
    ts_ap_resolve(exec->program, &inst->dst, exec->counters, &io.ref);
    io.offset = ts_affine_value(exec->program, &inst->offset, exec->counters);
    ts_work_local(&set, &(ts_work){fill, io.dst.parts, 1, 0.5 * (double)io.dst.elems, &io, sizeof io});
    return ts_ok;
}

/* ---- affine_select ---- */

typedef struct affine_select {
    iota pattern;
    ts_rows on_true;
    uint8_t cmp_op;
    float on_false;
} affine_select;

static void select_affine(void *context, int64_t first, int64_t last) {
    const affine_select *s = context;
    const iota *io = &s->pattern;
    const bool is_exact = s->on_true.dtype == io->dst.dtype;
    _Alignas(64) uint32_t mask[TS_CHUNK], yes[TS_CHUNK], no[TS_CHUNK], result[TS_CHUNK];
    _Alignas(64) float values[TS_CHUNK];
    const uint32_t zeros[TS_CHUNK] = {0};
    for (int64_t part = first; part < last; part++)
        for (int64_t from = 0, n; from < io->dst.elems; from += n) {
            n = io->dst.elems - from < TS_CHUNK ? io->dst.elems - from : TS_CHUNK;
            fill_chunk(io, io->offset + part * io->channel_multiplier, from, n, mask);
            ts_alu_ints(s->cmp_op, true, 32, mask, zeros, mask, n);
            const void *kept = yes;
            if (is_exact)
                kept = ts_rows_read_raw(&s->on_true, part, from, n, yes);
            else
                ts_rows_narrow(&io->dst, part, from, n, ts_rows_read(&s->on_true, part, from, n, values),
                               yes);
            for (int64_t i = 0; i < n; i++)
                values[i] = s->on_false;
            ts_rows_narrow(&io->dst, part, from, n, values, no);
            ts_blend(io->dst.size, mask, UINT32_MAX, kept, no, result, n);
            ts_rows_write_raw(&io->dst, part, from, n, result);
        }
}

ts_status ts_exec_affine_select(ts_exec *exec, const ts_inst *head) {
    const ts_inst_affine_select *inst = (const ts_inst_affine_select *)head;
    ts_operand_set set = {.exec = exec};
    affine_select s = {.pattern = {.pattern = &inst->pattern, .channel_multiplier = inst->channel_multiplier},
                       .cmp_op = inst->cmp_op,
                       .on_false = (float)inst->on_false};
    ts_rows_whole(&set, &inst->dst, &s.pattern.dst);
    ts_rows_source(&set, &inst->on_true, &s.pattern.dst, true, &s.on_true);
    if (!ts_operands_known(&set)) return ts_ok;
    ts_ap_resolve(exec->program, &inst->dst, exec->counters, &s.pattern.ref);
    s.pattern.offset = ts_affine_value(exec->program, &inst->offset, exec->counters);
    ts_work_local(&set,
                  &(ts_work){select_affine, s.on_true.parts, 1, 2 * (double)s.on_true.elems, &s, sizeof s});
    return ts_ok;
}

/* ---- tensor_partition_reduce ---- */

typedef struct partition_reduce {
    ts_rows dst, data;
    uint8_t op;
    bool is_integer, is_signed;
} partition_reduce;

static void reduce_floats(const partition_reduce *r, int64_t from, int64_t n) {
    _Alignas(64) float total[TS_CHUNK], row[TS_CHUNK];
    const unsigned op = r->op == ts_alu_average ? ts_alu_add : r->op;
    const float share = 1 / (float)r->data.parts;
    for (int64_t part = 0; part < r->data.parts; part++) {
        const float *values = ts_rows_read(&r->data, part, from, n, row);
        ts_alu_floats(part == 0 ? ts_alu_bypass : op, part == 0 ? values : total, values, total, n);
    }
    for (int64_t i = 0; i < n && r->op == ts_alu_average; i++)
        total[i] *= share;
    ts_rows_write(&r->dst, 0, from, n, total);
}

static void reduce_ints(const partition_reduce *r, int64_t from, int64_t n) {
    _Alignas(64) uint32_t total[TS_CHUNK], row[TS_CHUNK];
    for (int64_t part = 0; part < r->data.parts; part++) {
        const uint32_t *values = ts_rows_read_bits(&r->data, part, from, n, row);
        ts_alu_ints(part == 0 ? ts_alu_bypass : r->op, r->is_signed, r->data.size * 8,
                    part == 0 ? values : total, values, total, n);
    }
    if (ts_alu_kind(r->op) == 'b')
        ts_rows_write_bits(&r->dst, 0, from, n, total);
    else
        ts_rows_write_ints(&r->dst, 0, from, n, total, r->is_signed);
}

/* Chunks [first, last) of the resulting row. */
static void reduce_partitions(void *context, int64_t first, int64_t last) {
    const partition_reduce *r = context;
    for (int64_t chunk = first; chunk < last; chunk++) {
        int64_t from = chunk * TS_CHUNK, left = r->dst.elems - from;
        (r->is_integer ? reduce_ints : reduce_floats)(r, from, left < TS_CHUNK ? left : TS_CHUNK);
    }
}

ts_status ts_exec_tensor_partition_reduce(ts_exec *exec, const ts_inst *head) {
    const ts_inst_tensor_partition_reduce *inst = (const ts_inst_tensor_partition_reduce *)head;
    ts_operand_set set = {.exec = exec};
    partition_reduce r = {.op = inst->op};
    ts_rows_whole(&set, &inst->dst, &r.dst);
    ts_rows_source(&set, &inst->data, &r.dst, false, &r.data);
    if (!ts_operands_ready(&set)) return ts_ok;
    r.is_integer = ts_alu_is_integer(head, r.op, r.data.dtype, r.data.dtype);
    r.is_signed = ts_dtype_get(r.data.dtype)->kind == 's';
    int64_t chunks = (r.dst.elems + TS_CHUNK - 1) / TS_CHUNK;
    ts_split(exec, chunks, 0.3 * TS_CHUNK * (double)r.data.parts, reduce_partitions, &r);
    return ts_ok;
}
