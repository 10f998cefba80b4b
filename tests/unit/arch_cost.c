/* The cost of each instruction alone: every row of isa.def, the special cases of its formula, and DMA
   descriptors. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "arch/cost.h"

static const char *const TENSORS = "tensor x: input 0 f32[256,512]\n"
                                   "tensor h: input 1 bf16[256,512]\n"
                                   "tensor big: output 0 f32[1024,1024]\n"
                                   "tensor twin: output 1 f32[1024,1024]\n";

static ts_cost cost_on(const char *name, const char *inst, ts_operands *operands) {
    char text[2048];
    snprintf(text, sizeof text, "trn 1\nprogram cost chip=trn1 sync=explicit\n%s%s\n", TENSORS, inst);
    ts_program *program = NULL;
    ts_diag diag = {0};
    if (ts_program_parse(text, "cost", &program, &diag) != ts_ok) fail_msg("%s: %s", inst, diag.message);
    ts_chip chip;
    assert_int_equal(ts_chip_get(name, &chip, NULL), ts_ok);
    int64_t counters[1] = {0};
    ts_operands local;
    ts_cost cost;
    if (!operands) operands = &local;
    ts_inst_operands(program, program->code.data[0], counters, operands);
    ts_inst_cost(&chip, program->code.data[0], operands, &cost);
    ts_program_free(program);
    return cost;
}

static ts_cost cost_of(const char *inst, ts_operands *operands) {
    return cost_on("trn1", inst, operands);
}

typedef struct row {
    const char *inst;
    double ghz, cycles; /* of the formula */
} row;

