/* Checks of operations with regions: reductions, windows, sort, and control flow. */
#include "compiler/graph/graph_check.h"

#include <inttypes.h>

enum { MAX_INPUTS = 64 }; /* inputs of a reduction or sort */

int64_t ts_window_extent(int64_t count, int64_t step) {
    int64_t extent;
    if (count == 0) return 0;
    if (__builtin_mul_overflow(count - 1, step, &extent) || extent >= (int64_t)1 << 60) return INT64_MAX;
    return extent + 1;
}

int64_t ts_window_places(int64_t padded, int64_t window, int64_t stride) {
    return padded <= 0 || window > padded ? 0 : (padded - window) / stride + 1;
}

/* The region's return; its operands are the region's results. */
static const ts_op_node *region_return(const ts_check *check, uint32_t region) {
    const ts_block *block = check->op->regions[region];
    return ts_block_last(block);
}

ts_status ts_check_combiner(const ts_check *check, uint32_t region, uint32_t count,
                            const ts_type *const *types, bool is_predicate) {
    const ts_block *block = check->op->regions[region];
    const ts_op_node *last = region_return(check, region);
    uint32_t results = is_predicate ? 1 : count;
    if (block->arg_count != 2 * count || last->operand_count != results)
        return ts_check_fail(check, "region %u takes %u values and returns %u; it must take %u and return %u",
                             region, block->arg_count, last->operand_count, 2 * count, results);
    for (uint32_t i = 0; i < 2 * count; i++) {
        unsigned dtype = types[i % count]->dtype;
        if (!ts_type_is_scalar(&block->args[i]->type, (ts_dtype)dtype))
            return ts_check_fail(check, "argument %u of region %u is %s and must be %s[]", i, region,
                                 ts_type_name(&block->args[i]->type).text,
                                 ts_dtype_get((ts_dtype)dtype)->name);
    }
    for (uint32_t i = 0; i < results; i++) {
        unsigned dtype = is_predicate ? ts_dtype_i1 : types[i]->dtype;
        if (!ts_type_is_scalar(&last->operands[i]->type, (ts_dtype)dtype))
            return ts_check_fail(check, "region %u returns %s and must return %s[]", region,
                                 ts_type_name(&last->operands[i]->type).text,
                                 ts_dtype_get((ts_dtype)dtype)->name);
    }
    return ts_ok;
}

/* A sort has inputs only. Its comparator takes the pairs side by side: lhs and rhs of the first input, of the
   second, and so on. */
static ts_status check_sort(const ts_check *check) {
    const ts_op_node *op = check->op;
    const ts_type *pairs[2 * MAX_INPUTS];
    int64_t axis;
    if (op->operand_count == 0 || op->operand_count > MAX_INPUTS || op->result_count != op->operand_count)
        return ts_check_fail(check, "%u operands and %u results; 1 to %d of each", op->operand_count,
                             op->result_count, MAX_INPUTS);
    TS_TRY(ts_check_axis(check, "dimension", op->operands[0]->type.rank, &axis));
    for (uint32_t i = 0; i < op->operand_count; i++) {
        pairs[2 * i] = pairs[2 * i + 1] = &op->operands[i]->type;
        TS_TRY(ts_check_shape(check, pairs[2 * i], pairs[0], "an operand"));
        TS_TRY(ts_check_same(check, &op->results[i]->type, pairs[2 * i], "a result"));
    }
    const ts_block *block = op->regions[0];
    const ts_op_node *last = region_return(check, 0);
    bool fits = block->arg_count == 2 * op->operand_count && last->operand_count == 1 &&
                ts_type_is_scalar(&last->operands[0]->type, ts_dtype_i1);
    for (uint32_t i = 0; fits && i < block->arg_count; i++)
        fits = ts_type_is_scalar(&block->args[i]->type, pairs[i]->dtype);
    if (fits) return ts_ok;
    return ts_check_fail(check, "the comparator must take two scalars of each operand and return i1[]");
}

