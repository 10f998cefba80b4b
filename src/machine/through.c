/* Tiles that only pass values on between the chip and HBM (through.h). */
#include "machine/through.h"

#include "machine/homes.h"

/* Whether the bytes that a partition moves are adjacent on both sides and not converted. */
static bool is_of_rows(const ts_pair *pair, int dim) {
    if (pair->dst_dtype != pair->src_dtype || pair->is_added || pair->dims > (dim >= 0) + 1) return false;
    for (int i = 0; i < pair->dims; i++)
        if (i != dim && (pair->dst_step[i] != pair->dst_size || pair->src_step[i] != pair->src_size))
            return false;
    return true;
}

static ts_rows *dst_of(ts_segment *s, int waiting) {
    return (ts_rows *)(void *)(s->contexts + s->waiting[waiting].context);
}

/* The number of the waiting instruction that writes exactly these rows; -1: there is none. The last one with
   this tile made them, since nothing else names the tile. */
static int writer_of(ts_segment *s, const ts_operand_set *set, const ts_rows *src) {
    for (int i = s->count; i-- > 0;) {
        const ts_waiting *w = &s->waiting[i];
        const ts_rows *dst = dst_of(s, i);
        if (!w->begins_with_dst || dst->tile != src->tile) continue;
        const bool is_same = dst->base == src->base && dst->parts == src->parts && dst->elems == src->elems &&
                             dst->dtype == src->dtype && w->part == set->part && w->parts == set->parts &&
                             w->columns == 0 && !w->is_across;
        return is_same && ts_rows_are_adjacent(dst) && ts_rows_are_adjacent(src) ? i : -1;
    }
    return -1;
}

/* The ts_ahead of the last waiting computation before number `end`; NULL: there is none, or it works in other
   partitions. */
static ts_ahead *ahead_of(ts_segment *s, int end, int32_t part, int32_t parts) {
    for (int i = end; i-- > 0;) {
        const ts_waiting *w = &s->waiting[i];
        if (w->ahead == 0) continue;
        if (w->part != part || w->parts != parts) return NULL;
        return (ts_ahead *)(void *)(s->contexts + w->context + w->ahead);
    }
    return NULL;
}

/* Whether no waiting transfer, which may be between the instruction and the store, touches the same bytes. */
static bool is_free(const ts_segment *s, const ts_window *window) {
    if (s->transfers >= TS_SEGMENT_LENGTH) return false;
    for (int i = 0; i < s->transfers; i++)
        if (ts_windows_meet(window, &s->windows[i])) return false;
    return true;
}

bool ts_write_through(const ts_operand_set *set, const ts_pair *pair, int dim, const ts_rows *src,
                      const ts_window *window) {
    const ts_exec *exec = set->exec;
    ts_segment *s = exec->core->segment;
    if (!exec->homes || src->space == ts_space_none || !ts_homes_pass_on(exec->homes, src->tile, exec->at) ||
        !is_of_rows(pair, dim))
        return false;
    const int writer = writer_of(s, set, src);
    if (writer < 0 || !is_free(s, window)) return false;
    ts_rows *dst = dst_of(s, writer);
    dst->base = pair->dst;
    dst->pitch = dim >= 0 ? pair->dst_step[dim] : 0;
    ts_ahead *ahead = pair->is_dst_far ? ahead_of(s, writer, set->part, set->parts) : NULL;
    if (ahead && !ahead->is_written) *ahead = (ts_ahead){dst->base, dst->pitch, src->high - src->low, true};
    dst->is_plain = dst->dtype == ts_dtype_f32 && ts_rows_are_arrays(dst);
    s->windows[s->transfers++] = *window;
    return true;
}

enum {
    SHORT_ROW = 2048, /* bytes; a copy reads several such rows at a time if they are far away */
    SHORT_RUN = 512   /* bytes; of shorter runs a copy is read faster */
};

bool ts_is_readable(const ts_pair *pair, int dim, const ts_rows *dst, ts_lying *lying) {
    if (pair->dst_dtype != pair->src_dtype || pair->is_added || !ts_rows_are_adjacent(dst) ||
        !ts_pair_lying(pair, dim, lying))
        return false;
    return lying->step == 0 ? !pair->is_far || lying->run >= SHORT_ROW : lying->run >= SHORT_RUN;
}

/* The tile's next readers want what is loaded now, not what a load of an earlier trip was to bring. */
static void forget_loads(ts_segment *s, uint32_t tile) {
    for (int i = 0; i < s->loads; i++)
        if (s->load[i].tile == tile) s->load[i].tile = 0;
}

