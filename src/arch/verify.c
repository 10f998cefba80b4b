/* Verifier: checks that the chip can execute a program. Bounds hold at every point of the iteration space,
   including ragged counts and rotating buffers. */
#include "arch/verify.h"

#include <stdarg.h>
#include <stdio.h>

#include "arch/structure.h"
#include "base/unit.h"

enum { POINTS_A_PROGRAM = 1 << 24, MAX_COUNT = UINT16_MAX, SCRATCH_ALIGNMENT = 64 };

/* Names the instruction with its tiles: "nc_matmul dst=sums stationary=weights moving=rows". */
static void name_operands(const ts_verifier *v, ts_text *text) {
    const ts_op_info *info = ts_op_get(v->inst->op);
    ts_text_add(text, info->name);
    for (int i = 0; i < info->field_count; i++) {
        bool is_write;
        const ts_ap *ap = ts_inst_ap((ts_inst *)(uintptr_t)v->inst, &info->fields[i], &is_write);
        if (!ap) continue;
        ts_text_format(text, " %s=", info->fields[i].name);
        v->draft->name(v->draft->context, ap, text);
    }
}

ts_status ts_verify_refuse(ts_verifier *v, ts_status status, const char *format, ...) {
    char rule[320];
    ts_text text = {0};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rule, sizeof rule, format, arguments);
    va_end(arguments);
    if (v->draft)
        name_operands(v, &text);
    else
        ts_inst_print(v->program, v->inst, &text);
    ts_fail(v->diag, status, "%s, in: %s", rule, text.data);
    ts_diag_inst(v->diag, v->program, v->inst);
    ts_text_free(&text);
    return status;
}

/* ---- one operand ---- */

typedef struct operand {
    const char *name;
    const ts_ap *ap;
    bool is_write;
} operand;

/* Transfers and instructions of sequencers do not use the engines' access paths, so those rules do not
   apply. */
static bool is_free_of_engines(const ts_verifier *v) {
    return ts_op_is_transfer(v->inst->op) || ts_op_is_sequencers(v->inst->op);
}

typedef struct bounds_test {
    const ts_ap *ap;
    uint32_t tile;        /* 0: no tile is meant */
    int64_t bytes, parts; /* limits of the tile, space or tensor */
} bounds_test;

/* Test for ts_verify_points: whether the operand stays inside its limits at the current point. */
static bool is_inside(const ts_verifier *v, const void *context) {
    const bounds_test *test = context;
    ts_ref ref;
    ts_ap_resolve(v->program, test->ap, v->counters, &ref);
    if (ref.elems == 0 || ref.parts == 0) return true;
    int64_t bytes = ts_dtype_get(test->ap->dtype)->bytes;
    ts_wide low = ref.offset, high = ref.offset;
    for (int i = 0; i < ref.dims; i++) {
        ts_wide reach = (ts_wide)ref.step[i] * (ref.count[i] - 1) * bytes;
        if (reach < 0)
            low += reach;
        else
            high += reach;
    }
    return low >= 0 && high + bytes <= test->bytes && ref.part >= 0 && ref.part + ref.parts <= test->parts;
}

/* Names the limit that an operand exceeds. */
static void limit_text(const ts_verifier *v, const bounds_test *test, bool is_parts, char *text,
                       size_t size) {
    const char *space = ts_space_name(test->ap->space);
    if (is_parts)
        snprintf(text, size, "the chip has %lld (chip.def partitions)", (long long)test->parts);
    else if (test->tile)
        snprintf(text, size, "tile %u has %lld there", test->tile, (long long)test->bytes);
    else if (test->ap->space == ts_space_hbm)
        snprintf(text, size, "tensor %.40s has %lld", v->program->tensors.data[test->ap->tensor].name,
                 (long long)test->bytes);
    else
        snprintf(text, size, "%s has %lld (chip.def %s_partition_bytes)", space, (long long)test->bytes,
                 space);
}

/* `ok` is what the affine forms prove; when they prove nothing, every point is tested. */
static ts_status need_inside(ts_verifier *v, const operand *o, bool ok, const bounds_test *test,
                             bool is_parts, ts_wide low, ts_wide high) {
    char point[200] = "", limit[120];
    if (ok) return ts_ok;
    ts_points points = ts_verify_points(v, is_inside, test);
    if (points == ts_points_hold) return ts_ok;
    if (points == ts_points_fail) ts_verify_point_text(v, point, sizeof point);
    limit_text(v, test, is_parts, limit, sizeof limit);
    ts_verify_refuse(v, ts_input, "%s reaches %s %lld to %lld%s, %s", o->name,
                     is_parts ? "partitions" : "bytes", (long long)low, (long long)high, point, limit);
    if (o->ap->space == ts_space_hbm) ts_diag_rule(v->diag, "err_tensor_access_out_of_bound");
    return ts_input;
}

