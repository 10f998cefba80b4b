/* Folding. A value-returning call writes a tile of its own. Where the kernel only copies that tile, the
   call's instruction writes the destination itself; where the kernel adds a product to PSUM, the matmul
   accumulates; where it sums an activation's result, ScalarE sums. AWS's compiler does the same with `t[...]
   = op(...)` and `psum += nc_matmul(...)`, and its samples rely on the latter. */
#include <stdlib.h>
#include <string.h>

#include "arch/dtype.h"
#include "arch/lifetime.h"
#include "nki/operands.h"
#include "nki/recorder.h"

enum { LOOK_BACK = 64 };

typedef struct fold {
    ts_recorder *r;
    uint32_t *writer; /* for each tile, 1 + position of its latest writer */
} fold;

static bool meet(const fold *f, const ts_ap *a, const ts_ap *b) {
    if (a->space != b->space || a->tensor != b->tensor) return false;
    ts_ref x, y;
    bool is_exact;
    ts_ap_resolve(f->r->program, a, NULL, &x);
    ts_ap_resolve(f->r->program, b, NULL, &y);
    x.tensor = y.tensor = 0;
    return ts_ref_overlap(&x, &y, &is_exact);
}

static bool touches(const fold *f, ts_inst *inst, const ts_ap *place) {
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(inst, uses);
    for (int i = 0; i < count; i++) {
        const ts_ap *ap = uses[i].ap;
        if (meet(f, ap, place)) return true;
        if (ap->space == ts_space_hbm && ap->index &&
            meet(f, &f->r->program->indices.data[ap->index - 1], place))
            return true;
    }
    return false;
}

/* Whether the positions are close and no instruction between them reads or writes the place. */
static bool is_quiet(const fold *f, uint32_t first, uint32_t last, const ts_ap *place) {
    if (last - first > LOOK_BACK) return false;
    for (uint32_t at = first + 1; at < last; at++) {
        ts_inst *inst = f->r->program->code.data[at];
        if (inst && touches(f, inst, place)) return false;
    }
    return true;
}

/* ---- copies ---- */

/* The only writer of the value tile that `value` reads whole, when `value` is its only reader; NULL
   otherwise. */
static ts_inst *maker_of(const fold *f, const ts_ap *value, uint32_t *at) {
    if (!ts_operand_is_tile(value)) return NULL;
    const ts_tile_use *use = &f->r->uses.data[value->tensor - 1];
    if (!f->r->buffers.data[use->buffer - 1].is_value || use->reads != 1 || use->writes != 1) return NULL;
    if (f->writer[value->tensor - 1] == 0) return NULL;
    *at = f->writer[value->tensor - 1] - 1;
    return f->r->program->code.data[*at];
}

static bool may_write(const ts_inst *maker, const ts_ap *made, const ts_ap *place) {
    bool is_pe = maker->engine == ts_engine_tensor;
    if (is_pe && (place->space != ts_space_psum || place->dtype != ts_dtype_f32)) return false;
    bool is_dma = maker->op == ts_op_dma_copy;
    if ((is_dma || maker->engine == ts_engine_gpsimd) && place->space == ts_space_psum) return false;
    if (made->dtype == place->dtype) return true;
    /* A load to the tensor's own dtype converts on the way as the copy would. */
    const ts_inst_dma_copy *load = (const ts_inst_dma_copy *)maker;
    if (is_dma) return load->src.dtype == made->dtype && !load->is_transpose;
    bool computes = maker->op != ts_op_nc_transpose && maker->op != ts_op_iota;
    return computes && made->dtype == ts_dtype_f32;
}

/* Whether the operands pair their elements one by one, possibly in different shapes. */
static bool same_shape(const ts_ap *a, const ts_ap *b) {
    return a->parts.max == b->parts.max && ts_operand_elems(a) == ts_operand_elems(b);
}

static void forget(fold *f, ts_inst *inst, uint32_t at) {
    (void)inst;
    f->r->program->code.data[at] = NULL;
}

