/* Recorder: buffers, source lines, and the end of a recording. */
#include "nki/recorder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch/dtype.h"

enum { MOST_INSTRUCTIONS = 20 * 1000 * 1000, TILE_UNIT = 64 };

ts_recorder *ts_recorder_new(const char *name, const ts_chip *chip) {
    ts_recorder *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->program = ts_program_new(name, chip->name);
    r->program->order = ts_order_list;
    r->chip = *chip;
    r->chip.sbuf_partition_bytes -= fmin(chip->sbuf_compiler_bytes, chip->sbuf_partition_bytes);
    r->most_instructions = MOST_INSTRUCTIONS;
    ts_builder_init(&r->builder, r->program, &r->chip);
    r->builder.owns_banks = true;
    return r;
}

void ts_recorder_free(ts_recorder *r) {
    if (!r) return;
    ts_program_free(r->program);
    free(r);
}

#define COPY_VEC(to, from, arena)                                                                            \
    do {                                                                                                     \
        (to).data =                                                                                          \
            (from).count ? ts_arena_copy((arena), (from).data, (from).count * sizeof *(from).data) : NULL;   \
        (to).count = (to).capacity = (from).count;                                                           \
    } while (0)

ts_recorder *ts_recorder_copy(const ts_recorder *from) {
    ts_recorder *to = ts_recorder_new(from->program->name, &from->chip);
    if (!to) return NULL;
    to->chip = from->chip;
    to->program->ranks = from->program->ranks;
    ts_arena *arena = &to->program->arena;
    const ts_program *program = from->program;
    COPY_VEC(to->buffers, from->buffers, arena);
    COPY_VEC(to->current, from->current, arena);
    COPY_VEC(to->uses, from->uses, arena);
    COPY_VEC(to->marks, from->marks, arena);
    COPY_VEC(to->statements, from->statements, arena);
    COPY_VEC(to->builder.tiles, from->builder.tiles, arena);
    COPY_VEC(to->builder.tensor_locs, from->builder.tensor_locs, arena);
    COPY_VEC(to->program->tensors, program->tensors, arena);
    COPY_VEC(to->program->indices, program->indices, arena);
    COPY_VEC(to->program->locs, program->locs, arena);
    COPY_VEC(to->program->code, program->code, arena);
    for (uint32_t i = 0; i < program->code.count; i++) {
        const ts_inst *inst = program->code.data[i];
        to->program->code.data[i] = ts_arena_copy(arena, inst, ts_op_get(inst->op)->size);
    }
    for (uint32_t i = 0; i < program->tensors.count; i++) {
        ts_tensor *tensor = &to->program->tensors.data[i];
        tensor->name = ts_arena_string(arena, tensor->name);
        if (tensor->data) tensor->data = ts_arena_copy(arena, tensor->data, tensor->bytes);
    }
    for (uint32_t i = 0; i < program->locs.count; i++) {
        ts_loc *loc = &to->program->locs.data[i];
        loc->file = ts_arena_string(arena, loc->file);
        if (loc->name) loc->name = ts_arena_string(arena, loc->name);
    }
    for (uint32_t i = 0; i < to->buffers.count; i++)
        to->buffers.data[i].name = ts_arena_string(arena, to->buffers.data[i].name);
    return to;
}

uint32_t ts_recorder_loc(ts_recorder *r, const char *file, int line) {
    ts_program *program = r->program;
    ts_loc loc = {.file = file, .line = (uint32_t)line, .name = ""};
    for (uint32_t i = 1; i < program->locs.count; i++)
        if (program->locs.data[i].line == loc.line && strcmp(program->locs.data[i].file, file) == 0) return i;
    loc.file = ts_arena_string(&program->arena, file);
    ts_vec_push(&program->locs, &program->arena, loc);
    return program->locs.count - 1;
}

void ts_record_mark(ts_recorder *r, ts_nki_mark mark, uint32_t loc) {
    ts_loop_mark made = {
        .position = r->program->code.count, .loc = loc, .tiles = r->uses.count, .mark = mark};
    ts_vec_push(&r->marks, &r->program->arena, made);
}

uint32_t ts_record_line(const ts_recorder *r, uint32_t loc) {
    return r->program->locs.data[loc].line;
}

void ts_record_where(const ts_recorder *r, uint32_t loc, ts_diag *diag) {
    const ts_loc *where = &r->program->locs.data[loc];
    if (where->file[0]) ts_diag_where(diag, where->file, (int)where->line);
}

ts_status ts_record_check_room(const ts_recorder *r, uint32_t more, uint32_t loc, ts_diag *diag) {
    if (r->program->code.count + more <= r->most_instructions) return ts_ok;
    ts_fail(diag, ts_capacity, "the kernel runs more than %llu instructions",
            (unsigned long long)r->most_instructions);
    ts_record_where(r, loc, diag);
    return ts_capacity;
}

