/* Files and .npy arrays: what is written is read back, and damaged files are refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ts_files_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static const char *path_of(char *buffer, const char *name) {
    snprintf(buffer, 128, "%s/%s", folder, name);
    return buffer;
}

static void files_are_whole(void **state) {
    (void)state;
    char path[128];
    uint8_t *data;
    size_t size;
    ts_diag diag = {0};
    path_of(path, "plain");
    assert_int_equal(ts_file_write(path, "hello", 5, &diag), ts_ok);
    assert_int_equal(ts_file_write(path, "other", 5, &diag), ts_ok);
    assert_int_equal(ts_file_read(path, &data, &size, &diag), ts_ok);
    assert_int_equal(size, 5);
    assert_string_equal((char *)data, "other");
    free(data);
    assert_int_equal(ts_file_read("/proc/self/status", &data, &size, &diag), ts_ok);
    assert_true(size > 100);
    free(data);
}

static void missing_places_are_named(void **state) {
    (void)state;
    char path[128];
    uint8_t *data;
    size_t size;
    ts_diag diag = {0};
    assert_int_equal(ts_file_read(path_of(path, "nowhere"), &data, &size, &diag), ts_system);
    assert_non_null(strstr(diag.message, path));
    assert_non_null(strstr(diag.message, "No such file"));
    diag = (ts_diag){0};
    assert_int_equal(ts_file_read(folder, &data, &size, &diag), ts_system);
    assert_non_null(strstr(diag.message, "folder"));
    diag = (ts_diag){0};
    assert_int_equal(ts_file_write(path_of(path, "no/such/place"), "x", 1, &diag), ts_system);
    assert_non_null(strstr(diag.message, path));
}

static void write_raw(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static void write_header(const char *path, const char *header, const void *data, size_t bytes) {
    uint8_t buffer[512] = "\x93NUMPY\x01\x00";
    size_t length = strlen(header);
    buffer[8] = (uint8_t)length;
    memcpy(buffer + 10, header, length);
    memcpy(buffer + 10 + length, data, bytes);
    write_raw(path, buffer, 10 + length + bytes);
}

static void arrays_come_back(void **state) {
    (void)state;
    char path[128];
    ts_diag diag = {0};
    float values[6] = {1, 2, 3, 4, 5, 6};
    const int ranks[] = {0, 1, 2};
    path_of(path, "a.npy");
    for (int i = 0; i < 3; i++) {
        ts_npy out = {.descr = "f4", .rank = ranks[i], .dim = {2, 3}, .data = (uint8_t *)values}, in;
        if (ranks[i] == 1) out.dim[0] = 6;
        out.bytes = ranks[i] == 0 ? 4 : 24;
        assert_int_equal(ts_npy_write(path, &out, &diag), ts_ok);
        assert_int_equal(ts_npy_read(path, &in, &diag), ts_ok);
        assert_string_equal(in.descr, "f4");
        assert_int_equal(in.rank, out.rank);
        assert_int_equal(in.bytes, out.bytes);
        assert_memory_equal(in.data, values, in.bytes);
        struct stat info;
        stat(path, &info);
        assert_int_equal((info.st_size - (long)out.bytes) % 64, 0);
        ts_npy_free(&in);
    }
}

static void fortran_order_is_turned(void **state) {
    (void)state;
    char path[128];
    ts_npy array;
    ts_diag diag = {0};
    const int16_t column_major[6] = {1, 4, 2, 5, 3, 6}, row_major[6] = {1, 2, 3, 4, 5, 6};
    write_header(path_of(path, "f.npy"), "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }\n",
                 column_major, sizeof column_major);
    assert_int_equal(ts_npy_read(path, &array, &diag), ts_ok);
    assert_memory_equal(array.data, row_major, sizeof row_major);
    ts_npy_free(&array);
}

static void damaged_arrays_are_refused(void **state) {
    (void)state;
    const struct {
        const char *header, *says;
    } rows[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "big-endian"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "dtype"},
        {"{'descr': '<U8', 'fortran_order': False, 'shape': (1,), }", "not numbers"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "dtype"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "8 bytes of data, the file has 4"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", "beyond memory"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "malformed shape"},
        {"{'descr': '<f4', 'shape': (1,), }", "order"},
        {"{'descr': '<f4', 'fortran_order': False, }", "no shape"},
        {"", "dtype"},
    };
    char path[128], cut[16] = "\x93NUMPY\x01\x00\xff\xff";
    ts_npy array;
    path_of(path, "bad.npy");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ts_diag diag = {0};
        write_header(path, rows[i].header, "\0\0\0\0", 4);
        assert_int_equal(ts_npy_read(path, &array, &diag), ts_input);
        assert_non_null(strstr(diag.message, rows[i].says));
        assert_non_null(strstr(diag.message, path));
        assert_null(array.data);
    }
    for (size_t size = 0; size <= sizeof cut; size++) {
        ts_diag diag = {0};
        write_raw(path, cut, size);
        assert_int_equal(ts_npy_read(path, &array, &diag), ts_input);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_whole),
        cmocka_unit_test(missing_places_are_named),
        cmocka_unit_test(arrays_come_back),
        cmocka_unit_test(fortran_order_is_turned),
        cmocka_unit_test(damaged_arrays_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
