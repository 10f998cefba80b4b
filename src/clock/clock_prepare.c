/* What a run knows before it fetches its first instruction: the sites and storages of all operands, the rows
   of the record, queues and the last code position of each engine. */
#include "clock/clock_core.h"

/* The access patterns of an instruction in the order of ts_inst_operands. */
typedef struct patterns {
    int count;
    const ts_ap *ap[TS_MAX_OPERANDS];
    bool is_write[TS_MAX_OPERANDS];
} patterns;

static void add_pattern(const ts_program *program, const ts_ap *ap, bool is_write, patterns *out) {
    if (out->count == TS_MAX_OPERANDS) return;
    out->is_write[out->count] = is_write;
    out->ap[out->count++] = ap;
    if (ap->space == ts_space_hbm && ap->index)
        add_pattern(program, &program->indices.data[ap->index - 1], false, out);
}

static void find_patterns(const ts_program *program, const ts_inst *inst, patterns *out) {
    const ts_op_info *info = ts_op_get(inst->op);
    out->count = 0;
    for (int i = 0; i < info->field_count; i++) {
        bool is_write;
        const ts_ap *ap = ts_inst_ap((ts_inst *)(uintptr_t)inst, &info->fields[i], &is_write);
        if (ap) add_pattern(program, ap, is_write, out);
    }
}

/* Room for `count` accesses, in whole cache lines of the host. */
static ts_access *take_accesses(ts_clock *clock, uint32_t count) {
    enum { BLOCK = 512 };
    if (clock->spares < count) {
        char *block = ts_arena_alloc(&clock->arena, (BLOCK + 1) * sizeof(ts_access));
        clock->spare = (ts_access *)(void *)(block + -(uintptr_t)block % sizeof(ts_access));
        clock->spares = BLOCK;
    }
    ts_access *accesses = clock->spare;
    clock->spare += count;
    clock->spares -= count;
    return accesses;
}

static void find_accesses(ts_clock *clock, uint32_t at) {
    const ts_inst *inst = clock->program->code.data[at];
    ts_code *code = &clock->code[at];
    patterns found;
    find_patterns(clock->program, inst, &found);
    code->access_count = (int8_t)found.count;
    code->is_member = inst->engine == ts_engine_tensor && inst->op != ts_op_leave &&
                      !ts_op_is_transfer(inst->op) && !ts_op_is_sequencers(inst->op) &&
                      found.count <= TS_MEMBER_TOUCHES;
    if (found.count) code->accesses = take_accesses(clock, (uint32_t)found.count);
    for (int i = 0; i < found.count; i++) {
        ts_access *access = &code->accesses[i];
        access->inst = at;
        access->ap = found.ap[i];
        access->is_write = found.is_write[i];
        access->site = ts_sites_of(clock, access->ap);
        if (access->is_write) ts_access_storage(clock, access)->is_tracked = true;
        ts_slots_note(clock, access);
    }
    ts_sites_note(clock, at);
}

/* Finds the storage of each tensor and which storages are written. An output that takes over an input shares
   its storage; all scratch tensors share one, in which their addresses place them. */
static void find_storages(ts_clock *clock) {
    const ts_program *program = clock->program;
    uint32_t tensors = program->tensors.count;
    clock->storage_of = TS_NEW_ARRAY(&clock->arena, uint32_t, tensors + 1);
    clock->storage_count = TS_STORAGE_TENSOR + tensors;
    clock->storages = TS_NEW_ARRAY(&clock->arena, ts_storage, clock->storage_count);
    clock->storages[TS_STORAGE_SBUF].is_tracked = clock->storages[TS_STORAGE_PSUM].is_tracked = true;
    for (uint32_t t = 0; t < tensors; t++) {
        const ts_tensor *tensor = &program->tensors.data[t];
        clock->storage_of[t] = tensor->kind == ts_tensor_scratch
                                   ? TS_STORAGE_SCRATCH
                                   : TS_STORAGE_TENSOR + ts_tensor_place(program, t);
    }
    ts_sites_init(clock);
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        clock->has_leaves |= inst->op == ts_op_leave;
        find_accesses(clock, at);
    }
}

/* The row of (engine, op, source line, loop) of an instruction, made if it is new. `table` is a hash table of
   rows (0 = free) with mask + 1 slots. */
