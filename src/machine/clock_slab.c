/* Slabs: the clock's pools of equal things, which make its loops free of allocation once they have grown. */
#include <string.h>

#include "machine/clock_core.h"

void *ts_slab_take(ts_arena *arena, ts_slab *slab, size_t size) {
    if (slab->free) {
        void *item = slab->free;
        memcpy(&slab->free, item, sizeof slab->free);
        return item;
    }
    if (slab->blocks.count == 0 || slab->used == TS_SLAB_ITEMS) {
        char *block = ts_arena_alloc(arena, TS_SLAB_ITEMS * size + TS_SLAB_LINE);
        block += -(uintptr_t)block % TS_SLAB_LINE;
        ts_vec_push(&slab->blocks, arena, block);
        slab->used = 0;
    }
    return slab->blocks.data[slab->blocks.count - 1] + size * slab->used++;
}

void ts_slab_give(ts_slab *slab, void *item) {
    memcpy(item, &slab->free, sizeof slab->free);
    slab->free = item;
}
