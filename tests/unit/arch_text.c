/* The forms of a program on disk: round trips of random programs, errors with their places, and damaged
   input, which must be refused and never believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/chip.h"
#include "arch/container.h"
#include "arch/structure.h"
#include "base/file.h"
#include "json_check.h"
#include "random_program.h"

static char *text_of(const ts_program *program) {
    ts_text text = {0};
    ts_program_print(program, &text);
    return text.data;
}

static void test_text_round_trip(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        ts_program *program = random_program(seed, 40), *again;
        ts_diag diag = {0};
        assert_int_equal(ts_program_check(program, &diag), ts_ok);
        char *text = text_of(program);
        if (ts_program_parse(text, "a.trn", &again, &diag) != ts_ok)
            fail_msg("%s: %s", diag.where, diag.message);
        char *second = text_of(again);
        assert_string_equal(text, second);
        assert_int_equal(again->code.count, program->code.count);
        assert_int_equal(again->loops.count, program->loops.count);
        assert_string_equal(again->name, program->name);
        for (uint32_t i = 0; i < program->tensors.count; i++) {
            const ts_tensor *a = &program->tensors.data[i], *b = &again->tensors.data[i];
            assert_int_equal(a->bytes, b->bytes);
            if (a->kind == ts_tensor_constant) assert_memory_equal(a->data, b->data, a->bytes);
        }
        free(text);
        free(second);
        ts_program_free(program);
        ts_program_free(again);
    }
}

static void test_container_round_trip(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        ts_program *program = random_program(seed, 40), *again;
        ts_diag diag = {0};
        uint8_t *data, *second;
        size_t size, second_size;
        assert_int_equal(ts_program_encode(program, &data, &size, &diag), ts_ok);
        assert_int_equal(ts_program_decode(data, size, &again, &diag), ts_ok);
        char *text = text_of(program), *back = text_of(again);
        assert_string_equal(text, back);
        assert_int_equal(ts_program_encode(again, &second, &second_size, &diag), ts_ok);
        assert_int_equal(size, second_size);
        assert_memory_equal(data, second, size);
        free(text);
        free(back);
        free(data);
        free(second);
        ts_program_free(program);
        ts_program_free(again);
    }
}

/* A long flat program stays far below 200 bytes an instruction. */
static void test_container_is_small(void **state) {
    (void)state;
    ts_program *program = ts_program_new("long", "trn1");
    for (int i = 0; i < 20000; i++) {
        ts_inst_tensor_tensor *inst =
            (ts_inst_tensor_tensor *)ts_program_append(program, ts_op_tensor_tensor, ts_engine_vector, 0);
        ts_ap ap = {.space = ts_space_sbuf, .dtype = ts_dtype_f32, .dims = 1, .parts = {.max = 128}};
        ap.dim[0] = (ts_dim){.step = 1, .count = {.max = 512}};
        ap.offset.base = 2048 * (i * 7919 % 90);
        inst->dst = inst->data1 = ap;
        ap.offset.base = 2048 * (i * 104729 % 90);
        inst->data2 = ap;
        inst->op = ts_alu_add;
    }
    ts_diag diag = {0};
    uint8_t *data;
    size_t size;
    assert_int_equal(ts_program_encode(program, &data, &size, &diag), ts_ok);
    assert_true(size < 20000 * 50);
    free(data);
    ts_program_free(program);
}

