/* Matmul tiles with AVX-512: 16 accumulators of 16 floats. */
#ifdef __x86_64__
#include <immintrin.h>

#define TARGET          __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define broadcast(at)   _mm512_set1_ps(*(const float *)(at))
#define fuse(a, b, sum) _mm512_fmadd_ps(a, b, sum)
#include "machine/gemm_zmm.h"

const ts_gemm_kernel ts_gemm_avx512 = {.name = "avx512",
                                       .rows = ROWS,
                                       .columns = 2 * LANES,
                                       .lanes = LANES,
                                       .size = 4,
                                       .macs_per_ns = 50,
                                       .tile = tile_any};
#else
typedef int ts_gemm_avx512_is_empty;
#endif
