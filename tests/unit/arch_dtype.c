/* Element types against rules written out plainly: every code of the 8- and 16-bit types, and the fp32
   values at and beside every rounding boundary. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/dtype.h"
#include "base/bits.h"

typedef struct format {
    ts_dtype dtype;
    int exponent, mantissa;
    bool has_inf;
} format;

static const format formats[] = {
    {ts_dtype_f8e4m3, 4, 3, true}, {ts_dtype_f8e5m2, 5, 2, true}, {ts_dtype_f8e4m3fn, 4, 3, false},
    {ts_dtype_f8e3m4, 3, 4, true}, {ts_dtype_f16, 5, 10, true},   {ts_dtype_bf16, 8, 7, true},
};
enum { FORMATS = sizeof formats / sizeof *formats };

static unsigned sign_bit(const format *f) {
    return 1u << (f->exponent + f->mantissa);
}

/* The value of a code without sign, by the definition of the format. */
static double value_of(const format *f, unsigned code) {
    unsigned fraction = code & ((1u << f->mantissa) - 1), exponent = code >> f->mantissa;
    unsigned top = (1u << f->exponent) - 1;
    int bias = (int)(top >> 1);
    if (exponent == top && f->has_inf) return fraction ? NAN : INFINITY;
    if (!f->has_inf && code == sign_bit(f) - 1) return NAN;
    if (exponent == 0) return ldexp(fraction, 1 - bias - f->mantissa);
    return ldexp((double)(fraction | 1u << f->mantissa), (int)exponent - bias - f->mantissa);
}

static float widen(const format *f, unsigned code) {
    uint8_t small = (uint8_t)code;
    uint16_t large = (uint16_t)code;
    float value = -1;
    ts_dtype_widen(f->dtype, f->mantissa + f->exponent == 7 ? (void *)&small : (void *)&large, &value, 1);
    return value;
}

static unsigned narrow(const format *f, float value) {
    uint8_t small = 0;
    uint16_t large = 0;
    bool is_byte = f->mantissa + f->exponent == 7;
    ts_dtype_narrow(f->dtype, &value, is_byte ? (void *)&small : (void *)&large, 1);
    return is_byte ? small : large;
}

static void test_every_code_widens(void **state) {
    (void)state;
    for (int i = 0; i < FORMATS; i++) {
        const format *f = &formats[i];
        for (unsigned code = 0; code < 2 * sign_bit(f); code++) {
            double want = value_of(f, code & (sign_bit(f) - 1));
            float got = widen(f, code);
            assert_int_equal(!!signbit(got), !!(code & sign_bit(f)));
            if (isnan(want))
                assert_true(isnan(got));
            else
                assert_true(fabsf(got) == want);
        }
    }
}

static void test_every_code_comes_back(void **state) {
    (void)state;
    for (int i = 0; i < FORMATS; i++)
        for (unsigned code = 0; code < 2 * sign_bit(&formats[i]); code++) {
            float value = widen(&formats[i], code);
            unsigned back = narrow(&formats[i], value);
            if (isnan(value))
                assert_true(isnan(widen(&formats[i], back)));
            else
                assert_int_equal(back, code);
        }
}

/* Between neighbours the midpoint goes to the even code, and the fp32 values beside it to their own side. */
static void test_rounds_to_nearest_even(void **state) {
    (void)state;
    for (int i = 0; i < FORMATS; i++) {
        const format *f = &formats[i];
        for (unsigned code = 0; isfinite(value_of(f, code + 1)); code++) {
            float middle = (float)((value_of(f, code) + value_of(f, code + 1)) / 2);
            unsigned even = code % 2 == 0 ? code : code + 1;
            assert_int_equal(narrow(f, middle), even);
            assert_int_equal(narrow(f, -middle), even | sign_bit(f));
            assert_int_equal(narrow(f, nextafterf(middle, 0)), code);
            assert_int_equal(narrow(f, nextafterf(middle, INFINITY)), code + 1);
        }
    }
}

