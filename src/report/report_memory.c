/* Contents of SBUF and PSUM over time, from the places that instructions access and when they ran; and
   traffic of HBM tensors. */
#include <stdlib.h>

#include "arch/isa.h"
#include "report/report.h"

typedef struct touched {
    ts_report_box box;
    bool is_write;
} touched;

/* Lowest and highest value over all trips and slots. */
static void reach(const ts_program *program, const ts_affine *affine, int64_t *low, int64_t *high) {
    *low = *high = affine->base;
    for (uint32_t t = 0; t < affine->term_count; t++) {
        const ts_term *term = &program->terms.data[affine->first_term + t];
        int64_t last = program->loops.data[term->loop].trip.max - 1;
        *(term->coef < 0 ? low : high) += term->coef * (last > 0 ? last : 0);
    }
    if (affine->rotation) {
        const ts_rotation *rotation = &program->rotations.data[affine->rotation - 1];
        *(rotation->step < 0 ? low : high) += rotation->step * (rotation->count - 1);
    }
}

static ts_report_box box_of(const ts_program *program, const ts_ap *ap) {
    ts_report_box box = {.is_psum = ap->space == ts_space_psum};
    int64_t low, high, part_low, part_high, bytes = ts_dtype_get(ap->dtype)->bytes, extent = 0;
    reach(program, &ap->offset, &low, &high);
    reach(program, &ap->part, &part_low, &part_high);
    for (int d = 0; d < ap->dims; d++) {
        int64_t span = ap->dim[d].step * (ap->dim[d].count.max - 1) * bytes;
        if (span < 0) low += span;
        if (span > 0) extent += span;
    }
    box.low = (int32_t)low;
    box.high = (int32_t)(high + extent + bytes);
    box.part = (int32_t)part_low;
    box.parts = (int32_t)(part_high - part_low) + ap->parts.max;
    return box;
}

static uint8_t kind_of(const ts_program *program, const ts_inst *inst, bool is_psum, uint32_t *tensor) {
    if (is_psum) return ts_kind_psum;
    if (inst->op != ts_op_dma_copy) return ts_kind_computed;
    const ts_ap *src = &((const ts_inst_dma_copy *)inst)->src;
    if (src->space != ts_space_hbm) return ts_kind_computed;
    *tensor = 1 + src->tensor;
    switch (program->tensors.data[src->tensor].kind) {
    case ts_tensor_scratch: return ts_kind_reload;
    case ts_tensor_constant: return ts_kind_constants;
    default: return ts_kind_argument;
    }
}

typedef TS_VEC(touched) touched_list;

static void find_touches(ts_report *report, touched_list *touches) {
    const ts_program *program = report->program;
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        const ts_op_info *info = ts_op_get(inst->op);
        const ts_life *life = &report->record.lives.data[at];
        for (int f = 0; f < info->field_count && life->last > 0; f++) {
            ts_field_kind kind = info->fields[f].kind;
            if (kind != ts_kind_dst && kind != ts_kind_src && kind != ts_kind_opt && kind != ts_kind_optdst)
                continue;
            const ts_ap *ap = (const ts_ap *)(const void *)((const char *)inst + info->fields[f].offset);
            if (ap->space != ts_space_sbuf && ap->space != ts_space_psum) continue;
            touched touch = {.box = box_of(program, ap),
                             .is_write = kind == ts_kind_dst || kind == ts_kind_optdst};
            touch.box.first = life->first;
            touch.box.last = life->last;
            touch.box.loc = inst->loc;
            touch.box.kind = kind_of(program, inst, touch.box.is_psum, &touch.box.tensor);
            ts_vec_push(touches, &report->arena, touch);
        }
    }
}

static int by_first(const void *a, const void *b) {
    const touched *x = a, *y = b;
    if (x->box.first != y->box.first) return x->box.first < y->box.first ? -1 : 1;
    if (x->is_write != y->is_write) return x->is_write ? -1 : 1;
    if (x->box.low != y->box.low) return x->box.low < y->box.low ? -1 : 1;
    return x->box.loc < y->box.loc ? -1 : x->box.loc > y->box.loc;
}

static bool meet(const ts_report_box *a, const ts_report_box *b) {
    return a->is_psum == b->is_psum && a->low < b->high && b->low < a->high && a->part < b->part + b->parts &&
           b->part < a->part + a->parts;
}

/* Index of the boxes by the granules of a partition that they occupy, in order of time. */
enum { GRANULE = 1024, GRANULES = 256 };
typedef struct by_granule {
    TS_VEC(uint32_t) boxes[2][GRANULES + 1];
} by_granule;

static int granule(int32_t byte) {
    return byte < 0 ? 0 : byte / GRANULE < GRANULES ? byte / GRANULE : GRANULES;
}

/* The latest box that overlaps an access; 1 + index, or 0. */
static uint32_t find_box(const ts_report *report, const by_granule *index, const ts_report_box *touch) {
    uint32_t found = 0;
    for (int g = granule(touch->low); g <= granule(touch->high - 1); g++)
        for (uint32_t i = index->boxes[touch->is_psum][g].count; i-- > 0;) {
            uint32_t box = index->boxes[touch->is_psum][g].data[i];
            if (box < found) break;
            if (!meet(&report->boxes.data[box], touch)) continue;
            found = box + 1;
            break;
        }
    return found;
}

