/* Sums of products over a loop's trips, computed after the loop. The backward loop of a recurrent layer
   carries the gradient of a weight and adds, in each trip, the product of a few rows to all of it: a pass
   over the weight for little work of TensorE. This pass stores each trip's rows side by side instead, and one
   product of all rows follows the loop. Floats are summed in another order, within TensorE's fp32. */
#include <string.h>

#include "compiler/graph/graph_make.h"
#include "compiler/lower/lower_index.h"
#include "compiler/passes.h"

enum { FEWEST_TRIPS = 4, FEWEST = 4096 /* fewest elements of a sum for which this is worth it */ };
static const int64_t MOST_BYTES = (int64_t)1 << 30; /* of the rows of all trips */

typedef struct pass {
    ts_module *module;
    ts_func *func;
} pass;

/* A loop that counts from 0 in steps of 1. */
typedef struct counting {
    ts_op_node *op;
    ts_block *body;
    uint32_t counter; /* index of the carry that counts */
    int64_t trips;
} counting;

/* One side of the product: this trip's rows, and the tensor outside the loop that holds those of all trips
   (NULL until it is made). */
typedef struct side {
    ts_value *rows, *stack;
} side;

static bool is_defined_in(const ts_block *block, const ts_value *value) {
    for (uint32_t i = 0; value->def && i < block->ops.count; i++)
        if (block->ops.data[i] == value->def) return true;
    return false;
}

static uint32_t count_uses(const ts_block *block, const ts_value *value) {
    uint32_t uses = 0;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->operand_count; j++)
            uses += op->operands[j] == value;
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) uses += count_uses(op->regions[j], value);
    }
    return uses;
}

/* ---- counting loops ---- */

static bool find_counter(ts_op_node *op, counting *loop) {
    double limit, first, step;
    const ts_op_node *test = ts_block_last(op->regions[0])->operands[0]->def;
    *loop = (counting){.op = op, .body = op->regions[1]};
    if (!test || test->kind != ts_hlo_compare ||
        strcmp(ts_op_string(test, "comparison_direction"), "LT") != 0)
        return false;
    int counter = ts_block_argument(op->regions[0], test->operands[0]);
    if (counter < 0 || !ts_constant_splat(test->operands[1], &limit)) return false;
    const ts_op_node *next = ts_block_last(loop->body)->operands[counter]->def;
    if (!next || next->kind != ts_hlo_add || next->operands[0] != loop->body->args[counter]) return false;
    if (!ts_constant_splat(next->operands[1], &step) || step != 1) return false;
    if (!ts_constant_splat(op->operands[counter], &first) || first != 0) return false;
    loop->counter = (uint32_t)counter;
    loop->trips = (int64_t)limit;
    return loop->trips >= FEWEST_TRIPS;
}

/* Whether the value is first + step * trip. */
static bool is_linear(const counting *loop, const ts_value *value, int64_t *first, int64_t *step) {
    double number;
    int64_t a[2], b[2];
    if (value == loop->body->args[loop->counter]) {
        *first = 0;
        *step = 1;
        return true;
    }
    if (ts_constant_splat(value, &number)) {
        *first = (int64_t)number;
        *step = 0;
        return true;
    }
    if (!value->def || (value->def->kind != ts_hlo_add && value->def->kind != ts_hlo_subtract)) return false;
    if (!is_linear(loop, value->def->operands[0], &a[0], &a[1])) return false;
    if (!is_linear(loop, value->def->operands[1], &b[0], &b[1])) return false;
    int64_t sign = value->def->kind == ts_hlo_add ? 1 : -1;
    *first = a[0] + sign * b[0];
    *step = a[1] + sign * b[1];
    return true;
}

/* Whether each trip has a position of its own, and all positions are used. */
static bool visits_all(const counting *loop, const ts_value *position) {
    int64_t first, step;
    if (!is_linear(loop, position, &first, &step)) return false;
    return (step == 1 && first == 0) || (step == -1 && first == loop->trips - 1);
}

/* ---- finding products ---- */

