/* Planning a dot: which side is stationary, how each operand reaches SBUF, and what SBUF holds at a time. */
#include "compiler/dot.h"

#include <string.h>

/* Estimates that compare ways of loading: ns for a DMA descriptor over 16 engines, and for a PE transpose
   of one block with its read-out. */
static const double descriptor_ns = 2.5, transpose_ns = 200;
enum { SBUF_BUDGET = 168 * 1024, MAX_PART_DIMS = 3 };

static int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

static ts_axis axis_of(const ts_view *view, int axis, ts_side side) {
    ts_axis result = {.size = view->dim[axis]};
    result.step[side] = view->stride[axis];
    return result;
}

/* Depth may be summed in any order of its axes: the one in which `side` lies in memory. */
static void sort_by(ts_walk *walk, ts_side side) {
    for (int i = 1; i < walk->count; i++)
        for (int j = i; j > 0 && walk->axis[j - 1].step[side] < walk->axis[j].step[side]; j--) {
            ts_axis swap = walk->axis[j];
            walk->axis[j] = walk->axis[j - 1];
            walk->axis[j - 1] = swap;
        }
}

static void make_walks(ts_dot *dot, const ts_view *rows, const ts_view *cols, const ts_view *out,
                       int batch_rank, int depth_rank, bool is_swapped) {
    int row_rank = rows->rank - batch_rank - depth_rank, col_rank = cols->rank - batch_rank - depth_rank;
    int row_out = batch_rank + (is_swapped ? col_rank : 0),
        col_out = batch_rank + (is_swapped ? 0 : row_rank);
    memset(&dot->batch, 0, sizeof dot->batch);
    dot->rows = dot->cols = dot->depth = dot->batch;
    for (int i = 0; i < batch_rank; i++) {
        ts_axis axis = axis_of(rows, i, ts_side_rows);
        axis.step[ts_side_cols] = cols->stride[i];
        axis.step[ts_side_out] = out->stride[i];
        ts_walk_add(&dot->batch, axis);
    }
    for (int i = 0; i < row_rank; i++) {
        ts_axis axis = axis_of(rows, batch_rank + i, ts_side_rows);
        axis.step[ts_side_out] = out->stride[row_out + i];
        ts_walk_add(&dot->rows, axis);
    }
    for (int i = 0; i < col_rank; i++) {
        ts_axis axis = axis_of(cols, batch_rank + i, ts_side_cols);
        axis.step[ts_side_out] = out->stride[col_out + i];
        ts_walk_add(&dot->cols, axis);
    }
    for (int i = 0; i < depth_rank; i++) {
        ts_axis axis = axis_of(rows, batch_rank + row_rank + i, ts_side_rows);
        axis.step[ts_side_cols] = cols->stride[batch_rank + col_rank + i];
        ts_walk_add(&dot->depth, axis);
    }
    bool is_tall = ts_walk_elems(&dot->rows) > ts_walk_elems(&dot->cols);
    sort_by(&dot->depth, is_tall ? ts_side_rows : ts_side_cols);
    ts_walk_merge(&dot->batch);
    ts_walk_merge(&dot->rows);
    ts_walk_merge(&dot->cols);
    ts_walk_merge(&dot->depth);
}

/* PE and store time with these roles, ns. */
static double role_cost(const ts_dot *dot) {
    double rows = (double)ts_walk_elems(&dot->rows), cols = (double)ts_walk_elems(&dot->cols);
    double tiles = (double)ceil_div((int64_t)rows, TS_DOT_TILE);
    double pe =
        tiles * (cols < 64 ? 64 : cols) * (double)ceil_div(ts_walk_elems(&dot->depth), TS_DOT_TILE) / 2.8;
    const ts_axis *last = &dot->cols.axis[dot->cols.count - 1];
    double run = last->step[ts_side_out] == 1 ? (double)last->size : 1;
    return pe + rows * cols / run * descriptor_ns;
}

/* Chunks of at most 128 along depth. Outer depth axes multiply the chunks, which then must be equal. */
static bool cut_depth(ts_dot *dot) {
    ts_walk *depth = &dot->depth;
    ts_walk_cut(depth, TS_DOT_TILE, INT64_MAX);
    int64_t outer = 1;
    for (int i = 0; i < depth->cut; i++)
        outer *= depth->axis[i].size;
    if (depth->cut > 0)
        while (depth->block % depth->tile != 0)
            depth->tile--;
    dot->chunk = ts_walk_tile(depth);
    dot->chunks = outer * ts_walk_tiles(depth);
    return depth->count - depth->cut <= MAX_PART_DIMS && (depth->cut == 0 || dot->chunk >= 32);
}

