/* TS_CLONES compiles a function for several x86-64 vector widths; the loader picks one for the CPU. All
   versions come from the same C and give the same bits. */
#ifndef TS_BASE_CLONES_H
#define TS_BASE_CLONES_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&     \
    !defined(__SANITIZE_THREAD__)
/* x86-64-v4 includes AVX-512's instructions on bytes and 16-bit words, without which loops over such elements
   become shuffles. GCC before 12 has no target_clones name for it. */
#if __GNUC__ >= 12
#define TS_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define TS_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#else
#define TS_CLONES
#endif

#endif
