/* Rounds arrays of fp32 to bf16 with AVX-512 BF16 or AVX2. */
#include "base/bf16.h"

#include <stdbool.h>

#include "base/host.h"

#ifdef TS_BF16_TARGET
TS_BF16_TARGET static size_t narrow(const float *from, uint16_t *to, size_t count) {
    size_t i = 0;
    for (; i + TS_BF16_STEP <= count; i += TS_BF16_STEP)
        ts_bf16_store(to + i, _mm512_loadu_ps(from + i), _mm512_loadu_ps(from + i + TS_BF16_LANES));
    return i;
}
#endif

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))
enum { LANES = 8 };

/* ts_bf16_rounded for eight numbers. has_nan false: no number is NaN. */
AVX2 static inline __m256i rounded(__m256 values, bool has_nan) {
    const __m256i bits = _mm256_castps_si256(values);
    const __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), last);
    if (!has_nan) return sum;
    const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(values, values, _CMP_UNORD_Q));
    return _mm256_blendv_epi8(sum, _mm256_or_si256(bits, _mm256_set1_epi32(0x400000)), is_nan);
}

AVX2 static size_t narrow_avx2(const float *from, uint16_t *to, size_t count) {
    size_t i = 0;
    for (; i + 2 * LANES <= count; i += 2 * LANES) {
        const __m256 first = _mm256_loadu_ps(from + i), second = _mm256_loadu_ps(from + i + LANES);
        const bool has_nan = _mm256_movemask_ps(_mm256_cmp_ps(first, second, _CMP_UNORD_Q)) != 0;
        const __m256i low = _mm256_srli_epi32(rounded(first, has_nan), 16),
                      high = _mm256_srli_epi32(rounded(second, has_nan), 16);
        /* packus works within each 128-bit half of its operands, so the quarters are put in order
           afterwards. */
        const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
        _mm256_storeu_si256((__m256i *)(void *)(to + i), packed);
    }
    return i;
}
#endif

size_t ts_bf16_narrow(const float *from, uint16_t *to, size_t count) {
#ifdef TS_BF16_TARGET
    if (count >= TS_BF16_STEP && ts_isa_vectors() == ts_isa_avx512bf16) return narrow(from, to, count);
#endif
#ifdef __x86_64__
    if (count >= 2 * LANES && ts_isa_vectors() == ts_isa_avx2) return narrow_avx2(from, to, count);
#endif
    (void)from, (void)to, (void)count;
    return 0;
}
