/* Tensors that stay in SBUF between loop nests (plan/reside.c): the number of DMAs that are left, depending
   on how rows lie. tests/compiler and random programs check that values stay the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/dtype.h"
#include "plan/builder.h"

enum { ROWS = 256, COLUMNS = 64, BYTES = 4 };

typedef struct setup {
    ts_program *program;
    ts_chip chip;
    ts_builder b;
    uint32_t in, middle, out;
} setup;

static int start(void **state) {
    static setup s;
    int64_t dim[2] = {ROWS, COLUMNS};
    s = (setup){.program = ts_program_new("reside", "trn1")};
    ts_diag diag = {0};
    if (ts_chip_get("trn1", &s.chip, &diag) != ts_ok) return -1;
    ts_builder_init(&s.b, s.program, &s.chip);
    s.in = ts_build_tensor(&s.b, ts_tensor_input, ts_dtype_f32, 2, dim, "in");
    s.out = ts_build_tensor(&s.b, ts_tensor_output, ts_dtype_f32, 2, dim, "out");
    s.middle = ts_build_tensor(&s.b, ts_tensor_scratch, ts_dtype_f32, 2, dim, "middle");
    *state = &s;
    return 0;
}

static int finish(void **state) {
    ts_program_free(((setup *)*state)->program);
    return 0;
}

/* `columns` columns, from column `first` on, of 128 rows per trip, row r on partition r mod 128; or, with
   `in_pairs`, rows 2p and 2p + 1 on partition p in one trip. */
static ts_ap rows_of(setup *s, uint32_t tensor, uint32_t loop, int64_t first, int64_t columns,
                     bool in_pairs) {
    ts_affine offset = ts_affine_const(first);
    if (!in_pairs) offset = ts_build_term(&s->b, offset, (int64_t)128 * COLUMNS, loop);
    ts_ap ap = ts_build_hbm(tensor, ts_dtype_f32, offset);
    ts_ap_dim(&ap, in_pairs ? 2 * COLUMNS : COLUMNS, ts_count_const(128));
    if (in_pairs) ts_ap_dim(&ap, COLUMNS, ts_count_const(2));
    ts_ap_dim(&ap, 1, ts_count_const(columns));
    return ap;
}

static ts_ap whole(setup *s, ts_tile tile, int64_t count) {
    return ts_build_ap(&s->b, tile, ts_dtype_f32, ts_count_const(128), ts_count_const(count));
}

/* Appends a nest of its own: to = from + 1. */
static void nest(setup *s, uint32_t from, uint32_t to, bool loads_pairs, bool stores_pairs) {
    bool is_one = loads_pairs || stores_pairs;
    uint32_t loop = ts_build_loop(&s->b, ts_count_const(is_one ? 1 : 2));
    int64_t count = is_one ? 2 * COLUMNS : COLUMNS;
    ts_ap src = rows_of(s, from, loop, 0, COLUMNS, loads_pairs),
          dst = rows_of(s, to, loop, 0, COLUMNS, stores_pairs);
    ts_tile a = ts_build_tile(&s->b, ts_space_sbuf, 128, count * BYTES, 2);
    ts_tile c = ts_build_tile(&s->b, ts_space_sbuf, 128, count * BYTES, 2);
    if (is_one && !loads_pairs) src = rows_of(s, from, loop, 0, COLUMNS, true);
    ts_ap loaded = whole(s, a, count), made = whole(s, c, count);
    ts_emit_dma(&s->b, ts_engine_sync, 0, &loaded, &src);
    ts_emit_tensor_scalar(&s->b, ts_engine_vector, &made, &loaded, ts_alu_add, ts_scalar_const(1), false);
    ts_emit_dma(&s->b, ts_engine_tensor, 8, &dst, &made);
    ts_build_end(&s->b);
}

static int count_dmas(const setup *s) {
    int count = 0;
    for (uint32_t i = 0; i < s->program->code.count; i++)
        count += s->program->code.data[i]->op == ts_op_dma_copy;
    return count;
}

