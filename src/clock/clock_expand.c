/* Walks the program in order: follows the loops, resolves operands and costs, adds dependences, and hands
   each instruction to the lane of its engine. */
#include <string.h>

#include "clock/clock_steady.h"

enum { TICK = 32 }; /* instructions between calls of ts_sites_tick */

void ts_expand_since(ts_clock *clock, uint32_t at) {
    clock->since = at;
    clock->coming = 0;
    for (int engine = ts_engine_tensor; engine < ts_engine_count; engine++)
        if (clock->last[engine] > at) clock->coming |= 1u << engine;
}

/* Places an access at a byte offset. For an indexed operand the place is its whole tensor, or all in one slot
   of it (clock_slots.c). */
static void place_at(ts_access *access, int64_t offset) {
    int64_t length = access->place.hi - access->place.lo;
    access->place.lo = access->origin + offset;
    access->place.hi = access->place.lo + length;
}

/* Sets the fields of an access that follow from its shape, and the length of its place. */
static void take_shape(const ts_program *program, ts_access *access) {
    const ts_shape *shape = access->place.shape;
    bool is_indexed = shape->ref.index != NULL;
    bool is_hbm = access->ap->space == ts_space_hbm;
    access->unit = is_indexed ? 0 : is_hbm ? (uint8_t)ts_dtype_get(access->ap->dtype)->bytes : 1;
    access->origin = ts_access_shift(access) + shape->lo;
    access->place.lo = 0;
    access->place.hi =
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
    if (ts_access_storage(clock, access)->slot > 0) placed.index = NULL;
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
                ts_access_storage(clock, &code->accesses[i])->is_tracked)
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
        if (access->moves_offset)
            place_at(access, ts_affine_at(program, &access->ap->offset, clock->counters) * access->unit);
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
    if (access->site->storage == clock->held.storage && ts_place_meets(&access->place, &clock->held.place))
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

static ts_status fail_cap(ts_clock *clock) {
    ts_fail(clock->diag, ts_capacity, "the program runs more than %llu instructions",
            (unsigned long long)clock->instruction_cap);
    ts_diag_remedy(clock->diag, "raise the clock's instruction cap, or time a shorter program");
    return ts_capacity;
}

