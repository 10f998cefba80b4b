/* Each rule of advice: a program that has the pattern and one that just misses it; for rules that promise a
   gain, also the edited program. */
#include "report_support.h"

static ts_program *program_of(const char *body) {
    ts_text text = {0};
    ts_text_format(&text, "trn 1\nprogram step chip=trn1%s", body);
    ts_program *program = parse_text(text.data, body);
    ts_text_free(&text);
    return program;
}

typedef struct pair {
    const char *id, *title; /* the title: two rules may share an id */
    const char *with, *without;
} pair;

#define COPIES                                                                                               \
    "loop %0 = 400\n"                                                                                        \
    "  vector.tensor_copy dst=sbuf.f32[p0:128 +0 512] src=psum.f32[p0:128 +0 512]\n"                         \
    "  scalar.tensor_copy dst=sbuf.f32[p0:128 +4096 512] src="
#define PAIR(dtype, first)                                                                                   \
    "\nloop %0 = 400\n  vector.tensor_tensor dst=sbuf." dtype "[p0:128 +8192 512] data1=" first "." dtype    \
    "[p0:128 +0 512] data2=sbuf." dtype "[p0:128 +4096 512] op=add\nend %0\n"
#define TRANSPOSED(extra)                                                                                    \
    "\nloop %0 = 400\n" extra                                                                                \
    "  tensor.nc_matmul dst=psum.f32[p0:128 +2048 128] stationary=sbuf.f32[p0:128 +0 128] "                  \
    "moving=sbuf.f32[p0:128 +1024 128]\nend %0\n"
#define TRANSPOSE "  tensor.nc_transpose dst=psum.f32[p0:128 +0 128] data=sbuf.f32[p0:128 +0 128]\n"
#define LOADS(dtype, shape, offset)                                                                          \
    "\ntensor a: input 0 " dtype shape "\nloop %0 = 50\n"                                                    \
    "  sync.dma_copy queue=0 dst=sbuf." dtype "[p0:128 +8192*(%0 mod 8) 2048] src=hbm." dtype "[a " offset   \
    " 128@2048 2048]\nend %0\n"
#define STORED(kind, address)                                                                                \
    kind " f32[128,2048]" address "\nloop %0 = 50\n"                                                         \
         "  sync.dma_copy queue=0 dst=hbm.f32[s +0 128@2048 2048] src=sbuf.f32[p0:128 +0 2048]\nend %0\n"
#define RUNS(runs, length)                                                                                   \
    "\ntensor a: input 0 f32[128,65536]\nloop %0 = 50\n"                                                     \
    "  sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 " runs "@" length " " length                             \
    "] src=hbm.f32[a +0 128@65536 " runs "@32 " length "]\nend %0\n"
#define QUEUES(queue)                                                                                        \
    "\ntensor a: input 0 f32[400,128,16]\nloop %0 = 100\n"                                                   \
    "  sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +64*(4*%0 mod 64) 16] src=hbm.f32[a +8192*%0 128@16 16]\n"  \
    "  sync.dma_copy queue=" queue                                                                           \
    " dst=sbuf.f32[p0:128 +8192+64*(4*%0 mod 64) 16] src=hbm.f32[a +8192*%0+2048 128@16 16]\nend %0\n"
#define PRODUCT(rows, columns, count)                                                                        \
    "\nloop %0 = 400\n  tensor.nc_matmul dst=psum.f32[p0:" columns " +0 " count                              \
    "] stationary=sbuf.bf16[p0:" rows " +0 " columns "] moving=sbuf.bf16[p0:" rows " +1024 " count           \
    "]\nend %0\n"
#define SMALL(count)                                                                                         \
    "\nloop %0 = 2000\n  vector.tensor_copy dst=sbuf.f32[p0:128 +0 " count                                   \
    "] src=sbuf.f32[p0:128 +65536 " count "]\nend %0\n"
