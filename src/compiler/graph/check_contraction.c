/* Checks of dot_general and convolution. */
#include "compiler/graph/graph_check.h"

#include <inttypes.h>

ts_status ts_check_dot(const ts_check *check) {
    const ts_op_node *op = check->op;
    const ts_type *side[2] = {&op->operands[0]->type, &op->operands[1]->type};
    static const char *const batching[] = {"lhs_batching_dimensions", "rhs_batching_dimensions"};
    static const char *const contracting[] = {"lhs_contracting_dimensions", "rhs_contracting_dimensions"};
    int64_t batch[2][TS_MAX_RANK], inner[2][TS_MAX_RANK];
    int batch_count[2], inner_count[2], rank = 0;
    uint32_t taken[2] = {0};
    ts_type must = {.dtype = op->results[0]->type.dtype};
    for (int s = 0; s < 2; s++) {
        TS_TRY(ts_check_axes(check, batching[s], side[s]->rank, batch[s], &batch_count[s], &taken[s]));
        TS_TRY(ts_check_axes(check, contracting[s], side[s]->rank, inner[s], &inner_count[s], &taken[s]));
    }
    if (batch_count[0] != batch_count[1] || inner_count[0] != inner_count[1])
        return ts_check_fail(check, "the sides have %d and %d batching, %d and %d contracting axes",
                             batch_count[0], batch_count[1], inner_count[0], inner_count[1]);
    for (int i = 0; i < batch_count[0] + inner_count[0]; i++) {
        bool is_batch = i < batch_count[0];
        int at = is_batch ? i : i - batch_count[0];
        int64_t a = is_batch ? batch[0][at] : inner[0][at], b = is_batch ? batch[1][at] : inner[1][at];
        if (side[0]->dim[a] != side[1]->dim[b])
            return ts_check_fail(check,
                                 "%s axes differ in size: axis %" PRId64 " of %s and axis %" PRId64 " of %s",
                                 is_batch ? "batching" : "contracting", a, ts_type_name(side[0]).text, b,
                                 ts_type_name(side[1]).text);
        if (is_batch) must.dim[rank++] = side[0]->dim[a];
    }
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < side[s]->rank; i++) {
            if (taken[s] >> i & 1) continue;
            if (rank == TS_MAX_RANK)
                return ts_check_fail(check, "the result has more than %d axes", TS_MAX_RANK);
            must.dim[rank++] = side[s]->dim[i];
        }
    must.rank = (uint8_t)rank;
    return ts_check_same(check, &op->results[0]->type, &must, "the result");
}

/* The axis numbers of one side of a convolution. */
typedef struct axes {
    int64_t first, second, spatial[TS_MAX_RANK]; /* batch and feature, or input and output feature */
} axes;

static ts_status read_axes(const ts_check *check, const char *first, const char *second, const char *spatial,
                           int rank, axes *out) {
    int count;
    uint32_t taken = 0;
    TS_TRY(ts_check_axis(check, first, rank, &out->first));
    TS_TRY(ts_check_axis(check, second, rank, &out->second));
    taken = 1u << out->first;
    if (out->first == out->second) return ts_check_fail(check, "%s and %s are the same axis", first, second);
    taken |= 1u << out->second;
    TS_TRY(ts_check_axes(check, spatial, rank, out->spatial, &count, &taken));
    if (count != rank - 2) return ts_check_fail(check, "%s names %d axes of %d", spatial, count, rank - 2);
    return ts_ok;
}

typedef struct conv {
    axes lhs, rhs, out;
    int64_t stride[2 * TS_MAX_RANK], padding[2 * TS_MAX_RANK], lhs_dilation[2 * TS_MAX_RANK],
        rhs_dilation[2 * TS_MAX_RANK], reversal[2 * TS_MAX_RANK];
} conv;

