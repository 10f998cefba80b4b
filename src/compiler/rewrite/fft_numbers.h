/* The numbers that Fourier transforms multiply by, computed in 64 bits: cosines and sines (expand_fft.c makes
   constants of them), and for lengths without factors the chirp of Bluestein's algorithm. */
#ifndef TS_COMPILER_REWRITE_FFT_NUMBERS_H
#define TS_COMPILER_REWRITE_FFT_NUMBERS_H

#include <stdbool.h>

#include "base/arena.h"

typedef struct ts_turn {
    double cosine, sine;
} ts_turn;

/* sign * part / length of a turn, where 0 <= part < length; quarters of a turn are exact. */
ts_turn ts_turn_of(int sign, int64_t part, int64_t length);

/* The rows of TensorE: factors of a length are not larger. */
enum { TS_FFT_WIDEST = 128 };
/* The largest factor of a length that a matrix may have; 1: there is none. */
int64_t ts_fft_factor(int64_t length);

/* Bluestein: 2 n k = n^2 + k^2 - (n - k)^2. So element k of a transform is c_k times the convolution, at k,
   of x_n c_n with the reciprocals of c, where c_n turns by n^2 / 2 in `length`. The convolution is a product
   of transforms of ts_chirp_room elements, which have factors. */
int64_t ts_chirp_room(int64_t length);
/* c of `length` elements; and the transform, of `room` elements, of their reciprocals, divided by `room`. */
ts_turn *ts_chirp(ts_arena *arena, int sign, int64_t length);
ts_turn *ts_chirp_kernel(ts_arena *arena, int sign, int64_t length, int64_t room);

/* fft_cost.c: the longest length of one matrix, whose constants stay below 40 MB. */
enum { TS_FFT_LONGEST = 2048 };
/* Whether `rows` transforms of a length are better made by one matrix, in `products` real products with
   `length` times `width` elements each, than by factors. */
bool ts_fft_is_matrix(int64_t length, int64_t rows, int products, int64_t width);

#endif
