/* Slabs: pools of items of one size. Once they have grown, the clock's loops allocate nothing. */
#include "clock/clock_core.h"

void *ts_slab_more(ts_arena *arena, ts_slab *slab, size_t size) {
    if (slab->blocks.count == 0 || slab->used == ts_slab_items(slab->blocks.count - 1)) {
        char *block = ts_arena_alloc(arena, ts_slab_items(slab->blocks.count) * size + TS_SLAB_LINE);
        block += -(uintptr_t)block % TS_SLAB_LINE;
        ts_vec_push(&slab->blocks, arena, block);
        slab->used = 0;
    }
    return slab->blocks.data[slab->blocks.count - 1] + size * slab->used++;
}
