/* Recorded kernels as bytes and in steps (plan/kernel.h): they are read back as written, chosen addresses
   stay free of other tiles, and the reader or the verifier refuses every damaged recording. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/kernel.h"

enum { PARTS = 128, COLUMNS = 64, CHOSEN = 4096 };

static ts_chip chip;

/* A kernel: out = in + in, with the sum in a tile at a chosen address. */
static ts_program *record(ts_builder *b) {
    int64_t dim[2] = {PARTS, COLUMNS};
    ts_program *program = ts_program_new("twice", "trn1");
    ts_builder_init(b, program, &chip);
    ts_loc loc = {.file = "kernel.py", .line = 7, .name = ""};
    ts_vec_push(&program->locs, &program->arena, loc);
    b->loc = program->locs.count - 1;
    uint32_t in = ts_build_tensor(b, ts_tensor_input, ts_dtype_f32, 2, dim, "in");
    uint32_t out = ts_build_tensor(b, ts_tensor_output, ts_dtype_f32, 2, dim, "out");
    ts_tile from = ts_build_tile(b, ts_space_sbuf, PARTS, COLUMNS * 4, 1);
    ts_tile sum = ts_build_tile(b, ts_space_sbuf, PARTS, COLUMNS * 4, 1);
    b->tiles.data[sum - 1].is_fixed = true;
    b->tiles.data[sum - 1].address = CHOSEN;
    b->tiles.data[sum - 1].name = "sum";
    ts_ap hbm = ts_build_hbm(in, ts_dtype_f32, ts_affine_const(0));
    ts_ap_dim(&hbm, COLUMNS, ts_count_const(PARTS));
    ts_ap_dim(&hbm, 1, ts_count_const(COLUMNS));
    ts_ap x = ts_build_ap(b, from, ts_dtype_f32, ts_count_const(PARTS), ts_count_const(COLUMNS));
    ts_ap y = ts_build_ap(b, sum, ts_dtype_f32, ts_count_const(PARTS), ts_count_const(COLUMNS));
    ts_emit_dma(b, ts_engine_sync, 0, &x, &hbm);
    ts_emit_tensor_tensor(b, ts_engine_vector, &y, &x, &x, ts_alu_add);
    hbm.tensor = out;
    ts_emit_dma(b, ts_engine_sync, 1, &hbm, &y);
    return program;
}

/* Makes a step that calls the kernel twice; ts_ok when it is placed and verified. */
static ts_status call_twice(const ts_builder *kernel, ts_program **step) {
    int64_t dim[2] = {PARTS, COLUMNS};
    ts_builder b;
    ts_diag diag = {0};
    *step = ts_program_new("step", "trn1");
    ts_builder_init(&b, *step, &chip);
    uint32_t in = ts_build_tensor(&b, ts_tensor_input, ts_dtype_f32, 2, dim, "x");
    uint32_t middle = ts_build_tensor(&b, ts_tensor_scratch, ts_dtype_f32, 2, dim, "middle");
    uint32_t out = ts_build_tensor(&b, ts_tensor_output, ts_dtype_f32, 2, dim, "y");
    for (ts_tensor_kind kind = ts_tensor_input; kind <= ts_tensor_output; kind++)
        if (!ts_kernel_tensor(kernel->program, kind, 0) || ts_kernel_tensor(kernel->program, kind, 1))
            return ts_input;
    ts_kernel_splice(&b, kernel, &in, &middle, 0);
    ts_kernel_splice(&b, kernel, &middle, &out, 0);
    TS_TRY(ts_plan_place(&b, &diag));
    return ts_program_verify(*step, &chip, &diag);
}

static void encode(uint8_t **data, size_t *size) {
    ts_builder b;
    ts_diag diag = {0};
    ts_program *program = record(&b);
    assert_int_equal(ts_kernel_encode(&b, data, size, &diag), ts_ok);
    ts_program_free(program);
}

