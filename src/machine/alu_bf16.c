/* The commonest operators on arrays of bf16. Each element is widened, computed in fp32 and rounded in
   registers, without arrays of fp32 in between. The bits are those that ts_alu_floats and a cast give. */
#include "base/bf16.h"
#include "base/host.h"
#include "machine/engine.h"
#include "machine/vector.h"

bool ts_alu_is_bf16(unsigned op) {
    return op == ts_alu_add || op == ts_alu_subtract || op == ts_alu_multiply;
}

/* ---- in whole vectors, where the CPU rounds to bf16 ---- */

/* Two operands: each an array or, where it is NULL, the number. */
typedef struct operands {
    const uint16_t *a, *b;
    float number;
} operands;

#ifdef TS_BF16_TARGET
TS_BF16_TARGET static inline __m512 load(const uint16_t *from, float number) {
    return from ? ts_bf16_load(from) : _mm512_set1_ps(number);
}

#define VECTORS(name, intrinsic)                                                                             \
    case ts_alu_##name:                                                                                      \
        for (; i + TS_BF16_STEP <= n; i += TS_BF16_STEP) {                                                   \
            __m512 result[2];                                                                                \
            for (int half = 0; half < 2; half++) {                                                           \
                const int64_t at = i + half * TS_BF16_LANES;                                                 \
                const __m512 a = load(o.a ? o.a + at : NULL, o.number);                                      \
                const __m512 b = load(o.b ? o.b + at : NULL, o.number);                                      \
                result[half] = intrinsic(a, b);                                                              \
            }                                                                                                \
            ts_bf16_store(out + i, result[0], result[1]);                                                    \
        }                                                                                                    \
        break;

TS_BF16_TARGET static int64_t vectors(unsigned op, operands o, uint16_t *out, int64_t n) {
    int64_t i = 0;
    switch (op) {
        VECTORS(add, _mm512_add_ps)
        VECTORS(subtract, _mm512_sub_ps)
        VECTORS(multiply, _mm512_mul_ps)
    default: break;
    }
    return i;
}
#endif

/* Does whole vectors, where the CPU can round them; returns the number of elements done. */
static int64_t do_vectors(unsigned op, operands o, uint16_t *out, int64_t n) {
#ifdef TS_BF16_TARGET
    if (ts_isa_vectors() == ts_isa_avx512bf16) return vectors(op, o, out, n);
#endif
    (void)op, (void)o, (void)out, (void)n;
    return 0;
}

/* ---- for any CPU ---- */

/* Which operands are arrays; the other is the number. */
typedef enum sides { both_arrays, first_array, second_array } sides;

/* `op` and `which` are constants at each call of these three functions. */
TS_INLINE float apply(const unsigned op, const sides which, float a, float b, float number) {
    const float x = which == second_array ? number : a, y = which == first_array ? number : b;
    return op == ts_alu_add ? x + y : op == ts_alu_subtract ? x - y : x * y;
}

TS_INLINE void each(const unsigned op, const sides which, operands o, uint16_t *out, int64_t n) {
    const uint16_t *a = which == second_array ? o.b : o.a, *b = which == first_array ? o.a : o.b;
    _Pragma("omp simd") for (int64_t i = 0; i < n / 2; i++) {
        const uint32_t x = ts_bf16_pair(a + 2 * i), y = ts_bf16_pair(b + 2 * i);
        const float lower = apply(op, which, ts_pair_lower(x), ts_pair_lower(y), o.number);
        const float upper = apply(op, which, ts_pair_upper(x), ts_pair_upper(y), o.number);
        const uint32_t result = ts_floats_pair(lower, upper);
        memcpy(out + 2 * i, &result, sizeof result);
    }
    if (n % 2 == 0) return;
    const float x = ts_bf16_float(a[n - 1]), y = ts_bf16_float(b[n - 1]);
    out[n - 1] = ts_float_bf16(apply(op, which, x, y, o.number));
}

TS_INLINE void all(unsigned op, const sides which, operands o, uint16_t *out, int64_t n) {
    const int64_t done = do_vectors(op, o, out, n);
    if (which != second_array) o.a += done;
    if (which != first_array) o.b += done;
    switch (op) {
    case ts_alu_add: each(ts_alu_add, which, o, out + done, n - done); break;
    case ts_alu_subtract: each(ts_alu_subtract, which, o, out + done, n - done); break;
    case ts_alu_multiply: each(ts_alu_multiply, which, o, out + done, n - done); break;
    default: break;
    }
}

TS_CLONES
void ts_alu_bf16(unsigned op, const uint16_t *a, const uint16_t *b, uint16_t *out, int64_t n) {
    all(op, both_arrays, (operands){.a = a, .b = b}, out, n);
}

TS_CLONES
void ts_alu_bf16_by(unsigned op, const uint16_t *a, float b, uint16_t *out, int64_t n) {
    all(op, first_array, (operands){.a = a, .number = b}, out, n);
}

TS_CLONES
void ts_alu_bf16_of(unsigned op, float b, const uint16_t *a, uint16_t *out, int64_t n) {
    all(op, second_array, (operands){.b = a, .number = b}, out, n);
}
