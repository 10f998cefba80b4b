/* batch_norm_training, batch_norm_inference and batch_norm_grad as StableHLO defines them, in fp32.
   PyTorch/XLA also uses them for layer norms. The mean is subtracted before squares are summed. */
#include "base/bits.h"
#include "compiler/rewrite/expand.h"

typedef struct norm {
    ts_maker *make;
    ts_type whole, feature; /* types of the operand and of a number for each feature, in fp32 */
    int64_t axis;           /* the axis of features */
    double count;           /* elements of each feature */
} norm;

static ts_value *number(norm *n, const ts_type *type, double value) {
    return ts_make_number(n->make, type, ts_float_bits((float)value));
}

static ts_value *binary(norm *n, ts_hlo kind, ts_value *a, ts_value *b) {
    return ts_make_binary(n->make, kind, a, b);
}

/* Broadcasts a number for each feature to all its elements. */
static ts_value *spread(norm *n, ts_value *a) {
    return ts_make_broadcast(n->make, a, &n->whole, &n->axis);
}

/* Sums the elements of each feature. */
static ts_value *sum(norm *n, ts_value *a) {
    const int after = n->whole.rank - 1 - (int)n->axis;
    if (after > 0) a = ts_make_sum(n->make, a, n->axis + 1, after);
    if (n->axis > 0) a = ts_make_sum(n->make, a, 0, (int)n->axis);
    return a;
}

static ts_value *mean(norm *n, ts_value *a) {
    ts_value *total = sum(n, a);
    return binary(n, ts_hlo_divide, total, number(n, &n->feature, n->count));
}

/* sqrt(variance + epsilon) */
static ts_value *deviation(norm *n, const ts_op_node *op, ts_value *variance) {
    ts_value *epsilon = number(n, &n->feature, ts_op_attr(op, "epsilon")->number);
    return ts_make_unary(n->make, ts_hlo_sqrt, binary(n, ts_hlo_add, variance, epsilon), &n->feature);
}

static ts_value *in_floats(norm *n, ts_value *a) {
    ts_type type = a->type;
    type.dtype = ts_dtype_f32;
    return a->type.dtype == ts_dtype_f32 ? a : ts_make_unary(n->make, ts_hlo_convert, a, &type);
}

static void give(norm *n, ts_value *result, ts_value *a) {
    result->note =
        result->type.dtype == ts_dtype_f32 ? a : ts_make_unary(n->make, ts_hlo_convert, a, &result->type);
}

/* centered / deviation * scale + offset */
static ts_value *normalize(norm *n, ts_value *centered, ts_value *root, ts_value *scale, ts_value *offset) {
    ts_value *normal = binary(n, ts_hlo_divide, centered, spread(n, root));
    return binary(n, ts_hlo_add, binary(n, ts_hlo_multiply, normal, spread(n, scale)), spread(n, offset));
}

static void expand_training(norm *n, ts_op_node *op, ts_value *const *in) {
    ts_value *average = mean(n, in[0]);
    ts_value *centered = binary(n, ts_hlo_subtract, in[0], spread(n, average));
    ts_value *variance = mean(n, binary(n, ts_hlo_multiply, centered, centered));
    give(n, op->results[0], normalize(n, centered, deviation(n, op, variance), in[1], in[2]));
    give(n, op->results[1], average);
    give(n, op->results[2], variance);
}

static void expand_inference(norm *n, ts_op_node *op, ts_value *const *in) {
    ts_value *centered = binary(n, ts_hlo_subtract, in[0], spread(n, in[3]));
    give(n, op->results[0], normalize(n, centered, deviation(n, op, in[4]), in[1], in[2]));
}

/* With y = centered / deviation, the gradient of the operand is scale / deviation times (gradient -
   mean(gradient) - y * mean(gradient * y)). */
static void expand_gradient(norm *n, ts_op_node *op, ts_value *const *in) {
    ts_value *root = deviation(n, op, in[3]), *gradient = in[4];
    ts_value *centered = binary(n, ts_hlo_subtract, in[0], spread(n, in[2]));
    ts_value *normal = binary(n, ts_hlo_divide, centered, spread(n, root));
    ts_value *along = sum(n, binary(n, ts_hlo_multiply, gradient, normal)), *total = sum(n, gradient);
    ts_value *count = number(n, &n->feature, n->count);
    ts_value *off = binary(n, ts_hlo_multiply, normal, spread(n, binary(n, ts_hlo_divide, along, count)));
    ts_value *moved = binary(n, ts_hlo_subtract, gradient, spread(n, binary(n, ts_hlo_divide, total, count)));
    ts_value *by = binary(n, ts_hlo_divide, in[1], root);
    give(n, op->results[0],
         binary(n, ts_hlo_multiply, binary(n, ts_hlo_subtract, moved, off), spread(n, by)));
    give(n, op->results[1], along);
    give(n, op->results[2], total);
}

ts_status ts_expand_norm(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    (void)diag;
    if (op->kind != ts_hlo_batch_norm_training && op->kind != ts_hlo_batch_norm_inference &&
        op->kind != ts_hlo_batch_norm_grad)
        return ts_ok;
    norm n = {.make = make, .whole = op->operands[0]->type, .feature = op->operands[1]->type, .count = 1};
    n.axis = ts_op_int(op, "feature_index", 0);
    n.whole.dtype = n.feature.dtype = ts_dtype_f32;
    for (int i = 0; i < n.whole.rank; i++)
        if (i != n.axis) n.count *= (double)n.whole.dim[i];
    ts_value *in[5];
    for (uint32_t i = 0; i < op->operand_count; i++)
        in[i] = in_floats(&n, op->operands[i]);
    if (op->kind == ts_hlo_batch_norm_training)
        expand_training(&n, op, in);
    else if (op->kind == ts_hlo_batch_norm_inference)
        expand_inference(&n, op, in);
    else
        expand_gradient(&n, op, in);
    return ts_ok;
}
