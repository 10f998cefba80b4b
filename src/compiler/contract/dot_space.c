/* Describes the result blocks of a contraction as a nest: first the axes of its loops, then the partitions,
   then the free axes. */
#include "compiler/contract/dot_space.h"

#include <string.h>

#include "base/integer.h"

enum { FREE_AXES = 4 };

/* Adds an axis to the nest; with tile < size it has a loop with one position per trip. */
static bool add(ts_dot_space *s, const ts_walk *walk, int axis, int64_t scale, int64_t size, int64_t tile,
                const uint32_t *loop, const bool *is_open) {
    ts_nest *nest = &s->nest;
    if (nest->rank == TS_VIEW_RANK) return false;
    nest->size[nest->rank] = size;
    nest->tile[nest->rank] = tile;
    s->axis[nest->rank].walk = walk;
    s->axis[nest->rank].axis = axis;
    s->axis[nest->rank].scale = scale;
    s->axis[nest->rank].loop = loop;
    s->axis[nest->rank].is_open = is_open;
    nest->rank++;
    return true;
}

static bool add_panels(ts_dot_space *s, const ts_walk *walk) {
    for (int i = 0; i <= walk->cut; i++) {
        int64_t scale = i < walk->cut ? 1 : walk->block, trips = ts_ceil_div(walk->axis[i].size, scale);
        if (trips > 1 && !add(s, walk, i, scale, trips, 1, &walk->loop[i], &walk->is_open[i])) return false;
    }
    return true;
}

static bool add_loops(ts_dot_space *s) {
    const ts_dot *d = s->dot;
    const ts_dot_block *k = s->block;
    const ts_walk *walks[] = {&d->batch, d->is_rows_outer ? &d->rows : &d->cols,
                              d->is_rows_outer ? &d->cols : &d->rows};
    for (int i = 0; i < 3; i++) {
        if (!add_panels(s, walks[i])) return false;
        s->opened[ts_dot_in_batch + i] = s->nest.rank;
    }
    if (k->row_tiles > 1 &&
        !add(s, &d->rows, d->rows.cut, d->rows.tile, k->row_tiles, 1, &k->row_loop, &k->row_is_open))
        return false;
    if (k->batch_trips > 1 &&
        !add(s, &d->batch, d->batch.cut, k->batches, k->batch_trips, 1, &k->batch_loop, &k->batch_is_open))
        return false;
    s->opened[ts_dot_in_block] = s->nest.rank;
    return true;
}

bool ts_dot_space_make(ts_dot_space *s, const ts_dot *d, const ts_dot_block *block) {
    *s = (ts_dot_space){.dot = d, .block = block, .nest = {.b = d->b}};
    ts_nest *nest = &s->nest;
    int64_t parts = ts_walk_tile(&d->rows);
    if (d->batch.inner != 1 || !add_loops(s)) return false;
    s->rows = nest->part = nest->rank;
    if (!add(s, &d->rows, d->rows.count - 1, 1, parts, parts, NULL, NULL)) return false;
    nest->first_free = nest->rank;
    if (block->batches > 1 && !add(s, &d->batch, d->batch.cut, 1, block->batches, block->batches, NULL, NULL))
        return false;
    s->cols = nest->rank;
    for (int i = d->cols.cut; i < d->cols.count; i++) {
        int64_t size = i == d->cols.cut ? d->cols.block : d->cols.axis[i].size;
        if (!add(s, &d->cols, i, 1, size, size, NULL, NULL)) return false;
    }
    return nest->rank - nest->first_free <= FREE_AXES;
}

void ts_dot_space_enter(ts_dot_space *s, ts_dot_stage stage) {
    ts_nest *nest = &s->nest;
    for (int i = 0; i < s->opened[stage]; i++) {
        nest->is_open[i] = *s->axis[i].is_open;
        nest->loop[i] = *s->axis[i].loop;
    }
    const ts_dot *d = s->dot;
    if (stage >= (d->is_rows_outer ? ts_dot_in_inner : ts_dot_in_outer)) {
        nest->is_given[s->cols] = true;
        nest->given[s->cols] = ts_walk_block(d->b, &d->cols);
    }
    if (stage >= (d->is_rows_outer ? ts_dot_in_outer : ts_dot_in_inner) && s->block->row_tiles == 1) {
        nest->is_given[s->rows] = true;
        nest->given[s->rows] = ts_walk_slice(d->b, &d->rows, ts_walk_tile(&d->rows), false, 0);
    }
    if (stage == ts_dot_in_block) {
        nest->is_given[s->rows] = true;
        nest->given[s->rows] = s->block->rows;
    }
}

/* ---- views ---- */

/* The stride of a view along an axis of `size`, which is made of the view's axes from *at on. Moves *at past
   them. False when they are not contiguous. */
static bool join(const ts_view *view, int64_t size, int *at, int64_t *stride) {
    int64_t elems = 1;
    int first = *at;
    while (elems < size && *at < view->rank)
        elems *= view->dim[(*at)++];
    if (elems != size) return false;
    *stride = *at > first ? view->stride[*at - 1] : 0;
    for (int i = first; i + 1 < *at; i++)
        if (view->kind != ts_view_splat && view->stride[i] != view->stride[i + 1] * view->dim[i + 1])
            return false;
    return true;
}

/* Whether the rows of a tile are equally spaced in the view. */
static bool are_joined(const ts_walk *rows, const int64_t *stride) {
    for (int i = rows->cut; i + 1 < rows->count; i++)
        if (stride[i] != stride[i + 1] * rows->axis[i + 1].size) return false;
    return true;
}

bool ts_dot_space_views(const ts_dot_space *s, ts_view *views, int count) {
    const ts_dot *d = s->dot;
    int rows = d->is_swapped ? 2 : 1;
    const ts_walk *walks[] = {&d->batch, d->is_swapped ? &d->cols : &d->rows,
                              d->is_swapped ? &d->rows : &d->cols};
    for (int v = 0; v < count; v++) {
        int64_t stride[3][TS_MAX_RANK];
        int at = 0;
        for (int w = 0; w < 3; w++)
            for (int i = 0; i < walks[w]->count; i++)
                if (!join(&views[v], walks[w]->axis[i].size, &at, &stride[w][i])) return false;
        if (at != views[v].rank || !are_joined(&d->rows, stride[rows])) return false;
        memset(views[v].stride, 0, sizeof views[v].stride);
        views[v].rank = (uint8_t)s->nest.rank;
        for (int n = 0; n < s->nest.rank; n++) {
            int w = 0;
            while (walks[w] != s->axis[n].walk)
                w++;
            views[v].dim[n] = s->nest.size[n];
            views[v].stride[n] = stride[w][s->axis[n].axis] * s->axis[n].scale;
        }
    }
    return true;
}