/* Beyond the largest value by half a step or more: Inf where there is one, else NaN. */
static void test_overflow(void **state) {
    (void)state;
    for (int i = 0; i < FORMATS; i++) {
        const format *f = &formats[i];
        unsigned top = 0;
        while (isfinite(value_of(f, top + 1)))
            top++;
        double step = value_of(f, top) - value_of(f, top - 1);
        float middle = (float)(value_of(f, top) + step / 2), inside = nextafterf(middle, 0);
        assert_int_equal(narrow(f, inside), top);
        assert_int_equal(narrow(f, middle), top % 2 == 0 ? top : top + 1);
        assert_int_equal(narrow(f, nextafterf(middle, INFINITY)), top + 1);
        assert_int_equal(narrow(f, INFINITY), top + 1);
        assert_int_equal(narrow(f, -INFINITY), (top + 1) | sign_bit(f));
        if (f->dtype != ts_dtype_bf16) assert_int_equal(narrow(f, 3e38f), top + 1);
        assert_true(isnan(widen(f, narrow(f, NAN))));
    }
    assert_true(value_of(&formats[0], 0x77) == 240);
    assert_true(value_of(&formats[2], 0x7e) == 448);
}

static unsigned narrow_random(const format *f, float value, uint32_t random) {
    uint8_t small = 0;
    uint16_t large = 0;
    bool is_byte = f->mantissa + f->exponent == 7;
    ts_dtype_narrow_random(f->dtype, &value, &random, is_byte ? (void *)&small : (void *)&large, 1);
    return is_byte ? small : large;
}

/* Between neighbours the random word decides: the lowest words go up, as many as the share of the way (below
   the smallest normal number), or the highest ones (above it). Counted over 2^16 words spread evenly. */
static void test_random_rounding_is_fair(void **state) {
    (void)state;
    enum { WORDS = 1 << 16, CODES = 40 };
    const double shares[] = {0, 1.0 / 8, 0.5, 13.0 / 16, 1 - 1.0 / 1024};
    for (int i = 0; i < FORMATS; i++) {
        const format *f = &formats[i];
        unsigned last = f->has_inf ? (1u << f->mantissa) * ((1u << f->exponent) - 1) - 1 : sign_bit(f) - 2;
        for (unsigned code = 0; code < last; code += code < 20 ? 1 : last / CODES + 1)
            for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
                double low = value_of(f, code), high = value_of(f, code + 1);
                float value = (float)(low + shares[s] * (high - low));
                double share = ((double)value - low) / (high - low);
                int ups = 0;
                for (uint32_t w = 0; w < WORDS; w++) {
                    unsigned got = narrow_random(f, w & 1 ? value : -value, w << 16 | w);
                    got &= sign_bit(f) - 1;
                    assert_true(got == code || got == code + 1);
                    ups += got == code + 1;
                }
                assert_true(fabs(ups - share * WORDS) <= 1);
            }
    }
}

/* Values of the type stay whatever the word, specials as when rounding to nearest. */
static void test_random_rounding_keeps(void **state) {
    (void)state;
    const uint32_t words[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff};
    for (int i = 0; i < FORMATS; i++)
        for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
            const format *f = &formats[i];
            for (unsigned code = 0; code < 2 * sign_bit(f); code++) {
                float value = widen(f, code);
                assert_int_equal(narrow_random(f, value, words[w]), narrow(f, value));
            }
            assert_int_equal(narrow_random(f, INFINITY, words[w]), narrow(f, INFINITY));
            assert_int_equal(narrow_random(f, -INFINITY, words[w]), narrow(f, -INFINITY));
            assert_true(isnan(widen(f, narrow_random(f, NAN, words[w]))));
            if (f->dtype != ts_dtype_bf16) assert_int_equal(narrow_random(f, 0x1p-149f, words[0]), 0);
        }
}

