/* What convolutions and windows mean, computed plainly, straight from the StableHLO specification. */
#include "reference_window.h"

#include <string.h>

enum { MOST = 2 * TS_MAX_RANK };

static void ints(const ts_op_node *op, const char *name, int64_t if_absent, int64_t *out) {
    int count;
    for (int i = 0; i < MOST; i++)
        out[i] = if_absent;
    ts_op_ints(op, name, out, MOST, &count);
}

static void unravel(const int64_t *dim, int rank, int64_t at, int64_t *index) {
    for (int i = rank; i-- > 0;) {
        index[i] = at % dim[i];
        at /= dim[i];
    }
}

/* Along one axis: the element of the input at position `at` of the padded and dilated axis; -1: none. */
static int64_t inside(int64_t at, int64_t low, int64_t dilation, int64_t size) {
    at -= low;
    if (at < 0 || at % dilation != 0 || at / dilation >= size) return -1;
    return at / dilation;
}

/* ---- convolution ---- */

typedef struct conv {
    const ts_type *lhs, *rhs, *out;
    int spatial;
    int64_t lhs_axis[MOST], rhs_axis[MOST], out_axis[MOST]; /* batch or in, feature or out, spatial */
    int64_t stride[MOST], padding[MOST], lhs_dilation[MOST], rhs_dilation[MOST], reversal[MOST];
} conv;

static void read_conv(const ts_op_node *op, conv *c) {
    *c = (conv){&op->operands[0]->type,
                &op->operands[1]->type,
                &op->results[0]->type,
                0,
                {0},
                {0},
                {0},
                {0},
                {0},
                {0},
                {0},
                {0}};
    c->spatial = c->lhs->rank - 2;
    ints(op, "input_spatial_dimensions", 0, c->lhs_axis + 2);
    ints(op, "kernel_spatial_dimensions", 0, c->rhs_axis + 2);
    ints(op, "output_spatial_dimensions", 0, c->out_axis + 2);
    c->lhs_axis[0] = ts_op_int(op, "input_batch_dimension", 0);
    c->lhs_axis[1] = ts_op_int(op, "input_feature_dimension", 0);
    c->rhs_axis[0] = ts_op_int(op, "kernel_input_feature_dimension", 0);
    c->rhs_axis[1] = ts_op_int(op, "kernel_output_feature_dimension", 0);
    c->out_axis[0] = ts_op_int(op, "output_batch_dimension", 0);
    c->out_axis[1] = ts_op_int(op, "output_feature_dimension", 0);
    ints(op, "window_strides", 1, c->stride);
    ints(op, "padding", 0, c->padding);
    ints(op, "lhs_dilation", 1, c->lhs_dilation);
    ints(op, "rhs_dilation", 1, c->rhs_dilation);
    ints(op, "window_reversal", 0, c->reversal);
}

/* The number of an element; at[i] is its coordinate along axis[i]. */
static int64_t place(const ts_type *type, const int64_t *axis, const int64_t *at) {
    int64_t index[TS_MAX_RANK], result = 0;
    for (int i = 0; i < type->rank; i++)
        index[axis[i]] = at[i];
    for (int i = 0; i < type->rank; i++)
        result = result * type->dim[i] + index[i];
    return result;
}

static double sum_taps(const conv *c, const double *lhs, const double *rhs, int64_t batch, int64_t first,
                       int64_t feature, const int64_t *out_at) {
    int64_t features = c->rhs->dim[c->rhs_axis[0]], taps = 1, dims[TS_MAX_RANK];
    double sum = 0;
    for (int i = 0; i < c->spatial; i++)
        taps *= dims[i] = c->rhs->dim[c->rhs_axis[2 + i]];
    for (int64_t tap = 0; tap < taps; tap++) {
        int64_t lhs_at[TS_MAX_RANK] = {batch}, rhs_at[TS_MAX_RANK] = {0, feature}, at[TS_MAX_RANK];
        bool is_inside = true;
        unravel(dims, c->spatial, tap, at);
        for (int i = 0; i < c->spatial; i++) {
            lhs_at[2 + i] = inside(out_at[i] * c->stride[i] + at[i] * c->rhs_dilation[i], c->padding[2 * i],
                                   c->lhs_dilation[i], c->lhs->dim[c->lhs_axis[2 + i]]);
            is_inside &= lhs_at[2 + i] >= 0;
            rhs_at[2 + i] = c->reversal[i] ? dims[i] - 1 - at[i] : at[i];
        }
        for (int64_t f = 0; f < features && is_inside; f++) {
            lhs_at[1] = first + f;
            rhs_at[0] = f;
            sum += lhs[place(c->lhs, c->lhs_axis, lhs_at)] * rhs[place(c->rhs, c->rhs_axis, rhs_at)];
        }
    }
    return sum;
}