/* The value outside the loop that equals this one in every trip; NULL if there is none. */
static ts_value *outside(const counting *loop, ts_value *value) {
    int argument = ts_block_argument(loop->body, value);
    if (argument >= 0)
        return ts_block_last(loop->body)->operands[argument] == value ? loop->op->operands[argument] : NULL;
    return is_defined_in(loop->body, value) ? NULL : value;
}

/* If the value is this trip's slice of a tensor along its first axis: the tensor, and the slice's position.
   Otherwise NULL. */
static ts_value *stack_of(const counting *loop, const ts_value *value, ts_value **position) {
    const ts_op_node *reshape = value->def, *slice;
    if (!reshape || reshape->kind != ts_hlo_reshape) return NULL;
    slice = reshape->operands[0]->def;
    if (!slice || slice->kind != ts_hlo_dynamic_slice) return NULL;
    const ts_type *from = &slice->operands[0]->type, *part = &slice->results[0]->type;
    if (from->rank != value->type.rank + 1 || from->dim[0] != loop->trips || part->dim[0] != 1) return NULL;
    for (int i = 1; i < from->rank; i++)
        if (part->dim[i] != from->dim[i] || value->type.dim[i - 1] != from->dim[i] ||
            !ts_constant_is(slice->operands[1 + i], 0))
            return NULL;
    *position = slice->operands[1];
    return visits_all(loop, *position) ? outside(loop, slice->operands[0]) : NULL;
}

/* The dot of a trip's carry + dot, if nothing else reads the carry, the sum or the dot; otherwise NULL. */
static ts_op_node *product_of(const counting *loop, uint32_t carry) {
    ts_value *argument = loop->body->args[carry], *next = ts_block_last(loop->body)->operands[carry];
    ts_op_node *add = next->def;
    if (!add || add->kind != ts_hlo_add || ts_dtype_get((ts_dtype)next->type.dtype)->kind != 'f') return NULL;
    if (ts_type_elems(&next->type) < FEWEST || !is_defined_in(loop->body, next)) return NULL;
    int own = add->operands[0] == argument ? 0 : 1;
    if (add->operands[own] != argument) return NULL;
    ts_op_node *dot = add->operands[1 - own]->def;
    if (!dot || dot->kind != ts_hlo_dot_general || !is_defined_in(loop->body, dot->results[0])) return NULL;
    bool is_alone = count_uses(loop->body, argument) == 1 && count_uses(loop->body, next) == 1 &&
                    count_uses(loop->body, dot->results[0]) == 1;
    int64_t batch[TS_MAX_RANK];
    return is_alone && ts_index_dims(dot, "lhs_batching_dimensions", batch) == 0 ? dot : NULL;
}

/* ---- rewriting ---- */

static ts_value **appended(ts_arena *arena, ts_value **values, uint32_t count, ts_value *more) {
    ts_value **all = TS_NEW_ARRAY(arena, ts_value *, count + 1);
    memcpy(all, values, count * sizeof *values);
    all[count] = more;
    return all;
}

static ts_value *add_argument(pass *p, ts_block *block, const ts_type *type) {
    ts_value *argument = ts_value_new(p->module, p->func, type);
    argument->index = block->arg_count;
    block->args = appended(&p->module->arena, block->args, block->arg_count++, argument);
    return argument;
}

