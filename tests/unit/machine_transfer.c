/* Strided copies: random pairs of patterns, in the order that the code chooses, against a loop over the
   elements. */
#include "machine_support.h"

#include "machine/transfer.h"

enum { BYTES = 1 << 16 };

static int64_t offset_of(const ts_pattern *p, int64_t element) {
    int64_t offset = 0;
    for (int i = p->dims; i-- > 0;) {
        offset += element % p->count[i] * p->step[i];
        element /= p->count[i];
    }
    return offset;
}

static void shuffle(int64_t *values, int n, uint64_t *random) {
    for (int i = n - 1; i > 0; i--) {
        int j = (int)(next_random(random) % (unsigned)(i + 1));
        int64_t held = values[i];
        values[i] = values[j];
        values[j] = held;
    }
}

/* A dense array of the given counts whose dimensions are visited in a random order, some backwards. */
static ts_pattern random_pattern(const int64_t *counts, int dims, int size, uint8_t *memory,
                                 uint64_t *random) {
    ts_pattern p = {.base = memory, .dims = dims, .size = (uint8_t)size};
    int64_t order[TS_PATTERN_DIMS] = {0, 1, 2, 3, 4, 5}, step = size * (1 + next_random(random) % 2);
    shuffle(order, dims, random);
    for (int i = 0; i < dims; i++) {
        int d = (int)order[i];
        p.count[d] = counts[d];
        p.step[d] = step;
        step *= counts[d];
        if (next_random(random) % 4) continue;
        p.base += p.step[d] * (counts[d] - 1);
        p.step[d] = -p.step[d];
    }
    return p;
}

/* The same elements grouped in another way: neighbours joined. */
static int regroup(const int64_t *counts, int dims, int64_t *joined, uint64_t *random) {
    int n = 0;
    for (int i = 0; i < dims; i++)
        if (n > 0 && next_random(random) % 2)
            joined[n - 1] *= counts[i];
        else
            joined[n++] = counts[i];
    return n;
}

static void random_pairs_match(void **state) {
    (void)state;
    static const int sizes[] = {1, 2, 4, 8, 16};
    uint8_t *from = malloc(BYTES), *to = malloc(BYTES), *expected = malloc(BYTES);
    uint64_t random = 99;
    for (int round = 0; round < 3000; round++) {
        int64_t counts[TS_PATTERN_DIMS], other[TS_PATTERN_DIMS];
        int dims = 1 + (int)(next_random(&random) % 4), size = sizes[next_random(&random) % 5];
        int64_t total = 1;
        for (int i = 0; i < dims; i++) {
            counts[i] = 1 + next_random(&random) % 20;
            if (total * counts[i] * size * 2 > BYTES / 2) counts[i] = 1;
            total *= counts[i];
        }
        int other_dims = regroup(counts, dims, other, &random);
        for (int i = 0; i < BYTES; i++) {
            from[i] = (uint8_t)next_random(&random);
            to[i] = expected[i] = 0xee;
        }
        ts_pattern dst = random_pattern(counts, dims, size, to, &random);
        ts_pattern src = random_pattern(other, other_dims, size, from, &random);
        for (int64_t e = 0; e < total; e++)
            memcpy(expected + (dst.base - to) + offset_of(&dst, e), src.base + offset_of(&src, e),
                   (size_t)size);
        ts_pair pair;
        assert_true(ts_pair_make(&dst, &src, &pair));
        assert_true(ts_pattern_is_disjoint(&dst));
        if (round % 3) ts_pair_arrange(&pair);
        int64_t count = pair.dims ? pair.count[0] : 1, middle = count / 2;
        ts_pair_move(&pair, 0, middle ? middle : count);
        if (middle) ts_pair_move(&pair, middle, count);
        assert_memory_equal(to, expected, BYTES);
    }
    free(from);
    free(to);
    free(expected);
}

/* Runs of any length to any place: stores past the caches write the same bytes as others, and no byte
   more. */
