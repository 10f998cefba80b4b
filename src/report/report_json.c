/* The report as JSON, "trainstone.report/1.0": seconds as doubles, picoseconds as integers, shares 0..1. */
#include "report/figures.h"
#include "report/members.h"
#include "report/report.h"
#include "report/report_collectives.h"

static double seconds(ts_time time) {
    return (double)time / 1e12;
}

static void add_shares(const ts_time *bounds, ts_text *out) {
    ts_member_key(out, "bound_ps");
    ts_text_add(out, "{");
    for (unsigned b = 0; b < ts_bound_count; b++)
        if (bounds[b]) ts_member_integer(out, ts_bound_name(b), bounds[b]);
    ts_text_add(out, "}");
}

static void add_step(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    ts_text verdict = {0};
    ts_report_verdict(report, &verdict);
    ts_member_string(out, "verdict", verdict.data);
    ts_text_free(&verdict);
    ts_text_add(out, ",\n \"step\": {");
    ts_member_integer(out, "total_ps", record->total);
    ts_member_number(out, "total_time_s", seconds(record->total));
    ts_member_number(out, "low_s", seconds(record->total_low));
    ts_member_number(out, "high_s", seconds(record->total_high));
    ts_member_number(out, "launch_time_s", seconds(record->launch));
    ts_member_number(out, "steps_per_s", record->total > 0 ? 1 / seconds(record->total) : 0);
    ts_member_integer(out, "instructions", (int64_t)record->instructions);
    ts_member_integer(out, "assumed_trips", (int64_t)record->assumed_trips);
    ts_text_add(out, "},\n \"summary\": ");
    ts_report_summary_json(report, out);
}

