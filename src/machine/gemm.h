/* TensorE's multiply on the host: out[M,N] = sum over k of a[k][m] * b[k][n]. Each product is added with one
   rounding (fused), k ascending from +0; with is_added that sum is then added to `out`, with one more
   rounding. Every NaN in the result is TS_GEMM_NAN. The bits do not depend on how the work is cut, nor on the
   instruction set, unless it multiplies bf16 in pairs. Private to src/machine. */
#ifndef TS_MACHINE_GEMM_H
#define TS_MACHINE_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/host.h"

enum {
    TS_GEMM_NAN = 0x7fc00000,
    TS_GEMM_COLUMNS = 32,       /* most columns of a kernel's tile */
    TS_GEMM_LEAST_COLUMNS = 16, /* fewest columns of a kernel's tile */
    TS_GEMM_BLOCK = 32,         /* most k in a block that a kernel pads with zeros */
    TS_GEMM_SLACK = 8           /* words after packed ones that a vector store may overwrite */
};

/* How a tile reads b: as words; as words, which it leaves in `kept` for the tiles below it; or as bf16, which
   it leaves there as floats. */
typedef enum ts_gemm_moving { ts_gemm_words, ts_gemm_kept_words, ts_gemm_kept_halves } ts_gemm_moving;

/* One tile of the result. A word is a float, or two bf16 that are adjacent along k, the first in the high
   half. */
typedef struct ts_gemm_tile {
    const uint32_t *a;
    const void *b;         /* words, or bf16, at the first k and the first column */
    int64_t b_second;      /* words, or bf16, from there to the second vector of columns, if any */
    ts_gemm_moving moving; /* ts_gemm_words where the kernel packs b beforehand */
    uint32_t *kept;        /* where the words read go: the kernel's columns for each k */
    float *out;
    int64_t a_step;                      /* words of `a` from one row of the result to the next */
    int64_t a_pitch, b_pitch, out_pitch; /* words from row to row; a row of `a` or `b` is a k */
    int64_t k;                           /* rows of words */
    bool is_added;
    /* For each k two cache lines that a later tile reads are prefetched: at `next` and next_line bytes after
       it. Then `next` moves on by next_pitch bytes. */
    const uint8_t *next;
    int64_t next_pitch, next_line;
} ts_gemm_tile;

typedef void ts_gemm_tile_function(const ts_gemm_tile *tile, int rows, int columns);
/* Computes all tiles of a panel of m rows; `first` describes the first one. */
typedef void ts_gemm_panel_function(const ts_gemm_tile *first, int64_t m, int columns);

/* Packs rows of elements, `pitch` elements apart, to words: columns [0, n) of k rows to panels, one after the
   other. A panel holds the words of all k, each of as many columns as a tile has rows (of `a`) or columns (of
   b). Where a panel has fewer columns, or an odd k leaves half a word, the padding does not change the
   result. */
typedef void ts_gemm_pack_function(const void *from, int64_t pitch, int64_t k, int64_t n, uint32_t *to);

/* A kernel: one instruction set and one kind of element. */
typedef struct ts_gemm_kernel {
    const char *name;
    int rows, columns;  /* most of a tile */
    int lanes;          /* of the second vector of columns, if it may lie apart from the first; else 0 */
    int size;           /* bytes of an element: 4 for floats, 2 for bf16, which must be packed */
    bool is_paired;     /* two elements make a word */
    int block;          /* packed operands are padded with zeros to a multiple of so many k; 0: not */
    bool is_even;       /* tiles of a panel have equally many rows, or one less */
    double macs_per_ns; /* about; an estimate of work */
    void (*begin)(void), (*end)(void); /* called around a thread's tiles; NULL: nothing to do */
    ts_gemm_tile_function *tile;       /* rows and columns from 1 up */
    ts_gemm_panel_function *panel;     /* used instead where packed tiles overlap in time, or NULL */
    ts_gemm_pack_function *pack_a;     /* NULL: `a` is read where it lies */
    /* The same from rows along k; the pitch is that between rows of the result. */
    ts_gemm_pack_function *pack_a_turned;
    ts_gemm_pack_function *pack_b; /* NULL: the first tile of a panel leaves its words to the others */
} ts_gemm_kernel;
/* The kernel of an instruction set; NULL where it has none for bf16. Kernels that multiply pairs count
   subnormal operands, sums and results as 0, as vdpbf16ps and tdpbf16ps do. A kernel with blocks sums each
   block by itself: even k in one chain, odd k in another, and then the two. */