/* Runs the pass and places everything; returns the number of DMAs. */
static int dmas_left(setup *s) {
    ts_diag diag = {0};
    ts_plan_forward(&s->b);
    ts_plan_reside(&s->b);
    assert_int_equal(ts_plan_place(&s->b, &diag), ts_ok);
    assert_int_equal(ts_program_verify(s->program, &s->chip, &diag), ts_ok);
    return count_dmas(s);
}

static void rows_alike_stay(void **state) {
    setup *s = *state;
    nest(s, s->in, s->middle, false, false);
    nest(s, s->middle, s->out, false, false);
    assert_int_equal(dmas_left(s), 2); /* of four: the input's load and the output's store */
    assert_int_equal(s->program->tensors.count, 2);
}

static void rows_that_lie_otherwise_do_not(void **state) {
    setup *s = *state;
    nest(s, s->in, s->middle, true, true);
    nest(s, s->middle, s->out, false, false);
    assert_int_equal(dmas_left(s), 4);
    assert_int_equal(s->program->tensors.count, 3);
}

static void pairs_alike_stay(void **state) {
    setup *s = *state;
    nest(s, s->in, s->middle, true, true);
    nest(s, s->middle, s->out, true, true);
    assert_int_equal(dmas_left(s), 2);
}

/* One reader takes rows as they lie in SBUF. The other does not, so it reads HBM, and the store stays. */
static void other_readers_read_hbm(void **state) {
    setup *s = *state;
    nest(s, s->in, s->middle, false, false);
    nest(s, s->middle, s->out, false, false);
    nest(s, s->middle, s->out, true, true);
    assert_int_equal(dmas_left(s), 5); /* of six */
    assert_int_equal(s->program->tensors.count, 3);
}

static void nothing_stays_without_room(void **state) {
    setup *s = *state;
    s->chip.sbuf_partition_bytes = 4 * COLUMNS * BYTES; /* enough for one nest: two tiles of two slots */
    nest(s, s->in, s->middle, false, false);
    nest(s, s->middle, s->out, false, false);
    assert_int_equal(dmas_left(s), 4);
}

/* A nest that stores over what it loads, each element where it was read. */
static void updates_in_place_stay(void **state) {
    setup *s = *state;
    nest(s, s->in, s->middle, false, false);
    nest(s, s->middle, s->middle, false, false);
    nest(s, s->middle, s->out, false, false);
    assert_int_equal(dmas_left(s), 2); /* of six */
}

/* A reader of the old value that comes after the new one was written reads HBM, since the tile has
   changed. */
static void old_values_that_are_read_later_come_from_hbm(void **state) {
    setup *s = *state;
    nest(s, s->in, s->middle, false, false);
    uint32_t loop = ts_build_loop(&s->b, ts_count_const(2));
    ts_tile tile[3];
    ts_ap ap[3], rows = rows_of(s, s->middle, loop, 0, COLUMNS, false),
                 out = rows_of(s, s->out, loop, 0, COLUMNS, false);
    for (int i = 0; i < 3; i++) {
        tile[i] = ts_build_tile(&s->b, ts_space_sbuf, 128, COLUMNS * BYTES, 2);
        ap[i] = whole(s, tile[i], COLUMNS);
    }
    ts_emit_dma(&s->b, ts_engine_sync, 0, &ap[0], &rows);
    ts_emit_tensor_scalar(&s->b, ts_engine_vector, &ap[1], &ap[0], ts_alu_add, ts_scalar_const(1), false);
    ts_emit_tensor_tensor(&s->b, ts_engine_vector, &ap[2], &ap[1], &ap[0], ts_alu_add);
    ts_emit_dma(&s->b, ts_engine_tensor, 8, &rows, &ap[1]);
    ts_emit_dma(&s->b, ts_engine_tensor, 9, &out, &ap[2]);
    ts_build_end(&s->b);
    nest(s, s->middle, s->out, false, false);
    assert_int_equal(dmas_left(s), 6); /* of seven: the last load is gone */
}

