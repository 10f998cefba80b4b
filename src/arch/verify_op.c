/* Verifier: rules of whole instructions: shapes that must agree, dtypes, spaces, and limits of the PE
   array. */
#include "arch/verify_shape.h"
#include "base/integer.h"

/* ---- data movement ---- */

/* An exchange moves bits from SBUF to SBUF. */
static ts_status check_exchange(ts_verifier *v, const ts_inst_dma_copy *inst) {
    if (v->chip->generation < 3)
        return ts_verify_refuse(v, ts_unsupported, "is_exchange needs NeuronCore-v3, %s has v%d",
                                v->chip->name, v->chip->generation);
    TS_TRY(ts_need_space(v, "dst", &inst->dst, ts_space_sbuf, "ISA:2971-3010"));
    TS_TRY(ts_need_space(v, "src", &inst->src, ts_space_sbuf, "ISA:2971-3010"));
    if (inst->dst.dtype != inst->src.dtype || inst->rmw != ts_rmw_none)
        return ts_verify_refuse(v, ts_input, "an exchange moves bits: dst is %s, src %s",
                                ts_dtype_get(inst->dst.dtype)->name, ts_dtype_get(inst->src.dtype)->name);
    return ts_agree_shape(v, "dst", &inst->dst, "src", &inst->src);
}

/* A transposing DMA moves elements of 2 or 4 bytes from HBM. */
static ts_status check_turned(ts_verifier *v, const ts_inst_dma_copy *inst) {
    const ts_dtype_info *dtype = ts_dtype_get(inst->src.dtype);
    TS_TRY(ts_need_space(v, "dst", &inst->dst, ts_space_sbuf, "ISA:869-905"));
    TS_TRY(ts_need_space(v, "src", &inst->src, ts_space_hbm, "T2:275-340"));
    if (inst->dst.dtype == inst->src.dtype && inst->rmw == ts_rmw_none &&
        (dtype->bytes == 2 || dtype->bytes == 4))
        return ts_ok;
    return ts_verify_refuse(v, ts_input,
                            "is_transpose moves bits of 2 or 4 bytes: dst is %s, src %s (T2:278)",
                            ts_dtype_get(inst->dst.dtype)->name, dtype->name);
}

static ts_status check_dma(ts_verifier *v, const ts_inst_dma_copy *inst) {
    const ts_dtype_info *to = ts_dtype_get(inst->dst.dtype), *from = ts_dtype_get(inst->src.dtype);
    if (inst->queue >= v->chip->dma_queues)
        return ts_verify_refuse(v, ts_input, "queue %u, the chip has %.0f (chip.def dma_queues)", inst->queue,
                                v->chip->dma_queues);
    if (inst->is_exchange) return check_exchange(v, inst);
    if (inst->is_transpose) TS_TRY(check_turned(v, inst));
    if ((inst->dst.dtype != inst->src.dtype || inst->rmw == ts_rmw_add) && !(to->native && from->native))
        return ts_verify_refuse(v, ts_unsupported,
                                "a DMA that computes casts through fp32, which %s has no part in",
                                to->native ? from->name : to->name);
    return ts_agree(v, ts_elems_of("dst", &inst->dst), ts_elems_of("src", &inst->src));
}

/* ---- control ---- */

/* `leave` reads one element, into a 32-bit register of the sequencer. */
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
    ts_form operand;
    bool is_form = ts_form_of(&v->nest, &inst->operand, &operand);
    if (is_form && ts_form_min(&v->nest, &operand) >= INT32_MIN &&
        ts_form_max(&v->nest, &operand) <= UINT32_MAX)
        return ts_ok;
    return ts_verify_refuse(v, ts_input, "operand does not fit a 32-bit register");
}

/* ---- TensorE ---- */

/* A cell is the largest part of a bank such that every trip moves the offset by whole cells. */
static int64_t cell_of(const ts_verifier *v, const ts_ap *dst, const ts_form *start, int64_t bank) {
    int64_t cell = bank;
    for (int i = 0; i < v->nest.depth; i++)
        cell = ts_gcd(cell, start->coef[i]);
    if (dst->offset.rotation) cell = ts_gcd(cell, v->program->rotations.data[dst->offset.rotation - 1].step);
    return cell;
}

