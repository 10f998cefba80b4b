/* Assembles values in SBUF: concatenations and pads whose parts have short or strided runs, such as the
   halves of a rotary embedding or the gradient of x[:, ::2]. DMAs alone would pay a descriptor for each run.
   Instead rows of the parts are loaded as they are, VectorE, which preserves bits, copies them to their
   places, and whole rows are stored. */
#include <string.h>

#include "compiler/lower/assemble.h"

enum {
    SHORTEST = 512,  /* bytes; longer runs are worth their descriptors */
    LONGEST = 4096,  /* most elements of a partition's rows */
    FEWEST_ROWS = 64 /* enough to keep the engines' lanes busy */
};

/* The number of contiguous elements at the end of a view. */
static int64_t run_length(const ts_view *view) {
    int64_t run = 1;
    for (int i = view->rank; i-- > 0;) {
        if (view->dim[i] == 1) continue;
        if (view->stride[i] != run) break;
        run *= view->dim[i];
    }
    return run;
}

static int64_t elems_from(const ts_view *view, int axis) {
    int64_t elems = 1;
    for (int i = axis; i < view->rank; i++)
        elems *= view->dim[i];
    return elems;
}

/* The first axis along which some part differs from the whole. */
static int first_axis(const ts_view *whole, const ts_piece *pieces, int count) {
    int first = whole->rank;
    for (int p = 0; p < count; p++)
        for (int i = 0; i < first; i++)
            if (pieces[p].to.dim[i] != whole->dim[i] || pieces[p].to.stride[i] != whole->stride[i]) first = i;
    return first;
}

static bool has_short_runs(const ts_piece *pieces, int count, int64_t bytes) {
    for (int p = 0; p < count; p++)
        if (ts_view_elems(&pieces[p].to) > 0 && run_length(&pieces[p].to) * bytes < SHORTEST) return true;
    return false;
}

/* Adds the axes from `first` on: for loaded rows, or for their places in whole rows. */
static void add_row(ts_ap *ap, const ts_view *view, int first) {
    for (int i = first; i < view->rank; i++)
        if (view->dim[i] > 1) ts_ap_dim(ap, view->stride[i], ts_count_const(view->dim[i]));
}

static int row_dims(const ts_view *view, int first) {
    int dims = 0;
    for (int i = first; i < view->rank; i++)
        dims += view->dim[i] > 1;
    return dims;
}

/* The view of the rows: its axes before `first`. */
static ts_view rows_of(const ts_view *view, int first) {
    ts_view rows = *view;
    rows.rank = (uint8_t)first;
    return rows;
}

typedef struct assembly {
    ts_lower *lower;
    const ts_view *whole;
    const ts_piece *pieces;
    int count, first;
    int64_t row; /* elements of a whole row */
    ts_dtype dtype;
    ts_nest nest;
} assembly;

static ts_ap whole_rows(const assembly *a, ts_tile tile, int64_t row) {
    ts_ap ap = ts_build_ap(a->nest.b, tile, a->dtype, ts_nest_parts(&a->nest), ts_count_const(1));
    ap.dims = 0;
    if (a->nest.first_free < a->nest.rank)
        ts_ap_dim(&ap, 1,
                  ts_nest_axis_times(&a->nest, a->nest.first_free,
                                     ts_nest_max_free(&a->nest, a->nest.first_free + 1, a->nest.rank) * row));
    else
        ts_ap_dim(&ap, 1, ts_count_const(row));
    return ap;
}

static void place_piece(const assembly *a, const ts_piece *piece, const ts_view *rows, ts_tile tile) {
    ts_builder *b = a->nest.b;
    int64_t bytes = ts_dtype_get(a->dtype)->bytes, row = elems_from(&piece->from, a->first);
    ts_ap to = ts_build_ap(b, tile, a->dtype, ts_nest_parts(&a->nest), ts_count_const(1));
    to.dims = 0;
    to.offset.base += (piece->to.offset - a->whole->offset) * bytes;
    if (a->nest.first_free < a->nest.rank) ts_ap_dim(&to, a->row, ts_nest_free(&a->nest, 0, a->nest.rank));
    add_row(&to, &piece->to, a->first);
    if (to.dims == 0) ts_ap_dim(&to, 1, ts_count_const(1));
    if (piece->from.kind == ts_view_splat) {
        ts_emit_memset(b, ts_engine_vector, &to, piece->from.value);
        return;
    }
    ts_tile loaded = ts_build_tile(b, ts_space_sbuf, ts_nest_max_parts(&a->nest),
                                   ts_nest_max_free(&a->nest, 0, a->nest.rank) * row * bytes, 2);
    ts_ap in = whole_rows(a, loaded, row), from = ts_nest_hbm(&a->nest, rows);
    add_row(&from, &piece->from, a->first);
    ts_emit_dma(b, ts_engine_sync, ts_lower_load_queue(a->lower), &in, &from);
    ts_emit_copy(b, ts_engine_vector, &to, &in);
}

