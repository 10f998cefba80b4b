/* Resolves the operands of an instruction to rows: where they lie in this trip, what must happen before they
   are read or written, and what the instruction touches as a whole. */
#include "base/copy.h"
#include "machine/deferred.h"
#include "machine/packed.h"

static void join_dims(const ts_ref *ref, ts_rows *rows) {
    rows->dims = 0;
    rows->low = 0;
    rows->high = rows->size;
    for (int i = 0; i < ref->dims; i++) {
        int64_t step = ref->step[i] * rows->size, count = ref->count[i];
        if (count == 1) continue;
        *(step < 0 ? &rows->low : &rows->high) += step * (count - 1);
        int last = rows->dims - 1;
        if (last >= 0 && rows->step[last] == step * count) {
            rows->step[last] = step;
            rows->count[last] *= count;
            continue;
        }
        rows->step[rows->dims] = step;
        rows->count[rows->dims++] = count;
    }
    if (rows->dims > 0) return;
    rows->step[0] = rows->size;
    rows->count[0] = 1;
    rows->dims = 1;
}

/* Counts an operand of the instruction. */
static void note_operand(ts_operand_set *set, const ts_rows *rows) {
    set->operands++;
    set->bytes += rows->parts * rows->elems * rows->size;
}

/* Notes the partitions of an operand on chip, and whether they differ from those of the others. */
static void note_partitions(ts_operand_set *set, const ts_rows *rows) {
    if (rows->space == ts_space_hbm) return;
    if (set->parts == 0) {
        set->part = rows->part;
        set->parts = (int32_t)rows->parts;
    }
    set->is_crossing |= set->part != rows->part || set->parts != rows->parts;
}

ts_area ts_rows_area(const ts_rows *rows) {
    return (ts_area){.space = rows->space,
                     .part = rows->part,
                     .parts = (int32_t)rows->parts,
                     .low = rows->offset + rows->low,
                     .high = rows->offset + rows->high};
}

bool ts_rows_are_dense(const ts_rows *rows) {
    bool is_used[TS_AP_DIMS] = {0};
    int64_t step = rows->size;
    for (int n = 0; n < rows->dims; n++) {
        int next = 0;
        while (next < rows->dims && (is_used[next] || rows->step[next] != step))
            next++;
        if (next == rows->dims) return rows->elems == 1;
        is_used[next] = true;
        step *= rows->count[next];
    }
    return true;
}

static ts_memory *memory_of(const ts_exec *exec, unsigned space) {
    return space == ts_space_sbuf ? &exec->core->sbuf : &exec->core->psum;
}

/* An operand on chip is about to be read or written: makes the moves into it that are put off, and fills
   bytes that are not set with NaN. Neither is needed for a destination without gaps that the instruction
   overwrites. */
static void meet(ts_operand_set *set, const ts_rows *rows, bool is_written, bool is_whole) {
    if (set->is_empty || rows->space == ts_space_hbm) return;
    ts_memory *memory = memory_of(set->exec, rows->space);
    const ts_area area = ts_rows_area(rows);
    if (!is_written && area.space == ts_space_psum) set->psum_read[set->psum_reads++] = area;
    int64_t low = area.low, high = area.high;
    if (set->exec->core->deferrals->count > 0)
        ts_deferred_meet(set->exec, &area, is_written, is_whole && ts_rows_are_dense(rows));
    if (is_written) ts_packed_meet(set->exec->core, &area);
    if (!memory->is_poisoned) return;
    if (is_whole && ts_rows_are_adjacent(rows))
        ts_unset_write(memory, rows->part, rows->parts, low, high);
    else
        ts_unset_meet(memory, low, high);
}

void ts_rows_peek(ts_operand_set *set, const ts_ap *ap, ts_rows *rows) {
    const ts_exec *exec = set->exec;
    ts_ref ref;
    ts_ap_resolve(exec->program, ap, exec->counters, &ref);
    rows->space = ref.space;
    rows->dtype = ref.dtype;
    rows->size = (uint8_t)ts_dtype_get(ref.dtype)->bytes;
    rows->parts = ref.parts;
    rows->elems = ref.elems;
    rows->part = ref.part;
    rows->tile = ap->tensor;
    if (exec->homes && ref.space != ts_space_hbm)
        ref.offset = ts_homes_column(exec->homes, ap->tensor, ref.offset);
    rows->offset = ref.offset;
    rows->casts = exec->casts;
    rows->is_stochastic = exec->is_stochastic && ts_dtype_is_narrow_float(ref.dtype);
    if (rows->is_stochastic)
        ts_random_key(exec->key, (uint32_t)exec->instructions,
                      (uint32_t)(exec->instructions >> 32) << 4 | set->operands, rows->key);
    note_operand(set, rows);
    if (ref.elems <= 0 || ref.parts <= 0) {
        set->is_empty = true;
        return;
    }
    join_dims(&ref, rows);
    if (ref.space == ts_space_hbm) {
        rows->pitch = 0;
        rows->base = exec->data[ref.tensor] + ref.offset;
    } else {
        const ts_memory *memory = memory_of(exec, ref.space);
        rows->pitch = memory->pitch;
        rows->base = memory->data + ref.part * memory->pitch + ref.offset;
    }
    rows->is_plain = rows->dtype == ts_dtype_f32 && ts_rows_are_arrays(rows);
}

