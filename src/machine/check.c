/* Checks while a program runs. Every instruction is completed at once, so that what it read and wrote can be
   examined. SBUF, PSUM, scratch and results have one bit per byte, set when the byte is written. Where NaNs
   come from is kept coarsely: for 64 bytes of all partitions, and for each tensor. */
#include <stdlib.h>
#include <string.h>

#include "arch/cost.h"
#include "base/bitset.h"
#include "machine/check_run.h"

enum { ORIGIN_BYTES = 64 }; /* of each partition that share an origin of NaNs */
static const uint32_t INPUT_ORIGIN = UINT32_C(1) << 31;
enum { HAS_NAN = 1, HAS_INF = 2 }; /* bits: what values hold */

/* ---- operands, run by run ---- */

/* Called with `count` evenly spaced elements; byte and step are bytes. Returns false to stop. */
typedef bool run_visit(void *context, int32_t part, int64_t byte, int64_t count, int64_t step);

static void each_run(const ts_ref *ref, run_visit *visit, void *context) {
    int64_t size = ts_dtype_get((ts_dtype)ref->dtype)->bytes, index[TS_AP_DIMS] = {0};
    int inner = ref->dims - 1;
    int64_t count = inner < 0 ? 1 : ref->count[inner], step = inner < 0 ? size : ref->step[inner] * size;
    int32_t parts = ref->space == ts_space_hbm ? 1 : ref->parts;
    for (int32_t part = 0; part < parts; part++)
        for (int dim = 0; dim >= 0;) {
            int64_t byte = ref->offset;
            for (int i = 0; i < inner; i++)
                byte += index[i] * ref->step[i] * size;
            if (!visit(context, ref->part + part, byte, count, step)) return;
            for (dim = inner - 1; dim >= 0 && ++index[dim] == ref->count[dim]; dim--)
                index[dim] = 0;
        }
}

/* All of the tensor, for an operand whose index may choose any part of it. */
static ts_ref whole(const ts_exec *exec, const ts_ref *ref) {
    const ts_tensor *tensor = &exec->program->tensors.data[ref->tensor];
    ts_ref all = {.space = ts_space_hbm, .dtype = ref->dtype, .dims = 1, .tensor = ref->tensor, .parts = 1};
    all.step[0] = 1;
    all.count[0] = (int64_t)tensor->bytes / ts_dtype_get((ts_dtype)ref->dtype)->bytes;
    return all;
}

/* ---- bits of written bytes ---- */

/* The bits of the memory or tensor of an operand; NULL: all of it counts as written. The bit of byte b in
   partition p is number *first + p * *pitch + b. */
static uint64_t *bits_of(const ts_exec *exec, const ts_ref *ref, int64_t *first, int64_t *pitch) {
    const ts_checks *checks = exec->checks;
    const ts_tensor *tensor = &exec->program->tensors.data[ref->tensor];
    *first = *pitch = 0;
    switch (ref->space) {
    case ts_space_sbuf: *pitch = exec->core->sbuf.bytes; return checks->sbuf;
    case ts_space_psum: *pitch = exec->core->psum.bytes; return checks->psum;
    case ts_space_hbm:
        if (tensor->kind != ts_tensor_scratch) return checks->tensor ? checks->tensor[ref->tensor] : NULL;
        *first = (int64_t)tensor->address;
        return checks->scratch;
    default: return NULL;
    }
}

typedef struct bit_walk {
    uint64_t *bits;
    int64_t first, pitch, size;
    ts_finding found;
    bool is_found;
} bit_walk;

static bool look_for_clear(void *context, int32_t part, int64_t byte, int64_t count, int64_t step) {
    bit_walk *w = context;
    int64_t pieces = step == w->size ? 1 : count, length = step == w->size ? count * w->size : w->size;
    for (int64_t i = 0; i < pieces; i++) {
        int64_t from = w->first + part * w->pitch + byte + i * step;
        int64_t clear = ts_bitset_first_clear(w->bits, from, from + length);
        if (clear == from + length) continue;
        w->is_found = true;
        w->found.part = part;
        w->found.byte = clear - w->first - part * w->pitch;
        return false;
    }
    return true;
}

static bool set_run(void *context, int32_t part, int64_t byte, int64_t count, int64_t step) {
    bit_walk *w = context;
    int64_t pieces = step == w->size ? 1 : count, length = step == w->size ? count * w->size : w->size;
    for (int64_t i = 0; i < pieces; i++) {
        int64_t from = w->first + part * w->pitch + byte + i * step;
        ts_bitset_fill(w->bits, from, from + length, true);
    }
    return true;
}

/* ---- findings ---- */

