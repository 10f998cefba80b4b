/* Which loops may be in a steady state: what a trip does must be what every other trip does, but for places
   that move by a fixed distance, and those places must be nobody else's. Then a state of the clock that comes
   back, seen from the present trip, comes back for ever. */
#include "arch/range.h"
#include "machine/clock_steady.h"

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* What one more trip adds to an affine form, rotation apart. */
static int64_t coefficient(const ts_program *program, const ts_affine *affine, uint32_t loop) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < affine->term_count; i++) {
        const ts_term *term = &program->terms.data[affine->first_term + i];
        if (term->loop == loop) sum += term->coef;
    }
    return sum;
}

int64_t ts_repeat_shift(const ts_program *program, const ts_ap *ap, uint32_t loop) {
    int64_t shift = coefficient(program, &ap->offset, loop);
    if (ap->index) return 0; /* the whole tensor */
    return ap->space == ts_space_hbm ? shift * ts_dtype_get(ap->dtype)->bytes : shift;
}

int64_t ts_repeat_part_shift(const ts_program *program, const ts_ap *ap, uint32_t loop) {
    return ap->space == ts_space_hbm ? 0 : coefficient(program, &ap->part, loop);
}

/* Trips after which a rotation is where it was. */
static int64_t rotation_period(const ts_program *program, const ts_affine *affine, uint32_t loop) {
    if (!affine->rotation) return 1;
    const ts_rotation *rotation = &program->rotations.data[affine->rotation - 1];
    int64_t step = coefficient(program, &rotation->index, loop) % rotation->count;
    return step ? rotation->count / gcd(rotation->count, step) : 1;
}

/* What the search for a reason against a loop has found so far. */
typedef struct repeat {
    ts_clock *clock;
    uint32_t loop;
    ts_nesting nest; /* of the code position looked at */
    ts_repeat *out;
} repeat;

static void add_period(repeat *r, const ts_affine *affine) {
    enum { MOST = 64 };
    int64_t period = rotation_period(r->clock->program, affine, r->loop);
    r->out->period = r->out->period / gcd(r->out->period, period) * period;
    if (r->out->period > MOST) r->out->is_able = false;
}

/* A ragged count must be whole for all trips up to `last`. */
static void add_count(repeat *r, const ts_count *count) {
    if (!count->is_ragged) return;
    if (!coefficient(r->clock->program, &count->limit, r->loop) && !count->limit.rotation) return;
    ts_form form;
    if (count->limit.rotation || !ts_form_of(&r->nest, &count->limit, &form)) {
        r->out->is_able = false;
        return;
    }
    ts_wide step = form.coef[0];
    form.coef[0] = 0;
    ts_wide spare = ts_form_min(&r->nest, &form) - count->max;
    if (spare < 0) r->out->is_able = false;
    if (step < 0 && spare / -step < r->out->last) r->out->last = (int64_t)(spare / -step);
}

static bool find_reach(const repeat *r, const ts_access *access, ts_reaches *out) {
    const ts_ap *ap = access->ap;
    const ts_program *program = r->clock->program;
    *out = (ts_reaches){.storage = access->storage, .is_write = access->is_write};
    int64_t bytes = ts_dtype_get(ap->dtype)->bytes;
    if (ap->index) {
        out->hi = (ts_wide)program->tensors.data[ap->tensor].bytes + access->shift;
        out->lo = access->shift;
        return true;
    }
    ts_form offset, part;
    if (!ts_form_of(&r->nest, &ap->offset, &offset)) return false;
    ts_wide unit = ap->space == ts_space_hbm ? bytes : 1;
    out->lo = ts_form_min(&r->nest, &offset) * unit + access->shift;
    out->hi = ts_form_max(&r->nest, &offset) * unit + access->shift + bytes;
    for (int i = 0; i < ap->dims; i++) {
        ts_wide most = (ts_wide)ap->dim[i].step * (ap->dim[i].count.max - 1) * bytes;
        *(most < 0 ? &out->lo : &out->hi) += most;
    }
    if (ap->space == ts_space_hbm) return true;
    if (!ts_form_of(&r->nest, &ap->part, &part)) return false;
    out->first = ts_form_min(&r->nest, &part);
    out->last = ts_form_max(&r->nest, &part) + ap->parts.max - 1;
    return true;
}

