/* Transfers of boxes between HBM and tiles. */
#include "compiler/lower/box.h"

static bool is_one(ts_count count) {
    return count.max == 1 && !count.is_ragged;
}

void ts_box_part(ts_box *t, int64_t hbm, ts_count count) {
    if (is_one(count)) return;
    ts_box_dim *outer = t->part_count ? &t->part[t->part_count - 1] : NULL;
    if (outer && !count.is_ragged && !outer->count.is_ragged && outer->hbm == hbm * count.max) {
        outer->hbm = hbm;
        outer->count.max *= count.max;
        return;
    }
    t->part[t->part_count++] = (ts_box_dim){.hbm = hbm, .count = count};
}

void ts_box_free(ts_box *t, int64_t hbm, int64_t tile, ts_count count) {
    if (is_one(count)) return;
    ts_box_dim *outer = t->free_count ? &t->free[t->free_count - 1] : NULL;
    if (outer && !count.is_ragged && !outer->count.is_ragged && outer->hbm == hbm * count.max &&
        outer->tile == tile * count.max) {
        outer->hbm = hbm;
        outer->tile = tile;
        outer->count.max *= count.max;
        return;
    }
    t->free[t->free_count++] = (ts_box_dim){.hbm = hbm, .tile = tile, .count = count};
}

/* Opens loops over the outermost free dims for which an operand has no room, or whose steps do not fit. */
static int open_loops(ts_builder *b, ts_box *t) {
    int bytes = ts_dtype_get(t->tile_dtype)->bytes, first = 0;
    int on_chip = TS_AP_DIMS - 1, in_hbm = TS_AP_DIMS - (t->part_count ? t->part_count : 1);
    int room = on_chip < in_hbm ? on_chip : in_hbm;
    for (; t->free_count - first > room || (first < t->free_count && t->free[first].tile > INT16_MAX);
         first++) {
        uint32_t loop = ts_build_loop(b, t->free[first].count);
        t->hbm_offset = ts_build_term(b, t->hbm_offset, t->free[first].hbm, loop);
        t->tile_offset = ts_build_term(b, t->tile_offset, t->free[first].tile * bytes, loop);
    }
    return first;
}

static int make_aps(ts_builder *b, ts_box *t, ts_ap *hbm, ts_ap *tile) {
    int first = open_loops(b, t);
    *hbm = ts_build_hbm(t->tensor, t->hbm_dtype, t->hbm_offset);
    *tile = ts_build_ap(b, t->tile, t->tile_dtype, t->parts, ts_count_const(1));
    tile->offset = ts_build_sum(b, tile->offset, t->tile_offset, 1);
    if (t->has_slot) ts_build_slot(b, tile, t->slot);
    if (t->part_count == 0) ts_ap_dim(hbm, 0, ts_count_const(1));
    for (int i = 0; i < t->part_count; i++)
        ts_ap_dim(hbm, t->part[i].hbm, t->part[i].count);
    if (t->free_count > first) tile->dims = 0;
    for (int i = first; i < t->free_count; i++) {
        ts_ap_dim(hbm, t->free[i].hbm, t->free[i].count);
        ts_ap_dim(tile, t->free[i].tile, t->free[i].count);
    }
    return first;
}

void ts_emit_load(ts_builder *b, ts_engine trigger, int queue, ts_box *t) {
    ts_ap hbm, tile;
    int loops = make_aps(b, t, &hbm, &tile);
    ts_emit_dma(b, trigger, queue, &tile, &hbm);
    while (loops-- > 0)
        ts_build_end(b);
}

void ts_emit_store(ts_builder *b, ts_engine trigger, int queue, ts_box *t) {
    ts_ap hbm, tile;
    int loops = make_aps(b, t, &hbm, &tile);
    ts_emit_dma(b, trigger, queue, &hbm, &tile);
    while (loops-- > 0)
        ts_build_end(b);
}