/* Checks that the operands are inputs of one shape, followed by an initial scalar for each. */
static ts_status check_inputs(const ts_check *check, const ts_type **types, uint32_t *count) {
    const ts_op_node *op = check->op;
    *count = op->operand_count / 2;
    if (op->operand_count % 2 || *count == 0 || *count > MAX_INPUTS || op->result_count != *count)
        return ts_check_fail(check, "%u operands and %u results; 1 to %d inputs, each with its initial value",
                             op->operand_count, op->result_count, MAX_INPUTS);
    for (uint32_t i = 0; i < *count; i++) {
        types[i] = &op->operands[i]->type;
        TS_TRY(ts_check_shape(check, types[i], types[0], "an input"));
        if (!ts_type_is_scalar(&op->operands[*count + i]->type, types[i]->dtype))
            return ts_check_fail(check, "initial value %u is %s and must be a scalar of the input's type", i,
                                 ts_type_name(&op->operands[*count + i]->type).text);
    }
    return ts_ok;
}

static ts_status check_reduce(const ts_check *check) {
    const ts_type *types[MAX_INPUTS];
    uint32_t count, taken = 0;
    int64_t dims[TS_MAX_RANK];
    int dim_count;
    TS_TRY(check_inputs(check, types, &count));
    TS_TRY(ts_check_axes(check, "dimensions", types[0]->rank, dims, &dim_count, &taken));
    for (uint32_t i = 0; i < count; i++) {
        ts_type must = {.dtype = types[i]->dtype};
        for (int d = 0; d < types[i]->rank; d++)
            if (!(taken >> d & 1)) must.dim[must.rank++] = types[i]->dim[d];
        TS_TRY(ts_check_same(check, &check->op->results[i]->type, &must, "a result"));
    }
    return ts_check_combiner(check, 0, count, types, false);
}

/* Computes the result shape of a window that moves over `from`. */
static ts_status window_shape(const ts_check *check, const ts_type *from, ts_type *to) {
    int64_t size[2 * TS_MAX_RANK], stride[2 * TS_MAX_RANK], base[2 * TS_MAX_RANK], dilation[2 * TS_MAX_RANK],
        padding[2 * TS_MAX_RANK];
    if (from->rank && !ts_op_attr(check->op, "window_dimensions"))
        return ts_check_fail(check, "window_dimensions is missing");
    TS_TRY(ts_check_list(check, "window_dimensions", from->rank, 1, size));
    TS_TRY(ts_check_list(check, "window_strides", from->rank, 1, stride));
    TS_TRY(ts_check_list(check, "base_dilations", from->rank, 1, base));
    TS_TRY(ts_check_list(check, "window_dilations", from->rank, 1, dilation));
    TS_TRY(ts_check_list(check, "padding", 2 * from->rank, 0, padding));
    *to = *from;
    for (int i = 0; i < from->rank; i++) {
        if (size[i] < 1 || stride[i] < 1 || base[i] < 1 || dilation[i] < 1)
            return ts_check_fail(
                check, "a window of %" PRId64 ", stride %" PRId64 ", dilations %" PRId64 " and %" PRId64,
                size[i], stride[i], base[i], dilation[i]);
        int64_t extent = ts_window_extent(from->dim[i], base[i]),
                span = ts_window_extent(size[i], dilation[i]);
        if (extent == INT64_MAX || span == INT64_MAX) return ts_check_fail(check, "axis %d is too large", i);
        to->dim[i] = ts_window_places(extent + padding[2 * i] + padding[2 * i + 1], span, stride[i]);
    }
    return ts_ok;
}

static ts_status check_reduce_window(const ts_check *check) {
    const ts_type *types[MAX_INPUTS];
    uint32_t count;
    TS_TRY(check_inputs(check, types, &count));
    for (uint32_t i = 0; i < count; i++) {
        ts_type must;
        TS_TRY(window_shape(check, types[i], &must));
        TS_TRY(ts_check_same(check, &check->op->results[i]->type, &must, "a result"));
    }
    return ts_check_combiner(check, 0, count, types, false);
}

