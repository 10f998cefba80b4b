/* What the files of the module check share: graph_check.c walks functions and scopes; the check_*.c files
   hold StableHLO's constraints on one operation, by family. */
#ifndef TS_COMPILER_GRAPH_GRAPH_CHECK_H
#define TS_COMPILER_GRAPH_GRAPH_CHECK_H

#include "compiler/graph/graph.h"

/* One operation under check. */
typedef struct ts_check {
    const ts_module *module;
    const ts_op_node *op;
    ts_diag *diag;
} ts_check;

enum { TS_CHECK_PARAM = 40 }; /* strides, dilations and padding stay below 2 to this power */

#define ts_check_fail(check, ...)                                                                            \
    ts_op_fail((check)->module, (check)->op, (check)->diag, ts_input, __VA_ARGS__)

/* "f32[4,8]", cut to the buffer; for messages. */
typedef struct ts_type_text {
    char text[96];
} ts_type_text;
ts_type_text ts_type_name(const ts_type *type);

/* Helpers: each fails with what is wrong. */
ts_status ts_check_same(const ts_check *check, const ts_type *is, const ts_type *must, const char *what);
/* An integer list of exactly `count` entries, or all `if_absent` when the attribute is missing. */
ts_status ts_check_list(const ts_check *check, const char *name, int count, int64_t if_absent, int64_t *out);
/* Axis numbers below `rank`, each at most once; missing = none. Adds them to the bit set `taken` (may be
 * NULL). */
ts_status ts_check_axes(const ts_check *check, const char *name, int rank, int64_t *out, int *count,
                        uint32_t *taken);
/* One axis number below `rank`; `if_absent` may be -1 to ask for the attribute. */
ts_status ts_check_axis(const ts_check *check, const char *name, int rank, int64_t *axis);
/* Operand shapes (not element types) equal to the shape given. */
ts_status ts_check_shape(const ts_check *check, const ts_type *is, const ts_type *must, const char *what);
bool ts_type_is_scalar(const ts_type *type, ts_dtype dtype);
/* Result size of a window of `window` (dilated) elements moving by `stride` over padded elements. */
int64_t ts_window_places(int64_t padded, int64_t window, int64_t stride);
/* Elements from the first to the last of `count` spaced by `step`; 0 of 0. */
int64_t ts_window_extent(int64_t count, int64_t step);
/* A region of `count` pairs of scalars, lhs first, that returns `results` scalars of these types. */
ts_status ts_check_combiner(const ts_check *check, uint32_t region, uint32_t count,
                            const ts_type *const *types, bool is_predicate);

/* By family; ts_ok for operations of other families. */
ts_status ts_check_elementwise(const ts_check *check);
ts_status ts_check_view(const ts_check *check);
ts_status ts_check_joining(const ts_check *check); /* concatenate, pad, dynamic slices */
ts_status ts_check_dot(const ts_check *check);
ts_status ts_check_convolution(const ts_check *check);
ts_status ts_check_gather(const ts_check *check);
ts_status ts_check_scatter(const ts_check *check);
ts_status ts_check_reduction(const ts_check *check); /* reduce, windows, sort */
ts_status ts_check_norm(const ts_check *check);      /* batch norms */
ts_status ts_check_control(const ts_check *check);   /* while, if, case, barriers, rng */
ts_status ts_check_collective(const ts_check *check);

#endif