#define CHAIN(second)                                                                                        \
    "\nloop %0 = 1000\n"                                                                                     \
    "  vector.tensor_scalar dst=sbuf.f32[p0:128 +0 400] data=sbuf.f32[p0:128 +0 400] op0=add operand0=1\n"   \
    "  vector.tensor_scalar dst=sbuf.f32[p0:128 +" second " 400] data=sbuf.f32[p0:128 +" second              \
    " 400] op0=add operand0=1\nend %0\n"
#define BUFFERS(count)                                                                                       \
    "\ntensor a: input 0 f32[200,128,512]\nloop %0 = 200\n"                                                  \
    "  sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +2048*(%0 mod " count                                       \
    ") 512] src=hbm.f32[a +65536*%0 128@512 512]\n"                                                          \
    "  vector.tensor_copy dst=sbuf.f32[p0:128 +65536 512] src=sbuf.f32[p0:128 +2048*(%0 mod " count          \
    ") 512]\nend %0\n"
#define TURNS(order)                                                                                         \
    order                                                                                                    \
        "\nloop %0 = 300\n"                                                                                  \
        "  vector.tensor_scalar dst=sbuf.f32[p0:128 +2048*(%0 mod 4) 512] data=sbuf.f32[p0:128 +65536 512] " \
        "op0=add operand0=1\n"                                                                               \
        "  scalar.activation dst=sbuf.f32[p0:128 +16384+2048*(%0 mod 4) 512] func=relu "                     \
        "data=sbuf.f32[p0:128 +2048*(%0 mod 4) 512] scale=1\n"                                               \
        "  vector.tensor_scalar dst=sbuf.f32[p0:128 +32768+2048*(%0 mod 4) 512] "                            \
        "data=sbuf.f32[p0:128 +16384+2048*(%0 mod 4) 512] op0=add operand0=1\nend %0\n"
#define TABLES(second)                                                                                       \
    "\nloop %0 = 300\n"                                                                                      \
    "  scalar.activation dst=sbuf.f32[p0:128 +0 512] func=exp data=sbuf.f32[p0:128 +8192 512] scale=1\n"     \
    "  scalar.activation dst=sbuf.f32[p0:128 +4096 512] func=" second                                        \
    " data=sbuf.f32[p0:128 +8192 512] scale=1\nend %0\n"
/* A gradient on TensorE, then 20 passes over a parameter. */
#define TRAINING(dtype, name, extra)                                                                         \
    "\nloc @1 \"m.py\":1:1 \"jit(step)/transpose(jvp(x))/dot_general\"\n"                                    \
    "loc @2 \"m.py\":2:1 \"" name "\"\n"                                                                     \
    "tensor w: output 0 f32[20,128,2048]\nloop %0 = 300\n"                                                   \
    "  tensor.nc_matmul dst=psum.f32[p0:128 +0 512] stationary=sbuf.bf16[p0:128 +0 128] "                    \
    "moving=sbuf.bf16[p0:128 +1024 512] @1\nend %0\nloop %1 = 20\n"                                          \
    "  sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +8192*(%1 mod 2) 2048] "                                    \
    "src=hbm.f32[w +262144*%1 128@2048 2048] @2\n" extra                                                     \
    "  scalar.dma_copy queue=1 dst=hbm.f32[w +262144*%1 128@2048 2048] "                                     \
    "src=sbuf.f32[p0:128 +8192*(%1 mod 2) 2048] @2\nend %1\n"
#define SUMS(reduced)                                                                                        \
    "\nloop %0 = 300\n"                                                                                      \
    "  scalar.activation dst=sbuf.f32[p0:128 +0 512] func=exp data=sbuf.f32[p0:128 +8192 512] scale=1\n"     \
    "  vector.tensor_reduce dst=sbuf.f32[p0:128 +4096 1] data=sbuf.f32[p0:128 +" reduced                     \
    " 512] op=add axes=1\nend %0\n"
/* Two tiles of 90 KiB a partition. */
#define FULL(elems)                                                                                          \
    "\ntensor a: input 0 f32[20,128," elems "]\nloop %0 = 20\n"                                              \
    "  sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 " elems "] src=hbm.f32[a +0 128@" elems " " elems "]\n"  \
    "  vector.tensor_copy dst=sbuf.f32[p0:128 +98304 " elems "] src=sbuf.f32[p0:128 +0 " elems "]\n"         \
    "end %0\n"

