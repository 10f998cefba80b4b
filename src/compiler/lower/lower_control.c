/* while, case and if: loops of the program that data or a count ends, over values that are kept in homes in
   HBM. */
#include "compiler/graph/counted.h"
#include "compiler/lower/home.h"

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

static void set_view(ts_value *value, const ts_view *view) {
    note(value)->view = *view;
    note(value)->has_view = true;
}

static uint32_t open_control(ts_lower *lower, int64_t trips) {
    uint32_t loop = ts_build_loop(&lower->b, ts_count_const(trips));
    lower->b.control_depth = lower->b.depth;
    return loop;
}

static void close_control(ts_lower *lower) {
    ts_build_end(&lower->b);
    lower->b.control_depth = lower->b.depth;
}

static void emit_leave(ts_lower *lower, uint32_t loop, const ts_view *view, ts_dtype dtype, ts_alu compare,
                       int64_t operand) {
    ts_inst_leave *inst =
        (ts_inst_leave *)ts_program_append(lower->program, ts_op_leave, ts_engine_none, lower->b.loc);
    inst->loop = loop;
    inst->value = ts_build_hbm(view->tensor, dtype, ts_view_offset(&lower->b, view));
    inst->compare = (uint8_t)compare;
    inst->operand.base = operand;
}

/* ---- while ---- */

typedef struct carry {
    ts_view init;
    uint32_t tensor;   /* the home, if it has one */
    bool is_invariant; /* each trip returns it unchanged */
    bool is_counter;   /* a number known to the compiler: first + step * trip */
    int64_t first, step;
} carry;

typedef struct while_loop {
    ts_lower *lower;
    ts_op_node *op;
    const ts_block *cond, *body;
    carry *carries;
    bool is_counted;
    ts_count_loop count; /* valid if is_counted */
} while_loop;

static bool has_home(const carry *c) {
    return !c->is_invariant && !c->is_counter;
}

static ts_status read_inits(while_loop *l) {
    for (uint32_t i = 0; i < l->op->operand_count; i++) {
        carry *c = &l->carries[i];
        TS_TRY(ts_lower_shifted(l->lower, l->op->operands[i], &c->init));
        c->is_invariant = ts_block_last(l->body)->operands[i] == l->body->args[i];
    }
    return ts_ok;
}

/* Finds the number of trips and the carries that count. Without a known number, all carries live in homes. */
static void count_trips(while_loop *l) {
    l->count = (ts_count_loop){.cond = l->cond, .body = l->body};
    l->is_counted = ts_counted_find(&l->count, l->op) >= 0;
    if (!l->is_counted) return;
    for (uint32_t i = 0; i < l->op->operand_count; i++) {
        carry *c = &l->carries[i];
        c->is_counter = !c->is_invariant && ts_counted_step(&l->count, l->op, i, &c->first, &c->step);
    }
}

/* Copies the initial values into the homes. If an initial value lies in a tensor that nothing else reads,
   that tensor becomes the home. */
static ts_status fill_homes(while_loop *l) {
    ts_lower *lower = l->lower;
    ts_move *moves = TS_NEW_ARRAY(&lower->arena, ts_move, l->op->operand_count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->op->operand_count; i++) {
        carry *c = &l->carries[i];
        if (!has_home(c)) continue;
        ts_value *result = l->op->results[i];
        c->tensor = ts_lower_result_over(lower, result, l->op->operands[i]);
        if (l->is_counted && ts_counted_covers(&l->count, l->op, i)) continue;
        moves[count++] = (ts_move){c->tensor, c->init, &result->type};
    }
    /* Their views belong to values that do not exist yet: while the loop runs, no home is read as a
       result. */
    for (uint32_t i = 0; i < l->op->result_count; i++)
        note(l->op->results[i])->has_view = false;
    return ts_home_move(lower, moves, count);
}

/* Sets the views of a region's arguments at the start of a trip. */
static void bind(while_loop *l, const ts_block *block, uint32_t loop_id) {
    for (uint32_t i = 0; i < block->arg_count; i++) {
        const carry *c = &l->carries[i];
        const ts_type *type = &block->args[i]->type;
        ts_view view = c->init;
        if (c->is_counter) {
            view = ts_view_of_splat(type->dtype, 0, type);
            view.kind = ts_view_iota;
            view.offset = c->first;
            view.shift = ts_build_term(&l->lower->b, ts_affine_const(0), c->step, loop_id);
        } else if (!c->is_invariant) {
            view = ts_view_of_tensor(c->tensor, type);
        }
        set_view(block->args[i], &view);
    }
}