/* A write starts a box unless it lies within one that is still in use; a read extends the box it overlaps. */
static void add_touch(ts_report *report, by_granule *index, const touched *touch) {
    uint32_t found = find_box(report, index, &touch->box);
    ts_report_box *box = found ? &report->boxes.data[found - 1] : NULL;
    bool is_inside = box && box->low <= touch->box.low && box->high >= touch->box.high;
    if (box && (!touch->is_write || (is_inside && box->last >= touch->box.first))) {
        if (touch->box.last > box->last) box->last = touch->box.last;
        return;
    }
    for (int g = granule(touch->box.low); g <= granule(touch->box.high - 1); g++)
        ts_vec_push(&index->boxes[touch->box.is_psum][g], &report->arena, report->boxes.count);
    ts_vec_push(&report->boxes, &report->arena, touch->box);
}

typedef struct edge {
    ts_time at;
    int32_t bytes; /* negative: a box ends; ends are counted before beginnings at the same time */
} edge;

static int by_edge(const void *a, const void *b) {
    const edge *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* Records that `bytes` are in use from `start` to `end`. */
static void fill_bins(const ts_series *series, int32_t *fill, ts_time start, ts_time end, int64_t bytes) {
    for (ts_time bin = start / series->width; bin * series->width < end && bin < series->count; bin++)
        if (bytes > fill[bin]) fill[bin] = (int32_t)bytes;
}

/* The most bytes of a partition in use at once, overall and in each bin (fill may be NULL). A box counts from
   its first use to its last. */
static int32_t find_peak(ts_report *report, bool is_psum, double capacity, ts_time *when, int32_t *fill) {
    edge *edges = TS_NEW_ARRAY(&report->arena, edge, 2 * (size_t)report->boxes.count + 1);
    size_t count = 0;
    int64_t bytes = 0, peak = 0;
    for (uint32_t i = 0; i < report->boxes.count; i++) {
        const ts_report_box *box = &report->boxes.data[i];
        if (box->is_psum != is_psum) continue;
        edges[count++] = (edge){box->first, box->high - box->low};
        edges[count++] = (edge){box->last, box->low - box->high};
    }
    qsort(edges, count, sizeof *edges, by_edge);
    for (size_t i = 0; i < count; i++) {
        bytes += edges[i].bytes;
        if (fill && i + 1 < count)
            fill_bins(&report->record.series, fill, edges[i].at, edges[i + 1].at,
                      bytes < (int64_t)capacity ? bytes : (int64_t)capacity);
        if (bytes <= peak) continue;
        peak = bytes;
        *when = edges[i].at;
    }
    return (int32_t)((double)peak < capacity ? (double)peak : capacity);
}

static int by_bytes(const void *a, const void *b) {
    const ts_report_tensor *x = a, *y = b;
    uint64_t p = x->loaded + x->stored, q = y->loaded + y->stored;
    if (p != q) return p > q ? -1 : 1;
    return x->tensor < y->tensor ? -1 : x->tensor > y->tensor;
}

static void find_tensors(ts_report *report) {
    const ts_program *program = report->program;
    uint32_t count = program->tensors.count;
    ts_report_tensor *all = TS_NEW_ARRAY(&report->arena, ts_report_tensor, count + 1);
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        const ts_life *life = &report->record.lives.data[at];
        if (inst->op != ts_op_dma_copy) continue;
        const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)inst;
        if (dma->src.space == ts_space_hbm) {
            all[dma->src.tensor].loaded += life->bytes;
            all[dma->src.tensor].loads += life->count;
        }
        if (dma->dst.space == ts_space_hbm) all[dma->dst.tensor].stored += life->bytes;
    }
    for (uint32_t t = 0; t < count; t++) {
        all[t].tensor = t;
        if (all[t].loaded + all[t].stored > 0) ts_vec_push(&report->tensors, &report->arena, all[t]);
    }
    if (report->tensors.count) qsort(report->tensors.data, report->tensors.count, sizeof *all, by_bytes);
}

void ts_report_memory(ts_report *report) {
    const ts_chip *chip = &report->record.chip;
    touched_list touches = {0};
    by_granule *index = TS_NEW(&report->arena, by_granule);
    ts_time psum_at = 0;
    find_touches(report, &touches);
    if (touches.count) qsort(touches.data, touches.count, sizeof *touches.data, by_first);
    for (uint32_t i = 0; i < touches.count; i++)
        add_touch(report, index, &touches.data[i]);
    report->sbuf_fill = TS_NEW_ARRAY(&report->arena, int32_t, report->record.series.count + 1);
    report->sbuf_peak =
        find_peak(report, false, chip->sbuf_partition_bytes, &report->sbuf_peak_at, report->sbuf_fill);
    report->psum_peak = find_peak(report, true, chip->psum_partition_bytes, &psum_at, NULL);
    find_tensors(report);
}