/* Makes an event of an instruction, with all its dependences, and appends it to its lane. */
static ts_status push(ts_clock *clock, uint32_t at, const ts_inst *inst, ts_code *code, ts_step *step) {
    if (clock->sequence == clock->instruction_cap) return fail_cap(clock);
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
    bool is = clock->held.is_valid && clock->held.storage == access->site->storage &&
              clock->held.place.part == access->place.part && clock->held.place.lo == access->place.lo &&
              clock->held.place.hi == access->place.hi;
    clock->held.is_valid = true;
    clock->held.storage = access->site->storage;
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

static void enter(ts_clock *clock, uint32_t at, const ts_inst_loop *loop) {
    const ts_program *program = clock->program;
    uint32_t id = loop->id;
    clock->counters[id] = 0;
    clock->trips[id] = ts_count_value(program, &loop->trip, clock->counters);
    if (clock->trips[id] == 0) {
        clock->pc = program->loops.data[id].end + 1;
        return;
    }
    if (!program->loops.data[id].parent) {
        clock->steady.entered = clock->sequence;
        ts_expand_since(clock, at);
    }
    clock->record->loops.data[id].entries++;
    clock->record->loops.data[id].trips++;
}

/* At the end of a loop: goes back to its begin if it has a further trip. */
static void turn(ts_clock *clock, uint32_t id) {
    const ts_loop *loop = &clock->program->loops.data[id];
    if (++clock->counters[id] < clock->trips[id]) {
        clock->pc = loop->begin + 1;
        if (!loop->parent) ts_steady_trip(clock, id);
        clock->record->loops.data[id].trips++;
        return;
    }
    if (!loop->parent) {
        ts_steady_end(clock);
        ts_expand_since(clock, clock->pc);
    }
    clock->counters[id] = 0;
}

/* ---- bursts ---- */

/* Appends the instruction that `code` has been resolved to. */
static void add_member(ts_clock *clock, const ts_code *code, ts_step *step) {
    ts_member *member = &clock->ahead.member[clock->ahead.count++];
    member->step = step;
    member->touches = (uint8_t)code->tracked_count;
    for (int i = 0; i < code->tracked_count; i++) {
        const ts_access *access = &code->accesses[code->tracked[i]];
        member->touch[i] = (ts_touch){access, access->place};
    }
}

/* Whether an instruction is the begin or the end of a loop that is inside another one. */
static bool is_inner_loop(const ts_clock *clock, const ts_inst *inst) {
    const ts_loop *loops = clock->program->loops.data;
    return (inst->op == ts_op_loop && loops[((const ts_inst_loop *)inst)->id].parent) ||
           (inst->op == ts_op_end && loops[((const ts_inst_end *)inst)->id].parent);
}

/* Walks on from pc as long as there are only instructions that can be members of a burst. */
static void look_ahead(ts_clock *clock) {
    const ts_program *program = clock->program;
    clock->ahead.at = clock->ahead.count = 0;
    while (clock->pc < program->code.count && clock->ahead.count < TS_BURST_MOST) {
        uint32_t at = clock->pc;
        const ts_inst *inst = program->code.data[at];
        ts_code *code = &clock->code[at];
        if (code->is_member) {
            ts_step *step = resolve(clock, code, inst);
            clock->pc++;
            if (step) add_member(clock, code, step);
        } else if (is_inner_loop(clock, inst)) {
            clock->pc++;
            if (inst->op == ts_op_loop)
                enter(clock, at, (const ts_inst_loop *)inst);
            else
                turn(clock, ((const ts_inst_end *)inst)->id);
        } else {
            return;
        }
    }
}

/* Makes an event of as many of the instructions ahead as can share one. */
static ts_status push_ahead(ts_clock *clock) {
    const ts_member *members = &clock->ahead.member[clock->ahead.at];
    uint64_t left = clock->instruction_cap - clock->sequence;
    uint32_t count = clock->ahead.count - clock->ahead.at, room = ts_burst_room(clock);
    if (left == 0) return fail_cap(clock);
    if (left < count) count = (uint32_t)left;
    if (room < count) count = room;
    ts_event *event = ts_event_new(clock, members->step);
    count = ts_regions_burst(clock, event, members, count);
    if (count > 1) ts_burst_keep(clock, event, members, count);
    for (uint32_t m = 0; m < count; m++) {
        ts_step *step = members[m].step;
        if (++clock->sequence % TICK == 0) ts_sites_tick(clock);
        if (step->count++ == 0) ts_tally_first(clock, clock->program->code.data[step->inst], step);
    }
    event->step = members[count - 1].step;
    event->sequence = clock->sequence;
    clock->ahead.at += count;
    ts_lanes_push(clock, event);
    return ts_ok;
}

ts_status ts_expand_next(ts_clock *clock, bool *is_end) {
    const ts_program *program = clock->program;
    for (;;) {
        if (clock->ahead.at < clock->ahead.count) return push_ahead(clock);
        if (clock->pc >= program->code.count) {
            *is_end = true;
            return ts_ok;
        }
        uint32_t at = clock->pc;
        const ts_inst *inst = program->code.data[at];
        if (clock->code[at].is_member && clock->has_bursts && !clock->held.is_valid) {
            look_ahead(clock);
            continue;
        }
        clock->pc++;
        if (inst->op == ts_op_loop)
            enter(clock, at, (const ts_inst_loop *)inst);
        else if (inst->op == ts_op_end)
            turn(clock, ((const ts_inst_end *)inst)->id);
        else if (inst->op == ts_op_leave)
            return fetch_leave(clock, at, (const ts_inst_leave *)inst);
        else
            return fetch(clock, at, inst);
    }
}
