/* Totals of a run: rows by source line, slices, busy times, and the assumptions that the result leans on. */
#include <stdlib.h>
#include <string.h>

#include "clock/clock_core.h"

/* Closes the first interval of a full set: later additions before its end do not count. */
static void close_first(ts_union *set) {
    set->sum += set->end[0] - set->start[0];
    set->closed = set->end[0];
    set->count--;
    memmove(set->start, set->start + 1, (size_t)set->count * sizeof set->start[0]);
    memmove(set->end, set->end + 1, (size_t)set->count * sizeof set->end[0]);
}

void ts_union_add(ts_union *set, ts_time start, ts_time end) {
    if (start < set->closed) start = set->closed;
    if (end <= start) return;
    int first = set->count;
    if (first > 0 && start >= set->start[first - 1] && start <= set->end[first - 1]) {
        if (end > set->end[first - 1]) set->end[first - 1] = end;
        return;
    }
    while (first > 0 && set->end[first - 1] >= start)
        first--;
    int last = first;
    while (last < set->count && set->start[last] <= end) {
        if (set->start[last] < start) start = set->start[last];
        if (set->end[last] > end) end = set->end[last];
        last++;
    }
    int moved = set->count - last;
    memmove(set->start + first + 1, set->start + last, (size_t)moved * sizeof set->start[0]);
    memmove(set->end + first + 1, set->end + last, (size_t)moved * sizeof set->end[0]);
    set->start[first] = start;
    set->end[first] = end;
    set->count = first + 1 + moved;
    if (set->count > TS_UNION_GAPS) close_first(set);
}

ts_time ts_union_length(const ts_union *set) {
    ts_time sum = set->sum;
    for (int i = 0; i < set->count; i++)
        sum += set->end[i] - set->start[i];
    return sum;
}

void ts_tally_slice(ts_clock *clock, const ts_event *event, ts_slice slice) {
    ts_record *record = clock->record;
    if (slice.end <= slice.start || clock->slice_cap == 0) return;
    if (clock->watch.is_on && !event->is_watched) return;
    if (record->slices.count == clock->slice_cap) {
        record->slices_truncated = true;
        return;
    }
    slice.start += record->launch;
    slice.end += record->launch;
    slice.inst = event->step->inst;
    slice.sequence = (uint32_t)event->sequence;
    ts_vec_push(&record->slices, &record->arena, slice);
}

/* Notes what the program uses, for the assumptions. */
static void note_use(ts_clock *clock, const ts_inst *inst, const ts_step *step) {
    if (step->is_control) {
        clock->used_control = true;
        return;
    }
    if (step->engine == ts_engine_gpsimd && !step->is_dma) clock->used_gpsimd = true;
    if (step->is_collective) clock->used_collective = true;
    if (inst->op == ts_op_host_call) clock->used_host = true;
    if (step->is_dma) clock->used_dma = true;
    if (step->is_indexed) clock->used_indexed = true;
    if (inst->op == ts_op_tensor_tensor && ((const ts_inst_tensor_tensor *)inst)->op == ts_alu_divide)
        clock->used_divide = true;
    if (inst->op == ts_op_tensor_scalar) {
        const ts_inst_tensor_scalar *scalar = (const ts_inst_tensor_scalar *)inst;
        if (scalar->op0 == ts_alu_divide || scalar->op1 == ts_alu_divide) clock->used_divide = true;
    }
}

/* A conversion from floats to integers leans on the assumed rounding. */
static void note_casts(ts_clock *clock, const ts_inst *inst) {
    const ts_op_info *info = ts_op_get(inst->op);
    bool has_float = false, has_integer = false;
    for (int i = 0; i < info->field_count; i++) {
        ts_field_kind kind = info->fields[i].kind;
        if (kind != ts_kind_dst && kind != ts_kind_src) continue;
        const ts_ap *ap = (const ts_ap *)(const void *)((const char *)inst + info->fields[i].offset);
        char type = ts_dtype_get(ap->dtype)->kind;
        if (kind == ts_kind_src && type == 'f') has_float = true;
        if (kind == ts_kind_dst && (type == 's' || type == 'u')) has_integer = true;
    }
    if (has_float && has_integer) clock->used_float_to_int = true;
}