/* Adds a carry into which each trip stores its rows. Returns its value after the loop. */
static ts_value *stack_rows(pass *p, counting *loop, ts_block *before, ts_value *rows, ts_value *position) {
    ts_arena *arena = &p->module->arena;
    ts_op_node *op = loop->op, *end = ts_block_last(loop->body);
    ts_type type = {.dtype = rows->type.dtype, .rank = (uint8_t)(rows->type.rank + 1), .dim = {loop->trips}};
    memcpy(type.dim + 1, rows->type.dim, (size_t)rows->type.rank * sizeof *type.dim);
    ts_maker outer = {.module = p->module, .func = p->func, .block = before, .loc = op->loc};
    op->operands = appended(arena, op->operands, op->operand_count++, ts_make_number(&outer, &type, 0));
    add_argument(p, op->regions[0], &type);
    ts_value *carry = add_argument(p, loop->body, &type);
    ts_value *result = ts_value_new(p->module, p->func, &type);
    result->def = op;
    result->index = op->result_count;
    op->results = appended(arena, op->results, op->result_count++, result);

    ts_maker inner = {.module = p->module, .func = p->func, .block = loop->body, .loc = op->loc};
    loop->body->ops.count--;
    ts_value *operands[2 + TS_MAX_RANK] = {carry, NULL, position};
    type.dim[0] = 1;
    operands[1] = ts_make_reshape(&inner, rows, type.rank, type.dim);
    for (int i = 1; i < type.rank; i++)
        operands[2 + i] = ts_make_number(&inner, &position->type, 0);
    ts_op_node *update = ts_op_new(p->module, p->func, ts_hlo_dynamic_update_slice, op->loc, 2u + type.rank,
                                   operands, 1, &carry->type, 0, NULL, 0);
    ts_vec_push(&loop->body->ops, arena, update);
    end->operands = appended(arena, end->operands, end->operand_count++, update->results[0]);
    ts_vec_push(&loop->body->ops, arena, end);
    return result;
}

/* The product over all trips: their axis, the first of both stacks, is contracted too. */
static ts_value *product_of_all(ts_maker *make, const ts_op_node *dot, ts_value *const *stacks) {
    static const char *const names[2] = {"lhs_contracting_dimensions", "rhs_contracting_dimensions"};
    ts_op_node *all = ts_op_new(make->module, make->func, ts_hlo_dot_general, dot->loc, 2, stacks, 1,
                                &dot->results[0]->type, dot->attr_count, dot->attrs, 0);
    for (int s = 0; s < 2; s++) {
        int64_t dims[TS_MAX_RANK + 1] = {0}, own[TS_MAX_RANK];
        int count = ts_index_dims(dot, names[s], own);
        for (int i = 0; i < count; i++)
            dims[1 + i] = own[i] + 1;
        for (uint32_t a = 0; a < all->attr_count; a++)
            if (strcmp(all->attrs[a].name, names[s]) == 0)
                all->attrs[a].value = ts_make_ints(make, count + 1, dims);
    }
    ts_vec_push(&make->block->ops, &make->module->arena, all);
    return all->results[0];
}

/* Rows that are already stacked. */
typedef struct stacked {
    ts_value *rows, *position, *stack;
} stacked;
enum { MOST_STACKED = 16 };

typedef struct later {
    uint32_t carry;
    ts_op_node *dot;
    ts_value *stacks[2];
} later;

/* Whether `row` is `rows` with a leading axis of size 1. */
static bool is_row_of(const ts_value *row, const ts_value *rows) {
    const ts_op_node *op = row->def;
    int64_t dims[TS_MAX_RANK];
    int count = 0;
    if (!op || row->type.rank != rows->type.rank + 1 || row->type.dim[0] != 1 || op->operands[0] != rows)
        return false;
    bool is_broadcast = op->kind == ts_hlo_broadcast_in_dim;
    if (is_broadcast && !ts_op_ints(op, "broadcast_dimensions", dims, TS_MAX_RANK, &count)) return false;
    for (int i = 0; i < rows->type.rank; i++)
        if (row->type.dim[i + 1] != rows->type.dim[i] || (is_broadcast && dims[i] != i + 1)) return false;
    return is_broadcast || op->kind == ts_hlo_reshape;
}

