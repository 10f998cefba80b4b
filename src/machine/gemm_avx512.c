/* Matmul tiles with AVX-512: 16 accumulators of 16 floats. */
#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define VECTOR __m512
#define MASK   __mmask16
#define ROWS   8
#define LANES  16

#define mask_of(n)              ((__mmask16)((1u << (n)) - 1))
#define load(at)                _mm512_loadu_ps(at)
#define load_some(at, mask)     _mm512_maskz_loadu_ps(mask, at)
#define store(at, v)            _mm512_storeu_ps(at, v)
#define store_some(at, mask, v) _mm512_mask_storeu_ps(at, mask, v)
#define broadcast(at)           _mm512_set1_ps(*(const float *)(at))
#define fuse(a, b, sum)         _mm512_fmadd_ps(a, b, sum)
#define add(a, b)               _mm512_add_ps(a, b)
#define zero()                  _mm512_setzero_ps()
#define clean(v)                                                                                             \
    _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q),                                            \
                       _mm512_castsi512_ps(_mm512_set1_epi32(TS_GEMM_NAN)))
#include "machine/gemm_tile.h"

const ts_gemm_kernel ts_gemm_avx512 = {
    .name = "avx512", .rows = ROWS, .columns = 2 * LANES, .macs_per_ns = 50, .tile = tile_any};
#else
typedef int ts_gemm_avx512_is_empty;
#endif
