/* ts_record: derived figures and the short terminal summary. */
#include "arch/record.h"

#include <stdio.h>
#include <string.h>

const char *ts_bound_name(unsigned bound) {
    static const char *const names[] = {"launch",    "tensor",          "vector",    "scalar",      "gpsimd",
                                        "dma_bytes", "dma_descriptors", "dma_queue", "dma_latency", "wait",
                                        "?"};
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

ts_bound ts_record_bottleneck(const ts_record *record) {
    int best = 0;
    for (int bound = 1; bound < ts_bound_count; bound++)
        if (record->bound[bound] > record->bound[best]) best = bound;
    return (ts_bound)best;
}

/* Three significant figures and a unit that suits them. */
static void add_time(ts_text *out, ts_time time) {
    static const char *const units[] = {"ns", "us", "ms", "s"};
    double value = (double)time * 1e-3;
    int unit = 0;
    for (; value >= 999.5 && unit < 3; unit++)
        value /= 1000;
    ts_text_format(out,
                   value < 9.995   ? "%.2f %s"
                   : value < 99.95 ? "%.1f %s"
                                   : "%.0f %s",
                   value, units[unit]);
}

static double percent(ts_time part, ts_time whole) {
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void add_bounds(const ts_record *record, ts_text *out) {
    bool used[ts_bound_count] = {false};
    ts_text_add(out, "bound by    ");
    for (int rank = 0; rank < ts_bound_count; rank++) {
        int best = -1;
        for (int bound = 0; bound < ts_bound_count; bound++)
            if (!used[bound] && (best < 0 || record->bound[bound] > record->bound[best])) best = bound;
        used[best] = true;
        if (percent(record->bound[best], record->total) < 0.5) break;
        ts_text_format(out, "%s%s %.0f %%", rank ? "   " : "", ts_bound_name((unsigned)best),
                       percent(record->bound[best], record->total));
    }
    ts_text_add(out, "\n");
}

static void add_busy(const ts_record *record, ts_text *out) {
    ts_text_add(out, "busy        ");
    for (unsigned engine = ts_engine_tensor; engine < ts_engine_count; engine++)
        ts_text_format(out, "%s %.0f %%   ", ts_engine_name(engine),
                       percent(record->busy[engine], record->total));
    ts_text_format(out, "dma %.0f %%\n", percent(record->dma_busy, record->total));
}

/* Time charged to a source line, over all its rows. */
static ts_time line_bound(const ts_record *record, const ts_program *program, const ts_loc *loc,
                          uint32_t *first) {
    ts_time sum = 0;
    *first = UINT32_MAX;
    for (uint32_t i = 0; i < record->rows.count; i++) {
        const ts_loc *other = &program->locs.data[record->rows.data[i].loc];
        if (other->line != loc->line || strcmp(other->file, loc->file) != 0) continue;
        if (*first == UINT32_MAX) *first = i;
        sum += record->rows.data[i].bound;
    }
    return sum;
}

static const char *file_end(const char *file) {
    size_t length = strlen(file);
    return length > 40 ? file + length - 40 : file;
}

/* The lines that cost most, at most five. */
static void add_lines(const ts_record *record, const ts_program *program, ts_text *out) {
    enum { MOST = 5, LOOKED_AT = 2000 }; /* rows are sorted: later ones are short */
    uint32_t best[MOST], count = 0;
    ts_time time[MOST];
    for (uint32_t i = 0; i < record->rows.count && i < LOOKED_AT; i++) {
        const ts_record_row *row = &record->rows.data[i];
        const ts_loc *loc = &program->locs.data[row->loc];
        uint32_t first;
        if (row->engine == ts_engine_none) continue;
        ts_time sum = line_bound(record, program, loc, &first);
        if (first != i || percent(sum, record->total) < 1) continue;
        uint32_t at = count < MOST ? count++ : MOST;
        while (at > 0 && time[at - 1] < sum) {
            if (at < MOST) time[at] = time[at - 1], best[at] = best[at - 1];
            at--;
        }
        if (at < MOST) time[at] = sum, best[at] = i;
    }
    if (count) ts_text_add(out, "charged to  source line\n");
    for (uint32_t i = 0; i < count; i++) {
        const ts_record_row *row = &record->rows.data[best[i]];
        const ts_loc *loc = &program->locs.data[row->loc];
        ts_text_format(out, "  %5.1f %%   ", percent(time[i], record->total));
        if (loc->file[0])
            ts_text_format(out, "%s:%u  ", file_end(loc->file), loc->line);
        else
            ts_text_add(out, "(no source)  ");
        if (loc->name && loc->name[0]) ts_text_format(out, "%.40s  ", loc->name);
        ts_text_format(out, "most busy: %s on %s\n", ts_op_get(row->op)->name, ts_engine_name(row->engine));
    }
}

static void add_off_engine(const ts_record *record, ts_text *out) {
    if (record->off_engine_elems == 0) return;
    ts_text_format(out, "off engine  %.2g %% of elements, assumed cost:",
                   100.0 * (double)record->off_engine_elems / (double)(record->elems ? record->elems : 1));
    uint16_t last = 0;
    for (uint32_t i = 0; i < record->rows.count; i++) {
        const ts_record_row *row = &record->rows.data[i];
        if (!ts_op_is_off_engine(row->op) || row->op == last) continue;
        last = row->op;
        ts_text_format(out, " %s", ts_op_get(row->op)->name);
    }
    ts_text_add(out, "\n");
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

static void add_assumptions(const ts_record *record, ts_text *out) {
    if (record->assumptions.count == 0) return;
    ts_text_add(out, "assumes     ");
    for (uint32_t i = 0; i < record->assumptions.count; i++) {
        const ts_param *param = ts_param_at(record->assumptions.data[i]);
        ts_text_format(out, "%s%s %.6g", i ? ", " : "", param->name, param->value);
    }
    ts_text_add(out, "\n");
}

void ts_record_summary(const ts_record *record, const ts_program *program, const ts_instance *instance,
                       ts_text *out) {
    ts_text_format(out, "%s on %s%s%s, modelled, not measured\n",
                   record->program_name && record->program_name[0] ? record->program_name : "program",
                   record->chip.name, instance ? " " : "", instance ? instance->name : "");
    ts_text_add(out, "predicted   ");
    add_time(out, record->total);
    ts_text_add(out, "  (");
    add_time(out, record->total_low);
    ts_text_add(out, " .. ");
    add_time(out, record->total_high);
    ts_text_add(out, ")");
    if (record->model_flops)
        ts_text_format(out, "   MFU %.3g %% of %.4g TFLOP/s bf16", 100 * ts_record_mfu(record),
                       record->chip.peak_bf16_tflops);
    ts_text_add(out, "\n");
    add_bounds(record, out);
    add_busy(record, out);
    ts_text_format(out,
                   "work        %llu instructions, %.4g GFLOP on the PE, HBM %.4g MB read, %.4g MB written\n",
                   (unsigned long long)record->instructions, (double)record->pe_flops * 1e-9,
                   (double)record->hbm_read_bytes * 1e-6, (double)record->hbm_write_bytes * 1e-6);
    add_lines(record, program, out);
    add_off_engine(record, out);
    if (instance && instance->usd_per_hour > 0)
        ts_text_format(out, "cost        %.3g USD a run at %.4g USD an hour (on demand)\n",
                       (double)record->total * 1e-12 / 3600 * instance->usd_per_hour, instance->usd_per_hour);
    add_assumptions(record, out);
    if (record->assumed_trips)
        ts_text_format(out,
                       "note        timed without data: %llu trips of each loop that data ends, and every "
                       "branch of each conditional\n",
                       (unsigned long long)record->assumed_trips);
    if (record->conservative_waits)
        ts_text_format(out, "note        %llu waits were decided by bounding boxes\n",
                       (unsigned long long)record->conservative_waits);
}
