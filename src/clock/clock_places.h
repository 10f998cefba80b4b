/* Which bytes accesses touch (shapes and places), and the accesses that the clock remembers of each tile and
   tensor (visits, logs and sites). */
#ifndef TS_CLOCK_CLOCK_PLACES_H
#define TS_CLOCK_CLOCK_PLACES_H

#include "arch/collective_cost.h"
#include "arch/record.h"
#include "clock/clock.h"

/* Most sets of constants: the table, the chip asked for, and what-ifs. */
enum { TS_CLOCK_SETS = 2 + TS_WHAT_IFS };

/* One time in each set of constants. */
typedef struct ts_times {
    ts_time at[TS_CLOCK_SETS];
} ts_times;

typedef struct ts_event ts_event;

/* The pattern of bytes that an access touches, relative to where it begins. Equal patterns share a shape. */
typedef struct ts_shape {
    struct ts_shape *next;
    ts_ref ref;           /* without offset, partitions and tensor */
    int64_t lo, hi;       /* bounds of the bytes, relative to the offset; hi exclusive; both 0 if indexed */
    bool is_dense;        /* every byte from lo to hi is touched */
    int64_t pitch, width; /* the bytes are rows of `width` bytes, `pitch` apart; 0 if they are not */
} ts_shape;

/* The bytes and partitions of its storage that an access touches. */
typedef struct ts_place {
    int64_t lo, hi;        /* bytes; hi exclusive */
    int32_t part, end;     /* partitions; end exclusive */
    const ts_shape *shape; /* NULL: several accesses merged, of which only the bounds are known */
} ts_place;
/* Whether both places are exactly the same bytes. */
static inline bool ts_place_is_same(const ts_place *a, const ts_place *b) {
    return a->lo == b->lo && a->hi == b->hi && a->part == b->part && a->end == b->end &&
           a->shape == b->shape && a->shape;
}
/* Whether the bounds of two places in one storage intersect. */
static inline bool ts_place_meets(const ts_place *a, const ts_place *b) {
    return a->lo < b->hi && a->hi > b->lo && a->part < b->end && a->end > b->part;
}

/* Widens bounds to include a place; they keep their shape only if it is the same. */
static inline void ts_place_widen(ts_place *bounds, const ts_place *place) {
    bool is_same = ts_place_is_same(bounds, place);
    bounds->lo = place->lo < bounds->lo ? place->lo : bounds->lo;
    bounds->hi = place->hi > bounds->hi ? place->hi : bounds->hi;
    bounds->part = place->part < bounds->part ? place->part : bounds->part;
    bounds->end = place->end > bounds->end ? place->end : bounds->end;
    bounds->shape = is_same ? bounds->shape : NULL;
}

/* One operand of a code position. Its place is updated from the loop counters at each execution. An access
   fills one cache line of the host. */
typedef struct ts_access {
    _Alignas(64) ts_place place;
    const ts_ap *ap;
    struct ts_site *site;
    int64_t origin; /* first byte at offset 0 */
    uint32_t inst;  /* position in code */
    uint8_t unit;   /* bytes per unit of its offset; 0: an index decides, it may be anywhere */
    bool is_write : 1, moves_offset : 1, moves_part : 1, is_ragged : 1;
} ts_access;

/* Whether two operands both read, or both write, and name the same site. */
static inline bool ts_access_is_like(const ts_access *a, const ts_access *b) {
    return a->site == b->site && a->is_write == b->is_write;
}

/* A cached answer: whether two shapes have common bytes at this distance. */
typedef struct ts_pair {
    const ts_shape *a, *b;
    int64_t distance; /* from the lower bound of b to that of a, in bytes */
    int meet;         /* ts_meet of clock_regions.c */
} ts_pair;

/* A remembered access. */
typedef struct ts_visit {
    _Alignas(64) ts_place place; /* a visit fills one cache line of the host */
    ts_event *event;             /* held; NULL: nothing can wait for the visit any more */
    const ts_access *access;
    uint64_t covered; /* with what-ifs: which of 4 x 16 parts of the place later writes have covered */
} ts_visit;

/* The reads, or the writes, of one engine (or of all transfers) at one site, in program order. */
typedef struct ts_log {
    ts_visit *visits; /* a ring: visit number n is at n modulo `room`, a power of two */
    uint32_t room;
    uint32_t first, end; /* the numbers in the log are first to end - 1 */
    /* [0: for writes, 1: for reads][engine]: visits before this number cannot delay such an access of the
       engine any more. Entry ts_engine_none is for instructions of the log's own engine; the engine's own
       entry is for transfers that it triggers. */
    uint32_t behind[2][ts_engine_count];
} ts_log;

/* What an operand names: a tile, a tensor, or all of SBUF or PSUM. Sites of one storage may share bytes. A
   site is live while it has visits that something may still wait for. */
typedef struct ts_site {
    ts_log *(*log)[ts_engine_count]; /* while live: [is_write][engine, or ts_engine_none for transfers] */
    uint32_t storage;
    uint8_t logs[2];    /* [is_write]: bit per engine whose log exists */
    uint8_t calm[2][2]; /* [is_dma][is_write]: bit per engine whose accesses nothing here can delay */
    bool is_used;       /* some operand names it */
    bool is_live;
    int64_t lo, hi;                    /* its bytes in the storage; hi exclusive */
    uint32_t last[2][ts_engine_count]; /* 1 + the engine's last code position that may write its bytes [0], or
                                          touch them at all [1]; 0 = none */
    uint32_t since;                    /* 1 + the clock's `since` for which `users` holds */
    uint8_t users[2];              /* bit per engine that may still come and wait for its reads, its writes */
    uint32_t look;                 /* tick at which a neighbour next tries to put the site to rest */
    uint32_t patience;             /* ticks from one such try to the next */
    TS_VEC(struct ts_site *) near; /* while live: live sites that share bytes with it */
} ts_site;

/* A visit and where it was found. */
typedef struct ts_found {
    ts_visit *visit;
    uint32_t number; /* in its log */
    uint8_t engine;  /* the log's */
} ts_found;

/* The bytes and partitions that an operand may touch in all trips of all its loops. */
typedef struct ts_reaches {
    const ts_access *access;
    int64_t lo, hi;      /* bytes of the storage; hi exclusive */
    int32_t first, last; /* partitions; last inclusive */
    bool is_known;       /* there are bounds */
} ts_reaches;

/* SBUF, PSUM, all scratch tensors together, or one tensor: memory whose bytes operands can share. */
typedef struct ts_storage {
    bool is_tracked; /* some instruction writes it, so that accesses must be remembered */
    int64_t slot;    /* > 0: every access stays within one slot of so many bytes (clock_slots.c) */
    TS_VEC(ts_site *) live;
} ts_storage;
/* Numbers of storages; tensor t that is not scratch has number TS_STORAGE_TENSOR + the place of t. */
enum { TS_STORAGE_SBUF, TS_STORAGE_PSUM, TS_STORAGE_SCRATCH, TS_STORAGE_TENSOR };

#endif