static uint32_t find_row(ts_clock *clock, uint32_t *table, uint32_t mask, const ts_inst *inst, uint8_t engine,
                         uint32_t loop) {
    uint64_t key = ((uint64_t)loop << 44) ^ ((uint64_t)inst->loc << 24 | (uint64_t)inst->op << 8 | engine);
    uint32_t slot = (uint32_t)(key * 0x9E3779B97F4A7C15u >> 32) & mask;
    for (; table[slot]; slot = (slot + 1) & mask) {
        const ts_clock_row *row = &clock->rows.data[table[slot]];
        if (row->engine == engine && row->op == inst->op && row->loc == inst->loc && row->loop == loop)
            return table[slot];
    }
    table[slot] = clock->rows.count;
    ts_clock_row row = {.loc = inst->loc, .loop = loop, .op = inst->op, .engine = engine};
    ts_vec_push(&clock->rows, &clock->arena, row);
    return table[slot];
}

/* Makes all rows, in order of appearance; row 0 is the launch. A `leave` has consecutive rows for the
   engines. Also finds the number of queues and the last code position of each engine. */
static void find_rows(ts_clock *clock) {
    const ts_program *program = clock->program;
    uint32_t slots = 64, mask, most = 0;
    for (uint32_t at = 0; at < program->code.count; at++) {
        if (program->code.data[at]->engine != ts_engine_none) most++;
        if (program->code.data[at]->op == ts_op_leave) most += ts_engine_count;
    }
    while (slots < most * 2)
        slots *= 2;
    mask = slots - 1;
    uint32_t *table = TS_NEW_ARRAY(&clock->arena, uint32_t, slots); /* row, 0 = free */
    if (!clock->has_sibling) ts_vec_reserve(&clock->rows, &clock->arena, most + 1);
    ts_vec_push(&clock->rows, &clock->arena, (ts_clock_row){0});
    uint32_t loop = 0;
    bool has_collectives = false;
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        ts_loop_follow(program, inst, &loop);
        if (inst->op == ts_op_dma_copy && ((const ts_inst_dma_copy *)inst)->queue >= clock->queues)
            clock->queues = ((const ts_inst_dma_copy *)inst)->queue + 1;
        has_collectives |= inst->op == ts_op_collective;
        for (uint8_t engine = ts_engine_tensor; engine < ts_engine_count; engine++)
            if (engine == inst->engine || inst->op == ts_op_leave) clock->last[engine] = at + 1;
        if (inst->engine != ts_engine_none)
            clock->code[at].row = find_row(clock, table, mask, inst, inst->engine, loop);
        for (uint8_t engine = ts_engine_tensor; inst->op == ts_op_leave && engine < ts_engine_count;
             engine++) {
            uint32_t row = find_row(clock, table, mask, inst, engine, loop);
            if (engine == ts_engine_tensor) clock->code[at].row = row;
        }
    }
    clock->stream = has_collectives ? clock->queues++ : -1;
}

ts_status ts_clock_prepare(ts_clock *clock) {
    const ts_program *program = clock->program;
    clock->code = TS_NEW_ARRAY(&clock->arena, ts_code, program->code.count);
    clock->counters = TS_NEW_ARRAY(&clock->arena, int64_t, program->loops.count + 1);
    clock->trips = TS_NEW_ARRAY(&clock->arena, int64_t, program->loops.count + 1);
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        if (inst->engine >= ts_engine_count || inst->op == ts_op_none || inst->op >= ts_op_count)
            return ts_fail(clock->diag, ts_input, "instruction %u has no engine or operation that exists",
                           at);
    }
    TS_TRY(ts_cc_check(program, &clock->chip[clock->asked], clock->diag));
    find_rows(clock);
    ts_vec_reserve(&clock->steps, &clock->arena, program->code.count);
    ts_expand_since(clock, 0);
    find_storages(clock);
    ts_sites_users(clock);
    ts_semaphores_init(clock);
    clock->steady.repeat = TS_NEW_ARRAY(&clock->arena, ts_repeat, program->loops.count + 1);
    for (uint32_t loop = 0; loop < program->loops.count; loop++)
        ts_vec_push(&clock->record->loops, &clock->record->arena, (ts_record_loop){0});
    return ts_ok;
}