static ts_status lower_body(while_loop *l) {
    ts_lower *lower = l->lower;
    const ts_op_node *last = ts_block_last(l->body);
    for (uint32_t i = 0; i < l->op->operand_count; i++)
        if (has_home(&l->carries[i])) ts_home_ask(l->body, last->operands[i], l->carries[i].tensor);
    ts_home_find_slots(l->body);
    TS_TRY(ts_lower_block(lower, l->body));
    lower->b.loc = l->op->loc;
    ts_move *moves = TS_NEW_ARRAY(&lower->arena, ts_move, l->op->operand_count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->op->operand_count; i++) {
        if (!has_home(&l->carries[i])) continue;
        ts_move *move = &moves[count++];
        *move = (ts_move){.tensor = l->carries[i].tensor, .type = &l->op->results[i]->type};
        TS_TRY(ts_lower_shifted(lower, last->operands[i], &move->from));
    }
    return ts_home_move(lower, moves, count);
}

/* Lowers the condition, and leaves the loop when it is false. */
static ts_status lower_condition(while_loop *l, uint32_t loop_id) {
    ts_value *value = ts_block_last(l->cond)->operands[0];
    ts_view view;
    TS_TRY(ts_lower_block(l->lower, l->cond));
    l->lower->b.loc = l->op->loc;
    TS_TRY(ts_lower_shifted(l->lower, value, &view));
    if (view.kind != ts_view_tensor) TS_TRY(ts_lower_tensor(l->lower, value, &view));
    emit_leave(l->lower, loop_id, &view, ts_dtype_u8, ts_alu_is_equal, 0);
    return ts_ok;
}

static void set_results(while_loop *l) {
    for (uint32_t i = 0; i < l->op->result_count; i++) {
        const carry *c = &l->carries[i];
        ts_value *result = l->op->results[i];
        ts_view view = c->init;
        if (c->is_counter)
            view = ts_view_of_splat(result->type.dtype, (double)(c->first + c->step * l->count.trips),
                                    &result->type);
        if (has_home(c) && !(l->is_counted && l->count.trips == 0))
            view = ts_view_of_tensor(c->tensor, &result->type);
        set_view(result, &view);
    }
}

static ts_status check_room(ts_lower *lower, const ts_op_node *op) {
    if (lower->b.depth < TS_MAX_LOOP_DEPTH) return ts_ok;
    ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "control flow nests more than %d deep",
               TS_MAX_LOOP_DEPTH);
    ts_diag_remedy(lower->diag, "join nested scans, loops or conditions");
    return ts_unsupported;
}

/* Whether a product in the body contracts the matrix along its second axis only. */
static bool is_contracted_along(const ts_block *body, const ts_value *matrix) {
    static const char *const names[2] = {"lhs_contracting_dimensions", "rhs_contracting_dimensions"};
    for (uint32_t i = 0; i < body->ops.count; i++) {
        const ts_op_node *op = body->ops.data[i];
        int64_t dims[TS_MAX_RANK];
        int count;
        for (uint32_t j = 0; j < 2 && op->kind == ts_hlo_dot_general; j++)
            if (op->operands[j] == matrix && ts_op_ints(op, names[j], dims, TS_MAX_RANK, &count) &&
                count == 1 && dims[0] == 1)
                return true;
    }
    return false;
}

/* TensorE needs the contracted axis on the partitions. A matrix with another layout is transposed once before
   the loop rather than in every trip. */
static ts_status turn_invariants(while_loop *l) {
    enum { FEWEST_TRIPS = 4, SHORTEST = 32 };
    for (uint32_t i = 0; i < l->op->operand_count && l->is_counted && l->count.trips >= FEWEST_TRIPS; i++) {
        const carry *c = &l->carries[i];
        const ts_view *view = &c->init;
        if (!c->is_invariant || view->kind != ts_view_tensor || view->rank != 2 || view->stride[1] != 1)
            continue;
        if (view->dim[0] < SHORTEST || view->dim[1] < SHORTEST || view->stride[0] < view->dim[1]) continue;
        if (!is_contracted_along(l->body, l->body->args[i])) continue;
        ts_type type = {.dtype = view->dtype, .rank = 2, .dim = {view->dim[1], view->dim[0]}};
        ts_view turned = ts_view_of_tensor(ts_lower_scratch(l->lower, &type, "turned"), &type);
        ts_lowered *lowered = note(l->body->args[i]);
        lowered->turned = ts_view_permute(&turned, 2, (int[]){1, 0});
        lowered->has_turned = true;
        TS_TRY(ts_lower_copy(l->lower, &lowered->turned, view));
    }
    return ts_ok;
}

