/* Invariants of the clock on any program: a slower part never makes the total shorter, shares add up, and
   each instruction starts exactly when the last thing that it waits for allows it. */
#include <stdio.h>

#include "random_code.h"

/* ---- slower parts ---- */

static double *chip_field(ts_chip *chip, const ts_param *param) {
    return (double *)(void *)((char *)chip + param->offset);
}

/* Makes one row of the chip slower by a factor; false when the row says nothing about speed. */
static bool make_slower(ts_chip *chip, const ts_param *param, double factor) {
    double *value = chip_field(chip, param);
    if (strcmp(param->name, "dma_queues") == 0 || strcmp(param->name, "dma_engines") == 0)
        *value = 1;
    else if (strcmp(param->unit, "B/ns") == 0 || strcmp(param->unit, "GHz") == 0)
        *value /= factor;
    else if (strcmp(param->name, "sibling_core_idle") == 0)
        *value = 0;
    else if (strcmp(param->unit, "ns") == 0 || strcmp(param->unit, "us") == 0 ||
             strcmp(param->unit, "ratio") == 0 || strcmp(param->unit, "cycles") == 0 ||
             strcmp(param->name, "fp32_matmul_passes") == 0)
        *value *= factor;
    else
        return false;
    return true;
}

/* The total grows, or stays, with each factor. */
static void check_row(const ts_program *program, const ts_param *param, ts_time base, const double *factors,
                      int count) {
    for (int f = 0; f < count; f++) {
        ts_chip slower = table_chip();
        if (!make_slower(&slower, param, factors[f])) return;
        ts_time total = clock_total(program, &slower);
        if (total < base)
            fail_msg("%s: %s slower by %g: %lld ps, before %lld", program->name, param->name, factors[f],
                     (long long)total, (long long)base);
        base = total;
    }
}

static void check_monotonic(const ts_program *program) {
    static const char *const main_rows[] = {
        "hbm_bytes_per_ns",        "tensor_ghz", "dma_queues", "dma_engines",
        "dma_engine_bytes_per_ns", "vector_ghz"};
    static const double factors[] = {1.001, 1.1, 2, 5}, half = 2;
    ts_chip chip = table_chip();
    ts_record record;
    clock_run(program, &chip, &record);
    ts_time base = record.total;
    bool is_long = record.instructions > 5000;
    ts_record_free(&record);
    for (int i = 0; i < ts_param_count() && !is_long; i++)
        check_row(program, ts_param_at(i), base, factors, 4);
    for (size_t i = 0; i < sizeof main_rows / sizeof main_rows[0] && is_long; i++)
        check_row(program, ts_param_at(ts_param_find(main_rows[i])), base, &half, 1);
}

static void check_monotonic_of(const ts_program *program, void *context) {
    (void)context;
    check_monotonic(program);
}

static void test_slower_parts(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        ts_program *program = random_program(seed, 60, 1 + (int)seed % 4);
        check_monotonic(program);
        ts_program_free(program);
        program = random_semaphores(seed, 60, 1 + (int)seed % 4);
        check_monotonic(program);
        ts_program_free(program);
        program = random_of(seed, 60, 1 + (int)seed % 4, true);
        check_monotonic(program);
        ts_program_free(program);
    }
}

static void test_slower_parts_files(void **state) {
    (void)state;
    assert_true(each_timing_file(check_monotonic_of, NULL) > 10);
}

/* ---- everything adds up, also for another chip ---- */

static void check_adds_up(const ts_program *program) {
    ts_chip chip = table_chip();
    ts_record record;
    clock_run(program, &chip, &record);
    check_invariants(&record);
    ts_time total = record.total;
    ts_record_free(&record);
    clock_run(program, &chip, &record); /* the same again */
    assert_true(record.total == total);
    ts_record_free(&record);
    chip.tensor_ghz = 1.3;
    chip.dma_queue_floor_ns = 300;
    chip.hbm_bytes_per_ns = 20;
    chip.dma_engines = 3;
    clock_run(program, &chip, &record);
    check_invariants(&record);
    ts_record_free(&record);
}

static void check_adds_up_of(const ts_program *program, void *context) {
    (void)context;
    check_adds_up(program);
}

