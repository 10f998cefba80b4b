/* safetensors: what is written is read back, and files that do not hold together are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/safetensors.h"

static char path[64];

static int make_path(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/ts_stored_XXXXXX");
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_path(void **state) {
    (void)state;
    return unlink(path);
}

static ts_status read_back(ts_safetensors *file, ts_diag *diag) {
    *diag = (ts_diag){0};
    return ts_safetensors_read(path, file, diag);
}

static void tensors_are_read_back(void **state) {
    (void)state;
    const float weights[6] = {1, 2, 3, 4, 5, 6};
    const uint8_t flag = 1;
    const ts_stored tensors[] = {{.name = "layer \"0\".\xc3\xa9",
                                  .dtype = "F32",
                                  .rank = 2,
                                  .dim = {2, 3},
                                  .bytes = 24,
                                  .data = weights},
                                 {.name = "none", .dtype = "BF16", .rank = 2, .dim = {0, 7}},
                                 {.name = "flag", .dtype = "BOOL", .bytes = 1, .data = &flag}};
    ts_diag diag = {0};
    ts_safetensors file;
    assert_int_equal(ts_safetensors_write(path, tensors, 3, &diag), ts_ok);
    assert_int_equal(read_back(&file, &diag), ts_ok);
    assert_int_equal(file.count, 3);
    for (int i = 0; i < 3; i++) {
        const ts_stored *tensor = ts_safetensors_find(&file, tensors[i].name);
        assert_non_null(tensor);
        assert_string_equal(tensor->dtype, tensors[i].dtype);
        assert_int_equal(tensor->rank, tensors[i].rank);
        assert_memory_equal(tensor->dim, tensors[i].dim, sizeof tensor->dim);
        assert_int_equal(tensor->bytes, tensors[i].bytes);
        if (tensor->bytes) assert_memory_equal(tensor->data, tensors[i].data, tensor->bytes);
    }
    assert_null(ts_safetensors_find(&file, "other"));
    ts_safetensors_free(&file);
    assert_int_equal(ts_safetensors_write(path, NULL, 0, &diag), ts_ok);
    assert_int_equal(read_back(&file, &diag), ts_ok);
    assert_int_equal(file.count, 0);
    ts_safetensors_free(&file);
}

static void write_header(const char *header, size_t data) {
    uint8_t bytes[1024] = {0};
    size_t length = strlen(header);
    bytes[0] = (uint8_t)(length & 0xff);
    bytes[1] = (uint8_t)(length >> 8);
    memcpy(bytes + 8, header, length);
    assert_int_equal(ts_file_write(path, bytes, 8 + length + data, NULL), ts_ok);
}

#define TENSOR(dtype, shape, offsets)                                                                        \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void metadata_and_order_are_free(void **state) {
    (void)state;
    ts_safetensors file;
    ts_diag diag;
    write_header("{\"b\":" TENSOR("U8", "[3]", "[4,7]") ",\"__metadata__\":{\"format\":\"pt\"},\"a\":" TENSOR(
                     "F32", "[]", "[0,4]") "}   ",
                 7);
    assert_int_equal(read_back(&file, &diag), ts_ok);
    assert_int_equal(file.count, 2);
    assert_string_equal(ts_json_text(ts_json_get(file.metadata, "format")), "pt");
    ts_safetensors_free(&file);
}

static void broken_files_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *header, *message;
        ts_status status;
    } rows[] = {
        {"[]", "no object", ts_input},
        {"{\"a\":1}", "no dtype", ts_input},
        {"{\"a\":" TENSOR("F4", "[1]", "[0,4]") "}", "F4", ts_unsupported},
        {"{\"a\":" TENSOR("F32", "[1]", "[0,5]") "}", "outside", ts_input},
        {"{\"a\":" TENSOR("F32", "[1]", "[4,0]") "}", "outside", ts_input},
        {"{\"a\":" TENSOR("F32", "[1]", "[0,3]") "}", "fit its shape", ts_input},
        {"{\"a\":" TENSOR("F32", "[1]", "[0]") "}", "data_offsets", ts_input},
        {"{\"a\":" TENSOR("F32", "[1]", "[-4,0]") "}", "data_offsets", ts_input},
        {"{\"a\":" TENSOR("F32", "[1.0]", "[0,4]") "}", "malformed shape", ts_input},
        {"{\"a\":" TENSOR("F32", "[-1]", "[0,4]") "}", "malformed shape", ts_input},
        {"{\"a\":" TENSOR("F32", "{}", "[0,4]") "}", "no shape", ts_input},
        {"{\"a\":" TENSOR("F32", "[4611686018427387904,4]", "[0,4]") "}", "beyond memory", ts_input},
        {"{\"a\":" TENSOR("U8", "[2]", "[0,2]") "}", "belong to no tensor", ts_input},
        {"{\"a\":" TENSOR("U8", "[3]", "[0,3]") ",\"b\":" TENSOR("U8", "[2]", "[2,4]") "}", "overlaps",
         ts_input},
        {"{\"a\":" TENSOR("U8", "[1]", "[0,1]") ",\"b\":" TENSOR("U8", "[2]", "[2,4]") "}", "hole", ts_input},
        {"{\"a\":" TENSOR("U8", "[4]", "[0,4]") ",\"a\":" TENSOR("U8", "[4]", "[0,4]") "}", "twice",
         ts_input},
        {"{\"a\":" TENSOR("U8", "[4]", "[0,4]") ",\"__metadata__\":{\"x\":1}}", "__metadata__", ts_input},
        {"{\"a\"", "JSON", ts_input},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ts_safetensors file;
        ts_diag diag;
        write_header(rows[i].header, 4);
        assert_int_equal(read_back(&file, &diag), rows[i].status);
        if (!strstr(diag.message, rows[i].message)) fail_msg("%s: %s", rows[i].header, diag.message);
        assert_non_null(strstr(diag.message, path));
        ts_safetensors_free(&file);
    }
}

/* Every prefix, and every byte of the header changed: refused or read, never beyond the file. */
static void damage_is_survived(void **state) {
    (void)state;
    uint8_t bytes[256] = {0}, damaged[256];
    const char *header = "{\"a\":" TENSOR("U8", "[4]", "[0,4]") ",\"b\":" TENSOR("I16", "[1,2]", "[4,8]") "}";
    size_t length = strlen(header), size = 8 + length + 8;
    bytes[0] = (uint8_t)length;
    memcpy(bytes + 8, header, length);
    ts_safetensors file;
    ts_diag diag;
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(ts_file_write(path, bytes, cut, NULL), ts_ok);
        assert_int_equal(read_back(&file, &diag), ts_input);
        ts_safetensors_free(&file);
    }
    static const uint8_t values[] = {0, 0xff, '"', '{', ']', '9', '\\', ','};
    for (size_t at = 0; at < 8 + length; at++)
        for (size_t v = 0; v < sizeof values; v++) {
            memcpy(damaged, bytes, size);
            damaged[at] = values[v];
            assert_int_equal(ts_file_write(path, damaged, size, NULL), ts_ok);
            ts_status status = read_back(&file, &diag);
            assert_true(status == ts_ok || diag.message[0]);
            ts_safetensors_free(&file);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_read_back),
        cmocka_unit_test(metadata_and_order_are_free),
        cmocka_unit_test(broken_files_are_refused),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