bool ts_affine_is_multiple(const ts_program *program, const ts_affine *affine, int64_t unit) {
    bool is = affine->base % unit == 0;
    for (uint32_t i = 0; i < affine->term_count; i++)
        is &= program->terms.data[affine->first_term + i].coef % unit == 0;
    if (affine->rotation) is &= program->rotations.data[affine->rotation - 1].step % unit == 0;
    return is;
}

/* The spans of the operand's free dimensions, with steps multiplied by `scale`. */
static int free_spans(const ts_ap *ap, int64_t scale, ts_span *spans) {
    for (int i = 0; i < ap->dims; i++) {
        int64_t step = ap->dim[i].step;
        bool is_sane = step <= TS_RANGE_LIMIT && step >= -TS_RANGE_LIMIT;
        spans[i] = (ts_span){.step = is_sane ? step * scale : INT64_MAX, .count = &ap->dim[i].count};
    }
    return ap->dims;
}

static ts_status too_large(ts_verifier *v, const operand *o) {
    return ts_verify_refuse(v, ts_input, "%s holds a number beyond 2^44", o->name);
}

static ts_status check_partitions(ts_verifier *v, const operand *o, const bounds_test *test) {
    const ts_ap *ap = o->ap;
    ts_span span = {.step = 1, .count = &ap->parts};
    ts_wide low, high;
    if (!ts_reach_from(&v->nest, &ap->part, &span, 1, &low, &high)) return too_large(v, o);
    TS_TRY(need_inside(v, o, low >= 0 && high < test->parts, test, true, low, high));
    int unit = ap->parts.max > 64 ? 128 : ap->parts.max > 32 ? 64 : 32;
    if (is_free_of_engines(v) || ts_affine_is_multiple(v->program, &ap->part, unit)) return ts_ok;
    return ts_verify_refuse(v, ts_input,
                            "%s has up to %d partitions from partition %lld: more than 64 start at 0, more "
                            "than 32 at 0 or 64, others "
                            "at 0, 32, 64 or 96 (ARCH:711-713)",
                            o->name, ap->parts.max, (long long)(low > 0 ? low : ap->part.base));
}

static ts_status check_pattern(ts_verifier *v, const operand *o) {
    const ts_ap *ap = o->ap;
    int64_t elems = 1;
    if (ap->dims > 4)
        return ts_verify_refuse(v, ts_input,
                                "%s has %u free dimensions, an operand on chip at most 4 (ARCH:715)", o->name,
                                ap->dims);
    for (int i = 0; i < ap->dims; i++) {
        if (ap->dim[i].step < INT16_MIN || ap->dim[i].step > INT16_MAX)
            return ts_verify_refuse(v, ts_input,
                                    "%s has a step of %lld elements, a step is 16 bits (ARCH:720)", o->name,
                                    (long long)ap->dim[i].step);
        if (ap->dim[i].count.max > MAX_COUNT)
            return ts_verify_refuse(v, ts_input,
                                    "%s has a count of %d elements, a count is 16 bits (ARCH:720)", o->name,
                                    ap->dim[i].count.max);
        elems *= ap->dim[i].count.max;
    }
    bool is_psum = ap->space == ts_space_psum;
    double most = is_psum ? v->chip->max_psum_free_elems : v->chip->max_sbuf_free_elems;
    if (is_free_of_engines(v) || (double)elems <= most) return ts_ok;
    return ts_verify_refuse(
        v, ts_input, "%s has %lld free elements, in %s at most %.0f (chip.def max_%s_free_elems)", o->name,
        (long long)elems, ts_space_name(ap->space), most, ts_space_name(ap->space));
}

