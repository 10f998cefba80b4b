/* Verifier: building blocks of its rules: products of counts that must agree, and operands and operators of a
   kind. */
#include "arch/verify_shape.h"

#include <math.h>

ts_extent ts_parts_of(const char *field, const ts_ap *ap) {
    return (ts_extent){
        .count = {&ap->parts}, .counts = 1, .field = field, .what = "partitions", .is_parts = true};
}

ts_extent ts_free_of(const char *field, const ts_ap *ap, int from, int to) {
    ts_extent e = {.field = field, .what = "free elements"};
    for (int i = from; i < to; i++)
        e.count[e.counts++] = &ap->dim[i].count;
    return e;
}

/* All elements that a DMA moves. */
ts_extent ts_elems_of(const char *field, const ts_ap *ap) {
    ts_extent e = ts_free_of(field, ap, 0, ap->dims);
    e.what = "elements";
    if (ap->space != ts_space_hbm) e.count[e.counts++] = &ap->parts;
    return e;
}

int64_t ts_extent_max(const ts_extent *e) {
    int64_t most = 1;
    for (int i = 0; i < e->counts; i++)
        if (__builtin_mul_overflow(most, e->count[i]->max, &most)) return INT64_MAX;
    return most;
}

typedef struct pair {
    const ts_extent *a, *b;
} pair;

/* The extent's value at the current point; -1 when it exceeds 64 bits. */
static int64_t value_of(const ts_verifier *v, const ts_extent *e) {
    int64_t value = 1;
    bool is_too_large = false;
    for (int i = 0; i < e->counts; i++) {
        int64_t count = ts_count_value(v->program, e->count[i], v->counters);
        if (count == 0) return 0;
        is_too_large |= __builtin_mul_overflow(value, count, &value);
    }
    return is_too_large ? -1 : value;
}

static bool is_equal_here(const ts_verifier *v, const void *context) {
    const pair *p = context;
    int64_t a = value_of(v, p->a);
    return a >= 0 && a == value_of(v, p->b);
}

ts_status ts_agree(ts_verifier *v, ts_extent a, ts_extent b) {
    if (ts_products_equal(&v->nest, a.count, a.counts, b.count, b.counts)) return ts_ok;
    pair p = {&a, &b};
    char point[200] = "";
    ts_points points = ts_verify_points(v, is_equal_here, &p);
    if (points == ts_points_hold) return ts_ok;
    if (points == ts_points_too_many)
        return ts_verify_refuse(v, ts_input,
                                "%s of %s and %s of %s cannot be shown to be equal in every trip", a.what,
                                a.field, b.what, b.field);
    ts_verify_point_text(v, point, sizeof point);
    long long has = value_of(v, &a), other = value_of(v, &b);
    if (!a.is_parts || !b.is_parts)
        return ts_verify_refuse(v, ts_input, "%s of %s are %lld and %s of %s %lld%s", a.what, a.field, has,
                                b.what, b.field, other, point);
    ts_verify_refuse(
        v, ts_input,
        "number of partitions (dimension 0 size of a tile) mismatch in parameters (%s[%lld, ...], "
        "%s[%lld, ...]) of '%s'%s",
        a.field, has, b.field, other, ts_op_get(v->inst->op)->name, point);
    ts_diag_rule(v->diag, "err_num_partition_mismatch");
    return ts_input;
}

ts_status ts_agree_shape(ts_verifier *v, const char *a_field, const ts_ap *a, const char *b_field,
                         const ts_ap *b) {
    TS_TRY(ts_agree(v, ts_parts_of(a_field, a), ts_parts_of(b_field, b)));
    return ts_agree(v, ts_free_of(a_field, a, 0, a->dims), ts_free_of(b_field, b, 0, b->dims));
}

ts_status ts_need_space(ts_verifier *v, const char *field, const ts_ap *ap, ts_space space,
                        const char *source) {
    if (ap->space == space) return ts_ok;
    ts_verify_refuse(v, ts_input,
                     "Expected operand '%s' of '%s' to be in address space '%s', but got a tile in '%s' "
                     "instead (%s)",
                     field, ts_op_get(v->inst->op)->name, ts_space_name(space), ts_space_name(ap->space),
                     source);
    ts_diag_rule(v->diag, "err_unsupported_memory");
    return ts_input;
}

ts_status ts_need_elems(ts_verifier *v, const char *field, const ts_ap *ap, int32_t count) {
    const ts_count wanted = {.max = count};
    ts_extent e = {.count = {&wanted}, .counts = 1, .field = ts_op_get(v->inst->op)->name, .what = "those"};
    return ts_agree(v, ts_free_of(field, ap, 0, ap->dims), e);
}

bool ts_ap_is_float(const ts_ap *ap) {
    return ts_dtype_get(ap->dtype)->kind == 'f';
}