/* Makes row views for the nest: the whole's, then those of pieces that are in HBM. at[] has the index of each
   piece's view. */
static int make_rows(const assembly *a, ts_view *rows, int *at) {
    int count = 1;
    rows[0] = rows_of(a->whole, a->first);
    rows[0].tensor = TS_VIEW_NO_TENSOR;
    for (int p = 0; p < a->count; p++) {
        at[p] = count;
        if (a->pieces[p].from.kind != ts_view_tensor) continue;
        rows[count] = rows_of(&a->pieces[p].from, a->first);
        rows[count++].tensor = TS_VIEW_NO_TENSOR;
    }
    ts_views_merge(rows, count);
    return count;
}

static void emit(assembly *a, const double *fill) {
    ts_view rows[TS_MOST_PIECES + 1];
    int at[TS_MOST_PIECES];
    ts_builder *b = &a->lower->b;
    int64_t bytes = ts_dtype_get(a->dtype)->bytes, capacity = ts_build_at_most(b, LONGEST) / a->row;
    int count = make_rows(a, rows, at);
    a->nest = ts_nest_plan(b, rows, count, rows[0].rank, capacity > 1 ? capacity : 1);
    rows[0].tensor = a->whole->tensor;
    for (int p = 0; p < a->count; p++)
        if (a->pieces[p].from.kind == ts_view_tensor) rows[at[p]].tensor = a->pieces[p].from.tensor;
    ts_nest_open(&a->nest, 0, a->nest.rank);
    ts_tile tile = ts_build_tile(b, ts_space_sbuf, ts_nest_max_parts(&a->nest),
                                 ts_nest_max_free(&a->nest, 0, a->nest.rank) * a->row * bytes, 2);
    ts_ap whole = whole_rows(a, tile, a->row), to = ts_nest_hbm(&a->nest, &rows[0]);
    if (fill) ts_emit_memset(b, ts_engine_vector, &whole, *fill);
    for (int p = 0; p < a->count; p++)
        if (ts_view_elems(&a->pieces[p].to) > 0) place_piece(a, &a->pieces[p], &rows[at[p]], tile);
    ts_ap_dim(&to, 1, ts_count_const(a->row));
    ts_emit_dma(b, ts_engine_gpsimd, TS_STORE_QUEUE, &to, &whole);
    ts_nest_close(&a->nest, 0, a->nest.rank);
}

/* Access patterns have five dimensions in HBM and four in SBUF; merged rows must fit. */
static bool fits_patterns(const assembly *a) {
    ts_view rows[TS_MOST_PIECES + 1];
    int at[TS_MOST_PIECES];
    make_rows(a, rows, at);
    for (int p = 0; p < a->count; p++) {
        const ts_piece *piece = &a->pieces[p];
        if (piece->from.kind == ts_view_iota || row_dims(&piece->to, a->first) > 3) return false;
        /* One dimension is kept for an axis that the nest may split. */
        if (rows[0].rank + 1 + row_dims(&piece->from, a->first) > TS_AP_DIMS) return false;
    }
    return rows[0].rank < TS_VIEW_RANK;
}

bool ts_lower_assemble(ts_lower *lower, const ts_view *whole, const double *fill, const ts_piece *pieces,
                       int count) {
    assembly a = {.lower = lower,
                  .whole = whole,
                  .pieces = pieces,
                  .count = count,
                  .dtype = ts_chip_dtype(whole->dtype)};
    int64_t bytes = ts_dtype_get(a.dtype)->bytes;
    if (count > TS_MOST_PIECES || bytes > 4 || ts_view_elems(whole) < TS_ASSEMBLE_FEWEST) return false;
    if (run_length(whole) != ts_view_elems(whole) || !has_short_runs(pieces, count, bytes)) return false;
    a.first = first_axis(whole, pieces, count);
    a.row = elems_from(whole, a.first);
    if (a.first == whole->rank || ts_view_elems(whole) / a.row < FEWEST_ROWS) return false;
    if (a.row > ts_build_at_most(&lower->b, LONGEST) || !fits_patterns(&a)) return false;
    emit(&a, fill);
    return true;
}
