/* Steps: the costs of an instruction in each set of constants, kept for each choice of its ragged counts. */
#include "clock/clock_core.h"

/* The part of a time that a what-if leaves at a code position. */
static ts_time part_of(ts_time time, const float *parts, uint32_t at) {
    return parts ? (ts_time)((double)time * (double)parts[at]) : time;
}

/* The free_* functions reduce costs by what a what-if makes free. This one is for transfers. */
static void free_move(const ts_what_if *what_if, ts_set_costs *costs, uint32_t at) {
    costs->descriptor_time = part_of(costs->descriptor_time, what_if->work, at);
    costs->byte_time = part_of(part_of(costs->byte_time, what_if->work, at), what_if->bytes, at);
    costs->hbm_time = part_of(part_of(costs->hbm_time, what_if->work, at), what_if->bytes, at);
    if (what_if->free & 1u << ts_bound_dma_descriptors) costs->descriptor_time = 0;
    if (what_if->free & 1u << ts_bound_dma_bytes) costs->byte_time = costs->hbm_time = 0;
}

/* For instructions that an engine runs. */
static void free_result(const ts_what_if *what_if, ts_set_costs *costs, uint32_t at, bool is_bound_free) {
    bool is_free = what_if->work && what_if->work[at] <= 0;
    costs->stream = is_bound_free ? 0 : part_of(costs->stream, what_if->work, at);
    if (is_free || what_if->free & 1u << ts_bound_wait) costs->latency = 0;
    if (is_free || what_if->free & (1u << ts_bound_wait | TS_FREE_CHAINS)) costs->dependent = 0;
}

static void free_collective(const ts_what_if *what_if, ts_set_costs *costs, uint32_t at, bool is_bound_free) {
    ts_time *const moves[] = {&costs->move_time, &costs->pass_time, &costs->engine_time};
    costs->start_time = is_bound_free ? 0 : part_of(costs->start_time, what_if->work, at);
    for (int i = 0; i < 3; i++)
        *moves[i] = is_bound_free ? 0 : part_of(part_of(*moves[i], what_if->work, at), what_if->bytes, at);
}

static void free_costs(const ts_clock *clock, ts_step *step, int k) {
    const ts_what_if *what_if = &clock->what_if[k];
    ts_set_costs *costs = &step->of[k];
    bool is_bound_free = what_if->free & 1u << ts_step_bound(step);
    costs->occupancy = is_bound_free ? 0 : part_of(costs->occupancy, what_if->work, step->inst);
    if (step->is_collective)
        free_collective(what_if, costs, step->inst, is_bound_free);
    else if (step->is_dma)
        free_move(what_if, costs, step->inst);
    else
        free_result(what_if, costs, step->inst, is_bound_free);
}

static void set_amounts(ts_step *step, const ts_cost *cost) {
    step->shares = cost->dma_engines;
    step->is_fp32 = cost->is_fp32;
    step->amounts.bytes = cost->bytes;
    step->amounts.elems = cost->elems;
    if (step->is_dma) {
        step->amounts.descriptors = cost->descriptors;
        step->is_turned = cost->is_turned;
        step->amounts.hbm_read_bytes = cost->hbm_read_bytes;
        step->amounts.hbm_write_bytes = cost->hbm_write_bytes;
    } else {
        step->amounts.flops = cost->flops;
        step->amounts.selection_flops = cost->selection_flops;
        step->amounts.transpose_flops = cost->transpose_flops;
    }
}

static void set_costs(ts_clock *clock, ts_step *step, const ts_inst *inst, const ts_operands *operands) {
    ts_cost costs[TS_CLOCK_SETS];
    ts_inst_costs(clock->chip, clock->sets, inst, operands, costs);
    set_amounts(step, &costs[clock->asked]);
    for (int k = 0; k < clock->sets; k++) {
        const ts_chip *chip = &clock->chip[k];
        const ts_cost *cost = &costs[k];
        step->of[k].occupancy = cost->occupancy;
        if (step->is_dma) {
            double hbm = chip->hbm_bytes_per_ns / ts_hbm_sharers(clock->program, chip);
            int64_t bytes = cost->hbm_read_bytes + cost->hbm_write_bytes;
            step->of[k].descriptor_time = cost->descriptor_time;
            step->of[k].byte_time = cost->byte_time;
            step->of[k].hbm_time = (ts_time)((double)bytes / hbm * 1000);
        } else {
            step->of[k].stream = cost->stream;
            step->of[k].latency = cost->latency;
            step->of[k].dependent = clock->dependent[k][inst->engine];
        }
    }
}

