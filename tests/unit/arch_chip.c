/* The chip's rows, the text form of a what-if chip, the instances, and the documents made from them. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "arch/chip.h"
#include "base/file.h"
#include "json_check.h"

static void test_rows(void **state) {
    (void)state;
    assert_true(ts_param_count() > 40);
    for (int i = 0; i < ts_param_count(); i++) {
        const ts_param *param = ts_param_at(i);
        assert_true(param->low <= param->value && param->value <= param->high);
        assert_true(param->unit[0] && strlen(param->source) > 5);
        assert_int_equal(ts_param_find(param->name), i);
        /* What nobody published has a range or says that it is assumed. */
        if (param->basis == ts_documented) assert_null(strstr(param->source, "no figure"));
    }
    assert_null(ts_param_at(-1));
    assert_null(ts_param_at(ts_param_count()));
    assert_int_equal(ts_param_find("no_such_row"), -1);
    assert_string_equal(ts_basis_name(ts_assumed), "assumed");
}

static void test_names(void **state) {
    (void)state;
    ts_chip trn1, inf2;
    ts_diag diag = {0};
    assert_int_equal(ts_chip_get("trn1", &trn1, &diag), ts_ok);
    assert_int_equal(ts_chip_get("inf2", &inf2, &diag), ts_ok);
    assert_string_equal(inf2.name, "inf2");
    int differ = 0; /* how its chips are connected, and nothing else */
    for (int i = 0; i < ts_param_count(); i++)
        differ += ts_param_value(&trn1, i) != ts_param_value(&inf2, i);
    assert_int_equal(differ, 2);
    assert_true(inf2.torus_rows == 1 && inf2.torus_columns == 12);
    assert_true(trn1.tensor_ghz == 2.8 && trn1.psum_bank_bytes == 2048 && trn1.generation == 2);
    static const char *const known[] = {"inf1", "trn3"};
    for (int i = 0; i < 2; i++) {
        ts_diag story = {0};
        assert_int_equal(ts_chip_get(known[i], &trn1, &story), ts_unsupported);
        assert_non_null(strstr(story.message, known[i]));
        assert_non_null(strstr(story.remedy, "trn1"));
    }
    ts_diag story = {0};
    assert_int_equal(ts_chip_get("trn9", &trn1, &story), ts_usage);
    assert_non_null(strstr(story.remedy, "inf2"));
}

/* Trainium2 has rows of its own; the others are those of NeuronCore-v2. */
static void test_own_rows(void **state) {
    (void)state;
    ts_chip trn1, trn2;
    assert_int_equal(ts_chip_get("trn1", &trn1, NULL), ts_ok);
    assert_int_equal(ts_chip_get("trn2", &trn2, NULL), ts_ok);
    assert_true(trn2.generation == 3 && trn2.tensor_ghz == 2.4 && trn2.sbuf_partition_bytes == 229376);
    int own = 0;
    for (int i = 0; i < ts_param_count(); i++) {
        const ts_param *row = ts_param_of(&trn2, i);
        assert_string_equal(row->name, ts_param_at(i)->name);
        assert_true(row->value == ts_param_value(&trn2, i) && row->low <= row->value &&
                    row->value <= row->high);
        assert_ptr_equal(ts_param_of(&trn1, i), ts_param_at(i));
        own += row != ts_param_at(i);
    }
    assert_int_equal(own, 28);
    ts_chip slow;
    ts_chip_corner(&trn2, false, &slow);
    assert_true(slow.dma_engine_bytes_per_ns == 20 && slow.tensor_ghz == 2.4);
}

static void test_print_parse(void **state) {
    (void)state;
    ts_chip chip, again;
    assert_int_equal(ts_chip_get("inf2", &chip, NULL), ts_ok);
    chip.tensor_ghz = 1.4;
    chip.dma_descriptor_ns = 0.1 + 0.2;
    chip.act_table_load_ns = 0;
    ts_text text = {0}, second = {0};
    ts_chip_print(&chip, &text);
    assert_int_equal(ts_chip_parse(text.data, "text", &again, NULL), ts_ok);
    assert_memory_equal(&chip, &again, sizeof chip);
    ts_chip_print(&again, &second);
    assert_string_equal(text.data, second.data);
    assert_non_null(strstr(text.data, "tensor_ghz = 1.4 "));
    assert_non_null(strstr(text.data, "GHz, edited, "));
    assert_non_null(strstr(text.data, "hbm_bytes = 34359738368 "));
    ts_text_free(&text);
    ts_text_free(&second);
}