/* Columns that are stored beside each other, from tiles that are live together, and loaded as whole rows. */
static void stored_columns_are_parts_of_rows(void **state) {
    setup *s = *state;
    uint32_t loop = ts_build_loop(&s->b, ts_count_const(2));
    ts_ap half[2];
    for (int i = 0; i < 2; i++) {
        half[i] = whole(s, ts_build_tile(&s->b, ts_space_sbuf, 128, COLUMNS / 2 * BYTES, 2), COLUMNS / 2);
        ts_emit_memset(&s->b, ts_engine_vector, &half[i], i);
    }
    for (int i = 0; i < 2; i++) {
        ts_ap dst = rows_of(s, s->middle, loop, i * COLUMNS / 2, COLUMNS / 2, false);
        ts_emit_dma(&s->b, ts_engine_tensor, 8, &dst, &half[i]);
    }
    ts_build_end(&s->b);
    nest(s, s->middle, s->out, false, false);
    assert_int_equal(dmas_left(s), 1); /* of four: the output's store */
}

/* 128 rows of `tensor` that lie together, as one line. */
static ts_ap line_of(setup *s, uint32_t tensor, uint32_t loop) {
    ts_affine offset = ts_build_term(&s->b, ts_affine_const(0), (int64_t)128 * COLUMNS, loop);
    ts_ap ap = ts_build_hbm(tensor, ts_dtype_f32, offset);
    ts_ap_dim(&ap, 0, ts_count_const(1));
    ts_ap_dim(&ap, 1, ts_count_const(128 * COLUMNS));
    return ap;
}

/* Stores in + 1 to `middle` and copies it from there, in HBM, to `out`; between the two something is written
   to `between`. */
static void copy_on(setup *s, uint32_t between) {
    uint32_t loop = ts_build_loop(&s->b, ts_count_const(2));
    ts_ap made = whole(s, ts_build_tile(&s->b, ts_space_sbuf, 128, COLUMNS * BYTES, 2), COLUMNS);
    ts_ap zero = whole(s, ts_build_tile(&s->b, ts_space_sbuf, 128, COLUMNS * BYTES, 2), COLUMNS);
    ts_ap src = rows_of(s, s->in, loop, 0, COLUMNS, false),
          dst = rows_of(s, s->middle, loop, 0, COLUMNS, false);
    ts_ap from = line_of(s, s->middle, loop), to = line_of(s, s->out, loop);
    ts_emit_dma(&s->b, ts_engine_sync, 0, &made, &src);
    ts_emit_dma(&s->b, ts_engine_tensor, 8, &dst, &made);
    if (between) {
        ts_ap other = rows_of(s, between, loop, 0, COLUMNS, false);
        ts_emit_memset(&s->b, ts_engine_vector, &zero, 0);
        ts_emit_dma(&s->b, ts_engine_tensor, 8, &other, &zero);
    }
    ts_emit_dma(&s->b, ts_engine_sync, 1, &to, &from);
    ts_build_end(&s->b);
}

static void copies_come_from_tiles(void **state) {
    setup *s = *state;
    copy_on(s, 0);
    assert_int_equal(dmas_left(s), 2); /* of three: nobody reads `middle` any more */
    assert_int_equal(s->program->tensors.count, 2);
}

/* The copy must not take what was stored first. */
static void copies_are_of_what_was_stored_last(void **state) {
    setup *s = *state;
    copy_on(s, s->middle);
    assert_int_equal(dmas_left(s), 2); /* of four */
    const ts_inst_dma_copy *last = NULL;
    for (uint32_t i = 0; i < s->program->code.count; i++)
        if (s->program->code.data[i]->op == ts_op_dma_copy)
            last = (ts_inst_dma_copy *)s->program->code.data[i];
    assert_non_null(last);
    assert_int_equal(last->src.space, ts_space_sbuf);
    assert_int_not_equal(last->src.offset.base,
                         ((ts_inst_dma_copy *)s->program->code.data[1])->dst.offset.base);
}

/* Parts of rows that are loaded beside each other. */
static void columns_are_parts_of_rows(void **state) {
    setup *s = *state;
    nest(s, s->in, s->middle, false, false);
    uint32_t loop = ts_build_loop(&s->b, ts_count_const(2));
    for (int half = 0; half < 2; half++) {
        ts_tile tile = ts_build_tile(&s->b, ts_space_sbuf, 128, COLUMNS / 2 * BYTES, 2);
        ts_ap src = rows_of(s, s->middle, loop, half * COLUMNS / 2, COLUMNS / 2, false);
        ts_ap dst = rows_of(s, s->out, loop, half * COLUMNS / 2, COLUMNS / 2, false);
        ts_ap loaded = whole(s, tile, COLUMNS / 2);
        ts_emit_dma(&s->b, ts_engine_sync, 0, &loaded, &src);
        ts_emit_dma(&s->b, ts_engine_tensor, 8, &dst, &loaded);
    }
    ts_build_end(&s->b);
    assert_int_equal(dmas_left(s), 3); /* the input's load, and two stores of the output */
}

