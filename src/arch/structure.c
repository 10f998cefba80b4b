/* The structure of a program: the conditions under which any code can walk it safely. Trusts nothing. */
#include "arch/structure.h"

#include <stdio.h>
#include <string.h>

#include "arch/isa.h"
#include "base/unit.h"

typedef struct checker {
    const ts_program *program;
    ts_diag *diag;
    bool *is_open; /* per loop */
    uint32_t open[TS_MAX_LOOP_DEPTH];
    int depth;
    uint32_t seen_loops;
} checker;

#define REFUSE(c, ...) ts_fail((c)->diag, ts_input, __VA_ARGS__)

void ts_diag_inst(ts_diag *diag, const ts_program *program, const ts_inst *inst) {
    char op[96];
    bool is_mark = inst->engine == ts_engine_none;
    snprintf(op, sizeof op, "%s%s%s", is_mark ? "" : ts_engine_name(inst->engine), is_mark ? "" : ".",
             ts_op_get(inst->op)->name);
    ts_diag_op(diag, op);
    if (inst->loc == 0 || inst->loc >= program->locs.count) return;
    const ts_loc *loc = &program->locs.data[inst->loc];
    ts_diag_where(diag, loc->file, (int)(loc->line & INT32_MAX));
}

static ts_status check_locs(checker *c, ts_arena *scratch) {
    uint32_t count = c->program->locs.count;
    const ts_loc *locs = c->program->locs.data;
    if (count == 0) return REFUSE(c, "the table of locations lacks its row 0, \"unknown\"");
    /* mark[i] = the walk that reached row i first. A walk that meets its own mark has found a cycle. */
    uint32_t *mark = TS_NEW_ARRAY(scratch, uint32_t, count);
    for (uint32_t i = 0; i < count; i++) {
        if (!locs[i].file || !locs[i].name || locs[i].parent > count)
            return REFUSE(c, "location @%u names a caller that is not in the table", i);
        uint32_t at = i;
        while (mark[at] == 0) {
            mark[at] = i + 1;
            if (locs[at].parent == 0 || locs[at].parent > count) break; /* the latter fails at its own turn */
            at = locs[at].parent - 1;
            if (mark[at] == i + 1) return REFUSE(c, "location @%u is its own caller", i);
        }
    }
    return ts_ok;
}

static ts_status check_tensor(checker *c, const ts_tensor *tensor) {
    if (!tensor->name || tensor->dtype == ts_dtype_none || tensor->dtype >= ts_dtype_count ||
        tensor->kind > ts_tensor_constant || tensor->rank > TS_MAX_RANK)
        return REFUSE(c, "a tensor without a name, dtype, kind or rank that exists");
    uint64_t bytes = (uint64_t)ts_dtype_get(tensor->dtype)->bytes;
    for (int i = 0; i < tensor->rank; i++)
        if (tensor->dim[i] < 0 || __builtin_mul_overflow(bytes, (uint64_t)tensor->dim[i], &bytes) ||
            bytes > INT64_MAX)
            return REFUSE(c, "tensor %.80s: axis %d of size %lld", tensor->name, i,
                          (long long)tensor->dim[i]);
    if (bytes != tensor->bytes)
        return REFUSE(c, "tensor %.80s: %llu bytes, its shape has %llu", tensor->name,
                      (unsigned long long)tensor->bytes, (unsigned long long)bytes);
    if (tensor->kind == ts_tensor_constant && !tensor->data && bytes > 0)
        return REFUSE(c, "constant %.80s has no data", tensor->name);
    return ts_ok;
}

/* Checks that the positions of inputs, or of outputs, are 0, 1, 2..., each once. */
static ts_status check_positions(checker *c, ts_tensor_kind kind, ts_arena *scratch, uint32_t *positions) {
    uint32_t count = 0, total = c->program->tensors.count;
    const ts_tensor *tensors = c->program->tensors.data;
    bool *is_taken = ts_arena_alloc(scratch, total);
    for (uint32_t i = 0; i < total; i++)
        count += tensors[i].kind == kind;
    for (uint32_t i = 0; i < total; i++) {
        if (tensors[i].kind != kind) continue;
        if (tensors[i].number >= count || is_taken[tensors[i].number])
            return REFUSE(c, "tensor %.80s: position %u is taken or leaves a gap among %u %s",
                          tensors[i].name, tensors[i].number, count,
                          kind == ts_tensor_input ? "inputs" : "outputs");
        is_taken[tensors[i].number] = true;
    }
    *positions = count;
    return ts_ok;
}

