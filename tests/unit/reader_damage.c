/* The bytecode reader on damaged files: real artifacts cut at every length and flipped at every bit, and
   files made by hand that break one rule each. Whatever is accepted prints, parses back and compiles or is
   refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/compile.h"
#include "reader_artifacts.h"

static const struct {
    const char *name;
    const uint8_t *data;
    size_t size;
    uint32_t ops;
} artifacts[] = {{"mlp", artifact_mlp, sizeof artifact_mlp, 36},
                 {"control", artifact_control, sizeof artifact_control, 16},
                 {"sharded", artifact_sharded, sizeof artifact_sharded, 11},
                 {"indexed", artifact_indexed, sizeof artifact_indexed, 60}};
enum { ARTIFACTS = sizeof artifacts / sizeof *artifacts };

/* ---- what must hold of any bytes ---- */

static ts_status compile_small(ts_module *module) {
    ts_diag diag = {0};
    ts_chip chip;
    ts_program *program = NULL;
    assert_int_equal(ts_chip_get("trn1", &chip, &diag), ts_ok);
    chip.hbm_bytes = 1 << 26;
    ts_status status = ts_compile(module, &chip, NULL, &program, &diag);
    assert_int_equal(status, diag.status);
    assert_int_equal(status == ts_ok, diag.message[0] == '\0');
    assert_int_equal(status == ts_ok, program != NULL);
    assert_true(status == ts_ok || status == ts_input || status == ts_unsupported || status == ts_capacity);
    ts_program_free(program);
    return status;
}

static ts_status check_text(const ts_module *module) {
    ts_diag diag = {0}, first = {0}, second = {0};
    ts_text text = {0}, again = {0};
    ts_module *parsed;
    ts_module_print(module, &text);
    if (ts_module_parse(text.data, "printed", &parsed, &diag) != ts_ok)
        fail_msg("%s in\n%s", diag.message, text.data);
    ts_module_print(parsed, &again);
    assert_string_equal(text.data, again.data);
    ts_status verdict = ts_module_check(module, &first);
    assert_int_equal(ts_module_check(parsed, &second), verdict);
    ts_module_free(parsed);
    ts_text_free(&text);
    ts_text_free(&again);
    return verdict;
}

/* Reads a file, checks and compiles what was read; diag is the reader's refusal. */
static ts_status read_all(const uint8_t *data, size_t size, bool is_compiled, ts_diag *diag) {
    ts_module *module = NULL;
    *diag = (ts_diag){0};
    uint8_t *exact =
        malloc(size ? size : 1); /* of the exact size, so that a sanitizer sees a read beyond it */
    assert_non_null(exact);
    memcpy(exact, data, size);
    ts_status status = ts_module_read(exact, size, "a.mlirbc", &module, diag);
    free(exact);
    assert_int_equal(status, diag->status);
    assert_int_equal(status == ts_ok, module != NULL);
    assert_int_equal(status == ts_ok, diag->message[0] == '\0');
    if (module && check_text(module) == ts_ok && is_compiled) compile_small(module);
    ts_module_free(module);
    return status;
}

/* ---- real files ---- */

static void test_whole(void **state) {
    (void)state;
    for (int i = 0; i < ARTIFACTS; i++) {
        ts_diag diag = {0};
        ts_module *module;
        if (ts_module_read(artifacts[i].data, artifacts[i].size, artifacts[i].name, &module, &diag) != ts_ok)
            fail_msg("%s", diag.message);
        if (ts_module_check(module, &diag) != ts_ok) fail_msg("%s: %s", artifacts[i].name, diag.message);
        assert_int_equal(module->op_count, artifacts[i].ops);
        assert_non_null(ts_module_func(module, "main"));
        ts_module_free(module);
        assert_int_equal(read_all(artifacts[i].data, artifacts[i].size, true, &diag), ts_ok);
    }
}

