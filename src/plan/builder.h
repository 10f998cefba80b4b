/* Builder: appends instructions with loops and virtual tiles to a program; place.c then gives every tile
   its address. An operand of an unplaced tile holds the tile's handle in ap.tensor and an offset
   relative to the tile. */
#ifndef TS_PLAN_BUILDER_H
#define TS_PLAN_BUILDER_H

#include "arch/chip.h"
#include "arch/isa.h"
#include "arch/lifetime.h"

enum { TS_BUILD_DEPTH = 64 };

typedef uint32_t ts_tile; /* 1-based handle; 0 = none */

/* Virtual tile: [parts, bytes] in SBUF or PSUM, `slots` rotating copies indexed by one loop's counter. */
typedef struct ts_tile_info {
    uint8_t space;
    uint16_t slots;
    int32_t parts;
    int64_t bytes;        /* per partition and slot, 64-byte multiple (PSUM: whole banks) */
    uint32_t rotation;    /* 1 + index into program->rotations; 0 = none, or a ring */
    uint32_t first, last; /* code positions of its accesses, filled by place.c */
    int64_t address;      /* byte offset in the partition, filled by placement unless is_fixed */
    bool is_fixed;        /* the user chose the address */
    bool is_lasting;      /* a tensor that stays from nest to nest (reside.c): placed first */
    const char *name;     /* the user's, or NULL */
    uint32_t loc;         /* where it was made; 0 = unknown */
} ts_tile_info;

typedef struct ts_builder {
    ts_program *program;
    const ts_chip *chip;
    uint32_t loc; /* given to each new instruction */
    uint32_t open_loops[TS_BUILD_DEPTH];
    int depth, deepest; /* open loops, and the most that were; more than TS_MAX_LOOP_DEPTH do not run */
    int control_depth;  /* of these are the user's own loops: no tile rotates with them */
    bool owns_banks;    /* each tile in PSUM has whole banks to itself */
    TS_VEC(ts_tile_info) tiles;   /* in the program's arena */
    TS_VEC(uint32_t) tensor_locs; /* by tensor: the loc it was made at */
} ts_builder;

/* Both are borrowed. */
void ts_builder_init(ts_builder *builder, ts_program *program, const ts_chip *chip);

ts_affine ts_affine_const(int64_t base);
ts_count ts_count_const(int64_t count);
/* affine + coef * counter(loop); the terms are copied, rotations kept. */
ts_affine ts_build_term(ts_builder *builder, ts_affine affine, int64_t coef, uint32_t loop);
/* affine + coef * more, rotation of `affine` kept. */
ts_affine ts_build_sum(ts_builder *builder, ts_affine affine, ts_affine more, int64_t coef);
/* min(tile, total - tile * counter(loop)), each times `scale`; constant when tile divides total. */
ts_count ts_build_ragged(ts_builder *builder, int64_t tile, int64_t total, uint32_t loop, int64_t scale);

/* Opens a loop and returns its id. ts_build_end closes the innermost. */
uint32_t ts_build_loop(ts_builder *builder, ts_count trip);
void ts_build_end(ts_builder *builder);
/* Moves the instruction at position `from` to `to`, and the marks of loops between them by one. */
void ts_build_move(ts_builder *builder, uint32_t from, uint32_t to);

/* A tile; with slots > 1 it rotates with the counter of the innermost open loop, unless that is control. */
ts_tile ts_build_tile(ts_builder *builder, ts_space space, int64_t parts, int64_t bytes, int slots);
/* A tile of `slots` copies that no one loop turns: ts_build_slot says of each operand which one it means. */
ts_tile ts_build_ring(ts_builder *builder, ts_space space, int64_t parts, int64_t bytes, int slots);
/* The operand in copy `index` mod slots of its ring. */
void ts_build_slot(ts_builder *builder, ts_ap *ap, ts_affine index);
/* Operand over the whole tile: partitions [0, parts), `count` elements of `dtype` from offset 0. */
ts_ap ts_build_ap(const ts_builder *builder, ts_tile tile, ts_dtype dtype, ts_count parts, ts_count count);
/* Operand in HBM without dimensions; add them with ts_ap_dim. */
ts_ap ts_build_hbm(uint32_t tensor, ts_dtype dtype, ts_affine offset);
void ts_ap_dim(ts_ap *ap, int64_t step, ts_count count);

uint32_t ts_build_tensor(ts_builder *builder, ts_tensor_kind kind, ts_dtype dtype, int rank,
                         const int64_t *dim, const char *name);

/* One function for each instruction that lowering emits; operands are borrowed. */
void ts_emit_dma(ts_builder *b, ts_engine trigger, int queue, const ts_ap *dst, const ts_ap *src);
ts_inst_dma_copy *ts_emit_dma_indexed(ts_builder *b, ts_engine trigger, int queue, const ts_ap *dst,
                                      const ts_ap *src, ts_rmw rmw, ts_oob oob);