static ts_status check_tensors(checker *c, ts_arena *scratch) {
    uint32_t inputs, outputs;
    for (uint32_t i = 0; i < c->program->tensors.count; i++)
        TS_TRY(check_tensor(c, &c->program->tensors.data[i]));
    TS_TRY(check_positions(c, ts_tensor_input, scratch, &inputs));
    TS_TRY(check_positions(c, ts_tensor_output, scratch, &outputs));
    for (uint32_t i = 0; i < c->program->tensors.count; i++) {
        const ts_tensor *tensor = &c->program->tensors.data[i];
        if (tensor->kind == ts_tensor_output && tensor->alias >= (int64_t)inputs)
            return REFUSE(c, "output %.80s takes over input %d of %u", tensor->name, tensor->alias, inputs);
    }
    return ts_ok;
}

/* The limits ensure that sums of a tile's numbers do not overflow. */
static ts_status check_tiles(checker *c) {
    enum { MOST = 1 << 30 };
    for (uint32_t i = 0; i < c->program->tiles.count; i++) {
        const ts_tile_row *tile = &c->program->tiles.data[i];
        if ((tile->space != ts_space_sbuf && tile->space != ts_space_psum) || tile->slots < 1 ||
            tile->bytes < 1 || tile->bytes > MOST || tile->address < 0 || tile->address > MOST)
            return REFUSE(c, "tile %u: %u slots of %lld bytes at %lld in %s", i + 1, tile->slots,
                          (long long)tile->bytes, (long long)tile->address, ts_space_name(tile->space));
    }
    return ts_ok;
}

static ts_status check_terms(checker *c, const ts_affine *affine, bool must_be_open) {
    uint32_t count = c->program->terms.count;
    if (affine->term_count > TS_MOST_TERMS || affine->term_count > count ||
        affine->first_term > count - affine->term_count)
        return REFUSE(c, "an offset with %u terms, at most %d", affine->term_count, TS_MOST_TERMS);
    for (uint32_t i = 0; i < affine->term_count; i++) {
        uint32_t loop = c->program->terms.data[affine->first_term + i].loop;
        if (loop >= c->program->loops.count || (must_be_open && !c->is_open[loop]))
            return REFUSE(c, "an offset counts with loop %%%u, which is not open here", loop);
    }
    return ts_ok;
}

static ts_status check_affine(checker *c, const ts_affine *affine) {
    TS_TRY(check_terms(c, affine, true));
    if (affine->rotation == 0) return ts_ok;
    if (affine->rotation > c->program->rotations.count)
        return REFUSE(c, "rotation %u is not in the table", affine->rotation);
    return check_terms(c, &c->program->rotations.data[affine->rotation - 1].index, true);
}

static ts_status check_count(checker *c, const ts_count *count) {
    if (count->max < 0) return REFUSE(c, "a count of %d", count->max);
    return count->is_ragged ? check_affine(c, &count->limit) : ts_ok;
}

/* A program that is still being built has no table of tiles. */
static ts_status check_tile(checker *c, const ts_ap *ap) {
    const uint32_t count = c->program->tiles.count;
    if (count == 0) return ts_ok;
    if (ap->tensor == 0)
        return REFUSE(c, "an operand in %s names no tile, others do", ts_space_name(ap->space));
    if (ap->tensor > count) return REFUSE(c, "tile %u is not in the table", ap->tensor);
    if (c->program->tiles.data[ap->tensor - 1].space == ap->space) return ts_ok;
    return REFUSE(c, "an operand in %s names tile %u, which lies elsewhere", ts_space_name(ap->space),
                  ap->tensor);
}

static ts_status check_ap(checker *c, const ts_ap *ap, bool may_be_absent, bool is_index) {
    if (ap->space == ts_space_none && may_be_absent) return ts_ok;
    if (ap->space == ts_space_none || ap->space > ts_space_hbm || ap->dtype == ts_dtype_none ||
        ap->dtype >= ts_dtype_count)
        return REFUSE(c, "an operand without a space or dtype that exists");
    if (ap->dims > TS_AP_DIMS) return REFUSE(c, "an operand with %u free dimensions", ap->dims);
    TS_TRY(check_affine(c, &ap->offset));
    for (int i = 0; i < ap->dims; i++)
        TS_TRY(check_count(c, &ap->dim[i].count));
    if (ap->space != ts_space_hbm) {
        TS_TRY(check_affine(c, &ap->part));
        TS_TRY(check_tile(c, ap));
        return check_count(c, &ap->parts);
    }
    if (is_index) return REFUSE(c, "an index operand lies in sbuf");
    if (ap->tensor >= c->program->tensors.count)
        return REFUSE(c, "tensor %u is not in the table", ap->tensor);
    if (ap->index == 0) return ts_ok;
    if (ap->index > c->program->indices.count) return REFUSE(c, "index %u is not in the table", ap->index);
    return check_ap(c, &c->program->indices.data[ap->index - 1], false, true);
}

