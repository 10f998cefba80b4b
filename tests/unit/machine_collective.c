/* Collectives among the ranks of one program, compared with plain loops. Ranks at different collectives must
   report that, and no rank may wait for one that has ended. */
#include "machine_support.h"

#include <math.h>
#include <pthread.h>
#include <unistd.h>

enum { MOST_RANKS = 8 };

typedef struct rank {
    pthread_t thread;
    ts_machine *machine;
    ts_program *program;
    ts_run run;
    void *data[6]; /* x, y, then constants and scratch */
    ts_status status;
    ts_diag diag;
} rank;

typedef struct team {
    int ranks;
    ts_pool *pool;
    ts_machine *machine;
    ts_meeting *meeting;
    atomic_bool cancel;
    rank rank[MOST_RANKS];
} team;

static void *run_rank(void *context) {
    rank *r = context;
    r->run.data = r->data;
    r->status = ts_machine_run(r->machine, r->program, &r->run, &r->diag);
    return NULL;
}

static ts_chip chip_of(int ranks) {
    ts_chip chip = trn1();
    chip.cores = ranks;
    chip.sbuf_partition_bytes = chip.psum_partition_bytes; /* too small to copy all aside at once */
    return chip;
}

static ts_program *parse(const char *text, int ranks, const char **refused) {
    static char story[1200];
    char whole[4096];
    ts_program *program = NULL;
    ts_diag diag = {0};
    ts_chip chip = chip_of(ranks);
    snprintf(whole, sizeof whole, "trn 1\nprogram test chip=trn1 ranks=%d scratch_bytes=2048\n%s", ranks,
             text);
    ts_status status = ts_program_parse(whole, "test.trn", &program, &diag);
    if (status == ts_ok) status = ts_program_verify(program, &chip, &diag);
    ts_diag_format(&diag, story, sizeof story);
    if (refused)
        *refused = status == ts_ok ? NULL : story;
    else if (status != ts_ok)
        fail_msg("%s", story);
    return program;
}

static void open_team(team *t, int ranks, int threads) {
    ts_chip chip = chip_of(ranks);
    memset(t, 0, sizeof *t);
    t->ranks = ranks;
    t->pool = pool_of(threads);
    assert_int_equal(ts_machine_new(&chip, t->pool, &t->machine, NULL), ts_ok);
    t->meeting = ts_meeting_new(ranks);
    assert_non_null(t->meeting);
}

static void start(team *t, int number, const char *text, void *x, void *y) {
    rank *r = &t->rank[number];
    r->machine = t->machine;
    r->program = parse(text, t->ranks, NULL);
    r->run = (ts_run){
        .core = number, .meeting = t->meeting, .member = number, .poison = true, .cancel = &t->cancel};
    r->data[0] = x;
    r->data[1] = y;
    assert_int_equal(pthread_create(&r->thread, NULL, run_rank, r), 0);
}

static void end(team *t) {
    for (int i = 0; i < t->ranks; i++)
        pthread_join(t->rank[i].thread, NULL);
    for (int i = 0; i < t->ranks; i++)
        ts_program_free(t->rank[i].program);
    ts_meeting_free(t->meeting);
    ts_machine_free(t->machine);
    ts_pool_free(t->pool);
}

/* ---- against plain loops ---- */

typedef struct shape {
    int ranks, rows, columns;
    const int *groups;
} shape;

static const int all_of_2[] = {1, 0}, all_of_4[] = {2, 0, 3, 1}, pairs_of_4[] = {0, 3, 2, 1},
                 some_of_4[] = {3, 1}, halves_of_8[] = {0, 2, 4, 6, 7, 5, 3, 1}, alone_of_2[] = {1, 0};
static const shape shapes[] = {{2, 1, 2, all_of_2},   {2, 2, 1, alone_of_2}, {4, 1, 4, all_of_4},
                               {4, 2, 2, pairs_of_4}, {4, 1, 2, some_of_4},  {8, 2, 4, halves_of_8}};

/* The members of a rank's group; NULL: it is in none. */
static const int *group_of(const shape *s, int number, int *place) {
    for (int i = 0; i < s->rows * s->columns; i++)
        if (s->groups[i] == number) {
            *place = i % s->columns;
            return s->groups + i - *place;
        }
    return NULL;
}

