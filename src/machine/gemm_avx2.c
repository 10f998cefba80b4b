/* Matmul tiles with AVX2 and FMA: 12 accumulators of 8 floats. */
#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
#define VECTOR __m256
#define MASK   __m256i
#define ROWS   6
#define LANES  8

#define mask_of(n)              _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define load(at)                _mm256_loadu_ps((const float *)(at))
#define load_some(at, mask)     _mm256_maskload_ps((const float *)(at), mask)
#define store(at, v)            _mm256_storeu_ps(at, v)
#define store_some(at, mask, v) _mm256_maskstore_ps(at, mask, v)
#define broadcast(at)           _mm256_broadcast_ss((const float *)(at))
#define fuse(a, b, sum)         _mm256_fmadd_ps(a, b, sum)
#define add(a, b)               _mm256_add_ps(a, b)
#define zero()                  _mm256_setzero_ps()
#define clean(v)                                                                                             \
    _mm256_blendv_ps(v, _mm256_castsi256_ps(_mm256_set1_epi32(TS_GEMM_NAN)),                                 \
                     _mm256_cmp_ps(v, v, _CMP_UNORD_Q))
#include "machine/gemm_tile.h"

const ts_gemm_kernel ts_gemm_avx2 = {
    .name = "avx2", .rows = ROWS, .columns = 2 * LANES, .lanes = LANES, .macs_per_ns = 45, .tile = tile_any};
#else
typedef int ts_gemm_avx2_is_empty;
#endif
