/* Steady states of top-level loops. If the clock's state, relative to the current trip, equals its state some
   trips ago, the trips between will repeat until the loop ends and need not be stepped. */
#ifndef TS_CLOCK_CLOCK_STEADY_H
#define TS_CLOCK_CLOCK_STEADY_H

#include "clock/clock_core.h"

/* clock_repeat.c: whether the code of a loop allows its trips to repeat. ts_repeat_find looks at what the
   instructions do; ts_repeat_look, which takes longer, at what they touch. ts_repeat_find must come first. */
void ts_repeat_find(ts_clock *clock, uint32_t loop, ts_repeat *out);
bool ts_repeat_look(ts_clock *clock, uint32_t loop, ts_repeat *out);
/* How far each trip of a loop moves an operand, in bytes and in partitions. */
int64_t ts_repeat_shift(const ts_program *program, const ts_ap *ap, uint32_t loop);
int64_t ts_repeat_part_shift(const ts_program *program, const ts_ap *ap, uint32_t loop);

/* clock_steady.c: to be called before each further trip of a top-level loop, after its counter was increased.
   May jump over trips, which increases the counter. */
void ts_steady_trip(ts_clock *clock, uint32_t loop);
/* To be called at the end of a top-level loop. */
void ts_steady_end(ts_clock *clock);

/* clock_walk.c: visits the clock's state in a fixed order. A walk hashes part of the state (ts_walk_sign:
   equal states have equal signs), saves it, compares it with the saved one, or moves it on by a number of
   periods. */
typedef enum ts_walk_mode { ts_walk_sign, ts_walk_save, ts_walk_compare, ts_walk_move } ts_walk_mode;
typedef struct ts_walk {
    ts_clock *clock;
    uint32_t loop;
    ts_walk_mode mode;
    bool is_equal;
    uint64_t sign;
    uint32_t at, place;           /* numbers of the next word and of the next reference to a node */
    ts_time floor[TS_CLOCK_SETS]; /* times before this cannot matter in the loop any more */
    ts_time step[TS_CLOCK_SETS];  /* moving: added to all times from the floor on */
    uint64_t instructions;        /* moving: added to sequence numbers */
    int64_t trips;                /* moving: trips by which the places of accesses advance */
    ts_node **nodes;              /* moving: the new node of each reference */
} ts_walk;
/* Visits the state. walk->clock, loop, mode and floor must be set; the others are results, or for moving. */
void ts_walk_state(ts_walk *walk);
/* Whether all sets have equally many DMA engines, so that it makes no difference which engine serves next. */
bool ts_walk_is_symmetric(const ts_clock *clock);

#endif
