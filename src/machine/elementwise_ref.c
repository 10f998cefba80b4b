/* Instructions that work element by element: copies, fills, and one or two ALU operators. */
#include <math.h>
#include <string.h>

#include "machine/deferred.h"
#include "machine/through.h"

/* ---- operators: dst = data op0 b [op1 c] ---- */

typedef struct step {
    uint8_t op;
    bool is_reversed;
    bool is_column; /* the other operand is one value per partition */
    ts_rows rows;
    ts_column column;
} step;

typedef struct chain {
    ts_rows dst, data;
    ts_chunks chunks;
    int steps;
    step step[2];
    bool is_integer; /* computes on integers as stored, not in fp32 */
    bool is_signed, is_bits;
} chain;

static void chain_floats(void *context, int64_t first, int64_t last) {
    const chain *c = context;
    _Alignas(64) float in[TS_CHUNK], out[TS_CHUNK], side[2][TS_CHUNK], between[TS_CHUNK];
    float value[2] = {0};
    int64_t filled = -1, longest = ts_chunk_length(&c->chunks, 0);
    ts_chunk at = ts_chunk_at(&c->chunks, first);
    for (int64_t left = last - first; left > 0; left--, ts_chunk_next(&c->chunks, &at)) {
        const int64_t part = at.part, from = at.from, n = at.n;
        const float *a = ts_rows_read(&c->data, part, from, n, in);
        float *target = ts_rows_target(&c->dst, part, from, n, out);
        for (int i = 0; i < c->steps; i++) {
            const step *s = &c->step[i];
            const float *b = side[i];
            /* Only the last step may write: dst can be a source of a later one. */
            float *result = i + 1 < c->steps ? between : target;
            if (!s->is_column) {
                b = ts_rows_read(&s->rows, part, from, n, side[i]);
            } else {
                const bool is_new = filled != part && (filled < 0 || !s->column.is_constant);
                if (is_new) value[i] = ts_column_value(&s->column, part);
                if (ts_alu_floats_by(s->op, a, value[i], s->is_reversed, result, n)) {
                    a = result;
                    continue;
                }
                for (int64_t j = 0; is_new && j < longest; j++)
                    side[i][j] = value[i];
            }
            ts_alu_floats(s->op, s->is_reversed ? b : a, s->is_reversed ? a : b, result, n);
            a = result;
        }
        filled = part;
        ts_rows_write(&c->dst, part, from, n, a);
    }
}

static ts_alu_two two_of(const chain *c) {
    return (ts_alu_two){.op = {c->step[0].op, c->step[1].op},
                        .is_reversed = {c->step[0].is_reversed, c->step[1].is_reversed}};
}

/* Whether one loop can apply both operators; the first one's other operand is one value per partition. */
static bool takes_two(const chain *c) {
    const ts_alu_two two = two_of(c);
    return c->steps == 2 && c->step[0].is_column && ts_alu_is_two(&two);
}

static void chain_two(void *context, int64_t first, int64_t last) {
    const chain *c = context;
    const step *second = &c->step[1];
    _Alignas(64) float in[TS_CHUNK], side[TS_CHUNK], out[TS_CHUNK];
    ts_alu_two two = two_of(c);
    int64_t known = -1;
    ts_chunk at = ts_chunk_at(&c->chunks, first);
    for (int64_t left = last - first; left > 0; left--, ts_chunk_next(&c->chunks, &at)) {
        if (known != at.part) two.number[0] = ts_column_value(&c->step[0].column, at.part);
        if (known != at.part && second->is_column) two.number[1] = ts_column_value(&second->column, at.part);
        known = at.part;
        const float *a = ts_rows_read(&c->data, at.part, at.from, at.n, in);
        const float *b = second->is_column ? NULL : ts_rows_read(&second->rows, at.part, at.from, at.n, side);
        float *target = ts_rows_target(&c->dst, at.part, at.from, at.n, out);
        ts_alu_floats_two(&two, a, b, target, at.n);
        ts_rows_write(&c->dst, at.part, at.from, at.n, target);
    }
}

