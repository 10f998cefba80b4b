/* Liveness: the code positions over which tiles and tensors need memory, and where that memory can be. */
#ifndef TS_PLAN_LIVENESS_H
#define TS_PLAN_LIVENESS_H

#include "plan/builder.h"

/* Whether the loop is a condition: it makes one trip or none. Where that depends on the counter of an outer
   loop, values it leaves may be read in later trips of that outer loop without being made again. */
bool ts_live_is_condition(const ts_loop *loop);

/* Extends the live range of the SBUF or PSUM tile that the operand names by an access at position `at`. */
void ts_live_see(ts_builder *builder, const uint32_t *loop_of, const ts_ap *ap, uint32_t at);

/* Approximate time of each code position: how long the instructions before it take, counting all trips of
   their loops. */
typedef struct ts_live_pace {
    const ts_program *program;
    const uint32_t *loop_of;
    double *before; /* by position, and one entry for the end: nanoseconds */
    double *trips;  /* by loop: how often its body runs in total */
} ts_live_pace;
/* Allocates both arrays in `arena`; `loop_of` is borrowed. */
ts_live_pace ts_live_pace_make(const ts_builder *builder, const uint32_t *loop_of, ts_arena *arena);
/* The last position that begins less than `ns` nanoseconds after the end of `position`. Inside a loop it does
   not look beyond the current trip. */
uint32_t ts_live_until(const ts_live_pace *pace, uint32_t position, double ns);

/* Something that needs memory over the code positions [first, last]. Work whose memory is reused before
   far[i] would probably wait for this item: loads start long before their position and stores end long after
   it. The larger i, the shorter the distance that far[i] keeps. 0 where waiting does not matter. */
enum { TS_LIVE_EASES = 4 };
typedef struct ts_live_item {
    uint32_t first, last;
    uint32_t far[TS_LIVE_EASES]; /* positions, in descending order */
    uint32_t owner;              /* tile or tensor index */
    int64_t bytes, address;
    bool is_tight;   /* set by ts_live_fit: `far` is ignored */
    bool is_lasting; /* placed before the others, so that they find contiguous room */
    bool is_fixed;   /* `address` is given */
} ts_live_item;
/* ts_live_item_of describes a tile that has accesses. ts_live_tiles does so for all such tiles of a space and
   returns their number; `items` has room for every tile. */
ts_live_item ts_live_item_of(const ts_builder *builder, uint32_t tile);
uint32_t ts_live_tiles(const ts_builder *builder, ts_space space, ts_live_item *items);
/* Sorts the items, gives each an address that is free over its live range, and returns the end of the highest
   one. Fixed items come first, then lasting ones by descending length, then the others by `first`. Each gets
   the lowest address at the widest distance (far[0], far[1], ..., none) that keeps it within `capacity`. When
   some item still exceeds `capacity`, items that are live around it become tight and placement starts again.
   The result can exceed `capacity`. */
int64_t ts_live_fit(ts_live_item *items, uint32_t count, int64_t capacity, ts_arena *arena);

#endif