void ts_reference_convolution(const ts_op_node *op, double *out) {
    conv c;
    read_conv(op, &c);
    int64_t features = c.rhs->dim[c.rhs_axis[1]], feature_groups = ts_op_int(op, "feature_group_count", 1);
    int64_t batches = c.lhs->dim[c.lhs_axis[0]] / ts_op_int(op, "batch_group_count", 1);
    int64_t groups = ts_op_int(op, "batch_group_count", 1) * feature_groups;
    int64_t index[TS_MAX_RANK], at[TS_MAX_RANK];
    for (int64_t to = 0; to < ts_type_elems(c.out); to++) {
        unravel(c.out->dim, c.out->rank, to, index);
        int64_t batch = index[c.out_axis[0]], feature = index[c.out_axis[1]];
        int64_t group = feature / (features / groups);
        for (int i = 0; i < c.spatial; i++)
            at[i] = index[c.out_axis[2 + i]];
        bool has_features = feature_groups > 1;
        out[to] = sum_taps(&c, op->operands[0]->note, op->operands[1]->note,
                           has_features ? batch : batch + group * batches,
                           has_features ? group * c.rhs->dim[c.rhs_axis[0]] : 0, feature, at);
    }
}

/* ---- windows ---- */

typedef struct window {
    const ts_type *in;
    int64_t size[MOST], stride[MOST], spread[MOST], dilation[MOST], padding[MOST], positions;
} window;

static void read_window(const ts_op_node *op, window *w) {
    *w = (window){.in = &op->operands[0]->type, .positions = 1};
    ints(op, "window_dimensions", 1, w->size);
    ints(op, "window_strides", 1, w->stride);
    ints(op, "base_dilations", 1, w->spread);
    ints(op, "window_dilations", 1, w->dilation);
    ints(op, "padding", 0, w->padding);
    for (int i = 0; i < w->in->rank; i++)
        w->positions *= w->size[i];
}

/* The element of the input at a position of the window over element `index` of the output; -1: padding. */
static int64_t element(const window *w, const int64_t *index, int64_t position) {
    int64_t at[TS_MAX_RANK], result = 0;
    unravel(w->size, w->in->rank, position, at);
    for (int i = 0; i < w->in->rank; i++) {
        at[i] = inside(index[i] * w->stride[i] + at[i] * w->dilation[i], w->padding[2 * i], w->spread[i],
                       w->in->dim[i]);
        if (at[i] < 0) return -1;
        result = result * w->in->dim[i] + at[i];
    }
    return result;
}

bool ts_reference_reduce_window(const ts_op_node *op, double *const *out, ts_reference_apply *apply,
                                void *run) {
    window w;
    uint32_t count = op->operand_count / 2;
    const ts_type *to = &op->results[0]->type;
    int64_t index[TS_MAX_RANK];
    double arguments[16], results[8];
    read_window(op, &w);
    for (int64_t at = 0; at < ts_type_elems(to); at++) {
        unravel(to->dim, to->rank, at, index);
        for (uint32_t i = 0; i < count; i++)
            arguments[i] = *(double *)op->operands[count + i]->note;
        for (int64_t position = 0; position < w.positions; position++) {
            int64_t from = element(&w, index, position);
            for (uint32_t i = 0; i < count; i++)
                arguments[count + i] = from < 0 ? *(double *)op->operands[count + i]->note
                                                : ((double *)op->operands[i]->note)[from];
            if (!apply(run, op->regions[0], arguments, results)) return false;
            memcpy(arguments, results, count * sizeof *results);
        }
        for (uint32_t i = 0; i < count; i++)
            out[i][at] = arguments[i];
    }
    return true;
}

bool ts_reference_select_and_scatter(const ts_op_node *op, double *out, ts_reference_apply *apply,
                                     void *run) {
    window w;
    const ts_type *from = &op->operands[1]->type;
    const double *in = op->operands[0]->note, *source = op->operands[1]->note;
    int64_t index[TS_MAX_RANK];
    double arguments[2], stays;
    read_window(op, &w);
    for (int64_t at = 0; at < ts_type_elems(w.in); at++)
        out[at] = *(double *)op->operands[2]->note;
    for (int64_t at = 0; at < ts_type_elems(from); at++) {
        int64_t chosen = -1;
        unravel(from->dim, from->rank, at, index);
        for (int64_t position = 0; position < w.positions; position++) {
            int64_t next = element(&w, index, position);
            if (next < 0) continue;
            if (chosen >= 0) {
                arguments[0] = in[chosen];
                arguments[1] = in[next];
                if (!apply(run, op->regions[0], arguments, &stays)) return false;
                if (stays != 0) continue;
            }
            chosen = next;
        }
        if (chosen < 0) continue;
        arguments[0] = out[chosen];
        arguments[1] = source[at];
        if (!apply(run, op->regions[1], arguments, &out[chosen])) return false;
    }
    return true;
}