/* For rows of one element each: gathers those of n partitions, so that they are computed as one row. */
static void gather_column(const ts_rows *rows, int64_t part, int64_t n, float *values) {
    _Alignas(64) float buffer[TS_CHUNK];
    for (int64_t i = 0; i < n; i++)
        values[i] = *ts_rows_read(rows, part + i, 0, 1, buffer);
}

static void chain_columns(void *context, int64_t first, int64_t last) {
    const chain *c = context;
    _Alignas(64) float a[TS_CHUNK], b[TS_CHUNK];
    for (int64_t part = first, n; part < last; part += n) {
        n = last - part < TS_CHUNK ? last - part : TS_CHUNK;
        gather_column(&c->data, part, n, a);
        for (int i = 0; i < c->steps; i++) {
            const step *s = &c->step[i];
            if (!s->is_column || !s->column.is_constant)
                gather_column(s->is_column ? &s->column.rows : &s->rows, part, n, b);
            else
                for (int64_t j = 0; j < n; j++)
                    b[j] = (float)s->column.value;
            ts_alu_floats(s->op, s->is_reversed ? b : a, s->is_reversed ? a : b, a, n);
        }
        for (int64_t i = 0; i < n; i++)
            ts_rows_write(&c->dst, part + i, 0, 1, &a[i]);
    }
}

static bool is_bf16(const ts_rows *rows) {
    return rows->dtype == ts_dtype_bf16;
}

/* Whether a loop over bf16 can do it: one operator, all operands bf16, rounded to nearest. */
static bool takes_bf16(const chain *c) {
    const step *s = &c->step[0];
    return c->steps == 1 && ts_alu_is_bf16(s->op) && is_bf16(&c->dst) && is_bf16(&c->data) &&
           (s->is_column || is_bf16(&s->rows)) && !c->dst.is_stochastic && !c->dst.casts;
}

static void chain_bf16(void *context, int64_t first, int64_t last) {
    const chain *c = context;
    const step *s = &c->step[0];
    _Alignas(64) uint16_t in[TS_CHUNK], side[TS_CHUNK], out[TS_CHUNK];
    const bool is_flat = ts_rows_are_arrays(&c->dst);
    ts_chunk at = ts_chunk_at(&c->chunks, first);
    for (int64_t left = last - first; left > 0; left--, ts_chunk_next(&c->chunks, &at)) {
        const uint16_t *a = ts_rows_read_raw(&c->data, at.part, at.from, at.n, in);
        uint16_t *target = is_flat ? (uint16_t *)(void *)ts_rows_at(&c->dst, at.part) + at.from : out;
        if (!s->is_column) {
            const uint16_t *b = ts_rows_read_raw(&s->rows, at.part, at.from, at.n, side);
            ts_alu_bf16(s->op, s->is_reversed ? b : a, s->is_reversed ? a : b, target, at.n);
        } else if (s->is_reversed) {
            ts_alu_bf16_of(s->op, ts_column_value(&s->column, at.part), a, target, at.n);
        } else {
            ts_alu_bf16_by(s->op, a, ts_column_value(&s->column, at.part), target, at.n);
        }
        if (!is_flat) ts_rows_write_raw(&c->dst, at.part, at.from, at.n, out);
    }
}