static void stream_runs(ts_isa isa) {
    enum { ROOM = 512 };
    uint8_t from[ROOM], to[ROOM], expected[ROOM];
    for (int i = 0; i < ROOM; i++)
        from[i] = (uint8_t)(i * 7 + 1);
    for (int start = 0; start < 70; start++)
        for (int length = 1; length < 200; length += 3) {
            ts_pattern dst = {
                .base = to + start, .size = 1, .dims = 2, .step = {length + 5, 1}, .count = {2, length}};
            ts_pattern src = {
                .base = from + 3, .size = 1, .dims = 2, .step = {length, 1}, .count = {2, length}};
            ts_pair pair;
            memset(to, 0, ROOM);
            memset(expected, 0, ROOM);
            for (int row = 0; row < 2; row++)
                memcpy(expected + start + row * (length + 5), from + 3 + row * length, (size_t)length);
            assert_true(ts_pair_make(&dst, &src, &pair));
            pair.isa = isa;
            pair.is_streaming = true;
            ts_pair_arrange(&pair);
            ts_pair_move(&pair, 0, pair.count[0]);
            assert_memory_equal(to, expected, ROOM);
        }
}

static void streams_are_copies(void **state) {
    (void)state;
    const ts_isa best = ts_isa_best();
    stream_runs(ts_isa_generic);
    if (best >= ts_isa_avx2) stream_runs(best);
}

/* Rows that lie far away are copied several at a time, unless they overlap. */
static void far_rows_are_copied(void **state) {
    (void)state;
    enum { ROWS = 19, LENGTH = 600, ROOM = ROWS * (LENGTH + 8) };
    static uint8_t memory[2 * ROOM], expected[2 * ROOM];
    for (int start = 0; start <= ROOM; start += ROOM / 2) {
        ts_pattern dst = {.base = memory + start, .size = 1, .dims = 2, .step = {LENGTH + 8, 1}};
        ts_pattern src = {.base = memory, .size = 1, .dims = 2, .step = {LENGTH + 3, 1}};
        ts_pair pair;
        dst.count[0] = src.count[0] = ROWS;
        dst.count[1] = src.count[1] = LENGTH;
        for (int i = 0; i < 2 * ROOM; i++)
            memory[i] = expected[i] = (uint8_t)(i * 7 + i / 251);
        for (int row = 0; row < ROWS; row++)
            memmove(expected + start + row * (LENGTH + 8), expected + row * (LENGTH + 3), LENGTH);
        assert_true(ts_pair_make(&dst, &src, &pair));
        pair.is_far = true;
        ts_pair_move(&pair, 0, ROWS);
        assert_memory_equal(memory, expected, 2 * ROOM);
    }
}

static void patterns_without_a_cut_are_refused(void **state) {
    (void)state;
    uint8_t memory[64];
    ts_pattern a = {.base = memory, .size = 1, .dims = 2, .step = {5, 1}, .count = {3, 5}};
    ts_pattern b = {.base = memory, .size = 1, .dims = 2, .step = {3, 1}, .count = {5, 3}};
    ts_pattern c = {.base = memory, .size = 1, .dims = 3, .step = {1, 2, 1}, .count = {1, 15, 1}};
    ts_pair pair;
    assert_false(ts_pair_make(&a, &b, &pair));
    assert_true(ts_pair_make(&a, &c, &pair));
    assert_int_equal(pair.dims, 2);
}

static void overlapping_patterns_are_seen(void **state) {
    (void)state;
    const struct {
        ts_pattern pattern;
        bool is_disjoint;
    } rows[] = {
        {{.size = 4, .dims = 1, .step = {4}, .count = {9}}, true},
        {{.size = 4, .dims = 1, .step = {0}, .count = {2}}, false},
        {{.size = 4, .dims = 1, .step = {0}, .count = {1}}, true},
        {{.size = 4, .dims = 2, .step = {4, 12}, .count = {3, 5}}, true},
        {{.size = 4, .dims = 2, .step = {4, 12}, .count = {4, 5}}, false},
        {{.size = 4, .dims = 2, .step = {-16, 4}, .count = {4, 4}}, true},
        {{.size = 4, .dims = 2, .step = {-12, 4}, .count = {4, 4}}, false},
        {{.size = 4, .dims = 1, .step = {2}, .count = {4}}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(ts_pattern_is_disjoint(&rows[i].pattern), rows[i].is_disjoint);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_pairs_match),
        cmocka_unit_test(far_rows_are_copied),
        cmocka_unit_test(streams_are_copies),
        cmocka_unit_test(patterns_without_a_cut_are_refused),
        cmocka_unit_test(overlapping_patterns_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
