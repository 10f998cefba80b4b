/* The first elements of sorts by searching: shared by the stages (lower_top.c) and the searches
   (top_search.c). */
#ifndef TS_COMPILER_LOWER_TOP_H
#define TS_COMPILER_LOWER_TOP_H

#include "compiler/lower/lower.h"

enum {
    TS_TOP_FOUND = 8,  /* elements that one instruction finds */
    TS_TOP_ROW = 4096, /* most elements of a row in a partition; 2^8 times that is exact in fp32 */
    TS_TOP_ARRAYS = 8
};

/* An array that goes along with the keys: the row's elements, or their indices. */
typedef struct ts_top_array {
    uint32_t from, to; /* tensors [rows, n] and [rows, k] */
    ts_dtype dtype;    /* of both tensors; only the bits matter */
    bool is_index;     /* there is no tensor: the element is the index found */
    int64_t part; /* if not 0: indices count within parts of this many elements, with k results each, and the
                     part's position is added */
    ts_tile data, base;
} ts_top_array;

typedef struct ts_top {
    ts_lower *lower;
    ts_builder *b;
    unsigned dtype;                     /* of the keys in the program */
    int64_t rows, n, k;                 /* sizes of this stage */
    ts_top_array arrays[TS_TOP_ARRAYS]; /* the first array has the keys */
    int array_count;
    bool is_ascending; /* the smallest come first */

    int64_t width, rounded, group; /* elements of a row in SBUF; k rounded up; rows of a partition */
    ts_count parts;
    int64_t most_parts;
    uint32_t tile_loop, row_loop;
    bool has_tile_loop;
    ts_tile ranks; /* the constants 1, 2 ... rounded */
} ts_top;

/* A tile [parts, elems] in SBUF. */
ts_tile ts_top_tile(const ts_top *s, int64_t elems, ts_dtype dtype, int slots);
/* The first `elems` elements of each partition. */
ts_ap ts_top_all(const ts_top *s, ts_tile tile, ts_dtype dtype, int64_t elems);
/* `count` elements of every row from `first` on, `step` apart; rows are `pitch` apart. */
ts_ap ts_top_columns(const ts_top *s, ts_tile tile, ts_dtype dtype, int64_t pitch, int64_t first,
                     int64_t step, int64_t count);
/* ts_top_row is the part of one row that the loop between open and close selects. */
void ts_top_open_rows(ts_top *s);
void ts_top_close_rows(ts_top *s);
ts_ap ts_top_row(const ts_top *s, ts_tile tile, ts_dtype dtype, int64_t pitch, int64_t first, int64_t count);
/* dst = data[indices] */
void ts_top_gather(const ts_top *s, const ts_ap *dst, const ts_ap *data, const ts_ap *indices);

/* Whether keys have 32 bits; whether they are floats. */
bool ts_top_is_word(const ts_top *s);
bool ts_top_is_float(const ts_top *s);

/* The indices of the first k elements of the tile's rows, in order, as u32 [rows of a partition, rounded]. */
ts_tile ts_top_search(ts_top *s);

#endif