static void add_bounds(const ts_report *report, ts_text *out) {
    ts_member_list(out, "bound");
    for (uint32_t i = 0; i < report->bounds.count; i++) {
        const ts_report_bound *bound = &report->bounds.data[i];
        ts_member_item(out, i == 0);
        ts_member_string(out, "resource", ts_bound_name(bound->bound));
        ts_member_integer(out, "time_ps", bound->time);
        ts_member_number(out, "share", ts_figure_share(bound->time, report->record.total));
        if (bound->busy >= 0) ts_member_number(out, "busy_percent", 100 * bound->busy);
        if (bound->has_gain) ts_member_integer(out, "gain_ps", bound->gain);
        if (bound->time > 0 && bound->bound != ts_bound_launch && report->lines.count) {
            ts_member_string(out, "file", report->lines.data[bound->line].file);
            ts_member_integer(out, "line", report->lines.data[bound->line].line);
        }
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
    if (!report->has_gains || report->second < 0) return;
    ts_member_key(out, "next");
    ts_text_add(out, "{");
    ts_member_string(out, "resource", ts_bound_name((unsigned)report->second));
    ts_member_integer(out, "gain_of_both_ps", report->second_gain);
    ts_text_add(out, "}");
}

/* The line's instructions, by engine and operation. */
static void add_rows(const ts_report *report, const ts_report_line *line, ts_text *out) {
    ts_member_key(out, "rows");
    ts_text_add(out, "[");
    for (uint32_t r = line->first_row; r < line->first_row + line->row_count; r++) {
        const ts_record_row *row = &report->rows.data[r];
        const ts_loc *loc = &report->program->locs.data[row->loc];
        ts_text_add(out, r > line->first_row ? ", {" : "{");
        ts_member_string(out, "engine", ts_engine_name(row->engine));
        ts_member_string(out, "opcode", ts_op_get(row->op)->name);
        ts_member_string(out, "hlo_name", loc->name);
        ts_member_string(out, "file", loc->file);
        ts_member_integer(out, "line", loc->line);
        ts_member_integer(out, "count", (int64_t)row->count);
        ts_member_integer(out, "busy_ps", row->busy);
        ts_member_integer(out, "time_ps", row->bound);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

static void add_lines(const ts_report *report, ts_text *out) {
    ts_member_list(out, "lines");
    for (uint32_t i = 0; i < report->lines.count; i++) {
        const ts_report_line *line = &report->lines.data[i];
        ts_member_item(out, i == 0);
        ts_member_string(out, "file", line->file);
        ts_member_integer(out, "line", line->line);
        ts_member_string(out, "function", line->function);
        ts_member_string(out, "op", line->op);
        ts_member_integer(out, "time_ps", line->time);
        ts_member_number(out, "share", ts_figure_share(line->time, report->record.total));
        add_shares(line->bounds, out);
        ts_member_integer(out, "count", (int64_t)line->count);
        ts_member_integer(out, "flops", (int64_t)line->flops);
        if (line->flops) ts_member_number(out, "mfu_percent", 100 * ts_report_line_mfu(report, line));
        ts_member_integer(out, "hbm_bytes", (int64_t)line->hbm_bytes);
        ts_member_integer(out, "bytes", (int64_t)line->bytes);
        ts_member_integer(out, "descriptors", (int64_t)line->descriptors);
        if (line->has_gain) ts_member_integer(out, "gain_ps", line->gain);
        add_rows(report, line, out);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

static void add_modules(const ts_report *report, ts_text *out) {
    ts_member_list(out, "modules");
    for (uint32_t i = 0; i < report->modules.count; i++) {
        const ts_report_module *module = &report->modules.data[i];
        ts_member_item(out, i == 0);
        ts_member_string(out, "name", module->name);
        ts_member_integer(out, "parent", (int64_t)module->parent - 1);
        ts_member_integer(out, "time_ps", module->time);
        add_shares(module->bounds, out);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

static void add_phases(const ts_report *report, ts_text *out) {
    ts_member_list(out, "phases");
    for (uint32_t i = 0; i < report->phases.count; i++) {
        const ts_report_phase *phase = &report->phases.data[i];
        ts_member_item(out, i == 0);
        ts_member_string(out, "name", report->modules.data[phase->module].name);
        ts_member_integer(out, "start_ps", phase->start);
        ts_member_integer(out, "end_ps", phase->end);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

static void add_remedies(const ts_report *report, ts_text *out) {
    ts_member_list(out, "remedies");
    for (uint32_t i = 0; i < report->remedies.count; i++) {
        const ts_report_remedy *remedy = &report->remedies.data[i];
        ts_member_item(out, i == 0);
        ts_member_string(out, "id", remedy->id);
        ts_member_string(out, "method", remedy->method);
        ts_member_integer(out, "gain_ps", remedy->gain);
        ts_member_string(out, "text", remedy->title);
        ts_member_string(out, "evidence", remedy->evidence);
        ts_member_string(out, "how", remedy->action);
        ts_member_string(out, "cost", remedy->cost);
        ts_member_integer(out, "gain_fast_ps", remedy->gain_fast);
        ts_member_integer(out, "gain_slow_ps", remedy->gain_slow);
        ts_member_integer(out, "gain_so_far_ps", remedy->gain_so_far);
        if (remedy->line) {
            ts_member_string(out, "file", report->lines.data[remedy->line - 1].file);
            ts_member_integer(out, "line", report->lines.data[remedy->line - 1].line);
        }
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
    ts_member_integer(out, "remedies_together_ps", report->together);
    ts_member_list(out, "notes");
    for (uint32_t i = 0; i < report->notes.count; i++) {
        ts_member_item(out, i == 0);
        ts_member_string(out, "id", report->notes.data[i].id);
        ts_member_string(out, "text", report->notes.data[i].text);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

static void add_memory(const ts_report *report, ts_text *out) {
    ts_text_add(out, ",\n \"memory\": {");
    ts_member_integer(out, "argument_bytes", (int64_t)report->argument_bytes);
    ts_member_integer(out, "result_bytes", (int64_t)report->result_bytes);
    ts_member_integer(out, "scratch_bytes", (int64_t)report->scratch_bytes);
    ts_member_integer(out, "constant_bytes", (int64_t)report->constant_bytes);
    ts_member_integer(out, "sbuf_peak_partition_bytes", report->sbuf_peak);
    ts_member_integer(out, "psum_peak_partition_bytes", report->psum_peak);
    ts_text_add(out, "}");
    ts_member_list(out, "tensors");
    for (uint32_t i = 0; i < report->tensors.count; i++) {
        const ts_report_tensor *tensor = &report->tensors.data[i];
        const ts_tensor *row = &report->program->tensors.data[tensor->tensor];
        ts_member_item(out, i == 0);
        ts_member_string(out, "variable_name", row->name);
        ts_member_integer(out, "size", (int64_t)row->bytes);
        ts_member_integer(out, "load_to_sbuf_total_size_bytes", (int64_t)tensor->loaded);
        ts_member_integer(out, "load_to_sbuf_dma_count", (int64_t)tensor->loads);
        ts_member_number(out, "load_to_sbuf_repeat_factor",
                         row->bytes ? (double)tensor->loaded / (double)row->bytes : 0);
        ts_member_integer(out, "stored_bytes", (int64_t)tensor->stored);
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
        ts_member_item(out, is_first);
        is_first = false;
        ts_member_integer(out, "bytes_log2", i);
        ts_member_integer(out, "descriptors", (int64_t)size->descriptors);
        ts_member_integer(out, "bytes", (int64_t)size->bytes);
        ts_member_integer(out, "time_ps", size->time);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "], \"queues\": [");
    for (uint32_t i = 0; i < report->record.queues.count; i++) {
        const ts_record_queue *queue = &report->record.queues.data[i];
        ts_member_item(out, i == 0);
        ts_member_integer(out, "queue", queue->queue);
        ts_member_integer(out, "count", (int64_t)queue->transfers);
        ts_member_integer(out, "bytes", (int64_t)queue->bytes);
        ts_member_integer(out, "floor_bound_count", (int64_t)queue->held);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]}");
}

static void add_cost(const ts_report *report, ts_text *out) {
    ts_member_list(out, "cost");
    for (uint32_t i = 0; i < report->prices.count; i++) {
        const ts_report_price *price = &report->prices.data[i];
        ts_member_item(out, i == 0);
        ts_member_string(out, "instance", price->instance->name);
        ts_member_string(out, "chip", price->instance->chip);
        ts_member_integer(out, "cores", price->instance->cores);
        ts_member_integer(out, "step_ps", price->total);
        ts_member_key(out, "per_hour_usd");
        if (price->instance->usd_per_hour > 0)
            ts_text_double(out, price->instance->usd_per_hour);
        else
            ts_text_add(out, "null");
        if (price->instance->usd_per_hour > 0)
            ts_member_number(out, "per_step_usd", ts_report_step_usd(price));
        ts_member_string(out, "price_source", price->instance->source);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

/* Routines outside of the documented instruction set, by name and place. */
static void add_off_engine(const ts_report *report, ts_text *out) {
    bool is_first = true;
    ts_member_list(out, "off_engine");
    for (uint32_t i = 0; i < report->record.rows.count; i++) {
        const ts_record_row *row = &report->record.rows.data[i];
        const ts_loc *loc = ts_report_loc(report, row->loc);
        if (!ts_op_is_off_engine(row->op)) continue;
        ts_member_item(out, is_first);
        is_first = false;
        ts_member_string(out, "name", ts_op_get(row->op)->name);
        ts_member_string(out, "file", loc->file);
        ts_member_integer(out, "line", loc->line);
        ts_member_integer(out, "count", (int64_t)row->count);
        ts_member_integer(out, "busy_ps", row->busy);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

static void add_assumptions(const ts_report *report, ts_text *out) {
    ts_member_list(out, "assumptions");
    for (uint32_t i = 0; i < report->record.assumptions.count; i++) {
        const ts_param *param = ts_param_of(&report->record.chip, report->record.assumptions.data[i]);
        ts_member_item(out, i == 0);
        ts_member_string(out, "row", param->name);
        ts_member_number(out, "value",
                         ts_param_value(&report->record.chip, report->record.assumptions.data[i]));
        ts_member_string(out, "unit", param->unit);
        ts_member_string(out, "source", param->source);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
    ts_member_list(out, "sensitivity");
    for (uint32_t i = 0; i < report->leans.count; i++) {
        const ts_report_lean *lean = &report->leans.data[i];
        const ts_param *param = ts_param_of(&report->record.chip, lean->param);
        ts_member_item(out, i == 0);
        ts_member_string(out, "row", param->name);
        ts_member_string(out, "status", ts_basis_name(param->basis));
        ts_member_number(out, "range_low", param->low);
        ts_member_number(out, "range_high", param->high);
        ts_member_integer(out, "total_low_ps", lean->low);
        ts_member_integer(out, "total_high_ps", lean->high);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

void ts_report_json(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    ts_text_add(out, "{\"schema\": \"trainstone.report/1.0\", \"mode\": \"modelled\"");
    ts_member_string(out, "program", record->program_name);
    ts_member_string(out, "chip", record->chip.name);
    ts_member_key(out, "instance");
    if (report->instance)
        ts_text_quote(out, report->instance->name);
    else
        ts_text_add(out, "null");
    add_step(report, out);
    add_bounds(report, out);
    add_lines(report, out);
    add_modules(report, out);
    add_phases(report, out);
    add_remedies(report, out);
    add_memory(report, out);
    ts_report_json_views(report, out);
    add_dma(report, out);
    if (report->collectives.count) ts_report_collectives_json(report, out);
    add_cost(report, out);
    add_off_engine(report, out);
    add_assumptions(report, out);
    ts_text_add(out, "}\n");
}