void ts_tally_first(ts_clock *clock, const ts_inst *inst, ts_step *step) {
    if (clock->rows.data[step->row].is_noted) return;
    clock->rows.data[step->row].is_noted = true;
    note_use(clock, inst, step);
    note_casts(clock, inst);
}

void ts_tally_life(ts_clock *clock, const ts_step *step) {
    ts_life *life = &clock->record->lives.data[step->inst];
    life->count++;
    life->bytes += (uint64_t)step->amounts.bytes;
}

/* The engine is also busy while it loads a function table. */
void ts_tally_table(ts_clock *clock, const ts_event *event) {
    ts_time load = clock->table_load[clock->asked];
    clock->rows.data[event->step->row].loading += load;
    clock->record->busy[event->step->engine] += load;
}

static void add_flops(ts_record *record, const ts_step *step) {
    const ts_amounts *amounts = &step->amounts;
    uint64_t transposes = step->count * (uint64_t)amounts->transpose_flops;
    uint64_t products = step->count * (uint64_t)amounts->flops;
    uint64_t selections = step->count * (uint64_t)amounts->selection_flops;
    record->pe_flops += products;
    record->pe_selection_flops += selections;
    record->pe_transpose_flops += transposes;
    if (!step->is_fp32) return;
    record->pe_fp32_flops += products + selections + transposes;
    record->pe_fp32_transpose_flops += transposes;
}

/* Adds traffic of SBUF and PSUM. */
static void add_spaces(ts_record *record, const ts_step *step) {
    record->sbuf_read_bytes += step->count * step->space_bytes[0][0];
    record->sbuf_write_bytes += step->count * step->space_bytes[0][1];
    record->psum_read_bytes += step->count * step->space_bytes[1][0];
    record->psum_write_bytes += step->count * step->space_bytes[1][1];
    if (step->is_dma || step->space_bytes[1][0] == 0 || step->space_bytes[0][1] == 0) return;
    record->psum_to_sbuf_instructions += step->count;
    record->psum_to_sbuf_bytes += step->count * step->space_bytes[0][1];
}

/* Adds a transfer to the histogram by mean descriptor size, whose bins are powers of two bytes. */
static void add_sizes(ts_record *record, const ts_step *step, const ts_set_costs *costs) {
    const ts_amounts *amounts = &step->amounts;
    uint64_t count = step->count;
    ts_time descriptors = step->rows * costs->descriptor_time;
    int size = 0;
    while (size + 1 < TS_DMA_SIZES &&
           amounts->bytes >> (size + 1) >= (amounts->descriptors > 0 ? amounts->descriptors : 1))
        size++;
    record->sizes[size].descriptors += count * (uint64_t)amounts->descriptors;
    record->sizes[size].bytes += count * (uint64_t)amounts->bytes;
    record->sizes[size].time += (ts_time)count * (descriptors + step->rows * costs->byte_time);
    record->sizes[size].descriptor_time += (ts_time)count * descriptors;
}

static void add_collective(ts_record *record, ts_record_row *row, const ts_step *step,
                           const ts_set_costs *costs) {
    const ts_amounts *amounts = &step->amounts;
    uint64_t count = step->count;
    row->busy += (ts_time)count * (costs->start_time + costs->move_time);
    row->bytes += count * (uint64_t)amounts->bytes;
    row->elems += count * (uint64_t)amounts->elems;
    row->hbm_bytes += count * (uint64_t)(amounts->hbm_read_bytes + amounts->hbm_write_bytes);
    record->busy[step->engine] += (ts_time)count * costs->occupancy;
    record->hbm_read_bytes += count * (uint64_t)amounts->hbm_read_bytes;
    record->hbm_write_bytes += count * (uint64_t)amounts->hbm_write_bytes;
    record->collectives += count;
    record->collective_bytes += count * (uint64_t)amounts->bytes;
    record->link_bytes += count * (uint64_t)step->link_bytes;
}