static ts_status check_field(checker *c, const ts_field *field, const void *value) {
    unsigned byte = *(const uint8_t *)value;
    const ts_accum *accum = value;
    const ts_scalar *scalar = value;
    switch (field->kind) {
    case ts_kind_dst:
    case ts_kind_src: return check_ap(c, value, false, false);
    case ts_kind_opt:
    case ts_kind_optdst: return check_ap(c, value, true, false);
    case ts_kind_scalar: return scalar->is_ap ? check_ap(c, &scalar->ap, false, false) : ts_ok;
    case ts_kind_accum:
        if (accum->mode > ts_accum_unless_first) return REFUSE(c, "accumulate mode %u", accum->mode);
        if (accum->mode == ts_accum_unless_first &&
            (accum->loop >= c->program->loops.count || !c->is_open[accum->loop]))
            return REFUSE(c, "unless_first names loop %%%u, which is not open here", accum->loop);
        return ts_ok;
    case ts_kind_affine: return check_affine(c, value);
    case ts_kind_alu: return byte < ts_alu_count ? ts_ok : REFUSE(c, "ALU operator %u", byte);
    case ts_kind_act: return byte < ts_act_count ? ts_ok : REFUSE(c, "activation function %u", byte);
    case ts_kind_rmw:
    case ts_kind_oob:
    case ts_kind_flag: return byte <= 1 ? ts_ok : REFUSE(c, "%s is %u, not 0 or 1", field->name, byte);
    case ts_kind_cc: return byte < ts_cc_count ? ts_ok : REFUSE(c, "collective %u", byte);
    case ts_kind_cmd: return byte < ts_cmd_count ? ts_ok : REFUSE(c, "accumulator command %u", byte);
    case ts_kind_loop:
        if (*(const uint32_t *)value < c->program->loops.count && c->is_open[*(const uint32_t *)value])
            return ts_ok;
        return REFUSE(c, "%s names loop %%%u, which is not open here", field->name, *(const uint32_t *)value);
    case ts_kind_trip:
    case ts_kind_u8:
    case ts_kind_i64:
    case ts_kind_f64:
    case ts_kind_steps:
    case ts_kind_lanes: return ts_ok;
    }
    return ts_ok;
}

static bool same_count(const ts_count *a, const ts_count *b) {
    return a->max == b->max && a->is_ragged == b->is_ragged &&
           (!a->is_ragged ||
            (a->limit.base == b->limit.base && a->limit.first_term == b->limit.first_term &&
             a->limit.term_count == b->limit.term_count && a->limit.rotation == b->limit.rotation));
}

static ts_status check_loop(checker *c, const ts_inst_loop *inst, uint32_t at) {
    uint32_t id = c->seen_loops++;
    if (inst->id != id || id >= c->program->loops.count)
        return REFUSE(c, "loop %%%u where %%%u comes next", inst->id, id);
    if (c->depth == TS_MAX_LOOP_DEPTH) return REFUSE(c, "loops nest at most %d deep", TS_MAX_LOOP_DEPTH);
    const ts_loop *loop = &c->program->loops.data[id];
    uint32_t parent = c->depth ? c->open[c->depth - 1] + 1 : 0;
    if (loop->parent != parent || loop->begin != at || !same_count(&loop->trip, &inst->trip))
        return REFUSE(c, "the table of loops differs from the code at loop %%%u", id);
    TS_TRY(check_count(c, &inst->trip));
    c->open[c->depth++] = id;
    c->is_open[id] = true;
    return ts_ok;
}

static ts_status check_end(checker *c, const ts_inst_end *inst, uint32_t at) {
    if (c->depth == 0 || c->open[c->depth - 1] != inst->id)
        return REFUSE(c, "end of loop %%%u, which is not the innermost open one", inst->id);
    if (c->program->loops.data[inst->id].end != at)
        return REFUSE(c, "the table of loops differs from the code at the end of loop %%%u", inst->id);
    c->is_open[inst->id] = false;
    c->depth--;
    return ts_ok;
}

/* List order would change what a semaphore has counted when another engine waits for it. */
static ts_status check_unlisted(checker *c) {
    if (c->program->syncing != ts_syncing_explicit) return ts_ok;
    return REFUSE(
        c, "sync=explicit with order=list: semaphores count what an engine does in the program's order");
}

