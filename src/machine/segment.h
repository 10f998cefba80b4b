/* A segment: consecutive instructions whose results stay in their partitions. Their operands are resolved,
   and they wait to run together. Private to src/machine. */
#ifndef TS_MACHINE_SEGMENT_H
#define TS_MACHINE_SEGMENT_H

#include "machine/transfer.h"

enum {
    TS_SEGMENT_LENGTH = 64,
    /* Partitions that a thread takes at a time: the side of the squares that VectorE transposes. */
    TS_BLOCK_PARTS = 32,
    /* Fewest partitions of a share of work that reads across partitions: the rows of a product's tile. */
    TS_LEAST_ROWS = 8,
    TS_NEAR_BYTES = 1 << 18, /* a segment that touches less stays in a core's own cache anyhow */
    TS_CONTEXT_BYTES = 1 << 17,
    TS_CONTEXT_ALIGN = 64
};

/* Work that is done once, before all instructions of the segment, as number `number` of such work. It reads
   nothing that a waiting instruction writes. */
typedef void ts_before(void *context, int number);

/* An instruction that waits. */
typedef struct ts_waiting {
    ts_piece *task;
    int64_t units;        /* of work per partition */
    int32_t part, parts;  /* partitions that it works in */
    bool is_across;       /* it reads other partitions, too */
    int64_t columns;      /* if not 0: its work is cut into columns of all its partitions */
    ts_before *before;    /* work that all its shares need done; NULL: none */
    size_t context;       /* offset of its context among the contexts */
    bool begins_with_dst; /* the context begins with the rows of the destination */
    size_t ahead;         /* offset of a ts_ahead in the context; 0: none */
} ts_waiting;

/* A load that waits, of a tile that is only read afterwards. Readers that find its bytes in HBM do not need
   it. */
typedef struct ts_load {
    uint32_t tile;
    int waiting;      /* its number in the segment */
    uint32_t readers; /* operands that have yet to read the tile */
    ts_area area;     /* that the load sets */
    bool is_far;      /* from memory rather than the caches */
    ts_lying lying;   /* how the area's bytes lie in HBM */
    ts_window window;
} ts_load;

/* A segment runs partition by partition, and in each in program order. So operands on chip need no tracking
   unless they are read across partitions: nothing that waits together with such a read writes there. Windows
   in HBM must not mix: what one partition reads or writes, no other partition writes. Work that is cut along
   columns writes PSUM; nothing else that waits reads or writes that place but work cut along columns that
   writes exactly the same place, so that a share always has the same columns of it. `before` runs first, for
   all of the segment. */
struct ts_segment {
    uint64_t number; /* of segments before this one */
    int count, transfers, loads, writes, across, psum_reads, in_columns, befores;
    int32_t low, high; /* range of partitions; low is a multiple of TS_BLOCK_PARTS */
    size_t used;       /* bytes of `contexts` */
    double ns;         /* estimated time of one thread */
    int64_t bytes;     /* of all operands */
    ts_waiting waiting[TS_SEGMENT_LENGTH];
    ts_window windows[TS_SEGMENT_LENGTH + TS_READS + TS_ACROSS];
    ts_load load[TS_SEGMENT_LENGTH];
    int before[TS_SEGMENT_LENGTH]; /* numbers of the instructions that have a `before` */
    ts_area written[TS_SEGMENT_LENGTH * TS_WRITES], read_across[TS_SEGMENT_LENGTH * TS_ACROSS];
    ts_area psum_read[TS_SEGMENT_LENGTH * TS_PSUM_READS];
    ts_area in_column[TS_SEGMENT_LENGTH]; /* written by work cut along columns; not among `written` */
    _Alignas(TS_CONTEXT_ALIGN) uint8_t contexts[TS_CONTEXT_BYTES];
};

/* Adds the work of a DMA. `window` is what it touches of HBM, or NULL. False: the work does not wait, but is
   done. */
bool ts_work_transfer(ts_operand_set *set, const ts_work *work, const ts_window *window);
/* Whether two windows, at least one of them written, may share a byte. */
bool ts_windows_meet(const ts_window *a, const ts_window *b);
/* Adds the work of an instruction that writes one place in PSUM, cut along `columns` columns: task(context,
   first, last) does some of them for all partitions, after before(context, number), unless that is NULL. */
void ts_work_columns(ts_operand_set *set, const ts_work *work, int64_t columns, ts_before *before);
/* Empties the segment, when it has run or the run has failed. */
void ts_segment_drop(ts_segment *segment);

#endif
