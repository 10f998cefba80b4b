/* Plans a contraction: which side is stationary, how each operand reaches SBUF, and which panels SBUF
   holds. */
#include "compiler/contract/dot.h"

#include "base/integer.h"

/* Estimates for comparing ways to load: ns per DMA descriptor with 16 engines at work, and ns per transpose
   of one block on TensorE, including its copy from PSUM. */
static const double descriptor_ns = 2.5, transpose_ns = 290;
/* Bytes per partition of 192 KiB. */
enum { SBUF_BUDGET = 176 * 1024 };

ts_dtype ts_dot_dtype(unsigned lhs, unsigned rhs) {
    const ts_dtype_info *a = ts_dtype_get((ts_dtype)lhs), *b = ts_dtype_get((ts_dtype)rhs);
    if (lhs == rhs) return (ts_dtype)lhs;
    if (a->bytes == 1 && b->bytes == 1) return ts_dtype_bf16;
    if (a->bytes == 1) return (ts_dtype)rhs;
    return b->bytes == 1 ? (ts_dtype)lhs : ts_dtype_f32;
}

static ts_walk swap_sides(ts_walk walk) {
    for (int i = 0; i < walk.count; i++) {
        int64_t rows = walk.axis[i].step[ts_side_rows];
        walk.axis[i].step[ts_side_rows] = walk.axis[i].step[ts_side_cols];
        walk.axis[i].step[ts_side_cols] = rows;
    }
    return walk;
}

static void make_walks(ts_dot *dot, const ts_contraction *c, bool is_swapped) {
    dot->batch = is_swapped ? swap_sides(c->batch) : c->batch;
    dot->depth = is_swapped ? swap_sides(c->depth) : c->depth;
    dot->rows = is_swapped ? swap_sides(c->right) : c->left;
    dot->cols = is_swapped ? swap_sides(c->left) : c->right;
    bool is_tall = ts_walk_elems(&dot->rows) > ts_walk_elems(&dot->cols);
    ts_walk_sort(&dot->depth, is_tall ? ts_side_rows : ts_side_cols);
    ts_walk_merge(&dot->batch);
    ts_walk_merge(&dot->rows);
    ts_walk_merge(&dot->cols);
    ts_walk_merge(&dot->depth);
}

/* Time of TensorE and of the stores with these roles, in ns. */
static double role_cost(const ts_dot *dot) {
    double rows = (double)ts_walk_elems(&dot->rows), cols = (double)ts_walk_elems(&dot->cols);
    double tiles = (double)ts_ceil_div((int64_t)rows, TS_DOT_TILE);
    double pe =
        tiles * (cols < 64 ? 64 : cols) * (double)ts_ceil_div(ts_walk_elems(&dot->depth), TS_DOT_TILE) / 2.8;
    const ts_axis *last = &dot->cols.axis[dot->cols.count - 1];
    double run = last->step[ts_side_out] == 1 ? (double)last->size : 1;
    return pe + rows * cols / run * descriptor_ns;
}

/* ---- depth ---- */

bool ts_dot_is_whole(const ts_dot *dot) {
    return dot->panel.cut == 0 && dot->panel.block >= dot->panel.axis[0].size;
}

bool ts_dot_is_ragged(const ts_dot *dot) {
    const ts_walk *panel = &dot->panel;
    return panel->cut == dot->depth.cut && panel->axis[panel->cut].size % panel->block != 0;
}

int64_t ts_dot_outer(const ts_dot *dot, int axis) {
    if (axis < dot->panel.cut) return 1;
    return axis == dot->panel.cut ? dot->panel.block : dot->depth.axis[axis].size;
}

int64_t ts_dot_depth(const ts_dot *dot) {
    int64_t elems = dot->depth.inner;
    for (int i = 0; i <= dot->depth.cut; i++)
        elems *= ts_dot_outer(dot, i);
    return elems;
}

static void add_group(ts_dot *dot, int64_t at, int64_t positions, int64_t tiles, int64_t outer) {
    if (tiles == 0 || positions == 0) return;
    dot->group[dot->groups++] = (ts_dot_group){
        .at = at, .positions = positions, .tiles = tiles, .first = dot->chunks, .chunks = outer * tiles};
    dot->chunks += outer * tiles;
}

/* Makes a panel of `block` positions of `axis` and computes its chunks. */
static void set_panel(ts_dot *dot, int axis, int64_t block) {
    const ts_walk *depth = &dot->depth;
    int64_t outer = 1;
    dot->panel = *depth;
    dot->panel.cut = axis;
    dot->panel.block = block;
    dot->groups = 0;
    dot->chunks = 0;
    for (int i = 0; i < depth->cut; i++)
        outer *= ts_dot_outer(dot, i);
    int64_t last = ts_dot_outer(dot, depth->cut), whole = last / depth->tile;
    add_group(dot, 0, depth->tile, whole, outer);
    add_group(dot, whole * depth->tile, last % depth->tile, 1, outer);
}