static void chain_ints(void *context, int64_t first, int64_t last) {
    const chain *c = context;
    _Alignas(64) uint32_t in[TS_CHUNK], out[TS_CHUNK], side[TS_CHUNK];
    ts_chunk at = ts_chunk_at(&c->chunks, first);
    for (int64_t left = last - first; left > 0; left--, ts_chunk_next(&c->chunks, &at)) {
        const int64_t part = at.part, from = at.from, n = at.n;
        const uint32_t *a = ts_rows_read_bits(&c->data, part, from, n, in);
        for (int i = 0; i < c->steps; i++) {
            const step *s = &c->step[i];
            const uint32_t *b = side;
            if (!s->is_column) {
                b = ts_rows_read_bits(&s->rows, part, from, n, side);
            } else {
                uint32_t value = (uint32_t)ts_column_int(&s->column, part);
                for (int64_t j = 0; j < n; j++)
                    side[j] = value;
            }
            ts_alu_ints(s->op, c->is_signed, c->data.size * 8, s->is_reversed ? b : a, s->is_reversed ? a : b,
                        out, n);
            a = out;
        }
        if (c->is_bits)
            ts_rows_write_bits(&c->dst, part, from, n, a);
        else
            ts_rows_write_ints(&c->dst, part, from, n, a, c->is_signed);
    }
}

static void run_chain(ts_operand_set *set, chain *c) {
    double ns = 0.2;
    ts_read_through(set, &c->data);
    for (int i = 0; i < c->steps; i++) {
        ns += ts_alu_ns(c->step[i].op);
        if (!c->step[i].is_column) ts_read_through(set, &c->step[i].rows);
    }
    c->chunks = ts_chunks_of(&c->dst);
    c->is_bits = ts_alu_kind(c->step[c->steps - 1].op) == 'b';
    c->is_signed = ts_dtype_get(c->data.dtype)->kind == 's';
    double unit_ns = ns * (double)(c->chunks.per_row > 1 ? c->chunks.size : c->dst.elems);
    ts_piece *task = c->is_integer       ? chain_ints
                     : takes_bf16(c)     ? chain_bf16
                     : c->dst.elems == 1 ? chain_columns
                     : takes_two(c)      ? chain_two
                                         : chain_floats;
    ts_work_rows(set, &(ts_work){task, c->dst.parts, c->chunks.per_row, unit_ns, c, sizeof *c});
}

ts_status ts_exec_tensor_tensor(ts_exec *exec, const ts_inst *head) {
    const ts_inst_tensor_tensor *inst = (const ts_inst_tensor_tensor *)head;
    ts_operand_set set = {.exec = exec};
    chain c = {.steps = 1, .step = {{.op = inst->op}}};
    ts_rows_whole(&set, &inst->dst, &c.dst);
    ts_rows_source_near(&set, &inst->data1, &c.dst, true, &c.data);
    ts_rows_source_near(&set, &inst->data2, &c.dst, true, &c.step[0].rows);
    if (!ts_operands_known(&set)) return ts_ok;
    c.is_integer = ts_alu_is_integer(head, inst->op, inst->data1.dtype, inst->data2.dtype);
    run_chain(&set, &c);
    return ts_ok;
}

/* On integers, constants and integer columns are exact, and float columns are truncated. */
ts_status ts_exec_tensor_scalar(ts_exec *exec, const ts_inst *head) {
    const ts_inst_tensor_scalar *inst = (const ts_inst_tensor_scalar *)head;
    ts_operand_set set = {.exec = exec};
    chain c = {.steps = inst->op1 == ts_alu_bypass ? 1 : 2,
               .step = {{.op = inst->op0, .is_reversed = inst->reverse0, .is_column = true},
                        {.op = inst->op1, .is_reversed = inst->reverse1, .is_column = true}}};
    ts_rows_whole(&set, &inst->dst, &c.dst);
    ts_rows_source_near(&set, &inst->data, &c.dst, true, &c.data);
    ts_column_get(&set, &inst->operand0, &c.dst, &c.step[0].column);
    if (c.steps == 2) ts_column_get(&set, &inst->operand1, &c.dst, &c.step[1].column);
    if (!ts_operands_known(&set)) return ts_ok;
    c.is_integer = ts_alu_is_integer(head, inst->op0, inst->data.dtype, inst->data.dtype) &&
                   (c.steps == 1 || ts_alu_is_integer(head, inst->op1, inst->data.dtype, inst->data.dtype));
    run_chain(&set, &c);
    return ts_ok;
}

