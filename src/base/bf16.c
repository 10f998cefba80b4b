/* Arrays of floats to bf16. */
#include "base/bf16.h"

#include "base/host.h"

#ifdef TS_BF16_TARGET
TS_BF16_TARGET static size_t narrow(const float *from, uint16_t *to, size_t count) {
    size_t i = 0;
    for (; i + TS_BF16_STEP <= count; i += TS_BF16_STEP)
        ts_bf16_store(to + i, _mm512_loadu_ps(from + i), _mm512_loadu_ps(from + i + TS_BF16_LANES));
    return i;
}
#endif

size_t ts_bf16_narrow(const float *from, uint16_t *to, size_t count) {
#ifdef TS_BF16_TARGET
    if (count >= TS_BF16_STEP && ts_isa_best() == ts_isa_avx512bf16) return narrow(from, to, count);
#endif
    (void)from, (void)to, (void)count;
    return 0;
}
