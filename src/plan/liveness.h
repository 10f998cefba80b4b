/* Liveness: over which code positions tiles and tensors need room, and where that room can be. */
#ifndef TS_PLAN_LIVENESS_H
#define TS_PLAN_LIVENESS_H

#include "plan/builder.h"

/* A loop of one trip or none: where its trip depends on a counter, what it leaves may be wanted in later
   trips of that counter's loop, without being made again in them. */
bool ts_live_is_condition(const ts_loop *loop);

/* Covers an access at `at` to the tile that an operand in SBUF or PSUM names (ts_live_cover). */
void ts_live_see(ts_builder *builder, const uint32_t *loop_of, const ts_ap *ap, uint32_t at);

/* Where positions lie in time, about: what runs before each, all trips of its loops counted. */
typedef struct ts_live_pace {
    const ts_program *program;
    const uint32_t *loop_of;
    double *before; /* by position, one more at the end: nanoseconds */
    double *trips;  /* by loop: how often its body runs */
} ts_live_pace;
ts_live_pace ts_live_pace_make(const ts_builder *builder, const uint32_t *loop_of, ts_arena *arena);
/* The last position that begins less than `ns` after the end of `position`; a trip of a loop does not see the
   next one. */
uint32_t ts_live_until(const ts_live_pace *pace, uint32_t position, double ns);

/* One thing that needs room while code positions [first, last] run. What takes its room by far[i] would have
   to wait for it, less likely so for smaller i: loads begin long before their position, stores end long after
   it. 0 where that is of no interest. */
enum { TS_LIVE_EASES = 4 };
typedef struct ts_live_item {
    uint32_t first, last;
    uint32_t far[TS_LIVE_EASES]; /* descending */
    uint32_t owner;              /* tile or tensor index */
    int64_t bytes, address;
    bool is_tight;   /* set by ts_live_fit: `far` does not matter */
    bool is_lasting; /* placed before the others, so that these find room in one piece beside it */
    bool is_fixed;   /* has its address */
} ts_live_item;
/* A tile that something uses, as an item; all of a space, and how many they are. */
ts_live_item ts_live_item_of(const ts_builder *builder, uint32_t tile);
uint32_t ts_live_tiles(const ts_builder *builder, ts_space space, ts_live_item *items);
/* Sorts the items, gives each an address free over its positions and returns the highest end: beside the
   fixed ones first the lasting ones, the longest first, then the others in the order of `first`, each as low
   as it can with the least waiting that keeps it within `capacity`. Where that does not do, what is live
   around there waits as much as it may need to, and it begins anew. */
int64_t ts_live_fit(ts_live_item *items, uint32_t count, int64_t capacity, ts_arena *arena);

#endif
