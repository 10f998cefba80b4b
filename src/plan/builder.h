/* Builder: appends instructions, loops and virtual tiles to a program. place.c later gives every tile its
   address. Until then an operand on a tile holds the tile's handle in ap.tensor and an offset relative to the
   tile. */
#ifndef TS_PLAN_BUILDER_H
#define TS_PLAN_BUILDER_H

#include "arch/chip.h"
#include "arch/isa.h"
#include "arch/lifetime.h"

/* Loops that may be open at once while a program is built. A program deeper than TS_MAX_LOOP_DEPTH can be
   built but does not run. */
enum { TS_BUILD_DEPTH = 64 };

typedef uint32_t ts_tile; /* 1-based handle; 0 = no tile */

/* A virtual tile: [parts, bytes] in SBUF or PSUM. It may have several copies (slots), among which its
   accesses rotate as a loop advances. */
typedef struct ts_tile_info {
    uint8_t space;
    uint16_t slots;
    int32_t parts;
    int64_t bytes;        /* per partition and slot; a multiple of 64 (SBUF) or of a bank (PSUM) */
    uint32_t rotation;    /* 1 + index into program->rotations; 0 = no rotation, or a ring */
    uint32_t first, last; /* code positions of its first and last access, set by the planner */
    int64_t address;      /* byte offset in the partition; set by placement unless is_fixed */
    bool is_fixed;        /* the user chose the address */
    bool is_lasting;      /* holds a tensor across loop nests (reside.c): placed before other tiles */
    const char *name;     /* name in the user's source, or NULL */
    uint32_t loc;         /* location of its creation; 0 = unknown */
} ts_tile_info;

typedef struct ts_builder {
    ts_program *program;
    const ts_chip *chip;
    uint32_t loc; /* location given to each new instruction */
    uint32_t open_loops[TS_BUILD_DEPTH];
    int depth, deepest; /* number of open loops, and its maximum so far */
    int control_depth;  /* how many of the open loops are control flow of the user's program: tiles do not
                           rotate with them */
    bool owns_banks;    /* every tile in PSUM gets whole banks of its own (NKI kernels) */
    TS_VEC(ts_tile_info) tiles;   /* allocated in the program's arena */
    TS_VEC(uint32_t) tensor_locs; /* by tensor: the value of `loc` when it was made */
} ts_builder;

/* Both pointers are borrowed and must outlive the builder. */
void ts_builder_init(ts_builder *builder, ts_program *program, const ts_chip *chip);

/* Affine expressions and counts. Coefficients and bases are in the unit of the field that they become: bytes
   for offsets of tiles, elements for HBM and for counts. */
ts_affine ts_affine_const(int64_t base);
ts_count ts_count_const(int64_t count);
/* Returns affine + coef * counter(loop). The terms are copied into the program; the rotation of `affine` is
   kept. */
ts_affine ts_build_term(ts_builder *builder, ts_affine affine, int64_t coef, uint32_t loop);
/* Returns affine + coef * more, with the rotation of `affine`. */
ts_affine ts_build_sum(ts_builder *builder, ts_affine affine, ts_affine more, int64_t coef);
/* The count of trip `counter(loop)` when `total` is cut into tiles: min(tile, total - tile * counter(loop)),
   times `scale`. It is constant when `tile` divides `total`. */
ts_count ts_build_ragged(ts_builder *builder, int64_t tile, int64_t total, uint32_t loop, int64_t scale);

/* Opens a loop and returns its id. ts_build_end closes the innermost open loop. */
uint32_t ts_build_loop(ts_builder *builder, ts_count trip);
void ts_build_end(ts_builder *builder);
/* Moves the instruction at position `from` to position `to`. Begin and end of loops in between shift by
   one. */
void ts_build_move(ts_builder *builder, uint32_t from, uint32_t to);

/* Adds a tile of `parts` partitions and `bytes` a partition. With slots > 1 it rotates with the counter of
   the innermost open loop, unless that loop is control flow. */
ts_tile ts_build_tile(ts_builder *builder, ts_space space, int64_t parts, int64_t bytes, int slots);
/* Adds a tile of `slots` copies that is not tied to one loop: ts_build_slot selects the copy for each
   operand. */
ts_tile ts_build_ring(ts_builder *builder, ts_space space, int64_t parts, int64_t bytes, int slots);
/* Makes the operand refer to copy `index` mod slots of its ring. */
void ts_build_slot(ts_builder *builder, ts_ap *ap, ts_affine index);
/* An operand over a whole tile: partitions [0, parts) and `count` elements of `dtype` from offset 0. */
ts_ap ts_build_ap(const ts_builder *builder, ts_tile tile, ts_dtype dtype, ts_count parts, ts_count count);
/* An operand in HBM without dimensions. ts_ap_dim appends one, outermost first; its step is in elements. */
ts_ap ts_build_hbm(uint32_t tensor, ts_dtype dtype, ts_affine offset);
void ts_ap_dim(ts_ap *ap, int64_t step, ts_count count);

/* Adds a tensor of `rank` dimensions in HBM and returns its index. `dim` and `name` are copied. */
uint32_t ts_build_tensor(ts_builder *builder, ts_tensor_kind kind, ts_dtype dtype, int rank,
                         const int64_t *dim, const char *name);

/* One function for each instruction that lowering emits. Operands are copied. Functions that return the
   instruction let the caller set its other fields. */
void ts_emit_dma(ts_builder *b, ts_engine trigger, int queue, const ts_ap *dst, const ts_ap *src);
ts_inst_dma_copy *ts_emit_dma_indexed(ts_builder *b, ts_engine trigger, int queue, const ts_ap *dst,
                                      const ts_ap *src, ts_rmw rmw, ts_oob oob);
