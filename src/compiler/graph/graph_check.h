/* Shared by the files of the module check: graph_check.c walks functions and scopes; the check_*.c files hold
   StableHLO's constraints on single operations, by family. */
#ifndef TS_COMPILER_GRAPH_GRAPH_CHECK_H
#define TS_COMPILER_GRAPH_GRAPH_CHECK_H

#include "compiler/graph/graph.h"

/* The operation being checked. */
typedef struct ts_check {
    const ts_module *module;
    const ts_op_node *op;
    ts_diag *diag;
} ts_check;

enum { TS_CHECK_PARAM = 40 }; /* log2: strides, dilations and padding must stay below 2^40 */

/* Fails with ts_input, naming the operation and the user's line. */
#define ts_check_fail(check, ...)                                                                            \
    ts_op_fail((check)->module, (check)->op, (check)->diag, ts_input, __VA_ARGS__)

/* "f32[4,8]", truncated to the buffer; for messages. */
typedef struct ts_type_text {
    char text[96];
} ts_type_text;
ts_type_text ts_type_name(const ts_type *type);

/* Helpers. Each fails with a message that says what is wrong. ts_check_same compares shape and element
   type. */
ts_status ts_check_same(const ts_check *check, const ts_type *is, const ts_type *must, const char *what);
/* Reads an integer list that must have exactly `count` entries. If the attribute is absent all entries are
   `if_absent`. */
ts_status ts_check_list(const ts_check *check, const char *name, int count, int64_t if_absent, int64_t *out);
/* Reads axis numbers, which must be below `rank` and distinct; an absent attribute gives none. Adds them to
   the bit set `taken` unless that is NULL; an axis in it already is an error. */
ts_status ts_check_axes(const ts_check *check, const char *name, int rank, int64_t *out, int *count,
                        uint32_t *taken);
/* Reads one axis number, which must be present and below `rank`. */
ts_status ts_check_axis(const ts_check *check, const char *name, int rank, int64_t *axis);
/* Compares shapes but not element types. */
ts_status ts_check_shape(const ts_check *check, const ts_type *is, const ts_type *must, const char *what);
bool ts_type_is_scalar(const ts_type *type, ts_dtype dtype);
/* The number of positions of a window of extent `window`, moving by `stride` over `padded` elements. */
int64_t ts_window_places(int64_t padded, int64_t window, int64_t stride);
/* The extent of `count` elements that are `step` apart; 0 for no elements. */
int64_t ts_window_extent(int64_t count, int64_t step);
/* Checks a region that takes `count` pairs of scalars, all left sides first, and returns one scalar of each
   of these types or, with is_predicate, a single i1. */
ts_status ts_check_combiner(const ts_check *check, uint32_t region, uint32_t count,
                            const ts_type *const *types, bool is_predicate);

/* Checks by family; each returns ts_ok for operations of other families. */
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