/* The final value of a carry into which the loop already stores these rows; NULL if there is none. */
static ts_value *find_carried(const counting *loop, const ts_value *rows, const ts_value *position) {
    for (uint32_t i = 0; i < loop->body->arg_count; i++) {
        const ts_op_node *update = ts_block_last(loop->body)->operands[i]->def;
        if (!update || update->kind != ts_hlo_dynamic_update_slice || update->operands[2] != position)
            continue;
        if (update->operands[0] != loop->body->args[i] || !is_row_of(update->operands[1], rows)) continue;
        const ts_type *type = &update->results[0]->type;
        bool is_whole = type->dim[0] == loop->trips;
        for (int k = 1; k < type->rank && is_whole; k++)
            is_whole = type->dim[k] == rows->type.dim[k - 1] && ts_constant_is(update->operands[2 + k], 0);
        if (is_whole) return loop->op->results[i];
    }
    return NULL;
}

static ts_value *find_stacked(pass *p, counting *loop, ts_block *before, ts_value *rows, ts_value *position,
                              stacked *all, int *count) {
    for (int i = 0; i < *count; i++)
        if (all[i].rows == rows && all[i].position == position) return all[i].stack;
    ts_value *carried = find_carried(loop, rows, position);
    if (carried) return carried;
    if (*count == MOST_STACKED) return NULL;
    ts_value *stack = stack_rows(p, loop, before, rows, position);
    all[(*count)++] = (stacked){rows, position, stack};
    return stack;
}

static bool pays(const counting *loop, const ts_op_node *dot, const ts_value *rows) {
    int64_t bytes = ts_type_bytes(&rows->type);
    return ts_type_elems(&rows->type) <= ts_type_elems(&dot->results[0]->type) &&
           bytes < MOST_BYTES / loop->trips;
}

/* Finds or makes the stacks of both sides of the dot. False when the dot must stay in the loop. */
static bool find_stacks(pass *p, counting *loop, ts_block *before, later *l, stacked *all, int *count) {
    ts_value *position[2];
    for (int s = 0; s < 2; s++)
        l->stacks[s] = stack_of(loop, l->dot->operands[s], &position[s]);
    if (l->stacks[0] && l->stacks[1]) return position[0] == position[1];
    int known = l->stacks[0] ? 0 : 1;
    ts_value *rows = l->dot->operands[1 - known];
    if (!l->stacks[known] || rows->type.rank + 1 > TS_MAX_RANK || !pays(loop, l->dot, rows)) return false;
    l->stacks[1 - known] = find_stacked(p, loop, before, rows, position[known], all, count);
    return l->stacks[1 - known] != NULL;
}

/* Appends the loop to `out`, after what it needs; the sums follow it and replace its results. */
static void rewrite(pass *p, ts_op_node *op, ts_block *block, ts_block *out) {
    counting loop;
    later sums[MOST_STACKED];
    stacked all[MOST_STACKED];
    int count = 0, stacks = 0;
    bool is_counting = find_counter(op, &loop);
    for (uint32_t carry = 0; is_counting && carry < loop.body->arg_count && count < MOST_STACKED; carry++) {
        later l = {.carry = carry, .dot = product_of(&loop, carry)};
        if (l.dot && find_stacks(p, &loop, out, &l, all, &stacks)) sums[count++] = l;
    }
    ts_vec_push(&out->ops, &p->module->arena, op);
    ts_maker make = {.module = p->module, .func = p->func, .block = out, .loc = op->loc};
    for (int i = 0; i < count; i++) {
        uint32_t carry = sums[i].carry;
        ts_value *product = product_of_all(&make, sums[i].dot, sums[i].stacks);
        ts_value *sum = ts_make_binary(&make, ts_hlo_add, op->operands[carry], product);
        ts_block_last(loop.body)->operands[carry] = loop.body->args[carry];
        ts_block_replace_uses(block, op->results[carry], sum);
    }
}

static void walk(pass *p, ts_block *block) {
    ts_block out = {0};
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) walk(p, op->regions[j]);
        if (op->kind == ts_hlo_while)
            rewrite(p, op, block, &out);
        else
            ts_vec_push(&out.ops, &p->module->arena, op);
    }
    ts_block_take_ops(block, &out);
}

ts_status ts_late_sums(ts_module *module, ts_func *main, ts_diag *diag) {
    (void)diag;
    pass p = {.module = module, .func = main};
    walk(&p, main->body);
    return ts_ok;
}
