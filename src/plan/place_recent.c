/* Placement by age, for NKI kernels. Each tile gets, of the memory that is free at its first access, the part
   that was freed longest ago. It then waits for as few earlier accesses as possible, which decides how far
   loads can run ahead of their uses. When no hole is large enough, all tiles of the cluster (from one point
   where everything is free to the next) take the lowest free addresses instead. When that fails too, the
   error names the tiles that are live together. An address that the kernel chose is occupied only while its
   tile is live. */
#include <stdlib.h>
#include <string.h>

#include "base/integer.h"
#include "plan/builder.h"

/* Allocation unit of SBUF in bytes, and how many tiles an error names. */
enum { UNIT = 64, NAMED = 4 };

/* A run of units from `begin` up to the next span's begin, with one age. */
typedef struct span {
    int begin;
    uint32_t busy; /* 1 + last position at which its latest tile is live; 0 = never used; or TAKEN */
} span;
static const uint32_t TAKEN =
    UINT32_MAX; /* beyond the end of memory, or occupied by a chosen tile for the current search */

typedef struct room {
    ts_builder *b;
    ts_space space;
    int64_t unit; /* bytes; addresses are multiples of it */
    int units;
    uint32_t order_count;
    uint32_t *order; /* tiles without a chosen address, by first access */
    uint32_t chosen_count, over, over_before;
    uint32_t *chosen; /* tiles with a chosen address, by last access; `spans` has those before `over` */
    int count, count_before;
    span *spans;  /* contiguous and sorted; the last one begins where the memory ends */
    span *before; /* copy of `spans` from before the current cluster */
    span *others; /* copy of `spans` without the chosen tiles that the current tile overlaps */
    int *queue;
} room;

static int units_of(const room *p, int64_t bytes) {
    return (int)ts_ceil_div(bytes, p->unit);
}

static int by_first(const void *a, const void *b, void *context) {
    const ts_tile_info *tiles = context;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (tiles[x].first != tiles[y].first) return tiles[x].first < tiles[y].first ? -1 : 1;
    return x < y ? -1 : x > y;
}

