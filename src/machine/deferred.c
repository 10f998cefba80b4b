/* Moves that are put off: the list, the kinds of moves, and operands read where they come from (deferred.h).
 */
#include <string.h>

#include "base/clones.h"
#include "machine/deferred.h"
#include "machine/homes.h"
#include "machine/segment.h"
#include "machine/through.h"
#include "machine/turn.h"

static bool covers(const ts_area *outer, const ts_area *inner) {
    return outer->space == inner->space && outer->part <= inner->part &&
           outer->part + outer->parts >= inner->part + inner->parts && outer->low <= inner->low &&
           outer->high >= inner->high;
}

/* ---- the list ---- */

static void keep_area(ts_deferred_areas *areas, int at, const ts_area *area) {
    areas->space[at] = area->space;
    areas->part[at] = area->part;
    areas->end[at] = area->part + area->parts;
    areas->low[at] = (int32_t)area->low;
    areas->high[at] = (int32_t)area->high;
}

/* Sets is_met[i] for those of the first `count` areas that share a byte with `area`. Returns whether any
   does. */
TS_CLONES
static bool find_met(const ts_deferred_areas *areas, int count, const ts_area *area, uint8_t *is_met) {
    const int32_t space = area->space, part = area->part, end = area->part + area->parts;
    const int32_t low = (int32_t)area->low, high = (int32_t)area->high;
    int any = 0;
    for (int i = 0; i < count; i++) {
        int met = (areas->space[i] == space) & (areas->part[i] < end) & (part < areas->end[i]) &
                  (areas->low[i] < high) & (low < areas->high[i]);
        is_met[i] = (uint8_t)met;
        any |= met;
    }
    return any;
}

static void forget(ts_deferrals *all, int at) {
    const uint8_t slot = all->slot[at];
    all->covered -= all->list[slot].is_covered;
    const int last = --all->count;
    all->slot[at] = all->slot[last];
    all->slot[last] = slot;
    const ts_deferral *moved = &all->list[all->slot[at]];
    keep_area(&all->places, at, &moved->place);
    keep_area(&all->sources, at, &moved->source);
}

static void settle(ts_exec *exec, int at) {
    ts_deferrals *all = exec->core->deferrals;
    ts_deferral *d = &all->list[all->slot[at]];
    forget(all, at);
    d->set.exec = exec;
    d->work.context = d->context;
    if (d->kind == ts_put_off_load)
        ts_work_transfer(&d->set, &d->work, &d->window);
    else
        ts_work_local(&d->set, &d->work);
}

/* Takes a move off the list, and makes it unless its tile is not needed any more. */
static void let_go(ts_exec *exec, int at) {
    const ts_deferrals *all = exec->core->deferrals;
    const uint32_t tile = all->list[all->slot[at]].tile;
    if (exec->homes && !ts_homes_need(exec->homes, tile, exec->at))
        forget(exec->core->deferrals, at);
    else
        settle(exec, at);
}

static void add(ts_exec *exec, const ts_deferral *d, const ts_work *work) {
    ts_deferrals *all = exec->core->deferrals;
    if (all->count == TS_DEFERRED) let_go(exec, all->next_victim++ % TS_DEFERRED);
    const int at = all->count++;
    ts_deferral *kept = &all->list[all->slot[at]];
    *kept = *d;
    kept->place = d->set.written[0];
    kept->work = *work;
    memcpy(kept->context, work->context, work->size);
    keep_area(&all->places, at, &kept->place);
    keep_area(&all->sources, at, &kept->source);
}

void ts_deferred_meet(ts_exec *exec, const ts_area *area, bool is_written, bool is_whole) {
    ts_deferrals *all = exec->core->deferrals;
    uint8_t is_met[TS_DEFERRED], is_changed[TS_DEFERRED] = {0};
    bool any = find_met(&all->places, all->count, area, is_met);
    if (is_written) any |= find_met(&all->sources, all->count, area, is_changed);
    /* Backwards: the move that takes the number of one that leaves the list has been looked at already. */
    for (int i = any ? all->count : 0; i-- > 0;) {
        ts_deferral *d = &all->list[all->slot[i]];
        if (is_met[i] && is_written && is_whole && covers(area, &d->place)) {
            all->covered += !d->is_covered;
            d->is_covered = true;
        } else if (is_met[i] || is_changed[i]) {
            let_go(exec, i);
        }
    }
}

