/* Encoding and decoding of recorded kernels (kernel.h has the format). */
#include "plan/kernel.h"

#include <stdlib.h>
#include <string.h>

#include "arch/dtype.h"
#include "base/unit.h"
#include "plan/liveness.h"

enum { VERSION = 1, HEADER = 24, ROW = 32, MAX_NAME = 255 };
static const char magic[4] = {'N', 'K', 'I', 0x1a};

/* A tile's row: space, is_fixed, length of the name, then parts, loc, bytes and address. The name follows the
   row. */
static void put_tile(ts_text *out, const ts_tile_info *tile) {
    char row[ROW] = {0};
    const char *name = tile->name ? tile->name : "";
    uint8_t length = (uint8_t)strnlen(name, MAX_NAME);
    row[0] = (char)tile->space;
    row[1] = (char)tile->is_fixed;
    row[2] = (char)length;
    memcpy(row + 4, &tile->parts, 4);
    memcpy(row + 8, &tile->loc, 4);
    memcpy(row + 16, &tile->bytes, 8);
    memcpy(row + 24, &tile->address, 8);
    ts_text_add_n(out, row, ROW);
    ts_text_add_n(out, name, length);
}

typedef struct encoding {
    const ts_builder *kernel;
    const uint8_t *program;
    uint64_t program_bytes;
    ts_text out;
} encoding;

static ts_status put_within(void *context) {
    encoding *e = context;
    uint32_t version = VERSION, tiles = e->kernel->tiles.count;
    char header[HEADER] = {0};
    memcpy(header, magic, 4);
    memcpy(header + 4, &version, 4);
    memcpy(header + 8, &tiles, 4);
    memcpy(header + 16, &e->program_bytes, 8);
    ts_text_add_n(&e->out, header, HEADER);
    for (uint32_t i = 0; i < tiles; i++)
        put_tile(&e->out, &e->kernel->tiles.data[i]);
    ts_text_add_n(&e->out, (const char *)e->program, e->program_bytes);
    return ts_ok;
}

ts_status ts_kernel_encode(const ts_builder *kernel, uint8_t **data, size_t *size, ts_diag *diag) {
    uint8_t *program;
    size_t bytes;
    *data = NULL;
    *size = 0;
    TS_TRY(ts_program_encode(kernel->program, &program, &bytes, diag));
    encoding e = {.kernel = kernel, .program = program, .program_bytes = bytes};
    const void *const kept[] = {&e.out, NULL};
    ts_status status = ts_unit_run(kept, put_within, &e, "encoding a kernel", diag);
    free(program);
    if (status != ts_ok) {
        ts_text_free(&e.out);
        return status;
    }
    *data = (uint8_t *)e.out.data;
    *size = e.out.length;
    return ts_ok;
}

/* ---- reading ---- */

typedef struct reader {
    const uint8_t *at, *end;
    ts_builder *kernel;
    uint32_t tiles;
    ts_diag *diag;
} reader;

static ts_status refuse(const reader *r, const char *what) {
    return ts_fail(r->diag, ts_input, "a recorded kernel is damaged: %s", what);
}

static ts_status get_tile(reader *r) {
    if (r->end - r->at < ROW || r->end - r->at - ROW < r->at[2]) return refuse(r, "a tile is cut off");
    ts_program *program = r->kernel->program;
    ts_tile_info tile = {.space = r->at[0], .is_fixed = r->at[1] != 0, .slots = 1};
    memcpy(&tile.parts, r->at + 4, 4);
    memcpy(&tile.loc, r->at + 8, 4);
    memcpy(&tile.bytes, r->at + 16, 8);
    memcpy(&tile.address, r->at + 24, 8);
    tile.name = ts_arena_string_n(&program->arena, (const char *)r->at + ROW, r->at[2]);
    r->at += ROW + r->at[2];
    bool is_psum = tile.space == ts_space_psum;
    int64_t most =
        (int64_t)(is_psum ? r->kernel->chip->psum_partition_bytes : r->kernel->chip->sbuf_partition_bytes);
    if ((!is_psum && tile.space != ts_space_sbuf) || tile.bytes < 0 || tile.bytes > most ||
        tile.address < 0 || tile.address > most - tile.bytes || tile.loc >= program->locs.count)
        return refuse(r, "a tile is none of the chip's");
    if (!tile.is_fixed) tile.address = 0;
    ts_vec_push(&r->kernel->tiles, &program->arena, tile);
    return ts_ok;
}

static ts_status get_tiles(void *context) {
    reader *r = context;
    for (uint32_t i = 0; i < r->tiles; i++)
        TS_TRY(get_tile(r));
    return r->at == r->end ? ts_ok : refuse(r, "bytes are left over");
}

/* Whether every byte that an operand in SBUF or PSUM accesses lies in its tile. */
static bool is_inside(const ts_builder *kernel, const ts_ap *ap) {
    if (ap->tensor == 0 || ap->tensor > kernel->tiles.count) return false;
    const ts_tile_info *tile = &kernel->tiles.data[ap->tensor - 1];
    if (tile->space != ap->space || !ts_affine_is_constant(&ap->offset) || !ts_affine_is_constant(&ap->part))
        return false;
    int64_t width = ts_dtype_get(ap->dtype)->bytes, low = ap->offset.base, high = low + width;
    if (low < 0 || low > tile->bytes) return false;
    for (int i = 0; i < ap->dims; i++) {
        int64_t reach;
        if (ap->dim[i].count.is_ragged || ap->dim[i].count.max < 1 ||
            __builtin_mul_overflow(ap->dim[i].step, (int64_t)(ap->dim[i].count.max - 1) * width, &reach) ||
            __builtin_add_overflow(reach < 0 ? low : high, reach, reach < 0 ? &low : &high))
            return false;
    }
    return low >= 0 && high <= tile->bytes;
}

static ts_status check_operands(const reader *r) {
    const ts_program *program = r->kernel->program;
    if (program->loops.count || program->syncs.count) return refuse(r, "it has loops or semaphores");
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_operand_use uses[TS_MOST_USES];
        int count = ts_live_uses(program->code.data[at], uses);
        for (int i = 0; i < count; i++)
            if (uses[i].ap->space != ts_space_hbm && !is_inside(r->kernel, uses[i].ap))
                return refuse(r, "an operand reaches out of its tile");
    }
    for (uint32_t i = 0; i < program->indices.count; i++)
        if (!is_inside(r->kernel, &program->indices.data[i]))
            return refuse(r, "an index reaches out of its tile");
    return ts_ok;
}

ts_status ts_kernel_decode(const uint8_t *data, size_t size, const ts_chip *chip, ts_builder *kernel,
                           ts_diag *diag) {
    uint32_t version;
    uint64_t bytes;
    ts_program *program = NULL;
    reader r = {.kernel = kernel, .diag = diag};
    kernel->program = NULL;
    if (size < HEADER || memcmp(data, magic, 4) != 0) return refuse(&r, "it does not begin with NKI");
    memcpy(&version, data + 4, 4);
    memcpy(&r.tiles, data + 8, 4);
    memcpy(&bytes, data + 16, 8);
    if (version != VERSION || bytes > size - HEADER) return refuse(&r, "its header");
    TS_TRY(ts_program_decode(data + size - bytes, bytes, &program, diag));
    ts_builder_init(kernel, program, chip);
    r.at = data + HEADER;
    r.end = data + size - bytes;
    const void *const kept[] = {&program->arena, NULL};
    TS_TRY(ts_unit_run(kept, get_tiles, &r, "reading a kernel", diag));
    return check_operands(&r);
}