static void test_readable_text(void **state) {
    (void)state;
    const char *text = "trn 1\n"
                       "program p chip=trn1 order=list scratch_bytes=64 # a comment\n"
                       "\n"
                       "loc @1 \"f.py\":3:1\n"
                       "tensor c: constant i32[2,2] = {1 2\n -3 2147483647}\n"
                       "tensor \"s t\": scratch f32[] address=0\n"
                       "tensor h: constant bf16[2] = hex \"803f0040\"\n"
                       "loop %outer=3 @1\r\n"
                       "\tloop %i = min( 4 , 9 - 4*%outer )\n"
                       "vector.memset value=-0.5 dst=sbuf.f32[p 0 : 128 + 1024 + 4*%i + 64 2@-3]\n"
                       "  end\n"
                       "end %outer @1\n";
    const char *printed = "trn 1\n"
                          "program p chip=trn1 order=list scratch_bytes=64\n"
                          "loc @1 \"f.py\":3:1\n"
                          "tensor c: constant i32[2,2] = {1 2 -3 2147483647}\n"
                          "tensor \"s t\": scratch f32[] address=0\n"
                          "tensor h: constant bf16[2] = {1 2}\n"
                          "loop %0 = 3 @1\n"
                          "  loop %1 = min(4, 9-4*%0)\n"
                          "    vector.memset dst=sbuf.f32[p0:128 +1088+4*%1 2@-3] value=-0.5\n"
                          "  end %1\n"
                          "end %0 @1\n";
    ts_program *program;
    ts_diag diag = {0};
    if (ts_program_parse(text, "a.trn", &program, &diag) != ts_ok)
        fail_msg("%s: %s", diag.where, diag.message);
    char *got = text_of(program);
    assert_string_equal(got, printed);
    free(got);
    ts_program_free(program);
}

/* Rotations past 65535: one more than a form could name when it counted them in 16 bits. */
static void test_many_rotations(void **state) {
    (void)state;
    enum { COUNT = 70000 };
    ts_text text = {0};
    ts_text_add(&text, "trn 1\nprogram p chip=trn1\nloop %0 = 4\n");
    for (int i = 0; i < COUNT; i++)
        ts_text_format(&text, "  vector.memset dst=sbuf.f32[p0:1 +0+64*(%d+%%0 mod 2) 1] value=0\n", i);
    ts_text_add(&text, "end %0\n");
    ts_program *program, *again;
    ts_diag diag = {0};
    uint8_t *data;
    size_t size;
    if (ts_program_parse(text.data, "a.trn", &program, &diag) != ts_ok)
        fail_msg("%s: %s", diag.where, diag.message);
    assert_int_equal(program->rotations.count, COUNT);
    assert_int_equal(ts_program_encode(program, &data, &size, &diag), ts_ok);
    assert_int_equal(ts_program_decode(data, size, &again, &diag), ts_ok);
    char *first = text_of(program), *second = text_of(again);
    assert_non_null(strstr(first, "(69999+%0 mod 2)"));
    assert_string_equal(first, second);
    free(first);
    free(second);
    free(data);
    ts_text_free(&text);
    ts_program_free(program);
    ts_program_free(again);
}

/* The example of docs/trn.md is a program that verifies. */
static void test_documented_example(void **state) {
    (void)state;
    uint8_t *page;
    size_t size;
    ts_diag diag = {0};
    ts_program *program;
    ts_chip chip;
    assert_int_equal(ts_file_read("docs/trn.md", &page, &size, &diag), ts_ok);
    char *begin = strstr((char *)page, "```\ntrn 1\n") + 4, *end = strstr(begin, "\n```");
    end[1] = 0;
    if (ts_program_parse(begin, "docs/trn.md", &program, &diag) != ts_ok)
        fail_msg("%s: %s", diag.where, diag.message);
    assert_int_equal(ts_chip_get("trn1", &chip, &diag), ts_ok);
    if (ts_program_verify(program, &chip, &diag) != ts_ok) fail_msg("%s", diag.message);
    assert_int_equal(program->code.count, 11);
    ts_program_free(program);
    free(page);
}

static void test_documents_are_current(void **state) {
    (void)state;
    uint8_t *page;
    size_t size;
    ts_diag diag = {0};
    ts_text text = {0};
    ts_isa_markdown(&text);
    assert_int_equal(ts_file_read("docs/isa.md", &page, &size, &diag), ts_ok);
    if (strcmp((char *)page, text.data) != 0)
        fail_msg("docs/isa.md is stale: trainstone isa --markdown > docs/isa.md");
    free(page);
    ts_text_free(&text);
    ts_isa_json(&text);
    assert_true(is_json(text.data));
    for (unsigned op = 1; op < ts_op_count; op++)
        assert_non_null(strstr(text.data, ts_op_get(op)->name));
    ts_text_free(&text);
}