static int by_last(const void *a, const void *b, void *context) {
    const ts_tile_info *tiles = context;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (tiles[x].last != tiles[y].last) return tiles[x].last < tiles[y].last ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Makes the units [from, to) one span that is busy until `busy`. */
static void occupy(room *p, int from, int to, uint32_t busy) {
    span *s = p->spans, made[3];
    int first = 0, last, n = 0;
    if (from >= to) return;
    while (s[first + 1].begin <= from)
        first++;
    for (last = first; s[last + 1].begin < to;)
        last++;
    if (s[first].begin < from) made[n++] = s[first];
    made[n++] = (span){from, busy};
    if (to < s[last + 1].begin) made[n++] = (span){to, s[last].busy};
    memmove(s + first + n, s + last + 1, (size_t)(p->count - last) * sizeof *s);
    memcpy(s + first, made, (size_t)n * sizeof *s);
    p->count += n - (last - first + 1);
}

static void list_tiles(room *p) {
    p->spans[0] = (span){0, 0};
    p->spans[1] = (span){p->units, TAKEN};
    p->count = 1;
    for (uint32_t i = 0; i < p->b->tiles.count; i++) {
        const ts_tile_info *tile = &p->b->tiles.data[i];
        if (tile->space != p->space || tile->first == TS_LIVE_NEVER) continue;
        if (tile->is_fixed)
            p->chosen[p->chosen_count++] = i;
        else
            p->order[p->order_count++] = i;
    }
    qsort_r(p->order, p->order_count, sizeof *p->order, by_first, p->b->tiles.data);
    qsort_r(p->chosen, p->chosen_count, sizeof *p->chosen, by_last, p->b->tiles.data);
}

static void occupy_chosen(room *p, const ts_tile_info *tile, uint32_t busy) {
    int first = (int)(tile->address / p->unit), last = units_of(p, tile->address + tile->bytes);
    occupy(p, first, last < p->units ? last : p->units, busy);
}

/* Finds the hole of `need` units whose most recent use is oldest; the lowest among equals; -1 when there is
   none. Only holes that begin at a span are tried: any other hole is at least as old one unit lower. The
   queue holds the spans of the sliding window that may be its most recent use, latest first. */
static int oldest_hole(const room *p, uint32_t first, int need) {
    const span *s = p->spans;
    int best = -1, head = 0, tail = 0, next = 0;
    uint32_t best_age = UINT32_MAX;
    for (int i = 0; i < p->count && s[i].begin + need <= p->units; i++) {
        for (; next < p->count && s[next].begin < s[i].begin + need && s[next].busy <= first; next++) {
            while (tail > head && s[p->queue[tail - 1]].busy <= s[next].busy)
                tail--;
            p->queue[tail++] = next;
        }
        if (s[next].begin < s[i].begin + need) { /* not free: the next window begins after it */
            i = next++;
            head = tail = 0;
            continue;
        }
        while (p->queue[head] < i)
            head++;
        if (s[p->queue[head]].busy >= best_age) continue;
        best_age = s[p->queue[head]].busy;
        best = s[i].begin;
    }
    return best;
}

static int lowest_hole(const room *p, uint32_t first, int need) {
    int start = 0;
    for (int i = 0; i < p->count; i++) {
        if (p->spans[i].busy > first) start = p->spans[i + 1].begin;
        if (p->spans[i + 1].begin - start >= need) return start;
    }
    return -1;
}

/* The first unit of a hole for the tile, free of all tiles that are live with it; -1 when there is none.
   is_oldest selects by age, otherwise by address. */
static int find_hole(room *p, const ts_tile_info *tile, int need, bool is_oldest) {
    const ts_tile_info *tiles = p->b->tiles.data;
    for (; p->over < p->chosen_count && tiles[p->chosen[p->over]].last < tile->first; p->over++)
        occupy_chosen(p, &tiles[p->chosen[p->over]], tiles[p->chosen[p->over]].last + 1);
    int count = p->count;
    bool meets = false;
    for (uint32_t i = p->over; i < p->chosen_count; i++) {
        if (tiles[p->chosen[i]].first > tile->last) continue;
        if (!meets) memcpy(p->others, p->spans, (size_t)(count + 1) * sizeof *p->spans);
        meets = true;
        occupy_chosen(p, &tiles[p->chosen[i]], TAKEN);
    }
    int at = is_oldest ? oldest_hole(p, tile->first, need) : lowest_hole(p, tile->first, need);
    if (!meets) return at;
    memcpy(p->spans, p->others, (size_t)(count + 1) * sizeof *p->spans);
    p->count = count;
    return at;
}

/* Places the tiles p->order[begin, end). Returns the index of the first tile without room, or `end`. */
static uint32_t place_some(room *p, uint32_t begin, uint32_t end, bool is_oldest) {
    for (uint32_t i = begin; i < end; i++) {
        ts_tile_info *tile = &p->b->tiles.data[p->order[i]];
        int need = units_of(p, tile->bytes * tile->slots);
        int at = find_hole(p, tile, need, is_oldest);
        if (at < 0) return i;
        tile->address = at * p->unit;
        occupy(p, at, at + need, tile->last + 1);
    }
    return end;
}

/* The end of the cluster that begins at `begin`: the first tile at whose start all earlier tiles are dead. */
static uint32_t cluster_end(const room *p, uint32_t begin) {
    uint32_t last = 0, at = begin;
    for (; at < p->order_count && (at == begin || p->b->tiles.data[p->order[at]].first <= last); at++)
        if (p->b->tiles.data[p->order[at]].last > last) last = p->b->tiles.data[p->order[at]].last;
    return at;
}

/* Places all tiles. Returns the index in p->order of the first tile without room, or order_count. */
static uint32_t place_all(room *p) {
    for (uint32_t begin = 0, end; begin < p->order_count; begin = end) {
        end = cluster_end(p, begin);
        p->count_before = p->count;
        p->over_before = p->over;
        memcpy(p->before, p->spans, (size_t)(p->count + 1) * sizeof *p->spans);
        if (place_some(p, begin, end, true) == end) continue;
        p->count = p->count_before;
        p->over = p->over_before;
        memcpy(p->spans, p->before, (size_t)(p->count + 1) * sizeof *p->spans);
        uint32_t failed = place_some(p, begin, end, false);
        if (failed < end) return failed;
    }
    return p->order_count;
}

static void name_tile(const room *p, const ts_tile_info *tile, ts_text *out) {
    const ts_loc *loc = &p->b->program->locs.data[tile->loc];
    ts_text_format(out, " %s %lld", tile->name && tile->name[0] ? tile->name : "tile",
                   (long long)tile->bytes);
    if (loc->file[0]) ts_text_format(out, " (line %u)", loc->line);
}

/* Reports the tile that found no room: how much is live with it, and the largest tiles by name. */
static ts_status refuse(const room *p, uint32_t failed, double capacity, ts_diag *diag) {
    const ts_tile_info *tiles = p->b->tiles.data, *tile = &tiles[p->order[failed]];
    uint32_t largest[NAMED];
    int named = 0, live = 0, chosen = 0;
    int64_t total = 0;
    for (uint32_t i = 0; i < p->b->tiles.count; i++) {
        const ts_tile_info *other = &tiles[i];
        bool is_there = other->first <= (other->is_fixed ? tile->last : tile->first);
        if (other->space != p->space || other->first == TS_LIVE_NEVER || !is_there ||
            other->last < tile->first)
            continue;
        live++;
        chosen += other->is_fixed;
        total += other->bytes;
        int at = named < NAMED ? named++ : NAMED;
        while (at > 0 && tiles[largest[at - 1]].bytes < other->bytes) {
            if (at < NAMED) largest[at] = largest[at - 1];
            at--;
        }
        if (at < NAMED) largest[at] = i;
    }
    bool is_psum = p->space == ts_space_psum;
    ts_text text = {0};
    if (is_psum) ts_text_format(&text, " in %d banks", p->units);
    if (chosen) ts_text_format(&text, " (%d at addresses that the kernel chose)", chosen);
    ts_text_add(&text, "; largest:");
    for (int i = 0; i < named; i++) {
        ts_text_add(&text, i ? "," : "");
        name_tile(p, &tiles[largest[i]], &text);
    }
    ts_fail(diag, ts_capacity,
            "%s: %d tiles live at once need %lld bytes of each partition, the chip has %.0f%s",
            ts_space_name(p->space), live, (long long)total, capacity, text.data);
    ts_text_free(&text);
    const ts_loc *loc = &p->b->program->locs.data[tile->loc];
    if (loc->file[0]) ts_diag_where(diag, loc->file, (int)loc->line);
    ts_diag_remedy(diag, is_psum ? "copy results to SBUF sooner, so that fewer banks are live at once"
                                 : "use smaller tiles, or load them closer to their use");
    return ts_capacity;
}

ts_status ts_plan_place_recent(ts_builder *b, ts_space space, double capacity, ts_diag *diag) {
    ts_arena scratch = {0};
    room p = {
        .b = b, .space = space, .unit = space == ts_space_psum ? (int64_t)b->chip->psum_bank_bytes : UNIT};
    p.units = (int)(capacity / (double)p.unit);
    p.order = TS_NEW_ARRAY(&scratch, uint32_t, b->tiles.count + 1);
    p.chosen = TS_NEW_ARRAY(&scratch, uint32_t, b->tiles.count + 1);
    size_t spans =
        (size_t)p.units < 2 * (size_t)b->tiles.count ? (size_t)p.units : 2 * (size_t)b->tiles.count;
    p.spans = TS_NEW_ARRAY(&scratch, span, spans + 2);
    p.before = TS_NEW_ARRAY(&scratch, span, spans + 2);
    p.others = TS_NEW_ARRAY(&scratch, span, spans + 2);
    p.queue = TS_NEW_ARRAY(&scratch, int, spans + 2);
    list_tiles(&p);
    ts_status status = ts_ok;
    uint32_t failed = place_all(&p);
    if (failed < p.order_count) status = refuse(&p, failed, capacity, diag);
    ts_arena_free(&scratch);
    return status;
}
