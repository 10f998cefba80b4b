/* Random words for stochastic rounding: Threefry-2x32 with 20 rounds (Salmon et al., Parallel random numbers:
   as easy as 1, 2, 3, SC 2011), with a counter per element and a key from seed, run, instruction and operand,
   so that the words depend neither on threads nor on the order in which elements are computed. The chip's own
   generator is not published. */
#include "machine/engine.h"

static inline uint32_t turn(uint32_t x, int by) {
    return x << by | x >> (32 - by);
}

static inline void mix(uint32_t *x0, uint32_t *x1, int by) {
    *x0 += *x1;
    *x1 = turn(*x1, by) ^ *x0;
}

static inline void threefry(const uint32_t *key, uint32_t *x0, uint32_t *x1) {
    const uint32_t ks[3] = {key[0], key[1], key[0] ^ key[1] ^ 0x1bd11bda};
    uint32_t a = *x0 + ks[0], b = *x1 + ks[1];
#define GROUP(r0, r1, r2, r3, number)                                                                        \
    mix(&a, &b, r0);                                                                                         \
    mix(&a, &b, r1);                                                                                         \
    mix(&a, &b, r2);                                                                                         \
    mix(&a, &b, r3);                                                                                         \
    a += ks[(number) % 3];                                                                                   \
    b += ks[((number) + 1) % 3] + (number);
    GROUP(13, 15, 26, 6, 1)
    GROUP(17, 29, 16, 24, 2)
    GROUP(13, 15, 26, 6, 3)
    GROUP(17, 29, 16, 24, 4)
    GROUP(13, 15, 26, 6, 5)
#undef GROUP
    *x0 = a;
    *x1 = b;
}

void ts_random_key(const uint32_t key[2], uint32_t low, uint32_t high, uint32_t result[2]) {
    result[0] = low;
    result[1] = high;
    threefry(key, &result[0], &result[1]);
}

/* Fills `words` with blocks of two words each. */
TS_CLONES
static void fill_blocks(const uint32_t *key, uint32_t row, uint32_t first, int64_t blocks, uint32_t *words) {
    const uint32_t own[2] = {key[0], key[1]};
    _Pragma("omp simd") for (int64_t i = 0; i < blocks; i++) {
        uint32_t a = row, b = first + (uint32_t)i;
        threefry(own, &a, &b);
        words[2 * i] = a;
        words[2 * i + 1] = b;
    }
}

const uint32_t *ts_random_row(const uint32_t key[2], int64_t row, int64_t from, int64_t n, uint32_t *words) {
    int64_t odd = from & 1;
    fill_blocks(key, (uint32_t)row, (uint32_t)(from >> 1), (n + odd + 1) / 2, words);
    return words + odd;
}

TS_CLONES
void ts_random_places(const uint32_t key[2], uint32_t dst, uint32_t dst_step, uint32_t src, uint32_t src_step,
                      int64_t n, uint32_t *words) {
    const uint32_t own[2] = {key[0], key[1]};
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        uint32_t a = dst + (uint32_t)i * dst_step, b = src + (uint32_t)i * src_step;
        threefry(own, &a, &b);
        words[i] = a;
    }
}