/* An operand in HBM is about to be written, with an index maybe anywhere in its tensor. */
static void meet_hbm(ts_operand_set *set, const ts_ap *ap, const ts_rows *rows) {
    ts_exec *exec = set->exec;
    if (set->is_empty || exec->core->deferrals->count == 0) return;
    if (ap->index == TS_NO_INDEX)
        ts_deferred_store(exec, rows->base + rows->low, rows->high - rows->low);
    else
        ts_deferred_store(exec, exec->data[ap->tensor],
                          (int64_t)exec->program->tensors.data[ap->tensor].bytes);
}

static void get(ts_operand_set *set, const ts_ap *ap, bool is_whole, ts_rows *rows) {
    ts_rows_peek(set, ap, rows);
    if (rows->space == ts_space_hbm) meet_hbm(set, ap, rows);
    meet(set, rows, true, is_whole);
    note_partitions(set, rows);
    if (set->is_empty || rows->space == ts_space_hbm) return;
    set->has_whole |= is_whole;
    set->written[set->writes++] = ts_rows_area(rows);
}

void ts_rows_get(ts_operand_set *set, const ts_ap *ap, ts_rows *rows) {
    get(set, ap, false, rows);
}

void ts_rows_whole(ts_operand_set *set, const ts_ap *ap, ts_rows *rows) {
    get(set, ap, true, rows);
}

/* Destinations that are not overwritten as a whole have been filled, so all of them are set now. */
void ts_rows_end_unset(const ts_operand_set *set) {
    for (int i = 0; i < set->writes; i++) {
        const ts_area *area = &set->written[i];
        ts_memory *memory = memory_of(set->exec, area->space);
        if (memory->is_poisoned) ts_unset_end(memory, area->low, area->high);
    }
}

void ts_rows_across(ts_operand_set *set, const ts_ap *ap, ts_rows *rows) {
    ts_rows_peek(set, ap, rows);
    ts_rows_meet_across(set, rows);
}

void ts_rows_meet_across(ts_operand_set *set, ts_rows *rows) {
    meet(set, rows, false, false);
    if (!set->is_empty) set->read_across[set->across++] = ts_rows_area(rows);
}

static bool is_same_pattern(const ts_rows *a, const ts_rows *b) {
    if (a->base != b->base || a->size != b->size || a->dims != b->dims || a->parts != b->parts) return false;
    for (int i = 0; i < a->dims; i++)
        if (a->step[i] != b->step[i] || a->count[i] != b->count[i]) return false;
    return true;
}

static bool shares_bytes(const ts_rows *a, const ts_rows *b) {
    return a->space == b->space && a->part < b->part + b->parts && b->part < a->part + a->parts &&
           a->offset + a->low < b->offset + b->high && b->offset + b->low < a->offset + a->high;
}

void ts_rows_source(ts_operand_set *set, const ts_ap *ap, const ts_rows *dst, bool is_pointwise,
                    ts_rows *rows) {
    ts_rows_peek(set, ap, rows);
    ts_rows_meet(set, dst, is_pointwise, rows);
}

void ts_rows_meet(ts_operand_set *set, const ts_rows *dst, bool is_pointwise, ts_rows *rows) {
    meet(set, rows, false, false);
    note_partitions(set, rows);
    ts_rows_protect(set, rows, dst, is_pointwise);
}

void ts_rows_meet_near(ts_operand_set *set, const ts_rows *dst, bool is_pointwise, ts_rows *rows) {
    if (set->exec->core->deferrals->count > 0 && ts_deferred_near(set, rows))
        note_partitions(set, rows);
    else
        ts_rows_meet(set, dst, is_pointwise, rows);
}

void ts_rows_source_near(ts_operand_set *set, const ts_ap *ap, const ts_rows *dst, bool is_pointwise,
                         ts_rows *rows) {
    ts_rows_peek(set, ap, rows);
    ts_rows_meet_near(set, dst, is_pointwise, rows);
}

void ts_rows_protect(ts_operand_set *set, ts_rows *rows, const ts_rows *dst, bool is_pointwise) {
    if (set->is_empty || rows->space == ts_space_hbm || !shares_bytes(rows, dst)) return;
    if (is_pointwise && is_same_pattern(rows, dst)) return;
    ts_segment_run(set->exec); /* a waiting instruction may write the source */
    const ts_memory *shadow = &set->exec->core->shadow[set->shadows++];
    for (int64_t part = 0; part < rows->parts; part++)
        ts_copy(shadow->data + part * shadow->pitch, ts_rows_at(rows, part) + rows->low,
                (size_t)(rows->high - rows->low));
    rows->base = shadow->data - rows->low;
    rows->pitch = shadow->pitch;
    rows->space = ts_space_none;
}
