/* Of a recording whose tiles have their addresses: from where to where each is used. */
#include "nki/recorder.h"
#include "plan/liveness.h"

/* Whether the operand is all elements of a tile, in the order in which they lie. */
static bool is_all(const ts_recorder *r, uint32_t tile, const ts_ap *ap) {
    const ts_tile_info *info = &r->builder.tiles.data[tile];
    const ts_buffer_info *buffer = &r->buffers.data[r->uses.data[tile].buffer - 1];
    int64_t size = ts_dtype_get(ap->dtype)->bytes, elems = 1;
    if (ap->space != info->space || ap->offset.base != info->address || ap->offset.term_count) return false;
    if (ap->parts.max != info->parts || ap->parts.is_ragged) return false;
    for (int i = ap->dims; i-- > 0; elems *= ap->dim[i].count.max)
        if (ap->dim[i].count.is_ragged || (ap->dim[i].count.max > 1 && ap->dim[i].step != elems))
            return false;
    return elems * size == buffer->bytes;
}

static bool is_set_whole(const ts_recorder *r, uint32_t tile) {
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(r->program->code.data[r->builder.tiles.data[tile].first], uses);
    for (int i = 0; i < count; i++)
        if (uses[i].is_write && !uses[i].is_read && is_all(r, tile, uses[i].ap)) return true;
    return false;
}

uint32_t ts_record_lives(const ts_recorder *r, ts_tile_life *lives) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->builder.tiles.count; i++) {
        const ts_tile_info *tile = &r->builder.tiles.data[i];
        if (tile->first == (uint32_t)TS_TILE_UNUSED) continue;
        lives[count++] = (ts_tile_life){.space = tile->space,
                                        .is_set_whole = is_set_whole(r, i),
                                        .first = tile->first,
                                        .last = tile->last,
                                        .address = tile->address,
                                        .bytes = tile->bytes * tile->slots};
    }
    return count;
}
