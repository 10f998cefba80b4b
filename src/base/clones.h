/* Loops that are worth several versions for CPUs of different widths, chosen when the library is loaded: the
   same C, the same bits. */
#ifndef TS_BASE_CLONES_H
#define TS_BASE_CLONES_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&     \
    !defined(__SANITIZE_THREAD__)
/* AVX-512 with its instructions on bytes and halves of words: without these loops that narrow are made of
   shuffles. Older compilers have no name for it that target_clones takes. */
#if __GNUC__ >= 12
#define TS_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define TS_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#else
#define TS_CLONES
#endif

#endif
