/* Moves that are put off give the bits that they give at once, in SBUF and PSUM. The reference is a run with
   checks, which executes every instruction at once. */
#include "machine/check.h"
#include "machine/deferred.h"
#include "machine_support.h"

enum { PARTS = 128, ROW = 1024, WORDS = PARTS * ROW, PSUM_ROW = 512 };

#define TENSORS                                                                                              \
    "tensor a: input 0 f32[128,1024]\ntensor b: output 0 f32[128,1024]\ntensor c: output 1 f32[128,512]\n"
#define BEGIN                                                                                                \
    "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 1024] src=hbm.f32[a +0 128@1024 1024]\n"                   \
    "vector.memset dst=psum.f32[p0:128 +0 512] value=3\n"
/* Stores SBUF to b, and the first bank of PSUM to c. */
#define END                                                                                                  \
    "vector.tensor_copy dst=sbuf.f32[p0:128 +4096 512] src=psum.f32[p0:128 +0 512]\n"                        \
    "sync.dma_copy queue=0 dst=hbm.f32[b +0 128@1024 1024] src=sbuf.f32[p0:128 +0 1024]\n"                   \
    "sync.dma_copy queue=0 dst=hbm.f32[c +0 128@512 512] src=sbuf.f32[p0:128 +4096 512]\n"

/* Transposes a square of words at 0 to 2048, by way of floats at 1024 and in PSUM. */
#define HALVES    "scalar.tensor_copy dst=sbuf.f32[p0:128 +1024 2@128 128] src=sbuf.u16[p0:128 +0 2 128@2]\n"
#define TURN_LOW  "tensor.nc_transpose dst=psum.f32[p0:128 +0 128] data=sbuf.f32[p0:128 +1024 128]\n"
#define TURN_HIGH "tensor.nc_transpose dst=psum.f32[p0:128 +512 128] data=sbuf.f32[p0:128 +1536 128]\n"
#define JOIN      "vector.tensor_copy dst=sbuf.u16[p0:128 +2048 2 128@2] src=psum.f32[p0:128 +0 2@128 128]\n"
#define TURNED    HALVES TURN_LOW TURN_HIGH JOIN

typedef struct state {
    uint32_t *sbuf, *psum;
} state;

static state state_new(void) {
    return (state){.sbuf = calloc(WORDS, 4), .psum = calloc((size_t)PARTS * PSUM_ROW, 4)};
}

static void state_free(state *s) {
    free(s->sbuf);
    free(s->psum);
}

static void run_on(ts_machine *machine, const ts_program *program, const uint32_t *input, bool is_checked,
                   state *found) {
    void *data[] = {(void *)(uintptr_t)input, found->sbuf, found->psum};
    ts_checks *checks = is_checked ? ts_checks_new(program, UINT32_C(1) << ts_check_unset) : NULL;
    assert_true(!is_checked || checks);
    ts_run run = {.data = data, .poison = true, .checks = checks};
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
    ts_checks_free(checks);
}

static uint32_t *input_of(uint64_t seed) {
    uint32_t *input = malloc((size_t)WORDS * 4);
    for (int i = 0; i < WORDS; i++)
        input[i] = next_random(&seed) << 1 ^ next_random(&seed);
    return input;
}

/* Compares the two runs; returns how many moves are still put off in the end. */
static int compare(const char *text, uint64_t seed) {
    ts_program *program = program_of("%s", text);
    uint32_t *input = input_of(seed);
    int left = 0;
    state expected = state_new();
    for (int threads = 1; threads <= 3; threads += 2) {
        ts_pool *pool = pool_of(threads);
        ts_machine *machine = machine_of(pool);
        state found = state_new();
        run_on(machine, program, input, true, &expected);
        run_on(machine, program, input, false, &found);
        left = machine->cores[0].deferrals->count;
        if (memcmp(expected.sbuf, found.sbuf, (size_t)WORDS * 4) != 0 ||
            memcmp(expected.psum, found.psum, (size_t)PARTS * PSUM_ROW * 4) != 0)
            fail_msg("%d threads, seed %llu, wrong:\n%s", threads, (unsigned long long)seed, text);
        state_free(&found);
        ts_machine_free(machine);
        ts_pool_free(pool);
    }
    state_free(&expected);
    free(input);
    ts_program_free(program);
    return left;
}