/* Checks that a matmul's destination stays in one bank. An operand that stays inside a cell does. Otherwise
   multiples of a bank are dropped from the offset, and what remains must stay within one bank. */
static ts_status check_bank(ts_verifier *v, const ts_ap *dst) {
    int64_t bank = (int64_t)v->chip->psum_bank_bytes, bytes = ts_dtype_get(dst->dtype)->bytes;
    ts_form start, rest = {0};
    ts_span spans[TS_AP_DIMS];
    ts_wide low, high;
    if (!ts_form_of(&v->nest, &dst->offset, &start)) return ts_usage; /* its operand check failed before */
    if (v->draft) start.base += v->draft->address(v->draft->context, dst->tensor);
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
    ts_verify_refuse(
        v, ts_input,
        "dst takes bytes %lld to %lld counted from a bank's start: a matmul writes one PSUM bank "
        "of %lld bytes (chip.def psum_bank_bytes)",
        (long long)low, (long long)(high + bytes - 1), (long long)bank);
    ts_diag_remedy(v->diag, "write the parts in each bank with a product of its own");
    ts_diag_rule(v->diag, "psum_bank_crossed");
    return ts_input;
}

/* [K, 2, *] of fp8: the contraction runs over both halves of the second dimension. */
static ts_status check_double_row(ts_verifier *v, const char *field, const ts_ap *ap) {
    if (v->chip->generation < 3)
        return ts_verify_refuse(v, ts_unsupported, "double_row needs NeuronCore-v3, %s has v%d",
                                v->chip->name, v->chip->generation);
    if (ap->dtype != ts_dtype_f8e4m3 && ap->dtype != ts_dtype_f8e5m2)
        return ts_verify_refuse(v, ts_input, "%s is %s, double_row multiplies fp8 (T2:80-121)", field,
                                ts_dtype_get(ap->dtype)->name);
    if (ap->dims >= 2 && ap->dim[0].count.max == 2 && !ap->dim[0].count.is_ragged) return ts_ok;
    return ts_verify_refuse(v, ts_input, "the first free dimension of %s is not 2 (T2:80-121)", field);
}

/* Refuses a [rows, columns] operand with a dimension larger than the engine takes. The message is in AWS's
   words. */
static ts_status refuse_size(ts_verifier *v, const char *field, int dimension, const int64_t *size,
                             double most, const char *reason) {
    ts_verify_refuse(
        v, ts_input,
        "size of dimension %d in '%s[%lld, %lld]' of '%s' exceed architecture limitation of %.0f (%s)",
        dimension, field, (long long)size[0], (long long)size[1], ts_op_get(v->inst->op)->name, most, reason);
    ts_diag_remedy(v->diag, "cut it into tiles of at most %.0f %s", most, dimension ? "columns" : "rows");
    ts_diag_rule(v->diag, "err_size_of_dimension_exceed_arch_limit");
    return ts_input;
}

static ts_status need_columns(ts_verifier *v, const char *field, const ts_ap *ap, const ts_extent *columns,
                              double most, const char *reason) {
    const ts_extent rows = ts_parts_of(field, ap);
    const int64_t size[2] = {ts_extent_max(&rows), ts_extent_max(columns)};
    if ((double)size[1] <= most) return ts_ok;
    return refuse_size(v, field, 1, size, most, reason);
}

