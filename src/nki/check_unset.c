/* Follows elements that were never written from tile to tile. A kernel may compute on elements that a mask
   left out as long as it does not store them: elementwise instructions pass the mark on, and a warning is
   given where such elements are stored in a result or summed with written ones. Where the outcome depends on
   data, the result counts as written. Tiles at addresses chosen by the kernel that overwrite each other are
   checked by check_reads.c. */
#include <string.h>

#include "arch/dtype.h"
#include "base/bitset.h"
#include "nki/operands.h"
#include "nki/recorder.h"

enum { MOST_WARNINGS = 16, MOST_READS = 6, MOST_COLUMNS = 512, WORD = 64 };

/* Which bytes of a tile were written: one bit each, in rows of whole words, one row for each partition. Most
   instructions write all partitions alike; then the first row stands for all. */
typedef struct cover {
    bool is_whole;  /* all bytes were; there are no bits */
    bool is_even;   /* the first row stands for all */
    uint64_t *bits; /* NULL: no byte was */
} cover;

typedef struct spare {
    int64_t words;
    uint64_t *bits;
} spare;

typedef TS_VEC(uint8_t) flags; /* for each element of an operand: 1 = never written */

typedef struct check {
    ts_recorder *r;
    ts_arena scratch;
    cover *tiles;
    TS_VEC(spare) spares; /* bits of tiles that have become whole, for reuse */
    flags made, read;     /* of the dst, and of a source */
} check;

/* An instruction's operands in SBUF and PSUM. */
typedef struct operands {
    ts_ap *read[MOST_READS], *dst, *reduce;
    int reads;
} operands;

static const ts_buffer_info *buffer_of(const check *c, const ts_ap *ap) {
    return &c->r->buffers.data[c->r->uses.data[ap->tensor - 1].buffer - 1];
}

static int64_t row_words(const check *c, const ts_ap *ap) {
    return (buffer_of(c, ap)->bytes + WORD - 1) / WORD;
}

static int64_t width_of(const ts_ap *ap) {
    return ts_dtype_get(ap->dtype)->bytes;
}

static int64_t row_elems(const ts_ap *ap) {
    return ts_operand_elems(ap) / ap->parts.max;
}

/* ---- the bytes of an operand ---- */

/* Iterator over an operand's contiguous runs in a row; start with {0}. `index` counts all dimensions except a
   contiguous last one. */
typedef struct runs {
    int64_t index[TS_AP_DIMS], byte, bytes;
    bool is_begun;
} runs;

static bool next_run(const ts_ap *ap, runs *run) {
    int64_t width = width_of(ap);
    bool is_joined = ap->dims > 0 && ap->dim[ap->dims - 1].step == 1;
    int outer = ap->dims - is_joined;
    if (!run->is_begun) {
        run->is_begun = true;
        run->bytes = width * (is_joined ? ap->dim[outer].count.max : 1);
    } else {
        int at = outer - 1;
        for (; at >= 0 && ++run->index[at] == ap->dim[at].count.max; at--)
            run->index[at] = 0;
        if (at < 0) return false;
    }
    run->byte = ap->offset.base;
    for (int i = 0; i < outer; i++)
        run->byte += run->index[i] * ap->dim[i].step * width;
    return true;
}

/* An operand's rows of bits, [first, last); a single one when it stands for all. */
typedef struct extent {
    int64_t first, last;
} extent;

static extent rows_of(const check *c, const ts_ap *ap) {
    const int64_t first = ap->part.base - buffer_of(c, ap)->part;
    return c->tiles[ap->tensor - 1].is_even ? (extent){0, 1} : (extent){first, first + ap->parts.max};
}

static bool is_written(const check *c, const ts_ap *ap) {
    const cover *tile = &c->tiles[ap->tensor - 1];
    if (tile->is_whole) return true;
    if (!tile->bits) return false;
    int64_t words = row_words(c, ap);
    const extent of = rows_of(c, ap);
    for (runs run = {0}; next_run(ap, &run);)
        for (int64_t p = of.first; p < of.last; p++)
            if (ts_bitset_first_clear(tile->bits + p * words, run.byte, run.byte + run.bytes) <
                run.byte + run.bytes)
                return false;
    return true;
}