/* Applies the operator to two numbers of the type. */
static void join_one(unsigned op, ts_dtype dtype, float *total, uint64_t *bits, float value, uint64_t next) {
    const ts_dtype_info *type = ts_dtype_get(dtype);
    const bool is_signed = type->kind == 's';
    const int64_t a = is_signed ? (int64_t)(*bits << (64 - type->bytes * 8)) >> (64 - type->bytes * 8) : 0;
    const int64_t b = is_signed ? (int64_t)(next << (64 - type->bytes * 8)) >> (64 - type->bytes * 8) : 0;
    switch (op) {
    case ts_alu_add: *total += value, *bits += next; break;
    case ts_alu_multiply: *total *= value, *bits *= next; break;
    case ts_alu_max:
        *total = value != value || value > *total ? value : *total;
        *bits = (is_signed ? b > a : next > *bits) ? next : *bits;
        break;
    case ts_alu_min:
        *total = value != value || value < *total ? value : *total;
        *bits = (is_signed ? b < a : next < *bits) ? next : *bits;
        break;
    case ts_alu_bitwise_xor: *bits ^= next; break;
    case ts_alu_logical_and: *bits = *bits && next; break;
    case ts_alu_logical_or: *bits = *bits || next; break;
    default: fail_msg("no operator");
    }
}

/* Joins element `at` of all members' sources. */
static void join_all(const shape *s, const int *group, uint8_t *const *x, unsigned op, ts_dtype dtype,
                     int64_t at, uint8_t *to) {
    const ts_dtype_info *type = ts_dtype_get(dtype);
    const size_t size = (size_t)type->bytes;
    float total = 0;
    uint64_t bits = 0;
    for (int i = 0; i < s->columns; i++) {
        const uint8_t *from = x[group[i]] + (size_t)at * size;
        float value = 0;
        uint64_t next = 0;
        memcpy(&next, from, size);
        if (type->kind == 'f') ts_dtype_widen(dtype, from, &value, 1);
        if (i == 0) {
            total = value;
            bits = next;
        } else {
            join_one(op, dtype, &total, &bits, value, next);
        }
        bits &= size == 8 ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1;
    }
    if (type->kind == 'f')
        ts_dtype_narrow(dtype, &total, to, 1);
    else
        memcpy(to, &bits, size);
}

static void expect(const shape *s, unsigned kind, unsigned op, ts_dtype dtype, uint8_t *const *x,
                   int64_t elems, int64_t results, int number, uint8_t *y) {
    const size_t size = (size_t)ts_dtype_get(dtype)->bytes;
    int place = 0;
    const int *group = group_of(s, number, &place);
    const int64_t part = elems / s->columns;
    if (kind == ts_cc_permute) memset(y, 0, (size_t)results * size);
    for (int64_t i = 0; group && i < results; i++) {
        const uint8_t *from = NULL;
        switch (kind) {
        case ts_cc_all_reduce: join_all(s, group, x, op, dtype, i, y + (size_t)i * size); continue;
        case ts_cc_reduce_scatter:
            join_all(s, group, x, op, dtype, place * results + i, y + (size_t)i * size);
            continue;
        case ts_cc_all_gather: from = x[group[i / elems]] + (size_t)(i % elems) * size; break;
        case ts_cc_all_to_all: from = x[group[i / part]] + (size_t)(place * part + i % part) * size; break;
        case ts_cc_broadcast: from = x[group[0]] + (size_t)i * size; break;
        default:
            if (place == 1) from = x[group[0]] + (size_t)i * size;
            break;
        }
        if (from) memcpy(y + (size_t)i * size, from, size);
    }
}

static void fill(uint8_t *x, ts_dtype dtype, int64_t elems, uint64_t *random) {
    const ts_dtype_info *type = ts_dtype_get(dtype);
    for (int64_t i = 0; i < elems; i++) {
        float value = 8 * next_float(random);
        if (i % 97 == 5 && next_random(random) % 4 == 0) value = NAN;
        uint64_t bits[2]; /* for the widest element */
        for (int word = 0; word < 2; word++)
            bits[word] = (uint64_t)next_random(random) << 33 ^ (uint64_t)next_random(random) << 7;
        if (type->kind == 'b') bits[0] = bits[0] >> 20 & 1;
        if (type->kind == 'f')
            ts_dtype_narrow(dtype, &value, x + i * type->bytes, 1);
        else
            memcpy(x + i * type->bytes, bits, (size_t)type->bytes);
    }
}

