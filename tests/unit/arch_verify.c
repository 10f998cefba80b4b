/* The verifier: for each rule a program that breaks it and the words of the refusal, and beside it one that
   just keeps it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/chip.h"
#include "arch/isa.h"

#define HEAD                                                                                                 \
    "trn 1\nprogram p chip=trn1 scratch_bytes=4096\n"                                                        \
    "loc @1 \"net.py\":12:3 \"jit(f)/dot\"\n"                                                                \
    "tensor x: input 0 f32[784,64]\n"                                                                        \
    "tensor y: output 0 f32[784,64]\n"                                                                       \
    "tensor i8s: input 1 i8[64]\n"                                                                           \
    "tensor l: input 2 i64[64]\n"                                                                            \
    "tensor ol: output 1 i64[64]\n"                                                                          \
    "tensor c: constant f32[2] = {1 2}\n"                                                                    \
    "tensor s: scratch f32[512] address=64\n"

static ts_status verify(const char *body, ts_diag *diag) {
    ts_text text = {0};
    ts_program *program;
    ts_chip chip;
    *diag = (ts_diag){0};
    ts_text_add(&text, HEAD);
    ts_text_add(&text, body);
    ts_text_add(&text, "\n");
    if (ts_program_parse(text.data, "a.trn", &program, diag) != ts_ok)
        fail_msg("%s\n%s: %s", body, diag->where, diag->message);
    assert_int_equal(ts_chip_get("trn1", &chip, diag), ts_ok);
    ts_status status = ts_program_verify(program, &chip, diag);
    ts_program_free(program);
    ts_text_free(&text);
    return status;
}

static void accept(const char *body) {
    ts_diag diag;
    if (verify(body, &diag) != ts_ok) fail_msg("refused: %s\n%s", body, diag.message);
}

static void refuse(const char *body, const char *words) {
    ts_diag diag;
    if (verify(body, &diag) == ts_ok) fail_msg("accepted: %s", body);
    if (!strstr(diag.message, words)) fail_msg("%s\nwanted: %s\ngot: %s", body, words, diag.message);
}

/* A memset whose dst is given, on an engine. */
static void dst(const char *operand, const char *words) {
    char line[300];
    snprintf(line, sizeof line, "vector.memset dst=%s value=0", operand);
    if (words)
        refuse(line, words);
    else
        accept(line);
}

static void test_story(void **state) {
    (void)state;
    ts_diag diag;
    assert_int_equal(verify("vector.memset dst=sbuf.f32[p0:129 +0 4] value=0 @1", &diag), ts_input);
    assert_string_equal(diag.op, "vector.memset");
    assert_string_equal(diag.where, "net.py:12");
    assert_string_equal(diag.message,
                        "dst reaches partitions 0 to 128, the chip has 128 (chip.def partitions), in: "
                        "vector.memset dst=sbuf.f32[p0:129 +0 4] value=0 @1");
}

static void test_partitions(void **state) {
    (void)state;
    dst("sbuf.f32[p0:128 +0 4]", NULL);
    dst("sbuf.f32[p64:64 +0 4]", NULL);
    dst("sbuf.f32[p96:32 +0 4]", NULL);
    dst("sbuf.f32[p96:33 +0 4]", "reaches partitions 96 to 128");
    dst("sbuf.f32[p-32:32 +0 4]", "reaches partitions -32");
    dst("sbuf.f32[p64:65 +0 4]", "reaches partitions 64 to 128");
    dst("sbuf.f32[p32:33 +0 4]", "more than 32 at 0 or 64");
    dst("sbuf.f32[p16:16 +0 4]", "0, 32, 64 or 96");
    dst("sbuf.f32[p32:96 +0 4]", "more than 64 start at 0");
    accept("loop %i = 4\nvector.memset dst=sbuf.f32[p0+32*%i:32 +0 4] value=0\nend");
    refuse("loop %i = 5\nvector.memset dst=sbuf.f32[p0+32*%i:32 +0 4] value=0\nend",
           "partitions 0 to 159 at %0=4");
    refuse("loop %i = 4\nvector.memset dst=sbuf.f32[p0+16*%i:16 +0 4] value=0\nend", "0, 32, 64 or 96");
    refuse("loop %i = 2\nvector.memset dst=sbuf.f32[p0+32*(%i mod 2):64 +0 4] value=0\nend", "0 or 64");
    /* DMA reaches any partition */
    accept("sync.dma_copy queue=0 dst=sbuf.f32[p17:100 +0 4] src=hbm.f32[x +0 400]");
    refuse("sync.dma_copy queue=0 dst=sbuf.f32[p29:100 +0 4] src=hbm.f32[x +0 400]", "partitions 29 to 128");
}

static void test_bytes(void **state) {
    (void)state;
    dst("sbuf.f32[p0:1 +196604 1]", NULL);
    dst("sbuf.f32[p0:1 +196608 1]",
        "reaches bytes 196608 to 196611, sbuf has 196608 (chip.def sbuf_partition_bytes)");
    dst("sbuf.f32[p0:1 -4 1]", "reaches bytes -4 to -1");
    dst("sbuf.f32[p0:1 +4 3@-1]", "reaches bytes -4 to 7");
    dst("sbuf.f32[p0:1 +8 3@-1]", NULL);
    dst("psum.f32[p0:1 +12288 1024]", NULL);
    dst("psum.f32[p0:1 +12288 1025]", "psum has 16384");
    dst("sbuf.f32[p0:1 +2 1]", "no multiple of its element, 4 bytes");
    dst("sbuf.bf16[p0:1 +2 1]", NULL);
    refuse("loop %i = 3\nvector.memset dst=sbuf.f32[p0:1 +0+2*%i 1] value=0\nend",
           "no multiple of its element");
    accept("loop %i = 100\nvector.memset dst=sbuf.f32[p0:1 +0+65536*(%i mod 3) 16384] value=0\nend");
    refuse("loop %i = 100\nvector.memset dst=sbuf.f32[p0:1 +0+65536*(%i mod 4) 16384] value=0\nend",
           "bytes 0 to 262143");
    /* fewer trips than slots use fewer slots */
    accept("loop %i = 3\nvector.memset dst=sbuf.f32[p0:1 +0+65536*(%i mod 4) 16384] value=0\nend");
    dst("sbuf.f32[p0:1 +0+4*(-1 mod 3) 1]", NULL);
}