/* The tile's bits, allocated if it has none; new bits are one row that stands for all. */
static uint64_t *bits_of(check *c, const ts_ap *ap) {
    cover *tile = &c->tiles[ap->tensor - 1];
    const int64_t row = row_words(c, ap), words = row * (int64_t)buffer_of(c, ap)->parts;
    if (tile->bits) return tile->bits;
    for (uint32_t i = 0; !tile->bits && i < c->spares.count; i++) {
        if (c->spares.data[i].words != words) continue;
        tile->bits = c->spares.data[i].bits;
        c->spares.data[i] = c->spares.data[--c->spares.count];
    }
    if (!tile->bits) tile->bits = TS_NEW_ARRAY(&c->scratch, uint64_t, (size_t)words);
    memset(tile->bits, tile->is_whole ? 0xff : 0, (size_t)row * sizeof *tile->bits);
    tile->is_whole = false;
    tile->is_even = true;
    return tile->bits;
}

/* The tile's bits with a row for each partition. */
static uint64_t *open_bits(check *c, const ts_ap *ap) {
    uint64_t *bits = bits_of(c, ap);
    cover *tile = &c->tiles[ap->tensor - 1];
    const int64_t words = row_words(c, ap);
    for (int64_t p = 1; tile->is_even && p < buffer_of(c, ap)->parts; p++)
        memcpy(bits + p * words, bits, (size_t)words * sizeof *bits);
    tile->is_even = false;
    return bits;
}

static void close_whole(check *c, const ts_ap *ap) {
    cover *tile = &c->tiles[ap->tensor - 1];
    const ts_buffer_info *info = buffer_of(c, ap);
    int64_t words = row_words(c, ap);
    for (int64_t p = 0; p < (tile->is_even ? 1 : info->parts); p++)
        if (ts_bitset_first_clear(tile->bits + p * words, 0, info->bytes) < info->bytes) return;
    ts_vec_push(&c->spares, &c->scratch, ((spare){.words = words * info->parts, .bits = tile->bits}));
    *tile = (cover){.is_whole = true};
}

static void note_written(check *c, const ts_ap *ap) {
    cover *tile = &c->tiles[ap->tensor - 1];
    const ts_buffer_info *info = buffer_of(c, ap);
    if (tile->is_whole) return;
    bool is_plain = ap->dims == 1 && ap->dim[0].step == 1;
    if (is_plain && !tile->bits && ts_operand_elems(ap) * width_of(ap) == info->parts * info->bytes) {
        tile->is_whole = true;
        return;
    }
    uint64_t *bits = ap->parts.max == info->parts ? bits_of(c, ap) : open_bits(c, ap);
    int64_t words = row_words(c, ap);
    const extent of = rows_of(c, ap);
    for (runs run = {0}; next_run(ap, &run);)
        for (int64_t p = of.first; p < of.last; p++)
            ts_bitset_fill(bits + p * words, run.byte, run.byte + run.bytes, true);
    close_whole(c, ap);
}

/* ---- flags by element ---- */

static uint8_t *clear(check *c, flags *of, int64_t count) {
    while (of->count < count)
        ts_vec_push(of, &c->scratch, 0);
    memset(of->data, 0, (size_t)count);
    return of->data;
}

static const uint8_t *unset_of(check *c, const ts_ap *ap) {
    const cover *tile = &c->tiles[ap->tensor - 1];
    int64_t in_row = row_elems(ap), width = width_of(ap), words = row_words(c, ap), at = 0;
    uint8_t *unset = clear(c, &c->read, ts_operand_elems(ap));
    if (tile->is_whole) return unset;
    const extent of = rows_of(c, ap);
    for (runs run = {0}; next_run(ap, &run);)
        for (int64_t byte = run.byte; byte < run.byte + run.bytes; byte += width, at++)
            for (int64_t p = 0; p < ap->parts.max; p++) {
                const int64_t number = tile->is_even ? 0 : of.first + p;
                const uint64_t *row = tile->bits ? tile->bits + number * words : NULL;
                unset[p * in_row + at] = !row || !(row[byte / WORD] >> byte % WORD & 1);
            }
    return unset;
}