static ts_finding *finding_of(ts_checks *checks, ts_check_kind kind, uint32_t at) {
    return &checks->findings[kind][at == TS_AT_ENDS ? checks->program->code.count : at];
}

static void add_finding(ts_checks *checks, ts_check_kind kind, uint32_t at, const ts_ref *ref,
                        const ts_finding *where) {
    ts_finding *finding = finding_of(checks, kind, at);
    if (finding->count++ > 0) return;
    uint64_t count = finding->count;
    *finding = *where;
    finding->count = count;
    finding->at = at;
    finding->space = ref->space;
    finding->tensor = ref->tensor;
}

static void check_read(ts_exec *exec, uint32_t at, const ts_ref *ref) {
    bit_walk walk = {.size = ts_dtype_get((ts_dtype)ref->dtype)->bytes};
    walk.bits = bits_of(exec, ref, &walk.first, &walk.pitch);
    if (!walk.bits || ref->index) return;
    each_run(ref, look_for_clear, &walk);
    if (walk.is_found) add_finding(exec->checks, ts_check_unset, at, ref, &walk.found);
}

static void note_written(ts_exec *exec, const ts_ref *ref) {
    bit_walk walk = {.size = ts_dtype_get((ts_dtype)ref->dtype)->bytes};
    walk.bits = bits_of(exec, ref, &walk.first, &walk.pitch);
    if (!walk.bits) return;
    ts_ref all = ref->index ? whole(exec, ref) : *ref;
    each_run(&all, set_run, &walk);
}

/* ---- NaN ---- */

typedef struct value_walk {
    const uint8_t *base;
    int64_t pitch;
    ts_dtype dtype;
    int has;
    ts_finding first; /* where the first NaN lies */
} value_walk;

static bool look_at_values(void *context, int32_t part, int64_t byte, int64_t count, int64_t step) {
    enum { AT_ONCE = 256 };
    value_walk *w = context;
    const uint8_t *at = w->base + part * w->pitch + byte;
    size_t size = (size_t)ts_dtype_get(w->dtype)->bytes;
    for (int64_t done = 0; done < count; done += AT_ONCE) {
        float values[AT_ONCE];
        uint8_t raw[AT_ONCE * sizeof(float)];
        int64_t n = count - done < AT_ONCE ? count - done : AT_ONCE;
        for (int64_t i = 0; i < n; i++)
            memcpy(raw + (size_t)i * size, at + (done + i) * step, size);
        ts_dtype_widen(w->dtype, raw, values, (size_t)n);
        for (int64_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            if ((bits & 0x7F800000) != 0x7F800000) continue;
            bool is_nan = bits & 0x007FFFFF;
            if (is_nan && !(w->has & HAS_NAN)) {
                w->first.part = part;
                w->first.byte = byte + (done + i) * step;
            }
            w->has |= is_nan ? HAS_NAN : HAS_INF;
        }
    }
    return !(w->has & HAS_NAN);
}

static int values_of(const ts_exec *exec, const ts_ref *ref, ts_finding *first) {
    const ts_dtype_info *type = ts_dtype_get((ts_dtype)ref->dtype);
    if (type->kind != 'f' || type->bytes > (int)sizeof(float)) return 0; /* f64 is only moved */
    value_walk walk = {.dtype = (ts_dtype)ref->dtype};
    if (ref->space == ts_space_hbm) {
        walk.base = exec->data[ref->tensor];
    } else {
        const ts_memory *memory = ref->space == ts_space_sbuf ? &exec->core->sbuf : &exec->core->psum;
        walk.base = memory->data;
        walk.pitch = memory->pitch;
    }
    ts_ref all = ref->index ? whole(exec, ref) : *ref;
    each_run(&all, look_at_values, &walk);
    if (first) *first = walk.first;
    return walk.has;
}

/* The origins of the bytes of an operand, *count of them. Outputs that take over an input's memory share that
   input's origin. */
static uint32_t *origins_of(const ts_exec *exec, const ts_ref *ref, int64_t *count) {
    const ts_checks *checks = exec->checks;
    int64_t size = ts_dtype_get((ts_dtype)ref->dtype)->bytes, low = ref->offset, high = ref->offset + size;
    *count = 1;
    if (ref->space == ts_space_hbm) {
        for (uint32_t t = 0; t < ref->tensor; t++)
            if (exec->data[t] == exec->data[ref->tensor]) return &checks->tensor_origin[t];
        return &checks->tensor_origin[ref->tensor];
    }
    for (int i = 0; i < ref->dims; i++) {
        int64_t reach = ref->step[i] * (ref->count[i] - 1) * size;
        *(reach < 0 ? &low : &high) += reach;
    }
    *count = (high + ORIGIN_BYTES - 1) / ORIGIN_BYTES - low / ORIGIN_BYTES;
    return (ref->space == ts_space_sbuf ? checks->sbuf_origin : checks->psum_origin) + low / ORIGIN_BYTES;
}