/* Cuts depth into nearly equal chunks of at most 128 in a single panel. */
static void cut_depth(ts_dot *dot) {
    ts_walk *depth = &dot->depth;
    ts_walk_cut(depth, TS_DOT_TILE, INT64_MAX);
    dot->chunk = ts_walk_tile(depth);
    set_panel(dot, 0, depth->axis[0].size);
}

static int64_t divisor_below(int64_t size, int64_t limit) {
    for (int64_t d = limit < size ? limit : size; d > 1; d--)
        if (size % d == 0) return d;
    return 1;
}

/* Takes the next smaller panel; false when it is a single chunk already. */
static bool shrink_depth(ts_dot *dot) {
    ts_walk *depth = &dot->depth;
    int axis = dot->panel.cut;
    int64_t block = dot->panel.block;
    if (axis < depth->cut) {
        if (block > 1)
            set_panel(dot, axis, divisor_below(depth->axis[axis].size, block - 1));
        else
            set_panel(dot, axis + 1, depth->axis[axis + 1].size);
        return true;
    }
    if (block <= depth->tile) return false;
    /* Whole chunks, as full as possible, so that only the last one is ragged. */
    int64_t tiles = ts_ceil_div(ts_ceil_div(block, depth->tile), 2), fit = TS_DOT_TILE / depth->inner;
    if (fit > depth->axis[axis].size) fit = depth->axis[axis].size;
    if (axis == 0) depth->tile = fit;
    dot->chunk = ts_walk_tile(depth);
    set_panel(dot, axis, depth->tile * tiles);
    return true;
}

/* ---- panels ---- */

static void choose_loading(ts_dot *dot, ts_dot_operand *operand) {
    const ts_walk *walk = operand->walk;
    int64_t batch = ts_walk_elems(&dot->batch), elems = ts_walk_elems(walk);
    double total = (double)(batch * elems) * (double)ts_walk_elems(&dot->depth);
    double direct = total / (double)ts_walk_run(walk, operand->side) * descriptor_ns;
    double by_row = total / (double)ts_walk_run(&dot->depth, operand->side) * descriptor_ns;
    double blocks = (double)ts_ceil_div(batch * elems, TS_DOT_TILE) * (double)dot->chunks;
    operand->is_transposed = by_row + blocks * transpose_ns < direct;
}

static int64_t round_64(int64_t bytes) {
    return (bytes + 63) / 64 * 64;
}

static int64_t out_bytes(const ts_dot *dot) {
    int64_t bytes = ts_dtype_get(ts_chip_dtype(dot->out.dtype))->bytes;
    return round_64(dot->batch.block * ts_walk_panel(&dot->cols) * bytes);
}

int ts_dot_out_slots(const ts_dot *dot) {
    int64_t slots = TS_DOT_OUT_BYTES / out_bytes(dot);
    return slots < 2 ? 2 : slots > TS_DOT_OUT_SLOTS ? TS_DOT_OUT_SLOTS : (int)slots;
}

/* Whether the panels fit in the budget. Loads in progress need a second copy of each. */
static bool fits(const ts_dot *dot) {
    int64_t elem = ts_dtype_get(dot->dtype)->bytes;
    int64_t batch = dot->batch.block,
            turning = round_64(ts_dot_row_bytes(dot)) + round_64(ts_dot_wide_bytes(dot));
    int64_t rows = 2 * round_64(dot->chunks * batch * ts_walk_panel(&dot->rows) * elem);
    if (ts_dot_can_go_ahead(dot))
        rows = ts_dot_ring_slots(dot) * round_64(dot->chunks * ts_walk_tile(&dot->rows) * elem);
    int64_t bytes = rows + 2 * round_64(dot->chunks * batch * ts_walk_panel(&dot->cols) * elem) +
                    ts_dot_out_slots(dot) * out_bytes(dot);
    bytes += 2 * turning * (dot->stationary.is_transposed + dot->moving.is_transposed);
    if (ts_dot_can_go_ahead(dot)) bytes += (TS_DOT_ROWS_AHEAD - 2) * round_64(ts_dot_row_bytes(dot));
    return bytes <= (dot->budget ? dot->budget : ts_build_scaled(dot->b, SBUF_BUDGET));
}

static int64_t most_cols(const ts_dot *dot) {
    return dot->most_cols ? dot->most_cols : TS_DOT_COLS;
}

/* A matmul must stay within one bank. */
int64_t ts_dot_psum_step(const ts_dot *dot) {
    int64_t bytes = ts_walk_panel(&dot->cols) * 4, bank = TS_DOT_BANK * 4, step = bank;
    if (bytes > bank) return (bytes + bank - 1) / bank * bank;
    while (step / 2 >= bytes)
        step /= 2;
    return step;
}

/* Cuts panels of these sizes. False when not even one chunk of depth fits, or when depth in several panels
   would need more than half of PSUM, which then holds all row tiles of the panel side by side. */