/* Collectives of `length` elements, one after the other. */
#define TOGETHER(dtype, kind, op, count, length, part)                                                       \
    " ranks=2\ntensor x: input 0 " dtype "[64," part "]\ntensor y: output 0 " dtype "[64," length "]\n"      \
    "tensor g: constant i32[1,2] = {0 1}\nloop %0 = " count "\n"                                             \
    "  gpsimd.collective kind=" kind " dst=hbm." dtype "[y +" length "*%0 " length "] src=hbm." dtype        \
    "[x +" part "*%0 " part "] op=" op " groups=hbm.i32[g +0 2]\nend %0\n"
/* Half a millisecond of VectorE on values loaded from a tensor. */
#define THEN(tensor)                                                                                         \
    "sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 512] src=hbm.f32[" tensor " +0 512]\n"                       \
    "loop %0 = 1000\n"                                                                                       \
    "  vector.tensor_copy dst=sbuf.f32[p0:1 +4096 512] src=sbuf.f32[p0:1 +0 512]\nend %0\n"

static const pair PAIRS[] = {
    {"A1", "Let engines take turns on PSUM and SBUF less", "\n" COPIES "psum.f32[p0:128 +4096 512]\nend %0\n",
     "\n" COPIES "sbuf.f32[p0:128 +8192 512]\nend %0\n"},
    {"A2", "Combine tensors in bf16", PAIR("f32", "sbuf"), PAIR("f32", "psum")},
    {"A3", "Move longer contiguous rows", RUNS("64", "16"), RUNS("1", "32768")},
    {"A3", "Fewer transfers on each queue", QUEUES("0"), LOADS("f32", "[50,128,2048]", "+262144*%0")},
    {"A4", "Save transposes", TRANSPOSED(TRANSPOSE), TRANSPOSED("")},
    {"A5", "Load each value once", LOADS("f32", "[128,2048]", "+0"),
     LOADS("f32", "[50,128,2048]", "+262144*%0")},
    {"A6", "Keep values on the chip between operations",
     STORED(" scratch_bytes=1048576\ntensor s: scratch", " address=0"), STORED("\ntensor s: output 0", "")},
    {"A7", "Multiply in bf16", TRANSPOSED(""), PRODUCT("128", "128", "128")},
    {"A8", "Fill the PE array", PRODUCT("64", "128", "512"), PRODUCT("96", "96", "128")},
    {"A9", "Larger instructions", SMALL("64"), SMALL("512")},
    {"A10", "Break chains of dependent instructions", CHAIN("0"), CHAIN("8192")},
    {"A11", "Hide or save DMA round trips", BUFFERS("1"), SMALL("512")},
    {"A11", "One more buffer", BUFFERS("1"), BUFFERS("4")},
    {"A12", "Let trips of a loop overlap", TURNS(""), TURNS(" order=list")},
    {"A13", "Switch function tables less", TABLES("gelu"), TABLES("exp")},
    {"A14", "Avoid what no engine does",
     "\nloop %0 = 100\n  gpsimd.gpsimd_fold_angle dst=sbuf.f32[p0:128 +0 64] data=sbuf.f32[p0:128 +4096 64] "
     "quarters=0\nend %0\n",
     SMALL("64")},
    {"A15", "Move collectives behind other work",
     TOGETHER("f32", "all_reduce", "add", "1", "1048576", "1048576") THEN("y"),
     TOGETHER("f32", "all_reduce", "add", "1", "1048576", "1048576") THEN("x")},
    {"A15", "Fewer, larger collectives", TOGETHER("f32", "all_reduce", "add", "64", "4096", "4096"),
     TOGETHER("f32", "all_reduce", "add", "4", "4194304", "4194304")},
    {"A15", "Leave each rank its part of the sum",
     TOGETHER("f32", "all_reduce", "add", "4", "1048576", "1048576"),
     TOGETHER("f32", "all_gather", "bypass", "4", "1048576", "524288")},
    {"A15", "Send bf16", TOGETHER("f32", "all_gather", "bypass", "4", "1048576", "524288"),
     TOGETHER("bf16", "all_gather", "bypass", "4", "1048576", "524288")},
    {"A16", "Launch less often", "\nvector.memset dst=sbuf.f32[p0:128 +0 8] value=0\n", SMALL("64")},
    {"A17", "Update weights while the gradient is computed", TRAINING("f32", "jit(step)/sub", ""),
     TRAINING("f32", "jit(step)/jvp(x)/sub", "")},
    {"A18", "Sum while Scalar activates", SUMS("0"), SUMS("2048")},
    {"A19", "Store in bf16 what travels", LOADS("f32", "[50,128,2048]", "+262144*%0"),
     LOADS("bf16", "[50,128,2048]", "+262144*%0")},
    {"A22", "Make room in SBUF", FULL("24000"), FULL("16000")},
};