/* The bits must be equal, except those of a NaN. */
static void compare(const char *what, ts_dtype dtype, const uint8_t *got, const uint8_t *wanted,
                    int64_t elems) {
    const ts_dtype_info *type = ts_dtype_get(dtype);
    const size_t size = (size_t)type->bytes;
    for (int64_t i = 0; i < elems; i++) {
        float a = 0, b = 0;
        if (memcmp(got + (size_t)i * size, wanted + (size_t)i * size, size) == 0) continue;
        if (type->kind == 'f') {
            ts_dtype_widen(dtype, got + (size_t)i * size, &a, 1);
            ts_dtype_widen(dtype, wanted + (size_t)i * size, &b, 1);
        }
        if (a == a || b == b) fail_msg("%s: element %lld is %g, not %g", what, (long long)i, a, b);
    }
}

static int64_t results_of(const shape *s, unsigned kind, int64_t elems) {
    if (kind == ts_cc_reduce_scatter) return elems / s->columns;
    return kind == ts_cc_all_gather ? elems * s->columns : elems;
}

static void write_program(const shape *s, unsigned kind, unsigned op, ts_dtype dtype, int64_t elems,
                          bool is_in_place, char *text, size_t size) {
    const char *name = ts_dtype_get(dtype)->name;
    const long long from = elems, to = results_of(s, kind, elems);
    int n = snprintf(text, size, "tensor x: input 0 %s[%lld]\ntensor y: output 0 %s[%lld]%s\n", name, from,
                     name, to, is_in_place ? " alias=0" : "");
    n += snprintf(text + n, size - (size_t)n, "tensor g: constant i32[%d,%d] = {", s->rows, s->columns);
    for (int i = 0; i < s->rows * s->columns; i++)
        n += snprintf(text + n, size - (size_t)n, " %d", s->groups[i]);
    snprintf(text + n, size - (size_t)n,
             " }\nsync.collective kind=%s dst=hbm.%s[y +0 %lld] src=hbm.%s[x +0 %lld] op=%s groups=hbm.i32[g "
             "+0 %d]\n",
             ts_cc_name(kind), name, to, name, from, ts_alu_name(op), s->rows * s->columns);
}

static void try_one(const shape *s, unsigned kind, unsigned op, ts_dtype dtype, int64_t elems,
                    bool is_in_place, int threads, uint64_t *random) {
    const size_t size = (size_t)ts_dtype_get(dtype)->bytes;
    const int64_t results = results_of(s, kind, elems);
    uint8_t *x[MOST_RANKS], *y[MOST_RANKS], *wanted[MOST_RANKS];
    char text[2048], what[200];
    write_program(s, kind, op, dtype, elems, is_in_place, text, sizeof text);
    snprintf(what, sizeof what, "%s %s %s, %d ranks in rows of %d, %lld elements, %d threads",
             ts_cc_name(kind), ts_alu_name(op), ts_dtype_get(dtype)->name, s->ranks, s->columns,
             (long long)elems, threads);
    for (int i = 0; i < s->ranks; i++) {
        x[i] = malloc((size_t)elems * size);
        y[i] = is_in_place ? x[i] : malloc((size_t)results * size);
        wanted[i] = malloc((size_t)results * size);
        fill(x[i], dtype, elems, random);
        fill(y[i], dtype, is_in_place ? 0 : results, random);
        memcpy(wanted[i], y[i], (size_t)results * size);
    }
    for (int i = 0; i < s->ranks; i++)
        expect(s, kind, op, dtype, x, elems, results, i, wanted[i]);
    team t;
    open_team(&t, s->ranks, threads);
    for (int i = 0; i < s->ranks; i++)
        start(&t, i, text, x[i], y[i]);
    end(&t);
    for (int i = 0; i < s->ranks; i++) {
        if (t.rank[i].status != ts_ok) fail_msg("%s: %s", what, t.rank[i].diag.message);
        compare(what, dtype, y[i], wanted[i], results);
        if (!is_in_place) free(x[i]);
        free(y[i]);
        free(wanted[i]);
    }
}

