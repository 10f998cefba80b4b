/* Decides which loops can be in a steady state. Every trip must do the same, except that operands may move by
   a fixed distance per trip, if nothing else in the loop touches the places that they move over. Then a state
   of the clock that recurs, relative to the current trip, recurs until the loop ends. Accesses from before
   the loop are no exception: while one can still delay something, the state does not recur, since the
   access's time does not move with the trips. */
#include "arch/range.h"
#include "base/integer.h"
#include "clock/clock_steady.h"

int64_t ts_repeat_shift(const ts_program *program, const ts_ap *ap, uint32_t loop) {
    int64_t shift = ts_affine_coef(program, &ap->offset, loop);
    if (ap->index) return 0; /* its place is the whole tensor */
    return ap->space == ts_space_hbm ? shift * ts_dtype_get(ap->dtype)->bytes : shift;
}

int64_t ts_repeat_part_shift(const ts_program *program, const ts_ap *ap, uint32_t loop) {
    return ap->space == ts_space_hbm ? 0 : ts_affine_coef(program, &ap->part, loop);
}

/* Trips after which a rotation is back at the same slot. */
static int64_t rotation_period(const ts_program *program, const ts_affine *affine, uint32_t loop) {
    if (!affine->rotation) return 1;
    const ts_rotation *rotation = &program->rotations.data[affine->rotation - 1];
    int64_t step = ts_affine_coef(program, &rotation->index, loop) % rotation->count;
    return step ? rotation->count / ts_gcd(rotation->count, step) : 1;
}

/* The examination of a loop. */
typedef struct repeat {
    ts_clock *clock;
    uint32_t loop;
    ts_nesting nest; /* loops around the current code position */
    ts_repeat *out;
} repeat;

/* Takes the rotation of an affine form into account. */
static void add_period(repeat *r, const ts_affine *affine) {
    enum { MOST = 64 };
    int64_t period = rotation_period(r->clock->program, affine, r->loop);
    r->out->period = r->out->period / ts_gcd(r->out->period, period) * period;
    if (r->out->period > MOST) r->out->is_able = false;
}

/* Takes a count into account: if it is ragged, lowers `last` such that from the current trip to `last` the
   count is always full or always 0. Returns whether it is 0. */
static bool add_count(repeat *r, const ts_count *count) {
    if (!count->is_ragged) return false;
    if (!ts_affine_coef(r->clock->program, &count->limit, r->loop) && !count->limit.rotation) return false;
    ts_form form;
    if (count->limit.rotation || !ts_form_of(&r->nest, &count->limit, &form)) {
        r->out->is_able = false;
        return false;
    }
    ts_wide step = form.coef[0], moved = step * r->clock->counters[r->loop], last = INT64_MAX;
    form.coef[0] = 0;
    ts_wide spare = ts_form_min(&r->nest, &form) + moved - count->max,
            most = ts_form_max(&r->nest, &form) + moved;
    if (spare >= 0) {
        if (step < 0) last = spare / -step;
    } else if (most <= 0) {
        if (step > 0) last = -most / step;
    } else {
        last = -1;
    }
    if (last < r->out->last - r->clock->counters[r->loop])
        r->out->last = (int64_t)last + r->clock->counters[r->loop];
    return spare < 0 && most <= 0;
}

/* Updates the loops around the code position. */
static void open_loops(ts_nesting *nest, const ts_inst *inst) {
    if (inst->op == ts_op_loop) nest->loop[nest->depth++] = ((const ts_inst_loop *)inst)->id;
    if (inst->op == ts_op_end) nest->depth--;
}

/* Whether the distance of two operands of the loop changes from trip to trip. */
static bool drift_apart(const repeat *r, const ts_ap *a, const ts_ap *b) {
    const ts_program *program = r->clock->program;
    return ts_repeat_shift(program, a, r->loop) != ts_repeat_shift(program, b, r->loop) ||
           ts_repeat_part_shift(program, a, r->loop) != ts_repeat_part_shift(program, b, r->loop);
}

/* Whether some operand of the loop may touch the places of a moving operand without moving along with it. */
static bool is_met_inside(const repeat *r, const ts_reaches *moving) {
    const ts_reaches *all = r->clock->reaches.data;
    for (uint32_t i = 0; i < r->clock->reaches.count; i++)
        if (ts_reach_meets(moving, &all[i]) && drift_apart(r, moving->access->ap, all[i].access->ap))
            return true;
    return false;
}