/* Past the largest value the next one is infinity. */
static void test_random_overflow(void **state) {
    (void)state;
    for (int i = 0; i < FORMATS; i++) {
        const format *f = &formats[i];
        unsigned top = 0;
        while (isfinite(value_of(f, top + 1)))
            top++;
        float step = (float)(value_of(f, top) - value_of(f, top - 1)), most = (float)value_of(f, top);
        assert_int_equal(narrow_random(f, most + step / 4, 0), top);
        assert_int_equal(narrow_random(f, most + step / 4, 0xffffffff), top + 1);
        assert_int_equal(narrow_random(f, most + step / 4, 0xbfffffff), top);
        if (f->dtype != ts_dtype_bf16) assert_int_equal(narrow_random(f, most + step, 0), top + 1);
    }
}

static void test_tf32(void **state) {
    (void)state;
    const struct {
        uint32_t from, to;
    } rows[] = {{0x3f801000, 0x3f800000}, {0x3f801001, 0x3f802000}, {0x3f803000, 0x3f804000},
                {0xbf801fff, 0xbf802000}, {0x7f7fffff, 0x7f800000}, {0x7f800000, 0x7f800000},
                {0x7f800001, 0x7fc00000}, {0xffffffff, 0xffffe000}, {0x00001000, 0x00000000},
                {0x80003000, 0x80004000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t bits = 0;
        float value;
        memcpy(&value, &rows[i].from, 4);
        ts_dtype_narrow(ts_dtype_tf32, &value, &bits, 1);
        assert_int_equal(bits, rows[i].to);
        ts_dtype_widen(ts_dtype_tf32, &bits, &value, 1);
        assert_memory_equal(&value, &rows[i].to, 4);
    }
    const float third = 1.0f / 3;
    uint32_t down = 0, up = 0, word = 0;
    ts_dtype_narrow_random(ts_dtype_tf32, &third, &word, &down, 1);
    word = 0xffffffff;
    ts_dtype_narrow_random(ts_dtype_tf32, &third, &word, &up, 1);
    assert_int_equal(down, 0x3eaaa000);
    assert_int_equal(up, 0x3eaac000);
}

/* A NaN whose payload lies in the bits that are dropped must not become Inf. */
static void test_nan_payloads(void **state) {
    (void)state;
    const uint32_t patterns[] = {0x7f800001, 0x7f80ffff, 0x7fffffff, 0xff800001, 0xffffffff, 0x7fc00000};
    for (int i = 0; i < FORMATS; i++)
        for (size_t j = 0; j < sizeof patterns / sizeof *patterns; j++) {
            float value;
            memcpy(&value, &patterns[j], sizeof value);
            assert_true(isnan(widen(&formats[i], narrow(&formats[i], value))));
        }
}

static void test_tiny_values(void **state) {
    (void)state;
    for (int i = 0; i < FORMATS; i++) {
        if (formats[i].dtype == ts_dtype_bf16) continue;
        float smallest = (float)value_of(&formats[i], 1);
        assert_int_equal(narrow(&formats[i], smallest / 2), 0);
        assert_int_equal(narrow(&formats[i], nextafterf(smallest / 2, 1)), 1);
        assert_int_equal(narrow(&formats[i], 1e-44f), 0);
        assert_int_equal(narrow(&formats[i], -1e-44f), sign_bit(&formats[i]));
        assert_int_equal(narrow(&formats[i], -0.0f), sign_bit(&formats[i]));
    }
}

typedef struct range {
    ts_dtype dtype;
    double low, high;
} range;

static const range integers[] = {
    {ts_dtype_i4, -8, 7},
    {ts_dtype_u4, 0, 15},
    {ts_dtype_i8, -128, 127},
    {ts_dtype_u8, 0, 255},
    {ts_dtype_i16, -32768, 32767},
    {ts_dtype_u16, 0, 65535},
    {ts_dtype_i32, -0x1p31, 0x1p31 - 1},
    {ts_dtype_u32, 0, 0x1p32 - 1},
    {ts_dtype_i64, -0x1p63, 0x1p63},
    {ts_dtype_u64, 0, 0x1p64},
};

/* The stored integer as a double (64-bit limits round up there, as in the table). */
static double stored(ts_dtype dtype, float value) {
    int64_t bits = 0;
    ts_dtype_narrow(dtype, &value, &bits, 1);
    switch (dtype) {
    case ts_dtype_i4:
    case ts_dtype_i8: return (int8_t)bits;
    case ts_dtype_i16: return (int16_t)bits;
    case ts_dtype_i32: return (int32_t)bits;
    case ts_dtype_i64: return (double)bits;
    default: return (double)(uint64_t)bits;
    }
}

static void test_integers_truncate_and_saturate(void **state) {
    (void)state;
    const float values[] = {0,          -0.0f,    0.5f,      0.999f,   1,       -1,       1.5f,      -1.5f,
                            2.999f,     7.5f,     -8.5f,     100.7f,   127.9f,  128,      -128.9f,   -129,
                            255.5f,     256,      300,       32767.5f, 32768,   -32769,   65535.9f,  65536,
                            1e6f,       -1e6f,    0x1p31f,   -0x1p31f, 0x1p32f, 3e9f,     -3e9f,     0x1p62f,
                            -0x1p63f,   0x1p63f,  0x1p64f,   1e30f,    -1e30f,  INFINITY, -INFINITY, 1e-40f,
                            8388607.5f, 16777216, 2147483520};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        const range *row = &integers[i];
        for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
            double want = trunc(values[j]);
            want = want < row->low ? row->low : want > row->high ? row->high : want;
            assert_true(stored(row->dtype, values[j]) == want);
        }
        assert_true(stored(row->dtype, NAN) == 0);
    }
}

