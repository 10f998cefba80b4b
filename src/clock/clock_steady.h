/* Steady states of top-level loops: when the clock, seen from the present trip, is where it was some trips
   ago, the trips between happen again and again until the loop ends, and need not be stepped. */
#ifndef TS_CLOCK_CLOCK_STEADY_H
#define TS_CLOCK_CLOCK_STEADY_H

#include "clock/clock_core.h"

/* clock_repeat.c: whether trips of the loop can repeat each other, from its code alone: from what its
   instructions do, and, which takes longer, from what they touch. */
void ts_repeat_find(ts_clock *clock, uint32_t loop, ts_repeat *out);
bool ts_repeat_look(ts_clock *clock, uint32_t loop, ts_repeat *out);
/* How far a trip moves an operand: bytes, and partitions. */
int64_t ts_repeat_shift(const ts_program *program, const ts_ap *ap, uint32_t loop);
int64_t ts_repeat_part_shift(const ts_program *program, const ts_ap *ap, uint32_t loop);

/* clock_steady.c: before a further trip of a top-level loop, whose counter is up to date. May set it ahead.
 */
void ts_steady_trip(ts_clock *clock, uint32_t loop);
/* The loop is over. */
void ts_steady_end(ts_clock *clock);

/* clock_walk.c: the clock's state in one order. A walk signs some of what it finds (equal states have equal
   signs), saves it, compares it with what was saved, or moves it on by `periods` times what lies between the
   two.
 */
typedef enum ts_walk_mode { ts_walk_sign, ts_walk_save, ts_walk_compare, ts_walk_move } ts_walk_mode;
typedef struct ts_walk {
    ts_clock *clock;
    uint32_t loop;
    ts_walk_mode mode;
    bool is_equal;
    uint64_t sign;
    uint32_t at, place;           /* next word, next place of a node */
    ts_time floor[TS_CLOCK_SETS]; /* times before it cannot matter in the loop any more */
    ts_time step[TS_CLOCK_SETS];  /* moving: added to all others */
    uint64_t instructions;        /* moving: added to sequence numbers */
    int64_t trips;                /* moving: trips to move places by */
    ts_node **nodes;              /* moving: what each place holds from now on */
} ts_walk;
void ts_walk_state(ts_walk *walk);
/* All sets of constants have the same DMA engines, so that it makes no difference which one is next. */
bool ts_walk_is_symmetric(const ts_clock *clock);

#endif