/* clang-format off */
static const row rows[] = {
    /* TensorE: the moving columns, at least 64; fp32 four times */
    {"tensor.nc_matmul dst=psum.f32[p0:128 +0 512] stationary=sbuf.bf16[p0:128 +0 128] moving=sbuf.bf16[p0:128 +256 512]", 2.8, 512},
    {"tensor.nc_matmul dst=psum.f32[p0:128 +0 8] stationary=sbuf.bf16[p0:128 +0 128] moving=sbuf.bf16[p0:128 +256 8]", 2.8, 64},
    {"tensor.nc_matmul dst=psum.f32[p0:128 +0 8] stationary=sbuf.f32[p0:128 +0 128] moving=sbuf.f32[p0:128 +512 8]", 2.8, 256},
    {"tensor.nc_matmul dst=psum.f32[p0:128 +0 8] stationary=sbuf.f32[p0:128 +0 128] moving=sbuf.f32[p0:128 +512 8] is_stationary_onezero", 2.8, 128},
    {"tensor.nc_matmul dst=psum.f32[p0:64 +0 256] stationary=sbuf.f16[p0:32 +0 64] moving=sbuf.f16[p0:32 +256 256@16]", 2.8, 512},
    {"tensor.nc_transpose dst=psum.f32[p0:32 +0 128] data=sbuf.f32[p0:128 +0 32]", 2.8, 128},
    {"tensor.nc_transpose dst=psum.f32[p0:128 +0 16] data=sbuf.f32[p0:16 +0 128]", 2.8, 64},
    {"vector.nc_transpose dst=sbuf.f32[p0:32 +0 32] data=sbuf.f32[p0:32 +256 32]", 1.12, 64},
    /* elementwise */
    {"vector.tensor_copy dst=sbuf.f32[p0:128 +0 512] src=psum.f32[p0:128 +0 512]", 1.12, 512},
    {"scalar.tensor_copy dst=sbuf.f32[p0:1 +0 10] src=psum.f32[p0:1 +0 10]", 1.4, 64},
    {"gpsimd.tensor_copy dst=sbuf.f32[p0:1 +0 100] src=sbuf.f32[p0:1 +1024 100]", 1.4, 100},
    {"vector.tensor_copy dst=sbuf.f32[p0:128 +0 100] src=sbuf.f32[p0:128 +1024 100@4]", 1.12, 100},
    {"vector.tensor_copy dst=sbuf.f32[p0:128 +0 100] src=sbuf.f32[p0:128 +1024 100@5]", 1.12, 200},
    {"vector.tensor_copy dst=sbuf.f32[p0:128 +0 100@0] src=sbuf.f32[p0:128 +1024 100@-8]", 1.12, 200},
    {"vector.tensor_copy_predicated dst=sbuf.f32[p0:128 +0 512] src=sbuf.f32[p0:128 +2048 512] predicate=sbuf.u8[p0:128 +4096 512]", 1.12, 1024},
    {"vector.tensor_copy_predicated dst=sbuf.f32[p0:128 +0 512] src=psum.f32[p0:128 +0 512] predicate=sbuf.u8[p0:128 +4096 512]", 1.12, 512},
    {"vector.memset dst=sbuf.f32[p0:128 +0 512] value=0", 1.12, 512},
    {"vector.memset dst=sbuf.bf16[p0:128 +0 512] value=0", 1.12, 256},
    {"gpsimd.memset dst=sbuf.f16[p0:128 +0 512] value=1", 1.4, 512},
    {"gpsimd.iota dst=sbuf.i32[p0:128 +0 512] offset=0 channel_multiplier=1 pattern=[1]", 1.4, 662},
    {"vector.tensor_tensor dst=sbuf.f32[p0:128 +0 512] data1=sbuf.f32[p0:128 +2048 512] data2=sbuf.f32[p0:128 +4096 512] op=add", 1.12, 1024},
    {"vector.tensor_tensor dst=sbuf.f32[p0:128 +0 512] data1=psum.f32[p0:128 +0 512] data2=sbuf.f32[p0:128 +4096 512] op=max", 1.12, 512},
    {"vector.tensor_tensor dst=sbuf.bf16[p0:128 +0 512] data1=sbuf.bf16[p0:128 +2048 512] data2=sbuf.bf16[p0:128 +4096 512] op=multiply", 1.12, 512},
    {"vector.tensor_tensor dst=sbuf.bf16[p0:128 +0 512] data1=sbuf.bf16[p0:128 +2048 512] data2=sbuf.bf16[p0:128 +4096 512] op=max", 1.12, 1024},
    {"vector.tensor_tensor dst=sbuf.bf16[p0:128 +0 8 64] data1=sbuf.bf16[p0:128 +2048 8@64 64] data2=sbuf.bf16[p0:128 +4096 8@80 64] op=add", 1.12, 1024},
    {"vector.tensor_tensor dst=sbuf.f32[p0:128 +0 512] data1=sbuf.f32[p0:128 +2048 512] data2=sbuf.f32[p0:128 +4096 512] op=divide", 1.12, 4096},
    {"gpsimd.tensor_tensor dst=sbuf.i32[p0:128 +0 512] data1=sbuf.i32[p0:128 +2048 512] data2=sbuf.i32[p0:128 +4096 512] op=add", 1.4, 662},
    {"vector.tensor_scalar dst=sbuf.f32[p0:128 +0 512] data=sbuf.f32[p0:128 +2048 512] op0=add operand0=1 op1=multiply operand1=2", 1.12, 512},
    {"vector.tensor_scalar dst=sbuf.f32[p0:128 +0 512] data=sbuf.f32[p0:128 +2048 512] op0=add operand0=1 op1=divide operand1=2", 1.12, 4096},
    {"scalar.tensor_scalar dst=sbuf.f32[p0:128 +0 512] data=sbuf.f32[p0:128 +2048 512] op0=multiply operand0=sbuf.f32[p0:128 +4096 1]", 1.4, 512},
    {"gpsimd.tensor_scalar dst=sbuf.f32[p0:128 +0 512] data=sbuf.f32[p0:128 +2048 512] op0=pow operand0=2", 1.4, 662},
    {"vector.scalar_tensor_tensor dst=sbuf.f32[p0:128 +0 512] data=sbuf.f32[p0:128 +2048 512] op0=multiply operand0=2 op1=add operand1=sbuf.f32[p0:128 +4096 512]", 1.12, 1024},
    {"vector.reciprocal dst=sbuf.f32[p0:128 +0 512] data=sbuf.f32[p0:128 +2048 512]", 1.12, 4096},
    {"scalar.activation dst=sbuf.f32[p0:128 +0 512] func=exp data=sbuf.f32[p0:128 +2048 512] scale=1", 1.4, 512},
    {"scalar.activation dst=sbuf.f32[p0:128 +0 32] func=exp data=sbuf.f32[p0:128 +2048 32] scale=1 reduce=sbuf.f32[p0:128 +8192 1] reduce_cmd=reset_reduce", 1.4, 128},
    {"vector.tensor_reduce dst=sbuf.f32[p0:128 +0 1] data=sbuf.f32[p0:128 +2048 512] op=add axes=1", 1.12, 512},
    {"vector.tensor_reduce dst=sbuf.bf16[p0:128 +0 1] data=sbuf.bf16[p0:128 +2048 512] op=max axes=1", 1.12, 256},
    {"vector.tensor_reduce dst=sbuf.bf16[p0:128 +0 1] data=sbuf.bf16[p0:128 +2048 512] op=min axes=1", 1.12, 512},
    {"vector.tensor_tensor_scan dst=sbuf.f32[p0:128 +0 512] data0=sbuf.f32[p0:128 +2048 512] data1=sbuf.f32[p0:128 +4096 512] initial=0 op0=multiply op1=add", 1.12, 1024},
    {"vector.tensor_scalar_reduce dst=sbuf.f32[p0:128 +0 512] data=sbuf.f32[p0:128 +2048 512] op0=add operand0=1 reduce_op=max reduce=sbuf.f32[p0:128 +8192 1] reduce_cmd=reset_reduce", 1.12, 576},
    {"vector.tensor_scalar_cumulative dst=sbuf.f32[p0:128 +0 512] src=sbuf.f32[p0:128 +2048 512] op0=add imm0=1 op1=add reduce_cmd=reset_reduce", 1.12, 512},
    {"gpsimd.tensor_scalar dst=sbuf.f32[p0:128 +0 512] data=sbuf.f32[p0:128 +2048 512] op0=rsqrt", 1.4, 2198},
    {"gpsimd.tensor_partition_reduce dst=sbuf.f32[p0:1 +0 512] data=sbuf.f32[p0:128 +2048 512] op=add", 1.4, 8492},
    /* selecting */
    {"gpsimd.affine_select dst=sbuf.f32[p0:128 +0 512] on_true=sbuf.f32[p0:128 +2048 512] offset=0 channel_multiplier=1 pattern=[-1] cmp_op=is_ge on_false=0", 1.4, 662},
    {"vector.select_reduce dst=sbuf.f32[p0:128 +0 512] predicate=sbuf.u8[p0:128 +4096 512] on_true=sbuf.f32[p0:128 +2048 512] on_false=0", 1.12, 1024},
    {"vector.select_reduce dst=sbuf.f32[p0:128 +0 512] predicate=sbuf.u8[p0:128 +4096 512] on_true=psum.f32[p0:128 +2048 512] on_false=0 reduce=sbuf.f32[p0:128 +8192 1] reduce_cmd=reset_reduce", 1.12, 576},
    {"vector.range_select dst=sbuf.f32[p0:128 +0 512] on_true=sbuf.f32[p0:128 +2048 512] range_start=0 comp_op0=is_ge bound0=0 comp_op1=is_lt bound1=9", 1.12, 512},
    /* moving between partitions, searching, statistics, random numbers */
    {"vector.nc_stream_shuffle dst=sbuf.f32[p0:32 +0 512] src=sbuf.f32[p0:32 +2048 512] shuffle_mask=[0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0]", 1.12, 512},
    {"gpsimd.local_gather dst=sbuf.f32[p0:16 +0 64] src=sbuf.f32[p0:16 +2048 512] index=sbuf.u16[p0:16 +4096 4] num_elem_per_idx=1 num_valid_indices=64", 1.4, 662},
    {"gpsimd.local_gather dst=sbuf.bf16[p0:16 +0 64] src=sbuf.bf16[p0:16 +2048 512] index=sbuf.u16[p0:16 +4096 1] num_elem_per_idx=4 num_valid_indices=16", 1.4, 238},
    {"gpsimd.nc_n_gather dst=sbuf.f32[p0:16 +0 600] indices=sbuf.u32[p0:16 +4096 600] data=sbuf.f32[p0:16 +8192 9]", 1.4, 1500},
    {"gpsimd.nonzero_with_count dst=sbuf.i32[p0:128 +0 513] src=sbuf.i32[p0:128 +4096 512] index_offset=0 padding_val=-1", 1.4, 2198},
    {"gpsimd.sequence_bounds dst=sbuf.f32[p0:1 +0 1024] segment_ids=sbuf.f32[p0:1 +4096 512]", 1.4, 2198},
    {"vector.max8 dst=sbuf.f32[p0:128 +0 8] src=sbuf.f32[p0:128 +2048 512]", 1.12, 512},
    {"vector.nc_find_index8 dst=sbuf.u32[p0:128 +0 8] data=sbuf.f32[p0:128 +2048 512] vals=sbuf.f32[p0:128 +64 8]", 1.12, 512},
    {"vector.nc_match_replace8 dst=sbuf.f32[p0:128 +2048 512] data=sbuf.f32[p0:128 +2048 512] vals=sbuf.f32[p0:128 +64 8] imm=0 dst_idx=sbuf.u32[p0:128 +128 8]", 1.12, 512},
    {"vector.bn_stats dst=sbuf.f32[p0:128 +0 6] data=sbuf.f32[p0:128 +2048 512]", 1.12, 512},
    {"vector.bn_aggr dst=sbuf.f32[p0:128 +0 2] data=sbuf.f32[p0:128 +2048 48]", 1.12, 208},
    {"vector.rng dst=sbuf.u32[p0:128 +0 512]", 1.12, 512},
    {"vector.set_rng_seed seeds=sbuf.u32[p0:1 +0 1]", 1.12, 64},
    {"vector.dropout dst=sbuf.f32[p0:128 +0 512] data=sbuf.f32[p0:128 +2048 512] prob=0.5", 1.12, 512},
    {"gpsimd.gpsimd_rank dst=sbuf.i32[p0:1 +0 1]", 1.4, 151},
    {"gpsimd.gpsimd_fold_angle dst=sbuf.f32[p0:128 +0 512] data=sbuf.f32[p0:128 +2048 512] quarters=1", 1.4, 51350},
    /* nothing to do */
    {"vector.memset dst=sbuf.f32[p0:128 +0 min(8, 0)] value=0", 1.12, 0},
};
/* clang-format on */

