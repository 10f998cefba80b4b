/* DMA: dma_copy with casts, additions in memory and index operands. */
#include <inttypes.h>
#include <string.h>

#include "machine/deferred.h"
#include "machine/segment.h"
#include "machine/through.h"
#include "machine/transfer.h"

enum { FAR_BYTES = 1 << 20 };       /* a tensor that does not fit a CPU core's own cache beside other data */
enum { STREAMING_BYTES = 4 << 20 }; /* a tensor that would evict data in use from the caches */

/* One operand of the DMA. */
typedef struct side {
    ts_pattern pattern;
    ts_rows rows;
    const ts_tensor *tensor; /* NULL: not in HBM */
    bool is_indexed;
    ts_rows index;      /* one element for each count of the outermost dimension */
    int64_t index_step; /* bytes */
    int64_t offset;     /* of the pattern's base in its tensor, bytes */
} side;

typedef struct dma {
    side dst, src;
    ts_pair pair, row; /* all of it; without the dimensions that indices walk */
    int outer;         /* how many dimensions `row` lacks */
    int64_t rows;      /* product of their counts */
    bool is_skipping;
} dma;

/* ---- operands ---- */

static void on_chip_pattern(side *s) {
    ts_pattern *p = &s->pattern;
    *p = (ts_pattern){.base = s->rows.base, .dtype = s->rows.dtype, .size = s->rows.size};
    if (s->rows.space != ts_space_hbm) {
        p->step[0] = s->rows.pitch;
        p->count[0] = s->rows.parts;
        p->dims = 1;
    }
    for (int i = 0; i < s->rows.dims; i++) {
        p->step[p->dims] = s->rows.step[i];
        p->count[p->dims++] = s->rows.count[i];
    }
}

/* An indexed side keeps its dimensions as they are: the index walks the outermost one. */
static void indexed_pattern(const ts_exec *exec, const ts_ap *ap, side *s) {
    ts_ref ref;
    ts_ap_resolve(exec->program, ap, exec->counters, &ref);
    ts_pattern *p = &s->pattern;
    p->base = exec->data[ref.tensor] + ref.offset;
    p->dtype = ref.dtype;
    p->size = (uint8_t)ts_dtype_get(ref.dtype)->bytes;
    p->dims = ref.dims > 0 ? ref.dims : 1;
    for (int i = 0; i < p->dims; i++) {
        p->step[i] = ref.step[i] * p->size;
        p->count[i] = ref.count[i];
    }
    s->index_step = ref.index_step * p->size;
}

static void get_side(ts_operand_set *set, const ts_ap *ap, const ts_rows *dst, side *s) {
    const ts_program *program = set->exec->program;
    if (dst)
        ts_rows_source(set, ap, dst, true, &s->rows);
    else if (ts_inst_keeps_some(set->exec->program->code.data[set->exec->at]))
        ts_rows_get(set, ap, &s->rows);
    else
        ts_rows_whole(set, ap, &s->rows);
    if (set->is_empty) return;
    s->offset = s->rows.offset;
    if (ap->space == ts_space_hbm) s->tensor = &program->tensors.data[ap->tensor];
    s->is_indexed = ap->space == ts_space_hbm && ap->index != TS_NO_INDEX;
    if (!s->is_indexed) {
        on_chip_pattern(s);
        return;
    }
    indexed_pattern(set->exec, ap, s);
    const ts_ap *index = &program->indices.data[ap->index - 1];
    if (dst)
        ts_rows_source(set, index, dst, false, &s->index);
    else
        ts_rows_get(set, index, &s->index);
}

/* ---- indices ---- */

static int32_t index_value(const side *s, int64_t row) {
    uint32_t bits;
    const uint32_t *at = ts_rows_read_bits(&s->index, row, 0, 1, &bits);
    return (int32_t)*at;
}

/* The byte offset that index `row` adds; false when it is beyond any tensor. */
static bool index_offset(const side *s, int64_t row, int64_t *offset) {
    return !__builtin_mul_overflow((int64_t)index_value(s, row), s->index_step, offset) &&
           *offset > -(INT64_C(1) << 60) && *offset < INT64_C(1) << 60;
}