static ts_status check_matmul(ts_verifier *v, const ts_inst_nc_matmul *inst) {
    const ts_ap *dst = &inst->dst, *stationary = &inst->stationary, *moving = &inst->moving;
    TS_TRY(ts_need_space(v, "stationary", stationary, ts_space_sbuf, "ARCH:120"));
    TS_TRY(ts_need_space(v, "moving", moving, ts_space_sbuf, "ARCH:120"));
    TS_TRY(ts_need_space(v, "dst", dst, ts_space_psum, "ARCH:120"));
    if (!ts_ap_is_float(stationary) || !ts_ap_is_float(moving))
        return ts_verify_refuse(v, ts_input, "TensorE multiplies floats, not %s and %s (ISA:577-581)",
                                ts_dtype_get(stationary->dtype)->name, ts_dtype_get(moving->dtype)->name);
    if ((ts_dtype_get(stationary->dtype)->bytes == 4) != (ts_dtype_get(moving->dtype)->bytes == 4))
        return ts_verify_refuse(v, ts_input, "f32 and tf32 multiply only each other (ISA:577-581)");
    if (dst->dtype != ts_dtype_f32)
        return ts_verify_refuse(v, ts_input, "dst is %s, TensorE writes f32 (ISA:588)",
                                ts_dtype_get(dst->dtype)->name);
    int halves = inst->is_double_row ? 1 : 0; /* dimensions before those of the columns */
    if (inst->is_double_row) {
        TS_TRY(check_double_row(v, "stationary", stationary));
        TS_TRY(check_double_row(v, "moving", moving));
    }
    ts_extent m = ts_free_of("stationary", stationary, halves, stationary->dims);
    ts_extent n = ts_free_of("moving", moving, halves, moving->dims);
    TS_TRY(need_columns(v, "stationary", stationary, &m, v->chip->max_stationary_columns,
                        "chip.def max_stationary_columns"));
    TS_TRY(need_columns(v, "moving", moving, &n, v->chip->max_moving_columns, "chip.def max_moving_columns"));
    TS_TRY(ts_agree(v, ts_parts_of("stationary", stationary), ts_parts_of("moving", moving)));
    TS_TRY(ts_agree(v, ts_parts_of("dst", dst), m));
    TS_TRY(ts_agree(v, ts_free_of("dst", dst, 0, dst->dims), n));
    return check_bank(v, dst);
}

static ts_status check_transpose(ts_verifier *v, const ts_inst_nc_transpose *inst) {
    const ts_ap *dst = &inst->dst, *data = &inst->data;
    bool is_tensor = inst->head.engine == ts_engine_tensor;
    ts_extent columns = ts_free_of("data", data, 0, data->dims), rows = ts_parts_of("data", data);
    double most = is_tensor ? v->chip->max_stationary_columns : 32;
    const int64_t size[2] = {ts_extent_max(&rows), ts_extent_max(&columns)};
    for (int i = 0; i < 2; i++)
        if ((double)size[i] > most)
            return refuse_size(v, "data", i, size, most, is_tensor ? "ISA:829-867" : "VectorE, ISA:829-867");
    TS_TRY(ts_agree(v, ts_parts_of("dst", dst), columns));
    TS_TRY(ts_agree(v, ts_free_of("dst", dst, 0, dst->dims), rows));
    if (!is_tensor) {
        if (dst->dtype == data->dtype) return ts_ok;
        return ts_verify_refuse(v, ts_input,
                                "dst is %s and data %s, VectorE transposes without a cast (ISA:829-867)",
                                ts_dtype_get(dst->dtype)->name, ts_dtype_get(data->dtype)->name);
    }
    TS_TRY(ts_need_space(v, "data", data, ts_space_sbuf, "ARCH:120"));
    TS_TRY(ts_need_space(v, "dst", dst, ts_space_psum, "ARCH:120"));
    if (!ts_ap_is_float(data) || (dst->dtype != ts_dtype_f32 && dst->dtype != data->dtype))
        return ts_verify_refuse(v, ts_input,
                                "TensorE transposes floats into f32 (ARCH:185-191) or their own dtype "
                                "(ISA:829-867), not %s into %s",
                                ts_dtype_get(data->dtype)->name, ts_dtype_get(dst->dtype)->name);
    return check_bank(v, dst);
}

/* ---- VectorE, ScalarE, GpSimdE ---- */

/* Of an instruction with two sources, at most one may lie in PSUM. */
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

