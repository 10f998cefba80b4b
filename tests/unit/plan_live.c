/* Addresses by liveness (plan/liveness.c): an item keeps a distance in time from the one whose room it takes,
   or less where there is no other room; and the times of code positions (plan/pace.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arch/dtype.h"
#include "plan/liveness.h"

static ts_live_item item(uint32_t owner, uint32_t first, uint32_t last, uint32_t eased, int64_t bytes) {
    return (ts_live_item){
        .first = first, .last = last, .far = {eased, eased}, .owner = owner, .bytes = bytes};
}

static int64_t address_of(const ts_live_item *items, uint32_t count, uint32_t owner) {
    for (uint32_t i = 0; i < count; i++)
        if (items[i].owner == owner) return items[i].address;
    return -1;
}

static void room_is_taken_once_it_has_eased(void **state) {
    (void)state;
    ts_arena arena = {0};
    ts_live_item items[] = {item(0, 0, 9, 15, 64), item(1, 10, 19, 0, 64), item(2, 20, 29, 0, 64)};
    assert_int_equal(ts_live_fit(items, 3, 1000, &arena), 128);
    assert_int_equal(address_of(items, 3, 1), 64); /* position 10 is too close to the first item */
    assert_int_equal(address_of(items, 3, 2), 0);  /* 20 is not */
    ts_arena_free(&arena);
}

static void where_there_is_no_other_room_it_is_taken_at_once(void **state) {
    (void)state;
    ts_arena arena = {0};
    ts_live_item items[] = {item(0, 0, 9, 15, 64), item(1, 10, 19, 0, 64)};
    assert_int_equal(ts_live_fit(items, 2, 100, &arena), 64);
    assert_int_equal(address_of(items, 2, 1), 0);
    ts_arena_free(&arena);
}

/* The third item takes two thirds of the room, so it fits only if the second one reuses the first one's room
   at once. */
static void what_is_live_beside_it_makes_room(void **state) {
    (void)state;
    ts_arena arena = {0};
    ts_live_item items[] = {item(0, 0, 9, 15, 64), item(1, 10, 29, 0, 64), item(2, 20, 29, 0, 128)};
    assert_int_equal(ts_live_fit(items, 3, 192, &arena), 192);
    assert_int_equal(address_of(items, 3, 1), 0);
    assert_int_equal(address_of(items, 3, 2), 64);
    ts_arena_free(&arena);
}

/* Items that fit if each is placed in turn, as low as possible, fit with every distance; none overlap. */
static void whatever_fits_is_placed(void **state) {
    (void)state;
    enum { ITEMS = 40, POSITIONS = 60 };
    srand(7);
    for (int round = 0; round < 300; round++) {
        ts_arena arena = {0};
        ts_live_item plain[ITEMS], eased[ITEMS];
        for (uint32_t i = 0; i < ITEMS; i++) {
            uint32_t first = (uint32_t)(rand() % POSITIONS), last = first + (uint32_t)(rand() % 20);
            plain[i] = item(i, first, last, 0, 64 * (1 + rand() % 8));
            plain[i].is_lasting = rand() % 6 == 0;
            eased[i] = plain[i];
            for (int e = 0, more = 12; e < TS_LIVE_EASES; e++, more /= 2)
                eased[i].far[e] = last + (uint32_t)more;
        }
        int64_t capacity = ts_live_fit(plain, ITEMS, INT64_MAX, &arena);
        assert_true(ts_live_fit(eased, ITEMS, capacity, &arena) <= capacity);
        for (int i = 0; i < ITEMS; i++)
            for (int j = 0; j < i; j++) {
                const ts_live_item *a = &eased[i], *b = &eased[j];
                bool meet = a->first <= b->last && b->first <= a->last;
                assert_false(meet && a->address < b->address + b->bytes &&
                             b->address < a->address + a->bytes);
            }
        ts_arena_free(&arena);
    }
}

/* Code positions 0: a loop of 10 trips, 1: an instruction in it, 2: its end, 3 and 4: the same
   instruction. */
static void positions_lie_in_time(void **state) {
    (void)state;
    ts_arena arena = {0};
    ts_chip chip;
    assert_int_equal(ts_chip_get("trn1", &chip, NULL), ts_ok);
    ts_program *program = ts_program_new("pace", "trn1");
    ts_builder b;
    ts_builder_init(&b, program, &chip);
    ts_tile tile = ts_build_tile(&b, ts_space_sbuf, 128, 4096, 1);
    ts_ap ap = ts_build_ap(&b, tile, ts_dtype_f32, ts_count_const(128), ts_count_const(1024));
    ts_build_loop(&b, ts_count_const(10));
    ts_emit_copy(&b, ts_engine_vector, &ap, &ap);
    ts_build_end(&b);
    ts_emit_copy(&b, ts_engine_vector, &ap, &ap);
    ts_emit_copy(&b, ts_engine_vector, &ap, &ap);
    ts_live_pace pace = ts_live_pace_make(&b, ts_live_loops(program, &arena), &arena);
    double one = pace.before[4] - pace.before[3];
    assert_true(one > 0);
    assert_true(pace.before[3] > 9.99 * one && pace.before[3] < 10.01 * one);
    assert_int_equal(ts_live_until(&pace, 1, 0.5 * one),
                     3); /* the end of the loop, however many trips it has */
    assert_int_equal(ts_live_until(&pace, 1, 1.5 * one), 4);
    assert_int_equal(ts_live_until(&pace, 0, 0.5 * one), 1); /* within a trip */
    assert_int_equal(ts_live_until(&pace, 3, 100 * one), 4);
    ts_program_free(program);
    ts_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_taken_once_it_has_eased),
        cmocka_unit_test(where_there_is_no_other_room_it_is_taken_at_once),
        cmocka_unit_test(what_is_live_beside_it_makes_room),
        cmocka_unit_test(whatever_fits_is_placed),
        cmocka_unit_test(positions_lie_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
