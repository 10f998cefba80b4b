/* On the program of every test in tests/timing, tests/isa and tests/compiler: the report adds up, gains are
   within bounds, and two runs write the same bytes. */
#include "random_code.h"
#include "report_support.h"

#include "compiler/compile.h"
#include "report/figures.h"

/* ---- every program of the tests ---- */

static ts_program *compiled(const char *text, const char *path) {
    ts_chip chip = table_chip();
    ts_compile_options options = {0};
    ts_diag diag = {0};
    ts_module *module = NULL;
    ts_program *program = NULL;
    if (ts_module_parse(text, path, &module, &diag) != ts_ok) fail_msg("%s", diag.message);
    if (ts_compile(module, &chip, &options, &program, &diag) != ts_ok)
        program = NULL; /* a test of a refusal */
    ts_module_free(module);
    return program;
}

static ts_program *parsed(const char *text, const char *path) {
    ts_chip chip = table_chip();
    ts_program *program = parse_text(text, path);
    if (ts_program_verify(program, &chip, NULL) == ts_ok) return program;
    ts_program_free(program);
    return NULL;
}

/* Programs of hundreds of thousands of instructions, which a report would clock fifty times. They have tests
   of their own. */
static bool is_long(const char *name) {
    return strncmp(name, "matmul_tutorial", 15) == 0;
}

static int each_file(const char *folder, const char *suffix,
                     ts_program *(*open)(const char *text, const char *path)) {
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(directory));) {
        size_t length = strlen(entry->d_name), end = strlen(suffix), size = 0;
        if (length <= end || strcmp(entry->d_name + length - end, suffix) != 0 || is_long(entry->d_name))
            continue;
        char path[512];
        uint8_t *data = NULL;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        assert_int_equal(ts_file_read(path, &data, &size, NULL), ts_ok);
        ts_program *program = open((const char *)data, path);
        if (program) check_program(program, path);
        count += program != NULL;
        ts_program_free(program);
        free(data);
    }
    closedir(directory);
    return count;
}

static void test_timing_programs(void **state) {
    (void)state;
    assert_true(each_file("tests/timing", ".trn", parsed) >= 15);
}

static void test_isa_programs(void **state) {
    (void)state;
    assert_true(each_file("tests/isa", ".trn", parsed) >= 30);
}

/* Programs of four ranks: releasing collectives gains at most their share of the step. */
static void test_random_collectives(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        ts_program *program = random_of(seed, 80, 1 + (int)seed % 5, true);
        check_program(program, "random");
        ts_program_free(program);
    }
}

static void test_compiler_programs(void **state) {
    (void)state;
    assert_true(each_file("tests/compiler", ".mlir", compiled) >= 150);
}

static const char *const LOOP =
    "trn 1\nprogram \"<b>\\\"&' step\" chip=trn1 model_flops=33554432\n"
    "loc @1 \"no/such/<script>.py\":31:5 \"jit(step)/jvp(block)/dot_general\"\n"
    "loc @2 \"no/such/<script>.py\":32:5 \"jit(step)/transpose(jvp(block))/add\"\n"
    "tensor a: input 0 f32[16,128,128]\ntensor y: output 0 f32[16,128,128]\n"
    "loop %0 = 16\n"
    "  sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 128] src=hbm.f32[a +16384*%0 128@128 128] @1\n"
    "  vector.tensor_tensor dst=sbuf.f32[p0:128 +1024 128] data1=sbuf.f32[p0:128 +0 128] "
    "data2=sbuf.f32[p0:128 +0 128] "
    "op=add @2\n"
    "  scalar.dma_copy queue=1 dst=hbm.f32[y +16384*%0 128@128 128] src=sbuf.f32[p0:128 +1024 128] @2\n"
    "end %0\n";

typedef void writer(const ts_report *report, ts_text *out);

static void write_trace(const ts_report *report, ts_text *out) {
    ts_report_pftrace(report, &report->record, out);
}