/* Splits a transfer into rows that take equal time on a DMA engine: partitions, or else equal shares. */
static void set_shares(ts_clock *clock, ts_step *step, const ts_operands *operands) {
    int32_t rows = 0;
    for (int i = 0; i < operands->count; i++) {
        step->is_indexed |= operands->ref[i].index != NULL;
        if (operands->ref[i].space != ts_space_hbm && operands->ref[i].parts > rows &&
            !(i > 0 && operands->ref[i - 1].index))
            rows = operands->ref[i].parts;
    }
    if (step->is_turned) rows = 0;
    step->rows = rows > 0 ? rows : step->shares;
    step->rows_per_share = rows > 0 ? (int32_t)clock->chip[clock->asked].dma_rows_per_engine : 1;
    for (int k = 0; k < clock->sets; k++) {
        step->of[k].descriptor_time = (step->of[k].descriptor_time + step->rows / 2) / step->rows;
        step->of[k].byte_time = (step->of[k].byte_time + step->rows / 2) / step->rows;
    }
}

/* Counts the bytes that an execution reads and writes in SBUF and PSUM. */
static void count_bytes(ts_step *step, const ts_operands *operands) {
    for (int i = 0; i < operands->count; i++) {
        const ts_ref *ref = &operands->ref[i];
        if (ref->space != ts_space_sbuf && ref->space != ts_space_psum) continue;
        uint64_t bytes = (uint64_t)(ref->parts * ref->elems * ts_dtype_get(ref->dtype)->bytes);
        uint64_t *sums = step->space_bytes[ref->space == ts_space_psum];
        if (operands->is_read[i]) sums[0] += bytes;
        if (operands->is_write[i]) sums[1] += bytes;
    }
}

static uint64_t hash_counts(const ts_operands *operands) {
    uint64_t hash = 0x9E3779B97F4A7C15u;
    for (int i = 0; i < operands->count; i++) {
        const ts_ref *ref = &operands->ref[i];
        hash = (hash ^ (uint64_t)ref->parts) * 0x100000001B3u;
        for (int d = 0; d < TS_AP_DIMS; d++)
            hash = (hash ^ (uint64_t)ref->count[d]) * 0x100000001B3u;
        hash ^= hash >> 29;
    }
    return hash;
}

ts_step *ts_step_find(ts_clock *clock, ts_code *code, const ts_inst *inst, const ts_operands *operands) {
    uint64_t counts = code->is_ragged ? hash_counts(operands) : 0;
    for (ts_step *step = code->steps; step; step = step->next)
        if (step->counts == counts && step->engine == inst->engine) return step;
    ts_step *step = ts_arena_alloc(&clock->arena, sizeof *step + (size_t)clock->sets * sizeof step->of[0]);
    ts_vec_push(&clock->steps, &clock->arena, step);
    step->next = code->steps;
    code->steps = step;
    step->counts = counts;
    step->row = code->row;
    step->inst = (uint32_t)(code - clock->code);
    step->engine = inst->engine;
    step->is_dma = ts_op_is_transfer(inst->op);
    step->is_collective = inst->op == ts_op_collective;
    ts_regions_open(clock, step);
    if (step->is_collective)
        step->queue = (uint16_t)clock->stream;
    else if (step->is_dma)
        step->queue = ((const ts_inst_dma_copy *)inst)->queue;
    step->is_control = inst->op == ts_op_leave;
    step->is_wait = ts_op_is_sequencers(inst->op);
    step->is_listed =
        !step->is_control && (clock->program->order == ts_order_list || inst->order == ts_order_list);
    set_costs(clock, step, inst, operands);
    if (step->is_control) step->row += (uint32_t)(inst->engine - ts_engine_tensor);
    if (step->is_collective)
        ts_collective_costs(clock, step, inst);
    else if (step->is_dma)
        set_shares(clock, step, operands);
    for (int k = 0; k < clock->sets && clock->has_what_ifs; k++)
        free_costs(clock, step, k);
    count_bytes(step, operands);
    if (step->is_control || step->is_dma) return step;
    for (int i = 0; i < operands->count; i++) {
        uint8_t space = operands->ref[i].space, engine = inst->engine;
        if (space == ts_space_sbuf && (engine == ts_engine_vector || engine == ts_engine_gpsimd))
            step->port[ts_port_sbuf] = true;
        if (space == ts_space_psum && (engine == ts_engine_vector || engine == ts_engine_scalar))
            step->port[ts_port_psum] = true;
    }
    return step;
}
