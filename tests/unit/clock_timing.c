/* The programs of tests/timing: each names in its comments the times that follow from the rules, with the
   derivation, and published figures with the error that is allowed. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>

#include "clock_support.h"

#include "base/file.h"

static const char *const FOLDER = "tests/timing";

static double nanoseconds(ts_time time) {
    return (double)time / 1000;
}

/* The mean time between starts on a lane. */
static double interval(const ts_record *record, unsigned lane) {
    const ts_slice *first = NULL, *last = NULL;
    int count = 0;
    for (uint32_t i = 0; i < record->slices.count; i++) {
        if (record->slices.data[i].lane != lane) continue;
        if (!first) first = &record->slices.data[i];
        last = &record->slices.data[i];
        count++;
    }
    assert_true(count > 1);
    return nanoseconds(last->start - first->start) / (count - 1);
}

static double metric(const ts_record *record, const char *name) {
    char key[64];
    if (strcmp(name, "total_ns") == 0) return nanoseconds(record->total);
    if (strcmp(name, "makespan_ns") == 0) return nanoseconds(record->total - record->launch);
    if (strcmp(name, "instructions") == 0) return (double)record->instructions;
    if (strcmp(name, "pe_flops") == 0) return (double)record->pe_flops;
    if (strcmp(name, "dma_descriptors") == 0) return (double)record->dma_descriptors;
    if (strcmp(name, "dma_busy_ns") == 0) return nanoseconds(record->dma_busy);
    if (strcmp(name, "collective_busy_ns") == 0) return nanoseconds(record->collective_busy);
    for (unsigned e = 0; e < ts_engine_count; e++) {
        snprintf(key, sizeof key, "busy_%s_ns", ts_engine_name(e));
        if (strcmp(name, key) == 0) return nanoseconds(record->busy[e]);
        snprintf(key, sizeof key, "interval_%s_ns", ts_engine_name(e));
        if (strcmp(name, key) == 0) return interval(record, e);
    }
    for (unsigned b = 0; b < ts_bound_count; b++) {
        snprintf(key, sizeof key, "bound_%s_ns", ts_bound_name(b));
        if (strcmp(name, key) == 0) return nanoseconds(record->bound[b]);
    }
    fail_msg("no metric is called %s", name);
    return 0;
}

/* Checks the "# expect" and "# published" lines; returns how many there are. */
static int check_comments(const char *path, const char *text, const ts_record *record) {
    int count = 0;
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        char name[64];
        double value, percent;
        if (sscanf(line, "# expect %63s = %lf", name, &value) == 2) {
            double found = metric(record, name);
            count++;
            if (fabs(found - value) > 0.0075)
                fail_msg("%s: %s is %.3f, expected %.3f", path, name, found, value);
        } else if (sscanf(line, "# published %63s = %lf within %lf", name, &value, &percent) == 3) {
            double found = metric(record, name);
            count++;
            if (fabs(found / value - 1) * 100 > percent)
                fail_msg("%s: %s is %.3f, published %.3f: more than %g %% apart", path, name, found, value,
                         percent);
        }
    }
    return count;
}

static void check_file(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", FOLDER, name);
    uint8_t *data = NULL;
    size_t size = 0;
    assert_int_equal(ts_file_read(path, &data, &size, NULL), ts_ok);
    ts_program *program = parse_text((const char *)data, path);
    ts_diag diag = {0};
    ts_chip chip;
    assert_int_equal(ts_chip_get(program->chip, &chip, &diag), ts_ok);
    if (ts_program_verify(program, &chip, &diag) != ts_ok) fail_msg("%s: %s", path, diag.message);
    ts_record record;
    clock_run(program, &chip, &record);
    check_invariants(&record);
    if (check_comments(path, (const char *)data, &record) == 0) fail_msg("%s expects nothing", path);
    ts_record_free(&record);
    ts_program_free(program);
    free(data);
}

static void test_files(void **state) {
    (void)state;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 4, ".trn") != 0) continue;
        check_file(entry->d_name);
        count++;
    }
    closedir(folder);
    assert_true(count >= 15);
}

/* Bytes per ns of a stream of [128, row] loads on one queue. */
static double stream_rate(int row_bytes) {
    enum { LOADS = 64 };
    char text[512];
    snprintf(text, sizeof text,
             "trn 1\nprogram curve chip=trn1\ntensor x: input 0 u8[%d]\nloop %%i = %d\n"
             "  sync.dma_copy queue=0 dst=sbuf.u8[p0:128 +0+%d*(%%i mod 4) %d] "
             "src=hbm.u8[x +0+%d*%%i 128@%d %d]\nend %%i\n",
             128 * row_bytes * LOADS, LOADS, row_bytes, row_bytes, 128 * row_bytes, row_bytes, row_bytes);
    ts_program *program = parse_text(text, "curve");
    ts_chip chip = table_chip();
    /* Long enough that the first load's latency does not count. */
    ts_record record;
    clock_run(program, &chip, &record);
    double time = nanoseconds(record.total - record.launch) - chip.dma_first_byte_ns - chip.dma_completion_ns;
    ts_record_free(&record);
    ts_program_free(program);
    return 128.0 * row_bytes * LOADS / time;
}

/* The published curve of DMA throughput against bytes per partition (nki-dma-intro-1.jpg, read off a plot
   without a y scale; chip not stated). Compared, never fitted. The model is slow around the knee: descriptors
   cost 40 ns. */
static void test_dma_curve(void **state) {
    (void)state;
    static const struct {
        int bytes;
        double published, allowed_percent;
    } points[] = {{32, 0.0144, 12},  {64, 0.0264, 5},   {128, 0.0528, 5},  {256, 0.1031, 5},
                  {512, 0.2062, 5},  {1024, 0.4221, 5}, {2048, 0.8129, 8}, {4096, 0.9664, 11},
                  {8192, 0.9832, 6}, {16384, 0.9904, 4}};
    double whole = stream_rate(32768);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        double found = stream_rate(points[i].bytes) / whole;
        if (fabs(found / points[i].published - 1) * 100 > points[i].allowed_percent)
            fail_msg("%d bytes: %.4f of the long rows' rate, published %.4f", points[i].bytes, found,
                     points[i].published);
    }
    /* 17 B/ns sustained on each of 16 engines, less the descriptors' share. */
    assert_true(whole > 0.95 * 16 * 17 && whole < 16 * 17);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files), cmocka_unit_test(test_dma_curve)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