void ts_deferred_known(ts_exec *exec, bool is_empty) {
    ts_deferrals *all = exec->core->deferrals;
    for (int i = all->covered > 0 ? all->count : 0; i-- > 0;) {
        ts_deferral *d = &all->list[all->slot[i]];
        if (d->is_covered && !is_empty) {
            forget(all, i);
        } else if (d->is_covered) {
            all->covered--;
            d->is_covered = false;
        }
    }
}

void ts_deferred_settle(ts_exec *exec) {
    while (exec->core->deferrals->count > 0)
        settle(exec, 0);
}

void ts_deferred_drop(ts_core *core) {
    ts_deferrals *all = core->deferrals;
    all->count = all->covered = 0;
    for (int i = 0; i < TS_DEFERRED; i++)
        all->slot[i] = (uint8_t)i;
}

/* ---- loads ---- */

/* Whether the load is one that its readers can do without. */
static bool is_for_readers(const ts_exec *exec, const ts_pair *pair, int dim, const ts_rows *dst,
                           ts_lying *lying) {
    if (ts_homes_multiplied(exec->homes, dst->tile))
        return pair->dst_dtype == pair->src_dtype && !pair->is_added && ts_rows_are_adjacent(dst) &&
               ts_pair_lying(pair, dim, lying);
    return ts_homes_by_rows(exec->homes, dst->tile) && ts_is_readable(pair, dim, dst, lying);
}

bool ts_defer_load(const ts_operand_set *set, const ts_pair *pair, int dim, const ts_rows *dst,
                   const ts_work *work, const ts_window *window) {
    const ts_exec *exec = set->exec;
    ts_deferral d = {.kind = ts_put_off_load, .set = *set, .tile = dst->tile, .window = *window};
    if (!exec->homes || dst->space != ts_space_sbuf || work->size > TS_DEFERRED_CONTEXT ||
        !is_for_readers(exec, pair, dim, dst, &d.lying))
        return false;
    d.source.space = ts_space_hbm;
    add(set->exec, &d, work);
    return true;
}

/* The bytes of HBM between the first and the last of the rows. */
static ts_window window_of(const ts_rows *rows) {
    const int64_t at = (int64_t)(intptr_t)rows->base, last = (rows->parts - 1) * rows->pitch;
    return (ts_window){.low = at + (last < 0 ? last : 0),
                       .high = at + (last > 0 ? last : 0) + rows->high,
                       .part = rows->part,
                       .parts = (int32_t)rows->parts};
}

/* The load, put off, that would have set all of the rows; NULL: none. */
static const ts_deferral *load_of(const ts_operand_set *set, const ts_rows *rows) {
    const ts_deferrals *all = set->exec->core->deferrals;
    if (set->is_empty || rows->space != ts_space_sbuf) return NULL;
    const ts_area area = ts_rows_area(rows);
    for (int i = 0; i < all->count; i++) {
        const ts_deferral *d = &all->list[all->slot[i]];
        if (d->kind == ts_put_off_load && covers(&d->place, &area)) return d;
    }
    return NULL;
}

/* Runs the segment if it writes what the window reads. */
static void await(const ts_exec *exec, const ts_window *window) {
    const ts_segment *s = exec->core->segment;
    for (int i = 0; i < s->transfers; i++)
        if (s->windows[i].is_written && ts_windows_meet(&s->windows[i], window)) ts_segment_run(exec);
}

bool ts_deferred_lying(ts_operand_set *set, ts_rows *rows) {
    const ts_deferral *load = load_of(set, rows);
    ts_rows moved = *rows;
    if (!load || !ts_point_to_runs(&load->lying, &load->place, &moved) || !ts_rows_are_arrays(&moved))
        return false;
    *rows = moved;
    const ts_window window = window_of(rows);
    await(set->exec, &window);
    set->read_across_hbm[set->across_hbm++] = window;
    return true;
}

bool ts_deferred_near(ts_operand_set *set, ts_rows *rows) {
    const ts_deferral *load = load_of(set, rows);
    if (!load || set->reads == TS_READS || !ts_point_to_runs(&load->lying, &load->place, rows)) return false;
    await(set->exec, &load->window);
    set->read[set->reads++] = load->window;
    rows->space = ts_space_none;
    return true;
}