/* Whether the bytes [low, high) around one element of row `row` lie in the tensor. */
static bool is_inside(const side *s, int64_t row, int64_t low, int64_t high) {
    int64_t offset;
    if (!index_offset(s, row, &offset)) return false;
    offset += s->offset + row * s->pattern.step[0];
    return offset + low >= 0 && (uint64_t)(offset + high) <= s->tensor->bytes && offset + high > 0;
}

static ts_status check_indices(const ts_exec *exec, const side *s) {
    int64_t low, high;
    ts_pattern_range(&s->pattern, 1, &low, &high);
    for (int64_t row = 0; row < s->pattern.count[0]; row++) {
        if (is_inside(s, row, low, high)) continue;
        int64_t size = s->pattern.size, offset = 0, elems = (int64_t)s->tensor->bytes / size;
        (void)index_offset(s, row, &offset);
        offset += s->offset + row * s->pattern.step[0];
        ts_fail(exec->diag, ts_undefined,
                "index %" PRId32 " (element %" PRId64 " of the index operand) reaches elements %" PRId64
                " to %" PRId64 " of tensor '%s', which has %" PRId64,
                index_value(s, row), row, (offset + low) / size, (offset + high) / size - 1, s->tensor->name,
                elems);
        ts_diag_remedy(exec->diag, "keep indices in range, or use oob=skip to leave such elements out");
        return ts_undefined;
    }
    return ts_ok;
}

/* ---- moving ---- */

/* The address of row `row` of d->rows on one side. Sets *is_out if some of the row's bytes lie outside the
   tensor. */
static uint8_t *row_address(const dma *d, const side *s, const int64_t *steps, int64_t row, bool *is_out) {
    uint8_t *at = s->pattern.base;
    if (s->is_indexed) {
        int64_t own = row / (d->rows / s->pattern.count[0]), low, high, offset;
        ts_pattern_range(&s->pattern, 1, &low, &high);
        if (!is_inside(s, own, low, high)) {
            *is_out = true;
            return at;
        }
        (void)index_offset(s, own, &offset);
        at += offset;
    }
    for (int i = d->outer; i-- > 0;) {
        at += row % d->pair.count[i] * steps[i];
        row /= d->pair.count[i];
    }
    return at;
}

/* The address of an element, by its number; NULL: outside the tensor. For rows that reach beyond a tensor,
   and patterns without a common cut, which move one element at a time. */
static uint8_t *element_address(const side *s, int64_t element) {
    uint8_t *at = s->pattern.base;
    int64_t rest = element, index = 0, offset = 0;
    for (int i = s->pattern.dims; i-- > 0;) {
        index = rest % s->pattern.count[i];
        rest /= s->pattern.count[i];
        at += index * s->pattern.step[i];
        if (i > 0) offset += index * s->pattern.step[i];
    }
    if (!s->is_indexed) return at;
    if (!is_inside(s, index, offset, offset + s->pattern.size)) return NULL;
    (void)index_offset(s, index, &offset);
    return at + offset;
}

static void move_elements(const dma *d, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
        uint8_t *dst = element_address(&d->dst, i), *src = element_address(&d->src, i);
        if (dst && src) ts_pair_move_one(&d->pair, dst, src);
    }
}

static void move_rows(void *context, int64_t first, int64_t last) {
    const dma *d = context;
    ts_pair pair = d->row;
    for (int64_t row = first; row < last; row++) {
        bool is_out = false;
        pair.dst = row_address(d, &d->dst, d->pair.dst_step, row, &is_out);
        pair.src = row_address(d, &d->src, d->pair.src_step, row, &is_out);
        int64_t elems = ts_pattern_elems(&d->dst.pattern) / d->rows;
        if (is_out)
            move_elements(d, row * elems, (row + 1) * elems);
        else
            ts_pair_move(&pair, 0, pair.dims ? pair.count[0] : 1);
    }
}

