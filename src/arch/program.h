/* ts_program: instructions with their loops, the tensors they move, and where in the user's source
   each came from. One program runs on one NeuronCore, or the same on several that meet in collectives.
   Sequential meaning: executing the list in program order is always right; the clock finds the overlap. */
#ifndef TS_ARCH_PROGRAM_H
#define TS_ARCH_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/dtype.h"
#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"

enum {
    TS_MAX_RANK = 8, /* axes of an HBM tensor */
    TS_AP_DIMS = 5,  /* free dimensions of an access pattern: at most 4 on chip, 5 in HBM */
    TS_MAX_LOOP_DEPTH = 12,
    TS_MOST_TERMS = 64,                /* of one affine form */
    TS_MOST_ROTATIONS = (1 << 24) - 1, /* of a program: as many as a form can name */
    TS_MAX_RANKS = 128,                /* NeuronCores of the largest instance, trn2.48xlarge */
    TS_NO_INDEX = 0
};

typedef enum ts_space { ts_space_none, ts_space_sbuf, ts_space_psum, ts_space_hbm } ts_space;

typedef enum ts_engine {
    ts_engine_none, /* loop marks: read by every sequencer */
    ts_engine_tensor,
    ts_engine_vector,
    ts_engine_scalar,
    ts_engine_gpsimd,
    ts_engine_sync,
    ts_engine_count
} ts_engine;

/* base + sum of coef_j * counter(loop_j) + rotation. Terms lie in program->terms. */
typedef struct ts_affine {
    int64_t base;
    uint32_t first_term;
    uint32_t term_count : 8;
    uint32_t rotation : 24; /* 1 + index into program->rotations; 0 = none */
} ts_affine;

typedef struct ts_term {
    int64_t coef;
    uint32_t loop; /* index into program->loops */
} ts_term;

/* Rotating buffers: step * (index mod count), index an affine form without rotation. */
typedef struct ts_rotation {
    ts_affine index;
    int64_t step;
    int32_t count;
} ts_rotation;

/* A count that may be ragged: clamp(min(max, limit), 0, max), 0 meaning that the instruction is
   skipped. Not ragged: always max. */
typedef struct ts_count {
    int32_t max;
    bool is_ragged;
    ts_affine limit;
} ts_count;

typedef struct ts_dim {
    int64_t step; /* elements; on chip it must fit int16 (ARCH:715-720) */
    ts_count count;
} ts_dim;

/* Where an operand lies. Elements are visited in row-major order of (partition, dim[0], ...).
   sbuf/psum: `parts` partitions from `part`, in each the free pattern dim[0..dims) starting `offset`
     BYTES into the partition.
   hbm: pattern dim[0..dims) starting `offset` ELEMENTS into `tensor`; part and parts unused.
   A DMA pairs the two orders element by element, so only the total counts must agree.
   tensor: in hbm which one; on chip 1 + index into program->tiles, 0 where the program names none.
   index (hbm only): 1 + position in program->indices of an sbuf i32 operand with one element a
     partition; element p of it, times index_step elements, is added where dim[0] has counter p. */
typedef struct ts_ap {
    uint8_t space; /* ts_space; none = operand absent */
    uint8_t dtype; /* ts_dtype of the elements as stored there */
    uint8_t dims;
    uint32_t tensor;
    uint32_t index;
    int64_t index_step;
    ts_affine part;
    ts_count parts;
    ts_affine offset;
    ts_dim dim[TS_AP_DIMS];
} ts_ap;

/* A constant, or one fp32 value for each partition ([P,1] on chip). */
typedef struct ts_scalar {
    bool is_ap;
    double value;
    ts_ap ap;
} ts_scalar;

/* When a matmul adds to what PSUM holds. */
typedef enum ts_accum_mode { ts_accum_never, ts_accum_always, ts_accum_unless_first } ts_accum_mode;
typedef struct ts_accum {
    uint8_t mode;  /* ts_accum_mode */
    uint32_t loop; /* unless_first: overwrite while this loop's counter is 0 */
} ts_accum;

