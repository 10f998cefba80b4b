/* The commonest operators on arrays of bf16 at once: each element is widened, computed on in fp32 and rounded
   without a stop in an array of fp32. The bits are those of the way through ts_alu_floats. */
#include "base/bf16.h"
#include "base/host.h"
#include "machine/engine.h"

bool ts_alu_is_bf16(unsigned op) {
    return op == ts_alu_add || op == ts_alu_subtract || op == ts_alu_multiply;
}

/* ---- in whole vectors, where the CPU rounds to bf16 ---- */

/* Operands: an array, or a number for all. */
typedef struct operands {
    const uint16_t *a, *b; /* NULL: the number */
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

/* How many elements it has done. */
static int64_t do_vectors(unsigned op, operands o, uint16_t *out, int64_t n) {
#ifdef TS_BF16_TARGET
    if (ts_isa_best() == ts_isa_avx512bf16) return vectors(op, o, out, n);
#endif
    (void)op, (void)o, (void)out, (void)n;
    return 0;
}

/* ---- for any CPU ---- */

#define EACH(name, y_of_i, expression)                                                                       \
    case ts_alu_##name:                                                                                      \
        _Pragma("omp simd") for (int64_t i = from; i < n; i++) {                                             \
            const float x = ts_bf16_float(a[i]), y = (y_of_i);                                               \
            out[i] = ts_float_bf16(expression);                                                              \
        }                                                                                                    \
        break;

TS_CLONES
void ts_alu_bf16(unsigned op, const uint16_t *a, const uint16_t *b, uint16_t *out, int64_t n) {
    const int64_t from = do_vectors(op, (operands){.a = a, .b = b}, out, n);
    switch (op) {
        EACH(add, ts_bf16_float(b[i]), x + y)
        EACH(subtract, ts_bf16_float(b[i]), x - y)
        EACH(multiply, ts_bf16_float(b[i]), x * y)
    default: break;
    }
}

TS_CLONES
void ts_alu_bf16_by(unsigned op, const uint16_t *a, float b, uint16_t *out, int64_t n) {
    const int64_t from = do_vectors(op, (operands){.a = a, .number = b}, out, n);
    switch (op) {
        EACH(add, b, x + y)
        EACH(subtract, b, x - y)
        EACH(multiply, b, x * y)
    default: break;
    }
}

TS_CLONES
void ts_alu_bf16_of(unsigned op, float b, const uint16_t *a, uint16_t *out, int64_t n) {
    const int64_t from = do_vectors(op, (operands){.b = a, .number = b}, out, n);
    switch (op) {
        EACH(add, b, y + x)
        EACH(subtract, b, y - x)
        EACH(multiply, b, y * x)
    default: break;
    }
}