/* The training step compiles, and an operation knows its line in the user's file. */
static void test_step(void **state) {
    (void)state;
    ts_diag diag = {0};
    ts_module *module;
    assert_int_equal(ts_module_read(artifact_mlp, sizeof artifact_mlp, "mlp", &module, &diag), ts_ok);
    const ts_block *body = ts_module_func(module, "main")->body;
    const ts_op_node *dot = NULL;
    for (uint32_t i = 0; i < body->ops.count && !dot; i++)
        if (body->ops.data[i]->kind == ts_hlo_dot_general) dot = body->ops.data[i];
    assert_non_null(dot);
    const ts_loc *loc = &module->locs.data[ts_module_user_loc(module, dot->loc)];
    assert_string_equal(loc->file, "train.py");
    assert_int_equal(loc->line, 7);
    assert_int_equal(compile_small(module), ts_ok);
    ts_module_free(module);
}

static void test_cut(void **state) {
    (void)state;
    for (int i = 0; i < ARTIFACTS; i++)
        for (size_t size = 0; size < artifacts[i].size; size++) {
            ts_diag diag;
            ts_status status = read_all(artifacts[i].data, size, true, &diag);
            if (status == ts_ok || strncmp(diag.message, "a.mlirbc: ", 10) != 0)
                fail_msg("%s cut to %zu bytes: %s", artifacts[i].name, size, diag.message);
        }
}