ts_inst_nc_matmul *ts_emit_matmul(ts_builder *b, const ts_ap *dst, const ts_ap *stationary,
                                  const ts_ap *moving, ts_accum accumulate);
void ts_emit_transpose(ts_builder *b, ts_engine engine, const ts_ap *dst, const ts_ap *data);
void ts_emit_copy(ts_builder *b, ts_engine engine, const ts_ap *dst, const ts_ap *src);
void ts_emit_copy_predicated(ts_builder *b, const ts_ap *dst, const ts_ap *src, const ts_ap *predicate);
/* dst = predicate ? on_true : on_false, or the other way round where `is_reversed`. */
ts_inst_select_reduce *ts_emit_select_reduce(ts_builder *b, const ts_ap *dst, const ts_ap *predicate,
                                             const ts_ap *on_true, double on_false, bool is_reversed);
void ts_emit_memset(ts_builder *b, ts_engine engine, const ts_ap *dst, double value);
void ts_emit_iota(ts_builder *b, const ts_ap *dst, ts_affine offset, int64_t channel_multiplier,
                  const int64_t *pattern);
void ts_emit_tensor_tensor(ts_builder *b, ts_engine engine, const ts_ap *dst, const ts_ap *data1,
                           const ts_ap *data2, ts_alu op);
/* dst = (data op0 operand0) op1 operand1; op1 bypass for one operator. */
ts_inst_tensor_scalar *ts_emit_tensor_scalar(ts_builder *b, ts_engine engine, const ts_ap *dst,
                                             const ts_ap *data, ts_alu op0, ts_scalar operand0,
                                             bool reverse0);
/* dst = (data op0 operand0) op1 operand1, the latter of dst's shape. */
void ts_emit_scalar_tensor_tensor(ts_builder *b, const ts_ap *dst, const ts_ap *data, ts_alu op0,
                                  ts_scalar operand0, bool reverse0, ts_alu op1, const ts_ap *operand1,
                                  bool reverse1);
/* dst = the angle in [-pi/2, pi/2] that has the sine of data + quarters * pi/2. */
void ts_emit_fold_angle(ts_builder *b, const ts_ap *dst, const ts_ap *data, int quarters);
/* bias and reduce are the caller's to set. */
ts_inst_activation *ts_emit_activation(ts_builder *b, const ts_ap *dst, ts_act func, const ts_ap *data,
                                       double scale);
void ts_emit_reduce(ts_builder *b, const ts_ap *dst, const ts_ap *data, ts_alu op, int axes);
/* groups: of a permute the pairs, i32[rows, ranks of a row]. */
void ts_emit_collective(ts_builder *b, ts_engine trigger, ts_cc kind, const ts_ap *dst, const ts_ap *src,
                        ts_alu op, const ts_ap *groups);
void ts_emit_rank(ts_builder *b, const ts_ap *dst);
/* Of an operand in no space there is none. */
void ts_emit_host_call(ts_builder *b, int64_t id, const ts_ap *dst, const ts_ap *src, bool is_once);
ts_scalar ts_scalar_const(double value);
ts_scalar ts_scalar_ap(const ts_ap *ap);

/* What is chosen for a partition of 192 KiB, bytes or elements of tiles, in proportion to the chip's SBUF. */
int64_t ts_build_scaled(const ts_builder *builder, int64_t amount);
/* The same where more is of no use. */
static inline int64_t ts_build_at_most(const ts_builder *builder, int64_t amount) {
    int64_t scaled = ts_build_scaled(builder, amount);
    return scaled < amount ? scaled : amount;
}

/* Lets copies from HBM to HBM read what they move from a tile that has it (forward.c); then ts_plan_reside.
 */
void ts_plan_forward(ts_builder *builder);
/* Keeps in SBUF what scratch tensors hand from nest to nest, as far as there is room (reside.c). The builder
   is at its end: tiles unplaced, no loop open. */
void ts_plan_reside(ts_builder *builder);

/* Moves loads that are the same on every trip of a top-level loop before it, where there is still room
   (invariant.c). */
void ts_plan_invariants(ts_builder *builder);
/* Gives every tile an SBUF or PSUM address and every scratch tensor an HBM offset by liveness over the
   loop tree: the lowest that was left some time before, where there is room. ts_capacity names what does not
   fit. */
ts_status ts_plan_place(ts_builder *builder, ts_diag *diag);
/* The tiles of one space whose first and last are known, by age. */
ts_status ts_plan_place_recent(ts_builder *builder, ts_space space, double capacity, ts_diag *diag);
/* Whether the tiles in SBUF find addresses as they are; of a builder that owns banks. */
bool ts_plan_fits(ts_builder *builder);
/* ts_capacity when arguments, results, constants and scratch together exceed the HBM stack of one core. */
ts_status ts_plan_check_hbm(const ts_builder *builder, ts_diag *diag);

#endif
