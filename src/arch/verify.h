/* The verifier's state, shared by its rules for operands (verify.c), for whole instructions (verify_op.c,
   verify_shape.c, verify_rows.c) and for whole programs (verify_tiles.c, verify_sync.c). */
#ifndef TS_ARCH_VERIFY_H
#define TS_ARCH_VERIFY_H

#include "arch/chip.h"
#include "arch/isa.h"
#include "arch/range.h"

/* What is known of tiles in a program that is being made: operands on chip name them, and have offsets in
   them. Its tensors may still become anything. */
typedef struct ts_draft {
    const void *context;
    void (*name)(const void *context, const ts_ap *ap, ts_text *text);
    int64_t (*address)(const void *context, uint32_t tile); /* 0: not chosen yet, at the start of a bank */
} ts_draft;

typedef struct ts_verifier {
    const ts_program *program;
    const ts_draft *draft; /* NULL: the program is whole */
    const ts_chip *chip;
    ts_diag *diag;
    ts_nesting nest;
    const ts_inst *inst;
    int64_t *counters;   /* per loop: the point that ts_verify_points visits */
    bool *matters;       /* per loop: the instruction's operands differ from trip to trip */
    int64_t points_left; /* how many more may be visited for this program */
} ts_verifier;

/* Fails with the rule, then the instruction's text; names the op and the user's source. */
ts_status ts_verify_refuse(ts_verifier *v, ts_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* verify_points.c */
typedef bool ts_point_test(const ts_verifier *v, const void *context);
typedef enum ts_points { ts_points_hold, ts_points_fail, ts_points_too_many } ts_points;
/* Tests every point of the open loops: the last resort where forms alone decide nothing. At a failure the
   counters are those of the point. */
ts_points ts_verify_points(ts_verifier *v, ts_point_test *test, const void *context);
/* " at %0=6 %2=1": the point where ts_verify_points stopped. */
void ts_verify_point_text(const ts_verifier *v, char *text, size_t size);

/* Whether every value of the form is a multiple of `unit`, as far as its numbers show. */
bool ts_affine_is_multiple(const ts_program *program, const ts_affine *affine, int64_t unit);

/* Whether an instruction of a program that is being made, outside of loops, breaks a rule wherever its tiles
   will lie. The failure names them. */
ts_status ts_verify_draft(const ts_program *program, const ts_inst *inst, const ts_chip *chip,
                          const ts_draft *draft, ts_diag *diag);

/* Rules of one instruction beyond those of its operands, which hold. */
ts_status ts_verify_op(ts_verifier *v);
/* The tiles that the program names, whose operands hold: each lies on the chip, and those that share bytes
   are not needed at the same time. */
ts_status ts_verify_tiles(const ts_verifier *v, ts_arena *scratch);
/* Semaphores of the whole program, whose instructions hold by themselves: their numbers and sources, and that
   each wait ends. */
ts_status ts_verify_sync(ts_verifier *v);

#endif
