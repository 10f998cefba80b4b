/* Carried dependences of affine_range. Its trips may run in any order, so a trip must not read or overwrite
   what another trip wrote. Reductions are exempt: products that accumulate in PSUM, and updates in place by
   an associative operator. Violations are warnings only, because an unrolled recording runs the trips in
   order and computes what the kernel means. */
#include "arch/dtype.h"
#include "arch/lifetime.h"
#include "nki/operands.h"
#include "nki/recorder.h"

enum { MOST_PLACES = 256, MOST_WARNINGS = 16 };

/* Elements that an instruction inside an affine_range wrote. */
typedef struct place {
    ts_ref ref;
    int64_t low, high; /* range of bytes in the partition or tensor */
    uint32_t at;
    bool is_reduction;
} place;

typedef struct places {
    uint32_t outermost; /* position at which their outermost affine_range began */
    TS_VEC(place) all;
} places;

typedef struct loop {
    uint32_t begin, trip; /* positions at which the loop and its current trip began */
    uint32_t loc;
    bool is_affine;
} loop;

typedef struct check {
    ts_recorder *r;
    ts_arena scratch;
    places *tiles, *tensors;
    TS_VEC(loop) loops; /* the open loops */
} check;

/* The affine_range of which an earlier trip recorded the instruction at `at`; NULL: none. */
static const loop *carried_by(const check *c, uint32_t at) {
    for (uint32_t i = 0; i < c->loops.count; i++) {
        const loop *l = &c->loops.data[i];
        if (l->is_affine && l->begin <= at && at < l->trip) return l;
    }
    return NULL;
}

static const loop *outermost(const check *c) {
    for (uint32_t i = 0; i < c->loops.count; i++)
        if (c->loops.data[i].is_affine) return &c->loops.data[i];
    return NULL;
}

static place place_of(const check *c, const ts_ap *ap, uint32_t at) {
    place p = {.at = at};
    ts_ap_resolve(c->r->program, ap, NULL, &p.ref);
    int64_t width = ts_dtype_get(p.ref.dtype)->bytes;
    p.low = p.ref.offset;
    p.high = p.low + width;
    for (int i = 0; i < p.ref.dims; i++) {
        int64_t reach = p.ref.step[i] * (p.ref.count[i] - 1) * width;
        *(reach < 0 ? &p.low : &p.high) += reach;
    }
    p.ref.tensor = 0;
    return p;
}

static bool meet(const place *a, const place *b) {
    bool is_exact;
    return a->low < b->high && b->low < a->high && ts_ref_overlap(&a->ref, &b->ref, &is_exact);
}

/* Whether `a` provably contains every element of `b`: their patterns are equal, or `a` has no gaps. */
static bool covers(const place *a, const place *b) {
    if (a->ref.part > b->ref.part || a->ref.part + a->ref.parts < b->ref.part + b->ref.parts) return false;
    if (a->low > b->low || a->high < b->high) return false;
    int64_t bytes = a->ref.elems * ts_dtype_get(a->ref.dtype)->bytes;
    if (bytes == a->high - a->low) return true;
    bool is_same =
        a->ref.dtype == b->ref.dtype && a->ref.offset == b->ref.offset && a->ref.dims == b->ref.dims;
    for (int i = 0; is_same && i < a->ref.dims; i++)
        is_same = a->ref.step[i] == b->ref.step[i] && a->ref.count[i] == b->ref.count[i];
    return is_same;
}

static places *places_of(const check *c, const ts_ap *ap) {
    return ap->space == ts_space_hbm ? &c->tensors[ap->tensor] : &c->tiles[ap->tensor - 1];
}

static ts_buffer buffer_of(const check *c, const ts_ap *ap) {
    if (ap->space != ts_space_hbm) return c->r->uses.data[ap->tensor - 1].buffer;
    ts_buffer buffer = 0; /* a linear search, since tensors are few */
    for (uint32_t i = 0; i < c->r->buffers.count && !buffer; i++)
        if (c->r->buffers.data[i].space == ts_space_hbm && c->r->buffers.data[i].first == ap->tensor)
            buffer = i + 1;
    return buffer;
}

/* Each tile or tensor gets one warning. */
static bool is_known(const check *c, ts_buffer buffer) {
    for (uint32_t i = 0; i < c->r->warnings.count; i++)
        if (c->r->warnings.data[i].buffer == buffer) return true;
    return false;
}

static void warn(check *c, const ts_ap *ap, const place *earlier, uint32_t at, const loop *by, bool is_read) {
    ts_recorder *r = c->r;
    uint32_t first = r->program->code.data[earlier->at]->loc, second = r->program->code.data[at]->loc;
    ts_buffer buffer = buffer_of(c, ap);
    if (r->warnings.count == MOST_WARNINGS || is_known(c, buffer)) return;
    const ts_buffer_info *info = &r->buffers.data[buffer - 1];
    ts_record_warning made = {.buffer = buffer};
    const char *what = ap->space == ts_space_hbm ? "tensor" : "tile", *name = info->name;
    if (is_read)
        ts_fail(&made.diag, ts_input,
                "%s reads %s `%s` (line %u), which another iteration of the affine_range in line %u wrote in "
                "line %u",
                ts_op_get(r->program->code.data[at]->op)->name, what, name, ts_record_line(c->r, info->loc),
                ts_record_line(c->r, by->loc), ts_record_line(c->r, first));
    else
        ts_fail(&made.diag, ts_input,
                "Unexpected output dependencies, different iterations of the affine_range in line %u write "
                "to %s `%s` (line %u)",
                ts_record_line(c->r, by->loc), what, name, ts_record_line(c->r, info->loc));
    ts_diag_op(&made.diag, ts_op_get(c->r->program->code.data[at]->op)->name);
    ts_diag_rule(&made.diag, "err_unexpected_output_dependencies");
    ts_diag_remedy(&made.diag, is_read
                                   ? "iterations may run in any order: use nl.sequential_range"
                                   : "index the destination with the loop's variable, allocate it inside of "
                                     "the loop, or use nl.sequential_range");
    ts_record_where(r, second, &made.diag);
    ts_vec_push(&r->warnings, &r->program->arena, made);
}