static ts_status check_reduce(ts_verifier *v, const ts_inst_tensor_reduce *inst) {
    const ts_ap *dst = &inst->dst, *data = &inst->data;
    ts_operators found = {0};
    TS_TRY(ts_verify_operators(v, &found));
    TS_TRY(ts_verify_reduce_op(v, inst->op));
    if (found.is_bits) TS_TRY(ts_verify_bits(v, "data", data, dst));
    if (found.is_bits && inst->negate)
        return ts_verify_refuse(v, ts_input, "negate with a bitwise operator (ISA:1161)");
    if (inst->axes < 1 || inst->axes > data->dims)
        return ts_verify_refuse(v, ts_input, "axes=%u, data has %u free dimensions to reduce", inst->axes,
                                data->dims);
    TS_TRY(ts_agree(v, ts_parts_of("dst", dst), ts_parts_of("data", data)));
    return ts_agree(v, ts_free_of("dst", dst, 0, dst->dims),
                    ts_free_of("data", data, 0, data->dims - inst->axes));
}

static ts_status check_elementwise_field(ts_verifier *v, const ts_field *field, const ts_ap *dst,
                                         bool is_bits) {
    const void *value = (const char *)v->inst + field->offset;
    const ts_ap *ap = value;
    switch (field->kind) {
    case ts_kind_src:
        TS_TRY(ts_agree_shape(v, "dst", dst, field->name, ap));
        return is_bits ? ts_verify_bits(v, field->name, ap, dst) : ts_ok;
    case ts_kind_opt:
    case ts_kind_optdst:
        if (ap->space == ts_space_none) return ts_ok;
        if (!ts_ap_is_float(ap)) {
            ts_verify_refuse(v, ts_input, "%s is %s, it must be a float", field->name,
                             ts_dtype_get(ap->dtype)->name);
            if (v->inst->op == ts_op_activation && field->kind == ts_kind_opt)
                ts_diag_rule(v->diag, "err_activation_bias_invalid_type");
            return ts_input;
        }
        return ts_verify_column(v, field->name, ap, dst);
    case ts_kind_scalar: return ts_verify_scalar(v, field->name, value, dst, is_bits);
    default: return ts_ok;
    }
}

ts_status ts_verify_elementwise(ts_verifier *v) {
    const ts_op_info *info = ts_op_get(v->inst->op);
    const ts_ap *dst = (const ts_ap *)(const void *)((const char *)v->inst + info->fields[0].offset);
    ts_operators found = {0};
    TS_TRY(ts_verify_operators(v, &found));
    TS_TRY(check_psum_sources(v));
    for (int i = 1; i < info->field_count; i++)
        TS_TRY(check_elementwise_field(v, &info->fields[i], dst, found.is_bits));
    return ts_ok;
}

/* host_call passes bytes to the host, whatever the dtypes. */
static ts_status check_host_call(ts_verifier *v, const ts_inst_host_call *inst) {
    const ts_ap *const operand[2] = {&inst->dst, &inst->src};
    for (int i = 0; i < 2; i++) {
        const char *field = i == 0 ? "dst" : "src";
        int64_t bytes;
        if (operand[i]->space == ts_space_none) continue;
        TS_TRY(ts_verify_run(v, field, operand[i], "the host reads and writes HBM", &bytes));
        if (operand[i]->dtype != ts_dtype_u8)
            return ts_verify_refuse(v, ts_input, "%s is %s, it must be u8", field,
                                    ts_dtype_get(operand[i]->dtype)->name);
    }
    return ts_ok;
}

ts_status ts_verify_op(ts_verifier *v) {
    const void *inst = v->inst;
    switch (v->inst->op) {
    case ts_op_leave: return check_leave(v, inst);
    case ts_op_dma_copy: return check_dma(v, inst);
    case ts_op_collective: return ts_verify_collective(v, inst);
    case ts_op_host_call: return check_host_call(v, inst);
    case ts_op_nc_matmul: return check_matmul(v, inst);
    case ts_op_nc_transpose: return check_transpose(v, inst);
    case ts_op_tensor_reduce: return check_reduce(v, inst);
    case ts_op_tensor_copy_predicated:
        if (!ts_ap_is_integer(&((const ts_inst_tensor_copy_predicated *)inst)->predicate))
            return ts_verify_refuse(v, ts_input, "predicate is no integer (ISA:446)");
        return ts_verify_elementwise(v);
    default: return ts_verify_row(v);
    }
}
