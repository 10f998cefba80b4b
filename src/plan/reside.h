/* Values that stay in SBUF between loop nests. Lowering hands values on through scratch tensors in HBM. Where
   all that is stored to one puts row r on partition r mod P, as its loads do, the tensor can lie in SBUF,
   rows behind one another in a partition: the tiles that were stored and loaded become parts of it, and the
   DMAs are gone. Of an argument that a DMA loads as a whole, later loads are gone in the same way. Private to
   src/plan. */
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

/* How far each trip of a loop moves it. */
int64_t ts_reside_coef(const ts_program *program, const ts_affine *affine, uint32_t loop);
/* Of the operand in HBM of a DMA whose tile is at the operand `own`, when a copy of it is `stride` elements
   from the one before; false when the offset does not follow the rotation's index so. */
bool ts_reside_begin(const ts_program *program, const ts_ap *hbm, const ts_ap *own, int64_t stride,
                     ts_reside_start *start);
/* The stride that the offset can have: elements for each step of the index; 0 when it is constant. */
int64_t ts_reside_stride(const ts_program *program, const ts_ap *hbm, const ts_ap *own);

/* Of a tensor's rows, in all trips of the loops. */
typedef struct ts_reside_columns {
    int64_t first, last;
} ts_reside_columns;

/* Whether the operand in HBM covers whole columns of the form: rows on the partitions, from partition 0;
   which ones. */
bool ts_reside_lies(const ts_program *program, const ts_reside_form *form, const ts_ap *hbm,
                    ts_reside_columns *columns);
/* The map of a DMA between the two, of which `hbm` lies so; false when there is none. */
bool ts_reside_join(const ts_reside_form *form, const ts_ap *tile, const ts_ap *hbm, ts_reside_map *map);
/* Whether an operand on the tile, inside the loops of `nest`, is one on the tensor, and within what the DMA
   that begins at byte `base` of the tile moves. */
bool ts_reside_takes(const ts_nesting *nest, const ts_reside_map *map, int64_t base, const ts_ap *ap);
/* Makes it one: of tile `resident`. */
void ts_reside_patch(ts_builder *b, const ts_reside_form *form, const ts_reside_map *map, int64_t base,
                     const ts_reside_start *start, ts_tile resident, ts_ap *ap);

/* One operand on a tile or a tensor; those of one hang together. */
typedef struct ts_reside_use {
    uint32_t at, next; /* position; 1 + number of the next use, 0 = none */
    ts_operand_use is;
} ts_reside_use;

/* What is known of a tile: its uses, and the DMA that would be no more. */
typedef struct ts_reside_tile {
    uint32_t uses;                /* 1 + number of the first; 0 = none */
    uint32_t first, last, writes; /* positions of accesses; how many write */
    bool is_bound;                /* an index, or of PSUM: stays as it is */
    bool is_taken;                /* became part of a tensor */
    bool is_linked;               /* as a load of the tensor in hand */
} ts_reside_tile;

/* A tile that could be part of a tensor, and the DMA between them; of a load with several, the first. */
typedef struct ts_reside_link {
    uint32_t at, tile; /* position of the DMA; index of the tile */
    bool is_store;
    bool is_filling; /* the load that brings an argument: it stays, and fills the tensor in SBUF */
    ts_reside_map map;
    ts_reside_start start;
    ts_reside_columns columns;
    int64_t base; /* bytes: where in the tile the DMA begins */
    double bytes; /* that the DMAs move in a step */
} ts_reside_link;

typedef struct ts_reside_tensor {
    uint32_t uses;
    ts_reside_form form;
    uint32_t first_link, link_count; /* those that fill it, then loads, nearest first */
    uint32_t fill_count;             /* stores, or the one load that brings an argument */
    bool has_others;                 /* loads that are no links */
    uint32_t chosen;                 /* how many loads are served; 0 = it lies in HBM */
    uint32_t first, last;            /* positions over which it lies in SBUF, once chosen */
} ts_reside_tensor;

typedef struct ts_reside {
    ts_builder *b;
    ts_program *program;
    ts_arena arena;
    uint32_t *loop_of;
    ts_reside_tile *tiles;
    ts_reside_tensor *tensors;
    TS_VEC(ts_reside_use) uses;
    TS_VEC(ts_reside_link) links;
} ts_reside;

/* The instruction as a DMA that moves its bytes and does nothing else; NULL when it is none. */
const ts_inst_dma_copy *ts_plain_dma(const ts_inst *inst);
/* Fills tiles, tensors, uses and links (reside_links.c). */
void ts_reside_find(ts_reside *r);
/* Chooses which tensors stay and for how many of their loads, as SBUF has room (reside_choose.c). */
void ts_reside_choose(ts_reside *r);
/* Bytes of a partition that the tensor takes. */
int64_t ts_reside_bytes(const ts_reside *r, uint32_t number);

#endif