static ts_status read_conv(const ts_check *check, int rank, conv *c) {
    int spatial = rank - 2;
    TS_TRY(read_axes(check, "input_batch_dimension", "input_feature_dimension", "input_spatial_dimensions",
                     rank, &c->lhs));
    TS_TRY(read_axes(check, "kernel_input_feature_dimension", "kernel_output_feature_dimension",
                     "kernel_spatial_dimensions", rank, &c->rhs));
    TS_TRY(read_axes(check, "output_batch_dimension", "output_feature_dimension", "output_spatial_dimensions",
                     rank, &c->out));
    TS_TRY(ts_check_list(check, "window_strides", spatial, 1, c->stride));
    TS_TRY(ts_check_list(check, "padding", 2 * spatial, 0, c->padding));
    TS_TRY(ts_check_list(check, "lhs_dilation", spatial, 1, c->lhs_dilation));
    TS_TRY(ts_check_list(check, "rhs_dilation", spatial, 1, c->rhs_dilation));
    return ts_check_list(check, "window_reversal", spatial, 0, c->reversal);
}

static ts_status check_groups(const ts_check *check, const conv *c) {
    const ts_type *lhs = &check->op->operands[0]->type, *rhs = &check->op->operands[1]->type;
    int64_t features = ts_op_int(check->op, "feature_group_count", 1);
    int64_t batches = ts_op_int(check->op, "batch_group_count", 1);
    if (features < 1 || batches < 1 || (features > 1 && batches > 1))
        return ts_check_fail(check, "%" PRId64 " feature and %" PRId64 " batch groups", features, batches);
    int64_t in = lhs->dim[c->lhs.second], out = rhs->dim[c->rhs.second], batch = lhs->dim[c->lhs.first];
    if (in % features || batch % batches || out % features || out % batches ||
        rhs->dim[c->rhs.first] != in / features)
        return ts_check_fail(check, "%s by %s in %" PRId64 " feature and %" PRId64 " batch groups",
                             ts_type_name(lhs).text, ts_type_name(rhs).text, features, batches);
    return ts_ok;
}

ts_status ts_check_convolution(const ts_check *check) {
    const ts_op_node *op = check->op;
    const ts_type *lhs = &op->operands[0]->type, *rhs = &op->operands[1]->type;
    conv c;
    if (lhs->rank != rhs->rank || lhs->rank < 2)
        return ts_check_fail(check, "%s by %s", ts_type_name(lhs).text, ts_type_name(rhs).text);
    TS_TRY(read_conv(check, lhs->rank, &c));
    TS_TRY(check_groups(check, &c));
    ts_type must = {.dtype = op->results[0]->type.dtype, .rank = lhs->rank};
    must.dim[c.out.first] = lhs->dim[c.lhs.first] / ts_op_int(op, "batch_group_count", 1);
    must.dim[c.out.second] = rhs->dim[c.rhs.second];
    for (int i = 0; i < lhs->rank - 2; i++) {
        int64_t window = rhs->dim[c.rhs.spatial[i]];
        if (c.stride[i] < 1 || c.lhs_dilation[i] < 1 || c.rhs_dilation[i] < 1 || window < 1)
            return ts_check_fail(
                check, "a window of %" PRId64 ", stride %" PRId64 ", dilations %" PRId64 " and %" PRId64,
                window, c.stride[i], c.lhs_dilation[i], c.rhs_dilation[i]);
        int64_t extent = ts_window_extent(lhs->dim[c.lhs.spatial[i]], c.lhs_dilation[i]);
        int64_t span = ts_window_extent(window, c.rhs_dilation[i]);
        if (extent == INT64_MAX || span == INT64_MAX)
            return ts_check_fail(check, "spatial axis %d is too large", i);
        must.dim[c.out.spatial[i]] =
            ts_window_places(extent + c.padding[2 * i] + c.padding[2 * i + 1], span, c.stride[i]);
    }
    return ts_check_same(check, &op->results[0]->type, &must, "the result");
}
