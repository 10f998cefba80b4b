/* Figures under the names and definitions of neuron-profile's summary (profile-schema-reference.rst, schema
   7.4.0): what scripts that read `summary-text` and `summary-json` look for. What a model cannot know is left
   out. */
#include <math.h>

#include "report/report.h"

typedef void emit(void *to, const char *name, double value);

static double share(ts_time part, ts_time whole) {
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static uint64_t kind_bytes(const ts_report *report, unsigned kind, bool is_load) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < report->tensors.count; i++)
        if (report->program->tensors.data[report->tensors.data[i].tensor].kind == kind)
            sum += is_load ? report->tensors.data[i].loaded : report->tensors.data[i].stored;
    return sum;
}

static void engines(const ts_report *report, emit *add, void *to) {
    static const char *const names[] = {"", "tensor", "vector", "scalar", "gpsimd", "sync"};
    const ts_record *record = &report->record;
    for (unsigned engine = ts_engine_tensor; engine < ts_engine_count; engine++) {
        uint64_t count = 0;
        char name[64];
        for (uint32_t i = 0; i < record->rows.count; i++)
            if (record->rows.data[i].engine == engine && record->rows.data[i].op != ts_op_leave)
                count += record->rows.data[i].count;
        const char *forms[] = {"active_time", "active_time_percent", "instruction_count"};
        double values[] = {(double)record->busy[engine] / 1e12, share(record->busy[engine], record->total),
                           (double)count};
        for (int i = 0; i < 3; i++) {
            ts_text word = {0};
            ts_text_format(&word, "%s_engine_%s", names[engine], forms[i]);
            size_t length = word.length < sizeof name - 1 ? word.length : sizeof name - 1;
            for (size_t c = 0; c <= length; c++)
                name[c] = word.data[c];
            ts_text_free(&word);
            add(to, name, values[i]);
        }
    }
}

static void each(const ts_report *report, emit *add, void *to) {
    const ts_record *record = &report->record;
    double total = (double)record->total / 1e12, peak = record->chip.peak_bf16_tflops * 1e12;
    double hbm =
        record->chip.hbm_bytes_per_ns * 1e9 / (record->chip.sibling_core_idle != 0 ? 1 : record->chip.cores);
    double moved = (double)(record->hbm_read_bytes + record->hbm_write_bytes);
    double model = (double)record->model_flops, hardware = (double)record->pe_flops;
    add(to, "total_time", total);
    add(to, "neuroncore_cycle_count", floor(total * record->chip.sync_ghz * 1e9));
    add(to, "model_flops", model);
    add(to, "hardware_flops", hardware);
    add(to, "mfu_estimated_percent", total > 0 ? 100 * model / (peak * total) : 0);
    add(to, "hfu_estimated_percent", total > 0 ? 100 * hardware / (peak * total) : 0);
    if (moved > 0) {
        double ceiling = 100 * (model / moved) / (peak / hbm);
        add(to, "mfu_max_achievable_estimated_percent", ceiling < 100 ? ceiling : 100);
        add(to, "mm_arithmetic_intensity", hardware / moved);
    }
    add(to, "peak_flops_bandwidth_ratio", peak / hbm);
    add(to, "mbu_estimated_percent", total > 0 ? 100 * moved / total / hbm : 0);
    engines(report, add, to);
    add(to, "dma_active_time", (double)record->dma_busy / 1e12);
    add(to, "dma_active_time_percent", share(record->dma_busy, record->total));
    add(to, "dma_transfer_count", (double)record->dma_transfers);
    if (record->dma_transfers) {
        uint64_t bytes = 0;
        for (int i = 0; i < TS_DMA_SIZES; i++)
            bytes += record->sizes[i].bytes;
        add(to, "dma_transfer_average_bytes", (double)bytes / (double)record->dma_transfers);
        add(to, "dma_transfer_total_bytes", (double)bytes);
    }
    add(to, "dma_queue_count", record->queues.count);
    add(to, "hbm_read_bytes", (double)record->hbm_read_bytes);
    add(to, "hbm_write_bytes", (double)record->hbm_write_bytes);
    add(to, "sbuf_read_bytes", (double)record->sbuf_read_bytes);
    add(to, "sbuf_write_bytes", (double)record->sbuf_write_bytes);
    add(to, "psum_read_bytes", (double)record->psum_read_bytes);
    add(to, "psum_write_bytes", (double)record->psum_write_bytes);
    add(to, "spill_save_bytes", (double)kind_bytes(report, ts_tensor_scratch, false));
    add(to, "spill_reload_bytes", (double)kind_bytes(report, ts_tensor_scratch, true));
    add(to, "input_queue_bytes", (double)kind_bytes(report, ts_tensor_input, true));
    add(to, "output_queue_bytes", (double)kind_bytes(report, ts_tensor_output, false));
    add(to, "launch_time", (double)record->launch / 1e12); /* ours: inside total_time */
}

static void add_text(void *to, const char *name, double value) {
    ts_text *out = to;
    size_t start = out->length;
    ts_text_add(out, name);
    while (out->length - start < 44)
        ts_text_add(out, " ");
    ts_text_double(out, value);
    ts_text_add(out, "\n");
}

static void add_json(void *to, const char *name, double value) {
    ts_text *out = to;
    ts_text_add(out, out->data[out->length - 1] == '{' ? "" : ", ");
    ts_text_quote(out, name);
    ts_text_add(out, ": ");
    ts_text_double(out, value);
}

void ts_report_summary_text(const ts_report *report, ts_text *out) {
    each(report, add_text, out);
}

void ts_report_summary_json(const ts_report *report, ts_text *out) {
    ts_text_add(out, "{");
    each(report, add_json, out);
    ts_text_add(out, "}");
}