/* Checks that an operand may lie in its space, given who executes the instruction. */
static ts_status check_space(ts_verifier *v, const operand *o) {
    const ts_ap *ap = o->ap;
    const ts_dtype_info *dtype = ts_dtype_get(ap->dtype);
    bool is_dma = v->inst->op == ts_op_dma_copy;
    if (ap->tensor && !v->draft && v->program->tiles.count == 0)
        return ts_verify_refuse(v, ts_input, "%s lies in tile %u, which has no address yet", o->name,
                                ap->tensor);
    if (!dtype->native) {
        ts_verify_refuse(v, ts_unsupported,
                         "%s has dtype %s, which the engines of this chip do not take (%s)", o->name,
                         dtype->name, dtype->source);
        return ts_unsupported;
    }
    if (ap->space == ts_space_psum && (is_dma || v->inst->engine == ts_engine_gpsimd))
        return ts_verify_refuse(v, ts_input, "%s lies in psum, which %s cannot reach (%s)", o->name,
                                is_dma ? "DMA" : "GpSimdE", is_dma ? "ISA:272" : "ISA:399");
    return ts_ok;
}

/* Checks that the bytes that an operand touches in each partition are within the first test->bytes. */
static ts_status check_bytes(ts_verifier *v, const operand *o, const bounds_test *test) {
    const ts_ap *ap = test->ap;
    int64_t bytes = ts_dtype_get(ap->dtype)->bytes;
    ts_span spans[TS_AP_DIMS];
    ts_wide low, high;
    if (!ts_reach_from(&v->nest, &ap->offset, spans, free_spans(ap, bytes, spans), &low, &high))
        return too_large(v, o);
    return need_inside(v, o, low >= 0 && high + bytes <= test->bytes, test, false, low, high + bytes - 1);
}

static ts_status check_on_chip(ts_verifier *v, const operand *o) {
    const ts_ap *ap = o->ap;
    TS_TRY(check_space(v, o));
    TS_TRY(check_pattern(v, o));
    bool is_psum = ap->space == ts_space_psum;
    int64_t bytes = ts_dtype_get(ap->dtype)->bytes;
    bounds_test test = {.ap = ap, .parts = (int64_t)v->chip->partitions};
    test.bytes = (int64_t)(is_psum ? v->chip->psum_partition_bytes : v->chip->sbuf_partition_bytes);
    TS_TRY(check_partitions(v, o, &test));
    TS_TRY(check_bytes(v, o, &test));
    if (ts_affine_is_multiple(v->program, &ap->offset, bytes)) return ts_ok;
    return ts_verify_refuse(v, ts_input, "%s starts at a byte that is no multiple of its element, %lld bytes",
                            o->name, (long long)bytes);
}

/* Checks an index operand: one i32 per partition, one for each count of the first dimension. */
static ts_status check_index(ts_verifier *v, const operand *o) {
    const ts_ap *ap = o->ap, *index = &v->program->indices.data[ap->index - 1];
    char name[64];
    snprintf(name, sizeof name, "the index of %s", o->name);
    operand as_operand = {.name = name, .ap = index};
    if (index->space != ts_space_sbuf || index->dtype != ts_dtype_i32)
        return ts_verify_refuse(v, ts_input, "%s is not i32 in sbuf", name);
    if (ap->index_step < -TS_RANGE_LIMIT || ap->index_step > TS_RANGE_LIMIT) return too_large(v, o);
    int64_t elems = 1;
    for (int i = 0; i < index->dims; i++)
        elems *= index->dim[i].count.max;
    const ts_count *parts = &index->parts, *first = ap->dims ? &ap->dim[0].count : parts;
    if (ap->dims == 0 || elems != 1 || !ts_products_equal(&v->nest, &parts, 1, &first, 1))
        return ts_verify_refuse(v, ts_input, "%s must be one element for each count of the first dimension",
                                name);
    return check_on_chip(v, &as_operand);
}

/* A scratch tensor that no instruction touches takes no space; only its address must be valid. */
static ts_status check_scratch(const ts_verifier *v, const ts_tensor *tensor, bool is_touched) {
    if (tensor->kind != ts_tensor_scratch) return ts_ok;
    uint64_t most = v->program->scratch_bytes;
    if (tensor->address % SCRATCH_ALIGNMENT == 0 && tensor->address <= most &&
        (!is_touched || tensor->bytes <= most - tensor->address))
        return ts_ok;
    return ts_fail(v->diag, ts_input,
                   "scratch tensor %.80s: %llu bytes at %llu, of %llu (scratch_bytes), aligned to %d",
                   tensor->name, (unsigned long long)tensor->bytes, (unsigned long long)tensor->address,
                   (unsigned long long)most, SCRATCH_ALIGNMENT);
}

