/* Moves that are put off. TensorE turns numbers of 32 bits, or of 16, as halves: a copy makes floats of them,
   a product with the identity turns each half, and a copy puts the bits together again. The first two leave
   floats that the third alone reads, as a rule, so they are put off: the third then turns the numbers
   themselves. It is put off, too, where tiles are known: a product reads its stationary operand turned where
   the numbers lie (ts_deferred_turned). What was put off is forgotten when an instruction sets its place
   anew, or meets it when its tile is not needed any more (homes.h). Whatever else meets one of the places has
   it done first, so that no instruction can tell the difference. Private to src/machine. */
#ifndef TS_MACHINE_DEFERRED_H
#define TS_MACHINE_DEFERRED_H

#include "machine/engine.h"

enum { TS_DEFERRED = 64, TS_DEFERRED_CONTEXT = 768 };

typedef enum ts_deferral_kind {
    ts_put_off_floats, /* of numbers of 16 bits in the same partition */
    ts_put_off_turn,   /* of such floats, from the numbers that they are made from */
    ts_put_off_join    /* numbers turned */
} ts_deferral_kind;

typedef struct ts_deferral {
    ts_deferral_kind kind;
    bool is_covered; /* the instruction at hand sets all of its place */
    ts_area place;   /* what it would write, without gaps. No two share a byte */
    ts_area source;  /* what its values come from, in SBUF */
    uint32_t tile;   /* that the place is of */
    ts_operand_set set;
    ts_work work;
    ts_rows from;         /* floats: the halves, numbers of 16 bits */
    int64_t offset, step; /* turn: where in each partition of the source the half of the first row lies, and
                             from row to row; bytes */
    _Alignas(16) uint8_t context[TS_DEFERRED_CONTEXT];
} ts_deferral;

/* Areas side by side, so that one pass sees which of them another one meets. */
typedef struct ts_deferred_areas {
    int32_t space[TS_DEFERRED], part[TS_DEFERRED], end[TS_DEFERRED], low[TS_DEFERRED], high[TS_DEFERRED];
} ts_deferred_areas;

/* What is put off, in any order: number i is list[slot[i]]. The slots after `count` are free. */
struct ts_deferrals {
    int count, covered, next_victim;
    uint8_t slot[TS_DEFERRED];
    ts_deferred_areas places, sources;
    ts_deferral list[TS_DEFERRED];
};

/* A copy of halves to floats, all in SBUF, whose operands are known; false: it is not such a one, and must be
 * done. */
bool ts_defer_halves(const ts_operand_set *set, const ts_rows *dst, const ts_rows *src, const ts_work *work);
/* TensorE's transpose of floats that are put off. True: it is, too, and counted as executed; `data` is not
   met yet. */
bool ts_defer_turn(ts_operand_set *set, const ts_rows *dst, const ts_rows *data);
/* A copy of turned floats to halves. True: all of the floats are put off, so it is made from the numbers
   themselves, and counted; `src` is not met yet. */
bool ts_defer_join(ts_operand_set *set, const ts_rows *dst, const ts_rows *src);

/* A tile [K, M] that would be turned numbers: where these lie. */
typedef struct ts_turned {
    const uint8_t *data; /* of element [0, 0]; that of [k, m] lies k elements and m steps on */
    int64_t step;        /* bytes */
    ts_area source;
} ts_turned;
/* False: the rows are no such tile, or not as a whole. Otherwise they need not be met. */
bool ts_deferred_turned(const ts_exec *exec, const ts_rows *rows, ts_turned *turned);

/* All that is put off is done, before a run whose checks follow every instruction. */
void ts_deferred_settle(ts_exec *exec);
/* It is forgotten: what it would leave is not needed any more. */
void ts_deferred_drop(ts_core *core);

#endif
