/* What others read from a record: utilisation, bottleneck, the JSON of last_run(), the terminal summary. */
#include <math.h>
#include <stdio.h>

#include "clock_support.h"
#include "json_check.h"

static const char *const PROGRAM =
    "trn 1\nprogram \"a \\\"named\\\" step\" chip=trn1 model_flops=33554432\n"
    "loc @1 \"train.py\":31:5 \"jit(step)/dot_general\"\n"
    "loc @2 \"train.py\":32:5 \"jit(step)/round\"\n"
    "tensor a: input 0 bf16[128,128]\n"
    "tensor y: output 0 i32[128,128]\n"
    "sync.dma_copy queue=0 dst=sbuf.bf16[p0:128 +0 128] src=hbm.bf16[a +0 128@128 128] @1\n"
    "tensor.nc_matmul dst=psum.f32[p0:128 +0 128] stationary=sbuf.bf16[p0:128 +0 128] "
    "moving=sbuf.bf16[p0:128 +0 128] @1\n"
    "vector.tensor_scalar dst=sbuf.f32[p0:128 +4096 128] data=psum.f32[p0:128 +0 128] op0=divide operand0=3 "
    "@2\n"
    "gpsimd.tensor_copy dst=sbuf.i32[p0:128 +8192 128] src=sbuf.f32[p0:128 +4096 128] @2\n"
    "scalar.dma_copy queue=1 dst=hbm.i32[y +0 128@128 128] src=sbuf.i32[p0:128 +8192 128] @2\n";

typedef struct fixture {
    ts_program *program;
    ts_record record;
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->program = parse_text(PROGRAM, "record");
    ts_chip chip = table_chip();
    clock_run(f->program, &chip, &f->record);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    ts_record_free(&f->record);
    assert_null(f->record.rows.data);
    ts_record_free(&f->record); /* twice is harmless */
    ts_program_free(f->program);
    free(f);
    return 0;
}

static void test_figures(void **state) {
    const fixture *f = *state;
    const ts_record *record = &f->record;
    check_invariants(record);
    assert_int_equal(record->instructions, 5);
    assert_int_equal(record->dma_transfers, 2);
    assert_int_equal(record->hbm_read_bytes, 128 * 128 * 2);
    assert_int_equal(record->hbm_write_bytes, 128 * 128 * 4);
    assert_int_equal(record->pe_flops, 2 * 128 * 128 * 128);
    assert_int_equal(ts_record_bottleneck(record), ts_bound_launch);
    double mfu = 33554432 / (91.75e12 * (double)record->total * 1e-12);
    assert_true(fabs(ts_record_mfu(record) - mfu) < 1e-15);
    ts_record none = {0};
    assert_true(ts_record_mfu(&none) == 0);
}

static bool assumes(const ts_record *record, const char *name) {
    for (uint32_t i = 0; i < record->assumptions.count; i++)
        if (record->assumptions.data[i] == ts_param_find(name)) return true;
    return false;
}

static void test_assumptions(void **state) {
    const fixture *f = *state;
    assert_true(assumes(&f->record, "vector_divide_cycles"));
    assert_true(assumes(&f->record, "gpsimd_latency_cycles"));
    assert_true(assumes(&f->record, "sibling_core_idle"));
    assert_true(assumes(&f->record, "float_to_int_truncates"));
    assert_false(assumes(&f->record, "dma_software_dge_cycles"));
    assert_false(assumes(&f->record, "dma_queue_floor_ns")); /* derived, not assumed */
    /* A number that the user sets is no assumption of the model. */
    ts_chip chip = table_chip();
    chip.vector_divide_cycles = 4;
    ts_record record;
    clock_run(f->program, &chip, &record);
    assert_false(assumes(&record, "vector_divide_cycles"));
    assert_true(assumes(&record, "sibling_core_idle"));
    ts_record_free(&record);
}

static double number_after(const char *text, const char *key) {
    const char *at = strstr(text, key);
    if (!at) fail_msg("no %s in %s", key, text);
    return strtod(at + strlen(key), NULL);
}

static void test_json(void **state) {
    const fixture *f = *state;
    ts_text text = {0};
    ts_record_json(&f->record, f->program, ts_instance_get("trn1.2xlarge"), &text);
    if (!is_json(text.data)) fail_msg("%s", text.data);
    static const char *const keys[] = {"predicted_seconds",
                                       "predicted_seconds_low",
                                       "predicted_seconds_high",
                                       "instance",
                                       "usd_per_hour",
                                       "cost",
                                       "mfu",
                                       "engine_share",
                                       "busy",
                                       "hbm_bytes",
                                       "hbm_read_bytes",
                                       "hbm_write_bytes",
                                       "bottleneck",
                                       "bounds",
                                       "instructions",
                                       "ops",
                                       "pe_flops",
                                       "model_flops",
                                       "assumptions",
                                       "rows",
                                       "off_engine",
                                       "off_engine_elems",
                                       "conservative_waits",
                                       "elems"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "\"%s\": ", keys[i]);
        if (!strstr(text.data, quoted)) fail_msg("no key %s", keys[i]);
    }
    assert_non_null(strstr(text.data, "a \\\"named\\\" step"));
    assert_non_null(strstr(text.data, "\"file\": \"train.py\", \"line\": 31"));
    assert_non_null(strstr(text.data, "\"bottleneck\": \"launch\""));
    assert_non_null(strstr(
        text.data, "\"ops\": {\"dma_copy\": 2, \"nc_matmul\": 1, \"tensor_copy\": 1, \"tensor_scalar\": 1}"));
    double total = number_after(text.data, "\"predicted_seconds\": "), sum = 0;
    assert_true(total == (double)f->record.total / 1e12);
    for (unsigned bound = 0; bound < ts_bound_count; bound++) {
        char key[64];
        snprintf(key, sizeof key, "\"%s\": ", ts_bound_name(bound));
        sum += number_after(strstr(text.data, "\"bounds\""), key);
    }
    assert_true(fabs(sum - total) < 1e-15);
    assert_true(fabs(number_after(text.data, "\"cost\": ") - total / 3600 * 1.34) < 1e-15);
    ts_text_free(&text);
    ts_record_json(&f->record, f->program, NULL, &text);
    assert_true(is_json(text.data));
    assert_non_null(strstr(text.data, "\"instance\": null"));
    assert_non_null(strstr(text.data, "\"cost\": null"));
    ts_text_free(&text);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(ts_bound_name(ts_bound_dma_queue), "dma_queue");
    assert_string_equal(ts_bound_name(ts_bound_count), "?");
    assert_false(ts_op_is_off_engine(ts_op_nc_matmul));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_figures), cmocka_unit_test(test_assumptions),
                                       cmocka_unit_test(test_json), cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