const ts_gemm_kernel *ts_gemm_kernel_of(ts_isa isa, bool is_bf16);

/* Kernels for one instruction set each; ts_gemm_kernel_of calls them where the CPU has it. */
extern const ts_gemm_kernel ts_gemm_plain, ts_gemm_avx2, ts_gemm_avx2_bf16, ts_gemm_avx512,
    ts_gemm_avx512bf16, ts_gemm_amx;

/* How the columns of b lie: in runs of `run` adjacent columns. The runs are ordered by `dims` dimensions,
   outermost first, with steps in elements. run = 0: all columns are adjacent. */
enum { TS_GEMM_DIMS = 4 };
typedef struct ts_gemm_columns {
    int64_t run;
    int dims;
    int64_t step[TS_GEMM_DIMS], count[TS_GEMM_DIMS];
} ts_gemm_columns;
/* Whether the kernel can read such columns where they lie, or in floats a panel at a time is copied to packed
   words, since runs are shorter than its vectors. */
bool ts_gemm_takes(const ts_gemm_kernel *kernel, const ts_gemm_columns *columns);

/* Rows in memory that are read soon after a product. Tiles that have nothing else to prefetch fetch them, one
   row after the other. */
typedef struct ts_gemm_later {
    const uint8_t *data; /* the next row to fetch */
    int64_t pitch, bytes;
    int64_t rows; /* left to fetch */
} ts_gemm_later;

/* A whole product. Operands lie in rows of elements, pitches in elements. `a` may lie transposed: its rows
   are then those of the result, a_step elements apart, and a_pitch is 1. ts_gemm_pack_a packs `a` into
   a_packed before the run; the run packs b into b_packed as it goes. The caller owns both. bf16 needs them;
   so do transposed floats, where the kernel has pack_a_turned. `out` shares no memory with the operands. */
typedef struct ts_gemm {
    const ts_gemm_kernel *kernel;
    const void *a, *b;
    float *out;
    int64_t a_step, a_pitch, b_pitch, out_pitch; /* a_step 1: `a` is not transposed */
    ts_gemm_columns columns;
    int64_t k, m, n;
    bool is_added;
    bool is_a_far;                 /* a_packed was packed long ago, so it is prefetched */
    uint32_t *a_packed, *b_packed; /* room for them, or NULL */
    int64_t room;                  /* words of b_packed for each panel */
    ts_gemm_later later;
} ts_gemm;

/* Whether packing `a` is faster, or necessary. */
bool ts_gemm_packs_a(const ts_gemm *gemm);
/* Packs `a` into a_packed. */
void ts_gemm_pack_a(const ts_gemm *gemm);
/* The most words that any kernel packs: of one panel of b, and of a whole operand of `columns`. */
static inline int64_t ts_gemm_panel_room(int64_t k) {
    return (k + TS_GEMM_BLOCK) / TS_GEMM_BLOCK * TS_GEMM_BLOCK * TS_GEMM_COLUMNS;
}
static inline int64_t ts_gemm_operand_room(int64_t k, int64_t columns) {
    return (k + TS_GEMM_BLOCK) / TS_GEMM_BLOCK * TS_GEMM_BLOCK * (columns + TS_GEMM_COLUMNS) + TS_GEMM_SLACK;
}
/* The part of the product that makes rows [first, last) of the result. */
ts_gemm ts_gemm_rows(const ts_gemm *gemm, int64_t first, int64_t last);
/* The number of panels of columns that the result is cut into, which are independent; about how many ns one
   takes; and the computation of panels [first, last). */
int64_t ts_gemm_panels(const ts_gemm *gemm);
double ts_gemm_panel_ns(const ts_gemm *gemm);
void ts_gemm_run(const ts_gemm *gemm, int64_t first, int64_t last);

/* The rows of the next tile when `left` rows are left. */
static inline int ts_gemm_height(const ts_gemm_kernel *kernel, int64_t left) {
    const int64_t tiles = (left + kernel->rows - 1) / kernel->rows;
    if (kernel->is_even) return (int)((left + tiles - 1) / tiles);
    return (int)(left < kernel->rows ? left : kernel->rows);
}

#endif
