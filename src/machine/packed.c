/* Stationary operands that stay packed (packed.h). */
#include "machine/packed.h"

#include <string.h>

#include "base/clones.h"
#include "machine/segment.h"

/* Sets is_met[i] for those of the first `count` operands that share a byte with the bytes [low, high) of the
   partitions [part, end). Returns whether any does. */
TS_CLONES
static bool find_met(const ts_packed *all, int count, int32_t part, int32_t end, int32_t low, int32_t high,
                     uint8_t *is_met) {
    int any = 0;
    for (int i = 0; i < count; i++) {
        int met = (all->part[i] < end) & (part < all->end[i]) & (all->low[i] < high) & (low < all->high[i]);
        is_met[i] = (uint8_t)met;
        any |= met;
    }
    return any;
}

void ts_packed_meet(ts_core *core, const ts_area *area) {
    ts_packed *all = core->packed;
    uint8_t is_met[TS_PACKED];
    if (area->space != ts_space_sbuf || all->count == 0 ||
        !find_met(all, all->count, area->part, area->part + area->parts, (int32_t)area->low,
                  (int32_t)area->high, is_met))
        return;
    for (int i = 0; i < all->count; i++)
        if (is_met[i]) all->end[i] = 0;
}

void ts_packed_drop(ts_core *core) {
    ts_packed *all = core->packed;
    all->count = all->hand = 0;
    memset(all->comes_back, 0, sizeof all->comes_back);
}

/* The number of exactly this operand; -1: there is none. */
static int find(const ts_packed *all, const ts_area *area, const ts_gemm_kernel *kernel) {
    uint8_t is_met[TS_PACKED];
    const int32_t end = area->part + area->parts;
    const int32_t low = (int32_t)area->low, high = (int32_t)area->high;
    if (!find_met(all, all->count, area->part, end, low, high, is_met)) return -1;
    for (int i = 0; i < all->count; i++)
        if (is_met[i] && all->part[i] == area->part && all->end[i] == end && all->low[i] == low &&
            all->high[i] == high && all->kernel[i] == kernel)
            return i;
    return -1;
}

/* A number for a new operand: a free one, or that of an operand that gives way. -1: a product that waits
   needs the words of the latter. */
static int take(ts_packed *all, const ts_area *area, const ts_gemm_kernel *kernel, uint64_t segment) {
    int at = all->count;
    if (at < TS_PACKED) {
        all->count++;
    } else {
        for (int i = 0; i < TS_PACKED && all->end[all->hand] != 0; i++)
            all->hand = (all->hand + 1) % TS_PACKED;
        at = all->hand;
        if (all->last_segment[at] == segment) return -1;
        all->hand = (at + 1) % TS_PACKED;
    }
    all->part[at] = area->part;
    all->end[at] = area->part + area->parts;
    all->low[at] = (int32_t)area->low;
    all->high[at] = (int32_t)area->high;
    all->kernel[at] = kernel;
    all->has_words[at] = false;
    return at;
}

ts_packing ts_packed_find(const ts_exec *exec, const ts_area *area, const ts_gemm_kernel *kernel) {
    ts_packed *all = exec->core->packed;
    const uint64_t segment = exec->core->segment->number;
    bool *comes_back = &all->comes_back[exec->at % TS_PACKED_HINTS];
    ts_packing packing = {0};
    int at = find(all, area, kernel);
    if (at >= 0) {
        *comes_back = true;
    } else {
        at = take(all, area, kernel, segment);
        if (at < 0) return packing;
    }
    all->last_segment[at] = segment;
    if (!*comes_back) return packing;
    packing.words = all->rooms + at * exec->core->operand_room;
    packing.is_packed = all->has_words[at];
    all->has_words[at] = true;
    return packing;
}
