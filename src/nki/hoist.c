/* Hoisting: an instruction that makes again what its source line made the last time it ran is dropped, and
   its readers take the earlier tile. In a recording, where loops are unrolled, this is what moving
   loop-invariant instructions out of the innermost loop comes to. */
#include "nki/operands.h"
#include "nki/recorder.h"

enum { LOOK_BACK = 64 };

/* Instructions of one source line in the latest and in the last but one of its executions: an execution is a
   row of instructions of that line. */
typedef TS_VEC(uint32_t) places;
typedef struct line {
    places now, before;
} line;

typedef struct hoist {
    ts_recorder *r;
    ts_program *program;
    ts_arena *scratch;
    ts_tile *same;        /* by tile: an earlier tile that holds the same; 0 = none */
    uint32_t *tile_write; /* by tile: 1 + position of its latest write */
    uint32_t *hbm_write;  /* by tensor */
    line *lines;          /* by loc */
} hoist;

/* What makes its dst anew from its operands alone, the same whenever it runs. */
static bool is_pure(const ts_inst *inst) {
    switch (inst->op) {
    case ts_op_memset:
    case ts_op_iota:
    case ts_op_tensor_copy:
    case ts_op_tensor_tensor:
    case ts_op_tensor_scalar:
    case ts_op_scalar_tensor_tensor:
    case ts_op_tensor_tensor_scan:
    case ts_op_tensor_reduce:
    case ts_op_reciprocal:
    case ts_op_nc_transpose:
    case ts_op_affine_select: return true;
    case ts_op_dma_copy: return ((const ts_inst_dma_copy *)inst)->rmw == ts_rmw_none;
    case ts_op_nc_matmul: return ((const ts_inst_nc_matmul *)inst)->accumulate.mode == ts_accum_never;
    case ts_op_activation:
        return ((const ts_inst_activation *)inst)->reduce.space == ts_space_none &&
               ((const ts_inst_activation *)inst)->reduce_cmd == ts_cmd_idle;
    default: return false;
    }
}

/* Written once and by this instruction: what a later reader finds there is this value. */
static bool is_single(const hoist *h, const ts_ap *dst) {
    if (!dst || !ts_operand_is_tile(dst)) return false;
    const ts_tile_use *use = &h->r->uses.data[dst->tensor - 1];
    return use->writes == 1 && !h->r->buffers.data[use->buffer - 1].is_fixed;
}

static uint32_t latest_write(const hoist *h, const ts_ap *ap) {
    return ap->space == ts_space_hbm ? h->hbm_write[ap->tensor] : h->tile_write[ap->tensor - 1];
}

static ts_ap *index_of(const hoist *h, const ts_ap *ap) {
    return ap->space == ts_space_hbm && ap->index ? &h->program->indices.data[ap->index - 1] : NULL;
}

/* Nothing that the instruction reads was written since the position. */
static bool is_unchanged(const hoist *h, ts_inst *inst, uint32_t since) {
    const ts_op_info *info = ts_op_get(inst->op);
    for (int i = 0; i < info->field_count; i++) {
        bool is_write;
        const ts_ap *ap = ts_operand_at(inst, &info->fields[i], &is_write);
        if (!ap || is_write) continue;
        const ts_ap *index = index_of(h, ap);
        if (latest_write(h, ap) > since + 1 || (index && latest_write(h, index) > since + 1)) return false;
    }
    return true;
}

static bool find(const hoist *h, ts_inst *inst, const places *from, uint32_t *found) {
    uint32_t last = from->count > LOOK_BACK ? from->count - LOOK_BACK : 0;
    for (uint32_t i = from->count; i-- > last;) {
        ts_inst *earlier = h->program->code.data[from->data[i]];
        if (!ts_inst_computes_same(earlier, inst) || !is_unchanged(h, inst, from->data[i])) continue;
        const ts_builder *b = &h->r->builder;
        const ts_tile_info *x = &b->tiles.data[ts_operand_dst(earlier)->tensor - 1],
                           *y = &b->tiles.data[ts_operand_dst(inst)->tensor - 1];
        if (x->bytes != y->bytes || x->parts != y->parts) continue;
        *found = from->data[i];
        return true;
    }
    return false;
}

