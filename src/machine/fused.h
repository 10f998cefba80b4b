/* Fused multiply-adds for loops over floats that are compiled for each level of the host's CPU. The bits are
   the same at every level, whether the CPU has the instruction or double precision stands in for it. Private
   to src/machine. */
#ifndef TS_MACHINE_FUSED_H
#define TS_MACHINE_FUSED_H

#include "base/bits.h"
#include "base/host.h"
#include "machine/vector.h"

/* A loop NAME is compiled as NAME_512, NAME_256 and NAME_plain, the first two with the attributes below;
   TS_AT picks one. TS_FUSES_* tells ts_fused whether that version has the instruction. */
#if defined(__x86_64__) && defined(__GNUC__)
#define TS_TARGET_512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,prfchw")))
#define TS_TARGET_256 __attribute__((target("avx2,fma")))
#else
#define TS_TARGET_512
#define TS_TARGET_256
#endif
#if defined(__FP_FAST_FMAF) || defined(__ARM_FEATURE_FMA)
enum { TS_FUSES_512 = 1, TS_FUSES_256 = 1, TS_FUSES_plain = 1 };
#else
enum { TS_FUSES_512 = 1, TS_FUSES_256 = 1, TS_FUSES_plain = 0 };
#endif
#define TS_AT(isa, name)                                                                                     \
    ((isa) >= ts_isa_avx512 ? name##_512 : (isa) >= ts_isa_avx2 ? name##_256 : name##_plain)

/* Without the instruction: the product is exact in a double, and the sum is rounded to odd, that is
   truncated, with the last bit set if anything was lost. A double has enough bits for the second rounding, to
   a float, to see on which side of a tie the exact sum lies (Boldo and Melquiond, Emulation of a FMA and
   correctly rounded sums, IEEE TC 57-4, 2008). */
TS_INLINE float ts_fused_plain(float a, float b, float c) {
    const double product = (double)a * (double)b, other = (double)c, s = product + other, t = s - product;
    const double lost = (product - (s - t)) + (other - t); /* exact; NaN where s is not finite */
    const uint64_t is_over = (ts_double_bits(lost) ^ ts_double_bits(s)) >> 63; /* further from 0 than exact */
    const double odd = ts_bits_double((ts_double_bits(s) - is_over) | 1);
    return (float)(lost < 0 || lost > 0 ? odd : s);
}

/* a * b + c, rounded once. */
TS_INLINE float ts_fused(int fuses, float a, float b, float c) {
    return fuses ? __builtin_fmaf(a, b, c) : ts_fused_plain(a, b, c);
}

#endif
