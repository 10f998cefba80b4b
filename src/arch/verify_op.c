/* Verifier: rules of whole instructions: shapes that must agree, dtypes, spaces, limits of the array. */
#include "arch/verify.h"
#include "base/integer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A product of counts with its name, e.g. the free elements of dst. */
typedef struct extent {
    const ts_count *count[TS_AP_DIMS + 1];
    int counts;
    const char *field, *what;
} extent;

static extent parts_of(const char *field, const ts_ap *ap) {
    return (extent){.count = {&ap->parts}, .counts = 1, .field = field, .what = "partitions"};
}

static extent free_of(const char *field, const ts_ap *ap, int from, int to) {
    extent e = {.field = field, .what = "free elements"};
    for (int i = from; i < to; i++)
        e.count[e.counts++] = &ap->dim[i].count;
    return e;
}

/* Everything a DMA moves. */
static extent elems_of(const char *field, const ts_ap *ap) {
    extent e = free_of(field, ap, 0, ap->dims);
    e.what = "elements";
    if (ap->space != ts_space_hbm) e.count[e.counts++] = &ap->parts;
    return e;
}

static int64_t max_of(const extent *e) {
    int64_t most = 1;
    for (int i = 0; i < e->counts; i++)
        if (__builtin_mul_overflow(most, e->count[i]->max, &most)) return INT64_MAX;
    return most;
}

typedef struct pair {
    const extent *a, *b;
} pair;

