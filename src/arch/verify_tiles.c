/* Verifier: the tiles that a program names. Tiles that are live at the same time must not overlap. */
#include <stdlib.h>

#include "arch/lifetime.h"
#include "arch/structure.h"
#include "arch/verify.h"

/* A tile's live range in code positions. */
typedef struct span {
    uint32_t tile, first, last;
} span;

static int by_first(const void *a, const void *b) {
    const span *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x->tile < y->tile ? -1 : x->tile > y->tile;
}

static int64_t end_of(const ts_tile_row *tile) {
    return tile->address + tile->bytes * tile->slots;
}

static ts_status refuse_both(const ts_verifier *v, uint32_t a, uint32_t b, uint32_t at) {
    ts_fail(v->diag, ts_input, "tiles %u and %u of %s share bytes and are both needed from instruction %u on",
            a + 1, b + 1, ts_space_name(v->program->tiles.data[a].space), at);
    ts_diag_inst(v->diag, v->program, v->program->code.data[at]);
    return ts_input;
}

/* Sweeps over the ranges by their beginnings. `live` holds those that are live; a tile leaves when a range
   begins after its end. */
static ts_status check_spans(const ts_verifier *v, const span *spans, uint32_t count, span *live) {
    const ts_tile_row *tiles = v->program->tiles.data;
    uint32_t held = 0;
    for (uint32_t i = 0; i < count; i++) {
        const ts_tile_row *tile = &tiles[spans[i].tile];
        uint32_t kept = 0;
        for (uint32_t j = 0; j < held; j++) {
            const ts_tile_row *other = &tiles[live[j].tile];
            if (live[j].last < spans[i].first) continue;
            if (other->space == tile->space && other->address < end_of(tile) && tile->address < end_of(other))
                return refuse_both(v, live[j].tile, spans[i].tile, spans[i].first);
            live[kept++] = live[j];
        }
        live[kept++] = spans[i];
        held = kept;
    }
    return ts_ok;
}

ts_status ts_verify_tiles(const ts_verifier *v, ts_arena *scratch) {
    const ts_program *program = v->program;
    const uint32_t count = program->tiles.count;
    if (count == 0) return ts_ok;
    ts_tile_life *lives = ts_tile_lives(program, scratch);
    span *spans = TS_NEW_ARRAY(scratch, span, count), *live = TS_NEW_ARRAY(scratch, span, count);
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        const ts_tile_row *tile = &program->tiles.data[i];
        double room =
            tile->space == ts_space_psum ? v->chip->psum_partition_bytes : v->chip->sbuf_partition_bytes;
        if ((double)end_of(tile) > room)
            return ts_fail(
                v->diag, ts_input, "tile %u ends at byte %lld, %s has %.0f (chip.def %s_partition_bytes)",
                i + 1, (long long)end_of(tile), ts_space_name(tile->space), room, ts_space_name(tile->space));
        if (lives[i].first != TS_LIVE_NEVER) spans[used++] = (span){i, lives[i].first, lives[i].last};
    }
    qsort(spans, used, sizeof *spans, by_first);
    return check_spans(v, spans, used, live);
}