/* On each of eight trips loads the first rows of `from`, adds 1, and stores the sum to the first rows of
   `to`. */
static void scan(setup *s, uint32_t from, uint32_t to) {
    ts_build_loop(&s->b, ts_count_const(8));
    ts_ap loaded = whole(s, ts_build_tile(&s->b, ts_space_sbuf, 128, COLUMNS * BYTES, 1), COLUMNS);
    ts_ap made = whole(s, ts_build_tile(&s->b, ts_space_sbuf, 128, COLUMNS * BYTES, 1), COLUMNS);
    ts_ap src = ts_build_hbm(from, ts_dtype_f32, ts_affine_const(0));
    ts_ap_dim(&src, COLUMNS, ts_count_const(128));
    ts_ap_dim(&src, 1, ts_count_const(COLUMNS));
    ts_ap dst = src;
    dst.tensor = to;
    ts_emit_dma(&s->b, ts_engine_sync, 0, &loaded, &src);
    ts_emit_tensor_scalar(&s->b, ts_engine_vector, &made, &loaded, ts_alu_add, ts_scalar_const(1), false);
    ts_emit_dma(&s->b, ts_engine_tensor, 8, &dst, &made);
    ts_build_end(&s->b);
}

/* Runs the pass; whether it moved a load before the first loop. */
static bool is_moved_out(setup *s) {
    ts_diag diag = {0};
    ts_plan_invariants(&s->b);
    assert_int_equal(ts_plan_place(&s->b, &diag), ts_ok);
    assert_int_equal(ts_program_verify(s->program, &s->chip, &diag), ts_ok);
    return s->program->code.data[0]->op == ts_op_dma_copy;
}

static void loads_that_trips_repeat_move_out(void **state) {
    setup *s = *state;
    scan(s, s->in, s->out);
    assert_true(is_moved_out(s));
    assert_int_equal(s->program->loops.data[0].begin, 1);
}

static void loads_of_what_trips_store_do_not(void **state) {
    setup *s = *state;
    scan(s, s->out, s->out);
    assert_false(is_moved_out(s));
}

static void loads_move_out_only_into_room(void **state) {
    setup *s = *state;
    s->chip.sbuf_partition_bytes = 3 * COLUMNS * BYTES; /* the larger of two tiles */
    uint32_t loop = ts_build_loop(&s->b, ts_count_const(8));
    ts_ap loaded = whole(s, ts_build_tile(&s->b, ts_space_sbuf, 128, COLUMNS * BYTES, 1), COLUMNS);
    ts_ap large =
        whole(s, ts_build_tile(&s->b, ts_space_sbuf, 128, (int64_t)3 * COLUMNS * BYTES, 1), 3 * COLUMNS);
    ts_ap src = rows_of(s, s->in, loop, 0, COLUMNS, false), dst = rows_of(s, s->out, loop, 0, COLUMNS, false);
    src.offset = dst.offset = ts_affine_const(0);
    ts_emit_dma(&s->b, ts_engine_sync, 0, &loaded, &src);
    ts_emit_dma(&s->b, ts_engine_tensor, 8, &dst, &loaded);
    ts_emit_memset(&s->b, ts_engine_vector, &large, 0);
    ts_build_end(&s->b);
    assert_false(is_moved_out(s));
    assert_int_equal(s->program->loops.data[0].begin, 0);
}