ts_status ts_exec_scalar_tensor_tensor(ts_exec *exec, const ts_inst *head) {
    const ts_inst_scalar_tensor_tensor *inst = (const ts_inst_scalar_tensor_tensor *)head;
    ts_operand_set set = {.exec = exec};
    chain c = {.steps = 2,
               .step = {{.op = inst->op0, .is_reversed = inst->reverse0, .is_column = true},
                        {.op = inst->op1, .is_reversed = inst->reverse1}}};
    ts_rows_whole(&set, &inst->dst, &c.dst);
    ts_rows_source_near(&set, &inst->data, &c.dst, true, &c.data);
    ts_column_get(&set, &inst->operand0, &c.dst, &c.step[0].column);
    ts_rows_source_near(&set, &inst->operand1, &c.dst, true, &c.step[1].rows);
    if (!ts_operands_known(&set)) return ts_ok;
    c.is_integer = ts_alu_is_integer(head, inst->op0, inst->data.dtype, inst->operand1.dtype);
    run_chain(&set, &c);
    return ts_ok;
}

ts_status ts_exec_reciprocal(ts_exec *exec, const ts_inst *head) {
    const ts_inst_reciprocal *inst = (const ts_inst_reciprocal *)head;
    ts_operand_set set = {.exec = exec};
    chain c = {.steps = 1,
               .step = {{.op = ts_alu_divide,
                         .is_reversed = true,
                         .is_column = true,
                         .column = {.is_constant = true, .value = 1}}}};
    ts_rows_whole(&set, &inst->dst, &c.dst);
    ts_rows_source_near(&set, &inst->data, &c.dst, true, &c.data);
    if (ts_operands_known(&set)) run_chain(&set, &c);
    return ts_ok;
}

/* ---- copies ---- */

typedef struct copy {
    ts_rows dst, src, predicate;
    ts_chunks chunks;
    bool is_exact;    /* no cast: copies bits */
    bool is_reversed; /* copies where the predicate is 0 */
} copy;

static void copy_rows(void *context, int64_t first, int64_t last) {
    const copy *c = context;
    _Alignas(64) float buffer[TS_CHUNK];
    ts_chunk at = ts_chunk_at(&c->chunks, first);
    for (int64_t left = last - first; left > 0; left--, ts_chunk_next(&c->chunks, &at)) {
        const int64_t part = at.part, from = at.from, n = at.n;
        if (c->is_exact) {
            ts_rows_write_raw(&c->dst, part, from, n, ts_rows_read_raw(&c->src, part, from, n, buffer));
        } else {
            float *target = ts_rows_target(&c->dst, part, from, n, buffer);
            ts_rows_write(&c->dst, part, from, n, ts_rows_read(&c->src, part, from, n, target));
        }
    }
}

/* ---- copies whose rows are in another order ---- */

/* The rows of a partition as two patterns with a common cut; the bases are those of partition 0. */
typedef struct permuted {
    ts_pair pair;
    int64_t dst_pitch, src_pitch;
} permuted;

static void move_permuted(void *context, int64_t first, int64_t last) {
    const permuted *p = context;
    for (int64_t part = first; part < last; part++) {
        ts_pair pair = p->pair;
        pair.dst += part * p->dst_pitch;
        pair.src += part * p->src_pitch;
        ts_pair_move(&pair, 0, pair.dims ? pair.count[0] : 1);
    }
}

static ts_pattern pattern_of(const ts_rows *rows) {
    ts_pattern pattern = {.base = rows->base, .dtype = rows->dtype, .size = rows->size, .dims = rows->dims};
    memcpy(pattern.step, rows->step, sizeof rows->step);
    memcpy(pattern.count, rows->count, sizeof rows->count);
    return pattern;
}

