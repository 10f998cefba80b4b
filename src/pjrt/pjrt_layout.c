/* Element types, shapes and strides in PJRT's terms, and copies between layouts. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pjrt/pjrt_objects.h"

typedef struct ts_type_pair {
    PJRT_Buffer_Type type;
    ts_dtype dtype;
} ts_type_pair;
static const ts_type_pair pairs[] = {
    {PJRT_TYPE_PRED, ts_dtype_i1},       {PJRT_TYPE_S4, ts_dtype_i4},
    {PJRT_TYPE_U4, ts_dtype_u4},         {PJRT_TYPE_S8, ts_dtype_i8},
    {PJRT_TYPE_U8, ts_dtype_u8},         {PJRT_TYPE_S16, ts_dtype_i16},
    {PJRT_TYPE_U16, ts_dtype_u16},       {PJRT_TYPE_S32, ts_dtype_i32},
    {PJRT_TYPE_U32, ts_dtype_u32},       {PJRT_TYPE_S64, ts_dtype_i64},
    {PJRT_TYPE_U64, ts_dtype_u64},       {PJRT_TYPE_F8E4M3, ts_dtype_f8e4m3},
    {PJRT_TYPE_F8E5M2, ts_dtype_f8e5m2}, {PJRT_TYPE_F8E4M3FN, ts_dtype_f8e4m3fn},
    {PJRT_TYPE_F16, ts_dtype_f16},       {PJRT_TYPE_BF16, ts_dtype_bf16},
    {PJRT_TYPE_F8E3M4, ts_dtype_f8e3m4}, {PJRT_TYPE_F32, ts_dtype_f32},
    {PJRT_TYPE_F64, ts_dtype_f64},       {PJRT_TYPE_C64, ts_dtype_c64},
    {PJRT_TYPE_C128, ts_dtype_c128},
};
enum { PAIRS = sizeof pairs / sizeof *pairs };

ts_dtype ts_dtype_from_pjrt(PJRT_Buffer_Type type) {
    for (int i = 0; i < PAIRS; i++)
        if (pairs[i].type == type) return pairs[i].dtype;
    return ts_dtype_none;
}

PJRT_Buffer_Type ts_dtype_to_pjrt(ts_dtype dtype) {
    for (int i = 0; i < PAIRS; i++)
        if (pairs[i].dtype == dtype) return pairs[i].type;
    return PJRT_TYPE_INVALID;
}

ts_status ts_shape_make(PJRT_Buffer_Type type, const int64_t *dims, size_t count, ts_shape *shape,
                        ts_diag *diag) {
    *shape = (ts_shape){.dtype = ts_dtype_from_pjrt(type), .rank = (int)count};
    if (shape->dtype == ts_dtype_none) {
        ts_fail(diag, ts_unsupported, "buffers of PJRT element type %d", (int)type);
        ts_diag_remedy(diag, "convert to a type of NeuronCore-v2, such as bf16, f32 or i32");
        return ts_unsupported;
    }
    if (count > TS_MAX_RANK)
        return ts_fail(diag, ts_unsupported, "a buffer with %zu axes; at most %d", count, TS_MAX_RANK);
    int64_t bytes = ts_dtype_get(shape->dtype)->bytes;
    bool is_empty = false;
    for (size_t i = 0; i < count; i++) {
        if (dims[i] < 0)
            return ts_fail(diag, ts_usage, "axis %zu of a buffer has the length %" PRId64, i, dims[i]);
        shape->dim[i] = dims[i];
        is_empty |= dims[i] == 0;
    }
    for (size_t i = 0; i < count && !is_empty; i++)
        if (__builtin_mul_overflow(bytes, dims[i], &bytes))
            return ts_fail(diag, ts_capacity, "a buffer of more bytes than can be counted");
    shape->bytes = is_empty ? 0 : (size_t)bytes;
    return ts_ok;
}

void ts_shape_print(const ts_shape *shape, char *text, size_t size) {
    int length = snprintf(text, size, "%s[", ts_dtype_get(shape->dtype)->name);
    for (int i = 0; i < shape->rank && length < (int)size; i++)
        length += snprintf(text + length, size - (size_t)length, "%s%" PRId64, i ? "x" : "", shape->dim[i]);
    if (length < (int)size) snprintf(text + length, size - (size_t)length, "]");
}

void ts_shape_strides(const ts_shape *shape, int64_t *strides) {
    int64_t step = ts_dtype_get(shape->dtype)->bytes;
    for (int i = shape->rank - 1; i >= 0; i--) {
        strides[i] = step;
        step *= shape->dim[i] > 0 ? shape->dim[i] : 1;
    }
}

static ts_status tiled_strides(const ts_shape *shape, const PJRT_Layout_Tiled *tiled, int64_t *strides,
                               ts_diag *diag) {
    bool is_seen[TS_MAX_RANK] = {false};
    if (tiled->num_tiles > 0) {
        ts_fail(diag, ts_unsupported, "a tiled memory layout");
        ts_diag_remedy(diag, "use a dense layout");
        return ts_unsupported;
    }
    if (tiled->minor_to_major_size != (size_t)shape->rank)
        return ts_fail(diag, ts_usage, "a layout of %zu axes for a buffer of %d", tiled->minor_to_major_size,
                       shape->rank);
    int64_t step = ts_dtype_get(shape->dtype)->bytes;
    for (int i = 0; i < shape->rank; i++) {
        int64_t axis = tiled->minor_to_major[i];
        if (axis < 0 || axis >= shape->rank || is_seen[axis])
            return ts_fail(diag, ts_usage, "a layout that does not name each of %d axes once", shape->rank);
        is_seen[axis] = true;
        strides[axis] = step;
        step *= shape->dim[axis] > 0 ? shape->dim[axis] : 1;
    }
    return ts_ok;
}

ts_status ts_layout_strides(const ts_shape *shape, const PJRT_Buffer_MemoryLayout *layout, int64_t *strides,
                            ts_diag *diag) {
    if (!layout) {
        ts_shape_strides(shape, strides);
        return ts_ok;
    }
    if (layout->type == PJRT_LAYOUT_TILED) return tiled_strides(shape, &layout->tiled, strides, diag);
    if (layout->strides.num_byte_strides != (size_t)shape->rank)
        return ts_fail(diag, ts_usage, "%zu strides for a buffer of %d axes",
                       layout->strides.num_byte_strides, shape->rank);
    for (int i = 0; i < shape->rank; i++)
        strides[i] = layout->strides.byte_strides[i];
    return ts_ok;
}

/* --- strided copies --- */