static ts_status check_hbm(ts_verifier *v, const operand *o) {
    const ts_ap *ap = o->ap;
    const ts_tensor *tensor = &v->program->tensors.data[ap->tensor];
    if (!v->draft) TS_TRY(check_scratch(v, tensor, true));
    if (!is_free_of_engines(v) && v->inst->op != ts_op_leave)
        return ts_verify_refuse(v, ts_input, "%s lies in hbm, which only a DMA reaches (ARCH:120,784)",
                                o->name);
    if (o->is_write && !v->draft && v->inst->op != ts_op_core_wait &&
        (tensor->kind == ts_tensor_input || tensor->kind == ts_tensor_constant))
        return ts_verify_refuse(v, ts_input, "%s is %.60s, %s, which is read-only", o->name, tensor->name,
                                tensor->kind == ts_tensor_input ? "an input" : "a constant");
    int64_t bytes = ts_dtype_get(ap->dtype)->bytes;
    bounds_test test = {.ap = ap, .parts = 1, .bytes = (int64_t)tensor->bytes};
    ts_form start, scaled = {0};
    ts_span spans[TS_AP_DIMS];
    ts_wide low, high;
    if (!ts_form_of(&v->nest, &ap->offset, &start)) return too_large(v, o);
    ts_form_add(&scaled, &start, bytes);
    int dims = free_spans(ap, bytes, spans);
    for (int i = 0; i < dims; i++)
        if (spans[i].step < -TS_RANGE_LIMIT || spans[i].step > TS_RANGE_LIMIT) return too_large(v, o);
    if (!ts_reach(&v->nest, &scaled, spans, dims, &low, &high)) return too_large(v, o);
    if (ap->index) return check_index(v, o); /* its positions are checked at run time */
    return need_inside(v, o, low >= 0 && high + bytes <= test.bytes, &test, false, low, high + bytes - 1);
}

static ts_status check_operand(ts_verifier *v, const operand *o) {
    if (o->ap->space == ts_space_none) return ts_ok;
    return o->ap->space == ts_space_hbm ? check_hbm(v, o) : check_on_chip(v, o);
}

/* ---- instructions ---- */

static ts_status check_field(ts_verifier *v, const ts_field *field, const void *value) {
    const ts_scalar *scalar = value;
    const ts_field_steps *steps = value;
    operand o = {.name = field->name, .ap = value};
    ts_form form;
    bool is_sane = true;
    switch (field->kind) {
    case ts_kind_dst:
    case ts_kind_optdst: o.is_write = true; return check_operand(v, &o);
    case ts_kind_src:
    case ts_kind_opt: return check_operand(v, &o);
    case ts_kind_scalar: o.ap = &scalar->ap; return scalar->is_ap ? check_operand(v, &o) : ts_ok;
    case ts_kind_affine: is_sane = ts_form_of(&v->nest, value, &form); break;
    case ts_kind_i64:
        is_sane = *(const int64_t *)value <= TS_RANGE_LIMIT && *(const int64_t *)value >= -TS_RANGE_LIMIT;
        break;
    case ts_kind_steps:
        for (int i = 0; i < 4; i++)
            is_sane &= steps->step[i] <= TS_RANGE_LIMIT && steps->step[i] >= -TS_RANGE_LIMIT;
        break;
    default: break;
    }
    return is_sane ? ts_ok : too_large(v, &o);
}

/* Checks that an operand of a tile with several slots lies within one slot. */
static ts_status check_tile(ts_verifier *v, const operand *o) {
    const ts_ap *ap = o->ap;
    if (ap->space == ts_space_hbm) {
        if (!ap->index) return ts_ok;
        operand index = {.name = o->name, .ap = &v->program->indices.data[ap->index - 1]};
        return check_tile(v, &index);
    }
    const ts_tile_row *tile = &v->program->tiles.data[ap->tensor - 1];
    ts_ap inner = *ap;
    inner.offset.base -= tile->address;
    if (ap->offset.rotation && tile->slots > 1) {
        const ts_rotation *rotation = &v->program->rotations.data[ap->offset.rotation - 1];
        if (rotation->step != tile->bytes || rotation->count > tile->slots)
            return ts_verify_refuse(
                v, ts_input, "%s rotates over %d slots of %lld bytes, tile %u has %u of %lld", o->name,
                rotation->count, (long long)rotation->step, ap->tensor, tile->slots, (long long)tile->bytes);
        inner.offset.rotation = 0;
    }
    bounds_test test = {.ap = &inner,
                        .tile = ap->tensor,
                        .parts = (int64_t)v->chip->partitions,
                        .bytes = ap->offset.rotation ? tile->bytes : tile->bytes * tile->slots};
    return check_bytes(v, o, &test);
}

