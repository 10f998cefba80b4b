/* What one instruction costs alone: its operands at one point of the iteration space, the cost column of
   isa.def as compiled expressions, and the descriptors of a DMA. */
#include "arch/cost.h"

#include <math.h>
#include <string.h>

#include "base/integer.h"

static void add_ref(const ts_program *program, const ts_ap *ap, const int64_t *counters, bool is_read,
                    bool is_write, int field, ts_operands *out) {
    if (ap->space == ts_space_none || out->count == TS_MAX_OPERANDS) return;
    ts_ref *ref = &out->ref[out->count];
    ts_ap_resolve(program, ap, counters, ref);
    if (ref->elems == 0 || ref->parts == 0) out->is_skipped = true;
    out->is_read[out->count] = is_read;
    out->is_write[out->count] = is_write;
    out->field[out->count++] = (int8_t)field;
    if (ref->index) add_ref(program, ref->index, counters, true, false, field, out);
}

/* Whether the instruction adds its result to what its destination holds. */
static bool is_accumulating(const ts_inst *inst, const int64_t *counters) {
    if (inst->op == ts_op_dma_copy) return ((const ts_inst_dma_copy *)inst)->rmw != ts_rmw_none;
    if (inst->op != ts_op_nc_matmul) return false;
    const ts_accum *accum = &((const ts_inst_nc_matmul *)inst)->accumulate;
    return accum->mode == ts_accum_always ||
           (accum->mode == ts_accum_unless_first && counters[accum->loop] != 0);
}

void ts_inst_operands(const ts_program *program, const ts_inst *inst, const int64_t *counters,
                      ts_operands *operands) {
    const ts_op_info *info = ts_op_get(inst->op);
    operands->count = 0;
    operands->is_skipped = false;
    for (int i = 0; i < info->field_count; i++) {
        const void *field = (const char *)inst + info->fields[i].offset;
        const ts_scalar *scalar = field;
        switch (info->fields[i].kind) {
        case ts_kind_dst:
            add_ref(program, field, counters, is_accumulating(inst, counters), true, i, operands);
            break;
        case ts_kind_optdst: add_ref(program, field, counters, false, true, i, operands); break;
        case ts_kind_src:
        case ts_kind_opt: add_ref(program, field, counters, true, false, i, operands); break;
        case ts_kind_scalar:
            if (scalar->is_ap) add_ref(program, &scalar->ap, counters, true, false, i, operands);
            break;
        default: break;
        }
    }
}

/* The free variables of the cost column. */
typedef struct facts {
    double n, m, k, p; /* n: free elements of the first source; matmul: n moving, k rows and m columns
                          stationary */
    double strided;    /* most free elements of an operand whose innermost stride is large */
    int64_t elems;
    double source_bytes; /* bytes of an element of the first source */
    bool has_source, has_reduce, has_psum_source, is_fp32, is_bf16, is_dst_16bit;
    bool is_16bit, is_packed; /* bf16 or f16 on both sides; their innermost elements are adjacent */
    int psum_sides;
} facts;

/* Elements that an operand visits one by one; 0 when they lie `limit` bytes or less apart and so cost no
   extra. */
static double strided_elems(const ts_ref *ref, double limit) {
    for (int i = ref->dims; i-- > 0;) {
        if (ref->count[i] == 1) continue;
        int64_t step = ref->step[i] < 0 ? -ref->step[i] : ref->step[i];
        return (double)(step * ts_dtype_get(ref->dtype)->bytes) > limit ? (double)ref->elems : 0;
    }
    return 0;
}

static bool is_contiguous(const ts_ref *ref) {
    int64_t span = 1;
    for (int i = ref->dims; i-- > 0;) {
        if (ref->count[i] != 1 && ref->step[i] != span) return false;
        span *= ref->count[i];
    }
    return true;
}

static bool is_16bit(const ts_ref *ref) {
    return ref->dtype == ts_dtype_bf16 || ref->dtype == ts_dtype_f16;
}