static void test_pattern(void **state) {
    (void)state;
    dst("sbuf.u8[p0:1 +0 2@2 2@2 2@2 2@2]", NULL);
    dst("sbuf.u8[p0:1 +0 2@2 2@2 2@2 2@2 2@2]", "5 free dimensions, an operand on chip at most 4");
    dst("sbuf.u8[p0:1 +0 2@32767]", NULL);
    dst("sbuf.u8[p0:1 +0 2@32768]", "a step of 32768 elements");
    dst("sbuf.u8[p0:1 +40000 2@-32769]", "a step of -32769 elements");
    dst("sbuf.u8[p0:1 +0 65535]", NULL);
    dst("sbuf.u8[p0:1 +0 65536]", "a count of 65536 elements");
    dst("sbuf.u8[p0:1 +0 2 32768]", NULL);
    dst("sbuf.u8[p0:1 +0 3 32768]", "98304 free elements, in sbuf at most 65536");
    dst("psum.bf16[p0:1 +0 2@4096 2049]", "4098 free elements, in psum at most 4096");
    dst("sbuf.f32[tile3 p0:1 +0 1]", "tile 3, which has no address yet");
    dst("sbuf.f32[p0:1 +0+99999999999999*(0 mod 1) 1]", "a number beyond 2^44");
}

#define TILES                                                                                                \
    "tile 1: sbuf address=1024 bytes=256 slots=2\ntile 2: sbuf address=1280 bytes=512\n"                     \
    "tile 3: psum address=0 bytes=2048\n"
#define SET(TILE, AT, COUNT) "vector.memset dst=sbuf.f32[tile" TILE " p0:128 +" AT " " COUNT "] value=0\n"
#define COPY(TILE, AT, FROM, THERE)                                                                          \
    "vector.tensor_copy dst=sbuf.f32[tile" TILE " p0:128 +" AT " 64] src=sbuf.f32[tile" FROM                 \
    " p0:128 +" THERE " 64]\n"

static void test_tiles(void **state) {
    (void)state;
    accept(TILES SET("1", "1024", "64") SET("2", "1280", "64"));
    refuse(TILES SET("1", "1024", "64") SET("2", "1276", "64"),
           "dst reaches bytes -4 to 251, tile 2 has 512 there");
    refuse(TILES SET("1", "1280", "65"), "bytes 256 to 515, tile 1 has 512 there");
    /* one slot after the other */
    accept(TILES "loop %i = 3\n" SET("1", "1024+256*(%i mod 2)", "64") "end");
    refuse(TILES "loop %i = 3\n" SET("1", "1028+256*(%i mod 2)", "64") "end",
           "bytes 4 to 259 at %0=0, tile 1 has 256 there");
    refuse(TILES "loop %i = 3\n" SET("1", "1024+128*(%i mod 2)", "32") "end",
           "dst rotates over 2 slots of 128 bytes, tile 1 has 2 of 256");
    accept(TILES "loop %i = 3\n" SET("2", "1280+128*(%i mod 4)", "32") "end");
    refuse("tile 1: sbuf address=196352 bytes=512\n" SET("1", "196352", "64"),
           "tile 1 ends at byte 196864, sbuf has 196608");
    /* of two tiles that share bytes, one is dead before the other is live */
    accept(TILES COPY("1", "1024", "1", "1024") COPY("2", "1280", "2", "1280"));
    refuse(TILES COPY("1", "1024", "1", "1024") COPY("2", "1280", "1", "1024"),
           "tiles 1 and 2 of sbuf share bytes and are both needed from instruction 1 on");
    /* a tile used inside a loop and before it is live to the loop's end */
    refuse(TILES SET("1", "1024", "64") "loop %i = 3\n" SET("1", "1024", "64") SET("2", "1280", "64") "end",
           "tiles 1 and 2 of sbuf share bytes");
    accept(TILES "loop %i = 3\n" SET("1", "1024", "64") SET("2", "1280", "64") "end");
}

static void test_spaces(void **state) {
    (void)state;
    refuse("gpsimd.memset dst=psum.f32[p0:1 +0 1] value=0", "psum, which GpSimdE cannot reach");
    refuse("sync.dma_copy queue=0 dst=psum.f32[p0:1 +0 1] src=hbm.f32[x +0 1]",
           "psum, which DMA cannot reach");
    refuse("vector.memset dst=hbm.f32[y +0 1] value=0", "hbm, which only a DMA reaches");
    refuse("vector.tensor_tensor dst=sbuf.f32[p0:1 +0 1] data1=psum.f32[p0:1 +0 1] data2=psum.f32[p0:1 +64 "
           "1] op=add",
           "both inputs lie in psum");
    accept("vector.tensor_tensor dst=psum.f32[p0:1 +0 1] data1=sbuf.f32[p0:1 +0 1] data2=psum.f32[p0:1 +64 "
           "1] op=add");
    refuse("vector.tensor_copy_predicated dst=sbuf.f32[p0:1 +0 1] src=psum.f32[p0:1 +0 1] "
           "predicate=psum.u8[p0:1 +64 1]",
           "both inputs lie in psum");
}

static void test_dtypes(void **state) {
    (void)state;
    ts_diag diag;
    assert_int_equal(verify("vector.memset dst=sbuf.i64[p0:1 +0 1] value=0", &diag), ts_unsupported);
    assert_non_null(strstr(diag.message, "dtype i64"));
    dst("sbuf.f8e4m3fn[p0:1 +0 1]", "dtype f8e4m3fn");
    accept("sync.dma_copy queue=0 dst=hbm.i64[ol +0 64] src=hbm.i64[l +0 64]");
    refuse("sync.dma_copy queue=0 dst=hbm.i64[ol +0 64] src=hbm.i8[i8s +0 64]",
           "casts through fp32, which i64");
    accept("vector.tensor_tensor dst=sbuf.u8[p0:1 +0 1] data1=sbuf.i8[p0:1 +0 1] data2=sbuf.u8[p0:1 +0 1] "
           "op=bitwise_and");
    refuse("vector.tensor_tensor dst=sbuf.u8[p0:1 +0 1] data1=sbuf.f32[p0:1 +0 1] data2=sbuf.u8[p0:1 +0 1] "
           "op=bitwise_and",
           "integers of one width");
    refuse("vector.tensor_tensor dst=sbuf.u8[p0:1 +0 1] data1=sbuf.u16[p0:1 +0 1] data2=sbuf.u8[p0:1 +0 1] "
           "op=bitwise_and",
           "integers of one width");
    refuse("vector.tensor_tensor dst=sbuf.f32[p0:1 +0 1] data1=sbuf.f32[p0:1 +0 1] data2=sbuf.f32[p0:1 +0 1] "
           "op=pow",
           "pow runs on gpsimd only");
    refuse("vector.tensor_copy_predicated dst=sbuf.f32[p0:1 +0 1] src=sbuf.f32[p0:1 +0 1] "
           "predicate=sbuf.f32[p0:1 +0 1]",
           "predicate is no integer");
}

