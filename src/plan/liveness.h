/* Liveness: over which code positions tiles and tensors need room, and where that room can be. */
#ifndef TS_PLAN_LIVENESS_H
#define TS_PLAN_LIVENESS_H

#include "plan/builder.h"

/* One operand of an instruction. */
typedef struct ts_operand_use {
    ts_ap *ap;
    bool is_write, is_read; /* a destination that may keep some of what it held is read, too */
} ts_operand_use;
enum { TS_MOST_USES = 8 };
/* Returns how many: those in SBUF, PSUM and HBM, not their indices. */
int ts_live_uses(ts_inst *inst, ts_operand_use *uses);

/* A loop of one trip or none: where its trip depends on a counter, what it leaves may be wanted in later
   trips of that counter's loop, without being made again in them. */
bool ts_live_is_condition(const ts_loop *loop);

/* By code position: 1 + innermost loop that contains it; 0 = none. In `arena`. */
uint32_t *ts_live_loops(const ts_program *program, ts_arena *arena);

/* The positions over which an access at `at` holds its storage, when the other accesses lie at
   [first, last], or nowhere yet with *first = TS_TILE_UNUSED: every loop that contains one of them but not
   all is covered whole, since its next trip needs the value again. */
void ts_live_cover(const ts_program *program, const uint32_t *loop_of, uint32_t *first, uint32_t *last,
                   uint32_t at);
/* The same for the tile that an operand in SBUF or PSUM names. */
void ts_live_see(ts_builder *builder, const uint32_t *loop_of, const ts_ap *ap, uint32_t at);

/* One thing that needs room while code positions [first, last] run. */
typedef struct ts_live_item {
    uint32_t first, last;
    uint32_t owner; /* tile or tensor index */
    int64_t bytes, address;
    bool is_lasting; /* placed before the others, so that these find room in one piece beside it */
    bool is_fixed;   /* has its address */
} ts_live_item;
/* The tiles of a space that something uses, as items; returns how many. */
uint32_t ts_live_tiles(const ts_builder *builder, ts_space space, ts_live_item *items);
/* Sorts the items, gives each an address free over its positions and returns the highest end: beside the
   fixed ones first the lasting ones, the longest first, as low as they go; then the others in the order of
   `first`, each behind the one before, and from 0 again past `ring` bytes: what is loaded next then need not
   wait for what was used last. With ring 0 all go as low as they can, which takes the least room. `active`
   has room for as many. */
int64_t ts_live_fit(ts_live_item *items, uint32_t count, uint32_t *active, int64_t ring);

#endif
