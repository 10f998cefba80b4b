/* Writer of the binary .trn container: header, zstd, variable-length payload. The layout is in
   docs/trn.md. */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "arch/container.h"
#include "arch/isa.h"
#include "arch/structure.h"
#include "base/file.h"
#include "base/text.h"
#include "base/unit.h"

enum { ZSTD_LEVEL = 3 };

static void put_u(ts_text *out, uint64_t value) {
    char bytes[10];
    size_t count = 0;
    do {
        bytes[count] = (char)(value & 127);
        value >>= 7;
        if (value) bytes[count] = (char)(bytes[count] | (char)0x80);
        count++;
    } while (value);
    ts_text_add_n(out, bytes, count);
}

static void put_i(ts_text *out, int64_t value) {
    put_u(out, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static void put_string(ts_text *out, const char *string) {
    size_t length = strlen(string);
    put_u(out, length);
    ts_text_add_n(out, string, length);
}

static void put_f64(ts_text *out, double value) {
    ts_text_add_n(out, (const char *)&value, sizeof value);
}

static void put_affine(ts_text *out, const ts_program *program, const ts_affine *affine) {
    put_i(out, affine->base);
    /* Rotation and number of terms share one number, which takes one byte when, as in most forms, both are 0.
       The format keeps 16 bits for the number of terms. */
    put_u(out, (uint64_t)affine->rotation << 16 | affine->term_count);
    for (uint32_t i = 0; i < affine->term_count; i++) {
        const ts_term *term = &program->terms.data[affine->first_term + i];
        put_i(out, term->coef);
        put_u(out, term->loop);
    }
}

static void put_count(ts_text *out, const ts_program *program, const ts_count *count) {
    put_u(out, (uint64_t)(uint32_t)count->max << 1 | count->is_ragged);
    if (count->is_ragged) put_affine(out, program, &count->limit);
}

static void put_ap(ts_text *out, const ts_program *program, const ts_ap *ap) {
    put_u(out, ap->space);
    if (ap->space == ts_space_none) return;
    put_u(out, ap->dtype);
    put_u(out, ap->tensor);
    if (ap->space == ts_space_hbm) {
        put_u(out, ap->index);
        if (ap->index) put_i(out, ap->index_step);
    } else {
        put_affine(out, program, &ap->part);
        put_count(out, program, &ap->parts);
    }
    put_affine(out, program, &ap->offset);
    put_u(out, ap->dims);
    for (int i = 0; i < ap->dims; i++) {
        put_i(out, ap->dim[i].step);
        put_count(out, program, &ap->dim[i].count);
    }
}

static void put_field(ts_text *out, const ts_program *program, const ts_field *field, const void *value) {
    const ts_accum *accum = value;
    const ts_scalar *scalar = value;
    const ts_field_steps *steps = value;
    switch (field->kind) {
    case ts_kind_dst:
    case ts_kind_src:
    case ts_kind_opt:
    case ts_kind_optdst: put_ap(out, program, value); break;
    case ts_kind_scalar:
        put_u(out, scalar->is_ap);
        if (scalar->is_ap)
            put_ap(out, program, &scalar->ap);
        else
            put_f64(out, scalar->value);
        break;
    case ts_kind_accum:
        put_u(out, accum->mode);
        if (accum->mode == ts_accum_unless_first) put_u(out, accum->loop);
        break;
    case ts_kind_affine: put_affine(out, program, value); break;
    case ts_kind_trip: put_count(out, program, value); break;
    case ts_kind_loop: put_u(out, *(const uint32_t *)value); break;
    case ts_kind_alu:
    case ts_kind_act:
    case ts_kind_rmw:
    case ts_kind_oob:
    case ts_kind_flag:
    case ts_kind_cmd:
    case ts_kind_cc:
    case ts_kind_u8: put_u(out, *(const uint8_t *)value); break;
    case ts_kind_i64: put_i(out, *(const int64_t *)value); break;
    case ts_kind_f64: put_f64(out, *(const double *)value); break;
    case ts_kind_steps:
        for (int i = 0; i < 4; i++)
            put_i(out, steps->step[i]);
        break;
    case ts_kind_lanes: ts_text_add_n(out, value, sizeof(ts_field_lanes)); break;
    }
}

/* 0 stands for the string of the row before; otherwise 1 and the string. */
static void put_repeated(ts_text *out, const char *string, const char *previous) {
    bool is_new = strcmp(string, previous) != 0;
    put_u(out, is_new);
    if (is_new) put_string(out, string);
}

static void put_locs(ts_text *out, const ts_program *program) {
    put_u(out, program->locs.count);
    const char *file = "", *name = "";
    for (uint32_t i = 0; i < program->locs.count; i++) {
        const ts_loc *loc = &program->locs.data[i];
        put_repeated(out, loc->file, file);
        put_repeated(out, loc->name, name);
        put_u(out, loc->line);
        put_u(out, loc->column);
        put_u(out, loc->parent);
        file = loc->file;
        name = loc->name;
    }
}

static void put_tensors(ts_text *out, const ts_program *program) {
    put_u(out, program->tensors.count);
    for (uint32_t i = 0; i < program->tensors.count; i++) {
        const ts_tensor *tensor = &program->tensors.data[i];
        put_string(out, tensor->name);
        put_u(out, tensor->dtype);
        put_u(out, tensor->kind);
        put_u(out, tensor->rank);
        for (int j = 0; j < tensor->rank; j++)
            put_u(out, (uint64_t)tensor->dim[j]);
        put_u(out, tensor->number);
        put_i(out, tensor->alias);
        put_u(out, tensor->address);
        if (tensor->kind == ts_tensor_constant) {
            put_u(out, tensor->bytes);
            ts_text_add_n(out, tensor->data, tensor->bytes);
        }
    }
}

static void put_tiles(ts_text *out, const ts_program *program) {
    put_u(out, program->tiles.count);
    for (uint32_t i = 0; i < program->tiles.count; i++) {
        const ts_tile_row *tile = &program->tiles.data[i];
        put_u(out, tile->space);
        put_u(out, tile->slots);
        put_u(out, (uint64_t)tile->address);
        put_u(out, (uint64_t)tile->bytes);
    }
}

/* Bit 0: waits, bit 1: signals; then the semaphores and values. */
static void put_sync(ts_text *out, const ts_program *program, const ts_inst *inst) {
    static const ts_sync none = {0};
    const ts_sync *sync = inst->sync ? &program->syncs.data[inst->sync - 1] : &none;
    put_u(out, (uint64_t)sync->is_waiting | (uint64_t)sync->is_signalling << 1);
    if (sync->is_waiting) {
        put_u(out, sync->awaited);
        put_affine(out, program, &sync->value);
    }
    if (!sync->is_signalling) return;
    put_u(out, sync->signalled);
    put_u(out, sync->amount);
}

static void put_code(ts_text *out, const ts_program *program) {
    put_u(out, program->code.count);
    for (uint32_t i = 0; i < program->code.count; i++) {
        const ts_inst *inst = program->code.data[i];
        const ts_op_info *info = ts_op_get(inst->op);
        put_u(out, inst->op);
        put_u(out, inst->engine);
        put_u(out, inst->order);
        put_u(out, inst->loc);
        if (program->syncing == ts_syncing_explicit) put_sync(out, program, inst);
        for (int j = 0; j < info->field_count; j++)
            put_field(out, program, &info->fields[j], (const char *)inst + info->fields[j].offset);
    }
}

static void put_program(ts_text *out, const ts_program *program) {
    put_string(out, program->name);
    put_string(out, program->chip);
    put_u(out, program->order);
    put_u(out, program->syncing);
    put_u(out, program->ranks);
    put_u(out, program->model_flops);
    put_u(out, program->scratch_bytes);
    put_locs(out, program);
    put_tensors(out, program);
    put_tiles(out, program);
    put_u(out, program->rotations.count);
    for (uint32_t i = 0; i < program->rotations.count; i++) {
        const ts_rotation *rotation = &program->rotations.data[i];
        put_i(out, rotation->step);
        put_u(out, (uint64_t)rotation->count);
        put_affine(out, program, &rotation->index);
    }
    put_u(out, program->indices.count);
    for (uint32_t i = 0; i < program->indices.count; i++)
        put_ap(out, program, &program->indices.data[i]);
    put_code(out, program);
}

ts_status ts_container_wrap(const void *payload, size_t payload_size, uint8_t **data, size_t *size,
                            ts_diag *diag) {
    size_t bound = ZSTD_compressBound(payload_size);
    uint8_t *out = malloc(TS_CONTAINER_HEADER + bound);
    uint32_t version = TS_CONTAINER_VERSION;
    uint64_t hash = ts_hash(payload, payload_size, 0), bytes = payload_size, digest = ts_isa_digest();
    *data = NULL;
    *size = 0;
    if (!out) return ts_fail(diag, ts_capacity, "no memory for a program of %zu bytes", payload_size);
    size_t packed = ZSTD_compress(out + TS_CONTAINER_HEADER, bound, payload, payload_size, ZSTD_LEVEL);
    if (ZSTD_isError(packed)) {
        free(out);
        return ts_fail(diag, ts_system, "zstd: %s", ZSTD_getErrorName(packed));
    }
    memcpy(out, TS_CONTAINER_MAGIC, 4);
    memcpy(out + 4, &version, 4);
    memcpy(out + 8, &hash, 8);
    memcpy(out + 16, &bytes, 8);
    memcpy(out + 24, &digest, 8);
    *data = out;
    *size = TS_CONTAINER_HEADER + packed;
    return ts_ok;
}

typedef struct encoding {
    const ts_program *program;
    ts_text payload;
} encoding;

static ts_status put_within(void *context) {
    encoding *e = context;
    put_program(&e->payload, e->program);
    return ts_ok;
}

ts_status ts_program_encode(const ts_program *program, uint8_t **data, size_t *size, ts_diag *diag) {
    encoding e = {.program = program};
    const void *const kept[] = {&e.payload, NULL};
    *data = NULL;
    *size = 0;
    TS_TRY(ts_program_check(program, diag)); /* writes nothing that the reader would refuse */
    ts_status status = ts_unit_run(kept, put_within, &e, "encoding a program", diag);
    if (status == ts_ok) status = ts_container_wrap(e.payload.data, e.payload.length, data, size, diag);
    ts_text_free(&e.payload);
    return status;
}
