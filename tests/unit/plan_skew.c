/* Skewed loops (plan/skew.h): the same values as before, in less of the clock's time; and which operands of
   different trips may share bytes. */
#include "machine_support.h"

#include "arch/verify.h"
#include "clock/clock.h"
#include "machine/homes.h"
#include "plan/skew.h"

enum { PARTS = 128, WIDTH = 1024, ROWS = 16, TILES = 8, SLOTS = 3, FLOATS = PARTS * WIDTH, STORES = 2 };

typedef struct setup {
    ts_program *program;
    ts_chip chip;
    ts_builder b;
    uint32_t in, out, left; /* tensors: what loads read, stores write, and tiles hold in the end */
    uint32_t loop;
    ts_tile tile[TILES];
    int slots[TILES];
    int stores;
    uint64_t random;
} setup;

static uint32_t tensor_of(setup *s, ts_tensor_kind kind, int64_t blocks, const char *name) {
    int64_t dim[3] = {blocks, PARTS, WIDTH};
    return ts_build_tensor(&s->b, kind, ts_dtype_f32, 3, dim, name);
}

static void start(setup *s, uint64_t seed) {
    *s = (setup){.program = ts_program_new("skew", "trn1"), .chip = trn1(), .random = seed};
    ts_builder_init(&s->b, s->program, &s->chip);
    s->in = tensor_of(s, ts_tensor_input, ROWS, "in");
    s->out = tensor_of(s, ts_tensor_output, ROWS * STORES, "out");
    s->left = tensor_of(s, ts_tensor_output, TILES * SLOTS, "left");
    s->program->tensors.data[s->left].number = 1;
    for (uint32_t i = 0; i < s->program->tensors.count; i++)
        s->program->tensors.data[i].alias = -1;
}

static int below(setup *s, int limit) {
    return (int)(next_random(&s->random) % (uint32_t)limit);
}

/* `count` columns from `first` on of the slot with this index. */
static ts_ap tile_ap(setup *s, int tile, ts_affine slot, int64_t first, ts_count count) {
    ts_ap ap = ts_build_ap(&s->b, s->tile[tile], ts_dtype_f32, ts_count_const(PARTS), count);
    ap.offset.base += first * 4;
    if (s->slots[tile] > 1) ts_build_slot(&s->b, &ap, slot);
    return ap;
}

static ts_ap hbm_ap(uint32_t tensor, ts_affine offset, ts_count count) {
    ts_ap ap = ts_build_hbm(tensor, ts_dtype_f32, offset);
    ts_ap_dim(&ap, WIDTH, ts_count_const(PARTS));
    ts_ap_dim(&ap, 1, count);
    return ap;
}

static void fill_tiles(setup *s) {
    for (int i = 0; i < TILES; i++) {
        s->slots[i] = 1 + below(s, SLOTS);
        s->tile[i] = ts_build_ring(&s->b, ts_space_sbuf, PARTS, WIDTH * 4, s->slots[i]);
        for (int slot = 0; slot < s->slots[i]; slot++) {
            ts_ap ap = tile_ap(s, i, ts_affine_const(slot), 0, ts_count_const(WIDTH));
            ts_emit_memset(&s->b, ts_engine_vector, &ap, i + 0.25 * slot);
        }
    }
}

static void store_tiles(setup *s) {
    for (int i = 0; i < TILES; i++)
        for (int slot = 0; slot < s->slots[i]; slot++) {
            ts_ap src = tile_ap(s, i, ts_affine_const(slot), 0, ts_count_const(WIDTH));
            ts_ap dst =
                hbm_ap(s->left, ts_affine_const((int64_t)(i * SLOTS + slot) * FLOATS), ts_count_const(WIDTH));
            ts_emit_dma(&s->b, ts_engine_sync, 0, &dst, &src);
        }
}

/* The slot of this trip or, at times, of another. */
static ts_affine any_slot(setup *s) {
    return ts_build_term(&s->b, ts_affine_const(below(s, 5) ? 0 : below(s, SLOTS)), 1, s->loop);
}

/* One random instruction on `count` columns from `first` on. */
static void add_op(setup *s, int64_t first, ts_count count) {
    ts_ap dst = tile_ap(s, below(s, TILES), any_slot(s), first, count),
          a = tile_ap(s, below(s, TILES), any_slot(s), first, count),
          b = tile_ap(s, below(s, TILES), any_slot(s), first, count);
    ts_affine block = ts_build_term(&s->b, ts_affine_const(first), FLOATS, s->loop);
    switch (below(s, 6)) {
    case 0:
        ts_emit_scalar_tensor_tensor(&s->b, &dst, &a, ts_alu_multiply, ts_scalar_const(0.5), false,
                                     ts_alu_add, &b, false);
        break;
    case 1: ts_emit_tensor_tensor(&s->b, ts_engine_vector, &dst, &a, &b, ts_alu_max); break;
    case 2: ts_emit_tensor_tensor(&s->b, ts_engine_gpsimd, &dst, &a, &b, ts_alu_min); break;
    case 3: ts_emit_activation(&s->b, &dst, ts_act_tanh, &a, 0.75); break;
    case 4: {
        ts_ap src = hbm_ap(s->in, block, count);
        ts_emit_dma(&s->b, ts_engine_sync, below(s, 4), &dst, &src);
        break;
    }
    default: {
        if (s->stores == STORES) break;
        block.base += (int64_t)s->stores++ * ROWS * FLOATS;
        ts_ap to = hbm_ap(s->out, block, count);
        ts_emit_dma(&s->b, ts_engine_gpsimd, 8 + below(s, 4), &to, &a);
    }
    }
}

