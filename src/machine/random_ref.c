/* VectorE's random numbers: rng, set_rng_seed and dropout. What an instruction draws depends on the seed, on
   the number of instructions that drew before it, and on partition and element. */
#include "machine/engine.h"

typedef struct drawing {
    ts_rows dst, data;
    ts_column prob;
    uint32_t key[2];
} drawing;

static void draw_key(ts_core *core, uint32_t key[2]) {
    uint64_t draw = core->draws++;
    ts_random_key(core->seed, (uint32_t)draw, (uint32_t)(draw >> 32), key);
}

/* Draws the bits of partitions [first, last). */
static void fill_bits(void *context, int64_t first, int64_t last) {
    const drawing *d = context;
    _Alignas(64) uint32_t words[TS_CHUNK + 2];
    for (int64_t part = first; part < last; part++)
        for (int64_t from = 0, n; from < d->dst.elems; from += n) {
            n = d->dst.elems - from < TS_CHUNK ? d->dst.elems - from : TS_CHUNK;
            ts_rows_write_bits(&d->dst, part, from, n,
                               ts_random_row(d->key, d->dst.part + part, from, n, words));
        }
}

ts_status ts_exec_rng(ts_exec *exec, const ts_inst *head) {
    const ts_inst_rng *inst = (const ts_inst_rng *)head;
    ts_operand_set set = {.exec = exec};
    drawing d;
    ts_rows_whole(&set, &inst->dst, &d.dst);
    if (!ts_operands_known(&set)) return ts_ok;
    draw_key(exec->core, d.key);
    ts_work_local(&set, &(ts_work){fill_bits, d.dst.parts, 1, 2 * (double)d.dst.elems, &d, sizeof d});
    return ts_ok;
}

ts_status ts_exec_set_rng_seed(ts_exec *exec, const ts_inst *head) {
    const ts_inst_set_rng_seed *inst = (const ts_inst_set_rng_seed *)head;
    ts_operand_set set = {.exec = exec};
    ts_rows seeds;
    uint32_t bits;
    ts_rows_get(&set, &inst->seeds, &seeds);
    if (!ts_operands_ready(&set)) return ts_ok;
    exec->core->seed[0] = *ts_rows_read_bits(&seeds, 0, 0, 1, &bits);
    exec->core->seed[1] = 0;
    exec->core->draws = 0;
    return ts_ok;
}

static void drop(void *context, int64_t first, int64_t last) {
    const drawing *d = context;
    _Alignas(64) uint32_t words[TS_CHUNK + 2], raw[TS_CHUNK], result[TS_CHUNK], kept[TS_CHUNK];
    const uint32_t zeros[TS_CHUNK] = {0};
    for (int64_t part = first; part < last; part++) {
        const double limit = (double)ts_column_value(&d->prob, part) * 0x1p32;
        for (int64_t from = 0, n; from < d->dst.elems; from += n) {
            n = d->dst.elems - from < TS_CHUNK ? d->dst.elems - from : TS_CHUNK;
            const uint32_t *random = ts_random_row(d->key, d->dst.part + part, from, n, words);
            for (int64_t i = 0; i < n; i++)
                kept[i] = !((double)random[i] < limit);
            ts_blend(d->dst.size, kept, UINT32_MAX, ts_rows_read_raw(&d->data, part, from, n, raw), zeros,
                     result, n);
            ts_rows_write_raw(&d->dst, part, from, n, result);
        }
    }
}

ts_status ts_exec_dropout(ts_exec *exec, const ts_inst *head) {
    const ts_inst_dropout *inst = (const ts_inst_dropout *)head;
    ts_operand_set set = {.exec = exec};
    drawing d;
    ts_rows_whole(&set, &inst->dst, &d.dst);
    ts_rows_source(&set, &inst->data, &d.dst, true, &d.data);
    ts_column_get(&set, &inst->prob, &d.dst, &d.prob);
    if (!ts_operands_known(&set)) return ts_ok;
    draw_key(exec->core, d.key);
    ts_work_local(&set, &(ts_work){drop, d.dst.parts, 1, 3 * (double)d.dst.elems, &d, sizeof d});
    return ts_ok;
}
