/* Transposes in C for any CPU, and the choice among the faster ones. */
#include <string.h>

#include "machine/turn.h"

/* Blocks of rows and columns that fit the cache. */
enum { BLOCK = 16 };

static inline const uint8_t *element(const ts_turn *t, int64_t part, int64_t elem) {
    return t->from + part * t->from_pitch + elem * t->from_size;
}

#define MOVE(type)                                                                                           \
    for (int64_t e = e0; e < e1; e++) {                                                                      \
        type *to = (type *)(void *)(t->to + e * t->to_pitch);                                                \
        for (int64_t p = p0; p < p1; p++)                                                                    \
            memcpy(&to[p], element(t, p, e), sizeof *to);                                                    \
    }

static void move_block(const ts_turn *t, int64_t p0, int64_t p1, int64_t e0, int64_t e1) {
    if (t->from_size == 4) {
        MOVE(uint32_t)
    } else if (t->from_size == 2) {
        MOVE(uint16_t)
    } else {
        MOVE(uint8_t)
    }
}

/* Returns whether any number is NaN or infinite. `size` is a constant at each call. */
static inline uint32_t multiply_block(const ts_turn *t, const int size, int64_t p0, int64_t p1, int64_t e0,
                                      int64_t e1) {
    uint32_t found = 0;
    for (int64_t e = e0; e < e1; e++) {
        float *to = (float *)(void *)(t->to + e * t->to_pitch);
        for (int64_t p = p0; p < p1; p++) {
            uint32_t bits;
            uint16_t half;
            float value;
            if (size == 2) {
                memcpy(&half, element(t, p, e), sizeof half);
                bits = (uint32_t)half << 16;
            } else {
                memcpy(&bits, element(t, p, e), sizeof bits);
            }
            memcpy(&value, &bits, sizeof value);
            to[p] = value + 0.0f;
            found |= (bits & 0x7f800000u) == 0x7f800000u;
        }
    }
    return found;
}

bool ts_turn_ref(const ts_turn *t) {
    uint32_t found = 0;
    for (int64_t p = 0; p < t->parts; p += BLOCK)
        for (int64_t e = 0; e < t->elems; e += BLOCK) {
            int64_t p1 = t->parts - p < BLOCK ? t->parts : p + BLOCK;
            int64_t e1 = t->elems - e < BLOCK ? t->elems : e + BLOCK;
            if (!t->is_product)
                move_block(t, p, p1, e, e1);
            else if (t->from_size == 2)
                found |= multiply_block(t, 2, p, p1, e, e1);
            else
                found |= multiply_block(t, 4, p, p1, e, e1);
        }
    return found == 0;
}

bool ts_turn_run(ts_isa isa, const ts_turn *turn) {
#ifdef __x86_64__
    if (isa >= ts_isa_avx512 && turn->from_size > 1) return ts_turn_avx512(turn);
    if (isa == ts_isa_avx2 && turn->from_size > 1) return ts_turn_avx2(turn);
#endif
    (void)isa;
    return ts_turn_ref(turn);
}