/* Marks the elements of the dst as written, except those flagged in `made`. */
static void write_made(check *c, const ts_ap *ap) {
    const uint8_t *made = c->made.data;
    int64_t in_row = row_elems(ap), width = width_of(ap), words = row_words(c, ap), at = 0;
    uint64_t *bits = open_bits(c, ap);
    const extent of = rows_of(c, ap);
    for (runs run = {0}; next_run(ap, &run);)
        for (int64_t byte = run.byte; byte < run.byte + run.bytes; byte += width, at++)
            for (int64_t p = 0; p < ap->parts.max; p++)
                ts_bitset_fill(bits + (of.first + p) * words, byte, byte + width, !made[p * in_row + at]);
    close_whole(c, ap);
}

/* ---- warnings ---- */

/* Each source line gets one warning. */
static bool is_told(const check *c, const ts_diag *diag) {
    for (uint32_t i = 0; i < c->r->warnings.count; i++)
        if (strcmp(c->r->warnings.data[i].diag.where, diag->where) == 0) return true;
    return false;
}

static void warn(check *c, const ts_inst *inst, const ts_ap *ap, int64_t element, const char *doing) {
    ts_recorder *r = c->r;
    ts_buffer buffer = r->uses.data[ap->tensor - 1].buffer;
    const ts_buffer_info *info = &r->buffers.data[buffer - 1];
    if (r->warnings.count >= MOST_WARNINGS) return;
    int64_t in_row = row_elems(ap), left = element % in_row, byte = ap->offset.base;
    for (int i = ap->dims - 1; i >= 0; i--) {
        byte += left % ap->dim[i].count.max * ap->dim[i].step * width_of(ap);
        left /= ap->dim[i].count.max;
    }
    ts_record_warning made = {.buffer = buffer};
    ts_fail(
        &made.diag, ts_input,
        "%s %s what nothing has written: byte %lld of partition %lld of tile %s (line %u), the first of them",
        ts_op_get(inst->op)->name, doing, (long long)byte, (long long)(ap->part.base + element / in_row),
        info->name[0] ? info->name : "without a name", ts_record_line(r, info->loc));
    ts_diag_op(&made.diag, ts_op_get(inst->op)->name);
    ts_diag_rule(&made.diag, "read_before_written");
    ts_diag_remedy(&made.diag, "fill the tile first, or leave those elements out by an index or a mask");
    ts_record_where(r, inst->loc, &made.diag);
    if (!is_told(c, &made.diag)) ts_vec_push(&r->warnings, &r->program->arena, made);
}

/* ---- instructions ---- */

/* Whether each element of the result depends only on the elements at its position. */
static bool is_elementwise(const ts_inst *inst) {
    switch (inst->op) {
    case ts_op_tensor_copy:
    case ts_op_tensor_tensor:
    case ts_op_tensor_scalar:
    case ts_op_scalar_tensor_tensor:
    case ts_op_reciprocal:
    case ts_op_activation:
    case ts_op_dropout:
    case ts_op_gpsimd_fold_angle: return true;
    case ts_op_dma_copy: return !ts_inst_keeps_some(inst) && !((const ts_inst_dma_copy *)inst)->is_exchange;
    default: return false;
    }
}

/* Whether each result depends on a run of elements of its row. */
static bool is_by_rows(const ts_inst *inst) {
    return inst->op == ts_op_tensor_reduce || inst->op == ts_op_bn_stats || inst->op == ts_op_bn_aggr ||
           inst->op == ts_op_max8;
}

