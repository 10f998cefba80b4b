/* Checks of collectives: operand and result shapes. The member lists are checked where they are read
   (groups.c). */
#include "compiler/graph/collective.h"
#include "compiler/graph/graph_check.h"

#include <inttypes.h>

/* The combiner takes two scalars and returns one, of the element type that all operands share. */
static ts_status check_join(const ts_check *check) {
    const ts_op_node *op = check->op;
    const ts_type *types[1] = {&op->operands[0]->type};
    for (uint32_t i = 1; i < op->operand_count; i++)
        if (op->operands[i]->type.dtype != types[0]->dtype)
            return ts_check_fail(check, "operand %u is %s, the first %s", i,
                                 ts_type_name(&op->operands[i]->type).text, ts_type_name(types[0]).text);
    return ts_check_combiner(check, 0, 1, types, false);
}

/* Checks that `more` elements of an axis divide into parts of `less`. */
static ts_status check_parts(const ts_check *check, int64_t more, int64_t less) {
    if (less < 0 || (less == 0 ? more != 0 : more % less != 0))
        return ts_check_fail(check, "%" PRId64 " elements do not divide into parts of %" PRId64, more, less);
    return ts_ok;
}

static ts_status check_gather(const ts_check *check, const ts_type *from, const ts_type *to) {
    int64_t axis;
    ts_type must = *from;
    TS_TRY(ts_check_axis(check, "all_gather_dim", from->rank, &axis));
    if (to->rank == from->rank) must.dim[axis] = to->dim[axis];
    TS_TRY(ts_check_same(check, to, &must, "a result"));
    return check_parts(check, to->dim[axis], from->dim[axis]);
}

static ts_status check_scatter(const ts_check *check, const ts_type *from, const ts_type *to) {
    int64_t axis;
    ts_type must = *from;
    TS_TRY(ts_check_axis(check, "scatter_dimension", from->rank, &axis));
    if (to->rank == from->rank) must.dim[axis] = to->dim[axis];
    TS_TRY(ts_check_same(check, to, &must, "the result"));
    return check_parts(check, from->dim[axis], to->dim[axis]);
}

static ts_status check_all_to_all(const ts_check *check, const ts_type *from, const ts_type *to) {
    int64_t split, concat, count = ts_op_int(check->op, "split_count", 0);
    ts_type must = *from;
    TS_TRY(ts_check_axis(check, "split_dimension", from->rank, &split));
    TS_TRY(ts_check_axis(check, "concat_dimension", from->rank, &concat));
    if (count < 1 || count > TS_MAX_RANKS || from->dim[split] % count != 0)
        return ts_check_fail(check, "axis %" PRId64 " of %s does not split in %" PRId64, split,
                             ts_type_name(from).text, count);
    must.dim[split] /= count;
    must.dim[concat] *= count;
    return ts_check_same(check, to, &must, "a result");
}

static ts_status check_number(const ts_check *check) {
    const ts_type *type = &check->op->results[0]->type;
    if (ts_type_is_scalar(type, ts_dtype_u32)) return ts_ok;
    return ts_check_fail(check, "the result is %s and must be u32[]", ts_type_name(type).text);
}

ts_status ts_check_collective(const ts_check *check) {
    const ts_op_node *op = check->op;
    if (!ts_hlo_is_collective(op->kind)) return check_number(check);
    if (op->operand_count == 0 || op->operand_count != op->result_count)
        return ts_check_fail(check, "%u operands and %u results; as many of each", op->operand_count,
                             op->result_count);
    for (uint32_t i = 0; i < op->operand_count; i++) {
        const ts_type *from = &op->operands[i]->type, *to = &op->results[i]->type;
        switch (op->kind) {
        case ts_hlo_all_gather: TS_TRY(check_gather(check, from, to)); break;
        case ts_hlo_reduce_scatter: TS_TRY(check_scatter(check, from, to)); break;
        case ts_hlo_all_to_all: TS_TRY(check_all_to_all(check, from, to)); break;
        default: TS_TRY(ts_check_same(check, to, from, "a result")); break;
        }
    }
    return op->region_count ? check_join(check) : ts_ok;
}
