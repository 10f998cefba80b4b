/* Building blocks of the verifier's rules for instructions. Private to verify_*.c. */
#ifndef TS_ARCH_VERIFY_SHAPE_H
#define TS_ARCH_VERIFY_SHAPE_H

#include "arch/verify.h"

/* A product of counts with a name for messages, e.g. the free elements of dst. */
typedef struct ts_extent {
    const ts_count *count[TS_AP_DIMS + 1];
    int counts;
    const char *field, *what;
    bool is_parts;
} ts_extent;

/* The partitions of an operand; `field` names it in messages. */
ts_extent ts_parts_of(const char *field, const ts_ap *ap);
/* Elements of free dimensions [from, to). */
ts_extent ts_free_of(const char *field, const ts_ap *ap, int from, int to);
/* All elements that a DMA moves. */
ts_extent ts_elems_of(const char *field, const ts_ap *ap);
/* The largest value of the product. */
int64_t ts_extent_max(const ts_extent *e);

/* Checks that two extents are equal on every trip. */
ts_status ts_agree(ts_verifier *v, ts_extent a, ts_extent b);
/* Checks that two operands have equal partitions and equal free elements. */
ts_status ts_agree_shape(ts_verifier *v, const char *a_field, const ts_ap *a, const char *b_field,
                         const ts_ap *b);
/* Requires that the operand lies in `space`; `source` is the document that says so. */
ts_status ts_need_space(ts_verifier *v, const char *field, const ts_ap *ap, ts_space space,
                        const char *source);
/* Checks that the operand has `count` free elements on every trip: what the instruction reads or writes in
   each partition. */
ts_status ts_need_elems(ts_verifier *v, const char *field, const ts_ap *ap, int32_t count);

bool ts_ap_is_float(const ts_ap *ap);
bool ts_ap_is_integer(const ts_ap *ap);

/* Checks a [P,1] operand: one element for each partition of dst. */
ts_status ts_verify_column(ts_verifier *v, const char *field, const ts_ap *ap, const ts_ap *dst);
/* Bitwise operators do not convert to fp32, so all operands must be integers of the same width. */
ts_status ts_verify_bits(ts_verifier *v, const char *field, const ts_ap *ap, const ts_ap *dst);
ts_status ts_verify_scalar(ts_verifier *v, const char *field, const ts_scalar *scalar, const ts_ap *dst,
                           bool is_bits);

/* Which kinds of operators an instruction uses. */
typedef struct ts_operators {
    bool is_bits, is_arithmetic;
} ts_operators;
/* Checks the operators of an instruction and adds their kinds to *found. */
ts_status ts_verify_operators(ts_verifier *v, ts_operators *found);
/* Checks that the operator may reduce (nki.api.shared.rst:73-135). */
ts_status ts_verify_reduce_op(ts_verifier *v, unsigned op);
/* Checks that every source has the shape of dst, and that scalar operands are numbers or columns. dst must be
   the first field of the row. */
ts_status ts_verify_elementwise(ts_verifier *v);

/* Checks that the operand is one contiguous run in HBM, which moves as a whole; *elems is its length. */
ts_status ts_verify_run(ts_verifier *v, const char *field, const ts_ap *ap, const char *source,
                        int64_t *elems);

/* verify_collective.c: where a collective's operands lie, their sizes, and who takes part. */
ts_status ts_verify_collective(ts_verifier *v, const ts_inst_collective *inst);

/* verify_rows.c: the rules of instructions that select, search, gather and so on. */
ts_status ts_verify_row(ts_verifier *v);

#endif