void ts_note_load(const ts_operand_set *set, const ts_pair *pair, int dim, const ts_rows *dst,
                  const ts_window *window) {
    const ts_exec *exec = set->exec;
    ts_segment *s = exec->core->segment;
    if (!exec->homes || dst->space != ts_space_sbuf) return;
    forget_loads(s, dst->tile);
    ts_lying lying;
    if (!ts_is_readable(pair, dim, dst, &lying)) return;
    const uint32_t readers = ts_homes_readers(exec->homes, dst->tile, exec->at);
    if (readers == 0) return;
    s->load[s->loads++] = (ts_load){.tile = dst->tile,
                                    .waiting = s->count - 1,
                                    .readers = readers,
                                    .area = ts_rows_area(dst),
                                    .is_far = pair->is_far && lying.step == 0,
                                    .lying = lying,
                                    .window = *window};
}

static bool is_inside(const ts_area *inner, const ts_area *outer) {
    return inner->part >= outer->part && inner->part + inner->parts <= outer->part + outer->parts &&
           inner->low >= outer->low && inner->high <= outer->high;
}

/* Whether a waiting instruction changes what was to be loaded. */
static bool is_changed(const ts_segment *s, const ts_load *load) {
    for (int i = 0; i < s->transfers; i++)
        if (s->windows[i].is_written && ts_windows_meet(&s->windows[i], &load->window)) return true;
    return false;
}

void ts_fetch_ahead(const ts_operand_set *set, size_t offset) {
    ts_segment *s = set->exec->core->segment;
    s->waiting[s->count - 1].ahead = offset;
}

/* Lets the last computation before the load's first reader prefetch the rows. */
static void fetch(ts_segment *s, const ts_load *load) {
    ts_ahead *ahead = ahead_of(s, s->count, load->area.part, load->area.parts);
    if (ahead && !ahead->data)
        *ahead = (ts_ahead){load->lying.data, load->lying.pitch, load->lying.run, false};
}

ts_ahead ts_load_ahead(const ts_operand_set *set) {
    ts_segment *s = set->exec->core->segment;
    for (int i = 0; i < s->loads; i++) {
        ts_load *load = &s->load[i];
        if (!load->is_far || load->area.part != set->part || load->area.parts != set->parts) continue;
        load->is_far = false;
        return (ts_ahead){load->lying.data, load->lying.pitch, load->lying.run, false};
    }
    return (ts_ahead){0};
}

bool ts_point_to_runs(const ts_lying *lying, const ts_area *place, ts_rows *rows) {
    const int64_t at = rows->offset + rows->low - place->low, inside = at % lying->run;
    const int64_t bytes = rows->high - rows->low;
    uint8_t *data =
        lying->data + (rows->part - place->part) * lying->pitch + at / lying->run * lying->step + inside;
    if (inside + bytes <= lying->run) {
        rows->base = data - rows->low;
    } else {
        if (!ts_rows_are_adjacent(rows) || inside != 0 || bytes % lying->run != 0 ||
            lying->run % rows->size != 0)
            return false;
        rows->base = data;
        rows->dims = 2;
        rows->count[0] = bytes / lying->run, rows->step[0] = lying->step;
        rows->count[1] = lying->run / rows->size, rows->step[1] = rows->size;
        const int64_t last = (rows->count[0] - 1) * lying->step;
        rows->low = last < 0 ? last : 0;
        rows->high = (last > 0 ? last : 0) + lying->run;
    }
    rows->pitch = lying->pitch;
    rows->is_plain = rows->dtype == ts_dtype_f32 && ts_rows_are_arrays(rows);
    return true;
}

void ts_read_through(ts_operand_set *set, ts_rows *rows) {
    ts_segment *s = set->exec->core->segment;
    if (rows->space != ts_space_sbuf || set->is_crossing || set->reads == TS_READS) return;
    int i = s->loads - 1;
    while (i >= 0 && s->load[i].tile != rows->tile)
        i--;
    if (i < 0) return;
    ts_load *load = &s->load[i];
    const ts_area area = ts_rows_area(rows);
    if (!is_inside(&area, &load->area) || is_changed(s, load) ||
        !ts_point_to_runs(&load->lying, &load->area, rows))
        return;
    set->read[set->reads++] = load->window;
    if (load->is_far) fetch(s, load);
    load->is_far = false;                                          /* prefetched once */
    if (--load->readers == 0) s->waiting[load->waiting].parts = 0; /* no reader needs the load */
}