/* Checks an instruction's use of semaphores; event_semaphore must use one. */
static ts_status check_sync(checker *c, const ts_inst *inst) {
    bool is_event = inst->op == ts_op_event_semaphore;
    const char *name = ts_op_get(inst->op)->name;
    if (inst->sync > c->program->syncs.count) return REFUSE(c, "row %u of syncs is not there", inst->sync);
    if (!inst->sync && !is_event) return ts_ok;
    if (c->program->syncing != ts_syncing_explicit)
        return REFUSE(c, "%s with semaphores, in a program that is not marked sync=explicit", name);
    const ts_sync *sync = inst->sync ? &c->program->syncs.data[inst->sync - 1] : NULL;
    if (is_event && (!sync || !sync->is_waiting || sync->is_signalling))
        return REFUSE(c, "event_semaphore waits for a semaphore, and does nothing else");
    if (inst->engine == ts_engine_none)
        return REFUSE(c, "%s belongs to no engine that could wait or signal", name);
    if (!sync->is_waiting && !sync->is_signalling) return REFUSE(c, "an empty row of syncs");
    if (sync->is_signalling && (sync->amount < 1 || sync->amount > INT32_MAX))
        return REFUSE(c, "a signal of %u", sync->amount);
    return sync->is_waiting ? check_affine(c, &sync->value) : ts_ok;
}

static ts_status check_inst(checker *c, const ts_inst *inst, uint32_t at) {
    if (inst->op == ts_op_none || inst->op >= ts_op_count) return REFUSE(c, "instruction code %u", inst->op);
    if (inst->order > ts_order_list) return REFUSE(c, "an issue order that does not exist");
    if (inst->order == ts_order_list) TS_TRY(check_unlisted(c));
    if (inst->loc >= c->program->locs.count) return REFUSE(c, "location @%u is not in the table", inst->loc);
    if (!ts_op_allows(inst->op, (ts_engine)inst->engine))
        return REFUSE(c, "%s runs on %s, not on the %s engine", ts_op_get(inst->op)->name,
                      ts_op_get(inst->op)->engines, ts_engine_name(inst->engine));
    TS_TRY(check_sync(c, inst));
    if (inst->op == ts_op_loop) return check_loop(c, (const ts_inst_loop *)inst, at);
    if (inst->op == ts_op_end) return check_end(c, (const ts_inst_end *)inst, at);
    const ts_op_info *info = ts_op_get(inst->op);
    for (int i = 0; i < info->field_count; i++)
        TS_TRY(check_field(c, &info->fields[i], (const char *)inst + info->fields[i].offset));
    return ts_ok;
}

static ts_status check_all(checker *c, ts_arena *scratch) {
    const ts_program *program = c->program;
    if (!program->name || !program->chip || program->order > ts_order_list ||
        program->syncing > ts_syncing_explicit)
        return REFUSE(c, "a program without a name, chip, issue order or synchronisation that exists");
    if (program->ranks < 1 || program->ranks > TS_MAX_RANKS)
        return REFUSE(c, "a program of %u ranks, at most %d", program->ranks, TS_MAX_RANKS);
    if (program->order == ts_order_list) TS_TRY(check_unlisted(c));
    TS_TRY(check_locs(c, scratch));
    TS_TRY(check_tensors(c, scratch));
    TS_TRY(check_tiles(c));
    for (uint32_t i = 0; i < program->rotations.count; i++) {
        const ts_rotation *rotation = &program->rotations.data[i];
        if (rotation->count < 1 || rotation->index.rotation != 0)
            return REFUSE(c, "rotation %u has %d slots", i, rotation->count);
        TS_TRY(check_terms(c, &rotation->index, false));
    }
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        ts_status status = check_inst(c, inst, at);
        if (status == ts_ok) continue;
        ts_diag_inst(c->diag, program, inst);
        return status;
    }
    if (c->depth > 0 || c->seen_loops != program->loops.count)
        return REFUSE(c, "loop %%%u has no end", c->depth > 0 ? c->open[c->depth - 1] : c->seen_loops);
    return ts_ok;
}

static ts_status check_within(void *context) {
    checker *c = context;
    ts_arena scratch = {0};
    c->is_open = ts_arena_alloc(&scratch, c->program->loops.count);
    ts_status status = check_all(c, &scratch);
    ts_arena_free(&scratch);
    return status;
}

ts_status ts_program_check(const ts_program *program, ts_diag *diag) {
    checker c = {.program = program, .diag = diag};
    return ts_unit_run(NULL, check_within, &c, "checking a program", diag);
}