static void numbers_are_turned_by_bits(void **unused) {
    (void)unused;
    uint32_t *input = input_of(3);
    ts_program *program = program_of("%s", TENSORS BEGIN TURNED END);
    ts_machine *machine = machine_of(NULL);
    state found = state_new();
    run_on(machine, program, input, false, &found);
    for (int p = 0; p < 128; p++)
        for (int i = 0; i < 128; i++)
            assert_int_equal(found.sbuf[p * ROW + 512 + i], input[i * ROW + p]);
    state_free(&found);
    ts_machine_free(machine);
    ts_program_free(program);
    free(input);
}

/* END reads the floats in SBUF and in PSUM; without END all three moves are still put off. */
static void what_nobody_reads_is_not_done(void **unused) {
    (void)unused;
#define ONLY_RESULT "sync.dma_copy queue=0 dst=hbm.f32[b +0 128@1024 128] src=sbuf.f32[p0:128 +2048 128]\n"
    assert_int_equal(compare(TENSORS BEGIN TURNED ONLY_RESULT, 5), 3);
    assert_int_equal(compare(TENSORS BEGIN TURNED END, 5), 0);
}

static void half_turns(void **unused) {
    (void)unused;
    compare(TENSORS BEGIN HALVES TURN_LOW TURN_HIGH END, 6);
    compare(TENSORS BEGIN HALVES TURN_LOW JOIN END, 7);
    compare(TENSORS BEGIN HALVES END, 8);
}

static void what_is_turned_changes(void **unused) {
    (void)unused;
#define CHANGE "vector.memset dst=sbuf.f32[p32:32 +64 8] value=5\n"
#define RESULT "vector.memset dst=sbuf.f32[p32:32 +2112 8] value=5\n"
    compare(TENSORS BEGIN HALVES CHANGE TURN_LOW TURN_HIGH JOIN END, 9);
    compare(TENSORS BEGIN HALVES TURN_LOW CHANGE TURN_HIGH JOIN END, 10);
    compare(TENSORS BEGIN HALVES TURN_LOW TURN_HIGH CHANGE JOIN END, 11);
    compare(TENSORS BEGIN TURNED CHANGE END, 12);
    compare(TENSORS BEGIN TURNED RESULT END, 23);
    compare(TENSORS BEGIN TURNED CHANGE RESULT END, 24);
}

/* The result lies in other partitions than its floats. */
static void results_move_to_other_partitions(void **unused) {
    (void)unused;
#define JOIN_ELSEWHERE                                                                                       \
    "tensor.nc_transpose dst=psum.f32[p0:32 +0 128] data=sbuf.f32[p0:128 +1024 32]\n"                        \
    "tensor.nc_transpose dst=psum.f32[p0:32 +512 128] data=sbuf.f32[p0:128 +1536 32]\n"                      \
    "vector.tensor_copy dst=sbuf.u16[p64:32 +2048 2 128@2] src=psum.f32[p0:32 +0 2@128 128]\n"
    compare(TENSORS BEGIN HALVES JOIN_ELSEWHERE END, 25);
    compare(TENSORS BEGIN HALVES JOIN_ELSEWHERE CHANGE END, 26);
}

static void places_are_set_in_part(void **unused) {
    (void)unused;
#define FLOATS "vector.memset dst=sbuf.f32[p0:64 +1100 8] value=5\n"
#define BANK   "vector.memset dst=psum.f32[p0:128 +256 128] value=5\n"
    compare(TENSORS BEGIN HALVES FLOATS TURN_LOW TURN_HIGH JOIN END, 13);
    compare(TENSORS BEGIN HALVES TURN_LOW TURN_HIGH FLOATS JOIN END, 14);
    compare(TENSORS BEGIN HALVES TURN_LOW TURN_HIGH BANK JOIN END, 15);
#define EVERY_OTHER "vector.memset dst=sbuf.f32[p0:128 +1024 129@2] value=5\n"
    compare(TENSORS BEGIN HALVES EVERY_OTHER TURN_LOW TURN_HIGH JOIN END, 18);
}

