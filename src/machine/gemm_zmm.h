/* AVX-512 vectors of 16 words for gemm_tile.h, which this file includes. TARGET, ROWS, broadcast and fuse
   must be defined before. */
#ifndef TS_MACHINE_GEMM_ZMM_H
#define TS_MACHINE_GEMM_ZMM_H

#define VECTOR __m512
#define MASK   __mmask16
#define LANES  16
#define UNROLL_K
#define LINES 2

#define mask_of(n)              ((__mmask16)((1u << (n)) - 1))
#define load(at)                _mm512_loadu_ps(at)
#define load_some(at, mask)     _mm512_maskz_loadu_ps(mask, at)
#define store(at, v)            _mm512_storeu_ps(at, v)
#define store_some(at, mask, v) _mm512_mask_storeu_ps(at, mask, v)
#define add(a, b)               _mm512_add_ps(a, b)
#define zero()                  _mm512_setzero_ps()
#define clean(v)                                                                                             \
    _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q),                                            \
                       _mm512_castsi512_ps(_mm512_set1_epi32(TS_GEMM_NAN)))
#define NUMBERS                __mmask16
#define all_numbers()          ((__mmask16)0xffff)
#define still_numbers(n, a, b) _mm512_mask_cmp_ps_mask(n, a, b, _CMP_ORD_Q)
#define are_numbers(n)         ((n) == 0xffff)
#include "machine/gemm_tile.h"

TARGET static void tile_any(const ts_gemm_tile *tile, int rows, int columns) {
    if (tile->moving == ts_gemm_kept_words)
        tile_some(tile, rows, columns, form_keeps_words);
    else if (is_packed(tile))
        tile_some(tile, rows, columns, form_packed);
    else
        tile_some(tile, rows, columns, form_any);
}

#endif