static void test_formulas(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ts_cost cost = cost_of(rows[i].inst, NULL);
        ts_time stream = ts_cycles_time(rows[i].cycles, rows[i].ghz);
        if (cost.stream != stream)
            fail_msg("%s: %lld ps, expected %g cycles", rows[i].inst, (long long)cost.stream, rows[i].cycles);
        double overhead = rows[i].cycles == 0 ? 0 : rows[i].ghz == 2.8 ? 32 : 64;
        assert_true(cost.occupancy == ts_cycles_time(rows[i].cycles + overhead, rows[i].ghz));
        assert_true(rows[i].cycles == 0 || cost.latency > 0);
    }
}

/* Instructions that only the sequencer executes take 9 ns on every engine: they use no datapath, whose
   latency would follow. A wait for the host takes longer. */
static void test_sequencer(void **state) {
    (void)state;
    for (unsigned engine = ts_engine_tensor; engine < ts_engine_count; engine++) {
        static const char *const waits[] = {"event_semaphore wait=S[0]>=0",
                                            "core_signal data=sbuf.f32[p3:9 +0 512@64]", "core_wait"};
        for (int i = 0; i < 3; i++) {
            char inst[80];
            snprintf(inst, sizeof inst, "%s.%s", ts_engine_name(engine), waits[i]);
            ts_cost cost = cost_of(inst, NULL);
            assert_int_equal(cost.stream, 9000);
            assert_int_equal(cost.occupancy, 9000);
            assert_int_equal(cost.latency, 0);
        }
    }
    assert_int_equal(cost_of("sync.host_call id=1 src=hbm.u8[x +0 4]", NULL).occupancy, 50000000);
}

