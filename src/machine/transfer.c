/* Strided copies: the common cut of two patterns, a fast order of its dimensions, and the loops that move
   elements. */
#include "machine/transfer.h"

#include "base/copy.h"
#include "machine/turn.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

int64_t ts_pattern_elems(const ts_pattern *pattern) {
    int64_t elems = 1;
    for (int i = 0; i < pattern->dims; i++)
        elems *= pattern->count[i];
    return elems;
}

void ts_pattern_range(const ts_pattern *pattern, int dim, int64_t *low, int64_t *high) {
    *low = 0;
    *high = pattern->size;
    for (int i = dim; i < pattern->dims; i++)
        *(pattern->step[i] < 0 ? low : high) += pattern->step[i] * (pattern->count[i] - 1);
}

static int64_t magnitude(int64_t value) {
    return value < 0 ? -value : value;
}

bool ts_pattern_is_disjoint(const ts_pattern *pattern) {
    bool is_used[TS_PATTERN_DIMS] = {0};
    int64_t span = pattern->size;
    for (int n = 0; n < pattern->dims; n++) {
        int smallest = -1;
        for (int i = 0; i < pattern->dims; i++)
            if (!is_used[i] &&
                (smallest < 0 || magnitude(pattern->step[i]) < magnitude(pattern->step[smallest])))
                smallest = i;
        is_used[smallest] = true;
        if (pattern->count[smallest] == 1) continue;
        if (magnitude(pattern->step[smallest]) < span) return false;
        span += magnitude(pattern->step[smallest]) * (pattern->count[smallest] - 1);
    }
    return true;
}

/* ---- the common cut ---- */

/* Fills the pair from the innermost dimension outwards; the caller reverses the order. */
static bool cut(const ts_pattern *dst, const ts_pattern *src, ts_pair *pair) {
    int i = dst->dims - 1, j = src->dims - 1;
    int64_t left_i = i >= 0 ? dst->count[i] : 1, left_j = j >= 0 ? src->count[j] : 1;
    int64_t step_i = i >= 0 ? dst->step[i] : 0, step_j = j >= 0 ? src->step[j] : 0;
    pair->dims = 0;
    while (i >= 0 || j >= 0) {
        if (i >= 0 && left_i == 1) {
            i--;
            left_i = i >= 0 ? dst->count[i] : 1;
            step_i = i >= 0 ? dst->step[i] : 0;
            continue;
        }
        if (j >= 0 && left_j == 1) {
            j--;
            left_j = j >= 0 ? src->count[j] : 1;
            step_j = j >= 0 ? src->step[j] : 0;
            continue;
        }
        int64_t n = left_i < left_j ? left_i : left_j;
        if (n <= 1 || left_i % n != 0 || left_j % n != 0) return false;
        pair->dst_step[pair->dims] = step_i;
        pair->src_step[pair->dims] = step_j;
        pair->count[pair->dims++] = n;
        left_i /= n;
        left_j /= n;
        step_i *= n;
        step_j *= n;
    }
    return true;
}

static void swap_dims(ts_pair *pair, int i, int j) {
    int64_t dst = pair->dst_step[i], src = pair->src_step[i], count = pair->count[i];
    pair->dst_step[i] = pair->dst_step[j];
    pair->src_step[i] = pair->src_step[j];
    pair->count[i] = pair->count[j];
    pair->dst_step[j] = dst;
    pair->src_step[j] = src;
    pair->count[j] = count;
}

bool ts_pair_make(const ts_pattern *dst, const ts_pattern *src, ts_pair *pair) {
    *pair = (ts_pair){.dst = dst->base,
                      .src = src->base,
                      .dst_dtype = dst->dtype,
                      .src_dtype = src->dtype,
                      .dst_size = dst->size,
                      .src_size = src->size,
                      .dst_origin = dst->base,
                      .src_origin = src->base};
    if (!cut(dst, src, pair)) return false;
    for (int i = 0; i < pair->dims / 2; i++)
        swap_dims(pair, i, pair->dims - 1 - i);
    return true;
}

bool ts_pair_lying(const ts_pair *pair, int dim, ts_lying *lying) {
    *lying = (ts_lying){.data = pair->src, .pitch = dim < 0 ? 0 : pair->src_step[dim], .run = pair->dst_size};
    for (int i = pair->dims; i-- > 0;) {
        if (i == dim) continue;
        if (lying->step != 0 || pair->dst_step[i] != lying->run) return false;
        if (pair->src_step[i] == lying->run)
            lying->run *= pair->count[i];
        else
            lying->step = pair->src_step[i];
    }
    return true;
}