static void add_random(setup *s) {
    fill_tiles(s);
    const int trips = 2 + below(s, ROWS - 1), ops = 4 + below(s, 12);
    s->loop = ts_build_loop(&s->b, ts_count_const(trips));
    for (int i = 0; i < ops; i++) {
        /* The last trip may have fewer columns, or an inner loop each half of them. */
        ts_count count = ts_count_const(WIDTH);
        if (below(s, 3) == 0) count = ts_build_ragged(&s->b, WIDTH, (int64_t)WIDTH * trips - 56, s->loop, 1);
        bool is_inner = below(s, 6) == 0;
        if (is_inner) ts_build_loop(&s->b, ts_count_const(2));
        add_op(s, is_inner ? 64 : 0, is_inner ? ts_count_const(WIDTH / 2) : count);
        if (is_inner) ts_build_end(&s->b);
    }
    ts_build_end(&s->b);
    store_tiles(s);
}

/* Places, verifies and runs the program, with homes or without. Returns its time. */
static ts_time run(setup *s, bool has_homes, float *out) {
    static float in[ROWS * FLOATS];
    ts_machine *machine = machine_of(NULL);
    ts_homes *homes = NULL;
    ts_diag diag = {0};
    char story[1200];
    for (int i = 0; i < ROWS * FLOATS; i++)
        in[i] = (float)(i % 251) / 64 - 2;
    ts_status status = ts_program_verify(s->program, &s->chip, &diag);
    ts_diag_format(&diag, story, sizeof story);
    if (status != ts_ok) fail_msg("%s", story);
    if (has_homes) assert_int_equal(ts_homes_new(s->program, &s->chip, false, &homes, NULL), ts_ok);
    memset(out, 0, (ROWS * STORES + TILES * SLOTS) * FLOATS * sizeof *out);
    ts_run once = {.data = (void *const[]){in, out, out + ROWS * STORES * FLOATS}, .homes = homes};
    assert_int_equal(ts_machine_run(machine, s->program, &once, NULL), ts_ok);
    ts_homes_free(homes);
    ts_machine_free(machine);
    ts_record record = {0};
    assert_int_equal(ts_clock_run(s->program, &s->chip, NULL, &record, NULL), ts_ok);
    ts_time total = record.total;
    ts_record_free(&record);
    return total;
}

static void random_bodies_keep_their_values(void **state) {
    (void)state;
    enum { COUNT = (ROWS * STORES + TILES * SLOTS) * FLOATS, SEEDS = 80 };
    float *before = malloc(COUNT * sizeof *before), *after = malloc(COUNT * sizeof *after);
    int skewed = 0;
    ts_time saved = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        setup plain, other;
        start(&plain, seed);
        start(&other, seed);
        add_random(&plain);
        add_random(&other);
        const bool is = ts_plan_skew(&other.b);
        skewed += is;
        assert_int_equal(ts_plan_place(&plain.b, NULL), ts_ok);
        assert_int_equal(ts_plan_place(&other.b, NULL), ts_ok);
        const ts_time slow = run(&plain, false, before), fast = run(&other, is && seed % 2, after);
        saved += slow - fast;
        if (memcmp(before, after, COUNT * sizeof *before) != 0) fail_msg("seed %d", (int)seed);
        ts_program_free(plain.program);
        ts_program_free(other.program);
    }
    assert_true(skewed > SEEDS / 8);
    assert_true(saved > 0);
    free(before);
    free(after);
}

/* VectorE and ScalarE take turns on a tile, eight times. */
static void add_chain(setup *s, int trips) {
    for (int i = 0; i < TILES; i++) {
        s->slots[i] = 2;
        s->tile[i] = ts_build_ring(&s->b, ts_space_sbuf, PARTS, WIDTH * 4, 2);
    }
    s->loop = ts_build_loop(&s->b, ts_count_const(trips));
    ts_affine slot = ts_build_term(&s->b, ts_affine_const(0), 1, s->loop),
              block = ts_build_term(&s->b, ts_affine_const(0), FLOATS, s->loop);
    ts_ap tile[TILES], src = hbm_ap(s->in, block, ts_count_const(WIDTH)),
                       dst = hbm_ap(s->out, block, ts_count_const(WIDTH));
    for (int i = 0; i < TILES; i++)
        tile[i] = tile_ap(s, i, slot, 0, ts_count_const(WIDTH));
    ts_emit_dma(&s->b, ts_engine_sync, 0, &tile[0], &src);
    ts_emit_activation(&s->b, &tile[1], ts_act_tanh, &tile[0], 1);
    ts_emit_tensor_tensor(&s->b, ts_engine_vector, &tile[2], &tile[1], &tile[0], ts_alu_add);
    ts_emit_activation(&s->b, &tile[3], ts_act_tanh, &tile[2], 1);
    ts_emit_tensor_tensor(&s->b, ts_engine_vector, &tile[4], &tile[3], &tile[2], ts_alu_add);
    ts_emit_dma(&s->b, ts_engine_gpsimd, 8, &dst, &tile[4]);
    ts_build_end(&s->b);
}

