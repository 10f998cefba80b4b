/* Walks the program in order: follows the loops, resolves operands and costs, adds dependences, and hands
   each instruction to the lane of its engine. */
#include <string.h>

#include "clock/clock_steady.h"

enum { TICK = 32 }; /* instructions between calls of ts_sites_tick */

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

void ts_access_place(const ts_clock *clock, ts_access *access) {
    const ts_ap *ap = access->ap;
    if (ap->space == ts_space_hbm) {
        const ts_tensor *tensor = &clock->program->tensors.data[ap->tensor];
        access->storage = clock->storage_of[ap->tensor];
        access->shift = tensor->kind == ts_tensor_scratch ? (int64_t)tensor->address : 0;
    } else {
        access->storage = ap->space == ts_space_psum ? TS_STORAGE_PSUM : TS_STORAGE_SBUF;
    }
    access->site = ts_sites_of(clock, ap);
}

static void find_accesses(ts_clock *clock, uint32_t at) {
    ts_code *code = &clock->code[at];
    patterns found;
    find_patterns(clock->program, clock->program->code.data[at], &found);
    clock->operands += (uint32_t)found.count;
    code->access_count = (int8_t)found.count;
    if (found.count) code->accesses = TS_NEW_ARRAY(&clock->arena, ts_access, (size_t)found.count);
    for (int i = 0; i < found.count; i++) {
        ts_access *access = &code->accesses[i];
        access->inst = at;
        access->ap = found.ap[i];
        access->is_write = found.is_write[i];
        ts_access_place(clock, access);
    }
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
        for (int i = 0; i < clock->code[at].access_count; i++) {
            const ts_access *access = &clock->code[at].accesses[i];
            ts_storage *storage = &clock->storages[access->storage];
            if (access->is_write) storage->is_tracked = true;
        }
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
        if (inst->op == ts_op_loop) loop = 1 + ((const ts_inst_loop *)inst)->id;
        if (inst->op == ts_op_end) loop = program->loops.data[((const ts_inst_end *)inst)->id].parent;
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

void ts_expand_since(ts_clock *clock, uint32_t at) {
    clock->since = at;
    clock->coming = 0;
    for (int engine = ts_engine_tensor; engine < ts_engine_count; engine++)
        if (clock->last[engine] > at) clock->coming |= 1u << engine;
}

ts_status ts_expand_init(ts_clock *clock) {
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
    ts_slots_find(clock);
    ts_semaphores_init(clock);
    clock->steady.repeat = TS_NEW_ARRAY(&clock->arena, ts_repeat, program->loops.count + 1);
    for (uint32_t loop = 0; loop < program->loops.count; loop++)
        ts_vec_push(&clock->record->loops, &clock->record->arena, (ts_record_loop){0});
    return ts_ok;
}

/* Places an access at a byte offset. For an indexed operand the place is its whole tensor, or all in one slot
   of it (clock_slots.c). */
static void place_at(ts_access *access, int64_t offset) {
    access->place.lo = access->origin + offset;
    access->place.hi = access->place.lo + access->length;
}

/* Sets the fields of an access that follow from its shape. */
static void take_shape(const ts_program *program, ts_access *access) {
    const ts_shape *shape = access->place.shape;
    bool is_indexed = shape->ref.index != NULL;
    access->unit = is_indexed                          ? 0
                   : access->ap->space == ts_space_hbm ? ts_dtype_get(access->ap->dtype)->bytes
                                                       : 1;
    access->origin = access->shift + shape->lo;
    access->length =
        is_indexed ? (int64_t)program->tensors.data[access->ap->tensor].bytes : shape->hi - shape->lo;
}

static void set_part(ts_access *access, int32_t part, int32_t parts) {
    access->place.part = part;
    access->place.end = part + parts;
}

static void set_access(ts_clock *clock, ts_access *access, const ts_operands *operands, int index) {
    const ts_ref *ref = &operands->ref[index];
    access->is_write = operands->is_write[index];
    ts_ref placed = *ref;
    if (clock->storages[access->storage].slot > 0) placed.index = NULL;
    access->place.shape = ts_shape_of(clock, &placed);
    take_shape(clock->program, access);
    place_at(access, access->unit ? ref->offset : 0);
    set_part(access, ref->part, ref->parts);
}

static bool is_ragged(const ts_ap *ap) {
    if (ap->space != ts_space_hbm && ap->parts.is_ragged) return true;
    for (int i = 0; i < ap->dims; i++)
        if (ap->dim[i].count.is_ragged) return true;
    return false;
}

/* The number of the function table that an instruction needs; 0 if every table has its function. */
static uint8_t find_table(const ts_inst *inst) {
    if (inst->op != ts_op_activation) return 0;
    const char *name = ts_act_table(((const ts_inst_activation *)inst)->func);
    if (strcmp(name, "every") == 0) return 0;
    for (unsigned func = 0; func < ts_act_count; func++)
        if (strcmp(ts_act_table(func), name) == 0) return (uint8_t)(func + 1);
    return 0;
}

/* Sets up a code position at its first execution. */
static void open_code(const ts_clock *clock, ts_code *code, const ts_inst *inst) {
    code->table = find_table(inst);
    for (int i = 0; i < code->access_count; i++) {
        ts_access *access = &code->accesses[i];
        access->moves_offset = !ts_affine_is_constant(&access->ap->offset);
        access->moves_part = access->ap->space != ts_space_hbm && !ts_affine_is_constant(&access->ap->part);
        access->is_ragged = is_ragged(access->ap);
        code->is_ragged |= access->is_ragged;
        if (access->moves_offset || access->moves_part) code->moving[code->moving_count++] = (uint8_t)i;
    }
    for (int is_write = 0; is_write < 2; is_write++) {
        code->reading_count = code->tracked_count;
        for (int i = 0; i < code->access_count; i++)
            if (code->accesses[i].is_write == is_write &&
                clock->storages[code->accesses[i].storage].is_tracked)
                code->tracked[code->tracked_count++] = (uint8_t)i;
    }
    code->is_ready = true;
}

/* Whether the ragged operands have the counts of these extents. Sets *is_none if some count is 0, which means
   that the instruction is skipped. */
static bool has_counts(const ts_clock *clock, const ts_code *code, const ts_extent *extents, bool *is_none) {
    for (int i = 0; i < code->access_count; i++) {
        const ts_access *access = &code->accesses[i];
        const ts_ap *ap = access->ap;
        if (!access->is_ragged) continue;
        if (ap->space != ts_space_hbm && ap->parts.is_ragged) {
            int64_t parts = ts_count_value(clock->program, &ap->parts, clock->counters);
            *is_none |= parts == 0;
            if (parts != extents[i].parts) return false;
        }
        for (int d = 0; d < ap->dims; d++) {
            if (!ap->dim[d].count.is_ragged) continue;
            int64_t count = ts_count_value(clock->program, &ap->dim[d].count, clock->counters);
            *is_none |= count == 0;
            if (count != extents[i].shape->ref.count[d]) return false;
        }
    }
    return true;
}

/* Remembers the shapes and partitions of the accesses, which are those of the step's counts. */
static void keep_extents(ts_clock *clock, const ts_code *code, ts_step *step) {
    step->extents = TS_NEW_ARRAY(&clock->arena, ts_extent, (size_t)code->access_count);
    for (int i = 0; i < code->access_count; i++) {
        const ts_place *place = &code->accesses[i].place;
        step->extents[i] = (ts_extent){place->shape, place->end - place->part};
    }
}

/* Sets the accesses to the step's shapes, at the places that the loop counters give. */
static void set_extents(const ts_clock *clock, ts_code *code, const ts_extent *extents) {
    const ts_program *program = clock->program;
    for (int i = 0; i < code->access_count; i++) {
        ts_access *access = &code->accesses[i];
        const ts_ap *ap = access->ap;
        bool is_hbm = ap->space == ts_space_hbm;
        access->place.shape = extents[i].shape;
        take_shape(program, access);
        place_at(access, ts_affine_at(program, &ap->offset, clock->counters) * access->unit);
        set_part(access, is_hbm ? 0 : (int32_t)ts_affine_at(program, &ap->part, clock->counters),
                 extents[i].parts);
    }
}

/* Updates the places that depend on loop counters; shapes stay. */
static void move_accesses(const ts_clock *clock, ts_code *code) {
    const ts_program *program = clock->program;
    for (int i = 0; i < code->moving_count; i++) {
        ts_access *access = &code->accesses[code->moving[i]];
        ts_place *place = &access->place;
        if (access->moves_offset) {
            int64_t offset = ts_affine_at(program, &access->ap->offset, clock->counters) * access->unit;
            place->lo = access->origin + offset;
            place->hi = place->lo + access->length;
        }
        if (access->moves_part)
            set_part(access, (int32_t)ts_affine_at(program, &access->ap->part, clock->counters),
                     place->end - place->part);
    }
}

/* The step of an earlier execution with the current counts, or NULL. Sets *is_none as has_counts. */
static ts_step *find_known(const ts_clock *clock, const ts_code *code, const ts_inst *inst, bool *is_none) {
    ts_step *latest = code->latest;
    if (latest && latest->engine == inst->engine &&
        (!code->is_ragged || has_counts(clock, code, latest->extents, is_none)))
        return latest;
    for (ts_step *step = code->steps; step && !*is_none; step = step->next)
        if (step->engine == inst->engine && /* a `leave` has a step for each engine */
            (!code->is_ragged || has_counts(clock, code, step->extents, is_none)))
            return step;
    return NULL;
}

/* Updates the accesses of a code position from the loop counters. Returns its step, or NULL if the
   instruction is skipped in this iteration. */
static ts_step *resolve(ts_clock *clock, ts_code *code, const ts_inst *inst) {
    bool is_none = false;
    ts_step *step = find_known(clock, code, inst, &is_none);
    if (is_none) return NULL;
    if (step && (step == code->latest || !code->is_ragged)) {
        move_accesses(clock, code);
        return step;
    }
    if (step) {
        set_extents(clock, code, step->extents);
        return code->latest = step;
    }
    ts_operands operands;
    ts_inst_operands(clock->program, inst, clock->counters, &operands);
    if (!code->is_ready) open_code(clock, code, inst);
    if (operands.is_skipped) return NULL;
    for (int i = 0; i < operands.count; i++)
        set_access(clock, &code->accesses[i], &operands, i);
    step = ts_step_find(clock, code, inst, &operands);
    if (code->is_ragged && !step->extents) keep_extents(clock, code, step);
    return code->latest = step;
}

/* Invalidates the register that `leave` loads if the write overlaps the bytes it was loaded from. */
static void note_write(ts_clock *clock, const ts_access *access) {
    if (access->storage == clock->held.storage && ts_place_meets(&access->place, &clock->held.place))
        clock->held.is_valid = false;
}

/* Whether a code position is inside one of the watched trips. */
static bool is_watched(const ts_clock *clock, uint32_t at) {
    if (!clock->watch.is_on) return false;
    const ts_loop *loop = &clock->program->loops.data[clock->watch.loop];
    int64_t trip = clock->counters[clock->watch.loop] - clock->watch.first;
    return at > loop->begin && at < loop->end && trip >= 0 && trip < clock->watch.count &&
           clock->record->loops.data[clock->watch.loop].entries == clock->watch.entry + 1;
}

/* Adds the dependences that follow from what the event reads and writes. */
static void touch(ts_clock *clock, ts_event *event, const ts_code *code) {
    bool is_followed = !clock->is_explicit || !event->step->is_dma;
    int i = 0;
    for (; i < code->reading_count && is_followed; i++)
        ts_regions_read(clock, event, &code->accesses[code->tracked[i]]);
    for (i = code->reading_count; i < code->tracked_count; i++) {
        const ts_access *access = &code->accesses[code->tracked[i]];
        if (is_followed) ts_regions_write(clock, event, access);
        if (clock->held.is_valid) note_write(clock, access);
    }
}

/* Makes an event of an instruction, with all its dependences, and appends it to its lane. */
static ts_status push(ts_clock *clock, uint32_t at, const ts_inst *inst, ts_code *code, ts_step *step) {
    if (clock->sequence == clock->instruction_cap) {
        ts_fail(clock->diag, ts_capacity, "the program runs more than %llu instructions",
                (unsigned long long)clock->instruction_cap);
        ts_diag_remedy(clock->diag, "raise the clock's instruction cap, or time a shorter program");
        return ts_capacity;
    }
    ts_event *event = ts_event_new(clock, step);
    event->sequence = ++clock->sequence;
    event->is_watched = is_watched(clock, at);
    event->table = code->table;
    if (clock->sequence % TICK == 0) ts_sites_tick(clock);
    if (clock->is_explicit) ts_semaphores_fetch(clock, event, inst);
    if (inst->op == ts_op_core_signal) ts_cores_signal(clock, event);
    if (inst->op == ts_op_core_wait) ts_cores_wait(clock, event);
    touch(clock, event, code);
    if (step->count++ == 0) ts_tally_first(clock, inst, step);
    if (clock->bins) ts_tally_life(clock, step);
    ts_lanes_push(clock, event);
    return ts_ok;
}

static ts_status fetch(ts_clock *clock, uint32_t at, const ts_inst *inst) {
    ts_code *code = &clock->code[at];
    ts_step *step = resolve(clock, code, inst);
    return step ? push(clock, at, inst, code, step) : ts_ok;
}

/* ---- control ---- */

/* Whether the `leave` ends its loop: as the trace says, else after the assumed number of trips. */
static bool decides_to_leave(ts_clock *clock, const ts_inst_leave *leave) {
    bool is_left;
    if (clock->trace && ts_trace_next(clock->trace, &clock->trace_at, &is_left)) return is_left;
    clock->record->assumed_trips = clock->assumed_trips;
    return clock->program->loops.data[leave->loop].trip.max > 1 &&
           (uint64_t)clock->counters[leave->loop] >= clock->assumed_trips;
}

/* Whether the register already holds the value that a `leave` compares. Afterwards it does. */
static bool is_held(ts_clock *clock, const ts_access *access) {
    bool is = clock->held.is_valid && clock->held.storage == access->storage &&
              clock->held.place.part == access->place.part && clock->held.place.lo == access->place.lo &&
              clock->held.place.hi == access->place.hi;
    clock->held.is_valid = true;
    clock->held.storage = access->storage;
    clock->held.place = access->place;
    clock->held.place.end = access->place.part + 1;
    return is;
}

/* Every sequencer loads the value into its own register and branches. Later instructions of an engine start
   only after that. */
static ts_status fetch_leave(ts_clock *clock, uint32_t at, const ts_inst_leave *leave) {
    ts_code *code = &clock->code[at];
    ts_step *step[ts_engine_count];
    for (uint8_t engine = ts_engine_tensor; engine < ts_engine_count; engine++) {
        ts_inst_leave own = *leave;
        own.head.engine = engine;
        step[engine] = resolve(clock, code, &own.head);
    }
    if (!is_held(clock, &code->accesses[0]))
        for (uint8_t engine = ts_engine_tensor; engine < ts_engine_count; engine++)
            TS_TRY(push(clock, at, &leave->head, code, step[engine]));
    if (!decides_to_leave(clock, leave)) return ts_ok;
    clock->counters[leave->loop] = 0;
    clock->pc = clock->program->loops.data[leave->loop].end + 1;
    return ts_ok;
}

ts_status ts_expand_next(ts_clock *clock, bool *is_end) {
    const ts_program *program = clock->program;
    for (;;) {
        if (clock->pc >= program->code.count) {
            *is_end = true;
            return ts_ok;
        }
        uint32_t at = clock->pc++;
        const ts_inst *inst = program->code.data[at];
        if (inst->op == ts_op_loop) {
            uint32_t id = ((const ts_inst_loop *)inst)->id;
            clock->counters[id] = 0;
            clock->trips[id] = ts_count_value(program, &((const ts_inst_loop *)inst)->trip, clock->counters);
            if (clock->trips[id] == 0) {
                clock->pc = program->loops.data[id].end + 1;
                continue;
            }
            if (!program->loops.data[id].parent) {
                clock->steady.entered = clock->sequence;
                ts_expand_since(clock, at);
            }
            clock->record->loops.data[id].entries++;
            clock->record->loops.data[id].trips++;
        } else if (inst->op == ts_op_end) {
            uint32_t id = ((const ts_inst_end *)inst)->id;
            if (++clock->counters[id] < clock->trips[id]) {
                clock->pc = program->loops.data[id].begin + 1;
                if (!program->loops.data[id].parent) ts_steady_trip(clock, id);
                clock->record->loops.data[id].trips++;
            } else {
                if (!program->loops.data[id].parent) {
                    ts_steady_end(clock);
                    ts_expand_since(clock, clock->pc);
                }
                clock->counters[id] = 0;
            }
        } else if (inst->op == ts_op_leave) {
            return fetch_leave(clock, at, (const ts_inst_leave *)inst);
        } else {
            return fetch(clock, at, inst);
        }
    }
}