static void test_adds_up(void **state) {
    (void)state;
    for (uint64_t seed = 100; seed < 160; seed++) {
        ts_program *program = random_program(seed, 100, 1 + (int)seed % 5);
        check_adds_up(program);
        ts_program_free(program);
        program = random_semaphores(seed, 100, 1 + (int)seed % 5);
        check_adds_up(program);
        ts_program_free(program);
        program = random_of(seed, 100, 1 + (int)seed % 5, true);
        check_adds_up(program);
        ts_program_free(program);
    }
    assert_true(each_timing_file(check_adds_up_of, NULL) > 10);
}

/* ---- the short way ---- */

/* With a what-if the clock follows more places part by part. A what-if that takes nothing away has the
   program's total and leaves the record as it was. */
static void check_short_way(const ts_program *program, void *context) {
    (void)context;
    ts_chip chip = table_chip();
    const ts_what_if nothing = {0};
    ts_record shorter, full;
    ts_clock_options options = {.slice_cap = 1000000};
    assert_int_equal(ts_clock_run(program, &chip, &options, &shorter, NULL), ts_ok);
    options.what_ifs = &nothing;
    options.what_if_count = 1;
    assert_int_equal(ts_clock_run(program, &chip, &options, &full, NULL), ts_ok);
    assert_true(full.what_if[0] == shorter.total && full.total == shorter.total);
    assert_memory_equal(full.bound, shorter.bound, sizeof full.bound);
    assert_int_equal(full.slices.count, shorter.slices.count);
    for (uint32_t i = 0; i < full.slices.count; i++) {
        const ts_slice *a = &full.slices.data[i], *b = &shorter.slices.data[i];
        assert_true(a->start == b->start && a->end == b->end && a->after == b->after &&
                    a->waited == b->waited);
    }
    ts_record_free(&shorter);
    ts_record_free(&full);
}

static void test_short_way(void **state) {
    (void)state;
    for (uint64_t seed = 300; seed < 340; seed++) {
        ts_program *program = random_program(seed, 300, 1 + (int)seed % 5);
        check_short_way(program, NULL);
        program->order = ts_order_list;
        check_short_way(program, NULL);
        ts_program_free(program);
    }
    assert_true(each_timing_file(check_short_way, NULL) > 10);
}

/* ---- each start is explained ---- */

enum { CELL = 4, HBM_CELLS = 4 * 128 * 64 };

/* The 4-byte cells that an operand of at most two dimensions touches, by brute force. */
static void mark(const ts_ref *ref, bool *cells, bool value) {
    for (int64_t x = 0; x < ref->count[0]; x++)
        for (int64_t y = 0; y < ref->count[1]; y++)
            cells[ref->offset / CELL + x * ref->step[0] + y * ref->step[1]] = value;
}

static bool refs_meet(const ts_ref *a, const ts_ref *b) {
    static _Thread_local bool cells[HBM_CELLS];
    if (a->space != b->space) return false;
    if (a->space != ts_space_hbm && (a->part >= b->part + b->parts || b->part >= a->part + a->parts))
        return false;
    bool is_met = false;
    mark(a, cells, true);
    for (int64_t x = 0; x < b->count[0] && !is_met; x++)
        for (int64_t y = 0; y < b->count[1] && !is_met; y++)
            is_met = cells[b->offset / CELL + x * b->step[0] + y * b->step[1]];
    mark(a, cells, false);
    return is_met;
}

typedef struct issued {
    ts_operands operands;
    ts_cost cost;
    ts_time start, done; /* done: what another engine may wait for */
    bool is_dma, has_load;
    uint8_t engine;
} issued;

/* When the semaphore that `later` waits for has reached its value by signals in program order. */
static ts_time required_signals(const ts_program *program, const issued *all, uint32_t later) {
    const ts_inst *inst = program->code.data[later];
    const ts_sync *sync = inst->sync ? &program->syncs.data[inst->sync - 1] : NULL;
    ts_time needed = 0;
    int64_t count = 0;
    for (uint32_t i = 0; sync && sync->is_waiting && i < later && count < sync->value.base; i++) {
        uint32_t other = program->code.data[i]->sync;
        if (!other || !program->syncs.data[other - 1].is_signalling) continue;
        if (program->syncs.data[other - 1].signalled != sync->awaited) continue;
        count += program->syncs.data[other - 1].amount;
        if (all[i].done > needed) needed = all[i].done;
    }
    return needed;
}

