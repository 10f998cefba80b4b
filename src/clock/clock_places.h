/* Where the clock's accesses lie: shapes, places, and what is remembered of each storage. */
#ifndef TS_CLOCK_CLOCK_PLACES_H
#define TS_CLOCK_CLOCK_PLACES_H

#include "arch/collective_cost.h"
#include "arch/record.h"
#include "clock/clock.h"

enum { TS_CLOCK_SETS = 2 + TS_WHAT_IFS };

typedef struct ts_times {
    ts_time at[TS_CLOCK_SETS];
} ts_times;

typedef struct ts_event ts_event;

/* How an access lies in its storage, wherever it begins: equal patterns share one shape. */
typedef struct ts_shape {
    struct ts_shape *next;
    ts_ref ref;           /* without its place */
    int64_t lo, hi;       /* bytes it may touch, relative to its offset; hi exclusive; indexed: 0 */
    bool is_dense;        /* touches every byte from lo to hi */
    int64_t pitch, width; /* rows of `width` bytes, `pitch` apart; 0 when it is no such rectangle */
} ts_shape;

/* Where an access lies in its storage. */
typedef struct ts_place {
    int64_t lo, hi;        /* bytes; hi exclusive */
    int32_t part, end;     /* partitions; end exclusive */
    const ts_shape *shape; /* NULL: stands for several, by bounds only */
} ts_place;
static inline bool ts_place_is_same(const ts_place *a, const ts_place *b) {
    return a->lo == b->lo && a->hi == b->hi && a->part == b->part && a->end == b->end &&
           a->shape == b->shape && a->shape;
}
static inline bool ts_place_meets(const ts_place *a, const ts_place *b) {
    return a->lo < b->hi && a->hi > b->lo && a->part < b->end && a->end > b->part;
}

/* One operand of a code position, kept up to date with the loop counters. */
typedef struct ts_access {
    const ts_ap *ap;
    ts_place place;
    int64_t shift;          /* where its tensor lies in the storage */
    int64_t origin, length; /* bytes: its place at offset 0, and how many that is */
    int64_t unit;           /* bytes of a step of its offset; 0: it may be anywhere */
    struct ts_site *site;
    uint32_t storage;
    uint32_t inst; /* position in code */
    bool is_write, moves_offset, moves_part, is_ragged;
} ts_access;

/* What was found of two places whose bounds and partitions meet. */
typedef struct ts_pair {
    const ts_shape *a, *b;
    int64_t distance; /* of their first bytes */
    int meet;
} ts_pair;

/* One remembered access. */
typedef struct ts_visit {
    _Alignas(64) ts_place place; /* all in one line of the host's cache */
    ts_event *event;             /* NULL: nothing can wait for it any more */
    const ts_access *access;
    uint64_t covered; /* with what-ifs: bit per part of the place that later writes covered: 4 x 16 parts */
} ts_visit;

/* The reads, or the writes, of one engine at one site, or those of all transfers, in the order of the
 * program. */
typedef struct ts_log {
    ts_visit *visits; /* in a circle: number n is at n modulo `room`, a power of two */
    uint32_t room;
    uint32_t first, end; /* numbers of those that are there */
    /* Those before this number delay no instruction of an engine any more that overwrites, that reads a
       result; of the log's own engine (at ts_engine_none) apart from what it triggers. */
    uint32_t behind[2][ts_engine_count];
} ts_log;

/* A tile, or a tensor: what operands name. Sites of one storage may share bytes. */
typedef struct ts_site {
    ts_log *(*log)[ts_engine_count]; /* while it is live: reads, writes; by engine, and of transfers
                                        (ts_engine_none) */
    uint32_t storage;
    uint8_t logs[2];    /* bit per log that has visits */
    uint8_t calm[2][2]; /* of instructions, of transfers, that read, that overwrite: bit per engine that has
                           all of it behind it */
    bool is_used;       /* by some operand */
    bool is_live;       /* some has */
    int64_t lo, hi;     /* its bytes in the storage; hi exclusive */
    uint32_t last[2][ts_engine_count]; /* 1 + the last code position of the engine that may touch its bytes:
                                          that writes them, and any; 0 = none */
    uint32_t since;                    /* 1 + where code may still be fetched from, as of `users` */
    uint8_t users[2];              /* bit per engine that may still come, and wait for reads, or for writes */
    uint32_t look;                 /* tick from which on it may be past, */
    uint32_t patience;             /* and ticks until it is looked at once more, if not */
    TS_VEC(struct ts_site *) near; /* live ones that share bytes with it, while it is live */
} ts_site;

typedef struct ts_found {
    ts_visit *visit;
    uint32_t number;
    uint8_t engine; /* whose log */
} ts_found;

/* The bytes and partitions that an operand may touch in all trips of all its loops. */
typedef struct ts_reaches {
    const ts_ap *ap;
    int64_t lo, hi;
    int32_t first, last;
    uint32_t inst, storage;
    uint32_t loop; /* 1 + the innermost loop that it is in; 0 = none */
    bool is_write;
    bool is_found, is_known; /* bounds are found when first asked for; not known: there are none */
} ts_reaches;

/* SBUF, PSUM, scratch, or a tensor. */
typedef struct ts_storage {
    bool is_tracked; /* something writes it */
    int64_t slot;    /* bytes; > 0: all accesses are within one (clock_slots.c) */
    TS_VEC(ts_site *) live;
    uint32_t first_reach[ts_engine_count], reaches[ts_engine_count]; /* in reach_list: operands by engine */
} ts_storage;
enum { TS_STORAGE_SBUF, TS_STORAGE_PSUM, TS_STORAGE_SCRATCH, TS_STORAGE_TENSOR };

#endif
