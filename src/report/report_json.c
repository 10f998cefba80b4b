/* The report as JSON, "trainstone.report/1.0": seconds as doubles, picoseconds as integers, shares 0..1. */
#include <math.h>

#include "report/figures.h"
#include "report/report.h"

static double seconds(ts_time time) {
    return (double)time / 1e12;
}

static void key(ts_text *out, const char *name) {
    char last = out->length ? out->data[out->length - 1] : '{';
    if (last != '{' && last != '[') ts_text_add(out, ", ");
    ts_text_quote(out, name);
    ts_text_add(out, ": ");
}

static void number(ts_text *out, const char *name, double value) {
    key(out, name);
    if (isfinite(value))
        ts_text_double(out, value);
    else
        ts_text_add(out, "null");
}

static void integer(ts_text *out, const char *name, int64_t value) {
    key(out, name);
    ts_text_format(out, "%lld", (long long)value);
}

static void string(ts_text *out, const char *name, const char *value) {
    key(out, name);
    ts_text_quote(out, value ? value : "");
}

static void open_item(ts_text *out, bool is_first) {
    ts_text_add(out, is_first ? "\n  {" : ",\n  {");
}

static void open_list(ts_text *out, const char *name) {
    ts_text_add(out, ",\n ");
    ts_text_quote(out, name);
    ts_text_add(out, ": [");
}

static void add_shares(const ts_time *bounds, ts_text *out) {
    key(out, "bound_ps");
    ts_text_add(out, "{");
    for (unsigned b = 0; b < ts_bound_count; b++)
        if (bounds[b]) integer(out, ts_bound_name(b), bounds[b]);
    ts_text_add(out, "}");
}

static void add_step(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    ts_text verdict = {0};
    ts_report_verdict(report, &verdict);
    string(out, "verdict", verdict.data);
    ts_text_free(&verdict);
    ts_text_add(out, ",\n \"step\": {");
    integer(out, "total_ps", record->total);
    number(out, "total_time_s", seconds(record->total));
    number(out, "low_s", seconds(record->total_low));
    number(out, "high_s", seconds(record->total_high));
    number(out, "launch_time_s", seconds(record->launch));
    integer(out, "instructions", (int64_t)record->instructions);
    integer(out, "assumed_trips", (int64_t)record->assumed_trips);
    ts_text_add(out, "},\n \"summary\": ");
    ts_report_summary_json(report, out);
}

