/* Writes a program anew with skewed loops. With S stages behind the first, S trips begin before the loop and
   S end behind it, each as instructions of their own; the loop makes the trips between, in which every unit
   works for a trip of its own. */
#include <string.h>

#include "plan/skew.h"

/* What stands for the counter of a loop of the old program. */
typedef struct stand_in {
    bool is_constant;
    int64_t value; /* the counter, or what is added to that of the new loop */
    uint32_t loop; /* of the new program */
} stand_in;

/* A tile that one stage of a body has to itself. */
typedef struct own_tile {
    ts_tile tile;
    int stage;
} own_tile;
typedef TS_VEC(own_tile) own_tiles;

typedef struct rewriter {
    ts_builder *b;
    ts_program *program;
    ts_skew_body *const *bodies; /* by loop of the old program */
    ts_program made;             /* loops, terms, rotations, indices and code so far */
    stand_in *counters;          /* by loop of the old program */
    uint32_t *latest; /* by rotation of the old program: 1 + the latest one of the new that stands for it */
    TS_VEC(uint32_t) earlier;  /* by rotation of the new program: 1 + the one before for the same */
    const ts_tile_life *lives; /* by tile of the old program */
    ts_tile *tile;             /* by tile of the old program: what stands for it */
    uint32_t open;             /* 1 + the innermost open loop of the new program */
    ts_arena scratch;
} rewriter;

static ts_affine make_sum(rewriter *r, const ts_affine *from) {
    ts_affine to = {.base = from->base, .first_term = r->made.terms.count};
    for (uint32_t i = 0; i < from->term_count; i++) {
        const ts_term *term = &r->program->terms.data[from->first_term + i];
        const stand_in *counter = &r->counters[term->loop];
        to.base += term->coef * counter->value;
        if (counter->is_constant) continue;
        ts_vec_push(&r->made.terms, &r->program->arena, ((ts_term){term->coef, counter->loop}));
        to.term_count++;
    }
    if (to.term_count == 0) to.first_term = 0;
    return to;
}

/* The rotation of the new program that stands for one of the old. Equal ones are the same row, by which
   lifetimes see that operands are in one slot. */
static uint32_t make_rotation(rewriter *r, uint32_t number) {
    ts_rotation made = r->program->rotations.data[number - 1];
    uint32_t terms = r->made.terms.count;
    made.index = make_sum(r, &made.index);
    for (uint32_t i = r->latest[number - 1]; i; i = r->earlier.data[i - 1])
        if (ts_affine_same(&r->made, &made.index, &r->made.rotations.data[i - 1].index)) {
            r->made.terms.count = terms;
            return i;
        }
    ts_vec_push(&r->made.rotations, &r->program->arena, made);
    ts_vec_push(&r->earlier, &r->scratch, r->latest[number - 1]);
    return r->latest[number - 1] = r->made.rotations.count;
}

static ts_affine make_affine(rewriter *r, const ts_affine *from) {
    ts_affine to = make_sum(r, from);
    if (from->rotation) to.rotation = make_rotation(r, from->rotation) & 0xffffff;
    return to;
}

/* Sets *is_none where the count is 0. */
static ts_count make_count(rewriter *r, const ts_count *from, bool *is_none) {
    ts_count to = *from;
    if (!from->is_ragged) return to;
    to.limit = make_affine(r, &from->limit);
    if (!ts_affine_is_constant(&to.limit)) return to;
    to.is_ragged = false;
    if (to.limit.base < to.max) to.max = (int32_t)to.limit.base;
    to.limit = (ts_affine){0};
    *is_none |= to.max <= 0;
    return to;
}

static void remake_ap(rewriter *r, ts_ap *ap, bool *is_none) {
    if (ap->space != ts_space_hbm) ap->tensor = r->tile[ap->tensor - 1];
    ap->part = make_affine(r, &ap->part);
    ap->parts = make_count(r, &ap->parts, is_none);
    ap->offset = make_affine(r, &ap->offset);
    for (int i = 0; i < ap->dims; i++)
        ap->dim[i].count = make_count(r, &ap->dim[i].count, is_none);
    if (ap->space != ts_space_hbm || !ap->index) return;
    ts_ap index = r->program->indices.data[ap->index - 1];
    remake_ap(r, &index, is_none);
    ts_vec_push(&r->made.indices, &r->program->arena, index);
    ap->index = r->made.indices.count;
}

