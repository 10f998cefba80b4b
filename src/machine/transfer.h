/* Strided copies between two patterns of equal length: what a DMA does once its operands are resolved.
   Private to src/machine. */
#ifndef TS_MACHINE_TRANSFER_H
#define TS_MACHINE_TRANSFER_H

#include "machine/engine.h"

/* Elements at regular steps. Partitions are a dimension like the free ones; outermost first, steps in
   bytes. */
enum { TS_PATTERN_DIMS = TS_AP_DIMS + 1, TS_PAIR_DIMS = 2 * TS_PATTERN_DIMS };
typedef struct ts_pattern {
    uint8_t *base;
    uint8_t dtype, size;
    int dims;
    int64_t step[TS_PATTERN_DIMS], count[TS_PATTERN_DIMS];
} ts_pattern;
int64_t ts_pattern_elems(const ts_pattern *pattern);
/* The range of bytes, relative to the first element, that the dimensions from `dim` on reach. */
void ts_pattern_range(const ts_pattern *pattern, int dim, int64_t *low, int64_t *high);

/* Two patterns cut into the same dimensions, which walk both of them element by element in the same order. */
typedef struct ts_pair {
    uint8_t *dst, *src;
    uint8_t dst_dtype, src_dtype, dst_size, src_size;
    bool is_added;     /* dst += src in fp32 */
    ts_isa isa;        /* of transposes; ts_isa_auto: any */
    bool is_streaming; /* dst is not read again soon: stores go past the caches */
    bool is_far;       /* src lies in memory rather than in the caches */
    bool is_dst_far;   /* the same of dst */
    int dims;
    /* Casts round stochastically, with random words of `key` that bytes counted from the origins choose. */
    bool is_stochastic;
    uint32_t key[2];
    ts_casts *casts;
    const uint8_t *dst_origin, *src_origin;
    int64_t dst_step[TS_PAIR_DIMS], src_step[TS_PAIR_DIMS], count[TS_PAIR_DIMS];
} ts_pair;
/* False when no common cut exists (17 elements against 3 x 6 of them, say). */
bool ts_pair_make(const ts_pattern *dst, const ts_pattern *src, ts_pair *pair);
/* The pair without its outermost `dims` dimensions. */
ts_pair ts_pair_inner(const ts_pair *pair, int dims);
/* Puts the dimensions into a fast order. Call it only when elements may move in any order. */
void ts_pair_arrange(ts_pair *pair);
/* Moves the part with outermost counter in [first, last). */
void ts_pair_move(const ts_pair *pair, int64_t first, int64_t last);
/* Moves one element, from src to dst. */
void ts_pair_move_one(const ts_pair *pair, uint8_t *dst, const uint8_t *src);
/* How the bytes that a transfer brings to a partition lie in HBM: in runs of `run` bytes, `step` bytes apart,
   the first at `data` for the first partition and `pitch` bytes further on for each next one. step 0: there
   is one run. */
typedef struct ts_lying {
    uint8_t *data;
    int64_t pitch, run, step;
} ts_lying;
/* Finds that where they are adjacent in the partition; dimension `dim` walks the partitions (-1: none does).
   False: they are not, or lie otherwise. */
bool ts_pair_lying(const ts_pair *pair, int dim, ts_lying *lying);
/* Whether no byte of dst is written twice. */
bool ts_pattern_is_disjoint(const ts_pattern *pattern);

#endif
