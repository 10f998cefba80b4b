/* Transposes: each instruction set against plain loops, as bits and as products, with the bytes around the
   result. */
#include "machine_support.h"

#include <math.h>

#include "machine/turn.h"

enum { MOST = 130, GAP = 24, GUARD = 0xa5 };

typedef struct arrays {
    uint8_t from[MOST * (MOST * 4 + GAP)], to[MOST * (MOST * 4 + GAP)];
} arrays;

static uint32_t element_of(const ts_turn *t, int64_t part, int64_t elem) {
    uint32_t bits = 0;
    const uint8_t *at = t->from + part * t->from_pitch + elem * t->from_size;
    bool is_bf16 = t->is_product && t->from_size == 2;
    memcpy((uint8_t *)&bits + (is_bf16 ? 2 : 0), at, (size_t)t->from_size);
    return t->is_product && bits == 0x80000000 ? 0 : bits;
}

static void check(unsigned isa, const ts_turn *t) {
    int to_size = t->is_product ? 4 : t->from_size;
    for (int64_t e = 0; e < t->elems; e++) {
        const uint8_t *row = t->to + e * t->to_pitch;
        for (int64_t p = 0; p < t->parts; p++) {
            uint32_t expected = element_of(t, p, e);
            if (memcmp(row + p * to_size, &expected, (size_t)to_size) != 0)
                fail_msg("%s: size %d, product %d, %lld x %lld: element %lld,%lld", ts_isa_name(isa),
                         t->from_size, t->is_product, (long long)t->parts, (long long)t->elems, (long long)e,
                         (long long)p);
        }
        for (int64_t i = t->parts * to_size; i < t->to_pitch; i++)
            assert_int_equal(row[i], GUARD);
    }
}

/* Any bits for moves; for a product finite numbers, zeros of both signs and subnormal ones among them. */
static void fill(arrays *a, ts_turn *t, uint64_t *random) {
    memset(a->to, GUARD, sizeof a->to);
    for (size_t i = 0; i < sizeof a->from; i += 4) {
        uint32_t bits = next_random(random) << 1 | (next_random(random) & 1);
        if (t->is_product && t->from_size == 4) bits &= bits % 7 ? 0xbfffffff : 0x80000000;
        if (t->is_product && t->from_size == 2) bits &= bits % 7 ? 0xbfffbfff : 0x80008000;
        memcpy(a->from + i, &bits, sizeof bits);
    }
}

static const struct {
    int size;
    bool is_product;
} kinds[] = {{1, false}, {2, false}, {4, false}, {2, true}, {4, true}};

static void every_level_moves_the_same_bits(void **state) {
    (void)state;
    static const int sizes[] = {1, 2, 3, 8, 15, 16, 17, 32, 64, 100, 128};
    arrays *a = malloc(sizeof *a);
    uint64_t random = 1;
    for (unsigned isa = ts_isa_generic; isa <= ts_isa_best(); isa++)
        for (int kind = 0; kind < 5; kind++)
            for (int i = 0; i < 11; i++)
                for (int j = 0; j < 11; j++) {
                    int size = kinds[kind].size, to_size = kinds[kind].is_product ? 4 : size;
                    ts_turn t = {.from = a->from,
                                 .to = a->to,
                                 .from_pitch = sizes[j] * size + (i + j) % 2 * GAP,
                                 .to_pitch = sizes[i] * to_size + (i + j) % 2 * GAP,
                                 .parts = sizes[i],
                                 .elems = sizes[j],
                                 .from_size = size,
                                 .is_product = kinds[kind].is_product};
                    fill(a, &t, &random);
                    assert_true(ts_turn_run(isa, &t));
                    check(isa, &t);
                }
    free(a);
}

/* Every number of rows and of elements up to more than two blocks of any level, against the plain twin: the
   result and the bytes around it. */
static void every_edge_is_that_of_the_plain_twin(void **state) {
    (void)state;
    enum { EDGE = 41, PITCH = EDGE * 4 + GAP };
    arrays *a = malloc(sizeof *a);
    uint8_t *expected = malloc(sizeof a->to);
    uint64_t random = 3;
    for (unsigned isa = ts_isa_generic; isa <= ts_isa_best(); isa++)
        for (int kind = 0; kind < 5; kind++) {
            ts_turn t = {.from = a->from,
                         .from_pitch = PITCH,
                         .to_pitch = PITCH,
                         .from_size = kinds[kind].size,
                         .is_product = kinds[kind].is_product};
            fill(a, &t, &random);
            for (t.parts = 1; t.parts <= EDGE; t.parts++)
                for (t.elems = 1; t.elems <= EDGE; t.elems++) {
                    const size_t bytes = (size_t)(EDGE * PITCH);
                    memset(a->to, GUARD, bytes);
                    memset(expected, GUARD, bytes);
                    t.to = expected;
                    assert_true(ts_turn_ref(&t));
                    t.to = a->to;
                    assert_true(ts_turn_run(isa, &t));
                    if (memcmp(a->to, expected, bytes) != 0)
                        fail_msg("%s: size %d, product %d, %lld x %lld", ts_isa_name(isa), t.from_size,
                                 t.is_product, (long long)t.parts, (long long)t.elems);
                }
        }
    free(expected);
    free(a);
}

/* One NaN or infinity anywhere is noticed. */
static void a_product_sees_what_is_not_finite(void **state) {
    (void)state;
    static const uint32_t bits[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xffa10000};
    arrays *a = malloc(sizeof *a);
    uint64_t random = 2;
    for (unsigned isa = ts_isa_generic; isa <= ts_isa_best(); isa++)
        for (int size = 2; size <= 4; size += 2)
            for (int i = 0; i < 200; i++) {
                ts_turn t = {.from = a->from,
                             .to = a->to,
                             .from_pitch = 40 * size,
                             .to_pitch = 37 * 4,
                             .parts = 37,
                             .elems = 40,
                             .from_size = size,
                             .is_product = true};
                if (i % 10 == 0) fill(a, &t, &random);
                uint8_t *at = a->from + next_random(&random) % (37 * 40) * (uint32_t)size, kept[4];
                memcpy(kept, at, 4);
                memcpy(at, (const uint8_t *)&bits[i % 4] + 4 - size, (size_t)size);
                assert_false(ts_turn_run(isa, &t));
                memcpy(at, kept, 4);
                assert_true(ts_turn_run(isa, &t));
            }
    free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_moves_the_same_bits),
        cmocka_unit_test(every_edge_is_that_of_the_plain_twin),
        cmocka_unit_test(a_product_sees_what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
