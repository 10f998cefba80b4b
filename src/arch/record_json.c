/* ts_record as JSON: the dict of trainstone.last_run(). Names contain their units; shares are 0..1. */
#include "arch/record.h"

enum { MOST_ROWS = 256 };

static double seconds(ts_time time) {
    return (double)time / 1e12;
}

static void add_key(ts_text *out, const char *key) {
    ts_text_format(out, ",\n \"%s\": ", key);
}

static void add_double(ts_text *out, const char *key, double value) {
    add_key(out, key);
    ts_text_double(out, value);
}

static void add_count(ts_text *out, const char *key, uint64_t value) {
    add_key(out, key);
    ts_text_format(out, "%llu", (unsigned long long)value);
}

static void add_string(ts_text *out, const char *key, const char *value) {
    add_key(out, key);
    if (value)
        ts_text_quote(out, value);
    else
        ts_text_add(out, "null");
}

static void add_times(const ts_record *record, ts_text *out) {
    add_double(out, "predicted_seconds", seconds(record->total));
    add_double(out, "predicted_seconds_low", seconds(record->total_low));
    add_double(out, "predicted_seconds_high", seconds(record->total_high));
    add_double(out, "launch_seconds", seconds(record->launch));
    add_double(out, "other_core_seconds", seconds(record->other_core));
}

static void add_cost(const ts_record *record, const ts_instance *instance, ts_text *out) {
    add_string(out, "instance", instance ? instance->name : NULL);
    bool has_price = instance && instance->usd_per_hour > 0;
    if (has_price) {
        add_double(out, "usd_per_hour", instance->usd_per_hour);
        add_double(out, "cost", seconds(record->total) / 3600 * instance->usd_per_hour);
    } else {
        ts_text_add(out, ",\n \"usd_per_hour\": null,\n \"cost\": null");
    }
}

static void add_busy(const ts_record *record, ts_text *out) {
    double total = record->total > 0 ? (double)record->total : 1;
    add_key(out, "busy");
    ts_text_add(out, "{");
    for (unsigned engine = ts_engine_tensor; engine < ts_engine_count; engine++) {
        ts_text_format(out, "\"%s\": ", ts_engine_name(engine));
        ts_text_double(out, (double)record->busy[engine] / total);
        ts_text_add(out, ", ");
    }
    ts_text_add(out, "\"dma\": ");
    ts_text_double(out, (double)record->dma_busy / total);
    ts_text_add(out, "}");
}

static void add_bounds(const ts_record *record, ts_text *out) {
    add_string(out, "bottleneck", ts_bound_name(ts_record_bottleneck(record)));
    add_key(out, "bounds");
    for (unsigned bound = 0; bound < ts_bound_count; bound++) {
        ts_text_format(out, "%s\"%s\": ", bound ? ", " : "{", ts_bound_name(bound));
        ts_text_double(out, seconds(record->bound[bound]));
    }
    ts_text_add(out, "}");
}

static void add_counts(const ts_record *record, ts_text *out) {
    add_count(out, "hbm_bytes", record->hbm_read_bytes + record->hbm_write_bytes);
    add_count(out, "hbm_read_bytes", record->hbm_read_bytes);
    add_count(out, "hbm_write_bytes", record->hbm_write_bytes);
    add_count(out, "instructions", record->instructions);
    add_count(out, "dma_transfers", record->dma_transfers);
    add_count(out, "dma_descriptors", record->dma_descriptors);
    add_count(out, "ranks", record->ranks);
    add_count(out, "collectives", record->collectives);
    add_count(out, "collective_bytes", record->collective_bytes);
    add_count(out, "link_bytes", record->link_bytes);
    add_double(out, "collective_seconds", seconds(record->collective_busy));
    add_count(out, "pe_flops", record->pe_flops);
    add_count(out, "pe_selection_flops", record->pe_selection_flops);
    add_count(out, "model_flops", record->model_flops);
    add_count(out, "elems", record->elems);
    add_count(out, "conservative_waits", record->conservative_waits);
    add_count(out, "skipped_iterations", record->skipped_iterations);
    add_count(out, "assumed_trips", record->assumed_trips);
}

/* Number of executions of each instruction, in the order of isa.def. */
static void add_ops(const ts_record *record, ts_text *out) {
    uint64_t counts[ts_op_count] = {0};
    for (uint32_t i = 0; i < record->rows.count; i++) {
        const ts_record_row *row = &record->rows.data[i];
        if (row->engine != ts_engine_none) counts[row->op] += row->count;
    }
    const char *separator = "";
    add_key(out, "ops");
    ts_text_add(out, "{");
    for (unsigned op = 0; op < ts_op_count; op++) {
        if (!counts[op]) continue;
        ts_text_format(out, "%s\"%s\": %llu", separator, ts_op_get(op)->name, (unsigned long long)counts[op]);
        separator = ", ";
    }
    ts_text_add(out, "}");
}

