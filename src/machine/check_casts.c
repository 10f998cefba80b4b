/* Counts what casts do to values, for the checks of overflow and rounding. */
#include <math.h>
#include <string.h>

#include "machine/check_run.h"

/* Positive fp32 numbers have the same order as their bits. */
static void keep_largest(ts_casts *casts, float value) {
    uint32_t bits;
    value = fabsf(value);
    memcpy(&bits, &value, sizeof bits);
    uint_fast32_t known = atomic_load_explicit(&casts->largest, memory_order_relaxed);
    while (bits > known && !atomic_compare_exchange_weak(&casts->largest, &known, bits))
        continue;
}

/* The first integers below and above the range of an integer type. */
static void limits(const ts_dtype_info *info, double *low, double *high) {
    int bits = info->bytes * 8 - (info->kind == 's');
    *high = ldexp(1, bits);
    *low = info->kind == 's' ? -*high - 1 : -1;
}

static void add(ts_casts *casts, unsigned dtype, uint64_t up, uint64_t down, uint64_t beyond) {
    atomic_fetch_add_explicit(&casts->up, up, memory_order_relaxed);
    atomic_fetch_add_explicit(&casts->down, down, memory_order_relaxed);
    if (!beyond) return;
    atomic_fetch_add_explicit(&casts->beyond, beyond, memory_order_relaxed);
    atomic_store_explicit(&casts->dtype, dtype, memory_order_relaxed);
}

static void note_floats(ts_casts *casts, unsigned dtype, const float *from, const void *to, int64_t n) {
    float back[TS_CHUNK];
    uint64_t up = 0, down = 0, beyond = 0;
    ts_dtype_widen((ts_dtype)dtype, to, back, (size_t)n);
    atomic_fetch_add_explicit(&casts->narrowed, (uint64_t)n, memory_order_relaxed);
    for (int64_t i = 0; i < n; i++) {
        up += back[i] > from[i];
        down += back[i] < from[i];
        if (isfinite(from[i]) && !isfinite(back[i])) {
            beyond++;
            keep_largest(casts, from[i]);
        }
    }
    add(casts, dtype, up, down, beyond);
}

void ts_casts_note(ts_casts *casts, unsigned dtype, const float *from, const void *to, int64_t n) {
    const ts_dtype_info *info = ts_dtype_get((ts_dtype)dtype);
    uint64_t beyond = 0;
    double low, high;
    if (dtype == ts_dtype_f32 || info->kind == 'b') return;
    if (info->kind == 'f') {
        note_floats(casts, dtype, from, to, n);
        return;
    }
    limits(info, &low, &high);
    for (int64_t i = 0; i < n; i++)
        if (!((double)from[i] > low && (double)from[i] < high)) {
            beyond++;
            keep_largest(casts, isnan(from[i]) ? INFINITY : from[i]);
        }
    add(casts, dtype, 0, 0, beyond);
}

void ts_casts_note_clamped(ts_casts *casts, unsigned dtype, int64_t value) {
    keep_largest(casts, (float)value);
    add(casts, dtype, 0, 0, 1);
}
