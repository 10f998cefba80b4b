/* Indexed moves, which gather, scatter and the dynamic slices share. A move pairs the elements of a plain
   view with those of an indexed view, whose position depends on start indices in memory. It is a DMA with an
   index operand in SBUF that has one start for each partition. */
#ifndef TS_COMPILER_LOWER_LOWER_INDEX_H
#define TS_COMPILER_LOWER_LOWER_INDEX_H

#include "compiler/lower/lower.h"

/* One coordinate of the start index. Its element in HBM is `offset` + the position in the index view, whose
   own tensor and offset are not used. */
typedef struct ts_start {
    uint32_t tensor;
    uint8_t dtype;
    int64_t offset;
    int64_t limit;  /* the largest start in bounds */
    int64_t stride; /* elements per step of the start in the indexed view */
} ts_start;

enum { TS_PLAIN, TS_INDEXED, TS_INDEX, TS_INDEX_VIEWS, TS_MAX_STARTS = TS_MAX_RANK };

/* Which axes may go on the partitions, given that one DMA moves all partitions at once. */
typedef enum ts_index_order {
    ts_index_any,     /* rows may repeat, and move in any order */
    ts_index_ordered, /* if rows repeat, the last one must win */
    ts_index_distinct /* the rows of one DMA never repeat */
} ts_index_order;

typedef struct ts_indexed {
    ts_lower *lower;
    ts_view view[TS_INDEX_VIEWS]; /* over one space; the index view has stride 0 along window axes */
    ts_start start[TS_MAX_STARTS];
    int start_count;
    bool drops; /* rows out of bounds are skipped; otherwise starts are clamped */

    /* set by ts_indexed_plan */
    int index_axes;  /* number of leading axes on which the starts depend */
    int64_t step;    /* elements per unit of the index operand */
    int64_t outside; /* an index outside the tensor */
    bool is_direct;  /* the start itself serves as index operand, without checks */
    bool is_exact;   /* the index needs 32-bit integer arithmetic */
    ts_tile constants;
    ts_nest nest;
} ts_indexed;

/* Drops starts that cannot move, orders the axes with index axes first, merges them, and cuts the space for
   DMA between HBM and HBM. ts_unsupported when an index would not fit in 32 bits. */
ts_status ts_indexed_plan(ts_indexed *x, const ts_op_node *op, ts_index_order order);
/* The same without cutting the space: the caller sets x->nest from x->view. */
ts_status ts_indexed_prepare(ts_indexed *x, const ts_op_node *op);
/* Emits the constants of the index arithmetic. Called before any loop of the nest. */
void ts_indexed_hoist(ts_indexed *x);
/* Emits the index operand, [parts, 1] i32, for the current trip of the index axes' loops. Returns 0 when
   start_count is 0. */
ts_tile ts_indexed_column(ts_indexed *x);
/* The indexed operand of the current tile, in HBM. */
ts_ap ts_indexed_ap(ts_indexed *x, ts_tile column);
/* Attaches the index operand `column`, whose `parts` are used as they are, to an operand in HBM. */
void ts_indexed_attach(ts_indexed *x, ts_ap *ap, const ts_ap *column);

/* Move every element: plain = indexed, or indexed = plain (combined as rmw says). */
ts_status ts_indexed_load(ts_indexed *x, const ts_op_node *op);
ts_status ts_indexed_store(ts_indexed *x, const ts_op_node *op, ts_index_order order, ts_rmw rmw);

/* Sets the starts from an index tensor's view, which loses its axis `vector_axis`; if that equals the rank,
   each index has one start. start_count = -1 means too many. */
void ts_starts_of_view(ts_indexed *x, ts_view *index, int vector_axis);

/* ts_index_dims reads a list of dimension numbers, empty when absent, and returns its length; ts_index_has
   looks for one in it. */
int ts_index_dims(const ts_op_node *op, const char *name, int64_t dims[TS_MAX_RANK]);
bool ts_index_has(const int64_t *dims, int count, int64_t dim);

#endif