static void test_calls(void **state) {
    (void)state;
    uint8_t *data;
    size_t size;
    ts_builder kernel = {0};
    ts_diag diag = {0};
    ts_program *step;
    encode(&data, &size);
    assert_int_equal(ts_kernel_decode(data, size, &chip, &kernel, &diag), ts_ok);
    assert_int_equal(kernel.tiles.count, 2);
    assert_string_equal(kernel.tiles.data[1].name, "sum");
    assert_int_equal(call_twice(&kernel, &step), ts_ok);
    assert_int_equal(step->code.count, 6);
    for (uint32_t at = 0; at < step->code.count; at++) {
        const ts_inst *inst = step->code.data[at];
        assert_int_equal(inst->order, ts_order_list);
        assert_int_equal(step->locs.data[inst->loc].line, 7);
        if (inst->op != ts_op_tensor_tensor) continue;
        const ts_inst_tensor_tensor *sum = (const ts_inst_tensor_tensor *)inst;
        assert_int_equal(sum->dst.offset.base, CHOSEN);
        int64_t from = sum->data1.offset.base;
        assert_true(from + COLUMNS * 4 <= CHOSEN || from >= CHOSEN + COLUMNS * 4);
    }
    ts_program_free(step);
    ts_program_free(kernel.program);
    free(data);
}

/* Tiles that are live together with the one at the chosen address, up to the largest, are placed around
   it. */
static void test_chosen_addresses_stay_free(void **state) {
    (void)state;
    ts_program *program = ts_program_new("beside", "trn1");
    ts_builder b;
    ts_diag diag = {0};
    ts_builder_init(&b, program, &chip);
    ts_tile fixed = ts_build_ring(&b, ts_space_sbuf, PARTS, 1024, 1),
            large = ts_build_ring(&b, ts_space_sbuf, PARTS, CHOSEN + 64, 1),
            small = ts_build_ring(&b, ts_space_sbuf, PARTS, 64, 1);
    b.tiles.data[fixed - 1].is_fixed = true;
    b.tiles.data[fixed - 1].address = CHOSEN;
    ts_ap ap[3];
    for (int i = 0; i < 3; i++)
        ap[i] = ts_build_ap(&b, (ts_tile[]){fixed, large, small}[i], ts_dtype_f32, ts_count_const(PARTS),
                            ts_count_const(16));
    ts_emit_memset(&b, ts_engine_vector, &ap[0], 0);
    ts_emit_memset(&b, ts_engine_vector, &ap[1], 0);
    ts_emit_tensor_tensor(&b, ts_engine_vector, &ap[2], &ap[0], &ap[1], ts_alu_add);
    assert_int_equal(ts_plan_place(&b, &diag), ts_ok);
    assert_int_equal(b.tiles.data[fixed - 1].address, CHOSEN);
    assert_true(b.tiles.data[large - 1].address >= CHOSEN + 1024);
    int64_t at = b.tiles.data[small - 1].address;
    assert_true(at + 64 <= CHOSEN || at >= CHOSEN + 1024);
    ts_program_free(program);
}

/* Every byte of the recording's header and tiles changed in turn, and every shorter length. The container of
   programs has tests of its own (reader_damage). */
static void test_damage(void **state) {
    (void)state;
    uint8_t *data;
    size_t size;
    int refused = 0;
    encode(&data, &size);
    for (size_t at = 0; at < 2 * size; at++) {
        for (int bit = 0; bit < (at < size ? 8 : 1); bit++) {
            ts_builder kernel = {0};
            ts_diag diag = {0};
            ts_program *step = NULL;
            size_t length = at < size ? size : at - size;
            if (at < size) data[at] ^= (uint8_t)(1 << bit);
            ts_status status = ts_kernel_decode(data, length, &chip, &kernel, &diag);
            if (status == ts_ok) status = call_twice(&kernel, &step);
            refused += status != ts_ok;
            if (step) ts_program_free(step);
            if (kernel.program) ts_program_free(kernel.program);
            if (at < size) data[at] ^= (uint8_t)(1 << bit);
        }
    }
    assert_true(refused > (int)size);
    free(data);
}

int main(void) {
    ts_diag diag = {0};
    if (ts_chip_get("trn1", &chip, &diag) != ts_ok) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_chosen_addresses_stay_free),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
