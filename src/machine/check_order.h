/* The happened-before order of a program with sync=explicit, followed in program order. Private to
   src/machine.

   A *source* completes its instructions in order: an engine, or the transfers that one engine triggers on one
   queue. Each engine has a vector clock: for each source, the number of the last instruction that the engine
   knows to be complete. Only waits for semaphores advance it. The hardware orders an engine's own
   instructions, and the transfers of a queue. A transfer and the other instructions of the engine that
   triggers it are not ordered: either must wait for the other's results like any other engine. */
#ifndef TS_MACHINE_CHECK_ORDER_H
#define TS_MACHINE_CHECK_ORDER_H

#include "arch/isa.h"

typedef struct ts_order_signal {
    int64_t value;   /* of the semaphore after this signal */
    uint32_t number; /* of the signalling instruction in its source, from 1 */
    uint32_t at;     /* its code position */
    /* Vector clock of its engine when it started; signals share it while it stays the same. */
    const uint32_t *over;
} ts_order_signal;

typedef struct ts_order_semaphore {
    TS_VEC(ts_order_signal) signals;
    uint32_t source; /* that signals it */
    bool is_named;   /* the program waits for it or signals it */
} ts_order_semaphore;

typedef struct ts_ordering {
    const ts_program *program;
    ts_arena *arena;
    uint32_t sources;
    uint32_t *source_of;                   /* per code position */
    uint32_t *executed;                    /* per source: instructions so far */
    uint32_t *over[ts_engine_count];       /* each engine's vector clock, per source */
    const uint32_t *kept[ts_engine_count]; /* a copy of `over` that signals share; NULL = out of date */
    ts_order_semaphore *semaphores;        /* from 0 to the largest number that the program names */
    uint32_t semaphore_count;
} ts_ordering;

/* All memory comes from `arena`. */
void ts_ordering_begin(ts_ordering *order, const ts_program *program, ts_arena *arena);
/* The next executed instruction starts: its engine learns what the semaphore that it waits for implies.
   Returns the number of the instruction in its source, from 1. */
uint32_t ts_ordering_start(ts_ordering *order, uint32_t at, const int64_t *counters);
/* Call after comparing the accesses of the instruction: its signal comes after them. `number` is what
   ts_ordering_start returned. */
void ts_ordering_signal(ts_ordering *order, uint32_t at, uint32_t number);

#endif