/* Head of every instruction; the typed bodies follow it (isa.h, made from isa.def). */
typedef struct ts_inst {
    uint16_t op;    /* ts_op */
    uint8_t engine; /* ts_engine that executes it; for a DMA the engine that triggers it */
    uint8_t order;  /* ts_order: list lets it change places with neighbours of its engine that say so, too */
    uint32_t loc;   /* index into program->locs; 0 = unknown */
    uint32_t sync;  /* 1 + index into program->syncs; 0 = neither waits for a semaphore nor adds to one */
} ts_inst;

/* What an instruction does with semaphores: it starts once S[awaited] >= value, and S[signalled] += amount
   when it has completed. Semaphores begin at 0. One that is skipped (a count of 0) does neither. */
typedef struct ts_sync {
    bool is_waiting, is_signalling;
    uint16_t awaited, signalled;
    ts_affine value;
    uint32_t amount;
} ts_sync;

/* One per loop mark; loops nest and ids are in order of appearance. */
typedef struct ts_loop {
    uint32_t parent;     /* 1 + index of the enclosing loop; 0 = none */
    uint32_t begin, end; /* positions in code of the `loop` and `end` instructions */
    ts_count trip;       /* affine in outer counters when ragged */
} ts_loop;

typedef enum ts_tensor_kind {
    ts_tensor_input,
    ts_tensor_output,
    ts_tensor_scratch,
    ts_tensor_constant
} ts_tensor_kind;

typedef struct ts_tensor {
    const char *name;
    uint8_t dtype, kind, rank;
    int64_t dim[TS_MAX_RANK];
    uint64_t bytes;   /* contiguous, row-major */
    uint32_t number;  /* input or output position */
    int32_t alias;    /* output: input position whose storage it was asked to take over; -1 none */
    uint64_t address; /* scratch: byte offset in the program's scratch region (64-byte aligned) */
    const void *data; /* constant: its bytes, owned by the program */
} ts_tensor;

/* Room on chip that a program uses for one thing at a time: `slots` places of `bytes` in each partition, from
   `address` on. An operand that rotates starts in the first slot and goes on by `bytes`. Of two tiles that
   share bytes one is done with before the other is written, and what a tile holds is not read as another's:
   so one who executes the program may keep tiles elsewhere (machine/homes.h). A program has tiles for all of
   its operands on chip, or none. */
typedef struct ts_tile_row {
    uint8_t space; /* sbuf or psum */
    uint16_t slots;
    int64_t address, bytes;
} ts_tile_row;

/* Where in the user's program: row 0 is "unknown". parent: 1 + index of the caller's row. */
typedef struct ts_loc {
    const char *file; /* "" when unknown */
    uint32_t line, column;
    const char *name; /* operation or scope, e.g. "jit(step)/dot_general" */
    uint32_t parent;
} ts_loc;

typedef enum ts_order { ts_order_program, ts_order_list } ts_order;
/* What orders the engines among each other: the operands, or the program's own semaphores. */
typedef enum ts_syncing { ts_syncing_derived, ts_syncing_explicit } ts_syncing;

typedef struct ts_program {
    ts_arena arena; /* owns everything below */
    const char *name;
    const char *chip;     /* chip name it was placed for, "trn1" */
    uint8_t order;        /* ts_order: issue order policy of the clock; list: of every instruction */
    uint8_t syncing;      /* ts_syncing */
    uint32_t ranks;       /* NeuronCores that run it together, each with inputs of its own; 1: alone */
    uint64_t model_flops; /* 2 x multiply-adds of the source program's dots and convolutions */
    uint64_t scratch_bytes;
    TS_VEC(ts_inst *) code;
    TS_VEC(ts_loop) loops;
    TS_VEC(ts_term) terms;
    TS_VEC(ts_rotation) rotations;
    TS_VEC(ts_ap) indices;
    TS_VEC(ts_sync) syncs;
    TS_VEC(ts_tensor) tensors;
    TS_VEC(ts_tile_row) tiles;
    TS_VEC(ts_loc) locs;
} ts_program;

/* Handles: new gives ownership, free takes it. */
ts_program *ts_program_new(const char *name, const char *chip);
void ts_program_free(ts_program *program);

/* Index of the innermost row on the way from `loc` to its callers that is the user's: its file belongs
   neither to the Python library nor to an installed package. Where no row does, that of the innermost with a
   file. */
