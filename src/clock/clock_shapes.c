/* Shapes: the patterns of bytes that accesses touch, relative to where they begin. Each is found once. */
#include <string.h>

#include "clock/clock_core.h"

/* Whether the pattern touches every byte of its bounds: dimensions nest without gaps. */
static bool is_gapless(const ts_ref *ref) {
    bool used[TS_AP_DIMS] = {false};
    int64_t span = 1;
    for (;;) {
        int next = -1;
        for (int i = 0; i < ref->dims; i++) {
            int64_t step = ref->step[i] < 0 ? -ref->step[i] : ref->step[i];
            if (used[i] || ref->count[i] == 1 || step == 0) continue;
            if (step > span) {
                if (next < 0) next = -2;
                continue;
            }
            next = i;
            break;
        }
        if (next == -1) return true;
        if (next == -2) return false;
        used[next] = true;
        int64_t step = ref->step[next] < 0 ? -ref->step[next] : ref->step[next];
        span += step * (ref->count[next] - 1);
    }
}

/* Recognizes rows of bytes at a constant distance, such as a tile of a matrix. */
static void find_rectangle(ts_shape *shape) {
    const ts_ref *ref = &shape->ref;
    int64_t bytes = ts_dtype_get(ref->dtype)->bytes, width = bytes, pitch = 0, rows = 1;
    for (int i = ref->dims; i-- > 0;) {
        int64_t step = ref->step[i] * bytes;
        if (ref->count[i] == 1) continue;
        if (!pitch && step == width) {
            width *= ref->count[i];
        } else if (!pitch && step > width) {
            pitch = step;
            rows = ref->count[i];
        } else if (pitch && step == pitch * rows) {
            rows *= ref->count[i];
        } else {
            return;
        }
    }
    shape->pitch = pitch;
    shape->width = width;
}

/* Finds the bounds of a shape, and whether it is dense or a rectangle, which makes comparisons fast. */
static void find_bounds(ts_shape *shape) {
    const ts_ref *ref = &shape->ref;
    int64_t width = ts_dtype_get(ref->dtype)->bytes, lo = 0, hi = 0;
    for (int i = 0; i < ref->dims; i++) {
        int64_t reach = ref->step[i] * (ref->count[i] - 1);
        if (reach < 0)
            lo += reach;
        else
            hi += reach;
    }
    shape->lo = lo * width;
    shape->hi = (hi + 1) * width;
    shape->is_dense = is_gapless(ref);
    if (!shape->is_dense) find_rectangle(shape);
}

const ts_shape *ts_shape_of(ts_clock *clock, const ts_ref *placed) {
    ts_ref ref = *placed;
    ref.part = ref.parts = 0;
    ref.offset = 0;
    ref.tensor = 0;
    uint64_t hash = (uint64_t)ref.space << 8 | ref.dtype;
    for (int i = 0; i < ref.dims; i++)
        hash = (hash ^ (uint64_t)ref.step[i] ^ (uint64_t)ref.count[i] << 32) * 0x9E3779B97F4A7C15u;
    ts_shape **head = &clock->shapes[hash >> 32 & (TS_CLOCK_SHAPES - 1)];
    for (const ts_shape *known = *head; known; known = known->next)
        if (memcmp(&known->ref, &ref, sizeof ref) == 0) return known;
    ts_shape *made = TS_NEW(&clock->arena, ts_shape);
    *made = (ts_shape){.next = *head, .ref = ref, .is_dense = true};
    if (!ref.index) find_bounds(made);
    *head = made;
    return made;
}