static void test_what_if(void **state) {
    (void)state;
    ts_chip chip;
    assert_int_equal(ts_chip_parse("tensor_ghz=1.4 # half\n", "one", &chip, NULL), ts_ok);
    assert_string_equal(chip.name, "trn1");
    assert_true(chip.tensor_ghz == 1.4 && chip.vector_ghz == 1.12);
    assert_int_equal(ts_chip_parse("# nothing\n\n  \t\n", "none", &chip, NULL), ts_ok);
    assert_true(chip.tensor_ghz == 2.8);
    assert_int_equal(ts_chip_parse("", "empty", &chip, NULL), ts_ok);
    assert_int_equal(ts_chip_parse("chip inf2\r\n dma_queues = 1\r\n", "crlf", &chip, NULL), ts_ok);
    assert_string_equal(chip.name, "inf2");
    assert_true(chip.dma_queues == 1);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
        const char *where;
    } bad[] = {
        {"chip trn3\n", "trn3", "bad:1"},
        {"chip \n", "name = value", "bad:1"},
        {"tensor_ghz = 1\nchip trn1\n", "first line", "bad:2"},
        {"chip trn1\nchip trn1\n", "first line", "bad:2"},
        {"\ntensor_ghz\n", "name = value", "bad:2"},
        {"no_such_row = 1\n", "no_such_row", "bad:1"},
        {" = 1\n", "called \"\"", "bad:1"},
        {"tensor_ghz = \n", "not a number", "bad:1"},
        {"tensor_ghz = 2.8x\n", "2.8x", "bad:1"},
        {"tensor_ghz = 1 2\n", "not a number", "bad:1"},
        {"tensor_ghz = nan\n", "finite", "bad:1"},
        {"tensor_ghz = inf\n", "finite", "bad:1"},
        {"tensor_ghz = 0\n", "positive", "bad:1"},
        {"tensor_ghz = -1\n", "0 to 1e15", "bad:1"},
        {"tensor_ghz = 1e300\n", "1e15", "bad:1"},
        {"dma_queues = 1.5\n", "whole", "bad:1"},
        {"dma_queues = 0\n", "positive", "bad:1"},
        {"sibling_core_idle = 2\n", "0 or 1", "bad:1"},
        {"tensor_ghz = 1\ntensor_ghz = 2\n", "twice", "bad:2"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ts_chip chip = {.name = "kept"};
        ts_diag diag = {0};
        assert_int_equal(ts_chip_parse(bad[i].text, "bad", &chip, &diag), ts_input);
        if (!strstr(diag.message, bad[i].says)) fail_msg("%s: %s", bad[i].text, diag.message);
        if (strncmp(diag.where, bad[i].where, strlen(bad[i].where)) != 0)
            fail_msg("%s: %s", bad[i].text, diag.where);
        assert_string_equal(chip.name, "kept");
    }
}

static void test_corners(void **state) {
    (void)state;
    ts_chip chip, fast, slow;
    assert_int_equal(ts_chip_get("trn1", &chip, NULL), ts_ok);
    chip.dma_descriptor_ns = 33; /* edited: certain */
    ts_chip_corner(&chip, true, &fast);
    ts_chip_corner(&chip, false, &slow);
    assert_true(fast.launch_us == 12 && slow.launch_us == 17);
    assert_true(fast.dma_engine_bytes_per_ns == 19 && slow.dma_engine_bytes_per_ns == 15);
    assert_true(fast.dma_descriptor_ns == 33 && slow.dma_descriptor_ns == 33);
    assert_true(fast.sibling_core_idle == 1 && slow.sibling_core_idle == 0);
    assert_true(fast.tensor_ghz == 2.8 && slow.tensor_ghz == 2.8);
}

static void test_instances(void **state) {
    (void)state;
    const ts_instance *small = ts_instance_get("trn1.2xlarge");
    assert_non_null(small);
    assert_true(small->cores == 2 && small->chips == 1 && small->usd_per_hour == 1.34);
    assert_null(ts_instance_get("trn1"));
    assert_null(ts_instance_at(ts_instance_count()));
    for (int i = 0; i < ts_instance_count(); i++) {
        const ts_instance *row = ts_instance_at(i);
        ts_chip chip;
        ts_diag diag = {0};
        ts_status status = ts_chip_get(row->chip, &chip, &diag);
        assert_true(status == ts_ok || status == ts_unsupported);
        if (status == ts_ok) {
            assert_true(row->cores == row->chips * chip.cores);
            assert_true(row->hbm_gib * 1073741824.0 == row->chips * chip.hbm_bytes);
        }
        ts_text text = {0};
        ts_instance_json(row, &text);
        assert_true(is_json(text.data));
        ts_text_free(&text);
    }
}

static void test_documents(void **state) {
    (void)state;
    ts_chip chip;
    ts_text text = {0}, page = {0};
    assert_int_equal(ts_chip_get("trn1", &chip, NULL), ts_ok);
    ts_chip_json(&chip, &text);
    assert_true(is_json(text.data));
    assert_non_null(strstr(text.data, "\"name\": \"tensor_ghz\", \"unit\": \"GHz\", \"value\": 2.8"));
    ts_chip_markdown(&page);
    uint8_t *file = NULL;
    size_t size = 0;
    assert_int_equal(ts_file_read("docs/chip.md", &file, &size, NULL), ts_ok);
    /* Stale: write the page again with `trainstone chip --markdown`. */
    assert_string_equal((const char *)file, page.data);
    free(file);
    ts_text_free(&text);
    ts_text_free(&page);
}

static void test_json_check(void **state) {
    (void)state;
    static const char *const good[] = {"{}", "[1, -2.5e+3, \"a\\n\", null, {\"k\": [true, false]}]", " 0 ",
                                       "1e-08"};
    static const char *const bad[] = {"",   "{",  "[1,]", "{\"a\" 1}", "nan",
                                      "01", "1.", "\"a",  "[1] 2",     "{a: 1}"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(is_json(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(is_json(bad[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),      cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_own_rows),  cmocka_unit_test(test_print_parse),
                                       cmocka_unit_test(test_what_if),   cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_corners),   cmocka_unit_test(test_instances),
                                       cmocka_unit_test(test_documents), cmocka_unit_test(test_json_check)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