/* Copies bits that may move in any order. False: the rows do not allow it, and nothing was done. */
static bool run_permuted(ts_operand_set *set, const copy *c) {
    permuted p = {.dst_pitch = c->dst.pitch, .src_pitch = c->src.pitch};
    ts_pattern dst = pattern_of(&c->dst), src = pattern_of(&c->src);
    if (c->dst.dims * c->src.dims == 1 || !ts_pattern_is_disjoint(&dst) || !ts_pair_make(&dst, &src, &p.pair))
        return false;
    ts_pair_arrange(&p.pair);
    p.pair.isa = set->exec->host.isa;
    double ns = 0.3 * (double)c->dst.elems;
    ts_work_local(set, &(ts_work){move_permuted, c->dst.parts, 1, ns, &p, sizeof p});
    return true;
}

static ts_work work_of(copy *c, ts_piece *task, double ns) {
    c->chunks = ts_chunks_of(&c->dst);
    double unit_ns = ns * (double)(c->chunks.per_row > 1 ? c->chunks.size : c->dst.elems);
    return (ts_work){task, c->dst.parts, c->chunks.per_row, unit_ns, c, sizeof *c};
}

/* ScalarE copies through its fp32 datapath even when the dtypes agree (ISA:393-397). */
ts_status ts_exec_tensor_copy(ts_exec *exec, const ts_inst *head) {
    const ts_inst_tensor_copy *inst = (const ts_inst_tensor_copy *)head;
    ts_operand_set set = {.exec = exec};
    copy c = {.is_exact = inst->dst.dtype == inst->src.dtype && head->engine != ts_engine_scalar};
    ts_rows_whole(&set, &inst->dst, &c.dst);
    ts_rows_peek(&set, &inst->src, &c.src);
    if (ts_defer_join(&set, &c.dst, &c.src)) return ts_ok;
    const bool is_whole_words = c.src.dtype != ts_dtype_u16; /* copies of u16 may be put off */
    (is_whole_words ? ts_rows_meet_near : ts_rows_meet)(&set, &c.dst, true, &c.src);
    if (!ts_operands_known(&set)) return ts_ok;
    if (is_whole_words) ts_read_through(&set, &c.src);
    if (c.is_exact && run_permuted(&set, &c)) return ts_ok;
    const ts_work work = work_of(&c, copy_rows, 0.2);
    if (!ts_defer_halves(&set, &c.dst, &c.src, &work)) ts_work_rows(&set, &work);
    return ts_ok;
}

#define BLEND(type)                                                                                          \
    do {                                                                                                     \
        const type *yes = values, *no = old;                                                                 \
        type *out = result;                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                      \
            out[i] = (mask[i] & keep) ? yes[i] : no[i];                                                      \
    } while (0)

TS_CLONES
void ts_blend(int size, const uint32_t *mask, uint32_t keep, const void *values, const void *old,
              void *result, int64_t n) {
    if (size == 4)
        BLEND(uint32_t);
    else if (size == 2)
        BLEND(uint16_t);
    else
        BLEND(uint8_t);
}

static void copy_predicated(void *context, int64_t first, int64_t last) {
    const copy *c = context;
    _Alignas(64) uint32_t mask_buffer[TS_CHUNK], old_buffer[TS_CHUNK], result[TS_CHUNK], cast[TS_CHUNK];
    _Alignas(64) float buffer[TS_CHUNK];
    /* A predicate of -0.0 counts as zero. */
    uint32_t sign = 1u << (c->predicate.size * 8 - 1);
    uint32_t keep = ts_dtype_get(c->predicate.dtype)->kind == 'f' ? ~sign : UINT32_MAX;
    ts_chunk at = ts_chunk_at(&c->chunks, first);
    for (int64_t left = last - first; left > 0; left--, ts_chunk_next(&c->chunks, &at)) {
        const int64_t part = at.part, from = at.from, n = at.n;
        const uint32_t *mask = ts_rows_read_bits(&c->predicate, part, from, n, mask_buffer);
        const void *old = ts_rows_read_raw(&c->dst, part, from, n, old_buffer), *values = cast;
        if (c->is_exact)
            values = ts_rows_read_raw(&c->src, part, from, n, buffer);
        else
            ts_rows_narrow(&c->dst, part, from, n, ts_rows_read(&c->src, part, from, n, buffer), cast);
        if (c->is_reversed)
            ts_blend(c->dst.size, mask, keep, old, values, result, n);
        else
            ts_blend(c->dst.size, mask, keep, values, old, result, n);
        ts_rows_write_raw(&c->dst, part, from, n, result);
    }
}