void ts_deferred_store(ts_exec *exec, const uint8_t *data, int64_t bytes) {
    const ts_deferrals *all = exec->core->deferrals;
    const int64_t at = (int64_t)(intptr_t)data;
    const ts_window stored = {.low = at, .high = at + bytes, .parts = 1, .is_written = true};
    for (int i = all->count; i-- > 0;) {
        const ts_deferral *d = &all->list[all->slot[i]];
        if (d->kind == ts_put_off_load && ts_windows_meet(&stored, &d->window)) let_go(exec, i);
    }
}

void ts_deferred_load_all(ts_exec *exec) {
    const ts_deferrals *all = exec->core->deferrals;
    for (int i = all->count; i-- > 0;)
        if (all->list[all->slot[i]].kind == ts_put_off_load) let_go(exec, i);
}

/* ---- halves to floats ---- */

bool ts_defer_halves(const ts_operand_set *set, const ts_rows *dst, const ts_rows *src, const ts_work *work) {
    if (set->exec->checks || !dst->is_plain || dst->space != ts_space_sbuf || src->space != ts_space_sbuf ||
        src->dtype != ts_dtype_u16 || set->is_crossing || work->size > TS_DEFERRED_CONTEXT)
        return false;
    const ts_deferral d = {
        .kind = ts_put_off_floats, .set = *set, .from = *src, .source = ts_rows_area(src), .tile = dst->tile};
    add(set->exec, &d, work);
    return true;
}

/* ---- floats turned ---- */

/* A transpose: rows of floats from columns of halves. */
typedef struct turning {
    ts_rows dst;
    const uint8_t *from; /* half of the first element of the first row */
    int64_t pitch, step; /* bytes to the next element of a row, and to the next row */
} turning;

static void turn_halves(void *context, int64_t first, int64_t last) {
    const turning *t = context;
    for (int64_t row = first; row < last; row++) {
        float *to = (float *)(void *)ts_rows_at(&t->dst, row);
        const uint8_t *from = t->from + row * t->step;
        for (int64_t i = 0; i < t->dst.elems; i++, from += t->pitch) {
            uint16_t half;
            memcpy(&half, from, sizeof half);
            to[i] = half;
        }
    }
}

/* Finds offset and step, in bytes, of elements [first, first + n) of rows; false if they do not have one
   step. */
static bool stretch(const ts_rows *rows, int64_t first, int64_t n, int64_t *offset, int64_t *step) {
    int inner = rows->dims - 1;
    if (first % rows->count[inner] + n > rows->count[inner]) return false;
    *offset = rows->offset;
    *step = rows->step[inner];
    for (int i = inner; i >= 0; first /= rows->count[i--])
        *offset += first % rows->count[i] * rows->step[i];
    return true;
}

/* The conversion, put off, that would have made all of `data`; NULL: none. */
static const ts_deferral *maker_of(const ts_deferrals *all, const ts_area *data) {
    for (int i = 0; i < all->count; i++) {
        const ts_deferral *d = &all->list[all->slot[i]];
        if (d->kind == ts_put_off_floats && covers(&d->place, data)) return d;
    }
    return NULL;
}

bool ts_defer_turn(ts_operand_set *set, const ts_rows *dst, const ts_rows *data) {
    const ts_deferrals *all = set->exec->core->deferrals;
    if (all->count == 0 || set->is_empty || !dst->is_plain || dst->space != ts_space_psum || !data->is_plain)
        return false;
    const ts_area area = ts_rows_area(data);
    const ts_deferral *maker = maker_of(all, &area);
    if (!maker) return false;
    ts_deferral d = {.kind = ts_put_off_turn, .tile = dst->tile};
    int64_t first = (area.low - maker->place.low) / (int64_t)sizeof(float);
    if (!stretch(&maker->from, first, data->elems, &d.offset, &d.step) || d.step <= 0) return false;
    ts_operands_known(set);
    d.source = (ts_area){.space = ts_space_sbuf,
                         .part = area.part,
                         .parts = area.parts,
                         .low = d.offset,
                         .high = d.offset + d.step * (data->elems - 1) + (int64_t)sizeof(uint16_t)};
    d.set = *set;
    d.set.read_across[d.set.across++] = d.source;
    const ts_memory *sbuf = &set->exec->core->sbuf;
    turning t = {.dst = *dst,
                 .from = sbuf->data + area.part * sbuf->pitch + d.offset,
                 .pitch = sbuf->pitch,
                 .step = d.step};
    double ns = 2 * (double)dst->elems;
    add(set->exec, &d, &(ts_work){turn_halves, dst->parts, 1, ns, &t, sizeof t});
    return true;
}