static void move_range(void *context, int64_t first, int64_t last) {
    const dma *d = context;
    ts_pair_move(&d->pair, first, last);
}

/* Finds how many dimensions of the cut make up the outermost one of every indexed side. */
static void find_rows(dma *d) {
    int64_t rows = d->dst.is_indexed ? d->dst.pattern.count[0] : 1;
    if (d->src.is_indexed && d->src.pattern.count[0] > rows) rows = d->src.pattern.count[0];
    d->rows = 1;
    for (d->outer = 0; d->rows < rows; d->outer++)
        d->rows *= d->pair.count[d->outer];
    d->row = ts_pair_inner(&d->pair, d->outer);
}

/* ---- transfers that wait ---- */

/* A transfer with a side on chip, whose partitions can be moved independently. */
typedef struct strip {
    ts_pair pair;
    int dim; /* that walks the partitions; -1: there is only one */
} strip;

static void move_strip(void *context, int64_t first, int64_t last) {
    const strip *s = context;
    ts_pair pair = s->pair;
    if (s->dim >= 0) {
        pair.dst += first * pair.dst_step[s->dim];
        pair.src += first * pair.src_step[s->dim];
        pair.count[s->dim] = last - first;
    }
    ts_pair_move(&pair, 0, pair.dims ? pair.count[0] : 1);
}

/* Finds the dimension that walks the partitions of every side on chip. */
static bool find_partitions(const dma *d, strip *s) {
    bool is_dst = d->dst.rows.space != ts_space_hbm, is_src = d->src.rows.space != ts_space_hbm;
    const ts_rows *rows = is_dst ? &d->dst.rows : &d->src.rows;
    if (!is_dst && !is_src) return false;
    s->pair = d->pair;
    s->dim = -1;
    if (rows->parts == 1) return true;
    for (int i = 0; i < s->pair.dims; i++)
        if (s->pair.count[i] == rows->parts && (!is_dst || s->pair.dst_step[i] == d->dst.rows.pitch) &&
            (!is_src || s->pair.src_step[i] == d->src.rows.pitch))
            s->dim = i;
    return s->dim >= 0;
}

static ts_window window_of(const dma *d, const strip *s, const ts_operand_set *set) {
    bool is_written = d->dst.tensor != NULL;
    const int64_t *steps = is_written ? s->pair.dst_step : s->pair.src_step;
    int64_t at = (int64_t)(intptr_t)(is_written ? s->pair.dst : s->pair.src);
    ts_window w = {.low = at,
                   .high = at + (is_written ? s->pair.dst_size : s->pair.src_size),
                   .step = s->dim < 0 ? 0 : steps[s->dim],
                   .part = set->part,
                   .parts = set->parts,
                   .is_written = is_written};
    for (int i = 0; i < s->pair.dims; i++)
        if (i != s->dim) *(steps[i] < 0 ? &w.low : &w.high) += steps[i] * (s->pair.count[i] - 1);
    w.low -= w.step * w.part;
    w.high -= w.step * w.part;
    return w;
}

/* Whether the transfer stores a part of a large result in the place of an argument. An instruction that wrote
   it there would wait for lines which have left the caches since it read the argument. */
static bool is_update(const dma *d) {
    return d->pair.is_streaming && d->dst.tensor->kind == ts_tensor_output && d->dst.tensor->alias >= 0;
}

/* Lets the transfer wait in the segment, or does without it; false when it cannot wait. */
static bool wait_for_neighbours(const dma *d, ts_operand_set *set, double ns) {
    strip s;
    if (set->is_crossing || !find_partitions(d, &s)) return false;
    ts_window window;
    bool is_hbm = d->dst.tensor || d->src.tensor;
    if (is_hbm) window = window_of(d, &s, set);
    if (d->dst.tensor && !is_update(d) && ts_write_through(set, &s.pair, s.dim, &d->src.rows, &window))
        return true;
    ts_work work = {move_strip, set->parts, 1, ns / set->parts, &s, sizeof s};
    if (d->src.tensor && ts_defer_load(set, &s.pair, s.dim, &d->dst.rows, &work, &window)) return true;
    if (ts_work_transfer(set, &work, is_hbm ? &window : NULL) && d->src.tensor)
        ts_note_load(set, &s.pair, s.dim, &d->dst.rows, &window);
    return true;
}

