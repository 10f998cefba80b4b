/* Exact reduction of angles: the routine behind gpsimd_fold_angle, in double precision where that is exact
   enough and by the bits of 1/pi (Payne and Hanek) beyond. */
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "machine/engine.h"

/* For angles below this n * PI_1 and n * PI_2 are exact in double: both constants have 33 bits, and n, a
   multiple of 1/2, takes 20. */
#define NEAR_LIMIT 0x1p20f

static const double PI_1 = 0x1.921fb544p+1, PI_2 = 0x1.0b4611a6p-33, PI_3 = 0x1.3198a2e037073p-68;

static inline double round_near(double x) {
    const double magic = 0x1.8p52;
    return (x + magic) - magic;
}

/* -1 when n is odd, else 1. */
static inline double sign_of(double n) {
    return 1 - 2 * fabs(n - 2 * round_near(n * 0.5));
}

static inline float fold_near(float x, double turns) {
    const double n = round_near((double)x * 0x1.45f306dc9c883p-2 + turns), k = n - turns;
    const double r = (((double)x - k * PI_1) - k * PI_2) - k * PI_3;
    const float folded = (float)(sign_of(n) * r);
    return x == 0 && turns == 0 ? x : folded;
}

/* The first 256 fraction bits of 1/pi. */
static const uint32_t INVERSE_PI[] = {0x517cc1b7, 0x27220a94, 0xfe13abe8, 0xfa9a6ee0,
                                      0x6db14acc, 0x9e21c820, 0xff28b1d5, 0xef5de2b0};

/* |x| = m * 2^e with e >= -4. In units of 2^-127, x / pi modulo 2 is m times the bits of 2^e / pi from weight
   1 down, modulo 2^128. The bits that are cut off add less than 2^-103, and no fp32 number lies nearer than
   2^-31 to a multiple of pi/2. */
static float fold_far(float x, unsigned quarters) {
    const uint32_t bits = ts_float_bits(x);
    const uint64_t m = (bits & 0x7fffff) | 0x800000;
    const int e = (int)(bits >> 23 & 0xff) - 150;
    unsigned __int128 window = 0;
    /* Bit i of 2^e / pi after weight 1 is bit e + i - 1 of 1/pi, counted from 0 after the point. */
    for (int i = 0; i < 128; i++) {
        const int at = e + i - 1;
        const uint32_t bit = at < 0 || at >= 256 ? 0 : INVERSE_PI[at / 32] >> (31 - at % 32) & 1;
        window |= (unsigned __int128)bit << (127 - i);
    }
    const unsigned __int128 half = (unsigned __int128)1 << 126;
    unsigned __int128 turns = window * m;
    if (bits >> 31) turns = 0 - turns;
    turns += half * quarters;
    /* The nearest integer n is even when `turns` lies in [-1/2, 1/2). */
    const bool is_odd = (turns + half) >> 127;
    if (is_odd) turns += half * 2;
    const double fraction = (double)(__int128)turns * 0x1p-127 * 0x1.921fb54442d18p+1;
    return (float)(is_odd ? -fraction : fraction);
}

TS_CLONES
static void fold_all_near(const float *in, float *out, int64_t n, double turns) {
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) out[i] = fold_near(in[i], turns);
}

static void fold_angles(const float *in, float *out, int64_t n, unsigned quarters) {
    _Alignas(64) float kept[TS_CHUNK];
    bool is_near = true;
    for (int64_t i = 0; i < n; i++)
        is_near &= fabsf(in[i]) < NEAR_LIMIT;
    if (!is_near) memcpy(kept, in, (size_t)n * sizeof *kept);
    fold_all_near(in, out, n, 0.5 * quarters);
    for (int64_t i = 0; !is_near && i < n; i++)
        if (!(fabsf(kept[i]) < NEAR_LIMIT)) out[i] = isfinite(kept[i]) ? fold_far(kept[i], quarters) : NAN;
}

typedef struct fold {
    ts_rows dst, data;
    ts_chunks chunks;
    unsigned quarters;
} fold;

static void fold_rows(void *context, int64_t first, int64_t last) {
    const fold *f = context;
    _Alignas(64) float in[TS_CHUNK], out[TS_CHUNK];
    ts_chunk at = ts_chunk_at(&f->chunks, first);
    for (int64_t left = last - first; left > 0; left--, ts_chunk_next(&f->chunks, &at)) {
        const int64_t part = at.part, from = at.from, n = at.n;
        const float *values = ts_rows_read(&f->data, part, from, n, in);
        float *target = ts_rows_target(&f->dst, part, from, n, out);
        fold_angles(values, target, n, f->quarters);
        ts_rows_write(&f->dst, part, from, n, target);
    }
}

ts_status ts_exec_gpsimd_fold_angle(ts_exec *exec, const ts_inst *head) {
    const ts_inst_gpsimd_fold_angle *inst = (const ts_inst_gpsimd_fold_angle *)head;
    ts_operand_set set = {.exec = exec};
    fold f = {.quarters = inst->quarters & 3};
    ts_rows_whole(&set, &inst->dst, &f.dst);
    ts_rows_source(&set, &inst->data, &f.dst, true, &f.data);
    if (!ts_operands_known(&set)) return ts_ok;
    f.chunks = ts_chunks_of(&f.dst);
    double unit_ns = 3 * (double)(f.chunks.per_row > 1 ? f.chunks.size : f.dst.elems);
    ts_work_local(&set, &(ts_work){fold_rows, f.dst.parts, f.chunks.per_row, unit_ns, &f, sizeof f});
    return ts_ok;
}