static void every_kind_gives_what_plain_loops_give(void **state) {
    (void)state;
    static const struct {
        ts_dtype dtype;
        unsigned op;
    } joins[] = {{ts_dtype_f32, ts_alu_add},      {ts_dtype_f32, ts_alu_max},
                 {ts_dtype_bf16, ts_alu_add},     {ts_dtype_bf16, ts_alu_min},
                 {ts_dtype_f16, ts_alu_multiply}, {ts_dtype_f8e4m3, ts_alu_add},
                 {ts_dtype_f8e5m2, ts_alu_max},   {ts_dtype_i8, ts_alu_add},
                 {ts_dtype_u8, ts_alu_multiply},  {ts_dtype_i16, ts_alu_max},
                 {ts_dtype_u16, ts_alu_min},      {ts_dtype_i32, ts_alu_add},
                 {ts_dtype_u32, ts_alu_max},      {ts_dtype_i32, ts_alu_bitwise_xor},
                 {ts_dtype_i64, ts_alu_add},      {ts_dtype_i64, ts_alu_min},
                 {ts_dtype_u64, ts_alu_max},      {ts_dtype_i1, ts_alu_logical_and},
                 {ts_dtype_i1, ts_alu_logical_or}};
    static const ts_dtype moved[] = {ts_dtype_f32, ts_dtype_i8, ts_dtype_c128};
    static const int64_t sizes[] = {8, 1000, 5016, 70000};
    uint64_t random = 1;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t j = 0; j < sizeof joins / sizeof *joins; j++)
            for (unsigned kind = ts_cc_all_reduce; kind <= ts_cc_reduce_scatter; kind++)
                try_one(&shapes[i], kind, joins[j].op, joins[j].dtype, sizes[j % 3], false, 1 + (int)(j % 3),
                        &random);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (unsigned kind = ts_cc_all_gather; kind < ts_cc_count; kind++)
            for (size_t j = 0; j < 3 && (kind != ts_cc_permute || shapes[i].columns == 2); j++)
                try_one(&shapes[i], kind, ts_alu_bypass, moved[j], sizes[j + 1], false, 1 + (int)j, &random);
}

static void results_may_take_the_place_of_sources(void **state) {
    (void)state;
    uint64_t random = 2;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        try_one(&shapes[i], ts_cc_all_reduce, ts_alu_add, ts_dtype_f32, 5000, true, 2, &random);
        try_one(&shapes[i], ts_cc_all_reduce, ts_alu_add, ts_dtype_bf16, 5000, true, 9, &random);
        try_one(&shapes[i], ts_cc_all_reduce, ts_alu_add, ts_dtype_i16, 5000, true, 2, &random);
        try_one(&shapes[i], ts_cc_broadcast, ts_alu_bypass, ts_dtype_f32, 5000, true, 2, &random);
        try_one(&shapes[i], ts_cc_all_to_all, ts_alu_bypass, ts_dtype_bf16, 5000, true, 2, &random);
        if (shapes[i].columns > 2)
            try_one(&shapes[i], ts_cc_all_to_all, ts_alu_bypass, ts_dtype_f32, 1200000, true, 2, &random);
        if (shapes[i].columns == 2)
            try_one(&shapes[i], ts_cc_permute, ts_alu_bypass, ts_dtype_f32, 5000, true, 2, &random);
    }
}

/* Each rank adds its number to the sum again and again, so that a rank soon overwrites what another one
   reads. */
static void one_follows_another(void **state) {
    (void)state;
    static const char *const text =
        "tensor x: input 0 f32[256]\ntensor y: output 0 f32[256]\n"
        "tensor g: constant i32[1,4] = {0 1 2 3}\ntensor p: constant i32[4,2] = {0 1 1 2 2 3 3 0}\n"
        "tensor s: scratch f32[256] address=0\ntensor t: scratch f32[256] address=1024\n"
        "gpsimd.gpsimd_rank dst=sbuf.f32[p0:1 +0 256]\n"
        "sync.dma_copy queue=0 dst=hbm.f32[s +0 256] src=sbuf.f32[p0:1 +0 256]\n"
        "loop %r = 50\n"
        "sync.collective kind=permute dst=hbm.f32[t +0 256] src=hbm.f32[s +0 256] op=bypass groups=hbm.i32[p "
        "+0 8]\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +1024 256] src=hbm.f32[t +0 256]\n"
        "vector.tensor_scalar dst=sbuf.f32[p0:1 +1024 256] data=sbuf.f32[p0:1 +1024 256] op0=add operand0=1\n"
        "sync.dma_copy queue=0 dst=hbm.f32[s +0 256] src=sbuf.f32[p0:1 +1024 256]\n"
        "end\n"
        "sync.collective kind=all_reduce dst=hbm.f32[y +0 256] src=hbm.f32[s +0 256] op=add groups=hbm.i32[g "
        "+0 4]\n";
    static float x[256], y[4][256], scratch[4][512];
    for (int again = 0; again < 5; again++) {
        team t;
        open_team(&t, 4, 1 + again);
        for (int i = 0; i < 4; i++) {
            t.rank[i].data[4] = scratch[i];
            t.rank[i].data[5] = scratch[i] + 256;
            start(&t, i, text, x, y[i]);
        }
        end(&t);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(t.rank[i].status, ts_ok);
            for (int j = 0; j < 256; j++)
                assert_true(y[i][j] == 4 * 50 + 6);
        }
    }
}