ts_status ts_exec_tensor_copy_predicated(ts_exec *exec, const ts_inst *head) {
    const ts_inst_tensor_copy_predicated *inst = (const ts_inst_tensor_copy_predicated *)head;
    ts_operand_set set = {.exec = exec};
    copy c = {.is_exact = inst->dst.dtype == inst->src.dtype, .is_reversed = inst->reverse_pred};
    ts_rows_get(&set, &inst->dst, &c.dst);
    ts_rows_source(&set, &inst->src, &c.dst, true, &c.src);
    ts_rows_source(&set, &inst->predicate, &c.dst, true, &c.predicate);
    if (!ts_operands_known(&set)) return ts_ok;
    const ts_work work = work_of(&c, copy_predicated, 0.5);
    ts_work_local(&set, &work);
    return ts_ok;
}

/* ---- fills ---- */

typedef struct fill {
    ts_rows dst;
    ts_chunks chunks;
    uint32_t bits; /* of one element */
} fill;

static void fill_rows(void *context, int64_t first, int64_t last) {
    const fill *f = context;
    _Alignas(64) uint32_t raw[TS_CHUNK];
    int64_t longest = ts_chunk_length(&f->chunks, 0);
    for (int64_t i = 0; i < longest; i++)
        memcpy((char *)raw + i * f->dst.size, &f->bits, f->dst.size);
    ts_chunk at = ts_chunk_at(&f->chunks, first);
    for (int64_t left = last - first; left > 0; left--, ts_chunk_next(&f->chunks, &at))
        ts_rows_write_raw(&f->dst, at.part, at.from, at.n, raw);
}

/* The bits of one element: integers exact and saturated, floats cast from the value rounded to fp32. */
static uint32_t bits_of(unsigned dtype, double value) {
    const ts_dtype_info *info = ts_dtype_get(dtype);
    uint32_t bits = 0;
    float rounded = (float)value;
    if (info->kind == 'b') return value != 0;
    if (info->kind == 'f') {
        ts_dtype_narrow(dtype, &rounded, &bits, 1);
        return bits;
    }
    double high = ldexp(1, info->bytes * 8 - (info->kind == 's')) - 1,
           low = info->kind == 's' ? -high - 1 : 0;
    if (isnan(value)) return 0;
    return (uint32_t)(int64_t)(value < low ? low : value > high ? high : value);
}

ts_status ts_exec_memset(ts_exec *exec, const ts_inst *head) {
    const ts_inst_memset *inst = (const ts_inst_memset *)head;
    ts_operand_set set = {.exec = exec};
    fill f = {.bits = bits_of(inst->dst.dtype, inst->value)};
    ts_rows_whole(&set, &inst->dst, &f.dst);
    if (!ts_operands_known(&set)) return ts_ok;
    f.chunks = ts_chunks_of(&f.dst);
    double unit_ns = 0.1 * (double)(f.chunks.per_row > 1 ? f.chunks.size : f.dst.elems);
    ts_work_rows(&set, &(ts_work){fill_rows, f.dst.parts, f.chunks.per_row, unit_ns, &f, sizeof f});
    return ts_ok;
}
