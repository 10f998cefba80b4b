/* Forwarding of copies. A copy from HBM to HBM reads a place that a DMA has just loaded to, or stored from, a
   tile. While the tile still holds the data the copy can read the tile instead. A value that a loop carries
   then goes from SBUF to all its destinations, and none of them waits for the store to HBM. */
#include <string.h>

#include "plan/reside.h"

enum { MOST_DIMS = 2 * TS_AP_DIMS };

/* The elements of a DMA in the order in which it visits them, outermost dimension first. Adjacent dimensions
   that can be expressed as one are merged. */
typedef struct run {
    int dims;
    int64_t step[MOST_DIMS], count[MOST_DIMS];
} run;

static void add_dim(run *r, int64_t step, int64_t count) {
    int last = r->dims - 1;
    if (count == 1) return;
    if (last >= 0 && r->step[last] == step * count) {
        r->step[last] = step;
        r->count[last] *= count;
        return;
    }
    r->step[r->dims] = step;
    r->count[r->dims++] = count;
}

/* False where a count is ragged or 0. */
static bool make_run(const ts_ap *hbm, run *r) {
    r->dims = 0;
    for (int i = 0; i < hbm->dims; i++) {
        if (hbm->dim[i].count.is_ragged || hbm->dim[i].count.max == 0) return false;
        add_dim(r, hbm->dim[i].step, hbm->dim[i].count.max);
    }
    return true;
}

static bool same_place(const ts_program *program, const ts_ap *a, const ts_ap *b) {
    run x, y;
    if (a->tensor != b->tensor || a->dtype != b->dtype || !ts_affine_same(program, &a->offset, &b->offset))
        return false;
    if (!make_run(a, &x) || !make_run(b, &y) || x.dims != y.dims) return false;
    return memcmp(x.step, y.step, (size_t)x.dims * sizeof *x.step) == 0 &&
           memcmp(x.count, y.count, (size_t)x.dims * sizeof *x.count) == 0;
}

/* Describes the elements of `hbm` with a first dimension of `parts`, to match the partitions of a tile. False
   when they cannot be cut so. */
static bool split(const ts_ap *hbm, int64_t parts, ts_ap *out) {
    run r;
    if (!make_run(hbm, &r) || r.dims == 0 || r.count[0] % parts != 0) return false;
    if (r.count[0] > parts && r.dims == MOST_DIMS) return false;
    *out = *hbm;
    out->dims = 0;
    int64_t inner = r.count[0] / parts;
    ts_ap_dim(out, r.step[0] * inner, ts_count_const(parts));
    if (inner > 1) ts_ap_dim(out, r.step[0], ts_count_const(inner));
    if (r.dims + (inner > 1) > TS_AP_DIMS) return false;
    for (int i = 1; i < r.dims; i++)
        ts_ap_dim(out, r.step[i], ts_count_const(r.count[i]));
    return true;
}

/* Whether the DMA moves data between an SBUF tile, on two or more partitions, and the tensor in HBM. Returns
   both operands. */
static bool is_transfer(const ts_inst_dma_copy *dma, uint32_t tensor, const ts_ap **hbm, const ts_ap **own) {
    bool is_store = dma->dst.space == ts_space_hbm;
    *hbm = is_store ? &dma->dst : &dma->src;
    *own = is_store ? &dma->src : &dma->dst;
    return (*hbm)->space == ts_space_hbm && (*own)->space == ts_space_sbuf && (*hbm)->tensor == tensor &&
           (*own)->dtype == (*hbm)->dtype && !(*hbm)->index && !(*own)->parts.is_ragged &&
           (*own)->parts.max > 1;
}

typedef struct forward {
    ts_builder *b;
    ts_program *program;
    uint32_t *loop_of;
} forward;

/* Whether the instruction accesses the tensor or tile; with only_writes, whether it writes it. */
static bool touches(ts_inst *inst, ts_space space, uint32_t tensor, bool only_writes) {
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(inst, uses);
    for (int i = 0; i < count; i++) {
        bool is_there =
            uses[i].ap->tensor == tensor && (uses[i].ap->space == ts_space_hbm) == (space == ts_space_hbm);
        if (is_there && (uses[i].is_write || !only_writes)) return true;
    }
    return false;
}

/* The position of the DMA that moved what the copy at `at` reads, in the same trip of the same loops, such
   that neither the tile nor the tensor was written in between. UINT32_MAX when there is none. */
static uint32_t find_source(const forward *f, uint32_t at) {
    const ts_inst_dma_copy *copy = (const ts_inst_dma_copy *)f->program->code.data[at];
    for (uint32_t i = at; i-- > 0;) {
        ts_inst *inst = f->program->code.data[i];
        const ts_inst_dma_copy *dma = ts_plain_dma(inst);
        const ts_ap *hbm, *own;
        if (inst->op == ts_op_loop && f->loop_of[i] == f->loop_of[at]) break;
        if (f->loop_of[i] == f->loop_of[at] && dma && is_transfer(dma, copy->src.tensor, &hbm, &own) &&
            same_place(f->program, hbm, &copy->src)) {
            for (uint32_t k = i + 1; k < at; k++)
                if (touches(f->program->code.data[k], ts_space_sbuf, own->tensor, true)) return UINT32_MAX;
            return i;
        }
        if (touches(inst, ts_space_hbm, copy->src.tensor, true)) break;
    }
    return UINT32_MAX;
}

/* Moves the instruction at `from` back to `to`, which is in the same loop. */
static void move_back(forward *f, uint32_t from, uint32_t to) {
    uint32_t loop = f->loop_of[from];
    ts_build_move(f->b, from, to);
    memmove(f->loop_of + to + 1, f->loop_of + to, (from - to) * sizeof *f->loop_of);
    f->loop_of[to] = loop;
}

static void forward_copy(forward *f, uint32_t at) {
    ts_inst_dma_copy *copy = (ts_inst_dma_copy *)f->program->code.data[at];
    uint32_t source = find_source(f, at);
    if (source == UINT32_MAX) return;
    const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)f->program->code.data[source];
    bool is_store = dma->dst.space == ts_space_hbm;
    const ts_ap *own = is_store ? &dma->src : &dma->dst;
    ts_ap dst;
    if (!split(&copy->dst, own->parts.max, &dst)) return;
    copy->dst = dst;
    copy->src = *own;
    if (is_store) copy->head.engine = dma->head.engine;
    if (is_store) copy->queue = dma->queue;
    for (uint32_t k = source + 1; k < at; k++) {
        ts_inst *between = f->program->code.data[k];
        if (between->op == ts_op_leave || touches(between, ts_space_hbm, dst.tensor, false)) return;
    }
    move_back(f, at, source + 1);
}

void ts_plan_forward(ts_builder *b) {
    ts_arena arena = {0};
    forward f = {.b = b, .program = b->program, .loop_of = ts_live_loops(b->program, &arena)};
    for (uint32_t at = 0; at < b->program->code.count; at++) {
        const ts_inst_dma_copy *copy = ts_plain_dma(b->program->code.data[at]);
        if (!copy || copy->src.space != ts_space_hbm || copy->dst.space != ts_space_hbm) continue;
        if (!copy->src.index && !copy->dst.index && copy->src.dtype == copy->dst.dtype) forward_copy(&f, at);
    }
    ts_arena_free(&arena);
}
