/* The pass: for every loop with a constant number of trips, whether its body is worth skewing. */
#include "plan/skew.h"

/* Picoseconds that skewing must gain over all runs of a loop, as far as one can tell: it costs code. */
enum { LEAST_GAIN = 5000000 };

static const uint32_t *find_places(const ts_program *program, ts_arena *arena) {
    uint32_t *places = TS_NEW_ARRAY(arena, uint32_t, program->tensors.count + 1);
    for (uint32_t i = 0; i < program->tensors.count; i++)
        places[i] = ts_tensor_place(program, i);
    return places;
}

/* How often a loop is begun. */
static double runs_of(const ts_program *program, const ts_loop *loop) {
    double runs = 1;
    for (uint32_t outer = loop->parent; outer; outer = program->loops.data[outer - 1].parent)
        runs *= program->loops.data[outer - 1].trip.max;
    return runs;
}

static ts_skew_body *plan_loop(const ts_builder *b, uint32_t number, const uint32_t *places,
                               ts_arena *arena) {
    const ts_loop *loop = &b->program->loops.data[number];
    if (loop->trip.is_ragged || loop->trip.max < 2) return NULL;
    ts_skew_body *body = TS_NEW(arena, ts_skew_body);
    *body = (ts_skew_body){.program = b->program,
                           .chip = b->chip,
                           .tiles = b->tiles.data,
                           .places = places,
                           .loop = number,
                           .trips = loop->trip.max,
                           .arena = arena};
    if (!ts_skew_find_units(body)) return NULL;
    ts_skew_find_edges(body);
    ts_time gain = ts_skew_choose(body);
    return gain > 0 && (double)gain * runs_of(b->program, loop) >= LEAST_GAIN ? body : NULL;
}

bool ts_plan_skew(ts_builder *b) {
    ts_program *program = b->program;
    ts_arena arena = {0};
    bool is_any = false;
    if (b->deepest > TS_MAX_LOOP_DEPTH || program->syncs.count) return false;
    const uint32_t *places = find_places(program, &arena);
    ts_skew_body **bodies = TS_NEW_ARRAY(&arena, ts_skew_body *, program->loops.count + 1);
    for (uint32_t i = 0; i < program->loops.count; i++) {
        bodies[i] = plan_loop(b, i, places, &arena);
        is_any |= bodies[i] != NULL;
    }
    if (is_any) ts_skew_rewrite(b, bodies);
    ts_arena_free(&arena);
    return is_any;
}
