/* Element types: sizes, names, and exact conversion to and from fp32. The table is dtype.def. */
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
    int bytes;        /* of an element in memory */
    char kind;        /* b bool, s signed, u unsigned, f float, c complex; 0: none */
    bool native;      /* the engines of NeuronCore-v2 compute with it */
    const char *npy;  /* NumPy descr, "f4" */
    const char *source;
} ts_dtype_info;

/* The row of a dtype; the row of ts_dtype_none when out of range. */
const ts_dtype_info *ts_dtype_get(ts_dtype dtype);
/* ts_dtype_none for an unknown name. */
ts_dtype ts_dtype_parse(const char *name, size_t length);

/* How a value is narrowed (neuron-features/rounding-modes.rst:48-64). */
typedef enum ts_rounding { ts_rounding_rne, ts_rounding_stochastic } ts_rounding;

/* Widens `count` elements of a native dtype to fp32. Exact, except that i32 and u32 round to nearest even:
   above 2^24 the fp32 datapath loses digits, as documented. */
void ts_dtype_widen(ts_dtype dtype, const void *from, float *to, size_t count);
/* Narrows from fp32. Floats round to nearest even; integers truncate toward zero and saturate, NaN becomes 0;
   i1 is value != 0. */
void ts_dtype_narrow(ts_dtype dtype, const float *from, void *to, size_t count);
/* Narrows to floats with stochastic rounding: a value between two neighbours of the type becomes the one
   further from zero with a probability equal to its relative distance from the other, decided by the 32
   uniform bits random[i]. Beyond the largest finite value the neighbour is infinity, or NaN in types without
   infinity. Values of the type do not change. */
void ts_dtype_narrow_random(ts_dtype dtype, const float *from, const uint32_t *random, void *to,
                            size_t count);
/* Whether the dtype is a float narrower than fp32, to which rounding applies. */
bool ts_dtype_is_narrow_float(ts_dtype dtype);

#endif