ts_pair ts_pair_inner(const ts_pair *pair, int dims) {
    ts_pair inner = *pair;
    inner.dims = pair->dims - dims;
    for (int i = 0; i < inner.dims; i++) {
        inner.dst_step[i] = pair->dst_step[i + dims];
        inner.src_step[i] = pair->src_step[i + dims];
        inner.count[i] = pair->count[i + dims];
    }
    return inner;
}

/* Joins neighbouring dimensions that address like one on both sides. */
static void join(ts_pair *pair) {
    int kept = 0;
    for (int i = 0; i < pair->dims; i++) {
        int64_t count = pair->count[i];
        if (kept > 0 && pair->dst_step[kept - 1] == pair->dst_step[i] * count &&
            pair->src_step[kept - 1] == pair->src_step[i] * count) {
            pair->dst_step[kept - 1] = pair->dst_step[i];
            pair->src_step[kept - 1] = pair->src_step[i];
            pair->count[kept - 1] *= count;
            continue;
        }
        pair->dst_step[kept] = pair->dst_step[i];
        pair->src_step[kept] = pair->src_step[i];
        pair->count[kept++] = count;
    }
    pair->dims = kept;
}

/* Puts the dimension along which dst is adjacent innermost, and before it the one along which src is: a
   memcpy if they are the same, otherwise the blocked transpose of `plane`. */
void ts_pair_arrange(ts_pair *pair) {
    join(pair);
    int src = -1, dst = -1;
    for (int i = 0; i < pair->dims; i++) {
        if (pair->src_step[i] == pair->src_size) src = i;
        if (pair->dst_step[i] == pair->dst_size) dst = i;
    }
    if (dst < 0) return;
    swap_dims(pair, dst, pair->dims - 1);
    if (src < 0 || src == dst) return;
    if (src == pair->dims - 1) src = dst;
    swap_dims(pair, src, pair->dims - 2);
}

/* ---- moving ---- */

#define STRIDED(bytes)                                                                                       \
    case bytes:                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                                      \
            memcpy(dst + i * dst_step, src + i * src_step, bytes);                                           \
        break;

/* Copies with stores that do not read cache lines first. */
#ifdef __SSE2__
/* The lines of 64 bytes that begin at dst, a multiple of 64. */
static void stream_lines(uint8_t *dst, const uint8_t *src, int64_t bytes) {
    for (int64_t at = 0; at < bytes; at += 16)
        _mm_stream_si128((__m128i *)(dst + at), _mm_loadu_si128((const __m128i *)(src + at)));
}

/* The same in halves of a line, a quarter faster on Zen 4 than quarters; whole lines are no faster. */
__attribute__((target("avx"))) static void stream_lines_avx(uint8_t *dst, const uint8_t *src, int64_t bytes) {
    for (int64_t at = 0; at < bytes; at += 32)
        _mm256_stream_si256((__m256i *)(dst + at), _mm256_loadu_si256((const __m256i *)(src + at)));
}

static void copy_past_caches(ts_isa isa, uint8_t *dst, const uint8_t *src, int64_t bytes) {
    int64_t head = -(int64_t)(uintptr_t)dst & 63;
    if (head > bytes) head = bytes;
    const int64_t lines = (bytes - head) & ~INT64_C(63);
    memcpy(dst, src, (size_t)head);
    (isa >= ts_isa_avx2 ? stream_lines_avx : stream_lines)(dst + head, src + head, lines);
    head += lines;
    memcpy(dst + head, src + head, (size_t)(bytes - head));
}
#else
static void copy_past_caches(ts_isa isa, uint8_t *dst, const uint8_t *src, int64_t bytes) {
    (void)isa;
    ts_copy(dst, src, (size_t)bytes);
}
#endif

/* Makes what was stored past the caches visible to other threads. */
static void finish_streaming(void) {
#ifdef __SSE2__
    _mm_sfence();
#endif
}