static void test_elementwise(void **state) {
    (void)state;
    accept("scalar.tensor_copy dst=sbuf.f32[p0:8 +0 12] src=sbuf.bf16[p32:8 +0 3@4 4]");
    refuse("scalar.tensor_copy dst=sbuf.f32[p0:8 +0 12] src=sbuf.bf16[p32:7 +0 12]",
           "number of partitions (dimension 0 size of a tile) mismatch in parameters (dst[8, ...], src[7, "
           "...]) of "
           "'tensor_copy'");
    refuse("scalar.tensor_copy dst=sbuf.f32[p0:8 +0 12] src=sbuf.bf16[p32:8 +0 13]",
           "free elements of dst are 12 and free elements of src 13");
    accept("vector.tensor_scalar dst=sbuf.f32[p0:8 +0 4] data=sbuf.f32[p0:8 +0 4] op0=add "
           "operand0=sbuf.f32[p0:8 +64 1]");
    refuse("vector.tensor_scalar dst=sbuf.f32[p0:8 +0 4] data=sbuf.f32[p0:8 +0 4] op0=add "
           "operand0=sbuf.f32[p0:8 +64 2]",
           "free elements of operand0 are 2");
    refuse("vector.tensor_scalar dst=sbuf.f32[p0:8 +0 4] data=sbuf.f32[p0:8 +0 4] op0=add "
           "operand0=sbuf.f32[p0:4 +64 1]",
           "operand0[4, ...]");
    refuse("vector.tensor_scalar dst=sbuf.f32[p0:8 +0 4] data=sbuf.f32[p0:8 +0 4] op0=add "
           "operand0=sbuf.bf16[p0:8 +64 1]",
           "a scalar operand is f32");
    refuse("vector.tensor_scalar dst=sbuf.u8[p0:8 +0 4] data=sbuf.u8[p0:8 +0 4] op0=bitwise_or operand0=0.5",
           "operand0 is no integer");
    refuse("vector.tensor_scalar dst=sbuf.u8[p0:8 +0 4] data=sbuf.u8[p0:8 +0 4] op0=bitwise_or operand0=1 "
           "op1=add operand1=1",
           "one operator is bitwise and one is not");
    refuse("scalar.activation dst=sbuf.f32[p0:8 +0 4] func=exp data=sbuf.f32[p0:8 +0 4] scale=1 "
           "bias=sbuf.f32[p0:8 +64 2]",
           "free elements of bias are 2");
    refuse("scalar.activation dst=sbuf.f32[p0:8 +0 4] func=exp data=sbuf.f32[p0:8 +0 4] scale=1 "
           "reduce=sbuf.i32[p0:8 +64 1]",
           "reduce is i32, it must be a float");
    accept("gpsimd.iota dst=sbuf.i32[p0:8 +0 4] offset=0 channel_multiplier=4 pattern=[1]");
    refuse("gpsimd.iota dst=sbuf.i32[p0:8 +0 4] offset=0 channel_multiplier=99999999999999 pattern=[1]",
           "beyond 2^44");
}

static void test_reduce(void **state) {
    (void)state;
    accept("vector.tensor_reduce dst=sbuf.f32[p0:8 +0 4] data=sbuf.f32[p0:8 +64 4@5 5] op=add axes=1");
    accept("vector.tensor_reduce dst=sbuf.f32[p0:8 +0 1] data=sbuf.f32[p0:8 +64 4@5 5] op=max axes=2");
    refuse("vector.tensor_reduce dst=sbuf.f32[p0:8 +0 4] data=sbuf.f32[p0:8 +64 4@5 5] op=add axes=2",
           "free elements of dst are 4");
    refuse("vector.tensor_reduce dst=sbuf.f32[p0:8 +0 4] data=sbuf.f32[p0:8 +64 4@5 5] op=add axes=0",
           "axes=0");
    refuse("vector.tensor_reduce dst=sbuf.f32[p0:8 +0 4] data=sbuf.f32[p0:8 +64 4@5 5] op=add axes=3",
           "axes=3");
    refuse("vector.tensor_reduce dst=sbuf.f32[p0:8 +0 4] data=sbuf.f32[p0:8 +64 4@5 5] op=divide axes=1",
           "divide does not reduce");
    refuse("vector.tensor_reduce dst=sbuf.f32[p0:4 +0 4] data=sbuf.f32[p0:8 +64 4@5 5] op=add axes=1",
           "(dst[4, ...], data[8, ...]) of 'tensor_reduce'");
}

#define FOLD "vector.tensor_scalar_reduce dst=sbuf.f32[p0:8 +0 4] data=sbuf.f32[p0:8 +0 4] "
#define RUN  "vector.tensor_scalar_cumulative dst=sbuf.f32[p0:8 +0 4] src=sbuf.f32[p0:8 +0 4] imm0=1 "
#define PICK "vector.select_reduce dst=sbuf.f32[p0:8 +0 4] on_false=0 "

