/* Lines of two reports find each other though an edit has moved or renamed them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/report.h"

enum { MOST = 8 };

typedef struct sides {
    ts_report_line line[2][MOST];
    ts_report report[2];
    ts_line_pair pair[2 * MOST];
    uint32_t count;
    ts_arena arena;
} sides;

static void add(sides *s, int side, const char *file, uint32_t line, const char *function, const char *op) {
    uint32_t at = s->report[side].lines.count++;
    s->line[side][at] = (ts_report_line){.file = file, .line = line, .function = function, .op = op};
    s->report[side].lines.data = s->line[side];
}

static void match(sides *s) {
    s->count = ts_report_match(&s->report[0], &s->report[1], s->pair, &s->arena);
}

/* Exactly one pair has these numbers; 0: no line. */
static void assert_pair(const sides *s, uint32_t before, uint32_t after) {
    int found = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        const ts_report_line *a = s->pair[i].before, *b = s->pair[i].after;
        found += (a ? a->line : 0) == before && (b ? b->line : 0) == after;
    }
    assert_int_equal(found, 1);
}

static void test_moved(void **state) {
    (void)state;
    sides s = {0};
    add(&s, 0, "train.py", 12, "step", "dot");
    add(&s, 0, "train.py", 10, "step", "sub");
    add(&s, 0, "train.py", 11, "step", "exp");
    add(&s, 1, "train.py", 11, "step", "sub");
    add(&s, 1, "train.py", 12, "step", "tanh");
    add(&s, 1, "train.py", 13, "step", "exp");
    add(&s, 1, "train.py", 14, "step", "dot");
    match(&s);
    assert_int_equal(s.count, 4);
    assert_pair(&s, 10, 11);
    assert_pair(&s, 11, 13);
    assert_pair(&s, 12, 14);
    assert_pair(&s, 0, 12);
    ts_arena_free(&s.arena);
}

/* Another operation on the same line is that line, if no other one is more like it. */
static void test_changed_in_place(void **state) {
    (void)state;
    sides s = {0};
    add(&s, 0, "train.py", 7, "loss", "gelu");
    add(&s, 0, "train.py", 9, "loss", "reduce");
    add(&s, 1, "train.py", 7, "loss", "relu");
    add(&s, 1, "train.py", 8, "loss", "reduce");
    match(&s);
    assert_int_equal(s.count, 2);
    assert_pair(&s, 7, 7);
    assert_pair(&s, 9, 8);
    ts_arena_free(&s.arena);
}

static void test_renamed_function(void **state) {
    (void)state;
    sides s = {0};
    add(&s, 0, "model.py", 3, "mlp", "dot");
    add(&s, 0, "other.py", 3, "mlp", "dot");
    add(&s, 1, "model.py", 5, "feed_forward", "dot");
    match(&s);
    assert_int_equal(s.count, 2);
    assert_pair(&s, 3, 5);
    assert_pair(&s, 3, 0);
    ts_arena_free(&s.arena);
}

static void test_empty(void **state) {
    (void)state;
    sides s = {0};
    match(&s);
    assert_int_equal(s.count, 0);
    add(&s, 1, "", 0, "", "");
    match(&s);
    assert_int_equal(s.count, 1);
    assert_null(s.pair[0].before);
    ts_arena_free(&s.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_changed_in_place),
        cmocka_unit_test(test_renamed_function),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
