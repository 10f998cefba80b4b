/* Figures under the names and definitions of neuron-profile's summary (profile-schema-reference.rst, schema
   7.4.0), for scripts that read `summary-text` and `summary-json`. What a model cannot know is left out. */
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

static uint64_t kind_size(const ts_report *report, unsigned kind) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < report->program->tensors.count; i++)
        if (report->program->tensors.data[i].kind == kind) sum += report->program->tensors.data[i].bytes;
    return sum;
}

/* Number of instructions of an operation (ts_op_none: of all) on an engine. */
static double count_of(const ts_report *report, unsigned op, unsigned engine) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < report->record.rows.count; i++) {
        const ts_record_row *row = &report->record.rows.data[i];
        if (row->engine == engine && row->op != ts_op_leave && (op == ts_op_none || row->op == op))
            count += row->count;
    }
    return (double)count;
}

/* Instructions of one engine never overlap, so the sum of their times is the engine's busy time. */
static void engines(const ts_report *report, emit *add, void *to) {
    static const char *const names[] = {"", "tensor", "vector", "scalar", "gpsimd", "sync"};
    const ts_record *record = &report->record;
    for (unsigned engine = ts_engine_tensor; engine < ts_engine_count; engine++) {
        const char *forms[] = {"instruction_time", "active_time", "active_time_percent", "instruction_count"};
        double seconds = (double)record->busy[engine] / 1e12;
        double values[] = {seconds, seconds, share(record->busy[engine], record->total),
                           count_of(report, ts_op_none, engine)};
        for (int i = 0; i < 4; i++) {
            ts_text name = {0};
            ts_text_format(&name, "%s_engine_%s", names[engine], forms[i]);
            add(to, name.data, values[i]);
            ts_text_free(&name);
        }
    }
    add(to, "matmul_instruction_count",
        count_of(report, ts_op_nc_matmul, ts_engine_tensor) +
            count_of(report, ts_op_nc_transpose, ts_engine_tensor));
    add(to, "activate_instruction_count", count_of(report, ts_op_activation, ts_engine_scalar));
}

double ts_report_mfu_ceiling(const ts_report *report) {
    const ts_record *record = &report->record;
    double moved = (double)(record->hbm_read_bytes + record->hbm_write_bytes);
    double hbm = record->chip.hbm_bytes_per_ns * 1e9 / record->chip.cores; /* an HBM stack serves one core */
    if (record->model_flops == 0 || moved == 0) return -1;
    return fmin(1, (double)record->model_flops / moved * hbm / (record->chip.peak_bf16_tflops * 1e12));
}

/* Floating-point operations of the PE array and their share of its peak. bf16-equivalent: fp32 takes four
   passes. */
static void flops(const ts_report *report, emit *add, void *to) {
    const ts_record *record = &report->record;
    double seconds = (double)record->total / 1e12, peak = record->chip.peak_bf16_tflops * 1e12;
    double hbm = record->chip.hbm_bytes_per_ns * 1e9 / record->chip.cores; /* an HBM stack serves one core */
    double moved = (double)(record->hbm_read_bytes + record->hbm_write_bytes);
    double model = (double)record->model_flops, transposes = (double)record->pe_transpose_flops;
    double regular = (double)(record->pe_flops + record->pe_selection_flops), hardware = regular + transposes;
    double most = peak * seconds, more = record->chip.fp32_matmul_passes - 1;
    add(to, "model_flops", model);
    add(to, "hardware_flops", hardware);
    add(to, "transpose_flops", transposes);
    add(to, "adjusted_hardware_flops", hardware + more * (double)record->pe_fp32_flops);
    add(to, "adjusted_transpose_flops", transposes + more * (double)record->pe_fp32_transpose_flops);
    add(to, "peak_flops_bandwidth_ratio", peak / hbm);
    const double shares[] = {model, model, regular};
    static const char *const names[][2] = {
        {"mfu_estimated_percent", "mfu_max_achievable_estimated_percent"},
        {"mfu_hlo_estimated_percent", "mfu_hlo_max_achievable_estimated_percent"},
        {"mfu_inst_estimated_percent", "mfu_inst_max_achievable_estimated_percent"}};
    for (int i = 0; i < 3; i++) {
        add(to, names[i][0], most > 0 ? 100 * shares[i] / most : 0);
        if (moved > 0) add(to, names[i][1], fmin(100, 100 * (shares[i] / moved) / (peak / hbm)));
    }
    add(to, "hfu_estimated_percent", most > 0 ? 100 * hardware / most : 0);
    if (moved > 0) add(to, "mm_arithmetic_intensity", regular / moved);
    if (seconds <= 0) return;
    add(to, "mbu_estimated_percent", 100 * moved / seconds / hbm);
    add(to, "mbu_min_read_util_percent",
        100 * (double)(report->argument_bytes + report->constant_bytes) / seconds / hbm);
}