/* Checks the limits of a single tile, without regard to others. */
static ts_status check_tile(const ts_recorder *r, const ts_nki_tile *spec, ts_diag *diag) {
    bool is_psum = spec->space == ts_nki_psum;
    double most = is_psum ? r->chip.psum_partition_bytes : r->chip.sbuf_partition_bytes;
    if ((double)(spec->part + spec->parts) > r->chip.partitions) {
        ts_fail(diag, ts_input, "number of partitions %lld exceed architecture limitation of %.0f",
                (long long)(spec->part + spec->parts), r->chip.partitions);
        ts_diag_remedy(diag, "cut the first dimension into tiles of at most %.0f partitions",
                       r->chip.partitions);
        ts_diag_rule(diag, "err_num_partition_exceed_arch_limit");
        return ts_input;
    }
    int64_t end = spec->bytes;
    for (uint32_t i = 0; spec->address && i < spec->blocks; i++)
        if (spec->address[i] + spec->bytes > end) end = spec->address[i] + spec->bytes;
    if ((double)end <= most) return ts_ok;
    ts_fail(diag, ts_capacity, "tile %s %s %lld bytes of each partition, %s has %.0f (chip.def %s)",
            spec->name[0] ? spec->name : "without a name", end > spec->bytes ? "ends beyond" : "takes",
            (long long)(end > spec->bytes ? most : end), ts_space_name(spec->space), most,
            is_psum ? "psum_partition_bytes" : "sbuf_partition_bytes less sbuf_compiler_bytes");
    ts_diag_remedy(diag, end > spec->bytes ? "choose a lower address" : "cut its free dimensions");
    return ts_capacity;
}

ts_tile ts_record_new_tile(ts_recorder *r, ts_buffer buffer) {
    const ts_buffer_info *info = &r->buffers.data[buffer - 1];
    ts_tile tile = ts_build_tile(&r->builder, info->space, info->parts, info->bytes, 1);
    ts_tile_info *made = &r->builder.tiles.data[tile - 1];
    made->name = info->name;
    made->loc = info->loc;
    ts_vec_push(&r->uses, &r->program->arena, (ts_tile_use){.buffer = buffer});
    return tile;
}

ts_buffer ts_record_buffer(ts_recorder *r, const ts_nki_tile *spec, uint32_t loc, ts_diag *diag) {
    if (check_tile(r, spec, diag) != ts_ok) {
        ts_record_where(r, loc, diag);
        return 0;
    }
    ts_arena *arena = &r->program->arena;
    ts_buffer_info info = {.space = (uint8_t)spec->space,
                           .dtype = (uint8_t)spec->dtype,
                           .is_fixed = spec->address != NULL,
                           .is_value = spec->is_value,
                           .part = spec->part,
                           .blocks = spec->blocks,
                           .first = r->current.count,
                           .parts = (int32_t)spec->parts,
                           .bytes = spec->bytes > 0 ? spec->bytes : TILE_UNIT,
                           .name = ts_arena_string(arena, spec->name),
                           .loc = loc};
    ts_vec_push(&r->buffers, arena, info);
    ts_buffer buffer = r->buffers.count;
    for (uint32_t i = 0; i < spec->blocks; i++) {
        ts_tile tile = ts_record_new_tile(r, buffer);
        if (spec->address) {
            ts_tile_info *made = &r->builder.tiles.data[tile - 1];
            made->is_fixed = true;
            made->address = spec->address[i];
            made->bytes = info.bytes;
        }
        ts_vec_push(&r->current, arena, tile);
    }
    return buffer;
}

ts_buffer ts_record_tensor(ts_recorder *r, ts_tensor_kind kind, ts_dtype dtype, int rank, const int64_t *dim,
                           const void *data, const char *name, uint32_t loc, ts_diag *diag) {
    if (rank > TS_MAX_RANK) {
        ts_fail(diag, ts_unsupported, "tensor %s has %d dimensions, at most %d are modelled", name, rank,
                TS_MAX_RANK);
        return 0;
    }
    r->builder.loc = loc;
    uint32_t index = ts_build_tensor(&r->builder, kind, dtype, rank, dim, name);
    ts_tensor *tensor = &r->program->tensors.data[index];
    if (data) tensor->data = ts_arena_copy(&r->program->arena, data, tensor->bytes);
    ts_buffer_info info = {.space = ts_space_hbm,
                           .dtype = (uint8_t)dtype,
                           .blocks = 1,
                           .first = index,
                           .name = tensor->name,
                           .loc = loc};
    ts_vec_push(&r->buffers, &r->program->arena, info);
    return r->buffers.count;
}

void ts_record_kind(ts_recorder *r, ts_buffer tensor, ts_tensor_kind kind, uint32_t number) {
    ts_tensor *row = &r->program->tensors.data[r->buffers.data[tensor - 1].first];
    row->kind = (uint8_t)kind;
    row->number = number;
}

void ts_record_close_gaps(ts_recorder *r) {
    ts_program *program = r->program;
    uint32_t kept = 0, mark = 0;
    for (uint32_t at = 0; at < program->code.count; at++) {
        for (; mark < r->marks.count && r->marks.data[mark].position <= at; mark++)
            r->marks.data[mark].position = kept;
        if (program->code.data[at]) program->code.data[kept++] = program->code.data[at];
    }
    for (; mark < r->marks.count; mark++)
        r->marks.data[mark].position = kept;
    program->code.count = kept;
}

ts_status ts_recorder_settle(ts_recorder *r, ts_diag *diag) {
    ts_record_fold(r);
    TS_TRY(ts_record_check_reads(r, diag));
    ts_record_check_unset(r);
    ts_record_check_trips(r);
    ts_record_rename(r);
    ts_record_hoist(r);
    ts_record_read_psum(r);
    ts_record_balance(r);
    return ts_record_spill(r, diag);
}

ts_status ts_recorder_finish(ts_recorder *r, ts_diag *diag) {
    TS_TRY(ts_recorder_settle(r, diag));
    TS_TRY(ts_plan_place(&r->builder, diag));
    TS_TRY(ts_plan_check_hbm(&r->builder, diag));
    return ts_program_verify(r->program, &r->chip, diag);
}