static void test_accumulators(void **state) {
    (void)state;
    accept(FOLD "op0=abs reduce_op=max reduce_cmd=reset_reduce");
    refuse(FOLD "op0=abs reduce_op=is_gt reduce_cmd=reset_reduce", "accumulators fold with add");
    refuse(FOLD "op0=bitwise_not reduce_op=max reduce_cmd=reset_reduce", "accumulators are fp32");
    refuse(FOLD "op0=abs reduce_op=max reduce=sbuf.f32[p0:8 +64 2] reduce_cmd=reset_reduce",
           "free elements of reduce are 2");
    accept(RUN "op0=add op1=add reduce_cmd=reduce");
    refuse(RUN "op0=add op1=add reduce_cmd=reset", "reduce_cmd=reset: it begins");
    refuse(RUN "op0=add op1=pow reduce_cmd=reduce", "op1 is pow");
    refuse("vector.tensor_scalar_cumulative dst=sbuf.i32[p0:8 +0 4] src=sbuf.f32[p0:8 +0 4] imm0=1 op0=add "
           "op1=add reduce_cmd=reduce",
           "dst is i32, it must be no 32-bit integer");
    refuse("scalar.activation dst=sbuf.f32[p0:8 +0 4] func=exp data=sbuf.f32[p0:8 +0 4] scale=1 "
           "reduce_cmd=load_reduce",
           "activation has no value to load");
    refuse("vector.tensor_reduce dst=sbuf.u8[p0:8 +0 1] data=sbuf.u8[p0:8 +64 4] op=bitwise_or axes=1 negate",
           "negate with a bitwise operator");
    refuse("gpsimd.tensor_partition_reduce dst=sbuf.f32[p0:2 +0 4] data=sbuf.f32[p0:8 +64 4] op=add",
           "dst has 2 partitions");
    refuse("gpsimd.tensor_partition_reduce dst=sbuf.f32[p0:1 +0 4] data=sbuf.f32[p0:8 +64 4] op=min",
           "op is min, partitions reduce with add");
    refuse("vector.tensor_tensor dst=sbuf.f32[p0:8 +0 4] data1=sbuf.f32[p0:8 +0 4] data2=sbuf.f32[p0:8 +0 4] "
           "op=average",
           "average is an operator of tensor_partition_reduce");
}

static void test_selections(void **state) {
    (void)state;
    accept(PICK "predicate=sbuf.u16[p0:8 +64 4] on_true=psum.bf16[p0:8 +0 4]");
    refuse(PICK "predicate=sbuf.i32[p0:8 +64 4] on_true=sbuf.f32[p0:8 +0 4]", "an integer of 8 or 16 bits");
    refuse(PICK "predicate=psum.u8[p0:8 +64 4] on_true=psum.f32[p0:8 +0 4]", "both inputs lie in psum");
    refuse(PICK "predicate=sbuf.u8[p0:8 +64 4] on_true=sbuf.u32[p0:8 +0 4]", "on_true is u32");
    refuse(PICK "predicate=sbuf.u8[p0:8 +64 5] on_true=sbuf.f32[p0:8 +0 4]", "free elements of predicate 5");
    refuse("gpsimd.affine_select dst=sbuf.f32[p0:8 +0 4] on_true=sbuf.f32[p0:8 +64 4] offset=0 "
           "channel_multiplier=1 pattern=[1] cmp_op=add on_false=0",
           "cmp_op is add, which does not compare");
}

#define SHUFFLE(dst, src, first)                                                                             \
    "vector.nc_stream_shuffle dst=" dst " src=" src " shuffle_mask=[" first                                  \
    " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0]"
#define GATHER(parts, each, count)                                                                           \
    "gpsimd.local_gather dst=sbuf.f32[p0:" parts " +0 32] src=sbuf.f32[p0:" parts " +256 64] "               \
    "index=sbuf.u16[p0:" parts " +1024 2] num_elem_per_idx=" each " num_valid_indices=" count

static void test_moves(void **state) {
    (void)state;
    accept(SHUFFLE("psum.f32[p64:32 +0 4]", "sbuf.f32[p32:1 +0 4]", "0"));
    accept(SHUFFLE("sbuf.f32[p0:128 +0 4]", "sbuf.f32[p0:128 +0 4]", "255"));
    refuse(SHUFFLE("sbuf.f32[p0:64 +0 4]", "sbuf.f32[p0:33 +0 4]", "1"), "partition 1 of quadrant 1");
    refuse(SHUFFLE("sbuf.f32[p0:32 +0 4]", "sbuf.f32[p0:32 +0 4]", "32"), "partition 32 of quadrant 0");
    refuse(SHUFFLE("sbuf.f32[p32:32 +0 4]", "sbuf.f32[p0:64 +0 4]", "0"), "start at a multiple of 64");
    refuse(SHUFFLE("sbuf.bf16[p0:32 +0 4]", "sbuf.f32[p0:32 +0 4]", "0"), "moves bits");
    accept(GATHER("32", "1", "32"));
    refuse(GATHER("24", "1", "32"), "24 partitions, no multiple of 16");
    refuse(GATHER("32", "3", "10"), "num_elem_per_idx=3");
    refuse(GATHER("32", "1", "33"), "index has 32");
    refuse(GATHER("32", "2", "32"), "free elements of dst are 32 and those of local_gather 64");
    refuse(
        "gpsimd.nc_n_gather dst=sbuf.f32[p0:8 +0 4] indices=sbuf.i32[p0:8 +64 4] data=sbuf.f32[p0:8 +128 9]",
        "indices is i32, it must be u32");
    refuse("gpsimd.sequence_bounds dst=sbuf.f32[p0:1 +0 9] segment_ids=sbuf.f32[p0:1 +128 9]",
           "free elements of dst are 9 and pairs of bounds of segment_ids 18");
    refuse("gpsimd.sequence_bounds dst=sbuf.bf16[p0:1 +0 18] segment_ids=sbuf.f32[p0:1 +128 9]",
           "f32 or i32");
}