static void follow(const hoist *h, ts_ap *ap) {
    if (!ts_operand_is_tile(ap) || !h->same[ap->tensor - 1]) return;
    h->r->uses.data[ap->tensor - 1].reads--;
    ap->tensor = h->same[ap->tensor - 1];
    h->r->uses.data[ap->tensor - 1].reads++;
}

static void follow_all(const hoist *h, ts_inst *inst) {
    const ts_op_info *info = ts_op_get(inst->op);
    for (int i = 0; i < info->field_count; i++) {
        bool is_write;
        ts_ap *ap = ts_operand_at(inst, &info->fields[i], &is_write);
        if (!ap) continue;
        ts_ap *index = index_of(h, ap);
        if (index) follow(h, index);
        if (!is_write) follow(h, ap);
    }
}

static void note_writes(const hoist *h, ts_inst *inst, uint32_t at) {
    const ts_op_info *info = ts_op_get(inst->op);
    for (int i = 0; i < info->field_count; i++) {
        bool is_write;
        const ts_ap *ap = ts_operand_at(inst, &info->fields[i], &is_write);
        if (!ap || !is_write) continue;
        if (ap->space == ts_space_hbm)
            h->hbm_write[ap->tensor] = at + 1;
        else
            h->tile_write[ap->tensor - 1] = at + 1;
    }
}

/* The dropped instruction reads nothing any more. */
static void drop(const hoist *h, ts_inst *inst, uint32_t at) {
    const ts_op_info *info = ts_op_get(inst->op);
    for (int i = 0; i < info->field_count; i++) {
        bool is_write;
        const ts_ap *ap = ts_operand_at(inst, &info->fields[i], &is_write);
        if (ap && !is_write && ts_operand_is_tile(ap)) h->r->uses.data[ap->tensor - 1].reads--;
    }
    h->program->code.data[at] = NULL;
}

static void see(hoist *h, uint32_t at) {
    ts_inst *inst = h->program->code.data[at];
    line *l = &h->lines[inst->loc];
    follow_all(h, inst);
    ts_ap *dst = ts_operand_dst(inst);
    if (!is_pure(inst) || !is_single(h, dst)) {
        note_writes(h, inst, at);
        return;
    }
    uint32_t earlier;
    if (find(h, inst, &l->now, &earlier) || find(h, inst, &l->before, &earlier)) {
        h->same[dst->tensor - 1] = ts_operand_dst(h->program->code.data[earlier])->tensor;
        drop(h, inst, at);
        ts_vec_push(&l->now, h->scratch, earlier);
        return;
    }
    note_writes(h, inst, at);
    ts_vec_push(&l->now, h->scratch, at);
}

static void begin_execution(line *l) {
    places was = l->before;
    l->before = l->now;
    l->now = was;
    l->now.count = 0;
}

void ts_record_hoist(ts_recorder *r) {
    ts_arena scratch = {0};
    hoist h = {.r = r, .program = r->program, .scratch = &scratch};
    h.same = TS_NEW_ARRAY(&scratch, ts_tile, r->uses.count + 1);
    h.tile_write = TS_NEW_ARRAY(&scratch, uint32_t, r->uses.count + 1);
    h.hbm_write = TS_NEW_ARRAY(&scratch, uint32_t, r->program->tensors.count + 1);
    h.lines = TS_NEW_ARRAY(&scratch, line, r->program->locs.count + 1);
    uint32_t loc = UINT32_MAX;
    for (uint32_t at = 0; at < r->program->code.count; at++) {
        ts_inst *inst = r->program->code.data[at];
        if (inst->loc != loc) begin_execution(&h.lines[inst->loc]);
        loc = inst->loc;
        see(&h, at);
    }
    ts_record_close_gaps(r->program);
    ts_arena_free(&scratch);
}