#define HEAD "trn 1\nprogram p chip=trn1\n"
#define X    HEAD "tensor x: input 0 f32[4]\n"
#define SYNC "trn 1\nprogram p chip=trn1 sync=explicit\nvector.memset dst=sbuf.f32[p0:1 +0 1] value=0 "
static const struct {
    const char *text, *where, *message;
} errors[] = {
    {"", "a.trn:1:1", "expected 'trn 1', found the end of the text"},
    {"\x7f"
     "ELF",
     "a.trn:1:1", "expected 'trn 1', found '?'"},
    {"trn 2\n", "a.trn:1:4", "version 2 of the text form"},
    {"trn 1 x\n", "a.trn:1:7", "expected the end of the line, found 'x'"},
    {"trn 1\nprogram p\n", "a.trn:2:10", "expected 'chip', found the end of the line"},
    {"trn 1\nprogram p chip=trn1 order=best\n", "a.trn:2:27", "expected program or list, found 'best'"},
    {HEAD "jump\n", "a.trn:3:1", "expected an instruction"},
    {HEAD "vector.tensor_cop\n", "a.trn:3:8", "expected the name of an instruction, found 'tensor_cop'"},
    {HEAD "loc @2 \"f\":1:1\n", "a.trn:3:6", "must be from 1 to 1"},
    {HEAD "loc @1 \"f:1:1\n", "a.trn:3:8", "no closing quote"},
    {HEAD "loc @1 \"f\\q\":1:1\n", "a.trn:3:10", "escape"},
    {HEAD "loc @1 \"f\":1:1 from @1\n", "a.trn", "location @1 is its own caller"},
    {X "tensor x: input 1 f32[4]\n", "a.trn:4:8", "tensor x is declared twice"},
    {HEAD "tensor x: input 0 f32[4,\n", "a.trn:3:25", "expected the size of an axis"},
    {HEAD "tensor x: input 0 f32[99999999999,99999999999]\n", "a.trn:3:35", "2^63 bytes"},
    {HEAD "tensor x: input 0 f32[1,1,1,1,1,1,1,1,1]\n", "a.trn:3:39", "at most 8 axes"},
    {HEAD "tensor x: input 0 f33[4]\n", "a.trn:3:19",
     "expected a dtype such as f32, bf16 or i32, found 'f33'"},
    {HEAD "tensor x: inlet 0 f32[4]\n", "a.trn:3:11",
     "expected input, output, scratch or constant, found 'inlet'"},
    {HEAD "tensor x: input 1 f32[4]\n", "a.trn", "position 1 is taken or leaves a gap among 1 inputs"},
    {HEAD "tensor x: constant f32[2] = {1}\n", "a.trn:3:30", "1 values for the tensor's 2"},
    {HEAD "tensor x: constant f32[1] = {1 2}\n", "a.trn:3:32", "more values than the tensor's 1"},
    {HEAD "tensor x: constant u8[1] = {256}\n", "a.trn:3:29", "not a value of u8"},
    {HEAD "tensor x: constant f32[1] = hex \"00\"\n", "a.trn:3:34", "2 digits for the tensor's 4 bytes"},
    {HEAD "tensor x: constant f32[1] = hex \"000000g0\"\n", "a.trn:3:40", "expected a digit"},
    {HEAD "tensor x: constant f32[1]\n", "a.trn:3:26", "expected '='"},
    {HEAD "tile 2: sbuf address=0 bytes=4\n", "a.trn:3:6", "tiles are numbered in order: 1 is next"},
    {HEAD "tile 1: hbm address=0 bytes=4\n", "a.trn:3:9", "expected 'psum', found 'hbm'"},
    {HEAD "tile 1: sbuf address=0 bytes=0\n", "a.trn", "tile 1: 1 slots of 0 bytes at 0 in sbuf"},
    {HEAD "tile 1: sbuf address=0 bytes=4\nvector.memset dst=sbuf.f32[p0:1 +0 1] value=0\n", "a.trn",
     "an operand in sbuf names no tile, others do"},
    {HEAD "tile 1: sbuf address=0 bytes=4\nvector.memset dst=sbuf.f32[tile2 p0:1 +0 1] value=0\n", "a.trn",
     "tile 2 is not in the table"},
    {HEAD "tile 1: psum address=0 bytes=4\nvector.memset dst=sbuf.f32[tile1 p0:1 +0 1] value=0\n", "a.trn",
     "an operand in sbuf names tile 1, which lies elsewhere"},
    {HEAD "loop %i = 4\n", "a.trn:4:1", "expected end of loop %i"},
    {HEAD "end\n", "a.trn:3:4", "end without an open loop"},
    {HEAD "loop %i = 4\nloop %i = 4\n", "a.trn:4:7", "a loop of this name is open"},
    {HEAD "loop %i = 4\nloop %j = 2\nend %i\n", "a.trn:5:6", "end of another loop than the innermost, %j"},
    {HEAD "loop %i = 99999999999\n", "a.trn:3:11", "must be from 0 to 2147483647"},
    {HEAD "loop %i = -1\n", "a.trn:3:11", "must be from 0"},
    {HEAD "loop %i = min(4, %i)\n", "a.trn:3:19", "no loop %i is open here"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +0 1]\n", "a.trn:3:38", "expected value= of memset"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +0 1] value=x\n", "a.trn:3:45", "expected a number, found 'x'"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +0 1] dst=\n", "a.trn:3:39", "field dst is given twice"},
    {HEAD "vector.memset src=\n", "a.trn:3:15", "memset has no field src"},
    {HEAD "vector.memset dst=rbuf\n", "a.trn:3:19", "expected an operand in sbuf, psum or hbm, found 'rbuf'"},
    {HEAD "vector.memset dst=sbuf.f32[0:1 +0 1]\n", "a.trn:3:28",
     "expected partitions, as in p0:128, found '0'"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 0 1]\n", "a.trn:3:33", "expected +OFFSET, found '0'"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +0 1 1 1 1 1 1]\n", "a.trn:3:46", "at most 5 free dimensions"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +0 1;\n", "a.trn:3:37", "expected COUNT@STEP or ']', found ';'"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +0+]\n", "a.trn:3:36", "expected a number or a loop, found ']'"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +0+4*5 1]\n", "a.trn:3:38", "expected a loop, as in %0"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +99999999999999999999 1]\n", "a.trn:3:34", "less than 2^64"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +9223372036854775808 1]\n", "a.trn:3:33", "outside 64 bits"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +9223372036854775807+1 1]\n", "a.trn:3:53", "outside 64 bits"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +2*(0 mod 0) 1]\n", "a.trn:3:43", "must be from 1"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +2*(0 mod 2)+2*(0 mod 3) 1]\n", "a.trn:3:45", "at most one"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +2*((0 mod 2) mod 2) 1]\n", "a.trn:3:37",
     "expected a number or a loop"},
    {HEAD "vector.memset dst=hbm.f32[x +0 1] value=0\n", "a.trn:3:27", "tensor x is not declared above"},
    {X "sync.dma_copy queue=256 \n", "a.trn:4:21", "must be from 0 to 255"},
    {X "sync.dma_copy dst=hbm.f32[x +0 4 by 1*hbm.i32[x +0 1]]\n", "a.trn:4:39",
     "expected an operand in sbuf"},
    {X "tensor.memset dst=sbuf.f32[p0:1 +0 1] value=0\n", "a.trn",
     "memset runs on VG, not on the tensor engine"},
    {X "scalar.activation dst=sbuf.f32[p0:1 +0 1] func=cos\n", "a.trn:4:48",
     "expected an activation function"},
    {X "vector.memset dst=sbuf.f32[p0:1 +0 1] value=0 @7\n", "a.trn:4:47",
     "location @7 is not declared above"},
    {"trn 1\nprogram p chip=trn1 sync=none\n", "a.trn:2:26", "expected derived or explicit, found 'none'"},
    {"trn 1\nprogram p chip=trn1 order=list sync=explicit\n", "a.trn", "sync=explicit with order=list"},
    {"trn 1\nprogram p chip=trn1 sync=explicit\n"
     "vector.memset order=list dst=sbuf.f32[p0:1 +0 1] value=0\n",
     "a.trn", "sync=explicit with order=list"},
    {SYNC "wait=T[0]>=1\n", "a.trn:3:52", "expected 'S', found 'T'"},
    {SYNC "wait=S[65536]>=1\n", "a.trn:3:54", "must be from 0 to 65535"},
    {SYNC "wait=S[0]=1\n", "a.trn:3:56", "expected '>='"},
    {SYNC "wait=S[0]>=%i\n", "a.trn:3:59", "no loop %i is open here"},
    {SYNC "wait=S[0]>=1 wait=S[1]>=1\n", "a.trn:3:60",
     "a second wait: an instruction has one; an event_semaphore before it takes another"},
    {SYNC "signal=S[0]+=1 signal=S[1]+=1\n", "a.trn:3:62", "a second signal: an instruction has one"},
    {SYNC "signal=S[0]+=0\n", "a.trn:3:60", "how much is added must be from 1"},
    {SYNC "signal=S[0]>=1\n", "a.trn:3:58", "expected '+='"},
    {HEAD "vector.memset dst=sbuf.f32[p0:1 +0 1] value=0 signal=S[0]+=1\n", "a.trn",
     "memset with semaphores, in a program that is not marked sync=explicit"},
    {HEAD "vector.event_semaphore\n", "a.trn", "not marked sync=explicit"},
    {SYNC "\nvector.event_semaphore\n", "a.trn",
     "event_semaphore waits for a semaphore, and does nothing else"},
    {SYNC "\nvector.event_semaphore wait=S[0]>=1 signal=S[0]+=1\n", "a.trn",
     "event_semaphore waits for a semaphore, and does nothing else"},
    {SYNC "\nloop %i = 2\nleave loop=%i value=sbuf.i32[p0:1 +0] compare=is_equal operand=0 "
          "wait=S[0]>=1\nend\n",
     "a.trn", "leave belongs to no engine that could wait or signal"},
};

