/* Collectives: one instruction between contiguous runs in HBM. The axis that is cut leads the run, so that
   parts of the operand are parts of the run. The result is a view of the run that arrives. An operand that
   already has this layout is sent from where it lies. */
#include <string.h>

#include "compiler/graph/collective.h"
#include "compiler/graph/graph_make.h"
#include "compiler/lower/lower.h"

enum { LONG_RUN = 512 }; /* bytes of a run that a DMA moves at nearly the full rate */

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

/* The run to be sent: a view of the operand with its axes in the order of the run, and the result axis of
   each. Of several axes that form one axis of the result, the outer one comes first. */
typedef struct run {
    ts_view from;
    int axis[TS_VIEW_RANK];
    bool is_apart; /* parts arrive in a tensor of their own, and are put in place afterwards */
} run;

/* Whether the elements are contiguous from the view's offset on. */
static bool is_run(const ts_view *view) {
    int64_t stride = 1;
    if (view->kind != ts_view_tensor) return false;
    for (int i = view->rank; i-- > 0;) {
        if (view->dim[i] != 1 && view->stride[i] != stride) return false;
        stride *= view->dim[i];
    }
    return true;
}

/* Puts the `fixed` first axes in front. The others follow in memory order if that makes a contiguous run,
   otherwise in their own order. */
static void arrange(run *r, const ts_view *view, const int *axes, int fixed) {
    int order[TS_VIEW_RANK] = {0}, plain[TS_VIEW_RANK], count = 0;
    for (int i = 0; i < view->rank; i++) {
        bool is_fixed = false;
        for (int j = 0; j < fixed; j++)
            is_fixed |= axes[j] == i;
        if (!is_fixed) order[fixed + count++] = i;
    }
    if (fixed > 0) memcpy(order, axes, (size_t)fixed * sizeof *axes);
    memcpy(plain, order, sizeof plain);
    for (int i = fixed; i < fixed + count; i++)
        for (int j = i; j > fixed && view->stride[order[j - 1]] < view->stride[order[j]]; j--) {
            int other = order[j];
            order[j] = order[j - 1];
            order[j - 1] = other;
        }
    r->from = ts_view_permute(view, view->rank, order);
    if (!is_run(&r->from)) {
        r->from = ts_view_permute(view, view->rank, plain);
        memcpy(order, plain, sizeof order);
    }
    memcpy(r->axis, order, sizeof order);
}

/* The gathered copies follow each other in the run. If the gather axis leads the run it simply becomes
   longer. If that would break the operand into short runs, or the result must be contiguous anyway, each copy
   is put in its place afterwards. */
static void plan_gather(run *r, const ts_op_node *op, const ts_view *view) {
    const int axis = (int)ts_op_int(op, "all_gather_dim", 0);
    int64_t inner = ts_dtype_get((ts_dtype)view->dtype)->bytes;
    for (int i = axis + 1; i < view->rank; i++)
        inner *= view->dim[i];
    arrange(r, view, &axis, 1);
    r->is_apart = !is_run(&r->from) && (inner < LONG_RUN || note(op->results[0])->output);
    if (r->is_apart) arrange(r, view, NULL, 0);
}

/* The parts of the split axis lead; then comes the axis, if any, into which they are concatenated. */
static void plan_parts(run *r, const ts_view *operand, int split, int concat, int64_t parts) {
    ts_view view = *operand;
    int axes[2] = {split, concat >= split ? concat + 1 : concat};
    ts_views_split(&view, 1, split, view.dim[split] / parts);
    arrange(r, &view, axes, concat < 0 ? 1 : 2);
    for (int i = 0; i < view.rank; i++)
        r->axis[i] -= r->axis[i] > split;
    r->axis[0] = concat < 0 ? split : concat;
}

static void plan_run(run *r, const ts_op_node *op, const ts_view *operand) {
    const int64_t members = ts_op_attr(op, "ranks")->type.dim[1];
    r->is_apart = false;
    switch (op->kind) {
    case ts_hlo_all_gather: plan_gather(r, op, operand); break;
    case ts_hlo_reduce_scatter:
        plan_parts(r, operand, (int)ts_op_int(op, "scatter_dimension", 0), -1, members);
        break;
    case ts_hlo_all_to_all:
        plan_parts(r, operand, (int)ts_op_int(op, "split_dimension", 0),
                   (int)ts_op_int(op, "concat_dimension", 0), members);
        break;
    default: arrange(r, operand, NULL, 0);
    }
}

