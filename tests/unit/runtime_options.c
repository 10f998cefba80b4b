/* The runtime's settings from arguments and environment, and executables from bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/executable.h"
#include "trainstone/trainstone.h"

static const char *const names[] = {"TRAINSTONE_INSTANCE",
                                    "TRAINSTONE_CHIP",
                                    "TRAINSTONE_THREADS",
                                    "TRAINSTONE_REPRO",
                                    "TRAINSTONE_HOST_ISA",
                                    "NEURON_RT_NUM_CORES",
                                    "NEURON_RT_VISIBLE_CORES",
                                    "NEURON_LOGICAL_NC_CONFIG",
                                    "NEURON_RT_VIRTUAL_CORE_SIZE",
                                    "NEURON_RT_STOCHASTIC_ROUNDING_EN",
                                    "NEURON_RT_STOCHASTIC_ROUNDING_SEED",
                                    "NEURON_COMPILE_CACHE_URL",
                                    "NEURON_CC_FLAGS"};

static int clear(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    return 0;
}

static ts_status read(ts_runtime_options *options, ts_diag *diag) {
    memset(diag, 0, sizeof *diag);
    return ts_runtime_options_from_env(options, diag);
}

static void test_empty_environment(void **state) {
    (void)state;
    ts_runtime_options options = {0};
    ts_diag diag;
    setenv("TRAINSTONE_CHIP", "", 1);
    setenv("NEURON_CC_FLAGS", "--model-type transformer --auto-cast=none --auto-cast-type bf16", 1);
    assert_int_equal(read(&options, &diag), ts_ok);
    assert_null(options.instance);
    assert_null(options.chip);
    assert_int_equal(options.threads + options.devices + options.first_device, 0);
}

static void test_arguments_come_first(void **state) {
    (void)state;
    ts_runtime_options options = {.instance = "inf2.xlarge", .threads = 3, .devices = 1};
    ts_diag diag;
    setenv("TRAINSTONE_INSTANCE", "trn1.32xlarge", 1);
    setenv("TRAINSTONE_CHIP", "trn1", 1);
    setenv("TRAINSTONE_THREADS", "2", 1);
    setenv("NEURON_RT_NUM_CORES", "2", 1);
    assert_int_equal(read(&options, &diag), ts_ok);
    assert_string_equal(options.instance, "inf2.xlarge");
    assert_string_equal(options.chip, "trn1");
    assert_int_equal(options.threads, 3);
    assert_int_equal(options.devices, 1);
}

static void check_cast(const char *flags, ts_auto_cast mode, ts_dtype type) {
    ts_runtime_options options = {0};
    ts_diag diag;
    setenv("NEURON_CC_FLAGS", flags, 1);
    assert_int_equal(read(&options, &diag), ts_ok);
    assert_int_equal(options.auto_cast, mode);
    assert_int_equal(options.auto_cast_type, type);
}

/* The last of several equal flags counts; flags that only begin alike are ignored. */
static void test_auto_cast(void **state) {
    (void)state;
    check_cast("-O1", ts_auto_cast_none, ts_dtype_none);
    check_cast("--auto-cast=none", ts_auto_cast_none, ts_dtype_none);
    check_cast("--auto-cast matmult", ts_auto_cast_matmult, ts_dtype_none);
    check_cast("--auto-cast matmul --auto-cast-type=tf32", ts_auto_cast_matmult, ts_dtype_tf32);
    check_cast("--auto-cast-type  fp16  --auto-cast  all -O2", ts_auto_cast_all, ts_dtype_f16);
    check_cast("--auto-cast=all --auto-cast=none", ts_auto_cast_none, ts_dtype_none);
    check_cast("--auto-cast-type bf16 --auto-cast-type fp8_e4m3", ts_auto_cast_none, ts_dtype_f8e4m3);
    check_cast("--no-auto-cast=all --auto-caster=1", ts_auto_cast_none, ts_dtype_none);
    ts_runtime_options options = {.auto_cast = ts_auto_cast_all, .auto_cast_type = ts_dtype_f16};
    ts_diag diag;
    setenv("NEURON_CC_FLAGS", "--auto-cast matmult --auto-cast-type bf16", 1);
    assert_int_equal(read(&options, &diag), ts_ok);
    assert_int_equal(options.auto_cast, ts_auto_cast_all);
    assert_int_equal(options.auto_cast_type, ts_dtype_f16);
}

