/* ts_program: instructions with their loops, the tensors they work on, and the place in the user's source
   that each came from. A program runs on one NeuronCore, or on several at once that meet in collectives. Its
   meaning is sequential: executing the list in program order is always right; the clock finds the overlap. */
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
    TS_AP_DIMS = 5,  /* dimensions of an access pattern in a partition (at most 4) or in HBM (at most 5) */
    TS_MAX_LOOP_DEPTH = 12,
    TS_MOST_TERMS = 64,                /* in one affine form */
    TS_MOST_ROTATIONS = (1 << 24) - 1, /* in one program: as many as the 24 bits of ts_affine can number */
    TS_MAX_RANKS = 128,                /* NeuronCores of the largest instance, trn2.48xlarge */
    TS_NO_INDEX = 0
};

typedef enum ts_space { ts_space_none, ts_space_sbuf, ts_space_psum, ts_space_hbm } ts_space;

typedef enum ts_engine {
    ts_engine_none, /* loop marks, which every engine's sequencer reads */
    ts_engine_tensor,
    ts_engine_vector,
    ts_engine_scalar,
    ts_engine_gpsimd,
    ts_engine_sync,
    ts_engine_count
} ts_engine;

/* base + sum of coef_j * counter(loop_j) + rotation. The terms are program->terms[first_term] and those after
   it. */
typedef struct ts_affine {
    int64_t base;
    uint32_t first_term;
    uint32_t term_count : 8;
    uint32_t rotation : 24; /* 1 + index into program->rotations; 0: none */
} ts_affine;

typedef struct ts_term {
    int64_t coef;
    uint32_t loop; /* index into program->loops */
} ts_term;

/* The offset of a rotating buffer: step * (index mod count). `index` is an affine form without rotation. */
typedef struct ts_rotation {
    ts_affine index;
    int64_t step;
    int32_t count;
} ts_rotation;

/* A count. Ragged: clamp(min(max, limit), 0, max), where 0 means that the instruction is skipped. Not ragged:
   always max. */
typedef struct ts_count {
    int32_t max;
    bool is_ragged;
    ts_affine limit;
} ts_count;

typedef struct ts_dim {
    int64_t step; /* in elements; on chip it must fit int16 (ARCH:715-720) */
    ts_count count;
} ts_dim;

/* An access pattern: where an operand lies. Its elements are visited in row-major order of (partition,
   dim[0], ...).
     sbuf/psum: `parts` partitions from `part` on; in each, the pattern dim[0..dims) from `offset` BYTES into
       the partition.
     hbm: the pattern dim[0..dims) from `offset` ELEMENTS into `tensor`; part and parts are unused.
     A DMA pairs the elements of its two operands in this order, so only the total counts must agree.
     tensor: in HBM, index into program->tensors; on chip, 1 + index into program->tiles, or 0 in a program
       without tiles.
     index (HBM only): 1 + index into program->indices, an i32 operand in SBUF with one element per partition;
       element p of it, times index_step elements, is added to the offset where dim[0]'s counter is p. */
typedef struct ts_ap {
    uint8_t space; /* ts_space; none: the operand is absent */
    uint8_t dtype; /* ts_dtype of the elements in memory */
    uint8_t dims;
    uint32_t tensor;
    uint32_t index;
    int64_t index_step;
    ts_affine part;
    ts_count parts;
    ts_affine offset;
    ts_dim dim[TS_AP_DIMS];
} ts_ap;

/* A number, or one fp32 value per partition ([P,1] on chip). */
typedef struct ts_scalar {
    bool is_ap;
    double value;
    ts_ap ap;
} ts_scalar;

/* Whether a matmul adds to what PSUM holds or overwrites it. */
typedef enum ts_accum_mode { ts_accum_never, ts_accum_always, ts_accum_unless_first } ts_accum_mode;
typedef struct ts_accum {
    uint8_t mode;  /* ts_accum_mode */
    uint32_t loop; /* unless_first: overwrite while this loop's counter is 0, else add */
} ts_accum;