/* -1 when the product passes 64 bits. */
static int64_t value_of(const ts_verifier *v, const extent *e) {
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

static ts_status agree(ts_verifier *v, extent a, extent b) {
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
    return ts_verify_refuse(v, ts_input, "%s of %s are %lld and %s of %s %lld%s", a.what, a.field,
                            (long long)value_of(v, &a), b.what, b.field, (long long)value_of(v, &b), point);
}

static ts_status need_space(ts_verifier *v, const char *field, const ts_ap *ap, ts_space space,
                            const char *source) {
    if (ap->space == space) return ts_ok;
    return ts_verify_refuse(v, ts_input, "%s lies in %s, %s takes it in %s (%s)", field,
                            ts_space_name(ap->space), ts_op_get(v->inst->op)->name, ts_space_name(space),
                            source);
}

static bool is_float(const ts_ap *ap) {
    return ts_dtype_get(ap->dtype)->kind == 'f';
}

static bool is_integer(const ts_ap *ap) {
    char kind = ts_dtype_get(ap->dtype)->kind;
    return kind == 's' || kind == 'u' || kind == 'b';
}

/* ---- data movement ---- */

static ts_status check_dma(ts_verifier *v, const ts_inst_dma_copy *inst) {
    const ts_dtype_info *to = ts_dtype_get(inst->dst.dtype), *from = ts_dtype_get(inst->src.dtype);
    if (inst->queue >= v->chip->dma_queues)
        return ts_verify_refuse(v, ts_input, "queue %u, the chip has %.0f (chip.def dma_queues)", inst->queue,
                                v->chip->dma_queues);
    if ((inst->dst.dtype != inst->src.dtype || inst->rmw == ts_rmw_add) && !(to->native && from->native))
        return ts_verify_refuse(v, ts_unsupported,
                                "a DMA that computes casts through fp32, which %s has no part in",
                                to->native ? from->name : to->name);
    return agree(v, elems_of("dst", &inst->dst), elems_of("src", &inst->src));
}

/* ---- control ---- */

/* One element that a sequencer's 32-bit register holds. */
static ts_status check_leave(ts_verifier *v, const ts_inst_leave *inst) {
    const ts_ap *value = &inst->value;
    bool is_one = value->space == ts_space_hbm || (value->parts.max == 1 && !value->parts.is_ragged);
    for (int i = 0; i < value->dims; i++)
        is_one &= value->dim[i].count.max == 1 && !value->dim[i].count.is_ragged;
    if (!is_one || value->index)
        return ts_verify_refuse(v, ts_input, "value is not one element at a fixed place");
    if (value->space == ts_space_psum)
        return ts_verify_refuse(v, ts_input,
                                "value lies in psum, a register loads from sbuf or hbm (ISA:3049)");
    bool is_word = value->dtype == ts_dtype_i32 || value->dtype == ts_dtype_u32;
    if (!is_word && value->dtype != ts_dtype_i1 && value->dtype != ts_dtype_u8)
        return ts_verify_refuse(v, ts_input, "value is %s, a register takes i32, u32, u8 or i1 (ISA:3053)",
                                ts_dtype_get(value->dtype)->name);
    if (ts_alu_kind(inst->compare) != 'c')
        return ts_verify_refuse(v, ts_input, "%s does not compare", ts_alu_name(inst->compare));
    if (inst->operand >= INT32_MIN && inst->operand <= UINT32_MAX) return ts_ok;
    return ts_verify_refuse(v, ts_input, "operand %lld does not fit a 32-bit register",
                            (long long)inst->operand);
}

/* ---- TensorE ---- */

/* The largest part of a bank of which every trip moves the offset by a multiple. */
static int64_t cell_of(const ts_verifier *v, const ts_ap *dst, const ts_form *start, int64_t bank) {
    int64_t cell = bank;
    for (int i = 0; i < v->nest.depth; i++)
        cell = ts_gcd(cell, start->coef[i]);
    if (dst->offset.rotation) cell = ts_gcd(cell, v->program->rotations.data[dst->offset.rotation - 1].step);
    return cell;
}

/* The offset's multiples of a bank drop out; the rest must keep the operand inside one. What stays inside a
   cell does, wherever the cell is. */
static ts_status check_bank(ts_verifier *v, const ts_ap *dst) {
    int64_t bank = (int64_t)v->chip->psum_bank_bytes, bytes = ts_dtype_get(dst->dtype)->bytes;
    ts_form start, rest = {0};
    ts_span spans[TS_AP_DIMS];
    ts_wide low, high;
    if (!ts_form_of(&v->nest, &dst->offset, &start)) return ts_usage; /* its operand check failed already */
    rest.base = start.base % bank;
    for (int i = 0; i < v->nest.depth; i++)
        if (start.coef[i] % bank != 0) rest.coef[i] = start.coef[i];
    const ts_affine *offset = &dst->offset;
    if (offset->rotation && v->program->rotations.data[offset->rotation - 1].step % bank != 0) {
        rest.low = start.low;
        rest.high = start.high;
    }
    for (int i = 0; i < dst->dims; i++)
        spans[i] = (ts_span){.step = dst->dim[i].step * bytes, .count = &dst->dim[i].count};
    int64_t cell = cell_of(v, dst, &start, bank);
    ts_form inside = {.base = start.base % cell};
    if (ts_reach(&v->nest, &inside, spans, dst->dims, &low, &high) && low >= 0 && high + bytes <= cell)
        return ts_ok;
    if (ts_reach(&v->nest, &rest, spans, dst->dims, &low, &high) && low >= 0 && high + bytes <= bank)
        return ts_ok;
    return ts_verify_refuse(
        v, ts_input,
        "dst takes bytes %lld to %lld counted from a bank's start: a matmul writes one PSUM bank "
        "of %lld bytes (chip.def psum_bank_bytes)",
        (long long)low, (long long)(high + bytes - 1), (long long)bank);
}

static ts_status check_matmul(ts_verifier *v, const ts_inst_nc_matmul *inst) {
    const ts_ap *dst = &inst->dst, *stationary = &inst->stationary, *moving = &inst->moving;
    TS_TRY(need_space(v, "stationary", stationary, ts_space_sbuf, "ARCH:120"));
    TS_TRY(need_space(v, "moving", moving, ts_space_sbuf, "ARCH:120"));
    TS_TRY(need_space(v, "dst", dst, ts_space_psum, "ARCH:120"));
    if (!is_float(stationary) || !is_float(moving))
        return ts_verify_refuse(v, ts_input, "TensorE multiplies floats, not %s and %s (ISA:577-581)",
                                ts_dtype_get(stationary->dtype)->name, ts_dtype_get(moving->dtype)->name);
    if ((ts_dtype_get(stationary->dtype)->bytes == 4) != (ts_dtype_get(moving->dtype)->bytes == 4))
        return ts_verify_refuse(v, ts_input, "f32 and tf32 multiply only each other (ISA:577-581)");
    if (dst->dtype != ts_dtype_f32)
        return ts_verify_refuse(v, ts_input, "dst is %s, TensorE writes f32 (ISA:588)",
                                ts_dtype_get(dst->dtype)->name);
    extent m = free_of("stationary", stationary, 0, stationary->dims);
    extent n = free_of("moving", moving, 0, moving->dims);
    if ((double)max_of(&m) > v->chip->max_stationary_columns)
        return ts_verify_refuse(v, ts_input,
                                "stationary has %lld columns, at most %.0f (chip.def max_stationary_columns)",
                                (long long)max_of(&m), v->chip->max_stationary_columns);
    if ((double)max_of(&n) > v->chip->max_moving_columns)
        return ts_verify_refuse(v, ts_input,
                                "moving has %lld columns, at most %.0f (chip.def max_moving_columns)",
                                (long long)max_of(&n), v->chip->max_moving_columns);
    TS_TRY(agree(v, parts_of("stationary", stationary), parts_of("moving", moving)));
    TS_TRY(agree(v, parts_of("dst", dst), m));
    TS_TRY(agree(v, free_of("dst", dst, 0, dst->dims), n));
    return check_bank(v, dst);
}

static ts_status check_transpose(ts_verifier *v, const ts_inst_nc_transpose *inst) {
    const ts_ap *dst = &inst->dst, *data = &inst->data;
    bool is_tensor = inst->head.engine == ts_engine_tensor;
    extent columns = free_of("data", data, 0, data->dims), rows = parts_of("data", data);
    double most = is_tensor ? v->chip->max_stationary_columns : 32;
    if ((double)max_of(&columns) > most || (double)max_of(&rows) > most)
        return ts_verify_refuse(v, ts_input,
                                "data is %lld x %lld, this engine transposes up to %.0f x %.0f (ISA:829-867)",
                                (long long)max_of(&rows), (long long)max_of(&columns), most, most);
    TS_TRY(agree(v, parts_of("dst", dst), columns));
    TS_TRY(agree(v, free_of("dst", dst, 0, dst->dims), rows));
    if (!is_tensor) {
        if (dst->dtype == data->dtype) return ts_ok;
        return ts_verify_refuse(v, ts_input,
                                "dst is %s and data %s, VectorE transposes without a cast (ISA:829-867)",
                                ts_dtype_get(dst->dtype)->name, ts_dtype_get(data->dtype)->name);
    }
    TS_TRY(need_space(v, "data", data, ts_space_sbuf, "ARCH:120"));
    TS_TRY(need_space(v, "dst", dst, ts_space_psum, "ARCH:120"));
    if (!is_float(data) || dst->dtype != ts_dtype_f32)
        return ts_verify_refuse(v, ts_input,
                                "TensorE transposes floats into f32 (ARCH:185-191), not %s into %s",
                                ts_dtype_get(data->dtype)->name, ts_dtype_get(dst->dtype)->name);
    return check_bank(v, dst);
}

/* ---- VectorE, ScalarE, GpSimdE ---- */

/* [P,1] operands: one element for each partition of dst. */
static ts_status check_column(ts_verifier *v, const char *field, const ts_ap *ap, const ts_ap *dst) {
    static const ts_count one = {.max = 1};
    extent single = {.count = {&one}, .counts = 1, .field = "a column", .what = "elements"};
    TS_TRY(agree(v, parts_of("dst", dst), parts_of(field, ap)));
    return agree(v, free_of(field, ap, 0, ap->dims), single);
}

/* Operators that use bits move no value through fp32, so every operand has the same integer width. */
static ts_status check_bits(ts_verifier *v, const char *field, const ts_ap *ap, const ts_ap *dst) {
    if (is_integer(ap) && is_integer(dst) &&
        ts_dtype_get(ap->dtype)->bytes == ts_dtype_get(dst->dtype)->bytes)
        return ts_ok;
    return ts_verify_refuse(
        v, ts_input, "%s is %s and dst %s: bitwise operators take integers of one width (ISA:1028-1029)",
        field, ts_dtype_get(ap->dtype)->name, ts_dtype_get(dst->dtype)->name);
}

static ts_status check_scalar(ts_verifier *v, const char *field, const ts_scalar *scalar, const ts_ap *dst,
                              bool is_bits) {
    if (!scalar->is_ap) {
        if (!is_bits || (scalar->value == floor(scalar->value) && fabs(scalar->value) < 0x1p53)) return ts_ok;
        return ts_verify_refuse(v, ts_input,
                                "%s is no integer: bitwise operators take integers (ISA:1028-1029)", field);
    }
    TS_TRY(check_column(v, field, &scalar->ap, dst));
    if (is_bits) return check_bits(v, field, &scalar->ap, dst);
    if (scalar->ap.dtype == ts_dtype_f32) return ts_ok;
    return ts_verify_refuse(v, ts_input, "%s is %s, a scalar operand is f32 (ISA:1114)", field,
                            ts_dtype_get(scalar->ap.dtype)->name);
}

/* What the operators of one instruction are together. */
typedef struct operators {
    bool is_bits, is_arithmetic;
} operators;

static ts_status check_operators(ts_verifier *v, operators *found) {
    const ts_op_info *info = ts_op_get(v->inst->op);
    for (int i = 0; i < info->field_count; i++) {
        if (info->fields[i].kind != ts_kind_alu) continue;
        unsigned alu = *((const uint8_t *)v->inst + info->fields[i].offset);
        if (alu == ts_alu_pow && v->inst->engine != ts_engine_gpsimd)
            return ts_verify_refuse(v, ts_input, "pow runs on gpsimd only (ISA:1026)");
        if (alu == ts_alu_bypass) continue;
        found->is_bits |= ts_alu_kind(alu) == 'b';
        found->is_arithmetic |= ts_alu_kind(alu) != 'b';
    }
    if (!found->is_bits || !found->is_arithmetic) return ts_ok;
    return ts_verify_refuse(v, ts_input, "one operator is bitwise and one is not (ISA:1081)");
}

/* At most one source of an instruction with two lies in PSUM. */
static ts_status check_psum_sources(ts_verifier *v) {
    const ts_op_info *info = ts_op_get(v->inst->op);
    int sources = 0;
    for (int i = 0; i < info->field_count; i++) {
        const void *field = (const char *)v->inst + info->fields[i].offset;
        if (info->fields[i].kind == ts_kind_src) sources += ((const ts_ap *)field)->space == ts_space_psum;
    }
    if (sources < 2) return ts_ok;
    return ts_verify_refuse(v, ts_input, "both inputs lie in psum, at most one may (ISA:1043-1048)");
}

static ts_status check_reduce_op(ts_verifier *v, unsigned op) {
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

static ts_status check_reduce(ts_verifier *v, const ts_inst_tensor_reduce *inst) {
    const ts_ap *dst = &inst->dst, *data = &inst->data;
    operators found = {0};
    TS_TRY(check_operators(v, &found));
    TS_TRY(check_reduce_op(v, inst->op));
    if (found.is_bits) TS_TRY(check_bits(v, "data", data, dst));
    if (inst->axes < 1 || inst->axes > data->dims)
        return ts_verify_refuse(v, ts_input, "axes=%u, data has %u free dimensions to reduce", inst->axes,
                                data->dims);
    TS_TRY(agree(v, parts_of("dst", dst), parts_of("data", data)));
    return agree(v, free_of("dst", dst, 0, dst->dims), free_of("data", data, 0, data->dims - inst->axes));
}

static ts_status check_elementwise_field(ts_verifier *v, const ts_field *field, const ts_ap *dst,
                                         bool is_bits) {
    const void *value = (const char *)v->inst + field->offset;
    const ts_ap *ap = value;
    switch (field->kind) {
    case ts_kind_src:
        TS_TRY(agree(v, parts_of("dst", dst), parts_of(field->name, ap)));
        TS_TRY(agree(v, free_of("dst", dst, 0, dst->dims), free_of(field->name, ap, 0, ap->dims)));
        return is_bits ? check_bits(v, field->name, ap, dst) : ts_ok;
    case ts_kind_opt:
    case ts_kind_optdst:
        if (ap->space == ts_space_none) return ts_ok;
        if (!is_float(ap))
            return ts_verify_refuse(v, ts_input, "%s is %s, it must be a float", field->name,
                                    ts_dtype_get(ap->dtype)->name);
        return check_column(v, field->name, ap, dst);
    case ts_kind_scalar: return check_scalar(v, field->name, value, dst, is_bits);
    default: return ts_ok;
    }
}

/* Every source has the shape of dst. The row's first field is dst. */
static ts_status check_elementwise(ts_verifier *v) {
    const ts_op_info *info = ts_op_get(v->inst->op);
    const ts_ap *dst = (const ts_ap *)(const void *)((const char *)v->inst + info->fields[0].offset);
    operators found = {0};
    TS_TRY(check_operators(v, &found));
    TS_TRY(check_psum_sources(v));
    for (int i = 1; i < info->field_count; i++)
        TS_TRY(check_elementwise_field(v, &info->fields[i], dst, found.is_bits));
    return ts_ok;
}

ts_status ts_verify_op(ts_verifier *v) {
    const void *inst = v->inst;
    switch (v->inst->op) {
    case ts_op_leave: return check_leave(v, inst);
    case ts_op_dma_copy: return check_dma(v, inst);
    case ts_op_nc_matmul: return check_matmul(v, inst);
    case ts_op_nc_transpose: return check_transpose(v, inst);
    case ts_op_tensor_reduce: return check_reduce(v, inst);
    case ts_op_tensor_copy_predicated:
        if (!is_integer(&((const ts_inst_tensor_copy_predicated *)inst)->predicate))
            return ts_verify_refuse(v, ts_input, "predicate is no integer (ISA:446)");
        return check_elementwise(v);
    default: return check_elementwise(v);
    }
}