static ts_time time_of_chain(int trips, bool skews, uint32_t *code) {
    setup s;
    start(&s, 1);
    ts_record record = {0};
    add_chain(&s, trips);
    if (skews) assert_true(ts_plan_skew(&s.b));
    assert_int_equal(ts_plan_place(&s.b, NULL), ts_ok);
    assert_int_equal(ts_program_verify(s.program, &s.chip, NULL), ts_ok);
    assert_int_equal(ts_clock_run(s.program, &s.chip, NULL, &record, NULL), ts_ok);
    ts_time total = record.total;
    *code = s.program->code.count;
    ts_record_free(&record);
    ts_program_free(s.program);
    return total;
}

/* Without skew each trip is as long as its chain; with it the busiest engine goes on all the time. */
static void a_chain_is_spread_over_trips(void **state) {
    (void)state;
    uint32_t code, skewed_code;
    const ts_time before = time_of_chain(16, false, &code), after = time_of_chain(16, true, &skewed_code);
    assert_true(after < before - before / 16);
    assert_true(skewed_code > code);
    assert_true(skewed_code <= code + (uint32_t)TS_SKEW_MOST_STAGES * 6);
}

static void what_has_other_effects_stays(void **state) {
    (void)state;
    setup s;
    start(&s, 1);
    add_chain(&s, 16);
    ts_program *program = s.program;
    program->code.data[program->loops.data[0].begin + 2]->order = ts_order_list;
    assert_false(ts_plan_skew(&s.b));
    program->code.data[program->loops.data[0].begin + 2]->order = ts_order_program;
    assert_true(ts_plan_skew(&s.b));
    ts_program_free(program);
}

/* A program goes back to what it was. */
static void a_program_is_restored(void **state) {
    (void)state;
    setup s;
    start(&s, 1);
    ts_text before = {0}, after = {0};
    add_chain(&s, 16);
    const ts_program unskewed = *s.program;
    ts_program_print(s.program, &before);
    assert_true(ts_plan_skew(&s.b));
    ts_plan_unskew(&s.b, &unskewed);
    ts_program_print(s.program, &after);
    assert_string_equal(before.data, after.data);
    ts_text_free(&before);
    ts_text_free(&after);
    ts_program_free(s.program);
}

static void operands_meet_in_their_slots(void **state) {
    (void)state;
    setup s;
    start(&s, 1);
    add_chain(&s, 16);
    const uint32_t places[3] = {0, 1, 2};
    const ts_skew_body body = {.program = s.program, .tiles = s.b.tiles.data, .places = places};
    ts_affine slot = ts_build_term(&s.b, ts_affine_const(0), 1, s.loop);
    ts_ap a = tile_ap(&s, 0, slot, 0, ts_count_const(100)), b = tile_ap(&s, 0, slot, 100, ts_count_const(50));
    assert_true(ts_skew_may_meet(&body, &a, &a, 0));
    assert_false(ts_skew_may_meet(&body, &a, &a, 1));
    assert_true(ts_skew_may_meet(&body, &a, &a, 2));
    assert_false(ts_skew_may_meet(&body, &a, &b, 0));
    b.offset.base -= 4;
    assert_true(ts_skew_may_meet(&body, &a, &b, 0));
    b.tensor = s.tile[1];
    assert_false(ts_skew_may_meet(&body, &a, &b, 0));

    /* Rows of the tensor: every trip has its own, the next trip's begin where these end. */
    ts_affine row = ts_build_term(&s.b, ts_affine_const(0), FLOATS, s.loop);
    ts_ap x = hbm_ap(s.out, row, ts_count_const(WIDTH)), y = x;
    assert_false(ts_skew_may_meet(&body, &x, &y, 1));
    y.offset.base = -1;
    assert_true(ts_skew_may_meet(&body, &x, &y, 1));
    y = hbm_ap(s.out, ts_affine_const(15 * FLOATS), ts_count_const(1)); /* the last trip's */
    assert_true(ts_skew_may_meet(&body, &x, &y, 1));
    y.tensor = s.in;
    assert_false(ts_skew_may_meet(&body, &x, &y, 1));
    ts_program_free(s.program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bodies_keep_their_values), cmocka_unit_test(a_chain_is_spread_over_trips),
        cmocka_unit_test(what_has_other_effects_stays),    cmocka_unit_test(a_program_is_restored),
        cmocka_unit_test(operands_meet_in_their_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