static void test_searches(void **state) {
    (void)state;
    accept("vector.max8 dst=sbuf.f32[p0:8 +0 8] src=psum.f32[p0:8 +0 8]");
    refuse("vector.max8 dst=sbuf.f32[p0:8 +0 8] src=sbuf.f32[p0:8 +64 7]", "src has 7 free elements");
    refuse("vector.max8 dst=sbuf.f32[p0:8 +0 8] src=sbuf.f32[p0:8 +64 16385]",
           "16385 free elements, 8 to 16384");
    refuse("vector.max8 dst=sbuf.f32[p0:8 +0 9] src=sbuf.f32[p0:8 +64 10]", "free elements of dst are 9");
    refuse("vector.nc_find_index8 dst=sbuf.i32[p0:8 +0 8] data=sbuf.f32[p0:8 +64 9] vals=sbuf.f32[p0:8 +0 8]",
           "dst is i32, it must be u16 or u32");
    refuse("vector.nc_find_index8 dst=sbuf.u32[p0:8 +0 8] data=sbuf.f32[p0:8 +64 9] vals=sbuf.f32[p0:8 +0 7]",
           "free elements of vals are 7");
    refuse("vector.nc_match_replace8 dst=sbuf.f32[p0:8 +64 8] data=sbuf.f32[p0:8 +64 9] "
           "vals=sbuf.f32[p0:8 +0 8] imm=0",
           "free elements of dst are 8");
    refuse("vector.bn_stats dst=sbuf.f32[p0:8 +0 6] data=sbuf.f32[p0:8 +64 513]",
           "513 free elements, at most 512");
    refuse("vector.bn_stats dst=sbuf.f32[p0:8 +0 5] data=sbuf.f32[p0:8 +64 512]",
           "free elements of dst are 5");
    refuse("vector.bn_aggr dst=sbuf.f32[p0:8 +0 2] data=sbuf.f32[p0:8 +64 7]", "no triples");
    refuse("vector.rng dst=sbuf.f32[p0:8 +0 2]", "dst is f32, it must be an integer");
    refuse("vector.set_rng_seed seeds=sbuf.u16[p0:1 +0 1]", "32 bits wide");
    refuse("vector.set_rng_seed seeds=sbuf.u32[p0:2 +0 1]", "one element");
    accept("vector.dropout dst=sbuf.f32[p0:8 +0 4] data=sbuf.f32[p0:8 +0 4] prob=sbuf.bf16[p0:8 +64 1]");
    refuse("vector.dropout dst=sbuf.i16[p0:8 +0 4] data=sbuf.i16[p0:8 +0 4] prob=sbuf.bf16[p0:8 +64 1]",
           "prob is bf16");
}

#define MATMUL(dst, stationary, moving)                                                                      \
    "tensor.nc_matmul dst=" dst " stationary=" stationary " moving=" moving

static void test_matmul(void **state) {
    (void)state;
    accept(MATMUL("psum.f32[p0:128 +2048 512]", "sbuf.bf16[p0:128 +0 128]", "sbuf.f16[p0:128 +1024 512]"));
    accept(MATMUL("psum.f32[p0:16 +4 511]", "sbuf.f32[p0:9 +0 16]", "sbuf.f32[p0:9 +1024 511]"));
    refuse(MATMUL("sbuf.f32[p0:16 +0 64]", "sbuf.f32[p0:9 +0 16]", "sbuf.f32[p0:9 +1024 64]"),
           "to be in address space 'psum'");
    refuse(MATMUL("psum.f32[p0:16 +0 64]", "psum.f32[p0:9 +0 16]", "sbuf.f32[p0:9 +1024 64]"),
           "operand 'stationary' of 'nc_matmul' to be in address space 'sbuf', but got a tile in 'psum'");
    refuse(MATMUL("psum.f32[p0:16 +0 64]", "sbuf.f32[p0:9 +0 16]", "psum.f32[p0:9 +1024 64]"),
           "operand 'moving' of 'nc_matmul' to be in address space 'sbuf'");
    refuse(MATMUL("psum.f32[p0:16 +0 64]", "sbuf.f32[p0:9 +0 16]", "sbuf.bf16[p0:9 +1024 64]"),
           "f32 and tf32 multiply only each other");
    refuse(MATMUL("psum.f32[p0:16 +0 64]", "sbuf.i32[p0:9 +0 16]", "sbuf.i32[p0:9 +1024 64]"),
           "TensorE multiplies floats");
    refuse(MATMUL("psum.bf16[p0:16 +0 64]", "sbuf.bf16[p0:9 +0 16]", "sbuf.bf16[p0:9 +1024 64]"),
           "TensorE writes f32");
    refuse(MATMUL("psum.f32[p0:128 +0 64]", "sbuf.bf16[p0:9 +0 129]", "sbuf.bf16[p0:9 +1024 64]"),
           "dimension 1 in 'stationary[9, 129]' of 'nc_matmul' exceed architecture limitation of 128");
    refuse(MATMUL("psum.f32[p0:16 +0 513]", "sbuf.bf16[p0:9 +0 16]", "sbuf.bf16[p0:9 +1024 513]"),
           "dimension 1 in 'moving[9, 513]' of 'nc_matmul' exceed architecture limitation of 512");
    refuse(MATMUL("psum.f32[p0:16 +0 64]", "sbuf.bf16[p0:9 +0 16]", "sbuf.bf16[p0:8 +1024 64]"),
           "(stationary[9, ...], moving[8, ...]) of 'nc_matmul'");
    refuse(MATMUL("psum.f32[p0:15 +0 64]", "sbuf.bf16[p0:9 +0 16]", "sbuf.bf16[p0:9 +1024 64]"),
           "partitions of dst are 15 and free elements of stationary 16");
    refuse(MATMUL("psum.f32[p0:16 +0 63]", "sbuf.bf16[p0:9 +0 16]", "sbuf.bf16[p0:9 +1024 64]"),
           "free elements of dst are 63");
    refuse(MATMUL("psum.f32[p0:16 +4 512]", "sbuf.bf16[p0:9 +0 16]", "sbuf.bf16[p0:9 +1024 512]"),
           "one PSUM bank of 2048 bytes");
    refuse(MATMUL("psum.f32[p0:16 +0 2@512 2]", "sbuf.bf16[p0:9 +0 16]", "sbuf.bf16[p0:9 +1024 4]"),
           "one PSUM bank");
    accept("loop %i = 8\n" MATMUL("psum.f32[p0:16 +0+2048*%i 512]", "sbuf.bf16[p0:9 +0 16]",
                                  "sbuf.bf16[p0:9 +1024 512]") "\nend");
    accept("loop %i = 8\n" MATMUL("psum.f32[p0:16 +0+2048*(%i mod 2) 512]", "sbuf.bf16[p0:9 +0 16]",
                                  "sbuf.bf16[p0:9 +1024 512]") "\nend");
    refuse("loop %i = 2\n" MATMUL("psum.f32[p0:16 +0+1028*%i 256]", "sbuf.bf16[p0:9 +0 16]",
                                  "sbuf.bf16[p0:9 +1024 256]") "\nend",
           "one PSUM bank");
    accept("loop %i = 2\n" MATMUL("psum.f32[p0:16 +0+1024*%i 256]", "sbuf.bf16[p0:9 +0 16]",
                                  "sbuf.bf16[p0:9 +1024 256]") "\nend");
}

