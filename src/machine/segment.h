/* A segment: instructions in a row whose results stay in their partitions, resolved and waiting to run
   together. Private to src/machine. */
#ifndef TS_MACHINE_SEGMENT_H
#define TS_MACHINE_SEGMENT_H

#include "machine/engine.h"

enum {
    TS_SEGMENT_LENGTH = 64,
    TS_BLOCK_PARTS =
        32, /* partitions that a thread takes at a time: what squares of a transpose are made of */
    TS_LEAST_ROWS =
        8, /* partitions that a thread takes at least of what reads across: rows of a product's tile */
    TS_NEAR_BYTES = 1 << 18, /* a segment that touches less stays in a core's own cache anyhow */
    TS_CONTEXT_BYTES = 1 << 17,
    TS_CONTEXT_ALIGN = 64
};

/* Done once before anything of the segment, as number `number` of such work in it. It reads what nothing that
   waits writes. */
typedef void ts_before(void *context, int number);

typedef struct ts_waiting {
    ts_piece *task;
    int64_t units;       /* of work, in each partition */
    int32_t part, parts; /* partitions it works in */
    bool is_across;      /* reads others, too */
    int64_t columns;     /* its work is cut in so many columns of all its partitions, instead; or 0 */
    ts_before *before;   /* what all shares of it need; NULL: nothing */
    size_t context;      /* where it lies among the contexts */
    bool begins_with_dst;
    size_t ahead; /* where in the context a ts_ahead is; 0: there is none */
} ts_waiting;

/* A load that waits, of a tile that is only read: readers which find its bytes in HBM do without it. */
typedef struct ts_load {
    uint32_t tile;
    int waiting;      /* its number */
    uint32_t readers; /* operands that are still to come */
    ts_area area;     /* that it sets */
    bool is_far;      /* from memory rather than the caches */
    uint8_t *data;    /* in HBM, of the first byte of the area */
    int64_t pitch;
    ts_window window;
} ts_load;

/* What waits is done partition by partition, in program order in each. So operands on chip need no watching
   but for those that are read across partitions: nothing that waits together with such a read writes there.
   And windows may not mix: what one partition reads or writes no other writes. What is cut along columns
   writes PSUM, where nothing else that waits reads or writes but what is cut so and writes just the same
   place: a share has the same columns of it. What such work needs as a whole is done first, for all of the
   segment. */
struct ts_segment {
    uint64_t number; /* of those that ran before it */
    int count, transfers, loads, writes, across, psum_reads, in_columns, befores;
    int32_t low, high; /* partitions; low is a multiple of TS_BLOCK_PARTS */
    size_t used;       /* bytes of contexts */
    double ns;         /* what it costs about */
    int64_t bytes;     /* that it touches */
    ts_waiting waiting[TS_SEGMENT_LENGTH];
    ts_window windows[TS_SEGMENT_LENGTH];
    ts_load load[TS_SEGMENT_LENGTH];
    int before[TS_SEGMENT_LENGTH]; /* numbers of those that have something done before */
    ts_area written[TS_SEGMENT_LENGTH * TS_WRITES], read_across[TS_SEGMENT_LENGTH * TS_ACROSS];
    ts_area psum_read[TS_SEGMENT_LENGTH * TS_PSUM_READS];
    ts_area in_column[TS_SEGMENT_LENGTH]; /* written in columns, not among `written` */
    _Alignas(TS_CONTEXT_ALIGN) uint8_t contexts[TS_CONTEXT_BYTES];
};

/* The work of a DMA: `window` is what it touches of HBM, NULL when that is nothing. False: it is done. */
bool ts_work_transfer(ts_operand_set *set, const ts_work *work, const ts_window *window);
/* Whether two windows may share a byte, of one of which at least is written. */
bool ts_windows_meet(const ts_window *a, const ts_window *b);
/* The work of an instruction that writes one place in PSUM, cut along so many columns: task(context, first,
 * last) does some of them for all its partitions, after before(context, number), unless that is NULL. */
void ts_work_columns(ts_operand_set *set, const ts_work *work, int64_t columns, ts_before *before);
/* Forgets what waits: the run failed. */
void ts_segment_drop(ts_segment *segment);

#endif