/* Adding a row to isa.def without a line here fails. */
static void test_every_row(void **state) {
    (void)state;
    for (unsigned op = ts_op_none + 1; op < ts_op_count; op++) {
        char name[80];
        bool is_found = op <= ts_op_dma_copy || op == ts_op_collective; /* their own tests */
        snprintf(name, sizeof name, ".%s ", ts_op_get(op)->name);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !is_found; i++)
            is_found = strstr(rows[i].inst, name) != NULL;
        if (!is_found) fail_msg("no cost line for %s", ts_op_get(op)->name);
    }
}

static void test_work(void **state) {
    (void)state;
    ts_operands operands;
    ts_cost cost = cost_of("tensor.nc_matmul dst=psum.f32[p0:96 +0 100] stationary=sbuf.bf16[p0:64 +0 96] "
                           "moving=sbuf.bf16[p0:64 +256 100]",
                           &operands);
    assert_int_equal(cost.flops, 2 * 64 * 96 * 100);
    assert_int_equal(cost.selection_flops, 0);
    assert_int_equal(cost.elems, 96 * 100);
    assert_int_equal(operands.count, 3);
    assert_true(operands.is_write[0] && !operands.is_read[0] && operands.is_read[1] && operands.is_read[2]);
    cost_of("tensor.nc_matmul dst=psum.f32[p0:96 +0 100] stationary=sbuf.bf16[p0:64 +0 96] "
            "moving=sbuf.bf16[p0:64 +256 100] accumulate=always",
            &operands);
    assert_true(operands.is_write[0] && operands.is_read[0]);
    cost = cost_of("tensor.nc_matmul dst=psum.f32[p0:96 +0 100] stationary=sbuf.bf16[p0:64 +0 96] "
                   "moving=sbuf.bf16[p0:64 +256 100] is_stationary_onezero",
                   &operands);
    assert_int_equal(cost.flops, 0);
    assert_int_equal(cost.selection_flops, 2 * 64 * 96 * 100);
    assert_false(cost.is_fp32);
    cost = cost_of("tensor.nc_transpose dst=psum.f32[p0:96 +0 64] data=sbuf.f32[p0:64 +0 96]", &operands);
    assert_int_equal(cost.flops, 0);
    assert_int_equal(cost.transpose_flops,
                     2 * 64 * 96 * 64); /* stationary [64,96], moving identity [64,64] */
    assert_true(cost.is_fp32);
    cost = cost_of("vector.nc_transpose dst=sbuf.f32[p0:32 +128 32] data=sbuf.f32[p0:32 +0 32]", &operands);
    assert_int_equal(cost.transpose_flops, 0);
    cost_of("vector.tensor_scalar dst=sbuf.f32[p0:128 +0 512] data=sbuf.f32[p0:128 +2048 512] op0=add "
            "operand0=sbuf.f32[p0:128 +4096 1]",
            &operands);
    assert_int_equal(operands.count, 3);
    assert_int_equal(operands.field[2], 3);
}

