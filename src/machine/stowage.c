/* Placement of tiles in host memory, in the order of their first access: what its first instruction sets as
   a whole goes to the lowest lines that are free, which are those that the caches hold. Of any other tile a
   read may meet bytes that nothing has set: it gets lines that no tile had before while there are such, so
   that a run finds the same there as at the tile's address, NaN. */
#include "machine/stowage.h"

#include <stdlib.h>

#include "arch/program.h"
#include "machine/core.h"

typedef struct stowed {
    uint32_t first, last;
    int32_t line, lines,
        place; /* where the tile begins for the program, its length, and where for the host */
    uint8_t space;
    bool is_set_whole;
} stowed;

struct ts_stowage {
    int32_t lines[2]; /* of SBUF, of PSUM */
    uint32_t count;
    stowed tile[]; /* by first access */
};

static int index_of(unsigned space) {
    return space == ts_space_psum;
}

/* ---- placing ---- */

static int by_first(const void *a, const void *b) {
    const stowed *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x->line != y->line ? (x->line < y->line ? -1 : 1) : 0;
}

/* Lines of one memory: 1 + position after which the latest tile is no more; 0 = there was none. By the
   program's addresses, and by the host's. */
typedef struct room {
    int32_t lines;
    uint32_t *named, *kept;
} room;

static bool take(uint32_t *lines, const stowed *tile, int32_t from) {
    for (int32_t i = from; i < from + tile->lines; i++) {
        if (lines[i] > tile->first) return false;
        lines[i] = tile->last + 1;
    }
    return true;
}

/* The lowest lines that are free, or the highest that always were; -1: there are none. */
static int32_t lowest(const room *r, const stowed *tile) {
    int32_t free = 0;
    for (int32_t i = 0; i < r->lines; i++) {
        free = r->kept[i] > tile->first ? 0 : free + 1;
        if (free == tile->lines) return i + 1 - free;
    }
    return -1;
}

static int32_t highest_unused(const room *r, const stowed *tile) {
    int32_t free = 0;
    for (int32_t i = r->lines; i-- > 0;) {
        free = r->kept[i] ? 0 : free + 1;
        if (free == tile->lines) return i;
    }
    return -1;
}

static bool place(room *r, stowed *tile) {
    if (tile->line + tile->lines > r->lines || !take(r->named, tile, tile->line)) return false;
    int32_t at = tile->is_set_whole ? -1 : highest_unused(r, tile);
    if (at < 0) at = lowest(r, tile);
    if (at < 0) return false;
    tile->place = at;
    return take(r->kept, tile, at);
}

static bool place_all(ts_stowage *s) {
    uint32_t *lines = calloc(2 * ((size_t)s->lines[0] + (size_t)s->lines[1]) + 1, sizeof *lines);
    if (!lines) return false;
    room rooms[2];
    uint32_t *next = lines;
    for (int i = 0; i < 2; i++) {
        rooms[i] = (room){s->lines[i], next, next + s->lines[i]};
        next += 2 * s->lines[i];
    }
    bool has_room = true;
    for (uint32_t i = 0; i < s->count && has_room; i++)
        has_room = place(&rooms[index_of(s->tile[i].space)], &s->tile[i]);
    free(lines);
    return has_room;
}

ts_stowage *ts_stowage_new(const ts_chip *chip, const ts_tile_life *lives, uint32_t count) {
    ts_stowage *s = malloc(sizeof *s + count * sizeof *s->tile);
    if (!s) return NULL;
    s->lines[0] = (int32_t)chip->sbuf_partition_bytes / TS_LINE;
    s->lines[1] = (int32_t)chip->psum_partition_bytes / TS_LINE;
    s->count = count;
    for (uint32_t i = 0; i < count; i++) {
        const ts_tile_life *life = &lives[i];
        int64_t line = life->address / TS_LINE, end = (life->address + life->bytes + TS_LINE - 1) / TS_LINE;
        s->tile[i] = (stowed){.first = life->first,
                              .last = life->last,
                              .line = (int32_t)line,
                              .lines = (int32_t)(end - line),
                              .space = life->space,
                              .is_set_whole = life->is_set_whole};
    }
    qsort(s->tile, count, sizeof *s->tile, by_first);
    if (place_all(s)) return s;
    free(s);
    return NULL;
}

void ts_stowage_free(ts_stowage *stowage) {
    free(stowage);
}

/* ---- a run ---- */

bool ts_stowing_begin(ts_stowing *stowing, const ts_stowage *stowage) {
    *stowing = (ts_stowing){.stowage = stowage};
    if (!stowage) return true;
    int32_t *moved = calloc((size_t)stowage->lines[0] + (size_t)stowage->lines[1], sizeof *moved);
    stowing->moved[0] = moved;
    stowing->moved[1] = moved ? moved + stowage->lines[0] : NULL;
    return moved != NULL;
}

void ts_stowing_end(ts_stowing *stowing) {
    free(stowing->moved[0]);
}

void ts_stowing_at(ts_stowing *stowing, uint32_t position) {
    const ts_stowage *s = stowing->stowage;
    if (!s) return;
    for (; stowing->begun < s->count && s->tile[stowing->begun].first <= position; stowing->begun++) {
        const stowed *tile = &s->tile[stowing->begun];
        int32_t *moved = stowing->moved[index_of(tile->space)] + tile->line;
        for (int32_t i = 0; i < tile->lines; i++)
            moved[i] = tile->place - tile->line;
    }
}

int64_t ts_stowing_offset(const ts_stowing *stowing, unsigned space, int64_t offset) {
    if (!stowing->stowage) return offset;
    return offset + (int64_t)TS_LINE * stowing->moved[index_of(space)][offset / TS_LINE];
}
