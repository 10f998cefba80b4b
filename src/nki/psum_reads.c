/* A row that is broadcast over the partitions is a product with a column of ones, which TensorE writes to
   PSUM. VectorE and ScalarE can read it there, faster than from SBUF, so the copy to SBUF is dropped when it
   is the product's only reader, fits a bank, and enough banks are free for as long as it is read. */
#include "arch/lifetime.h"
#include "nki/banks.h"
#include "nki/operands.h"

enum { BANKS_KEPT = 2 }; /* left free for other uses of PSUM */

typedef struct psum_reads {
    ts_recorder *r;
    ts_banks banks;
} psum_reads;

/* Whether the operand is a contiguous run from the start of the tile. */
static bool is_plain(const ts_ap *ap) {
    return ap->part.base == 0 && ap->offset.base == 0 && ap->dims == 1 && ap->dim[0].step == 1;
}

/* Whether the copy's source is a broadcast: its only writer is a product with one row. */
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

/* Keeps the product in its bank until the copy's last reader, if possible. Returns whether it does. */
static bool stay(psum_reads *p, const ts_inst_tensor_copy *copy) {
    const ts_bank_life *to = &p->banks.lives[copy->dst.tensor - 1];
    const ts_tile_info *tile = &p->r->builder.tiles.data[copy->src.tensor - 1];
    return !to->is_read_elsewhere && ts_banks_of(&p->banks, tile) == 1 &&
           ts_banks_keep(&p->banks, p->r, copy->src.tensor, to->last, BANKS_KEPT);
}

static void redirect(const psum_reads *p, ts_inst *inst, const ts_tile *place) {
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(inst, uses);
    for (int i = 0; i < count; i++) {
        ts_ap *ap = uses[i].ap;
        if (uses[i].is_write || !ts_operand_is_tile(ap) || !place[ap->tensor - 1]) continue;
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
        if (!is_broadcast(p, copy, writer) || !stay(p, copy)) continue;
        place[copy->dst.tensor - 1] = copy->src.tensor;
        program->code.data[at] = NULL;
    }
    ts_record_close_gaps(p->r);
}

/* Most kernels have no such product, and then the pass has nothing to do. */
static bool has_product_of_one_row(const ts_program *program) {
    bool has = false;
    for (uint32_t at = 0; at < program->code.count && !has; at++) {
        const ts_inst *inst = program->code.data[at];
        has = inst->op == ts_op_nc_matmul && ((const ts_inst_nc_matmul *)inst)->stationary.parts.max == 1;
    }
    return has;
}

void ts_record_read_psum(ts_recorder *r) {
    ts_arena scratch = {0};
    if (!has_product_of_one_row(r->program)) return;
    psum_reads p = {.r = r, .banks = ts_banks_find(r, &scratch)};
    forward(&p, &scratch);
    ts_arena_free(&scratch);
}
