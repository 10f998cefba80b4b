/* Formats of figures, common to all forms of the report. */
#include "report/figures.h"

#include <math.h>

#include "arch/isa.h"

static const char *const units[] = {"ns", "us", "ms", "s"};

static int unit_of(ts_time scale) {
    double value = fabs((double)scale) * 1e-3;
    int unit = 0;
    for (; value >= 999.5 && unit < 3; unit++)
        value /= 1000;
    return unit;
}

const char *ts_figure_unit(ts_time scale) {
    return units[unit_of(scale)];
}

double ts_figure_in(ts_time time, ts_time scale) {
    double value = (double)time * 1e-3;
    for (int unit = unit_of(scale); unit > 0; unit--)
        value /= 1000;
    return value;
}

void ts_figure_time(ts_text *out, ts_time time) {
    double value = ts_figure_in(time, time);
    const char *form = fabs(value) < 9.995 ? "%.2f %s" : fabs(value) < 99.95 ? "%.1f %s" : "%.0f %s";
    if (time == 0) form = "%.0f %s";
    ts_text_format(out, form, value, ts_figure_unit(time));
}

void ts_figure_column(ts_text *out, ts_time time, ts_time scale) {
    double most = ts_figure_in(scale, scale);
    ts_text_format(out, most < 9.995 ? "%.3f" : most < 99.95 ? "%.2f" : "%.1f", ts_figure_in(time, scale));
}

/* Three digits and a unit from `names`; the first stands for `step`, each next one for `step` times the one
   before. */
static void add_scaled(ts_text *out, double value, double step, const char *const *names, int count) {
    int unit = 0;
    for (value /= step; value >= step - 0.5 && unit + 1 < count; unit++)
        value /= step;
    ts_text_format(out,
                   value < 9.995   ? "%.2f %s"
                   : value < 99.95 ? "%.1f %s"
                                   : "%.0f %s",
                   value, names[unit]);
}

void ts_figure_bytes(ts_text *out, double bytes) {
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024)
        ts_text_format(out, "%.0f B", bytes);
    else
        add_scaled(out, bytes, 1024, names, 4);
}

void ts_figure_count(ts_text *out, double count) {
    static const char *const names[] = {"k", "M", "G", "T", "P"};
    if (count < 9999.5)
        ts_text_format(out, "%.0f", count);
    else
        add_scaled(out, count, 1000, names, 5);
}

void ts_figure_percent(ts_text *out, double share) {
    double value = 100 * share;
    ts_text_format(out, value > 0 && value < 0.095 ? "%.2f %%" : value < 9.95 ? "%.1f %%" : "%.0f %%", value);
}

double ts_figure_share(ts_time part, ts_time whole) {
    return whole > 0 ? (double)part / (double)whole : 0;
}

void ts_figure_dollars(ts_text *out, double value) {
    ts_text_format(out, value >= 99.95 ? "$%.0f" : value >= 0.0095 ? "$%.2f" : "$%.2g", value);
}

const char *ts_figure_bound(unsigned bound) {
    static const char *const names[] = {"Launch",      "Tensor",      "Vector",          "Scalar",
                                        "GpSimd",      "DMA bytes",   "DMA descriptors", "DMA queue",
                                        "DMA latency", "Collectives", "Waits",           "?"};
    return names[bound < ts_bound_count ? bound : ts_bound_count];
}

unsigned ts_figure_main_bound(const ts_time bounds[ts_bound_count]) {
    unsigned best = 0;
    for (unsigned b = 1; b < ts_bound_count; b++)
        if (bounds[b] > bounds[best]) best = b;
    return best;
}

const char *ts_figure_engine(unsigned engine) {
    static const char *const names[ts_engine_count] = {"", "Tensor", "Vector", "Scalar", "GpSimd", "Sync"};
    return names[engine < ts_engine_count ? engine : ts_engine_none];
}

const char *ts_figure_mover(const ts_record_row *row) {
    switch (row->op) {
    case ts_op_dma_copy: return "DMA";
    case ts_op_collective: return "CC";
    default: return ts_engine_name(row->engine);
    }
}