static void test_flipped(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    enum { STEP = 37 }; /* bits; odd, so that every position in a byte has its turn */
#else
    enum { STEP = 3 };
#endif
    for (int i = 0; i < ARTIFACTS; i++) {
        uint8_t *data = malloc(artifacts[i].size);
        uint32_t accepted = 0, refused = 0;
        memcpy(data, artifacts[i].data, artifacts[i].size);
        for (size_t bit = 0; bit < 8 * artifacts[i].size; bit += STEP) {
            ts_diag diag;
            data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (read_all(data, artifacts[i].size, bit % 9 == 0, &diag) == ts_ok)
                accepted++;
            else
                refused++;
            data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        /* Names and numbers may change; tables and lengths may not. */
        assert_true(accepted > 0);
        assert_true(refused > accepted / 4);
        free(data);
    }
}

/* ---- files made by hand ---- */

typedef struct bytes {
    uint8_t data[8192];
    size_t size;
} bytes;

static void put(bytes *b, unsigned byte) {
    assert_true(b->size < sizeof b->data);
    b->data[b->size++] = (uint8_t)byte;
}

/* A varint of at most 14 bits. */
static void put_number(bytes *b, unsigned value) {
    assert_true(value < 1u << 14);
    if (value < 128) {
        put(b, value << 1 | 1);
    } else {
        put(b, (value << 2 | 2) & 255);
        put(b, value >> 6);
    }
}

static void put_bytes(bytes *b, const bytes *more) {
    for (size_t i = 0; i < more->size; i++)
        put(b, more->data[i]);
}

static void put_section(bytes *b, unsigned id, const bytes *body) {
    put(b, id);
    put_number(b, (unsigned)body->size);
    put_bytes(b, body);
}

/* Parts of a small file, to be broken one at a time; empty parts are left out. */
typedef struct file {
    bytes strings, dialects, entries, offsets, ops, properties;
} file;

enum { STRINGS, DIALECTS, ENTRIES, OFFSETS, OPS, PROPERTIES = 8 };

/* Names: 0 "builtin", 1 "module", 2 "vhlo", 3 "func_v1", 4 "tpu", 5 "no_op_v1". Operations: 0 builtin.module,
   1 vhlo.func_v1, 2 vhlo.no_op_v1, 3 tpu.func_v1. */
static void put_tables(file *f) {
    static const char *const names[] = {"builtin", "module", "vhlo", "func_v1", "tpu", "no_op_v1"};
    enum { COUNT = sizeof names / sizeof *names };
    put_number(&f->strings, COUNT);
    for (int i = COUNT; i-- > 0;)
        put_number(&f->strings, (unsigned)strlen(names[i]) + 1);
    for (int i = 0; i < COUNT; i++)
        for (const char *c = names[i];; c++) {
            put(&f->strings, (unsigned char)*c);
            if (!*c) break;
        }
    put_number(&f->dialects, 3);
    put_number(&f->dialects, 0 << 1);
    put_number(&f->dialects, 2 << 1);
    put_number(&f->dialects, 4 << 1);
    put_number(&f->dialects, 4); /* operation names */
    static const unsigned groups[][4] = {
        {0, 1, 1 << 1 | 1}, {1, 2, 3 << 1 | 1, 5 << 1 | 1}, {2, 1, 3 << 1 | 1}};
    for (int i = 0; i < 3; i++)
        for (unsigned j = 0; j < 2 + groups[i][1]; j++)
            put_number(&f->dialects, groups[i][j]);
}

/* Attribute `entries` of the builtin dialect, each of `size` bytes in f->entries, and no types. */
static void put_offsets(file *f, unsigned count, const unsigned *sizes) {
    put_number(&f->offsets, count);
    put_number(&f->offsets, 0);
    if (!count) return;
    put_number(&f->offsets, 0);
    put_number(&f->offsets, count);
    for (unsigned i = 0; i < count; i++)
        put_number(&f->offsets, sizes[i] << 1 | 1);
}

static void put_attr(file *f, unsigned a, unsigned b, unsigned c) {
    put_number(&f->entries, a);
    put_number(&f->entries, b);
    put_number(&f->entries, c);
}

static void put_op(file *f, unsigned name, unsigned mask, unsigned loc) {
    put_number(&f->ops, name);
    put(&f->ops, mask);
    put_number(&f->ops, loc);
}

/* builtin.module at location `loc` with one region of one block, of which `ops` operations follow. `attrs` is
   the attribute with its dictionary; 0 = none. */
static void put_module(file *f, unsigned loc, unsigned attrs, unsigned ops) {
    put_number(&f->ops, 1 << 1); /* one operation, no arguments */
    put_op(f, 0, attrs ? 0x11 : 0x10, loc);
    if (attrs) put_number(&f->ops, attrs);
    put_number(&f->ops, 1 << 1); /* one region */
    put_number(&f->ops, 1);      /* block */
    put_number(&f->ops, 0);      /* values */
    put_number(&f->ops, ops << 1);
}

static void put_file(bytes *out, const file *f, unsigned version) {
    const bytes *parts[9] = {
        [STRINGS] = &f->strings, [DIALECTS] = &f->dialects, [ENTRIES] = &f->entries,
        [OFFSETS] = &f->offsets, [OPS] = &f->ops,           [PROPERTIES] = &f->properties};
    static const char head[] = {'M', 'L', '\xEF', 'R'};
    for (size_t i = 0; i < sizeof head; i++)
        put(out, (unsigned char)head[i]);
    put_number(out, version);
    put(out, 0); /* the producer: "" */
    for (unsigned i = 0; i < 9; i++)
        if (parts[i] && parts[i]->size) put_section(out, i, parts[i]);
}

/* A module without functions: the smallest file that is read. Attribute 0 is the unknown location, 1 an empty
   array. */
static void put_smallest(file *f) {
    put_tables(f);
    put_number(&f->entries, 15);
    put_number(&f->entries, 0);
    put_number(&f->entries, 0);
    put_offsets(f, 2, (const unsigned[]){1, 2});
}

static void expect_bytes(const bytes *b, ts_status status, const char *text) {
    ts_diag diag;
    ts_status is = read_all(b->data, b->size, true, &diag);
    if (is != status || !strstr(diag.message, text))
        fail_msg("%s: \"%s\" where %s: \"%s\" was expected", ts_status_name(is), diag.message,
                 ts_status_name(status), text);
}

static void expect(const file *f, ts_status status, const char *text) {
    bytes *b = calloc(1, sizeof *b);
    put_file(b, f, 6);
    expect_bytes(b, status, text);
    free(b);
}

static void with_file(void (*run)(file *)) {
    file *f = calloc(1, sizeof *f);
    run(f);
    free(f);
}

static void smallest(file *f) {
    put_smallest(f);
    put_module(f, 0, 0, 0);
    expect(f, ts_ok, "");
    put(&f->ops, 1);
    expect(f, ts_input, "1 bytes are left over in the operation section (byte ");
}

static void headers(file *f) {
    bytes b = {0};
    expect_bytes(&b, ts_input, "not MLIR bytecode");
    put_smallest(f);
    put_module(f, 0, 0, 0);
    static const unsigned versions[] = {0, 3, 7, 300};
    for (int i = 0; i < 4; i++) {
        b.size = 0;
        put_file(&b, f, versions[i]);
        expect_bytes(&b, ts_unsupported, "4 to 6 are supported");
    }
    b.size = 0;
    put_file(&b, f, 6);
    put_section(&b, OPS, &f->ops);
    expect_bytes(&b, ts_input, "section 4 comes twice");
    b.size -= f->ops.size + 2;
    put_section(&b, 100, &f->ops);
    expect_bytes(&b, ts_input, "section 100 is unknown");
    b.data[0] ^= 1;
    expect_bytes(&b, ts_input, "not MLIR bytecode");
}

static void strings(file *f) {
    put_smallest(f);
    put_module(f, 0, 0, 0);
    f->strings.data[f->strings.size - 1] = 'x';
    expect(f, ts_input, "string 5 does not end in a zero byte");
    f->strings.data[1] = 0xFF; /* 127 bytes */
    expect(f, ts_input, "string 5 of 127 bytes does not fit its section");
    f->strings.data[0] = 0xFF;
    expect(f, ts_input, "announces 127 things");
    f->strings.size = 0;
    expect(f, ts_input, "the string section is missing");
}

static void operations(file *f) {
    put_smallest(f);
    put_module(f, 0, 0, 1);
    size_t start = f->ops.size;
    static const struct {
        unsigned name, mask;
        ts_status status;
        const char *text;
    } rows[] = {{3, 0, ts_unsupported, "the operation tpu.func_v1; the reader takes the dialects"},
                {2, 0, ts_unsupported, "the operation vhlo.no_op_v1"},
                {0, 0, ts_unsupported, "a module inside a module"},
                {1, 0, ts_input, "a function without a name, type or body"},
                {1, 0x80, ts_input, "an operation's mask is 0x80"},
                {1, 8, ts_unsupported, "branches between blocks"},
                {9, 0, ts_input, "names operation name 9 of 4"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        f->ops.size = start;
        put_op(f, rows[i].name, rows[i].mask, 0);
        expect(f, rows[i].status, rows[i].text);
    }
}

static void cycles(file *f) {
    put_tables(f);
    put_number(&f->entries, 15);
    put_attr(f, 0, 1, 1);  /* 1: an array that holds itself */
    put_attr(f, 12, 1, 2); /* 2: a location fused from itself */
    put_offsets(f, 3, (const unsigned[]){1, 3, 3});
    put_module(f, 2, 0, 0);
    expect(f, ts_input, "location 2 contains itself");
    f->ops.size = 0;
    put_module(f, 0, 1, 0);
    expect(f, ts_input, "attribute 1 contains itself");
}

/* A chain of entries, each holding the next. */
static void depths(file *f) {
    enum { DEEP = 600 };
    static const struct {
        unsigned code, loc, attrs;
        const char *text;
    } rows[] = {{12, 0, 0, "locations nest deeper than 512"}, {0, DEEP, 1, "attributes nest deeper than 64"}};
    for (int row = 0; row < 2; row++) {
        unsigned sizes[DEEP + 1];
        memset(f, 0, sizeof *f);
        put_tables(f);
        for (unsigned i = 0; i < DEEP; i++) {
            size_t before = f->entries.size;
            put_attr(f, rows[row].code, 1, i + 1);
            sizes[i] = (unsigned)(f->entries.size - before);
        }
        put_number(&f->entries, 15);
        sizes[DEEP] = 1;
        put_offsets(f, DEEP + 1, sizes);
        put_module(f, rows[row].loc, rows[row].attrs, 0);
        expect(f, ts_input, rows[row].text);
    }
}

static void test_by_hand(void **state) {
    (void)state;
    with_file(smallest);
    with_file(headers);
    with_file(strings);
    with_file(operations);
    with_file(cycles);
    with_file(depths);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),   cmocka_unit_test(test_step),    cmocka_unit_test(test_cut),
        cmocka_unit_test(test_flipped), cmocka_unit_test(test_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
