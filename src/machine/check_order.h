/* What has happened before what in a program with sync=explicit, followed in the program's order. Private to
   src/machine.

   A *source* completes instructions in order: an engine its own, or a queue those transfers that one engine
   triggers. What an engine knows to be over is a number for each source, a vector clock: waits alone add
   to it. An engine sees to the order of its own instructions by itself, and a queue takes its transfers
   one after the other; but a transfer is outside of the order of the engine that triggers it, which must
   wait for its own results like others. */
#ifndef TS_MACHINE_CHECK_ORDER_H
#define TS_MACHINE_CHECK_ORDER_H

#include "arch/isa.h"

typedef struct ts_order_signal {
    int64_t value;   /* of the semaphore from then on */
    uint32_t number; /* of the instruction in its source, from 1 */
    uint32_t at;     /* its position in code */
    const uint32_t
        *over; /* what its engine knew when it started, per source; shared while that is the same */
} ts_order_signal;

typedef struct ts_order_semaphore {
    TS_VEC(ts_order_signal) signals;
    uint32_t source;
    bool is_named; /* the program waits for it or signals it */
} ts_order_semaphore;

typedef struct ts_ordering {
    const ts_program *program;
    ts_arena *arena;
    uint32_t sources;
    uint32_t *source_of;                   /* per code position */
    uint32_t *executed;                    /* per source */
    uint32_t *over[ts_engine_count];       /* what each engine knows */
    const uint32_t *kept[ts_engine_count]; /* the same as an unchanging copy; NULL = it has learnt since */
    ts_order_semaphore *semaphores;        /* up to the largest number that the program names */
    uint32_t semaphore_count;
} ts_ordering;

void ts_ordering_begin(ts_ordering *order, const ts_program *program, ts_arena *arena);
/* The next executed instruction starts, after what it waits for: its engine knows that from now on. Its
   number in its source. */
uint32_t ts_ordering_start(ts_ordering *order, uint32_t at, const int64_t *counters);
/* Its accesses are looked at: what it signals comes after them. */
void ts_ordering_signal(ts_ordering *order, uint32_t at, uint32_t number);

#endif