static ts_status check_tiles(ts_verifier *v) {
    const ts_op_info *info = ts_op_get(v->inst->op);
    if (v->draft || v->program->tiles.count == 0) return ts_ok;
    for (int i = 0; i < info->field_count; i++) {
        operand o = {.name = info->fields[i].name};
        o.ap = ts_inst_ap((ts_inst *)(uintptr_t)v->inst, &info->fields[i], &o.is_write);
        if (o.ap) TS_TRY(check_tile(v, &o));
    }
    return ts_ok;
}

static ts_status check_loop(ts_verifier *v, const ts_inst_loop *inst) {
    ts_form limit;
    if (inst->trip.is_ragged && !ts_form_of(&v->nest, &inst->trip.limit, &limit))
        return ts_verify_refuse(v, ts_input, "the trip count holds a number beyond 2^44");
    v->nest.loop[v->nest.depth++] = inst->id;
    return ts_ok;
}

static ts_status check_wait(ts_verifier *v) {
    ts_form value;
    const ts_sync *sync = v->inst->sync ? &v->program->syncs.data[v->inst->sync - 1] : NULL;
    if (!sync || !sync->is_waiting || ts_form_of(&v->nest, &sync->value, &value)) return ts_ok;
    return ts_verify_refuse(v, ts_input, "wait holds a number beyond 2^44");
}

static ts_status check_inst(ts_verifier *v) {
    const ts_inst *inst = v->inst;
    const ts_op_info *info = ts_op_get(inst->op);
    if (inst->op == ts_op_loop) return check_loop(v, (const ts_inst_loop *)inst);
    if (inst->op == ts_op_end) {
        v->nest.depth--;
        return ts_ok;
    }
    if (info->since > v->chip->generation)
        return ts_verify_refuse(v, ts_unsupported, "%s begins with NeuronCore-v%d, %s has NeuronCore-v%d",
                                info->name, info->since, v->chip->name, v->chip->generation);
    for (int i = 0; i < info->field_count; i++)
        TS_TRY(check_field(v, &info->fields[i], (const char *)inst + info->fields[i].offset));
    TS_TRY(check_wait(v));
    TS_TRY(ts_verify_op(v));
    return check_tiles(v);
}

ts_status ts_verify_draft(const ts_program *program, const ts_inst *inst, const ts_chip *chip,
                          const ts_draft *draft, ts_diag *diag) {
    ts_verifier v = {.program = program,
                     .draft = draft,
                     .chip = chip,
                     .diag = diag,
                     .inst = inst,
                     .points_left = POINTS_A_PROGRAM};
    v.nest.program = program;
    return check_inst(&v);
}

static ts_status check_tensors(const ts_verifier *v) {
    for (uint32_t i = 0; i < v->program->tensors.count; i++)
        TS_TRY(check_scratch(v, &v->program->tensors.data[i], false));
    return ts_ok;
}

static ts_status verify_within(void *context) {
    ts_verifier *v = context;
    ts_arena scratch = {0};
    v->nest.program = v->program;
    v->counters = TS_NEW_ARRAY(&scratch, int64_t, v->program->loops.count);
    v->matters = TS_NEW_ARRAY(&scratch, bool, v->program->loops.count);
    ts_status status = check_tensors(v);
    for (uint32_t i = 0; i < v->program->code.count && status == ts_ok; i++) {
        v->inst = v->program->code.data[i];
        status = check_inst(v);
    }
    if (status == ts_ok) status = ts_verify_tiles(v, &scratch);
    if (status == ts_ok && v->program->syncing == ts_syncing_explicit) status = ts_verify_sync(v);
    ts_arena_free(&scratch);
    return status;
}

ts_status ts_program_verify(const ts_program *program, const ts_chip *chip, ts_diag *diag) {
    TS_TRY(ts_program_check(program, diag));
    ts_verifier v = {.program = program, .chip = chip, .diag = diag, .points_left = POINTS_A_PROGRAM};
    return ts_unit_run(NULL, verify_within, &v, "verifying a program", diag);
}
