/* Loop-invariant loads: a load that fetches the same data on every trip of a loop moves in front of the loop,
   where SBUF has room. The weights in the body of a scan are such loads. */
#include <string.h>

#include "plan/reside.h"

typedef struct invariant {
    ts_builder *b;
    ts_program *program;
    ts_arena arena;
    uint32_t *writes; /* by tile: how many accesses write it */
    uint32_t *first;  /* by tile: 1 + position of its first access; 0 = none so far */
    bool *is_stored;  /* by tensor: whether the current loop writes it */
} invariant;

static bool has_term(const ts_program *program, const ts_affine *affine, uint32_t loop) {
    for (uint32_t i = 0; i < affine->term_count; i++)
        if (program->terms.data[affine->first_term + i].loop == loop) return true;
    return affine->rotation && has_term(program, &program->rotations.data[affine->rotation - 1].index, loop);
}

static bool depends_on(const ts_program *program, const ts_ap *ap, uint32_t loop) {
    bool depends = has_term(program, &ap->offset, loop) || has_term(program, &ap->part, loop) || ap->index ||
                   (ap->parts.is_ragged && has_term(program, &ap->parts.limit, loop));
    for (int i = 0; i < ap->dims; i++)
        depends |= ap->dim[i].count.is_ragged && has_term(program, &ap->dim[i].count.limit, loop);
    return depends;
}

static void see_tiles(invariant *v) {
    ts_operand_use uses[TS_MOST_USES];
    for (uint32_t at = 0; at < v->program->code.count; at++) {
        int count = ts_live_uses(v->program->code.data[at], uses);
        for (int i = 0; i < count; i++) {
            if (uses[i].ap->space == ts_space_hbm) continue;
            uint32_t tile = uses[i].ap->tensor - 1;
            v->writes[tile] += uses[i].is_write;
            if (!v->first[tile]) v->first[tile] = at + 1;
        }
    }
}

/* Records which tensors the loop stores to. False for a loop whose trip count depends on data. */
static bool see_loop(invariant *v, const ts_loop *loop) {
    ts_operand_use uses[TS_MOST_USES];
    memset(v->is_stored, 0, v->program->tensors.count * sizeof *v->is_stored);
    for (uint32_t at = loop->begin; at < loop->end; at++) {
        ts_inst *inst = v->program->code.data[at];
        if (inst->op == ts_op_leave) return false;
        int count = ts_live_uses(inst, uses);
        for (int i = 0; i < count; i++)
            if (uses[i].ap->space == ts_space_hbm && uses[i].is_write)
                v->is_stored[uses[i].ap->tensor] = true;
    }
    return loop->trip.max > 1 && !loop->trip.is_ragged;
}

/* Whether the instruction at `at` is a load that fetches the same on every trip, into a tile that nothing
   else writes. */
static bool is_again(const invariant *v, uint32_t at, uint32_t loop) {
    const ts_inst_dma_copy *dma = ts_plain_dma(v->program->code.data[at]);
    if (!dma || dma->src.space != ts_space_hbm || dma->dst.space != ts_space_sbuf) return false;
    uint32_t tile = dma->dst.tensor - 1;
    return !v->b->tiles.data[tile].is_fixed && !v->is_stored[dma->src.tensor] && v->writes[tile] == 1 &&
           v->first[tile] == at + 1 && !depends_on(v->program, &dma->src, loop) &&
           !depends_on(v->program, &dma->dst, loop);
}

static void see(invariant *v, const uint32_t *loop_of, const ts_ap *ap, uint32_t at) {
    if (ap->space != ts_space_hbm)
        ts_live_see(v->b, loop_of, ap, at);
    else if (ap->index)
        see(v, loop_of, &v->program->indices.data[ap->index - 1], at);
}

/* Whether all SBUF tiles find addresses. */
static bool has_room(invariant *v) {
    ts_builder *b = v->b;
    ts_arena scratch = {0};
    uint32_t *loop_of = ts_live_loops(v->program, &scratch);
    ts_live_item *items = TS_NEW_ARRAY(&scratch, ts_live_item, b->tiles.count);
    ts_operand_use uses[TS_MOST_USES];
    for (uint32_t i = 0; i < b->tiles.count; i++)
        b->tiles.data[i].first = TS_LIVE_NEVER;
    for (uint32_t at = 0; at < v->program->code.count; at++) {
        int count = ts_live_uses(v->program->code.data[at], uses);
        for (int i = 0; i < count; i++)
            see(v, loop_of, uses[i].ap, at);
    }
    int64_t top = ts_live_fit(items, ts_live_tiles(b, ts_space_sbuf, items), INT64_MAX, &scratch);
    ts_arena_free(&scratch);
    return (double)top <= b->chip->sbuf_partition_bytes;
}

static void move_out(invariant *v, uint32_t number) {
    const ts_loop *loop = &v->program->loops.data[number];
    uint32_t depth = 0;
    if (!see_loop(v, loop)) return;
    for (uint32_t at = loop->begin + 1; at < loop->end; at++) {
        const ts_inst *inst = v->program->code.data[at];
        depth += inst->op == ts_op_loop;
        depth -= inst->op == ts_op_end;
        if (depth > 0 || !is_again(v, at, number)) continue;
        uint32_t before = loop->begin;
        ts_tile_info *tile = &v->b->tiles.data[((const ts_inst_dma_copy *)inst)->dst.tensor - 1];
        ts_build_move(v->b, at, before);
        tile->is_lasting = true;
        if (has_room(v)) continue;
        ts_build_move(v->b, before, at);
        tile->is_lasting = false;
    }
}

void ts_plan_invariants(ts_builder *b) {
    ts_program *program = b->program;
    invariant v = {.b = b, .program = program};
    if (b->deepest > TS_MAX_LOOP_DEPTH) return; /* the verifier reports it */
    v.writes = TS_NEW_ARRAY(&v.arena, uint32_t, b->tiles.count + 1);
    v.first = TS_NEW_ARRAY(&v.arena, uint32_t, b->tiles.count + 1);
    v.is_stored = TS_NEW_ARRAY(&v.arena, bool, program->tensors.count + 1);
    see_tiles(&v);
    for (uint32_t i = 0; i < program->loops.count; i++)
        if (program->loops.data[i].parent == 0) move_out(&v, i);
    ts_arena_free(&v.arena);
}
