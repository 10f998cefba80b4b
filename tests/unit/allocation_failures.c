/* Makes every request for memory, a mapping or a thread fail in turn, once and for good, until a run asks for
   no more. Each time the library must return a status and a message, leak nothing, and work when called
   again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json_read.h"
#include "base/safetensors.h"
#include "base/unit.h"
#include "clock/clock.h"
#include "compiler/compile.h"
#include "failing_host.h"
#include "reader_artifacts.h"
#include "report/report.h"
#include "runtime/executable.h"

enum { MOST_REQUESTS = 100000, MOST_TENSORS = 64 };

static char folder[] = "/tmp/allocation_failures-XXXXXX";
static char path_of_file[sizeof folder + 16];

/* Does everything whose requests are to fail. Returns ts_ok only if all of it was done and is right. */
typedef ts_status scenario(ts_diag *diag);

static ts_chip chip(void) {
    ts_chip made;
    ts_diag diag = {0};
    assert_int_equal(ts_chip_get("trn1", &made, &diag), ts_ok);
    return made;
}

/* ---- compiling, text and container ---- */

static ts_status print_within(void *context) {
    ts_text out = {0};
    ts_program_print(context, &out);
    ts_text_free(&out);
    return ts_ok;
}

static ts_status again_as_text(const ts_program *program, ts_diag *diag) {
    uint8_t *data = NULL;
    size_t size = 0;
    ts_program *again = NULL;
    TS_TRY(ts_unit_run(NULL, print_within, (void *)(uintptr_t)program, "printing", diag));
    TS_TRY(ts_program_encode(program, &data, &size, diag));
    ts_status status = ts_program_decode(data, size, &again, diag);
    free(data);
    if (status == ts_ok) ts_program_free(again);
    return status;
}

static ts_status compile(const uint8_t *data, size_t size, ts_program **program, ts_diag *diag) {
    ts_module *module = NULL;
    ts_chip trn1 = chip();
    TS_TRY(ts_module_read(data, size, "artifact", &module, diag));
    ts_status status = ts_compile(module, &trn1, NULL, program, diag);
    ts_module_free(module);
    return status;
}

static ts_status compile_and_print(const uint8_t *data, size_t size, ts_diag *diag) {
    ts_program *program = NULL;
    ts_chip trn1 = chip();
    TS_TRY(compile(data, size, &program, diag));
    ts_status status = again_as_text(program, diag);
    if (status == ts_ok) status = ts_program_verify(program, &trn1, diag);
    ts_program_free(program);
    return status;
}

static ts_status compile_mlp(ts_diag *diag) {
    return compile_and_print(artifact_mlp, sizeof artifact_mlp, diag);
}

static ts_status compile_control(ts_diag *diag) {
    return compile_and_print(artifact_control, sizeof artifact_control, diag);
}

static ts_status compile_indexed(ts_diag *diag) {
    return compile_and_print(artifact_indexed, sizeof artifact_indexed, diag);
}

static ts_status parse_text(ts_diag *diag) {
    static const char text[] = "trn 1\nprogram copy chip=trn1\ntensor x: input 0 f32[4,8]\n"
                               "tensor y: output 0 f32[4,8]\ntensor c: constant f32[2] = {1 2}\nloop %0 = 2\n"
                               "  sync.dma_copy queue=0 dst=hbm.f32[y +0 32] src=hbm.f32[x +0 32]\nend %0\n";
    ts_program *program = NULL;
    TS_TRY(ts_program_parse(text, "copy.trn", &program, diag));
    ts_status status = again_as_text(program, diag);
    ts_program_free(program);
    return status;
}

/* ---- clock and reports ---- */

typedef struct writing {
    const ts_report *report;
    ts_text out[5];
} writing;

static ts_status write_within(void *context) {
    writing *w = context;
    ts_report_text(w->report, &w->out[0]);
    ts_report_html(w->report, &w->out[1]);
    ts_report_json(w->report, &w->out[2]);
    ts_report_pftrace(w->report, &w->report->record, &w->out[3]);
    ts_report_diff(w->report, w->report, &w->out[4]);
    for (int i = 0; i < 5; i++)
        ts_text_free(&w->out[i]);
    return ts_ok;
}

