/* Element types: sizes, names and exact conversion to and from fp32. Table in dtype.def. */
#ifndef TS_ARCH_DTYPE_H
#define TS_ARCH_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ts_dtype {
    ts_dtype_none,
#define DTYPE(name, ...) ts_dtype_##name,
#include "arch/dtype.def"
    ts_dtype_count
} ts_dtype;

typedef struct ts_dtype_info {
    const char *name; /* "f32" */
    int bytes;        /* per element in memory */
    char kind;        /* b s u f c, 0 for none */
    bool native;      /* NeuronCore-v2 engines take it */
    const char *npy;  /* NumPy descr, "f4" */
    const char *source;
} ts_dtype_info;

/* The row for a dtype; the none row for values out of range. */
const ts_dtype_info *ts_dtype_get(ts_dtype dtype);
/* ts_dtype_none when the name is unknown. */
ts_dtype ts_dtype_parse(const char *name, size_t length);

/* Rounding when a value is narrowed (neuron-features/rounding-modes.rst:48-64). */
typedef enum ts_rounding { ts_rounding_rne, ts_rounding_stochastic } ts_rounding;

/* Exact widening of `count` elements of a native dtype to fp32 (i32 and u32 round to nearest even:
   the documented loss of the fp32 datapath above 2^24). */
void ts_dtype_widen(ts_dtype dtype, const void *from, float *to, size_t count);
/* Narrowing from fp32: floats round to nearest even; integers truncate toward zero and saturate,
   NaN gives 0; i1 gives value != 0. */
void ts_dtype_narrow(ts_dtype dtype, const float *from, void *to, size_t count);
/* The same with stochastic rounding of floats narrower than fp32: of the two neighbours the one further from
   zero with the probability of the value's share of the way to it, where random[i], 32 uniform bits, decides;
   past the largest value its neighbour is infinity (NaN where there is none). Values of the type stay. */
void ts_dtype_narrow_random(ts_dtype dtype, const float *from, const uint32_t *random, void *to,
                            size_t count);
/* A float narrower than fp32: what rounding applies to. */
bool ts_dtype_is_narrow_float(ts_dtype dtype);

#endif
