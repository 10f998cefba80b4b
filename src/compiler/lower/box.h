/* Boxes: a strided part of an HBM tensor that is moved to or from a tile. A box is one DMA if its dimensions
   allow, otherwise a loop of DMAs. */
#ifndef TS_COMPILER_LOWER_BOX_H
#define TS_COMPILER_LOWER_BOX_H

#include "plan/builder.h"

enum { TS_BOX_DIMS = 10 };

typedef struct ts_box_dim {
    int64_t hbm;  /* step in the tensor, in elements */
    int64_t tile; /* step within a partition of the tile, in elements; unused for partition dims */
    ts_count count;
} ts_box_dim;

/* Partition p of the tile holds the p-th combination of the `part` dims, in row-major order. */
typedef struct ts_box {
    uint32_t tensor;
    ts_dtype hbm_dtype;
    ts_affine hbm_offset; /* elements */
    ts_tile tile;
    ts_dtype tile_dtype;
    ts_affine tile_offset; /* bytes, without the tile's rotation */
    bool has_slot;         /* the tile is a ring, and `slot` selects its copy */
    ts_affine slot;
    ts_count parts; /* number of partitions: the product of the part dims' counts */
    ts_box_dim part[TS_BOX_DIMS], free[TS_BOX_DIMS];
    int part_count, free_count;
} ts_box;

/* Add a dimension inside the existing ones. A constant count of 1 adds nothing. */
void ts_box_part(ts_box *t, int64_t hbm, ts_count count);
void ts_box_free(ts_box *t, int64_t hbm, int64_t tile, ts_count count);
/* Emit the box as DMAs on `queue`, triggered by `trigger`; the box is used up. */
void ts_emit_load(ts_builder *b, ts_engine trigger, int queue, ts_box *t);
void ts_emit_store(ts_builder *b, ts_engine trigger, int queue, ts_box *t);

#endif
