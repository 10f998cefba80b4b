/* Indexed moves: what gather, scatter and the dynamic slices share. A move pairs the elements of a plain
   view with those of an indexed view whose place depends on start indices in memory; it runs as DMA with
   an index operand in SBUF, one start for each partition. */
#ifndef TS_COMPILER_LOWER_LOWER_INDEX_H
#define TS_COMPILER_LOWER_LOWER_INDEX_H

#include "compiler/lower/lower.h"

/* One coordinate of the start index. Element of HBM that holds it: offset + the position in the index
   view (whose tensor and offset are not used). */
typedef struct ts_start {
    uint32_t tensor;
    uint8_t dtype;
    int64_t offset;
    int64_t limit;  /* largest start in bounds */
    int64_t stride; /* of the indexed view's axis that it moves along, elements */
} ts_start;

enum { TS_PLAIN, TS_INDEXED, TS_INDEX, TS_INDEX_VIEWS, TS_MAX_STARTS = TS_MAX_RANK };

/* Which axis may go on the partitions: one DMA moves all of its partitions at once. */
typedef enum ts_index_order {
    ts_index_any,     /* rows may repeat and move in any order */
    ts_index_ordered, /* of rows that repeat the last one stays */
    ts_index_distinct /* rows of one instruction never repeat */
} ts_index_order;

typedef struct ts_indexed {
    ts_lower *lower;
    ts_view view[TS_INDEX_VIEWS]; /* one space; the index view has stride 0 along windows */
    ts_start start[TS_MAX_STARTS];
    int start_count;
    bool drops; /* rows out of bounds are left out; otherwise starts are clamped */

    /* filled by ts_indexed_plan */
    int index_axes;  /* leading axes that the starts depend on */
    int64_t step;    /* of the index operand, elements */
    int64_t outside; /* index that no element of the tensor has */
    bool is_direct;  /* the start itself is the index operand, bounds included */
    bool is_exact;   /* needs 32-bit integer arithmetic */
    ts_tile constants;
    ts_nest nest;
} ts_indexed;

/* Drops the starts that cannot move, orders the axes (index axes first), merges them, and cuts the space
   for DMA between HBM and HBM. ts_unsupported when an index would not fit 32 bits. */
ts_status ts_indexed_plan(ts_indexed *x, const ts_op_node *op, ts_index_order order);
/* The same without a cut: the caller sets x->nest from x->view. */
ts_status ts_indexed_prepare(ts_indexed *x, const ts_op_node *op);
/* Constants that the index arithmetic needs; before any loop of the nest. */
void ts_indexed_hoist(ts_indexed *x);
/* Index operand of the current trip of the index axes' loops: [parts, 1] i32. 0 when start_count is 0. */
ts_tile ts_indexed_column(ts_indexed *x);
/* The indexed side of the current tile, in HBM. */
ts_ap ts_indexed_ap(ts_indexed *x, ts_tile column);
/* An access pattern over HBM with the index operand attached; `parts` of the column as it stands. */
void ts_indexed_attach(ts_indexed *x, ts_ap *ap, const ts_ap *column);

/* Moves every element: plain = indexed, or indexed = plain (rmw as given). */
ts_status ts_indexed_load(ts_indexed *x, const ts_op_node *op);
ts_status ts_indexed_store(ts_indexed *x, const ts_op_node *op, ts_index_order order, ts_rmw rmw);

/* The starts that lie along `vector_axis` of an index tensor's view, which loses that axis (an
   index_vector_dim equal to the rank means one start an index). start_count = -1: too many. */
void ts_starts_of_view(ts_indexed *x, ts_view *index, int vector_axis);

/* Dimension numbers: a list attribute, empty when absent. */
int ts_index_dims(const ts_op_node *op, const char *name, int64_t dims[TS_MAX_RANK]);
bool ts_index_has(const int64_t *dims, int count, int64_t dim);

#endif