static void check_rounding(const char *enable, const char *seed, ts_rounding rounding, uint32_t number) {
    ts_runtime_options options = {0};
    ts_diag diag;
    setenv("NEURON_RT_STOCHASTIC_ROUNDING_EN", enable, 1);
    setenv("NEURON_RT_STOCHASTIC_ROUNDING_SEED", seed, 1);
    assert_int_equal(read(&options, &diag), ts_ok);
    assert_int_equal(options.rounding, rounding);
    assert_int_equal(options.rounding_seed, number);
}

static void test_rounding(void **state) {
    (void)state;
    check_rounding("", "", ts_rounding_rne, 0);
    check_rounding("0", "7", ts_rounding_rne, 7);
    check_rounding("1", "", ts_rounding_stochastic, 0);
    check_rounding("true", "2147483647", ts_rounding_stochastic, 2147483647);
    check_rounding("false", "", ts_rounding_rne, 0);
    ts_runtime_options options = {.has_rounding_seed = true, .rounding_seed = 3};
    ts_diag diag;
    setenv("NEURON_RT_STOCHASTIC_ROUNDING_SEED", "7", 1);
    assert_int_equal(read(&options, &diag), ts_ok);
    assert_int_equal(options.rounding_seed, 3);
}

static void check_host(const char *repro, const char *isa, bool is_repro, ts_isa level) {
    ts_runtime_options options = {0};
    ts_diag diag;
    setenv("TRAINSTONE_REPRO", repro, 1);
    setenv("TRAINSTONE_HOST_ISA", isa, 1);
    assert_int_equal(read(&options, &diag), ts_ok);
    assert_int_equal(options.host.is_repro, is_repro);
    assert_int_equal(options.host.isa, level);
}

static void test_host(void **state) {
    (void)state;
    check_host("", "", false, ts_isa_auto);
    check_host("1", "generic", true, ts_isa_generic);
    check_host("0", "auto", false, ts_isa_auto);
    check_host("false", ts_isa_name(ts_isa_best()), false, ts_isa_best());
    ts_runtime_options options = {.host = {.isa = ts_isa_generic, .is_repro = true}};
    ts_diag diag;
    setenv("TRAINSTONE_REPRO", "0", 1);
    assert_int_equal(read(&options, &diag), ts_ok);
    assert_true(options.host.is_repro);
    assert_int_equal(options.host.isa, ts_isa_generic);
    options = (ts_runtime_options){0};
    setenv("TRAINSTONE_HOST_ISA", "avx1024", 1);
    assert_int_equal(read(&options, &diag), ts_usage);
    assert_non_null(strstr(diag.message, "TRAINSTONE_HOST_ISA"));
}

static void check_cache(const char *value, const char *folder) {
    ts_runtime_options options = {0};
    ts_diag diag;
    setenv("NEURON_COMPILE_CACHE_URL", value, 1);
    assert_int_equal(read(&options, &diag), ts_ok);
    if (folder)
        assert_string_equal(options.cache, folder);
    else
        assert_null(options.cache);
}

static void test_cache(void **state) {
    (void)state;
    check_cache("", NULL);
    check_cache("some/folder", "some/folder");
    check_cache("file:///var/tmp/cache", "/var/tmp/cache");
}

static void check_cores(const char *value, int first, int count) {
    ts_runtime_options options = {0};
    ts_diag diag;
    setenv("NEURON_RT_NUM_CORES", "7", 1); /* VISIBLE_CORES wins */
    setenv("NEURON_RT_VISIBLE_CORES", value, 1);
    ts_status status = read(&options, &diag);
    if (count == 0) {
        assert_int_equal(status, ts_usage);
        assert_non_null(strstr(diag.message, "NEURON_RT_VISIBLE_CORES"));
        return;
    }
    assert_int_equal(status, ts_ok);
    assert_int_equal(options.first_device, first);
    assert_int_equal(options.devices, count);
}

