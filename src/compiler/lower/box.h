/* Boxes: a strided part of an HBM tensor to or from a tile, as one DMA where its dimensions allow, else as a
   loop of them. */
#ifndef TS_COMPILER_LOWER_BOX_H
#define TS_COMPILER_LOWER_BOX_H

#include "plan/builder.h"

enum { TS_BOX_DIMS = 10 };

typedef struct ts_box_dim {
    int64_t hbm;  /* step in the tensor, elements */
    int64_t tile; /* step in a partition of the tile, elements; unused for partition dims */
    ts_count count;
} ts_box_dim;

/* Partition p of the tile holds combination p of the `part` dims in row-major order. */
typedef struct ts_box {
    uint32_t tensor;
    ts_dtype hbm_dtype;
    ts_affine hbm_offset; /* elements */
    ts_tile tile;
    ts_dtype tile_dtype;
    ts_affine tile_offset; /* bytes, without the tile's own rotation */
    bool has_slot;         /* the tile is a ring, `slot` its copy */
    ts_affine slot;
    ts_count parts; /* product of the part dims' counts */
    ts_box_dim part[TS_BOX_DIMS], free[TS_BOX_DIMS];
    int part_count, free_count;
} ts_box;

/* Adds a dimension inside those there; a constant count of 1 adds nothing. */
void ts_box_part(ts_box *t, int64_t hbm, ts_count count);
void ts_box_free(ts_box *t, int64_t hbm, int64_t tile, ts_count count);
void ts_emit_load(ts_builder *b, ts_engine trigger, int queue, ts_box *t);
void ts_emit_store(ts_builder *b, ts_engine trigger, int queue, ts_box *t);

#endif