static ts_status check_select_and_scatter(const ts_check *check) {
    const ts_op_node *op = check->op;
    const ts_type *operand = &op->operands[0]->type;
    ts_type must;
    TS_TRY(window_shape(check, operand, &must));
    TS_TRY(ts_check_same(check, &op->operands[1]->type, &must, "the source"));
    if (!ts_type_is_scalar(&op->operands[2]->type, operand->dtype))
        return ts_check_fail(check, "the initial value is %s", ts_type_name(&op->operands[2]->type).text);
    TS_TRY(ts_check_same(check, &op->results[0]->type, operand, "the result"));
    TS_TRY(ts_check_combiner(check, 0, 1, &operand, true));
    return ts_check_combiner(check, 1, 1, &operand, false);
}

ts_status ts_check_reduction(const ts_check *check) {
    switch (check->op->kind) {
    case ts_hlo_reduce: return check_reduce(check);
    case ts_hlo_reduce_window: return check_reduce_window(check);
    case ts_hlo_sort: return check_sort(check);
    default: return check_select_and_scatter(check);
    }
}

static ts_status check_returns(const ts_check *check, uint32_t region) {
    const ts_op_node *op = check->op, *last = region_return(check, region);
    if (last->operand_count != op->result_count)
        return ts_check_fail(check, "region %u returns %u values for %u results", region, last->operand_count,
                             op->result_count);
    for (uint32_t i = 0; i < op->result_count; i++)
        TS_TRY(ts_check_same(check, &last->operands[i]->type, &op->results[i]->type, "a region's value"));
    return ts_ok;
}

static ts_status check_pass_through(const ts_check *check) {
    const ts_op_node *op = check->op;
    if (op->result_count != op->operand_count)
        return ts_check_fail(check, "%u operands and %u results", op->operand_count, op->result_count);
    for (uint32_t i = 0; i < op->result_count; i++)
        TS_TRY(ts_check_same(check, &op->results[i]->type, &op->operands[i]->type, "a result"));
    return ts_ok;
}

static ts_status check_while(const ts_check *check) {
    const ts_op_node *op = check->op;
    TS_TRY(check_pass_through(check));
    for (uint32_t r = 0; r < 2; r++) {
        const ts_block *block = op->regions[r];
        if (block->arg_count != op->operand_count)
            return ts_check_fail(check, "region %u takes %u of %u values", r, block->arg_count,
                                 op->operand_count);
        for (uint32_t i = 0; i < block->arg_count; i++)
            TS_TRY(
                ts_check_same(check, &block->args[i]->type, &op->operands[i]->type, "a region's argument"));
    }
    const ts_op_node *last = region_return(check, 0);
    if (last->operand_count != 1 || !ts_type_is_scalar(&last->operands[0]->type, ts_dtype_i1))
        return ts_check_fail(check, "the condition must return i1[]");
    return check_returns(check, 1);
}

static ts_status check_branches(const ts_check *check) {
    const ts_op_node *op = check->op;
    ts_dtype dtype = op->kind == ts_hlo_if ? ts_dtype_i1 : ts_dtype_i32;
    if (!ts_type_is_scalar(&op->operands[0]->type, dtype))
        return ts_check_fail(check, "the choice is %s and must be %s[]",
                             ts_type_name(&op->operands[0]->type).text, ts_dtype_get(dtype)->name);
    for (uint32_t r = 0; r < op->region_count; r++) {
        if (op->regions[r]->arg_count) return ts_check_fail(check, "branch %u takes arguments", r);
        TS_TRY(check_returns(check, r));
    }
    return ts_ok;
}

static ts_status check_rng(const ts_check *check) {
    const ts_op_node *op = check->op;
    if (op->result_count != 2) return ts_check_fail(check, "%u results and must have 2", op->result_count);
    return ts_check_same(check, &op->results[0]->type, &op->operands[0]->type, "the new state");
}

ts_status ts_check_control(const ts_check *check) {
    switch (check->op->kind) {
    case ts_hlo_while: return check_while(check);
    case ts_hlo_if:
    case ts_hlo_case: return check_branches(check);
    case ts_hlo_rng_bit_generator: return check_rng(check);
    default: return check_pass_through(check);
    }
}