static ts_status check_cast(const ts_exec *exec, const dma *d) {
    const ts_dtype_info *dst = ts_dtype_get(d->dst.pattern.dtype), *src = ts_dtype_get(d->src.pattern.dtype);
    bool is_cast = d->pair.is_added || dst != src;
    if (!is_cast || ((dst->native || dst->kind == 'b') && (src->native || src->kind == 'b'))) return ts_ok;
    return ts_fail(exec->diag, ts_unsupported, "a DMA cannot cast %s to %s: no datapath", src->name,
                   dst->name);
}

ts_status ts_exec_dma_copy(ts_exec *exec, const ts_inst *head) {
    const ts_inst_dma_copy *inst = (const ts_inst_dma_copy *)head;
    if (inst->is_exchange) return ts_exchange(exec, inst);
    ts_operand_set set = {.exec = exec};
    dma d = {.is_skipping = inst->oob == ts_oob_skip};
    get_side(&set, &inst->dst, NULL, &d.dst);
    if (!set.is_empty) get_side(&set, &inst->src, &d.dst.rows, &d.src);
    if (!ts_operands_known(&set)) return ts_ok;
    bool is_indexed = d.dst.is_indexed || d.src.is_indexed;
    if (is_indexed) ts_segment_run(exec); /* a waiting instruction may write the indices */
    for (int i = 0; i < 2 && !d.is_skipping; i++) {
        const side *s = i == 0 ? &d.dst : &d.src;
        if (s->is_indexed) TS_TRY(check_indices(exec, s));
    }
    bool is_cut = ts_pair_make(&d.dst.pattern, &d.src.pattern, &d.pair);
    d.pair.isa = exec->host.isa;
    d.pair.is_added = inst->rmw == ts_rmw_add;
    d.pair.is_streaming =
        d.dst.tensor && d.dst.tensor->bytes >= STREAMING_BYTES && d.dst.tensor != d.src.tensor;
    d.pair.is_far = d.src.tensor && d.src.tensor->bytes >= FAR_BYTES;
    d.pair.is_dst_far = d.dst.tensor && d.dst.tensor->bytes >= FAR_BYTES;
    d.pair.casts = exec->casts;
    d.pair.is_stochastic = d.dst.rows.is_stochastic;
    memcpy(d.pair.key, d.dst.rows.key, sizeof d.pair.key);
    TS_TRY(check_cast(exec, &d));
    if (!is_cut) {
        ts_segment_run(exec);
        move_elements(&d, 0, ts_pattern_elems(&d.dst.pattern));
        return ts_ok;
    }
    /* Only transfers whose elements do not overlap may be shared among threads and reordered. */
    bool is_free = !d.pair.is_added && !d.dst.is_indexed && ts_pattern_is_disjoint(&d.dst.pattern) &&
                   !(d.dst.tensor && d.dst.tensor == d.src.tensor);
    double ns = 0.1 * (double)ts_pattern_elems(&d.dst.pattern) * d.dst.pattern.size;
    if (is_indexed) {
        find_rows(&d);
        if (is_free) ts_pair_arrange(&d.row);
        if (is_free)
            ts_split(exec, d.rows, ns / (double)d.rows, move_rows, &d);
        else
            move_rows(&d, 0, d.rows);
        return ts_ok;
    }
    if (is_free) ts_pair_arrange(&d.pair);
    if (is_free && wait_for_neighbours(&d, &set, ns)) return ts_ok;
    ts_segment_run(exec);
    int64_t count = d.pair.dims ? d.pair.count[0] : 1;
    if (is_free)
        ts_split(exec, count, ns / (double)count, move_range, &d);
    else
        ts_pair_move(&d.pair, 0, count);
    return ts_ok;
}