/* Makes the operand a contiguous run, by a copy if need be. */
static ts_status send(ts_lower *lower, ts_value *value, run *r) {
    if (is_run(&r->from)) return ts_ok;
    ts_type type = ts_type_make(value->type.dtype, 1, (int64_t[]){ts_view_elems(&r->from)});
    ts_view flat = ts_view_of_tensor(ts_lower_scratch(lower, &type, "sent"), &type), whole;
    ts_view_reshape(&flat, r->from.rank, r->from.dim, &whole);
    whole.dtype = r->from.dtype;
    TS_TRY(ts_lower_copy(lower, &whole, &r->from));
    r->from = whole;
    return ts_ok;
}

/* The view of a result whose axes are in the run's order. */
static ts_view arrived(const run *r, const ts_type *type, uint32_t tensor) {
    ts_view view = ts_view_of_tensor(tensor, type);
    int64_t stride = 1;
    memset(view.stride, 0, sizeof view.stride);
    for (int i = r->from.rank; i-- > 0; stride *= r->from.dim[i])
        if (view.stride[r->axis[i]] == 0) view.stride[r->axis[i]] = stride;
    return view;
}

static ts_ap run_ap(ts_builder *b, const ts_view *view, int64_t elems) {
    ts_ap ap = ts_build_hbm(view->tensor, ts_chip_dtype(view->dtype), ts_view_offset(b, view));
    ts_ap_dim(&ap, 1, ts_count_const(elems));
    return ap;
}

/* A constant tensor of the groups of `size` ranks, shared by all collectives with equal groups. */
static ts_ap groups_ap(ts_lower *lower, const ts_groups *groups, int size) {
    ts_program *program = lower->program;
    int64_t dim[2] = {0, size};
    int32_t *ranks = ts_arena_alloc(&program->arena, (size_t)(groups->rows * size) * sizeof *ranks);
    for (int i = 0; i < groups->rows; i++)
        if (ts_groups_in_row(groups, i) == size)
            for (int j = 0; j < size; j++)
                ranks[dim[0] * size + j] = (int32_t)groups->rank[i * groups->size + j],
                                      dim[0] += j == size - 1;
    uint32_t number = 0;
    size_t bytes = (size_t)(dim[0] * size) * sizeof *ranks;
    for (; number < program->tensors.count; number++) {
        const ts_tensor *tensor = &program->tensors.data[number];
        if (tensor->kind == ts_tensor_constant && tensor->rank == 2 && tensor->dtype == ts_dtype_i32 &&
            memcmp(tensor->dim, dim, sizeof dim) == 0 && tensor->data &&
            memcmp(tensor->data, ranks, bytes) == 0)
            break;
    }
    if (number == program->tensors.count) {
        ts_build_tensor(&lower->b, ts_tensor_constant, ts_dtype_i32, 2, dim, "groups");
        program->tensors.data[number].data = (const char *)ranks;
    }
    ts_ap ap = ts_build_hbm(number, ts_dtype_i32, ts_affine_const(0));
    ts_ap_dim(&ap, 1, ts_count_const(dim[0] * size));
    return ap;
}

static ts_cc kind_of(const ts_op_node *op) {
    switch (op->kind) {
    case ts_hlo_all_gather: return ts_cc_all_gather;
    case ts_hlo_all_to_all: return ts_cc_all_to_all;
    case ts_hlo_collective_broadcast: return ts_cc_broadcast;
    case ts_hlo_collective_permute: return ts_cc_permute;
    case ts_hlo_reduce_scatter: return ts_cc_reduce_scatter;
    default: return ts_cc_all_reduce;
    }
}

static ts_alu join_of(const ts_op_node *op) {
    unsigned alu = 0;
    while (alu < ts_alu_count && strcmp(ts_alu_name(alu), ts_op_string(op, "op")) != 0)
        alu++;
    return alu < ts_alu_count ? (ts_alu)alu : ts_alu_bypass;
}

static bool takes_everybody(const ts_groups *groups, uint32_t ranks) {
    uint32_t count = 0;
    for (int i = 0; i < groups->rows; i++)
        count += (uint32_t)ts_groups_in_row(groups, i);
    return count == ranks;
}

/* Fills a run with zeros; as words if its elements have 64 bits. */
static ts_status clear(ts_lower *lower, const ts_view *dst) {
    const bool is_wide = ts_dtype_get((ts_dtype)dst->dtype)->bytes == 8;
    const int64_t scale = is_wide ? 2 : 1;
    ts_type type =
        ts_type_make(is_wide ? ts_dtype_u32 : dst->dtype, 1, (int64_t[]){ts_view_elems(dst) * scale});
    ts_view words = ts_view_of_tensor(dst->tensor, &type), zeros = ts_view_of_splat(type.dtype, 0, &type);
    words.offset = dst->offset * scale;
    words.shift = ts_build_sum(&lower->b, ts_affine_const(0), dst->shift, scale);
    return ts_lower_copy(lower, &words, &zeros);
}

