/* Where the clock's accesses lie: shapes, places, and what is remembered of each storage. */
#ifndef TS_MACHINE_CLOCK_PLACES_H
#define TS_MACHINE_CLOCK_PLACES_H

#include "arch/collective_cost.h"
#include "arch/record.h"
#include "machine/clock.h"

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
    int64_t shift; /* where its tensor lies in the storage */
    uint32_t storage;
    uint32_t inst; /* position in code */
    bool is_read, is_write;
    bool moves_offset, moves_part, is_ragged;
} ts_access;

/* What was found of two places whose bounds and partitions meet. */
typedef struct ts_pair {
    const ts_shape *a, *b;
    int64_t distance; /* of their first bytes */
    int meet;
} ts_pair;

/* One remembered access: a read or a write that is still the latest to some bytes of its place. */
typedef struct ts_box {
    _Alignas(64) ts_place place; /* all in one line of the host's cache */
    ts_event *event;             /* NULL: empty, for a read that comes back to the place */
    const ts_access *access;
    uint64_t covered; /* bit per part of the place that later writes covered: 4 x 16 parts */
    uint32_t look;    /* tick from which on it may be past; since when it is empty */
    uint8_t quiet[2]; /* bit per engine whose instructions it cannot delay any more: that overwrite, that read
                         a result */
    uint8_t engine;   /* that issued it; none: a transfer, or several accesses */
    bool is_write;
} ts_box;

/* The boxes of one storage (clock_boxes.c). Slots are numbered from 0; a list has 1 + the slot, and ends with
   0. */
typedef struct ts_boxes {
    uint32_t words, room; /* rows of 64 slots, and slots: fewer in the smallest table */
    uint32_t top;         /* rows behind these are empty */
    uint32_t empty;       /* boxes that stand for no access */
    uint32_t cells;
    uint8_t shift;           /* bytes of a cell, as a power of two */
    ts_box **row;            /* boxes of each row, which stay where they are */
    uint32_t *chains, *next; /* reads by the hash of their place: lists, and per slot what comes next */
    uint64_t *used, *writes, *reads; /* a bit per slot: any, and which of the two unless it is empty */
    uint64_t *quiet[2]; /* per engine, a bit per slot: it cannot delay those of its instructions any
                           more that overwrite, or that read a result */
    uint64_t *grid;     /* per cell, a bit per slot: whether the box reaches into the cell; NULL: few boxes */
    uint64_t *rows;     /* per cell: bit per row of the grid, modulo 64, that may have such a slot */
    uint64_t kinds[2];  /* bit per row, modulo 64, that may have reads, or writes: as a rule one of them */
} ts_boxes;

typedef struct ts_found {
    ts_box *box;
    uint32_t slot;
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

/* Whoever may still wait for a read in a storage, which writes there do, or for a write, which all do. */
typedef struct ts_users {
    uint32_t last[ts_engine_count]; /* 1 + their last code position; 0 = none */
    uint32_t tick;                  /* of `free` */
    uint32_t lagging;               /* bit per engine that may still come and is far behind another */
    ts_time *free; /* one a set: no other engine that may still come starts anything before */
    uint32_t first_reach[ts_engine_count], reaches[ts_engine_count]; /* in reach_list */
} ts_users;

/* SBUF, PSUM, scratch, or a tensor. */
typedef struct ts_storage {
    ts_boxes table;
    uint32_t boxes[2], limit[2]; /* reads, writes; more than the limit merge */
    uint32_t few[2], crowd[2];   /* boxes that are worth a look for those that cannot matter any more: at a
                               tick, and a thorough one at once */
    bool is_tracked;             /* something writes it */
    int64_t slot;                /* bytes; > 0: all accesses are within one (clock_slots.c) */
    ts_users users[2];           /* of reads, of writes */
} ts_storage;
enum { TS_STORAGE_SBUF, TS_STORAGE_PSUM, TS_STORAGE_SCRATCH, TS_STORAGE_TENSOR };

#endif