static void halves_of_different_numbers(void **unused) {
    (void)unused;
#define TURN_SOME                                                                                            \
    "tensor.nc_transpose dst=psum.f32[p0:64 +0 128] data=sbuf.f32[p0:128 +1024 64]\n"                        \
    "tensor.nc_transpose dst=psum.f32[p0:64 +512 128] data=sbuf.f32[p0:128 +1792 64]\n"
#define JOIN_SOME "vector.tensor_copy dst=sbuf.u16[p0:64 +2048 2 128@2] src=psum.f32[p0:64 +0 2@128 128]\n"
    compare(TENSORS BEGIN HALVES TURN_SOME JOIN_SOME END, 19);
#define JOIN_SWAPPED                                                                                         \
    "vector.tensor_copy dst=sbuf.u16[p0:128 +2050 2@-1 128@2] src=psum.f32[p0:128 +0 2@128 128]\n"
    compare(TENSORS BEGIN HALVES TURN_LOW TURN_HIGH JOIN_SWAPPED END, 20);
#define JOIN_IN_PLACE "vector.tensor_copy dst=sbuf.u16[p0:128 +0 2 128@2] src=psum.f32[p0:128 +0 2@128 128]\n"
    compare(TENSORS BEGIN HALVES TURN_LOW TURN_HIGH JOIN_IN_PLACE END, 22);
}

static void a_later_run_finds_what_was_put_off(void **unused) {
    (void)unused;
    uint32_t *input = input_of(16);
    ts_program *first = program_of("%s", TENSORS BEGIN TURNED), *second = program_of("%s", TENSORS END);
    ts_machine *machine = machine_of(NULL);
    state found = state_new(), expected = state_new();
    void *data[] = {input, found.sbuf, found.psum};
    ts_run run = {.data = data};
    assert_int_equal(ts_machine_run(machine, first, &run, NULL), ts_ok);
    assert_true(machine->cores[0].deferrals->count > 0);
    assert_int_equal(ts_machine_run(machine, second, &run, NULL), ts_ok);
    ts_program *whole = program_of("%s", TENSORS BEGIN TURNED END);
    run_on(machine, whole, input, true, &expected);
    assert_memory_equal(found.sbuf, expected.sbuf, (size_t)WORDS * 4);
    assert_memory_equal(found.psum, expected.psum, (size_t)PARTS * PSUM_ROW * 4);
    ts_program_free(whole);
    ts_program_free(first);
    ts_program_free(second);
    state_free(&found);
    state_free(&expected);
    ts_machine_free(machine);
    free(input);
}

/* Changes a square of words after it was transposed, then stores the result and, with `is_needed`, the
   floats. Returns what the column of the first high half holds in the end; it was 3. (The columns of the low
   halves belong to the result.) */
