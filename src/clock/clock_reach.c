/* Bounds of what each operand may touch in all trips of all its loops, found from the code without stepping
 * it. */
#include "arch/range.h"
#include "clock/clock_core.h"

/* Fills `nest` with a loop (1 + its id; 0: none) and all loops around it. */
static void open_loops(const ts_program *program, uint32_t loop, ts_nesting *nest) {
    if (!loop) return;
    open_loops(program, program->loops.data[loop - 1].parent, nest);
    nest->loop[nest->depth++] = loop - 1;
}

/* Sets the bounds; if they overflow, there are none. */
static void set_bytes(ts_reaches *out, ts_wide lo, ts_wide hi) {
    out->is_known = lo >= INT64_MIN && hi <= INT64_MAX;
    out->lo = (int64_t)lo;
    out->hi = (int64_t)hi;
}

static void set_parts(ts_reaches *out, ts_wide first, ts_wide last) {
    out->is_known = first >= INT32_MIN && last <= INT32_MAX;
    out->first = (int32_t)first;
    out->last = (int32_t)last;
}

static void find_bounds(const ts_clock *clock, ts_reaches *out) {
    const ts_program *program = clock->program;
    const ts_ap *ap = out->ap;
    ts_access access = {.ap = ap};
    ts_nesting nest = {.program = program};
    int64_t bytes = ts_dtype_get(ap->dtype)->bytes;
    ts_access_place(clock, &access);
    open_loops(program, out->loop, &nest);
    out->is_found = out->is_known = true;
    if (ap->index) {
        set_bytes(out, access.shift, (ts_wide)program->tensors.data[ap->tensor].bytes + access.shift);
        return;
    }
    ts_form offset, part;
    out->is_known = ts_form_of(&nest, &ap->offset, &offset);
    if (!out->is_known) return;
    ts_wide unit = ap->space == ts_space_hbm ? bytes : 1;
    ts_wide lo = ts_form_min(&nest, &offset) * unit + access.shift;
    ts_wide hi = ts_form_max(&nest, &offset) * unit + access.shift + bytes;
    for (int i = 0; i < ap->dims; i++) {
        ts_wide most = (ts_wide)ap->dim[i].step * (ap->dim[i].count.max - 1) * bytes;
        *(most < 0 ? &lo : &hi) += most;
    }
    if (ap->space ==
        ts_space_hbm) { /* ragged counts may depend on the offset, but no operand leaves its tensor */
        ts_wide end = (ts_wide)program->tensors.data[ap->tensor].bytes + access.shift;
        set_bytes(out, lo < access.shift ? access.shift : lo, hi > end ? end : hi);
        return;
    }
    set_bytes(out, lo, hi);
    if (out->is_known) out->is_known = ts_form_of(&nest, &ap->part, &part);
    if (!out->is_known) return;
    set_parts(out, ts_form_min(&nest, &part), ts_form_max(&nest, &part) + ap->parts.max - 1);
}

/* Makes the entries of all operands of tracked storages. */
static void find_all(ts_clock *clock) {
    const ts_program *program = clock->program;
    uint32_t loop = 0;
    ts_vec_reserve(&clock->reaches, &clock->arena, clock->operands);
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        if (inst->op == ts_op_loop) loop = 1 + ((const ts_inst_loop *)inst)->id;
        if (inst->op == ts_op_end) loop = program->loops.data[((const ts_inst_end *)inst)->id].parent;
        for (int i = 0; i < clock->code[at].access_count; i++) {
            const ts_access *access = &clock->code[at].accesses[i];
            if (!clock->storages[access->storage].is_tracked) continue;
            ts_reaches own = {.ap = access->ap,
                              .inst = at,
                              .storage = access->storage,
                              .loop = loop,
                              .is_write = access->is_write};
            ts_vec_push(&clock->reaches, &clock->arena, own);
        }
    }
}

bool ts_reach_meets(const ts_clock *clock, ts_reaches *a, ts_reaches *b) {
    if (a->storage != b->storage || (!a->is_write && !b->is_write)) return false;
    if (!a->is_found) find_bounds(clock, a);
    if (!b->is_found) find_bounds(clock, b);
    if (!a->is_known || !b->is_known) return true;
    return a->lo < b->hi && b->lo < a->hi && a->first <= b->last && b->first <= a->last;
}

/* The bit of the operand's engine; all engines for a `leave`. */
static uint32_t engines_of(const ts_clock *clock, const ts_reaches *reach) {
    const ts_inst *inst = clock->program->code.data[reach->inst];
    const uint32_t all = ((1u << ts_engine_count) - 1) & ~(1u << ts_engine_none);
    return inst->op == ts_op_leave ? all : 1u << inst->engine;
}

/* Counts the operand for its engines and, unless is_counting, writes it to reach_list. */
static void list(const ts_clock *clock, uint32_t at, bool is_counting) {
    const ts_reaches *reach = &clock->reaches.data[at];
    ts_storage *storage = &clock->storages[reach->storage];
    for (uint32_t engines = engines_of(clock, reach); engines; engines &= engines - 1) {
        int engine = __builtin_ctz(engines);
        uint32_t place = storage->reaches[engine]++;
        if (!is_counting) clock->reach_list[storage->first_reach[engine] + place] = at;
    }
}

/* Lists the operands by storage and engine, in program order. */
static void list_all(ts_clock *clock) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < clock->reaches.count; i++)
        list(clock, i, true);
    for (uint32_t s = 0; s < clock->storage_count; s++)
        for (int engine = 0; engine < ts_engine_count; engine++) {
            ts_storage *storage = &clock->storages[s];
            storage->first_reach[engine] = count;
            count += storage->reaches[engine];
            storage->reaches[engine] = 0;
        }
    clock->reach_list = TS_NEW_ARRAY(&clock->arena, uint32_t, count + 1);
    for (uint32_t i = 0; i < clock->reaches.count; i++)
        list(clock, i, false);
}

void ts_reach_find(ts_clock *clock) {
    if (clock->reach_list) return;
    find_all(clock);
    list_all(clock);
}
