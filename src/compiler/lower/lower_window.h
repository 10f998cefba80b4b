/* Windows, which reduce_window and select_and_scatter share: their attributes, padding in HBM, and tiles that
   hold whole rows of the input, so that a window's positions are offsets in SBUF. */
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
/* Makes a scratch tensor of the padded shape that holds `fill` and, spaced by the interior padding, the inner
   view. */
ts_status ts_window_pad(ts_lower *lower, const ts_window *window, const ts_view *inner, const ts_view *fill,
                        ts_view *padded);

/* Tiles over the output. Axes before `first_whole` are loops or on the partitions, and their window positions
   are loops around the load. The input's axes from first_whole on are whole in each partition. */
typedef struct ts_window_nest {
    ts_lower *lower;
    const ts_window *window;
    ts_view in, out; /* the padded input; the output */
    ts_view step;    /* the input at the window's first position, as a view over the output's space */
    int first_whole;
    ts_nest nest;
    uint32_t loop[TS_MAX_RANK]; /* loop over the window positions of each open axis */
    bool is_open[TS_MAX_RANK];
} ts_window_nest;
/* Plans the tiles. `most` is the number of input elements that a partition may hold. */
void ts_window_plan(ts_window_nest *w, ts_lower *lower, const ts_window *window, const ts_view *in,
                    const ts_view *out, int64_t most);
/* Open and close loops over the window positions of axes [from, to). */
void ts_window_open(ts_window_nest *w, int from, int to);
void ts_window_close(ts_window_nest *w, int from, int to);
/* The row-major number of the current position, over the open loops. */
ts_affine ts_window_number(const ts_window_nest *w);

int64_t ts_window_in_elems(const ts_window_nest *w);  /* elements per partition of an input tile */
int64_t ts_window_out_elems(const ts_window_nest *w); /* elements per partition of an output tile */
/* Operands in SBUF: a whole input tile; its elements at the current window position, in the shape of the
   output; an output tile. All tiles are contiguous. */
ts_ap ts_window_in_ap(const ts_window_nest *w, ts_tile tile, ts_dtype dtype);
ts_ap ts_window_at_ap(const ts_window_nest *w, ts_tile tile, ts_dtype dtype);
ts_ap ts_window_out_ap(const ts_window_nest *w, ts_tile tile, ts_dtype dtype);
/* Operands in HBM: what an input tile holds, of a tensor with the padded input's layout; an output tile. */
ts_ap ts_window_in_hbm(const ts_window_nest *w, const ts_view *like_in);
ts_ap ts_window_out_hbm(const ts_window_nest *w, const ts_view *like_out);

/* A reduce_window that is a running value along one axis (cumsum and similar); false for others. */
typedef struct ts_cumulative {
    int axis;
    bool is_reverse;
} ts_cumulative;
bool ts_window_is_cumulative(const ts_window *window, const ts_type *operand, ts_cumulative *cumulative);
/* Lowers it, for floats or integers, if it starts from a known number. */
ts_status ts_lower_cumulative(ts_lower *lower, ts_op_node *op, const ts_cumulative *cumulative, ts_alu alu);

#endif