static void test_errors(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        ts_program *program;
        ts_diag diag = {0};
        if (ts_program_parse(errors[i].text, "a.trn", &program, &diag) != ts_input)
            fail_msg("accepted: %s", errors[i].text);
        assert_null(program);
        if (strcmp(diag.where, errors[i].where) != 0 || !strstr(diag.message, errors[i].message))
            fail_msg("%s\nwanted %s: %s\ngot    %s: %s", errors[i].text, errors[i].where, errors[i].message,
                     diag.where, diag.message);
    }
    ts_program *program;
    assert_int_equal(ts_program_parse("x", "a.trn", &program, NULL), ts_input); /* no diag is allowed */
}

static void test_deep_nesting(void **state) {
    (void)state;
    ts_text text = {0};
    ts_text_add(&text, HEAD);
    for (int i = 0; i < TS_MAX_LOOP_DEPTH; i++)
        ts_text_format(&text, "loop %%l%d = 1\n", i);
    size_t length = text.length;
    for (int i = 0; i < TS_MAX_LOOP_DEPTH; i++)
        ts_text_add(&text, "end\n");
    ts_program *program;
    ts_diag diag = {0};
    assert_int_equal(ts_program_parse(text.data, "a.trn", &program, &diag), ts_ok);
    ts_program_free(program);
    text.length = length;
    ts_text_add(&text, "loop %one_more = 1\n");
    assert_int_equal(ts_program_parse(text.data, "a.trn", &program, &diag), ts_input);
    assert_non_null(strstr(diag.message, "nest at most 12 deep"));
    ts_text_free(&text);
    ts_diag deep = {0};
    ts_text_add(&text, HEAD "vector.memset dst=sbuf.f32[p");
    for (int i = 0; i < 100000; i++)
        ts_text_add(&text, "(");
    assert_int_equal(ts_program_parse(text.data, "a.trn", &program, &deep), ts_input);
    ts_text_free(&text);
}