static facts gather_facts(const ts_chip *chip, const ts_inst *inst, const ts_operands *operands) {
    const ts_op_info *info = ts_op_get(inst->op);
    facts f = {.is_bf16 = true, .is_16bit = true, .is_packed = true};
    for (int i = 0; i < operands->count; i++) {
        const ts_ref *ref = &operands->ref[i];
        ts_field_kind kind = info->fields[operands->field[i]].kind;
        double strided = strided_elems(ref, chip->strided_access_bytes);
        if (strided > f.strided) f.strided = strided;
        if (kind == ts_kind_optdst) f.has_reduce = true;
        if (operands->is_write[i]) f.elems += ref->parts * ref->elems;
        if (kind != ts_kind_src && kind != ts_kind_dst) continue;
        if (ref->dtype != ts_dtype_bf16 || !is_contiguous(ref)) f.is_bf16 = false;
        if (!is_16bit(ref)) f.is_16bit = false;
        if (strided_elems(ref, 2) > 0) f.is_packed = false;
        f.psum_sides += ref->space == ts_space_psum;
        if (kind == ts_kind_dst) {
            f.is_dst_16bit = is_16bit(ref);
            if (!f.has_source) f.n = (double)ref->elems, f.p = ref->parts;
            continue;
        }
        if (ref->dtype == ts_dtype_f32) f.is_fp32 = true;
        if (ref->space == ts_space_psum) f.has_psum_source = true;
        if (f.has_source && inst->op != ts_op_nc_matmul) continue;
        if (inst->op == ts_op_nc_matmul && !f.has_source) f.m = (double)ref->elems, f.k = ref->parts;
        f.has_source = true;
        f.source_bytes = ts_dtype_get(ref->dtype)->bytes;
        f.n = (double)ref->elems; /* of a matmul: the second source, moving */
        f.p = ref->parts;
    }
    return f;
}

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double smaller(double a, double b) {
    return a < b ? a : b;
}

/* VectorE's speed-up for copies and scalings of 16-bit floats (T2:224-239). */
static double vector_mode(const ts_chip *chip, ts_engine engine, const facts *f) {
    if (engine != ts_engine_vector || !f->is_16bit) return 1;
    if (f->psum_sides == 0)
        return f->is_packed ? chip->vector_packed_16bit_factor : chip->vector_16bit_factor;
    return f->psum_sides == 1 && f->is_packed ? chip->vector_16bit_factor : 1;
}

#define MAX(a, b)             larger((a), (b))
#define MIN(a, b)             smaller((a), (b))
#define IS_TENSOR             (head->engine == ts_engine_tensor)
#define IS_GPSIMD             (head->engine == ts_engine_gpsimd)
#define IS_FP32_MATMUL        (f->is_fp32)
#define VECTOR_MODE           (vector_mode(chip, head->engine, f))
#define PAIR_MODE             (f->is_16bit ? vector_16bit_factor : 1)
#define IS_DOUBLE_ROW         (inst->is_double_row)
#define IS_ONEZERO            (inst->is_stationary_onezero)
#define HAS_PSUM_SOURCE       (f->has_psum_source)
#define HAS_REDUCE            (f->has_reduce)
#define ALL_BF16              (f->is_bf16)
#define DST_IS_16BIT          (f->is_dst_16bit)
#define VALUE_IS_ZERO         (inst->value == 0)
#define SRC_BYTES             (f->source_bytes)
#define INDICES               ((double)inst->num_valid_indices)
#define ELEMS_PER_INDEX       ((double)inst->num_elem_per_idx)
#define CEIL(a, b)            ceil((a) / (b))
#define OP_IS(field, alu)     (inst->field == ts_alu_##alu)
#define IS_ADD_MUL_SUB(field) (OP_IS(field, add) || OP_IS(field, multiply) || OP_IS(field, subtract))
#define IS_ADD_MAX(field)     (OP_IS(field, add) || OP_IS(field, max))