ts_inst_nc_matmul *ts_emit_matmul(ts_builder *b, const ts_ap *dst, const ts_ap *stationary,
                                  const ts_ap *moving, ts_accum accumulate);
void ts_emit_transpose(ts_builder *b, ts_engine engine, const ts_ap *dst, const ts_ap *data);
void ts_emit_copy(ts_builder *b, ts_engine engine, const ts_ap *dst, const ts_ap *src);
void ts_emit_copy_predicated(ts_builder *b, const ts_ap *dst, const ts_ap *src, const ts_ap *predicate);
/* dst = predicate ? on_true : on_false; with is_reversed, predicate ? on_false : on_true. */
ts_inst_select_reduce *ts_emit_select_reduce(ts_builder *b, const ts_ap *dst, const ts_ap *predicate,
                                             const ts_ap *on_true, double on_false, bool is_reversed);
void ts_emit_memset(ts_builder *b, ts_engine engine, const ts_ap *dst, double value);
void ts_emit_iota(ts_builder *b, const ts_ap *dst, ts_affine offset, int64_t channel_multiplier,
                  const int64_t *pattern);
void ts_emit_tensor_tensor(ts_builder *b, ts_engine engine, const ts_ap *dst, const ts_ap *data1,
                           const ts_ap *data2, ts_alu op);
/* dst = (data op0 operand0) op1 operand1. op1 is bypass until the caller sets it. */
ts_inst_tensor_scalar *ts_emit_tensor_scalar(ts_builder *b, ts_engine engine, const ts_ap *dst,
                                             const ts_ap *data, ts_alu op0, ts_scalar operand0,
                                             bool reverse0);
/* dst = (data op0 operand0) op1 operand1, where operand1 has the shape of dst. */
void ts_emit_scalar_tensor_tensor(ts_builder *b, const ts_ap *dst, const ts_ap *data, ts_alu op0,
                                  ts_scalar operand0, bool reverse0, ts_alu op1, const ts_ap *operand1,
                                  bool reverse1);
/* dst = the angle in [-pi/2, pi/2] whose sine is that of data + quarters * pi/2. */
void ts_emit_fold_angle(ts_builder *b, const ts_ap *dst, const ts_ap *data, int quarters);
/* dst = func(data * scale). The caller may set bias and reduce. */
ts_inst_activation *ts_emit_activation(ts_builder *b, const ts_ap *dst, ts_act func, const ts_ap *data,
                                       double scale);
void ts_emit_reduce(ts_builder *b, const ts_ap *dst, const ts_ap *data, ts_alu op, int axes);
/* `groups` is an i32 [rows, ranks per row] in HBM: the members of each group or, for a permute, the pairs of
   source and target. */
void ts_emit_collective(ts_builder *b, ts_engine trigger, ts_cc kind, const ts_ap *dst, const ts_ap *src,
                        ts_alu op, const ts_ap *groups);
void ts_emit_rank(ts_builder *b, const ts_ap *dst);
/* An operand whose space is none stands for no operand. */
void ts_emit_host_call(ts_builder *b, int64_t id, const ts_ap *dst, const ts_ap *src, bool is_once);
ts_scalar ts_scalar_const(double value);
ts_scalar ts_scalar_ap(const ts_ap *ap);

/* Scales an amount (bytes or elements of a tile) that was chosen for a partition of 192 KiB to the chip's
   SBUF partition. */
int64_t ts_build_scaled(const ts_builder *builder, int64_t amount);
/* The same, but never more than `amount`. */
static inline int64_t ts_build_at_most(const ts_builder *builder, int64_t amount) {
    int64_t scaled = ts_build_scaled(builder, amount);
    return scaled < amount ? scaled : amount;
}

/* Turns copies from HBM to HBM into stores from the tile that already holds the data (forward.c). Runs before
   ts_plan_reside. */
void ts_plan_forward(ts_builder *builder);
/* Keeps in SBUF the values that loop nests exchange through scratch tensors, as far as there is room
   (reside.c). The program must be complete: no loop open, no tile placed. */
void ts_plan_reside(ts_builder *builder);

/* Hoists loads that fetch the same on every trip out of top-level loops, while SBUF has room
   (invariant.c). */
void ts_plan_invariants(ts_builder *builder);
/* Lets parts of a loop's body run trips behind the others, where engines then wait less for each other
   (skew.c). Returns whether the program has changed. The new one may need more
   room: ts_plan_unskew goes back to the program of which `before` is a copy. */
bool ts_plan_skew(ts_builder *builder);
void ts_plan_unskew(ts_builder *builder, const ts_program *before);
/* Gives every tile an address in SBUF or PSUM and every scratch tensor an offset in HBM, by liveness over the
   loop tree. Addresses are low, but avoid memory that was in use shortly before if there is a choice. Returns
   ts_capacity, naming what does not fit. */
ts_status ts_plan_place(ts_builder *builder, ts_diag *diag);
/* Places the tiles of one space by age (place_recent.c); `first` and `last` of each tile must be known.
   `capacity` is in bytes per partition. Returns ts_capacity, naming the largest tiles that are live at
   once. */
ts_status ts_plan_place_recent(ts_builder *builder, ts_space space, double capacity, ts_diag *diag);
/* Whether the SBUF tiles of a builder with owns_banks all find addresses. The program is not changed. */
bool ts_plan_fits(ts_builder *builder);
/* Returns ts_capacity when arguments, results, constants and scratch together exceed the HBM of one core. */
ts_status ts_plan_check_hbm(const ts_builder *builder, ts_diag *diag);

#endif
