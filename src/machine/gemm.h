/* TensorE's multiply on the host: out[M,N] = sum over k of a[k][m] * b[k][n], each product added in one
   rounding (fused), k ascending from +0; is_added: out + that sum, rounded once more. A NaN result is
   TS_GEMM_NAN. The bits do not depend on the instruction set, nor on how the work is cut. Private to
   src/machine. */
#ifndef TS_MACHINE_GEMM_H
#define TS_MACHINE_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/host.h"

enum { TS_GEMM_NAN = 0x7fc00000, TS_GEMM_COLUMNS = 32 /* at most, of a kernel's tile */ };

/* One tile of the result. A word is a float, or two bf16 that follow each other along k: the first in the
   high half. */
typedef struct ts_gemm_tile {
    const uint32_t *a, *b; /* words of the first row and the first column */
    int64_t b_second;      /* words from there to the second vector of columns, if there are two */
    float *out;
    int64_t a_step;                      /* words of `a` from row to row of the result */
    int64_t a_pitch, b_pitch, out_pitch; /* words from row to row: of `a` and `b`, from k to k */
    int64_t k;                           /* rows of words */
    bool is_added;
    const uint8_t *next; /* for each k, two lines that a later tile reads are fetched: `next` and next_line */
    int64_t next_pitch;  /* bytes after it, from k to k next_pitch bytes on */
    int64_t next_line;
} ts_gemm_tile;

typedef void ts_gemm_tile_function(const ts_gemm_tile *tile, int rows, int columns);

/* Rows of bf16 (pitch in elements) to rows of words, two to one: columns [0, n) of k rows to panels of k/2
   rows of `width` words, one panel after the other, what is missing filled with 0. width is the kernel's rows
   or columns; room is needed for multiples of 32 columns. */
typedef void ts_gemm_pair_function(const uint16_t *from, int64_t pitch, int64_t k, int64_t n, int width,
                                   uint32_t *to);
/* The same from rows along k: row `row` of the result begins row * step elements on, and the panels have the
   kernel's rows. */
typedef void ts_gemm_pair_turned_function(const uint16_t *from, int64_t step, int64_t k, int64_t rows,
                                          uint32_t *to);

/* One for each instruction set and kind of word. */
typedef struct ts_gemm_kernel {
    const char *name;
    int rows, columns;  /* of a tile, at most */
    int lanes;          /* of a vector of columns that may lie elsewhere than after the first; 0 = none */
    double macs_per_ns; /* about */
    ts_gemm_tile_function *tile; /* rows and columns from 1 up */
    ts_gemm_pair_function *pair; /* NULL: words are floats */
    ts_gemm_pair_turned_function *pair_turned;
} ts_gemm_kernel;
/* NULL where the instruction set has none for pairs of bf16. Subnormal numbers count as 0 in those, operands,
   sums and results: that is what vdpbf16ps does. */
const ts_gemm_kernel *ts_gemm_kernel_of(ts_isa isa, bool is_paired);

/* Kernels for one instruction set each; ts_gemm_kernel_of calls them where the CPU has it. */
extern const ts_gemm_kernel ts_gemm_plain, ts_gemm_avx2, ts_gemm_avx512, ts_gemm_avx512bf16;

/* How the columns of b lie: runs of `run` adjacent ones, and these in the order of `dims` dimensions,
   outermost first, `step` elements from one to the next. run = 0: all are adjacent. */
enum { TS_GEMM_DIMS = 4 };
typedef struct ts_gemm_columns {
    int64_t run;
    int dims;
    int64_t step[TS_GEMM_DIMS], count[TS_GEMM_DIMS];
} ts_gemm_columns;
/* Whether the kernel takes such columns as they lie. */
bool ts_gemm_takes(const ts_gemm_kernel *kernel, const ts_gemm_columns *columns);

/* A whole product. Operands of floats lie in rows, `pitch` floats apart. Operands of bf16 pairs lie as rows
   of bf16, `pitch` elements apart; a is paired by ts_gemm_pair_a before the run, b on the way, each into
   memory of the caller. Or `a` lies turned: its rows are those of the result, a_step elements apart, and
   a_pitch is 1. out shares no memory with the others. */
typedef struct ts_gemm {
    const ts_gemm_kernel *kernel;
    const void *a, *b;
    float *out;
    int64_t a_step, a_pitch, b_pitch, out_pitch; /* a_step: 1, or `a` lies turned */
    ts_gemm_columns columns;
    int64_t k, m, n;
    bool is_added;
    uint32_t *a_pairs, *b_pairs; /* room for them; NULL for floats */
    int64_t room;                /* words of b_pairs for each panel */
} ts_gemm;

void ts_gemm_pair_a(const ts_gemm *gemm);
/* The same product cut to rows [first, last) of the result. */
ts_gemm ts_gemm_rows(const ts_gemm *gemm, int64_t first, int64_t last);
/* The panels of columns that the result is cut into, independent of each other, what one costs about, and the
   computation of some of them. */
int64_t ts_gemm_panels(const ts_gemm *gemm);
double ts_gemm_panel_ns(const ts_gemm *gemm);
void ts_gemm_run(const ts_gemm *gemm, int64_t first, int64_t last);

#endif
