/* The first elements of sorts by searching: what stages (lower_top.c) and searches (top_search.c) share. */
#ifndef TS_COMPILER_LOWER_TOP_H
#define TS_COMPILER_LOWER_TOP_H

#include "compiler/lower/lower.h"

enum {
    TS_TOP_FOUND = 8,  /* that an instruction looks for */
    TS_TOP_ROW = 4096, /* elements a row and partition at most; 2^8 times as many are exact in fp32 */
    TS_TOP_ARRAYS = 8
};

/* What is carried along: the row's elements, or their indices. */
typedef struct ts_top_array {
    uint32_t from, to; /* tensors, [rows, n] and [rows, k] */
    ts_dtype dtype;    /* of both, bits alone */
    bool is_index;     /* no tensor: the position found is the element */
    int64_t part;      /* != 0: indices within parts of so many; the part's place is added, k of each */
    ts_tile data, base;
} ts_top_array;

typedef struct ts_top {
    ts_lower *lower;
    ts_builder *b;
    unsigned dtype;                     /* of the keys, as the program has it */
    int64_t rows, n, k;                 /* of this stage */
    ts_top_array arrays[TS_TOP_ARRAYS]; /* the first one is the keys */
    int array_count;
    bool is_ascending; /* the smallest go first */

    int64_t width, rounded, group; /* elements of a row in SBUF; k in FOUNDs; rows of a partition */
    ts_count parts;
    int64_t most_parts;
    uint32_t tile_loop, row_loop;
    bool has_tile_loop;
    ts_tile ranks; /* 1, 2 ... rounded */
} ts_top;

/* [parts, elems] in SBUF. */
ts_tile ts_top_tile(const ts_top *s, int64_t elems, ts_dtype dtype, int slots);
/* Its first elements. */
ts_ap ts_top_all(const ts_top *s, ts_tile tile, ts_dtype dtype, int64_t elems);
/* Of every row `count` elements from `first` on, `step` apart; rows are `pitch` apart. */
ts_ap ts_top_columns(const ts_top *s, ts_tile tile, ts_dtype dtype, int64_t pitch, int64_t first,
                     int64_t step, int64_t count);
/* Of the row that the loop between these two is at. */
void ts_top_open_rows(ts_top *s);
void ts_top_close_rows(ts_top *s);
ts_ap ts_top_row(const ts_top *s, ts_tile tile, ts_dtype dtype, int64_t pitch, int64_t first, int64_t count);
/* dst = data[indices] */
void ts_top_gather(const ts_top *s, const ts_ap *dst, const ts_ap *data, const ts_ap *indices);

/* Keys of 32 bits; floats. */
bool ts_top_is_word(const ts_top *s);
bool ts_top_is_float(const ts_top *s);

/* The indices of the tile's rows, u32 [rows of a partition, rounded], the first k of them in order. */
ts_tile ts_top_search(ts_top *s);

#endif