static void remake_accum(const rewriter *r, ts_accum *accum) {
    if (accum->mode != ts_accum_unless_first) return;
    const stand_in *counter = &r->counters[accum->loop];
    accum->loop = counter->is_constant ? 0 : counter->loop;
    if (counter->is_constant)
        accum->mode = counter->value == 0 ? ts_accum_never : ts_accum_always;
    else if (counter->value > 0)
        *accum = (ts_accum){.mode = ts_accum_always};
}

static void add_inst(rewriter *r, const ts_inst *inst) {
    const ts_op_info *info = ts_op_get(inst->op);
    ts_inst *made = ts_arena_copy(&r->program->arena, inst, info->size);
    bool is_none = false, is_write;
    for (int i = 0; i < info->field_count; i++) {
        void *at = (char *)made + info->fields[i].offset;
        ts_ap *ap = ts_inst_ap(made, &info->fields[i], &is_write);
        if (ap) remake_ap(r, ap, &is_none);
        if (info->fields[i].kind == ts_kind_accum) remake_accum(r, at);
        if (info->fields[i].kind == ts_kind_affine) *(ts_affine *)at = make_affine(r, at);
        if (info->fields[i].kind == ts_kind_loop) *(uint32_t *)at = r->counters[*(uint32_t *)at].loop;
    }
    if (!is_none) ts_vec_push(&r->made.code, &r->program->arena, made);
}

static uint32_t open_loop(rewriter *r, uint32_t old, ts_count trip, uint32_t loc) {
    ts_inst_loop *inst = TS_NEW(&r->program->arena, ts_inst_loop);
    uint32_t id = r->made.loops.count;
    *inst = (ts_inst_loop){.head = {.op = ts_op_loop, .loc = loc}, .id = id, .trip = trip};
    ts_loop loop = {.parent = r->open, .begin = r->made.code.count, .trip = trip};
    ts_vec_push(&r->made.loops, &r->program->arena, loop);
    ts_vec_push(&r->made.code, &r->program->arena, &inst->head);
    r->counters[old] = (stand_in){.loop = id};
    r->open = id + 1;
    return id;
}

static void close_loop(rewriter *r, uint32_t id, uint32_t loc) {
    ts_inst_end *inst = TS_NEW(&r->program->arena, ts_inst_end);
    *inst = (ts_inst_end){.head = {.op = ts_op_end, .loc = loc}, .id = id};
    ts_vec_push(&r->made.code, &r->program->arena, &inst->head);
    r->made.loops.data[id].end = r->made.code.count - 1;
    r->open = r->made.loops.data[id].parent;
}

static void add_range(rewriter *r, uint32_t begin, uint32_t end);

/* ---- tiles of the trips outside of the loop ---- */

/* The lives of the old program's tiles, of which its table has no rows yet. */
static const ts_tile_life *find_lives(rewriter *r) {
    ts_program view = *r->program;
    memset(&view.tiles, 0, sizeof view.tiles);
    for (uint32_t i = 0; i < r->b->tiles.count; i++) {
        const ts_tile_info *tile = &r->b->tiles.data[i];
        ts_tile_row row = {.space = tile->space, .slots = tile->slots, .bytes = tile->bytes};
        ts_vec_push(&view.tiles, &r->scratch, row);
    }
    return ts_tile_lives(&view, &r->scratch);
}

/* Finds the tiles that nothing but one stage of the body uses, and of which no trip needs what another has
   left there. */
static own_tiles find_own(rewriter *r, const ts_skew_body *body) {
    own_tiles own = {0};
    uint32_t count = r->b->tiles.count, *uses = TS_NEW_ARRAY(&r->scratch, uint32_t, count + 1);
    int *stage = TS_NEW_ARRAY(&r->scratch, int, count + 1);
    for (uint32_t i = 0; i < body->units.count; i++) {
        const ts_skew_unit *unit = &body->units.data[i];
        for (uint32_t j = 0; j < unit->use_count; j++) {
            const ts_ap *ap = body->uses.data[unit->first_use + j].ap;
            if (ap->space == ts_space_hbm) continue;
            uint32_t tile = ap->tensor - 1;
            if (uses[tile]++ == 0) stage[tile] = unit->stage;
            if (stage[tile] != unit->stage) stage[tile] = -1;
            if (uses[tile] != r->lives[tile].uses || stage[tile] < 0 || !r->lives[tile].is_set_whole ||
                r->b->tiles.data[tile].is_fixed)
                continue;
            ts_vec_push(&own, &r->scratch, ((own_tile){tile + 1, stage[tile]}));
        }
    }
    return own;
}