static uint32_t origin_of(const ts_exec *exec, const ts_ref *ref) {
    int64_t count;
    const uint32_t *origins = origins_of(exec, ref, &count);
    for (int64_t i = 0; i < count; i++)
        if (origins[i]) return origins[i];
    return 0;
}

static void set_origin(const ts_exec *exec, const ts_ref *ref, uint32_t origin) {
    int64_t count;
    uint32_t *origins = origins_of(exec, ref, &count);
    for (int64_t i = 0; i < count; i++)
        origins[i] = origin;
}

/* Examines what the instruction is about to read: returns HAS_ bits, and in *origin where a NaN came from. */
static int look_at_sources(const ts_exec *exec, const ts_inst *inst, const ts_operands *operands,
                           uint32_t *origin) {
    int has = 0;
    *origin = 0;
    for (int i = 0; i < operands->count; i++) {
        const ts_ref *ref = &operands->ref[i];
        if (!operands->is_read[i] && !ts_inst_keeps_some(inst) && !ref->index) continue;
        int own = values_of(exec, ref, NULL);
        if (own & HAS_NAN && !*origin) *origin = origin_of(exec, ref);
        has |= own;
    }
    return has;
}

static void look_at_results(ts_exec *exec, uint32_t at, const ts_operands *operands, int sources,
                            uint32_t origin) {
    if (!(sources & HAS_NAN) || !origin) origin = at + 1;
    for (int i = 0; i < operands->count; i++) {
        ts_finding where;
        const ts_ref *ref = &operands->ref[i];
        if (!operands->is_write[i] || !(values_of(exec, ref, &where) & HAS_NAN)) continue;
        set_origin(exec, ref, origin);
        where.is_source_inf = sources & HAS_INF;
        if (origin == at + 1) add_finding(exec->checks, ts_check_nan, at, ref, &where);
    }
}

static void add_casts(ts_exec *exec, uint32_t at, const ts_operands *operands) {
    ts_checks *checks = exec->checks;
    ts_casts *casts = &checks->casts;
    ts_finding none = {0};
    int to = 0;
    while (to + 1 < operands->count && !operands->is_write[to])
        to++;
    uint32_t largest = (uint32_t)casts->largest;
    if (casts->beyond && checks->kinds >> ts_check_overflow & 1) {
        add_finding(checks, ts_check_overflow, at, &operands->ref[to], &none);
        ts_finding *finding = finding_of(checks, ts_check_overflow, at);
        float value;
        memcpy(&value, &largest, sizeof value);
        finding->elements += casts->beyond;
        finding->dtype = (uint8_t)casts->dtype;
        if (value > finding->largest) finding->largest = value;
    }
    if (exec->is_stochastic && casts->narrowed && checks->kinds >> ts_check_rounding & 1) {
        add_finding(checks, ts_check_rounding, at, &operands->ref[to], &none);
        ts_finding *finding = finding_of(checks, ts_check_rounding, at);
        finding->elements += casts->narrowed;
        finding->up += casts->up;
        finding->down += casts->down;
    }
    memset(casts, 0, sizeof *casts);
}

/* ---- the run ---- */

ts_status ts_check_step(ts_exec *exec, const ts_inst *inst, ts_exec_function *function) {
    ts_checks *checks = exec->checks;
    ts_operands operands;
    uint32_t at = exec->at, origin = 0;
    bool has_unset = checks->kinds >> ts_check_unset & 1, has_nan = checks->kinds >> ts_check_nan & 1;
    if (inst->op == ts_op_loop || inst->op == ts_op_end) return function(exec, inst);
    ts_inst_operands(exec->program, inst, exec->counters, &operands);
    if (operands.is_skipped) return function(exec, inst);
    for (int i = 0; has_unset && i < operands.count; i++)
        if (operands.is_read[i]) check_read(exec, at, &operands.ref[i]);
    int sources = has_nan ? look_at_sources(exec, inst, &operands, &origin) : 0;
    exec->casts = &checks->casts;
    TS_TRY(function(exec, inst));
    ts_segment_run(exec);
    add_casts(exec, at, &operands);
    for (int i = 0; has_unset && i < operands.count; i++)
        if (operands.is_write[i]) note_written(exec, &operands.ref[i]);
    if (has_nan) look_at_results(exec, at, &operands, sources, origin);
    return ts_ok;
}

static ts_ref ref_of_tensor(const ts_exec *exec, uint32_t tensor) {
    ts_ref own = {.tensor = tensor, .dtype = exec->program->tensors.data[tensor].dtype};
    return whole(exec, &own);
}