/* Whether an instruction may touch the places of a moving operand. */
static bool is_met_by(const repeat *r, const ts_reaches *moving, uint32_t at, uint32_t loop) {
    const ts_code *code = &r->clock->code[at];
    for (int i = 0; i < code->access_count; i++) {
        if (code->accesses[i].site->storage != moving->access->site->storage) continue;
        ts_reaches other = ts_reach_find(r->clock, &code->accesses[i], loop);
        if (ts_reach_meets(moving, &other)) return true;
    }
    return false;
}

/* Whether code after the loop, or in it after `last`, could be delayed by an access of a trip that was jumped
   over. Engines that work in those trips cannot: after the jump, all accesses that could delay them are
   known. But other engines may still be at an earlier time, and so may all engines after a `leave`. */
static bool is_met_later(const repeat *r, const ts_reaches *moving) {
    const ts_clock *clock = r->clock;
    const ts_program *program = clock->program;
    uint32_t loop = r->loop + 1, behind = clock->coming & ~r->out->engines;
    if (!behind && !clock->has_leaves) return false;
    for (uint32_t at = program->loops.data[r->loop].begin + 1; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        ts_loop_follow(program, inst, &loop);
        bool may_wait = behind >> inst->engine & 1 || inst->op == ts_op_leave;
        if (may_wait && is_met_by(r, moving, at, loop)) return true;
    }
    return false;
}

/* Lists the operands of the loop that others may wait for, or that may wait for others. */
static void list_reaches(const repeat *r) {
    ts_clock *clock = r->clock;
    const ts_loop *marks = &clock->program->loops.data[r->loop];
    uint32_t loop = r->loop + 1;
    clock->reaches.count = 0;
    for (uint32_t at = marks->begin + 1; at < marks->end; at++) {
        ts_loop_follow(clock->program, clock->program->code.data[at], &loop);
        for (int i = 0; i < clock->code[at].access_count; i++) {
            const ts_access *access = &clock->code[at].accesses[i];
            if (ts_access_storage(clock, access)->is_tracked)
                ts_vec_push(&clock->reaches, &clock->arena, ts_reach_find(clock, access, loop));
        }
    }
}

/* Checks the places of all moving operands of the loop. */
static void look_at_places(repeat *r) {
    ts_clock *clock = r->clock;
    list_reaches(r);
    for (uint32_t i = 0; i < clock->reaches.count && r->out->is_able; i++) {
        const ts_reaches *own = &clock->reaches.data[i];
        const ts_ap *ap = own->access->ap;
        bool moves =
            ts_repeat_shift(clock->program, ap, r->loop) || ts_repeat_part_shift(clock->program, ap, r->loop);
        if (moves && (is_met_inside(r, own) || is_met_later(r, own))) r->out->is_able = false;
    }
}

/* Takes the engine, rotations and counts of an instruction into account. */
static void look_at_inst(repeat *r, uint32_t at) {
    const ts_inst *inst = r->clock->program->code.data[at];
    const ts_code *code = &r->clock->code[at];
    r->out->engines |= 1u << inst->engine;
    if (inst->op == ts_op_leave) r->out->is_able = false;
    open_loops(&r->nest, inst);
    for (int i = 0; i < code->access_count; i++) {
        const ts_ap *ap = code->accesses[i].ap;
        add_period(r, &ap->offset);
        for (int d = 0; d < ap->dims; d++)
            add_count(r, &ap->dim[d].count);
        if (ap->space == ts_space_hbm) continue;
        add_period(r, &ap->part);
        add_count(r, &ap->parts);
    }
}

void ts_repeat_find(ts_clock *clock, uint32_t loop, ts_repeat *out) {
    const ts_program *program = clock->program;
    const ts_loop *marks = &program->loops.data[loop];
    *out = (ts_repeat){.is_known = true, .is_able = !marks->parent, .period = 1, .last = INT64_MAX};
    repeat r = {
        .clock = clock, .loop = loop, .nest = {.program = program, .depth = 1, .loop = {loop}}, .out = out};
    for (uint32_t at = marks->begin + 1; at < marks->end && out->is_able; at++) {
        const ts_inst *inst = program->code.data[at];
        const ts_inst_loop *inner = inst->op == ts_op_loop ? (const ts_inst_loop *)inst : NULL;
        if (inner && add_count(&r, &inner->trip))
            at = program->loops.data[inner->id].end; /* not entered up to `last` */
        else
            look_at_inst(&r, at);
    }
    if (!out->is_able) out->last = INT64_MAX;
}

bool ts_repeat_look(ts_clock *clock, uint32_t loop, ts_repeat *out) {
    repeat r = {.clock = clock, .loop = loop, .out = out};
    if (out->is_placed || !out->is_able) return out->is_able;
    look_at_places(&r);
    out->is_placed = out->is_able;
    if (!out->is_able) out->last = INT64_MAX;
    return out->is_able;
}
