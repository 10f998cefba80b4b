/* Reader of the binary .trn container. Every size is checked against the bytes left before it is used, and
   the program's structure before it is returned. */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "arch/container.h"
#include "arch/isa.h"
#include "arch/structure.h"
#include "base/file.h"
#include "base/unit.h"

/* Errors are sticky: after the first failure all reads give 0, and loops end because no bytes are left. */
typedef struct reader {
    const uint8_t *at, *end;
    ts_program *program;
    ts_diag *diag;
    ts_status status;
} reader;

static void refuse(reader *r, const char *what) {
    if (r->status == ts_ok)
        r->status = ts_fail(r->diag, ts_input, "damaged program: %s, %zu bytes before its end", what,
                            (size_t)(r->end - r->at));
    r->at = r->end;
}

static uint64_t get_u(reader *r, uint64_t limit) {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (r->at == r->end) {
            refuse(r, "a number is cut off");
            return 0;
        }
        uint8_t byte = *r->at++;
        if (shift == 63 && byte > 1) break;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte & 128) continue;
        if (value > limit) break;
        return value;
    }
    refuse(r, "a number is too large");
    return 0;
}

static int64_t get_i(reader *r) {
    uint64_t value = get_u(r, UINT64_MAX);
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

/* Reads a number of items. Each item takes at least one byte, which limits the number. */
static uint32_t get_length(reader *r) {
    uint64_t left = (uint64_t)(r->end - r->at);
    return (uint32_t)get_u(r, left < UINT32_MAX ? left : UINT32_MAX);
}

static const char *get_string(reader *r) {
    uint32_t length = get_length(r);
    if (length > (size_t)(r->end - r->at) || memchr(r->at, 0, length)) {
        refuse(r, "a string is cut off or holds a zero byte");
        return "";
    }
    const char *string = ts_arena_string_n(&r->program->arena, (const char *)r->at, length);
    r->at += length;
    return string;
}

static void get_bytes(reader *r, void *value, size_t size) {
    if ((size_t)(r->end - r->at) < size) {
        refuse(r, "a number is cut off");
        return;
    }
    memcpy(value, r->at, size);
    r->at += size;
}

static double get_f64(reader *r) {
    double value = 0;
    get_bytes(r, &value, sizeof value);
    return value;
}

static void get_affine(reader *r, ts_affine *affine) {
    affine->base = get_i(r);
    uint64_t counts = get_u(r, (uint64_t)TS_MOST_ROTATIONS << 16 | UINT16_MAX);
    if ((counts & UINT16_MAX) > TS_MOST_TERMS) refuse(r, "an offset has too many terms");
    affine->rotation = (uint32_t)(counts >> 16) & TS_MOST_ROTATIONS;
    affine->term_count = (uint8_t)counts;
    affine->first_term = r->program->terms.count;
    for (uint32_t i = 0; i < affine->term_count && r->status == ts_ok; i++) {
        ts_term term = {.coef = get_i(r)};
        term.loop = (uint32_t)get_u(r, UINT32_MAX);
        ts_vec_push(&r->program->terms, &r->program->arena, term);
    }
}

static void get_count(reader *r, ts_count *count) {
    uint64_t value = get_u(r, UINT32_MAX);
    count->max = (int32_t)(value >> 1);
    count->is_ragged = value & 1;
    if (count->is_ragged) get_affine(r, &count->limit);
}

static void get_ap(reader *r, ts_ap *ap) {
    memset(ap, 0, sizeof *ap);
    ap->space = (uint8_t)get_u(r, ts_space_hbm);
    if (ap->space == ts_space_none) return;
    ap->dtype = (uint8_t)get_u(r, ts_dtype_count - 1);
    ap->tensor = (uint32_t)get_u(r, UINT32_MAX);
    if (ap->space == ts_space_hbm) {
        ap->parts.max = 1;
        ap->index = (uint32_t)get_u(r, UINT32_MAX);
        if (ap->index) ap->index_step = get_i(r);
    } else {
        get_affine(r, &ap->part);
        get_count(r, &ap->parts);
    }
    get_affine(r, &ap->offset);
    ap->dims = (uint8_t)get_u(r, TS_AP_DIMS);
    for (int i = 0; i < ap->dims; i++) {
        ap->dim[i].step = get_i(r);
        get_count(r, &ap->dim[i].count);
    }
}

static void get_field(reader *r, const ts_field *field, void *value) {
    ts_accum *accum = value;
    ts_scalar *scalar = value;
    ts_field_steps *steps = value;
    switch (field->kind) {
    case ts_kind_dst:
    case ts_kind_src:
    case ts_kind_opt:
    case ts_kind_optdst: get_ap(r, value); break;
    case ts_kind_scalar:
        scalar->is_ap = get_u(r, 1);
        if (scalar->is_ap)
            get_ap(r, &scalar->ap);
        else
            scalar->value = get_f64(r);
        break;
    case ts_kind_accum:
        accum->mode = (uint8_t)get_u(r, ts_accum_unless_first);
        if (accum->mode == ts_accum_unless_first) accum->loop = (uint32_t)get_u(r, UINT32_MAX);
        break;
    case ts_kind_affine: get_affine(r, value); break;
    case ts_kind_trip: get_count(r, value); break;
    case ts_kind_loop: *(uint32_t *)value = (uint32_t)get_u(r, UINT32_MAX); break;
    case ts_kind_alu:
    case ts_kind_act:
    case ts_kind_rmw:
    case ts_kind_oob:
    case ts_kind_flag:
    case ts_kind_cmd:
    case ts_kind_cc:
    case ts_kind_u8: *(uint8_t *)value = (uint8_t)get_u(r, UINT8_MAX); break;
    case ts_kind_i64: *(int64_t *)value = get_i(r); break;
    case ts_kind_f64: *(double *)value = get_f64(r); break;
    case ts_kind_steps:
        for (int i = 0; i < 4; i++)
            steps->step[i] = get_i(r);
        break;
    case ts_kind_lanes: get_bytes(r, value, sizeof(ts_field_lanes)); break;
    }
}

static void get_locs(reader *r) {
    uint32_t count = get_length(r);
    const char *file = "", *name = "";
    r->program->locs.count = 0; /* row 0 is in the file as well */
    for (uint32_t i = 0; i < count && r->status == ts_ok; i++) {
        if (get_u(r, 1)) file = get_string(r);
        if (get_u(r, 1)) name = get_string(r);
        ts_loc loc = {.file = file, .name = name};
        loc.line = (uint32_t)get_u(r, UINT32_MAX);
        loc.column = (uint32_t)get_u(r, UINT32_MAX);
        loc.parent = (uint32_t)get_u(r, UINT32_MAX);
        ts_vec_push(&r->program->locs, &r->program->arena, loc);
    }
}

/* The size follows from dtype and dims; a constant's data must have that size. */
static void get_tensor_data(reader *r, ts_tensor *tensor) {
    tensor->bytes = (uint64_t)ts_dtype_get(tensor->dtype)->bytes;
    for (int i = 0; i < tensor->rank; i++)
        if (__builtin_mul_overflow(tensor->bytes, (uint64_t)tensor->dim[i], &tensor->bytes))
            refuse(r, "a tensor is too large");
    if (tensor->kind != ts_tensor_constant) return;
    uint64_t bytes = get_u(r, UINT64_MAX);
    if (bytes != tensor->bytes || bytes > (uint64_t)(r->end - r->at)) {
        refuse(r, "a constant is cut off");
        return;
    }
    tensor->data = ts_arena_copy(&r->program->arena, r->at, bytes);
    r->at += bytes;
}

static void get_tensors(reader *r) {
    uint32_t count = get_length(r);
    for (uint32_t i = 0; i < count && r->status == ts_ok; i++) {
        ts_tensor tensor = {.name = get_string(r)};
        tensor.dtype = (uint8_t)get_u(r, ts_dtype_count - 1);
        tensor.kind = (uint8_t)get_u(r, ts_tensor_constant);
        tensor.rank = (uint8_t)get_u(r, TS_MAX_RANK);
        for (int j = 0; j < tensor.rank; j++)
            tensor.dim[j] = (int64_t)get_u(r, INT64_MAX);
        tensor.number = (uint32_t)get_u(r, UINT32_MAX);
        int64_t alias = get_i(r);
        if (alias < -1 || alias > INT32_MAX) refuse(r, "an alias is out of range");
        tensor.alias = (int32_t)alias;
        tensor.address = get_u(r, UINT64_MAX);
        get_tensor_data(r, &tensor);
        ts_vec_push(&r->program->tensors, &r->program->arena, tensor);
    }
}

static void get_tiles(reader *r) {
    uint32_t count = get_length(r);
    for (uint32_t i = 0; i < count && r->status == ts_ok; i++) {
        ts_tile_row tile = {.space = (uint8_t)get_u(r, ts_space_hbm)};
        tile.slots = (uint16_t)get_u(r, UINT16_MAX);
        tile.address = (int64_t)get_u(r, INT64_MAX);
        tile.bytes = (int64_t)get_u(r, INT64_MAX);
        ts_vec_push(&r->program->tiles, &r->program->arena, tile);
    }
}

static void get_rotations(reader *r) {
    uint32_t count = get_length(r);
    for (uint32_t i = 0; i < count && r->status == ts_ok; i++) {
        ts_rotation rotation = {.step = get_i(r)};
        rotation.count = (int32_t)get_u(r, INT32_MAX);
        get_affine(r, &rotation.index);
        ts_vec_push(&r->program->rotations, &r->program->arena, rotation);
    }
}

/* Rebuilds the table of loops from the loop marks; ts_program_check compares the two. */
static void note_mark(reader *r, const ts_inst *inst, uint32_t *open) {
    ts_program *program = r->program;
    if (inst->op == ts_op_loop) {
        ts_loop loop = {.parent = *open, .begin = program->code.count - 1};
        loop.trip = ((const ts_inst_loop *)inst)->trip;
        ts_vec_push(&program->loops, &program->arena, loop);
        *open = program->loops.count;
    } else if (inst->op == ts_op_end) {
        if (*open == 0) {
            refuse(r, "an end without a loop");
            return;
        }
        ts_loop *loop = &program->loops.data[*open - 1];
        loop->end = program->code.count - 1;
        *open = loop->parent;
    }
}

static void get_sync(reader *r, ts_inst *inst) {
    uint64_t which = get_u(r, 3);
    if (!which) return;
    ts_sync sync = {.is_waiting = which & 1, .is_signalling = which >> 1 & 1};
    if (sync.is_waiting) {
        sync.awaited = (uint16_t)get_u(r, UINT16_MAX);
        get_affine(r, &sync.value);
    }
    if (sync.is_signalling) {
        sync.signalled = (uint16_t)get_u(r, UINT16_MAX);
        sync.amount = (uint32_t)get_u(r, INT32_MAX);
    }
    ts_vec_push(&r->program->syncs, &r->program->arena, sync);
    inst->sync = r->program->syncs.count;
}

static void get_code(reader *r) {
    uint32_t count = get_length(r), open = 0;
    for (uint32_t i = 0; i < count && r->status == ts_ok; i++) {
        ts_op op = (ts_op)get_u(r, ts_op_count - 1);
        ts_engine engine = (ts_engine)get_u(r, ts_engine_count - 1);
        uint8_t order = (uint8_t)get_u(r, ts_order_list);
        ts_inst *inst = ts_program_append(r->program, op, engine, (uint32_t)get_u(r, UINT32_MAX));
        inst->order = order;
        const ts_op_info *info = ts_op_get(op);
        if (r->program->syncing == ts_syncing_explicit) get_sync(r, inst);
        for (int j = 0; j < info->field_count; j++)
            get_field(r, &info->fields[j], (char *)inst + info->fields[j].offset);
        note_mark(r, inst, &open);
    }
}

static void get_program(reader *r) {
    r->program->name = get_string(r);
    r->program->chip = get_string(r);
    r->program->order = (uint8_t)get_u(r, ts_order_list);
    r->program->syncing = (uint8_t)get_u(r, ts_syncing_explicit);
    r->program->ranks = (uint32_t)get_u(r, TS_MAX_RANKS);
    r->program->model_flops = get_u(r, UINT64_MAX);
    r->program->scratch_bytes = get_u(r, UINT64_MAX);
    get_locs(r);
    get_tensors(r);
    get_tiles(r);
    get_rotations(r);
    uint32_t count = get_length(r);
    for (uint32_t i = 0; i < count && r->status == ts_ok; i++) {
        ts_ap index;
        get_ap(r, &index);
        ts_vec_push(&r->program->indices, &r->program->arena, index);
    }
    get_code(r);
    if (r->at != r->end) refuse(r, "bytes are left over");
}

/* Decompresses the payload; *payload is malloc'ed. A claimed size that zstd cannot reach from so few bytes is
   refused: a block takes at least 4 bytes and expands to at most 128 KiB. */
static ts_status unwrap(const uint8_t *data, size_t size, uint8_t **payload, size_t *bytes, ts_diag *diag) {
    uint32_t version;
    uint64_t hash, claimed, digest;
    if (size < TS_CONTAINER_HEADER || memcmp(data, TS_CONTAINER_MAGIC, 4) != 0)
        return ts_fail(diag, ts_input, "not a .trn file: it does not begin with TRN and the byte 0x1a");
    memcpy(&version, data + 4, 4);
    memcpy(&hash, data + 8, 8);
    memcpy(&claimed, data + 16, 8);
    memcpy(&digest, data + 24, 8);
    if (version != TS_CONTAINER_VERSION) {
        ts_fail(diag, ts_input, "a .trn file of version %u; this build reads %d", version,
                TS_CONTAINER_VERSION);
        ts_diag_remedy(diag, "compile the program again");
        return ts_input;
    }
    if (digest != ts_isa_digest()) {
        ts_fail(diag, ts_input,
                "a .trn file of another build of trainstone, whose instructions have other numbers");
        ts_diag_remedy(diag,
                       "compile the program again, or print it with that build: the text form is for both");
        return ts_input;
    }
    const uint8_t *packed = data + TS_CONTAINER_HEADER;
    size_t packed_size = size - TS_CONTAINER_HEADER;
    if (claimed / (128 * 1024) > packed_size / 4)
        return ts_fail(diag, ts_input, "damaged program: %llu bytes claimed of %zu compressed ones",
                       (unsigned long long)claimed, packed_size);
    *payload = malloc(claimed ? claimed : 1);
    if (!*payload)
        return ts_fail(diag, ts_capacity, "no memory for a program of %llu bytes",
                       (unsigned long long)claimed);
    *bytes = ZSTD_decompress(*payload, claimed, packed, packed_size);
    if (!ZSTD_isError(*bytes) && *bytes == claimed && ts_hash(*payload, *bytes, 0) == hash) return ts_ok;
    ts_fail(diag, ts_input, "damaged program: %s",
            ZSTD_isError(*bytes) ? ZSTD_getErrorName(*bytes) : "the hash of its contents differs");
    free(*payload);
    *payload = NULL;
    return ts_input;
}

static ts_status decode_within(void *context) {
    reader *r = context;
    r->program = ts_program_new("", "");
    get_program(r);
    if (r->status == ts_ok) r->status = ts_program_check(r->program, r->diag);
    if (r->status != ts_ok) ts_program_free(r->program);
    return r->status;
}

ts_status ts_program_decode(const uint8_t *data, size_t size, ts_program **program, ts_diag *diag) {
    uint8_t *payload = NULL;
    size_t bytes = 0;
    *program = NULL;
    TS_TRY(unwrap(data, size, &payload, &bytes, diag));
    reader r = {.at = payload, .end = payload + bytes, .diag = diag};
    ts_status status = ts_unit_run(NULL, decode_within, &r, "reading a program", diag);
    free(payload);
    TS_TRY(status);
    *program = r.program;
    return ts_ok;
}
