/* On random programs the vector clocks find exactly the races that the transitive closure of a graph of
   starts and ends has; and long loops take little time. */
#include "machine/check_races.h"
#include "random_code.h"

enum { LENGTH = 70, STARTS = 0, ENDS = LENGTH, NODES = 2 * LENGTH };

typedef struct graph {
    const ts_program *program;
    ts_operands operands[LENGTH];
    bool before[NODES][NODES];
} graph;

static bool is_dma(const graph *g, uint32_t at) {
    return g->program->code.data[at]->op == ts_op_dma_copy;
}

/* Whether both are executed by one engine, or are transfers of one queue and trigger. */
static bool is_one_source(const graph *g, uint32_t a, uint32_t b) {
    const ts_inst *x = g->program->code.data[a], *y = g->program->code.data[b];
    if (x->engine != y->engine || is_dma(g, a) != is_dma(g, b)) return false;
    return !is_dma(g, a) || ((const ts_inst_dma_copy *)x)->queue == ((const ts_inst_dma_copy *)y)->queue;
}

static const ts_sync *sync_of(const graph *g, uint32_t at) {
    uint32_t sync = g->program->code.data[at]->sync;
    return sync ? &g->program->syncs.data[sync - 1] : NULL;
}

static void add_edges(graph *g, uint32_t at) {
    g->before[STARTS + at][ENDS + at] = true;
    for (uint32_t i = 0; i < at; i++) {
        if (g->program->code.data[i]->engine == g->program->code.data[at]->engine)
            g->before[STARTS + i][STARTS + at] = true;
        if (is_one_source(g, i, at)) g->before[ENDS + i][ENDS + at] = true;
    }
    const ts_sync *sync = sync_of(g, at);
    int64_t count = 0;
    for (uint32_t i = 0; sync && sync->is_waiting && i < at && count < sync->value.base; i++) {
        const ts_sync *other = sync_of(g, i);
        if (!other || !other->is_signalling || other->signalled != sync->awaited) continue;
        count += other->amount;
        g->before[ENDS + i][STARTS + at] = true;
    }
}

static void close_graph(graph *g) {
    for (int k = 0; k < NODES; k++)
        for (int i = 0; i < NODES; i++)
            for (int j = 0; g->before[i][k] && j < NODES; j++)
                g->before[i][j] |= g->before[k][j];
}

static bool is_conflict(const graph *g, uint32_t a, uint32_t b) {
    bool is_exact;
    const ts_operands *x = &g->operands[a], *y = &g->operands[b];
    for (int i = 0; i < x->count; i++)
        for (int j = 0; j < y->count; j++)
            if ((x->is_write[i] || y->is_write[j]) && ts_ref_overlap(&x->ref[i], &y->ref[j], &is_exact))
                return true;
    return false;
}

static bool is_found(const ts_races *races, uint32_t first, uint32_t later) {
    for (uint32_t i = 0; i < races->list.count; i++)
        if (races->list.data[i].first == first && races->list.data[i].finding.at == later) return true;
    return false;
}

/* Compares the races of both ways; returns their number. */
static uint32_t compare(const ts_program *program) {
    static graph g;
    ts_races races = {0};
    ts_diag diag = {0};
    ts_chip chip = table_chip();
    int64_t counters[1] = {0};
    uint32_t count = 0;
    memset(&g, 0, sizeof g);
    g.program = program;
    assert_int_equal(program->code.count, LENGTH);
    assert_int_equal(ts_races_find(program, &chip, TS_RACES_POSITIONS, &races, &diag), ts_ok);
    for (uint32_t at = 0; at < LENGTH; at++) {
        ts_inst_operands(program, program->code.data[at], counters, &g.operands[at]);
        add_edges(&g, at);
    }
    close_graph(&g);
    for (uint32_t later = 0; later < LENGTH; later++)
        for (uint32_t first = 0; first < later; first++) {
            bool is_race = is_conflict(&g, first, later) && !is_one_source(&g, first, later) &&
                           !g.before[ENDS + first][STARTS + later];
            count += is_race;
            if (is_race != is_found(&races, first, later) && !races.is_cut)
                fail_msg("%u and %u: %s", first, later, is_race ? "a race was not found" : "no race");
        }
    if (!races.is_cut) assert_int_equal(races.list.count, count);
    ts_arena_free(&races.arena);
    return count;
}

static void test_random_programs(void **state) {
    (void)state;
    uint32_t found = 0, clean = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        ts_program *program = random_semaphores(seed, LENGTH, 1 + (int)seed % 6);
        uint32_t count = compare(program);
        found += count;
        clean += LENGTH * (LENGTH - 1) / 2 - count;
        ts_program_free(program);
    }
    assert_true(found > 1000 && clean > 1000);
}

static ts_races races_of(const char *text) {
    ts_program *program = parse_text(text, "loop");
    ts_chip chip = table_chip();
    ts_races races = {0};
    ts_diag diag = {0};
    if (ts_program_verify(program, &chip, &diag) != ts_ok) fail_msg("%s", diag.message);
    assert_int_equal(ts_races_find(program, &chip, TS_RACES_POSITIONS, &races, &diag), ts_ok);
    ts_program_free(program);
    return races;
}

/* Two hundred thousand trips, each of which stores to another place. Accesses that are known to be complete
   are not compared, and the latest access of a buffer stands for all. The last trip reads without a wait what
   the first one stored. */
static void test_long_loop(void **state) {
    (void)state;
    const char *head =
        "trn 1\nprogram p chip=trn1 sync=explicit\n"
        "tensor x: input 0 f32[200000,8]\ntensor y: output 0 f32[200000,8]\n"
        "loop %i = 200000\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0+32*(%i mod 2) 8] src=hbm.f32[x +0+8*%i 8] "
        "wait=S[1]>=-1+%i signal=S[0]+=16\n"
        "vector.event_semaphore wait=S[2]>=-16+16*%i\n"
        "vector.tensor_copy dst=sbuf.f32[p0:1 +64+32*(%i mod 2) 8] src=sbuf.f32[p0:1 +0+32*(%i mod 2) 8] "
        "wait=S[0]>=16+16*%i signal=S[1]+=1\n"
        "gpsimd.dma_copy queue=1 dst=hbm.f32[y +0+8*%i 8] src=sbuf.f32[p0:1 +64+32*(%i mod 2) 8] "
        "wait=S[1]>=1+%i signal=S[2]+=16\nend\n";
    ts_text text = {0};
    ts_text_add(&text, head);
    ts_races races = races_of(text.data);
    assert_int_equal(races.list.count, 0);
    ts_text_add(&text, "scalar.dma_copy queue=2 dst=sbuf.f32[p0:1 +128 8] src=hbm.f32[y +0 8]\n");
    races = races_of(text.data);
    assert_int_equal(races.list.count, 1);
    assert_int_equal(races.list.data[0].value, 16);
    assert_int_equal(races.list.data[0].semaphore, 2);
    ts_arena_free(&races.arena);
    ts_text_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_programs),
                                       cmocka_unit_test(test_long_loop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
