/* The timeline: how busy each engine is per bin of time, the critical path over time, and when each code
   position was executing. When time runs past the last bin, the width of all bins doubles. */
#include <string.h>

#include "clock/clock_core.h"

void ts_series_init(ts_clock *clock, uint32_t bins) {
    ts_record *record = clock->record;
    ts_series *series = &record->series;
    if (bins == 0) return;
    clock->bins = bins + bins % 2;
    series->width = 1024; /* ps */
    for (int engine = 0; engine < ts_engine_count; engine++)
        series->busy[engine] = TS_NEW_ARRAY(&record->arena, ts_time, clock->bins);
    for (int bound = 0; bound < ts_bound_count; bound++)
        series->bound[bound] = TS_NEW_ARRAY(&record->arena, ts_time, clock->bins);
    series->transposes = TS_NEW_ARRAY(&record->arena, ts_time, clock->bins);
    series->collectives = TS_NEW_ARRAY(&record->arena, ts_time, clock->bins);
    series->hbm_bytes = TS_NEW_ARRAY(&record->arena, uint64_t, clock->bins);
    for (uint32_t at = 0; at < clock->program->code.count; at++)
        ts_vec_push(&record->lives, &record->arena, (ts_life){0});
}

/* Joins pairs of bins. */
static void halve_times(ts_time *values, uint32_t bins) {
    for (uint32_t i = 0; i < bins / 2; i++)
        values[i] = values[2 * i] + values[2 * i + 1];
    memset(values + bins / 2, 0, (bins - bins / 2) * sizeof *values);
}

static void halve(ts_clock *clock) {
    ts_series *series = &clock->record->series;
    for (int engine = 0; engine < ts_engine_count; engine++)
        halve_times(series->busy[engine], clock->bins);
    for (int bound = 0; bound < ts_bound_count; bound++)
        halve_times(series->bound[bound], clock->bins);
    halve_times(series->transposes, clock->bins);
    halve_times(series->collectives, clock->bins);
    for (uint32_t i = 0; i < clock->bins / 2; i++)
        series->hbm_bytes[i] = series->hbm_bytes[2 * i] + series->hbm_bytes[2 * i + 1];
    memset(series->hbm_bytes + clock->bins / 2, 0,
           (clock->bins - clock->bins / 2) * sizeof *series->hbm_bytes);
    series->width *= 2;
}

/* Widens bins until they reach `end`. */
static void reach(ts_clock *clock, ts_time end) {
    ts_series *series = &clock->record->series;
    while (end > series->width * (ts_time)clock->bins)
        halve(clock);
    uint32_t count = (uint32_t)((end + series->width - 1) / series->width);
    if (count > series->count) series->count = count;
}

/* Spreads `amount` evenly over [start, end). The sum of what bins get is exact. */
static void spread(const ts_series *series, ts_time *values, ts_time start, ts_time end, ts_time amount) {
    ts_time span = end - start, given = 0;
    for (ts_time at = start; at < end;) {
        ts_time bin = at / series->width, next = (bin + 1) * series->width;
        if (next > end) next = end;
        ts_time until = (ts_time)((__int128)amount * (next - start) / span);
        values[bin] += until - given;
        given = until;
        at = next;
    }
}

void ts_series_busy(ts_clock *clock, unsigned engine, ts_time start, ts_time end, int engines) {
    if (clock->bins == 0 || end <= start) return;
    start += clock->record->launch;
    end += clock->record->launch;
    reach(clock, end);
    spread(&clock->record->series, clock->record->series.busy[engine], start, end, engines * (end - start));
}

/* Adds an interval, without the launch, to a series of times. */
static void fill(ts_clock *clock, ts_time *values, ts_time start, ts_time end) {
    if (clock->bins == 0 || end <= start) return;
    start += clock->record->launch;
    end += clock->record->launch;
    reach(clock, end);
    spread(&clock->record->series, values, start, end, end - start);
}

void ts_series_transpose(ts_clock *clock, ts_time start, ts_time end) {
    fill(clock, clock->record->series.transposes, start, end);
}

void ts_series_collective(ts_clock *clock, ts_time start, ts_time end) {
    fill(clock, clock->record->series.collectives, start, end);
}

void ts_series_bytes(ts_clock *clock, ts_time start, ts_time end, uint64_t bytes) {
    if (clock->bins == 0 || end <= start) return;
    start += clock->record->launch;
    end += clock->record->launch;
    reach(clock, end);
    const ts_series *series = &clock->record->series;
    ts_time first = start / series->width, last = (end - 1) / series->width;
    uint64_t given = 0;
    for (ts_time bin = first; bin <= last; bin++) {
        ts_time next = bin == last ? end : (bin + 1) * series->width;
        uint64_t until =
            (uint64_t)((unsigned __int128)bytes * (uint64_t)(next - start) / (uint64_t)(end - start));
        series->hbm_bytes[bin] += until - given;
        given = until;
    }
}

void ts_series_live(ts_clock *clock, uint32_t inst, ts_time start, ts_time end) {
    if (clock->bins == 0) return;
    ts_life *life = &clock->record->lives.data[inst];
    start += clock->record->launch;
    end += clock->record->launch;
    if (life->last == 0 || start < life->first) life->first = start;
    if (end > life->last) life->last = end;
}

/* Appends a step to the path, up to the cap, or extends the last step if both are alike. */
static void keep_step(ts_clock *clock, ts_time start, ts_time end, const ts_charge *charge) {
    ts_record *record = clock->record;
    const ts_clock_row *row = &clock->rows.data[charge->row];
    ts_path_step step = {.start = start,
                         .end = end,
                         .loc = row->loc,
                         .op = row->op,
                         .engine = row->engine,
                         .bound = (uint8_t)charge->bound};
    ts_path_step *last = record->path.count ? &record->path.data[record->path.count - 1] : NULL;
    if (last && last->end == start && last->loc == step.loc && last->op == step.op &&
        last->engine == step.engine && last->bound == step.bound)
        last->end = end;
    else if (record->path.count < clock->path_cap)
        ts_vec_push(&record->path, &record->arena, step);
    else
        record->path_truncated = true;
}

void ts_series_path(ts_clock *clock, ts_time start, ts_time end, const ts_charge *charge) {
    if (charge->amount <= 0) return;
    if (clock->bins > 0) {
        reach(clock, end);
        spread(&clock->record->series, clock->record->series.bound[charge->bound], start, end,
               charge->amount);
    }
    if (clock->path_cap == 0) return;
    if (charge->amount == end - start)
        keep_step(clock, start, end, charge);
    else
        clock->record->path_is_coarse = true;
}