/* ---- and put together ---- */

/* Values of `size` bytes that lie in columns of the source and become rows of the destination. */
typedef struct block {
    int64_t from, to; /* offsets in a partition, in bytes */
    int64_t size;     /* 0: one half of a word has been found, the other not yet */
} block;

enum { BLOCKS = 16 }; /* most blocks of one copy */
typedef struct joining {
    ts_isa isa;
    const uint8_t *from; /* partition of the first element */
    uint8_t *to;         /* partition of the first row */
    int64_t pitch, parts;
    int blocks;
    block block[BLOCKS];
} joining;

static void turn_numbers(void *context, int64_t first, int64_t last) {
    const joining *j = context;
    for (int i = 0; i < j->blocks; i++) {
        const block *b = &j->block[i];
        ts_turn turn = {.from = j->from + b->from + first * b->size,
                        .to = j->to + first * j->pitch + b->to,
                        .from_pitch = j->pitch,
                        .to_pitch = j->pitch,
                        .parts = j->parts,
                        .elems = last - first,
                        .from_size = (int)b->size};
        ts_turn_run(j->isa, &turn);
    }
}

/* The transpose, put off, that would have made the rows whose elements begin at `low`, *n of each; NULL:
   none. */
static ts_deferral *turned_at(ts_deferrals *all, const ts_rows *src, int64_t low, int64_t *n) {
    for (int i = 0; i < all->count; i++) {
        ts_deferral *d = &all->list[all->slot[i]];
        if (d->kind != ts_put_off_turn || all->places.low[i] != low || d->place.space != src->space ||
            d->place.part != src->part || d->place.parts != src->parts)
            continue;
        *n = (d->place.high - d->place.low) / (int64_t)sizeof(float);
        return d;
    }
    return NULL;
}

/* Adds the halves of one transpose: as the second halves of the block before, if both are halves of the same
   values, or as a new block. False: they are neither. */
static bool add_half(joining *j, const ts_deferral *d, int64_t to, int64_t step) {
    block *open = j->blocks > 0 && j->block[j->blocks - 1].size == 0 ? &j->block[j->blocks - 1] : NULL;
    if (open && d->step == 4 && step == 4 && d->offset == open->from + 2 && to == open->to + 2) {
        open->size = 4;
        return true;
    }
    if (open || j->blocks == BLOCKS || d->step != step || (step != 2 && step != 4)) return false;
    j->block[j->blocks++] = (block){.from = d->offset, .to = to, .size = step == 2 ? 2 : 0};
    return true;
}

/* A transpose that is put off, and where the copy puts its halves. */
typedef struct joined {
    ts_deferral *turned;
    int64_t to, step; /* bytes: of the first element in a partition, and to the next element */
} joined;

/* Finds the blocks that the copy consists of, the area that they read, and the transposes. Returns the number
   of transposes, or 0 if the copy reads anything else. */
static int find_blocks(const ts_exec *exec, const ts_rows *dst, const ts_rows *src, joining *j,
                       ts_area *source, joined *halves) {
    int count = 0;
    for (int64_t at = 0, n; at < src->elems; at += n) {
        int64_t low, step, to, to_step;
        if (count == 2 * BLOCKS || !stretch(src, at, 1, &low, &step)) return 0;
        ts_deferral *d = turned_at(exec->core->deferrals, src, low, &n);
        if (!d || !stretch(src, at, n, &low, &step) || step != (int64_t)sizeof(float) ||
            !stretch(dst, at, n, &to, &to_step) || !add_half(j, d, to, to_step))
            return 0;
        halves[count++] = (joined){d, to, to_step};
        const ts_area *read = &d->source;
        if (at == 0) *source = *read;
        if (read->part != source->part || read->parts != source->parts) return 0;
        if (read->low < source->low) source->low = read->low;
        if (read->high > source->high) source->high = read->high;
    }
    return j->blocks > 0 && j->block[j->blocks - 1].size > 0 ? count : 0;
}

/* A conversion: floats from halves of the same partition. */
typedef struct widening {
    ts_rows dst, from;
} widening;

static void widen(void *context, int64_t first, int64_t last) {
    const widening *w = context;
    ts_rows_copy(&w->dst, &w->from, first, last);
}