/* Another tile like this one. */
static ts_tile copy_tile(rewriter *r, ts_tile tile) {
    ts_tile_info info = r->b->tiles.data[tile - 1];
    ts_vec_push(&r->b->tiles, &r->program->arena, info);
    return r->b->tiles.count;
}

/* Step `step` of a skewed loop: the units whose trip is one of the loop's. Their own tiles are others than
   the loop's, so that each is needed for a short time. */
static void add_step(rewriter *r, const ts_skew_body *body, const own_tiles *own, int step) {
    ts_tile *before = TS_NEW_ARRAY(&r->scratch, ts_tile, own->count + 1);
    for (uint32_t i = 0; i < own->count; i++) {
        ts_tile *tile = &r->tile[own->data[i].tile - 1];
        const int trip = step - own->data[i].stage;
        before[i] = *tile;
        if (trip >= 0 && trip < body->trips) *tile = copy_tile(r, *tile);
    }
    for (uint32_t i = 0; i < body->units.count; i++) {
        const ts_skew_unit *unit = &body->units.data[body->order[i]];
        const int trip = step - unit->stage;
        if (trip < 0 || trip >= body->trips) continue;
        r->counters[body->loop] = (stand_in){.is_constant = true, .value = trip};
        add_range(r, unit->begin, unit->end);
    }
    for (uint32_t i = 0; i < own->count; i++)
        r->tile[own->data[i].tile - 1] = before[i];
}

static void add_skewed(rewriter *r, const ts_skew_body *body, uint32_t loc, uint32_t end_loc) {
    const own_tiles own = find_own(r, body);
    const int full = body->trips - body->stages; /* steps in which all units work */
    for (int step = 0; step < body->stages; step++)
        add_step(r, body, &own, step);
    if (full == 1) {
        add_step(r, body, &own, body->stages);
    } else {
        uint32_t id = open_loop(r, body->loop, ts_count_const(full), loc);
        for (uint32_t i = 0; i < body->units.count; i++) {
            const ts_skew_unit *unit = &body->units.data[body->order[i]];
            r->counters[body->loop] = (stand_in){.value = body->stages - unit->stage, .loop = id};
            add_range(r, unit->begin, unit->end);
        }
        close_loop(r, id, end_loc);
    }
    for (int step = body->trips; step < body->trips + body->stages; step++)
        add_step(r, body, &own, step);
}

/* Adds the old program's instructions of positions [begin, end), of which each loop is there as a whole. */
static void add_range(rewriter *r, uint32_t begin, uint32_t end) {
    for (uint32_t at = begin; at < end; at++) {
        const ts_inst *inst = r->program->code.data[at];
        if (inst->op != ts_op_loop) {
            add_inst(r, inst);
            continue;
        }
        const uint32_t old = ((const ts_inst_loop *)inst)->id, last = r->program->loops.data[old].end;
        const uint32_t end_loc = r->program->code.data[last]->loc;
        if (r->bodies[old]) {
            add_skewed(r, r->bodies[old], inst->loc, end_loc);
        } else {
            bool is_none = false;
            ts_count trip = make_count(r, &r->program->loops.data[old].trip, &is_none);
            if (!is_none) {
                uint32_t id = open_loop(r, old, trip, inst->loc);
                add_range(r, at + 1, last);
                close_loop(r, id, end_loc);
            }
        }
        at = last;
    }
}

static void take_code(ts_program *program, const ts_program *from) {
    program->code = from->code;
    program->loops = from->loops;
    program->terms = from->terms;
    program->rotations = from->rotations;
    program->indices = from->indices;
}

void ts_skew_rewrite(ts_builder *b, ts_skew_body *const *bodies) {
    ts_program *program = b->program;
    rewriter r = {.b = b, .program = program, .bodies = bodies};
    r.counters = TS_NEW_ARRAY(&r.scratch, stand_in, program->loops.count + 1);
    r.latest = TS_NEW_ARRAY(&r.scratch, uint32_t, program->rotations.count + 1);
    r.lives = find_lives(&r);
    r.tile = TS_NEW_ARRAY(&r.scratch, ts_tile, b->tiles.count + 1);
    for (uint32_t i = 0; i < b->tiles.count; i++)
        r.tile[i] = i + 1;
    add_range(&r, 0, program->code.count);
    take_code(program, &r.made);
    ts_arena_free(&r.scratch);
}

void ts_plan_unskew(ts_builder *b, const ts_program *before) {
    take_code(b->program, before);
}
