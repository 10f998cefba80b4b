/* Conversions between fp32 and bf16 in whole vectors. The CPU's conversion instruction treats subnormal
   numbers as 0, so they are detected and converted apart; all other values, NaN included, it rounds as
   ts_float_bf16 does. */
#ifndef TS_BASE_BF16_H
#define TS_BASE_BF16_H

#include <stddef.h>

#include "base/bits.h"

/* Rounds as many numbers of `from`, from the first on, as fill whole vectors. Returns how many it rounded: 0
   on CPUs without the vector instructions, in which case the caller rounds all. */
size_t ts_bf16_narrow(const float *from, uint16_t *to, size_t count);

#ifdef __x86_64__
#include <immintrin.h>

#define TS_BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
enum { TS_BF16_LANES = 16, TS_BF16_STEP = 2 * TS_BF16_LANES };

TS_BF16_TARGET static inline __m512 ts_bf16_load(const uint16_t *from) {
    const __m256i half = _mm256_loadu_si256((const __m256i *)(const void *)from);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

TS_BF16_TARGET static inline void ts_bf16_store(uint16_t *to, __m512 first, __m512 second) {
    enum { SUBNORMAL = 0x20 };
    if (_mm512_fpclass_ps_mask(first, SUBNORMAL) | _mm512_fpclass_ps_mask(second, SUBNORMAL)) {
        float values[TS_BF16_STEP];
        _mm512_storeu_ps(values, first);
        _mm512_storeu_ps(values + TS_BF16_LANES, second);
        for (int i = 0; i < TS_BF16_STEP; i++)
            to[i] = ts_float_bf16(values[i]);
        return;
    }
    _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}
#endif

#endif