typedef struct transfer {
    const char *inst;
    int64_t bytes, descriptors, engines, read, written;
} transfer;

/* clang-format off */
static const transfer transfers[] = {
    /* a run on both sides never crosses a partition */
    {"sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 512] src=hbm.f32[x +0 128@512 512]", 262144, 128, 16, 262144, 0},
    {"sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 256] src=hbm.f32[x +0 32768]", 131072, 128, 16, 131072, 0},
    {"sync.dma_copy queue=0 dst=sbuf.f32[p0:4 +0 512] src=hbm.f32[x +0 4@512 512]", 8192, 4, 1, 8192, 0},
    {"sync.dma_copy queue=0 dst=sbuf.f32[p0:9 +0 512] src=hbm.f32[x +0 9@512 512]", 18432, 9, 2, 18432, 0},
    /* the shorter run counts, on either side */
    {"sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 8@64 64] src=hbm.f32[x +0 128@512 512]", 262144, 128, 16, 262144, 0},
    {"sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 8@80 64] src=hbm.f32[x +0 128@512 512]", 262144, 1024, 16, 262144, 0},
    {"sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 256] src=hbm.f32[x +0 128 256@512]", 131072, 32768, 16, 131072, 0},
    {"sync.dma_copy queue=0 dst=sbuf.f32[p0:16 +0 6@8 4] src=hbm.f32[x +0 16@512 4@16 6]", 1536, 16 * 8, 2, 1536, 0},
    /* casts count the wider side, HBM its own */
    {"sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 512] src=hbm.bf16[h +0 128@512 512]", 262144, 128, 16, 131072, 0},
    {"sync.dma_copy queue=0 dst=hbm.f32[big +0 128@1024 512] src=sbuf.bf16[p0:128 +0 512]", 262144, 128, 16, 0, 262144},
    /* adding to HBM reads it too */
    {"sync.dma_copy queue=0 dst=hbm.f32[big +0 128@1024 512] src=sbuf.f32[p0:128 +0 512] rmw=add", 262144, 128, 16, 262144, 262144},
    /* HBM to HBM: runs of at most 64 KiB, equal shares of at least a packet */
    {"sync.dma_copy queue=0 dst=hbm.f32[big +0 262144] src=hbm.f32[twin +0 262144]", 1048576, 16, 16, 1048576, 1048576},
    {"sync.dma_copy queue=0 dst=hbm.f32[big +0 1048576] src=hbm.f32[twin +0 1048576]", 4194304, 64, 16, 4194304, 4194304},
    {"sync.dma_copy queue=0 dst=hbm.f32[big +0 256] src=hbm.f32[twin +0 256]", 1024, 1, 1, 1024, 1024},
    {"sync.dma_copy queue=0 dst=hbm.f32[big +0 2048] src=hbm.f32[twin +0 2048]", 8192, 2, 2, 8192, 8192},
    /* a partition of 128 KiB is two descriptors */
    {"sync.dma_copy queue=0 dst=sbuf.f32[p0:8 +0 32768] src=hbm.f32[big +0 8@32768 32768]", 1048576, 16, 1, 1048576, 0},
    /* gather: a descriptor for each index */
    {"gpsimd.dma_copy queue=0 dst=sbuf.f32[p0:32 +0 512] src=hbm.f32[x +0 32@0 512 by 512*sbuf.i32[p0:32 +4096 1]]", 65536, 32, 4, 65536, 0},
};
/* clang-format on */

