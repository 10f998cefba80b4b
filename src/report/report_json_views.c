/* JSON of what the page draws: the timeline in bins, three trips of the costliest loop, and the map of SBUF
   and PSUM. */
#include "report/members.h"
#include "report/report.h"

static void add_bins(ts_text *out, const char *name, const ts_time *bins, uint32_t count) {
    ts_time sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += bins[i];
    if (sum == 0) return;
    ts_member_key(out, name);
    ts_text_add(out, "[");
    for (uint32_t i = 0; i < count; i++)
        ts_text_format(out, "%s%lld", i ? "," : "", (long long)bins[i]);
    ts_text_add(out, "]");
}

/* The time of each bin; series that are 0 throughout are left out. */
static void add_series(const ts_report *report, ts_text *out) {
    const ts_series *series = &report->record.series;
    ts_text_add(out, ",\n \"series\": {");
    ts_member_integer(out, "bin_ps", series->width);
    ts_member_integer(out, "count", series->count);
    ts_member_key(out, "busy_ps");
    ts_text_add(out, "{");
    for (unsigned engine = ts_engine_none; engine < ts_engine_count; engine++)
        add_bins(out, engine == ts_engine_none ? "dma_engines" : ts_engine_name(engine), series->busy[engine],
                 series->count);
    ts_text_add(out, "}");
    ts_member_key(out, "bound_ps");
    ts_text_add(out, "{");
    for (unsigned bound = 0; bound < ts_bound_count; bound++)
        add_bins(out, ts_bound_name(bound), series->bound[bound], series->count);
    ts_text_add(out, "}");
    add_bins(out, "tensor_transpose_ps", series->transposes, series->count);
    add_bins(out, "collectives_ps", series->collectives, series->count);
    if (report->sbuf_fill) {
        ts_member_key(out, "sbuf_partition_bytes");
        ts_text_add(out, "[");
        for (uint32_t i = 0; i < series->count; i++)
            ts_text_format(out, "%s%d", i ? "," : "", report->sbuf_fill[i]);
        ts_text_add(out, "]");
    }
    ts_member_key(out, "hbm_bytes");
    ts_text_add(out, "[");
    for (uint32_t i = 0; i < series->count; i++)
        ts_text_format(out, "%s%llu", i ? "," : "", (unsigned long long)series->hbm_bytes[i]);
    ts_text_add(out, "]}");
}

static void add_loop(const ts_report *report, ts_text *out) {
    static const char *const waits[] = {"", "port", "result", "dma", "queue"};
    enum { MOST = 900 };
    if (report->loop < 0) return;
    const ts_record_loop *loop = &report->record.loops.data[report->loop];
    const ts_record *record = &report->loop_record;
    ts_text_add(out, ",\n \"loop\": {");
    const ts_loc *loc = ts_report_loop_place(report);
    ts_member_string(out, "file", loc->file);
    ts_member_integer(out, "line", loc->line);
    ts_member_integer(out, "trips", (int64_t)loop->trips);
    if (ts_report_loop_period(report) > 0) ts_member_integer(out, "period_ps", ts_report_loop_period(report));
    ts_member_integer(out, "time_ps", report->loop_time);
    ts_member_list(out, "slices");
    for (uint32_t i = 0; i < record->slices.count && i < MOST; i++) {
        const ts_slice *slice = &record->slices.data[i];
        const ts_inst *inst = report->program->code.data[slice->inst];
        ts_member_item(out, i == 0);
        ts_member_key(out, "track");
        if (slice->lane >= TS_LANE_QUEUE)
            ts_text_format(out, "\"queue %d\"", slice->lane - TS_LANE_QUEUE);
        else if (slice->lane == TS_LANE_COLLECTIVE)
            ts_text_quote(out, "collectives");
        else
            ts_text_quote(out, ts_engine_name(slice->lane));
        ts_member_string(out, "name", ts_op_get(inst->op)->name);
        ts_member_integer(out, "line", ts_report_loc(report, inst->loc)->line);
        ts_member_integer(out, "start_ps", slice->start);
        ts_member_integer(out, "dur_ps", slice->end - slice->start);
        if (slice->wait > 0) ts_member_integer(out, "wait_ps", slice->wait);
        if (slice->wait > 0) ts_member_string(out, "wait_on", waits[slice->waited]);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]}");
}

static void add_boxes(const ts_report *report, ts_text *out) {
    static const char *const kinds[] = {"argument", "reload", "constant", "computed", "psum"};
    ts_member_list(out, "boxes");
    for (uint32_t i = 0; i < report->boxes.count; i++) {
        const ts_report_box *box = &report->boxes.data[i];
        const ts_loc *loc = ts_report_loc(report, box->loc);
        ts_member_item(out, i == 0);
        ts_member_string(out, "space", box->is_psum ? "psum" : "sbuf");
        ts_member_string(out, "kind", kinds[box->kind]);
        if (box->tensor) ts_member_string(out, "tensor", report->program->tensors.data[box->tensor - 1].name);
        ts_member_integer(out, "partition_start", box->part);
        ts_member_integer(out, "partitions", box->parts);
        ts_member_integer(out, "offset", box->low);
        ts_member_integer(out, "bytes", box->high - box->low);
        ts_member_integer(out, "from_ps", box->first);
        ts_member_integer(out, "to_ps", box->last);
        ts_member_integer(out, "line", loc->line);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

static void add_roofline(const ts_report *report, ts_text *out) {
    const ts_report_roofs roofs = ts_report_roofline(report);
    bool is_first = true;
    ts_text_add(out, ",\n \"roofline\": {\"peak_tflops\": {");
    ts_member_number(out, "bf16", roofs.bf16);
    ts_member_number(out, "fp32", roofs.fp32);
    ts_text_add(out, "}, \"bytes_per_ns\": {");
    ts_member_number(out, "hbm", roofs.hbm);
    ts_member_number(out, "dma", roofs.dma);
    ts_text_add(out, "}");
    ts_member_list(out, "points");
    for (uint32_t i = 0; i < report->lines.count; i++) {
        const ts_report_line *line = &report->lines.data[i];
        ts_time work = ts_report_line_work(report, line);
        if (line->flops == 0 || line->hbm_bytes == 0 || work <= 0) continue;
        ts_member_item(out, is_first);
        is_first = false;
        ts_member_string(out, "file", line->file);
        ts_member_integer(out, "line", line->line);
        ts_member_number(out, "flop_per_byte", (double)line->flops / (double)line->hbm_bytes);
        ts_member_number(out, "tflops", (double)line->flops / (double)work);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]}");
}

void ts_report_json_views(const ts_report *report, ts_text *out) {
    add_roofline(report, out);
    add_series(report, out);
    add_loop(report, out);
    add_boxes(report, out);
}
