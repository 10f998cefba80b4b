/* Hoisting: drops an instruction that recomputes what it computed on the previous trip of its loop, and
   redirects its readers to the earlier tile. In a recording, whose loops are unrolled, this amounts to moving
   loop-invariant instructions out of the innermost loop. Trips record the same instructions in the same
   order, so the n-th instruction of a trip corresponds to the n-th of the previous one. */
#include "arch/lifetime.h"
#include "nki/banks.h"
#include "nki/operands.h"
#include "nki/recorder.h"

/* Positions of a trip's instructions, including dropped ones by their earlier positions: of the current trip
   and of the previous one. */
typedef TS_VEC(uint32_t) places;
typedef struct loop {
    places now, before;
} loop;

typedef struct hoist {
    ts_recorder *r;
    ts_program *program;
    ts_arena *scratch;
    ts_tile *same;        /* for each tile, an earlier tile with the same value; 0: none */
    uint32_t *tile_write; /* for each tile, 1 + position of its latest write */
    uint32_t *hbm_write;  /* the same for each tensor */
    ts_banks banks;
    TS_VEC(loop) loops; /* the open loops */
} hoist;

/* Whether the value of the instruction's dst depends on its operands only. */
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
    case ts_op_dma_copy:
        return ((const ts_inst_dma_copy *)inst)->rmw == ts_rmw_none &&
               !((const ts_inst_dma_copy *)inst)->is_exchange;
    case ts_op_nc_matmul: return ((const ts_inst_nc_matmul *)inst)->accumulate.mode == ts_accum_never;
    case ts_op_activation:
        return ((const ts_inst_activation *)inst)->reduce.space == ts_space_none &&
               ((const ts_inst_activation *)inst)->reduce_cmd == ts_cmd_idle;
    default: return false;
    }
}

/* Whether dst is the value of a call, written once and by this instruction, so that later readers find this
   value. Tiles that the kernel declares itself are left alone. */
static bool is_single(const hoist *h, const ts_ap *dst) {
    if (!dst || !ts_operand_is_tile(dst)) return false;
    const ts_tile_use *use = &h->r->uses.data[dst->tensor - 1];
    return use->writes == 1 && h->r->buffers.data[use->buffer - 1].is_value;
}

static uint32_t latest_write(const hoist *h, const ts_ap *ap) {
    return ap->space == ts_space_hbm ? h->hbm_write[ap->tensor] : h->tile_write[ap->tensor - 1];
}

static ts_ap *index_of(const hoist *h, const ts_ap *ap) {
    return ap->space == ts_space_hbm && ap->index ? &h->program->indices.data[ap->index - 1] : NULL;
}

/* Whether nothing that the instruction reads was written since the position. */
static bool is_unchanged(const hoist *h, ts_inst *inst, uint32_t since) {
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(inst, uses);
    for (int i = 0; i < count; i++) {
        const ts_ap *ap = uses[i].ap, *index = index_of(h, ap);
        if (uses[i].is_write) continue;
        if (latest_write(h, ap) > since + 1 || (index && latest_write(h, index) > since + 1)) return false;
    }
    return true;
}

/* Whether the instruction at `earlier` left in its tile what this one would compute. */
static bool is_made(const hoist *h, ts_inst *inst, uint32_t earlier) {
    ts_inst *maker = h->program->code.data[earlier];
    if (maker->loc != inst->loc || !ts_inst_computes_same(maker, inst) || !is_unchanged(h, inst, earlier))
        return false;
    const ts_tile_info *tiles = h->r->builder.tiles.data;
    const ts_tile_info *x = &tiles[ts_operand_dst(maker)->tensor - 1],
                       *y = &tiles[ts_operand_dst(inst)->tensor - 1];
    return x->bytes == y->bytes && x->parts == y->parts;
}

/* Whether the tile `held` can stay until the last use of the tile that would hold the value again. */
static bool may_last(hoist *h, const ts_ap *held, const ts_ap *again) {
    return held->space != ts_space_psum ||
           ts_banks_keep(&h->banks, h->r, held->tensor, h->banks.lives[again->tensor - 1].last, 0);
}