static bool may_meet(const ts_reaches *a, const ts_reaches *b) {
    return a->storage == b->storage && (a->is_write || b->is_write) && a->lo < b->hi && b->lo < a->hi &&
           a->first <= b->last && b->first <= a->last;
}

/* Two operands whose distance changes from trip to trip, or of which one is outside and the other moves. */
static bool disturbs(const ts_reaches *a, const ts_reaches *b) {
    if (a->is_inside && b->is_inside && a->shift == b->shift && a->part_shift == b->part_shift) return false;
    if (!a->is_inside && !b->is_inside) return false;
    bool moves =
        (a->is_inside && (a->shift || a->part_shift)) || (b->is_inside && (b->shift || b->part_shift));
    return moves && may_meet(a, b);
}

static void add_operand(repeat *r, const ts_access *access, bool is_inside) {
    const ts_program *program = r->clock->program;
    const ts_ap *ap = access->ap;
    if (is_inside) {
        add_period(r, &ap->offset);
        for (int d = 0; d < ap->dims; d++)
            add_count(r, &ap->dim[d].count);
        if (ap->space != ts_space_hbm) {
            add_period(r, &ap->part);
            add_count(r, &ap->parts);
        }
    }
    if (!r->clock->is_tracked[access->storage]) return;
    ts_reaches own;
    if (!find_reach(r, access, &own)) {
        r->out->is_able = false;
        return;
    }
    own.is_inside = is_inside;
    own.shift = ts_repeat_shift(program, ap, r->loop);
    own.part_shift = ts_repeat_part_shift(program, ap, r->loop);
    ts_vec_push(&r->clock->steady.reaches, &r->clock->arena, own);
}

static void add_inst(repeat *r, uint32_t at, const ts_inst *inst) {
    const ts_loop *loop = &r->clock->program->loops.data[r->loop];
    bool is_inside = at > loop->begin && at < loop->end;
    if (is_inside && inst->op == ts_op_leave) r->out->is_able = false;
    if (is_inside) r->out->engines |= 1u << inst->engine;
    ts_op_patterns found = ts_find_patterns(r->clock->program, inst);
    for (int i = 0; i < found.count; i++) {
        ts_access access = {.ap = found.ap[i], .is_write = found.is_write[i]};
        ts_access_place(r->clock, &access);
        add_operand(r, &access, is_inside);
    }
}

static void compare_reaches(repeat *r) {
    enum { MOST_PAIRS = 1 << 22 };
    const ts_reaches *all = r->clock->steady.reaches.data;
    uint32_t count = r->clock->steady.reaches.count, inside = 0;
    for (uint32_t i = 0; i < count; i++)
        inside += all[i].is_inside;
    if ((uint64_t)inside * count > MOST_PAIRS) r->out->is_able = false;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < count && all[i].is_inside && r->out->is_able; j++)
            if (disturbs(&all[i], &all[j])) r->out->is_able = false;
}

void ts_repeat_find(ts_clock *clock, uint32_t loop, ts_repeat *out) {
    const ts_program *program = clock->program;
    *out = (ts_repeat){.is_known = true, .is_able = true, .period = 1, .last = INT64_MAX};
    repeat r = {.clock = clock, .loop = loop, .nest = {.program = program}, .out = out};
    if (program->loops.data[loop].parent) out->is_able = false;
    clock->steady.reaches.count = 0;
    for (uint32_t at = 0; at < program->code.count && out->is_able; at++) {
        const ts_inst *inst = program->code.data[at];
        bool is_inner = at > program->loops.data[loop].begin && at < program->loops.data[loop].end;
        if (inst->op == ts_op_loop) {
            uint32_t id = ((const ts_inst_loop *)inst)->id;
            if (is_inner) add_count(&r, &program->loops.data[id].trip);
            r.nest.loop[r.nest.depth++] = id;
        } else if (inst->op == ts_op_end) {
            r.nest.depth--;
        } else {
            add_inst(&r, at, inst);
        }
    }
    if (out->is_able) compare_reaches(&r);
}