static float floats_left(bool is_needed) {
#define TILED_HALVES                                                                                         \
    "scalar.tensor_copy dst=sbuf.f32[tile2 p0:128 +1024 2@128 128] src=sbuf.u16[tile1 p0:128 +0 2 128@2]\n"
#define TILED_TURN                                                                                           \
    "tensor.nc_transpose dst=psum.f32[tile4 p0:128 +0 128] data=sbuf.f32[tile2 p0:128 +1024 128]\n"          \
    "tensor.nc_transpose dst=psum.f32[tile4 p0:128 +512 128] data=sbuf.f32[tile2 p0:128 +1536 128]\n"        \
    "vector.tensor_copy dst=sbuf.u16[tile3 p0:128 +2048 2 128@2] src=psum.f32[tile4 p0:128 +0 2@128 128]\n"
    ts_program *fill = program_of("vector.memset dst=sbuf.f32[p0:128 +0 1024] value=3\n");
    ts_program *tiled = program_of(
        TENSORS
        "tile 1: sbuf address=0 bytes=512\ntile 2: sbuf address=1024 bytes=1024\n"
        "tile 3: sbuf address=2048 bytes=512\ntile 4: psum address=0 bytes=1024\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[tile1 p0:128 +0 128] src=hbm.f32[a +0 128@1024 "
        "128]\n" TILED_HALVES TILED_TURN "vector.memset dst=sbuf.f32[tile1 p0:128 +0 128] value=5\n"
        "sync.dma_copy queue=0 dst=hbm.f32[b +0 128@1024 128] src=sbuf.f32[tile3 p0:128 +2048 128]\n%s",
        is_needed
            ? "sync.dma_copy queue=0 dst=hbm.f32[c +0 128@512 256] src=sbuf.f32[tile2 p0:128 +1024 256]\n"
            : "");
    uint32_t *input = input_of(17);
    ts_machine *machine = machine_of(NULL);
    ts_homes *homes;
    assert_int_equal(ts_homes_new(tiled, &machine->chip, false, &homes, NULL), ts_ok);
    state found = state_new();
    ts_run run = {.data = (void *[]){input, found.sbuf, found.psum}};
    assert_int_equal(ts_machine_run(machine, fill, &run, NULL), ts_ok);
    run.homes = homes;
    assert_int_equal(ts_machine_run(machine, tiled, &run, NULL), ts_ok);
    for (int i = 0; i < 128; i++) {
        assert_int_equal(found.sbuf[i], input[i * ROW]);
        if (is_needed) assert_true(((float *)found.psum)[i] == (float)(input[i] & 0xffff));
    }
    assert_int_equal(machine->cores[0].deferrals->count, 0);
    float left;
    memcpy(&left, machine->cores[0].sbuf.data + ts_homes_column(homes, 2, 1536), sizeof left);
    ts_homes_free(homes);
    state_free(&found);
    free(input);
    ts_machine_free(machine);
    ts_program_free(fill);
    ts_program_free(tiled);
    return left;
}

static void what_no_later_instruction_needs_is_not_done(void **unused) {
    (void)unused;
    assert_true(floats_left(false) == 3);
    assert_true(floats_left(true) != 3);
}

/* ---- random programs ---- */

typedef struct writer {
    char text[8000];
    size_t used;
    uint64_t random;
} writer;

static int below(writer *w, int n) {
    return (int)(next_random(&w->random) % (uint32_t)n);
}

