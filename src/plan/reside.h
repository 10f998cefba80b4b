/* Values that stay in SBUF between loop nests. Lowering hands values on through scratch tensors in HBM. Where
   all that is stored to one puts row r on partition r mod P, as its loads do, the tensor can lie in SBUF,
   rows behind one another in a partition: the tiles that were stored and loaded become parts of it, and the
   DMAs are gone. Private to src/plan. */
#ifndef TS_PLAN_RESIDE_H
#define TS_PLAN_RESIDE_H

#include "arch/range.h"
#include "plan/liveness.h"

/* How a tensor lies in SBUF: element e in partition e / row mod parts. */
typedef struct ts_reside_form {
    int64_t row;   /* elements */
    int64_t parts; /* partitions */
    int64_t bytes; /* of an element */
} ts_reside_form;

enum { TS_RESIDE_DIGITS = 2 * TS_AP_DIMS };

/* Where bytes of a tile are in the tensor: an offset is digits, outermost first, each worth `from` bytes in
   the tile and `to` bytes in the tensor's partition. A shift: from = to for all of them. */
typedef struct ts_reside_map {
    int digits;
    int64_t count[TS_RESIDE_DIGITS], from[TS_RESIDE_DIGITS], to[TS_RESIDE_DIGITS];
    bool is_shift;
} ts_reside_map;

/* Where in the tensor a tile's DMAs begin, elements: base, loop counters, and `stride` for each copy of a
   tile that several DMAs fill in turn, counted by the index of the operand's rotation. */
typedef struct ts_reside_start {
    int64_t base, stride;
    int terms;
    ts_term term[TS_MAX_LOOP_DEPTH];
} ts_reside_start;

/* Of the operand in HBM of a DMA whose tile is at the operand `own`, when a copy of it is `stride` elements
   from the one before; false when the offset does not follow the rotation's index so. */
bool ts_reside_begin(const ts_program *program, const ts_ap *hbm, const ts_ap *own, int64_t stride,
                     ts_reside_start *start);
/* The stride that the offset can have: elements for each step of the index; 0 when it is constant. */
int64_t ts_reside_stride(const ts_program *program, const ts_ap *hbm, const ts_ap *own);

/* Whether the operand in HBM covers whole columns of the form: rows on the partitions, from partition 0. */
bool ts_reside_lies(const ts_program *program, const ts_reside_form *form, const ts_ap *hbm);
/* The map of a DMA between the two, of which `hbm` lies so; false when there is none. */
bool ts_reside_join(const ts_reside_form *form, const ts_ap *tile, const ts_ap *hbm, ts_reside_map *map);
/* Whether an operand on the tile, inside the loops of `nest`, is one on the tensor, and within what the DMA
   that begins at byte `base` of the tile moves. */
bool ts_reside_takes(const ts_nesting *nest, const ts_reside_map *map, int64_t base, const ts_ap *ap);
/* Makes it one: of tile `resident`. */
void ts_reside_patch(ts_builder *b, const ts_reside_form *form, const ts_reside_map *map, int64_t base,
                     const ts_reside_start *start, ts_tile resident, ts_ap *ap);

#endif