/* copy: dst = value. Makes the value's writer write dst. */
static bool fold_copy(fold *f, uint32_t at) {
    ts_inst_tensor_copy *copy = (ts_inst_tensor_copy *)f->r->program->code.data[at];
    uint32_t from;
    ts_inst *maker = maker_of(f, &copy->src, &from);
    if (!maker) return false;
    ts_ap *made = ts_operand_dst(maker);
    if (!made || made->tensor != copy->src.tensor || !ts_operand_same(made, &copy->src) ||
        !may_write(maker, made, &copy->dst) || !same_shape(made, &copy->dst) || made->dims != copy->dst.dims)
        return false;
    for (int i = 0; i < made->dims; i++)
        if (made->dim[i].count.max != copy->dst.dim[i].count.max) return false;
    if (maker->op != ts_op_dma_copy && made->part.base % 32 != copy->dst.part.base % 32) return false;
    if (!is_quiet(f, from, at, &copy->dst)) return false;
    *made = copy->dst;
    f->writer[copy->dst.tensor - 1] = from + 1;
    forget(f, &copy->head, at);
    return true;
}

/* add: place = place + product. Makes the matmul accumulate in place. */
static bool fold_product(fold *f, uint32_t at) {
    ts_inst_tensor_tensor *add = (ts_inst_tensor_tensor *)f->r->program->code.data[at];
    uint32_t from;
    if (add->op != ts_alu_add || !ts_operand_same(&add->dst, &add->data1) ||
        add->dst.space != ts_space_psum || add->dst.dtype != ts_dtype_f32)
        return false;
    ts_inst *maker = maker_of(f, &add->data2, &from);
    if (!maker || maker->op != ts_op_nc_matmul) return false;
    ts_inst_nc_matmul *product = (ts_inst_nc_matmul *)maker;
    if (!ts_operand_same(&product->dst, &add->data2) || !same_shape(&product->dst, &add->dst) ||
        !is_quiet(f, from, at, &add->dst))
        return false;
    product->dst = add->dst;
    product->accumulate.mode = ts_accum_always;
    f->writer[add->dst.tensor - 1] = from + 1;
    f->r->uses.data[add->dst.tensor - 1].reads--;
    forget(f, &add->head, at);
    return true;
}

/* sum: dst = the sum along each partition of an activation's result. ScalarE sums on the way, before
   rounding. */
static bool fold_sum(fold *f, uint32_t at) {
    ts_inst_tensor_reduce *sum = (ts_inst_tensor_reduce *)f->r->program->code.data[at];
    if (sum->op != ts_alu_add || sum->negate || !ts_operand_is_tile(&sum->data) ||
        ts_dtype_get(sum->data.dtype)->kind != 'f' || ts_dtype_get(sum->dst.dtype)->kind != 'f' ||
        ts_operand_elems(&sum->dst) != sum->dst.parts.max || sum->dst.part.base != sum->data.part.base)
        return false;
    const ts_tile_use *use = &f->r->uses.data[sum->data.tensor - 1];
    uint32_t from = f->writer[sum->data.tensor - 1];
    ts_inst_activation *maker = from ? (ts_inst_activation *)f->r->program->code.data[from - 1] : NULL;
    if (!maker || maker->head.op != ts_op_activation || use->writes != 1 ||
        !f->r->buffers.data[use->buffer - 1].is_value || maker->reduce_cmd != ts_cmd_idle ||
        maker->reduce.space != ts_space_none || !ts_operand_same(&maker->dst, &sum->data) ||
        !is_quiet(f, from - 1, at, &sum->dst) || touches(f, &maker->head, &sum->dst))
        return false;
    maker->reduce = sum->dst;
    maker->reduce_cmd = ts_cmd_reset_reduce;
    f->r->uses.data[sum->data.tensor - 1].reads--;
    f->writer[sum->dst.tensor - 1] = from;
    forget(f, &sum->head, at);
    return true;
}

static void note_writes(fold *f, uint32_t at) {
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(f->r->program->code.data[at], uses);
    for (int i = 0; i < count; i++)
        if (uses[i].is_write && ts_operand_is_tile(uses[i].ap)) f->writer[uses[i].ap->tensor - 1] = at + 1;
}

