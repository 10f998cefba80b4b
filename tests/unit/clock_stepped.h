/* Compares a run of the clock with one in which every instruction of every trip is stepped by itself. */
#ifndef TS_UNIT_CLOCK_STEPPED_H
#define TS_UNIT_CLOCK_STEPPED_H

#include "clock_programs.h"

static inline void run(const ts_program *program, const ts_chip *chip, ts_clock_options options,
                       bool step_all, ts_record *record) {
    ts_diag diag = {0};
    options.step_all = step_all;
    if (ts_clock_run(program, chip, &options, record, &diag) != ts_ok)
        fail_msg("%s: %s", program->name, diag.message);
}

static inline void check_same(const ts_program *program, const ts_record *a, const ts_record *b) {
    ts_text text_a = {0}, text_b = {0};
    if (a->total != b->total || a->total_low != b->total_low || a->total_high != b->total_high)
        fail_msg("%s: %lld ps with jumps, %lld stepped", program->name, (long long)a->total,
                 (long long)b->total);
    assert_memory_equal(a->busy, b->busy, sizeof a->busy);
    assert_memory_equal(a->bound, b->bound, sizeof a->bound);
    assert_memory_equal(a->sizes, b->sizes, sizeof a->sizes);
    assert_memory_equal(a->what_if, b->what_if, sizeof a->what_if);
    assert_true(a->dma_busy == b->dma_busy);
    assert_true(a->pe_transpose_flops == b->pe_transpose_flops && a->pe_fp32_flops == b->pe_fp32_flops &&
                a->pe_fp32_transpose_flops == b->pe_fp32_transpose_flops);
    assert_true(a->psum_to_sbuf_bytes == b->psum_to_sbuf_bytes &&
                a->psum_to_sbuf_instructions == b->psum_to_sbuf_instructions);
    assert_int_equal(a->rows.count, b->rows.count);
    for (uint32_t i = 0; i < a->rows.count; i++) {
        const ts_record_row *x = &a->rows.data[i], *y = &b->rows.data[i];
        assert_int_equal(x->count, y->count);
        assert_memory_equal(x->bounds, y->bounds, sizeof x->bounds);
    }
    assert_int_equal(a->queues.count, b->queues.count);
    for (uint32_t i = 0; i < a->queues.count; i++)
        assert_memory_equal(&a->queues.data[i], &b->queues.data[i], sizeof a->queues.data[i]);
    for (uint32_t i = 0; i < a->loops.count; i++)
        assert_memory_equal(&a->loops.data[i], &b->loops.data[i], sizeof a->loops.data[i]);
    ts_record_json(a, program, NULL, &text_a);
    ts_record_json(b, program, NULL, &text_b);
    assert_string_equal(text_a.data, text_b.data);
    ts_text_free(&text_a);
    ts_text_free(&text_b);
}

/* Compares the two records; returns the number of trips that were jumped over. */
static inline uint64_t check_program(const ts_program *program, const ts_chip *chip,
                                     ts_clock_options options) {
    ts_record jumped, stepped;
    run(program, chip, options, false, &jumped);
    run(program, chip, options, true, &stepped);
    uint64_t skipped = jumped.skipped_iterations;
    assert_int_equal(stepped.skipped_iterations, 0);
    jumped.skipped_iterations = 0;
    check_same(program, &jumped, &stepped);
    ts_record_free(&jumped);
    ts_record_free(&stepped);
    return skipped;
}

#endif
