/* Placement: gives virtual tiles and scratch tensors their addresses. */
#include <string.h>

#include "plan/liveness.h"

/* How long memory should stay unused before another tile takes it, in the time of ts_live_pace. The first
   value is long enough for the loads of the next loop nest to run ahead. */
static const double EASE_NS[TS_LIVE_EASES] = {50000, 20000, 10000, 5000};

typedef struct placer {
    ts_builder *b;
    uint32_t *row_of;  /* by tile: 1 + its row in the program's tile table; 0 = none */
    uint32_t *loop_of; /* by code position: 1 + innermost loop around it; 0 = none */
    uint32_t *tensor_first, *tensor_last;
    ts_live_pace pace;
} placer;

/* A tensor that a conditional loop accesses stays live for all trips of the loops on which the condition
   depends. */
static void cover_conditions(placer *p, uint32_t tensor, uint32_t at) {
    const ts_program *program = p->b->program;
    for (uint32_t id = p->loop_of[at]; id; id = program->loops.data[id - 1].parent) {
        const ts_count *trip = &program->loops.data[id - 1].trip;
        if (!ts_live_is_condition(&program->loops.data[id - 1])) continue;
        for (uint32_t i = 0; i < trip->limit.term_count; i++) {
            const ts_loop *loop = &program->loops.data[program->terms.data[trip->limit.first_term + i].loop];
            if (loop->begin < p->tensor_first[tensor]) p->tensor_first[tensor] = loop->begin;
            if (loop->end > p->tensor_last[tensor]) p->tensor_last[tensor] = loop->end;
        }
    }
}

static void see_ap(placer *p, const ts_ap *ap, uint32_t at) {
    const ts_program *program = p->b->program;
    if (ap->space != ts_space_hbm) {
        ts_live_see(p->b, p->loop_of, ap, at);
        return;
    }
    ts_live_cover(program, p->loop_of, &p->tensor_first[ap->tensor], &p->tensor_last[ap->tensor], at);
    cover_conditions(p, ap->tensor, at);
    if (ap->index) see_ap(p, &program->indices.data[ap->index - 1], at);
}

static void patch_ap(placer *p, ts_ap *ap) {
    if (ap->space != ts_space_sbuf && ap->space != ts_space_psum) return;
    ap->offset.base += p->b->tiles.data[ap->tensor - 1].address;
    ap->tensor = p->row_of[ap->tensor - 1];
}

static void each_ap(placer *p, ts_inst *inst, uint32_t at, bool is_patch) {
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(inst, uses);
    for (int i = 0; i < count; i++) {
        if (is_patch)
            patch_ap(p, uses[i].ap);
        else
            see_ap(p, uses[i].ap, at);
    }
}

/* Sets until when each item should keep its memory if others have a choice. */
static void ease(const placer *p, ts_live_item *items, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        for (int e = 0; e < TS_LIVE_EASES; e++)
            items[i].far[e] = ts_live_until(&p->pace, items[i].last, EASE_NS[e]);
}

static ts_status place_tiles(placer *p, ts_space space, double capacity, ts_arena *scratch, ts_diag *diag) {
    ts_builder *b = p->b;
    if (b->owns_banks) return ts_plan_place_recent(b, space, capacity, diag);
    ts_live_item *items = TS_NEW_ARRAY(scratch, ts_live_item, b->tiles.count);
    uint32_t count = ts_live_tiles(b, space, items);
    ease(p, items, count);
    int64_t top = ts_live_fit(items, count, (int64_t)capacity, scratch);
    if ((double)top > capacity) {
        ts_fail(diag, ts_capacity,
                "%s: the tiles live at once need %lld bytes a partition, the chip has %.0f",
                ts_space_name(space), (long long)top, capacity);
        ts_diag_remedy(diag, "report the program: tile sizes are the compiler's choice");
        return ts_capacity;
    }
    for (uint32_t i = 0; i < count; i++)
        b->tiles.data[items[i].owner].address = items[i].address;
    return ts_ok;
}

/* The source of a collective stays allocated until the next collective, which starts after it. Otherwise a
   write that reuses the memory would wait for the collective to end while engines could go on. */
static void hold_sent(placer *p) {
    const ts_program *program = p->b->program;
    uint32_t next = program->code.count - 1;
    for (uint32_t at = program->code.count; at-- > 0;) {
        const ts_inst *inst = program->code.data[at];
        if (inst->op != ts_op_collective) continue;
        uint32_t sent = ((const ts_inst_collective *)inst)->src.tensor;
        if (p->tensor_last[sent] < next) p->tensor_last[sent] = next;
        next = at;
    }
}