/* A tile that holds more than is stored of it cannot stand for the tensor, which has other rows there. */
static void tiles_larger_than_the_store_do_not(void **state) {
    setup *s = *state;
    uint32_t loop = ts_build_loop(&s->b, ts_count_const(2));
    ts_tile tile = ts_build_tile(&s->b, ts_space_sbuf, 128, (int64_t)2 * COLUMNS * BYTES, 2);
    ts_ap dst = rows_of(s, s->middle, loop, 0, COLUMNS, false);
    ts_ap all = whole(s, tile, 2 * COLUMNS), stored = whole(s, tile, COLUMNS);
    ts_emit_memset(&s->b, ts_engine_vector, &all, 1);
    ts_emit_dma(&s->b, ts_engine_tensor, 8, &dst, &stored);
    ts_build_end(&s->b);
    nest(s, s->middle, s->out, false, false);
    assert_int_equal(dmas_left(s), 3);
}

static void arguments_are_loaded_once(void **state) {
    setup *s = *state;
    nest(s, s->in, s->middle, false, false);
    nest(s, s->in, s->out, false, false);
    nest(s, s->middle, s->out, false, false);
    assert_int_equal(dmas_left(s), 3); /* of six: one load, two stores of the output */
    assert_int_equal(s->program->tensors.count, 2);
}

static void arguments_that_lie_otherwise_are_loaded_anew(void **state) {
    setup *s = *state;
    nest(s, s->in, s->out, false, false);
    nest(s, s->in, s->out, true, true);
    assert_int_equal(dmas_left(s), 4);
}

/* A loop of `trips` trips loads `columns` columns of `rows` rows of the input, `step` further on every trip,
   into a tile that is then read. */
static void load_some(setup *s, int64_t trips, int64_t step, int64_t rows, int64_t columns) {
    uint32_t loop = ts_build_loop(&s->b, ts_count_const(trips));
    ts_tile tile = ts_build_tile(&s->b, ts_space_sbuf, 128, columns * BYTES, 2);
    ts_ap src = ts_build_hbm(s->in, ts_dtype_f32, ts_build_term(&s->b, ts_affine_const(0), step, loop));
    ts_ap_dim(&src, COLUMNS, ts_count_const(rows));
    ts_ap_dim(&src, 1, ts_count_const(columns));
    ts_ap loaded = ts_build_ap(&s->b, tile, ts_dtype_f32, ts_count_const(rows), ts_count_const(columns));
    ts_ap dst = src;
    dst.tensor = s->out;
    ts_emit_dma(&s->b, ts_engine_sync, 0, &loaded, &src);
    ts_emit_dma(&s->b, ts_engine_tensor, 8, &dst, &loaded);
    ts_build_end(&s->b);
}

/* Each of these leaves out a part of the argument, so that only the two whole loads after it become one. */
static void loads_of_some_of_an_argument_fill_nothing(void **state) {
    static const int64_t some[][4] = {
        {2, 128 * COLUMNS, 128, COLUMNS / 2}, /* columns */
        {1, 0, 128, COLUMNS},                 /* rows */
        {2, 0, 128, COLUMNS},                 /* the same rows twice: as many bytes as there are */
        {2, 64 * COLUMNS, 128, COLUMNS},      /* some rows twice */
    };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        if (i > 0) finish(state), start(state);
        setup *s = *state;
        load_some(s, some[i][0], some[i][1], some[i][2], some[i][3]);
        nest(s, s->in, s->out, false, false);
        nest(s, s->in, s->out, false, false);
        assert_int_equal(dmas_left(s), 5); /* of six */
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(rows_alike_stay),
        TEST(rows_that_lie_otherwise_do_not),
        TEST(pairs_alike_stay),
        TEST(other_readers_read_hbm),
        TEST(nothing_stays_without_room),
        TEST(updates_in_place_stay),
        TEST(old_values_that_are_read_later_come_from_hbm),
        TEST(stored_columns_are_parts_of_rows),
        TEST(copies_come_from_tiles),
        TEST(copies_are_of_what_was_stored_last),
        TEST(columns_are_parts_of_rows),
        TEST(loads_that_trips_repeat_move_out),
        TEST(loads_of_what_trips_store_do_not),
        TEST(loads_move_out_only_into_room),
        TEST(tiles_larger_than_the_store_do_not),
        TEST(arguments_are_loaded_once),
        TEST(arguments_that_lie_otherwise_are_loaded_anew),
        TEST(loads_of_some_of_an_argument_fill_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