/* Adds all executions of a step to the totals. */
static void add_step(ts_clock *clock, const ts_step *step) {
    ts_record *record = clock->record;
    ts_record_row *row = &record->rows.data[step->row];
    const ts_amounts *amounts = &step->amounts;
    const ts_set_costs *costs = &step->of[clock->asked];
    uint64_t count = step->count;
    row->count += count;
    record->instructions += count;
    add_spaces(record, step);
    if (step->is_control) return; /* it takes time of the sequencers, not of engines */
    if (step->is_collective) {
        add_collective(record, row, step, costs);
        return;
    }
    ts_time moving = step->is_dma ? step->rows * (costs->descriptor_time + costs->byte_time) : 0;
    row->busy += (ts_time)count * (step->is_dma ? moving : costs->occupancy);
    row->bytes += count * (uint64_t)amounts->bytes;
    row->elems += count * (uint64_t)amounts->elems;
    record->busy[step->engine] += (ts_time)count * costs->occupancy;
    if (!step->is_dma) {
        row->flops += count * (uint64_t)amounts->flops;
        add_flops(record, step);
        record->elems += count * (uint64_t)amounts->elems;
        return;
    }
    row->descriptors += count * (uint64_t)amounts->descriptors;
    row->hbm_bytes += count * (uint64_t)(amounts->hbm_read_bytes + amounts->hbm_write_bytes);
    add_sizes(record, step, costs);
    record->dma_transfers += count;
    record->dma_descriptors += count * (uint64_t)amounts->descriptors;
    record->hbm_read_bytes += count * (uint64_t)amounts->hbm_read_bytes;
    record->hbm_write_bytes += count * (uint64_t)amounts->hbm_write_bytes;
}

static int by_busy(const void *a, const void *b) {
    const ts_record_row *x = a, *y = b;
    if (x->busy != y->busy) return x->busy > y->busy ? -1 : 1;
    if (x->loc != y->loc) return x->loc < y->loc ? -1 : 1;
    if (x->op != y->op) return x->op < y->op ? -1 : 1;
    return x->engine < y->engine ? -1 : x->engine > y->engine;
}

static void add_row(ts_record_row *to, const ts_record_row *from) {
    to->count += from->count;
    to->busy += from->busy;
    to->bound += from->bound;
    for (int bound = 0; bound < ts_bound_count; bound++)
        to->bounds[bound] += from->bounds[bound];
    to->bytes += from->bytes;
    to->flops += from->flops;
    to->elems += from->elems;
    to->descriptors += from->descriptors;
    to->hbm_bytes += from->hbm_bytes;
}

/* Joins rows of the same (engine, op, source line) in different loops, and sorts all by busy time. */
static void join_rows(ts_clock *clock) {
    ts_record *record = clock->record;
    uint32_t slots = 64, kept = 0;
    while (slots < record->rows.count * 2)
        slots *= 2;
    uint32_t *table = TS_NEW_ARRAY(&clock->arena, uint32_t, slots); /* 1 + index of a row, 0 = free */
    for (uint32_t i = 0; i < record->rows.count; i++) {
        const ts_record_row *row = &record->rows.data[i];
        uint64_t key = (uint64_t)row->loc << 24 | (uint64_t)row->op << 8 | row->engine;
        uint32_t slot = (uint32_t)(key * 0x9E3779B97F4A7C15u >> 32) & (slots - 1);
        for (; table[slot]; slot = (slot + 1) & (slots - 1)) {
            const ts_record_row *known = &record->rows.data[table[slot] - 1];
            if (known->loc == row->loc && known->op == row->op && known->engine == row->engine) break;
        }
        if (table[slot]) {
            add_row(&record->rows.data[table[slot] - 1], row);
            continue;
        }
        table[slot] = kept + 1;
        record->rows.data[kept++] = *row;
    }
    record->rows.count = kept;
    if (kept) qsort(record->rows.data, kept, sizeof(ts_record_row), by_busy);
}