static void test_transpose(void **state) {
    (void)state;
    accept("tensor.nc_transpose dst=psum.f32[p0:64 +0 128] data=sbuf.bf16[p0:128 +0 64]");
    accept("tensor.nc_transpose dst=psum.bf16[p0:64 +0 128] data=sbuf.bf16[p0:128 +0 64]");
    refuse("tensor.nc_transpose dst=psum.f16[p0:64 +0 128] data=sbuf.bf16[p0:128 +0 64]",
           "transposes floats into f32");
    refuse("tensor.nc_transpose dst=sbuf.f32[p0:64 +0 128] data=sbuf.bf16[p0:128 +0 64]",
           "to be in address space 'psum'");
    refuse("tensor.nc_transpose dst=psum.f32[p0:128 +0 4] data=sbuf.bf16[p0:4 +0 129]",
           "dimension 1 in 'data[4, 129]' of 'nc_transpose' exceed architecture limitation of 128");
    refuse("tensor.nc_transpose dst=psum.f32[p0:64 +1792 128] data=sbuf.bf16[p0:128 +0 64]", "one PSUM bank");
    refuse("tensor.nc_transpose dst=psum.f32[p0:63 +0 128] data=sbuf.bf16[p0:128 +0 64]",
           "partitions of dst are 63");
    accept("vector.nc_transpose dst=sbuf.i16[p0:32 +0 16] data=sbuf.i16[p0:16 +0 32]");
    refuse("vector.nc_transpose dst=sbuf.f32[p0:32 +0 16] data=sbuf.bf16[p0:16 +0 32]",
           "transposes without a cast");
    refuse("vector.nc_transpose dst=sbuf.i16[p0:33 +0 16] data=sbuf.i16[p0:16 +0 33]",
           "exceed architecture limitation of 32 (VectorE");
}

static void test_dma(void **state) {
    (void)state;
    accept("sync.dma_copy queue=15 dst=hbm.f32[y +0 128@64 64] src=sbuf.f32[p0:128 +0 64]");
    refuse("sync.dma_copy queue=16 dst=hbm.f32[y +0 128@64 64] src=sbuf.f32[p0:128 +0 64]",
           "queue 16, the chip has 16");
    refuse("sync.dma_copy queue=0 dst=hbm.f32[y +0 128@64 64] src=sbuf.f32[p0:127 +0 64]",
           "elements of dst are 8192 and elements of src 8128");
    accept("sync.dma_copy queue=0 dst=sbuf.f32[p0:64 +0 12] src=hbm.f32[x +0 64 12@64] is_transpose");
    refuse("sync.dma_copy queue=0 dst=sbuf.bf16[p0:64 +0 12] src=hbm.f32[x +0 64 12@64] is_transpose",
           "bits of 2 or 4 bytes: dst is bf16, src f32");
    refuse("sync.dma_copy queue=0 dst=sbuf.i8[p0:8 +0 8] src=hbm.i8[i8s +0 8 8@8] is_transpose",
           "bits of 2 or 4 bytes");
    refuse("sync.dma_copy queue=0 dst=sbuf.f32[p0:64 +0 12] src=hbm.f32[x +0 64 12@64] rmw=add is_transpose",
           "bits of 2 or 4 bytes");
    refuse("sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 4] src=sbuf.f32[p0:1 +16 4] is_transpose",
           "'src' of 'dma_copy' to be in address space 'hbm'");
    refuse("sync.dma_copy queue=0 dst=hbm.f32[y +0 4] src=hbm.f32[x +0 4] is_transpose",
           "'dst' of 'dma_copy' to be in address space 'sbuf'");
    refuse("sync.dma_copy queue=0 dst=hbm.f32[x +0 1] src=sbuf.f32[p0:1 +0 1]",
           "x, an input, which is read-only");
    refuse("sync.dma_copy queue=0 dst=hbm.f32[c +0 1] src=sbuf.f32[p0:1 +0 1]",
           "c, a constant, which is read-only");
    refuse("sync.dma_copy queue=0 dst=hbm.f32[y +50176 1] src=sbuf.f32[p0:1 +0 1]",
           "bytes 200704 to 200707, tensor y has 200704");
    refuse("sync.dma_copy queue=0 dst=hbm.f32[y -1 1] src=sbuf.f32[p0:1 +0 1]", "bytes -4");
    accept("sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 4] src=hbm.f32[c +1 4@0]");
    accept("sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 2] src=hbm.f32[c +1 2@-1]");
    refuse("sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 3] src=hbm.f32[c +1 3@-1]", "bytes -4 to 7");
    accept("sync.dma_copy queue=0 dst=sbuf.bf16[p0:1 +0 4] src=hbm.bf16[c +0 4]"); /* the same bytes read as
                                                                                      bf16 */
    refuse("sync.dma_copy queue=0 dst=sbuf.bf16[p0:1 +0 5] src=hbm.bf16[c +0 5]",
           "bytes 0 to 9, tensor c has 8");
    refuse("sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 1] src=hbm.f32[x +0 1@99999999999999 ]",
           "beyond 2^44");
}

static void test_index(void **state) {
    (void)state;
    accept("gpsimd.dma_copy queue=0 dst=sbuf.f32[p0:8 +0 64] src=hbm.f32[x +0 8@0 64 by 64*sbuf.i32[p0:8 "
           "+512 1]]");
    refuse("gpsimd.dma_copy queue=0 dst=sbuf.f32[p0:8 +0 64] src=hbm.f32[x +0 8@0 64 by 64*sbuf.i32[p0:7 "
           "+512 1]]",
           "one element for each count of the first dimension");
    refuse("gpsimd.dma_copy queue=0 dst=sbuf.f32[p0:8 +0 64] src=hbm.f32[x +0 8@0 64 by 64*sbuf.i32[p0:8 "
           "+512 2]]",
           "one element for each count");
    refuse("gpsimd.dma_copy queue=0 dst=sbuf.f32[p0:8 +0 64] src=hbm.f32[x +0 8@0 64 by 64*sbuf.u32[p0:8 "
           "+512 1]]",
           "the index of src is not i32 in sbuf");
    refuse("gpsimd.dma_copy queue=0 dst=sbuf.f32[p0:8 +0 64] src=hbm.f32[x +0 8@0 64 by 64*sbuf.i32[p0:8 "
           "+196608 1]]",
           "the index of src reaches bytes");
}