static ts_program *clocked; /* made before anything fails */

static ts_status report(ts_diag *diag) {
    ts_report made;
    ts_report_options options = {.slice_cap = 64, .without_gains = true};
    ts_chip trn1 = chip();
    ts_status status = ts_report_make(clocked, &trn1, &options, &made, diag);
    writing w = {.report = &made};
    if (status == ts_ok) status = ts_unit_run(NULL, write_within, &w, "writing", diag);
    ts_report_free(&made);
    return status;
}

/* ---- running ---- */

static ts_status make_arrays(ts_runtime *runtime, const ts_executable *executable, ts_extent **extents,
                             void **inputs, void **outputs, ts_diag *diag) {
    int core, count = ts_executable_inputs(executable), all = count + ts_executable_outputs(executable);
    ts_machine *machine = ts_runtime_machine(runtime, 0, &core);
    assert_true(all <= MOST_TENSORS);
    for (int i = 0; i < all; i++) {
        const ts_tensor *tensor =
            i < count ? ts_executable_input(executable, i) : ts_executable_output(executable, i - count);
        TS_TRY(ts_hbm_alloc(machine, core, tensor->bytes, &extents[i], diag));
        (i < count ? inputs : outputs)[i < count ? i : i - count] = extents[i]->host;
    }
    return ts_ok;
}

static ts_status run_executable(ts_runtime *runtime, const uint8_t *data, size_t size, ts_diag *diag) {
    ts_executable *executable = NULL;
    ts_extent *extents[MOST_TENSORS] = {0};
    void *inputs[MOST_TENSORS], *outputs[MOST_TENSORS];
    const ts_record *record = NULL;
    TS_TRY(ts_executable_load(runtime, data, size, "artifact", NULL, &executable, diag));
    ts_status status = make_arrays(runtime, executable, extents, inputs, outputs, diag);
    if (status == ts_ok) status = ts_executable_run(executable, 0, inputs, outputs, NULL, diag);
    if (status == ts_ok) status = ts_executable_record(executable, &record, diag);
    if (status == ts_ok) assert_true(record->total > 0);
    int core;
    ts_machine *machine = ts_runtime_machine(runtime, 0, &core);
    for (int i = 0; i < MOST_TENSORS; i++)
        ts_hbm_free(machine, extents[i]);
    ts_executable_release(executable);
    return status;
}

static ts_status run_artifact(const uint8_t *data, size_t size, ts_diag *diag) {
    ts_runtime *runtime = NULL;
    ts_runtime_options options = {.threads = 2, .out = folder, .cache = folder};
    snprintf(options.live, sizeof options.live, "%s", folder);
    TS_TRY(ts_runtime_new(&options, &runtime, diag));
    ts_status status = run_executable(runtime, data, size, diag);
    ts_runtime_free(runtime);
    return status;
}

static ts_status run_mlp(ts_diag *diag) {
    return run_artifact(artifact_mlp, sizeof artifact_mlp, diag);
}

static ts_status run_control(ts_diag *diag) {
    return run_artifact(artifact_control, sizeof artifact_control, diag);
}

/* ---- files ---- */

static ts_status npy(ts_diag *diag) {
    float values[6] = {0, 1, 2, 3, 4, 5};
    ts_npy array = {
        .descr = "f4", .rank = 2, .dim = {2, 3}, .bytes = sizeof values, .data = (uint8_t *)values};
    ts_npy again;
    TS_TRY(ts_npy_write(path_of_file, &array, diag));
    TS_TRY(ts_npy_read(path_of_file, &again, diag));
    assert_memory_equal(again.data, values, sizeof values);
    ts_npy_free(&again);
    return ts_ok;
}

static ts_status safetensors(ts_diag *diag) {
    int32_t values[4] = {1, 2, 3, 4};
    ts_stored tensor = {
        .name = "a", .dtype = "I32", .rank = 1, .dim = {4}, .bytes = sizeof values, .data = values};
    ts_safetensors again;
    TS_TRY(ts_safetensors_write(path_of_file, &tensor, 1, diag));
    ts_status status = ts_safetensors_read(path_of_file, &again, diag);
    if (status == ts_ok) assert_memory_equal(ts_safetensors_find(&again, "a")->data, values, sizeof values);
    ts_safetensors_free(&again);
    return status;
}