/* Head of every instruction. The typed struct of each op (isa.h, made from isa.def) begins with it. */
typedef struct ts_inst {
    uint16_t op;    /* ts_op */
    uint8_t engine; /* ts_engine that executes it, or triggers it if it is a DMA or a collective */
    uint8_t order;  /* ts_order; list: it may change places with neighbours on its engine that also have
                       list */
    uint32_t loc;   /* index into program->locs; 0 = unknown */
    uint32_t sync;  /* 1 + index into program->syncs; 0: uses no semaphore */
} ts_inst;

/* What an instruction does with semaphores: it starts once S[awaited] >= value, and adds `amount` to
   S[signalled] when it has completed. Semaphores start at 0. A skipped instruction (a count of 0) neither
   waits nor signals. */
typedef struct ts_sync {
    bool is_waiting, is_signalling;
    uint16_t awaited, signalled;
    ts_affine value;
    uint32_t amount;
} ts_sync;

/* One per loop of the program. Loops nest; they are numbered in order of appearance. */
typedef struct ts_loop {
    uint32_t parent;     /* 1 + index of the enclosing loop; 0: none */
    uint32_t begin, end; /* positions in code of the `loop` and `end` instructions */
    ts_count trip;       /* ragged: affine in the counters of enclosing loops */
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
    uint64_t bytes;   /* contiguous and row-major */
    uint32_t number;  /* input or output: its position */
    int32_t alias;    /* output: position of the input whose storage it takes over; -1: none */
    uint64_t address; /* scratch: byte offset in the program's scratch region, 64-byte aligned */
    const void *data; /* constant: its bytes, in the program's arena */
} ts_tensor;

/* Space on chip that holds one value of the program at a time: `slots` places of `bytes` in each partition,
   from `address` on. A rotating operand starts in the first slot and moves on by `bytes`. Of two tiles that
   share bytes, one is dead before the other is written, and neither reads what the other wrote; so whoever
   executes the program may place tiles elsewhere (machine/homes.h). Either all on-chip operands of a program
   name tiles, or none does. */
typedef struct ts_tile_row {
    uint8_t space; /* sbuf or psum */
    uint16_t slots;
    int64_t address, bytes;
} ts_tile_row;

/* A place in the user's program. Row 0 is "unknown". parent: 1 + index of the caller's row; 0: none. */
typedef struct ts_loc {
    const char *file; /* "" when unknown */
    uint32_t line, column;
    const char *name; /* operation or scope, e.g. "jit(step)/dot_general" */
    uint32_t parent;
} ts_loc;

typedef enum ts_order { ts_order_program, ts_order_list } ts_order;
/* What orders the engines among each other: dependences derived from the operands, or the program's own
   semaphores. */
typedef enum ts_syncing { ts_syncing_derived, ts_syncing_explicit } ts_syncing;