static void add_bounds(const ts_report *report, ts_text *out) {
    open_list(out, "bound");
    for (uint32_t i = 0; i < report->bounds.count; i++) {
        const ts_report_bound *bound = &report->bounds.data[i];
        open_item(out, i == 0);
        string(out, "resource", ts_bound_name(bound->bound));
        integer(out, "time_ps", bound->time);
        number(out, "share", ts_figure_share(bound->time, report->record.total));
        if (bound->busy >= 0) number(out, "busy_percent", 100 * bound->busy);
        if (bound->has_gain) integer(out, "gain_ps", bound->gain);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

static void add_lines(const ts_report *report, ts_text *out) {
    open_list(out, "lines");
    for (uint32_t i = 0; i < report->lines.count; i++) {
        const ts_report_line *line = &report->lines.data[i];
        open_item(out, i == 0);
        string(out, "file", line->file);
        integer(out, "line", line->line);
        string(out, "function", line->function);
        string(out, "op", line->op);
        integer(out, "time_ps", line->time);
        number(out, "share", ts_figure_share(line->time, report->record.total));
        add_shares(line->bounds, out);
        integer(out, "count", (int64_t)line->count);
        integer(out, "flops", (int64_t)line->flops);
        integer(out, "bytes", (int64_t)line->bytes);
        integer(out, "descriptors", (int64_t)line->descriptors);
        if (line->has_gain) integer(out, "gain_ps", line->gain);
        key(out, "rows");
        ts_text_add(out, "[");
        for (uint32_t r = line->first_row; r < line->first_row + line->row_count; r++) {
            const ts_record_row *row = &report->rows.data[r];
            ts_text_add(out, r > line->first_row ? ", {" : "{");
            string(out, "engine", ts_engine_name(row->engine));
            string(out, "opcode", ts_op_get(row->op)->name);
            string(out, "hlo_name", report->program->locs.data[row->loc].name);
            integer(out, "count", (int64_t)row->count);
            integer(out, "busy_ps", row->busy);
            integer(out, "time_ps", row->bound);
            ts_text_add(out, "}");
        }
        ts_text_add(out, "]}");
    }
    ts_text_add(out, "]");
    open_list(out, "modules");
    for (uint32_t i = 0; i < report->modules.count; i++) {
        const ts_report_module *module = &report->modules.data[i];
        open_item(out, i == 0);
        string(out, "name", module->name);
        integer(out, "parent", (int64_t)module->parent - 1);
        integer(out, "time_ps", module->time);
        add_shares(module->bounds, out);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

static void add_remedies(const ts_report *report, ts_text *out) {
    open_list(out, "remedies");
    for (uint32_t i = 0; i < report->remedies.count; i++) {
        const ts_report_remedy *remedy = &report->remedies.data[i];
        open_item(out, i == 0);
        string(out, "id", remedy->id);
        string(out, "method", remedy->method);
        integer(out, "gain_ps", remedy->gain);
        string(out, "text", remedy->title);
        string(out, "evidence", remedy->evidence);
        string(out, "how", remedy->action);
        string(out, "cost", remedy->cost);
        if (remedy->line) {
            string(out, "file", report->lines.data[remedy->line - 1].file);
            integer(out, "line", report->lines.data[remedy->line - 1].line);
        }
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
    integer(out, "remedies_together_ps", report->together);
}

static void add_memory(const ts_report *report, ts_text *out) {
    ts_text_add(out, ",\n \"memory\": {");
    integer(out, "argument_bytes", (int64_t)report->argument_bytes);
    integer(out, "result_bytes", (int64_t)report->result_bytes);
    integer(out, "scratch_bytes", (int64_t)report->scratch_bytes);
    integer(out, "constant_bytes", (int64_t)report->constant_bytes);
    integer(out, "sbuf_peak_partition_bytes", report->sbuf_peak);
    integer(out, "psum_peak_partition_bytes", report->psum_peak);
    ts_text_add(out, "}");
    open_list(out, "tensors");
    for (uint32_t i = 0; i < report->tensors.count; i++) {
        const ts_report_tensor *tensor = &report->tensors.data[i];
        const ts_tensor *row = &report->program->tensors.data[tensor->tensor];
        open_item(out, i == 0);
        string(out, "variable_name", row->name);
        integer(out, "size", (int64_t)row->bytes);
        integer(out, "load_to_sbuf_total_size_bytes", (int64_t)tensor->loaded);
        integer(out, "load_to_sbuf_dma_count", (int64_t)tensor->loads);
        number(out, "load_to_sbuf_repeat_factor",
               row->bytes ? (double)tensor->loaded / (double)row->bytes : 0);
        integer(out, "stored_bytes", (int64_t)tensor->stored);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

static void add_dma(const ts_report *report, ts_text *out) {
    bool is_first = true;
    ts_text_add(out, ",\n \"dma\": {\"histogram\": [");
    for (int i = 0; i < TS_DMA_SIZES; i++) {
        const ts_record_size *size = &report->record.sizes[i];
        if (size->descriptors == 0) continue;
        open_item(out, is_first);
        is_first = false;
        integer(out, "bytes_log2", i);
        integer(out, "descriptors", (int64_t)size->descriptors);
        integer(out, "bytes", (int64_t)size->bytes);
        integer(out, "time_ps", size->time);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "], \"queues\": [");
    for (uint32_t i = 0; i < report->record.queues.count; i++) {
        const ts_record_queue *queue = &report->record.queues.data[i];
        open_item(out, i == 0);
        integer(out, "queue", queue->queue);
        integer(out, "count", (int64_t)queue->transfers);
        integer(out, "bytes", (int64_t)queue->bytes);
        integer(out, "floor_bound_count", (int64_t)queue->held);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]}");
}

static void add_cost(const ts_report *report, ts_text *out) {
    bool is_first = true;
    open_list(out, "cost");
    for (int i = 0; i < ts_instance_count(); i++) {
        const ts_instance *instance = ts_instance_at(i);
        ts_chip chip;
        if (ts_chip_get(instance->chip, &chip, NULL) != ts_ok) continue;
        open_item(out, is_first);
        is_first = false;
        string(out, "instance", instance->name);
        integer(out, "cores", instance->cores);
        key(out, "per_hour_usd");
        if (instance->usd_per_hour > 0)
            ts_text_double(out, instance->usd_per_hour);
        else
            ts_text_add(out, "null");
        if (instance->usd_per_hour > 0)
            number(out, "per_step_usd", seconds(report->record.total) / 3600 * instance->usd_per_hour);
        string(out, "price_source", instance->source);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

static void add_assumptions(const ts_report *report, ts_text *out) {
    open_list(out, "assumptions");
    for (uint32_t i = 0; i < report->record.assumptions.count; i++) {
        const ts_param *param = ts_param_at(report->record.assumptions.data[i]);
        open_item(out, i == 0);
        string(out, "row", param->name);
        number(out, "value", ts_param_value(&report->record.chip, report->record.assumptions.data[i]));
        string(out, "unit", param->unit);
        string(out, "source", param->source);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
    open_list(out, "sensitivity");
    for (uint32_t i = 0; i < report->leans.count; i++) {
        const ts_report_lean *lean = &report->leans.data[i];
        const ts_param *param = ts_param_at(lean->param);
        open_item(out, i == 0);
        string(out, "row", param->name);
        string(out, "status", ts_basis_name(param->basis));
        number(out, "range_low", param->low);
        number(out, "range_high", param->high);
        integer(out, "total_low_ps", lean->low);
        integer(out, "total_high_ps", lean->high);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

void ts_report_json(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    ts_text_add(out, "{\"schema\": \"trainstone.report/1.0\", \"mode\": \"modelled\"");
    string(out, "program", record->program_name);
    string(out, "chip", record->chip.name);
    key(out, "instance");
    if (report->instance)
        ts_text_quote(out, report->instance->name);
    else
        ts_text_add(out, "null");
    add_step(report, out);
    add_bounds(report, out);
    add_lines(report, out);
    add_remedies(report, out);
    add_memory(report, out);
    add_dma(report, out);
    add_cost(report, out);
    add_assumptions(report, out);
    ts_text_add(out, "}\n");
}