/* The earliest start of `later` that the rules allow because of `earlier`; 0 when they share nothing. */
static ts_time required(const ts_chip *chip, const issued *earlier, const issued *later, bool is_explicit) {
    ts_time needed = 0;
    ts_engine_cost engine = ts_engine_cost_get(chip, earlier->engine);
    bool is_same = earlier->engine == later->engine && !earlier->is_dma && !later->is_dma;
    if (is_explicit && !is_same) return 0;
    for (int i = 0; i < earlier->operands.count; i++)
        for (int j = 0; j < later->operands.count; j++) {
            bool is_result = earlier->operands.is_write[i] && !later->operands.is_write[j];
            if (!earlier->operands.is_write[i] && !later->operands.is_write[j]) continue;
            if (is_same && !is_result) continue;
            if (!refs_meet(&earlier->operands.ref[i], &later->operands.ref[j])) continue;
            ts_time time = earlier->done;
            if (is_same)
                time = earlier->start + earlier->cost.occupancy +
                       ts_cycles_time(engine.dependent_cycles, engine.ghz);
            if (time > needed) needed = time;
        }
    return needed;
}

static bool shares_port(const issued *a, const issued *b) {
    bool is_sbuf = (a->engine == ts_engine_vector && b->engine == ts_engine_gpsimd) ||
                   (a->engine == ts_engine_gpsimd && b->engine == ts_engine_vector);
    bool is_psum = (a->engine == ts_engine_vector && b->engine == ts_engine_scalar) ||
                   (a->engine == ts_engine_scalar && b->engine == ts_engine_vector);
    if ((!is_sbuf && !is_psum) || a->is_dma || b->is_dma) return false;
    uint8_t space = is_sbuf ? ts_space_sbuf : ts_space_psum;
    bool in_a = false, in_b = false;
    for (int i = 0; i < a->operands.count; i++)
        in_a |= a->operands.ref[i].space == space;
    for (int i = 0; i < b->operands.count; i++)
        in_b |= b->operands.ref[i].space == space;
    return in_a && in_b;
}

static void read_slices(const ts_program *program, const ts_chip *chip, const ts_record *record,
                        issued *all) {
    int64_t counters[1] = {0};
    ts_time semaphore = (ts_time)(chip->semaphore_ns * 1000),
            completion = (ts_time)(chip->dma_completion_ns * 1000);
    for (uint32_t i = 0; i < program->code.count; i++) {
        const ts_inst *inst = program->code.data[i];
        ts_inst_operands(program, inst, counters, &all[i].operands);
        ts_inst_cost(chip, inst, &all[i].operands, &all[i].cost);
        all[i].engine = inst->engine;
        all[i].is_dma = inst->op == ts_op_dma_copy;
        all[i].start = -1;
    }
    for (uint32_t s = 0; s < record->slices.count; s++) {
        const ts_slice *slice = &record->slices.data[s];
        issued *one = &all[slice->inst];
        ts_time start = slice->start - record->launch;
        if (slice->lane >= TS_LANE_QUEUE) {
            one->done = slice->end - record->launch + completion;
            continue;
        }
        if (one->start >= 0) one->has_load = true; /* the slice before was the table load */
        one->start = start;
        if (!one->is_dma) one->done = start + one->cost.stream + one->cost.latency + semaphore;
    }
}

static void check_starts(const ts_program *program) {
    ts_chip chip = table_chip();
    ts_record record;
    clock_run(program, &chip, &record);
    issued *all = calloc(program->code.count, sizeof *all);
    assert_non_null(all);
    read_slices(program, &chip, &record, all);
    ts_time load = (ts_time)(chip.act_table_load_ns * 1000);
    for (uint32_t j = 0; j < program->code.count; j++) {
        bool is_explicit = program->syncing == ts_syncing_explicit;
        ts_time needed = required_signals(program, all, j), engine_free = 0;
        for (uint32_t i = 0; i < j; i++) {
            ts_time time = required(&chip, &all[i], &all[j], is_explicit);
            if (time > needed) needed = time;
            if (all[i].engine == all[j].engine) engine_free = all[i].start + all[i].cost.occupancy;
        }
        if (all[j].has_load) engine_free += load;
        if (engine_free > needed) needed = engine_free;
        bool is_explained = all[j].start == needed;
        for (uint32_t i = 0; i < program->code.count && !is_explained; i++)
            if (shares_port(&all[i], &all[j]) && all[i].start + all[i].cost.occupancy == all[j].start)
                is_explained = true;
        if (all[j].start < needed || !is_explained)
            fail_msg("instruction %u starts at %lld, the rules say %lld", j, (long long)all[j].start,
                     (long long)needed);
        for (uint32_t i = 0; i < program->code.count; i++)
            if (i != j && shares_port(&all[i], &all[j]) && all[i].start <= all[j].start)
                assert_true(all[i].start + all[i].cost.occupancy <= all[j].start);
    }
    free(all);
    ts_record_free(&record);
}

