/* The module check and what the compiler refuses before lowering: for each, the whole line that a user reads,
   with the operation, the line in their source, the limit and a remedy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/compile.h"

#define HEAD   "func @main(%x: f32[2,3], %i: i32[], %p: i1[]) -> (f32[2,3]) {\n"
#define TAIL   "\n  return %x\n}\n"
#define AT     " @\"train.py\":12:3"
#define BROKEN " (the program breaks StableHLO's rules: see what wrote or changed it)"
#define STATIC " (export the program with static shapes)"

static void expect(const char *text, const char *line) {
    ts_diag diag = {0};
    ts_module *module;
    ts_program *program = NULL;
    ts_chip chip;
    char is[1024] = "";
    if (ts_module_parse(text, "a.mlir", &module, &diag) != ts_ok) fail_msg("%s in\n%s", diag.message, text);
    assert_int_equal(ts_chip_get("trn1", &chip, &diag), ts_ok);
    if (ts_compile(module, &chip, NULL, &program, &diag) != ts_ok) ts_diag_format(&diag, is, sizeof is);
    if (strcmp(is, line) != 0) fail_msg("\"%s\" where \"%s\" was expected for\n%s", is, line, text);
    ts_program_free(program);
    ts_module_free(module);
}

typedef struct row {
    const char *text, *line;
} row;

static void expect_all(const row *rows, size_t count) {
    for (size_t i = 0; i < count; i++)
        expect(rows[i].text, rows[i].line);
}
#define EXPECT_ALL(rows) expect_all(rows, sizeof(rows) / sizeof *(rows))

static void test_accepts(void **state) {
    (void)state;
    expect(HEAD TAIL, "");
    expect("func @main() {\n  return\n}\n", "");
    expect("func @main(%x: f32[0,3]) -> (f32[3,0]) {\n  %y = transpose %x {permutation = [1, 0]} : f32[3,0]\n"
           "  return %y\n}\n",
           "");
}

static void test_operands(void **state) {
    (void)state;
    static const row rows[] = {
        {HEAD "  %y = add %x, %i : f32[2,3]" AT TAIL, "input: stablehlo.add at train.py:12: operand 1 is "
                                                      "i32[] and must have the shape of f32[2,3]" BROKEN},
        {HEAD "  %y = add %x : f32[2,3]" AT TAIL,
         "input: stablehlo.add at train.py:12: 1 operands and must have 2" BROKEN},
        {HEAD "  %y = add %x, %x : f16[2,3]" AT TAIL,
         "input: stablehlo.add at train.py:12: the result is f16[2,3] and must be of f32" BROKEN},
        {HEAD "  %y = reduce_precision %x {exponent_bits = 0, mantissa_bits = 4}" AT TAIL,
         "input: stablehlo.reduce_precision at train.py:12: exponent_bits must be positive and mantissa_bits "
         "natural" BROKEN},
        {HEAD "  %y = compare XX %x, %x" AT TAIL,
         "input: stablehlo.compare at train.py:12: comparison_direction must be EQ, NE, GE, GT, LE or "
         "LT" BROKEN},
        {HEAD "  %y = select %i, %x, %x" AT TAIL,
         "input: stablehlo.select at train.py:12: the predicate is i32[] and must be i1" BROKEN},
        {HEAD "  %y = or %x, %x" AT TAIL, "input: stablehlo.or at train.py:12: operand 0 is f32[2,3] and "
                                          "must be of integers or predicates" BROKEN},
        {HEAD "  %y = exponential %i" AT TAIL,
         "input: stablehlo.exponential at train.py:12: operand 0 is i32[] and must be of floats or complex "
         "numbers" BROKEN},
        {HEAD "  %y = subtract %p, %p" AT TAIL,
         "input: stablehlo.subtract at train.py:12: operand 0 is i1[] and must be of numbers" BROKEN},
        {HEAD "  %y = abs %x {a = 1} : f32[2,3]" AT " empty" TAIL,
         "input: stablehlo.abs at train.py:12: 1 regions and must have 0" BROKEN},
    };
    EXPECT_ALL(rows);
}

static void test_attributes(void **state) {
    (void)state;
    static const row rows[] = {
        {HEAD "  %y = dot_general %x, %x {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = "
              "[0]} : f32[2,3]" AT TAIL,
         "input: stablehlo.dot_general at train.py:12: contracting axes differ in size: axis 1 of f32[2,3] "
         "and axis "
         "0 of f32[2,3]" BROKEN},
        {HEAD "  %y = slice %x {start_indices = [0, 0], limit_indices = [2, 9]} : f32[2,9]" AT TAIL,
         "input: stablehlo.slice at train.py:12: 0:9:1 is no slice of axis 1 of f32[2,3]" BROKEN},
        {HEAD "  %y = transpose %x {permutation = [1, 1]} : f32[3,3]" AT TAIL,
         "input: stablehlo.transpose at train.py:12: permutation names axis 1 a second time" BROKEN},
        {HEAD "  %y = reduce %x, %x {dimensions = [7]} : f32[2]" AT
              " (%a: f32[], %b: f32[]) {\n  return %a\n}" TAIL,
         "input: stablehlo.reduce at train.py:12: initial value 0 is f32[2,3] and must be a scalar of the "
         "input's "
         "type" BROKEN},
        {HEAD "  %y = pad %x, %i {edge_padding_low = [0, 0], interior_padding = [0, 0]} : f32[2,3]" AT TAIL,
         "input: stablehlo.pad at train.py:12: the padding value is i32[] and must be a scalar of the "
         "operand's "
         "type" BROKEN},
        {HEAD "  %y = iota {iota_dimension = 4} : f32[2,3]" AT TAIL,
         "input: stablehlo.iota at train.py:12: iota_dimension is 4 and must be an axis of 2" BROKEN},
        {HEAD "  %y = broadcast_in_dim %x {broadcast_dimensions = [0, 1]} : f32[2,4]" AT TAIL,
         "input: stablehlo.broadcast_in_dim at train.py:12: axis 1 of f32[2,3] does not broadcast to axis 1 "
         "of "
         "f32[2,4]" BROKEN},
        {HEAD "  %y = reshape %x : f32[7]" AT TAIL,
         "input: stablehlo.reshape at train.py:12: f32[2,3] does not reshape to f32[7]" BROKEN},
    };
    EXPECT_ALL(rows);
}

static void test_regions_and_calls(void **state) {
    (void)state;
    static const row rows[] = {
        {HEAD "  %y = while %x : f32[2,3]" AT
              " (%a: f32[2,3]) {\n  return %x\n} (%b: f32[2,3]) {\n  return %b\n}" TAIL,
         "input: stablehlo.while at train.py:12: the condition must return i1[]" BROKEN},
        {HEAD "  %y = while %x : f32[2,3]" AT " empty (%b: f32[2,3]) {\n  return %b\n}" TAIL,
         "input: stablehlo.while at train.py:12: region 0 is empty" BROKEN},
        {HEAD "  %y = case %x : f32[2,3]" AT " () {\n  return %x\n}" TAIL,
         "input: stablehlo.case at train.py:12: the choice is f32[2,3] and must be i32[]" BROKEN},
        {HEAD "  %y = call @g %x : f32[2,3]" AT TAIL,
         "input: stablehlo.call at train.py:12: calls @g, which does not exist" BROKEN},
        {HEAD "  %y = call @g %x : f32[2,3]" AT TAIL
              "func private @g(%x: i32[]) -> (i32[]) {\n  return %x\n}\n",
         "input: stablehlo.call at train.py:12: an operand is f32[2,3] and must be i32[]" BROKEN},
        {HEAD "  %y = call @g %x : f32[2,3]" AT TAIL "func private @g(%x: f32[2,3]) -> (f32[2,3]) {\n"
              "  %y = call @g %x : f32[2,3] @\"lib.py\":3:1\n  return %y\n}\n",
         "input: stablehlo.call at lib.py:3: @g calls itself" BROKEN},
        {HEAD "  return %x, %x" AT "\n}\n",
         "input: stablehlo.return at train.py:12: returns 2 values where @main has 1 results" BROKEN},
        {HEAD "  return %x" AT "\n  %y = abs %x\n}\n",
         "input: stablehlo.return at train.py:12: a block must end in return and have no other" BROKEN},
    };
    EXPECT_ALL(rows);
}

static void test_unsupported(void **state) {
    (void)state;
    static const row rows[] = {
        {"func @main(%x: f32[?]) -> (f32[?]) {\n  return %x\n}\n",
         "unsupported: argument 0 of @main has a dimension that is known only at run time: f32[?]" STATIC},
        {HEAD "  %y = dynamic_reshape %x, %x : f32[?,3]" AT TAIL,
         "unsupported: stablehlo.dynamic_reshape at train.py:12: a value of type f32[?,3] has a dimension "
         "that is "
         "known only at run time" STATIC},
        {"func @main(%x: f32[2], %t: token) {\n  return\n}\n",
         "unsupported: argument 1 of @main is a token (pass tensors only)"},
        {HEAD "  %y = custom_call %x {call_target_name = \"my_kernel\"} : f32[2,3]" AT "\n  return %y\n}\n",
         "unsupported: stablehlo.custom_call at train.py:12: the compiler has no lowering for this "
         "operation: "
         "my_kernel (docs/conformance.md counts what runs, operation by operation)"},
        {"func @main(%x: f64[2]) -> (f64[2]) {\n  %y = add %x, %x" AT "\n  return %y\n}\n",
         "unsupported: stablehlo.add at train.py:12: trn1 has no datapath for f64 (use f32, bf16, f16 or "
         "32-bit "
         "integers (jax_enable_x64 off))"},
        {"func @step(%x: f32[2]) -> (f32[2]) {\n  return %x\n}\n",
         "input: the module has no function @main; its first is @step (name the function to compile main)"},
        {"", "input: the module has no function @main (name the function to compile main)"},
        {HEAD "  %y = broadcast_in_dim %x {broadcast_dimensions = [1, 2]} : f32[99999999999999,2,3]" AT
              "\n  return %x\n}\n",
         "capacity: stablehlo.broadcast_in_dim at train.py:12: a value of type f32[99999999999999,2,3] is "
         "larger than "
         "2^46 bytes (use smaller shapes: no chip's HBM holds this)"},
    };
    EXPECT_ALL(rows);
}

/* Inputs that fuzzers found: each crashed the compiler, or passed the check and failed later. */
static void test_findings(void **state) {
    (void)state;
    static const row rows[] = {
        {"func @main() -> (f32[2]) {\n  %x = constant -inf : f32[]\n"
         "  %y = broadcast_in_dim %x {broadcast_dimensions = []} : f32[2]\n  return %y\n}\n",
         ""},
        {"func @main(%x: f32[0], %i: i32[4,1]) -> (f32[4]) {\n  %y = gather %x, %i {index_vector_dim = 1, "
         "offset_dims = [], "
         "collapsed_slice_dims = [0], slice_sizes = [0], start_index_map = [0]} : f32[4]" AT
         "\n  return %y\n}\n",
         "input: stablehlo.gather at train.py:12: takes elements from axis 0 of f32[0], which has "
         "none" BROKEN},
        {"func @main(%x: bf16[4], %i: bf16[]) -> (bf16[]) {\n  %y = reduce %x, %i {dimensions = [0]} : bf16[]"
         " (%a: bf16[], %b: bf16[]) {\n    %c = or %a, %b" AT "\n    return %c\n  }\n  return %y\n}\n",
         "input: stablehlo.or at train.py:12: operand 0 is bf16[] and must be of integers or "
         "predicates" BROKEN},
        {"func @main(%x: i32[2]) -> (i32[2]) {\n  %y = composite %x {name = \"chlo.erf\", decomposition = "
         "@erf} : i32[2]\n"
         "  return %y\n}\nfunc private @erf(%x: i32[2]) -> (i32[2]) {\n  return %x\n}\n",
         ""},
        {"func @main(%x: f32[0]) -> (f32[0]) {\n  return %x\n}\n", ""},
    };
    EXPECT_ALL(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),     cmocka_unit_test(test_operands),
        cmocka_unit_test(test_attributes),  cmocka_unit_test(test_regions_and_calls),
        cmocka_unit_test(test_unsupported), cmocka_unit_test(test_findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
