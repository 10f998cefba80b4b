/* Shared by tests of tiles that a run need not make: programs on three tensors x, y and z in HBM, run with
   homes and without, which must give the same bits. */
#ifndef TS_UNIT_MACHINE_TILES_H
#define TS_UNIT_MACHINE_TILES_H

#include "machine/segment.h"
#include "machine_support.h"

enum { TENSORS = 3, MOST_TILES = 100, MARK = 0x5a };

/* `data` holds the tensors one after the other, each of `elems`. */
static inline void run_tensors(ts_machine *machine, const ts_program *program, const ts_homes *homes,
                               float *data, int elems) {
    void *tensors[TENSORS];
    for (int i = 0; i < TENSORS; i++)
        tensors[i] = data + (ptrdiff_t)i * elems;
    ts_run once = {.data = tensors, .homes = homes};
    assert_int_equal(ts_machine_run(machine, program, &once, NULL), ts_ok);
}

/* Whether a run of the program writes the first `bytes` of tile 2, which begins at 8192. */
static inline bool writes_tile(const ts_program *program, float *data, int elems, int bytes) {
    ts_machine *machine = machine_of(NULL);
    ts_homes *homes = homes_of(program, false);
    assert_non_null(homes);
    uint8_t *place = machine->cores[0].sbuf.data + ts_homes_column(homes, 2, 8192);
    bool is = false;
    memset(place, MARK, (size_t)bytes);
    run_tensors(machine, program, homes, data, elems);
    for (int i = 0; i < bytes; i++)
        is |= place[i] != MARK;
    ts_homes_free(homes);
    ts_machine_free(machine);
    return is;
}

/* The text of a program of pseudorandom steps. */
typedef struct writer {
    uint64_t seed;
    ts_text head, code;               /* the tiles, and what is done */
    int tiles, width[MOST_TILES + 1]; /* columns of each tile that something wrote; 0: nothing yet */
} writer;

static inline int below(writer *w, int n) {
    return (int)(next_random(&w->seed) % (uint32_t)n);
}

/* The program, verified; frees the texts. */
static inline ts_program *written_program(writer *w, const char *tensors) {
    ts_text all = {0};
    ts_program *program = NULL;
    ts_diag diag = {0};
    ts_chip chip = trn1();
    ts_text_format(&all, "trn 1\nprogram test chip=trn1\n%s%s%s", tensors, w->head.data, w->code.data);
    assert_int_equal(ts_program_parse(all.data, "random", &program, &diag), ts_ok);
    assert_int_equal(ts_program_verify(program, &chip, &diag), ts_ok);
    ts_text_free(&all);
    ts_text_free(&w->head);
    ts_text_free(&w->code);
    return program;
}

/* Compares the runs of `count` programs. */
static inline void compare_runs(ts_pool *pool, ts_program *(*make)(uint64_t seed), uint64_t count,
                                int elems) {
    const size_t bytes = (size_t)TENSORS * (size_t)elems * sizeof(float);
    float *first = malloc(bytes), *plain = malloc(bytes), *passed = malloc(bytes);
    uint64_t seed = 1;
    ts_machine *machine = machine_of(pool);
    for (int i = 0; i < TENSORS * elems; i++)
        first[i] = next_float(&seed);
    for (uint64_t i = 0; i < count; i++) {
        ts_program *program = make(i);
        ts_homes *homes = homes_of(program, false);
        assert_non_null(homes);
        memcpy(plain, first, bytes);
        memcpy(passed, first, bytes);
        run_tensors(machine, program, NULL, plain, elems);
        run_tensors(machine, program, homes, passed, elems);
        if (memcmp(plain, passed, bytes) != 0) fail_msg("program %llu", (unsigned long long)i);
        ts_homes_free(homes);
        ts_program_free(program);
    }
    ts_machine_free(machine);
    free(first);
    free(plain);
    free(passed);
}

#endif