static void add_off_engine(const ts_record *record, ts_text *out) {
    bool seen[ts_op_count] = {false}, is_first = true;
    double all = record->elems ? (double)record->elems : 1;
    add_double(out, "engine_share", 1 - (double)record->off_engine_elems / all);
    add_count(out, "off_engine_elems", record->off_engine_elems);
    add_key(out, "off_engine");
    ts_text_add(out, "[");
    for (uint32_t i = 0; i < record->rows.count; i++) {
        uint16_t op = record->rows.data[i].op;
        if (!ts_op_is_off_engine(op) || seen[op]) continue;
        seen[op] = true;
        if (!is_first) ts_text_add(out, ", ");
        is_first = false;
        ts_text_quote(out, ts_op_get(op)->name);
    }
    ts_text_add(out, "]");
}

static void add_host(const ts_host *host, ts_text *out) {
    add_key(out, "host");
    if (host->isa == ts_isa_auto)
        ts_text_add(out, "null");
    else
        ts_text_format(out, "{\"isa\": \"%s\", \"repro\": %s}", ts_isa_name(host->isa),
                       host->is_repro ? "true" : "false");
}

static void add_assumptions(const ts_record *record, ts_text *out) {
    add_key(out, "assumptions");
    ts_text_add(out, "[");
    for (uint32_t i = 0; i < record->assumptions.count; i++) {
        const ts_param *param = ts_param_of(&record->chip, record->assumptions.data[i]);
        ts_text_add(out, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
        ts_text_quote(out, param->name);
        ts_text_add(out, ", \"value\": ");
        ts_text_double(out, ts_param_value(&record->chip, record->assumptions.data[i]));
        ts_text_add(out, ", \"unit\": ");
        ts_text_quote(out, param->unit);
        ts_text_add(out, ", \"source\": ");
        ts_text_quote(out, param->source);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

static void add_row(const ts_record_row *row, const ts_program *program, ts_text *out) {
    bool is_launch = row->engine == ts_engine_none;
    ts_text_format(out, "{\"engine\": \"%s\", \"op\": \"%s\"", ts_engine_name(row->engine),
                   is_launch ? "launch" : ts_op_get(row->op)->name);
    const ts_loc *loc = row->loc < program->locs.count ? &program->locs.data[row->loc] : NULL;
    ts_text_add(out, ", \"file\": ");
    ts_text_quote(out, loc && loc->file ? loc->file : "");
    ts_text_format(out, ", \"line\": %u, \"name\": ", loc ? loc->line : 0);
    ts_text_quote(out, loc && loc->name ? loc->name : "");
    ts_text_format(out, ", \"count\": %llu, \"busy_seconds\": ", (unsigned long long)row->count);
    ts_text_double(out, seconds(row->busy));
    ts_text_add(out, ", \"bound_seconds\": ");
    ts_text_double(out, seconds(row->bound));
    ts_text_format(out, ", \"bytes\": %llu, \"flops\": %llu, \"elems\": %llu}",
                   (unsigned long long)row->bytes, (unsigned long long)row->flops,
                   (unsigned long long)row->elems);
}

static void add_rows(const ts_record *record, const ts_program *program, ts_text *out) {
    uint32_t shown = record->rows.count < MOST_ROWS ? record->rows.count : MOST_ROWS;
    add_key(out, "rows");
    ts_text_add(out, "[");
    for (uint32_t i = 0; i < shown; i++) {
        ts_text_add(out, i ? ",\n  " : "\n  ");
        add_row(&record->rows.data[i], program, out);
    }
    ts_text_add(out, "]");
    add_count(out, "rows_left_out", record->rows.count - shown);
}

void ts_record_json(const ts_record *record, const ts_program *program, const ts_instance *instance,
                    ts_text *out) {
    instance = ts_instance_with(instance, record->ranks);
    ts_text_add(out, "{\"schema\": \"trainstone.record/1.0\"");
    add_string(out, "mode", "modelled");
    add_string(out, "program", record->program_name);
    add_string(out, "chip", record->chip.name);
    add_times(record, out);
    add_cost(record, instance, out);
    add_double(out, "mfu", ts_record_mfu(record));
    add_busy(record, out);
    add_bounds(record, out);
    add_counts(record, out);
    add_ops(record, out);
    add_off_engine(record, out);
    add_host(&record->host, out);
    add_assumptions(record, out);
    add_rows(record, program, out);
    ts_text_add(out, "}");
}