static bool has(const ts_program *program, const pair *rule) {
    ts_report report;
    bool is_found = false;
    make(program, false, &report);
    for (uint32_t i = 0; i < report.remedies.count; i++)
        is_found |= strcmp(report.remedies.data[i].id, rule->id) == 0 &&
                    strcmp(report.remedies.data[i].title, rule->title) == 0;
    ts_report_free(&report);
    return is_found;
}

static void test_patterns(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        ts_program *with = program_of(PAIRS[i].with), *without = program_of(PAIRS[i].without);
        if (!has(with, &PAIRS[i])) fail_msg("%s, %s: not found", PAIRS[i].id, PAIRS[i].title);
        if (has(without, &PAIRS[i])) fail_msg("%s, %s: found where it is not", PAIRS[i].id, PAIRS[i].title);
        check_program(with, PAIRS[i].title);
        check_program(without, PAIRS[i].title);
        ts_program_free(with);
        ts_program_free(without);
    }
}

/* Each rule's text has two figures and something to do. */
static void test_words(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        ts_program *program = program_of(PAIRS[i].with);
        ts_report report;
        make(program, false, &report);
        const ts_report_remedy *remedy = find_remedy(&report, PAIRS[i].id);
        assert_non_null(remedy);
        int figures = 0;
        for (const char *at = remedy->evidence; *at;) {
            size_t digits = strspn(at, "0123456789.");
            figures += digits > 0;
            at += digits ? digits : 1;
        }
        if (figures < 2) fail_msg("%s: %s", remedy->id, remedy->evidence);
        assert_true(strchr(".", remedy->evidence[strlen(remedy->evidence) - 1]) == NULL);
        assert_true(strlen(remedy->action) > 20);
        ts_report_free(&report);
        ts_program_free(program);
    }
}

/* ---- promises ---- */

typedef struct promise {
    const char *id, *before, *after;
    double least, most; /* bounds of the edited program's gain, as a share of the promise */
} promise;

/* "At most" is a bound: the edit reaches nearly all of it here, and never more. */
static const promise PROMISES[] = {
    {"A2", PAIR("f32", "sbuf"), PAIR("bf16", "sbuf"), 0.98, 1.02},
    {"A3", RUNS("64", "16"), RUNS("1", "1024"), 0.98, 1},
    {"A4", TRANSPOSED(TRANSPOSE), TRANSPOSED(""), 0.98, 1},
    {"A7", TRANSPOSED(""),
     "\nloop %0 = 400\n  tensor.nc_matmul dst=psum.f32[p0:128 +2048 128] "
     "stationary=sbuf.bf16[p0:128 +0 128] moving=sbuf.bf16[p0:128 +1024 128]\nend %0\n",
     1, 1},
    {"A15", TOGETHER("f32", "all_gather", "bypass", "4", "4194304", "2097152"),
     TOGETHER("bf16", "all_gather", "bypass", "4", "4194304", "2097152"), 0.98, 1.02},
    {"A15", TOGETHER("f32", "all_reduce", "add", "1", "1048576", "1048576") THEN("y"),
     TOGETHER("f32", "all_reduce", "add", "1", "1048576", "1048576") THEN("x"), 0.9, 1.01},
    {"A19", LOADS("f32", "[50,128,2048]", "+262144*%0"), LOADS("bf16", "[50,128,2048]", "+262144*%0"), 0.98,
     1.02},
};