static bool try_panels(ts_dot *dot, int64_t rows, int64_t cols) {
    ts_walk_cut(&dot->rows, TS_DOT_TILE, rows);
    ts_walk_cut(&dot->cols, TS_DOT_TILE, cols);
    cut_depth(dot);
    while (!fits(dot))
        if (!shrink_depth(dot)) return false;
    return ts_dot_is_whole(dot) || ts_walk_tiles(&dot->rows) * ts_dot_psum_step(dot) <= TS_DOT_PSUM;
}

/* The time of a DMA with runs of `run` elements, relative to the time for its bytes alone. */
static double run_cost(const ts_dot *dot, const ts_dot_operand *operand, int64_t run) {
    const ts_chip *chip = dot->b->chip;
    double bytes = (double)run * ts_dtype_get(ts_chip_dtype(operand->view.dtype))->bytes;
    return 1 + chip->dma_descriptor_ns * chip->dma_engine_bytes_per_ns / bytes;
}

/* The cost of loading one side, in elements that HBM moves. Transposes count too, since they keep TensorE
   from multiplying. */
static double load_cost(const ts_dot *dot, const ts_dot_operand *operand) {
    double elems = (double)ts_walk_elems(operand->walk) * (double)ts_walk_elems(&dot->depth);
    double times = (double)ts_dot_times(dot, operand);
    if (!operand->is_transposed)
        return elems * times * run_cost(dot, operand, ts_walk_run(operand->walk, operand->side));
    double turned = 2 + run_cost(dot, operand, ts_walk_run(&dot->panel, operand->side));
    return times > 1 ? elems * (turned + times) : elems * turned;
}

/* The cost of all loads. Held panels are loaded once, the others once for each held panel; when depth comes
   in several panels, each side once for each panel of the other. The latter costs a little more, since PSUM
   is not double-buffered. */
static double traffic(const ts_dot *dot) {
    double cost = load_cost(dot, &dot->stationary) + load_cost(dot, &dot->moving);
    return ts_dot_is_whole(dot) ? cost : 1.1 * cost;
}

/* Chooses panels: several batches if they fit, otherwise of one batch the panels that move the fewest
   bytes. */
static bool cut_panels(ts_dot *dot) {
    int64_t most = most_cols(dot), last = dot->batch.axis[dot->batch.count - 1].size, best_rows = 0,
            best_cols = 0;
    int64_t widest = ts_walk_panel(&dot->cols) > ts_walk_panel(&dot->rows) ? ts_walk_panel(&dot->cols)
                                                                           : ts_walk_panel(&dot->rows);
    int64_t batch = divisor_below(last, most / widest > 1 ? most / widest : 1);
    if (ts_walk_panels(&dot->rows) > 1 || ts_walk_panels(&dot->cols) > 1) batch = 1;
    for (; batch > 1; batch = divisor_below(last, batch - 1)) {
        ts_walk_cut(&dot->batch, 1, batch);
        if (fits(dot)) return true;
    }
    ts_walk_cut(&dot->batch, 1, 1);
    double least = 0;
    bool best_outer = false;
    for (int64_t rows = TS_DOT_ROWS; rows >= TS_DOT_TILE; rows /= 2)
        for (int64_t cols = most; cols >= TS_DOT_BANK || cols == most; cols /= 2) {
            if (!try_panels(dot, rows, cols)) continue;
            for (int outer = 0; outer < 2; outer++) {
                dot->is_rows_outer = outer == 1;
                /* Smaller panels are preferred if they move no more bytes. */
                bool is_smaller = ts_dot_can_go_ahead(dot);
                if (best_rows && (is_smaller ? traffic(dot) > least : traffic(dot) >= least)) continue;
                least = traffic(dot);
                best_rows = rows;
                best_cols = cols;
                best_outer = dot->is_rows_outer;
            }
        }
    dot->is_rows_outer = best_outer;
    return best_rows && try_panels(dot, best_rows, best_cols);
}

bool ts_dot_plan(ts_dot *dot, const ts_contraction *c) {
    make_walks(dot, c, true);
    double swapped = role_cost(dot);
    make_walks(dot, c, false);
    bool is_swapped = !dot->is_unswapped && swapped < role_cost(dot);
    if (is_swapped) make_walks(dot, c, true);
    dot->is_swapped = is_swapped;
    dot->is_rows_outer = dot->is_ahead = false;
    dot->out = c->out;
    dot->stationary =
        (ts_dot_operand){.side = ts_side_rows, .view = is_swapped ? c->rhs : c->lhs, .walk = &dot->rows};
    dot->moving =
        (ts_dot_operand){.side = ts_side_cols, .view = is_swapped ? c->lhs : c->rhs, .walk = &dot->cols};
    cut_depth(dot);
    ts_walk_cut(&dot->rows, TS_DOT_TILE, TS_DOT_ROWS);
    ts_walk_cut(&dot->cols, TS_DOT_TILE, most_cols(dot));
    choose_loading(dot, &dot->stationary);
    choose_loading(dot, &dot->moving);
    if (!cut_panels(dot)) return false;
    dot->is_ahead = ts_dot_can_go_ahead(dot);
    return true;
}