/* Evaluates the cost column, in cycles of the executing engine. */
static double formula_cycles(const ts_chip *chip, const ts_inst *head, const facts *f) {
    const double N = f->n, M = f->m, K = f->k, P = f->p;
    (void)M, (void)K;
#define PARAM(name, ...)                                                                                     \
    const double name = chip->name;                                                                          \
    (void)name;
#include "arch/chip.def"
    switch (head->op) {
#define F(kind, name)
#define INST(name, engines, since, fields, cost, ...)                                                        \
    case ts_op_##name: {                                                                                     \
        const ts_inst_##name *inst = (const ts_inst_##name *)head;                                           \
        (void)inst;                                                                                          \
        return (double)(cost);                                                                               \
    }
#include "arch/isa.def"
    default: return 0;
    }
}

/* Rounds like llround, without a call. */
static ts_time rounded(double value) {
    ts_time whole = (ts_time)value;
    return whole + (value - (double)whole >= 0.5) - (value - (double)whole <= -0.5);
}

ts_time ts_cycles_time(double cycles, double ghz) {
    return rounded(cycles / ghz * 1000);
}

ts_engine_cost ts_engine_cost_get(const ts_chip *chip, ts_engine engine) {
    switch (engine) {
    case ts_engine_tensor:
        return (ts_engine_cost){chip->tensor_ghz, chip->tensor_overhead_cycles, chip->tensor_latency_cycles,
                                0};
    case ts_engine_vector:
        return (ts_engine_cost){chip->vector_ghz, chip->issue_overhead_cycles, chip->vector_latency_cycles,
                                chip->vector_dependent_cycles};
    case ts_engine_scalar:
        return (ts_engine_cost){chip->scalar_ghz, chip->issue_overhead_cycles, chip->scalar_latency_cycles,
                                chip->scalar_dependent_cycles};
    case ts_engine_gpsimd:
        return (ts_engine_cost){chip->gpsimd_ghz, chip->issue_overhead_cycles, chip->gpsimd_latency_cycles,
                                chip->gpsimd_dependent_cycles};
    default: return (ts_engine_cost){chip->sync_ghz, 0, 0, 0};
    }
}

/* Number of elements visited before the pattern leaves a contiguous run of memory. */
static int64_t run_elems(const ts_ref *ref) {
    if (ref->index) { /* dim[0] is looked up, so a run ends with each of its elements */
        int64_t run = 1;
        for (int i = ref->dims; i-- > 1 && (ref->step[i] == run || ref->count[i] == 1);)
            run *= ref->count[i];
        return run;
    }
    int64_t run = 1;
    for (int i = ref->dims; i-- > 0 && (ref->step[i] == run || ref->count[i] == 1);)
        run *= ref->count[i];
    return run;
}

/* Number of descriptors of a transfer of `total` elements whose sides have runs of `a` and of `b` elements: a
   descriptor ends where either run ends, and is at most `most` elements long. */
static int64_t count_descriptors(int64_t total, int64_t a, int64_t b, int64_t most) {
    if (a % b == 0 || b % a == 0) {
        int64_t run = a < b ? a : b;
        return total / run * ts_ceil_div(run, most) + (total % run ? ts_ceil_div(total % run, most) : 0);
    }
    int64_t both = a / ts_gcd(a, b) * b;
    int64_t runs = ts_ceil_div(total, a) + ts_ceil_div(total, b) - ts_ceil_div(total, both);
    int64_t by_size = ts_ceil_div(total, most);
    return runs > by_size ? runs : by_size;
}

/* The two sides of a transfer. */
typedef struct transfer {
    const ts_ref *dst, *src; /* NULL: there is none */
    bool is_indexed, is_chip_side;
    int64_t parts, total, width; /* partitions on chip; elements and bytes per element of the larger side */
} transfer;

