/* Two operators in one pass over rows of fp32, whose intermediate values stay in registers. The bits are
   those of two passes, except that of two NaNs either may be the result. */
#include "machine/engine.h"

/* The second operator's forms, with u the result of the first and w the other operand. */
typedef enum second {
    second_add,
    second_multiply,
    second_subtract,
    second_subtract_from,
    second_none
} second;

static second second_of(unsigned op, bool is_reversed) {
    if (op == ts_alu_add) return second_add;
    if (op == ts_alu_multiply) return second_multiply;
    if (op == ts_alu_subtract) return is_reversed ? second_subtract_from : second_subtract;
    return second_none;
}

bool ts_alu_is_two(const ts_alu_two *two) {
    const bool is_first = two->op[0] == ts_alu_add || two->op[0] == ts_alu_multiply;
    return is_first && second_of(two->op[1], two->is_reversed[1]) != second_none;
}

#define LOOP(first, other, second)                                                                           \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                                    \
        const float x = a[i], u = (first), w = (other);                                                      \
        out[i] = (second);                                                                                   \
    }                                                                                                        \
    break;

#define SECONDS(first, other)                                                                                \
    switch (then) {                                                                                          \
    case second_add: LOOP(first, other, u + w)                                                               \
    case second_multiply: LOOP(first, other, u *w)                                                           \
    case second_subtract: LOOP(first, other, u - w)                                                          \
    case second_subtract_from: LOOP(first, other, w - u)                                                     \
    case second_none: break;                                                                                 \
    }

TS_CLONES
static void with_array(bool is_product, second then, const float *a, float y, const float *b, float *out,
                       int64_t n) {
    if (is_product)
        SECONDS(x * y, b[i])
    else
        SECONDS(x + y, b[i])
}

TS_CLONES
static void with_number(bool is_product, second then, const float *a, float y, float z, float *out,
                        int64_t n) {
    if (is_product)
        SECONDS(x * y, z)
    else
        SECONDS(x + y, z)
}

void ts_alu_floats_two(const ts_alu_two *two, const float *a, const float *b, float *out, int64_t n) {
    const second then = second_of(two->op[1], two->is_reversed[1]);
    const bool is_product = two->op[0] == ts_alu_multiply;
    if (b)
        with_array(is_product, then, a, two->number[0], b, out, n);
    else
        with_number(is_product, then, a, two->number[0], two->number[1], out, n);
}