/* Whatever a reader accepts can be printed, encoded and verified. */
static void use(ts_program *program) {
    ts_diag diag = {0}, other = {0};
    ts_chip chip;
    uint8_t *data;
    size_t size;
    char *text = text_of(program);
    assert_int_equal(ts_program_encode(program, &data, &size, &diag), ts_ok);
    assert_int_equal(ts_chip_get("trn1", &chip, &diag), ts_ok);
    ts_program_verify(program, &chip, &other);
    free(text);
    free(data);
    ts_program_free(program);
}

static void test_damaged_text(void **state) {
    (void)state;
    ts_program *source = random_program(5, 30), *program;
    char *text = text_of(source);
    size_t length = strlen(text);
    char *copy = malloc(length + 2);
    random_state r = {.seed = 9};
    for (int i = 0; i < 4000; i++) {
        memcpy(copy, text, length + 1);
        ts_diag diag = {0};
        size_t at = pick(&r, length);
        if (i % 3 == 0)
            copy[at] = 0;
        else if (i % 3 == 1)
            copy[at] = (char)(1 + pick(&r, 255));
        else
            memmove(copy + at, copy + at + 1, length - at);
        ts_status status = ts_program_parse(copy, "a.trn", &program, &diag);
        assert_true(status == ts_ok || status == ts_input);
        if (status == ts_ok)
            use(program);
        else
            assert_true(diag.message[0] && diag.where[0]);
    }
    free(copy);
    free(text);
    ts_program_free(source);
}