static void test_promises(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof PROMISES / sizeof PROMISES[0]; i++) {
        ts_program *before = program_of(PROMISES[i].before), *after = program_of(PROMISES[i].after);
        ts_report report;
        ts_chip chip = table_chip();
        make(before, false, &report);
        const ts_report_remedy *remedy = find_remedy(&report, PROMISES[i].id);
        assert_non_null(remedy);
        double gained = (double)(report.record.total - clock_total(after, &chip));
        double part = gained / (double)remedy->gain;
        if (part < PROMISES[i].least || part > PROMISES[i].most)
            fail_msg("%s promises %lld ps, the edited program gains %.0f", remedy->id,
                     (long long)remedy->gain, gained);
        if (part < 1)
            assert_true(strcmp(remedy->method, "edit") == 0 || strcmp(remedy->method, "bound") == 0);
        ts_report_free(&report);
        ts_program_free(before);
        ts_program_free(after);
    }
}

/* ---- limits that no remedy moves ---- */

static bool notes(const char *body, const char *id) {
    ts_program *program = program_of(body);
    ts_report report;
    bool is_found = false;
    make(program, false, &report);
    for (uint32_t i = 0; i < report.notes.count; i++)
        is_found |= strcmp(report.notes.data[i].id, id) == 0;
    ts_report_free(&report);
    ts_program_free(program);
    return is_found;
}

static void test_notes(void **state) {
    (void)state;
    const char *const many = "\nloop %9 = 50" PRODUCT("128", "128", "512") "end %9\n";
    const char *const short_rows = "\nloop %9 = 50" PRODUCT("128", "128", "128") "end %9\n";
    assert_true(notes(many, "A20"));
    assert_false(notes(short_rows, "A20"));
    assert_true(notes(LOADS("f32", "[50,128,2048]", "+262144*%0"), "A19"));
    assert_false(notes(LOADS("f32", "[128,2048]", "+0"), "A22"));
    assert_false(notes(SMALL("512"), "A19"));
    assert_true(notes("\ntensor a: input 0 f32[4000000000]\n", "A22"));
    assert_false(notes("\ntensor a: input 0 f32[3000000000]\n", "A22"));
}

/* ---- programs that ran at the same time ---- */

static bool differs(const char *a, const char *b, ts_text *words) {
    ts_program *programs[2] = {program_of(a), program_of(b)};
    ts_record records[2];
    ts_report_rank ranks[2];
    ts_chip chip = table_chip();
    for (int i = 0; i < 2; i++) {
        clock_run(programs[i], &chip, &records[i]);
        ranks[i] = (ts_report_rank){programs[i], &records[i], "rank", 4 + i};
    }
    bool is = ts_report_imbalance(ranks, 2, words);
    for (int i = 0; i < 2; i++) {
        ts_record_free(&records[i]);
        ts_program_free(programs[i]);
    }
    return is;
}

#define TRIPS(count)                                                                                         \
    "\nloc @1 \"step.py\":7:1 \"add\"\nloop %0 = " count                                                     \
    "\n  vector.tensor_copy dst=sbuf.f32[p0:128 +0 512] src=sbuf.f32[p0:128 +4096 512] @1\nend %0\n"

static void test_imbalance(void **state) {
    (void)state;
    ts_text words = {0};
    assert_false(differs(TRIPS("1000"), TRIPS("1000"), &words));
    assert_false(differs(TRIPS("1000"), TRIPS("1040"), &words));
    assert_int_equal(words.length, 0);
    assert_true(differs(TRIPS("1000"), TRIPS("1300"), &words));
    assert_non_null(strstr(words.data, "rank 5 takes"));
    assert_non_null(strstr(words.data, "more than rank 4"));
    assert_non_null(strstr(words.data, "step.py:7, Vector"));
    ts_text_free(&words);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_patterns), cmocka_unit_test(test_words),
                                       cmocka_unit_test(test_promises), cmocka_unit_test(test_notes),
                                       cmocka_unit_test(test_imbalance)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