/* Compares an access with earlier writes, the latest first; a write of all its elements hides those before
   it. */
static void see(check *c, const ts_ap *ap, uint32_t at, bool is_read, bool is_reduction) {
    const places *found = places_of(c, ap);
    if (found->outermost != outermost(c)->begin) return;
    place own = place_of(c, ap, at);
    for (uint32_t i = found->all.count; i-- > 0;) {
        const place *earlier = &found->all.data[i];
        if (!meet(earlier, &own)) continue;
        const loop *by = carried_by(c, earlier->at);
        bool is_both = is_reduction && (earlier->is_reduction || !is_read);
        if (by && !is_both) {
            warn(c, ap, earlier, at, by, is_read);
            return;
        }
        if (covers(earlier, &own)) return;
    }
}

static void note(check *c, const ts_ap *ap, uint32_t at, bool is_reduction) {
    places *found = places_of(c, ap);
    place own = place_of(c, ap, at);
    own.is_reduction = is_reduction;
    if (found->outermost != outermost(c)->begin) found->all.count = 0;
    found->outermost = outermost(c)->begin;
    uint32_t kept = 0, from = found->all.count >= MOST_PLACES ? 1 : 0;
    for (uint32_t i = from; i < found->all.count; i++)
        if (!covers(&own, &found->all.data[i])) found->all.data[kept++] = found->all.data[i];
    found->all.count = kept;
    ts_vec_push(&found->all, &c->scratch, own);
}

static bool is_associative(unsigned op) {
    return op == ts_alu_add || op == ts_alu_multiply || op == ts_alu_max || op == ts_alu_min;
}

/* The operand that the instruction updates in place with an associative operator; NULL: none. */
static const ts_ap *updated(const ts_inst *inst) {
    const ts_inst_tensor_tensor *pair = (const ts_inst_tensor_tensor *)inst;
    const ts_inst_scalar_tensor_tensor *chain = (const ts_inst_scalar_tensor_tensor *)inst;
    if (inst->op == ts_op_tensor_tensor && is_associative(pair->op)) {
        if (ts_operand_same(&pair->dst, &pair->data1)) return &pair->data1;
        if (ts_operand_same(&pair->dst, &pair->data2)) return &pair->data2;
    }
    if (inst->op == ts_op_scalar_tensor_tensor && is_associative(chain->op1) &&
        ts_operand_same(&chain->dst, &chain->operand1))
        return &chain->operand1;
    return NULL;
}

static bool accumulates(const ts_inst *inst) {
    if (inst->op == ts_op_nc_matmul)
        return ((const ts_inst_nc_matmul *)inst)->accumulate.mode == ts_accum_always;
    return inst->op == ts_op_dma_copy && ((const ts_inst_dma_copy *)inst)->rmw == ts_rmw_add;
}

static void see_inst(check *c, uint32_t at) {
    ts_inst *inst = c->r->program->code.data[at];
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(inst, uses);
    const ts_ap *in_place = updated(inst);
    bool is_reduction = in_place || accumulates(inst);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < count; i++) {
            const ts_ap *ap = uses[i].ap;
            const bool is_write = uses[i].is_write;
            if (is_write != (pass == 1) || (ap->space == ts_space_hbm && ap->index)) continue;
            see(c, ap, at, !is_write, is_write ? is_reduction : ap == in_place);
            if (is_write) note(c, ap, at, is_reduction);
        }
}

static void pass_mark(check *c, const ts_loop_mark *mark) {
    if (mark->mark == ts_nki_loop_trip && c->loops.count)
        c->loops.data[c->loops.count - 1].trip = mark->position;
    else if (mark->mark == ts_nki_loop_end && c->loops.count)
        c->loops.count--;
    else if (mark->mark != ts_nki_loop_trip && mark->mark != ts_nki_loop_end) {
        loop begun = {.begin = mark->position,
                      .trip = mark->position,
                      .loc = mark->loc,
                      .is_affine = mark->mark == ts_nki_affine_begin};
        ts_vec_push(&c->loops, &c->scratch, begun);
    }
}

void ts_record_check_trips(ts_recorder *r) {
    check c = {.r = r};
    if (r->marks.count == 0) return;
    c.tiles = TS_NEW_ARRAY(&c.scratch, places, r->uses.count + 1);
    c.tensors = TS_NEW_ARRAY(&c.scratch, places, r->program->tensors.count + 1);
    uint32_t mark = 0;
    for (uint32_t at = 0; at < r->program->code.count; at++) {
        for (; mark < r->marks.count && r->marks.data[mark].position <= at; mark++)
            pass_mark(&c, &r->marks.data[mark]);
        if (outermost(&c)) see_inst(&c, at);
    }
    ts_arena_free(&c.scratch);
}
