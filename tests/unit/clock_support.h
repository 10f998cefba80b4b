/* Shared by tests of the clock: programs from text, the timing folder, and invariants of records. */
#ifndef TS_UNIT_CLOCK_SUPPORT_H
#define TS_UNIT_CLOCK_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "clock/clock.h"

static inline ts_program *parse_text(const char *text, const char *path) {
    ts_program *program = NULL;
    ts_diag diag = {0};
    if (ts_program_parse(text, path, &program, &diag) != ts_ok) {
        char message[1024];
        ts_diag_format(&diag, message, sizeof message);
        fail_msg("%s", message);
    }
    return program;
}

static inline ts_chip table_chip(void) {
    ts_chip chip;
    assert_int_equal(ts_chip_get("trn1", &chip, NULL), ts_ok);
    return chip;
}

static inline void clock_run(const ts_program *program, const ts_chip *chip, ts_record *record) {
    ts_clock_options options = {.slice_cap = 1000000, .band = true};
    ts_diag diag = {0};
    if (ts_clock_run(program, chip, &options, record, &diag) != ts_ok)
        fail_msg("%s: %s", program->name, diag.message);
}

static inline ts_time clock_total(const ts_program *program, const ts_chip *chip) {
    ts_clock_options options = {0};
    ts_record record;
    assert_int_equal(ts_clock_run(program, chip, &options, &record, NULL), ts_ok);
    ts_time total = record.total;
    ts_record_free(&record);
    return total;
}

/* Checks what holds for every record of every program. */
static inline void check_invariants(const ts_record *record) {
    ts_time bounds = 0, rows = 0;
    uint64_t count = 0;
    for (int i = 0; i < ts_bound_count; i++) {
        assert_true(record->bound[i] >= 0);
        bounds += record->bound[i];
    }
    for (uint32_t i = 0; i < record->rows.count; i++) {
        rows += record->rows.data[i].bound;
        count += record->rows.data[i].count;
        if (i) assert_true(record->rows.data[i - 1].busy >= record->rows.data[i].busy);
    }
    assert_true(bounds == record->total);
    assert_true(rows == record->total);
    assert_true(count == record->instructions);
    assert_true(record->total_low <= record->total && record->total <= record->total_high);
    for (int e = 0; e < ts_engine_count; e++)
        assert_true(record->busy[e] <= record->total - record->launch);
    assert_true(record->dma_busy <= record->total - record->launch);

    /* Slices of a lane do not overlap; those of an engine add up to its busy time. */
    assert_false(record->slices_truncated);
    ts_time last[256] = {0}, sum[256] = {0};
    for (uint32_t i = 0; i < record->slices.count; i++) {
        const ts_slice *slice = &record->slices.data[i];
        assert_true(slice->start >= record->launch && slice->end > slice->start &&
                    slice->end <= record->total);
        assert_true(slice->start >= last[slice->lane]);
        last[slice->lane] = slice->end;
        sum[slice->lane] += slice->end - slice->start;
    }
    for (int e = 0; e < ts_engine_count; e++)
        assert_true(sum[e] == record->busy[e]);
}

#endif