typedef struct ts_program {
    ts_arena arena; /* owns everything below */
    const char *name;
    const char *chip;     /* the chip it was compiled for, "trn1" */
    uint8_t order;        /* ts_order: how the clock issues instructions; list applies to all of them */
    uint8_t syncing;      /* ts_syncing */
    uint32_t ranks;       /* NeuronCores that run it together, each with inputs of its own; 1: a single one */
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

/* The caller owns a new program and frees it with ts_program_free. */
ts_program *ts_program_new(const char *name, const char *chip);
void ts_program_free(ts_program *program);

/* The innermost row, from `loc` on through its callers, that belongs to the user: one whose file is not part
   of the Python library or of an installed package. When there is none, the innermost row with a file. */
uint32_t ts_loc_user(const ts_loc *locs, uint32_t count, uint32_t loc);

/* Value of an affine form; counters[l] is the current trip of loop l. */
int64_t ts_affine_value(const ts_program *program, const ts_affine *affine, const int64_t *counters);
/* index modulo the number of slots, never negative. Most rotations have two or four slots, so no division is
   needed. */
static inline int64_t ts_rotation_slot(const ts_rotation *rotation, int64_t index) {
    if ((rotation->count & (rotation->count - 1)) == 0) return index & (rotation->count - 1);
    const int64_t slot = index % rotation->count;
    return slot < 0 ? slot + rotation->count : slot;
}
/* The value without the rotation. */
static inline int64_t ts_affine_sum(const ts_program *program, const ts_affine *affine,
                                    const int64_t *counters) {
    int64_t value = affine->base;
    for (uint32_t i = 0; i < affine->term_count; i++) {
        const ts_term *term = &program->terms.data[affine->first_term + i];
        value += term->coef * counters[term->loop];
    }
    return value;
}
/* What each trip of the loop adds to the form, without its rotation. */
int64_t ts_affine_coef(const ts_program *program, const ts_affine *affine, uint32_t loop);
/* The same as ts_affine_value, inline for loops that evaluate many forms. */
static inline int64_t ts_affine_at(const ts_program *program, const ts_affine *affine,
                                   const int64_t *counters) {
    int64_t value = ts_affine_sum(program, affine, counters);
    if (!affine->rotation) return value;
    const ts_rotation *rotation = &program->rotations.data[affine->rotation - 1];
    return value +
           rotation->step * ts_rotation_slot(rotation, ts_affine_sum(program, &rotation->index, counters));
}
/* Whether the value is `base` on every trip. */
static inline bool ts_affine_is_constant(const ts_affine *affine) {
    return affine->term_count == 0 && affine->rotation == 0;
}
/* Whether two forms have the same base, the same terms in the same order, and the same rotation. */
bool ts_affine_same(const ts_program *program, const ts_affine *a, const ts_affine *b);
/* The tensor whose storage this one uses: for an output that takes over an input, that input; else itself. */
uint32_t ts_tensor_place(const ts_program *program, uint32_t tensor);
/* Value of a count: 0 to max. */
int64_t ts_count_value(const ts_program *program, const ts_count *count, const int64_t *counters);

/* An operand at one point of the iteration space, as plain numbers. */
typedef struct ts_ref {
    uint8_t space, dtype, dims;
    uint32_t tensor;
    int32_t part, parts;      /* HBM: 0 and 1 */
    int64_t offset;           /* in bytes, from the start of the partition or of the tensor */
    int64_t step[TS_AP_DIMS]; /* in elements */
    int64_t count[TS_AP_DIMS];
    int64_t elems;      /* elements in each partition; HBM: all elements */
    const ts_ap *index; /* HBM: the index operand, or NULL */
    int64_t index_step;
} ts_ref;
/* Resolves an operand at the point given by the trips of loops. */
void ts_ap_resolve(const ts_program *program, const ts_ap *ap, const int64_t *counters, ts_ref *ref);

/* Whether two resolved operands share a byte. Exact for up to two strided dimensions on each side; otherwise
   decided by bounding boxes, and then *is_exact is false. Operands in different spaces never overlap; indexed
   operands count as their whole tensor. */
bool ts_ref_overlap(const ts_ref *a, const ts_ref *b, bool *is_exact);

/* Text form. Printing and parsing are inverse: parse(print(p)) prints the same text. */
void ts_program_print(const ts_program *program, ts_text *out);
ts_status ts_program_parse(const char *text, const char *path, ts_program **program, ts_diag *diag);
/* Prints one instruction on one line, as in ts_program_print. */
void ts_inst_print(const ts_program *program, const ts_inst *inst, ts_text *out);

/* Binary .trn container: magic, version, hash, zstd payload. The encoding is malloc'ed. Decoding trusts
   nothing: ts_input for damaged data. */
ts_status ts_program_encode(const ts_program *program, uint8_t **data, size_t *size, ts_diag *diag);
ts_status ts_program_decode(const uint8_t *data, size_t size, ts_program **program, ts_diag *diag);

struct ts_chip;
/* Checks limits, banks, start partitions, bounds and dtypes over the whole iteration space. A program that
   passes cannot make the machine touch memory outside of its spaces and tensors; indexed operands are checked
   at run time. */
ts_status ts_program_verify(const ts_program *program, const struct ts_chip *chip, ts_diag *diag);

#endif