ts_status ts_lower_while(ts_lower *lower, ts_op_node *op) {
    TS_TRY(check_room(lower, op));
    while_loop l = {.lower = lower, .op = op, .cond = op->regions[0], .body = op->regions[1]};
    l.carries = TS_NEW_ARRAY(&lower->arena, carry, op->operand_count);
    TS_TRY(read_inits(&l));
    count_trips(&l);
    if (l.is_counted && l.count.trips == 0) {
        set_results(&l);
        return ts_ok;
    }
    TS_TRY(ts_lower_close_groups(lower));
    TS_TRY(fill_homes(&l));
    TS_TRY(turn_invariants(&l));
    uint64_t repeat = lower->repeat;
    uint32_t id = open_control(lower, l.is_counted ? l.count.trips : INT32_MAX);
    if (l.is_counted) lower->repeat *= (uint64_t)l.count.trips;
    if (!l.is_counted) {
        bind(&l, l.cond, id);
        TS_TRY(lower_condition(&l, id));
    }
    bind(&l, l.body, id);
    TS_TRY(lower_body(&l));
    close_control(lower);
    lower->repeat = repeat;
    set_results(&l);
    return ts_ok;
}

/* ---- case and if ---- */

/* A conditional whose branch is known: the branch becomes part of the block around it. */
static ts_status lower_only(ts_lower *lower, ts_op_node *op, const ts_block *branch) {
    TS_TRY(ts_lower_inline(lower, branch));
    for (uint32_t i = 0; i < op->result_count; i++) {
        ts_view view;
        TS_TRY(ts_lower_shifted(lower, ts_block_last(branch)->operands[i], &view));
        set_view(op->results[i], &view);
    }
    return ts_ok;
}

static ts_status lower_branch(ts_lower *lower, ts_op_node *op, const ts_block *branch,
                              const uint32_t *tensors) {
    const ts_op_node *last = ts_block_last(branch);
    ts_move *moves = TS_NEW_ARRAY(&lower->arena, ts_move, op->result_count);
    for (uint32_t i = 0; i < op->result_count; i++)
        ts_home_ask(branch, last->operands[i], tensors[i]);
    TS_TRY(ts_lower_block(lower, branch));
    lower->b.loc = op->loc;
    for (uint32_t i = 0; i < op->result_count; i++) {
        moves[i] = (ts_move){.tensor = tensors[i], .type = &op->results[i]->type};
        TS_TRY(ts_lower_shifted(lower, last->operands[i], &moves[i].from));
    }
    return ts_home_move(lower, moves, op->result_count);
}

/* Makes the tensors in which every branch leaves its results. A branch may read the old value of such a home,
   so nothing may read it after the op. */
static uint32_t *make_homes(ts_lower *lower, ts_op_node *op) {
    uint32_t *tensors = TS_NEW_ARRAY(&lower->arena, uint32_t, op->result_count), at = lower->at;
    lower->at = ts_block_last(op->regions[op->region_count - 1])->number + 1;
    for (uint32_t i = 0; i < op->result_count; i++)
        tensors[i] = ts_lower_result(lower, op->results[i]);
    lower->at = at;
    for (uint32_t i = 0; i < op->result_count; i++)
        note(op->results[i])->has_view = false; /* its view belongs to a value that does not exist yet */
    return tensors;
}

/* Skips branch `number` unless it is selected. The last branch is also selected by every index out of range,
   which as u32 is not below its number (StableHLO case). Region 0 of an `if` is the true branch. */
static void leave_unless(ts_lower *lower, const ts_op_node *op, uint32_t loop, const ts_view *index,
                         uint32_t number) {
    if (op->kind == ts_hlo_if)
        emit_leave(lower, loop, index, ts_dtype_u8, number == 0 ? ts_alu_is_equal : ts_alu_not_equal, 0);
    else if (number + 1 == op->region_count)
        emit_leave(lower, loop, index, ts_dtype_u32, ts_alu_is_lt, number);
    else
        emit_leave(lower, loop, index, ts_dtype_u32, ts_alu_not_equal, number);
}

static uint32_t chosen_branch(const ts_op_node *op, double value) {
    if (op->kind == ts_hlo_if) return value != 0 ? 0 : 1;
    return value >= 0 && value < op->region_count ? (uint32_t)value : op->region_count - 1;
}

ts_status ts_lower_case(ts_lower *lower, ts_op_node *op) {
    ts_view index;
    TS_TRY(check_room(lower, op));
    TS_TRY(ts_lower_shifted(lower, op->operands[0], &index));
    if (op->region_count == 1) return lower_only(lower, op, op->regions[0]);
    if (index.kind == ts_view_splat)
        return lower_only(lower, op, op->regions[chosen_branch(op, index.value)]);
    if (index.kind != ts_view_tensor) TS_TRY(ts_lower_tensor(lower, op->operands[0], &index));
    TS_TRY(ts_lower_close_groups(lower));
    uint32_t *tensors = make_homes(lower, op);
    for (uint32_t i = 0; i < op->region_count; i++) {
        uint32_t loop = open_control(lower, 1);
        leave_unless(lower, op, loop, &index, i);
        TS_TRY(lower_branch(lower, op, op->regions[i], tensors));
        close_control(lower);
    }
    for (uint32_t i = 0; i < op->result_count; i++) {
        ts_view view = ts_view_of_tensor(tensors[i], &op->results[i]->type);
        set_view(op->results[i], &view);
    }
    return ts_ok;
}