static bool is_scan(const ts_inst *inst) {
    return inst->op == ts_op_tensor_tensor_scan || inst->op == ts_op_tensor_scalar_cumulative;
}

/* Flags results whose source element at the same position is flagged, or the single element of its row.
   Operands of other shapes are ignored. */
static void hand_on(check *c, const ts_ap *dst, const ts_ap *src) {
    int64_t count = ts_operand_elems(dst), in_row = row_elems(dst), others = ts_operand_elems(src);
    bool is_one = others != count && others == dst->parts.max;
    if (others != count && !is_one) return;
    const uint8_t *unset = unset_of(c, src);
    for (int64_t i = 0; i < count; i++)
        c->made.data[i] |= unset[is_one ? i / in_row : i];
}

static void run_on(check *c, const ts_ap *dst) {
    int64_t in_row = row_elems(dst), count = ts_operand_elems(dst);
    for (int64_t i = 0; i < count; i++)
        if (i % in_row) c->made.data[i] |= c->made.data[i - 1];
}

/* Reductions of groups of `length` consecutive elements to `results` equal results each. Warns, and returns
   false, when a group was written in part. */
static bool gather(check *c, const ts_inst *inst, const ts_ap *src, int64_t length, int64_t results) {
    const uint8_t *unset = unset_of(c, src);
    int64_t groups = ts_operand_elems(src) / length;
    for (int64_t g = 0; g < groups; g++) {
        int64_t missing = 0, first = -1;
        for (int64_t i = 0; i < length; i++) {
            missing += unset[g * length + i];
            if (first < 0 && unset[g * length + i]) first = g * length + i;
        }
        if (missing && missing < length) {
            warn(c, inst, src, first, "reduces");
            return false;
        }
        for (int64_t i = 0; results && i < results; i++)
            c->made.data[g * results + i] |= missing > 0;
    }
    return true;
}

static bool by_rows(check *c, const ts_inst *inst, const operands *o) {
    const ts_ap *src = o->read[0];
    int64_t in_row = row_elems(src), results = row_elems(o->dst), groups = 1;
    if (inst->op == ts_op_tensor_reduce && in_row % results == 0) {
        groups = results;
        results = 1;
    }
    return src->parts.max != o->dst->parts.max || gather(c, inst, src, in_row / groups, results);
}

/* Flags the columns of a source that is summed over its partitions. Warns, and returns false, when a column
   was written in part. */
static bool sum_columns(check *c, const ts_inst *inst, const ts_ap *src, uint8_t *column) {
    const uint8_t *unset = unset_of(c, src);
    int64_t columns = row_elems(src);
    for (int64_t i = 0; i < columns; i++) {
        int64_t missing = 0, first = -1;
        for (int64_t p = src->parts.max - 1; p >= 0; p--)
            if (unset[p * columns + i]) {
                missing++;
                first = p * columns + i;
            }
        column[i] = missing > 0;
        if (missing == 0 || missing == src->parts.max) continue;
        warn(c, inst, src, first, "adds up");
        return false;
    }
    return true;
}

static bool multiply(check *c, const ts_inst *inst, const operands *o) {
    const ts_inst_nc_matmul *product = (const ts_inst_nc_matmul *)inst;
    int64_t rows = row_elems(&product->stationary), columns = row_elems(&product->moving);
    if (product->is_double_row || rows * columns != ts_operand_elems(o->dst)) return true;
    uint8_t left[MOST_COLUMNS], right[MOST_COLUMNS];
    if (rows > MOST_COLUMNS || columns > MOST_COLUMNS) return true;
    if (!sum_columns(c, inst, &product->stationary, left) || !sum_columns(c, inst, &product->moving, right))
        return false;
    for (int64_t i = 0; i < rows * columns; i++)
        c->made.data[i] = left[i / columns] | right[i % columns];
    return true;
}