static int by_start(const void *a, const void *b) {
    const ts_slice *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    if (x->lane != y->lane) return x->lane < y->lane ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Adds a parameter to the record's assumptions, if its value is assumed. */
static void add_assumption(ts_clock *clock, const char *name) {
    int index = ts_param_find(name);
    const ts_param *param = ts_param_of(&clock->record->chip, index);
    /* A value that the user has edited is no assumption of the model. */
    if (!param || param->basis != ts_assumed) return;
    if (ts_param_value(&clock->record->chip, index) != param->value) return;
    ts_vec_push(&clock->record->assumptions, &clock->record->arena, index);
}

static void add_assumptions(ts_clock *clock) {
    static const char *const collectives[] = {"cc_bytes_per_ns", "cc_pair_bytes_per_ns",
                                              "cc_mesh_bytes_per_ns", "cc_start_us",
                                              "cc_dma_engines_are_own"};
    if (clock->used_divide) add_assumption(clock, "vector_divide_cycles");
    if (clock->used_gpsimd) {
        add_assumption(clock, "gpsimd_latency_cycles");
        add_assumption(clock, "gpsimd_dependent_cycles");
    }
    if (clock->used_indexed) {
        add_assumption(clock, "dma_software_dge_cycles");
        add_assumption(clock, "dma_software_dge_per_descriptor_cycles");
    }
    if (clock->used_control) add_assumption(clock, "register_load_cycles");
    if (clock->used_host) add_assumption(clock, "host_call_us");
    if (clock->used_dma && !clock->has_sibling && clock->program->ranks == 1)
        add_assumption(clock, "sibling_core_idle");
    if (clock->used_collective)
        for (size_t i = 0; i < sizeof collectives / sizeof collectives[0]; i++)
            add_assumption(clock, collectives[i]);
    if (clock->used_float_to_int) add_assumption(clock, "float_to_int_truncates");
}

void ts_tally_open_rows(ts_clock *clock) {
    ts_record *record = clock->record;
    ts_vec_reserve(&record->rows, &record->arena, clock->rows.count);
    for (uint32_t i = 0; i < clock->rows.count; i++) {
        const ts_clock_row *row = &clock->rows.data[i];
        ts_record_row total = {.engine = row->engine, .op = row->op, .loc = row->loc, .busy = row->loading};
        ts_vec_push(&record->rows, &record->arena, total);
    }
}

/* Completes the rows and adds them to their loops; drops empty rows. */
static void finish_rows(ts_clock *clock) {
    ts_record *record = clock->record;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < record->rows.count; i++) {
        ts_record_row row = record->rows.data[i];
        for (int bound = 0; bound < ts_bound_count; bound++)
            row.bound += row.bounds[bound];
        if (clock->rows.data[i].loop) {
            ts_record_loop *loop = &record->loops.data[clock->rows.data[i].loop - 1];
            loop->instructions += row.count;
            loop->bound += row.bound;
        }
        if (row.count == 0 && row.bound == 0) continue;
        if (ts_op_is_off_engine(row.op)) record->off_engine_elems += row.elems;
        record->rows.data[kept++] = row;
    }
    record->rows.count = kept;
    join_rows(clock);
}

void ts_tally_finish(ts_clock *clock) {
    ts_record *record = clock->record;
    for (uint32_t i = 0; i < clock->steps.count; i++)
        add_step(clock, clock->steps.data[i]);
    record->dma_busy = ts_union_length(&clock->dma_union);
    record->bound[ts_bound_launch] += record->launch;
    record->rows.data[0].bounds[ts_bound_launch] += record->launch;
    finish_rows(clock);
    for (int queue = 0; queue < clock->queues; queue++) {
        clock->queue[queue].queue = (uint8_t)queue;
        if (clock->queue[queue].transfers) ts_vec_push(&record->queues, &record->arena, clock->queue[queue]);
    }
    if (record->slices.count) qsort(record->slices.data, record->slices.count, sizeof(ts_slice), by_start);
    add_assumptions(clock);
}
