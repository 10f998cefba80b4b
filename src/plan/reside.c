/* Values that stay in SBUF between loop nests: the pass itself, and the changes that it makes to the
   program. */
#include "plan/reside.h"

/* Whether the tensor must also be stored to HBM, for loads that are not served from SBUF. */
static bool is_stored(const ts_reside_tensor *tensor) {
    return tensor->has_others || tensor->fill_count + tensor->chosen < tensor->link_count;
}

/* Whether the tensor is a scratch tensor that only plain DMAs write and nothing reads. */
static bool has_stores_alone(const ts_reside *r, uint32_t number) {
    if (r->program->tensors.data[number].kind != ts_tensor_scratch || !r->tensors[number].uses) return false;
    for (uint32_t n = r->tensors[number].uses; n; n = r->uses.data[n - 1].next) {
        const ts_reside_use *u = &r->uses.data[n - 1];
        if (!u->is.is_write || !ts_plain_dma(r->program->code.data[u->at])) return false;
    }
    return true;
}

static void drop_stores(const ts_reside *r, uint32_t number, bool *is_gone) {
    for (uint32_t n = r->tensors[number].uses; n; n = r->uses.data[n - 1].next)
        is_gone[r->uses.data[n - 1].at] = true;
}

static void move_in(ts_reside *r, const ts_reside_tensor *tensor, const ts_reside_link *l, ts_tile resident,
                    bool *is_gone) {
    for (uint32_t n = r->tiles[l->tile].uses; n; n = r->uses.data[n - 1].next) {
        const ts_reside_use *u = &r->uses.data[n - 1];
        ts_reside_patch(r->b, &tensor->form, &l->map, l->base, &l->start, resident, u->is.ap);
        if (!l->is_store && !l->is_filling && u->is.is_write) is_gone[u->at] = true;
    }
    if (l->is_store) is_gone[l->at] = !is_stored(tensor);
}

static void make_resident(ts_reside *r, uint32_t number, bool *is_gone) {
    const ts_reside_tensor *tensor = &r->tensors[number];
    r->b->loc = r->b->tensor_locs.data[number];
    ts_tile resident = ts_build_tile(r->b, ts_space_sbuf, tensor->form.parts, ts_reside_bytes(r, number), 1);
    r->b->tiles.data[resident - 1].is_lasting = true;
    for (uint32_t i = 0; i < tensor->fill_count + tensor->chosen; i++)
        move_in(r, tensor, &r->links.data[tensor->first_link + i], resident, is_gone);
}

/* Removes the instructions marked in `is_gone` and adjusts the loops, which keep their ids. */
static void close_up(ts_program *program, const bool *is_gone) {
    uint32_t kept = 0;
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_inst *inst = program->code.data[at];
        if (is_gone[at]) continue;
        if (inst->op == ts_op_loop) program->loops.data[((ts_inst_loop *)inst)->id].begin = kept;
        if (inst->op == ts_op_end) program->loops.data[((ts_inst_end *)inst)->id].end = kept;
        program->code.data[kept++] = inst;
    }
    program->code.count = kept;
}

/* Removes tensors that are no longer accessed, and renumbers the others. */
static void drop_tensors(ts_reside *r) {
    ts_program *program = r->program;
    uint32_t *number = TS_NEW_ARRAY(&r->arena, uint32_t, program->tensors.count), kept = 0;
    for (uint32_t t = 0; t < program->tensors.count; t++) {
        number[t] = kept;
        bool is_scratch = program->tensors.data[t].kind == ts_tensor_scratch;
        if (is_scratch && r->tensors[t].chosen && !is_stored(&r->tensors[t])) continue;
        if (r->tensors[t].is_unread) continue;
        program->tensors.data[kept] = program->tensors.data[t];
        r->b->tensor_locs.data[kept++] = r->b->tensor_locs.data[t];
    }
    program->tensors.count = r->b->tensor_locs.count = kept;
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_operand_use uses[TS_MOST_USES];
        int count = ts_live_uses(program->code.data[at], uses);
        for (int i = 0; i < count; i++)
            if (uses[i].ap->space == ts_space_hbm) uses[i].ap->tensor = number[uses[i].ap->tensor];
    }
}

void ts_plan_reside(ts_builder *b) {
    ts_program *program = b->program;
    ts_reside r = {.b = b, .program = program};
    if (b->deepest > TS_MAX_LOOP_DEPTH) return; /* the verifier reports it */
    r.loop_of = ts_live_loops(program, &r.arena);
    r.tiles = TS_NEW_ARRAY(&r.arena, ts_reside_tile, b->tiles.count);
    r.tensors = TS_NEW_ARRAY(&r.arena, ts_reside_tensor, program->tensors.count);
    ts_reside_find(&r);
    ts_reside_choose(&r);
    bool *is_gone = TS_NEW_ARRAY(&r.arena, bool, program->code.count);
    for (uint32_t t = 0; t < program->tensors.count; t++) {
        if (r.tensors[t].chosen) make_resident(&r, t, is_gone);
        r.tensors[t].is_unread = has_stores_alone(&r, t); /* while uses have their positions */
        if (r.tensors[t].is_unread) drop_stores(&r, t, is_gone);
    }
    close_up(program, is_gone);
    drop_tensors(&r);
    ts_arena_free(&r.arena);
}