/* Makes a transpose that is put off read the joined halves instead of its source, which as a rule changes
   sooner. */
static void take_from(ts_exec *exec, const joined *half, const ts_rows *dst) {
    ts_deferral *d = half->turned;
    ts_deferrals *all = exec->core->deferrals;
    widening w = {.dst = ((const turning *)(const void *)d->context)->dst, .from = *dst};
    w.from.base += half->to - dst->offset;
    w.from.offset = half->to;
    w.from.low = 0;
    w.from.high = half->step * (w.dst.elems - 1) + (int64_t)sizeof(uint16_t);
    w.from.elems = w.dst.elems;
    w.from.dims = 1;
    w.from.step[0] = half->step;
    w.from.count[0] = w.dst.elems;
    d->kind = ts_put_off_floats;
    d->from = w.from;
    d->source = ts_rows_area(&w.from);
    d->set.across = 0;
    d->work = (ts_work){widen, w.dst.parts, 1, 0.2 * (double)w.dst.elems, NULL, sizeof w};
    memcpy(d->context, &w, sizeof w);
    for (int i = 0; i < all->count; i++)
        if (&all->list[all->slot[i]] == d) keep_area(&all->sources, i, &d->source);
}

bool ts_defer_join(ts_operand_set *set, const ts_rows *dst, const ts_rows *src) {
    ts_exec *exec = set->exec;
    const ts_memory *sbuf = &exec->core->sbuf;
    joining j = {.isa = exec->host.isa, .pitch = sbuf->pitch};
    joined halves[2 * BLOCKS];
    ts_area source;
    if (exec->core->deferrals->count == 0 || set->is_empty || src->space != ts_space_psum ||
        dst->space != ts_space_sbuf || src->dtype != ts_dtype_f32 || dst->dtype != ts_dtype_u16 ||
        dst->parts != src->parts)
        return false;
    const int count = find_blocks(exec, dst, src, &j, &source, halves);
    if (count == 0) return false;
    /* The destination and the source share no byte: moves whose source the destination overlaps have been
       made. */
    j.from = sbuf->data + source.part * sbuf->pitch;
    j.to = sbuf->data + dst->part * sbuf->pitch;
    j.parts = source.parts;
    ts_operands_known(set);
    set->read_across[set->across++] = source;
    const double ns = 0.05 * (double)source.parts * (double)j.blocks;
    const ts_work work = {turn_numbers, dst->parts, 1, ns, &j, sizeof j};
    if (exec->homes && ts_rows_are_dense(dst)) {
        add(exec, &(ts_deferral){.kind = ts_put_off_join, .source = source, .tile = dst->tile, .set = *set},
            &work);
        return true;
    }
    ts_work_local(set, &work);
    for (int i = 0; i < count && dst->part == src->part; i++)
        take_from(exec, &halves[i], dst);
    return true;
}

/* ---- read turned ---- */

/* The block whose elements are the bytes [low, high) of a partition; NULL: none, or they are halves. */
static const block *block_at(const joining *j, int64_t low, int64_t high, int size) {
    for (int i = 0; i < j->blocks; i++) {
        const block *b = &j->block[i];
        if (b->size == size && low >= b->to && high <= b->to + j->parts * size && (low - b->to) % size == 0)
            return b;
    }
    return NULL;
}

bool ts_deferred_turned(const ts_exec *exec, const ts_rows *rows, ts_turned *turned) {
    const ts_deferrals *all = exec->core->deferrals;
    if (!ts_rows_are_adjacent(rows)) return false;
    const ts_area area = ts_rows_area(rows);
    for (int i = 0; i < all->count; i++) {
        const ts_deferral *d = &all->list[all->slot[i]];
        if (d->kind != ts_put_off_join || !covers(&d->place, &area)) continue;
        const joining *j = (const joining *)(const void *)d->context;
        const block *b = block_at(j, area.low, area.high, rows->size);
        if (!b) return false;
        const int64_t first = (area.low - b->to) / b->size, row = area.part - d->place.part;
        ts_area source = {.space = d->source.space,
                          .part = d->source.part + (int32_t)first,
                          .parts = (int32_t)rows->elems,
                          .low = b->from + row * b->size};
        source.high = source.low + rows->parts * b->size;
        *turned = (ts_turned){j->from + first * j->pitch + source.low, j->pitch, source};
        return true;
    }
    return false;
}