static void test_transfers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof transfers / sizeof transfers[0]; i++) {
        const transfer *t = &transfers[i];
        ts_cost cost = cost_of(t->inst, NULL);
        if (cost.bytes != t->bytes || cost.descriptors != t->descriptors || cost.dma_engines != t->engines ||
            cost.hbm_read_bytes != t->read || cost.hbm_write_bytes != t->written)
            fail_msg("%s: %lld bytes, %lld descriptors, %d engines, %lld read, %lld written", t->inst,
                     (long long)cost.bytes, (long long)cost.descriptors, cost.dma_engines,
                     (long long)cost.hbm_read_bytes, (long long)cost.hbm_write_bytes);
        assert_int_equal(cost.stream, 0);
        assert_int_equal(cost.flops, 0);
    }
}

static void test_transfer_times(void **state) {
    (void)state;
    ts_cost load = cost_of(transfers[0].inst, NULL), add = cost_of(transfers[10].inst, NULL);
    assert_int_equal(load.occupancy, 46000);
    assert_int_equal(load.descriptor_time, 128 * 40000);
    assert_true(load.byte_time == llround(262144 / 17.0 * 1000));
    assert_true(load.latency == 1320000 + (load.descriptor_time + load.byte_time) / 16);
    assert_true(add.byte_time == llround(2 * 262144 / 17.0 * 1000));
    ts_operands operands;
    ts_cost gather = cost_of(transfers[sizeof transfers / sizeof transfers[0] - 1].inst, &operands);
    assert_true(gather.occupancy == llround(46000 + (150 + 8 * 32) / 1.4 * 1000));
    assert_int_equal(operands.count, 3); /* dst, src, index */
    assert_true(operands.is_read[2] && operands.ref[2].space == ts_space_sbuf);
}