static int64_t larger_count(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static transfer transfer_of(const ts_inst *inst, const ts_operands *operands) {
    const ts_op_info *info = ts_op_get(inst->op);
    transfer t = {.parts = 1, .total = 1, .width = 1};
    for (int i = 0; i < operands->count; i++) {
        const ts_ref *ref = &operands->ref[i];
        const ts_ref **side = info->fields[operands->field[i]].kind == ts_kind_dst ? &t.dst : &t.src;
        if (*side) continue; /* an index operand follows the operand it indexes */
        *side = ref;
        t.width = larger_count(t.width, ts_dtype_get(ref->dtype)->bytes);
        t.total = larger_count(t.total, ref->parts * ref->elems);
        t.is_indexed |= ref->index != NULL;
        if (ref->space == ts_space_hbm) continue;
        t.is_chip_side = true;
        t.parts = larger_count(t.parts, ref->parts);
    }
    return t;
}

static int64_t hbm_bytes(const ts_ref *ref) {
    if (!ref || ref->space != ts_space_hbm) return 0;
    return ref->parts * ref->elems * ts_dtype_get(ref->dtype)->bytes;
}

/* DMA engines that share the transfer: by partitions, or by packets when neither side is on chip. */
static int64_t dma_shares(const ts_chip *chip, const transfer *t, int64_t bytes) {
    if (t->is_chip_side) return larger_count(ts_ceil_div(t->parts, (int64_t)chip->dma_rows_per_engine), 1);
    int64_t shares = larger_count(ts_ceil_div(bytes, (int64_t)chip->dma_packet_bytes), 1);
    return shares < (int64_t)chip->dma_engines ? shares : (int64_t)chip->dma_engines;
}

/* Whether the DMA engines transpose the transfer: a row in HBM is spread over partitions. */
static bool is_turned(const ts_chip *chip, const ts_inst_dma_copy *inst, const transfer *t) {
    if (!inst->is_transpose || chip->dma_transposes == 0 || t->is_indexed || t->width < 2) return false;
    for (int i = 0; i < t->src->dims; i++)
        if (t->src->count[i] != 1) return t->src->step[i] == 1;
    return true;
}

/* Number of tiles of a transposing DMA: all partitions by a few contiguous elements, written by all engines
   together. */
static int64_t transpose_tiles(const ts_chip *chip, const transfer *t) {
    int64_t run = larger_count(run_elems(t->dst), 1);
    return ts_ceil_div(t->parts, (int64_t)chip->partitions) * (t->dst->elems / run) *
           ts_ceil_div(run, (int64_t)chip->dma_transpose_elems);
}

/* Every engine takes a part of each tile. The fixed cost of a part is in the factor. */
static void transpose_cost(const ts_chip *chip, const transfer *t, ts_cost *cost) {
    int64_t tiles = transpose_tiles(chip, t);
    double bytes = (double)tiles * chip->partitions * chip->dma_transpose_elems * (double)t->width;
    cost->is_turned = true;
    cost->dma_engines = (int32_t)chip->dma_engines;
    cost->descriptors = tiles * cost->dma_engines;
    cost->byte_time = rounded(bytes * chip->dma_transpose_factor / chip->dma_engine_bytes_per_ns * 1000);
}

static void copy_cost(const ts_chip *chip, const transfer *t, bool is_adding, ts_cost *cost) {
    int64_t a = t->dst ? run_elems(t->dst) : 1, b = t->src ? run_elems(t->src) : a;
    int64_t most = (int64_t)(chip->dma_descriptor_max_bytes / (double)t->width);
    int64_t shares = dma_shares(chip, t, cost->bytes);
    cost->descriptors =
        count_descriptors(t->total, larger_count(a, 1), larger_count(b, 1), larger_count(most, 1));
    cost->dma_engines = (int32_t)shares;
    if (!t->is_chip_side) cost->descriptors = larger_count(cost->descriptors, shares);
    double factor = is_adding ? chip->dma_accumulate_factor : 1;
    cost->descriptor_time = rounded((double)cost->descriptors * chip->dma_descriptor_ns * 1000);
    cost->byte_time = rounded((double)cost->bytes * factor / chip->dma_engine_bytes_per_ns * 1000);
}

static void dma_cost(const ts_chip *chip, const ts_inst *inst, const ts_operands *operands, ts_cost *cost) {
    const transfer t = transfer_of(inst, operands);
    const bool is_adding = ((const ts_inst_dma_copy *)inst)->rmw != ts_rmw_none;
    cost->hbm_write_bytes = hbm_bytes(t.dst);
    cost->hbm_read_bytes = hbm_bytes(t.src) + (is_adding ? cost->hbm_write_bytes : 0);
    cost->bytes = t.total * t.width;
    if (is_turned(chip, (const ts_inst_dma_copy *)inst, &t))
        transpose_cost(chip, &t, cost);
    else
        copy_cost(chip, &t, is_adding, cost);

    double trigger = chip->dma_trigger_ns * 1000;
    if (t.is_indexed)
        trigger += (chip->dma_software_dge_cycles +
                    chip->dma_software_dge_per_descriptor_cycles * (double)cost->descriptors) /
                   ts_engine_cost_get(chip, inst->engine).ghz * 1000;
    cost->occupancy = rounded(trigger);
    cost->latency = rounded((chip->dma_first_byte_ns + chip->dma_completion_ns) * 1000) +
                    (cost->descriptor_time + cost->byte_time) / cost->dma_engines;
    cost->elems = t.total;
}

double ts_hbm_sharers(const ts_program *program, const ts_chip *chip) {
    if (program->ranks > 1) return program->ranks < chip->cores ? program->ranks : chip->cores;
    return chip->sibling_core_idle != 0 ? 1 : chip->cores;
}

/* Only the trigger: the rest is a cost of the whole group (collective_cost.h). */
static void collective_cost(const ts_chip *chip, const ts_operands *operands, ts_cost *cost) {
    cost->occupancy = rounded(chip->dma_trigger_ns * 1000);
    for (int i = 0; i < operands->count; i++) {
        const ts_ref *ref = &operands->ref[i];
        if (operands->is_write[i]) cost->elems = ref->elems;
        cost->bytes = larger_count(cost->bytes, ref->elems * ts_dtype_get(ref->dtype)->bytes);
    }
}

static void engine_cost(const ts_chip *chip, const ts_inst *inst, const facts *f, ts_cost *cost) {
    ts_engine_cost engine = ts_engine_cost_get(chip, inst->engine);
    double cycles = formula_cycles(chip, inst, f);
    if (inst->op == ts_op_leave || ts_op_is_sequencers(inst->op)) { /* uses no datapath and writes nothing */
        cost->stream = cost->occupancy = ts_cycles_time(cycles, chip->sync_ghz);
        return;
    }
    cycles = larger(cycles, f->strided * chip->strided_access_factor);
    cost->stream = ts_cycles_time(cycles, engine.ghz);
    cost->occupancy = ts_cycles_time(cycles + engine.overhead_cycles, engine.ghz);
    cost->latency = ts_cycles_time(engine.latency_cycles, engine.ghz);
    cost->elems = f->elems;
    if (inst->op == ts_op_nc_matmul) {
        const ts_inst_nc_matmul *product = (const ts_inst_nc_matmul *)inst;
        double flops = (product->is_double_row ? 1 : 2) * f->k * f->m * f->n; /* m and n count both halves */
        *(product->is_stationary_onezero ? &cost->selection_flops : &cost->flops) = (int64_t)flops;
    }
    if (inst->op == ts_op_nc_transpose && inst->engine == ts_engine_tensor)
        cost->transpose_flops = (int64_t)(2 * f->p * f->n * f->p);
    cost->is_fp32 = f->is_fp32;
}

void ts_inst_costs(const ts_chip *chips, int count, const ts_inst *inst, const ts_operands *operands,
                   ts_cost *costs) {
    facts f;
    double limit = -1; /* of the chip that `f` was computed for */
    memset(costs, 0, (size_t)count * sizeof *costs);
    if (operands->is_skipped || inst->engine == ts_engine_none) return;
    for (int i = 0; i < count; i++) {
        if (inst->op == ts_op_dma_copy) {
            dma_cost(&chips[i], inst, operands, &costs[i]);
            continue;
        }
        if (inst->op == ts_op_collective) {
            collective_cost(&chips[i], operands, &costs[i]);
            continue;
        }
        if (chips[i].strided_access_bytes != limit) f = gather_facts(&chips[i], inst, operands);
        limit = chips[i].strided_access_bytes;
        engine_cost(&chips[i], inst, &f, &costs[i]);
    }
}

void ts_inst_cost(const ts_chip *chip, const ts_inst *inst, const ts_operands *operands, ts_cost *cost) {
    ts_inst_costs(chip, 1, inst, operands, cost);
}