/* 784 = 6 * 128 + 16: the last tile is ragged. */
static void test_ragged(void **state) {
    (void)state;
    accept("loop %i = 7\nsync.dma_copy queue=0 dst=sbuf.f32[p0:min(128, 784-128*%i) +0 64] "
           "src=hbm.f32[x +0+8192*%i min(128, 784-128*%i)@64 64]\nend");
    /* one trip more reaches nothing: its count is 0 */
    accept("loop %i = 8\nsync.dma_copy queue=0 dst=sbuf.f32[p0:min(128, 784-128*%i) +0 64] "
           "src=hbm.f32[x +0+8192*%i min(128, 784-128*%i)@64 64]\nend");
    refuse("loop %i = 7\nsync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 64] src=hbm.f32[x +0+8192*%i 128@64 "
           "64]\nend",
           "bytes 0 to 229375 at %0=6, tensor x has 200704");
    refuse("loop %i = 7\nsync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 64] "
           "src=hbm.f32[x +0+8192*%i min(128, 784-128*%i)@64 64]\nend",
           "elements of dst are 8192 and elements of src 1024 at %0=6");
    refuse("loop %i = 7\nsync.dma_copy queue=0 dst=sbuf.f32[p0:min(128, 785-128*%i) +0 64] "
           "src=hbm.f32[x +0+8192*%i min(128, 785-128*%i)@64 64]\nend",
           "at %0=6, tensor x has");
    /* joined counts: min(128*64, 784*64-8192*%i) elements are min(128, 784-128*%i) rows of 64 */
    accept("loop %i = 7\nsync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 min(8192, 50176-8192*%i)] "
           "src=hbm.f32[x +0+8192*%i min(128, 784-128*%i)@64 64]\nend");
    /* equal at every point, though the forms differ */
    accept("loop %i = 2\nscalar.tensor_copy dst=sbuf.f32[p0:8 +0 min(4, 4-2*%i)] src=sbuf.f32[p0:8 +64 "
           "min(5, 4-2*%i)]\nend");
    refuse("loop %i = 2\nscalar.tensor_copy dst=sbuf.f32[p0:8 +0 min(4, 4-2*%i)] src=sbuf.f32[p0:8 +64 "
           "min(5, 5-2*%i)]\nend",
           "free elements of dst are 4 and free elements of src 5 at %0=0");
}

/* A trip count that depends on an outer loop: the triangle stays inside, the square does not. */
static void test_ragged_trips(void **state) {
    (void)state;
    accept("loop %i = 784\nloop %j = min(784, 784-%i)\n"
           "sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 64] src=hbm.f32[x +0+64*%i+64*%j 64]\nend\nend");
    refuse("loop %i = 784\nloop %j = min(785, 785-%i)\n"
           "sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 64] src=hbm.f32[x +0+64*%i+64*%j 64]\nend\nend",
           "at %0=0 %1=784, tensor x has 200704");
    accept("loop %i = 0\nvector.memset dst=sbuf.f32[p0:1 +0+4*%i 1] value=0\nend");
    /* too many points to try, and the forms decide */
    accept("loop %a = 100000\nloop %b = 100000\nvector.memset dst=sbuf.f32[p0:1 +0+64*(%a+%b mod 8) 16] "
           "value=0\nend\nend");
    refuse(
        "loop %a = 100000\nloop %b = 100000\nvector.memset dst=sbuf.f32[p0:1 +0+4*%b 16] value=0\nend\nend",
        "bytes 0 to 400059");
}

static void test_tensors(void **state) {
    (void)state;
    refuse("tensor t: scratch f32[1024] address=64\n"
           "sync.dma_copy queue=0 dst=hbm.f32[t +0 1] src=hbm.f32[x +0 1]",
           "4096 bytes at 64, of 4096 (scratch_bytes)");
    accept("tensor t: scratch f32[1024] address=64");
    refuse("tensor t: scratch f32[1] address=32", "aligned to 64");
    refuse("tensor t: scratch f32[1] address=18446744073709551552", "scratch tensor t");
    accept("tensor t: scratch f32[1008] address=64");
}

static void test_generation(void **state) {
    (void)state;
    ts_diag diag = {0};
    ts_program *program;
    ts_chip chip;
    assert_int_equal(
        ts_program_parse(HEAD "vector.memset dst=sbuf.f32[p0:1 +0 1] value=0\n", "a", &program, &diag),
        ts_ok);
    assert_int_equal(ts_chip_get("trn1", &chip, &diag), ts_ok);
    chip.generation = 1;
    assert_int_equal(ts_program_verify(program, &chip, &diag), ts_unsupported);
    assert_non_null(strstr(diag.message, "memset begins with NeuronCore-v2"));
    /* a what-if chip's own limits hold */
    diag = (ts_diag){0};
    chip.generation = 2;
    chip.sbuf_partition_bytes = 2;
    assert_int_equal(ts_program_verify(program, &chip, &diag), ts_input);
    assert_non_null(strstr(diag.message, "sbuf has 2"));
    ts_program_free(program);
}

static void leave_value(const char *value, const char *words) {
    char text[400];
    snprintf(text, sizeof text, "loop %%w = 9\nleave loop=%%w value=%s compare=is_equal operand=0\nend",
             value);
    if (words)
        refuse(text, words);
    else
        accept(text);
}

static void test_leave(void **state) {
    (void)state;
    leave_value("sbuf.i32[p0:1 +0 1]", NULL);
    leave_value("sbuf.u8[p96:1 +3]", NULL);
    leave_value("hbm.i1[x +0+1*%w]", NULL);
    leave_value("hbm.u32[x +3 1@7]", NULL);
    leave_value("sbuf.i32[p0:2 +0 1]", "not one element");
    leave_value("sbuf.i32[p0:1 +0 2]", "not one element");
    leave_value("sbuf.i32[p0:1 +0 min(1, 1-%w)]", "not one element");
    leave_value("psum.i32[p0:1 +0 1]", "lies in psum");
    leave_value("sbuf.f32[p0:1 +0 1]", "a register takes");
    leave_value("hbm.i32[x +99999999]", "reaches bytes");
    leave_value("hbm.i32[x +0+10000000*%w]", "reaches bytes");
    refuse("loop %w = 9\nleave loop=%w value=sbuf.i32[p0:1 +0 1] compare=add operand=0\nend",
           "add does not compare");
    refuse("loop %w = 9\nleave loop=%w value=sbuf.i32[p0:1 +0 1] compare=is_lt operand=4294967296\nend",
           "does not fit a 32-bit register");
    /* A loop that data ends has no bound for an offset, except one that rotates. Bounds of other offsets are
       still checked point by point. */
    refuse("loop %w = 2147483647\nleave loop=%w value=hbm.u8[x +0] compare=is_equal operand=0\n"
           "vector.memset dst=sbuf.f32[p0:1 +0+4*%w 1] value=0\nend",
           "reaches bytes");
    accept("loop %w = 2147483647\nleave loop=%w value=hbm.u8[x +0] compare=is_equal operand=0\n"
           "vector.memset dst=sbuf.f32[p0:1 +0+4*(%w mod 2) 1] value=0\n"
           "loop %i = 3\nloop %j = min(4, 6-2*%i)\n"
           "vector.tensor_copy dst=sbuf.f32[p0:1 +0+64*%i min(4, 4-%j)] src=sbuf.f32[p0:1 +512+64*%i min(4, "
           "4-%j)]\n"
           "end\nend\nend");
}

