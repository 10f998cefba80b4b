/* The commonest operators on arrays of bf16 at once: each element is widened, computed on in fp32 and rounded
   without a stop in an array of fp32. The bits are those of the way through ts_alu_floats. */
#include "base/bits.h"
#include "machine/engine.h"

bool ts_alu_is_bf16(unsigned op) {
    return op == ts_alu_add || op == ts_alu_subtract || op == ts_alu_multiply;
}

#define EACH(name, y_of_i, expression)                                                                       \
    case ts_alu_##name:                                                                                      \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                                \
            const float x = ts_bf16_float(a[i]), y = (y_of_i);                                               \
            out[i] = ts_float_bf16(expression);                                                              \
        }                                                                                                    \
        break;

TS_CLONES
void ts_alu_bf16(unsigned op, const uint16_t *a, const uint16_t *b, uint16_t *out, int64_t n) {
    switch (op) {
        EACH(add, ts_bf16_float(b[i]), x + y)
        EACH(subtract, ts_bf16_float(b[i]), x - y)
        EACH(multiply, ts_bf16_float(b[i]), x * y)
    default: break;
    }
}

TS_CLONES
void ts_alu_bf16_by(unsigned op, const uint16_t *a, float b, uint16_t *out, int64_t n) {
    switch (op) {
        EACH(add, b, x + y)
        EACH(subtract, b, x - y)
        EACH(multiply, b, x * y)
    default: break;
    }
}

TS_CLONES
void ts_alu_bf16_of(unsigned op, float b, const uint16_t *a, uint16_t *out, int64_t n) {
    switch (op) {
        EACH(add, b, y + x)
        EACH(subtract, b, y - x)
        EACH(multiply, b, y * x)
    default: break;
    }
}
