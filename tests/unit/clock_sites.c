/* The logs of accesses to tiles and tensors: it does not matter by which tile an operand names a place, and a
   full log keeps the accesses that an engine may still wait for. */
#include <stdio.h>

#include "clock_programs.h"

#include "clock/clock_core.h"

/* ---- programs with and without names ---- */

enum { TILES = 9, IN_PSUM = 2 };

typedef struct tile {
    unsigned address, bytes;
} tile;

/* Tiles that share bytes; the last ones are in PSUM. */
static void make_tiles(uint64_t *state, tile tiles[TILES]) {
    for (int i = 0; i < TILES; i++) {
        bool is_psum = i >= TILES - IN_PSUM;
        tiles[i].address = is_psum ? 2048 * below(state, 2) : 256 * below(state, 16);
        tiles[i].bytes = is_psum ? 2048 : 512 << below(state, 3);
    }
}

static void add_place(ts_text *out, uint64_t *state, const tile *tiles, bool is_named, const char *name,
                      bool is_psum, unsigned count) {
    unsigned t = is_psum ? TILES - IN_PSUM + below(state, IN_PSUM) : below(state, TILES - IN_PSUM);
    unsigned spare = tiles[t].bytes / 4 - count, at = tiles[t].address + 4 * below(state, spare + 1);
    char label[16] = "";
    if (is_named) snprintf(label, sizeof label, "tile%u ", t + 1);
    ts_text_format(out, " %s=%s.f32[%sp0:128 +%u %u]", name, is_psum ? "psum" : "sbuf", label, at, count);
}

static void add_step(ts_text *out, uint64_t *state, const tile *tiles, bool is_named) {
    static const char *const engines[] = {"vector", "scalar", "gpsimd"};
    static const char *const triggers[] = {"sync", "scalar", "gpsimd"};
    unsigned count = 16u << below(state, 3);
    switch (below(state, 5)) {
    case 0:
        ts_text_format(out, "%s.dma_copy queue=%u", triggers[below(state, 3)], below(state, 3));
        add_place(out, state, tiles, is_named, "dst", false, count);
        ts_text_format(out, " src=hbm.f32[x +%u 128@256 %u]\n", 64 * below(state, 3), count);
        break;
    case 1:
        ts_text_format(out, "%s.dma_copy queue=3 dst=hbm.f32[y +%u 128@256 %u]", triggers[below(state, 3)],
                       64 * below(state, 3), count);
        add_place(out, state, tiles, is_named, "src", false, count);
        ts_text_add(out, "\n");
        break;
    case 2:
        ts_text_add(out, "tensor.nc_matmul");
        add_place(out, state, tiles, is_named, "dst", true, count);
        add_place(out, state, tiles, is_named, "stationary", false, 128);
        add_place(out, state, tiles, is_named, "moving", false, count);
        ts_text_add(out, "\n");
        break;
    case 3:
        ts_text_format(out, "%s.tensor_copy", engines[below(state, 2)]);
        add_place(out, state, tiles, is_named, "dst", false, count);
        add_place(out, state, tiles, is_named, "src", true, count);
        ts_text_add(out, "\n");
        break;
    default:
        ts_text_format(out, "%s.tensor_copy", engines[below(state, 3)]);
        add_place(out, state, tiles, is_named, "dst", false, count);
        add_place(out, state, tiles, is_named, "src", false, count);
        ts_text_add(out, "\n");
    }
}

static ts_program *random_program(uint64_t seed, bool is_named) {
    ts_text text = {0};
    tile tiles[TILES];
    uint64_t state = seed * 7919 + 3;
    make_tiles(&state, tiles);
    ts_text_format(&text,
                   "trn 1\nprogram sites chip=trn1%s\ntensor x: input 0 f32[128,256]\n"
                   "tensor y: output 0 f32[128,256]\n",
                   below(&state, 3) ? "" : " order=list");
    for (int i = 0; i < TILES && is_named; i++)
        ts_text_format(&text, "tile %d: %s address=%u bytes=%u\n", i + 1,
                       i < TILES - IN_PSUM ? "sbuf" : "psum", tiles[i].address, tiles[i].bytes);
    for (unsigned loop = 0; loop < 3; loop++) {
        ts_text_format(&text, "loop %%l%u = %u\n", loop, 1 + below(&state, 30));
        for (unsigned i = 0, length = 5 + below(&state, 20); i < length; i++)
            add_step(&text, &state, tiles, is_named);
        ts_text_format(&text, "end %%l%u\n", loop);
    }
    ts_program *program = parse_text(text.data, "sites");
    ts_text_free(&text);
    return program;
}

static void test_names_change_nothing(void **state) {
    (void)state;
    ts_chip chip = table_chip(), edited = chip;
    edited.dma_queue_floor_ns = 100;
    float work[512] = {0};
    const ts_what_if what_ifs[] = {
        {.free = TS_FREE_REUSE}, {.free = 1u << ts_bound_wait}, {.work = work}, {.chip = &edited}};
    for (uint64_t seed = 0; seed < 60; seed++) {
        ts_program *named = random_program(seed, true), *plain = random_program(seed, false);
        ts_clock_options options = {.band = seed % 2};
        if (!options.band) options.what_ifs = what_ifs, options.what_if_count = 4;
        for (unsigned i = 0; i < 512; i++)
            work[i] = (float)((seed + i) % 3) / 2;
        ts_record a, b;
        ts_text text_a = {0}, text_b = {0};
        assert_int_equal(ts_clock_run(named, &chip, &options, &a, NULL), ts_ok);
        assert_int_equal(ts_clock_run(plain, &chip, &options, &b, NULL), ts_ok);
        assert_memory_equal(a.what_if, b.what_if, sizeof a.what_if);
        ts_record_json(&a, named, NULL, &text_a);
        ts_record_json(&b, plain, NULL, &text_b);
        assert_string_equal(text_a.data, text_b.data);
        ts_text_free(&text_a);
        ts_text_free(&text_b);
        ts_record_free(&a);
        ts_record_free(&b);
        ts_program_free(named);
        ts_program_free(plain);
    }
}