typedef struct turning {
    const char *chip, *inst;
    int64_t descriptors; /* of engines that turn: 16 for each tile of 128 partitions and 16 elements */
    bool is_turned;
    int width;
} turning;

/* clang-format off */
static const turning turnings[] = {
    {"trn2", "sync.dma_copy queue=0 dst=sbuf.bf16[p0:128 +0 256] src=hbm.bf16[h +0 128 256@512] is_transpose", 16 * 16, true, 2},
    {"trn2", "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 256] src=hbm.f32[x +0 128 256@512] is_transpose", 16 * 16, true, 4},
    /* whole tiles, whatever is missing of them */
    {"trn2", "sync.dma_copy queue=0 dst=sbuf.bf16[p0:64 +0 17] src=hbm.bf16[h +0 64 17@512] is_transpose", 2 * 16, true, 2},
    {"trn2", "sync.dma_copy queue=0 dst=sbuf.bf16[p0:128 +0 1] src=hbm.bf16[h +0 128] is_transpose", 16, true, 2},
    /* what lies together in a partition fills tiles, in whatever order HBM has it; what lies apart does not */
    {"trn2", "sync.dma_copy queue=0 dst=sbuf.bf16[p0:128 +0 32] src=hbm.bf16[h +0 128 8@512 4@128] is_transpose", 2 * 16, true, 2},
    {"trn2", "sync.dma_copy queue=0 dst=sbuf.bf16[p0:128 +0 4@16 8] src=hbm.bf16[h +0 128 4@512 8@4096] is_transpose", 4 * 16, true, 2},
    /* one by one: without the mark, without the mode, or where no row of HBM lies along the partitions */
    {"trn2", "sync.dma_copy queue=0 dst=sbuf.bf16[p0:128 +0 256] src=hbm.bf16[h +0 128 256@512]", 128 * 256, false, 2},
    {"trn1", "sync.dma_copy queue=0 dst=sbuf.bf16[p0:128 +0 256] src=hbm.bf16[h +0 128 256@512] is_transpose", 128 * 256, false, 2},
    {"inf2", "sync.dma_copy queue=0 dst=sbuf.bf16[p0:128 +0 256] src=hbm.bf16[h +0 128 256@512] is_transpose", 128 * 256, false, 2},
    {"trn2", "sync.dma_copy queue=0 dst=sbuf.bf16[p0:128 +0 256] src=hbm.bf16[h +0 128@2 256@512] is_transpose", 128 * 256, false, 2},
};
/* clang-format on */

/* Up to 90 % of a copy's rate, in whole tiles (T2:303-321). */
static void test_turned_transfers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof turnings / sizeof turnings[0]; i++) {
        const turning *t = &turnings[i];
        ts_cost cost = cost_on(t->chip, t->inst, NULL);
        if (cost.descriptors != t->descriptors || cost.is_turned != t->is_turned)
            fail_msg("%s: %lld descriptors, turned %d", t->inst, (long long)cost.descriptors, cost.is_turned);
        assert_int_equal(cost.dma_engines, 16);
        if (!t->is_turned) continue;
        assert_int_equal(cost.descriptor_time, 0);
        assert_true(cost.byte_time == llround((double)t->descriptors * 128 * t->width * 1.111 / 23 * 1000));
    }
    assert_int_equal(cost_on("trn2", turnings[2].inst, NULL).bytes, 64 * 17 * 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas),        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_sequencer),       cmocka_unit_test(test_work),
        cmocka_unit_test(test_transfers),       cmocka_unit_test(test_transfer_times),
        cmocka_unit_test(test_turned_transfers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