typedef struct ts_copy {
    int rank;
    int64_t count[TS_MAX_RANK], to[TS_MAX_RANK], from[TS_MAX_RANK];
    int64_t run; /* bytes that are contiguous on both sides */
} ts_copy;

/* Drops axes of length 1 and merges neighbouring axes that leave no gap on either side. */
static ts_copy plan_copy(const ts_shape *shape, const int64_t *to, const int64_t *from) {
    ts_copy copy = {.run = ts_dtype_get(shape->dtype)->bytes};
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] == 1) continue;
        int last = copy.rank - 1;
        if (last >= 0 && copy.to[last] == to[i] * shape->dim[i] &&
            copy.from[last] == from[i] * shape->dim[i]) {
            copy.count[last] *= shape->dim[i];
            copy.to[last] = to[i];
            copy.from[last] = from[i];
            continue;
        }
        copy.count[copy.rank] = shape->dim[i];
        copy.to[copy.rank] = to[i];
        copy.from[copy.rank++] = from[i];
    }
    int last = copy.rank - 1;
    if (last >= 0 && copy.to[last] == copy.run && copy.from[last] == copy.run) {
        copy.run *= copy.count[last];
        copy.rank--;
    }
    return copy;
}

#define COPY_LINE(type)                                                                                      \
    for (int64_t i = 0; i < count; i++) {                                                                    \
        type value;                                                                                          \
        memcpy(&value, from + i * from_step, sizeof value);                                                  \
        memcpy(to + i * to_step, &value, sizeof value);                                                      \
    }

static void copy_line(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t count,
                      int64_t run) {
    switch (run) {
    case 1: COPY_LINE(uint8_t) break;
    case 2: COPY_LINE(uint16_t) break;
    case 4: COPY_LINE(uint32_t) break;
    case 8: COPY_LINE(uint64_t) break;
    default:
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * to_step, from + i * from_step, (size_t)run);
    }
}

static void copy_axis(const ts_copy *copy, int axis, char *to, const char *from) {
    if (axis == copy->rank - 1) {
        copy_line(to, copy->to[axis], from, copy->from[axis], copy->count[axis], copy->run);
        return;
    }
    for (int64_t i = 0; i < copy->count[axis]; i++)
        copy_axis(copy, axis + 1, to + i * copy->to[axis], from + i * copy->from[axis]);
}

void ts_copy_strided(const ts_shape *shape, void *to, const int64_t *to_strides, const void *from,
                     const int64_t *from_strides) {
    if (shape->bytes == 0) return;
    ts_copy copy = plan_copy(shape, to_strides, from_strides);
    if (copy.rank == 0)
        memcpy(to, from, (size_t)copy.run);
    else
        copy_axis(&copy, 0, to, from);
}
