/* tensor_reduce: each output element folds the elements of the reduced axes, left to right in fp32. */
#include <string.h>

#include "machine/engine.h"

/* Outputs folded side by side: their chains of additions are independent, the order in each is kept. */
enum { LANES = 8, SHORT_ROW = 64 };

typedef struct reduction {
    ts_rows dst, data;
    uint8_t op;
    int64_t reduced, kept; /* elements in one output, outputs of one partition */
} reduction;

#define FOLD(name, operator)                                                                                 \
    static void fold_##name(const float *const *rows, int64_t n, float *totals) {                            \
        const float *const r0 = rows[0], *const r1 = rows[1], *const r2 = rows[2], *const r3 = rows[3];      \
        const float *const r4 = rows[4], *const r5 = rows[5], *const r6 = rows[6], *const r7 = rows[7];      \
        float t0 = totals[0], t1 = totals[1], t2 = totals[2], t3 = totals[3];                                \
        float t4 = totals[4], t5 = totals[5], t6 = totals[6], t7 = totals[7];                                \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            t0 = t0 operator r0[i];                                                                          \
            t1 = t1 operator r1[i];                                                                          \
            t2 = t2 operator r2[i];                                                                          \
            t3 = t3 operator r3[i];                                                                          \
            t4 = t4 operator r4[i];                                                                          \
            t5 = t5 operator r5[i];                                                                          \
            t6 = t6 operator r6[i];                                                                          \
            t7 = t7 operator r7[i];                                                                          \
        }                                                                                                    \
        memcpy(totals, (float[LANES]){t0, t1, t2, t3, t4, t5, t6, t7}, LANES * sizeof *totals);              \
    }
FOLD(add, +)
FOLD(subtract, -)
FOLD(multiply, *)

/* Any order gives the same value: halves are folded together until one element is left. */
static float fold_halves(unsigned op, const float *row, int64_t n, float total) {
    _Alignas(64) float half[TS_CHUNK];
    while (n > 1) {
        int64_t h = n / 2;
        ts_alu_floats(op, row, row + n - h, half, h);
        if (n % 2) half[h] = row[h];
        row = half;
        n -= h;
    }
    return ts_alu_float(op, total, row[0]);
}

static void fold(unsigned op, const float *const *rows, int lanes, int64_t n, float *totals) {
    switch (op) {
    case ts_alu_add: fold_add(rows, n, totals); return;
    case ts_alu_subtract: fold_subtract(rows, n, totals); return;
    case ts_alu_multiply: fold_multiply(rows, n, totals); return;
    default: break;
    }
    bool is_free = op == ts_alu_max || op == ts_alu_min;
    for (int lane = 0; lane < lanes && n > 0; lane++)
        if (is_free)
            totals[lane] = fold_halves(op, rows[lane], n, totals[lane]);
        else
            for (int64_t i = 0; i < n; i++)
                totals[lane] = ts_alu_float(op, totals[lane], rows[lane][i]);
}

/* The first element starts the chain; of one element a logical operator still gives 0 or 1. */
static float start(const reduction *r, float first) {
    if (r->reduced == 1 && ts_alu_kind(r->op) == 'l') return (float)(first != 0);
    return first;
}

/* Outputs [first, last) of all, counted over partitions: long rows. */
static void reduce_long(void *context, int64_t first, int64_t last) {
    const reduction *r = context;
    _Alignas(64) float buffer[LANES][TS_CHUNK];
    for (int64_t unit = first; unit < last; unit += LANES) {
        int lanes = last - unit < LANES ? (int)(last - unit) : LANES;
        float totals[LANES] = {0};
        const float *rows[LANES];
        for (int64_t at = 0, n; at < r->reduced; at += n) {
            n = r->reduced - at < TS_CHUNK ? r->reduced - at : TS_CHUNK;
            int skipped = at == 0;
            for (int lane = 0; lane < LANES; lane++) {
                if (lane >= lanes) {
                    rows[lane] = rows[0];
                    continue;
                }
                int64_t part = (unit + lane) / r->kept, from = (unit + lane) % r->kept * r->reduced + at;
                rows[lane] = ts_rows_read(&r->data, part, from, n, buffer[lane]);
                if (at == 0) totals[lane] = start(r, rows[lane][0]);
                rows[lane] += skipped;
            }
            fold(r->op, rows, lanes, n - skipped, totals);
        }
        for (int lane = 0; lane < lanes; lane++)
            ts_rows_write(&r->dst, (unit + lane) / r->kept, (unit + lane) % r->kept, 1, &totals[lane]);
    }
}