static void copy_run(uint8_t *dst, int64_t dst_step, const uint8_t *src, int64_t src_step, int64_t n,
                     int size) {
    if (dst_step == size && src_step == size) {
        const int64_t bytes = n * size, distance = dst - src;
        if (distance >= bytes || distance <= -bytes)
            ts_copy(dst, src, (size_t)bytes);
        else
            memmove(dst, src, (size_t)bytes);
        return;
    }
    switch (size) {
        STRIDED(1)
        STRIDED(2)
        STRIDED(4)
        STRIDED(8)
        STRIDED(16)
    default: break;
    }
}

static void narrow(const ts_pair *pair, const uint8_t *dst, int64_t dst_step, const uint8_t *src,
                   int64_t src_step, const float *values, void *raw, int64_t n) {
    _Alignas(64) uint32_t words[TS_CHUNK];
    if (!pair->is_stochastic) {
        ts_dtype_narrow(pair->dst_dtype, values, raw, (size_t)n);
        return;
    }
    ts_random_places(pair->key, (uint32_t)(dst - pair->dst_origin), (uint32_t)dst_step,
                     (uint32_t)(src - pair->src_origin), (uint32_t)src_step, n, words);
    ts_dtype_narrow_random(pair->dst_dtype, values, words, raw, (size_t)n);
}

/* Moves a run with casts, or additions in fp32, through buffers of one chunk. */
static void convert_run(const ts_pair *pair, uint8_t *dst, int64_t dst_step, const uint8_t *src,
                        int64_t src_step, int64_t n) {
    _Alignas(64) uint32_t raw[TS_CHUNK];
    _Alignas(64) float values[TS_CHUNK], old[TS_CHUNK];
    /* Additions to one place must follow each other. */
    int64_t limit = pair->is_added && dst_step == 0 ? 1 : TS_CHUNK;
    for (int64_t m; n > 0; n -= m, dst += m * dst_step, src += m * src_step) {
        m = n < limit ? n : limit;
        copy_run((uint8_t *)raw, pair->src_size, src, src_step, m, pair->src_size);
        ts_dtype_widen(pair->src_dtype, raw, values, (size_t)m);
        if (pair->is_added) {
            copy_run((uint8_t *)raw, pair->dst_size, dst, dst_step, m, pair->dst_size);
            ts_dtype_widen(pair->dst_dtype, raw, old, (size_t)m);
            ts_alu_floats(ts_alu_add, old, values, values, m);
        }
        narrow(pair, dst, dst_step, src, src_step, values, raw, m);
        if (pair->casts) ts_casts_note(pair->casts, pair->dst_dtype, values, raw, m);
        copy_run(dst, dst_step, (uint8_t *)raw, pair->dst_size, m, pair->dst_size);
    }
}

static bool is_copy(const ts_pair *pair) {
    return pair->dst_dtype == pair->src_dtype && !pair->is_added;
}

static void run(const ts_pair *pair, uint8_t *dst, const uint8_t *src, int64_t n) {
    int64_t dst_step = pair->dst_step[pair->dims - 1], src_step = pair->src_step[pair->dims - 1];
    if (is_copy(pair) && pair->is_streaming && dst_step == pair->dst_size && src_step == pair->dst_size)
        copy_past_caches(pair->isa, dst, src, n * pair->dst_size);
    else if (is_copy(pair))
        copy_run(dst, dst_step, src, src_step, n, pair->dst_size);
    else
        convert_run(pair, dst, dst_step, src, src_step, n);
}

#define PLANE(bytes)                                                                                         \
    case bytes:                                                                                              \
        for (int64_t o = o0; o < o1; o++)                                                                    \
            for (int64_t i = i0; i < i1; i++)                                                                \
                memcpy(dst + o * dst_step + i * bytes, src + o * bytes + i * src_step, bytes);               \
        break;

/* Moves a plane in squares that fit the cache: dst is adjacent along the inner dimension, src along the outer
   one. */
static void plane(const ts_pair *pair, uint8_t *dst, const uint8_t *src, int64_t outer) {
    enum { BLOCK = 16, WORTH_TURNING = 8 };
    int64_t dst_step = pair->dst_step[pair->dims - 2], src_step = pair->src_step[pair->dims - 1];
    int64_t inner = pair->count[pair->dims - 1];
    if (pair->dst_size <= 4 && inner >= WORTH_TURNING && outer >= WORTH_TURNING) {
        ts_turn turn = {.from = src,
                        .to = dst,
                        .from_pitch = src_step,
                        .to_pitch = dst_step,
                        .parts = inner,
                        .elems = outer,
                        .from_size = pair->dst_size};
        ts_turn_run(pair->isa, &turn);
        return;
    }
    for (int64_t o0 = 0; o0 < outer; o0 += BLOCK)
        for (int64_t i0 = 0; i0 < inner; i0 += BLOCK) {
            int64_t o1 = o0 + BLOCK < outer ? o0 + BLOCK : outer,
                    i1 = i0 + BLOCK < inner ? i0 + BLOCK : inner;
            switch (pair->dst_size) {
                PLANE(1)
                PLANE(2)
                PLANE(4)
                PLANE(8)
                PLANE(16)
            default: break;
            }
        }
}

