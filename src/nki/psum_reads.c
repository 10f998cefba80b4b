/* A row that is broadcast over the partitions is a product with a column of ones, which TensorE leaves in
   PSUM. VectorE and ScalarE read it there, and faster than from SBUF, so the copy to SBUF is dropped where
   nobody else reads it, where it fits a bank, and where enough banks are free for as long as it is read. */
#include "base/integer.h"
#include "nki/operands.h"
#include "nki/recorder.h"

enum { BANKS_KEPT = 2 }; /* for what else passes through PSUM meanwhile */

typedef struct life {
    uint32_t first, last;   /* 1-based positions; 0 = never */
    bool is_read_elsewhere; /* by an engine that reads no PSUM, or beside another operand in PSUM */
} life;

typedef struct psum_reads {
    ts_recorder *r;
    life *lives;    /* by tile */
    uint8_t *banks; /* live at a position */
    int bank_count;
    int64_t bank_bytes;
} psum_reads;

static int psum_operands(ts_inst *inst) {
    const ts_op_info *info = ts_op_get(inst->op);
    int count = 0;
    for (int i = 0; i < info->field_count; i++) {
        bool is_write;
        const ts_ap *ap = ts_inst_ap(inst, &info->fields[i], &is_write);
        count += ap && !is_write && ap->space == ts_space_psum;
    }
    return count;
}

static void live(psum_reads *p, const ts_ap *ap, uint32_t at, bool is_elsewhere) {
    if (!ts_operand_is_tile(ap)) return;
    life *l = &p->lives[ap->tensor - 1];
    if (!l->first) l->first = at + 1;
    l->last = at + 1;
    l->is_read_elsewhere |= is_elsewhere;
}

static void find_lives(psum_reads *p) {
    const ts_program *program = p->r->program;
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_inst *inst = program->code.data[at];
        const ts_op_info *info = ts_op_get(inst->op);
        bool is_elsewhere = (inst->engine != ts_engine_vector && inst->engine != ts_engine_scalar &&
                             inst->engine != ts_engine_none) ||
                            inst->op == ts_op_dma_copy || psum_operands(inst) > 0;
        for (int i = 0; i < info->field_count; i++) {
            bool is_write;
            const ts_ap *ap = ts_inst_ap(inst, &info->fields[i], &is_write);
            if (!ap) continue;
            if (ap->space == ts_space_hbm && ap->index)
                live(p, &program->indices.data[ap->index - 1], at, true);
            live(p, ap, at, !is_write && is_elsewhere);
        }
    }
}

static int banks_of(const psum_reads *p, const ts_tile_info *tile) {
    return (int)ts_ceil_div(tile->bytes, p->bank_bytes);
}

static void count_banks(psum_reads *p) {
    for (uint32_t i = 0; i < p->r->builder.tiles.count; i++) {
        const ts_tile_info *tile = &p->r->builder.tiles.data[i];
        const life *l = &p->lives[i];
        if (tile->space != ts_space_psum || !l->first) continue;
        for (uint32_t at = l->first - 1; at < l->last; at++)
            p->banks[at] = (uint8_t)(p->banks[at] + banks_of(p, tile));
    }
}

/* [p0 + parts, whole row of elements] of the tile's start. */
static bool is_plain(const ts_ap *ap) {
    return ap->part.base == 0 && ap->offset.base == 0 && ap->dims == 1 && ap->dim[0].step == 1;
}

/* The product that alone fills the copy's source has one row: a broadcast. */
static bool is_broadcast(const psum_reads *p, const ts_inst_tensor_copy *copy, ts_inst *const *writer) {
    const ts_ap *src = &copy->src, *dst = &copy->dst;
    if (src->space != ts_space_psum || dst->space != ts_space_sbuf || src->dtype != ts_dtype_f32 ||
        dst->dtype != ts_dtype_f32 || !is_plain(src) || !is_plain(dst))
        return false;
    const ts_tile_use *from = &p->r->uses.data[src->tensor - 1], *to = &p->r->uses.data[dst->tensor - 1];
    const ts_inst *maker = writer[src->tensor - 1];
    return from->writes == 1 && to->writes == 1 && p->r->buffers.data[to->buffer - 1].is_value &&
           !p->r->buffers.data[from->buffer - 1].is_fixed && maker && maker->op == ts_op_nc_matmul &&
           ((const ts_inst_nc_matmul *)maker)->stationary.parts.max == 1;
}

/* Whether the product may stay in its bank until the copy's last reader; then it does. */
static bool stay(psum_reads *p, const ts_inst_tensor_copy *copy, uint32_t at) {
    const life *to = &p->lives[copy->dst.tensor - 1];
    life *from = &p->lives[copy->src.tensor - 1];
    const ts_tile_info *tile = &p->r->builder.tiles.data[copy->src.tensor - 1];
    int banks = banks_of(p, tile);
    if (to->is_read_elsewhere || banks > 1) return false;
    for (uint32_t i = at + 1; i < to->last; i++)
        if (p->banks[i] + banks > p->bank_count - BANKS_KEPT && i + 1 > from->last) return false;
    for (uint32_t i = from->last; i < to->last; i++)
        p->banks[i] = (uint8_t)(p->banks[i] + banks);
    if (to->last > from->last) from->last = to->last;
    return true;
}

static void redirect(const psum_reads *p, ts_inst *inst, const ts_tile *place) {
    const ts_op_info *info = ts_op_get(inst->op);
    for (int i = 0; i < info->field_count; i++) {
        bool is_write;
        ts_ap *ap = ts_inst_ap(inst, &info->fields[i], &is_write);
        if (!ap || is_write || !ts_operand_is_tile(ap) || !place[ap->tensor - 1]) continue;
        ap->tensor = place[ap->tensor - 1];
        ap->space = ts_space_psum;
        p->r->uses.data[ap->tensor - 1].reads++;
    }
}

static void forward(psum_reads *p, ts_arena *scratch) {
    ts_program *program = p->r->program;
    ts_tile *place = TS_NEW_ARRAY(scratch, ts_tile, p->r->uses.count + 1);
    ts_inst **writer = TS_NEW_ARRAY(scratch, ts_inst *, p->r->uses.count + 1);
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_inst *inst = program->code.data[at];
        redirect(p, inst, place);
        const ts_ap *dst = ts_operand_dst(inst);
        if (dst && ts_operand_is_tile(dst)) writer[dst->tensor - 1] = inst;
        if (inst->op != ts_op_tensor_copy) continue;
        const ts_inst_tensor_copy *copy = (const ts_inst_tensor_copy *)inst;
        if (!is_broadcast(p, copy, writer) || !stay(p, copy, at)) continue;
        place[copy->dst.tensor - 1] = copy->src.tensor;
        program->code.data[at] = NULL;
    }
    ts_record_close_gaps(p->r);
}

void ts_record_read_psum(ts_recorder *r) {
    ts_arena scratch = {0};
    psum_reads p = {.r = r, .bank_bytes = (int64_t)r->chip.psum_bank_bytes};
    p.bank_count = (int)(r->chip.psum_partition_bytes / r->chip.psum_bank_bytes);
    p.lives = TS_NEW_ARRAY(&scratch, life, r->uses.count + 1);
    p.banks = TS_NEW_ARRAY(&scratch, uint8_t, r->program->code.count + 1);
    find_lives(&p);
    count_banks(&p);
    forward(&p, &scratch);
    ts_arena_free(&scratch);
}