static void test_integers_widen(void **state) {
    (void)state;
    const int32_t words[] = {0, -1, 16777216, 16777217, 16777219, INT32_MAX, INT32_MIN};
    const float want[] = {0, -1, 0x1p24f, 0x1p24f, 16777220, 0x1p31f, -0x1p31f};
    float got[7];
    ts_dtype_widen(ts_dtype_i32, words, got, 7);
    for (int i = 0; i < 7; i++)
        assert_true(got[i] == want[i]);
    uint32_t top = UINT32_MAX;
    ts_dtype_widen(ts_dtype_u32, &top, got, 1);
    assert_true(got[0] == 0x1p32f);
    for (int code = 0; code < 256; code++) {
        uint8_t byte = (uint8_t)code;
        ts_dtype_widen(ts_dtype_i8, &byte, got, 1);
        assert_true(got[0] == (float)(int8_t)code);
        ts_dtype_widen(ts_dtype_i4, &byte, got, 1);
        assert_true(got[0] == (float)((code & 15) < 8 ? code & 15 : (code & 15) - 16));
        ts_dtype_widen(ts_dtype_u4, &byte, got, 1);
        assert_true(got[0] == (float)(code & 15));
        ts_dtype_widen(ts_dtype_i1, &byte, got, 1);
        assert_true(got[0] == (code != 0));
    }
}

static void test_predicates(void **state) {
    (void)state;
    const float values[] = {0, -0.0f, 1, -1, 0.25f, NAN, INFINITY, 1e-45f};
    uint8_t got[8];
    ts_dtype_narrow(ts_dtype_i1, values, got, 8);
    const uint8_t want[] = {0, 0, 1, 1, 1, 1, 1, 1};
    assert_memory_equal(got, want, 8);
}

