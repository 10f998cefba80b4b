/* The report adds up, its gains are what the bounds allow, and two runs write the same bytes: on every
   program of tests/timing and on those that the environment of the test names. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "clock_support.h"
#include "report/figures.h"
#include "report/report.h"

static void make(const ts_program *program, bool without_gains, ts_report *report) {
    ts_chip chip = table_chip();
    ts_diag diag = {0};
    ts_report_options options = {
        .instance = ts_instance_get("trn1.2xlarge"), .slice_cap = 2000, .without_gains = without_gains};
    if (ts_report_make(program, &chip, &options, report, &diag) != ts_ok) fail_msg("%s", diag.message);
}

static void check_sums(const ts_report *report) {
    const ts_record *record = &report->record;
    ts_time bounds = 0, lines = 0, modules = 0;
    for (uint32_t i = 0; i < report->bounds.count; i++) {
        bounds += report->bounds.data[i].time;
        if (i) assert_true(report->bounds.data[i - 1].time >= report->bounds.data[i].time);
    }
    assert_int_equal(bounds, record->total);
    for (uint32_t i = 0; i < report->lines.count; i++) {
        const ts_report_line *line = &report->lines.data[i];
        ts_time sum = 0, rows = 0;
        for (int b = 0; b < ts_bound_count; b++)
            sum += line->bounds[b];
        for (uint32_t r = 0; r < line->row_count; r++)
            rows += report->rows.data[line->first_row + r].bound;
        assert_int_equal(sum, line->time);
        assert_int_equal(rows, line->time);
        lines += line->time;
    }
    assert_int_equal(lines + record->launch, record->total);
    for (uint32_t i = 0; i < report->modules.count; i++)
        if (report->modules.data[i].parent == 0) modules += report->modules.data[i].time;
    assert_int_equal(modules, lines);
}

/* The timeline and the path cover the step once. */
static void check_timeline(const ts_report *report) {
    const ts_record *record = &report->record;
    ts_time path = 0, at = 0;
    for (int b = 0; b < ts_bound_count; b++) {
        ts_time sum = 0;
        for (uint32_t bin = 0; bin < record->series.count; bin++)
            sum += record->series.bound[b][bin];
        assert_int_equal(sum, record->bound[b]);
    }
    for (unsigned engine = ts_engine_tensor; engine < ts_engine_count; engine++) {
        ts_time sum = 0;
        for (uint32_t bin = 0; bin < record->series.count; bin++) {
            assert_true(record->series.busy[engine][bin] <= record->series.width);
            sum += record->series.busy[engine][bin];
        }
        assert_int_equal(sum, record->busy[engine]);
    }
    for (uint32_t i = 0; i < record->path.count; i++) {
        assert_true(record->path.data[i].start >= at);
        at = record->path.data[i].end;
        path += record->path.data[i].end - record->path.data[i].start;
    }
    if (!record->path_is_coarse && !record->path_truncated) assert_int_equal(path, record->total);
}

static void check_gains(const ts_report *report) {
    assert_true(report->has_gains);
    for (uint32_t i = 0; i < report->bounds.count; i++) {
        const ts_report_bound *bound = &report->bounds.data[i];
        assert_true(bound->has_gain && bound->gain >= 0);
        if (bound->gain > bound->time)
            fail_msg("%s: %s gains %lld of %lld", report->record.program_name, ts_bound_name(bound->bound),
                     (long long)bound->gain, (long long)bound->time);
    }
    for (uint32_t i = 0; i < report->lines.count; i++)
        if (report->lines.data[i].has_gain)
            assert_in_range(report->lines.data[i].gain, 0, report->lines.data[i].time);
    for (uint32_t i = 0; i < report->remedies.count; i++) {
        const ts_report_remedy *remedy = &report->remedies.data[i];
        assert_true(remedy->gain > 0 && remedy->gain < report->record.total &&
                    remedy->gain <= report->together);
        assert_true(remedy->evidence[0] && remedy->action[0]);
        if (i) assert_true(report->remedies.data[i - 1].gain >= remedy->gain);
    }
    for (uint32_t i = 0; i < report->leans.count; i++)
        assert_true(report->leans.data[i].low <= report->record.total &&
                    report->leans.data[i].high >= report->record.total);
}

