/* Values that stay in SBUF between loop nests. Lowering passes values from nest to nest through scratch
   tensors in HBM. Where all stores to a tensor put row r on partition r mod P, and its loads do the same, the
   tensor can stay in SBUF, with the rows of a partition one behind the other: the tiles that were stored and
   loaded become parts of the resident tensor, and the DMAs disappear. Likewise, once a DMA has loaded a whole
   argument, later loads of it disappear. Private to src/plan. */
#ifndef TS_PLAN_RESIDE_H
#define TS_PLAN_RESIDE_H

#include "arch/range.h"
#include "plan/liveness.h"

/* Layout of a tensor in SBUF: element e is on partition (e / row) mod parts. */
typedef struct ts_reside_form {
    int64_t row;   /* elements per row */
    int64_t parts; /* partitions */
    int64_t bytes; /* bytes per element */
} ts_reside_form;

enum { TS_RESIDE_DIGITS = 2 * TS_AP_DIMS };

/* Maps byte offsets in a tile to byte offsets in the tensor's partition. An offset is split into digits,
   outermost first; a digit counts `from` bytes in the tile and `to` bytes in the tensor. It is a shift when
   from = to for every digit. */
typedef struct ts_reside_map {
    int digits;
    int64_t count[TS_RESIDE_DIGITS], from[TS_RESIDE_DIGITS], to[TS_RESIDE_DIGITS];
    bool is_shift;
} ts_reside_map;

/* Where in the tensor the DMAs of a tile begin, in elements: base + terms over loop counters + stride *
   index. The index is that of the operand's rotation; stride is nonzero only for a tile whose copies several
   DMAs fill in turn. */
typedef struct ts_reside_start {
    int64_t base, stride;
    int terms;
    ts_term term[TS_MAX_LOOP_DEPTH];
} ts_reside_start;

/* Computes the start for a DMA with operand `hbm` in HBM and operand `own` on the tile, where consecutive
   copies of the tile are `stride` elements apart. False when the HBM offset does not follow the rotation's
   index in that way. */
bool ts_reside_begin(const ts_program *program, const ts_ap *hbm, const ts_ap *own, int64_t stride,
                     ts_reside_start *start);
/* The only stride that can fit the offset: elements per step of the rotation's index; 0 when the offset does
   not move with it. */
int64_t ts_reside_stride(const ts_program *program, const ts_ap *hbm, const ts_ap *own);

/* A range of columns of the tensor's rows, over all trips of the loops. */
typedef struct ts_reside_columns {
    int64_t first, last;
} ts_reside_columns;

/* Whether the HBM operand fits the form: rows on partitions from partition 0 on, all columns within a row.
   Sets the columns that it covers. */
bool ts_reside_lies(const ts_program *program, const ts_reside_form *form, const ts_ap *hbm,
                    ts_reside_columns *columns);
/* Makes the map for a DMA between the two operands, of which `hbm` fits the form. False when there is
   none. */
bool ts_reside_join(const ts_reside_form *form, const ts_ap *tile, const ts_ap *hbm, ts_reside_map *map);
/* Whether an operand `ap` on the tile, inside the loops of `nest`, can be expressed on the tensor and stays
   within what the DMA moves. `base` is the byte in the tile at which that DMA begins. */
bool ts_reside_takes(const ts_nesting *nest, const ts_reside_map *map, int64_t base, const ts_ap *ap);
/* Rewrites such an operand to refer to the tile `resident` that holds the tensor. */
void ts_reside_patch(ts_builder *b, const ts_reside_form *form, const ts_reside_map *map, int64_t base,
                     const ts_reside_start *start, ts_tile resident, ts_ap *ap);

/* One access to a tile or a tensor. The accesses of each form a linked list. */
typedef struct ts_reside_use {
    uint32_t at, next; /* code position; 1 + index of the next access, 0 = none */
    ts_operand_use is;
} ts_reside_use;

/* What is known of a tile: its accesses, and whether it may become part of a tensor. */
typedef struct ts_reside_tile {
    uint32_t uses;                /* 1 + index of the latest access; 0 = none */
    uint32_t first, last, writes; /* positions of the first and last access; number of writes */
    bool is_bound;                /* holds an index, or lies in PSUM: cannot move */
    bool is_taken;                /* has become part of a tensor */
    bool is_linked;               /* scratch mark: is linked as a load of the current tensor */
} ts_reside_tile;

/* A tile that could become part of a tensor, and the DMA between the two (the first one if several DMAs load
   the tile). */
typedef struct ts_reside_link {
    uint32_t at, tile; /* position of the DMA; index of the tile */
    bool is_store;
    bool is_filling; /* the load that brings in an argument: it stays and fills the resident tensor */
    ts_reside_map map;
    ts_reside_start start;
    ts_reside_columns columns;
    int64_t base; /* byte in the tile at which the DMA begins */
    double bytes; /* bytes that its DMAs move in a step */
} ts_reside_link;

typedef struct ts_reside_tensor {
    uint32_t uses;
    ts_reside_form form;
    uint32_t first_link, link_count; /* links that fill the tensor come first, then loads by distance */
    uint32_t fill_count;             /* number of stores, or 1 for the load of an argument */
    bool has_others;                 /* some loads could not be linked */
    uint32_t chosen;                 /* number of loads served from SBUF; 0 = the tensor stays in HBM */
    uint32_t first, last;            /* live range in SBUF, once chosen */
    bool is_unread;                  /* its stores are dropped, and it with them */
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

/* The instruction as a DMA that only moves bytes (no read-modify-write, no skipping of bad indices); NULL
   otherwise. */
const ts_inst_dma_copy *ts_plain_dma(const ts_inst *inst);
/* Fills tiles, tensors, uses and links (reside_links.c). */
void ts_reside_find(ts_reside *r);
/* Chooses which tensors become resident and how many of their loads are served, as SBUF has room
   (reside_choose.c). */
void ts_reside_choose(ts_reside *r);
/* Bytes per partition that the resident tensor takes. */
int64_t ts_reside_bytes(const ts_reside *r, uint32_t number);

#endif
