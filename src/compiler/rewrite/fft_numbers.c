/* Cosines and sines of transforms, and Bluestein's chirp. */
#include "compiler/rewrite/fft_numbers.h"

#include <math.h>
#include <stdbool.h>

static const double PI = 3.14159265358979323846;

ts_turn ts_turn_of(int sign, int64_t part, int64_t length) {
    static const ts_turn quarters[4] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
    if (4 * part % length == 0) {
        ts_turn exact = quarters[4 * part / length];
        return (ts_turn){exact.cosine, sign * exact.sine};
    }
    double angle = sign * 2 * PI * (double)part / (double)length;
    return (ts_turn){cos(angle), sin(angle)};
}

int64_t ts_fft_factor(int64_t length) {
    int64_t factor = TS_FFT_WIDEST;
    while (length % factor)
        factor--;
    return factor;
}

/* Whether splitting leaves nothing wider than a matrix. */
static bool has_factors(int64_t length) {
    while (length > TS_FFT_WIDEST && ts_fft_factor(length) > 1)
        length /= ts_fft_factor(length);
    return length <= TS_FFT_WIDEST;
}

int64_t ts_chirp_room(int64_t length) {
    int64_t room = 2 * length - 1;
    while (!has_factors(room))
        room++;
    return room;
}

ts_turn *ts_chirp(ts_arena *arena, int sign, int64_t length) {
    ts_turn *chirp = TS_NEW_ARRAY(arena, ts_turn, (size_t)length);
    for (int64_t n = 0; n < length; n++)
        chirp[n] = ts_turn_of(sign, n * n % (2 * length), 2 * length);
    return chirp;
}

/* A transform on the host. */
typedef struct host_transform {
    const ts_turn *from;
    ts_turn *to;
    int64_t all;          /* elements of `from` */
    const ts_turn *turns; /* by part of `all` */
} host_transform;

static void add_product(ts_turn *sum, ts_turn a, ts_turn b) {
    sum->cosine += a.cosine * b.cosine - a.sine * b.sine;
    sum->sine += a.cosine * b.sine + a.sine * b.cosine;
}

/* Transforms the elements from `at` on that are `step` apart, into to[into, into + all / step): those of each
   remainder by the length's smallest factor first. */
static void transform(const host_transform *t, int64_t at, int64_t step, int64_t into) {
    int64_t count = t->all / step, factor = 2;
    ts_turn sums[TS_FFT_WIDEST], *to = t->to + into;
    if (count == 1) {
        *to = t->from[at];
        return;
    }
    while (count % factor)
        factor++;
    int64_t part = count / factor;
    for (int64_t r = 0; r < factor; r++)
        transform(t, at + r * step, factor * step, into + r * part);
    for (int64_t k = 0; k < part; k++) {
        for (int64_t q = 0; q < factor; q++) {
            sums[q] = (ts_turn){0, 0};
            for (int64_t r = 0; r < factor; r++)
                add_product(&sums[q], to[r * part + k], t->turns[r * (k + q * part) % count * step]);
        }
        for (int64_t q = 0; q < factor; q++)
            to[k + q * part] = sums[q];
    }
}

ts_turn *ts_chirp_kernel(ts_arena *arena, int sign, int64_t length, int64_t room) {
    ts_turn *turns = TS_NEW_ARRAY(arena, ts_turn, (size_t)room),
            *kernel = TS_NEW_ARRAY(arena, ts_turn, (size_t)room);
    ts_turn *spread = TS_NEW_ARRAY(arena, ts_turn, (size_t)room), *chirp = ts_chirp(arena, -sign, length);
    for (int64_t i = 0; i < room; i++)
        turns[i] = ts_turn_of(-1, i, room);
    for (int64_t n = 0; n < length; n++) {
        ts_turn by_room = {chirp[n].cosine / (double)room, chirp[n].sine / (double)room};
        spread[n] = spread[(room - n) % room] = by_room;
    }
    const host_transform t = {spread, kernel, room, turns};
    transform(&t, 0, 1, 0);
    return kernel;
}