static void test_same_bytes(void **state) {
    (void)state;
    writer *const writers[] = {ts_report_text, ts_report_json,         ts_report_html,
                               write_trace,    ts_report_summary_text, ts_report_summary_json};
    ts_program *program = parse_text(LOOP, "loop");
    ts_report a, b;
    make(program, false, &a);
    make(program, false, &b);
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
        ts_text x = {0}, y = {0};
        writers[i](&a, &x);
        writers[i](&b, &y);
        assert_int_equal(x.length, y.length);
        assert_true(x.length > 100);
        assert_memory_equal(x.data, y.data, x.length);
        ts_text_free(&x);
        ts_text_free(&y);
    }
    ts_report_free(&a);
    ts_report_free(&b);
    ts_program_free(program);
}

/* A step of more instructions than a timeline shows, on 4000 lines. */
static ts_program *long_program(void) {
    enum { LINES = 4000 };
    ts_text text = {0};
    ts_text_add(&text, "trn 1\nprogram \"long\" chip=trn1\n");
    for (int line = 1; line <= LINES; line++)
        ts_text_format(&text, "loc @%d \"some/folder/step.py\":%d:5 \"jit(step)/block_%d/add\"\n", line, line,
                       line % 40);
    ts_text_add(&text, "loop %0 = 80\n");
    for (int line = 1; line <= LINES; line++)
        ts_text_format(&text,
                       "  %s.tensor_copy dst=sbuf.f32[p0:128 +%d 64] src=sbuf.f32[p0:128 +%d 64] @%d\n",
                       line % 2 ? "vector" : "scalar", 1024 * (line % 99), 1024 * ((line + 98) % 99), line);
    ts_text_add(&text, "end %0\n");
    ts_program *program = parse_text(text.data, "long");
    ts_text_free(&text);
    return program;
}

/* The largest possible record and trace; two runs write the same bytes. */
static void test_sizes(void **state) {
    (void)state;
    enum { MOST = 64000000 };
    ts_program *program = long_program();
    ts_chip chip = table_chip();
    ts_text traces[2] = {{0}}, records[2] = {{0}};
    for (int run = 0; run < 2; run++) {
        ts_report report;
        ts_report_options options = {.slice_cap = TS_REPORT_SLICES, .without_gains = true};
        assert_int_equal(ts_report_make(program, &chip, &options, &report, NULL), ts_ok);
        assert_int_equal(report.record.slices.count, TS_REPORT_SLICES);
        assert_true(report.record.slices_truncated && report.record.path.count > 100000);
        assert_true(report.record.arena.bytes_used < MOST);
        ts_report_pftrace(&report, &report.record, &traces[run]);
        ts_record_json(&report.record, program, NULL, &records[run]);
        ts_report_free(&report);
    }
    assert_true(traces[0].length < MOST && records[0].length < MOST);
    assert_true(traces[0].length == traces[1].length && records[0].length == records[1].length);
    assert_memory_equal(traces[0].data, traces[1].data, traces[0].length);
    assert_memory_equal(records[0].data, records[1].data, records[0].length);
    for (int run = 0; run < 2; run++) {
        ts_text_free(&traces[run]);
        ts_text_free(&records[run]);
    }
    ts_program_free(program);
}

/* What-ifs that are clocked together, on several threads, have the results of single ones. */
static void test_asks(void **state) {
    (void)state;
    enum { ASKS = 3 * TS_WHAT_IFS + 1 };
    ts_program *program = parse_text(LOOP, "loop"), list = *program;
    ts_chip slow = table_chip();
    ts_report report = {.program = program};
    ts_report_options options = {0};
    ts_report_ask asks[ASKS] = {{.is_list = false}};
    list.order = ts_order_list;
    slow.dma_first_byte_ns *= 2;
    report.record.chip = table_chip();
    assert_int_equal(ts_pool_new(3, &options.pool, NULL), ts_ok);
    for (int i = 0; i < ASKS; i++) {
        asks[i].what_if = (ts_what_if){.free = 1u << i % 20, .chip = i % 3 ? NULL : &slow};
        asks[i].is_list = i % 4 == 1;
    }
    assert_int_equal(ts_report_clock(&report, &options, asks, ASKS, NULL), ts_ok);
    assert_int_equal(report.clock_runs, 4);
    for (int i = 0; i < ASKS; i++) {
        ts_clock_options alone = {.what_ifs = &asks[i].what_if, .what_if_count = 1};
        ts_record record;
        assert_int_equal(
            ts_clock_run(asks[i].is_list ? &list : program, &report.record.chip, &alone, &record, NULL),
            ts_ok);
        assert_int_equal(asks[i].total, record.what_if[0]);
        ts_record_free(&record);
    }
    /* If one of them fails, all fail, with the reason. */
    ts_chip broken = table_chip();
    ts_diag diag = {0};
    broken.dma_queues = 0;
    report.record.chip = broken;
    assert_int_equal(ts_report_clock(&report, &options, asks, ASKS, &diag), ts_input);
    assert_non_null(strstr(diag.message, "at least one queue"));
    ts_pool_free(options.pool);
    ts_report_free(&report);
    ts_program_free(program);
}

