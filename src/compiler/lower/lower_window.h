/* Windows: what reduce_window and select_and_scatter share: the attributes, padding into HBM, and tiles
   that hold whole rows of the input so that a window's positions are offsets in SBUF. */
#ifndef TS_COMPILER_LOWER_LOWER_WINDOW_H
#define TS_COMPILER_LOWER_LOWER_WINDOW_H

#include "compiler/lower/lower.h"

typedef struct ts_window {
    int rank;
    int64_t size[TS_MAX_RANK], stride[TS_MAX_RANK], dilation[TS_MAX_RANK], interior[TS_MAX_RANK];
    int64_t low[TS_MAX_RANK], high[TS_MAX_RANK];
} ts_window;
void ts_window_read(const ts_op_node *op, ts_window *window);
bool ts_window_has_padding(const ts_window *window);
/* A scratch tensor of the padded shape: `fill` with the inner view, spaced by the interior padding, in it. */
ts_status ts_window_pad(ts_lower *lower, const ts_window *window, const ts_view *inner, const ts_view *fill,
                        ts_view *padded);

/* Tiles over the output. Axes before `first_whole` are looped or on partitions, and their window positions
   are loops around the load; the input's axes from first_whole on lie whole in each partition. */
typedef struct ts_window_nest {
    ts_lower *lower;
    const ts_window *window;
    ts_view in, out; /* the padded input; its outputs, strides along the output's axes */
    ts_view step;    /* the input at the window's first position, over the output's space */
    int first_whole;
    ts_nest nest;
    uint32_t loop[TS_MAX_RANK]; /* of each open window axis */
    bool is_open[TS_MAX_RANK];
} ts_window_nest;
/* `most`: elements of the input that a partition holds. */
void ts_window_plan(ts_window_nest *w, ts_lower *lower, const ts_window *window, const ts_view *in,
                    const ts_view *out, int64_t most);
/* Opens loops over the window positions of the axes [from, to). */
void ts_window_open(ts_window_nest *w, int from, int to);
void ts_window_close(ts_window_nest *w, int from, int to);
/* Row-major number of the current position, over the open loops. */
ts_affine ts_window_number(const ts_window_nest *w);

int64_t ts_window_in_elems(const ts_window_nest *w);  /* of one partition of an input tile */
int64_t ts_window_out_elems(const ts_window_nest *w); /* of an output tile */
/* Operands: a whole input tile; its elements at the current window position, in the shape of the output;
   an output tile. All tiles are contiguous. */
ts_ap ts_window_in_ap(const ts_window_nest *w, ts_tile tile, ts_dtype dtype);
ts_ap ts_window_at_ap(const ts_window_nest *w, ts_tile tile, ts_dtype dtype);
ts_ap ts_window_out_ap(const ts_window_nest *w, ts_tile tile, ts_dtype dtype);
/* In HBM: what an input tile holds, of a tensor laid out as the padded input; an output tile. */
ts_ap ts_window_in_hbm(const ts_window_nest *w, const ts_view *like_in);
ts_ap ts_window_out_hbm(const ts_window_nest *w, const ts_view *like_out);

/* A reduce_window that keeps a running value along one axis (cumsum and its kin); false when it is not. */
typedef struct ts_cumulative {
    int axis;
    bool is_reverse;
} ts_cumulative;
bool ts_window_is_cumulative(const ts_window *window, const ts_type *operand, ts_cumulative *cumulative);
/* Of floats or integers, from a known start. */
ts_status ts_lower_cumulative(ts_lower *lower, ts_op_node *op, const ts_cumulative *cumulative, ts_alu alu);

#endif
