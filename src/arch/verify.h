/* The verifier's state, shared by its rules for operands (verify.c), for whole instructions (verify_op.c,
   verify_shape.c, verify_rows.c) and for whole programs (verify_tiles.c, verify_sync.c). */
#ifndef TS_ARCH_VERIFY_H
#define TS_ARCH_VERIFY_H

#include "arch/chip.h"
#include "arch/isa.h"
#include "arch/range.h"

/* For a program that is still being built: what is known of its tiles. On-chip operands name tiles, with
   offsets into them; what kind of tensor each HBM tensor becomes is not known yet. */
typedef struct ts_draft {
    const void *context;
    void (*name)(const void *context, const ts_ap *ap, ts_text *text);
    int64_t (*address)(const void *context, uint32_t tile); /* 0: not chosen yet, at the start of a bank */
} ts_draft;

typedef struct ts_verifier {
    const ts_program *program;
    const ts_draft *draft; /* NULL: the program is complete */
    const ts_chip *chip;
    ts_diag *diag;
    ts_nesting nest;
    const ts_inst *inst;
    int64_t *counters;   /* per loop: the point that ts_verify_points is at */
    bool *matters;       /* per loop: operands of the instruction differ from trip to trip */
    int64_t points_left; /* points that may still be visited for this program */
} ts_verifier;

/* Fails with the formatted rule followed by the instruction's text; fills the diag's op and source line. */
ts_status ts_verify_refuse(ts_verifier *v, ts_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* verify_points.c */
typedef bool ts_point_test(const ts_verifier *v, const void *context);
typedef enum ts_points { ts_points_hold, ts_points_fail, ts_points_too_many } ts_points;
/* Tests every point of the open loops: the last resort where the affine forms decide nothing. After a
   failure, the counters are those of the failing point. */
ts_points ts_verify_points(ts_verifier *v, ts_point_test *test, const void *context);
/* Writes the point where ts_verify_points stopped, like " at %0=6 %2=1". */
void ts_verify_point_text(const ts_verifier *v, char *text, size_t size);

/* Whether every value of the form is provably a multiple of `unit`. */
bool ts_affine_is_multiple(const ts_program *program, const ts_affine *affine, int64_t unit);

/* Checks an instruction, outside of loops, of a program that is being built, for violations that do not
   depend on where the tiles will lie. The message names the tiles. */
ts_status ts_verify_draft(const ts_program *program, const ts_inst *inst, const ts_chip *chip,
                          const ts_draft *draft, ts_diag *diag);

/* Checks the rules of one instruction beyond those of its operands, which have been checked. */
ts_status ts_verify_op(ts_verifier *v);
/* Checks the tiles that the program names, whose operands have been checked: each lies on the chip, and tiles
   that share bytes are not live at the same time. */
ts_status ts_verify_tiles(const ts_verifier *v, ts_arena *scratch);
/* Checks the semaphores of the whole program, whose instructions have been checked: their numbers and
   sources, and that every wait ends. */
ts_status ts_verify_sync(ts_verifier *v);

#endif