static bool is_shared(const ts_exec *exec, uint32_t tensor) {
    for (uint32_t t = 0; t < tensor; t++)
        if (exec->data[t] == exec->data[tensor]) return true;
    return false;
}

static uint64_t *new_bits(int64_t bytes) {
    return calloc((size_t)bytes / 64 + 2, sizeof(uint64_t));
}

static bool has_bits(const ts_checks *checks, const ts_program *program) {
    if (!checks->sbuf || !checks->psum || !checks->scratch || !checks->tensor) return false;
    for (uint32_t t = 0; t < program->tensors.count; t++)
        if (program->tensors.data[t].kind == ts_tensor_output && !checks->tensor[t] &&
            program->tensors.data[t].alias < 0)
            return false;
    return true;
}

/* Allocates the bits: nothing on the chip, in scratch or in results counts as written. */
static bool forget_writes(const ts_exec *exec) {
    const ts_program *program = exec->program;
    const ts_memory *sbuf = &exec->core->sbuf, *psum = &exec->core->psum;
    ts_checks *checks = exec->checks;
    checks->sbuf = new_bits(sbuf->partitions * sbuf->bytes);
    checks->psum = new_bits(psum->partitions * psum->bytes);
    checks->scratch = new_bits((int64_t)program->scratch_bytes);
    checks->tensor = calloc((size_t)program->tensors.count + 1, sizeof *checks->tensor);
    for (uint32_t t = 0; checks->tensor && t < program->tensors.count; t++)
        if (program->tensors.data[t].kind == ts_tensor_output && !is_shared(exec, t))
            checks->tensor[t] = new_bits((int64_t)program->tensors.data[t].bytes);
    return has_bits(checks, program);
}

static bool make_origins(const ts_exec *exec) {
    ts_checks *checks = exec->checks;
    size_t tensors = exec->program->tensors.count + 1;
    checks->sbuf_origin = calloc((size_t)exec->core->sbuf.bytes / ORIGIN_BYTES + 1, sizeof(uint32_t));
    checks->psum_origin = calloc((size_t)exec->core->psum.bytes / ORIGIN_BYTES + 1, sizeof(uint32_t));
    checks->tensor_origin = calloc(tensors, sizeof(uint32_t));
    return checks->sbuf_origin && checks->psum_origin && checks->tensor_origin;
}

ts_status ts_check_begin(ts_exec *exec) {
    ts_checks *checks = exec->checks;
    bool has_memory = true;
    if (checks->kinds >> ts_check_races & 1)
        TS_TRY(ts_races_find(exec->program, &exec->machine->chip, TS_RACES_POSITIONS, &checks->races,
                             exec->diag));
    if (checks->kinds >> ts_check_unset & 1) has_memory = forget_writes(exec);
    if (checks->kinds >> ts_check_nan & 1) has_memory = make_origins(exec) && has_memory;
    if (!has_memory) return ts_fail(exec->diag, ts_system, "no host memory for the checks of a run");
    for (uint32_t t = 0; checks->tensor_origin && t < exec->program->tensors.count; t++) {
        ts_tensor_kind kind = exec->program->tensors.data[t].kind;
        if (kind != ts_tensor_input && kind != ts_tensor_constant) continue;
        ts_ref ref = ref_of_tensor(exec, t);
        if (values_of(exec, &ref, NULL) & HAS_NAN) checks->tensor_origin[t] = INPUT_ORIGIN + t;
    }
    return ts_ok;
}

/* Looks for bytes of a result that nothing wrote, and for NaNs, whose origin is then reported. */
static void check_result(ts_exec *exec, uint32_t tensor) {
    ts_checks *checks = exec->checks;
    ts_ref ref = ref_of_tensor(exec, tensor);
    ts_finding where = {0};
    if (checks->kinds >> ts_check_unset & 1) check_read(exec, TS_AT_ENDS, &ref);
    if (!(checks->kinds >> ts_check_nan & 1) || !(values_of(exec, &ref, &where) & HAS_NAN)) return;
    uint32_t origin = origin_of(exec, &ref), input = origin - INPUT_ORIGIN;
    if (origin > 0 && origin < INPUT_ORIGIN) {
        finding_of(checks, ts_check_nan, origin - 1)->is_in_result = true;
        return;
    }
    if (origin >= INPUT_ORIGIN) {
        ref = ref_of_tensor(exec, input);
        values_of(exec, &ref, &where);
    }
    where.is_in_result = true;
    add_finding(checks, ts_check_nan, TS_AT_ENDS, &ref, &where);
}

void ts_check_end(ts_exec *exec) {
    for (uint32_t t = 0; t < exec->program->tensors.count; t++)
        if (exec->program->tensors.data[t].kind == ts_tensor_output) check_result(exec, t);
}