/* ---- logs ---- */

typedef struct bench {
    ts_clock clock;
    ts_step step;
    ts_shape shape;
} bench;

/* A clock of one set in which VectorE, which may still come, has done nothing yet. */
static ts_site *open_bench(bench *b) {
    memset(b, 0, sizeof *b);
    b->clock.sets = 1;
    b->clock.ticks = 1;
    b->clock.site_count = 1;
    b->clock.sites = TS_NEW(&b->clock.arena, ts_site);
    b->clock.storages = TS_NEW_ARRAY(&b->clock.arena, ts_storage, TS_STORAGE_TENSOR);
    b->clock.sites->hi = 1 << 20;
    b->clock.sites->last[true][ts_engine_vector] = 100;
    b->shape.is_dense = true;
    ts_site_wake(&b->clock, b->clock.sites);
    return b->clock.sites;
}

static ts_visit *add_visit_of(bench *b, ts_site *site, uint8_t engine, int64_t place, ts_time ready) {
    ts_log *log = site->log[true][engine];
    if (!log || log->end - log->first == log->room) log = ts_sites_room(&b->clock, site, engine, true);
    ts_event *event = ts_event_new(&b->clock, &b->step);
    event->is_done = true;
    event->sequence = ++b->clock.sequence;
    event->of[0].ready = event->of[0].same = ready;
    ts_visit *visit = ts_log_at(log, log->end++);
    *visit =
        (ts_visit){.place = {.lo = place, .hi = place + 4, .end = 1, .shape = &b->shape}, .event = event};
    site->logs[true] |= (uint8_t)(1 << engine);
    return visit;
}

static void add_visit(bench *b, ts_site *site, int64_t place, ts_time ready) {
    add_visit_of(b, site, ts_engine_none, place, ready);
}

/* The latest time of the visits that meet a place. */
static ts_time latest(const ts_site *site, int64_t place) {
    const ts_log *log = site->log[true][ts_engine_none];
    const ts_place at = {.lo = place, .hi = place + 4, .end = 1};
    ts_time time = 0;
    for (uint32_t n = log->first; n < log->end; n++) {
        const ts_visit *visit = ts_log_at(log, n);
        if (!visit->event || !ts_place_meets(&visit->place, &at)) continue;
        if (visit->event->of[0].ready > time) time = visit->event->of[0].ready;
    }
    return time;
}

static void test_full_log_merges(void **state) {
    (void)state;
    enum { PLACES = 5000, ROUNDS = 4, FEW = 3000 };
    bench b;
    ts_site *site = open_bench(&b);
    /* few places, again and again: what is kept is exact */
    for (int i = 0; i < ROUNDS * FEW; i++)
        add_visit(&b, site, 4 * (i % FEW), 1000 + i);
    const ts_log *log = site->log[true][ts_engine_none];
    assert_true(log->end - log->first <= TS_CLOCK_VISITS);
    for (int i = 0; i < FEW; i++)
        assert_int_equal(latest(site, 4 * i), 1000 + (ROUNDS - 1) * FEW + i);
    /* many places: neighbours have the latest time of some */
    for (int i = 0; i < ROUNDS * PLACES; i++)
        add_visit(&b, site, 4 * (FEW + i), 100000 + i);
    assert_true(log->room <= 2 * TS_CLOCK_VISITS);
    for (int i = 0; i < ROUNDS * PLACES; i++)
        assert_true(latest(site, 4 * (FEW + i)) >= 100000 + i);
    ts_arena_free(&b.clock.arena);
}

static void test_over_is_forgotten(void **state) {
    (void)state;
    bench b;
    ts_site *site = open_bench(&b);
    for (int i = 0; i < 100; i++)
        add_visit(&b, site, 4 * i, 1000 + i);
    assert_false(ts_site_rest(&b.clock, site));
    b.clock.engine_free[ts_engine_vector].at[0] = 1050;
    b.clock.ticks++;
    ts_sites_sweep(&b.clock);
    assert_int_equal(latest(site, 4 * 50), 0);
    assert_int_equal(latest(site, 4 * 51), 1051);
    b.clock.engine_free[ts_engine_vector].at[0] = 1099;
    b.clock.ticks++;
    assert_true(ts_site_rest(&b.clock, site));
    assert_false(site->is_live);
    assert_int_equal(b.clock.storages[0].live.count, 0);
    ts_arena_free(&b.clock.arena);
}

/* If an access of an in-order engine is complete, so are its earlier ones; that does not hold for accesses
   that were dropped. */
static void test_dropped_tells_nothing(void **state) {
    (void)state;
    bench b;
    ts_site *site = open_bench(&b);
    b.clock.is_ordered = true;
    b.clock.engine_free[ts_engine_vector].at[0] = 2000;
    const ts_visit *kept = add_visit_of(&b, site, ts_engine_scalar, 0, 5000);
    ts_visit_drop(&b.clock, add_visit_of(&b, site, ts_engine_scalar, 4, 6000));
    assert_false(ts_site_rest(&b.clock, site));
    assert_int_equal(kept->event->of[0].ready, 5000);
    assert_int_equal(site->log[true][ts_engine_scalar]->first, 0);
    ts_arena_free(&b.clock.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_change_nothing), cmocka_unit_test(test_full_log_merges),
        cmocka_unit_test(test_over_is_forgotten), cmocka_unit_test(test_dropped_tells_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