/* Structure that no text can hold: made by hand. */
static void test_structure(void **state) {
    (void)state;
    ts_chip chip;
    ts_diag diag = {0};
    assert_int_equal(ts_chip_get("trn1", &chip, &diag), ts_ok);
    const char *words[] = {"is not in the table", "not open here", "without a space", "instruction code",
                           "location @9",         "has no end",    "free dimensions", "loop names loop %0"};
    for (int fault = 0; fault < 8; fault++) {
        ts_program *program = ts_program_new("p", "trn1");
        ts_inst_memset *inst =
            (ts_inst_memset *)ts_program_append(program, ts_op_memset, ts_engine_vector, 0);
        inst->dst = (ts_ap){.space = ts_space_sbuf, .dtype = ts_dtype_f32, .parts = {.max = 1}};
        ts_term term = {.coef = 4, .loop = 0};
        ts_vec_push(&program->terms, &program->arena, term);
        if (fault == 0) inst->dst.offset.rotation = 1;
        if (fault == 1) inst->dst.offset.term_count = 1;
        if (fault == 2) inst->dst.space = 9;
        if (fault == 3) inst->head.op = 999;
        if (fault == 4) inst->head.loc = 9;
        if (fault == 5) {
            ts_loop loop = {.begin = 1, .trip = {.max = 1}};
            ts_inst_loop *mark = (ts_inst_loop *)ts_program_append(program, ts_op_loop, ts_engine_none, 0);
            mark->trip = loop.trip;
            ts_vec_push(&program->loops, &program->arena, loop);
        }
        if (fault == 6) inst->dst.dims = 200;
        if (fault == 7) ts_program_append(program, ts_op_leave, ts_engine_none, 0);
        diag = (ts_diag){0};
        assert_int_equal(ts_program_verify(program, &chip, &diag), ts_input);
        if (!strstr(diag.message, words[fault])) fail_msg("wanted %s, got %s", words[fault], diag.message);
        ts_program_free(program);
    }
}

/* What tests/isa/semaphore_*.trn leave: numbers without meaning, and walks without an end. */
static void semaphores(const char *body, ts_status wanted, const char *words) {
    ts_chip chip;
    ts_diag diag = {0};
    ts_program *program;
    ts_text text = {0};
    ts_text_add(&text, "trn 1\nprogram p chip=trn1 sync=explicit\n");
    ts_text_add(&text, body);
    assert_int_equal(ts_chip_get("trn1", &chip, &diag), ts_ok);
    if (ts_program_parse(text.data, "a.trn", &program, &diag) != ts_ok) fail_msg("%s", diag.message);
    assert_int_equal(ts_program_verify(program, &chip, &diag), wanted);
    if (words && !strstr(diag.message, words)) fail_msg("wanted %s, got %s", words, diag.message);
    ts_program_free(program);
    ts_text_free(&text);
}

static void test_semaphores(void **state) {
    (void)state;
    const char *set = "vector.memset dst=sbuf.f32[p0:1 +0 1] value=0";
    char body[400];
    snprintf(body, sizeof body,
             "loop %%i = 3\n%s signal=S[1]+=2\nscalar.event_semaphore wait=S[1]>=2+2*%%i\nend", set);
    semaphores(body, ts_ok, NULL);
    snprintf(body, sizeof body,
             "loop %%i = 3\n%s signal=S[1]+=2\nscalar.event_semaphore wait=S[1]>=3+2*%%i\nend", set);
    semaphores(body, ts_input, "waits for S[1] >= 3 at %0=0, which the instructions before it make 2 only");
    snprintf(body, sizeof body, "%s signal=S[1]+=2\nscalar.event_semaphore wait=S[1]>=99999999999999", set);
    semaphores(body, ts_input, "wait holds a number beyond 2^44");
    semaphores("scalar.event_semaphore wait=S[999]>=0", ts_input, "S[999]: a core has S[0] to S[255]");
    semaphores("loop %i = 2147483647\nend", ts_capacity, "more than 16777216 instructions and loop marks");
    /* Two triggers of one queue are two sources, and so are an engine and the transfers that it triggers. */
    semaphores("sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 1] src=sbuf.f32[p0:1 +4 1] signal=S[1]+=16\n"
               "scalar.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 1] src=sbuf.f32[p0:1 +4 1] signal=S[1]+=16",
               ts_input, "S[1] counts other instructions already, sync.dma_copy first");
    semaphores("scalar.activation dst=sbuf.f32[p0:1 +0 1] func=copy data=sbuf.f32[p0:1 +4 1] scale=1 "
               "signal=S[1]+=1\n"
               "scalar.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 1] src=sbuf.f32[p0:1 +4 1] signal=S[1]+=16",
               ts_input, "S[1] counts other instructions already, scalar.activation first");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_story),        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_leave),        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_pattern),      cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_spaces),       cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_elementwise),  cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_accumulators), cmocka_unit_test(test_selections),
        cmocka_unit_test(test_moves),        cmocka_unit_test(test_searches),
        cmocka_unit_test(test_matmul),       cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_dma),          cmocka_unit_test(test_index),
        cmocka_unit_test(test_ragged),       cmocka_unit_test(test_ragged_trips),
        cmocka_unit_test(test_tensors),      cmocka_unit_test(test_generation),
        cmocka_unit_test(test_structure),    cmocka_unit_test(test_semaphores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