static void test_loop(void **state) {
    (void)state;
    ts_program *program = parse_text(LOOP, "loop");
    ts_report report;
    make(program, false, &report);
    check_program(program, "loop");
    assert_int_equal(report.loop, 0);
    assert_int_equal(report.record.loops.data[0].trips, 16);
    /* three trips of two transfers (trigger and queue) and an addition */
    assert_int_equal(report.loop_record.slices.count, 3 * 5);
    assert_string_equal(report.modules.data[0].name, "backward");
    assert_int_equal(ts_report_loop_place(&report)->line, 31);
    ts_time period = ts_report_loop_period(&report);
    assert_true(period * 15 < report.record.total &&
                period * 17 > report.record.total - report.record.launch);
    assert_true(report.sbuf_peak >= 512 && report.sbuf_peak <= 1536);
    assert_int_equal(report.record.queues.count, 2);
    assert_int_equal(report.record.queues.data[0].transfers, 16);
    uint64_t moved = 0;
    for (int i = 0; i < TS_DMA_SIZES; i++)
        moved += report.record.sizes[i].bytes;
    assert_int_equal(moved, 2 * 16 * 128 * 128 * 4);
    assert_int_equal(report.record.sizes[9].bytes, moved); /* rows of 512 B */
    ts_report_free(&report);
    ts_program_free(program);
}

/* A step of two halves, the first forward and the second backward: two phases that meet in the middle. Half
   of TensorE's work is transposes, all of them in the second phase. */
static void test_over_time(void **state) {
    (void)state;
    static const char code[] =
        "trn 1\nprogram halves chip=trn1\n"
        "loc @1 \"step.py\":1:1 \"jit(step)/jvp(block)/dot_general\"\n"
        "loc @2 \"step.py\":2:1 \"jit(step)/transpose(jvp(block))/dot_general\"\n"
        "loop %0 = 2000\n"
        "  tensor.nc_matmul dst=psum.f32[p0:128 +0 128] stationary=sbuf.f32[p0:128 +0 128] "
        "moving=sbuf.f32[p0:128 +1024 128] @1\nend %0\n"
        "loop %0 = 2000\n"
        "  tensor.nc_transpose dst=psum.f32[p0:128 +0 128] data=sbuf.f32[p0:128 +0 128] @2\nend %0\n";
    ts_program *program = parse_text(code, "halves");
    ts_report report;
    make(program, true, &report);
    const ts_record *record = &report.record;
    ts_time turned = 0, half = record->total / 2, early = 0;
    for (uint32_t bin = 0; bin < record->series.count; bin++) {
        turned += record->series.transposes[bin];
        if ((ts_time)(bin + 1) * record->series.width < record->launch + record->busy[ts_engine_tensor] / 4)
            early += record->series.transposes[bin];
    }
    assert_int_equal(early, 0);
    assert_true(turned > 0 && turned < record->busy[ts_engine_tensor]);
    assert_int_equal(report.phases.count, 2);
    assert_string_equal(report.modules.data[report.phases.data[0].module].name, "forward");
    assert_string_equal(report.modules.data[report.phases.data[1].module].name, "backward");
    assert_int_equal(report.phases.data[0].end, report.phases.data[1].start);
    assert_int_equal(report.phases.data[1].end, record->total);
    ts_time first = record->busy[ts_engine_tensor] - turned + record->launch;
    assert_true(llabs(report.phases.data[0].end - first) < half / 50);
    ts_report_free(&report);
    ts_program_free(program);
}