bool ts_ap_is_integer(const ts_ap *ap) {
    char kind = ts_dtype_get(ap->dtype)->kind;
    return kind == 's' || kind == 'u' || kind == 'b';
}

/* [P,1] operands: one element for each partition of dst. */
ts_status ts_verify_column(ts_verifier *v, const char *field, const ts_ap *ap, const ts_ap *dst) {
    static const ts_count one = {.max = 1};
    ts_extent single = {.count = {&one}, .counts = 1, .field = "a column", .what = "elements"};
    TS_TRY(ts_agree(v, ts_parts_of("dst", dst), ts_parts_of(field, ap)));
    return ts_agree(v, ts_free_of(field, ap, 0, ap->dims), single);
}

/* Bitwise operators do not convert to fp32, so all operands must be integers of the same width. */
ts_status ts_verify_bits(ts_verifier *v, const char *field, const ts_ap *ap, const ts_ap *dst) {
    if (ts_ap_is_integer(ap) && ts_ap_is_integer(dst) &&
        ts_dtype_get(ap->dtype)->bytes == ts_dtype_get(dst->dtype)->bytes)
        return ts_ok;
    return ts_verify_refuse(
        v, ts_input, "%s is %s and dst %s: bitwise operators take integers of one width (ISA:1028-1029)",
        field, ts_dtype_get(ap->dtype)->name, ts_dtype_get(dst->dtype)->name);
}

ts_status ts_verify_scalar(ts_verifier *v, const char *field, const ts_scalar *scalar, const ts_ap *dst,
                           bool is_bits) {
    if (!scalar->is_ap) {
        if (!is_bits || (scalar->value == floor(scalar->value) && fabs(scalar->value) < 0x1p53)) return ts_ok;
        return ts_verify_refuse(v, ts_input,
                                "%s is no integer: bitwise operators take integers (ISA:1028-1029)", field);
    }
    TS_TRY(ts_verify_column(v, field, &scalar->ap, dst));
    if (is_bits) return ts_verify_bits(v, field, &scalar->ap, dst);
    if (scalar->ap.dtype == ts_dtype_f32) return ts_ok;
    return ts_verify_refuse(v, ts_input, "%s is %s, a scalar operand is f32 (ISA:1114)", field,
                            ts_dtype_get(scalar->ap.dtype)->name);
}

ts_status ts_verify_operators(ts_verifier *v, ts_operators *found) {
    const ts_op_info *info = ts_op_get(v->inst->op);
    for (int i = 0; i < info->field_count; i++) {
        if (info->fields[i].kind != ts_kind_alu) continue;
        unsigned alu = *((const uint8_t *)v->inst + info->fields[i].offset);
        if ((alu == ts_alu_pow || alu == ts_alu_rsqrt) && v->inst->engine != ts_engine_gpsimd)
            return ts_verify_refuse(v, ts_input,
                                    "%s runs on gpsimd only (ISA:1026; nki.api.shared.rst:258-262)",
                                    ts_alu_name(alu));
        if (alu == ts_alu_average && v->inst->op != ts_op_tensor_partition_reduce)
            return ts_verify_refuse(v, ts_input,
                                    "average is an operator of tensor_partition_reduce (ISA:1246)");
        if (alu == ts_alu_bypass) continue;
        found->is_bits |= ts_alu_kind(alu) == 'b';
        found->is_arithmetic |= ts_alu_kind(alu) != 'b';
    }
    if (!found->is_bits || !found->is_arithmetic) return ts_ok;
    return ts_verify_refuse(v, ts_input, "one operator is bitwise and one is not (ISA:1081)");
}

ts_status ts_verify_reduce_op(ts_verifier *v, unsigned op) {
    switch (op) {
    case ts_alu_add:
    case ts_alu_subtract:
    case ts_alu_multiply:
    case ts_alu_max:
    case ts_alu_min:
    case ts_alu_bitwise_and:
    case ts_alu_bitwise_or:
    case ts_alu_bitwise_xor:
    case ts_alu_logical_and:
    case ts_alu_logical_or:
    case ts_alu_logical_xor: return ts_ok;
    default:
        return ts_verify_refuse(v, ts_input, "%s does not reduce (nki.api.shared.rst:73-135)",
                                ts_alu_name(op));
    }
}

ts_status ts_verify_run(ts_verifier *v, const char *field, const ts_ap *ap, const char *source,
                        int64_t *elems) {
    TS_TRY(ts_need_space(v, field, ap, ts_space_hbm, source));
    if (ap->dims != 1 || ap->dim[0].step != 1 || ap->dim[0].count.is_ragged || ap->index)
        return ts_verify_refuse(v, ts_input, "%s is not one run of neighbours", field);
    *elems = ap->dim[0].count.max;
    return ts_ok;
}
