/* GpSimdE: iota. Its exact integer arithmetic is that of elementwise_ref.c. */
#include "machine/engine.h"

typedef struct iota {
    ts_rows dst;
    ts_ref ref; /* dst before neighbouring dimensions were joined: the pattern has a step for each */
    const ts_field_steps *pattern;
    int64_t offset, channel_multiplier;
} iota;

/* int32 arithmetic wraps. */
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
    ts_rows_get(&set, &inst->dst, &io.dst);
    if (!ts_operands_known(&set)) return ts_ok;
    ts_ap_resolve(exec->program, &inst->dst, exec->counters, &io.ref);
    io.offset = ts_affine_value(exec->program, &inst->offset, exec->counters);
    ts_work_local(&set, &(ts_work){fill, io.dst.parts, 1, 0.5 * (double)io.dst.elems, &io, sizeof io});
    return ts_ok;
}