static void fold_values(fold *f) {
    ts_program *program = f->r->program;
    for (uint32_t at = 0; at < program->code.count; at++) {
        unsigned op = program->code.data[at]->op;
        bool is_gone = (op == ts_op_tensor_copy && fold_copy(f, at)) ||
                       (op == ts_op_tensor_reduce && fold_sum(f, at)) ||
                       (op == ts_op_tensor_tensor && fold_product(f, at));
        if (!is_gone) note_writes(f, at);
    }
}

/* Drops loads whose values are never read: a load that skips out-of-bounds elements is recorded again where
   it is assigned. */
static void drop_unread(fold *f) {
    ts_program *program = f->r->program;
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_inst_dma_copy *load = (ts_inst_dma_copy *)program->code.data[at];
        if (!load || load->head.op != ts_op_dma_copy || load->is_exchange || !ts_operand_is_tile(&load->dst))
            continue;
        const ts_tile_use *use = &f->r->uses.data[load->dst.tensor - 1];
        if (!f->r->buffers.data[use->buffer - 1].is_value || use->reads > 0) continue;
        if (load->src.space == ts_space_hbm && load->src.index)
            f->r->uses.data[program->indices.data[load->src.index - 1].tensor - 1].reads--;
        if (ts_operand_is_tile(&load->src)) f->r->uses.data[load->src.tensor - 1].reads--;
        program->code.data[at] = NULL;
    }
}

/* ---- accumulation starts ---- */

/* The matmuls into one PSUM tile since it was empty or zeroed. */
typedef struct group {
    bool is_open;    /* places that no product has written yet are empty or zero */
    uint32_t zeros;  /* 1 + position of the memset */
    int64_t missing; /* its elements that no product has written yet */
    TS_VEC(const ts_ap *) places;
} group;

static void start_product(fold *f, group *g, ts_inst_nc_matmul *product, ts_arena *scratch) {
    bool is_first = g->is_open;
    for (uint32_t i = 0; i < g->places.count && is_first; i++)
        if (meet(f, g->places.data[i], &product->dst)) is_first = false;
    if (is_first && product->accumulate.mode == ts_accum_always) product->accumulate.mode = ts_accum_never;
    if (!is_first && product->accumulate.mode == ts_accum_never) g->is_open = false;
    if (!is_first) return;
    ts_vec_push(&g->places, scratch, &product->dst);
    g->missing -= ts_operand_elems(&product->dst);
    if (g->zeros && g->missing == 0) {
        f->r->program->code.data[g->zeros - 1] = NULL;
        g->zeros = 0;
    }
}

static void see_access(group *groups, ts_inst *inst, uint32_t at, const ts_ap *ap, bool is_write) {
    group *g = &groups[ap->tensor - 1];
    const ts_inst_memset *fill = (const ts_inst_memset *)inst;
    if (is_write && inst->op == ts_op_memset && fill->value == 0) {
        *g = (group){.is_open = true, .zeros = at + 1, .missing = ts_operand_elems(ap)};
        return;
    }
    g->zeros = 0; /* another instruction uses them, so the memset stays */
    if (is_write) g->is_open = false;
}

static void start_products(fold *f) {
    ts_program *program = f->r->program;
    ts_arena scratch = {0};
    group *groups = TS_NEW_ARRAY(&scratch, group, f->r->uses.count + 1);
    for (uint32_t i = 0; i < f->r->uses.count; i++)
        groups[i].is_open = true;
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_inst *inst = program->code.data[at];
        if (!inst) continue;
        if (inst->op == ts_op_nc_matmul) {
            ts_inst_nc_matmul *product = (ts_inst_nc_matmul *)inst;
            start_product(f, &groups[product->dst.tensor - 1], product, &scratch);
            continue;
        }
        ts_operand_use uses[TS_MOST_USES];
        int count = ts_live_uses(inst, uses);
        for (int i = 0; i < count; i++)
            if (uses[i].ap->space == ts_space_psum)
                see_access(groups, inst, at, uses[i].ap, uses[i].is_write);
    }
    ts_arena_free(&scratch);
}

void ts_record_fold(ts_recorder *r) {
    ts_arena scratch = {0};
    fold f = {.r = r, .writer = TS_NEW_ARRAY(&scratch, uint32_t, r->uses.count + 1)};
    fold_values(&f);
    drop_unread(&f);
    start_products(&f);
    ts_record_close_gaps(r);
    ts_arena_free(&scratch);
}