static void choose_loading(ts_dot *dot, ts_dot_operand *operand) {
    const ts_walk *walk = operand->walk;
    int64_t batch = ts_walk_elems(&dot->batch), elems = ts_walk_elems(walk);
    double total = (double)(batch * elems) * (double)ts_walk_elems(&dot->depth);
    double direct = total / (double)ts_walk_run(walk, operand->side) * descriptor_ns;
    double by_row = total / (double)ts_walk_run(&dot->depth, operand->side) * descriptor_ns;
    double blocks = (double)ceil_div(batch * elems, TS_DOT_TILE) * (double)dot->chunks;
    operand->is_transposed = by_row + blocks * transpose_ns < direct;
}

static int64_t round_64(int64_t bytes) {
    return (bytes + 63) / 64 * 64;
}

static bool fits(const ts_dot *dot) {
    int64_t elem = ts_dtype_get(dot->dtype)->bytes, out = ts_dtype_get(ts_chip_dtype(dot->out.dtype))->bytes;
    int64_t batch = dot->batch.block, depth = dot->chunks * dot->chunk;
    int64_t bytes = round_64(dot->chunks * batch * ts_walk_panel(&dot->rows) * elem) +
                    round_64(dot->chunks * batch * ts_walk_panel(&dot->cols) * elem) +
                    round_64(batch * ts_walk_panel(&dot->cols) * out);
    if (dot->stationary.is_transposed) bytes += round_64(depth * elem);
    if (dot->moving.is_transposed) bytes += round_64(depth * elem);
    return 2 * bytes <= SBUF_BUDGET;
}

static int64_t divisor_below(int64_t size, int64_t limit) {
    for (int64_t d = limit < size ? limit : size; d > 1; d--)
        if (size % d == 0) return d;
    return 1;
}

/* Shrinks what is held at a time until it fits: batches, row panels, column panels, and last depth. */
static bool cut_panels(ts_dot *dot) {
    int64_t rows = TS_DOT_ROWS, cols = TS_DOT_COLS, last = dot->batch.axis[dot->batch.count - 1].size;
    ts_walk_cut(&dot->rows, TS_DOT_TILE, rows);
    ts_walk_cut(&dot->cols, TS_DOT_TILE, cols);
    int64_t widest = ts_walk_panel(&dot->cols) > ts_walk_panel(&dot->rows) ? ts_walk_panel(&dot->cols)
                                                                           : ts_walk_panel(&dot->rows);
    int64_t batch = divisor_below(last, TS_DOT_COLS / widest > 1 ? TS_DOT_COLS / widest : 1);
    if (ts_walk_panels(&dot->rows) > 1 || ts_walk_panels(&dot->cols) > 1) batch = 1;
    ts_walk_cut(&dot->batch, 1, batch);
    while (!fits(dot)) {
        if (batch > 1) {
            batch = divisor_below(last, batch - 1);
            ts_walk_cut(&dot->batch, 1, batch);
        } else if (rows > TS_DOT_TILE) {
            rows /= 2;
            ts_walk_cut(&dot->rows, TS_DOT_TILE, rows);
        } else if (cols > TS_DOT_BANK) {
            cols /= 2;
            ts_walk_cut(&dot->cols, TS_DOT_TILE, cols);
        } else if (dot->depth.cut > 0 || dot->chunks == 1) {
            return false;
        } else {
            /* Panels of whole chunks: full ones, so that only the last is ragged. */
            int64_t fit = TS_DOT_TILE / dot->depth.inner;
            dot->chunks = ceil_div(dot->chunks, 2);
            dot->depth.tile = fit < dot->depth.axis[0].size ? fit : dot->depth.axis[0].size;
            dot->depth.block = dot->depth.tile * dot->chunks;
            dot->chunk = ts_walk_tile(&dot->depth);
        }
    }
    int rank = dot->rows.count - dot->rows.cut, width = dot->cols.count - dot->cols.cut;
    return rank <= MAX_PART_DIMS && width <= MAX_PART_DIMS;
}

bool ts_dot_plan(ts_dot *dot, const ts_view *lhs, const ts_view *rhs, const ts_view *out, int batch_rank,
                 int depth_rank) {
    make_walks(dot, rhs, lhs, out, batch_rank, depth_rank, true);
    double swapped = role_cost(dot);
    make_walks(dot, lhs, rhs, out, batch_rank, depth_rank, false);
    bool is_swapped = swapped < role_cost(dot);
    if (is_swapped) make_walks(dot, rhs, lhs, out, batch_rank, depth_rank, true);
    dot->out = *out;
    dot->stationary =
        (ts_dot_operand){.side = ts_side_rows, .view = is_swapped ? *rhs : *lhs, .walk = &dot->rows};
    dot->moving =
        (ts_dot_operand){.side = ts_side_cols, .view = is_swapped ? *lhs : *rhs, .walk = &dot->cols};
    if (!cut_depth(dot)) return false;
    ts_walk_cut(&dot->rows, TS_DOT_TILE, TS_DOT_ROWS);
    ts_walk_cut(&dot->cols, TS_DOT_TILE, TS_DOT_COLS);
    choose_loading(dot, &dot->stationary);
    choose_loading(dot, &dot->moving);
    return cut_panels(dot);
}