static void place_scratch(placer *p, ts_arena *scratch) {
    ts_program *program = p->b->program;
    ts_live_item *items = TS_NEW_ARRAY(scratch, ts_live_item, program->tensors.count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < program->tensors.count; i++) {
        const ts_tensor *tensor = &program->tensors.data[i];
        if (tensor->kind != ts_tensor_scratch) continue;
        bool is_used = p->tensor_first[i] != TS_LIVE_NEVER;
        items[count++] = (ts_live_item){.first = is_used ? p->tensor_first[i] : 0,
                                        .last = is_used ? p->tensor_last[i] : 0,
                                        .owner = i,
                                        .bytes = is_used ? (int64_t)((tensor->bytes + 63) / 64 * 64) : 0};
    }
    program->scratch_bytes = (uint64_t)ts_live_fit(items, count, INT64_MAX, scratch);
    for (uint32_t i = 0; i < count; i++)
        program->tensors.data[items[i].owner].address = (uint64_t)items[i].address;
}

/* Fills the program's tile table. It stays empty when a tile has a user-chosen address, since such tiles may
   alias each other. */
static void list_tiles(placer *p, ts_arena *scratch) {
    ts_program *program = p->b->program;
    uint32_t count = p->b->tiles.count;
    p->row_of = TS_NEW_ARRAY(scratch, uint32_t, count + 1);
    for (uint32_t i = 0; i < count; i++)
        if (p->b->tiles.data[i].is_fixed) return;
    for (uint32_t i = 0; i < count; i++) {
        const ts_tile_info *tile = &p->b->tiles.data[i];
        if (tile->first == TS_LIVE_NEVER) continue;
        ts_tile_row row = {
            .space = tile->space, .slots = tile->slots, .address = tile->address, .bytes = tile->bytes};
        ts_vec_push(&program->tiles, &program->arena, row);
        p->row_of[i] = program->tiles.count;
    }
}

static placer new_placer(ts_builder *b, ts_arena *scratch) {
    const ts_program *program = b->program;
    placer p = {.b = b,
                .loop_of = ts_live_loops(program, scratch),
                .tensor_first = TS_NEW_ARRAY(scratch, uint32_t, program->tensors.count + 1),
                .tensor_last = TS_NEW_ARRAY(scratch, uint32_t, program->tensors.count + 1)};
    memset(p.tensor_first, 0xff, (program->tensors.count + 1) * sizeof(uint32_t));
    for (uint32_t i = 0; i < b->tiles.count; i++)
        b->tiles.data[i].first = TS_LIVE_NEVER;
    for (uint32_t at = 0; at < program->code.count; at++)
        each_ap(&p, program->code.data[at], at, false);
    return p;
}

bool ts_plan_fits(ts_builder *b) {
    ts_arena scratch = {0};
    ts_diag diag = {0};
    new_placer(b, &scratch);
    bool fits = ts_plan_place_recent(b, ts_space_sbuf, b->chip->sbuf_partition_bytes, &diag) == ts_ok;
    ts_arena_free(&scratch);
    return fits;
}

static ts_status check_rotations(const ts_builder *b, ts_diag *diag) {
    const uint32_t count = b->program->rotations.count;
    if (count <= TS_MOST_ROTATIONS) return ts_ok;
    ts_fail(diag, ts_capacity, "the program rotates %u buffers, and may rotate %d", count, TS_MOST_ROTATIONS);
    ts_diag_remedy(diag, "put what repeats into a loop, as jax.lax.scan does, instead of writing it out");
    return ts_capacity;
}

ts_status ts_plan_place(ts_builder *b, ts_diag *diag) {
    TS_TRY(check_rotations(b, diag));
    ts_program *program = b->program;
    ts_arena scratch = {0};
    placer p = new_placer(b, &scratch);
    if (!b->owns_banks) p.pace = ts_live_pace_make(b, p.loop_of, &scratch);
    ts_status status = place_tiles(&p, ts_space_sbuf, b->chip->sbuf_partition_bytes, &scratch, diag);
    if (status == ts_ok)
        status = place_tiles(&p, ts_space_psum, b->chip->psum_partition_bytes, &scratch, diag);
    if (status == ts_ok) {
        hold_sent(&p);
        place_scratch(&p, &scratch);
        list_tiles(&p, &scratch);
        for (uint32_t at = 0; at < program->code.count; at++)
            each_ap(&p, program->code.data[at], at, true);
        for (uint32_t i = 0; i < program->indices.count; i++)
            patch_ap(&p, &program->indices.data[i]);
    }
    ts_arena_free(&scratch);
    return status;
}