static void put(writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(writer *w, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    w->used += (size_t)vsnprintf(w->text + w->used, sizeof w->text - w->used, format, arguments);
    va_end(arguments);
    assert_true(w->used < sizeof w->text);
}

/* Writes one of the moves, in blocks of 512 bytes that other moves use, too. */
static void put_move(writer *w) {
    static const int sizes[] = {32, 64, 128};
    int rows = sizes[below(w, 3)], columns = sizes[below(w, 3)];
    int from = 512 * below(w, 4), to = 512 * below(w, 7), bank = 128 * below(w, 8);
    switch (below(w, 8)) {
    case 0:
        put(w, "scalar.tensor_copy dst=sbuf.f32[p0:%d +%d 2@%d %d] src=sbuf.u16[p0:%d +%d 2 %d@2]\n", rows,
            to, columns, columns, rows, from, columns);
        break;
    case 1:
        put(w, "scalar.tensor_copy dst=sbuf.f32[p0:%d +%d %d] src=sbuf.u16[p0:%d +%d %d]\n", rows, to,
            columns, rows, from, columns);
        break;
    case 2:
    case 3:
        put(w, "tensor.nc_transpose dst=psum.f32[p0:%d +%d %d] data=sbuf.f32[p0:%d +%d %d]\n", columns, bank,
            rows, rows, to, columns);
        break;
    case 4:
        put(w, "vector.tensor_copy dst=sbuf.u16[p0:%d +%d 2 %d@2] src=psum.f32[p0:%d +%d 2@%d %d]\n", columns,
            to, rows, columns, bank, rows, rows);
        break;
    case 5:
        put(w, "vector.tensor_copy dst=sbuf.u16[p0:%d +%d %d] src=psum.f32[p0:%d +%d %d]\n", columns, to,
            rows, columns, bank, rows);
        break;
    case 6:
        put(w, "vector.memset dst=sbuf.f32[p%d:32 +%d %d] value=%d\n", 32 * below(w, 4), to, columns,
            below(w, 9));
        break;
    default:
        put(w, "vector.tensor_copy dst=psum.f32[p0:%d +%d %d] src=sbuf.f32[p0:%d +%d %d]\n", rows, bank,
            columns, rows, from, columns);
        break;
    }
}

/* Writes all steps of a transpose, of words or of halves, with another move between two of them. */
static void put_turn(writer *w) {
    static const int sizes[] = {32, 64, 128};
    int rows = sizes[below(w, 3)], columns = sizes[below(w, 3)], from = 512 * below(w, 2);
    int floats = 1024 + 1024 * below(w, 2), to = 3072 + 512 * below(w, 2), bank = 1024 * below(w, 2);
    int halves = 1 + below(w, 2), strange = below(w, 12);
    if (halves == 2)
        put(w, "scalar.tensor_copy dst=sbuf.f32[p0:%d +%d 2@%d %d] src=sbuf.u16[p0:%d +%d 2 %d@2]\n", rows,
            floats, columns, columns, rows, from, columns);
    else
        put(w, "scalar.tensor_copy dst=sbuf.f32[p0:%d +%d %d] src=sbuf.u16[p0:%d +%d %d]\n", rows, floats,
            columns, rows, from, columns);
    if (strange == 0) put_move(w);
    for (int half = 0; half < halves; half++)
        put(w, "tensor.nc_transpose dst=psum.f32[p0:%d +%d %d] data=sbuf.f32[p0:%d +%d %d]\n", columns,
            bank + 4 * rows * half, rows, rows, floats + 4 * columns * half, columns);
    if (strange == 1) put_move(w);
    if (halves == 2)
        put(w, "vector.tensor_copy dst=sbuf.u16[p0:%d +%d 2 %d@2] src=psum.f32[p0:%d +%d 2@%d %d]\n", columns,
            to, rows, columns, bank, rows, rows);
    else
        put(w, "vector.tensor_copy dst=sbuf.u16[p0:%d +%d %d] src=psum.f32[p0:%d +%d %d]\n", columns, to,
            rows, columns, bank, rows);
}

static void random_programs(void **unused) {
    (void)unused;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        writer w = {.random = seed};
        put(&w, "%s", TENSORS BEGIN);
        for (int i = 0; i < 14; i++)
            below(&w, 3) ? put_turn(&w) : put_move(&w);
        put(&w, "%s", END);
        compare(w.text, seed);
    }
}

/* More moves than the list holds. */
static void more_than_can_be_put_off(void **unused) {
    (void)unused;
    writer w = {.random = 1};
    put(&w, "%s", TENSORS BEGIN);
    for (int i = 0; i < 40; i++)
        put(&w, "scalar.tensor_copy dst=sbuf.f32[p0:32 +%d 16] src=sbuf.u16[p0:32 +%d 16]\n", 1024 + 64 * i,
            16 * i);
    for (int i = 0; i < 30; i++)
        put(&w, "tensor.nc_transpose dst=psum.f32[p0:16 +%d 32] data=sbuf.f32[p0:32 +%d 16]\n", 128 * i,
            1024 + 64 * i);
    put(&w, "%s", END);
    compare(w.text, 21);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_turned_by_bits),
        cmocka_unit_test(what_nobody_reads_is_not_done),
        cmocka_unit_test(half_turns),
        cmocka_unit_test(what_is_turned_changes),
        cmocka_unit_test(results_move_to_other_partitions),
        cmocka_unit_test(places_are_set_in_part),
        cmocka_unit_test(halves_of_different_numbers),
        cmocka_unit_test(a_later_run_finds_what_was_put_off),
        cmocka_unit_test(what_no_later_instruction_needs_is_not_done),
        cmocka_unit_test(random_programs),
        cmocka_unit_test(more_than_can_be_put_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