static void test_starts(void **state) {
    (void)state;
    for (uint64_t seed = 1000; seed < 1080; seed++) {
        ts_program *program = random_program(seed, 60, 16);
        check_starts(program);
        ts_program_free(program);
        program = random_semaphores(seed, 60, 16);
        check_starts(program);
        ts_program_free(program);
    }
}

/* ---- a list instead of program order ---- */

static bool keeps_order(const issued *a, const issued *b) {
    for (int i = 0; i < a->operands.count; i++)
        for (int j = 0; j < b->operands.count; j++)
            if ((a->operands.is_write[i] || b->operands.is_write[j]) &&
                refs_meet(&a->operands.ref[i], &b->operands.ref[j]))
                return true;
    return false;
}

/* In any order of issue, each start respects the instructions before it in the program. Returns how many
   instructions overtook another one of their engine. */
static int check_list_starts(const ts_program *program) {
    ts_chip chip = table_chip();
    ts_record record;
    clock_run(program, &chip, &record);
    check_invariants(&record);
    issued *all = calloc(program->code.count, sizeof *all);
    assert_non_null(all);
    read_slices(program, &chip, &record, all);
    int overtakes = 0;
    for (uint32_t j = 0; j < program->code.count; j++)
        for (uint32_t i = 0; i < j; i++) {
            assert_true(all[j].start >= required(&chip, &all[i], &all[j], false));
            if (all[i].engine == all[j].engine && all[j].start < all[i].start) {
                overtakes++;
                assert_false(!all[i].is_dma && !all[j].is_dma && keeps_order(&all[i], &all[j]));
            }
            if (!shares_port(&all[i], &all[j])) continue;
            const issued *first = all[i].start <= all[j].start ? &all[i] : &all[j];
            const issued *second = first == &all[i] ? &all[j] : &all[i];
            assert_true(first->start + first->cost.occupancy <= second->start);
        }
    free(all);
    ts_record_free(&record);
    return overtakes;
}

static void test_list_order(void **state) {
    (void)state;
    int overtakes = 0;
    for (uint64_t seed = 2000; seed < 2040; seed++) {
        ts_program *program = random_program(seed, 80, 16);
        ts_chip one = table_chip();
        ts_time in_order = clock_total(program, &one);
        program->order = ts_order_list;
        one.list_window = 1;
        assert_true(clock_total(program, &one) == in_order);
        overtakes += check_list_starts(program);
        if (seed % 8 == 0) check_monotonic(program);
        ts_program_free(program);
    }
    assert_true(overtakes > 100);
}

/* ---- limits ---- */

static const char *const LOOP = "trn 1\nprogram loop chip=trn1\nloop %%i = %d\n"
                                "  vector.memset dst=sbuf.f32[p0:128 +0 4] value=0\nend %%i\n";

static ts_program *loop_program(int trips) {
    char text[256];
    snprintf(text, sizeof text, LOOP, trips);
    return parse_text(text, "loop");
}

static void test_instruction_cap(void **state) {
    (void)state;
    ts_program *program = loop_program(100);
    ts_chip chip = table_chip();
    ts_record record;
    ts_diag diag = {0};
    ts_clock_options options = {.instruction_cap = 99};
    assert_int_equal(ts_clock_run(program, &chip, &options, &record, &diag), ts_capacity);
    assert_non_null(strstr(diag.message, "99 instructions"));
    options.instruction_cap = 100;
    assert_int_equal(ts_clock_run(program, &chip, &options, &record, NULL), ts_ok);
    assert_int_equal(record.instructions, 100);
    ts_record_free(&record);
    ts_program_free(program);
}