/* ---- what goes wrong ---- */

#define GROUPS_OF_2                                                                                          \
    "tensor x: input 0 f32[64]\ntensor y: output 0 f32[64]\ntensor g: constant i32[1,2] = {0 1}\n"
#define SUM                                                                                                  \
    "sync.collective kind=all_reduce dst=hbm.f32[y +0 64] src=hbm.f32[x +0 64] op=add groups=hbm.i32[g +0 "  \
    "2]\n"

static void run_two(team *t, const char *first, const char *second) {
    static float x[2][64], y[2][64];
    open_team(t, 2, 2);
    start(t, 0, first, x[0], y[0]);
    start(t, 1, second, x[1], y[1]);
}

static void ranks_that_differ_say_in_what(void **state) {
    (void)state;
    static const struct {
        const char *second, *message;
    } cases[] = {{"sync.collective kind=all_reduce dst=hbm.f32[y +0 64] src=hbm.f32[x +0 64] op=max "
                  "groups=hbm.i32[g +0 2]\n",
                  "rank 0 and rank 1 do not mean the same collective: op is add and max"},
                 {"sync.collective kind=all_reduce dst=hbm.f32[y +0 32] src=hbm.f32[x +0 32] op=add "
                  "groups=hbm.i32[g +0 2]\n",
                  "elements of src is 64 and 32"},
                 {"sync.collective kind=broadcast dst=hbm.f32[y +0 64] src=hbm.f32[x +0 64] op=bypass "
                  "groups=hbm.i32[g +0 2]\n",
                  "kind is all_reduce and broadcast"},
                 {"sync.collective kind=all_reduce dst=hbm.i32[y +0 64] src=hbm.i32[x +0 64] op=add "
                  "groups=hbm.i32[g +0 2]\n",
                  "dtype is f32 and i32"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char second[2000];
        team t;
        snprintf(second, sizeof second, "%s%s", GROUPS_OF_2, cases[i].second);
        run_two(&t, GROUPS_OF_2 SUM, second);
        end(&t);
        for (int j = 0; j < 2; j++) {
            assert_int_equal(t.rank[j].status, ts_input);
            if (!strstr(t.rank[j].diag.message, cases[i].message)) fail_msg("%s", t.rank[j].diag.message);
            assert_non_null(strstr(t.rank[j].diag.op, "collective"));
        }
    }
}

static void groups_that_differ_name_the_rank(void **state) {
    (void)state;
    team t;
    run_two(
        &t, GROUPS_OF_2 SUM,
        "tensor x: input 0 f32[64]\ntensor y: output 0 f32[64]\ntensor g: constant i32[1,2] = {1 0}\n" SUM);
    end(&t);
    assert_int_equal(t.rank[1].status, ts_input);
    assert_non_null(strstr(t.rank[1].diag.message, "rank named in groups is 0 and 1"));
}

static void nobody_waits_for_a_rank_that_has_ended(void **state) {
    (void)state;
    team t;
    run_two(&t, GROUPS_OF_2 SUM, GROUPS_OF_2 "vector.memset dst=sbuf.f32[p0:1 +0 64] value=1\n");
    end(&t);
    assert_int_equal(t.rank[0].status, ts_deadlock);
    assert_non_null(strstr(t.rank[0].diag.message, "waits for rank 1, whose program has ended"));
    assert_non_null(strstr(t.rank[0].diag.op, "on rank 0"));
    assert_int_equal(t.rank[1].status, ts_ok);
}

/* The index is out of range on rank 1 alone; both ranks must report that. */
static void all_tell_the_first_error(void **state) {
    (void)state;
    static const char *const bad =
        "vector.memset dst=sbuf.i32[p0:1 +0 1] value=100\n"
        "sync.dma_copy queue=0 dst=hbm.f32[y +0 1 1] src=hbm.f32[x +0 1 1 by 1*sbuf.i32[p0:1 +0 1]]\n";
    char second[2000];
    team t;
    snprintf(second, sizeof second, "%s%s%s", GROUPS_OF_2, bad, SUM);
    run_two(&t, GROUPS_OF_2 SUM, second);
    end(&t);
    for (int j = 0; j < 2; j++) {
        assert_int_equal(t.rank[j].status, ts_undefined);
        assert_non_null(strstr(t.rank[j].diag.message, "index 100"));
        assert_non_null(strstr(t.rank[j].diag.op, "on rank 1"));
    }
}

static void waiting_ends_when_the_run_is_cancelled(void **state) {
    (void)state;
    static float x[64], y[64];
    team t;
    open_team(&t, 2, 2);
    start(&t, 0, GROUPS_OF_2 SUM, x, y);
    usleep(20000);
    atomic_store(&t.cancel, true);
    pthread_join(t.rank[0].thread, NULL);
    assert_int_equal(t.rank[0].status, ts_cancelled);
    start(&t, 1, GROUPS_OF_2 SUM, x, y);
    pthread_join(t.rank[1].thread, NULL);
    assert_int_equal(t.rank[1].status, ts_cancelled);
    for (int i = 0; i < 2; i++)
        ts_program_free(t.rank[i].program);
    ts_meeting_free(t.meeting);
    ts_machine_free(t.machine);
    ts_pool_free(t.pool);
}

static void ranks_run_together_or_not_at_all(void **state) {
    (void)state;
    float x[64] = {0}, y[64];
    void *data[3] = {x, y, NULL};
    ts_diag diag = {0};
    ts_machine *machine = machine_of(NULL);
    ts_program *program = parse(GROUPS_OF_2 SUM, 2, NULL);
    assert_int_equal(ts_machine_run(machine, program, &(ts_run){.data = data}, &diag), ts_usage);
    assert_non_null(strstr(diag.message, "a program of 2 ranks where 1 run together"));
    ts_program_free(program);
    ts_machine_free(machine);
    assert_null(ts_meeting_new(0));
    assert_null(ts_meeting_new(TS_MAX_RANKS + 1));
}

static void the_verifier_refuses_what_has_no_meaning(void **state) {
    (void)state;
    static const char *const tensors = "tensor x: input 0 f32[64]\ntensor y: output 0 f32[64]\n"
                                       "tensor z: output 1 f32[64] alias=0\ntensor b: input 1 i1[64]\n"
                                       "tensor c: output 2 i1[64]\ntensor g: constant i32[1,2] = {0 1}\n";
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"kind=all_gather dst=hbm.f32[y +0 64] src=hbm.f32[y +0 32] groups=hbm.i32[g +0 2]",
         "share memory of tensor 'y'"},
        {"kind=permute dst=hbm.f32[z +0 32] src=hbm.f32[x +16 32] groups=hbm.i32[g +0 2]",
         "share memory of tensor 'z'"},
        {"kind=all_reduce dst=hbm.f32[y +0 32] src=hbm.f32[y +16 32] op=add groups=hbm.i32[g +0 2]",
         "share memory"},
        {"kind=all_reduce dst=hbm.f32[y +0 32] src=hbm.f32[y +32 32] op=add groups=hbm.i32[g +0 2]", NULL},
        {"kind=all_reduce dst=hbm.f32[y +0 64] src=hbm.f32[y +0 64] op=add groups=hbm.i32[g +0 2]", NULL},
        {"kind=all_reduce dst=hbm.f32[y +0 64] src=hbm.f32[x +0 64] op=bitwise_or groups=hbm.i32[g +0 2]",
         "bitwise_or of f32: no datapath"},
        {"kind=all_reduce dst=hbm.i1[c +0 64] src=hbm.i1[b +0 64] op=add groups=hbm.i32[g +0 2]",
         "add of i1: no datapath"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1500];
        const char *refused = NULL;
        snprintf(text, sizeof text, "%ssync.collective %s\n", tensors, cases[i].line);
        ts_program_free(parse(text, 2, &refused));
        if (cases[i].message ? !refused || !strstr(refused, cases[i].message) : refused != NULL)
            fail_msg("%s: %s", cases[i].line, refused ? refused : "not refused");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_kind_gives_what_plain_loops_give),
                                       cmocka_unit_test(results_may_take_the_place_of_sources),
                                       cmocka_unit_test(one_follows_another),
                                       cmocka_unit_test(ranks_that_differ_say_in_what),
                                       cmocka_unit_test(groups_that_differ_name_the_rank),
                                       cmocka_unit_test(nobody_waits_for_a_rank_that_has_ended),
                                       cmocka_unit_test(all_tell_the_first_error),
                                       cmocka_unit_test(waiting_ends_when_the_run_is_cancelled),
                                       cmocka_unit_test(ranks_run_together_or_not_at_all),
                                       cmocka_unit_test(the_verifier_refuses_what_has_no_meaning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