uint32_t ts_loc_user(const ts_loc *locs, uint32_t count, uint32_t loc);

/* counters[loop] holds the current trip of each loop. */
int64_t ts_affine_value(const ts_program *program, const ts_affine *affine, const int64_t *counters);
/* index modulo the slots. Most rotations have two or four, which need no division. */
static inline int64_t ts_rotation_slot(const ts_rotation *rotation, int64_t index) {
    if ((rotation->count & (rotation->count - 1)) == 0) return index & (rotation->count - 1);
    const int64_t slot = index % rotation->count;
    return slot < 0 ? slot + rotation->count : slot;
}
/* Of its terms alone. */
static inline int64_t ts_affine_sum(const ts_program *program, const ts_affine *affine,
                                    const int64_t *counters) {
    int64_t value = affine->base;
    const ts_term *terms = program->terms.data + affine->first_term;
    for (uint32_t i = 0; i < affine->term_count; i++)
        value += terms[i].coef * counters[terms[i].loop];
    return value;
}
/* As ts_affine_value, in loops that ask for many. */
static inline int64_t ts_affine_at(const ts_program *program, const ts_affine *affine,
                                   const int64_t *counters) {
    int64_t value = ts_affine_sum(program, affine, counters);
    if (!affine->rotation) return value;
    const ts_rotation *rotation = &program->rotations.data[affine->rotation - 1];
    return value +
           rotation->step * ts_rotation_slot(rotation, ts_affine_sum(program, &rotation->index, counters));
}
/* Its base alone, on every trip. */
static inline bool ts_affine_is_constant(const ts_affine *affine) {
    return affine->term_count == 0 && affine->rotation == 0;
}
/* The same base, terms in order, and rotation. */
bool ts_affine_same(const ts_program *program, const ts_affine *a, const ts_affine *b);
/* The tensor in whose place this one lies: the input that an output takes over, else itself. */
uint32_t ts_tensor_place(const ts_program *program, uint32_t tensor);
int64_t ts_count_value(const ts_program *program, const ts_count *count, const int64_t *counters);

/* An operand at one point of the iteration space: plain numbers. */
typedef struct ts_ref {
    uint8_t space, dtype, dims;
    uint32_t tensor;
    int32_t part, parts;      /* hbm: 0 and 1 */
    int64_t offset;           /* bytes: into the partition, or into the tensor */
    int64_t step[TS_AP_DIMS]; /* elements */
    int64_t count[TS_AP_DIMS];
    int64_t elems;      /* free elements (per partition); hbm: all elements */
    const ts_ap *index; /* hbm: index operand, or NULL */
    int64_t index_step;
} ts_ref;
void ts_ap_resolve(const ts_program *program, const ts_ap *ap, const int64_t *counters, ts_ref *ref);

/* Whether two resolved operands share a byte. Exact for up to two strided dimensions on each side;
   otherwise by bounding box, and then *is_exact is false. Different spaces never overlap; indexed
   operands cover their whole tensor. `bytes` widths come from the dtypes. */
bool ts_ref_overlap(const ts_ref *a, const ts_ref *b, bool *is_exact);

/* Text form: print and parse are inverse (parse(print(p)) prints the same). */
void ts_program_print(const ts_program *program, ts_text *out);
ts_status ts_program_parse(const char *text, const char *path, ts_program **program, ts_diag *diag);
/* One instruction on one line, as in the listing. */
void ts_inst_print(const ts_program *program, const ts_inst *inst, ts_text *out);

/* .trn container: magic, version, hash, zstd payload. Decoding trusts nothing. */
ts_status ts_program_encode(const ts_program *program, uint8_t **data, size_t *size, ts_diag *diag);
ts_status ts_program_decode(const uint8_t *data, size_t size, ts_program **program, ts_diag *diag);

struct ts_chip;
/* Limits, banks, start partitions, bounds and dtypes over the whole iteration space. A program that
   passes cannot make the machine touch memory outside its spaces and tensors (indexed operands are
   checked when they run). */
ts_status ts_program_verify(const ts_program *program, const struct ts_chip *chip, ts_diag *diag);

#endif
