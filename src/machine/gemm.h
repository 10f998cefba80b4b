/* TensorE's multiply on the host: out[M,N] = sum over k of a[k][m] * b[k][n], each product added in one
   rounding (fused), k ascending from +0; is_added: out + that sum, rounded once more. A NaN result is
   TS_GEMM_NAN. The bits do not depend on the instruction set, but where it multiplies bf16 in pairs, nor on
   how the work is cut. Private to src/machine. */
#ifndef TS_MACHINE_GEMM_H
#define TS_MACHINE_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/host.h"

enum {
    TS_GEMM_NAN = 0x7fc00000,
    TS_GEMM_COLUMNS = 32,       /* at most, of a kernel's tile */
    TS_GEMM_LEAST_COLUMNS = 16, /* at least */
    TS_GEMM_BLOCK = 32,         /* at most, of k that a kernel makes up with zeros */
    TS_GEMM_SLACK = 8           /* words after packed ones, which a vector may write */
};

/* How a tile finds the words of b: as they are; or so, and it leaves them in `kept`, where the tiles below it
   find them; or as bf16, and it leaves floats there. */
typedef enum ts_gemm_moving { ts_gemm_words, ts_gemm_kept_words, ts_gemm_kept_halves } ts_gemm_moving;

/* One tile of the result. A word is a float, or two bf16 that follow each other along k: the first in the
   high half. */
typedef struct ts_gemm_tile {
    const uint32_t *a;
    const void *b;         /* words, or bf16, of the first row and the first column */
    int64_t b_second;      /* of them from there to the second vector of columns, if there are two */
    ts_gemm_moving moving; /* ts_gemm_words where the kernel packs b beforehand */
    uint32_t *kept;        /* the kernel's columns for each k */
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
/* All tiles of a panel of m rows, of which the first is given. */
typedef void ts_gemm_panel_function(const ts_gemm_tile *first, int64_t m, int columns);

/* Rows of elements (pitch in elements) to rows of words: columns [0, n) of k rows to panels of the words of
   all k, of as many columns as a tile has rows, or columns; one panel after the other. In a panel of fewer,
   or where an odd k leaves half a word, what is missing is anything that adds nothing. */
typedef void ts_gemm_pack_function(const void *from, int64_t pitch, int64_t k, int64_t n, uint32_t *to);

/* One for each instruction set and kind of element. */
typedef struct ts_gemm_kernel {
    const char *name;
    int rows, columns; /* of a tile, at most */
    int lanes;         /* of a vector of columns that may lie elsewhere than after the first; 0 = none */
    int size;          /* bytes of an element: 4, floats; 2, bf16, which must be packed */
    bool is_paired;    /* two elements make a word */
    int block;    /* packed operands are made up to a multiple of so many k with zeros; 0: they are not */
    bool is_even; /* tiles have as many rows as each other, or one less */
    double macs_per_ns;                /* about */
    void (*begin)(void), (*end)(void); /* of a thread's tiles in a row; NULL: nothing to do */
    ts_gemm_tile_function *tile;       /* rows and columns from 1 up */
    ts_gemm_panel_function *panel;     /* instead, where packed tiles overlap in time; NULL: one by one */
    ts_gemm_pack_function *pack_a;     /* NULL: `a` is read where it lies */
    ts_gemm_pack_function
        *pack_a_turned;            /* the same from rows along k, pitch from row to row of the result */
    ts_gemm_pack_function *pack_b; /* NULL: the first tile of a panel leaves its words to the others */
} ts_gemm_kernel;
/* NULL where the instruction set has none for bf16. Subnormal numbers count as 0 in pairs, operands, sums and
   results: that is what vdpbf16ps and tdpbf16ps do. With blocks each adds up by itself, the even k in one
   chain, the odd ones in another, and then both. */
const ts_gemm_kernel *ts_gemm_kernel_of(ts_isa isa, bool is_bf16);

/* Kernels for one instruction set each; ts_gemm_kernel_of calls them where the CPU has it. */
extern const ts_gemm_kernel ts_gemm_plain, ts_gemm_avx2, ts_gemm_avx2_bf16, ts_gemm_avx512,
    ts_gemm_avx512bf16, ts_gemm_amx;

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

/* Rows in memory that are read soon after a product, one after the other fetched by tiles that have nothing
   else to fetch. */
typedef struct ts_gemm_later {
    const uint8_t *data; /* of the next row */
    int64_t pitch, bytes;
    int64_t rows; /* that are left */
} ts_gemm_later;

/* A whole product. Operands lie in rows of elements, `pitch` of them apart; or `a` lies turned: its rows are
   those of the result, a_step elements apart, and a_pitch is 1. Where there is room for it, `a` is packed by
   ts_gemm_pack_a before the run, and b on the way, each into memory of the caller. bf16 must have that room;
   floats that lie turned must where the kernel has pack_a_turned. out shares no memory with the others. */
typedef struct ts_gemm {
    const ts_gemm_kernel *kernel;
    const void *a, *b;
    float *out;
    int64_t a_step, a_pitch, b_pitch, out_pitch; /* a_step: 1, or `a` lies turned */
    ts_gemm_columns columns;
    int64_t k, m, n;
    bool is_added;
    bool is_a_far;                 /* a_packed was packed some time ago */
    uint32_t *a_packed, *b_packed; /* room for them, or NULL */
    int64_t room;                  /* words of b_packed for each panel */
    ts_gemm_later later;
} ts_gemm;

/* Whether `a` is better packed, or must be. */
bool ts_gemm_packs_a(const ts_gemm *gemm);
void ts_gemm_pack_a(const ts_gemm *gemm);
/* Words that packing takes at most with any kernel: of a panel of b, or of an operand of `columns`. */
static inline int64_t ts_gemm_panel_room(int64_t k) {
    return (k + TS_GEMM_BLOCK) / TS_GEMM_BLOCK * TS_GEMM_BLOCK * TS_GEMM_COLUMNS;
}
static inline int64_t ts_gemm_operand_room(int64_t k, int64_t columns) {
    return (k + TS_GEMM_BLOCK) / TS_GEMM_BLOCK * TS_GEMM_BLOCK * (columns + TS_GEMM_COLUMNS) + TS_GEMM_SLACK;
}
/* The same product cut to rows [first, last) of the result. */
ts_gemm ts_gemm_rows(const ts_gemm *gemm, int64_t first, int64_t last);
/* The panels of columns that the result is cut into, independent of each other, what one costs about, and the
   computation of some of them. */
int64_t ts_gemm_panels(const ts_gemm *gemm);
double ts_gemm_panel_ns(const ts_gemm *gemm);
void ts_gemm_run(const ts_gemm *gemm, int64_t first, int64_t last);

/* Rows of the next tile, where so many are left. */
static inline int ts_gemm_height(const ts_gemm_kernel *kernel, int64_t left) {
    const int64_t tiles = (left + kernel->rows - 1) / kernel->rows;
    if (kernel->is_even) return (int)((left + tiles - 1) / tiles);
    return (int)(left < kernel->rows ? left : kernel->rows);
}

#endif