/* Partitions [first, last): many outputs of few elements each, read together. */
static void reduce_short(void *context, int64_t first, int64_t last) {
    const reduction *r = context;
    _Alignas(64) float in[TS_CHUNK], out[TS_CHUNK];
    int64_t group = TS_CHUNK / r->reduced;
    for (int64_t part = first; part < last; part++)
        for (int64_t done = 0, n; done < r->kept; done += n) {
            n = r->kept - done < group ? r->kept - done : group;
            const float *row = ts_rows_read(&r->data, part, done * r->reduced, n * r->reduced, in);
            for (int64_t i = 0; i < n; i += LANES) {
                int lanes = n - i < LANES ? (int)(n - i) : LANES;
                float totals[LANES] = {0};
                const float *rows[LANES];
                for (int lane = 0; lane < LANES; lane++) {
                    const float *at = row + (i + (lane < lanes ? lane : 0)) * r->reduced;
                    totals[lane] = start(r, at[0]);
                    rows[lane] = at + 1;
                }
                fold(r->op, rows, lanes, r->reduced - 1, totals);
                memcpy(out + i, totals, (size_t)lanes * sizeof *totals);
            }
            ts_rows_write(&r->dst, part, done, n, out);
        }
}

/* Bit operators on integers as they are stored. */
static void reduce_bits(void *context, int64_t first, int64_t last) {
    const reduction *r = context;
    _Alignas(64) uint32_t buffer[TS_CHUNK];
    for (int64_t unit = first; unit < last; unit++) {
        int64_t part = unit / r->kept, from = unit % r->kept * r->reduced;
        uint32_t total = 0;
        for (int64_t at = 0, n; at < r->reduced; at += n) {
            n = r->reduced - at < TS_CHUNK ? r->reduced - at : TS_CHUNK;
            const uint32_t *row = ts_rows_read_bits(&r->data, part, from + at, n, buffer);
            for (int64_t i = 0; i < n; i++)
                if (at + i == 0)
                    total = row[0];
                else
                    ts_alu_ints(r->op, false, r->data.size * 8, &total, &row[i], &total, 1);
        }
        ts_rows_write_bits(&r->dst, part, unit % r->kept, 1, &total);
    }
}

ts_status ts_exec_tensor_reduce(ts_exec *exec, const ts_inst *head) {
    const ts_inst_tensor_reduce *inst = (const ts_inst_tensor_reduce *)head;
    ts_operand_set set = {.exec = exec};
    reduction r = {.op = inst->op, .reduced = 1};
    ts_rows_get(&set, &inst->dst, &r.dst);
    ts_rows_source(&set, &inst->data, &r.dst, false, &r.data);
    if (!ts_operands_ready(&set)) return ts_ok;
    for (int i = inst->data.dims - inst->axes; i < inst->data.dims; i++)
        if (i >= 0) r.reduced *= ts_count_value(exec->program, &inst->data.dim[i].count, exec->counters);
    r.kept = r.data.elems / r.reduced;
    double row_ns = 0.3 * (double)r.reduced;
    if (ts_alu_kind(r.op) == 'b')
        ts_split(exec, r.dst.parts * r.kept, 10 * row_ns, reduce_bits, &r);
    else if (r.reduced < SHORT_ROW)
        ts_split(exec, r.dst.parts, row_ns * (double)r.kept, reduce_short, &r);
    else
        ts_split(exec, r.dst.parts * r.kept, row_ns, reduce_long, &r);
    return ts_ok;
}