/* Long arrays take the vector loops and their tails: every length gives what single elements give. */
static void test_array_lengths(void **state) {
    (void)state;
    enum { MOST = 70 };
    float values[MOST], back[MOST + 1], one;
    uint8_t bytes[8 * (MOST + 1)], single[8];
    for (int i = 0; i < MOST; i++)
        values[i] = ldexpf((float)(i * 2654435761u % 4096) - 2048, i % 40 - 25);
    for (int d = 1; d < ts_dtype_count; d++) {
        if (ts_dtype_get((ts_dtype)d)->kind == 'c') continue;
        size_t size = (size_t)ts_dtype_get((ts_dtype)d)->bytes;
        for (size_t count = 0; count <= MOST; count++) {
            memset(bytes, 0xa5, sizeof bytes);
            ts_dtype_narrow((ts_dtype)d, values, bytes, count);
            assert_int_equal(bytes[count * size], 0xa5);
            back[count] = 1234;
            ts_dtype_widen((ts_dtype)d, bytes, back, count);
            assert_true(back[count] == 1234);
            for (size_t i = 0; i < count; i++) {
                ts_dtype_narrow((ts_dtype)d, &values[i], single, 1);
                assert_memory_equal(single, bytes + i * size, size);
                ts_dtype_widen((ts_dtype)d, single, &one, 1);
                assert_memory_equal(&one, &back[i], sizeof one);
            }
        }
    }
}

static void test_table(void **state) {
    (void)state;
    for (int i = 1; i < ts_dtype_count; i++) {
        const ts_dtype_info *info = ts_dtype_get((ts_dtype)i);
        assert_int_equal(ts_dtype_parse(info->name, strlen(info->name)), i);
        assert_true(info->bytes >= 1 && info->bytes <= 16 && *info->npy && *info->source);
    }
    assert_int_equal(ts_dtype_parse("f32", 2), ts_dtype_none);
    assert_int_equal(ts_dtype_parse("f8e4m3fnuz", 10), ts_dtype_none);
    assert_string_equal(ts_dtype_get((ts_dtype)99)->name, "none");
    assert_string_equal(ts_dtype_get((ts_dtype)-1)->name, "none");
    assert_int_equal(ts_dtype_get(ts_dtype_bf16)->bytes, 2);
    assert_false(ts_dtype_get(ts_dtype_f8e4m3fn)->native);
}

/* Numbers of every exponent, subnormal ones and NaN among them, in arrays that end anywhere. */
static void test_bf16_rounds_alike(void **state) {
    (void)state;
    enum { MOST = 300 };
    float from[MOST];
    uint16_t got[MOST];
    uint64_t seed = 5;
    for (int round = 0; round < 4000; round++) {
        const size_t count = (size_t)(round % MOST);
        for (size_t i = 0; i < count; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint32_t bits = (uint32_t)(seed >> 32);
            if (round % 3 == 0) bits &= 0x807fffff; /* zeros and subnormal numbers */
            if (round % 7 == 1) bits |= 0x7f800000; /* infinities and NaN */
            from[i] = ts_bits_float(bits);
        }
        ts_dtype_narrow(ts_dtype_bf16, from, got, count);
        for (size_t i = 0; i < count; i++)
            if (got[i] != ts_float_bf16(from[i]))
                fail_msg("%08x: %04x, not %04x", ts_float_bits(from[i]), got[i], ts_float_bf16(from[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bf16_rounds_alike),
        cmocka_unit_test(test_every_code_widens),
        cmocka_unit_test(test_every_code_comes_back),
        cmocka_unit_test(test_rounds_to_nearest_even),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_nan_payloads),
        cmocka_unit_test(test_random_rounding_is_fair),
        cmocka_unit_test(test_random_rounding_keeps),
        cmocka_unit_test(test_random_overflow),
        cmocka_unit_test(test_tf32),
        cmocka_unit_test(test_tiny_values),
        cmocka_unit_test(test_integers_widen),
        cmocka_unit_test(test_integers_truncate_and_saturate),
        cmocka_unit_test(test_predicates),
        cmocka_unit_test(test_array_lengths),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