/* NeuronCore-v2's TensorE transposes by multiplication, in which a NaN spreads over its column. */
static bool turn(check *c, const ts_inst *inst, const operands *o) {
    const ts_ap *src = o->read[0];
    int64_t columns = row_elems(src), rows = src->parts.max;
    if (row_elems(o->dst) != rows || o->dst->parts.max != columns) return true;
    if (inst->engine == ts_engine_tensor && c->r->chip.generation < 3) {
        uint8_t column[MOST_COLUMNS];
        if (columns > MOST_COLUMNS || !sum_columns(c, inst, src, column)) return false;
        for (int64_t i = 0; i < rows * columns; i++)
            c->made.data[i] = column[i / rows];
        return true;
    }
    const uint8_t *unset = unset_of(c, src);
    for (int64_t i = 0; i < rows * columns; i++)
        c->made.data[i % columns * rows + i / columns] = unset[i];
    return true;
}

/* Fills `made` for the dst. False after a warning; the result then counts as written. */
static bool make(check *c, const ts_inst *inst, const operands *o) {
    bool is_pure = true;
    if (is_elementwise(inst) || is_scan(inst))
        for (int i = 0; i < o->reads; i++)
            hand_on(c, o->dst, o->read[i]);
    if (is_scan(inst)) run_on(c, o->dst);
    if (is_by_rows(inst)) is_pure = by_rows(c, inst, o);
    if (inst->op == ts_op_nc_matmul) is_pure = multiply(c, inst, o);
    if (inst->op == ts_op_nc_transpose) is_pure = turn(c, inst, o);
    return is_pure;
}

static void reduce_beside(check *c, const ts_inst *inst, const operands *o) {
    clear(c, &c->made, ts_operand_elems(o->reduce));
    if (o->read[0]->parts.max == o->reduce->parts.max &&
        gather(c, inst, o->read[0], row_elems(o->read[0]), row_elems(o->reduce)))
        write_made(c, o->reduce);
    else
        note_written(c, o->reduce);
}

/* Warns when never-written elements are stored in a result. */
static void see_store(check *c, const ts_inst *inst, const operands *o) {
    const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)inst;
    if (inst->op != ts_op_dma_copy || dma->dst.space != ts_space_hbm ||
        c->r->program->tensors.data[dma->dst.tensor].kind != ts_tensor_output)
        return;
    const uint8_t *unset = unset_of(c, o->read[0]);
    warn(c, inst, o->read[0], (const uint8_t *)memchr(unset, 1, (size_t)ts_operand_elems(o->read[0])) - unset,
         "stores");
}

static void see(check *c, ts_inst *inst) {
    const ts_op_info *info = ts_op_get(inst->op);
    operands o = {0};
    bool is_all = true;
    for (int i = 0; i < info->field_count; i++) {
        bool is_write;
        ts_ap *ap = ts_inst_ap(inst, &info->fields[i], &is_write);
        if (!ap || !ts_operand_is_tile(ap)) continue;
        if (!is_write && o.reads < MOST_READS) {
            o.read[o.reads++] = ap;
            is_all &= is_written(c, ap);
        } else if (is_write) {
            *(info->fields[i].kind == ts_kind_dst ? &o.dst : &o.reduce) = ap;
        }
    }
    if (!is_all) see_store(c, inst, &o);
    if (o.dst && !is_all) {
        clear(c, &c->made, ts_operand_elems(o.dst));
        if (make(c, inst, &o))
            write_made(c, o.dst);
        else
            note_written(c, o.dst);
    } else if (o.dst) {
        note_written(c, o.dst);
    }
    if (o.reduce && !is_all && inst->op == ts_op_activation)
        reduce_beside(c, inst, &o);
    else if (o.reduce)
        note_written(c, o.reduce);
}

void ts_record_check_unset(ts_recorder *r) {
    check c = {.r = r};
    c.tiles = TS_NEW_ARRAY(&c.scratch, cover, r->uses.count + 1);
    for (uint32_t at = 0; at < r->program->code.count; at++)
        see(&c, r->program->code.data[at]);
    ts_arena_free(&c.scratch);
}