static void test_visible_cores(void **state) {
    (void)state;
    check_cores("0", 0, 1);
    check_cores("1", 1, 1);
    check_cores("0-3", 0, 4);
    check_cores("2,3", 2, 2);
    check_cores("2-3,4,5-6", 2, 5);
    const char *wrong[] = {"0,2", "1,0", "3-2", "-1", "a", "0,", "0-", "1 ", "99999999999999999999", "0,0"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check_cores(wrong[i], 0, 0);
}

static void test_wrong_values(void **state) {
    (void)state;
    const struct {
        const char *name, *value;
        ts_status status;
    } cases[] = {{"TRAINSTONE_THREADS", "many", ts_usage},
                 {"TRAINSTONE_THREADS", "0", ts_usage},
                 {"TRAINSTONE_THREADS", "2.5", ts_usage},
                 {"NEURON_RT_NUM_CORES", "-1", ts_usage},
                 {"NEURON_LOGICAL_NC_CONFIG", "2", ts_unsupported},
                 {"NEURON_RT_VIRTUAL_CORE_SIZE", "2", ts_unsupported},
                 {"NEURON_RT_STOCHASTIC_ROUNDING_EN", "yes", ts_usage},
                 {"NEURON_RT_STOCHASTIC_ROUNDING_SEED", "-1", ts_usage},
                 {"NEURON_RT_STOCHASTIC_ROUNDING_SEED", "1.5", ts_usage},
                 {"NEURON_COMPILE_CACHE_URL", "s3://bucket/cache", ts_unsupported},
                 {"NEURON_CC_FLAGS", "--auto-cast=some", ts_usage},
                 {"NEURON_CC_FLAGS", "-O1 --auto-cast", ts_usage},
                 {"NEURON_CC_FLAGS", "--auto-cast all --auto-cast-type fp8", ts_usage}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ts_runtime_options options = {0};
        ts_diag diag;
        clear(NULL);
        setenv(cases[i].name, cases[i].value, 1);
        assert_int_equal(read(&options, &diag), cases[i].status);
        assert_int_not_equal(strlen(diag.remedy), 0);
    }
}

static void test_runtime(void **state) {
    (void)state;
    ts_runtime *runtime = NULL;
    ts_diag diag = {0};
    assert_int_equal(ts_runtime_new(NULL, &runtime, &diag), ts_ok);
    assert_string_equal(ts_runtime_instance(runtime)->name, "trn1.2xlarge");
    assert_string_equal(ts_runtime_chip(runtime)->name, "trn1");
    assert_int_equal(ts_runtime_devices(runtime), 2);
    int core = -1;
    ts_machine *machine = ts_runtime_machine(runtime, 1, &core);
    assert_int_equal(core, 1);
    assert_ptr_equal(machine, ts_runtime_machine(runtime, 0, &core));
    assert_int_equal(core, 0);
    ts_runtime_free(runtime);
    ts_runtime_free(NULL);
}

static void test_part_of_an_instance(void **state) {
    (void)state;
    ts_runtime *runtime = NULL;
    ts_diag diag = {0};
    ts_runtime_options options = {.instance = "trn1.32xlarge", .first_device = 5, .devices = 2};
    assert_int_equal(ts_runtime_new(&options, &runtime, &diag), ts_ok);
    int core = -1;
    assert_non_null(ts_runtime_machine(runtime, 0, &core));
    assert_int_equal(core, 1);
    assert_int_equal(ts_runtime_chip_number(runtime, 0, &core), 2);
    assert_int_equal(core, 1);
    assert_int_equal(ts_runtime_chip_number(runtime, 1, &core), 3);
    assert_int_equal(core, 0);
    ts_runtime_free(runtime);
    options.first_device = 31;
    assert_int_equal(ts_runtime_new(&options, &runtime, &diag), ts_usage);
    assert_null(runtime);
    assert_non_null(strstr(diag.message, "32 NeuronCores"));
}

static void test_refused_runtimes(void **state) {
    (void)state;
    const struct {
        ts_runtime_options options;
        ts_status status;
        const char *word;
    } cases[] = {{{.instance = "trn9"}, ts_usage, "trn9"},
                 {{.instance = "inf1.xlarge"}, ts_unsupported, "inf1"},
                 {{.chip = "trn3"}, ts_unsupported, "trn3"},
                 {{.chip = "abc"}, ts_usage, "abc"},
                 {{.chip = "/nowhere/chip.txt"}, ts_system, "/nowhere/chip.txt"},
                 {{.cache = "/proc/version"}, ts_system, "NEURON_COMPILE_CACHE_URL"},
                 {{.devices = 3}, ts_usage, "2 NeuronCores"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ts_runtime *runtime = NULL;
        ts_diag diag = {0};
        assert_int_equal(ts_runtime_new(&cases[i].options, &runtime, &diag), cases[i].status);
        assert_null(runtime);
        if (!strstr(diag.message, cases[i].word)) fail_msg("%s", diag.message);
    }
}

static void test_executable(void **state) {
    (void)state;
    static const char program[] = "trn 1\n"
                                  "program add chip=trn1 scratch_bytes=128\n"
                                  "tensor x: input 0 f32[4,8]\n"
                                  "tensor y: output 0 f32[4,8]\n"
                                  "tensor s: scratch f32[4,8] address=0\n"
                                  "sync.dma_copy queue=0 dst=hbm.f32[s +0 4@8 8] src=hbm.f32[x +0 4@8 8]\n"
                                  "sync.dma_copy queue=0 dst=hbm.f32[y +0 4@8 8] src=hbm.f32[s +0 4@8 8]\n";
    ts_runtime *runtime = NULL;
    ts_executable *executable = NULL;
    ts_diag diag = {0};
    assert_int_equal(ts_runtime_new(NULL, &runtime, &diag), ts_ok);
    ts_status status = ts_executable_load(runtime, (const uint8_t *)program, sizeof program - 1, "add.trn",
                                          NULL, &executable, &diag);
    if (status != ts_ok) fail_msg("%s", diag.message);
    assert_int_equal(ts_executable_inputs(executable), 1);
    assert_string_equal(ts_executable_output(executable, 0)->name, "y");
    float x[32], y[32] = {0};
    for (int i = 0; i < 32; i++)
        x[i] = (float)i;
    void *in = x, *out = y;
    for (int device = 1; device >= 0; device--)
        for (int poison = 0; poison < 2; poison++) {
            ts_execute_options options = {.poison = poison};
            memset(y, 0, sizeof y);
            assert_int_equal(ts_executable_run(executable, device, &in, &out, &options, &diag), ts_ok);
            assert_memory_equal(x, y, sizeof x);
        }
    ts_hbm_stats stats;
    ts_hbm_get_stats(ts_runtime_machine(runtime, 0, NULL), 0, &stats);
    assert_int_equal(stats.in_use, 128); /* scratch stays for the next run */
    assert_int_equal(ts_executable_run(executable, 2, &in, &out, NULL, &diag), ts_usage);
    const ts_record *record = NULL, *again = NULL;
    assert_int_equal(ts_executable_record(executable, &record, &diag), ts_ok);
    assert_true(record->total > 0);
    ts_executable_unload(executable);
    ts_hbm_get_stats(ts_runtime_machine(runtime, 0, NULL), 0, &stats);
    assert_int_equal(stats.in_use, 0);
    ts_runtime_free(runtime);
    assert_int_equal(ts_executable_record(executable, &again, &diag), ts_ok);
    assert_ptr_equal(record, again);
    memset(&diag, 0, sizeof diag);
    assert_int_equal(ts_executable_run(executable, 0, &in, &out, NULL, &diag), ts_usage);
    ts_executable_release(executable);
}

static void test_version(void **state) {
    (void)state;
    assert_string_equal(ts_version(), "0.1.0");
    assert_int_equal(ts_last_run_json(NULL, 0), 0); /* nothing ran through the plugin */
    char text[4] = "abc";
    assert_int_equal(ts_last_run_json(text, sizeof text), 0);
    assert_string_equal(text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, clear)
        TEST(test_empty_environment),
        TEST(test_arguments_come_first),
        TEST(test_visible_cores),
        TEST(test_wrong_values),
        TEST(test_runtime),
        TEST(test_part_of_an_instance),
        TEST(test_refused_runtimes),
        TEST(test_executable),
        TEST(test_version),
        TEST(test_auto_cast),
        TEST(test_rounding),
        TEST(test_host),
        TEST(test_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