static void transfers(const ts_report *report, emit *add, void *to) {
    const ts_record *record = &report->record;
    uint64_t bytes = 0;
    ts_time time = 0;
    for (int i = 0; i < TS_DMA_SIZES; i++) {
        bytes += record->sizes[i].bytes;
        time += record->sizes[i].time;
    }
    add(to, "dma_active_time", (double)record->dma_busy / 1e12);
    add(to, "dma_active_time_percent", share(record->dma_busy, record->total));
    add(to, "dma_packet_time", (double)time / 1e12);
    add(to, "dma_transfer_count", (double)record->dma_transfers);
    if (record->dma_transfers)
        add(to, "dma_transfer_average_bytes", (double)bytes / (double)record->dma_transfers);
    add(to, "dma_transfer_total_bytes", (double)bytes);
    add(to, "dma_queue_count", record->queues.count);
}

static void memory(const ts_report *report, emit *add, void *to) {
    const ts_record *record = &report->record;
    double weights = (double)report->constant_bytes, inputs = (double)report->argument_bytes;
    add(to, "hbm_read_bytes", (double)record->hbm_read_bytes);
    add(to, "hbm_write_bytes", (double)record->hbm_write_bytes);
    add(to, "sbuf_read_bytes", (double)record->sbuf_read_bytes);
    add(to, "sbuf_write_bytes", (double)record->sbuf_write_bytes);
    add(to, "psum_read_bytes", (double)record->psum_read_bytes);
    add(to, "psum_write_bytes", (double)record->psum_write_bytes);
    add(to, "psum_read_sbuf_write_count", (double)record->psum_to_sbuf_instructions);
    add(to, "psum_read_sbuf_write_bytes", (double)record->psum_to_sbuf_bytes);
    add(to, "spill_save_bytes", (double)kind_bytes(report, ts_tensor_scratch, false));
    add(to, "spill_reload_bytes", (double)kind_bytes(report, ts_tensor_scratch, true));
    add(to, "input_queue_bytes", (double)kind_bytes(report, ts_tensor_input, true));
    add(to, "output_queue_bytes", (double)kind_bytes(report, ts_tensor_output, false));
    add(to, "weight_queue_bytes", (double)kind_bytes(report, ts_tensor_constant, true));
    add(to, "weight_size_bytes", weights);
    add(to, "inputs_and_weights_size_bytes", inputs + weights);
    add(to, "inputs_outputs_weights_size_bytes",
        inputs + weights + (double)kind_size(report, ts_tensor_output));
}

static void each(const ts_report *report, emit *add, void *to) {
    const ts_record *record = &report->record;
    double total = (double)record->total / 1e12;
    add(to, "total_time", total);
    add(to, "total_exec_time", (double)(record->total - record->launch) / 1e12);
    add(to, "neuroncore_cycle_count", floor(total * record->chip.sync_ghz * 1e9));
    flops(report, add, to);
    engines(report, add, to);
    transfers(report, add, to);
    memory(report, add, to);
    double collectives = (double)record->collective_busy / 1e12;
    add(to, "cc_op_time", collectives); /* a single stream: no two overlap */
    add(to, "cc_op_active_time", collectives);
    add(to, "cc_op_active_time_percent", share(record->collective_busy, record->total));
    add(to, "cc_op_count", (double)record->collectives);
    add(to, "launch_time", (double)record->launch / 1e12); /* Trainstone's own; part of total_time */
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
