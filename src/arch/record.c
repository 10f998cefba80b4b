/* ts_record: names and derived numbers. */
#include "arch/record.h"

#include <stdio.h>
#include <string.h>

const char *ts_bound_name(unsigned bound) {
    static const char *const names[] = {
        "launch",          "tensor",    "vector",      "scalar",     "gpsimd", "dma_bytes",
        "dma_descriptors", "dma_queue", "dma_latency", "collective", "wait",   "?"};
    return names[bound < ts_bound_count ? bound : ts_bound_count];
}

bool ts_op_is_off_engine(unsigned op) {
    const char *name = ts_op_get(op)->name;
    return strncmp(name, "gpsimd_", 7) == 0 || strncmp(name, "host_", 5) == 0;
}

void ts_record_free(ts_record *record) {
    ts_arena_free(&record->arena);
    memset(record, 0, sizeof *record);
}

double ts_record_mfu(const ts_record *record) {
    double peak = record->chip.peak_bf16_tflops * 1e12 * (double)record->total * 1e-12;
    return peak > 0 ? (double)record->model_flops / peak : 0;
}

double ts_record_tflops(const ts_record *record) {
    return record->total > 0 ? (double)record->pe_flops / (double)record->total
                             : 0; /* per ps: 10^12 per second */
}

ts_bound ts_record_bottleneck(const ts_record *record) {
    int best = 0;
    for (int bound = 1; bound < ts_bound_count; bound++)
        if (record->bound[bound] > record->bound[best]) best = bound;
    return (ts_bound)best;
}

ts_status ts_record_require_sources(const ts_record *record, ts_diag *diag) {
    uint32_t count = record->assumptions.count;
    if (count == 0 && record->assumed_trips == 0) return ts_ok;
    if (count == 0) {
        ts_fail(diag, ts_unspecified,
                "the time leans on loops whose length depends on data, taken as %llu trips",
                (unsigned long long)record->assumed_trips);
        ts_diag_remedy(diag, "time what a run decided: trainstone run, or a record of TRAINSTONE_OUT");
        return ts_unspecified;
    }
    char names[300] = "";
    size_t length = 0;
    for (uint32_t i = 0; i < count && length < sizeof names; i++)
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", i ? ", " : "",
                                   ts_param_at(record->assumptions.data[i])->name);
    ts_fail(diag, ts_unspecified, "the result leans on what no document says; assumed rows of the chip: %s",
            names);
    ts_diag_remedy(diag, "edit these rows in a file for --chip when you know better, or leave --strict out");
    return ts_unspecified;
}