static bool is_plane(const ts_pair *pair) {
    int inner = pair->dims - 1;
    return is_copy(pair) && inner > 0 && pair->dst_step[inner] == pair->dst_size &&
           pair->src_step[inner] != pair->src_size && pair->src_step[inner - 1] == pair->src_size;
}

enum { SHORT_RUN = 512, FAR_RUN = 8192 }; /* bytes */

/* Whether the pair consists of runs that are adjacent on both sides and faster several at a time, because
   they are short or lie far away. */
static bool is_of_runs(const ts_pair *pair) {
    int inner = pair->dims - 1;
    return is_copy(pair) && !pair->is_streaming && inner > 0 && pair->dst_step[inner] == pair->dst_size &&
           pair->src_step[inner] == pair->dst_size &&
           pair->count[inner] * pair->dst_size <= (pair->is_far ? FAR_RUN : SHORT_RUN);
}

/* Where the lowest of `count` runs begins. */
static const uint8_t *lowest(const uint8_t *at, int64_t step, int64_t count) {
    return step < 0 ? at + (count - 1) * step : at;
}

static void move_runs(const ts_pair *pair, uint8_t *dst, const uint8_t *src, int64_t count) {
    int64_t dst_step = pair->dst_step[pair->dims - 2], src_step = pair->src_step[pair->dims - 2];
    int64_t bytes = pair->count[pair->dims - 1] * pair->dst_size;
    const uint8_t *low = lowest(dst, dst_step, count), *from = lowest(src, src_step, count);
    if (low >= from + (count - 1) * magnitude(src_step) + bytes ||
        from >= low + (count - 1) * magnitude(dst_step) + bytes) {
        if (bytes > SHORT_RUN)
            ts_copy_abreast(dst, dst_step, src, src_step, count, (size_t)bytes);
        else
            ts_copy_runs(dst, dst_step, src, src_step, count, bytes);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        memmove(dst + i * dst_step, src + i * src_step, (size_t)bytes);
}

void ts_pair_move_one(const ts_pair *pair, uint8_t *dst, const uint8_t *src) {
    if (is_copy(pair))
        memcpy(dst, src, pair->dst_size);
    else
        convert_run(pair, dst, pair->dst_size, src, pair->src_size, 1);
}

void ts_pair_move(const ts_pair *pair, int64_t first, int64_t last) {
    uint8_t *dst = pair->dst;
    const uint8_t *src = pair->src;
    if (pair->dims == 0) {
        if (first < last) ts_pair_move_one(pair, dst, src);
        return;
    }
    const bool is_turned = is_plane(pair), is_in_runs = is_of_runs(pair);
    /* Dimensions before number `loops` are walked here, the others by the function called. */
    int loops = pair->dims - (is_turned || is_in_runs ? 2 : 1);
    dst += first * pair->dst_step[0];
    src += first * pair->src_step[0];
    int64_t index[TS_PAIR_DIMS] = {0};
    index[0] = first;
    for (;;) {
        int64_t n = loops == 0 ? last - first : pair->count[loops];
        if (is_turned)
            plane(pair, dst, src, n);
        else if (is_in_runs)
            move_runs(pair, dst, src, n);
        else
            run(pair, dst, src, n);
        int i = loops - 1;
        for (; i >= 0; i--) {
            dst += pair->dst_step[i];
            src += pair->src_step[i];
            if (++index[i] < (i == 0 ? last : pair->count[i])) break;
            int64_t back = index[i] - (i == 0 ? first : 0);
            dst -= back * pair->dst_step[i];
            src -= back * pair->src_step[i];
            index[i] = i == 0 ? first : 0;
        }
        if (i < 0) break;
    }
    if (pair->is_streaming) finish_streaming();
}