static void test_nothing(void **state) {
    (void)state;
    ts_program *program = parse_text("trn 1\nprogram empty chip=trn1\n", "empty");
    ts_chip chip = table_chip();
    ts_record record;
    clock_run(program, &chip, &record);
    assert_true(record.total == record.launch && record.launch == 13000000);
    assert_int_equal(record.instructions, 0);
    assert_int_equal(ts_record_bottleneck(&record), ts_bound_launch);
    check_invariants(&record);
    ts_record_free(&record);
    ts_program_free(program);
}

/* A count of 0 skips the instruction, and a loop of no trips its body. */
static void test_skipped(void **state) {
    (void)state;
    ts_program *program =
        parse_text("trn 1\nprogram skipped chip=trn1\nloop %i = 4\n"
                   "  vector.memset dst=sbuf.f32[p0:128 +0 min(8, 12-8*%i)] value=0\n"
                   "  loop %j = min(2, 1-%i)\n"
                   "    gpsimd.memset dst=sbuf.f32[p0:128 +4096 8] value=0\n  end %j\nend %i\n",
                   "skipped");
    ts_chip chip = table_chip();
    ts_record record;
    clock_run(program, &chip, &record);
    check_invariants(&record);
    assert_int_equal(record.instructions, 2 + 1); /* 8 and 4 elements; once in the inner loop */
    assert_int_equal(record.elems, 128 * (8 + 4 + 8));
    ts_record_free(&record);
    ts_program_free(program);
}

static void test_slice_cap(void **state) {
    (void)state;
    ts_program *program = loop_program(100);
    ts_chip chip = table_chip();
    ts_record record;
    ts_clock_options options = {.slice_cap = 10};
    assert_int_equal(ts_clock_run(program, &chip, &options, &record, NULL), ts_ok);
    assert_int_equal(record.slices.count, 10);
    assert_true(record.slices_truncated);
    ts_record_free(&record);
    ts_program_free(program);
}

/* Runs long enough that chains of the critical path merge, and that more places are remembered than one by
   one. */
static void test_long_runs(void **state) {
    (void)state;
    ts_chip chip = table_chip();
    ts_record record;
    ts_program *program = parse_text(
        "trn 1\nprogram long chip=trn1\ntensor y: output 0 f32[40000,128,4]\n"
        "gpsimd.memset dst=sbuf.f32[p0:128 +65536 4] value=0\n"
        "loop %i = 40000\n"
        "  vector.tensor_scalar dst=sbuf.f32[p0:128 +0+16*(%i mod 3) 4] data=sbuf.f32[p0:128 +64 4] op0=add "
        "operand0=1\n"
        "  scalar.activation dst=sbuf.f32[p0:128 +64 4] func=relu data=sbuf.f32[p0:128 +0+16*(%i mod 3) 4] "
        "scale=1\n"
        "  sync.dma_copy queue=0 dst=hbm.f32[y +0+512*%i 128@4 4] src=sbuf.f32[p0:128 +0+16*(%i mod 3) 4]\n"
        "end %i\n"
        "gpsimd.tensor_copy dst=sbuf.f32[p0:128 +128 4] src=sbuf.f32[p0:128 +65536 4]\n",
        "long");
    ts_clock_options options = {.band = true};
    assert_int_equal(ts_clock_run(program, &chip, &options, &record, NULL), ts_ok);
    ts_time bounds = 0, rows = 0;
    for (int i = 0; i < ts_bound_count; i++)
        bounds += record.bound[i];
    for (uint32_t i = 0; i < record.rows.count; i++)
        rows += record.rows.data[i].bound;
    assert_true(bounds == record.total && rows == record.total);
    assert_int_equal(record.instructions, 3 * 40000 + 2);
    assert_int_equal(record.hbm_write_bytes, 40000 * 2048);
    assert_int_equal(record.conservative_waits, 0);
    ts_record_free(&record);
    ts_program_free(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slower_parts), cmocka_unit_test(test_slower_parts_files),
        cmocka_unit_test(test_adds_up),      cmocka_unit_test(test_starts),
        cmocka_unit_test(test_short_way),    cmocka_unit_test(test_instruction_cap),
        cmocka_unit_test(test_list_order),   cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_skipped),      cmocka_unit_test(test_slice_cap),
        cmocka_unit_test(test_long_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