static void check_text(const ts_report *report) {
    ts_text text = {0};
    int lines = 0;
    ts_report_text(report, &text);
    for (const char *at = text.data; *at; lines++) {
        size_t length = strcspn(at, "\n");
        assert_in_range(length, 0, 100);
        assert_true(at[length] == '\n');
        at += length + 1;
    }
    assert_in_range(lines, 6, 25);
    ts_text_free(&text);
}

static void check_program(const ts_program *program) {
    ts_report report;
    make(program, false, &report);
    check_sums(&report);
    check_timeline(&report);
    check_gains(&report);
    check_text(&report);
    ts_report_free(&report);
}

static void each_file(void (*check)(const ts_program *)) {
    DIR *folder = opendir("tests/timing");
    assert_non_null(folder);
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 4, ".trn") != 0) continue;
        /* hundreds of thousands of instructions, thirty times over: their own tests clock them */
        if (strncmp(entry->d_name, "matmul_tutorial", 15) == 0) continue;
        char path[512];
        uint8_t *data = NULL;
        size_t size = 0;
        snprintf(path, sizeof path, "tests/timing/%s", entry->d_name);
        assert_int_equal(ts_file_read(path, &data, &size, NULL), ts_ok);
        ts_program *program = parse_text((const char *)data, path);
        check(program);
        ts_program_free(program);
        free(data);
        count++;
    }
    closedir(folder);
    assert_true(count >= 15);
}

static void test_files(void **state) {
    (void)state;
    each_file(check_program);
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

static const ts_report_remedy *find_remedy(const ts_report *report, const char *id) {
    for (uint32_t i = 0; i < report->remedies.count; i++)
        if (strcmp(report->remedies.data[i].id, id) == 0) return &report->remedies.data[i];
    return NULL;
}

/* 100 products of one tile; with bf16 operands the PE takes one pass instead of four. */
static ts_program *matmuls(const char *dtype) {
    char text[1024];
    snprintf(text, sizeof text,
             "trn 1\nprogram products chip=trn1\nloop %%0 = 100\n"
             "  tensor.nc_matmul dst=psum.f32[p0:128 +0 512] stationary=sbuf.%s[p0:128 +0 128] "
             "moving=sbuf.%s[p0:128 +1024 512]\nend %%0\n",
             dtype, dtype);
    return parse_text(text, "products");
}

/* What a remedy promises is what the changed program gains. */
static void test_promise_kept(void **state) {
    (void)state;
    ts_program *wide = matmuls("f32"), *narrow = matmuls("bf16");
    ts_report before, after;
    make(wide, false, &before);
    make(narrow, false, &after);
    const ts_report_remedy *remedy = find_remedy(&before, "A7");
    assert_non_null(remedy);
    assert_string_equal(remedy->method, "edit");
    assert_int_equal(remedy->gain, before.record.total - after.record.total);
    assert_null(find_remedy(&after, "A7"));
    assert_non_null(find_remedy(&after, "A16")); /* the launch is most of it now */
    assert_null(find_remedy(&before, "A16"));
    assert_null(find_remedy(&before, "A3"));
    ts_report_free(&before);
    ts_report_free(&after);
    ts_program_free(wide);
    ts_program_free(narrow);
}

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

static void test_loop(void **state) {
    (void)state;
    ts_program *program = parse_text(LOOP, "loop");
    ts_report report;
    make(program, false, &report);
    check_program(program);
    assert_int_equal(report.loop, 0);
    assert_int_equal(report.record.loops.data[0].trips, 16);
    /* three trips of two transfers (trigger and queue) and an addition */
    assert_int_equal(report.loop_record.slices.count, 3 * 5);
    assert_string_equal(report.modules.data[0].name, "backward");
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

/* A user's names cannot become markup, and the page is small and asks for nothing. */
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

/* Neither instructions nor a source: everything still has a form. */
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
        cmocka_unit_test(test_files),   cmocka_unit_test(test_same_bytes),   cmocka_unit_test(test_loop),
        cmocka_unit_test(test_page),    cmocka_unit_test(test_diff),         cmocka_unit_test(test_empty),
        cmocka_unit_test(test_figures), cmocka_unit_test(test_promise_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