static ts_status json(ts_diag *diag) {
    static const char text[] = "{\"a\": [1, 2.5, \"x\\u00e9\", {\"b\": null}], \"c\": {}}";
    ts_arena arena = {0};
    const ts_json *root;
    ts_status status = ts_json_read(&arena, text, sizeof text - 1, "a.json", &root, diag);
    if (status == ts_ok) assert_int_equal(ts_json_get(root, "a")->count, 4);
    ts_arena_free(&arena);
    return status;
}

/* ---- the loop ---- */

/* Runs the scenario again and again, each time with another request refused, every `step`th of them. Some
   requests are best effort (a cache, a page that others look at), so a run may succeed without them. Returns
   how many runs failed. */
static long fail_each(scenario *run, bool for_good, long step) {
    long told = 0;
    for (long n = 0; n < MOST_REQUESTS; n += step) {
        ts_diag diag = {0};
        long before = atomic_load(&live_blocks);
        refuse_request(n, for_good);
        ts_status status = run(&diag);
        atomic_store(&requests_left, -1);
        if (status != diag.status || (status != ts_ok && !diag.message[0]))
            fail_msg("request %ld: status %s, diag %s: \"%s\"", n, ts_status_name(status),
                     ts_status_name(diag.status), diag.message);
        if (status != ts_ok && status != ts_capacity && status != ts_system)
            fail_msg("request %ld: %s: %s", n, ts_status_name(status), diag.message);
        if (atomic_load(&live_blocks) != before)
            fail_msg("request %ld (%s): %ld blocks are left", n, diag.message,
                     atomic_load(&live_blocks) - before);
        told += status != ts_ok;
        if (atomic_load(&refused) == 0) {
            assert_int_equal(status, ts_ok);
            print_message("  %ld requests, %s: %ld told\n", n,
                          for_good ? "refused for good" : "each refused once", told);
            return told;
        }
    }
    fail_msg("more than %d requests", MOST_REQUESTS);
    return 0;
}

static void try_both(scenario *run) {
    ts_diag diag = {0};
    if (run(&diag) != ts_ok) fail_msg("%s", diag.message);
    const char *asked = getenv("TRAINSTONE_FAIL_STEP");
    long step = asked ? strtol(asked, NULL, 10) : 1;
    for (int for_good = 0; for_good < 2; for_good++)
        assert_true(fail_each(run, for_good, step > 0 ? step : 1) > 0);
    diag = (ts_diag){0};
    if (run(&diag) != ts_ok) fail_msg("afterwards: %s", diag.message);
}

#define TEST(name)                                                                                           \
    static void test_##name(void **state) {                                                                  \
        (void)state;                                                                                         \
        try_both(name);                                                                                      \
    }
TEST(compile_mlp)
TEST(compile_control)
TEST(compile_indexed)
TEST(parse_text)
TEST(report)
TEST(run_mlp)
TEST(run_control)
TEST(npy)
TEST(safetensors)
TEST(json)

static int start(void **state) {
    (void)state;
    ts_diag diag = {0};
    if (!mkdtemp(folder)) return 1;
    snprintf(path_of_file, sizeof path_of_file, "%s/file", folder);
    return compile(artifact_mlp, sizeof artifact_mlp, &clocked, &diag) != ts_ok;
}

static int stop(void **state) {
    (void)state;
    char command[sizeof folder + 16];
    ts_program_free(clocked);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void) {
    atomic_store(&requests_left, -1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compile_mlp),     cmocka_unit_test(test_compile_control),
        cmocka_unit_test(test_compile_indexed), cmocka_unit_test(test_parse_text),
        cmocka_unit_test(test_report),          cmocka_unit_test(test_run_mlp),
        cmocka_unit_test(test_run_control),     cmocka_unit_test(test_npy),
        cmocka_unit_test(test_safetensors),     cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