/* Emits one instruction for each size of group. In a broadcast, ranks that are in no group get zeros. */
static ts_status emit(ts_lower *lower, const ts_op_node *op, const ts_view *dst, const ts_view *src) {
    ts_groups groups = ts_groups_of(op, &lower->arena);
    const ts_alu alu = join_of(op);
    if (op->kind == ts_hlo_collective_broadcast && !takes_everybody(&groups, lower->program->ranks))
        TS_TRY(clear(lower, dst));
    if (ts_view_elems(dst) > INT32_MAX || ts_view_elems(src) > INT32_MAX)
        return ts_op_fail(lower->module, op, lower->diag, ts_capacity, "more than %d elements", INT32_MAX);
    ts_ap to = run_ap(&lower->b, dst, ts_view_elems(dst)), from = run_ap(&lower->b, src, ts_view_elems(src));
    for (int size = 1; size <= groups.size; size++)
        for (int i = 0; i < groups.rows; i++) {
            if (ts_groups_in_row(&groups, i) != size) continue;
            ts_ap rows = groups_ap(lower, &groups, size);
            ts_emit_collective(&lower->b, ts_engine_sync, kind_of(op), &to, &from, alu, &rows);
            break;
        }
    return ts_ok;
}

/* Copies the members' parts, which arrived one after another in a tensor of their own, to their places in the
   result. */
static ts_status put_apart(ts_lower *lower, const ts_op_node *op, const run *r, uint32_t tensor) {
    const int axis = (int)ts_op_int(op, "all_gather_dim", 0);
    ts_type each = op->operands[0]->type;
    ts_lower_result(lower, op->results[0]);
    ts_view from = arrived(r, &each, tensor), to = note(op->results[0])->view;
    const int64_t elems = ts_view_elems(&from);
    ts_views_split(&to, 1, axis, each.dim[axis]);
    memmove(from.dim + axis + 1, from.dim + axis, (size_t)(from.rank - axis) * sizeof *from.dim);
    memmove(from.stride + axis + 1, from.stride + axis, (size_t)(from.rank - axis) * sizeof *from.stride);
    from.rank++;
    from.dim[axis] = to.dim[axis];
    from.stride[axis] = elems;
    return ts_lower_copy(lower, &to, &from);
}

ts_status ts_lower_collective(ts_lower *lower, ts_op_node *op) {
    ts_value *result = op->results[0];
    const ts_type *type = &result->type;
    ts_view operand, dst;
    run r;
    if (ts_type_elems(type) == 0) {
        ts_lower_result(lower, result);
        return ts_ok;
    }
    TS_TRY(ts_lower_shifted(lower, op->operands[0], &operand));
    lower->b.loc = op->loc;
    plan_run(&r, op, &operand);
    TS_TRY(send(lower, op->operands[0], &r));
    dst = arrived(&r, type, TS_VIEW_NO_TENSOR);
    bool is_plain = !r.is_apart && ts_view_is_contiguous(&dst);
    if (is_plain) {
        ts_lower_result(lower, result);
        dst = note(result)->view;
        if (is_run(&dst)) return emit(lower, op, &dst, &r.from);
    }
    const uint32_t tensor = ts_lower_scratch(lower, type, "received");
    ts_view whole = ts_view_of_tensor(tensor, type);
    TS_TRY(emit(lower, op, &whole, &r.from));
    if (is_plain) return ts_lower_copy(lower, &dst, &whole); /* the result goes into a slice of a home */
    if (r.is_apart) return put_apart(lower, op, &r, tensor);
    note(result)->view = arrived(&r, type, tensor);
    note(result)->has_view = true;
    return ts_ok;
}

void ts_lower_from_first(ts_lower *lower, const ts_ap *bytes) {
    ts_groups all = {.rows = 1, .size = (int)lower->program->ranks};
    all.rank = TS_NEW_ARRAY(&lower->arena, int64_t, all.size);
    for (int i = 0; i < all.size; i++)
        all.rank[i] = i;
    const ts_ap ranks = groups_ap(lower, &all, all.size);
    ts_emit_collective(&lower->b, ts_engine_sync, ts_cc_broadcast, bytes, bytes, ts_alu_bypass, &ranks);
}

ts_status ts_lower_rank(ts_lower *lower, ts_op_node *op) {
    ts_builder *b = &lower->b;
    b->loc = op->loc;
    ts_lower_result(lower, op->results[0]);
    const ts_view *view = &note(op->results[0])->view;
    ts_tile tile = ts_build_tile(b, ts_space_sbuf, 1, ts_dtype_get((ts_dtype)view->dtype)->bytes, 1);
    ts_ap rank = ts_build_ap(b, tile, view->dtype, ts_count_const(1), ts_count_const(1));
    ts_ap to = run_ap(b, view, 1);
    ts_emit_rank(b, &rank);
    ts_emit_dma(b, ts_engine_gpsimd, TS_STORE_QUEUE, &to, &rank);
    return ts_ok;
}