static void test_damaged_container(void **state) {
    (void)state;
    ts_program *source = random_program(6, 5), *program;
    ts_diag diag = {0};
    uint8_t *data;
    size_t size;
    assert_int_equal(ts_program_encode(source, &data, &size, &diag), ts_ok);
    char *text = text_of(source);
    for (size_t length = 0; length < size; length++) {
        uint8_t *cut = malloc(length + 1); /* exact size, so that a read past it is seen */
        memcpy(cut, data, length);
        diag = (ts_diag){0};
        assert_int_equal(ts_program_decode(cut, length, &program, &diag), ts_input);
        assert_null(program);
        free(cut);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (ts_program_decode(data, size, &program, NULL) == ts_ok) { /* a bit without meaning to zstd */
            char *same = text_of(program);
            assert_string_equal(text, same);
            free(same);
            ts_program_free(program);
        }
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(text);
    free(data);
    ts_program_free(source);
}

/* The payload itself, damaged and wrapped with a right hash: only the reader's own checks are left. */
static void test_damaged_payload(void **state) {
    (void)state;
    random_state r = {.seed = 11};
    int accepted = 0;
    for (int i = 0; i < 3000; i++) {
        uint8_t payload[600];
        size_t count = pick(&r, sizeof payload);
        for (size_t j = 0; j < count; j++)
            payload[j] = (uint8_t)(pick(&r, 3) ? pick(&r, 4) : pick(&r, 256));
        uint8_t *data;
        size_t size;
        ts_program *program;
        ts_diag diag = {0};
        assert_int_equal(ts_container_wrap(payload, count, &data, &size, &diag), ts_ok);
        if (ts_program_decode(data, size, &program, &diag) == ts_ok) {
            accepted++;
            use(program);
        } else {
            assert_int_equal(diag.status, ts_input);
        }
        free(data);
    }
    assert_true(accepted < 300);
}

static void test_claimed_size(void **state) {
    (void)state;
    uint8_t *data;
    size_t size;
    ts_program *program;
    ts_diag diag = {0};
    assert_int_equal(ts_container_wrap("", 0, &data, &size, &diag), ts_ok);
    uint64_t claim = UINT64_MAX;
    memcpy(data + 16, &claim, 8);
    assert_int_equal(ts_program_decode(data, size, &program, &diag), ts_input);
    assert_non_null(strstr(diag.message, "bytes claimed"));
    diag = (ts_diag){0};
    data[24] ^= 1;
    assert_int_equal(ts_program_decode(data, size, &program, &diag), ts_input);
    assert_non_null(strstr(diag.message, "another build"));
    diag = (ts_diag){0};
    data[4] = 9;
    assert_int_equal(ts_program_decode(data, size, &program, &diag), ts_input);
    assert_non_null(strstr(diag.message, "version 9"));
    diag = (ts_diag){0};
    assert_int_equal(ts_program_decode((const uint8_t *)"text", 4, &program, &diag), ts_input);
    assert_non_null(strstr(diag.message, "not a .trn file"));
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_round_trip),       cmocka_unit_test(test_container_round_trip),
        cmocka_unit_test(test_container_is_small),    cmocka_unit_test(test_readable_text),
        cmocka_unit_test(test_many_rotations),        cmocka_unit_test(test_documented_example),
        cmocka_unit_test(test_documents_are_current), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_deep_nesting),          cmocka_unit_test(test_damaged_text),
        cmocka_unit_test(test_damaged_container),     cmocka_unit_test(test_damaged_payload),
        cmocka_unit_test(test_claimed_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