/* On an instance with another chip a step takes the time of that chip's clock. */
static void test_prices(void **state) {
    (void)state;
    ts_program *program = parse_text(LOOP, "loop");
    ts_report report;
    make(program, false, &report);
    int chips[2] = {0};
    for (uint32_t i = 0; i < report.prices.count; i++) {
        const ts_report_price *price = &report.prices.data[i];
        bool is_other = strcmp(price->instance->chip, "trn2") == 0;
        ts_chip chip;
        ts_record record;
        assert_int_equal(ts_chip_get(price->instance->chip, &chip, NULL), ts_ok);
        clock_run(program, &chip, &record);
        assert_int_equal(price->total, record.total);
        if (is_other) assert_int_not_equal(price->total, report.record.total);
        assert_true((ts_report_step_usd(price) > 0) == (price->instance->usd_per_hour > 0));
        chips[is_other]++;
        ts_record_free(&record);
    }
    assert_true(chips[0] >= 7 && chips[1] == 1);
    ts_report_free(&report);
    ts_program_free(program);
}

/* A user's names cannot become markup; the page is small and loads nothing else. */
static void test_page(void **state) {
    (void)state;
    ts_program *program = parse_text(LOOP, "loop");
    ts_report report;
    ts_text page = {0};
    make(program, false, &report);
    ts_report_html(&report, &page);
    assert_null(strstr(page.data, "<b>\"&"));
    assert_null(strstr(page.data, "<script>.py"));
    assert_non_null(strstr(page.data, "&lt;script&gt;.py"));
    assert_null(strstr(page.data, "http:"));
    assert_null(strstr(page.data, "https:"));
    assert_true(page.length < 1500000);
    ts_text_free(&page);
    ts_report_free(&report);
    ts_program_free(program);
}

static void test_diff(void **state) {
    (void)state;
    ts_program *program = parse_text(LOOP, "loop");
    ts_report a;
    ts_text text = {0};
    make(program, true, &a);
    assert_false(a.has_gains);
    ts_report_diff(&a, &a, &text);
    assert_non_null(strstr(text.data, "the same"));
    ts_text_free(&text);
    ts_report_free(&a);
    ts_program_free(program);
}

/* A program without instructions or sources still has a report in every form. */
static void test_empty(void **state) {
    (void)state;
    ts_program *program = parse_text("trn 1\nprogram nothing chip=trn1\n", "nothing");
    ts_report report;
    ts_text text = {0};
    make(program, false, &report);
    check_sums(&report);
    ts_report_text(&report, &text);
    ts_report_html(&report, &text);
    ts_report_json(&report, &text);
    ts_report_explain(&report, 10, &text);
    assert_non_null(strstr(text.data, "Launching the program is 100 %"));
    ts_text_free(&text);
    ts_report_free(&report);
    ts_program_free(program);
}

static void test_figures(void **state) {
    (void)state;
    static const struct {
        ts_time time;
        const char *text;
    } times[] = {{0, "0 ns"},           {1500, "1.50 ns"},      {437000000, "437 us"},
                 {999499999, "999 us"}, {999500000, "1.00 ms"}, {12340000000000, "12.3 s"}};
    ts_text out = {0};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        out.length = 0;
        ts_figure_time(&out, times[i].time);
        assert_string_equal(out.data, times[i].text);
    }
    out.length = 0;
    ts_figure_bytes(&out, 1536);
    ts_figure_count(&out, 9999);
    ts_figure_count(&out, 1234567);
    ts_figure_percent(&out, 0.0005);
    ts_figure_dollars(&out, 0.5);
    assert_string_equal(out.data, "1.50 KiB99991.23 M0.05 %$0.50");
    ts_text_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timing_programs),
        cmocka_unit_test(test_isa_programs),
        cmocka_unit_test(test_compiler_programs),
        cmocka_unit_test(test_random_collectives),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_asks),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_loop),
        cmocka_unit_test(test_over_time),
        cmocka_unit_test(test_prices),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