static void follow(const hoist *h, ts_ap *ap) {
    if (!ts_operand_is_tile(ap) || !h->same[ap->tensor - 1]) return;
    h->r->uses.data[ap->tensor - 1].reads--;
    ap->tensor = h->same[ap->tensor - 1];
    h->r->uses.data[ap->tensor - 1].reads++;
}

static void follow_all(const hoist *h, ts_inst *inst) {
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(inst, uses);
    for (int i = 0; i < count; i++) {
        ts_ap *index = index_of(h, uses[i].ap);
        if (index) follow(h, index);
        if (!uses[i].is_write) follow(h, uses[i].ap);
    }
}

static void note_writes(const hoist *h, ts_inst *inst, uint32_t at) {
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(inst, uses);
    for (int i = 0; i < count; i++) {
        const ts_ap *ap = uses[i].ap;
        if (!uses[i].is_write) continue;
        if (ap->space == ts_space_hbm)
            h->hbm_write[ap->tensor] = at + 1;
        else
            h->tile_write[ap->tensor - 1] = at + 1;
    }
}

/* The dropped instruction no longer counts as a reader. */
static void drop(const hoist *h, ts_inst *inst, uint32_t at) {
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(inst, uses);
    for (int i = 0; i < count; i++)
        if (!uses[i].is_write && ts_operand_is_tile(uses[i].ap))
            h->r->uses.data[uses[i].ap->tensor - 1].reads--;
    h->program->code.data[at] = NULL;
}

static void see(hoist *h, uint32_t at) {
    ts_inst *inst = h->program->code.data[at];
    follow_all(h, inst);
    ts_ap *dst = ts_operand_dst(inst);
    loop *l = h->loops.count ? &h->loops.data[h->loops.count - 1] : NULL;
    uint32_t kept = at;
    if (l && is_pure(inst) && is_single(h, dst)) {
        uint32_t n = l->now.count;
        uint32_t before = n < l->before.count ? l->before.data[n] : at;
        if (before != at && is_made(h, inst, before) &&
            may_last(h, ts_operand_dst(h->program->code.data[before]), dst))
            kept = before;
        ts_vec_push(&l->now, h->scratch, kept);
    }
    if (kept == at) {
        note_writes(h, inst, at);
        return;
    }
    h->same[dst->tensor - 1] = ts_operand_dst(h->program->code.data[kept])->tensor;
    drop(h, inst, at);
}

static void pass_mark(hoist *h, ts_nki_mark mark) {
    if (mark == ts_nki_loop_begin || mark == ts_nki_affine_begin) {
        ts_vec_push(&h->loops, h->scratch, (loop){0});
        return;
    }
    if (h->loops.count == 0) return;
    loop *l = &h->loops.data[h->loops.count - 1];
    if (mark == ts_nki_loop_end) {
        h->loops.count--;
        return;
    }
    places was = l->before;
    l->before = l->now;
    l->now = was;
    l->now.count = 0;
}

void ts_record_hoist(ts_recorder *r) {
    ts_arena scratch = {0};
    if (r->marks.count == 0) return;
    hoist h = {.r = r, .program = r->program, .scratch = &scratch, .banks = ts_banks_find(r, &scratch)};
    h.same = TS_NEW_ARRAY(&scratch, ts_tile, r->uses.count + 1);
    h.tile_write = TS_NEW_ARRAY(&scratch, uint32_t, r->uses.count + 1);
    h.hbm_write = TS_NEW_ARRAY(&scratch, uint32_t, r->program->tensors.count + 1);
    uint32_t mark = 0;
    for (uint32_t at = 0; at < r->program->code.count; at++) {
        for (; mark < r->marks.count && r->marks.data[mark].position <= at; mark++)
            pass_mark(&h, r->marks.data[mark].mark);
        see(&h, at);
    }
    ts_record_close_gaps(r);
    ts_arena_free(&scratch);
}
